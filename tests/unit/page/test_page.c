/* The page: how it is read, what it shows and what not, and that it stays as it was opened. */
#include <math.h>

#include "support/cprom_test.h"

static cprom_status emit_some(void *ctx, cprom_scrape *out)
{
    if (ctx) ++*(int *)ctx;
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    histogram.bounds = (const double[]){0.5};
    histogram.buckets = (const uint64_t[]){1};
    histogram.n_bounds = 1;
    histogram.count = 2;
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    summary.quantiles = (const double[]){0.5};
    summary.values = (const double[]){7};
    summary.n_quantiles = 1;
    summary.timestamp_ms = 12;
    (void)cprom_emit_histogram(out, DESC(.name = "k_hist", .type = CPROM_HISTOGRAM, .labels = {"q"}), CPROM_STRS("\""),
                               &histogram);
    (void)cprom_emit_summary(out, DESC(.name = "k_summ", .type = CPROM_SUMMARY), CPROM_NO_STRS, &summary);
    return cprom_emit_at(out, DESC(.name = "k_plain", .help = "K."), CPROM_NO_STRS, -1e-7, 34);
}

static void add_counting(cprom_registry *r, const char *name, int *calls, const cprom_desc *descs, size_t n_descs)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = name;
    opts.collect = emit_some;
    opts.ctx = calls;
    opts.descs = descs;
    opts.n_descs = n_descs;
    assert_ok(cprom_collector_new(r, &opts));
}

typedef struct everything {
    cprom_counter *counter;
    cprom_gauge_vec *gauges;
    cprom_histogram *histogram;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
} everything;

/* Something of every kind, with texts that are cut in awkward places when the page is read in pieces. */
static everything fill(cprom_registry *r)
{
    everything e;
    static const double bounds[] = {-1, 0.1, 1e6};
    assert_ok(cprom_counter_new(r, OPTS(.name = "c_total", .help = "C \\ \"\n."), &e.counter));
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"b", "a"}), &e.gauges));
    assert_ok(cprom_histogram_new(r, OPTS(.name = "h", .help = "H.", .bounds = bounds, .n_bounds = 3), &e.histogram));
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "hv", .help = "HV.", .labels = {"l"}, .bounds = bounds,
                                              .n_bounds = 1), &e.histograms));
    assert_ok(cprom_summary_vec_new(r, OPTS(.name = "s", .help = "S.", .labels = {"l"}), &e.summaries));
    add_counting(r, "k", NULL, NULL, 0);
    cprom_counter_add(e.counter, 1234567.5);
    assert_ok(cprom_gauge_vec_set(e.gauges, CPROM_STRS("2", "\n"), NAN));
    assert_ok(cprom_gauge_vec_set(e.gauges, CPROM_STRS("1", "x"), -INFINITY));
    static const double observed[] = {-2, 0.1, 0.05, 5, 2e6, 3e6};
    for (size_t i = 0; i < 6; i++) cprom_histogram_observe(e.histogram, observed[i]);
    assert_ok(cprom_histogram_vec_observe(e.histograms, CPROM_STRS("y"), 1));
    assert_ok(cprom_histogram_vec_observe(e.histograms, CPROM_STRS("x\\"), -3));
    assert_ok(cprom_summary_vec_observe(e.summaries, CPROM_STRS(""), 0.25));
    assert_ok(cprom_summary_vec_observe(e.summaries, CPROM_STRS(""), 0.5));
    return e;
}

