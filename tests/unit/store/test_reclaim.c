/* What keeps a dead series in memory, and that nothing else does: lib/store/reclaim.c through a registry. */
#include "support/cprom_test.h"

#include "store/context.h"
#include "base/thread.h"
#include "store/lookup.h"
#include "store/vec.h"

typedef struct bench {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_gauge_vec *gauge;
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->fixture = ct_fixture_new();
    b->registry = b->fixture->registry;
    assert_ok(
        cprom_gauge_vec_new(b->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}), &b->gauge));
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    ct_fixture_free(b->fixture);
    free(b);
    return 0;
}

static const char *name_of(size_t i)
{
    static _Thread_local char name[24];
    snprintf(name, sizeof name, "%zu", i);
    return name;
}

static void add(bench *b, size_t i) { assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS(name_of(i)), (double)i)); }
static void drop(bench *b, size_t i) { assert_ok(cprom_gauge_vec_delete(b->gauge, CPROM_STRS(name_of(i)))); }

static cprom_page *open_page(bench *b)
{
    cprom_page *page;
    assert_ok(cprom_page_open(b->registry, NULL, &page));
    return page;
}

static uint64_t unreclaimed(bench *b)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(b->registry, &stats));
    return stats.series_unreclaimed;
}

static uint64_t after_trim(bench *b)
{
    cprom_registry_trim(b->registry);
    return unreclaimed(b);
}

/*==============================================================================
 * What holds a series
 *============================================================================*/

static void test_page_open_holds_what_it_shows(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 1000; i++) add(b, i);
    cprom_page *page = open_page(b);
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    assert_int_equal(after_trim(b), 1000);
    /* New ones with the same labels do not disturb it. */
    for (size_t i = 0; i < 1000; i++) assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS(name_of(i)), -1));
    ct_page text = ct_page_drain(page, 1000);
    assert_int_equal(parser_count(text.parsed, "g"), 1000);
    for (size_t i = 0; i < 1000; i++) {
        char key[32];
        snprintf(key, sizeof key, "g{l=\"%zu\"}", i);
        assert_true(parser_value(text.parsed, key) == (double)i);
    }
    ct_page_free(&text);
    assert_int_equal(after_trim(b), 1000);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

static void test_page_open_does_not_hold_what_was_dead_before(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 100; i++) add(b, i);
    cprom_page *first = open_page(b); /* they are in the order now */
    cprom_page_close(first);
    for (size_t i = 0; i < 50; i++) drop(b, i);
    cprom_page *page = open_page(b);
    assert_int_equal(after_trim(b), 0);
    for (size_t i = 50; i < 100; i++) drop(b, i);
    assert_int_equal(after_trim(b), 50);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

