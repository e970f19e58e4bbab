/* Stages a change: entries and scopes. */
#include "update/update.h"

#include <string.h>

#include "registry/hold.h"
#include "store/lookup.h"
#include "store/repair.h"
#include "store/stale.h"
#include "update/refuse.h"

/* ---- beginning and ending ---- */

cprom_status cprom__update_init(struct cprom_update *update, struct cprom_registry *registry, bool lasting)
{
    memset(update, 0, sizeof *update);
    /* acquire: pairs with the release in cprom_registry_free(). */
    if (atomic_load_explicit(&registry->gone, memory_order_acquire)) return CPROM_ENOENT;
    cprom__registry_holder_ref(registry);
    update->registry = registry;
    update->lasting = lasting;
    cprom__arena_init(&update->memory, &registry->allocator, 1024);
    struct cprom__live_updates *ring = &registry->updates;
    pthread_mutex_lock(&registry->updates_lock);
    update->live.created = update->live.started = ++registry->update_count;
    if (lasting) {
        update->live.next = ring;
        update->live.prev = ring->prev;
        ring->prev->next = &update->live;
        ring->prev = &update->live;
    }
    pthread_mutex_unlock(&registry->updates_lock);
    return CPROM_OK;
}

void cprom__update_retire(struct cprom_update *update)
{
    if (!update->lasting) return;
    update->lasting = false;
    pthread_mutex_lock(&update->registry->updates_lock);
    update->live.prev->next = update->live.next;
    update->live.next->prev = update->live.prev;
    bool events = update->registry->oldest_event;
    pthread_mutex_unlock(&update->registry->updates_lock);
    if (events) cprom__events_forget(update->registry);
}

static void update_give_back_entries(struct cprom__entry *first)
{
    for (struct cprom__entry *entry = first; entry; entry = entry->next) {
        if (entry->by_handle) cprom_series_unref(entry->series);
        else cprom__series_unreserve(entry->vec, entry->series);
        entry->series = NULL;
    }
}

void cprom__update_give_back(struct cprom_update *update)
{
    update_give_back_entries(update->first);
    update_give_back_entries(update->left_out);
}

void cprom__update_end(struct cprom_update *update)
{
    struct cprom_registry *registry = update->registry;
    cprom__update_retire(update);
    cprom__update_give_back(update);
    for (struct cprom__staged_exemplar *staged = update->exemplars; staged; staged = staged->next)
        cprom__exemplar_unref(staged->exemplar);
    for (struct cprom__scope *scope = update->scopes; scope; scope = scope->next) {
        cprom__event_free(scope->vec, scope->event);
        cprom__match_free(&scope->match);
    }
    for (struct cprom__member *member = update->members, *next; member; member = next) {
        next = member->next;
        cprom__vec_content_unref(member->vec);
    }
    cprom__arena_free(&update->memory);
    cprom__registry_holder_unref(registry);
}

cprom_status cprom_update_new(cprom_registry *registry, cprom_update **out)
{
    if (out) *out = NULL;
    if (!registry || !out) return CPROM_EINVAL;
    struct cprom_update *update = cprom__alloc(&registry->allocator, sizeof *update);
    if (!update) return CPROM_ENOMEM;
    cprom_status status = cprom__update_init(update, registry, true);
    if (status) cprom__release(&registry->allocator, update, sizeof *update);
    else *out = update;
    return status;
}

void cprom_update_free(cprom_update *update)
{
    if (!update) return;
    struct cprom_registry *registry = update->registry;
    cprom__registry_ref(registry); /* it may be freed, and then goes with its last update */
    cprom__update_end(update);
    cprom__release(&registry->allocator, update, sizeof *update);
    cprom__registry_unref(registry);
}

cprom_status cprom_update_start(cprom_update *update)
{
    if (!update || update->started || update->committed) return CPROM_EINVAL;
    update->started = true;
    pthread_mutex_lock(&update->registry->updates_lock);
    update->live.started = ++update->registry->update_count;
    pthread_mutex_unlock(&update->registry->updates_lock);
    return CPROM_OK;
}

/* ---- staging ---- */

/* The commit will answer that. */
static cprom_status update_fail(struct cprom_update *update, cprom_status status)
{
    if (!update->status) update->status = status;
    return status;
}

