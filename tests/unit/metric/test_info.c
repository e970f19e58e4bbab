#include "support/formats.h"

#include <math.h>

#include "support/updates.h"

/* What a CI service says about the last run of each pipeline. */
static cprom_info_vec *new_vec(cprom_registry *registry)
{
    cprom_info_vec *vec;
    assert_ok(cprom_info_vec_new(
        registry, FAMILY("ci_pipeline_info", .labels = {"pipeline", "branch", "commit"}, .owner = "pipeline"), &vec));
    return vec;
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_info_new_is_on_the_page_of_either_format(void **state)
{
    cprom_registry *r = registry_of(state);
    assert_ok(cprom_info_new(r, FAMILY("build_info"), CPROM_LABELS({"version", "1.4\n\"2\""}, {"revision", "9f09\\"})));
    ct_assert_page(r, "# HELP build_info H.\n# TYPE build_info gauge\n"
                      "build_info{revision=\"9f09\\\\\",version=\"1.4\\n\\\"2\\\"\"} 1\n");
    formats_assert_openmetrics(r, "# HELP build H.\n# TYPE build info\n"
                                  "build_info{revision=\"9f09\\\\\",version=\"1.4\\n\\\"2\\\"\"} 1\n");
    assert_int_equal(up_stats(r).series, 1);
    assert_int_equal(up_stats(r).series_created, 1);
}

static void test_info_new_without_labels_is_fine(void **state)
{
    cprom_registry *r = registry_of(state);
    assert_ok(cprom_info_new(r, FAMILY("x_info"), CPROM_NO_LABELS));
    ct_assert_page(r, "# HELP x_info H.\n# TYPE x_info gauge\nx_info 1\n");
    formats_assert_openmetrics(r, "# HELP x H.\n# TYPE x info\nx_info 1\n");
}

static void test_info_new_copies_names_and_values(void **state)
{
    cprom_registry *r = registry_of(state);
    char name[] = "version", value[] = "1";
    cprom_label label = {name, value};
    assert_ok(cprom_info_new(r, FAMILY("x_info"), (cprom_labels){&label, 1}));
    name[0] = value[0] = '!';
    label = (cprom_label){NULL, NULL};
    ct_assert_page(r, "# HELP x_info H.\n# TYPE x_info gauge\nx_info{version=\"1\"} 1\n");
}

static void test_info_new_as_many_labels_as_a_family_can_have(void **state)
{
    ct_fixture *fixture = *state;
    char names[CPROM_LABELS_MAX + 1][8];
    cprom_label labels[CPROM_LABELS_MAX + 1];
    for (size_t i = 0; i < COUNT(labels); i++) {
        snprintf(names[i], sizeof names[i], "l%02zu", i);
        labels[i] = (cprom_label){names[i], "v"};
    }
    assert_status(cprom_info_new(fixture->registry, FAMILY("x_info"), (cprom_labels){labels, CPROM_LABELS_MAX + 1}),
                  CPROM_ELABELS);
    assert_true(ct_log_has(&fixture->log, "x_info", "labels", "too many"));
    assert_ok(cprom_info_new(fixture->registry, FAMILY("x_info"), (cprom_labels){labels, CPROM_LABELS_MAX}));
    ct_page page = ct_page_read(fixture->registry, NULL, 4096);
    assert_int_equal(page.parsed->samples[0].n_labels, CPROM_LABELS_MAX);
    ct_page_free(&page);
}

static char *too_long_value(void)
{
    char *value = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(value);
    memset(value, 'x', CPROM_VALUE_MAX + 1);
    value[CPROM_VALUE_MAX + 1] = '\0';
    return value;
}

static void test_info_new_bad_labels_are_refused_with_one_log_line(void **state)
{
    ct_fixture *fixture = *state;
    char *longest = too_long_value();
    const struct {
        cprom_label labels[2];
        cprom_status status;
        const char *in_log;
    } bad[] = {
        {{{"a", "1"}, {NULL, "2"}}, CPROM_ELABELS, "lack"},
        {{{"a", "1"}, {"b", NULL}}, CPROM_ELABELS, "lack"},
        {{{"a", "1"}, {"a", "2"}}, CPROM_ELABELS, "twice"},
        {{{"a", "1"}, {"__b", "2"}}, CPROM_ELABELS, "reserved"},
        {{{"a", "1"}, {"b-", "2"}}, CPROM_ELABELS, "label name"},
        {{{"a", "1"}, {"b", "\xff"}}, CPROM_EUTF8, "UTF-8"},
        {{{"a", longest}, {"b", "2"}}, CPROM_EUTF8, "too long"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        ct_log_clear(&fixture->log);
        assert_status(cprom_info_new(fixture->registry, FAMILY("x_info"), (cprom_labels){bad[i].labels, 2}),
                      bad[i].status);
        assert_int_equal(ct_log_count(&fixture->log), 1);
        assert_true(ct_log_has(&fixture->log, "x_info", "labels", bad[i].in_log));
    }
    assert_status(cprom_info_new(fixture->registry, FAMILY("x_info"), (cprom_labels){NULL, 1}), CPROM_ELABELS);
    longest[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_info_new(fixture->registry, FAMILY("x_info"), CPROM_LABELS({"a", longest})));
    free(longest);
    assert_int_equal(up_stats(fixture->registry).families, 1);
}

static void test_info_new_label_that_is_a_const_label_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_registry *r;
    opts.const_labels[0] = (cprom_label){"n", "c"};
    assert_ok(cprom_registry_new(&opts, &r));
    assert_status(cprom_info_new(r, FAMILY("x_info"), CPROM_LABELS({"n", "1"})), CPROM_ELABELS);
    assert_ok(cprom_info_new(r, FAMILY("x_info"), CPROM_LABELS({"z", "1"}, {"a", "2"})));
    ct_assert_page(r, "# HELP x_info H.\n# TYPE x_info gauge\nx_info{a=\"2\",n=\"c\",z=\"1\"} 1\n");
    cprom_registry_free(r);
}

static void test_info_new_null_arguments_are_einval(void **state)
{
    cprom_info_vec *vec = (cprom_info_vec *)state;
    assert_status(cprom_info_new(NULL, FAMILY("x_info"), CPROM_NO_LABELS), CPROM_EINVAL);
    assert_status(cprom_info_new(registry_of(state), NULL, CPROM_NO_LABELS), CPROM_EINVAL);
    assert_status(cprom_info_vec_new(registry_of(state), NULL, &vec), CPROM_EINVAL);
    assert_null(vec);
    assert_status(cprom_info_vec_new(registry_of(state), FAMILY("x_info"), NULL), CPROM_EINVAL);
}

static void test_info_new_plain_is_no_vector_to_the_registry_wide_removals(void **state)
{
    cprom_registry *r = registry_of(state);
    size_t n;
    assert_ok(cprom_info_new(r, FAMILY("x_info"), CPROM_LABELS({"a", "1"})));
    cprom_mark since = cprom_registry_mark(r);
    assert_status(cprom_registry_delete_matching(r, CPROM_LABELS({"a", "1"}), &n), CPROM_ENOENT);
    assert_status(cprom_registry_sweep(r, CPROM_LABELS({"a", "1"}), since, &n), CPROM_ENOENT);
    ct_assert_sample(r, "x_info{a=\"1\"}", 1);
    assert_ok(cprom_registry_unregister(r, "x_info"));
    ct_assert_page(r, "");
    assert_ok(cprom_info_new(r, FAMILY("x_info"), CPROM_LABELS({"b", "1"})));
    ct_assert_sample(r, "x_info{b=\"1\"}", 1);
}

/* The base name is the family's in OpenMetrics: a page's filter takes it as it takes a counter's. */
static void test_page_open_filter_knows_both_names_of_an_info(void **state)
{
    static const struct {
        const char *name;
        size_t samples;
    } asked[] = {{"x_info", 1}, {"x", 1}, {"x_inf", 0}, {"x_info_info", 0}};
    cprom_registry *r = registry_of(state);
    assert_ok(cprom_info_new(r, FAMILY("x_info"), CPROM_NO_LABELS));
    for (size_t i = 0; i < COUNT(asked); i++) {
        ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .names = &asked[i].name, .n_names = 1), 4096);
        assert_int_equal(page.parsed->n_samples, asked[i].samples);
        ct_page_free(&page);
    }
}

