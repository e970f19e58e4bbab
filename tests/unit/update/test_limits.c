/* Updates of vectors that are capped, fold, expire or let series linger. */
#include "support/updates.h"

static cprom_gauge_vec *gauges(cprom_registry *r, cprom_opts opts)
{
    cprom_gauge_vec *vec;
    opts.size = sizeof opts;
    opts.name = "g";
    opts.help = "h";
    opts.labels[0] = "p";
    opts.labels[1] = "s";
    assert_ok(cprom_gauge_vec_new(r, &opts, &vec));
    return vec;
}

static cprom_counter_vec *folding(cprom_registry *r, size_t max)
{
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r,
                                    CPROM_OPTS(cprom_opts, .name = "c_total", .help = "h", .labels = {"p", "s"},
                                               .owner = "p", .max_series = max, .overflow = CPROM_FOLD),
                                    &vec));
    return vec;
}

static void add(cprom_update *update, cprom_counter_vec *c, const char *p, const char *s, double amount)
{
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS(p, s), amount));
}

/* ---- refuse ---- */

static void test_update_beyond_the_cap_is_refused(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.max_series = 3});
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 2, "a", "2"));
    assert_ok(SET(g, 3, "a", "3"));
    assert_ok(SET(g, 4, "a", "4"));
    assert_ok(SET(g, 5, "a", "5"));
    assert_ok(SET(g, 6, "a", "1"));
    up_commit(update, 2, 1, 0, 2);
    assert_int_equal(up_stats(r).dropped_limit, 2);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 6\ng{p=\"a\",s=\"2\"} 2\ng{p=\"a\",s=\"3\"} 3\n");
    assert_int_equal(cprom_gauge_vec_size(g), 3);
    /* What was refused is not reserved any more. */
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "4"), 4));
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("a", "5"), 5), CPROM_ELIMIT);
}

static void test_update_replace_makes_room_first(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.max_series = 3, .owner = "p"});
    for (int round = 0; round < 3; round++) {
        cprom_update *update = up_new(r);
        assert_ok(ALL(g));
        char text[3][8];
        for (int i = 0; i < 3; i++) {
            snprintf(text[i], sizeof text[i], "%d", round * 2 + i);
            assert_ok(SET(g, i, "a", text[i]));
        }
        if (round) up_commit(update, 2, 1, 2, 0);
        else up_commit(update, 3, 0, 0, 0);
        assert_int_equal(cprom_gauge_vec_size(g), 3);
    }
    assert_int_equal(up_stats(r).dropped_limit, 0);
}

static void test_update_reservations_do_not_count_against_the_cap(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.max_series = 1});
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 1, "a", "reserved"));
    /* A failed commit keeps its reservations until it is freed. */
    for (size_t nth = 1; nth < 30; nth++) {
        ct_alloc_fail_at(&fixture->alloc, nth, true);
        cprom_status status = cprom_update_commit(update, NULL);
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        if (status == CPROM_OK) break;
        assert_int_equal(cprom_gauge_vec_size(g), 0);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "live"), 1));
        assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "live")));
    }
    cprom_update_free(update);
    up_assert_lines(r, "g{p=\"a\",s=\"reserved\"} 1\n");
}

/* ---- fold ---- */

static void test_update_beyond_the_cap_is_folded(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 2);
    cprom_update *update = up_new(r);
    add(update, c, "a", "1", 1);
    add(update, c, "a", "2", 2);
    add(update, c, "a", "3", 3);
    add(update, c, "a", "4", 4);
    up_commit(update, 3, 0, 0, 0);
    assert_int_equal(up_stats(r).updates_folded, 2);
    assert_int_equal(up_stats(r).dropped_limit, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 2\nc_total{p=\"other\",s=\"other\"} 7\n");
    update = up_new(r);
    add(update, c, "a", "5", 10);
    add(update, c, "a", "1", 10);
    up_commit(update, 0, 2, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 11\nc_total{p=\"a\",s=\"2\"} 2\nc_total{p=\"other\",s=\"other\"} 17\n");
}

static void test_vec_fold_other_is_one_more(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 2);
    const char *const s[] = {"1", "2", "3"};
    for (int i = 0; i < 3; i++) assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", s[i])));
    assert_int_equal(cprom_counter_vec_size(c), 3);
    /* A place that is free again is taken again, beside the one that is one more. */
    for (int i = 0; i < 3; i++) {
        assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("a", "1")));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", "1")));
        assert_ok(cprom_counter_vec_get(c, CPROM_STRS("a", "1"), &(double){0}));
    }
    assert_int_equal(up_stats(r).updates_folded, 1);
    assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("other", "other")));
    assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", "3")));
    assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("other", "other"))); /* by its own name: the same */
    assert_int_equal(up_stats(r).updates_folded, 2);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"other\",s=\"other\"} 2\n");
}

