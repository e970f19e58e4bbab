#include "support/cprom_test.h"

#include <math.h>

/*==============================================================================
 * Sizes of options: what an older or a newer header would hand over
 *============================================================================*/

/* Options with room behind for fields that are not known yet. */
#define WITH_TAIL(type)                                                                                                \
    struct {                                                                                                           \
        type opts;                                                                                                     \
        char tail[16];                                                                                                 \
    }

enum size_case {
    SIZE_ZERO,
    SIZE_TINY,
    SIZE_LONGER,
    SIZE_LONGER_WITH_SOMETHING,
    SIZE_CASES
};

static const cprom_status expected[SIZE_CASES] = {CPROM_EINVAL, CPROM_EINVAL, CPROM_OK, CPROM_EINVAL};

static size_t size_of(enum size_case size_case, size_t known, char tail[16])
{
    tail[15] = size_case == SIZE_LONGER_WITH_SOMETHING;
    return size_case == SIZE_ZERO ? 0 : size_case == SIZE_TINY ? sizeof(size_t) - 1 : known + 16;
}

static double zero(void *ctx) { return 0; }

static void test_opts_size_of_a_family_is_checked(void **state)
{
    ct_fixture *fixture = *state;
    for (enum size_case i = 0; i < SIZE_CASES; i++) {
        WITH_TAIL(cprom_opts) longer = {.opts = {.name = "x_total", .help = "H."}};
        cprom_gauge_vec *gauge;
        cprom_counter *counter;
        longer.opts.size = size_of(i, sizeof longer.opts, longer.tail);
        ct_log_clear(&fixture->log);
        assert_status(cprom_gauge_vec_new(fixture->registry, &longer.opts, &gauge), expected[i]);
        assert_int_equal(gauge != NULL, expected[i] == CPROM_OK);
        if (gauge) assert_ok(cprom_registry_unregister(fixture->registry, "x_total"));
        assert_status(cprom_counter_new(fixture->registry, &longer.opts, &counter), expected[i]);
        if (counter) assert_ok(cprom_registry_unregister(fixture->registry, "x_total"));
        assert_status(cprom_gauge_func_new(fixture->registry, &longer.opts, zero, NULL), expected[i]);
        if (!expected[i]) assert_ok(cprom_registry_unregister(fixture->registry, "x_total"));
        assert_int_equal(ct_log_count_with(&fixture->log, "size", NULL), expected[i] ? 3 : 0);
    }
}

static void test_opts_size_of_a_collector_is_checked(void **state)
{
    ct_fixture *fixture = *state;
    for (enum size_case i = 0; i < SIZE_CASES; i++) {
        WITH_TAIL(cprom_collector_opts) longer = {.opts = {.name = "c", .collect = collect_nothing}};
        longer.opts.size = size_of(i, sizeof longer.opts, longer.tail);
        ct_log_clear(&fixture->log);
        assert_status(cprom_collector_new(fixture->registry, &longer.opts), expected[i]);
        assert_int_equal(ct_log_count_with(&fixture->log, "size", NULL), expected[i] ? 1 : 0);
        if (!expected[i]) assert_ok(cprom_registry_unregister(fixture->registry, "c"));
    }
}

static void test_opts_size_of_declared_descs_is_checked_and_is_their_stride(void **state)
{
    ct_fixture *fixture = *state;
    for (enum size_case i = 0; i < SIZE_CASES; i++) {
        WITH_TAIL(cprom_desc) longer[2] = {{.opts = {.name = "x"}}, {.opts = {.name = "y"}}};
        assert_int_equal(sizeof longer[0], sizeof longer[0].opts + 16);
        longer[0].opts.size = longer[1].opts.size = size_of(i, sizeof longer[0].opts, longer[1].tail);
        ct_log_clear(&fixture->log);
        assert_status(cprom_collector_new(fixture->registry,
                                          CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_nothing,
                                                     .descs = &longer[0].opts, .n_descs = 2)),
                      expected[i]);
        assert_int_equal(ct_log_count_with(&fixture->log, "\"c\"", "size", NULL), expected[i] ? 1 : 0);
        assert_int_equal(stats_of(fixture->registry).families, expected[i] ? 0 : 2);
        if (!expected[i]) assert_ok(cprom_registry_unregister(fixture->registry, "y"));
    }
}

