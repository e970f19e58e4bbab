#include "table.h"

#include "hash.h"

#include <stdlib.h>
#include <string.h>

static uint32_t hash_key(const void *key, size_t len) { return (uint32_t)hash_bytes(0, key, len); }

static bool grow(struct table *table)
{
    size_t n = table->n_buckets ? table->n_buckets * 2 : 16;
    struct node **buckets = calloc(n, sizeof *buckets);
    if (!buckets) return false;
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (struct node *node = table->buckets[i], *next; node; node = next) {
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

struct node *table_find(const struct table *table, const void *key, size_t len)
{
    if (table->n == 0) return NULL;
    uint32_t hash = hash_key(key, len);
    for (struct node *node = table->buckets[hash & (table->n_buckets - 1)]; node; node = node->next) {
        if (node->hash == hash && node->len == len && memcmp(node->key, key, len) == 0) return node;
    }
    return NULL;
}

bool table_add(struct table *table, struct node *node, const void *key, size_t len)
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
    struct node **bucket = &table->buckets[node->hash & (table->n_buckets - 1)];
    node->next = *bucket;
    *bucket = node;
    table->n++;
    return true;
}

void table_filter(struct table *table, bool (*keep)(struct node *node, void *ctx), void (*drop)(struct node *node),
                  void *ctx)
{
    for (size_t i = 0; i < table->n_buckets; i++) {
        for (struct node **at = &table->buckets[i]; *at;) {
            struct node *node = *at;
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

void table_free(struct table *table, void (*drop)(struct node *node))
{
    table_filter(table, NULL, drop, NULL);
    free(table->buckets);
    *table = (struct table){0};
}

struct node *table_next(const struct table *table, const struct node *node)
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
