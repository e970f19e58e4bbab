/* Merges what registries and collectors have given into the families of a page. */
#include "page/merge.h"

#include <string.h>

#include "store/sort.h"

#define MERGE_AHEAD 8u /* rows before its turn that a text is fetched into the cache */

/* ---- the order of series ---- */

static struct cprom__order_text merge_text_of(const struct cprom__group *run, size_t index)
{
    if (run->n_rows) {
        const struct cprom_series *series = run->rows[index].series;
        return (struct cprom__order_text){run->desc, series->text, series->len};
    }
    const struct cprom__sample *sample = run->samples[index];
    return (struct cprom__order_text){sample->desc, sample->text, sample->len};
}

static int merge_compare_samples(const struct cprom__sample *a, const struct cprom__sample *b)
{
    return cprom__order_compare(&(struct cprom__order_text){a->desc, a->text, a->len},
                                &(struct cprom__order_text){b->desc, b->text, b->len});
}

/* ---- groups of samples ---- */

/* Merge sort from the bottom up; stable, and the page has the memory. */
static bool merge_sort_samples(struct cprom__arena *memory, struct cprom__sample **samples, size_t n)
{
    if (n < 2) return true;
    struct cprom__sample **other = cprom__arena_alloc(memory, n * sizeof *other), **from = samples, **to = other;
    if (!other) return false;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t i = start, middle = start + width < n ? start + width : n;
            size_t k = middle, end = start + 2 * width < n ? start + 2 * width : n;
            for (size_t at = start; at < end; at++) {
                bool left = i < middle && (k == end || merge_compare_samples(from[i], from[k]) <= 0);
                to[at] = left ? from[i++] : from[k++];
            }
        }
        struct cprom__sample **moved = from;
        from = to;
        to = moved;
    }
    if (from != samples) memcpy(samples, from, n * sizeof *samples);
    return true;
}

static bool merge_make_group(struct cprom__arena *memory, const struct cprom__kept *kept, struct cprom__group *group)
{
    *group = (struct cprom__group){.desc = kept->desc, .n_samples = kept->n};
    group->samples = cprom__arena_alloc(memory, kept->n * sizeof *group->samples);
    if (!group->samples) return false;
    size_t i = 0;
    for (struct cprom__sample *sample = kept->first; sample; sample = sample->next) group->samples[i++] = sample;
    return merge_sort_samples(memory, group->samples, kept->n);
}

/* ---- sorting by name ---- */

/* Where the groups from `start` cease to be sorted by name. */
static size_t merge_run_end(const struct cprom__group *groups, size_t start, size_t n)
{
    size_t end = start < n ? start + 1 : n;
    while (end < n && strcmp(groups[end - 1].desc->name, groups[end].desc->name) <= 0) end++;
    return end;
}

/* Merges neighbouring runs until there is one; what each registry's vectors give is one. Stable. */
static struct cprom__group *merge_sort_groups(struct cprom__arena *memory, struct cprom__group *groups, size_t n)
{
    struct cprom__group *from = groups, *to = NULL;
    while (merge_run_end(from, 0, n) < n) {
        if (!to && !(to = cprom__arena_alloc(memory, n * sizeof *to))) return NULL;
        for (size_t start = 0; start < n;) {
            size_t i = start, middle = merge_run_end(from, start, n), k = middle, end = merge_run_end(from, middle, n);
            for (size_t at = start; at < end; at++) {
                bool left = i < middle && (k == end || strcmp(from[i].desc->name, from[k].desc->name) <= 0);
                to[at] = left ? from[i++] : from[k++];
            }
            start = end;
        }
        struct cprom__group *moved = from;
        from = to;
        to = moved;
    }
    return from;
}

/* ---- families of several registries ---- */

struct merge_joining {
    struct cprom__arena *memory;
    struct cprom__group *groups; /* what becomes of them */
    size_t n, room;
    struct cprom__group **runs; /* of one family, sorted by their first series */
};

static bool merge_put_group(struct merge_joining *joining, const struct cprom__group *group)
{
    if (joining->n == joining->room) {
        size_t room = joining->room * 2;
        struct cprom__group *groups = cprom__arena_alloc(joining->memory, room * sizeof *groups);
        if (!groups) return false;
        memcpy(groups, joining->groups, joining->n * sizeof *groups);
        joining->groups = groups;
        joining->room = room;
    }
    joining->groups[joining->n++] = *group;
    return true;
}

