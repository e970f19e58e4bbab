/* Runs callbacks, and checks what each has emitted against the rest of the page. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime */

#include "page/collect.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/names.h"
#include "base/unwind.h"
#include "registry/families.h"

/* ---- label pairs ---- */

/* The next label pair that is not empty, still escaped; false: no more. */
static bool collect_next_pair(struct cprom__pairs *pairs, struct cprom__piece *name, struct cprom__piece *value)
{
    while (cprom__pairs_name(pairs, name)) {
        *value = cprom__pairs_value(pairs);
        if (value->len) return true;
    }
    return false;
}

/* Whether two samples are the same series, an empty label value being no label. */
static bool collect_same_series(const struct cprom__sample *a, const struct cprom__sample *b)
{
    if (strcmp(a->desc->name, b->desc->name) != 0) return false;
    struct cprom__pairs pairs_a = {a->text, a->text + a->len}, pairs_b = {b->text, b->text + b->len};
    for (;;) {
        struct cprom__piece name_a = {NULL, 0}, name_b = {NULL, 0}, value_a = {NULL, 0}, value_b = {NULL, 0};
        bool more_a = collect_next_pair(&pairs_a, &name_a, &value_a);
        bool more_b = collect_next_pair(&pairs_b, &name_b, &value_b);
        if (!more_a || !more_b) return more_a == more_b;
        if (!cprom__pair_equal(name_a, name_b) || !cprom__pair_equal(value_a, value_b)) return false;
    }
}

/* ---- duplicates ---- */

/* Returns the same series that is there already; NULL: it was put in. */
static struct cprom__sample *collect_insert_seen(struct cprom__collection *collection, struct cprom__sample *sample)
{
    size_t mask = collection->seen_room - 1, at = (size_t)sample->identity & mask;
    for (; collection->seen[at]; at = (at + 1) & mask) {
        struct cprom__sample *there = collection->seen[at];
        if (there->identity == sample->identity && collect_same_series(there, sample)) return there;
    }
    collection->seen[at] = sample;
    collection->n_seen++;
    return NULL;
}

static bool collect_reserve_seen(struct cprom__collection *collection, size_t more)
{
    if ((collection->n_seen + more) * 2 <= collection->seen_room) return true;
    size_t room = 64;
    while (room < (collection->n_seen + more) * 2) room *= 2;
    struct cprom__sample **seen = cprom__arena_alloc(&collection->snapshot->memory, room * sizeof *seen);
    if (!seen) return false;
    memset(seen, 0, room * sizeof *seen);
    struct cprom__sample **old = collection->seen;
    size_t old_room = collection->seen_room;
    collection->seen = seen;
    collection->seen_room = room;
    collection->n_seen = 0;
    for (size_t i = 0; i < old_room; i++) {
        if (old[i]) collect_insert_seen(collection, old[i]);
    }
    return true;
}

/* Takes samples out again, from `first` up to but not with `end`. Their run of places is closed by re-inserting. */
static void collect_forget(struct cprom__collection *collection, struct cprom__sample *first,
                           const struct cprom__sample *end)
{
    for (struct cprom__sample *sample = first; sample != end; sample = sample->next) {
        size_t mask = collection->seen_room - 1, at = (size_t)sample->identity & mask;
        while (collection->seen[at] != sample) at = (at + 1) & mask;
        collection->seen[at] = NULL;
        collection->n_seen--;
        for (at = (at + 1) & mask; collection->seen[at]; at = (at + 1) & mask) {
            struct cprom__sample *moved = collection->seen[at];
            collection->seen[at] = NULL;
            collection->n_seen--;
            collect_insert_seen(collection, moved);
        }
    }
}

/* ---- families ---- */

static const struct cprom__hash_key *collect_key(const struct cprom__collection *collection)
{
    return &collection->snapshot->registry->key;
}

