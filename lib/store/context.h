/*
 * What everything in a registry hangs on: memory, clocks, log, locks and statistics. What a registry does is in the
 * wing of that name; here is what series and vectors know of it. Lock order, outermost first (docs/concurrency.md):
 *
 *   order_lock > removal_gate > gate > a vector's map_lock > reclaimer.lock, slab.lock, cells.lock
 *   order_lock > removal_gate > gate > the tree's families_lock > updates_lock
 *   collect_lock: never together with any other; but for families_lock, no locks of two registries together
 */
#ifndef CPROM_LIB_STORE_CONTEXT_H
#define CPROM_LIB_STORE_CONTEXT_H

#include <cprom/cprom.h>

#include "base/alloc.h"
#include "base/gate.h"
#include "base/hash.h"
#include "base/index.h"
#include "base/strbuf.h"
#include "store/cell.h"
#include "store/desc.h"
#include "store/retire.h"
#include "store/slab.h"

enum cprom__drop {
    CPROM__DROP_NOMEM,
    CPROM__DROP_LIMIT,
    CPROM__DROP_INVALID,
    CPROM__DROP_DETACHED,
    CPROM__DROP_STALE,
    CPROM__DROPS
};

/* A ring. */
struct cprom__live_updates {
    struct cprom__live_updates *next, *prev;
    uint64_t created; /* orders it against removals */
    uint64_t started; /* against other updates; not below `created` */
};

extern const char *const cprom__drop_names[CPROM__DROPS];

/* What is registered: registry/families.h. */
struct cprom__family_set {
    struct cprom__registered *sorted, *fresh; /* its families: by name, and those that came since they were sorted */
    struct cprom__collector *first_collector, *last_collector; /* in the order of registration */
    struct cprom__index collectors;                            /* by name */
    size_t n, n_collectors;
    struct cprom__index by_base, by_place; /* of the topmost registry: all families of the tree; of others: empty */
};

struct cprom_registry {
    /* immutable once made */
    uint64_t number; /* of all registries of the process, freed ones too: from 1 */
    struct cprom__family_rules rules;
    struct cprom__hash_key key;
    struct cprom__arena memory; /* of the rules */
    void (*log)(void *ctx, const char *line);
    void *log_ctx;
    int64_t (*monotonic_clock)(const struct cprom_registry *registry); /* the system's, or asks the program's */
    int64_t (*wall_clock)(const struct cprom_registry *registry);
    int64_t (*given_monotonic)(void *ctx), (*given_wall)(void *ctx); /* the program's; NULL: none */
    void *clock_ctx;
    bool no_membarrier;

    struct cprom__allocator allocator;
    struct cprom__slab slab;
    struct cprom__cell_pool cells;
    struct cprom__reclaimer reclaimer;
    struct cprom__gate removal_gate; /* while no removal is between its moment and its end: turnover.h */
    struct cprom__gate gate;

    _Atomic uint64_t
        epoch; /* as in a series' life: shifted. Read by every update; raised by who is in the gate, or for him: turnover.h */

    struct cprom__gate order_lock; /* guards the order of every vector; waited for by gathers, tried by others */

    pthread_mutex_t updates_lock;       /* guards the next four; held for a few instructions, or 256 events */
    struct cprom__live_updates updates; /* not yet committed or abandoned, oldest first */
    uint64_t update_count;              /* numbers updates and events, in one order */
    struct cprom__event *oldest_event, *newest_event; /* of all vectors; NULL: none. stale.h */

    struct cprom_registry *root; /* whose families_lock is the lock of the tree: tree.h. Immutable; a reference,
                                           unless it is the registry itself */
    pthread_mutex_t
        families_lock; /* guards `set`, `families`, `registrations` and the links below in the whole tree; held for a bounded time */
    struct cprom__family_set set;
    struct cprom__families *families; /* a list of the set; NULL: nobody needed one since the last change */
    _Atomic uint64_t registrations;   /* how often something was added to the families */
    struct cprom_registry *parent, *first_child, *last_child, *next, *previous; /* borrowed; NULL: none */
    _Atomic bool gone; /* freed; set before anything of it dies, with release for the HTTP handler's acquire */

    pthread_mutex_t collect_lock; /* guards the running and gone flags of the collectors */
    pthread_cond_t collect_cond;  /* one of them ceased to run or is gone */

    _Atomic size_t holders; /* who may still gather or read: registry/hold.h */
    _Atomic size_t refs;    /* who needs the memory: the holders as one, vectors */

    /* statistics; relaxed, but for `removed`: see cprom_registry_stats() */
    _Atomic uint64_t dropped[CPROM__DROPS];
    _Atomic uint64_t created, removed, gathers, collector_failures, folded, exemplars_dropped, utf8_repaired,
        utf8_merged;
};

void cprom__registry_ref(struct cprom_registry *registry);
void cprom__registry_unref(struct cprom_registry *registry);
/* For CPROM__AT_END: a reference that ends with the scope. */
void cprom__registry_drop(struct cprom_registry **registry);

/* Never under a lock. */
void cprom__log(struct cprom_registry *registry, const struct cprom__line *line);
/* Logs why a family was refused. */
void cprom__log_refusal(struct cprom_registry *registry, const char *metric, const struct cprom__refusal *refusal);

static inline int64_t cprom__monotonic_now(struct cprom_registry *registry)
{
    return registry->monotonic_clock(registry);
}

static inline int64_t cprom__wall_now(struct cprom_registry *registry) { return registry->wall_clock(registry); }

#endif
