/*
 * pipelined: a small CI service, as an example of a program with cprom in it. It runs the pipelines of a directory, when
 * their files change or by a timer, and tells Prometheus about them. See plan.c for the files, metrics.c for the metrics.
 *
 * The main thread looks at files and clock ten times a second. Signals are blocked in all threads and taken here, so that
 * there are no handlers. The workers run the steps, and the server of cprom answers scrapes.
 */
#define _XOPEN_SOURCE 700 /* realpath */

#include "pipelined.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64

static const struct timespec tick = {.tv_nsec = SECOND / 10};

static const char usage[] =
    "usage: pipelined [--dir DIR] [--listen ADDRESS] [--workers N] [--scratch DIR] [--journal FILE]\n"
    "\n"
    "  --dir DIR         where the pipelines are, files NAME.pipeline (default: .)\n"
    "  --listen ADDRESS  where the metrics are served (default: 127.0.0.1:9464; port 0: any)\n"
    "  --workers N       runs at a time, 1 to 64 (default: 2)\n"
    "  --scratch DIR     where the runs work; each empties its own directory there (default: scratch)\n"
    "  --journal FILE    a line is added to it for each run that ends: time, pipeline, number, status, seconds\n"
    "\n"
    "A pipeline file:\n"
    "\n"
    "  # a comment\n"
    "  every 30s                  run that often, and not only when the file changes\n"
    "  timeout 60s                what each step may take (default: 10m)\n"
    "  parallel 2                 so many runs may go on at a time (default: 1)\n"
    "  retry 1                    so often a step that fails is tried again (default: 0)\n"
    "  step NAME: shell command   one or more, in this order; the first that fails ends the run\n"
    "\n"
    "Durations are whole numbers of ms, s, m or h. A step finds CI_PIPELINE, CI_RUN, CI_STEP, CI_TRY and CI_INFO in its\n"
    "environment; lines branch=NAME and commit=ID that it writes into the file $CI_INFO become labels of\n"
    "ci_pipeline_info. It works in an empty directory of the run's, SCRATCH/PIPELINE/work, beside which is the log;\n"
    "a run that goes on beside another, in SCRATCH/PIPELINE/2/work.\n"
    "Put files in place by renaming them. A file that becomes bad is reported, and its last good version goes on.\n"
    "Removing the file removes the pipeline with its metrics, and ends its run.\n"
    "SIGTERM, SIGINT and SIGHUP end pipelined and the steps that run.\n";

int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * SECOND + time.tv_nsec;
}

void say(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    flockfile(stderr);
    vfprintf(stderr, format, args);
    putc_unlocked('\n', stderr);
    funlockfile(stderr);
    va_end(args);
}

struct options {
    const char *dir, *listen, *scratch, *journal;
    size_t workers;
};

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *options)
{
    static const struct option known[] = {
        {"dir", required_argument, NULL, 'd'},     {"listen", required_argument, NULL, 'l'},
        {"workers", required_argument, NULL, 'w'}, {"scratch", required_argument, NULL, 's'},
        {"journal", required_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0}};
    *options = (struct options){.dir = ".", .listen = "127.0.0.1:9464", .scratch = "scratch", .workers = 2};
    char *end = "";
    for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;) {
        switch (option) {
        case 'd': options->dir = optarg; break;
        case 'l': options->listen = optarg; break;
        case 's': options->scratch = optarg; break;
        case 'j': options->journal = optarg; break;
        case 'w': options->workers = strtoul(optarg, &end, 10); break;
        case 'h': fputs(usage, stdout); return 0;
        default: return 2;
        }
    }
    if (optind == argc && !*end && options->workers >= 1 && options->workers <= WORKERS_MAX) return -1;
    fputs(usage, stderr);
    return 2;
}

static void stop_workers(struct service *service)
{
    pthread_mutex_lock(&service->lock);
    service->stopping = true;
    pthread_cond_broadcast(&service->work);
    pthread_mutex_unlock(&service->lock);
    while (workers_watch(service)) nanosleep(&tick, NULL);
    for (size_t i = 0; i < service->n_workers; i++) pthread_join(service->workers[i].thread, NULL);
}

static bool start_workers(struct service *service, size_t n)
{
    if (!(service->workers = calloc(n, sizeof *service->workers))) return false;
    pthread_mutex_lock(&service->lock);
    for (; service->n_workers < n; service->n_workers++) {
        struct worker *worker = &service->workers[service->n_workers];
        worker->service = service;
        if (pthread_create(&worker->thread, NULL, worker_main, worker) != 0) break;
    }
    pthread_mutex_unlock(&service->lock);
    return service->n_workers == n;
}

int main(int argc, char **argv)
{
    struct options options;
    int code = parse_options(argc, argv, &options);
    if (code >= 0) return code;

    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* standard error may be a pipe that nobody reads any more */
    signal(SIGCHLD, SIG_DFL); /* ignored, it would keep us from waiting for steps */

    char scratch[PATH_MAX];
    if ((mkdir(options.scratch, 0777) != 0 && errno != EEXIST) || !realpath(options.scratch, scratch)) {
        say("pipelined: %s: %s", options.scratch, strerror(errno));
        return 1;
    }
    int journal = options.journal ? journal_open(options.journal) : -1;
    if (options.journal && journal < 0) {
        say("pipelined: %s: %s", options.journal, strerror(errno));
        return 1;
    }
    struct service service = {.dir = options.dir, .scratch = scratch, .journal = journal,
                              .lock = PTHREAD_MUTEX_INITIALIZER, .work = PTHREAD_COND_INITIALIZER};
    const char *address = metrics_start(&service, options.listen);
    bool started = address && start_workers(&service, options.workers);
    if (started) {
        say("pipelined: http://%s/metrics, pipelines of %s, scratch %s", address, options.dir, scratch);
        do {
            pipelines_scan(&service);
            workers_watch(&service);
        } while (sigtimedwait(&signals, NULL, &tick) < 0);
        say("pipelined: ends");
    } else if (address) {
        say("pipelined: the workers cannot be started");
    }

    stop_workers(&service);
    metrics_stop();
    while (service.pipelines) {
        struct pipeline *next = service.pipelines->next;
        pipeline_free(service.pipelines);
        service.pipelines = next;
    }
    free(service.workers);
    if (journal >= 0) close(journal);
    return started ? 0 : 1;
}