/* The family of a sample that is kept, of the source whose callbacks run; NULL: out of memory. */
static struct cprom__kept *collect_family(struct cprom__collection *collection, const struct cprom__desc *desc)
{
    uint64_t hash = cprom__desc_base_hash(desc, collect_key(collection));
    struct cprom__index_node *node = cprom__index_find(&collection->kept, hash);
    struct cprom__kept *kept;
    for (; node; node = node->older) {
        kept = CPROM__INDEXED(node, struct cprom__kept, by_base);
        if (strcmp(kept->desc->name, desc->name) != 0) continue;
        if (kept->source == collection->source) return kept;
        break; /* one source after the other: the latest would be it */
    }
    kept = cprom__arena_alloc(&collection->snapshot->memory, sizeof *kept);
    if (!kept) return NULL;
    *kept = (struct cprom__kept){.desc = desc, .source = collection->source};
    cprom__index_add(&collection->kept, &kept->by_base, hash);
    if (collection->last_kept) collection->last_kept->next = kept;
    else collection->first_kept = kept;
    collection->last_kept = kept;
    collection->n_kept++;
    return kept;
}

static bool collect_same_header(const struct cprom__desc *a, const struct cprom__desc *b)
{
    return a->type == b->type && cprom__same_text(a->help, b->help) && cprom__same_text(a->unit, b->unit);
}

/* A family that an unchecked collector brought, and the bases of those that could be in its way. */
struct collect_asking {
    const struct cprom__desc *desc;
    struct cprom__base bases[CPROM__BASES_MAX]; /* the first is its own */
    size_t n_bases;
    bool known;    /* the page has the same family, and it was checked against all others */
    bool collides; /* with what collectors brought before */
};

/* Whether it can stand on the page with what is registered under its name. */
static const char *collect_check_registered(const struct cprom__collection *collection, struct collect_asking *asking)
{
    const struct cprom_registry *here = collection->source->registry;
    for (const struct cprom__source *source = &collection->snapshot->own; source; source = source->next) {
        if (!source->families->n) continue; /* registries of collectors alone: a page may have hundreds */
        bool same, apart = cprom__registry_apart(source->registry, here);
        cprom_status status = cprom__families_check_same(source->families, asking->desc, apart, &same);
        if (status == CPROM_EEXIST) return "the family belongs to somebody else";
        if (status) return "another registry has the family with another type, help, unit or labels";
        asking->known |= same;
    }
    return NULL;
}

/* Likewise with what collectors brought before, the latest first. */
static const char *collect_check_kept(const struct cprom__collection *collection, struct collect_asking *asking)
{
    const struct cprom_registry *here = collection->source->registry;
    for (size_t i = 0; i < asking->n_bases; i++) {
        struct cprom__index_node *node = cprom__index_find(&collection->kept, asking->bases[i].hash);
        for (; node; node = node->older) {
            const struct cprom__kept *kept = CPROM__INDEXED(node, struct cprom__kept, by_base);
            if (!cprom__desc_has_base(kept->desc, &asking->bases[i])) continue;
            if (strcmp(kept->desc->name, asking->desc->name) != 0) {
                asking->collides |= cprom__desc_collides(kept->desc, asking->desc);
                break; /* all of this base are the same family */
            }
            if (!cprom__registry_apart(kept->source->registry, here))
                return "a collector registered earlier has the family";
            if (!collect_same_header(kept->desc, asking->desc))
                return "another registry has the family with another type, help or unit";
            asking->known = true;
        }
    }
    return NULL;
}

/* Likewise with all names of samples that are there; one whose family is on the page already was checked. */
static const char *collect_check_collisions(const struct cprom__collection *collection,
                                            const struct collect_asking *asking)
{
    for (const struct cprom__source *source = &collection->snapshot->own; source; source = source->next) {
        if (!source->families->n) continue;
        if (cprom__families_collide(source->families, asking->desc, asking->bases, asking->n_bases)) {
            return "the sample names would collide with a registered family";
        }
    }
    return asking->collides ? "the sample names would collide with another family" : NULL;
}

