/*
 * statfs on a thread of its own: a file system whose server or device does not answer makes statfs wait for ever, and
 * whoever called it with it.
 *
 * A round is the statfs calls of one scrape. Its thread takes one path after the other. When one takes too long, the
 * scrape goes on without it, and a new thread takes the rest; the old one stays behind with its path, which is called
 * stuck, and not asked about again until the call has returned.
 */
#ifndef CPROM_EXPORTERS_HOST_GUARD_H
#define CPROM_EXPORTERS_HOST_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/vfs.h>

struct guard;

/* NULL: no memory. Threads that wait for an answer may outlive the guard. */
struct guard *guard_new(void);
void guard_free(struct guard *guard);

/* A round: begin, ask for each path, wait, look at the answers, end. One at a time. */
bool guard_begin(struct guard *guard);
/* `path` under `root`; `*question` is for guard_answer(). false: no memory. */
bool guard_ask(struct guard *guard, const char *root, const char *path, size_t *question);
/* Waits until all have been answered, for so many seconds at most; what is left then is given up. */
void guard_wait(struct guard *guard, double seconds);
/* 0, or the errno of the call; ETIMEDOUT: stuck. */
int guard_answer(const struct guard *guard, size_t question, struct statfs *stat);
void guard_end(struct guard *guard);

#endif
