/*
 * The touch: whether a series is alive, and that it is used.
 *
 * A series that was touched in the present epoch is alive, and no moment has come since: one comparison. Otherwise its
 * vector's turnover, if there is one, is asked: turnover.h.
 *
 * An update looks, writes, and then looks at the epoch again: if that has changed, it touches once more. So what was
 * written after a mark is not swept. The mark sees to it that no processor looks before it has written: barrier.h.
 *
 * Models: tests/models/life.pml (touch against removal), expire.pml (touch against expiry), mark.pml (marks).
 */
#ifndef CPROM_LIB_STORE_TOUCH_H
#define CPROM_LIB_STORE_TOUCH_H

#include "store/series.h"

/* Touches a series that the caller has a reference to, or has found in this read section; false: it is dead. */
bool cprom__series_touch_held(struct cprom_series *series);

/* The same without any lock. false: it is dead, or that can be told under the lock only. */
bool cprom__series_touch_found(struct cprom_series *series);

/* Under the map's lock: raises the touch of a series that is alive and settled to this epoch; `now`: of a timed one. */
void cprom__series_stamp(struct cprom_series *series, uint64_t epoch, int64_t now);

/* After an update that began in an older epoch. */
CPROM__NOINLINE void cprom__series_touch_again(struct cprom_series *series);

enum cprom__presence {
    CPROM__ABSENT,
    CPROM__PRESENT,
    CPROM__UNSETTLED /* look it up under the lock */
};

/* Whether a series that was found in a read section is there; not touched. For one that was not touched in this epoch. */
CPROM__NOINLINE enum cprom__presence cprom__series_presence(struct cprom_series *series);

/* What an update knows between its two looks at the epoch. */
struct cprom__look {
    const _Atomic uint64_t *epoch;
    uint64_t seen;
};

CPROM__NOINLINE bool cprom__handle_touch_slowly(struct cprom_series *series, struct cprom__look *look);

/* Whether an update through a handle may go ahead without a touch; if not, see cprom__handle_touch(). */
static inline bool cprom__handle_is_fresh(const struct cprom_series *series, struct cprom__look *look)
{
    /* relaxed: a removal at the same time may come before or after. */
    look->seen = atomic_load_explicit(&series->life, memory_order_relaxed);
    look->epoch = series->vec->epoch;
    return look->seen == atomic_load_explicit(look->epoch, memory_order_relaxed);
}

/* Begins an update through a handle: touches the series. false: it is dead; that is counted as a detached update. */
static inline bool cprom__handle_touch(struct cprom_series *series, struct cprom__look *look)
{
    return CPROM__LIKELY(cprom__handle_is_fresh(series, look)) || cprom__handle_touch_slowly(series, look);
}

/* Ends an update, through a handle or by label values: the value is written. */
static inline void cprom__update_ends(struct cprom_series *series, const struct cprom__look *look)
{
    /* For the compiler only: the value is written before the epoch is read. The mark does the rest. */
    atomic_signal_fence(memory_order_seq_cst);
    if (CPROM__UNLIKELY(atomic_load_explicit(look->epoch, memory_order_relaxed) != look->seen))
        cprom__series_touch_again(series);
}

#endif
