/*
 * The page's order of series, and sorting by it.
 *
 * Order of series: by unescaped label values, bytewise, in the order of the sorted label names. Within one
 * vector that is the order of the texts, once a closing quote sorts before every byte and an escape as what it means.
 */
#ifndef CPROM_LIB_STORE_SORT_H
#define CPROM_LIB_STORE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct cprom_series;

/* Compares two series of one vector. */
int cprom__series_compare(const struct cprom_series *a, const struct cprom_series *b);

/* Sorts series of one vector. */
struct cprom__order_item {
    uint64_t key; /* eight bytes of the text from the depth at hand, as a number that sorts like them */
    const struct cprom_series *series;
    uint32_t tag; /* the caller's */
};
struct cprom__order_item cprom__order_item(const struct cprom_series *series, uint32_t tag);
void cprom__order_sort_items(struct cprom__order_item *items, size_t n);

#endif
