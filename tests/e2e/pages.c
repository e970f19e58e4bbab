/*
 * pages DIRECTORY: writes one registry as page.txt (text 0.0.4) and page.om (OpenMetrics, with _created) there. For
 * formats.py, which lets Prometheus scrape both.
 */
#include <cprom/cprom.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void must(cprom_status status, const char *what)
{
    if (status == CPROM_OK) return;
    fprintf(stderr, "pages: %s: %s\n", what, cprom_status_string(status));
    exit(1);
}

#define MUST(call) must((call), #call)
#define OPTS(...) CPROM_OPTS(cprom_opts, __VA_ARGS__)
#define DESC(...) (&(const cprom_desc){.size = sizeof(cprom_desc), __VA_ARGS__})

static const char *const odd[] = {"x",        "\"\\\n", "\t {},=#",      "\xc3\xa9\xf0\x9f\x98\x80",
                                  "a=\"b\",", "\\n",    " # {a=\"b\"} 1"};

static void add_instruments(cprom_registry *r, int64_t now_ms)
{
    static const double values[] = {0, -0.5, 1e-300, 123456789, 0.1, INFINITY, -INFINITY};
    static const double observed[] = {-1, 0.25, 0.3, 1, 2, 1e7};
    cprom_counter *c;
    cprom_counter_vec *cv;
    cprom_gauge_vec *g;
    cprom_histogram *h;
    cprom_histogram_vec *below;
    cprom_summary_vec *s;
    MUST(cprom_counter_new(r, OPTS(.name = "runs_total", .help = "Runs \"so far\".", .exemplars = true), &c));
    MUST(cprom_counter_vec_new(
        r, OPTS(.name = "read_bytes_total", .unit = "bytes", .help = "Read.", .labels = {"from"}), &cv));
    MUST(cprom_gauge_vec_new(r, OPTS(.name = "level", .help = "Level\\\nnow.", .labels = {"z", "a"}), &g));
    MUST(cprom_histogram_new(r,
                             OPTS(.name = "wait_seconds", .unit = "seconds", .help = "Wait.", .exemplars = true,
                                  .bounds = (const double[]){0.25, 1, 100000, 1e6}, .n_bounds = 4),
                             &h));
    MUST(cprom_histogram_vec_new(r,
                                 OPTS(.name = "drift_seconds", .help = "Drift.", .labels = {"way"},
                                      .bounds = (const double[]){-1, 0, 1}, .n_bounds = 3),
                                 &below));
    MUST(cprom_summary_vec_new(r, OPTS(.name = "size_bytes", .help = "Size.", .labels = {"of"}), &s));
    cprom_counter_add_with_exemplar(c, 1234567, CPROM_LABELS({"run", "17"}, {"text", "a \"b\"\n"}), now_ms);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        MUST(cprom_counter_vec_add(cv, CPROM_STRS(odd[i]), 0.1 * (double)(i + 1)));
        MUST(cprom_gauge_vec_set(g, CPROM_STRS(odd[i], i % 2 ? "" : "b"), values[i]));
        MUST(cprom_summary_vec_observe(s, CPROM_STRS(odd[i]), (double)(i * i)));
    }
    MUST(cprom_gauge_vec_set(g, CPROM_STRS("nan", "b"), NAN));
    for (size_t i = 0; i < sizeof observed / sizeof *observed; i++) {
        cprom_histogram_observe_with_exemplar(h, observed[i], CPROM_LABELS({"n", i % 2 ? "odd" : "even"}), now_ms);
        MUST(cprom_histogram_vec_observe(below, CPROM_STRS("up"), observed[i]));
    }
}

static cprom_status emit(void *ctx, cprom_scrape *out)
{
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    histogram.bounds = (const double[]){0.5, 5};
    histogram.buckets = (const uint64_t[]){1, 70000000};
    histogram.n_bounds = 2;
    histogram.count = 90000000;
    histogram.sum = 10.5;
    summary.quantiles = (const double[]){0, 0.5, 0.99, 1};
    summary.values = (const double[]){1, 2, NAN, 4};
    summary.n_quantiles = 4;
    summary.count = 4;
    summary.sum = 7;
    summary.timestamp_ms = *(const int64_t *)ctx;
    (void)cprom_emit_histogram(out, DESC(.name = "pause_seconds", .type = CPROM_HISTOGRAM, .labels = {"kind"}),
                               CPROM_STRS("a"), &histogram);
    histogram.bounds = (const double[]){-0.5, 5};
    histogram.sum = -10.5;
    (void)cprom_emit_histogram(out,
                               DESC(.name = "queue_seconds", .type = CPROM_GAUGE_HISTOGRAM, .labels = {"kind"},
                                    .unit = "seconds", .help = "Waiting now."),
                               CPROM_STRS("a"), &histogram);
    (void)cprom_emit_summary(out, DESC(.name = "age_seconds", .type = CPROM_SUMMARY), CPROM_NO_STRS, &summary);
    (void)cprom_emit(out, DESC(.name = "foreign", .type = CPROM_COUNTER, .help = "Not _total."), CPROM_NO_STRS, 17);
    (void)cprom_emit_at(out, DESC(.name = "heat_celsius", .type = CPROM_GAUGE), CPROM_NO_STRS, -273.15,
                        *(const int64_t *)ctx);
    return cprom_emit(out, DESC(.name = "something"), CPROM_NO_STRS, DBL_MAX);
}

static void write_page(cprom_registry *r, const cprom_page_opts *opts, const char *dir, const char *name)
{
    char path[4096], buf[4096];
    cprom_page *page;
    int len = snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *file = len > 0 && (size_t)len < sizeof path ? fopen(path, "wb") : NULL;
    if (!file) {
        perror(path);
        exit(1);
    }
    MUST(cprom_page_open(r, opts, &page));
    for (size_t n; (n = cprom_page_read(page, buf, sizeof buf)) != 0;) fwrite(buf, 1, n, file);
    cprom_page_close(page);
    if (fclose(file) != 0) {
        perror(path);
        exit(1);
    }
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: pages DIRECTORY\n", stderr);
        return 2;
    }
    struct timespec now;
    timespec_get(&now, TIME_UTC);
    int64_t now_ms = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    cprom_registry *r;
    cprom_collector_opts collector = CPROM_INIT(cprom_collector_opts);
    collector.name = "const";
    collector.collect = emit;
    collector.ctx = &now_ms;
    MUST(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .prefix = "e2e_", .const_labels = {{"host", "h\"1\""}}),
                            &r));
    add_instruments(r, now_ms);
    MUST(cprom_collector_new(r, &collector));
    write_page(r, NULL, argv[1], "page.txt");
    write_page(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = true), argv[1], "page.om");
    cprom_registry_free(r);
    return 0;
}
