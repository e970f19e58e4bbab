/* What a change does to a vector: published, judged by, and finished. */
#include "store/turnover.h"

#include "store/owner.h"

#define TURNOVER_OWNER_CHUNKS 12u   /* of an owner, whose series are fetched into the cache together */
#define TURNOVER_OWNER_SERIES 1024u /* of an owner, under one hold of the lock */

/* ---- the moment ---- */

uint64_t cprom__moment_next(struct cprom_registry *registry)
{
    return atomic_load_explicit(&registry->epoch, memory_order_relaxed) + ((uint64_t)1 << CPROM__LIFE_SHIFT);
}

struct cprom__turnover cprom__turnover_of(struct cprom_vec *vec, const struct cprom__match *matches,
                                          const struct cprom__removing *removing, uint64_t epoch)
{
    struct cprom__turnover turnover = {.vec = vec, .epoch = epoch, .removing = *removing, .matches = matches};
    turnover.walks = matches;
    return turnover;
}

void cprom__turnover_publish(struct cprom__turnover *first)
{
    for (struct cprom__turnover *turnover = first; turnover; turnover = turnover->next) {
        /*
         * Where something is staged, under the lock: a deletion either has killed before, which the commit will see, or
         * meets the turnover. release: pairs with the acquires in touch.c and of cprom__turnover_at().
         */
        if (turnover->staging) pthread_mutex_lock(&turnover->vec->map_lock);
        atomic_store_explicit(&turnover->vec->turnover, turnover, memory_order_release);
        if (turnover->staging) pthread_mutex_unlock(&turnover->vec->map_lock);
    }
}

void cprom__turnover_withdraw(struct cprom__turnover *first)
{
    for (struct cprom__turnover *turnover = first; turnover; turnover = turnover->next) {
        pthread_mutex_lock(&turnover->vec->map_lock);
        atomic_store_explicit(&turnover->vec->turnover, NULL, memory_order_relaxed);
        pthread_mutex_unlock(&turnover->vec->map_lock);
    }
}

void cprom__moment_happens(struct cprom_registry *registry, uint64_t epoch)
{
    uint64_t before = epoch - ((uint64_t)1 << CPROM__LIFE_SHIFT);
    /* release: the turnovers are published before; pairs with the acquire in cprom__epoch_now(). */
    atomic_compare_exchange_strong_explicit(&registry->epoch, &before, epoch, memory_order_release,
                                            memory_order_relaxed);
}

/* ---- removing by the map ---- */

/* Whether it goes; the rest is cprom__vec_kill()'s. `of_owner`: its owner is known to match. */
static bool turnover_takes(const struct cprom__turnover *turnover, const struct cprom_series *series, bool of_owner)
{
    const struct cprom__match *match = turnover->walks;
    if (!(of_owner && match->n == 1) && !cprom__match_has(match, series)) return false;
    return !turnover->staging || turnover->staging->judge(turnover, series) == CPROM__VERDICT_GOES;
}

/* One part of the map; false: that was the last. */
static bool turnover_walk_map(struct cprom__turnover *turnover)
{
    struct cprom_vec *vec = turnover->vec;
    uint32_t hash = (uint32_t)turnover->cursor;
    struct cprom__segment *segment;
    if (!cprom__map_walk(&vec->map, &turnover->cursor, &segment)) return false;
    for (uint32_t i = 0; i <= segment->mask; i++) {
        uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
        if (entry <= CPROM__ENTRY_DEAD) continue;
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, (uint32_t)entry);
        if (!turnover_takes(turnover, series, false)) continue;
        turnover->removed +=
            cprom__killed_counts(cprom__vec_kill(vec, series, (uint32_t)entry, &turnover->removing, true));
    }
    cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    return true;
}

/* ---- removing by owner ---- */

/* Some chunks of an owner's list, and the series in them, one chunk's after the other's. */
struct turnover_owned {
    uint32_t chunks[TURNOVER_OWNER_CHUNKS];
    struct cprom_series *series[TURNOVER_OWNER_CHUNKS * CPROM__OWNER_CHUNK];
    size_t n_chunks, n_series;
};

