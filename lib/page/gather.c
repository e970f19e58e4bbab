/* Takes the snapshot of a registry and its descendants. */
#include "page/gather.h"

#include <string.h>

#include "base/unwind.h"

#include "page/collect.h"
#include "page/merge.h"
#include "page/shown.h"
#include "registry/hold.h"
#include "registry/tree.h"
#include "store/keep.h"
#include "store/reclaim.h"
#include "store/sort.h"
#include "store/upkeep.h"

#define GATHER_AHEAD 24u           /* how many series before its turn one is fetched into the cache */
#define GATHER_RECLAIMED_MAX 4096u /* series that closing a page reclaims at the most */
#define GATHER_EXPIRED_MAX 4096u /* series whose time is over that it removes; the others are not shown, and go later */
#define GATHER_TAIL_ROOM 64u     /* rows kept free for what is created between the sort and the copying */

/* Cells that are copied before those who wait at the gate are let in; few, where tests let them in everywhere. */
#ifdef CPROM_SEAMS
#define GATHER_PORTION 2
#else
#define GATHER_PORTION 65536
#endif

/* One vector of a snapshot while it is taken. */
struct gather_part {
    struct cprom_vec *vec;
    struct cprom__group group;
    size_t room;                  /* for rows */
    uint64_t *words;              /* for what rows have beside themselves; moves on as they are filled */
    uint32_t tail;                /* series that came in after the sort */
    struct cprom__row *tail_rows; /* of these, in no order: what stands in the group's rows is not moved in the gate */
    size_t n_tail;
    bool timed;                       /* the vector has a ttl or lets series linger */
    const struct cprom_series **over; /* sorted series that have no row, since their time is over; where timed */
    size_t n_over;
    struct cprom__keep keep; /* once others were let in, until it is copied */
};

/* What one registry gives, while it is taken. */
struct gather_taking {
    struct cprom__snapshot *snapshot;
    struct cprom__source *source;
    const struct cprom__collection *collection; /* NULL: one vector only, which needs no list */
    struct cprom__view_of view;                 /* what the page decides by */
    struct gather_part *parts;                  /* sorted by name */
    size_t n, copied;                           /* parts */
    int64_t portion;                            /* cells that are left of it */
    bool interrupted;                           /* others were let in between two portions */
    uint64_t registrations;                     /* of the registry when the parts were listed */
};

/* ---- copying ---- */

static void gather_add_exemplars(struct cprom__row *row, uint64_t *words)
{
    const struct cprom_vec *vec = row->series->vec;
    uint64_t *exemplars = words + cprom__row_exemplars_at(vec);
    row->words = words;
    for (unsigned i = 0; i < vec->n_exemplars; i++) {
        /* What came after the values were read: a bucket that counts nothing has none. */
        bool early = vec->desc->kind->bucket_exemplars && !words[i];
        exemplars[i] = early ? 0 : (uintptr_t)cprom__exemplar_look(&cprom__series_exemplars(row->series)[i]);
    }
}

static void gather_copy_row(struct cprom__row *row, const struct cprom_series *series, uint64_t *words)
{
    const struct cprom_vec *vec = series->vec;
    row->series = series;
    if (CPROM__LIKELY(!cprom__row_words_of(vec))) {
        vec->ops->read(series, &row->bits);
        return;
    }
    vec->ops->read(series, words);
    gather_add_exemplars(row, words);
}

/* Gives back what the rows of one vector hold. */
static void gather_release_rows(const struct cprom__row *rows, size_t n)
{
    unsigned n_exemplars = n ? rows->series->vec->n_exemplars : 0;
    for (size_t i = 0; n_exemplars && i < n; i++) {
        for (unsigned k = 0; k < n_exemplars; k++) cprom__exemplar_unref(cprom__row_exemplar(&rows[i], k));
    }
}

static void gather_release_part(struct gather_part *part)
{
    gather_release_rows(part->group.rows, part->group.n_rows);
    gather_release_rows(part->tail_rows, part->n_tail);
    part->group.n_rows = part->n_tail = 0;
}

