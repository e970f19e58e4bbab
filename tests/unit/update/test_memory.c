/* Updates without memory: every allocation fails in turn, once and from there on. */
#include "support/updates.h"

enum { NEW = 40 };

struct world {
    ct_fixture *fixture;
    cprom_registry *r;
    cprom_gauge_vec *g;
    cprom_counter_vec *c;
    cprom_histogram_vec *h;
    cprom_gauge *handle;
    cprom_gauge *plain;
};

static struct world world_new(void)
{
    struct world w = {.fixture = ct_fixture_new()};
    w.r = w.fixture->registry;
    w.g = up_gauges(w.r, "g", "p");
    w.c = up_counters(w.r, "c_total", NULL);
    assert_ok(cprom_histogram_vec_new(w.r,
                                      CPROM_OPTS(cprom_opts, .name = "h", .help = "h", .labels = {"p"}, .max_series = 1,
                                                 .overflow = CPROM_FOLD, .owner = "p", .linger_seconds = 1),
                                      &w.h));
    assert_ok(cprom_gauge_new(w.r, CPROM_OPTS(cprom_opts, .name = "plain", .help = "h"), &w.plain));
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("a\\", "old"), 1));
    assert_ok(cprom_gauge_vec_set(w.g, CPROM_STRS("b", "old"), 1));
    assert_ok(cprom_counter_vec_add(w.c, CPROM_STRS("a\\", "0"), 7));
    w.handle = cprom_gauge_vec_with(w.g, CPROM_STRS("a\\", "held"));
    return w;
}

static void world_free(struct world *w)
{
    ct_alloc_fail_at(&w->fixture->alloc, 0, false);
    cprom_gauge_unref(w->handle);
    ct_fixture_free(w->fixture);
}

/* Whether some call ran out of memory; the others must be fine. */
static bool failed(bool before, cprom_status status)
{
    assert_true(status == CPROM_OK || status == CPROM_ENOMEM);
    return before || status == CPROM_ENOMEM;
}

static bool stage(struct world *w, cprom_update *update)
{
    char text[64];
    bool nomem = false;
    nomem = failed(nomem, OWNER(w->g, "a\\"));
    nomem = failed(nomem, cprom_update_counter_vec_replace(update, w->c, CPROM_LABELS({"p", "a\\"})));
    for (int i = 0; i < NEW; i++) {
        snprintf(text, sizeof text, "%d-a rather long text, so that memory is needed", i);
        nomem = failed(nomem, SET(w->g, i, "a\\", text));
        nomem = failed(nomem, cprom_update_counter_vec_add(update, w->c, CPROM_STRS("a\\", text), 1));
    }
    nomem = failed(nomem, cprom_update_counter_vec_add(update, w->c, CPROM_STRS("a\\", "0"), 1));
    nomem = failed(nomem, cprom_update_histogram_vec_observe(update, w->h, CPROM_STRS("1"), 1));
    nomem = failed(nomem, cprom_update_histogram_vec_observe(update, w->h, CPROM_STRS("2"), 1));
    nomem = failed(nomem, cprom_update_gauge_set(update, w->handle, 5));
    nomem = failed(nomem, cprom_update_gauge_set(update, w->plain, 6));
    return nomem;
}

/* What a whole commit has done. */
static void check_result(struct world *w, const cprom_result *result)
{
    assert_int_equal(result->created, 2 * NEW + 2);
    assert_int_equal(result->updated, 3);
    assert_int_equal(result->removed, 1);
    assert_int_equal(result->refused, 0);
    ct_page page = ct_page_read(w->r, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "g"), NEW + 2);
    assert_int_equal(parser_count(page.parsed, "c_total"), NEW + 1);
    assert_true(parser_value(page.parsed, "c_total{p=\"a\\\\\",s=\"0\"}") == 8);
    assert_true(parser_value(page.parsed, "h_count{p=\"1\"}") == 1);
    assert_true(parser_value(page.parsed, "h_count{p=\"other\"}") == 1);
    assert_true(parser_value(page.parsed, "g{p=\"a\\\\\",s=\"held\"}") == 5);
    assert_true(parser_value(page.parsed, "plain") == 6);
    ct_page_free(&page);
}

static void test_update_new_without_memory_is_enomem(void **state)
{
    struct world w = world_new();
    cprom_update *update = (cprom_update *)(void *)&w;
    ct_alloc_fail_at(&w.fixture->alloc, 1, false);
    assert_status(cprom_update_new(w.r, &update), CPROM_ENOMEM);
    assert_null(update);
    world_free(&w);
}

