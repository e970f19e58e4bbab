/* Label values that cannot be one: refused, dropped or repaired, as the vector says, by every call that takes them. */
#include "support/updates.h"

#define BAD "b\xff\xe2\x82"
#define GOOD "b\xef\xbf\xbd\xef\xbf\xbd"

/* A vector of each kind, with labels p and s. */
typedef struct vectors {
    cprom_counter_vec *c;
    cprom_gauge_vec *g;
    cprom_histogram_vec *h;
    cprom_summary_vec *s;
    cprom_info_vec *i;
    cprom_stateset_vec *t;
} vectors;

static vectors vectors_new(cprom_registry *r, cprom_bad_utf8 bad_utf8)
{
    vectors v;
#define VEC(...)                                                                                                       \
    CPROM_OPTS(cprom_opts, .help = "h", .labels = {"p", "s"}, .owner = "p", .bad_utf8 = bad_utf8, __VA_ARGS__)
    assert_ok(cprom_counter_vec_new(r, VEC(.name = "c_total", .exemplars = true), &v.c));
    assert_ok(cprom_gauge_vec_new(r, VEC(.name = "g"), &v.g));
    assert_ok(cprom_histogram_vec_new(r, VEC(.name = "h", .exemplars = true), &v.h));
    assert_ok(cprom_summary_vec_new(r, VEC(.name = "s"), &v.s));
    assert_ok(cprom_info_vec_new(r, VEC(.name = "i_info"), &v.i));
    assert_ok(cprom_stateset_vec_new(r, VEC(.name = "t", .states = {"on", "off"}), &v.t));
    return v;
}

/* One call of each kind for these labels; how many there are. */
static size_t update_each(const vectors *v, cprom_strs values, cprom_status status)
{
    cprom_labels trace = CPROM_LABELS({"run", "7"});
    size_t n = 0;
#define CALL(call) (assert_status(call, status), n++)
    CALL(cprom_counter_vec_inc(v->c, values));
    CALL(cprom_counter_vec_add(v->c, values, 2));
    CALL(cprom_counter_vec_add_with_exemplar(v->c, values, 2, trace, 0));
    CALL(cprom_gauge_vec_set(v->g, values, 2));
    CALL(cprom_gauge_vec_add(v->g, values, 3));
    CALL(cprom_gauge_vec_set_to_current_time(v->g, values));
    CALL(cprom_histogram_vec_observe(v->h, values, 2));
    CALL(cprom_histogram_vec_observe_with_exemplar(v->h, values, 2, trace, 0));
    CALL(cprom_summary_vec_observe(v->s, values, 2));
    CALL(cprom_info_vec_set(v->i, values));
    CALL(cprom_stateset_vec_set(v->t, values, 1, true));
    CALL(cprom_stateset_vec_enter(v->t, values, 0));
    return n;
}

static void get_each(const vectors *v, cprom_strs values, cprom_status status)
{
    double value;
    uint64_t count;
    assert_status(cprom_counter_vec_get(v->c, values, &value), status);
    assert_status(cprom_gauge_vec_get(v->g, values, &value), status);
    assert_status(cprom_histogram_vec_get(v->h, values, &count, &value), status);
    assert_status(cprom_summary_vec_get(v->s, values, &count, &value), status);
    assert_status(cprom_info_vec_get(v->i, values), status);
    assert_status(cprom_stateset_vec_get(v->t, values, &count), status);
}

/* ---- the option ---- */

static void test_bad_utf8_is_for_vectors_and_one_of_three(void **state)
{
    TESTS_BEGIN;
    cprom_gauge *gauge;
    cprom_gauge_vec *vec;
    assert_status(cprom_gauge_new(
                      r, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .bad_utf8 = CPROM_UTF8_REPAIR), &gauge),
                  CPROM_EINVAL);
    assert_true(ct_log_has(&fixture->log, "bad_utf8 need a vector"));
    assert_status(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .bad_utf8 = (cprom_bad_utf8)3),
                                      &vec),
                  CPROM_EINVAL);
    assert_true(ct_log_has(&fixture->log, "metric \"g\" refused: bad_utf8 is none of the ways"));
}

