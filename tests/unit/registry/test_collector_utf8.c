/* What collectors emit with label values that cannot be one: refused, dropped or repaired, as the collector says. */
#include "support/updates.h"

#define BAD "b\xff\xe2\x82"
#define GOOD "b\xef\xbf\xbd\xef\xbf\xbd"

static const cprom_desc gauge_desc = {
    .size = sizeof(cprom_desc), .name = "x", .type = CPROM_GAUGE, .labels = {"p", "s"}};
static const cprom_desc histogram_desc = {
    .size = sizeof(cprom_desc), .name = "h", .type = CPROM_HISTOGRAM, .labels = {"p"}};
static const cprom_desc summary_desc = {.size = sizeof(cprom_desc), .name = "q", .type = CPROM_SUMMARY, .labels = {"p"}};

typedef struct emitter {
    const char *name;
    cprom_bad_utf8 bad_utf8;
    cprom_status (*collect)(void *ctx, cprom_scrape *out);
    const char *const *texts; /* of `s`, with the index as the value */
    size_t n;
} emitter;

static cprom_status emit_texts(void *ctx, cprom_scrape *out)
{
    const emitter *e = ctx;
    for (size_t i = 0; i < e->n; i++)
        cprom_emit(out, &gauge_desc, CPROM_STRS("a", e->texts[i]), (double)i);
    return CPROM_OK;
}

/* Each way to emit, with a bad value and with a good one. */
static cprom_status emit_each_way(void *ctx, cprom_scrape *out)
{
    const emitter *e = ctx;
    cprom_status bad = e->bad_utf8 == CPROM_UTF8_REFUSE ? CPROM_EUTF8 : CPROM_OK;
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    histogram.count = summary.count = 3;
    assert_status(cprom_emit(out, &gauge_desc, CPROM_STRS("a", BAD), 1), bad);
    assert_status(cprom_emit_at(out, &gauge_desc, CPROM_STRS(BAD, "a"), 2, 5000), bad);
    assert_status(cprom_emit_histogram(out, &histogram_desc, CPROM_STRS(BAD), &histogram), bad);
    assert_status(cprom_emit_summary(out, &summary_desc, CPROM_STRS(BAD), &summary), bad);
    cprom_emit(out, &gauge_desc, CPROM_STRS("a", "good"), 1);
    cprom_emit_at(out, &gauge_desc, CPROM_STRS("good", "a"), 2, 5000);
    cprom_emit_histogram(out, &histogram_desc, CPROM_STRS("good"), &histogram);
    cprom_emit_summary(out, &summary_desc, CPROM_STRS("good"), &summary);
    return CPROM_OK;
}

static cprom_status emitter_new(cprom_registry *r, const emitter *e)
{
    return cprom_collector_new(r, CPROM_OPTS(cprom_collector_opts, .name = e->name, .collect = e->collect,
                                             .ctx = (void *)(uintptr_t)e, .bad_utf8 = e->bad_utf8));
}

static void test_collector_bad_utf8_is_one_of_three(void **state)
{
    TESTS_BEGIN;
    const emitter e = {"e", (cprom_bad_utf8)3, emit_texts, NULL, 0};
    assert_status(emitter_new(r, &e), CPROM_EINVAL);
    assert_true(ct_log_has(&fixture->log, "collector \"e\" refused: bad_utf8 is none of the ways"));
}

static void test_collector_bad_utf8_refused_costs_all_that_it_emits(void **state)
{
    TESTS_BEGIN;
    const emitter e = {"e", CPROM_UTF8_REFUSE, emit_each_way, NULL, 0};
    assert_ok(emitter_new(r, &e));
    up_assert_lines(r, "");
    assert_int_equal(up_stats(r).collector_failures, 1);
    assert_true(ct_log_has(&fixture->log, "family \"x\", labels {a, b\\xff\\xe2\\x82}: a label value is not UTF-8"));
}

static void test_collector_bad_utf8_dropped_costs_that_sample(void **state)
{
    TESTS_BEGIN;
    const emitter e = {"e", CPROM_UTF8_DROP, emit_each_way, NULL, 0};
    assert_ok(emitter_new(r, &e));
    for (size_t round = 1; round < 4; round++) {
        up_assert_lines(r, "h_bucket{p=\"good\",le=\"+Inf\"} 3\nh_sum{p=\"good\"} 0\nh_count{p=\"good\"} 3\n"
                           "q_sum{p=\"good\"} 0\nq_count{p=\"good\"} 3\n"
                           "x{p=\"a\",s=\"good\"} 1\nx{p=\"good\",s=\"a\"} 2 5000\n");
        assert_int_equal(up_stats(r).dropped_invalid, 4 * round);
        assert_int_equal(ct_log_count(&fixture->log), 1);
    }
    assert_true(ct_log_has(&fixture->log, "collector \"e\": sample dropped (more of these are only counted): family \"x\", "
                                          "labels {a, b\\xff\\xe2\\x82}: a label value is not UTF-8 or too long"));
    assert_int_equal(up_stats(r).collector_failures, 0);
}

