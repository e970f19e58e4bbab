/*
 * Scrapes to memory: open, then read with a buffer of 64 KiB until the end. The series were created in random order;
 * "first" is what
 * the first scrape, which sorts them, takes beyond the median of those after it.
 */
#include "../common/bench.h"
#include "core.h"

#include <stdio.h>
#include <stdlib.h>

struct scrape {
    double open, read, all;     /* ms; all with the close */
    size_t length, peak, calls; /* bytes of the page; bytes taken beyond what was there, and allocations */
};

static struct scrape scrape(cprom_registry *registry, struct bench_memory *memory)
{
    static char buffer[64 * 1024];
    struct scrape result = {0};
    cprom_page *page;
    bench_memory_reset(memory);
    size_t bytes = memory->bytes, calls = memory->calls;
    double start = bench_now();
    bench_check(cprom_page_open(registry, NULL, &page), "cprom_page_open");
    double opened = bench_now();
    for (size_t n; (n = cprom_page_read(page, buffer, sizeof buffer)) != 0;) {
        result.length += n;
        BENCH_USE(buffer);
    }
    double end = bench_now();
    cprom_page_close(page);
    result.all = (bench_now() - start) / 1e6;
    result.open = (opened - start) / 1e6;
    result.read = (end - opened) / 1e6;
    result.peak = memory->peak - bytes;
    result.calls = memory->calls - calls;
    return result;
}

enum values {
    UNIT,       /* doubles from 0 to 1 */
    MAGNITUDES, /* doubles of 1e-6 to 1e9: plain and exponent form */
    INTEGERS,   /* counters below 10^6, as most are */
};

static double value_of(enum values values, uint64_t *seed)
{
    static const double powers[] = {1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9};
    if (values == INTEGERS) return (double)(bench_random(seed) % 1000000);
    double value = bench_random_double(seed);
    return values == UNIT ? value : value * powers[bench_random(seed) % 16];
}

#define SCRAPES_MAX 20u

struct kind {
    const char *name;
    size_t n;
    enum values values;
    unsigned registries, scrapes;
};

static cprom_registry *fill_registry(const struct kind *kind, const struct bench_pair *pairs,
                                     struct bench_memory *memory)
{
    cprom_registry *registry = bench_registry(memory);
    uint64_t seed = kind->n;
    cprom_gauge_vec *gauges;
    cprom_counter_vec *counters;
    if (kind->values == INTEGERS) {
        bench_check(cprom_counter_vec_new(registry, BENCH_VEC_OPTS("pipeline_step_runs_total"), &counters), "vector");
        for (size_t i = 0; i < kind->n; i++)
            cprom_counter_vec_add(counters, BENCH_STRS(&pairs[i]), value_of(INTEGERS, &seed));
    } else {
        bench_check(cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("pipeline_step_duration_seconds"), &gauges), "vector");
        for (size_t i = 0; i < kind->n; i++) {
            cprom_gauge_vec_set(gauges, BENCH_STRS(&pairs[i]), value_of(kind->values, &seed));
        }
    }
    return registry;
}

static void sample_of(const char *what, const struct kind *kind, const char *unit, double value)
{
    char name[40];
    snprintf(name, sizeof name, "%s_%s", what, kind->name);
    bench_sample(name, unit, 1, value);
}

static void measure(const struct kind *kind)
{
    struct bench_pair *pairs = bench_pairs(kind->n, kind->n + 7);
    for (unsigned i = 0; i < kind->registries; i++) {
        struct bench_memory memory;
        double steady[SCRAPES_MAX];
        bench_memory_trim();
        cprom_registry *registry = fill_registry(kind, pairs, &memory);
        double first = scrape(registry, &memory).all;
        for (unsigned k = 0; k < kind->scrapes; k++) {
            struct scrape again = scrape(registry, &memory);
            sample_of("scrape", kind, "ms", again.all);
            sample_of("open", kind, "ms", again.open);
            sample_of("read", kind, "ms", again.read);
            sample_of("memory", kind, "MB", (double)again.peak / 1e6);
            sample_of("allocations", kind, "", (double)again.calls);
            steady[k] = again.all;
        }
        sample_of("first", kind, "ms", first - bench_median(steady, kind->scrapes));
        cprom_registry_free(registry);
    }
    free(pairs);
}

void bench_pages(void)
{
    static const struct kind kinds[] = {{"1k", 1000, UNIT, 10, 20},
                                        {"10k", 10 * 1000, UNIT, 5, 20},
                                        {"100k", 100 * 1000, UNIT, 5, 10},
                                        {"1M", 1000 * 1000, UNIT, 5, 5},
                                        {"1M_magnitudes", 1000 * 1000, MAGNITUDES, 1, 9},
                                        {"1M_counters", 1000 * 1000, INTEGERS, 1, 9}};
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (!bench_quick || kinds[i].n <= 100 * 1000) measure(&kinds[i]);
    }
}
