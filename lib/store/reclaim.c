#include "store/reclaim.h"

#include "store/series.h"

#define SOME_EVERY 16u   /* calls of cprom__reclaim_some() for one that works */
#define SOME_SERIES 64u  /* series that it looks at */
#define SOME_BLOCKS 4u   /* retired blocks that are worth its while */
#define PORTION 256u     /* series that cprom__reclaim_many() looks at under one hold of the lock */

void cprom__reclaimer_init(struct cprom__reclaimer *reclaimer, struct cprom__allocator *allocator,
                           struct cprom__slab *slab)
{
    reclaimer->allocator = allocator;
    reclaimer->slab = slab;
    atomic_init(&reclaimer->snapshot, 0);
    atomic_init(&reclaimer->waiting, 0);
    atomic_init(&reclaimer->blocks, 0);
    atomic_init(&reclaimer->calls, 0);
    pthread_mutex_init(&reclaimer->lock, NULL);
    for (int i = 0; i < 3; i++) reclaimer->bags[i] = (struct cprom__bag){0, NULL, 0, 0};
    reclaimer->ready_first = reclaimer->ready_last = 0;
    reclaimer->pins.next = reclaimer->pins.prev = &reclaimer->pins;
}

static void free_blocks(struct cprom__reclaimer *reclaimer, struct cprom__block *blocks)
{
    while (blocks) {
        struct cprom__block *next = blocks->next;
        cprom__release(reclaimer->allocator, blocks, blocks->bytes);
        atomic_fetch_sub_explicit(&reclaimer->blocks, 1, memory_order_relaxed);
        blocks = next;
    }
}

void cprom__reclaimer_destroy(struct cprom__reclaimer *reclaimer)
{
    for (int i = 0; i < 3; i++) free_blocks(reclaimer, reclaimer->bags[i].blocks);
    pthread_mutex_destroy(&reclaimer->lock);
}

static struct cprom_series *series_at(struct cprom__reclaimer *reclaimer, uint32_t ref)
{
    return cprom__slab_at(reclaimer->slab, ref);
}

/* Puts the list from `head` to `tail` behind the list from `*first` to `*last`. */
static void join(struct cprom__reclaimer *reclaimer, uint32_t *first, uint32_t *last, uint32_t head, uint32_t tail)
{
    if (*last) series_at(reclaimer, *last)->next = head;
    else *first = head;
    *last = tail;
}

static void append(struct cprom__reclaimer *reclaimer, uint32_t *first, uint32_t *last, uint32_t ref)
{
    series_at(reclaimer, ref)->next = 0;
    join(reclaimer, first, last, ref, ref);
}

/* What is in the bag has waited long enough: series become ready; returns the blocks, to be freed without the lock. */
static struct cprom__block *empty_bag(struct cprom__reclaimer *reclaimer, struct cprom__bag *bag)
{
    struct cprom__block *blocks = bag->blocks;
    if (bag->first) join(reclaimer, &reclaimer->ready_first, &reclaimer->ready_last, bag->first, bag->last);
    *bag = (struct cprom__bag){0, NULL, 0, 0};
    return blocks;
}

/* The bag for what was unlinked before now. If it still holds an epoch three ago, that comes out in `*blocks`. */
static struct cprom__bag *open_bag(struct cprom__reclaimer *reclaimer, struct cprom__block **blocks)
{
    uint64_t epoch = cprom__read_epoch_now();
    struct cprom__bag *bag = &reclaimer->bags[epoch % 3];
    *blocks = bag->epoch == epoch ? NULL : empty_bag(reclaimer, bag);
    bag->epoch = epoch;
    return bag;
}

void cprom__retire_block(struct cprom__reclaimer *reclaimer, struct cprom__block *block)
{
    struct cprom__block *old;
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__bag *bag = open_bag(reclaimer, &old);
    block->next = bag->blocks;
    bag->blocks = block;
    atomic_fetch_add_explicit(&reclaimer->blocks, 1, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    free_blocks(reclaimer, old);
}

void cprom__chain_add(struct cprom__reclaimer *reclaimer, struct cprom__chain *chain, uint32_t ref, uint64_t death)
{
    /* relaxed: it is dead already, and only the reclaimer reads the number, under its lock. */
    atomic_store_explicit(&series_at(reclaimer, ref)->life,
                          death << CPROM__LIFE_SHIFT | CPROM__LIFE_DEAD | CPROM__LIFE_UNLINKED, memory_order_relaxed);
    append(reclaimer, &chain->first, &chain->last, ref);
    chain->n++;
}

void cprom__retire_chain(struct cprom__reclaimer *reclaimer, const struct cprom__chain *chain)
{
    if (!chain->n) return;
    struct cprom__block *old;
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__bag *bag = open_bag(reclaimer, &old);
    join(reclaimer, &bag->first, &bag->last, chain->first, chain->last);
    atomic_fetch_add_explicit(&reclaimer->waiting, chain->n, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    free_blocks(reclaimer, old);
}

void cprom__pin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin)
{
    pthread_mutex_lock(&reclaimer->lock);
    pin->snapshot = atomic_load_explicit(&reclaimer->snapshot, memory_order_relaxed) + 1;
    /* release: pairs with cprom__snapshot_now() of a creation: one that sees the number is not older than it. */
    atomic_store_explicit(&reclaimer->snapshot, pin->snapshot, memory_order_release);
    pin->next = &reclaimer->pins;
    pin->prev = reclaimer->pins.prev;
    pin->prev->next = pin->next->prev = pin;
    pthread_mutex_unlock(&reclaimer->lock);
}

void cprom__pin_complete(struct cprom__reclaimer *reclaimer)
{
    pthread_mutex_lock(&reclaimer->lock);
    /* release: as in cprom__pin(). A number of its own, which no page has, for what is born between two snapshots. */
    uint64_t between = atomic_load_explicit(&reclaimer->snapshot, memory_order_relaxed) + 1;
    atomic_store_explicit(&reclaimer->snapshot, between, memory_order_release);
    pthread_mutex_unlock(&reclaimer->lock);
}

void cprom__unpin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin)
{
    pthread_mutex_lock(&reclaimer->lock);
    pin->prev->next = pin->next;
    pin->next->prev = pin->prev;
    pthread_mutex_unlock(&reclaimer->lock);
}

