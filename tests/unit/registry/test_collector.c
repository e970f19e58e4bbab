/* Callback collectors: what they may emit, what it looks like, what is refused, and who loses when two collide. */
#include <math.h>

#include "support/cprom_test.h"

#define GAUGE(...) GAUGE_OF(__VA_ARGS__, NULL) /* name and labels */
#define GAUGE_OF(name_, ...) DESC(.name = name_, .type = CPROM_GAUGE, .labels = {__VA_ARGS__})
#define HISTOGRAM(...) (&(const cprom_const_histogram){.size = sizeof(cprom_const_histogram), __VA_ARGS__})
#define SUMMARY(...) (&(const cprom_const_summary){.size = sizeof(cprom_const_summary), __VA_ARGS__})
#define DOUBLES(...) ((const double[]){__VA_ARGS__})
#define COUNTS(...) ((const uint64_t[]){__VA_ARGS__})

typedef cprom_status emitter(cprom_scrape *out);

/* The ctx of a collector is the function that emits, in a struct: a function pointer is no void pointer. */
typedef struct emission {
    emitter *emit;
    cprom_status got;
} emission;

/* A refusal need not be looked at: the collector itself always says that all is well. */
static cprom_status collect(void *ctx, cprom_scrape *out)
{
    emission *of = ctx;
    of->got = of->emit(out);
    return CPROM_OK;
}

/* In emitters, instead of assertions: these would jump out of the library. */
#define MUST(call)                                                                                                     \
    do {                                                                                                               \
        cprom_status must_be_ok = (call);                                                                              \
        if (must_be_ok) return must_be_ok;                                                                             \
    } while (0)

static void add(cprom_registry *registry, const char *name, emission *of, const cprom_desc *descs, size_t n_descs)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = name;
    opts.collect = collect;
    opts.ctx = of;
    opts.descs = descs;
    opts.n_descs = n_descs;
    assert_ok(cprom_collector_new(registry, &opts));
}

