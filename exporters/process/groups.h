#ifndef PX_GROUPS_H
#define PX_GROUPS_H

/*
 * The groups of processes and what they have used.
 *
 * A process is a number and a start time. It is put in a group, or in none, when it is first seen, and stays there.
 * At each pass over /proc, what a member has used since the pass before is added to the counters of its group; they
 * never go down, whoever ends. What a process had used before the first pass does not count; of one that began later,
 * all does.
 *
 * Nothing here takes a lock: one thread at a time. cprom never runs a collector twice at once.
 */

#include "procfs.h"
#include "rules.h"
#include "table.h"

enum {
    PX_USER,
    PX_SYSTEM,
    PX_READ_BYTES,
    PX_WRITE_BYTES,
    PX_MAJOR_FAULTS,
    PX_MINOR_FAULTS,
    PX_VOLUNTARY,
    PX_NONVOLUNTARY,
    PX_COUNTS
};
enum {
    PX_RUNNING,
    PX_SLEEPING,
    PX_WAITING,
    PX_ZOMBIE,
    PX_OTHER,
    PX_STATES
};

/* CPU time in ticks. */
typedef struct px_counts {
    uint64_t v[PX_COUNTS];
} px_counts;

/* The threads of one name in a group. */
typedef struct px_thread_group {
    px_node node;
    px_counts counts;
    uint64_t n;
} px_thread_group;

/* A place in the kernel where threads of a group sleep. */
typedef struct px_wchan {
    px_node node;
    uint64_t n;
} px_wchan;

typedef struct px_group {
    px_node node;   /* the key is the name */
    bool fixed;     /* a rule gives this name, whatever the process */
    uint64_t known; /* processes in the tracker's table that belong to it */
    px_counts counts;
    px_table threads; /* of px_thread_group */
    px_table wchans;  /* of px_wchan */
    /* of the last pass */
    uint64_t procs, n_threads;
    uint64_t resident, virtual, swapped, pss, swap_pss;
    uint64_t fds;
    double worst_fd_ratio;
    uint64_t oldest; /* ticks; UINT64_MAX: there are no processes */
    uint64_t states[PX_STATES];
} px_group;

#define PX_REST "other"

/* Which groups stay, with num_procs 0, when their last process is gone. */
typedef enum px_empty {
    PX_KEEP_FIXED,
    PX_KEEP_ALL,
    PX_KEEP_NONE
} px_empty;

typedef struct px_options {
    bool children; /* a process that no rule wants belongs to the group of its parent */
    bool threads;  /* threads by their names */
    bool smaps;    /* proportional memory */
    bool recheck;  /* processes in no group are looked at in each pass, not only when their names change */
    size_t cmdline_max;    /* bytes of arguments that rules look at: anybody can make many */
    size_t groups_max;     /* so many, and the rest is in PX_REST; likewise names of threads, in each group */
    size_t thread_names_max;
    px_empty empty;
} px_options;

typedef struct px_tracker {
    px_options options;
    px_rules rules; /* the caller's until px_tracker_open() has returned true */
    px_procfs fs;
    px_table procs;  /* of what groups.c knows of a process; the key is its number */
    px_table groups; /* of px_group */
    px_table users;  /* names by user id */
    uint32_t pass;   /* processes and threads bear the number of that in which they were last seen; the first is 1 */
    bool fresh;      /* there was none */
    uint64_t scrape_errors, read_errors, partial_errors;
    /* kept for their memory */
    px_ids pids, tids;
    struct buffer cmdline, cgroups, name;
} px_tracker;

/* Opens procfs and makes the first pass. false: `why` says why, and there is nothing to close. */
bool px_tracker_open(px_tracker *tracker, const px_options *options, px_rules *rules, const char *procfs, char *why,
                     size_t cap);
void px_tracker_close(px_tracker *tracker);

/*
 * A pass: the groups are up to date. PX_ERROR: /proc cannot be listed. PX_NOMEM: it was not finished; counters are
 * right all the same, and the next pass goes on with them.
 */
px_result px_tracker_update(px_tracker *tracker);

#endif
