/*
 * Removing series by their labels: one, those that match, all.
 */
#ifndef CPROM_LIB_STORE_REMOVE_H
#define CPROM_LIB_STORE_REMOVE_H

#include "store/kill.h"

/* ELABELS: a label that the vector does not have, or one twice; ENOMEM. Freed with cprom__match_free() if OK. */
cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match);

void cprom__match_free(struct cprom__match *match);

/* Removes series in the map; the caller is in the gate. */
size_t cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing);

/* Removes a series of which the caller has a reference, staged or not, if it matches; the caller is in the gate. */
bool cprom__vec_remove_one(struct cprom_vec *vec, struct cprom_series *series, const struct cprom__removing *removing);

#endif
