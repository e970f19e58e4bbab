#include "support/cprom_test.h"

#include <math.h>

/* Pages in OpenMetrics 1.0, byte for byte. */

/* In one piece, byte by byte, and under the name that the format had before. */
static void assert_openmetrics(cprom_registry *registry, const char *expected)
{
    static const struct {
        cprom_format format;
        size_t piece;
    } ways[] = {{CPROM_OPENMETRICS_1_0, 65536}, {CPROM_OPENMETRICS_1_0, 1}, {CPROM_OPENMETRICS_0_0_1, 77}};
    for (size_t i = 0; i < COUNT(ways); i++) {
        ct_page page = ct_page_read(registry, CPROM_OPTS(cprom_page_opts, .format = ways[i].format), ways[i].piece);
        ct_assert_text_equal(page.text, expected);
        ct_page_free(&page);
    }
}

static void test_openmetrics_page_of_an_empty_registry_is_the_end_marker(void **state)
{
    assert_openmetrics(registry_of(state), "# EOF\n");
}

static void test_openmetrics_counter_drops_total_in_the_header_only(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r, CPROM_OPTS(cprom_opts, .name = "io_bytes_total", .unit = "bytes",
                                                  .help = "Says \"in\" or\n\\out\\.", .labels = {"way"}), &vec));
    assert_openmetrics(r, "# EOF\n");
    cprom_counter_vec_add(vec, CPROM_STRS("in"), 3);
    cprom_counter_vec_add(vec, CPROM_STRS("o\"u\\t\n"), 1e6);
    assert_openmetrics(r, "# HELP io_bytes Says \\\"in\\\" or\\n\\\\out\\\\.\n"
                          "# TYPE io_bytes counter\n"
                          "# UNIT io_bytes bytes\n"
                          "io_bytes_total{way=\"in\"} 3.0\n"
                          "io_bytes_total{way=\"o\\\"u\\\\t\\n\"} 1e+06\n"
                          "# EOF\n");
}

static void test_openmetrics_gauge_prints_floats(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *a;
    cprom_gauge_vec *b;
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "a_seconds", .unit = "seconds", .help = "A."), &a));
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "b", .help = "B.", .labels = {"x"}), &b));
    cprom_gauge_set(a, -0.0);
    cprom_gauge_vec_set(b, CPROM_STRS("1"), -17);
    cprom_gauge_vec_set(b, CPROM_STRS("2"), NAN);
    cprom_gauge_vec_set(b, CPROM_STRS("3"), -INFINITY);
    cprom_gauge_vec_set(b, CPROM_STRS("4"), 0.1);
    assert_openmetrics(r, "# HELP a_seconds A.\n# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 0.0\n"
                          "# HELP b B.\n# TYPE b gauge\n"
                          "b{x=\"1\"} -17.0\nb{x=\"2\"} NaN\nb{x=\"3\"} -Inf\nb{x=\"4\"} 0.1\n# EOF\n");
}

static void test_openmetrics_histogram_has_float_bounds_and_whole_counts(void **state)
{
    static const double bounds[] = {1e-5, 0.5, 1, 100000, 1e6};
    cprom_registry *r = registry_of(state);
    cprom_histogram_vec *vec;
    assert_ok(cprom_histogram_vec_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .labels = {"z"},
                                                    .bounds = bounds, .n_bounds = 5), &vec));
    for (int i = 0; i < 2693; i++) cprom_histogram_vec_observe(vec, CPROM_STRS("a"), 1);
    cprom_histogram_vec_observe(vec, CPROM_STRS("a"), 2e6);
    assert_openmetrics(r, "# HELP h H.\n# TYPE h histogram\n"
                          "h_bucket{z=\"a\",le=\"1e-05\"} 0\nh_bucket{z=\"a\",le=\"0.5\"} 0\n"
                          "h_bucket{z=\"a\",le=\"1.0\"} 2693\nh_bucket{z=\"a\",le=\"100000.0\"} 2693\n"
                          "h_bucket{z=\"a\",le=\"1e+06\"} 2693\nh_bucket{z=\"a\",le=\"+Inf\"} 2694\n"
                          "h_sum{z=\"a\"} 2.002693e+06\nh_count{z=\"a\"} 2694\n# EOF\n");
}

