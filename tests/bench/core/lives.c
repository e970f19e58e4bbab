/*
 * What the life of series costs: removing and replacing what one owner has, at several sizes of the vector; and how
 * long single calls take while a million series are scraped in a loop on the other processor.
 */
#include "../common/bench.h"
#include "core.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define OWNED 100u

static cprom_gauge_vec *owned_vec(cprom_registry *registry)
{
    cprom_gauge_vec *vec;
    bench_check(
        cprom_gauge_vec_new(registry,
                            CPROM_OPTS(cprom_opts, .name = "pipeline_step_duration_seconds", .help = "Benchmark.",
                                       .labels = {"pipeline", "step"}, .owner = "pipeline"),
                            &vec),
        "vector");
    return vec;
}

static void set_owned(cprom_gauge_vec *vec, size_t owner, size_t step)
{
    char pipeline[16], name[16];
    snprintf(pipeline, sizeof pipeline, "owner%05zu", owner);
    snprintf(name, sizeof name, "step%06zu", step);
    cprom_gauge_vec_set(vec, CPROM_STRS(pipeline, name), (double)step);
}

/* Series of all owners, in random order. */
static void fill(cprom_gauge_vec *vec, size_t n)
{
    uint64_t seed = n;
    uint32_t *order = malloc(n * sizeof *order);
    if (!order) bench_check(CPROM_ENOMEM, "order");
    for (size_t i = 0; i < n; i++) {
        size_t k = bench_random(&seed) % (i + 1);
        order[i] = order[k];
        order[k] = (uint32_t)i;
    }
    for (size_t i = 0; i < n; i++) set_owned(vec, order[i] / OWNED, order[i] % OWNED);
    free(order);
}

static void owners(size_t n, const char *delete_name, const char *replace_name)
{
    struct bench_memory memory;
    uint64_t seed = n + 1;
    cprom_registry *registry = bench_registry(&memory);
    cprom_gauge_vec *vec = owned_vec(registry);
    fill(vec, n);
    for (unsigned round = 0; round < 200; round++) {
        char pipeline[16];
        size_t owner = bench_random(&seed) % (n / OWNED), removed = 0;
        cprom_result result = {0};
        snprintf(pipeline, sizeof pipeline, "owner%05zu", owner);
        double start = bench_now();
        if (round % 2) cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"pipeline", pipeline}), &removed);
        else cprom_gauge_vec_replace(vec, CPROM_LABELS({"pipeline", pipeline}), NULL, 0, &result);
        bench_sample(round % 2 ? delete_name : replace_name, "us", 1, (bench_now() - start) / 1000);
        if (removed + result.removed != OWNED) bench_check(CPROM_EINVAL, "removing");
        for (size_t step = 0; step < OWNED; step++) set_owned(vec, owner, step);
    }
    cprom_registry_free(registry);
}

/* ---- single calls beside a scraper ---- */

struct scraper {
    cprom_registry *registry;
    _Atomic bool stop;
    _Atomic unsigned scrapes;
};

static void *scrape_in_a_loop(void *arg)
{
    static char buffer[64 * 1024];
    struct scraper *scraper = arg;
    bench_pin(1);
    while (!atomic_load(&scraper->stop)) {
        cprom_page *page;
        bench_check(cprom_page_open(scraper->registry, NULL, &page), "cprom_page_open");
        while (cprom_page_read(page, buffer, sizeof buffer)) {
        }
        cprom_page_close(page);
        atomic_fetch_add(&scraper->scrapes, 1);
    }
    return NULL;
}

