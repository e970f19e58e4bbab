#define _POSIX_C_SOURCE 200809L

/* Who is in which group. */
#include "track.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct user {
    px_node node; /* the key is the id */
    char *name;
} user;

static void user_free(px_node *node)
{
    free(((user *)node)->name);
    free(node);
}

static void proc_free(px_node *node)
{
    px_proc *proc = (px_proc *)node;
    if (proc->group) proc->group->known--;
    free(proc->threads);
    free(proc);
}

/* ---- the first sight of a process ---- */

/* The name of a user, or the number. NULL: no memory. */
static const char *user_name(px_tracker *tracker, unsigned uid)
{
    px_node *node = px_table_find(&tracker->users, &uid, sizeof uid);
    if (node) return ((user *)node)->name;
    struct passwd entry, *found = NULL;
    char number[16], *buffer = malloc(16384);
    user *u = calloc(1, sizeof *u);
    if (!u || !buffer) {
        free(u);
        free(buffer);
        return NULL;
    }
    snprintf(number, sizeof number, "%u", uid);
    if (getpwuid_r(uid, &entry, buffer, 16384, &found) != 0) found = NULL;
    u->name = strdup(found ? entry.pw_name : number);
    free(buffer);
    if (u->name && px_table_add(&tracker->users, &u->node, &uid, sizeof uid)) return u->name;
    free(u->name);
    free(u);
    return NULL;
}

static double start_time(const px_tracker *tracker, uint64_t ticks)
{
    return (double)tracker->fs.boot_time + (double)ticks / tracker->fs.ticks;
}

/* Reads what the rules look at and asks them. *group: the one it belongs to, or NULL. */
static px_result ask_rules(px_tracker *tracker, int dir, int pid, const px_stat *stat, px_group **group)
{
    px_rules *rules = &tracker->rules;
    struct buffer *cmdline = &tracker->cmdline;
    px_attrs attrs = {
        .comm = stat->comm, .pid = pid, .start_time = start_time(tracker, stat->start), .username = "", .cgroups = ""};
    *group = NULL;
    px_result result = px_read_cmdline(dir, cmdline, tracker->options.cmdline_max, &attrs.has_args);
    if (result != PX_OK) return result;
    attrs.arg0 = attrs.cmdline = cmdline->at;
    attrs.cmdline_len = cmdline->len;
    const char *end = memchr(cmdline->at, '\0', cmdline->len);
    attrs.arg0_len = end ? (size_t)(end - cmdline->at) : cmdline->len;
    for (size_t i = 0; i < cmdline->len; i++) {
        if (cmdline->at[i] == '\0') cmdline->at[i] = ' ';
    }
    if (rules->want_username) {
        px_status status;
        result = px_read_status(&tracker->fs, dir, &status);
        if (result != PX_OK) return result;
        attrs.username = user_name(tracker, status.uid);
        if (!attrs.username) return PX_NOMEM;
    }
    if (rules->want_cgroups) {
        result = px_read_cgroups(&tracker->fs, dir, &tracker->cgroups);
        if (result == PX_NOMEM || result == PX_GONE) return result;
        attrs.cgroups = tracker->cgroups.at;
    }
    int found = px_rules_match(rules, &attrs, &tracker->name);
    if (found == 0) return PX_OK;
    if (found == 1) *group = px_group_get(tracker, tracker->name.at, tracker->name.len);
    return *group ? PX_OK : PX_NOMEM;
}

/* Decides for a process: its group, or NULL for none. */
static void join(px_proc *proc, px_group *group)
{
    proc->group = group;
    proc->undecided = false;
    if (group) group->known++;
}

static px_proc *proc_find(const px_tracker *tracker, int pid)
{
    return (px_proc *)px_table_find(&tracker->procs, &pid, sizeof pid);
}

