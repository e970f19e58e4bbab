/* The lives of updates and of what they reserve: abandoned, failed, overtaken by single changes, after the end. */
#include <sched.h>

#include "support/updates.h"

/* ---- nothing is left behind ---- */

static void test_update_abandoned_leaves_nothing_behind(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_gauge *handle = cprom_gauge_vec_with(g, CPROM_STRS("a", "1"));
    char *before = up_text(r);
    cprom_registry_trim(r);
    cprom_stats stats = up_stats(r);
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 1, "a", "2"));
    assert_ok(cprom_update_gauge_set(update, handle, 9));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "2"), 1));
    cprom_update_free(update);
    assert_int_equal(up_stats(r).bytes, stats.bytes);
    assert_int_equal(up_stats(r).series_created, stats.series_created);
    up_assert_same(r, before);
    cprom_gauge_unref(handle);
}

/* A commit that fails in the gate has reserved its new series; they must go without a trace. */
static void test_update_stale_leaves_no_reservations_behind(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    char text[16];
    for (int round = 0; round < 20; round++) {
        cprom_update *update = up_new(r);
        assert_ok(OWNER(g, "a"));
        for (int i = 0; i < 300; i++) {
            snprintf(text, sizeof text, "%d-%d", round, i);
            assert_ok(SET(g, 1, "a", text));
        }
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), NULL));
        up_commit_fails(update, CPROM_ESTALE);
        assert_int_equal(cprom_gauge_vec_size(g), 0);
        up_assert_lines(r, "");
    }
    cprom_registry_trim(r);
    cprom_stats stats = up_stats(r);
    assert_int_equal(stats.series_created + stats.series_removed + stats.series, 0);
    assert_int_equal(stats.series_unreclaimed, 0);
    assert_in_range(stats.bytes, 1, 64 * 1024);
}

static bool count_each(void *n, const cprom_view *view)
{
    (void)view;
    ++*(int *)n;
    return true;
}

static void *commit_in_thread(void *update) { return (void *)(intptr_t)cprom_update_commit(update, NULL); }

static cprom_status joined(pthread_t thread)
{
    void *status;
    pthread_join(thread, &status);
    return (cprom_status)(intptr_t)status;
}

/* A commit is stopped before the gate: its series are reserved, and nobody can tell. */
static void test_update_reserved_series_are_hidden(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(SET(g, 2, "a", "2"));
    pthread_t thread;
    ct_park(CPROM__SEAM_COMMIT_READY);
    pthread_create(&thread, NULL, commit_in_thread, update);
    ct_park_wait();
    double value;
    int n = 0;
    size_t removed = 9;
    cprom_mark mark = cprom_registry_mark(r);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_status(cprom_gauge_vec_get(g, CPROM_STRS("a", "2"), &value), CPROM_ENOENT);
    assert_status(cprom_gauge_vec_delete(g, CPROM_STRS("a", "2")), CPROM_ENOENT);
    assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}), mark, &removed));
    assert_int_equal(removed, 0);
    assert_ok(cprom_gauge_vec_each(g, count_each, &n));
    assert_int_equal(n, 1);
    assert_int_equal(cprom_gauge_vec_size(g), 1);
    assert_int_equal(up_stats(r).series_created, 1);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\n");
    ct_park_release();
    assert_ok(joined(thread));
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\ng{p=\"a\",s=\"2\"} 2\n");
    cprom_update_free(update);
}

/* In the gate, between removal and writing: a page that is asked for then waits, and shows all of it. */
static void *page_in_thread(void *registry)
{
    char *text;
    return cprom_registry_text(registry, &text, NULL) == CPROM_OK ? text : NULL;
}

static void test_update_page_during_the_commit_waits_for_all_of_it(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(h, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(OWNER(h, "a"));
    assert_ok(SET(g, 2, "a", "2"));
    assert_ok(SET(h, 2, "a", "2"));
    pthread_t committer, scraper;
    ct_park(CPROM__SEAM_COMMIT_HALF);
    pthread_create(&committer, NULL, commit_in_thread, update);
    ct_park_wait();
    pthread_create(&scraper, NULL, page_in_thread, r);
    for (int i = 0; i < 1000; i++) sched_yield();
    ct_park_release();
    assert_ok(joined(committer));
    void *text;
    pthread_join(scraper, &text);
    ct_assert_text_equal(text, "# HELP g h\n# TYPE g gauge\ng{p=\"a\",s=\"2\"} 2\n"
                               "# HELP h h\n# TYPE h gauge\nh{p=\"a\",s=\"2\"} 2\n");
    cprom_text_free(text);
    cprom_update_free(update);
}

/* ---- single changes in between ---- */

static void test_update_series_deleted_after_staging_is_made_again(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    assert_ok(cprom_counter_vec_add(c, CPROM_STRS("a", "1"), 5));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("a", "1")));
    up_commit(update, 1, 0, 0, 0);
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\n");
}

