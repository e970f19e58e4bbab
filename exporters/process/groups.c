#define _POSIX_C_SOURCE 200809L

/* Who is in which group. */
#include "track.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct user {
    struct node node; /* the key is the id */
    char *name;
};

static void user_free(struct node *node)
{
    free(((struct user *)node)->name);
    free(node);
}

static void proc_free(struct node *node)
{
    struct proc *proc = (struct proc *)node;
    if (proc->group) proc->group->known--;
    free(proc->threads);
    free(proc);
}

/* ---- the first sight of a process ---- */

/* The name of a user, or the number. NULL: no memory. */
static const char *user_name(struct tracker *tracker, unsigned uid)
{
    struct node *node = table_find(&tracker->users, &uid, sizeof uid);
    if (node) return ((struct user *)node)->name;
    struct passwd entry, *found = NULL;
    char number[16], *buffer = malloc(16384);
    struct user *u = calloc(1, sizeof *u);
    if (!u || !buffer) {
        free(u);
        free(buffer);
        return NULL;
    }
    snprintf(number, sizeof number, "%u", uid);
    if (getpwuid_r(uid, &entry, buffer, 16384, &found) != 0) found = NULL;
    u->name = strdup(found ? entry.pw_name : number);
    free(buffer);
    if (u->name && table_add(&tracker->users, &u->node, &uid, sizeof uid)) return u->name;
    free(u->name);
    free(u);
    return NULL;
}

static double start_time(const struct tracker *tracker, uint64_t ticks)
{
    return (double)tracker->fs.boot_time + (double)ticks / tracker->fs.ticks;
}

/* Reads what the rules look at and asks them. *group: the one it belongs to, or NULL. */
static enum result ask_rules(struct tracker *tracker, int dir, int pid, const struct proc_stat *stat,
                             struct proc_group **group)
{
    struct rules *rules = &tracker->rules;
    struct buffer *cmdline = &tracker->cmdline;
    struct attributes attrs = {
        .comm = stat->comm, .pid = pid, .start_time = start_time(tracker, stat->start), .username = "", .cgroups = ""};
    *group = NULL;
    enum result result = procfs_read_cmdline(dir, cmdline, tracker->options.cmdline_max, &attrs.has_args);
    if (result != RESULT_OK) return result;
    attrs.arg0 = attrs.cmdline = cmdline->at;
    attrs.cmdline_len = cmdline->len;
    const char *end = memchr(cmdline->at, '\0', cmdline->len);
    attrs.arg0_len = end ? (size_t)(end - cmdline->at) : cmdline->len;
    for (size_t i = 0; i < cmdline->len; i++) {
        if (cmdline->at[i] == '\0') cmdline->at[i] = ' ';
    }
    if (rules->want_username) {
        struct proc_status status;
        result = procfs_read_status(&tracker->fs, dir, &status);
        if (result != RESULT_OK) return result;
        attrs.username = user_name(tracker, status.uid);
        if (!attrs.username) return RESULT_NO_MEMORY;
    }
    if (rules->want_cgroups) {
        result = procfs_read_cgroups(&tracker->fs, dir, &tracker->cgroups);
        if (result == RESULT_NO_MEMORY || result == RESULT_GONE) return result;
        attrs.cgroups = tracker->cgroups.at;
    }
    int found = rules_match(rules, &attrs, &tracker->name);
    if (found == 0) return RESULT_OK;
    if (found == 1) *group = group_get(tracker, tracker->name.at, tracker->name.len);
    return *group ? RESULT_OK : RESULT_NO_MEMORY;
}

/* Decides for a process: its group, or NULL for none. */
static void join(struct proc *proc, struct proc_group *group)
{
    proc->group = group;
    proc->undecided = false;
    if (group) group->known++;
}

static struct proc *proc_find(const struct tracker *tracker, int pid)
{
    return (struct proc *)table_find(&tracker->procs, &pid, sizeof pid);
}

