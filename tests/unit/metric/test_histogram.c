#include "support/crowd.h"

#include <float.h>
#include <math.h>

#include "store/series.h"

/*==============================================================================
 * The model: all observations, counted naively
 *============================================================================*/

typedef struct model {
    double bounds[CPROM_BOUNDS_MAX + 1];
    size_t n_bounds; /* without +Inf */
    double values[8192];
    size_t n;
} model;

static uint64_t model_bucket(const model *m, size_t index)
{
    uint64_t count = 0;
    for (size_t i = 0; i < m->n; i++) count += index >= m->n_bounds || m->values[i] <= m->bounds[index];
    return count;
}

/* Sums of what add_values() makes are exact in any order. */
static double model_sum(const model *m)
{
    double sum = 0;
    for (size_t i = 0; i < m->n; i++) sum += m->values[i];
    return sum;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void set_bounds(model *m, size_t n, uint64_t *seed)
{
    double bound = -(double)(next_random(seed) % 100);
    m->n_bounds = n;
    for (size_t i = 0; i < n; i++) {
        m->bounds[i] = bound;
        bound += (double)(1 + next_random(seed) % 16) / 8;
    }
}

/* Multiples of 1/16 on, between and outside the bounds. */
static double any_value(const model *m, uint64_t *seed)
{
    double first = m->n_bounds ? m->bounds[0] : 0, last = m->n_bounds ? m->bounds[m->n_bounds - 1] : 0;
    switch (next_random(seed) % 4) {
    case 0: return m->n_bounds ? m->bounds[next_random(seed) % m->n_bounds] : 0;
    case 1: return m->n_bounds ? m->bounds[next_random(seed) % m->n_bounds] + 0.0625 : 1;
    default: return floor(first) - 2 + (double)(next_random(seed) % (uint64_t)((last - first + 4) * 16)) / 16;
    }
}

/* Asserts that the getters, the page and cprom_vec_each() say what the model says. The family is x. */
static void assert_model(ct_fixture *fixture, const model *m, cprom_histogram *histogram)
{
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    const parser_family *family = parser_family_find(page.parsed, "x");
    assert_non_null(family);
    assert_int_equal(family->n_samples, m->n_bounds + 3);
    const parser_sample *samples = &page.parsed->samples[family->first_sample];
    for (size_t i = 0; i <= m->n_bounds; i++) {
        char le[PARSER_NUMBER_MAX];
        uint64_t expected = model_bucket(m, i);
        assert_int_equal(cprom_histogram_bucket(histogram, i), expected);
        assert_true(samples[i].value == (double)expected);
        parser_number(i < m->n_bounds ? m->bounds[i] : INFINITY, le);
        assert_string_equal(samples[i].name, "x_bucket");
        assert_string_equal(parser_label_value(&samples[i], "le"), le);
    }
    assert_string_equal(samples[m->n_bounds + 1].name, "x_sum");
    assert_true(same(samples[m->n_bounds + 1].value, model_sum(m)));
    assert_string_equal(samples[m->n_bounds + 2].name, "x_count");
    assert_true(samples[m->n_bounds + 2].value == (double)m->n);
    assert_int_equal(cprom_histogram_bucket(histogram, SIZE_MAX), m->n);
    assert_int_equal(cprom_histogram_count(histogram), m->n);
    assert_true(same(cprom_histogram_sum(histogram), model_sum(m)));
    ct_page_free(&page);
}

static cprom_histogram *new_histogram(ct_fixture *fixture, const model *m)
{
    cprom_histogram *histogram;
    assert_ok(
        cprom_histogram_new(fixture->registry, FAMILY("x", .bounds = m->bounds, .n_bounds = m->n_bounds), &histogram));
    return histogram;
}

/*==============================================================================
 * Buckets
 *============================================================================*/

static void test_histogram_new_default_bounds_are_on_the_page(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram));
    cprom_histogram_observe(histogram, 0.3);
    ct_assert_page(
        fixture->registry,
        "# HELP x H.\n# TYPE x histogram\nx_bucket{le=\"0.005\"} 0\nx_bucket{le=\"0.01\"} 0\n"
        "x_bucket{le=\"0.025\"} 0\nx_bucket{le=\"0.05\"} 0\nx_bucket{le=\"0.1\"} 0\nx_bucket{le=\"0.25\"} 0\n"
        "x_bucket{le=\"0.5\"} 1\nx_bucket{le=\"1\"} 1\nx_bucket{le=\"2.5\"} 1\nx_bucket{le=\"5\"} 1\n"
        "x_bucket{le=\"10\"} 1\nx_bucket{le=\"+Inf\"} 1\nx_sum 0.3\nx_count 1\n");
}