/* As commits that were let in have found the series, or as it is. `*over`: its time is, so that it may go. */
static bool gather_shows(const struct gather_part *part, const struct cprom_series *series,
                         const struct cprom__view_of *view, bool *over)
{
    const struct cprom__keep_place *kept = cprom__keep_find(&part->keep, series);
    if (!kept) return cprom__series_shown(series, view, over);
    *over = false;
    return kept->words != NULL;
}

/* Out of line, so that series that are alive and vectors without time do not pay for it. What is over is put aside. */
static CPROM__NOINLINE bool gather_decides(struct gather_part *part, const struct cprom_series *series,
                                           const struct cprom__view_of *view)
{
    bool over, shown = gather_shows(part, series, view, &over);
    if (over) part->over[part->n_over++] = series;
    return shown;
}

/* A portion is copied: lets in who waits. They keep what they write over, of all that is not copied yet. */
static CPROM__NOINLINE void gather_let_others_in(struct gather_taking *taking)
{
    struct cprom__gate *gate = &taking->source->registry->gate;
    taking->portion = GATHER_PORTION;
    if (!cprom__gate_is_wanted(gate)) return;
    for (size_t i = taking->copied; i < taking->n && !taking->interrupted; i++)
        cprom__keep_begin(&taking->parts[i].keep, taking->parts[i].vec, &taking->view);
    taking->interrupted = true;
    CPROM__SEAM(CPROM__SEAM_GATHER_PORTION);
    cprom__gate_leave(gate);
    cprom__gate_enter(gate);
}

/* Cells of a series. A striped one has them in each stripe; a vector that has some is counted as if it had no others. */
static size_t gather_cells_of(struct cprom_vec *vec)
{
    bool striped = atomic_load_explicit(&vec->striped_cells, memory_order_relaxed) > 0;
    return (vec->n_cells ? vec->n_cells : 1) * (striped ? cprom__cell_rows() : 1);
}

/* How many of the next n series of so many cells come before others are let in: at least one. */
static inline uint32_t gather_portion(struct gather_taking *taking, uint32_t n, size_t cells)
{
    if (CPROM__UNLIKELY(taking->portion <= 0)) gather_let_others_in(taking);
    size_t most = ((size_t)taking->portion + cells - 1) / cells;
    if (n > most) n = (uint32_t)most;
    taking->portion -= (int64_t)(n * cells);
    return n;
}

/* Once others were let in: what they have kept of the series; false: nothing. */
static CPROM__NOINLINE bool gather_copy_kept(const struct gather_part *part, struct cprom__row *row,
                                             const struct cprom_series *series)
{
    const struct cprom__keep_place *kept = cprom__keep_find(&part->keep, series);
    if (!kept) return false;
    row->series = series;
    if (cprom__row_words_of(part->vec)) {
        memcpy(part->words, kept->words, part->vec->n_cells * sizeof *kept->words);
        gather_add_exemplars(row, part->words);
    } else {
        row->bits = *kept->words;
    }
    return true;
}

