/*
 * A commit whose series are deleted singly after it has reserved them: it takes others, in the gate, until nothing is
 * spoilt; or it runs out of memory there, and nothing has happened.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_gauge_vec *g, *h;
    cprom_counter_vec *c;
    ct_alloc *alloc;
    double seen; /* in the series, when it was born */
} w;

static cprom_status delete_of(cprom_gauge_vec *vec, const char *s)
{
    return cprom_gauge_vec_delete(vec, CPROM_STRS("a", s));
}

/* ---- spoilt again while it is being mended ---- */

static void again(void)
{
    AMID(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 7) == CPROM_OK);
    AMID(delete_of(w.g, "1") == CPROM_OK);
}

static void twice_again(void)
{
    again();
    amid_at(CPROM__SEAM_CREATE_DONE, 1, again);
}

static void delete_and_again(void)
{
    AMID(delete_of(w.g, "1") == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, again);
}

static void delete_and_twice_again(void)
{
    AMID(delete_of(w.g, "1") == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, twice_again);
}

static void test_spoilt_again_is_mended_again(void **state)
{
    static void (*const spoil[])(void) = {delete_and_again, delete_and_twice_again};
    for (size_t n = 0; n < COUNT(spoil); n++) {
        ct_fixture *fixture = ct_fixture_new();
        w.g = up_gauges(fixture->registry, "g", "p");
        assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
        cprom_update *update = up_new(fixture->registry);
        assert_ok(SET(w.g, 42, "a", "1"));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, spoil[n]);
        up_commit(update, 1, 0, 0, 0);
        amid_done();
        up_assert_lines(fixture->registry, "g{p=\"a\",s=\"1\"} 42\n");
        ct_fixture_free(fixture);
    }
}

/* ---- how often a commit passes over what was deleted ---- */

enum { ENTRIES = 1000, DELETED = 10 };

static struct {
    unsigned passes, mended; /* entries, until the commit is sealed */
    unsigned again;          /* passes amid which one is deleted again */
    bool amid, sealed;
} count;

static void delete_some(void)
{
    char s[8];
    for (int i = 0; i < DELETED; i++) {
        snprintf(s, sizeof s, "%d", i);
        AMID(delete_of(w.g, s) == CPROM_OK);
    }
}

/* What the first of a pass has got is made alive and deleted at once. It is the last of the entries that were deleted. */
static void count_passes(enum cprom__seam point)
{
    if (point == CPROM__SEAM_COMMIT_READY) delete_some();
    if (point == CPROM__SEAM_COMMIT_MENDS) {
        count.passes++;
        count.amid = count.passes <= count.again;
    }
    if (point == CPROM__SEAM_CREATE_DONE && count.amid) {
        count.amid = false;
        AMID(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "9"), 7) == CPROM_OK);
        AMID(delete_of(w.g, "9") == CPROM_OK);
    }
    /* The series that it had. */
    count.mended += point == CPROM__SEAM_GIVEN_BACK && !count.sealed;
    count.sealed |= point == CPROM__SEAM_COMMIT_SEALED;
}

static void test_spoilt_is_all_that_a_commit_passes_over_again(void **state)
{
    for (count.again = 0; count.again < 3; count.again++) {
        ct_fixture *fixture = ct_fixture_new();
        w.g = up_gauges(fixture->registry, "g", "p");
        cprom_update *update = up_new(fixture->registry);
        for (int i = 0; i < ENTRIES; i++) {
            char s[8];
            snprintf(s, sizeof s, "%d", i);
            assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", s), 1));
            assert_ok(SET(w.g, 42, "a", s));
        }
        count.passes = count.mended = 0;
        count.sealed = false;
        cprom__seam_hook = count_passes;
        up_commit(update, DELETED, ENTRIES - DELETED, 0, 0);
        cprom__seam_hook = NULL;
        assert_int_equal(amid.wrong, 0);
        assert_int_equal(count.passes, 1 + count.again);
        assert_int_equal(count.mended, DELETED + count.again);
        ct_fixture_free(fixture);
    }
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

static void delete_first(void) { AMID(delete_of(w.g, "1") == CPROM_OK); }

static void delete_second_amid(void) { AMID(delete_of(w.g, "2") == CPROM_OK); }

static void delete_first_then_second(void)
{
    delete_first();
    amid_at(CPROM__SEAM_CREATE_DONE, 1, delete_second_amid);
}

/* All entries of a series are spoilt by its deletion, not the first one only. */
static void test_spoilt_series_of_several_entries_is_mended_for_all(void **state)
{
    TESTS_BEGIN;
    w.g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a", "2"), 1));
    cprom_gauge *held = cprom_gauge_vec_with(w.g, CPROM_STRS("a", "2"));
    cprom_update *update = up_new(r);
    assert_ok(SET(w.g, 5, "a", "1"));
    assert_ok(ADD(w.g, 10, "a", "2"));
    assert_ok(cprom_update_gauge_add(update, held, 100));
    assert_ok(ADD(w.g, 1000, "a", "2"));
    amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_first_then_second);
    up_commit(update, 2, 0, 0, 1);
    amid_done();
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 5\ng{p=\"a\",s=\"2\"} 1010\n");
    cprom_gauge_unref(held);
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

int group_spoilt(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spoilt_again_is_mended_again),
        cmocka_unit_test(test_spoilt_is_all_that_a_commit_passes_over_again),
        cmocka_unit_test(test_spoilt_other_is_mended),
        cmocka_unit_test(test_spoilt_other_before_the_moment_or_after_it),
        TEST(test_spoilt_series_is_born_with_all_values_by_labels),
        cmocka_unit_test(test_spoilt_series_of_several_entries_may_find_no_room),
        TEST(test_spoilt_series_of_several_entries_is_mended_for_all),
        cmocka_unit_test(test_spoilt_without_memory_nothing_has_happened_and_it_may_be_committed_again),
    };
    return cmocka_run_group_tests_name("spoilt", tests, NULL, NULL);
}