static void test_page_open_does_not_hold_what_was_born_after(void **state)
{
    bench *b = *state;
    add(b, 1);
    cprom_page *page = open_page(b);
    for (size_t i = 100; i < 1100; i++) add(b, i);
    for (size_t i = 100; i < 1100; i++) drop(b, i);
    assert_int_equal(after_trim(b), 0);
    drop(b, 1);
    assert_int_equal(after_trim(b), 1);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

static void test_pages_several_open_each_holds_its_own(void **state)
{
    bench *b = *state;
    cprom_page *pages[4];
    /* Series i is on the pages i to i + 1. */
    for (size_t i = 0; i < 5; i++) {
        add(b, i);
        if (i > 1) drop(b, i - 2);
        if (i > 0) pages[i - 1] = open_page(b);
    }
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    assert_int_equal(after_trim(b), 5);
    cprom_page_close(pages[1]); /* showed 1 and 2, which 0 and 2 still show */
    assert_int_equal(after_trim(b), 5);
    cprom_page_close(pages[0]); /* showed 0 and 1 */
    assert_int_equal(after_trim(b), 3);
    ct_page text = ct_page_drain(pages[2], 7);
    ct_assert_text_equal(text.text, "# HELP g h\n# TYPE g gauge\ng{l=\"2\"} 2\ng{l=\"3\"} 3\n");
    ct_page_free(&text);
    cprom_page_close(pages[3]);
    assert_int_equal(after_trim(b), 2);
    cprom_page_close(pages[2]);
    assert_int_equal(after_trim(b), 0);
}

/* A second vector, `h`, whose series are of no interest to a page of `g` only. */
static cprom_gauge_vec *make_other(bench *b, const cprom_opts *opts, size_t n)
{
    cprom_gauge_vec *other;
    assert_ok(cprom_gauge_vec_new(b->registry, opts, &other));
    for (size_t i = 0; i < n; i++) assert_ok(cprom_gauge_vec_set(other, CPROM_STRS(name_of(i)), 1));
    return other;
}

static cprom_page *open_filtered(bench *b)
{
    static const char *const names[] = {"g"};
    cprom_page *page;
    assert_ok(cprom_page_open(b->registry, CPROM_OPTS(cprom_page_opts, .names = names, .n_names = 1), &page));
    return page;
}

static void test_page_with_names_holds_what_it_shows(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 10; i++) add(b, i);
    cprom_gauge_vec *other = make_other(b, FAMILY("h", .labels = {"l"}), 2000);
    cprom_page_close(open_page(b));
    /* Dead, and still in the order, when the page is opened; and alive then. */
    for (size_t i = 0; i < 1000; i++) assert_ok(cprom_gauge_vec_delete(other, CPROM_STRS(name_of(i))));
    cprom_page *page = open_filtered(b);
    assert_ok(cprom_gauge_vec_clear(other));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    assert_int_equal(after_trim(b), 10);
    ct_page text = ct_page_drain(page, 1000);
    assert_int_equal(parser_count(text.parsed, "g"), 10);
    ct_page_free(&text);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

static void test_page_does_not_hold_what_has_expired_on_it(void **state)
{
    bench *b = *state;
    make_other(b, FAMILY("h", .labels = {"l"}, .ttl_seconds = 10), 10000);
    cprom_page_close(open_page(b));
    ct_clock_advance(&b->fixture->clock, INT64_C(11000000000));
    add(b, 1);
    cprom_page *page = open_page(b);
    drop(b, 1);
    assert_int_equal(after_trim(b), 1);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

typedef struct iteration {
    bench *b;
    cprom_gauge_vec *clears;
    uint64_t held; /* when all that is over is reclaimed */
} iteration;

static bool clear_and_trim(void *ctx, const cprom_view *view)
{
    iteration *i = ctx;
    (void)view;
    assert_ok(cprom_gauge_vec_clear(i->clears));
    i->held = after_trim(i->b);
    return false;
}

static void test_each_holds_what_it_shows(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 10; i++) add(b, i);
    iteration i = {b, make_other(b, FAMILY("h", .labels = {"l"}), 2000), 0};
    cprom_page_close(open_page(b));
    assert_ok(cprom_gauge_vec_each(b->gauge, clear_and_trim, &i));
    assert_int_equal(i.held, 0);
    i.clears = b->gauge;
    assert_ok(cprom_gauge_vec_each(b->gauge, clear_and_trim, &i));
    assert_int_equal(i.held, 10);
    assert_int_equal(after_trim(b), 0);
}

static void test_each_does_not_hold_what_lingers(void **state)
{
    bench *b = *state;
    iteration i = {b, make_other(b, FAMILY("h", .labels = {"l"}, .linger_seconds = 10), 1000), 0};
    for (size_t k = 1; k < 1000; k++) assert_ok(cprom_gauge_vec_delete(i.clears, CPROM_STRS(name_of(k))));
    assert_ok(cprom_gauge_vec_each(i.clears, clear_and_trim, &i));
    assert_int_equal(i.held, 1);
    assert_int_equal(after_trim(b), 0);
}

/* Born, and dead, between the moment of the page and its copying. */
static bench *amid;

static void add_and_drop(enum cprom__seam point)
{
    if (point != CPROM__SEAM_GATHER_CUTS && point != CPROM__SEAM_GATHER_CUT) return;
    for (size_t i = 0; i < 100; i++) {
        add(amid, i);
        drop(amid, i);
    }
}

static void test_page_does_not_hold_what_came_and_went_while_it_was_taken(void **state)
{
    bench *b = *state;
    amid = b;
    add(b, 1000);
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = add_and_drop;
    cprom_page *page = open_page(b);
    cprom__seam_hook = hook;
    drop(b, 1000);
    assert_int_equal(after_trim(b), 1);
    cprom_page_close(page);
    assert_int_equal(after_trim(b), 0);
}

static void test_handle_held_series_stays(void **state)
{
    bench *b = *state;
    cprom_gauge *handle = cprom_gauge_vec_with(b->gauge, CPROM_STRS("x"));
    cprom_gauge *other = cprom_gauge_ref(handle);
    cprom_gauge_set(handle, 5);
    assert_ok(cprom_gauge_vec_delete(b->gauge, CPROM_STRS("x")));
    assert_int_equal(after_trim(b), 1);
    cprom_gauge_unref(handle);
    assert_int_equal(after_trim(b), 1);
    assert_true(cprom_gauge_value(other) == 5);
    cprom_gauge_unref(other);
    assert_int_equal(after_trim(b), 0);
}

/* So many references that one more is too many. */
static void hold_often(cprom_gauge *handle)
{
    atomic_store(&((struct cprom_series *)(void *)handle)->refs, CPROM__REF_MANY - CPROM__REF + CPROM__REF_KEPT);
}

static uint32_t count_of(cprom_gauge *handle) { return atomic_load(&((struct cprom_series *)(void *)handle)->refs); }

/* In each way that a reference is taken: the count goes no further, whatever is taken and given back then. */
static void test_handles_more_than_can_be_counted_keep_the_series(void **state)
{
    bench *b = *state;
    cprom_update *update;
    cprom_result result;
    for (int way = 0; way < 4; way++) {
        cprom_gauge *handle = cprom_gauge_vec_with(b->gauge, CPROM_STRS(name_of((size_t)way)));
        hold_often(handle);
        assert_ok(cprom_update_new(b->registry, &update));
        if (way == 0) assert_ptr_equal(cprom_gauge_ref(handle), handle);
        if (way == 1) assert_ptr_equal(cprom_gauge_vec_with(b->gauge, CPROM_STRS("1")), handle);
        if (way == 2) assert_ok(cprom_update_gauge_set(update, handle, 2));
        if (way == 3) assert_ok(cprom_update_gauge_vec_set(update, b->gauge, CPROM_STRS("3"), 3));
        assert_ok(cprom_update_commit(update, &result));
        assert_int_equal(result.updated, way >= 2);
        assert_int_equal(count_of(handle), CPROM__REF_SATURATED);
        for (int i = 0; i < 100; i++) cprom_gauge_ref(handle);
        assert_int_equal(count_of(handle), CPROM__REF_SATURATED);
        for (int i = 0; i < 1000; i++) cprom_gauge_unref(handle);
        assert_int_equal(count_of(handle), CPROM__REF_SATURATED);
        cprom_update_free(update);
        drop(b, (size_t)way);
        assert_int_equal(after_trim(b), 1);
        /* Another one of these labels is another one. */
        add(b, (size_t)way);
        cprom_gauge_set(handle, 666);
        double value;
        assert_ok(cprom_gauge_vec_get(b->gauge, CPROM_STRS(name_of((size_t)way)), &value));
        assert_true(value == way);
        atomic_store(&((struct cprom_series *)(void *)handle)->refs, CPROM__REF + CPROM__REF_KEPT);
        cprom_gauge_unref(handle);
        assert_int_equal(after_trim(b), 0);
    }
}

static void test_handles_more_than_can_be_counted_outlive_the_registry(void **state)
{
    bench *b = *state;
    cprom_gauge *handle = cprom_gauge_vec_with(b->gauge, CPROM_STRS("x"));
    hold_often(handle);
    cprom_gauge_ref(handle);
    cprom_registry_free(b->registry);
    b->fixture->registry = NULL;
    for (int i = 0; i < 1000; i++) cprom_gauge_unref(handle);
    assert_int_equal(count_of(handle), CPROM__REF_SATURATED);
    assert_true(b->fixture->alloc.blocks > 0);
    /* As the last one of an orphan; the teardown looks that this was all. */
    atomic_store(&((struct cprom_series *)(void *)handle)->refs, CPROM__REF);
    cprom_gauge_unref(handle);
}

/* Of a hidden series only an update that could not be committed has references. */
static void test_reservations_more_than_can_be_counted_keep_the_series(void **state)
{
    bench *b = *state;
    struct cprom_vec *vec = (struct cprom_vec *)(void *)b->gauge;
    struct cprom_series *series;
    struct cprom__values values;
    assert_ok(cprom__values_measure(vec, CPROM_STRS("x"), &values));
    assert_ok(cprom__series_reserve(vec, &values, &series));
    hold_often((cprom_gauge *)(void *)series);
    struct cprom_series *again;
    assert_ok(cprom__series_reserve(vec, &values, &again));
    assert_ptr_equal(again, series);
    assert_int_equal(atomic_load(&series->refs), CPROM__REF_SATURATED);
    for (int i = 0; i < 10; i++) cprom__series_unreserve(vec, series);
    assert_int_equal(atomic_load(&series->refs), CPROM__REF_SATURATED);
    assert_int_equal(after_trim(b), 0);
    assert_int_equal(atomic_load(&series->life), CPROM__LIFE_HIDDEN);
    add(b, 0);
    atomic_store(&series->refs, CPROM__REF + CPROM__REF_KEPT);
    cprom__series_unreserve(vec, series);
    assert_int_equal(after_trim(b), 0);
}

static void *delete_and_trim(void *arg)
{
    bench *b = arg;
    for (size_t i = 0; i < 50; i++) drop(b, i);
    for (int i = 0; i < 5; i++) cprom_registry_trim(b->registry);
    return NULL;
}

static void test_read_section_entered_before_holds(void **state)
{
    bench *b = *state;
    pthread_t thread;
    for (size_t i = 0; i < 50; i++) add(b, i);
    assert_true(cprom__read_enter());
    assert_int_equal(pthread_create(&thread, NULL, delete_and_trim, b), 0);
    pthread_join(thread, NULL);
    assert_int_equal(unreclaimed(b), 50);
    cprom__read_leave();
    assert_int_equal(after_trim(b), 0);
}

/*==============================================================================
 * Trimming
 *============================================================================*/

static void test_trim_some_are_held_all_others_go(void **state)
{
    enum {
        N = 20000
    };
    bench *b = *state;
    cprom_gauge *handles[10];
    for (size_t i = 0; i < N; i++) add(b, i);
    for (size_t i = 0; i < 10; i++) handles[i] = cprom_gauge_vec_with(b->gauge, CPROM_STRS(name_of(i * N / 10)));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    assert_int_equal(after_trim(b), 10);
    for (size_t i = 0; i < 10; i++) cprom_gauge_unref(handles[i]);
    assert_int_equal(after_trim(b), 0);
}

static void test_trim_series_of_several_vectors_each_give_theirs_back(void **state)
{
    bench *b = *state;
    cprom_gauge_vec *gauges[3] = {b->gauge};
    static const char *const names[] = {"g", "g2", "g3"};
    for (size_t i = 1; i < 3; i++) {
        assert_ok(cprom_gauge_vec_new(b->registry, CPROM_OPTS(cprom_opts, .name = names[i], .help = "h", .labels = {"l"}),
                                      &gauges[i]));
    }
    for (size_t i = 0; i < 300; i++) assert_ok(cprom_gauge_vec_set(gauges[i % 3], CPROM_STRS(name_of(i)), 1));
    cprom_page_close(open_page(b));
    /* All of them are ready at once, and what is destroyed together is not one vector's. */
    for (size_t i = 0; i < 297; i++) assert_ok(cprom_gauge_vec_delete(gauges[i % 3], CPROM_STRS(name_of(i))));
    cprom_page_close(open_page(b));
    assert_int_equal(after_trim(b), 0);
    for (size_t i = 0; i < 3; i++) assert_int_equal(((struct cprom_vec *)gauges[i])->refs, 2); /* listed, one series */
}

static void test_trim_after_clear_memory_comes_back(void **state)
{
    bench *b = *state;
    cprom_page_close(open_page(b));
    size_t before = b->fixture->alloc.bytes;
    for (size_t round = 0; round < 3; round++) {
        for (size_t i = 0; i < 50000; i++) add(b, i);
        if (round != 1) cprom_page_close(open_page(b));
        assert_ok(cprom_gauge_vec_clear(b->gauge));
        assert_int_equal(after_trim(b), 0);
        /* What stays is the skeleton of the map, and directories. */
        assert_true(b->fixture->alloc.bytes < before + 65536);
    }
}

static void test_pages_only_scrapes_reclaim_after_clear(void **state)
{
    enum {
        N = 50000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) add(b, i);
    cprom_page_close(open_page(b));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    for (int i = 0; i < 40; i++) {
        uint64_t before = unreclaimed(b);
        cprom_page_close(open_page(b));
        uint64_t now = unreclaimed(b);
        assert_true(now <= before && before - now <= 4096 + 256);
    }
    assert_int_equal(unreclaimed(b), 0);
}

/* ---- while the order lock is a gather's ---- */

enum {
    BESIDE = 4000
};

static bench *beside;

/* None of the deletions finds the order lock free. */
static void delete_beside(enum cprom__seam point)
{
    if (point != CPROM__SEAM_GATHER_READY) return;
    for (size_t i = 0; i < BESIDE; i++) cprom_gauge_vec_delete(beside->gauge, CPROM_STRS(name_of(i)));
}

static void test_pages_of_other_vectors_do_what_deletions_could_not(void **state)
{
    bench *b = beside = *state;
    const struct cprom_vec *vec = (struct cprom_vec *)b->gauge;
    const char *other = "other";
    for (size_t i = 0; i < BESIDE; i++) add(b, i);
    cprom_page_close(open_page(b));
    cprom__seam_hook = delete_beside;
    cprom_page *page;
    cprom_status status = cprom_page_open(b->registry, CPROM_OPTS(cprom_page_opts, .names = &other, .n_names = 1), &page);
    cprom__seam_hook = NULL;
    assert_ok(status);
    assert_int_equal(cprom_gauge_vec_size(b->gauge), 0);
    /* As many are left in the order as nobody would look for. */
    assert_in_range(vec->dead, 1, 256);
    cprom_page_close(page);
}

static void test_create_only_replaced_parts_of_the_map_are_freed(void **state)
{
    enum {
        N = 200000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) {
        add(b, i);
        if (i % 1000 == 0) assert_true(b->registry->reclaimer.blocks < 64);
    }
    /* All in: DESIGN.md promises 128 bytes a series, and this vector's share in the order is still to come. */
    assert_true(b->fixture->alloc.bytes < (size_t)N * 100);
}

/*==============================================================================
 * Churn that nobody scrapes
 *============================================================================*/

/* Asserts that `rounds` creations and deletions beside `alive` other series take no more than `limit` bytes. */
static void churn(bench *b, size_t alive, size_t rounds, size_t limit)
{
    size_t most = 0, before = 0;
    for (size_t i = 0; i < rounds + alive; i++) {
        add(b, i);
        if (i >= alive) drop(b, i - alive);
        if (i == alive) before = b->fixture->alloc.bytes;
        if (i > alive && b->fixture->alloc.bytes > most) most = b->fixture->alloc.bytes;
    }
    assert_int_equal(cprom_gauge_vec_size(b->gauge), alive);
    if (most > before + limit) fail_msg("%zu bytes more, %zu allowed", most - before, limit);
}

static void test_churn_million_without_scrape_bytes_stay_bounded(void **state) { churn(*state, 0, 1000000, 131072); }

static void test_churn_beside_living_series_bytes_stay_bounded(void **state) { churn(*state, 5000, 200000, 524288); }

static void test_churn_beside_open_page_bytes_stay_bounded(void **state)
{
    bench *b = *state;
    assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS("kept"), 1));
    cprom_page *page = open_page(b);
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    churn(b, 1, 200000, 262144);
    ct_page text = ct_page_drain(page, 100);
    assert_int_equal(parser_count(text.parsed, "g"), 1);
    ct_page_free(&text);
    cprom_page_close(page);
}

