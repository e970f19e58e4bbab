/* The index by hash. */
#include "base/index.h"

#include <string.h>

#define INDEX_BITS 2u

/* What points at the node of this hash, or would. Different hashes differ in some bits: it ends before they do. */
static struct cprom__index_node **index_link(struct cprom__index *index, uint64_t hash)
{
    struct cprom__index_node **link = &index->top;
    for (uint64_t bits = hash; *link && (*link)->hash != hash; bits <<= INDEX_BITS) {
        link = &(*link)->below[bits >> (64 - INDEX_BITS)];
    }
    return link;
}

struct cprom__index_node *cprom__index_find(const struct cprom__index *index, uint64_t hash)
{
    struct cprom__index_node *node = index->top;
    for (uint64_t bits = hash; node && node->hash != hash; bits <<= INDEX_BITS) {
        node = node->below[bits >> (64 - INDEX_BITS)];
    }
    return node;
}

void cprom__index_add(struct cprom__index *index, struct cprom__index_node *node, uint64_t hash)
{
    struct cprom__index_node **link = index_link(index, hash), *there = *link;
    *node = (struct cprom__index_node){.older = there, .hash = hash};
    if (there) {
        memcpy(node->below, there->below, sizeof node->below);
        there->newer = node;
    }
    *link = node;
}

/* Takes out some node below that has none below itself; NULL: there is none. */
static struct cprom__index_node *index_take_leaf(struct cprom__index_node *node)
{
    struct cprom__index_node **leaf = NULL;
    for (size_t i = 0; i < sizeof node->below / sizeof *node->below;) {
        if (!node->below[i]) {
            i++;
            continue;
        }
        leaf = &node->below[i];
        node = *leaf;
        i = 0;
    }
    if (!leaf) return NULL;
    *leaf = NULL;
    return node;
}

void cprom__index_remove(struct cprom__index *index, struct cprom__index_node *node)
{
    if (node->older) node->older->newer = node->newer;
    if (node->newer) {
        node->newer->older = node->older;
        return;
    }
    struct cprom__index_node **link = index_link(index, node->hash), *heir = node->older;
    /* The hash of whatever is below begins with the bits that lead here. */
    if (!heir) heir = index_take_leaf(node);
    if (heir) memcpy(heir->below, node->below, sizeof heir->below);
    *link = heir;
}
