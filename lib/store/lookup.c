/* From label values to a series: found, made, revealed or reserved. */
#include "store/lookup.h"

#include <string.h>

#include "base/names.h"
#include "store/kill.h"
#include "store/owner.h"
#include "store/upkeep.h"

/* ---- label values ---- */

/*
 * In one walk, without more calls than strlen(). With lookup_find() it is nearly all of what an update by label values
 * costs; inlined, the two are a tenth faster.
 */
static CPROM__INLINE cprom_status lookup_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values)
{
    const struct cprom__hash_key *key = &vec->registry->key;
    uint64_t state = key->k[0];
    size_t n = vec->desc->n_labels, bytes = 0;
    if (strs.n != n || (n && !strs.v)) return CPROM_ELABELS;
    for (size_t i = 0; i < n; i++) {
        const char *v = strs.v[i];
        if (!v) return CPROM_ELABELS;
        /* One that is too long is refused when it is to be created; until then any length that differs will do. */
        size_t len = strlen(v);
        if (CPROM__UNLIKELY(len > CPROM_VALUE_MAX)) len = CPROM_VALUE_MAX + 1;
        values->v[i] = v;
        values->len[i] = (uint32_t)len;
        bytes += len;
        state = cprom__hash_value(state, key, v, len);
    }
    values->n = n;
    values->bytes = bytes;
    values->plain = false;
    values->hash = (uint32_t)(cprom__hash_end(state, key) >> 32);
    return CPROM_OK;
}

cprom_status cprom__values_measure(struct cprom_vec *vec, cprom_strs strs, struct cprom__values *values)
{
    return lookup_measure(vec, strs, values);
}

void cprom__values_other(struct cprom_vec *vec, struct cprom__values *values)
{
    const char *other[CPROM_LABELS_MAX];
    for (size_t i = 0; i < vec->desc->n_labels; i++) other[i] = "other";
    lookup_measure(vec, (cprom_strs){other, vec->desc->n_labels}, values);
}

static bool lookup_is_other(const struct cprom__values *values)
{
    for (size_t i = 0; i < values->n; i++) {
        if (strcmp(values->v[i], "other") != 0) return false;
    }
    return true;
}

cprom_status cprom__values_check(struct cprom__values *values)
{
    bool plain = true;
    for (size_t i = 0; i < values->n; i++) {
        if (values->len[i] > CPROM_VALUE_MAX) return CPROM_EUTF8;
        if (cprom__is_plain(values->v[i], values->len[i])) continue;
        plain = false;
        if (!cprom__is_utf8(values->v[i], values->len[i])) return CPROM_EUTF8;
    }
    values->plain = plain;
    return CPROM_OK;
}

/* ---- finding and creating ---- */

/* Under the map's lock: a series whose labels are used again lingers no longer. */
static void lookup_end_linger_of(struct cprom_vec *vec, const struct cprom_series *again)
{
    if (!atomic_load_explicit(&vec->lingering, memory_order_relaxed)) return;
    struct cprom__probe probe = cprom__map_probe(&vec->map, again->hash);
    for (uint32_t index; (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        if (series == again || series->len != again->len || memcmp(series->text, again->text, again->len) != 0)
            continue;
        cprom__series_end_linger(vec, series, index, true);
        return;
    }
}

/* In a read section or under the map's lock. Lingering series are not found: their labels are free. */
static CPROM__INLINE struct cprom_series *lookup_find(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom__probe probe = cprom__map_probe(&vec->map, values->hash);
    CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
    for (uint32_t index; (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, values)) continue;
        CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
        if (!(atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_LINGER)) return series;
    }
    return NULL;
}

/* Finds under the lock, with a reference. */
static struct cprom_series *lookup_find_locked(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom_series *series = lookup_find(vec, values);
    if (series) atomic_fetch_add_explicit(&series->refs, CPROM__REF, memory_order_relaxed);
    return series;
}

static size_t lookup_live_of(const struct cprom_vec *vec)
{
    return atomic_load_explicit(&vec->live, memory_order_relaxed);
}

/* Under the map's lock. What others are folded into does not count: it is one more. */
static bool lookup_is_full(const struct cprom_vec *vec)
{
    bool folded = atomic_load_explicit(&vec->other, memory_order_relaxed);
    return vec->max_series && lookup_live_of(vec) - folded >= vec->max_series;
}

