/* What a commit does: visibility, entries, scopes, handles, kinds of instruments, results, refused input. */
#include <math.h>

#include "support/updates.h"

/* ---- visibility and identity ---- */

static void test_update_staged_shows_nothing(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "old"), 1));
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 5, "a", "new"));
    assert_ok(SET(g, 6, "a", "old"));
    double value = 9;
    assert_status(cprom_gauge_vec_get(g, CPROM_STRS("a", "new"), &value), CPROM_ENOENT);
    assert_ok(cprom_gauge_vec_get(g, CPROM_STRS("a", "old"), &value));
    assert_true(value == 1);
    assert_int_equal(cprom_gauge_vec_size(g), 1);
    up_assert_same(r, before);
    up_commit(update, 1, 1, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"new\"} 5\ng{p=\"a\",s=\"old\"} 6\n");
    assert_int_equal(cprom_gauge_vec_size(g), 2);
}

static void test_update_staged_series_keep_identity(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    cprom_gauge *gauge = cprom_gauge_vec_with(g, CPROM_STRS("a", "x"));
    cprom_counter *counter = cprom_counter_vec_with(c, CPROM_STRS("a", "x"));
    cprom_counter_add(counter, 41);
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
    assert_ok(SET(g, 3, "a", "x"));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "x"), 1));
    up_commit(update, 0, 2, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"x\"} 42\ng{p=\"a\",s=\"x\"} 3\n");
    cprom_gauge_set(gauge, 4);
    cprom_counter_inc(counter);
    up_assert_lines(r, "c_total{p=\"a\",s=\"x\"} 43\ng{p=\"a\",s=\"x\"} 4\n");
    assert_int_equal(up_stats(r).dropped_detached, 0);
    cprom_gauge_unref(gauge);
    cprom_counter_unref(counter);
}

static void test_update_removed_series_detach_and_start_anew(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    cprom_counter *old = cprom_counter_vec_with(c, CPROM_STRS("a", "x"));
    cprom_counter_add(old, 5);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
    up_commit(update, 0, 0, 1, 0);
    up_assert_lines(r, "");
    update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "x"), 2));
    up_commit(update, 1, 0, 0, 0);
    cprom_counter_inc(old);
    assert_int_equal(up_stats(r).dropped_detached, 1);
    up_assert_lines(r, "c_total{p=\"a\",s=\"x\"} 2\n");
    cprom_counter_unref(old);
}

/* ---- entries ---- */

static void test_update_set_overwrites_and_add_adds_at_the_commit(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", NULL);
    cprom_counter_vec *c = up_counters(r, "c_total", NULL);
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 1, "a", "set"));
    assert_ok(ADD(g, 2, "a", "add"));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "add"), 2));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "set"), 100));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "add"), 100));
    assert_ok(cprom_counter_vec_add(c, CPROM_STRS("a", "add"), 100));
    up_commit(update, 0, 3, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"add\"} 102\ng{p=\"a\",s=\"add\"} 102\ng{p=\"a\",s=\"set\"} 1\n");
}

static void test_update_entries_of_one_series_take_effect_in_order(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", NULL);
    cprom_counter_vec *c = up_counters(r, "c_total", NULL);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1000));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "2"), 1000));
    cprom_update *update = up_new(r);
    assert_ok(ADD(g, 7, "a", "1"));
    assert_ok(SET(g, 10, "a", "1"));
    assert_ok(ADD(g, 3, "a", "1"));
    assert_ok(ADD(g, 5, "a", "2"));
    assert_ok(ADD(g, -1, "a", "2"));
    assert_ok(SET(g, 1, "a", "3"));
    assert_ok(SET(g, NAN, "a", "3"));
    assert_ok(SET(g, -INFINITY, "a", "3"));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 0));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 2));
    up_commit(update, 2, 2, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 2\n"
                       "g{p=\"a\",s=\"1\"} 13\ng{p=\"a\",s=\"2\"} 1004\ng{p=\"a\",s=\"3\"} -Inf\n");
}

