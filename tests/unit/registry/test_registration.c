#include "support/register.h"

#include <math.h>

/*==============================================================================
 * One rule at a time
 *============================================================================*/

typedef struct family {
    const char *what;
    unsigned forms;
    cprom_type type;
    cprom_opts opts;
    cprom_status status;
    const char *field, *reason; /* in the log line; NULL where it is accepted */
} family;

#define NAMELESS(...)                                                                                                      \
    {                                                                                                                  \
        .size = sizeof(cprom_opts), __VA_ARGS__                                                                        \
    }
#define NAMED(...)                                                                                                     \
    {                                                                                                                  \
        .size = sizeof(cprom_opts), .help = "Help.", .name = __VA_ARGS__                                               \
    }
#define BOUNDS(...)                                                                                                    \
    .bounds = (const double[]){__VA_ARGS__}, .n_bounds = sizeof((const double[]){__VA_ARGS__}) / sizeof(double)

#define STATES .states = {"on", "off"}

static double many_bounds[CPROM_BOUNDS_MAX + 1]; /* ascending; filled by main() */

static const family bad_families[] = {
    /* names */
    {"no name", ALL, CPROM_GAUGE, NAMELESS(.help = "Help."), CPROM_ENAME, "name", "missing"},
    {"empty name", ALL, CPROM_GAUGE, NAMED(""), CPROM_ENAME, "name", "not a metric name"},
    {"digit first", ALL, CPROM_GAUGE, NAMED("1x"), CPROM_ENAME, "name", "not a metric name"},
    {"dash", ALL, CPROM_HISTOGRAM, NAMED("x-y"), CPROM_ENAME, "name", "not a metric name"},
    {"space at the end", ALL, CPROM_SUMMARY, NAMED("x "), CPROM_ENAME, "name", "not a metric name"},
    {"LF in the name", ALL, CPROM_GAUGE, NAMED("x\ny"), CPROM_ENAME, "name", "not a metric name"},
    {"UTF-8 in the name", ALL, CPROM_GAUGE,
     NAMED("gr\xc3\xb6\xc3\x9f"
           "e"),
     CPROM_ENAME, "name", "not a metric name"},
    {"cprom_", ALL, CPROM_GAUGE, NAMED("cprom_x"), CPROM_ENAME, "name", "cprom_"},
    {"cprom_, one of its own", ALL, CPROM_GAUGE, NAMED("cprom_series"), CPROM_ENAME, "name", "cprom_"},
    {"counter without _total", INSTRUMENTS, CPROM_COUNTER, NAMED("x"), CPROM_ENAME, "name", "_total"},
    {"counter, _total not last", INSTRUMENTS, CPROM_COUNTER, NAMED("x_total_y"), CPROM_ENAME, "name", "_total"},
    {"counter, total without _", INSTRUMENTS, CPROM_COUNTER, NAMED("xtotal"), CPROM_ENAME, "name", "_total"},
    {"counter, nothing but _total", INSTRUMENTS, CPROM_COUNTER, NAMED("_total"), CPROM_ENAME, "name", "_total"},

    {"info without _info", INSTRUMENTS, CPROM_INFO, NAMED("x"), CPROM_ENAME, "name", "_info"},
    {"info, _info not last", INSTRUMENTS, CPROM_INFO, NAMED("x_info_y"), CPROM_ENAME, "name", "_info"},
    {"info, nothing but _info", INSTRUMENTS, CPROM_INFO, NAMED("_info"), CPROM_ENAME, "name", "_info"},
    {"stateset with a colon", INSTRUMENTS, CPROM_STATESET, NAMED("x:y", STATES), CPROM_ENAME, "name", "label name"},
    {"stateset, __", INSTRUMENTS, CPROM_STATESET, NAMED("__x", STATES), CPROM_ENAME, "name", "label name"},

    /* states */
    {"no states", INSTRUMENTS, CPROM_STATESET, NAMED("x"), CPROM_EINVAL, "states", "missing"},
    {"empty state", INSTRUMENTS, CPROM_STATESET, NAMED("x", .states = {"a", ""}), CPROM_EINVAL, "states", "empty"},
    {"state twice", INSTRUMENTS, CPROM_STATESET, NAMED("x", .states = {"a", "b", "a"}), CPROM_EINVAL, "states", "twice"},
    {"state not UTF-8", INSTRUMENTS, CPROM_STATESET, NAMED("x", .states = {"a", "\xff"}), CPROM_EUTF8, "states", "UTF-8"},
    {"gauge with states", INSTRUMENTS, CPROM_GAUGE, NAMED("x", STATES), CPROM_EINVAL, "states", "statesets"},
    {"counter with states", INSTRUMENTS, CPROM_COUNTER, NAMED("x_total", STATES), CPROM_EINVAL, "states", "statesets"},
    {"info with states", INSTRUMENTS, CPROM_INFO, NAMED("x_info", STATES), CPROM_EINVAL, "states", "statesets"},
    {"stateset with exemplars", PLAIN | VEC, CPROM_STATESET, NAMED("x", STATES, .exemplars = true), CPROM_EINVAL,
     "exemplars", "counters"},
    {"info with exemplars", VEC, CPROM_INFO, NAMED("x_info", .exemplars = true), CPROM_EINVAL, "exemplars", "counters"},
    {"stateset with bounds", INSTRUMENTS, CPROM_STATESET, NAMED("x", STATES, BOUNDS(1)), CPROM_EINVAL, "bounds", ""},

    /* units */
    {"info with a unit", ALL, CPROM_INFO, NAMED("x_info", .unit = "info"), CPROM_EINVAL, "unit", "have none"},
    {"info with another unit", ALL, CPROM_INFO, NAMED("x_info", .unit = "seconds"), CPROM_EINVAL, "unit", "have none"},
    {"stateset with a unit", ALL, CPROM_STATESET, NAMED("x_seconds", STATES, .unit = "seconds"), CPROM_EINVAL, "unit",
     "have none"},
    {"another unit", ALL, CPROM_GAUGE, NAMED("x_bytes", .unit = "seconds"), CPROM_ENAME, "unit", "suffix"},
    {"unit without _", ALL, CPROM_GAUGE, NAMED("xseconds", .unit = "seconds"), CPROM_ENAME, "unit", "suffix"},
    {"nothing but the unit", ALL, CPROM_GAUGE, NAMED("seconds", .unit = "seconds"), CPROM_ENAME, "unit", "suffix"},
    {"nothing before the _", ALL, CPROM_GAUGE, NAMED("_seconds", .unit = "seconds"), CPROM_ENAME, "unit", "suffix"},
    {"empty unit", ALL, CPROM_GAUGE, NAMED("x_", .unit = ""), CPROM_ENAME, "unit", "suffix"},
    {"unit longer than the name", ALL, CPROM_GAUGE, NAMED("x", .unit = "seconds"), CPROM_ENAME, "unit", "suffix"},
    {"unit behind _total", ALL, CPROM_COUNTER, NAMED("x_total_seconds_total", .unit = "total_seconds_total"),
     CPROM_ENAME, "unit", "suffix"},
    {"counter, another unit", ALL, CPROM_COUNTER, NAMED("x_bytes_total", .unit = "seconds"), CPROM_ENAME, "unit",
     "suffix"},
    {"gauge, unit before _total", ALL, CPROM_GAUGE, NAMED("x_seconds_total", .unit = "seconds"), CPROM_ENAME, "unit",
     "suffix"},

    /* help */
    {"no help", INSTRUMENTS, CPROM_GAUGE, NAMELESS(.name = "x"), CPROM_EINVAL, "help", "missing"},
    {"empty help", INSTRUMENTS, CPROM_HISTOGRAM, NAMELESS(.name = "x", .help = ""), CPROM_EINVAL, "help", "missing"},
    {"help not UTF-8", ALL, CPROM_GAUGE, NAMELESS(.name = "x", .help = "a\xff"), CPROM_EUTF8, "help", "UTF-8"},
    {"help cut short", ALL, CPROM_SUMMARY, NAMELESS(.name = "x", .help = "a\xe2\x82"), CPROM_EUTF8, "help", "UTF-8"},

    /* bounds */
    {"bounds descend", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, 3, 2)), CPROM_EINVAL, "bounds", "ascending"},
    {"bounds equal", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, 2, 2)), CPROM_EINVAL, "bounds", "ascending"},
    {"0 and -0", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(-0.0, 0.0)), CPROM_EINVAL, "bounds", "ascending"},
    {"+Inf not last", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, INFINITY, 2)), CPROM_EINVAL, "bounds", "ascending"},
    {"+Inf twice", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, INFINITY, INFINITY)), CPROM_EINVAL, "bounds",
     "ascending"},
    {"NaN first", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(NAN, 1)), CPROM_EINVAL, "bounds", "NaN"},
    {"NaN last", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, NAN)), CPROM_EINVAL, "bounds", "NaN"},
    {"NaN alone", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(NAN)), CPROM_EINVAL, "bounds", "NaN"},
    {"-Inf", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(-INFINITY, 1)), CPROM_EINVAL, "bounds", "-Inf"},
    {"too many", ALL, CPROM_HISTOGRAM, NAMED("x", .bounds = many_bounds, .n_bounds = CPROM_BOUNDS_MAX + 1),
     CPROM_EINVAL, "bounds", "too many"},
    {"a number without bounds", ALL, CPROM_HISTOGRAM, NAMED("x", .n_bounds = 2), CPROM_EINVAL, "bounds", ""},
    {"bounds without number", ALL, CPROM_HISTOGRAM, NAMED("x", .bounds = many_bounds), CPROM_EINVAL, "bounds", ""},
    {"gauge with bounds", ALL, CPROM_GAUGE, NAMED("x", BOUNDS(1)), CPROM_EINVAL, "bounds", "histogram"},
    {"counter with bounds", ALL, CPROM_COUNTER, NAMED("x_total", BOUNDS(1)), CPROM_EINVAL, "bounds", "histogram"},
    {"summary with bounds", ALL, CPROM_SUMMARY, NAMED("x", BOUNDS(1)), CPROM_EINVAL, "bounds", "histogram"},

    /* labels */
    {"empty label", ALL, CPROM_GAUGE, NAMED("x", .labels = {""}), CPROM_ELABELS, "labels", "not a label name"},
    {"label, digit first", ALL, CPROM_GAUGE, NAMED("x", .labels = {"1a"}), CPROM_ELABELS, "labels", "not a label name"},
    {"label with a colon", ALL, CPROM_GAUGE, NAMED("x", .labels = {"a:b"}), CPROM_ELABELS, "labels",
     "not a label name"},
    {"last label bad", ALL, CPROM_GAUGE, NAMED("x", .labels = {"a", "b", "c-d"}), CPROM_ELABELS, "labels", "c-d"},
    {"label in UTF-8", ALL, CPROM_SUMMARY, NAMED("x", .labels = {"\xc3\xa4"}), CPROM_ELABELS, "labels",
     "not a label name"},
    {"__x", ALL, CPROM_GAUGE, NAMED("x", .labels = {"__x"}), CPROM_ELABELS, "labels", "reserved"},
    {"__name__", ALL, CPROM_COUNTER, NAMED("x_total", .labels = {"__name__"}), CPROM_ELABELS, "labels", "reserved"},
    {"label twice", ALL, CPROM_GAUGE, NAMED("x", .labels = {"a", "b", "a"}), CPROM_ELABELS, "labels", "twice"},
    {"le on histogram", ALL, CPROM_HISTOGRAM, NAMED("x", .labels = {"le"}), CPROM_ELABELS, "labels", "reserved"},
    {"le on histogram, later", ALL, CPROM_HISTOGRAM, NAMED("x", .labels = {"a", "le"}), CPROM_ELABELS, "labels",
     "reserved"},
    {"quantile on summary", ALL, CPROM_SUMMARY, NAMED("x", .labels = {"quantile"}), CPROM_ELABELS, "labels",
     "reserved"},
    {"stateset's own label", VEC, CPROM_STATESET, NAMED("x", .labels = {"a", "x"}, STATES), CPROM_ELABELS, "labels",
     "reserved"},
    {"le on gauge histogram", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMED("x", .labels = {"a", "le"}), CPROM_ELABELS,
     "labels", "reserved"},
    {"gauge histogram, another unit", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMED("x_bytes", .unit = "seconds"), CPROM_ENAME,
     "unit", "suffix"},
    {"type unknown", DECLARED, (cprom_type)8, NAMED("x"), CPROM_EINVAL, "type", "unknown"},

    /* what is there already: see populate() */
    {"a gauge's name", ALL, CPROM_GAUGE, NAMED("there"), CPROM_EEXIST, "name", "already"},
    {"a gauge's name, gauge histogram", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMED("there"), CPROM_EEXIST, "name",
     "already"},
    {"a histogram's sample, gauge histogram", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMED("there_h_count"), CPROM_ECONFLICT,
     "name", "there_h"},
    {"another type's name", ALL, CPROM_HISTOGRAM, NAMED("there"), CPROM_EEXIST, "name", "already"},
    {"other labels", ALL, CPROM_GAUGE, NAMED("there", .labels = {"other"}), CPROM_EEXIST, "name", "already"},
    {"a collector's family", ALL, CPROM_GAUGE, NAMED("brought"), CPROM_EEXIST, "name", "already"},
    {"a func's family", ALL, CPROM_GAUGE, NAMED("told"), CPROM_EEXIST, "name", "already"},
    {"a histogram's sample", ALL, CPROM_GAUGE, NAMED("there_h_bucket"), CPROM_ECONFLICT, "name", "there_h"},
};

