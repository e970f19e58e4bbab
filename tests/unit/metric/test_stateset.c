#include "support/crowd.h"
#include "support/formats.h"
#include "support/updates.h"

#include <sched.h>

enum {
    QUEUED,
    RUNNING,
    DONE,
    N_STATES
}; /* by name: done, queued, running */
#define STATES .states = {"queued", "running", "done"}
#define BIT(state) (UINT64_C(1) << (state))

static cprom_stateset *new_stateset(cprom_registry *registry)
{
    cprom_stateset *stateset;
    assert_ok(cprom_stateset_new(registry, FAMILY("x", STATES), &stateset));
    return stateset;
}

/* Labels on either side of the states' own. */
static cprom_stateset_vec *new_vec(cprom_registry *registry)
{
    cprom_stateset_vec *vec;
    assert_ok(cprom_stateset_vec_new(registry, FAMILY("x", .labels = {"z", "a"}, STATES), &vec));
    return vec;
}

static void assert_states(cprom_registry *registry, bool queued, bool running, bool done)
{
    char expected[256];
    snprintf(expected, sizeof expected, "x{x=\"done\"} %d\nx{x=\"queued\"} %d\nx{x=\"running\"} %d\n", done, queued,
             running);
    up_assert_lines(registry, expected);
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_stateset_new_starts_with_all_states_off(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset *stateset = new_stateset(r);
    assert_int_equal(cprom_stateset_value(stateset), 0);
    ct_assert_page(r, "# HELP x H.\n# TYPE x gauge\nx{x=\"done\"} 0\nx{x=\"queued\"} 0\nx{x=\"running\"} 0\n");
    formats_assert_openmetrics(
        r, "# HELP x H.\n# TYPE x stateset\nx{x=\"done\"} 0\nx{x=\"queued\"} 0\nx{x=\"running\"} 0\n");
    assert_int_equal(up_stats(r).series, 1);
}

static void test_stateset_set_changes_one_state_and_enter_leaves_one(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset *stateset = new_stateset(r);
    cprom_stateset_set(stateset, RUNNING, true);
    assert_states(r, 0, 1, 0);
    cprom_stateset_set(stateset, DONE, true);
    cprom_stateset_set(stateset, DONE, true);
    assert_states(r, 0, 1, 1);
    assert_int_equal(cprom_stateset_value(stateset), BIT(RUNNING) | BIT(DONE));
    cprom_stateset_set(stateset, RUNNING, false);
    cprom_stateset_set(stateset, QUEUED, false);
    assert_states(r, 0, 0, 1);
    cprom_stateset_set(stateset, RUNNING, true);
    cprom_stateset_enter(stateset, QUEUED);
    assert_states(r, 1, 0, 0);
    assert_int_equal(cprom_stateset_value(stateset), BIT(QUEUED));
}

static void test_stateset_index_that_is_no_state_is_dropped_and_counted(void **state)
{
    static const unsigned bad[] = {N_STATES, 63, 64, 1000, (unsigned)-1};
    ct_fixture *fixture = *state;
    cprom_stateset *stateset = new_stateset(fixture->registry);
    cprom_stateset_enter(stateset, RUNNING);
    for (size_t i = 0; i < COUNT(bad); i++) {
        cprom_stateset_set(stateset, bad[i], true);
        cprom_stateset_set(stateset, bad[i], false);
        cprom_stateset_enter(stateset, bad[i]);
    }
    assert_states(fixture->registry, 0, 1, 0);
    assert_int_equal(cprom_stateset_value(stateset), BIT(RUNNING));
    assert_int_equal(up_stats(fixture->registry).dropped_invalid, 3 * COUNT(bad));
    assert_int_equal(ct_log_count_with(&fixture->log, "\"x\"", "invalid", NULL), 1);
}

static void test_stateset_with_as_many_states_as_there_can_be(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    cprom_stateset *stateset;
    char names[CPROM_STATES_MAX][8];
    opts.name = "x";
    opts.help = "H.";
    for (size_t i = 0; i < CPROM_STATES_MAX; i++) {
        snprintf(names[i], sizeof names[i], "s%02zu", 63 - i); /* sorted the other way round */
        opts.states[i] = names[i];
    }
    assert_ok(cprom_stateset_new(r, &opts, &stateset));
    memset(names, '!', sizeof names); /* copied */
    for (unsigned i = 0; i < CPROM_STATES_MAX; i++) {
        char key[32];
        cprom_stateset_enter(stateset, i);
        assert_int_equal(cprom_stateset_value(stateset), BIT(i));
        snprintf(key, sizeof key, "x{x=\"s%02u\"}", 63 - i);
        ct_assert_sample(r, key, 1);
    }
    for (unsigned i = 0; i < CPROM_STATES_MAX; i++) cprom_stateset_set(stateset, i, true);
    assert_int_equal(cprom_stateset_value(stateset), UINT64_MAX);
    ct_page page = ct_page_read(r, NULL, 100);
    assert_int_equal(page.parsed->n_samples, 64);
    for (size_t i = 0; i < 64; i++) assert_true(page.parsed->samples[i].value == 1);
    ct_page_free(&page);
    cprom_stateset_set(stateset, 64, true);
    assert_int_equal(up_stats(r).dropped_invalid, 1);
}

/*==============================================================================
 * Refusals
 *============================================================================*/

/* The rules that are a family's own are in test_registration.c. */
static void test_stateset_new_options_that_do_not_fit_are_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    cprom_stateset *stateset = (cprom_stateset *)state;
    cprom_stateset_vec *vec = (cprom_stateset_vec *)state;
    assert_status(cprom_stateset_new(r, FAMILY("x", STATES, .labels = {"a"}), &stateset), CPROM_ELABELS);
    assert_null(stateset);
    assert_status(
        cprom_stateset_vec_new(r, FAMILY("x", STATES, .labels = {"a"}, .max_series = 9, .overflow = CPROM_FOLD), &vec),
        CPROM_EINVAL);
    assert_null(vec);
    assert_int_equal(ct_log_count(&fixture->log), 2);
    assert_true(ct_log_has(&fixture->log, "\"x\"", "overflow", "adds up"));
    assert_status(cprom_stateset_new(r, FAMILY("x", STATES), NULL), CPROM_EINVAL);
    assert_status(cprom_stateset_new(NULL, FAMILY("x", STATES), &stateset), CPROM_EINVAL);
    assert_status(cprom_stateset_vec_new(r, NULL, &vec), CPROM_EINVAL);
    assert_int_equal(up_stats(r).families, 0);
}

