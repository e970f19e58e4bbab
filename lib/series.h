/*
 * A series: one set of label values of a family, and its value. And how it lives:
 *
 *   made (in the map, on the intake of its vector's order)
 *     -> dead (flag in `life`; out of the map; removers hold the map's lock)
 *     -> out of the order (seen dead by a gather or by order maintenance)
 *     -> retired -> destroyed (reclaim.h)
 *
 * A thread may use a series while it is in the read section in which it looked it up, or holds a reference.
 */
#ifndef CPROM_LIB_SERIES_H
#define CPROM_LIB_SERIES_H

#include <cprom/cprom.h>

#include "cell.h"
#include "desc.h"
#include "hash.h"
#include "seam.h"

/*
 * `life` is the registry's epoch at the last touch, shifted, and flags. Alive and touched in the current epoch is
 * one comparison with the registry's epoch, which is kept in the same form. Once the series has left the order, the
 * upper bits hold the number of the last snapshot that may show it.
 */
#define CPROM__LIFE_SHIFT 8
#define CPROM__LIFE_DEAD 1u
#define CPROM__LIFE_UNLINKED 2u /* dead, and no look-up can find it any more */

/* `refs` counts in steps of CPROM__REF; the lowest bit says that the last reference destroys the series. */
#define CPROM__REF 2u
#define CPROM__REF_ORPHAN 1u

struct cprom_series {
    _Atomic uint64_t life;
    struct cprom_vec *vec;
    union {
        cprom__cell value;  /* gauge, and counter without stripes: a double */
        cprom__cell *cells; /* striped, or a histogram's or summary's own behind the text */
    };
    uint64_t birth;         /* the newest snapshot when it was made */
    _Atomic uint32_t refs;
    uint32_t next;          /* in the one list that it is in: intake, pending, retired; its own reference once orphan */
    uint32_t hash;
    unsigned len : 24;      /* of text */
    unsigned escaped : 1;   /* the text has escapes */
    unsigned striped : 1;
    char text[];            /* what stands between the braces on the page; no NUL */
};

/* Label values with their lengths and hash. */
struct cprom__values {
    const char *v[CPROM_LABELS_MAX];
    uint32_t len[CPROM_LABELS_MAX];
    size_t n;
    uint32_t hash;
};

/* A series in use: in a read section, or by a reference. */
struct cprom__use {
    struct cprom_series *series;
    bool reading;
};

/*
 * Finds the series or creates it, touches it and lets the caller use it until cprom__series_release(). Failures are
 * counted and logged.
 */
cprom_status cprom__series_acquire(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);
/* The same, looking only: ENOENT; nothing is counted. */
cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs values, struct cprom__use *use);
void cprom__series_release(const struct cprom__use *use);

/* Makes the one series of a plain instrument, not counted yet. NULL: out of memory. */
struct cprom_series *cprom__series_plain(struct cprom_vec *vec);
/* Counts a creation. */
void cprom__series_born(struct cprom_vec *vec);

/* Kills one series; under the map's lock, which the caller holds. */
void cprom__series_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref);

/* Nobody can reach it any more. */
void cprom__series_destroy(struct cprom_series *series, uint32_t ref);
/* Destroys it, or leaves that to the last handle. */
void cprom__series_abandon(struct cprom_series *series, uint32_t ref);

/* Checks the number of values, measures and hashes them. ELABELS. */
cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values);

/* Raises the touch to the registry's epoch; false: it is dead. */
bool cprom__series_touch(struct cprom_series *series);

#endif
