/*
 * Stale updates: what overtook them is remembered as events, for as long as an update lives that is older.
 *
 * An event is a match on one vector: a replace scope that was committed, or a removal that makes updates stale. Updates
 * and events are numbered in one order. An event concerns an update that was created before it; a committed scope only
 * if its own update was created later. Events of one match are remembered as one.
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

/*
 * In the gate: whether an event since `created`, of a living update, concerns a scope of it, or (removals only) a series.
 * A series costs a search for each set of labels that events of its vector name; so does a scope that names them all. One
 * that names some of them is compared with each event since `created`.
 */
bool cprom__event_hits_scope(struct cprom_vec *vec, uint64_t created, const struct cprom__match *scope);
bool cprom__event_hits_series(struct cprom_vec *vec, uint64_t created, const struct cprom_series *series);

/* An update has left the registry's ring: what concerned no younger one is forgotten. */
void cprom__events_forget(struct cprom_registry *registry);

/* Frees those of a vector; nobody uses it any more. */
void cprom__events_free(struct cprom_vec *vec);

#endif