static void test_openmetrics_histogram_with_a_negative_bound_has_no_sum_and_count(void **state)
{
    static const double bounds[] = {-1, 0};
    cprom_registry *r = registry_of(state);
    cprom_histogram *h, *i;
    assert_ok(cprom_histogram_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 2),
                                  &h));
    assert_ok(cprom_histogram_new(r, CPROM_OPTS(cprom_opts, .name = "i", .help = "I.", .bounds = bounds + 1, .n_bounds = 1),
                                  &i));
    cprom_histogram_observe(h, -3);
    assert_openmetrics(r, "# HELP h H.\n# TYPE h histogram\n"
                          "h_bucket{le=\"-1.0\"} 1\nh_bucket{le=\"0.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                          "# HELP i I.\n# TYPE i histogram\n"
                          "i_bucket{le=\"0.0\"} 0\ni_bucket{le=\"+Inf\"} 0\ni_sum 0.0\ni_count 0\n# EOF\n");
}

static void test_openmetrics_summary_has_a_whole_count(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_summary *summary;
    assert_ok(cprom_summary_new(r, CPROM_OPTS(cprom_opts, .name = "s", .help = "S."), &summary));
    cprom_summary_observe(summary, 2);
    cprom_summary_observe(summary, 3);
    assert_openmetrics(r, "# HELP s S.\n# TYPE s summary\ns_sum 5.0\ns_count 2\n# EOF\n");
}

#define DESC_OF(...) {.size = sizeof(cprom_desc), __VA_ARGS__}

static cprom_status emit_all(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    static const cprom_desc total = DESC_OF(.type = CPROM_COUNTER, .name = "a_total", .labels = {"x"}),
                            foreign = DESC_OF(.type = CPROM_COUNTER, .name = "b", .help = "B."),
                            bare = DESC_OF(.type = CPROM_COUNTER, .name = "_total"),
                            untyped = DESC_OF(.type = CPROM_UNTYPED, .name = "c_ratio", .unit = "ratio"),
                            negative = DESC_OF(.type = CPROM_HISTOGRAM, .name = "d"),
                            histogram = DESC_OF(.type = CPROM_HISTOGRAM, .name = "e", .labels = {"x"}),
                            summary = DESC_OF(.type = CPROM_SUMMARY, .name = "f", .labels = {"x"}),
                            gauge = DESC_OF(.type = CPROM_GAUGE_HISTOGRAM, .name = "g_s", .help = "G.", .unit = "s");
    cprom_emit_at(out, &total, CPROM_STRS("1"), 1, 0);
    cprom_emit_at(out, &total, CPROM_STRS("2"), 2, 7);
    cprom_emit_at(out, &total, CPROM_STRS("3"), 3, 1700000000123);
    cprom_emit_at(out, &total, CPROM_STRS("4"), 4, 1700000000010);
    cprom_emit(out, &bare, CPROM_NO_STRS, 9);
    cprom_emit(out, &foreign, CPROM_NO_STRS, 5);
    cprom_emit(out, &untyped, CPROM_NO_STRS, 0.5);
    static const double bounds[] = {-2.5, 10}, quantiles[] = {0, 0.5, 0.99, 1}, values[] = {1, 2, 2.5, NAN};
    static const uint64_t buckets[] = {1, 1234567};
    cprom_const_histogram h = {.size = sizeof h, .bounds = bounds, .buckets = buckets, .n_bounds = 2,
                               .count = 1234568, .sum = 1e300, .timestamp_ms = 1500};
    cprom_emit_histogram(out, &negative, CPROM_NO_STRS, &h);
    h.sum = -1e300;
    cprom_emit_histogram(out, &gauge, CPROM_NO_STRS, &h);
    h.sum = 1e300;
    h.bounds++, h.buckets++, h.n_bounds--;
    cprom_emit_histogram(out, &histogram, CPROM_STRS("1"), &h);
    cprom_const_summary s = {.size = sizeof s, .quantiles = quantiles, .values = values, .n_quantiles = 4,
                             .count = 18446744073709551615u, .sum = -1};
    cprom_emit_summary(out, &summary, CPROM_STRS("1"), &s);
    return CPROM_OK;
}