static void test_churn_beside_detached_handles_bytes_stay_bounded(void **state)
{
    enum {
        HELD = 2000
    };
    bench *b = *state;
    static cprom_gauge *handles[HELD];
    for (size_t i = 0; i < HELD; i++) handles[i] = cprom_gauge_vec_with(b->gauge, CPROM_STRS(name_of(i)));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    cprom_registry_trim(b->registry);
    churn(b, 0, 200000, 524288);
    for (size_t i = 0; i < HELD; i++) {
        assert_true(cprom_gauge_value(handles[i]) == 0);
        cprom_gauge_unref(handles[i]);
    }
    assert_int_equal(after_trim(b), 0);
}

static void test_churn_clear_of_many_bytes_stay_bounded(void **state)
{
    bench *b = *state;
    size_t most[2] = {0, 0};
    for (size_t round = 0; round < 200; round++) {
        for (size_t i = 0; i < 2000; i++) add(b, round * 2000 + i);
        if (b->fixture->alloc.bytes > most[round >= 50]) most[round >= 50] = b->fixture->alloc.bytes;
        assert_ok(cprom_gauge_vec_clear(b->gauge));
    }
    assert_true(most[1] <= most[0] + 65536);
}

/*==============================================================================
 * Registries that end
 *============================================================================*/

