/*
 * A commit whose series are deleted singly after it has reserved them: it takes others, in the gate, for those that died
 * before it was published, and who deletes one later makes another. Or somebody runs out of memory there, and nothing has
 * happened.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_gauge_vec *g, *h;
    cprom_counter_vec *c;
    ct_alloc *alloc;
    double seen;        /* in the series, when it was born */
    void (*then)(void); /* while the first series is mended */
} w;

static cprom_status delete_of(cprom_gauge_vec *vec, const char *s)
{
    return cprom_gauge_vec_delete(vec, CPROM_STRS("a", s));
}

/* ---- deleted again behind its mending ---- */

static int rounds;

static void again(void)
{
    for (int i = 0; i < rounds; i++) {
        AMID(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 7) == CPROM_OK);
        AMID(delete_of(w.g, "1") == CPROM_OK);
        AMID(delete_of(w.g, "1") == CPROM_ENOENT);
    }
}

static void delete_and_again(void)
{
    AMID(delete_of(w.g, "1") == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, again);
}

static void test_spoilt_again_is_made_by_who_deletes_it(void **state)
{
    (void)state;
    for (rounds = 1; rounds < 4; rounds++) {
        ct_fixture *fixture = ct_fixture_new();
        w.g = up_gauges(fixture->registry, "g", "p");
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        cprom_update *update = up_new(fixture->registry);
        assert_ok(SET(w.g, 42, "a", "1"));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_and_again);
        up_commit(update, 1, 0, 0, 0);
        amid_done();
        up_assert_lines(fixture->registry, "g{p=\"a\",s=\"1\"} 42\n");
        ct_fixture_free(fixture);
    }
}

/* ---- how often a commit mends what was deleted ---- */

enum { ENTRIES = 1000, DELETED = 10, WHILE_MENDING = 30 };

static unsigned mends;

static void delete_up_to(int n, bool set_first)
{
    char s[8];
    for (int i = 0; i < n; i++) {
        snprintf(s, sizeof s, "%d", i);
        if (set_first) AMID(cprom_gauge_vec_set(w.g, CPROM_STRS("a", s), 7) == CPROM_OK);
        AMID(delete_of(w.g, s) == CPROM_OK);
    }
}

/* All that is mended and yet to be mended, and more, is made alive and deleted again each time. */
static void delete_while_it_mends(enum cprom__seam point)
{
    if (point == CPROM__SEAM_COMMIT_READY) delete_up_to(DELETED, false);
    if (point != CPROM__SEAM_COMMIT_MENDS) return;
    mends++;
    delete_up_to(WHILE_MENDING, true);
}

static void test_spoilt_is_mended_once_whatever_is_deleted_again(void **state)
{
    TESTS_BEGIN;
    assert_ok(
        cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p", "s"}, .owner = "p", .ttl_seconds = 10), &w.g));
    cprom_update *update = up_new(r);
    for (int i = 0; i < ENTRIES; i++) {
        char s[8];
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", s), 1));
        assert_ok(SET(w.g, 42, "a", s));
    }
    mends = 0;
    cprom__seam_hook = delete_while_it_mends;
    up_commit(update, WHILE_MENDING, ENTRIES - WHILE_MENDING, 0, 0);
    cprom__seam_hook = NULL;
    assert_int_equal(amid.wrong, 0);
    assert_int_equal(mends, DELETED);
    for (int i = 0; i < ENTRIES; i++) {
        char s[8];
        double value;
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_gauge_vec_get(w.g, CPROM_STRS("a", s), &value));
        assert_true(value == 42);
    }
    assert_int_equal(cprom_gauge_vec_size(w.g), ENTRIES);
    /* All reservations are given back: handles hold, and nobody else. */
    cprom_gauge *deleted = cprom_gauge_vec_with(w.g, CPROM_STRS("a", "0"));
    cprom_gauge *other = cprom_gauge_vec_with(w.g, CPROM_STRS("a", "999"));
    ct_clock_advance(&fixture->clock, INT64_C(11000000000));
    up_assert_lines(r, "g{p=\"a\",s=\"0\"} 42\ng{p=\"a\",s=\"999\"} 42\n");
    cprom_gauge_unref(deleted);
    cprom_gauge_unref(other);
    up_assert_lines(r, "");
}

