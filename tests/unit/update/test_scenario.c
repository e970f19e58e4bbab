/*
 * The acceptance scenario: a CI service with two pipelines, page by page and byte for byte.
 */
#include "support/updates.h"

#define LAST                                                                                                           \
    "# HELP pipeline_last_run_number Number of the latest run.\n"                                                     \
    "# TYPE pipeline_last_run_number gauge\n"
#define RUNS                                                                                                           \
    "# HELP pipeline_runs_total Runs, by how they ended.\n"                                                           \
    "# TYPE pipeline_runs_total counter\n"
#define STEP                                                                                                           \
    "# HELP pipeline_step_duration_seconds Wall time of the step in the latest run.\n"                                \
    "# TYPE pipeline_step_duration_seconds gauge\n"

#define LAST_OF(p, n) "pipeline_last_run_number{pipeline=\"" p "\"} " n "\n"
#define RUNS_OF(p, status, n) "pipeline_runs_total{pipeline=\"" p "\",status=\"" status "\"} " n "\n"
#define STEP_OF(p, step, n) "pipeline_step_duration_seconds{pipeline=\"" p "\",step=\"" step "\"} " n "\n"

#define STRANGE "x\"y\\z\n\xe4\xb8\xad"
#define STRANGE_ESCAPED "x\\\"y\\\\z\\n\xe4\xb8\xad"

struct ci {
    cprom_registry *registry;
    cprom_gauge_vec *last;
    cprom_counter_vec *runs;
    cprom_gauge_vec *step;
};

static void ci_init(struct ci *ci, cprom_registry *registry)
{
    ci->registry = registry;
    assert_ok(cprom_gauge_vec_new(registry,
                                  CPROM_OPTS(cprom_opts, .name = "pipeline_last_run_number",
                                             .help = "Number of the latest run.", .labels = {"pipeline"},
                                             .owner = "pipeline"),
                                  &ci->last));
    assert_ok(cprom_counter_vec_new(registry,
                                    CPROM_OPTS(cprom_opts, .name = "pipeline_runs_total",
                                               .help = "Runs, by how they ended.", .labels = {"pipeline", "status"},
                                               .owner = "pipeline"),
                                    &ci->runs));
    assert_ok(cprom_gauge_vec_new(registry,
                                  CPROM_OPTS(cprom_opts, .name = "pipeline_step_duration_seconds",
                                             .help = "Wall time of the step in the latest run.",
                                             .labels = {"pipeline", "step"}, .owner = "pipeline"),
                                  &ci->step));
}

/* A run of a pipeline, as the service would write it. */
struct run {
    struct ci *ci;
    cprom_update *update;
    const char *pipeline;
    double number;
};

static struct run run_begin(struct ci *ci, const char *pipeline, double number)
{
    struct run run = {ci, up_new(ci->registry), pipeline, number};
    assert_ok(cprom_update_gauge_vec_replace(run.update, ci->step, CPROM_LABELS({"pipeline", pipeline})));
    return run;
}

static void run_step(struct run *run, const char *step, double seconds)
{
    assert_ok(cprom_update_gauge_vec_set(run->update, run->ci->step, CPROM_STRS(run->pipeline, step), seconds));
}

static cprom_result run_end(struct run *run, const char *status, cprom_status expected)
{
    cprom_result result;
    assert_ok(cprom_update_gauge_vec_set(run->update, run->ci->last, CPROM_STRS(run->pipeline), run->number));
    assert_ok(cprom_update_counter_vec_add(run->update, run->ci->runs, CPROM_STRS(run->pipeline, status), 1));
    assert_status(cprom_update_commit(run->update, &result), expected);
    cprom_update_free(run->update);
    return result;
}

static void test_update_scenario_page_by_page(void **state)
{
    ct_fixture *fixture = *state;
    struct ci service, *ci = &service;
    ci_init(ci, fixture->registry);
    ct_assert_page(ci->registry, "");

    struct run run = run_begin(ci, "a", 1);
    run_step(&run, "clone", 1.5);
    ct_assert_page(ci->registry, "");

    run_step(&run, "build", 20);
    cprom_result result = run_end(&run, "success", CPROM_OK);
    assert_true(result.created == 4 && result.updated == 0 && result.removed == 0 && result.refused == 0);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "1") RUNS RUNS_OF("a", "success", "1") STEP STEP_OF(
                                     "a", "build", "20") STEP_OF("a", "clone", "1.5"));

    run = run_begin(ci, "b", 1);
    run_step(&run, "clone", 2);
    run_step(&run, "test", 7.25);
    run_end(&run, "success", CPROM_OK);
