/*
 * The moment of a change has come, and the change is not done with the vector: each call finds what the change will have
 * done. All calls are made from within the change.
 */
#include <sched.h>

#include "store/series.h"
#include "support/amid.h"
#include "support/updates.h"

enum {
    VECS = 2
}; /* so that the change is done with one of them while it is not with the other */

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *vec[VECS];
    cprom_gauge *held[VECS]; /* of what the change covers */
    cprom_gauge *made[VECS]; /* by the call */
    void (*call)(int i);
    bool slotless;
} world;

static const cprom_strs covered = {(const char *const[]){"a", "old"}, 2};
static const cprom_strs apart = {(const char *const[]){"b", "old"}, 2};

/* ---- changes; each returns how many series it removed ---- */

static size_t change_commit(void)
{
    cprom_result result;
    cprom_update *update = up_new(world.registry);
    for (int i = 0; i < VECS; i++) assert_ok(OWNER(world.vec[i], "a"));
    assert_ok(cprom_update_commit(update, &result));
    cprom_update_free(update);
    return result.removed;
}

static size_t change_match(void)
{
    size_t removed;
    assert_ok(cprom_registry_delete_matching(world.registry, CPROM_LABELS({"p", "a"}), &removed));
    return removed;
}

static size_t change_sweep(void)
{
    size_t removed;
    cprom_mark mark = cprom_registry_mark(world.registry);
    assert_ok(cprom_registry_sweep(world.registry, CPROM_LABELS({"p", "a"}), mark, &removed));
    return removed;
}

static const struct {
    const char *name;
    enum cprom__seam point;
    size_t (*make)(void);
} changes[] = {
    {"commit, nothing done", CPROM__SEAM_COMMIT_HALF, change_commit},
    {"commit, half done", CPROM__SEAM_CHANGE_HALF, change_commit},
    {"removal, half done", CPROM__SEAM_CHANGE_HALF, change_match},
    {"sweep, half done", CPROM__SEAM_CHANGE_HALF, change_sweep},
};

/* ---- calls, from within ---- */

static void call_update(int i) { AMID(cprom_gauge_vec_add(world.vec[i], covered, 7) == CPROM_OK); }

static void call_update_twice(int i)
{
    AMID(cprom_gauge_vec_add(world.vec[i], covered, 3) == CPROM_OK);
    AMID(cprom_gauge_vec_add(world.vec[i], covered, 4) == CPROM_OK);
}

static void call_handle(int i) { cprom_gauge_set(world.held[i], 7); }

static void call_get(int i)
{
    double value = 0;
    AMID(cprom_gauge_vec_get(world.vec[i], covered, &value) == CPROM_ENOENT);
    AMID(cprom_gauge_vec_get(world.vec[i], apart, &value) == CPROM_OK && value == 2);
}

static void call_with(int i)
{
    world.made[i] = cprom_gauge_vec_with(world.vec[i], covered);
    AMID(world.made[i] && world.made[i] != world.held[i] && cprom_gauge_value(world.made[i]) == 0);
    cprom_gauge_set(world.made[i], 7);
}

static void call_delete(int i) { AMID(cprom_gauge_vec_delete(world.vec[i], covered) == CPROM_ENOENT); }
static void call_size(int i) { AMID(cprom_gauge_vec_size(world.vec[i]) == 1); }

static void call_apart(int i)
{
    AMID(cprom_gauge_vec_add(world.vec[i], apart, 0) == CPROM_OK);
    AMID(cprom_gauge_vec_delete(world.vec[i], apart) == CPROM_OK);
    AMID(cprom_gauge_vec_set(world.vec[i], apart, 2) == CPROM_OK);
}

static const struct {
    const char *name;
    void (*call)(int i);
    bool anew; /* the covered labels are there again afterwards, with 7 */
    unsigned detached;
} calls[] = {
    {"update by labels", call_update, true, 0},
    {"two of them", call_update_twice, true, 0},
    {"update by handle", call_handle, false, 1},
    {"get", call_get, false, 0},
    {"with", call_with, true, 0},
    {"delete", call_delete, false, 0},
    {"size", call_size, false, 0},
    {"beside", call_apart, false, 0},
};

static void call_all(void)
{
    for (int i = 0; i < VECS; i++) world.call(i);
}

static void call_amid(void)
{
    if (world.slotless) amid_without_slot(call_all);
    else call_all();
}

static void world_make(cprom_registry *r, const char *owner)
{
    memset(&world, 0, sizeof world);
    world.registry = r;
    for (int i = 0; i < VECS; i++) {
        world.vec[i] = up_gauges(r, i ? "h" : "g", owner);
        world.held[i] = cprom_gauge_vec_with(world.vec[i], covered);
        cprom_gauge_set(world.held[i], 1);
        assert_ok(cprom_gauge_vec_set(world.vec[i], apart, 2));
    }
}

