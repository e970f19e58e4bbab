/*
 * The label map: from a hash of label values to the slab indexes of series. It knows nothing of series; the caller
 * compares.
 *
 * Extendible hashing (Fagin, Nievergelt, Pippenger, Strong, "Extendible hashing", 1979): the first bits of the hash
 * choose a segment through a directory, the last bits a place in it, from which entries follow linearly. An entry is 8
 * bytes: 32 bits of hash, 32 bits of index; all positions come from the stored bits, so that growing touches no
 * series. A segment is at most 60 % full (dead entries counted) and at most CPROM__SEGMENT_MAX long; then it is split,
 * so that no insertion moves more than that many entries.
 *
 * Writers hold the owner's lock. Readers are in a read section, or hold the lock. What a writer replaces goes to
 * cprom__retire_block(). Links are stored and loaded seq_cst: see cprom__read_enter(), and tests/models/epoch.pml.
 */
#ifndef CPROM_LIB_STORE_MAP_H
#define CPROM_LIB_STORE_MAP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/thread.h"
#include "store/reclaim.h"

#define CPROM__SEGMENT_MAX 1024u
#define CPROM__ENTRY_EMPTY 0u
#define CPROM__ENTRY_DEAD 1u /* was removed; a search goes on behind it */

struct cprom__segment {
    struct cprom__block block;
    uint32_t mask;       /* capacity - 1 */
    uint32_t depth;      /* how many first bits of the hash all entries share */
    uint32_t live, dead; /* guarded by the owner's lock, as is everything but reading `entries` */
    _Atomic uint64_t entries[];
};

struct cprom__map_dir {
    struct cprom__block block;
    uint32_t depth; /* 2^depth segments */
    _Atomic(struct cprom__segment *) segments[];
};

struct cprom__map {
    _Atomic(struct cprom__map_dir *) dir; /* NULL: empty */
};

struct cprom__probe {
    struct cprom__segment *segment; /* NULL: nothing to find */
    uint32_t at;
    uint32_t hash;
};

static inline uint32_t cprom__map_slot(uint32_t hash, uint32_t depth) { return depth ? hash >> (32 - depth) : 0; }

static inline struct cprom__probe cprom__map_probe(struct cprom__map *map, uint32_t hash)
{
    struct cprom__probe probe = {NULL, hash, hash};
    struct cprom__map_dir *dir = atomic_load_explicit(&map->dir, memory_order_seq_cst);
    if (dir) {
        probe.segment = atomic_load_explicit(&dir->segments[cprom__map_slot(hash, dir->depth)], memory_order_seq_cst);
    }
    return probe;
}

/* The next index with this hash; 0: no more. */
static inline uint32_t cprom__probe_next(struct cprom__probe *probe)
{
    struct cprom__segment *segment = probe->segment;
    if (!segment) return 0;
    for (;;) {
        uint64_t entry = atomic_load_explicit(&segment->entries[probe->at++ & segment->mask], memory_order_seq_cst);
        if ((uint32_t)(entry >> 32) == probe->hash && entry > CPROM__ENTRY_DEAD) return (uint32_t)entry;
        if (entry == CPROM__ENTRY_EMPTY) return 0;
    }
}

/* What a removal will need, in two stages: the second waits for what the first has fetched. */
static inline void cprom__map_prefetch_segment(struct cprom__map *map, uint32_t hash)
{
    struct cprom__probe probe = cprom__map_probe(map, hash);
    if (probe.segment) CPROM__PREFETCH(&probe.segment->mask);
}

static inline void cprom__map_prefetch_entry(struct cprom__map *map, uint32_t hash)
{
    struct cprom__probe probe = cprom__map_probe(map, hash);
    if (probe.segment) CPROM__PREFETCH(&probe.segment->entries[hash & probe.segment->mask]);
}

/* Makes room for one more entry; false: out of memory, nothing changed. */
bool cprom__map_reserve(struct cprom__map *map, struct cprom__reclaimer *reclaimer, uint32_t hash);
/* After cprom__map_reserve() with the same hash, under the same hold of the lock: cannot fail. */
void cprom__map_insert(struct cprom__map *map, uint32_t hash, uint32_t index);
void cprom__map_remove(struct cprom__map *map, uint32_t hash, uint32_t index);
/* After removals around `hash`: a nearly empty segment becomes a small one. The old must not be looked at any more. */
void cprom__map_tidy(struct cprom__map *map, struct cprom__reclaimer *reclaimer, uint32_t hash);

/*
 * Walks over the map a segment at a time, so that the lock can be let go in between: `*cursor` starts at 0, false is
 * the end. An entry that is there all the while is seen exactly once, also when segments are split meanwhile.
 */
bool cprom__map_walk(struct cprom__map *map, uint64_t *cursor, struct cprom__segment **segment);

/* Frees everything; nobody uses the map any more. */
void cprom__map_free(struct cprom__map *map, struct cprom__allocator *allocator);

#endif
