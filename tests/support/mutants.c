#include "support/mutants.h"

#include "base/gate.h"
#include "registry/hold.h"
#include "update/update.h"

void __real_cprom__gate_enter(struct cprom__gate *gate);
void __wrap_cprom__gate_enter(struct cprom__gate *gate);
void __real_cprom__gate_leave(struct cprom__gate *gate);
void __wrap_cprom__gate_leave(struct cprom__gate *gate);
bool __real_cprom__gate_is_wanted(struct cprom__gate *gate);
bool __wrap_cprom__gate_is_wanted(struct cprom__gate *gate);
cprom_status __real_cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed);
cprom_status __wrap_cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed);
cprom_status __real_cprom_update_commit(cprom_update *update, cprom_result *result);
cprom_status __wrap_cprom_update_commit(cprom_update *update, cprom_result *result);

enum ct_mutant ct_mutant_on;

static _Thread_local bool commits; /* this thread is in cprom_update_commit() */

static bool passes_by_the_gate(void) { return ct_mutant_on == CT_MUTANT_NO_GATE && commits; }

void __wrap_cprom__gate_enter(struct cprom__gate *gate)
{
    if (!passes_by_the_gate()) __real_cprom__gate_enter(gate);
}

void __wrap_cprom__gate_leave(struct cprom__gate *gate)
{
    if (!passes_by_the_gate()) __real_cprom__gate_leave(gate);
}

/* What commits keep for a gather that lets them in is guarded by the gate. */
bool __wrap_cprom__gate_is_wanted(struct cprom__gate *gate)
{
    return ct_mutant_on != CT_MUTANT_NO_GATE && __real_cprom__gate_is_wanted(gate);
}

cprom_status __wrap_cprom_registry_delete_matching(cprom_registry *registry, cprom_labels labels, size_t *removed)
{
    if (ct_mutant_on != CT_MUTANT_BY_FAMILY) return __real_cprom_registry_delete_matching(registry, labels, removed);
    struct cprom__families *families;
    cprom_status status = cprom__registry_families(registry, &families);
    if (status) return status;
    size_t sum = 0;
    for (size_t i = 0; i < families->n; i++) {
        size_t n;
        if (i) CPROM__SEAM(CPROM__SEAM_CHANGE_HALF);
        if (families->v[i].vec && cprom_vec_delete_matching(families->v[i].vec, labels, &n) == CPROM_OK) sum += n;
    }
    cprom__families_unref(families);
    if (removed) *removed = sum;
    return CPROM_OK;
}

/* Only what is staged and stays away for a moment differs from the real thing. */
static void clear_scopes(struct cprom_update *update)
{
    struct cprom_registry *registry = update->registry;
    for (struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        __real_cprom__gate_enter(&registry->removal_gate);
        __real_cprom__gate_enter(&registry->gate);
        uint64_t epoch = cprom__moment_next(registry);
        const struct cprom__removing removing = {.reason = CPROM__REMOVED_REPLACE, .touched_since = epoch};
        struct cprom__turnover turnover = cprom__turnover_of(scope->vec, &scope->match, &removing, epoch);
        cprom__turnover_publish(&turnover);
        cprom__moment_happens(registry, epoch);
        cprom__turnover_finish(&turnover);
        __real_cprom__gate_leave(&registry->gate);
        __real_cprom__gate_leave(&registry->removal_gate);
    }
}

cprom_status __wrap_cprom_update_commit(cprom_update *update, cprom_result *result)
{
    if (ct_mutant_on == CT_MUTANT_CLEAR_FIRST && update && !update->status) clear_scopes(update);
    commits = true;
    cprom_status status = __real_cprom_update_commit(update, result);
    commits = false;
    return status;
}