#define AFTER_B1                                                                                                       \
    LAST LAST_OF("a", "1") LAST_OF("b", "1") RUNS RUNS_OF("a", "success", "1") RUNS_OF("b", "success", "1")            \
        STEP STEP_OF("a", "build", "20") STEP_OF("a", "clone", "1.5") STEP_OF("b", "clone", "2") STEP_OF("b", "test", "7.25")
    ct_assert_page(ci->registry, AFTER_B1);

    run = run_begin(ci, "a", 2);
    run_step(&run, "build", 21);
    ct_assert_page(ci->registry, AFTER_B1);
    cprom_gauge *held = cprom_gauge_vec_with(ci->step, CPROM_STRS("a", "clone"));
    assert_non_null(held);

    run_step(&run, "push", 3);
    result = run_end(&run, "success", CPROM_OK);
    assert_true(result.created == 1 && result.updated == 3 && result.removed == 1 && result.refused == 0);
#define A2_B1                                                                                                          \
    STEP STEP_OF("a", "build", "21") STEP_OF("a", "push", "3") STEP_OF("b", "clone", "2") STEP_OF("b", "test", "7.25")
    ct_assert_page(ci->registry, LAST LAST_OF("a", "2") LAST_OF("b", "1") RUNS RUNS_OF("a", "success", "2") RUNS_OF(
                                     "b", "success", "1") A2_B1);

    run = run_begin(ci, "a", 3);
    run_step(&run, "clone", 9);
    cprom_update_free(run.update);
    assert_ok(cprom_counter_vec_inc(ci->runs, CPROM_STRS("a", "aborted")));
    ct_assert_page(ci->registry, LAST LAST_OF("a", "2") LAST_OF("b", "1") RUNS RUNS_OF("a", "aborted", "1") RUNS_OF(
                                     "a", "success", "2") RUNS_OF("b", "success", "1") A2_B1);

    struct run older = run_begin(ci, "a", 4);
    struct run newer = run_begin(ci, "a", 5);
    run_step(&older, "build", 99);
    run_step(&newer, "build", 22);
    run_step(&older, "clone", 98);
    run_step(&newer, "push", 4);
    run_end(&newer, "success", CPROM_OK);
#define AFTER_A5                                                                                                       \
    LAST LAST_OF("a", "5") LAST_OF("b", "1") RUNS RUNS_OF("a", "aborted", "1") RUNS_OF("a", "success", "3") RUNS_OF(   \
        "b", "success", "1") STEP STEP_OF("a", "build", "22") STEP_OF("a", "push", "4") STEP_OF("b", "clone", "2")     \
        STEP_OF("b", "test", "7.25")
    ct_assert_page(ci->registry, AFTER_A5);
    /* Overtaken, but it has ended: it counts. */
    result = run_end(&older, "success", CPROM_ESTALE);
    assert_true(result.created == 0 && result.updated == 1 && result.removed == 0 && result.refused == 0);
    assert_int_equal(result.reason, CPROM_STALE_SCOPE);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "5") LAST_OF("b", "1") RUNS RUNS_OF("a", "aborted", "1") RUNS_OF(
                                     "a", "success", "4") RUNS_OF("b", "success", "1") STEP STEP_OF("a", "build", "22")
                                     STEP_OF("a", "push", "4") STEP_OF("b", "clone", "2") STEP_OF("b", "test", "7.25"));
    assert_int_equal(up_stats(ci->registry).dropped_stale, 1);

    run = run_begin(ci, "a", 6);
    run_step(&run, "compile", 23);
    run_step(&run, "push", 4);
    run_end(&run, "success", CPROM_OK);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "6") LAST_OF("b", "1") RUNS RUNS_OF("a", "aborted", "1") RUNS_OF(
                                     "a", "success", "5") RUNS_OF("b", "success", "1") STEP STEP_OF("a", "compile", "23")
                                     STEP_OF("a", "push", "4") STEP_OF("b", "clone", "2") STEP_OF("b", "test", "7.25"));

    run = run_begin(ci, "a", 7);
    run_step(&run, "compile", 5);
    run_end(&run, "failure", CPROM_OK);
#define RUNS_OF_A RUNS_OF("a", "aborted", "1") RUNS_OF("a", "failure", "1") RUNS_OF("a", "success", "5")
    ct_assert_page(ci->registry, LAST LAST_OF("a", "7") LAST_OF("b", "1") RUNS RUNS_OF_A RUNS_OF("b", "success", "1")
                                     STEP STEP_OF("a", "compile", "5") STEP_OF("b", "clone", "2") STEP_OF("b", "test", "7.25"));

    run = run_begin(ci, "b", 2);
    run_step(&run, "clone", 2.5);
    size_t removed;
    assert_ok(cprom_registry_delete_matching(ci->registry, CPROM_LABELS({"pipeline", "b"}), &removed));
    assert_int_equal(removed, 4);
    result = run_end(&run, "success", CPROM_ESTALE);
    assert_true(result.updated == 0 && result.reason == CPROM_STALE_DELETE);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "7") RUNS RUNS_OF_A STEP STEP_OF("a", "compile", "5"));

    run = run_begin(ci, "b", 1);
    run_step(&run, "clone", 3);
    run_end(&run, "success", CPROM_OK);
