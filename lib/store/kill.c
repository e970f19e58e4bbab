/* How a series dies, and leaves map and owner's list. */
#include "store/kill.h"

#include "store/owner.h"

void cprom__series_unlink(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone)
{
    if (index) cprom__map_remove(&vec->map, series->hash, index);
    if (alone && vec->has_owner) cprom__owner_remove(vec, series);
    if (alone) atomic_fetch_add_explicit(&vec->dead, 1, memory_order_relaxed);
    /* release: pairs with the acquire in cprom__series_unlinked(); retired only after it has left the map. Not a
     * read-modify-write: a dead series' life is changed under the map's lock only. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_relaxed);
    atomic_store_explicit(&series->life, life | CPROM__LIFE_UNLINKED, memory_order_release);
}

void cprom__series_end_linger(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, bool alone,
                              uint64_t snapshot)
{
    atomic_store_explicit(&cprom__series_extra(series)->lingers, snapshot, memory_order_relaxed);
    /* release: the number comes first; pairs with the acquires of gathers. */
    atomic_fetch_and_explicit(&series->life, ~(uint64_t)CPROM__LIFE_LINGER, memory_order_release);
    atomic_fetch_sub_explicit(&vec->lingering, 1, memory_order_relaxed);
    cprom__series_unlink(vec, series, index, alone);
}

uint32_t cprom__series_index(struct cprom_vec *vec, const struct cprom_series *series)
{
    struct cprom__probe probe = cprom__map_probe(&vec->map, series->hash);
    uint32_t index;
    while ((index = cprom__probe_next(&probe)) != 0 && cprom__slab_at(&vec->registry->slab, index) != series) {
    }
    return index;
}

void cprom__vec_count(struct cprom_vec *vec, enum cprom__removal reason, size_t removed, size_t born)
{
    struct cprom_registry *registry = vec->registry;
    cprom__count_locked(&vec->live, born - removed);
    if (removed) {
        uint64_t before = atomic_load_explicit(&vec->removed[reason], memory_order_relaxed);
        atomic_store_explicit(&vec->removed[reason], before + removed, memory_order_relaxed);
        /* release: their creations come first; pairs with the acquire in cprom_registry_stats(). */
        atomic_fetch_add_explicit(&registry->removed, removed, memory_order_release);
    }
    if (born) atomic_fetch_add_explicit(&registry->created, born, memory_order_relaxed);
}

static bool kill_may_linger(struct cprom_vec *vec)
{
    return vec->linger &&
           (!vec->max_series || atomic_load_explicit(&vec->lingering, memory_order_relaxed) < vec->max_series);
}

enum cprom__killed cprom__vec_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                   const struct cprom__removing *removing, bool alone)
{
    bool linger = removing->linger && kill_may_linger(vec);
    uint64_t snapshot = cprom__snapshot_now(&vec->registry->reclaimer);
    uint64_t life = atomic_load_explicit(&series->life, memory_order_relaxed);
    if (life & CPROM__LIFE_HIDDEN) return CPROM__KILLED_NOT;
    if (life & CPROM__LIFE_DEAD) { /* which changes under this lock only, as does the lingering */
        if (!(life & CPROM__LIFE_LINGER) || removing->linger) return CPROM__KILLED_NOT;
        uint64_t since = atomic_load_explicit(&cprom__series_extra(series)->lingers, memory_order_relaxed);
        if (since >= removing->touched_since) return CPROM__KILLED_NOT;
        cprom__series_end_linger(vec, series, index, alone, snapshot);
        return CPROM__KILLED_LINGERED_ON;
    }
    if (vec->linger) {
        struct cprom__extra *extra = cprom__series_extra(series);
        if (linger) atomic_store_explicit(&extra->until, removing->now + vec->linger, memory_order_relaxed);
        atomic_store_explicit(&extra->lingers, linger ? removing->epoch : 0, memory_order_relaxed);
    }
    uint64_t dead = snapshot << CPROM__LIFE_SHIFT | CPROM__LIFE_DEAD | (linger ? CPROM__LIFE_LINGER : 0);
    do {
        if (life >= removing->touched_since) return CPROM__KILLED_NOT;
        /* release: until when it lingers, and `gone` if that is why, come first; pairs with the acquires of gathers. */
    } while (!atomic_compare_exchange_weak_explicit(&series->life, &life, dead | (life & CPROM__LIFE_TIMED),
                                                    memory_order_release, memory_order_relaxed));
    if (atomic_load_explicit(&vec->other, memory_order_relaxed) == series) {
        atomic_store_explicit(&vec->other, NULL, memory_order_relaxed);
    }
    if (vec->max_per_owner) cprom__owner_died(vec, series);
    CPROM__SEAM(CPROM__SEAM_KILL_MARKED);
    if (linger) {
        atomic_fetch_add_explicit(&vec->lingering, 1, memory_order_relaxed);
        return CPROM__KILLED_LINGERS;
    }
    cprom__series_unlink(vec, series, index, alone);
    return CPROM__KILLED_UNLINKED;
}
