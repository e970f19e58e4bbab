/* What every kind of instrument does alike; each family is called as its kind. */
#include "support/kinds.h"

#include <math.h>

#include "store/series.h"
#include "support/crowd.h"

static const double bounds[] = {1, 2};

static cprom_opts opts_of(const kind *k)
{
    cprom_opts opts = *FAMILY(k->name);
    if (k->type == CPROM_HISTOGRAM) {
        opts.bounds = bounds;
        opts.n_bounds = COUNT(bounds);
    }
    return opts;
}

static cprom_series *new_plain(cprom_registry *registry, const kind *k)
{
    cprom_opts opts = opts_of(k);
    cprom_series *series;
    assert_ok(k->plain(registry, &opts, &series));
    return series;
}

/* With the label z. */
static cprom_vec *new_vec(cprom_registry *registry, const kind *k)
{
    cprom_opts opts = opts_of(k);
    cprom_vec *vec;
    opts.labels[0] = "z";
    assert_ok(k->make(registry, &opts, &vec));
    return vec;
}

/* Asserts what the getters and the page say. */
static void assert_plain(cprom_registry *registry, const kind *k, cprom_series *series, double value, double sum)
{
    assert_true(k->value(series) == value);
    assert_true(k->sum(series) == sum);
    ct_assert_sample(registry, k->key, value);
    ct_assert_sample(registry, k->sum_key, sum);
}

static void assert_vec(const kind *k, cprom_vec *vec, const char *z, double expected_value, double expected_sum)
{
    double value = -77, sum = -77;
    assert_ok(k->get(vec, CPROM_STRS(z), &value, &sum));
    assert_true(value == expected_value);
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

static void test_kind_new_starts_at_zero_on_the_page(void **state)
{
    static const char *const samples[] = {
        "c_total 0\n",
        "g 0\n",
        "h_bucket{le=\"1\"} 0\nh_bucket{le=\"2\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n",
        "s_sum 0\ns_count 0\n",
    };
    cprom_registry *r = registry_of(state);
    for (size_t i = 0; i < KINDS; i++) {
        const kind *k = &kinds[i];
        char page[256];
        assert_plain(r, k, new_plain(r, k), 0, 0);
        snprintf(page, sizeof page, "# HELP %s H.\n# TYPE %s %s\n%s", k->name, k->name, k->type_name, samples[i]);
        ct_assert_page(r, page);
        assert_ok(cprom_registry_unregister(r, k->name));
    }
}

static void test_kind_null_handle_is_a_no_op(void **state)
{
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        k->touch(NULL);
        k->add_to(NULL, 1);
        k->add_to(NULL, -1);
        assert_true(k->value(NULL) == 0);
        assert_true(k->sum(NULL) == 0);
    }
    cprom_gauge_set(NULL, 1);
    cprom_gauge_sub(NULL, 1);
    cprom_gauge_dec(NULL);
    cprom_gauge_set_to_current_time(NULL);
    assert_int_equal(cprom_histogram_bucket(NULL, 0), 0);
    cprom_stateset_set(NULL, 0, true);
    cprom_stateset_enter(NULL, 0);
    assert_int_equal(cprom_stateset_value(NULL), 0);
}

static void test_kind_unref_of_a_plain_one_is_a_no_op(void **state)
{
    cprom_registry *r = registry_of(state);
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_series *series = new_plain(r, k);
        for (int i = 0; i < 3; i++) cprom_series_unref(series);
        assert_ptr_equal(cprom_series_ref(series), series);
        cprom_registry_trim(r);
        k->touch(series);
        assert_plain(r, k, series, 1, 1);
        k->add_to(series, 1.5);
        assert_plain(r, k, series, is_distribution(k) ? 2 : 2.5, 2.5);
    }
    ct_assert_sample(r, "h_bucket{le=\"1\"}", 1);
    ct_assert_sample(r, "h_bucket{le=\"2\"}", 2);
    ct_assert_sample(r, "h_bucket{le=\"+Inf\"}", 2);
}

/*==============================================================================
 * Vector
 *============================================================================*/

