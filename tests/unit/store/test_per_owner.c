/*
 * At most so many series of each owner: what is refused or folded, what makes room, and that an owner with names without
 * end costs its updates and nobody else's places.
 */
#include "support/amid.h"
#include "support/updates.h"

#define BOUNDED(...) FAMILY("g", .labels = {"p", "s"}, .owner = "p", __VA_ARGS__)

static const char *const steps[] = {"1", "2", "3", "4", "5"};

/* Two of each owner. */
static cprom_counter_vec *folding(cprom_registry *r, size_t max)
{
    cprom_counter_vec *c;
    assert_ok(cprom_counter_vec_new(r,
                                    FAMILY("c_total", .labels = {"p", "s"}, .owner = "p", .max_series_per_owner = 2,
                                           .max_series = max, .overflow = CPROM_FOLD),
                                    &c));
    return c;
}

static cprom_status set(cprom_gauge_vec *g, const char *p, const char *s)
{
    return cprom_gauge_vec_set(g, CPROM_STRS(p, s), 1);
}

static cprom_status inc(cprom_counter_vec *c, const char *p, const char *s)
{
    return cprom_counter_vec_inc(c, CPROM_STRS(p, s));
}

/* ---- options ---- */

static void test_per_owner_wants_an_owner_and_a_vector(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g;
    cprom_gauge *gauge;
    cprom_counter_vec *c;
    assert_status(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p"}, .max_series_per_owner = 1), &g), CPROM_EINVAL);
    assert_true(ct_log_has(&fixture->log, "g", "max_series_per_owner", "owner"));
    assert_status(cprom_gauge_new(r, FAMILY("g", .max_series_per_owner = 1), &gauge), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 1, .overflow = CPROM_FOLD), &g), CPROM_EINVAL);
    assert_status(
        cprom_counter_vec_new(r, FAMILY("c_total", .labels = {"p"}, .owner = "p", .overflow = CPROM_FOLD), &c),
        CPROM_EINVAL);
}

/* ---- refused ---- */

static void test_per_owner_refuses_what_is_one_too_many_of_one_owner(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g;
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 2), &g));
    const char *const owners[] = {"a", "", "o\"\\\n", "o\"\\", "other"};
    for (int i = 0; i < (int)COUNT(owners); i++) {
        assert_ok(set(g, owners[i], "1"));
        assert_ok(set(g, owners[i], "other"));
        assert_status(set(g, owners[i], "3"), CPROM_ELIMIT);
        assert_null(cprom_gauge_vec_with(g, CPROM_STRS(owners[i], "4")));
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(owners[i], "1"), 7)); /* what is there goes on */
    }
    assert_int_equal(cprom_gauge_vec_size(g), 2 * COUNT(owners));
    assert_int_equal(up_stats(r).dropped_limit, 2 * COUNT(owners));
    assert_int_equal(ct_log_count_with(&fixture->log, "limit", NULL), 1);
}

static void test_per_owner_without_end_is_none(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g;
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = SIZE_MAX), &g));
    for (int i = 0; i < (int)COUNT(steps); i++) assert_ok(set(g, "a", steps[i]));
}

/* ---- what makes room ---- */

static cprom_gauge_vec *vec;
static ct_fixture *of;

static void by_delete(void)
{
    AMID(cprom_gauge_vec_delete(vec, CPROM_STRS("a", "1")) == CPROM_OK);
    AMID(cprom_gauge_vec_delete(vec, CPROM_STRS("a", "2")) == CPROM_OK);
}
static void by_owner(void) { AMID(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"p", "a"}), NULL) == CPROM_OK); }
static void by_step(void)
{
    AMID(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"s", "1"}), NULL) == CPROM_OK);
    AMID(cprom_gauge_vec_delete_matching(vec, CPROM_LABELS({"s", "2"}), NULL) == CPROM_OK);
}
static void by_registry(void)
{
    AMID(cprom_registry_delete_matching(of->registry, CPROM_LABELS({"p", "a"}), NULL) == CPROM_OK);
}
static void by_clear(void) { AMID(cprom_gauge_vec_clear(vec) == CPROM_OK); }
static void by_sweep(void)
{
    AMID(cprom_gauge_vec_sweep(vec, CPROM_LABELS({"p", "a"}), cprom_registry_mark(of->registry), NULL) == CPROM_OK);
}
static void by_replace(void)
{
    AMID(cprom_gauge_vec_replace(vec, CPROM_LABELS({"p", "a"}), NULL, 0, NULL) == CPROM_OK);
}
static void by_replace_of_all(void) { AMID(cprom_gauge_vec_replace(vec, CPROM_NO_LABELS, NULL, 0, NULL) == CPROM_OK); }
static void by_time(void) { ct_clock_advance(&of->clock, 11 * SECOND); }
static void by_time_and_scrape(void)
{
    by_time();
    ct_page page = ct_page_read(of->registry, NULL, 65536);
    ct_page_free(&page);
}