static void test_update_entries_by_labels_and_by_handle_take_effect_in_order(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", NULL);
    cprom_gauge *x = cprom_gauge_vec_with(g, CPROM_STRS("a", "x"));
    cprom_gauge *y = cprom_gauge_vec_with(g, CPROM_STRS("a", "y"));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 5, "a", "x"));
    assert_ok(cprom_update_gauge_add(update, x, 1));
    assert_ok(SET(g, 7, "a", "x"));
    assert_ok(cprom_update_gauge_set(update, y, 1));
    assert_ok(ADD(g, 1, "a", "y"));
    assert_ok(cprom_update_gauge_set(update, y, 20));
    assert_ok(ADD(g, 3, "a", "y"));
    up_commit(update, 0, 2, 0, 0); /* two series, however they were named */
    up_assert_lines(r, "g{p=\"a\",s=\"x\"} 7\ng{p=\"a\",s=\"y\"} 23\n");
    cprom_gauge_unref(x);
    cprom_gauge_unref(y);
}

static void test_update_without_scopes_removes_nothing(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "x"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 2, "a", "y"));
    up_commit(update, 1, 0, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"x\"} 1\ng{p=\"a\",s=\"y\"} 2\n");
    up_commit(up_new(r), 0, 0, 0, 0);
}

static void test_update_many_entries_are_all_there(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    enum { N = 3000 };
    char text[16];
    for (int round = 0; round < 2; round++) {
        cprom_update *update = up_new(r);
        assert_ok(OWNER(g, "a"));
        for (int i = 0; i < N; i++) {
            snprintf(text, sizeof text, "%05d", i + round * N / 2);
            assert_ok(SET(g, i, "a", text));
            assert_ok(ADD(g, 0.5, "a", text));
        }
        if (round == 0) up_commit(update, N, 0, 0, 0);
        else up_commit(update, N / 2, N / 2, N / 2, 0);
    }
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_int_equal(page.parsed->n_samples, N);
    for (size_t i = 0; i < N; i++) {
        snprintf(text, sizeof text, "%05zu", i + N / 2);
        assert_string_equal(parser_label_value(&page.parsed->samples[i], "s"), text);
        assert_true(page.parsed->samples[i].value == (double)i + 0.5);
    }
    ct_page_free(&page);
}

/* ---- scopes ---- */

static void test_update_replace_removes_what_matches_and_is_not_staged(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", NULL), *h = up_gauges(r, "h", NULL);
    const char *const ps[] = {"a", "b"}, *const ss[] = {"1", "2", "3"};
    for (int p = 0; p < 2; p++) {
        for (int s = 0; s < 3; s++) {
            assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(ps[p], ss[s]), s));
            assert_ok(cprom_gauge_vec_set(h, CPROM_STRS(ps[p], ss[s]), s));
        }
    }
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 9, "a", "2"));
    assert_ok(SET(g, 9, "b", "4"));                                      /* outside of any scope */
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "just made"), 1)); /* goes as well */
    up_commit(update, 1, 1, 3, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 9\ng{p=\"b\",s=\"1\"} 0\ng{p=\"b\",s=\"2\"} 1\ng{p=\"b\",s=\"3\"} 2\n"
                       "g{p=\"b\",s=\"4\"} 9\nh{p=\"a\",s=\"1\"} 0\nh{p=\"a\",s=\"2\"} 1\nh{p=\"a\",s=\"3\"} 2\n"
                       "h{p=\"b\",s=\"1\"} 0\nh{p=\"b\",s=\"2\"} 1\nh{p=\"b\",s=\"3\"} 2\n");
}

static void test_update_scope_without_entries_empties_it(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "2"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    up_commit(update, 0, 0, 2, 0);
    up_assert_lines(r, "g{p=\"b\",s=\"1\"} 1\n");
}

