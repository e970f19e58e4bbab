/* Registering collectors, which of two that collide is on the page, and what self-metrics say of them. */
#include <math.h>

#include "support/probe.h"

/*==============================================================================
 * Registering
 *============================================================================*/

static void test_collector_new_refused_does_not_free_its_context(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "h", .help = "H."), &histogram));
    static probe one, again;
    probe_add(&one, fixture->registry, "one");
    probe_init(&again, fixture->registry, "one");
    assert_status(probe_register(&again, NULL, 0), CPROM_EEXIST);
    again.name = "two";
    assert_status(probe_register(&again, GAUGE("h"), 1), CPROM_EEXIST);
    assert_status(probe_register(&again, GAUGE("h_sum"), 1), CPROM_ECONFLICT);
    assert_status(probe_register(&again, GAUGE("1"), 1), CPROM_ENAME);
    assert_status(probe_register(&again, DESC(.name = "m", .labels = {"__"}), 1), CPROM_ELABELS);
    assert_status(probe_register(&again, DESC(.name = "m", .help = "\xff"), 1), CPROM_EUTF8);
    assert_status(probe_register(&again, &(const cprom_desc){.name = "m"}, 1), CPROM_EINVAL);
    assert_status(probe_register(&again, GAUGE("m"), 0), CPROM_EINVAL);
    assert_status(probe_register(&again, NULL, 1), CPROM_EINVAL);
    const cprom_desc twice[] = {*GAUGE("m"), *GAUGE("m")};
    assert_status(probe_register(&again, twice, 2), CPROM_EEXIST);
    assert_int_equal(ct_log_count(&fixture->log), 10);
    /* What is wrong with a collector is said of the collector, what is wrong with a family of the family. */
    assert_true(ct_log_has(&fixture->log, "collector \"one\" refused: name is registered already"));
    assert_int_equal(ct_log_count_with(&fixture->log, "collector \"two\" refused: descs ", (char *)NULL), 3);
    assert_true(ct_log_has(&fixture->log, "metric \"h\" refused: name \"h\" is registered already"));
    assert_int_equal(ct_log_count_with(&fixture->log, "metric \"", (char *)NULL), 6);
    assert_int_equal(probe_freed(&again), 0);
    assert_int_equal(stats_of(fixture->registry).collectors, 1);
    assert_ok(cprom_registry_unregister(fixture->registry, "one"));
    assert_int_equal(probe_freed(&one), 1);
}

static void test_collector_new_name_too_long_for_a_label_is_einval(void **state)
{
    ct_fixture *fixture = *state;
    char *name = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(name);
    memset(name, 'n', CPROM_VALUE_MAX + 1);
    name[CPROM_VALUE_MAX + 1] = '\0';
    static probe p;
    probe_init(&p, fixture->registry, name);
    cprom_gauge *gauge;
    assert_status(probe_register(&p, NULL, 0), CPROM_EINVAL);
    assert_status(probe_register(&p, GAUGE(name), 1), CPROM_EINVAL);
    assert_status(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = name, .help = "H."), &gauge),
                  CPROM_ENAME);
    name[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = name, .help = "H."), &gauge));
    ct_page page = ct_page_read(fixture->registry, PAGE_OPTS(.self_metrics = true), 65536);
    ct_page_free(&page);
    free(name);
}

static double count_up(void *ctx) { return ++*(double *)ctx; }

static void test_func_with_prefix_and_const_labels_asks_once_a_page(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"host", "a"};
    cprom_registry *registry;
    assert_ok(cprom_registry_new(&opts, &registry));
    double ups = 0, waits = NAN;
    assert_ok(cprom_counter_func_new(registry, CPROM_OPTS(cprom_opts, .name = "ups_total", .help = "Ups."), count_up,
                                     &ups));
    assert_ok(cprom_gauge_func_new(registry, CPROM_OPTS(cprom_opts, .name = "waits", .help = "Waits."), count_up,
                                   &waits));
    ct_page page = ct_page_read(registry, NULL, 7);
    ct_assert_text_equal(page.text,
                         "# HELP ci_ups_total Ups.\n# TYPE ci_ups_total counter\nci_ups_total{host=\"a\"} 1\n"
                         "# HELP ci_waits Waits.\n# TYPE ci_waits gauge\nci_waits{host=\"a\"} NaN\n");
    ct_page_free(&page);
    ct_assert_sample(registry, "ci_ups_total{host=\"a\"}", 2);
    assert_status(cprom_registry_unregister(registry, "ups_total"), CPROM_ENOENT);
    assert_ok(cprom_registry_unregister(registry, "ci_ups_total"));
    assert_ok(cprom_registry_unregister(registry, "ci_waits"));
    ct_assert_page(registry, "");
    assert_true(ups == 2);
    cprom_registry_free(registry);
}

