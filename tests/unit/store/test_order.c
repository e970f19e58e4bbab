/* lib/store/order.c from within: the chunks behind a vector's pages. How texts compare: test_sort.c. */
#include "support/cprom_test.h"

#include "store/order.h"
#include "store/context.h"
#include "store/kill.h"
#include "store/sort.h"

typedef struct bench {
    ct_fixture *fixture;
    cprom_gauge_vec *gauge;
    struct cprom_vec *vec;
    struct cprom__reclaimer *reclaimer;
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    b->fixture = ct_fixture_new();
    assert_ok(cprom_gauge_vec_new(b->fixture->registry,
                                  CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}), &b->gauge));
    b->vec = (struct cprom_vec *)b->gauge;
    b->reclaimer = &b->fixture->registry->reclaimer;
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
    static char name[16];
    snprintf(name, sizeof name, "%08zu", i);
    return name;
}

static void add(bench *b, size_t i) { assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS(name_of(i)), (double)i)); }
static void drop(bench *b, size_t i) { assert_ok(cprom_gauge_vec_delete(b->gauge, CPROM_STRS(name_of(i)))); }

static bool count_view(void *ctx, const cprom_view *view)
{
    (void)view;
    ++*(size_t *)ctx;
    return true;
}

static void gather(bench *b)
{
    cprom_page *page;
    assert_ok(cprom_page_open(b->fixture->registry, NULL, &page));
    cprom_page_close(page);
}

/* What a gather does before it copies. */
static bool drain(bench *b, bool sort)
{
    struct cprom__chain dead = {0, 0, 0};
    cprom__gate_enter(&b->fixture->registry->order_lock);
    bool ok = cprom__order_drain(&b->vec->order, b->reclaimer, &dead, cprom__snapshot_now(b->reclaimer)) &&
              (!sort || cprom__order_sort(&b->vec->order, b->reclaimer));
    atomic_fetch_sub(&b->vec->dead, dead.n);
    cprom__retire_chain(b->reclaimer, &dead);
    cprom__gate_leave(&b->fixture->registry->order_lock);
    return ok;
}

/* One step of order maintenance; returns how many dead series it took out. */
static size_t step(bench *b)
{
    struct cprom__chain dead = {0, 0, 0};
    cprom__gate_enter(&b->fixture->registry->order_lock);
    cprom__order_step(&b->vec->order, b->reclaimer, &dead);
    atomic_fetch_sub(&b->vec->dead, dead.n);
    cprom__retire_chain(b->reclaimer, &dead);
    cprom__gate_leave(&b->fixture->registry->order_lock);
    return dead.n;
}

static struct cprom_series *series_at(bench *b, uint32_t ref)
{
    return cprom__slab_at(&b->fixture->registry->slab, ref);
}

/* Asserts what holds of every order; returns how many chunks it has. */
static size_t check(bench *b)
{
    struct cprom__order *order = &b->vec->order;
    size_t young = 0, sorted = 0, chunks = 0;
    const struct cprom_series *before = NULL;
    for (struct cprom__order_chunk *chunk = order->young; chunk; chunk = chunk->next, chunks++) {
        assert_in_range(chunk->n, 1, CPROM__ORDER_CHUNK);
        if (!chunk->next) assert_ptr_equal(chunk, order->young_last);
        young += chunk->n;
    }
    assert_in_range(order->n_sorted, 0, order->sorted_room);
    for (size_t c = 0; c < order->n_sorted; c++, chunks++) {
        assert_in_range(order->sorted[c]->n, 1, CPROM__ORDER_CHUNK);
        assert_null(order->sorted[c]->next);
        for (uint32_t i = 0; i < order->sorted[c]->n; i++) {
            const struct cprom_series *series = series_at(b, order->sorted[c]->indexes[i]);
            if (before) assert_true(cprom__series_compare(before, series) <= 0);
            before = series;
        }
        sorted += order->sorted[c]->n;
    }
    assert_int_equal(order->n_young_series, young);
    assert_int_equal(order->n_sorted_series, sorted);
    return chunks;
}

static void test_sort_random_small_batches_chunks_stay_filled(void **state)
{
    enum {
        N = 30000
    };
    bench *b = *state;
    uint64_t seed = 7;
    size_t added = 0;
    while (added < N) {
        for (size_t n = 1 + (next_random(&seed) >> 33) % 100; n; n--, added++) {
            add(b, (size_t)(next_random(&seed) >> 33) % 100000000);
        }
        assert_true(drain(b, true));
        if (added % 16 == 0) check(b);
    }
    size_t alive = cprom_gauge_vec_size(b->gauge);
    assert_int_equal(b->vec->order.n_sorted_series, alive);
    assert_int_equal(b->vec->order.n_young_series, 0);
    /* Chunks that are split are half full at the least. */
    assert_true(check(b) <= alive * 22 / 10 / CPROM__ORDER_CHUNK + 1);
}