/* Copies the sorted series; those that are dead drop out of the order. Cannot fail: the rows are there. */
static void gather_copy_sorted(struct gather_taking *taking, struct gather_part *part)
{
    struct cprom_vec *vec = part->vec;
    const struct cprom__view_of *view = &taking->view;
    struct cprom__reclaimer *reclaimer = &vec->registry->reclaimer;
    const struct cprom__slab_dir *dir = cprom__slab_dir(reclaimer->slab); /* what is in the order is older than this */
    struct cprom__order *order = &vec->order;
    struct cprom__chain dead = {0, 0, 0};
    struct cprom__row *rows = part->group.rows;
    size_t words_each = cprom__row_words_of(vec), cells = gather_cells_of(vec), n_rows = 0;
    bool sparse = false, in_place = false;
    /* Whoever is alive, in a vector without time, is shown. */
    const uint64_t asks = part->timed ? UINT64_MAX : CPROM__LIFE_DEAD | CPROM__LIFE_HIDDEN;
    for (size_t c = 0; c < order->n_sorted; c++) {
        struct cprom__order_chunk *chunk = order->sorted[c];
        struct cprom__order_chunk *next = c + 1 < order->n_sorted ? order->sorted[c + 1] : NULL;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the order has a chunk in every place below n_sorted */
        uint32_t n = chunk->n, kept = 0, end = 0;
        for (uint32_t i = 0; i < n; i++) {
            if (CPROM__UNLIKELY(i == end)) {
                end += gather_portion(taking, n - end, cells);
                in_place = !words_each && !taking->interrupted;
            }
            if (i + GATHER_AHEAD < n) CPROM__PREFETCH(cprom__slab_in(dir, chunk->indexes[i + GATHER_AHEAD]));
            else if (next && i + GATHER_AHEAD - n < next->n)
                CPROM__PREFETCH(cprom__slab_in(dir, next->indexes[i + GATHER_AHEAD - n]));
            uint32_t index = chunk->indexes[i];
            struct cprom_series *series = cprom__slab_in(dir, index);
            /*
             * acquire: pairs with the release in cprom__vec_kill(); see the second look at `gone` in
             * gather_copy_all().
             */
            uint64_t life = atomic_load_explicit(&series->life, memory_order_acquire);
            if (CPROM__UNLIKELY((life & CPROM__LIFE_UNLINKED) && cprom__series_past(series, view->snapshot))) {
                cprom__chain_add(reclaimer, &dead, index, view->snapshot - 1);
                continue;
            }
            chunk->indexes[kept++] = index;
            if (CPROM__UNLIKELY(life & asks) && !gather_decides(part, series, view)) continue;
            struct cprom__row *row = &rows[n_rows++];
            if (CPROM__LIKELY(in_place && !series->striped)) { /* the row's word is the series', whatever it means */
                row->series = series;
                row->bits = atomic_load_explicit(&series->value, memory_order_relaxed);
                continue;
            }
            if (CPROM__LIKELY(!taking->interrupted) || !gather_copy_kept(part, row, series))
                gather_copy_row(row, series, part->words);
            part->words += words_each;
        }
        order->n_sorted_series -= n - kept;
        chunk->n = kept;
        sparse |= kept < n && kept <= CPROM__ORDER_SPARSE;
    }
    part->group.n_rows = n_rows;
    if (sparse) cprom__order_prune(order, reclaimer);
    atomic_fetch_sub_explicit(&vec->dead, dead.n, memory_order_relaxed);
    cprom__retire_chain(reclaimer, &dead);
}

/* Copies what was created since the sort, in no order; false: out of memory. */
static bool gather_copy_tail(struct gather_taking *taking, struct gather_part *part)
{
    struct cprom__arena *memory = &taking->snapshot->memory;
    struct cprom__slab *slab = &part->vec->registry->slab;
    size_t n = 0, words_each = cprom__row_words_of(part->vec), cells = gather_cells_of(part->vec);
    for (uint32_t index = part->tail; index; n++) {
        gather_portion(taking, 1, 1); /* to count one takes as long as to copy a cell */
        index = ((struct cprom_series *)cprom__slab_at(slab, index))->next;
    }
    part->tail_rows = cprom__arena_alloc(memory, n * sizeof *part->tail_rows);
    part->words = cprom__arena_alloc(memory, n * words_each * sizeof *part->words);
    if (!part->tail_rows || !part->words) return false;
    for (uint32_t index = part->tail; index;) {
        const struct cprom_series *series = cprom__slab_at(slab, index);
        bool over;
        index = series->next;
        gather_portion(taking, 1, cells);
        /* What was born since the page has its number is not on it. If it is over, the next gather sees to it. */
        if (series->birth >= taking->view.snapshot || !gather_shows(part, series, &taking->view, &over)) continue;
        struct cprom__row *row = &part->tail_rows[part->n_tail++];
        if (!taking->interrupted || !gather_copy_kept(part, row, series)) gather_copy_row(row, series, part->words);
        part->words += words_each;
    }
    return true;
}

