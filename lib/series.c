#include "series.h"

#include <string.h>

#include "names.h"
#include "vec.h"

#define STRIPED_CELLS_MAX 256u /* of one vector: beyond, cache misses cost more than sharing does */

/* ---- label values ---- */

cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values)
{
    if (strs.n != vec->desc->n_labels) return CPROM_ELABELS;
    const struct cprom__hash_key *key = &vec->registry->key;
    uint64_t state = key->k[0];
    for (size_t i = 0; i < strs.n; i++) {
        if (!strs.v || !strs.v[i]) return CPROM_ELABELS;
        size_t len = strlen(strs.v[i]);
        values->v[i] = strs.v[i];
        /* One that is too long is refused when it is to be created; until then any length that differs will do. */
        values->len[i] = len <= CPROM_VALUE_MAX ? (uint32_t)len : CPROM_VALUE_MAX + 1;
        state = cprom__hash_value(state, key, strs.v[i], values->len[i]);
    }
    values->n = strs.n;
    values->hash = (uint32_t)(cprom__hash_end(state, key) >> 32);
    return CPROM_OK;
}

static cprom_status check_values(const struct cprom__values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        if (values->len[i] > CPROM_VALUE_MAX || !cprom__is_utf8(values->v[i], values->len[i])) return CPROM_EUTF8;
    }
    return CPROM_OK;
}

/* ---- making and destroying ---- */

static bool take_stripes(struct cprom_vec *vec)
{
    if (CPROM_STRIPES == 1 || !vec->n_cells || vec->n_cells > CPROM__STRIDE_CELLS) return false;
    size_t before = atomic_fetch_add_explicit(&vec->striped_cells, vec->n_cells, memory_order_relaxed);
    if (vec->is_plain || before + vec->n_cells <= STRIPED_CELLS_MAX) return true;
    atomic_fetch_sub_explicit(&vec->striped_cells, vec->n_cells, memory_order_relaxed);
    return false;
}

static void give_stripes_back(struct cprom_series *series)
{
    struct cprom_vec *vec = series->vec;
    cprom__cells_free(&vec->registry->cells, series->cells, vec->n_cells);
    atomic_fetch_sub_explicit(&vec->striped_cells, vec->n_cells, memory_order_relaxed);
}

/* A series that nobody else knows yet, with one reference. NULL: out of memory. */
static struct cprom_series *series_make(struct cprom_vec *vec, const struct cprom__values *values, uint32_t *ref)
{
    struct cprom_registry *registry = vec->registry;
    size_t len = cprom__desc_text_len(vec->desc, values);
    bool striped = take_stripes(vec);
    bool own_cells = !striped && vec->n_cells > 1;
    size_t cells_at = (sizeof(struct cprom_series) + len + 7) & ~(size_t)7;
    size_t size = own_cells ? cells_at + vec->n_cells * sizeof(cprom__cell) : sizeof(struct cprom_series) + len;
    struct cprom_series *series = cprom__slab_alloc(&registry->slab, size, ref);
    cprom__cell *cells = striped && series ? cprom__cells_new(&registry->cells, vec->n_cells) : NULL;
    if (!series || (striped && !cells)) {
        if (series) cprom__slab_free(&registry->slab, *ref);
        if (striped) atomic_fetch_sub_explicit(&vec->striped_cells, vec->n_cells, memory_order_relaxed);
        return NULL;
    }
    atomic_init(&series->life, atomic_load_explicit(vec->epoch, memory_order_relaxed));
    series->vec = vec;
    series->birth = cprom__snapshot_now(&registry->reclaimer);
    atomic_init(&series->refs, CPROM__REF);
    series->next = 0;
    series->hash = values->hash;
    series->len = (unsigned)len & 0xffffffu;
    series->striped = striped;
    size_t raw = vec->desc->pieces_len;
    for (size_t i = 0; i < values->n; i++) raw += values->len[i];
    series->escaped = len != raw || vec->desc->escaped;
    cprom__desc_text(vec->desc, values, series->text);
    if (striped) {
        series->cells = cells;
    } else if (own_cells) {
        series->cells = (cprom__cell *)(void *)((char *)series + cells_at);
        for (unsigned i = 0; i < vec->n_cells; i++) atomic_init(&series->cells[i], 0);
    } else {
        atomic_init(&series->value, cprom__bits(0));
    }
    atomic_fetch_add_explicit(&vec->refs, 1, memory_order_relaxed);
    return series;
}

