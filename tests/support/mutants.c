#include "support/mutants.h"

#include "base/gate.h"
#include "store/remove.h"
#include "store/stale.h"
#include "update/update.h"

void __real_cprom__gate_enter(struct cprom__gate *gate);
void __wrap_cprom__gate_enter(struct cprom__gate *gate);
void __real_cprom__gate_leave(struct cprom__gate *gate);
void __wrap_cprom__gate_leave(struct cprom__gate *gate);
void __real_cprom__event_record(struct cprom_vec *vec, struct cprom__event *event,
                                const struct cprom__live_updates *by);
void __wrap_cprom__event_record(struct cprom_vec *vec, struct cprom__event *event,
                                const struct cprom__live_updates *by);
size_t __real_cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing);
size_t __wrap_cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing);
cprom_status __real_cprom_update_commit(cprom_update *update, cprom_result *result);
cprom_status __wrap_cprom_update_commit(cprom_update *update, cprom_result *result);

enum ct_mutant ct_mutant_on;

static _Thread_local bool commits; /* this thread is in cprom_update_commit() */
static _Thread_local bool outside; /* BY_FAMILY: this thread has left the gate, which its caller does not know */

static bool passes_by_the_gate(void) { return ct_mutant_on == CT_MUTANT_NO_GATE && commits; }

/* BY_FAMILY: goes on with the next vector. */
static void come_back(struct cprom_vec *vec)
{
    if (outside) __real_cprom__gate_enter(&vec->registry->gate);
    outside = false;
}

void __wrap_cprom__gate_enter(struct cprom__gate *gate)
{
    if (!passes_by_the_gate()) __real_cprom__gate_enter(gate);
}

void __wrap_cprom__gate_leave(struct cprom__gate *gate)
{
    if (!passes_by_the_gate() && !outside) __real_cprom__gate_leave(gate);
    outside = false;
}

void __wrap_cprom__event_record(struct cprom_vec *vec, struct cprom__event *event, const struct cprom__live_updates *by)
{
    come_back(vec);
    __real_cprom__event_record(vec, event, by);
}

size_t __wrap_cprom__vec_remove(struct cprom_vec *vec, const struct cprom__removing *removing)
{
    come_back(vec);
    size_t removed = __real_cprom__vec_remove(vec, removing);
    if (ct_mutant_on == CT_MUTANT_BY_FAMILY && removing->reason == CPROM__REMOVED_MATCH) {
        __real_cprom__gate_leave(&vec->registry->gate);
        outside = true;
    }
    return removed;
}

/* Only what is staged and stays away for a moment differs from the real thing. */
static void clear_scopes(struct cprom_update *update)
{
    for (struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        struct cprom__removing removing = {.match = &scope->match, .reason = CPROM__REMOVED_REPLACE};
        __real_cprom__gate_enter(&update->registry->gate);
        __real_cprom__vec_remove(scope->vec, &removing);
        __real_cprom__gate_leave(&update->registry->gate);
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
