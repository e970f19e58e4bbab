/* What lingers when a change comes that does not let series linger: it goes, if it was deleted before the change. */
#include <sched.h>

#include "support/amid.h"
#include "support/updates.h"

enum {
    OLD = 3000,
    FEW = 100
};

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *vec;
} w;

static void w_make(cprom_registry *r, const char *owner)
{
    w.registry = r;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p", "s"}, .owner = owner, .linger_seconds = 60), &w.vec));
}

/* How many series of the owner the page shows, with this value. */
static size_t shown(const char *p, double value)
{
    ct_page page = ct_page_read(w.registry, NULL, 65536);
    size_t n = 0;
    for (size_t i = 0; i < page.parsed->n_samples; i++) {
        const parser_sample *sample = &page.parsed->samples[i];
        n += strcmp(parser_label_value(sample, "p"), p) == 0 && sample->value == value;
    }
    ct_page_free(&page);
    return n;
}

static void set_some(const char *p, int n, double value)
{
    char s[16];
    for (int i = 0; i < n; i++) {
        snprintf(s, sizeof s, "%d", i);
        AMID(cprom_gauge_vec_set(w.vec, CPROM_STRS(p, s), value) == CPROM_OK);
    }
}

static void delete_some(const char *p, int n)
{
    char s[16];
    for (int i = 0; i < n; i++) {
        snprintf(s, sizeof s, "%d", i);
        AMID(cprom_gauge_vec_delete(w.vec, CPROM_STRS(p, s)) == CPROM_OK);
    }
}

static void set_and_delete_amid(void)
{
    set_some("after", FEW, 3);
    delete_some("after", FEW);
}

static void test_linger_that_began_after_the_moment_is_spared_by_the_walk(void **state)
{
    cprom_registry *r = registry_of(state);
    w_make(r, NULL);
    set_some("old", OLD, 1);
    set_some("before", FEW, 2);
    delete_some("before", FEW);
    assert_int_equal(shown("before", 2), FEW);
    amid_at(CPROM__SEAM_MATCH_WALKS, 1, set_and_delete_amid);
    assert_ok(cprom_gauge_vec_clear(w.vec));
    amid_done();
    assert_int_equal(shown("old", 1), 0);
    assert_int_equal(shown("before", 2), 0);
    assert_int_equal(shown("after", 3), FEW);
    assert_int_equal(cprom_gauge_vec_size(w.vec), 0);
    assert_int_equal(up_stats(r).series_removed, OLD + 2 * FEW);
}

/* The other series does not ask for room to live, and so helps no change to its end. */
static void delete_other_amid(void)
{
    AMID(cprom_counter_vec_inc((cprom_counter_vec *)w.vec, CPROM_STRS("other", "other")) == CPROM_OK);
    AMID(cprom_counter_vec_delete((cprom_counter_vec *)w.vec, CPROM_STRS("other", "other")) == CPROM_OK);
}

static void test_linger_has_the_room_of_what_lingered_before_the_moment(void **state)
{
    cprom_registry *r = registry_of(state);
    cprom_counter_vec *counters;
    char s[16];
    assert_ok(cprom_counter_vec_new(r,
                                    FAMILY("c_total", .labels = {"p", "s"}, .max_series = FEW, .overflow = CPROM_FOLD,
                                           .linger_seconds = 60),
                                    &counters));
    w.registry = r;
    w.vec = (cprom_gauge_vec *)counters;
    for (int i = 0; i < FEW; i++) {
        snprintf(s, sizeof s, "%d", i);
        assert_ok(cprom_counter_vec_inc(counters, CPROM_STRS("before", s)));
        assert_ok(cprom_counter_vec_delete(counters, CPROM_STRS("before", s)));
    }
    assert_int_equal(shown("before", 1), FEW);
    amid_at(CPROM__SEAM_CHANGE_BEGINS, 1, delete_other_amid);
    assert_ok(cprom_counter_vec_clear(counters));
    amid_done();
    assert_int_equal(shown("before", 1), 0);
    assert_int_equal(shown("other", 1), 1);
}

static void delete_new_amid(void)
{
    AMID(cprom_gauge_vec_delete(w.vec, CPROM_STRS("new", "0")) == CPROM_OK);
}

static void test_linger_has_no_room_that_is_a_removals(void **state)
{
    cprom_registry *r = registry_of(state);
    w.registry = r;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"p", "s"}, .max_series = FEW + 1, .linger_seconds = 60),
                                  &w.vec));
    set_some("old", FEW, 1);
    delete_some("old", FEW); /* now one more may linger */
    set_some("a", 1, 3);
    set_some("new", 1, 2);
    amid_at(CPROM__SEAM_CHANGE_BEGINS, 1, delete_new_amid);
    assert_ok(cprom_gauge_vec_delete_matching(w.vec, CPROM_LABELS({"p", "a"}), NULL));
    amid_done();
    assert_int_equal(shown("a", 3), 1);
    assert_int_equal(shown("new", 2), 0);
}

