/*
 * Calls from within a call: what a test does at a seam, on the thread that comes there. It must not assert, for that would
 * leave the gate closed: it says AMID(condition), and amid_done() asserts.
 */
#ifndef CPROM_TESTS_AMID_H
#define CPROM_TESTS_AMID_H

#include "cprom_test.h"
#include "base/thread.h"

static struct {
    pthread_t thread;
    enum cprom__seam point;
    unsigned nth; /* time that it comes there; 0: it has, or nothing is armed */
    void (*act)(void);
    int wrong; /* the line of the first condition that did not hold; 0: none */
} amid;

#define AMID(condition)                                                                                                \
    do {                                                                                                               \
        if (!(condition) && !amid.wrong) amid.wrong = __LINE__;                                                        \
    } while (0)

static inline void amid_hook(enum cprom__seam point)
{
    if (!amid.nth || point != amid.point || !pthread_equal(pthread_self(), amid.thread) || --amid.nth) return;
    amid.act();
}

/* The nth time from now that this thread comes to the point (1: the next). What is done there may arm the next. */
static inline void amid_at(enum cprom__seam point, unsigned nth, void (*act)(void))
{
    amid.thread = pthread_self();
    amid.point = point;
    amid.act = act;
    amid.nth = nth;
    cprom__seam_hook = amid_hook;
}

/* Asserts that it came there, and that nothing was wrong. No other thread is in the library any more. */
static inline void amid_done(void)
{
    cprom__seam_hook = NULL;
    int wrong = amid.wrong, left = (int)amid.nth;
    amid.wrong = 0;
    amid.nth = 0;
    if (wrong) fail_msg("line %d does not hold", wrong);
    if (left) fail_msg("the seam was passed %d times too few", left);
}

static inline void *amid_slotless(void *act)
{
    cprom__thread_does_without = true;
    (*(void (**)(void))act)();
    return NULL;
}

/* Does it on a thread that has no slot, and waits for the end. */
static inline void amid_without_slot(void (*act)(void))
{
    pthread_t thread;
    bool begun = pthread_create(&thread, NULL, amid_slotless, (void *)&act) == 0;
    AMID(begun);
    if (begun) pthread_join(thread, NULL);
}

#endif
