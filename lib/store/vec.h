/*
 * A vector: a family whose series live in the program. Every instrument is one; a plain one has a single series that
 * no map knows.
 */
#ifndef CPROM_LIB_STORE_VEC_H
#define CPROM_LIB_STORE_VEC_H

#include "store/map.h"
#include "store/order.h"
#include "registry/registry.h"
#include "store/series.h"

enum cprom__removal {
    CPROM__REMOVED_DELETE,
    CPROM__REMOVED_MATCH,
    CPROM__REMOVED_CLEAR,
    CPROM__REMOVED_REPLACE,
    CPROM__REMOVED_SWEEP,
    CPROM__REMOVED_TTL,
    CPROM__REMOVALS
};

extern const char *const cprom__removal_names[CPROM__REMOVALS];

struct cprom_vec {
    /* immutable once made */
    struct cprom_registry *registry;
    const _Atomic uint64_t *epoch; /* the registry's */
    struct cprom__desc *desc;
    unsigned n_cells;              /* a series has; 0: its value stands in it */
    unsigned n_striped;            /* the same of a striped one: a counter has one more then, for steps of 1 */
    unsigned n_exemplars;          /* slots a series has */
    bool accumulates;              /* a series knows when it began */
    bool is_plain;
    struct cprom_series *plain;    /* the one series of a plain instrument */
    bool has_owner, has_extra;
    size_t owner_label;
    size_t max_series;             /* 0: no limit */
    bool folds;
    int64_t ttl, linger;           /* ns; 0: none */

    pthread_mutex_t map_lock;      /* guards the map; series die under it */
    struct cprom__map map;
    struct cprom__map owners;      /* likewise: owner.h */
    uint64_t expiry_at;            /* likewise: where the search for expired series goes on */
    struct cprom__event *events;   /* guarded by the gate: stale.h */
    struct cprom__order order;     /* guarded by the registry's order lock, but for the intake */

    _Atomic bool gone;             /* unregistered, before its series die; release, pairs with the gather's acquires */
    _Atomic size_t listed;         /* family lists that it is in */
    _Atomic size_t refs;           /* being listed, and each series */
    _Atomic size_t live;           /* series that are alive; changed under the map's lock */
    _Atomic size_t lingering;      /* likewise */
    _Atomic(struct cprom_series *) other; /* likewise: what others are folded into, while it lives */
    _Atomic unsigned work;         /* calls of cprom__vec_work() */
    _Atomic size_t dead;           /* series that are dead and still in the order */
    _Atomic size_t striped_cells;  /* of all its series */
    _Atomic uint64_t removed[CPROM__REMOVALS]; /* likewise changed under the map's lock */
    _Atomic unsigned logged;       /* bit per cprom__drop: has been logged; one more for exemplars */
};

/* Adds to a number that is changed under a lock only, and read at any time. */
static inline void cprom__count_locked(_Atomic size_t *number, size_t n)
{
    atomic_store_explicit(number, atomic_load_explicit(number, memory_order_relaxed) + n, memory_order_relaxed);
}

/* Makes and registers one. */
cprom_status cprom__vec_new(struct cprom_registry *registry, const cprom_opts *opts, cprom_type type, bool plain,
                            struct cprom_vec **vec);
/* A plain one whose series has labels. */
cprom_status cprom__vec_new_labelled(struct cprom_registry *registry, const cprom_opts *opts, cprom_type type,
                                     cprom_labels labels);

/* In one family list more, or less; what goes with the last is the vector's whole content. */
void cprom__vec_list(struct cprom_vec *vec);
bool cprom__vec_try_list(struct cprom_vec *vec); /* for who has a handle only; false: its content is gone */
void cprom__vec_unlist(struct cprom_vec *vec);
void cprom__vec_unref(struct cprom_vec *vec, size_t n);

/* After it left the registry: every series dies. The caller lists it. */
void cprom__vec_detach(struct cprom_vec *vec);

/* Counts a dropped update, and logs the first of its kind. */
void cprom__vec_drop(struct cprom_vec *vec, enum cprom__drop reason);

/* A bounded share of cleaning up, after something was created or removed. Under no lock. */
void cprom__vec_work(struct cprom_vec *vec);
/* All of it. */
void cprom__vec_trim(struct cprom_vec *vec);

/*
 * What a match asks for, resolved against one vector: which label, and its value as it stands in texts.
 */
struct cprom__match {
    size_t n;
    size_t label[CPROM_LABELS_MAX];
    struct cprom__piece value[CPROM_LABELS_MAX]; /* escaped */
    struct cprom__arena memory;
};

/* ELABELS: a label that the vector does not have, or one twice; ENOMEM. Freed with cprom__match_free() if OK. */
cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match);
void cprom__match_free(struct cprom__match *match);

/* Which of the matching series go, and how. */
struct cprom__removing {
    const struct cprom__match *match;     /* empty: all */
    enum cprom__removal reason;
    const struct cprom__staged *staged;   /* these stay; NULL: none */
    uint64_t touched_since;               /* those touched in this epoch or later stay; 0: none */
    bool linger;                          /* where the vector says so */
    /*
     * The caller walks over an owner's list: see cprom__series_unlink(). It is set where the series was unlinked, which
     * then cannot be asked any more: it may be reclaimed at any time. NULL: one by one.
     */
    bool *unlinked;
};

/* Removes series in the map; the caller is in the gate. */
size_t cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing);
/* Removes a series of which the caller has a reference, staged or not, if it matches; the caller is in the gate. */
bool cprom__vec_remove_one(struct cprom_vec *vec, struct cprom_series *series, const struct cprom__removing *removing);
/* Removes one, under the map's lock; false: it was dead, or touched since. */
bool cprom__vec_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref,
                     const struct cprom__removing *removing, int64_t now);
/* Counts what was removed; under the map's lock, or for a plain instrument. */
void cprom__vec_removed(struct cprom_vec *vec, enum cprom__removal reason, size_t n);

/* Whether a page shows the series at that time; `*over`: it is expired, or has lingered long enough. */
bool cprom__series_shown(const struct cprom_series *series, int64_t now, bool *over);
/* Removes a series that is over, if it still is. Under no lock. */
void cprom__vec_expire(struct cprom_vec *vec, const struct cprom_series *series, int64_t now);
/* Looks for such series in a bounded part of the vector, for when nobody scrapes; false: that was the last part. */
bool cprom__vec_expire_some(struct cprom_vec *vec);

/*
 * Whether the series is alive, and touches it: one comparison where it was touched in this epoch. False is counted as
 * a detached update; for updates through handles.
 */
CPROM__NOINLINE bool cprom__series_revive(struct cprom_series *series);

static inline bool cprom__series_live(struct cprom_series *series)
{
    /* relaxed: a removal at the same time may come before or after. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_relaxed);
    uint64_t epoch = atomic_load_explicit(series->vec->epoch, memory_order_relaxed);
    return CPROM__LIKELY(life == epoch) || cprom__series_revive(series);
}

#endif