/* ---- dropped ---- */

static void test_bad_utf8_dropped_is_no_failure_and_counted(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_DROP);
    char *longest = calloc(CPROM_VALUE_MAX + 2, 1);
    memset(longest, 'x', CPROM_VALUE_MAX + 1);
    const char *const bad[] = {BAD, longest};
    for (size_t i = 0; i < COUNT(bad); i++) {
        uint64_t before = up_stats(r).dropped_invalid;
        char *page = up_text(r);
        size_t n = update_each(&v, CPROM_STRS("a", bad[i]), CPROM_OK);
        assert_int_equal(up_stats(r).dropped_invalid, before + n);
        assert_null(cprom_gauge_vec_with(v.g, CPROM_STRS("a", bad[i])));
        assert_int_equal(up_stats(r).dropped_invalid, before + n + 1);
        get_each(&v, CPROM_STRS("a", bad[i]), CPROM_ENOENT);
        assert_status(cprom_gauge_vec_delete(v.g, CPROM_STRS("a", bad[i])), CPROM_ENOENT);
        assert_int_equal(up_stats(r).utf8_repaired, 0);
        up_assert_same(r, page);
    }
    assert_int_equal(ct_log_count_with(&fixture->log, "metric \"g\": update dropped: invalid", (char *)NULL), 1);
    assert_status(cprom_gauge_vec_set(v.g, CPROM_STRS("a"), 1), CPROM_ELABELS); /* that is no text of users */
    free(longest);
}

static void test_bad_utf8_dropped_from_an_update_is_no_partial_one(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_DROP);
    cprom_update *update = up_new(r);
    assert_ok(OWNER(v.g, "a"));
    assert_ok(SET(v.g, 1, "a", "1"));
    assert_ok(SET(v.g, 1, "a", BAD));
    assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a", BAD), 1));
    up_commit(update, 1, 0, 0, 0);
    assert_int_equal(up_stats(r).dropped_invalid, 2);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\n");
    const char *const good_row[] = {"a", "2"}, *const bad_row[] = {"a", BAD};
    const cprom_gauge_row rows[] = {{{bad_row, 2}, 1}, {{good_row, 2}, 2}};
    assert_ok(cprom_gauge_vec_replace(v.g, CPROM_LABELS({"p", "a"}), rows, 2, NULL));
    up_assert_lines(r, "g{p=\"a\",s=\"2\"} 2\n");
}

/* ---- repaired ---- */