/*==============================================================================
 * Vector
 *============================================================================*/

static void test_info_vec_set_creates_a_series_of_value_1(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("b", "main", "2")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    assert_int_equal(cprom_info_vec_size(vec), 2);
    ct_assert_page(r, "# HELP ci_pipeline_info H.\n# TYPE ci_pipeline_info gauge\n"
                      "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"a\"} 1\n"
                      "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"b\"} 1\n");
    formats_assert_openmetrics(r, "# HELP ci_pipeline H.\n# TYPE ci_pipeline info\n"
                                  "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"a\"} 1\n"
                                  "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"b\"} 1\n");
    assert_ok(cprom_info_vec_delete(vec, CPROM_STRS("b", "main", "2")));
    assert_ok(cprom_info_vec_get(vec, CPROM_STRS("a", "main", "1")));
    assert_status(cprom_info_vec_get(vec, CPROM_STRS("b", "main", "2")), CPROM_ENOENT);
    assert_ok(cprom_info_vec_clear(vec));
    ct_assert_page(r, "");
}

static void test_info_vec_bad_arguments_are_refused_and_counted(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    assert_status(cprom_info_vec_set(NULL, CPROM_NO_STRS), CPROM_EINVAL);
    assert_status(cprom_info_vec_get(NULL, CPROM_NO_STRS), CPROM_EINVAL);
    assert_status(cprom_info_vec_set(vec, CPROM_STRS("a")), CPROM_ELABELS);
    assert_status(cprom_info_vec_set(vec, CPROM_STRS("a", NULL, "1")), CPROM_ELABELS);
    assert_status(cprom_info_vec_set(vec, CPROM_STRS("a", "\xc3", "1")), CPROM_EUTF8);
    assert_status(cprom_info_vec_get(vec, CPROM_STRS("a")), CPROM_ELABELS);
    assert_int_equal(up_stats(r).dropped_invalid, 3);
    assert_int_equal(cprom_info_vec_size(vec), 0);
}

