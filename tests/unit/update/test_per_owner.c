/*
 * Commits of vectors that bound what an owner may have: what goes makes room for what comes, what finds none is refused or
 * folded, and what it is folded into has its place like any other.
 */
#include "support/amid.h"
#include "support/updates.h"

enum {
    BOUND = 2
};

static cprom_gauge_vec *gauges(cprom_registry *r)
{
    cprom_gauge_vec *vec;
    assert_ok(
        cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p", "s"}, .owner = "p", .max_series_per_owner = BOUND), &vec));
    return vec;
}

static cprom_counter_vec *folding(cprom_registry *r, size_t max)
{
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(r,
                                    FAMILY("c_total", .labels = {"p", "s"}, .owner = "p", .max_series_per_owner = BOUND,
                                           .max_series = max, .overflow = CPROM_FOLD),
                                    &vec));
    return vec;
}

static void add(cprom_update *update, cprom_counter_vec *c, const char *p, const char *s, double amount)
{
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS(p, s), amount));
}

static cprom_status inc(cprom_counter_vec *c, const char *p, const char *s)
{
    return cprom_counter_vec_inc(c, CPROM_STRS(p, s));
}

/* ---- refused ---- */

static void test_per_owner_a_commit_refuses_what_is_one_too_many_of_one_owner(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 2, "a", "2"));
    assert_ok(SET(g, 3, "a", "3"));
    assert_ok(SET(g, 4, "b", "1"));
    assert_ok(SET(g, 5, "a", "4"));
    assert_ok(SET(g, 6, "a", "1"));
    assert_ok(SET(g, 7, "b", "2"));
    up_commit(update, 3, 1, 0, 2);
    assert_int_equal(up_stats(r).dropped_limit, 2);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 6\ng{p=\"a\",s=\"2\"} 2\ng{p=\"b\",s=\"1\"} 4\ng{p=\"b\",s=\"2\"} 7\n");
    /* What was refused is not reserved any more. */
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("a", "1")));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "4"), 4));
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("a", "3"), 5), CPROM_ELIMIT);
}

static void test_per_owner_a_replace_makes_room_first(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = gauges(r);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "1"), 1));
    for (int round = 0; round < 6; round++) {
        cprom_update *update = up_new(r);
        char text[BOUND][8];
        if (round % 3 == 2) assert_ok(ALL(g));
        else assert_ok(OWNER(g, "a"));
        for (int i = 0; i < BOUND; i++) {
            snprintf(text[i], sizeof text[i], "%d", round + i);
            assert_ok(SET(g, i, "a", text[i]));
        }
        assert_ok(SET(g, 1, "b", "1"));
        up_commit(update, round ? 1 : BOUND, round ? BOUND : 1, round ? 1 : 0, 0);
        assert_int_equal(cprom_gauge_vec_size(g), BOUND + 1);
    }
    assert_int_equal(up_stats(r).dropped_limit, 0);
}

static cprom_gauge_vec *room;
static cprom_gauge *held;
static cprom_status intruded;

static void intrude(void) { intruded = cprom_gauge_vec_set(room, CPROM_STRS("a", "z"), 9); }

/* A handle's update kills what goes before the walk comes to it; its room is not for others yet. */
static void intrude_behind_a_handle(void)
{
    cprom_gauge_set(held, 3);
    intrude();
}

/* Both are logged once: from within a commit, by who calls there, that would be in the gate. a has all that it may. */
static void log_drops_before(cprom_gauge_vec *g)
{
    cprom_gauge *gone = cprom_gauge_vec_with(g, CPROM_STRS("b", "1"));
    assert_ok(cprom_gauge_vec_delete(g, CPROM_STRS("b", "1")));
    cprom_gauge_set(gone, 1);
    cprom_gauge_unref(gone);
    assert_status(cprom_gauge_vec_set(g, CPROM_STRS("a", "3"), 1), CPROM_ELIMIT);
}

