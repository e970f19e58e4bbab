/* What a vector needs done now and then: series expire, dead ones leave the order and are reclaimed. */
#include "store/upkeep.h"

#include "store/kill.h"
#include "store/owner.h"
#include "store/reclaim.h"
#include "store/turnover.h"

/*
 * Expiry by time: series of a vector with a ttl that were idle for longer and that nobody holds, and lingering ones
 * whose time is over. A gather leaves them out and hands them to cprom__vec_expire(); without gathers, work that
 * creations and removals do finds them. Model: tests/models/expire.pml.
 */

#define UPKEEP_EXPIRE_EVERY 64u /* calls of cprom__vec_upkeep() for one that looks for expired series */
#define UPKEEP_DEAD_MIN 256u    /* dead series that a vector's order may hold before anybody looks for them */
#define UPKEEP_SEGMENTS 2u      /* of the map that cprom__vec_expire_some() looks at */
#define UPKEEP_OF_OWNER 1024u   /* series of an owner that are looked at under one hold of the lock */

/* Whether it was touched too long ago; a handle may keep it all the same. */
static bool upkeep_is_late(const struct cprom_series *series, int64_t now)
{
    /* seq_cst, as for the references: see touch_stamp_time(). */
    int64_t touched = atomic_load_explicit(&cprom__series_extra(series)->touched, memory_order_seq_cst);
    return now - touched > series->vec->ttl;
}

static bool upkeep_is_referenced(const struct cprom_series *series)
{
    return atomic_load_explicit(&series->refs, memory_order_seq_cst) >= CPROM__REF;
}

/*
 * Whether somebody has a handle. A commit reserves one series after the other: if that kept them, a page would show some
 * of its series, and others that were idle alike not. The two numbers agree under the map's lock only.
 */
static bool upkeep_is_held(const struct cprom_series *series, bool locked)
{
    if (!upkeep_is_referenced(series)) return false;
    if (!locked) pthread_mutex_lock(&series->vec->map_lock);
    uint32_t refs = atomic_load_explicit(&series->refs, memory_order_seq_cst);
    bool held = (refs & CPROM__REF_MANY) || refs / CPROM__REF > cprom__series_extra(series)->reserved;
    if (!locked) pthread_mutex_unlock(&series->vec->map_lock);
    return held;
}

/* The newest snapshot when its lingering ended; 0: it did not linger, or does. */
static uint64_t upkeep_lingered(const struct cprom_series *series, uint64_t life)
{
    if (!series->vec->linger || (life & CPROM__LIFE_LINGER)) return 0;
    return atomic_load_explicit(&cprom__series_extra(series)->lingers, memory_order_relaxed);
}

