/*
 * Room before removal, from within a commit whose moment has come and whose walk has not: the room that it makes is its
 * own first, and then everybody's. And memory: who needs a new series is told that there is none, and nobody else.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    cprom_gauge_vec *wide; /* without a limit */
    cprom_gauge *held;
    ct_alloc *alloc;
    const char *z; /* what is to be made */
    cprom_status status;
} room;

/* A vector that holds two: a, which is held, and b. */
static void room_make(ct_fixture *fixture)
{
    cprom_registry *r = fixture->registry;
    memset(&room, 0, sizeof room);
    room.registry = fixture->registry;
    room.alloc = &fixture->alloc;
    room.z = "z";
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p", "s"}, .max_series = 2), &room.vec));
    room.held = cprom_gauge_vec_with(room.vec, CPROM_STRS("a", "0"));
    cprom_gauge_set(room.held, 1);
    assert_ok(cprom_gauge_vec_set(room.vec, CPROM_STRS("b", "0"), 1));
}

/* ---- room ---- */

static void update_new(void) { room.status = cprom_gauge_vec_set(room.vec, CPROM_STRS(room.z, "0"), 9); }

static void with_new(void)
{
    cprom_gauge *gauge = cprom_gauge_vec_with(room.vec, CPROM_STRS(room.z, "0"));
    room.status = gauge ? CPROM_OK : CPROM_ELIMIT;
    cprom_gauge_set(gauge, 9);
    cprom_gauge_unref(gauge);
}

/* An update by the handle of what goes kills it before the walk does; its room is not for others yet. */
static void handle_then_new(void)
{
    cprom_gauge_set(room.held, 3);
    cprom_stats stats = up_stats(room.registry); /* what a commit removes is counted at once */
    AMID(stats.dropped_detached == 1 && stats.series_removed == 0);
    update_new();
}

static void delete_then_new(void)
{
    AMID(cprom_gauge_vec_delete(room.vec, CPROM_STRS("a", "0")) == CPROM_ENOENT);
    update_new();
}

static void (*const creators[])(void) = {update_new, with_new, handle_then_new, delete_then_new};

static void test_room_of_what_goes_is_for_the_rows_of_the_commit(void **state)
{
    for (size_t n = 0; n < 2 * COUNT(creators); n++) {
        ct_fixture *fixture = ct_fixture_new();
        room_make(fixture);
        cprom_update *update = up_new(fixture->registry);
        assert_ok(ALL(room.vec));
        assert_ok(SET(room.vec, 5, "c", "0"));
        if (n % 2) assert_ok(SET(room.vec, 6, "d", "0"));
        amid_at(CPROM__SEAM_COMMIT_HALF, 1, creators[n / 2]);
        up_commit(update, 1 + n % 2, 0, 2, 0);
        amid_done();
        assert_status(room.status, n % 2 ? CPROM_ELIMIT : CPROM_OK);
        up_assert_lines(fixture->registry, n % 2 ? "g{p=\"c\",s=\"0\"} 5\ng{p=\"d\",s=\"0\"} 6\n"
                                                 : "g{p=\"c\",s=\"0\"} 5\ng{p=\"z\",s=\"0\"} 9\n");
        cprom_gauge_unref(room.held);
        ct_fixture_free(fixture);
    }
}

/* ---- memory ---- */

/* Values so long that each series takes memory of its own. */
static char long_a[2000], long_z[2000];

static void room_make_long(ct_fixture *fixture)
{
    memset(long_a, 'a', sizeof long_a - 1);
    memset(long_z, 'z', sizeof long_z - 1);
    room_make(fixture);
    assert_ok(cprom_gauge_vec_delete(room.vec, CPROM_STRS("b", "0")));
    assert_ok(cprom_gauge_vec_set(room.vec, CPROM_STRS(long_a, "0"), 1));
    room.wide = up_gauges(room.registry, "wide", NULL);
    assert_ok(cprom_gauge_vec_set(room.wide, CPROM_STRS(long_a, "0"), 1));
    room.z = long_z;
}

