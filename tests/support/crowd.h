/*
 * Many threads at once: none begins before all have started, none ends before all are done.
 */
#ifndef CPROM_TESTS_CROWD_H
#define CPROM_TESTS_CROWD_H

#include "cprom_test.h"

typedef struct crowd {
    pthread_barrier_t barrier;
    void (*work)(void *ctx, size_t index);
    void *ctx;
    _Atomic size_t next;
} crowd;

static void *crowd_member(void *arg)
{
    crowd *c = arg;
    size_t index = atomic_fetch_add(&c->next, 1);
    pthread_barrier_wait(&c->barrier);
    c->work(c->ctx, index);
    pthread_barrier_wait(&c->barrier);
    return NULL;
}

/* Runs work(ctx, 0) to work(ctx, n - 1), each on a thread of its own, and joins them. Asserts that they start. */
static inline void crowd_run(size_t n, void (*work)(void *ctx, size_t index), void *ctx)
{
    crowd c = {.work = work, .ctx = ctx};
    pthread_t threads[256];
    assert_in_range(n, 1, COUNT(threads));
    assert_int_equal(pthread_barrier_init(&c.barrier, NULL, (unsigned)n), 0);
    for (size_t i = 0; i < n; i++) assert_int_equal(pthread_create(&threads[i], NULL, crowd_member, &c), 0);
    for (size_t i = 0; i < n; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c.barrier);
}

#endif