static void test_registry_free_page_and_handles_outlive_it(void **state)
{
    bench *b = *state;
    cprom_gauge *alive = cprom_gauge_vec_with(b->gauge, CPROM_STRS("alive"));
    cprom_gauge *dead = cprom_gauge_vec_with(b->gauge, CPROM_STRS("dead"));
    cprom_gauge_set(alive, 1);
    cprom_gauge_set(dead, 2);
    cprom_page *page = open_page(b);
    assert_ok(cprom_gauge_vec_delete(b->gauge, CPROM_STRS("dead")));
    cprom_registry_trim(b->registry);
    cprom_registry_free(b->registry);
    b->fixture->registry = NULL;
    cprom_gauge_set(alive, 3);
    cprom_gauge_set(dead, 4);
    ct_page text = ct_page_drain(page, 3);
    ct_assert_text_equal(text.text, "# HELP g h\n# TYPE g gauge\ng{l=\"alive\"} 1\ng{l=\"dead\"} 2\n");
    ct_page_free(&text);
    cprom_gauge_unref(dead);
    cprom_page_close(page);
    assert_true(b->fixture->alloc.blocks > 0);
    cprom_gauge_unref(alive); /* the teardown looks that this was all */
}

static void test_unregister_page_open_keeps_its_series(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 300; i++) add(b, i);
    cprom_gauge *handle = cprom_gauge_vec_with(b->gauge, CPROM_STRS("7"));
    cprom_page *page = open_page(b);
    assert_ok(cprom_registry_unregister(b->registry, "g"));
    cprom_gauge_set(handle, 99);
    assert_true(cprom_gauge_value(handle) == 7);
    for (int i = 0; i < 5; i++) cprom_registry_trim(b->registry);
    ct_page text = ct_page_drain(page, 50);
    assert_int_equal(parser_count(text.parsed, "g"), 300);
    ct_page_free(&text);
    cprom_page_close(page);
    assert_true(cprom_gauge_value(handle) == 7);
    cprom_gauge_unref(handle);
    assert_int_equal(after_trim(b), 0);
}

