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
 * Model: tests/models/refs.pml (references).
 */
#ifndef CPROM_LIB_STORE_SERIES_H
#define CPROM_LIB_STORE_SERIES_H

#include <cprom/cprom.h>

#include "base/seam.h"
#include "store/context.h"
#include "store/exemplar.h"
#include "store/map.h"
#include "store/order.h"

/*
 * `life` is the registry's epoch at the last touch, shifted, and flags. Alive and touched in the current epoch is
 * one comparison with the registry's epoch, which is kept in the same form. Of a dead series the upper bits hold the
 * number of the newest snapshot when it died: that one shows it. Once it has left the order, they hold that of the last
 * one that may show it.
 */
#define CPROM__LIFE_SHIFT 8
#define CPROM__LIFE_DEAD 1u
#define CPROM__LIFE_UNLINKED 2u /* dead, and no look-up can find it any more */
#define CPROM__LIFE_HIDDEN 4u   /* reserved, not born yet */
#define CPROM__LIFE_LINGER 8u   /* dead, and shown until its time is over */
#define CPROM__LIFE_TIMED 16u   /* its vector has a ttl: every touch stamps the time */
#define CPROM__LIFE_DYING 32u   /* being looked at for expiry, under the map's lock */

/*
 * `refs` counts in steps of CPROM__REF; without the lowest bit the last reference destroys the series. Once the highest
 * bit has been there, nobody can count the references any more: the word stays in the upper half, and the series for ever.
 * It is put back into the middle of that at each step, so that those of all threads at once do not lead out.
 */
#define CPROM__REF 2u
#define CPROM__REF_KEPT 1u /* by the library: its lists lead to it */
#define CPROM__REF_MANY 0x80000000u
#define CPROM__REF_SATURATED 0xc0000000u

struct cprom_series {
    _Atomic uint64_t life;
    struct cprom_vec *vec;
    union {
        /* Aligned by hand: on i386, compilers align atomics of 64 bits in structs, and forget it in unions. */
        _Alignas(8) cprom__cell value; /* a double (gauge, counter without stripes; info: 1), or a stateset's bits */
        cprom__cell *cells;            /* striped, or a histogram's or summary's own behind the text */
    };
    uint64_t birth; /* the newest snapshot when it entered the order */
    _Atomic uint32_t refs;
    uint32_t next; /* in the one list that it is in: intake, pending, retired; its own index once orphan */
    uint32_t hash;
    unsigned len : 24;    /* of text */
    unsigned escaped : 1; /* the text has escapes */
    unsigned striped : 1;
    unsigned place : 6; /* of striped cells in their chunk */
    char text[];        /* what stands between the braces on the page; no NUL */
};
_Static_assert(offsetof(struct cprom_series, value) % 8 == 0, "an atomic across two cache lines is none");

/*
 * Behind the text, each aligned and only where the vector wants it: the cells of an unstriped histogram or summary;
 * when the series was made, if it accumulates; exemplar slots; and, for an owner, a ttl or a linger time:
 */
struct cprom__extra {
    uint32_t chunk, place; /* in the owner's list; guarded by the map's lock */
    /* With a ttl or a linger time only: */
    uint32_t reserved;       /* of the references, with a ttl: updates' reservations; guarded by the map's lock */
    _Atomic int64_t touched; /* monotonic ns */
    _Atomic int64_t until;   /* monotonic ns: when the lingering ends */
    /*
     * The epoch, as in the registry, in which the lingering began; once it has ended, the newest snapshot then. Changed
     * under the map's lock.
     */
    _Atomic uint64_t lingers;
};

enum cprom__removal {
    CPROM__REMOVED_DELETE,
    CPROM__REMOVED_MATCH,
    CPROM__REMOVED_CLEAR,
    CPROM__REMOVED_REPLACE,
    CPROM__REMOVED_SWEEP,
    CPROM__REMOVED_TTL,
    CPROM__REMOVALS
};

/*
 * A vector: a family whose series live in the program. Every instrument is one; a plain one has a single series that
 * no map knows.
 */
struct cprom__turnover;

struct cprom_vec {
    /* immutable once made */
    struct cprom_registry *registry;
    const _Atomic uint64_t *epoch; /* the registry's */
    struct cprom__desc *desc;
    const struct cprom__kind_ops *ops;
    unsigned n_cells;     /* a series has; 0: its value stands in it */
    unsigned n_striped;   /* the same of a striped one: a counter has one more then, for steps of 1 */
    unsigned n_exemplars; /* slots a series has */
    bool accumulates;     /* a series knows when it began */
    bool is_plain;
    struct cprom_series *plain; /* the one series of a plain instrument */
    bool has_owner;
    size_t extra_size; /* of a series; 0: it has no cprom__extra */
    size_t owner_label;
    size_t max_series, max_per_owner; /* 0: no limit */
    bool folds;
    cprom_bad_utf8 bad_utf8;
    int64_t ttl, linger; /* ns; 0: none */