static const char filled[] =
    "# HELP c_total C \\\\ \"\\n.\n# TYPE c_total counter\nc_total 1.2345675e+06\n"
    "# HELP g G.\n# TYPE g gauge\ng{a=\"\\n\",b=\"2\"} NaN\ng{a=\"x\",b=\"1\"} -Inf\n"
    "# HELP h H.\n# TYPE h histogram\nh_bucket{le=\"-1\"} 1\nh_bucket{le=\"0.1\"} 3\nh_bucket{le=\"1e+06\"} 4\n"
    "h_bucket{le=\"+Inf\"} 6\nh_sum 5.00000315e+06\nh_count 6\n"
    "# HELP hv HV.\n# TYPE hv histogram\n"
    "hv_bucket{l=\"x\\\\\",le=\"-1\"} 1\nhv_bucket{l=\"x\\\\\",le=\"+Inf\"} 1\nhv_sum{l=\"x\\\\\"} -3\n"
    "hv_count{l=\"x\\\\\"} 1\n"
    "hv_bucket{l=\"y\",le=\"-1\"} 0\nhv_bucket{l=\"y\",le=\"+Inf\"} 1\nhv_sum{l=\"y\"} 1\nhv_count{l=\"y\"} 1\n"
    "# TYPE k_hist histogram\nk_hist_bucket{q=\"\\\"\",le=\"0.5\"} 1\nk_hist_bucket{q=\"\\\"\",le=\"+Inf\"} 2\n"
    "k_hist_sum{q=\"\\\"\"} 0\nk_hist_count{q=\"\\\"\"} 2\n"
    "# HELP k_plain K.\n# TYPE k_plain untyped\nk_plain -1e-07 34\n"
    "# TYPE k_summ summary\nk_summ{quantile=\"0.5\"} 7 12\nk_summ_sum 0 12\nk_summ_count 0 12\n"
    "# HELP s S.\n# TYPE s summary\ns_sum{l=\"\"} 0.75\ns_count{l=\"\"} 2\n";

static cprom_page *open_page(cprom_registry *registry)
{
    cprom_page *page;
    assert_ok(cprom_page_open(registry, NULL, &page));
    return page;
}

static void assert_rest(cprom_page *page, const char *expected)
{
    ct_page rest = {NULL, 0, NULL};
    char buf[64];
    rest.text = calloc(1, strlen(expected) + sizeof buf + 1);
    assert_non_null(rest.text);
    for (size_t n; rest.len <= strlen(expected) && (n = cprom_page_read(page, buf, sizeof buf)) > 0; rest.len += n) {
        memcpy(rest.text + rest.len, buf, n);
    }
    ct_assert_text_equal(rest.text, expected);
    free(rest.text);
}

/*==============================================================================
 * Reading
 *============================================================================*/

static void test_page_read_in_pieces_of_every_size_gives_equal_bytes(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    ct_page whole = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(whole.text, filled);
    for (size_t piece = 1; piece < sizeof filled + 2; piece++) {
        char *buf = malloc(piece);
        assert_non_null(buf);
        cprom_page *page = open_page(fixture->registry);
        for (size_t at = 0; at < whole.len;) {
            size_t n = cprom_page_read(page, buf, piece);
            /* A piece is full while there is more. */
            assert_int_equal(n, piece < whole.len - at ? piece : whole.len - at);
            assert_memory_equal(buf, whole.text + at, n);
            at += n;
        }
        assert_int_equal(cprom_page_read(page, buf, piece), 0);
        cprom_page_close(page);
        free(buf);
    }
    ct_page_free(&whole);
}

static void test_page_read_in_pieces_of_changing_size_gives_equal_bytes(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    uint32_t seed = 1;
    for (int round = 0; round < 300; round++) {
        cprom_page *page = open_page(fixture->registry);
        char text[sizeof filled + 64];
        size_t at = 0;
        for (size_t n = 1; n > 0 && at < sizeof filled;) {
            seed = seed * 1664525u + 1013904223u;
            n = cprom_page_read(page, text + at, 1 + (seed >> 16) % 60);
            at += n;
        }
        text[at] = '\0';
        ct_assert_text_equal(text, filled);
        cprom_page_close(page);
    }
}

/* Short names are copied with a fixed size; each rest of room that a row may find is met by some piece. */
static void test_page_read_short_and_long_names_in_pieces_of_every_size_gives_equal_bytes(void **state)
{
    ct_fixture *fixture = *state;
    static const size_t lengths[] = {1, 47, 48, 49, 150};
    char expected[4096], name[256];
    size_t len = 0;
    for (size_t i = 0; i < COUNT(lengths); i++) {
        cprom_gauge_vec *vec;
        memset(name, 'a', sizeof name);
        name[0] = (char)('a' + i);
        name[lengths[i]] = '\0';
        assert_ok(cprom_gauge_vec_new(fixture->registry, OPTS(.name = name, .help = "H", .labels = {"l"}), &vec));
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("x"), 0.5));
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("y"), -123456.78901234567));
        len += (size_t)snprintf(expected + len, sizeof expected - len,
                                "# HELP %s H\n# TYPE %s gauge\n%s{l=\"x\"} 0.5\n%s{l=\"y\"} -123456.78901234567\n",
                                name, name, name, name);
    }
    for (size_t piece = 1; piece < 500; piece++) {
        ct_page page = ct_page_read(fixture->registry, NULL, piece);
        ct_assert_text_equal(page.text, expected);
        ct_page_free(&page);
    }
}

