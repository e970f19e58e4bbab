#include "instrument.h"

#include <math.h>

/* Cells of a histogram: one count per bucket, +Inf last, then the sum as a double. */

#define LINEAR_MAX 32u /* bounds up to which counting them all beats a binary search */

static struct cprom_series *series_of(const cprom_histogram *histogram) { return (struct cprom_series *)histogram; }

static size_t bucket_of(const struct cprom__desc *desc, double value)
{
    const double *bounds = desc->bounds;
    size_t n = desc->n_bounds, below = 0;
    if (n <= LINEAR_MAX) {
        /* Without branches: the bucket's number is how many bounds are not at or above the value. NaN is above all. */
        for (size_t i = 0; i < n; i++) below += !(value <= bounds[i]);
        return below;
    }
    while (n) {
        size_t half = n / 2;
        if (!(value <= bounds[below + half])) {
            below += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return below;
}

/* Which bucket it counts in goes to `*which`. */
static inline void observe(struct cprom_series *series, double value, size_t *which)
{
    const struct cprom__desc *desc = series->vec->desc;
    size_t bucket = *which = bucket_of(desc, value), sum = desc->n_bounds + 1;
    cprom__cell *cells = series->cells;
    unsigned stripe = 0;
    if (series->striped) {
        bool owned = cprom__stripe(&stripe);
        cells = cprom__cell_in(cells, stripe);
        if (owned) {
            cprom__cell_count_owned(&cells[bucket]);
            cprom__cell_add_owned(&cells[sum], value);
            return;
        }
    }
    cprom__cell_count_shared(&cells[bucket]);
    cprom__cell_add_shared(&cells[sum], value);
}

void cprom__histogram_observe(struct cprom_series *series, double value)
{
    size_t bucket;
    observe(series, value, &bucket);
}

double cprom__histogram_read(const struct cprom_series *series, uint64_t *buckets)
{
    size_t n = series->vec->desc->n_bounds + 1;
    double sum = 0;
    for (size_t i = 0; i < n; i++) buckets[i] = 0;
    for (unsigned stripe = 0; stripe < (series->striped ? CPROM_STRIPES : 1); stripe++) {
        const cprom__cell *cells = cprom__cell_in(series->cells, stripe);
        for (size_t i = 0; i < n; i++) buckets[i] += atomic_load_explicit(&cells[i], memory_order_relaxed);
        sum += cprom__cell_double(&cells[n]);
    }
    return sum;
}

static uint64_t count_up_to(const struct cprom_series *series, size_t last)
{
    uint64_t count = 0;
    for (unsigned stripe = 0; stripe < (series->striped ? CPROM_STRIPES : 1); stripe++) {
        const cprom__cell *cells = cprom__cell_in(series->cells, stripe);
        for (size_t i = 0; i <= last; i++) count += atomic_load_explicit(&cells[i], memory_order_relaxed);
    }
    return count;
}

static double read_sum(const struct cprom_series *series)
{
    double sum = 0;
    for (unsigned stripe = 0; stripe < (series->striped ? CPROM_STRIPES : 1); stripe++) {
        sum += cprom__cell_double(cprom__cell_in(series->cells, stripe) + series->vec->desc->n_bounds + 1);
    }
    return sum;
}

/* They do not where the steps are too small for a double, or lead out of its range. */
static cprom_status check_ascending(const double *bounds, size_t n)
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
    return check_ascending(bounds, n);
}

cprom_status cprom_bounds_exponential(double start, double factor, size_t n, double *bounds)
{
    if (!n || !bounds || !isfinite(start) || !isfinite(factor) || !(start > 0) || !(factor > 1)) return CPROM_EINVAL;
    for (size_t i = 0; i < n; i++, start *= factor) bounds[i] = start;
    return check_ascending(bounds, n);
}

cprom_status cprom_histogram_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram **histogram)
{
    struct cprom_vec *vec = NULL;
    if (histogram) *histogram = NULL;
    cprom_status status = cprom__vec_new(registry, opts, CPROM_HISTOGRAM, true, histogram ? &vec : NULL);
    if (!status) *histogram = (cprom_histogram *)vec->plain;
    return status;
}

cprom_status cprom_histogram_vec_new(cprom_registry *registry, const cprom_opts *opts, cprom_histogram_vec **vec)
{
    return cprom__vec_new(registry, opts, CPROM_HISTOGRAM, false, (struct cprom_vec **)vec);
}

void cprom_histogram_observe(cprom_histogram *histogram, double value)
{
    struct cprom_series *series = series_of(histogram);
    if (series && cprom__series_live(series)) cprom__histogram_observe(series, value);
}

void cprom_histogram_observe_with_exemplar(cprom_histogram *histogram, double value, cprom_labels labels,
                                           int64_t timestamp_ms)
{
    struct cprom_series *series = series_of(histogram);
    size_t bucket;
    if (!series || !cprom__series_live(series)) return;
    observe(series, value, &bucket);
    cprom__exemplar_keep(series, bucket, value, labels, timestamp_ms);
}

uint64_t cprom_histogram_bucket(const cprom_histogram *histogram, size_t index)
{
    if (!histogram) return 0;
    const struct cprom_series *series = series_of(histogram);
    size_t last = series->vec->desc->n_bounds;
    return count_up_to(series, index < last ? index : last);
}

uint64_t cprom_histogram_count(const cprom_histogram *histogram) { return cprom_histogram_bucket(histogram, SIZE_MAX); }

double cprom_histogram_sum(const cprom_histogram *histogram)
{
    return histogram ? read_sum(series_of(histogram)) : 0;
}

cprom_status cprom_histogram_vec_observe(cprom_histogram_vec *vec, cprom_strs values, double value)
{
    struct cprom__use use;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_acquire((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    cprom__histogram_observe(use.series, value);
    cprom__series_release(&use);
    return CPROM_OK;
}

cprom_status cprom_histogram_vec_observe_with_exemplar(cprom_histogram_vec *vec, cprom_strs values, double value,
                                                       cprom_labels labels, int64_t timestamp_ms)
{
    struct cprom__use use;
    size_t bucket;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_acquire((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    observe(use.series, value, &bucket);
    cprom__exemplar_keep(use.series, bucket, value, labels, timestamp_ms);
    cprom__series_release(&use);
    return CPROM_OK;
}

cprom_status cprom_histogram_vec_get(cprom_histogram_vec *vec, cprom_strs values, uint64_t *count, double *sum)
{
    struct cprom__use use;
    if (count) *count = 0;
    if (sum) *sum = 0;
    if (!vec) return CPROM_EINVAL;
    cprom_status status = cprom__series_look((struct cprom_vec *)vec, values, &use);
    if (status) return status;
    if (count) *count = count_up_to(use.series, use.series->vec->desc->n_bounds);
    if (sum) *sum = read_sum(use.series);
    cprom__series_release(&use);
    return CPROM_OK;
}
