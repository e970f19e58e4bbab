/* Makes a staged update real. */
#include <string.h>

#include "store/keep.h"
#include "store/lookup.h"
#include "store/stale.h"
#include "store/upkeep.h"
#include "update/refuse.h"
#include "update/update.h"

/*
 * Before the gate comes everything that takes time: each entry's series is looked up, or made and reserved in the map,
 * hidden; memory for events is taken. In the gate it is found out whether the update is stale, and, once the turnovers are
 * published, whether series were deleted singly before: those get others. Who deletes one from then on sees to another
 * himself. So each entry is mended once at the most. Then comes the moment (turnover.h), and nothing can fail any more: what
 * is not staged goes, hidden series are born, values are written.
 */

#define COMMIT_PORTION 256u /* entries under one hold of the map's lock */

enum commit_seal {
    COMMIT_OPEN,  /* who deletes what is staged comes before the moment */
    COMMIT_LOST,  /* likewise; there was no memory for another series, and the moment will not come */
    COMMIT_SEALED /* the moment is due */
};

/* ---- before the gate ---- */

/* The label values of an entry by labels, as a look-up wants them. */
static void commit_unpack(const struct cprom__entry *entry, struct cprom__values *values)
{
    const char *at = entry->values;
    values->n = entry->vec->desc->n_labels;
    for (size_t i = 0; i < values->n; i++) {
        size_t len = strlen(at);
        values->v[i] = at;
        values->len[i] = (uint32_t)len;
        at += len + 1;
    }
    values->bytes = entry->bytes - values->n;
    values->plain = false; /* which is told when a series is made */
    values->hash = entry->hash;
}

/* Reserves a series, unless that was done and it has not died since. */
static cprom_status commit_reserve(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series)
{
    if (*series && cprom__series_is_dead(*series)) {
        cprom__series_unreserve(vec, *series);
        *series = NULL;
    }
    return *series ? CPROM_OK : cprom__series_reserve(vec, values, series);
}

static bool commit_is_hidden(const struct cprom_series *series)
{
    return atomic_load_explicit(&series->life, memory_order_relaxed) & CPROM__LIFE_HIDDEN;
}

/* Whatever the entry may be folded into, now or when it has to get another series, has its keeper. `values`: its own. */
static cprom_status commit_link_keepers(struct cprom__entry *entry, struct cprom__values *values)
{
    for (unsigned to = 0; (to = cprom__fold_next(entry->vec, to)) != 0; entry = entry->fold) {
        if (entry->exempt & CPROM__EXEMPT_OF_VEC) break; /* it is the last: that of an owner who is called so */
        if (entry->fold) continue;
        cprom__values_fold(entry->vec, values, to);
        entry->fold = cprom__update_keeper(entry->member, values);
        if (!entry->fold) return CPROM_ENOMEM;
    }
    return CPROM_OK;
}

static cprom_status commit_reserve_entry(struct cprom__entry *entry)
{
    if (entry->by_handle || entry->exempt) return CPROM_OK;
    struct cprom__values values;
    commit_unpack(entry, &values);
    cprom_status status = commit_reserve(entry->vec, &values, &entry->series);
    if (status || !entry->vec->folds) return status;
    /* Also where all series are there: one that is deleted meanwhile is born anew, and may find no room. */
    status = commit_link_keepers(entry, &values);
    for (struct cprom__entry *keeper = entry->fold; keeper && !status; keeper = keeper->fold) {
        commit_unpack(keeper, &values);
        status = commit_reserve(keeper->vec, &values, &keeper->series);
    }
    return status;
}

/* What is over makes room, as for single updates. */
static void commit_make_room(const struct cprom__member *member)
{
    struct cprom_vec *vec = member->vec;
    if (!vec->ttl) return;
    if (vec->max_series) cprom__vec_make_room(vec);
    if (!vec->max_per_owner) return;
    const char *before = NULL; /* most often what an owner has is staged together */
    for (const struct cprom__entry *entry = member->first; entry; entry = entry->next_of_member) {
        struct cprom__values values;
        if (entry->by_handle) continue;
        commit_unpack(entry, &values);
        const char *owner = values.v[vec->owner_label];
        if (!before || strcmp(before, owner) != 0) cprom__vec_make_room_of(vec, &values);
        before = owner;
    }
}