static void test_collector_bad_utf8_repaired_in_each_way(void **state)
{
    TESTS_BEGIN;
    const emitter e = {"e", CPROM_UTF8_REPAIR, emit_each_way, NULL, 0};
    assert_ok(emitter_new(r, &e));
    up_assert_lines(r, "h_bucket{p=\"" GOOD "\",le=\"+Inf\"} 3\nh_sum{p=\"" GOOD "\"} 0\nh_count{p=\"" GOOD "\"} 3\n"
                       "h_bucket{p=\"good\",le=\"+Inf\"} 3\nh_sum{p=\"good\"} 0\nh_count{p=\"good\"} 3\n"
                       "q_sum{p=\"" GOOD "\"} 0\nq_count{p=\"" GOOD "\"} 3\nq_sum{p=\"good\"} 0\nq_count{p=\"good\"} 3\n"
                       "x{p=\"a\",s=\"" GOOD "\"} 1\nx{p=\"a\",s=\"good\"} 1\n"
                       "x{p=\"" GOOD "\",s=\"a\"} 2 5000\nx{p=\"good\",s=\"a\"} 2 5000\n");
    assert_int_equal(ct_log_count(&fixture->log), 0);
    assert_int_equal(up_stats(r).utf8_repaired, 4);
    assert_int_equal(up_stats(r).dropped_invalid, 0);
}

/* Of those that become one, the first stays; the value says which it was. */
static void test_collector_bad_utf8_repaired_later_ones_are_dropped_and_counted(void **state)
{
    TESTS_BEGIN;
    static const char *const texts[] = {"c", "\xff", "\xfe", "d", "\xef\xbf\xbd", "\xc3", "\xff\xff", "\xff\xc3"};
    const emitter e = {"e", CPROM_UTF8_REPAIR, emit_texts, texts, COUNT(texts)};
    assert_ok(emitter_new(r, &e));
    for (size_t round = 1; round < 3; round++) {
        up_assert_lines(r, "x{p=\"a\",s=\"c\"} 0\nx{p=\"a\",s=\"d\"} 3\nx{p=\"a\",s=\"\xef\xbf\xbd\"} 1\n"
                           "x{p=\"a\",s=\"\xef\xbf\xbd\xef\xbf\xbd\"} 6\n");
        assert_int_equal(up_stats(r).utf8_merged, 4 * round);
        assert_int_equal(ct_log_count(&fixture->log), 1);
    }
    assert_true(ct_log_has(&fixture->log, "collector \"e\": sample dropped", "family \"x\"", "the same as another one"));
    assert_int_equal(up_stats(r).collector_failures, 0);
}

/* The same value twice was the same before: that is a duplicate, and costs all, as ever. */
static void test_collector_bad_utf8_repaired_duplicates_are_duplicates(void **state)
{
    TESTS_BEGIN;
    static const char *const texts[] = {"\xff", "c", "\xff"}, *const after[] = {"c", "\xfe"};
    const emitter e = {"e", CPROM_UTF8_REPAIR, emit_texts, texts, COUNT(texts)};
    const emitter next = {"next", CPROM_UTF8_REPAIR, emit_texts, after, COUNT(after)};
    assert_ok(emitter_new(r, &e));
    assert_ok(emitter_new(r, &next));
    up_assert_lines(r, "x{p=\"a\",s=\"c\"} 0\nx{p=\"a\",s=\"\xef\xbf\xbd\"} 1\n");
    assert_int_equal(up_stats(r).collector_failures, 1);
    assert_int_equal(up_stats(r).utf8_merged, 0);
    assert_true(ct_log_has(&fixture->log, "collector \"e\"", "the series was emitted twice"));
}

