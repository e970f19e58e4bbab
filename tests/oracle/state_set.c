#include "state_set.h"

#include <stdlib.h>
#include <string.h>

void state_set_init(struct state_set *set, size_t size, size_t limit)
{
    memset(set, 0, sizeof *set);
    set->size = size;
    set->limit = limit;
}

void state_set_free(struct state_set *set)
{
    free(set->states);
    free(set->table);
    state_set_init(set, set->size, set->limit);
}

static size_t hash_of(const struct state_set *set, const unsigned char *state)
{
    uint64_t hash = 0, word;
    for (size_t i = 0; i < set->size; i += sizeof word) {
        memcpy(&word, state + i, sizeof word);
        hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
        hash ^= hash >> 32;
    }
    return (size_t)hash;
}

void state_set_clear(struct state_set *set)
{
    if (set->n > set->mask / 8) {
        memset(set->table, 0, (set->mask + 1) * sizeof *set->table);
    } else {
        for (size_t i = 0; i < set->n; i++) {
            size_t at = hash_of(set, state_set_at(set, i)) & set->mask;
            while (set->table[at] != i + 1) at = (at + 1) & set->mask;
            set->table[at] = 0;
        }
    }
    set->n = 0;
    set->failed = false;
}

static bool grow(struct state_set *set)
{
    struct state_set grown;
    state_set_init(&grown, set->size, set->limit);
    grown.room = set->room ? set->room * 4 : 64;
    grown.mask = grown.room * 2 - 1;
    grown.states = malloc(grown.room * grown.size);
    grown.table = calloc(grown.mask + 1, sizeof *grown.table);
    if (!grown.states || !grown.table) {
        state_set_free(&grown);
        return false;
    }
    for (size_t i = 0; i < set->n; i++) state_set_put(&grown, state_set_at(set, i));
    free(set->states);
    free(set->table);
    *set = grown;
    return true;
}

void state_set_put(struct state_set *set, const void *state)
{
    if (set->n >= set->limit || (set->n == set->room && !grow(set))) {
        set->failed = true;
        return;
    }
    size_t at = hash_of(set, state) & set->mask;
    for (; set->table[at]; at = (at + 1) & set->mask) {
        if (memcmp(state_set_at(set, set->table[at] - 1), state, set->size) == 0) return;
    }
    memcpy(set->states + set->n * set->size, state, set->size);
    set->table[at] = (uint32_t)++set->n;
}