static void test_per_owner_room_of_what_goes_is_for_the_rows_of_the_commit(void **state)
{
    for (int n = 0; n < 8; n++) {
        bool fills = n % 2, all = n / 2 % 2;
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        room = gauges(r);
        held = cprom_gauge_vec_with(room, CPROM_STRS("a", "1"));
        assert_ok(cprom_gauge_vec_set(room, CPROM_STRS("a", "2"), 1));
        log_drops_before(room);
        cprom_update *update = up_new(r);
        assert_ok(all ? ALL(room) : OWNER(room, "a"));
        assert_ok(SET(room, 5, "a", "c"));
        if (fills) assert_ok(SET(room, 6, "a", "d"));
        amid_at(CPROM__SEAM_COMMIT_HALF, 1, n / 4 ? intrude_behind_a_handle : intrude);
        up_commit(update, 1 + fills, 0, 2, 0);
        amid_done();
        assert_status(intruded, fills ? CPROM_ELIMIT : CPROM_OK);
        up_assert_lines(r, fills ? "g{p=\"a\",s=\"c\"} 5\ng{p=\"a\",s=\"d\"} 6\n"
                                 : "g{p=\"a\",s=\"c\"} 5\ng{p=\"a\",s=\"z\"} 9\n");
        cprom_gauge_unref(held);
        ct_fixture_free(fixture);
    }
}

/* ---- folded ---- */

static struct {
    cprom_registry *registry;
    cprom_counter_vec *c;
} w;

/* The last birth: all are there, with all that they get. */
static void look_at_births(void)
{
    double value = 0;
    AMID(cprom_counter_vec_get(w.c, CPROM_STRS("a", "other"), &value) == CPROM_OK && value == 2);
    AMID(cprom_counter_vec_get(w.c, CPROM_STRS("b", "other"), &value) == CPROM_OK && value == 20);
}

static void test_per_owner_a_commit_folds_into_each_owners_other(void **state)
{
    TESTS_BEGIN;
    const char *const s[] = {"1", "2", "3", "4"};
    cprom_counter_vec *c = w.c = folding(r, 0);
    cprom_update *update = up_new(r);
    add(update, c, "b", "other", 1000); /* by its own name */
    for (int i = 0; i < 4; i++) {
        add(update, c, "a", s[i], i + 1);
        add(update, c, "b", s[i], 10 * (i + 1));
    }
    up_commit(update, 6, 0, 0, 0);
    assert_int_equal(up_stats(r).updates_folded, 4);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 2\nc_total{p=\"a\",s=\"other\"} 7\n"
                       "c_total{p=\"b\",s=\"1\"} 10\nc_total{p=\"b\",s=\"2\"} 20\nc_total{p=\"b\",s=\"other\"} 1070\n");
    /* One that is there gets more; by a handle as well. */
    cprom_counter *other = cprom_counter_vec_with(c, CPROM_STRS("a", "other"));
    update = up_new(r);
    add(update, c, "a", "5", 100);
    assert_ok(cprom_update_counter_add(update, other, 1000));
    add(update, c, "a", "1", 1);
    up_commit(update, 0, 2, 0, 0);
    assert_true(cprom_counter_value(other) == 1107);
    cprom_counter_unref(other);
    assert_int_equal(up_stats(r).updates_folded, 5);
    /* It is born with all that it gets. */
    assert_ok(cprom_counter_vec_clear(c));
    update = up_new(r);
    for (int i = 0; i < 4; i++) {
        add(update, c, "a", s[i], 1);
        add(update, c, "b", s[i], 10);
    }
    amid_at(CPROM__SEAM_CREATE_ALIVE, 6, look_at_births);
    up_commit(update, 6, 0, 0, 0);
    amid_done();
}

static void test_per_owner_a_replace_removes_other_unless_it_is_used(void **state)
{
    TESTS_BEGIN;
    const char *const s[] = {"1", "2", "3", "4", "5"};
    for (int capped = 0; capped < 2; capped++) {
        /* The place of an `other` that goes is for what comes, too. */
        cprom_counter_vec *c = folding(r, capped ? 4 : 0);
        for (int i = 0; i < 3; i++) assert_ok(inc(c, "a", s[i]));
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
        add(update, c, "a", "4", 4);
        add(update, c, "a", "5", 5);
        add(update, c, "b", "1", 1);
        add(update, c, "b", "2", 1);
        up_commit(update, 4, 0, 3, 0);
        up_assert_lines(r, "c_total{p=\"a\",s=\"4\"} 4\nc_total{p=\"a\",s=\"5\"} 5\n"
                           "c_total{p=\"b\",s=\"1\"} 1\nc_total{p=\"b\",s=\"2\"} 1\n");
        assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"p", "b"}), NULL));
        assert_ok(inc(c, "a", "3")); /* folded */
        update = up_new(r);
        assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
        for (int i = 0; i < 3; i++) add(update, c, "a", s[i], 1);
        up_commit(update, 2, 1, 2, 0);
        up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"a\",s=\"other\"} 2\n");
        assert_ok(cprom_registry_unregister(r, "c_total"));
    }
}

