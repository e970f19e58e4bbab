/*
 * Stale updates: what overtook them is remembered as events, for as long as an update lives that is older.
 *
 * An event is a match on one vector: a replace scope that was committed, or a removal that makes updates stale. Updates
 * and events are numbered in one order. A removal concerns the updates that were created before it; a committed scope
 * those that started before its own update did. Events of one match are remembered as one.
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

/* How a living update is stale; flags. */
enum {
    CPROM__STALE_SCOPE = 1, /* a committed scope overlaps */
    CPROM__STALE_DELETE = 2 /* a removal does */
};

/*
 * In the gate: what concerns a scope of this update. Costs a search for each set of labels that events of the vector
 * name; but a scope that names some labels of a set only is compared with each event since the update was created.
 */
unsigned cprom__stale_scope(struct cprom_vec *vec, const struct cprom__live_updates *update,
                            const struct cprom__match *scope);

/*
 * In the gate: what concerns a series that this update stages: a removal that matches it, or a committed scope that
 * does and overlaps one of the update's own `scopes`. Costs a search for each set of labels, likewise.
 */
unsigned cprom__stale_series(struct cprom_vec *vec, const struct cprom__live_updates *update,
                             const struct cprom__match *scopes, const struct cprom_series *series);

/* An update has left the registry's ring: what concerned no younger one is forgotten. */
void cprom__events_forget(struct cprom_registry *registry);

/* Frees those of a vector; nobody uses it any more. */
void cprom__events_free(struct cprom_vec *vec);

#endif
