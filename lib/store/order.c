/* A vector's series in the page's order: intake, young and sorted chunks. */
#include "store/order.h"

#include <string.h>

#include "store/series.h"
#include "store/sort.h"

#define ORDER_AHEAD 16u /* series that are fetched ahead */

/* ---- taking series in ---- */

void cprom__order_push(struct cprom__order *order, struct cprom_series *series, uint32_t index)
{
    uint32_t first = atomic_load_explicit(&order->intake, memory_order_relaxed);
    do {
        series->next = first;
        /* release: pairs with the acquire in cprom__order_take(); the series is whole before it can be seen there. */
    } while (!atomic_compare_exchange_weak_explicit(&order->intake, &first, index, memory_order_release,
                                                    memory_order_relaxed));
}

uint32_t cprom__order_take(struct cprom__order *order, struct cprom__slab *slab)
{
    /* acquire: pairs with the release of every push that it takes. */
    uint32_t taken = atomic_exchange_explicit(&order->intake, 0, memory_order_acquire);
    if (!taken) return order->pending;
    if (order->pending) {
        struct cprom_series *last = cprom__slab_at(slab, taken);
        while (last->next) last = cprom__slab_at(slab, last->next);
        last->next = order->pending;
    }
    order->pending = taken;
    return taken;
}

/* Moves up to `max` pending series to the young. */
static bool order_drain_pending(struct cprom__order *order, struct cprom__reclaimer *reclaimer,
                                struct cprom__chain *dead, uint64_t death, size_t max)
{
    for (size_t moved = 0; order->pending && moved < max; moved++) {
        uint32_t index = order->pending;
        struct cprom_series *series = cprom__slab_at(reclaimer->slab, index);
        uint32_t next = series->next;
        if (next) CPROM__PREFETCH(cprom__slab_at(reclaimer->slab, next));
        if (cprom__series_unlinked(series)) {
            order->pending = next;
            cprom__chain_add(reclaimer, dead, index, death);
            continue;
        }
        struct cprom__order_chunk *chunk = order->young;
        if (!chunk || chunk->n == CPROM__ORDER_CHUNK) {
            chunk = cprom__alloc(reclaimer->allocator, sizeof *chunk);
            if (!chunk) return false;
            chunk->n = 0;
            chunk->next = order->young;
            if (!order->young) order->young_last = chunk;
            order->young = chunk;
        }
        chunk->indexes[chunk->n++] = index;
        order->n_young_series++;
        order->pending = next;
    }
    return true;
}

bool cprom__order_drain(struct cprom__order *order, struct cprom__reclaimer *reclaimer, struct cprom__chain *dead,
                        uint64_t death)
{
    cprom__order_take(order, reclaimer->slab);
    return order_drain_pending(order, reclaimer, dead, death, SIZE_MAX);
}

/* ---- sorting the young in ---- */

static void order_free_chunk(struct cprom__reclaimer *reclaimer, struct cprom__order_chunk *chunk)
{
    cprom__release(reclaimer->allocator, chunk, sizeof *chunk);
}

static void order_free_young(struct cprom__order *order, struct cprom__reclaimer *reclaimer)
{
    while (order->young) {
        struct cprom__order_chunk *next = order->young->next;
        order_free_chunk(reclaimer, order->young);
        order->young = next;
    }
    order->n_young_series = 0;
}

/* The sorted as it will be: chunks are added at the end. */
struct order_merge {
    struct cprom__reclaimer *reclaimer;
    struct cprom__order_chunk **chunks;
    size_t n;
    struct cprom__order_chunk *open; /* the last one, if it is new and may take more */
    size_t fill;                     /* how many indexes a new chunk gets */
    bool failed;
};

static void order_add_chunk(struct order_merge *merge, struct cprom__order_chunk *chunk)
{
    merge->chunks[merge->n++] = chunk; /* there is room for all: see cprom__order_sort() */
    merge->open = NULL;
}

static void order_add_index(struct order_merge *merge, uint32_t index)
{
    if (!merge->open || merge->open->n >= merge->fill) {
        struct cprom__order_chunk *chunk = cprom__alloc(merge->reclaimer->allocator, sizeof *chunk);
        if (!chunk) {
            merge->failed = true;
            return;
        }
        chunk->n = 0;
        chunk->next = NULL;
        order_add_chunk(merge, chunk);
        merge->open = chunk;
    }
    merge->open->indexes[merge->open->n++] = index;
}

