/*
 * The gate: what changes several series as one (a delete by match, a clear) and the copying of values by a gather
 * exclude each other here. First come, first served, with hand-off: gathers of one registry queue elsewhere (its
 * order lock), so that at most one of them stands in this queue, and a change waits for at most one portion of a copying.
 *
 * Model: tests/models/gate.pml.
 */
#ifndef CPROM_LIB_BASE_GATE_H
#define CPROM_LIB_BASE_GATE_H

#include <pthread.h>
#include <stdbool.h>

struct cprom__gate {
    pthread_mutex_t lock; /* guards the rest; held for a few instructions only */
    bool taken;
    struct cprom__gate_waiter *first, *last;
};

void cprom__gate_init(struct cprom__gate *gate);
void cprom__gate_destroy(struct cprom__gate *gate);
void cprom__gate_enter(struct cprom__gate *gate);
void cprom__gate_leave(struct cprom__gate *gate);
/* In it: whether somebody waits. */
bool cprom__gate_is_wanted(struct cprom__gate *gate);

#endif