static void test_kind_vec_bad_arguments_are_refused_and_create_nothing(void **state)
{
    cprom_registry *r = registry_of(state);
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = new_vec(r, k);
        uint64_t dropped = stats_of(r).dropped_invalid, created = stats_of(r).series_created;
        double value = 5, sum = 5;
        assert_status(k->update(vec, CPROM_NO_STRS), CPROM_ELABELS);
        assert_status(k->add(vec, CPROM_STRS("1", "2"), 1), CPROM_ELABELS);
        assert_status(k->update(vec, CPROM_STRS("\xff")), CPROM_EUTF8);
        assert_null(cprom_vec_with(vec, CPROM_NO_STRS));
        assert_null(cprom_vec_with_labels(vec, CPROM_LABELS({"b", "1"})));
        assert_int_equal(stats_of(r).dropped_invalid, dropped + 5);
        /* Looking creates nothing, and is no update that could be dropped. */
        assert_status(k->get(vec, CPROM_STRS("a"), &value, &sum), CPROM_ENOENT);
        assert_true(value == 0 && sum == 0);
        assert_status(k->get(vec, CPROM_STRS("a"), NULL, NULL), CPROM_ENOENT);
        assert_status(k->get(vec, CPROM_NO_STRS, &value, NULL), CPROM_ELABELS);
        assert_status(k->get(vec, CPROM_NO_STRS, NULL, &sum), CPROM_ELABELS);
        assert_int_equal(stats_of(r).dropped_invalid, dropped + 5);
        assert_int_equal(stats_of(r).series_created, created);
        assert_int_equal(cprom_vec_size(vec), 0);
        ct_assert_page(r, "");
        assert_ok(k->update(vec, CPROM_STRS("a")));
        assert_ok(k->get(vec, CPROM_STRS("a"), NULL, NULL));
        assert_ok(cprom_registry_unregister(r, k->name));

        value = sum = 5;
        assert_status(k->update(NULL, CPROM_STRS("a")), CPROM_EINVAL);
        assert_status(k->add(NULL, CPROM_STRS("a"), 1), CPROM_EINVAL);
        assert_status(k->get(NULL, CPROM_STRS("a"), &value, &sum), CPROM_EINVAL);
        assert_true(value == 0 && sum == 0);
    }
    assert_null(cprom_vec_with(NULL, CPROM_STRS("a")));
    assert_null(cprom_vec_with_labels(NULL, CPROM_LABELS({"z", "a"})));
    assert_int_equal(cprom_vec_size(NULL), 0);
}

static void test_kind_vec_life_of_a_handle(void **state)
{
    cprom_registry *r = registry_of(state);
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = new_vec(r, k);
        cprom_series *series = cprom_vec_with(vec, CPROM_STRS("a"));
        cprom_series *again = cprom_vec_with_labels(vec, CPROM_LABELS({"z", "a"}));
        uint64_t detached = stats_of(r).dropped_detached;
        assert_ptr_equal(series, again);
        assert_ptr_equal(cprom_series_ref(series), series);
        k->add_to(series, 3);
        assert_vec(k, vec, "a", is_distribution(k) ? 1 : 3, 3);
        assert_ok(cprom_vec_delete_labels(vec, CPROM_LABELS({"z", "a"})));
        k->touch(series);
        k->add_to(series, 1);
        assert_true(k->sum(series) == 3);
        assert_true(k->value(series) == (is_distribution(k) ? 1 : 3));
        assert_int_equal(stats_of(r).dropped_detached, detached + 2);
        assert_ok(k->add(vec, CPROM_STRS("a"), 2));
        k->touch(again);
        assert_vec(k, vec, "a", is_distribution(k) ? 1 : 2, 2);
        for (int i = 0; i < 3; i++) cprom_series_unref(series);
        assert_ok(cprom_vec_delete(vec, CPROM_STRS("a")));
        assert_status(cprom_vec_delete(vec, CPROM_STRS("a")), CPROM_ENOENT);
        ct_assert_page(r, "");
    }
}

/* More series than stripes are given to: the first have cells in each stripe, the others their own. */
#define MANY ((size_t)1000)
#define THREADS 12

typedef struct crowded {
    const kind *k;
    cprom_vec *vec;
    size_t n;
} crowded;

static double sum_of(size_t i) { return THREADS * (1 + 2 + (double)i + 3); }

static bool check_view(void *ctx, const cprom_view *view)
{
    crowded *c = ctx;
    char z[16];
    assert_int_equal(view->values.n, 1);
    assert_string_equal(view->values.v[0], number(z, c->n));
    assert_true(view->value == (is_distribution(c->k) ? 0 : sum_of(c->n)));
    assert_true(view->sum == (is_distribution(c->k) ? sum_of(c->n) : 0));
    assert_int_equal(view->count, is_distribution(c->k) ? THREADS * 3 : 0);
    if (c->k->type == CPROM_HISTOGRAM) {
        assert_int_equal(view->n_buckets, 3);
        for (size_t i = 0; i < 3; i++) assert_int_equal(view->buckets[i], THREADS * (i + 1));
    } else {
        assert_null(view->buckets);
        assert_int_equal(view->n_buckets, 0);
    }
    c->n++;
    return true;
}

static void update_every(void *ctx, size_t index)
{
    crowded *c = ctx;
    char z[16];
    for (size_t i = 0; i < MANY; i++) {
        cprom_series *series = cprom_vec_with(c->vec, CPROM_STRS(number(z, i)));
        c->k->touch(series);
        c->k->add_to(series, 2);
        cprom_series_unref(series);
        c->k->add(c->vec, CPROM_STRS(z), (double)i + 3);
    }
}

