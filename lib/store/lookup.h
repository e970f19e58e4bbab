/*
 * From label values to a series of a vector: looked up, created, or reserved for an update.
 */
#ifndef CPROM_LIB_STORE_LOOKUP_H
#define CPROM_LIB_STORE_LOOKUP_H

#include "store/touch.h"

/* An update by label values, */
struct cprom__use {
    enum cprom__operation operation;
    double value;
    bool perhaps; /* the series may be there, though there was no hit */
    /* and what came of it then. */
    cprom_status status;
    struct cprom_series
        *series; /* with a reference, if OK; the update was made, perhaps by a birth. NULL: it was dropped */
    uint64_t seen;
};

/* A series that is there and touched, in a read section; `series` NULL: none. In registers, as most updates want it. */
struct cprom__hit {
    struct cprom_series *series;
    uint64_t seen; /* the epoch */
};

/* See cprom__series_acquire(). */
struct cprom__hit cprom__series_acquire_for(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);

/*
 * Begins an update by label values. After a hit the caller changes the series and calls cprom__series_updated().
 * Otherwise the update was made or failed, and cprom__series_done() ends it. Failures are counted and logged.
 */
static inline struct cprom__hit cprom__series_acquire(struct cprom_vec *vec, cprom_strs values,
                                                      enum cprom__operation operation, double value,
                                                      struct cprom__use *use)
{
    /* Not as arguments: those are kept over the whole search, and only the slow way reads them. */
    use->operation = operation;
    use->value = value;
    return cprom__series_acquire_for(vec, values, use);
}

/* After a hit: the value is written. */
static inline cprom_status cprom__series_updated(struct cprom__hit hit)
{
    const struct cprom__look look = {hit.series->vec->epoch, hit.seen};
    cprom__update_ends(hit.series, &look);
    cprom__read_leave();
    return CPROM_OK;
}

/* Without a hit: what the caller answers. */
cprom_status cprom__series_done(const struct cprom__use *use);

/* A series that is looked at. */
struct cprom__sight {
    struct cprom_series *series;
    bool reading; /* in a read section, or by a reference */
};

/* Finds the series without touching it: ENOENT, ENOMEM; nothing is counted. Ends with cprom__series_looked(). */
cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs values, struct cprom__sight *sight);

static inline void cprom__series_looked(const struct cprom__sight *sight)
{
    if (CPROM__LIKELY(sight->reading)) cprom__read_leave();
    else cprom_series_unref(sight->series);
}

/* Makes the one series of a plain instrument, not counted yet; only an info has label values. NULL: out of memory. */
struct cprom_series *cprom__series_plain(struct cprom_vec *vec, const char *const *values);

/* Counts a creation. */
void cprom__series_born(struct cprom_registry *registry);

/*
 * Reserves a series for an update: finds it, or makes one that is hidden. With a reference. `*series` is set under the map's
 * lock. ENOMEM: NULL.
 */
cprom_status cprom__series_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series);

/* A series that is made in the place of one that is staged in a commit and about to be deleted. */
struct cprom__instead {
    struct cprom_series *series; /* NULL: none; out of memory, if one was asked for */
    uint32_t index;
    bool asked, linked;
};

/* Makes it. Under no lock. */
void cprom__instead_make(struct cprom_vec *vec, struct cprom__values *values, struct cprom__instead *instead);
/* Under the map's lock: it enters the map, hidden and reserved. false: out of memory, also when it was made. */
bool cprom__instead_link(struct cprom_vec *vec, struct cprom__instead *instead);
/* Under the map's lock, of a series that is alive: its reservation becomes one of the other. */
void cprom__instead_take(const struct cprom__instead *instead, struct cprom_series **reserved);
/* Under no lock: gives it back, if there is one. */
void cprom__instead_end(struct cprom_vec *vec, const struct cprom__instead *instead);
/*
 * What others are folded into is one more, and exempt from the bound that they meet: from that of its owner, if all its
 * label values are "other" but for the owner's; if all of them are, from that of the vector, too. Flags.
 */
#define CPROM__EXEMPT_OF_OWNER 1u
#define CPROM__EXEMPT_OF_VEC 2u

/* Of a series of these label values in a vector that folds; 0: others are not folded into it. */
unsigned cprom__values_exempt(const struct cprom_vec *vec, const struct cprom__values *values);

/* What is tried next, in a vector that folds, where there is no room for what has this exemption; 0: no more. */
static inline unsigned cprom__fold_next(const struct cprom_vec *vec, unsigned exempt)
{
    if (!exempt && vec->max_per_owner) return CPROM__EXEMPT_OF_OWNER;
    return vec->max_series && !(exempt & CPROM__EXEMPT_OF_VEC) ? CPROM__EXEMPT_OF_OWNER | CPROM__EXEMPT_OF_VEC : 0;
}

/* Turns label values into those of what they are folded into. */
void cprom__values_fold(struct cprom_vec *vec, struct cprom__values *values, unsigned exempt);

/* How a hidden series is born. */
struct cprom__birth {
    unsigned exempt;
    uint32_t index; /* of the series in the slab; 0: not known */
    uint64_t epoch;
    int64_t now;                        /* of a timed one */
    const struct cprom__change *change; /* NULL: it is written already, or has its kind's initial value */
};

/* Under the map's lock. ELIMIT: vector or owner is full, and it not exempt. ENOENT: the vector is unregistered. */
cprom_status cprom__series_may_be_born(struct cprom_vec *vec, const struct cprom_series *series, unsigned exempt);

/* Under the map's lock: lets a hidden one be born; the caller counts it. ELIMIT, ENOENT: it stays hidden. */
cprom_status cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series, const struct cprom__birth *birth);

/* Gives the reference back; a series that nobody revealed goes with the last. */
void cprom__series_unreserve(struct cprom_vec *vec, struct cprom_series *series);

/* Checks that the values may become a series, and whether they are plain: EUTF8. */
cprom_status cprom__values_check(struct cprom__values *values);

/* Whether values that were not found would be others if they were repaired. */
bool cprom__values_repairable(const struct cprom_vec *vec, struct cprom__values *values);

static inline cprom_strs cprom__values_strs(const struct cprom__values *values)
{
    return (cprom_strs){values->v, values->n};
}

/* Checks the number of values, measures and hashes them. ELABELS. */
cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values);

#endif