/* ---- what others are folded into ---- */

static void fold_delete_all(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("other", "other")) == CPROM_OK);
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "2")) == CPROM_ENOENT);
}

/* The entry is mended, and its `other` not yet: then the entry is spoilt again. */
static void fold_again(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    AMID(cprom_counter_vec_add(w.c, CPROM_STRS("a", "1"), 70) == CPROM_OK);
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
}

static void fold_again_amid(void)
{
    /* Of the entry's own look-up, and then of that for `other`. */
    AMID(cprom_counter_vec_add(w.c, CPROM_STRS("a", "1"), 70) == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, fold_again);
}

static void fold_delete_entry(void)
{
    fold_delete_all();
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, fold_again_amid);
}

static void test_spoilt_other_is_mended(void **state)
{
    static void (*const spoil[])(void) = {fold_delete_all, fold_delete_entry};
    for (size_t n = 0; n < COUNT(spoil); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = CPROM_FOLD), &w.c));
        assert_ok(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "1")));
        assert_ok(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "0"))); /* folded */
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 1));
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "2"), 2));
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "3"), 3));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, spoil[n]);
        up_commit(update, 1 + n, 1 - n, 0, 0);
        amid_done();
        double value;
        assert_ok(cprom_counter_vec_get(w.c, CPROM_STRS("other", "other"), &value));
        assert_true(value == 5);
        assert_ok(cprom_counter_vec_get(w.c, CPROM_STRS("a", "1"), &value));
        assert_true(value == (n ? 1 : 2));
        assert_int_equal(cprom_counter_vec_size(w.c), 2);
        assert_int_equal(up_stats(r).updates_folded, 3);
        ct_fixture_free(fixture);
    }
}

/* Between publishing and sealing, while an entry of another vector is mended; and when the moment is due. */
static void delete_other(void) { AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("other", "other")) == CPROM_OK); }

static void delete_and_other(void)
{
    AMID(delete_of(w.g, "1") == CPROM_OK);
    /* What the handle stages, too; another one takes its room. */
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    AMID(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "3")) == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, delete_other);
}

static void test_spoilt_other_before_the_moment_or_after_it(void **state)
{
    for (int after = 0; after < 2; after++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        w.g = up_gauges(r, "g", NULL);
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = CPROM_FOLD), &w.c));
        assert_ok(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "1")));
        assert_ok(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "0"))); /* folded */
        cprom_counter *held = cprom_counter_vec_with(w.c, CPROM_STRS("a", "1"));
        cprom_update *update = up_new(r);
        assert_ok(SET(w.g, 2, "a", "1"));
        assert_ok(cprom_update_counter_add(update, held, 1)); /* an entry that does not look after other */
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "2"), 2));
        cprom_counter_unref(held);
        if (after) amid_at(CPROM__SEAM_COMMIT_SEALED, 1, delete_other);
        else amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_and_other);
        up_commit(update, after ? 0 : 2, after ? 3 : 0, 0, after ? 0 : 1);
        amid_done();
        double value = 0;
        assert_status(cprom_counter_vec_get(w.c, CPROM_STRS("other", "other"), &value),
                      after ? CPROM_ENOENT : CPROM_OK);
        assert_true(value == (after ? 0 : 2));
        assert_int_equal(up_stats(r).updates_folded, 2);
        ct_fixture_free(fixture);
    }
}

/* ---- a handle between two entries by labels ---- */

static void look_at_birth(void) { AMID(cprom_counter_vec_get(w.c, CPROM_STRS("a", "1"), &w.seen) == CPROM_OK); }

static void delete_counter(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_ALIVE, 1, look_at_birth);
}

