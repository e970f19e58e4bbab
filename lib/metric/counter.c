/* Counters. */
#include <math.h>

#include "registry/collector_new.h"
#include "registry/vec_new.h"
#include "store/lookup.h"

/*
 * Cells of a striped counter: the sum of what was added as a double, and how often 1 was, as an integer: that is
 * faster, and also exact beyond 2^53. A counter that is not striped has its value as a double.
 */
#define COUNTER_SUM 0
#define COUNTER_STEPS 1

static struct cprom_series *counter_series_of(const cprom_counter *counter) { return (struct cprom_series *)counter; }

static CPROM__NOINLINE void counter_add_striped(struct cprom_series *series, double amount)
{
    bool owned;
    cprom__cell *cell = cprom__series_cells(series, &owned) + COUNTER_SUM;
    if (owned) cprom__cell_add_owned(cell, amount);
    else cprom__cell_add_shared(cell, amount);
}

static CPROM__NOINLINE void counter_step_striped(struct cprom_series *series)
{
    bool owned;
    cprom__cell *cell = cprom__series_cells(series, &owned) + COUNTER_STEPS;
    if (owned) cprom__cell_count_owned(cell);
    else cprom__cell_count_shared(cell);
}

/* The cells of this thread, if the series has any; NULL: elsewhere. */
static inline cprom__cell *counter_own_cells(const struct cprom_series *series, unsigned near)
{
    return CPROM__LIKELY(series->striped && near) ? series->cells + near : NULL;
}

static inline void counter_add_to(struct cprom_series *series, double amount)
{
    cprom__cell *own = counter_own_cells(series, cprom__near_row());
    if (CPROM__LIKELY(own)) cprom__cell_add_owned(own + COUNTER_SUM, amount);
    else if (!series->striped) cprom__cell_add_shared(&series->value, amount);
    else counter_add_striped(series, amount);
}

static inline void counter_step(struct cprom_series *series)
{
    cprom__cell *own = counter_own_cells(series, cprom__near_row());
    if (CPROM__LIKELY(own)) cprom__cell_count_owned(own + COUNTER_STEPS);
    else if (!series->striped) cprom__cell_add_shared(&series->value, 1);
    else counter_step_striped(series);
}

/* Neither NaN, infinite nor negative. */
static bool counter_is_increment(double amount) { return amount >= 0 && amount < INFINITY; }

/* The same, in one comparison of integers: those that are not have larger bits. But not of -0.0, which is one. */
static inline bool counter_is_usual_increment(double amount) { return cprom__bits(amount) < cprom__bits(INFINITY); }

static double counter_read(const struct cprom_series *series)
{
    if (!series->striped) return cprom__cell_double(&series->value);
    /* Each cell only grows and they are always added in the same order, so that the sum never falls. */
    double sum = 0;
    uint64_t steps = 0;
    unsigned rows = cprom__series_rows(series);
    for (unsigned row = 0; row < rows; row++) {
        const cprom__cell *cells = cprom__series_row(series, row);
        if (!cells) continue;
        sum += cprom__cell_double(&cells[COUNTER_SUM]);
        steps += atomic_load_explicit(&cells[COUNTER_STEPS], memory_order_relaxed);
    }
    return sum + (double)steps;
}

static void counter_read_words(const struct cprom_series *series, uint64_t *words)
{
    words[0] = cprom__bits(counter_read(series));
}

static bool counter_takes(const struct cprom_vec *vec, double value)
{
    (void)vec;
    return counter_is_increment(value);
}

static void counter_change(struct cprom_series *series, const struct cprom__change *change)
{
    counter_add_to(series, change->value);
    if (change->last_exemplar) cprom__series_share_exemplar(series, 0, change->last_exemplar->exemplar);
}

static const struct cprom__kind_ops counter_ops = {
    .type = CPROM_COUNTER, .read = counter_read_words, .takes = counter_takes, .change = counter_change};

cprom_status cprom_counter_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter **counter)
{
    return cprom__vec_new_plain(registry, opts, &counter_ops, CPROM_NO_LABELS, counter);
}

cprom_status cprom_counter_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_counter_vec **vec)
{
    return cprom__vec_new(registry, opts, &counter_ops, vec);
}

/* The updates through a handle are in two parts, so that the first, which is nearly always enough, keeps no frame. */

static CPROM__NOINLINE void counter_inc_slowly(struct cprom_series *series)
{
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    counter_step(series);
    cprom__update_ends(series, &look);
}

