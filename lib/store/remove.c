/* Removes series by their labels: one, those that match, all of a vector. */
#include "store/remove.h"

#include <string.h>

#include "base/names.h"
#include "store/lookup.h"
#include "store/owner.h"
#include "store/staged.h"
#include "store/stale.h"
#include "store/upkeep.h"

#define REMOVE_OWNER_CHUNKS 12u /* of an owner, whose series are fetched into the cache together */

/* ---- one series ---- */

cprom_status cprom_vec_delete(cprom_vec *vec, cprom_strs strs)
{
    if (!vec) return CPROM_EINVAL;
    struct cprom__values values;
    cprom_status status = cprom__values_measure(vec, strs, &values);
    if (status) return status;
    status = CPROM_ENOENT;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_DELETE, .linger = true};
    int64_t now = vec->linger ? cprom__monotonic_now(vec->registry) : 0;
    struct cprom__slab *slab = &vec->registry->slab;
    pthread_mutex_lock(&vec->map_lock);
    struct cprom__probe probe = cprom__map_probe(&vec->map, values.hash);
    for (uint32_t index; status && (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(slab, index);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, &values)) continue;
        if (!cprom__killed_counts(cprom__vec_kill(vec, series, index, &removing, true, now))) continue;
        cprom__vec_removed(vec, CPROM__REMOVED_DELETE, 1);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, values.hash);
        status = CPROM_OK;
    }
    pthread_mutex_unlock(&vec->map_lock);
    if (!status) cprom__vec_upkeep(vec);
    return status;
}

/* ---- many ---- */

cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match)
{
    const struct cprom__desc *desc = vec->desc;
    match->n = 0;
    if (labels.n > desc->n_labels) return CPROM_ELABELS;
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        match->label[i] = cprom__desc_label(desc, labels.v[i].name);
        if (match->label[i] == desc->n_labels) return CPROM_ELABELS;
        for (size_t k = 0; k < i; k++) {
            if (match->label[k] == match->label[i]) return CPROM_ELABELS;
        }
    }
    cprom__arena_init(&match->memory, &vec->registry->allocator, 256);
    for (size_t i = 0; i < labels.n; i++) {
        const char *value = labels.v[i].value;
        size_t len = strlen(value), escaped = cprom__escaped_len(value, len);
        match->value[i] = (struct cprom__piece){value, len};
        if (escaped == len) continue;
        char *copy = cprom__arena_alloc(&match->memory, escaped);
        if (!copy) {
            cprom__arena_free(&match->memory);
            return CPROM_ENOMEM;
        }
        cprom__escape(copy, value, len);
        match->value[i] = (struct cprom__piece){copy, escaped};
    }
    match->n = labels.n;
    return CPROM_OK;
}

void cprom__match_free(struct cprom__match *match) { cprom__arena_free(&match->memory); }

static bool remove_matches(const struct cprom_vec *vec, const struct cprom_series *series,
                           const struct cprom__match *match)
{
    for (size_t i = 0; i < match->n; i++) {
        struct cprom__piece value = cprom__desc_value(vec->desc, series->text, match->label[i]);
        if (!cprom__pair_equal(value, match->value[i])) return false;
    }
    return true;
}

/*
 * Whether the series is one of those that go; the rest is cprom__vec_kill()'s. `of_owner`: its owner is known to
 * match.
 */
static bool remove_goes(struct cprom_vec *vec, const struct cprom_series *series,
                        const struct cprom__removing *removing, bool of_owner)
{
    bool matched = of_owner && removing->match->n == 1;
    return (matched || remove_matches(vec, series, removing->match)) &&
           !(removing->staged && cprom__staged_has(removing->staged, series));
}

