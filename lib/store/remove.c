/* Removes series by their labels: one, those that match, all of a vector. */
#include "store/remove.h"

#include "store/lookup.h"
#include "store/repair.h"
#include "store/stale.h"
#include "store/upkeep.h"

/* ---- one series ---- */

/* Under the lock: one that is alive or hidden; NULL: none. */
static struct cprom_series *remove_find(struct cprom_vec *vec, const struct cprom__values *values, uint32_t *index)
{
    struct cprom__probe probe = cprom__map_probe(&vec->map, values->hash);
    while ((*index = cprom__probe_next(&probe)) != 0) {
        struct cprom_series *series = cprom__slab_at(&vec->registry->slab, *index);
        if (cprom__desc_matches(vec->desc, series->text, series->len, series->escaped, values) &&
            !cprom__series_is_dead(series))
            return series;
    }
    return NULL;
}

/* Before the moment of a turnover: whether the series may be deleted; false as below. */
static CPROM__NOINLINE bool remove_is_before(struct cprom__turnover *turnover, struct cprom_series *series,
                                             struct cprom__values *values, struct cprom__instead *instead)
{
    struct cprom_vec *vec = turnover->vec;
    switch (turnover->staging->note_deleted(turnover, series, instead)) {
    case CPROM__NOTED: return true;
    case CPROM__NOTED_DUE: cprom__moment_happens(vec->registry, turnover->epoch); break;
    case CPROM__NOTED_WANTS:
        pthread_mutex_unlock(&vec->map_lock);
        cprom__instead_make(vec, values, instead);
        pthread_mutex_lock(&vec->map_lock);
    }
    return false;
}

/*
 * Whether the vector's turnover lets the series be deleted now, after all changes up to this epoch. false: something has
 * changed, and the lock perhaps been given back in between.
 */
static bool remove_is_free(struct cprom_vec *vec, struct cprom_series *series, uint32_t index, uint64_t epoch,
                           struct cprom__values *values, struct cprom__instead *instead)
{
    /* acquire: pairs with the release in cprom__turnover_publish(). */
    struct cprom__turnover *turnover = atomic_load_explicit(&vec->turnover, memory_order_acquire);
    if (!turnover) return true;
    bool hidden = atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN;
    if (epoch < turnover->epoch) { /* its moment is still to come: this deletion is before it */
        return hidden || !turnover->staging || remove_is_before(turnover, series, values, instead);
    }
    /* What is staged is there first, and then deleted. */
    if (!turnover->staging) return hidden || cprom__turnover_settle(vec, series, index, epoch) == CPROM__VERDICT_STAYS;
    cprom__turnover_help(vec);
    return false;
}

/* The room to linger is that of the changes before it first. false: something has changed, likewise. */
static bool remove_has_its_room(struct cprom_vec *vec, uint64_t epoch)
{
    if (!vec->linger || !vec->max_series || !cprom__turnover_at(vec, epoch)) return true;
    cprom__turnover_help(vec);
    return false;
}

/* There is none of these values: perhaps of what they are repaired to. */
static CPROM__NOINLINE cprom_status remove_repaired(struct cprom_vec *vec, struct cprom__values *values)
{
    struct cprom__repaired repaired;
    if (!cprom__values_repairable(vec, values)) return CPROM_ENOENT;
    cprom_status status = cprom__repair(vec->registry, cprom__values_strs(values), &repaired);
    if (status) return status;
    status = cprom_vec_delete(vec, cprom__repaired_strs(&repaired));
    cprom__repaired_free(&repaired);
    return status;
}

cprom_status cprom_vec_delete(cprom_vec *vec, cprom_strs strs)
{
    if (!vec) return CPROM_EINVAL;
    struct cprom__values values;
    cprom_status status = cprom__values_measure(vec, strs, &values);
    if (status) return status;
    struct cprom__removing removing = {
        .reason = CPROM__REMOVED_DELETE, .touched_since = CPROM__TOUCHED_NEVER, .linger = true};
    struct cprom__instead instead = {.series = NULL};
    struct cprom_series *series;
    uint32_t index;
    pthread_mutex_lock(&vec->map_lock);
    do {
        removing.epoch = cprom__epoch_now(vec);
        series = remove_find(vec, &values, &index);
    } while (series && !(remove_is_free(vec, series, index, removing.epoch, &values, &instead) &&
                         remove_has_its_room(vec, removing.epoch)));
    if (vec->linger) removing.now = cprom__monotonic_now(vec->registry);
    bool removed = series && cprom__killed_counts(cprom__vec_kill(vec, series, index, &removing, true));
    if (removed) {
        cprom__vec_count(vec, CPROM__REMOVED_DELETE, 1, 0);
        cprom__map_tidy(&vec->map, &vec->registry->reclaimer, values.hash);
    }
    pthread_mutex_unlock(&vec->map_lock);
    if (CPROM__UNLIKELY(instead.asked)) cprom__instead_end(vec, &instead);
    if (!removed) return remove_repaired(vec, &values);
    cprom__vec_upkeep(vec);
    return CPROM_OK;
}

