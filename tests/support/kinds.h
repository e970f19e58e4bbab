/*
 * The kinds of instruments, as one: what is true of all of them is tested over this table. A test that is named after a
 * kind tests what that kind has of its own.
 */
#ifndef CPROM_TESTS_KINDS_H
#define CPROM_TESTS_KINDS_H

#include "cprom_test.h"

typedef struct kind {
    cprom_type type;
    const char *name, *type_name; /* of a family of this kind; what its TYPE line says */
    const char *key, *sum_key;    /* of the sample that counts updates by 1, and of that which adds up */
    cprom_status (*plain)(cprom_registry *registry, const cprom_opts *opts, cprom_series **series);
    cprom_status (*make)(cprom_registry *registry, const cprom_opts *opts, cprom_vec **vec);
    /* By 1. */
    cprom_status (*update)(cprom_vec *vec, cprom_strs values);
    void (*touch)(cprom_series *series);
    /* Distributions observe the amount. */
    cprom_status (*add)(cprom_vec *vec, cprom_strs values, double amount);
    void (*add_to)(cprom_series *series, double amount);
    /* What `key` and `sum_key` show. Either result of `get` may be NULL. */
    double (*value)(cprom_series *series);
    double (*sum)(cprom_series *series);
    cprom_status (*get)(cprom_vec *vec, cprom_strs values, double *value, double *sum);
} kind;

/* Those that count: counter, gauge, histogram, summary. */
enum { KINDS = 4 };
extern const kind kinds[KINDS];

static inline bool is_distribution(const kind *k) { return k->type == CPROM_HISTOGRAM || k->type == CPROM_SUMMARY; }

/* NULL: it is none of them. */
static inline const kind *kind_of(cprom_type type)
{
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        if (k->type == type) return k;
    }
    return NULL;
}

#endif
