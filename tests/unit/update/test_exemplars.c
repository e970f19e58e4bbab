/* Exemplars in updates: with the value, at the commit, on the bucket that it counts in. */
#include "support/updates.h"

static const double bounds[] = {1, 10};

typedef struct vectors {
    cprom_counter_vec *c;
    cprom_histogram_vec *h;
} vectors;

static vectors vectors_new(cprom_registry *r, size_t max_series)
{
    vectors v;
#define VEC(...)                                                                                                       \
    CPROM_OPTS(cprom_opts, .help = "h", .labels = {"p"}, .exemplars = true, .max_series = max_series,                  \
               .overflow = max_series ? CPROM_FOLD : CPROM_REFUSE, __VA_ARGS__)
    assert_ok(cprom_counter_vec_new(r, VEC(.name = "c_total"), &v.c));
    assert_ok(cprom_histogram_vec_new(r, VEC(.name = "h", .bounds = bounds, .n_bounds = 2), &v.h));
    return v;
}

#define ADD_C(vec, p, amount, id)                                                                                      \
    cprom_update_counter_vec_add_with_exemplar(update, vec, CPROM_STRS(p), amount, CPROM_LABELS({"run", id}), 0)
#define OBSERVE_H(vec, p, value, id)                                                                                   \
    cprom_update_histogram_vec_observe_with_exemplar(update, vec, CPROM_STRS(p), value, CPROM_LABELS({"run", id}), 0)

/* Asserts what the page in OpenMetrics has for samples, without those of the sum. */
static void assert_shows(cprom_registry *r, const char *expected)
{
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), 65536);
    char *out = page.text;
    for (const char *line = page.text; *line;) {
        size_t n = strcspn(line, "\n") + 1;
        if (*line != '#' && strncmp(line, "h_sum", 5) != 0 && strncmp(line, "h_count", 7) != 0) {
            memmove(out, line, n);
            out += n;
        }
        line += n;
    }
    *out = '\0';
    ct_assert_text_equal(page.text, expected);
    ct_page_free(&page);
}

static void test_update_exemplars_appear_with_the_commit(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 0);
    cprom_counter *plain, *held = cprom_counter_vec_with(v.c, CPROM_STRS("held"));
    cprom_histogram *held_h = cprom_histogram_vec_with(v.h, CPROM_STRS("held"));
    assert_ok(cprom_counter_new(r, CPROM_OPTS(cprom_opts, .name = "p_total", .help = "h", .exemplars = true), &plain));
    char id[] = "seven";
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    cprom_labels labels = CPROM_LABELS({"run", id});
    assert_ok(ADD_C(v.c, "new", 2, id));
    assert_ok(OBSERVE_H(v.h, "new", 5, id));
    assert_ok(cprom_update_counter_add_with_exemplar(update, held, 3, labels, 1500));
    assert_ok(cprom_update_counter_add_with_exemplar(update, plain, 4, labels, 0));
    assert_ok(cprom_update_histogram_observe_with_exemplar(update, held_h, 11, labels, 0));
    memcpy(id, "other", sizeof id); /* they were copied */
    up_assert_same(r, before);
    up_commit(update, 2, 3, 0, 0);
    assert_shows(r, "c_total{p=\"held\"} 3.0 # {run=\"seven\"} 3.0 1.500\n"
                    "c_total{p=\"new\"} 2.0 # {run=\"seven\"} 2.0\n"
                    "h_bucket{p=\"held\",le=\"1.0\"} 0\n"
                    "h_bucket{p=\"held\",le=\"10.0\"} 0\n"
                    "h_bucket{p=\"held\",le=\"+Inf\"} 1 # {run=\"seven\"} 11.0\n"
                    "h_bucket{p=\"new\",le=\"1.0\"} 0\n"
                    "h_bucket{p=\"new\",le=\"10.0\"} 1 # {run=\"seven\"} 5.0\n"
                    "h_bucket{p=\"new\",le=\"+Inf\"} 1\n"
                    "p_total 4.0 # {run=\"seven\"} 4.0\n");
    cprom_counter_unref(held);
    cprom_histogram_unref(held_h);
    assert_int_equal(up_stats(r).exemplars_dropped, 0);
}

