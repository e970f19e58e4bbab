/* The searches for a bucket: all of them against counting with a branch. */
#include "support/cprom_test.h"

#include <float.h>
#include <math.h>

#include "metric/bucket.h"

#define SIZES 70u

static size_t naive(const double *bounds, size_t n, double value)
{
    for (size_t i = 0; i < n; i++) {
        if (value <= bounds[i]) return i;
    }
    return n;
}

/* Bounds as a descriptor has them. */
static double *bounds_new(size_t n, double step)
{
    size_t padded = (n + CPROM__BOUNDS_STEP) / CPROM__BOUNDS_STEP * CPROM__BOUNDS_STEP;
    double *bounds = malloc(padded * sizeof *bounds); /* exactly: a sanitizer sees who reads beyond */
    assert_non_null(bounds);
    for (size_t i = 0; i < padded; i++) bounds[i] = i < n ? ((double)i - (double)n / 2) * step : INFINITY;
    return bounds;
}

static void check(const double *bounds, size_t n, double value)
{
    size_t expected = naive(bounds, n, value);
    assert_int_equal(cprom__bucket(bounds, n, value), expected);
    assert_int_equal(cprom__bucket_portable(bounds, n, value), expected);
    assert_int_equal(cprom__bucket_linear(bounds, n, value), expected);
    assert_int_equal(cprom__bucket_binary(bounds, n, value), expected);
}

static void test_bucket_any_search_finds_what_the_naive_one_does(void **state)
{
    static const double odd[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0, -0.0, DBL_MAX, -DBL_MAX, 5e-324, -5e-324};
    static const double steps[] = {1, 0.1, 1e300, 5e-324};
    for (size_t n = 1; n <= SIZES; n++) {
        for (size_t s = 0; s < COUNT(steps); s++) {
            double *bounds = bounds_new(n, steps[s]);
            for (size_t i = 0; i < COUNT(odd); i++) check(bounds, n, odd[i]);
            for (size_t i = 0; i < n; i++) {
                check(bounds, n, bounds[i]);
                check(bounds, n, nextafter(bounds[i], INFINITY));
                check(bounds, n, nextafter(bounds[i], -INFINITY));
            }
            free(bounds);
        }
    }
}

int group_bucket(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bucket_any_search_finds_what_the_naive_one_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
