/*
 * Values as they were. A gather copies in portions, and lets in between who waits at the gate. What a commit then writes
 * to a series that is not copied yet is kept here first, as it was: the page is from before that commit. So is whether the
 * series was idle, since the commit touches it as well.
 */
#ifndef CPROM_LIB_STORE_KEEP_H
#define CPROM_LIB_STORE_KEEP_H

#include "store/upkeep.h"

/* A series that a commit has written to since. */
struct cprom__keep_place {
    const struct cprom_series *series; /* NULL: a free place */
    uint64_t *words;                   /* what the kind's read() gave; NULL: the page does not show it */
};

/*
 * Of one vector that a gather is copying. Changed in the gate; there by several threads, under the map's lock: those that
 * finish the turnover of the vector.
 */
struct cprom__keep {
    struct cprom_vec *vec;
    const struct cprom__view_of *view; /* by what the page decides */
    size_t n;                          /* series */
    size_t places_room;                /* a power of two, more than twice the series; 0: none yet */
    struct cprom__keep_place *places;  /* by the hash of the series */
    struct cprom__arena memory;        /* for what the kind's read() gives, of each */
    uint64_t *words;                   /* room for that of the next, */
    size_t room;                       /* so many */
};

/* In the gate: from now on what commits write over in the vector is kept. */
void cprom__keep_begin(struct cprom__keep *keep, struct cprom_vec *vec, const struct cprom__view_of *view);
/* In the gate: all is copied. Nothing if it has not begun. */
void cprom__keep_end(struct cprom__keep *keep);

/* In the gate: room for what is to come. false: out of memory. */
bool cprom__keep_reserve(struct cprom__keep *keep, size_t n);

/*
 * Under the map's lock, before a commit touches the series and writes to it: its value and whether the page shows it,
 * unless they are kept already.
 */
void cprom__keep_value(struct cprom__keep *keep, const struct cprom_series *series);

/* What was kept; NULL: nothing, no commit has written to the series since. */
const struct cprom__keep_place *cprom__keep_find(const struct cprom__keep *keep, const struct cprom_series *series);

#endif