/* The process as it is known; NULL: no memory. If another had its number before, what that used is in its group. */
static px_proc *proc_get(px_tracker *tracker, int pid, uint64_t start)
{
    px_proc *proc = proc_find(tracker, pid);
    if (proc && proc->start == PX_NO_START) proc->start = start;
    if (proc && proc->start == start) return proc;
    px_node node = {0};
    if (proc) {
        node = proc->node;
        if (proc->group) proc->group->known--;
        free(proc->threads);
    } else {
        proc = calloc(1, sizeof *proc);
        if (!proc) return NULL;
        if (!px_table_add(&tracker->procs, &proc->node, &pid, sizeof pid)) {
            free(proc);
            return NULL;
        }
        node = proc->node;
    }
    *proc = (px_proc){.node = node, .pid = pid, .start = start, .old = tracker->pass == 1};
    return proc;
}

/* ---- a pass ---- */

/* One process of the list that can be read. One that no rule wants stays undecided. */
static px_result visit_open(px_tracker *tracker, int pid, int dir)
{
    px_stat stat;
    px_result result = px_read_stat(&tracker->fs, dir, &stat);
    if (result != PX_OK) return result;
    px_proc *proc = proc_get(tracker, pid, stat.start);
    if (!proc) return PX_NOMEM;
    /* What executes something else has another name then, which was read anyway. */
    bool renamed = strcmp(proc->comm, stat.comm) != 0;
    if (!proc->asked || (!proc->group && (renamed || tracker->options.recheck))) {
        px_group *group;
        result = ask_rules(tracker, dir, pid, &stat, &group);
        if (result != PX_OK) return result;
        proc->asked = true;
        memcpy(proc->comm, stat.comm, sizeof proc->comm);
        proc->parent = stat.parent;
        proc->undecided = true;
        if (group) join(proc, group);
    }
    proc->pass = tracker->pass;
    proc->inherited = false; /* it may be set from a pass that was not finished */
    if (proc->group) result = px_member_update(tracker, proc, dir, &stat);
    if (result == PX_GONE) proc->pass = 0;
    return result;
}

/*
 * One process of the list. One that cannot be read, for want of descriptors, say, is there all the same: were it
 * forgotten, all that it ever used would count when it can be read again.
 */
static px_result visit(px_tracker *tracker, int pid)
{
    int dir;
    px_result result = px_open_id(tracker->fs.fd, pid, &dir);
    if (result == PX_OK) {
        result = visit_open(tracker, pid, dir);
        close(dir);
    }
    if (result != PX_ERROR) return result;
    px_proc *proc = proc_find(tracker, pid);
    if (!proc) proc = proc_get(tracker, pid, PX_NO_START);
    if (!proc) return PX_NOMEM;
    proc->pass = tracker->pass;
    proc->inherited = false;
    px_member_keep(proc);
    return PX_ERROR;
}

/* One that has the group of its parent since this pass. */
static px_result visit_child(px_tracker *tracker, px_proc *proc)
{
    px_stat stat;
    int dir;
    px_result result = px_open_id(tracker->fs.fd, proc->pid, &dir);
    if (result == PX_OK) {
        result = px_read_stat(&tracker->fs, dir, &stat);
        if (result == PX_OK && stat.start != proc->start) result = PX_GONE;
        if (result == PX_OK) result = px_member_update(tracker, proc, dir, &stat);
        close(dir);
    }
    if (result == PX_GONE) proc->pass = 0;
    return result;
}

static px_proc *parent_of(const px_tracker *tracker, const px_proc *proc) { return proc_find(tracker, proc->parent); }

/*
 * Goes from a process that no rule wants towards the root of the tree. All on the way get the group of the first that
 * is decided; where the way ends before, or turns in a circle (numbers are used again), none. If the first could not be
 * read yet, all stay undecided.
 */
static void ask_parents(px_tracker *tracker, px_proc *proc)
{
    px_proc *at = proc;
    while (at && at->undecided && !at->visiting && at->pass == tracker->pass) {
        at->visiting = true;
        at = parent_of(tracker, at);
    }
    px_group *group = at && !at->undecided && at->pass == tracker->pass ? at->group : NULL;
    bool unread = at && !at->asked && at->pass == tracker->pass;
    for (at = proc; at && at->visiting; at = parent_of(tracker, at)) {
        at->visiting = false;
        if (unread) continue;
        at->inherited = group != NULL;
        join(at, group);
    }
}

