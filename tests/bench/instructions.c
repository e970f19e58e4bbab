/*
 * What calls cost in instructions: callgrind counts what each function case_... takes, see instructions.py. Prints the
 * cases with how many operations each has done.
 */
#include "common/bench.h"

#include <stdio.h>
#include <stdlib.h>

#define SERIES 10000u
#define OPS 1000u
#define OWNED 100u
#define ROUNDS 4u

static cprom_registry *registry;
static cprom_counter *counter;
static cprom_gauge *gauge;
static cprom_histogram *histogram;
static cprom_gauge_vec *vec, *owned;
static cprom_counter_vec *counters;
static struct bench_pair *pairs, *fresh;
static double values[OPS];

/* Callgrind knows them by name: not static, not inlined. */
#define CASE(name) __attribute__((noinline)) void case_##name(void)
#define EACH(n) for (size_t i = 0; i < (n); i++)

CASE(counter_inc) { EACH(OPS) cprom_counter_inc(counter); }
CASE(counter_add) { EACH(OPS) cprom_counter_add(counter, 0.37); }
CASE(gauge_set) { EACH(OPS) cprom_gauge_set(gauge, values[i]); }
CASE(gauge_add) { EACH(OPS) cprom_gauge_add(gauge, values[i]); }
CASE(observe) { EACH(OPS) cprom_histogram_observe(histogram, values[i]); }
CASE(find_inc_after_removal) { EACH(OPS) cprom_counter_vec_inc(counters, BENCH_STRS(&pairs[i])); }
CASE(find_inc) { EACH(OPS) cprom_counter_vec_inc(counters, BENCH_STRS(&pairs[i])); }
CASE(find_set) { EACH(OPS) cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), values[i]); }
CASE(find_get) { EACH(OPS) cprom_gauge_vec_get(vec, BENCH_STRS(&pairs[i]), NULL); }
CASE(with_unref) { EACH(OPS) cprom_gauge_unref(cprom_gauge_vec_with(vec, BENCH_STRS(&pairs[i]))); }
CASE(create) { EACH(OPS) cprom_gauge_vec_set(vec, BENCH_STRS(&fresh[i]), values[i]); }
CASE(delete) { EACH(OPS) cprom_gauge_vec_delete(vec, BENCH_STRS(&fresh[i])); }
CASE(delete_by_owner) { cprom_gauge_vec_delete_matching(owned, CPROM_LABELS({"pipeline", "a"}), NULL); }

static void scrape(const char *name)
{
    static char buffer[64 * 1024];
    cprom_page *page;
    bench_check(cprom_page_open(registry, CPROM_OPTS(cprom_page_opts, .names = &name, .n_names = 1), &page), "page");
    while (cprom_page_read(page, buffer, sizeof buffer)) {
    }
    cprom_page_close(page);
}

CASE(scrape_gauges) { scrape("vec"); }
CASE(scrape_counters) { scrape("counters_total"); }

static void make(void)
{
    static const double bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};
    uint64_t seed = 1;
    EACH(OPS) values[i] = bench_random_double(&seed) * 6;
    pairs = bench_pairs(SERIES, 1);
    fresh = bench_pairs(OPS, 2);
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "H."), &counter);
    cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "H."), &gauge);
    cprom_histogram_new(registry, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 10),
                        &histogram);
    cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("vec"), &vec);
    cprom_counter_vec_new(registry, BENCH_VEC_OPTS("counters_total"), &counters);
    bench_check(cprom_gauge_vec_new(registry,
                                    CPROM_OPTS(cprom_opts, .name = "owned", .help = "H.",
                                               .labels = {"pipeline", "step"}, .owner = "pipeline"),
                                    &owned),
                "vector");
    EACH(SERIES)
    {
        cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), bench_random_double(&seed));
        cprom_counter_vec_add(counters, BENCH_STRS(&pairs[i]), (double)(bench_random(&seed) % 1000000));
    }
}

int main(void)
{
    static const struct {
        const char *name;
        void (*run)(void);
        unsigned ops;
    } cases[] = {{"counter_inc", case_counter_inc, OPS},
                 {"counter_add", case_counter_add, OPS},
                 {"gauge_set", case_gauge_set, OPS},
                 {"gauge_add", case_gauge_add, OPS},
                 {"observe", case_observe, OPS},
                 {"find_inc_after_removal", case_find_inc_after_removal, OPS},
                 {"find_inc", case_find_inc, OPS},
                 {"find_set", case_find_set, OPS},
                 {"find_get", case_find_get, OPS},
                 {"with_unref", case_with_unref, OPS},
                 {"create", case_create, OPS},
                 {"delete", case_delete, OPS},
                 {"delete_by_owner", case_delete_by_owner, OWNED},
                 {"scrape_gauges", case_scrape_gauges, SERIES},
                 {"scrape_counters", case_scrape_counters, SERIES}};
    make();
    scrape("vec"); /* which sorts them */
    scrape("counters_total");
    for (unsigned round = 0; round < ROUNDS; round++) {
        /* Another removal is over since they were touched: one case measures that touch, the others are without. */
        cprom_vec_delete_matching((cprom_vec *)owned, CPROM_LABELS({"pipeline", "none"}), NULL);
        cprom_counter_inc(counter);
        cprom_gauge_set(gauge, 1);
        cprom_histogram_observe(histogram, 1);
        EACH(OPS) cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), values[i]);
        EACH(OWNED) cprom_gauge_vec_set(owned, CPROM_STRS("a", pairs[i].step), 1);
        EACH(sizeof cases / sizeof cases[0]) cases[i].run();
    }
    EACH(sizeof cases / sizeof cases[0]) printf("%s\t%u\n", cases[i].name, cases[i].ops * ROUNDS);
    cprom_registry_free(registry);
    free(fresh);
    free(pairs);
    return 0;
}
