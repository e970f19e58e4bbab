/* Striped cells: where they come from. */
#include "store/cell.h"

#define CELL_LINE 64u

struct cprom__cell_chunk {
    struct cprom__cell_chunk *next;
    uint64_t used;      /* one bit a cell */
    cprom__cell *cells; /* stripe 0, on a cache line */
    char memory[CPROM__STRIDE * CPROM_STRIPES + CELL_LINE];
};

void cprom__cell_pool_init(struct cprom__cell_pool *pool, struct cprom__allocator *allocator)
{
    pool->allocator = allocator;
    pthread_mutex_init(&pool->lock, NULL);
    pool->chunks = NULL;
}

void cprom__cell_pool_destroy(struct cprom__cell_pool *pool) { pthread_mutex_destroy(&pool->lock); }

static uint64_t cell_run_of(unsigned n) { return n == 64 ? UINT64_MAX : ((uint64_t)1 << n) - 1; }

static cprom__cell *cell_take(struct cprom__cell_chunk *chunk, unsigned n)
{
    for (unsigned at = 0; at + n <= CPROM__STRIDE_CELLS; at++) {
        if (chunk->used & (cell_run_of(n) << at)) continue;
        chunk->used |= cell_run_of(n) << at;
        return chunk->cells + at;
    }
    return NULL;
}

cprom__cell *cprom__cells_new(struct cprom__cell_pool *pool, unsigned n)
{
    cprom__cell *cells = NULL;
    pthread_mutex_lock(&pool->lock);
    for (struct cprom__cell_chunk *chunk = pool->chunks; chunk && !cells; chunk = chunk->next) {
        cells = cell_take(chunk, n);
    }
    if (!cells) {
        struct cprom__cell_chunk *chunk = cprom__alloc(pool->allocator, sizeof *chunk);
        if (chunk) {
            chunk->used = 0;
            chunk->cells =
                (cprom__cell *)(void *)(((uintptr_t)chunk->memory + CELL_LINE - 1) & ~(uintptr_t)(CELL_LINE - 1));
            chunk->next = pool->chunks;
            pool->chunks = chunk;
            cells = cell_take(chunk, n);
        }
    }
    pthread_mutex_unlock(&pool->lock);
    for (unsigned stripe = 0; cells && stripe < CPROM_STRIPES; stripe++) {
        for (unsigned i = 0; i < n; i++) {
            atomic_store_explicit(cprom__cell_in(cells, stripe) + i, 0, memory_order_relaxed);
        }
    }
    return cells;
}

void cprom__cells_free(struct cprom__cell_pool *pool, cprom__cell *cells, unsigned n)
{
    pthread_mutex_lock(&pool->lock);
    struct cprom__cell_chunk **link = &pool->chunks;
    while (cells < (*link)->cells || cells >= (*link)->cells + CPROM__STRIDE_CELLS) link = &(*link)->next;
    struct cprom__cell_chunk *chunk = *link;
    chunk->used &= ~(cell_run_of(n) << (cells - chunk->cells));
    if (!chunk->used) {
        *link = chunk->next;
        cprom__release(pool->allocator, chunk, sizeof *chunk);
    }
    pthread_mutex_unlock(&pool->lock);
}
