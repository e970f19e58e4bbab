/*
 * The metrics of pipelined, in both schools.
 *
 * What a run leaves behind is direct instrumentation. A run is one update: it is made when the run is queued, filled as its
 * steps end, and its commit replaces all that the run before said about the steps of this pipeline. A scrape sees one run or
 * the next, whole; a step that is no longer in the pipeline is gone with the first run without it.
 *
 * What goes on right now is a collector, which reads the service's own state: there is nothing to take back.
 */
#include "pipelined.h"

#include <cprom/http.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static cprom_registry *registry;
static cprom_http_handler *handler;
static cprom_http_server *server;
static cprom_gauge_vec *step_duration, *step_success, *last_number, *last_timestamp, *last_success;
static cprom_info_vec *info;
static cprom_counter_vec *runs, *branch_runs, *step_retries, *step_flaky;
static cprom_histogram_vec *run_duration, *queue_duration;

static void log_line(void *ctx, const char *line)
{
    (void)ctx;
    say("cprom: %s", line);
}

/*-- Runs --*/

void metrics_pipeline_added(const char *pipeline)
{
    /* A counter that begins with 0 has a rate from its first run on. */
    for (size_t i = 0; i < CANCELED; i++) cprom_counter_vec_add(runs, CPROM_STRS(pipeline, outcome_names[i]), 0);
}

void metrics_pipeline_removed(const char *pipeline)
{
    cprom_registry_delete_matching(registry, CPROM_LABELS({"pipeline", pipeline}), NULL);
}

/* These four are what docs/guide.md shows of a run. */

cprom_update *metrics_run_queued(void)
{
    cprom_update *run;
    cprom_update_new(registry, &run); /* NULL if it fails; the calls below then do nothing */
    return run;
}

void metrics_run_begins(cprom_update *run, const char *pipeline)
{
    cprom_update_start(run);
    cprom_update_gauge_vec_replace(run, step_duration, CPROM_LABELS({"pipeline", pipeline}));
    cprom_update_gauge_vec_replace(run, step_success, CPROM_LABELS({"pipeline", pipeline}));
}

void metrics_run_step(cprom_update *run, const char *pipeline, const char *step, double seconds, bool success)
{
    cprom_update_gauge_vec_set(run, step_duration, CPROM_STRS(pipeline, step), seconds);
    cprom_update_gauge_vec_set(run, step_success, CPROM_STRS(pipeline, step), success);
}

static cprom_status commit(cprom_update *run, const char *pipeline, const char *status, double seconds, cprom_result *result)
{
    cprom_update_counter_vec_add(run, runs, CPROM_STRS(pipeline, status), 1);
    cprom_update_histogram_vec_observe(run, run_duration, CPROM_STRS(pipeline), seconds);
    cprom_status committed = cprom_update_commit(run, result); /* all of it shows at once */
    cprom_update_free(run);
    return committed;
}

void metrics_run_tries(cprom_update *run, const char *pipeline, const char *step, unsigned tries, bool success)
{
    /* Also adding 0 keeps the counters of the step, where the run replaces those of its pipeline. */
    cprom_update_counter_vec_add(run, step_retries, CPROM_STRS(pipeline, step), tries > 1 ? tries - 1 : 0);
    cprom_update_counter_vec_add(run, step_flaky, CPROM_STRS(pipeline, step), tries > 1 && success);
}

/* What only this service tells of its runs. */
static void stage_report(cprom_update *run, const struct report *report)
{
    const char *pipeline = report->pipeline, *branch = report->branch, *status = outcome_names[report->outcome];
    double ended = (double)time(NULL);
    cprom_update_counter_vec_replace(run, step_retries, CPROM_LABELS({"pipeline", pipeline}));
    cprom_update_counter_vec_replace(run, step_flaky, CPROM_LABELS({"pipeline", pipeline}));
    cprom_update_info_vec_replace(run, info, CPROM_LABELS({"pipeline", pipeline}));
    cprom_update_info_vec_set(run, info, CPROM_STRS(pipeline, branch, report->commit));
    cprom_update_gauge_vec_set(run, last_number, CPROM_STRS(pipeline), report->number);
    cprom_update_gauge_vec_set(run, last_timestamp, CPROM_STRS(pipeline), ended);
    if (report->outcome == SUCCESS) cprom_update_gauge_vec_set(run, last_success, CPROM_STRS(pipeline), ended);
    if (*branch) cprom_update_counter_vec_add(run, branch_runs, CPROM_STRS(pipeline, branch, status), 1);
    cprom_update_histogram_vec_observe(run, queue_duration, CPROM_STRS(pipeline), report->waited);
}

