/* What a thread has of its own: a slot for read sections, and a stripe. */
#define _GNU_SOURCE /* sched_getaffinity, and what belongs to POSIX */

#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

struct cprom__slots cprom__slots;
_Atomic unsigned cprom__slots_used;
unsigned cprom__stripes_owned;
_Atomic unsigned cprom__stripes_used;
_Atomic uint64_t cprom__read_epoch = 2;
_Thread_local struct cprom__slot *cprom__thread_slot_known CPROM__TLS;
_Thread_local bool cprom__thread_does_without CPROM__TLS;
_Thread_local unsigned cprom__thread_stripe_known CPROM__TLS;
_Thread_local unsigned cprom__thread_near CPROM__TLS;
_Thread_local unsigned cprom__thread_callbacks CPROM__TLS;

#define THREAD_STRIPES_MIN 8u

static pthread_mutex_t thread_stripes[CPROM_STRIPES]; /* held by their owners; the last one is shared */
static pthread_once_t thread_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static bool thread_may_own;

/*
 * ---- what passes on ----
 *
 * What a thread owns is a mutex that it holds, and gives back in the destructor of a key. Where the thread takes it so
 * late in its end that no such destructor runs any more, the system gives it back, since the mutex is robust.
 */

static bool thread_make_owner(pthread_mutex_t *owner)
{
    pthread_mutexattr_t robust;
    if (pthread_mutexattr_init(&robust) != 0) return false;
    pthread_mutexattr_setrobust(&robust, PTHREAD_MUTEX_ROBUST);
    /* Where the system has none that are robust, those that are taken so late stay taken. */
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

static void thread_ends(void *arg)
{
    struct cprom__slot *slot = cprom__thread_slot_known;
    unsigned known = cprom__thread_stripe_known;
    (void)arg;
    /* Destructors that run later may still use the library. */
    cprom__thread_does_without = true;
    cprom__thread_slot_known = NULL;
    cprom__thread_stripe_known = CPROM_STRIPES;
    cprom__thread_near = 0;
    if (slot) pthread_mutex_unlock(&slot->owner);
    if (known && known < CPROM_STRIPES) pthread_mutex_unlock(&thread_stripes[known - 1]);
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

static void thread_begin(void)
{
    unsigned wanted = thread_processors();
    if (wanted < THREAD_STRIPES_MIN) wanted = THREAD_STRIPES_MIN;
    cprom__stripes_owned = wanted < CPROM_STRIPES ? wanted : CPROM_STRIPES - 1;
    thread_may_own = thread_make_slots(&cprom__slots);
    for (unsigned i = 0; i < CPROM_STRIPES; i++) {
        thread_may_own = thread_make_owner(&thread_stripes[i]) && thread_may_own;
    }
    thread_may_own = pthread_key_create(&thread_key, thread_ends) == 0 && thread_may_own;
}

/* Whether the calling thread may take something: it comes back when the thread ends. */
static bool thread_will_give_back(void)
{
    pthread_once(&thread_once, thread_begin);
    return thread_may_own && !cprom__thread_does_without && pthread_setspecific(thread_key, &thread_key) == 0;
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
    bool may = thread_will_give_back();
    unsigned i = 0;
    while (may && i < cprom__stripes_owned && !thread_take(&thread_stripes[i])) i++;
    if (!may || i == cprom__stripes_owned) return cprom__thread_stripe_known = CPROM_STRIPES;
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
    struct cprom__slots *slots = thread_will_give_back() ? &cprom__slots : NULL;
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
     * its sections are of this epoch or a later one. One that is counted stands in a chunk that is linked.
     */
    uint64_t epoch = atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
    unsigned left = atomic_load_explicit(&cprom__slots_used, memory_order_seq_cst);
    for (struct cprom__slots *slots = &cprom__slots; left;
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
