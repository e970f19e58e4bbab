/* Summaries. */
#include "registry/vec_new.h"
#include "store/lookup.h"

/* Cells of a summary: the count, then the sum as a double. */

static struct cprom_series *summary_series_of(const cprom_summary *summary) { return (struct cprom_series *)summary; }

static void summary_observe(struct cprom_series *series, double value)
{
    unsigned near = cprom__near_row();
    bool owned = series->striped && near;
    cprom__cell *cells = owned ? series->cells + near : cprom__series_cells(series, &owned);
    if (CPROM__LIKELY(owned)) {
        cprom__cell_count_owned(&cells[0]);
        cprom__cell_add_owned(&cells[1], value);
    } else {
        cprom__cell_count_shared(&cells[0]);
        cprom__cell_add_shared(&cells[1], value);
    }
}

static double summary_read(const struct cprom_series *series, uint64_t *count)
{
    double sum = 0;
    *count = 0;
    unsigned rows = cprom__series_rows(series);
    for (unsigned row = 0; row < rows; row++) {
        const cprom__cell *cells = cprom__series_row(series, row);
        if (!cells) continue;
        *count += atomic_load_explicit(&cells[0], memory_order_relaxed);
        sum += cprom__cell_double(&cells[1]);
    }
    return sum;
}

static void summary_read_words(const struct cprom_series *series, uint64_t *words)
{
    words[1] = cprom__bits(summary_read(series, &words[0]));
}

static void summary_change(struct cprom_series *series, const struct cprom__change *change)
{
    for (const struct cprom__observation *o = change->first; o; o = o->next) summary_observe(series, o->value);
}

static const struct cprom__kind_ops summary_ops = {
    .type = CPROM_SUMMARY, .read = summary_read_words, .change = summary_change};

cprom_status cprom_summary_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary **summary)
{
    return cprom__vec_new_plain(registry, opts, &summary_ops, CPROM_NO_LABELS, summary);
}

cprom_status cprom_summary_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary_vec **vec)
{
    return cprom__vec_new(registry, opts, &summary_ops, vec);
}

void cprom_summary_observe(cprom_summary *summary, double value)
{
    struct cprom_series *series = summary_series_of(summary);
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    summary_observe(series, value);
    cprom__update_ends(series, &look);
}

uint64_t cprom_summary_count(const cprom_summary *summary)
{
    uint64_t count = 0;
    if (summary) summary_read(summary_series_of(summary), &count);
    return count;
}

double cprom_summary_sum(const cprom_summary *summary)
{
    uint64_t count;
    return summary ? summary_read(summary_series_of(summary), &count) : 0;
}

cprom_status cprom_summary_vec_observe(cprom_summary_vec *vec, cprom_strs values, double value)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_OBSERVE, value, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    summary_observe(hit.series, value);
    return cprom__series_updated(hit);
}

cprom_status cprom_summary_vec_get(cprom_summary_vec *vec, cprom_strs values, uint64_t *count, double *sum)
{
    struct cprom__sight sight;
    if (count) *count = 0;
    if (sum) *sum = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (status) return status;
    uint64_t n;
    double total = summary_read(sight.series, &n);
    if (count) *count = n;
    if (sum) *sum = total;
    cprom__series_looked(&sight);
    return CPROM_OK;
}
