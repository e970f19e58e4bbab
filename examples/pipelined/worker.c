/*
 * Workers take the pipelines that wait and run their steps, each a shell in a process group of its own. A worker sleeps
 * until its step ends; the main thread looks at the clock and ends what takes too long (workers_watch). A step's process is
 * reaped under the lock, so that a signal never reaches a stranger who got its id.
 */
#define _POSIX_C_SOURCE 200809L

#include "pipelined.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GRACE (2 * SECOND) /* between SIGTERM and SIGKILL */
#define INFO_MAX 16384     /* bytes of $CI_INFO that are looked at */

extern char **environ;

const char *const outcome_names[] = {"success", "failure", "timeout", "canceled"};

struct run {
    struct worker *worker;
    const char *name; /* the pipeline's, which stays while it runs */
    struct plan *plan;
    unsigned number, place;
    int64_t waited; /* nanoseconds in the queue */
    cprom_update *update;
    char dir[PATH_MAX];
};

/*
 * What is done around a step's command. The run's directory has (it is the pipeline's; runs beside the first have 2, 3... in it)
 *
 *      work    where the steps of a run work; empty when it begins
 *      log     what they print; log.1 is that of the run before
 *      info    $CI_INFO
 *
 * The words are $0: that directory, $1 to $3, $4: the command, $5: "first" for the first try of a run's first step, $6.
 */
static char around[] = "mkdir -p \"$0\" && cd \"$0\" || exit\n"
                       "[ \"$5\" != first ] || ! [ -e log ] || mv -f log log.1 || exit\n"
                       "exec </dev/null >>log 2>&1\n"
                       "[ \"$5\" != first ] || { rm -rf work info && mkdir work; } || exit\n"
                       "export CI_PIPELINE=\"$1\" CI_RUN=\"$2\" CI_STEP=\"$3\" CI_TRY=\"$6\" CI_INFO=\"$0/info\"\n"
                       "cd work && exec /bin/sh -c \"$4\"\n";

/* 0, or what went wrong. */
static int spawn(struct run *run, const struct step *step, unsigned try, pid_t *pid)
{
    char number[16], tried[16], *name = (char *)run->name, *first = step == run->plan->steps && try == 1 ? "first" : "";
    snprintf(number, sizeof number, "%u", run->number);
    snprintf(tried, sizeof tried, "%u", try);
    char *argv[] = {"sh", "-c", around, run->dir, name, number, step->name, step->command, first, tried, NULL};
    sigset_t none, ordinary;
    sigemptyset(&none);
    sigemptyset(&ordinary);
    sigaddset(&ordinary, SIGPIPE);
    posix_spawnattr_t attr;
    int wrong = posix_spawnattr_init(&attr);
    if (wrong) return wrong;
    posix_spawnattr_setpgroup(&attr, 0);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &ordinary);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    wrong = posix_spawn(pid, "/bin/sh", NULL, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    return wrong;
}

/* Under the lock. */
static bool is_canceled(const struct worker *worker) { return worker->service->stopping || worker->pipeline->removed; }

/* Tries the step once; adds to `seconds`. */
static enum outcome try_step(struct run *run, const struct step *step, unsigned try, double *seconds)
{
    struct worker *worker = run->worker;
    pthread_mutex_t *lock = &worker->service->lock;
    int64_t started = now();
    pid_t pid;
    int wrong = spawn(run, step, try, &pid);
    if (wrong) {
        say("%s: step %s: %s", run->name, step->name, strerror(wrong));
        return FAILURE;
    }
    pthread_mutex_lock(lock);
    worker->pid = pid;
    worker->step = step->name;
    worker->started = started;
    worker->deadline = started + run->plan->timeout;
    worker->kill_at = 0;
    pthread_mutex_unlock(lock);

    siginfo_t ended;
    while (waitid(P_PID, (id_t)pid, &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) continue;
    *seconds += (double)(now() - started) / (double)SECOND;
    int status = -1;
    pthread_mutex_lock(lock);
    kill(-pid, SIGKILL); /* what the step left behind */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) continue;
    worker->pid = 0;
    worker->step = NULL;
    bool canceled = is_canceled(worker), late = worker->kill_at != 0;
    pthread_mutex_unlock(lock);
    return canceled ? CANCELED : late ? TIMEOUT : status == 0 ? SUCCESS : FAILURE;
}

bool workers_watch(struct service *service)
{
    bool any = false;
    int64_t time = now();
    pthread_mutex_lock(&service->lock);
    for (size_t i = 0; i < service->n_workers; i++) {
        struct worker *worker = &service->workers[i];
        any = any || !worker->done;
        if (!worker->pid) continue;
        if (worker->kill_at) {
            if (time >= worker->kill_at) kill(-worker->pid, SIGKILL);
        } else if (is_canceled(worker) || time >= worker->deadline) {
            worker->kill_at = time + GRACE;
            kill(-worker->pid, SIGTERM);
        }
    }
    pthread_mutex_unlock(&service->lock);
    return any;
}