/* The last one that was staged for it, and one for each bucket; what has none leaves what is there. */
static void test_update_exemplars_the_last_of_each_bucket_stays(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 0);
    for (int round = 0; round < 2; round++) { /* born, and found */
        cprom_update *update = up_new(r);
        assert_ok(ADD_C(v.c, "a", 1, "one"));
        assert_ok(ADD_C(v.c, "a", 2, "two"));
        assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a"), 4));
        assert_ok(OBSERVE_H(v.h, "a", 5, "1"));
        assert_ok(OBSERVE_H(v.h, "a", 0.5, "2"));
        assert_ok(OBSERVE_H(v.h, "a", 6, "3"));
        assert_ok(cprom_update_histogram_vec_observe(update, v.h, CPROM_STRS("a"), 7));
        assert_ok(OBSERVE_H(v.h, "a", 0.25, "4"));
        up_commit(update, round ? 0 : 2, round ? 2 : 0, 0, 0);
    }
    const char *const shown = "c_total{p=\"a\"} 14.0 # {run=\"two\"} 2.0\n"
                              "h_bucket{p=\"a\",le=\"1.0\"} 4 # {run=\"4\"} 0.25\n"
                              "h_bucket{p=\"a\",le=\"10.0\"} 10 # {run=\"3\"} 6.0\n"
                              "h_bucket{p=\"a\",le=\"+Inf\"} 10\n";
    assert_shows(r, shown);
    cprom_update *update = up_new(r);
    assert_ok(ADD_C(v.c, "a", 1, "never"));
    assert_ok(OBSERVE_H(v.h, "a", 1, "never"));
    cprom_update_free(update);
    assert_shows(r, shown);
}

/* One that cannot be kept costs itself only, and is told. */
static void test_update_exemplars_that_are_refused_do_not_cost_the_value(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 0);
    cprom_counter_vec *none = up_counters(r, "n_total", NULL);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add_with_exemplar(update, none, CPROM_STRS("a", "b"), 1, CPROM_NO_LABELS, 0));
    assert_ok(cprom_update_counter_vec_add_with_exemplar(update, v.c, CPROM_STRS("a"), 1, CPROM_NO_LABELS, -1));
    assert_ok(cprom_update_counter_vec_add_with_exemplar(update, v.c, CPROM_STRS("a"), 1, CPROM_LABELS({"1", ""}), 0));
    assert_ok(ADD_C(v.c, "a", 1, "\xff"));
    assert_ok(OBSERVE_H(v.h, "a", 1, "\xff"));
    assert_int_equal(up_stats(r).exemplars_dropped, 5);
    assert_true(ct_log_has(&fixture->log, "metric \"n_total\": exemplar dropped: the metric keeps none"));
    assert_true(ct_log_has(&fixture->log, "metric \"h\": exemplar dropped: a label value is not UTF-8"));
    /* A value that is refused takes its exemplar along. */
    assert_status(ADD_C(v.c, "a", -1, "1"), CPROM_EINVAL);
    assert_status(ADD_C(v.c, "\xff", 1, "1"), CPROM_EUTF8);
    assert_status(OBSERVE_H(NULL, "a", 1, "1"), CPROM_EINVAL);
    assert_status(cprom_update_counter_add_with_exemplar(update, NULL, 1, CPROM_NO_LABELS, 0), CPROM_EINVAL);
    assert_status(cprom_update_histogram_observe_with_exemplar(NULL, NULL, 1, CPROM_NO_LABELS, 0), CPROM_EINVAL);
    assert_int_equal(up_stats(r).exemplars_dropped, 5);
    up_commit(update, 3, 0, 0, 4);
    assert_shows(r, "c_total{p=\"a\"} 3.0\n"
                    "h_bucket{p=\"a\",le=\"1.0\"} 1\nh_bucket{p=\"a\",le=\"10.0\"} 1\nh_bucket{p=\"a\",le=\"+Inf\"} 1\n"
                    "n_total{p=\"a\",s=\"b\"} 1.0\n");
}

