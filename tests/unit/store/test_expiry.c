/* Idle expiry, linger and caps. The clock is the test's. */
#include "oracle/model.h"

#include "support/kinds.h"

#define WAIT(seconds) ct_clock_advance(&fixture->clock, (int64_t)((seconds)*1e9))

static cprom_gauge_vec *gauges(cprom_registry *r, cprom_opts opts)
{
    cprom_gauge_vec *vec;
    opts.size = sizeof opts;
    opts.name = "g";
    opts.help = "h";
    opts.labels[0] = "s";
    assert_ok(cprom_gauge_vec_new(r, &opts, &vec));
    return vec;
}

static void set(cprom_gauge_vec *g, const char *s, double value)
{
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(s), value));
}

/* Asserts that these one-letter series are on the page, and that many are counted. */
static void assert_shown(cprom_registry *r, cprom_gauge_vec *g, const char *letters, size_t size)
{
    ct_page page = ct_page_read(r, NULL, 65536);
    char shown[64] = "";
    for (size_t i = 0; i < page.parsed->n_samples; i++)
        strcat(shown, parser_label_value(&page.parsed->samples[i], "s"));
    assert_string_equal(shown, letters);
    ct_page_free(&page);
    assert_int_equal(cprom_gauge_vec_size(g), size);
}

/* The page with self-metrics: how many were removed for that reason. */
static double removed_for(cprom_registry *r, const char *reason)
{
    char key[128];
    snprintf(key, sizeof key, "cprom_series_removed_total{family=\"g\",reason=\"%s\"}", reason);
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .self_metrics = true), 65536);
    double n = parser_value(page.parsed, key);
    ct_page_free(&page);
    return n;
}

/* ---- ttl ---- */

static void test_ttl_idle_series_go_and_touched_ones_stay(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10});
    set(g, "a", 1);
    set(g, "b", 1);
    WAIT(6);
    set(g, "b", 2);
    set(g, "c", 1);
    assert_shown(r, g, "abc", 3);
    WAIT(4); /* a is idle for the ttl, not for longer */
    assert_shown(r, g, "abc", 3);
    WAIT(1e-9);
    assert_shown(r, g, "bc", 2);
    double value;
    assert_status(cprom_gauge_vec_get(g, CPROM_STRS("a"), &value), CPROM_ENOENT);
    WAIT(6);
    assert_ok(cprom_gauge_vec_get(g, CPROM_STRS("b"), &value)); /* reading is not a touch */
    assert_shown(r, g, "", 0);
    assert_ok(cprom_gauge_vec_add(g, CPROM_STRS("b"), 5)); /* anew, from 0 */
    up_assert_lines(r, "g{s=\"b\"} 5\n");
    assert_true(removed_for(r, "ttl") == 3);
    assert_int_equal(up_stats(r).series_removed, 3);
}

static void test_ttl_held_series_stay(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10});
    set(g, "a", 1);
    cprom_gauge *b = cprom_gauge_vec_with(g, CPROM_STRS("b"));
    cprom_gauge *c = cprom_gauge_ref(cprom_gauge_vec_with(g, CPROM_STRS("c")));
    WAIT(100);
    assert_shown(r, g, "bc", 2);
    cprom_gauge_unref(c);
    assert_shown(r, g, "bc", 2);
    cprom_gauge_set(b, 1); /* a touch: counts from here once it is given back */
    cprom_gauge_unref(b);
    cprom_gauge_unref(c);
    assert_shown(r, g, "b", 1);
    WAIT(11);
    assert_shown(r, g, "", 0);
}

/* What touches: each series gets one sort of touch, all else is left alone. */
static void test_ttl_every_update_touches(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10});
    const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h", "x", "y"};
    for (int i = 0; i < 10; i++) set(g, names[i], 1);
    cprom_update *update = up_new(r), *abandoned = up_new(r);
    WAIT(9);
    set(g, "a", 2);
    assert_ok(cprom_gauge_vec_add(g, CPROM_STRS("b"), 0));
    cprom_gauge_unref(cprom_gauge_vec_with(g, CPROM_STRS("c")));
    cprom_gauge_unref(cprom_gauge_vec_with_labels(g, CPROM_LABELS({"s", "d"})));
    assert_ok(SET(g, 1, "e"));
    assert_ok(ADD(g, 0, "f"));
    up_commit(update, 0, 2, 0, 0);
    const cprom_gauge_row row = {CPROM_STRS("g"), 1};
    assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"s", "g"}), &row, 1, NULL));
    assert_ok(cprom_gauge_vec_set_to_current_time(g, CPROM_STRS("h")));
    assert_ok(cprom_update_gauge_vec_set(abandoned, g, CPROM_STRS("x"), 1));
    cprom_update_free(abandoned);
    double value;
    assert_ok(cprom_gauge_vec_get(g, CPROM_STRS("y"), &value));
    WAIT(2);
    assert_shown(r, g, "abcdefgh", 8);
}

