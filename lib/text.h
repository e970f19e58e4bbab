/*
 * The text format 0.0.4: one line of a snapshot at a time, into memory of any size.
 */
#ifndef CPROM_LIB_TEXT_H
#define CPROM_LIB_TEXT_H

#include "gather.h"

/* Where a page is. A unit is the header of a family, or one line. */
struct cprom__cursor {
    size_t group;
    size_t row;    /* 0: the header; then rows or samples, from 1 */
    size_t line;   /* of that row: a histogram and a summary have several */
    uint64_t total; /* histogram rows: the count up to the bucket before */
    size_t done;   /* bytes of the unit that were read already */
};

/* Fills `buf` with what comes next; returns how many bytes, 0 at the end. */
size_t cprom__text_read(const struct cprom__snapshot *snapshot, struct cprom__cursor *cursor, char *buf, size_t cap);

#endif
