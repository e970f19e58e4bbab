#include "support/cprom_test.h"

/*
 * cprom_registry_lint(), and promtool beside it: families that no linter likes, and what each must be told, as
 * tests/data/golden/lint.txt has it from `promtool check metrics` of Prometheus 2.42.
 */

#define C .type = CPROM_COUNTER
#define G .type = CPROM_GAUGE
#define H .type = CPROM_HISTOGRAM
#define S .type = CPROM_SUMMARY
#define GH .type = CPROM_GAUGE_HISTOGRAM
#define U .type = CPROM_UNTYPED
#define OK .help = "Help."
#define L(...) .labels = {__VA_ARGS__}

typedef struct bad_family {
    const char *name, *help;
    cprom_type type;
    const char *labels[4];
} bad_family;

static const bad_family families[] = {
    /* help */
    {"no_help_total", C}, {"no_help_g", G}, {"no_help_h", H}, {"no_help_summary_x", S}, {"no_help_untyped", U},
    {"empty_help", G, .help = ""},

    /* ends of names */
    {"jobs", C, OK}, {"jobs_totals", C, OK}, {"total", C, OK}, {"_total", G, OK}, {"runs_total", G, OK},
    {"walks_total", H, OK}, {"swims_total", S, OK}, {"flights_total", U, OK}, {"dives_total_x", C, OK},
    {"e1_bucket", C, OK}, {"e2_bucket", G, OK}, {"e3_bucket", S, OK}, {"e4_bucket", H, OK}, {"e5_bucket", U, OK},
    {"e1_count", C, OK}, {"e2_count", G, OK}, {"e3_count", S, OK}, {"e4_count", H, OK}, {"e5_count", U, OK},
    {"e1_sum", C, OK}, {"e2_sum", G, OK}, {"e3_sum", S, OK}, {"e4_sum", H, OK}, {"e5_sum", U, OK},
    {"e6_bucket_total", C, OK}, {"e6_counts", G, OK}, {"e7_Sum", G, OK}, {"sum", G, OK},

    /* labels of others */
    {"l1_total", C, OK, L("le")}, {"l2", G, OK, L("le")}, {"l3", S, OK, L("le")}, {"l4", U, OK, L("le")},
    {"l5_total", C, OK, L("quantile")}, {"l6", G, OK, L("quantile")}, {"l7", H, OK, L("quantile")},
    {"l8", U, OK, L("quantile")}, {"l9", G, OK, L("quantile", "le")}, {"l10", G, OK, L("Le", "quantiles")},

    /* types in names */
    {"t1_counter_total", C, OK}, {"t2_gauge", G, OK}, {"t3_histogram", H, OK}, {"t4_summary", S, OK},
    {"t5_Gauge_x", G, OK}, {"t6_gauges", G, OK}, {"gauge_t7", G, OK}, {"t8gauge_x", G, OK}, {"t9__gauge", G, OK},
    {"t10_SUMMARY_x", S, OK}, {"t11_gauge_gauge", G, OK}, {"t12_untyped", U, OK},

    /* types of others in names: newer versions let them pass */
    {"o1_gauge_total", C, OK}, {"o2_counter", G, OK}, {"o3_summary", H, OK}, {"o4_histogram_x", S, OK},
    {"o5_gauge", U, OK}, {"o6_gauge_histogram", G, OK}, {"o7_Gauge_Histogram_x", H, OK},
    {"o8_counter_gauge_summary_histogram_x", G, OK}, {"o9_gauge", GH, OK}, {"o10_gauge_histogram", GH, OK},

    /* colons, case */
    {"job:runs", G, OK}, {":", U, OK}, {"a::b_total", C, OK}, {"camelCase", G, OK}, {"aBcD_total", C, OK},
    {"Camel", G, OK}, {"CAMEl_x", G, OK}, {"snake_Case", G, OK}, {"a1B", G, OK}, {"x:yZ", U, OK},
    {"ca_se", G, OK, L("labelName")}, {"ca_se_2", H, OK, L("labelName", "otherName", "plain")},
    {"ca_se_3_total", C, OK, L("Label", "L_N", "a1B")}, {"ca_Se4", U, OK, L("aB")},

    /* abbreviations */
    {"a1_s", G, OK}, {"a2_ms", H, OK}, {"a3_us_total", C, OK}, {"a4_ns_x", G, OK}, {"a5_sec", S, OK}, {"a6_b", G, OK},
    {"a7_kb", G, OK}, {"a8_mb", U, OK}, {"a9_gb", G, OK}, {"a10_tb", G, OK}, {"a11_pb", G, OK}, {"a12_m", G, OK},
    {"a13_h", G, OK}, {"a14_d", G, OK}, {"a15_MS", G, OK}, {"a16_secs", G, OK}, {"s_a17", G, OK}, {"a18_ms_s_b", G, OK},
    {"a19_S_total", C, OK}, {"a20__d_", G, OK},

    /* units */
    {"u1_milliseconds", H, OK}, {"u2_minutes", G, OK}, {"u3_hours_total", C, OK}, {"u4_days", G, OK},
    {"u5_weeks_x", G, OK}, {"u6_kelvins", G, OK}, {"u7_fahrenheit", G, OK}, {"u8_rankine", G, OK}, {"u9_inches", G, OK},
    {"u10_yards", G, OK}, {"u11_miles", G, OK}, {"u12_bits_total", C, OK}, {"u13_calories", G, OK},
    {"u14_pounds", G, OK},
    {"u15_ounces", S, OK}, {"u16_kilobytes", G, OK}, {"u17_mibibytes", U, OK}, {"u18_picovolts", G, OK},
    {"u19_nanometres", G, OK}, {"u20_micrometers", G, OK}, {"u21_centigrams", G, OK}, {"u22_decijoules", G, OK},
    {"u23_decaamperes", G, OK}, {"u24_hectokelvin", G, OK}, {"u25_kibibytes", G, OK}, {"u26_megabits", G, OK},
    {"u27_gigabytes", G, OK}, {"u28_gibibytes", G, OK}, {"u29_terabytes", G, OK}, {"u30_tebibytes", G, OK},
    {"u31_petabytes", G, OK}, {"u32_pebibytes", G, OK}, {"u33_millicelsius", G, OK}, {"hours", G, OK},
    {"minutes_u35", G, OK}, {"u36_kilominutes", G, OK}, {"u37_Milliseconds", G, OK}, {"u38_thermometers", G, OK},
    {"u39_kilokilobytes", G, OK}, {"u40_kilo", G, OK},

    /* gauge histograms, which are histograms there */
    {"gh1", GH}, {"gh2_total", GH, OK}, {"gh3_bucket", GH, OK}, {"gh4_sum", GH, OK}, {"gh5_gcount", GH, OK},
    {"gh6", GH, OK, L("quantile")}, {"gh7_histogram", GH, OK}, {"gh8_ms", GH, OK, L("aB")}, {"gh9_hours", GH, OK},

    /* several at once */
    {"m1:jobMs_ms_counter_count", G, L("le", "quantile", "aB")},
    {"m2_hours_bucket_total", S, L("le", "cD")},

    /* and nothing to say of these */
    {"good_total", C, OK, L("a")}, {"good_seconds", G, OK}, {"good_bytes", H, OK, L("path")},
    {"good_kelvin", S, OK, L("a_b")}, {"good_volts", GH, OK, L("a")},
    {"good_metres", G, OK}, {"good_celsius", G, OK}, {"good_ratio", U, OK}, {"Good", G, OK},
    {"good_cpu_seconds_total", C, OK},
};