static bool check_view(void *ctx, const cprom_view *view)
{
    assert_int_equal(view->values.n, 3);
    assert_true(view->value == 1);
    assert_int_equal(view->states, 0);
    ++*(size_t *)ctx;
    return true;
}

static void test_info_vec_handle_keeps_a_series_that_is_1_from_its_birth(void **state)
{
    ct_fixture *fixture = *state;
    cprom_info_vec *vec;
    size_t n = 0;
    assert_ok(
        cprom_info_vec_new(fixture->registry, FAMILY("x_info", .labels = {"a", "b", "c"}, .ttl_seconds = 10), &vec));
    cprom_info *info = cprom_info_vec_with_labels(vec, CPROM_LABELS({"c", "3"}, {"a", "1"}, {"b", "2"}));
    assert_ptr_equal(cprom_info_ref(info), info);
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("x", "y", "z")));
    assert_ok(cprom_info_vec_each(vec, check_view, &n));
    assert_int_equal(n, 2);
    ct_clock_advance(&fixture->clock, 11 * SECOND);
    ct_assert_page(fixture->registry, "# HELP x_info H.\n# TYPE x_info gauge\nx_info{a=\"1\",b=\"2\",c=\"3\"} 1\n");
    cprom_info_unref(info);
    cprom_info_unref(info);
    ct_clock_advance(&fixture->clock, 11 * SECOND);
    ct_assert_page(fixture->registry, "");
    cprom_info_unref(NULL);
    assert_null(cprom_info_vec_with(NULL, CPROM_NO_STRS));
}

