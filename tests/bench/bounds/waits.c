/*
 * Commits beside single deletions, a clear of another vector, and scrapes of histograms.
 */
#include "bounds.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

/* Threads that do something beside the one that is measured, until they are told to stop. */
struct beside {
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    _Atomic bool stop, begun, timed_out;
    _Atomic size_t item; /* the next one's own */
    double until;        /* or so long, on bench_now(); 0: always */
};

static bool goes_on(struct beside *beside)
{
    if (beside->until > 0 && bench_now() > beside->until) {
        atomic_store(&beside->timed_out, true);
        return false;
    }
    return !atomic_load(&beside->stop);
}

/* ---- single deletions ---- */

static void *delete_and_set(void *arg)
{
    struct beside *beside = arg;
    char item[24];
    snprintf(item, sizeof item, "item%07zu", atomic_fetch_add(&beside->item, 1));
    bench_pin(1);
    while (goes_on(beside)) {
        cprom_gauge_vec_delete(beside->vec, CPROM_STRS("owner", item));
        cprom_gauge_vec_set(beside->vec, CPROM_STRS("owner", item), 1);
        atomic_store(&beside->begun, true);
        bounds_pause(1);
    }
    return NULL;
}

/* The update sets all of n series, and replaces what there is else; ns. */
static double commit_all(cprom_registry *registry, cprom_gauge_vec *vec, size_t n)
{
    cprom_update *update;
    bench_check(cprom_update_new(registry, &update), "update");
    bench_check(cprom_update_gauge_vec_replace(update, vec, CPROM_NO_LABELS), "replace");
    for (size_t i = 0; i < n; i++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", i);
        bench_check(cprom_update_gauge_vec_set(update, vec, CPROM_STRS("owner", item), 2), "stage");
    }
    double start = bounds_cpu();
    bench_check(cprom_update_commit(update, NULL), "commit");
    double took = bounds_cpu() - start;
    cprom_update_free(update);
    return took;
}

#define COMMITS_MAX 50

/* The median of some commits; none begins when the time of those beside is over. */
static double commits(cprom_registry *registry, cprom_gauge_vec *vec, size_t n, int times, struct beside *beside)
{
    double took[COMMITS_MAX];
    size_t done = 0;
    while (done < (size_t)times && !(beside && atomic_load(&beside->timed_out)))
        took[done++] = commit_all(registry, vec, n);
    return bench_median(took, done);
}

static void deleters(size_t n, const char *size, int times)
{
    struct beside beside = {0};
    pthread_t threads[2];
    bench_check(cprom_registry_new(NULL, &beside.registry), "registry");
    beside.vec = bounds_vec(beside.registry, "family", 0);
    for (size_t i = 0; i < n; i++) bounds_set(beside.vec, "owner", i);
    double start = bench_now(), alone = commits(beside.registry, beside.vec, n, times, NULL), now = bench_now();
    beside.until = now + 3 * (now - start) + BOUNDS_SECONDS * 1e9;
    for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, delete_and_set, &beside);
    while (!atomic_load(&beside.begun)) bounds_pause(1);
    double with = commits(beside.registry, beside.vec, n, times, &beside);
    atomic_store(&beside.stop, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    if (atomic_load(&beside.timed_out)) bounds_note("commit_deleters, %s: the deleters were stopped", size);
    bounds_ratio("commit_deleters", size, with, alone);
    cprom_registry_free(beside.registry);
}

/* ---- what another thread does ---- */

static long switches(void)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nvcsw;
}

/* What that thread had of its processor while this one committed one gauge, and waited for something. */
static double commit_one(struct beside *beside, cprom_gauge_vec *vec, pthread_t other)
{
    cprom_update *update;
    bench_check(cprom_update_new(beside->registry, &update), "update");
    bench_check(cprom_update_gauge_vec_set(update, vec, CPROM_STRS("one", "one"), 1), "stage");
    long before = switches();
    double start = bounds_cpu_of(other);
    bench_check(cprom_update_commit(update, NULL), "commit");
    double took = bounds_cpu_of(other) - start;
    bool waited = switches() != before;
    cprom_update_free(update);
    return waited ? took : 0;
}