static void test_bad_utf8_repaired_by_every_call(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR);
    for (int round = 0; round < 2; round++) { /* made, and then found */
        update_each(&v, CPROM_STRS("a", BAD), CPROM_OK);
        get_each(&v, CPROM_STRS("a", BAD), CPROM_OK);
        get_each(&v, CPROM_STRS("a", GOOD), CPROM_OK);
    }
    double value;
    assert_ok(cprom_counter_vec_get(v.c, CPROM_STRS("a", GOOD), &value));
    assert_true(value == 10);
    assert_int_equal(cprom_vec_size((cprom_vec *)v.g), 1);
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_true(parser_value(page.parsed, "c_total{p=\"a\",s=\"" GOOD "\"}") == 10);
    ct_page_free(&page);
    cprom_gauge *held = cprom_gauge_vec_with(v.g, CPROM_STRS("a", BAD)),
                *same = cprom_gauge_vec_with_labels(v.g, CPROM_LABELS({"s", BAD}, {"p", "a"})),
                *good = cprom_gauge_vec_with(v.g, CPROM_STRS("a", GOOD));
    assert_true(held && held == same && held == good);
    cprom_gauge_unref(held);
    cprom_gauge_unref(same);
    cprom_gauge_unref(good);

    assert_ok(cprom_gauge_vec_delete(v.g, CPROM_STRS("a", BAD)));
    assert_status(cprom_gauge_vec_delete(v.g, CPROM_STRS("a", BAD)), CPROM_ENOENT);
    assert_ok(cprom_info_vec_delete_labels(v.i, CPROM_LABELS({"p", "a"}, {"s", BAD})));
    size_t removed;
    assert_ok(cprom_counter_vec_delete_matching(v.c, CPROM_LABELS({"s", BAD}), &removed));
    assert_int_equal(removed, 1);
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"s", BAD}), &removed));
    assert_int_equal(removed, 3);
    assert_int_equal(up_stats(r).series, 0);

    /* As an owner, and swept. */
    assert_ok(cprom_gauge_vec_set(v.g, CPROM_STRS(BAD, "1"), 1));
    assert_ok(cprom_counter_vec_inc(v.c, CPROM_STRS(BAD, "1")));
    cprom_mark mark = cprom_registry_mark(r);
    assert_ok(cprom_gauge_vec_sweep(v.g, CPROM_LABELS({"p", BAD}), mark, &removed));
    assert_int_equal(removed, 1);
    assert_ok(cprom_registry_sweep(r, CPROM_LABELS({"p", BAD}), mark, &removed));
    assert_int_equal(removed, 1);
    assert_int_equal(up_stats(r).dropped_invalid, 0);
    assert_true(up_stats(r).utf8_repaired > 0 && up_stats(r).utf8_merged == 0);
}

static void test_bad_utf8_repaired_in_updates(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR);
    assert_ok(cprom_gauge_vec_set(v.g, CPROM_STRS(BAD, "old"), 1));
    assert_ok(cprom_gauge_vec_set(v.g, CPROM_STRS("a", "old"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(v.g, BAD));
    assert_ok(SET(v.g, 2, BAD, BAD));
    assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a", BAD), 1));
    assert_ok(cprom_update_histogram_vec_observe(update, v.h, CPROM_STRS("a", BAD), 1));
    assert_ok(cprom_update_summary_vec_observe(update, v.s, CPROM_STRS("a", BAD), 1));
    assert_ok(cprom_update_info_vec_set(update, v.i, CPROM_STRS("a", BAD)));
    assert_ok(cprom_update_stateset_vec_set(update, v.t, CPROM_STRS("a", BAD), 0, true));
    assert_ok(cprom_update_stateset_vec_enter(update, v.t, CPROM_STRS("b", BAD), 1));
    up_commit(update, 7, 0, 1, 0);
    get_each(&v, CPROM_STRS("a", "x"), CPROM_ENOENT);
    double value;
    assert_ok(cprom_gauge_vec_get(v.g, CPROM_STRS(GOOD, GOOD), &value));
    assert_true(value == 2);
    assert_status(cprom_gauge_vec_get(v.g, CPROM_STRS(GOOD, "old"), NULL), CPROM_ENOENT);
    /* A scope that was overtaken by another spelling of the same. */
    update = up_new(r);
    assert_ok(OWNER(v.g, BAD));
    assert_ok(cprom_gauge_vec_replace(v.g, CPROM_LABELS({"p", GOOD}), NULL, 0, NULL));
    up_commit_stale(update, CPROM_STALE_SCOPE, 0, 0);
}

/* Of rows that become one, the last one wins; what adds up adds up; each is counted. The same row again is no such. */
static void test_bad_utf8_repaired_rows_that_become_one_are_counted(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR);
    const char *const first[] = {"a", "\xff"}, *const second[] = {"a", "\xfe"}, *const third[] = {"a", "\xef\xbf\xbd"};
    const cprom_gauge_row rows[] = {{{first, 2}, 1}, {{first, 2}, 2}, {{second, 2}, 3}, {{third, 2}, 4}, {{third, 2}, 5}};
    for (size_t n = 1; n <= COUNT(rows); n++) {
        static const size_t merged[] = {0, 0, 1, 2, 2};
        uint64_t before = up_stats(r).utf8_merged;
        cprom_result result;
        assert_ok(cprom_gauge_vec_replace(v.g, CPROM_LABELS({"p", "a"}), rows, n, &result));
        assert_int_equal(result.created + result.updated, 1);
        assert_int_equal(up_stats(r).utf8_merged - before, merged[n - 1]);
        double value;
        assert_ok(cprom_gauge_vec_get(v.g, CPROM_STRS("a", "\xef\xbf\xbd"), &value));
        assert_true(value == (double)n);
    }
    uint64_t before = up_stats(r).utf8_merged;
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a", "\xff"), 1));
    assert_ok(cprom_update_counter_vec_add(update, v.c, CPROM_STRS("a", "\xfe"), 2));
    up_commit(update, 1, 0, 0, 0);
    double value;
    assert_ok(cprom_counter_vec_get(v.c, CPROM_STRS("a", "\xef\xbf\xbd"), &value));
    assert_true(value == 3);
    assert_int_equal(up_stats(r).utf8_merged, before + 1);
}