static void test_sort_ascending_one_at_a_time_chunks_stay_filled(void **state)
{
    enum {
        N = 3000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) {
        add(b, i);
        assert_true(drain(b, true));
    }
    assert_int_equal(b->vec->order.n_sorted_series, N);
    assert_true(check(b) <= N * 2 / CPROM__ORDER_CHUNK + 1);
}

static void test_sort_descending_and_mixed_batches_chunks_stay_filled(void **state)
{
    enum {
        N = 20000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) {
        add(b, i % 2 ? i : 50000 - i);
        if (i % 40 == 0) assert_true(drain(b, true));
    }
    assert_true(drain(b, true));
    assert_int_equal(b->vec->order.n_sorted_series, N);
    assert_true(check(b) <= N * 2 / CPROM__ORDER_CHUNK + 2);
}

static void test_sort_one_large_batch_chunks_are_full(void **state)
{
    enum {
        N = 100000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) add(b, i * 7919 % N);
    assert_true(drain(b, true));
    assert_int_equal(check(b), (N + CPROM__ORDER_CHUNK - 1) / CPROM__ORDER_CHUNK);
}

static void test_sort_failed_allocation_changes_nothing(void **state)
{
    bench *b = *state;
    ct_alloc *alloc = &b->fixture->alloc;
    uint64_t seed = 9;
    size_t refused = 0;
    for (size_t round = 0; round < 20; round++) {
        for (size_t i = 0; i < 400; i++) add(b, (size_t)(next_random(&seed) >> 33) % 1000000);
        for (size_t nth = 1;; nth++) {
            ct_alloc_fail_at(alloc, nth, nth % 2);
            bool ok = drain(b, true);
            ct_alloc_fail_at(alloc, 0, false);
            check(b);
            if (ok) break;
            refused++;
        }
        assert_int_equal(b->vec->order.n_sorted_series, cprom_gauge_vec_size(b->gauge));
    }
    assert_true(refused > 60);
}

/*==============================================================================
 * Dead series
 *============================================================================*/

static uint64_t unreclaimed(bench *b)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(b->fixture->registry, &stats));
    return stats.series_unreclaimed;
}

static void test_drain_dead_on_intake_are_retired(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 100; i++) add(b, i);
    for (size_t i = 0; i < 100; i += 2) drop(b, i);
    assert_int_equal(b->vec->dead, 50);
    assert_true(drain(b, false));
    assert_int_equal(b->vec->dead, 0);
    assert_int_equal(b->vec->order.n_young_series, 50);
    check(b);
}

static void test_step_dead_among_young_are_retired(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 2000; i++) add(b, i);
    assert_true(drain(b, false));
    for (size_t i = 0; i < 200; i++) drop(b, i * 9);
    for (size_t steps = 0; steps < 20; steps++) {
        step(b);
        check(b);
    }
    assert_int_equal(b->vec->dead, 0);
    assert_int_equal(b->vec->order.n_young_series, 1800);
}

static void test_step_dead_among_sorted_are_retired_and_chunks_joined(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 20000; i++) add(b, i);
    assert_true(drain(b, true));
    size_t full = check(b);
    for (size_t i = 0; i < 20000; i++) {
        if (i % 50) drop(b, i);
    }
    for (size_t steps = 0; steps < 2 * full; steps++) {
        step(b);
        check(b);
    }
    assert_int_equal(b->vec->dead, 0);
    assert_int_equal(b->vec->order.n_sorted_series, 400);
    assert_true(check(b) <= 6);
}

static void test_gather_dead_among_sorted_drop_out_and_chunks_are_joined(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 50000; i++) add(b, i);
    gather(b);
    /* Too few at a time for maintenance, so that it is the gathers that see them dead. */
    size_t alive = 50000;
    for (size_t round = 0; alive > 500; round++) {
        for (size_t n = 0, i = 0; n < 200 && i < 50000; i++) {
            if (i % 100 == 0 || cprom_gauge_vec_delete(b->gauge, CPROM_STRS(name_of(i))) != CPROM_OK) continue;
            n++;
            alive--;
            if (n == 200) gather(b);
        }
        gather(b);
        assert_int_equal(b->vec->dead, 0);
    }
    assert_int_equal(b->vec->order.n_sorted_series, 500);
    assert_true(check(b) <= 12);
}

