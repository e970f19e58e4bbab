/* What the members of a group use. */
#include "track.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- groups ---- */

static void drop_node(px_node *node) { free(node); } /* the node is first in its struct */

static bool is_rest(const char *name, size_t n) { return n == strlen(PX_REST) && memcmp(name, PX_REST, n) == 0; }

px_group *px_group_get(px_tracker *tracker, const char *name, size_t n)
{
    px_node *node = px_table_find(&tracker->groups, name, n);
    if (node) return (px_group *)node;
    if (tracker->groups.n >= tracker->options.groups_max && !is_rest(name, n)) {
        return px_group_get(tracker, PX_REST, strlen(PX_REST));
    }
    px_group *group = calloc(1, sizeof *group);
    if (!group) return NULL;
    px_group_begin(group);
    if (px_table_add(&tracker->groups, &group->node, name, n)) return group;
    free(group);
    return NULL;
}

void px_group_free(px_node *node)
{
    px_group *group = (px_group *)node;
    px_table_free(&group->threads, drop_node);
    px_table_free(&group->wchans, drop_node);
    free(group);
}

void px_group_begin(px_group *group)
{
    group->procs = group->n_threads = 0;
    group->resident = group->virtual = group->swapped = group->pss = group->swap_pss = 0;
    group->fds = 0;
    group->worst_fd_ratio = 0;
    group->oldest = UINT64_MAX;
    memset(group->states, 0, sizeof group->states);
    for (px_node *node = NULL; (node = px_table_next(&group->threads, node));) ((px_thread_group *)node)->n = 0;
    for (px_node *node = NULL; (node = px_table_next(&group->wchans, node));) ((px_wchan *)node)->n = 0;
}

static bool keep_threads(px_node *node, void *ctx)
{
    (void)ctx;
    return ((px_thread_group *)node)->n > 0;
}

static bool keep_wchan(px_node *node, void *ctx)
{
    (void)ctx;
    return ((px_wchan *)node)->n > 0;
}

void px_group_end(px_group *group)
{
    px_table_filter(&group->threads, keep_threads, drop_node, NULL);
    px_table_filter(&group->wchans, keep_wchan, drop_node, NULL);
}

static px_thread_group *thread_group(px_group *group, const char *name, size_t n, size_t max)
{
    px_node *node = px_table_find(&group->threads, name, n);
    if (node) return (px_thread_group *)node;
    if (group->threads.n >= max && !is_rest(name, n)) return thread_group(group, PX_REST, strlen(PX_REST), max);
    px_thread_group *threads = calloc(1, sizeof *threads);
    if (!threads || px_table_add(&group->threads, &threads->node, name, n)) return threads;
    free(threads);
    return NULL;
}

static bool add_wchan(px_group *group, const char *name)
{
    size_t n = strlen(name);
    px_node *node = px_table_find(&group->wchans, name, n);
    px_wchan *wchan = (px_wchan *)node;
    if (n == 0) return true;
    if (!wchan) {
        wchan = calloc(1, sizeof *wchan);
        if (!wchan || !px_table_add(&group->wchans, &wchan->node, name, n)) {
            free(wchan);
            return false;
        }
    }
    wchan->n++;
    return true;
}

static void add_state(px_group *group, char state)
{
    int to = PX_OTHER;
    if (state == 'R') to = PX_RUNNING;
    if (state == 'S') to = PX_SLEEPING;
    if (state == 'D') to = PX_WAITING;
    if (state == 'Z') to = PX_ZOMBIE;
    group->states[to]++;
}

/* ---- counters ---- */

/* Adds what `now` has more than `last`, of which each may go down: then it starts again from there. */
static void add_used(px_counts *to, px_counts *last, const px_counts *now)
{
    for (int i = 0; i < PX_COUNTS; i++) {
        if (now->v[i] > last->v[i]) to->v[i] += now->v[i] - last->v[i];
        last->v[i] = now->v[i];
    }
}

static px_counts counts_of(const px_stat *stat, const px_status *status, const px_io *io)
{
    px_counts counts = {{0}};
    counts.v[PX_USER] = stat->user;
    counts.v[PX_SYSTEM] = stat->system;
    counts.v[PX_READ_BYTES] = io->read_bytes;
    counts.v[PX_WRITE_BYTES] = io->write_bytes;
    counts.v[PX_MAJOR_FAULTS] = stat->major_faults;
    counts.v[PX_MINOR_FAULTS] = stat->minor_faults;
    counts.v[PX_VOLUNTARY] = status->voluntary;
    counts.v[PX_NONVOLUNTARY] = status->nonvoluntary;
    return counts;
}

