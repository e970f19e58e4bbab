/* What the members of a group use. */
#include "track.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- groups ---- */

static void drop_node(struct node *node) { free(node); } /* the node is first in its struct */

static bool is_rest(const char *name, size_t n) { return n == strlen(REST_GROUP) && memcmp(name, REST_GROUP, n) == 0; }

struct proc_group *group_get(struct tracker *tracker, const char *name, size_t n)
{
    struct node *node = table_find(&tracker->groups, name, n);
    if (node) return (struct proc_group *)node;
    if (tracker->groups.n >= tracker->options.groups_max && !is_rest(name, n)) {
        return group_get(tracker, REST_GROUP, strlen(REST_GROUP));
    }
    struct proc_group *group = calloc(1, sizeof *group);
    if (!group) return NULL;
    group_begin(group);
    if (table_add(&tracker->groups, &group->node, name, n)) return group;
    free(group);
    return NULL;
}

void group_free(struct node *node)
{
    struct proc_group *group = (struct proc_group *)node;
    table_free(&group->threads, drop_node);
    table_free(&group->wchans, drop_node);
    free(group);
}

void group_begin(struct proc_group *group)
{
    group->procs = group->n_threads = 0;
    group->resident = group->virtual = group->swapped = group->pss = group->swap_pss = 0;
    group->fds = 0;
    group->worst_fd_ratio = 0;
    group->oldest = UINT64_MAX;
    memset(group->states, 0, sizeof group->states);
    for (struct node *node = NULL; (node = table_next(&group->threads, node));) ((struct thread_group *)node)->n = 0;
    for (struct node *node = NULL; (node = table_next(&group->wchans, node));) ((struct wchan *)node)->n = 0;
}

static bool keep_threads(struct node *node, void *ctx)
{
    (void)ctx;
    return ((struct thread_group *)node)->n > 0;
}

static bool keep_wchan(struct node *node, void *ctx)
{
    (void)ctx;
    return ((struct wchan *)node)->n > 0;
}

void group_end(struct proc_group *group)
{
    table_filter(&group->threads, keep_threads, drop_node, NULL);
    table_filter(&group->wchans, keep_wchan, drop_node, NULL);
}

static struct thread_group *thread_group(struct proc_group *group, const char *name, size_t n, size_t max)
{
    struct node *node = table_find(&group->threads, name, n);
    if (node) return (struct thread_group *)node;
    if (group->threads.n >= max && !is_rest(name, n)) return thread_group(group, REST_GROUP, strlen(REST_GROUP), max);
    struct thread_group *threads = calloc(1, sizeof *threads);
    if (!threads || table_add(&group->threads, &threads->node, name, n)) return threads;
    free(threads);
    return NULL;
}

static bool add_wchan(struct proc_group *group, const char *name)
{
    size_t n = strlen(name);
    struct node *node = table_find(&group->wchans, name, n);
    struct wchan *wchan = (struct wchan *)node;
    if (n == 0) return true;
    if (!wchan) {
        wchan = calloc(1, sizeof *wchan);
        if (!wchan || !table_add(&group->wchans, &wchan->node, name, n)) {
            free(wchan);
            return false;
        }
    }
    wchan->n++;
    return true;
}

static void add_state(struct proc_group *group, char state)
{
    int to = STATE_OTHER;
    if (state == 'R') to = STATE_RUNNING;
    if (state == 'S') to = STATE_SLEEPING;
    if (state == 'D') to = STATE_WAITING;
    if (state == 'Z') to = STATE_ZOMBIE;
    group->states[to]++;
}

/* ---- counters ---- */

/* Adds what `now` has more than `last`, of which each may go down: then it starts again from there. */
static void add_used(struct counts *to, struct counts *last, const struct counts *now)
{
    for (int i = 0; i < N_COUNTS; i++) {
        if (now->v[i] > last->v[i]) to->v[i] += now->v[i] - last->v[i];
        last->v[i] = now->v[i];
    }
}