static void test_page_read_with_room_without_end_gives_all(void **state)
{
    ct_fixture *fixture = *state;
    static const size_t rooms[] = {SIZE_MAX, SIZE_MAX - 1, SIZE_MAX / 2 + 1, SIZE_MAX / 2};
    static char buf[65536];
    fill(fixture->registry);
    for (size_t i = 0; i < sizeof rooms / sizeof *rooms; i++) {
        cprom_page *page = open_page(fixture->registry);
        assert_int_equal(cprom_page_read(page, buf, rooms[i]), sizeof filled - 1);
        assert_memory_equal(buf, filled, sizeof filled - 1);
        assert_int_equal(cprom_page_read(page, buf, rooms[i]), 0);
        cprom_page_close(page);
    }
}

static void test_page_read_without_room_or_page_gives_0_and_moves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    char buf[16];
    cprom_page *page = open_page(fixture->registry);
    assert_int_equal(cprom_page_read(page, buf, 0), 0);
    assert_int_equal(cprom_page_read(page, NULL, 10), 0);
    assert_int_equal(cprom_page_read(page, buf, 5), 5);
    assert_int_equal(cprom_page_read(page, NULL, 0), 0);
    assert_int_equal(cprom_page_read(NULL, buf, sizeof buf), 0);
    assert_rest(page, filled + 5);
    cprom_page_close(page);
    cprom_page_close(NULL);
}

static void test_page_open_with_bad_arguments_is_einval(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_page *page;
    assert_status(cprom_page_open(r, NULL, NULL), CPROM_EINVAL);
    const cprom_page_opts bad[] = {{.size = 0},
                                   {.size = sizeof(cprom_page_opts), .format = (cprom_format)77},
                                   {.size = sizeof(cprom_page_opts), .n_names = 1}};
    for (size_t i = 0; i < 3; i++) {
        page = (cprom_page *)(void *)r;
        assert_status(cprom_page_open(r, &bad[i], &page), CPROM_EINVAL);
        assert_null(page);
    }
    page = (cprom_page *)(void *)r;
    assert_status(cprom_page_open(NULL, NULL, &page), CPROM_EINVAL);
    assert_null(page);
}

static void test_page_close_before_the_end_gives_all_back(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    char buf[64];
    cprom_page *page = open_page(fixture->registry);
    assert_int_equal(cprom_page_read(page, buf, sizeof buf), sizeof buf);
    cprom_page_close(page); /* the teardown looks for leaks */
}

static void test_content_type_of_text_is_0_0_4(void **state)
{
    assert_string_equal(cprom_content_type(CPROM_TEXT_0_0_4), "text/plain; version=0.0.4; charset=utf-8");
}

/*==============================================================================
 * As one string
 *============================================================================*/

static void test_registry_text_is_the_page_with_its_length(void **state)
{
    ct_fixture *fixture = *state;
    char *text;
    size_t len = 1;
    assert_ok(cprom_registry_text(fixture->registry, &text, &len));
    assert_string_equal(text, "");
    assert_int_equal(len, 0);
    cprom_text_free(text);
    fill(fixture->registry);
    assert_ok(cprom_registry_text(fixture->registry, &text, &len));
    ct_assert_text_equal(text, filled);
    assert_int_equal(len, strlen(filled));
    cprom_text_free(text);
    assert_ok(cprom_registry_text(fixture->registry, &text, NULL));
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    ct_assert_text_equal(text, filled); /* outlives the registry */
    cprom_text_free(text);
    cprom_text_free(NULL);
    assert_status(cprom_registry_text(NULL, &text, &len), CPROM_EINVAL);
    assert_null(text);
    assert_int_equal(len, 0);
}