static void live_ones(void)
{
    AMID(cprom_gauge_vec_set(room.vec, CPROM_STRS("a", "0"), 3) == CPROM_OK);
    AMID(cprom_gauge_vec_add(room.vec, CPROM_STRS(long_a, "0"), 3) == CPROM_OK);
    AMID(cprom_gauge_vec_add(room.wide, CPROM_STRS(long_a, "0"), 3) == CPROM_OK);
    cprom_gauge *gauge = cprom_gauge_vec_with(room.vec, CPROM_STRS(long_a, "0"));
    AMID(gauge);
    cprom_gauge_unref(gauge);
}

/* They do not even ask for any. */
static void live_ones_without_memory(void)
{
    ct_alloc_fail_at(room.alloc, 1, true);
    live_ones();
    amid_without_slot(live_ones);
    /* That it is full is found without memory. */
    update_new();
    AMID(room.status == CPROM_ELIMIT);
    AMID(atomic_load(&room.alloc->calls) == 0);
    ct_alloc_fail_at(room.alloc, 0, false);
}

static void test_memory_there_is_none_who_needs_none_goes_on(void **state)
{
    TESTS_BEGIN;
    room_make_long(fixture);
    /* While a commit is at work on the vector, too: it updates one, and does not touch the other. */
    cprom_update *update = up_new(r);
    assert_ok(SET(room.vec, 7, "a", "0"));
    amid_at(CPROM__SEAM_COMMIT_HALF, 1, live_ones_without_memory);
    up_commit(update, 0, 1, 0, 0);
    amid_done();
    live_ones_without_memory();
    amid_done(); /* nothing was wrong this time, either */
    double value;
    assert_ok(cprom_gauge_vec_get(room.vec, CPROM_STRS(long_a, "0"), &value));
    assert_true(value == 1 + 4 * 3);
    cprom_gauge_unref(room.held);
}

static void another_makes_it(void)
{
    ct_alloc_fail_at(room.alloc, 0, false);
    update_new();
    AMID(room.status == CPROM_OK);
}

static void test_memory_there_is_none_and_another_makes_the_series(void **state)
{
    TESTS_BEGIN;
    room_make_long(fixture);
    assert_ok(cprom_gauge_vec_delete(room.vec, CPROM_STRS(long_a, "0")));
    amid_at(CPROM__SEAM_CREATE_READY, 1, another_makes_it);
    ct_alloc_fail_at(room.alloc, 1, true);
    assert_ok(cprom_gauge_vec_add(room.vec, CPROM_STRS(room.z, "0"), 1));
    amid_done();
    double value;
    assert_ok(cprom_gauge_vec_get(room.vec, CPROM_STRS(room.z, "0"), &value));
    assert_true(value == 10);
    assert_int_equal(up_stats(r).dropped_nomem, 0);
    cprom_gauge_unref(room.held);
}

static void new_without_memory(void)
{
    ct_alloc_fail_at(room.alloc, 1, true);
    update_new();
    AMID(room.status == CPROM_ENOMEM);
    amid_without_slot(update_new);
    AMID(room.status == CPROM_ENOMEM);
    ct_alloc_fail_at(room.alloc, 0, false);
}

/* The vector seems full; once the commit is done with it, there is room, and no memory. */
static void test_memory_there_is_none_who_needs_some_is_told(void **state)
{
    TESTS_BEGIN;
    room_make_long(fixture);
    cprom_update *update = up_new(r);
    assert_ok(ALL(room.vec));
    amid_at(CPROM__SEAM_COMMIT_HALF, 1, new_without_memory);
    up_commit(update, 0, 0, 2, 0);
    amid_done();
    assert_int_equal(cprom_gauge_vec_size(room.vec), 0);
    update_new();
    assert_ok(room.status);
    cprom_gauge_unref(room.held);
}

int group_room(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_room_of_what_goes_is_for_the_rows_of_the_commit),
        TEST(test_memory_there_is_none_who_needs_none_goes_on),
        TEST(test_memory_there_is_none_and_another_makes_the_series),
        TEST(test_memory_there_is_none_who_needs_some_is_told),
    };
    return cmocka_run_group_tests_name("room", tests, NULL, NULL);
}
