#include "support/lives_mutants.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include <cprom/cprom.h>

enum {
    ROWS = 16
}; /* of a replacement or an iteration; more are not kept */

/* The call by its real name, and what the test gets instead. */
#define WRAP(type, name, ...)                                                                                          \
    type __real_##name(__VA_ARGS__);                                                                                   \
    type __wrap_##name(__VA_ARGS__)

WRAP(cprom_status, cprom_gauge_vec_set, cprom_gauge_vec *vec, cprom_strs values, double value);
WRAP(cprom_status, cprom_gauge_vec_add, cprom_gauge_vec *vec, cprom_strs values, double amount);
WRAP(cprom_status, cprom_counter_vec_add, cprom_counter_vec *vec, cprom_strs values, double amount);
WRAP(cprom_status, cprom_gauge_vec_replace, cprom_gauge_vec *vec, cprom_labels match, const cprom_gauge_row *rows,
     size_t n, cprom_result *result);
WRAP(cprom_status, cprom_vec_sweep, cprom_vec *vec, cprom_labels match, cprom_mark since, size_t *removed);
WRAP(cprom_status, cprom_registry_sweep, cprom_registry *registry, cprom_labels match, cprom_mark since,
     size_t *removed);
WRAP(cprom_mark, cprom_registry_mark, cprom_registry *registry);
WRAP(cprom_status, cprom_vec_each, cprom_vec *vec, bool (*each)(void *ctx, const cprom_view *view), void *ctx);
WRAP(cprom_status, cprom_vec_clear, cprom_vec *vec);
WRAP(cprom_status, cprom_vec_delete_matching, cprom_vec *vec, cprom_labels match, size_t *removed);

enum ct_lives_mutant ct_lives_mutant_on;
size_t ct_lives_mutant_cap;

static bool on(enum ct_lives_mutant mutant) { return ct_lives_mutant_on == mutant; }

/* Between two steps. */
static void others_first(void) { sched_yield(); }

/*------------------------------------------------------------------------------
 * Updates
 *----------------------------------------------------------------------------*/

static bool seems_full(const void *vec, size_t more) { return cprom_vec_size(vec) >= ct_lives_mutant_cap + more; }

cprom_status __wrap_cprom_gauge_vec_set(cprom_gauge_vec *vec, cprom_strs values, double value)
{
    if (on(CT_LIVES_FULL_UNSEEN) && seems_full(vec, 0)) return CPROM_ELIMIT;
    if (!on(CT_LIVES_SET_LATER)) return __real_cprom_gauge_vec_set(vec, values, value);
    cprom_gauge *gauge = cprom_gauge_vec_with(vec, values);
    others_first();
    cprom_gauge_set(gauge, value);
    cprom_gauge_unref(gauge);
    return gauge ? CPROM_OK : CPROM_ELIMIT;
}

cprom_status __wrap_cprom_gauge_vec_add(cprom_gauge_vec *vec, cprom_strs values, double amount)
{
    if (on(CT_LIVES_FULL_UNSEEN) && seems_full(vec, 0)) return CPROM_ELIMIT;
    return __real_cprom_gauge_vec_add(vec, values, amount);
}

cprom_status __wrap_cprom_counter_vec_add(cprom_counter_vec *vec, cprom_strs values, double amount)
{
    if (on(CT_LIVES_FOLDED_UNSEEN) && seems_full(vec, 1))
        return __real_cprom_counter_vec_add(vec, CPROM_STRS("other", "other"), amount);
    if (!on(CT_LIVES_ADD_LATER)) return __real_cprom_counter_vec_add(vec, values, amount);
    cprom_counter *counter = cprom_counter_vec_with(vec, values);
    others_first();
    cprom_counter_add(counter, amount);
    cprom_counter_unref(counter);
    return counter ? CPROM_OK : CPROM_ELIMIT;
}

/*------------------------------------------------------------------------------
 * Replacements
 *----------------------------------------------------------------------------*/

