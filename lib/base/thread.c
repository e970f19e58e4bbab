/* What a thread has of its own: a slot for read sections, and a stripe. */
#define _GNU_SOURCE /* sched_getaffinity, and what belongs to POSIX */

#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

_Atomic unsigned cprom__slots_used;
_Atomic unsigned cprom__stripes_used;
_Atomic uint64_t cprom__read_epoch = 2;
_Thread_local struct cprom__slot *cprom__thread_slot_known CPROM__TLS;
_Thread_local bool cprom__thread_does_without CPROM__TLS;
_Thread_local unsigned cprom__thread_stripe_known CPROM__TLS;
_Thread_local unsigned cprom__thread_near CPROM__TLS;
_Thread_local unsigned cprom__thread_callbacks CPROM__TLS;

#define THREAD_STRIPES_MIN 8u

static struct cprom__threads *_Atomic thread_all; /* NULL: no thread has taken anything yet */
static _Atomic size_t thread_users;               /* registries, twice; odd: the library is unloaded */

/*
 * ---- what passes on ----
 *
 * What a thread owns is a robust mutex that it holds: the system gives it back when the thread ends, however late that
 * took it, and without running anything of the library, which may be gone by then. That mutex stands in a list of the
 * thread's, so its memory is not the library's own, and stays as long as the thread holds it.
 */

static bool thread_make_owner(pthread_mutex_t *owner)
{
    pthread_mutexattr_t robust;
    if (pthread_mutexattr_init(&robust) != 0) return false;
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    /* Where the system has none that are robust, those that are taken stay taken. */
    bool made = pthread_mutex_init(owner, &robust) == 0 || pthread_mutex_init(owner, NULL) == 0;
    pthread_mutexattr_destroy(&robust);
    return made;
}

static bool thread_make_slots(struct cprom__slots *slots)
{
    bool made = true;
    for (unsigned i = 0; i < CPROM__SLOTS; i++) {
        atomic_init(&slots->at[i].reading, 0);
        made = thread_make_owner(&slots->at[i].owner) && made;
    }
    atomic_init(&slots->next, NULL);
    return made;
}

/* Takes what nobody has: what its last owner did comes before. */
static bool thread_take(pthread_mutex_t *owner)
{
    int error = pthread_mutex_trylock(owner);
    return !error || (error == EOWNERDEAD && pthread_mutex_consistent(owner) == 0);
}

/* Those that the program may run on: the main thread's, since a program may give each thread a processor of its own. */
static unsigned thread_processors(void)
{
#if defined(__linux__)
    cpu_set_t set;
    return sched_getaffinity(getpid(), sizeof set, &set) == 0 ? (unsigned)CPU_COUNT(&set)
                                                              : CPROM_STRIPES; /* very many */
#else
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online > 0 ? (unsigned)online : 1;
#endif
}

static bool thread_make(struct cprom__threads *made)
{
    unsigned wanted = thread_processors();
    if (wanted < THREAD_STRIPES_MIN) wanted = THREAD_STRIPES_MIN;
    made->stripes_owned = wanted < CPROM_STRIPES ? wanted : CPROM_STRIPES - 1;
    bool may_own = thread_make_slots(&made->slots);
    for (unsigned i = 0; i < CPROM_STRIPES; i++) may_own = thread_make_owner(&made->stripes[i]) && may_own;
    return may_own;
}

struct cprom__threads *cprom__threads(void)
{
    /* relaxed: who uses a registry comes after its cprom__threads_enter(). */
    if (atomic_load_explicit(&thread_users, memory_order_relaxed) & 1) return NULL;
    /* acquire: pairs with the release below. */
    struct cprom__threads *there = atomic_load_explicit(&thread_all, memory_order_acquire);
    if (there) return there;
    struct cprom__threads *made = aligned_alloc(_Alignof(struct cprom__threads), sizeof *made);
    if (!made) return NULL;
    /* release: what is in it comes first; acquire: so does what is in another thread's. */
    if (thread_make(made) && atomic_compare_exchange_strong_explicit(&thread_all, &there, made, memory_order_acq_rel,
                                                                     memory_order_acquire)) {
        return made;
    }
    free(made);
    return there;
}

static void thread_count_used(_Atomic unsigned *used, unsigned n)
{
    unsigned before = atomic_load_explicit(used, memory_order_seq_cst);
    while (before < n &&
           !atomic_compare_exchange_weak_explicit(used, &before, n, memory_order_seq_cst, memory_order_seq_cst)) {
    }
}

/* ---- stripes ---- */

CPROM__NOINLINE unsigned cprom__stripe_claim(void)
{
    struct cprom__threads *all = cprom__threads();
    unsigned i = 0;
    while (all && i < all->stripes_owned && !thread_take(&all->stripes[i])) i++;
    if (!all || i == all->stripes_owned) return cprom__thread_stripe_known = CPROM_STRIPES;
    /* Before its first cell is written: who sees that, in whatever way, sees this. */
    thread_count_used(&cprom__stripes_used, i + 1);
    unsigned near = CPROM__NEAR_STRIPES; /* a variable, since compilers warn of comparisons with a constant 0 */
    if (i < near) cprom__thread_near = (i + 1) * CPROM__STRIDE_CELLS;
    return cprom__thread_stripe_known = i + 1;
}

/* ---- slots and read sections ---- */

