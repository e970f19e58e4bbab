#include "work.h"

static _Thread_local ct_work work_done;

int __real_strcmp(const char *a, const char *b);
int __wrap_strcmp(const char *a, const char *b);
int __real_strncmp(const char *a, const char *b, size_t n);
int __wrap_strncmp(const char *a, const char *b, size_t n);
int __real_memcmp(const void *a, const void *b, size_t n);
int __wrap_memcmp(const void *a, const void *b, size_t n);
void *__real_memcpy(void *to, const void *from, size_t n);
void *__wrap_memcpy(void *to, const void *from, size_t n);
void *__real_memmove(void *to, const void *from, size_t n);
void *__wrap_memmove(void *to, const void *from, size_t n);

int __wrap_strcmp(const char *a, const char *b)
{
    work_done.compared++;
    return __real_strcmp(a, b);
}

int __wrap_strncmp(const char *a, const char *b, size_t n)
{
    work_done.compared++;
    return __real_strncmp(a, b, n);
}

int __wrap_memcmp(const void *a, const void *b, size_t n)
{
    work_done.compared++;
    return __real_memcmp(a, b, n);
}

void *__wrap_memcpy(void *to, const void *from, size_t n)
{
    work_done.copied += n;
    return __real_memcpy(to, from, n);
}

void *__wrap_memmove(void *to, const void *from, size_t n)
{
    work_done.copied += n;
    return __real_memmove(to, from, n);
}

ct_work ct_work_now(void) { return work_done; }

static ct_work work_of(void (*work)(size_t n), size_t n)
{
    ct_work before = work_done;
    work(n);
    return (ct_work){work_done.compared - before.compared, work_done.copied - before.copied};
}

/* Eight times as many: about eleven times the work, or sixty-four times. */
void ct_assert_grows_linearly(void (*work)(size_t n))
{
    enum {
        FEW = 400,
        TIMES = 8,
        MOST = 2 * TIMES
    };
    ct_work few = work_of(work, FEW), many = work_of(work, FEW * TIMES);
    if (many.compared > MOST * few.compared || many.copied > MOST * few.copied) {
        print_error("%d: %zu compared, %zu bytes copied; %d: %zu and %zu\n", FEW, few.compared, few.copied, FEW * TIMES,
                    many.compared, many.copied);
        fail();
    }
}

void ct_work_name(char out[32], size_t number) { snprintf(out, 32, "f%08x", (unsigned)number * 2654435761u); }