int group_reclaim(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_page_open_holds_what_it_shows),
        OWN_TEST(test_page_open_does_not_hold_what_was_dead_before),
        OWN_TEST(test_page_open_does_not_hold_what_was_born_after),
        OWN_TEST(test_pages_several_open_each_holds_its_own),
        OWN_TEST(test_page_with_names_holds_what_it_shows),
        OWN_TEST(test_page_does_not_hold_what_has_expired_on_it),
        OWN_TEST(test_each_holds_what_it_shows),
        OWN_TEST(test_each_does_not_hold_what_lingers),
        OWN_TEST(test_page_does_not_hold_what_came_and_went_while_it_was_taken),
        OWN_TEST(test_handle_held_series_stays),
        OWN_TEST(test_handles_more_than_can_be_counted_keep_the_series),
        OWN_TEST(test_handles_more_than_can_be_counted_outlive_the_registry),
        OWN_TEST(test_reservations_more_than_can_be_counted_keep_the_series),
        OWN_TEST(test_read_section_entered_before_holds),
        OWN_TEST(test_trim_some_are_held_all_others_go),
        OWN_TEST(test_trim_series_of_several_vectors_each_give_theirs_back),
        OWN_TEST(test_trim_after_clear_memory_comes_back),
        OWN_TEST(test_pages_only_scrapes_reclaim_after_clear),
        OWN_TEST(test_pages_of_other_vectors_do_what_deletions_could_not),
        OWN_TEST(test_create_only_replaced_parts_of_the_map_are_freed),
        OWN_TEST(test_churn_million_without_scrape_bytes_stay_bounded),
        OWN_TEST(test_churn_beside_living_series_bytes_stay_bounded),
        OWN_TEST(test_churn_beside_open_page_bytes_stay_bounded),
        OWN_TEST(test_churn_beside_detached_handles_bytes_stay_bounded),
        OWN_TEST(test_churn_clear_of_many_bytes_stay_bounded),
        OWN_TEST(test_registry_free_page_and_handles_outlive_it),
        OWN_TEST(test_unregister_page_open_keeps_its_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
