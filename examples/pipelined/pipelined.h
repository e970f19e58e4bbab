/*
 * What the parts of pipelined know of each other; main.c says what it is.
 */
#ifndef PIPELINED_H
#define PIPELINED_H

#include <cprom/cprom.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/types.h>

#define SECOND INT64_C(1000000000)

/*-- plan.c: what a pipeline file says. Does not change once it was read. --*/

#define PARALLEL_MAX 64

struct step {
    char *name;
    char *command;
};

struct plan {
    struct step *steps;
    size_t n_steps;
    int64_t every;    /* nanoseconds between the beginnings of two runs; 0: no timer */
    int64_t timeout;  /* nanoseconds that one step may take */
    int64_t parallel; /* runs that may go on at a time */
    int64_t retry;    /* so often a step that fails is tried again */
    size_t refs;      /* the pipeline and the runs that go on; under the service's lock */
};

/* The caller's; NULL: the file is bad, which was reported with its line. */
struct plan *plan_read(const char *path);
/* Gives it back; NULL is fine. */
void plan_unref(struct plan *plan);
/* For reading; NULL: errno. Whoever puts a pipe or a device in the place of a file keeps nobody waiting. */
FILE *open_regular(const char *path);
/* Letters, digits and . _ - but no dot first: no trouble as a label value or a file name. */
bool is_name(const char *text, size_t n);

/*-- The service: all that its threads share. --*/

struct pipeline {
    struct pipeline *next;
    char *name;           /* the file's, without .pipeline */
    struct stat file;     /* as it was when it was read */
    struct plan *plan;    /* the latest good one; NULL: there has been none */
    int64_t due;          /* when the next run is queued */
    uint64_t ticket;      /* a run waits for a worker, the lowest ticket first; 0: none does */
    int64_t queued;       /* since when it waits */
    cprom_update *update; /* what it will leave behind */
    unsigned number;      /* of the latest run */
    uint64_t places;      /* bit i: a run goes on in the i-th of its directories */
    bool removed;         /* the file is gone; freed when no run goes on any more */
    bool seen;            /* by the scan that goes on */
};

enum outcome {
    SUCCESS,
    FAILURE,
    TIMEOUT,
    CANCELED /* pipelined ends, or the pipeline was removed: the run does not count */
};
extern const char *const outcome_names[];

/* What a run was, at its end. */
struct report {
    const char *pipeline;
    unsigned number;
    enum outcome outcome;
    double waited, seconds;        /* in the queue; then */
    char branch[256], commit[256]; /* empty: not said */
};

struct worker {
    pthread_t thread;
    struct service *service;
    struct pipeline *pipeline; /* whose run it works on; NULL: idle */
    const char *step;          /* that runs now, since `started`; NULL: none */
    int64_t started;
    int64_t deadline;
    int64_t kill_at; /* it was told to end, and is killed then; 0: not told */
    pid_t pid;       /* of the step, and its process group; 0: none. Reaped under the lock only */
    bool done;       /* the thread is over */
};

struct service {
    const char *dir;
    const char *scratch;
    pthread_mutex_t lock; /* guards all that follows, and every pipeline and worker */
    pthread_cond_t work;
    struct pipeline *pipelines;
    uint64_t tickets;
    struct worker *workers;
    size_t n_workers;
    bool stopping;
    int wrong;   /* with the directory: what was reported */
    int journal; /* file descriptor; -1: there is none */
};

/* Nanoseconds on a clock that never steps back. */
int64_t now(void);
/* One line to standard error. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*-- pipelines.c: files become pipelines, and pipelines wait to be run --*/

/* Looks at the directory and the clock. */
void pipelines_scan(struct service *service);
void pipeline_free(struct pipeline *pipeline);

/*-- worker.c: runs and their steps --*/

void *worker_main(void *worker);
/* Ends the steps whose time is over, or all of them if the service stops. Whether there are workers still. */
bool workers_watch(struct service *service);

/*-- metrics.c: all that is cprom --*/

/* Registers everything and serves it; the address comes back, NULL if it fails, which was reported. */
const char *metrics_start(struct service *service, const char *listen);
void metrics_stop(void);
void metrics_pipeline_added(const char *pipeline);
void metrics_pipeline_removed(const char *pipeline);
/* A run. Nothing of it shows before its end; NULL does no harm. */
cprom_update *metrics_run_queued(void);
void metrics_run_begins(cprom_update *run, const char *pipeline);
/* Each step that ended. */
void metrics_run_step(cprom_update *run, const char *pipeline, const char *step, double seconds, bool success);
/* Each step of the plan; 0 tries: the run ended before it. */
void metrics_run_tries(cprom_update *run, const char *pipeline, const char *step, unsigned tries, bool success);
/* One of these two, at last. */
void metrics_run_ends(cprom_update *run, const struct report *report);
void metrics_run_canceled(cprom_update *run);

/*-- journal.c: the runs that ended, in a file --*/

/* Below 0: errno. */
int journal_open(const char *path);
void journal_write(int journal, const struct report *report);

#endif
