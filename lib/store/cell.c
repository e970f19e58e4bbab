/* Striped cells: where they come from. */
#include "store/cell.h"

#include <stddef.h>

#define CELL_LINE 64u

struct cprom__cell_chunk {
    struct cprom__cell_chunk *next, *prev; /* among those with as much room */
    void *memory;                          /* what was allocated; this begins on a cache line of it */
    uint64_t used;                         /* one bit a cell */
    unsigned room;                         /* the most neighbouring cells that are free; with none it is in no list */
    _Alignas(CELL_LINE) cprom__cell cells[CPROM__STRIDE_CELLS * CPROM_STRIPES];
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

static struct cprom__cell_chunk *cell_new_chunk(struct cprom__cell_pool *pool)
{
    void *memory = cprom__alloc(pool->allocator, CELL_CHUNK_BYTES);
    if (!memory) return NULL;
    struct cprom__cell_chunk *chunk =
        (struct cprom__cell_chunk *)(((uintptr_t)memory + CELL_LINE - 1) & ~(uintptr_t)(CELL_LINE - 1));
    chunk->memory = memory;
    chunk->used = 0;
    chunk->room = 0;
    return chunk;
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
    for (unsigned stripe = 0; stripe < CPROM_STRIPES; stripe++) {
        for (unsigned i = 0; i < n; i++) {
            atomic_store_explicit(cprom__cell_in(cells, stripe) + i, 0, memory_order_relaxed);
        }
    }
    return cells;
}

void cprom__cells_free(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned n, unsigned place)
{
    char *first = (char *)(cells - place);
    struct cprom__cell_chunk *chunk =
        (struct cprom__cell_chunk *)(void *)(first - offsetof(struct cprom__cell_chunk, cells));
    pthread_mutex_lock(&pool->lock);
    cell_unlink(pool, chunk);
    chunk->used &= ~(cell_run_of(n) << place);
    if (chunk->used) cell_link(pool, chunk);
    else cprom__release(pool->allocator, chunk->memory, CELL_CHUNK_BYTES);
    pthread_mutex_unlock(&pool->lock);
}
