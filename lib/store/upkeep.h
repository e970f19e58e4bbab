/*
 * The upkeep of a vector: bounded shares of work that creations and removals do, and gathers.
 */
#ifndef CPROM_LIB_STORE_UPKEEP_H
#define CPROM_LIB_STORE_UPKEEP_H

#include "store/series.h"

/* A bounded share of cleaning up, after something was created or removed. Under no lock. */
void cprom__vec_upkeep(struct cprom_vec *vec);

/*
 * Under the order lock, by who has not looked at the whole order: does what others would have done meanwhile. Without it,
 * gathers of other vectors that follow each other closely would leave nobody the lock to do it.
 */
void cprom__vec_catch_up(struct cprom_vec *vec);

/* All of it. */
void cprom__vec_trim(struct cprom_vec *vec);

/* By what a page decides; an iteration shows what is alive only, without what lingers. */
struct cprom__view_of {
    uint64_t snapshot; /* the page's number: what died before it is not shown */
    int64_t now;       /* monotonic ns; one reading of the clock */
    bool living;
};

/* Whether a page shows the series; `*over`: its time is, so that it may go. */
bool cprom__series_shown(const struct cprom_series *series, const struct cprom__view_of *view, bool *over);
/* The same for who has the map's lock, which the other may take. */
bool cprom__series_shown_locked(const struct cprom_series *series, const struct cprom__view_of *view, bool *over);

/* Whether it shows none of the pages from this snapshot's number on, and has left the map. */
bool cprom__series_past(const struct cprom_series *series, uint64_t snapshot);

/* Removes a series that is over, if it still is. Under no lock. */
void cprom__vec_expire(struct cprom_vec *vec, const struct cprom_series *series, int64_t now);

/*
 * Looks for such series in a bounded part of the vector, for when nobody scrapes; false: the last part was in it, or a
 * change is at work on the vector, and it has not looked.
 */
bool cprom__vec_expire_some(struct cprom_vec *vec);

/* The same for who needs room now: a change that is unfinished is finished first, not left alone. */
void cprom__vec_make_room(struct cprom_vec *vec);

/* The same among the series of the owner of these label values. */
void cprom__vec_make_room_of(struct cprom_vec *vec, const struct cprom__values *values);

#endif
