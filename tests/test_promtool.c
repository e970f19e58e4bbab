/* Pages through readers that others wrote: promtool, and the parser of the Python client. */
#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cprom_test.h"

#define DESC(...) (&(const cprom_desc){.size = sizeof(cprom_desc), __VA_ARGS__})
#define OPTS(...) CPROM_OPTS(cprom_opts, __VA_ARGS__)

/*==============================================================================
 * Things to be on a page
 *============================================================================*/

static double forty_two(void *ctx)
{
    (void)ctx;
    return 42;
}

/* Instruments of every kind, named as the linter likes them. */
static void add_instruments(cprom_registry *r)
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
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        assert_ok(cprom_counter_vec_add(counters, CPROM_STRS(odd[i], "main"), 0.1 * (double)i));
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(odd[i]), 1e-7 * (double)i));
        for (size_t k = 0; k <= i; k++) {
            assert_ok(cprom_histogram_vec_observe(histograms, CPROM_STRS(odd[i]), pow(10, (double)k)));
            assert_ok(cprom_summary_vec_observe(summaries, CPROM_STRS(odd[i]), (double)k));
        }
    }
}

static cprom_status emit_clean(void *ctx, cprom_scrape *out)
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
    (void)cprom_emit_histogram(out, hist, CPROM_STRS("a"), &histogram);
    (void)cprom_emit_summary(out, summ, CPROM_STRS("a"), &summary);
    histogram.n_bounds = 0;
    summary.n_quantiles = 0;
    histogram.timestamp_ms = summary.timestamp_ms = 1700000000123;
    (void)cprom_emit_histogram(out, hist, CPROM_STRS("b"), &histogram);
    (void)cprom_emit_summary(out, summ, CPROM_STRS("b"), &summary);
    (void)cprom_emit(out, DESC(.name = "hits_total", .help = "Hits.", .type = CPROM_COUNTER), CPROM_NO_STRS, 17);
    (void)cprom_emit_at(out, DESC(.name = "heat_celsius", .help = "Heat.", .type = CPROM_GAUGE), CPROM_NO_STRS,
                        -273.15, 0);
    return cprom_emit(out, DESC(.name = "something", .help = "Who knows."), CPROM_NO_STRS, INFINITY);
}

/* All that a page may be and that a linter frowns upon. */
static cprom_status emit_odd(void *ctx, cprom_scrape *out)
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
    return cprom_emit_histogram(out, DESC(.name = "gauge_histogram", .type = CPROM_HISTOGRAM, .labels = {"quantile"}),
                                CPROM_STRS(""), &histogram);
}

static cprom_status emit_foreign_counter(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    return cprom_emit(out, DESC(.name = "foreign_count", .type = CPROM_COUNTER), CPROM_NO_STRS, -1);
}

static cprom_status emit_and_fail(void *ctx, cprom_scrape *out)
{
    (void)emit_clean(ctx, out);
    return CPROM_ESYS;
}

static void add_collector(cprom_registry *r, const char *name, cprom_status (*collect)(void *, cprom_scrape *))
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = name;
    opts.collect = collect;
    assert_ok(cprom_collector_new(r, &opts));
}

static cprom_registry *registry_with_everything(ct_fixture *fixture)
{
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"host", "\"h\"\n\\"};
    opts.const_labels[1] = (cprom_label){"zone", ""};
    cprom_registry *r;
    assert_ok(cprom_registry_new(&opts, &r));
    add_instruments(r);
    add_collector(r, "clean", emit_clean);
    add_collector(r, "odd", emit_odd);
    add_collector(r, "failing", emit_and_fail);
    add_collector(r, "later", emit_clean);
    return r;
}

/*==============================================================================
 * promtool
 *============================================================================*/

static void check(cprom_registry *r, bool self_metrics, bool clean)
{
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .self_metrics = self_metrics), 65536);
    if (clean) promtool_assert_clean(page.text, page.len);
    else promtool_assert_parses(page.text, page.len);
    ct_page_free(&page);
}

static void test_promtool_page_of_instruments_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_instruments(fixture->registry);
    check(fixture->registry, false, true);
}

static void test_promtool_page_of_a_collector_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_collector(fixture->registry, "clean", emit_clean);
    check(fixture->registry, false, true);
}

static void test_promtool_page_of_self_metrics_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_instruments(fixture->registry);
    add_collector(fixture->registry, "clean", emit_clean);
    add_collector(fixture->registry, "failing", emit_and_fail);
    check(fixture->registry, true, true);
}

static void test_promtool_empty_page_is_clean(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    check(((ct_fixture *)*state)->registry, false, true);
}

