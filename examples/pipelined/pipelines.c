/*
 * The directory is read again and again, which needs no more than POSIX and sees whatever happened meanwhile. A new or
 * changed file starts a run, and so does the timer. One run of a pipeline waits at a time, and as many go on as its file says.
 *
 * A file that becomes bad is reported, and the last good version goes on. Rename files into place: one that is written in
 * place may be read when the half of it is there, and again when the rest is.
 */
#define _POSIX_C_SOURCE 200809L

#include "pipelined.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char suffix[] = ".pipeline";

static bool same_file(const struct stat *a, const struct stat *b)
{
    return a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
           a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Finds the pipeline, or puts a new one on the list. NULL: no memory. */
static struct pipeline *find(struct service *service, const char *name, size_t n)
{
    struct pipeline *pipeline = service->pipelines;
    while (pipeline && (strlen(pipeline->name) != n || strncmp(pipeline->name, name, n) != 0)) pipeline = pipeline->next;
    if (pipeline || !(pipeline = calloc(1, sizeof *pipeline))) return pipeline;
    if (!(pipeline->name = strndup(name, n))) {
        free(pipeline);
        return NULL;
    }
    pipeline->next = service->pipelines;
    return service->pipelines = pipeline;
}

static void scan_file(struct service *service, const char *file)
{
    size_t n = strlen(file), end = strlen(suffix);
    if (n <= end || strcmp(file + n - end, suffix) != 0 || !is_name(file, n - end)) return;
    char path[PATH_MAX];
    struct stat found;
    if (snprintf(path, sizeof path, "%s/%s", service->dir, file) >= (int)sizeof path) return;
    if (stat(path, &found) != 0 || !S_ISREG(found.st_mode)) return;

    struct pipeline *pipeline = find(service, file, n - end);
    if (!pipeline || pipeline->removed) return; /* removed, but a run of it still ends: the file is a new one, later */
    pipeline->seen = true;
    if (same_file(&found, &pipeline->file)) return;
    pipeline->file = found;
    struct plan *plan = plan_read(path);
    if (!plan) return;
    if (!pipeline->plan) metrics_pipeline_added(pipeline->name);
    plan_unref(pipeline->plan);
    pipeline->plan = plan;
    pipeline->due = now();
}

/* How many runs of it go on. */
static int64_t running(const struct pipeline *pipeline)
{
    int64_t n = 0;
    for (uint64_t places = pipeline->places; places; places &= places - 1) n++;
    return n;
}

static void leave_queue(struct pipeline *pipeline)
{
    metrics_run_canceled(pipeline->update);
    pipeline->update = NULL;
    pipeline->ticket = 0;
}

/* Removes the pipelines whose files are gone. Those that run stay on the list till they are done, but nobody sees them. */
static void remove_unseen(struct service *service)
{
    for (struct pipeline **at = &service->pipelines, *pipeline; (pipeline = *at);) {
        if (!pipeline->seen && !pipeline->removed) {
            /* Out of every family at once. A run that goes on was queued before this: its commit will be stale. */
            metrics_pipeline_removed(pipeline->name);
            pipeline->removed = true;
            leave_queue(pipeline);
            say("%s: removed", pipeline->name);
        }
        if (pipeline->removed && !pipeline->places) {
            *at = pipeline->next;
            pipeline_free(pipeline);
        } else {
            at = &pipeline->next;
        }
    }
}

void pipelines_scan(struct service *service)
{
    DIR *dir = opendir(service->dir);
    int wrong = dir ? 0 : errno;
    pthread_mutex_lock(&service->lock);
    for (struct pipeline *pipeline = service->pipelines; pipeline; pipeline = pipeline->next) pipeline->seen = false;
    for (struct dirent *entry; dir; scan_file(service, entry->d_name)) {
        errno = 0;
        if (!(entry = readdir(dir))) break;
    }
    if (dir) wrong = errno;
    /* A directory that cannot be read takes no pipeline away. */
    if (!wrong) remove_unseen(service);
    if (wrong && wrong != service->wrong) say("%s: %s", service->dir, strerror(wrong));
    service->wrong = wrong;

    int64_t time = now();
    for (struct pipeline *pipeline = service->pipelines; pipeline; pipeline = pipeline->next) {
        if (!pipeline->plan || pipeline->removed || pipeline->ticket || time < pipeline->due) continue;
        if (running(pipeline) >= pipeline->plan->parallel) continue;
        pipeline->ticket = ++service->tickets;
        pipeline->queued = time;
        pipeline->update = metrics_run_queued();
        pthread_cond_signal(&service->work);
    }
    pthread_mutex_unlock(&service->lock);
    if (dir) closedir(dir);
}

void pipeline_free(struct pipeline *pipeline)
{
    leave_queue(pipeline);
    plan_unref(pipeline->plan);
    free(pipeline->name);
    free(pipeline);
}
