/* A slot for each thread, and read sections. */
#include "base/thread.h"

#include <pthread.h>
#include <stddef.h>

struct cprom__thread cprom__threads[CPROM__THREADS];
_Atomic unsigned cprom__threads_used;
_Atomic uint64_t cprom__read_epoch = 2;
_Thread_local unsigned cprom__thread_known CPROM__TLS;
_Thread_local unsigned cprom__thread_callbacks CPROM__TLS;

static pthread_once_t thread_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;
static bool thread_key_made;

static void thread_ends(void *arg)
{
    struct cprom__thread *thread = arg;
    /* Destructors that run later may still use the library: as a thread without a slot. */
    cprom__thread_known = CPROM__THREADS + 1;
    /* release: the next owner's acquire in cprom__thread_claim() sees the cells as this thread left them. */
    atomic_store_explicit(&thread->taken, false, memory_order_release);
}

static void thread_make_key(void) { thread_key_made = pthread_key_create(&thread_key, thread_ends) == 0; }

CPROM__NOINLINE unsigned cprom__thread_claim(void)
{
    cprom__thread_known = CPROM__THREADS + 1;
    pthread_once(&thread_key_once, thread_make_key);
    for (unsigned i = 0; thread_key_made && i < CPROM__THREADS; i++) {
        struct cprom__thread *thread = &cprom__threads[i];
        if (atomic_load_explicit(&thread->taken, memory_order_relaxed)) continue;
        bool expected = false;
        /* acquire: pairs with the release in thread_ends(). */
        if (!atomic_compare_exchange_strong_explicit(&thread->taken, &expected, true, memory_order_acquire,
                                                     memory_order_relaxed)) {
            continue;
        }
        /* Without a destructor the slot would never come back. */
        if (pthread_setspecific(thread_key, thread) != 0) {
            /* release: as in thread_ends(). */
            atomic_store_explicit(&thread->taken, false, memory_order_release);
            break;
        }
        /* seq_cst, before the first read section of the slot: pairs with cprom__read_epoch_advance(), which looks so far. */
        unsigned used = atomic_load_explicit(&cprom__threads_used, memory_order_seq_cst);
        while (used <= i && !atomic_compare_exchange_weak_explicit(&cprom__threads_used, &used, i + 1,
                                                                   memory_order_seq_cst, memory_order_seq_cst)) {
        }
        cprom__thread_known = i + 1;
        break;
    }
    return cprom__thread_known;
}

uint64_t cprom__read_epoch_advance(void)
{
    /*
     * seq_cst, both, in this order: pairs with cprom__thread_claim(). A slot that is not counted was claimed later, so
     * that its sections are of this epoch or a later one.
     */
    uint64_t epoch = atomic_load_explicit(&cprom__read_epoch, memory_order_seq_cst);
    unsigned used = atomic_load_explicit(&cprom__threads_used, memory_order_seq_cst);
    for (unsigned i = 0; i < used; i++) {
        /* seq_cst: see cprom__read_enter(); as an acquire it pairs with cprom__read_leave(). */
        uint64_t reading = atomic_load_explicit(&cprom__threads[i].reading, memory_order_seq_cst);
        if (reading && reading != epoch) return epoch;
    }
    /* seq_cst: pairs with the loads in cprom__read_enter() and cprom__read_epoch_now(). */
    if (atomic_compare_exchange_strong_explicit(&cprom__read_epoch, &epoch, epoch + 1, memory_order_seq_cst,
                                                memory_order_seq_cst)) {
        return epoch + 1;
    }
    return epoch;
}
