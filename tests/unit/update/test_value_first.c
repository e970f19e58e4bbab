/*
 * A value first: whoever finds a new series alive finds the value in it that made it. Looked at from the seam at which a
 * series has just come alive, on the thread that makes it: reading takes no lock.
 */
#include "support/cprom_test.h"

static struct {
    cprom_gauge_vec *gauges;
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_stateset_vec *statesets;
    cprom_update *update;
    int seen;       /* how often a series came alive */
    int first_seen; /* what it showed */
    const char *key;
} made;

/* What a series shows, of whatever kind it is: the value, the count or the states; -1: there is none. */
static int shown(void)
{
    double value;
    uint64_t count;
    cprom_strs key = CPROM_STRS(made.key);
    if (cprom_gauge_vec_get(made.gauges, key, &value) == CPROM_OK) return (int)value;
    if (cprom_counter_vec_get(made.counters, key, &value) == CPROM_OK) return (int)value;
    if (cprom_histogram_vec_get(made.histograms, key, &count, NULL) == CPROM_OK) return (int)count;
    if (cprom_summary_vec_get(made.summaries, key, &count, NULL) == CPROM_OK) return (int)count;
    if (cprom_stateset_vec_get(made.statesets, key, &count) == CPROM_OK) return (int)count;
    return -1;
}

static void look(enum cprom__seam point)
{
    if (point != CPROM__SEAM_CREATE_ALIVE) return;
    int value = shown();
    if (!made.seen++) made.first_seen = value;
}

static cprom_status gauge_set(void) { return cprom_gauge_vec_set(made.gauges, CPROM_STRS("a"), 42); }
static cprom_status gauge_add(void) { return cprom_gauge_vec_add(made.gauges, CPROM_STRS("a"), 7); }
static cprom_status gauge_now(void) { return cprom_gauge_vec_set_to_current_time(made.gauges, CPROM_STRS("a")); }
static cprom_status counter_inc(void) { return cprom_counter_vec_inc(made.counters, CPROM_STRS("a")); }
static cprom_status counter_add(void) { return cprom_counter_vec_add(made.counters, CPROM_STRS("a"), 3); }

static cprom_status counter_exemplar(void)
{
    return cprom_counter_vec_add_with_exemplar(made.counters, CPROM_STRS("a"), 3, CPROM_LABELS({"t", "1"}), 0);
}

static cprom_status histogram(void) { return cprom_histogram_vec_observe(made.histograms, CPROM_STRS("a"), 9); }

static cprom_status histogram_exemplar(void)
{
    return cprom_histogram_vec_observe_with_exemplar(made.histograms, CPROM_STRS("a"), 9, CPROM_LABELS({"t", "1"}), 0);
}

static cprom_status summary(void) { return cprom_summary_vec_observe(made.summaries, CPROM_STRS("a"), 9); }
static cprom_status state_on(void) { return cprom_stateset_vec_set(made.statesets, CPROM_STRS("a"), 1, true); }
static cprom_status state_enter(void) { return cprom_stateset_vec_enter(made.statesets, CPROM_STRS("a"), 2); }

static cprom_status gauge_staged(void)
{
    cprom_status status = cprom_update_gauge_vec_set(made.update, made.gauges, CPROM_STRS("a"), 42);
    return status ? status : cprom_update_commit(made.update, NULL);
}

static cprom_status histogram_staged(void)
{
    for (int i = 0; i < 3; i++) {
        cprom_status status = cprom_update_histogram_vec_observe(made.update, made.histograms, CPROM_STRS("a"), i);
        if (status) return status;
    }
    return cprom_update_commit(made.update, NULL);
}

static cprom_status state_staged(void)
{
    cprom_status status = cprom_update_stateset_vec_enter(made.update, made.statesets, CPROM_STRS("a"), 0);
    return status ? status : cprom_update_commit(made.update, NULL);
}

static cprom_status replaced(void)
{
    cprom_gauge_row rows[] = {{CPROM_STRS("a"), 42}};
    return cprom_gauge_vec_replace(made.gauges, CPROM_NO_LABELS, rows, 1, NULL);
}

/* The vectors of counters and histograms are full: b and c are there. What comes now is folded. */
static cprom_status counter_folded(void)
{
    assert_ok(cprom_counter_vec_inc(made.counters, CPROM_STRS("b")));
    assert_ok(cprom_counter_vec_inc(made.counters, CPROM_STRS("c")));
    made.seen = 0;
    made.key = "other";
    return cprom_counter_vec_add(made.counters, CPROM_STRS("a"), 3);
}

static cprom_status histogram_folded_staged(void)
{
    assert_ok(cprom_histogram_vec_observe(made.histograms, CPROM_STRS("b"), 1));
    assert_ok(cprom_histogram_vec_observe(made.histograms, CPROM_STRS("c"), 1));
    made.seen = 0;
    made.key = "other";
    return histogram_staged();
}

static const struct {
    const char *name;
    cprom_status (*make)(void);
    int value;
} calls[] = {
    {"gauge set", gauge_set, 42},
    {"gauge add", gauge_add, 7},
    {"gauge current time", gauge_now, 1700000000},
    {"counter inc", counter_inc, 1},
    {"counter add", counter_add, 3},
    {"counter add with exemplar", counter_exemplar, 3},
    {"histogram observe", histogram, 1},
    {"histogram observe with exemplar", histogram_exemplar, 1},
    {"summary observe", summary, 1},
    {"stateset set", state_on, 2},
    {"stateset enter", state_enter, 4},
    {"gauge set by an update", gauge_staged, 42},
    {"histogram observed by an update", histogram_staged, 3},
    {"stateset entered by an update", state_staged, 1},
    {"gauge replaced", replaced, 42},
    {"counter folded", counter_folded, 3},
    {"histogram folded by an update", histogram_folded_staged, 3},
};

static void test_new_series_is_born_with_its_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(calls); i++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        memset(&made, 0, sizeof made);
        made.key = "a";
        assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &made.gauges));
        assert_ok(cprom_counter_vec_new(r, FAMILY("c_total", .labels = {"l"}, .exemplars = true, .max_series = 2,
                                                  .overflow = CPROM_FOLD), &made.counters));
        assert_ok(cprom_histogram_vec_new(r, FAMILY("h", .labels = {"l"}, .exemplars = true, .max_series = 2,
                                                    .overflow = CPROM_FOLD), &made.histograms));
        assert_ok(cprom_summary_vec_new(r, FAMILY("s", .labels = {"l"}), &made.summaries));
        assert_ok(cprom_stateset_vec_new(r, FAMILY("t", .labels = {"l"}, .states = {"x", "y", "z"}), &made.statesets));
        assert_ok(cprom_update_new(r, &made.update));
        cprom__seam_hook = look;
        cprom_status status = calls[i].make();
        cprom__seam_hook = NULL;
        int value = shown();
        cprom_update_free(made.update);
        ct_fixture_free(fixture);
        if (status || made.seen != 1 || made.first_seen != calls[i].value || value != calls[i].value) {
            fail_msg("%s: status %d, %d births, first %d, then %d", calls[i].name, status, made.seen, made.first_seen,
                     value);
        }
    }
}

int group_value_first(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_new_series_is_born_with_its_value)};
    return cmocka_run_group_tests_name("value_first", tests, NULL, NULL);
}
