#include "support/opts_versions.h"

#include <math.h>

/*==============================================================================
 * Registries
 *============================================================================*/

static char memory_of_none; /* a context that nobody looks at */

static void *plain_allocate(void *ctx, size_t size) { return malloc(size); }
static void plain_release(void *ctx, void *ptr, size_t size) { free(ptr); }
static void no_log(void *ctx, const char *line) {}
static int64_t fixed_clock(void *ctx) { return 5000000000; }

static const cprom_registry_opts registry_opts = {
    .prefix = "ci_",
    .const_labels = {{"a", "1"}, {"b", "2"}, {"c", "3"}, {"d", "4"}, {"e", "5"}, {"f", "6"}, {"g", "7"}, {"h", "8"}},
    .allocate = plain_allocate,
    .release = plain_release,
    .allocator_ctx = &memory_of_none,
    .log = no_log,
    .log_ctx = &memory_of_none,
    .monotonic_clock = fixed_clock,
    .wall_clock = fixed_clock,
    .clock_ctx = &memory_of_none};

static void new_registry(cprom_registry *unused, const void *opts, char *told, size_t cap)
{
    cprom_registry *registry;
    cprom_gauge *gauge;
    cprom_status status = cprom_registry_new(opts, &registry);
    if (!status) {
        assert_ok(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "H."), &gauge));
        ov_say_page(told, cap, status, registry);
    } else {
        assert_null(registry);
        ov_say(told, cap, status, "");
    }
    cprom_registry_free(registry);
}

/*==============================================================================
 * Families
 *============================================================================*/

static const double bounds[] = {1, 2};
static const cprom_opts plain_opts = {.name = "x_seconds", .help = "H.", .unit = "seconds"};
static const cprom_opts plain_counter_opts = {.name = "x_seconds_total", .help = "H.", .unit = "seconds", .exemplars = true};
static const cprom_opts plain_histogram_opts = {
    .name = "x_seconds", .help = "H.", .unit = "seconds", .bounds = bounds, .n_bounds = 2, .exemplars = true};
static const cprom_opts plain_stateset_opts = {.name = "x", .help = "H.", .states = {"on", "off"}};
static const cprom_opts plain_info_opts = {.name = "x_info", .help = "H."};
static const cprom_opts func_counter_opts = {.name = "x_seconds_total", .help = "H.", .unit = "seconds"};

#define VECTOR                                                                                                         \
    .owner = "b", .max_series = 2, .ttl_seconds = 100, .linger_seconds = 50, .bad_utf8 = CPROM_UTF8_REPAIR,            \
    .max_series_per_owner = 1
#define LABELS .labels = {"a", "b"}
static const cprom_opts counter_vec_opts = {
    .name = "x_seconds_total", .help = "H.", .unit = "seconds", LABELS, .exemplars = true, VECTOR, .overflow = CPROM_FOLD};
static const cprom_opts gauge_vec_opts = {.name = "x_seconds", .help = "H.", .unit = "seconds", LABELS, VECTOR};
static const cprom_opts histogram_vec_opts = {.name = "x_seconds", .help = "H.", .unit = "seconds", LABELS,
    .bounds = bounds, .n_bounds = 2, .exemplars = true, VECTOR, .overflow = CPROM_FOLD};
static const cprom_opts summary_vec_opts = {
    .name = "x_seconds", .help = "H.", .unit = "seconds", LABELS, VECTOR, .overflow = CPROM_FOLD};
static const cprom_opts info_vec_opts = {.name = "x_info", .help = "H.", LABELS, VECTOR};
static const cprom_opts stateset_vec_opts = {.name = "x", .help = "H.", LABELS, .states = {"on", "off"}, VECTOR};

#define NEW_PLAIN(kind)                                                                                                \
    static void new_##kind(cprom_registry *registry, const void *opts, char *told, size_t cap)                         \
    {                                                                                                                  \
        cprom_##kind *made;                                                                                            \
        cprom_status status = cprom_##kind##_new(registry, opts, &made);                                               \
        assert_int_equal(made != NULL, status == CPROM_OK);                                                            \
        ov_say_page(told, cap, status, registry);                                                                      \
    }
NEW_PLAIN(counter)
NEW_PLAIN(gauge)
NEW_PLAIN(histogram)
NEW_PLAIN(summary)
NEW_PLAIN(stateset)

static void new_info(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_status status = cprom_info_new(registry, opts, CPROM_LABELS({"l", "v"}));
    ov_say_page(told, cap, status, registry);
}

