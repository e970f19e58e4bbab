#include "support/probe.h"

/* What a page of several registries shows: order, collectors, self-metrics. */

static void collector_new(ct_fixture *in, const char *name, cprom_status (*collect)(void *ctx, cprom_scrape *out),
                          void *ctx, const cprom_desc *descs, size_t n_descs)
{
    assert_ok(cprom_collector_new(in->registry, CPROM_OPTS(cprom_collector_opts, .name = name, .collect = collect,
                                                           .ctx = ctx, .descs = descs, .n_descs = n_descs)));
}

/*==============================================================================
 * One family of many registries, in one order
 *============================================================================*/

enum { REGISTRIES = 10, VALUES = 10 };

/* As in tests/data/golden/parents.py. */
static const cprom_label const_labels[REGISTRIES][2] = {
    {{NULL, NULL}}, {{"a", "1"}}, {{"c", "1"}}, {{"c", "0\n"}}, {{"e", "x"}}, {{"a", "1"}, {"c", "2"}},
    {{"a", "1"}, {"e", "x"}}, {{"c", "x\""}, {"e", ""}}, {{"f", "x"}}, {{"a", ""}, {"c", "x\\"}},
};
static const char *const values[VALUES] = {"", "x", "x!", "x\n", "x\"", "x\\", "1", "2", "\xc3\xa9", "0\n"};
static const cprom_desc m_and_n[] = {
    {.size = sizeof(cprom_desc), .name = "m", .help = "M.", .type = CPROM_GAUGE, .labels = {"d", "b"}},
    {.size = sizeof(cprom_desc), .name = "n", .help = "N.", .type = CPROM_HISTOGRAM, .labels = {"d"}},
};

static cprom_status collect_golden(void *ctx, cprom_scrape *out)
{
    size_t r = *(const size_t *)ctx;
    const double bounds[] = {(double)r / 2 + 0.25, (double)r * 2 + 0.5};
    const uint64_t buckets[] = {bounds[0] >= (double)r, 1};
    for (size_t i = 0; i < VALUES; i++) {
        for (size_t k = 0; k < VALUES; k++) {
            if ((i * 7 + k * 3 + r * 5) % 4) continue;
            cprom_emit(out, &m_and_n[0], CPROM_STRS(values[i], values[k]), (double)(r * 1000 + i * 10 + k));
        }
        if ((i + r) % 3 == 0) continue;
        cprom_emit_histogram(out, &m_and_n[1], CPROM_STRS(values[i]),
                             CPROM_OPTS(cprom_const_histogram, .bounds = bounds, .buckets = buckets,
                                        .n_bounds = r % 2 ? 2 : 1, .count = 1, .sum = (double)r));
    }
    return CPROM_OK;
}

static void fill_golden(cprom_registry *registry, size_t r)
{
    const double bound = (double)r / 2 + 0.25;
    cprom_gauge_vec *m;
    cprom_histogram_vec *n;
    assert_ok(cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "m", .help = "M.", .labels = {"d", "b"}), &m));
    assert_ok(cprom_histogram_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "n", .help = "N.", .labels = {"d"},
                                                           .bounds = &bound, .n_bounds = 1), &n));
    for (size_t i = 0; i < VALUES; i++) {
        for (size_t k = 0; k < VALUES; k++) {
            if ((i * 7 + k * 3 + r * 5) % 4) continue;
            assert_ok(cprom_gauge_vec_set(m, CPROM_STRS(values[i], values[k]), (double)(r * 1000 + i * 10 + k)));
        }
        if ((i + r) % 3) assert_ok(cprom_histogram_vec_observe(n, CPROM_STRS(values[i]), (double)r));
    }
}