#define FAMILIES COUNT(families)

/* Two series each, so that what is true of both is said once. */
static cprom_status emit_all(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    for (size_t i = 0; i < FAMILIES; i++) {
        const bad_family *f = &families[i];
        cprom_desc desc = CPROM_INIT(cprom_desc);
        desc.name = f->name;
        desc.help = f->help;
        desc.type = f->type;
        size_t n = 0;
        for (; n < 4 && f->labels[n]; n++) desc.labels[n] = f->labels[n];
        for (int series = 0; series < (n ? 2 : 1); series++) {
            const char *const v[] = {series ? "1" : "2", "x", "y", "z"};
            cprom_strs values = {v, n};
            if (f->type == CPROM_HISTOGRAM || f->type == CPROM_GAUGE_HISTOGRAM)
                (void)cprom_emit_histogram(out, &desc, values, &histogram);
            else if (f->type == CPROM_SUMMARY) (void)cprom_emit_summary(out, &desc, values, &summary);
            else (void)cprom_emit(out, &desc, values, 1);
        }
    }
    return CPROM_OK;
}

/* Gauges, as promtool sees them. */
static void add_infos_and_states(cprom_registry *r)
{
    cprom_stateset *state;
    assert_ok(cprom_info_new(r, OPTS(.name = "i1_Gauge_ms_info", OK), CPROM_LABELS({"le", "1"}, {"aB", "2"})));
    assert_ok(cprom_info_new(r, OPTS(.name = "i2_sum_info", OK), CPROM_NO_LABELS));
    assert_ok(cprom_stateset_new(r, OPTS(.name = "stateName_total", OK, .states = {"a", "b"}), &state));
    assert_ok(cprom_stateset_new(r, OPTS(.name = "quantile", OK, .states = {"a"}), &state));
    assert_ok(cprom_stateset_new(r, OPTS(.name = "le", OK, .states = {"a"}), &state));
}

