/*
 * Updates by label values: find by two values and increment. The values that are handed in are strings of their own,
 * one pair behind the other in an order that has nothing to do with that of the series: the processor fetches
 * them ahead, so that what is seen is what the library costs. Back to back: misses of neighbouring calls may overlap.
 */
#include "../common/bench.h"
#include "core.h"

#include <stdlib.h>

struct vector {
    cprom_counter_vec *vec;
    const struct bench_pair *order; /* what is looked up */
    size_t n_order;
};

static void find_inc(void *ctx, unsigned thread, size_t n)
{
    const struct vector *vector = ctx;
    size_t at = thread * (vector->n_order / 2);
    for (size_t i = 0; i < n; i++) {
        cprom_counter_vec_inc(vector->vec, BENCH_STRS(&vector->order[at]));
        if (++at == vector->n_order) at = 0;
    }
}

static void find_get(void *ctx, unsigned thread, size_t n)
{
    const struct vector *vector = ctx;
    size_t at = thread * (vector->n_order / 2);
    for (size_t i = 0; i < n; i++) {
        double value;
        cprom_counter_vec_get(vector->vec, BENCH_STRS(&vector->order[at]), &value);
        BENCH_USE(&value);
        if (++at == vector->n_order) at = 0;
    }
}

/* Each call waits for the one before: its value says where the next one looks, and a fence stops what runs ahead. */
static void find_get_alone(void *ctx, unsigned thread, size_t n)
{
    const struct vector *vector = ctx;
    size_t at = thread * (vector->n_order / 2);
    for (size_t i = 0; i < n; i++) {
        double value;
        cprom_counter_vec_get(vector->vec, BENCH_STRS(&vector->order[at]), &value);
        at += value < 0 ? 2 : 1;
        if (at >= vector->n_order) at = 0;
        __asm__ volatile("lfence" : "+r"(at) : : "memory");
    }
}

static struct bench_pair *fill_vector(cprom_registry *registry, const char *name, size_t n, size_t n_order,
                                      struct vector *vector)
{
    struct bench_pair *pairs = bench_pairs(n, n), *order = bench_pairs_shuffled(pairs, n, n_order, n + 1);
    bench_check(cprom_counter_vec_new(registry, BENCH_VEC_OPTS(name), &vector->vec), name);
    for (size_t i = 0; i < n; i++) {
        bench_check(cprom_counter_vec_inc(vector->vec, BENCH_STRS(&pairs[i])), "cprom_counter_vec_inc");
    }
    free(pairs);
    vector->order = order;
    vector->n_order = n_order;
    return order;
}

void bench_lookups(void)
{
    struct bench_memory memory;
    cprom_registry *registry = bench_registry(&memory);
    struct vector few, many;
    struct bench_pair *few_order = fill_vector(registry, "few_total", 100, 4096, &few);
    struct bench_pair *many_order = fill_vector(registry, "many_total", 100000, 100000, &many);
    size_t n = bench_quick ? 100 * 1000 : 400 * 1000;
    const struct bench_op ops[] = {
        {"find_inc_100", find_inc, &few, n, 1},
        {"find_inc_100", find_inc, &few, n, 2},
        {"find_inc_100k", find_inc, &many, n, 1},
        {"find_inc_100k", find_inc, &many, n, 2},
        {"find_get_100", find_get, &few, n, 1},
        {"find_get_100k", find_get, &many, n, 1},
#if defined(__x86_64__)
        {"find_alone_100", find_get_alone, &few, n, 1},
        {"find_alone_100k", find_get_alone, &many, n, 1},
#endif
    };
    bench_ops(ops, sizeof ops / sizeof ops[0], bench_quick ? 5 : 9);
    cprom_registry_free(registry);
    free(few_order);
    free(many_order);
}