static void test_info_vec_full_refuses_and_cannot_fold(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec;
    assert_status(
        cprom_info_vec_new(r, FAMILY("x_info", .labels = {"a"}, .max_series = 1, .overflow = CPROM_FOLD), &vec),
        CPROM_EINVAL);
    assert_null(vec);
    assert_ok(cprom_info_vec_new(r, FAMILY("x_info", .labels = {"a"}, .max_series = 1), &vec));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("1")));
    assert_status(cprom_info_vec_set(vec, CPROM_STRS("2")), CPROM_ELIMIT);
    assert_int_equal(up_stats(r).dropped_limit, 1);
}

static void test_info_vec_sweep_keeps_what_was_set_again(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    size_t n;
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "2")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("b", "main", "1")));
    cprom_mark since = cprom_registry_mark(r);
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "2")));
    assert_ok(cprom_info_vec_sweep(vec, CPROM_LABELS({"pipeline", "a"}), since, &n));
    assert_int_equal(n, 1);
    up_assert_lines(r, "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"b\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"a\"} 1\n");
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"pipeline", "a"}), &n));
    assert_int_equal(n, 1);
    up_assert_lines(r, "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"b\"} 1\n");
}

/*==============================================================================
 * One run for the next
 *============================================================================*/

static void test_update_info_replaces_the_commit_of_a_pipeline_with_its_run(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    cprom_gauge_vec *steps = up_gauges(r, "steps", "p");
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("b", "main", "1")));
    assert_ok(cprom_gauge_vec_set(steps, CPROM_STRS("a", "clone"), 1));
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_info_vec_replace(update, vec, CPROM_LABELS({"pipeline", "a"})));
    assert_ok(cprom_update_info_vec_set(update, vec, CPROM_STRS("a", "main", "2")));
    assert_ok(cprom_update_info_vec_set(update, vec, CPROM_STRS("a", "main", "2")));
    assert_ok(OWNER(steps, "a"));
    assert_ok(SET(steps, 2, "a", "build"));
    assert_status(cprom_update_info_vec_set(update, vec, CPROM_STRS("a")), CPROM_ELABELS);
    assert_status(cprom_update_info_vec_set(update, NULL, CPROM_STRS("a")), CPROM_EINVAL);
    assert_status(cprom_update_info_vec_set(NULL, vec, CPROM_STRS("a", "main", "2")), CPROM_EINVAL);
    up_assert_same(r, before);
    up_commit(update, 2, 0, 2, 2);
    up_assert_lines(r, "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"b\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"a\"} 1\n"
                       "steps{p=\"a\",s=\"build\"} 2\n");

    /* A run that has the same commit keeps the series. */
    cprom_info *info = cprom_info_vec_with(vec, CPROM_STRS("a", "main", "2"));
    update = up_new(r);
    cprom_update_info_vec_replace(update, vec, CPROM_LABELS({"pipeline", "a"}));
    cprom_update_info_vec_set(update, vec, CPROM_STRS("a", "main", "2"));
    up_commit(update, 0, 1, 0, 0);
    cprom_info *same = cprom_info_vec_with(vec, CPROM_STRS("a", "main", "2"));
    assert_ptr_equal(info, same);
    cprom_info_unref(info);
    cprom_info_unref(same);
}

static void test_update_info_that_was_overtaken_is_stale(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    cprom_update *old = up_new(r);
    cprom_update_info_vec_replace(old, vec, CPROM_LABELS({"pipeline", "a"}));
    cprom_update_info_vec_set(old, vec, CPROM_STRS("a", "main", "1"));
    cprom_strs row = CPROM_STRS("a", "main", "2");
    assert_ok(cprom_info_vec_replace(vec, CPROM_LABELS({"pipeline", "a"}), &row, 1, NULL));
    up_commit_fails(old, CPROM_ESTALE);
    up_assert_lines(r, "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"a\"} 1\n");
}