static bool update_grow_members(struct cprom_update *update)
{
    if (update->n_members < update->n_member_slots) return true;
    size_t n_slots = update->n_member_slots ? update->n_member_slots * 2 : 8;
    struct cprom__member **slots = cprom__arena_alloc(&update->memory, n_slots * sizeof(struct cprom__member *));
    if (!slots) return false;
    memset(slots, 0, n_slots * sizeof(struct cprom__member *));
    for (struct cprom__member *member = update->members; member; member = member->next) {
        struct cprom__member **slot = &slots[cprom__update_slot(update, member->vec, 0, n_slots)];
        member->same_slot = *slot;
        *slot = member;
    }
    update->member_slots = slots;
    update->n_member_slots = n_slots;
    return true;
}

/* The vector takes part from now on, and stays in memory. ENOENT: it is gone; the caller has a handle only. */
static cprom_status update_join(struct cprom_update *update, struct cprom_vec *vec, struct cprom__member **out)
{
    struct cprom__member *member = NULL;
    if (update->n_members) member = update->member_slots[cprom__update_slot(update, vec, 0, update->n_member_slots)];
    for (; member; member = member->same_slot) {
        CPROM__SEAM(CPROM__SEAM_UPDATE_COMPARES);
        if (member->vec != vec) continue;
        *out = member;
        return CPROM_OK;
    }
    if (!update_grow_members(update)) return CPROM_ENOMEM;
    member = cprom__arena_alloc(&update->memory, sizeof *member);
    if (!member) return CPROM_ENOMEM;
    if (!cprom__vec_content_try_ref(vec)) return CPROM_ENOENT;
    struct cprom__member **slot = &update->member_slots[cprom__update_slot(update, vec, 0, update->n_member_slots)];
    *member = (struct cprom__member){.next = update->members, .same_slot = *slot, .vec = vec, .update = update};
    update->members = *slot = *out = member;
    update->n_members++;
    return CPROM_OK;
}

static cprom_status update_stage_scope(struct cprom_update *update, struct cprom_vec *vec, struct cprom__scope *scope)
{
    struct cprom__member *member;
    cprom_status status = update_join(update, vec, &member);
    if (status) return status;
    /* The values may be the caller's own memory: keep copies. */
    for (size_t i = 0; i < scope->match.n; i++) {
        struct cprom__piece *value = &scope->match.value[i];
        const char *copy = cprom__arena_copy(&update->memory, value->text, value->len);
        if (!copy) return CPROM_ENOMEM;
        value->text = copy;
    }
    scope->vec = vec;
    scope->event = NULL;
    scope->match.next = member->scopes;
    member->scopes = &scope->match;
    scope->next = update->scopes;
    update->scopes = scope;
    return CPROM_OK;
}

cprom_status cprom_update_vec_replace(cprom_update *update, cprom_vec *vec, cprom_labels match)
{
    if (!update || update->committed) return CPROM_EINVAL;
    struct cprom__scope *scope = NULL;
    cprom_status status = vec && vec->registry == update->registry ? CPROM_OK : CPROM_EINVAL;
    if (!status && !(scope = cprom__arena_alloc(&update->memory, sizeof *scope))) status = CPROM_ENOMEM;
    if (!status) status = cprom__match_resolve(vec, match, &scope->match);
    if (status == CPROM_EINVAL || status == CPROM_ELABELS) {
        /* Without the scope, what it was to remove would stay for ever: so the commit fails. */
        update_fail(update, status);
        return cprom__refuse_scope(update, vec, match, scope ? scope->match.n : 0, status);
    }
    if (status) return update_fail(update, status);
    status = update_stage_scope(update, vec, scope);
    if (!status) return CPROM_OK;
    cprom__match_free(&scope->match);
    return update_fail(update, status);
}

static bool update_grow_entries(struct cprom_update *update)
{
    if (update->n_entries < update->n_entry_slots) return true;
    size_t n_slots = update->n_entry_slots ? update->n_entry_slots * 2 : 32;
    struct cprom__entry **slots = cprom__arena_alloc(&update->memory, n_slots * sizeof(struct cprom__entry *));
    if (!slots) return false;
    memset(slots, 0, n_slots * sizeof(struct cprom__entry *));
    for (struct cprom__entry *entry = update->first; entry; entry = entry->next) {
        struct cprom__entry **slot = &slots[cprom__update_slot(update, entry->vec, entry->hash, n_slots)];
        entry->same_slot = *slot;
        *slot = entry;
    }
    update->entry_slots = slots;
    update->n_entry_slots = n_slots;
    return true;
}

static uint32_t update_packed(const struct cprom__values *values) { return (uint32_t)(values->bytes + values->n); }

static void update_pack(const struct cprom__values *values, char *to)
{
    for (size_t i = 0; i < values->n; i++) {
        memcpy(to, values->v[i], values->len[i] + 1);
        to += values->len[i] + 1;
    }
}

