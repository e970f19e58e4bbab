#ifndef EXPORTERS_PROCESS_GROUPS_H
#define EXPORTERS_PROCESS_GROUPS_H

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
    COUNT_USER,
    COUNT_SYSTEM,
    COUNT_READ_BYTES,
    COUNT_WRITE_BYTES,
    COUNT_MAJOR_FAULTS,
    COUNT_MINOR_FAULTS,
    COUNT_VOLUNTARY,
    COUNT_NONVOLUNTARY,
    N_COUNTS
};
enum {
    STATE_RUNNING,
    STATE_SLEEPING,
    STATE_WAITING,
    STATE_ZOMBIE,
    STATE_OTHER,
    N_STATES
};

/* CPU time in ticks. */
struct counts {
    uint64_t v[N_COUNTS];
};

/* The threads of one name in a group. */
struct thread_group {
    struct node node;
    struct counts counts;
    uint64_t n;
};

/* A place in the kernel where threads of a group sleep. */
struct wchan {
    struct node node;
    uint64_t n;
};

struct proc_group {
    struct node node; /* the key is the name */
    bool fixed;       /* a rule gives this name, whatever the process */
    uint64_t known;   /* processes in the tracker's table that belong to it */
    struct counts counts;
    struct table threads; /* of struct thread_group */
    struct table wchans;  /* of struct wchan */
    /* of the last pass */
    uint64_t procs, n_threads;
    uint64_t resident, virtual, swapped, pss, swap_pss;
    uint64_t fds;
    double worst_fd_ratio;
    uint64_t oldest; /* ticks; UINT64_MAX: there are no processes */
    uint64_t states[N_STATES];
};

#define REST_GROUP "other"

/* Which groups stay, with num_procs 0, when their last process is gone. */
enum empty_groups {
    KEEP_FIXED,
    KEEP_ALL,
    KEEP_NONE
};

struct tracking {
    bool children;      /* a process that no rule wants belongs to the group of its parent */
    bool threads;       /* threads by their names */
    bool smaps;         /* proportional memory */
    bool recheck;       /* processes in no group are looked at in each pass, not only when their names change */
    size_t cmdline_max; /* bytes of arguments that rules look at: anybody can make many */
    size_t groups_max;  /* so many, and the rest is in REST_GROUP; likewise names of threads, in each group */
    size_t thread_names_max;
    enum empty_groups empty;
};

struct tracker {
    struct tracking options;
    struct rules rules; /* the caller's until tracker_open() has returned true */
    struct procfs fs;
    struct table procs;  /* of what groups.c knows of a process; the key is its number */
    struct table groups; /* of struct proc_group */
    struct table users;  /* names by user id */
    uint32_t pass; /* processes and threads bear the number of that in which they were last seen; the first is 1 */
    bool fresh;    /* there was none */
    uint64_t scrape_errors, read_errors, partial_errors;
    /* kept for their memory */
    struct ids pids, tids;
    struct buffer cmdline, cgroups, name;
};

/* Opens procfs and makes the first pass. false: `why` says why, and there is nothing to close. */
bool tracker_open(struct tracker *tracker, const struct tracking *options, struct rules *rules, const char *procfs,
                  char *why, size_t cap);
void tracker_close(struct tracker *tracker);

/*
 * A pass: the groups are up to date. RESULT_ERROR: /proc cannot be listed. RESULT_NO_MEMORY: it was not finished; counters are
 * right all the same, and the next pass goes on with them.
 */
enum result tracker_update(struct tracker *tracker);

#endif
