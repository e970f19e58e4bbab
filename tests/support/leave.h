/*
 * Functions of a test that do not return to the library, but leave it by force.
 */
#ifndef CPROM_TESTS_LEAVE_H
#define CPROM_TESTS_LEAVE_H

#include "cprom_test.h"

enum ct_way {
    CT_BY_EXCEPTION, /* of C++ */
    CT_BY_EXIT,      /* pthread_exit(); its thread is over */
    CT_BY_UNWINDING  /* as pthread_exit() of glibc does it, but the thread goes on; with any libc */
};
#define CT_WAYS 3

/* Whether it can be tried here: there is a compiler for C++; pthread_exit() unwinds. */
bool ct_can_leave(enum ct_way way);

/*
 * Runs `body` on a thread of its own; there, ct_leave() leaves it. Then runs `after` (NULL: nothing) on the same thread,
 * unless that is over. Returns whether the body was left. Asserts that a thread can be made.
 */
bool ct_left(enum ct_way way, void (*body)(void *ctx), void (*after)(void *ctx), void *ctx);

/* Leaves the body of ct_left() that runs on this thread. */
_Noreturn void ct_leave(void);

#endif