static void test_update_empty_match_replaces_the_whole_vector(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "1"), 1));
    assert_ok(cprom_gauge_vec_set(h, CPROM_STRS("b", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(SET(g, 2, "c", "1"));
    up_commit(update, 1, 0, 2, 0);
    up_assert_lines(r, "g{p=\"c\",s=\"1\"} 2\nh{p=\"b\",s=\"1\"} 1\n");
}

static void test_update_scopes_overlapping_count_each_series_once(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "2"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "2"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_gauge_vec_replace(update, g, CPROM_LABELS({"s", "1"})));
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_gauge_vec_replace(update, g, CPROM_LABELS({"s", "1"}, {"p", "a"})));
    assert_ok(SET(g, 3, "a", "1"));
    up_commit(update, 0, 1, 2, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 3\ng{p=\"b\",s=\"2\"} 1\n");
}

static void test_update_scope_values_are_copied_and_unescaped(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char p[] = "a\"\\\n";
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(p, "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a\"\\n", "1"), 1));
    cprom_update *update = up_new(r);
    char name[] = "p";
    cprom_label label = {name, p};
    assert_ok(cprom_update_gauge_vec_replace(update, g, (cprom_labels){&label, 1}));
    char s[] = "2";
    const char *values[] = {p, s};
    assert_ok(cprom_update_gauge_vec_set(update, g, (cprom_strs){values, 2}, 4));
    memset(p, 'x', sizeof p - 1);
    name[0] = s[0] = '?';
    up_commit(update, 1, 0, 1, 0);
    up_assert_lines(r, "g{p=\"a\\\"\\\\\\n\",s=\"2\"} 4\ng{p=\"a\\\"\\\\n\",s=\"1\"} 1\n");
}

/* ---- handles, plain instruments, other kinds ---- */

static void test_update_through_handles_and_plain_instruments(void **state)
{
    TESTS_BEGIN;
    cprom_gauge *plain;
    cprom_counter *total;
    cprom_histogram *histogram;
    cprom_summary *summary;
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "a", .help = "h"), &plain));
    assert_ok(cprom_counter_new(r, CPROM_OPTS(cprom_opts, .name = "b_total", .help = "h"), &total));
    const double bounds[] = {1, 2};
    assert_ok(cprom_histogram_new(
        r, CPROM_OPTS(cprom_opts, .name = "d", .help = "h", .bounds = bounds, .n_bounds = 2), &histogram));
    assert_ok(cprom_summary_new(r, CPROM_OPTS(cprom_opts, .name = "e", .help = "h"), &summary));
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_gauge *handle = cprom_gauge_vec_with(g, CPROM_STRS("a", "x"));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "y"), 1));
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(cprom_update_gauge_set(update, plain, 3));
    assert_ok(cprom_update_gauge_add(update, plain, 1));
    assert_ok(cprom_update_counter_add(update, total, 2));
    assert_ok(cprom_update_histogram_observe(update, histogram, 1));
    assert_ok(cprom_update_histogram_observe(update, histogram, 5));
    assert_ok(cprom_update_summary_observe(update, summary, 0.5));
    assert_ok(cprom_update_summary_observe(update, summary, 1.5));
    assert_ok(cprom_update_gauge_set(update, handle, 8)); /* staged: stays */
    cprom_gauge_unref(handle);                            /* the update has a reference of its own */
    up_assert_same(r, before);
    up_commit(update, 0, 5, 1, 0);
    up_assert_lines(r, "a 4\nb_total 2\nd_bucket{le=\"1\"} 1\nd_bucket{le=\"2\"} 1\nd_bucket{le=\"+Inf\"} 2\nd_sum 6\n"
                       "d_count 2\ne_sum 2\ne_count 2\ng{p=\"a\",s=\"x\"} 8\n");
}

