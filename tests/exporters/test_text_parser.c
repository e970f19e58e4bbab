#include "support/cprom_test.h"

#include <math.h>

#include "text.h"
#include "text_parser.h"

/* What the strict reader of text 0.0.4 takes and refuses, against lists written by hand, promtool, and itself. */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct text_page *parse(const char *text, struct text_error *error)
{
    size_t n = strlen(text);
    char *exact = malloc(n + 1); /* exactly as many bytes as there are */
    memcpy(exact, text, n);
    char *shorter = realloc(exact, n ? n : 1);
    struct text_page *page = text_parse(shorter, n, error);
    free(shorter);
    return page;
}

static struct text_page *parse_ok(const char *text)
{
    struct text_error error;
    struct text_page *page = parse(text, &error);
    if (!page) fail_msg("line %zu: %s\n%s", error.line, error.what, text);
    return page;
}

static void assert_page(const char *text, const char *expected)
{
    size_t len;
    struct text_page *page = parse_ok(text);
    char *printed = text_print(page, &len);
    ct_assert_text_equal(printed, expected);
    cprom_text_free(printed);
    text_free(page);
}

/* ---- what is taken ---- */

static void test_text_parse_nothing_has_no_families(void **state)
{
    struct text_page *page = parse_ok("");
    assert_null(page->families);
    assert_int_equal(page->n_families, 0);
    text_free(page);
    assert_page("\n \t\n# a comment\n#\n# HELP\n# TYPE a gauge\n# HELP b Help.\n", "");
}

static void test_text_parse_families_has_types_help_and_labels(void **state)
{
    struct text_page *page = parse_ok("# HELP a Help \\\\ \\n \"x\".\n# TYPE a gauge\n"
                                      "a{z=\"1\",b=\"\\\"\\\\\\n{},=#\",e=\"\"} 1.5\n"
                                      "c 3 1700000000123\n");
    struct text_family *a = page->families, *c = a->next;
    assert_int_equal(page->n_families, 2);
    assert_int_equal(page->n_metrics, 2);
    assert_string_equal(a->name, "a");
    assert_string_equal(a->help, "Help \\ \n \"x\".");
    assert_int_equal(a->type, CPROM_GAUGE);
    assert_int_equal(a->line, 1);
    assert_int_equal(a->n_metrics, 1);
    assert_int_equal(a->metrics->line, 3);
    assert_int_equal(a->metrics->n_labels, 2);
    assert_string_equal(a->metrics->labels[0].name, "b");
    assert_string_equal(a->metrics->labels[0].value, "\"\\\n{},=#");
    assert_string_equal(a->metrics->labels[1].name, "z");
    assert_true(a->metrics->value == 1.5);
    assert_false(a->metrics->has_timestamp);
    assert_null(c->next);
    assert_null(c->help);
    assert_int_equal(c->type, CPROM_UNTYPED);
    assert_false(c->has_type);
    assert_true(c->metrics->has_timestamp);
    assert_int_equal(c->metrics->timestamp_ms, 1700000000123);
    text_free(page);
}

static void test_text_parse_histogram_is_one_metric(void **state)
{
    struct text_page *page = parse_ok("# TYPE h histogram\n"
                                      "h_bucket{a=\"x\",le=\"+Inf\"} 5\nh_bucket{le=\"0.5\",a=\"x\"} 2\n"
                                      "h_count{a=\"x\"} 5\nh_sum{a=\"x\"} 7.5\n"
                                      "h_count 9\nh_bucket{le=\"1\"} 8\nh_sum NaN\n");
    const struct text_metric *x = page->families->metrics, *plain = x->next;
    assert_int_equal(page->n_metrics, 2);
    assert_int_equal(x->n_points, 1);
    assert_true(x->points[0] == 0.5);
    assert_int_equal(x->buckets[0], 2);
    assert_int_equal(x->count, 5);
    assert_true(x->sum == 7.5);
    assert_int_equal(plain->n_points, 1);
    assert_int_equal(plain->buckets[0], 8);
    assert_int_equal(plain->count, 9);
    assert_true(isnan(plain->sum));
    text_free(page);
}