/* By labels and by a handle, the same series; it dies, and only what goes by labels is made again: at once. */
static void test_spoilt_series_is_born_with_all_values_by_labels(void **state)
{
    TESTS_BEGIN;
    w.c = up_counters(r, "c_total", "p");
    cprom_counter *held = cprom_counter_vec_with(w.c, CPROM_STRS("a", "1"));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 10));
    assert_ok(cprom_update_counter_add(update, held, 100));
    assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 1000));
    amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_counter);
    up_commit(update, 1, 0, 0, 1);
    amid_done();
    assert_true(w.seen == 1010);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1010\n");
    assert_int_equal(up_stats(r).dropped_detached, 1);
    cprom_counter_unref(held);
}

static void delete_and_take_the_room(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    AMID(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "2")) == CPROM_OK);
}

/* The same, and there is no room for it any more: all of its values are refused, or all are folded. */
static void test_spoilt_series_of_several_entries_may_find_no_room(void **state)
{
    for (int folds = 0; folds < 2; folds++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = folds ? CPROM_FOLD : CPROM_REFUSE),
            &w.c));
        cprom_counter *held = cprom_counter_vec_with(w.c, CPROM_STRS("a", "1"));
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 10));
        assert_ok(cprom_update_counter_add(update, held, 100));
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 1000));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_and_take_the_room);
        up_commit(update, folds ? 1 : 0, 0, 0, folds ? 1 : 3);
        amid_done();
        up_assert_lines(r, folds ? "c_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"other\",s=\"other\"} 1010\n"
                                 : "c_total{p=\"a\",s=\"2\"} 1\n");
        cprom_stats stats = up_stats(r);
        assert_int_equal(stats.updates_folded, folds ? 2 : 0);
        assert_int_equal(stats.dropped_limit, folds ? 0 : 2);
        assert_int_equal(stats.dropped_detached, 1);
        cprom_counter_unref(held);
        ct_fixture_free(fixture);
    }
}

static void delete_gauge_and_then(void)
{
    AMID(delete_of(w.g, "1") == CPROM_OK);
    amid_at(CPROM__SEAM_COMMIT_MENDS, 1, w.then);
}

/* Of what was deleted before the commit had published it, and of what was deleted behind that. */
static void test_spoilt_series_that_was_there_may_be_folded_after_all(void **state)
{
    for (int later = 0; later < 2; later++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        w.g = up_gauges(r, "g", "p");
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = CPROM_FOLD), &w.c));
        assert_ok(cprom_counter_vec_inc(w.c, CPROM_STRS("a", "1")));
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, w.c, CPROM_STRS("a", "1"), 10));
        assert_ok(SET(w.g, 5, "a", "1"));
        w.then = delete_and_take_the_room;
        amid_at(CPROM__SEAM_COMMIT_READY, 1, later ? delete_gauge_and_then : delete_and_take_the_room);
        up_commit(update, 1 + (size_t)later, 1 - (size_t)later, 0, 0);
        amid_done();
        up_assert_lines(r, "c_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"other\",s=\"other\"} 10\ng{p=\"a\",s=\"1\"} 5\n");
        ct_fixture_free(fixture);
    }
}

static void delete_first(void) { AMID(delete_of(w.g, "1") == CPROM_OK); }

static void delete_second_amid(void) { AMID(delete_of(w.g, "2") == CPROM_OK); }

static void delete_first_then_second(void)
{
    delete_first();
    amid_at(CPROM__SEAM_CREATE_DONE, 1, delete_second_amid);
}

/* All entries of a series get the other one, not the first one only; when a commit has looked at them, or before. */
static void test_spoilt_series_of_several_entries_is_mended_for_all(void **state)
{
    (void)state;
    for (int looked_at = 0; looked_at < 2; looked_at++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        w.g = up_gauges(r, "g", "p");
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "2"), 1));
        cprom_gauge *held = cprom_gauge_vec_with(w.g, CPROM_STRS("a", "2"));
        cprom_update *update = up_new(r);
        if (!looked_at) assert_ok(SET(w.g, 5, "a", "1"));
        assert_ok(ADD(w.g, 10, "a", "2"));
        assert_ok(cprom_update_gauge_add(update, held, 100));
        assert_ok(ADD(w.g, 1000, "a", "2"));
        if (looked_at) assert_ok(SET(w.g, 5, "a", "1"));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_first_then_second);
        up_commit(update, 2, 0, 0, 1);
        amid_done();
        up_assert_lines(r, "g{p=\"a\",s=\"1\"} 5\ng{p=\"a\",s=\"2\"} 1010\n");
        cprom_gauge_unref(held);
        ct_fixture_free(fixture);
    }
}