#define FINE CPROM_OK, NULL, NULL

static const family good_families[] = {
    {"shortest name", ALL, CPROM_GAUGE, NAMED("x"), FINE},
    {"colons and underscores", ALL, CPROM_GAUGE, NAMED(":_:a:9"), FINE},
    {"cprom inside", ALL, CPROM_GAUGE, NAMED("x_cprom_y"), FINE},
    {"cprom without _", ALL, CPROM_GAUGE, NAMED("cpromx"), FINE},
    {"gauge in _total", ALL, CPROM_GAUGE, NAMED("x_total"), FINE},
    {"counter", ALL, CPROM_COUNTER, NAMED("x_total"), FINE},
    {"counter in _total_total", ALL, CPROM_COUNTER, NAMED("x_total_total"), FINE},
    {"const counter without _total", DECLARED, CPROM_COUNTER, NAMED("x"), FINE},
    {"info", ALL, CPROM_INFO, NAMED("x_info"), FINE},
    {"info in _info_info", ALL, CPROM_INFO, NAMED("x_info_info", .labels = {"info", "x"}), FINE},
    {"gauge in _info", ALL, CPROM_GAUGE, NAMED("x_info"), FINE},
    {"const info without _info", DECLARED, CPROM_INFO, NAMED("x"), FINE},
    {"const info, nothing but _info", DECLARED, CPROM_INFO, NAMED("_info"), FINE},
    {"stateset", ALL, CPROM_STATESET, NAMED("x", STATES), FINE},
    {"stateset with labels", ALL, CPROM_STATESET, NAMED("_x", STATES, .labels = {"a", "z", "on", "x"}), FINE},
    {"stateset of one state", ALL, CPROM_STATESET, NAMED("x_total", .states = {" "}), FINE},
    {"const metric without help", DECLARED, CPROM_GAUGE, NAMELESS(.name = "x"), FINE},
    {"const metric with empty help", DECLARED, CPROM_GAUGE, NAMELESS(.name = "x", .help = ""), FINE},
    {"gauge histogram", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMED("x_seconds", .labels = {"quantile"}, .unit = "seconds"),
     FINE},
    {"gauge histogram without help, in _total", DECLARED, CPROM_GAUGE_HISTOGRAM, NAMELESS(.name = "x_total"), FINE},
    {"untyped", DECLARED, CPROM_UNTYPED, NAMED("x"), FINE},
    {"help with everything", ALL, CPROM_GAUGE, NAMELESS(.name = "x", .help = "\\ \n \" \t \r \xf0\x9f\x98\x80 \x01"), FINE},
    {"unit", ALL, CPROM_GAUGE, NAMED("x_seconds", .unit = "seconds"), FINE},
    {"unit of two words", ALL, CPROM_GAUGE, NAMED("x_bytes_per_second", .unit = "bytes_per_second"), FINE},
    {"unit before _total", ALL, CPROM_COUNTER, NAMED("x_seconds_total", .unit = "seconds"), FINE},
    {"unit, const counter without _total", DECLARED, CPROM_COUNTER, NAMED("x_seconds", .unit = "seconds"), FINE},
    {"one bound", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(0)), FINE},
    {"negative bounds", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(-2.5, -1, 0, 5e-324)), FINE},
    {"+Inf last", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(1, 2, INFINITY)), FINE},
    {"+Inf alone", ALL, CPROM_HISTOGRAM, NAMED("x", BOUNDS(INFINITY)), FINE},
    {"as many bounds as can be", ALL, CPROM_HISTOGRAM, NAMED("x", .bounds = many_bounds, .n_bounds = CPROM_BOUNDS_MAX),
     FINE},
    {"le on gauge", ALL, CPROM_GAUGE, NAMED("x", .labels = {"le"}), FINE},
    {"le on counter", ALL, CPROM_COUNTER, NAMED("x_total", .labels = {"le"}), FINE},
    {"le on summary", ALL, CPROM_SUMMARY, NAMED("x", .labels = {"le"}), FINE},
    {"quantile on gauge", ALL, CPROM_GAUGE, NAMED("x", .labels = {"quantile"}), FINE},
    {"quantile on histogram", ALL, CPROM_HISTOGRAM, NAMED("x", .labels = {"quantile"}), FINE},
    {"_x and x__y", ALL, CPROM_GAUGE, NAMED("x", .labels = {"_x", "x__y", "_"}), FINE},
    {"32 labels", ALL, CPROM_GAUGE,
     NAMED("x",
           .labels = {"a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "a8", "a9", "b0", "b1", "b2", "b3", "b4", "b5",
                      "b6", "b7", "b8", "b9", "c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9", "d0", "d1"}),
     FINE},
};