static void test_stateset_new_state_that_is_too_long_is_refused(void **state)
{
    cprom_opts opts = CPROM_INIT(cprom_opts);
    cprom_stateset *stateset;
    char *name = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(name);
    memset(name, 'x', CPROM_VALUE_MAX + 1);
    name[CPROM_VALUE_MAX + 1] = '\0';
    opts.name = "x";
    opts.help = "H.";
    opts.states[0] = name;
    assert_status(cprom_stateset_new(registry_of(state), &opts, &stateset), CPROM_EUTF8);
    assert_true(ct_log_has(&((ct_fixture *)*state)->log, "\"x\"", "states", "too long"));
    name[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_stateset_new(registry_of(state), &opts, &stateset));
    free(name);
    ct_page page = ct_page_read(registry_of(state), NULL, 4096);
    assert_int_equal(strlen(page.parsed->samples[0].labels[0].value), CPROM_VALUE_MAX);
    ct_page_free(&page);
}

/* The label is the full name, so that the prefix counts. */
static void test_stateset_new_label_like_the_full_name_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_registry *r;
    cprom_stateset_vec *vec;
    opts.prefix = "p_";
    opts.const_labels[0] = (cprom_label){"p_c", "1"};
    assert_ok(cprom_registry_new(&opts, &r));
    assert_status(cprom_stateset_vec_new(r, FAMILY("x", .labels = {"p_x"}, STATES), &vec), CPROM_ELABELS);
    assert_status(cprom_stateset_vec_new(r, FAMILY("c", .labels = {"x"}, STATES), &vec), CPROM_ELABELS);
    assert_true(ct_log_has(&fixture->log, "const_labels", "p_c"));
    assert_ok(cprom_stateset_vec_new(r, FAMILY("x", .labels = {"x"}, STATES), &vec));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1"), DONE));
    ct_assert_sample(r, "p_x{p_c=\"1\",p_x=\"done\",x=\"1\"}", 1);
    cprom_registry_free(r);
}

static cprom_status collect_stateset(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, DESC(.name = "x", .type = CPROM_STATESET, .labels = {"x"}), CPROM_STRS("a"), 1);
}