/* Vectors in one registry, a collector in the next, checked or not; children and children's children. */
static void test_page_of_a_tree_merges_families_in_the_order_of_all_their_labels(void **state)
{
    ct_fixture *tree[REGISTRIES] = {*state};
    size_t numbers[REGISTRIES];
    for (size_t r = 0; r < REGISTRIES; r++) {
        cprom_labels labels = {const_labels[r], 0};
        while (labels.n < 2 && labels.v[labels.n].name) labels.n++;
        if (r) tree[r] = ct_fixture_child(tree[r > 3 ? r / 2 : 0]->registry, labels);
        numbers[r] = r;
        if (r % 2 == 0 && r != 6) fill_golden(tree[r]->registry, r);
        else collector_new(tree[r], "golden", collect_golden, &numbers[r], r == 6 ? NULL : m_and_n, r == 6 ? 0 : 2);
    }
    char *expected = ct_read_file(CPROM_TEST_DATA "/golden/parents.txt", NULL);
    ct_assert_page(tree[0]->registry, expected);
    free(expected);
    for (size_t r = REGISTRIES; --r;) {
        ct_page page = ct_page_read(tree[r]->registry, NULL, 4096); /* is in order as well */
        ct_page_free(&page);
        ct_fixture_free(tree[r]);
    }
}

static void test_page_of_children_keeps_each_ones_bounds(void **state)
{
    static const double one[] = {1}, three[] = {-1, 0, 1};
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"lib", "b"});
    cprom_histogram *of_a, *of_b;
    assert_ok(cprom_histogram_new(a->registry, FAMILY("h", .bounds = one, .n_bounds = 1), &of_a));
    assert_ok(cprom_histogram_new(b->registry, FAMILY("h", .bounds = three, .n_bounds = 3), &of_b));
    cprom_histogram_observe(of_a, 2);
    cprom_histogram_observe(of_b, 0);
    ct_assert_page(top->registry, "# HELP h H.\n# TYPE h histogram\n"
                                  "h_bucket{lib=\"a\",le=\"1\"} 0\nh_bucket{lib=\"a\",le=\"+Inf\"} 1\n"
                                  "h_sum{lib=\"a\"} 2\nh_count{lib=\"a\"} 1\n"
                                  "h_bucket{lib=\"b\",le=\"-1\"} 0\nh_bucket{lib=\"b\",le=\"0\"} 1\n"
                                  "h_bucket{lib=\"b\",le=\"1\"} 1\nh_bucket{lib=\"b\",le=\"+Inf\"} 1\n"
                                  "h_sum{lib=\"b\"} 0\nh_count{lib=\"b\"} 1\n");
    cprom_page *page;
    char text[1024];
    size_t len = 0, n;
    assert_ok(cprom_page_open(top->registry, PAGE_OPTS(.format = CPROM_OPENMETRICS_1_0), &page));
    while ((n = cprom_page_read(page, text + len, 1)) != 0) len += n;
    cprom_page_close(page);
    text[len] = '\0';
    ct_assert_text_equal(text, "# HELP h H.\n# TYPE h histogram\n"
                               "h_bucket{lib=\"a\",le=\"1.0\"} 0\nh_bucket{lib=\"a\",le=\"+Inf\"} 1\n"
                               "h_sum{lib=\"a\"} 2.0\nh_count{lib=\"a\"} 1\n"
                               "h_bucket{lib=\"b\",le=\"-1.0\"} 0\nh_bucket{lib=\"b\",le=\"0.0\"} 1\n"
                               "h_bucket{lib=\"b\",le=\"1.0\"} 1\nh_bucket{lib=\"b\",le=\"+Inf\"} 1\n"
                               "# EOF\n");
    ct_fixture_free(b);
    ct_fixture_free(a);
}

