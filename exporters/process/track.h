#ifndef EXPORTERS_PROCESS_TRACK_H
#define EXPORTERS_PROCESS_TRACK_H

/* Between groups.c, who is in which group, and members.c, what members use. */

#include "groups.h"

#define NO_START UINT64_MAX /* a process or thread that is listed, and of which nothing could be read yet */

/* What a process has at a moment. */
struct gauges {
    uint64_t threads;
    uint64_t resident, virtual, swapped, pss, swap_pss;
    uint64_t fds;
    double fd_ratio;
    char state;
};

/* What was last seen of a thread of a process that has several. */
struct thread {
    int tid;
    uint32_t pass;
    uint64_t start;
    struct counts last;
};

struct proc {
    struct node node;
    int pid, parent;
    char comm[PROC_COMM_MAX + 1]; /* when the rules were asked */
    uint64_t start;
    uint32_t pass;            /* in which it was last seen; 0: not yet, or it has ended since */
    bool old;                 /* it was there in the first pass */
    bool asked;               /* the rules were */
    bool undecided;           /* no rule wants it; its parent has not been looked at */
    bool visiting;            /* its ancestors are being looked at for it */
    bool inherited;           /* its group is its parent's, and what it uses has not been read */
    struct proc_group *group; /* NULL: none */
    bool counted;             /* `last` and `gauges` are there */
    bool unlisted;            /* it is old, and its threads have not been listed yet */
    struct gauges gauges;
    struct counts last;     /* context switches: those of the first thread alone */
    struct thread *threads; /* ascending by number; n_threads is 0 if it has but one */
    size_t n_threads, cap_threads;
};

/*
 * Reads what a member of a group uses, and adds it to its group, or nothing if that fails. `dir` is its directory,
 * `stat` what was read there already.
 */
enum result member_update(struct tracker *tracker, struct proc *proc, int dir, const struct proc_stat *stat);
/* Instead, if it is there and cannot be read: its group keeps what it had when it last could. */
void member_keep(struct proc *proc);

/* The group of that name; makes it, or takes REST_GROUP, if there are too many. NULL: no memory. */
struct proc_group *group_get(struct tracker *tracker, const char *name, size_t n);

void group_begin(struct proc_group *group);
/* Behind a pass: threads' names and wchans that nobody has any more go. */
void group_end(struct proc_group *group);
void group_free(struct node *node);

#endif