static void test_registry_text_without_result_is_einval(void **state)
{
    assert_status(cprom_registry_text(((ct_fixture *)*state)->registry, NULL, NULL), CPROM_EINVAL);
}

/* Around the sizes at which a buffer would have to grow. */
static void test_registry_text_of_every_length_around_powers_of_two_is_whole(void **state)
{
    ct_fixture *fixture = *state;
    static const size_t around[] = {4096, 8192, 32768};
    for (size_t i = 0; i < 3; i++) {
        for (size_t len = around[i] - 4; len < around[i] + 4; len++) {
            char *help = malloc(len), *text;
            assert_non_null(help);
            size_t got, rest = strlen("# HELP g \n# TYPE g gauge\ng 0\n");
            memset(help, 'h', len - rest);
            help[len - rest] = '\0';
            cprom_gauge *gauge;
            assert_ok(cprom_gauge_new(fixture->registry, OPTS(.name = "g", .help = help), &gauge));
            assert_ok(cprom_registry_text(fixture->registry, &text, &got));
            assert_int_equal(got, len);
            assert_int_equal(strlen(text), len);
            assert_string_equal(text + len - 6, "e\ng 0\n");
            cprom_text_free(text);
            assert_ok(cprom_registry_unregister(fixture->registry, "g"));
            free(help);
        }
    }
}

/*==============================================================================
 * What is shown: names, texts, sizes
 *============================================================================*/

static void test_page_of_an_empty_registry_and_families_without_samples_prints_nothing(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    ct_assert_page(r, "");
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"l"}), &gauges));
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "h", .help = "H.", .labels = {"l"}), &histograms));
    ct_assert_page(r, "");
    assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS("x"), 1));
    assert_ok(cprom_gauge_vec_delete(gauges, CPROM_STRS("x")));
    ct_assert_page(r, "");
}

static void test_page_escapes_what_must_be_and_nothing_else(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "\\n \\ \n \" \t\r {},=# \xc3\xa9", .labels = {"l"}),
                                  &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("\\n \\ \n \" \t\r {},=# \xf0\x9f\x98\x80"), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("\\"), 2));
    ct_assert_page(r, "# HELP g \\\\n \\\\ \\n \" \t\r {},=# \xc3\xa9\n# TYPE g gauge\n"
                      "g{l=\"\\\\\"} 2\n"
                      "g{l=\"\\\\n \\\\ \\n \\\" \t\r {},=# \xf0\x9f\x98\x80\"} 1\n");
}

static void test_page_const_labels_are_escaped_and_in_place(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.const_labels[0] = (cprom_label){"m", "\"\\\n"};
    opts.const_labels[1] = (cprom_label){"a", ""};
    cprom_registry *r;
    assert_ok(cprom_registry_new(&opts, &r));
    cprom_gauge_vec *vec;
    cprom_summary *summary;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"z", "b"}), &vec));
    assert_ok(cprom_summary_new(r, OPTS(.name = "s", .help = "S."), &summary));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1", "2"), 3));
    ct_assert_page(r, "# HELP g G.\n# TYPE g gauge\ng{a=\"\",b=\"2\",m=\"\\\"\\\\\\n\",z=\"1\"} 3\n"
                      "# HELP s S.\n# TYPE s summary\n"
                      "s_sum{a=\"\",m=\"\\\"\\\\\\n\"} 0\ns_count{a=\"\",m=\"\\\"\\\\\\n\"} 0\n");
    cprom_registry_free(r);
}

static char *repeat(char c, size_t n)
{
    char *text = malloc(n + 1);
    assert_non_null(text);
    memset(text, c, n);
    text[n] = '\0';
    return text;
}