static void test_func_new_refuses_like_an_instrument(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    double value = 0;
    assert_ok(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), count_up, &value));
    assert_status(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), count_up, NULL),
                  CPROM_EEXIST);
    assert_status(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "a"), count_up, NULL), CPROM_EINVAL);
    assert_status(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "a", .help = "A."), NULL, NULL), CPROM_EINVAL);
    assert_status(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .help = "A."), count_up, NULL), CPROM_ENAME);
    assert_status(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "a", .help = "A.", .labels = {"l"}),
                                       count_up, NULL),
                  CPROM_ELABELS);
    assert_status(cprom_counter_func_new(r, CPROM_OPTS(cprom_opts, .name = "a", .help = "A."), count_up, NULL),
                  CPROM_ENAME);
    assert_status(cprom_counter_func_new(r, CPROM_OPTS(cprom_opts, .name = "g_total", .help = "A."), count_up, NULL),
                  CPROM_ECONFLICT);
    assert_status(cprom_gauge_func_new(r, NULL, count_up, NULL), CPROM_EINVAL);
    assert_status(cprom_counter_func_new(NULL, CPROM_OPTS(cprom_opts, .name = "a_total"), count_up, NULL),
                  CPROM_EINVAL);
    assert_int_equal(ct_log_count(&fixture->log), 7);
    ct_assert_sample(r, "g", 1);
}

/*==============================================================================
 * Collisions: the whole collector loses, whatever else it emits
 *============================================================================*/

/* An unchecked collector: one series of each desc, its labels all `value`. */
typedef struct emits {
    const char *value;
    const cprom_desc *descs[4];
    cprom_status returns;
} emits;

static cprom_status emit_all(void *ctx, cprom_scrape *out)
{
    const emits *e = ctx;
    for (size_t i = 0; i < 4 && e->descs[i]; i++) {
        const char *values[CPROM_LABELS_MAX];
        cprom_strs strs = {values, 0};
        while (e->descs[i]->labels[strs.n]) values[strs.n++] = e->value;
        cprom_status status;
        if (e->descs[i]->type == CPROM_HISTOGRAM || e->descs[i]->type == CPROM_GAUGE_HISTOGRAM) {
            cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
            status = cprom_emit_histogram(out, e->descs[i], strs, &histogram);
        } else if (e->descs[i]->type == CPROM_SUMMARY) {
            cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
            status = cprom_emit_summary(out, e->descs[i], strs, &summary);
        } else {
            status = cprom_emit(out, e->descs[i], strs, 0);
        }
        if (status) return status;
    }
    return e->returns;
}

static void add(void **state, const char *name, emits *e)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = name;
    opts.collect = emit_all;
    opts.ctx = e;
    assert_ok(cprom_collector_new(((ct_fixture *)*state)->registry, &opts));
}

/* One page; the one collector that fails is `loser` for `reason`, said of `family`. NULL: none fails. */
static void assert_page_and_loser(void **state, const char *expected, const char *loser, const char *family,
                                  const char *reason)
{
    ct_fixture *fixture = *state;
    ct_log_clear(&fixture->log);
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, expected);
    ct_page_free(&page);
    assert_int_equal(ct_log_count(&fixture->log), loser ? 1 : 0);
    if (!loser) return;
    if (!ct_log_has(&fixture->log, loser, family, reason)) fail_msg("log: %s", fixture->log.lines[0]);
    page = ct_page_read(fixture->registry, PAGE_OPTS(.self_metrics = true), 65536);
    char key[128];
    snprintf(key, sizeof key, "cprom_collector_success{collector=%s}", loser);
    assert_true(parser_value(page.parsed, key) == 0);
    ct_page_free(&page);
}

