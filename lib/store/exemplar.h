/*
 * Exemplars: the labels, value and time of one event, beside the counter or the bucket that counted it. Series of
 * vectors that keep them have a slot for each counter or bucket. Whoever takes an exemplar out of its slot by an
 * exchange owns the slot's reference: a writer drops it, a gather keeps one for its page and puts the exemplar back,
 * unless a newer one came meanwhile. So nobody waits, and the newest stays. Model: tests/models/exemplar.pml.
 */
#ifndef CPROM_LIB_STORE_EXEMPLAR_H
#define CPROM_LIB_STORE_EXEMPLAR_H

#include "store/context.h"

struct cprom_vec;

struct cprom__exemplar {
    _Atomic uint32_t refs;
    uint32_t len;
    struct cprom__allocator *allocator;
    double value;
    int64_t timestamp_ms; /* 0: none */
    char pairs[];         /* what stands between the braces */
};

/* Code points of its names and values together; OpenMetrics 1.0, "Exemplars". */
#define CPROM__EXEMPLAR_POINTS_MAX 128u

typedef _Atomic(struct cprom__exemplar *) cprom__exemplar_slot;

/* How many slots a series has. */
unsigned cprom__exemplar_slots(const struct cprom__desc *desc);

/* With one reference. NULL: it cannot be kept, and `*refusal` says why. */
struct cprom__exemplar *cprom__exemplar_new(struct cprom_vec *vec, double value, cprom_labels labels,
                                            int64_t timestamp_ms, const char **refusal);

/* Counts one that was not kept, and logs the first; `refusal` NULL: it was. In no read section, since it logs. */
void cprom__exemplar_drop(struct cprom_vec *vec, const char *refusal);

/* NULL is fine. */
void cprom__exemplar_unref(const struct cprom__exemplar *exemplar);

/* What is in the slot, with a reference; NULL: nothing. Of one registry, one at a time. */
struct cprom__exemplar *cprom__exemplar_look(cprom__exemplar_slot *slot);

#endif
