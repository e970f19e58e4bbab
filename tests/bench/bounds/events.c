/*
 * Removals by match while an update is open, which has to know of them: the last of many, and commits behind them.
 */
#include "bounds.h"

#include <stdio.h>

#define ENTRIES 1000u
#define COMMITS 3

static cprom_update *staged(cprom_registry *registry, cprom_gauge_vec *vec, const char *owner)
{
    cprom_update *update;
    bench_check(cprom_update_new(registry, &update), "update");
    for (size_t i = 0; i < ENTRIES; i++) {
        char item[24];
        snprintf(item, sizeof item, "item%07zu", i);
        bench_check(cprom_update_gauge_vec_set(update, vec, CPROM_STRS(owner, item), 1), "stage");
    }
    return update;
}

static double commit(cprom_update *update)
{
    double start = bounds_cpu();
    bench_check(cprom_update_commit(update, NULL), "commit");
    double took = bounds_cpu() - start;
    cprom_update_free(update);
    return took;
}

struct costs {
    double removal; /* each of the last thousand; all ns */
    double commit;  /* of updates that were there before the removals, or, of the control, that came later */
    double after;   /* of updates that came when the others were gone */
    size_t removals;
};

static struct costs measure(size_t n, bool open)
{
    struct costs costs = {0};
    cprom_registry *registry;
    cprom_update *oldest = NULL, *old[COMMITS];
    double took[COMMITS], start = bounds_cpu(), before = start;
    char owner[24];
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    cprom_gauge_vec *vec = bounds_vec(registry, "family", 0);
    if (open) bench_check(cprom_update_new(registry, &oldest), "update");
    for (int i = 0; i < COMMITS; i++) {
        snprintf(owner, sizeof owner, "old%d", i);
        if (open) old[i] = staged(registry, vec, owner);
    }
    for (size_t i = 0; i < n && !bounds_too_long(start); i++) {
        snprintf(owner, sizeof owner, "owner%07zu", i);
        if (i % 1000 == 0) before = bounds_cpu();
        bench_check(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"owner", owner}), NULL), "removal");
        costs.removals = i + 1;
        if (i % 1000 == 999) costs.removal = (bounds_cpu() - before) / 1000;
    }
    for (int i = 0; i < COMMITS; i++) {
        snprintf(owner, sizeof owner, "old%d", i);
        took[i] = commit(open ? old[i] : staged(registry, vec, owner));
    }
    costs.commit = bench_median(took, COMMITS);
    cprom_update_free(oldest);
    for (int i = 0; i < COMMITS; i++) {
        snprintf(owner, sizeof owner, "new%d", i);
        took[i] = commit(staged(registry, vec, owner));
    }
    costs.after = bench_median(took, COMMITS);
    cprom_registry_free(registry);
    return costs;
}

static void row(size_t n, const char *size)
{
    struct costs with = measure(n, true), without = measure(n, false);
    if (with.removals < n) bounds_note("stale: stopped after %zu of %zu removals", with.removals, n);
    bounds_ratio("stale_removal", size, with.removal, without.removal);
    bounds_ratio("stale_commit", size, with.commit, without.commit);
    bounds_ratio("stale_after", size, with.after, without.after);
}

void bounds_events(void)
{
    row(1000, "1k");
    row(bench_quick ? 10000 : 40000, bench_quick ? "10k" : "40k");
}
