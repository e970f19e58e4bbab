/*
 * Memory for series: slots of any size that are named by 32-bit indexes, so that tables and indexes over
 * millions of series hold 4 bytes for each.
 *
 * A chunk holds slots of one size class (in units of 8 bytes). An index is the chunk's number and the unit in it.
 * Chunks grow with their class up to 64 KiB, so that a registry with few series stays small; an empty chunk is given
 * back. Slots fill at least half of the chunks that have grown, and larger slots have a chunk for each: so the chunks'
 * numbers suffice for 2^31 units, which are 16 GiB.
 */
#ifndef CPROM_LIB_STORE_SLAB_H
#define CPROM_LIB_STORE_SLAB_H

#include <pthread.h>
#include <stdint.h>

#include "base/alloc.h"

#define CPROM__SLAB_UNIT 8u
#define CPROM__SLAB_UNIT_BITS 13u
#define CPROM__SLAB_CLASSES 170u /* 128 of 1 to 128 units, 8 for each doubling up to half a chunk, and what is larger */

struct cprom__slab_class {
    struct cprom__slab_chunk *partial; /* chunks with a free slot */
    uint32_t chunks;
};

struct cprom__slab {
    struct cprom__allocator *allocator;
    /* Chunk addresses by number. Replaced as it grows; old ones stay until the end, because readers look
     * things up in them at any time. release when written, acquire when read: a chunk's contents come first. */
    _Atomic(struct cprom__slab_dir *) dir;
    pthread_mutex_t lock; /* guards the rest; held for a bounded time, allocates under it */
    uint32_t next_number;
    uint32_t free_numbers; /* list through the directory of numbers given back, see slab.c */
    struct cprom__slab_class classes[CPROM__SLAB_CLASSES];
};

struct cprom__slab_dir {
    struct cprom__slab_dir *older;
    uint32_t capacity;
    _Atomic(char *) chunks[];
};

void cprom__slab_init(struct cprom__slab *slab, struct cprom__allocator *allocator);
void cprom__slab_destroy(struct cprom__slab *slab);

/* A slot of at least `size` bytes, aligned to 8, not zeroed; `*index` is never 0 or 1. NULL: out of memory. */
void *cprom__slab_alloc(struct cprom__slab *slab, size_t size, uint32_t *index);
void cprom__slab_free(struct cprom__slab *slab, uint32_t index);
void cprom__slab_free_many(struct cprom__slab *slab, const uint32_t *indexes,
                           size_t n); /* under one hold of the lock */

/* Any directory that was read when the slot was there already knows the slot. */
static inline const struct cprom__slab_dir *cprom__slab_dir(const struct cprom__slab *slab)
{
    return atomic_load_explicit(&slab->dir, memory_order_acquire);
}

static inline void *cprom__slab_in(const struct cprom__slab_dir *dir, uint32_t index)
{
    char *chunk = atomic_load_explicit(&dir->chunks[index >> CPROM__SLAB_UNIT_BITS], memory_order_acquire);
    return chunk + (size_t)(index & ((1u << CPROM__SLAB_UNIT_BITS) - 1)) * CPROM__SLAB_UNIT;
}

static inline void *cprom__slab_at(const struct cprom__slab *slab, uint32_t index)
{
    return cprom__slab_in(cprom__slab_dir(slab), index);
}

#endif