/* The first that needs an owner's `other` takes a place for it; nobody after him gets that. */
static void test_per_owner_other_has_its_place_before_it_is_born(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 3);
    cprom_update *update = up_new(r);
    add(update, c, "a", "1", 1);
    add(update, c, "a", "2", 2);
    add(update, c, "a", "3", 4); /* a's other: the third place */
    add(update, c, "b", "1", 8); /* there is none; nor for b's other */
    add(update, c, "a", "4", 16);
    add(update, c, "b", "other", 32);
    up_commit(update, 4, 0, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 2\nc_total{p=\"a\",s=\"other\"} 20\n"
                       "c_total{p=\"other\",s=\"other\"} 40\n");
    assert_int_equal(cprom_counter_vec_size(c), 4);
    assert_int_equal(up_stats(r).updates_folded, 4);
    assert_int_equal(up_stats(r).series_created, 4);
}

/* An update that was overtaken: what counts all the same is folded as it would be otherwise. */
static void test_per_owner_what_a_stale_update_still_adds_is_folded(void **state)
{
    TESTS_BEGIN;
    const char *const s[] = {"1", "2", "3", "4"};
    cprom_counter_vec *c = folding(r, 0);
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_update *older = up_new(r), *update = up_new(r);
    assert_ok(cprom_update_gauge_vec_replace(older, g, CPROM_LABELS({"p", "a"})));
    for (int i = 0; i < 4; i++) add(older, c, "a", s[i], 1);
    add(older, c, "a", "other", 1);
    add(older, c, "b", "1", 1);
    assert_ok(OWNER(g, "a"));
    up_commit(update, 0, 0, 0, 0);
    assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"s", "other"}), NULL));
    up_commit_stale(older, CPROM_STALE_DELETE, 4, 0);
    /* What was staged by that name matches the deletion, and what is folded does not. */
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"a\",s=\"other\"} 2\n"
                       "c_total{p=\"b\",s=\"1\"} 1\n");
}

/* What nobody has staged makes nothing stale, though something would have been folded into it. */
static void test_per_owner_a_deletion_of_other_makes_no_other_row_stale(void **state)
{
    TESTS_BEGIN;
    const char *const s[] = {"1", "2", "3"};
    cprom_counter_vec *c = folding(r, 0);
    cprom_update *update = up_new(r);
    for (int i = 0; i < 3; i++) {
        assert_ok(inc(c, "a", s[i]));
        add(update, c, "a", s[2 - i], 1);
    }
    assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"s", "other"}), NULL));
    up_commit(update, 1, 2, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 2\nc_total{p=\"a\",s=\"2\"} 2\nc_total{p=\"a\",s=\"other\"} 1\n");
}

/* ---- deleted meanwhile ---- */

static void delete_others(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "other")) == CPROM_OK);
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("b", "other")) == CPROM_OK);
}

/* Then those that the first deletion has brought in, too. */
static void delete_others_again(void)
{
    AMID(inc(w.c, "a", "other") == CPROM_OK);
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "other")) == CPROM_OK);
}

static void delete_others_twice(void)
{
    delete_others();
    amid_at(CPROM__SEAM_CREATE_DONE, 1, delete_others_again);
}

/* The row dies, and another one has its place. */
static void delete_row(void)
{
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "1")) == CPROM_OK);
    AMID(inc(w.c, "a", "new") == CPROM_OK);
}

