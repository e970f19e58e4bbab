/* The page's order of a vector's series: intake, young and sorted chunks. */
#include "store/order.h"

#include <string.h>

#include "store/series.h"

#define ORDER_AHEAD 16u        /* series that are fetched ahead */
#define ORDER_SCATTER_MIN 512u /* items that are worth a pass that scatters them by a byte of their keys */

/* ---- comparing and sorting ---- */

/* The text's byte at `at` as it sorts; 0 behind the end. `*inside` says whether `at` is the second byte of an escape. */
static unsigned order_sort_byte(const struct cprom_series *series, size_t at, bool *inside)
{
    if (at >= series->len) return 0;
    unsigned char c = (unsigned char)series->text[at];
    if (*inside) {
        /* Says nothing new: the first byte has stood for the whole escape. */
        *inside = false;
        return 1;
    }
    if (c == '"') return 0;
    if (c != '\\') return c;
    *inside = true;
    unsigned char meant = (unsigned char)series->text[at + 1];
    return meant == 'n' ? '\n' : meant;
}

/* Whether the text goes on inside an escape behind a key: what an escape stands for is never there in plain. */
static bool order_cuts_escape(uint64_t key)
{
    unsigned last = (unsigned)key & 0xff;
    return last == '\\' || last == '"' || last == '\n';
}

/* `inside`: the eight bytes before end with the first half of an escape. */
static uint64_t order_key_at(const struct cprom_series *series, size_t at, bool inside)
{
    uint64_t key = 0;
    if (!series->escaped && at + 8 <= series->len) {
        for (size_t i = 0; i < 8; i++) key = key << 8 | (unsigned char)series->text[at + i];
        /* Bytes that are quotes become 0: x has a zero byte exactly there (Warren, Hacker's Delight, 6-1). */
        uint64_t x = key ^ UINT64_C(0x2222222222222222), low = UINT64_C(0x7f7f7f7f7f7f7f7f);
        uint64_t zero = ~(((x & low) + low) | x | low);
        return key & ~(zero | (zero - (zero >> 7)));
    }
    for (size_t i = 0; i < 8; i++) key = key << 8 | order_sort_byte(series, at + i, &inside);
    return key;
}

int cprom__series_compare(const struct cprom_series *a, const struct cprom_series *b)
{
    bool inside = false;
    for (size_t at = 0; at < a->len || at < b->len; at += 8) {
        uint64_t x = order_key_at(a, at, inside), y = order_key_at(b, at, inside);
        if (x != y) return x < y ? -1 : 1;
        inside = order_cuts_escape(x);
    }
    return 0;
}

static void order_insertion_sort(struct cprom__order_item *items, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct cprom__order_item moved = items[i];
        size_t at = i;
        for (; at && (moved.key < items[at - 1].key || (moved.key == items[at - 1].key &&
                                                        cprom__series_compare(moved.series, items[at - 1].series) < 0));
             at--) {
            items[at] = items[at - 1];
        }
        items[at] = moved;
    }
}

static void order_swap(struct cprom__order_item *a, struct cprom__order_item *b)
{
    struct cprom__order_item moved = *a;
    *a = *b;
    *b = moved;
}

/*
 * A key near the middle of all, by three samples. Their places come from the series' keyed hash: who chooses label
 * values, and the order in which they arrive, cannot choose the pivots.
 */
static uint64_t order_pivot_of(const struct cprom__order_item *items, size_t n)
{
    uint32_t random = items[n / 2].series->hash;
    uint64_t a = items[random % n].key, b = items[n / 2].key, c = items[(random * 2654435761u) % n].key;
    if (a > b) {
        uint64_t moved = a;
        a = b;
        b = moved;
    }
    return c < a ? a : c > b ? b : c;
}

/*
 * Multikey quicksort (Bentley, Sedgewick, "Fast algorithms for sorting and searching strings", 1997) over eight bytes
 * at a time: three ways by key; those with equal keys get the keys of the next depth. Recurses into all but the
 * longest part, so that the stack stays logarithmic. A key of 0 lies behind the end of the text: equal keys are equal
 * texts then, which happens when labels were deleted and used again.
 */
