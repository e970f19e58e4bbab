/*
 * A counter, for gathers, updates and getters.
 */
#ifndef CPROM_LIB_METRIC_COUNTER_H
#define CPROM_LIB_METRIC_COUNTER_H

#include "store/series.h"

/* Its value, summed over the stripes. */
double cprom__counter_read(const struct cprom_series *series);
/* The update, for a series that the caller may use. */
void cprom__counter_add(struct cprom_series *series, double amount);

#endif
