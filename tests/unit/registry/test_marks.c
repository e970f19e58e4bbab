/* What a mark asks the system for: a barrier on all threads, no sooner than the first mark. */
#include <errno.h>
#include <stdarg.h>
#include <string.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "support/updates.h"

#if defined(__linux__)

/* As in linux/membarrier.h. */
enum {
    EXPEDITED = 8,
    REGISTER = 16
};

static long asked[8]; /* in this order */
static size_t n_asked;
static bool is_registered, is_missing;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/* The library makes no call by number with more arguments than these. */
long __wrap_syscall(long number, ...)
{
    long args[3];
    va_list list;
    va_start(list, number);
    if (number != SYS_membarrier) {
        for (int i = 0; i < 3; i++) args[i] = va_arg(list, long);
        va_end(list);
        return __real_syscall(number, args[0], args[1], args[2]);
    }
    int command = va_arg(list, int);
    va_end(list);
    assert_true(n_asked < sizeof asked / sizeof *asked);
    asked[n_asked++] = command;
    if (is_missing || (command == EXPEDITED && !is_registered)) {
        errno = is_missing ? ENOSYS : EPERM;
        return -1;
    }
    is_registered = true;
    return 0;
}

static void begin(void)
{
    n_asked = 0;
    is_registered = is_missing = false;
}

static void test_mark_asks_for_a_barrier_and_nothing_before_does(void **state)
{
    TESTS_BEGIN;
    begin();
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "b"), 1));
    assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), NULL, 0, NULL));
    assert_ok(cprom_gauge_vec_clear(g));
    up_assert_lines(r, "");
    assert_int_equal(n_asked, 0);
    errno = 77;
    cprom_registry_mark(r);
    const long first[] = {EXPEDITED, REGISTER, EXPEDITED};
    assert_int_equal(n_asked, 3);
    assert_memory_equal(asked, first, sizeof first);
    cprom_registry_mark(r);
    assert_int_equal(n_asked, 4);
    assert_int_equal(asked[3], EXPEDITED);
    assert_int_equal(errno, 77);
}

static void test_mark_without_membarrier_asks_for_nothing(void **state)
{
    cprom_registry *r;
    begin();
    assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .no_membarrier = true), &r));
    assert_true(cprom_registry_mark(r).epoch > 0);
    assert_int_equal(n_asked, 0);
    cprom_registry_free(r);
}

static void test_mark_is_one_where_the_system_has_no_barrier(void **state)
{
    TESTS_BEGIN;
    begin();
    is_missing = true;
    assert_true(cprom_registry_mark(r).epoch > 0);
    assert_int_equal(n_asked, 1);
}

#endif

int group_marks(void)
{
    const struct CMUnitTest tests[] = {
#if defined(__linux__)
        TEST(test_mark_asks_for_a_barrier_and_nothing_before_does),
        TEST(test_mark_is_one_where_the_system_has_no_barrier),
        cmocka_unit_test(test_mark_without_membarrier_asks_for_nothing),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