static void test_update_histogram_and_summary_vectors(void **state)
{
    TESTS_BEGIN;
    cprom_histogram_vec *hv;
    cprom_summary_vec *sv;
    const double bounds[] = {1};
    assert_ok(cprom_histogram_vec_new(r,
                                      CPROM_OPTS(cprom_opts, .name = "h", .help = "h", .labels = {"p"}, .owner = "p",
                                                 .bounds = bounds, .n_bounds = 1),
                                      &hv));
    assert_ok(
        cprom_summary_vec_new(r, CPROM_OPTS(cprom_opts, .name = "s", .help = "h", .labels = {"p"}, .owner = "p"), &sv));
    for (int round = 1; round <= 2; round++) {
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_histogram_vec_replace(update, hv, CPROM_LABELS({"p", "b"})));
        assert_ok(cprom_update_summary_vec_replace(update, sv, CPROM_LABELS({"p", "b"})));
        assert_ok(cprom_update_histogram_vec_observe(update, hv, CPROM_STRS("a"), 0.5));
        assert_ok(cprom_update_histogram_vec_observe(update, hv, CPROM_STRS("a"), 2));
        assert_ok(cprom_update_summary_vec_observe(update, sv, CPROM_STRS("a"), 3));
        if (round == 1) assert_ok(cprom_update_histogram_vec_observe(update, hv, CPROM_STRS("b"), NAN));
        if (round == 1) assert_ok(cprom_update_summary_vec_observe(update, sv, CPROM_STRS("b"), 3));
        if (round == 1) up_commit(update, 4, 0, 0, 0);
        else up_commit(update, 0, 2, 2, 0);
    }
    up_assert_lines(r, "h_bucket{p=\"a\",le=\"1\"} 2\nh_bucket{p=\"a\",le=\"+Inf\"} 4\nh_sum{p=\"a\"} 5\n"
                       "h_count{p=\"a\"} 4\ns_sum{p=\"a\"} 6\ns_count{p=\"a\"} 2\n");
}

static void test_update_through_detached_handle_is_refused(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_gauge *before = cprom_gauge_vec_with(g, CPROM_STRS("a", "1"));
    cprom_gauge *meanwhile = cprom_gauge_vec_with(g, CPROM_STRS("a", "2"));
    cprom_gauge *replaced = cprom_gauge_vec_with(g, CPROM_STRS("a", "3"));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_gauge_set(update, before, 1));
    assert_ok(cprom_update_gauge_set(update, meanwhile, 2));
    assert_ok(SET(g, 3, "a", "3"));
    assert_ok(cprom_update_gauge_set(update, replaced, 4));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "2")));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "2"), 22)); /* of the same labels, another series */
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "3")));  /* made again for the entry by labels */
    uint64_t detached = up_stats(r).dropped_detached;
    up_commit(update, 1, 0, 0, 3);
    assert_int_equal(up_stats(r).dropped_detached, detached + 3);
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 22\ng{p=\"a\",s=\"3\"} 3\n");
    cprom_gauge_unref(before);
    cprom_gauge_unref(meanwhile);
    cprom_gauge_unref(replaced);
}

/* ---- refused input ---- */

static void test_update_bad_input_drops_that_entry_only(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *foreign = up_gauges(other->registry, "g", "p");
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    cprom_gauge *foreign_handle = cprom_gauge_vec_with(foreign, CPROM_STRS("a", "1"));
    cprom_counter *counter = cprom_counter_vec_with(c, CPROM_STRS("z", "1"));
    char *longest = calloc(CPROM_VALUE_MAX + 2, 1);
    memset(longest, 'x', CPROM_VALUE_MAX + 1);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "old"), 1));
    cprom_update *update = up_new(r);
    size_t refused = 0;