static void test_promtool_odd_page_parses(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    add_collector(fixture->registry, "odd", emit_odd);
    add_collector(fixture->registry, "foreign", emit_foreign_counter);
    check(fixture->registry, false, false);
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

static void test_promtool_page_with_everything_parses(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    ct_fixture *fixture = *state;
    cprom_registry *r = registry_with_everything(fixture);
    check(r, true, false);
    assert_int_equal(ct_log_count(&fixture->log), 2); /* the failing one, and the one with the families of another */
    cprom_registry_free(r);
}

/* The other readers look at the same pages: were a broken one let through, they would say nothing of ours. */
static void test_promtool_broken_page_does_not_parse(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    static const char broken[] = "# TYPE g gauge\ng{l=\"x} 1\n";
    assert_int_equal(promtool_check_metrics(broken, strlen(broken), NULL), 1);
}

/*==============================================================================
 * The Python client
 *============================================================================*/

/* What readback.py prints for this page, or NULL where the package is missing. */
static char *read_back(const char *page, size_t len)
{
    char path[] = "/tmp/cprom-test-XXXXXX", command[4096 + 512];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    FILE *file = fdopen(fd, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(page, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
    /* The package is the distribution's, and so must the Python be. */
    snprintf(command, sizeof command,
             "python=/usr/bin/python3; [ -x $python ] || python=$(command -v python3) || exit 77; "
             "$python '%s/../readback.py' <%s", CPROM_TEST_DATA, path);
    FILE *output = popen(command, "r");
    assert_non_null(output);
    size_t used = 0, cap = 1 << 16;
    char *text = malloc(cap);
    assert_non_null(text);
    for (size_t n; (n = fread(text + used, 1, cap - 1 - used, output)) > 0;) {
        used += n;
        if (used + 1 == cap) text = realloc(text, cap *= 2);
        assert_non_null(text);
    }
    text[used] = '\0';
    int status = pclose(output);
    unlink(path);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        free(text);
        return NULL;
    }
    assert_int_equal(status, 0);
    return text;
}

static void put_hex(FILE *out, const char *text)
{
    for (; *text; text++) fprintf(out, "%02x", (unsigned char)*text);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const parser_label *)left)->name, ((const parser_label *)right)->name);
}

/* The same text from what our own parser has read. */
static char *expected_back(const parser_page *page)
{
    static const char *const types[] = {"counter", "gauge", "histogram", "summary", "unknown"};
    char *text;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    assert_non_null(out);
    for (size_t f = 0; f < page->n_families; f++) {
        const parser_family *family = &page->families[f];
        size_t name_len = strlen(family->name);
        bool total = family->type == PARSER_COUNTER && name_len > 6 && strcmp(family->name + name_len - 6,
                                                                              "_total") == 0;
        fprintf(out, "family %.*s %s ", (int)(total ? name_len - 6 : name_len), family->name, types[family->type]);
        put_hex(out, family->help ? family->help : "");
        fputc('\n', out);
        for (size_t s = family->first_sample; s < family->first_sample + family->n_samples; s++) {
            const parser_sample *sample = &page->samples[s];
            parser_label labels[CPROM_LABELS_MAX + CPROM_CONST_LABELS_MAX + 1];
            if (sample->n_labels) memcpy(labels, sample->labels, sample->n_labels * sizeof *labels);
            qsort(labels, sample->n_labels, sizeof *labels, by_name);
            fputs(sample->name, out);
            for (size_t i = 0; i < sample->n_labels; i++) {
                fprintf(out, " %s=", labels[i].name);
                put_hex(out, labels[i].value);
            }
            uint64_t bits;
            memcpy(&bits, &sample->value, sizeof bits);
            if (isnan(sample->value)) fputs(" nan", out);
            else fprintf(out, " %016" PRIx64, bits);
            if (sample->has_timestamp) fprintf(out, " %" PRId64 "\n", sample->timestamp);
            else fputs(" -\n", out);
        }
    }
    fclose(out);
    return text;
}

static void test_python_client_reads_back_the_same_samples(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = registry_with_everything(fixture);
    /* That timestamp is beyond what the Python client, with seconds in a double, gives back. */
    assert_ok(cprom_registry_unregister(r, "odd"));
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .self_metrics = true), 65536);
    char *expected = expected_back(page.parsed), *actual = read_back(page.text, page.len);
    size_t samples = page.parsed->n_samples;
    ct_page_free(&page);
    cprom_registry_free(r);
    if (actual) ct_assert_text_equal(actual, expected);
    bool skipped = !actual;
    free(expected);
    free(actual);
    assert_in_range(samples, 100, 1000);
    if (skipped) ct_skip("no python3-prometheus-client");
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, ct_setup, ct_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(promtool_page_of_instruments_is_clean),
        T(promtool_page_of_a_collector_is_clean),
        T(promtool_page_of_self_metrics_is_clean),
        T(promtool_empty_page_is_clean),
        T(promtool_odd_page_parses),
        T(promtool_page_with_everything_parses),
        T(promtool_broken_page_does_not_parse),
        T(python_client_reads_back_the_same_samples),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
