#include "support/cprom_test.h"

/* Options of a family with the necessary. */

/* Replaces the fixture's registry by one with these options. */
static void remake(ct_fixture *fixture, const cprom_registry_opts *opts)
{
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_ok(cprom_registry_new(opts, &fixture->registry));
}

/* Asserts that no registry comes of these options, and that one line of the fixture's log names the field. */
static void assert_refused(ct_fixture *fixture, const cprom_registry_opts *opts, cprom_status status, const char *field)
{
    cprom_registry *registry = fixture->registry;
    size_t blocks = atomic_load(&fixture->alloc.blocks);
    ct_log_clear(&fixture->log);
    assert_status(cprom_registry_new(opts, &registry), status);
    assert_null(registry);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    assert_true(ct_log_has(&fixture->log, field));
    assert_int_equal(atomic_load(&fixture->alloc.blocks), blocks);
}

/*==============================================================================
 * Making, several, the default one
 *============================================================================*/

static void test_registry_new_without_options_works(void **state)
{
    cprom_registry *registry;
    cprom_gauge *gauge;
    assert_ok(cprom_registry_new(NULL, &registry));
    assert_ok(cprom_gauge_new(registry, FAMILY("x"), &gauge));
    ct_assert_page(registry, "# HELP x H.\n# TYPE x gauge\nx 0\n");
    cprom_registry_free(registry);
}

static void test_registry_new_null_result_is_einval(void **state)
{
    assert_status(cprom_registry_new(NULL, NULL), CPROM_EINVAL);
}

static void test_registry_free_null_is_nothing(void **state) { cprom_registry_free(NULL); }

static void test_registry_functions_null_registry_is_einval(void **state)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    cprom_page *page = (cprom_page *)&stats;
    char *text = (char *)&stats;
    size_t n = 7;
    assert_status(cprom_registry_stats(NULL, &stats), CPROM_EINVAL);
    assert_status(cprom_registry_unregister(NULL, "x"), CPROM_EINVAL);
    assert_status(cprom_registry_delete_matching(NULL, CPROM_LABELS({"a", "b"}), &n), CPROM_EINVAL);
    assert_int_equal(n, 0);
    assert_status(cprom_page_open(NULL, NULL, &page), CPROM_EINVAL);
    assert_null(page);
    assert_status(cprom_registry_text(NULL, &text, &n), CPROM_EINVAL);
    assert_null(text);
    cprom_registry_trim(NULL);
}

static void test_registry_new_empty_registry_has_an_empty_page(void **state)
{
    ct_fixture *fixture = *state;
    ct_assert_page(fixture->registry, "");
}

static void test_registry_new_several_have_nothing_in_common(void **state)
{
    ct_fixture *fixture = *state, *other = ct_fixture_new();
    cprom_gauge_vec *a, *b;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("x", .labels = {"l"}), &a));
    assert_ok(cprom_gauge_vec_new(other->registry, FAMILY("x", .labels = {"l"}), &b));
    assert_ok(cprom_gauge_vec_set(a, CPROM_STRS("1"), 1));
    assert_ok(cprom_gauge_vec_set(b, CPROM_STRS("1"), 2));
    assert_ok(cprom_gauge_vec_set(b, CPROM_STRS("2"), 3));
    assert_ok(cprom_registry_delete_matching(fixture->registry, CPROM_LABELS({"l", "1"}), NULL));
    ct_assert_page(fixture->registry, "");
    ct_assert_page(other->registry, "# HELP x H.\n# TYPE x gauge\nx{l=\"1\"} 2\nx{l=\"2\"} 3\n");
    assert_status(cprom_gauge_vec_set(b, CPROM_NO_STRS, 3), CPROM_ELABELS);
    assert_int_equal(stats_of(fixture->registry).series_created, 1);
    assert_int_equal(stats_of(other->registry).series_created, 2);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
    assert_int_equal(ct_log_count(&fixture->log), 0);
    ct_fixture_free(other);
    assert_ok(cprom_gauge_vec_set(a, CPROM_STRS("1"), 4));
    ct_assert_sample(fixture->registry, "x{l=\"1\"}", 4);
}

static void *get_default(void *arg) { return cprom_registry_default(); }

static void test_registry_default_is_one_and_never_null(void **state)
{
    pthread_t threads[4];
    void *got[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, get_default, NULL), 0);
    }
    for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], &got[i]);
    assert_non_null(cprom_registry_default());
    for (size_t i = 0; i < COUNT(threads); i++) assert_ptr_equal(got[i], cprom_registry_default());
}

