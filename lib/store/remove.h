/*
 * Removing series by their labels, as one moment.
 */
#ifndef CPROM_LIB_STORE_REMOVE_H
#define CPROM_LIB_STORE_REMOVE_H

#include "store/turnover.h"

/* How a removal that is a change of its own goes: what its options are. */
struct cprom__removal_of {
    enum cprom__removal reason;
    uint64_t mark; /* those touched in this epoch or later stay; 0: those touched after the moment */
    bool linger;
    bool stales; /* updates that it overtakes become stale */
};

/* One vector that takes part. */
struct cprom__removal_in {
    struct cprom__removal_in *next;
    struct cprom__match match;
    struct cprom__event *event; /* NULL: none */
    struct cprom__turnover turnover;
};

/* ELABELS, ENOMEM. Freed with cprom__removal_end() if OK. */
cprom_status cprom__removal_begin(struct cprom_vec *vec, cprom_labels labels, const struct cprom__removal_of *how,
                                  struct cprom__removal_in *in);

/* In the gate: publishes them and lets the moment happen; cprom__turnover_finish() does the rest. */
void cprom__removal_happens(struct cprom__removal_in *first, const struct cprom__removal_of *how);

void cprom__removal_end(struct cprom__removal_in *in);

#endif