void metrics_run_ends(cprom_update *run, const struct report *report)
{
    const char *pipeline = report->pipeline;
    cprom_result result = {0};
    stage_report(run, report);
    cprom_status status = commit(run, pipeline, outcome_names[report->outcome], report->seconds, &result);
    if (status == CPROM_ESTALE && result.reason == CPROM_STALE_SCOPE) {
        say("%s: run %u: a run that began later was first; this one is counted, and its steps are not shown", pipeline,
            report->number);
    } else if (status == CPROM_ESTALE) {
        say("%s: run %u: the pipeline is gone, and so is what the run measured", pipeline, report->number);
    } else if (status == CPROM_EPARTIAL) {
        say("%s: run %u: %zu metrics were refused; is $CI_INFO UTF-8?", pipeline, report->number, result.refused);
    } else if (status != CPROM_OK) {
        say("%s: run %u: its metrics are lost: %s", pipeline, report->number, cprom_status_string(status));
    }
}

void metrics_run_canceled(cprom_update *run)
{
    cprom_update_free(run); /* it never happened */
}

/*-- Now --*/

#define GAUGE(...) {.size = sizeof(cprom_desc), .type = CPROM_GAUGE, __VA_ARGS__}

enum { RUNNING, QUEUED, BUSY, STEP };
static const cprom_desc descs[] = {
    [RUNNING] = GAUGE(.name = "ci_runs_running", .help = "Runs that go on."),
    [QUEUED] = GAUGE(.name = "ci_runs_queued", .help = "Pipelines that wait for a worker."),
    [BUSY] = GAUGE(.name = "ci_worker_busy", .help = "Whether the worker has a run.", .labels = {"worker"}),
    [STEP] = GAUGE(.name = "ci_step_running_seconds", .help = "For how long the step that runs now has done so.",
                   .unit = "seconds", .labels = {"pipeline", "step", "worker"}),
};

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    struct service *service = ctx;
    size_t running = 0, queued = 0;
    int64_t time = now();
    pthread_mutex_lock(&service->lock);
    for (size_t i = 0; i < service->n_workers; i++) {
        const struct worker *worker = &service->workers[i];
        char number[24];
        snprintf(number, sizeof number, "%zu", i + 1);
        cprom_emit(out, &descs[BUSY], CPROM_STRS(number), worker->pipeline != NULL);
        if (!worker->pipeline) continue;
        running++;
        if (!worker->step || worker->pipeline->removed) continue;
        cprom_emit(out, &descs[STEP], CPROM_STRS(worker->pipeline->name, worker->step, number),
                   (double)(time - worker->started) / (double)SECOND);
    }
    for (const struct pipeline *pipeline = service->pipelines; pipeline; pipeline = pipeline->next) {
        if (pipeline->ticket) queued++;
    }
    pthread_mutex_unlock(&service->lock);
    cprom_emit(out, &descs[RUNNING], CPROM_NO_STRS, (double)running);
    return cprom_emit(out, &descs[QUEUED], CPROM_NO_STRS, (double)queued);
}

/*-- Beginning and end --*/

/* All vectors have an owner: replacing and deleting cost what the pipeline has, however many pipelines there are. */
#define OPTS(...) CPROM_OPTS(cprom_opts, .owner = "pipeline", __VA_ARGS__)

#define BUCKETS(...)                                                                                                   \
    .unit = "seconds", .bounds = (const double[]){__VA_ARGS__}, .n_bounds = sizeof(double[]){__VA_ARGS__} / sizeof(double)
#define BRANCHES_MAX 1000 /* series; whoever pushes chooses the names */
#define BRANCH_IDLE (14 * 24 * 3600.) /* seconds without a run */