static void test_kind_vec_more_series_than_have_stripes_count_alike(void **state)
{
    cprom_registry *r = registry_of(state);
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        crowded c = {k, new_vec(r, k), 0};
        size_t striped = 0;
        crowd_run(THREADS, update_every, &c);
        assert_int_equal(cprom_vec_size(c.vec), MANY);
        ct_page page = ct_page_read(r, NULL, 65536);
        size_t lines = page.parsed->n_samples / MANY, sum_at = k->type == CPROM_HISTOGRAM ? 3 : 0;
        assert_int_equal(lines, k->type == CPROM_HISTOGRAM ? 5 : is_distribution(k) ? 2 : 1);
        assert_int_equal(page.parsed->n_samples, lines * MANY);
        for (size_t i = 0; i < MANY; i++) {
            char z[16];
            double value = is_distribution(k) ? THREADS * 3 : sum_of(i);
            const parser_sample *samples = &page.parsed->samples[i * lines];
            cprom_series *series = cprom_vec_with(c.vec, CPROM_STRS(number(z, i)));
            striped += ((struct cprom_series *)series)->striped;
            assert_true(k->value(series) == value && k->sum(series) == sum_of(i));
            assert_vec(k, c.vec, z, value, sum_of(i));
            assert_string_equal(parser_label_value(samples, "z"), z);
            for (size_t b = 0; b < sum_at; b++) assert_true(samples[b].value == (double)(THREADS * (b + 1)));
            assert_true(samples[sum_at].value == sum_of(i));
            assert_true(samples[lines - 1].value == value);
            cprom_series_unref(series);
        }
        ct_page_free(&page);
        assert_ok(cprom_vec_each(c.vec, check_view, &c));
        assert_int_equal(c.n, MANY);
        if (k->type == CPROM_GAUGE) assert_int_equal(striped, 0);
        else assert_in_range(striped, CPROM_STRIPES > 1, MANY - 1); /* both sorts were there */
        assert_ok(cprom_registry_unregister(r, k->name));
    }
}

static bool count_view(void *ctx, const cprom_view *view)
{
    ++*(size_t *)ctx;
    return true;
}

static void test_kind_typed_forms_are_the_base(void **state)
{
    cprom_registry *r = registry_of(state);
#define CHECK_FORMS(kind, ...)                                                                                         \
    do {                                                                                                               \
        cprom_##kind##_vec *vec;                                                                                       \
        assert_ok(cprom_##kind##_vec_new(r, FAMILY(__VA_ARGS__, .labels = {"z", "a"}), &vec));                         \
        cprom_##kind *handle = cprom_##kind##_vec_with(vec, CPROM_STRS("1", "2"));                                     \
        cprom_##kind *same = cprom_##kind##_vec_with_labels(vec, CPROM_LABELS({"a", "2"}, {"z", "1"}));                \
        size_t removed, seen = 0;                                                                                      \
        assert_ptr_equal(handle, same);                                                                                \
        assert_ptr_equal(cprom_##kind##_ref(handle), handle);                                                          \
        for (int n = 0; n < 3; n++) cprom_##kind##_unref(handle);                                                      \
        assert_int_equal(cprom_##kind##_vec_size(vec), 1);                                                             \
        assert_ok(cprom_##kind##_vec_each(vec, count_view, &seen));                                                    \
        assert_int_equal(seen, 1);                                                                                     \
        assert_ok(cprom_##kind##_vec_delete(vec, CPROM_STRS("1", "2")));                                               \
        assert_status(cprom_##kind##_vec_delete_labels(vec, CPROM_LABELS({"a", "2"}, {"z", "1"})), CPROM_ENOENT);      \
        assert_ok(cprom_##kind##_vec_delete_matching(vec, CPROM_LABELS({"a", "2"}), &removed));                        \
        assert_int_equal(removed, 0);                                                                                  \
        assert_ok(cprom_##kind##_vec_clear(vec));                                                                      \
        assert_null(cprom_##kind##_ref(NULL));                                                                         \
        cprom_##kind##_unref(NULL);                                                                                    \
        assert_null(cprom_##kind##_vec_with(NULL, CPROM_STRS("1")));                                                   \
        assert_null(cprom_##kind##_vec_with_labels(NULL, CPROM_LABELS({"a", "1"})));                                   \
        assert_int_equal(cprom_##kind##_vec_size(NULL), 0);                                                            \
    } while (0)
    CHECK_FORMS(counter, "c_total");
    CHECK_FORMS(gauge, "g");
    CHECK_FORMS(histogram, "h");
    CHECK_FORMS(summary, "s");
    CHECK_FORMS(info, "i_info");
    CHECK_FORMS(stateset, "t", .states = {"on", "off"});
}

int group_kinds(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_kind_new_starts_at_zero_on_the_page),
        cmocka_unit_test(test_kind_null_handle_is_a_no_op),
        TEST(test_kind_unref_of_a_plain_one_is_a_no_op),
        TEST(test_kind_vec_bad_arguments_are_refused_and_create_nothing),
        TEST(test_kind_vec_life_of_a_handle),
        TEST(test_kind_vec_more_series_than_have_stripes_count_alike),
        TEST(test_kind_typed_forms_are_the_base),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