static void test_registry_default_is_usable_also_after_a_free(void **state)
{
    cprom_gauge *gauge;
    cprom_registry *registry = cprom_registry_default();
    for (int round = 0; round < 3; round++) {
        assert_ok(cprom_gauge_new(registry, FAMILY("of_the_default"), &gauge));
        cprom_gauge_set(gauge, 5);
        ct_assert_sample(registry, "of_the_default", 5);
        cprom_registry_free(registry);
        assert_status(cprom_gauge_new(registry, FAMILY("of_the_default"), &gauge), CPROM_EEXIST);
        ct_assert_sample(registry, "of_the_default", 5);
        assert_ok(cprom_registry_unregister(registry, "of_the_default"));
        ct_assert_no_sample(registry, "of_the_default");
    }
}

/*==============================================================================
 * Prefix
 *============================================================================*/

static void test_registry_new_prefix_stands_before_all_but_process(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    char prefix[] = "ci_";
    cprom_gauge *gauge;
    cprom_counter *counter;
    cprom_gauge_vec *vec;
    opts.prefix = prefix;
    remake(fixture, &opts);
    memset(prefix, 'x', 3); /* it was copied */
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("queued"), &gauge));
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("seconds", .unit = "seconds"), &gauge));
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("process"), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_NO_STRS, 1));
    assert_ok(cprom_counter_new(fixture->registry, FAMILY("process_cpu_seconds_total"), &counter));
    ct_assert_page(fixture->registry, "# HELP ci_process H.\n# TYPE ci_process gauge\nci_process 1\n"
                                      "# HELP ci_queued H.\n# TYPE ci_queued gauge\nci_queued 0\n"
                                      "# HELP ci_seconds H.\n# TYPE ci_seconds gauge\nci_seconds 0\n"
                                      "# HELP process_cpu_seconds_total H.\n# TYPE process_cpu_seconds_total counter\n"
                                      "process_cpu_seconds_total 0\n");
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("queued"), &gauge), CPROM_EEXIST);
    assert_status(cprom_registry_unregister(fixture->registry, "queued"), CPROM_ENOENT);
    assert_ok(cprom_registry_unregister(fixture->registry, "ci_queued"));
    assert_ok(cprom_registry_unregister(fixture->registry, "process_cpu_seconds_total"));
}

static cprom_status emit_queued(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "queued", .type = CPROM_GAUGE), CPROM_NO_STRS, 3);
}

static void test_registry_new_prefix_stands_before_what_collectors_emit(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    remake(fixture, &opts);
    assert_ok(cprom_collector_new(fixture->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "unchecked", .collect = emit_queued)));
    ct_assert_page(fixture->registry, "# TYPE ci_queued gauge\nci_queued 3\n");
    assert_ok(cprom_registry_unregister(fixture->registry, "unchecked"));
    assert_ok(cprom_collector_new(
        fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "checked", .collect = emit_queued, .n_descs = 1,
                                      .descs = CPROM_OPTS(cprom_desc, .name = "queued", .type = CPROM_GAUGE))));
    ct_assert_page(fixture->registry, "# TYPE ci_queued gauge\nci_queued 3\n");
    assert_ok(cprom_registry_unregister(fixture->registry, "ci_queued"));
    ct_assert_page(fixture->registry, "");
}

static void test_registry_new_prefix_does_not_hide_the_reserved_cprom(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    opts.prefix = "ci_";
    remake(fixture, &opts);
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("cprom_x"), &gauge), CPROM_ENAME);
    opts.prefix = "cprom_";
    remake(fixture, &opts);
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge), CPROM_ENAME);
    ct_assert_page(fixture->registry, "");
}

static void test_registry_new_prefix_is_part_of_the_name_that_is_checked(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    opts.prefix = "ci";
    remake(fixture, &opts);
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("0"), &gauge));
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("-"), &gauge), CPROM_ENAME);
    ct_assert_page(fixture->registry, "# HELP ci0 H.\n# TYPE ci0 gauge\nci0 0\n");
}

static void test_registry_new_bad_prefix_is_ename(void **state)
{
    static const char *const bad[] = {"1", "a-", " ", "a b", "\xc3\xa4", "a\n"};
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    for (size_t i = 0; i < COUNT(bad); i++) {
        opts.prefix = bad[i];
        assert_refused(fixture, &opts, CPROM_ENAME, "prefix");
    }
}

