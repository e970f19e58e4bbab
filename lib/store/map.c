/* The label map: extendible hashing, read without a lock. */
#include "store/map.h"

#define MAP_SEGMENT_MIN 8u
#define MAP_DEPTH_MAX 22u /* beyond, segments grow instead: hashes that agree in so many bits do not come apart */

static size_t map_segment_bytes(uint32_t capacity)
{
    return sizeof(struct cprom__segment) + (size_t)capacity * sizeof(_Atomic uint64_t);
}

static size_t map_dir_bytes(uint32_t depth)
{
    return sizeof(struct cprom__map_dir) + ((size_t)1 << depth) * sizeof(_Atomic(struct cprom__segment *));
}

static bool map_fits(uint32_t entries, uint32_t capacity) { return (uint64_t)entries * 5 <= (uint64_t)capacity * 3; }

static struct cprom__segment *map_segment_new(struct cprom__allocator *allocator, uint32_t capacity, uint32_t depth)
{
    struct cprom__segment *segment = cprom__alloc(allocator, map_segment_bytes(capacity));
    if (!segment) return NULL;
    segment->block.bytes = map_segment_bytes(capacity);
    segment->mask = capacity - 1;
    segment->depth = depth;
    segment->live = segment->dead = 0;
    for (uint32_t i = 0; i < capacity; i++) atomic_init(&segment->entries[i], CPROM__ENTRY_EMPTY);
    return segment;
}

static struct cprom__map_dir *map_dir_new(struct cprom__allocator *allocator, uint32_t depth)
{
    struct cprom__map_dir *dir = cprom__alloc(allocator, map_dir_bytes(depth));
    if (!dir) return NULL;
    dir->block.bytes = map_dir_bytes(depth);
    dir->depth = depth;
    return dir;
}

static void map_put(struct cprom__segment *segment, uint64_t entry)
{
    uint32_t at = (uint32_t)(entry >> 32);
    for (;; at++) {
        uint64_t there = atomic_load_explicit(&segment->entries[at & segment->mask], memory_order_relaxed);
        if (there == CPROM__ENTRY_EMPTY) break;
        if (there == CPROM__ENTRY_DEAD) {
            segment->dead--;
            break;
        }
    }
    segment->live++;
    atomic_store_explicit(&segment->entries[at & segment->mask], entry, memory_order_seq_cst);
}

static uint64_t map_entry_at(const struct cprom__segment *segment, uint32_t i)
{
    return atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
}

static struct cprom__map_dir *map_dir_of(struct cprom__map *map)
{
    return atomic_load_explicit(&map->dir, memory_order_relaxed);
}

static struct cprom__segment *map_segment_of(struct cprom__map_dir *dir, uint32_t hash)
{
    return atomic_load_explicit(&dir->segments[cprom__map_slot(hash, dir->depth)], memory_order_relaxed);
}

/* Lets every directory entry of the hashes that share the first `depth` bits of `hash` point to `segment`. */
static void map_point_to(struct cprom__map_dir *dir, uint32_t hash, struct cprom__segment *segment)
{
    uint32_t span = (uint32_t)1 << (dir->depth - segment->depth);
    uint32_t first = cprom__map_slot(hash, dir->depth) & ~(span - 1);
    for (uint32_t i = 0; i < span; i++) {
        atomic_store_explicit(&dir->segments[first + i], segment, memory_order_seq_cst);
    }
}

/* Replaces a segment by a fresh one of another size, without the dead entries. */
static bool map_resize(struct cprom__map_dir *dir, struct cprom__reclaimer *reclaimer, struct cprom__segment *old,
                       uint32_t hash, uint32_t capacity)
{
    struct cprom__segment *segment = map_segment_new(reclaimer->allocator, capacity, old->depth);
    if (!segment) return false;
    for (uint32_t i = 0; i <= old->mask; i++) {
        if (map_entry_at(old, i) > CPROM__ENTRY_DEAD) map_put(segment, map_entry_at(old, i));
    }
    map_point_to(dir, hash, segment);
    cprom__retire_block(reclaimer, &old->block);
    return true;
}

/* Splits a segment by the next bit of the hash. */
static bool map_split(struct cprom__map *map, struct cprom__reclaimer *reclaimer, struct cprom__segment *old,
                      uint32_t hash)
{
    struct cprom__map_dir *dir = map_dir_of(map);
    uint32_t depth = old->depth + 1;
    struct cprom__map_dir *grown = depth > dir->depth ? map_dir_new(reclaimer->allocator, depth) : NULL;
    struct cprom__segment *low = map_segment_new(reclaimer->allocator, old->mask + 1, depth);
    struct cprom__segment *high = map_segment_new(reclaimer->allocator, old->mask + 1, depth);
    if (!low || !high || (depth > dir->depth && !grown)) {
        if (low) cprom__release(reclaimer->allocator, low, low->block.bytes);
        if (high) cprom__release(reclaimer->allocator, high, high->block.bytes);
        if (grown) cprom__release(reclaimer->allocator, grown, grown->block.bytes);
        return false;
    }
    uint32_t bit = (uint32_t)1 << (32 - depth);
    for (uint32_t i = 0; i <= old->mask; i++) {
        uint64_t entry = map_entry_at(old, i);
        if (entry > CPROM__ENTRY_DEAD) map_put((uint32_t)(entry >> 32) & bit ? high : low, entry);
    }
    if (grown) {
        for (uint32_t i = 0; i < (uint32_t)1 << depth; i++) {
            atomic_init(&grown->segments[i], atomic_load_explicit(&dir->segments[i / 2], memory_order_relaxed));
        }
    }
    struct cprom__map_dir *target = grown ? grown : dir;
    map_point_to(target, hash & ~bit, low);
    map_point_to(target, hash | bit, high);
    if (grown) {
        atomic_store_explicit(&map->dir, grown, memory_order_seq_cst);
        cprom__retire_block(reclaimer, &dir->block);
    }
    cprom__retire_block(reclaimer, &old->block);
    return true;
}