static struct counts counts_of(const struct proc_stat *stat, const struct proc_status *status, const struct proc_io *io)
{
    struct counts counts = {{0}};
    counts.v[COUNT_USER] = stat->user;
    counts.v[COUNT_SYSTEM] = stat->system;
    counts.v[COUNT_READ_BYTES] = io->read_bytes;
    counts.v[COUNT_WRITE_BYTES] = io->write_bytes;
    counts.v[COUNT_MAJOR_FAULTS] = stat->major_faults;
    counts.v[COUNT_MINOR_FAULTS] = stat->minor_faults;
    counts.v[COUNT_VOLUNTARY] = status->voluntary;
    counts.v[COUNT_NONVOLUNTARY] = status->nonvoluntary;
    return counts;
}

/* ---- threads ---- */

static int compare_ids(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static struct thread *find_thread(const struct proc *proc, size_t n, int tid)
{
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (proc->threads[middle].tid < tid) low = middle + 1;
        else high = middle;
    }
    return low < n && proc->threads[low].tid == tid ? &proc->threads[low] : NULL;
}

/* A place for one more; the new ones are behind those of the pass before until they are sorted in. */
static struct thread *add_thread(struct proc *proc, int tid)
{
    if (proc->n_threads == proc->cap_threads) {
        size_t cap = proc->cap_threads ? proc->cap_threads * 2 : 8;
        struct thread *grown = realloc(proc->threads, cap * sizeof *grown);
        if (!grown) return NULL;
        proc->threads = grown;
        proc->cap_threads = cap;
    }
    struct thread *thread = &proc->threads[proc->n_threads++];
    *thread = (struct thread){.tid = tid};
    return thread;
}