static void test_update_series_deleted_while_reserved_is_made_again(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    assert_ok(cprom_counter_vec_add(c, CPROM_STRS("a", "1"), 5));
    cprom_update *update = up_new(r);
    assert_ok(cprom_update_counter_vec_replace(update, c, CPROM_LABELS({"p", "a"})));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "2"), 1));
    pthread_t thread;
    ct_park(CPROM__SEAM_COMMIT_READY);
    pthread_create(&thread, NULL, commit_in_thread, update);
    ct_park_wait();
    assert_ok(cprom_counter_vec_delete(c, CPROM_STRS("a", "1")));
    ct_park_release();
    assert_ok(joined(thread));
    up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 1\nc_total{p=\"a\",s=\"2\"} 1\n");
    cprom_update_free(update);
}

static void test_update_series_made_by_label_while_reserved_is_the_same(void **state)
{
    TESTS_BEGIN;
    cprom_counter_vec *c = up_counters(r, "c_total", "p");
    for (int stale = 0; stale < 2; stale++) {
        cprom_update *update = up_new(r);
        assert_ok(cprom_update_counter_vec_add(update, c, CPROM_STRS("a", "1"), 1));
        if (stale) assert_ok(cprom_counter_vec_clear(c));
        pthread_t thread;
        ct_park(CPROM__SEAM_COMMIT_READY);
        pthread_create(&thread, NULL, commit_in_thread, update);
        ct_park_wait();
        cprom_counter *handle = cprom_counter_vec_with(c, CPROM_STRS("a", "1"));
        cprom_counter_add(handle, 10);
        up_assert_lines(r, "c_total{p=\"a\",s=\"1\"} 10\n");
        assert_int_equal(cprom_counter_vec_size(c), 1);
        ct_park_release();
        assert_status(joined(thread), stale ? CPROM_ESTALE : CPROM_OK);
        assert_true(cprom_counter_value(handle) == (stale ? 10 : 11));
        cprom_counter_inc(handle);
        up_assert_lines(r, stale ? "c_total{p=\"a\",s=\"1\"} 11\n" : "c_total{p=\"a\",s=\"1\"} 12\n");
        cprom_counter_unref(handle);
        cprom_update_free(update);
    }
}

/* Somebody creates a series and is not back yet; a commit that writes to it is on the next page all the same. */
static void *create_in_thread(void *vec)
{
    assert_ok(cprom_gauge_vec_add(vec, CPROM_STRS("a", "1"), 0));
    return NULL;
}

static void test_update_of_a_series_just_made_is_on_the_next_page(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    pthread_t thread;
    ct_park(CPROM__SEAM_CREATE_DONE);
    pthread_create(&thread, NULL, create_in_thread, g);
    ct_park_wait();
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 5, "a", "1"));
    assert_ok(SET(g, 6, "a", "2"));
    up_commit(update, 1, 1, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 5\ng{p=\"a\",s=\"2\"} 6\n");
    ct_park_release();
    pthread_join(thread, NULL);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 5\ng{p=\"a\",s=\"2\"} 6\n");
}

/* Two updates have reserved the same new series, and give them back in step. */
struct pair {
    pthread_barrier_t barrier;
    cprom_update *update[2];
};

static struct pair *meeting;

static void meet(enum cprom__seam point)
{
    if (!meeting) return;
    if (point == CPROM__SEAM_GIVE_BACK || point == CPROM__SEAM_GIVEN_BACK) pthread_barrier_wait(&meeting->barrier);
}

