#include "table.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_key(const void *key, size_t len) { return (uint32_t)hash_bytes(0, key, len); }

static bool grow(px_table *table)
{
    size_t n = table->n_buckets ? table->n_buckets * 2 : 16;
    px_node **buckets = calloc(n, sizeof *buckets);
    if (!buckets) return false;
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (px_node *node = table->buckets[i], *next; node; node = next) {
            next = node->next;
            node->next = buckets[node->hash & (n - 1)];
            buckets[node->hash & (n - 1)] = node;
        }
    }
    free(table->buckets);
    table->buckets = buckets;
    table->n_buckets = n;
    return true;
}

px_node *px_table_find(const px_table *table, const void *key, size_t len)
{
    if (table->n == 0) return NULL;
    uint32_t hash = hash_key(key, len);
    for (px_node *node = table->buckets[hash & (table->n_buckets - 1)]; node; node = node->next) {
        if (node->hash == hash && node->len == len && memcmp(node->key, key, len) == 0) return node;
    }
    return NULL;
}

bool px_table_add(px_table *table, px_node *node, const void *key, size_t len)
{
    /* A table that is full goes on with longer chains, if it must. */
    if (table->n >= table->n_buckets && !grow(table) && table->n_buckets == 0) return false;
    char *copy = malloc(len + 1);
    if (!copy) return false;
    memcpy(copy, key, len);
    copy[len] = '\0';
    node->key = copy;
    node->len = (uint32_t)len;
    node->hash = hash_key(key, len);
    px_node **bucket = &table->buckets[node->hash & (table->n_buckets - 1)];
    node->next = *bucket;
    *bucket = node;
    table->n++;
    return true;
}

void px_table_filter(px_table *table, bool (*keep)(px_node *node, void *ctx), void (*drop)(px_node *node), void *ctx)
{
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (px_node **at = &table->buckets[i]; *at;) {
            px_node *node = *at;
            if (keep && keep(node, ctx)) {
                at = &node->next;
                continue;
            }
            char *key = node->key;
            *at = node->next;
            table->n--;
            drop(node);
            free(key);
        }
    }
}

void px_table_free(px_table *table, void (*drop)(px_node *node))
{
    px_table_filter(table, NULL, drop, NULL);
    free(table->buckets);
    *table = (px_table){0};
}

px_node *px_table_next(const px_table *table, const px_node *node)
{
    size_t i = 0;
    if (node) {
        if (node->next) return node->next;
        i = (node->hash & (table->n_buckets - 1)) + 1;
    }
    for (; i < table->n_buckets; i++) {
        if (table->buckets[i]) return table->buckets[i];
    }
    return NULL;
}
