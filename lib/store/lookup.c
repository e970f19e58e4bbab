/* From label values to a series: found, made, revealed or reserved. */
#include "store/lookup.h"

#include <string.h>

#include "base/names.h"
#include "base/utf8.h"
#include "store/owner.h"
#include "store/repair.h"
#include "store/touch.h"
#include "store/turnover.h"
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

void cprom__values_fold(struct cprom_vec *vec, struct cprom__values *values, unsigned exempt)
{
    const char *other[CPROM_LABELS_MAX];
    for (size_t i = 0; i < vec->desc->n_labels; i++) {
        bool owner = !(exempt & CPROM__EXEMPT_OF_VEC) && i == vec->owner_label;
        other[i] = owner ? values->v[i] : "other";
    }
    lookup_measure(vec, (cprom_strs){other, vec->desc->n_labels}, values);
}

unsigned cprom__values_exempt(const struct cprom_vec *vec, const struct cprom__values *values)
{
    unsigned exempt = CPROM__EXEMPT_OF_OWNER | CPROM__EXEMPT_OF_VEC;
    for (size_t i = 0; i < values->n; i++) {
        if (strcmp(values->v[i], "other") == 0) continue;
        if (!vec->max_per_owner || i != vec->owner_label) return 0;
        exempt = CPROM__EXEMPT_OF_OWNER;
    }
    return exempt;
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

bool cprom__values_repairable(const struct cprom_vec *vec, struct cprom__values *values)
{
    return vec->bad_utf8 == CPROM_UTF8_REPAIR && cprom__values_check(values) == CPROM_EUTF8;
}

/* ---- finding and creating ---- */

/* Under the map's lock: a series whose labels are used again lingers no longer. */
static void lookup_end_linger_of(struct cprom_vec *vec, const struct cprom_series *again, uint64_t snapshot)
{
    if (!atomic_load_explicit(&vec->lingering, memory_order_relaxed)) return;
    struct cprom__probe probe = cprom__map_probe(&vec->map, again->hash);
    for (uint32_t index; (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        if (series == again || series->len != again->len || memcmp(series->text, again->text, again->len) != 0)
            continue;
        cprom__series_end_linger(vec, series, index, true, snapshot);
        return;
    }
}

/*
 * In a read section or under the map's lock. Dead ones are not found, be it that they linger: behind them may be another
 * one of these labels, which is about to be born, or was.
 */
static CPROM__INLINE struct cprom_series *lookup_find(struct cprom_vec *vec, const struct cprom__values *values)
{
    struct cprom__probe probe = cprom__map_probe(&vec->map, values->hash);
    CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
    for (uint32_t index; (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, values)) continue;
        CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
        /* acquire: who does not find what a change has removed comes after its moment; pairs with the kill. */
        if (!(atomic_load_explicit(&series->life, memory_order_acquire) & CPROM__LIFE_DEAD)) return series;
    }
    return NULL;
}

/*
 * Under the lock, which may be given back and taken in between: finds the series as the changes up to this epoch have
 * left it. In `*epoch` is the one that it was found in.
 */
static struct cprom_series *lookup_find_settled(struct cprom_vec *vec, const struct cprom__values *values,
                                                uint64_t *epoch)
{
    for (;;) {
        *epoch = cprom__epoch_now(vec);
        struct cprom_series *series = lookup_find(vec, values);
        if (CPROM__LIKELY(!series || !cprom__turnover_at(vec, *epoch))) return series;
        enum cprom__verdict verdict = CPROM__VERDICT_OPEN; /* of a hidden one, which may be about to be born */
        if (!(atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN))
            verdict = cprom__turnover_settle(vec, series, 0, *epoch);
        if (verdict == CPROM__VERDICT_STAYS) return series;
        if (verdict == CPROM__VERDICT_OPEN) cprom__turnover_help(vec);
    }
}

static void lookup_ref(struct cprom_series *series)
{
    if (series) cprom__series_hold(series, memory_order_relaxed);
}

/*
 * Under the map's lock, in the same hold as the reference: pages tell reservations from handles. Out of line, as is the
 * giving back, so that who creates a series does not pay for it.
 */
static CPROM__NOINLINE void lookup_count_reservation(const struct cprom_series *series, bool comes)
{
    if (series->vec->ttl) cprom__series_extra(series)->reserved += comes ? 1u : UINT32_MAX;
}

/* Which bounds it meets. */
static bool lookup_is_bounded(const struct cprom_vec *vec, unsigned exempt)
{
    return vec->max_series && !(exempt & CPROM__EXEMPT_OF_VEC);
}

static bool lookup_is_bounded_by_owner(const struct cprom_vec *vec, unsigned exempt)
{
    return vec->max_per_owner && !(exempt & CPROM__EXEMPT_OF_OWNER);
}

/* Under the map's lock. What others are folded into does not count: it is one more. */
static bool lookup_is_full(const struct cprom_vec *vec, unsigned exempt)
{
    bool folded = atomic_load_explicit(&vec->other, memory_order_relaxed);
    return lookup_is_bounded(vec, exempt) && cprom__turnover_live(vec) - folded >= vec->max_series;
}

/* Without the lock: a guess. Of owners nothing is known without it. */
static bool lookup_seems_full(const struct cprom_vec *vec, unsigned exempt)
{
    size_t live = atomic_load_explicit(&vec->live, memory_order_relaxed);
    if (lookup_is_bounded_by_owner(vec, exempt)) return true;
    return lookup_is_bounded(vec, exempt) && live >= vec->max_series && live - vec->max_series >= vec->folds;
}

void cprom__series_born(struct cprom_registry *registry)
{
    atomic_fetch_add_explicit(&registry->created, 1, memory_order_relaxed);
}

/* A hidden series becomes alive; under the map's lock, or before anybody knows it. */
static void lookup_come_alive(struct cprom_vec *vec, struct cprom_series *series, uint64_t epoch, int64_t now)
{
    if (vec->ttl) {
        epoch |= CPROM__LIFE_TIMED;
        atomic_store_explicit(&cprom__series_extra(series)->touched, now, memory_order_relaxed);
    }
    /* release: pairs with the acquires of who finds it alive; its value and its time come first. */
    atomic_store_explicit(&series->life, epoch, memory_order_release);
}

static CPROM__INLINE cprom_status lookup_may_be_born(struct cprom_vec *vec, const struct cprom_series *series,
                                                     unsigned exempt)
{
    if (lookup_is_full(vec, exempt)) return CPROM_ELIMIT;
    if (lookup_is_bounded_by_owner(vec, exempt) && cprom__owner_is_full(vec, series)) return CPROM_ELIMIT;
    /*
     * Under this lock: the walk that kills all series of a vector that is gone comes after this, or the flag was set.
     * acquire: pairs with the release in cprom__vec_detach().
     */
    return atomic_load_explicit(&vec->gone, memory_order_acquire) ? CPROM_ENOENT : CPROM_OK;
}

cprom_status cprom__series_may_be_born(struct cprom_vec *vec, const struct cprom_series *series, unsigned exempt)
{
    return lookup_may_be_born(vec, series, exempt);
}

cprom_status cprom__series_reveal(struct cprom_vec *vec, struct cprom_series *series, const struct cprom__birth *birth)
{
    cprom_status status = lookup_may_be_born(vec, series, birth->exempt);
    if (status) return status;
    /* A value first: nobody sees the series with one that nobody set. */
    if (birth->change) vec->ops->change(series, birth->change);
    /*
     * One number: a page shows either what lingered or the new one. It is read before the series is in the order: a page
     * that finds it there has that number or a later one, and pins it.
     */
    series->birth = cprom__snapshot_now(&vec->registry->reclaimer);
    lookup_end_linger_of(vec, series, series->birth);
    /* Before anybody can find it alive: what somebody else's update has put into it is on the next page. */
    cprom__order_push(&vec->order, series, birth->index ? birth->index : cprom__series_index(vec, series));
    CPROM__SEAM(CPROM__SEAM_CREATE_INSERTS);
    lookup_come_alive(vec, series, birth->epoch, birth->now);
    CPROM__SEAM(CPROM__SEAM_CREATE_ALIVE);
    if (birth->exempt & CPROM__EXEMPT_OF_VEC) atomic_store_explicit(&vec->other, series, memory_order_relaxed);
    if (vec->max_per_owner) cprom__owner_born(vec, series, birth->exempt);
    return CPROM_OK;
}

/* Puts a made one into the map; under the lock. false: out of memory. Inlined, for those that create series. */
static CPROM__INLINE bool lookup_link_made(struct cprom_vec *vec, struct cprom_series *made, uint32_t index)
{
    if (!cprom__map_reserve(&vec->map, &vec->registry->reclaimer, made->hash)) return false;
    if (vec->has_owner) {
        if (!cprom__owner_reserve(vec, made)) return false;
        cprom__owner_add(vec, made, index);
    }
    cprom__map_insert(&vec->map, made->hash, index);
    return true;
}

/* What is wanted of a series that is looked up under the lock. */
struct lookup_wish {
    struct cprom__values *values;
    bool alive;                         /* or at least reserved */
    const struct cprom__change *change; /* what is done to it, if it is to be alive */
    bool perhaps;                       /* it is there, so that none is made before it is looked for */
    /* set on the way */
    int64_t now;        /* of a timed one */
    unsigned exempt;    /* if it is what others are folded into */
    bool owner_is_full; /* that is why there is no room */
    uint64_t epoch;     /* in which it was touched */
};

/* Under the lock, after its vector's turnover: the series is born with the change, or changed. */
static cprom_status lookup_change(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, uint64_t epoch,
                                  struct lookup_wish *wish)
{
    if (atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN) {
        struct cprom__birth birth = {wish->exempt, index, epoch, wish->now, wish->change};
        cprom_status status = cprom__series_reveal(vec, series, &birth);
        if (status == CPROM_ELIMIT && lookup_is_bounded_by_owner(vec, wish->exempt))
            wish->owner_is_full = cprom__owner_is_full(vec, series);
        if (status) return status;
        cprom__series_born(vec->registry);
        cprom__count_locked(&vec->live, 1);
    } else {
        cprom__series_stamp(series, epoch, wish->now);
        if (wish->change) vec->ops->change(series, wish->change);
    }
    /* As at the end of any update: touch.h. What a turnover takes that came in between comes after it. */
    atomic_signal_fence(memory_order_seq_cst);
    uint64_t again = cprom__epoch_now(vec);
    if (again != epoch) {
        /* First: a sweep spares what was written after its mark. */
        cprom__series_stamp(series, cprom__epoch_written(vec, again), wish->now);
        if (cprom__turnover_settle(vec, series, index, again) == CPROM__VERDICT_STAYS)
            cprom__series_stamp(series, again, wish->now);
    }
    wish->epoch = again;
    return CPROM_OK;
}

/* Under the lock, which may be given back and taken in between: finds the series, or whether there is room for it. */
static cprom_status lookup_find_or_room(struct cprom_vec *vec, struct lookup_wish *wish, struct cprom_series **series,
                                        uint64_t *epoch)
{
    bool by_owner = lookup_is_bounded_by_owner(vec, wish->exempt);
    for (;;) {
        *series = lookup_find_settled(vec, wish->values, epoch);
        if (*series || !wish->alive || !(by_owner || lookup_is_bounded(vec, wish->exempt))) return CPROM_OK;
        if (!cprom__turnover_at(vec, *epoch)) break;
        /* The room that a change makes is its own first. */
        cprom__turnover_help(vec);
    }
    wish->owner_is_full = by_owner && cprom__owner_is_full_of(vec, wish->values);
    return wish->owner_is_full || lookup_is_full(vec, wish->exempt) ? CPROM_ELIMIT : CPROM_OK;
}

/* Under the map's lock, under which references to a hidden series come and go: whether of two at once it is the last. */
static bool lookup_give_back_hidden(struct cprom_series *series)
{
    uint32_t before = atomic_fetch_sub_explicit(&series->refs, CPROM__REF, memory_order_relaxed);
    if (before & CPROM__REF_MANY) atomic_store_explicit(&series->refs, CPROM__REF_SATURATED, memory_order_relaxed);
    return before == (CPROM__REF | CPROM__REF_KEPT);
}

/* Gives back the reference to a series that may be hidden; `reserved`: it is a reservation. */
static CPROM__NOINLINE void lookup_give_back(struct cprom_vec *vec, struct cprom_series *series, bool reserved)
{
    struct cprom__reclaimer *reclaimer = &vec->registry->reclaimer;
    struct cprom__chain chain = {0, 0, 0};
    if (!series) return;
    pthread_mutex_lock(&vec->map_lock);
    if (reserved) lookup_count_reservation(series, false);
    if (!(atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN)) {
        cprom_series_unref(series);
    } else if (lookup_give_back_hidden(series)) {
        uint32_t index = cprom__series_index(vec, series), hash = series->hash;
        cprom__series_unlink(vec, series, index, true);
        cprom__map_tidy(&vec->map, reclaimer, hash);
        atomic_fetch_sub_explicit(&vec->dead, 1, memory_order_relaxed); /* it was never in the order */
        cprom__chain_add(reclaimer, &chain, index, 0);
    }
    pthread_mutex_unlock(&vec->map_lock);
    CPROM__SEAM(CPROM__SEAM_GIVEN_BACK);
    cprom__retire_chain(reclaimer, &chain);
}

/*
 * Finds the series under the lock, or makes it; with a reference. All that costs time (checking, rendering, allocating)
 * is done without the lock.
 */
static cprom_status lookup_try(struct cprom_vec *vec, struct lookup_wish *wish, struct cprom_series **series)
{
    struct cprom_series *made = NULL, *there = NULL;
    uint32_t made_index = 0;
    uint64_t epoch;
    bool linked = false;
    cprom_status status = cprom__values_check(wish->values);
    if (status) return status;
    wish->exempt = vec->folds ? cprom__values_exempt(vec, wish->values) : 0;
    bool makes = !wish->perhaps && !(wish->alive && lookup_seems_full(vec, wish->exempt));
    for (;; makes = true) {
        if (makes) made = cprom__series_make(vec, wish->values, &made_index);
        CPROM__SEAM(CPROM__SEAM_CREATE_READY);
        pthread_mutex_lock(&vec->map_lock);
        status = lookup_find_or_room(vec, wish, &there, &epoch);
        if (status || there || makes) break;
        pthread_mutex_unlock(&vec->map_lock);
    }
    /* Under the lock: who has waited for it stamps no time that is long over. */
    wish->now = vec->ttl ? cprom__monotonic_now(vec->registry) : 0;
    if (there) {
        lookup_ref(there);
    } else if (!status && !made) {
        status = CPROM_ENOMEM; /* which only who needs a new one is told */
    } else if (!status) {
        linked = lookup_link_made(vec, made, made_index);
        if (linked) there = made;
        else status = CPROM_ENOMEM;
    }
    if (!status && wish->alive) status = lookup_change(vec, there, linked ? made_index : 0, epoch, wish);
    else if (!status) lookup_count_reservation(there, true);
    if (!status) *series = there;
    pthread_mutex_unlock(&vec->map_lock);
    CPROM__SEAM(CPROM__SEAM_CREATE_DONE);
    if (made && !linked) cprom__series_destroy(made, made_index);
    if (CPROM__UNLIKELY(status)) lookup_give_back(vec, there, false);
    cprom__vec_upkeep(vec);
    return status;
}

static cprom_status lookup_obtain(struct cprom_vec *vec, struct lookup_wish *wish, struct cprom_series **series)
{
    cprom_status status = lookup_try(vec, wish, series);
    if (CPROM__LIKELY(status != CPROM_ELIMIT) || !vec->ttl) return status;
    /* Perhaps it is full of what is over: that makes room. */
    if (wish->owner_is_full) cprom__vec_make_room_of(vec, wish->values);
    else cprom__vec_make_room(vec);
    return lookup_try(vec, wish, series);
}

static void lookup_drop(struct cprom_vec *vec, cprom_status status)
{
    cprom__vec_drop(vec, status == CPROM_ENOMEM   ? CPROM__DROP_NOMEM
                         : status == CPROM_ELIMIT ? CPROM__DROP_LIMIT
                                                  : CPROM__DROP_INVALID);
}

/*
 * For a series that is there, in a thread with a slot: nearly always. lookup_find() and the touch in one: one that was
 * touched in this epoch is not dead.
 */
static CPROM__INLINE struct cprom__hit lookup_hit(struct cprom_vec *vec, const struct cprom__values *values,
                                                  struct cprom__use *use)
{
    const struct cprom__hit none = {NULL, 0};
    if (CPROM__UNLIKELY(!cprom__read_enter())) {
        use->perhaps = true; /* nobody knows */
        return none;
    }
    struct cprom__probe probe = cprom__map_probe(&vec->map, values->hash);
    CPROM__SEAM(CPROM__SEAM_LOOKUP_PROBES);
    bool perhaps = false;
    for (uint32_t index; !perhaps && (index = cprom__probe_next(&probe)) != 0;) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, index);
        if (!cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, values)) continue;
        CPROM__SEAM(CPROM__SEAM_LOOKUP_FOUND);
        /* acquire: what the series was born with comes first; pairs with the release in lookup_come_alive(). */
        uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
        uint64_t seen = atomic_load_explicit(vec->epoch, memory_order_relaxed);
        if (CPROM__LIKELY(life == seen)) return (struct cprom__hit){series, seen};
        if (life & CPROM__LIFE_DEAD) continue; /* as in lookup_find() */
        if (cprom__series_touch_found(series)) return (struct cprom__hit){series, seen};
        perhaps = true; /* that can be told under the lock only */
    }
    use->perhaps = perhaps;
    cprom__read_leave();
    return none;
}

