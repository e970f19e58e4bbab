/* Gauges. */
#include "registry/collector_new.h"
#include "registry/vec_new.h"
#include "store/lookup.h"

/* A gauge has one cell, in its series: whoever sets it has the last word, so that there is nothing to sum. */

static struct cprom_series *gauge_series_of(const cprom_gauge *gauge) { return (struct cprom_series *)gauge; }

static void gauge_set(struct cprom_series *series, double value)
{
    atomic_store_explicit(&series->value, cprom__bits(value), memory_order_relaxed);
}

static double gauge_current_time(struct cprom_registry *registry) { return (double)cprom__wall_now(registry) / 1e9; }

static void gauge_read(const struct cprom_series *series, uint64_t *words)
{
    words[0] = atomic_load_explicit(&series->value, memory_order_relaxed);
}

static void gauge_change(struct cprom_series *series, const struct cprom__change *change)
{
    if (change->sets) gauge_set(series, change->value);
    else cprom__cell_add_shared(&series->value, change->value);
}

static const struct cprom__kind_ops gauge_ops = {.type = CPROM_GAUGE, .read = gauge_read, .change = gauge_change};

cprom_status cprom_gauge_new(cprom_registry *registry, const cprom_opts *opts, cprom_gauge **gauge)
{
    return cprom__vec_new_plain(registry, opts, &gauge_ops, CPROM_NO_LABELS, gauge);
}

cprom_status cprom_gauge_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_gauge_vec **vec)
{
    return cprom__vec_new(registry, opts, &gauge_ops, vec);
}

/* The updates through a handle are in two parts, so that the first, which is nearly always enough, keeps no frame. */

static CPROM__NOINLINE void gauge_set_slowly(struct cprom_series *series, double value)
{
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    gauge_set(series, value);
    cprom__update_ends(series, &look);
}

void cprom_gauge_set(cprom_gauge *gauge, double value)
{
    struct cprom_series *series = gauge_series_of(gauge);
    struct cprom__look look;
    if (CPROM__LIKELY(series && cprom__handle_is_fresh(series, &look))) {
        gauge_set(series, value);
        cprom__update_ends(series, &look);
    } else {
        gauge_set_slowly(series, value);
    }
}

static CPROM__NOINLINE void gauge_add_slowly(struct cprom_series *series, double amount)
{
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    cprom__cell_add_shared(&series->value, amount);
    cprom__update_ends(series, &look);
}

void cprom_gauge_add(cprom_gauge *gauge, double amount)
{
    struct cprom_series *series = gauge_series_of(gauge);
    struct cprom__look look;
    if (CPROM__LIKELY(series && cprom__handle_is_fresh(series, &look))) {
        cprom__cell_add_shared(&series->value, amount);
        cprom__update_ends(series, &look);
    } else {
        gauge_add_slowly(series, amount);
    }
}

void cprom_gauge_set_to_current_time(cprom_gauge *gauge)
{
    if (gauge) cprom_gauge_set(gauge, gauge_current_time(gauge_series_of(gauge)->vec->registry));
}

double cprom_gauge_value(const cprom_gauge *gauge)
{
    return gauge ? cprom__cell_double(&gauge_series_of(gauge)->value) : 0;
}

cprom_status cprom_gauge_vec_set(cprom_gauge_vec *vec, cprom_strs values, double value)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_SET, value, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    gauge_set(hit.series, value);
    return cprom__series_updated(hit);
}

cprom_status cprom_gauge_vec_add(cprom_gauge_vec *vec, cprom_strs values, double amount)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_ADD, amount, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    cprom__cell_add_shared(&hit.series->value, amount);
    return cprom__series_updated(hit);
}

cprom_status cprom_gauge_vec_set_to_current_time(cprom_gauge_vec *vec, cprom_strs values)
{
    if (!vec) return CPROM_EINVAL;
    return cprom_gauge_vec_set(vec, values, gauge_current_time(((struct cprom_vec *)vec)->registry));
}

cprom_status cprom_gauge_vec_get(cprom_gauge_vec *vec, cprom_strs values, double *value)
{
    struct cprom__sight sight;
    if (value) *value = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (status) return status;
    if (value) *value = cprom__cell_double(&sight.series->value);
    cprom__series_looked(&sight);
    return CPROM_OK;
}

cprom_status cprom_gauge_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx),
                                  void *ctx)
{
    return cprom__func_new(registry, opts, CPROM_GAUGE, value, ctx);
}
