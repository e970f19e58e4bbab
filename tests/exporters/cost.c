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

/* ---- functions of libc: counted sources are compiled with -D<name>=cost_<name> ---- */

#define COUNTED(type, name, ...)                                                                                       \
    type cost_##name(__VA_ARGS__);                                                                                     \
    type cost_##name(__VA_ARGS__)

COUNTED(size_t, strlen, const char *text)
{
    size_t n = strlen(text);
    count(n);
    return n;
}

COUNTED(int, strcmp, const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] && a[i] == b[i]) i++;
    count(i);
    return strcmp(a, b);
}

COUNTED(int, strncmp, const char *a, const char *b, size_t n)
{
    size_t i = 0;
    while (i < n && a[i] && a[i] == b[i]) i++;
    count(i);
    return strncmp(a, b, n);
}

COUNTED(int, memcmp, const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    size_t i = 0;
    while (i < n && x[i] == y[i]) i++;
    count(i);
    return memcmp(a, b, n);
}

COUNTED(void *, memchr, const void *bytes, int c, size_t n)
{
    const unsigned char *at = memchr(bytes, c, n);
    count(at ? (size_t)(at - (const unsigned char *)bytes) : n);
    return (void *)at;
}

COUNTED(size_t, strcspn, const char *text, const char *any)
{
    size_t n = strcspn(text, any);
    count(n);
    return n;
}

COUNTED(void *, memcpy, void *to, const void *from, size_t n)
{
    count(n);
    return memcpy(to, from, n);
}

COUNTED(void *, memmove, void *to, const void *from, size_t n)
{
    count(n);
    return memmove(to, from, n);
}

COUNTED(void *, memset, void *to, int c, size_t n)
{
    count(n);
    return memset(to, c, n);
}

COUNTED(void *, calloc, size_t n, size_t size)
{
    count(n * size);
    return calloc(n, size);
}

COUNTED(void *, realloc, void *block, size_t size)
{
    count(size);
    return realloc(block, size);
}
