/*
 * The harness of the benchmarks: pinned threads, a clock, and samples as lines that bench.py reads:
 *
 *      case TAB unit TAB threads TAB value
 *
 * One line for each repetition; the programs of the peers print the same.
 */
#ifndef CPROM_TESTS_BENCH_H
#define CPROM_TESTS_BENCH_H

#include <cprom/cprom.h>

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The compiler must assume that the value is used, and that memory may have changed. */
#define BENCH_USE(x) __asm__ volatile("" : : "r"(x) : "memory")

extern bool bench_quick; /* fewer and smaller */

/* Reads [--quick] and the names of parts from the command line, pins the calling thread. A bad option ends the program. */
void bench_init(int argc, char **argv);
/* Whether this part is to run: it was named, or none was. */
bool bench_wanted(const char *part);

/* Nanoseconds on a monotonic clock. */
double bench_now(void);
/* The calling thread runs on the n-th of the processors that the program may use, from now on. */
void bench_pin(unsigned n);

/* Prints a sample. */
void bench_sample(const char *name, const char *unit, unsigned threads, double value);
/* Sorts them. */
double bench_median(double *values, size_t n);

/* ---- operations on one or more threads ---- */

/* Does `n` operations; `thread` counts from 0. */
typedef void bench_loop(void *ctx, unsigned thread, size_t n);

struct bench_op {
    const char *name;
    bench_loop *loop;
    void *ctx;
    size_t n; /* operations of a thread for one sample */
    unsigned threads;
};

/*
 * Samples of operations, ns each: all of them in turn, round after round, so that a disturbance does not hit one alone. A
 * sample is what the slowest of the threads took for its share; the threads start together.
 */
void bench_ops(const struct bench_op *ops, size_t n_ops, unsigned rounds);

/* ---- memory ---- */

/* Bytes and calls of a registry's allocator. */
struct bench_memory {
    _Atomic size_t bytes, peak, calls;
};

/* A registry whose memory is counted. Ends the program if there is none. */
cprom_registry *bench_registry(struct bench_memory *memory);
/* The peak begins anew at what is in use. */
void bench_memory_reset(struct bench_memory *memory);
/* Gives what is free back to the kernel, so that the next one to need it pays for it again. */
void bench_memory_trim(void);

/* Ends the program, with a line, unless the call was fine. */
void bench_check(cprom_status status, const char *what);

/* ---- things to measure with ---- */

/* splitmix64 (Steele, Lea, Flood, 2014). */
uint64_t bench_random(uint64_t *state);
/* From 0 up to but not 1, 53 random bits. */
double bench_random_double(uint64_t *state);

#define BENCH_VALUE_LEN 10

/* The label values of one series; strings of their own. */
struct bench_pair {
    char pipeline[BENCH_VALUE_LEN + 1];
    char step[BENCH_VALUE_LEN + 1];
};

#define BENCH_STRS(pair) ((cprom_strs){(const char *const[]){(pair)->pipeline, (pair)->step}, 2})

/* `n` pairs of random letters; free() them. Ends the program without memory. */
struct bench_pair *bench_pairs(size_t n, uint64_t seed);
/* `n` of those `from` pairs, copied in random order: each once if n is `from`, otherwise any. */
struct bench_pair *bench_pairs_shuffled(const struct bench_pair *pairs, size_t from, size_t n, uint64_t seed);

/* Options of a family with the labels of a pair, names of 8 and 4 letters. */
#define BENCH_VEC_OPTS(family)                                                                                         \
    CPROM_OPTS(cprom_opts, .name = (family), .help = "Benchmark.", .labels = {"pipeline", "step"})

#endif
