/* Removing series in every vector of a registry, as one change. */
#include <string.h>

#include "base/barrier.h"
#include "registry/hold.h"
#include "registry/tree.h"
#include "store/remove.h"
#include "store/upkeep.h"

cprom_mark cprom_registry_mark(cprom_registry *registry)
{
    cprom_mark mark = {0, 0};
    if (!registry) return mark;
    mark.registry = registry->number;
    /* In the gate: what a change writes is written before the mark, or after it, whole. */
    cprom__gate_enter(&registry->removal_gate);
    cprom__gate_enter(&registry->gate);
    uint64_t epoch = cprom__moment_next(registry);
    cprom__moment_happens(registry, epoch);
    cprom__gate_leave(&registry->gate);
    cprom__gate_leave(&registry->removal_gate);
    /* What an update has not written by now, it has written before it looks at the epoch again: touch.h. */
    if (!registry->no_membarrier) cprom__barrier_everywhere();
    mark.epoch = epoch >> CPROM__LIFE_SHIFT;
    return mark;
}

static bool remove_all_has_all(const struct cprom_vec *vec, cprom_labels labels)
{
    for (size_t i = 0; i < labels.n; i++) {
        if (cprom__desc_label(vec->desc, labels.v[i].name) == vec->desc->n_labels) return false;
    }
    return true;
}

static cprom_status remove_all_check_labels(cprom_labels labels)
{
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(labels.v[i].name, labels.v[k].name) == 0) return CPROM_ELABELS;
        }
    }
    return CPROM_OK;
}

/*
 * Resolves the match against the vectors that have these labels, and are not there yet. Everything before anything is
 * removed: out of memory leaves all as it was.
 */
static cprom_status remove_all_find(const struct cprom__families *families, cprom_labels labels,
                                    const struct cprom__removal_of *how, struct cprom__arena *memory,
                                    const struct cprom__families *known, struct cprom__removal_in **first)
{
    for (size_t i = 0; i < families->n; i++) {
        struct cprom_vec *vec = families->v[i].vec;
        if (!vec || vec->is_plain || !remove_all_has_all(vec, labels)) continue;
        const struct cprom__family *before = known ? cprom__families_find(known, vec->desc->name) : NULL;
        if (before && before->vec == vec) continue;
        struct cprom__removal_in *in = cprom__arena_alloc(memory, sizeof *in);
        cprom_status status = in ? cprom__removal_begin(vec, labels, how, in) : CPROM_ENOMEM;
        if (status) return status;
        in->next = *first;
        *first = in;
    }
    return CPROM_OK;
}

/*
 * In the gate: all up to the moment. Nobody registers between the last look at the families and the moment, so that
 * it is one for what is registered meanwhile as well. `*late`: the list with that, or NULL.
 */
static cprom_status remove_all_happen(struct cprom_registry *registry, cprom_labels labels,
                                      const struct cprom__removal_of *how, struct cprom__arena *memory,
                                      const struct cprom__families *known, struct cprom__families **late,
                                      struct cprom__removal_in **first)
{
    cprom__tree_lock(registry);
    cprom_status status = cprom__families_now(registry, late);
    if (!status && *late != known) status = remove_all_find(*late, labels, how, memory, known, first);
    if (!status && !*first) status = CPROM_ENOENT;
    if (!status) cprom__removal_happens(*first, how);
    cprom__tree_unlock(registry);
    return status;
}

static cprom_status remove_all(struct cprom_registry *registry, cprom_labels labels,
                               const struct cprom__removal_of *how, size_t *removed)
{
    struct cprom__families *families, *late = NULL;
    cprom_status status = cprom__registry_families(registry, &families);
    if (status) return status;
    struct cprom__arena memory;
    cprom__arena_init(&memory, &registry->allocator, 2048);
    struct cprom__removal_in *first = NULL;
    status = remove_all_find(families, labels, how, &memory, NULL, &first);
    if (!status) {
        CPROM__SEAM(CPROM__SEAM_REMOVAL_LISTED);
        cprom__gate_enter(&registry->removal_gate);
        cprom__gate_enter(&registry->gate);
        status = remove_all_happen(registry, labels, how, &memory, families, &late, &first);
        cprom__gate_leave(&registry->gate);
        if (!status) *removed = cprom__turnover_finish(&first->turnover);
        cprom__gate_leave(&registry->removal_gate);
    }
    for (struct cprom__removal_in *in = first; in; in = in->next) {
        cprom__removal_end(in);
        if (!status) cprom__vec_upkeep(in->turnover.vec);
    }
    cprom__arena_free(&memory);
    if (late) cprom__families_unref(late);
    cprom__families_unref(families);
    return status;
}

cprom_status cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed)
{
    static const struct cprom__removal_of how = {.reason = CPROM__REMOVED_MATCH, .linger = true, .stales = true};
    size_t n = 0;
    if (removed) *removed = 0;
    if (!registry || !labels.n) return CPROM_EINVAL;
    cprom_status status = remove_all_check_labels(labels);
    if (!status) status = remove_all(registry, labels, &how, &n);
    if (removed) *removed = n;
    return status;
}

cprom_status cprom_registry_sweep(cprom_registry *registry, cprom_labels labels, cprom_mark since, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!registry || !labels.n || !since.epoch || since.registry != registry->number) return CPROM_EINVAL;
    const struct cprom__removal_of how = {
        .reason = CPROM__REMOVED_SWEEP, .mark = since.epoch << CPROM__LIFE_SHIFT, .linger = true};
    cprom_status status = remove_all_check_labels(labels);
    if (!status) status = remove_all(registry, labels, &how, &n);
    if (removed) *removed = n;
    return status;
}