/* Counts what went wrong with one process. false: the pass must end. */
static bool goes_on(px_tracker *tracker, px_result result)
{
    if (result == PX_ERROR) tracker->read_errors++;
    return result != PX_NOMEM;
}

static bool visit_all(px_tracker *tracker)
{
    px_result result = PX_OK;
    for (size_t i = 0; i < tracker->pids.n && goes_on(tracker, result); i++)
        result = visit(tracker, tracker->pids.v[i]);
    return goes_on(tracker, result);
}

static bool visit_children(px_tracker *tracker)
{
    px_result result = PX_OK;
    for (px_node *node = NULL; (node = px_table_next(&tracker->procs, node));) {
        px_proc *proc = (px_proc *)node;
        if (!proc->undecided || proc->pass != tracker->pass) continue;
        if (tracker->options.children) ask_parents(tracker, proc);
        else join(proc, NULL);
    }
    for (px_node *node = NULL; (node = px_table_next(&tracker->procs, node)) && goes_on(tracker, result);) {
        px_proc *proc = (px_proc *)node;
        result = PX_OK;
        if (!proc->inherited) continue;
        proc->inherited = false;
        result = visit_child(tracker, proc);
    }
    return goes_on(tracker, result);
}

static bool keep_proc(px_node *node, void *ctx) { return ((px_proc *)node)->pass == ((px_tracker *)ctx)->pass; }

static bool keep_group(px_node *node, void *ctx)
{
    const px_tracker *tracker = ctx;
    px_group *group = (px_group *)node;
    px_group_end(group);
    if (group->procs > 0 || group->known > 0) return true;
    return tracker->options.empty == PX_KEEP_ALL || (tracker->options.empty == PX_KEEP_FIXED && group->fixed);
}

px_result px_tracker_update(px_tracker *tracker)
{
    px_result result = px_list_pids(&tracker->fs, &tracker->pids);
    if (result != PX_OK) {
        tracker->scrape_errors++;
        return result;
    }
    if (++tracker->pass < 2) tracker->pass = tracker->fresh ? 1 : 2; /* 0 and 1 are special, also after 2^32 passes */
    tracker->fresh = false;
    for (px_node *node = NULL; (node = px_table_next(&tracker->groups, node));) px_group_begin((px_group *)node);
    if (!visit_all(tracker) || !visit_children(tracker)) return PX_NOMEM;
    px_table_filter(&tracker->procs, keep_proc, proc_free, tracker);
    px_table_filter(&tracker->groups, keep_group, px_group_free, tracker);
    return PX_OK;
}

/* ---- the beginning and the end ---- */

static bool add_fixed(void *ctx, const char *name, size_t n)
{
    px_group *group = px_group_get(ctx, name, n);
    if (group) group->fixed = true;
    return group != NULL;
}

bool px_tracker_open(px_tracker *tracker, const px_options *options, px_rules *rules, const char *procfs, char *why,
                     size_t cap)
{
    *tracker = (px_tracker){.options = *options, .fresh = true};
    if (!px_procfs_open(&tracker->fs, procfs, why, cap)) return false;
    tracker->rules = *rules;
    px_result result = px_rules_fixed(rules, add_fixed, tracker) ? px_tracker_update(tracker) : PX_NOMEM;
    if (result == PX_OK) {
        *rules = (px_rules){0};
        return true;
    }
    snprintf(why, cap, result == PX_NOMEM ? "out of memory" : "%s cannot be listed", procfs);
    tracker->rules = (px_rules){0};
    px_tracker_close(tracker);
    return false;
}

void px_tracker_close(px_tracker *tracker)
{
    px_table_free(&tracker->procs, proc_free);
    px_table_free(&tracker->groups, px_group_free);
    px_table_free(&tracker->users, user_free);
    px_rules_free(&tracker->rules);
    px_procfs_close(&tracker->fs);
    px_ids_free(&tracker->pids);
    px_ids_free(&tracker->tids);
    buffer_free(&tracker->cmdline);
    buffer_free(&tracker->cgroups);
    buffer_free(&tracker->name);
}
