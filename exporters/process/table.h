#ifndef EXPORTERS_PROCESS_TABLE_H
#define EXPORTERS_PROCESS_TABLE_H

/*
 * A hash table of nodes that begin other structs. The keys are bytes. All zeros is an empty table.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct node {
    struct node *next; /* in the same bucket */
    uint32_t hash;
    uint32_t len;
    char *key; /* the table's own, with a NUL behind */
};

struct table {
    struct node **buckets;
    size_t n_buckets; /* a power of 2, or 0 */
    size_t n;
};

struct node *table_find(const struct table *table, const void *key, size_t len);
/* Puts a node in under a key that is not there yet, which is copied. false: no memory, nothing changed. */
bool table_add(struct table *table, struct node *node, const void *key, size_t len);
/* Each node for which `keep` says no goes to `drop`, which frees it; its key is freed behind that. */
void table_filter(struct table *table, bool (*keep)(struct node *node, void *ctx), void (*drop)(struct node *node),
                  void *ctx);
/* Drops all. */
void table_free(struct table *table, void (*drop)(struct node *node));

/* All nodes, in no order: the first for NULL, then the one behind `node`; NULL at the end. Not while it changes. */
struct node *table_next(const struct table *table, const struct node *node);

#endif