static void test_info_vec_replace_leaves_exactly_the_rows(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_info_vec *vec = new_vec(r);
    cprom_result result;
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "fix", "2")));
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("b", "main", "1")));
    const cprom_strs rows[] = {CPROM_STRS("a", "fix", "2"), CPROM_STRS("a", "\xff", "2"), CPROM_STRS("a", "main", "3"),
                               CPROM_STRS("a")};
    assert_status(cprom_info_vec_replace(vec, CPROM_LABELS({"pipeline", "a"}), rows, 4, &result), CPROM_EPARTIAL);
    assert_int_equal(result.created, 1);
    assert_int_equal(result.updated, 1);
    assert_int_equal(result.removed, 1);
    assert_int_equal(result.refused, 2);
    up_assert_lines(r, "ci_pipeline_info{branch=\"fix\",commit=\"2\",pipeline=\"a\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"b\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"3\",pipeline=\"a\"} 1\n");
    assert_ok(cprom_info_vec_replace(vec, CPROM_NO_LABELS, NULL, 0, NULL));
    assert_int_equal(cprom_info_vec_size(vec), 0);
    assert_status(cprom_info_vec_replace(vec, CPROM_NO_LABELS, NULL, 1, &result), CPROM_EINVAL);
    assert_status(cprom_info_vec_replace(NULL, CPROM_NO_LABELS, rows, 1, &result), CPROM_EINVAL);
    assert_status(cprom_info_vec_replace(vec, CPROM_LABELS({"x", "1"}), rows, 1, &result), CPROM_ELABELS);
}

/*==============================================================================
 * Const
 *============================================================================*/

static double const_value = 1;

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    cprom_emit(out, DESC(.name = "a_info", .type = CPROM_INFO, .help = "A.", .labels = {"v"}), CPROM_STRS("1"),
               const_value);
    cprom_emit_at(out, DESC(.name = "a_info", .type = CPROM_INFO, .help = "A.", .labels = {"v"}), CPROM_STRS("2"), 1,
                  5);
    cprom_emit(out, DESC(.name = "foreign", .type = CPROM_INFO, .labels = {"v"}), CPROM_STRS("1"), 1);
    return cprom_emit(out, DESC(.name = "_info", .type = CPROM_INFO), CPROM_NO_STRS, 1);
}

static void test_emit_info_of_any_name_as_gauge_where_openmetrics_wants_another(void **state)
{
    cprom_registry *r = registry_of(state);
    const_value = 1;
    assert_ok(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect)));
    ct_assert_page(r, "# TYPE _info gauge\n_info 1\n"
                      "# HELP a_info A.\n# TYPE a_info gauge\na_info{v=\"1\"} 1\na_info{v=\"2\"} 1 5\n"
                      "# TYPE foreign gauge\nforeign{v=\"1\"} 1\n");
    formats_assert_openmetrics(r, "# TYPE _info gauge\n_info 1.0\n"
                                  "# HELP a A.\n# TYPE a info\na_info{v=\"1\"} 1\na_info{v=\"2\"} 1 0.005\n"
                                  "# TYPE foreign gauge\nforeign{v=\"1\"} 1.0\n");
}

static void test_emit_info_of_another_value_fails_the_collector(void **state)
{
    static const double bad[] = {0, 2, 0.9999999, -1, (double)INFINITY, (double)NAN};
    ct_fixture *fixture = *state;
    assert_ok(
        cprom_collector_new(fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect)));
    for (size_t i = 0; i < COUNT(bad); i++) {
        const_value = bad[i];
        ct_log_clear(&fixture->log);
        ct_clock_advance(&fixture->clock, INT64_C(60) * 1000000000); /* a collector has a line a minute */
        ct_assert_page(fixture->registry, ""); /* reads two pages */
        assert_int_equal(ct_log_count_with(&fixture->log, "a_info", "not 1", NULL), ct_log_count(&fixture->log));
        assert_true(ct_log_has(&fixture->log, "a_info", "not 1"));
    }
}

