/*
 * Scrapes to memory: open, then read with a buffer of 64 KiB until the end. The series were created in random order;
 * the first scrape, which sorts them, is a row of its own.
 */
#include "../common/bench.h"
#include "core.h"

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

struct kind {
    size_t n;
    enum values values;
    const char *names[7]; /* of the rows; NULL: not shown */
    double goal;          /* ms */
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

static void add_to(struct bench_row *row, double value)
{
    if (row) bench_add(row, value);
}

static void measure(const struct kind *kind)
{
    static const char *const units[] = {"ms", "ms", "ms", "ms", "MB", "", "ns"};
    struct bench_pair *pairs = bench_pairs(kind->n, kind->n + 7);
    struct bench_row *rows[7];
    for (size_t i = 0; i < 7; i++) {
        double goal = i == 0 ? kind->goal : i == 4 ? 24 : 0;
        rows[i] = kind->names[i] ? bench_row(kind->names[i], units[i], goal) : NULL;
    }
    for (unsigned i = 0; i < kind->registries; i++) {
        struct bench_memory memory;
        bench_memory_trim();
        cprom_registry *registry = fill_registry(kind, pairs, &memory);
        struct scrape first = scrape(registry, &memory);
        add_to(rows[3], first.all);
        for (unsigned k = 0; k < kind->scrapes; k++) {
            struct scrape steady = scrape(registry, &memory);
            add_to(rows[0], steady.all);
            add_to(rows[1], steady.open);
            add_to(rows[2], steady.read);
            add_to(rows[4], (double)steady.peak / 1e6);
            add_to(rows[5], (double)steady.calls);
            add_to(rows[6], (double)steady.all * 1e6 / (double)kind->n);
        }
        cprom_registry_free(registry);
    }
    free(pairs);
}

void bench_pages(void)
{
    static const struct kind kinds[] = {
        {1000,
         UNIT,
         {"scrape, 1k random gauges", NULL, NULL, "first scrape, 1k, sorts them", NULL, NULL, NULL},
         .03,
         10,
         20},
        {10 * 1000,
         UNIT,
         {"scrape, 10k random gauges", NULL, NULL, "first scrape, 10k, sorts them", NULL, NULL, "  a series"},
         .35,
         5,
         20},
        {100 * 1000,
         UNIT,
         {"scrape, 100k random gauges", "  page_open", "  page_read", "first scrape, 100k, sorts them", NULL, NULL,
          "  a series"},
         4,
         5,
         10},
        {1000 * 1000,
         UNIT,
         {"scrape, 1M random gauges", "  page_open", "  page_read", "first scrape, 1M, sorts them",
          "a scrape's own memory, 1M", "a scrape's own allocations, 1M", "  a series"},
         60,
         5,
         5},
        {1000 * 1000,
         MAGNITUDES,
         {"scrape, 1M random gauges of 1e-6 to 1e9", "  page_open", "  page_read", NULL, NULL, NULL, NULL},
         0,
         1,
         9},
        {1000 * 1000,
         INTEGERS,
         {"scrape, 1M integer counters", "  page_open", "  page_read", NULL, NULL, NULL, NULL},
         40,
         1,
         9},
    };
    size_t n = sizeof kinds / sizeof kinds[0];
    bench_begin("scrapes to memory");
    for (size_t i = 0; i < n; i++) {
        if (!bench_options.quick || kinds[i].n <= 100 * 1000) measure(&kinds[i]);
    }
    bench_end();
}