static void delete_second_twice(void)
{
    amid_at(CPROM__SEAM_CREATE_READY, 1, delete_second_amid);
    AMID(delete_of(w.g, "2") == CPROM_ENOENT);
}

/* Two delete it at once, and each makes another: the second comes too late. */
static void test_spoilt_by_two_at_once_is_made_once(void **state)
{
    TESTS_BEGIN;
    w.g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "2"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(w.g, 5, "a", "1"));
    assert_ok(ADD(w.g, 6, "a", "2"));
    w.then = delete_second_twice;
    amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_gauge_and_then);
    up_commit(update, 2, 0, 0, 0);
    amid_done();
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 5\ng{p=\"a\",s=\"2\"} 6\n");
    assert_int_equal(up_stats(r).series_removed, 2);
}

/* ---- no memory in the gate ---- */

/* So long that another series takes memory. */
static char long_s[2000];

static void delete_long(void)
{
    AMID(delete_of(w.g, long_s) == CPROM_OK);
    AMID(delete_of(w.g, "1") == CPROM_OK);
    AMID(delete_of(w.h, "1") == CPROM_OK);
}

static void delete_long_and_fail(void)
{
    delete_long();
    ct_alloc_fail_at(w.alloc, 1, true);
}

static cprom_update *stage_long(cprom_registry *r)
{
    cprom_update *update = up_new(r);
    for (int i = 0; i < 2; i++) {
        cprom_gauge_vec *vec = i ? w.h : w.g;
        assert_ok(OWNER(vec, "a"));
        assert_ok(SET(vec, 5, "a", long_s));
        assert_ok(SET(vec, 6, "a", "1"));
        assert_ok(SET(vec, 7, "a", "new"));
    }
    return update;
}

static void test_spoilt_without_memory_nothing_has_happened_and_it_may_be_committed_again(void **state)
{
    memset(long_s, 'x', sizeof long_s - 1);
    for (int n = 0; n < 4; n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        w.alloc = &fixture->alloc;
        w.g = up_gauges(r, "g", n % 2 ? "p" : NULL);
        w.h = up_gauges(r, "h", n % 2 ? "p" : NULL);
        for (int i = 0; i < 2; i++) {
            assert_ok(cprom_gauge_vec_set(i ? w.h : w.g, CPROM_STRS("a", long_s), 1));
            assert_ok(cprom_gauge_vec_set(i ? w.h : w.g, CPROM_STRS("a", "1"), 2));
            assert_ok(cprom_gauge_vec_set(i ? w.h : w.g, CPROM_STRS("a", "old"), 3));
        }
        cprom_update *update = stage_long(r);
        cprom_result result;
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_long_and_fail);
        cprom_status status = cprom_update_commit(update, &result);
        ct_alloc_fail_at(w.alloc, 0, false);
        amid_done();
        assert_status(status, CPROM_ENOMEM);
        assert_int_equal(result.created + result.updated + result.removed + result.refused, 0);
        /* What is left after the three deletions, as it was. No later moment is taken for that of this commit. */
        (void)cprom_registry_mark(r);
        double value;
        assert_ok(cprom_gauge_vec_get(w.g, CPROM_STRS("a", "old"), &value));
        assert_true(value == 3);
        assert_ok(cprom_gauge_vec_get(w.h, CPROM_STRS("a", long_s), &value));
        assert_true(value == 1);
        assert_status(cprom_gauge_vec_get(w.g, CPROM_STRS("a", "1"), &value), CPROM_ENOENT);
        assert_status(cprom_gauge_vec_get(w.g, CPROM_STRS("a", "new"), &value), CPROM_ENOENT);
        assert_int_equal(cprom_gauge_vec_size(w.g), 1);
        assert_int_equal(cprom_gauge_vec_size(w.h), 2);
        cprom_stats stats = up_stats(r);
        assert_int_equal(stats.series_created, 6);
        assert_int_equal(stats.series_removed, 3);
        /* The same once more. If it is spoilt again, it is mended. */
        if (n / 2) {
            assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", long_s), 1));
            assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
            assert_ok(cprom_gauge_vec_set(w.h, CPROM_STRS("a", "1"), 1));
            amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_long);
        }
        up_commit(update, 5, 1, 2, 0);
        amid_done();
        for (int i = 0; i < 2; i++) {
            assert_int_equal(cprom_gauge_vec_size(i ? w.h : w.g), 3);
            assert_ok(cprom_gauge_vec_get(i ? w.h : w.g, CPROM_STRS("a", long_s), &value));
            assert_true(value == 5);
            assert_ok(cprom_gauge_vec_get(i ? w.h : w.g, CPROM_STRS("a", "1"), &value));
            assert_true(value == 6);
        }
        ct_fixture_free(fixture);
    }
}