static void test_opts_size_of_a_registry_is_checked(void **state)
{
    ct_fixture *fixture = *state;
    for (enum size_case i = 0; i < SIZE_CASES; i++) {
        WITH_TAIL(cprom_registry_opts) longer = {.opts = ct_fixture_opts(fixture)};
        cprom_registry *registry;
        longer.opts.size = size_of(i, sizeof longer.opts, longer.tail);
        ct_log_clear(&fixture->log);
        assert_status(cprom_registry_new(&longer.opts, &registry), expected[i]);
        assert_int_equal(registry != NULL, expected[i] == CPROM_OK);
        /* With a size that says nothing, nothing can be read, the log callback included. */
        assert_int_equal(ct_log_count_with(&fixture->log, "size", NULL), i == SIZE_LONGER_WITH_SOMETHING);
        cprom_registry_free(registry);
    }
}

static void test_opts_size_of_a_page_is_checked(void **state)
{
    ct_fixture *fixture = *state;
    for (enum size_case i = 0; i < SIZE_CASES; i++) {
        WITH_TAIL(cprom_page_opts) longer = {.tail = {0}};
        cprom_page *page;
        longer.opts.size = size_of(i, sizeof longer.opts, longer.tail);
        ct_log_clear(&fixture->log);
        assert_status(cprom_page_open(fixture->registry, &longer.opts, &page), expected[i]);
        assert_int_equal(page != NULL, expected[i] == CPROM_OK);
        assert_int_equal(ct_log_count_with(&fixture->log, "size", NULL), expected[i] ? 1 : 0);
        cprom_page_close(page);
    }
}

static void test_page_open_bad_options_are_einval_with_a_log_line(void **state)
{
    ct_fixture *fixture = *state;
    cprom_page *page = (cprom_page *)fixture;
    assert_status(cprom_page_open(fixture->registry, NULL, NULL), CPROM_EINVAL);
    assert_status(cprom_page_open(fixture->registry, CPROM_OPTS(cprom_page_opts, .format = (cprom_format)77), &page),
                  CPROM_EINVAL);
    assert_null(page);
    assert_int_equal(ct_log_count_with(&fixture->log, "format", NULL), 1);
    assert_status(cprom_page_open(fixture->registry, CPROM_OPTS(cprom_page_opts, .n_names = 1), &page), CPROM_EINVAL);
    assert_null(page);
    assert_int_equal(ct_log_count_with(&fixture->log, "names", NULL), 1);
    assert_int_equal(stats_of(fixture->registry).gathers, 0);
}

/* The first `size` bytes of options, in memory that ends there: sanitizers see what is read behind. */
static void *shortened(const void *opts, size_t size)
{
    void *copy = malloc(size);
    assert_non_null(copy);
    memcpy(copy, opts, size);
    memcpy(copy, &size, sizeof size);
    return copy;
}

static void test_opts_size_shorter_leaves_the_rest_at_its_default(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts all = ct_fixture_opts(fixture);
    void *family = shortened(FAMILY("x", .unit = "not looked at", .n_bounds = 7), offsetof(cprom_opts, unit));
    void *some = shortened(&all, offsetof(cprom_registry_opts, log));
    cprom_histogram *histogram;
    cprom_registry *registry;
    assert_ok(cprom_histogram_new(fixture->registry, family, &histogram));
    ct_assert_sample(fixture->registry, "x_bucket{le=\"0.005\"}", 0);
    assert_ok(cprom_registry_new(some, &registry));
    assert_ok(cprom_histogram_new(registry, family, &histogram));
    assert_status(cprom_histogram_new(registry, family, &histogram), CPROM_EEXIST);
    assert_int_equal(ct_log_count(&fixture->log), 0);
    cprom_registry_free(registry);
    free(some);
    free(family);
}

/*==============================================================================
 * Allocator
 *============================================================================*/

static void test_allocator_one_function_without_the_other_is_einval(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_registry *registry = fixture->registry;
    opts.release = NULL;
    assert_status(cprom_registry_new(&opts, &registry), CPROM_EINVAL);
    assert_null(registry);
    opts.release = ct_release;
    opts.allocate = NULL;
    assert_status(cprom_registry_new(&opts, &registry), CPROM_EINVAL);
    assert_null(registry);
    assert_int_equal(ct_log_count_with(&fixture->log, "allocate", "release", NULL), 2);
}