/* Three series in a vector that may have two. What shows that labels are missing is a refusal to have it updated. */
#define NEW_VEC(kind)                                                                                                  \
    static void new_##kind##_vec(cprom_registry *registry, const void *opts, char *told, size_t cap)                   \
    {                                                                                                                  \
        cprom_##kind##_vec *vec;                                                                                       \
        cprom_status status = cprom_##kind##_vec_new(registry, opts, &vec);                                            \
        assert_int_equal(vec != NULL, status == CPROM_OK);                                                             \
        cprom_##kind##_unref(cprom_##kind##_vec_with(vec, CPROM_STRS("1", "x")));                                      \
        cprom_##kind##_unref(cprom_##kind##_vec_with(vec, CPROM_STRS("2", "\xff")));                                      \
        cprom_##kind##_unref(cprom_##kind##_vec_with(vec, CPROM_STRS("3", "y")));                                      \
        (void)cprom_##kind##_vec_delete(vec, CPROM_STRS("1", "x"));                                                    \
        ov_say_page(told, cap, status, registry);                                                                      \
    }
NEW_VEC(counter)
NEW_VEC(gauge)
NEW_VEC(histogram)
NEW_VEC(summary)
NEW_VEC(info)
NEW_VEC(stateset)

static double seven(void *ctx) { return 7; }

static void new_counter_func(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    ov_say_page(told, cap, cprom_counter_func_new(registry, opts, seven, NULL), registry);
}

static void new_gauge_func(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    ov_say_page(told, cap, cprom_gauge_func_new(registry, opts, seven, NULL), registry);
}

/*==============================================================================
 * Collectors: each emits something with the struct
 *============================================================================*/

static const cprom_desc gauge_desc = {
    .size = sizeof(cprom_desc), .name = "x_seconds", .help = "H.", .unit = "seconds", .type = CPROM_GAUGE, .labels = {"l"}};
static const cprom_desc counter_desc = {
    .name = "x_seconds_total", .help = "H.", .unit = "seconds", .type = CPROM_COUNTER, .labels = {"l"}};
static const cprom_desc histogram_desc = {
    .size = sizeof(cprom_desc), .name = "x_seconds", .help = "H.", .unit = "seconds", .type = CPROM_HISTOGRAM, .labels = {"l"}};
static const cprom_desc summary_desc = {
    .size = sizeof(cprom_desc), .name = "x_seconds", .help = "H.", .unit = "seconds", .type = CPROM_SUMMARY, .labels = {"l"}};

static const uint64_t buckets[] = {3, 4};
static const double quantiles[] = {0.5, 0.9}, values[] = {10, 20};
static const cprom_const_histogram const_histogram = {.size = sizeof(cprom_const_histogram),
    .bounds = bounds, .buckets = buckets, .n_bounds = 2, .count = 9, .sum = 1.5, .timestamp_ms = 77};
static const cprom_const_summary const_summary = {.size = sizeof(cprom_const_summary),
    .quantiles = quantiles, .values = values, .n_quantiles = 2, .count = 9, .sum = 1.5, .timestamp_ms = 77};

/* What a collector's callback is to do, and what came of it. */
struct emission {
    cprom_status (*emit)(cprom_scrape *out, const void *opts);
    const void *opts;
    cprom_status status;
};

static cprom_status collect_emission(void *ctx, cprom_scrape *out)
{
    struct emission *emission = ctx;
    emission->status = emission->emit(out, emission->opts);
    return CPROM_OK;
}

static void tell_emission(cprom_registry *registry, struct emission emission, char *told, size_t cap)
{
    assert_ok(cprom_collector_new(
        registry, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_emission, .ctx = &emission)));
    char *text;
    assert_ok(cprom_registry_text(registry, &text, NULL));
    ov_say(told, cap, emission.status, text);
    cprom_text_free(text);
    assert_ok(cprom_registry_unregister(registry, "c"));
}

/* With a label only where the descriptor knows labels: what is too short for them has none. */
static cprom_strs values_for(const void *desc)
{
    size_t size;
    memcpy(&size, desc, sizeof size);
    if (size < END_OF(cprom_desc, labels[0])) return CPROM_NO_STRS;
    static const char *const one[] = {"v"};
    return (cprom_strs){one, ((const cprom_desc *)desc)->labels[0] != NULL};
}

static cprom_status do_emit(cprom_scrape *out, const void *opts) { return cprom_emit(out, opts, values_for(opts), 7); }
static cprom_status do_emit_at(cprom_scrape *out, const void *opts) { return cprom_emit_at(out, opts, values_for(opts), 7, 5); }
static cprom_status do_emit_histogram(cprom_scrape *out, const void *opts)
{
    return cprom_emit_histogram(out, opts, values_for(opts), &const_histogram);
}
static cprom_status do_emit_summary(cprom_scrape *out, const void *opts)
{
    return cprom_emit_summary(out, opts, values_for(opts), &const_summary);
}
static cprom_status do_emit_this_histogram(cprom_scrape *out, const void *opts)
{
    return cprom_emit_histogram(out, &histogram_desc, CPROM_STRS("v"), opts);
}
static cprom_status do_emit_this_summary(cprom_scrape *out, const void *opts)
{
    return cprom_emit_summary(out, &summary_desc, CPROM_STRS("v"), opts);
}