static void test_openmetrics_const_metrics_of_every_kind(void **state)
{
    cprom_registry *r = registry_of(state);
    assert_ok(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "all", .collect = emit_all)));
    assert_openmetrics(r, "# TYPE _total unknown\n_total 9.0\n"
                          "# TYPE a counter\n"
                          "a_total{x=\"1\"} 1.0 0.000\n"
                          "a_total{x=\"2\"} 2.0 0.007\n"
                          "a_total{x=\"3\"} 3.0 1700000000.123\n"
                          "a_total{x=\"4\"} 4.0 1700000000.010\n"
                          "# HELP b B.\n# TYPE b unknown\nb 5.0\n"
                          "# TYPE c_ratio unknown\n# UNIT c_ratio ratio\nc_ratio 0.5\n"
                          "# TYPE d histogram\n"
                          "d_bucket{le=\"-2.5\"} 1 1.500\nd_bucket{le=\"10.0\"} 1234567 1.500\n"
                          "d_bucket{le=\"+Inf\"} 1234568 1.500\n"
                          "# TYPE e histogram\n"
                          "e_bucket{x=\"1\",le=\"10.0\"} 1234567 1.500\ne_bucket{x=\"1\",le=\"+Inf\"} 1234568 1.500\n"
                          "e_sum{x=\"1\"} 1e+300 1.500\ne_count{x=\"1\"} 1234568 1.500\n"
                          "# TYPE f summary\n"
                          "f{x=\"1\",quantile=\"0.0\"} 1.0\nf{x=\"1\",quantile=\"0.5\"} 2.0\n"
                          "f{x=\"1\",quantile=\"0.99\"} 2.5\nf{x=\"1\",quantile=\"1.0\"} NaN\n"
                          "f_sum{x=\"1\"} -1.0\nf_count{x=\"1\"} 18446744073709551615\n"
                          "# HELP g_s G.\n# TYPE g_s gaugehistogram\n# UNIT g_s s\n"
                          "g_s_bucket{le=\"-2.5\"} 1 1.500\ng_s_bucket{le=\"10.0\"} 1234567 1.500\n"
                          "g_s_bucket{le=\"+Inf\"} 1234568 1.500\n"
                          "g_s_gsum -1e+300 1.500\ng_s_gcount 1234568 1.500\n"
                          "# EOF\n");
}

/* The third column is what a Go encoder printed; through a vector and through a bound. */
static void test_openmetrics_numbers_are_those_of_go(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "m", .help = "M.", .labels = {"i"}), &vec));
    char *file = ct_read_file(CPROM_TEST_DATA "/floats.tsv", NULL), *expected = malloc(3000 * 64 + 128);
    assert_non_null(expected);
    char *out = expected + sprintf(expected, "# HELP m M.\n# TYPE m gauge\n");
    unsigned n = 0;
    for (char *line = strtok(file, "\n"); line; line = strtok(NULL, "\n"), n++) {
        uint64_t bits = strtoull(line, NULL, 16);
        double value;
        char name[16];
        memcpy(&value, &bits, sizeof value);
        snprintf(name, sizeof name, "%04u", n);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(name), value));
        out += sprintf(out, "m{i=\"%s\"} %s\n", name, strrchr(line, '\t') + 1);
    }
    assert_int_equal(n, 3000);
    strcpy(out, "# EOF\n");
    assert_openmetrics(r, expected);
    free(expected);
    free(file);
}

static void test_page_open_with_an_unknown_format_is_refused(void **state)
{
    cprom_page *page;
    assert_status(cprom_page_open(registry_of(state), CPROM_OPTS(cprom_page_opts, .format = (cprom_format)3), &page),
                  CPROM_EINVAL);
    assert_null(page);
}

static void test_content_type_of_each_format(void **state)
{
    assert_string_equal(cprom_content_type(CPROM_TEXT_0_0_4), "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(cprom_content_type(CPROM_OPENMETRICS_0_0_1),
                        "application/openmetrics-text; version=0.0.1; charset=utf-8");
    assert_string_equal(cprom_content_type(CPROM_OPENMETRICS_1_0),
                        "application/openmetrics-text; version=1.0.0; charset=utf-8");
    assert_string_equal(cprom_content_type((cprom_format)17), cprom_content_type(CPROM_TEXT_0_0_4));
}

int group_openmetrics(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_openmetrics_page_of_an_empty_registry_is_the_end_marker),
        TEST(test_openmetrics_counter_drops_total_in_the_header_only),
        TEST(test_openmetrics_gauge_prints_floats),
        TEST(test_openmetrics_histogram_has_float_bounds_and_whole_counts),
        TEST(test_openmetrics_histogram_with_a_negative_bound_has_no_sum_and_count),
        TEST(test_openmetrics_summary_has_a_whole_count),
        TEST(test_openmetrics_const_metrics_of_every_kind),
        TEST(test_openmetrics_numbers_are_those_of_go),
        TEST(test_page_open_with_an_unknown_format_is_refused),
        TEST(test_content_type_of_each_format),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
