/*
 * Retiring: what was unlinked waits until nobody can reach it any more; then reclaim.h reuses its memory.
 *
 * Blocks (parts of a label map) wait until every read section that may have seen them is over. A series waits
 * longer: it comes here after it has left its vector's map and its place in the page's order; then its read sections
 * must be over, its references be given back, and every open page that shows it be closed. Snapshots are numbered; a
 * page with snapshot p may show a series only if birth < p <= death. Of those, it keeps the ones that it shows: they wait
 * at the page's pin, and are not looked at again until it is closed.
 *
 * Models: tests/models/epoch.pml (the bags), refs.pml (references), snapshot.pml (pins).
 */
#ifndef CPROM_LIB_STORE_RETIRE_H
#define CPROM_LIB_STORE_RETIRE_H

#include <pthread.h>
#include <stdbool.h>

#include "base/alloc.h"
#include "store/slab.h"

struct cprom_series;

/*
 * The head of a thing that can be retired. `bytes` is the whole size; the rest belongs to the reclaimer once retired.
 */
struct cprom__block {
    struct cprom__block *next;
    size_t bytes;
};

/* An open page's snapshot. */
struct cprom__pin {
    struct cprom__pin *next, *prev;
    uint64_t snapshot;
    /* Whether the page shows a series that it may show. NULL: nobody knows yet, and all of them stay. */
    bool (*shows)(const struct cprom__pin *pin, const struct cprom_series *series);
    int64_t since;        /* monotonic ns; where that is known */
    uint32_t first, last; /* dead series that it keeps */
    size_t n;             /* of them */
};

struct cprom__bag {
    uint64_t epoch; /* in which all of it was unlinked */
    struct cprom__block *blocks;
    uint32_t first, last; /* series, linked by slab index */
};

struct cprom__reclaimer {
    struct cprom__allocator *allocator;
    struct cprom__slab *slab;
    _Atomic uint64_t snapshot; /* the newest; written under the lock */
    _Atomic uint64_t waiting;  /* series here, but for the pins'; written under the lock */
    _Atomic size_t blocks;     /* retired and not yet freed; relaxed */
    _Atomic uint32_t calls;    /* of cprom__reclaim_some() */
    pthread_mutex_t lock;      /* guards the rest; held for a bounded time */
    struct cprom__bag bags[3];
    uint32_t ready_first, ready_last; /* series whose read sections are over, oldest first */
    struct cprom__pin pins;           /* ring of open pages, oldest first */
    uint64_t pinned;                  /* series that they keep */
};

void cprom__reclaimer_init(struct cprom__reclaimer *reclaimer, struct cprom__allocator *allocator,
                           struct cprom__slab *slab);
/* All series must be gone; frees what blocks are left. */
void cprom__reclaimer_destroy(struct cprom__reclaimer *reclaimer);

void cprom__retire_block(struct cprom__reclaimer *reclaimer, struct cprom__block *block);

/* Series on their way here, so that many can be retired at once. */
struct cprom__chain {
    uint32_t first, last;
    size_t n;
};

/* `death` is the last snapshot that may show the series. Takes no lock. */
void cprom__chain_add(struct cprom__reclaimer *reclaimer, struct cprom__chain *chain, uint32_t index, uint64_t death);
void cprom__retire_chain(struct cprom__reclaimer *reclaimer, const struct cprom__chain *chain);

/* Numbers a new snapshot and pins what it may show, until it is unpinned. */
void cprom__pin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin);
/* From now on it pins what it shows. `shows` is asked under the lock; `since` is when the page was taken. */
void cprom__pin_settle(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin,
                       bool (*shows)(const struct cprom__pin *pin, const struct cprom_series *series), int64_t since);
void cprom__unpin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin);

/* What the reclaimer has, at one moment. */
struct cprom__unreclaimed {
    uint64_t series; /* all that is here */
    uint64_t pinned; /* of them, what was found to be kept by open pages */
    uint64_t pages;
    int64_t since; /* when the oldest page was taken; INT64_MAX: it is being taken, or there is none */
};
struct cprom__unreclaimed cprom__unreclaimed(struct cprom__reclaimer *reclaimer);

static inline uint64_t cprom__snapshot_now(struct cprom__reclaimer *reclaimer)
{
    return atomic_load_explicit(&reclaimer->snapshot, memory_order_acquire);
}

/* ---- for reclaim.c; under the lock, but for the freeing ---- */

/* What is in the bag has waited long enough: series become ready; returns the blocks. */
struct cprom__block *cprom__bag_empty(struct cprom__reclaimer *reclaimer, struct cprom__bag *bag);
void cprom__blocks_free(struct cprom__reclaimer *reclaimer, struct cprom__block *blocks);
/* Leaves a series to a pin. */
void cprom__pin_keep(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin, uint32_t index);
/* At the end of the ready ones; from their front, where there is one. */
void cprom__ready_add(struct cprom__reclaimer *reclaimer, uint32_t index);
uint32_t cprom__ready_pop(struct cprom__reclaimer *reclaimer);

#endif
