/* A vector's content: how long it lives. */
#include "store/vec.h"

#include "store/owner.h"
#include "store/stale.h"
#include "store/turnover.h"

const char *const cprom__removal_names[CPROM__REMOVALS] = {"delete",  "delete_matching", "clear",
                                                           "replace", "sweep",           "ttl"};

/* The map and the order, with every series in it. Nobody uses the vector any more. */
static void vec_free_content(struct cprom_vec *vec)
{
    cprom__map_free(&vec->map, &vec->registry->allocator);
    cprom__owner_free(vec);
    cprom__events_free(vec);
    /* release: pairs with the acquire in reclaim.c's reclaim_reachable(); the vector's users come before the reuse. */
    if (vec->plain) atomic_fetch_sub_explicit(&vec->plain->refs, CPROM__REF, memory_order_release);
    cprom__order_free(&vec->order, &vec->registry->reclaimer);
}

void cprom__vec_content_ref(struct cprom_vec *vec)
{
    atomic_fetch_add_explicit(&vec->content_refs, 1, memory_order_relaxed);
}

bool cprom__vec_content_try_ref(struct cprom_vec *vec)
{
    size_t listed = atomic_load_explicit(&vec->content_refs, memory_order_relaxed);
    while (listed) {
        if (atomic_compare_exchange_weak_explicit(&vec->content_refs, &listed, listed + 1, memory_order_relaxed,
                                                  memory_order_relaxed)) {
            return true;
        }
    }
    return false;
}

void cprom__vec_content_unref(struct cprom_vec *vec)
{
    if (atomic_fetch_sub_explicit(&vec->content_refs, 1, memory_order_acq_rel) != 1) return;
    vec_free_content(vec);
    cprom__vec_unref(vec, 1);
}

size_t cprom_vec_size(const cprom_vec *vec)
{
    if (!vec) return 0;
    /* Under the lock, under which series are born and die: what a get has seen is counted. */
    struct cprom_vec *counted = (struct cprom_vec *)(uintptr_t)vec;
    pthread_mutex_lock(&counted->map_lock);
    cprom__turnover_help(counted);
    size_t live = atomic_load_explicit(&counted->live, memory_order_relaxed);
    pthread_mutex_unlock(&counted->map_lock);
    return live;
}