/* What is too long is cut between characters, so that nothing is refused. */
static void test_bad_utf8_repaired_values_that_are_too_long_are_cut(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR);
    size_t n = CPROM_VALUE_MAX + 300;
    char *text = calloc(n + 1, 1), *cut = calloc(n + 1, 1);
    for (size_t at = 0; at < 4; at++) { /* where the cut comes in a character */
        memset(text, 'x', n);
        memcpy(text + CPROM_VALUE_MAX - at, "\xf0\x9f\x98\x80", 4);
        memset(cut, 0, n);
        memset(cut, 'x', CPROM_VALUE_MAX - at);
        update_each(&v, CPROM_STRS("a", text), CPROM_OK);
        get_each(&v, CPROM_STRS("a", text), CPROM_OK);
        get_each(&v, CPROM_STRS("a", cut), CPROM_OK);
        assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"s", text}), NULL));
        get_each(&v, CPROM_STRS("a", cut), CPROM_ENOENT);
    }
    /* It grows by the repair, and fits no more. */
    memset(text, '\xff', CPROM_VALUE_MAX);
    text[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_gauge_vec_set(v.g, CPROM_STRS("a", text), 1));
    cprom_utf8_repair(text, cut, CPROM_VALUE_MAX + 1);
    assert_int_equal(strlen(cut), CPROM_VALUE_MAX / 3 * 3);
    assert_ok(cprom_gauge_vec_get(v.g, CPROM_STRS("a", cut), NULL));
    free(text);
    free(cut);
}

/* The limits hold, with the fold. */
static void test_bad_utf8_repaired_beyond_the_cap_is_folded(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c;
    assert_ok(cprom_counter_vec_new(r,
                                    CPROM_OPTS(cprom_opts, .name = "c_total", .help = "h", .labels = {"s"},
                                               .max_series = 1, .overflow = CPROM_FOLD, .bad_utf8 = CPROM_UTF8_REPAIR),
                                    &c));
    for (int i = 0; i < 3; i++) {
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("1\xff")));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("2\xff")));
    }
    up_assert_lines(r, "c_total{s=\"1\xef\xbf\xbd\"} 3\nc_total{s=\"other\"} 3\n");
    assert_int_equal(up_stats(r).updates_folded, 3);
}

/* ---- against a vector that refuses, for which the program itself has repaired ---- */

static void text_random(uint64_t *seed, char *text, size_t cap)
{
    static const char *const pieces[] = {"a", "\xff", "\xc3", "\xa4", "\xc3\xa4", "\xe2\x82", "\xac", "\\", "\"", "\n"};
    size_t n = next_random(seed) % 3;
    *text = '\0';
    while (n--) strcat(text, pieces[next_random(seed) % COUNT(pieces)]);
    if (next_random(seed) % 16 == 0) { /* longer than there is room for on the stack */
        size_t len = strlen(text);
        memset(text + len, 'y', cap - 1 - len);
        text[cap - 1] = '\0';
    }
}

