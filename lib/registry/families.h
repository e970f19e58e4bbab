/*
 * The families of a registry: a set, and lists of it. A list is immutable, and made when somebody needs one for the
 * first time since a family came or went: gathers and pages keep the list that they began with.
 *
 * All that is registered in a tree is found through two indexes of its topmost registry, so that a registration costs a
 * few look-ups, however many registries and families there are.
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

/* A family in its registry's set, which holds its owner. Guarded by the tree's lock. */
struct cprom__registered {
    struct cprom__family family;
    struct cprom_registry *registry;
    struct cprom__registered *next, **link;     /* in a list of the set; what points at it */
    struct cprom__index_node by_base, by_place; /* the place: the name, with the registry's const labels */
};

struct cprom__families {
    _Atomic size_t refs;
    struct cprom__allocator *allocator;
    size_t bytes;
    size_t n, n_collectors;
    struct cprom__collector **collectors; /* in the order of registration */
    struct cprom__family v[];             /* sorted by name */
};

/*
 * The list of now, with a reference. Under the tree's lock. ENOENT: the registry was freed; ENOMEM. Costs nothing where
 * nothing has changed since the last one; otherwise as much as there are families.
 */
cprom_status cprom__families_now(struct cprom_registry *registry, struct cprom__families **out);
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
/* Whether there is a family with names of samples that collide. None does on a page that has the same family. */
bool cprom__families_collide(const struct cprom__families *families, const struct cprom__desc *desc,
                             const struct cprom__base *bases, size_t n_bases);

/* Registers a vector, or a collector with its families; the set holds it. Logs a refusal. */
cprom_status cprom__families_add_vec(struct cprom_registry *registry, struct cprom_vec *vec);
cprom_status cprom__families_add_collector(struct cprom_registry *registry, struct cprom__collector *collector);

/*
 * Takes out the owner of the family `name`, or the collector of that name. What it was is in `*removed`, with the set's
 * hold. ENOENT.
 */
cprom_status cprom__families_remove(struct cprom_registry *registry, const char *name, struct cprom__family *removed);

/* Under the tree's lock, before cprom__tree_leave(): the registry's descendants find each other without it. */
void cprom__families_part(struct cprom_registry *registry);
/* The end of the set of a registry that has left its tree. */
void cprom__families_free(struct cprom_registry *registry);

#endif