static void test_histogram_new_infinity_given_or_not_is_the_same_page(void **state)
{
    ct_fixture *fixture = *state;
    char *texts[2];
    for (size_t i = 0; i < 2; i++) {
        cprom_histogram *histogram;
        const double bounds[] = {1, 2, INFINITY};
        assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x", .bounds = bounds, .n_bounds = 2 + i), &histogram));
        for (int v = 0; v < 4; v++) cprom_histogram_observe(histogram, v);
        assert_int_equal(cprom_histogram_bucket(histogram, 1), 3);
        assert_int_equal(cprom_histogram_bucket(histogram, 2), 4);
        assert_int_equal(cprom_histogram_bucket(histogram, 3), 4);
        assert_ok(cprom_registry_text(fixture->registry, &texts[i], NULL));
        assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    }
    ct_assert_text_equal(texts[1], texts[0]);
    for (size_t i = 0; i < 2; i++) cprom_text_free(texts[i]);
}

static void test_histogram_new_infinity_alone_is_one_bucket(void **state)
{
    ct_fixture *fixture = *state;
    model m = {.bounds = {INFINITY}, .n_bounds = 1};
    cprom_histogram *histogram = new_histogram(fixture, &m);
    m.n_bounds = 0;
    for (int i = -2; i < 5; i++) cprom_histogram_observe(histogram, m.values[m.n++] = i);
    assert_model(fixture, &m, histogram);
}

static void test_histogram_new_bounds_are_copied(void **state)
{
    ct_fixture *fixture = *state;
    model m = {.bounds = {1, 2, 3}, .n_bounds = 3}, copy = m;
    cprom_histogram *histogram = new_histogram(fixture, &copy);
    memset(copy.bounds, 0, sizeof copy.bounds);
    cprom_histogram_observe(histogram, m.values[m.n++] = 2.5);
    assert_model(fixture, &m, histogram);
}

static void test_histogram_observe_random_values_are_counted_as_a_model_does(void **state)
{
    /* Around where the search changes, and where stripes are not given any more. */
    static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 10, 31, 32, 33, 61, 62, 63, 64, 65, 100, 255, CPROM_BOUNDS_MAX};
    ct_fixture *fixture = *state;
    uint64_t seed = 3;
    model *m = malloc(sizeof *m);
    assert_non_null(m);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        m->n = 0;
        set_bounds(m, sizes[s], &seed);
        cprom_histogram *histogram = new_histogram(fixture, m);
        assert_model(fixture, m, histogram);
        while (m->n < 4000) cprom_histogram_observe(histogram, m->values[m->n++] = any_value(m, &seed));
        assert_model(fixture, m, histogram);
        assert_int_equal(((struct cprom_series *)histogram)->striped, CPROM_STRIPES > 1 && sizes[s] <= 62);
        assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    }
    free(m);
}

static void test_histogram_observe_each_bound_and_its_neighbours_fall_right(void **state)
{
    ct_fixture *fixture = *state;
    uint64_t seed = 4;
    model *m = malloc(sizeof *m);
    assert_non_null(m);
    static const size_t sizes[] = {32, 33, 62, 63, 1000};
    for (size_t s = 0; s < COUNT(sizes); s++) {
        set_bounds(m, sizes[s], &seed);
        cprom_histogram *histogram = new_histogram(fixture, m);
        for (size_t i = 0; i < sizes[s]; i++) {
            const double values[] = {nextafter(m->bounds[i], -INFINITY), m->bounds[i],
                                     nextafter(m->bounds[i], INFINITY)};
            for (size_t v = 0; v < COUNT(values); v++) {
                uint64_t before = cprom_histogram_bucket(histogram, i);
                uint64_t below = i ? cprom_histogram_bucket(histogram, i - 1) : 0;
                cprom_histogram_observe(histogram, values[v]);
                assert_int_equal(cprom_histogram_bucket(histogram, i), before + (v < 2));
                if (i) assert_int_equal(cprom_histogram_bucket(histogram, i - 1), below);
            }
        }
        assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    }
    free(m);
}

static void test_histogram_observe_odd_values_are_counted(void **state)
{
    static const size_t sizes[] = {3, 40}; /* both searches */
    ct_fixture *fixture = *state;
    uint64_t seed = 5;
    model *m = malloc(sizeof *m);
    assert_non_null(m);
    for (size_t s = 0; s < COUNT(sizes); s++) {
        static const double odd[][3] = {{INFINITY, 1, DBL_MAX}, {-INFINITY, 1, -DBL_MAX}, {NAN, 1, 2},
                                        {-NAN, 0, 0},           {INFINITY, -INFINITY, 1}, {5e-324, -5e-324, -0.0}};
        for (size_t i = 0; i < COUNT(odd); i++) {
            m->n = 0;
            set_bounds(m, sizes[s], &seed);
            cprom_histogram *histogram = new_histogram(fixture, m);
            for (size_t k = 0; k < 3; k++) cprom_histogram_observe(histogram, m->values[m->n++] = odd[i][k]);
            assert_model(fixture, m, histogram);
            assert_ok(cprom_registry_unregister(fixture->registry, "x"));
        }
    }
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
    free(m);
}