static void test_bad_utf8_random_calls_are_those_of_repaired_values(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR), w = vectors_new(other->registry, CPROM_UTF8_REFUSE);
    cprom_update *update = up_new(r), *plain = up_new(other->registry);
    uint64_t seed = 19;
    for (int step = 0; step < 20000; step++) {
        char p[700], s[700], good_p[2200], good_s[2200];
        text_random(&seed, p, sizeof p);
        text_random(&seed, s, sizeof s);
        cprom_utf8_repair(p, good_p, sizeof good_p);
        cprom_utf8_repair(s, good_s, sizeof good_s);
        double value = (double)(next_random(&seed) % 8), is = 0, should = 0;
        size_t n_is = 0, n_should = 0;
#define SAME(call_is, call_should) assert_int_equal(call_is, call_should)
#define RAW CPROM_STRS(p, s)
#define MADE CPROM_STRS(good_p, good_s)
        switch (next_random(&seed) % 12) {
        case 0: SAME(cprom_gauge_vec_set(v.g, RAW, value), cprom_gauge_vec_set(w.g, MADE, value)); break;
        case 1: SAME(cprom_counter_vec_add(v.c, RAW, value), cprom_counter_vec_add(w.c, MADE, value)); break;
        case 2: SAME(cprom_histogram_vec_observe(v.h, RAW, value), cprom_histogram_vec_observe(w.h, MADE, value)); break;
        case 3: SAME(cprom_gauge_vec_get(v.g, RAW, &is), cprom_gauge_vec_get(w.g, MADE, &should)); break;
        case 4: SAME(cprom_gauge_vec_delete(v.g, RAW), cprom_gauge_vec_delete(w.g, MADE)); break;
        case 5:
            SAME(cprom_gauge_vec_delete_matching(v.g, CPROM_LABELS({"p", p}), &n_is),
                 cprom_gauge_vec_delete_matching(w.g, CPROM_LABELS({"p", good_p}), &n_should));
            break;
        case 6:
            if (next_random(&seed) % 8) break;
            SAME(cprom_registry_delete_matching(r, CPROM_LABELS({"s", s}, {"p", p}), &n_is),
                 cprom_registry_delete_matching(other->registry, CPROM_LABELS({"s", good_s}, {"p", good_p}), &n_should));
            break;
        case 7: SAME(cprom_info_vec_set(v.i, RAW), cprom_info_vec_set(w.i, MADE)); break;
        case 8:
            SAME(cprom_update_gauge_vec_set(update, v.g, RAW, value), cprom_update_gauge_vec_set(plain, w.g, MADE, value));
            break;
        case 9:
            SAME(cprom_update_counter_vec_add(update, v.c, RAW, value),
                 cprom_update_counter_vec_add(plain, w.c, MADE, value));
            break;
        case 10:
            SAME(cprom_update_gauge_vec_replace(update, v.g, CPROM_LABELS({"p", p})),
                 cprom_update_gauge_vec_replace(plain, w.g, CPROM_LABELS({"p", good_p})));
            break;
        default: {
            cprom_result result_is, result_should;
            if (next_random(&seed) % 4) break;
            SAME(cprom_update_commit(update, &result_is), cprom_update_commit(plain, &result_should));
            assert_memory_equal(&result_is, &result_should, sizeof result_is);
            cprom_update_free(update);
            cprom_update_free(plain);
            update = up_new(r);
            plain = up_new(other->registry);
        }
        }
        assert_true(is == should && n_is == n_should);
        if (step % 500 == 0) up_assert_same(r, up_text(other->registry));
    }
    assert_true(up_stats(r).utf8_repaired > 1000 && up_stats(other->registry).utf8_repaired == 0);
    cprom_update_free(update);
    cprom_update_free(plain);
    ct_fixture_free(other);
}