static void order_sort_items(struct cprom__order_item *items, size_t n, size_t depth)
{
    while (n > 16) {
        uint64_t pivot = order_pivot_of(items, n);
        size_t less = 0, more = n;
        for (size_t i = 0; i < more;) {
            if (items[i].key < pivot) order_swap(&items[less++], &items[i++]);
            else if (items[i].key > pivot) order_swap(&items[i], &items[--more]);
            else i++;
        }
        struct cprom__order_item *parts[3] = {items, items + less, items + more};
        size_t sizes[3] = {less, pivot ? more - less : 0, n - more};
        size_t longest = sizes[0] >= sizes[1] ? (sizes[0] >= sizes[2] ? 0 : 2) : (sizes[1] >= sizes[2] ? 1 : 2);
        bool deeper = false;
        for (size_t part = 0; part < 3; part++) {
            size_t part_depth = depth;
            if (part == 1 && sizes[1] > 1) {
                part_depth = depth + 8;
                bool inside = order_cuts_escape(pivot);
                for (size_t i = 0; i < sizes[1]; i++) {
                    if (i + ORDER_AHEAD < sizes[1])
                        CPROM__PREFETCH(parts[1][i + ORDER_AHEAD].series->text + part_depth);
                    parts[1][i].key = order_key_at(parts[1][i].series, part_depth, inside);
                }
            }
            if (part == longest) deeper = part == 1;
            else order_sort_items(parts[part], sizes[part], part_depth);
        }
        items = parts[longest];
        n = sizes[longest];
        if (deeper) depth += 8;
    }
    order_insertion_sort(items, n);
}

/* Each item goes where its byte belongs, in place (McIlroy, Bostic, McIlroy, "Engineering radix sort", 1993). */
static void order_scatter(struct cprom__order_item *items, unsigned shift, uint32_t next[256], const uint32_t end[256])
{
    for (size_t b = 0; b < 256; b++) {
        while (next[b] < end[b]) {
            struct cprom__order_item item = items[next[b]];
            for (size_t to; (to = item.key >> shift & 0xff) != b;) {
                struct cprom__order_item moved = items[next[to]];
                items[next[to]++] = item;
                item = moved;
            }
            items[next[b]++] = item;
        }
    }
}

/*
 * Many items, whose keys are of the same depth: scattered by the first byte in which the keys differ, and so on with what
 * each of the 256 got, while that is many; the rest is the quicksort's. A pass moves an item once, where halving takes
 * four or more moves. At most eight deep, since a key has eight bytes.
 */
static void order_sort_many(struct cprom__order_item *items, size_t n, size_t depth)
{
    uint64_t differ = 0;
    for (size_t i = 1; n >= ORDER_SCATTER_MIN && i < n; i++) differ |= items[i].key ^ items[0].key;
    if (!differ) {
        order_sort_items(items, n, depth);
        return;
    }
    unsigned shift = 56;
    while (!(differ >> shift)) shift -= 8;
    uint32_t next[256], end[256] = {0}; /* of 32 bits, as indexes are: 20 KiB of stack in all */
    for (size_t i = 0; i < n; i++) end[items[i].key >> shift & 0xff]++;
    for (uint32_t b = 0, sum = 0; b < 256; b++) {
        next[b] = sum;
        end[b] = sum += end[b];
    }
    order_scatter(items, shift, next, end);
    for (size_t b = 0, begin = 0; b < 256; b++) {
        if (end[b] > begin) order_sort_many(items + begin, end[b] - begin, depth);
        begin = end[b];
    }
}

/* All texts of a family begin with the same piece, which says nothing. */
static size_t order_first_depth(const struct cprom_series *series) { return series->vec->desc->pieces[0].len; }

struct cprom__order_item cprom__order_item(const struct cprom_series *series, uint32_t tag)
{
    return (struct cprom__order_item){order_key_at(series, order_first_depth(series), false), series, tag};
}

void cprom__order_sort_items(struct cprom__order_item *items, size_t n)
{
    if (n) order_sort_many(items, n, order_first_depth(items->series));
}

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
 * Looks at the first two of the young. The first is the one that order_drain_pending() fills; the second goes into it where it
 * fits. Otherwise the fuller of the two goes to the end of the line, so that the next step finds another.
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