/* Room for the tail behind the other rows; false: out of memory. */
static bool gather_reserve_tail(struct gather_part *part, struct cprom__arena *memory)
{
    struct cprom__group *group = &part->group;
    if (group->n_rows + part->n_tail <= part->room) return true;
    part->room = group->n_rows + part->n_tail;
    struct cprom__row *rows = cprom__arena_alloc(memory, part->room * sizeof *rows);
    if (!rows) return false;
    if (group->n_rows) memcpy(rows, group->rows, group->n_rows * sizeof *rows);
    group->rows = rows;
    return true;
}

/* Sorts the tail and merges it into the rows; false: out of memory. */
static bool gather_sort_tail(struct gather_part *part, struct cprom__arena *memory)
{
    size_t sorted = part->group.n_rows, n = part->n_tail;
    if (!n) return true;
    struct cprom__order_item *items = cprom__arena_alloc(memory, n * sizeof *items);
    if (!items || !gather_reserve_tail(part, memory)) return false;
    struct cprom__row *rows = part->group.rows;
    const struct cprom__row *tail = part->tail_rows;
    for (size_t i = 0; i < n; i++) items[i] = cprom__order_item(tail[i].series, (uint32_t)i);
    cprom__order_sort_items(items, n);
    part->group.n_rows += n;
    part->n_tail = 0;
    /* From the last: each goes to its place, and what belongs behind it moves there, once. */
    while (n--) {
        size_t low = 0, high = sorted;
        while (low < high) {
            size_t middle = low + (high - low) / 2;
            if (cprom__series_compare(rows[middle].series, items[n].series) < 0) low = middle + 1;
            else high = middle;
        }
        memmove(rows + low + n + 1, rows + low, (sorted - low) * sizeof *rows);
        rows[low + n] = tail[items[n].tag];
        sorted = low;
    }
    return true;
}

/* ---- listing ---- */

static uint64_t gather_registrations_of(const struct cprom_registry *registry)
{
    return atomic_load_explicit(&registry->registrations, memory_order_relaxed);
}

static struct gather_part gather_part(struct cprom_vec *vec)
{
    return (struct gather_part){.vec = vec,
                                .group = {.desc = vec->desc, .has_exemplars = vec->n_exemplars > 0},
                                .timed = vec->ttl || vec->linger};
}

/* Whether a family of one registry and a newer one of another cannot be on one page. */
static bool gather_bars(const struct cprom__desc *old, const struct cprom_registry *its, const struct cprom__desc *new,
                        const struct cprom_registry *registry)
{
    if (strcmp(old->name, new->name) != 0) return cprom__desc_collides(old, new);
    return !cprom__registry_apart(its, registry) || !cprom__desc_agrees(old, new);
}

/*
 * Whether a family that was registered during the gather can be on its page: it was not checked against what callbacks
 * emitted, nor against what is copied already, though perhaps unregistered. With what is still registered in the tree it
 * agrees.
 */
static bool gather_fits(const struct cprom__collection *collection, const struct cprom__source *source,
                        const struct cprom__desc *desc)
{
    const struct cprom__snapshot *snapshot = collection->snapshot;
    const struct cprom_registry *registry = source->registry;
    for (const struct cprom__kept *kept = collection->first_kept; kept; kept = kept->next) {
        if (gather_bars(kept->desc, kept->source->registry, desc, registry)) return false;
    }
    for (size_t i = 0; i < snapshot->n_groups; i++) {
        const struct cprom__group *group = &snapshot->groups[i];
        if (gather_bars(group->desc, group->rows->series->vec->registry, desc, registry)) return false;
    }
    return true;
}

