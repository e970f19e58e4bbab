#include "support/crowd.h"

#include <ctype.h>
#include <float.h>
#include <math.h>

#include "store/series.h"

static cprom_counter *new_counter(ct_fixture *fixture)
{
    cprom_counter *counter;
    assert_ok(cprom_counter_new(fixture->registry, FAMILY("x_total"), &counter));
    return counter;
}

static cprom_counter_vec *new_vec(ct_fixture *fixture)
{
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(fixture->registry, FAMILY("x_total", .labels = {"a"}), &vec));
    return vec;
}

static void assert_value(ct_fixture *fixture, cprom_counter *counter, double value)
{
    assert_true(cprom_counter_value(counter) == value);
    ct_assert_sample(fixture->registry, "x_total", value);
}

static void assert_vec_value(cprom_counter_vec *vec, const char *a, double expected)
{
    double value = -77;
    assert_ok(cprom_counter_vec_get(vec, CPROM_STRS(a), &value));
    assert_true(value == expected);
}

static char *number(char out[16], size_t n)
{
    snprintf(out, 16, "%04zu", n);
    return out;
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_counter_inc_and_add_sum_up(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    cprom_counter_inc(counter);
    assert_value(fixture, counter, 1);
    cprom_counter_add(counter, 2.25);
    assert_value(fixture, counter, 3.25);
    cprom_counter_add(counter, 0);
    cprom_counter_add(counter, -0.0);
    cprom_counter_inc(counter);
    assert_value(fixture, counter, 4.25);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
}

static void test_counter_add_smallest_and_largest_are_taken(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    cprom_counter_add(counter, 5e-324);
    assert_value(fixture, counter, 5e-324);
    cprom_counter_add(counter, DBL_MAX);
    assert_value(fixture, counter, DBL_MAX);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
}

static void test_counter_add_odd_amount_is_dropped_and_counted(void **state)
{
    static const double odd[] = {-1, -5e-324, -DBL_MAX, NAN, -NAN, INFINITY, -INFINITY};
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(fixture->registry, FAMILY("y_total", .labels = {"a"}), &vec));
    cprom_counter *handle = cprom_counter_vec_with(vec, CPROM_STRS("there"));
    cprom_counter_add(counter, 7);
    for (size_t i = 0; i < COUNT(odd); i++) {
        cprom_counter_add(counter, odd[i]);
        cprom_counter_add(handle, odd[i]);
        assert_status(cprom_counter_vec_add(vec, CPROM_STRS("there"), odd[i]), CPROM_EINVAL);
        assert_status(cprom_counter_vec_add(vec, CPROM_STRS("absent"), odd[i]), CPROM_EINVAL);
        assert_int_equal(stats_of(fixture->registry).dropped_invalid, 4 * (i + 1));
    }
    assert_value(fixture, counter, 7);
    assert_true(cprom_counter_value(handle) == 0);
    assert_int_equal(cprom_counter_vec_size(vec), 1);
    cprom_counter_unref(handle);
}

static void test_counter_inc_is_exact_up_to_two_to_the_53(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    cprom_counter_add(counter, 0x1p53 - 3);
    for (int i = 2; i >= 0; i--) {
        cprom_counter_inc(counter);
        assert_value(fixture, counter, 0x1p53 - i);
    }
}

static void test_counter_inc_beyond_two_to_the_53_is_not_lost(void **state)
{
    ct_fixture *fixture = *state;
    struct cprom_series *series = (struct cprom_series *)new_counter(fixture);
    cprom_counter_inc((cprom_counter *)series);
    if (!series->striped) return; /* a double: it stays at 2^53 */
    /* Whichever cell this thread's step went to. */
    for (unsigned stripe = 0; stripe <= CPROM__NEAR_STRIPES; stripe++) {
        cprom__cell *steps = cprom__cell_in(series->cells, stripe) + 1;
        if (*steps) *steps = (uint64_t)1 << 53;
    }
    assert_value(fixture, (cprom_counter *)series, 0x1p53);
    cprom_counter_inc((cprom_counter *)series);
    cprom_counter_inc((cprom_counter *)series);
    assert_value(fixture, (cprom_counter *)series, 0x1p53 + 2);
    cprom_counter_add((cprom_counter *)series, 2);
    assert_value(fixture, (cprom_counter *)series, 0x1p53 + 4);
}