static void test_page_huge_label_values_stand_escaped_and_larger_ones_are_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(fixture->registry, OPTS(.name = "g", .help = "G.", .labels = {"a", "b"}), &vec));
    char *quotes = repeat('"', CPROM_VALUE_MAX), *slashes = repeat('\\', CPROM_VALUE_MAX);
    char *larger = repeat('x', CPROM_VALUE_MAX + 1), *much = repeat('x', 1 << 20);
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(quotes, slashes), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(quotes, slashes), 2));
    assert_status(cprom_gauge_vec_set(vec, CPROM_STRS(larger, ""), 3), CPROM_EUTF8);
    assert_status(cprom_gauge_vec_set(vec, CPROM_STRS("", much), 3), CPROM_EUTF8);
    assert_null(cprom_gauge_vec_with(vec, CPROM_STRS("", larger)));
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(fixture->registry, &stats));
    assert_int_equal(stats.dropped_invalid, 3);
    ct_page page = ct_page_read(fixture->registry, NULL, 1000);
    assert_int_equal(page.parsed->n_samples, 1);
    assert_string_equal(parser_label_value(&page.parsed->samples[0], "a"), quotes);
    assert_string_equal(parser_label_value(&page.parsed->samples[0], "b"), slashes);
    assert_true(page.parsed->samples[0].value == 2);
    assert_int_equal(page.len,
                     strlen("# HELP g G.\n# TYPE g gauge\ng{a=\"\",b=\"\"} 2\n") + 4 * (size_t)CPROM_VALUE_MAX);
    ct_page_free(&page);
    free(quotes), free(slashes), free(larger), free(much);
}

static void test_page_of_many_families_is_sorted_by_name(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    for (unsigned i = 0; i < 400; i++) { /* 133 and 400 have no common divisor: each number once */
        char name[32];
        unsigned n = i * 133 % 400;
        snprintf(name, sizeof name, n % 3 ? "m%u" : n % 2 ? "M:%u" : "m_%u", n);
        cprom_gauge *gauge;
        assert_ok(cprom_gauge_new(r, OPTS(.name = name, .help = "M."), &gauge));
        cprom_gauge_set(gauge, n);
    }
    ct_page page = ct_page_read(r, NULL, 65536); /* the parser wants them sorted */
    assert_int_equal(page.parsed->n_families, 400);
    for (size_t i = 0; i < 400; i++) {
        const char *name = page.parsed->samples[i].name;
        assert_true(page.parsed->samples[i].value == strtod(name + strcspn(name, "0123456789"), NULL));
    }
    ct_page_free(&page);
}

/*==============================================================================
 * name[]
 *============================================================================*/

static void assert_filtered(cprom_registry *r, const char *const *names, size_t n, const char *expected)
{
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .names = names, .n_names = n), 65536);
    char shown[256] = "";
    for (size_t i = 0; i < page.parsed->n_families; i++) {
        strcat(strcat(shown, page.parsed->families[i].name), " ");
    }
    assert_string_equal(shown, expected);
    ct_page_free(&page);
}

static void test_page_names_match_families_and_sample_names(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    fill(r);
    static const struct {
        const char *name, *shown;
    } cases[] = {{"c_total", "c_total "}, {"g", "g "}, {"h", "h "}, {"h_bucket", "h "}, {"h_sum", "h "},
                 {"h_count", "h "}, {"hv_count", "hv "}, {"s", "s "}, {"s_sum", "s "}, {"s_count", "s "},
                 {"s_bucket", ""}, {"k_hist_bucket", "k_hist "}, {"k_summ_count", "k_summ "}, {"k_plain", "k_plain "},
                 {"k_plain_count", ""}, {"g_count", ""}, {"h_buckets", ""}, {"h_", ""}, {"H", ""}, {"", ""},
                 {"unknown", ""}, {"c_total_total", ""}};
    for (size_t i = 0; i < COUNT(cases); i++) assert_filtered(r, &cases[i].name, 1, cases[i].shown);
    const char *const several[] = {"s_sum", "unknown", "g", "g", NULL, "k_summ"};
    assert_filtered(r, several, 6, "g k_summ s ");
    const char *const none[] = {NULL};
    assert_filtered(r, none, 1, "");
    assert_filtered(r, NULL, 0, "c_total g h hv k_hist k_plain k_summ s ");
}

static double one(void *ctx)
{
    ++*(int *)ctx;
    return 1;
}