#define A_PAGE "# TYPE a gauge\na 0\n"
#define B_PAGE "# TYPE b gauge\nb 0\n"

static void test_unchecked_family_of_an_empty_vector_loses(void **state)
{
    cprom_gauge_vec *vec;
    emits early = {.descs = {GAUGE("a"), GAUGE("v")}}, late = {.descs = {GAUGE("b")}};
    add(state, "early", &early); /* before the vector; the vector has the name all the same */
    assert_ok(cprom_gauge_vec_new(((ct_fixture *)*state)->registry,
                                  CPROM_OPTS(cprom_opts, .name = "v", .help = "V.", .labels = {"l"}), &vec));
    add(state, "late", &late);
    assert_page_and_loser(state, B_PAGE, "\"early\"", "\"v\"", "belongs");
}

static void test_unchecked_family_that_was_only_declared_loses(void **state)
{
    emits early = {.descs = {GAUGE("two"), GAUGE("a")}}, late = {.descs = {GAUGE("b")}};
    static probe one;
    add(state, "early", &early);
    probe_init(&one, ((ct_fixture *)*state)->registry, "one");
    const cprom_desc declared[] = {*GAUGE("one"), *GAUGE("two")}; /* and never emitted */
    assert_ok(probe_register(&one, declared, 2));
    add(state, "late", &late);
    assert_page_and_loser(state, B_PAGE ONE, "\"early\"", "\"two\"", "belongs");
}

static void assert_suffix_loses(void **state, const char *name, cprom_type type, const cprom_desc *emitted)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    emits e = {.descs = {GAUGE("a"), emitted}}, fine = {.descs = {GAUGE("b")}}, nothing = {.value = ""};
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "declaring";
    opts.collect = emit_all;
    opts.ctx = &nothing;
    opts.descs = DESC(.name = name, .type = type);
    opts.n_descs = 1;
    assert_ok(cprom_collector_new(r, &opts));
    add(state, "e", &e);
    add(state, "fine", &fine);
    char quoted[64];
    snprintf(quoted, sizeof quoted, "\"%s\"", emitted->name);
    assert_page_and_loser(state, B_PAGE, "\"e\"", quoted, "collide");
}

static void test_unchecked_count_of_a_registered_histogram_loses(void **state)
{
    assert_suffix_loses(state, "h", CPROM_HISTOGRAM, GAUGE("h_count"));
}

static void test_unchecked_histogram_of_a_registered_bucket_loses(void **state)
{
    assert_suffix_loses(state, "h_bucket", CPROM_UNTYPED, DESC(.name = "h", .type = CPROM_HISTOGRAM));
}

static void test_unchecked_gcount_of_a_registered_gauge_histogram_loses(void **state)
{
    assert_suffix_loses(state, "h", CPROM_GAUGE_HISTOGRAM, GAUGE("h_gcount"));
}

static void test_unchecked_count_of_a_registered_gauge_histogram_loses(void **state)
{
    assert_suffix_loses(state, "h", CPROM_GAUGE_HISTOGRAM, GAUGE("h_count"));
}

static void test_unchecked_gauge_histogram_of_a_registered_gsum_loses(void **state)
{
    assert_suffix_loses(state, "h_gsum", CPROM_UNTYPED, DESC(.name = "h", .type = CPROM_GAUGE_HISTOGRAM));
}

static void test_unchecked_gauge_histogram_of_a_registered_sum_loses(void **state)
{
    assert_suffix_loses(state, "h_sum", CPROM_GAUGE, DESC(.name = "h", .type = CPROM_GAUGE_HISTOGRAM));
}

static void test_unchecked_summary_of_a_registered_sum_loses(void **state)
{
    assert_suffix_loses(state, "s_sum", CPROM_GAUGE, DESC(.name = "s", .type = CPROM_SUMMARY));
}

static void test_unchecked_openmetrics_name_of_a_registered_counter_loses(void **state)
{
    assert_suffix_loses(state, "c_total", CPROM_COUNTER, GAUGE("c"));
}

static void test_unchecked_created_of_a_registered_counter_loses(void **state)
{
    assert_suffix_loses(state, "c_total", CPROM_COUNTER, GAUGE("c_created"));
}