static void add_its_share(void *ctx, size_t index)
{
    /* 2^53 - 1 in twelve odd parts, of which no two threads hold the same. */
    static const double whole = 0x1p53 - 1;
    double part = floor(whole / 12);
    cprom_counter_add(ctx, index < 11 ? part + (double)index : whole - 11 * part - 55);
}

static void test_counter_add_parts_from_many_threads_sum_exactly(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    crowd_run(12, add_its_share, counter);
    assert_value(fixture, counter, 0x1p53 - 1);
    cprom_counter_inc(counter);
    assert_value(fixture, counter, 0x1p53);
}

/*==============================================================================
 * Threads and their stripes
 *============================================================================*/

#define ROUNDS 20000

static void inc_often(void *ctx, size_t index)
{
    for (int i = 0; i < ROUNDS; i++) cprom_counter_inc(ctx);
}

static void test_counter_inc_from_more_threads_than_stripes_loses_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    assert_true(12 > CPROM__NEAR_STRIPES);
    crowd_run(12, inc_often, counter);
    assert_value(fixture, counter, 12. * ROUNDS);
    crowd_run(3, inc_often, counter);
    assert_value(fixture, counter, 15. * ROUNDS);
}

static void test_counter_inc_from_eighty_threads_loses_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter *counter = new_counter(fixture);
    crowd_run(CPROM__SLOTS + 16, inc_often, counter);
    assert_value(fixture, counter, (CPROM__SLOTS + 16.) * ROUNDS);
}

typedef struct visit {
    cprom_counter *counter;
    unsigned stripe;
} visit;

static void *inc_once(void *arg)
{
    visit *v = arg;
    cprom_counter_inc(v->counter);
    v->stripe = cprom__thread_stripe();
    return NULL;
}

static void test_counter_inc_thread_after_thread_passes_the_stripe_on(void **state)
{
    ct_fixture *fixture = *state;
    visit v = {.counter = new_counter(fixture)};
    if (!ct_has_robust_mutexes()) ct_skip("no robust mutexes here");
    cprom_counter_inc(v.counter); /* this thread has a stripe of its own, too */
    unsigned first = 0;
    for (int i = 0; i < 200; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, inc_once, &v), 0);
        pthread_join(thread, NULL);
        if (i == 0) first = v.stripe;
        assert_int_equal(v.stripe, first);
        if (CPROM_STRIPES > 1) {
            assert_true(v.stripe < cprom__threads()->stripes_owned);
            assert_int_not_equal(v.stripe, cprom__thread_stripe());
        }
        assert_true(cprom_counter_value(v.counter) == i + 2);
    }
    assert_value(fixture, v.counter, 201);
}

/* Processors that this process may run on, as the kernel writes it: hexadecimal digits with commas. */
static unsigned processors_allowed(void)
{
    char *status = ct_read_file("/proc/self/status", NULL), *at = strstr(status, "\nCpus_allowed:");
    unsigned n = 0;
    assert_non_null(at);
    for (at = strchr(at, ':') + 1; *at != '\n'; at++) {
        if (!isxdigit((unsigned char)*at)) continue;
        char digit[2] = {*at, '\0'};
        for (unsigned long bits = strtoul(digit, NULL, 16); bits; bits &= bits - 1) n++;
    }
    free(status);
    return n;
}

static void test_counter_stripes_are_as_many_as_processors(void **state)
{
    ct_fixture *fixture = *state;
    unsigned wanted = processors_allowed();
    cprom_counter_inc(new_counter(fixture));
    if (CPROM_STRIPES == 1) return;
    if (wanted < 8) wanted = 8;
    assert_int_equal(cprom__threads()->stripes_owned, wanted < CPROM_STRIPES ? wanted : CPROM_STRIPES - 1);
}

/*==============================================================================
 * Vector
 *============================================================================*/

static void test_counter_vec_operations_create_and_change(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter_vec *vec = new_vec(fixture);
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("inc")));
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("inc")));
    assert_ok(cprom_counter_vec_add(vec, CPROM_STRS("add"), 0.5));
    assert_ok(cprom_counter_vec_add(vec, CPROM_STRS("zero"), 0));
    assert_int_equal(cprom_counter_vec_size(vec), 3);
    assert_vec_value(vec, "inc", 2);
    ct_assert_page(fixture->registry, "# HELP x_total H.\n# TYPE x_total counter\nx_total{a=\"add\"} 0.5\n"
                                      "x_total{a=\"inc\"} 2\nx_total{a=\"zero\"} 0\n");
}

