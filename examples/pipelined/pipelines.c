/*
 * The directory is read again and again, which needs no more than POSIX and sees whatever happened meanwhile. A new or
 * changed file starts a run, and so does the timer. A pipeline runs once at a time, and its file is not read while it does.
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
    if (pipeline->running || same_file(&found, &pipeline->file)) return;
    pipeline->file = found;
    struct plan *plan = plan_read(path);
    if (!plan) return;
    if (!pipeline->plan) metrics_pipeline_added(pipeline->name);
    plan_free(pipeline->plan);
    pipeline->plan = plan;
    pipeline->due = now();
}

/* Removes the pipelines whose files are gone. Those that run stay on the list till they are done, but nobody sees them. */
static void remove_unseen(struct service *service)
{
    for (struct pipeline **at = &service->pipelines, *pipeline; (pipeline = *at);) {
        if (!pipeline->seen && !pipeline->removed) {
            /* Out of every family at once. A run that goes on was begun before this: its commit will be stale. */
            metrics_pipeline_removed(pipeline->name);
            pipeline->removed = true;
            pipeline->ticket = 0;
            say("%s: removed", pipeline->name);
        }
        if (pipeline->removed && !pipeline->running) {
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
        if (!pipeline->plan || pipeline->running || pipeline->removed || pipeline->ticket || time < pipeline->due) continue;
        pipeline->ticket = ++service->tickets;
        pthread_cond_signal(&service->work);
    }
    pthread_mutex_unlock(&service->lock);
    if (dir) closedir(dir);
}

void pipeline_free(struct pipeline *pipeline)
{
    plan_free(pipeline->plan);
    free(pipeline->name);
    free(pipeline);
}