/* Without the lock; not each full one is seen. */
static bool lookup_is_surely_full(const struct cprom_vec *vec)
{
    return vec->max_series && lookup_live_of(vec) >= vec->max_series + vec->folds;
}

void cprom__series_born(struct cprom_registry *registry)
{
    atomic_fetch_add_explicit(&registry->created, 1, memory_order_relaxed);
}

static void lookup_enter_order(struct cprom_vec *vec, struct cprom_series *series, uint32_t index)
{
    /* First the number: a page that finds the series in the order has that number or a later one, and pins it. */
    series->birth = cprom__snapshot_now(&vec->registry->reclaimer);
    cprom__order_push(&vec->order, series, index);
}

/* A hidden series becomes alive; under the map's lock, or before anybody knows it. */
static void lookup_come_alive(struct cprom_vec *vec, struct cprom_series *series)
{
    uint64_t life = atomic_load_explicit(vec->epoch, memory_order_relaxed);
    if (vec->ttl) {
        life |= CPROM__LIFE_TIMED;
        atomic_store_explicit(&cprom__series_extra(series)->touched, cprom__monotonic_now(vec->registry),
                              memory_order_relaxed);
    }
    cprom__count_locked(&vec->live, 1);
    /* release: pairs with the acquires of who finds it alive; its value and its time come first. */
    atomic_store_explicit(&series->life, life, memory_order_release);
}

/* Under the map's lock; `index` 0: not known. */
static cprom_status lookup_reveal_locked(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                         bool exempt, const struct cprom__change *change, bool *born)
{
    *born = false;
    if (!(atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN)) return CPROM_OK;
    if (!exempt && lookup_is_full(vec)) return CPROM_ELIMIT;
    /*
     * Under this lock: the walk that kills all series of a vector that is gone comes after this, or the flag was set.
     * acquire: pairs with the release in cprom__vec_detach().
     */
    if (atomic_load_explicit(&vec->gone, memory_order_acquire)) return CPROM_ENOENT;
    /* A value first: nobody sees the series with one that nobody set. */
    if (change) vec->ops->change(series, change);
    lookup_end_linger_of(vec, series);
    /* Before anybody can find it alive: what somebody else's update has put into it is on the next page. */
    lookup_enter_order(vec, series, index ? index : cprom__series_index(vec, series));
    CPROM__SEAM(CPROM__SEAM_CREATE_INSERTS);
    cprom__series_born(vec->registry);
    lookup_come_alive(vec, series);
    CPROM__SEAM(CPROM__SEAM_CREATE_ALIVE);
    if (exempt) atomic_store_explicit(&vec->other, series, memory_order_relaxed);
    *born = true;
    return CPROM_OK;
}

/* Puts a made one into the map; under the lock. false: out of memory. */
static bool lookup_link_made(struct cprom_vec *vec, struct cprom_series *made, uint32_t index)
{
    if (!cprom__map_reserve(&vec->map, &vec->registry->reclaimer, made->hash)) return false;
    if (vec->has_owner) {
        if (!cprom__owner_reserve(vec, made)) return false;
        cprom__owner_add(vec, made, index);
    }
    cprom__map_insert(&vec->map, made->hash, index);
    return true;
}

/*
 * Finds the series under the lock, or makes it; with a reference. Alive, if that is wanted, or at least reserved;
 * `*born` says that it came alive here, with the change in it. All that costs time (checking, rendering, allocating)
 * is done before the lock is taken.
 */
static cprom_status lookup_obtain(struct cprom_vec *vec, struct cprom__values *values, bool alive,
                                  const struct cprom__change *change, struct cprom_series **series, bool *born)
{
    bool exempt = vec->folds && lookup_is_other(values), linked = false;
    *born = false;
    cprom_status status = cprom__values_check(values);
    if (status) return status;
    if (alive && !exempt && lookup_is_surely_full(vec)) return CPROM_ELIMIT;
    uint32_t made_index;
    struct cprom_series *made = cprom__series_make(vec, values, &made_index);
    if (!made) return CPROM_ENOMEM;
    CPROM__SEAM(CPROM__SEAM_CREATE_READY);
    pthread_mutex_lock(&vec->map_lock);
    struct cprom_series *there = lookup_find_locked(vec, values);
    if (!there) {
        if (alive && !exempt && lookup_is_full(vec)) status = CPROM_ELIMIT;
        else if (!lookup_link_made(vec, made, made_index)) status = CPROM_ENOMEM;
        else there = made;
        linked = !status;
    }
    if (!status && alive) {
        status = lookup_reveal_locked(vec, there, there == made ? made_index : 0, exempt, change, born);
        if (!status) cprom__series_touch(there); /* a sweep comes before or after, but not in between */
    }
    pthread_mutex_unlock(&vec->map_lock);
    CPROM__SEAM(CPROM__SEAM_CREATE_DONE);
    if (!linked) cprom__series_destroy(made, made_index);
    if (status) cprom__series_unreserve(vec, there);
    if (!status) *series = there;
    cprom__vec_upkeep(vec);
    return status;
}

