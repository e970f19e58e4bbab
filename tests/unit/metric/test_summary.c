#include "support/crowd.h"

#include <math.h>

#include "store/series.h"

static cprom_summary *new_summary(ct_fixture *fixture)
{
    cprom_summary *summary;
    assert_ok(cprom_summary_new(fixture->registry, FAMILY("x"), &summary));
    return summary;
}

static cprom_summary_vec *new_vec(ct_fixture *fixture)
{
    cprom_summary_vec *vec;
    assert_ok(cprom_summary_vec_new(fixture->registry, FAMILY("x", .labels = {"z"}), &vec));
    return vec;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void assert_value(ct_fixture *fixture, const cprom_summary *summary, uint64_t count, double sum)
{
    assert_int_equal(cprom_summary_count(summary), count);
    assert_true(same(cprom_summary_sum(summary), sum));
    ct_assert_sample(fixture->registry, "x_count", (double)count);
    ct_assert_sample(fixture->registry, "x_sum", sum);
}

static void assert_vec_value(cprom_summary_vec *vec, const char *z, uint64_t expected_count, double expected_sum)
{
    uint64_t count = 77;
    double sum = 77;
    assert_ok(cprom_summary_vec_get(vec, CPROM_STRS(z), &count, &sum));
    assert_int_equal(count, expected_count);
    assert_true(sum == expected_sum);
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_summary_observe_counts_and_sums(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary = new_summary(fixture);
    cprom_summary_observe(summary, 2.5);
    assert_value(fixture, summary, 1, 2.5);
    cprom_summary_observe(summary, -4);
    cprom_summary_observe(summary, 0);
    assert_value(fixture, summary, 3, -1.5);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x summary\nx_sum -1.5\nx_count 3\n");
}

static void test_summary_observe_odd_values_are_counted(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary = new_summary(fixture);
    cprom_summary_observe(summary, INFINITY);
    assert_value(fixture, summary, 1, INFINITY);
    cprom_summary_observe(summary, -INFINITY);
    assert_value(fixture, summary, 2, NAN);
    cprom_summary_observe(summary, NAN);
    cprom_summary_observe(summary, 1);
    assert_value(fixture, summary, 4, NAN);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
}

#define ROUNDS 20000

static void observe_often(void *ctx, size_t index)
{
    for (int i = 0; i < ROUNDS; i++) cprom_summary_observe(ctx, i % 4);
}

static void test_summary_observe_from_many_threads_loses_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary = new_summary(fixture);
    crowd_run(12, observe_often, summary);
    assert_value(fixture, summary, 12 * ROUNDS, 12. * ROUNDS * 1.5);
    crowd_run(CPROM__SLOTS + 16, observe_often, summary);
    assert_value(fixture, summary, (28 + CPROM__SLOTS) * ROUNDS, (28. + CPROM__SLOTS) * ROUNDS * 1.5);
}

/*==============================================================================
 * Vector
 *============================================================================*/

static void test_summary_vec_observe_creates_and_counts(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary_vec *vec = new_vec(fixture);
    assert_ok(cprom_summary_vec_observe(vec, CPROM_STRS("b"), 1.5));
    assert_ok(cprom_summary_vec_observe(vec, CPROM_STRS("b"), 1.5));
    cprom_summary *summary = cprom_summary_vec_with_labels(vec, CPROM_LABELS({"z", "a"}));
    assert_int_equal(cprom_summary_vec_size(vec), 2);
    assert_vec_value(vec, "a", 0, 0);
    assert_vec_value(vec, "b", 2, 3);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x summary\nx_sum{z=\"a\"} 0\nx_count{z=\"a\"} 0\n"
                                      "x_sum{z=\"b\"} 3\nx_count{z=\"b\"} 2\n");
    cprom_summary_unref(summary);
}

int group_summary(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_summary_observe_counts_and_sums),
        TEST(test_summary_observe_odd_values_are_counted),
        TEST(test_summary_observe_from_many_threads_loses_nothing),
        TEST(test_summary_vec_observe_creates_and_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