/* The commit is sealed, and its moment still to come: these deletions are before it. */
static void delete_amid(void) { delete_some("a", FEW); }

static void test_linger_that_began_before_the_moment_ends_with_the_walk(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        ct_fixture *fixture = ct_fixture_new();
        w_make(fixture->registry, owner ? "p" : NULL);
        set_some("a", 2 * FEW, 1);
        set_some("b", FEW, 2);
        delete_some("b", FEW);
        cprom_update *update = up_new(fixture->registry);
        assert_ok(OWNER(w.vec, "a"));
        amid_at(CPROM__SEAM_COMMIT_SEALED, 1, delete_amid);
        up_commit(update, 0, 0, FEW, 0);
        amid_done();
        assert_int_equal(shown("a", 1), 0);
        assert_int_equal(shown("b", 2), FEW); /* beside the scope */
        ct_fixture_free(fixture);
    }
}

/* Labels of what lingers, by the commit and while it is at work: the page shows the new ones, and no old one. */
static void use_again_amid(void)
{
    char text[16];
    for (int i = FEW / 2; i < FEW; i++) {
        snprintf(text, sizeof text, "%d", i);
        AMID(cprom_gauge_vec_set(w.vec, CPROM_STRS("b", text), 5) == CPROM_OK);
    }
}

static void test_linger_of_labels_used_again_while_a_commit_is_at_work_is_over(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        ct_fixture *fixture = ct_fixture_new();
        char text[16];
        w_make(fixture->registry, owner ? "p" : NULL);
        set_some("a", FEW, 1);
        set_some("b", FEW, 1);
        delete_some("b", FEW);
        cprom_update *update = up_new(fixture->registry);
        assert_ok(OWNER(w.vec, "a"));
        for (int i = 0; i < FEW / 2; i++) {
            snprintf(text, sizeof text, "%d", i);
            assert_ok(SET(w.vec, 5, "b", text));
        }
        amid_at(CPROM__SEAM_COMMIT_HALF, 1, use_again_amid);
        up_commit(update, FEW / 2, 0, FEW, 0);
        amid_done();
        assert_int_equal(shown("a", 1), 0);
        assert_int_equal(shown("b", 1), 0);
        assert_int_equal(shown("b", 5), FEW);
        assert_int_equal(cprom_gauge_vec_size(w.vec), FEW);
        ct_fixture_free(fixture);
    }
}

/* A get that begins after a commit's moment and meets the old series; the commit ends before it looks whether that lives. */
static struct {
    pthread_t reader;
    _Atomic int half, go, done;
    int probes;
} late;

static void late_hook(enum cprom__seam point)
{
    if (point == CPROM__SEAM_COMMIT_HALF) {
        atomic_store(&late.half, 1);
        while (!atomic_load(&late.go)) sched_yield();
    } else if (point == CPROM__SEAM_LOOKUP_PROBES && pthread_equal(pthread_self(), late.reader) && ++late.probes == 2) {
        atomic_store(&late.go, 1);
        while (!atomic_load(&late.done)) sched_yield();
    }
}

static void *late_commit(void *update)
{
    AMID(cprom_update_commit(update, NULL) == CPROM_OK);
    atomic_store(&late.done, 1);
    return NULL;
}

static void test_linger_does_not_hide_what_a_commit_lets_be_born(void **state)
{
    cprom_registry *r = registry_of(state);
    pthread_t thread;
    double value = 0;
    w_make(r, NULL);
    assert_ok(cprom_gauge_vec_set(w.vec, CPROM_STRS("a", "x"), 1));
    assert_ok(cprom_gauge_vec_delete(w.vec, CPROM_STRS("a", "x")));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_gauge_vec_set(update, w.vec, CPROM_STRS("a", "x"), 2));
    memset(&late, 0, sizeof late);
    late.reader = pthread_self();
    cprom__seam_hook = late_hook;
    assert_int_equal(pthread_create(&thread, NULL, late_commit, update), 0);
    while (!atomic_load(&late.half)) sched_yield();
    cprom_status status = cprom_gauge_vec_get(w.vec, CPROM_STRS("a", "x"), &value);
    atomic_store(&late.go, 1);
    pthread_join(thread, NULL);
    cprom__seam_hook = NULL;
    cprom_update_free(update);
    assert_ok(status);
    assert_true(value == 2);
    assert_int_equal(amid.wrong, 0);
}

int group_lingering(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_linger_that_began_after_the_moment_is_spared_by_the_walk),
        TEST(test_linger_has_the_room_of_what_lingered_before_the_moment),
        TEST(test_linger_has_no_room_that_is_a_removals),
        TEST(test_linger_does_not_hide_what_a_commit_lets_be_born),
        cmocka_unit_test(test_linger_that_began_before_the_moment_ends_with_the_walk),
        cmocka_unit_test(test_linger_of_labels_used_again_while_a_commit_is_at_work_is_over),
    };
    return cmocka_run_group_tests_name("lingering", tests, NULL, NULL);
}