static bool gather_is_new(const struct cprom__source *source, const struct cprom_vec *vec)
{
    const struct cprom__family *family = cprom__families_find(source->families, vec->desc->name);
    return !family || family->vec != vec;
}

/* Whether something was registered since the vectors were listed. */
static bool gather_is_late(const struct gather_taking *taking)
{
    return taking->collection && taking->registrations != gather_registrations_of(taking->source->registry);
}

/*
 * Lists the vectors as they are now; false: out of memory. Parts that were listed before stay as they are, and those
 * that are not registered any more go. What was registered since the gather began comes in, unless it does not fit.
 */
static bool gather_list(struct gather_taking *taking)
{
    struct cprom__source *source = taking->source;
    const struct cprom__collection *collection = taking->collection;
    const struct gather_part *before = taking->parts;
    size_t n_before = taking->n, k = 0;
    if (!collection) return true;
    taking->registrations = gather_registrations_of(source->registry); /* first: one that comes between is seen */
    struct cprom__families *families;
    cprom_status status = cprom__registry_families(source->registry, &families);
    if (status == CPROM_ENOMEM) return false;
    if (status) { /* freed meanwhile */
        families = source->n_listed ? source->listed[source->n_listed - 1] : source->families;
        cprom__families_ref(families);
    }
    source->listed[source->n_listed++] = families;
    taking->parts = cprom__arena_alloc(&taking->snapshot->memory, families->n * sizeof *taking->parts);
    taking->n = 0;
    for (size_t i = 0; taking->parts && i < families->n; i++) {
        struct cprom_vec *vec = families->v[i].vec;
        if (!vec || !cprom__filter_lets(collection->filter, vec->desc)) continue;
        while (k < n_before && strcmp(before[k].vec->desc->name, vec->desc->name) < 0) k++;
        if (k < n_before && before[k].vec == vec) taking->parts[taking->n++] = before[k];
        else if (families == source->families || !gather_is_new(source, vec) ||
                 gather_fits(collection, source, vec->desc))
            taking->parts[taking->n++] = gather_part(vec);
    }
    CPROM__SEAM(CPROM__SEAM_GATHER_LISTED);
    return taking->parts != NULL;
}

/* ---- taking ---- */

/* Room for all that is sorted, however many of it are over. */
static bool gather_reserve(struct gather_part *part, struct cprom__arena *memory)
{
    size_t n = part->vec->order.n_sorted_series;
    part->room = n + GATHER_TAIL_ROOM;
    part->group.rows = cprom__arena_alloc(memory, part->room * sizeof *part->group.rows);
    part->words = cprom__arena_alloc(memory, n * cprom__row_words_of(part->vec) * sizeof *part->words);
    if (part->timed) part->over = cprom__arena_alloc(memory, n * sizeof *part->over);
    return part->group.rows && part->words && (part->over || !part->timed);
}

/* Under the order lock: what can be done before the gate. */
static bool gather_prepare(struct gather_taking *taking)
{
    for (size_t i = 0; i < taking->n; i++) {
        struct cprom_vec *vec = taking->parts[i].vec;
        struct cprom__reclaimer *reclaimer = &vec->registry->reclaimer;
        struct cprom__chain dead = {0, 0, 0};
        bool done = cprom__order_drain(&vec->order, reclaimer, &dead, cprom__snapshot_now(reclaimer));
        atomic_fetch_sub_explicit(&vec->dead, dead.n, memory_order_relaxed);
        cprom__retire_chain(reclaimer, &dead);
        if (!done || !cprom__order_sort(&vec->order, reclaimer)) return false;
        if (!gather_reserve(&taking->parts[i], &taking->snapshot->memory)) return false;
    }
    return true;
}

/*
 * Whether a source is still of the page's tree: a child is on the page whole or not at all. One that was freed left the
 * tree before anything of it died. So did what stood below it, and nobody compares the families of two trees.
 */
