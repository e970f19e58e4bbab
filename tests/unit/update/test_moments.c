/*
 * A series is deleted singly while a commit is at work: before the moment, when the moment is due, after it. Whichever it
 * is, one of the two comes first, in all vectors.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *g, *h;
} m;

static bool there(cprom_gauge_vec *vec, const char *s, double expected)
{
    double value = expected - 1;
    return cprom_gauge_vec_get(vec, CPROM_STRS("a", s), &value) == CPROM_OK && value == expected;
}

static bool gone(cprom_gauge_vec *vec, const char *s)
{
    double value;
    return cprom_gauge_vec_get(vec, CPROM_STRS("a", s), &value) == CPROM_ENOENT;
}

static cprom_status delete_of(cprom_gauge_vec *vec, const char *s)
{
    return cprom_gauge_vec_delete(vec, CPROM_STRS("a", s));
}

/* g and h each have `kept` with 1 and `old` with 2. */
static void m_make(cprom_registry *r, const char *owner)
{
    m.registry = r;
    m.g = up_gauges(r, "g", owner);
    m.h = up_gauges(r, "h", owner);
    for (int i = 0; i < 2; i++) {
        assert_ok(cprom_gauge_vec_set(i ? m.h : m.g, CPROM_STRS("a", "kept"), 1));
        assert_ok(cprom_gauge_vec_set(i ? m.h : m.g, CPROM_STRS("a", "old"), 2));
    }
}

/* In both, it replaces the owner: `kept` gets 5, `new` is made with 6. */
static cprom_update *m_stage(void)
{
    cprom_update *update = up_new(m.registry);
    for (int i = 0; i < 2; i++) {
        assert_ok(OWNER(i ? m.h : m.g, "a"));
        assert_ok(SET(i ? m.h : m.g, 5, "a", "kept"));
        assert_ok(SET(i ? m.h : m.g, 6, "a", "new"));
    }
    return update;
}

#define PAGE_OF(g) g "{p=\"a\",s=\"kept\"} 5\n" g "{p=\"a\",s=\"new\"} 6\n"
#define ONLY_NEW(g) g "{p=\"a\",s=\"new\"} 6\n"
#define ONLY_KEPT(g) g "{p=\"a\",s=\"kept\"} 5\n"

/* ---- before the moment: what the commit stages is there afterwards ---- */

static void delete_at_ready(void)
{
    AMID(delete_of(m.g, "kept") == CPROM_OK);
    AMID(delete_of(m.h, "old") == CPROM_OK);
    AMID(delete_of(m.h, "new") == CPROM_ENOENT); /* reserved, and hidden */
}

static void test_moment_deletion_before_it_is_overwritten(void **state)
{
    TESTS_BEGIN;
    m_make(r, "p");
    cprom_update *update = m_stage();
    amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_at_ready);
    up_commit(update, 3, 1, 1, 0);
    amid_done();
    up_assert_lines(r, PAGE_OF("g") PAGE_OF("h"));
}

/* In the gate, the turnovers published, and another entry is being mended. */
static void delete_amid_mending(void)
{
    AMID(there(m.g, "old", 2) && there(m.h, "kept", 1));
    AMID(delete_of(m.h, "kept") == CPROM_OK);
    AMID(delete_of(m.g, "old") == CPROM_OK);
    AMID(delete_of(m.g, "new") == CPROM_ENOENT);
    AMID(gone(m.h, "kept") && there(m.h, "old", 2));
}

static void delete_and_mend(void)
{
    AMID(delete_of(m.g, "kept") == CPROM_OK);
    amid_at(CPROM__SEAM_CREATE_DONE, 1, delete_amid_mending);
}

static void test_moment_deletion_between_publishing_and_sealing_is_overwritten(void **state)
{
    for (int owner = 0; owner < 2; owner++) {
        ct_fixture *fixture = ct_fixture_new();
        m_make(fixture->registry, owner ? "p" : NULL);
        cprom_update *update = m_stage();
        amid_at(CPROM__SEAM_COMMIT_READY, 1, delete_and_mend);
        up_commit(update, 4, 0, 1, 0);
        amid_done();
        up_assert_lines(fixture->registry, PAGE_OF("g") PAGE_OF("h"));
        ct_fixture_free(fixture);
    }
}

/* ---- the moment is due: who deletes what is staged lets it happen ---- */

static void delete_staged_when_sealed(void)
{
    AMID(there(m.g, "old", 2) && there(m.h, "old", 2) && there(m.h, "kept", 1)); /* not happened yet */
    AMID(delete_of(m.g, "kept") == CPROM_OK);
    AMID(gone(m.g, "kept") && gone(m.g, "old") && there(m.g, "new", 6));
    AMID(gone(m.h, "old") && there(m.h, "new", 6) && there(m.h, "kept", 5));
}

static void delete_rest_when_sealed(void)
{
    AMID(delete_of(m.g, "old") == CPROM_OK);
    AMID(delete_of(m.g, "new") == CPROM_ENOENT);
    AMID(gone(m.g, "old") && there(m.g, "kept", 1) && there(m.h, "old", 2)); /* it is still to come */
}

static void test_moment_deletion_when_it_is_due_comes_after_it(void **state)
{
    for (int n = 0; n < 4; n++) {
        ct_fixture *fixture = ct_fixture_new();
        m_make(fixture->registry, n % 2 ? "p" : NULL);
        cprom_update *update = m_stage();
        amid_at(CPROM__SEAM_COMMIT_SEALED, 1, n / 2 ? delete_rest_when_sealed : delete_staged_when_sealed);
        up_commit(update, 2, 2, n / 2 ? 1 : 2, 0);
        amid_done();
        if (n / 2) up_assert_lines(fixture->registry, PAGE_OF("g") PAGE_OF("h"));
        else up_assert_lines(fixture->registry, ONLY_NEW("g") PAGE_OF("h"));
        cprom_stats stats = up_stats(fixture->registry);
        assert_int_equal(stats.series_created - stats.series_removed, n / 2 ? 4 : 3);
        ct_fixture_free(fixture);
    }
}