/* The states stay with their series. */
static void test_page_of_children_with_statesets_is_in_order(void **state)
{
    ct_fixture *top = *state, *a = CHILD(top, {"z", "a"}), *b = CHILD(top, {"z", "b"}), *c = CHILD(top, {"a", "c"}),
               *all[] = {b, a, c};
    for (int i = 0; i < 3; i++) {
        cprom_stateset_vec *vec;
        assert_ok(cprom_stateset_vec_new(all[i]->registry, FAMILY("s", .labels = {"x"}, .states = {"up", "down"}), &vec));
        cprom_stateset_vec_set(vec, CPROM_STRS("1"), i % 2 ? 1 : 0, true);
        cprom_stateset_vec_set(vec, CPROM_STRS("2"), 0, true);
    }
    ct_assert_page(top->registry, "# HELP s H.\n# TYPE s gauge\n"
                                  "s{s=\"down\",x=\"1\",z=\"a\"} 1\ns{s=\"up\",x=\"1\",z=\"a\"} 0\n"
                                  "s{s=\"down\",x=\"1\",z=\"b\"} 0\ns{s=\"up\",x=\"1\",z=\"b\"} 1\n"
                                  "s{s=\"down\",x=\"2\",z=\"a\"} 0\ns{s=\"up\",x=\"2\",z=\"a\"} 1\n"
                                  "s{s=\"down\",x=\"2\",z=\"b\"} 0\ns{s=\"up\",x=\"2\",z=\"b\"} 1\n"
                                  "s{a=\"c\",s=\"down\",x=\"1\"} 0\ns{a=\"c\",s=\"up\",x=\"1\"} 1\n"
                                  "s{a=\"c\",s=\"down\",x=\"2\"} 0\ns{a=\"c\",s=\"up\",x=\"2\"} 1\n");
    cprom_page *page;
    char text[1024];
    assert_ok(cprom_page_open(top->registry, PAGE_OPTS(.format = CPROM_OPENMETRICS_1_0), &page));
    size_t len = cprom_page_read(page, text, sizeof text - 1);
    cprom_page_close(page);
    text[len] = '\0';
    ct_assert_text_equal(text, "# HELP s H.\n# TYPE s stateset\n"
                               "s{s=\"down\",x=\"1\",z=\"a\"} 1\ns{s=\"up\",x=\"1\",z=\"a\"} 0\n"
                               "s{s=\"down\",x=\"1\",z=\"b\"} 0\ns{s=\"up\",x=\"1\",z=\"b\"} 1\n"
                               "s{s=\"down\",x=\"2\",z=\"a\"} 0\ns{s=\"up\",x=\"2\",z=\"a\"} 1\n"
                               "s{s=\"down\",x=\"2\",z=\"b\"} 0\ns{s=\"up\",x=\"2\",z=\"b\"} 1\n"
                               "s{a=\"c\",s=\"down\",x=\"1\"} 0\ns{a=\"c\",s=\"up\",x=\"1\"} 1\n"
                               "s{a=\"c\",s=\"down\",x=\"2\"} 0\ns{a=\"c\",s=\"up\",x=\"2\"} 1\n# EOF\n");
    for (int i = 0; i < 3; i++) ct_fixture_free(all[i]);
}

/* Runs of many rows between two rows of the other, of every length around powers of two. */
static void test_page_of_children_with_long_runs_is_in_order(void **state)
{
    ct_fixture *top = *state, *child = CHILD(top, {"z", ""});
    cprom_gauge_vec *of_top, *of_child;
    char text[16];
    assert_ok(cprom_gauge_vec_new(top->registry, FAMILY("g", .labels = {"a", "z"}), &of_top));
    assert_status(cprom_gauge_vec_new(child->registry, FAMILY("g", .labels = {"a", "z"}), &of_child), CPROM_ELABELS);
    ct_fixture_free(child);
    child = CHILD(top, {"y", "1"});
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("g", .labels = {"a", "z"}), &of_child));
    ct_fixture *other = CHILD(top, {"y", "2"});
    assert_ok(cprom_gauge_vec_new(other->registry, FAMILY("g", .labels = {"a", "z"}), &of_top));
    int at = 0;
    for (int run = 0; run < 40; run++) {
        for (int i = 0; i <= run; i++) {
            snprintf(text, sizeof text, "%05d", at++);
            assert_ok(cprom_gauge_vec_set(run % 2 ? of_child : of_top, CPROM_STRS(text, ""), at));
        }
    }
    ct_page page = ct_page_read(top->registry, NULL, 4096);
    assert_int_equal(page.parsed->n_samples, at);
    for (int i = 0; i < at; i++) assert_int_equal(page.parsed->samples[i].value, i + 1);
    ct_page_free(&page);
    ct_fixture_free(other);
    ct_fixture_free(child);
}

