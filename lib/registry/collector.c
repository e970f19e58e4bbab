#define _POSIX_C_SOURCE 200809L /* clock_gettime, pthread_condattr_setclock */

#include "registry/collector.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/names.h"
#include "base/opts.h"

struct cprom__collector {
    _Atomic size_t refs;                /* family lists, and who runs it */
    const char *name;
    cprom_status (*collect)(void *ctx, cprom_scrape *out);
    double (*value)(void *ctx);         /* of a func instrument, instead of collect */
    void *ctx;
    void (*free)(void *ctx);
    bool running, gone;                 /* guarded by the registry's collect_lock */
    struct cprom__arena memory;         /* holds this struct, too */
    size_t n_families;
    struct cprom__family *families;
    struct cprom__desc **descs;
};

/* ---- making and unmaking ---- */

void cprom__collector_ref(struct cprom__collector *collector)
{
    atomic_fetch_add_explicit(&collector->refs, 1, memory_order_relaxed);
}

void cprom__collector_unref(struct cprom__collector *collector)
{
    if (atomic_fetch_sub_explicit(&collector->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < collector->n_families; i++) cprom__desc_free(collector->descs[i]);
    struct cprom__arena memory = collector->memory;
    cprom__arena_free(&memory);
}

const char *cprom__collector_name(const struct cprom__collector *collector) { return collector->name; }

const struct cprom__family *cprom__collector_families(const struct cprom__collector *collector, size_t *n)
{
    *n = collector->n_families;
    return collector->families;
}

static struct cprom__collector *collector_make(struct cprom_registry *registry, const char *name, size_t n_descs)
{
    struct cprom__arena memory;
    cprom__arena_init(&memory, &registry->allocator, 512);
    struct cprom__collector *collector = cprom__arena_alloc(&memory, sizeof *collector);
    if (!collector) return NULL;
    memset(collector, 0, sizeof *collector);
    atomic_init(&collector->refs, 1);
    collector->memory = memory;
    collector->name = cprom__arena_copy(&collector->memory, name, strlen(name));
    collector->families = cprom__arena_alloc(&collector->memory, (n_descs + 1) * sizeof *collector->families);
    collector->descs = cprom__arena_alloc(&collector->memory, (n_descs + 1) * sizeof(struct cprom__desc *));
    if (!collector->name || !collector->families || !collector->descs) {
        cprom__collector_unref(collector);
        return NULL;
    }
    return collector;
}

static cprom_status add_family(struct cprom_registry *registry, struct cprom__collector *collector,
                               const struct cprom__family_spec *spec)
{
    struct cprom__refusal refusal = {NULL, NULL, NULL};
    struct cprom__desc *desc;
    cprom_status status = cprom__desc_new(&registry->allocator, &registry->rules, spec, &desc, &refusal);
    if (status) {
        if (refusal.field) cprom__log_refusal(registry, spec->name, &refusal);
        return status;
    }
    for (size_t i = 0; i < collector->n_families && !status; i++) {
        bool same = strcmp(collector->descs[i]->name, desc->name) == 0;
        if (same || cprom__desc_collides(collector->descs[i], desc)) {
            status = same ? CPROM_EEXIST : CPROM_ECONFLICT;
            refusal = (struct cprom__refusal){"descs", collector->descs[i]->name,
                                              same ? "is declared twice" : "is a family whose sample names would collide"};
            cprom__log_refusal(registry, desc->name, &refusal);
        }
    }
    if (status) {
        cprom__desc_free(desc);
        return status;
    }
    collector->descs[collector->n_families] = desc;
    collector->families[collector->n_families++] = (struct cprom__family){desc, NULL, collector};
    return CPROM_OK;
}

static cprom_status refuse(struct cprom_registry *registry, const char *name, const char *field, const char *reason)
{
    struct cprom__refusal refusal = {field, "", reason};
    cprom__log_refusal(registry, name, &refusal);
    return CPROM_EINVAL;
}

/* The reference that the maker held passes on to the family list. */
static cprom_status enter(struct cprom_registry *registry, struct cprom__collector *collector, cprom_status status)
{
    if (!status) status = cprom__families_add_collector(registry, collector);
    cprom__collector_unref(collector);
    return status;
}

cprom_status cprom_collector_new(cprom_registry *registry, const cprom_collector_opts *opts)
{
    if (!registry || !opts) return CPROM_EINVAL;
    cprom_collector_opts o;
    if (!cprom__opts_read(&o, sizeof o, opts)) return refuse(registry, NULL, "size", "is not one that this library knows");
    /* The self-metrics have it as a label value. */
    if (!o.name || !*o.name || strlen(o.name) > CPROM_VALUE_MAX || !cprom__is_utf8(o.name, strlen(o.name))) {
        return refuse(registry, NULL, "name", "of a collector is missing, too long or not UTF-8");
    }
    if (!o.collect) return refuse(registry, o.name, "collect", "is missing");
    if (!o.descs != !o.n_descs) return refuse(registry, o.name, "descs", "come without their number");
    struct cprom__collector *collector = collector_make(registry, o.name, o.n_descs);
    if (!collector) return CPROM_ENOMEM;
    collector->collect = o.collect;
    collector->ctx = o.ctx;
    cprom_status status = CPROM_OK;
    const char *at = (const char *)o.descs;
    for (size_t i = 0; i < o.n_descs && !status; i++) {
        cprom_desc d;
        if (!cprom__opts_read(&d, sizeof d, at)) {
            status = refuse(registry, o.name, "descs", "have a size that this library does not know");
            break;
        }
        struct cprom__family_spec spec = {.name = d.name, .help = d.help, .unit = d.unit, .type = d.type,
                                          .labels = d.labels};
        status = add_family(registry, collector, &spec);
        at += o.descs->size;
    }
    /* Whose registration fails keeps its context. */
    if (!status) collector->free = o.free;
    return enter(registry, collector, status);
}

static cprom_status func_new(cprom_registry *registry, const cprom_opts *opts, cprom_type type,
                             double (*value)(void *ctx), void *ctx)
{
    if (!registry || !opts) return CPROM_EINVAL;
    cprom_opts o;
    if (!cprom__opts_read(&o, sizeof o, opts)) return refuse(registry, NULL, "size", "is not one that this library knows");
    if (!value) return refuse(registry, o.name, "value", "is missing");
    if (o.labels[0]) {
        refuse(registry, o.name, "labels", "need a vector or a collector");
        return CPROM_ELABELS;
    }
    struct cprom__family_spec spec = {.name = o.name, .help = o.help, .unit = o.unit, .type = type,
                                      .bounds = o.bounds, .n_bounds = o.n_bounds, .states = o.states,
                                      .instrument = true};
    struct cprom__collector *collector = collector_make(registry, o.name ? o.name : "", 1);
    if (!collector) return CPROM_ENOMEM;
    cprom_status status = add_family(registry, collector, &spec);
    if (!status) collector->name = collector->descs[0]->name;
    collector->value = value;
    collector->ctx = ctx;
    return enter(registry, collector, status);
}

cprom_status cprom_counter_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx),
                                    void *ctx)
{
    return func_new(registry, opts, CPROM_COUNTER, value, ctx);
}