static void (*const ways[])(void) = {by_delete, by_owner,   by_step,           by_registry, by_clear,
                                     by_sweep,  by_replace, by_replace_of_all, by_time,     by_time_and_scrape};

static void test_per_owner_whatever_removes_makes_room(void **state)
{
    for (int lingers = 0; lingers < 2; lingers++) {
        for (size_t n = 0; n < COUNT(ways); n++) {
            ct_fixture *fixture = of = ct_fixture_new();
            const cprom_opts *opts =
                BOUNDED(.max_series_per_owner = 2, .ttl_seconds = 10, .linger_seconds = lingers ? 1000 : 0);
            assert_ok(cprom_gauge_vec_new(fixture->registry, opts, &vec));
            for (int round = 0; round < 3; round++) {
                ct_clock_advance(&fixture->clock, SECOND);
                assert_ok(set(vec, "b", "1"));
                assert_ok(set(vec, "a", "1"));
                assert_ok(set(vec, "a", "2"));
                assert_status(set(vec, "a", "3"), CPROM_ELIMIT);
                ways[n]();
                amid_done();
                assert_ok(set(vec, "a", "3"));
                assert_ok(set(vec, "a", "4"));
                assert_status(set(vec, "a", "5"), CPROM_ELIMIT);
                assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("a", "3")));
                assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("a", "4")));
                assert_status(cprom_gauge_vec_delete(vec, CPROM_STRS("a", "4")), CPROM_ENOENT);
            }
            ct_fixture_free(fixture);
        }
    }
}

static void test_per_owner_a_family_that_comes_again_has_room(void **state)
{
    TESTS_BEGIN;
    for (int round = 0; round < 3; round++) {
        cprom_gauge_vec *g;
        assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 1), &g));
        cprom_gauge *held = cprom_gauge_vec_with(g, CPROM_STRS("a", "1"));
        assert_status(set(g, "a", "2"), CPROM_ELIMIT);
        assert_ok(cprom_registry_unregister(r, "g"));
        cprom_gauge_unref(held);
    }
}

/* Only what is over of that owner, in a vector so large that a search through all of it would seldom come to it. */

enum {
    FULL = 12,
    OTHERS = 5000
};

static cprom_status set_of_full(int owner, const char *s)
{
    char p[16];
    snprintf(p, sizeof p, "full\n%d", owner);
    return set(vec, p, s);
}

/* Others, which are made before anything is over: creations would look for that. */
static void use_others(void)
{
    char s[16];
    for (int i = 0; i < OTHERS; i++) {
        snprintf(s, sizeof s, "%d", i);
        AMID(set(vec, s, s) == CPROM_OK);
    }
}

static void fill(cprom_registry *r)
{
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 2, .ttl_seconds = 10), &vec));
    use_others();
    for (int i = 0; i < FULL; i++) {
        assert_ok(set_of_full(i, "idle"));
        assert_ok(set_of_full(i, "busy"));
        assert_status(set_of_full(i, "new"), CPROM_ELIMIT);
    }
}

static void time_goes_by(void)
{
    ct_clock_advance(&of->clock, 6 * SECOND);
    for (int i = 0; i < FULL; i++) AMID(set_of_full(i, "busy") == CPROM_OK);
    use_others();
    ct_clock_advance(&of->clock, 5 * SECOND);
}

static cprom_update *with_rows_of_full(cprom_registry *r, int step)
{
    char p[16];
    cprom_update *update = up_new(r);
    for (int i = 0; i < FULL; i += step) {
        snprintf(p, sizeof p, "full\n%d", i);
        assert_ok(SET(vec, 1, p, "new"));
    }
    return update;
}

static void test_per_owner_what_is_over_of_the_owner_makes_room(void **state)
{
    TESTS_BEGIN;
    of = fixture;
    fill(r);
    time_goes_by();
    for (int i = 1; i < FULL; i += 2) assert_ok(set_of_full(i, "new"));
    up_commit(with_rows_of_full(r, 2), FULL / 2, 0, 0, 0);
    for (int i = 0; i < FULL; i++) assert_status(set_of_full(i, "one more"), CPROM_ELIMIT);
    assert_int_equal(cprom_gauge_vec_size(vec), 2 * FULL + OTHERS);
    amid_done();
}