/* The next chunk, which is added if there is none. NULL: out of memory. */
static struct cprom__slots *thread_next_slots(struct cprom__slots *slots)
{
    /* acquire: pairs with the release below. */
    struct cprom__slots *next = atomic_load_explicit(&slots->next, memory_order_acquire);
    if (next) return next;
    struct cprom__slots *added = aligned_alloc(_Alignof(struct cprom__slots), sizeof *added);
    if (added && !thread_make_slots(added)) {
        free(added);
        added = NULL;
    }
    /* release: what is in it comes first; acquire: so does what is in another thread's. */
    if (!added || atomic_compare_exchange_strong_explicit(&slots->next, &next, added, memory_order_acq_rel,
                                                          memory_order_acquire)) {
        return added;
    }
    free(added);
    return next;
}

CPROM__NOINLINE struct cprom__slot *cprom__slot_claim(void)
{
    struct cprom__threads *all = cprom__thread_does_without ? NULL : cprom__threads();
    struct cprom__slots *slots = all ? &all->slots : NULL;
    for (unsigned number = 1; slots; slots = thread_next_slots(slots)) {
        for (unsigned i = 0; i < CPROM__SLOTS; i++, number++) {
            if (!thread_take(&slots->at[i].owner)) continue;
            /* seq_cst, before the first read section: pairs with cprom__read_epoch_advance(), which looks so far. */
            thread_count_used(&cprom__slots_used, number);
            return cprom__thread_slot_known = &slots->at[i];
        }
    }
    cprom__thread_does_without = true;
    return NULL;
}

uint64_t cprom__read_epoch_advance(void)
{
    /*
     * seq_cst, both, in this order: pairs with cprom__slot_claim(). A slot that is not counted was claimed later, so that
     * its sections are of this epoch or a later one. One that is counted stands in a chunk that is linked, the first in
     * what is published.
     */
    uint64_t epoch = atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
    unsigned left = atomic_load_explicit(&cprom__slots_used, memory_order_seq_cst);
    struct cprom__threads *all = left ? cprom__threads() : NULL;
    for (struct cprom__slots *slots = all ? &all->slots : NULL; slots && left;
         /* acquire: pairs with the release in thread_next_slots(). */
         slots = atomic_load_explicit(&slots->next, memory_order_acquire)) {
        for (unsigned i = 0; i < CPROM__SLOTS && left; i++, left--) {
            /* seq_cst: see cprom__read_enter(); as an acquire it pairs with cprom__read_leave(). */
            uint64_t reading = atomic_load_explicit(&slots->at[i].reading, memory_order_seq_cst);
            if (reading && reading != epoch) return epoch;
        }
    }
    /* seq_cst: pairs with the loads in cprom__read_enter() and cprom__read_epoch_now(). */
    if (atomic_compare_exchange_strong_explicit(&cprom__read_epoch, &epoch, epoch + 1, memory_order_seq_cst,
                                                memory_order_seq_cst)) {
        return epoch + 1;
    }
    return epoch;
}

/* ---- unloading ---- */

void cprom__threads_enter(void)
{
    /* relaxed: whoever uses the registry got it from who made it. */
    atomic_fetch_add_explicit(&thread_users, 2, memory_order_relaxed);
}

void cprom__threads_leave(void)
{
    /* release: all that was done comes first; pairs with the acquire in thread_unload(). */
    atomic_fetch_sub_explicit(&thread_users, 2, memory_order_release);
}

/* Nobody takes it any more. */
static bool thread_nobody_has(pthread_mutex_t *owner) { return thread_take(owner) && pthread_mutex_unlock(owner) == 0; }

static bool thread_nobody_has_slots(struct cprom__slots *slots)
{
    unsigned i = 0;
    while (i < CPROM__SLOTS && thread_nobody_has(&slots->at[i].owner)) i++;
    return i == CPROM__SLOTS;
}

static bool thread_nobody_has_stripes(struct cprom__threads *all)
{
    unsigned i = 0;
    while (i < CPROM_STRIPES && thread_nobody_has(&all->stripes[i])) i++;
    return i == CPROM_STRIPES;
}

static void thread_give_back(struct cprom__threads *all)
{
    struct cprom__slot *slot = cprom__thread_slot_known;
    unsigned known = cprom__thread_stripe_known;
    cprom__thread_does_without = true;
    cprom__thread_slot_known = NULL;
    cprom__thread_stripe_known = CPROM_STRIPES;
    cprom__thread_near = 0;
    if (slot) pthread_mutex_unlock(&slot->owner);
    if (known && known < CPROM_STRIPES) pthread_mutex_unlock(&all->stripes[known - 1]);
}

/*
 * A plugin that the library is in is closed, or the program ends, perhaps while other threads go on: nothing happens where
 * there is a registry, and where one comes later, it does without slots and stripes. What a living thread holds is left to
 * it, with the chunk that it is in.
 */
CPROM__AT_UNLOAD static void thread_unload(void)
{
    size_t none = 0;
    /* acquire: pairs with the release in cprom__threads_leave(). */
    if (!atomic_compare_exchange_strong_explicit(&thread_users, &none, 1, memory_order_acquire, memory_order_relaxed))
        return;
    struct cprom__threads *all = atomic_load_explicit(&thread_all, memory_order_acquire);
    if (!all) return;
    thread_give_back(all);
    struct cprom__slots *slots = atomic_load_explicit(&all->slots.next, memory_order_relaxed);
    while (slots) {
        struct cprom__slots *next = atomic_load_explicit(&slots->next, memory_order_relaxed);
        if (thread_nobody_has_slots(slots)) free(slots);
        slots = next;
    }
    if (thread_nobody_has_slots(&all->slots) && thread_nobody_has_stripes(all)) free(all);
}
