/* The gate: first come, first served, with hand-off. */
#include "base/gate.h"

#include <stddef.h>

struct cprom__gate_waiter {
    struct cprom__gate_waiter *next;
    pthread_cond_t granted_cond;
    bool granted;
};

void cprom__gate_init(struct cprom__gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    gate->taken = false;
    gate->first = gate->last = NULL;
}

void cprom__gate_destroy(struct cprom__gate *gate) { pthread_mutex_destroy(&gate->lock); }

void cprom__gate_enter(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    if (!gate->taken) {
        gate->taken = true;
        pthread_mutex_unlock(&gate->lock);
        return;
    }
    struct cprom__gate_waiter self = {.next = NULL, .granted = false};
    pthread_cond_init(&self.granted_cond, NULL);
    if (gate->last) gate->last->next = &self;
    /* cppcheck-suppress autoVariables ; who leaves the gate has taken it off the list before this returns */
    else gate->first = &self;
    /* cppcheck-suppress autoVariables ; likewise */
    gate->last = &self;
    while (!self.granted) pthread_cond_wait(&self.granted_cond, &gate->lock);
    pthread_mutex_unlock(&gate->lock);
    pthread_cond_destroy(&self.granted_cond);
}

bool cprom__gate_is_wanted(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool wanted = gate->first != NULL;
    pthread_mutex_unlock(&gate->lock);
    return wanted;
}

void cprom__gate_leave(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    struct cprom__gate_waiter *next = gate->first;
    if (next) {
        gate->first = next->next;
        if (!gate->first) gate->last = NULL;
        next->granted = true;
        /* Signalled under the lock: the waiter, and its condition with it, is gone as soon as it may run. */
        pthread_cond_signal(&next->granted_cond);
    } else {
        gate->taken = false;
    }
    pthread_mutex_unlock(&gate->lock);
}