void cprom_counter_inc(cprom_counter *counter)
{
    struct cprom_series *series = counter_series_of(counter);
    unsigned near = cprom__near_row();
    struct cprom__look look;
    cprom__cell *own;
    if (CPROM__LIKELY(series && cprom__handle_is_fresh(series, &look) && (own = counter_own_cells(series, near)))) {
        cprom__cell_count_owned(own + COUNTER_STEPS);
        cprom__update_ends(series, &look);
    } else {
        counter_inc_slowly(series);
    }
}

/* Begins the update; whether it is to be made. */
static bool counter_begin(struct cprom_series *series, double amount, struct cprom__look *look)
{
    if (!series) return false;
    if (CPROM__LIKELY(counter_is_increment(amount))) return cprom__handle_touch(series, look);
    cprom__vec_drop(series->vec, CPROM__DROP_INVALID);
    return false;
}

static CPROM__NOINLINE void counter_add_slowly(struct cprom_series *series, double amount)
{
    struct cprom__look look;
    if (!counter_begin(series, amount, &look)) return;
    counter_add_to(series, amount);
    cprom__update_ends(series, &look);
}

void cprom_counter_add(cprom_counter *counter, double amount)
{
    struct cprom_series *series = counter_series_of(counter);
    unsigned near = cprom__near_row();
    struct cprom__look look;
    cprom__cell *own;
    if (CPROM__LIKELY(series && counter_is_usual_increment(amount) && cprom__handle_is_fresh(series, &look) &&
                      (own = counter_own_cells(series, near)))) {
        cprom__cell_add_owned(own + COUNTER_SUM, amount);
        cprom__update_ends(series, &look);
    } else {
        counter_add_slowly(series, amount);
    }
}

void cprom_counter_add_with_exemplar(cprom_counter *counter, double amount, cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom_series *series = counter_series_of(counter);
    struct cprom__look look;
    if (!counter_begin(series, amount, &look)) return;
    counter_add_to(series, amount);
    const char *refusal = cprom__series_keep_exemplar(series, 0, amount, labels, timestamp_ms);
    cprom__update_ends(series, &look);
    cprom__exemplar_drop(series->vec, refusal);
}

double cprom_counter_value(const cprom_counter *counter)
{
    return counter ? counter_read(counter_series_of(counter)) : 0;
}

/* Whether the vector may add that; otherwise counted. */
static inline cprom_status counter_check(struct cprom_vec *vec, double amount)
{
    if (CPROM__LIKELY(vec && counter_is_increment(amount))) return CPROM_OK;
    if (vec) cprom__vec_drop(vec, CPROM__DROP_INVALID);
    return CPROM_EINVAL;
}

cprom_status cprom_counter_vec_add(cprom_counter_vec *vec, cprom_strs values, double amount)
{
    struct cprom__use use;
    cprom_status status = counter_check((struct cprom_vec *)vec, amount);
    if (status) return status;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_ADD, amount, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    counter_add_to(hit.series, amount);
    return cprom__series_updated(hit);
}

cprom_status cprom_counter_vec_add_with_exemplar(cprom_counter_vec *vec, cprom_strs values, double amount,
                                                 cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom__use use;
    cprom_status status = counter_check((struct cprom_vec *)vec, amount);
    if (status) return status;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_ADD, amount, &use);
    if (!hit.series && (use.status || !use.series)) return use.status;
    struct cprom_series *series = hit.series ? hit.series : use.series;
    if (hit.series) counter_add_to(series, amount);
    const char *refusal = cprom__series_keep_exemplar(series, 0, amount, labels, timestamp_ms);
    status = hit.series ? cprom__series_updated(hit) : cprom__series_done(&use);
    cprom__exemplar_drop((struct cprom_vec *)vec, refusal);
    return status;
}

cprom_status cprom_counter_vec_inc(cprom_counter_vec *vec, cprom_strs values)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_ADD, 1, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    counter_step(hit.series);
    return cprom__series_updated(hit);
}

cprom_status cprom_counter_vec_get(cprom_counter_vec *vec, cprom_strs values, double *value)
{
    struct cprom__sight sight;
    if (value) *value = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (status) return status;
    if (value) *value = counter_read(sight.series);
    cprom__series_looked(&sight);
    return CPROM_OK;
}

cprom_status cprom_counter_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx),
                                    void *ctx)
{
    return cprom__func_new(registry, opts, CPROM_COUNTER, value, ctx);
}