static cprom_status commit_prepare(struct cprom_update *update)
{
    cprom_status status = CPROM_OK;
    for (struct cprom__member *member = update->members; member; member = member->next) commit_make_room(member);
    for (struct cprom__entry *entry = update->first; entry && !status; entry = entry->next)
        status = commit_reserve_entry(entry);
    for (struct cprom__scope *scope = update->scopes; scope && !status; scope = scope->next) {
        if (!scope->event) scope->event = cprom__event_new(scope->vec, &scope->match);
        if (!scope->event) status = CPROM_ENOMEM;
    }
    return status;
}

/* ---- in the gate, before the moment ---- */

/* How it is stale; flags of stale.h. */
static unsigned commit_staleness(const struct cprom_update *update)
{
    unsigned is = 0;
    if (!update->lasting) return 0;
    for (const struct cprom__scope *scope = update->scopes; scope; scope = scope->next)
        is |= cprom__stale_scope(scope->vec, &update->live, &scope->match);
    for (const struct cprom__entry *entry = update->first; entry && !(is & CPROM__STALE_DELETE); entry = entry->next) {
        if (!entry->exempt) is |= cprom__stale_series(entry->vec, &update->live, NULL, entry->series);
    }
    return is;
}

/* In a replace scope, what does not count on starts from nothing. */
static bool commit_starts_anew(const struct cprom__entry *entry, const struct cprom_series *series)
{
    return entry->member->scopes && !cprom__kind(entry->vec->ops->type)->accumulates &&
           cprom__match_any(entry->member->scopes, series);
}

/* Whether an entry of a stale update takes effect: what adds up, wherever nothing newer was first. */
static bool commit_still_counts(const struct cprom__entry *entry)
{
    const struct cprom_vec *vec = entry->vec;
    bool adds_up = vec->ops->type == CPROM_GAUGE ? !entry->change.sets && !commit_starts_anew(entry, entry->series)
                                                 : cprom__kind(vec->ops->type)->accumulates;
    return adds_up &&
           !cprom__stale_series(entry->vec, &entry->member->update->live, entry->member->scopes, entry->series);
}

/* Of a stale update: nothing is replaced, and what does not count any more is left out. Whether anything counts. */
static bool commit_leave_out(struct cprom_update *update)
{
    struct cprom__entry *entry = update->first, *next;
    struct cprom__entry *counts = NULL, **end = &counts;
    bool any = false;
    for (; entry; entry = next) {
        next = entry->next;
        bool still = !entry->exempt && commit_still_counts(entry);
        any = any || still;
        if (still || entry->exempt) {
            *end = entry;
            end = &entry->next;
        } else {
            entry->next = update->left_out;
            update->left_out = entry;
        }
    }
    *end = NULL;
    update->first = update->last = NULL;
    update->n_entries = 0;
    if (update->n_entry_slots) memset(update->entry_slots, 0, update->n_entry_slots * sizeof *update->entry_slots);
    for (struct cprom__member *member = update->members; member; member = member->next) {
        member->first = member->last = member->keepers = NULL;
        member->scopes = NULL;
    }
    for (entry = counts; entry; entry = next) {
        next = entry->next;
        cprom__update_link(update, entry);
    }
    return any;
}

static bool commit_is_gone(const struct cprom_update *update)
{
    for (const struct cprom__member *member = update->members; member; member = member->next) {
        /* acquire: pairs with the release in cprom__vec_detach(). */
        if (atomic_load_explicit(&member->vec->gone, memory_order_acquire)) return true;
    }
    return false;
}

/* Under the map's lock. What a handle stages is not made again. */
static bool commit_is_spoilt(const struct cprom__entry *entry)
{
    return !entry->by_handle && cprom__series_is_dead(entry->series);
}