static void test_const_statesets_are_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    assert_status(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_nothing,
                                                    .descs = DESC(.name = "x", .type = CPROM_STATESET), .n_descs = 1)),
                  CPROM_EINVAL);
    assert_ok(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_stateset)));
    ct_assert_page(r, "");
    assert_true(ct_log_has(&fixture->log, "\"x\"", "stateset", "instruments only"));
}

/*==============================================================================
 * Vector
 *============================================================================*/

/* The state does not sort: a series' lines stand together in both formats. */
static void test_stateset_vec_lines_of_a_series_stand_together(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset_vec *vec = new_vec(r);
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("2", "1"), DONE));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "2"), RUNNING));
    assert_ok(cprom_stateset_vec_set(vec, CPROM_STRS("1", "1"), QUEUED, true));
    ct_assert_page(r, "# HELP x H.\n# TYPE x gauge\n"
                      "x{a=\"1\",x=\"done\",z=\"1\"} 0\nx{a=\"1\",x=\"queued\",z=\"1\"} 1\n"
                      "x{a=\"1\",x=\"running\",z=\"1\"} 0\nx{a=\"1\",x=\"done\",z=\"2\"} 1\n"
                      "x{a=\"1\",x=\"queued\",z=\"2\"} 0\nx{a=\"1\",x=\"running\",z=\"2\"} 0\n"
                      "x{a=\"2\",x=\"done\",z=\"1\"} 0\nx{a=\"2\",x=\"queued\",z=\"1\"} 0\n"
                      "x{a=\"2\",x=\"running\",z=\"1\"} 1\n");
    formats_assert_openmetrics(r, "# HELP x H.\n# TYPE x stateset\n"
                                  "x{a=\"1\",x=\"done\",z=\"1\"} 0\nx{a=\"1\",x=\"queued\",z=\"1\"} 1\n"
                                  "x{a=\"1\",x=\"running\",z=\"1\"} 0\nx{a=\"1\",x=\"done\",z=\"2\"} 1\n"
                                  "x{a=\"1\",x=\"queued\",z=\"2\"} 0\nx{a=\"1\",x=\"running\",z=\"2\"} 0\n"
                                  "x{a=\"2\",x=\"done\",z=\"1\"} 0\nx{a=\"2\",x=\"queued\",z=\"1\"} 0\n"
                                  "x{a=\"2\",x=\"running\",z=\"1\"} 1\n");
}

static void test_stateset_vec_bad_arguments_are_refused_and_create_nothing(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset_vec *vec = new_vec(r);
    uint64_t states = 5;
    assert_status(cprom_stateset_vec_set(vec, CPROM_STRS("1", "1"), N_STATES, true), CPROM_EINVAL);
    assert_status(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "1"), 64), CPROM_EINVAL);
    assert_status(cprom_stateset_vec_set(vec, CPROM_STRS("1"), 0, true), CPROM_ELABELS);
    assert_status(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "\xff"), 0), CPROM_EUTF8);
    assert_int_equal(up_stats(r).dropped_invalid, 4);
    assert_status(cprom_stateset_vec_get(vec, CPROM_STRS("1", "1"), &states), CPROM_ENOENT);
    assert_int_equal(states, 0);
    assert_status(cprom_stateset_vec_get(vec, CPROM_STRS("1"), NULL), CPROM_ELABELS);
    assert_status(cprom_stateset_vec_get(NULL, CPROM_STRS("1"), &states), CPROM_EINVAL);
    assert_status(cprom_stateset_vec_set(NULL, CPROM_STRS("1"), 0, true), CPROM_EINVAL);
    assert_status(cprom_stateset_vec_enter(NULL, CPROM_STRS("1"), 0), CPROM_EINVAL);
    assert_int_equal(cprom_stateset_vec_size(vec), 0);
    ct_assert_page(r, "");
}

