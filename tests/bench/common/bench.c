#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

bool bench_quick;

static void fail(const char *what)
{
    fprintf(stderr, "bench: %s\n", what);
    exit(1);
}

static void *must_malloc(size_t size)
{
    void *ptr = malloc(size ? size : 1);
    if (!ptr) fail("out of memory");
    return ptr;
}

/* ---- options, clock, processors ---- */

static cpu_set_t processors;
static unsigned n_processors;

static char **parts;

void bench_init(int argc, char **argv)
{
    parts = argv + 1;
    if (argc > 1 && strcmp(argv[1], "--quick") == 0) {
        bench_quick = true;
        parts++;
    }
    if (*parts && **parts == '-') {
        fprintf(stderr, "usage: %s [--quick] [PART...]\n", argv[0]);
        exit(2);
    }
    if (sched_getaffinity(0, sizeof processors, &processors) != 0) fail("sched_getaffinity");
    n_processors = (unsigned)CPU_COUNT(&processors);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_pin(0);
}

bool bench_wanted(const char *part)
{
    for (char **wanted = parts; *wanted; wanted++) {
        if (strcmp(*wanted, part) == 0) return true;
    }
    return !*parts;
}

double bench_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* From the last processor on: the first one has most of the interrupts. */
void bench_pin(unsigned n)
{
    unsigned skip = n % n_processors;
    for (size_t cpu = CPU_SETSIZE; cpu-- > 0;) {
        if (!CPU_ISSET(cpu, &processors) || skip-- != 0) continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        if (pthread_setaffinity_np(pthread_self(), sizeof one, &one) != 0) fail("pthread_setaffinity_np");
        return;
    }
}

/* ---- samples ---- */

void bench_sample(const char *name, const char *unit, unsigned threads, double value)
{
    printf("%s\t%s\t%u\t%.6g\n", name, unit, threads, value);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return (values[(n - 1) / 2] + values[n / 2]) / 2;
}

/* ---- operations ---- */

struct worker {
    const struct bench_op *op;
    unsigned thread;
    _Atomic unsigned *waiting; /* threads that have not come to the start yet */
    double took;
};

static void *work(void *arg)
{
    struct worker *worker = arg;
    const struct bench_op *op = worker->op;
    bench_pin(worker->thread);
    op->loop(op->ctx, worker->thread, op->n / 16); /* the caches and the branch predictors learn */
    atomic_fetch_sub(worker->waiting, 1);
    for (unsigned spins = 1; atomic_load(worker->waiting); spins++) {
        if (spins % 10000 == 0) sched_yield();
    }
    double start = bench_now();
    op->loop(op->ctx, worker->thread, op->n);
    worker->took = bench_now() - start;
    return NULL;
}

#define THREADS_MAX 16u

static double sample(const struct bench_op *op)
{
    struct worker workers[THREADS_MAX];
    pthread_t threads[THREADS_MAX];
    _Atomic unsigned waiting = op->threads;
    double took = 0;
    for (unsigned i = 0; i < op->threads; i++) {
        workers[i] = (struct worker){op, i, &waiting, 0};
        if (pthread_create(&threads[i], NULL, work, &workers[i]) != 0) fail("pthread_create");
    }
    for (unsigned i = 0; i < op->threads; i++) {
        pthread_join(threads[i], NULL);
        if (workers[i].took > took) took = workers[i].took;
    }
    return took / (double)op->n;
}

void bench_ops(const struct bench_op *ops, size_t n_ops, unsigned rounds)
{
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n_ops; i++) {
            /* With fewer processors than threads it would be the scheduler that is measured. */
            if (ops[i].threads > n_processors || ops[i].threads > THREADS_MAX) continue;
            bench_sample(ops[i].name, "ns", ops[i].threads, sample(&ops[i]));
        }
    }
}

/* ---- memory ---- */

static void *counted_allocate(void *ctx, size_t size)
{
    struct bench_memory *counts = ctx;
    void *ptr = malloc(size);
    if (!ptr) return NULL;
    size_t bytes = atomic_fetch_add_explicit(&counts->bytes, size, memory_order_relaxed) + size;
    size_t peak = atomic_load_explicit(&counts->peak, memory_order_relaxed);
    while (bytes > peak && !atomic_compare_exchange_weak(&counts->peak, &peak, bytes)) {
    }
    atomic_fetch_add_explicit(&counts->calls, 1, memory_order_relaxed);
    return ptr;
}

static void counted_release(void *ctx, void *ptr, size_t size)
{
    struct bench_memory *counts = ctx;
    atomic_fetch_sub_explicit(&counts->bytes, size, memory_order_relaxed);
    free(ptr);
}

cprom_registry *bench_registry(struct bench_memory *counts)
{
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    cprom_registry *registry;
    atomic_store(&counts->bytes, 0);
    atomic_store(&counts->calls, 0);
    opts.allocate = counted_allocate;
    opts.release = counted_release;
    opts.allocator_ctx = counts;
    bench_check(cprom_registry_new(&opts, &registry), "cprom_registry_new");
    bench_memory_reset(counts);
    return registry;
}

void bench_memory_reset(struct bench_memory *counts) { atomic_store(&counts->peak, atomic_load(&counts->bytes)); }

void bench_memory_trim(void)
{
#if defined(__GLIBC__)
    malloc_trim(0);
#endif
}

void bench_check(cprom_status status, const char *what)
{
    if (!status) return;
    fprintf(stderr, "bench: %s: %s\n", what, cprom_status_string(status));
    exit(1);
}

/* ---- things to measure with ---- */

uint64_t bench_random(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

double bench_random_double(uint64_t *state) { return (double)(bench_random(state) >> 11) * 0x1p-53; }

static void random_letters(char *out, uint64_t *state)
{
    uint64_t bits = bench_random(state);
    for (size_t i = 0; i < BENCH_VALUE_LEN; i++, bits /= 26) out[i] = (char)('a' + bits % 26);
    out[BENCH_VALUE_LEN] = '\0';
}

struct bench_pair *bench_pairs(size_t n, uint64_t seed)
{
    struct bench_pair *pairs = must_malloc(n * sizeof *pairs);
    for (size_t i = 0; i < n; i++) {
        random_letters(pairs[i].pipeline, &seed);
        random_letters(pairs[i].step, &seed);
    }
    return pairs;
}

struct bench_pair *bench_pairs_shuffled(const struct bench_pair *pairs, size_t from, size_t n, uint64_t seed)
{
    struct bench_pair *shuffled = must_malloc(n * sizeof *shuffled);
    if (n != from) {
        for (size_t i = 0; i < n; i++) shuffled[i] = pairs[bench_random(&seed) % from];
        return shuffled;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = (size_t)(bench_random(&seed) % (i + 1));
        shuffled[i] = shuffled[at];
        shuffled[at] = pairs[i];
    }
    return shuffled;
}
