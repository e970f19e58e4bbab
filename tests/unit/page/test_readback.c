#include "support/cprom_test.h"

#include <float.h>
#include <math.h>

/* cprom_registry_value() */

static void assert_value(cprom_registry *registry, const char *name, cprom_labels labels, double expected)
{
    double value = -77;
    assert_ok(cprom_registry_value(registry, name, labels, &value));
    assert_true(value == expected || (isnan(value) && isnan(expected)));
}

static void assert_none(cprom_registry *registry, const char *name, cprom_labels labels)
{
    double value = -77;
    assert_status(cprom_registry_value(registry, name, labels, &value), CPROM_ENOENT);
    assert_true(value == -77);
}

/*==============================================================================
 * One kind at a time
 *============================================================================*/

static void test_value_counter_and_gauge_are_read(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter *c;
    cprom_gauge_vec *g;
    assert_ok(cprom_counter_new(r, OPTS(.name = "c_total", .help = "C."), &c));
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"z", "a"}), &g));
    assert_value(r, "c_total", CPROM_NO_LABELS, 0);
    cprom_counter_add(c, 2.5);
    assert_value(r, "c_total", CPROM_NO_LABELS, 2.5);
    assert_none(r, "c", CPROM_NO_LABELS);
    assert_none(r, "g", CPROM_NO_LABELS);
    cprom_gauge_vec_set(g, CPROM_STRS("1", "\"\\\nx"), -INFINITY);
    cprom_gauge_vec_set(g, CPROM_STRS("1", "\"\\\n"), NAN);
    assert_value(r, "g", CPROM_LABELS({"z", "1"}, {"a", "\"\\\nx"}), -INFINITY);
    assert_value(r, "g", CPROM_LABELS({"a", "\"\\\n"}, {"z", "1"}), NAN);
    assert_none(r, "g", CPROM_LABELS({"z", "1"}));
    assert_none(r, "g", CPROM_LABELS({"z", "1"}, {"a", "\"\\\n"}, {"b", "1"}));
    assert_none(r, "g", CPROM_LABELS({"z", "1"}, {"a", "\"\\"}));
    assert_none(r, "g", CPROM_LABELS({"z", "1"}, {"a", "\"\\\nxy"}));
    assert_none(r, "g", CPROM_LABELS({"z", "1"}, {"A", "\"\\\n"}));
    cprom_gauge_vec_delete(g, CPROM_STRS("1", "\"\\\nx"));
    assert_none(r, "g", CPROM_LABELS({"z", "1"}, {"a", "\"\\\nx"}));
}

static void test_value_empty_label_is_no_label(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge_vec *g;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"a", "b"}), &g));
    cprom_gauge_vec_set(g, CPROM_STRS("", "1"), 1);
    cprom_gauge_vec_set(g, CPROM_STRS("", ""), 2);
    assert_value(r, "g", CPROM_LABELS({"b", "1"}), 1);
    assert_value(r, "g", CPROM_LABELS({"b", "1"}, {"a", ""}), 1);
    assert_value(r, "g", CPROM_LABELS({"b", "1"}, {"c", ""}), 1);
    assert_value(r, "g", CPROM_NO_LABELS, 2);
    assert_none(r, "g", CPROM_LABELS({"a", "1"}));
}

static void test_value_of_a_child_is_on_its_parent(void **state)
{
    cprom_registry *r = registry_of(state);
    ct_fixture *child = ct_fixture_child(r, CPROM_LABELS({"instance", "one"}));
    cprom_gauge *own, *theirs;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "g", .help = "G."), &own));
    assert_ok(cprom_gauge_new(child->registry, OPTS(.name = "g", .help = "G."), &theirs));
    cprom_gauge_set(own, 1);
    cprom_gauge_set(theirs, 2);
    assert_value(r, "g", CPROM_NO_LABELS, 1);
    assert_value(r, "g", CPROM_LABELS({"instance", "one"}), 2);
    assert_value(child->registry, "g", CPROM_LABELS({"instance", "one"}), 2);
    assert_none(child->registry, "g", CPROM_NO_LABELS);
    ct_fixture_free(child);
}