static size_t fails_at;

static void delete_long_without_memory(void)
{
    ct_alloc_fail_at(w.alloc, fails_at, true);
    AMID(delete_of(w.g, long_s) == CPROM_OK);
    ct_alloc_fail_at(w.alloc, 0, false);
}

/* Who deletes has no memory for another series: the deletion is done, and the commit is what fails. */
static void test_spoilt_by_who_has_no_memory_for_another_series(void **state)
{
    bool failed = true, once = false;
    (void)state;
    memset(long_s, 'x', sizeof long_s - 1);
    for (fails_at = 1; failed; fails_at++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        w.alloc = &fixture->alloc;
        w.g = up_gauges(r, "g", "p");
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", long_s), 1));
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        cprom_update *update = up_new(r);
        assert_ok(SET(w.g, 5, "a", long_s));
        assert_ok(SET(w.g, 6, "a", "1"));
        w.then = delete_long_without_memory;
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_gauge_and_then);
        cprom_result result;
        cprom_status status = cprom_update_commit(update, &result);
        amid_done();
        failed = status != CPROM_OK;
        once |= failed;
        if (failed) {
            assert_status(status, CPROM_ENOMEM);
            assert_int_equal(result.created + result.updated + result.removed + result.refused, 0);
            assert_int_equal(cprom_gauge_vec_size(w.g), 0);
            up_commit(update, 2, 0, 0, 0);
        } else {
            cprom_update_free(update);
        }
        double value;
        assert_ok(cprom_gauge_vec_get(w.g, CPROM_STRS("a", long_s), &value));
        assert_true(value == 5);
        assert_ok(cprom_gauge_vec_get(w.g, CPROM_STRS("a", "1"), &value));
        assert_true(value == 6);
        ct_fixture_free(fixture);
    }
    assert_true(once);
}

int group_spoilt(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoilt_again_is_made_by_who_deletes_it),
        TEST(test_spoilt_is_mended_once_whatever_is_deleted_again),
        cmocka_unit_test(test_spoilt_other_is_mended),
        cmocka_unit_test(test_spoilt_other_before_the_moment_or_after_it),
        TEST(test_spoilt_series_is_born_with_all_values_by_labels),
        cmocka_unit_test(test_spoilt_series_of_several_entries_may_find_no_room),
        cmocka_unit_test(test_spoilt_series_that_was_there_may_be_folded_after_all),
        cmocka_unit_test(test_spoilt_series_of_several_entries_is_mended_for_all),
        TEST(test_spoilt_by_two_at_once_is_made_once),
        cmocka_unit_test(test_spoilt_without_memory_nothing_has_happened_and_it_may_be_committed_again),
        cmocka_unit_test(test_spoilt_by_who_has_no_memory_for_another_series),
    };
    return cmocka_run_group_tests_name("spoilt", tests, NULL, NULL);
}