/* The same while a commit has reserved the series. */
static void time_goes_by_and_new(void)
{
    time_goes_by();
    for (int i = 0; i < FULL; i++) AMID(set_of_full(i, "new") == CPROM_OK);
}

static void test_per_owner_what_is_over_makes_room_for_a_reserved_series(void **state)
{
    TESTS_BEGIN;
    of = fixture;
    fill(r);
    amid_at(CPROM__SEAM_COMMIT_READY, 1, time_goes_by_and_new);
    up_commit(with_rows_of_full(r, 1), 0, FULL, 0, 0);
    amid_done();
}

/* The search looks at what came last, and at no more than some of it; then at some of the vector. */
static void test_per_owner_what_is_over_of_a_large_owner_makes_room(void **state)
{
    TESTS_BEGIN;
    enum {
        MANY = 4000
    };
    char s[16];
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = MANY, .ttl_seconds = 10), &vec));
    for (int i = 0; i < MANY; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(set(vec, "a", s));
        if (i == MANY / 2) ct_clock_advance(&fixture->clock, 6 * SECOND);
    }
    assert_status(set(vec, "a", "new"), CPROM_ELIMIT);
    ct_clock_advance(&fixture->clock, 5 * SECOND);
    assert_ok(set(vec, "a", "new"));
}

/* ---- while a change is at work ---- */

static cprom_status status_amid[2];

static void two_new(void)
{
    status_amid[0] = set(vec, "a", "8");
    status_amid[1] = set(vec, "a", "9");
}

static void test_per_owner_who_meets_a_removal_has_the_room_that_it_makes(void **state)
{
    static void (*const removals[])(void) = {by_owner, by_step, by_registry, by_clear, by_sweep};
    for (size_t n = 0; n < COUNT(removals); n++) {
        ct_fixture *fixture = of = ct_fixture_new();
        assert_ok(cprom_gauge_vec_new(fixture->registry, BOUNDED(.max_series_per_owner = 2), &vec));
        assert_ok(set(vec, "a", "1"));
        assert_ok(set(vec, "a", "2"));
        amid_at(CPROM__SEAM_CHANGE_BEGINS, removals[n] == by_step ? 2 : 1, two_new);
        removals[n]();
        amid_done();
        assert_ok(status_amid[0]);
        assert_ok(status_amid[1]);
        up_assert_lines(fixture->registry, "g{p=\"a\",s=\"8\"} 1\ng{p=\"a\",s=\"9\"} 1\n");
        ct_fixture_free(fixture);
    }
}

/* What a commit has reserved is there, hidden, and is no place. */
static void reserved_amid(void)
{
    status_amid[0] = set(vec, "a", "2");
    status_amid[1] = set(vec, "a", "1");
}

static void test_per_owner_a_reserved_series_has_no_place_before_it_is_born(void **state)
{
    for (int expires = 0; expires < 2; expires++) {
        ct_fixture *fixture = of = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 1, .ttl_seconds = expires ? 10 : 0), &vec));
        cprom_update *update = up_new(r);
        assert_ok(SET(vec, 5, "a", "1"));
        assert_ok(SET(vec, 5, "a", "2"));
        amid_at(CPROM__SEAM_COMMIT_READY, 1, reserved_amid);
        up_commit(update, 0, 1, 0, 1);
        amid_done();
        assert_ok(status_amid[0]);
        assert_status(status_amid[1], CPROM_ELIMIT);
        up_assert_lines(r, "g{p=\"a\",s=\"2\"} 5\n");
        ct_fixture_free(fixture);
    }
}

/* ---- folded ---- */

