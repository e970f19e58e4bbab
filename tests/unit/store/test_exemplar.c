#include "base/thread.h"
#include "support/cprom_test.h"

#include <math.h>

static uint64_t dropped(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(registry, &stats));
    return stats.exemplars_dropped;
}

static cprom_counter *counter_new(cprom_registry *registry)
{
    cprom_counter *counter;
    assert_ok(cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .exemplars = true), &counter));
    return counter;
}

static void assert_openmetrics(cprom_registry *registry, bool created, const char *expected)
{
    static const size_t pieces[] = {65536, 1};
    for (size_t i = 0; i < 2; i++) {
        ct_page page = ct_page_read(registry, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = created),
                                    pieces[i]);
        ct_assert_text_equal(page.text, expected);
        ct_page_free(&page);
    }
}

#define C_HEADER "# HELP c C.\n# TYPE c counter\n"

static void test_counter_add_with_exemplar_shows_the_last_one(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter *c = counter_new(r);
    assert_openmetrics(r, false, C_HEADER "c_total 0.0\n# EOF\n");
    cprom_counter_add_with_exemplar(c, 2.5, CPROM_LABELS({"trace_id", "a\"\\\n"}, {"span", "\u4e2d"}), 1700000000123);
    assert_openmetrics(r, false, C_HEADER "c_total 2.5 # {trace_id=\"a\\\"\\\\\\n\",span=\"\u4e2d\"} 2.5 1700000000.123\n# EOF\n");
    cprom_counter_add_with_exemplar(c, 1, CPROM_NO_LABELS, 0);
    assert_openmetrics(r, false, C_HEADER "c_total 3.5 # {} 1.0\n# EOF\n");
    cprom_counter_inc(c);
    assert_openmetrics(r, false, C_HEADER "c_total 4.5 # {} 1.0\n# EOF\n");
    ct_assert_page(r, "# HELP c_total C.\n# TYPE c_total counter\nc_total 4.5\n");
    assert_int_equal(dropped(r), 0);
}

static void test_counter_vec_add_with_exemplar_keeps_one_per_series(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .labels = {"owner", "x"},
                                                  .owner = "owner", .exemplars = true), &vec));
    assert_ok(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS("a", "1"), 1, CPROM_LABELS({"id", "one"}), 1000));
    assert_ok(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS("a", "2"), 2, CPROM_LABELS({"id", "two"}), 2000));
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("a", "3")));
    assert_openmetrics(r, false, C_HEADER "c_total{owner=\"a\",x=\"1\"} 1.0 # {id=\"one\"} 1.0 1.000\n"
                                 "c_total{owner=\"a\",x=\"2\"} 2.0 # {id=\"two\"} 2.0 2.000\n"
                                 "c_total{owner=\"a\",x=\"3\"} 1.0\n# EOF\n");
    assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("a", "1")));
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("a", "1")));
    assert_openmetrics(r, false, C_HEADER "c_total{owner=\"a\",x=\"1\"} 1.0\n"
                                 "c_total{owner=\"a\",x=\"2\"} 2.0 # {id=\"two\"} 2.0 2.000\n"
                                 "c_total{owner=\"a\",x=\"3\"} 1.0\n# EOF\n");
    size_t removed;
    assert_ok(cprom_counter_vec_delete_matching(vec, CPROM_LABELS({"owner", "a"}), &removed));
    assert_int_equal(removed, 3);
    assert_openmetrics(r, false, "# EOF\n");
}