#define REFUSED(status, call) (assert_status(call, status), refused++)
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 1, "a", "1"));
    REFUSED(CPROM_ELABELS, cprom_update_gauge_vec_set(update, g, CPROM_STRS("a"), 1));
    REFUSED(CPROM_ELABELS, cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", "b", "c"), 1));
    REFUSED(CPROM_ELABELS, cprom_update_gauge_vec_set(update, g, CPROM_NO_STRS, 1));
    REFUSED(CPROM_ELABELS, cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", NULL), 1));
    REFUSED(CPROM_EUTF8, cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", "\xc0\x80"), 1));
    REFUSED(CPROM_EUTF8, cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", longest), 1));
    REFUSED(CPROM_EINVAL, cprom_update_gauge_vec_set(update, NULL, CPROM_STRS("a", "b"), 1));
    REFUSED(CPROM_EINVAL, cprom_update_gauge_vec_set(update, foreign, CPROM_STRS("a", "b"), 1));
    REFUSED(CPROM_EINVAL, cprom_update_gauge_set(update, foreign_handle, 1));
    REFUSED(CPROM_EINVAL, cprom_update_gauge_set(update, NULL, 1));
    REFUSED(CPROM_EINVAL, cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "b"), -1));
    REFUSED(CPROM_EINVAL, cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "b"), NAN));
    REFUSED(CPROM_EINVAL, cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "b"), INFINITY));
    REFUSED(CPROM_EINVAL, cprom_update_counter_add(update, counter, -1));
    assert_status(cprom_update_gauge_vec_set(NULL, g, CPROM_STRS("a", "b"), 1), CPROM_EINVAL);
    assert_status(cprom_update_gauge_set(NULL, NULL, 1), CPROM_EINVAL);
    assert_status(cprom_update_gauge_vec_replace(NULL, g, CPROM_NO_LABELS), CPROM_EINVAL);
    assert_ok(SET(g, 2, "a", "2"));
    assert_int_equal(up_stats(r).dropped_invalid, refused);
    up_commit(update, 2, 0, 1, refused);
    up_assert_lines(r, "c_total{p=\"z\",s=\"1\"} 0\ng{p=\"a\",s=\"1\"} 1\ng{p=\"a\",s=\"2\"} 2\n");
    cprom_gauge_unref(foreign_handle);
    cprom_counter_unref(counter);
    free(longest);
    ct_fixture_free(other);
}

static void test_update_longest_label_value_is_fine(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char *longest = calloc(CPROM_VALUE_MAX + 1, 1);
    memset(longest, '\n', CPROM_VALUE_MAX); /* twice as long on the page */
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, longest));
    assert_ok(SET(g, 1, longest, longest));
    up_commit(update, 1, 0, 0, 0);
    update = up_new(r);
    assert_ok(OWNER(g, longest));
    up_commit(update, 0, 0, 1, 0);
    free(longest);
}

/* What a scope that is missing should have removed would stay for ever. */
static void test_update_refused_scope_fails_the_commit_with_its_status(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *foreign = up_gauges(other->registry, "g", "p");
    const struct {
        cprom_gauge_vec *vec;
        cprom_labels match;
        cprom_status status;
    } scopes[] = {{NULL, CPROM_LABELS({"p", "z"}), CPROM_EINVAL},
                  {foreign, CPROM_LABELS({"p", "z"}), CPROM_EINVAL},
                  {g, CPROM_LABELS({"nope", "z"}), CPROM_ELABELS},
                  {g, CPROM_LABELS({"p", "z"}, {"p", "z"}), CPROM_ELABELS},
                  {g, CPROM_LABELS({"p", NULL}), CPROM_ELABELS},
                  {g, CPROM_LABELS({NULL, "z"}), CPROM_ELABELS}};
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "old"), 1));
    for (size_t i = 0; i < COUNT(scopes); i++) {
        cprom_update *update = up_new(r);
        assert_ok(OWNER(g, "a"));
        assert_ok(SET(g, 1, "a", "1"));
        assert_status(cprom_update_gauge_vec_replace(update, scopes[i].vec, scopes[i].match), scopes[i].status);
        assert_ok(SET(g, 1, "a", "2"));
        assert_status(cprom_update_gauge_vec_set(update, g, CPROM_STRS("a"), 1), CPROM_ELABELS);
        assert_ok(OWNER(g, "a"));
        assert_status(cprom_update_commit(update, NULL), scopes[i].status);
        up_commit_fails(update, CPROM_EINVAL); /* the first one was final */
        up_assert_lines(r, "g{p=\"a\",s=\"old\"} 1\n");
    }
    ct_fixture_free(other);
}