/* The page of one unchecked collector that emits this. */
static void assert_prints(void **state, emitter *emit, const char *expected)
{
    ct_fixture *fixture = *state;
    emission of = {emit, CPROM_EINVAL};
    add(fixture->registry, "one", &of, NULL, 0);
    ct_assert_page(fixture->registry, expected);
    assert_ok(of.got);
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

/*==============================================================================
 * What is printed
 *============================================================================*/

static cprom_status emit_plain_types(cprom_scrape *out)
{
    MUST(cprom_emit(out, DESC(.name = "c_untyped", .help = "An \"odd\" \\ one\nhere."), CPROM_NO_STRS, -2.5));
    MUST(cprom_emit(out, DESC(.name = "a_total", .help = "A counter.", .type = CPROM_COUNTER), CPROM_NO_STRS, 3));
    MUST(cprom_emit(out, DESC(.name = "foreign", .type = CPROM_COUNTER), CPROM_NO_STRS, 1234567));
    return cprom_emit(out, DESC(.name = "b_seconds", .unit = "seconds", .type = CPROM_GAUGE, .labels = {"l"}),
                      CPROM_STRS("x\"\n\\"), NAN);
}

static void test_emit_plain_types_print_type_help_and_value(void **state)
{
    assert_prints(state, emit_plain_types,
                  "# HELP a_total A counter.\n# TYPE a_total counter\na_total 3\n"
                  "# TYPE b_seconds gauge\nb_seconds{l=\"x\\\"\\n\\\\\"} NaN\n"
                  "# HELP c_untyped An \"odd\" \\\\ one\\nhere.\n# TYPE c_untyped untyped\nc_untyped -2.5\n"
                  "# TYPE foreign counter\nforeign 1.234567e+06\n");
}

static cprom_status emit_plain_types_at(cprom_scrape *out)
{
    MUST(cprom_emit_at(out, DESC(.name = "u"), CPROM_NO_STRS, 1, 0));
    MUST(cprom_emit_at(out, DESC(.name = "c_total", .type = CPROM_COUNTER), CPROM_NO_STRS, 2, 1));
    MUST(cprom_emit_at(out, GAUGE("g", "l"), CPROM_STRS("a"), 3, 1700000000123));
    MUST(cprom_emit(out, GAUGE("g", "l"), CPROM_STRS("c"), 3));
    return cprom_emit_at(out, GAUGE("g", "l"), CPROM_STRS("b"), INFINITY, INT64_MAX);
}

static void test_emit_at_plain_types_print_timestamps(void **state)
{
    assert_prints(state, emit_plain_types_at,
                  "# TYPE c_total counter\nc_total 2 1\n"
                  "# TYPE g gauge\ng{l=\"a\"} 3 1700000000123\ng{l=\"b\"} +Inf 9223372036854775807\ng{l=\"c\"} 3\n"
                  "# TYPE u untyped\nu 1 0\n");
}

#define HIST DESC(.name = "h", .type = CPROM_HISTOGRAM, .labels = {"l"})

static cprom_status emit_histograms(cprom_scrape *out)
{
    MUST(cprom_emit_histogram(out, HIST, CPROM_STRS("a"),
                                   HISTOGRAM(.bounds = DOUBLES(-1, 0.5, 2), .buckets = COUNTS(0, 3, 3), .n_bounds = 3,
                                             .count = 5, .sum = -7.25)));
    MUST(cprom_emit_histogram(out, HIST, CPROM_STRS("b"),
                                   HISTOGRAM(.bounds = DOUBLES(1e6, INFINITY), .buckets = COUNTS(1, 2693),
                                             .n_bounds = 2, .count = 2693, .sum = NAN)));
    MUST(cprom_emit_histogram(out, HIST, CPROM_STRS("c"), HISTOGRAM(.count = 4, .sum = 1, .timestamp_ms = 7)));
    return cprom_emit_histogram(out, HIST, CPROM_STRS("d"),
                                HISTOGRAM(.bounds = DOUBLES(INFINITY), .buckets = COUNTS(0), .n_bounds = 1));
}

static void test_emit_histogram_with_and_without_inf_bound_prints_inf_once(void **state)
{
    assert_prints(state, emit_histograms,
                  "# TYPE h histogram\n"
                  "h_bucket{l=\"a\",le=\"-1\"} 0\nh_bucket{l=\"a\",le=\"0.5\"} 3\nh_bucket{l=\"a\",le=\"2\"} 3\n"
                  "h_bucket{l=\"a\",le=\"+Inf\"} 5\nh_sum{l=\"a\"} -7.25\nh_count{l=\"a\"} 5\n"
                  "h_bucket{l=\"b\",le=\"1e+06\"} 1\nh_bucket{l=\"b\",le=\"+Inf\"} 2693\n"
                  "h_sum{l=\"b\"} NaN\nh_count{l=\"b\"} 2693\n"
                  "h_bucket{l=\"c\",le=\"+Inf\"} 4 7\nh_sum{l=\"c\"} 1 7\nh_count{l=\"c\"} 4 7\n"
                  "h_bucket{l=\"d\",le=\"+Inf\"} 0\nh_sum{l=\"d\"} 0\nh_count{l=\"d\"} 0\n");
}

#define GAUGE_HIST DESC(.name = "gh", .type = CPROM_GAUGE_HISTOGRAM, .labels = {"l"})

static cprom_status emit_gauge_histograms(cprom_scrape *out)
{
    MUST(cprom_emit_histogram(out, GAUGE_HIST, CPROM_STRS("a"),
                              HISTOGRAM(.bounds = DOUBLES(-1, 2), .buckets = COUNTS(3, 3), .n_bounds = 2, .count = 5,
                                        .sum = -7.25)));
    return cprom_emit_histogram(out, GAUGE_HIST, CPROM_STRS("b"), HISTOGRAM(.sum = -0.5, .timestamp_ms = 7));
}

static void test_emit_gauge_histogram_prints_a_histogram(void **state)
{
    assert_prints(state, emit_gauge_histograms,
                  "# TYPE gh histogram\n"
                  "gh_bucket{l=\"a\",le=\"-1\"} 3\ngh_bucket{l=\"a\",le=\"2\"} 3\ngh_bucket{l=\"a\",le=\"+Inf\"} 5\n"
                  "gh_sum{l=\"a\"} -7.25\ngh_count{l=\"a\"} 5\n"
                  "gh_bucket{l=\"b\",le=\"+Inf\"} 0 7\ngh_sum{l=\"b\"} -0.5 7\ngh_count{l=\"b\"} 0 7\n");
}

#define SUMM DESC(.name = "s", .type = CPROM_SUMMARY, .labels = {"z"})

static cprom_status emit_summaries(cprom_scrape *out)
{
    MUST(cprom_emit_summary(out, SUMM, CPROM_STRS("b"), SUMMARY(.count = 9007199254740993, .sum = 0.1)));
    MUST(cprom_emit_summary(out, SUMM, CPROM_STRS(""),
                                 SUMMARY(.quantiles = DOUBLES(0.5), .values = DOUBLES(NAN), .n_quantiles = 1,
                                         .timestamp_ms = 1)));
    return cprom_emit_summary(out, SUMM, CPROM_STRS("a"),
                              SUMMARY(.quantiles = DOUBLES(0, 0.5, 0.99, 1), .values = DOUBLES(1, 9, 2, -3),
                                      .n_quantiles = 4, .count = 1000000, .sum = 5));
}

static void test_emit_summary_with_and_without_quantiles_prints_them_ascending(void **state)
{
    assert_prints(state, emit_summaries,
                  "# TYPE s summary\n"
                  "s{z=\"\",quantile=\"0.5\"} NaN 1\ns_sum{z=\"\"} 0 1\ns_count{z=\"\"} 0 1\n"
                  "s{z=\"a\",quantile=\"0\"} 1\ns{z=\"a\",quantile=\"0.5\"} 9\ns{z=\"a\",quantile=\"0.99\"} 2\n"
                  "s{z=\"a\",quantile=\"1\"} -3\ns_sum{z=\"a\"} 5\ns_count{z=\"a\"} 1e+06\n"
                  "s_sum{z=\"b\"} 0.1\ns_count{z=\"b\"} 9.007199254740992e+15\n");
}

static cprom_status emit_and_overwrite(cprom_scrape *out)
{
    char name[] = "m", label[] = "l", value[] = "v", help[] = "H.";
    double bounds[] = {1, 2};
    uint64_t buckets[] = {1, 2};
    cprom_desc desc = {.size = sizeof desc, .name = name, .help = help, .type = CPROM_HISTOGRAM, .labels = {label}};
    cprom_const_histogram histogram = {.size = sizeof histogram, .bounds = bounds, .buckets = buckets, .n_bounds = 2,
                                       .count = 2, .sum = 3};
    cprom_status status = cprom_emit_histogram(out, &desc, CPROM_STRS(value), &histogram);
    memset(name, 'x', 1), memset(label, 'x', 1), memset(value, 'x', 1), memset(help, 'x', 2);
    memset(bounds, 0, sizeof bounds), memset(buckets, 0, sizeof buckets);
    memset(&desc, 0x5a, sizeof desc), memset(&histogram, 0x5a, sizeof histogram);
    return status;
}

static void test_emit_histogram_arguments_overwritten_later_prints_what_was_emitted(void **state)
{
    assert_prints(state, emit_and_overwrite,
                  "# HELP m H.\n# TYPE m histogram\nm_bucket{l=\"v\",le=\"1\"} 1\nm_bucket{l=\"v\",le=\"2\"} 2\n"
                  "m_bucket{l=\"v\",le=\"+Inf\"} 2\nm_sum{l=\"v\"} 3\nm_count{l=\"v\"} 2\n");
}

static cprom_status emit_different_labels(cprom_scrape *out)
{
    MUST(cprom_emit(out, GAUGE("m", "b", "a"), CPROM_STRS("1", "2"), 1));
    MUST(cprom_emit(out, GAUGE("m", "z"), CPROM_STRS("b"), 2));
    MUST(cprom_emit(out, GAUGE("m"), CPROM_NO_STRS, 3));
    MUST(cprom_emit(out, GAUGE("m", "y"), CPROM_STRS("b"), 4));
    MUST(cprom_emit(out, GAUGE("m", "a", "c"), CPROM_STRS("2", "0"), 5));
    return cprom_emit(out, GAUGE("m", "y"), CPROM_STRS("a"), 6);
}

static void test_emit_different_label_names_sorts_by_number_of_labels_then_values(void **state)
{
    assert_prints(state, emit_different_labels,
                  "# TYPE m gauge\nm 3\nm{y=\"a\"} 6\nm{y=\"b\"} 4\nm{z=\"b\"} 2\n"
                  "m{a=\"2\",c=\"0\"} 5\nm{a=\"2\",b=\"1\"} 1\n");
}

static cprom_status emit_desc_sizes(cprom_scrape *out)
{
    struct {
        cprom_desc desc;
        char more[64];
    } longer = {.desc = {.size = sizeof longer, .name = "longer", .type = CPROM_GAUGE, .labels = {"l"}}};
    size_t size = offsetof(cprom_desc, type);
    char *shorter = malloc(size); /* of its own, so that sanitizers see what is read behind it */
    assert_non_null(shorter);
    memcpy(shorter, &(cprom_desc){.size = size, .name = "shorter", .help = "Short."}, size);
    cprom_status status = cprom_emit(out, (const cprom_desc *)(const void *)shorter, CPROM_NO_STRS, 1);
    free(shorter);
    MUST(status);
    return cprom_emit(out, &longer.desc, CPROM_STRS("x"), 2);
}

static void test_emit_desc_of_another_version_takes_what_it_knows(void **state)
{
    assert_prints(state, emit_desc_sizes,
                  "# TYPE longer gauge\nlonger{l=\"x\"} 2\n# HELP shorter Short.\n# TYPE shorter untyped\nshorter 1\n");
}

static cprom_status emit_nothing(cprom_scrape *out)
{
    (void)out;
    return CPROM_OK;
}

static void test_collector_that_emits_nothing_prints_nothing(void **state)
{
    ct_fixture *fixture = *state;
    emission of = {emit_nothing, CPROM_OK};
    add(fixture->registry, "checked", &of, GAUGE("m"), 1);
    assert_prints(state, emit_nothing, "");
}

static cprom_status emit_declared(cprom_scrape *out)
{
    MUST(cprom_emit(out, DESC(.name = "m", .help = "Said later.", .type = CPROM_GAUGE, .labels = {"b", "a"}),
                         CPROM_STRS("1", "2"), 1));
    return cprom_emit(out, DESC(.name = "h", .type = CPROM_COUNTER), CPROM_NO_STRS, 2);
}

static void test_collector_checked_prints_the_declared_help_under_prefix_and_const_labels(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"host", "h\n1"};
    cprom_registry *registry;
    assert_ok(cprom_registry_new(&opts, &registry));
    const cprom_desc descs[] = {
        {.size = sizeof(cprom_desc), .name = "h", .type = CPROM_COUNTER},
        {.size = sizeof(cprom_desc), .name = "m", .help = "Declared.", .type = CPROM_GAUGE, .labels = {"b", "a"}}};
    emission of = {emit_declared, CPROM_OK};
    add(registry, "one", &of, descs, 2);
    ct_assert_page(registry, "# TYPE ci_h counter\nci_h{host=\"h\\n1\"} 2\n"
                             "# HELP ci_m Declared.\n# TYPE ci_m gauge\nci_m{a=\"2\",b=\"1\",host=\"h\\n1\"} 1\n");
    assert_int_equal(ct_log_count(&fixture->log), 0);
    cprom_registry_free(registry);
}

