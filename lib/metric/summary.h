/*
 * A summary, for gathers, updates and getters.
 */
#ifndef CPROM_LIB_METRIC_SUMMARY_H
#define CPROM_LIB_METRIC_SUMMARY_H

#include "store/series.h"

/* Returns the sum. */
double cprom__summary_read(const struct cprom_series *series, uint64_t *count);
/* The update, for a series that the caller may use. */
void cprom__summary_observe(struct cprom_series *series, double value);

#endif