#define RUNS_NOW RUNS RUNS_OF_A RUNS_OF("b", "success", "1")
    ct_assert_page(ci->registry, LAST LAST_OF("a", "7") LAST_OF("b", "1") RUNS_NOW STEP STEP_OF("a", "compile", "5")
                                     STEP_OF("b", "clone", "3"));

    run = run_begin(ci, "b", 2);
    run_step(&run, STRANGE, 1);
    assert_status(cprom_update_gauge_vec_set(run.update, ci->step, CPROM_STRS("b", "bad \xff"), 1), CPROM_EUTF8);
    run_step(&run, "clone", 4);
    uint64_t invalid = up_stats(ci->registry).dropped_invalid;
    result = run_end(&run, "success", CPROM_EPARTIAL);
    assert_true(result.created == 1 && result.updated == 3 && result.removed == 0 && result.refused == 1);
    assert_int_equal(invalid, 1);
#define AT_LAST                                                                                                        \
    LAST LAST_OF("a", "7") LAST_OF("b", "2") RUNS RUNS_OF_A RUNS_OF("b", "success", "2") STEP STEP_OF(                 \
        "a", "compile", "5") STEP_OF("b", "clone", "4") STEP_OF("b", STRANGE_ESCAPED, "1")
    ct_assert_page(ci->registry, AT_LAST);

    uint64_t detached = up_stats(ci->registry).dropped_detached;
    cprom_gauge_set(held, 77);
    assert_int_equal(up_stats(ci->registry).dropped_detached, detached + 1);
    ct_assert_page(ci->registry, AT_LAST);
    cprom_gauge_unref(held);
}

/* What waits in the queue, overlaps, and is deleted meanwhile. */
static void test_update_scenario_runs_that_wait_and_overlap(void **state)
{
    ct_fixture *fixture = *state;
    struct ci service, *ci = &service;
    ci_init(ci, fixture->registry);

    /* The first that waits begins last, and is the newest. */
    struct run first = run_begin(ci, "a", 1), second = run_begin(ci, "a", 2), third = run_begin(ci, "a", 3);
    assert_ok(cprom_update_start(second.update));
    assert_ok(cprom_update_start(third.update));
    assert_ok(cprom_update_start(first.update));
    assert_status(cprom_update_start(first.update), CPROM_EINVAL);
    run_step(&second, "build", 20);
    run_step(&third, "build", 30);
    run_step(&first, "build", 10);
    cprom_result result = run_end(&third, "success", CPROM_OK);
    assert_int_equal(result.reason, CPROM_STALE_NOT);
    run_end(&first, "success", CPROM_OK);
#define AFTER_FIRST(n) LAST LAST_OF("a", "1") RUNS RUNS_OF("a", "success", n) STEP STEP_OF("a", "build", "10")
    ct_assert_page(ci->registry, AFTER_FIRST("2"));

    /* Overtaken twice: it counts once. */
    result = run_end(&second, "success", CPROM_ESTALE);
    assert_int_equal(result.reason, CPROM_STALE_SCOPE);
    ct_assert_page(ci->registry, AFTER_FIRST("3"));

    /* Deleted while it waits, and while it is in flight: neither comes back. */
    struct run waits = run_begin(ci, "b", 1), flies = run_begin(ci, "b", 2);
    assert_ok(cprom_update_start(flies.update));
    run_step(&flies, "clone", 1);
    assert_status(cprom_registry_delete_matching(ci->registry, CPROM_LABELS({"pipeline", "b"}), NULL), CPROM_OK);
    assert_ok(cprom_update_start(waits.update));
    run_step(&waits, "clone", 2);
    result = run_end(&waits, "success", CPROM_ESTALE);
    assert_int_equal(result.reason, CPROM_STALE_DELETE);
    result = run_end(&flies, "success", CPROM_ESTALE);
    assert_int_equal(result.reason, CPROM_STALE_DELETE);
    ct_assert_page(ci->registry, AFTER_FIRST("3"));

    /* A run that was queued behind the deletion is a new pipeline. */
    struct run again = run_begin(ci, "b", 3);
    run_step(&again, "clone", 4);
    run_end(&again, "success", CPROM_OK);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "1") LAST_OF("b", "3") RUNS RUNS_OF("a", "success", "3") RUNS_OF(
                                     "b", "success", "1") STEP STEP_OF("a", "build", "10") STEP_OF("b", "clone", "4"));

    /* A scope with a typo: nothing changes, and the commit says why. */
    struct run typo = run_begin(ci, "a", 4);
    assert_status(cprom_update_gauge_vec_replace(typo.update, ci->step, CPROM_LABELS({"pipelin", "a"})), CPROM_ELABELS);
    run_step(&typo, "build", 99);
    run_end(&typo, "success", CPROM_ELABELS);
    ct_assert_page(ci->registry, LAST LAST_OF("a", "1") LAST_OF("b", "3") RUNS RUNS_OF("a", "success", "3") RUNS_OF(
                                     "b", "success", "1") STEP STEP_OF("a", "build", "10") STEP_OF("b", "clone", "4"));
}

int group_scenario(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_scenario_page_by_page),
        TEST(test_update_scenario_runs_that_wait_and_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
