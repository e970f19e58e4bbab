/*
 * How a series dies, and leaves its vector's map and its owner's list. All of it under the map's lock.
 */
#ifndef CPROM_LIB_STORE_KILL_H
#define CPROM_LIB_STORE_KILL_H

#include "store/series.h"

#define CPROM__TOUCHED_NEVER UINT64_MAX /* whenever they were touched, they go */

/* How series go. */
struct cprom__removing {
    enum cprom__removal reason;
    uint64_t touched_since; /* those touched in this epoch, as in registry->epoch, or later stay */
    uint64_t epoch;         /* in which they go; those that linger note it */
    bool linger;            /* where the vector says so */
    int64_t now;            /* monotonic ns; of a removal that lingers, or a commit that stamps */
};

/* What became of a series; of an unlinked one nothing can be asked any more: it may be reclaimed at any time. */
enum cprom__killed {
    CPROM__KILLED_NOT,        /* it was dead, hidden, or touched since */
    CPROM__KILLED_LINGERS,    /* killed, and still in the map */
    CPROM__KILLED_UNLINKED,   /* killed */
    CPROM__KILLED_LINGERED_ON /* it was dead; its lingering ended, and it was unlinked */
};

/* Whether it is to be counted as removed. */
static inline bool cprom__killed_counts(enum cprom__killed killed)
{
    return killed == CPROM__KILLED_LINGERS || killed == CPROM__KILLED_UNLINKED;
}

/* Removes one, or that of a plain instrument. `alone`: see cprom__series_unlink(). */
enum cprom__killed cprom__vec_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                   const struct cprom__removing *removing, bool alone);

/* Counts what was removed, and then what was born; or for a plain instrument. */
void cprom__vec_count(struct cprom_vec *vec, enum cprom__removal reason, size_t removed, size_t born);

/*
 * Takes a dead series out of the map. If it is not `alone`, the caller, who has many, counts it in vec->dead before, and
 * takes it out of its owner's list afterwards.
 */
void cprom__series_unlink(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone);

/* Ends the lingering of a series, likewise; pages from this snapshot's number on do not show it. */
void cprom__series_end_linger(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone,
                              uint64_t snapshot);

/* The slab index by which the map knows the series; costs a search. */
uint32_t cprom__series_index(struct cprom_vec *vec, const struct cprom_series *series);

#endif