static void test_histogram_observe_with_exemplar_keeps_one_per_bucket(void **state)
{
    static const double bounds[] = {1, 10};
    cprom_registry *r = registry_of(state);
    cprom_histogram *h;
    cprom_histogram_vec *vec;
    assert_ok(cprom_histogram_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 2,
                                                .exemplars = true), &h));
    assert_ok(cprom_histogram_vec_new(r, CPROM_OPTS(cprom_opts, .name = "v", .help = "V.", .bounds = bounds, .n_bounds = 2,
                                                    .labels = {"x"}, .exemplars = true, .ttl_seconds = 60), &vec));
    cprom_histogram_observe_with_exemplar(h, 1, CPROM_LABELS({"id", "a"}), 0);
    cprom_histogram_observe_with_exemplar(h, 0.5, CPROM_LABELS({"id", "b"}), 0);
    cprom_histogram_observe_with_exemplar(h, 11, CPROM_LABELS({"id", "c"}), 0);
    cprom_histogram_observe(h, 2);
    assert_ok(cprom_histogram_vec_observe_with_exemplar(vec, CPROM_STRS("1"), 2, CPROM_LABELS({"id", "d"}), 0));
    assert_openmetrics(r, false, "# HELP h H.\n# TYPE h histogram\n"
                                 "h_bucket{le=\"1.0\"} 2 # {id=\"b\"} 0.5\n"
                                 "h_bucket{le=\"10.0\"} 3\n"
                                 "h_bucket{le=\"+Inf\"} 4 # {id=\"c\"} 11.0\n"
                                 "h_sum 14.5\nh_count 4\n"
                                 "# HELP v V.\n# TYPE v histogram\n"
                                 "v_bucket{x=\"1\",le=\"1.0\"} 0\n"
                                 "v_bucket{x=\"1\",le=\"10.0\"} 1 # {id=\"d\"} 2.0\n"
                                 "v_bucket{x=\"1\",le=\"+Inf\"} 1\n"
                                 "v_sum{x=\"1\"} 2.0\nv_count{x=\"1\"} 1\n# EOF\n");
}

/* A page keeps what it took, and the next update does not wait for it. */
static void test_exemplar_on_an_open_page_outlives_the_series(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .labels = {"x"},
                                                  .exemplars = true), &vec));
    assert_ok(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS("1"), 1, CPROM_LABELS({"id", "old"}), 0));
    cprom_page *page;
    assert_ok(cprom_page_open(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), &page));
    assert_ok(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS("1"), 1, CPROM_LABELS({"id", "new"}), 0));
    assert_openmetrics(r, false, C_HEADER "c_total{x=\"1\"} 2.0 # {id=\"new\"} 1.0\n# EOF\n");
    assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("1")));
    cprom_registry_trim(r);
    assert_ok(cprom_registry_unregister(r, "c_total"));
    ct_page read = ct_page_drain(page, 4096);
    ct_assert_text_equal(read.text, C_HEADER "c_total{x=\"1\"} 1.0 # {id=\"old\"} 1.0\n# EOF\n");
    ct_page_free(&read);
    cprom_page_close(page);
}

/* A gather that has an exemplar out of its slot puts it back only if no newer one came. */
static void *open_page(void *registry)
{
    cprom_page *page = NULL;
    cprom_page_open(registry, NULL, &page);
    return page;
}

static void test_exemplar_that_comes_while_a_gather_looks_stays(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter *c = counter_new(r);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "old"}), 0);
    ct_park(CPROM__SEAM_EXEMPLAR_OUT);
    pthread_t thread;
    void *page;
    assert_int_equal(pthread_create(&thread, NULL, open_page, r), 0);
    ct_park_wait();
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "new"}), 0);
    ct_park_release();
    assert_int_equal(pthread_join(thread, &page), 0);
    assert_openmetrics(r, false, C_HEADER "c_total 2.0 # {id=\"new\"} 1.0\n# EOF\n");
    cprom_page_close(page);
}

static cprom_histogram *watched;

/* Behind the values, and before the second bucket's exemplar. */
static void observe_amid(enum cprom__seam point)
{
    if (point != CPROM__SEAM_EXEMPLAR_OUT) return;
    cprom__seam_hook = NULL;
    cprom_histogram_observe_with_exemplar(watched, 5, CPROM_LABELS({"id", "new"}), 0);
}

static void test_exemplar_of_a_bucket_that_counts_nothing_yet_is_on_the_next_page(void **state)
{
    static const double bounds[] = {1, 10};
    cprom_registry *r = registry_of(state);
    assert_ok(cprom_histogram_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 2,
                                                .exemplars = true), &watched));
    cprom_histogram_observe_with_exemplar(watched, 1, CPROM_LABELS({"id", "old"}), 0);
    cprom_page *page;
    cprom__seam_hook = observe_amid;
    assert_ok(cprom_page_open(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), &page));
    assert_null(cprom__seam_hook);
    ct_page read = ct_page_drain(page, 4096);
    ct_assert_text_equal(read.text, "# HELP h H.\n# TYPE h histogram\n"
                                    "h_bucket{le=\"1.0\"} 1 # {id=\"old\"} 1.0\n"
                                    "h_bucket{le=\"10.0\"} 1\nh_bucket{le=\"+Inf\"} 1\n"
                                    "h_sum 1.0\nh_count 1\n# EOF\n");
    ct_page_free(&read);
    cprom_page_close(page);
    assert_openmetrics(r, false, "# HELP h H.\n# TYPE h histogram\n"
                                 "h_bucket{le=\"1.0\"} 1 # {id=\"old\"} 1.0\n"
                                 "h_bucket{le=\"10.0\"} 2 # {id=\"new\"} 5.0\nh_bucket{le=\"+Inf\"} 2\n"
                                 "h_sum 6.0\nh_count 2\n# EOF\n");
}

