/*
 * An index: what is in it is found by a 64-bit hash, in a time that grows with the logarithm of how much there is. A
 * tree that goes by two bits of the hash at each node. Nodes are parts of what is in the index, so that it needs no
 * memory, and nothing of it can fail. Not thread-safe.
 *
 * Whoever looks something up compares what he finds: several may have one hash.
 */
#ifndef CPROM_LIB_BASE_INDEX_H
#define CPROM_LIB_BASE_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct cprom__index_node {
    uint64_t hash;
    struct cprom__index_node *below[4];
    struct cprom__index_node *newer, *older; /* of the same hash; the newest stands in the tree */
};

struct cprom__index {
    struct cprom__index_node *top; /* NULL: it is empty */
};

/* The newest of this hash, behind which others are as `older`; NULL: none. */
struct cprom__index_node *cprom__index_find(const struct cprom__index *index, uint64_t hash);
void cprom__index_add(struct cprom__index *index, struct cprom__index_node *node, uint64_t hash);
void cprom__index_remove(struct cprom__index *index, struct cprom__index_node *node);

/* What a node is a part of. */
#define CPROM__INDEXED(node, type, member) ((type *)(void *)((char *)(node)-offsetof(type, member)))

#endif