static void world_give_back(void)
{
    for (int i = 0; i < VECS; i++) cprom_gauge_unref(world.held[i]);
    for (int i = 0; i < VECS; i++) cprom_gauge_unref(world.made[i]);
}

static void check(size_t change, size_t call, const char *owner)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_registry *r = fixture->registry;
    bool slotless = world.slotless;
    world_make(r, owner);
    world.slotless = slotless;
    world.call = calls[call].call;
    amid_at(changes[change].point, 1, call_amid);
    size_t removed = changes[change].make();
    amid_done();
    assert_int_equal(removed, VECS);
    cprom_gauge_set(world.held[0], 99); /* detached in any case */
    assert_int_equal(up_stats(r).dropped_detached, VECS * calls[call].detached + 1);
    for (int i = 0; i < VECS; i++) {
        double value = 0;
        assert_status(cprom_gauge_vec_get(world.vec[i], covered, &value), calls[call].anew ? CPROM_OK : CPROM_ENOENT);
        assert_true(value == (calls[call].anew ? 7 : 0));
        assert_int_equal(cprom_gauge_vec_size(world.vec[i]), 1 + calls[call].anew);
    }
    up_assert_lines(r, calls[call].anew ? "g{p=\"a\",s=\"old\"} 7\ng{p=\"b\",s=\"old\"} 2\n"
                                          "h{p=\"a\",s=\"old\"} 7\nh{p=\"b\",s=\"old\"} 2\n"
                                        : "g{p=\"b\",s=\"old\"} 2\nh{p=\"b\",s=\"old\"} 2\n");
    cprom_stats stats = up_stats(r);
    assert_int_equal(stats.series, stats.series_created - stats.series_removed);
    world_give_back();
    ct_fixture_free(fixture);
}

static void check_all(void)
{
    for (size_t change = 0; change < COUNT(changes); change++) {
        for (size_t call = 0; call < COUNT(calls); call++) {
            for (int owner = 0; owner < 2; owner++) check(change, call, owner ? "p" : NULL);
        }
    }
}

static void test_settle_what_a_change_covers_is_gone_for_each_call(void **state)
{
    world.slotless = false;
    check_all();
}

static void test_settle_what_a_change_covers_is_gone_for_threads_without_slots(void **state)
{
    world.slotless = true;
    check_all();
}

/* ---- what stays ---- */

/* Touched after the mark, before the sweep: covered by its match, and it stays. */
static void call_stays(int i)
{
    double value = 0;
    cprom_gauge_add(world.held[i], 10);
    AMID(cprom_gauge_vec_add(world.vec[i], covered, 100) == CPROM_OK);
    AMID(cprom_gauge_vec_get(world.vec[i], covered, &value) == CPROM_OK && value == 111);
    cprom_gauge *again = cprom_gauge_vec_with(world.vec[i], covered);
    AMID(again == world.held[i]);
    cprom_gauge_unref(again);
}

static void call_get_stays(int i)
{
    double value = 0;
    AMID(cprom_gauge_vec_get(world.vec[i], covered, &value) == CPROM_OK && value == 1);
    cprom_gauge_add(world.held[i], 110);
}

static void call_labels_stay(int i) { AMID(cprom_gauge_vec_add(world.vec[i], covered, 110) == CPROM_OK); }

static void call_delete_stays(int i)
{
    AMID(cprom_gauge_vec_delete(world.vec[i], covered) == CPROM_OK);
    AMID(cprom_gauge_vec_set(world.vec[i], covered, 111) == CPROM_OK);
}

static void test_settle_what_was_touched_after_the_mark_stays_for_each_call(void **state)
{
    static void (*const stays[])(int) = {call_stays, call_get_stays, call_labels_stay, call_delete_stays};
    for (size_t n = 0; n < 4 * COUNT(stays); n++) {
        ct_fixture *fixture = ct_fixture_new();
        world_make(fixture->registry, n % 2 ? "p" : NULL);
        world.slotless = n / 2 % 2;
        world.call = stays[n / 4];
        cprom_mark mark = cprom_registry_mark(world.registry);
        for (int i = 0; i < VECS; i++) cprom_gauge_set(world.held[i], 1);
        size_t removed;
        amid_at(CPROM__SEAM_CHANGE_HALF, 1, call_amid);
        assert_ok(cprom_registry_sweep(world.registry, CPROM_LABELS({"p", "a"}), mark, &removed));
        amid_done();
        assert_int_equal(removed, 0);
        assert_int_equal(up_stats(world.registry).dropped_detached, 0);
        for (int i = 0; i < VECS; i++) {
            double value;
            assert_ok(cprom_gauge_vec_get(world.vec[i], covered, &value));
            assert_true(value == 111);
        }
        world_give_back();
        ct_fixture_free(fixture);
    }
}

