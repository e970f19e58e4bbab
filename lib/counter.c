#include "instrument.h"

#include <math.h>

static struct cprom_series *series_of(const cprom_counter *counter) { return (struct cprom_series *)counter; }

void cprom__counter_add(struct cprom_series *series, double amount)
{
    unsigned stripe;
    if (!series->striped) cprom__cell_add_shared(&series->value, amount);
    else if (cprom__stripe(&stripe)) cprom__cell_add_owned(cprom__cell_in(series->cells, stripe), amount);
    else cprom__cell_add_shared(cprom__cell_in(series->cells, stripe), amount);
}

/* Neither NaN, infinite nor negative. */
static bool is_increment(double amount) { return amount >= 0 && amount < INFINITY; }

double cprom__counter_read(const struct cprom_series *series)
{
    if (!series->striped) return cprom__cell_double(&series->value);
    /* Each cell only grows and they are always added in the same order, so that the sum never falls. */
    double sum = 0;
    for (unsigned stripe = 0; stripe < CPROM_STRIPES; stripe++) {
        sum += cprom__cell_double(cprom__cell_in(series->cells, stripe));
    }
    return sum;
}

cprom_status cprom_counter_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter **counter)
{
    struct cprom_vec *vec = NULL;
    if (counter) *counter = NULL;
    cprom_status status = cprom__vec_new(registry, opts, CPROM_COUNTER, true, counter ? &vec : NULL);
    if (!status) *counter = (cprom_counter *)vec->plain;
    return status;
}

cprom_status cprom_counter_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter_vec **vec)
{
    return cprom__vec_new(registry, opts, CPROM_COUNTER, false, (struct cprom_vec **)vec);
}

void cprom_counter_inc(cprom_counter *counter)
{
    struct cprom_series *series = series_of(counter);
    if (series && cprom__series_live(series)) cprom__counter_add(series, 1);
}

/* Whether the update took effect. */
static inline bool add(struct cprom_series *series, double amount)
{
    if (!series) return false;
    if (CPROM__UNLIKELY(!is_increment(amount))) {
        cprom__vec_drop(series->vec, CPROM__DROP_INVALID);
        return false;
    }
    if (!cprom__series_live(series)) return false;
    cprom__counter_add(series, amount);
    return true;
}

void cprom_counter_add(cprom_counter *counter, double amount) { add(series_of(counter), amount); }

void cprom_counter_add_with_exemplar(cprom_counter *counter, double amount, cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom_series *series = series_of(counter);
    if (add(series, amount)) cprom__exemplar_keep(series, 0, amount, labels, timestamp_ms);
}

double cprom_counter_value(const cprom_counter *counter) { return counter ? cprom__counter_read(series_of(counter)) : 0; }

static inline cprom_status vec_add(struct cprom_vec *vec, cprom_strs values, double amount, struct cprom__use *use)
{
    if (!vec) return CPROM_EINVAL;
    if (!is_increment(amount)) {
        cprom__vec_drop(vec, CPROM__DROP_INVALID);
        return CPROM_EINVAL;
    }
    cprom_status status = cprom__series_acquire(vec, values, use);
    if (!status) cprom__counter_add(use->series, amount);
    return status;
}

cprom_status cprom_counter_vec_add(cprom_counter_vec *vec, cprom_strs values, double amount)
{
    struct cprom__use use;
    cprom_status status = vec_add((struct cprom_vec *)vec, values, amount, &use);
    if (!status) cprom__series_release(&use);
    return status;
}

cprom_status cprom_counter_vec_add_with_exemplar(cprom_counter_vec *vec, cprom_strs values, double amount,
                                                 cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom__use use;
    cprom_status status = vec_add((struct cprom_vec *)vec, values, amount, &use);
    if (status) return status;
    cprom__exemplar_keep(use.series, 0, amount, labels, timestamp_ms);
    cprom__series_release(&use);
    return CPROM_OK;
}

cprom_status cprom_counter_vec_inc(cprom_counter_vec *vec, cprom_strs values)
{
    return cprom_counter_vec_add(vec, values, 1);
}

cprom_status cprom_counter_vec_get(cprom_counter_vec *vec, cprom_strs values, double *value)
{
    struct cprom__use use;
    if (value) *value = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    if (value) *value = cprom__counter_read(use.series);
    cprom__series_release(&use);
    return CPROM_OK;
}
