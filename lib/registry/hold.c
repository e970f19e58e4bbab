/* Who may still gather or read a registry. */
#include "registry/hold.h"

#include "registry/tree.h"
#include "store/reclaim.h"

void cprom__registry_holder_ref(struct cprom_registry *registry)
{
    atomic_fetch_add_explicit(&registry->holders, 1, memory_order_relaxed);
}

void cprom__registry_holder_unref(struct cprom_registry *registry)
{
    /* acq_rel: who drops the last one sees what all others did before theirs. */
    if (atomic_fetch_sub_explicit(&registry->holders, 1, memory_order_acq_rel) != 1) return;
    cprom__reclaim_abandon(&registry->reclaimer);
    cprom__registry_unref(registry);
}

cprom_status cprom__registry_families(struct cprom_registry *registry, struct cprom__families **families)
{
    cprom__tree_lock(registry);
    cprom_status status = cprom__families_now(registry, families);
    cprom__tree_unlock(registry);
    return status;
}
