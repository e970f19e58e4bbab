/*
 * The order: all series of a vector, sorted as the page wants them, and the way there.
 *
 *   intake   lock-free stack: creation pushes here
 *   young    chunks in no order
 *   sorted   chunks in order, each sorted: an array of pointers to them
 *
 * Everything but the push needs the registry's order lock. Gathers take it and wait for it; all others only try it,
 * so that no writer ever waits for a sort. Series that are seen dead on the way drop out and are retired.
 *
 * What the order of series is: sort.h.
 *
 * Model: tests/models/intake.pml.
 */
#ifndef CPROM_LIB_STORE_ORDER_H
#define CPROM_LIB_STORE_ORDER_H

#include "store/retire.h"

struct cprom_series;

#define CPROM__ORDER_CHUNK 254u
#define CPROM__ORDER_SPARSE (CPROM__ORDER_CHUNK / 4) /* series of a chunk that is worth joining with its neighbour */

struct cprom__order_chunk {
    struct cprom__order_chunk *next; /* of the young */
    uint32_t n;
    uint32_t indexes[CPROM__ORDER_CHUNK];
};

struct cprom__order {
    _Atomic uint32_t intake;                       /* first series, linked by `next` */
    uint32_t pending;                              /* taken off the intake, not yet in a chunk */
    struct cprom__order_chunk *young, *young_last; /* the first is the one that is filled */
    struct cprom__order_chunk **sorted;            /* none of them empty, between calls */
    size_t n_sorted, sorted_room;
    size_t n_young_series, n_sorted_series;
    size_t step_at; /* the sorted chunk that cprom__order_step() looks at next */
};

/* Puts a new series on the intake. Lock-free. */
void cprom__order_push(struct cprom__order *order, struct cprom_series *series, uint32_t index);

/* Moves what is on the intake into chunks; false: out of memory, what is left stays pending. */
bool cprom__order_drain(struct cprom__order *order, struct cprom__reclaimer *reclaimer, struct cprom__chain *dead,
                        uint64_t death);
/* Sorts what is young into the sorted. false: out of memory, nothing changed. */
bool cprom__order_sort(struct cprom__order *order, struct cprom__reclaimer *reclaimer);
/* A bounded share of the work that takes dead series out, for when nobody scrapes. */
void cprom__order_step(struct cprom__order *order, struct cprom__reclaimer *reclaimer, struct cprom__chain *dead);
/* Removes the chunks that the caller has emptied, and joins those that it has left nearly so. */
void cprom__order_prune(struct cprom__order *order, struct cprom__reclaimer *reclaimer);
/* Frees the chunks and abandons every series; all of them are dead, and no page shows them. */
void cprom__order_free(struct cprom__order *order, struct cprom__reclaimer *reclaimer);

/* Takes the intake into the pending list and returns its first index; the rest hangs on `next`. */
uint32_t cprom__order_take(struct cprom__order *order, struct cprom__slab *slab);

#endif