static unsigned series_made;

static void count_made(enum cprom__seam point) { series_made += point == CPROM__SEAM_CREATE_READY; }

/* A limit that nobody reaches is none: nothing is folded, and nobody looks twice whether there is room. */
static void test_vec_limit_without_end_is_none(void **state)
{
    TESTS_BEGIN;
    static const size_t limits[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1};
    static const char *const s[] = {"1", "2", "3", "4"};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        cprom_counter_vec *c = folding(r, limits[i]);
        series_made = 0;
        cprom__seam_hook = count_made;
        for (int k = 0; k < 3; k++) assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", s[k])));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("other", "other")));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", s[3])));
        cprom__seam_hook = NULL;
        assert_int_equal(series_made, 5);
        cprom_update *update = up_new(r);
        add(update, c, "a", "5", 5);
        up_commit(update, 1, 0, 0, 0);
        assert_int_equal(cprom_counter_vec_size(c), 6);
        assert_int_equal(up_stats(r).updates_folded, 0);
        up_assert_lines(r,
                        "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"a\",s=\"3\"} 1\n"
                        "c_total{p=\"a\",s=\"4\"} 1\nc_total{p=\"a\",s=\"5\"} 5\nc_total{p=\"other\",s=\"other\"} 1\n");
        assert_ok(cprom_registry_unregister(r, "c_total"));
    }
}

static void test_update_replace_removes_other_unless_it_is_used(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 2);
    const char *const s[] = {"1", "2", "3", "4", "5"};
    for (int i = 0; i < 3; i++) assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", s[i])));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_NO_LABELS));
    add(update, c, "a", "4", 4);
    add(update, c, "a", "5", 5);
    up_commit(update, 2, 0, 3, 0); /* both fit: nothing is folded, and what was is not staged */
    up_assert_lines(r, "c_total{p=\"a\",s=\"4\"} 4\nc_total{p=\"a\",s=\"5\"} 5\n");
    for (int i = 0; i < 3; i++) assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", s[i])));
    update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_NO_LABELS));
    for (int i = 0; i < 3; i++) add(update, c, "a", s[i], 1);
    up_commit(update, 2, 1, 2, 0); /* 4 and 5 go, 1 and 2 take their places, 3 is folded */
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"other\",s=\"other\"} 4\n");
    /* Another owner's scope does not reach it. */
    update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
    add(update, c, "a", "5", 5);
    up_commit(update, 1, 0, 2, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"5\"} 5\nc_total{p=\"other\",s=\"other\"} 4\n");
    /* Staged by its own name it stays. */
    update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_NO_LABELS));
    add(update, c, "other", "other", 1);
    add(update, c, "a", "1", 1);
    up_commit(update, 1, 1, 1, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"other\",s=\"other\"} 5\n");
}