/* Under the lock, where the change is made as well. */
static CPROM__NOINLINE cprom_status lookup_update_locked(struct cprom_vec *vec, struct cprom__values *values,
                                                         struct cprom__use *use)
{
    struct cprom__change change = {.off = 0, .on = 0, .last_exemplar = NULL}; /* all of it, whatever the kind */
    struct cprom__observation observation;
    cprom__change_add(&change, use->operation, use->value, &observation);
    bool changes = use->operation != CPROM__OP_TOUCH;
    struct lookup_wish wish = {
        .values = values, .alive = true, .change = changes ? &change : NULL, .perhaps = use->perhaps, .epoch = 0};
    use->status = lookup_obtain(vec, &wish, &use->series);
    use->seen = wish.epoch;
    return use->status;
}

/* The next tries, for what these are folded into. */
static CPROM__NOINLINE struct cprom__hit lookup_acquire_other(struct cprom_vec *vec, struct cprom__values *values,
                                                              struct cprom__use *use)
{
    struct cprom__hit hit = {NULL, 0};
    for (unsigned to = 0; use->status == CPROM_ELIMIT && (to = cprom__fold_next(vec, to)) != 0;) {
        cprom__values_fold(vec, values, to);
        hit = lookup_hit(vec, values, use);
        if (hit.series) use->status = CPROM_OK;
        else lookup_update_locked(vec, values, use);
    }
    if (!use->status) atomic_fetch_add_explicit(&vec->registry->folded, 1, memory_order_relaxed);
    return hit;
}

