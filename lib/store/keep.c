/* Values, and what was shown, as they were before a commit came between two portions of a gather's copying. */
#include "store/keep.h"

#define KEEP_PLACES_MIN 16u
#define KEEP_MEMORY_MIN 1024u

/* A series whose value stands in it has one. */
static size_t keep_words_each(const struct cprom__keep *keep) { return keep->vec->n_cells ? keep->vec->n_cells : 1; }

void cprom__keep_begin(struct cprom__keep *keep, struct cprom_vec *vec, const struct cprom__view_of *view)
{
    *keep = (struct cprom__keep){.vec = vec, .view = view};
    cprom__arena_init(&keep->memory, &vec->registry->allocator, KEEP_MEMORY_MIN);
    vec->keep = keep;
}

static void keep_release_places(const struct cprom__keep *keep)
{
    cprom__release(&keep->vec->registry->allocator, keep->places, keep->places_room * sizeof *keep->places);
}

void cprom__keep_end(struct cprom__keep *keep)
{
    if (!keep->vec) return;
    keep->vec->keep = NULL;
    keep_release_places(keep);
    cprom__arena_free(&keep->memory);
    keep->vec = NULL;
}

/* Where the series is, or would be. */
static struct cprom__keep_place *keep_place_of(const struct cprom__keep *keep, const struct cprom_series *series)
{
    size_t mask = keep->places_room - 1, at = series->hash & mask;
    while (keep->places[at].series && keep->places[at].series != series) at = (at + 1) & mask;
    return &keep->places[at];
}

static bool keep_reserve_places(struct cprom__keep *keep, size_t n)
{
    struct cprom__keep grown = *keep;
    if (2 * n < keep->places_room) return true;
    if (!grown.places_room) grown.places_room = KEEP_PLACES_MIN;
    while (grown.places_room <= 2 * n) grown.places_room *= 2;
    grown.places = cprom__alloc_zeroed(&keep->vec->registry->allocator, grown.places_room * sizeof *grown.places);
    if (!grown.places) return false;
    for (size_t i = 0; i < keep->places_room; i++) {
        const struct cprom__keep_place *place = &keep->places[i];
        if (place->series) *keep_place_of(&grown, place->series) = *place;
    }
    keep_release_places(keep);
    *keep = grown;
    return true;
}

/* What is kept stays where it is, so that no commit moves what others have kept. */
static bool keep_reserve_words(struct cprom__keep *keep, size_t n)
{
    if (n <= keep->room) return true;
    uint64_t *words = cprom__arena_alloc(&keep->memory, n * keep_words_each(keep) * sizeof *words);
    if (!words) return false;
    keep->words = words;
    keep->room = n;
    return true;
}

bool cprom__keep_reserve(struct cprom__keep *keep, size_t n)
{
    return keep_reserve_places(keep, keep->n + n) && keep_reserve_words(keep, n);
}

void cprom__keep_value(struct cprom__keep *keep, const struct cprom_series *series)
{
    struct cprom__keep_place *place = keep_place_of(keep, series);
    bool over;
    if (place->series) return;
    *place = (struct cprom__keep_place){series, NULL};
    keep->n++;
    if (!cprom__series_shown_locked(series, keep->view, &over)) return;
    place->words = keep->words;
    keep->words += keep_words_each(keep);
    keep->room--;
    keep->vec->ops->read(series, place->words);
}

const struct cprom__keep_place *cprom__keep_find(const struct cprom__keep *keep, const struct cprom_series *series)
{
    const struct cprom__keep_place *place = keep->n ? keep_place_of(keep, series) : NULL;
    return place && place->series ? place : NULL;
}
