#include "support/crowd.h"

#include <math.h>

#include "series.h"

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

static char *number(char out[16], size_t n)
{
    snprintf(out, 16, "%04zu", n);
    return out;
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_summary_new_starts_at_zero_on_the_page(void **state)
{
    ct_fixture *fixture = *state;
    assert_value(fixture, new_summary(fixture), 0, 0);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x summary\nx_sum 0\nx_count 0\n");
}

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

static void test_summary_null_handle_is_a_no_op(void **state)
{
    cprom_summary_observe(NULL, 1);
    assert_int_equal(cprom_summary_count(NULL), 0);
    assert_true(cprom_summary_sum(NULL) == 0);
    assert_null(cprom_summary_ref(NULL));
    cprom_summary_unref(NULL);
}

static void test_summary_unref_of_a_plain_one_is_a_no_op(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary = new_summary(fixture);
    for (int i = 0; i < 3; i++) cprom_summary_unref(summary);
    assert_ptr_equal(cprom_summary_ref(summary), summary);
    cprom_registry_trim(fixture->registry);
    cprom_summary_observe(summary, 1);
    assert_value(fixture, summary, 1, 1);
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
    crowd_run(CPROM__THREADS + 16, observe_often, summary);
    assert_value(fixture, summary, (28 + CPROM__THREADS) * ROUNDS, (28. + CPROM__THREADS) * ROUNDS * 1.5);
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

static void test_summary_vec_bad_arguments_are_refused_and_create_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary_vec *vec = new_vec(fixture);
    uint64_t count = 5;
    double sum = 5;
    assert_status(cprom_summary_vec_observe(vec, CPROM_NO_STRS, 1), CPROM_ELABELS);
    assert_status(cprom_summary_vec_observe(vec, CPROM_STRS("\xff"), 1), CPROM_EUTF8);
    assert_null(cprom_summary_vec_with(vec, CPROM_NO_STRS));
    assert_status(cprom_summary_vec_get(vec, CPROM_STRS("a"), &count, &sum), CPROM_ENOENT);
    assert_true(count == 0 && sum == 0);
    assert_status(cprom_summary_vec_get(vec, CPROM_STRS("a"), NULL, NULL), CPROM_ENOENT);
    assert_status(cprom_summary_vec_get(vec, CPROM_NO_STRS, NULL, &sum), CPROM_ELABELS);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 3);
    assert_int_equal(stats_of(fixture->registry).series_created, 0);
    assert_ok(cprom_summary_vec_observe(vec, CPROM_STRS("a"), 1));
    assert_ok(cprom_summary_vec_get(vec, CPROM_STRS("a"), NULL, NULL));

    count = 5;
    sum = 5;
    assert_status(cprom_summary_vec_observe(NULL, CPROM_STRS("a"), 1), CPROM_EINVAL);
    assert_status(cprom_summary_vec_get(NULL, CPROM_STRS("a"), &count, &sum), CPROM_EINVAL);
    assert_true(count == 0 && sum == 0);
    assert_null(cprom_summary_vec_with(NULL, CPROM_STRS("a")));
    assert_int_equal(cprom_summary_vec_size(NULL), 0);
}

static void test_summary_vec_life_of_a_handle(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary_vec *vec = new_vec(fixture);
    cprom_summary *summary = cprom_summary_vec_with(vec, CPROM_STRS("a"));
    assert_ptr_equal(cprom_summary_ref(summary), summary);
    cprom_summary_observe(summary, 1);
    assert_ok(cprom_summary_vec_delete(vec, CPROM_STRS("a")));
    assert_ok(cprom_summary_vec_observe(vec, CPROM_STRS("a"), 2));
    cprom_summary_observe(summary, 1);
    assert_int_equal(stats_of(fixture->registry).dropped_detached, 1);
    assert_int_equal(cprom_summary_count(summary), 1);
    assert_vec_value(vec, "a", 1, 2);
    cprom_summary_unref(summary);
    cprom_summary_unref(summary);
}

#define MANY ((size_t)500) /* 2 cells each: more than are striped */

static bool check_view(void *ctx, const cprom_view *view)
{
    size_t *n = ctx;
    char z[16];
    assert_string_equal(view->values.v[0], number(z, *n));
    assert_null(view->buckets);
    assert_int_equal(view->n_buckets, 0);
    assert_int_equal(view->count, 24);
    assert_true(view->sum == 12 * ((double)*n + 1));
    ++*n;
    return true;
}

static void observe_every(void *ctx, size_t index)
{
    char z[16];
    for (size_t i = 0; i < MANY; i++) {
        cprom_summary *summary = cprom_summary_vec_with(ctx, CPROM_STRS(number(z, i)));
        cprom_summary_observe(summary, 1);
        cprom_summary_unref(summary);
        cprom_summary_vec_observe(ctx, CPROM_STRS(z), (double)i);
    }
}

static void test_summary_vec_more_series_than_have_stripes_count_alike(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary_vec *vec = new_vec(fixture);
    size_t striped = 0, n = 0;
    crowd_run(12, observe_every, vec);
    for (size_t i = 0; i < MANY; i++) {
        char z[16];
        cprom_summary *summary = cprom_summary_vec_with(vec, CPROM_STRS(number(z, i)));
        striped += ((struct cprom_series *)summary)->striped;
        assert_vec_value(vec, z, 24, 12 * ((double)i + 1));
        cprom_summary_unref(summary);
    }
    assert_in_range(striped, CPROM_STRIPES > 1, MANY - 1);
    assert_ok(cprom_summary_vec_each(vec, check_view, &n));
    assert_int_equal(n, MANY);
    ct_assert_sample(fixture->registry, "x_sum{z=\"0499\"}", 12 * 500);
    ct_assert_sample(fixture->registry, "x_count{z=\"0000\"}", 24);
}

int group_summary(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_summary_new_starts_at_zero_on_the_page),
        TEST(test_summary_observe_counts_and_sums),
        TEST(test_summary_observe_odd_values_are_counted),
        cmocka_unit_test(test_summary_null_handle_is_a_no_op),
        TEST(test_summary_unref_of_a_plain_one_is_a_no_op),
        TEST(test_summary_observe_from_many_threads_loses_nothing),
        TEST(test_summary_vec_observe_creates_and_counts),
        TEST(test_summary_vec_bad_arguments_are_refused_and_create_nothing),
        TEST(test_summary_vec_life_of_a_handle),
        TEST(test_summary_vec_more_series_than_have_stripes_count_alike),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
