/*
 * Reclaiming: what was retired is destroyed once nobody can reach it any more.
 */
#ifndef CPROM_LIB_STORE_RECLAIM_H
#define CPROM_LIB_STORE_RECLAIM_H

#include "store/retire.h"

/* Destroys those of up to `max` series that nobody can reach any more; returns how many. */
size_t cprom__reclaim(struct cprom__reclaimer *reclaimer, size_t max);

/* A share of that work, for calls that create or remove: bounded, and nothing at all most of the time. */
void cprom__reclaim_some(struct cprom__reclaimer *reclaimer);

/* One round over all that waits, up to about `max` series: in portions, so that others come in between. */
void cprom__reclaim_many(struct cprom__reclaimer *reclaimer, size_t max);

/* When no page is open and nobody looks anything up any more: leaves each series to the last of its handles. */
void cprom__reclaim_abandon(struct cprom__reclaimer *reclaimer);

#endif