static void test_text_parse_summary_is_one_metric(void **state)
{
    struct text_page *page =
        parse_ok("# TYPE s summary\ns{quantile=\"0.9\"} 3\ns{quantile=\"0.5\"} NaN\ns_sum 1\ns_count 2\n"
                 "s_sum{a=\"b\"} 1\ns_count{a=\"b\"} 2\n");
    const struct text_metric *first = page->families->metrics;
    assert_int_equal(page->n_metrics, 2);
    assert_int_equal(first->n_points, 2);
    assert_true(first->points[0] == 0.5 && isnan(first->values[0]));
    assert_true(first->points[1] == 0.9 && first->values[1] == 3);
    assert_int_equal(first->count, 2);
    assert_int_equal(first->next->n_points, 0);
    text_free(page);
}

static void test_text_parse_freely_written_makes_the_library_page(void **state)
{
    assert_page(
        " \t z  \t 1\nb { x = \"1\" , y=\"2\" , }2e3\n#TYPE a COUNTER\na{} +4.\n# TYPE z_other gauge\nb{y=\"3\"} -.5\n",
        "# TYPE a counter\na 4\n# TYPE b untyped\nb{y=\"3\"} -0.5\nb{x=\"1\",y=\"2\"} 2000\n# TYPE z untyped\nz 1\n");
}

static void test_text_parse_parts_of_no_whole_are_families(void **state)
{
    assert_page("x_sum 1\nx_count 2\nx_bucket{le=\"1\"} 3\ny{quantile=\"5\"} 1\n",
                "# TYPE x_bucket untyped\nx_bucket{le=\"1\"} 3\n# TYPE x_count untyped\nx_count 2\n"
                "# TYPE x_sum untyped\nx_sum 1\n# TYPE y untyped\ny{quantile=\"5\"} 1\n");
}

static void test_text_parse_numbers(void **state)
{
    static const struct {
        const char *text;
        double value;
    } good[] = {{"0", 0}, {"-0", 0}, {"1e3", 1000}, {"1E+03", 1000}, {".5", .5}, {"5.", 5}, {"+1.25e-1", .125},
                {"nan", NAN}, {"NaN", NAN}, {"+Inf", INFINITY}, {"-iNf", -INFINITY}, {"inf", INFINITY},
                {"Infinity", INFINITY}, {"1.7976931348623157e308", 1.7976931348623157e308}, {"4.9e-324", 4.9e-324},
                {"1e-999", 0}, {"0000000000000000000000000000001", 1}};
    static const char *const bad[] = {"", "+", ".", "e1", "1e", "1e+", "0x1", "1_000", "1,5", "+nan", "--1", "1e999",
                                      "infinit", "in", "NULL", "1f", "1 ", " 1"};
    double value;
    for (size_t i = 0; i < COUNT(good); i++) {
        assert_true(text_number(good[i].text, strlen(good[i].text), &value));
        assert_true(isnan(good[i].value) ? isnan(value) : value == good[i].value);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        if (text_number(bad[i], strlen(bad[i]), &value)) fail_msg("%s is a number", bad[i]);
    }
}

/* ---- what is refused: each with line and reason ---- */