static void test_update_null_arguments_are_einval(void **state)
{
    TESTS_BEGIN;
    cprom_update *update = (cprom_update *)(void *)fixture;
    assert_status(cprom_update_new(NULL, &update), CPROM_EINVAL);
    assert_null(update);
    assert_status(cprom_update_new(r, NULL), CPROM_EINVAL);
    cprom_result result = {1, 1, 1, 1, CPROM_STALE_DELETE};
    assert_status(cprom_update_commit(NULL, &result), CPROM_EINVAL);
    assert_true(!result.created && !result.updated && !result.removed && !result.refused);
    cprom_update_free(NULL);
}

static void test_update_commit_twice_is_einval(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_update_commit(update, NULL));
    cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1); /* too late, whatever it answers */
    assert_status(cprom_update_commit(update, NULL), CPROM_EINVAL);
    up_commit_fails(update, CPROM_EINVAL);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\n");
}

/* ---- the one-call form ---- */

static void test_vec_replace_rows_are_the_series_now(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "2"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "2"), 1));
    cprom_result result;
    const cprom_gauge_row rows[] = {{CPROM_STRS("a", "2"), 5}, {CPROM_STRS("a", "3"), 6}, {CPROM_STRS("a"), 7},
                                    {CPROM_STRS("a", "\xff"), 8}, {CPROM_STRS("a", "3"), 9}};
    assert_status(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), rows, 5, &result), CPROM_EPARTIAL);
    assert_true(result.created == 1 && result.updated == 1 && result.removed == 1 && result.refused == 2);
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 5\ng{p=\"a\",s=\"3\"} 9\ng{p=\"b\",s=\"2\"} 1\n");
    assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), NULL, 0, NULL));
    up_assert_lines(r, "g{p=\"b\",s=\"2\"} 1\n");
    assert_ok(cprom_gauge_vec_replace(g, CPROM_NO_LABELS, rows, 1, &result));
    assert_true(result.created == 1 && result.updated == 0 && result.removed == 1 && result.refused == 0);
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 5\n");
    result.removed = 9;
    assert_status(cprom_gauge_vec_replace(g, CPROM_LABELS({"q", "a"}), rows, 2, &result), CPROM_ELABELS);
    assert_true(!result.created && !result.updated && !result.removed);
    assert_status(cprom_gauge_vec_replace(NULL, CPROM_NO_LABELS, rows, 2, &result), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_replace(g, CPROM_NO_LABELS, NULL, 2, &result), CPROM_EINVAL);
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 5\n");
}

/*
 * A vector that is registered while a page is being opened, and changed together with an older one: the page shows both
 * changes or none.
 */
struct late {
    cprom_registry *registry;
    cprom_gauge_vec *old;
    int vectors; /* how many were registered */
};

static void register_and_commit(struct late *late)
{
    char name[16];
    cprom_gauge_vec *new;
    snprintf(name, sizeof name, "n%d", ++late->vectors);
    assert_ok(cprom_gauge_vec_new(late->registry, CPROM_OPTS(cprom_opts, .name = name, .help = "N.", .labels = {"x"}), &new));
    cprom_update *update = up_new(late->registry);
    assert_ok(cprom_update_gauge_vec_set(update, late->old, CPROM_STRS("1"), late->vectors));
    assert_ok(cprom_update_gauge_vec_set(update, new, CPROM_STRS("1"), late->vectors));
    up_commit(update, 1 + (late->vectors == 1), late->vectors > 1, 0, 0);
}

