/*
 * Cells: the 64-bit words that hold counts and sums.
 *
 * A striped cell exists once in each stripe; its value is the sum over the stripes. Stripes but one are owned: only the
 * thread that has taken the stripe (thread.h) writes there, with plain loads and stores, and neighbours share a cache
 * line with the same thread's cells only. The shared stripe belongs to all other threads, which add atomically. When a
 * thread ends, its stripe passes on with the values where they are. Model: tests/models/stripe.pml.
 *
 * A chunk of cells has a row for each stripe. The row of the shared one, and behind it those of the first 8 others, stand
 * CPROM__STRIDE bytes apart. The rows of further stripes are far: the first update from one of them allocates them, so
 * that they take no memory where there are few threads.
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

_Static_assert(CPROM_STRIPES >= 1 && CPROM_STRIPES <= 65, "far rows are for the stripes 8 to 63");
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

/*
 * How far behind the shared row the calling thread's own begins, in cells. 0: it is not known to own a near stripe; see
 * cprom__cells_mine(). Asked first of all: it may be a call (hints.h), beside which nothing else is to be kept.
 */
static inline unsigned cprom__near_row(void) { return cprom__thread_near; }

static inline cprom__cell *cprom__cell_in(cprom__cell *cells, unsigned row)
{
    return cells + (size_t)row * CPROM__STRIDE_CELLS;
}

/* The rows that may hold something: the shared one, and those of the stripes that were ever taken. */
static inline unsigned cprom__cell_rows(void)
{
    return 1 + atomic_load_explicit(&cprom__stripes_used, memory_order_relaxed);
}

const cprom__cell *cprom__cells_far(const cprom__cell *cells, unsigned place, unsigned row);

/* The cells in that row, to be read. NULL: nobody has written there. */
static inline const cprom__cell *cprom__cells_in_row(cprom__cell *cells, unsigned place, unsigned row)
{
    return row <= CPROM__NEAR_STRIPES ? cprom__cell_in(cells, row) : cprom__cells_far(cells, place, row);
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
/* The cells that the calling thread writes; `*owned`: nobody else does. Otherwise they are shared. Takes no lock. */
cprom__cell *cprom__cells_mine(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned place, bool *owned);

#endif
