#ifndef PX_TABLE_H
#define PX_TABLE_H

/*
 * A hash table of nodes that begin other structs. The keys are bytes. All zeros is an empty table.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct px_node {
    struct px_node *next; /* in the same bucket */
    uint32_t hash;
    uint32_t len;
    char *key; /* the table's own, with a NUL behind */
} px_node;

typedef struct px_table {
    px_node **buckets;
    size_t n_buckets; /* a power of 2, or 0 */
    size_t n;
} px_table;

px_node *px_table_find(const px_table *table, const void *key, size_t len);
/* Puts a node in under a key that is not there yet, which is copied. false: no memory, nothing changed. */
bool px_table_add(px_table *table, px_node *node, const void *key, size_t len);
/* Each node for which `keep` says no goes to `drop`, which frees it; its key is freed behind that. */
void px_table_filter(px_table *table, bool (*keep)(px_node *node, void *ctx), void (*drop)(px_node *node), void *ctx);
/* Drops all. */
void px_table_free(px_table *table, void (*drop)(px_node *node));

/* All nodes, in no order: the first for NULL, then the one behind `node`; NULL at the end. Not while it changes. */
px_node *px_table_next(const px_table *table, const px_node *node);

#endif
