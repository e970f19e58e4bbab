/* Upkeep, and what comes in between: an update of what is about to expire, and a change that is at work on the vector. */
#include <sched.h>
#include <semaphore.h>

#include "store/upkeep.h"
#include "support/amid.h"
#include "support/updates.h"

static struct {
    ct_fixture *fixture;
    cprom_counter_vec *vec;
    struct cprom_series *series;
    pthread_t thread;
    bool with;
    cprom_counter *handle;
} keep;

static struct cprom_vec *vec_of(cprom_counter_vec *vec) { return (struct cprom_vec *)(void *)vec; }

/* A vector with a ttl of 10 s. */
static void keep_make(ct_fixture *fixture)
{
    memset(&keep, 0, sizeof keep);
    keep.fixture = fixture;
    assert_ok(
        cprom_counter_vec_new(fixture->registry, FAMILY("c_total", .labels = {"l"}, .ttl_seconds = 10), &keep.vec));
}

static void later(int seconds) { ct_clock_advance(&keep.fixture->clock, seconds * SECOND); }

/* ---- a series that is dying, and touched ---- */

static void *use_beside(void *arg)
{
    if (keep.with) keep.handle = cprom_counter_vec_with(keep.vec, CPROM_STRS("a"));
    else cprom_counter_vec_inc(keep.vec, CPROM_STRS("a"));
    return arg;
}

/* Until it has stamped the time; then it waits for the map's lock. */
static void use_amid(void)
{
    struct cprom__extra *extra = cprom__series_extra(keep.series);
    int64_t before = atomic_load(&extra->touched);
    AMID(pthread_create(&keep.thread, NULL, use_beside, NULL) == 0);
    while (atomic_load(&extra->touched) == before) sched_yield();
}

static void test_upkeep_of_a_series_that_is_used_meanwhile_leaves_it(void **state)
{
    for (int with = 0; with < 2; with++) {
        ct_fixture *fixture = ct_fixture_new();
        keep_make(fixture);
        keep.with = with;
        assert_ok(cprom_counter_vec_inc(keep.vec, CPROM_STRS("a")));
        cprom_counter *counter = cprom_counter_vec_with(keep.vec, CPROM_STRS("a"));
        keep.series = (struct cprom_series *)(void *)counter;
        cprom_counter_unref(counter);
        later(11);
        amid_at(CPROM__SEAM_EXPIRE_DYING, 1, use_amid);
        cprom_registry_trim(fixture->registry);
        pthread_join(keep.thread, NULL);
        amid_done();
        double value;
        assert_ok(cprom_counter_vec_get(keep.vec, CPROM_STRS("a"), &value));
        assert_true(value == 2 - with);
        cprom_counter_inc(keep.handle);
        assert_ok(cprom_counter_vec_inc(keep.vec, CPROM_STRS("a")));
        cprom_stats stats = up_stats(fixture->registry);
        assert_int_equal(stats.series_created, 1);
        assert_int_equal(stats.series_removed, 0);
        assert_int_equal(stats.dropped_detached, 0);
        ct_assert_sample(fixture->registry, "c_total{l=\"a\"}", 3);
        /* What was taken back may come true another time. */
        cprom_counter_unref(keep.handle);
        later(11);
        cprom_registry_trim(fixture->registry);
        assert_int_equal(cprom_counter_vec_size(keep.vec), 0);
        ct_fixture_free(fixture);
    }
}

/* ---- while a change is at work on the vector, what is in it is the change's ---- */

enum {
    MANY = 4000
};

static void upkeep_amid(void)
{
    struct cprom_vec *vec = vec_of(keep.vec);
    uint64_t at = vec->expiry_at;
    later(11);
    AMID(at != 0);
    AMID(!cprom__vec_expire_some(vec));
    AMID(vec->expiry_at == at);
    cprom__vec_expire(vec, keep.series, ct_clock_monotonic(&keep.fixture->clock));
    AMID(!cprom__series_is_dead(keep.series));
}

static void test_upkeep_waits_for_a_change_and_goes_on_from_where_it_was(void **state)
{
    TESTS_BEGIN;
    keep_make(fixture);
    char text[16];
    for (int i = 0; i < MANY; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_ok(cprom_counter_vec_inc(keep.vec, CPROM_STRS(text)));
    }
    cprom_counter *counter = cprom_counter_vec_with(keep.vec, CPROM_STRS("7"));
    keep.series = (struct cprom_series *)(void *)counter;
    cprom_counter_unref(counter);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, keep.vec, CPROM_STRS("0"), 1));
    /* To the beginning of a round, and one step. */
    while (cprom__vec_expire_some(vec_of(keep.vec))) {
    }
    assert_true(cprom__vec_expire_some(vec_of(keep.vec)));
    assert_int_equal(cprom_counter_vec_size(keep.vec), MANY);
    amid_at(CPROM__SEAM_COMMIT_HALF, 1, upkeep_amid);
    up_commit(update, 0, 1, 0, 0);
    amid_done();
    uint64_t at = vec_of(keep.vec)->expiry_at;
    assert_true(cprom__vec_expire_some(vec_of(keep.vec)));
    assert_true(vec_of(keep.vec)->expiry_at != at);
    assert_in_range(cprom_counter_vec_size(keep.vec), 1, MANY - 1);
    cprom_registry_trim(r);
    assert_int_equal(cprom_counter_vec_size(keep.vec), 0);
}