/*==============================================================================
 * Collectors
 *============================================================================*/

/* Emits what it is told to. */
struct told {
    const cprom_desc *desc;
    const char *value; /* of its label; NULL: none */
    double sample;
    int64_t timestamp_ms;
};

static cprom_status collect_told(void *ctx, cprom_scrape *out)
{
    const struct told *told = ctx;
    const char *value[] = {told->value};
    cprom_strs strs = {value, told->value ? 1 : 0};
    return told->timestamp_ms ? cprom_emit_at(out, told->desc, strs, told->sample, told->timestamp_ms)
                              : cprom_emit(out, told->desc, strs, told->sample);
}

static void test_page_of_children_merges_a_vector_and_collectors(void **state)
{
    const cprom_desc *desc = DESC(.name = "g", .help = "H.", .type = CPROM_GAUGE, .labels = {"x"});
    struct told one = {desc, "m", 1, 1500}, two = {desc, "", 2, 0};
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"y", "1"}), *c = CHILD(top, {"y", "2"});
    cprom_gauge_vec *vec;
    collector_new(b, "told", collect_told, &one, desc, 1);
    collector_new(c, "told", collect_told, &two, NULL, 0);
    assert_ok(cprom_gauge_vec_new(a->registry, FAMILY("g", .labels = {"x"}), &vec));
    cprom_gauge_vec_set(vec, CPROM_STRS("z"), 3);
    ct_assert_page(top->registry, "# HELP g H.\n# TYPE g gauge\ng{x=\"\",y=\"2\"} 2\ng{lib=\"a\",x=\"z\"} 3\n"
                                  "g{x=\"m\",y=\"1\"} 1 1500\n");
    ct_fixture_free(a);
    ct_assert_page(top->registry, "# HELP g H.\n# TYPE g gauge\ng{x=\"\",y=\"2\"} 2\ng{x=\"m\",y=\"1\"} 1 1500\n");
    ct_fixture_free(c);
    ct_fixture_free(b);
}

/* What an unchecked collector brings is checked against all registries of the page, and costs only itself. */
static void test_page_drops_an_unchecked_collector_whose_family_a_relative_has_otherwise(void **state)
{
    static const cprom_opts taken = {.size = sizeof taken, .name = "g", .help = "H.", .labels = {"x"}};
    static const struct {
        const cprom_desc desc;
        const char *why;
    } cases[] = {
        {{.size = sizeof(cprom_desc), .name = "g", .help = "H.", .type = CPROM_COUNTER, .labels = {"x"}}, "another type"},
        {{.size = sizeof(cprom_desc), .name = "g", .help = "?", .type = CPROM_GAUGE, .labels = {"x"}}, "another type"},
        {{.size = sizeof(cprom_desc), .name = "g", .help = "H.", .type = CPROM_GAUGE, .labels = {"lib"}}, "another type"},
        {{.size = sizeof(cprom_desc), .name = "g_sum", .type = CPROM_UNTYPED, .labels = {"x"}}, NULL},
        {{.size = sizeof(cprom_desc), .name = "g_total", .type = CPROM_COUNTER, .labels = {"x"}}, "collide"},
    };
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"});
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(a->registry, &taken, &vec));
    cprom_gauge_vec_set(vec, CPROM_STRS("1"), 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct told told = {&cases[i].desc, "2", 2, 0};
        ct_fixture *b = CHILD(top, {"y", "b"});
        collector_new(b, "told", collect_told, &told, NULL, 0);
        ct_page page = ct_page_read(top->registry, NULL, 4096);
        assert_non_null(parser_find(page.parsed, "g{lib=\"a\",x=\"1\"}"));
        assert_int_equal(page.parsed->n_samples, cases[i].why ? 1 : 2);
        assert_int_equal(stats_of(b->registry).collector_failures, cases[i].why ? 1 : 0);
        assert_int_equal(stats_of(top->registry).collector_failures, 0);
        assert_int_equal(ct_log_count(&top->log), 0);
        if (cases[i].why) assert_true(ct_log_has(&b->log, "\"told\"", cases[i].why));
        ct_page_free(&page);
        /* Its own page can stand it. */
        page = ct_page_read(b->registry, NULL, 4096);
        assert_int_equal(page.parsed->n_samples, 1);
        ct_page_free(&page);
        ct_fixture_free(b);
    }
    ct_fixture_free(a);
}

