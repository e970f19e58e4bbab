/*
 * A series: one set of label values of a family, and its value. And how it lives:
 *
 *   [hidden (in the map only: an update that is being committed has reserved it)]
 *     -> alive (in the map, on the intake of its vector's order)
 *     -> dead (flag in `life`; removers hold the map's lock) [-> lingering: still in the map and on the page]
 *     -> unlinked (out of the map and its owner's list)
 *     -> out of the order (seen by a gather or by order maintenance)
 *     -> retired -> destroyed (reclaim.h)
 *
 * A thread may use a series while it is in the read section in which it looked it up, or holds a reference.
 *
 * Models: tests/models/life.pml (touch against removal), refs.pml (references), expire.pml (touch against expiry).
 */
#ifndef CPROM_LIB_STORE_SERIES_H
#define CPROM_LIB_STORE_SERIES_H

#include <cprom/cprom.h>

#include "store/cell.h"
#include "store/desc.h"
#include "store/exemplar.h"
#include "base/hash.h"
#include "base/seam.h"
#include "store/slab.h"

/*
 * `life` is the registry's epoch at the last touch, shifted, and flags. Alive and touched in the current epoch is
 * one comparison with the registry's epoch, which is kept in the same form. Once the series has left the order, the
 * upper bits hold the number of the last snapshot that may show it.
 */
#define CPROM__LIFE_SHIFT 8
#define CPROM__LIFE_DEAD 1u
#define CPROM__LIFE_UNLINKED 2u /* dead, and no look-up can find it any more */
#define CPROM__LIFE_HIDDEN 4u   /* reserved, not born yet */
#define CPROM__LIFE_LINGER 8u   /* dead, and shown until its time is over */
#define CPROM__LIFE_TIMED 16u   /* its vector has a ttl: every touch stamps the time */
#define CPROM__LIFE_DYING 32u   /* being looked at for expiry, under the map's lock */

/* `refs` counts in steps of CPROM__REF; the lowest bit says that the last reference destroys the series. */
#define CPROM__REF 2u
#define CPROM__REF_ORPHAN 1u

struct cprom_series {
    _Atomic uint64_t life;
    struct cprom_vec *vec;
    union {
        /* Aligned by hand: on i386, compilers align atomics of 64 bits in structs, and forget it in unions. */
        _Alignas(8) cprom__cell value; /* a double (gauge, counter without stripes; info: 1), or a stateset's bits */
        cprom__cell *cells; /* striped, or a histogram's or summary's own behind the text */
    };
    uint64_t birth;         /* the newest snapshot when it entered the order */
    _Atomic uint32_t refs;
    uint32_t next;          /* in the one list that it is in: intake, pending, retired; its own reference once orphan */
    uint32_t hash;
    unsigned len : 24;      /* of text */
    unsigned escaped : 1;   /* the text has escapes */
    unsigned striped : 1;
    char text[];            /* what stands between the braces on the page; no NUL */
};
_Static_assert(offsetof(struct cprom_series, value) % 8 == 0, "an atomic across two cache lines is none");

/*
 * Behind the text, each aligned and only where the vector wants it: the cells of an unstriped histogram or summary;
 * when the series was made, if it accumulates; exemplar slots; and, for an owner, a ttl or a linger time:
 */
struct cprom__extra {
    _Atomic int64_t touched; /* monotonic ns; with a ttl only */
    _Atomic int64_t until;   /* monotonic ns: when the lingering ends */
    uint32_t chunk, place;   /* in the owner's list; guarded by the map's lock */
};

/* Label values with their lengths and hash. */
struct cprom__values {
    const char *v[CPROM_LABELS_MAX];
    uint32_t len[CPROM_LABELS_MAX];
    size_t n;
    size_t bytes;  /* the sum of the lengths */
    bool plain;    /* known to be ASCII, with nothing to escape */
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

static inline void cprom__series_release(const struct cprom__use *use)
{
    if (CPROM__LIKELY(use->reading)) cprom__read_leave();
    else cprom_series_unref(use->series);
}

/* Makes the one series of a plain instrument, not counted yet; only an info has label values. NULL: out of memory. */
struct cprom_series *cprom__series_plain(struct cprom_vec *vec, const char *const *values);
/* Counts a creation. */
void cprom__series_born(struct cprom_vec *vec);

/*
 * Reserves a series for an update: finds it, or makes one that is hidden. With a reference. ENOMEM.
 */
cprom_status cprom__series_reserve(struct cprom_vec *vec, struct cprom__values *values,
                                   struct cprom_series **series);
/* Lets a hidden one be born, unless it is alive already. ELIMIT: the vector is full, and it not exempt; it stays hidden. */
cprom_status cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series, bool exempt, bool *born);
/* Gives the reference back; a series that nobody revealed goes with the last. */
void cprom__series_unreserve(struct cprom_vec *vec, struct cprom_series *series);
/* The reference by which slab and map know the series; costs a search. Under the map's lock. */
uint32_t cprom__series_ref(struct cprom_vec *vec, const struct cprom_series *series);

/* Fills in label values that are all "other". */
void cprom__values_other(struct cprom_vec *vec, struct cprom__values *values);

/* Checks that the values may become a series, and whether they are plain: EUTF8. */
cprom_status cprom__values_check(struct cprom__values *values);

/*
 * Under the map's lock: takes a dead series out of the map. If it is not `alone`, the caller, who has many, counts it in
 * vec->dead before, and takes it out of its owner's list afterwards.
 */
void cprom__series_unlink(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref, bool alone);
/* Under the map's lock: ends the lingering of a series, likewise. */
void cprom__series_end_linger(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref, bool alone);

/* Milliseconds since 1970. */
int64_t *cprom__series_created(const struct cprom_series *series);
cprom__exemplar_slot *cprom__series_exemplars(const struct cprom_series *series);
struct cprom__extra *cprom__series_extra(const struct cprom_series *series);

/* Nobody can reach it any more. */
void cprom__series_destroy(struct cprom_series *series, uint32_t ref);
/* The same for a list through `next`. */
void cprom__series_destroy_list(struct cprom__slab *slab, uint32_t first);
/* Destroys it, or leaves that to the last handle. */
void cprom__series_abandon(struct cprom_series *series, uint32_t ref);

/* Checks the number of values, measures and hashes them. ELABELS. */
cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values);

/* Raises the touch to the registry's epoch; false: it is dead. */
bool cprom__series_touch(struct cprom_series *series);
/* The same for one that the caller has a reference to: also while somebody looks whether it is expired. */
bool cprom__series_touch_held(struct cprom_series *series);

#endif
