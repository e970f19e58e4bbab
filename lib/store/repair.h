/*
 * Label values that cannot be one become values that can, where a vector or a collector wants that (.bad_utf8): bad bytes
 * become U+FFFD, and what is too long is cut. Only once it is known that they cannot, so that others pay nothing for it.
 */
#ifndef CPROM_LIB_STORE_REPAIR_H
#define CPROM_LIB_STORE_REPAIR_H

#include "store/series.h"

#define CPROM__REPAIR_NEAR 512u

struct cprom__repaired {
    const char *v[CPROM_LABELS_MAX]; /* the caller's own where nothing was wrong */
    size_t n;
    struct cprom__allocator *allocator;
    char *far; /* for those that have no room here; NULL: all have */
    size_t far_size;
    char near[CPROM__REPAIR_NEAR];
};

/* Whether the option is one. */
bool cprom__is_bad_utf8(cprom_bad_utf8 option);

/* Repairs a list that has no NULL, and counts it if something was wrong. ENOMEM. To be freed if OK. */
cprom_status cprom__repair(struct cprom_registry *registry, cprom_strs values, struct cprom__repaired *repaired);
void cprom__repaired_free(struct cprom__repaired *repaired);

static inline cprom_strs cprom__repaired_strs(const struct cprom__repaired *repaired)
{
    return (cprom_strs){repaired->v, repaired->n};
}

#endif