/* "ci_" and "process_x" without its first three bytes: only the prefix tells them apart. */
static cprom_status emit_alike_under_prefix(cprom_scrape *out)
{
    MUST(cprom_emit(out, GAUGE("process_x"), CPROM_NO_STRS, 1));
    return cprom_emit(out, GAUGE("cess_x"), CPROM_NO_STRS, 2);
}

static void test_emit_name_that_ends_like_an_unprefixed_one_is_another_family(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    cprom_registry *registry;
    assert_ok(cprom_registry_new(&opts, &registry));
    emission of = {emit_alike_under_prefix, CPROM_OK};
    add(registry, "one", &of, NULL, 0);
    ct_assert_page(registry, "# TYPE ci_cess_x gauge\nci_cess_x 2\n# TYPE process_x gauge\nprocess_x 1\n");
    cprom_registry_free(registry);
}

/*==============================================================================
 * Whole or not at all: the rest of the page stands, one line says why
 *============================================================================*/

static cprom_status emit_good(cprom_scrape *out)
{
    return cprom_emit(out, DESC(.name = "good", .type = CPROM_COUNTER), CPROM_NO_STRS, 2);
}

/*
 * A page of a gauge, the collector "bad" (checked if `descs` are given) and the collector "fine": without the second,
 * and one line in the log with its name, `family`, `labels` and `reason`.
 */
