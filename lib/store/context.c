/* A registry's memory: who needs it, what it logs. */
#include "store/context.h"

#include <string.h>

#include "base/unwind.h"

const char *const cprom__drop_names[CPROM__DROPS] = {"nomem", "limit", "invalid", "detached", "stale"};

void cprom__log(struct cprom_registry *registry, const struct cprom__line *line)
{
    if (!registry->log) return;
    CPROM__UNCANCELLED;
    registry->log(registry->log_ctx, line->text);
}

void cprom__log_refusal(struct cprom_registry *registry, const char *metric, const struct cprom__refusal *refusal)
{
    struct cprom__line line;
    if (!registry->log) return;
    cprom__line_join(&line, "metric \"", (char *)NULL);
    if (metric) cprom__line_add_cut(&line, metric, strlen(metric), CPROM__LINE_MAX / 3);
    cprom__line_add(&line, "\" refused: ");
    cprom__line_add(&line, refusal->field);
    if (refusal->text && *refusal->text) {
        cprom__line_add(&line, " \"");
        cprom__line_add_cut(&line, refusal->text, strlen(refusal->text), CPROM__LINE_MAX / 3);
        cprom__line_add(&line, "\"");
    }
    cprom__line_add(&line, " ");
    cprom__line_add(&line, refusal->reason);
    cprom__log(registry, &line);
}

static void context_destroy(struct cprom_registry *registry)
{
    struct cprom_registry *root = registry->root == registry ? NULL : registry->root;
    pthread_cond_destroy(&registry->collect_cond);
    pthread_mutex_destroy(&registry->collect_lock);
    pthread_mutex_destroy(&registry->families_lock);
    pthread_mutex_destroy(&registry->updates_lock);
    cprom__gate_destroy(&registry->order_lock);
    cprom__gate_destroy(&registry->gate);
    cprom__gate_destroy(&registry->removal_gate);
    cprom__reclaimer_destroy(&registry->reclaimer);
    cprom__cell_pool_destroy(&registry->cells);
    cprom__slab_destroy(&registry->slab);
    cprom__arena_free(&registry->memory);
    struct cprom__allocator allocator = {.allocate = registry->allocator.allocate,
                                         .release = registry->allocator.release,
                                         .ctx = registry->allocator.ctx};
    cprom__release(&allocator, registry, sizeof *registry);
    if (root) cprom__registry_unref(root);
    cprom__threads_leave();
}

void cprom__registry_ref(struct cprom_registry *registry)
{
    atomic_fetch_add_explicit(&registry->refs, 1, memory_order_relaxed);
}

void cprom__registry_unref(struct cprom_registry *registry)
{
    /* acq_rel: the last one sees what all others did before theirs. */
    if (atomic_fetch_sub_explicit(&registry->refs, 1, memory_order_acq_rel) == 1) context_destroy(registry);
}

void cprom__registry_drop(struct cprom_registry **registry) { cprom__registry_unref(*registry); }
