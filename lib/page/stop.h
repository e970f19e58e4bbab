/*
 * Whether pages are still wanted. Once they are not, no callback begins for them, and who waits for one that runs
 * elsewhere waits no longer: else a server could not be stopped inside that callback.
 */
#ifndef CPROM_LIB_PAGE_STOP_H
#define CPROM_LIB_PAGE_STOP_H

#include <pthread.h>

#include "store/context.h"

/* Who waits at a registry's collect_cond. */
struct cprom__stop_waiter {
    struct cprom__stop_waiter *next, *previous;
    struct cprom_registry *registry;
};

struct cprom__stop {
    _Atomic bool asked;
    pthread_mutex_t lock; /* guards the rest; comes before the registries' collect_lock */
    struct cprom__stop_waiter *waiters;
};

void cprom__stop_init(struct cprom__stop *stop);
void cprom__stop_destroy(struct cprom__stop *stop);
/* The pages are not wanted any more, for good. Under no lock of a registry. */
void cprom__stop_ask(struct cprom__stop *stop);
/* NULL: nobody stops it. */
bool cprom__stop_asked(const struct cprom__stop *stop);

/*
 * Between these two, asking wakes who waits at the registry's collect_cond; he looks whether it was asked, under
 * collect_lock, before each wait. Not under that lock.
 */
void cprom__stop_wait_begin(struct cprom__stop *stop, struct cprom__stop_waiter *waiter,
                            struct cprom_registry *registry);
void cprom__stop_wait_end(struct cprom__stop *stop, struct cprom__stop_waiter *waiter);

#endif
