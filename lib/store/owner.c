/* The owner index: the series of each value of one label. */
#include "store/owner.h"

#include <string.h>

#include "base/names.h"

static void *owner_at(struct cprom_vec *vec, uint32_t index) { return cprom__slab_at(&vec->registry->slab, index); }

/* Of what it means, so that it is found without being escaped, too. `escapes`: it may have some. */
static uint32_t owner_hash_of(struct cprom_vec *vec, struct cprom__piece value, bool escapes)
{
    const struct cprom__hash_key *key = &vec->registry->key;
    uint64_t state = key->k[1];
    if (!escapes || !memchr(value.text, '\\', value.len)) {
        state = cprom__hash_value(state, key, value.text, value.len);
    } else {
        for (const char *at = value.text; at < value.text + value.len;) {
            char c = (char)cprom__pair_byte(&at);
            state = cprom__hash_bytes(state, key, &c, 1);
        }
    }
    return (uint32_t)(cprom__hash_end(state, key) >> 32);
}

/* The same of label values as the program gives them. */
static uint32_t owner_hash_of_values(struct cprom_vec *vec, const struct cprom__values *values)
{
    const struct cprom__hash_key *key = &vec->registry->key;
    const char *value = values->v[vec->owner_label];
    size_t len = values->len[vec->owner_label];
    bool as_is = values->plain || cprom__escaped_len(value, len) == len;
    uint64_t state =
        as_is ? cprom__hash_value(key->k[1], key, value, len) : cprom__hash_bytes(key->k[1], key, value, len);
    return (uint32_t)(cprom__hash_end(state, key) >> 32);
}

static struct cprom__owner *owner_find(struct cprom_vec *vec, uint32_t hash, struct cprom__piece value, uint32_t *index)
{
    struct cprom__probe probe = cprom__map_probe(&vec->owners, hash);
    while ((*index = cprom__probe_next(&probe)) != 0) {
        struct cprom__owner *owner = owner_at(vec, *index);
        if (cprom__pair_equal((struct cprom__piece){owner->value, owner->len}, value)) return owner;
    }
    return NULL;
}

uint32_t cprom__owner_chunks(struct cprom_vec *vec, struct cprom__piece value)
{
    uint32_t index;
    struct cprom__owner *owner = owner_find(vec, owner_hash_of(vec, value, true), value, &index);
    return owner ? owner->chunks : 0;
}