/* The process as it is known; NULL: no memory. If another had its number before, what that used is in its group. */
static struct proc *proc_get(struct tracker *tracker, int pid, uint64_t start)
{
    struct proc *proc = proc_find(tracker, pid);
    if (proc && proc->start == NO_START) proc->start = start;
    if (proc && proc->start == start) return proc;
    struct node node = {0};
    if (proc) {
        node = proc->node;
        if (proc->group) proc->group->known--;
        free(proc->threads);
    } else {
        proc = calloc(1, sizeof *proc);
        if (!proc) return NULL;
        if (!table_add(&tracker->procs, &proc->node, &pid, sizeof pid)) {
            free(proc);
            return NULL;
        }
        node = proc->node;
    }
    *proc = (struct proc){.node = node, .pid = pid, .start = start, .old = tracker->pass == 1};
    return proc;
}

/* ---- a pass ---- */

/* One process of the list that can be read. One that no rule wants stays undecided. */
static enum result visit_open(struct tracker *tracker, int pid, int dir)
{
    struct proc_stat stat;
    enum result result = procfs_read_stat(&tracker->fs, dir, &stat);
    if (result != RESULT_OK) return result;
    struct proc *proc = proc_get(tracker, pid, stat.start);
    if (!proc) return RESULT_NO_MEMORY;
    /* What executes something else has another name then, which was read anyway. */
    bool renamed = strcmp(proc->comm, stat.comm) != 0;
    if (!proc->asked || (!proc->group && (renamed || tracker->options.recheck))) {
        struct proc_group *group;
        result = ask_rules(tracker, dir, pid, &stat, &group);
        if (result != RESULT_OK) return result;
        proc->asked = true;
        memcpy(proc->comm, stat.comm, sizeof proc->comm);
        proc->parent = stat.parent;
        proc->undecided = true;
        if (group) join(proc, group);
    }
    proc->pass = tracker->pass;
    proc->inherited = false; /* it may be set from a pass that was not finished */
    if (proc->group) result = member_update(tracker, proc, dir, &stat);
    if (result == RESULT_GONE) proc->pass = 0;
    return result;
}

/*
 * One process of the list. One that cannot be read, for want of descriptors, say, is there all the same: were it
 * forgotten, all that it ever used would count when it can be read again.
 */
static enum result visit(struct tracker *tracker, int pid)
{
    int dir;
    enum result result = procfs_open_id(tracker->fs.fd, pid, &dir);
    if (result == RESULT_OK) {
        result = visit_open(tracker, pid, dir);
        close(dir);
    }
    if (result != RESULT_ERROR) return result;
    struct proc *proc = proc_find(tracker, pid);
    if (!proc) proc = proc_get(tracker, pid, NO_START);
    if (!proc) return RESULT_NO_MEMORY;
    proc->pass = tracker->pass;
    proc->inherited = false;
    member_keep(proc);
    return RESULT_ERROR;
}

/* One that has the group of its parent since this pass. */
static enum result visit_child(struct tracker *tracker, struct proc *proc)
{
    struct proc_stat stat;
    int dir;
    enum result result = procfs_open_id(tracker->fs.fd, proc->pid, &dir);
    if (result == RESULT_OK) {
        result = procfs_read_stat(&tracker->fs, dir, &stat);
        if (result == RESULT_OK && stat.start != proc->start) result = RESULT_GONE;
        if (result == RESULT_OK) result = member_update(tracker, proc, dir, &stat);
        close(dir);
    }
    if (result == RESULT_GONE) proc->pass = 0;
    return result;
}

static struct proc *parent_of(const struct tracker *tracker, const struct proc *proc)
{
    return proc_find(tracker, proc->parent);
}

/*
 * Goes from a process that no rule wants towards the root of the tree. All on the way get the group of the first that
 * is decided; where the way ends before, or turns in a circle (numbers are used again), none. If the first could not be
 * read yet, all stay undecided.
 */
static void ask_parents(struct tracker *tracker, struct proc *proc)
{
    struct proc *at = proc;
    while (at && at->undecided && !at->visiting && at->pass == tracker->pass) {
        at->visiting = true;
        at = parent_of(tracker, at);
    }
    struct proc_group *group = at && !at->undecided && at->pass == tracker->pass ? at->group : NULL;
    bool unread = at && !at->asked && at->pass == tracker->pass;
    for (at = proc; at && at->visiting; at = parent_of(tracker, at)) {
        at->visiting = false;
        if (unread) continue;
        at->inherited = group != NULL;
        join(at, group);
    }
}

