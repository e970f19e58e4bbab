/*
 * The life of a vector's series: created one by one until there are n, deleted, and what they take in memory. Each
 * round begins with a registry of its own, and with memory fresh from the kernel.
 */
#include "../common/bench.h"
#include "core.h"

#include <stdlib.h>

struct rows {
    struct bench_row *create, *delete_one, *delete_all, *bytes_new, *bytes_sorted;
};

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

static void round_of(size_t n, const struct bench_pair *pairs, const struct bench_pair *order, struct rows *rows)
{
    struct bench_memory memory;
    cprom_gauge_vec *vec;
    bench_memory_trim();
    cprom_registry *registry = bench_registry(&memory);
    bench_check(cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("pipeline_step_duration_seconds"), &vec), "vector");
    size_t empty = memory.bytes;

    double start = bench_now();
    for (size_t i = 0; i < n; i++) cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), (double)i);
    bench_add(rows->create, (bench_now() - start) / (double)n);
    if (cprom_gauge_vec_size(vec) != n) bench_check(CPROM_ENOMEM, "creating");

    bench_add(rows->bytes_new, (double)(memory.bytes - empty) / (double)n);
    scrape_once(registry);
    bench_add(rows->bytes_sorted, (double)(memory.bytes - empty) / (double)n);

    bench_add(rows->delete_one, delete_some(vec, order, n / 100));
    bench_add(rows->delete_all, delete_some(vec, order + n / 100, n - n / 100));
    cprom_registry_free(registry);
}

static void size_of(size_t n, const char *const names[5], double create_goal, double delete_goal, unsigned rounds)
{
    struct bench_pair *pairs = bench_pairs(n, n), *order = bench_pairs_shuffled(pairs, n, n, n + 1);
    struct rows rows;
    rows.create = bench_row(names[0], "ns", create_goal);
    rows.delete_one = bench_row(names[1], "ns", delete_goal);
    rows.delete_all = bench_row(names[2], "ns", 0);
    rows.bytes_new = bench_row(names[3], "B", 0);
    rows.bytes_sorted = bench_row(names[4], "B", 112);
    for (unsigned round = 0; round < rounds; round++) round_of(n, pairs, order, &rows);
    free(order);
    free(pairs);
}

void bench_vectors(void)
{
    static const char *const small[] = {"create a series, vector growing to 100,000",
                                        "delete by values, one of 100,000", "delete by values, each until none is left",
                                        "memory a gauge series, 100,000, not scraped yet",
                                        "memory a gauge series, 100,000"};
    static const char *const large[] = {"create a series, vector growing to 1M", "delete by values, one of 1M",
                                        "delete by values, each until none is left",
                                        "memory a gauge series, 1M, not scraped yet", "memory a gauge series, 1M"};
    bench_begin("series, back to back; memory by the allocator hook");
    size_of(100 * 1000, small, 180, 60, bench_options.quick ? 5 : 11);
    if (!bench_options.quick) size_of(1000 * 1000, large, 250, 140, 5);
    bench_end();
}
