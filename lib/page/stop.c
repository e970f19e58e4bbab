/* Whether pages are still wanted: asked by who waits for a callback, told by a server that stops. */
#include "page/stop.h"

void cprom__stop_init(struct cprom__stop *stop)
{
    atomic_init(&stop->asked, false);
    pthread_mutex_init(&stop->lock, NULL);
    stop->waiters = NULL;
}

void cprom__stop_destroy(struct cprom__stop *stop) { pthread_mutex_destroy(&stop->lock); }

bool cprom__stop_asked(const struct cprom__stop *stop)
{
    return stop && atomic_load_explicit(&stop->asked, memory_order_relaxed);
}

/*
 * Who begins to wait before the walk is woken by it, or has not looked at `asked` yet, for he looks under collect_lock;
 * who begins after it has taken `lock` later, and sees `asked`.
 */
void cprom__stop_ask(struct cprom__stop *stop)
{
    atomic_store_explicit(&stop->asked, true, memory_order_relaxed);
    pthread_mutex_lock(&stop->lock);
    for (struct cprom__stop_waiter *waiter = stop->waiters; waiter; waiter = waiter->next) {
        pthread_mutex_lock(&waiter->registry->collect_lock);
        pthread_cond_broadcast(&waiter->registry->collect_cond);
        pthread_mutex_unlock(&waiter->registry->collect_lock);
    }
    pthread_mutex_unlock(&stop->lock);
}

void cprom__stop_wait_begin(struct cprom__stop *stop, struct cprom__stop_waiter *waiter,
                            struct cprom_registry *registry)
{
    pthread_mutex_lock(&stop->lock);
    *waiter = (struct cprom__stop_waiter){stop->waiters, NULL, registry};
    if (waiter->next) waiter->next->previous = waiter;
    stop->waiters = waiter;
    pthread_mutex_unlock(&stop->lock);
}

void cprom__stop_wait_end(struct cprom__stop *stop, struct cprom__stop_waiter *waiter)
{
    pthread_mutex_lock(&stop->lock);
    if (waiter->next) waiter->next->previous = waiter->previous;
    if (waiter->previous) waiter->previous->next = waiter->next;
    else stop->waiters = waiter->next;
    pthread_mutex_unlock(&stop->lock);
}