static cprom_status commit_in_callback(void *ctx, cprom_scrape *out)
{
    struct late *late = ctx;
    (void)out;
    if (!late->vectors) register_and_commit(late);
    return CPROM_OK;
}

static void *read_lines(void *registry)
{
    up_assert_lines(registry, "n1{x=\"1\"} 1\nn2{x=\"1\"} 2\no{x=\"1\"} 2\n");
    return NULL;
}

static void test_update_of_a_vector_that_came_while_a_page_is_opened_is_whole(void **state)
{
    struct late late = {.registry = ((ct_fixture *)*state)->registry};
    assert_ok(cprom_gauge_vec_new(late.registry, CPROM_OPTS(cprom_opts, .name = "o", .help = "O.", .labels = {"x"}), &late.old));
    assert_ok(cprom_collector_new(late.registry, CPROM_OPTS(cprom_collector_opts, .name = "late",
                                                            .collect = commit_in_callback, .ctx = &late)));
    up_assert_lines(late.registry, "n1{x=\"1\"} 1\no{x=\"1\"} 1\n");
    pthread_t reader;
    ct_park(CPROM__SEAM_GATHER_READY);
    assert_int_equal(pthread_create(&reader, NULL, read_lines, late.registry), 0);
    ct_park_wait();
    register_and_commit(&late);
    ct_park_release();
    pthread_join(reader, NULL);
}

/* Something is registered whenever a gather looks, before the gate and in it, and between the two. */
static struct late *looked_at;
static int looks;
static bool in_gate; /* nobody can commit */

static void register_at_each_look(enum cprom__seam point)
{
    if (point != CPROM__SEAM_GATHER_LISTED && point != CPROM__SEAM_GATHER_READY) return;
    looks += point == CPROM__SEAM_GATHER_LISTED;
    if (in_gate) {
        cprom_gauge_vec *behind;
        assert_ok(cprom_gauge_vec_new(looked_at->registry, FAMILY("behind", .labels = {"x"}), &behind));
        assert_ok(cprom_gauge_vec_set(behind, CPROM_STRS("1"), 1));
    } else {
        register_and_commit(looked_at);
    }
    in_gate |= point == CPROM__SEAM_GATHER_READY;
}

static void assert_lines_looked_at(struct late *late, const char *expected)
{
    looked_at = late;
    looks = 0;
    in_gate = false;
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = register_at_each_look;
    ct_page page = ct_page_read(late->registry, NULL, 65536);
    cprom__seam_hook = hook;
    assert_int_equal(looks, 2);
    up_assert_page_lines(&page, expected);
}

static void test_update_of_vectors_that_come_whenever_a_page_looks_is_whole(void **state)
{
    struct late late = {.registry = ((ct_fixture *)*state)->registry};
    assert_ok(cprom_gauge_vec_new(late.registry, FAMILY("o", .labels = {"x"}), &late.old));
    assert_lines_looked_at(&late, "n1{x=\"1\"} 1\nn2{x=\"1\"} 2\no{x=\"1\"} 2\n");
    up_assert_lines(late.registry, "behind{x=\"1\"} 1\nn1{x=\"1\"} 1\nn2{x=\"1\"} 2\no{x=\"1\"} 2\n");
}

/* What callbacks emitted was not checked against the new vector: then the page goes without it. */
static cprom_status emit_and_register(void *ctx, cprom_scrape *out)
{
    static const cprom_desc desc = {.size = sizeof desc, .name = "n1", .type = CPROM_COUNTER, .labels = {"x"}};
    struct late *late = ctx;
    if (!late->vectors) register_and_commit(late);
    return cprom_emit(out, &desc, CPROM_STRS("1"), 7);
}