static void test_value_histogram_lines_are_read(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_histogram_vec *h;
    assert_ok(cprom_histogram_vec_new(
        r, OPTS(.name = "h", .help = "H.", .labels = {"z"}, .bounds = (const double[]){-1, 0.5, 1, 1e6}, .n_bounds = 4),
        &h));
    static const double observed[] = {-2, 0.1, 0.2, 1, 7, 1e7};
    for (size_t i = 0; i < 6; i++) cprom_histogram_vec_observe(h, CPROM_STRS("x"), observed[i]);
    cprom_histogram_vec_observe(h, CPROM_STRS("y"), 3);
    assert_value(r, "h_bucket", CPROM_LABELS({"le", "-1"}, {"z", "x"}), 1);
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "0.5"}), 3);
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "1"}), 4);
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "1.0"}), 4); /* as OpenMetrics writes it */
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "1e+06"}), 5);
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "+Inf"}), 6);
    assert_value(r, "h_bucket", CPROM_LABELS({"z", "y"}, {"le", "+Inf"}), 1);
    assert_value(r, "h_sum", CPROM_LABELS({"z", "x"}), 1e7 + 6.3);
    assert_value(r, "h_count", CPROM_LABELS({"z", "x"}), 6);
    assert_none(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "2"}));
    assert_none(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", "1."}));
    assert_none(r, "h_bucket", CPROM_LABELS({"z", "x"}, {"le", ""}));
    assert_none(r, "h_bucket", CPROM_LABELS({"z", "x"}));
    assert_none(r, "h_count", CPROM_LABELS({"z", "x"}, {"le", "1"}));
    assert_none(r, "h", CPROM_LABELS({"z", "x"}));
    assert_none(r, "h_quantile", CPROM_LABELS({"z", "x"}));
}

static cprom_status emit_distributions(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    histogram.bounds = (const double[]){0.25, 2};
    histogram.buckets = (const uint64_t[]){1, (uint64_t)1 << 60};
    histogram.n_bounds = 2;
    histogram.count = UINT64_MAX;
    histogram.sum = -4;
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    summary.quantiles = (const double[]){0, 0.99, 1};
    summary.values = (const double[]){5, 6, NAN};
    summary.n_quantiles = 3;
    summary.count = 3;
    summary.sum = 12;
    (void)cprom_emit_histogram(out, DESC(.name = "const_hist", .type = CPROM_HISTOGRAM, .labels = {"a"}),
                               CPROM_STRS("x"), &histogram);
    (void)cprom_emit_histogram(out, DESC(.name = "const_gauge", .type = CPROM_GAUGE_HISTOGRAM), CPROM_NO_STRS,
                               &histogram);
    return cprom_emit_summary(out, DESC(.name = "const_summ", .type = CPROM_SUMMARY), CPROM_NO_STRS, &summary);
}

static void test_value_const_distributions_are_read(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "dist", emit_distributions, NULL);
    assert_value(r, "const_hist_bucket", CPROM_LABELS({"a", "x"}, {"le", "0.25"}), 1);
    assert_value(r, "const_hist_bucket", CPROM_LABELS({"a", "x"}, {"le", "2"}), 0x1p60);
    assert_value(r, "const_hist_bucket", CPROM_LABELS({"a", "x"}, {"le", "2.0"}), 0x1p60);
    assert_value(r, "const_hist_bucket", CPROM_LABELS({"a", "x"}, {"le", "+Inf"}), 0x1p64);
    assert_value(r, "const_hist_sum", CPROM_LABELS({"a", "x"}), -4);
    assert_value(r, "const_hist_count", CPROM_LABELS({"a", "x"}), 0x1p64);
    assert_value(r, "const_gauge_bucket", CPROM_LABELS({"le", "0.25"}), 1);
    assert_value(r, "const_gauge_sum", CPROM_NO_LABELS, -4);
    assert_value(r, "const_gauge_count", CPROM_NO_LABELS, 0x1p64);
    assert_none(r, "const_gauge_gsum", CPROM_NO_LABELS); /* not in the text format */
    assert_none(r, "const_gauge", CPROM_NO_LABELS);
    assert_value(r, "const_summ", CPROM_LABELS({"quantile", "0"}), 5);
    assert_value(r, "const_summ", CPROM_LABELS({"quantile", "0.0"}), 5);
    assert_value(r, "const_summ", CPROM_LABELS({"quantile", "0.99"}), 6);
    assert_value(r, "const_summ", CPROM_LABELS({"quantile", "1"}), NAN);
    assert_value(r, "const_summ_sum", CPROM_NO_LABELS, 12);
    assert_value(r, "const_summ_count", CPROM_NO_LABELS, 3);
    assert_none(r, "const_summ", CPROM_NO_LABELS);
    assert_none(r, "const_summ", CPROM_LABELS({"quantile", "0.9"}));
}

static void test_value_const_labels_and_prefix_are_part_of_it(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"host", "\"h\"\n\\"};
    opts.const_labels[1] = (cprom_label){"zone", ""};
    cprom_registry *r;
    cprom_gauge *g;
    assert_ok(cprom_registry_new(&opts, &r));
    assert_ok(cprom_gauge_new(r, OPTS(.name = "g", .help = "G."), &g));
    cprom_gauge_set(g, 3);
    assert_value(r, "ci_g", CPROM_LABELS({"host", "\"h\"\n\\"}), 3);
    assert_value(r, "ci_g", CPROM_LABELS({"zone", ""}, {"host", "\"h\"\n\\"}), 3);
    assert_none(r, "ci_g", CPROM_NO_LABELS);
    assert_none(r, "g", CPROM_LABELS({"host", "\"h\"\n\\"}));
    cprom_registry_free(r);
}

