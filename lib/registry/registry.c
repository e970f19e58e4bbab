/* Making, freeing and looking after a registry. */
#define _POSIX_C_SOURCE 200809L /* clock_gettime, pthread_condattr_setclock */

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/names.h"
#include "base/opts.h"
#include "base/unwind.h"
#include "base/utf8.h"
#include "registry/collector.h"
#include "registry/hold.h"
#include "registry/process.h"
#include "registry/tree.h"
#include "registry/vec_new.h"
#include "store/reclaim.h"
#include "store/upkeep.h"

#define REGISTRY_EPOCH_FIRST ((uint64_t)1 << CPROM__LIFE_SHIFT)

/* ---- defaults ---- */

static int64_t registry_read_clock(clockid_t id)
{
    struct timespec now;
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t registry_default_monotonic(const struct cprom_registry *registry)
{
    (void)registry;
    return registry_read_clock(CLOCK_MONOTONIC);
}

static int64_t registry_default_wall(const struct cprom_registry *registry)
{
    (void)registry;
    return registry_read_clock(CLOCK_REALTIME);
}

static int64_t registry_given_monotonic(const struct cprom_registry *registry)
{
    CPROM__UNCANCELLED;
    return registry->given_monotonic(registry->clock_ctx);
}

static int64_t registry_given_wall(const struct cprom_registry *registry)
{
    CPROM__UNCANCELLED;
    return registry->given_wall(registry->clock_ctx);
}

/* Random where the system gives it; otherwise what differs from run to run. */
static void registry_make_key(struct cprom__hash_key *key)
{
    ssize_t got = 0;
    CPROM__UNCANCELLED;
    int fd = open("/dev/urandom", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        got = read(fd, key, sizeof *key);
        close(fd);
    }
    if (got != (ssize_t)sizeof *key) {
        key->k[0] = (uint64_t)registry_read_clock(CLOCK_REALTIME) * UINT64_C(0x9e3779b97f4a7c15);
        key->k[1] =
            (uint64_t)(uintptr_t)key ^ (uint64_t)registry_read_clock(CLOCK_MONOTONIC) ^ (uint64_t)getpid() << 32;
    }
    /* A factor of 0 would hash everything to one value. */
    key->k[0] |= 1;
    key->k[1] |= 1;
}

/* ---- making ---- */

static cprom_status registry_refuse(struct cprom_registry *registry, cprom_status status, const char *field,
                                    const char *text, const char *reason)
{
    struct cprom__line line;
    cprom__line_join(&line, "registry refused: ", field, " \"", (char *)NULL);
    cprom__line_add_cut(&line, text, strlen(text), CPROM__LINE_MAX / 3);
    cprom__line_add(&line, "\" ");
    cprom__line_add(&line, reason);
    cprom__log(registry, &line);
    return status;
}

static cprom_status registry_add_const_label(struct cprom_registry *registry, const cprom_label *label)
{
    struct cprom__family_rules *rules = &registry->rules;
    if (!cprom__is_label_name(label->name) || strlen(label->name) > CPROM_VALUE_MAX) {
        return registry_refuse(registry, CPROM_ELABELS, "const_labels", label->name,
                               "is not a label name, reserved or too long");
    }
    if (!label->value) return registry_refuse(registry, CPROM_ELABELS, "const_labels", label->name, "has no value");
    if (!cprom__is_utf8(label->value, strlen(label->value)) || strlen(label->value) > CPROM_VALUE_MAX) {
        return registry_refuse(registry, CPROM_EUTF8, "const_labels", label->name,
                               "has a value that is not UTF-8 or too long");
    }
    size_t at = rules->n_const_labels;
    for (; at; at--) {
        int order = strcmp(rules->const_labels[at - 1].name, label->name);
        if (order == 0) return registry_refuse(registry, CPROM_ELABELS, "const_labels", label->name, "stands twice");
        if (order < 0) break;
        rules->const_labels[at] = rules->const_labels[at - 1];
    }
    const char *name = cprom__arena_copy(&registry->memory, label->name, strlen(label->name));
    const char *value = cprom__arena_copy(&registry->memory, label->value, strlen(label->value));
    rules->const_labels[at] = (cprom_label){name, value};
    rules->n_const_labels++;
    return name && value ? CPROM_OK : CPROM_ENOMEM;
}

static cprom_status registry_make_rules(struct cprom_registry *registry, const cprom_registry_opts *o)
{
    if (o->prefix) {
        if (*o->prefix && !cprom__is_metric_name(o->prefix)) {
            return registry_refuse(registry, CPROM_ENAME, "prefix", o->prefix, "cannot begin a metric name");
        }
        registry->rules.prefix = cprom__arena_copy(&registry->memory, o->prefix, strlen(o->prefix));
        if (!registry->rules.prefix) return CPROM_ENOMEM;
    }
    cprom_status status = CPROM_OK;
    for (size_t i = 0; !status && i < CPROM_CONST_LABELS_MAX && o->const_labels[i].name; i++) {
        status = registry_add_const_label(registry, &o->const_labels[i]);
    }
    return status;
}

/* The number of the newest one. */
static _Atomic uint64_t registry_newest;

static void registry_init(struct cprom_registry *registry, const cprom_registry_opts *o)
{
    cprom__threads_enter();
    cprom__allocator_init(&registry->allocator, o->allocate, o->release, o->allocator_ctx);
    cprom__arena_init(&registry->memory, &registry->allocator, 256);
    registry->number = atomic_fetch_add_explicit(&registry_newest, 1, memory_order_relaxed) + 1;
    registry->log = o->log;
    registry->log_ctx = o->log_ctx;
    registry->monotonic_clock = o->monotonic_clock ? registry_given_monotonic : registry_default_monotonic;
    registry->wall_clock = o->wall_clock ? registry_given_wall : registry_default_wall;
    registry->given_monotonic = o->monotonic_clock;
    registry->given_wall = o->wall_clock;
    registry->clock_ctx = o->clock_ctx;
    registry->no_membarrier = o->no_membarrier;
    registry_make_key(&registry->key);
    cprom__slab_init(&registry->slab, &registry->allocator);
    cprom__cell_pool_init(&registry->cells, &registry->allocator);
    cprom__reclaimer_init(&registry->reclaimer, &registry->allocator, &registry->slab);
    cprom__gate_init(&registry->removal_gate);
    cprom__gate_init(&registry->gate);
    atomic_init(&registry->epoch, REGISTRY_EPOCH_FIRST);
    cprom__gate_init(&registry->order_lock);
    pthread_mutex_init(&registry->updates_lock, NULL);
    registry->updates.next = registry->updates.prev = &registry->updates;
    registry->root = registry;
    pthread_mutex_init(&registry->families_lock, NULL);
    pthread_mutex_init(&registry->collect_lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&registry->collect_cond, &attr);
    pthread_condattr_destroy(&attr);
    atomic_init(&registry->holders, 1);
    atomic_init(&registry->refs, 1);
}

/* There is no registry yet, but the options can be read. */
static cprom_status registry_refuse_opts(const cprom_registry_opts *opts, const char *line)
{
    CPROM__UNCANCELLED;
    if (opts->log) opts->log(opts->log_ctx, line);
    return CPROM_EINVAL;
}

cprom_status cprom_registry_new(const cprom_registry_opts *opts, cprom_registry **out)
{
    cprom_registry_opts o = CPROM_INIT(cprom_registry_opts);
    if (out) *out = NULL;
    if (!out) return CPROM_EINVAL;
    if (opts && !cprom__opts_read(&o, sizeof o, opts)) {
        if (opts->size <= sizeof o) return CPROM_EINVAL;
        return registry_refuse_opts(opts, "registry refused: size is not one that this library knows");
    }
    if (!o.allocate != !o.release)
        return registry_refuse_opts(&o, "registry refused: one of allocate and release is missing");
    struct cprom__allocator allocator;
    cprom__allocator_init(&allocator, o.allocate, o.release, o.allocator_ctx);
    struct cprom_registry *registry = cprom__alloc_zeroed(&allocator, sizeof *registry);
    if (!registry) return CPROM_ENOMEM;
    registry_init(registry, &o);
    atomic_fetch_add_explicit(&registry->allocator.bytes, sizeof *registry, memory_order_relaxed);
    cprom_status status = registry_make_rules(registry, &o);
    if (!status && o.parent) {
        status = cprom__tree_join(registry, o.parent);
        if (status) registry_refuse(registry, status, "parent", "", "was freed");
    }
    if (status) {
        cprom__registry_unref(registry);
        return status;
    }
    *out = registry;
    return CPROM_OK;
}

/* In static memory, so that it can be had without any. */
static struct cprom_registry registry_the_default;

static void registry_make_default(void)
{
    const cprom_registry_opts o = CPROM_INIT(cprom_registry_opts);
    registry_init(&registry_the_default, &o);
    /* Out of memory: it goes without them. */
    cprom_process_collector_new(&registry_the_default);
}

cprom_registry *cprom_registry_default(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, registry_make_default);
    return &registry_the_default;
}