/* Lines "family text" as they are told. */
typedef struct told {
    char *text;
    size_t len, n;
} told;

static void tell(void *ctx, const char *family, const char *text)
{
    told *t = ctx;
    size_t more = strlen(family) + strlen(text) + 2;
    t->text = realloc(t->text, t->len + more + 1);
    assert_non_null(t->text);
    snprintf(t->text + t->len, more + 1, "%s %s\n", family, text);
    t->len += more;
    t->n++;
}

/* What lint says; to be freed. */
static char *lint(cprom_registry *registry)
{
    told t = {calloc(1, 1), 0, 0};
    size_t n = 77;
    assert_ok(cprom_registry_lint(registry, tell, &t, &n));
    assert_int_equal(n, t.n);
    return t.text;
}

static void assert_lint(cprom_registry *registry, const char *expected)
{
    char *text = lint(registry);
    ct_assert_text_equal(text, expected);
    free(text);
}

/*==============================================================================
 * Beside promtool
 *============================================================================*/

static void test_lint_bad_families_are_told_in_the_words_of_promtool(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "all", emit_all, NULL);
    add_infos_and_states(r);
    char *expected = ct_read_file(CPROM_TEST_DATA "/golden/lint.txt", NULL);
    assert_lint(r, expected);
    free(expected);
    assert_int_equal(ct_log_count(&((ct_fixture *)*state)->log), 0);
}

static int by_text(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

/*
 * The lines of a text, sorted, each once; those that newer versions of promtool have no longer are left out if `newer`:
 * a type in the name of a family that is of another one.
 */
static char *sorted_lines(char *text, bool newer)
{
    char *lines[4096];
    size_t n = 0;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        static const char type_in_name[] = " metric name should not include type ";
        if (newer && line[0] == 'o' && strstr(line, type_in_name)) continue;
        if (newer && strstr(line, "m1:") && strstr(line, type_in_name)) continue;
        assert_in_range(n, 0, 4095);
        lines[n++] = line;
    }
    qsort(lines, n, sizeof *lines, by_text);
    char *result = calloc(1, 1 << 20);
    assert_non_null(result);
    size_t len = 0;
    for (size_t i = 0; i < n; i++) {
        if (i && strcmp(lines[i], lines[i - 1]) == 0) continue;
        len += (size_t)snprintf(result + len, ((size_t)1 << 20) - len, "%s\n", lines[i]);
    }
    return result;
}

static bool is_newer_promtool(void)
{
    static const char page[] = "# HELP a_gauge_b Help.\n# TYPE a_gauge_b untyped\na_gauge_b 1\n";
    return promtool_check_metrics(page, sizeof page - 1, NULL) == 0;
}

static void test_lint_promtool_says_the_same(void **state)
{
    if (!promtool_available()) ct_skip("no promtool");
    cprom_registry *r = registry_of(state);
    add_collector(r, "all", emit_all, NULL);
    add_infos_and_states(r);
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_int_equal(page.parsed->n_families, FAMILIES + 5);
    char *output;
    assert_int_equal(promtool_check_metrics(page.text, page.len, &output), 3);
    ct_page_free(&page);
    bool newer = is_newer_promtool();
    char *ours = lint(r), *ours_sorted = sorted_lines(ours, newer), *theirs = sorted_lines(output, newer);
    ct_assert_text_equal(ours_sorted, theirs);
    free(output);
    free(ours);
    free(ours_sorted);
    free(theirs);
}

/*==============================================================================
 * What else is looked at
 *============================================================================*/

static void test_lint_clean_registry_has_no_findings(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter *c;
    size_t n = 77;
    assert_ok(cprom_registry_lint(r, NULL, NULL, &n));
    assert_int_equal(n, 0);
    assert_ok(cprom_counter_new(r, OPTS(.name = "c_total", .help = "C."), &c));
    assert_ok(cprom_process_collector_new(r));
    assert_lint(r, "");
}

