/*
 * What the machine does today, to read the other rows by: a chain of multiplications (on most processors 3 cycles
 * each); additions that are as many as the processor can take at once, which shows whether another machine's work
 * shares the core; and loads of which each says where the next one is.
 */
#include "../common/bench.h"
#include "core.h"

#include <stdlib.h>

#define LINE_WORDS 8u

struct chain {
    uint64_t *words; /* one in each cache line: the number of the next line */
    size_t n;
};

static void multiply(void *ctx, unsigned thread, size_t n)
{
    uint64_t x = 3;
    (void)ctx;
    (void)thread;
    for (size_t i = 0; i < n; i++) {
        x *= UINT64_C(0x9e3779b97f4a7c15);
        __asm__ volatile("" : "+r"(x));
    }
}

static void add_many(void *ctx, unsigned thread, size_t n)
{
    uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
    (void)ctx;
    (void)thread;
    for (size_t i = 0; i < n; i += 12) {
        for (int k = 0; k < 2; k++) {
            __asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
            a += 3, b += 3, c += 3, d += 3, e += 3, f += 3;
        }
    }
    BENCH_USE(a + b + c + d + e + f);
}

static void chase(void *ctx, unsigned thread, size_t n)
{
    const struct chain *chain = ctx;
    uint64_t at = thread;
    for (size_t i = 0; i < n; i++) at = chain->words[at * LINE_WORDS];
    BENCH_USE(at);
}

/* One cycle through all lines, in random order (Sattolo's shuffle). */
static struct chain chain_new(size_t bytes)
{
    struct chain chain = {NULL, bytes / (LINE_WORDS * sizeof(uint64_t))};
    uint64_t seed = bytes;
    chain.words = malloc(bytes);
    if (!chain.words) bench_check(CPROM_ENOMEM, "chain");
    for (size_t i = 0; i < chain.n; i++) chain.words[i * LINE_WORDS] = i;
    for (size_t i = chain.n - 1; i > 0; i--) {
        size_t k = (size_t)(bench_random(&seed) % i);
        uint64_t moved = chain.words[i * LINE_WORDS];
        chain.words[i * LINE_WORDS] = chain.words[k * LINE_WORDS];
        chain.words[k * LINE_WORDS] = moved;
    }
    return chain;
}

void bench_machine(void)
{
    struct chain chains[] = {chain_new((size_t)1 << 20), chain_new((size_t)8 << 20), chain_new((size_t)128 << 20)};
    struct bench_op ops[] = {
        {.name = "multiply", .loop = multiply, .n = 2000 * 1000, .threads = 1},
        {.name = "add_many", .loop = add_many, .n = 12 * 1000 * 1000, .threads = 1},
        {.name = "load_1M", .loop = chase, .ctx = &chains[0], .n = 200 * 1000, .threads = 1},
        {.name = "load_8M", .loop = chase, .ctx = &chains[1], .n = 200 * 1000, .threads = 1},
        {.name = "load_128M", .loop = chase, .ctx = &chains[2], .n = 100 * 1000, .threads = 1},
    };
    bench_ops(ops, sizeof ops / sizeof ops[0], bench_quick ? 5 : 9);
    for (size_t i = 0; i < sizeof chains / sizeof chains[0]; i++) free(chains[i].words);
}