static void test_page_names_call_checked_collectors_that_match_and_all_unchecked(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    int checked = 0, func = 0, unchecked = 0;
    const cprom_desc descs[] = {*DESC(.name = "k_hist", .type = CPROM_HISTOGRAM, .labels = {"q"}),
                                *DESC(.name = "k_summ", .type = CPROM_SUMMARY), *DESC(.name = "k_plain")};
    add_counting(r, "checked", &checked, descs, 3);
    assert_ok(cprom_gauge_func_new(r, OPTS(.name = "func", .help = "F."), one, &func));
    const char *const hist[] = {"k_hist_sum"}, *const value[] = {"func"}, *const unknown[] = {"unknown"};
    assert_filtered(r, hist, 1, "k_hist ");
    assert_true(checked == 1 && func == 0);
    assert_filtered(r, value, 1, "func ");
    assert_true(checked == 1 && func == 1);
    assert_filtered(r, unknown, 1, "");
    assert_true(checked == 1 && func == 1);
    assert_ok(cprom_registry_unregister(r, "checked"));
    add_counting(r, "unchecked", &unchecked, NULL, 0);
    assert_filtered(r, unknown, 1, "");
    assert_filtered(r, hist, 1, "k_hist ");
    assert_true(checked == 1 && func == 1 && unchecked == 2);
}

/*==============================================================================
 * A page stays as it was opened
 *============================================================================*/

static void test_page_outlives_its_registry(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    cprom_page *page = open_page(fixture->registry), *none;
    cprom_registry *freed = fixture->registry;
    cprom_registry_free(freed);
    fixture->registry = NULL;
    assert_status(cprom_page_open(freed, NULL, &none), CPROM_ENOENT); /* the page keeps its memory */
    assert_null(none);
    assert_rest(page, filled);
    cprom_page_close(page);
}

static void test_page_half_read_outlives_unregister_clear_and_trim(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    everything e = fill(r);
    for (size_t cut = 0; cut < strlen(filled); cut += 37) {
        char buf[sizeof filled];
        cprom_page *page = open_page(r);
        assert_int_equal(cprom_page_read(page, buf, cut), cut);
        assert_memory_equal(buf, filled, cut);
        cprom_counter_inc(e.counter);
        cprom_histogram_observe(e.histogram, 1);
        assert_ok(cprom_gauge_vec_set(e.gauges, CPROM_STRS("1", "x"), 1));
        assert_ok(cprom_gauge_vec_set(e.gauges, CPROM_STRS("1", "w"), 1));
        assert_ok(cprom_summary_vec_clear(e.summaries));
        assert_ok(cprom_histogram_vec_delete(e.histograms, CPROM_STRS("y")));
        static const char *const families[] = {"c_total", "g", "h", "hv", "k", "s"};
        for (size_t i = 0; i < 6; i++) assert_ok(cprom_registry_unregister(r, families[i]));
        cprom_registry_trim(r);
        e = fill(r); /* in the same memory, if it had been given back */
        assert_rest(page, filled + cut);
        cprom_page_close(page);
    }
    ct_assert_page(r, filled);
}

static void test_page_two_at_once_show_each_its_moment(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("a"), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("b"), 1));
    cprom_page *first = open_page(r);
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("a"), 2));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("c"), 2)); /* later than the first page */
    cprom_page *second = open_page(r);
    assert_ok(cprom_gauge_vec_clear(vec));
    const char *const texts[] = {"# HELP g G.\n# TYPE g gauge\ng{l=\"a\"} 1\ng{l=\"b\"} 1\n",
                                 "# HELP g G.\n# TYPE g gauge\ng{l=\"a\"} 2\ng{l=\"b\"} 1\ng{l=\"c\"} 2\n"};
    char c[2];
    for (size_t i = 0; i < 30; i++) { /* in turn */
        assert_true(cprom_page_read(first, &c[0], 1) == 1 && cprom_page_read(second, &c[1], 1) == 1);
        assert_true(c[0] == texts[0][i] && c[1] == texts[1][i]);
    }
    cprom_page_close(open_page(r));
    assert_rest(second, texts[1] + 30);
    cprom_page_close(second);
    assert_rest(first, texts[0] + 30);
    cprom_page_close(first);
    ct_assert_page(r, "");
}