static bool update_has_values(const struct cprom__entry *entry, const struct cprom__values *values)
{
    const char *at = entry->values;
    if (entry->bytes != update_packed(values)) return false; /* so that nothing is read behind them */
    for (size_t i = 0; i < values->n; i++) {
        if (memcmp(at, values->v[i], values->len[i] + 1) != 0) return false;
        at += values->len[i] + 1;
    }
    return true;
}

static struct cprom__entry *update_find_entry(const struct cprom_update *update, const struct cprom_vec *vec,
                                              const struct cprom__values *values, const struct cprom_series *series,
                                              bool keeper)
{
    if (!update->n_entries) return NULL;
    struct cprom__entry *entry =
        update->entry_slots[cprom__update_slot(update, vec, values->hash, update->n_entry_slots)];
    for (; entry; entry = entry->same_slot) {
        CPROM__SEAM(CPROM__SEAM_UPDATE_COMPARES);
        if (entry->vec != vec || entry->hash != values->hash || keeper != (entry->exempt != 0)) continue;
        /* By labels and by handle it may be the same series: what comes after has an entry of its own. */
        if (entry->by_handle != (series != NULL)) return NULL;
        if (series ? entry->series == series : update_has_values(entry, values)) return entry;
    }
    return NULL;
}

void cprom__update_link(struct cprom_update *update, struct cprom__entry *entry)
{
    struct cprom__member *member = entry->member;
    struct cprom__entry **slot =
        &update->entry_slots[cprom__update_slot(update, entry->vec, entry->hash, update->n_entry_slots)];
    entry->next = entry->next_of_member = NULL;
    entry->same_slot = *slot;
    *slot = entry;
    if (update->last) update->last->next = entry;
    else update->first = entry;
    update->last = entry;
    update->n_entries++;
    if (entry->exempt) {
        entry->next_of_member = member->keepers;
        member->keepers = entry;
        return;
    }
    if (member->last) member->last->next_of_member = entry;
    else member->first = entry;
    member->last = entry;
}

/* An entry of a series, or by values; NULL: out of memory. */
static struct cprom__entry *update_make_entry(struct cprom__member *member, const struct cprom__values *values,
                                              struct cprom_series *series, unsigned exempt)
{
    struct cprom_update *update = member->update;
    uint32_t bytes = update_packed(values);
    if (!update_grow_entries(update)) return NULL;
    struct cprom__entry *entry = cprom__arena_alloc(&update->memory, offsetof(struct cprom__entry, values) + bytes);
    if (!entry) return NULL;
    memset(entry, 0, offsetof(struct cprom__entry, values));
    entry->member = member;
    entry->vec = member->vec;
    entry->hash = values->hash;
    entry->bytes = bytes;
    entry->exempt = (uint8_t)exempt;
    entry->by_handle = series != NULL;
    update_pack(values, entry->values);
    entry->series = cprom_series_ref(series);
    cprom__update_link(update, entry);
    return entry;
}

struct cprom__entry *cprom__update_keeper(struct cprom__member *member, const struct cprom__values *values)
{
    struct cprom__entry *keeper = update_find_entry(member->update, member->vec, values, NULL, true);
    return keeper ? keeper : update_make_entry(member, values, NULL, cprom__values_exempt(member->vec, values));
}

/* The entry of a series, found or made; `series` is NULL for one by values. `asked`: the hash of what was given. */
static cprom_status update_stage(struct cprom_update *update, struct cprom_vec *vec, const struct cprom__values *values,
                                 uint32_t asked, struct cprom_series *series, struct cprom__entry **out)
{
    struct cprom__entry *entry = update_find_entry(update, vec, values, series, false);
    *out = entry;
    if (entry) {
        if (entry->asked != asked) atomic_fetch_add_explicit(&update->registry->utf8_merged, 1, memory_order_relaxed);
        entry->asked = asked;
        return CPROM_OK;
    }
    struct cprom__member *member;
    cprom_status status = update_join(update, vec, &member);
    if (status) return status;
    *out = entry = update_make_entry(member, values, series, 0);
    if (!entry) return CPROM_ENOMEM;
    entry->asked = asked;
    return CPROM_OK;
}

/* One operation, as the program asks for it. */
struct update_wish {
    enum cprom__operation operation;
    double value;
    const cprom_labels *exemplar; /* NULL: none */
    int64_t timestamp_ms;         /* of the exemplar */
};

