/* The collectors as callbacks of the library, and how each of them fared. */
#include "host.h"

#include "say.h"

#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* The text files come last: where two families collide, the library drops the later one. */
const struct collector *const all_collectors[] = {
    &arp_collector,        &conntrack_collector,  &cpu_collector,     &diskstats_collector, &entropy_collector,
    &filefd_collector,     &filesystem_collector, &loadavg_collector, &meminfo_collector,   &netclass_collector,
    &netdev_collector,     &netstat_collector,    &os_collector,      &pressure_collector,  &selinux_collector,
    &sockstat_collector,   &softnet_collector,    &stat_collector,    &time_collector,      &timex_collector,
    &udp_queues_collector, &uname_collector,      &vmstat_collector,  &textfile_collector,
};
const size_t n_collectors = sizeof all_collectors / sizeof *all_collectors;

struct running {
    struct host *host;
    const struct collector *collector;
    void *state;
    /* Of the last call. */
    double duration;
    bool success, well;
    struct complaints complaints;
};

/* All that the callbacks share; the last of them frees it. */
struct host {
    struct flags flags;
    struct reader reader;
    pthread_mutex_t lock; /* one collector runs at a time, also when two scrapes do: it has the reader and the claims */
    struct claims *claims;
    atomic_size_t references;
    struct running running[];
};

static void complain(struct scrape *scrape, const char *format, va_list args)
{
    char why[PATH_MAX + 512];
    vsnprintf(why, sizeof why, format, args);
    complaints_add(scrape->complaints, scrape->name, why);
}

bool fail(struct scrape *scrape, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(scrape, format, args);
    va_end(args);
    scrape->failed = true;
    return false;
}

void note(struct scrape *scrape, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    complain(scrape, format, args);
    va_end(args);
}

bool fail_to_read(struct scrape *scrape, const char *root, const char *path)
{
    return fail(scrape, "%s/%s: %s", root, path, strerror(errno));
}

void show(struct scrape *scrape, const cprom_desc *desc, cprom_strs values, double value)
{
    const char *fault = samples_add(&scrape->samples, desc, values, value);
    if (fault) fail(scrape, "a sample of %.80s %s", desc->name, fault);
}

void show_at_once(struct scrape *scrape, const cprom_desc *desc, cprom_strs values, double value)
{
    const char *fault = sample_fault(values);
    if (!fault && cprom_emit(scrape->out, desc, values, value) != CPROM_OK) fault = "was refused";
    if (fault) fail(scrape, "a sample of %.80s %s", desc->name, fault);
}

const char *show_plain(struct scrape *scrape, cprom_type type, const char *name, const char *help, double value)
{
    if (!text_is_metric_name(name, strlen(name))) return "is no metric name";
    if (!claim_own(scrape->claims, type, name)) return "has the name of another";
    const cprom_desc *desc = samples_desc(&scrape->samples, type, name, help);
    return desc ? samples_add(&scrape->samples, desc, CPROM_NO_STRS, value) : "cannot be kept: out of memory";
}

bool claim_own(struct claims *claims, cprom_type type, const char *name)
{
    struct text_family family = {.name = name, .type = type};
    struct text_page page = {.families = &family};
    struct text_error error;
    return claims_has(claims, &family) || claims_replace(claims, NULL, &page, true, &error);
}

static void claim_all(struct claims *claims, const cprom_desc *descs, size_t n)
{
    for (size_t i = 0; i < n; i++) claim_own(claims, descs[i].type, descs[i].name);
}

/* What the library shows of the process, whether it does or not. */
static void claim_process(struct claims *claims)
{
    static const char *const gauges[] = {
        "open_fds",           "max_fds", "virtual_memory_bytes", "virtual_memory_max_bytes", "resident_memory_bytes",
        "start_time_seconds", "threads"};
    char name[64];
    claim_own(claims, CPROM_COUNTER, "process_cpu_seconds_total");
    for (size_t i = 0; i < COUNT_OF(gauges); i++) {
        snprintf(name, sizeof name, "process_%s", gauges[i]);
        claim_own(claims, CPROM_GAUGE, name);
    }
}

static int64_t now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static const cprom_desc result_descs[] = {
    DESC_LABELS(CPROM_GAUGE, "node_scrape_collector_duration_seconds", "node_exporter: Duration of a collector scrape.",
                "collector"),
    DESC_LABELS(CPROM_GAUGE, "node_scrape_collector_success", "node_exporter: Whether a collector succeeded.",
                "collector"),
};