/* ---- ending ---- */

static void registry_detach_vectors(const struct cprom__registered *members)
{
    for (; members; members = members->next) {
        if (members->family.vec) cprom__vec_detach(members->family.vec);
    }
}

void cprom_registry_free(cprom_registry *registry)
{
    if (!registry || registry == &registry_the_default) return;
    cprom__tree_lock(registry);
    cprom__families_part(registry);
    cprom__tree_leave(registry);
    /* release: before anything of it dies; pairs with the acquire in handler_is_gone(). */
    atomic_store_explicit(&registry->gone, true, memory_order_release);
    cprom__tree_unlock(registry);
    registry_detach_vectors(registry->set.sorted);
    registry_detach_vectors(registry->set.fresh);
    for (struct cprom__collector *at = registry->set.first_collector; at; at = at->next) {
        cprom__collector_detach(registry, at);
    }
    cprom__families_free(registry);
    cprom__registry_holder_unref(registry);
}

cprom_status cprom_registry_unregister(cprom_registry *registry, const char *name)
{
    if (!registry || !name) return CPROM_EINVAL;
    struct cprom__family removed;
    cprom_status status = cprom__families_remove(registry, name, &removed);
    if (status) return status;
    CPROM__SEAM(CPROM__SEAM_UNREGISTERED);
    if (removed.vec) {
        cprom__vec_detach(removed.vec);
        cprom__vec_content_unref(removed.vec);
    } else {
        cprom__collector_detach(registry, removed.collector);
        cprom__collector_unref(removed.collector);
    }
    return CPROM_OK;
}