/* What is refused, created and so on is what it would have been at once. */
static cprom_status replace_in_steps(cprom_gauge_vec *vec, cprom_labels match, const cprom_gauge_row *rows, size_t n,
                                     cprom_result *result)
{
    cprom_gauge_row zeros[ROWS];
    cprom_result first;
    if (on(CT_LIVES_ROWS_LATER)) {
        for (size_t i = 0; i < n; i++) zeros[i] = (cprom_gauge_row){.values = rows[i].values, .value = 0};
        cprom_status status = __real_cprom_gauge_vec_replace(vec, match, zeros, n, result);
        if (status) return status;
        others_first();
        return __real_cprom_gauge_vec_replace(vec, match, rows, n, &first);
    }
    cprom_status status = __real_cprom_gauge_vec_replace(vec, match, NULL, 0, &first);
    if (status) return status;
    others_first();
    *result = first;
    if (on(CT_LIVES_ROOM_FIRST)) {
        status = __real_cprom_gauge_vec_replace(vec, match, rows, n, result);
        result->removed += first.removed;
        return status;
    }
    for (size_t i = 0; i < n; i++) {
        status = __real_cprom_gauge_vec_set(vec, rows[i].values, rows[i].value);
        result->created += !status;
        result->refused += status != CPROM_OK;
        others_first();
    }
    return CPROM_OK;
}

cprom_status __wrap_cprom_gauge_vec_replace(cprom_gauge_vec *vec, cprom_labels match, const cprom_gauge_row *rows,
                                            size_t n, cprom_result *result)
{
    bool in_steps = on(CT_LIVES_ROWS_LATER) || on(CT_LIVES_ROOM_FIRST) || on(CT_LIVES_ROWS_ONE_BY_ONE);
    if (in_steps && result && n <= ROWS) return replace_in_steps(vec, match, rows, n, result);
    return __real_cprom_gauge_vec_replace(vec, match, rows, n, result);
}

/*------------------------------------------------------------------------------
 * Marks and sweeps
 *----------------------------------------------------------------------------*/

static _Atomic(cprom_registry *) marked; /* the newest mark's: there is one registry at a time */

cprom_status __wrap_cprom_vec_sweep(cprom_vec *vec, cprom_labels match, cprom_mark since, size_t *removed)
{
    if (on(CT_LIVES_SWEEP_SINCE_NOW)) since = __real_cprom_registry_mark(atomic_load(&marked));
    return __real_cprom_vec_sweep(vec, match, since, removed);
}

cprom_status __wrap_cprom_registry_sweep(cprom_registry *registry, cprom_labels match, cprom_mark since,
                                         size_t *removed)
{
    if (on(CT_LIVES_SWEEP_ALL_NOW)) since = __real_cprom_registry_mark(registry);
    return __real_cprom_registry_sweep(registry, match, since, removed);
}

cprom_mark __wrap_cprom_registry_mark(cprom_registry *registry)
{
    static _Thread_local cprom_mark before;
    atomic_store(&marked, registry);
    cprom_mark mark = __real_cprom_registry_mark(registry), old = before;
    before = mark;
    return on(CT_LIVES_MARK_BEFORE) && old.registry == mark.registry ? old : mark;
}

/*------------------------------------------------------------------------------
 * Iterations
 *----------------------------------------------------------------------------*/

/* What was shown, with label values of up to two labels. */
struct shown {
    size_t n;
    struct {
        char text[2][16];
        double value;
    } rows[ROWS];
};

static bool remember(void *ctx, const cprom_view *view)
{
    struct shown *shown = ctx;
    if (shown->n == ROWS) return false;
    for (size_t i = 0; i < 2 && i < view->values.n; i++) {
        strncpy(shown->rows[shown->n].text[i], view->values.v[i], sizeof shown->rows[0].text[0] - 1);
    }
    shown->rows[shown->n++].value = view->value;
    return true;
}