static struct cprom_series *order_at(struct cprom__reclaimer *reclaimer, uint32_t index)
{
    return cprom__slab_at(reclaimer->slab, index);
}

/* The first of `n` sorted indexes from `from` that is not before `series`; searches near `from` first. */
static size_t order_find_place(struct cprom__reclaimer *reclaimer, const uint32_t *indexes, size_t n, size_t from,
                               const struct cprom_series *series)
{
    size_t low = from, step = 1;
    while (low < n && low + step <= n &&
           cprom__series_compare(order_at(reclaimer, indexes[low + step - 1]), series) < 0) {
        low += step;
        step *= 2;
    }
    size_t high = low + step <= n ? low + step - 1 : n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cprom__series_compare(order_at(reclaimer, indexes[middle]), series) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* The first sorted chunk from `from` whose last series is not before `series`. */
static size_t order_find_chunk(struct cprom__order *order, struct cprom__reclaimer *reclaimer, size_t from,
                               const struct cprom_series *series)
{
    size_t low = from, step = 1, n = order->n_sorted;
#define ORDER_LAST(i) order_at(reclaimer, order->sorted[i]->indexes[order->sorted[i]->n - 1])
    while (low < n && low + step <= n && cprom__series_compare(ORDER_LAST(low + step - 1), series) < 0) {
        low += step;
        step *= 2;
    }
    size_t high = low + step <= n ? low + step - 1 : n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (cprom__series_compare(ORDER_LAST(middle), series) < 0) low = middle + 1;
        else high = middle;
    }
#undef ORDER_LAST
    return low;
}

/* Merges one old chunk with the items that belong before its last series; returns how many items that were. */
static size_t order_merge_chunk(struct order_merge *merge, const struct cprom__order_chunk *old,
                                const struct cprom__order_item *items, size_t n)
{
    const struct cprom_series *last = order_at(merge->reclaimer, old->indexes[old->n - 1]);
    size_t done = 0, used = 0, count = 0;
    while (count < n && cprom__series_compare(items[count].series, last) < 0) count++;
    /* The new chunks get equal shares, so that the next insertion here finds room. */
    size_t total = old->n + count, chunks = (total + CPROM__ORDER_CHUNK - 1) / CPROM__ORDER_CHUNK;
    merge->fill = (total + chunks - 1) / chunks;
    merge->open = NULL;
    while (used < count && !merge->failed) {
        size_t place = order_find_place(merge->reclaimer, old->indexes, old->n, done, items[used].series);
        while (done < place && !merge->failed) order_add_index(merge, old->indexes[done++]);
        order_add_index(merge, items[used++].tag);
    }
    while (done < old->n && !merge->failed) order_add_index(merge, old->indexes[done++]);
    return used;
}

static void order_merge_all(struct order_merge *merge, struct cprom__order *order,
                            const struct cprom__order_item *items, size_t n)
{
    size_t chunk = 0;
    for (size_t i = 0; i < n && !merge->failed;) {
        size_t target = order_find_chunk(order, merge->reclaimer, chunk, items[i].series);
        bool behind = target == order->n_sorted;
        /* Labels often ascend, a few in each gather: what belongs behind all fills up the last chunk. */
        if (behind && target > chunk && order->sorted[target - 1]->n < CPROM__ORDER_CHUNK) target--;
        while (chunk < target) order_add_chunk(merge, order->sorted[chunk++]);
        if (behind) {
            merge->fill = CPROM__ORDER_CHUNK;
            merge->open = NULL;
            const struct cprom__order_chunk *last = chunk < order->n_sorted ? order->sorted[chunk++] : NULL;
            for (uint32_t k = 0; last && k < last->n && !merge->failed; k++) order_add_index(merge, last->indexes[k]);
            while (i < n && !merge->failed) order_add_index(merge, items[i++].tag);
            break;
        }
        i += order_merge_chunk(merge, order->sorted[chunk++], items + i, n - i);
    }
    while (chunk < order->n_sorted && !merge->failed) order_add_chunk(merge, order->sorted[chunk++]);
}