static void test_exemplar_that_is_none_is_dropped_and_the_update_counts(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    cprom_counter *c = counter_new(r), *none;
    assert_ok(cprom_counter_new(r, CPROM_OPTS(cprom_opts, .name = "none_total", .help = "N."), &none));
    char long_value[128];
    memset(long_value, 'v', sizeof long_value);
    long_value[127] = '\0';
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", long_value}), 0); /* 2 + 127 */
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "\xff"}), 0);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"i-d", "x"}), 0);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "x"}, {"id", "y"}), 0);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", NULL}), 0);
    cprom_counter_add_with_exemplar(c, 1, (cprom_labels){NULL, 1}, 0);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "x"}), -1);
    assert_int_equal(dropped(r), 7);
    cprom_counter_add_with_exemplar(none, 1, CPROM_LABELS({"id", "x"}), 0);
    assert_int_equal(dropped(r), 8);
    assert_openmetrics(r, false, C_HEADER "c_total 7.0\n# HELP none N.\n# TYPE none counter\nnone_total 1.0\n# EOF\n");
    assert_int_equal(ct_log_count(&fixture->log), 2); /* one a metric */
    assert_true(ct_log_has(&fixture->log, "\"c_total\"", "exemplar dropped", "128 code points"));
    assert_true(ct_log_has(&fixture->log, "\"none_total\"", "keeps none"));
    /* Exactly 128 code points, of three bytes each but the name. */
    char wide[126 * 3 + 1] = "";
    for (int i = 0; i < 126; i++) strcat(wide, "\u4e2d");
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", wide}), 0);
    assert_int_equal(dropped(r), 8);
    /* Without memory. */
    ct_alloc_fail_at(&fixture->alloc, 1, true);
    cprom_counter_add_with_exemplar(c, 1, CPROM_LABELS({"id", "x"}), 0);
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    assert_int_equal(dropped(r), 9);
    char expected[1024];
    snprintf(expected, sizeof expected, C_HEADER "c_total 9.0 # {id=\"%s\"} 1.0\n"
             "# HELP none N.\n# TYPE none counter\nnone_total 1.0\n# EOF\n", wide);
    assert_openmetrics(r, false, expected);
}

static void test_update_with_exemplar_that_is_dropped_leaves_no_exemplar(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .labels = {"x"},
                                                  .exemplars = true), &vec));
    cprom_counter *held = cprom_counter_vec_with(vec, CPROM_STRS("1"));
    cprom_counter_add_with_exemplar(held, -1, CPROM_LABELS({"id", "x"}), 0);
    cprom_counter_add_with_exemplar(held, NAN, CPROM_LABELS({"id", "x"}), 0);
    assert_status(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS("1"), -1, CPROM_LABELS({"id", "x"}), 0), CPROM_EINVAL);
    assert_status(cprom_counter_vec_add_with_exemplar(vec, CPROM_NO_STRS, 1, CPROM_LABELS({"id", "x"}), 0), CPROM_ELABELS);
    assert_status(cprom_counter_vec_add_with_exemplar(NULL, CPROM_NO_STRS, 1, CPROM_LABELS({"id", "x"}), 0), CPROM_EINVAL);
    cprom_counter_add_with_exemplar(NULL, 1, CPROM_LABELS({"id", "x"}), 0);
    cprom_histogram_observe_with_exemplar(NULL, 1, CPROM_LABELS({"id", "x"}), 0);
    assert_status(cprom_histogram_vec_observe_with_exemplar(NULL, CPROM_NO_STRS, 1, CPROM_NO_LABELS, 0), CPROM_EINVAL);
    assert_openmetrics(r, false, C_HEADER "c_total{x=\"1\"} 0.0\n# EOF\n");
    assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("1")));
    cprom_counter_add_with_exemplar(held, 1, CPROM_LABELS({"id", "x"}), 0);
    assert_openmetrics(r, false, "# EOF\n");
    cprom_counter_unref(held);
    assert_int_equal(dropped(r), 0); /* the updates were */
}