static void test_per_owner_folds_into_the_owners_other(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 0);
    for (int i = 0; i < 5; i++) assert_ok(inc(c, "a\"", steps[i]));
    assert_ok(inc(c, "b", "1"));
    assert_ok(inc(c, "b", "other")); /* by its own name, before anything is folded: it has no place */
    assert_ok(inc(c, "b", "2"));
    assert_ok(inc(c, "b", "3"));
    cprom_counter *held = cprom_counter_vec_with(c, CPROM_STRS("b", "4"));
    cprom_counter_inc(held);
    cprom_counter_unref(held);
    up_assert_lines(
        r, "c_total{p=\"a\\\"\",s=\"1\"} 1\nc_total{p=\"a\\\"\",s=\"2\"} 1\nc_total{p=\"a\\\"\",s=\"other\"} 3\n"
           "c_total{p=\"b\",s=\"1\"} 1\nc_total{p=\"b\",s=\"2\"} 1\nc_total{p=\"b\",s=\"other\"} 3\n");
    assert_int_equal(up_stats(r).updates_folded, 5);
    assert_int_equal(up_stats(r).dropped_limit, 0);
    /* A match by owner finds it; its place is not one of the two. */
    size_t removed;
    assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("b", "other")));
    assert_ok(inc(c, "b", "3"));
    assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("b", "1")));
    assert_ok(inc(c, "b", "3"));
    assert_ok(inc(c, "b", "4"));
    up_assert_lines(
        r, "c_total{p=\"a\\\"\",s=\"1\"} 1\nc_total{p=\"a\\\"\",s=\"2\"} 1\nc_total{p=\"a\\\"\",s=\"other\"} 3\n"
           "c_total{p=\"b\",s=\"2\"} 1\nc_total{p=\"b\",s=\"3\"} 1\nc_total{p=\"b\",s=\"other\"} 2\n");
    assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"p", "b"}), &removed));
    assert_int_equal(removed, 3);
    for (int i = 0; i < 2; i++) assert_ok(inc(c, "b", steps[i]));
    assert_int_equal(cprom_counter_vec_size(c), 5);
}

static void test_per_owner_within_a_cap_folds_into_what_there_is_a_place_for(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = folding(r, 4);
    for (int i = 0; i < 3; i++) assert_ok(inc(c, "a", steps[i])); /* with the owner's other it has 3 places */
    for (int i = 0; i < 3; i++) assert_ok(inc(c, "b", steps[i])); /* 1, and then there is none for its other */
    assert_ok(inc(c, "c", "1"));
    assert_ok(inc(c, "c", "other"));
    assert_ok(inc(c, "a", "4"));
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\nc_total{p=\"a\",s=\"other\"} 2\n"
                       "c_total{p=\"b\",s=\"1\"} 1\nc_total{p=\"other\",s=\"other\"} 4\n");
    assert_int_equal(cprom_counter_vec_size(c), 5);
    assert_int_equal(up_stats(r).updates_folded, 6);
    /* An owner who is called so has no other one. */
    assert_ok(cprom_counter_vec_delete_matching(c, CPROM_LABELS({"p", "a"}), NULL));
    for (int i = 0; i < 4; i++) assert_ok(inc(c, "other", steps[i]));
    up_assert_lines(r, "c_total{p=\"b\",s=\"1\"} 1\nc_total{p=\"other\",s=\"1\"} 1\nc_total{p=\"other\",s=\"2\"} 1\n"
                       "c_total{p=\"other\",s=\"other\"} 6\n");
}

/* ---- names without end ---- */

static unsigned made, probes;

static void count(enum cprom__seam point)
{
    made += point == CPROM__SEAM_CREATE_READY;
    probes += point == CPROM__SEAM_LOOKUP_PROBES;
}