/* Of two, the one whose registry comes later in the tree loses. */
static void test_page_drops_the_later_of_two_unchecked_collectors_of_relatives_that_do_not_fit(void **state)
{
    static const struct {
        const cprom_desc one, two;
        const char *value_one, *value_two;
        cprom_label of_one, of_two;
        const char *why; /* NULL: they fit */
    } cases[] = {
        /* the same const labels */
        {{.name = "g", .type = CPROM_GAUGE}, {.name = "g", .type = CPROM_GAUGE}, NULL, NULL, {"lib", "a"}, {"lib", "a"},
         "registered earlier"},
        {{.name = "g", .type = CPROM_GAUGE, .labels = {"x"}}, {.name = "g", .type = CPROM_GAUGE, .labels = {"x"}}, "1", "2",
         {"none", ""}, {"nothing", ""}, "registered earlier"},
        /* another header */
        {{.name = "g", .type = CPROM_GAUGE}, {.name = "g", .type = CPROM_UNTYPED}, NULL, NULL, {"lib", "a"}, {"lib", "b"},
         "another type"},
        {{.name = "g", .help = "A"}, {.name = "g"}, NULL, NULL, {"lib", "a"}, {"lib", "b"}, "another type"},
        {{.name = "g_s", .unit = "s"}, {.name = "g_s"}, NULL, NULL, {"lib", "a"}, {"lib", "b"}, "another type"},
        /* another name */
        {{.name = "g_total", .type = CPROM_COUNTER}, {.name = "g"}, NULL, NULL, {"lib", "a"}, {"lib", "b"}, "collide"},
        /* the const label of one is a label of the other */
        {{.name = "g"}, {.name = "g", .labels = {"lib"}}, NULL, "a", {"lib", "a"}, {"none", ""}, "twice"},
        {{.name = "g", .labels = {"lib"}}, {.name = "g"}, "a", NULL, {"none", ""}, {"lib", "a"}, "twice"},
        {{.name = "g", .labels = {"x"}}, {.name = "g", .labels = {"y"}}, "1", "1", {"y", "1"}, {"x", "1"}, "twice"},
        {{.name = "g", .labels = {"lib"}}, {.name = "g"}, "b", NULL, {"none", ""}, {"lib", "a"}, NULL},
        {{.name = "g", .labels = {"x"}}, {.name = "g", .labels = {"y"}}, "1", "2", {"y", "1"}, {"x", "1"}, NULL},
        {{.name = "g", .labels = {"x"}}, {.name = "g"}, "", NULL, {"lib", "a"}, {"lib", "b"}, NULL},
    };
    ct_fixture *top = *state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cprom_desc desc_one = cases[i].one, desc_two = cases[i].two;
        desc_one.size = desc_two.size = sizeof(cprom_desc);
        struct told one = {&desc_one, cases[i].value_one, 1, 0}, two = {&desc_two, cases[i].value_two, 2, 0};
        ct_fixture *a = ct_fixture_child(top->registry, (cprom_labels){&cases[i].of_one, 1});
        ct_fixture *b = ct_fixture_child(top->registry, (cprom_labels){&cases[i].of_two, 1});
        collector_new(b, "two", collect_told, &two, NULL, 0);
        collector_new(a, "one", collect_told, &one, NULL, 0);
        ct_page page = ct_page_read(top->registry, NULL, 4096);
        assert_int_equal(page.parsed->n_samples, cases[i].why ? 1 : 2);
        if (cases[i].why) {
            assert_int_equal(page.parsed->samples[0].value, 1);
            if (!ct_log_has(&b->log, "\"two\"", cases[i].why)) fail_msg("case %zu: no line with '%s'", i, cases[i].why);
        }
        assert_int_equal(ct_log_count(&a->log), 0);
        ct_page_free(&page);
        ct_fixture_free(b);
        ct_fixture_free(a);
    }
}