static void *clear_once(void *arg)
{
    struct beside *beside = arg;
    bench_pin(1);
    atomic_store(&beside->begun, true);
    bounds_pause(1);
    cprom_gauge_vec_clear(beside->vec);
    atomic_store(&beside->stop, true);
    while (!atomic_load(&beside->timed_out)) bounds_pause(1); /* its clock goes with it */
    return NULL;
}

/* Beside the copying of a page with those n series. */
static void other_vector(size_t n, const char *size)
{
    struct beside beside = {0};
    pthread_t thread;
    double longest = 0, copying = 0;
    bench_check(cprom_registry_new(NULL, &beside.registry), "registry");
    beside.vec = bounds_vec(beside.registry, "family", 0);
    cprom_gauge_vec *small = bounds_vec(beside.registry, "small", 0);
    for (size_t i = 0; i < n; i++) bounds_set(beside.vec, "owner", i);
    for (int i = 0; i < 3; i++) { /* the first one sorts */
        double start = bounds_cpu();
        bounds_scrape(beside.registry);
        copying = bounds_cpu() - start;
    }
    pthread_create(&thread, NULL, clear_once, &beside);
    while (!atomic_load(&beside.begun)) {
    }
    while (!atomic_load(&beside.stop)) {
        double waited = commit_one(&beside, small, thread);
        if (waited > longest) longest = waited;
    }
    atomic_store(&beside.timed_out, true);
    pthread_join(thread, NULL);
    bounds_ratio("commit_clear", size, longest, copying);
    cprom_registry_free(beside.registry);
}

/* ---- histograms ---- */

static void *scrape(void *arg)
{
    struct beside *beside = arg;
    bench_pin(1);
    while (goes_on(beside)) {
        bounds_scrape(beside->registry);
        atomic_store(&beside->begun, true);
    }
    return NULL;
}

#define BOUNDS 1000u

static void fill_histograms(cprom_registry *registry, size_t n)
{
    cprom_histogram_vec *vec;
    double bounds[BOUNDS];
    for (size_t i = 0; i < BOUNDS; i++) bounds[i] = (double)(i + 1);
    bench_check(cprom_histogram_vec_new(registry,
                                        CPROM_OPTS(cprom_opts, .name = "histogram", .help = "h", .labels = {"item"},
                                                   .bounds = bounds, .n_bounds = BOUNDS),
                                        &vec),
                "vector");
    for (size_t i = 0; i < n; i++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", i);
        bench_check(cprom_histogram_vec_observe(vec, CPROM_STRS(item), (double)(i % BOUNDS)), "observe");
    }
}

/* The longest that a commit of one gauge waits for a looping scraper, beside a million cells' share of such a page. */
static void histograms(size_t n, const char *size)
{
    struct beside beside = {0};
    pthread_t thread;
    double longest = 0, alone[3];
    uint64_t seed = n;
    bench_check(cprom_registry_new(NULL, &beside.registry), "registry");
    fill_histograms(beside.registry, n);
    cprom_gauge_vec *small = bounds_vec(beside.registry, "small", 0);
    for (int i = 0; i < 3; i++) {
        double start = bounds_cpu();
        bounds_scrape(beside.registry);
        alone[i] = bounds_cpu() - start;
    }
    pthread_create(&thread, NULL, scrape, &beside);
    while (!atomic_load(&beside.begun)) bounds_pause(1);
    for (int i = 0; i < 100; i++) {
        double waited = commit_one(&beside, small, thread);
        if (waited > longest) longest = waited;
        bounds_pause(bench_random_double(&seed) * 5);
    }
    atomic_store(&beside.stop, true);
    pthread_join(thread, NULL);
    bounds_ratio("commit_histograms", size, longest, bench_median(alone, 3) * 1e6 / (double)(n * BOUNDS));
    cprom_registry_free(beside.registry);
}

void bounds_waits(void)
{
    int rounds = bench_quick ? 1 : 3;
    deleters(1000, "1k", COMMITS_MAX);
    deleters(100000, "100k", 3);
    if (!bench_quick) deleters(1000000, "1M", 1);
    for (int i = 0; i < rounds; i++) other_vector(100000, "100k");
    for (int i = 0; i < rounds && !bench_quick; i++) other_vector(1000000, "1M");
    for (int i = 0; i < rounds; i++) histograms(bench_quick ? 3000 : 10000, bench_quick ? "3M" : "10M");
}