static void test_per_owner_other_that_is_deleted_meanwhile_is_made_again(void **state)
{
    static const struct {
        enum cprom__seam point;
        void (*act)(void);
        const char *a;
        double other_a, other_b;
        size_t created, updated;
    } cases[] = {
        {CPROM__SEAM_COMMIT_READY, delete_others, "1", 6, 60, 2, 2},
        {CPROM__SEAM_COMMIT_READY, delete_others_twice, "1", 6, 60, 2, 2},
        {CPROM__SEAM_COMMIT_SEALED, delete_others, "1", -1, -1, 0, 4},
        {CPROM__SEAM_COMMIT_READY, delete_row, "new", 8, 61, 0, 3},
    };
    for (size_t n = 0; n < COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = w.registry = fixture->registry;
        w.c = folding(r, 0);
        const char *const s[] = {"1", "2", "3"};
        for (int i = 0; i < 3; i++) {
            assert_ok(inc(w.c, "a", s[i]));
            assert_ok(inc(w.c, "b", s[i]));
        }
        cprom_update *update = up_new(r);
        add(update, w.c, "a", "1", 1);
        add(update, w.c, "a", "4", 2);
        add(update, w.c, "a", "5", 4);
        add(update, w.c, "b", "1", 10);
        add(update, w.c, "b", "4", 60);
        amid_at(cases[n].point, 1, cases[n].act);
        up_commit(update, cases[n].created, cases[n].updated, 0, 0);
        amid_done();
        double value = -1;
        cprom_counter_vec_get(w.c, CPROM_STRS("a", "other"), &value);
        assert_true(value == (cases[n].other_a < 0 ? 0 : cases[n].other_a));
        cprom_counter_vec_get(w.c, CPROM_STRS("b", "other"), &value);
        assert_true(value == (cases[n].other_b < 0 ? 0 : cases[n].other_b));
        assert_ok(cprom_counter_vec_get(w.c, CPROM_STRS("a", cases[n].a), &value));
        /* Whatever has been, there is room for two of each owner. */
        assert_ok(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "2")));
        assert_ok(inc(w.c, "a", "6"));
        assert_ok(cprom_counter_vec_get(w.c, CPROM_STRS("a", "6"), &value));
        assert_ok(inc(w.c, "a", "7"));
        assert_status(cprom_counter_vec_get(w.c, CPROM_STRS("a", "7"), &value), CPROM_ENOENT);
        ct_fixture_free(fixture);
    }
}

/* Nothing was to be folded; now the row has lost its place, and what it is folded into comes and goes meanwhile. */
static void other_comes_and_goes(void)
{
    AMID(inc(w.c, "a", "other") == CPROM_OK);
    AMID(cprom_counter_vec_delete(w.c, CPROM_STRS("a", "other")) == CPROM_OK);
}

static void delete_row_then_other(void)
{
    delete_row();
    other_comes_and_goes();
}

static void test_per_owner_other_that_comes_and_goes_beside_a_row_is_made_again(void **state)
{
    TESTS_BEGIN;
    w.c = folding(r, 0);
    assert_ok(inc(w.c, "a", "1"));
    assert_ok(inc(w.c, "a", "2"));
    cprom_update *update = up_new(r);
    add(update, w.c, "a", "1", 5);
    amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_row_then_other);
    up_commit(update, 1, 0, 0, 0);
    amid_done();
    up_assert_lines(r, "c_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"a\",s=\"new\"} 1\nc_total{p=\"a\",s=\"other\"} 5\n");
}

static void unregister(void) { AMID(cprom_registry_unregister(w.registry, "c_total") == CPROM_OK); }

static void test_per_owner_a_family_that_goes_in_the_middle_has_all_of_it_detached(void **state)
{
    static const enum cprom__seam points[] = {CPROM__SEAM_COMMIT_SEALED, CPROM__SEAM_COMMIT_HALF};
    for (size_t n = 0; n < COUNT(points); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = w.registry = fixture->registry;
        w.c = folding(r, 4);
        for (int i = 0; i < 3; i++) assert_ok(inc(w.c, "b", (const char *const[]){"1", "2", "3"}[i]));
        cprom_update *update = up_new(r);
        add(update, w.c, "a", "1", 1);
        add(update, w.c, "a", "2", 1);
        add(update, w.c, "a", "3", 1);
        add(update, w.c, "b", "4", 1);
        amid_at(points[n], 1, unregister);
        up_commit(update, 0, 0, 0, 4);
        amid_done();
        cprom_stats stats = up_stats(r);
        assert_int_equal(stats.dropped_detached + stats.dropped_limit, 4);
        assert_int_equal(stats.updates_folded, 1);
        assert_int_equal(stats.series_created, 3);
        assert_int_equal(stats.series_removed, 3);
        ct_fixture_free(fixture);
    }
}

