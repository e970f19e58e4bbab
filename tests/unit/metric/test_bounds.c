#include "support/cprom_test.h"

#include <float.h>
#include <math.h>

static void test_bounds_linear_are_equally_wide(void **state)
{
    double bounds[4] = {0};
    assert_ok(cprom_bounds_linear(-1, 0.5, 4, bounds));
    const double expected[] = {-1, -0.5, 0, 0.5};
    assert_memory_equal(bounds, expected, sizeof bounds);
    assert_ok(cprom_bounds_linear(3, 1, 1, bounds));
    assert_true(bounds[0] == 3 && bounds[1] == -0.5);
}

static void test_bounds_exponential_grow_by_the_factor(void **state)
{
    double bounds[5] = {0};
    assert_ok(cprom_bounds_exponential(0.5, 2, 4, bounds));
    const double expected[] = {0.5, 1, 2, 4, 0};
    assert_memory_equal(bounds, expected, sizeof bounds);
    assert_ok(cprom_bounds_exponential(1e300, 1e5, 1, bounds));
    assert_true(bounds[0] == 1e300 && bounds[1] == 1);
}

static void test_bounds_bad_arguments_are_einval(void **state)
{
    double bounds[4];
    assert_status(cprom_bounds_linear(0, 1, 0, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, 1, 4, NULL), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, 0, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, -1, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, NAN, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, INFINITY, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(NAN, 1, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(-INFINITY, 1, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(0, DBL_MAX, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, 2, 0, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, 2, 4, NULL), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(0, 2, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(-1, 2, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(NAN, 2, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(INFINITY, 2, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, 1, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, 0.5, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, NAN, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1, INFINITY, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(1e200, 1e100, 4, bounds), CPROM_EINVAL);
}

static void test_bounds_too_close_for_a_double_are_einval(void **state)
{
    double bounds[4];
    assert_status(cprom_bounds_linear(1e300, 1, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_linear(-0x1p53, 0.25, 4, bounds), CPROM_EINVAL);
    assert_status(cprom_bounds_exponential(5e-324, 1.1, 4, bounds), CPROM_EINVAL);
}

static void test_bounds_made_are_fit_for_a_histogram(void **state)
{
    ct_fixture *fixture = *state;
    static double bounds[CPROM_BOUNDS_MAX];
    cprom_histogram *histogram;
    assert_ok(cprom_bounds_linear(-3, 0.1, CPROM_BOUNDS_MAX, bounds));
    assert_ok(cprom_histogram_new(
        fixture->registry,
        CPROM_OPTS(cprom_opts, .name = "x", .help = "H.", .bounds = bounds, .n_bounds = CPROM_BOUNDS_MAX), &histogram));
    assert_ok(cprom_bounds_exponential(1e-9, 10, 20, bounds));
    assert_ok(cprom_histogram_new(fixture->registry,
                                  CPROM_OPTS(cprom_opts, .name = "y", .help = "H.", .bounds = bounds, .n_bounds = 20),
                                  &histogram));
    cprom_histogram_observe(histogram, 5e-9);
    ct_assert_sample(fixture->registry, "y_bucket{le=\"1e-09\"}", 0);
    ct_assert_sample(fixture->registry, "y_bucket{le=\"1e-08\"}", 1);
    ct_assert_sample(fixture->registry, "x_bucket{le=\"-3\"}", 0);
}

int group_bounds(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bounds_linear_are_equally_wide),
        cmocka_unit_test(test_bounds_exponential_grow_by_the_factor),
        cmocka_unit_test(test_bounds_bad_arguments_are_einval),
        cmocka_unit_test(test_bounds_too_close_for_a_double_are_einval),
        TEST(test_bounds_made_are_fit_for_a_histogram),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
