#include "bench.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#if defined(__GLIBC__)
#include <malloc.h>
#endif

struct bench_options bench_options;

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

void bench_init(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            bench_options.quick = true;
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            bench_options.only = argv[++i];
        } else {
            fprintf(stderr, "usage: %s [--quick] [--only PART]\n", argv[0]);
            exit(2);
        }
    }
    if (sched_getaffinity(0, sizeof processors, &processors) != 0) fail("sched_getaffinity");
    n_processors = (unsigned)CPU_COUNT(&processors);
    setvbuf(stdout, NULL, _IOLBF, 0);
    bench_pin(0);
}

bool bench_wanted(const char *part) { return !bench_options.only || strstr(part, bench_options.only); }

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

/* ---- how busy the machine is ---- */

struct usage {
    double all, own, wall; /* seconds of processor time: of everybody, of this program; and that passed */
};

static double seconds(struct timeval t) { return (double)t.tv_sec + (double)t.tv_usec / 1e6; }

static struct usage usage_now(void)
{
    struct usage usage = {0, 0, bench_now() / 1e9};
    FILE *file = fopen("/proc/stat", "r");
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;
    if (file && fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
                       &softirq, &steal) == 8) {
        usage.all = (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
    }
    if (file) fclose(file);
    struct rusage own;
    getrusage(RUSAGE_SELF, &own);
    usage.own = seconds(own.ru_utime) + seconds(own.ru_stime);
    return usage;
}

/* ---- rows ---- */

#define ROWS_MAX 64
#define SAMPLES_MAX 256

struct bench_row {
    const char *name, *unit;
    double goal;
    size_t n;
    double samples[SAMPLES_MAX];
};

static struct bench_row all_rows[ROWS_MAX];
static size_t n_rows;
static struct usage begun;

struct bench_row *bench_row(const char *name, const char *unit, double goal)
{
    if (n_rows == ROWS_MAX) fail("too many rows");
    struct bench_row *row = &all_rows[n_rows++];
    row->name = name;
    row->unit = unit;
    row->goal = goal;
    row->n = 0;
    return row;
}

void bench_add(struct bench_row *row, double value)
{
    if (row->n == SAMPLES_MAX) fail("too many samples");
    row->samples[row->n++] = value;
}

double bench_min(const struct bench_row *row)
{
    double min = row->samples[0];
    for (size_t i = 1; i < row->n; i++) min = row->samples[i] < min ? row->samples[i] : min;
    return min;
}

void bench_begin(const char *title)
{
    printf("\n%-58s %4s %9s %9s %9s %8s %4s\n", title, "", "median", "min", "max", "goal", "n");
    n_rows = 0;
    begun = usage_now();
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_number(double value)
{
    int decimals = value < 1 ? 3 : value < 10 ? 2 : value < 1000 ? 1 : 0;
    printf(" %9.*f", decimals, value);
}

void bench_end(void)
{
    for (size_t i = 0; i < n_rows; i++) {
        struct bench_row *row = &all_rows[i];
        if (!row->n) continue;
        qsort(row->samples, row->n, sizeof row->samples[0], ascending);
        double median = (row->samples[(row->n - 1) / 2] + row->samples[row->n / 2]) / 2;
        printf("%-58s %4s", row->name, row->unit);
        print_number(median);
        print_number(row->samples[0]);
        print_number(row->samples[row->n - 1]);
        if (row->goal > 0) printf(" %7g%c", row->goal, median <= row->goal ? ' ' : '*');
        else printf(" %8s", "");
        printf(" %4zu\n", row->n);
    }
    struct usage now = usage_now();
    double wall = now.wall - begun.wall, others = now.all - begun.all - (now.own - begun.own);
    printf("  took %.1f s; others used %.0f %% of one processor meanwhile\n", wall,
           others > 0 && wall > 0 ? others / wall * 100 : 0.0);
    n_rows = 0;
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

void bench_ops(struct bench_op *ops, size_t n_ops, unsigned rounds)
{
    for (size_t i = 0; i < n_ops; i++) ops[i].row = bench_row(ops[i].name, "ns", ops[i].goal);
    for (unsigned round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n_ops; i++) {
            /* With fewer processors than threads it would be the scheduler that is measured. */
            if (ops[i].threads <= n_processors && ops[i].threads <= THREADS_MAX) bench_add(ops[i].row, sample(&ops[i]));
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
