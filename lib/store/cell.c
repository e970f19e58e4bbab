/* Striped cells: where they come from. */
#include "store/cell.h"

#include <stddef.h>

#define CELL_LINE 64u

#define CELL_FAR_GROUPS 3u /* of 8, 16 and 32 stripes */

struct cprom__cell_far {
    void *memory; /* as in a chunk */
    _Alignas(CELL_LINE) cprom__cell cells[];
};

struct cprom__cell_chunk {
    struct cprom__cell_chunk *next, *prev; /* among those with as much room */
    void *memory;                          /* what was allocated; this begins on a cache line of it */
    uint64_t used;                         /* one bit a cell */
    unsigned room;                         /* the most neighbouring cells that are free; with none it is in no list */
    _Atomic(struct cprom__cell_far *) far[CELL_FAR_GROUPS]; /* set once, release; NULL: nobody has written there */
    _Alignas(CELL_LINE) cprom__cell cells[CPROM__STRIDE_CELLS * (CPROM__NEAR_STRIPES + 1)];
};

#define CELL_CHUNK_BYTES (sizeof(struct cprom__cell_chunk) + CELL_LINE - 1)

void cprom__cell_pool_init(struct cprom__cell_pool *pool, struct cprom__allocator *allocator)
{
    pool->allocator = allocator;
    pthread_mutex_init(&pool->lock, NULL);
    for (unsigned i = 0; i < CPROM__STRIDE_CELLS; i++) pool->chunks[i] = NULL;
}

void cprom__cell_pool_destroy(struct cprom__cell_pool *pool) { pthread_mutex_destroy(&pool->lock); }

static uint64_t cell_run_of(unsigned n) { return n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1; }

static void cell_link(struct cprom__cell_pool *pool, struct cprom__cell_chunk *chunk)
{
    unsigned room = 0;
    for (uint64_t run = ~chunk->used; run; run &= run >> 1) room++;
    chunk->room = room;
    if (!room) return;
    chunk->prev = NULL;
    chunk->next = pool->chunks[room - 1];
    if (chunk->next) chunk->next->prev = chunk;
    pool->chunks[room - 1] = chunk;
}

static void cell_unlink(struct cprom__cell_pool *pool, struct cprom__cell_chunk *chunk)
{
    unsigned room = chunk->room;
    if (!room) return;
    if (chunk->next) chunk->next->prev = chunk->prev;
    if (chunk->prev) chunk->prev->next = chunk->next;
    else pool->chunks[room - 1] = chunk->next;
}

/* A chunk with as little room as will do for `n`, which is in no list any more. NULL: none has any. */
static struct cprom__cell_chunk *cell_old_chunk(struct cprom__cell_pool *pool, unsigned n)
{
    for (unsigned room = n; room <= CPROM__STRIDE_CELLS; room++) {
        struct cprom__cell_chunk *chunk = pool->chunks[room - 1];
        if (!chunk) continue;
        cell_unlink(pool, chunk);
        return chunk;
    }
    return NULL;
}

static void *cell_align(void *memory)
{
    return (void *)(((uintptr_t)memory + CELL_LINE - 1) & ~(uintptr_t)(CELL_LINE - 1));
}

static struct cprom__cell_chunk *cell_new_chunk(struct cprom__cell_pool *pool)
{
    void *memory = cprom__alloc(pool->allocator, CELL_CHUNK_BYTES);
    if (!memory) return NULL;
    struct cprom__cell_chunk *chunk = cell_align(memory);
    for (unsigned group = 0; group < CELL_FAR_GROUPS; group++) atomic_init(&chunk->far[group], NULL);
    chunk->memory = memory;
    chunk->used = 0;
    chunk->room = 0;
    return chunk;
}

/* ---- far rows ---- */

/* Stripes 8 to 15, 16 to 31, 32 to 63. */
static unsigned cell_group_of(unsigned stripe) { return stripe < 16 ? 0 : stripe < 32 ? 1 : 2; }

/* Also the group's first stripe. */
static unsigned cell_group_rows(unsigned group) { return 8u << group; }

static size_t cell_far_bytes(unsigned group)
{
    return sizeof(struct cprom__cell_far) + cell_group_rows(group) * CPROM__STRIDE + CELL_LINE - 1;
}

static struct cprom__cell_chunk *cell_chunk_of(const cprom__cell *cells, unsigned place)
{
    char *first = (char *)(uintptr_t)(cells - place);
    return (struct cprom__cell_chunk *)(void *)(first - offsetof(struct cprom__cell_chunk, cells));
}

static cprom__cell *cell_far_row(struct cprom__cell_far *far, unsigned stripe)
{
    return far->cells + (size_t)(stripe - cell_group_rows(cell_group_of(stripe))) * CPROM__STRIDE_CELLS;
}