static bool reachable(const struct cprom__reclaimer *reclaimer, const struct cprom_series *series)
{
    /* acquire: pairs with the release of the last unref; what its holder did comes first. */
    if (atomic_load_explicit(&series->refs, memory_order_acquire) >= CPROM__REF) return true;
    uint64_t death = atomic_load_explicit(&series->life, memory_order_relaxed) >> CPROM__LIFE_SHIFT;
    for (struct cprom__pin *pin = reclaimer->pins.next; pin != &reclaimer->pins; pin = pin->next) {
        if (series->birth <= pin->snapshot && pin->snapshot <= death) return true;
    }
    return false;
}

static uint32_t pop_ready(struct cprom__reclaimer *reclaimer)
{
    uint32_t ref = reclaimer->ready_first;
    reclaimer->ready_first = series_at(reclaimer, ref)->next;
    if (!reclaimer->ready_first) reclaimer->ready_last = 0;
    return ref;
}

size_t cprom__reclaim(struct cprom__reclaimer *reclaimer, size_t max)
{
    uint32_t doomed = 0;
    size_t n = 0;
    uint64_t epoch = cprom__read_epoch_advance();
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__block *blocks[3] = {NULL, NULL, NULL};
    for (int i = 0; i < 3; i++) {
        struct cprom__bag *bag = &reclaimer->bags[i];
        if (bag->epoch && bag->epoch + 2 <= epoch) blocks[i] = empty_bag(reclaimer, bag);
    }
    /* What is still reachable goes to the end, so that each call looks at others; one round at the most. */
    uint32_t end = 0;
    for (size_t looked = 0; looked < max && reclaimer->ready_first && reclaimer->ready_first != end; looked++) {
        uint32_t ref = pop_ready(reclaimer);
        struct cprom_series *series = series_at(reclaimer, ref);
        if (reachable(reclaimer, series)) {
            append(reclaimer, &reclaimer->ready_first, &reclaimer->ready_last, ref);
            if (!end) end = ref;
        } else {
            series->next = doomed;
            doomed = ref;
            n++;
        }
    }
    atomic_fetch_sub_explicit(&reclaimer->waiting, n, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    for (int i = 0; i < 3; i++) free_blocks(reclaimer, blocks[i]);
    cprom__series_destroy_list(reclaimer->slab, doomed);
    return n;
}

void cprom__reclaim_some(struct cprom__reclaimer *reclaimer)
{
    if (atomic_load_explicit(&reclaimer->waiting, memory_order_relaxed) < SOME_EVERY &&
        atomic_load_explicit(&reclaimer->blocks, memory_order_relaxed) < SOME_BLOCKS) {
        return;
    }
    /* Not a read-modify-write: if two threads count as one, the work comes a call later. */
    uint32_t call = atomic_load_explicit(&reclaimer->calls, memory_order_relaxed);
    atomic_store_explicit(&reclaimer->calls, call + 1, memory_order_relaxed);
    if (call % SOME_EVERY == 0) cprom__reclaim(reclaimer, SOME_SERIES);
}

void cprom__reclaim_many(struct cprom__reclaimer *reclaimer, size_t max)
{
    size_t left = (size_t)atomic_load_explicit(&reclaimer->waiting, memory_order_relaxed); /* each has an object */
    if (!left) left = atomic_load_explicit(&reclaimer->blocks, memory_order_relaxed) != 0;
    if (left > max) left = max;
    /* By what it looks at: some of it may be reachable, and what comes behind need not be. */
    for (size_t looked = 0; looked < left; looked += PORTION) cprom__reclaim(reclaimer, PORTION);
}

void cprom__reclaim_abandon(struct cprom__reclaimer *reclaimer)
{
    for (;;) {
        pthread_mutex_lock(&reclaimer->lock);
        struct cprom__block *blocks[3];
        for (int i = 0; i < 3; i++) blocks[i] = empty_bag(reclaimer, &reclaimer->bags[i]);
        uint32_t ref = reclaimer->ready_first;
        if (ref) {
            pop_ready(reclaimer);
            atomic_fetch_sub_explicit(&reclaimer->waiting, 1, memory_order_relaxed);
        }
        pthread_mutex_unlock(&reclaimer->lock);
        for (int i = 0; i < 3; i++) free_blocks(reclaimer, blocks[i]);
        if (!ref) return;
        cprom__series_abandon(series_at(reclaimer, ref), ref);
    }
}