/* The vector says what becomes of an update whose values cannot be one. */
static CPROM__NOINLINE struct cprom__hit
lookup_acquire_bad_utf8(struct cprom_vec *vec, const struct cprom__values *values, struct cprom__use *use)
{
    struct cprom__hit hit = {NULL, 0};
    struct cprom__repaired repaired;
    use->series = NULL;
    if (vec->bad_utf8 == CPROM_UTF8_DROP) {
        cprom__vec_drop(vec, CPROM__DROP_INVALID);
        use->status = CPROM_OK;
        return hit;
    }
    use->status = cprom__repair(vec->registry, cprom__values_strs(values), &repaired);
    if (use->status) {
        lookup_drop(vec, use->status);
        return hit;
    }
    hit = cprom__series_acquire_for(vec, cprom__repaired_strs(&repaired), use);
    cprom__repaired_free(&repaired);
    return hit;
}

struct cprom__hit cprom__series_acquire_for(struct cprom_vec *vec, cprom_strs strs, struct cprom__use *use)
{
    struct cprom__values values;
    struct cprom__hit hit = {NULL, 0};
    use->status = lookup_measure(vec, strs, &values);
    if (CPROM__LIKELY(!use->status)) {
        hit = lookup_hit(vec, &values, use);
        if (CPROM__LIKELY(hit.series)) return hit;
        cprom_status status = lookup_update_locked(vec, &values, use);
        if (status == CPROM_ELIMIT && vec->folds) hit = lookup_acquire_other(vec, &values, use);
        else if (CPROM__UNLIKELY(status == CPROM_EUTF8 && vec->bad_utf8))
            return lookup_acquire_bad_utf8(vec, &values, use);
    }
    if (!hit.series && use->status) lookup_drop(vec, use->status);
    return hit;
}

