/* Statesets. */
#include "registry/vec_new.h"
#include "store/lookup.h"

/* A stateset has one cell, in its series: a bit for each state, so that all of them are read and changed at once. */

static struct cprom_series *stateset_series_of(const cprom_stateset *stateset)
{
    return (struct cprom_series *)stateset;
}

static void stateset_read(const struct cprom_series *series, uint64_t *words)
{
    words[0] = atomic_load_explicit(&series->value, memory_order_relaxed);
}

static bool stateset_takes(const struct cprom_vec *vec, double state) { return state < (double)vec->desc->n_states; }

static void stateset_change(struct cprom_series *series, const struct cprom__change *change)
{
    uint64_t old = atomic_load_explicit(&series->value, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&series->value, &old, (old & ~change->off) | change->on,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

static const struct cprom__kind_ops stateset_ops = {
    .type = CPROM_STATESET, .read = stateset_read, .takes = stateset_takes, .change = stateset_change};

static void stateset_set(struct cprom_series *series, unsigned state, bool on)
{
    uint64_t bit = (uint64_t)1 << state;
    if (on) atomic_fetch_or_explicit(&series->value, bit, memory_order_relaxed);
    else atomic_fetch_and_explicit(&series->value, ~bit, memory_order_relaxed);
}

static void stateset_enter(struct cprom_series *series, unsigned state)
{
    atomic_store_explicit(&series->value, (uint64_t)1 << state, memory_order_relaxed);
}

static bool stateset_is_state(struct cprom_vec *vec, unsigned state)
{
    if (CPROM__LIKELY(state < vec->desc->n_states)) return true;
    cprom__vec_drop(vec, CPROM__DROP_INVALID);
    return false;
}

cprom_status cprom_stateset_new(cprom_registry *registry, const cprom_opts *opts, cprom_stateset **stateset)
{
    return cprom__vec_new_plain(registry, opts, &stateset_ops, CPROM_NO_LABELS, stateset);
}

cprom_status cprom_stateset_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_stateset_vec **vec)
{
    return cprom__vec_new(registry, opts, &stateset_ops, vec);
}

void cprom_stateset_set(cprom_stateset *stateset, unsigned state, bool on)
{
    struct cprom_series *series = stateset_series_of(stateset);
    struct cprom__look look;
    if (!series || !stateset_is_state(series->vec, state) || !cprom__handle_touch(series, &look)) return;
    stateset_set(series, state, on);
    cprom__update_ends(series, &look);
}

void cprom_stateset_enter(cprom_stateset *stateset, unsigned state)
{
    struct cprom_series *series = stateset_series_of(stateset);
    struct cprom__look look;
    if (!series || !stateset_is_state(series->vec, state) || !cprom__handle_touch(series, &look)) return;
    stateset_enter(series, state);
    cprom__update_ends(series, &look);
}

uint64_t cprom_stateset_value(const cprom_stateset *stateset)
{
    return stateset ? atomic_load_explicit(&stateset_series_of(stateset)->value, memory_order_relaxed) : 0;
}

cprom_status cprom_stateset_vec_set(cprom_stateset_vec *vec, cprom_strs values, unsigned state, bool on)
{
    struct cprom__use use;
    if (!vec || !stateset_is_state((struct cprom_vec *)vec, state)) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values,
                                                  on ? CPROM__OP_STATE_ON : CPROM__OP_STATE_OFF, state, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    stateset_set(hit.series, state, on);
    return cprom__series_updated(hit);
}

cprom_status cprom_stateset_vec_enter(cprom_stateset_vec *vec, cprom_strs values, unsigned state)
{
    struct cprom__use use;
    if (!vec || !stateset_is_state((struct cprom_vec *)vec, state)) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_ENTER, state, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    stateset_enter(hit.series, state);
    return cprom__series_updated(hit);
}

cprom_status cprom_stateset_vec_get(cprom_stateset_vec *vec, cprom_strs values, uint64_t *states)
{
    struct cprom__sight sight;
    if (states) *states = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (status) return status;
    if (states) *states = atomic_load_explicit(&sight.series->value, memory_order_relaxed);
    cprom__series_looked(&sight);
    return CPROM_OK;
}