/* What is refused stays NULL, and the log says why. */
static bool register_all(struct service *service)
{
    cprom_gauge_vec_new(registry, OPTS(.name = "ci_pipeline_step_duration_seconds", .unit = "seconds",
                                       .help = "Wall time of the step in the latest run.", .labels = {"pipeline", "step"}),
                        &step_duration);
    cprom_gauge_vec_new(registry, OPTS(.name = "ci_pipeline_step_success", .labels = {"pipeline", "step"},
                                       .help = "Whether the step succeeded in the latest run."), &step_success);
    cprom_gauge_vec_new(registry, OPTS(.name = "ci_pipeline_last_run_number", .labels = {"pipeline"},
                                       .help = "Number of the latest run, counted from the start of the service."),
                        &last_number);
    cprom_gauge_vec_new(registry, OPTS(.name = "ci_pipeline_last_run_timestamp_seconds", .unit = "seconds",
                                       .help = "When the latest run ended.", .labels = {"pipeline"}), &last_timestamp);
    cprom_gauge_vec_new(registry, OPTS(.name = "ci_pipeline_last_success_timestamp_seconds", .unit = "seconds",
                                       .help = "When the latest run that succeeded ended.", .labels = {"pipeline"}),
                        &last_success);
    cprom_info_vec_new(registry, OPTS(.name = "ci_pipeline_info", .help = "What the latest run was about.",
                                      .labels = {"pipeline", "branch", "commit"}), &info);
    cprom_counter_vec_new(registry, OPTS(.name = "ci_pipeline_runs_total", .help = "Runs that ended.",
                                         .labels = {"pipeline", "status"}), &runs);
    cprom_counter_vec_new(registry, OPTS(.name = "ci_pipeline_branch_runs_total", .labels = {"pipeline", "branch", "status"},
                                         .help = "Runs that ended, by branch, where they said it.",
                                         .max_series = BRANCHES_MAX, .overflow = CPROM_FOLD, .ttl_seconds = BRANCH_IDLE),
                          &branch_runs);
    cprom_counter_vec_new(registry, OPTS(.name = "ci_pipeline_step_retries_total", .labels = {"pipeline", "step"},
                                         .help = "Tries of the step behind the first of a run."), &step_retries);
    cprom_counter_vec_new(registry, OPTS(.name = "ci_pipeline_step_flaky_total", .labels = {"pipeline", "step"},
                                         .help = "Runs in which the step failed, and then succeeded."), &step_flaky);
    cprom_histogram_vec_new(registry, OPTS(.name = "ci_pipeline_run_duration_seconds", .help = "Wall time of the runs.",
                                           .labels = {"pipeline"},
                                           BUCKETS(1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)),
                            &run_duration);
    cprom_histogram_vec_new(registry, OPTS(.name = "ci_pipeline_queue_duration_seconds",
                                           .help = "How long the runs that ended had waited for a worker.",
                                           .labels = {"pipeline"}, BUCKETS(.1, 1, 5, 15, 60, 300, 900, 1800, 3600)),
                            &queue_duration);
    const cprom_collector_opts *opts = CPROM_OPTS(cprom_collector_opts, .name = "service", .collect = collect,
                                                  .ctx = service, .descs = descs,
                                                  .n_descs = sizeof descs / sizeof *descs);
    return step_duration && step_success && last_number && last_timestamp && last_success && info && runs && branch_runs &&
           step_retries && step_flaky && run_duration && queue_duration &&
           cprom_collector_new(registry, opts) == CPROM_OK && cprom_process_collector_new(registry) == CPROM_OK;
}

const char *metrics_start(struct service *service, const char *listen)
{
    cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .log = log_line), &registry);
    if (!register_all(service)) {
        say("pipelined: the metrics cannot be registered");
        return NULL;
    }
    cprom_status status =
        cprom_http_handler_new(registry, CPROM_OPTS(cprom_http_handler_opts, .self_metrics = true), &handler);
    if (status == CPROM_OK) {
        status = cprom_http_server_start(
            registry, CPROM_OPTS(cprom_http_server_opts, .address = listen, .handler = handler), &server);
    }
    if (status == CPROM_OK) return cprom_http_server_address(server);
    say("pipelined: cannot listen on %s: %s", listen, status == CPROM_ESYS ? strerror(errno) : cprom_status_string(status));
    return NULL;
}

void metrics_stop(void)
{
    if (server) cprom_http_server_stop(server);
    if (handler) cprom_http_handler_free(handler);
    cprom_registry_free(registry);
}