/* In the middle of a large one: what is to be born with the values of the first part is not born. */
static void test_per_owner_a_family_that_goes_between_two_portions_has_what_was_folded_detached(void **state)
{
    TESTS_BEGIN;
    enum {
        ROWS = 400
    };
    char s[16];
    w.registry = r;
    w.c = folding(r, 0);
    cprom_update *update = up_new(r);
    for (int i = 0; i < ROWS; i++) {
        snprintf(s, sizeof s, "%d", i);
        add(update, w.c, "a", s, 1);
    }
    amid_at(CPROM__SEAM_MATCH_WALKS, 1, unregister);
    up_commit(update, BOUND, 0, 0, ROWS - BOUND);
    amid_done();
    assert_int_equal(up_stats(r).updates_folded, 0);
    assert_int_equal(up_stats(r).series_created, BOUND);
    assert_int_equal(up_stats(r).series_removed, BOUND);
    assert_int_equal(up_stats(r).dropped_detached + up_stats(r).dropped_limit, ROWS - BOUND);
}

/* ---- memory ---- */

static void test_per_owner_a_commit_without_memory_can_be_tried_again(void **state)
{
    TESTS_BEGIN;
    static char step[3000];
    memset(step, 's', sizeof step - 1);
    cprom_counter_vec *c = folding(r, 5);
    for (int i = 0; i < 3; i++) assert_ok(inc(c, "b", (const char *const[]){"1", "2", "3"}[i]));
    char *before = up_text(r);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
    add(update, c, "a", "1", 1);
    add(update, c, "b", step, 2);
    add(update, c, "a", "2", 4);
    add(update, c, "a", step, 8);
    size_t failed = 0;
    cprom_result result;
    for (;; failed++) {
        ct_alloc_fail_at(&fixture->alloc, failed + 1, true);
        cprom_status status = cprom_update_commit(update, &result);
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        if (status == CPROM_OK) break;
        assert_status(status, CPROM_ENOMEM);
        char *now = up_text(r);
        assert_string_equal(now, before);
        cprom_text_free(now);
    }
    assert_true(failed > 2);
    cprom_text_free(before);
    assert_int_equal(result.created, 3);
    assert_int_equal(result.updated, 1);
    cprom_update_free(update);
    /* The last place was for what came first. */
    up_assert_lines(r,
                    "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 4\nc_total{p=\"b\",s=\"1\"} 1\n"
                    "c_total{p=\"b\",s=\"2\"} 1\nc_total{p=\"b\",s=\"other\"} 3\nc_total{p=\"other\",s=\"other\"} 8\n");
}

/* ---- names without end ---- */

static size_t compared;

static void count_compared(enum cprom__seam point) { compared += point == CPROM__SEAM_UPDATE_COMPARES; }

static void test_per_owner_a_hostile_job_in_a_commit_does_not_starve_the_others(void **state)
{
    enum {
        NAMES = 20000,
        OTHERS = 2000,
        EACH_AT_MOST = 12
    };
    for (int folds = 0; folds < 2; folds++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        cprom_counter_vec *c;
        assert_ok(cprom_counter_vec_new(r,
                                        FAMILY("c_total", .labels = {"p", "s"}, .owner = "p",
                                               .max_series_per_owner = BOUND, .max_series = (OTHERS + 1) * (BOUND + 1),
                                               .ttl_seconds = 100, .overflow = folds ? CPROM_FOLD : CPROM_REFUSE),
                                        &c));
        for (int round = 0; round < 2; round++) {
            char s[16];
            cprom_update *update = up_new(r);
            assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_NO_LABELS));
            compared = 0;
            cprom__seam_hook = count_compared;
            for (int i = 0; i < NAMES; i++) {
                snprintf(s, sizeof s, "%d", round * NAMES + i);
                cprom_update_counter_vec_add(update, c, CPROM_STRS("hostile", s), 1);
                snprintf(s, sizeof s, "%d", i % OTHERS);
                if (i < OTHERS * BOUND)
                    cprom_update_counter_vec_add(update, c, CPROM_STRS(s, i < OTHERS ? "1" : "2"), 1);
            }
            cprom_result result;
            cprom_status status = cprom_update_commit(update, &result);
            cprom__seam_hook = NULL;
            cprom_update_free(update);
            assert_status(status, folds ? CPROM_OK : CPROM_EPARTIAL);
            assert_true(compared >= NAMES);
            assert_true(compared <= (size_t)EACH_AT_MOST * (NAMES + OTHERS * BOUND));
            assert_int_equal(result.created, round ? BOUND : BOUND * (OTHERS + 1) + folds);
            assert_int_equal(result.updated, round ? OTHERS * BOUND + folds : 0);
            assert_int_equal(result.removed, round ? BOUND : 0);
            assert_int_equal(result.refused, folds ? 0 : NAMES - BOUND);
            assert_int_equal(cprom_counter_vec_size(c), BOUND * (OTHERS + 1) + folds);
        }
        /* What it has left behind costs nothing. */
        cprom_registry_trim(r);
        assert_int_equal(up_stats(r).series_unreclaimed, 0);
        ct_fixture_free(fixture);
    }
}