/* ---- what a commit stages ---- */

static const cprom_strs staged = {(const char *const[]){"a", "new"}, 2};

static void call_staged_get(int i)
{
    double value = 0;
    AMID(cprom_gauge_vec_get(world.vec[i], staged, &value) == CPROM_OK && value == 5);
    AMID(cprom_gauge_vec_get(world.vec[i], covered, &value) == CPROM_OK && value == 10);
}

static void call_staged_update(int i)
{
    cprom_gauge_add(world.held[i], 100);
    AMID(cprom_gauge_vec_add(world.vec[i], covered, 1000) == CPROM_OK);
    AMID(cprom_gauge_vec_add(world.vec[i], staged, 1) == CPROM_OK);
}

static void call_staged_with(int i)
{
    world.made[i] = cprom_gauge_vec_with(world.vec[i], staged);
    AMID(cprom_gauge_value(world.made[i]) == 5);
    cprom_gauge_add(world.made[i], 1);
}

static void call_staged_size(int i) { AMID(cprom_gauge_vec_size(world.vec[i]) == 3); }

static void call_staged_delete(int i)
{
    AMID(cprom_gauge_vec_delete(world.vec[i], covered) == CPROM_OK);
    AMID(cprom_gauge_vec_delete(world.vec[i], staged) == CPROM_OK);
}

static void test_settle_what_a_commit_stages_is_there_for_each_call(void **state)
{
    static const struct {
        void (*call)(int i);
        double covered, staged; /* values afterwards; 0: it is gone */
        double added;           /* to what is covered, where the call came behind the commit's own value */
    } cases[] = {{call_staged_get, 10, 5, 0},
                 {call_staged_update, 10, 6, 1100},
                 {call_staged_with, 10, 6, 0},
                 {call_staged_size, 10, 5, 0},
                 {call_staged_delete, 0, 0, 0}};
    for (size_t n = 0; n < 8 * COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        world_make(r, n % 2 ? "p" : NULL);
        world.slotless = n / 2 % 2;
        world.call = cases[n / 8].call;
        cprom_update *update = up_new(r);
        for (int i = 0; i < VECS; i++) {
            assert_ok(OWNER(world.vec[i], "a"));
            assert_ok(cprom_update_gauge_vec_set(update, world.vec[i], staged, 5));
            assert_ok(cprom_update_gauge_vec_add(update, world.vec[i], covered, 10));
        }
        amid_at(n / 4 % 2 ? CPROM__SEAM_COMMIT_HALF : CPROM__SEAM_CHANGE_HALF, 1, call_amid);
        up_commit(update, VECS, VECS, 0, 0);
        amid_done();
        for (int i = 0; i < VECS; i++) {
            double value = 0;
            cprom_gauge_vec_get(world.vec[i], covered, &value);
            assert_true(value == cases[n / 8].covered || value == cases[n / 8].covered + cases[n / 8].added);
            value = 0;
            cprom_gauge_vec_get(world.vec[i], staged, &value);
            assert_true(value == cases[n / 8].staged);
        }
        assert_int_equal(up_stats(r).dropped_detached, 0);
        world_give_back();
        ct_fixture_free(fixture);
    }
}

/* ---- what others are folded into: whether it stays is known when the commit is done ---- */

static struct {
    cprom_counter_vec *vec;
    cprom_counter *held;
    bool used;
} folding;

static const cprom_strs other = {(const char *const[]){"other", "other"}, 2};

static void fold_get(void)
{
    double value = 0;
    AMID(cprom_counter_vec_get(folding.vec, other, &value) == (folding.used ? CPROM_OK : CPROM_ENOENT));
    AMID(value == (folding.used ? 3 : 0));
}

static void fold_handle(void) { cprom_counter_add(folding.held, 10); }
static void fold_labels(void) { AMID(cprom_counter_vec_add(folding.vec, other, 10) == CPROM_OK); }

static void fold_delete(void)
{
    AMID(cprom_counter_vec_delete(folding.vec, other) == (folding.used ? CPROM_OK : CPROM_ENOENT));
}

