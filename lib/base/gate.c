/* The gate: first come, first served. */
#include "base/gate.h"

#include <stddef.h>

#include "base/unwind.h"

struct cprom__gate_waiter {
    struct cprom__gate_waiter *next;
    pthread_cond_t free_cond; /* it is the first, and the gate is free */
};

void cprom__gate_init(struct cprom__gate *gate)
{
    pthread_mutex_init(&gate->lock, NULL);
    gate->taken = gate->passed = false;
    gate->first = gate->last = NULL;
}

void cprom__gate_destroy(struct cprom__gate *gate) { pthread_mutex_destroy(&gate->lock); }

static void gate_wait(struct cprom__gate *gate)
{
    CPROM__UNCANCELLED;
    struct cprom__gate_waiter self = {.next = NULL};
    pthread_cond_init(&self.free_cond, NULL);
    if (gate->last) gate->last->next = &self;
    /* cppcheck-suppress autoVariables ; it is off the list before this returns */
    else gate->first = &self;
    /* cppcheck-suppress autoVariables ; likewise */
    gate->last = &self;
    while (gate->taken || gate->first != &self) pthread_cond_wait(&self.free_cond, &gate->lock);
    gate->first = self.next;
    if (!gate->first) gate->last = NULL;
    pthread_cond_destroy(&self.free_cond);
}

void cprom__gate_enter(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    if (gate->taken || gate->first) gate_wait(gate);
    gate->taken = true;
    gate->passed = false;
    pthread_mutex_unlock(&gate->lock);
}

bool cprom__gate_try(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool free = !gate->taken && !(gate->first && gate->passed);
    if (free) {
        gate->taken = true;
        gate->passed = gate->first != NULL;
    }
    pthread_mutex_unlock(&gate->lock);
    return free;
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
    gate->taken = false;
    /* Signalled under the lock: the waiter, and its condition with it, may be gone as soon as that is open. */
    if (gate->first) pthread_cond_signal(&gate->first->free_cond);
    pthread_mutex_unlock(&gate->lock);
}