static void test_ttl_all_kinds_expire(void **state)
{
    TESTS_BEGIN;
    cprom_vec *vecs[KINDS];
    for (int i = 0; i < KINDS; i++) {
        assert_ok(kinds[i].make(r, FAMILY(kinds[i].name, .labels = {"s"}, .ttl_seconds = 10), &vecs[i]));
    }
    char text[8];
    for (int i = 0; i < 400; i++) { /* with and without stripes */
        snprintf(text, sizeof text, "%d", i);
        for (int k = 0; k < KINDS; k++) assert_ok(kinds[k].update(vecs[k], CPROM_STRS(text)));
    }
    WAIT(8);
    for (int i = 0; i < 400; i += 3) {
        snprintf(text, sizeof text, "%d", i);
        for (int k = 0; k < KINDS; k++) assert_ok(kinds[k].add(vecs[k], CPROM_STRS(text), 0));
    }
    WAIT(8);
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "c_total"), 134);
    assert_int_equal(parser_count(page.parsed, "g"), 134);
    assert_int_equal(parser_count(page.parsed, "h"), 134 * 14);
    assert_int_equal(parser_count(page.parsed, "s"), 134 * 2);
    ct_page_free(&page);
    for (int k = 0; k < KINDS; k++) assert_int_equal(cprom_vec_size(vecs[k]), 134);
}

/* Nobody scrapes: what is created later finds what is idle. */
static void test_ttl_without_scrapes_memory_is_bounded(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10});
    char text[16];
    size_t bytes = 0, most = 0;
    for (int i = 0; i < 60000; i++) {
        snprintf(text, sizeof text, "%d", i);
        set(g, text, i);
        WAIT(0.1); /* a hundred are alive by right */
        if (i == 10000) bytes = up_stats(r).bytes;
        if (cprom_gauge_vec_size(g) > most) most = cprom_gauge_vec_size(g);
    }
    assert_in_range(most, 100, 2000);
    assert_in_range(up_stats(r).bytes, 1, bytes + bytes / 2);
}

static void test_ttl_trim_removes_what_is_idle(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10, .linger_seconds = 5});
    char text[16];
    size_t before = up_stats(r).bytes;
    for (int i = 0; i < 5000; i++) {
        snprintf(text, sizeof text, "%d", i);
        set(g, text, i);
        if (i % 2) assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS(text)));
    }
    WAIT(11);
    set(g, "a", 1);
    cprom_registry_trim(r);
    assert_int_equal(cprom_gauge_vec_size(g), 1);
    assert_int_equal(up_stats(r).series_unreclaimed, 0);
    assert_in_range(up_stats(r).bytes, 1, before + 200 * 1024); /* it took 600 */
    assert_shown(r, g, "a", 1);
}

static void test_ttl_a_page_removes_a_bounded_number(void **state)
{
    enum {
        MANY = 10000
    };
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10});
    char text[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        set(g, text, i);
    }
    WAIT(11);
    assert_shown(r, g, "", MANY - 4096);
    assert_shown(r, g, "", MANY - 2 * 4096);
    assert_shown(r, g, "", 0);
}

static void test_ttl_open_page_goes_on_showing(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10, .linger_seconds = 5});
    set(g, "a", 1);
    set(g, "b", 2);
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("b")));
    cprom_page *page;
    assert_ok(cprom_page_open(r, NULL, &page));
    WAIT(100);
    assert_shown(r, g, "", 0);
    for (int i = 0; i < 100; i++) {
        set(g, "c", 1);
        assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("c")));
    }
    cprom_registry_trim(r);
    ct_page text = ct_page_drain(page, 100);
    ct_assert_text_equal(text.text, "# HELP g h\n# TYPE g gauge\ng{s=\"a\"} 1\ng{s=\"b\"} 2\n");
    ct_page_free(&text);
    cprom_page_close(page);
}

