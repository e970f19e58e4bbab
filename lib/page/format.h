/*
 * A format: how a snapshot becomes bytes. A page has one, a cursor, and the buffer of whoever reads.
 */
#ifndef CPROM_LIB_PAGE_FORMAT_H
#define CPROM_LIB_PAGE_FORMAT_H

#include "page/snapshot.h"

/* Where a page is; a format uses of it what it needs. All zero is the beginning. */
struct cprom__cursor {
    size_t group;
    size_t row;     /* 0: what stands before the rows or samples; then these, from 1 */
    size_t line;    /* of that row, where it has several */
    uint64_t total; /* the format's own */
    size_t done;    /* bytes of the unit at the cursor that were read already */
};

/*
 * Fills `buf` with what comes next and moves the cursor; returns how many bytes, 0 at the end (or for cap 0). Allocates
 * nothing, and gives the same bytes whatever the sizes of the buffers are. `created`: with when series began, where the
 * format can say so.
 */
typedef size_t cprom__format(const struct cprom__snapshot *snapshot, bool created, struct cprom__cursor *cursor,
                             char *buf, size_t cap);

#endif