bool cprom__series_past(const struct cprom_series *series, uint64_t snapshot)
{
    /* acquire: pairs with the releases of the kill and of the end of the lingering. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    return (life & CPROM__LIFE_UNLINKED) && life >> CPROM__LIFE_SHIFT < snapshot &&
           upkeep_lingered(series, life) < snapshot;
}

static bool upkeep_is_shown(const struct cprom_series *series, const struct cprom__view_of *view, bool locked,
                            bool *over)
{
    /* acquire: pairs with the release in cprom__vec_kill(); until comes before the flag. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    *over = false;
    if (life & CPROM__LIFE_HIDDEN) return false;
    bool dead = life & CPROM__LIFE_DEAD;
    if (!dead || life >> CPROM__LIFE_SHIFT >= view->snapshot) {
        bool late = (life & CPROM__LIFE_TIMED) && upkeep_is_late(series, view->now);
        bool shown = !late || upkeep_is_held(series, locked);
        *over = !shown && !dead;
        return shown;
    }
    bool lingers = life & CPROM__LIFE_LINGER;
    if (!lingers && upkeep_lingered(series, life) < view->snapshot) return false;
    bool in_time = view->now < atomic_load_explicit(&cprom__series_extra(series)->until, memory_order_relaxed);
    *over = lingers && !in_time;
    return in_time && !view->living;
}

bool cprom__series_shown(const struct cprom_series *series, const struct cprom__view_of *view, bool *over)
{
    return upkeep_is_shown(series, view, false, over);
}

bool cprom__series_shown_locked(const struct cprom_series *series, const struct cprom__view_of *view, bool *over)
{
    return upkeep_is_shown(series, view, true, over);
}

/* Under the map's lock. */
static void upkeep_expire(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, int64_t now)
{
    const struct cprom__view_of view = {.snapshot = UINT64_MAX, .now = now};
    bool over;
    if (cprom__series_shown_locked(series, &view, &over) || !over) return;
    if (cprom__series_is_dead(series)) {
        cprom__series_end_linger(vec, series, index, true, cprom__snapshot_now(&vec->registry->reclaimer));
        return;
    }
    /* From here on every touch comes to the lock; one that came before has stamped the time, or taken a reference. */
    atomic_fetch_or_explicit(&series->life, CPROM__LIFE_DYING, memory_order_seq_cst);
    CPROM__SEAM(CPROM__SEAM_EXPIRE_DYING);
    const struct cprom__removing removing = {.reason = CPROM__REMOVED_TTL, .touched_since = CPROM__TOUCHED_NEVER};
    bool idle = upkeep_is_late(series, now) && !upkeep_is_referenced(series);
    if (idle && cprom__killed_counts(cprom__vec_kill(vec, series, index, &removing, true))) {
        /* Unlinked: from now on it may be reclaimed at any time. */
        cprom__vec_count(vec, CPROM__REMOVED_TTL, 1, 0);
        return;
    }
    atomic_fetch_and_explicit(&series->life, ~(uint64_t)CPROM__LIFE_DYING, memory_order_relaxed);
}

/* While a change is at work on the vector, it is the change's. */
static bool upkeep_waits(const struct cprom_vec *vec)
{
    return atomic_load_explicit(&vec->turnover, memory_order_relaxed) != NULL;
}

void cprom__vec_expire(struct cprom_vec *vec, const struct cprom_series *series, int64_t now)
{
    uint32_t hash = series->hash;
    pthread_mutex_lock(&vec->map_lock);
    uint32_t index = cprom__series_index(vec, series);
    if (index && !upkeep_waits(vec)) {
        upkeep_expire(vec, cprom__slab_at(&vec->registry->slab, index), index, now);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    }
    pthread_mutex_unlock(&vec->map_lock);
}

/* Under the map's lock. */
static void upkeep_expire_segment(struct cprom_vec *vec, const struct cprom__segment *segment, uint32_t hash,
                                  int64_t now)
{
    for (uint32_t i = 0; i <= segment->mask; i++) {
        uint64_t entry = atomic_load_explicit(&segment->entries[i], memory_order_relaxed);
        if (entry > CPROM__ENTRY_DEAD)
            upkeep_expire(vec, cprom__slab_at(&vec->registry->slab, (uint32_t)entry), (uint32_t)entry, now);
    }
    cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
}

/* `for_room`: it waits for no change. false: the last part was in it. */
static bool upkeep_expire_some(struct cprom_vec *vec, bool for_room)
{
    bool more = true, there = true;
    int64_t now = cprom__monotonic_now(vec->registry);
    for (unsigned step = 0; step < UPKEEP_SEGMENTS && there; step++) {
        struct cprom__segment *segment;
        pthread_mutex_lock(&vec->map_lock);
        /* What expires before the moment of a change is nothing that it stages, since that is held. */
        while (for_room && cprom__turnover_at(vec, cprom__epoch_now(vec))) cprom__turnover_help(vec);
        bool waits = !for_room && upkeep_waits(vec); /* then the search goes on from here another time */
        uint32_t hash = (uint32_t)vec->expiry_at;
        there = !waits && cprom__map_walk(&vec->map, &vec->expiry_at, &segment);
        if (!there) more = false;
        if (!there && !waits) {
            vec->expiry_at = hash = 0;
            /* Who needs room looks at something, wherever the search stood. */
            if (step == 0) there = cprom__map_walk(&vec->map, &vec->expiry_at, &segment);
        }
        if (there) upkeep_expire_segment(vec, segment, hash, now);
        pthread_mutex_unlock(&vec->map_lock);
    }
    return more;
}

/* Under the map's lock. From the last: into the place of one that goes comes one that was looked at. */
static void upkeep_expire_chunk(struct cprom_vec *vec, const struct cprom__owner_chunk *chunk, int64_t now)
{
    for (uint32_t i = chunk->n; i-- > 0;) {
        uint32_t index = chunk->indexes[i];
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        uint32_t hash = series->hash;
        upkeep_expire(vec, series, index, now);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, hash);
    }
}

bool cprom__vec_expire_some(struct cprom_vec *vec) { return upkeep_expire_some(vec, false); }