static void assert_fails(void **state, emitter *emit, cprom_status status, const cprom_desc *descs, size_t n_descs,
                         const char *family, const char *labels, const char *reason)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    emission of = {emit, CPROM_ESYS}, good = {emit_good, CPROM_ESYS};
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "a_gauge", .help = "A."), &gauge));
    add(fixture->registry, "bad", &of, descs, n_descs);
    add(fixture->registry, "fine", &good, NULL, 0);

    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text,
                         "# HELP a_gauge A.\n# TYPE a_gauge gauge\na_gauge 0\n# TYPE good counter\ngood 2\n");
    ct_page_free(&page);
    assert_ok(good.got);
    assert_status(of.got, status);
    if (ct_log_count(&fixture->log) != 1 || !ct_log_has(&fixture->log, "\"bad\"", family, labels, reason)) {
        for (size_t i = 0; i < fixture->log.n; i++) print_error("log: %s\n", fixture->log.lines[i]);
        fail_msg("the log does not say, in one line: \"bad\" %s %s %s", family, labels, reason);
    }
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(fixture->registry, &stats));
    assert_int_equal(stats.collector_failures, 1);

    page = ct_page_read(fixture->registry, CPROM_OPTS(cprom_page_opts, .self_metrics = true), 65536);
    assert_true(parser_value(page.parsed, "cprom_collector_success{collector=\"bad\"}") == 0);
    assert_true(parser_value(page.parsed, "cprom_collector_success{collector=\"fine\"}") == 1);
    ct_page_free(&page);
}

