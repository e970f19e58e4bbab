/*
 * The snapshot that a page shows: rows of vectors and samples of collectors, by family. What gathering, merging and
 * encoding share.
 */
#ifndef CPROM_LIB_PAGE_SNAPSHOT_H
#define CPROM_LIB_PAGE_SNAPSHOT_H

#include "registry/emit.h"
#include "store/exemplar.h"
#include "store/filter.h"

/* One series of a vector as it was. */
struct cprom__row {
    const struct cprom_series *series; /* its text stays: the page's pin keeps it */
    union {
        double value;          /* of a series without cells beside it, */
        uint64_t bits;         /* or what it is, as its kind's read() gives it */
        const uint64_t *words; /* others: what their kind's read() gives; behind it exemplars, as addresses */
    };
};

static inline size_t cprom__row_exemplars_at(const struct cprom_vec *vec) { return vec->n_cells; }

/* 64-bit words that a row of this vector has beside itself. */
static inline size_t cprom__row_words_of(const struct cprom_vec *vec)
{
    return vec->n_cells > 1 || vec->n_exemplars ? cprom__row_exemplars_at(vec) + vec->n_exemplars : 0;
}

static inline const uint64_t *cprom__row_words(const struct cprom__row *row)
{
    return cprom__row_words_of(row->series->vec) ? row->words : &row->bits;
}

static inline double cprom__row_sum(const struct cprom__row *row)
{
    return cprom__double(row->words[row->series->vec->n_cells - 1]);
}

/* The count of a distribution; where it has buckets, these are cumulated into `buckets`. */
static inline uint64_t cprom__row_count(const struct cprom__row *row, uint64_t *buckets)
{
    const struct cprom__desc *desc = row->series->vec->desc;
    uint64_t count = 0;
    if (!cprom__kind_has(desc->kind, CPROM__PART_BUCKETS)) return row->words[0];
    for (size_t i = 0; i <= desc->n_bounds; i++) buckets[i] = count += row->words[i];
    return count;
}

/* NULL: none. */
static inline const struct cprom__exemplar *cprom__row_exemplar(const struct cprom__row *row, size_t slot)
{
    const struct cprom_vec *vec = row->series->vec;
    if (slot >= vec->n_exemplars) return NULL;
    return (const struct cprom__exemplar *)(uintptr_t)row->words[cprom__row_exemplars_at(vec) + slot];
}

/*
 * One family of a page: rows of a vector, or samples of collectors. A family of several registries is several groups in
 * succession.
 */
struct cprom__group {
    const struct cprom__desc *desc;
    struct cprom__row *rows;
    size_t n_rows;
    bool has_exemplars;             /* some rows may hold some */
    bool continues;                 /* the family of the group before: it has its header already */
    struct cprom__sample **samples; /* sorted */
    size_t n_samples;
};

/* How each collector fared, for self-metrics. */
struct cprom__result {
    const char *name;
    bool success;
    int64_t duration;
};

/* How often a gather lists a registry's families after the callbacks, at the most: gather.c. */
#define CPROM__LISTINGS 2u

/* What one registry gives to a snapshot. */
struct cprom__source {
    struct cprom__source *next;
    struct cprom_registry *registry;
    struct cprom__families *families;                /* when the gather began */
    struct cprom__families *listed[CPROM__LISTINGS]; /* after the callbacks; the last when values were copied */
    unsigned n_listed;
    struct cprom__pin pin;
    bool pinned;
    const struct cprom__group *groups; /* what it gave, sorted by name: what its pin keeps */
    size_t n_groups;
    bool gone;                     /* not of the page's tree any more: nothing of it is shown */
    struct cprom__result *results; /* one per collector that was to run */
    size_t n_results;
};

struct cprom__snapshot {
    struct cprom_registry *registry;
    struct cprom__source own; /* the registry itself; linked behind it, its descendants: tree.h */
    struct cprom__arena memory;
    struct cprom__brought *brought; /* descriptors of unchecked collectors */
    size_t longest_escaped;         /* of the samples' texts that have escapes */
    struct cprom__group *groups;    /* sorted by name; all of them have rows or samples */
    size_t n_groups, groups_room;
};

#endif