void cprom__vec_make_room(struct cprom_vec *vec) { upkeep_expire_some(vec, true); }

void cprom__vec_make_room_of(struct cprom_vec *vec, const struct cprom__values *values)
{
    size_t looked = 0;
    int64_t now = cprom__monotonic_now(vec->registry);
    pthread_mutex_lock(&vec->map_lock);
    while (cprom__turnover_at(vec, cprom__epoch_now(vec))) cprom__turnover_help(vec);
    uint32_t next = cprom__owner_chunks_of(vec, values);
    while (next && looked < UPKEEP_OF_OWNER) {
        const struct cprom__owner_chunk *chunk = cprom__slab_at(&vec->registry->slab, next);
        next = chunk->next;
        looked += chunk->n;
        upkeep_expire_chunk(vec, chunk, now);
    }
    pthread_mutex_unlock(&vec->map_lock);
    /* What it has had for longest is at the end, which the search through the map comes to. */
    if (next) cprom__vec_make_room(vec);
}

/* ---- the rest of the upkeep ---- */

/* Under the order lock. */
static void upkeep_retire(struct cprom_vec *vec, const struct cprom__chain *chain)
{
    atomic_fetch_sub_explicit(&vec->dead, chain->n, memory_order_relaxed);
    cprom__retire_chain(&vec->registry->reclaimer, chain);
}

/* Whether so many are dead in the order that it is worth looking for them. */
static bool upkeep_is_worth_it(const struct cprom_vec *vec)
{
    size_t dead = atomic_load_explicit(&vec->dead, memory_order_relaxed);
    return CPROM__UNLIKELY(dead > UPKEEP_DEAD_MIN) && dead > atomic_load_explicit(&vec->live, memory_order_relaxed) / 4;
}

/* Under the order lock. */
static void upkeep_step(struct cprom_vec *vec)
{
    struct cprom__chain chain = {0, 0, 0};
    cprom__order_step(&vec->order, &vec->registry->reclaimer, &chain);
    upkeep_retire(vec, &chain);
}

void cprom__vec_catch_up(struct cprom_vec *vec)
{
    size_t owed = atomic_load_explicit(&vec->steps_owed, memory_order_relaxed);
    if (CPROM__LIKELY(!owed)) return;
    /* What others owe from here on is left to the next. */
    owed = atomic_exchange_explicit(&vec->steps_owed, 0, memory_order_relaxed);
    for (size_t i = 0; i < owed && upkeep_is_worth_it(vec); i++) upkeep_step(vec);
}

void cprom__vec_upkeep(struct cprom_vec *vec)
{
    struct cprom_registry *registry = vec->registry;
    if (upkeep_is_worth_it(vec)) {
        if (cprom__gate_try(&registry->order_lock)) {
            upkeep_step(vec);
            cprom__gate_leave(&registry->order_lock);
        } else {
            atomic_fetch_add_explicit(&vec->steps_owed, 1, memory_order_relaxed);
        }
    }
    if (vec->ttl || vec->linger) {
        unsigned call = atomic_fetch_add_explicit(&vec->upkeep_calls, 1, memory_order_relaxed);
        if (call % UPKEEP_EXPIRE_EVERY == 0) cprom__vec_expire_some(vec);
    }
    cprom__reclaim_some(&registry->reclaimer);
}

void cprom__vec_trim(struct cprom_vec *vec)
{
    struct cprom_registry *registry = vec->registry;
    size_t chunks = SIZE_MAX;
    if (vec->ttl || vec->linger) {
        /* To the end of the round that others have begun, and one whole round. */
        for (int rounds = 0; rounds < 2; rounds += !cprom__vec_expire_some(vec)) {
        }
    }
    /*
     * A step at a time, so that a gather can come in between. Each looks at one more young and one more sorted chunk.
     */
    for (size_t step = 0; step < chunks && atomic_load_explicit(&vec->dead, memory_order_relaxed); step++) {
        cprom__gate_enter(&registry->order_lock);
        if (step == 0) {
            size_t series = atomic_load_explicit(&vec->live, memory_order_relaxed) + vec->order.n_young_series +
                            vec->order.n_sorted_series + atomic_load_explicit(&vec->dead, memory_order_relaxed);
            chunks = 2 * (series / CPROM__ORDER_CHUNK + vec->order.n_sorted + 2);
        }
        upkeep_step(vec);
        cprom__gate_leave(&registry->order_lock);
    }
}