static void test_ttl_what_is_over_makes_room_under_a_cap(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10, .max_series = 3});
    for (int i = 0; i < 3; i++) set(g, (const char *const[]){"a", "b", "c"}[i], i);
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("d"), 4), CPROM_ELIMIT);
    WAIT(11);
    set(g, "d", 4);
    set(g, "e", 5);
    set(g, "f", 6);
    assert_shown(r, g, "def", 3);
    WAIT(11);
    cprom_update *update = up_new(r);
    for (int i = 0; i < 3; i++)
        assert_ok(cprom_update_gauge_vec_set(update, g, CPROM_STRS((const char *const[]){"g", "h", "i"}[i]), i));
    assert_ok(cprom_update_commit(update, NULL));
    cprom_update_free(update);
    assert_shown(r, g, "ghi", 3);
}

/* Wherever the search for what is over stands when room is needed. */
static void test_ttl_what_is_over_makes_room_wherever_the_search_stands(void **state)
{
    const int most = 2500; /* more than a segment of the map or two */
    for (int n = 1; n < most; n += 83) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_gauge_vec *g = gauges(fixture->registry, (cprom_opts){.ttl_seconds = 10, .max_series = (size_t)n});
        char s[16];
        for (int i = 0; i < n; i++) {
            snprintf(s, sizeof s, "%d", i);
            assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(s), i));
        }
        assert_int_equal(cprom_gauge_vec_set(g, CPROM_STRS("new"), 1), CPROM_ELIMIT);
        ct_clock_advance(&fixture->clock, 11 * SECOND);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("new"), 1));
        ct_fixture_free(fixture);
    }
}

/* ---- linger ---- */

static void test_linger_deleted_series_are_shown_for_so_long(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10, .owner = "s"});
    for (int i = 0; i < 5; i++) set(g, (const char *const[]){"a", "b", "c", "d", "e"}[i], i);
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
    WAIT(1);
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"s", "b"}), NULL));
    WAIT(1);
    assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"s", "c"}), cprom_registry_mark(r), NULL));
    WAIT(1);
    assert_ok(cprom_registry_sweep(r, CPROM_LABELS({"s", "d"}), cprom_registry_mark(r), NULL));
    assert_shown(r, g, "abcde", 1);
    double value;
    assert_status(cprom_gauge_vec_get(g, CPROM_STRS("a"), &value), CPROM_ENOENT);
    WAIT(7 - 1e-9);
    assert_shown(r, g, "abcde", 1);
    WAIT(1e-9);
    assert_shown(r, g, "bcde", 1);
    WAIT(1);
    assert_shown(r, g, "cde", 1);
    WAIT(1);
    assert_shown(r, g, "de", 1);
    WAIT(1);
    assert_shown(r, g, "e", 1);
    up_assert_lines(r, "g{s=\"e\"} 4\n");
}

static void test_linger_does_not_begin_again(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10, .owner = "s"});
    set(g, "a", 1);
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
    for (int i = 0; i < 3; i++) {
        size_t removed;
        WAIT(3);
        assert_status(cprom_gauge_vec_delete(g, CPROM_STRS("a")), CPROM_ENOENT);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"s", "a"}), &removed));
        assert_int_equal(removed, 0);
        assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"s", "a"}), cprom_registry_mark(r), &removed));
        assert_int_equal(removed, 0);
        assert_shown(r, g, "a", 0);
    }
    WAIT(1);
    assert_shown(r, g, "", 0);
}

static void test_linger_other_removals_are_at_once(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10, .ttl_seconds = 20, .owner = "s"});
    for (int lingers = 0; lingers < 2; lingers++) {
        for (int how = 0; how < 4; how++) {
            set(g, "a", 1);
            if (lingers) assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
            cprom_update *update = up_new(r);
            switch (how) {
            case 0: assert_ok(cprom_gauge_vec_clear(g)); break;
            case 1: assert_ok(cprom_gauge_vec_replace(g, CPROM_LABELS({"s", "a"}), NULL, 0, NULL)); break;
            case 2:
                assert_ok(cprom_update_gauge_vec_replace(update, g, CPROM_NO_LABELS));
                assert_ok(cprom_update_commit(update, NULL));
                break;
            default: WAIT(21);
            }
            cprom_update_free(update);
            assert_shown(r, g, "", 0);
        }
    }
}

static void test_linger_ends_when_the_labels_are_used_again(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10});
    for (int i = 1; i <= 50; i++) {
        char lines[32];
        assert_ok(cprom_gauge_vec_add(g, CPROM_STRS("a"), i)); /* from 0 each time */
        snprintf(lines, sizeof lines, "g{s=\"a\"} %d\n", i);
        up_assert_lines(r, lines);
        cprom_gauge *held = cprom_gauge_vec_with(g, CPROM_STRS("a"));
        assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
        cprom_gauge_set(held, 99); /* detached, also while it lingers */
        cprom_gauge_unref(held);
        up_assert_lines(r, lines);
        assert_int_equal(up_stats(r).dropped_detached, i);
    }
    WAIT(10);
    up_assert_lines(r, "");
    cprom_registry_trim(r);
    assert_int_equal(up_stats(r).series_unreclaimed, 0);
}

