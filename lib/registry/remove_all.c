/* Removing series in every vector of a registry, as one change. */
#include <string.h>

#include "registry/hold.h"
#include "store/remove.h"
#include "store/stale.h"
#include "store/upkeep.h"

cprom_mark cprom_registry_mark(cprom_registry *registry)
{
    cprom_mark mark = {registry, 0};
    if (!registry) return mark;
    uint64_t one = (uint64_t)1 << CPROM__LIFE_SHIFT;
    mark.epoch = (atomic_fetch_add_explicit(&registry->epoch, one, memory_order_seq_cst) + one) >> CPROM__LIFE_SHIFT;
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

/* One vector that takes part. */
struct remove_all_target {
    struct remove_all_target *next;
    struct cprom_vec *vec;
    struct cprom__match match;
    struct cprom__event *event;
};

/* Resolves everything before anything is removed: out of memory leaves all as it was. ENOENT: no vector takes part. */
static cprom_status remove_all_find_targets(const struct cprom__families *families, cprom_labels labels, bool stales,
                                            struct cprom__arena *memory, struct remove_all_target **targets)
{
    for (size_t i = 0; i < families->n; i++) {
        struct cprom_vec *vec = families->v[i].vec;
        if (!vec || vec->is_plain || !remove_all_has_all(vec, labels)) continue;
        struct remove_all_target *target = cprom__arena_alloc(memory, sizeof *target);
        cprom_status status = target ? cprom__match_resolve(vec, labels, &target->match) : CPROM_ENOMEM;
        if (status) return status;
        target->vec = vec;
        target->event = NULL;
        target->next = *targets;
        *targets = target;
        if (stales && !(target->event = cprom__event_new(vec, &target->match))) return CPROM_ENOMEM;
    }
    return *targets ? CPROM_OK : CPROM_ENOENT;
}

static cprom_status remove_all_remove_everywhere(struct cprom_registry *registry, cprom_labels labels,
                                                 struct cprom__removing *removing, bool stales, size_t *removed)
{
    struct cprom__families *families = cprom__registry_families(registry);
    if (!families) return CPROM_ENOENT;
    struct cprom__arena memory;
    cprom__arena_init(&memory, &registry->allocator, 2048);
    struct remove_all_target *targets = NULL;
    cprom_status status = remove_all_find_targets(families, labels, stales, &memory, &targets);
    if (!status) {
        cprom__gate_enter(&registry->gate);
        for (struct remove_all_target *target = targets; target; target = target->next) {
            if (target->event) cprom__event_record(target->vec, target->event, NULL);
            removing->match = &target->match;
            *removed += cprom__vec_remove(target->vec, removing);
            CPROM__SEAM(CPROM__SEAM_DELETE_HALF);
        }
        cprom__gate_leave(&registry->gate);
    }
    for (struct remove_all_target *target = targets; target; target = target->next) {
        cprom__match_free(&target->match);
        if (status) cprom__event_free(target->vec, target->event);
        else cprom__vec_upkeep(target->vec);
    }
    cprom__arena_free(&memory);
    cprom__families_unref(families);
    return status;
}

cprom_status cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!registry || !labels.n) return CPROM_EINVAL;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_MATCH};
    cprom_status status = remove_all_check_labels(labels);
    if (!status) status = remove_all_remove_everywhere(registry, labels, &removing, true, &n);
    if (removed) *removed = n;
    return status;
}

cprom_status cprom_registry_sweep(cprom_registry *registry, cprom_labels labels, cprom_mark since, size_t *removed)
{
    size_t n = 0;
    if (removed) *removed = 0;
    if (!registry || !labels.n || !since.epoch || since.registry != registry) return CPROM_EINVAL;
    struct cprom__removing removing = {.reason = CPROM__REMOVED_SWEEP, .touched_since = since.epoch, .linger = true};
    cprom_status status = remove_all_check_labels(labels);
    if (!status) status = remove_all_remove_everywhere(registry, labels, &removing, false, &n);
    if (removed) *removed = n;
    return status;
}
