/* Who waits, for the gate or a lock, does not go by the time at which the waiting began. */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    ct_fixture *fixture;
    cprom_counter_vec *vec;
    bool beside;  /* another call uses the series meanwhile */
    int64_t step; /* the clock goes on by so much with each reading */
    bool stale;   /* the next reading is told late */
} t;

static const cprom_strs a = {(const char *const[]){"a"}, 1};

static void later(int seconds) { ct_clock_advance(&t.fixture->clock, seconds * SECOND); }

static void t_make(ct_fixture *fixture)
{
    memset(&t, 0, sizeof t);
    t.fixture = fixture;
    assert_ok(cprom_counter_vec_new(
        fixture->registry, FAMILY("c_total", .labels = {"l"}, .ttl_seconds = 10, .linger_seconds = 20), &t.vec));
}

static void wait_long(void)
{
    later(95);
    if (t.beside) AMID(cprom_counter_vec_add(t.vec, a, 10) == CPROM_OK);
}

static void call_commit(void)
{
    cprom_update *update = up_new(t.fixture->registry);
    assert_ok(cprom_update_counter_vec_add(update, t.vec, a, 1));
    assert_ok(cprom_update_commit(update, NULL));
    cprom_update_free(update);
}

static void call_update(void) { assert_ok(cprom_counter_vec_inc(t.vec, a)); }

static void call_with(void)
{
    cprom_counter *counter = cprom_counter_vec_with(t.vec, a);
    cprom_counter_inc(counter);
    cprom_counter_unref(counter);
}

static void test_clock_of_a_change_that_waited_is_not_the_one_from_before(void **state)
{
    static const struct {
        enum cprom__seam waits;
        void (*call)(void);
    } cases[] = {{CPROM__SEAM_COMMIT_READY, call_commit},
                 {CPROM__SEAM_CREATE_READY, call_update},
                 {CPROM__SEAM_CREATE_READY, call_with}};
    for (size_t n = 0; n < 2 * COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        t_make(fixture);
        t.beside = n % 2;
        amid_at(cases[n / 2].waits, 1, wait_long);
        cases[n / 2].call();
        amid_done();
        later(1);
        ct_assert_sample(fixture->registry, "c_total{l=\"a\"}", t.beside ? 11 : 1);
        later(10);
        ct_assert_no_sample(fixture->registry, "c_total{l=\"a\"}");
        ct_fixture_free(fixture);
    }
}

/* ---- a page that waited for the gate ---- */

static void wait_long_enough(void) { later(11); }

static void test_clock_of_a_page_that_waited_is_not_the_one_from_before(void **state)
{
    TESTS_BEGIN;
    t_make(fixture);
    assert_ok(cprom_counter_vec_inc(t.vec, a));
    amid_at(CPROM__SEAM_GATHER_READY, 1, wait_long_enough);
    char *text = up_text(r);
    amid_done();
    assert_null(strstr(text, "l=\"a\""));
    cprom_text_free(text);
    /* What lingers likewise. */
    assert_ok(cprom_counter_vec_inc(t.vec, a));
    assert_ok(cprom_counter_vec_delete(t.vec, a));
    later(15);
    ct_assert_sample(r, "c_total{l=\"a\"}", 1);
    amid_at(CPROM__SEAM_GATHER_READY, 1, wait_long_enough);
    text = up_text(r);
    amid_done();
    assert_null(strstr(text, "l=\"a\""));
    cprom_text_free(text);
}

/* ---- a removal that waited: what it removes lingers from then on ---- */

static void test_clock_of_a_removal_that_waited_is_not_the_one_from_before(void **state)
{
    TESTS_BEGIN;
    t_make(fixture);
    assert_ok(cprom_counter_vec_inc(t.vec, a));
    size_t removed;
    amid_at(CPROM__SEAM_REMOVAL_LISTED, 1, wait_long_enough);
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"l", "a"}), &removed));
    amid_done();
    assert_int_equal(removed, 1);
    later(19);
    ct_assert_sample(r, "c_total{l=\"a\"}", 1);
    later(2);
    ct_assert_no_sample(r, "c_total{l=\"a\"}");
}

/* ---- a clock of the test's own ---- */

static void *use_later(void *arg)
{
    later(95);
    cprom_counter_vec_inc(t.vec, a);
    return arg;
}

static int64_t clock_monotonic(void *clock)
{
    int64_t now = ct_clock_monotonic(clock);
    ct_clock_advance(clock, t.step);
    pthread_t thread;
    if (!t.stale) return now;
    t.stale = false;
    if (pthread_create(&thread, NULL, use_later, NULL) == 0) pthread_join(thread, NULL);
    return now;
}

static ct_fixture *fixture_with_clock(void)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_registry_free(fixture->registry);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.monotonic_clock = clock_monotonic;
    t.step = 0;
    t.stale = false;
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    t_make(fixture);
    return fixture;
}

/* A thread reads the clock, and another one updates the series long after, before the first stamps it. */
static void test_clock_read_earlier_is_not_stamped_over_a_later_one(void **state)
{
    ct_fixture *fixture = fixture_with_clock();
    cprom_counter *held = cprom_counter_vec_with(t.vec, a);
    cprom_counter_inc(held);
    t.stale = true;
    cprom_counter_inc(held);
    assert_false(t.stale);
    cprom_counter_unref(held);
    later(1);
    ct_assert_sample(fixture->registry, "c_total{l=\"a\"}", 3);
    ct_fixture_free(fixture);
}

/* One reading for all that a commit stamps, and one for all that a page judges. */
static void test_clock_is_read_once_for_a_change_and_for_a_page(void **state)
{
    ct_fixture *fixture = fixture_with_clock();
    cprom_registry *r = fixture->registry;
    cprom_counter_vec *more;
    assert_ok(cprom_counter_vec_new(r, FAMILY("d_total", .labels = {"l"}, .ttl_seconds = 10), &more));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, t.vec, a, 1));
    assert_ok(cprom_update_counter_vec_add(update, t.vec, CPROM_STRS("b"), 1));
    assert_ok(cprom_update_counter_vec_add(update, more, a, 1));
    t.step = SECOND;
    up_commit(update, 3, 0, 0, 0);
    for (int half_seconds = 0; half_seconds < 40; half_seconds++) {
        t.step = 3 * SECOND; /* a page may read the clock for other things */
        int64_t now = ct_clock_monotonic(&fixture->clock);
        ct_page page = ct_page_read(r, NULL, 65536);
        size_t n = page.parsed->n_samples;
        assert_true(n == 0 || n == 3);
        ct_page_free(&page);
        t.step = 0;
        atomic_store(&fixture->clock.monotonic, now + SECOND / 2);
    }
    assert_int_equal(cprom_counter_vec_size(t.vec) + cprom_counter_vec_size(more), 0);
    ct_fixture_free(fixture);
}

int group_clocks(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clock_of_a_change_that_waited_is_not_the_one_from_before),
        TEST(test_clock_of_a_page_that_waited_is_not_the_one_from_before),
        TEST(test_clock_of_a_removal_that_waited_is_not_the_one_from_before),
        cmocka_unit_test(test_clock_read_earlier_is_not_stamped_over_a_later_one),
        cmocka_unit_test(test_clock_is_read_once_for_a_change_and_for_a_page),
    };
    return cmocka_run_group_tests_name("clocks", tests, NULL, NULL);
}
