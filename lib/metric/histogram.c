/* Histograms. */
#include <math.h>

#include "metric/bucket.h"
#include "registry/vec_new.h"
#include "store/lookup.h"

/* Cells of a histogram: one count per bucket, +Inf last, then the sum as a double. */

static struct cprom_series *histogram_series_of(const cprom_histogram *histogram)
{
    return (struct cprom_series *)histogram;
}

static CPROM__NOINLINE void histogram_observe_anywhere(struct cprom_series *series, size_t bucket, size_t sum,
                                                       double value)
{
    bool owned;
    cprom__cell *cells = cprom__series_cells(series, &owned);
    if (owned) {
        cprom__cell_count_owned(&cells[bucket]);
        cprom__cell_add_owned(&cells[sum], value);
    } else {
        cprom__cell_count_shared(&cells[bucket]);
        cprom__cell_add_shared(&cells[sum], value);
    }
}

static inline size_t histogram_bucket_of(const struct cprom_series *series, double value)
{
    const struct cprom__desc *desc = series->vec->desc;
    return cprom__bucket(desc->bounds, desc->n_bounds, value);
}

static inline size_t histogram_observe_owned(struct cprom_series *series, unsigned near, double value)
{
    size_t bucket = histogram_bucket_of(series, value);
    cprom__cell *cells = series->cells + near;
    cprom__cell_count_owned(&cells[bucket]);
    cprom__cell_add_owned(&cells[series->vec->desc->n_bounds + 1], value);
    return bucket;
}

/* Returns the bucket that it counts in. */
static inline size_t histogram_observe(struct cprom_series *series, double value)
{
    unsigned near = cprom__near_row();
    if (CPROM__LIKELY(series->striped && near)) return histogram_observe_owned(series, near, value);
    size_t bucket = histogram_bucket_of(series, value);
    histogram_observe_anywhere(series, bucket, series->vec->desc->n_bounds + 1, value);
    return bucket;
}

static void histogram_read(const struct cprom_series *series, uint64_t *words)
{
    size_t n = series->vec->desc->n_bounds + 1;
    double sum = 0;
    for (size_t i = 0; i < n; i++) words[i] = 0;
    unsigned rows = cprom__series_rows(series);
    for (unsigned row = 0; row < rows; row++) {
        const cprom__cell *cells = cprom__series_row(series, row);
        if (!cells) continue;
        for (size_t i = 0; i < n; i++) words[i] += atomic_load_explicit(&cells[i], memory_order_relaxed);
        sum += cprom__cell_double(&cells[n]);
    }
    words[n] = cprom__bits(sum);
}

static void histogram_change(struct cprom_series *series, const struct cprom__change *change)
{
    for (const struct cprom__observation *o = change->first; o; o = o->next) histogram_observe(series, o->value);
    const struct cprom__staged_exemplar *last = change->last_exemplar, *staged = last;
    if (!last) return;
    do {
        staged = staged->next_of_change;
        cprom__series_share_exemplar(series, histogram_bucket_of(series, staged->exemplar->value), staged->exemplar);
    } while (staged != last);
}

static const struct cprom__kind_ops histogram_ops = {
    .type = CPROM_HISTOGRAM, .read = histogram_read, .change = histogram_change};

static uint64_t histogram_count_up_to(const struct cprom_series *series, size_t last)
{
    uint64_t count = 0;
    unsigned rows = cprom__series_rows(series);
    for (unsigned row = 0; row < rows; row++) {
        const cprom__cell *cells = cprom__series_row(series, row);
        if (!cells) continue;
        for (size_t i = 0; i <= last; i++) count += atomic_load_explicit(&cells[i], memory_order_relaxed);
    }
    return count;
}

static double histogram_read_sum(const struct cprom_series *series)
{
    double sum = 0;
    unsigned rows = cprom__series_rows(series);
    for (unsigned row = 0; row < rows; row++) {
        const cprom__cell *cells = cprom__series_row(series, row);
        if (cells) sum += cprom__cell_double(&cells[series->vec->desc->n_bounds + 1]);
    }
    return sum;
}

/* They do not where the steps are too small for a double, or lead out of its range. */
static cprom_status histogram_check_ascending(const double *bounds, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        if (!(bounds[i] > bounds[i - 1])) return CPROM_EINVAL;
    }
    return isfinite(bounds[n - 1]) ? CPROM_OK : CPROM_EINVAL;
}

