/* The series that an update has staged, which its removals spare. */
#include "store/staged.h"

#include <string.h>

static bool staged_has_same_labels(const struct cprom_series *a, const struct cprom_series *b)
{
    return a == b ||
           (a->hash == b->hash && a->vec == b->vec && a->len == b->len && memcmp(a->text, b->text, a->len) == 0);
}

static size_t staged_place_of(const struct cprom__staged *staged, const struct cprom_series *series)
{
    uint64_t mixed = ((uint64_t)(uintptr_t)series->vec + series->hash) * UINT64_C(0x9e3779b97f4a7c15);
    size_t at = (size_t)(mixed >> 32) & staged->mask;
    while (staged->slots[at] && !staged_has_same_labels(staged->slots[at], series)) at = (at + 1) & staged->mask;
    return at;
}

/*
 * By labels: a staged series may be deleted singly and made again while the commit removes the others. One that
 * lingers is none of the staged.
 */
bool cprom__staged_has(const struct cprom__staged *staged, const struct cprom_series *series)
{
    const struct cprom_series *found = staged->slots[staged_place_of(staged, series)];
    return found && (found == series || !cprom__series_is_dead(series));
}

void cprom__staged_put(struct cprom__staged *staged, const struct cprom_series *series)
{
    staged->slots[staged_place_of(staged, series)] = series;
}