/* Any sequence of replacements of a folding vector against what is written above, as a model. */
static void test_update_fold_random_operations_match_a_model(void **state)
{
    TESTS_BEGIN;
    enum { KEYS = 8, CAP = 3, OTHER = KEYS };
    cprom_counter_vec *c = folding(r, CAP);
    double value[KEYS + 1] = {0};
    bool alive[KEYS + 1] = {false};
    uint64_t seed = 11;
    for (int round = 0; round < 3000; round++) {
        cprom_update *update = up_new(r);
        int staged[6], n = (int)(next_random(&seed) % 6), replaces = (int)(next_random(&seed) % 2);
        bool keep[KEYS + 1] = {false};
        size_t created = 0, updated = 0, removed = 0, count = 0;
        if (replaces) assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_NO_LABELS));
        char text[4];
        for (int i = 0; i < n; i++) {
            staged[i] = (int)(next_random(&seed) % (KEYS + 1));
            snprintf(text, sizeof text, "%d", staged[i]);
            if (staged[i] == OTHER) add(update, c, "other", "other", i);
            else add(update, c, "p", text, i);
            keep[staged[i]] = true;
        }
        bool was[KEYS + 1], touched[KEYS + 1] = {false};
        memcpy(was, alive, sizeof was);
        for (int k = 0; k < KEYS; k++) {
            if (replaces && alive[k] && !keep[k]) alive[k] = false, removed++;
            count += alive[k];
        }
        for (int i = 0; i < n; i++) {
            int k = staged[i];
            if (k != OTHER && !alive[k] && count == CAP) k = OTHER;
            if (!alive[k] && k != OTHER) count++;
            if (!alive[k]) value[k] = 0;
            alive[k] = touched[k] = true;
            value[k] += i;
        }
        if (replaces && alive[OTHER] && !touched[OTHER]) alive[OTHER] = false, removed++;
        for (int k = 0; k <= KEYS; k++) {
            created += touched[k] && !was[k];
            updated += touched[k] && was[k];
        }
        up_commit(update, created, updated, removed, 0);
        char lines[2048] = "", number[PARSER_NUMBER_MAX];
        if (alive[OTHER]) {
            snprintf(lines, sizeof lines, "c_total{p=\"other\",s=\"other\"} %s\n", parser_number(value[OTHER], number));
        }
        for (int k = 0; k < KEYS; k++) {
            size_t len = strlen(lines);
            if (!alive[k]) continue;
            snprintf(lines + len, sizeof lines - len, "c_total{p=\"p\",s=\"%d\"} %s\n", k,
                     parser_number(value[k], number));
        }
        up_assert_lines(r, lines);
        assert_true(cprom_counter_vec_size(c) <= CAP + 1);
    }
}

/* ---- ttl and linger ---- */

static void test_update_touches_and_its_handles_keep(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.ttl_seconds = 10, .owner = "p"});
    cprom_gauge *handle = cprom_gauge_vec_with(g, CPROM_STRS("a", "held"));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "by label"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "idle"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 2, "a", "by label"));
    assert_ok(cprom_update_gauge_set(update, handle, 2));
    cprom_gauge_unref(handle); /* the update's reference keeps it */
    ct_clock_advance(&fixture->clock, 11 * SECOND);
    up_assert_lines(r, "g{p=\"a\",s=\"held\"} 0\n");
    up_commit(update, 1, 1, 0, 0); /* what has expired meanwhile is made anew */
    up_assert_lines(r, "g{p=\"a\",s=\"by label\"} 2\ng{p=\"a\",s=\"held\"} 2\n");
    ct_clock_advance(&fixture->clock, 9 * SECOND);
    update = up_new(r);
    assert_ok(ADD(g, 0, "a", "by label"));
    up_commit(update, 0, 1, 0, 0);
    ct_clock_advance(&fixture->clock, 2 * SECOND);
    up_assert_lines(r, "g{p=\"a\",s=\"by label\"} 2\n");
    ct_clock_advance(&fixture->clock, 9 * SECOND);
    up_assert_lines(r, "");
}

static void test_update_removes_at_once_and_ends_lingering(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r, (cprom_opts){.linger_seconds = 10, .owner = "p"});
    const char *const s[] = {"1", "2", "3", "4"};
    for (int i = 0; i < 4; i++) assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", s[i]), i));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "2")));
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 0\ng{p=\"a\",s=\"2\"} 1\ng{p=\"a\",s=\"3\"} 2\ng{p=\"a\",s=\"4\"} 3\n");
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(ADD(g, 7, "a", "1")); /* lingers: used again, from 0 */
    assert_ok(ADD(g, 7, "a", "3"));
    up_commit(update, 1, 1, 1, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 7\ng{p=\"a\",s=\"3\"} 7\n");
}

int group_limits(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_beyond_the_cap_is_refused),
        TEST(test_update_replace_makes_room_first),
        TEST(test_update_reservations_do_not_count_against_the_cap),
        TEST(test_update_beyond_the_cap_is_folded),
        TEST(test_vec_fold_other_is_one_more),
        TEST(test_vec_limit_without_end_is_none),
        TEST(test_update_replace_removes_other_unless_it_is_used),
        TEST(test_update_fold_random_operations_match_a_model),
        TEST(test_update_touches_and_its_handles_keep),
        TEST(test_update_removes_at_once_and_ends_lingering),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