/*
 * Takes the next chunks. What removing them needs comes into the cache, a step at a time, so that the misses overlap.
 */
static void turnover_take_chunks(struct cprom_vec *vec, uint32_t *next, struct turnover_owned *owned)
{
    struct cprom__slab *slab = &vec->registry->slab;
    owned->n_chunks = owned->n_series = 0;
    while (*next && owned->n_chunks < TURNOVER_OWNER_CHUNKS) {
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
static void turnover_walk_chunk(struct cprom__turnover *turnover, uint32_t chunk_index, struct cprom_series *const *all)
{
    struct cprom_vec *vec = turnover->vec;
    struct cprom__owner_chunk *chunk = cprom__slab_at(&vec->registry->slab, chunk_index);
    uint32_t n = chunk->n, kept = 0, hashes[CPROM__OWNER_CHUNK];
    size_t unlinked = 0;
    atomic_fetch_add_explicit(&vec->dead, n, memory_order_relaxed); /* before a gather sees one and counts it down */
    for (uint32_t i = 0; i < n; i++) {
        /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): `all` has the n of this chunk */
        struct cprom_series *series = all[i];
        uint32_t index = chunk->indexes[i];
        hashes[unlinked] = series->hash;
        enum cprom__killed killed = CPROM__KILLED_NOT;
        if (turnover_takes(turnover, series, true)) {
            killed = cprom__vec_kill(vec, series, index, &turnover->removing, false);
            turnover->removed += cprom__killed_counts(killed);
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
}

/*
 * Some of what the owner has; false: those were the last. What comes in meanwhile is at the front, and touched since. A
 * chunk that goes meanwhile hands the walk on: cprom__owner_tidy().
 */
static bool turnover_walk_owner(struct cprom__turnover *turnover, struct cprom__piece owner)
{
    struct cprom_vec *vec = turnover->vec;
    struct turnover_owned owned;
    uint32_t next = turnover->cursor ? vec->owner_walk : cprom__owner_chunks(vec, owner);
    for (size_t done = 0; next && done < TURNOVER_OWNER_SERIES; done += owned.n_series) {
        struct cprom_series **series = owned.series;
        turnover_take_chunks(vec, &next, &owned);
        for (size_t c = 0; c < owned.n_chunks; c++) {
            uint32_t n = ((struct cprom__owner_chunk *)cprom__slab_at(&vec->registry->slab, owned.chunks[c]))->n;
            turnover_walk_chunk(turnover, owned.chunks[c], series);
            series += n;
        }
    }
    vec->owner_walk = next;
    turnover->cursor = 1; /* it has begun */
    return next != 0;
}

/* ---- finishing ---- */

/* Some of the walk; false: it is over. */
static bool turnover_walk(struct cprom__turnover *turnover)
{
    const struct cprom__match *match = turnover->walks;
    struct cprom_vec *vec = turnover->vec;
    if (!match) return false;
    size_t at = 0;
    while (vec->has_owner && at < match->n && match->label[at] != vec->owner_label) at++;
    bool by_owner = vec->has_owner && at < match->n;
    if (!(by_owner ? turnover_walk_owner(turnover, match->value[at]) : turnover_walk_map(turnover))) {
        turnover->walks = match->next;
        turnover->cursor = 0;
    }
    return true;
}

/* A portion, under the lock. */
static void turnover_advance(struct cprom__turnover *turnover)
{
    struct cprom_vec *vec = turnover->vec;
    size_t before = turnover->removed;
    bool more = turnover_walk(turnover);
    turnover->uncounted += turnover->removed - before;
    if (!turnover->staging) { /* nothing takes the places: they are free at once */
        cprom__vec_count(vec, turnover->removing.reason, turnover->uncounted, 0);
        turnover->uncounted = 0;
    }
    if (more || (turnover->staging && turnover->staging->bear(turnover))) return;
    cprom__vec_count(vec, turnover->removing.reason, turnover->uncounted, turnover->born);
    turnover->uncounted = turnover->born = 0;
    turnover->finished = true;
    /* release: all of it comes first; pairs with the acquire in touch.c. */
    atomic_store_explicit(&vec->turnover, NULL, memory_order_release);
}

static void turnover_finish(struct cprom__turnover *turnover)
{
    for (bool finished = false; !finished;) {
        pthread_mutex_lock(&turnover->vec->map_lock);
        if (!turnover->finished) turnover_advance(turnover);
        finished = turnover->finished;
        pthread_mutex_unlock(&turnover->vec->map_lock);
        CPROM__SEAM(CPROM__SEAM_MATCH_WALKS);
    }
}

size_t cprom__turnover_finish(struct cprom__turnover *first)
{
    size_t removed = 0;
    CPROM__SEAM(CPROM__SEAM_CHANGE_BEGINS);
    for (struct cprom__turnover *turnover = first; turnover; turnover = turnover->next) {
        turnover_finish(turnover);
        removed += turnover->removed;
        if (turnover->next) CPROM__SEAM(CPROM__SEAM_CHANGE_HALF);
    }
    return removed;
}

void cprom__turnover_help(struct cprom_vec *vec)
{
    /* Not the next one, too: whoever helps has a bounded share. */
    uint64_t epoch = cprom__epoch_now(vec);
    struct cprom__turnover *turnover;
    while ((turnover = cprom__turnover_at(vec, epoch)) != NULL) {
        turnover_advance(turnover);
        /* In between, so that others come in. */
        pthread_mutex_unlock(&vec->map_lock);
        pthread_mutex_lock(&vec->map_lock);
    }
}

enum cprom__verdict cprom__turnover_settle(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                           uint64_t epoch)
{
    struct cprom__turnover *turnover = cprom__turnover_at(vec, epoch);
    if (!turnover || !cprom__match_any(turnover->matches, series)) return CPROM__VERDICT_STAYS;
    if (atomic_load_explicit(&series->life, memory_order_relaxed) >= turnover->removing.touched_since)
        return CPROM__VERDICT_STAYS;
    enum cprom__verdict verdict = turnover->staging ? turnover->staging->judge(turnover, series) : CPROM__VERDICT_GOES;
    if (verdict != CPROM__VERDICT_GOES) return verdict;
    /* It stays if it was touched meanwhile. */
    return cprom__turnover_kill(turnover, series, index) ? CPROM__VERDICT_GOES : CPROM__VERDICT_STAYS;
}

bool cprom__turnover_kill(struct cprom__turnover *turnover, struct cprom_series *series, uint32_t index)
{
    struct cprom_vec *vec = turnover->vec;
    uint32_t hash = series->hash;
    if (!index) index = cprom__series_index(vec, series);
    if (!cprom__killed_counts(cprom__vec_kill(vec, series, index, &turnover->removing, true))) return false;
    turnover->removed++;
    if (turnover->staging) turnover->uncounted++;
    else cprom__vec_count(vec, turnover->removing.reason, 1, 0);
    cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    return true;
}

void cprom__vec_empty(struct cprom_vec *vec)
{
    const struct cprom__removing removing = {.reason = CPROM__REMOVED_CLEAR, .touched_since = CPROM__TOUCHED_NEVER};
    if (vec->is_plain) {
        pthread_mutex_lock(&vec->map_lock);
        if (cprom__killed_counts(cprom__vec_kill(vec, vec->plain, 0, &removing, true)))
            cprom__vec_count(vec, removing.reason, 1, 0);
        pthread_mutex_unlock(&vec->map_lock);
        return;
    }
    const struct cprom__match all = {.n = 0};
    struct cprom__turnover turnover = cprom__turnover_of(vec, &all, &removing, 0);
    for (bool more = true; more;) {
        pthread_mutex_lock(&vec->map_lock);
        size_t before = turnover.removed;
        more = turnover_walk(&turnover);
        cprom__vec_count(vec, removing.reason, turnover.removed - before, 0);
        pthread_mutex_unlock(&vec->map_lock);
        CPROM__SEAM(CPROM__SEAM_MATCH_WALKS);
    }
}
