/*
 * What staging and committing cost, by counting: entries, vectors and events that are compared, and bytes. Each of a large
 * change costs what each of a small one does.
 */
#include "support/updates.h"

#define EACH_AT_MOST 12 /* comparisons: a search, in slots that are at most as many as what is in them */

static size_t compared[2]; /* entries and vectors; events */

static void count_compared(enum cprom__seam point)
{
    compared[0] += point == CPROM__SEAM_UPDATE_COMPARES;
    compared[1] += point == CPROM__SEAM_EVENT_COMPARES;
}

static void count_begin(void)
{
    memset(compared, 0, sizeof compared);
    cprom__seam_hook = count_compared;
}

/* ---- many vectors ---- */

enum { VECTORS = 1000 };

static void many_vectors(cprom_registry *r, cprom_gauge_vec *vecs[VECTORS])
{
    char name[16];
    for (int i = 0; i < VECTORS; i++) {
        snprintf(name, sizeof name, "g%d", i);
        vecs[i] = up_gauges(r, name, i % 2 ? "p" : NULL);
    }
}

static void test_update_over_many_vectors_is_linear(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *vecs[VECTORS];
    cprom_gauge *held[VECTORS];
    many_vectors(r, vecs);
    for (int round = 0; round < 2; round++) {
        count_begin();
        cprom_update *update = up_new(r);
        for (int i = 0; i < VECTORS; i++) {
            /* The same labels in each. */
            assert_ok(OWNER(vecs[i], "a"));
            assert_ok(SET(vecs[i], i, "a", "1"));
            assert_ok(SET(vecs[i], i, "a", "2"));
            assert_ok(ADD(vecs[i], 1, "a", "1"));
            if (round) assert_ok(cprom_update_gauge_set(update, held[i], 1));
        }
        up_commit(update, round ? 0 : 2 * VECTORS, round ? 2 * VECTORS : 0, 0, 0);
        cprom__seam_hook = NULL;
        /* For each vector: nine searches that find, and as many that do not. */
        assert_true(compared[0] >= VECTORS);
        assert_true(compared[0] <= (size_t)3 * EACH_AT_MOST * VECTORS);
        for (int i = 0; i < VECTORS && !round; i++) held[i] = cprom_gauge_vec_with(vecs[i], CPROM_STRS("a", "1"));
    }
    for (int i = 0; i < VECTORS; i++) cprom_gauge_unref(held[i]);
}

/* ---- many entries ---- */

enum { STAGED = 100000, STAGED_BYTES_AT_MOST = 160 };