/* ---- threads ---- */

static int compare_ids(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static px_thread *find_thread(const px_proc *proc, size_t n, int tid)
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
static px_thread *add_thread(px_proc *proc, int tid)
{
    if (proc->n_threads == proc->cap_threads) {
        size_t cap = proc->cap_threads ? proc->cap_threads * 2 : 8;
        px_thread *grown = realloc(proc->threads, cap * sizeof *grown);
        if (!grown) return NULL;
        proc->threads = grown;
        proc->cap_threads = cap;
    }
    px_thread *thread = &proc->threads[proc->n_threads++];
    *thread = (px_thread){.tid = tid};
    return thread;
}

static int compare_threads(const void *a, const void *b)
{
    const px_thread *x = a, *y = b;
    return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Threads that were not there in this pass go. */
static void sort_threads(px_proc *proc, uint32_t pass, size_t before)
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
static bool began_before_us(const px_proc *proc) { return proc->old && (!proc->counted || proc->unlisted); }

/* A thread that is there and cannot be read: what it used until now must not count as new when it can. */
static bool keep_thread(px_tracker *tracker, px_proc *proc, size_t before, int tid)
{
    px_thread *thread = find_thread(proc, before, tid);
    if (!thread) {
        if (!began_before_us(proc) || (tid == proc->pid && proc->counted)) return true;
        thread = add_thread(proc, tid);
        if (!thread) return false;
        thread->start = PX_NO_START;
    }
    thread->pass = tracker->pass;
    return true;
}

/* One thread of a process that has several. The process is a member and was read whole. */
static px_result thread_update(px_tracker *tracker, px_proc *proc, size_t before, int dir, int tid)
{
    px_stat stat;
    px_status status;
    px_io io = {0, 0};
    char wchan[PX_WCHAN_MAX + 1];
    px_procfs *fs = &tracker->fs;
    px_group *group = proc->group;
    px_result result = px_read_stat(fs, dir, &stat);
    if (result != PX_OK || (result = px_read_status(fs, dir, &status)) != PX_OK) return result;
    bool with_io = tracker->options.threads && px_read_io(fs, dir, &io) == PX_OK;
    if (px_read_wchan(fs, dir, wchan) == PX_NOMEM) return PX_NOMEM;

    px_counts now = counts_of(&stat, &status, &io), used = {{0}};
    px_thread *thread = find_thread(proc, before, tid);
    if (thread && thread->start == PX_NO_START) {
        thread->start = stat.start;
        thread->last = now;
    } else if (!thread) {
        thread = add_thread(proc, tid);
        if (!thread) return PX_NOMEM;
        thread->start = stat.start;
        /* If it is the first thread, and was alone until now, it had what the process had. If it began before us, what
         * it has used does not count. */
        if (tid == proc->pid && proc->counted) thread->last = proc->last;
        else if (began_before_us(proc)) thread->last = now;
    } else if (thread->start != stat.start) {
        *thread = (px_thread){.tid = tid, .start = stat.start};
    }
    if (!with_io) {
        now.v[PX_READ_BYTES] = thread->last.v[PX_READ_BYTES];
        now.v[PX_WRITE_BYTES] = thread->last.v[PX_WRITE_BYTES];
    }
    thread->pass = tracker->pass;
    add_used(&used, &thread->last, &now);
    group->counts.v[PX_VOLUNTARY] += used.v[PX_VOLUNTARY];
    group->counts.v[PX_NONVOLUNTARY] += used.v[PX_NONVOLUNTARY];
    add_state(group, stat.state);
    if (!add_wchan(group, wchan)) return PX_NOMEM;
    if (!tracker->options.threads) return PX_OK;

    /* Names are UTF-8 on the page. */
    tracker->name.len = 0;
    if (!buffer_put_utf8(&tracker->name, stat.comm, strlen(stat.comm), PX_NAME_MAX) ||
        !buffer_put(&tracker->name, "", 0))
        return PX_NOMEM;
    px_thread_group *threads = thread_group(group, tracker->name.at, tracker->name.len, tracker->options.thread_names_max);
    if (!threads) return PX_NOMEM;
    threads->n++;
    for (int i = 0; i < PX_COUNTS; i++) threads->counts.v[i] += used.v[i];
    return PX_OK;
}

/* All threads of a process that has several. */
static px_result threads_update(px_tracker *tracker, px_proc *proc, int dir, bool *partial)
{
    px_ids *tids = &tracker->tids;
    size_t before = proc->n_threads;
    int task;
    px_result result = px_list_tids(&tracker->fs, dir, tids, &task);
    if (result != PX_OK) {
        *partial = true;
        proc->unlisted = began_before_us(proc);
        return result == PX_NOMEM ? PX_NOMEM : PX_OK;
    }
    qsort(tids->v, tids->n, sizeof *tids->v, compare_ids);
    for (size_t i = 0; i < tids->n && result != PX_NOMEM; i++) {
        int fd, tid = tids->v[i];
        result = px_open_id(task, tid, &fd);
        if (result == PX_OK) {
            result = thread_update(tracker, proc, before, fd, tid);
            close(fd);
        }
        if (result != PX_ERROR) continue;
        *partial = true;
        if (!keep_thread(tracker, proc, before, tid)) result = PX_NOMEM;
    }
    close(task);
    if (result != PX_NOMEM) proc->unlisted = false;
    sort_threads(proc, tracker->pass, before);
    return result == PX_NOMEM ? PX_NOMEM : PX_OK;
}

/* ---- processes ---- */

/* What is read of one process. */
typedef struct usage {
    px_counts counts;
    px_gauges gauges;
    char wchan[PX_WCHAN_MAX + 1];
    bool has_io, partial;
} usage;

/* Notes a file that could not be read. false: no memory, which ends the pass. */
static bool bearable(usage *use, px_result result)
{
    use->partial = use->partial || result != PX_OK;
    return result != PX_NOMEM;
}

static px_result read_usage(px_tracker *tracker, int dir, const px_stat *stat, usage *use)
{
    px_procfs *fs = &tracker->fs;
    px_status status;
    px_io io = {0, 0};
    px_smaps smaps = {0, 0};
    uint64_t fds, fd_limit;
    px_result result = px_read_status(fs, dir, &status);
    if (result == PX_OK) result = px_read_fd_limit(fs, dir, &fd_limit);
    if (result != PX_OK) return result;
    result = px_read_io(fs, dir, &io);
    use->has_io = result == PX_OK;
    if (!bearable(use, result)) return PX_NOMEM;
    result = px_count_fds(fs, dir, &fds);
    if (result != PX_OK) fds = 0;
    if (!bearable(use, result)) return PX_NOMEM;
    if (!bearable(use, px_read_wchan(fs, dir, use->wchan))) return PX_NOMEM;
    if (tracker->options.smaps && !bearable(use, px_read_smaps(fs, dir, &smaps))) return PX_NOMEM;
    use->gauges = (px_gauges){.threads = stat->threads,
                              .resident = stat->resident_bytes,
                              .virtual = stat->virtual_bytes,
                              .swapped = status.swap_bytes,
                              .pss = smaps.pss_bytes,
                              .swap_pss = smaps.swap_pss_bytes,
                              .fds = fds,
                              .fd_ratio = fd_limit > 0 ? (double)fds / (double)fd_limit : 0,
                              .state = stat->state};
    use->counts = counts_of(stat, &status, &io);
    return PX_OK;
}

static void add_gauges(px_group *group, uint64_t start, const px_gauges *has)
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

void px_member_keep(px_proc *proc)
{
    if (proc->group && proc->counted) add_gauges(proc->group, proc->start, &proc->gauges);
}

px_result px_member_update(px_tracker *tracker, px_proc *proc, int dir, const px_stat *stat)
{
    usage use = {.partial = false};
    px_group *group = proc->group;
    px_result result = read_usage(tracker, dir, stat, &use);
    if (result != PX_OK) return result;
    if (!add_wchan(group, use.wchan)) return PX_NOMEM;
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

    px_counts now = use.counts;
    if (!use.has_io) {
        now.v[PX_READ_BYTES] = proc->last.v[PX_READ_BYTES];
        now.v[PX_WRITE_BYTES] = proc->last.v[PX_WRITE_BYTES];
    }
    if (proc->n_threads > 0) {
        /* Context switches were counted thread by thread. */
        proc->last.v[PX_VOLUNTARY] = now.v[PX_VOLUNTARY];
        proc->last.v[PX_NONVOLUNTARY] = now.v[PX_NONVOLUNTARY];
    }
    if (!proc->counted && proc->old) proc->last = now;
    add_used(&group->counts, &proc->last, &now);
    proc->counted = true;
    return result;
}