cprom_status cprom__series_done(const struct cprom__use *use)
{
    if (use->status || !use->series) return use->status;
    const struct cprom__look look = {use->series->vec->epoch, use->seen};
    cprom__update_ends(use->series, &look);
    cprom_series_unref(use->series);
    return CPROM_OK;
}

/* Whether a series that was found in a read section is there; not touched. */
static inline enum cprom__presence lookup_presence(struct cprom_vec *vec, struct cprom_series *series)
{
    /* acquire: what it was born with comes first, as in lookup_hit(). */
    uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
    uint64_t epoch = atomic_load_explicit(vec->epoch, memory_order_relaxed);
    if ((life & ~(uint64_t)CPROM__LIFE_TIMED) == epoch) return CPROM__PRESENT;
    return cprom__series_presence(series);
}

/*
 * In the read section, if there is one: a reference is for threads without a slot only, since pages take who is held to be
 * used.
 */
static CPROM__NOINLINE cprom_status lookup_look_locked(struct cprom_vec *vec, const struct cprom__values *values,
                                                       struct cprom__sight *sight)
{
    uint64_t epoch;
    pthread_mutex_lock(&vec->map_lock);
    sight->series = lookup_find_settled(vec, values, &epoch);
    bool there = sight->series && !(atomic_load_explicit(&sight->series->life, memory_order_relaxed) &
                                    (CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN));
    if (there && !sight->reading) lookup_ref(sight->series);
    pthread_mutex_unlock(&vec->map_lock);
    if (!there && sight->reading) cprom__read_leave();
    return there ? CPROM_OK : CPROM_ENOENT;
}