static cprom_status collect_failure(void *ctx, cprom_scrape *out)
{
    cprom_emit(out, GAUGE("lost"), CPROM_NO_STRS, 1);
    return CPROM_ESYS;
}

static void test_page_goes_without_a_collector_of_a_child_that_fails(void **state)
{
    ct_fixture *top = *state, *child = BARE_CHILD(top);
    probe one;
    collector_new(child, "fails", collect_failure, NULL, NULL, 0);
    probe_add(&one, child->registry, "one");
    ct_assert_page(top->registry, ONE);
    assert_true(ct_log_has(&child->log, "\"fails\"", "callback failed"));
    assert_int_equal(ct_log_count(&top->log), 0);
    assert_true(stats_of(child->registry).collector_failures > 0);
    assert_int_equal(stats_of(top->registry).collector_failures, 0);
    ct_fixture_free(child);
}

static void set_the_gauge(probe *p, cprom_scrape *out)
{
    (void)out;
    cprom_gauge_set(p->extra, 7);
}

/* Whoever's callback it is. */
static void test_page_of_a_tree_shows_what_its_callbacks_set(void **state)
{
    ct_fixture *top = *state, *child = BARE_CHILD(top);
    cprom_gauge *of_top, *of_child;
    static probe one, two;
    assert_ok(cprom_gauge_new(top->registry, FAMILY("a"), &of_top));
    assert_ok(cprom_gauge_new(child->registry, FAMILY("b"), &of_child));
    probe_add(&one, top->registry, "one");
    probe_add(&two, child->registry, "two");
    one.inside = two.inside = set_the_gauge;
    one.extra = of_child;
    two.extra = of_top;
    ct_page page = ct_page_read(top->registry, NULL, 4096);
    assert_int_equal(parser_value(page.parsed, "a"), 7);
    assert_int_equal(parser_value(page.parsed, "b"), 7);
    ct_page_free(&page);
    ct_fixture_free(child);
}

static void open_pages(probe *p, cprom_scrape *out)
{
    (void)out;
    cprom_page *page;
    ct_fixture *const *of = p->extra;
    for (int i = 0; i < 3; i++) p->got[i] = cprom_page_open(of[i]->registry, NULL, &page);
}

static void test_page_open_within_a_callback_of_a_child_answers_EBUSY(void **state)
{
    ct_fixture *top = *state, *child = BARE_CHILD(top), *other = BARE_CHILD(top), *all[] = {top, child, other};
    static probe one;
    probe_add(&one, child->registry, "one");
    one.inside = open_pages;
    one.extra = all;
    ct_assert_page(top->registry, ONE);
    for (int i = 0; i < 3; i++) assert_status(one.got[i], CPROM_EBUSY);
    ct_fixture_free(other);
    ct_fixture_free(child);
}