static void test_lint_families_without_series_are_looked_at(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge_vec *g;
    cprom_histogram_vec *h;
    assert_ok(cprom_gauge_vec_new(r, OPTS(.name = "wait_ms", .help = "G.", .labels = {"stepName"}), &g));
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "h_histogram", .help = "H.", .labels = {"a"}), &h));
    static const char expected[] = "h_histogram metric name should not include type 'histogram'\n"
                                   "wait_ms label names should be written in 'snake_case' not 'camelCase'\n"
                                   "wait_ms metric names should not contain abbreviated units\n";
    assert_lint(r, expected);
    cprom_gauge_vec_set(g, CPROM_STRS("a"), 1);
    cprom_gauge_vec_set(g, CPROM_STRS("b"), 1);
    assert_lint(r, expected);
    assert_ok(cprom_registry_unregister(r, "wait_ms"));
    assert_lint(r, "h_histogram metric name should not include type 'histogram'\n");
}

/* promtool of Prometheus 2.42 names any of them, newer ones the first. */
static void test_lint_first_of_several_units_is_told(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *g;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "x_minutes_per_kilohours_hours", .help = "G."), &g));
    assert_lint(r, "x_minutes_per_kilohours_hours use base unit \"seconds\" instead of \"minutes\"\n");
    assert_ok(cprom_gauge_new(r, OPTS(.name = "a_bytes_per_minutes", .help = "G."), &g));
    assert_lint(r, "x_minutes_per_kilohours_hours use base unit \"seconds\" instead of \"minutes\"\n");
}

static void test_lint_declared_families_are_looked_at(void **state)
{
    cprom_registry *r = registry_of(state);
    const cprom_desc descs[] = {{.size = sizeof(cprom_desc), .name = "declared", .type = CPROM_COUNTER, .help = "D."}};
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "declares";
    opts.collect = collect_nothing;
    opts.descs = descs;
    opts.n_descs = 1;
    assert_ok(cprom_collector_new(r, &opts));
    assert_lint(r, "declared counter metrics should have \"_total\" suffix\n");
}

static void test_lint_prefix_and_const_labels_are_looked_at(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "my_ms_";
    opts.const_labels[0] = (cprom_label){"hostName", "x"};
    cprom_registry *r;
    cprom_gauge *g;
    assert_ok(cprom_registry_new(&opts, &r));
    assert_ok(cprom_gauge_new(r, OPTS(.name = "g", .help = "G."), &g));
    assert_lint(r, "my_ms_g label names should be written in 'snake_case' not 'camelCase'\n"
                   "my_ms_g metric names should not contain abbreviated units\n");
    cprom_registry_free(r);
}

/* Label names of one family may differ where nobody declared them. */
static cprom_status emit_mixed(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    (void)cprom_emit(out, DESC(.name = "mixed", .help = "M.", G, .labels = {"a"}), CPROM_STRS("1"), 1);
    (void)cprom_emit(out, DESC(.name = "mixed", .help = "M.", G, .labels = {"le"}), CPROM_STRS("1"), 1);
    (void)cprom_emit(out, DESC(.name = "mixed", .help = "M.", G, .labels = {"bC"}), CPROM_STRS("1"), 1);
    (void)cprom_emit(out, DESC(.name = "mixed", .help = "M.", G, .labels = {"le"}), CPROM_STRS("2"), 1);
    return cprom_emit(out, DESC(.name = "other"), CPROM_NO_STRS, 1);
}

static void test_lint_labels_of_every_sample_are_looked_at(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "mixed", emit_mixed, NULL);
    assert_lint(r, "mixed label names should be written in 'snake_case' not 'camelCase'\n"
                   "mixed non-histogram metrics should not have \"le\" label\n"
                   "other no help text\n");
}

/* Instruments, declared families and others: all in one order, each once. */
static cprom_status emit_between(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    (void)cprom_emit(out, DESC(.name = "m_ms", .help = "M.", G), CPROM_NO_STRS, 1);
    return cprom_emit(out, DESC(.name = "z_ms", .help = "Z.", G), CPROM_NO_STRS, 1);
}

static double forty_two(void *ctx)
{
    (void)ctx;
    return 42;
}

static void test_lint_all_sources_are_told_in_one_order(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *g;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "y_ms", .help = "Y."), &g));
    assert_ok(cprom_gauge_new(r, OPTS(.name = "a_ms", .help = "A."), &g));
    assert_ok(cprom_gauge_func_new(r, OPTS(.name = "n_ms", .help = "N."), forty_two, NULL));
    add_collector(r, "between", emit_between, NULL);
    assert_lint(r, "a_ms metric names should not contain abbreviated units\n"
                   "m_ms metric names should not contain abbreviated units\n"
                   "n_ms metric names should not contain abbreviated units\n"
                   "y_ms metric names should not contain abbreviated units\n"
                   "z_ms metric names should not contain abbreviated units\n");
}