/* One test: the status of what `call` emits, between two good samples, and what the log says. */
#define REFUSED(condition, status, family, labels, reason, call)                                                       \
    static cprom_status emit_##condition(cprom_scrape *out)                                                            \
    {                                                                                                                  \
        MUST(cprom_emit(out, GAUGE("before", "l"), CPROM_STRS("x"), 1));                                               \
        cprom_status result = call;                                                                                    \
        (void)cprom_emit(out, GAUGE("behind"), CPROM_NO_STRS, 1);                                                      \
        return result;                                                                                                 \
    }                                                                                                                  \
    static void test_emit_##condition##_fails_the_collector(void **state)                                              \
    {                                                                                                                  \
        assert_fails(state, emit_##condition, status, NULL, 0, family, labels, reason);                                \
    }

static char too_long[CPROM_VALUE_MAX + 2];

static const char *too_long_value(void)
{
    memset(too_long, 'v', CPROM_VALUE_MAX + 1);
    return too_long;
}

#define X CPROM_NO_STRS
#define EMIT_H(...) cprom_emit_histogram(out, HIST, CPROM_STRS("v"), HISTOGRAM(__VA_ARGS__))
#define EMIT_S(...) cprom_emit_summary(out, SUMM, CPROM_STRS("v"), SUMMARY(__VA_ARGS__))
#define LONG_TAIL(type) ((const struct { type of; char more[8]; }){.of = {.size = sizeof(type) + 8}, .more = "x"}.of)

REFUSED(null_desc, CPROM_EINVAL, "family", "{}", "descriptor", cprom_emit(out, NULL, X, 1))
REFUSED(null_desc_histogram, CPROM_EINVAL, "family", "{}", "descriptor",
        cprom_emit_histogram(out, NULL, X, HISTOGRAM(.count = 0)))
REFUSED(null_desc_summary, CPROM_EINVAL, "family", "{}", "descriptor",
        cprom_emit_summary(out, NULL, X, SUMMARY(.count = 0)))
REFUSED(null_desc_at, CPROM_EINVAL, "family", "{}", "descriptor", cprom_emit_at(out, NULL, X, 1, -1))
REFUSED(desc_size_0, CPROM_EINVAL, "family", "{v}", "size",
        cprom_emit(out, &(const cprom_desc){.name = "m"}, CPROM_STRS("v"), 1))
REFUSED(desc_with_unknown_tail, CPROM_EINVAL, "family", "{}", "size", cprom_emit(out, &LONG_TAIL(cprom_desc), X, 1))
REFUSED(desc_of_nothing_but_a_size, CPROM_ENAME, "family", "{}", "no name",
        cprom_emit_at(out, (const cprom_desc *)(const void *)&(const size_t){sizeof(size_t)}, X, 1, -1))
REFUSED(no_name, CPROM_ENAME, "family", "{}", "no name", cprom_emit(out, DESC(.help = "H."), X, 1))
REFUSED(bad_name, CPROM_ENAME, "\"1x\"", "{}", "metric name", cprom_emit(out, GAUGE("1x"), X, 1))
REFUSED(reserved_name, CPROM_ENAME, "\"cprom_x\"", "{}", "cprom_", cprom_emit(out, GAUGE("cprom_x"), X, 1))
REFUSED(wrong_unit, CPROM_ENAME, "\"m_bytes\"", "{}", "unit",
        cprom_emit(out, DESC(.name = "m_bytes", .unit = "seconds"), X, 1))
REFUSED(bad_help, CPROM_EUTF8, "\"m\"", "{}", "help", cprom_emit(out, DESC(.name = "m", .help = "\xff"), X, 1))
REFUSED(bad_type, CPROM_EINVAL, "\"m\"", "{}", "type", cprom_emit(out, DESC(.name = "m", .type = (cprom_type)8), X, 1))
REFUSED(bad_label, CPROM_ELABELS, "\"m\"", "{v}", "a-b", cprom_emit(out, GAUGE("m", "a-b"), CPROM_STRS("v"), 1))
REFUSED(reserved_label, CPROM_ELABELS, "\"m\"", "{v}", "__", cprom_emit(out, GAUGE("m", "__l"), CPROM_STRS("v"), 1))
REFUSED(label_twice, CPROM_ELABELS, "\"m\"", "{v, w}", "twice",
        cprom_emit(out, GAUGE("m", "l", "l"), CPROM_STRS("v", "w"), 1))
REFUSED(le_on_histogram, CPROM_ELABELS, "\"h\"", "{v}", "le",
        cprom_emit_histogram(out, DESC(.name = "h", .type = CPROM_HISTOGRAM, .labels = {"le"}), CPROM_STRS("v"),
                             HISTOGRAM(.count = 0)))
REFUSED(le_on_gauge_histogram, CPROM_ELABELS, "\"gh\"", "{v}", "le",
        cprom_emit_histogram(out, DESC(.name = "gh", .type = CPROM_GAUGE_HISTOGRAM, .labels = {"le"}),
                             CPROM_STRS("v"), HISTOGRAM(.count = 0)))
REFUSED(quantile_on_summary, CPROM_ELABELS, "\"s\"", "{v}", "quantile",
        cprom_emit_summary(out, DESC(.name = "s", .type = CPROM_SUMMARY, .labels = {"quantile"}), CPROM_STRS("v"),
                           SUMMARY(.count = 0)))
REFUSED(too_few_values, CPROM_ELABELS, "\"m\"", "{v}", "as many",
        cprom_emit(out, GAUGE("m", "a", "b"), CPROM_STRS("v"), 1))
REFUSED(too_many_values, CPROM_ELABELS, "\"m\"", "{v}", "as many", cprom_emit(out, GAUGE("m"), CPROM_STRS("v"), 1))
REFUSED(null_value, CPROM_ELABELS, "\"m\"", "{v, }", "NULL",
        cprom_emit(out, GAUGE("m", "a", "b"), CPROM_STRS("v", NULL), 1))
REFUSED(null_list_of_values, CPROM_ELABELS, "\"m\"", "{}", "NULL",
        cprom_emit(out, GAUGE("m", "a"), ((cprom_strs){NULL, 1}), 1))
REFUSED(value_not_utf8, CPROM_EUTF8, "\"m\"", "{v\\xc0}", "UTF-8",
        cprom_emit(out, GAUGE("m", "a"), CPROM_STRS("v\xc0"), 1))
REFUSED(value_too_long, CPROM_EUTF8, "\"m\"", "{vvv", "too long",
        cprom_emit(out, GAUGE("m", "a"), CPROM_STRS(too_long_value()), 1))
REFUSED(negative_timestamp, CPROM_EINVAL, "\"m\"", "{v}", "timestamp",
        cprom_emit_at(out, GAUGE("m", "a"), CPROM_STRS("v"), 1, -1))
REFUSED(histogram_as_value, CPROM_EINVAL, "\"h\"", "{v}", "single value", cprom_emit(out, HIST, CPROM_STRS("v"), 1))
REFUSED(summary_as_value, CPROM_EINVAL, "\"s\"", "{v}", "single value", cprom_emit_at(out, SUMM, CPROM_STRS("v"), 1, 1))
REFUSED(gauge_histogram_as_value, CPROM_EINVAL, "\"gh\"", "{v}", "single value",
        cprom_emit(out, GAUGE_HIST, CPROM_STRS("v"), 1))
REFUSED(gauge_histogram_as_summary, CPROM_EINVAL, "\"gh\"", "{v}", "summary",
        cprom_emit_summary(out, GAUGE_HIST, CPROM_STRS("v"), SUMMARY(.count = 1)))
REFUSED(gauge_histogram_falling_buckets, CPROM_EINVAL, "\"gh\"", "{v}", "cumulative",
        cprom_emit_histogram(out, GAUGE_HIST, CPROM_STRS("v"),
                             HISTOGRAM(.bounds = DOUBLES(1, 2), .buckets = COUNTS(2, 1), .n_bounds = 2, .count = 3)))
REFUSED(gauge_as_histogram, CPROM_EINVAL, "\"m\"", "{}", "histogram",
        cprom_emit_histogram(out, GAUGE("m"), X, HISTOGRAM(.count = 1)))
REFUSED(summary_as_histogram, CPROM_EINVAL, "\"s\"", "{v}", "histogram",
        cprom_emit_histogram(out, SUMM, CPROM_STRS("v"), HISTOGRAM(.count = 1)))
REFUSED(gauge_as_summary, CPROM_EINVAL, "\"m\"", "{}", "summary",
        cprom_emit_summary(out, GAUGE("m"), X, SUMMARY(.count = 1)))
REFUSED(histogram_as_summary, CPROM_EINVAL, "\"h\"", "{v}", "summary",
        cprom_emit_summary(out, HIST, CPROM_STRS("v"), SUMMARY(.count = 1)))
REFUSED(null_histogram, CPROM_EINVAL, "\"h\"", "{v}", "no histogram",
        cprom_emit_histogram(out, HIST, CPROM_STRS("v"), NULL))
REFUSED(histogram_size_0, CPROM_EINVAL, "\"h\"", "{v}", "size",
        cprom_emit_histogram(out, HIST, CPROM_STRS("v"), &(const cprom_const_histogram){.count = 1}))
REFUSED(histogram_with_unknown_tail, CPROM_EINVAL, "\"h\"", "{v}", "size",
        cprom_emit_histogram(out, HIST, CPROM_STRS("v"), &LONG_TAIL(cprom_const_histogram)))
REFUSED(histogram_negative_timestamp, CPROM_EINVAL, "\"h\"", "{v}", "timestamp", EMIT_H(.timestamp_ms = -1))
REFUSED(histogram_without_bounds, CPROM_EINVAL, "\"h\"", "{v}", "bounds",
        EMIT_H(.buckets = COUNTS(1), .n_bounds = 1, .count = 1))
REFUSED(histogram_without_buckets, CPROM_EINVAL, "\"h\"", "{v}", "buckets", EMIT_H(.bounds = DOUBLES(1), .n_bounds = 1))
REFUSED(histogram_equal_bounds, CPROM_EINVAL, "\"h\"", "{v}", "ascending",
        EMIT_H(.bounds = DOUBLES(1, 1), .buckets = COUNTS(1, 1), .n_bounds = 2, .count = 1))
REFUSED(histogram_falling_bounds, CPROM_EINVAL, "\"h\"", "{v}", "ascending",
        EMIT_H(.bounds = DOUBLES(1, 2, 1.5), .buckets = COUNTS(1, 1, 1), .n_bounds = 3, .count = 1))
REFUSED(histogram_inf_in_the_middle, CPROM_EINVAL, "\"h\"", "{v}", "ascending",
        EMIT_H(.bounds = DOUBLES(INFINITY, 2), .buckets = COUNTS(1, 1), .n_bounds = 2, .count = 1))
REFUSED(histogram_zero_bounds_of_both_signs, CPROM_EINVAL, "\"h\"", "{v}", "ascending",
        EMIT_H(.bounds = DOUBLES(-0.0, 0.0), .buckets = COUNTS(1, 1), .n_bounds = 2, .count = 1))
REFUSED(histogram_nan_bound, CPROM_EINVAL, "\"h\"", "{v}", "bounds",
        EMIT_H(.bounds = DOUBLES(1, NAN), .buckets = COUNTS(1, 1), .n_bounds = 2, .count = 1))
REFUSED(histogram_first_bound_nan, CPROM_EINVAL, "\"h\"", "{v}", "bounds",
        EMIT_H(.bounds = DOUBLES(NAN), .buckets = COUNTS(1), .n_bounds = 1, .count = 1))
REFUSED(histogram_negative_inf_bound, CPROM_EINVAL, "\"h\"", "{v}", "bounds",
        EMIT_H(.bounds = DOUBLES(-INFINITY, 1), .buckets = COUNTS(0, 1), .n_bounds = 2, .count = 1))
REFUSED(histogram_falling_buckets, CPROM_EINVAL, "\"h\"", "{v}", "cumulative",
        EMIT_H(.bounds = DOUBLES(1, 2), .buckets = COUNTS(2, 1), .n_bounds = 2, .count = 3))
REFUSED(histogram_count_below_last_bucket, CPROM_EINVAL, "\"h\"", "{v}", "cumulative",
        EMIT_H(.bounds = DOUBLES(1, 2), .buckets = COUNTS(1, 3), .n_bounds = 2, .count = 2))
REFUSED(histogram_count_above_inf_bucket, CPROM_EINVAL, "\"h\"", "{v}", "+Inf",
        EMIT_H(.bounds = DOUBLES(1, INFINITY), .buckets = COUNTS(1, 3), .n_bounds = 2, .count = 4))
REFUSED(null_summary, CPROM_EINVAL, "\"s\"", "{v}", "no summary", cprom_emit_summary(out, SUMM, CPROM_STRS("v"), NULL))
REFUSED(summary_size_0, CPROM_EINVAL, "\"s\"", "{v}", "size",
        cprom_emit_summary(out, SUMM, CPROM_STRS("v"), &(const cprom_const_summary){.count = 1}))
REFUSED(summary_with_unknown_tail, CPROM_EINVAL, "\"s\"", "{v}", "size",
        cprom_emit_summary(out, SUMM, CPROM_STRS("v"), &LONG_TAIL(cprom_const_summary)))
REFUSED(summary_negative_timestamp, CPROM_EINVAL, "\"s\"", "{v}", "timestamp", EMIT_S(.timestamp_ms = INT64_MIN))
REFUSED(summary_without_quantiles, CPROM_EINVAL, "\"s\"", "{v}", "quantiles",
        EMIT_S(.values = DOUBLES(1), .n_quantiles = 1))
REFUSED(summary_without_values, CPROM_EINVAL, "\"s\"", "{v}", "values",
        EMIT_S(.quantiles = DOUBLES(1), .n_quantiles = 1))
REFUSED(summary_quantile_below_0, CPROM_EINVAL, "\"s\"", "{v}", "quantiles",
        EMIT_S(.quantiles = DOUBLES(-0.1), .values = DOUBLES(1), .n_quantiles = 1))
REFUSED(summary_quantile_above_1, CPROM_EINVAL, "\"s\"", "{v}", "quantiles",
        EMIT_S(.quantiles = DOUBLES(0.5, 1.001), .values = DOUBLES(1, 1), .n_quantiles = 2))
REFUSED(summary_quantile_nan, CPROM_EINVAL, "\"s\"", "{v}", "quantiles",
        EMIT_S(.quantiles = DOUBLES(0.5, NAN), .values = DOUBLES(1, 1), .n_quantiles = 2))
REFUSED(summary_equal_quantiles, CPROM_EINVAL, "\"s\"", "{v}", "ascending",
        EMIT_S(.quantiles = DOUBLES(0.5, 0.5), .values = DOUBLES(1, 1), .n_quantiles = 2))

/* Series that stand twice. Emitting them is fine, keeping them is not: found when the callback is done. */
REFUSED(same_series_twice, CPROM_OK, "\"m\"", "{a=\"v\"}", "twice",
        (cprom_emit(out, GAUGE("m", "a"), CPROM_STRS("v"), 1), cprom_emit(out, GAUGE("m", "a"), CPROM_STRS("v"), 2)))
REFUSED(same_series_with_other_timestamps, CPROM_OK, "\"m\"", "{a=\"v\"}", "twice",
        (cprom_emit_at(out, GAUGE("m", "a"), CPROM_STRS("v"), 1, 1),
         cprom_emit_at(out, GAUGE("m", "a"), CPROM_STRS("v"), 1, 2)))
REFUSED(same_series_with_and_without_timestamp, CPROM_OK, "\"m\"", "{}", "twice",
        (cprom_emit_at(out, GAUGE("m"), X, 1, 1), cprom_emit(out, GAUGE("m"), X, 1)))
REFUSED(empty_label_beside_absent_label, CPROM_OK, "\"m\"", "{a=\"\"}", "twice",
        (cprom_emit(out, GAUGE("m"), X, 1), cprom_emit(out, GAUGE("m", "a"), CPROM_STRS(""), 1)))
REFUSED(empty_labels_in_other_places, CPROM_OK, "\"m\"", "{b=\"v\",c=\"\"}", "twice",
        (cprom_emit(out, GAUGE("m", "b", "a"), CPROM_STRS("v", ""), 1),
         cprom_emit(out, GAUGE("m", "c", "b"), CPROM_STRS("", "v"), 1)))
REFUSED(same_labels_declared_in_other_order, CPROM_OK, "\"m\"", "{a=\"1\",b=\"2\"}", "twice",
        (cprom_emit(out, GAUGE("m", "a", "b"), CPROM_STRS("1", "2"), 1),
         cprom_emit(out, GAUGE("m", "b", "a"), CPROM_STRS("2", "1"), 1)))
REFUSED(same_histogram_twice, CPROM_OK, "\"h\"", "{l=\"v\"}", "twice", (EMIT_H(.count = 1), EMIT_H(.count = 2)))

/* One family in two versions, and families whose samples would collide, within one collector. */
REFUSED(family_of_another_type, CPROM_OK, "\"m\"", "", "another type",
        (cprom_emit(out, GAUGE("m", "a"), CPROM_STRS("1"), 1), cprom_emit(out, DESC(.name = "m"), X, 1)))
REFUSED(histogram_and_gauge_histogram, CPROM_OK, "\"h\"", "", "another type",
        (EMIT_H(.count = 1), cprom_emit_histogram(out, DESC(.name = "h", .type = CPROM_GAUGE_HISTOGRAM), X,
                                                  HISTOGRAM(.count = 1))))
REFUSED(family_with_another_help, CPROM_OK, "\"m\"", "", "help",
        (cprom_emit(out, DESC(.name = "m", .help = "A."), X, 1),
         cprom_emit(out, DESC(.name = "m", .help = "B.", .labels = {"a"}), CPROM_STRS("1"), 1)))
REFUSED(family_with_another_unit, CPROM_OK, "\"m_s\"", "", "unit",
        (cprom_emit(out, DESC(.name = "m_s"), X, 1),
         cprom_emit(out, DESC(.name = "m_s", .unit = "s", .labels = {"a"}), CPROM_STRS("1"), 1)))
REFUSED(suffix_collision_within, CPROM_OK, "\"h", "", "collide",
        (EMIT_H(.count = 1), cprom_emit(out, GAUGE("h_count"), X, 1)))
REFUSED(gcount_collision_within, CPROM_OK, "\"gh", "", "collide",
        (cprom_emit_histogram(out, GAUGE_HIST, CPROM_STRS("v"), HISTOGRAM(.count = 1)),
         cprom_emit(out, GAUGE("gh_gcount"), X, 1)))

/*==============================================================================
 * Checked collectors: what was not declared
 *============================================================================*/

#define UNDECLARED(condition, family, labels, call)                                                                    \
    static cprom_status emit_undeclared_##condition(cprom_scrape *out)                                                 \
    {                                                                                                                  \
        MUST(cprom_emit(out, GAUGE("m", "a"), CPROM_STRS("x"), 1));                                                    \
        return call;                                                                                                   \
    }                                                                                                                  \
    static void test_emit_undeclared_##condition##_fails_the_collector(void **state)                                   \
    {                                                                                                                  \
        const cprom_desc descs[] = {*GAUGE("m", "a"), *HIST};                                                          \
        assert_fails(state, emit_undeclared_##condition, CPROM_ENOENT, descs, COUNT(descs), family, labels,            \
                     "declare");                                                                                       \
    }

UNDECLARED(name, "\"n\"", "{v}", cprom_emit(out, GAUGE("n", "a"), CPROM_STRS("v"), 1))
UNDECLARED(type, "\"m\"", "{v}", cprom_emit(out, DESC(.name = "m", .labels = {"a"}), CPROM_STRS("v"), 1))
UNDECLARED(label, "\"m\"", "{v}", cprom_emit(out, GAUGE("m", "b"), CPROM_STRS("v"), 1))
UNDECLARED(label_too_many, "\"m\"", "{v, w}", cprom_emit(out, GAUGE("m", "a", "b"), CPROM_STRS("v", "w"), 1))
UNDECLARED(label_missing, "\"m\"", "{}", cprom_emit(out, GAUGE("m"), CPROM_NO_STRS, 1))
UNDECLARED(gauge_histogram, "\"h\"", "{v}",
           cprom_emit_histogram(out, DESC(.name = "h", .type = CPROM_GAUGE_HISTOGRAM, .labels = {"l"}),
                                CPROM_STRS("v"), HISTOGRAM(.count = 1)))
UNDECLARED(summary, "\"h\"", "{v}",
           cprom_emit_summary(out, DESC(.name = "h", .type = CPROM_SUMMARY, .labels = {"l"}), CPROM_STRS("v"),
                              SUMMARY(.count = 1)))

static cprom_status emit_declared_twice(cprom_scrape *out)
{
    MUST(cprom_emit(out, GAUGE("m", "a"), CPROM_STRS(""), 1));
    return cprom_emit(out, GAUGE("m", "a"), CPROM_STRS(""), 1);
}

static void test_emit_same_series_twice_of_a_declared_family_fails_the_collector(void **state)
{
    assert_fails(state, emit_declared_twice, CPROM_OK, GAUGE("m", "a"), 1, "\"m\"", "{a=\"\"}", "twice");
}

/*==============================================================================
 * The callback fails; long names; const labels
 *============================================================================*/

static cprom_status emit_and_return(void *ctx, cprom_scrape *out)
{
    MUST(cprom_emit(out, GAUGE("m"), CPROM_NO_STRS, 1));
    return *(const cprom_status *)ctx;
}

static void assert_returning_fails(void **state, cprom_status returned, const char *reason)
{
    ct_fixture *fixture = *state;
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "bad";
    opts.collect = emit_and_return;
    opts.ctx = &returned;
    assert_ok(cprom_collector_new(fixture->registry, &opts));
    emission good = {emit_good, CPROM_OK};
    add(fixture->registry, "fine", &good, NULL, 0);
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, "# TYPE good counter\ngood 2\n");
    ct_page_free(&page);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    assert_true(ct_log_has(&fixture->log, "\"bad\"", reason));
}