/* Frees the chunks of `a` that are not in `b`; both hold what they share in the same order. */
static void order_free_difference(struct cprom__reclaimer *reclaimer, struct cprom__order_chunk **a, size_t n_a,
                                  struct cprom__order_chunk *const *b, size_t n_b)
{
    /* A chunk that both have is marked through its link, which the sorted do not use. */
    for (size_t i = 0; i < n_b; i++) b[i]->next = b[i];
    for (size_t i = 0; i < n_a; i++) {
        if (a[i]->next != a[i]) order_free_chunk(reclaimer, a[i]);
    }
    for (size_t i = 0; i < n_b; i++) b[i]->next = NULL;
}

bool cprom__order_sort(struct cprom__order *order, struct cprom__reclaimer *reclaimer)
{
    size_t n = order->n_young_series;
    if (!n) return true;
    struct cprom__allocator *allocator = reclaimer->allocator;
    struct cprom__order_item *items = cprom__alloc(allocator, n * sizeof *items);
    if (!items) return false;
    size_t filled = 0;
    for (struct cprom__order_chunk *chunk = order->young; chunk; chunk = chunk->next) {
        for (uint32_t i = 0; i < chunk->n; i++, filled++) {
            struct cprom_series *series = order_at(reclaimer, chunk->indexes[i]);
            if (i + ORDER_AHEAD < chunk->n) CPROM__PREFETCH(order_at(reclaimer, chunk->indexes[i + ORDER_AHEAD])->text);
            items[filled] = cprom__order_item(series, chunk->indexes[i]);
        }
    }
    cprom__order_sort_items(items, n);

    /* An old chunk that u items go into becomes at most 2 + u / CPROM__ORDER_CHUNK new ones. */
    size_t broken = n < order->n_sorted ? n : order->n_sorted;
    size_t room = order->n_sorted + broken + n / CPROM__ORDER_CHUNK + 1;
    struct order_merge merge = {.reclaimer = reclaimer};
    merge.chunks = cprom__alloc(allocator, room * sizeof(struct cprom__order_chunk *));
    if (merge.chunks) order_merge_all(&merge, order, items, n);
    else merge.failed = true;
    cprom__release(allocator, items, n * sizeof *items);
    if (merge.failed) {
        if (merge.chunks) order_free_difference(reclaimer, merge.chunks, merge.n, order->sorted, order->n_sorted);
        cprom__release(allocator, merge.chunks, room * sizeof(struct cprom__order_chunk *));
        return false;
    }
    order_free_difference(reclaimer, order->sorted, order->n_sorted, merge.chunks, merge.n);
    cprom__release(allocator, order->sorted, order->sorted_room * sizeof(struct cprom__order_chunk *));
    order->sorted = merge.chunks;
    order->n_sorted = merge.n;
    order->sorted_room = room;
    order->n_sorted_series += n;
    order_free_young(order, reclaimer);
    return true;
}

/* ---- taking dead series out without a gather ---- */

static size_t order_compact(struct cprom__order_chunk *chunk, struct cprom__reclaimer *reclaimer,
                            struct cprom__chain *dead)
{
    uint64_t death = cprom__snapshot_now(reclaimer);
    uint32_t kept = 0, n = chunk->n;
    for (uint32_t i = 0; i < n; i++) {
        if (i + ORDER_AHEAD < n) CPROM__PREFETCH(order_at(reclaimer, chunk->indexes[i + ORDER_AHEAD]));
        if (cprom__series_unlinked(order_at(reclaimer, chunk->indexes[i]))) {
            cprom__chain_add(reclaimer, dead, chunk->indexes[i], death);
        } else {
            chunk->indexes[kept++] = chunk->indexes[i];
        }
    }
    chunk->n = kept;
    return n - kept;
}

static void order_remove_sorted(struct cprom__order *order, struct cprom__reclaimer *reclaimer, size_t index)
{
    order_free_chunk(reclaimer, order->sorted[index]);
    order->n_sorted--;
    memmove(order->sorted + index, order->sorted + index + 1,
            (order->n_sorted - index) * sizeof(struct cprom__order_chunk *));
}

/*
 * Looks at the first two of the young. The first is the one that order_drain_pending() fills; the second goes into it
 * where it fits. Otherwise the fuller of the two goes to the end of the line, so that the next step finds another.
 */
