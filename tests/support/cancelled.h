/*
 * Calls by a thread that is cancelled from the beginning: where one lets it reach a cancellation point inside, it ends
 * there.
 */
#ifndef CPROM_TESTS_CANCELLED_H
#define CPROM_TESTS_CANCELLED_H

#include "cprom_test.h"

struct cancelled {
    void (*body)(void *ctx);
    void *ctx;
    bool at_beginnings; /* also where a call begins, if that is a cancellation point */
    bool came_to_its_end, may_be_cancelled;
};

static inline void *cancelled_thread(void *arg)
{
    struct cancelled *c = arg;
    int state;
    cprom__seam_passes_points = !c->at_beginnings;
    pthread_cancel(pthread_self());
    c->body(c->ctx);
    c->came_to_its_end = true;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    c->may_be_cancelled = state == PTHREAD_CANCEL_ENABLE;
    pthread_testcancel();
    return NULL;
}

/* Asserts that a thread can be made. */
static inline pthread_t cancelled_begin(struct cancelled *c, bool at_beginnings, void (*body)(void *ctx), void *ctx)
{
    pthread_t thread;
    *c = (struct cancelled){.body = body, .ctx = ctx, .at_beginnings = at_beginnings};
    assert_int_equal(pthread_create(&thread, NULL, cancelled_thread, c), 0);
    return thread;
}

/* Whether the body came to its end, and the thread was cancelled then. */
static inline bool cancelled_end(struct cancelled *c, pthread_t thread)
{
    void *result;
    assert_int_equal(pthread_join(thread, &result), 0);
    return c->came_to_its_end && c->may_be_cancelled && result == PTHREAD_CANCELED;
}

static inline bool cancelled_run(void (*body)(void *ctx), void *ctx)
{
    struct cancelled c;
    pthread_t thread = cancelled_begin(&c, false, body, ctx);
    return cancelled_end(&c, thread);
}

/* Whether the thread ended in the body, where a call began. */
static inline bool cancelled_at_once(void (*body)(void *ctx), void *ctx)
{
    struct cancelled c;
    pthread_t thread = cancelled_begin(&c, true, body, ctx);
    return !cancelled_end(&c, thread) && !c.came_to_its_end;
}

#endif