/* The same family from two: the later registered loses, also with other series, also with its other families. */
static void test_unchecked_same_family_later_registered_loses(void **state)
{
    emits first = {"x", {DESC(.name = "m", .labels = {"l"})}, CPROM_OK};
    emits second = {"y", {GAUGE("a"), DESC(.name = "m", .labels = {"l"})}, CPROM_OK};
    emits third = {.descs = {GAUGE("b")}};
    add(state, "first", &first);
    add(state, "second", &second);
    add(state, "third", &third);
    assert_page_and_loser(state, B_PAGE "# TYPE m untyped\nm{l=\"x\"} 0\n", "\"second\"", "\"m\"", "earlier");
    /* Who is gone takes nothing away, who comes back is the later one. */
    assert_ok(cprom_registry_unregister(((ct_fixture *)*state)->registry, "first"));
    assert_page_and_loser(state, A_PAGE B_PAGE "# TYPE m untyped\nm{l=\"y\"} 0\n", NULL, NULL, NULL);
    add(state, "first", &first);
    assert_page_and_loser(state, A_PAGE B_PAGE "# TYPE m untyped\nm{l=\"y\"} 0\n", "\"first\"", "\"m\"", "earlier");
}

static void test_unchecked_same_family_of_another_type_later_registered_loses(void **state)
{
    emits first = {.descs = {GAUGE("b")}}, second = {.descs = {DESC(.name = "b", .type = CPROM_HISTOGRAM), GAUGE("a")}};
    add(state, "first", &first);
    add(state, "second", &second);
    assert_page_and_loser(state, B_PAGE, "\"second\"", "\"b\"", "earlier");
}

static void test_unchecked_suffix_collision_later_registered_loses(void **state)
{
    emits first = {.descs = {GAUGE("b"), GAUGE("m_sum")}};
    emits second = {.descs = {GAUGE("a"), DESC(.name = "m", .type = CPROM_SUMMARY)}};
    add(state, "first", &first);
    add(state, "second", &second);
    assert_page_and_loser(state, B_PAGE "# TYPE m_sum gauge\nm_sum 0\n", "\"second\"", "\"m\"", "collide");
}

static void test_unchecked_same_family_as_one_that_failed_is_kept(void **state)
{
    emits first = {.descs = {GAUGE("a"), GAUGE("b")}, .returns = CPROM_ESYS};
    emits second = {.descs = {GAUGE("b"), DESC(.name = "b", .type = CPROM_GAUGE, .labels = {"l"})}, .value = ""};
    emits third = {.descs = {GAUGE("b"), GAUGE("a")}};
    add(state, "first", &first);
    add(state, "second", &second); /* emits b twice, for an empty label is none */
    add(state, "third", &third);
    ct_fixture *fixture = *state;
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, A_PAGE B_PAGE);
    ct_page_free(&page);
    assert_int_equal(ct_log_count(&fixture->log), 2);
    assert_true(ct_log_has(&fixture->log, "\"first\""));
    assert_true(ct_log_has(&fixture->log, "\"second\"", "\"b\"", "twice"));
}

/* Enough samples that those of the one that fails stand between those of the others in every table. */
#define MANY 500

static cprom_status emit_many(void *ctx, cprom_scrape *out)
{
    const emits *e = ctx;
    char value[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(value, sizeof value, "%04d", i);
        cprom_status status = cprom_emit(out, e->descs[0], CPROM_STRS(value), i);
        if (status) return status;
    }
    return e->value ? cprom_emit(out, e->descs[0], CPROM_STRS(e->value), 0) : CPROM_OK;
}