void cprom__series_destroy(struct cprom_series *series, uint32_t ref)
{
    struct cprom_vec *vec = series->vec;
    if (series->striped) give_stripes_back(series);
    cprom__slab_free(&vec->registry->slab, ref);
    cprom__vec_unref(vec);
}

void cprom__series_abandon(struct cprom_series *series, uint32_t ref)
{
    series->next = ref;
    /* acq_rel: release for the one that drops the last reference, acquire for what earlier ones did. */
    uint32_t before = atomic_fetch_or_explicit(&series->refs, CPROM__REF_ORPHAN, memory_order_acq_rel);
    if (before < CPROM__REF) cprom__series_destroy(series, ref);
}

cprom_series *cprom_series_ref(cprom_series *series)
{
    if (series && !series->vec->is_plain) atomic_fetch_add_explicit(&series->refs, CPROM__REF, memory_order_relaxed);
    return series;
}

void cprom_series_unref(cprom_series *series)
{
    if (!series || series->vec->is_plain) return;
    /* acq_rel: what this holder did comes before the destruction, by whoever does it. */
    uint32_t before = atomic_fetch_sub_explicit(&series->refs, CPROM__REF, memory_order_acq_rel);
    if (before == (CPROM__REF | CPROM__REF_ORPHAN)) cprom__series_destroy(series, series->next);
}

/* ---- life ---- */

bool cprom__series_touch(struct cprom_series *series)
{
    uint64_t epoch = atomic_load_explicit(series->vec->epoch, memory_order_relaxed);
    uint64_t life = atomic_load_explicit(&series->life, memory_order_relaxed);
    do {
        if (life & CPROM__LIFE_DEAD) return false;
        if (life >= epoch) return true;
        /* A removal that looks at the touch is a CAS of the same word, so that one of the two comes first. */
    } while (!atomic_compare_exchange_weak_explicit(&series->life, &life, epoch, memory_order_relaxed,
                                                    memory_order_relaxed));
    return true;
}

bool cprom__series_revive(struct cprom_series *series)
{
    if (cprom__series_touch(series)) return true;
    cprom__vec_drop(series->vec, CPROM__DROP_DETACHED);
    return false;
}

void cprom__series_kill(struct cprom_vec *vec, struct cprom_series *series, uint32_t ref)
{
    /* release: who sees the series dead also sees `gone`, if that is why. Pairs with is_dead() in gather.c. */
    atomic_fetch_or_explicit(&series->life, CPROM__LIFE_DEAD, memory_order_release);
    CPROM__SEAM(CPROM__SEAM_KILL_MARKED);
    if (ref) cprom__map_remove(&vec->map, series->hash, ref);
    atomic_fetch_sub_explicit(&vec->live, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&vec->dead, 1, memory_order_relaxed);
    /* release: pairs with the acquire in cprom__series_unlinked(); retired only after it has left the map. */
    atomic_fetch_or_explicit(&series->life, CPROM__LIFE_UNLINKED, memory_order_release);
    atomic_fetch_sub_explicit(&vec->registry->live, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&vec->registry->removed, 1, memory_order_relaxed);
}

/* ---- finding and creating ---- */

/* In a read section or under the map's lock. */
static struct cprom_series *find(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom__probe probe = cprom__map_probe(&vec->map, values->hash);
    CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
    for (uint32_t ref; (ref = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, ref);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, values)) continue;
        CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
        return series;
    }
    return NULL;
}

/* Finds under the lock, with a reference. */
static struct cprom_series *find_locked(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom_series *series = find(vec, values);
    if (series) atomic_fetch_add_explicit(&series->refs, CPROM__REF, memory_order_relaxed);
    return series;
}

void cprom__series_born(struct cprom_vec *vec)
{
    atomic_fetch_add_explicit(&vec->registry->created, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&vec->registry->live, 1, memory_order_relaxed);
}

