/*
 * Cells: the 64-bit words that hold counts and sums.
 *
 * A striped cell exists once in each stripe, CPROM__STRIDE bytes apart; its value is the sum over the stripes. Stripes
 * but the last are owned: only the thread that has taken the stripe (thread.h) writes there, with plain loads and
 * stores, and neighbours share a cache line with the same thread's cells only. The last stripe belongs to all
 * other threads, which add atomically. When a thread ends, its stripe passes on with the values where they are.
 * Model: tests/models/stripe.pml.
 *
 * Every access is atomic, so that readers may look at any time; relaxed, because a cell promises nothing about
 * other memory.
 */
#ifndef CPROM_LIB_STORE_CELL_H
#define CPROM_LIB_STORE_CELL_H

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"

/* The second: clang for i386 means by LLONG those that are not aligned to 8; ours are. */
#if ATOMIC_LLONG_LOCK_FREE != 2 && !defined(__GCC_HAVE_SYNC_COMPARE_AND_SWAP_8)
#error "cprom needs 64-bit atomic operations without locks, which this processor does not have: see docs/portability.md"
#endif

#define CPROM__STRIDE_CELLS 64u
#define CPROM__STRIDE ((size_t)CPROM__STRIDE_CELLS * 8)

typedef _Atomic uint64_t cprom__cell;

static inline uint64_t cprom__bits(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline double cprom__double(uint64_t bits)
{
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The double that a cell holds. */
static inline double cprom__cell_double(const cprom__cell *cell)
{
    return cprom__double(atomic_load_explicit(cell, memory_order_relaxed));
}

/* Adds to a double that other threads write too. */
static inline void cprom__cell_add_shared(cprom__cell *cell, double amount)
{
    uint64_t old = atomic_load_explicit(cell, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(cell, &old, cprom__bits(cprom__double(old) + amount),
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Adds to a double that only this thread writes. */
static inline void cprom__cell_add_owned(cprom__cell *cell, double amount)
{
    atomic_store_explicit(cell, cprom__bits(cprom__cell_double(cell) + amount), memory_order_relaxed);
}

static inline void cprom__cell_count_shared(cprom__cell *cell)
{
    atomic_fetch_add_explicit(cell, 1, memory_order_relaxed);
}

static inline void cprom__cell_count_owned(cprom__cell *cell)
{
    atomic_store_explicit(cell, atomic_load_explicit(cell, memory_order_relaxed) + 1, memory_order_relaxed);
}

/* Whether the calling thread owns a stripe, and its number; otherwise that of the shared one. */
static inline bool cprom__stripe(unsigned *stripe)
{
    unsigned own = cprom__thread_stripe();
    bool owned = own < cprom__owned_stripes();
    *stripe = owned ? own : cprom__owned_stripes();
    return owned;
}

/*
 * The same where the thread is known to own one: a single comparison, since a thread without a stripe has a number
 * beyond all of them, and one that has not asked yet wraps around. Otherwise ask cprom__stripe().
 */
static inline bool cprom__stripe_known(unsigned *stripe)
{
    *stripe = cprom__thread_stripe_known - 1;
    return CPROM__LIKELY(*stripe < cprom__owned_stripes());
}

static inline cprom__cell *cprom__cell_in(cprom__cell *cells, unsigned stripe)
{
    return cells + (size_t)stripe * CPROM__STRIDE_CELLS;
}

/* Where striped cells come from. */
struct cprom__cell_pool {
    struct cprom__allocator *allocator;
    pthread_mutex_t lock; /* guards the lists and the chunks' bitmaps; allocates under it */
    /* By their room, less 1: one that will do is found without looking at those that will not. */
    struct cprom__cell_chunk *chunks[CPROM__STRIDE_CELLS];
};

void cprom__cell_pool_init(struct cprom__cell_pool *pool, struct cprom__allocator *allocator);
void cprom__cell_pool_destroy(struct cprom__cell_pool *pool);
/*
 * `n` neighbouring cells, 1 to CPROM__STRIDE_CELLS, zero in every stripe. In `*place`, less than that, is where they are
 * in their chunk, for who frees them. NULL: out of memory.
 */
cprom__cell *cprom__cells_new(struct cprom__cell_pool *pool, unsigned n, unsigned *place);
void cprom__cells_free(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned n, unsigned place);

#endif