static void test_settle_other_is_what_the_commit_leaves_of_it(void **state)
{
    static const struct {
        void (*call)(void);
        double unused, used; /* values afterwards; 0: it is gone */
    } cases[] = {{fold_get, 0, 3}, {fold_handle, 0, 13}, {fold_labels, 10, 13}, {fold_delete, 0, 0}};
    for (size_t n = 0; n < 4 * COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 2, .overflow = CPROM_FOLD), &folding.vec));
        for (int i = 0; i < 3; i++)
            assert_ok(cprom_counter_vec_inc(folding.vec, CPROM_STRS("a", i == 0 ? "1" : i == 1 ? "2" : "3")));
        folding.held = cprom_counter_vec_with(folding.vec, other);
        folding.used = n % 2;
        void (*call)(void) = cases[n / 4].call;
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_replace(update, folding.vec, CPROM_NO_LABELS));
        assert_ok(cprom_update_counter_vec_add(update, folding.vec, CPROM_STRS("a", "4"), 1));
        for (int i = 0; folding.used && i < 3; i++)
            assert_ok(cprom_update_counter_vec_add(update, folding.vec,
                                                   CPROM_STRS("b", i == 0   ? "4"
                                                                   : i == 1 ? "5"
                                                                            : "6"),
                                                   1));
        amid_at(CPROM__SEAM_COMMIT_HALF, 1, call);
        up_commit(update, folding.used ? 2 : 1, folding.used, folding.used ? 2 : 3, 0);
        amid_done();
        double value = 0;
        cprom_counter_vec_get(folding.vec, other, &value);
        assert_true(value == (folding.used ? cases[n / 4].used : cases[n / 4].unused));
        assert_int_equal(up_stats(r).dropped_detached, call == fold_handle && !folding.used);
        cprom_counter_unref(folding.held);
        ct_fixture_free(fixture);
    }
}

/* ---- a moment that comes while a series is being made, under the lock ---- */

static struct {
    cprom_gauge_vec *vec;
    cprom_registry *registry;
    cprom_mark mark;
    pthread_t thread;
    size_t removed;
} late;

static void mark_amid(void) { late.mark = cprom_registry_mark(late.registry); }

static void test_settle_series_made_while_a_mark_comes_is_not_swept(void **state)
{
    TESTS_BEGIN;
    late.registry = r;
    late.vec = up_gauges(r, "g", NULL);
    amid_at(CPROM__SEAM_CREATE_ALIVE, 1, mark_amid);
    assert_ok(cprom_gauge_vec_set(late.vec, covered, 1));
    amid_done();
    size_t removed;
    assert_ok(cprom_gauge_vec_sweep(late.vec, CPROM_LABELS({"p", "a"}), late.mark, &removed));
    assert_int_equal(removed, 0);
    assert_int_equal(cprom_gauge_vec_size(late.vec), 1);
}

static void *remove_beside(void *arg)
{
    (void)arg;
    cprom_gauge_vec_delete_matching(late.vec, CPROM_LABELS({"p", "a"}), &late.removed);
    return NULL;
}

/* The removal waits for the lock; its moment does not. */
static void moment_beside(void)
{
    const struct cprom_vec *vec = (const struct cprom_vec *)(const void *)late.vec;
    uint64_t before = cprom__epoch_now(vec);
    AMID(pthread_create(&late.thread, NULL, remove_beside, NULL) == 0);
    while (cprom__epoch_now(vec) == before) sched_yield();
}

static void test_settle_series_made_while_a_removal_comes_goes_with_it(void **state)
{
    TESTS_BEGIN;
    late.vec = up_gauges(r, "g", NULL);
    amid_at(CPROM__SEAM_CREATE_ALIVE, 1, moment_beside);
    assert_ok(cprom_gauge_vec_set(late.vec, covered, 1));
    pthread_join(late.thread, NULL);
    amid_done();
    assert_int_equal(late.removed, 1);
    assert_int_equal(cprom_gauge_vec_size(late.vec), 0);
    cprom_stats stats = up_stats(r);
    assert_int_equal(stats.series_created, 1);
    assert_int_equal(stats.series_removed, 1);
    up_assert_lines(r, "");
}

int group_settle(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settle_what_a_change_covers_is_gone_for_each_call),
        cmocka_unit_test(test_settle_what_a_change_covers_is_gone_for_threads_without_slots),
        cmocka_unit_test(test_settle_what_was_touched_after_the_mark_stays_for_each_call),
        cmocka_unit_test(test_settle_what_a_commit_stages_is_there_for_each_call),
        cmocka_unit_test(test_settle_other_is_what_the_commit_leaves_of_it),
        TEST(test_settle_series_made_while_a_mark_comes_is_not_swept),
        TEST(test_settle_series_made_while_a_removal_comes_goes_with_it),
    };
    return cmocka_run_group_tests_name("settle", tests, NULL, NULL);
}