static bool gather_is_below(struct cprom_registry *top, struct cprom_registry *at)
{
    if (at == top) return true;
    cprom__tree_lock(top);
    bool below = cprom__tree_is_below(top, at);
    cprom__tree_unlock(top);
    return below;
}

/* In the gate; false: out of memory. */
static bool gather_copy_part(struct gather_taking *taking, struct gather_part *part)
{
    /* acquire: pairs with the release in cprom__vec_detach(). */
    bool done = true, gone = atomic_load_explicit(&part->vec->gone, memory_order_acquire);
    if (!gone) {
        CPROM__SEAM(CPROM__SEAM_GATHER_VECTOR);
        gather_copy_sorted(taking, part);
        done = !part->tail || gather_copy_tail(taking, part);
        /* Unregistering does not wait for the gate. If it killed a series under this copying, the flag is seen here. */
        gone = atomic_load_explicit(&part->vec->gone, memory_order_acquire);
    }
    if (gone) gather_release_part(part);
    cprom__keep_end(&part->keep);
    return done;
}

/*
 * In the gate. The page's number is its moment: it shows what was born before and had not died by then. So a series that
 * dies and is made again meanwhile is on it as the old one, never as both. All tails are cut before anything is copied.
 * Models: tests/models/snapshot.pml, linger.pml.
 */
static void gather_cut(struct gather_taking *taking)
{
    struct cprom__source *source = taking->source;
    struct cprom__reclaimer *reclaimer = &source->registry->reclaimer;
    CPROM__SEAM(CPROM__SEAM_GATHER_COPIES);
    cprom__pin(reclaimer, &source->pin);
    source->pinned = true;
    taking->view.snapshot = source->pin.snapshot;
    /* Behind the number: what died before it does not seem to have lingered, or been used, later than this. */
    taking->view.now = cprom__monotonic_now(source->registry);
    for (size_t i = 0; i < taking->n; i++) {
        struct cprom_vec *vec = taking->parts[i].vec;
        if (!vec->linger) continue;
        /* Who has ended a lingering with an older number has the new series alive before it gives the lock back. */
        pthread_mutex_lock(&vec->map_lock);
        pthread_mutex_unlock(&vec->map_lock);
    }
    for (size_t i = 0; i < taking->n; i++) {
        CPROM__SEAM(CPROM__SEAM_GATHER_CUTS);
        taking->parts[i].tail = cprom__order_take(&taking->parts[i].vec->order, reclaimer->slab);
    }
}

/* In the gate, in portions; false: out of memory. */
static bool gather_copy_all(struct gather_taking *taking)
{
    taking->portion = GATHER_PORTION;
    bool done = true;
    for (taking->copied = 0; taking->copied < taking->n && done; taking->copied++)
        done = gather_copy_part(taking, &taking->parts[taking->copied]);
    for (size_t i = taking->copied; i < taking->n; i++) cprom__keep_end(&taking->parts[i].keep);
    taking->source->gone = !gather_is_below(taking->snapshot->registry, taking->source->registry);
    return done;
}

/* Room for `n` more; after the copying, since mostly they are all. */
static bool gather_reserve_groups(struct cprom__snapshot *snapshot, size_t n)
{
    size_t room = snapshot->groups_room * 2;
    if (snapshot->groups && snapshot->n_groups + n <= snapshot->groups_room) return true;
    if (room < snapshot->n_groups + n) room = snapshot->n_groups + n;
    struct cprom__group *groups = cprom__arena_alloc(&snapshot->memory, room * sizeof *groups);
    if (!groups) return false;
    if (snapshot->n_groups) memcpy(groups, snapshot->groups, snapshot->n_groups * sizeof *groups);
    snapshot->groups = groups;
    snapshot->groups_room = room;
    return true;
}

/* Under the order lock: the upkeep of vectors that are not on the page. */
static void gather_catch_up(const struct gather_taking *taking)
{
    const struct cprom__families *families = taking->source->families;
    if (taking->collection && !taking->collection->filter->n) return; /* all are on it */
    for (size_t i = 0; i < families->n; i++) {
        if (families->v[i].vec) cprom__vec_catch_up(families->v[i].vec);
    }
}

