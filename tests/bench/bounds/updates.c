/*
 * One update over many vectors: its commit, for each vector.
 */
#include "bounds.h"

#include <stdio.h>
#include <stdlib.h>

static double commit_each(size_t n)
{
    cprom_registry *registry;
    cprom_gauge_vec **vecs = malloc(n * sizeof(cprom_gauge_vec *));
    double took[7];
    if (!vecs) bench_check(CPROM_ENOMEM, "vectors");
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    for (size_t i = 0; i < n; i++) {
        char name[24];
        snprintf(name, sizeof name, "family_%07zu", i);
        vecs[i] = bounds_vec(registry, name, 0);
    }
    for (size_t round = 0; round < 7; round++) {
        cprom_update *update;
        bench_check(cprom_update_new(registry, &update), "update");
        for (size_t i = 0; i < n; i++) {
            /* Not in the order in which they were made. */
            cprom_gauge_vec *vec = vecs[i * 1009 % n];
            bench_check(cprom_update_gauge_vec_replace(update, vec, CPROM_LABELS({"owner", "a"})), "replace");
            bench_check(cprom_update_gauge_vec_set(update, vec, CPROM_STRS("a", round % 2 ? "one" : "two"), 1), "set");
        }
        double start = bounds_cpu();
        bench_check(cprom_update_commit(update, NULL), "commit");
        took[round] = (bounds_cpu() - start) / (double)n;
        cprom_update_free(update);
    }
    cprom_registry_free(registry);
    free(vecs);
    return bench_median(took, 7);
}

void bounds_updates(void)
{
    double control = commit_each(40);
    bounds_ratio("update_vectors", "1k", commit_each(1000), control);
    if (!bench_quick) bounds_ratio("update_vectors", "4k", commit_each(4000), control);
}