static void test_stateset_vec_handle_of_a_deleted_series_is_detached(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset_vec *vec = new_vec(r);
    uint64_t states;
    cprom_stateset *stateset = cprom_stateset_vec_with_labels(vec, CPROM_LABELS({"a", "1"}, {"z", "2"}));
    cprom_stateset_enter(stateset, DONE);
    assert_ok(cprom_stateset_vec_get(vec, CPROM_STRS("2", "1"), &states));
    assert_int_equal(states, BIT(DONE));
    assert_ok(cprom_stateset_vec_delete(vec, CPROM_STRS("2", "1")));
    assert_ok(cprom_stateset_vec_set(vec, CPROM_STRS("2", "1"), QUEUED, false));
    cprom_stateset_enter(stateset, RUNNING);
    cprom_stateset_set(stateset, RUNNING, true);
    assert_int_equal(up_stats(r).dropped_detached, 2);
    assert_int_equal(cprom_stateset_value(stateset), BIT(DONE));
    assert_ok(cprom_stateset_vec_get(vec, CPROM_STRS("2", "1"), &states));
    assert_int_equal(states, 0);
    cprom_stateset_unref(stateset);
}

static void test_stateset_vec_lingering_series_shows_its_last_states(void **state)
{
    ct_fixture *fixture = *state;
    cprom_stateset_vec *vec;
    assert_ok(
        cprom_stateset_vec_new(fixture->registry, FAMILY("x", .labels = {"z"}, STATES, .linger_seconds = 5), &vec));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1"), DONE));
    assert_ok(cprom_stateset_vec_delete(vec, CPROM_STRS("1")));
    up_assert_lines(fixture->registry,
                    "x{x=\"done\",z=\"1\"} 1\nx{x=\"queued\",z=\"1\"} 0\nx{x=\"running\",z=\"1\"} 0\n");
    ct_clock_advance(&fixture->clock, 6 * SECOND);
    up_assert_lines(fixture->registry, "");
}

/*==============================================================================
 * Updates
 *============================================================================*/

static uint64_t states_of(cprom_stateset_vec *vec, const char *z, const char *a)
{
    uint64_t states;
    assert_ok(cprom_stateset_vec_get(vec, CPROM_STRS(z, a), &states));
    return states;
}

static void test_update_stateset_takes_effect_in_the_order_of_staging(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset_vec *vec = new_vec(r);
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "1"), QUEUED));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("2", "1"), QUEUED));
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    /* Keeps what it does not name. */
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("1", "1"), DONE, true));
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("1", "1"), RUNNING, true));
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("1", "1"), DONE, false));
    /* Forgets what was before. */
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("2", "1"), DONE, true));
    assert_ok(cprom_update_stateset_vec_enter(update, vec, CPROM_STRS("2", "1"), RUNNING));
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("3", "1"), DONE, false));
    assert_ok(cprom_update_stateset_vec_enter(update, vec, CPROM_STRS("4", "1"), DONE));
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("4", "1"), QUEUED, true));
    /* Drops what is wrong. */
    assert_status(cprom_update_stateset_vec_enter(update, vec, CPROM_STRS("5", "1"), N_STATES), CPROM_EINVAL);
    assert_status(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("5", "1"), (unsigned)-1, true), CPROM_EINVAL);
    assert_status(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("5"), 0, true), CPROM_ELABELS);
    assert_status(cprom_update_stateset_vec_enter(update, NULL, CPROM_STRS("5", "1"), 0), CPROM_EINVAL);
    assert_status(cprom_update_stateset_vec_enter(NULL, vec, CPROM_STRS("5", "1"), 0), CPROM_EINVAL);
    up_assert_same(r, before);
    up_commit(update, 2, 2, 0, 4);
    assert_int_equal(states_of(vec, "1", "1"), BIT(QUEUED) | BIT(RUNNING));
    assert_int_equal(states_of(vec, "2", "1"), BIT(RUNNING));
    assert_int_equal(states_of(vec, "3", "1"), 0);
    assert_int_equal(states_of(vec, "4", "1"), BIT(DONE) | BIT(QUEUED));
    assert_int_equal(up_stats(r).dropped_invalid, 4);
}

static void test_update_stateset_replaces_what_is_not_staged(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_stateset_vec *vec = new_vec(r);
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "p"), DONE));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("2", "p"), DONE));
    assert_ok(cprom_stateset_vec_enter(vec, CPROM_STRS("1", "q"), DONE));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_stateset_vec_replace(update, vec, CPROM_LABELS({"a", "p"})));
    assert_ok(cprom_update_stateset_vec_set(update, vec, CPROM_STRS("2", "p"), RUNNING, true));
    up_commit(update, 0, 1, 1, 0);
    assert_int_equal(states_of(vec, "2", "p"), BIT(RUNNING)); /* it starts from nothing */
    assert_int_equal(states_of(vec, "1", "q"), BIT(DONE));
    assert_int_equal(cprom_stateset_vec_size(vec), 2);
}