static void test_collect_returns_error_fails_the_collector(void **state)
{
    assert_returning_fails(state, CPROM_ESYS, cprom_status_string(CPROM_ESYS));
}

/* It is the callback that is out of memory, not the page. */
static void test_collect_returns_enomem_fails_the_collector_only(void **state)
{
    assert_returning_fails(state, CPROM_ENOMEM, cprom_status_string(CPROM_ENOMEM));
}

static void test_collect_returns_unknown_status_fails_the_collector(void **state)
{
    assert_returning_fails(state, (cprom_status)77, "unknown");
}

static cprom_status emit_long_and_bad(cprom_scrape *out)
{
    return cprom_emit(out, GAUGE("m", "a", "b"), CPROM_STRS(too_long_value(), "\xff"), 1);
}

static void test_emit_refused_under_long_names_still_logs_the_reason(void **state)
{
    ct_fixture *fixture = *state;
    char name[2000];
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    emission of = {emit_long_and_bad, CPROM_OK};
    add(fixture->registry, name, &of, NULL, 0);
    ct_assert_page(fixture->registry, "");
    assert_status(of.got, CPROM_EUTF8);
    assert_true(ct_log_has(&fixture->log, "collector \"nnnn", "\"m\"", "{vvvv", "too long"));
}

static cprom_status emit_const_label(cprom_scrape *out)
{
    return cprom_emit(out, GAUGE("m", "host"), CPROM_STRS("v"), 1);
}