static void test_step_any_state_looks_at_no_more_than_bound(void **state)
{
    bench *b = *state;
    uint64_t seed = 11;
    static bool in[6000];
    memset(in, 0, sizeof in);
    for (size_t round = 0; round < 3000; round++) {
        for (size_t n = 0; n < 200; n++) {
            size_t i = (size_t)(next_random(&seed) >> 33) % 6000;
            if (!in[i]) add(b, i);
            else drop(b, i);
            in[i] = !in[i];
        }
        if (round % 500 == 250) assert_ok(cprom_gauge_vec_clear(b->gauge));
        if (round % 500 == 250) memset(in, 0, sizeof in);
        if (round % 5 == 0) assert_true(drain(b, round % 20 == 0));
        size_t young = b->vec->order.n_young_series, sorted = b->vec->order.n_sorted_series;
        size_t dead = step(b);
        size_t gained = b->vec->order.n_young_series > young ? b->vec->order.n_young_series - young : 0;
        size_t lost = b->vec->order.n_sorted_series < sorted ? sorted - b->vec->order.n_sorted_series : 0;
        assert_true(dead + gained + lost <= 4096);
        check(b);
    }
}

static void test_step_long_intake_moves_a_bounded_number(void **state)
{
    enum {
        N = 30000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) add(b, i);
    for (size_t before = 0, steps = 0; before < N; steps++) {
        assert_in_range(steps, 0, N);
        step(b);
        size_t now = b->vec->order.n_young_series;
        assert_in_range(now - before, 1, 4096);
        before = now;
    }
    check(b);
}

static void test_clear_then_creations_each_call_retires_a_bounded_number(void **state)
{
    enum {
        N = 100000
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) add(b, i);
    gather(b);
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    uint64_t before = unreclaimed(b), dead = b->vec->dead;
    assert_in_range(N - before, 0, 4096);
    for (size_t i = 0; i < 1000; i++) {
        add(b, i);
        uint64_t now = unreclaimed(b), dead_now = b->vec->dead;
        assert_true(dead_now <= dead && dead - dead_now <= 4096);
        assert_true(now <= before && before - now <= 4096);
        before = now;
        dead = dead_now;
    }
    /* Each of them did something. */
    assert_in_range(dead, 0, 1000);
}

static void test_create_beside_full_young_of_dead_series_takes_them_out(void **state)
{
    enum {
        N = 10000,
        GONE = 2600
    };
    bench *b = *state;
    for (size_t i = 0; i < N; i++) add(b, i);
    /* The oldest: maintenance begins, and the living fill the chunks of the young. */
    for (size_t i = 0; i < GONE; i++) drop(b, i);
    assert_true(drain(b, false));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    cprom_registry_trim(b->fixture->registry);
    assert_int_equal(b->vec->dead, 0);

    for (size_t i = 0; i < N; i++) add(b, i);
    assert_true(drain(b, false));
    assert_ok(cprom_gauge_vec_clear(b->gauge));
    size_t bytes = b->fixture->alloc.bytes;
    for (size_t i = 0; i < 1000; i++) add(b, N + i);
    /* What is new took the place of what is gone. */
    assert_true(b->vec->dead < 1000);
    assert_true(b->fixture->alloc.bytes < bytes + 200000);
    check(b);
}

static void test_trim_scattered_young_all_dead_are_taken_out(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 60000; i++) add(b, i);
    assert_true(drain(b, false));
    /* One in a chunk survives, in each of them. */
    for (size_t i = 0; i < 60000; i++) {
        if (i % CPROM__ORDER_CHUNK) drop(b, i);
    }
    for (size_t i = 0; i < 60000; i += 2 * CPROM__ORDER_CHUNK) drop(b, i);
    cprom_registry_trim(b->fixture->registry);
    assert_int_equal(b->vec->dead, 0);
    assert_int_equal(unreclaimed(b), 0);
    assert_true(check(b) <= 4);
}

static void test_step_nearly_empty_young_beside_full_one_are_joined(void **state)
{
    bench *b = *state;
    for (size_t i = 0; i < 30 * CPROM__ORDER_CHUNK; i++) add(b, i);
    assert_true(drain(b, false));
    /* The first chunk, which is full, stays as it is; one series of each other survives. */
    struct cprom__order_chunk *first = b->vec->order.young;
    assert_int_equal(first->n, CPROM__ORDER_CHUNK);
    for (struct cprom__order_chunk *chunk = first->next; chunk; chunk = chunk->next) {
        for (uint32_t i = 1; i < chunk->n; i++) {
            /* Without the work that comes with a deletion. */
            pthread_mutex_lock(&b->vec->map_lock);
            struct cprom__removing removing = {.reason = CPROM__REMOVED_DELETE, .touched_since = CPROM__TOUCHED_NEVER};
            assert_int_equal(
                cprom__vec_kill(b->vec, series_at(b, chunk->indexes[i]), chunk->indexes[i], &removing, true),
                CPROM__KILLED_UNLINKED);
            cprom__vec_count(b->vec, CPROM__REMOVED_DELETE, 1, 0);
            pthread_mutex_unlock(&b->vec->map_lock);
        }
    }
    for (size_t steps = 0; steps < 60; steps++) step(b);
    assert_int_equal(b->vec->dead, 0);
    assert_int_equal(b->vec->order.n_young_series, CPROM__ORDER_CHUNK + 29);
    assert_true(check(b) <= 2);
}

