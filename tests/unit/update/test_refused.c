/* What is refused while an update is staged is told: each with metric, label, value and reason, and how many more. */
#include "support/updates.h"

/* One line that is all of this. */
static void assert_told(ct_fixture *fixture, size_t nth, const char *line)
{
    assert_true(fixture->log.n > nth);
    assert_string_equal(fixture->log.lines[nth], line);
}

static void test_refused_entries_are_told_with_label_value_and_reason(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *foreign = up_gauges(other->registry, "g", "p");
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    char *longest = calloc(CPROM_VALUE_MAX + 2, 1);
    memset(longest, 'x', CPROM_VALUE_MAX + 1);
    cprom_update *update = up_new(r);
    cprom_update_gauge_vec_set(update, g, CPROM_STRS("a"), 1);
    cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", NULL), 1);
    cprom_update_gauge_vec_set(update, g, CPROM_STRS("a", "b\xff\033[2J\n"), 1);
    cprom_update_gauge_vec_set(update, g, CPROM_STRS(longest, "b"), 1);
    cprom_update_gauge_vec_set(update, NULL, CPROM_STRS("a", "b"), 1);
    cprom_update_gauge_vec_set(update, foreign, CPROM_STRS("a", "b"), 1);
    cprom_update_gauge_set(update, NULL, 1);
    cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "b"), -1);
    assert_int_equal(ct_log_count(&fixture->log), 8);
    assert_told(fixture, 0, "update: an entry of metric \"g\" refused: not as many label values as labels");
    assert_told(fixture, 1, "update: an entry of metric \"g\" refused: the value of label \"s\" is NULL");
    assert_told(fixture, 2,
                "update: an entry of metric \"g\" refused: the value of label \"s\" (\"b\\xff\\x1b[2J\\x0a\") "
                "is not UTF-8");
    assert_true(ct_log_has(&fixture->log, "update: an entry of metric \"g\" refused: the value of label \"p\" (\"xxxx",
                           "xxxx...\") is too long"));
    assert_told(fixture, 4, "update: an entry refused: no vector");
    assert_told(fixture, 5, "update: an entry of metric \"g\" refused: the metric belongs to another registry");
    assert_told(fixture, 6, "update: an entry refused: no handle");
    assert_told(fixture, 7, "update: an entry of metric \"c_total\" refused: the metric does not take the value");
    up_commit(update, 0, 0, 0, 8);
    assert_int_equal(ct_log_count(&fixture->log), 8); /* all were told */
    free(longest);
    ct_fixture_free(other);
}

static void test_refused_scopes_are_told_with_the_label_that_is_wrong(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *foreign = up_gauges(other->registry, "f", "p");
    const struct {
        cprom_gauge_vec *vec;
        cprom_labels match;
        const char *line;
    } scopes[] = {
        {NULL, CPROM_LABELS({"p", "z"}), "update: a replace scope refused: no vector"},
        {foreign, CPROM_LABELS({"p", "z"}),
         "update: a replace scope of metric \"f\" refused: the metric belongs to another registry"},
        {g, CPROM_LABELS({"p", "a"}, {"pipelin\x01", "z"}),
         "update: a replace scope of metric \"g\" refused: label \"pipelin\\x01\" (\"z\") is none of the metric's"},
        {g, CPROM_LABELS({"p", "a"}, {"s", "b"}, {"s", "c"}),
         "update: a replace scope of metric \"g\" refused: label \"s\" (\"c\") stands twice"},
        {g, CPROM_LABELS({"s", NULL}), "update: a replace scope of metric \"g\" refused: label \"s\" has no value"},
        {g, CPROM_LABELS({"s", "b"}, {NULL, "z"}),
         "update: a replace scope of metric \"g\" refused: a label has no name"},
        {g, {NULL, 1}, "update: a replace scope of metric \"g\" refused: a label has no name"}};
    for (size_t i = 0; i < COUNT(scopes); i++) {
        ct_log_clear(&fixture->log);
        cprom_update *update = up_new(r);
        cprom_status status = cprom_update_gauge_vec_replace(update, scopes[i].vec, scopes[i].match);
        assert_int_equal(ct_log_count(&fixture->log), 1);
        assert_told(fixture, 0, scopes[i].line);
        up_commit_fails(update, status);
        assert_int_equal(ct_log_count(&fixture->log), 1);
    }
    ct_fixture_free(other);
}