/* Another series in the place of one that is dead. */
static cprom_status commit_mend(struct cprom_vec *vec, struct cprom__values *values, struct cprom_series **series)
{
    struct cprom_series *dead = *series; /* since it is, nobody else changes this */
    CPROM__SEAM(CPROM__SEAM_COMMIT_MENDS);
    cprom_status status = cprom__series_reserve(vec, values, series);
    cprom__series_unreserve(vec, dead);
    return status;
}

/* Those of a list. */
static cprom_status commit_mend_list(struct cprom_vec *vec, struct cprom__entry *entry)
{
    struct cprom__values values;
    cprom_status status = CPROM_OK;
    while (entry && !status) {
        bool spoilt = false;
        pthread_mutex_lock(&vec->map_lock);
        for (unsigned n = 0; entry && n < COMMIT_PORTION && !(spoilt = commit_is_spoilt(entry)); n++)
            entry = entry->next_of_member;
        pthread_mutex_unlock(&vec->map_lock);
        if (!spoilt) continue;
        commit_unpack(entry, &values);
        status = commit_mend(vec, &values, &entry->series);
        entry = entry->next_of_member;
    }
    return status;
}

static cprom_status commit_mend_member(struct cprom__member *member)
{
    cprom_status status = commit_mend_list(member->vec, member->first);
    return status ? status : commit_mend_list(member->vec, member->keepers);
}

/*
 * Mends what died before the turnovers were published, and seals the update. ENOMEM: it is not sealed. Model:
 * tests/models/spoilt.pml.
 */
static cprom_status commit_seal(struct cprom_update *update)
{
    unsigned seal = COMMIT_OPEN;
    cprom_status status = CPROM_OK;
    for (struct cprom__member *member = update->members; member && !status; member = member->next)
        status = commit_mend_member(member);
    /* release: pairs with the acquires in commit_note_deleted(). */
    if (!status && !atomic_compare_exchange_strong_explicit(&update->seal, &seal, COMMIT_SEALED, memory_order_release,
                                                            memory_order_relaxed))
        status = CPROM_ENOMEM;
    return status;
}

/* ---- the turnover of one vector, under the map's lock: turnover.h ---- */

static struct cprom__member *commit_member_of(const struct cprom__turnover *turnover)
{
    return (struct cprom__member *)((char *)(uintptr_t)turnover - offsetof(struct cprom__member, turnover));
}

/* The next entry behind `after` that stages this series; `after` NULL: the first. NULL: no more. */
static struct cprom__entry *commit_entry_of(const struct cprom__member *member, const struct cprom_series *series,
                                            const struct cprom__entry *after)
{
    const struct cprom_update *update = member->update;
    struct cprom__entry *entry = NULL;
    if (after) entry = after->same_slot;
    else if (update->n_entries)
        entry = update->entry_slots[cprom__update_slot(update, member->vec, series->hash, update->n_entry_slots)];
    /* The vector first: the series of others are not guarded by this lock. */
    for (; entry; entry = entry->same_slot) {
        CPROM__SEAM(CPROM__SEAM_UPDATE_COMPARES);
        if (entry->vec == member->vec && entry->series == series) return entry;
    }
    return NULL;
}

static enum cprom__verdict commit_judge(const struct cprom__turnover *turnover, const struct cprom_series *series)
{
    const struct cprom__member *member = commit_member_of(turnover);
    if (cprom__series_is_dead(series)) return CPROM__VERDICT_GOES; /* it lingers */
    enum cprom__verdict verdict = CPROM__VERDICT_GOES;
    for (const struct cprom__entry *entry = NULL; (entry = commit_entry_of(member, series, entry)) != NULL;) {
        if (!entry->exempt) return CPROM__VERDICT_STAYS;
        verdict = CPROM__VERDICT_OPEN; /* if something is folded into it, it stays */
    }
    return verdict;
}

/* All that stage the series by labels get the other one. */
static void commit_put_instead(struct cprom__member *member, const struct cprom_series *series,
                               const struct cprom__instead *instead)
{
    for (struct cprom__entry *entry = NULL; (entry = commit_entry_of(member, series, entry)) != NULL;) {
        if (!entry->by_handle) cprom__instead_take(instead, &entry->series);
    }
}