/* In the read section, if there is one: it was not found, or it takes the lock to tell. */
static CPROM__NOINLINE cprom_status lookup_look_slowly(struct cprom_vec *vec, struct cprom__values *values,
                                                       struct cprom__sight *sight, bool settled)
{
    struct cprom__repaired repaired;
    cprom_status status = CPROM_ENOENT;
    if (settled) cprom__read_leave();
    else status = lookup_look_locked(vec, values, sight);
    if (status != CPROM_ENOENT || !cprom__values_repairable(vec, values)) return status;
    status = cprom__repair(vec->registry, cprom__values_strs(values), &repaired);
    if (status) return status;
    status = cprom__series_look(vec, cprom__repaired_strs(&repaired), sight);
    cprom__repaired_free(&repaired);
    return status;
}

cprom_status cprom__series_look(struct cprom_vec *vec, cprom_strs strs, struct cprom__sight *sight)
{
    struct cprom__values values;
    cprom_status status = lookup_measure(vec, strs, &values);
    if (status) return status;
    sight->reading = cprom__read_enter();
    if (CPROM__UNLIKELY(!sight->reading)) return lookup_look_slowly(vec, &values, sight, false);
    sight->series = lookup_find(vec, &values);
    enum cprom__presence presence = sight->series ? lookup_presence(vec, sight->series) : CPROM__ABSENT;
    if (CPROM__LIKELY(presence == CPROM__PRESENT)) return CPROM_OK;
    return lookup_look_slowly(vec, &values, sight, presence == CPROM__ABSENT);
}

