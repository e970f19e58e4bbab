#include "store/owner.h"
#include "store/vec.h"

/*
 * Expiry by time: series of a vector with a ttl that were idle for longer and that nobody holds, and lingering ones
 * whose time is over. A gather leaves them out and hands them to cprom__vec_expire(); without gathers, work that
 * creations and removals do finds them. Model: tests/models/expire.pml.
 */

#define SEGMENTS 2u /* of the map that cprom__vec_expire_some() looks at */

static bool is_idle(const struct cprom_series *series, int64_t now)
{
    /* seq_cst, both: see cprom__series_touch(). */
    int64_t touched = atomic_load_explicit(&cprom__series_extra(series)->touched, memory_order_seq_cst);
    return now - touched > series->vec->ttl &&
           atomic_load_explicit(&series->refs, memory_order_seq_cst) < CPROM__REF;
}

bool cprom__series_shown(const struct cprom_series *series, int64_t now, bool *over)
{
    /* acquire: pairs with the release in cprom__vec_kill(); until comes before the flag. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    *over = false;
    if (life & CPROM__LIFE_HIDDEN) return false;
    if (life & CPROM__LIFE_DEAD) {
        if (!(life & CPROM__LIFE_LINGER)) return false;
        *over = atomic_load_explicit(&cprom__series_extra(series)->until, memory_order_relaxed) <= now;
        return !*over;
    }
    *over = (life & CPROM__LIFE_TIMED) && is_idle(series, now);
    return !*over;
}

/* Under the map's lock. */
static void expire(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref, int64_t now)
{
    bool over;
    if (cprom__series_shown(series, now, &over) || !over) return;
    if (atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_DEAD) {
        cprom__series_end_linger(vec, series, ref, true);
        return;
    }
    /* From here on every touch comes to the lock; one that came before has stamped the time, or taken a reference. */
    atomic_fetch_or_explicit(&series->life, CPROM__LIFE_DYING, memory_order_seq_cst);
    struct cprom__removing removing = {.reason = CPROM__REMOVED_TTL};
    if (is_idle(series, now) && cprom__vec_kill(vec, series, ref, &removing, now)) {
        /* Unlinked: from now on it may be reclaimed at any time. The flag stays; nobody waits for a dead one. */
        cprom__vec_removed(vec, CPROM__REMOVED_TTL, 1);
        return;
    }
    atomic_fetch_and_explicit(&series->life, ~(uint64_t)CPROM__LIFE_DYING, memory_order_relaxed);
}

void cprom__vec_expire(struct cprom_vec *vec, const struct cprom_series *series, int64_t now)
{
    uint32_t hash = series->hash;
    pthread_mutex_lock(&vec->map_lock);
    uint32_t ref = cprom__series_ref(vec, series);
    if (ref) {
        expire(vec, cprom__slab_at(&vec->registry->slab, ref), ref, now);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    }
    pthread_mutex_unlock(&vec->map_lock);
}

bool cprom__vec_expire_some(struct cprom_vec *vec)
{
    bool more = true;
    struct cprom__slab *slab = &vec->registry->slab;
    int64_t now = cprom__monotonic_now(vec->registry);
    for (unsigned step = 0; step < SEGMENTS && more; step++) {
        struct cprom__segment *segment;
        pthread_mutex_lock(&vec->map_lock);
        uint32_t hash = (uint32_t)vec->expiry_at;
        if (cprom__map_walk(&vec->map, &vec->expiry_at, &segment)) {
            for (uint32_t i = 0; i <= segment->mask; i++) {
                uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
                if (entry > CPROM__ENTRY_DEAD) expire(vec, cprom__slab_at(slab, (uint32_t)entry), (uint32_t)entry, now);
            }
            cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
        } else {
            vec->expiry_at = 0;
            more = false;
        }
        pthread_mutex_unlock(&vec->map_lock);
    }
    return more;
}