bool cprom__map_reserve(struct cprom__map *map, struct cprom__reclaimer *reclaimer, uint32_t hash)
{
    if (!map_dir_of(map)) {
        struct cprom__map_dir *dir = map_dir_new(reclaimer->allocator, 0);
        struct cprom__segment *segment = map_segment_new(reclaimer->allocator, MAP_SEGMENT_MIN, 0);
        if (!dir || !segment) {
            if (dir) cprom__release(reclaimer->allocator, dir, dir->block.bytes);
            if (segment) cprom__release(reclaimer->allocator, segment, segment->block.bytes);
            return false;
        }
        atomic_init(&dir->segments[0], segment);
        atomic_store_explicit(&map->dir, dir, memory_order_seq_cst);
    }
    for (;;) {
        struct cprom__segment *segment = map_segment_of(map_dir_of(map), hash);
        uint32_t capacity = segment->mask + 1;
        if (map_fits(segment->live + segment->dead + 1, capacity)) return true;
        /* Mostly dead entries: the same size without them. A quarter of room is left, so that it pays. */
        if (map_fits((segment->live + 1) * 4 / 3, capacity)) {
            return map_resize(map_dir_of(map), reclaimer, segment, hash, capacity);
        }
        if (capacity < CPROM__SEGMENT_MAX || segment->depth == MAP_DEPTH_MAX) {
            return map_resize(map_dir_of(map), reclaimer, segment, hash, capacity * 2);
        }
        /* All entries may fall on one side; then the next round splits again. */
        if (!map_split(map, reclaimer, segment, hash)) return false;
    }
}

void cprom__map_insert(struct cprom__map *map, uint32_t hash, uint32_t index)
{
    map_put(map_segment_of(map_dir_of(map), hash), (uint64_t)hash << 32 | index);
}

void cprom__map_remove(struct cprom__map *map, uint32_t hash, uint32_t index)
{
    struct cprom__segment *segment = map_segment_of(map_dir_of(map), hash);
    uint32_t mask = segment->mask, at = hash;
    while (map_entry_at(segment, at & mask) != ((uint64_t)hash << 32 | index)) at++;
    /* Where the chain ends right behind, dead entries at its end are of no use to any search. */
    bool chain_ends = map_entry_at(segment, (at + 1) & mask) == CPROM__ENTRY_EMPTY;
    atomic_store_explicit(&segment->entries[at & mask], chain_ends ? CPROM__ENTRY_EMPTY : CPROM__ENTRY_DEAD,
                          memory_order_seq_cst);
    segment->live--;
    if (!chain_ends) segment->dead++;
    while (chain_ends && map_entry_at(segment, --at & mask) == CPROM__ENTRY_DEAD) {
        atomic_store_explicit(&segment->entries[at & mask], CPROM__ENTRY_EMPTY, memory_order_seq_cst);
        segment->dead--;
    }
}

void cprom__map_tidy(struct cprom__map *map, struct cprom__reclaimer *reclaimer, uint32_t hash)
{
    struct cprom__segment *segment = map_segment_of(map_dir_of(map), hash);
    uint32_t capacity = segment->mask + 1, wanted = MAP_SEGMENT_MIN;
    if (capacity < MAP_SEGMENT_MIN * 4 || segment->live * 3 > capacity / 4) return;
    /* At most a third full afterwards, so that it does not grow again at once. */
    while (segment->live * 3 > wanted) wanted *= 2;
    /* Without memory for a small segment the large one stays. */
    map_resize(map_dir_of(map), reclaimer, segment, hash, wanted);
}

bool cprom__map_walk(struct cprom__map *map, uint64_t *cursor, struct cprom__segment **segment)
{
    if (!map_dir_of(map) || *cursor >> 32) return false;
    *segment = map_segment_of(map_dir_of(map), (uint32_t)*cursor);
    *cursor += (uint64_t)1 << (32 - (*segment)->depth);
    return true;
}

void cprom__map_free(struct cprom__map *map, struct cprom__allocator *allocator)
{
    struct cprom__map_dir *dir = map_dir_of(map);
    if (!dir) return;
    uint64_t cursor = 0;
    struct cprom__segment *segment;
    while (cprom__map_walk(map, &cursor, &segment)) cprom__release(allocator, segment, segment->block.bytes);
    cprom__release(allocator, dir, dir->block.bytes);
}