/* Of the first INFO_MAX bytes: a step may write without end. */
static void read_info(const struct run *run, char *branch, char *commit, size_t cap)
{
    char path[PATH_MAX + 8], text[INFO_MAX + 1];
    snprintf(path, sizeof path, "%s/info", run->dir);
    FILE *file = open_regular(path);
    if (!file && errno != ENOENT) say("%s: run %u: $CI_INFO: %s", run->name, run->number, strerror(errno));
    if (!file) return;
    text[fread(text, 1, INFO_MAX, file)] = '\0';
    fclose(file);
    for (char *line = text, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next) *next++ = '\0';
        line[strcspn(line, "\r")] = '\0';
        if (strncmp(line, "branch=", 7) == 0) snprintf(branch, cap, "%s", line + 7);
        if (strncmp(line, "commit=", 7) == 0) snprintf(commit, cap, "%s", line + 7);
    }
}

/* Tries it as often as the plan says, and tells what came of it. */
static enum outcome run_step(struct run *run, const struct step *step)
{
    enum outcome outcome;
    unsigned tries = 0;
    double seconds = 0;
    do outcome = try_step(run, step, ++tries, &seconds);
    while (outcome == FAILURE && tries <= run->plan->retry);
    metrics_run_step(run->update, run->name, step->name, seconds, outcome == SUCCESS);
    metrics_run_tries(run->update, run->name, step->name, tries, outcome == SUCCESS);
    if (outcome != SUCCESS) say("%s: run %u: step %s: %s", run->name, run->number, step->name, outcome_names[outcome]);
    return outcome;
}

static void run_all(struct run *run)
{
    const struct plan *plan = run->plan;
    struct report report = {.pipeline = run->name, .number = run->number, .waited = (double)run->waited / (double)SECOND};
    int64_t started = now();
    if (run->place == 0) snprintf(run->dir, sizeof run->dir, "%s/%s", run->worker->service->scratch, run->name);
    else snprintf(run->dir, sizeof run->dir, "%s/%s/%u", run->worker->service->scratch, run->name, run->place + 1);
    size_t i = 0;
    while (i < plan->n_steps && report.outcome == SUCCESS) report.outcome = run_step(run, &plan->steps[i++]);
    for (; i < plan->n_steps; i++) metrics_run_tries(run->update, run->name, plan->steps[i].name, 0, false);
    report.seconds = (double)(now() - started) / (double)SECOND;
    say("%s: run %u: %s, %.2f s", run->name, run->number, outcome_names[report.outcome], report.seconds);
    read_info(run, report.branch, report.commit, sizeof report.branch);
    if (report.outcome == CANCELED) {
        metrics_run_canceled(run->update);
    } else {
        journal_write(run->worker->service->journal, &report);
        metrics_run_ends(run->update, &report);
    }
}

/* The pipeline that has waited for longest. Under the lock. */
static struct pipeline *next_pipeline(struct service *service)
{
    struct pipeline *next = NULL;
    for (struct pipeline *pipeline = service->pipelines; pipeline; pipeline = pipeline->next) {
        if (pipeline->ticket && (!next || pipeline->ticket < next->ticket)) next = pipeline;
    }
    return next;
}

void *worker_main(void *ptr)
{
    struct worker *worker = ptr;
    struct service *service = worker->service;
    pthread_mutex_lock(&service->lock);
    while (!service->stopping) {
        struct pipeline *pipeline = next_pipeline(service);
        if (!pipeline) {
            pthread_cond_wait(&service->work, &service->lock);
            continue;
        }
        int64_t time = now();
        struct run run = {.worker = worker, .name = pipeline->name, .plan = pipeline->plan, .number = ++pipeline->number,
                          .waited = time - pipeline->queued, .update = pipeline->update};
        run.plan->refs++;
        while (pipeline->places >> run.place & 1) run.place++;
        pipeline->places |= UINT64_C(1) << run.place;
        pipeline->ticket = 0;
        pipeline->update = NULL;
        pipeline->due = run.plan->every ? time + run.plan->every : INT64_MAX;
        worker->pipeline = pipeline;
        metrics_run_begins(run.update, run.name); /* under the lock: runs begin in the order of their numbers */
        pthread_mutex_unlock(&service->lock);

        run_all(&run);

        pthread_mutex_lock(&service->lock);
        worker->pipeline = NULL;
        pipeline->places &= ~(UINT64_C(1) << run.place);
        plan_unref(run.plan);
    }
    worker->done = true;
    pthread_mutex_unlock(&service->lock);
    return NULL;
}
