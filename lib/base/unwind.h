/*
 * Leaving by force: a thread that is cancelled, and a function of the program that does not return.
 *
 * A thread is cancelled at a cancellation point: a system call that may wait, a wait for a condition, and whatever a
 * function of the program does. Every such call of the library stands behind CPROM__UNCANCELLED, so that no thread is
 * ever cancelled inside. What reaches no such point, an update through a handle above all, needs nothing. Calls that
 * gather are cancellation points where they begin, while nothing is held: a thread that only scrapes can be ended.
 *
 * A function of the program may throw, or end its thread. What its caller holds then is given back by CPROM__AT_END, for
 * which the library is compiled with -fexceptions. Never under a lock: what is called there must return.
 */
#ifndef CPROM_LIB_BASE_UNWIND_H
#define CPROM_LIB_BASE_UNWIND_H

#include <pthread.h>

#include "base/seam.h"

/* Calls `end` with the variable's address where its scope ends: by whatever way, and the last variable first. */
#define CPROM__AT_END(end) __attribute__((cleanup(end), unused))

/* From here to the end of the scope the thread is not cancelled; afterwards it is as before. */
#define CPROM__UNCANCELLED                                                                                             \
    CPROM__AT_END(cprom__uncancelled_end) const int cprom__uncancelled_before = cprom__uncancelled_begin()

/* A cancellation point, of a public function that has not begun. */
static inline void cprom__cancellation_point(void)
{
#ifdef CPROM_SEAMS
    if (cprom__seam_passes_points) return;
#endif
    pthread_testcancel();
}

static inline int cprom__uncancelled_begin(void)
{
    int before = PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    return before;
}

static inline void cprom__uncancelled_end(const int *before)
{
    int ignored;
    pthread_setcancelstate(*before, &ignored);
}

#endif
