/*
 * Updates through a handle, on one thread and on two that share the instrument; back to back.
 */
#include "../common/bench.h"
#include "core.h"

#define OBSERVATIONS 4096u /* a power of two */

static const double bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5};
#define N_BOUNDS (sizeof bounds / sizeof bounds[0])

static double observations[OBSERVATIONS];

/* Every bucket, also +Inf, is as likely as any other. */
static void make_observations(void)
{
    uint64_t seed = 5;
    for (size_t i = 0; i < OBSERVATIONS; i++) {
        size_t bucket = (size_t)(bench_random(&seed) % (N_BOUNDS + 1));
        double low = bucket ? bounds[bucket - 1] : 0, high = bucket < N_BOUNDS ? bounds[bucket] : 10;
        observations[i] = low + (high - low) * bench_random_double(&seed);
    }
}

static void bare_add(void *ctx, unsigned thread, size_t n)
{
    _Atomic uint64_t *word = ctx;
    (void)thread;
    for (size_t i = 0; i < n; i++) {
        uint64_t before = atomic_fetch_add_explicit(word, 1, memory_order_relaxed);
        BENCH_USE(before);
    }
}

static void counter_inc(void *ctx, unsigned thread, size_t n)
{
    (void)thread;
    for (size_t i = 0; i < n; i++) cprom_counter_inc(ctx);
}

static void counter_add(void *ctx, unsigned thread, size_t n)
{
    (void)thread;
    for (size_t i = 0; i < n; i++) cprom_counter_add(ctx, 0.37);
}

static void gauge_set(void *ctx, unsigned thread, size_t n)
{
    (void)thread;
    for (size_t i = 0; i < n; i++) cprom_gauge_set(ctx, (double)i);
}

static void gauge_add(void *ctx, unsigned thread, size_t n)
{
    (void)thread;
    for (size_t i = 0; i < n; i++) cprom_gauge_add(ctx, 0.37);
}

static void histogram_observe(void *ctx, unsigned thread, size_t n)
{
    size_t at = (size_t)thread * (OBSERVATIONS / 2);
    for (size_t i = 0; i < n; i++) cprom_histogram_observe(ctx, observations[at++ % OBSERVATIONS]);
}

void bench_updates(void)
{
    static _Alignas(128) struct {
        _Atomic uint64_t word;
        char rest[120];
    } alone;
    struct bench_memory memory;
    cprom_registry *registry = bench_registry(&memory);
    cprom_counter *counter;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    make_observations();
    bench_check(cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "Benchmark."), &counter),
                "c");
    bench_check(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "Benchmark."), &gauge), "g");
    bench_check(cprom_histogram_new(
                    registry,
                    CPROM_OPTS(cprom_opts, .name = "h", .help = "Benchmark.", .bounds = bounds, .n_bounds = N_BOUNDS),
                    &histogram),
                "h");
    size_t n = bench_quick ? 400 * 1000 : 2000 * 1000;
    const struct bench_op ops[] = {
        {"atomic_add", bare_add, &alone.word, n, 1},
        {"atomic_add", bare_add, &alone.word, n, 2},
        {"inc", counter_inc, counter, n, 1},
        {"inc", counter_inc, counter, n, 2},
        {"add", counter_add, counter, n, 1},
        {"add", counter_add, counter, n, 2},
        {"gauge_set", gauge_set, gauge, n, 1},
        {"gauge_set", gauge_set, gauge, n, 2},
        {"gauge_add", gauge_add, gauge, n, 1},
        {"gauge_add", gauge_add, gauge, n, 2},
        {"observe", histogram_observe, histogram, n, 1},
        {"observe", histogram_observe, histogram, n, 2},
    };
    bench_ops(ops, sizeof ops / sizeof ops[0], bench_quick ? 5 : 9);
    cprom_registry_free(registry);
}
