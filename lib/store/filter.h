/*
 * Which families a page shows: those that were named.
 */
#ifndef CPROM_LIB_STORE_FILTER_H
#define CPROM_LIB_STORE_FILTER_H

#include "store/desc.h"

/* Which families a page shows. */
struct cprom__filter {
    const char *const *names;
    size_t n; /* 0: all */
};

bool cprom__filter_lets(const struct cprom__filter *filter, const struct cprom__desc *desc);

#endif