/* Likewise with what the same callback brought: those of one base are checked in pairs. */
static const char *collect_check_beside(const struct cprom__index *by_base, const struct cprom__brought *brought,
                                        const struct collect_asking *asking)
{
    for (size_t i = 0; i < asking->n_bases; i++) {
        struct cprom__index_node *node = i ? cprom__index_find(by_base, asking->bases[i].hash) : brought->node.older;
        for (; node; node = node->older) {
            const struct cprom__desc *other = CPROM__INDEXED(node, struct cprom__brought, node)->desc;
            if (!cprom__desc_has_base(other, &asking->bases[i])) continue;
            if (strcmp(other->name, asking->desc->name) == 0) {
                if (!collect_same_header(other, asking->desc))
                    return "the family was emitted with another type, help or unit";
            } else if (cprom__desc_collides(other, asking->desc)) {
                return "the sample names would collide with another family";
            }
            break;
        }
    }
    return NULL;
}

/* Whether the families that an unchecked collector brought can stand on the page; if not, why. */
static const char *collect_check_brought(struct cprom__collection *collection, const struct cprom_scrape *scrape,
                                         const char **family)
{
    struct cprom__index by_base = {NULL};
    for (struct cprom__brought *brought = scrape->brought; brought; brought = brought->next) {
        cprom__index_add(&by_base, &brought->node, cprom__desc_base_hash(brought->desc, collect_key(collection)));
    }
    for (const struct cprom__brought *brought = scrape->brought; brought; brought = brought->next) {
        struct collect_asking asking = {.desc = brought->desc};
        asking.n_bases = cprom__desc_bases(asking.desc, collect_key(collection), asking.bases);
        *family = asking.desc->name;
        const char *reason = collect_check_registered(collection, &asking);
        if (!reason) reason = collect_check_kept(collection, &asking);
        if (!reason && !asking.known) reason = collect_check_collisions(collection, &asking);
        if (!reason) reason = collect_check_beside(&by_base, brought, &asking);
        if (reason) return reason;
    }
    return NULL;
}

static void collect_log_sample(struct cprom__line *why, const struct cprom__sample *sample, const char *reason)
{
    cprom__line_join(why, "family \"", (char *)NULL);
    cprom__line_add_cut(why, sample->desc->name, sample->desc->name_len, CPROM__WHY_FAMILY);
    cprom__line_add(why, "\", labels {");
    cprom__line_add_cut(why, sample->text, sample->len, CPROM__WHY_LABELS);
    cprom__line_add(why, "}: ");
    cprom__line_add(why, reason);
}

/* A sample that is one with another by repair (.bad_utf8): the later one is dropped. */
static void collect_merge(struct cprom_scrape *scrape, const struct cprom__sample *sample)
{
    struct cprom__line why;
    atomic_fetch_add_explicit(&scrape->registry->utf8_merged, 1, memory_order_relaxed);
    collect_log_sample(&why, sample, "by the repair of label values, it is the same as another one");
    cprom__collector_log_dropped(scrape->registry, scrape->collector, why.text);
}

/* Keeps what one callback has emitted, or says in scrape->why what is wrong with it. ENOMEM: the page fails. */
static cprom_status collect_keep(struct cprom__collection *collection, struct cprom_scrape *scrape)
{
    /* The library's own names are nobody else's. */
    const char *family = NULL, *reason = scrape->collector ? collect_check_brought(collection, scrape, &family) : NULL;
    if (reason) {
        scrape->status = CPROM_ECONFLICT;
        cprom__line_join(&scrape->why, "family \"", (char *)NULL);
        cprom__line_add_cut(&scrape->why, family, strlen(family), CPROM__WHY_FAMILY);
        cprom__line_add(&scrape->why, "\": ");
        cprom__line_add(&scrape->why, reason);
        return CPROM_OK;
    }
    if (!collect_reserve_seen(collection, scrape->n_samples)) return CPROM_ENOMEM;
    for (struct cprom__sample **link = &scrape->first; *link;) {
        struct cprom__sample *sample = *link, *there = collect_insert_seen(collection, sample);
        if (!there) {
            link = &sample->next;
            continue;
        }
        if (!scrape->collector) { /* of another registry with the same const labels */
            cprom__self_metrics_join(there, sample);
            *link = sample->next;
            continue;
        }
        if (there->asked != sample->asked) {
            collect_merge(scrape, sample);
            *link = sample->next;
            continue;
        }
        scrape->status = CPROM_EEXIST;
        collect_log_sample(&scrape->why, sample, "the series was emitted twice");
        collect_forget(collection, scrape->first, sample);
        return CPROM_OK;
    }
    const struct cprom__desc *desc = NULL; /* of the sample before */
    struct cprom__kept *kept = NULL;
    for (struct cprom__sample *sample = scrape->first, *next; sample; sample = next) {
        next = sample->next;
        if (sample->desc != desc) kept = collect_family(collection, sample->desc);
        if (!kept) return CPROM_ENOMEM;
        desc = sample->desc;
        sample->next = NULL;
        if (kept->last) kept->last->next = sample;
        else kept->first = sample;
        kept->last = sample;
        kept->n++;
    }
    return CPROM_OK;
}