cprom_status cprom_gauge_func_new(cprom_registry *registry, const cprom_opts *opts, double (*value)(void *ctx), void *ctx)
{
    return func_new(registry, opts, CPROM_GAUGE, value, ctx);
}

/* ---- running ---- */

void cprom__collector_detach(struct cprom_registry *registry, struct cprom__collector *collector)
{
    pthread_mutex_lock(&registry->collect_lock);
    collector->gone = true;
    bool idle = !collector->running;
    pthread_cond_broadcast(&registry->collect_cond);
    pthread_mutex_unlock(&registry->collect_lock);
    /* Otherwise the caller that runs it now frees the context when it leaves. */
    if (idle && collector->free) collector->free(collector->ctx);
}

#define WAIT_MAX (INT64_C(86400) * 1000000000)

/* Waits until a change in some collector, or the deadline of the registry's clock; false: it is over. */
static bool wait_until(struct cprom_registry *registry, int64_t deadline)
{
    if (deadline == INT64_MAX) {
        pthread_cond_wait(&registry->collect_cond, &registry->collect_lock);
        return true;
    }
    int64_t left = deadline - cprom__monotonic_now(registry);
    if (left <= 0) return false;
    /* A day at a time: a time_t may have 32 bits. */
    bool whole = left <= WAIT_MAX;
    if (!whole) left = WAIT_MAX;
    /* The condition runs on CLOCK_MONOTONIC, the registry's clock may be another: what is left is the same on both. */
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + left % 1000000000;
    until.tv_sec += (time_t)(left / 1000000000 + ns / 1000000000);
    until.tv_nsec = (long)(ns % 1000000000);
    return pthread_cond_timedwait(&registry->collect_cond, &registry->collect_lock, &until) != ETIMEDOUT || !whole;
}

enum cprom__run cprom__collector_run(struct cprom__collector *collector, struct cprom_scrape *scrape, int64_t *duration)
{
    struct cprom_registry *registry = scrape->registry;
    enum cprom__run run = CPROM__RUN_DONE;
    *duration = 0;
    if (scrape->deadline != INT64_MAX && cprom__monotonic_now(registry) >= scrape->deadline) run = CPROM__RUN_LATE;
    const _Atomic bool *cancelled = cprom__thread_cancelled;
    if (cancelled && atomic_load_explicit(cancelled, memory_order_relaxed)) run = CPROM__RUN_LATE;
    pthread_mutex_lock(&registry->collect_lock);
    while (collector->running && !collector->gone && run == CPROM__RUN_DONE) {
        if (!wait_until(registry, scrape->deadline)) run = CPROM__RUN_LATE;
    }
    if (collector->gone) run = CPROM__RUN_GONE;
    if (run == CPROM__RUN_DONE) collector->running = true;
    pthread_mutex_unlock(&registry->collect_lock);
    if (run != CPROM__RUN_DONE) return run;

    int64_t start = cprom__monotonic_now(registry);
    cprom__thread_callbacks++;
    cprom_status status = CPROM_OK;
    if (collector->value) {
        status = cprom__emit_plain(scrape, collector->descs[0], collector->value(collector->ctx));
    } else {
        status = collector->collect(collector->ctx, scrape);
    }
    cprom__thread_callbacks--;
    *duration = cprom__monotonic_now(registry) - start;
    if (status && !scrape->status) {
        scrape->status = status;
        cprom__line_join(&scrape->why, "the callback failed: ", cprom_status_string(status), (char *)NULL);
    }

    pthread_mutex_lock(&registry->collect_lock);
    collector->running = false;
    bool gone = collector->gone;
    pthread_cond_broadcast(&registry->collect_cond);
    pthread_mutex_unlock(&registry->collect_lock);
    if (gone && collector->free) collector->free(collector->ctx);
    return CPROM__RUN_DONE;
}

int64_t cprom_scrape_deadline(const cprom_scrape *out) { return out ? out->deadline : INT64_MAX; }
