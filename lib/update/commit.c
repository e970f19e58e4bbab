/* Makes a staged update real. */
#include <string.h>

#include "store/lookup.h"
#include "store/remove.h"
#include "store/staged.h"
#include "store/stale.h"
#include "store/upkeep.h"
#include "update/update.h"

/*
 * A commit has two halves. Before the gate everything that can fail or takes time: each entry's series is looked up, or
 * made and reserved in the map, hidden; memory for the set of staged series and for events is taken. In the gate, where
 * no gather copies and no other change runs: stale updates are found out, unstaged series are removed, hidden ones
 * revealed, values written. Only a series that was deleted singly in between sends the commit back before the gate.
 */

/* ---- before the gate ---- */

/* Reserves a series, unless that was done and it has not died since. */
static cprom_status commit_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series)
{
    if (*series && cprom__series_is_dead(*series)) {
        cprom__series_unreserve(vec, *series);
        *series = NULL;
    }
    return *series ? CPROM_OK : cprom__series_reserve(vec, values, series);
}

static cprom_status commit_reserve_entry(struct cprom__entry *entry)
{
    if (entry->by_handle) return CPROM_OK;
    cprom_status status = commit_reserve(entry->vec, &entry->values, &entry->series);
    uint64_t life = status ? 0 : atomic_load_explicit(&entry->series->life, memory_order_relaxed);
    if (status || !entry->vec->folds || !(life & CPROM__LIFE_HIDDEN)) return status;
    struct cprom__values other;
    cprom__values_other(entry->vec, &other);
    return commit_reserve(entry->vec, &other, &entry->member->other);
}

static cprom_status commit_prepare(struct cprom_update *update, struct cprom__staged *staged)
{
    cprom_status status = CPROM_OK;
    for (struct cprom__entry *entry = update->first; entry && !status; entry = entry->next)
        status = commit_reserve_entry(entry);
    for (struct cprom__scope *scope = update->scopes; scope && !status; scope = scope->next) {
        if (!scope->event) scope->event = cprom__event_new(scope->vec, &scope->match);
        if (!scope->event) status = CPROM_ENOMEM;
    }
    if (status || !update->scopes) return status;
    size_t room = 16;
    while (room < 2 * (update->n_entries + update->n_members)) room *= 2;
    if (!staged->slots) staged->slots = cprom__arena_alloc(&update->memory, room * sizeof *staged->slots);
    if (!staged->slots) return CPROM_ENOMEM;
    staged->mask = room - 1;
    memset(staged->slots, 0, room * sizeof *staged->slots);
    for (struct cprom__entry *entry = update->first; entry; entry = entry->next) {
        if (entry->by_handle && cprom__series_is_dead(entry->series))
            continue; /* its update is dropped, and stages no labels */
        cprom__staged_put(staged, entry->series);
    }
    for (struct cprom__member *member = update->members; member; member = member->next) {
        if (member->other) cprom__staged_put(staged, member->other);
    }
    return CPROM_OK;
}

/* ---- in the gate ---- */

static bool commit_is_stale(const struct cprom_update *update)
{
    uint64_t created = update->live.created;
    if (!update->lasting) return false;
    for (const struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        if (cprom__event_hits_scope(scope->vec, created, &scope->match)) return true;
    }
    for (const struct cprom__entry *entry = update->first; entry; entry = entry->next) {
        if (cprom__event_hits_series(entry->vec, created, entry->series)) return true;
    }
    return false;
}

static bool commit_is_gone(const struct cprom_update *update)
{
    for (const struct cprom__member *member = update->members; member; member = member->next) {
        /* acquire: pairs with the release in cprom__vec_detach(). */
        if (atomic_load_explicit(&member->vec->gone, memory_order_acquire)) return true;
    }
    return false;
}

static bool commit_needs_another(const struct cprom_update *update)
{
    for (const struct cprom__entry *entry = update->first; entry; entry = entry->next) {
        if (!entry->by_handle && cprom__series_is_dead(entry->series)) return true;
    }
    for (const struct cprom__member *member = update->members; member; member = member->next) {
        if (member->other && cprom__series_is_dead(member->other)) return true;
    }
    return false;
}

/*
 * The series that the entry's value goes to; NULL: none, and `*reason` says why. `*born`: it came alive here, with the
 * value in it.
 */
static struct cprom_series *commit_target_of(const struct cprom__entry *entry, bool *born, enum cprom__drop *reason)
{
    *born = false;
    *reason = CPROM__DROP_DETACHED;
    if (entry->by_handle) return cprom__series_touch_held(entry->series) ? entry->series : NULL;
    *reason = CPROM__DROP_LIMIT;
    struct cprom_series *series = entry->series;
    bool is_other = series == entry->member->other;
    if (cprom__series_reveal(entry->vec, series, is_other, &entry->change, born) != CPROM_OK) {
        series = entry->member->other;
        if (!series) return NULL;
        cprom__series_reveal(entry->vec, series, true, &entry->change, born);
        atomic_fetch_add_explicit(&entry->vec->registry->folded, 1, memory_order_relaxed);
    }
    /* Deleted singly since it was looked at: that comes after this commit. */
    if (!*born) cprom__series_touch(series);
    return series;
}

/* Whether the series that the entry's value goes to has had one of this update before; remembers it. */
static bool commit_is_counted(struct cprom__entry *entry, const struct cprom_series *series)
{
    entry->target = series;
    if (series == entry->member->other) {
        bool used = entry->member->other_used;
        entry->member->other_used = true;
        return used;
    }
    const struct cprom__entry *earlier = entry->same_hash;
    while (earlier && earlier->target != series) earlier = earlier->same_hash;
    return earlier != NULL;
}

