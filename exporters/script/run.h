/* One run of one script: a process group, what it prints, and its end. */
#ifndef EXPORTERS_SCRIPT_RUN_H
#define EXPORTERS_SCRIPT_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct run {
    pid_t pid;           /* of the script and of its group; 0: it does not run */
    int out, err;        /* its standard output and error, our ends; -1: closed */
    int pidfd;           /* readable when it has ended; -1: the kernel has no such thing */
    int64_t started;
    int64_t term_at, kill_at; /* when it is told to end, and when it is ended; INT64_MAX: that was done */
    bool late;           /* it had to be told */
    char *output;
    size_t n_output, room, max;
    bool too_much;       /* it printed more than `max` bytes, or there was no memory for them */
    char complaint[160]; /* the beginning of the first line on standard error, printable */
    size_t n_complaint;
    bool complained;     /* the line is over */
};

/* Before the first: no script gets a descriptor that whoever started the program left open. */
void run_prepare(void);
/*
 * Starts directory/file with /dev/null as standard input, there, in a group of its own; it may take `seconds`, and
 * print `max` bytes. 0, or what went wrong, and nothing runs.
 */
int run_start(struct run *run, const char *directory, const char *file, double seconds, size_t max);
/* Reads what there is, without waiting. */
void run_read(struct run *run);
/* Does what the time demands. */
void run_watch(struct run *run, int64_t time);
/* When run_watch() has something to do; INT64_MAX: never. */
int64_t run_next(const struct run *run);
/* It has until then at most. */
void run_limit(struct run *run, int64_t until);
/* The next run_watch() tells the group to end, as if it were late. */
void run_stop(struct run *run);
/* Ends the group now. */
void run_kill(struct run *run);
/*
 * Whether the script has ended; then *status is as waitpid() has it, all that it printed was read, what it left behind
 * in its group is killed, and all but `output` is given back.
 */
bool run_ended(struct run *run, int *status);
/* Waits for all ended children that are no runs: orphans that became ours. A child is_run() if it is one's `pid`. */
void run_bury(bool (*is_run)(void *ctx, pid_t pid), void *ctx);
/* Gives the output back. */
void run_forget(struct run *run);

#endif
