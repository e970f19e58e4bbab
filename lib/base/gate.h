/*
 * A lock that is first come, first served: who waits is in a queue, and who comes later goes behind it. A registry has
 * three. Its gate, in which the moments of changes and the copying of values by a gather exclude each other. Its removal
 * gate, in which a removal by match finishes. And its order lock, at which its gathers queue, so that at most one of them
 * stands at the gate, and a change waits for at most one portion of a copying.
 *
 * Models: tests/models/gate.pml, queue.pml (the lock itself).
 */
#ifndef CPROM_LIB_BASE_GATE_H
#define CPROM_LIB_BASE_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct cprom__gate {
    pthread_mutex_t lock; /* guards the rest; held for a few instructions only */
    bool taken;
    bool passed; /* somebody who only tried has gone before the first */
    struct cprom__gate_waiter *first, *last;
};

void cprom__gate_init(struct cprom__gate *gate);
void cprom__gate_destroy(struct cprom__gate *gate);
void cprom__gate_enter(struct cprom__gate *gate);
/*
 * Enters if nobody is inside; never waits. It may go before who waits, where that one has not woken up yet: once, then
 * that one is next.
 */
bool cprom__gate_try(struct cprom__gate *gate);
void cprom__gate_leave(struct cprom__gate *gate);
/* In it: whether somebody waits. */
bool cprom__gate_is_wanted(struct cprom__gate *gate);

#endif