/* A failure is none to the library, which would drop what was emitted before. */
static cprom_status run(void *ctx, cprom_scrape *out)
{
    struct running *running = ctx;
    struct host *host = running->host;
    const struct collector *collector = running->collector;
    struct scrape scrape = {.flags = &host->flags,
                            .claims = host->claims,
                            .reader = &host->reader,
                            .state = running->state,
                            .out = out,
                            .name = collector->name,
                            .complaints = &running->complaints};
    pthread_mutex_lock(&host->lock);
    int64_t began = now();
    complaints_begin(&running->complaints, began / 1000000000);
    collector->collect(&scrape);
    if (!samples_emit(&scrape.samples, out)) fail(&scrape, "the library refused a sample");
    running->success = !scrape.failed;
    running->well = (running->success || scrape.absent) && !scrape.flawed;
    running->duration = (double)(now() - began) / 1e9;
    complaints_end(&running->complaints, collector->name);
    reader_shrink(&host->reader);
    pthread_mutex_unlock(&host->lock);
    return CPROM_OK;
}

/*
 * The last collector: how the others fared. Where the scrape runs out of time, those that have not begun are left
 * out, and so is this one.
 */
static cprom_status show_results(void *ctx, cprom_scrape *out)
{
    struct host *host = ctx;
    pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < n_collectors; i++) {
        const struct running *running = &host->running[i];
        if (!running->collector) continue;
        cprom_emit(out, &result_descs[0], CPROM_STRS(running->collector->name), running->duration);
        cprom_emit(out, &result_descs[1], CPROM_STRS(running->collector->name), running->success);
    }
    pthread_mutex_unlock(&host->lock);
    return CPROM_OK;
}

static void release(void *ctx)
{
    struct host *host = ctx;
    if (atomic_fetch_sub(&host->references, 1) != 1) return;
    reader_free(&host->reader);
    claims_free(host->claims);
    pthread_mutex_destroy(&host->lock);
    free(host);
}

static void stop(void *ctx)
{
    struct running *running = ctx;
    if (running->collector->stop) running->collector->stop(running->state);
    release(running->host);
}

static bool start(cprom_registry *registry, struct host *host, struct running *running,
                  const struct collector *collector)
{
    char why[256] = "out of memory";
    *running = (struct running){.host = host, .collector = collector};
    if (collector->start && !collector->start(&host->flags, &running->state, why, sizeof why)) {
        say("collector %s: %s", collector->name, why);
        return false;
    }
    atomic_fetch_add(&host->references, 1);
    cprom_status status = cprom_collector_new(
        registry, CPROM_OPTS(cprom_collector_opts, .name = collector->name, .collect = run, .ctx = running,
                             .free = stop, .descs = collector->descs, .n_descs = collector->n_descs));
    claim_all(host->claims, collector->descs, collector->n_descs);
    if (status == CPROM_OK) return true;
    say("collector %s: %s", collector->name, cprom_status_string(status));
    stop(running);
    return false;
}

static bool start_results(cprom_registry *registry, struct host *host)
{
    atomic_fetch_add(&host->references, 1);
    claim_all(host->claims, result_descs, COUNT_OF(result_descs));
    cprom_status status = cprom_collector_new(
        registry, CPROM_OPTS(cprom_collector_opts, .name = "scrape", .collect = show_results, .ctx = host,
                             .free = release, .descs = result_descs, .n_descs = COUNT_OF(result_descs)));
    if (status == CPROM_OK) return true;
    say("%s", cprom_status_string(status));
    release(host);
    return false;
}

bool host_well(struct host *host)
{
    bool well = true;
    pthread_mutex_lock(&host->lock);
    for (size_t i = 0; i < n_collectors; i++) {
        if (host->running[i].collector) well = well && host->running[i].well;
    }
    pthread_mutex_unlock(&host->lock);
    return well;
}

bool host_register(cprom_registry *registry, const struct flags *flags, const bool *enabled, struct host **registered)
{
    struct host *host = calloc(1, sizeof *host + n_collectors * sizeof *host->running);
    if (host) host->claims = claims_new();
    if (!host || !host->claims) {
        free(host);
        say("out of memory");
        return false;
    }
    host->flags = *flags;
    claim_process(host->claims);
    pthread_mutex_init(&host->lock, NULL);
    atomic_init(&host->references, 1);
    bool ok = true;
    for (size_t i = 0; ok && i < n_collectors; i++) {
        if (enabled[i]) ok = start(registry, host, &host->running[i], all_collectors[i]);
    }
    ok = ok && start_results(registry, host);
    *registered = host;
    release(host);
    return ok;
}
