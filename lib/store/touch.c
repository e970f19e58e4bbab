/* The touch of a series that was not touched in the present epoch. */
#include "store/touch.h"

#include "store/turnover.h"

/*
 * Whether a turnover is published; read after the epoch. If not, those of all moments up to that epoch are finished.
 * acquire: pairs with the release of turnover_advance(); what they have killed is seen dead.
 */
static bool touch_is_unsettled(const struct cprom_vec *vec)
{
    return atomic_load_explicit(&vec->turnover, memory_order_acquire) != NULL;
}

/* It only grows: whoever read the clock earlier may come later. */
static void touch_stamp_time(struct cprom_series *series, int64_t now)
{
    _Atomic int64_t *touched = &cprom__series_extra(series)->touched;
    int64_t before = atomic_load_explicit(touched, memory_order_seq_cst);
    /* seq_cst, as is the load of life behind it: pairs with upkeep_expire(), which marks it first and then looks here. */
    while (before < now &&
           !atomic_compare_exchange_weak_explicit(touched, &before, now, memory_order_seq_cst, memory_order_seq_cst)) {
    }
}

/* false: it is dead, hidden or dying. */
static bool touch_raise(struct cprom_series *series, uint64_t epoch)
{
    uint64_t life = atomic_load_explicit(&series->life, memory_order_seq_cst);
    do {
        if (life & (CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN | CPROM__LIFE_DYING)) return false;
        if (life >= epoch) return true;
        /*
         * A removal that looks at the touch is a CAS of the same word, so that one of the two comes first. release: who
         * finds it touched in this epoch finds the epoch raised; pairs with the acquires of look-ups. acquire: who finds it
         * dead likewise; pairs with the release of the kill.
         */
    } while (!atomic_compare_exchange_weak_explicit(&series->life, &life, epoch | (life & CPROM__LIFE_TIMED),
                                                    memory_order_release, memory_order_acquire));
    return true;
}

void cprom__series_stamp(struct cprom_series *series, uint64_t epoch, int64_t now)
{
    if (series->vec->ttl) touch_stamp_time(series, now);
    touch_raise(series, epoch);
}

/*
 * Under the map's lock: a turnover tells, or somebody who looked whether it is expired has done so. `written`: at the end of
 * an update, which a sweep spares.
 */
static bool touch_settled(struct cprom_series *series, bool written)
{
    struct cprom_vec *vec = series->vec;
    enum cprom__verdict verdict = CPROM__VERDICT_OPEN;
    bool live = false;
    pthread_mutex_lock(&vec->map_lock);
    while (verdict == CPROM__VERDICT_OPEN) {
        uint64_t epoch = cprom__epoch_now(vec);
        uint64_t life = atomic_load_explicit(&series->life, memory_order_relaxed);
        if (life & (CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN)) break;
        if (written) touch_raise(series, cprom__epoch_written(vec, epoch));
        verdict = cprom__turnover_settle(vec, series, 0, epoch);
        if (verdict == CPROM__VERDICT_OPEN) cprom__turnover_help(vec);
        if (verdict == CPROM__VERDICT_STAYS) live = touch_raise(series, epoch);
    }
    pthread_mutex_unlock(&vec->map_lock);
    return live;
}

bool cprom__series_touch_found(struct cprom_series *series)
{
    struct cprom_vec *vec = series->vec;
    if (vec->ttl) touch_stamp_time(series, cprom__monotonic_now(vec->registry));
    uint64_t epoch = cprom__epoch_now(vec);
    /* seq_cst: see touch_stamp_time(). Equal: no moment has come since it was touched. */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_seq_cst);
    if ((life & ~(uint64_t)CPROM__LIFE_TIMED) == epoch) return true;
    return !touch_is_unsettled(vec) && touch_raise(series, epoch);
}

static bool touch_held(struct cprom_series *series, bool written)
{
    if (cprom__series_touch_found(series)) return true;
    /* acquire: as in touch_raise(). */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    return !(life & CPROM__LIFE_DEAD) && touch_settled(series, written);
}

bool cprom__series_touch_held(struct cprom_series *series) { return touch_held(series, false); }

void cprom__series_touch_again(struct cprom_series *series)
{
    /* Whatever comes out: if the series is dead, its removal comes after the update. */
    touch_held(series, true);
}

enum cprom__presence cprom__series_presence(struct cprom_series *series)
{
    (void)cprom__epoch_now(series->vec); /* first: see touch_is_unsettled() */
    if (touch_is_unsettled(series->vec)) return CPROM__UNSETTLED;
    /* acquire: what it was born with comes first; pairs with the release in lookup_come_alive(). */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    return life & (CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN) ? CPROM__ABSENT : CPROM__PRESENT;
}

bool cprom__handle_touch_slowly(struct cprom_series *series, struct cprom__look *look)
{
    /* Before the touch: one that comes in between is found at the end of the update. */
    look->seen = atomic_load_explicit(look->epoch, memory_order_relaxed);
    bool live = cprom__series_touch_held(series);
    if (!live) cprom__vec_drop(series->vec, CPROM__DROP_DETACHED);
    return live;
}
