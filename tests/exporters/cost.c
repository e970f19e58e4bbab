#include "cost.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local uint64_t steps;

uint64_t cost_now(void) { return steps; }

/* gcc and clang call it in each block. The linker gives it this name, since libFuzzer has one of its own. */
void __wrap___sanitizer_cov_trace_pc(void);
void __wrap___sanitizer_cov_trace_pc(void) { steps++; }

static void count(size_t bytes) { steps += 1 + bytes / 8; }

/* ---- functions of libc ---- */

#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

WRAP(size_t, strlen, const char *text)
{
    size_t n = __real_strlen(text);
    count(n);
    return n;
}

WRAP(int, strcmp, const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && a[i] == b[i]) i++;
    count(i);
    return __real_strcmp(a, b);
}

WRAP(int, strncmp, const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] && a[i] == b[i]) i++;
    count(i);
    return __real_strncmp(a, b, n);
}

WRAP(int, memcmp, const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    size_t i = 0;
    while (i < n && x[i] == y[i]) i++;
    count(i);
    return __real_memcmp(a, b, n);
}

WRAP(void *, memchr, const void *bytes, int c, size_t n)
{
    const unsigned char *at = __real_memchr(bytes, c, n);
    count(at ? (size_t)(at - (const unsigned char *)bytes) : n);
    return (void *)at;
}

WRAP(size_t, strcspn, const char *text, const char *any)
{
    size_t n = __real_strcspn(text, any);
    count(n);
    return n;
}

WRAP(void *, memcpy, void *to, const void *from, size_t n)
{
    count(n);
    return __real_memcpy(to, from, n);
}

WRAP(void *, memmove, void *to, const void *from, size_t n)
{
    count(n);
    return __real_memmove(to, from, n);
}

WRAP(void *, memset, void *to, int c, size_t n)
{
    count(n);
    return __real_memset(to, c, n);
}

WRAP(void *, calloc, size_t n, size_t size)
{
    count(n * size);
    return __real_calloc(n, size);
}

WRAP(void *, realloc, void *block, size_t size)
{
    count(size);
    return __real_realloc(block, size);
}
