#ifndef PX_TRACK_H
#define PX_TRACK_H

/* Between groups.c, who is in which group, and members.c, what members use. */

#include "groups.h"

#define PX_NO_START UINT64_MAX /* a process or thread that is listed, and of which nothing could be read yet */

/* What a process has at a moment. */
typedef struct px_gauges {
    uint64_t threads;
    uint64_t resident, virtual, swapped, pss, swap_pss;
    uint64_t fds;
    double fd_ratio;
    char state;
} px_gauges;

/* What was last seen of a thread of a process that has several. */
typedef struct px_thread {
    int tid;
    uint32_t pass;
    uint64_t start;
    px_counts last;
} px_thread;

typedef struct px_proc {
    px_node node;
    int pid, parent;
    char comm[PX_COMM_MAX + 1]; /* when the rules were asked */
    uint64_t start;
    uint32_t pass;   /* in which it was last seen; 0: not yet, or it has ended since */
    bool old;        /* it was there in the first pass */
    bool asked;      /* the rules were */
    bool undecided;  /* no rule wants it; its parent has not been looked at */
    bool visiting;   /* its ancestors are being looked at for it */
    bool inherited;  /* its group is its parent's, and what it uses has not been read */
    px_group *group; /* NULL: none */
    bool counted;    /* `last` and `gauges` are there */
    bool unlisted;   /* it is old, and its threads have not been listed yet */
    px_gauges gauges;
    px_counts last;     /* context switches: those of the first thread alone */
    px_thread *threads; /* ascending by number; n_threads is 0 if it has but one */
    size_t n_threads, cap_threads;
} px_proc;

/*
 * Reads what a member of a group uses, and adds it to its group, or nothing if that fails. `dir` is its directory,
 * `stat` what was read there already.
 */
px_result px_member_update(px_tracker *tracker, px_proc *proc, int dir, const px_stat *stat);
/* Instead, if it is there and cannot be read: its group keeps what it had when it last could. */
void px_member_keep(px_proc *proc);

/* The group of that name; makes it, or takes PX_REST, if there are too many. NULL: no memory. */
px_group *px_group_get(px_tracker *tracker, const char *name, size_t n);

void px_group_begin(px_group *group);
/* Behind a pass: threads' names and wchans that nobody has any more go. */
void px_group_end(px_group *group);
void px_group_free(px_node *node);

#endif