static void test_registry_new_empty_prefix_is_none(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    opts.prefix = "";
    remake(fixture, &opts);
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    ct_assert_sample(fixture->registry, "x", 0);
}

/*==============================================================================
 * Const labels
 *============================================================================*/

static cprom_status emit_with_label(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "emitted", .type = CPROM_GAUGE, .labels = {"k"}),
                      CPROM_STRS("v"), 1);
}

static void test_registry_new_const_labels_are_on_every_series_sorted_in(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    cprom_gauge_vec *vec;
    cprom_histogram *histogram;
    cprom_summary *summary;
    char value[] = "west";
    opts.const_labels[0] = (cprom_label){"zone", value};
    opts.const_labels[1] = (cprom_label){"b", "1"};
    opts.const_labels[2] = (cprom_label){"m", "\"\\\n"};
    remake(fixture, &opts);
    memset(value, 'x', 4); /* it was copied */
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("g"), &gauge));
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("v", .labels = {"zz", "n", "a", "c"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("4", "3", "1", "2"), 5));
    assert_ok(
        cprom_histogram_new(fixture->registry, FAMILY("h", .bounds = (const double[]){1}, .n_bounds = 1), &histogram));
    assert_ok(cprom_summary_new(fixture->registry, FAMILY("s"), &summary));
    assert_ok(cprom_collector_new(fixture->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = emit_with_label)));
#define PAIRS "b=\"1\",m=\"\\\"\\\\\\n\",zone=\"west\""
    ct_assert_page(fixture->registry,
                   "# TYPE emitted gauge\nemitted{b=\"1\",k=\"v\",m=\"\\\"\\\\\\n\",zone=\"west\"} 1\n"
                   "# HELP g H.\n# TYPE g gauge\ng{" PAIRS "} 0\n"
                   "# HELP h H.\n# TYPE h histogram\nh_bucket{" PAIRS ",le=\"1\"} 0\nh_bucket{" PAIRS
                   ",le=\"+Inf\"} 0\n"
                   "h_sum{" PAIRS "} 0\nh_count{" PAIRS "} 0\n"
                   "# HELP s H.\n# TYPE s summary\ns_sum{" PAIRS "} 0\ns_count{" PAIRS "} 0\n"
                   "# HELP v H.\n# TYPE v gauge\n"
                   "v{a=\"1\",b=\"1\",c=\"2\",m=\"\\\"\\\\\\n\",n=\"3\",zone=\"west\",zz=\"4\"} 5\n");
}

static void test_registry_new_const_labels_are_not_the_vectors(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge_vec *vec;
    opts.const_labels[0] = (cprom_label){"zone", "west"};
    remake(fixture, &opts);
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("v", .labels = {"a"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1"), 1));
    assert_null(cprom_gauge_vec_with_labels(vec, CPROM_LABELS({"a", "1"}, {"zone", "west"})));
    assert_status(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"zone", "west"}), NULL), CPROM_ELABELS);
    assert_status(cprom_registry_delete_matching(fixture->registry, CPROM_LABELS({"zone", "west"}), NULL),
                  CPROM_ENOENT);
    ct_assert_sample(fixture->registry, "v{a=\"1\",zone=\"west\"}", 1);
}

static void test_registry_new_as_many_const_labels_as_can_be_are_taken(void **state)
{
    static const char *const names[CPROM_CONST_LABELS_MAX] = {"h", "g", "f", "e", "d", "c", "b", "a"};
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    char *longest = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(longest);
    memset(longest, 'x', CPROM_VALUE_MAX + 1);
    longest[CPROM_VALUE_MAX] = '\0';
    for (size_t i = 0; i < COUNT(names); i++) opts.const_labels[i] = (cprom_label){names[i], i ? names[i] : longest};
    remake(fixture, &opts);
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    ct_page page = ct_page_read(fixture->registry, NULL, 4096);
    const parser_sample *sample = &page.parsed->samples[0];
    assert_int_equal(sample->n_labels, CPROM_CONST_LABELS_MAX);
    for (size_t i = 0; i < COUNT(names); i++) assert_string_equal(sample->labels[i].name, names[COUNT(names) - 1 - i]);
    assert_int_equal(strlen(parser_label_value(sample, "h")), CPROM_VALUE_MAX);
    ct_page_free(&page);

    longest[CPROM_VALUE_MAX] = 'x';
    longest[CPROM_VALUE_MAX + 1] = '\0';
    assert_refused(fixture, &opts, CPROM_EUTF8, "const_labels");
    free(longest);
}