static int compare_threads(const void *a, const void *b)
{
    const struct thread *x = a, *y = b;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Threads that were not there in this pass go. */
static void sort_threads(struct proc *proc, uint32_t pass, size_t before)
{
    size_t to = 0;
    bool grew = proc->n_threads > before;
    for (size_t i = 0; i < proc->n_threads; i++) {
        if (proc->threads[i].pass == pass) proc->threads[to++] = proc->threads[i];
    }
    proc->n_threads = to;
    if (grew) qsort(proc->threads, to, sizeof *proc->threads, compare_threads);
}

/* Whether a thread that is new to us is not a new one: its process was there first, and its threads were not seen. */
static bool began_before_us(const struct proc *proc) { return proc->old && (!proc->counted || proc->unlisted); }

/* A thread that is there and cannot be read: what it used until now must not count as new when it can. */
static bool keep_thread(struct tracker *tracker, struct proc *proc, size_t before, int tid)
{
    struct thread *thread = find_thread(proc, before, tid);
    if (!thread) {
        if (!began_before_us(proc) || (tid == proc->pid && proc->counted)) return true;
        thread = add_thread(proc, tid);
        if (!thread) return false;
        thread->start = NO_START;
    }
    thread->pass = tracker->pass;
    return true;
}

/* One thread of a process that has several. The process is a member and was read whole. */
static enum result thread_update(struct tracker *tracker, struct proc *proc, size_t before, int dir, int tid)
{
    struct proc_stat stat;
    struct proc_status status;
    struct proc_io io = {0, 0};
    char wchan[PROC_WCHAN_MAX + 1];
    struct procfs *fs = &tracker->fs;
    struct proc_group *group = proc->group;
    enum result result = procfs_read_stat(fs, dir, &stat);
    if (result != RESULT_OK || (result = procfs_read_status(fs, dir, &status)) != RESULT_OK) return result;
    bool with_io = tracker->options.threads && procfs_read_io(fs, dir, &io) == RESULT_OK;
    if (procfs_read_wchan(fs, dir, wchan) == RESULT_NO_MEMORY) return RESULT_NO_MEMORY;

    struct counts now = counts_of(&stat, &status, &io), used = {{0}};
    struct thread *thread = find_thread(proc, before, tid);
    if (thread && thread->start == NO_START) {
        thread->start = stat.start;
        thread->last = now;
    } else if (!thread) {
        thread = add_thread(proc, tid);
        if (!thread) return RESULT_NO_MEMORY;
        thread->start = stat.start;
        /* If it is the first thread, and was alone until now, it had what the process had. If it began before us, what
         * it has used does not count. */
        if (tid == proc->pid && proc->counted) thread->last = proc->last;
        else if (began_before_us(proc)) thread->last = now;
    } else if (thread->start != stat.start) {
        *thread = (struct thread){.tid = tid, .start = stat.start};
    }
    if (!with_io) {
        now.v[COUNT_READ_BYTES] = thread->last.v[COUNT_READ_BYTES];
        now.v[COUNT_WRITE_BYTES] = thread->last.v[COUNT_WRITE_BYTES];
    }
    thread->pass = tracker->pass;
    add_used(&used, &thread->last, &now);
    group->counts.v[COUNT_VOLUNTARY] += used.v[COUNT_VOLUNTARY];
    group->counts.v[COUNT_NONVOLUNTARY] += used.v[COUNT_NONVOLUNTARY];
    add_state(group, stat.state);
    if (!add_wchan(group, wchan)) return RESULT_NO_MEMORY;
    if (!tracker->options.threads) return RESULT_OK;

    /* Names are UTF-8 on the page. */
    tracker->name.len = 0;
    if (!buffer_put_utf8(&tracker->name, stat.comm, strlen(stat.comm), GROUP_NAME_MAX) ||
        !buffer_put(&tracker->name, "", 0))
        return RESULT_NO_MEMORY;
    struct thread_group *threads =
        thread_group(group, tracker->name.at, tracker->name.len, tracker->options.thread_names_max);
    if (!threads) return RESULT_NO_MEMORY;
    threads->n++;
    for (int i = 0; i < N_COUNTS; i++) threads->counts.v[i] += used.v[i];
    return RESULT_OK;
}

/* All threads of a process that has several. */
static enum result threads_update(struct tracker *tracker, struct proc *proc, int dir, bool *partial)
{
    struct ids *tids = &tracker->tids;
    size_t before = proc->n_threads;
    int task;
    enum result result = procfs_list_tids(&tracker->fs, dir, tids, &task);
    if (result != RESULT_OK) {
        *partial = true;
        proc->unlisted = began_before_us(proc);
        return result == RESULT_NO_MEMORY ? RESULT_NO_MEMORY : RESULT_OK;
    }
    qsort(tids->v, tids->n, sizeof *tids->v, compare_ids);
    for (size_t i = 0; i < tids->n && result != RESULT_NO_MEMORY; i++) {
        int fd, tid = tids->v[i];
        result = procfs_open_id(task, tid, &fd);
        if (result == RESULT_OK) {
            result = thread_update(tracker, proc, before, fd, tid);
            close(fd);
        }
        if (result != RESULT_ERROR) continue;
        *partial = true;
        if (!keep_thread(tracker, proc, before, tid)) result = RESULT_NO_MEMORY;
    }
    close(task);
    if (result != RESULT_NO_MEMORY) proc->unlisted = false;
    sort_threads(proc, tracker->pass, before);
    return result == RESULT_NO_MEMORY ? RESULT_NO_MEMORY : RESULT_OK;
}

/* ---- processes ---- */

/* What is read of one process. */
struct usage {
    struct counts counts;
    struct gauges gauges;
    char wchan[PROC_WCHAN_MAX + 1];
    bool has_io, partial;
};

/* Notes a file that could not be read. false: no memory, which ends the pass. */
static bool bearable(struct usage *use, enum result result)
{
    use->partial = use->partial || result != RESULT_OK;
    return result != RESULT_NO_MEMORY;
}

static enum result read_usage(struct tracker *tracker, int dir, const struct proc_stat *stat, struct usage *use)
{
    struct procfs *fs = &tracker->fs;
    struct proc_status status;
    struct proc_io io = {0, 0};
    struct proc_smaps smaps = {0, 0};
    uint64_t fds, fd_limit;
    enum result result = procfs_read_status(fs, dir, &status);
    if (result == RESULT_OK) result = procfs_read_fd_limit(fs, dir, &fd_limit);
    if (result != RESULT_OK) return result;
    result = procfs_read_io(fs, dir, &io);
    use->has_io = result == RESULT_OK;
    if (!bearable(use, result)) return RESULT_NO_MEMORY;
    result = procfs_count_fds(fs, dir, &fds);
    if (result != RESULT_OK) fds = 0;
    if (!bearable(use, result)) return RESULT_NO_MEMORY;
    if (!bearable(use, procfs_read_wchan(fs, dir, use->wchan))) return RESULT_NO_MEMORY;
    if (tracker->options.smaps && !bearable(use, procfs_read_smaps(fs, dir, &smaps))) return RESULT_NO_MEMORY;
    use->gauges = (struct gauges){.threads = stat->threads,
                                  .resident = stat->resident_bytes,
                                  .virtual = stat->virtual_bytes,
                                  .swapped = status.swap_bytes,
                                  .pss = smaps.pss_bytes,
                                  .swap_pss = smaps.swap_pss_bytes,
                                  .fds = fds,
                                  .fd_ratio = fd_limit > 0 ? (double)fds / (double)fd_limit : 0,
                                  .state = stat->state};
    use->counts = counts_of(stat, &status, &io);
    return RESULT_OK;
}

static void add_gauges(struct proc_group *group, uint64_t start, const struct gauges *has)
{
    group->procs++;
    group->n_threads += has->threads;
    group->resident += has->resident;
    group->virtual += has->virtual;
    group->swapped += has->swapped;
    group->pss += has->pss;
    group->swap_pss += has->swap_pss;
    group->fds += has->fds;
    if (has->fd_ratio > group->worst_fd_ratio) group->worst_fd_ratio = has->fd_ratio;
    if (start < group->oldest) group->oldest = start;
    add_state(group, has->state);
}

void member_keep(struct proc *proc)
{
    if (proc->group && proc->counted) add_gauges(proc->group, proc->start, &proc->gauges);
}

enum result member_update(struct tracker *tracker, struct proc *proc, int dir, const struct proc_stat *stat)
{
    struct usage use = {.partial = false};
    struct proc_group *group = proc->group;
    enum result result = read_usage(tracker, dir, stat, &use);
    if (result != RESULT_OK) return result;
    if (!add_wchan(group, use.wchan)) return RESULT_NO_MEMORY;
    proc->gauges = use.gauges;
    add_gauges(group, proc->start, &proc->gauges);

    /* Before the first thread's counts change: with several threads, they have a say in them. */
    if (stat->threads > 1) {
        result = threads_update(tracker, proc, dir, &use.partial);
    } else {
        proc->n_threads = 0;
        proc->unlisted = false;
    }
    if (use.partial) tracker->partial_errors++;

    struct counts now = use.counts;
    if (!use.has_io) {
        now.v[COUNT_READ_BYTES] = proc->last.v[COUNT_READ_BYTES];
        now.v[COUNT_WRITE_BYTES] = proc->last.v[COUNT_WRITE_BYTES];
    }
    if (proc->n_threads > 0) {
        /* Context switches were counted thread by thread. */
        proc->last.v[COUNT_VOLUNTARY] = now.v[COUNT_VOLUNTARY];
        proc->last.v[COUNT_NONVOLUNTARY] = now.v[COUNT_NONVOLUNTARY];
    }
    if (!proc->counted && proc->old) proc->last = now;
    add_used(&group->counts, &proc->last, &now);
    proc->counted = true;
    return result;
}