static void test_linger_at_most_so_many(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10, .max_series = 3});
    const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++) {
        set(g, names[i], i); /* lingering ones don't count against the cap */
        assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS(names[i])));
    }
    assert_shown(r, g, "abc", 0);
    for (int i = 3; i < 6; i++) set(g, names[i], i);
    assert_shown(r, g, "abcdef", 3);
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("x"), 1), CPROM_ELIMIT);
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("a"), 1), CPROM_ELIMIT); /* which leaves it lingering */
    assert_shown(r, g, "abcdef", 3);
    WAIT(10);
    assert_shown(r, g, "def", 3);
    size_t removed;
    assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"s", "d"}), &removed));
    assert_shown(r, g, "def", 2);
}

/* ---- caps ---- */

static void test_cap_refuses_beyond(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.max_series = 2});
    set(g, "a", 1);
    set(g, "b", 1);
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("c"), 1), CPROM_ELIMIT);
    assert_null(cprom_gauge_vec_with(g, CPROM_STRS("c")));
    set(g, "b", 2);
    assert_int_equal(up_stats(r).dropped_limit, 2);
    assert_shown(r, g, "ab", 2);
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
    set(g, "c", 1);
    assert_shown(r, g, "bc", 2);
    assert_int_equal(ct_log_count_with(&fixture->log, "limit", NULL), 1);
}

static void test_cap_folds_all_kinds_but_gauges(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c;
    cprom_histogram_vec *h;
    cprom_summary_vec *s;
    cprom_gauge_vec *g;
#define FOLD(n) CPROM_OPTS(cprom_opts, .name = n, .help = "h", .labels = {"s"}, .max_series = 1, .overflow = CPROM_FOLD)
    assert_ok(cprom_counter_vec_new(r, FOLD("c_total"), &c));
    assert_ok(cprom_histogram_vec_new(r,
                                      CPROM_OPTS(cprom_opts, .name = "h", .help = "h", .labels = {"s"}, .max_series = 1,
                                                 .overflow = CPROM_FOLD, .bounds = (const double[]){1}, .n_bounds = 1),
                                      &h));
    assert_ok(cprom_summary_vec_new(r, FOLD("s"), &s));
    assert_status(cprom_gauge_vec_new(r, FOLD("g"), &g), CPROM_EINVAL);
    assert_status(
        cprom_counter_vec_new(
            r, CPROM_OPTS(cprom_opts, .name = "d_total", .help = "h", .labels = {"s"}, .overflow = CPROM_FOLD), &c),
        CPROM_EINVAL);
    assert_null(c);
    assert_true(ct_log_has(&fixture->log, "d_total", "overflow"));
    const char *const names[] = {"a", "b", "c"};
    for (int i = 0; i < 3; i++) {
        assert_ok(cprom_histogram_vec_observe(h, CPROM_STRS(names[i]), i));
        assert_ok(cprom_summary_vec_observe(s, CPROM_STRS(names[i]), i));
    }
    up_assert_lines(
        r, "h_bucket{s=\"a\",le=\"1\"} 1\nh_bucket{s=\"a\",le=\"+Inf\"} 1\nh_sum{s=\"a\"} 0\nh_count{s=\"a\"} 1\n"
           "h_bucket{s=\"other\",le=\"1\"} 1\nh_bucket{s=\"other\",le=\"+Inf\"} 2\nh_sum{s=\"other\"} 3\n"
           "h_count{s=\"other\"} 2\ns_sum{s=\"a\"} 0\ns_count{s=\"a\"} 1\ns_sum{s=\"other\"} 3\n"
           "s_count{s=\"other\"} 2\n");
    assert_int_equal(up_stats(r).updates_folded, 4);
    assert_int_equal(up_stats(r).dropped_limit, 0);
    uint64_t count;
    assert_status(cprom_summary_vec_get(s, CPROM_STRS("b"), &count, NULL), CPROM_ENOENT);
    assert_ok(cprom_summary_vec_get(s, CPROM_STRS("other"), &count, NULL));
    assert_int_equal(count, 2);
    cprom_summary *folded = cprom_summary_vec_with(s, CPROM_STRS("z")); /* a handle to the one that is one more */
    cprom_summary_observe(folded, 1);
    assert_int_equal(cprom_summary_count(folded), 3);
    cprom_summary_unref(folded);
}