/* ---- who needs room does not wait for it ---- */

static sem_t stopped, go_on;
static const char *goes; /* what the removal beside is asked to remove */
static size_t gone;

/* A vector that is full, of what is over soon. */
static void full_make(ct_fixture *fixture)
{
    memset(&keep, 0, sizeof keep);
    keep.fixture = fixture;
    assert_ok(cprom_counter_vec_new(
        fixture->registry, FAMILY("c_total", .labels = {"l"}, .ttl_seconds = 10, .max_series = 1), &keep.vec));
    assert_ok(cprom_counter_vec_inc(keep.vec, CPROM_STRS("a")));
    sem_init(&stopped, 0, 0);
    sem_init(&go_on, 0, 0);
}

static void assert_only_b(void)
{
    assert_int_equal(cprom_counter_vec_size(keep.vec), 1);
    assert_status(cprom_counter_vec_get(keep.vec, CPROM_STRS("a"), NULL), CPROM_ENOENT);
    assert_ok(cprom_counter_vec_get(keep.vec, CPROM_STRS("b"), NULL));
    assert_int_equal(up_stats(keep.fixture->registry).dropped_limit, 0);
    sem_destroy(&stopped);
    sem_destroy(&go_on);
}

static void stop_here(void)
{
    sem_post(&stopped);
    sem_wait(&go_on);
}

static void *remove_beside(void *arg)
{
    amid_at(CPROM__SEAM_CHANGE_BEGINS, 1, stop_here);
    AMID(cprom_counter_vec_delete_matching(keep.vec, CPROM_LABELS({"l", goes}), &gone) == CPROM_OK);
    return arg;
}

/* A removal whose moment is over, and which nobody finishes but who needs that. */
static void removal_begins(void)
{
    AMID(pthread_create(&keep.thread, NULL, remove_beside, NULL) == 0);
    sem_wait(&stopped);
}

static void removal_ends(void)
{
    sem_post(&go_on);
    pthread_join(keep.thread, NULL);
}

/* What the removal covers is its, though it is over. */
static void test_upkeep_for_room_finishes_the_removal_that_is_at_work(void **state)
{
    for (int covers = 0; covers < 2; covers++) {
        ct_fixture *fixture = ct_fixture_new();
        full_make(fixture);
        later(11);
        goes = covers ? "a" : "none";
        amid_at(CPROM__SEAM_CREATE_DONE, 1, removal_begins); /* it was full, and is about to be searched */
        cprom_status status = cprom_counter_vec_inc(keep.vec, CPROM_STRS("b"));
        removal_ends();
        assert_ok(status);
        amid_done();
        assert_int_equal(gone, covers);
        assert_only_b();
        ct_fixture_free(fixture);
    }
}

static void test_upkeep_for_room_of_a_commit_finishes_the_removal_that_is_at_work(void **state)
{
    TESTS_BEGIN;
    full_make(fixture);
    later(11);
    goes = "none";
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, keep.vec, CPROM_STRS("b"), 1));
    removal_begins();
    amid_at(CPROM__SEAM_COMMIT_READY, 1, removal_ends);
    up_commit(update, 1, 0, 0, 0);
    amid_done();
    assert_only_b();
}

static void inc_b_later(void)
{
    later(11);
    AMID(cprom_counter_vec_inc(keep.vec, CPROM_STRS("b")) == CPROM_OK);
}

static void test_upkeep_for_room_does_not_wait_for_the_moment_of_a_commit(void **state)
{
    TESTS_BEGIN;
    full_make(fixture);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_vec_replace(update, (cprom_vec *)keep.vec, CPROM_LABELS({"l", "none"})));
    amid_at(CPROM__SEAM_COMMIT_SEALED, 1, inc_b_later);
    up_commit(update, 0, 0, 0, 0);
    amid_done();
    assert_only_b();
}

/* What the commit stages is in use, however long ago it was used. */
static void inc_c_later(void)
{
    later(11);
    AMID(cprom_counter_vec_inc(keep.vec, CPROM_STRS("c")) == CPROM_ELIMIT);
}

static void test_upkeep_for_room_leaves_what_a_commit_stages(void **state)
{
    TESTS_BEGIN;
    full_make(fixture);
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, keep.vec, CPROM_STRS("a"), 2));
    amid_at(CPROM__SEAM_COMMIT_SEALED, 1, inc_c_later);
    up_commit(update, 0, 1, 0, 0);
    amid_done();
    double value;
    assert_ok(cprom_counter_vec_get(keep.vec, CPROM_STRS("a"), &value));
    assert_true(value == 3);
}

int group_upkeep(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_upkeep_of_a_series_that_is_used_meanwhile_leaves_it),
        TEST(test_upkeep_waits_for_a_change_and_goes_on_from_where_it_was),
        cmocka_unit_test(test_upkeep_for_room_finishes_the_removal_that_is_at_work),
        TEST(test_upkeep_for_room_of_a_commit_finishes_the_removal_that_is_at_work),
        TEST(test_upkeep_for_room_does_not_wait_for_the_moment_of_a_commit),
        TEST(test_upkeep_for_room_leaves_what_a_commit_stages),
    };
    return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}
