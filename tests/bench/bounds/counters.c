/*
 * Many striped counters, 128 in each vector: what freeing takes for each, and what creating one beside them does.
 */
#include "bounds.h"

#include <stdio.h>
#include <stdlib.h>

#define EACH 128u
#define CREATIONS 4000u

static const char *item_of(char text[24], size_t i)
{
    snprintf(text, 24, "item%07zu", i);
    return text;
}

static cprom_registry *fill(size_t n, cprom_counter_vec **vecs)
{
    cprom_registry *registry;
    char text[24], name[32];
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    for (size_t i = 0; i < n; i++) {
        snprintf(name, sizeof name, "family_%07zu_total", i);
        bench_check(cprom_counter_vec_new(
                        registry, CPROM_OPTS(cprom_opts, .name = name, .help = "h", .labels = {"item"}), &vecs[i]),
                    "vector");
        for (size_t k = 0; k < EACH; k++) cprom_counter_vec_inc(vecs[i], CPROM_STRS(item_of(text, k)));
    }
    return registry;
}

/* Deletes counters and creates them anew; the creations' p99, ns. */
static double creation_p99(cprom_registry *registry, cprom_counter_vec *const *vecs, size_t n)
{
    static double took[CREATIONS];
    uint64_t seed = n;
    for (size_t i = 0; i < CREATIONS; i++) {
        char text[24];
        cprom_counter_vec *vec = vecs[bench_random(&seed) % n];
        item_of(text, bench_random(&seed) % EACH);
        bench_check(cprom_counter_vec_delete(vec, CPROM_STRS(text)), "delete");
        double start = bounds_cpu();
        cprom_counter_vec_inc(vec, CPROM_STRS(text));
        took[i] = bounds_cpu() - start;
        if (i % 256 == 255) cprom_registry_trim(registry);
    }
    bench_median(took, CREATIONS);
    return took[CREATIONS - 1 - CREATIONS / 100];
}

/* ns for all. */
static double free_all(cprom_registry *registry)
{
    double start = bounds_cpu();
    cprom_registry_free(registry);
    return bounds_cpu() - start;
}

void bounds_counters(void)
{
    /* The largest that need not take too long, should freeing be quadratic. */
    static const struct {
        size_t vecs;
        const char *size;
    } sizes[] = {{125, "16k"}, {500, "64k"}, {2000, "256k"}};
    size_t n = bench_quick ? 2 : 3;
    cprom_counter_vec **vecs = malloc(sizes[n - 1].vecs * sizeof(cprom_counter_vec *));
    double few[5];
    if (!vecs) bench_check(CPROM_ENOMEM, "vectors");
    for (int i = 0; i < 5; i++) few[i] = free_all(fill(8, vecs)) / 8;
    double control = bench_median(few, 5);
    cprom_registry *registry = fill(50, vecs);
    double p99 = creation_p99(registry, vecs, 50);
    double took = free_all(registry);
    for (size_t i = 0, before = 50; i < n; before = sizes[i++].vecs) {
        double times = (double)sizes[i].vecs / (double)before;
        registry = fill(sizes[i].vecs, vecs);
        bounds_ratio("create_beside", sizes[i].size, creation_p99(registry, vecs, sizes[i].vecs), p99);
        if (took * times * times > BOUNDS_SECONDS * 1e9) { /* the process ends with them */
            bounds_note("free: left out %s, after %.1f s for %zu", sizes[i].size, took / 1e9, before * EACH);
            break;
        }
        took = free_all(registry);
        bounds_ratio("free", sizes[i].size, took / (double)sizes[i].vecs, control);
    }
    free(vecs);
}