static int compare_floats(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/*
 * One kind of call. The first two are not the library's: only the clock, and cache misses that take as long as finding a
 * series does, and so are hit by the machine's own interruptions as often.
 */
enum { CLOCK, MISSES, UPDATE, FIND, CREATE, DELETE, CALLS };

#define LINKS (1u << 24)

/* Random places in 64 MB. */
static uint32_t *links_new(void)
{
    uint64_t seed = 4;
    uint32_t *links = malloc(LINKS * sizeof *links);
    if (!links) bench_check(CPROM_ENOMEM, "links");
    for (size_t i = 0; i < LINKS; i++) links[i] = (uint32_t)(bench_random(&seed) % LINKS);
    return links;
}

static void miss(const uint32_t *links)
{
    static volatile uint32_t at;
    uint32_t next = at;
    for (int i = 0; i < 3; i++) next = links[next];
    at = next ^ 1;
}

static void call_once(int what, const uint32_t *links, cprom_gauge_vec *vec, cprom_gauge *held,
                      const struct bench_pair *old, const struct bench_pair *fresh)
{
    switch (what) {
    case MISSES: miss(links); break;
    case UPDATE: cprom_gauge_set(held, 1); break;
    case FIND: cprom_gauge_vec_set(vec, BENCH_STRS(old), 2); break;
    case CREATE: cprom_gauge_vec_set(vec, BENCH_STRS(fresh), 3); break;
    case DELETE: cprom_gauge_vec_delete(vec, BENCH_STRS(fresh)); break;
    default: break;
    }
}

static void latency(size_t series, size_t rounds)
{
    static const char *const names[CALLS][2] = {{"clock_p9999", "clock_max"},   {"misses_p9999", "misses_max"},
                                                {"update_p9999", "update_max"}, {"find_p9999", "find_max"},
                                                {"create_p9999", "create_max"}, {"remove_p9999", "remove_max"}};
    struct bench_memory memory;
    cprom_registry *registry = bench_registry(&memory);
    cprom_gauge_vec *vec;
    bench_check(cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("pipeline_step_duration_seconds"), &vec), "vector");
    struct bench_pair *pairs = bench_pairs(series, 1), *fresh = bench_pairs(rounds, 2);
    float *took = malloc(CALLS * rounds * sizeof *took);
    if (!took) bench_check(CPROM_ENOMEM, "samples");
    for (size_t i = 0; i < series; i++) cprom_gauge_vec_set(vec, BENCH_STRS(&pairs[i]), (double)i);
    cprom_gauge *held = cprom_gauge_vec_with(vec, BENCH_STRS(&pairs[0]));
    uint32_t *links = links_new();

    struct scraper scraper = {.registry = registry};
    pthread_t thread;
    bench_pin(0);
    pthread_create(&thread, NULL, scrape_in_a_loop, &scraper);
    while (!atomic_load(&scraper.scrapes)) {
    }
    uint64_t seed = 3;
    for (unsigned sample = 0; sample < 5; sample++) {
        for (size_t i = 0; i < rounds; i++) {
            const struct bench_pair *old = &pairs[bench_random(&seed) % series];
            for (int what = 0; what < CALLS; what++) {
                double start = bench_now();
                call_once(what, links, vec, held, old, &fresh[i]);
                took[(size_t)what * rounds + i] = (float)(bench_now() - start);
            }
        }
        for (int what = 0; what < CALLS; what++) {
            float *own = took + (size_t)what * rounds;
            qsort(own, rounds, sizeof *own, compare_floats);
            bench_sample(names[what][0], "us", 1, (double)own[rounds - 1 - rounds / 10000] / 1000);
            bench_sample(names[what][1], "us", 1, (double)own[rounds - 1] / 1000);
        }
    }
    atomic_store(&scraper.stop, true);
    pthread_join(thread, NULL);
    cprom_gauge_unref(held);
    free(links);
    free(took);
    free(fresh);
    free(pairs);
    cprom_registry_free(registry);
}

void bench_owners(void)
{
    owners(1000, "owner_delete_1k", "owner_replace_1k");
    owners(100000, "owner_delete_100k", "owner_replace_100k");
    if (!bench_quick) owners(1000000, "owner_delete_1M", "owner_replace_1M");
}

void bench_latency(void) { latency(bench_quick ? 100000 : 1000000, 200000); }
