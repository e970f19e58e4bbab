/*
 * The series that an update has staged, as a set of labels: a removal spares them.
 */
#ifndef CPROM_LIB_STORE_STAGED_H
#define CPROM_LIB_STORE_STAGED_H

#include "store/series.h"

/* The series that an update has staged, as a set. */
struct cprom__staged {
    const struct cprom_series **slots;
    size_t mask;
};

/* Puts one in; there is room. */
void cprom__staged_put(struct cprom__staged *staged, const struct cprom_series *series);
bool cprom__staged_has(const struct cprom__staged *staged, const struct cprom_series *series);

#endif