struct cprom_series *cprom__series_plain(struct cprom_vec *vec, const char *const *v)
{
    struct cprom__values values;
    uint32_t index;
    lookup_measure(vec, (cprom_strs){v, vec->desc->n_labels}, &values);
    struct cprom_series *series = cprom__series_make(vec, &values, &index);
    if (!series) return NULL;
    int64_t now = vec->ttl ? cprom__monotonic_now(vec->registry) : 0;
    lookup_come_alive(vec, series, atomic_load_explicit(vec->epoch, memory_order_relaxed), now);
    cprom__count_locked(&vec->live, 1);
    series->birth = cprom__snapshot_now(&vec->registry->reclaimer);
    cprom__order_push(&vec->order, series, index);
    return series;
}

/* ---- what updates reserve ---- */

cprom_status cprom__series_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series)
{
    pthread_mutex_lock(&vec->map_lock);
    struct cprom_series *there = *series = lookup_find(vec, values);
    lookup_ref(there);
    if (there) lookup_count_reservation(there, true);
    pthread_mutex_unlock(&vec->map_lock);
    /* From here on, who deletes the series may change `*series`. */
    struct lookup_wish wish = {.values = values};
    return there ? CPROM_OK : lookup_obtain(vec, &wish, series);
}

void cprom__series_unreserve(struct cprom_vec *vec, struct cprom_series *series)
{
    lookup_give_back(vec, series, true);
}

