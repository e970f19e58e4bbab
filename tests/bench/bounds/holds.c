/*
 * How long the lock of a vector's map is held while n series go, beside what 4,096 single deletions take in the same
 * vector; and what one page does that finds n series expired.
 */
#include "bounds.h"

#include <stdatomic.h>
#include <stdio.h>

#define SINGLES 4096u

static _Atomic int64_t clock_now;

static int64_t clock_read(void *ctx)
{
    (void)ctx;
    return atomic_load_explicit(&clock_now, memory_order_relaxed);
}

struct full {
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    double singles; /* what deleting SINGLES series one by one took, ns */
};

static void delete_singles(struct full *full)
{
    double start = bounds_cpu();
    for (size_t i = 0; i < SINGLES; i++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", i);
        bench_check(cprom_gauge_vec_delete(full->vec, CPROM_STRS("few", item)), "delete");
    }
    full->singles = bounds_cpu() - start;
}

/* Leaves a vector with n series of one owner. */
static struct full full_new(size_t n, double ttl_seconds)
{
    struct full full = {0};
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    opts.monotonic_clock = opts.wall_clock = clock_read;
    atomic_store(&clock_now, 1);
    bench_check(cprom_registry_new(&opts, &full.registry), "registry");
    full.vec = bounds_vec(full.registry, "family", ttl_seconds);
    for (size_t i = 0; i < n; i++) {
        bounds_set(full.vec, "many", i);
        if (i < SINGLES) bounds_set(full.vec, "few", i);
    }
    delete_singles(&full);
    cprom_registry_trim(full.registry);
    return full;
}

static void hold(const char *row, const char *size, const struct full *full)
{
    bounds_ratio(row, size, bounds_watched(), full->singles);
}

static void expect(const struct full *full, size_t left)
{
    if (cprom_gauge_vec_size(full->vec) != left) bench_check(CPROM_EINVAL, "removing");
}

static void by_owner(size_t n, const char *size)
{
    struct full full = full_new(n, 0);
    bounds_watch(full.vec);
    cprom_gauge_vec_delete_matching(full.vec, CPROM_LABELS({"owner", "many"}), NULL);
    hold("hold_owner", size, &full);
    expect(&full, 0);
    cprom_registry_free(full.registry);
}

static void clear(size_t n, const char *size)
{
    struct full full = full_new(n, 0);
    bounds_watch(full.vec);
    cprom_gauge_vec_clear(full.vec);
    hold("hold_clear", size, &full);
    expect(&full, 0);
    cprom_registry_free(full.registry);
}

static void sweep(size_t n, const char *size)
{
    struct full full = full_new(n, 0);
    cprom_mark mark = cprom_registry_mark(full.registry);
    bounds_watch(full.vec);
    cprom_gauge_vec_sweep(full.vec, CPROM_LABELS({"owner", "many"}), mark, NULL);
    hold("hold_sweep", size, &full);
    expect(&full, 0);
    cprom_registry_free(full.registry);
}

static uint64_t removed_of(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    cprom_registry_stats(registry, &stats);
    return stats.series_removed;
}

/* The first page that finds them expired, beside one with them and the single deletions; a trim removes the rest. */
static void expiry(size_t n, const char *size)
{
    struct full full = full_new(n, 10);
    double start, alive = 0;
    for (int i = 0; i < 3; i++) { /* the first one sorts */
        start = bounds_cpu();
        bounds_scrape(full.registry);
        double took = bounds_cpu() - start;
        if (i == 0 || took < alive) alive = took;
    }
    atomic_store(&clock_now, INT64_C(20000000000));
    uint64_t removed = removed_of(full.registry);
    bounds_watch(full.vec);
    start = bounds_cpu();
    bounds_scrape(full.registry);
    bounds_ratio("expired_page", size, bounds_cpu() - start, alive + full.singles);
    bounds_count("expired_series", size, (double)(removed_of(full.registry) - removed));
    cprom_registry_trim(full.registry);
    hold("hold_expiry", size, &full);
    expect(&full, 0);
    cprom_registry_free(full.registry);
}

static void all(size_t n, const char *size)
{
    by_owner(n, size);
    clear(n, size);
    sweep(n, size);
    expiry(n, size);
}

void bounds_holds(void)
{
    for (int round = 0; round < 3; round++) { /* the longest of many holds is the machine's now and then */
        all(100000, "100k");
        if (!bench_quick) all(1000000, "1M");
    }
}
