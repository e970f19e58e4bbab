/*
 * A registry that has everything: instruments of every kind, collectors good, odd and failing.
 */
#ifndef CPROM_TESTS_EVERYTHING_H
#define CPROM_TESTS_EVERYTHING_H

#include "cprom_test.h"

#include <float.h>
#include <math.h>

static inline double forty_two(void *ctx)
{
    (void)ctx;
    return 42;
}

/* Instruments of every kind, named as the linter likes them. */
static inline void add_instruments(cprom_registry *r)
{
    cprom_counter *counter;
    cprom_counter_vec *counters;
    cprom_gauge *gauge;
    cprom_gauge_vec *gauges;
    cprom_histogram *histogram;
    cprom_histogram_vec *histograms;
    cprom_summary *summary;
    cprom_summary_vec *summaries;
    assert_ok(cprom_counter_new(r, OPTS(.name = "runs_total", .help = "Runs."), &counter));
    assert_ok(cprom_counter_vec_new(r, OPTS(.name = "results_total", .help = "Runs, by result.",
                                            .labels = {"result", "branch"}), &counters));
    assert_ok(cprom_gauge_new(r, OPTS(.name = "waiting", .help = "Waiting \\ \"now\"\nor later."), &gauge));
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "step_duration_seconds", .unit = "seconds", .help = "Wall time.",
                                          .labels = {"step"}), &gauges));
    assert_ok(cprom_histogram_new(r, OPTS(.name = "latency_seconds", .help = "Latency."), &histogram));
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "fetched_bytes", .help = "Sizes.", .labels = {"remote"},
                                              .bounds = (const double[]){1, 1e3, 1e6}, .n_bounds = 3), &histograms));
    assert_ok(cprom_summary_new(r, OPTS(.name = "built_bytes", .help = "Built."), &summary));
    assert_ok(cprom_summary_vec_new(r, OPTS(.name = "sent_bytes", .help = "Sent.", .labels = {"remote"}), &summaries));
    assert_ok(cprom_gauge_func_new(r, OPTS(.name = "answer", .help = "The answer."), forty_two, NULL));
    assert_ok(cprom_counter_func_new(r, OPTS(.name = "answers_total", .help = "Answers."), forty_two, NULL));
    cprom_counter_add(counter, 1234567);
    cprom_gauge_set(gauge, -0.5);
    cprom_histogram_observe(histogram, 0.3);
    cprom_summary_observe(summary, 1e9);
    static const char *const odd[] = {"", "x", "\"\\\n", "\t\r {},=#", "\xc3\xa9\xf0\x9f\x98\x80", "\x01\x7f", "\\n",
                                      "a b "};
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_ok(cprom_counter_vec_add(counters, CPROM_STRS(odd[i], "main"), 0.1 * (double)i));
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(odd[i]), 1e-7 * (double)i));
        for (size_t k = 0; k <= i; k++) {
            assert_ok(cprom_histogram_vec_observe(histograms, CPROM_STRS(odd[i]), pow(10, (double)k)));
            assert_ok(cprom_summary_vec_observe(summaries, CPROM_STRS(odd[i]), (double)k));
        }
    }
}

/* What is a gauge to text 0.0.4 and more to OpenMetrics. */
static inline void add_infos_and_states(cprom_registry *r)
{
    cprom_info_vec *infos;
    cprom_stateset *state;
    cprom_stateset_vec *states;
    assert_ok(cprom_info_new(r, OPTS(.name = "build_info", .help = "Build."), CPROM_LABELS({"version", "1\"\n"}, {"a", ""})));
    assert_ok(cprom_info_vec_new(r, OPTS(.name = "run_info", .help = "Run.", .labels = {"run", "branch"}), &infos));
    assert_ok(cprom_stateset_new(r, OPTS(.name = "phase", .help = "Phase.", .states = {"on", "off", "\"\\\n"}), &state));
    assert_ok(cprom_stateset_vec_new(r, OPTS(.name = "mode", .help = "Mode.", .labels = {"z", "a"},
                                             .states = {"slow", "fast"}), &states));
    cprom_stateset_enter(state, 2);
    for (unsigned i = 0; i < 4; i++) {
        const char *const values[] = {i % 2 ? "x" : "x!", i / 2 ? "\\" : ""};
        assert_ok(cprom_info_vec_set(infos, (cprom_strs){values, 2}));
        assert_ok(cprom_stateset_vec_enter(states, (cprom_strs){values, 2}, i % 2));
    }
}