static void test_page_label_deleted_and_used_again_shows_one_of_the_two(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r, OPTS(.name = "c_total", .help = "C.", .labels = {"l"}), &vec));
    assert_ok(cprom_counter_vec_add(vec, CPROM_STRS("a"), 5));
    assert_ok(cprom_counter_vec_add(vec, CPROM_STRS("b"), 5));
    cprom_counter *held = cprom_counter_vec_with(vec, CPROM_STRS("a"));
    cprom_page *before = open_page(r);
    assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("a")));
    cprom_page *between = open_page(r);
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("a")));
    cprom_counter_add(held, 100); /* goes nowhere */
    ct_assert_page(r, "# HELP c_total C.\n# TYPE c_total counter\nc_total{l=\"a\"} 1\nc_total{l=\"b\"} 5\n");
    assert_rest(before, "# HELP c_total C.\n# TYPE c_total counter\nc_total{l=\"a\"} 5\nc_total{l=\"b\"} 5\n");
    assert_rest(between, "# HELP c_total C.\n# TYPE c_total counter\nc_total{l=\"b\"} 5\n");
    cprom_page_close(before);
    cprom_page_close(between);
    for (int i = 0; i < 100; i++) {
        assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("a")));
        assert_ok(cprom_counter_vec_add(vec, CPROM_STRS("a"), i));
        ct_assert_sample(r, "c_total{l=\"a\"}", i);
    }
    cprom_counter_unref(held);
}

/* A list that says it has one element, and has no elements. */
static void test_vec_null_list_of_values_or_labels_is_elabels(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    const cprom_strs strs = {NULL, 1};
    const cprom_labels labels = {NULL, 1};
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"l"}), &vec));
    double value;
    assert_status(cprom_gauge_vec_set(vec, strs, 1), CPROM_ELABELS);
    assert_status(cprom_gauge_vec_get(vec, strs, &value), CPROM_ELABELS);
    assert_status(cprom_gauge_vec_delete(vec, strs), CPROM_ELABELS);
    assert_null(cprom_gauge_vec_with(vec, strs));
    assert_null(cprom_gauge_vec_with_labels(vec, labels));
    assert_status(cprom_gauge_vec_delete_labels(vec, labels), CPROM_ELABELS);
    assert_status(cprom_gauge_vec_delete_matching(vec, labels, NULL), CPROM_ELABELS);
    assert_status(cprom_registry_delete_matching(r, labels, NULL), CPROM_ELABELS);
    ct_assert_page(r, "");
}

int group_page(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_page_read_in_pieces_of_every_size_gives_equal_bytes),
        TEST(test_page_read_in_pieces_of_changing_size_gives_equal_bytes),
        TEST(test_page_read_short_and_long_names_in_pieces_of_every_size_gives_equal_bytes),
        TEST(test_page_read_with_room_without_end_gives_all),
        TEST(test_page_read_without_room_or_page_gives_0_and_moves_nothing),
        TEST(test_page_open_with_bad_arguments_is_einval),
        TEST(test_page_close_before_the_end_gives_all_back),
        TEST(test_content_type_of_text_is_0_0_4),
        TEST(test_registry_text_is_the_page_with_its_length),
        TEST(test_registry_text_without_result_is_einval),
        TEST(test_registry_text_of_every_length_around_powers_of_two_is_whole),
        TEST(test_page_of_an_empty_registry_and_families_without_samples_prints_nothing),
        TEST(test_page_escapes_what_must_be_and_nothing_else),
        TEST(test_page_const_labels_are_escaped_and_in_place),
        TEST(test_page_huge_label_values_stand_escaped_and_larger_ones_are_refused),
        TEST(test_page_of_many_families_is_sorted_by_name),
        TEST(test_page_names_match_families_and_sample_names),
        TEST(test_page_names_call_checked_collectors_that_match_and_all_unchecked),
        TEST(test_page_outlives_its_registry),
        TEST(test_page_half_read_outlives_unregister_clear_and_trim),
        TEST(test_page_two_at_once_show_each_its_moment),
        TEST(test_vec_null_list_of_values_or_labels_is_elabels),
        TEST(test_page_label_deleted_and_used_again_shows_one_of_the_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