/*==============================================================================
 * Threads
 *============================================================================*/

#define ROUNDS 10000u

struct flipping {
    cprom_stateset *stateset;
    _Atomic size_t wrong;
};

/* Nobody else touches this thread's state: it must be as it was left. */
static void flip_own(void *ctx, size_t index)
{
    struct flipping *f = ctx;
    for (unsigned i = 0; i < ROUNDS; i++) {
        cprom_stateset_set(f->stateset, (unsigned)index, i % 2);
        f->wrong += (cprom_stateset_value(f->stateset) >> index & 1) != i % 2;
    }
    cprom_stateset_set(f->stateset, (unsigned)index, index % 3 == 0);
}

static void test_stateset_set_from_many_threads_loses_nothing(void **state)
{
    cprom_opts opts = CPROM_INIT(cprom_opts);
    struct flipping f = {NULL, 0};
    char names[12][4];
    opts.name = "x";
    opts.help = "H.";
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(names[i], sizeof names[i], "%zu", i);
        opts.states[i] = names[i];
    }
    assert_ok(cprom_stateset_new(registry_of(state), &opts, &f.stateset));
    crowd_run(COUNT(names), flip_own, &f);
    assert_int_equal(f.wrong, 0);
    assert_int_equal(cprom_stateset_value(f.stateset), 01111);
}

struct entering {
    cprom_registry *registry;
    cprom_stateset *stateset;
    _Atomic bool stop;
    _Atomic size_t wrong;
};

static bool is_one_state(uint64_t states) { return states && !(states & (states - 1)); }

static bool shows_one_state(cprom_registry *registry)
{
    char *text;
    size_t on = 0;
    if (cprom_registry_text(registry, &text, NULL) != CPROM_OK) return false;
    for (const char *at = text; (at = strstr(at, "} 1")) != NULL; at++) on++;
    cprom_text_free(text);
    return on == 1;
}

/* Thread 0 looks until it has seen many changes, the others enter. */
static void enter_or_look(void *ctx, size_t index)
{
    struct entering *e = ctx;
    for (unsigned i = 0; index && !e->stop; i++) cprom_stateset_enter(e->stateset, i % N_STATES);
    uint64_t last = 0;
    for (size_t changes = 0; !index && changes < 300;) {
        uint64_t states = cprom_stateset_value(e->stateset);
        e->wrong += !is_one_state(states);
        if (states != last) e->wrong += ++changes % 16 == 0 && !shows_one_state(e->registry);
        else sched_yield();
        last = states;
    }
    if (!index) e->stop = true;
}

static void test_stateset_enter_beside_readers_and_scrapes_is_always_one_state(void **state)
{
    struct entering e = {.registry = registry_of(state), .stateset = new_stateset(registry_of(state))};
    cprom_stateset_enter(e.stateset, 0);
    crowd_run(3, enter_or_look, &e);
    assert_int_equal(e.wrong, 0);
}

int group_stateset(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stateset_new_starts_with_all_states_off),
        TEST(test_stateset_set_changes_one_state_and_enter_leaves_one),
        TEST(test_stateset_index_that_is_no_state_is_dropped_and_counted),
        TEST(test_stateset_with_as_many_states_as_there_can_be),
        TEST(test_stateset_new_options_that_do_not_fit_are_refused),
        TEST(test_stateset_new_state_that_is_too_long_is_refused),
        TEST(test_stateset_new_label_like_the_full_name_is_refused),
        TEST(test_const_statesets_are_refused),
        TEST(test_stateset_vec_lines_of_a_series_stand_together),
        TEST(test_stateset_vec_bad_arguments_are_refused_and_create_nothing),
        TEST(test_stateset_vec_handle_of_a_deleted_series_is_detached),
        TEST(test_stateset_vec_lingering_series_shows_its_last_states),
        TEST(test_update_stateset_takes_effect_in_the_order_of_staging),
        TEST(test_update_stateset_replaces_what_is_not_staged),
        TEST(test_stateset_set_from_many_threads_loses_nothing),
        TEST(test_stateset_enter_beside_readers_and_scrapes_is_always_one_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