static void test_many_samples_dropped_with_one_duplicate_make_room_for_the_next(void **state)
{
    ct_fixture *fixture = *state;
    emits of[] = {{.descs = {DESC(.name = "x", .labels = {"l"})}},
                  {.descs = {DESC(.name = "m", .labels = {"l"})}, .value = "0499"},
                  {.descs = {DESC(.name = "m", .labels = {"l"})}},
                  {.descs = {DESC(.name = "n", .labels = {"l"})}, .value = "0000"},
                  {.descs = {DESC(.name = "n", .labels = {"l"})}}};
    const char *const names[] = {"0", "1", "2", "3", "4"};
    for (size_t i = 0; i < 5; i++) {
        cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
        opts.name = names[i];
        opts.collect = emit_many;
        opts.ctx = &of[i];
        assert_ok(cprom_collector_new(fixture->registry, &opts));
    }
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, NULL), 3 * MANY);
    for (int i = 0; i < MANY; i++) {
        for (size_t f = 0; f < 3; f++) {
            char key[32];
            snprintf(key, sizeof key, "%c{l=\"%04d\"}", "xmn"[f], i);
            assert_true(parser_value(page.parsed, key) == i);
        }
    }
    ct_page_free(&page);
    assert_int_equal(ct_log_count(&fixture->log), 2);
    assert_true(ct_log_has(&fixture->log, "\"1\"", "\"m\"", "{l=\"0499\"}", "twice"));
    assert_true(ct_log_has(&fixture->log, "\"3\"", "\"n\"", "{l=\"0000\"}", "twice"));
}

/*==============================================================================
 * Self-metrics
 *============================================================================*/

static void take_a_quarter(probe *p, cprom_scrape *out)
{
    (void)out;
    ct_clock_advance(p->extra, 250000000);
}

static cprom_status take_long_and_fail(void *ctx, cprom_scrape *out)
{
    (void)out;
    ct_clock_advance(ctx, INT64_C(1500000001));
    return CPROM_ESYS;
}

#define SELF_HELP(name, type, help) "# HELP " name " " help "\n# TYPE " name " " type "\n"
#define SELF_DURATION SELF_HELP("cprom_collector_duration_seconds", "gauge", "How long the collector's callback took.")
#define SELF_SUCCESS SELF_HELP("cprom_collector_success", "gauge", "Whether the collector's samples are on this page.")
#define SELF_DROPPED SELF_HELP("cprom_dropped_updates_total", "counter", "Updates that were dropped, by reason.")
#define SELF_SERIES SELF_HELP("cprom_series", "gauge", "Series of the family that are alive.")
#define SELF_UNRECLAIMED                                                                                               \
    SELF_HELP("cprom_series_unreclaimed", "gauge",                                                                     \
              "Series that are removed and still in memory, by what keeps them: open pages, or handles and reclaiming " \
              "that is still to come.")
#define SELF_REMOVED SELF_HELP("cprom_series_removed_total", "counter", "Series removed from the family, by reason.")

