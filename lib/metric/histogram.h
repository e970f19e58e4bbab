/*
 * A histogram, for gathers, updates and getters.
 */
#ifndef CPROM_LIB_METRIC_HISTOGRAM_H
#define CPROM_LIB_METRIC_HISTOGRAM_H

#include "store/series.h"

/*
 * Copies bucket counts (not cumulative, +Inf last) to `buckets`, n_bounds + 1 of them, and returns the sum. The count
 * is the buckets' total, so that the two cannot disagree.
 */
double cprom__histogram_read(const struct cprom_series *series, uint64_t *buckets);
/* The update, for a series that the caller may use. */
void cprom__histogram_observe(struct cprom_series *series, double value);

#endif