static cprom_status lookup_drop(struct cprom_vec *vec, cprom_status status)
{
    cprom__vec_drop(vec, status == CPROM_ENOMEM   ? CPROM__DROP_NOMEM
                         : status == CPROM_ELIMIT ? CPROM__DROP_LIMIT
                                                  : CPROM__DROP_INVALID);
    return status;
}

/* Whether the series is alive; touches it: one comparison where it was touched in this epoch. */
static inline bool lookup_touch(struct cprom_vec *vec, struct cprom_series *series)
{
    /* acquire: what the series was born with comes first; pairs with the release in lookup_come_alive(). */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    uint64_t epoch = atomic_load_explicit(vec->epoch, memory_order_relaxed);
    if (CPROM__LIKELY(life == epoch)) return true;
    /* One that is alive a moment later was not seen with its value. */
    return !(life & CPROM__LIFE_HIDDEN) && cprom__series_touch(series);
}

/* For a series that is there, in a thread with a slot: nearly always. */
static CPROM__INLINE bool lookup_acquire_reading(struct cprom_vec *vec, const struct cprom__values *values,
                                                 struct cprom__use *use)
{
    if (CPROM__UNLIKELY(!cprom__read_enter())) return false;
    struct cprom_series *series = lookup_find(vec, values);
    CPROM__SEAM(CPROM__SEAM_LOOKUP_FOUND);
    if (CPROM__LIKELY(series && lookup_touch(vec, series))) {
        use->series = series;
        use->reading = true;
        return true;
    }
    cprom__read_leave();
    return false;
}

static CPROM__NOINLINE cprom_status lookup_acquire_slowly(struct cprom_vec *vec, struct cprom__values *values,
                                                          struct cprom__use *use)
{
    struct cprom__change change = {.sets = false};
    struct cprom__observation observation;
    bool born;
    if (cprom__thread_slot() >= CPROM__THREADS) {
        pthread_mutex_lock(&vec->map_lock);
        use->series = lookup_find_locked(vec, values);
        pthread_mutex_unlock(&vec->map_lock);
        use->reading = false;
        if (use->series && cprom__series_touch(use->series)) return CPROM_OK;
        cprom__series_unreserve(vec, use->series);
    }
    use->series = NULL;
    use->reading = false;
    cprom__change_add(&change, use->operation, use->value, &observation);
    bool changes = use->operation != CPROM__OP_TOUCH;
    cprom_status status = lookup_obtain(vec, values, true, changes ? &change : NULL, &use->series, &born);
    return status ? status : born ? CPROM__BORN_WITH_IT : CPROM_OK;
}

/* The second try, for what others are folded into. */
static CPROM__NOINLINE cprom_status lookup_acquire_other(struct cprom_vec *vec, struct cprom__use *use)
{
    struct cprom__values values;
    atomic_fetch_add_explicit(&vec->registry->folded, 1, memory_order_relaxed);
    cprom__values_other(vec, &values);
    if (lookup_acquire_reading(vec, &values, use)) return CPROM_OK;
    return lookup_acquire_slowly(vec, &values, use);
}

cprom_status cprom__series_acquire_for(struct cprom_vec *vec, cprom_strs strs, struct cprom__use *use)
{
    struct cprom__values values;
    cprom_status status = lookup_measure(vec, strs, &values);
    if (CPROM__UNLIKELY(status < 0)) return lookup_drop(vec, status);
    if (CPROM__LIKELY(lookup_acquire_reading(vec, &values, use))) return CPROM_OK;
    status = lookup_acquire_slowly(vec, &values, use);
    if (status == CPROM_ELIMIT && vec->folds) status = lookup_acquire_other(vec, use);
    return status < 0 ? lookup_drop(vec, status) : status;
}

static bool lookup_is_there(const struct cprom_series *series)
{
    /* acquire: what it was born with comes first, as in lookup_touch(). */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    return !(life & (CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN));
}

cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs strs, struct cprom__use *use)
{
    struct cprom__values values;
    cprom_status status = lookup_measure(vec, strs, &values);
    if (status) return status;
    use->reading = cprom__read_enter();
    if (use->reading) {
        use->series = lookup_find(vec, &values);
        if (use->series && lookup_is_there(use->series)) return CPROM_OK;
        cprom__read_leave();
        return CPROM_ENOENT;
    }
    pthread_mutex_lock(&vec->map_lock);
    use->series = lookup_find_locked(vec, &values);
    pthread_mutex_unlock(&vec->map_lock);
    if (use->series && lookup_is_there(use->series)) return CPROM_OK;
    cprom__series_unreserve(vec, use->series);
    return CPROM_ENOENT;
}

struct cprom_series *cprom__series_plain(struct cprom_vec *vec, const char *const *v)
{
    struct cprom__values values;
    uint32_t index;
    lookup_measure(vec, (cprom_strs){v, vec->desc->n_labels}, &values);
    struct cprom_series *series = cprom__series_make(vec, &values, &index);
    if (!series) return NULL;
    lookup_come_alive(vec, series);
    lookup_enter_order(vec, series, index);
    return series;
}

/* ---- what updates reserve ---- */

cprom_status cprom__series_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series)
{
    pthread_mutex_lock(&vec->map_lock);
    *series = lookup_find_locked(vec, values);
    pthread_mutex_unlock(&vec->map_lock);
    bool born;
    return *series ? CPROM_OK : lookup_obtain(vec, values, false, NULL, series, &born);
}

cprom_status cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series, bool exempt,
                                  const struct cprom__change *change, bool *born)
{
    pthread_mutex_lock(&vec->map_lock);
    cprom_status status = lookup_reveal_locked(vec, series, 0, exempt, change, born);
    pthread_mutex_unlock(&vec->map_lock);
    return status;
}

void cprom__series_unreserve(struct cprom_vec *vec, struct cprom_series *series)
{
    struct cprom__reclaimer *reclaimer = &vec->registry->reclaimer;
    struct cprom__chain chain = {0, 0, 0};
    if (!series) return;
    pthread_mutex_lock(&vec->map_lock);
    bool hidden = atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN;
    /* References to a hidden series come and go under this lock, so that one of two that go at once is the last. */
    if (hidden && atomic_fetch_sub_explicit(&series->refs, CPROM__REF, memory_order_relaxed) == CPROM__REF) {
        uint32_t index = cprom__series_index(vec, series), hash = series->hash;
        cprom__series_unlink(vec, series, index, true);
        cprom__map_tidy(&vec->map, reclaimer, hash);
        atomic_fetch_sub_explicit(&vec->dead, 1, memory_order_relaxed); /* it was never in the order */
        cprom__chain_add(reclaimer, &chain, index, 0);
    }
    pthread_mutex_unlock(&vec->map_lock);
    CPROM__SEAM(CPROM__SEAM_GIVEN_BACK);
    cprom__retire_chain(reclaimer, &chain);
    if (!hidden) cprom_series_unref(series);
}

/* ---- the public face ---- */

/* The series with a reference, which may have expired before it was there; NULL: refused. */
static CPROM__INLINE struct cprom_series *lookup_hold(struct cprom_vec *vec, cprom_strs strs)
{
    struct cprom__use use;
    if (cprom__series_acquire(vec, strs, CPROM__OP_TOUCH, 0, &use) < 0) return NULL;
    if (use.reading) {
        /* A series that was found in a read section is not destroyed before its end, so that the reference counts. */
        /* seq_cst: pairs with upkeep_is_idle(), which looks at it once the series is marked. */
        atomic_fetch_add_explicit(&use.series->refs, CPROM__REF, memory_order_seq_cst);
        cprom__read_leave();
    }
    return use.series;
}

/* Once it is held, it does not expire. */
static CPROM__NOINLINE struct cprom_series *lookup_hold_timed(struct cprom_vec *vec, cprom_strs strs)
{
    struct cprom_series *series;
    while ((series = lookup_hold(vec, strs)) && !cprom__series_touch_held(series)) cprom_series_unref(series);
    return series;
}

cprom_series *cprom_vec_with(cprom_vec *vec, cprom_strs strs)
{
    if (!vec) return NULL;
    return CPROM__UNLIKELY(vec->ttl) ? lookup_hold_timed(vec, strs) : lookup_hold(vec, strs);
}