static int64_t deadline_seen;

static void take_two_seconds(probe *p, cprom_scrape *out)
{
    deadline_seen = cprom_scrape_deadline(out);
    for (ct_clock **clock = p->extra; *clock; clock++) ct_clock_advance(*clock, INT64_C(2000000000));
}

/* The clocks of two registries may have nothing in common but their speed. */
static void test_page_deadline_is_the_same_time_on_the_clocks_of_children(void **state)
{
    static probe one, two, three;
    ct_fixture *top = *state, *child = BARE_CHILD(top);
    ct_clock *clocks[] = {&top->clock, &child->clock, NULL};
    ct_clock_advance(&child->clock, INT64_C(777000000000));
    int64_t now = child->clock.monotonic;
    probe_add(&one, top->registry, "one");
    probe_add(&two, child->registry, "two");
    probe_add(&three, child->registry, "three");
    one.inside = two.inside = take_two_seconds;
    one.extra = two.extra = clocks;
    ct_page page = ct_page_read(top->registry, PAGE_OPTS(.timeout_seconds = 3), 4096);
    ct_assert_text_equal(page.text, ONE TWO);
    assert_true(deadline_seen == now + INT64_C(3000000000));
    assert_true(ct_log_has(&child->log, "\"three\"", "deadline"));
    ct_page_free(&page);
    page = ct_page_read(child->registry, PAGE_OPTS(.timeout_seconds = 3), 4096);
    assert_non_null(parser_find(page.parsed, "three"));
    ct_page_free(&page);
    page = ct_page_read(top->registry, NULL, 4096);
    assert_true(deadline_seen == INT64_MAX);
    ct_page_free(&page);
    ct_fixture_free(child);
}

/*==============================================================================
 * Self-metrics
 *============================================================================*/

static ct_page self_page(ct_fixture *fixture) { return ct_page_read(fixture->registry, PAGE_OPTS(.self_metrics = true), 500); }

static void test_page_self_metrics_have_the_const_labels_of_their_registries(void **state)
{
    ct_fixture *top = *state, *child = CHILD(top, {"lib", "a"});
    cprom_gauge *gauge;
    cprom_gauge_vec *vec;
    static probe one, two;
    assert_ok(cprom_gauge_new(top->registry, FAMILY("g"), &gauge));
    assert_ok(cprom_gauge_new(child->registry, FAMILY("g"), &gauge));
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("v", .labels = {"x"}), &vec));
    cprom_gauge_vec_set(vec, CPROM_STRS("1"), 1);
    cprom_gauge_vec_set(vec, CPROM_STRS("1", "2"), 1);
    probe_add(&one, top->registry, "one");
    probe_add(&two, child->registry, "two");
    ct_page page = self_page(top);
    assert_int_equal(parser_value(page.parsed, "cprom_series{family=\"g\"}"), 1);
    assert_int_equal(parser_value(page.parsed, "cprom_series{family=\"g\",lib=\"a\"}"), 1);
    assert_int_equal(parser_value(page.parsed, "cprom_series{family=\"v\",lib=\"a\"}"), 1);
    assert_int_equal(parser_value(page.parsed, "cprom_dropped_updates_total{reason=\"invalid\"}"), 0);
    assert_int_equal(parser_value(page.parsed, "cprom_dropped_updates_total{lib=\"a\",reason=\"invalid\"}"), 1);
    assert_int_equal(parser_value(page.parsed, "cprom_collector_success{collector=\"one\"}"), 1);
    assert_int_equal(parser_value(page.parsed, "cprom_collector_success{collector=\"two\",lib=\"a\"}"), 1);
    ct_page_free(&page);
    ct_fixture_free(child);
}

static cprom_status collect_by_status(void *ctx, cprom_scrape *out)
{
    (void)out;
    return *(const cprom_status *)ctx;
}

