/* Whether a page shows a series: looked up in its rows, once somebody wants to reuse the memory of it. */
#include "page/shown.h"

#include <string.h>

#include "store/sort.h"

/* The group of a vector; NULL: none of its series is shown. */
static const struct cprom__group *shown_group(const struct cprom__source *source, const struct cprom_vec *vec)
{
    size_t low = 0, high = source->n_groups;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(source->groups[middle].desc->name, vec->desc->name);
        /* Another vector of the name may have been registered since. */
        if (!order) return source->groups[middle].desc == vec->desc ? &source->groups[middle] : NULL;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

static bool shown_is(const struct cprom__pin *pin, const struct cprom_series *series)
{
    const struct cprom__source *source =
        (const struct cprom__source *)(const void *)((const char *)pin - offsetof(struct cprom__source, pin));
    const struct cprom__group *group = shown_group(source, series->vec);
    size_t low = 0, high = group ? group->n_rows : 0;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct cprom_series *other = group->rows[middle].series;
        if (other == series) return true;
        if (cprom__series_compare(other, series) < 0) low = middle + 1;
        else high = middle;
    }
    return false;
}

void cprom__source_settle(struct cprom__source *source, const struct cprom__group *groups, size_t n, int64_t now)
{
    source->groups = groups;
    source->n_groups = n;
    cprom__pin_settle(&source->registry->reclaimer, &source->pin, shown_is, now);
}