static void test_emit_const_label_of_the_registry_fails_the_collector(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.const_labels[0] = (cprom_label){"host", "h"};
    cprom_registry *registry;
    assert_ok(cprom_registry_new(&opts, &registry));
    emission of = {emit_const_label, CPROM_OK};
    add(registry, "one", &of, NULL, 0);
    ct_assert_page(registry, "");
    assert_status(of.got, CPROM_ELABELS);
    assert_true(ct_log_has(&fixture->log, "\"one\"", "\"m\"", "{v}", "const label"));
    cprom_registry_free(registry);
}

static void test_emit_null_scrape_is_einval(void **state)
{
    (void)state;
    assert_status(cprom_emit(NULL, GAUGE("m"), X, 1), CPROM_EINVAL);
    assert_status(cprom_emit_at(NULL, GAUGE("m"), X, 1, 1), CPROM_EINVAL);
    assert_status(cprom_emit_histogram(NULL, HIST, X, HISTOGRAM(.count = 1)), CPROM_EINVAL);
    assert_status(cprom_emit_summary(NULL, SUMM, X, SUMMARY(.count = 1)), CPROM_EINVAL);
    assert_true(cprom_scrape_deadline(NULL) == INT64_MAX);
}

#define R(condition) TEST(test_emit_##condition##_fails_the_collector)

