/*
 * A stateset, for updates.
 */
#ifndef CPROM_LIB_METRIC_STATESET_H
#define CPROM_LIB_METRIC_STATESET_H

#include "store/series.h"

/* Clears bits, then sets some, at once; for a series that the caller may use. */
void cprom__stateset_change(struct cprom_series *series, uint64_t off, uint64_t on);

#endif