static void test_page_labels_deleted_and_used_again_often_stand_once(void **state)
{
    enum {
        NAMES = 40,
        ROUNDS = 40000
    };
    bench *b = *state;
    uint64_t seed = 13;
    double expected[NAMES] = {0};
    bool in[NAMES] = {false};
    for (size_t round = 0; round < ROUNDS; round++) {
        size_t i = (size_t)(next_random(&seed) >> 33) % NAMES;
        if (in[i]) {
            drop(b, i);
        } else {
            expected[i] = (double)round;
            assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS(name_of(i)), expected[i]));
        }
        in[i] = !in[i];
        /* Into chunks while they live, so that equal texts, dead and alive, come to be sorted. */
        if (round % 64 == 0) assert_true(drain(b, round % 4096 == 0));
    }
    ct_page page = ct_page_read(b->fixture->registry, NULL, 4096);
    size_t n = 0;
    for (size_t i = 0; i < NAMES; i++) {
        char key[64];
        snprintf(key, sizeof key, "g{l=\"%s\"}", name_of(i));
        n += in[i];
        if (in[i]) assert_true(parser_value(page.parsed, key) == expected[i]);
        else assert_null(parser_find(page.parsed, key));
    }
    assert_int_equal(parser_count(page.parsed, "g"), n);
    ct_page_free(&page);
    check(b);
}

static void test_sort_equal_texts_beyond_insertion_sort_keep_the_living(void **state)
{
    bench *b = *state;
    for (size_t round = 0; round < 500; round++) {
        for (size_t i = 0; i < 4; i++) assert_ok(cprom_gauge_vec_set(b->gauge, CPROM_STRS(name_of(i)), (double)round));
        assert_true(drain(b, false)); /* alive: they go to the young */
        if (round < 499) {
            for (size_t i = 0; i < 4; i++) drop(b, i);
        }
    }
    assert_true(drain(b, true));
    check(b);
    ct_page page = ct_page_read(b->fixture->registry, NULL, 4096);
    assert_int_equal(parser_count(page.parsed, "g"), 4);
    assert_true(parser_value(page.parsed, "g{l=\"00000003\"}") == 499);
    ct_page_free(&page);
}

/* While somebody else has the order, creations and deletions cannot look after it. A gather of another vector does. */
static void test_gather_of_another_vector_does_what_was_owed(void **state)
{
    bench *b = *state;
    cprom_gauge_vec *other;
    size_t seen = 0;
    assert_ok(cprom_gauge_vec_new(b->fixture->registry, FAMILY("other", .labels = {"l"}), &other));
    cprom__gate_enter(&b->fixture->registry->order_lock);
    for (size_t i = 0; i < 5000; i++) {
        add(b, i);
        drop(b, i);
    }
    cprom__gate_leave(&b->fixture->registry->order_lock);
    assert_int_equal(b->vec->dead, 5000);
    assert_ok(cprom_gauge_vec_each(other, count_view, &seen));
    assert_true(b->vec->dead <= 256); /* so many are not worth it */
}

int group_order(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_sort_random_small_batches_chunks_stay_filled),
        OWN_TEST(test_sort_ascending_one_at_a_time_chunks_stay_filled),
        OWN_TEST(test_sort_descending_and_mixed_batches_chunks_stay_filled),
        OWN_TEST(test_sort_one_large_batch_chunks_are_full),
        OWN_TEST(test_sort_failed_allocation_changes_nothing),
        OWN_TEST(test_drain_dead_on_intake_are_retired),
        OWN_TEST(test_step_dead_among_young_are_retired),
        OWN_TEST(test_step_dead_among_sorted_are_retired_and_chunks_joined),
        OWN_TEST(test_gather_dead_among_sorted_drop_out_and_chunks_are_joined),
        OWN_TEST(test_step_any_state_looks_at_no_more_than_bound),
        OWN_TEST(test_step_long_intake_moves_a_bounded_number),
        OWN_TEST(test_clear_then_creations_each_call_retires_a_bounded_number),
        OWN_TEST(test_create_beside_full_young_of_dead_series_takes_them_out),
        OWN_TEST(test_trim_scattered_young_all_dead_are_taken_out),
        OWN_TEST(test_step_nearly_empty_young_beside_full_one_are_joined),
        OWN_TEST(test_page_labels_deleted_and_used_again_often_stand_once),
        OWN_TEST(test_sort_equal_texts_beyond_insertion_sort_keep_the_living),
        OWN_TEST(test_gather_of_another_vector_does_what_was_owed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
