/*
 * The owner index: for one label of a vector, the series of each of its values, so that removing or replacing what one
 * owner has costs what it has.
 *
 * A list of small chunks of slab indexes per owner, and a map from the hash of the value to the owner. All of it is
 * guarded by the vector's map lock.
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
    char value[]; /* escaped, as in texts */
};

/* The extra of a series; only for vectors that have it. */

/* Makes sure that the series can be added; false: out of memory. */
bool cprom__owner_reserve(struct cprom_vec *vec, const struct cprom_series *series);
/* After cprom__owner_reserve(), under the same hold of the lock: cannot fail. */
void cprom__owner_add(struct cprom_vec *vec, struct cprom_series *series, uint32_t index);
void cprom__owner_remove(struct cprom_vec *vec, struct cprom_series *series);

/* The first chunk of an owner's series; 0: it has none. `value` is escaped. */
uint32_t cprom__owner_chunks(struct cprom_vec *vec, struct cprom__piece value);
/* Takes a chunk out of the list if nothing is in it. */
void cprom__owner_tidy(struct cprom_vec *vec, uint32_t chunk_index);

/* Frees the index; nobody uses the vector any more. */
void cprom__owner_free(struct cprom_vec *vec);

#endif