static void test_histogram_observe_nan_is_in_infinity_and_the_sum(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(
        cprom_histogram_new(fixture->registry, FAMILY("x", .bounds = (const double[]){1}, .n_bounds = 1), &histogram));
    cprom_histogram_observe(histogram, 1);
    cprom_histogram_observe(histogram, NAN);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x histogram\nx_bucket{le=\"1\"} 1\nx_bucket{le=\"+Inf\"} 2\n"
                                      "x_sum NaN\nx_count 2\n");
}

/*==============================================================================
 * Threads
 *============================================================================*/

#define ROUNDS 20000

static void observe_often(void *ctx, size_t index)
{
    for (int i = 0; i < ROUNDS; i++) cprom_histogram_observe(ctx, i % 4);
}

static void check_crowd(ct_fixture *fixture, size_t n_bounds, size_t n_threads)
{
    double bounds[100] = {0.5, 1.5};
    cprom_histogram *histogram;
    for (size_t i = 2; i < n_bounds; i++) bounds[i] = 10 + (double)i;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x", .bounds = bounds, .n_bounds = n_bounds), &histogram));
    crowd_run(n_threads, observe_often, histogram);
    size_t all = n_threads * ROUNDS;
    assert_int_equal(cprom_histogram_bucket(histogram, 0), all / 4);
    assert_int_equal(cprom_histogram_bucket(histogram, 1), all / 2);
    assert_int_equal(cprom_histogram_count(histogram), all);
    assert_true(cprom_histogram_sum(histogram) == (double)all * 1.5);
    ct_assert_sample(fixture->registry, "x_sum", (double)all * 1.5);
    ct_assert_sample(fixture->registry, "x_count", (double)all);
    assert_ok(cprom_registry_unregister(fixture->registry, "x"));
}

static void test_histogram_observe_from_many_threads_loses_nothing(void **state)
{
    check_crowd(*state, 2, 12);
    check_crowd(*state, 100, 12); /* without stripes */
    check_crowd(*state, 2, CPROM__SLOTS + 16);
}

/*==============================================================================
 * Vector
 *============================================================================*/

static cprom_histogram_vec *new_vec(ct_fixture *fixture)
{
    cprom_histogram_vec *vec;
    assert_ok(cprom_histogram_vec_new(
        fixture->registry, FAMILY("x", .labels = {"z"}, .bounds = (const double[]){1, 2}, .n_bounds = 2), &vec));
    return vec;
}

static void assert_vec_value(cprom_histogram_vec *vec, const char *z, uint64_t expected_count, double expected_sum)
{
    uint64_t count = 77;
    double sum = 77;
    assert_ok(cprom_histogram_vec_get(vec, CPROM_STRS(z), &count, &sum));
    assert_int_equal(count, expected_count);
    assert_true(sum == expected_sum);
}

static void test_histogram_vec_observe_creates_and_counts_with_le_last(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram_vec *vec = new_vec(fixture);
    for (int i = 0; i < 3; i++) assert_ok(cprom_histogram_vec_observe(vec, CPROM_STRS("b"), i + 0.5));
    cprom_histogram *histogram = cprom_histogram_vec_with_labels(vec, CPROM_LABELS({"z", "a"}));
    assert_int_equal(cprom_histogram_vec_size(vec), 2);
    assert_vec_value(vec, "b", 3, 4.5);
    assert_vec_value(vec, "a", 0, 0);
    ct_assert_page(fixture->registry,
                   "# HELP x H.\n# TYPE x histogram\nx_bucket{z=\"a\",le=\"1\"} 0\nx_bucket{z=\"a\",le=\"2\"} 0\n"
                   "x_bucket{z=\"a\",le=\"+Inf\"} 0\nx_sum{z=\"a\"} 0\nx_count{z=\"a\"} 0\n"
                   "x_bucket{z=\"b\",le=\"1\"} 1\nx_bucket{z=\"b\",le=\"2\"} 2\nx_bucket{z=\"b\",le=\"+Inf\"} 3\n"
                   "x_sum{z=\"b\"} 4.5\nx_count{z=\"b\"} 3\n");
    cprom_histogram_unref(histogram);
}

int group_histogram(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_histogram_new_default_bounds_are_on_the_page),
        TEST(test_histogram_new_infinity_given_or_not_is_the_same_page),
        TEST(test_histogram_new_infinity_alone_is_one_bucket),
        TEST(test_histogram_new_bounds_are_copied),
        TEST(test_histogram_observe_random_values_are_counted_as_a_model_does),
        TEST(test_histogram_observe_each_bound_and_its_neighbours_fall_right),
        TEST(test_histogram_observe_odd_values_are_counted),
        TEST(test_histogram_observe_nan_is_in_infinity_and_the_sum),
        TEST(test_histogram_observe_from_many_threads_loses_nothing),
        TEST(test_histogram_vec_observe_creates_and_counts_with_le_last),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