static void test_self_metrics_page_has_exactly_these_families_and_values(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "ci_";
    cprom_registry *r;
    assert_ok(cprom_registry_new(&opts, &r));
    cprom_counter *counter;
    cprom_gauge_vec *vec;
    assert_ok(cprom_counter_new(r, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C."), &counter));
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "v", .help = "V.", .labels = {"l"}), &vec));
    static const char *const values[] = {"a", "b", "c", "d", "e", "f"};
    for (size_t i = 0; i < 6; i++) assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(values[i]), 0));
    cprom_gauge *held = cprom_gauge_vec_with(vec, CPROM_STRS("f"));
    cprom_page *open;
    assert_ok(cprom_page_open(r, NULL, &open));
    assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("a")));
    assert_ok(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"l", "b"}), NULL));
    assert_ok(cprom_gauge_vec_clear(vec));
    cprom_registry_trim(r);
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("a"), 0));
    cprom_counter_add(counter, -1);
    assert_status(cprom_gauge_vec_set(vec, CPROM_NO_STRS, 0), CPROM_ELABELS);

    static probe one;
    probe_add(&one, r, "one");
    one.inside = take_a_quarter;
    one.extra = &fixture->clock;
    cprom_collector_opts failing = CPROM_INIT(cprom_collector_opts);
    failing.name = "a \"failing\" one";
    failing.collect = take_long_and_fail;
    failing.ctx = &fixture->clock;
    assert_ok(cprom_collector_new(r, &failing));
    double value = 6;
    assert_ok(cprom_gauge_func_new(r, CPROM_OPTS(cprom_opts, .name = "func", .help = "F."), count_up, &value));

    ct_page page = ct_page_read(r, PAGE_OPTS(.self_metrics = true), 65536);
    ct_assert_text_equal(page.text,
        "# HELP ci_c_total C.\n# TYPE ci_c_total counter\nci_c_total 0\n"
        "# HELP ci_func F.\n# TYPE ci_func gauge\nci_func 7\n"
        "# TYPE ci_one gauge\nci_one 1\n"
        "# HELP ci_v V.\n# TYPE ci_v gauge\nci_v{l=\"a\"} 0\n"
        SELF_DURATION
        "cprom_collector_duration_seconds{collector=\"a \\\"failing\\\" one\"} 1.500000001\n"
        "cprom_collector_duration_seconds{collector=\"ci_func\"} 0\n"
        "cprom_collector_duration_seconds{collector=\"one\"} 0.25\n"
        SELF_SUCCESS
        "cprom_collector_success{collector=\"a \\\"failing\\\" one\"} 0\n"
        "cprom_collector_success{collector=\"ci_func\"} 1\n"
        "cprom_collector_success{collector=\"one\"} 1\n"
        SELF_DROPPED
        "cprom_dropped_updates_total{reason=\"detached\"} 0\n"
        "cprom_dropped_updates_total{reason=\"invalid\"} 2\n"
        "cprom_dropped_updates_total{reason=\"limit\"} 0\n"
        "cprom_dropped_updates_total{reason=\"nomem\"} 0\n"
        "cprom_dropped_updates_total{reason=\"stale\"} 0\n"
        SELF_SERIES
        "cprom_series{family=\"ci_c_total\"} 1\n"
        "cprom_series{family=\"ci_v\"} 1\n"
        SELF_REMOVED
        "cprom_series_removed_total{family=\"ci_v\",reason=\"clear\"} 4\n"
        "cprom_series_removed_total{family=\"ci_v\",reason=\"delete\"} 1\n"
        "cprom_series_removed_total{family=\"ci_v\",reason=\"delete_matching\"} 1\n"
        "cprom_series_removed_total{family=\"ci_v\",reason=\"replace\"} 0\n"
        "cprom_series_removed_total{family=\"ci_v\",reason=\"sweep\"} 0\n"
        "cprom_series_removed_total{family=\"ci_v\",reason=\"ttl\"} 0\n"
        SELF_UNRECLAIMED
        "cprom_series_unreclaimed{kept_by=\"other\"} 1\n"
        "cprom_series_unreclaimed{kept_by=\"page\"} 5\n");
    ct_page_free(&page);
    cprom_page_close(open);
    cprom_gauge_unref(held);

    page = ct_page_read(r, NULL, 65536); /* only if asked for */
    assert_null(strstr(page.text, "cprom_"));
    ct_page_free(&page);

    const char *const only[] = {"cprom_series", "ci_func"};
    page = ct_page_read(r, PAGE_OPTS(.self_metrics = true, .names = only, .n_names = 2), 65536);
    ct_assert_text_equal(page.text, "# HELP ci_func F.\n# TYPE ci_func gauge\nci_func 9\n" SELF_SERIES
                                    "cprom_series{family=\"ci_c_total\"} 1\ncprom_series{family=\"ci_v\"} 1\n");
    ct_page_free(&page);
    cprom_registry_free(r);
}

static void test_self_metrics_of_an_empty_registry_are_what_it_counts_itself(void **state)
{
    ct_fixture *fixture = *state;
    ct_page page = ct_page_read(fixture->registry, PAGE_OPTS(.self_metrics = true), 1);
    assert_int_equal(page.parsed->n_families, 2);
    assert_int_equal(parser_count(page.parsed, "cprom_dropped_updates_total"), 5);
    ct_page_free(&page);
}

static void test_self_metrics_under_const_labels_of_their_own_names_keep_their_labels(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.const_labels[0] = (cprom_label){"collector", "mine"};
    opts.const_labels[1] = (cprom_label){"zone", "z"};
    opts.const_labels[2] = (cprom_label){"family", "mine"};
    opts.const_labels[3] = (cprom_label){"reason", "mine"};
    cprom_registry *r;
    assert_ok(cprom_registry_new(&opts, &r));
    cprom_gauge *gauge;
    static probe one;
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), &gauge));
    probe_add(&one, r, "one");
    ct_page page = ct_page_read(r, PAGE_OPTS(.self_metrics = true), 65536);
    assert_true(parser_value(page.parsed,
        "cprom_collector_success{collector=\"one\",family=\"mine\",reason=\"mine\",zone=\"z\"}") == 1);
    assert_true(parser_value(page.parsed,
        "cprom_series{collector=\"mine\",family=\"g\",reason=\"mine\",zone=\"z\"}") == 1);
    assert_true(parser_value(page.parsed,
        "cprom_dropped_updates_total{collector=\"mine\",family=\"mine\",reason=\"stale\",zone=\"z\"}") == 0);
    ct_page_free(&page);
    cprom_registry_free(r);
}