static size_t remove_by_map(struct cprom_vec *vec, const struct cprom__removing *removing, int64_t now)
{
    struct cprom__slab *slab = &vec->registry->slab;
    size_t removed = 0;
    uint64_t cursor = 0;
    for (bool more = true; more;) {
        uint32_t hash = (uint32_t)cursor;
        struct cprom__segment *segment;
        size_t n = 0;
        pthread_mutex_lock(&vec->map_lock);
        more = cprom__map_walk(&vec->map, &cursor, &segment);
        for (uint32_t i = 0; more && i <= segment->mask; i++) {
            uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
            if (entry <= CPROM__ENTRY_DEAD) continue;
            struct cprom_series *series = cprom__slab_at(slab, (uint32_t)entry);
            if (!remove_goes(vec, series, removing, false)) continue;
            n += cprom__killed_counts(cprom__vec_kill(vec, series, (uint32_t)entry, removing, true, now));
        }
        cprom__vec_removed(vec, removing->reason, n);
        removed += n;
        if (more) cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
        pthread_mutex_unlock(&vec->map_lock);
        CPROM__SEAM(CPROM__SEAM_MATCH_WALKS);
    }
    return removed;
}

/* Some chunks of an owner's list, and the series in them, one chunk's after the other's. */
struct remove_owned {
    uint32_t chunks[REMOVE_OWNER_CHUNKS];
    struct cprom_series *series[REMOVE_OWNER_CHUNKS * CPROM__OWNER_CHUNK];
    size_t n_chunks, n_series;
};

/*
 * Takes the next chunks. What removing them needs comes into the cache, a step at a time, so that the misses overlap.
 */
static void remove_take_chunks(struct cprom_vec *vec, uint32_t *next, struct remove_owned *owned)
{
    struct cprom__slab *slab = &vec->registry->slab;
    owned->n_chunks = owned->n_series = 0;
    while (*next && owned->n_chunks < REMOVE_OWNER_CHUNKS) {
        const struct cprom__owner_chunk *chunk = cprom__slab_at(slab, *next);
        for (uint32_t i = 0; i < chunk->n; i++) {
            struct cprom_series *series = owned->series[owned->n_series++] = cprom__slab_at(slab, chunk->indexes[i]);
            CPROM__PREFETCH(series);
            CPROM__PREFETCH(&series->hash); /* perhaps in another line */
        }
        owned->chunks[owned->n_chunks++] = *next;
        *next = chunk->next;
    }
    for (size_t i = 0; i < owned->n_series; i++) cprom__map_prefetch_segment(&vec->map, owned->series[i]->hash);
    for (size_t i = 0; i < owned->n_series; i++) cprom__map_prefetch_entry(&vec->map, owned->series[i]->hash);
}

/* Removes what goes of one chunk, and the rest moves together. */
static size_t remove_chunk(struct cprom_vec *vec, uint32_t chunk_index, struct cprom_series *const *all,
                           const struct cprom__removing *removing, int64_t now)
{
    struct cprom__owner_chunk *chunk = cprom__slab_at(&vec->registry->slab, chunk_index);
    uint32_t n = chunk->n, kept = 0, hashes[CPROM__OWNER_CHUNK];
    size_t removed = 0, unlinked = 0;
    atomic_fetch_add_explicit(&vec->dead, n, memory_order_relaxed); /* before a gather sees one and counts it down */
    for (uint32_t i = 0; i < n; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): `all` has the n of this chunk */
        struct cprom_series *series = all[i];
        uint32_t index = chunk->indexes[i];
        hashes[unlinked] = series->hash;
        enum cprom__killed killed = CPROM__KILLED_NOT;
        if (remove_goes(vec, series, removing, true)) {
            killed = cprom__vec_kill(vec, series, index, removing, false, now);
            removed += cprom__killed_counts(killed);
        }
        CPROM__SEAM(CPROM__SEAM_KILL_BY_OWNER);
        if (killed == CPROM__KILLED_UNLINKED || killed == CPROM__KILLED_LINGERED_ON) {
            unlinked++;
            continue;
        }
        chunk->indexes[kept] = index;
        if (kept != i) cprom__series_extra(series)->place = kept;
        kept++;
    }
    chunk->n = kept;
    if (kept) atomic_fetch_sub_explicit(&vec->dead, kept, memory_order_relaxed);
    cprom__owner_tidy(vec, chunk_index);
    for (size_t i = 0; i < unlinked; i++) cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hashes[i]);
    return removed;
}