/* ---- many ---- */

cprom_status cprom__removal_begin(struct cprom_vec *vec, cprom_labels labels, const struct cprom__removal_of *how,
                                  struct cprom__removal_in *in)
{
    in->next = NULL;
    in->event = NULL;
    cprom_status status = cprom__match_resolve(vec, labels, &in->match);
    if (status) return status;
    if (how->stales && !(in->event = cprom__event_new(vec, &in->match))) {
        cprom__match_free(&in->match);
        return CPROM_ENOMEM;
    }
    const struct cprom__removing removing = {.reason = how->reason, .linger = how->linger};
    in->turnover = cprom__turnover_of(vec, &in->match, &removing, 0);
    return CPROM_OK;
}

void cprom__removal_happens(struct cprom__removal_in *first, const struct cprom__removal_of *how)
{
    struct cprom_registry *registry = first->turnover.vec->registry;
    uint64_t epoch = cprom__moment_next(registry);
    /* One reading for all, in the gate, for which it may have waited. */
    int64_t now = how->linger ? cprom__monotonic_now(registry) : 0;
    for (struct cprom__removal_in *in = first; in; in = in->next) {
        in->turnover.epoch = epoch;
        in->turnover.removing.touched_since = how->mark ? how->mark : epoch;
        in->turnover.removing.epoch = epoch;
        in->turnover.removing.now = now;
        in->turnover.next = in->next ? &in->next->turnover : NULL;
    }
    cprom__turnover_publish(&first->turnover);
    pthread_mutex_lock(&registry->updates_lock);
    for (struct cprom__removal_in *in = first; in; in = in->next) {
        if (in->event) cprom__event_number(registry, in->event, NULL);
    }
    cprom__moment_happens(registry, epoch);
    pthread_mutex_unlock(&registry->updates_lock);
    for (struct cprom__removal_in *in = first; in; in = in->next) {
        if (in->event) cprom__event_keep(in->turnover.vec, in->event);
        in->event = NULL;
    }
}

void cprom__removal_end(struct cprom__removal_in *in)
{
    cprom__event_free(in->turnover.vec, in->event);
    cprom__match_free(&in->match);
}

/* Removes in one vector what matches. */
static cprom_status remove_matching(struct cprom_vec *vec, cprom_labels labels, const struct cprom__removal_of *how,
                                    size_t *removed)
{
    struct cprom__removal_in in;
    struct cprom_registry *registry = vec->registry;
    cprom_status status = cprom__removal_begin(vec, labels, how, &in);
    if (status) return status;
    cprom__gate_enter(&registry->removal_gate);
    cprom__gate_enter(&registry->gate);
    cprom__removal_happens(&in, how);
    cprom__gate_leave(&registry->gate);
    *removed = cprom__turnover_finish(&in.turnover);
    cprom__gate_leave(&registry->removal_gate);
    cprom__removal_end(&in);
    cprom__vec_upkeep(vec);
    return CPROM_OK;
}

cprom_status cprom_vec_delete_matching(cprom_vec *vec, cprom_labels labels, size_t *removed)
{
    static const struct cprom__removal_of how = {.reason = CPROM__REMOVED_MATCH, .linger = true, .stales = true};
    size_t n = 0;
    if (removed) *removed = 0;
    if (!vec || !labels.n) return CPROM_EINVAL;
    cprom_status status = remove_matching(vec, labels, &how, &n);
    if (removed) *removed = n;
    return status;
}

cprom_status cprom_vec_clear(cprom_vec *vec)
{
    static const struct cprom__removal_of how = {.reason = CPROM__REMOVED_CLEAR, .stales = true};
    size_t n;
    if (!vec) return CPROM_EINVAL;
    return remove_matching(vec, (cprom_labels){NULL, 0}, &how, &n);
}

cprom_status cprom_vec_sweep(cprom_vec *vec, cprom_labels labels, cprom_mark since, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!vec || !labels.n || !since.epoch || since.registry != vec->registry->number) return CPROM_EINVAL;
    const struct cprom__removal_of how = {
        .reason = CPROM__REMOVED_SWEEP, .mark = since.epoch << CPROM__LIFE_SHIFT, .linger = true};
    cprom_status status = remove_matching(vec, labels, &how, &n);
    if (removed) *removed = n;
    return status;
}