/* What is staged by a handle only is not made again: its deletion is before the moment, at any time before it. */
static void delete_held(void) { AMID(delete_of(m.g, "kept") == CPROM_OK && there(m.h, "old", 2)); }

static void test_moment_deletion_of_what_a_handle_stages_detaches_it(void **state)
{
    static const enum cprom__seam points[] = {CPROM__SEAM_COMMIT_READY, CPROM__SEAM_COMMIT_SEALED};
    for (size_t n = 0; n < COUNT(points); n++) {
        ct_fixture *fixture = ct_fixture_new();
        m_make(fixture->registry, "p");
        cprom_gauge *held = cprom_gauge_vec_with(m.g, CPROM_STRS("a", "kept"));
        cprom_update *update = up_new(m.registry);
        assert_ok(OWNER(m.g, "a"));
        assert_ok(OWNER(m.h, "a"));
        assert_ok(cprom_update_gauge_set(update, held, 5));
        assert_ok(SET(m.g, 6, "a", "new"));
        amid_at(points[n], 1, delete_held);
        up_commit(update, 1, 0, 3, 1);
        amid_done();
        up_assert_lines(m.registry, ONLY_NEW("g"));
        assert_int_equal(up_stats(m.registry).dropped_detached, 1);
        cprom_gauge_unref(held);
        ct_fixture_free(fixture);
    }
}

/* ---- after the moment ---- */

static void delete_after(void)
{
    AMID(delete_of(m.g, "kept") == CPROM_OK);
    AMID(delete_of(m.h, "new") == CPROM_OK);
    AMID(delete_of(m.g, "old") == CPROM_ENOENT);
    AMID(delete_of(m.h, "old") == CPROM_ENOENT);
    AMID(gone(m.g, "kept") && gone(m.h, "new"));
}

static void test_moment_deletion_after_it_stays(void **state)
{
    static const enum cprom__seam points[] = {CPROM__SEAM_COMMIT_HALF, CPROM__SEAM_CHANGE_HALF};
    for (size_t n = 0; n < 2 * COUNT(points); n++) {
        ct_fixture *fixture = ct_fixture_new();
        m_make(fixture->registry, n % 2 ? "p" : NULL);
        cprom_update *update = m_stage();
        amid_at(points[n / 2], 1, delete_after);
        up_commit(update, 2, 2, 2, 0);
        amid_done();
        up_assert_lines(fixture->registry, ONLY_NEW("g") ONLY_KEPT("h"));
        cprom_stats stats = up_stats(fixture->registry);
        assert_int_equal(stats.series_created, 6);
        assert_int_equal(stats.series_removed, 4);
        ct_fixture_free(fixture);
    }
}

/* ---- a vector that goes while the commit is at work on it: nothing is made there any more ---- */

static void unregister_amid(void) { AMID(cprom_registry_unregister(m.registry, "c_total") == CPROM_OK); }

/* More entries than one portion has, and room for one series: the rest is folded into one that is not born yet. */
static void test_moment_of_a_vector_that_is_unregistered_makes_nothing(void **state)
{
    enum {
        ENTRIES = 300
    };
    static const struct {
        enum cprom__seam point; /* before the first entry; after some of them */
        size_t updated;
    } cases[] = {{CPROM__SEAM_COMMIT_HALF, 0}, {CPROM__SEAM_MATCH_WALKS, 1}};
    for (size_t n = 0; n < COUNT(cases); n++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry *r = m.registry = fixture->registry;
        cprom_counter_vec *c;
        assert_ok(cprom_counter_vec_new(
            r, FAMILY("c_total", .labels = {"p", "s"}, .max_series = 1, .overflow = CPROM_FOLD), &c));
        assert_ok(cprom_counter_vec_inc(c, CPROM_STRS("a", "0")));
        cprom_update *update = up_new(r);
        for (int i = 0; i < ENTRIES; i++) {
            char text[16];
            snprintf(text, sizeof text, "%d", i);
            assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", text), 1));
        }
        amid_at(cases[n].point, 1, unregister_amid);
        up_commit(update, 0, cases[n].updated, 0, ENTRIES - cases[n].updated);
        amid_done();
        cprom_stats stats = up_stats(r);
        assert_int_equal(stats.updates_folded, 0);
        assert_int_equal(stats.dropped_detached, ENTRIES - cases[n].updated);
        assert_int_equal(stats.series_created, 1);
        assert_int_equal(stats.series_removed, 1);
        up_assert_lines(r, "");
        ct_fixture_free(fixture);
    }
}

int group_moments(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_moment_deletion_before_it_is_overwritten),
        cmocka_unit_test(test_moment_deletion_between_publishing_and_sealing_is_overwritten),
        cmocka_unit_test(test_moment_deletion_when_it_is_due_comes_after_it),
        cmocka_unit_test(test_moment_deletion_of_what_a_handle_stages_detaches_it),
        cmocka_unit_test(test_moment_deletion_after_it_stays),
        cmocka_unit_test(test_moment_of_a_vector_that_is_unregistered_makes_nothing),
    };
    return cmocka_run_group_tests_name("moments", tests, NULL, NULL);
}