const cprom__cell *cprom__cells_far(const cprom__cell *cells, unsigned place, unsigned row)
{
    unsigned stripe = row - 1;
    /* acquire: pairs with the release in cell_add_far(). */
    struct cprom__cell_far *far =
        atomic_load_explicit(&cell_chunk_of(cells, place)->far[cell_group_of(stripe)], memory_order_acquire);
    return far ? cell_far_row(far, stripe) + place : NULL;
}

/* NULL: out of memory. */
static struct cprom__cell_far *cell_add_far(struct cprom__cell_pool *pool, struct cprom__cell_chunk *chunk,
                                            unsigned group)
{
    struct cprom__cell_far *there = NULL;
    void *memory = cprom__alloc_zeroed(pool->allocator, cell_far_bytes(group));
    if (!memory) return NULL;
    struct cprom__cell_far *far = cell_align(memory);
    far->memory = memory;
    /* release: the zeros come first; acquire: so do those of another thread. */
    if (atomic_compare_exchange_strong_explicit(&chunk->far[group], &there, far, memory_order_acq_rel,
                                                memory_order_acquire)) {
        return far;
    }
    cprom__release(pool->allocator, memory, cell_far_bytes(group));
    return there;
}

cprom__cell *cprom__cells_mine(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned place, bool *owned)
{
    unsigned stripe = cprom__thread_stripe(), group = cell_group_of(stripe);
    *owned = true;
    if (stripe + 1 < CPROM_STRIPES) {
        if (stripe < cell_group_rows(0)) return cprom__cell_in(cells, stripe + 1);
        struct cprom__cell_chunk *chunk = cell_chunk_of(cells, place);
        /* acquire: as in cprom__cells_far(). */
        struct cprom__cell_far *far = atomic_load_explicit(&chunk->far[group], memory_order_acquire);
        if (!far) far = cell_add_far(pool, chunk, group);
        if (far) return cell_far_row(far, stripe) + place;
    }
    *owned = false;
    return cprom__cell_in(cells, 0);
}

/* ---- runs ---- */

static void cell_zero(cprom__cell *cells, unsigned n)
{
    for (unsigned i = 0; i < n; i++) atomic_store_explicit(&cells[i], 0, memory_order_relaxed);
}

cprom__cell *cprom__cells_new(struct cprom__cell_pool *pool, unsigned n, unsigned *place)
{
    unsigned at = 0;
    pthread_mutex_lock(&pool->lock);
    struct cprom__cell_chunk *chunk = cell_old_chunk(pool, n);
    if (!chunk) chunk = cell_new_chunk(pool);
    if (chunk) {
        while (chunk->used & (cell_run_of(n) << at)) at++;
        chunk->used |= cell_run_of(n) << at;
        cell_link(pool, chunk);
    }
    pthread_mutex_unlock(&pool->lock);
    if (!chunk) return NULL;
    *place = at;
    cprom__cell *cells = chunk->cells + at;
    for (unsigned row = 0; row <= CPROM__NEAR_STRIPES; row++) cell_zero(cprom__cell_in(cells, row), n);
    for (unsigned group = 0; group < CELL_FAR_GROUPS; group++) {
        /* acquire: as in cprom__cells_far(). What is added from here on is zero. */
        struct cprom__cell_far *far = atomic_load_explicit(&chunk->far[group], memory_order_acquire);
        for (unsigned row = 0; far && row < cell_group_rows(group); row++) {
            cell_zero(cprom__cell_in(far->cells, row) + at, n);
        }
    }
    return cells;
}

static void cell_free_chunk(struct cprom__cell_pool *pool, struct cprom__cell_chunk *chunk)
{
    for (unsigned group = 0; group < CELL_FAR_GROUPS; group++) {
        /* relaxed: who wrote there comes before who frees the last run. */
        struct cprom__cell_far *far = atomic_load_explicit(&chunk->far[group], memory_order_relaxed);
        if (far) cprom__release(pool->allocator, far->memory, cell_far_bytes(group));
    }
    cprom__release(pool->allocator, chunk->memory, CELL_CHUNK_BYTES);
}

void cprom__cells_free(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned n, unsigned place)
{
    struct cprom__cell_chunk *chunk = cell_chunk_of(cells, place);
    pthread_mutex_lock(&pool->lock);
    cell_unlink(pool, chunk);
    chunk->used &= ~(cell_run_of(n) << place);
    if (chunk->used) cell_link(pool, chunk);
    else cell_free_chunk(pool, chunk);
    pthread_mutex_unlock(&pool->lock);
}