static void test_update_shared_reservations_given_back_at_once_leave_nothing(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    struct pair pair;
    pthread_barrier_init(&pair.barrier, NULL, 2);
    void (*hook)(enum cprom__seam) = cprom__seam_hook;
    cprom__seam_hook = meet;
    meeting = &pair;
    char text[16];
    for (int round = 0; round < 5; round++) {
        pthread_t threads[2];
        for (int k = 0; k < 2; k++) {
            cprom_update *update = pair.update[k] = up_new(r);
            for (int i = 0; i < 50; i++) {
                snprintf(text, sizeof text, "%d", i);
                assert_ok(SET(g, 1, "a", text));
            }
        }
        assert_ok(cprom_gauge_vec_clear(g));
        for (int k = 0; k < 2; k++) pthread_create(&threads[k], NULL, commit_in_thread, pair.update[k]);
        for (int k = 0; k < 2; k++) assert_status(joined(threads[k]), CPROM_ESTALE);
        for (int k = 0; k < 2; k++) cprom_update_free(pair.update[k]);
    }
    meeting = NULL;
    cprom__seam_hook = hook;
    pthread_barrier_destroy(&pair.barrier);
    assert_int_equal(cprom_gauge_vec_size(g), 0);
}

/* What is staged is deleted singly and made again while the commit removes what is not: that comes after the commit. */
static cprom_gauge_vec *remade[2];

static void remake(enum cprom__seam point)
{
    if (point != CPROM__SEAM_MATCH_WALKS || !remade[0]) return;
    for (int i = 0; i < 2; i++) {
        cprom_gauge_vec *vec = remade[i];
        remade[i] = NULL;
        cprom_gauge_vec_delete(vec, CPROM_STRS("a", "1"));
        cprom_gauge_vec_set(vec, CPROM_STRS("a", "1"), 7);
    }
}

static void test_update_staged_is_remade_during_the_commit_stays(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(h, CPROM_STRS("a", "1"), 1));
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(ALL(h));
    assert_ok(SET(g, 5, "a", "1"));
    assert_ok(SET(h, 5, "a", "1"));
    void (*hook)(enum cprom__seam) = cprom__seam_hook;
    cprom__seam_hook = remake;
    remade[0] = g;
    remade[1] = h;
    up_commit(update, 0, 2, 0, 0);
    cprom__seam_hook = hook;
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 7\nh{p=\"a\",s=\"1\"} 7\n");
}

/* ---- after the end ---- */

static void test_update_after_unregister_is_enoent(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    cprom_update *update = up_new(r);
    assert_ok(OWNER(g, "a"));
    assert_ok(SET(g, 1, "a", "1"));
    assert_ok(SET(h, 1, "a", "1"));
    assert_ok(cprom_registry_unregister(r, "g"));
    cprom_result result = {9, 9, 9, 9, CPROM_STALE_DELETE};
    assert_status(cprom_update_commit(update, &result), CPROM_ENOENT);
    assert_true(!result.created && !result.updated && !result.removed);
    up_commit_fails(update, CPROM_EINVAL); /* the commit was final */
    assert_int_equal(cprom_gauge_vec_size(h), 0);
    up_assert_lines(r, "");
    /* A new family of that name is another one. */
    g = up_gauges(r, "g", "p");
    update = up_new(r);
    assert_ok(SET(g, 1, "a", "1"));
    up_commit(update, 1, 0, 0, 0);
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\n");
}

static void test_update_unregister_while_reserved_is_enoent(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "0"), 1));
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(SET(g, 1, "a", "1"));
    pthread_t thread;
    ct_park(CPROM__SEAM_COMMIT_READY);
    pthread_create(&thread, NULL, commit_in_thread, update);
    ct_park_wait();
    assert_ok(cprom_registry_unregister(r, "g"));
    ct_park_release();
    assert_status(joined(thread), CPROM_ENOENT);
    cprom_update_free(update);
    assert_int_equal(up_stats(r).series, 0);
    assert_int_equal(up_stats(r).series_created, 1);
}

/* The unregistering waits for the commit that was there first, so that both are whole. */
static void *unregister_in_thread(void *registry)
{
    return (void *)(intptr_t)cprom_registry_unregister(registry, "g");
}

