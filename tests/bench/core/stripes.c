/*
 * What instruments take in memory when two threads have updated them: plain ones, and series of a vector. The same of a
 * library with CPROM_STRIPES=1 shows what striping costs.
 */
#include "../common/bench.h"
#include "core.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define PLAIN 100u
#define SERIES 10000u

enum kind { COUNTER, GAUGE, HISTOGRAM, KINDS };

struct job {
    enum kind kind;
    union {
        cprom_counter *counter;
        cprom_gauge *gauge;
        cprom_histogram *histogram;
    } plain[PLAIN];
    void *vec; /* NULL: the plain ones */
    const struct bench_pair *pairs;
};

static void update_plain(struct job *job)
{
    for (size_t i = 0; i < PLAIN; i++) {
        if (job->kind == COUNTER) cprom_counter_inc(job->plain[i].counter);
        else if (job->kind == GAUGE) cprom_gauge_add(job->plain[i].gauge, 1);
        else cprom_histogram_observe(job->plain[i].histogram, 1);
    }
}

static void update_series(struct job *job)
{
    for (size_t i = 0; i < SERIES; i++) {
        cprom_strs values = BENCH_STRS(&job->pairs[i]);
        if (job->kind == COUNTER) cprom_counter_vec_inc(job->vec, values);
        else if (job->kind == GAUGE) cprom_gauge_vec_add(job->vec, values, 1);
        else cprom_histogram_vec_observe(job->vec, values, 1);
    }
}

static void *update(void *arg)
{
    struct job *job = arg;
    if (job->vec) update_series(job);
    else update_plain(job);
    return NULL;
}

static void by_two_threads(struct job *job)
{
    pthread_t other;
    update(job);
    if (pthread_create(&other, NULL, update, job) != 0) bench_check(CPROM_ESYS, "pthread_create");
    pthread_join(other, NULL);
}

static void make_plain(cprom_registry *registry, struct job *job)
{
    for (size_t i = 0; i < PLAIN; i++) {
        char name[32];
        snprintf(name, sizeof name, "instrument%03zu_total", i);
        const cprom_opts *opts = CPROM_OPTS(cprom_opts, .name = name, .help = "Benchmark.");
        cprom_status status = job->kind == COUNTER ? cprom_counter_new(registry, opts, &job->plain[i].counter)
                              : job->kind == GAUGE ? cprom_gauge_new(registry, opts, &job->plain[i].gauge)
                                                   : cprom_histogram_new(registry, opts, &job->plain[i].histogram);
        bench_check(status, name);
    }
}

static void *make_vec(cprom_registry *registry, enum kind kind)
{
    cprom_counter_vec *counters = NULL;
    cprom_gauge_vec *gauges = NULL;
    cprom_histogram_vec *histograms = NULL;
    const cprom_opts *opts = BENCH_VEC_OPTS("instruments_total");
    cprom_status status = kind == COUNTER ? cprom_counter_vec_new(registry, opts, &counters)
                          : kind == GAUGE ? cprom_gauge_vec_new(registry, opts, &gauges)
                                          : cprom_histogram_vec_new(registry, opts, &histograms);
    bench_check(status, "vector");
    return kind == COUNTER ? (void *)counters : kind == GAUGE ? (void *)gauges : (void *)histograms;
}

void bench_stripes(void)
{
    static const char *const names[KINDS][2] = {{"bytes_plain_counter", "bytes_vec_counter"},
                                                {"bytes_plain_gauge", "bytes_vec_gauge"},
                                                {"bytes_plain_histogram", "bytes_vec_histogram"}};
    struct bench_pair *pairs = bench_pairs(SERIES, 1);
    for (enum kind kind = 0; kind < KINDS; kind++) {
        for (int vector = 0; vector < 2; vector++) {
            struct bench_memory memory;
            cprom_registry *registry = bench_registry(&memory);
            struct job job = {.kind = kind, .pairs = pairs};
            size_t before = memory.bytes;
            if (vector) job.vec = make_vec(registry, kind);
            else make_plain(registry, &job);
            by_two_threads(&job);
            bench_sample(names[kind][vector], "B", 2, (double)(memory.bytes - before) / (vector ? SERIES : PLAIN));
            cprom_registry_free(registry);
        }
    }
    free(pairs);
}
