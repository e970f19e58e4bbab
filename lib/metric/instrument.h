/*
 * What the instruments with several cells tell gathers and getters: their values, summed over the stripes.
 */
#ifndef CPROM_LIB_METRIC_INSTRUMENT_H
#define CPROM_LIB_METRIC_INSTRUMENT_H

#include "store/vec.h"

double cprom__counter_read(const struct cprom_series *series);

/*
 * Copies bucket counts (not cumulative, +Inf last) to `buckets`, n_bounds + 1 of them, and returns the sum. The count
 * is the buckets' total, so that the two cannot disagree.
 */
double cprom__histogram_read(const struct cprom_series *series, uint64_t *buckets);

double cprom__summary_read(const struct cprom_series *series, uint64_t *count);

/* The updates, for a series that the caller may use. */
void cprom__counter_add(struct cprom_series *series, double amount);
void cprom__histogram_observe(struct cprom_series *series, double value);
void cprom__summary_observe(struct cprom_series *series, double value);
/* Clears bits, then sets some, at once. */
void cprom__stateset_change(struct cprom_series *series, uint64_t off, uint64_t on);

#endif
