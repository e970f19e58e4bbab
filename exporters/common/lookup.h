/* A hash table of pointers, with open addressing. What an entry is, and which of one hash is meant, the caller knows. */
#ifndef EXPORTERS_COMMON_LOOKUP_H
#define EXPORTERS_COMMON_LOOKUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* All zeros is an empty one. */
struct lookup {
    void **at;
    uint64_t *hashes;
    size_t n, room;
};

/* false: no memory. */
bool lookup_add(struct lookup *lookup, uint64_t hash, void *entry);
/* The next entry of that hash, from *place on, which is set to where to go on; first it is the hash. NULL: no more. */
void *lookup_next(const struct lookup *lookup, uint64_t hash, size_t *place);
void lookup_free(struct lookup *lookup);

#endif