static bool commit_is_to_last(const struct cprom__member *member, const struct cprom_series *series)
{
    const struct cprom__entry *entry = NULL;
    while ((entry = commit_entry_of(member, series, entry)) != NULL && entry->by_handle) {
    }
    return entry != NULL;
}

static enum cprom__noted commit_note_deleted(struct cprom__turnover *turnover, const struct cprom_series *series,
                                             struct cprom__instead *instead)
{
    struct cprom__member *member = commit_member_of(turnover);
    if (!commit_is_to_last(member, series)) return CPROM__NOTED;
    /* acquire: of the seal; who lets the moment happen then passes on that all turnovers are published. */
    unsigned seal = atomic_load_explicit(&member->update->seal, memory_order_acquire);
    if (seal == COMMIT_SEALED) return CPROM__NOTED_DUE;
    if (!instead->asked) return CPROM__NOTED_WANTS;
    /*
     * If the seal comes now, this is before the moment all the same: whoever has seen that asks under this lock what has
     * become of the series.
     */
    if (cprom__instead_link(turnover->vec, instead)) {
        commit_put_instead(member, series, instead);
        return CPROM__NOTED;
    }
    while (seal == COMMIT_OPEN && !atomic_compare_exchange_weak_explicit(&member->update->seal, &seal, COMMIT_LOST,
                                                                         memory_order_acquire, memory_order_acquire)) {
    }
    return seal == COMMIT_SEALED ? CPROM__NOTED_DUE : CPROM__NOTED;
}

static void commit_change(const struct cprom__turnover *turnover, struct cprom_series *series,
                          const struct cprom__change *change)
{
    if (CPROM__UNLIKELY(series->vec->keep)) cprom__keep_value(series->vec->keep, series);
    cprom__series_stamp(series, turnover->epoch, turnover->removing.now);
    series->vec->ops->change(series, change);
}

/* Remembers where the value went; whether another one of this update went there before. */
static bool commit_note_target(struct cprom__entry *entry, const struct cprom_series *series)
{
    entry->target = series;
    for (const struct cprom__entry *earlier = entry->same_slot; earlier; earlier = earlier->same_slot) {
        CPROM__SEAM(CPROM__SEAM_UPDATE_COMPARES);
        if (earlier->vec == entry->vec && earlier->target == series) return true;
    }
    return false;
}

/* The keeper of a series; NULL: others are not folded into it, or it has not been reserved for that. */
static struct cprom__entry *commit_keeper_of(const struct cprom__member *member, const struct cprom_series *series)
{
    struct cprom__entry *entry = NULL;
    while (member->keepers && (entry = commit_entry_of(member, series, entry)) != NULL && !entry->exempt) {
    }
    return entry;
}

/* Whether its series has one of the vector's places. */
static bool commit_takes_place(const struct cprom__entry *keeper) { return !(keeper->exempt & CPROM__EXEMPT_OF_VEC); }

/* Before the births: like that of all that goes, its place is for them. */
static void commit_open_keeper(struct cprom__member *member, struct cprom__entry *keeper)
{
    const struct cprom_series *other = keeper->series;
    if (!other || !commit_takes_place(keeper) || commit_is_hidden(other)) return;
    keeper->open =
        cprom__match_any(member->scopes, other) && commit_judge(&member->turnover, other) == CPROM__VERDICT_OPEN;
    member->turnover.uncounted += keeper->open;
}

/*
 * The value goes to what others are folded into. If that is hidden, it is born when it has got all of them. The first takes
 * a place for it. ELIMIT: there is none.
 */
static cprom_status commit_bear_into(struct cprom__member *member, struct cprom__entry *keeper,
                                     const struct cprom__entry *entry)
{
    struct cprom_series *other = keeper->series;
    bool hidden = commit_is_hidden(other);
    if (cprom__series_is_dead(other)) return CPROM_ENOENT;
    if ((hidden && !keeper->taken) || keeper->open) {
        cprom_status status = cprom__series_may_be_born(member->vec, other, keeper->exempt);
        if (status) return status;
        member->turnover.born += hidden && commit_takes_place(keeper);
        member->turnover.uncounted -= keeper->open;
        keeper->open = false;
    }
    if (hidden) member->vec->ops->change(other, &entry->change);
    else commit_change(&member->turnover, other, &entry->change);
    keeper->taken++;
    keeper->folded += entry->series != other;
    return CPROM_OK;
}

