/*
 * The page's order of series, and sorting by it.
 */
#ifndef CPROM_LIB_STORE_SORT_H
#define CPROM_LIB_STORE_SORT_H

#include <stddef.h>
#include <stdint.h>

struct cprom__desc;
struct cprom_series;

/* A series of a page, as far as its order goes: its family and its label text. */
struct cprom__order_text {
    const struct cprom__desc *desc;
    const char *text;
    size_t len;
};

/*
 * The order, as client_golang has it: fewer labels first, which only matters where descriptors or const labels of one
 * family differ; then by values, unescaped and bytewise, in the order of their names. Names decide between what is
 * left, so that the order is one. The state of a stateset's line is none of the labels here: the lines of a series stay
 * together.
 */
int cprom__order_compare(const struct cprom__order_text *a, const struct cprom__order_text *b);

/*
 * The same for two series of one vector, by keys: eight bytes of the texts at a time, in which a quote is 0, and an
 * escape is what it means and then 1. It is the same order: two texts of a vector have the same names, so that they are
 * alike up to the first value that differs, and there up to the first byte that does, which keys and values thus see in
 * the same place. A value that ends there has its quote there, and 0 is before all bytes that values have.
 */
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