static cprom_status collect_brought(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "brought", .type = CPROM_GAUGE), CPROM_NO_STRS, 3);
}

/* Something to lose. */
static void populate(cprom_registry *registry)
{
    cprom_gauge_vec *vec;
    cprom_histogram *histogram;
    assert_ok(
        cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "there", .help = "H.", .labels = {"a"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1"), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("2"), 2));
    assert_ok(cprom_histogram_new(registry, CPROM_OPTS(cprom_opts, .name = "there_h", .help = "H."), &histogram));
    cprom_histogram_observe(histogram, 0.3);
    assert_ok(cprom_gauge_func_new(registry, CPROM_OPTS(cprom_opts, .name = "told", .help = "H."), zero, NULL));
    assert_ok(cprom_collector_new(
        registry, CPROM_OPTS(cprom_collector_opts, .name = "bringer", .collect = collect_brought, .n_descs = 1,
                             .descs = CPROM_OPTS(cprom_desc, .name = "brought", .type = CPROM_GAUGE))));
}

static void check_refused(ct_fixture *fixture, const family *bad, enum form form)
{
    ct_page before = ct_page_read(fixture->registry, NULL, 4096);
    cprom_stats stats_before = stats_of(fixture->registry);
    ct_log_clear(&fixture->log);
    cprom_status status = try_register(fixture->registry, form, bad->type, &bad->opts);
    cprom_stats stats_after = stats_of(fixture->registry);
    /* Control characters do not come through to the log. */
    char metric[64] = "metric \"";
    if (bad->opts.name && !strchr(bad->opts.name, '\n')) {
        snprintf(metric, sizeof metric, "metric \"%s\"", bad->opts.name);
    }
    bool logged = ct_log_count(&fixture->log) == 1 && ct_log_has(&fixture->log, metric, bad->field, bad->reason);
    if (status != bad->status || !logged) {
        print_error("%s, %s: %s; log: %s\n", bad->what, form_name(form), cprom_status_string(status),
                    fixture->log.n ? fixture->log.lines[0] : "(none)");
        fail();
    }
    if (memcmp(&stats_before, &stats_after, sizeof stats_before) != 0) {
        print_error("%s, %s: the statistics have changed\n", bad->what, form_name(form));
        fail();
    }
    ct_assert_page(fixture->registry, before.text);
    ct_page_free(&before);
}

static void test_new_bad_family_is_refused_with_its_status_and_one_log_line(void **state)
{
    ct_fixture *fixture = *state;
    populate(fixture->registry);
    for (size_t i = 0; i < COUNT(bad_families); i++) {
        const family *bad = &bad_families[i];
        for (unsigned form = PLAIN; form <= DECLARED; form *= 2) {
            if (bad->forms & form && fits(form, bad->type, &bad->opts)) check_refused(fixture, bad, form);
        }
    }
}

static void test_new_good_family_is_accepted_silently(void **state)
{
    ct_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(good_families); i++) {
        const family *good = &good_families[i];
        for (unsigned form = PLAIN; form <= DECLARED; form *= 2) {
            if (!(good->forms & form) || !fits(form, good->type, &good->opts)) continue;
            cprom_status status = try_register(fixture->registry, form, good->type, &good->opts);
            if (status || ct_log_count(&fixture->log)) {
                print_error("%s, %s: %s\n", good->what, form_name(form), cprom_status_string(status));
                fail();
            }
            ct_page page = ct_page_read(fixture->registry, NULL, 4096);
            ct_page_free(&page);
            assert_int_equal(stats_of(fixture->registry).families, 1);
            assert_ok(cprom_registry_unregister(fixture->registry, good->opts.name));
        }
    }
}

static void test_new_labels_on_plain_instrument_are_refused(void **state)
{
    ct_fixture *fixture = *state;
    cprom_opts opts = NAMELESS(.name = "x_total", .help = "Help.", .labels = {"a"});
    static const cprom_type types[] = {CPROM_GAUGE, CPROM_COUNTER, CPROM_HISTOGRAM, CPROM_SUMMARY};
    for (size_t i = 0; i < COUNT(types); i++) {
        ct_log_clear(&fixture->log);
        assert_status(try_register(fixture->registry, PLAIN, types[i], &opts), CPROM_ELABELS);
        assert_int_equal(ct_log_count(&fixture->log), 1);
        assert_true(ct_log_has(&fixture->log, "x_total", "labels", "vector"));
    }
    ct_log_clear(&fixture->log);
    assert_status(cprom_gauge_func_new(fixture->registry, &opts, zero, NULL), CPROM_ELABELS);
    assert_status(cprom_counter_func_new(fixture->registry, &opts, zero, NULL), CPROM_ELABELS);
    assert_int_equal(ct_log_count_with(&fixture->log, "x_total", "labels", NULL), 2);
    ct_assert_page(fixture->registry, "");
}

static void test_new_null_arguments_are_einval(void **state)
{
    ct_fixture *fixture = *state;
    cprom_opts opts = NAMELESS(.name = "x_total", .help = "Help.");
    cprom_gauge *gauge = (cprom_gauge *)&opts;
    cprom_gauge_vec *vec = (cprom_gauge_vec *)&opts;
    assert_status(cprom_gauge_new(NULL, &opts, &gauge), CPROM_EINVAL);
    assert_null(gauge);
    assert_status(cprom_gauge_vec_new(fixture->registry, NULL, &vec), CPROM_EINVAL);
    assert_null(vec);
    assert_status(cprom_gauge_new(fixture->registry, &opts, NULL), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_new(fixture->registry, &opts, NULL), CPROM_EINVAL);
    assert_status(cprom_counter_new(fixture->registry, &opts, NULL), CPROM_EINVAL);
    assert_status(cprom_histogram_new(fixture->registry, &opts, NULL), CPROM_EINVAL);
    assert_status(cprom_summary_new(fixture->registry, &opts, NULL), CPROM_EINVAL);
    assert_status(cprom_counter_func_new(NULL, &opts, zero, NULL), CPROM_EINVAL);
    assert_status(cprom_counter_func_new(fixture->registry, NULL, zero, NULL), CPROM_EINVAL);
    assert_status(cprom_counter_func_new(fixture->registry, &opts, NULL, NULL), CPROM_EINVAL);
    assert_status(cprom_collector_new(fixture->registry, NULL), CPROM_EINVAL);
    ct_assert_page(fixture->registry, "");
}

/*==============================================================================
 * Collectors as such
 *============================================================================*/

static void test_collector_new_bad_options_are_refused_with_one_log_line_each(void **state)
{
    static const cprom_desc desc = {.size = sizeof desc, .name = "x", .type = CPROM_GAUGE};
    static const cprom_desc unsized = {.name = "x", .type = CPROM_GAUGE};
    static const struct {
        const char *what;
        cprom_collector_opts opts;
        cprom_status status;
        const char *in_log[2];
    } bad[] = {
        {"no name", {.collect = collect_nothing}, CPROM_EINVAL, {"name", "missing"}},
        {"empty name", {.name = "", .collect = collect_nothing}, CPROM_EINVAL, {"name", "missing"}},
        {"name not UTF-8", {.name = "a\xff", .collect = collect_nothing}, CPROM_EINVAL, {"name", "UTF-8"}},
        {"no callback", {.name = "c"}, CPROM_EINVAL, {"\"c\"", "collect"}},
        {"descs without number",
         {.name = "c", .collect = collect_nothing, .descs = &desc},
         CPROM_EINVAL,
         {"\"c\"", "descs"}},
        {"number without descs",
         {.name = "c", .collect = collect_nothing, .n_descs = 1},
         CPROM_EINVAL,
         {"\"c\"", "descs"}},
        {"a desc without size",
         {.name = "c", .collect = collect_nothing, .descs = &unsized, .n_descs = 1},
         CPROM_EINVAL,
         {"\"c\"", "size"}},
        {"a name that is taken", {.name = "bringer", .collect = collect_nothing}, CPROM_EEXIST, {"bringer", "already"}},
        {"a func's name", {.name = "told", .collect = collect_nothing}, CPROM_EEXIST, {"told", "already"}},
    };
    ct_fixture *fixture = *state;
    populate(fixture->registry);
    for (size_t i = 0; i < COUNT(bad); i++) {
        cprom_collector_opts opts = bad[i].opts;
        opts.size = sizeof opts;
        cprom_stats before = stats_of(fixture->registry);
        ct_log_clear(&fixture->log);
        cprom_status status = cprom_collector_new(fixture->registry, &opts);
        cprom_stats after = stats_of(fixture->registry);
        if (status != bad[i].status || ct_log_count(&fixture->log) != 1 ||
            !ct_log_has(&fixture->log, bad[i].in_log[0], bad[i].in_log[1]) ||
            memcmp(&before, &after, sizeof before) != 0) {
            print_error("%s: %s; log: %s\n", bad[i].what, cprom_status_string(status),
                        fixture->log.n ? fixture->log.lines[0] : "(none)");
            fail();
        }
    }
}

static void count_free(void *ctx) { ++*(int *)ctx; }

static void test_collector_new_last_of_many_descs_bad_keeps_nothing_and_does_not_free_the_context(void **state)
{
    ct_fixture *fixture = *state;
    int frees = 0;
    cprom_desc descs[20];
    char family_names[20][8];
    for (int i = 0; i < 20; i++) {
        snprintf(family_names[i], sizeof family_names[i], "x%d", i);
        descs[i] = (cprom_desc){.size = sizeof descs[i], .name = family_names[i], .type = CPROM_GAUGE};
    }
    descs[19].name = "x-19";
    cprom_collector_opts opts = {.size = sizeof opts,
                                 .name = "c",
                                 .collect = collect_nothing,
                                 .ctx = &frees,
                                 .free = count_free,
                                 .descs = descs,
                                 .n_descs = 20};
    assert_status(cprom_collector_new(fixture->registry, &opts), CPROM_ENAME);
    assert_int_equal(frees, 0);
    assert_int_equal(stats_of(fixture->registry).families, 0);
    assert_int_equal(stats_of(fixture->registry).collectors, 0);
    assert_true(ct_log_has(&fixture->log, "x-19"));
    descs[19].name = family_names[19];
    assert_ok(cprom_collector_new(fixture->registry, &opts));
    assert_int_equal(stats_of(fixture->registry).families, 20);
    assert_status(cprom_collector_new(fixture->registry, &opts), CPROM_EEXIST);
    assert_int_equal(frees, 0);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_int_equal(frees, 1);
}

int group_registration(void)
{
    for (size_t i = 0; i < COUNT(many_bounds); i++) many_bounds[i] = (double)i;
    const struct CMUnitTest tests[] = {
        TEST(test_new_bad_family_is_refused_with_its_status_and_one_log_line),
        TEST(test_new_good_family_is_accepted_silently),
        TEST(test_new_labels_on_plain_instrument_are_refused),
        TEST(test_new_null_arguments_are_einval),
        TEST(test_collector_new_bad_options_are_refused_with_one_log_line_each),
        TEST(test_collector_new_last_of_many_descs_bad_keeps_nothing_and_does_not_free_the_context),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