static void test_allocator_bytes_are_what_the_statistics_say(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_counter_vec *vec;
    cprom_histogram *histogram;
    cprom_page *page;
    char *text;
#define ASSERT_BYTES() assert_int_equal(stats_of(registry).bytes, atomic_load(&fixture->alloc.bytes))
    ASSERT_BYTES();
    assert_true(stats_of(registry).bytes > 0);
    assert_ok(cprom_histogram_new(registry, FAMILY("h"), &histogram));
    ASSERT_BYTES();
    assert_ok(cprom_counter_vec_new(registry, FAMILY("x_total", .labels = {"a"}), &vec));
    for (int i = 0; i < 2000; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS(value)));
    }
    ASSERT_BYTES();
    assert_ok(cprom_page_open(registry, NULL, &page));
    ASSERT_BYTES();
    assert_ok(cprom_counter_vec_clear(vec));
    assert_ok(cprom_registry_text(registry, &text, NULL));
    ASSERT_BYTES();
    cprom_text_free(text);
    uint64_t before = stats_of(registry).bytes;
    cprom_page_close(page);
    cprom_registry_trim(registry);
    ASSERT_BYTES();
    assert_true(stats_of(registry).bytes < before);
    assert_ok(cprom_registry_unregister(registry, "x_total"));
    ASSERT_BYTES();
}

/*==============================================================================
 * Log
 *============================================================================*/

static void test_log_updates_dropped_are_one_line_per_family_and_reason(void **state)
{
    ct_fixture *fixture = *state;
    cprom_counter_vec *a, *b;
    assert_ok(cprom_counter_vec_new(fixture->registry, FAMILY("a_total", .labels = {"l"}), &a));
    assert_ok(cprom_counter_vec_new(fixture->registry, FAMILY("b_total", .labels = {"l"}), &b));
    for (int i = 0; i < 3; i++) {
        assert_status(cprom_counter_vec_inc(a, CPROM_NO_STRS), CPROM_ELABELS);
        assert_status(cprom_counter_vec_add(a, CPROM_STRS("1"), -1), CPROM_EINVAL);
        assert_status(cprom_counter_vec_inc(b, CPROM_STRS("\xff")), CPROM_EUTF8);
        cprom_counter *held = cprom_counter_vec_with(a, CPROM_STRS("1"));
        assert_ok(cprom_counter_vec_delete(a, CPROM_STRS("1")));
        cprom_counter_inc(held);
        cprom_counter_unref(held);
    }
    assert_int_equal(ct_log_count(&fixture->log), 3);
    assert_int_equal(ct_log_count_with(&fixture->log, "a_total", "invalid", NULL), 1);
    assert_int_equal(ct_log_count_with(&fixture->log, "a_total", "detached", NULL), 1);
    assert_int_equal(ct_log_count_with(&fixture->log, "b_total", "invalid", NULL), 1);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 9);
    assert_int_equal(stats_of(fixture->registry).dropped_detached, 3);
}

static void test_log_what_is_not_printable_is_escaped(void **state)
{
    static const struct {
        const char *name, *logged;
    } cases[] = {
        {"a\nb\tc\x7f", "\"a\\x0ab\\x09c\\x7f\""},
        {"\033[2J\r", "\"\\x1b[2J\\x0d\""},                               /* would clear a terminal */
        {"\xc2\x9b", "\"\\xc2\\x9b\""},                                   /* the same control in one character, C1 */
        {"\x9b\xff\xe2\x82", "\"\\x9b\\xff\\xe2\\x82\""},                   /* not UTF-8 */
        {"\xed\xa0\x80\xc0\x8a", "\"\\xed\\xa0\\x80\\xc0\\x8a\""},          /* nor a surrogate, nor an overlong LF */
        {"x\xe2\x80\xae\xe2\x80\xa8", "\"x\\xe2\\x80\\xae\\xe2\\x80\\xa8\""}, /* from right to left; a line's end */
        {"\xe2\x81\xa6\xef\xbb\xbf", "\"\\xe2\\x81\\xa6\\xef\\xbb\\xbf\""},  /* an isolate, a mark of byte order */
        {"\xc2\xa0\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc2\xa0\xc3\xa9 \xe2\x82\xac\xf0\x9f\x98\x80\""},
        {"\xef\xbf\xbd-\\x0a\"", "\"\xef\xbf\xbd-\\x0a\"\""},
    };
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(cprom_gauge_new(fixture->registry, FAMILY(cases[i].name), &gauge), CPROM_ENAME);
        assert_int_equal(ct_log_count_with(&fixture->log, cases[i].logged, NULL), 1);
    }
}