static void test_per_owner_a_hostile_job_does_not_starve_the_others(void **state)
{
    enum {
        NAMES = 20000,
        BOUND = 50,
        JOBS = 19,
        EACH_AT_MOST = 30
    };
    for (int folds = 0; folds < 2; folds++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = fixture->registry;
        char s[16], p[16];
        cprom_counter_vec *c;
        assert_ok(cprom_counter_vec_new(r,
                                        FAMILY("c_total", .labels = {"p", "s"}, .owner = "p",
                                               .max_series_per_owner = BOUND, .max_series = (JOBS + 1) * (BOUND + 1),
                                               .overflow = folds ? CPROM_FOLD : CPROM_REFUSE),
                                        &c));
        for (int i = 0; i <= BOUND; i++) {
            snprintf(s, sizeof s, "%d", i);
            assert_status(inc(c, "hostile", s), folds || i < BOUND ? CPROM_OK : CPROM_ELIMIT);
        }
        uint64_t bytes = up_stats(r).bytes;
        size_t calls = atomic_load(&fixture->alloc.calls);
        made = probes = 0;
        cprom__seam_hook = count;
        for (int i = BOUND; i < NAMES; i++) {
            snprintf(s, sizeof s, "%d", i);
            cprom_status status = inc(c, "hostile", s);
            if (status != (folds ? CPROM_OK : CPROM_ELIMIT)) break;
            if (i == NAMES - 1) made += 1000000; /* it came to the end */
        }
        cprom__seam_hook = NULL;
        /* No series is made for it, and no memory taken: a look-up or two without the lock and under it. */
        assert_in_range(made, 1000000, 1000000 + (folds ? 2 * NAMES : NAMES));
        assert_true(probes <= (unsigned)EACH_AT_MOST * NAMES);
        assert_true(up_stats(r).bytes <= bytes);
        assert_int_equal(atomic_load(&fixture->alloc.calls), calls);
        assert_int_equal(folds ? up_stats(r).updates_folded : up_stats(r).dropped_limit, NAMES - BOUND + 1);
        for (int i = 0; i < JOBS * BOUND; i++) {
            snprintf(p, sizeof p, "job %d", i % JOBS);
            snprintf(s, sizeof s, "%d", i / JOBS);
            assert_ok(inc(c, p, s));
        }
        assert_int_equal(cprom_counter_vec_size(c), (JOBS + 1) * BOUND + folds);
        assert_int_equal(folds ? up_stats(r).updates_folded : up_stats(r).dropped_limit, NAMES - BOUND + 1);
        ct_fixture_free(fixture);
    }
}

/* ---- memory ---- */

static void test_per_owner_that_it_is_full_is_found_without_memory(void **state)
{
    TESTS_BEGIN;
    static char owner[3000], step[3000]; /* so long that each series takes memory of its own */
    memset(owner, '\n', sizeof owner - 1);
    memset(step, 's', sizeof step - 1);
    cprom_gauge_vec *g;
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 1, .ttl_seconds = 10), &g));
    assert_ok(set(g, owner, "1"));
    ct_alloc_fail_at(&fixture->alloc, 1, true);
    assert_status(set(g, owner, step), CPROM_ELIMIT);
    assert_ok(set(g, owner, "1"));
    assert_int_equal(atomic_load(&fixture->alloc.calls), 0);
    assert_status(set(g, "b", step), CPROM_ENOMEM);
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    assert_ok(set(g, "b", step));
}

/* Whatever fails, it is as it was before, and nothing has a place that is not there. */
static void test_per_owner_without_memory_nothing_is_counted(void **state)
{
    TESTS_BEGIN;
    static char step[3000];
    memset(step, 's', sizeof step - 1);
    cprom_gauge_vec *g;
    assert_ok(cprom_gauge_vec_new(r, BOUNDED(.max_series_per_owner = 2), &g));
    char p[16];
    size_t failed = 0;
    for (int i = 0; i < 300; i++) {
        snprintf(p, sizeof p, "%d", i);
        for (size_t nth = 1;; nth++) {
            ct_alloc_fail_at(&fixture->alloc, nth, true);
            cprom_status status = set(g, p, i % 50 ? "1" : step);
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            if (status == CPROM_OK) break;
            failed++;
            assert_status(status, CPROM_ENOMEM);
        }
        assert_ok(set(g, p, "2"));
        assert_status(set(g, p, "3"), CPROM_ELIMIT);
    }
    assert_true(failed > 5);
    assert_int_equal(cprom_gauge_vec_size(g), 600);
}

int group_per_owner(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_per_owner_wants_an_owner_and_a_vector),
        TEST(test_per_owner_refuses_what_is_one_too_many_of_one_owner),
        TEST(test_per_owner_without_end_is_none),
        cmocka_unit_test(test_per_owner_whatever_removes_makes_room),
        TEST(test_per_owner_a_family_that_comes_again_has_room),
        TEST(test_per_owner_what_is_over_of_the_owner_makes_room),
        TEST(test_per_owner_what_is_over_makes_room_for_a_reserved_series),
        TEST(test_per_owner_what_is_over_of_a_large_owner_makes_room),
        cmocka_unit_test(test_per_owner_who_meets_a_removal_has_the_room_that_it_makes),
        cmocka_unit_test(test_per_owner_a_reserved_series_has_no_place_before_it_is_born),
        TEST(test_per_owner_folds_into_the_owners_other),
        TEST(test_per_owner_within_a_cap_folds_into_what_there_is_a_place_for),
        cmocka_unit_test(test_per_owner_a_hostile_job_does_not_starve_the_others),
        TEST(test_per_owner_that_it_is_full_is_found_without_memory),
        TEST(test_per_owner_without_memory_nothing_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