cprom_status cprom_bounds_linear(double start, double width, size_t n, double *bounds)
{
    if (!n || !bounds || !isfinite(start) || !isfinite(width) || !(width > 0)) return CPROM_EINVAL;
    for (size_t i = 0; i < n; i++) bounds[i] = start + (double)i * width;
    return histogram_check_ascending(bounds, n);
}

cprom_status cprom_bounds_exponential(double start, double factor, size_t n, double *bounds)
{
    if (!n || !bounds || !isfinite(start) || !isfinite(factor) || !(start > 0) || !(factor > 1)) return CPROM_EINVAL;
    /* NOLINTNEXTLINE(cert-flp30-c): it is i that ends the loop */
    for (size_t i = 0; i < n; i++, start *= factor) bounds[i] = start;
    return histogram_check_ascending(bounds, n);
}

cprom_status cprom_histogram_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram **histogram)
{
    return cprom__vec_new_plain(registry, opts, &histogram_ops, CPROM_NO_LABELS, histogram);
}

cprom_status cprom_histogram_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram_vec **vec)
{
    return cprom__vec_new(registry, opts, &histogram_ops, vec);
}

/* In two parts, so that the first, which is nearly always enough, keeps no frame. */
static CPROM__NOINLINE void histogram_observe_slowly(struct cprom_series *series, double value)
{
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    histogram_observe(series, value);
    cprom__update_ends(series, &look);
}

void cprom_histogram_observe(cprom_histogram *histogram, double value)
{
    struct cprom_series *series = histogram_series_of(histogram);
    unsigned near = cprom__near_row();
    struct cprom__look look;
    if (CPROM__LIKELY(series && near && cprom__handle_is_fresh(series, &look) && series->striped)) {
        histogram_observe_owned(series, near, value);
        cprom__update_ends(series, &look);
    } else {
        histogram_observe_slowly(series, value);
    }
}

void cprom_histogram_observe_with_exemplar(cprom_histogram *histogram, double value, cprom_labels labels,
                                           int64_t timestamp_ms)
{
    struct cprom_series *series = histogram_series_of(histogram);
    struct cprom__look look;
    if (!series || !cprom__handle_touch(series, &look)) return;
    size_t bucket = histogram_observe(series, value);
    const char *refusal = cprom__series_keep_exemplar(series, bucket, value, labels, timestamp_ms);
    cprom__update_ends(series, &look);
    cprom__exemplar_drop(series->vec, refusal);
}

uint64_t cprom_histogram_bucket(const cprom_histogram *histogram, size_t index)
{
    if (!histogram) return 0;
    const struct cprom_series *series = histogram_series_of(histogram);
    size_t last = series->vec->desc->n_bounds;
    return histogram_count_up_to(series, index < last ? index : last);
}

uint64_t cprom_histogram_count(const cprom_histogram *histogram) { return cprom_histogram_bucket(histogram, SIZE_MAX); }

double cprom_histogram_sum(const cprom_histogram *histogram)
{
    return histogram ? histogram_read_sum(histogram_series_of(histogram)) : 0;
}

cprom_status cprom_histogram_vec_observe(cprom_histogram_vec *vec, cprom_strs values, double value)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_OBSERVE, value, &use);
    if (CPROM__UNLIKELY(!hit.series)) return cprom__series_done(&use);
    histogram_observe(hit.series, value);
    return cprom__series_updated(hit);
}

cprom_status cprom_histogram_vec_observe_with_exemplar(cprom_histogram_vec *vec, cprom_strs values, double value,
                                                       cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    struct cprom__hit hit = cprom__series_acquire((struct cprom_vec *)vec, values, CPROM__OP_OBSERVE, value, &use);
    if (!hit.series && (use.status || !use.series)) return use.status;
    struct cprom_series *series = hit.series ? hit.series : use.series;
    size_t bucket = hit.series ? histogram_observe(series, value) : histogram_bucket_of(series, value);
    const char *refusal = cprom__series_keep_exemplar(series, bucket, value, labels, timestamp_ms);
    cprom_status status = hit.series ? cprom__series_updated(hit) : cprom__series_done(&use);
    cprom__exemplar_drop((struct cprom_vec *)vec, refusal);
    return status;
}

cprom_status cprom_histogram_vec_get(cprom_histogram_vec *vec, cprom_strs values, uint64_t *count, double *sum)
{
    struct cprom__sight sight;
    if (count) *count = 0;
    if (sum) *sum = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &sight);
    if (status) return status;
    if (count) *count = histogram_count_up_to(sight.series, sight.series->vec->desc->n_bounds);
    if (sum) *sum = histogram_read_sum(sight.series);
    cprom__series_looked(&sight);
    return CPROM_OK;
}