/* Of the series that it may be folded into, the value goes to the first that is there or may be born. */
static cprom_status commit_fold(struct cprom__member *member, struct cprom__entry *keeper,
                                const struct cprom__entry *entry)
{
    cprom_status status = CPROM_ELIMIT;
    for (; keeper && status == CPROM_ELIMIT; keeper = keeper->fold) status = commit_bear_into(member, keeper, entry);
    return status;
}

static cprom_status commit_reveal(struct cprom__member *member, struct cprom_series *series, unsigned exempt,
                                  const struct cprom__change *change)
{
    const struct cprom__birth birth = {
        .exempt = exempt, .epoch = member->turnover.epoch, .now = member->turnover.removing.now, .change = change};
    cprom_status status = cprom__series_reveal(member->vec, series, &birth);
    member->turnover.born += status == CPROM_OK;
    return status;
}

/*
 * A hidden series is born with the values of all entries that stage its labels: there are several where one by a handle
 * came in between.
 */
static cprom_status commit_bear_hidden(struct cprom__member *member, struct cprom__entry *first)
{
    struct cprom_series *series = first->series;
    /* Those of one slot hang together newest first. */
    struct cprom__entry *entry = NULL, *oldest = NULL;
    while ((entry = commit_entry_of(member, series, entry)) != NULL) {
        if (entry->by_handle) continue;
        entry->next_of_birth = oldest;
        oldest = entry;
    }
    if (oldest == first && !first->next_of_birth) return commit_reveal(member, series, 0, &first->change);
    cprom_status status = cprom__series_may_be_born(member->vec, series, 0);
    if (status) return status;
    for (entry = oldest; entry; entry = entry->next_of_birth) {
        member->vec->ops->change(series, &entry->change);
        entry->borne = true;
    }
    return commit_reveal(member, series, 0, NULL);
}

static void commit_bear_entry(struct cprom__member *member, struct cprom__entry *entry)
{
    struct cprom_series *series = entry->series;
    struct cprom__entry *keeper = commit_keeper_of(member, series);
    cprom_status status = CPROM_OK;
    if (cprom__series_is_dead(series)) status = CPROM_ENOENT; /* by a handle, or the vector is unregistered */
    else if (keeper) status = commit_fold(member, keeper, entry);
    else if (commit_is_hidden(series)) {
        status = commit_bear_hidden(member, entry);
        if (!status) commit_note_target(entry, series);
        member->created += !status;
        if (status == CPROM_ELIMIT) status = commit_fold(member, entry->fold, entry);
    } else if (commit_note_target(entry, series)) {
        commit_change(&member->turnover, series, &entry->change);
    } else {
        struct cprom__change change = entry->change;
        if (commit_starts_anew(entry, series)) cprom__change_anew(&change, entry->vec->ops->type);
        commit_change(&member->turnover, series, &change);
        member->updated++;
    }
    if (status) member->dropped[status == CPROM_ELIMIT ? CPROM__DROP_LIMIT : CPROM__DROP_DETACHED]++;
}

/* What others were folded into is born; or, if it was kept for that only and nothing was, it goes like the rest. */
static void commit_settle_keeper(struct cprom__member *member, struct cprom__entry *keeper)
{
    struct cprom_series *other = keeper->series;
    if (!other) return;
    bool hidden = commit_is_hidden(other);
    member->turnover.uncounted -= keeper->open;
    if (keeper->taken && hidden) {
        member->turnover.born -= commit_takes_place(keeper);                  /* for the birth, which takes it */
        if (commit_reveal(member, other, keeper->exempt, NULL) != CPROM_OK) { /* the vector is unregistered */
            member->dropped[CPROM__DROP_DETACHED] += keeper->taken;
            return;
        }
    } else if (!keeper->taken && !hidden && !cprom__series_is_dead(other) && cprom__match_any(member->scopes, other)) {
        cprom__turnover_kill(&member->turnover, other, 0);
    }
    member->created += keeper->taken && hidden;
    member->updated += keeper->taken && !hidden;
    member->folded += keeper->folded;
}

