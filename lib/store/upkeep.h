/*
 * The upkeep of a vector: bounded shares of work that creations and removals do, and gathers.
 */
#ifndef CPROM_LIB_STORE_UPKEEP_H
#define CPROM_LIB_STORE_UPKEEP_H

#include "store/series.h"

/* A bounded share of cleaning up, after something was created or removed. Under no lock. */
void cprom__vec_upkeep(struct cprom_vec *vec);

/* All of it. */
void cprom__vec_trim(struct cprom_vec *vec);

/* Whether a page shows the series at that time; `*over`: it is expired, or has lingered long enough. */
bool cprom__series_shown(const struct cprom_series *series, int64_t now, bool *over);

/* Removes a series that is over, if it still is. Under no lock. */
void cprom__vec_expire(struct cprom_vec *vec, const struct cprom_series *series, int64_t now);

/* Looks for such series in a bounded part of the vector, for when nobody scrapes; false: that was the last part. */
bool cprom__vec_expire_some(struct cprom_vec *vec);

#endif