#define MANY ((size_t)1000) /* more than have stripes */

static void test_counter_vec_stripes_of_removed_series_are_clean_for_the_next(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter_vec *vec = new_vec(fixture);
    for (int round = 0; round < 3; round++) {
        for (size_t i = 0; i < MANY; i++) {
            char a[16];
            double value = -1;
            cprom_counter *counter = cprom_counter_vec_with(vec, CPROM_STRS(number(a, i)));
            assert_true(cprom_counter_value(counter) == 0);
            cprom_counter_add(counter, 5);
            cprom_counter_unref(counter);
            assert_ok(cprom_counter_vec_get(vec, CPROM_STRS(a), &value));
            assert_true(value == 5);
        }
        assert_ok(cprom_counter_vec_clear(vec));
        cprom_registry_trim(fixture->registry);
        assert_int_equal(stats_of(fixture->registry).series_unreclaimed, 0);
    }
}

/* Two threads' cells are not each other's, also where series come and go. */
static void make_and_drop(void *ctx, size_t index)
{
    char a[16];
    for (int i = 0; i < 2000; i++) {
        cprom_counter *counter = cprom_counter_vec_with(ctx, CPROM_STRS(number(a, index)));
        for (int k = 0; k < 5; k++) cprom_counter_inc(counter);
        if (cprom_counter_value(counter) != 5) abort();
        if (cprom_counter_vec_delete(ctx, CPROM_STRS(a)) != CPROM_OK) abort();
        cprom_counter_unref(counter);
    }
}

static void test_counter_vec_series_that_come_and_go_on_many_threads_keep_apart(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter_vec *vec = new_vec(fixture);
    crowd_run(12, make_and_drop, vec);
    assert_int_equal(cprom_counter_vec_size(vec), 0);
    assert_int_equal(stats_of(fixture->registry).series_created, 12 * 2000);
    assert_int_equal(stats_of(fixture->registry).series_removed, 12 * 2000);
    ct_assert_page(fixture->registry, "");
}

/*==============================================================================
 * Func variants
 *============================================================================*/

static double next_value(void *ctx) { return *(double *)ctx; }

static void test_func_new_value_is_asked_for_at_each_scrape(void **state)
{
    ct_fixture *fixture = *state;
    double value = 1.5;
    assert_ok(cprom_counter_func_new(fixture->registry, FAMILY("c_total"), next_value, &value));
    assert_ok(cprom_gauge_func_new(fixture->registry, FAMILY("g_seconds", .unit = "seconds"), next_value, &value));
    ct_assert_page(fixture->registry, "# HELP c_total H.\n# TYPE c_total counter\nc_total 1.5\n"
                                      "# HELP g_seconds H.\n# TYPE g_seconds gauge\ng_seconds 1.5\n");
    value = NAN;
    ct_assert_sample(fixture->registry, "g_seconds", NAN);
    assert_int_equal(stats_of(fixture->registry).collector_failures, 0);
}

int group_counter(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counter_inc_and_add_sum_up),
        TEST(test_counter_add_smallest_and_largest_are_taken),
        TEST(test_counter_add_odd_amount_is_dropped_and_counted),
        TEST(test_counter_inc_is_exact_up_to_two_to_the_53),
        TEST(test_counter_inc_beyond_two_to_the_53_is_not_lost),
        TEST(test_counter_add_parts_from_many_threads_sum_exactly),
        TEST(test_counter_inc_from_more_threads_than_stripes_loses_nothing),
        TEST(test_counter_inc_from_eighty_threads_loses_nothing),
        TEST(test_counter_inc_thread_after_thread_passes_the_stripe_on),
        TEST(test_counter_stripes_are_as_many_as_processors),
        TEST(test_counter_vec_operations_create_and_change),
        TEST(test_counter_vec_stripes_of_removed_series_are_clean_for_the_next),
        TEST(test_counter_vec_series_that_come_and_go_on_many_threads_keep_apart),
        TEST(test_func_new_value_is_asked_for_at_each_scrape),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