static bool commit_bear(struct cprom__turnover *turnover)
{
    struct cprom__member *member = commit_member_of(turnover);
    unsigned n = 0;
    for (; member->opens && n < COMMIT_PORTION; n++) {
        commit_open_keeper(member, member->opens);
        member->opens = member->opens->next_of_member;
    }
    for (; !member->opens && member->bears && n < COMMIT_PORTION; n++) {
        if (!member->bears->borne) commit_bear_entry(member, member->bears);
        member->bears = member->bears->next_of_member;
    }
    for (; !member->opens && !member->bears && member->settles && n < COMMIT_PORTION; n++) {
        commit_settle_keeper(member, member->settles);
        member->settles = member->settles->next_of_member;
    }
    return member->opens || member->bears || member->settles;
}

static const struct cprom__staging commit_staging = {commit_judge, commit_note_deleted, commit_bear};

/* ---- the whole ---- */

/* One reading of the clock for all that the commit stamps: in the gate, for which it may have waited. */
static int64_t commit_now(const struct cprom_update *update)
{
    const struct cprom__member *member = update->members;
    while (member && !member->vec->ttl) member = member->next;
    return member ? cprom__monotonic_now(update->registry) : 0;
}

static struct cprom__turnover *commit_turnovers(struct cprom_update *update)
{
    int64_t now = commit_now(update);
    uint64_t epoch = cprom__moment_next(update->registry);
    const struct cprom__removing removing = {
        .reason = CPROM__REMOVED_REPLACE, .touched_since = epoch, .epoch = epoch, .now = now};
    struct cprom__turnover *first = NULL;
    for (struct cprom__member *member = update->members; member; member = member->next) {
        member->turnover = cprom__turnover_of(member->vec, member->scopes, &removing, epoch);
        member->turnover.staging = &commit_staging;
        member->turnover.next = first;
        first = &member->turnover;
        member->bears = member->first;
        member->opens = member->settles = member->keepers;
    }
    return first;
}

/* A gather that lets this commit in shows values as they were before it. ENOMEM. */
static cprom_status commit_reserve_keeps(const struct cprom_update *update)
{
    for (const struct cprom__member *member = update->members; member; member = member->next) {
        size_t n = 0;
        if (!member->vec->keep) continue;
        /* Each value goes to one series: its own, or what it is folded into. */
        for (const struct cprom__entry *entry = member->first; entry; entry = entry->next_of_member) n++;
        if (!cprom__keep_reserve(member->vec->keep, n)) return CPROM_ENOMEM;
    }
    return CPROM_OK;
}

/* In the gate. */
static cprom_status commit_happen(struct cprom_update *update, cprom_result *result)
{
    cprom_status status = commit_reserve_keeps(update);
    if (status) return status;
    struct cprom__turnover *first = commit_turnovers(update);
    if (!first) return CPROM_OK;
    atomic_store_explicit(&update->seal, COMMIT_OPEN, memory_order_relaxed);
    cprom__turnover_publish(first);
    status = commit_seal(update);
    if (status) {
        cprom__turnover_withdraw(first);
        return status;
    }
    CPROM__SEAM(CPROM__SEAM_COMMIT_SEALED);
    cprom__moment_happens(update->registry, first->epoch);
    CPROM__SEAM(CPROM__SEAM_COMMIT_HALF);
    struct cprom_registry *registry = update->registry;
    for (struct cprom__scope *scope = update->stale ? NULL : update->scopes; scope; scope = scope->next) {
        pthread_mutex_lock(&registry->updates_lock);
        cprom__event_number(registry, scope->event, &update->live);
        pthread_mutex_unlock(&registry->updates_lock);
        cprom__event_keep(scope->vec, scope->event);
        scope->event = NULL;
    }
    result->removed = cprom__turnover_finish(first);
    return CPROM_OK;
}