static void order_step_young(struct cprom__order *order, struct cprom__reclaimer *reclaimer, struct cprom__chain *dead)
{
    struct cprom__order_chunk *first = order->young, *second = first->next;
    order->n_young_series -= order_compact(first, reclaimer, dead);
    if (second) {
        order->n_young_series -= order_compact(second, reclaimer, dead);
        if (first->n > second->n) {
            struct cprom__order_chunk *fuller = first;
            first = second;
            second = fuller;
        }
        first->next = order->young->next->next;
        order->young = first;
        if (!first->next) order->young_last = first;
        second->next = NULL;
        if (first->n + second->n <= CPROM__ORDER_CHUNK) {
            memcpy(first->indexes + first->n, second->indexes, second->n * sizeof *second->indexes);
            first->n += second->n;
            order_free_chunk(reclaimer, second);
        } else {
            order->young_last->next = second;
            order->young_last = second;
        }
    }
    if (!first->n) {
        order->young = first->next;
        order_free_chunk(reclaimer, first);
    }
}

void cprom__order_step(struct cprom__order *order, struct cprom__reclaimer *reclaimer, struct cprom__chain *dead)
{
    if (!order->pending) order->pending = atomic_exchange_explicit(&order->intake, 0, memory_order_acquire);
    /* Without memory for a chunk the pending stay where they are, and the next step tries again. */
    order_drain_pending(order, reclaimer, dead, cprom__snapshot_now(reclaimer), CPROM__ORDER_CHUNK);

    if (order->young) order_step_young(order, reclaimer, dead);
    if (order->n_sorted) {
        if (order->step_at >= order->n_sorted) order->step_at = 0;
        struct cprom__order_chunk *chunk = order->sorted[order->step_at];
        order->n_sorted_series -= order_compact(chunk, reclaimer, dead);
        /* What is left joins the chunk before, where it fits, so that chunks do not stay nearly empty. */
        struct cprom__order_chunk *before = order->step_at ? order->sorted[order->step_at - 1] : NULL;
        if (before && before->n + chunk->n <= CPROM__ORDER_CHUNK) {
            memcpy(before->indexes + before->n, chunk->indexes, chunk->n * sizeof *chunk->indexes);
            before->n += chunk->n;
            chunk->n = 0;
        }
        if (chunk->n) order->step_at++;
        else order_remove_sorted(order, reclaimer, order->step_at);
    }
}

void cprom__order_prune(struct cprom__order *order, struct cprom__reclaimer *reclaimer)
{
    size_t kept = 0;
    for (size_t i = 0; i < order->n_sorted; i++) {
        struct cprom__order_chunk *chunk = order->sorted[i], *before = kept ? order->sorted[kept - 1] : NULL;
        /* Joined up to half a chunk only: what one gather joins, the next insertions should not split again. */
        if (before && before->n + chunk->n <= CPROM__ORDER_CHUNK / 2) {
            memcpy(before->indexes + before->n, chunk->indexes, chunk->n * sizeof *chunk->indexes);
            before->n += chunk->n;
            chunk->n = 0;
        }
        if (chunk->n) order->sorted[kept++] = chunk;
        else order_free_chunk(reclaimer, chunk);
    }
    order->n_sorted = kept;
}

static void order_abandon_chunk(struct cprom__order_chunk *chunk, struct cprom__reclaimer *reclaimer)
{
    for (uint32_t i = 0; i < chunk->n; i++)
        cprom__series_abandon(order_at(reclaimer, chunk->indexes[i]), chunk->indexes[i]);
    order_free_chunk(reclaimer, chunk);
}

void cprom__order_free(struct cprom__order *order, struct cprom__reclaimer *reclaimer)
{
    for (uint32_t index = cprom__order_take(order, reclaimer->slab); index;) {
        struct cprom_series *series = order_at(reclaimer, index);
        uint32_t next = series->next;
        cprom__series_abandon(series, index);
        index = next;
    }
    order->pending = 0;
    for (struct cprom__order_chunk *chunk = order->young; chunk;) {
        struct cprom__order_chunk *next = chunk->next;
        order_abandon_chunk(chunk, reclaimer);
        chunk = next;
    }
    for (size_t i = 0; i < order->n_sorted; i++) order_abandon_chunk(order->sorted[i], reclaimer);
    cprom__release(reclaimer->allocator, order->sorted, order->sorted_room * sizeof(struct cprom__order_chunk *));
}