/* A const label gives way to a label of the library's own, and the bare have none: then registries cannot be told apart. */
static void test_page_self_metrics_of_registries_that_look_the_same_are_joined(void **state)
{
    static const cprom_label all[][2] = {{{NULL, NULL}, {NULL, NULL}}, {{"reason", "x"}, {"collector", "x"}}};
    static cprom_status fails = CPROM_ESYS, works = CPROM_OK;
    ct_fixture *top = *state;
    for (size_t i = 0; i < 2; i++) {
        ct_fixture *a = ct_fixture_child(top->registry, (cprom_labels){all[i], i ? 2 : 0}),
                   *b = ct_fixture_child(top->registry, (cprom_labels){all[i], i ? 2 : 0}), *c = BARE_CHILD(b);
        cprom_gauge_vec *of_a, *of_b;
        assert_ok(cprom_gauge_vec_new(a->registry, FAMILY("a", .labels = {"x"}), &of_a));
        assert_ok(cprom_gauge_vec_new(b->registry, FAMILY("b", .labels = {"x"}), &of_b));
        for (int k = 0; k < 3; k++) cprom_gauge_vec_set(of_a, CPROM_NO_STRS, 1);
        for (int k = 0; k < 4; k++) cprom_gauge_vec_set(of_b, CPROM_NO_STRS, 1);
        collector_new(a, "s", collect_by_status, &works, NULL, 0);
        collector_new(b, "s", collect_by_status, &fails, NULL, 0);
        collector_new(c, "s", collect_by_status, &works, NULL, 0);
        collector_new(b, "t", collect_by_status, &works, NULL, 0);
        collector_new(c, "t", collect_by_status, &works, NULL, 0);
        ct_page page = self_page(top);
        double invalid = 0;
        for (size_t k = 0; k < page.parsed->n_samples; k++) {
            const parser_sample *sample = &page.parsed->samples[k];
            const char *reason = parser_label_value(sample, "reason");
            if (strcmp(sample->name, "cprom_dropped_updates_total") == 0 && strcmp(reason, "invalid") == 0) {
                invalid += sample->value;
            }
        }
        assert_int_equal(invalid, 7);
        /* A collector has succeeded if all of that name have. */
        assert_int_equal(parser_count(page.parsed, "cprom_collector_success"), i ? 4 : 2);
        assert_int_equal(parser_value(page.parsed, "cprom_collector_success{collector=\"t\"}"), 1);
        assert_int_equal(parser_value(page.parsed, "cprom_collector_success{collector=\"s\"}"), i ? 1 : 0);
        if (i) assert_int_equal(parser_value(page.parsed, "cprom_collector_success{collector=\"s\",reason=\"x\"}"), 0);
        ct_page_free(&page);
        ct_fixture_free(c);
        ct_fixture_free(b);
        ct_fixture_free(a);
    }
}

int group_parents(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_page_of_a_tree_merges_families_in_the_order_of_all_their_labels),
        TEST(test_page_of_children_keeps_each_ones_bounds),
        TEST(test_page_of_children_with_statesets_is_in_order),
        TEST(test_page_of_children_with_long_runs_is_in_order),
        TEST(test_page_of_children_merges_a_vector_and_collectors),
        TEST(test_page_drops_an_unchecked_collector_whose_family_a_relative_has_otherwise),
        TEST(test_page_drops_the_later_of_two_unchecked_collectors_of_relatives_that_do_not_fit),
        TEST(test_page_goes_without_a_collector_of_a_child_that_fails),
        TEST(test_page_of_a_tree_shows_what_its_callbacks_set),
        TEST(test_page_open_within_a_callback_of_a_child_answers_EBUSY),
        TEST(test_page_deadline_is_the_same_time_on_the_clocks_of_children),
        TEST(test_page_self_metrics_have_the_const_labels_of_their_registries),
        TEST(test_page_self_metrics_of_registries_that_look_the_same_are_joined),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