/* How many series of the run, which has `n`, come before the text; the first does. Close ones are found soonest. */
static size_t merge_count_before(const struct cprom__group *run, size_t n, const struct cprom__order_text *text)
{
    size_t low = 1, step = 1;
    while (low + step <= n) {
        struct cprom__order_text at = merge_text_of(run, low + step - 1);
        if (cprom__order_compare(&at, text) > 0) break;
        low += step;
        step *= 2;
    }
    size_t high = low + step <= n ? low + step - 1 : n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct cprom__order_text at = merge_text_of(run, middle);
        if (cprom__order_compare(&at, text) <= 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

/* Puts a run among `n` others. */
static void merge_place_run(struct merge_joining *joining, size_t n, struct cprom__group *run)
{
    struct cprom__order_text first = merge_text_of(run, 0);
    size_t low = 0, high = n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        struct cprom__order_text at = merge_text_of(joining->runs[middle], 0);
        if (cprom__order_compare(&at, &first) <= 0) low = middle + 1;
        else high = middle;
    }
    memmove(joining->runs + low + 1, joining->runs + low, (n - low) * sizeof *joining->runs);
    joining->runs[low] = run;
}

static void merge_drop_first(struct cprom__group *run, size_t n)
{
    if (run->n_rows) {
        run->rows += n;
        run->n_rows -= n;
    } else {
        run->samples += n;
        run->n_samples -= n;
    }
}

/*
 * Each registry's series of the family are a sorted run. A group is as much of one run as comes before the first series
 * of all others: few groups where the const labels decide, up to one per series where other labels do.
 */
static bool merge_join_family(struct merge_joining *joining, struct cprom__group *family, size_t n)
{
    bool continues = false;
    for (size_t i = 0; i < n; i++) merge_place_run(joining, i, &family[i]);
    while (n) {
        struct cprom__group *run = joining->runs[0], group = *run;
        size_t all = run->n_rows + run->n_samples, taken = all;
        if (n > 1) {
            struct cprom__order_text next = merge_text_of(joining->runs[1], 0);
            taken = merge_count_before(run, all, &next);
        }
        if (run->n_rows) group.n_rows = taken;
        else group.n_samples = taken;
        group.continues = continues;
        if (!merge_put_group(joining, &group)) return false;
        continues = true;
        memmove(joining->runs, joining->runs + 1, --n * sizeof *joining->runs);
        if (taken == all) continue;
        merge_drop_first(run, taken);
        if (run->n_rows > MERGE_AHEAD) CPROM__PREFETCH(run->rows[MERGE_AHEAD].series->text);
        merge_place_run(joining, n++, run);
    }
    return true;
}

static bool merge_join(struct cprom__arena *memory, struct cprom__group **sorted, size_t *n_sorted)
{
    struct cprom__group *groups = *sorted;
    size_t n = *n_sorted;
    struct merge_joining joining = {.memory = memory, .room = n};
    joining.groups = cprom__arena_alloc(memory, n * sizeof *joining.groups);
    joining.runs = cprom__arena_alloc(memory, (n + 1) * sizeof(struct cprom__group *));
    if (!joining.groups || !joining.runs) return false;
    for (size_t start = 0, end; start < n; start = end) {
        for (end = start + 1; end < n && strcmp(groups[start].desc->name, groups[end].desc->name) == 0;) end++;
        bool single = end == start + 1;
        if (!(single ? merge_put_group(&joining, &groups[start])
                     : merge_join_family(&joining, &groups[start], end - start))) {
            return false;
        }
    }
    *sorted = joining.groups;
    *n_sorted = joining.n;
    return true;
}

cprom_status cprom__merge_groups(struct cprom__collection *collection)
{
    struct cprom__snapshot *snapshot = collection->snapshot;
    struct cprom__arena *memory = &snapshot->memory;
    bool alone = !snapshot->own.next;
    size_t n = snapshot->n_groups;
    if (!collection->n_kept && alone) return CPROM_OK;
    struct cprom__group *groups = cprom__arena_alloc(memory, (n + collection->n_kept) * sizeof *groups);
    if (!groups) return CPROM_ENOMEM;
    memcpy(groups, snapshot->groups, n * sizeof *groups);
    for (const struct cprom__kept *kept = collection->first_kept; kept; kept = kept->next) {
        if (kept->source->gone || !cprom__filter_lets(collection->filter, kept->desc)) continue;
        if (!merge_make_group(memory, kept, &groups[n++])) return CPROM_ENOMEM;
    }
    groups = merge_sort_groups(memory, groups, n);
    if (!groups || (!alone && !merge_join(memory, &groups, &n))) return CPROM_ENOMEM;
    snapshot->groups = groups; /* only now: until then, the snapshot frees what it was given */
    snapshot->n_groups = n;
    return CPROM_OK;
}