/*==============================================================================
 * The log callback is under no lock: it may use the library
 *============================================================================*/

typedef struct talking_log {
    cprom_registry *registry;
    int lines, fine;
} talking_log;

static void use_the_library(void *ctx, const char *line)
{
    talking_log *log = ctx;
    (void)line;
    if (log->lines++) return; /* what follows may be logged, too */
    cprom_gauge *gauge;
    char *text;
    log->fine += cprom_gauge_new(log->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), &gauge) == CPROM_OK;
    log->fine += cprom_registry_text(log->registry, &text, NULL) == CPROM_OK;
    cprom_text_free(text);
    log->fine += cprom_registry_unregister(log->registry, "g") == CPROM_OK;
}

static void test_log_of_a_failed_collector_or_a_refusal_may_use_the_library(void **state)
{
    ct_fixture *fixture = *state;
    for (int refusal = 0; refusal < 2; refusal++) {
        talking_log log = {NULL, 0, 0};
        cprom_registry_opts opts = ct_fixture_opts(fixture);
        opts.log = use_the_library;
        opts.log_ctx = &log;
        assert_ok(cprom_registry_new(&opts, &log.registry));
        cprom_gauge *gauge;
        emits failing = {.returns = CPROM_ESYS};
        cprom_collector_opts collector = CPROM_INIT(cprom_collector_opts);
        collector.name = "failing";
        collector.collect = emit_all;
        collector.ctx = &failing;
        if (refusal) cprom_gauge_new(log.registry, CPROM_OPTS(cprom_opts, .name = "1", .help = "G."), &gauge);
        else assert_ok(cprom_collector_new(log.registry, &collector));
        ct_page page = ct_page_read(log.registry, NULL, 65536);
        ct_page_free(&page);
        assert_int_equal(log.fine, 3);
        cprom_registry_free(log.registry);
    }
}

int group_collector_rules(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_collector_new_refused_does_not_free_its_context),
        TEST(test_collector_new_name_too_long_for_a_label_is_einval),
        TEST(test_func_with_prefix_and_const_labels_asks_once_a_page),
        TEST(test_func_new_refuses_like_an_instrument),
        TEST(test_unchecked_family_of_an_empty_vector_loses),
        TEST(test_unchecked_family_that_was_only_declared_loses),
        TEST(test_unchecked_count_of_a_registered_histogram_loses),
        TEST(test_unchecked_histogram_of_a_registered_bucket_loses),
        TEST(test_unchecked_gcount_of_a_registered_gauge_histogram_loses),
        TEST(test_unchecked_count_of_a_registered_gauge_histogram_loses),
        TEST(test_unchecked_gauge_histogram_of_a_registered_gsum_loses),
        TEST(test_unchecked_gauge_histogram_of_a_registered_sum_loses),
        TEST(test_unchecked_summary_of_a_registered_sum_loses),
        TEST(test_unchecked_openmetrics_name_of_a_registered_counter_loses),
        TEST(test_unchecked_created_of_a_registered_counter_loses),
        TEST(test_unchecked_same_family_later_registered_loses),
        TEST(test_unchecked_same_family_of_another_type_later_registered_loses),
        TEST(test_unchecked_suffix_collision_later_registered_loses),
        TEST(test_unchecked_same_family_as_one_that_failed_is_kept),
        TEST(test_many_samples_dropped_with_one_duplicate_make_room_for_the_next),
        TEST(test_self_metrics_page_has_exactly_these_families_and_values),
        TEST(test_self_metrics_of_an_empty_registry_are_what_it_counts_itself),
        TEST(test_self_metrics_under_const_labels_of_their_own_names_keep_their_labels),
        TEST(test_log_of_a_failed_collector_or_a_refusal_may_use_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
