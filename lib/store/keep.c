/* Values as they were before a commit came between two portions of a gather's copying. */
#include "store/keep.h"

#include <string.h>

#define KEEP_PLACES_MIN 16u

struct cprom__keep_place {
    const struct cprom_series *series; /* NULL: free */
    size_t nth;                        /* kept */
};

/* A series whose value stands in it has one. */
static size_t keep_words_each(const struct cprom__keep *keep) { return keep->vec->n_cells ? keep->vec->n_cells : 1; }

void cprom__keep_begin(struct cprom__keep *keep, struct cprom_vec *vec)
{
    *keep = (struct cprom__keep){.vec = vec};
    vec->keep = keep;
}

static void keep_release(const struct cprom__keep *keep)
{
    struct cprom__allocator *allocator = &keep->vec->registry->allocator;
    cprom__release(allocator, keep->places, keep->places_room * sizeof *keep->places);
    cprom__release(allocator, keep->words, keep->room * keep_words_each(keep) * sizeof *keep->words);
}

void cprom__keep_end(struct cprom__keep *keep)
{
    if (!keep->vec) return;
    keep->vec->keep = NULL;
    keep_release(keep);
    keep->vec = NULL;
}

/* Where the series is, or would be. */
static struct cprom__keep_place *keep_place_of(const struct cprom__keep *keep, const struct cprom_series *series)
{
    size_t mask = keep->places_room - 1, at = series->hash & mask;
    while (keep->places[at].series && keep->places[at].series != series) at = (at + 1) & mask;
    return &keep->places[at];
}

bool cprom__keep_reserve(struct cprom__keep *keep, size_t n)
{
    struct cprom__allocator *allocator = &keep->vec->registry->allocator;
    struct cprom__keep grown = *keep;
    size_t words_each = keep_words_each(keep);
    if (keep->n + n <= keep->room) return true;
    grown.room = keep->n + n;
    grown.places_room = KEEP_PLACES_MIN;
    while (grown.places_room <= 2 * grown.room) grown.places_room *= 2;
    grown.places = cprom__alloc_zeroed(allocator, grown.places_room * sizeof *grown.places);
    grown.words = cprom__alloc(allocator, grown.room * words_each * sizeof *grown.words);
    if (!grown.places || !grown.words) {
        keep_release(&grown);
        return false;
    }
    if (keep->n) memcpy(grown.words, keep->words, keep->n * words_each * sizeof *grown.words);
    for (size_t i = 0; i < keep->places_room; i++) {
        const struct cprom__keep_place *place = &keep->places[i];
        if (place->series) *keep_place_of(&grown, place->series) = *place;
    }
    keep_release(keep);
    *keep = grown;
    return true;
}

void cprom__keep_value(struct cprom__keep *keep, const struct cprom_series *series)
{
    struct cprom__keep_place *place = keep_place_of(keep, series);
    if (place->series) return;
    *place = (struct cprom__keep_place){series, keep->n++};
    keep->vec->ops->read(series, keep->words + place->nth * keep_words_each(keep));
}

const uint64_t *cprom__keep_find(const struct cprom__keep *keep, const struct cprom_series *series)
{
    const struct cprom__keep_place *place = keep->n ? keep_place_of(keep, series) : NULL;
    return place && place->series ? keep->words + place->nth * keep_words_each(keep) : NULL;
}