/* Everything that costs time (rendering, allocating) is done before the lock is taken. */
static cprom_status create(struct cprom_vec *vec, const struct cprom__values *values, struct cprom_series **series)
{
    struct cprom_registry *registry = vec->registry;
    cprom_status status = check_values(values);
    if (status) return status;
    uint32_t ref;
    struct cprom_series *made = series_make(vec, values, &ref);
    if (!made) return CPROM_ENOMEM;
    CPROM__SEAM(CPROM__SEAM_CREATE_READY);
    pthread_mutex_lock(&vec->map_lock);
    struct cprom_series *there = find_locked(vec, values);
    bool room = !there && cprom__map_reserve(&vec->map, &registry->reclaimer, values->hash);
    if (room) {
        /* In the order first: whoever finds the series in the map, and then opens a page, sees it there. */
        cprom__order_push(&vec->order, made, ref);
        CPROM__SEAM(CPROM__SEAM_CREATE_INSERTS);
        atomic_fetch_add_explicit(&vec->live, 1, memory_order_relaxed);
        cprom__series_born(vec);
        cprom__map_insert(&vec->map, values->hash, ref);
    }
    pthread_mutex_unlock(&vec->map_lock);
    if (!room) {
        cprom__series_destroy(made, ref);
        *series = there;
        return there ? CPROM_OK : CPROM_ENOMEM;
    }
    cprom__vec_work(vec);
    *series = made;
    return CPROM_OK;
}

static cprom_status drop(struct cprom_vec *vec, cprom_status status)
{
    cprom__vec_drop(vec, status == CPROM_ENOMEM   ? CPROM__DROP_NOMEM
                         : status == CPROM_ELIMIT ? CPROM__DROP_LIMIT
                                                  : CPROM__DROP_INVALID);
    return status;
}

cprom_status cprom__series_acquire(struct cprom_vec *vec, cprom_strs strs, struct cprom__use *use)
{
    struct cprom__values values;
    cprom_status status = cprom__values_measure(vec, strs, &values);
    if (status) return drop(vec, status);
    if (CPROM__LIKELY(cprom__read_enter())) {
        use->series = find(vec, &values);
        CPROM__SEAM(CPROM__SEAM_LOOKUP_FOUND);
        if (CPROM__LIKELY(use->series && cprom__series_touch(use->series))) {
            use->reading = true;
            return CPROM_OK;
        }
        cprom__read_leave();
    } else {
        pthread_mutex_lock(&vec->map_lock);
        use->series = find_locked(vec, &values);
        pthread_mutex_unlock(&vec->map_lock);
        if (use->series && cprom__series_touch(use->series)) {
            use->reading = false;
            return CPROM_OK;
        }
        cprom_series_unref(use->series);
    }
    use->reading = false;
    status = create(vec, &values, &use->series);
    if (status) return drop(vec, status);
    cprom__series_touch(use->series);
    return CPROM_OK;
}

cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs strs, struct cprom__use *use)
{
    struct cprom__values values;
    cprom_status status = cprom__values_measure(vec, strs, &values);
    if (status) return status;
    use->reading = cprom__read_enter();
    if (use->reading) {
        use->series = find(vec, &values);
        if (use->series && !(atomic_load_explicit(&use->series->life, memory_order_relaxed) & CPROM__LIFE_DEAD)) {
            return CPROM_OK;
        }
        cprom__read_leave();
        return CPROM_ENOENT;
    }
    pthread_mutex_lock(&vec->map_lock);
    use->series = find_locked(vec, &values);
    pthread_mutex_unlock(&vec->map_lock);
    return use->series ? CPROM_OK : CPROM_ENOENT;
}

void cprom__series_release(const struct cprom__use *use)
{
    if (use->reading) cprom__read_leave();
    else cprom_series_unref(use->series);
}

struct cprom_series *cprom__series_plain(struct cprom_vec *vec)
{
    struct cprom__values values = {.n = 0};
    uint32_t ref;
    struct cprom_series *series = series_make(vec, &values, &ref);
    if (!series) return NULL;
    atomic_store_explicit(&vec->live, 1, memory_order_relaxed);
    cprom__order_push(&vec->order, series, ref);
    return series;
}

/* ---- the public face ---- */

cprom_series *cprom_vec_with(cprom_vec *vec, cprom_strs strs)
{
    struct cprom__use use;
    if (!vec || cprom__series_acquire(vec, strs, &use) != CPROM_OK) return NULL;
    if (use.reading) {
        /* A series that was found in a read section is not destroyed before its end, so that the reference counts. */
        atomic_fetch_add_explicit(&use.series->refs, CPROM__REF, memory_order_relaxed);
        cprom__read_leave();
    }
    return use.series;
}