static struct cprom__owner *owner_find_of(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom__probe probe = cprom__map_probe(&vec->owners, owner_hash_of_values(vec, values));
    for (uint32_t index; (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom__owner *owner = owner_at(vec, index);
        if (cprom__pair_means((struct cprom__piece){owner->value, owner->len}, values->v[vec->owner_label]))
            return owner;
    }
    return NULL;
}

uint32_t cprom__owner_chunks_of(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom__owner *owner = owner_find_of(vec, values);
    return owner ? owner->chunks : 0;
}

static struct cprom__piece owner_value_of(struct cprom_vec *vec, const struct cprom_series *series)
{
    return cprom__desc_value(vec->desc, series->text, vec->owner_label);
}

bool cprom__owner_reserve(struct cprom_vec *vec, const struct cprom_series *series)
{
    struct cprom__slab *slab = &vec->registry->slab;
    struct cprom__piece value = owner_value_of(vec, series);
    uint32_t hash = owner_hash_of(vec, value, series->escaped), index, chunk_index;
    struct cprom__owner *owner = owner_find(vec, hash, value, &index), *made = NULL;
    if (owner && owner->chunks && ((struct cprom__owner_chunk *)owner_at(vec, owner->chunks))->n < CPROM__OWNER_CHUNK) {
        return true;
    }
    struct cprom__owner_chunk *chunk = cprom__slab_alloc(slab, sizeof *chunk, &chunk_index);
    if (!chunk) return false;
    if (!owner) {
        made = cprom__slab_alloc(slab, sizeof *made + value.len, &index);
        if (!made || !cprom__map_reserve(&vec->owners, &vec->registry->reclaimer, hash)) {
            if (made) cprom__slab_free(slab, index);
            cprom__slab_free(slab, chunk_index);
            return false;
        }
        *made = (struct cprom__owner){.hash = hash, .len = (uint32_t)value.len};
        memcpy(made->value, value.text, value.len);
        cprom__map_insert(&vec->owners, hash, index);
        owner = made;
    }
    *chunk = (struct cprom__owner_chunk){.next = owner->chunks, .owner = index};
    if (chunk->next) ((struct cprom__owner_chunk *)owner_at(vec, chunk->next))->prev = chunk_index;
    owner->chunks = chunk_index;
    return true;
}

void cprom__owner_add(struct cprom_vec *vec, struct cprom_series *series, uint32_t index)
{
    struct cprom__piece value = owner_value_of(vec, series);
    uint32_t owner_index;
    uint32_t hash = owner_hash_of(vec, value, series->escaped);
    struct cprom__owner *owner = owner_find(vec, hash, value, &owner_index);
    struct cprom__owner_chunk *chunk = owner_at(vec, owner->chunks); /* analyzer: _reserve has put the owner there */
    struct cprom__extra *extra = cprom__series_extra(series);
    extra->chunk = owner->chunks;
    extra->place = chunk->n;
    chunk->indexes[chunk->n++] = index;
}

void cprom__owner_remove(struct cprom_vec *vec, struct cprom_series *series)
{
    struct cprom__extra *extra = cprom__series_extra(series);
    uint32_t chunk_index = extra->chunk;
    struct cprom__owner_chunk *chunk = owner_at(vec, chunk_index);
    /* The chunk's last takes its place: none but this chunk is touched. */
    uint32_t moved = chunk->indexes[--chunk->n];
    if (extra->place != chunk->n) {
        chunk->indexes[extra->place] = moved;
        cprom__series_extra(owner_at(vec, moved))->place = extra->place;
    }
    cprom__owner_tidy(vec, chunk_index);
}

void cprom__owner_tidy(struct cprom_vec *vec, uint32_t chunk_index)
{
    struct cprom__slab *slab = &vec->registry->slab;
    struct cprom__owner_chunk *chunk = owner_at(vec, chunk_index);
    if (chunk->n) return;
    struct cprom__owner *owner = owner_at(vec, chunk->owner);
    uint32_t owner_index = chunk->owner;
    if (chunk->next) ((struct cprom__owner_chunk *)owner_at(vec, chunk->next))->prev = chunk->prev;
    if (chunk->prev) ((struct cprom__owner_chunk *)owner_at(vec, chunk->prev))->next = chunk->next;
    else owner->chunks = chunk->next;
    if (vec->owner_walk == chunk_index) vec->owner_walk = chunk->next;
    cprom__slab_free(slab, chunk_index);
    if (owner->chunks) return;
    uint32_t hash = owner->hash;
    cprom__map_remove(&vec->owners, hash, owner_index);
    cprom__map_tidy(&vec->owners, &vec->registry->reclaimer, hash);
    cprom__slab_free(slab, owner_index);
}

/* ---- the bound ---- */

static struct cprom__owner *owner_of(struct cprom_vec *vec, const struct cprom_series *series)
{
    const struct cprom__owner_chunk *chunk = owner_at(vec, cprom__series_extra(series)->chunk);
    return owner_at(vec, chunk->owner);
}

static bool owner_has_all(const struct cprom_vec *vec, const struct cprom__owner *owner)
{
    return owner->live - (owner->other != NULL) >= vec->max_per_owner;
}

bool cprom__owner_is_full(struct cprom_vec *vec, const struct cprom_series *series)
{
    return owner_has_all(vec, owner_of(vec, series));
}

bool cprom__owner_is_full_of(struct cprom_vec *vec, const struct cprom__values *values)
{
    const struct cprom__owner *owner = owner_find_of(vec, values);
    return owner && owner_has_all(vec, owner);
}

void cprom__owner_born(struct cprom_vec *vec, const struct cprom_series *series, bool other)
{
    struct cprom__owner *owner = owner_of(vec, series);
    owner->live++;
    if (other) owner->other = series;
}

void cprom__owner_died(struct cprom_vec *vec, const struct cprom_series *series)
{
    struct cprom__owner *owner = owner_of(vec, series);
    owner->live--;
    if (owner->other == series) owner->other = NULL;
}

/* ---- the end ---- */

void cprom__owner_free(struct cprom_vec *vec)
{
    struct cprom__slab *slab = &vec->registry->slab;
    uint64_t cursor = 0;
    struct cprom__segment *segment;
    while (cprom__map_walk(&vec->owners, &cursor, &segment)) {
        for (uint32_t i = 0; i <= segment->mask; i++) {
            uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
            if (entry <= CPROM__ENTRY_DEAD) continue;
            for (uint32_t chunk = ((struct cprom__owner *)owner_at(vec, (uint32_t)entry))->chunks; chunk;) {
                uint32_t next = ((struct cprom__owner_chunk *)owner_at(vec, chunk))->next;
                cprom__slab_free(slab, chunk);
                chunk = next;
            }
            cprom__slab_free(slab, (uint32_t)entry);
        }
    }
    cprom__map_free(&vec->owners, &vec->registry->allocator);
}
