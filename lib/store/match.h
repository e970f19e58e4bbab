/*
 * A match: what a removal or a scope asks for, resolved against one vector.
 */
#ifndef CPROM_LIB_STORE_MATCH_H
#define CPROM_LIB_STORE_MATCH_H

#include "store/series.h"

/* Which labels, and their values as they stand in texts. Without labels it matches all. */
struct cprom__match {
    const struct cprom__match *next; /* of the same vector and change: a series goes if one of them matches */
    size_t n;
    size_t label[CPROM_LABELS_MAX];
    struct cprom__piece value[CPROM_LABELS_MAX]; /* escaped */
    struct cprom__arena memory;
};

/*
 * ELABELS: a label that the vector does not have, or one twice, or NULL in one; match->n is its index. ENOMEM. Freed with
 * cprom__match_free() if OK.
 */
cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match);

void cprom__match_free(struct cprom__match *match);

bool cprom__match_has(const struct cprom__match *match, const struct cprom_series *series);

/* Whether one of the list matches. */
bool cprom__match_any(const struct cprom__match *list, const struct cprom_series *series);

#endif