static void test_update_unregister_during_the_commit_leaves_no_series(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "0"), 1));
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(SET(g, 1, "a", "1"));
    pthread_t committer, remover;
    ct_park(CPROM__SEAM_COMMIT_HALF);
    pthread_create(&committer, NULL, commit_in_thread, update);
    ct_park_wait();
    pthread_create(&remover, NULL, unregister_in_thread, r);
    /* Out of the list at once; what it does then is to wait, or it has not begun. */
    while (up_stats(r).families) sched_yield();
    for (int i = 0; i < 1000; i++) sched_yield();
    ct_park_release();
    cprom_status status = joined(committer);
    assert_true(status == CPROM_OK || status == CPROM_EPARTIAL); /* the entry found its family, or did not any more */
    assert_ok(joined(remover));
    cprom_update_free(update);
    cprom_stats stats = up_stats(r);
    assert_int_equal(stats.series, 0);
    assert_int_equal(stats.series_created, stats.series_removed);
}

static void test_update_by_handle_of_an_unregistered_family_is_enoent(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", "p");
    cprom_gauge *handle = cprom_gauge_vec_with(g, CPROM_STRS("a", "1"));
    assert_ok(cprom_registry_unregister(r, "g"));
    for (int i = 0; i < 3; i++) {
        cprom_update *update = up_new(r);
        assert_ok(SET(h, 1, "a", "1"));
        assert_status(cprom_update_gauge_set(update, handle, 1), CPROM_ENOENT);
        if (i == 1) cprom_update_free(update);
        else up_commit_fails(update, CPROM_ENOENT);
        cprom_gauge_set(handle, 1);
    }
    up_assert_lines(r, "");
    cprom_gauge_unref(handle);
}

static void test_update_outlives_its_registry(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_gauge *handle = cprom_gauge_vec_with(g, CPROM_STRS("a", "h"));
    cprom_gauge *late = cprom_gauge_vec_with(g, CPROM_STRS("a", "l"));
    cprom_update *updates[4];
    for (int i = 0; i < 4; i++) {
        cprom_update *update = updates[i] = up_new(r);
        assert_ok(OWNER(g, "a"));
        assert_ok(SET(g, 1, "a", "1"));
        assert_ok(SET(g, 1, "a", "h"));
        if (i % 2) assert_ok(cprom_update_gauge_set(update, handle, 1));
    }
    cprom_gauge_unref(handle);
    cprom_registry_free(r);
    fixture->registry = NULL;
    up_commit_fails(updates[0], CPROM_ENOENT);
    up_commit_fails(updates[1], CPROM_ENOENT);
    cprom_update_free(updates[2]);
    assert_ok(cprom_update_gauge_set(updates[3], late, 1)); /* the update keeps its vectors */
    cprom_gauge_unref(late);
    up_commit_fails(updates[3], CPROM_ENOENT);
}

static void test_update_with_open_page_and_registry_gone(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_page *page;
    assert_ok(cprom_page_open(r, NULL, &page));
    cprom_update *update = up_new(r);
    assert_ok(ALL(g));
    assert_ok(SET(g, 2, "b", "1"));
    up_commit(update, 1, 0, 1, 0);
    update = up_new(r);
    assert_ok(ALL(g));
    cprom_registry_free(r);
    fixture->registry = NULL;
    cprom_update_free(update);
    ct_page text = ct_page_drain(page, 7);
    ct_assert_text_equal(text.text, "# HELP g h\n# TYPE g gauge\ng{p=\"a\",s=\"1\"} 1\n");
    ct_page_free(&text);
    cprom_page_close(page);
}

int group_life(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_abandoned_leaves_nothing_behind),
        TEST(test_update_stale_leaves_no_reservations_behind),
        TEST(test_update_reserved_series_are_hidden),
        TEST(test_update_page_during_the_commit_waits_for_all_of_it),
        TEST(test_update_series_deleted_after_staging_is_made_again),
        TEST(test_update_series_deleted_while_reserved_is_made_again),
        TEST(test_update_series_made_by_label_while_reserved_is_the_same),
        TEST(test_update_of_a_series_just_made_is_on_the_next_page),
        TEST(test_update_shared_reservations_given_back_at_once_leave_nothing),
        TEST(test_update_staged_is_remade_during_the_commit_stays),
        TEST(test_update_after_unregister_is_enoent),
        TEST(test_update_unregister_while_reserved_is_enoent),
        TEST(test_update_unregister_during_the_commit_leaves_no_series),
        TEST(test_update_by_handle_of_an_unregistered_family_is_enoent),
        TEST(test_update_outlives_its_registry),
        TEST(test_update_with_open_page_and_registry_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