int group_collector(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_emit_plain_types_print_type_help_and_value), TEST(test_emit_at_plain_types_print_timestamps),
        TEST(test_emit_histogram_with_and_without_inf_bound_prints_inf_once),
        TEST(test_emit_gauge_histogram_prints_a_histogram),
        TEST(test_emit_summary_with_and_without_quantiles_prints_them_ascending),
        TEST(test_emit_histogram_arguments_overwritten_later_prints_what_was_emitted),
        TEST(test_emit_different_label_names_sorts_by_number_of_labels_then_values),
        TEST(test_emit_desc_of_another_version_takes_what_it_knows), TEST(test_collector_that_emits_nothing_prints_nothing),
        TEST(test_collector_checked_prints_the_declared_help_under_prefix_and_const_labels),
        TEST(test_emit_name_that_ends_like_an_unprefixed_one_is_another_family),
        R(null_desc), R(null_desc_histogram), R(null_desc_summary), R(null_desc_at), R(desc_size_0),
        R(desc_with_unknown_tail),
        R(desc_of_nothing_but_a_size), R(no_name), R(bad_name), R(reserved_name), R(wrong_unit), R(bad_help),
            R(bad_type),
        R(bad_label), R(reserved_label), R(label_twice), R(le_on_histogram), R(le_on_gauge_histogram),
        R(quantile_on_summary), R(too_few_values), R(too_many_values), R(null_value), R(null_list_of_values),
        R(value_not_utf8), R(value_too_long), R(negative_timestamp), R(histogram_as_value), R(summary_as_value), R(gauge_histogram_as_value),
        R(gauge_histogram_as_summary), R(gauge_histogram_falling_buckets), R(gauge_as_histogram),
        R(summary_as_histogram), R(gauge_as_summary), R(histogram_as_summary), R(null_histogram), R(histogram_size_0),
        R(histogram_with_unknown_tail), R(histogram_negative_timestamp), R(histogram_without_bounds),
        R(histogram_without_buckets), R(histogram_equal_bounds), R(histogram_falling_bounds),
        R(histogram_inf_in_the_middle), R(histogram_zero_bounds_of_both_signs), R(histogram_nan_bound),
        R(histogram_first_bound_nan), R(histogram_negative_inf_bound), R(histogram_falling_buckets),
        R(histogram_count_below_last_bucket), R(histogram_count_above_inf_bucket), R(null_summary), R(summary_size_0),
        R(summary_with_unknown_tail), R(summary_negative_timestamp), R(summary_without_quantiles),
        R(summary_without_values), R(summary_quantile_below_0), R(summary_quantile_above_1), R(summary_quantile_nan),
        R(summary_equal_quantiles), R(same_series_twice), R(same_series_with_other_timestamps),
        R(same_series_with_and_without_timestamp), R(empty_label_beside_absent_label), R(empty_labels_in_other_places),
        R(same_labels_declared_in_other_order), R(same_histogram_twice), R(family_of_another_type),
        R(histogram_and_gauge_histogram), R(family_with_another_help), R(family_with_another_unit),
        R(suffix_collision_within), R(gcount_collision_within),
        R(undeclared_name), R(undeclared_type), R(undeclared_label), R(undeclared_label_too_many),
        R(undeclared_label_missing), R(undeclared_gauge_histogram), R(undeclared_summary),
        TEST(test_emit_same_series_twice_of_a_declared_family_fails_the_collector),
        TEST(test_collect_returns_error_fails_the_collector), TEST(test_collect_returns_enomem_fails_the_collector_only),
        TEST(test_collect_returns_unknown_status_fails_the_collector), TEST(test_emit_refused_under_long_names_still_logs_the_reason),
        TEST(test_emit_const_label_of_the_registry_fails_the_collector), TEST(test_emit_null_scrape_is_einval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