/* ---- against a model ---- */

enum {
    OWNERS = 3,
    STEPS = 5,
    KEYS = OWNERS * STEPS,
    CAP = 6,
    MOST = 8
};

/* The last owner is called so, and each one's last step. */
static const char *const owners[OWNERS] = {"a", "b\n", "other"}, *const steps[STEPS] = {"1", "2", "3", "4", "other"};

struct folds {
    cprom_counter_vec *c;
    size_t cap;
    bool alive[KEYS];
    double value[KEYS];
    uint64_t folded;
};

#define STRS_OF(key) CPROM_STRS(owners[(key) / STEPS], steps[(key) % STEPS])

static bool folds_has_room(const struct folds *m, int key)
{
    size_t of_owner = 0, all = 0;
    for (int k = 0; k < KEYS - 1; k++) {
        all += m->alive[k];
        of_owner += m->alive[k] && k / STEPS == key / STEPS && k % STEPS != STEPS - 1;
    }
    if (key == KEYS - 1) return true;
    return (!m->cap || all < m->cap) && (key % STEPS == STEPS - 1 || of_owner < BOUND);
}

/* Where the value goes; `gone`: what is there and goes, unless it is used. -1: nowhere. */
static int folds_target(const struct folds *m, int key)
{
    const int tries[] = {key, key / STEPS * STEPS + STEPS - 1, KEYS - 1};
    for (int i = 0; i < (m->cap ? 3 : 2); i++) {
        if (m->alive[tries[i]] || folds_has_room(m, tries[i])) return tries[i];
    }
    return -1;
}

static void folds_single(struct folds *m, int key)
{
    int target = folds_target(m, key);
    assert_ok(cprom_counter_vec_add(m->c, STRS_OF(key), 1));
    m->folded += target != key;
    m->value[target] = m->alive[target] ? m->value[target] + 1 : 1;
    m->alive[target] = true;
}

static void folds_commit(struct folds *m, cprom_registry *r, uint64_t *seed)
{
    cprom_update *update = up_new(r);
    int staged[MOST], n = (int)(next_random(seed) % MOST), owner = (int)(next_random(seed) % OWNERS);
    int step = (int)(next_random(seed) % STEPS), scope = (int)(next_random(seed) % 4);
    bool keep[KEYS] = {false}, was[KEYS], touched[KEYS] = {false}, borne[KEYS] = {false};
    if (scope == 1) assert_ok(cprom_update_counter_vec_replace(update, m->c, CPROM_NO_LABELS));
    if (scope == 2) assert_ok(cprom_update_counter_vec_replace(update, m->c, CPROM_LABELS({"p", owners[owner]})));
    if (scope == 3) assert_ok(cprom_update_counter_vec_replace(update, m->c, CPROM_LABELS({"s", steps[step]})));
    for (int i = 0; i < n; i++) {
        staged[i] = (int)(next_random(seed) % KEYS);
        add(update, m->c, owners[staged[i] / STEPS], steps[staged[i] % STEPS], i + 1);
        keep[staged[i]] = true;
    }
    memcpy(was, m->alive, sizeof was);
    for (int k = 0; k < KEYS; k++) {
        bool in = scope == 1 || (scope == 2 && k / STEPS == owner) || (scope == 3 && k % STEPS == step);
        if (in && !keep[k]) m->alive[k] = false;
    }
    for (int i = 0; i < n; i++) {
        if (borne[staged[i]]) continue;
        borne[staged[i]] = true;
        int target = folds_target(m, staged[i]);
        m->folded += target != staged[i];
        if (!m->alive[target] && !was[target]) m->value[target] = 0; /* one that was to go counts on */
        m->alive[target] = touched[target] = true;
        for (int k = i; k < n; k++) m->value[target] += staged[k] == staged[i] ? k + 1 : 0;
    }
    size_t created = 0, updated = 0, removed = 0;
    for (int k = 0; k < KEYS; k++) {
        created += touched[k] && !was[k];
        updated += touched[k] && was[k];
        removed += was[k] && !m->alive[k];
    }
    up_commit(update, created, updated, removed, 0);
}