static bool is_gone(cprom_vec *vec, cprom_strs values)
{
    /* A get does not look at the type of its vector's values where it is asked for none. */
    return cprom_gauge_vec_get((cprom_gauge_vec *)vec, values, NULL) == CPROM_ENOENT;
}

static cprom_status each_mutated(cprom_vec *vec, bool (*each)(void *ctx, const cprom_view *view), void *ctx)
{
    static _Thread_local struct {
        cprom_vec *vec;
        struct shown shown;
    } last;
    struct shown first = {.n = 0}, second = {.n = 0};
    cprom_status status = __real_cprom_vec_each(vec, remember, &first);
    others_first();
    if (!status) status = __real_cprom_vec_each(vec, remember, &second);
    if (status) return status;
    struct shown *shown = &first;
    if (on(CT_LIVES_EACH_LAST_TIME) && last.vec == vec) shown = &last.shown;
    if (on(CT_LIVES_EACH_IN_PARTS) && first.n > 1) {
        /* The first of the old ones, and of the new ones all that come behind it. */
        first.n = 1;
        for (size_t i = 0; i < second.n && first.n < ROWS; i++) {
            if (strcmp(second.rows[i].text[0], first.rows[0].text[0]) > 0 ||
                strcmp(second.rows[i].text[1], first.rows[0].text[1]) > 0)
                first.rows[first.n++] = second.rows[i];
        }
    }
    for (size_t i = 0; i < shown->n; i++) {
        const char *v[2] = {shown->rows[i].text[0], shown->rows[i].text[1]};
        cprom_view view = {.values = {v, 2}, .value = shown->rows[i].value};
        if (on(CT_LIVES_EACH_LOOKS_AGAIN) && is_gone(vec, view.values)) continue;
        if (!each(ctx, &view)) break;
    }
    last.vec = vec;
    last.shown = second;
    return CPROM_OK;
}

cprom_status __wrap_cprom_vec_each(cprom_vec *vec, bool (*each)(void *ctx, const cprom_view *view), void *ctx)
{
    bool mutated = on(CT_LIVES_EACH_LOOKS_AGAIN) || on(CT_LIVES_EACH_IN_PARTS) || on(CT_LIVES_EACH_LAST_TIME);
    return mutated ? each_mutated(vec, each, ctx) : __real_cprom_vec_each(vec, each, ctx);
}

/*------------------------------------------------------------------------------
 * Removals
 *----------------------------------------------------------------------------*/

/* `owner`, `step`: NULL: any. */
static size_t delete_one_by_one(cprom_vec *vec, const char *owner, const char *step)
{
    struct shown shown = {.n = 0};
    size_t removed = 0;
    if (__real_cprom_vec_each(vec, remember, &shown)) return 0;
    for (size_t i = 0; i < shown.n; i++) {
        const char *const *v = (const char *const[]){shown.rows[i].text[0], shown.rows[i].text[1]};
        if ((owner && strcmp(owner, v[0]) != 0) || (step && strcmp(step, v[1]) != 0)) continue;
        removed += cprom_vec_delete(vec, (cprom_strs){v, 2}) == CPROM_OK;
        others_first();
    }
    return removed;
}

cprom_status __wrap_cprom_vec_clear(cprom_vec *vec)
{
    if (!on(CT_LIVES_CLEAR_ONE_BY_ONE)) return __real_cprom_vec_clear(vec);
    delete_one_by_one(vec, NULL, NULL);
    return CPROM_OK;
}

cprom_status __wrap_cprom_vec_delete_matching(cprom_vec *vec, cprom_labels match, size_t *removed)
{
    if (!on(CT_LIVES_REMOVE_ONE_BY_ONE) || match.n != 1) return __real_cprom_vec_delete_matching(vec, match, removed);
    bool by_owner = strcmp(match.v[0].name, "owner") == 0;
    size_t n = delete_one_by_one(vec, by_owner ? match.v[0].value : NULL, by_owner ? NULL : match.v[0].value);
    if (removed) *removed = n;
    return CPROM_OK;
}