/* It was kept for entries to be folded into, and none was: then it is not staged. */
static void commit_remove_unused_others(struct cprom_update *update, cprom_result *result)
{
    for (struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        for (struct cprom__member *member = update->members; member; member = member->next) {
            struct cprom__removing removing = {.match = &scope->match, .reason = CPROM__REMOVED_REPLACE};
            if (member->vec != scope->vec || !member->other || member->other_used) continue;
            result->removed += cprom__vec_remove_one(scope->vec, member->other, &removing);
        }
    }
}

static void commit_make_real(struct cprom_update *update, const struct cprom__staged *staged, cprom_result *result)
{
    for (struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        struct cprom__removing removing = {.match = &scope->match, .reason = CPROM__REMOVED_REPLACE, .staged = staged};
        result->removed += cprom__vec_remove(scope->vec, &removing);
        cprom__event_record(scope->vec, scope->event, &update->live);
        scope->event = NULL;
    }
    CPROM__SEAM(CPROM__SEAM_COMMIT_HALF);
    for (struct cprom__entry *entry = update->first; entry; entry = entry->next) {
        bool born;
        enum cprom__drop reason;
        struct cprom_series *series = commit_target_of(entry, &born, &reason);
        if (series) {
            bool counted = commit_is_counted(entry, series);
            if (!born) series->vec->ops->change(series, &entry->change);
            result->created += born;
            result->updated += !born && !counted;
        } else {
            atomic_fetch_add_explicit(&update->registry->dropped[reason], 1, memory_order_relaxed);
            result->refused++;
        }
    }
    commit_remove_unused_others(update, result);
}

/* ---- both halves ---- */

static cprom_status commit(struct cprom_update *update, cprom_result *result)
{
    struct cprom__gate *gate = &update->registry->gate;
    struct cprom__staged staged = {NULL, 0};
    cprom_status status;
    for (bool again = true; again;) {
        status = commit_prepare(update, &staged);
        if (status) return status;
        CPROM__SEAM(CPROM__SEAM_COMMIT_READY);
        cprom__gate_enter(gate);
        status = commit_is_gone(update) ? CPROM_ENOENT : commit_is_stale(update) ? CPROM_ESTALE : CPROM_OK;
        again = !status && commit_needs_another(update);
        if (!status && !again) commit_make_real(update, &staged, result);
        cprom__gate_leave(gate);
    }
    if (status == CPROM_ESTALE) {
        atomic_fetch_add_explicit(&update->registry->dropped[CPROM__DROP_STALE], 1, memory_order_relaxed);
    }
    update->status = status ? status : CPROM_EINVAL; /* for any further commit */
    cprom__update_retire(update);
    CPROM__SEAM(CPROM__SEAM_GIVE_BACK);
    cprom__update_give_back(update);
    for (struct cprom__member *member = update->members; member; member = member->next) cprom__vec_upkeep(member->vec);
    return status;
}

cprom_status cprom_update_commit(cprom_update *update, cprom_result *result)
{
    cprom_result local;
    if (!result) result = &local;
    memset(result, 0, sizeof *result);
    if (!update) return CPROM_EINVAL;
    result->refused = update->refused;
    return update->status ? update->status : commit(update, result);
}

/* ---- in one call ---- */

static cprom_status commit_stage_gauge(struct cprom_update *update, void *vec, const void *rows, size_t i)
{
    const cprom_gauge_row *row = (const cprom_gauge_row *)rows + i;
    return cprom_update_gauge_vec_set(update, vec, row->values, row->value);
}

static cprom_status commit_stage_info(struct cprom_update *update, void *vec, const void *rows, size_t i)
{
    return cprom_update_info_vec_set(update, vec, ((const cprom_strs *)rows)[i]);
}

static cprom_status commit_replace(void *vec, cprom_labels match, const void *rows, size_t n_rows,
                                   cprom_status (*stage)(struct cprom_update *update, void *vec, const void *rows,
                                                         size_t i),
                                   cprom_result *result)
{
    if (result) memset(result, 0, sizeof *result);
    if (!vec || (n_rows && !rows)) return CPROM_EINVAL;
    struct cprom_update update;
    cprom_status status = cprom__update_init(&update, ((struct cprom_vec *)vec)->registry, false);
    if (status) return status;
    status = cprom_update_vec_replace(&update, vec, match);
    for (size_t i = 0; i < n_rows && !status; i++) {
        /* A bad row costs itself only, and is counted. */
        if (stage(&update, vec, rows, i) == CPROM_ENOMEM) status = CPROM_ENOMEM;
    }
    if (!status) status = cprom_update_commit(&update, result);
    cprom__update_end(&update);
    return status;
}

cprom_status cprom_gauge_vec_replace(cprom_gauge_vec *vec, cprom_labels match, const cprom_gauge_row *rows,
                                     size_t n_rows, cprom_result *result)
{
    return commit_replace(vec, match, rows, n_rows, commit_stage_gauge, result);
}

cprom_status cprom_info_vec_replace(cprom_info_vec *vec, cprom_labels match, const cprom_strs *rows, size_t n_rows,
                                    cprom_result *result)
{
    return commit_replace(vec, match, rows, n_rows, commit_stage_info, result);
}