/* Why it cannot be kept; NULL: it is. */
static const char *update_put_exemplar(struct cprom_update *update, struct cprom__entry *entry,
                                       const struct update_wish *wish)
{
    const char *refusal;
    struct cprom__staged_exemplar *staged = cprom__arena_alloc(&update->memory, sizeof *staged);
    if (!staged) return "out of memory";
    staged->exemplar = cprom__exemplar_new(entry->vec, wish->value, *wish->exemplar, wish->timestamp_ms, &refusal);
    if (!staged->exemplar) return refusal;
    staged->next = update->exemplars;
    update->exemplars = staged;
    cprom__change_add_exemplar(&entry->change, staged);
    return NULL;
}

static cprom_status update_put(struct cprom_update *update, struct cprom__entry *entry, const struct update_wish *wish)
{
    struct cprom__observation *observation = NULL;
    if (wish->operation == CPROM__OP_OBSERVE) {
        observation = cprom__arena_alloc(&update->memory, sizeof *observation);
        if (!observation) return CPROM_ENOMEM;
    }
    cprom__change_add(&entry->change, wish->operation, wish->value, observation);
    if (wish->exemplar) cprom__exemplar_drop(entry->vec, update_put_exemplar(update, entry, wish));
    return CPROM_OK;
}

static bool update_is_fine(const struct cprom_vec *vec, double value)
{
    return !vec->ops->takes || vec->ops->takes(vec, value);
}

/* `strs` NULL: by a handle. */
static cprom_status update_answer(struct cprom_update *update, struct cprom_vec *vec, const cprom_strs *strs,
                                  cprom_status status)
{
    if (!status) return CPROM_OK;
    bool fails = status == CPROM_ENOMEM || status == CPROM_ENOENT;
    return fails ? update_fail(update, status) : cprom__refuse_entry(update, vec, strs, status);
}

static cprom_status update_stage_values(struct cprom_update *update, struct cprom_vec *vec,
                                        const struct cprom__values *values, uint32_t asked,
                                        const struct update_wish *wish)
{
    struct cprom__entry *entry;
    cprom_status status = update_stage(update, vec, values, asked, NULL, &entry);
    return status ? status : update_put(update, entry, wish);
}

/* The vector says what becomes of an entry whose values cannot be one. */
static cprom_status update_stage_bad_utf8(struct cprom_update *update, struct cprom_vec *vec,
                                          const struct cprom__values *bad, const struct update_wish *wish)
{
    struct cprom__repaired repaired;
    struct cprom__values values;
    if (vec->bad_utf8 == CPROM_UTF8_DROP) {
        cprom__vec_drop(vec, CPROM__DROP_INVALID);
        return CPROM_OK;
    }
    cprom_status status = cprom__repair(vec->registry, cprom__values_strs(bad), &repaired);
    if (status) return status;
    status = cprom__values_measure(vec, cprom__repaired_strs(&repaired), &values);
    if (!status) status = update_stage_values(update, vec, &values, bad->hash, wish);
    cprom__repaired_free(&repaired);
    return status;
}

static cprom_status update_wish_by_values(struct cprom_update *update, void *any_vec, cprom_strs strs,
                                          const struct update_wish *wish)
{
    struct cprom_vec *vec = any_vec;
    struct cprom__values values;
    if (!update || update->committed) return CPROM_EINVAL;
    bool fine = vec && vec->registry == update->registry && update_is_fine(vec, wish->value);
    cprom_status status = fine ? cprom__values_measure(vec, strs, &values) : CPROM_EINVAL;
    if (!status) status = cprom__values_check(&values);
    if (!status) status = update_stage_values(update, vec, &values, values.hash, wish);
    else if (status == CPROM_EUTF8 && vec->bad_utf8) status = update_stage_bad_utf8(update, vec, &values, wish);
    return update_answer(update, vec, &strs, status);
}

static cprom_status update_wish_by_handle(struct cprom_update *update, void *handle, const struct update_wish *wish)
{
    struct cprom_series *series = handle;
    struct cprom__entry *entry;
    if (!update || update->committed) return CPROM_EINVAL;
    struct cprom_vec *vec = series ? series->vec : NULL;
    bool fine = vec && vec->registry == update->registry && update_is_fine(vec, wish->value);
    struct cprom__values values = {.n = 0, .hash = fine ? series->hash : 0};
    cprom_status status = fine ? update_stage(update, vec, &values, values.hash, series, &entry) : CPROM_EINVAL;
    if (!status) status = update_put(update, entry, wish);
    return update_answer(update, vec, NULL, status);
}

static cprom_status update_by_values(struct cprom_update *update, void *vec, cprom_strs strs,
                                     enum cprom__operation operation, double value)
{
    return update_wish_by_values(update, vec, strs, &(struct update_wish){operation, value, NULL, 0});
}