/* ---- looking after it ---- */

void cprom_registry_trim(cprom_registry *registry)
{
    struct cprom__families *families;
    if (!registry) return;
    cprom_status status = cprom__registry_families(registry, &families);
    if (status == CPROM_ENOENT) return;
    for (size_t i = 0; !status && i < families->n; i++) {
        if (families->v[i].vec) cprom__vec_trim(families->v[i].vec);
    }
    if (!status) cprom__families_unref(families);
    /* Twice to let the read epoch pass what was just retired. */
    cprom__reclaim(&registry->reclaimer, 0);
    cprom__reclaim(&registry->reclaimer, 0);
    cprom__reclaim_many(&registry->reclaimer, SIZE_MAX);
}

static uint64_t registry_count_dead(const struct cprom__registered *members)
{
    uint64_t n = 0;
    for (; members; members = members->next) {
        const struct cprom_vec *vec = members->family.vec;
        if (vec) n += atomic_load_explicit(&vec->dead, memory_order_relaxed);
    }
    return n;
}

cprom_status cprom_registry_stats(cprom_registry *registry, cprom_stats *out)
{
    if (!registry || !out || out->size < sizeof out->size) return CPROM_EINVAL;
    cprom_stats stats = CPROM_INIT(cprom_stats);
    /* Under the lock: a list of them may need memory. */
    cprom__tree_lock(registry);
    if (!atomic_load_explicit(&registry->gone, memory_order_relaxed)) {
        stats.families = registry->set.n;
        stats.collectors = registry->set.n_collectors;
        stats.series_unreclaimed = registry_count_dead(registry->set.sorted) + registry_count_dead(registry->set.fresh);
    }
    cprom__tree_unlock(registry);
    /*
     * Again if something was removed in between, since what comes and goes meanwhile would count as alive. acquire:
     * pairs with the release of cprom__vec_count(), as what was removed was created before; and keeps the loads in
     * order.
     */
    int tries = 8;
    do {
        stats.series_removed = atomic_load_explicit(&registry->removed, memory_order_acquire);
        stats.series_created = atomic_load_explicit(&registry->created, memory_order_acquire);
    } while (--tries && atomic_load_explicit(&registry->removed, memory_order_relaxed) != stats.series_removed);
    stats.series = stats.series_created > stats.series_removed ? stats.series_created - stats.series_removed : 0;
    const struct cprom__unreclaimed unreclaimed = cprom__unreclaimed(&registry->reclaimer);
    stats.series_unreclaimed += unreclaimed.series;
    stats.series_pinned = unreclaimed.pinned;
    stats.pages_open = unreclaimed.pages;
    if (unreclaimed.since != INT64_MAX) {
        int64_t open = cprom__monotonic_now(registry) - unreclaimed.since;
        if (open > 0) stats.oldest_page_seconds = (double)open / 1e9;
    }
    stats.bytes = atomic_load_explicit(&registry->allocator.bytes, memory_order_relaxed);
    stats.gathers = atomic_load_explicit(&registry->gathers, memory_order_relaxed);
    stats.collector_failures = atomic_load_explicit(&registry->collector_failures, memory_order_relaxed);
    stats.updates_folded = atomic_load_explicit(&registry->folded, memory_order_relaxed);
    stats.utf8_repaired = atomic_load_explicit(&registry->utf8_repaired, memory_order_relaxed);
    stats.utf8_merged = atomic_load_explicit(&registry->utf8_merged, memory_order_relaxed);
    stats.exemplars_dropped = atomic_load_explicit(&registry->exemplars_dropped, memory_order_relaxed);
    uint64_t *const dropped[CPROM__DROPS] = {&stats.dropped_nomem, &stats.dropped_limit, &stats.dropped_invalid,
                                             &stats.dropped_detached, &stats.dropped_stale};
    for (int i = 0; i < CPROM__DROPS; i++) {
        *dropped[i] = atomic_load_explicit(&registry->dropped[i], memory_order_relaxed);
    }
    size_t size = out->size;
    stats.size = size;
    memset(out, 0, size);
    memcpy(out, &stats, size < sizeof stats ? size : sizeof stats);
    return CPROM_OK;
}
