/*
 * Stale updates: what overtook them is remembered as events, for as long as an update lives that it may concern.
 *
 * An event is a match on one vector: a replace scope that was committed, or a removal that makes updates stale. Updates
 * and events are numbered in one order. An event concerns an update that was created before it; a committed scope only
 * if its own update was created later.
 */
#ifndef CPROM_LIB_STORE_STALE_H
#define CPROM_LIB_STORE_STALE_H

#include "store/match.h"

/* An event for later; NULL: out of memory. */
struct cprom__event *cprom__event_new(struct cprom_vec *vec, const struct cprom__match *match);
void cprom__event_free(struct cprom_vec *vec, struct cprom__event *event);

/*
 * Numbers an event, in the gate and under updates_lock. A removal has its moment under the same hold: so an update was
 * either created before it, with a smaller number, or comes after it. `by`: whose scope it is; NULL: a removal.
 */
void cprom__event_number(struct cprom_registry *registry, struct cprom__event *event,
                         const struct cprom__live_updates *by);

/* In the gate: remembers a numbered one, if an update lives that it may concern; takes it in any case. */
void cprom__event_keep(struct cprom_vec *vec, struct cprom__event *event);

/* Whether an event since `created` concerns the scope of an update, or (removals only) a series. In the gate. */
bool cprom__event_hits_scope(const struct cprom_vec *vec, uint64_t created, const struct cprom__match *scope);
bool cprom__event_hits_series(const struct cprom_vec *vec, uint64_t created, const struct cprom_series *series);

void cprom__events_free(struct cprom_vec *vec);

#endif
