/* Summaries. */
#include "metric/summary.h"

#include "registry/vec_new.h"
#include "store/lookup.h"

/* Cells of a summary: the count, then the sum as a double. */

static struct cprom_series *summary_series_of(const cprom_summary *summary) { return (struct cprom_series *)summary; }

void cprom__summary_observe(struct cprom_series *series, double value)
{
    cprom__cell *cells = series->cells;
    unsigned stripe = 0;
    if (series->striped) {
        bool owned = cprom__stripe(&stripe);
        cells = cprom__cell_in(cells, stripe);
        if (owned) {
            cprom__cell_count_owned(&cells[0]);
            cprom__cell_add_owned(&cells[1], value);
            return;
        }
    }
    cprom__cell_count_shared(&cells[0]);
    cprom__cell_add_shared(&cells[1], value);
}

double cprom__summary_read(const struct cprom_series *series, uint64_t *count)
{
    double sum = 0;
    *count = 0;
    for (unsigned stripe = 0; stripe < (series->striped ? CPROM_STRIPES : 1); stripe++) {
        const cprom__cell *cells = cprom__cell_in(series->cells, stripe);
        *count += atomic_load_explicit(&cells[0], memory_order_relaxed);
        sum += cprom__cell_double(&cells[1]);
    }
    return sum;
}

cprom_status cprom_summary_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary **summary)
{
    struct cprom_vec *vec = NULL;
    if (summary) *summary = NULL;
    cprom_status status = cprom__vec_new(registry, opts, CPROM_SUMMARY, true, summary ? &vec : NULL);
    if (vec) *summary = (cprom_summary *)vec->plain;
    return status;
}

cprom_status cprom_summary_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_summary_vec **vec)
{
    return cprom__vec_new(registry, opts, CPROM_SUMMARY, false, (struct cprom_vec **)vec);
}

void cprom_summary_observe(cprom_summary *summary, double value)
{
    struct cprom_series *series = summary_series_of(summary);
    if (series && cprom__handle_touch(series)) cprom__summary_observe(series, value);
}

uint64_t cprom_summary_count(const cprom_summary *summary)
{
    uint64_t count = 0;
    if (summary) cprom__summary_read(summary_series_of(summary), &count);
    return count;
}

double cprom_summary_sum(const cprom_summary *summary)
{
    uint64_t count;
    return summary ? cprom__summary_read(summary_series_of(summary), &count) : 0;
}

cprom_status cprom_summary_vec_observe(cprom_summary_vec *vec, cprom_strs values, double value)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_acquire((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    cprom__summary_observe(use.series, value);
    cprom__series_release(&use);
    return CPROM_OK;
}

cprom_status cprom_summary_vec_get(cprom_summary_vec *vec, cprom_strs values, uint64_t *count, double *sum)
{
    struct cprom__use use;
    if (count) *count = 0;
    if (sum) *sum = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    uint64_t n;
    double total = cprom__summary_read(use.series, &n);
    if (count) *count = n;
    if (sum) *sum = total;
    cprom__series_release(&use);
    return CPROM_OK;
}