/* What a value became in a child is on the page of the parent; the two differ by a const label there. */
static void test_collector_bad_utf8_of_two_registries_on_one_page(void **state)
{
    TESTS_BEGIN;
    static const char *const texts[] = {"\xff", "\xfe"};
    const emitter e = {"e", CPROM_UTF8_REPAIR, emit_texts, texts, COUNT(texts)};
    ct_fixture *child = ct_fixture_child(r, CPROM_LABELS({"child", "1"}));
    assert_ok(emitter_new(r, &e));
    assert_ok(emitter_new(child->registry, &e));
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "x"), 2);
    ct_page_free(&page);
    assert_int_equal(up_stats(r).utf8_merged, 1);
    assert_int_equal(up_stats(child->registry).utf8_merged, 1);
    ct_fixture_free(child);
}

/* ---- against a table of what the test itself has repaired ---- */

static void test_collector_bad_utf8_random_values_are_those_repaired(void **state)
{
    TESTS_BEGIN;
    static const char *const pieces[] = {"a", "\xff", "\xc3", "\xa4", "\xc3\xa4", "\xe2\x82", "\xac", "\\", "\"", "\n"};
    enum { MANY = 40 };
    static char texts[MANY][700], good[MANY][2200];
    const char *list[MANY];
    emitter e = {"e", CPROM_UTF8_REPAIR, emit_texts, list, 0};
    uint64_t seed = 3;
    assert_ok(emitter_new(r, &e));
    for (int round = 0; round < 200; round++) {
        size_t merged = 0;
        uint64_t before = up_stats(r).utf8_merged;
        e.n = 0;
        while (e.n < MANY) {
            char *text = texts[e.n];
            *text = '\0';
            for (size_t n = next_random(&seed) % 3; n; n--) strcat(text, pieces[next_random(&seed) % COUNT(pieces)]);
            if (next_random(&seed) % 8 == 0) { /* longer than there is room for on the stack */
                size_t len = strlen(text);
                memset(text + len, 'y', sizeof texts[0] - 1 - len);
            }
            bool twice = false;
            for (size_t i = 0; i < e.n; i++) twice |= strcmp(texts[i], text) == 0;
            if (twice && next_random(&seed) % 4) continue;
            if (twice) break; /* so that the rounds differ in length */
            cprom_utf8_repair(text, good[e.n], sizeof good[0]);
            list[e.n] = text;
            e.n++;
        }
        ct_page page = ct_page_read(r, NULL, 65536);
        size_t series = 0;
        for (size_t i = 0; i < e.n; i++) {
            size_t first = 0;
            while (strcmp(good[first], good[i]) != 0) first++;
            merged += first != i;
            if (first != i) continue;
            series++;
            double value;
            assert_ok(cprom_registry_value(r, "x", CPROM_LABELS({"p", "a"}, {"s", good[i]}), &value));
            assert_true(value == (double)i);
        }
        assert_int_equal(parser_count(page.parsed, "x"), series);
        /* Each page has dropped them. */
        assert_int_equal(up_stats(r).utf8_merged - before, merged * (series + 1));
        ct_page_free(&page);
    }
    assert_int_equal(up_stats(r).collector_failures, 0);
}

/* ---- without memory ---- */

static void test_collector_bad_utf8_repaired_without_memory_there_is_no_page(void **state)
{
    TESTS_BEGIN;
    static char text[1000];
    static const char *const texts[] = {"c", text, "\xff", "\xfe"};
    const emitter e = {"e", CPROM_UTF8_REPAIR, emit_texts, texts, COUNT(texts)};
    memset(text, '\xff', sizeof text - 1);
    assert_ok(emitter_new(r, &e));
    char *whole = up_text(r), *page;
    cprom_status status = CPROM_ENOMEM;
    size_t nth = 1;
    for (; status == CPROM_ENOMEM; nth++) {
        assert_true(nth < 100);
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        status = cprom_registry_text(r, &page, NULL);
    }
    assert_true(nth > 4);
    assert_ok(status);
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    cprom_text_free(page);
    up_assert_same(r, whole);
}

int group_collector_utf8(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_collector_bad_utf8_is_one_of_three),
        TEST(test_collector_bad_utf8_refused_costs_all_that_it_emits),
        TEST(test_collector_bad_utf8_dropped_costs_that_sample),
        TEST(test_collector_bad_utf8_repaired_in_each_way),
        TEST(test_collector_bad_utf8_repaired_later_ones_are_dropped_and_counted),
        TEST(test_collector_bad_utf8_repaired_duplicates_are_duplicates),
        TEST(test_collector_bad_utf8_of_two_registries_on_one_page),
        TEST(test_collector_bad_utf8_random_values_are_those_repaired),
        TEST(test_collector_bad_utf8_repaired_without_memory_there_is_no_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