/*==============================================================================
 * All of a page
 *============================================================================*/

static cprom_status emit_odd(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    const cprom_desc *one = DESC(.name = "odd:Name", .labels = {"z", "A_b", "c9"});
    (void)cprom_emit(out, one, CPROM_STRS("", "", ""), NAN);
    (void)cprom_emit_at(out, one, CPROM_STRS("{}=,\" ", "\n", "="), -5e-324, 17);
    (void)cprom_emit(out, DESC(.name = "odd:Name", .labels = {"le"}), CPROM_STRS("+Inf"), DBL_MAX);
    (void)cprom_emit(out, DESC(.name = "odd:Name", .labels = {"quantile"}), CPROM_STRS("x"), 1);
    return cprom_emit(out, DESC(.name = "last", .type = CPROM_COUNTER), CPROM_NO_STRS, 1e300);
}

static void fill(cprom_registry *r)
{
    cprom_stateset_vec *states;
    assert_ok(cprom_info_new(r, OPTS(.name = "i_info", .help = "I."), CPROM_LABELS({"v", "1\"\n"}, {"a", ""})));
    assert_ok(cprom_stateset_vec_new(r, OPTS(.name = "m", .help = "M.", .labels = {"z", "a"}, .states = {"on", "\"\n"}),
                                     &states));
    for (unsigned i = 0; i < 4; i++) {
        const char *const values[] = {i % 2 ? "x" : "", i / 2 ? "\\" : ""};
        assert_ok(cprom_stateset_vec_enter(states, (cprom_strs){values, 2}, i % 2));
    }
    cprom_counter_vec *c;
    cprom_gauge_vec *g;
    cprom_histogram_vec *h;
    cprom_summary_vec *s;
    assert_ok(cprom_counter_vec_new(r, OPTS(.name = "c_total", .help = "C.", .labels = {"b", "a"}), &c));
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "g", .help = "G.", .labels = {"l"}), &g));
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "h", .help = "H.", .labels = {"z", "kk"}), &h));
    assert_ok(cprom_summary_vec_new(r, OPTS(.name = "s", .help = "S.", .labels = {"l"}), &s));
    static const char *const odd[] = {"",         "x",   "\"\\\n", "\t\r {},=#\"", "\xc3\xa9\xf0\x9f\x98\x80",
                                      "a=\"b\",", "\\n", "n"};
    for (size_t i = 0; i < COUNT(odd); i++) {
        assert_ok(cprom_counter_vec_add(c, CPROM_STRS(odd[i], odd[7 - i]), 0.1 * (double)i));
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(odd[i]), 1e-7 * (double)i));
        for (size_t k = 0; k <= i; k++) {
            assert_ok(cprom_histogram_vec_observe(h, CPROM_STRS(odd[i], "y"), 0.01 * (double)(k * k)));
            assert_ok(cprom_summary_vec_observe(s, CPROM_STRS(odd[i]), (double)k));
        }
    }
    add_collector(r, "odd", emit_odd, NULL);
    add_collector(r, "dist", emit_distributions, NULL);
}

/* The sample's name in the text format, by which it is asked for: x_gsum and x_gcount are x_sum and x_count there. */
static void text_name(const parser_sample *sample, char *name, size_t room)
{
    size_t base = strlen(sample->name) - strlen(sample->suffix);
    bool gauge = strcmp(sample->suffix, "_gsum") == 0 || strcmp(sample->suffix, "_gcount") == 0;
    snprintf(name, room, "%.*s%s%s", (int)base, sample->name, gauge ? "_" : "", sample->suffix + (gauge ? 2 : 0));
}