/* ---- running ---- */

/* How one run ended. */
enum collect_run {
    COLLECT_RUN_DONE, /* the callback ran; scrape->status says how it went */
    COLLECT_RUN_LATE, /* the deadline was over before it could begin */
    COLLECT_RUN_GONE, /* unregistered meanwhile */
    COLLECT_RUN_STOPPED
};

#define COLLECT_WAIT_MAX (INT64_C(86400) * 1000000000)

/* Waits until a change in some collector, or the deadline of the registry's clock; false: it is over. */
static bool collect_wait_until(struct cprom_registry *registry, int64_t deadline)
{
    CPROM__UNCANCELLED;
    if (deadline == INT64_MAX) {
        pthread_cond_wait(&registry->collect_cond, &registry->collect_lock);
        return true;
    }
    int64_t left = deadline - cprom__monotonic_now(registry);
    if (left <= 0) return false;
    /* A day at a time: a time_t may have 32 bits. */
    bool whole = left <= COLLECT_WAIT_MAX;
    if (!whole) left = COLLECT_WAIT_MAX;
    /* The condition runs on CLOCK_MONOTONIC, the registry's clock may be another: what is left is the same on both. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + left % 1000000000;
    until.tv_sec += (time_t)(left / 1000000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    return pthread_cond_timedwait(&registry->collect_cond, &registry->collect_lock, &until) != ETIMEDOUT || !whole;
}

/* One call of a callback, and of whom. */
struct collect_call {
    struct cprom__collection *collection;
    struct cprom__collector *collector;
    struct cprom_scrape *scrape;
    bool returned;
};

/* What it brought goes with the page, whatever becomes of its samples. */
static void collect_adopt(struct cprom__collection *collection, struct cprom_scrape *scrape)
{
    struct cprom__snapshot *snapshot = collection->snapshot;
    if (scrape->longest_escaped > snapshot->longest_escaped) snapshot->longest_escaped = scrape->longest_escaped;
    while (scrape->brought) {
        struct cprom__brought *brought = scrape->brought;
        scrape->brought = brought->next;
        brought->next = snapshot->brought;
        snapshot->brought = brought;
    }
}

#define COLLECT_QUIET (INT64_C(60) * 1000000000)

/* Who scrapes must not be able to fill the log: a collector has a line a minute, and what lasts is said once. */
static bool collect_may_log(struct cprom_registry *registry, struct cprom__collector *collector, bool late)
{
    if (late && atomic_load_explicit(&collector->late_told, memory_order_relaxed)) return false;
    int64_t now = cprom__monotonic_now(registry);
    int64_t until = atomic_load_explicit(&collector->quiet_until, memory_order_relaxed);
    if (until && now < until) return false;
    if (!atomic_compare_exchange_strong_explicit(&collector->quiet_until, &until, now + COLLECT_QUIET,
                                                 memory_order_relaxed, memory_order_relaxed)) {
        return false; /* another thread's scrape says it */
    }
    atomic_store_explicit(&collector->late_told, late, memory_order_relaxed);
    return true;
}

static void collect_fail(struct cprom_scrape *scrape, bool late)
{
    struct cprom_registry *registry = scrape->registry;
    atomic_fetch_add_explicit(&registry->collector_failures, 1, memory_order_relaxed);
    if (!collect_may_log(registry, scrape->collector, late)) return;
    cprom__collector_log(registry, cprom__collector_name(scrape->collector), ": ", scrape->why.text);
}

/* Gives the collector back, in whatever way the callback has ended: others wait for it. */
static void collect_end_call(struct collect_call *call)
{
    struct cprom_registry *registry = call->scrape->registry;
    cprom__thread_callbacks--;
    pthread_mutex_lock(&registry->collect_lock);
    call->collector->running = false;
    bool gone = call->collector->gone;
    pthread_cond_broadcast(&registry->collect_cond);
    pthread_mutex_unlock(&registry->collect_lock);
    if (gone) cprom__collector_free_context(call->collector);
    if (call->returned) return;
    collect_adopt(call->collection, call->scrape);
    cprom__line_join(&call->scrape->why, "the callback did not return", (char *)NULL);
    collect_fail(call->scrape, false);
}

static cprom_status collect_call(struct cprom__collection *collection, struct cprom__collector *collector,
                                 struct cprom_scrape *scrape, int64_t *duration)
{
    CPROM__UNCANCELLED;
    int64_t start = cprom__monotonic_now(scrape->registry);
    cprom__thread_callbacks++;
    CPROM__AT_END(collect_end_call) struct collect_call call = {collection, collector, scrape, false};
    cprom_status status = collector->value
                              ? cprom__emit_plain(scrape, collector->families[0].desc, collector->value(collector->ctx))
                              : collector->collect(collector->ctx, scrape);
    call.returned = true;
    *duration = cprom__monotonic_now(scrape->registry) - start;
    return status;
}

/* While it runs for another page. Under collect_lock. */
static enum collect_run collect_wait_for(const struct cprom__collector *collector, const struct cprom_scrape *scrape,
                                         const struct cprom__stop *stop)
{
    while (collector->running && !collector->gone) {
        if (cprom__stop_asked(stop)) return COLLECT_RUN_STOPPED;
        if (!collect_wait_until(scrape->registry, scrape->deadline)) return COLLECT_RUN_LATE;
    }
    return COLLECT_RUN_DONE;
}

/* Until the callback may run, which then is this one's to run; otherwise, why not. */
static enum collect_run collect_begin_run(struct cprom__collector *collector, const struct cprom_scrape *scrape,
                                          struct cprom__stop *stop)
{
    struct cprom_registry *registry = scrape->registry;
    struct cprom__stop_waiter waiter;
    enum collect_run run = COLLECT_RUN_DONE;
    if (cprom__stop_asked(stop)) return COLLECT_RUN_STOPPED;
    if (scrape->deadline != INT64_MAX && cprom__monotonic_now(registry) >= scrape->deadline) run = COLLECT_RUN_LATE;
    pthread_mutex_lock(&registry->collect_lock);
    bool waits = stop && run == COLLECT_RUN_DONE && collector->running && !collector->gone;
    if (waits) {
        pthread_mutex_unlock(&registry->collect_lock);
        cprom__stop_wait_begin(stop, &waiter, registry);
        pthread_mutex_lock(&registry->collect_lock);
    }
    if (run == COLLECT_RUN_DONE) run = collect_wait_for(collector, scrape, stop);
    if (collector->gone) run = COLLECT_RUN_GONE;
    if (run == COLLECT_RUN_DONE) collector->running = true;
    pthread_mutex_unlock(&registry->collect_lock);
    if (waits) cprom__stop_wait_end(stop, &waiter);
    return run;
}

static enum collect_run collect_run_collector(struct cprom__collection *collection, struct cprom__collector *collector,
                                              struct cprom_scrape *scrape, int64_t *duration)
{
    *duration = 0;
    enum collect_run run = collect_begin_run(collector, scrape, collection->stop);
    if (run != COLLECT_RUN_DONE) return run;

    atomic_store_explicit(&collector->late_told, false, memory_order_relaxed);
    cprom_status status = collect_call(collection, collector, scrape, duration);
    if (status && !scrape->status) {
        scrape->status = status;
        cprom__line_join(&scrape->why, "the callback failed: ", cprom_status_string(status), (char *)NULL);
    }
    return COLLECT_RUN_DONE;
}

static bool collect_wanted(const struct cprom__filter *filter, const struct cprom__collector *collector)
{
    size_t n;
    const struct cprom__family *families = cprom__collector_families(collector, &n);
    for (size_t i = 0; i < n; i++) {
        if (cprom__filter_lets(filter, families[i].desc)) return true;
    }
    return n == 0;
}

/* The page's deadline on the clock of the registry whose callbacks run. */
static int64_t collect_deadline_here(const struct cprom__collection *collection)
{
    struct cprom_registry *page = collection->snapshot->registry, *here = collection->source->registry;
    int64_t deadline = collection->deadline;
    if (deadline == INT64_MAX) return deadline;
    if (page->given_monotonic == here->given_monotonic && page->clock_ctx == here->clock_ctx) return deadline;
    return cprom__monotonic_now(here) + (deadline - cprom__monotonic_now(page));
}

static struct cprom_scrape collect_begin(const struct cprom__collection *collection, struct cprom__collector *collector,
                                         int64_t deadline)
{
    const struct cprom__snapshot *snapshot = collection->snapshot;
    return (struct cprom_scrape){.registry = collection->source->registry,
                                 .collector = collector,
                                 .memory = &collection->snapshot->memory,
                                 .key = &snapshot->registry->key,
                                 .deadline = deadline};
}

static cprom_status collect_run(struct cprom__collection *collection, struct cprom__collector *collector,
                                int64_t deadline)
{
    struct cprom_scrape scrape = collect_begin(collection, collector, deadline);
    int64_t duration;
    enum collect_run how = collect_run_collector(collection, collector, &scrape, &duration);
    if (how == COLLECT_RUN_GONE) return CPROM_OK;
    if (how == COLLECT_RUN_STOPPED) return CPROM_EBUSY; /* no failure of the collector */
    cprom_status status = scrape.out_of_memory ? CPROM_ENOMEM : CPROM_OK;
    if (how == COLLECT_RUN_LATE) {
        scrape.status = CPROM_EBUSY;
        cprom__line_join(&scrape.why, "skipped: the scrape's deadline was over before it could begin", (char *)NULL);
    } else if (!scrape.status) {
        status = collect_keep(collection, &scrape);
    }
    collect_adopt(collection, &scrape);
    if (status) return status;
    if (scrape.status) collect_fail(&scrape, how == COLLECT_RUN_LATE);
    collection->source->results[collection->source->n_results++] =
        (struct cprom__result){cprom__collector_name(collector), scrape.status == CPROM_OK, duration};
    return CPROM_OK;
}

static cprom_status collect_source(struct cprom__collection *collection)
{
    struct cprom__source *source = collection->source;
    struct cprom__families *families = source->families;
    if (!families->n_collectors) return CPROM_OK;
    int64_t deadline = collect_deadline_here(collection);
    source->results =
        cprom__arena_alloc(&collection->snapshot->memory, families->n_collectors * sizeof *source->results);
    if (!source->results) return CPROM_ENOMEM;
    for (size_t i = 0; i < families->n_collectors; i++) {
        if (!collect_wanted(collection->filter, families->collectors[i])) continue;
        cprom_status status = collect_run(collection, families->collectors[i], deadline);
        if (status) return status;
    }
    return CPROM_OK;
}

cprom_status cprom__collect(struct cprom__collection *collection)
{
    cprom_status status = CPROM_OK;
    for (collection->source = &collection->snapshot->own; collection->source && !status;
         collection->source = collection->source->next) {
        status = collect_source(collection);
    }
    return status;
}

cprom_status cprom__collect_self_metrics(struct cprom__collection *collection, const struct cprom__self *self)
{
    cprom_status status = CPROM_OK;
    for (collection->source = &collection->snapshot->own; collection->source && !status;
         collection->source = collection->source->next) {
        struct cprom_scrape scrape = collect_begin(collection, NULL, INT64_MAX);
        cprom__self_metrics(collection->source, &scrape);
        if (self->emit && collection->source == &collection->snapshot->own) self->emit(self->ctx, &scrape);
        status = scrape.status ? scrape.status : collect_keep(collection, &scrape);
        collect_adopt(collection, &scrape);
    }
    return status;
}