static void test_update_staging_without_memory_is_sticky(void **state)
{
    bool more = true;
    for (size_t nth = 1; more; nth++) {
        struct world w = world_new();
        ct_alloc *alloc = &w.fixture->alloc;
        char *before = up_text(w.r);
        cprom_update *update = up_new(w.r);
        ct_alloc_fail_at(alloc, nth, false);
        bool nomem = stage(&w, update);
        more = atomic_load(&alloc->failed) > 0;
        ct_alloc_fail_at(alloc, 0, false);
        assert_int_equal(nomem, more);
        if (nomem) {
            up_assert_same(w.r, before);
            before = up_text(w.r);
            cprom_result result;
            assert_status(cprom_update_commit(update, &result), CPROM_ENOMEM);
            assert_true(!result.created && !result.updated && !result.removed && !result.refused);
            up_commit_fails(update, CPROM_ENOMEM);
            up_assert_same(w.r, before);
            update = up_new(w.r);
            assert_false(stage(&w, update));
        } else {
            cprom_text_free(before);
        }
        cprom_result result;
        assert_ok(cprom_update_commit(update, &result));
        check_result(&w, &result);
        cprom_update_free(update);
        world_free(&w);
        assert_in_range(nth, 1, 1000);
    }
}

/* `on`: and all allocations after it; `give_up`: another update does it, instead of a second commit. */
static void fail_commits(bool on, bool give_up)
{
    bool more = true;
    size_t seen = 0;
    for (size_t nth = 1; more; nth++) {
        struct world w = world_new();
        ct_alloc *alloc = &w.fixture->alloc;
        char *before = up_text(w.r);
        cprom_stats stats = up_stats(w.r);
        cprom_update *update = up_new(w.r);
        assert_false(stage(&w, update));
        ct_alloc_fail_at(alloc, nth, on);
        cprom_result result;
        cprom_status status = cprom_update_commit(update, &result);
        more = atomic_load(&alloc->failed) > 0;
        ct_alloc_fail_at(alloc, 0, false);
        if (status != CPROM_OK) {
            seen++;
            assert_status(status, CPROM_ENOMEM);
            assert_true(!result.created && !result.updated && !result.removed && !result.refused);
            up_assert_same(w.r, before);
            before = up_text(w.r);
            assert_int_equal(up_stats(w.r).series_created, stats.series_created);
            assert_int_equal(cprom_gauge_vec_size(w.g), 3);
            if (give_up) {
                cprom_update_free(update);
                up_assert_same(w.r, before);
                before = up_text(w.r);
                update = up_new(w.r);
                assert_false(stage(&w, update));
            }
            assert_ok(cprom_update_commit(update, &result));
        }
        cprom_text_free(before);
        check_result(&w, &result);
        cprom_update_free(update);
        world_free(&w);
        assert_in_range(nth, 1, 1000);
    }
    assert_in_range(seen, 10, 1000);
}

static void test_update_commit_without_memory_can_be_tried_again(void **state) { fail_commits(false, false); }
static void test_update_commit_without_any_memory_can_be_tried_again(void **state) { fail_commits(true, false); }
static void test_update_commit_without_memory_can_be_abandoned(void **state) { fail_commits(false, true); }

static void test_update_commit_without_memory_can_become_stale(void **state)
{
    struct world w = world_new();
    cprom_update *update = up_new(w.r);
    assert_false(stage(&w, update));
    ct_alloc_fail_at(&w.fixture->alloc, 20, true);
    assert_status(cprom_update_commit(update, NULL), CPROM_ENOMEM);
    ct_alloc_fail_at(&w.fixture->alloc, 0, false);
    assert_ok(cprom_registry_delete_matching(w.r, CPROM_LABELS({"p", "a\\"}), NULL));
    /* The observations still count: the histogram has no series of the match. */
    up_commit_stale(update, CPROM_STALE_DELETE, 2, 0);
    ct_page page = ct_page_read(w.r, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "g"), 1);
    assert_int_equal(parser_count(page.parsed, "c_total"), 0);
    assert_true(parser_value(page.parsed, "h_count{p=\"1\"}") == 1);
    assert_true(parser_value(page.parsed, "h_count{p=\"other\"}") == 1);
    assert_true(parser_value(page.parsed, "plain") == 0);
    ct_page_free(&page);
    world_free(&w);
}