static void test_update_exemplars_go_where_the_value_is_folded_to(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 1);
    for (int round = 0; round < 2; round++) {
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a"), 1));
        assert_ok(ADD_C(v.c, "b", 2, "folded"));
        assert_ok(cprom_update_histogram_vec_observe(update, v.h, CPROM_STRS("a"), 1));
        assert_ok(OBSERVE_H(v.h, "b", 5, "folded"));
        up_commit(update, round ? 0 : 4, round ? 4 : 0, 0, 0);
    }
    assert_shows(r, "c_total{p=\"a\"} 2.0\nc_total{p=\"other\"} 4.0 # {run=\"folded\"} 2.0\n"
                    "h_bucket{p=\"a\",le=\"1.0\"} 2\nh_bucket{p=\"a\",le=\"10.0\"} 2\nh_bucket{p=\"a\",le=\"+Inf\"} 2\n"
                    "h_bucket{p=\"other\",le=\"1.0\"} 0\n"
                    "h_bucket{p=\"other\",le=\"10.0\"} 2 # {run=\"folded\"} 5.0\n"
                    "h_bucket{p=\"other\",le=\"+Inf\"} 2\n");
}

/* Of a stale update, those of what still counts. */
static void test_update_exemplars_of_a_stale_one_are_those_of_what_counts(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 0);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, v.c, CPROM_LABELS({"p", "a"})));
    assert_ok(ADD_C(v.c, "a", 1, "overtaken"));
    assert_ok(ADD_C(v.c, "b", 2, "counts"));
    cprom_update *newer = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(newer, v.c, CPROM_LABELS({"p", "a"})));
    up_commit(newer, 0, 0, 0, 0);
    up_commit_stale(update, CPROM_STALE_SCOPE, 1, 0);
    assert_shows(r, "c_total{p=\"b\"} 2.0 # {run=\"counts\"} 2.0\n");
}

/* Whichever allocation fails: either the commit says so and nothing changes, or the value is there. */
static void test_update_exemplars_without_memory(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, 0);
    double total = 0;
    size_t without = 0, whole = 0;
    for (size_t nth = 1; !whole; nth++) {
        assert_true(nth < 100);
        uint64_t before = up_stats(r).exemplars_dropped;
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        cprom_update *update = NULL;
        cprom_status status = cprom_update_new(r, &update);
        if (!status) status = ADD_C(v.c, "a", 1, "first");
        if (!status) status = OBSERVE_H(v.h, "a", 5, "first");
        if (update) {
            cprom_status committed = cprom_update_commit(update, NULL);
            if (status) assert_status(committed, CPROM_ENOMEM);
            status = committed;
        }
        cprom_update_free(update);
        bool failed = atomic_load(&fixture->alloc.failed) > 0;
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        double is = 0;
        if (!status) total++;
        else assert_status(status, CPROM_ENOMEM);
        cprom_counter_vec_get(v.c, CPROM_STRS("a"), &is);
        assert_true(is == total);
        if (!status && up_stats(r).exemplars_dropped > before) without++;
        if (!failed) whole++;
    }
    assert_true(without >= 2);
}

/* So many that the update's own memory grows by them alone: each that has no room is counted, and nothing else. */
static void test_update_exemplars_each_that_has_no_room_is_counted(void **state)
{
    TESTS_BEGIN;
    enum { MANY = 200 };
    vectors v = vectors_new(r, 0);
    bool failed = true;
    for (size_t nth = 1; failed; nth++) {
        uint64_t before = up_stats(r).exemplars_dropped;
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a"), 0));
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        for (int i = 0; i < MANY; i++) assert_ok(ADD_C(v.c, "a", 1, "1"));
        failed = atomic_load(&fixture->alloc.failed) > 0;
        assert_int_equal(up_stats(r).exemplars_dropped - before, failed);
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        cprom_update_free(update);
        assert_true(nth < 2 * MANY);
    }
}

int group_exemplars(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_exemplars_appear_with_the_commit),
        TEST(test_update_exemplars_the_last_of_each_bucket_stays),
        TEST(test_update_exemplars_that_are_refused_do_not_cost_the_value),
        TEST(test_update_exemplars_go_where_the_value_is_folded_to),
        TEST(test_update_exemplars_of_a_stale_one_are_those_of_what_counts),
        TEST(test_update_exemplars_without_memory),
        TEST(test_update_exemplars_each_that_has_no_room_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