static void folds_check(const struct folds *m, cprom_registry *r)
{
    char lines[4096] = "", number[PARSER_NUMBER_MAX];
    size_t n = 0, len = 0;
    for (int k = 0; k < KEYS; k++) {
        if (!m->alive[k]) continue;
        len += (size_t)snprintf(lines + len, sizeof lines - len, "c_total{p=\"%s\",s=\"%s\"} %s\n",
                                k / STEPS == 1 ? "b\\n" : owners[k / STEPS], steps[k % STEPS],
                                parser_number(m->value[k], number));
        n++;
    }
    up_assert_lines(r, lines);
    assert_int_equal(cprom_counter_vec_size(m->c), n);
    assert_int_equal(up_stats(r).updates_folded, m->folded);
}

static void test_per_owner_fold_random_operations_match_a_model(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        uint64_t random = seed;
        struct folds m = {.cap = seed % 2 ? CAP : 0};
        m.c = folding(r, m.cap);
        for (int round = 0; round < 3000; round++) {
            int key = (int)(next_random(&random) % KEYS), what = (int)(next_random(&random) % 8);
            if (what < 3) {
                folds_single(&m, key);
            } else if (what == 3) {
                assert_status(cprom_counter_vec_delete(m.c, STRS_OF(key)), m.alive[key] ? CPROM_OK : CPROM_ENOENT);
                m.alive[key] = false;
            } else if (what == 4) {
                assert_ok(cprom_counter_vec_delete_matching(m.c, CPROM_LABELS({"p", owners[key / STEPS]}), NULL));
                for (int k = 0; k < STEPS; k++) m.alive[key / STEPS * STEPS + k] = false;
            } else {
                folds_commit(&m, r, &random);
            }
            folds_check(&m, r);
        }
        assert_true(m.folded > 500);
        ct_fixture_free(fixture);
    }
}

int group_per_owner(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_per_owner_a_commit_refuses_what_is_one_too_many_of_one_owner),
        TEST(test_per_owner_a_replace_makes_room_first),
        cmocka_unit_test(test_per_owner_room_of_what_goes_is_for_the_rows_of_the_commit),
        TEST(test_per_owner_a_commit_folds_into_each_owners_other),
        TEST(test_per_owner_a_replace_removes_other_unless_it_is_used),
        TEST(test_per_owner_other_has_its_place_before_it_is_born),
        TEST(test_per_owner_what_a_stale_update_still_adds_is_folded),
        TEST(test_per_owner_a_deletion_of_other_makes_no_other_row_stale),
        cmocka_unit_test(test_per_owner_other_that_is_deleted_meanwhile_is_made_again),
        TEST(test_per_owner_other_that_comes_and_goes_beside_a_row_is_made_again),
        cmocka_unit_test(test_per_owner_a_family_that_goes_in_the_middle_has_all_of_it_detached),
        TEST(test_per_owner_a_family_that_goes_between_two_portions_has_what_was_folded_detached),
        TEST(test_per_owner_a_commit_without_memory_can_be_tried_again),
        cmocka_unit_test(test_per_owner_a_hostile_job_in_a_commit_does_not_starve_the_others),
        cmocka_unit_test(test_per_owner_fold_random_operations_match_a_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
