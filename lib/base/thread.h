/*
 * Threads as the library sees them: a slot for read sections, and a stripe.
 *
 * A thread takes a slot when it first enters a read section. Slots stand in chunks; the first chunk is there, and one
 * is added when all slots are taken. A thread takes a stripe, if one is free, when it first needs one: there it may
 * write cells with plain stores (cell.h). The system takes both back when the thread ends, and they pass on as they are. A
 * thread without a slot, for want of memory, takes the map's lock to look up; one without a stripe adds atomically. This
 * is the only state of the library that no registry owns.
 *
 * Read sections are epoch-based reclamation (Fraser, "Practical lock-freedom", 2004): what was unlinked in epoch e
 * may be reused in epoch e + 2, because the epoch advances only when every thread in a read section has seen it.
 *
 * Models: tests/models/epoch.pml (read sections), stripe.pml (stripes that pass on).
 */
#ifndef CPROM_LIB_BASE_THREAD_H
#define CPROM_LIB_BASE_THREAD_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hints.h"

/*
 * So many at most: those that threads own, and the shared one. Of the former there is one for each processor, and no less
 * than 8. With 1, for small targets, no cell is striped: all threads add atomically to the 8 bytes in the series.
 */
#ifndef CPROM_STRIPES
#define CPROM_STRIPES 65u
#endif

#define CPROM__SLOTS 64u /* of a chunk */

/* How the rows of stripes stand, see cell.h: how far apart, and of how many, owned ones, they are always there. */
#define CPROM__STRIDE_CELLS 64u
#define CPROM__NEAR_STRIPES (CPROM_STRIPES <= 8 ? CPROM_STRIPES - 1u : 8u)

struct cprom__slot {
    _Alignas(64) _Atomic uint64_t reading; /* 0, or the epoch in which the read section began; written by the owner */
    pthread_mutex_t owner;                 /* held by the thread whose it is */
};

struct cprom__slots {
    struct cprom__slot at[CPROM__SLOTS];
    _Atomic(struct cprom__slots *) next; /* written once, release; the chunks stay until the library is unloaded */
};

/* What threads take; made when the first one needs it, and not in the library's own memory: see thread.c. */
struct cprom__threads {
    struct cprom__slots slots;              /* the first chunk */
    unsigned stripes_owned;                 /* by threads, at most */
    pthread_mutex_t stripes[CPROM_STRIPES]; /* held by their owners; the last one is shared */
};

/* NULL: there is no memory for it, or the library is unloaded. */
struct cprom__threads *cprom__threads(void);

extern _Atomic unsigned cprom__slots_used;   /* slots that were ever taken, from the first; grows only */
extern _Atomic unsigned cprom__stripes_used; /* of those, that were ever taken, from the first; grows only */
extern _Atomic uint64_t cprom__read_epoch;   /* begins at 2, so that 0 stays free */
extern _Thread_local struct cprom__slot *cprom__thread_slot_known CPROM__TLS; /* NULL: none yet, or none at all */
extern _Thread_local bool cprom__thread_does_without CPROM__TLS;              /* it takes no slot and no stripe */
extern _Thread_local unsigned cprom__thread_stripe_known CPROM__TLS;          /* stripe + 1; 0: not asked for yet */
extern _Thread_local unsigned cprom__thread_near CPROM__TLS; /* where its row begins, in cells; 0: it may have none */
extern _Thread_local unsigned cprom__thread_callbacks CPROM__TLS; /* depth of collector callbacks on this thread */

struct cprom__slot *cprom__slot_claim(void);
unsigned cprom__stripe_claim(void);

/* The calling thread's slot; NULL: it does without. */
static inline struct cprom__slot *cprom__thread_slot(void)
{
    struct cprom__slot *slot = cprom__thread_slot_known;
    return CPROM__LIKELY(slot) ? slot : cprom__slot_claim();
}

/* The stripe that the calling thread owns; CPROM_STRIPES - 1: none. */
static inline unsigned cprom__thread_stripe(void)
{
    unsigned known = cprom__thread_stripe_known;
    return (CPROM__LIKELY(known) ? known : cprom__stripe_claim()) - 1;
}

/*
 * Enters a read section; false: this thread has no slot and must lock instead. Sections do not nest.
 *
 * seq_cst, paired with the loads of `reading` in cprom__read_epoch_advance(), with the loads of links in map.h and
 * the stores that unlink there: either the unlinker sees this section, or this section sees the unlinking.
 */
static inline bool cprom__read_enter(void)
{
    struct cprom__slot *slot = cprom__thread_slot();
    if (CPROM__UNLIKELY(!slot)) return false;
    /* seq_cst: an acquire would let a look-up use a destroyed series under RC11 and IMM; x86 has the same load. */
    uint64_t epoch = atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
    atomic_exchange_explicit(&slot->reading, epoch, memory_order_seq_cst);
    return true;
}

/* release: what was read comes before any reuse; pairs with the load in cprom__read_epoch_advance(). */
static inline void cprom__read_leave(void)
{
    atomic_store_explicit(&cprom__thread_slot_known->reading, 0, memory_order_release);
}

/*
 * The current epoch, to tag what was just unlinked. seq_cst: after the unlinking; pairs with the exchange in
 * cprom__read_epoch_advance().
 */
static inline uint64_t cprom__read_epoch_now(void)
{
    return atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
}

/* A registry comes, or goes for good: while there is one, threads may use the above. */
void cprom__threads_enter(void);
void cprom__threads_leave(void);

/* Advances the epoch if every read section allows it; returns the current one. */
uint64_t cprom__read_epoch_advance(void);

#endif
