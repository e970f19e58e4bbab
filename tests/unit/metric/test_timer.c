#include "support/cprom_test.h"

static const int64_t quarter = 250000000; /* of a second */

static void test_timer_stop_observes_the_seconds_in_a_histogram(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram));
    cprom_timer timer = cprom_histogram_timer(histogram);
    assert_int_equal(cprom_histogram_count(histogram), 0);
    ct_clock_advance(&fixture->clock, 3 * quarter);
    assert_true(cprom_timer_stop(&timer) == 0.75);
    assert_int_equal(cprom_histogram_count(histogram), 1);
    assert_true(cprom_histogram_sum(histogram) == 0.75);
    ct_assert_sample(fixture->registry, "x_bucket{le=\"0.5\"}", 0);
    ct_assert_sample(fixture->registry, "x_bucket{le=\"1\"}", 1);
}

static void test_timer_stop_observes_the_seconds_in_a_summary(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary;
    assert_ok(cprom_summary_new(fixture->registry, FAMILY("x"), &summary));
    cprom_timer timer = cprom_summary_timer(summary);
    ct_clock_advance(&fixture->clock, 20 * quarter);
    assert_true(cprom_timer_stop(&timer) == 5);
    timer = cprom_summary_timer(summary);
    assert_true(cprom_timer_stop(&timer) == 0);
    assert_int_equal(cprom_summary_count(summary), 2);
    assert_true(cprom_summary_sum(summary) == 5);
}

static void test_timer_stop_sets_a_gauge_to_the_seconds(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    cprom_gauge_set(gauge, 100);
    cprom_timer timer = cprom_gauge_timer(gauge);
    ct_clock_advance(&fixture->clock, quarter);
    assert_true(cprom_gauge_value(gauge) == 100);
    assert_true(cprom_timer_stop(&timer) == 0.25);
    assert_true(cprom_gauge_value(gauge) == 0.25);
}

static void test_timer_stop_runs_on_the_monotonic_clock(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    cprom_timer timer = cprom_gauge_timer(gauge);
    atomic_fetch_sub(&fixture->clock.wall, 1000 * quarter);
    atomic_fetch_add(&fixture->clock.monotonic, 1);
    assert_true(cprom_timer_stop(&timer) == 1e-9);
    atomic_store(&fixture->clock.monotonic, 0); /* 0 is a time like others */
    timer = cprom_gauge_timer(gauge);
    atomic_store(&fixture->clock.monotonic, 2 * quarter);
    assert_true(cprom_timer_stop(&timer) == 0.5);
}

static void test_timer_stop_twice_does_nothing_the_second_time(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram));
    cprom_timer timer = cprom_histogram_timer(histogram);
    ct_clock_advance(&fixture->clock, quarter);
    assert_true(cprom_timer_stop(&timer) == 0.25);
    ct_clock_advance(&fixture->clock, quarter);
    assert_true(cprom_timer_stop(&timer) == 0);
    assert_int_equal(cprom_histogram_count(histogram), 1);
}

static void test_timer_stop_several_at_once_are_independent(void **state)
{
    ct_fixture *fixture = *state;
    cprom_summary *summary;
    assert_ok(cprom_summary_new(fixture->registry, FAMILY("x"), &summary));
    cprom_timer a = cprom_summary_timer(summary);
    ct_clock_advance(&fixture->clock, quarter);
    cprom_timer b = cprom_summary_timer(summary), forgotten = cprom_summary_timer(summary);
    ct_clock_advance(&fixture->clock, quarter);
    assert_true(cprom_timer_stop(&a) == 0.5);
    assert_true(cprom_timer_stop(&b) == 0.25);
    (void)forgotten;
    assert_int_equal(cprom_summary_count(summary), 2);
    assert_true(cprom_summary_sum(summary) == 0.75);
}

static void test_timer_of_null_does_nothing(void **state)
{
    cprom_timer timers[] = {cprom_histogram_timer(NULL), cprom_summary_timer(NULL), cprom_gauge_timer(NULL)};
    for (size_t i = 0; i < 3; i++) assert_true(cprom_timer_stop(&timers[i]) == 0);
    cprom_timer zero = {0};
    assert_true(cprom_timer_stop(&zero) == 0);
    assert_true(cprom_timer_stop(NULL) == 0);
}

static void test_timer_of_handles_goes_to_their_series(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram_vec *histograms;
    cprom_gauge_vec *gauges;
    assert_ok(cprom_histogram_vec_new(fixture->registry, FAMILY("h", .labels = {"a"}), &histograms));
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"a"}), &gauges));
    cprom_histogram *histogram = cprom_histogram_vec_with(histograms, CPROM_STRS("1"));
    cprom_gauge *gauge = cprom_gauge_vec_with(gauges, CPROM_STRS("1"));
    cprom_timer a = cprom_histogram_timer(histogram), b = cprom_gauge_timer(gauge);
    ct_clock_advance(&fixture->clock, quarter);
    assert_ok(cprom_gauge_vec_clear(gauges));
    assert_true(cprom_timer_stop(&a) == 0.25);
    assert_true(cprom_timer_stop(&b) == 0.25); /* measured, but for nobody any more */
    ct_assert_sample(fixture->registry, "h_sum{a=\"1\"}", 0.25);
    ct_assert_no_sample(fixture->registry, "g{a=\"1\"}");
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(fixture->registry, &stats));
    assert_int_equal(stats.dropped_detached, 1);
    cprom_histogram_unref(histogram);
    cprom_gauge_unref(gauge);
}

int group_timer(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_timer_stop_observes_the_seconds_in_a_histogram),
        TEST(test_timer_stop_observes_the_seconds_in_a_summary),
        TEST(test_timer_stop_sets_a_gauge_to_the_seconds),
        TEST(test_timer_stop_runs_on_the_monotonic_clock),
        TEST(test_timer_stop_twice_does_nothing_the_second_time),
        TEST(test_timer_stop_several_at_once_are_independent),
        cmocka_unit_test(test_timer_of_null_does_nothing),
        TEST(test_timer_of_handles_goes_to_their_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