static cprom_status update_by_handle(struct cprom_update *update, void *handle, enum cprom__operation operation,
                                     double value)
{
    return update_wish_by_handle(update, handle, &(struct update_wish){operation, value, NULL, 0});
}

cprom_status cprom_update_gauge_vec_set(cprom_update *update, cprom_gauge_vec *vec, cprom_strs values, double value)
{
    return update_by_values(update, vec, values, CPROM__OP_SET, value);
}

cprom_status cprom_update_gauge_vec_add(cprom_update *update, cprom_gauge_vec *vec, cprom_strs values, double amount)
{
    return update_by_values(update, vec, values, CPROM__OP_ADD, amount);
}

cprom_status cprom_update_counter_vec_add(cprom_update *update, cprom_counter_vec *vec, cprom_strs values,
                                          double amount)
{
    return update_by_values(update, vec, values, CPROM__OP_ADD, amount);
}

cprom_status cprom_update_histogram_vec_observe(cprom_update *update, cprom_histogram_vec *vec, cprom_strs values,
                                                double value)
{
    return update_by_values(update, vec, values, CPROM__OP_OBSERVE, value);
}

cprom_status cprom_update_summary_vec_observe(cprom_update *update, cprom_summary_vec *vec, cprom_strs values,
                                              double value)
{
    return update_by_values(update, vec, values, CPROM__OP_OBSERVE, value);
}

cprom_status cprom_update_gauge_set(cprom_update *update, cprom_gauge *gauge, double value)
{
    return update_by_handle(update, gauge, CPROM__OP_SET, value);
}

cprom_status cprom_update_gauge_add(cprom_update *update, cprom_gauge *gauge, double amount)
{
    return update_by_handle(update, gauge, CPROM__OP_ADD, amount);
}

cprom_status cprom_update_counter_add(cprom_update *update, cprom_counter *counter, double amount)
{
    return update_by_handle(update, counter, CPROM__OP_ADD, amount);
}

cprom_status cprom_update_histogram_observe(cprom_update *update, cprom_histogram *histogram, double value)
{
    return update_by_handle(update, histogram, CPROM__OP_OBSERVE, value);
}

cprom_status cprom_update_summary_observe(cprom_update *update, cprom_summary *summary, double value)
{
    return update_by_handle(update, summary, CPROM__OP_OBSERVE, value);
}

cprom_status cprom_update_info_vec_set(cprom_update *update, cprom_info_vec *vec, cprom_strs values)
{
    return update_by_values(update, vec, values, CPROM__OP_SET, 1);
}

cprom_status cprom_update_stateset_vec_set(cprom_update *update, cprom_stateset_vec *vec, cprom_strs values,
                                           unsigned state, bool on)
{
    return update_by_values(update, vec, values, on ? CPROM__OP_STATE_ON : CPROM__OP_STATE_OFF, state);
}

cprom_status cprom_update_stateset_vec_enter(cprom_update *update, cprom_stateset_vec *vec, cprom_strs values,
                                             unsigned state)
{
    return update_by_values(update, vec, values, CPROM__OP_ENTER, state);
}

/* ---- with an exemplar ---- */

cprom_status cprom_update_counter_vec_add_with_exemplar(cprom_update *update, cprom_counter_vec *vec, cprom_strs values,
                                                        double amount, cprom_labels labels, int64_t timestamp_ms)
{
    return update_wish_by_values(update, vec, values,
                                 &(struct update_wish){CPROM__OP_ADD, amount, &labels, timestamp_ms});
}

cprom_status cprom_update_histogram_vec_observe_with_exemplar(cprom_update *update, cprom_histogram_vec *vec,
                                                              cprom_strs values, double value, cprom_labels labels,
                                                              int64_t timestamp_ms)
{
    return update_wish_by_values(update, vec, values,
                                 &(struct update_wish){CPROM__OP_OBSERVE, value, &labels, timestamp_ms});
}

cprom_status cprom_update_counter_add_with_exemplar(cprom_update *update, cprom_counter *counter, double amount,
                                                    cprom_labels labels, int64_t timestamp_ms)
{
    return update_wish_by_handle(update, counter, &(struct update_wish){CPROM__OP_ADD, amount, &labels, timestamp_ms});
}

cprom_status cprom_update_histogram_observe_with_exemplar(cprom_update *update, cprom_histogram *histogram,
                                                          double value, cprom_labels labels, int64_t timestamp_ms)
{
    return update_wish_by_handle(update, histogram,
                                 &(struct update_wish){CPROM__OP_OBSERVE, value, &labels, timestamp_ms});
}
