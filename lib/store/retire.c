/* What was unlinked waits here until nobody can reach it: bags by read epoch, and the pins of open pages. */
#include "store/retire.h"

#include "store/series.h"

void cprom__blocks_free(struct cprom__reclaimer *reclaimer, struct cprom__block *blocks)
{
    while (blocks) {
        struct cprom__block *next = blocks->next;
        cprom__release(reclaimer->allocator, blocks, blocks->bytes);
        atomic_fetch_sub_explicit(&reclaimer->blocks, 1, memory_order_relaxed);
        blocks = next;
    }
}

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
    reclaimer->pinned = 0;
}

void cprom__reclaimer_destroy(struct cprom__reclaimer *reclaimer)
{
    for (int i = 0; i < 3; i++) cprom__blocks_free(reclaimer, reclaimer->bags[i].blocks);
    pthread_mutex_destroy(&reclaimer->lock);
}

static struct cprom_series *retire_series_at(struct cprom__reclaimer *reclaimer, uint32_t index)
{
    return cprom__slab_at(reclaimer->slab, index);
}

/* Puts the list from `head` to `tail` behind the list from `*first` to `*last`. */
static void retire_join(struct cprom__reclaimer *reclaimer, uint32_t *first, uint32_t *last, uint32_t head,
                        uint32_t tail)
{
    if (*last) retire_series_at(reclaimer, *last)->next = head;
    else *first = head;
    *last = tail;
}

static void retire_append(struct cprom__reclaimer *reclaimer, uint32_t *first, uint32_t *last, uint32_t index)
{
    retire_series_at(reclaimer, index)->next = 0;
    retire_join(reclaimer, first, last, index, index);
}

struct cprom__block *cprom__bag_empty(struct cprom__reclaimer *reclaimer, struct cprom__bag *bag)
{
    struct cprom__block *blocks = bag->blocks;
    if (bag->first) retire_join(reclaimer, &reclaimer->ready_first, &reclaimer->ready_last, bag->first, bag->last);
    *bag = (struct cprom__bag){0, NULL, 0, 0};
    return blocks;
}

/* The bag for what was unlinked before now. If it still holds an epoch three ago, that comes out in `*blocks`. */
static struct cprom__bag *retire_open_bag(struct cprom__reclaimer *reclaimer, struct cprom__block **blocks)
{
    uint64_t epoch = cprom__read_epoch_now();
    struct cprom__bag *bag = &reclaimer->bags[epoch % 3];
    *blocks = bag->epoch == epoch ? NULL : cprom__bag_empty(reclaimer, bag);
    bag->epoch = epoch;
    return bag;
}

void cprom__retire_block(struct cprom__reclaimer *reclaimer, struct cprom__block *block)
{
    struct cprom__block *old;
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__bag *bag = retire_open_bag(reclaimer, &old);
    block->next = bag->blocks;
    bag->blocks = block;
    atomic_fetch_add_explicit(&reclaimer->blocks, 1, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    cprom__blocks_free(reclaimer, old);
}

void cprom__chain_add(struct cprom__reclaimer *reclaimer, struct cprom__chain *chain, uint32_t index, uint64_t death)
{
    /* release: who finds it dead comes after the kill, as if that were still there; pairs with the acquires in touch.c. */
    atomic_store_explicit(&retire_series_at(reclaimer, index)->life,
                          death << CPROM__LIFE_SHIFT | CPROM__LIFE_DEAD | CPROM__LIFE_UNLINKED, memory_order_release);
    retire_append(reclaimer, &chain->first, &chain->last, index);
    chain->n++;
}

void cprom__retire_chain(struct cprom__reclaimer *reclaimer, const struct cprom__chain *chain)
{
    if (!chain->n) return;
    struct cprom__block *old;
    pthread_mutex_lock(&reclaimer->lock);
    struct cprom__bag *bag = retire_open_bag(reclaimer, &old);
    retire_join(reclaimer, &bag->first, &bag->last, chain->first, chain->last);
    atomic_fetch_add_explicit(&reclaimer->waiting, chain->n, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
    cprom__blocks_free(reclaimer, old);
}

void cprom__pin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin)
{
    pthread_mutex_lock(&reclaimer->lock);
    uint64_t snapshot = atomic_load_explicit(&reclaimer->snapshot, memory_order_relaxed) + 1;
    *pin = (struct cprom__pin){.next = &reclaimer->pins, .prev = reclaimer->pins.prev, .snapshot = snapshot};
    /* release: pairs with cprom__snapshot_now() of a creation: one that sees the number is not older than it. */
    atomic_store_explicit(&reclaimer->snapshot, snapshot, memory_order_release);
    pin->prev->next = pin->next->prev = pin;
    pthread_mutex_unlock(&reclaimer->lock);
}

void cprom__pin_settle(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin,
                       bool (*shows)(const struct cprom__pin *pin, const struct cprom_series *series), int64_t since)
{
    pthread_mutex_lock(&reclaimer->lock);
    pin->shows = shows;
    pin->since = since;
    pthread_mutex_unlock(&reclaimer->lock);
}

void cprom__unpin(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin)
{
    pthread_mutex_lock(&reclaimer->lock);
    pin->prev->next = pin->next;
    pin->next->prev = pin->prev;
    /* Another page may show them, too: whoever reclaims looks again. */
    if (pin->n) retire_join(reclaimer, &reclaimer->ready_first, &reclaimer->ready_last, pin->first, pin->last);
    reclaimer->pinned -= pin->n;
    atomic_fetch_add_explicit(&reclaimer->waiting, pin->n, memory_order_relaxed);
    pthread_mutex_unlock(&reclaimer->lock);
}

void cprom__pin_keep(struct cprom__reclaimer *reclaimer, struct cprom__pin *pin, uint32_t index)
{
    retire_append(reclaimer, &pin->first, &pin->last, index);
    pin->n++;
    reclaimer->pinned++;
}

struct cprom__unreclaimed cprom__unreclaimed(struct cprom__reclaimer *reclaimer)
{
    pthread_mutex_lock(&reclaimer->lock);
    const struct cprom__pin *oldest = reclaimer->pins.next;
    struct cprom__unreclaimed unreclaimed = {
        .series = reclaimer->pinned + atomic_load_explicit(&reclaimer->waiting, memory_order_relaxed),
        .pinned = reclaimer->pinned,
        .since = oldest->shows ? oldest->since : INT64_MAX,
    };
    for (const struct cprom__pin *pin = oldest; pin != &reclaimer->pins; pin = pin->next) unreclaimed.pages++;
    pthread_mutex_unlock(&reclaimer->lock);
    return unreclaimed;
}

void cprom__ready_add(struct cprom__reclaimer *reclaimer, uint32_t index)
{
    retire_append(reclaimer, &reclaimer->ready_first, &reclaimer->ready_last, index);
}

uint32_t cprom__ready_pop(struct cprom__reclaimer *reclaimer)
{
    uint32_t index = reclaimer->ready_first;
    reclaimer->ready_first = retire_series_at(reclaimer, index)->next;
    if (!reclaimer->ready_first) reclaimer->ready_last = 0;
    return index;
}