/* Wherever a string of the program's gets into a line. */
static cprom_status emit_strange(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    return cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "emitted", .type = CPROM_GAUGE, .labels = {"l"}),
                      CPROM_STRS("\033[1m\xff"), 1);
}

static void test_log_text_of_strangers_is_escaped_wherever_it_comes_from(void **state)
{
#define STRANGE "\033\n\x9b"
#define ESCAPED "\\x1b\\x0a\\x9b"
    ct_fixture *fixture = *state;
    cprom_registry *registry;
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    cprom_gauge *gauge;
    cprom_page *page;
    opts.log = ct_log_line;
    opts.log_ctx = &fixture->log;
    opts.prefix = "p" STRANGE;
    assert_status(cprom_registry_new(&opts, &registry), CPROM_ENAME);
    assert_int_equal(ct_log_count_with(&fixture->log, "prefix \"p" ESCAPED "\"", NULL), 1);
    opts.prefix = NULL;
    opts.const_labels[0] = (cprom_label){"c" STRANGE, "v"};
    assert_status(cprom_registry_new(&opts, &registry), CPROM_ELABELS);
    assert_int_equal(ct_log_count_with(&fixture->log, "\"c" ESCAPED "\"", NULL), 1);
    assert_status(cprom_gauge_new(fixture->registry,
                                  CPROM_OPTS(cprom_opts, .name = "named", .help = "h", .labels = {"l" STRANGE}), &gauge),
                  CPROM_ELABELS);
    assert_int_equal(ct_log_count_with(&fixture->log, "named", "\"l" ESCAPED "\"", NULL), 1);
    assert_status(cprom_gauge_new(fixture->registry,
                                  CPROM_OPTS(cprom_opts, .name = "united", .help = "h", .unit = "u" STRANGE), &gauge),
                  CPROM_ENAME);
    assert_int_equal(ct_log_count_with(&fixture->log, "united", "\"u" ESCAPED "\"", NULL), 1);
    assert_ok(cprom_collector_new(fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "who\033\n",
                                                                .collect = emit_strange)));
    assert_ok(cprom_page_open(fixture->registry, NULL, &page));
    cprom_page_close(page);
    assert_int_equal(ct_log_count_with(&fixture->log, "collector \"who\\x1b\\x0a\"", "emitted",
                                       "{\\x1b[1m\\xff}", NULL), 1);
#undef STRANGE
#undef ESCAPED
}

static void test_log_longest_names_still_make_one_line_with_the_reason(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    char *name = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(name);
    memset(name, 'x', CPROM_VALUE_MAX + 1);
    name[CPROM_VALUE_MAX + 1] = '\0';
    assert_status(cprom_gauge_new(fixture->registry, FAMILY(name), &gauge), CPROM_ENAME);
    assert_int_equal(ct_log_count_with(&fixture->log, "metric \"xxxxxxxx", "name", "too long", NULL), 1);
    name[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY(name), &gauge));
    assert_status(cprom_gauge_new(fixture->registry, FAMILY(name), &gauge), CPROM_EEXIST);
    assert_int_equal(ct_log_count_with(&fixture->log, "metric \"xxxxxxxx", "name", "registered already", NULL), 1);
    name[CPROM_VALUE_MAX - 1] = '-';
    assert_status(cprom_gauge_new(fixture->registry, FAMILY(name), &gauge), CPROM_ENAME);
    assert_int_equal(ct_log_count_with(&fixture->log, "metric \"xxxxxxxx", "name", "not a metric name", NULL), 1);
    memset(name, 1, CPROM_VALUE_MAX);
    assert_status(cprom_gauge_new(fixture->registry, FAMILY(name), &gauge), CPROM_ENAME);
    assert_int_equal(ct_log_count_with(&fixture->log, "\"\\x01\\x01", "\\x01...\"", "not a metric name", NULL), 1);
    free(name);
}