static const struct bad {
    const char *text;
    size_t line;
    const char *what;
} bads[] = {
    {"a 1", 1, "does not end in LF"},
    {"a 1\nb", 2, "does not end in LF"},
    {"a\n", 1, "expected a value"},
    {"a x\n", 1, "x is no number"},
    {"a 1 x\n", 1, "\"x\" is no timestamp"},
    {"a 1 \n", 1, "\"\" is no timestamp"},
    {"a 1 1.5\n", 1, "no timestamp"},
    {"a 1 9223372036854775808\n", 1, "no timestamp"},
    {"a 1 2 3\n", 1, "expected the end of the line"},
    {"a 1\r\n", 1, "a CR"},
    {"1a 1\n", 1, "unexpected '1'; expected a metric name"},
    {"a-b 1\n", 1, "unexpected '-'"},
    {"\xc3\xa4 1\n", 1, "unexpected byte 0xc3"},
    {"a{b} 1\n", 1, "expected '='"},
    {"a{b=} 1\n", 1, "expected '\"'"},
    {"a{b=1} 1\n", 1, "expected '\"'"},
    {"a{b=\"1\" 1\n", 1, "expected ',' or '}'"},
    {"a{b=\"1\n", 1, "does not end"},
    {"a{b=\"1\\\"} 1\n", 1, "does not end"},
    {"a{b=\"\\t\"} 1\n", 1, "invalid escape"},
    {"a{,} 1\n", 1, "expected a label name"},
    {"a{b=\"1\",,} 1\n", 1, "expected a label name"},
    {"a{b:c=\"1\"} 1\n", 1, "b:c is no label name"},
    {"a{__name__=\"1\"} 1\n", 1, "reserved"},
    {"a{b=\"1\",b=\"2\"} 1\n", 1, "label b twice"},
    {"a{b=\"1\",b=\"\"} 1\n", 1, "label b twice"},
    {"a{b=\"\xff\"} 1\n", 1, "not UTF-8"},
    {"a{b=\"\xed\xa0\x80\"} 1\n", 1, "not UTF-8"},
    {"# HELP a \\t\na 1\n", 1, "invalid escape"},
    {"# HELP a \\\"\na 1\n", 1, "invalid escape"},
    {"# HELP a x\n# HELP a y\na 1\n", 2, "a second HELP for a"},
    {"# HELP 1 x\na 1\n", 1, "expected a metric name"},
    {"# HELP a-b x\na 1\n", 1, "expected a blank"},
    {"# TYPE a gauge\n# TYPE a gauge\n", 2, "a second TYPE for a"},
    {"# TYPE a float\n", 1, "unknown type of a: float"},
    {"# TYPE a gauge \n", 1, "unknown type of a: gauge "},
    {"# TYPE a info\n", 1, "unknown type"},
    {"a 1\n# TYPE a gauge\n", 2, "comes after its first sample"},
    {"# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", 2, "label le is no number"},
    {"# TYPE s summary\ns{quantile=\"x\"} 1\n", 2, "label quantile is no number"},
};

static void test_text_parse_bad_text_names_line_and_reason(void **state)
{
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct text_error error = {0};
        struct text_page *page = parse(bads[i].text, &error);
        if (page || error.line != bads[i].line || !strstr(error.what, bads[i].what)) {
            fail_msg("%s: line %zu: %s; expected line %zu: %s", bads[i].text, error.line, page ? "taken" : error.what,
                     bads[i].line, bads[i].what);
        }
    }
}

/* ---- what Prometheus takes, and a page of the library cannot have: it alone is left out, or it is mended ---- */

