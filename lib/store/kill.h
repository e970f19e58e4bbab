/*
 * The death of one series: flagged, counted, and taken out of the map; or lingering. All under the map's lock.
 */
#ifndef CPROM_LIB_STORE_KILL_H
#define CPROM_LIB_STORE_KILL_H

#include "store/series.h"

struct cprom__staged;

/*
 * What a match asks for, resolved against one vector: which label, and its value as it stands in texts.
 */
struct cprom__match {
    size_t n;
    size_t label[CPROM_LABELS_MAX];
    struct cprom__piece value[CPROM_LABELS_MAX]; /* escaped */
    struct cprom__arena memory;
};

/* Which of the matching series go, and how. */
struct cprom__removing {
    const struct cprom__match *match; /* empty: all */
    enum cprom__removal reason;
    const struct cprom__staged *staged; /* these stay; NULL: none */
    uint64_t touched_since;             /* those touched in this epoch or later stay; 0: none */
    bool linger;                        /* where the vector says so */
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

/* Removes one, under the map's lock, or of a plain instrument. `alone`: see cprom__series_unlink(). */
enum cprom__killed cprom__vec_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                   const struct cprom__removing *removing, bool alone, int64_t now);

/* Counts what was removed; under the map's lock, or for a plain instrument. */
void cprom__vec_removed(struct cprom_vec *vec, enum cprom__removal reason, size_t n);

/*
 * Under the map's lock: takes a dead series out of the map. If it is not `alone`, the caller, who has many, counts it
 * in vec->dead before, and takes it out of its owner's list afterwards.
 */
void cprom__series_unlink(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone);

/* Under the map's lock: ends the lingering of a series, likewise. */
void cprom__series_end_linger(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone);

/* The slab index by which the map knows the series; costs a search. Under the map's lock. */
uint32_t cprom__series_index(struct cprom_vec *vec, const struct cprom_series *series);

#endif