static void test_collector_new_descs_of_an_info_claim_its_base(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *gauge;
    assert_ok(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect,
                                                .descs = DESC(.name = "x_info", .type = CPROM_INFO), .n_descs = 1)));
    assert_status(cprom_gauge_new(r, FAMILY("x"), &gauge), CPROM_ECONFLICT);
    assert_ok(cprom_registry_unregister(r, "c"));
    assert_ok(cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect,
                                                .descs = DESC(.name = "x", .type = CPROM_INFO), .n_descs = 1)));
    assert_ok(cprom_gauge_new(r, FAMILY("x_info"), &gauge));
}

/*==============================================================================
 * Without memory
 *============================================================================*/

static void test_info_every_allocation_fails_in_turn_nothing_changes(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    cprom_info_vec *vec = new_vec(r);
    assert_ok(cprom_info_vec_set(vec, CPROM_STRS("a", "main", "1")));
    const cprom_strs rows[] = {CPROM_STRS("a", "main", "2"), CPROM_STRS("a", "main", "3")};
    size_t failures = 0;
    for (int step = 0; step < 3; step++) {
        char *before = up_text(r);
        size_t nth = 0;
        for (cprom_status status = CPROM_ENOMEM; status;) {
            ct_alloc_fail_at(&fixture->alloc, ++nth, false);
            status = step == 0   ? cprom_info_new(r, FAMILY("x_info"), CPROM_LABELS({"v", "1"}, {"w", "2"}))
                     : step == 1 ? cprom_info_vec_set(vec, CPROM_STRS("b", "main", "1"))
                                 : cprom_info_vec_replace(vec, CPROM_LABELS({"pipeline", "a"}), rows, 2, NULL);
            bool failed = fixture->alloc.failed;
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            assert_int_equal(status, failed ? CPROM_ENOMEM : CPROM_OK);
            if (!status) break;
            failures++;
            char *now = up_text(r);
            ct_assert_text_equal(now, before);
            cprom_text_free(now);
        }
        cprom_text_free(before);
    }
    assert_true(failures > 5);
    up_assert_lines(r, "ci_pipeline_info{branch=\"main\",commit=\"1\",pipeline=\"b\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"2\",pipeline=\"a\"} 1\n"
                       "ci_pipeline_info{branch=\"main\",commit=\"3\",pipeline=\"a\"} 1\n"
                       "x_info{v=\"1\",w=\"2\"} 1\n");
}

int group_info(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_info_new_is_on_the_page_of_either_format),
        TEST(test_info_new_without_labels_is_fine),
        TEST(test_info_new_copies_names_and_values),
        TEST(test_info_new_as_many_labels_as_a_family_can_have),
        TEST(test_info_new_bad_labels_are_refused_with_one_log_line),
        TEST(test_info_new_label_that_is_a_const_label_is_refused),
        TEST(test_info_new_null_arguments_are_einval),
        TEST(test_info_new_plain_is_no_vector_to_the_registry_wide_removals),
        TEST(test_page_open_filter_knows_both_names_of_an_info),
        TEST(test_info_vec_set_creates_a_series_of_value_1),
        TEST(test_info_vec_bad_arguments_are_refused_and_counted),
        TEST(test_info_vec_handle_keeps_a_series_that_is_1_from_its_birth),
        TEST(test_info_vec_full_refuses_and_cannot_fold),
        TEST(test_info_vec_sweep_keeps_what_was_set_again),
        TEST(test_update_info_replaces_the_commit_of_a_pipeline_with_its_run),
        TEST(test_update_info_that_was_overtaken_is_stale),
        TEST(test_info_vec_replace_leaves_exactly_the_rows),
        TEST(test_emit_info_of_any_name_as_gauge_where_openmetrics_wants_another),
        TEST(test_emit_info_of_another_value_fails_the_collector),
        TEST(test_collector_new_descs_of_an_info_claim_its_base),
        TEST(test_info_every_allocation_fails_in_turn_nothing_changes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