static void count_reentry(void *ctx, const char *line)
{
    /* No lock is held: the library may be used. */
    ct_fixture *fixture = ctx;
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(fixture->registry, &stats));
    cprom_registry_unregister(fixture->registry, "x");
    ct_log_line(&fixture->log, line);
}

static void test_log_callback_may_use_the_registry(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge *gauge;
    cprom_registry_free(fixture->registry);
    opts.log = count_reentry;
    opts.log_ctx = fixture;
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge), CPROM_EEXIST);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    ct_assert_page(fixture->registry, "");
}

/*==============================================================================
 * Clocks
 *============================================================================*/

static void test_clock_wall_is_the_one_given(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    cprom_gauge_set_to_current_time(gauge);
    assert_true(cprom_gauge_value(gauge) == 1700000000);
    atomic_store(&fixture->clock.wall, INT64_C(1234500000));
    cprom_gauge_set_to_current_time(gauge);
    assert_true(cprom_gauge_value(gauge) == 1.2345);
}

static int64_t seen_deadline;

static cprom_status note_deadline(void *ctx, cprom_scrape *out)
{
    seen_deadline = cprom_scrape_deadline(out);
    return CPROM_OK;
}

static void test_clock_monotonic_is_the_one_that_deadlines_are_on(void **state)
{
    ct_fixture *fixture = *state;
    assert_ok(cprom_collector_new(fixture->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = note_deadline)));
    ct_page page = ct_page_read(fixture->registry, CPROM_OPTS(cprom_page_opts, .timeout_seconds = 2.5), 4096);
    assert_true(seen_deadline == INT64_C(1002500000000));
    ct_page_free(&page);
    page = ct_page_read(fixture->registry, NULL, 4096);
    assert_true(seen_deadline == INT64_MAX);
    ct_page_free(&page);
}

static void test_clock_default_is_that_of_the_machine(void **state)
{
    cprom_registry *registry;
    cprom_gauge *gauge;
    assert_ok(cprom_registry_new(NULL, &registry));
    assert_ok(cprom_gauge_new(registry, FAMILY("x"), &gauge));
    cprom_gauge_set_to_current_time(gauge);
    assert_true(cprom_gauge_value(gauge) > 1.5e9 && cprom_gauge_value(gauge) < 1e11);
    cprom_timer timer = cprom_gauge_timer(gauge);
    assert_true(cprom_timer_stop(&timer) >= 0);
    cprom_registry_free(registry);
}

/*==============================================================================
 * Statistics
 *============================================================================*/

static void test_stats_bad_arguments_are_einval(void **state)
{
    ct_fixture *fixture = *state;
    cprom_stats stats = {.size = 0, .series = 77};
    assert_status(cprom_registry_stats(fixture->registry, NULL), CPROM_EINVAL);
    assert_status(cprom_registry_stats(fixture->registry, &stats), CPROM_EINVAL);
    stats.size = sizeof stats.size - 1;
    assert_status(cprom_registry_stats(fixture->registry, &stats), CPROM_EINVAL);
    assert_int_equal(stats.series, 77);
}

static void test_stats_size_shorter_or_longer_is_respected(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    struct {
        cprom_stats stats;
        char tail[16];
    } longer;
    memset(&longer, 0x5a, sizeof longer);
    longer.stats.size = offsetof(cprom_stats, series);
    assert_ok(cprom_registry_stats(fixture->registry, &longer.stats));
    assert_int_equal(longer.stats.size, offsetof(cprom_stats, series));
    assert_int_equal(longer.stats.families, 1);
    assert_int_equal(longer.stats.series, UINT64_C(0x5a5a5a5a5a5a5a5a));
    longer.stats.size = sizeof longer;
    assert_ok(cprom_registry_stats(fixture->registry, &longer.stats));
    assert_int_equal(longer.stats.size, sizeof longer);
    assert_int_equal(longer.stats.series, 1);
    for (size_t i = 0; i < sizeof longer.tail; i++) assert_int_equal(longer.tail[i], 0);
}