static void test_registry_new_bad_const_label_is_refused(void **state)
{
    static const struct {
        cprom_label labels[2];
        cprom_status status;
    } bad[] = {
        {{{"", "v"}}, CPROM_ELABELS},
        {{{"1a", "v"}}, CPROM_ELABELS},
        {{{"a:b", "v"}}, CPROM_ELABELS},
        {{{"__a", "v"}}, CPROM_ELABELS},
        {{{"a", "v"}, {"a", "w"}}, CPROM_ELABELS},
        {{{"a", "\xff"}}, CPROM_EUTF8},
        {{{"a", "\xe2\x82"}}, CPROM_EUTF8},
        {{{"a", "v"}, {"b", NULL}}, CPROM_ELABELS},
    };
    ct_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(bad); i++) {
        cprom_registry_opts opts = ct_fixture_opts(fixture);
        memcpy(opts.const_labels, bad[i].labels, sizeof bad[i].labels);
        assert_refused(fixture, &opts, bad[i].status, "const_labels");
    }
}

static void test_registry_new_const_label_conflicts_with_a_familys_it_is_elabels(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge_vec *vec;
    opts.const_labels[0] = (cprom_label){"zone", "west"};
    remake(fixture, &opts);
    assert_status(cprom_gauge_vec_new(fixture->registry, FAMILY("v", .labels = {"a", "zone"}), &vec), CPROM_ELABELS);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    assert_true(ct_log_has(&fixture->log, "\"v\"", "labels", "\"zone\"", "const label"));
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("v", .labels = {"a", "zones"}), &vec));
}

static void test_registry_new_const_label_reserved_for_a_type_keeps_that_type_out(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_summary *summary;
    opts.const_labels[0] = (cprom_label){"le", "1"};
    remake(fixture, &opts);
    assert_status(cprom_histogram_new(fixture->registry, FAMILY("h"), &histogram), CPROM_ELABELS);
    assert_true(ct_log_has(&fixture->log, "\"h\"", "const_labels", "\"le\""));
    assert_ok(cprom_summary_new(fixture->registry, FAMILY("s"), &summary));
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("g"), &gauge));
    ct_assert_sample(fixture->registry, "g{le=\"1\"}", 0);
    opts.const_labels[0].name = "quantile";
    remake(fixture, &opts);
    assert_status(cprom_summary_new(fixture->registry, FAMILY("s"), &summary), CPROM_ELABELS);
    assert_true(ct_log_has(&fixture->log, "\"s\"", "const_labels", "\"quantile\""));
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("h"), &histogram));
    ct_assert_sample(fixture->registry, "h_bucket{quantile=\"1\",le=\"+Inf\"}", 0);
}

int group_registry(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_new_without_options_works),
        cmocka_unit_test(test_registry_new_null_result_is_einval),
        cmocka_unit_test(test_registry_free_null_is_nothing),
        cmocka_unit_test(test_registry_functions_null_registry_is_einval),
        TEST(test_registry_new_empty_registry_has_an_empty_page),
        TEST(test_registry_new_several_have_nothing_in_common),
        cmocka_unit_test(test_registry_default_is_one_and_never_null),
        cmocka_unit_test(test_registry_default_is_usable_also_after_a_free),
        TEST(test_registry_new_prefix_stands_before_all_but_process),
        TEST(test_registry_new_prefix_stands_before_what_collectors_emit),
        TEST(test_registry_new_prefix_does_not_hide_the_reserved_cprom),
        TEST(test_registry_new_prefix_is_part_of_the_name_that_is_checked),
        TEST(test_registry_new_bad_prefix_is_ename),
        TEST(test_registry_new_empty_prefix_is_none),
        TEST(test_registry_new_const_labels_are_on_every_series_sorted_in),
        TEST(test_registry_new_const_labels_are_not_the_vectors),
        TEST(test_registry_new_as_many_const_labels_as_can_be_are_taken),
        TEST(test_registry_new_bad_const_label_is_refused),
        TEST(test_registry_new_const_label_conflicts_with_a_familys_it_is_elabels),
        TEST(test_registry_new_const_label_reserved_for_a_type_keeps_that_type_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