static void test_exemplars_on_a_kind_without_is_refused(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *g;
    cprom_summary_vec *s;
    assert_status(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "G.", .exemplars = true), &g), CPROM_EINVAL);
    assert_status(cprom_summary_vec_new(r, CPROM_OPTS(cprom_opts, .name = "s", .help = "S.", .exemplars = true), &s),
                  CPROM_EINVAL);
}

static void test_page_with_created_says_when_series_began(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    static const double bounds[] = {1};
    cprom_counter_vec *c;
    cprom_gauge *g;
    cprom_histogram_vec *h;
    cprom_summary *s;
    assert_ok(cprom_counter_vec_new(r, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .labels = {"x"},
                                                  .exemplars = true), &c));
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), &g));
    assert_ok(cprom_histogram_vec_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 1,
                                                    .labels = {"x"}), &h));
    assert_ok(cprom_summary_new(r, CPROM_OPTS(cprom_opts, .name = "s", .help = "S."), &s));
    cprom_counter_vec_inc(c, CPROM_STRS("1"));
    ct_clock_advance(&fixture->clock, 1500000000);
    cprom_counter_vec_add_with_exemplar(c, CPROM_STRS("2"), 1, CPROM_LABELS({"id", "x"}), 0);
    cprom_histogram_vec_observe(h, CPROM_STRS("a"), 1);
    ct_clock_advance(&fixture->clock, 1500000000);
    cprom_counter_vec_inc(c, CPROM_STRS("1"));
    cprom_counter_vec_delete(c, CPROM_STRS("2"));
    cprom_counter_vec_add_with_exemplar(c, CPROM_STRS("2"), 1, CPROM_LABELS({"id", "y"}), 0);
    assert_openmetrics(r, true, C_HEADER
                                "c_total{x=\"1\"} 2.0\nc_created{x=\"1\"} 1.7e+09\n"
                                "c_total{x=\"2\"} 1.0 # {id=\"y\"} 1.0\nc_created{x=\"2\"} 1.700000003e+09\n"
                                "# HELP g G.\n# TYPE g gauge\ng 0.0\n"
                                "# HELP h H.\n# TYPE h histogram\n"
                                "h_bucket{x=\"a\",le=\"1.0\"} 1\nh_bucket{x=\"a\",le=\"+Inf\"} 1\n"
                                "h_sum{x=\"a\"} 1.0\nh_count{x=\"a\"} 1\nh_created{x=\"a\"} 1.7000000015e+09\n"
                                "# HELP s S.\n# TYPE s summary\ns_sum 0.0\ns_count 0\ns_created 1.7e+09\n"
                                "# EOF\n");
    /* The text format has no such lines. */
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .created = true), 4096);
    assert_null(strstr(page.text, "_created"));
    ct_page_free(&page);
}

/* An unstriped histogram with everything behind its text. */
static void test_created_and_exemplars_of_a_large_vector(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    static const double bounds[] = {1, 2};
    cprom_histogram_vec *h;
    assert_ok(cprom_histogram_vec_new(r, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .bounds = bounds, .n_bounds = 2,
                                                    .labels = {"x"}, .owner = "x", .linger_seconds = 5, .exemplars = true),
                                      &h));
    for (int i = 0; i < 500; i++) {
        char x[16], id[16];
        snprintf(x, sizeof x, "%*d", 3 + i % 7, 100 + i);
        snprintf(id, sizeof id, "id%d", i);
        cprom_histogram_vec_observe_with_exemplar(h, CPROM_STRS(x), 2, CPROM_LABELS({"id", id}), i + 1);
        ct_clock_advance(&fixture->clock, 1000000);
    }
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = true), 65536);
    for (int i = 0; i < 500; i++) {
        char x[16], created[PARSER_NUMBER_MAX], lines[512];
        snprintf(x, sizeof x, "%*d", 3 + i % 7, 100 + i);
        snprintf(lines, sizeof lines,
                 "h_bucket{x=\"%s\",le=\"1.0\"} 0\nh_bucket{x=\"%s\",le=\"2.0\"} 1 # {id=\"id%d\"} 2.0 0.%03d\n"
                 "h_bucket{x=\"%s\",le=\"+Inf\"} 1\nh_sum{x=\"%s\"} 2.0\nh_count{x=\"%s\"} 1\nh_created{x=\"%s\"} %s\n",
                 x, x, i, i + 1, x, x, x, x, parser_number(1700000000 + i / 1e3, created));
        assert_non_null(strstr(page.text, lines));
    }
    ct_page_free(&page);
    size_t removed;
    assert_ok(cprom_histogram_vec_delete_matching(h, CPROM_LABELS({"x", "100"}), &removed));
    assert_int_equal(removed, 1);
}