static cprom_status fail_always(void *ctx, cprom_scrape *out) { return CPROM_EINVAL; }

static void test_stats_fields_count_what_they_say(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_gauge *gauge;
    cprom_counter *counter;
    cprom_counter_vec *vec;
    cprom_stats stats = stats_of(registry), none = CPROM_INIT(cprom_stats);
    none.bytes = stats.bytes;
    assert_memory_equal(&stats, &none, sizeof stats);

    assert_ok(cprom_gauge_new(registry, FAMILY("g"), &gauge));
    assert_ok(cprom_counter_new(registry, FAMILY("c_total"), &counter));
    assert_ok(cprom_counter_vec_new(registry, FAMILY("v_total", .labels = {"a"}), &vec));
    assert_ok(cprom_gauge_func_new(registry, FAMILY("f"), zero, NULL));
    cprom_desc descs[2] = {{.size = sizeof descs[0], .name = "d1"}, {.size = sizeof descs[0], .name = "d2"}};
    assert_ok(cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "failing", .collect = fail_always,
                                                       .descs = descs, .n_descs = 2)));
    stats = stats_of(registry);
    assert_int_equal(stats.families, 6);
    assert_int_equal(stats.collectors, 2);
    assert_int_equal(stats.series, 2);
    assert_int_equal(stats.series_created, 2);

    for (int i = 0; i < 10; i++) assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS((const char[]){(char)('a' + i), 0})));
    assert_ok(cprom_counter_vec_delete(vec, CPROM_STRS("a")));
    assert_ok(cprom_counter_vec_delete_matching(vec, CPROM_LABELS({"a", "b"}), NULL));
    stats = stats_of(registry);
    assert_int_equal(stats.series, 10);
    assert_int_equal(stats.series_created, 12);
    assert_int_equal(stats.series_removed, 2);
    assert_int_equal(stats.series_unreclaimed, 2);

    cprom_counter *held = cprom_counter_vec_with(vec, CPROM_STRS("c"));
    assert_ok(cprom_counter_vec_clear(vec));
    stats = stats_of(registry);
    assert_int_equal(stats.series, 2);
    assert_int_equal(stats.series_removed, 10);
    assert_int_equal(stats.series_unreclaimed, 10);
    cprom_registry_trim(registry);
    assert_int_equal(stats_of(registry).series_unreclaimed, 1);
    cprom_counter_inc(held);
    cprom_counter_add(held, 2);
    cprom_counter_unref(held);
    cprom_registry_trim(registry);
    stats = stats_of(registry);
    assert_int_equal(stats.series_unreclaimed, 0);
    assert_int_equal(stats.dropped_detached, 2);

    cprom_counter_add(counter, -1);
    cprom_counter_add(counter, NAN);
    assert_null(cprom_counter_vec_with(vec, CPROM_NO_STRS));
    ct_alloc_fail_at(&fixture->alloc, 1, true);
    assert_status(cprom_counter_vec_inc(vec, CPROM_STRS("new")), CPROM_ENOMEM);
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    stats = stats_of(registry);
    assert_int_equal(stats.dropped_invalid, 3);
    assert_int_equal(stats.dropped_nomem, 1);
    assert_int_equal(stats.dropped_limit, 0);
    assert_int_equal(stats.dropped_stale, 0);
    assert_int_equal(stats.gathers, 0);
    assert_int_equal(stats.collector_failures, 0);

    for (uint64_t i = 1; i <= 3; i++) {
        ct_page page = ct_page_read(registry, NULL, 4096);
        ct_page_free(&page);
        stats = stats_of(registry);
        assert_int_equal(stats.gathers, i);
        assert_int_equal(stats.collector_failures, i);
    }
    assert_ok(cprom_registry_unregister(registry, "failing"));
    assert_ok(cprom_registry_unregister(registry, "g"));
    stats = stats_of(registry);
    assert_int_equal(stats.families, 3);
    assert_int_equal(stats.collectors, 1);
    assert_int_equal(stats.series, 1);
    assert_int_equal(stats.series_created, 12);
    assert_int_equal(stats.series_removed, 11);
}

typedef struct looked {
    cprom_registry *registry;
    cprom_stats stats;
} looked;