static size_t remove_by_owner(struct cprom_vec *vec, const struct cprom__removing *removing, int64_t now,
                              struct cprom__piece owner)
{
    struct remove_owned owned;
    size_t removed = 0;
    pthread_mutex_lock(&vec->map_lock);
    for (uint32_t next = cprom__owner_chunks(vec, owner); next;) {
        struct cprom_series **series = owned.series;
        remove_take_chunks(vec, &next, &owned);
        for (size_t c = 0; c < owned.n_chunks; c++) {
            uint32_t n = ((struct cprom__owner_chunk *)cprom__slab_at(&vec->registry->slab, owned.chunks[c]))->n;
            removed += remove_chunk(vec, owned.chunks[c], series, removing, now);
            series += n;
        }
    }
    cprom__vec_removed(vec, removing->reason, removed);
    pthread_mutex_unlock(&vec->map_lock);
    return removed;
}

size_t cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing)
{
    int64_t now = vec->linger && removing->linger ? cprom__monotonic_now(vec->registry) : 0;
    for (size_t i = 0; vec->has_owner && i < removing->match->n; i++) {
        if (removing->match->label[i] == vec->owner_label) {
            return remove_by_owner(vec, removing, now, removing->match->value[i]);
        }
    }
    return remove_by_map(vec, removing, now);
}

bool cprom__vec_remove_one(struct cprom_vec *vec, struct cprom_series *series, const struct cprom__removing *removing)
{
    uint32_t hash = series->hash;
    pthread_mutex_lock(&vec->map_lock);
    uint32_t index = remove_matches(vec, series, removing->match) ? cprom__series_index(vec, series) : 0;
    bool removed = index && cprom__killed_counts(cprom__vec_kill(vec, series, index, removing, true, 0));
    if (removed) {
        cprom__vec_removed(vec, removing->reason, 1);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    }
    pthread_mutex_unlock(&vec->map_lock);
    return removed;
}

/* Removes in one vector what matches, as one change. `stales`: updates that this overtakes become stale. */
static cprom_status remove_matching(struct cprom_vec *vec, cprom_labels labels, struct cprom__removing *removing,
                                    bool stales, size_t *removed)
{
    struct cprom__match match;
    struct cprom__event *event = NULL;
    cprom_status status = cprom__match_resolve(vec, labels, &match);
    if (status) return status;
    if (stales && !(event = cprom__event_new(vec, &match))) {
        cprom__match_free(&match);
        return CPROM_ENOMEM;
    }
    /* cppcheck-suppress autoVariables ; the caller's `removing` lives for this call */
    removing->match = &match;
    cprom__gate_enter(&vec->registry->gate);
    if (event) cprom__event_record(vec, event, NULL);
    *removed = cprom__vec_remove(vec, removing);
    cprom__gate_leave(&vec->registry->gate);
    cprom__match_free(&match);
    removing->match = NULL;
    cprom__vec_upkeep(vec);
    return CPROM_OK;
}

cprom_status cprom_vec_delete_matching(cprom_vec *vec, cprom_labels labels, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!vec || !labels.n) return CPROM_EINVAL;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_MATCH, .linger = true};
    cprom_status status = remove_matching(vec, labels, &removing, true, &n);
    if (removed) *removed = n;
    return status;
}

cprom_status cprom_vec_clear(cprom_vec *vec)
{
    size_t n;
    if (!vec) return CPROM_EINVAL;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_CLEAR};
    return remove_matching(vec, (cprom_labels){NULL, 0}, &removing, true, &n);
}

cprom_status cprom_vec_sweep(cprom_vec *vec, cprom_labels labels, cprom_mark since, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!vec || !labels.n || !since.epoch || since.registry != vec->registry) return CPROM_EINVAL;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_SWEEP, .touched_since = since.epoch, .linger = true};
    cprom_status status = remove_matching(vec, labels, &removing, false, &n);
    if (removed) *removed = n;
    return status;
}