/* ---- the log callback, which may do anything ---- */

static struct {
    cprom_registry *registry;
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    unsigned lines;
    bool reading; /* in a read section, where calls by labels would end it */
} logged;

static void log_and_delete(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
    if (logged.lines++) return;
    logged.reading = atomic_load(&cprom__thread_slot()->reading) != 0;
    cprom_counter_vec_inc(logged.counters, CPROM_STRS("a"));
    cprom_counter_vec_delete(logged.counters, CPROM_STRS("a"));
    cprom_histogram_vec_observe(logged.histograms, CPROM_STRS("a"), 1);
    cprom_histogram_vec_delete(logged.histograms, CPROM_STRS("a"));
    for (int i = 0; i < 4; i++) cprom_registry_trim(logged.registry);
}

/* By labels, of a series that is there and of a new one; by a handle. The callback deletes it, and has it reclaimed. */
static void test_exemplar_refused_whose_log_callback_deletes_the_series(void **state)
{
    for (int n = 0; n < 6; n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry_free(fixture->registry);
        cprom_registry_opts opts = ct_fixture_opts(fixture);
        opts.log = log_and_delete;
        memset(&logged, 0, sizeof logged);
        assert_ok(cprom_registry_new(&opts, &fixture->registry));
        cprom_registry *r = logged.registry = fixture->registry;
        assert_ok(cprom_counter_vec_new(r, FAMILY("c_total", .labels = {"l"}, .exemplars = true), &logged.counters));
        assert_ok(cprom_histogram_vec_new(r, FAMILY("h", .labels = {"l"}, .exemplars = true), &logged.histograms));
        cprom_counter *counter = NULL;
        cprom_histogram *histogram = NULL;
        const cprom_labels bad = CPROM_LABELS({"0bad", "x"});
        bool there = n / 2 == 1, held = n / 2 == 2;
        if (there) assert_ok(cprom_counter_vec_inc(logged.counters, CPROM_STRS("a")));
        if (there) assert_ok(cprom_histogram_vec_observe(logged.histograms, CPROM_STRS("a"), 1));
        if (held) counter = cprom_counter_vec_with(logged.counters, CPROM_STRS("a"));
        if (held) histogram = cprom_histogram_vec_with(logged.histograms, CPROM_STRS("a"));
        if (held && n % 2) cprom_histogram_observe_with_exemplar(histogram, 1, bad, 0);
        else if (held) cprom_counter_add_with_exemplar(counter, 1, bad, 0);
        else if (n % 2)
            assert_ok(cprom_histogram_vec_observe_with_exemplar(logged.histograms, CPROM_STRS("a"), 1, bad, 0));
        else assert_ok(cprom_counter_vec_add_with_exemplar(logged.counters, CPROM_STRS("a"), 1, bad, 0));
        assert_int_equal(logged.lines, 1);
        assert_false(logged.reading);
        assert_int_equal(dropped(r), 1);
        assert_int_equal(cprom_counter_vec_size(logged.counters) + cprom_histogram_vec_size(logged.histograms), 0);
        cprom_counter_unref(counter);
        cprom_histogram_unref(histogram);
        ct_fixture_free(fixture);
    }
}

int group_exemplar(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_counter_add_with_exemplar_shows_the_last_one),
        TEST(test_counter_vec_add_with_exemplar_keeps_one_per_series),
        TEST(test_histogram_observe_with_exemplar_keeps_one_per_bucket),
        TEST(test_exemplar_on_an_open_page_outlives_the_series),
        TEST(test_exemplar_that_comes_while_a_gather_looks_stays),
        TEST(test_exemplar_of_a_bucket_that_counts_nothing_yet_is_on_the_next_page),
        TEST(test_exemplar_that_is_none_is_dropped_and_the_update_counts),
        TEST(test_update_with_exemplar_that_is_dropped_leaves_no_exemplar),
        cmocka_unit_test(test_exemplar_refused_whose_log_callback_deletes_the_series),
        TEST(test_exemplars_on_a_kind_without_is_refused),
        TEST(test_page_with_created_says_when_series_began),
        TEST(test_created_and_exemplars_of_a_large_vector),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