static void test_update_of_a_vector_that_came_behind_a_sample_of_its_name_leaves_the_page_whole(void **state)
{
    struct late late = {.registry = ((ct_fixture *)*state)->registry};
    assert_ok(cprom_gauge_vec_new(late.registry, CPROM_OPTS(cprom_opts, .name = "o", .help = "O.", .labels = {"x"}), &late.old));
    assert_ok(cprom_collector_new(late.registry, CPROM_OPTS(cprom_collector_opts, .name = "late",
                                                            .collect = emit_and_register, .ctx = &late)));
    up_assert_lines(late.registry, "n1{x=\"1\"} 7\no{x=\"1\"} 1\n");
    up_assert_lines(late.registry, "n1{x=\"1\"} 1\no{x=\"1\"} 1\n"); /* now the vector was there first */
}

static cprom_status emit_three(void *ctx, cprom_scrape *out)
{
    static const cprom_desc descs[] = {
        {.size = sizeof *descs, .name = "n1", .type = CPROM_COUNTER, .labels = {"x"}},
        {.size = sizeof *descs, .name = "n2", .type = CPROM_COUNTER, .labels = {"x"}},
        {.size = sizeof *descs, .name = "n3", .type = CPROM_COUNTER, .labels = {"x"}},
    };
    (void)ctx;
    for (size_t i = 0; i < COUNT(descs); i++) {
        cprom_status status = cprom_emit(out, &descs[i], CPROM_STRS("1"), 7);
        if (status) return status;
    }
    return CPROM_OK;
}

static void test_update_of_vectors_that_come_whenever_a_page_looks_and_do_not_fit_leaves_the_page_whole(void **state)
{
    struct late late = {.registry = ((ct_fixture *)*state)->registry};
    assert_ok(cprom_gauge_vec_new(late.registry, FAMILY("o", .labels = {"x"}), &late.old));
    assert_ok(cprom_collector_new(late.registry, CPROM_OPTS(cprom_collector_opts, .name = "three", .collect = emit_three)));
    assert_lines_looked_at(&late, "n1{x=\"1\"} 7\nn2{x=\"1\"} 7\nn3{x=\"1\"} 7\no{x=\"1\"} 2\n");
}

int group_commit(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_staged_shows_nothing),
        TEST(test_update_staged_series_keep_identity),
        TEST(test_update_removed_series_detach_and_start_anew),
        TEST(test_update_set_overwrites_and_add_adds_at_the_commit),
        TEST(test_update_entries_of_one_series_take_effect_in_order),
        TEST(test_update_entries_by_labels_and_by_handle_take_effect_in_order),
        TEST(test_update_without_scopes_removes_nothing),
        TEST(test_update_many_entries_are_all_there),
        TEST(test_update_replace_removes_what_matches_and_is_not_staged),
        TEST(test_update_scope_without_entries_empties_it),
        TEST(test_update_empty_match_replaces_the_whole_vector),
        TEST(test_update_scopes_overlapping_count_each_series_once),
        TEST(test_update_scope_values_are_copied_and_unescaped),
        TEST(test_update_through_handles_and_plain_instruments),
        TEST(test_update_histogram_and_summary_vectors),
        TEST(test_update_through_detached_handle_is_refused),
        TEST(test_update_bad_input_drops_that_entry_only),
        TEST(test_update_longest_label_value_is_fine),
        TEST(test_update_refused_scope_fails_the_commit_with_its_status),
        TEST(test_update_null_arguments_are_einval),
        TEST(test_update_commit_twice_is_einval),
        TEST(test_vec_replace_rows_are_the_series_now),
        TEST(test_update_of_a_vector_that_came_while_a_page_is_opened_is_whole),
        TEST(test_update_of_vectors_that_come_whenever_a_page_looks_is_whole),
        TEST(test_update_of_a_vector_that_came_behind_a_sample_of_its_name_leaves_the_page_whole),
        TEST(test_update_of_vectors_that_come_whenever_a_page_looks_and_do_not_fit_leaves_the_page_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
