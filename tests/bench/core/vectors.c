/*
 * The life of a vector's series: created one by one until there are n, deleted, and what they take in memory. Each
 * round begins with a registry of its own, and with memory fresh from the kernel.
 */
#include "../common/bench.h"
#include "core.h"

#include <stdio.h>
#include <stdlib.h>

static void scrape_once(cprom_registry *registry)
{
    static char buffer[64 * 1024];
    cprom_page *page;
    bench_check(cprom_page_open(registry, NULL, &page), "cprom_page_open");
    while (cprom_page_read(page, buffer, sizeof buffer)) {
    }
    cprom_page_close(page);
}

/* ns for each; the order has nothing to do with that of creation. */
static double delete_some(cprom_gauge_vec *vec, const struct bench_pair *pairs, size_t n)
{
    double start = bench_now();
    for (size_t i = 0; i < n; i++) {
        bench_check(cprom_gauge_vec_delete(vec, BENCH_STRS(&pairs[i])), "cprom_gauge_vec_delete");
    }
    return (bench_now() - start) / (double)n;
}

static void sample_of(const char *what, const char *size, const char *unit, double value)
{
    char name[32];
    snprintf(name, sizeof name, "%s_%s", what, size);
    bench_sample(name, unit, 1, value);
}

static void round_of(size_t n, const char *size, const struct bench_pair *pairs, const struct bench_pair *order)
{
    struct bench_memory memory;
    cprom_gauge_vec *vec;
    bench_memory_trim();
    cprom_registry *registry = bench_registry(&memory);
    bench_check(cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("pipeline_step_duration_seconds"), &vec), "vector");
    size_t empty = memory.bytes;

    double start = bench_now();
    for (size_t i = 0; i < n; i++) cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), (double)i);
    sample_of("create", size, "ns", (bench_now() - start) / (double)n);
    if (cprom_gauge_vec_size(vec) != n) bench_check(CPROM_ENOMEM, "creating");

    scrape_once(registry);
    sample_of("bytes", size, "B", (double)(memory.bytes - empty) / (double)n);
    sample_of("delete", size, "ns", delete_some(vec, order, n / 100));
    sample_of("delete_rest", size, "ns", delete_some(vec, order + n / 100, n - n / 100));
    cprom_registry_free(registry);
}

static void rounds_of(size_t n, const char *size, unsigned rounds)
{
    struct bench_pair *pairs = bench_pairs(n, n), *order = bench_pairs_shuffled(pairs, n, n, n + 1);
    for (unsigned round = 0; round < rounds; round++) round_of(n, size, pairs, order);
    free(order);
    free(pairs);
}

void bench_vectors(void)
{
    rounds_of(100 * 1000, "100k", bench_quick ? 5 : 11);
    if (!bench_quick) rounds_of(1000 * 1000, "1M", 5);
}