/* The single calls that change many series. */
enum call { REPLACE, DELETE_MATCHING, DELETE_EVERYWHERE, CLEAR, SWEEP, SWEEP_EVERYWHERE, UNREGISTER, CALLS };

static cprom_status call_it(struct world *w, enum call call, cprom_mark mark)
{
    const cprom_gauge_row rows[] = {{CPROM_STRS("a\\", "1"), 1}, {CPROM_STRS("a\\", "old"), 2}};
    cprom_labels match = CPROM_LABELS({"p", "a\\"});
    switch (call) {
    case REPLACE: return cprom_gauge_vec_replace(w->g, match, rows, 2, NULL);
    case DELETE_MATCHING: return cprom_gauge_vec_delete_matching(w->g, match, NULL);
    case DELETE_EVERYWHERE: return cprom_registry_delete_matching(w->r, match, NULL);
    case CLEAR: return cprom_gauge_vec_clear(w->g);
    case SWEEP: return cprom_gauge_vec_sweep(w->g, match, mark, NULL);
    case SWEEP_EVERYWHERE: return cprom_registry_sweep(w->r, match, mark, NULL);
    default: return cprom_registry_unregister(w->r, "c_total");
    }
}

static void test_changes_without_memory_change_nothing(void **state)
{
    for (int call = 0; call < CALLS; call++) {
        for (int on = 0; on < 2; on++) {
            bool more = true;
            for (size_t nth = 1; more; nth++) {
                struct world w = world_new();
                ct_alloc *alloc = &w.fixture->alloc;
                cprom_update *update = up_new(w.r); /* so that there is somebody to become stale */
                assert_ok(OWNER(w.g, "a\\"));
                cprom_mark mark = cprom_registry_mark(w.r);
                char *before = up_text(w.r);
                ct_alloc_fail_at(alloc, nth, on);
                cprom_status status = call_it(&w, (enum call)call, mark);
                more = atomic_load(&alloc->failed) > 0;
                ct_alloc_fail_at(alloc, 0, false);
                if (status != CPROM_OK) {
                    assert_status(status, CPROM_ENOMEM);
                    up_assert_same(w.r, before);
                    assert_ok(cprom_update_commit(update, NULL)); /* not stale either */
                    assert_ok(call_it(&w, (enum call)call, mark));
                } else {
                    char *after = up_text(w.r);
                    assert_string_not_equal(before, after);
                    cprom_text_free(after);
                    cprom_text_free(before);
                }
                cprom_update_free(update);
                world_free(&w);
            }
        }
    }
}

/* Creation in a vector with an owner, from the first series to many chunks and owners. */
static void test_owner_creation_without_memory_changes_nothing(void **state)
{
    for (size_t nth = 1, more = 1; more; nth++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_gauge_vec *g = up_gauges(fixture->registry, "g", "p");
        char text[16];
        size_t made = 0, removed;
        ct_alloc_fail_at(&fixture->alloc, nth, false);
        for (int i = 0; i < 40; i++) {
            snprintf(text, sizeof text, "%d", i);
            cprom_status status = cprom_gauge_vec_set(g, CPROM_STRS(i % 5 ? "a" : text, text), i);
            assert_true(status == CPROM_OK || status == CPROM_ENOMEM);
            made += status == CPROM_OK;
            if (status) assert_ok(cprom_gauge_vec_set(g, CPROM_STRS(i % 5 ? "a" : text, text), i));
        }
        more = atomic_load(&fixture->alloc.failed);
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        assert_int_equal(made, more ? 39 : 40);
        assert_int_equal(cprom_gauge_vec_size(g), 40);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "a"}), &removed));
        assert_int_equal(removed, 32);
        assert_ok(cprom_gauge_vec_delete_matching(g, CPROM_LABELS({"p", "15"}), &removed));
        assert_int_equal(removed, 1);
        ct_fixture_free(fixture);
    }
}

int group_memory(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_new_without_memory_is_enomem),
        cmocka_unit_test(test_update_staging_without_memory_is_sticky),
        cmocka_unit_test(test_update_commit_without_memory_can_be_tried_again),
        cmocka_unit_test(test_update_commit_without_any_memory_can_be_tried_again),
        cmocka_unit_test(test_update_commit_without_memory_can_be_abandoned),
        cmocka_unit_test(test_update_commit_without_memory_can_become_stale),
        cmocka_unit_test(test_changes_without_memory_change_nothing),
        cmocka_unit_test(test_owner_creation_without_memory_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