/* Every sample of the page, its labels turned around, has the page's value; with anything changed there is none. */
static void test_value_every_sample_of_a_page_is_found(void **state)
{
    static const cprom_format formats[] = {CPROM_TEXT_0_0_4, CPROM_OPENMETRICS_1_0};
    cprom_registry *r = registry_of(state);
    fill(r);
    for (size_t f = 0; f < 2; f++) {
        ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = formats[f]), 65536);
        assert_in_range(page.parsed->n_samples, 150, 1000);
        for (size_t i = 0; i < page.parsed->n_samples; i++) {
            const parser_sample *sample = &page.parsed->samples[i];
            cprom_label labels[CPROM_LABELS_MAX + 1];
            size_t n = sample->n_labels;
            char name[64];
            text_name(sample, name, sizeof name);
            for (size_t k = 0; k < n; k++) {
                labels[k] = (cprom_label){sample->labels[n - 1 - k].name, sample->labels[n - 1 - k].value};
            }
            double value = -77;
            cprom_status status = cprom_registry_value(r, name, (cprom_labels){labels, n}, &value);
            if (status || !(value == sample->value || (isnan(value) && isnan(sample->value)))) {
                print_error("%s: status %d, %g and not %s\n", sample->key, status, value, sample->value_text);
                fail();
            }
            for (size_t k = 0; k < n; k++) {
                const char *label = labels[k].name, *was = labels[k].value;
                labels[k].value = "somewhere else";
                assert_none(r, name, (cprom_labels){labels, n});
                labels[k].value = was;
                if (!*was) continue;
                labels[k].name = "another";
                assert_none(r, name, (cprom_labels){labels, n});
                labels[k].name = label;
            }
            labels[n] = (cprom_label){"more", "x"};
            assert_none(r, name, (cprom_labels){labels, n + 1});
        }
        ct_page_free(&page);
    }
    assert_int_equal(ct_log_count(&((ct_fixture *)*state)->log), 0);
}

/*==============================================================================
 * Statuses
 *============================================================================*/

static void test_value_wrong_arguments_are_refused(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *g;
    double value = -77;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "g", .help = "G."), &g));
    assert_status(cprom_registry_value(NULL, "g", CPROM_NO_LABELS, &value), CPROM_EINVAL);
    assert_status(cprom_registry_value(r, NULL, CPROM_NO_LABELS, &value), CPROM_EINVAL);
    assert_status(cprom_registry_value(r, "g", (cprom_labels){NULL, 1}, &value), CPROM_ELABELS);
    assert_status(cprom_registry_value(r, "g", CPROM_LABELS({NULL, "1"}), &value), CPROM_ELABELS);
    assert_status(cprom_registry_value(r, "g", CPROM_LABELS({"a", NULL}), &value), CPROM_ELABELS);
    assert_status(cprom_registry_value(r, "g", CPROM_LABELS({"a", ""}, {"b", ""}, {"a", ""}), &value), CPROM_ELABELS);
    assert_true(value == -77);
    assert_ok(cprom_registry_value(r, "g", CPROM_NO_LABELS, NULL));
    assert_status(cprom_registry_value(r, "", CPROM_NO_LABELS, NULL), CPROM_ENOENT);
    assert_status(cprom_registry_value(r, "gg", CPROM_NO_LABELS, NULL), CPROM_ENOENT);
}

static cprom_status emit_and_look(void *ctx, cprom_scrape *out)
{
    cprom_registry *r = ctx;
    assert_status(cprom_registry_value(r, "seen", CPROM_NO_LABELS, NULL), CPROM_EBUSY);
    return cprom_emit(out, DESC(.name = "seen", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
}

static void test_value_inside_a_callback_is_refused(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "look", emit_and_look, r);
    assert_value(r, "seen", CPROM_NO_LABELS, 1);
}

static cprom_status emit_and_fail(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    (void)cprom_emit(out, DESC(.name = "seen", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
    return CPROM_ESYS;
}

static void test_value_of_a_failing_collector_is_not_there(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "fails", emit_and_fail, NULL);
    assert_none(r, "seen", CPROM_NO_LABELS);
}

static void test_value_without_memory_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    fill(fixture->registry);
    cprom_labels labels = CPROM_LABELS({"quantile", "0"});
    assert_value(fixture->registry, "const_summ", labels, 5);
    size_t blocks = atomic_load(&fixture->alloc.blocks), failures = 0;
    for (size_t nth = 1;; nth++) {
        double value = -77;
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        cprom_status status = cprom_registry_value(fixture->registry, "const_summ", labels, &value);
        if (!atomic_load(&fixture->alloc.failed)) break;
        assert_status(status, CPROM_ENOMEM);
        assert_true(value == -77);
        assert_int_equal(atomic_load(&fixture->alloc.blocks), blocks);
        failures++;
    }
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    assert_in_range(failures, 1, 1000);
    assert_value(fixture->registry, "const_summ", labels, 5);
}

int group_readback(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_value_counter_and_gauge_are_read),
        TEST(test_value_empty_label_is_no_label),
        TEST(test_value_histogram_lines_are_read),
        TEST(test_value_const_distributions_are_read),
        TEST(test_value_const_labels_and_prefix_are_part_of_it),
        TEST(test_value_every_sample_of_a_page_is_found),
        TEST(test_value_wrong_arguments_are_refused),
        TEST(test_value_of_a_child_is_on_its_parent),
        TEST(test_value_inside_a_callback_is_refused),
        TEST(test_value_of_a_failing_collector_is_not_there),
        TEST(test_value_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