/*
 * Appends to the snapshot's groups; false: out of memory. What is registered meanwhile may be changed together with
 * what is listed, and the page would show the half of it. So the list is looked at once more in the gate, where who
 * changes what comes later waits. Nothing begins anew for it.
 */
static bool gather_take(struct gather_taking *taking)
{
    struct cprom__snapshot *snapshot = taking->snapshot;
    struct cprom_registry *registry = taking->source->registry;
    cprom__gate_enter(&registry->order_lock);
    bool done = gather_list(taking) && gather_prepare(taking);
    if (done) {
        CPROM__SEAM(CPROM__SEAM_GATHER_READY);
        /* When the page gets its number, no removal is half done. What dies behind that is on the page anyway. */
        cprom__gate_enter(&registry->removal_gate);
        cprom__gate_enter(&registry->gate);
        /* Newcomers are all tail: only who has the order lock takes series off an intake. */
        done = !gather_is_late(taking) || gather_list(taking);
        if (done) gather_cut(taking);
        cprom__gate_leave(&registry->removal_gate);
        if (done) CPROM__SEAM(CPROM__SEAM_GATHER_CUT);
        done = done && gather_copy_all(taking);
        cprom__gate_leave(&registry->gate);
    }
    gather_catch_up(taking);
    cprom__gate_leave(&registry->order_lock);
    done = done && gather_reserve_groups(snapshot, taking->n);
    size_t expired = 0;
    for (size_t i = 0; i < taking->n && done; i++) {
        struct gather_part *part = &taking->parts[i];
        for (size_t k = 0; k < part->n_over && expired < GATHER_EXPIRED_MAX; k++, expired++)
            cprom__vec_expire(part->vec, part->over[k], taking->view.now);
        done = gather_sort_tail(part, &snapshot->memory);
    }
    size_t n_before = snapshot->n_groups;
    for (size_t i = 0; i < taking->n; i++) {
        struct gather_part *part = &taking->parts[i];
        if (!done || taking->source->gone) gather_release_part(part);
        else if (part->group.n_rows) snapshot->groups[snapshot->n_groups++] = part->group;
    }
    if (!done) return false;
    cprom__source_settle(taking->source, snapshot->groups + n_before, snapshot->n_groups - n_before, taking->view.now);
    CPROM__SEAM(CPROM__SEAM_GATHER_TAKEN);
    return true;
}

/* ---- sources ---- */

/* The caller sees to it that the registry is not freed meanwhile. */
static void gather_source_init(struct cprom__source *source, struct cprom_registry *registry,
                               struct cprom__families *families)
{
    *source = (struct cprom__source){.registry = registry, .families = families};
    cprom__registry_holder_ref(registry);
}

static void gather_source_unpin(struct cprom__source *source)
{
    if (!source->pinned) return;
    cprom__unpin(&source->registry->reclaimer, &source->pin);
    cprom__reclaim_many(&source->registry->reclaimer, GATHER_RECLAIMED_MAX);
}

static void gather_snapshot_begin(struct cprom__snapshot *snapshot, struct cprom_registry *registry)
{
    memset(snapshot, 0, sizeof *snapshot);
    snapshot->registry = registry;
    cprom__arena_init(&snapshot->memory, &registry->allocator, 4096);
}

/* The registry alone. */
static cprom_status gather_hold_one(struct cprom__snapshot *snapshot, struct cprom_registry *registry)
{
    gather_snapshot_begin(snapshot, registry);
    struct cprom__families *families;
    cprom_status status = cprom__registry_families(registry, &families);
    if (status) return status;
    gather_source_init(&snapshot->own, registry, families);
    return CPROM_OK;
}

