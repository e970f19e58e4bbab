/* The page's order of series, and sorting by it. */
#include "store/sort.h"

#include <string.h>

#include "store/series.h"

#define SORT_AHEAD 16u        /* series that are fetched ahead */
#define SORT_SCATTER_MIN 512u /* items that are worth a pass that scatters them by a byte of their keys */

int cprom__order_compare(const struct cprom__order_text *a, const struct cprom__order_text *b)
{
    size_t n = a->desc->n_labels + a->desc->n_const_labels, m = b->desc->n_labels + b->desc->n_const_labels;
    if (n != m) return n < m ? -1 : 1;
    struct cprom__pairs p = {a->text, a->text + a->len}, q = {b->text, b->text + b->len};
    struct cprom__piece name;
    while (cprom__pairs_name(&p, &name) && cprom__pairs_name(&q, &name)) {
        int x, y;
        do {
            x = cprom__pair_byte(&p.at);
            y = cprom__pair_byte(&q.at);
            if (x != y) return x < y ? -1 : 1;
        } while (x >= 0);
    }
    int names = memcmp(a->text, b->text, a->len < b->len ? a->len : b->len);
    return names ? names : a->len < b->len ? -1 : a->len > b->len;
}

/* ---- within a vector: by keys ---- */

/*
 * The text's byte at `at` as it sorts; 0 behind the end. `*inside` says whether `at` is the second byte of an escape.
 */
static unsigned sort_byte_at(const struct cprom_series *series, size_t at, bool *inside)
{
    if (at >= series->len) return 0;
    if (*inside) {
        /* Says nothing new: the first byte has stood for the whole escape. */
        *inside = false;
        return 1;
    }
    const char *next = series->text + at;
    int byte = cprom__pair_byte(&next);
    *inside = next - (series->text + at) > 1;
    return byte < 0 ? 0 : (unsigned)byte;
}

/* Whether the text goes on inside an escape behind a key: what an escape stands for is never there in plain. */
static bool sort_cuts_escape(uint64_t key)
{
    unsigned last = (unsigned)key & 0xff;
    return last == '\\' || last == '"' || last == '\n';
}

/* `inside`: the eight bytes before end with the first half of an escape. */
static uint64_t sort_key_at(const struct cprom_series *series, size_t at, bool inside)
{
    uint64_t key = 0;
    if (!series->escaped && at + 8 <= series->len) {
        for (size_t i = 0; i < 8; i++) key = key << 8 | (unsigned char)series->text[at + i];
        /* Bytes that are quotes become 0: x has a zero byte exactly there (Warren, Hacker's Delight, 6-1). */
        uint64_t x = key ^ UINT64_C(0x2222222222222222), low = UINT64_C(0x7f7f7f7f7f7f7f7f);
        uint64_t zero = ~(((x & low) + low) | x | low);
        return key & ~(zero | (zero - (zero >> 7)));
    }
    for (size_t i = 0; i < 8; i++) key = key << 8 | sort_byte_at(series, at + i, &inside);
    return key;
}

int cprom__series_compare(const struct cprom_series *a, const struct cprom_series *b)
{
    bool inside = false;
    for (size_t at = 0; at < a->len || at < b->len; at += 8) {
        uint64_t x = sort_key_at(a, at, inside), y = sort_key_at(b, at, inside);
        if (x != y) return x < y ? -1 : 1;
        inside = sort_cuts_escape(x);
    }
    return 0;
}

static void sort_by_insertion(struct cprom__order_item *items, size_t n)
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

static void sort_swap(struct cprom__order_item *a, struct cprom__order_item *b)
{
    struct cprom__order_item moved = *a;
    *a = *b;
    *b = moved;
}

/*
 * A key near the middle of all, by three samples. Their places come from the series' keyed hash: who chooses label
 * values, and the order in which they arrive, cannot choose the pivots.
 */
static uint64_t sort_pivot_of(const struct cprom__order_item *items, size_t n)
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
static void sort_by_keys(struct cprom__order_item *items, size_t n, size_t depth)
{
    while (n > 16) {
        uint64_t pivot = sort_pivot_of(items, n);
        size_t less = 0, more = n;
        for (size_t i = 0; i < more;) {
            if (items[i].key < pivot) sort_swap(&items[less++], &items[i++]);
            else if (items[i].key > pivot) sort_swap(&items[i], &items[--more]);
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
                bool inside = sort_cuts_escape(pivot);
                for (size_t i = 0; i < sizes[1]; i++) {
                    if (i + SORT_AHEAD < sizes[1]) CPROM__PREFETCH(parts[1][i + SORT_AHEAD].series->text + part_depth);
                    parts[1][i].key = sort_key_at(parts[1][i].series, part_depth, inside);
                }
            }
            if (part == longest) deeper = part == 1;
            else sort_by_keys(parts[part], sizes[part], part_depth);
        }
        items = parts[longest];
        n = sizes[longest];
        if (deeper) depth += 8;
    }
    sort_by_insertion(items, n);
}

/* Each item goes where its byte belongs, in place (McIlroy, Bostic, McIlroy, "Engineering radix sort", 1993). */
static void sort_scatter(struct cprom__order_item *items, unsigned shift, uint32_t next[256], const uint32_t end[256])
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
 * Many items, whose keys are of the same depth: scattered by the first byte in which the keys differ, and so on with
 * what each of the 256 got, while that is many; the rest is the quicksort's. A pass moves an item once, where halving
 * takes four or more moves. At most eight deep, since a key has eight bytes.
 */
static void sort_many(struct cprom__order_item *items, size_t n, size_t depth)
{
    uint64_t differ = 0;
    for (size_t i = 1; n >= SORT_SCATTER_MIN && i < n; i++) differ |= items[i].key ^ items[0].key;
    if (!differ) {
        sort_by_keys(items, n, depth);
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
    sort_scatter(items, shift, next, end);
    for (size_t b = 0, begin = 0; b < 256; b++) {
        if (end[b] > begin) sort_many(items + begin, end[b] - begin, depth);
        begin = end[b];
    }
}

/* All texts of a family begin with the same piece, which says nothing. */
static size_t sort_first_depth(const struct cprom_series *series) { return series->vec->desc->pieces[0].len; }

struct cprom__order_item cprom__order_item(const struct cprom_series *series, uint32_t tag)
{
    return (struct cprom__order_item){sort_key_at(series, sort_first_depth(series), false), series, tag};
}

void cprom__order_sort_items(struct cprom__order_item *items, size_t n)
{
    if (n) sort_many(items, n, sort_first_depth(items->series));
}
