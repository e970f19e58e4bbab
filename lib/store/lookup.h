/*
 * From label values to a series of a vector: looked up, created, or reserved for an update.
 */
#ifndef CPROM_LIB_STORE_LOOKUP_H
#define CPROM_LIB_STORE_LOOKUP_H

#include "store/series.h"

/* A series in use: in a read section, or by a reference. */
struct cprom__use {
    struct cprom_series *series;
    bool reading;
    enum cprom__operation operation; /* what a series is born with */
    double value;
};

/* A positive status: the series was born here, with the value in it already. */
#define CPROM__BORN_WITH_IT ((cprom_status)1)

/* See cprom__series_acquire(); `use` has the operation and its value. */
cprom_status cprom__series_acquire_for(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);

/*
 * Finds the series, touches it and lets the caller use it until cprom__series_release(), or creates it with what the
 * operation does: CPROM__BORN_WITH_IT, and there is nothing left to do but to release it. Failures are counted and
 * logged.
 */
static inline cprom_status cprom__series_acquire(struct cprom_vec *vec, cprom_strs values,
                                                 enum cprom__operation operation, double value, struct cprom__use *use)
{
    /* Not as arguments: those are kept over the whole search, and only a creation reads them. */
    use->operation = operation;
    use->value = value;
    return cprom__series_acquire_for(vec, values, use);
}

/* The same, looking only: ENOENT; nothing is counted. */
cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);

static inline void cprom__series_release(const struct cprom__use *use)
{
    if (CPROM__LIKELY(use->reading)) cprom__read_leave();
    else cprom_series_unref(use->series);
}

/* The end of an acquisition that was not CPROM_OK: what the caller answers. */
static inline cprom_status cprom__series_born_or(cprom_status status, const struct cprom__use *use)
{
    if (status < 0) return status;
    cprom__series_release(use);
    return CPROM_OK;
}

/* Makes the one series of a plain instrument, not counted yet; only an info has label values. NULL: out of memory. */
struct cprom_series *cprom__series_plain(struct cprom_vec *vec, const char *const *values);

/* Counts a creation. */
void cprom__series_born(struct cprom_registry *registry);

/*
 * Reserves a series for an update: finds it, or makes one that is hidden. With a reference. ENOMEM.
 */
cprom_status cprom__series_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series);

/*
 * Lets a hidden one be born with the change in it, unless it is alive already. ELIMIT: the vector is full, and it not
 * exempt; it stays hidden.
 */
cprom_status cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series, bool exempt,
                                  const struct cprom__change *change, bool *born);

/* Gives the reference back; a series that nobody revealed goes with the last. */
void cprom__series_unreserve(struct cprom_vec *vec, struct cprom_series *series);

/* Fills in label values that are all "other". */
void cprom__values_other(struct cprom_vec *vec, struct cprom__values *values);

/* Checks that the values may become a series, and whether they are plain: EUTF8. */
cprom_status cprom__values_check(struct cprom__values *values);

/* Checks the number of values, measures and hashes them. ELABELS. */
cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values);

#endif