static void test_ttl_and_linger_options_must_be_times(void **state)
{
    TESTS_BEGIN;
    const double bad[] = {-1, -0.001, 0.0 / 0.0, 1.0 / 0.0, 1e300};
    cprom_gauge_vec *g;
    for (int i = 0; i < 5; i++) {
        cprom_opts opts = CPROM_INIT(cprom_opts);
        opts.name = "g";
        opts.help = "h";
        opts.labels[0] = "s";
        opts.ttl_seconds = bad[i];
        assert_status(cprom_gauge_vec_new(r, &opts, &g), CPROM_EINVAL);
        opts.ttl_seconds = 0;
        opts.linger_seconds = bad[i];
        assert_status(cprom_gauge_vec_new(r, &opts, &g), CPROM_EINVAL);
    }
}

static void test_ttl_and_linger_below_a_nanosecond_are_one(void **state)
{
    TESTS_BEGIN;
    static const double times[] = {1e-9, 0.9e-9, 1e-10, 5e-324};
    for (int i = 0; i < 4; i++) {
        cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = times[i]});
        set(g, "a", 1);
        WAIT(1e-9);
        assert_shown(r, g, "a", 1);
        WAIT(1e-9);
        assert_shown(r, g, "", 0);
        assert_ok(cprom_registry_unregister(r, "g"));
        g = gauges(r, (cprom_opts){.linger_seconds = times[i]});
        set(g, "a", 1);
        assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a")));
        assert_shown(r, g, "a", 0);
        WAIT(1e-9);
        assert_shown(r, g, "", 0);
        assert_ok(cprom_registry_unregister(r, "g"));
    }
}

/* ---- models ---- */

static const struct model_weights everything = {.set = 30,
                                                .handle = 20,
                                                .delete_one = 10,
                                                .delete_matching = 5,
                                                .clear = 1,
                                                .sweep = 5,
                                                .update = 30,
                                                .replace = 5,
                                                .wait = 20};

static void test_ttl_random_operations_match_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.ttl_seconds = 7}, &everything, seed, 1500);
}

static void test_linger_random_operations_match_the_model(void **state)
{
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.linger_seconds = 9}, &everything, seed, 1500);
}

static void test_ttl_linger_and_cap_random_operations_match_the_model(void **state)
{
    const cprom_opts all = {.ttl_seconds = 12, .linger_seconds = 9, .max_series = 7};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&all, &everything, seed, 1500);
}

static void test_ttl_linger_and_bounds_of_owners_random_operations_match_the_model(void **state)
{
    const cprom_opts all[] = {{.ttl_seconds = 7, .max_series_per_owner = 2},
                              {.ttl_seconds = 12, .linger_seconds = 9, .max_series = 7, .max_series_per_owner = 2}};
    for (uint64_t seed = 1; seed <= 4; seed++) model_run(&all[seed % 2], &everything, seed, 1500);
}

int group_expiry(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_ttl_idle_series_go_and_touched_ones_stay),
        TEST(test_ttl_held_series_stay),
        TEST(test_ttl_every_update_touches),
        TEST(test_ttl_all_kinds_expire),
        TEST(test_ttl_without_scrapes_memory_is_bounded),
        TEST(test_ttl_trim_removes_what_is_idle),
        TEST(test_ttl_a_page_removes_a_bounded_number),
        TEST(test_ttl_open_page_goes_on_showing),
        TEST(test_ttl_what_is_over_makes_room_under_a_cap),
        cmocka_unit_test(test_ttl_what_is_over_makes_room_wherever_the_search_stands),
        TEST(test_linger_deleted_series_are_shown_for_so_long),
        TEST(test_linger_does_not_begin_again),
        TEST(test_linger_other_removals_are_at_once),
        TEST(test_linger_ends_when_the_labels_are_used_again),
        TEST(test_linger_at_most_so_many),
        TEST(test_cap_refuses_beyond),
        TEST(test_cap_folds_all_kinds_but_gauges),
        TEST(test_ttl_and_linger_options_must_be_times),
        TEST(test_ttl_and_linger_below_a_nanosecond_are_one),
        cmocka_unit_test(test_ttl_random_operations_match_the_model),
        cmocka_unit_test(test_linger_random_operations_match_the_model),
        cmocka_unit_test(test_ttl_linger_and_cap_random_operations_match_the_model),
        cmocka_unit_test(test_ttl_linger_and_bounds_of_owners_random_operations_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