void cprom__instead_make(struct cprom_vec *vec, struct cprom__values *values, struct cprom__instead *instead)
{
    cprom__values_check(values); /* for what it tells of them: they are those of a series */
    instead->series = cprom__series_make(vec, values, &instead->index);
    instead->asked = true;
    CPROM__SEAM(CPROM__SEAM_CREATE_READY);
}

bool cprom__instead_link(struct cprom_vec *vec, struct cprom__instead *instead)
{
    if (!instead->series || !lookup_link_made(vec, instead->series, instead->index)) return false;
    lookup_count_reservation(instead->series, true);
    instead->linked = true;
    return true;
}

void cprom__instead_take(const struct cprom__instead *instead, struct cprom_series **reserved)
{
    lookup_ref(instead->series);
    lookup_count_reservation(instead->series, true);
    lookup_count_reservation(*reserved, false);
    cprom_series_unref(*reserved);
    *reserved = instead->series;
}

void cprom__instead_end(struct cprom_vec *vec, const struct cprom__instead *instead)
{
    if (instead->linked) cprom__series_unreserve(vec, instead->series);
    else if (instead->series) cprom__series_destroy(instead->series, instead->index);
}

/* ---- the public face ---- */

/* The series with a reference; NULL: refused. */
static CPROM__INLINE struct cprom_series *lookup_hold(struct cprom_vec *vec, cprom_strs strs)
{
    struct cprom__use use;
    struct cprom__hit hit = cprom__series_acquire(vec, strs, CPROM__OP_TOUCH, 0, &use);
    if (!hit.series) return use.status ? NULL : use.series;
    /* A series that was found in a read section is not destroyed before its end, so that the reference counts. */
    /* seq_cst: pairs with upkeep_is_idle(), which looks at it once the series is marked. */
    cprom__series_hold(hit.series, memory_order_seq_cst);
    cprom__read_leave();
    return hit.series;
}

/* It may have expired before the reference was there; once it is held, it does not. */
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