static const struct odd {
    const char *text, *page;
    size_t line; /* 0: nothing is left out */
    const char *what;
} odds[] = {
    {"a 1 -5\n", "# TYPE a untyped\na 1 0\n", 0, NULL},
    {"a{__b=\"1\"} 1\na 2\n", "# TYPE a untyped\na 2\n", 1, "a sample of a has a label whose name begins with __"},
    {"# HELP a x\xff\na 1\n", "# HELP a x\xEF\xBF\xBD\n# TYPE a untyped\na 1\n", 0, NULL},
    {"a 1\nb 2\na 3\n", "# TYPE a untyped\na 1\n# TYPE b untyped\nb 2\n", 3, "a: the same series as in line 1"},
    {"a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\",d=\"\"} 1\n", "# TYPE a untyped\na{b=\"1\",c=\"2\"} 1\n", 2,
     "the same series as in line 1"},
    {"# TYPE h histogram\nh 1\nb 1\n", "# TYPE b untyped\nb 1\n", 2, "h: is a histogram"},
    {"# TYPE h histogram\nh_bucket 1\n", "", 2, "label le is missing"},
    {"# TYPE h histogram\nh_sum{le=\"1\"} 1\n", "", 2, "where it does not belong"},
    {"# TYPE h histogram\nh_bucket{le=\"NaN\"} 1\n", "", 2, "no bucket's bound"},
    {"# TYPE h histogram\nh_bucket{le=\"-Inf\"} 1\n", "", 2, "no bucket's bound"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"1.0\"} 2\nh_sum 1\nh_count 1\n",
     "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n", 3,
     "same series as in line 2"},
    {"# TYPE h histogram\nh_bucket{le=\"2\"} 1\nh_bucket{le=\"1\"} 2\nh_sum 1\nh_count 3\nb 1\n",
     "# TYPE b untyped\nb 1\n", 2, "less than one with a lower"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 1.5\nh_sum 1\nh_count 3\n",
     "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n", 0, NULL},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} -1\nh_sum 1\nh_count 3\n", "", 2, "no number from 0"},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\n",
     "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n", 0, NULL},
    /* The count was read a moment before the last bucket, or the other way round. */
    {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
     "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n", 0, NULL},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 2\n",
     "# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n", 0, NULL},
    {"# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_sum 1\nh_count 2\n",
     "# TYPE h histogram\nh_bucket{le=\"1\"} 3\nh_bucket{le=\"+Inf\"} 3\nh_sum 1\nh_count 3\n", 0, NULL},
    {"# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_count 1\n",
     "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 0\nh_count 1\n", 0, NULL},
    {"# TYPE h histogram\nh_sum 1\nh_sum 2\nh_count 1\n",
     "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n", 3, "h_sum: the same series as in line 2"},
    {"# TYPE h histogram\nh_sum 1\nh_count 1 5\n", "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 0\nh_sum 1\nh_count 0\n", 3,
     "another timestamp than in line 2"},
    {"# TYPE h histogram\nh_sum 1\nh_count -1\n", "", 3, "no number from 0"},
    {"# TYPE s summary\ns 1\n", "", 2, "label quantile is missing"},
    {"# TYPE s summary\ns{quantile=\"1.5\"} 1\ns_sum 1\ns_count 1\n", "# TYPE s summary\ns_sum 1\ns_count 1\n", 2,
     "no number of 0 to 1"},
    {"# TYPE s summary\ns_sum 1\n", "# TYPE s summary\ns_sum 1\ns_count 0\n", 0, NULL},
    {"# TYPE s summary\ns_count 1\n", "# TYPE s summary\ns_sum 0\ns_count 1\n", 0, NULL},
};

static void test_text_parse_odd_text_costs_itself(void **state)
{
    for (size_t i = 0; i < COUNT(odds); i++) {
        size_t len;
        struct text_page *page = parse_ok(odds[i].text);
        char *printed = text_print(page, &len);
        if (strcmp(printed, odds[i].page) != 0) fail_msg("%s: shown as\n%s\nexpected\n%s", odds[i].text, printed, odds[i].page);
        const struct text_error *left_out = &page->left_out;
        if (page->n_left_out != (odds[i].line != 0) || left_out->line != odds[i].line ||
            (odds[i].line && !strstr(left_out->what, odds[i].what))) {
            fail_msg("%s: line %zu: %s", odds[i].text, left_out->line, left_out->what);
        }
        cprom_text_free(printed);
        text_free(page);
    }
}

static void test_text_parse_nul_is_refused(void **state)
{
    struct text_error error;
    static const char nul[] = "a{b=\"\0\"} 1\n";
    assert_null(text_parse(nul, sizeof nul - 1, &error));
    assert_string_equal(error.what, "not UTF-8");
}

static void test_text_parse_labels_beyond_the_limit_cost_their_sample(void **state)
{
    char text[2048];
    for (int max = CPROM_LABELS_MAX; max <= CPROM_LABELS_MAX + 40; max += 20) {
        int n = snprintf(text, sizeof text, "a{");
        for (int i = 0; i < max; i++) n += snprintf(text + n, sizeof text - (size_t)n, "l%d=\"v\",", i);
        snprintf(text + n, sizeof text - (size_t)n, "} 1\nb 1\n");
        struct text_page *page = parse_ok(text);
        assert_int_equal(page->n_families, max == CPROM_LABELS_MAX ? 2 : 1);
        assert_int_equal(page->n_left_out, max != CPROM_LABELS_MAX);
        if (page->n_left_out) assert_string_equal(page->left_out.what, "a sample of a has too many labels");
        text_free(page);
    }
}

