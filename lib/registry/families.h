/*
 * The families of a registry, as an immutable list that is replaced when one comes or goes: gathers and pages keep
 * the list that they began with.
 */
#ifndef CPROM_LIB_REGISTRY_FAMILIES_H
#define CPROM_LIB_REGISTRY_FAMILIES_H

#include "store/series.h"

struct cprom__collector;

struct cprom__family {
    const struct cprom__desc *desc;
    /* its owner, one of the two */
    struct cprom_vec *vec;
    struct cprom__collector *collector;
};

struct cprom__families {
    _Atomic size_t refs;
    struct cprom__allocator *allocator;
    size_t bytes;
    size_t n, n_collectors;
    struct cprom__collector **collectors; /* in the order of registration */
    struct cprom__family v[];             /* sorted by name */
};

struct cprom__families *cprom__families_empty(struct cprom__allocator *allocator);
void cprom__families_ref(struct cprom__families *families);
void cprom__families_unref(struct cprom__families *families);

/* The family of that name; NULL: none. */
const struct cprom__family *cprom__families_find(const struct cprom__families *families, const char *name);

/*
 * Whether two registries have different const labels, an empty value being no label: then their series differ, and one
 * family may have series of both.
 */
bool cprom__registry_apart(const struct cprom_registry *a, const struct cprom_registry *b);

/*
 * Whether `desc` can stand on one page with the family of its name, if these have one, which `*same` says. EEXIST: they
 * cannot be one family; ECONFLICT: they do not agree. `apart`: cprom__registry_apart() from the registry of these.
 */
cprom_status cprom__families_check_same(const struct cprom__families *families, const struct cprom__desc *desc,
                                        bool apart, bool *same);
/* The first family with names of samples that collide; NULL: none. None can on a page that has the same family. */
const char *cprom__families_collide(const struct cprom__families *families, const struct cprom__desc *desc);

/* Registers a vector, or a collector with its families. Logs a refusal. */
cprom_status cprom__families_add_vec(struct cprom_registry *registry, struct cprom_vec *vec);
cprom_status cprom__families_add_collector(struct cprom_registry *registry, struct cprom__collector *collector);

/* Takes out the owner of the family `name`, or the collector of that name; what it was is in `*removed`. */
cprom_status cprom__families_remove(struct cprom_registry *registry, const char *name, struct cprom__family *removed);

#endif
