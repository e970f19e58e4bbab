/*
 * The owner index: for one label of a vector, the series of each of its values, so that removing or replacing what one
 * owner has costs what it has.
 *
 * A list of small chunks of slab indexes per owner, and a map from the hash of the value to the owner. Where the vector
 * bounds what an owner may have, it is counted here: by the birth and the death of each series, at once, also in a change.
 * Who looks from outside finishes the change first: turnover.h. All of it is guarded by the vector's map lock.
 */
#ifndef CPROM_LIB_STORE_OWNER_H
#define CPROM_LIB_STORE_OWNER_H

#include "store/map.h"
#include "store/series.h"

#define CPROM__OWNER_CHUNK 12u

struct cprom__owner_chunk {
    uint32_t next, prev, owner, n;
    uint32_t indexes[CPROM__OWNER_CHUNK];
};

struct cprom__owner {
    uint32_t chunks; /* first chunk */
    uint32_t hash;
    uint32_t len;
    uint32_t live;                    /* series that are alive; not counted without a bound */
    const struct cprom_series *other; /* of them, what the others are folded into; NULL: none */
    char value[];                     /* escaped, as in texts */
};

/* The extra of a series; only for vectors that have it. */

/* Makes sure that the series can be added; false: out of memory. */
bool cprom__owner_reserve(struct cprom_vec *vec, const struct cprom_series *series);
/* After cprom__owner_reserve(), under the same hold of the lock: cannot fail. */
void cprom__owner_add(struct cprom_vec *vec, struct cprom_series *series, uint32_t index);
void cprom__owner_remove(struct cprom_vec *vec, struct cprom_series *series);

/* The first chunk of an owner's series; 0: it has none. `value` is escaped. */
uint32_t cprom__owner_chunks(struct cprom_vec *vec, struct cprom__piece value);
/* The same, by the label values of one of its series. */
uint32_t cprom__owner_chunks_of(struct cprom_vec *vec, const struct cprom__values *values);
/* Takes a chunk out of the list if nothing is in it. */
void cprom__owner_tidy(struct cprom_vec *vec, uint32_t chunk_index);

/* ---- of vectors that bound what an owner may have ---- */

/* Whether its owner has as many as it may; what others are folded into does not count: it is one more. */
bool cprom__owner_is_full(struct cprom_vec *vec, const struct cprom_series *series);
bool cprom__owner_is_full_of(struct cprom_vec *vec, const struct cprom__values *values);

/* A series that is in its owner's list is alive now; `other`: it is what others are folded into. Or is no more. */
void cprom__owner_born(struct cprom_vec *vec, const struct cprom_series *series, bool other);
void cprom__owner_died(struct cprom_vec *vec, const struct cprom_series *series);

/* Frees the index; nobody uses the vector any more. */
void cprom__owner_free(struct cprom_vec *vec);

#endif