/* Series of a family with the same label names stand together: the library takes time for each change. */
static void test_text_parse_shapes_are_together(void **state)
{
    struct text_page *page = parse_ok("x{a=\"1\"} 1\nx{b=\"1\"} 1\nx{a=\"2\"} 1\nx{b=\"2\"} 1\nx 1\ny{b=\"1\"} 1\n");
    static const char *const names[] = {"a", "a", "b", "b"};
    const struct text_metric *metric = page->families->metrics;
    for (size_t i = 0; i < COUNT(names); i++, metric = metric->next) assert_string_equal(metric->labels[0].name, names[i]);
    assert_int_equal(metric->n_labels, 0);
    assert_null(metric->next);
    assert_int_equal(page->families->n_shapes, 3);
    assert_int_equal(page->n_shapes, 4);
    text_free(page);
}

static void test_text_parse_too_many_series_are_refused(void **state)
{
    size_t room = (TEXT_SERIES_MAX + 1) * 16, len = 0;
    char *text = malloc(room);
    struct text_error error;
    for (int i = 0; i <= TEXT_SERIES_MAX; i++) len += (size_t)snprintf(text + len, room - len, "x{n=\"%d\"} 1\n", i);
    assert_null(text_parse(text, len, &error));
    assert_int_equal(error.line, TEXT_SERIES_MAX + 1);
    assert_string_equal(error.what, "more than 50000 series");
    free(text);
}

static void test_text_parse_refuses_what_promtool_refuses(void **state)
{
    bool wrong = false;
    if (!promtool_available()) ct_skip("no promtool");
    for (size_t i = 0; i < COUNT(bads); i++) {
        int code = promtool_check_metrics(bads[i].text, strlen(bads[i].text), NULL);
        if (code == 1) continue;
        print_message("promtool says %d of %s", code, bads[i].text);
        wrong = true;
    }
    for (size_t i = 0; i < COUNT(odds); i++) {
        int code = promtool_check_metrics(odds[i].text, strlen(odds[i].text), NULL);
        if (code != 1) continue;
        print_message("promtool refuses %s", odds[i].text);
        wrong = true;
    }
    assert_false(wrong);
}

static void test_text_parse_library_page_is_read_as_it_was(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter_vec *counter;
    cprom_histogram_vec *histogram;
    assert_ok(cprom_counter_vec_new(
        fixture->registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "A \\ \"b\"\nc.", .labels = {"a", "b"}),
        &counter));
    assert_ok(cprom_histogram_vec_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "h_seconds", .help = "H.",
                                                                    .labels = {"a"}), &histogram));
    for (int i = 0; i < 300; i++) {
        char a[32], b[32];
        snprintf(a, sizeof a, "%d\n\"\\", i % 17);
        snprintf(b, sizeof b, "\xc3\xa4%d", i);
        cprom_counter_vec_add(counter, CPROM_STRS(a, b), 1.0 / (i + 1));
        cprom_histogram_vec_observe(histogram, CPROM_STRS(a), i / 13.0);
    }
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    assert_page(page.text, page.text);
    ct_page_free(&page);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_parse_nothing_has_no_families),
        cmocka_unit_test(test_text_parse_families_has_types_help_and_labels),
        cmocka_unit_test(test_text_parse_histogram_is_one_metric),
        cmocka_unit_test(test_text_parse_summary_is_one_metric),
        cmocka_unit_test(test_text_parse_freely_written_makes_the_library_page),
        cmocka_unit_test(test_text_parse_parts_of_no_whole_are_families),
        cmocka_unit_test(test_text_parse_numbers),
        cmocka_unit_test(test_text_parse_bad_text_names_line_and_reason),
        cmocka_unit_test(test_text_parse_nul_is_refused),
        cmocka_unit_test(test_text_parse_labels_beyond_the_limit_cost_their_sample),
        cmocka_unit_test(test_text_parse_odd_text_costs_itself),
        cmocka_unit_test(test_text_parse_shapes_are_together),
        cmocka_unit_test(test_text_parse_too_many_series_are_refused),
        cmocka_unit_test(test_text_parse_refuses_what_promtool_refuses),
        cmocka_unit_test_setup_teardown(test_text_parse_library_page_is_read_as_it_was, ct_setup, ct_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
