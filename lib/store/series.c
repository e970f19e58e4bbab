/* A series: how it is made and destroyed, and held. */
#include "store/series.h"

#define SERIES_DESTROYED_AT_ONCE 64u
#define SERIES_STRIPED_CELLS_MAX 256u /* of one vector: beyond, cache misses cost more than sharing does */

/* ---- making and destroying ---- */

static bool series_take_stripes(struct cprom_vec *vec)
{
    unsigned n = vec->n_striped;
    if (CPROM_STRIPES == 1 || !n || n > CPROM__STRIDE_CELLS) return false;
    size_t before = atomic_load_explicit(&vec->striped_cells, memory_order_relaxed);
    do {
        if (!vec->is_plain && before + n > SERIES_STRIPED_CELLS_MAX) return false;
    } while (!atomic_compare_exchange_weak_explicit(&vec->striped_cells, &before, before + n, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

static void series_give_stripes_back(struct cprom_series *series)
{
    struct cprom_vec *vec = series->vec;
    cprom__cells_free(&vec->registry->cells, series->cells, vec->n_striped, series->place);
    atomic_fetch_sub_explicit(&vec->striped_cells, vec->n_striped, memory_order_relaxed);
}

cprom__cell *cprom__series_cells(struct cprom_series *series, bool *owned)
{
    *owned = false;
    if (!series->striped) return series->cells;
    return cprom__cells_mine(&series->vec->registry->cells, series->cells, series->place, owned);
}

/* ---- what stands behind the text ---- */

static size_t series_align(size_t size) { return (size + 7) & ~(size_t)7; }

static size_t series_created_size(const struct cprom_vec *vec) { return vec->accumulates ? sizeof(int64_t) : 0; }

static size_t series_exemplars_size(const struct cprom_vec *vec)
{
    return series_align(vec->n_exemplars * sizeof(cprom__exemplar_slot));
}

static size_t series_tail_size(const struct cprom_vec *vec, bool own_cells)
{
    return (own_cells ? vec->n_cells * sizeof(cprom__cell) : 0) + series_created_size(vec) +
           series_exemplars_size(vec) + vec->extra_size;
}

static char *series_tail_of(const struct cprom_series *series)
{
    return (char *)(uintptr_t)series + series_align(sizeof *series + series->len);
}

int64_t *cprom__series_created(const struct cprom_series *series)
{
    bool own_cells = !series->striped && series->vec->n_cells > 1;
    return (int64_t *)(void *)(series_tail_of(series) + (own_cells ? series->vec->n_cells * sizeof(cprom__cell) : 0));
}

cprom__exemplar_slot *cprom__series_exemplars(const struct cprom_series *series)
{
    return (cprom__exemplar_slot *)(void *)((char *)cprom__series_created(series) + series_created_size(series->vec));
}

struct cprom__extra *cprom__series_extra(const struct cprom_series *series)
{
    return (struct cprom__extra *)(void *)((char *)cprom__series_exemplars(series) +
                                           series_exemplars_size(series->vec));
}

/* The reference passes on to the slot. */
static void series_put_exemplar(struct cprom_series *series, size_t slot, struct cprom__exemplar *exemplar)
{
    /* acq_rel: release, pairs with the acquire of who takes it out; acquire, for what is taken out here. */
    cprom__exemplar_unref(
        atomic_exchange_explicit(&cprom__series_exemplars(series)[slot], exemplar, memory_order_acq_rel));
}

void cprom__series_share_exemplar(struct cprom_series *series, size_t slot, struct cprom__exemplar *exemplar)
{
    atomic_fetch_add_explicit(&exemplar->refs, 1, memory_order_relaxed);
    series_put_exemplar(series, slot, exemplar);
}

const char *cprom__series_keep_exemplar(struct cprom_series *series, size_t slot, double value, cprom_labels labels,
                                        int64_t timestamp_ms)
{
    const char *refusal;
    struct cprom__exemplar *exemplar = cprom__exemplar_new(series->vec, value, labels, timestamp_ms, &refusal);
    if (!exemplar) return refusal;
    series_put_exemplar(series, slot, exemplar);
    return NULL;
}

/* For who unescapes texts: the page that shows the series is opened later. */
static CPROM__NOINLINE void series_note_escaped(struct cprom_vec *vec, size_t len)
{
    size_t longest = atomic_load_explicit(&vec->longest_escaped, memory_order_relaxed);
    while (longest < len && !atomic_compare_exchange_weak_explicit(&vec->longest_escaped, &longest, len,
                                                                   memory_order_relaxed, memory_order_relaxed)) {
    }
}

struct cprom_series *cprom__series_make(struct cprom_vec *vec, const struct cprom__values *values, uint32_t *index)
{
    struct cprom_registry *registry = vec->registry;
    size_t len = cprom__desc_text_len(vec->desc, values);
    bool striped = series_take_stripes(vec);
    bool own_cells = !striped && vec->n_cells > 1;
    size_t size = sizeof(struct cprom_series) + len, tail = series_tail_size(vec, own_cells);
    if (tail) size = series_align(size) + tail;
    struct cprom_series *series = cprom__slab_alloc(&registry->slab, size, index);
    unsigned place = 0;
    cprom__cell *cells = striped && series ? cprom__cells_new(&registry->cells, vec->n_striped, &place) : NULL;
    if (!series || (striped && !cells)) {
        if (series) cprom__slab_free(&registry->slab, *index);
        if (striped) atomic_fetch_sub_explicit(&vec->striped_cells, vec->n_striped, memory_order_relaxed);
        return NULL;
    }
    atomic_init(&series->life, CPROM__LIFE_HIDDEN);
    series->vec = vec;
    series->birth = 0;
    atomic_init(&series->refs, CPROM__REF | CPROM__REF_KEPT);
    series->next = 0;
    series->hash = values->hash;
    series->len = (unsigned)len & 0xffffffu;
    series->striped = striped;
    series->place = place & 0x3fu;
    series->escaped = len != vec->desc->pieces_len + values->bytes || vec->desc->escaped;
    cprom__desc_text(vec->desc, values, series->text);
    if (series->escaped) series_note_escaped(vec, len);
    if (striped) {
        series->cells = cells;
    } else if (own_cells) {
        series->cells = (cprom__cell *)(void *)series_tail_of(series);
        for (unsigned i = 0; i < vec->n_cells; i++) atomic_init(&series->cells[i], 0);
    } else {
        atomic_init(&series->value, vec->ops->initial);
    }
    if (vec->accumulates) *cprom__series_created(series) = cprom__wall_now(registry) / 1000000;
    for (unsigned i = 0; i < vec->n_exemplars; i++) atomic_init(&cprom__series_exemplars(series)[i], NULL);
    if (vec->ttl || vec->linger) {
        struct cprom__extra *extra = cprom__series_extra(series);
        extra->reserved = 0;
        atomic_init(&extra->touched, 0);
        atomic_init(&extra->until, 0);
        atomic_init(&extra->lingers, 0);
    }
    atomic_fetch_add_explicit(&vec->refs, 1, memory_order_relaxed);
    return series;
}

/* Gives back what belongs to the series, but for its own memory. */
static void series_empty(struct cprom_series *series)
{
    if (series->striped) series_give_stripes_back(series);
    for (unsigned i = 0; i < series->vec->n_exemplars; i++) {
        /* relaxed: who comes here comes after all users of the series. */
        cprom__exemplar_unref(atomic_load_explicit(&cprom__series_exemplars(series)[i], memory_order_relaxed));
    }
}

void cprom__series_destroy(struct cprom_series *series, uint32_t index)
{
    struct cprom_vec *vec = series->vec;
    series_empty(series);
    cprom__slab_free(&vec->registry->slab, index);
    cprom__vec_unref(vec, 1);
}

void cprom__series_destroy_list(struct cprom__slab *slab, uint32_t first)
{
    while (first) {
        struct cprom_vec *vec = ((struct cprom_series *)cprom__slab_at(slab, first))->vec;
        uint32_t indexes[SERIES_DESTROYED_AT_ONCE];
        size_t n = 0;
        while (first && n < SERIES_DESTROYED_AT_ONCE) {
            struct cprom_series *series = cprom__slab_at(slab, first);
            if (series->vec != vec) break;
            indexes[n++] = first;
            first = series->next;
            series_empty(series);
        }
        cprom__slab_free_many(slab, indexes, n);
        cprom__vec_unref(vec, n);
    }
}

void cprom__series_abandon(struct cprom_series *series, uint32_t index)
{
    series->next = index;
    /* acq_rel: release for the one that drops the last reference, acquire for what earlier ones did. */
    uint32_t before = atomic_fetch_and_explicit(&series->refs, ~CPROM__REF_KEPT, memory_order_acq_rel);
    if (before < CPROM__REF) cprom__series_destroy(series, index);
}

/* A reference that was not simply counted down was given back: the last one of an orphan, or one of too many. */
static CPROM__NOINLINE void series_unref_rare(struct cprom_series *series, uint32_t before)
{
    if (before == CPROM__REF) cprom__series_destroy(series, series->next);
    else atomic_store_explicit(&series->refs, CPROM__REF_SATURATED, memory_order_relaxed);
}

cprom_series *cprom_series_ref(cprom_series *series)
{
    if (series && !series->vec->is_plain) cprom__series_hold(series, memory_order_relaxed);
    return series;
}

void cprom_series_unref(cprom_series *series)
{
    if (!series || series->vec->is_plain) return;
    /* acq_rel: what this holder did comes before the destruction, by whoever does it. */
    uint32_t before = atomic_fetch_sub_explicit(&series->refs, CPROM__REF, memory_order_acq_rel);
    if (CPROM__UNLIKELY((int32_t)before <= (int32_t)CPROM__REF)) series_unref_rare(series, before);
}

/* ---- the vector that it belongs to ---- */

void cprom__vec_unref(struct cprom_vec *vec, size_t n)
{
    if (atomic_fetch_sub_explicit(&vec->refs, n, memory_order_acq_rel) != n) return;
    struct cprom_registry *registry = vec->registry;
    pthread_mutex_destroy(&vec->map_lock);
    cprom__desc_free(vec->desc);
    cprom__release(&registry->allocator, vec, sizeof *vec);
    cprom__registry_unref(registry);
}

void cprom__vec_drop(struct cprom_vec *vec, enum cprom__drop reason)
{
    struct cprom_registry *registry = vec->registry;
    atomic_fetch_add_explicit(&registry->dropped[reason], 1, memory_order_relaxed);
    if (!registry->log) return;
    unsigned bit = 1u << reason;
    if (atomic_fetch_or_explicit(&vec->logged, bit, memory_order_relaxed) & bit) return;
    struct cprom__line line;
    cprom__line_join(&line, "metric \"", vec->desc->name, "\": update dropped: ", cprom__drop_names[reason],
                     " (more of these are only counted)", (char *)NULL);
    cprom__log(registry, &line);
}