static bool look(void *ctx, const cprom_view *view)
{
    looked *l = ctx;
    (void)view;
    l->stats = stats_of(l->registry);
    return false;
}

static cprom_page *open_at(cprom_registry *registry)
{
    cprom_page *page;
    assert_ok(cprom_page_open(registry, NULL, &page));
    return page;
}

/* A removed series is kept by a page, or by a handle; and by which page, its age tells. */
static void test_stats_tell_who_keeps_what_was_removed(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *child, *r = fixture->registry;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    cprom_gauge_vec *vec;
    opts.parent = r;
    assert_ok(cprom_registry_new(&opts, &child));
    assert_ok(cprom_gauge_vec_new(child, FAMILY("v", .labels = {"a"}), &vec));
    for (int i = 0; i < 10; i++) assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS((const char[]){(char)('a' + i), 0}), i));
    cprom_stats stats = stats_of(child);
    assert_int_equal(stats.pages_open, 0);
    assert_true(stats.oldest_page_seconds == 0);

    cprom_page *first = open_at(r); /* the parent's page shows the child, too */
    ct_clock_advance(&fixture->clock, INT64_C(5000000000));
    cprom_page *second = open_at(child);
    cprom_gauge *held = cprom_gauge_vec_with(vec, CPROM_STRS("c"));
    assert_ok(cprom_gauge_vec_clear(vec));
    cprom_registry_trim(child);
    stats = stats_of(child);
    assert_int_equal(stats.series_unreclaimed, 10);
    assert_int_equal(stats.series_pinned, 9);
    assert_int_equal(stats.pages_open, 2);
    assert_true(stats.oldest_page_seconds == 5);
    assert_int_equal(stats_of(r).pages_open, 1);

    cprom_page_close(first);
    ct_clock_advance(&fixture->clock, INT64_C(2000000000));
    cprom_registry_trim(child);
    stats = stats_of(child);
    assert_int_equal(stats.series_unreclaimed, 10);
    assert_int_equal(stats.series_pinned, 9);
    assert_int_equal(stats.pages_open, 1);
    assert_true(stats.oldest_page_seconds == 2);

    cprom_page_close(second);
    cprom_registry_trim(child);
    stats = stats_of(child);
    assert_int_equal(stats.series_unreclaimed, 1);
    assert_int_equal(stats.series_pinned, 0);
    assert_int_equal(stats.pages_open, 0);
    assert_true(stats.oldest_page_seconds == 0);
    cprom_gauge_unref(held);

    looked l = {.registry = child};
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("a"), 1));
    assert_ok(cprom_gauge_vec_each(vec, look, &l));
    assert_int_equal(l.stats.pages_open, 1);
    cprom_registry_trim(child);
    assert_int_equal(stats_of(child).series_unreclaimed, 0);
    cprom_registry_free(child);
}

int group_opts(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_opts_size_of_a_family_is_checked),
        TEST(test_opts_size_of_a_collector_is_checked),
        TEST(test_opts_size_of_declared_descs_is_checked_and_is_their_stride),
        TEST(test_opts_size_of_a_registry_is_checked),
        TEST(test_opts_size_of_a_page_is_checked),
        TEST(test_page_open_bad_options_are_einval_with_a_log_line),
        TEST(test_opts_size_shorter_leaves_the_rest_at_its_default),
        TEST(test_allocator_one_function_without_the_other_is_einval),
        TEST(test_allocator_bytes_are_what_the_statistics_say),
        TEST(test_log_updates_dropped_are_one_line_per_family_and_reason),
        TEST(test_log_what_is_not_printable_is_escaped),
        TEST(test_log_text_of_strangers_is_escaped_wherever_it_comes_from),
        TEST(test_log_longest_names_still_make_one_line_with_the_reason),
        TEST(test_log_callback_may_use_the_registry),
        TEST(test_clock_wall_is_the_one_given),
        TEST(test_clock_monotonic_is_the_one_that_deadlines_are_on),
        cmocka_unit_test(test_clock_default_is_that_of_the_machine),
        TEST(test_stats_bad_arguments_are_einval),
        TEST(test_stats_size_shorter_or_longer_is_respected),
        TEST(test_stats_fields_count_what_they_say),
        TEST(test_stats_tell_who_keeps_what_was_removed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