cprom_status cprom__snapshot_list(struct cprom__snapshot *snapshot, struct cprom_registry *registry)
{
    struct cprom__source *source = &snapshot->own;
    gather_snapshot_begin(snapshot, registry);
    cprom__tree_lock(registry);
    struct cprom__families *families;
    cprom_status status = cprom__families_now(registry, &families);
    if (!status) gather_source_init(source, registry, families);
    for (struct cprom_registry *at = registry; !status && (at = cprom__tree_next(registry, at));) {
        struct cprom__source *next = cprom__arena_alloc(&snapshot->memory, sizeof *next);
        status = next ? cprom__families_now(at, &families) : CPROM_ENOMEM;
        if (status) break;
        gather_source_init(next, at, families);
        source = source->next = next;
    }
    cprom__tree_unlock(registry);
    if (status && snapshot->own.families) cprom__snapshot_free(snapshot);
    return status;
}

/* ---- the whole ---- */

static cprom_status gather_take_all(struct cprom__collection *collection)
{
    struct cprom__snapshot *snapshot = collection->snapshot;
    for (struct cprom__source *source = &snapshot->own; source; source = source->next) {
        struct gather_taking taking = {.snapshot = snapshot, .source = source, .collection = collection};
        if (!gather_take(&taking)) return CPROM_ENOMEM;
    }
    return cprom__merge_groups(collection);
}

cprom_status cprom__snapshot_take(struct cprom__snapshot *snapshot, struct cprom_registry *registry,
                                  const struct cprom__filter *filter, int64_t deadline, struct cprom__stop *stop,
                                  const struct cprom__self *self)
{
    if (cprom__thread_callbacks) return CPROM_EBUSY;
    cprom_status status = cprom__snapshot_list(snapshot, registry);
    if (status) return status;
    CPROM__AT_END(cprom__snapshot_drop) struct cprom__snapshot *unfinished = snapshot;
    struct cprom__collection collection = {.snapshot = snapshot, .filter = filter, .deadline = deadline, .stop = stop};
    status = cprom__collect(&collection);
    if (!status && self) status = cprom__collect_self_metrics(&collection, self);
    if (!status) status = gather_take_all(&collection);
    if (status) return status;
    unfinished = NULL;
    atomic_fetch_add_explicit(&registry->gathers, 1, memory_order_relaxed);
    return CPROM_OK;
}

cprom_status cprom__snapshot_take_vec(struct cprom__snapshot *snapshot, struct cprom_vec *vec)
{
    cprom_status status = gather_hold_one(snapshot, vec->registry);
    if (status) return status;
    struct gather_part part = gather_part(vec);
    struct gather_taking taking = {
        .snapshot = snapshot, .source = &snapshot->own, .view.living = true, .parts = &part, .n = 1};
    if (!gather_take(&taking)) status = CPROM_ENOMEM;
    if (status) cprom__snapshot_free(snapshot);
    return status;
}

static void gather_unref_lists(struct cprom__source *source)
{
    for (unsigned i = 0; i < source->n_listed; i++) cprom__families_unref(source->listed[i]);
    cprom__families_unref(source->families);
}

void cprom__snapshot_free(struct cprom__snapshot *snapshot)
{
    for (size_t i = 0; i < snapshot->n_groups; i++)
        gather_release_rows(snapshot->groups[i].rows, snapshot->groups[i].n_rows);
    gather_source_unpin(&snapshot->own);
    for (struct cprom__brought *brought = snapshot->brought; brought; brought = brought->next) {
        cprom__desc_free(brought->desc); /* memory of the registry whose collector it is */
    }
    for (struct cprom__source *source = snapshot->own.next; source; source = source->next) {
        gather_source_unpin(source);
        gather_unref_lists(source);
        cprom__registry_holder_unref(source->registry);
    }
    cprom__arena_free(&snapshot->memory);
    gather_unref_lists(&snapshot->own);
    cprom__registry_holder_unref(snapshot->registry);
}

void cprom__snapshot_drop(struct cprom__snapshot **snapshot)
{
    if (*snapshot) cprom__snapshot_free(*snapshot);
}