static void test_update_of_many_entries_takes_few_bytes_for_each(void **state)
{
    TESTS_BEGIN;
    char text[16];
    cprom_gauge_vec *gauges = up_gauges(r, "g", "p");
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_info_vec *infos;
    cprom_stateset_vec *states;
#define NEW(kind, vec, ...)                                                                                            \
    assert_ok(cprom_##kind##_vec_new(r, CPROM_OPTS(cprom_opts, .help = "h", .labels = {"p", "s"}, __VA_ARGS__), &(vec)))
    NEW(counter, counters, .name = "c_total");
    NEW(histogram, histograms, .name = "h");
    NEW(summary, summaries, .name = "s");
    NEW(info, infos, .name = "i_info");
    NEW(stateset, states, .name = "state", .states = {"on", "off"});
    for (int kind = 0; kind < 6; kind++) {
        size_t before = atomic_load(&fixture->alloc.bytes);
        cprom_update *update = up_new(r);
        for (int i = 0; i < STAGED; i++) {
            snprintf(text, sizeof text, "%d", i);
            cprom_strs strs = CPROM_STRS("a", text);
            if (kind == 0) assert_ok(cprom_update_gauge_vec_set(update, gauges, strs, i));
            if (kind == 1) assert_ok(cprom_update_counter_vec_add(update, counters, strs, i));
            if (kind == 2) assert_ok(cprom_update_histogram_vec_observe(update, histograms, strs, i));
            if (kind == 3) assert_ok(cprom_update_summary_vec_observe(update, summaries, strs, i));
            if (kind == 4) assert_ok(cprom_update_info_vec_set(update, infos, strs));
            if (kind == 5) assert_ok(cprom_update_stateset_vec_enter(update, states, strs, 1));
        }
        assert_true(atomic_load(&fixture->alloc.bytes) - before <= (size_t)STAGED * STAGED_BYTES_AT_MOST);
        cprom_update_free(update);
        assert_int_equal(atomic_load(&fixture->alloc.bytes), before);
    }
}

/* ---- many events ---- */

static void remove_many(cprom_gauge_vec *g, int n, const char *p)
{
    char value[16];
    for (int i = 0; i < n; i++) {
        snprintf(value, sizeof value, "%d", i);
        if (p) assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", p}, {"s", value}), NULL));
        else assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", value}), NULL));
    }
}

enum { EVENTS = 10000, ENTRIES = 100 };

static void stage_some(cprom_update *update, cprom_gauge_vec *g, cprom_gauge_vec *h)
{
    char s[16];
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(SET(g, i, "mine", s));
        assert_ok(cprom_update_gauge_vec_replace(update, g, CPROM_LABELS({"p", "mine"}, {"s", s})));
        assert_ok(SET(h, i, "mine", s));
    }
    assert_ok(OWNER(g, "mine"));
    assert_ok(OWNER(h, "mine"));
}

static void test_update_among_many_events_is_compared_with_few(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    cprom_update *old = up_new(r);
    count_begin();
    remove_many(g, EVENTS, NULL);
    remove_many(g, EVENTS, NULL);
    assert_true(compared[1] <= (size_t)2 * EACH_AT_MOST * EVENTS);
    assert_true(compared[1] >= EVENTS);
    stage_some(old, g, h);
    /* Created later: none of them concerns it, and it looks at none. */
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 1, "mine", "0"));
    assert_ok(SET(g, 1, "mine", "1"));
    count_begin();
    up_commit(update, 2, 0, 0, 0);
    assert_int_equal(compared[1], 0);
    /* Its own scopes are events, too. */
    cprom_update *later = up_new(r);
    stage_some(later, g, h);
    count_begin();
    up_commit(later, 2 * ENTRIES - 2, 2, 0, 0);
    assert_true(compared[1] <= (size_t)EACH_AT_MOST * (ENTRIES + 2));
    /* All of them are younger than this, and it is found stale for the later one's scopes; then they are forgotten. */
    count_begin();
    up_commit_fails(old, CPROM_ESTALE);
    assert_true(compared[1] <= (size_t)EACH_AT_MOST * (ENTRIES + 2 + EVENTS));
    cprom__seam_hook = NULL;
}

static void test_update_older_than_many_events_is_compared_with_few(void **state)
{
    for (int pairs = 0; pairs < 2; pairs++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
        cprom_update *old = up_new(r);
        stage_some(old, g, h);
        remove_many(g, EVENTS, pairs ? "yours" : NULL);
        count_begin();
        up_commit(old, 2 * ENTRIES, 0, 0, 0);
        cprom__seam_hook = NULL;
        /*
         * An entry and a scope are searched for once; to forget an event costs no comparison. A scope by {p} among events
         * by {p, s} is compared with each.
         */
        assert_true(compared[1] >= (size_t)pairs * EVENTS);
        assert_true(compared[1] <= (size_t)EACH_AT_MOST * (2 * ENTRIES + 4) + (size_t)pairs * EVENTS);
        ct_fixture_free(fixture);
    }
}

int group_growth(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_over_many_vectors_is_linear),
        TEST(test_update_of_many_entries_takes_few_bytes_for_each),
        TEST(test_update_among_many_events_is_compared_with_few),
        cmocka_unit_test(test_update_older_than_many_events_is_compared_with_few),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