/*==============================================================================
 * Statuses
 *============================================================================*/

static void test_lint_wrong_arguments_are_refused(void **state)
{
    size_t n = 77;
    assert_status(cprom_registry_lint(NULL, tell, NULL, &n), CPROM_EINVAL);
    assert_int_equal(n, 0);
    assert_ok(cprom_registry_lint(registry_of(state), NULL, NULL, NULL));
}

static cprom_status lint_inside(void *ctx, cprom_scrape *out)
{
    size_t n = 77;
    assert_status(cprom_registry_lint(ctx, NULL, NULL, &n), CPROM_EBUSY);
    assert_int_equal(n, 0);
    return cprom_emit(out, DESC(.name = "seen"), CPROM_NO_STRS, 1);
}

static void test_lint_inside_a_callback_is_refused(void **state)
{
    cprom_registry *r = registry_of(state);
    add_collector(r, "inside", lint_inside, r);
    assert_lint(r, "seen no help text\n");
}

/* The finding may do what a program may do: no lock is held. */
static void use_library(void *ctx, const char *family, const char *text)
{
    cprom_registry *r = ctx;
    cprom_gauge *g;
    (void)text;
    assert_ok(cprom_registry_value(r, family, CPROM_NO_LABELS, NULL));
    assert_ok(cprom_gauge_new(r, OPTS(.name = "fresh", .help = "F."), &g));
    assert_ok(cprom_registry_unregister(r, family));
    assert_string_equal(family, "a_ms");
}

static void test_lint_of_a_parent_looks_at_its_children(void **state)
{
    cprom_registry *r = registry_of(state);
    ct_fixture *child = ct_fixture_child(r, CPROM_LABELS({"hostName", "x"}));
    cprom_gauge *g;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "g", .help = "G."), &g));
    assert_ok(cprom_gauge_new(child->registry, OPTS(.name = "g", .help = "G."), &g));
    assert_ok(cprom_gauge_new(child->registry, OPTS(.name = "a_ms", .help = "A."), &g));
    assert_lint(r, "a_ms label names should be written in 'snake_case' not 'camelCase'\n"
                   "a_ms metric names should not contain abbreviated units\n"
                   "g label names should be written in 'snake_case' not 'camelCase'\n");
    ct_fixture_free(child);
    assert_lint(r, "");
}

static void test_lint_finding_may_use_the_library(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_gauge *g;
    size_t n;
    assert_ok(cprom_gauge_new(r, OPTS(.name = "a_ms", .help = "A."), &g));
    assert_ok(cprom_registry_lint(r, use_library, r, &n));
    assert_int_equal(n, 1);
    assert_lint(r, "");
}

static void test_lint_without_memory_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    add_collector(r, "all", emit_all, NULL);
    free(lint(r));
    size_t blocks = atomic_load(&fixture->alloc.blocks), failures = 0;
    for (size_t nth = 1;; nth++) {
        told t = {NULL, 0, 0};
        size_t n = 77;
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        cprom_status status = cprom_registry_lint(r, tell, &t, &n);
        free(t.text);
        if (!atomic_load(&fixture->alloc.failed)) break;
        assert_status(status, CPROM_ENOMEM);
        assert_int_equal(t.n, 0);
        assert_int_equal(n, 0);
        assert_int_equal(atomic_load(&fixture->alloc.blocks), blocks);
        failures++;
    }
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    assert_in_range(failures, 1, 2000);
}

int group_lint(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_lint_bad_families_are_told_in_the_words_of_promtool),
        TEST(test_lint_promtool_says_the_same),
        TEST(test_lint_clean_registry_has_no_findings),
        TEST(test_lint_families_without_series_are_looked_at),
        TEST(test_lint_first_of_several_units_is_told),
        TEST(test_lint_declared_families_are_looked_at),
        TEST(test_lint_prefix_and_const_labels_are_looked_at),
        TEST(test_lint_labels_of_every_sample_are_looked_at),
        TEST(test_lint_all_sources_are_told_in_one_order),
        TEST(test_lint_wrong_arguments_are_refused),
        TEST(test_lint_inside_a_callback_is_refused),
        TEST(test_lint_of_a_parent_looks_at_its_children),
        TEST(test_lint_finding_may_use_the_library),
        TEST(test_lint_without_memory_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