/* A flood of them takes no more than nine lines of each update; that of one call, too. */
static void test_refused_entries_beyond_the_eighth_are_one_line_at_the_commit(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    for (size_t n = 7; n <= 12; n++) {
        char more[64];
        snprintf(more, sizeof more, "update: %zu more refused", n - 8);
        ct_log_clear(&fixture->log);
        cprom_update *update = up_new(r);
        for (size_t i = 0; i < n; i++) assert_status(SET(g, 1, "a", "\xff"), CPROM_EUTF8);
        assert_int_equal(ct_log_count(&fixture->log), n < 8 ? n : 8);
        up_commit(update, 0, 0, 0, n);
        assert_int_equal(ct_log_count(&fixture->log), n <= 8 ? n : 9);
        if (n > 8) assert_told(fixture, 8, more);
    }
    const char *const bad[] = {"a", "\xff"};
    cprom_gauge_row rows[20];
    for (size_t i = 0; i < COUNT(rows); i++) rows[i] = (cprom_gauge_row){{bad, COUNT(bad)}, 1};
    ct_log_clear(&fixture->log);
    assert_status(cprom_gauge_vec_replace(g, CPROM_LABELS({"p", "a"}), rows, COUNT(rows), NULL), CPROM_EPARTIAL);
    assert_int_equal(ct_log_count(&fixture->log), 9);
    assert_told(fixture, 8, "update: 12 more refused");
}

/* A commit that is tried again tells them once. */
static void test_refused_are_told_once_by_a_commit_that_is_tried_again(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 1, "a", "1"));
    for (size_t i = 0; i < 10; i++) assert_status(SET(g, 1, "a", "\xff"), CPROM_EUTF8);
    ct_alloc_fail_at(&fixture->alloc, 1, false);
    assert_status(cprom_update_commit(update, NULL), CPROM_ENOMEM);
    assert_int_equal(ct_log_count_with(&fixture->log, "2 more refused", (char *)NULL), 1);
    assert_status(SET(g, 1, "a", "\xff"), CPROM_EUTF8);
    assert_int_equal(ct_log_count(&fixture->log), 9);
    up_commit(update, 1, 0, 0, 11);
    assert_int_equal(ct_log_count_with(&fixture->log, "2 more refused", (char *)NULL), 1);
    assert_int_equal(ct_log_count_with(&fixture->log, "1 more refused", (char *)NULL), 1);
}

/* ---- the log callback may use the library, since no lock is held ---- */

static struct {
    cprom_registry *r;
    cprom_gauge_vec *g;
    cprom_update *update;
    size_t lines;
} w;

static void log_that_uses_everything(void *ctx, const char *line)
{
    (void)ctx;
    (void)line;
    if (++w.lines > 20) return;
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("b", "1"), 1));
    assert_ok(cprom_gauge_vec_delete_matching(w.g, CPROM_LABELS({"p", "b"}), NULL));
    assert_ok(cprom_update_gauge_vec_set(w.update, w.g, CPROM_STRS("a", "log"), 1));
    cprom_update *another = up_new(w.r);
    assert_ok(cprom_update_gauge_vec_set(another, w.g, CPROM_STRS("c", "1"), 1));
    up_commit(another, w.lines == 1, w.lines != 1, 0, 0);
    ct_page page = ct_page_read(w.r, NULL, 64);
    ct_page_free(&page);
}

static void test_refused_whose_log_callback_uses_the_library(void **state)
{
    (void)state;
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    opts.log = log_that_uses_everything;
    assert_ok(cprom_registry_new(&opts, &w.r));
    w.g = up_gauges(w.r, "g", "p");
    w.update = up_new(w.r);
    w.lines = 0;
    for (size_t i = 0; i < 10; i++)
        assert_status(cprom_update_gauge_vec_set(w.update, w.g, CPROM_STRS("a", "\xff"), 1), CPROM_EUTF8);
    assert_status(cprom_update_gauge_vec_replace(w.update, w.g, CPROM_LABELS({"x", ""})), CPROM_ELABELS);
    up_commit_fails(w.update, CPROM_ELABELS);
    assert_int_equal(w.lines, 9);
    cprom_registry_free(w.r);
}

int group_refused(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_refused_entries_are_told_with_label_value_and_reason),
        TEST(test_refused_scopes_are_told_with_the_label_that_is_wrong),
        TEST(test_refused_entries_beyond_the_eighth_are_one_line_at_the_commit),
        TEST(test_refused_are_told_once_by_a_commit_that_is_tried_again),
        cmocka_unit_test(test_refused_whose_log_callback_uses_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
