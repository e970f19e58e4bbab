/*
 * Threads as the library sees them: a slot per thread, and read sections.
 *
 * The first CPROM__THREADS threads that enter the library have a slot each, given back when the thread ends; a later
 * one takes it over. A slot names the stripe whose cells its thread may write with plain stores (cell.h), and says
 * whether the thread is in a read section. Threads without a slot do without both: they add atomically, and take the
 * map's lock to look up. This table is the only state of the library that no registry owns.
 *
 * Read sections are epoch-based reclamation (Fraser, "Practical lock-freedom", 2004): what was unlinked in epoch e
 * may be reused in epoch e + 2, because the epoch advances only when every thread in a read section has seen it.
 *
 * Models: tests/models/epoch.pml (read sections), stripe.pml (slots that pass on).
 */
#ifndef CPROM_LIB_BASE_THREAD_H
#define CPROM_LIB_BASE_THREAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hints.h"

#define CPROM__THREADS 64u

struct cprom__thread {
    _Alignas(64) _Atomic uint64_t reading; /* 0, or the epoch in which the read section began; written by the owner */
    _Atomic bool taken;
};

extern struct cprom__thread cprom__threads[CPROM__THREADS];
extern _Atomic unsigned cprom__threads_used; /* slots that were ever taken: 0 to this - 1; grows only */
extern _Atomic uint64_t cprom__read_epoch;   /* begins at 2, so that 0 stays free */
extern _Thread_local unsigned cprom__thread_known CPROM__TLS;     /* slot + 1; 0: not asked for yet */
extern _Thread_local unsigned cprom__thread_callbacks CPROM__TLS; /* depth of collector callbacks on this thread */

unsigned cprom__thread_claim(void);

/* The calling thread's slot; CPROM__THREADS if it has none. */
static inline unsigned cprom__thread_slot(void)
{
    unsigned known = cprom__thread_known;
    return (CPROM__LIKELY(known) ? known : cprom__thread_claim()) - 1;
}

/*
 * Enters a read section; false: this thread has no slot and must lock instead. Sections do not nest.
 *
 * seq_cst, paired with the loads of `reading` in cprom__read_epoch_advance(), with the loads of links in map.h and
 * the stores that unlink there: either the unlinker sees this section, or this section sees the unlinking.
 */
static inline bool cprom__read_enter(void)
{
    unsigned slot = cprom__thread_slot();
    if (CPROM__UNLIKELY(slot >= CPROM__THREADS)) return false;
    /* seq_cst: an acquire would let a look-up use a destroyed series under RC11 and IMM; x86 has the same load. */
    uint64_t epoch = atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
    atomic_exchange_explicit(&cprom__threads[slot].reading, epoch, memory_order_seq_cst);
    return true;
}

/* release: what was read comes before any reuse; pairs with the load in cprom__read_epoch_advance(). */
static inline void cprom__read_leave(void)
{
    atomic_store_explicit(&cprom__threads[cprom__thread_known - 1].reading, 0, memory_order_release);
}

/*
 * The current epoch, to tag what was just unlinked. seq_cst: after the unlinking; pairs with the exchange in
 * cprom__read_epoch_advance().
 */
static inline uint64_t cprom__read_epoch_now(void)
{
    return atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
}

/* Advances the epoch if every read section allows it; returns the current one. */
uint64_t cprom__read_epoch_advance(void);

#endif
