/* Destroys what was retired, in bounded portions. */
#include "store/reclaim.h"

#include "store/series.h"

#define RECLAIM_SOME_EVERY 16u /* calls of cprom__reclaim_some() for one that works */
#define RECLAIM_PORTION 64u    /* series that are looked at under one hold of the lock, each perhaps in a page */
#define RECLAIM_SOME_BLOCKS 4u /* retired blocks that are worth its while */

/* What becomes of a series that is ready. */
enum reclaim_fate {
    RECLAIM_DOOMED,
    RECLAIM_WAITS, /* a handle is out, or a page is being taken */
    RECLAIM_PINNED /* by a page, which has it now */
};

static enum reclaim_fate reclaim_decide(struct cprom__reclaimer *reclaimer, const struct cprom_series *series,
                                        uint32_t index)
{
    /* acquire: pairs with the release of the last unref; what its holder did comes first. */
    if (atomic_load_explicit(&series->refs, memory_order_acquire) >= CPROM__REF) return RECLAIM_WAITS;
    uint64_t death = atomic_load_explicit(&series->life, memory_order_relaxed) >> CPROM__LIFE_SHIFT;
    for (struct cprom__pin *pin = reclaimer->pins.next; pin != &reclaimer->pins; pin = pin->next) {
        if (series->birth >= pin->snapshot || pin->snapshot > death) continue;
        if (!pin->shows) return RECLAIM_WAITS;
        if (!pin->shows(pin, series)) continue;
        cprom__pin_keep(reclaimer, pin, index);
        return RECLAIM_PINNED;
    }
    return RECLAIM_DOOMED;
}

size_t cprom__reclaim(struct cprom__reclaimer *reclaimer, size_t max)
{
    uint32_t doomed = 0;
    size_t n = 0, pinned = 0;
    uint64_t epoch = cprom__read_epoch_advance();
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__block *blocks[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) {
        struct cprom__bag *bag = &reclaimer->bags[i];
        if (bag->epoch && bag->epoch + 2 <= epoch) blocks[i] = cprom__bag_empty(reclaimer, bag);
    }
    /* What has to wait goes to the end, so that each call looks at others; one round at the most. */
    uint32_t end = 0;
    for (size_t looked = 0; looked < max && reclaimer->ready_first && reclaimer->ready_first != end; looked++) {
        uint32_t index = cprom__ready_pop(reclaimer);
        struct cprom_series *series = cprom__slab_at(reclaimer->slab, index);
        switch (reclaim_decide(reclaimer, series, index)) {
        case RECLAIM_PINNED: pinned++; break;
        case RECLAIM_WAITS:
            cprom__ready_add(reclaimer, index);
            if (!end) end = index;
            break;
        case RECLAIM_DOOMED:
            series->next = doomed;
            doomed = index;
            n++;
            break;
        }
    }
    atomic_fetch_sub_explicit(&reclaimer->waiting, n + pinned, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    for (int i = 0; i < 3; i++) cprom__blocks_free(reclaimer, blocks[i]);
    cprom__series_destroy_list(reclaimer->slab, doomed);
    return n;
}

void cprom__reclaim_some(struct cprom__reclaimer *reclaimer)
{
    if (atomic_load_explicit(&reclaimer->waiting, memory_order_relaxed) < RECLAIM_SOME_EVERY &&
        atomic_load_explicit(&reclaimer->blocks, memory_order_relaxed) < RECLAIM_SOME_BLOCKS) {
        return;
    }
    /* Not a read-modify-write: if two threads count as one, the work comes a call later. */
    uint32_t call = atomic_load_explicit(&reclaimer->calls, memory_order_relaxed);
    atomic_store_explicit(&reclaimer->calls, call + 1, memory_order_relaxed);
    if (call % RECLAIM_SOME_EVERY == 0) cprom__reclaim(reclaimer, RECLAIM_PORTION);
}

void cprom__reclaim_many(struct cprom__reclaimer *reclaimer, size_t max)
{
    size_t left = (size_t)atomic_load_explicit(&reclaimer->waiting, memory_order_relaxed); /* each has an object */
    if (!left) left = atomic_load_explicit(&reclaimer->blocks, memory_order_relaxed) != 0;
    if (left > max) left = max;
    /* By what it looks at: some of it may be reachable, and what comes behind need not be. */
    for (size_t looked = 0; looked < left; looked += RECLAIM_PORTION) cprom__reclaim(reclaimer, RECLAIM_PORTION);
}

void cprom__reclaim_abandon(struct cprom__reclaimer *reclaimer)
{
    for (;;) {
        pthread_mutex_lock(&reclaimer->lock);
        struct cprom__block *blocks[3];
        for (int i = 0; i < 3; i++) blocks[i] = cprom__bag_empty(reclaimer, &reclaimer->bags[i]);
        uint32_t index = reclaimer->ready_first;
        if (index) {
            cprom__ready_pop(reclaimer);
            atomic_fetch_sub_explicit(&reclaimer->waiting, 1, memory_order_relaxed);
        }
        pthread_mutex_unlock(&reclaimer->lock);
        for (int i = 0; i < 3; i++) cprom__blocks_free(reclaimer, blocks[i]);
        if (!index) return;
        cprom__series_abandon(cprom__slab_at(reclaimer->slab, index), index);
    }
}
