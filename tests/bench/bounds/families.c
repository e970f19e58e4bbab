/*
 * Registering: the last of many families beside those around the hundredth.
 */
#include "bounds.h"

#include <stdio.h>
#include <stdlib.h>

static void gauge_new(cprom_registry *registry, const char *name)
{
    cprom_gauge *gauge;
    bench_check(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = name, .help = "Benchmark."), &gauge), name);
}

/* In one registry: the last thousand beside the first. Returns the ns for all. */
static double one_registry(size_t n, const char *size)
{
    cprom_registry *registry;
    double start = bounds_cpu(), before = start, first = 0, last = 0;
    size_t i = 0;
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    while (i < n && !bounds_too_long(start)) {
        char name[24];
        /* As programs do, not in the order of the names. */
        snprintf(name, sizeof name, "family_%07zu", i * 7919 % n);
        gauge_new(registry, name);
        if (++i % 1000) continue;
        double now = bounds_cpu();
        last = now - before;
        if (i == 1000) first = last;
        before = now;
    }
    if (i < n) bounds_note("register: stopped after %zu of %zu families", i, n);
    bounds_ratio("register", size, last, first);
    cprom_registry_free(registry);
    return before - start;
}

#define CHILDREN 1000u

/* In each child of one registry: the last hundred beside those around the hundredth. */
static void children(const char *row, bool same)
{
    cprom_registry *parent, *child[CHILDREN];
    double around = 0, last = 0;
    bench_check(cprom_registry_new(NULL, &parent), "registry");
    for (size_t i = 0; i < CHILDREN; i++) {
        char value[24], name[24];
        snprintf(value, sizeof value, "child%04zu", i);
        snprintf(name, sizeof name, "family_%07zu", same ? 0 : i);
        cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
        opts.parent = parent;
        opts.const_labels[0] = (cprom_label){"child", value};
        bench_check(cprom_registry_new(&opts, &child[i]), "child");
        double start = bounds_cpu();
        gauge_new(child[i], name);
        double took = bounds_cpu() - start;
        if (i >= 50 && i < 150) around += took;
        if (i >= CHILDREN - 100) last += took;
    }
    bounds_ratio(row, "1k", last, around);
    for (size_t i = 0; i < CHILDREN; i++) cprom_registry_free(child[i]);
    cprom_registry_free(parent);
}

void bounds_families(void)
{
    double took = 0;
    for (int round = 0; round < 5 && !bench_quick && took < 1e9; round++) took = one_registry(32000, "32k");
    for (int round = 0; round < 5; round++) {
        one_registry(4000, "4k");
        children("children_same", true);
        children("children_own", false);
    }
}