/* ---- without memory ---- */

/* A copy that is too long for the stack asks for memory: whichever allocation fails, nothing is lost or half done. */
static void test_bad_utf8_repaired_without_memory_is_enomem(void **state)
{
    TESTS_BEGIN;
    vectors v = vectors_new(r, CPROM_UTF8_REPAIR);
    char text[1000], good[3000];
    memset(text, 'x', sizeof text);
    text[500] = '\xff';
    text[sizeof text - 1] = '\0';
    cprom_utf8_repair(text, good, sizeof good);
    for (int made = 0; made < 2; made++) {
        bool failed = true;
        for (size_t nth = 1; failed; nth++) {
            double value = 9;
            assert_true(nth < 50);
            if (made) assert_ok(cprom_gauge_vec_set(v.g, CPROM_STRS("a", good), 7));
            char *before = up_text(r);
            uint64_t dropped = up_stats(r).dropped_nomem;
#define ALL_FAIL ct_alloc_fail_at(&fixture->alloc, nth, true)
            ALL_FAIL;
            failed = false;
            cprom_status status = cprom_gauge_vec_get(v.g, CPROM_STRS("a", text), &value);
            failed |= status == CPROM_ENOMEM;
            if (status != CPROM_ENOMEM) assert_status(status, made ? CPROM_OK : CPROM_ENOENT);
            ALL_FAIL;
            status = cprom_gauge_vec_delete_matching(v.g, CPROM_LABELS({"s", text}, {"p", "nobody"}), NULL);
            failed |= status == CPROM_ENOMEM;
            if (status != CPROM_ENOMEM) assert_ok(status);
            ALL_FAIL;
            cprom_update *update = NULL;
            status = cprom_update_new(r, &update);
            if (!status) {
                status = OWNER(v.g, text);
                if (!status) status = SET(v.g, 1, text, text);
                if (status) assert_status(cprom_update_commit(update, NULL), CPROM_ENOMEM);
                if (status) assert_status(status, CPROM_ENOMEM);
                cprom_update_free(update);
            }
            failed |= status == CPROM_ENOMEM;
            assert_int_equal(up_stats(r).dropped_nomem, dropped);
            ALL_FAIL;
            status = cprom_gauge_vec_set(v.g, CPROM_STRS("a", text), 8);
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            if (status) {
                assert_status(status, CPROM_ENOMEM);
                failed = true;
                assert_int_equal(up_stats(r).dropped_nomem, dropped + 1);
                up_assert_same(r, before);
                continue;
            }
            cprom_text_free(before);
            assert_ok(cprom_gauge_vec_get(v.g, CPROM_STRS("a", good), &value));
            assert_true(value == 8);
            ALL_FAIL;
            status = cprom_gauge_vec_delete(v.g, CPROM_STRS("a", text));
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            if (!status) continue;
            assert_status(status, CPROM_ENOMEM);
            failed = true;
            assert_ok(cprom_gauge_vec_delete(v.g, CPROM_STRS("a", text)));
        }
    }
}

int group_bad_utf8(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bad_utf8_is_for_vectors_and_one_of_three),
        TEST(test_bad_utf8_dropped_is_no_failure_and_counted),
        TEST(test_bad_utf8_dropped_from_an_update_is_no_partial_one),
        TEST(test_bad_utf8_repaired_by_every_call),
        TEST(test_bad_utf8_repaired_in_updates),
        TEST(test_bad_utf8_repaired_rows_that_become_one_are_counted),
        TEST(test_bad_utf8_repaired_values_that_are_too_long_are_cut),
        TEST(test_bad_utf8_repaired_beyond_the_cap_is_folded),
        TEST(test_bad_utf8_random_calls_are_those_of_repaired_values),
        TEST(test_bad_utf8_repaired_without_memory_is_enomem),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