/* Counts what went wrong with one process. false: the pass must end. */
static bool goes_on(struct tracker *tracker, enum result result)
{
    if (result == RESULT_ERROR) tracker->read_errors++;
    return result != RESULT_NO_MEMORY;
}

static bool visit_all(struct tracker *tracker)
{
    enum result result = RESULT_OK;
    for (size_t i = 0; i < tracker->pids.n && goes_on(tracker, result); i++)
        result = visit(tracker, tracker->pids.v[i]);
    return goes_on(tracker, result);
}

static bool visit_children(struct tracker *tracker)
{
    enum result result = RESULT_OK;
    for (struct node *node = NULL; (node = table_next(&tracker->procs, node));) {
        struct proc *proc = (struct proc *)node;
        if (!proc->undecided || proc->pass != tracker->pass) continue;
        if (tracker->options.children) ask_parents(tracker, proc);
        else join(proc, NULL);
    }
    for (struct node *node = NULL; (node = table_next(&tracker->procs, node)) && goes_on(tracker, result);) {
        struct proc *proc = (struct proc *)node;
        result = RESULT_OK;
        if (!proc->inherited) continue;
        proc->inherited = false;
        result = visit_child(tracker, proc);
    }
    return goes_on(tracker, result);
}

static bool keep_proc(struct node *node, void *ctx)
{
    return ((struct proc *)node)->pass == ((struct tracker *)ctx)->pass;
}

static bool keep_group(struct node *node, void *ctx)
{
    const struct tracker *tracker = ctx;
    struct proc_group *group = (struct proc_group *)node;
    group_end(group);
    if (group->procs > 0 || group->known > 0) return true;
    return tracker->options.empty == KEEP_ALL || (tracker->options.empty == KEEP_FIXED && group->fixed);
}

enum result tracker_update(struct tracker *tracker)
{
    enum result result = procfs_list_pids(&tracker->fs, &tracker->pids);
    if (result != RESULT_OK) {
        tracker->scrape_errors++;
        return result;
    }
    if (++tracker->pass < 2) tracker->pass = tracker->fresh ? 1 : 2; /* 0 and 1 are special, also after 2^32 passes */
    tracker->fresh = false;
    for (struct node *node = NULL; (node = table_next(&tracker->groups, node));) group_begin((struct proc_group *)node);
    if (!visit_all(tracker) || !visit_children(tracker)) return RESULT_NO_MEMORY;
    table_filter(&tracker->procs, keep_proc, proc_free, tracker);
    table_filter(&tracker->groups, keep_group, group_free, tracker);
    return RESULT_OK;
}

/* ---- the beginning and the end ---- */

static bool add_fixed(void *ctx, const char *name, size_t n)
{
    struct proc_group *group = group_get(ctx, name, n);
    if (group) group->fixed = true;
    return group != NULL;
}

bool tracker_open(struct tracker *tracker, const struct tracking *options, struct rules *rules, const char *procfs,
                  char *why, size_t cap)
{
    *tracker = (struct tracker){.options = *options, .fresh = true};
    if (!procfs_open(&tracker->fs, procfs, why, cap)) return false;
    tracker->rules = *rules;
    enum result result = rules_fixed(rules, add_fixed, tracker) ? tracker_update(tracker) : RESULT_NO_MEMORY;
    if (result == RESULT_OK) {
        *rules = (struct rules){0};
        return true;
    }
    snprintf(why, cap, result == RESULT_NO_MEMORY ? "out of memory" : "%s cannot be listed", procfs);
    tracker->rules = (struct rules){0};
    tracker_close(tracker);
    return false;
}

void tracker_close(struct tracker *tracker)
{
    table_free(&tracker->procs, proc_free);
    table_free(&tracker->groups, group_free);
    table_free(&tracker->users, user_free);
    rules_free(&tracker->rules);
    procfs_close(&tracker->fs);
    ids_free(&tracker->pids);
    ids_free(&tracker->tids);
    buffer_free(&tracker->cmdline);
    buffer_free(&tracker->cgroups);
    buffer_free(&tracker->name);
}