#define EMIT(name)                                                                                                     \
    static void name(cprom_registry *registry, const void *opts, char *told, size_t cap)                               \
    {                                                                                                                  \
        tell_emission(registry, (struct emission){do_##name, opts, CPROM_EBUSY}, told, cap);                           \
    }
EMIT(emit)
EMIT(emit_at)
EMIT(emit_histogram)
EMIT(emit_summary)
EMIT(emit_this_histogram)
EMIT(emit_this_summary)

static cprom_status collect_gauge(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, &gauge_desc, CPROM_STRS(ctx ? "context\xff" : "none"), 7);
}
static void free_nothing(void *ctx) {}

/* A descriptor that is declared is the registry's already: an instrument of the name is refused. */
static void declare_desc(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_gauge *gauge;
    cprom_status status = cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_gauge,
                                                                   .descs = opts, .n_descs = 1));
    cprom_status taken = cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "x_seconds", .help = "H."), &gauge);
    ov_say(told, cap, status, cprom_status_string(taken));
}

static const cprom_collector_opts collector_opts = {.name = "c",
    .collect = collect_gauge, .ctx = &memory_of_none, .free = free_nothing, .descs = &gauge_desc, .n_descs = 1, .bad_utf8 = CPROM_UTF8_REPAIR};

static void new_collector(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    ov_say_page(told, cap, cprom_collector_new(registry, opts), registry);
}

/*==============================================================================
 * Pages
 *============================================================================*/

static const char *const names[] = {"g", "c_total"};
static const cprom_page_opts page_opts = {.format = CPROM_OPENMETRICS_1_0,
    .names = names, .n_names = 2, .timeout_seconds = 1, .self_metrics = true, .created = true};

static void open_page(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_gauge *gauge;
    cprom_counter *counter;
    cprom_page *page;
    char text[OV_TEXT];
    assert_ok(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "H."), &gauge));
    assert_ok(cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "H."), &counter));
    cprom_status status = cprom_page_open(registry, opts, &page);
    assert_int_equal(page != NULL, status == CPROM_OK);
    size_t n = page ? cprom_page_read(page, text, sizeof text - 1) : 0;
    text[n] = '\0';
    ov_say(told, cap, status, text);
    cprom_page_close(page);
}

/*==============================================================================
 * The table
 *============================================================================*/

#define CASE(call, opts, type, last) {#call " with " #opts, call, &(opts), sizeof(type), END_OF(type, last)}
static const ov_case cases[] = {
    CASE(new_registry, registry_opts, cprom_registry_opts, size),
    CASE(new_counter, plain_counter_opts, cprom_opts, help),
    CASE(new_gauge, plain_opts, cprom_opts, help),
    CASE(new_histogram, plain_histogram_opts, cprom_opts, help),
    CASE(new_summary, plain_opts, cprom_opts, help),
    CASE(new_info, plain_info_opts, cprom_opts, help),
    CASE(new_stateset, plain_stateset_opts, cprom_opts, states[0]),
    CASE(new_counter_vec, counter_vec_opts, cprom_opts, help),
    CASE(new_gauge_vec, gauge_vec_opts, cprom_opts, help),
    CASE(new_histogram_vec, histogram_vec_opts, cprom_opts, help),
    CASE(new_summary_vec, summary_vec_opts, cprom_opts, help),
    CASE(new_info_vec, info_vec_opts, cprom_opts, help),
    CASE(new_stateset_vec, stateset_vec_opts, cprom_opts, states[0]),
    CASE(new_counter_func, func_counter_opts, cprom_opts, help),
    CASE(new_gauge_func, plain_opts, cprom_opts, help),
    CASE(emit, gauge_desc, cprom_desc, name),
    CASE(emit_at, counter_desc, cprom_desc, name),
    CASE(emit_histogram, histogram_desc, cprom_desc, type),
    CASE(emit_summary, summary_desc, cprom_desc, type),
    CASE(declare_desc, gauge_desc, cprom_desc, name),
    CASE(emit_this_histogram, const_histogram, cprom_const_histogram, size),
    CASE(emit_this_summary, const_summary, cprom_const_summary, size),
    CASE(new_collector, collector_opts, cprom_collector_opts, collect),
    CASE(open_page, page_opts, cprom_page_opts, size),
};

static void test_opts_of_an_older_header_have_defaults_for_what_they_lack(void **state)
{
    ov_check_older(cases, COUNT(cases));
}

static void test_opts_of_a_newer_header_work_while_what_is_new_is_zero(void **state) { ov_check_newer(cases, COUNT(cases)); }

int group_opts_versions(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_opts_of_an_older_header_have_defaults_for_what_they_lack),
        cmocka_unit_test(test_opts_of_a_newer_header_work_while_what_is_new_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