static inline cprom_status emit_clean(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    histogram.bounds = (const double[]){0.5, 5, INFINITY};
    histogram.buckets = (const uint64_t[]){0, 7, 9};
    histogram.n_bounds = 3;
    histogram.count = 9;
    histogram.sum = 10.5;
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    summary.quantiles = (const double[]){0, 0.5, 0.99, 1};
    summary.values = (const double[]){1, 2, NAN, 4};
    summary.n_quantiles = 4;
    summary.count = 4;
    summary.sum = 7;
    const cprom_desc *hist = DESC(.name = "pause_seconds", .help = "Pauses.", .type = CPROM_HISTOGRAM,
                                  .labels = {"kind"});
    const cprom_desc *summ = DESC(.name = "age_seconds", .help = "Ages.", .type = CPROM_SUMMARY, .labels = {"kind"});
    const cprom_desc *gauge = DESC(.name = "waiting_seconds", .help = "Waiting now.", .unit = "seconds",
                                   .type = CPROM_GAUGE_HISTOGRAM, .labels = {"kind"});
    (void)cprom_emit_histogram(out, hist, CPROM_STRS("a"), &histogram);
    (void)cprom_emit_histogram(out, gauge, CPROM_STRS("a"), &histogram);
    (void)cprom_emit_summary(out, summ, CPROM_STRS("a"), &summary);
    histogram.n_bounds = 0;
    summary.n_quantiles = 0;
    histogram.timestamp_ms = summary.timestamp_ms = 1700000000123;
    (void)cprom_emit_histogram(out, hist, CPROM_STRS("b"), &histogram);
    histogram.sum = -10.5;
    (void)cprom_emit_histogram(out, gauge, CPROM_STRS("b"), &histogram);
    (void)cprom_emit_summary(out, summ, CPROM_STRS("b"), &summary);
    (void)cprom_emit(out, DESC(.name = "hits_total", .help = "Hits.", .type = CPROM_COUNTER), CPROM_NO_STRS, 17);
    (void)cprom_emit_at(out, DESC(.name = "heat_celsius", .help = "Heat.", .type = CPROM_GAUGE), CPROM_NO_STRS,
                        -273.15, 0);
    return cprom_emit(out, DESC(.name = "something", .help = "Who knows."), CPROM_NO_STRS, INFINITY);
}

/* All that a page may be and that a linter frowns upon. */
static inline cprom_status emit_odd(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    static char huge[CPROM_VALUE_MAX + 1];
    memset(huge, '"', CPROM_VALUE_MAX);
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    histogram.bounds = (const double[]){-1e300, -5e-324, 0, 1e-5, DBL_MAX};
    histogram.buckets = (const uint64_t[]){0, 1, 1, 2, UINT64_MAX};
    histogram.n_bounds = 5;
    histogram.count = UINT64_MAX;
    histogram.sum = NAN;
    const cprom_desc *one = DESC(.name = "odd:Name_total_count", .labels = {"z", "A_b", "c9", "e"});
    (void)cprom_emit(out, one, CPROM_STRS("", "", "", ""), NAN);
    (void)cprom_emit_at(out, one, CPROM_STRS(huge, "\n", "", "="), -INFINITY, INT64_MAX);
    (void)cprom_emit(out, DESC(.name = "odd:Name_total_count", .labels = {"le"}), CPROM_STRS("x"), 5e-324);
    (void)cprom_emit(out, DESC(.name = "odd:Name_total_count", .labels = {"quantile"}), CPROM_STRS("x"), -1e300);
    (void)cprom_emit(out, DESC(.name = ":", .type = CPROM_GAUGE), CPROM_NO_STRS, 0);
    (void)cprom_emit(out, DESC(.name = "bytesOf_ms", .type = CPROM_GAUGE, .help = ""), CPROM_NO_STRS, 0);
    (void)cprom_emit_histogram(out,
                               DESC(.name = ":gauge_histogram", .type = CPROM_GAUGE_HISTOGRAM, .labels = {"quantile"}),
                               CPROM_STRS("x"), &histogram);
    return cprom_emit_histogram(out, DESC(.name = "gauge_histogram", .type = CPROM_HISTOGRAM, .labels = {"quantile"}),
                                CPROM_STRS(""), &histogram);
}

static inline cprom_status emit_foreign_counter(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    return cprom_emit(out, DESC(.name = "foreign_count", .type = CPROM_COUNTER), CPROM_NO_STRS, -1);
}

static inline cprom_status emit_and_fail(void *ctx, cprom_scrape *out)
{
    (void)emit_clean(ctx, out);
    return CPROM_ESYS;
}

static inline cprom_registry *registry_with_everything(ct_fixture *fixture)
{
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"host", "\"h\"\n\\"};
    opts.const_labels[1] = (cprom_label){"zone", ""};
    cprom_registry *r;
    assert_ok(cprom_registry_new(&opts, &r));
    add_instruments(r);
    add_infos_and_states(r);
    add_collector(r, "clean", emit_clean, NULL);
    add_collector(r, "odd", emit_odd, NULL);
    add_collector(r, "failing", emit_and_fail, NULL);
    add_collector(r, "later", emit_clean, NULL);
    return r;
}

#endif