static void commit_tell(const struct cprom__member *member, cprom_result *result)
{
    struct cprom_registry *registry = member->vec->registry;
    result->created += member->created;
    result->updated += member->updated;
    if (member->folded) atomic_fetch_add_explicit(&registry->folded, member->folded, memory_order_relaxed);
    for (enum cprom__drop reason = 0; reason < CPROM__DROPS; reason++) {
        size_t n = member->dropped[reason];
        if (!n) continue;
        result->refused += n;
        atomic_fetch_add_explicit(&registry->dropped[reason], n - 1, memory_order_relaxed);
        cprom__vec_drop(member->vec, reason);
    }
}

/* In the gate. */
static bool commit_meets_removal(const struct cprom_update *update)
{
    for (const struct cprom__member *member = update->members; member; member = member->next) {
        /* acquire: pairs with the release in turnover_advance(). */
        if (atomic_load_explicit(&member->vec->turnover, memory_order_acquire)) return true;
    }
    return false;
}

/*
 * Enters the gate when no removal is half done in any of its vectors; in others it may be. true: it is in the removals'
 * gate as well, so that none can begin between the two.
 */
static bool commit_enter(const struct cprom_update *update)
{
    struct cprom_registry *registry = update->registry;
    cprom__gate_enter(&registry->gate);
    if (!commit_meets_removal(update)) return false;
    cprom__gate_leave(&registry->gate);
    cprom__gate_enter(&registry->removal_gate);
    cprom__gate_enter(&registry->gate);
    return true;
}

static void commit_leave(const struct cprom_update *update, bool removal_gate)
{
    cprom__gate_leave(&update->registry->gate);
    if (removal_gate) cprom__gate_leave(&update->registry->removal_gate);
}

/* In the gate. */
static cprom_status commit_in_gate(struct cprom_update *update, cprom_result *result)
{
    if (commit_is_gone(update)) return CPROM_ENOENT;
    unsigned stale = commit_staleness(update);
    if (stale) {
        update->stale = stale & CPROM__STALE_DELETE ? CPROM_STALE_DELETE : CPROM_STALE_SCOPE;
        if (!commit_leave_out(update)) return CPROM_OK;
    }
    return commit_happen(update, result);
}

/* What it comes to, where the change was made. */
static cprom_status commit_outcome(const struct cprom_update *update, cprom_result *result)
{
    for (const struct cprom__member *member = update->members; member; member = member->next)
        commit_tell(member, result);
    result->reason = update->stale;
    if (update->stale) {
        atomic_fetch_add_explicit(&update->registry->dropped[CPROM__DROP_STALE], 1, memory_order_relaxed);
        return CPROM_ESTALE;
    }
    return result->refused ? CPROM_EPARTIAL : CPROM_OK;
}

static cprom_status commit(struct cprom_update *update, cprom_result *result)
{
    cprom_status status = commit_prepare(update);
    if (status) return status;
    CPROM__SEAM(CPROM__SEAM_COMMIT_READY);
    bool removal_gate = commit_enter(update);
    status = commit_in_gate(update, result);
    commit_leave(update, removal_gate);
    if (status == CPROM_ENOMEM) return status;
    update->committed = true;
    cprom__update_retire(update);
    CPROM__SEAM(CPROM__SEAM_GIVE_BACK);
    cprom__update_give_back(update);
    if (!status) status = commit_outcome(update, result);
    for (struct cprom__member *member = update->members; member; member = member->next) cprom__vec_upkeep(member->vec);
    return status;
}

cprom_status cprom_update_commit(cprom_update *update, cprom_result *result)
{
    cprom_result local;
    if (!result) result = &local;
    memset(result, 0, sizeof *result);
    if (!update || update->committed) return CPROM_EINVAL;
    result->refused = update->refused;
    cprom__refuse_rest(update);
    if (!update->status) return commit(update, result);
    if (update->status != CPROM_ENOMEM) {
        update->committed = true;
        cprom__update_retire(update);
    }
    return update->status;
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