    pthread_mutex_t map_lock; /* guards the map; series die under it */
    struct cprom__map map;
    struct cprom__map owners; /* likewise: owner.h */
    uint32_t owner_walk;      /* likewise: the chunk that a walk over an owner's series comes to next; 0: none */
    uint64_t expiry_at;       /* likewise: where the search for expired series goes on */
    _Atomic(struct cprom__event_set *) event_sets; /* grows only, under updates_lock: stale.h */
    /* Guarded by the gate: of all its events, for updates started and for updates created earlier. 0: none. */
    uint64_t newest_scope, newest_removal;
    /* What a change does to it, until it is done: turnover.h. Looked into under the map's lock only. */
    _Atomic(struct cprom__turnover *) turnover;
    /* Of a gather that has yet to copy values, NULL: none. Set in the gate, read by who makes or finishes a change. */
    struct cprom__keep *keep;
    struct cprom__order order; /* guarded by the registry's order lock, but for the intake */

    _Atomic bool gone;           /* unregistered, before its series die; release, pairs with the gather's acquires */
    _Atomic size_t content_refs; /* family lists that it is in */
    _Atomic size_t refs;         /* its content, and each series */
    _Atomic size_t live;         /* series that are alive; changed under the map's lock */
    _Atomic size_t lingering;    /* likewise */
    _Atomic(struct cprom_series *) other;      /* likewise: what others are folded into, while it lives */
    _Atomic unsigned upkeep_calls;             /* calls of cprom__vec_upkeep() */
    _Atomic size_t dead;                       /* series that are dead and still in the order */
    _Atomic size_t steps_owed;                 /* of cprom__order_step(), for which the order lock was not free */
    _Atomic size_t striped_cells;              /* of all its series */
    _Atomic uint64_t removed[CPROM__REMOVALS]; /* likewise changed under the map's lock */
    _Atomic size_t longest_escaped;            /* of the texts with escapes that its series ever had; relaxed */
    _Atomic unsigned logged;                   /* bit per cprom__drop: has been logged; one more for exemplars */
};

/* acquire: pairs with the moment, before which its turnovers were published: turnover.h. */
static inline uint64_t cprom__epoch_now(const struct cprom_vec *vec)
{
    return atomic_load_explicit(vec->epoch, memory_order_acquire);
}

/* Adds to a number that is changed under a lock only, and read at any time. */
static inline void cprom__count_locked(_Atomic size_t *number, size_t n)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Whether a series has left its map, so that it may leave the order. acquire: pairs with the release of the kill. */
static inline bool cprom__series_unlinked(const struct cprom_series *series)
{
    return atomic_load_explicit(&series->life, memory_order_acquire) & CPROM__LIFE_UNLINKED;
}

static inline bool cprom__series_is_dead(const struct cprom_series *series)
{
    return atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_DEAD;
}

/* A hidden series that nobody else knows yet, with one reference. NULL: out of memory. */
struct cprom_series *cprom__series_make(struct cprom_vec *vec, const struct cprom__values *values, uint32_t *index);

/* Takes a reference. The order is that of the step. */
static inline void cprom__series_hold(struct cprom_series *series, memory_order order)
{
    if (CPROM__UNLIKELY((atomic_fetch_add_explicit(&series->refs, CPROM__REF, order) + CPROM__REF) & CPROM__REF_MANY)) {
        atomic_store_explicit(&series->refs, CPROM__REF_SATURATED, memory_order_relaxed);
    }
}

/* Of one with cells, those that the calling thread adds to; `*owned`: nobody else does. */
cprom__cell *cprom__series_cells(struct cprom_series *series, bool *owned);

/* How many rows it has, and its cells in one of them, to be read. NULL: nobody has written there. */
static inline unsigned cprom__series_rows(const struct cprom_series *series)
{
    return series->striped ? cprom__cell_rows() : 1;
}

static inline const cprom__cell *cprom__series_row(const struct cprom_series *series, unsigned row)
{
    return cprom__cells_in_row(series->cells, series->place, row);
}

/* Milliseconds since 1970. */
int64_t *cprom__series_created(const struct cprom_series *series);
cprom__exemplar_slot *cprom__series_exemplars(const struct cprom_series *series);
struct cprom__extra *cprom__series_extra(const struct cprom_series *series);

/*
 * Puts an exemplar of an update of this series into a slot, instead of what is there. Returns why it cannot be kept, for
 * cprom__exemplar_drop(); NULL: it is.
 */
const char *cprom__series_keep_exemplar(struct cprom_series *series, size_t slot, double value, cprom_labels labels,
                                        int64_t timestamp_ms);

/* The same with one that is made already, and may be in other slots, too. */
void cprom__series_share_exemplar(struct cprom_series *series, size_t slot, struct cprom__exemplar *exemplar);

/* Nobody can reach it any more. */
void cprom__series_destroy(struct cprom_series *series, uint32_t index);
/* The same for a list through `next`. */
void cprom__series_destroy_list(struct cprom__slab *slab, uint32_t first);
/* Destroys it, or leaves that to the last handle. */
void cprom__series_abandon(struct cprom_series *series, uint32_t index);

/* Counts a dropped update, and logs the first of its kind. */
void cprom__vec_drop(struct cprom_vec *vec, enum cprom__drop reason);

/* Gives back `n` of the references that keep the vector in memory. */
void cprom__vec_unref(struct cprom_vec *vec, size_t n);

#endif
