/* lib/store/cell.c alone: where striped cells come from. */
#include "support/cprom_test.h"

#include <signal.h>
#include <sys/mman.h>

#include "store/cell.h"

typedef struct bench {
    ct_alloc alloc;
    struct cprom__allocator allocator;
    struct cprom__cell_pool pool;
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    cprom__allocator_init(&b->allocator, ct_allocate, ct_release, &b->alloc);
    cprom__cell_pool_init(&b->pool, &b->allocator);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    cprom__cell_pool_destroy(&b->pool);
    assert_int_equal(b->alloc.blocks, 0);
    assert_int_equal(b->alloc.bytes, 0);
    free(b);
    return 0;
}

/* Neighbouring cells, of which each stripe is filled with a number of its own. */
typedef struct run {
    cprom__cell *cells;
    unsigned n, place;
    uint64_t mark;
} run;

static void take(bench *b, run *r, unsigned n, uint64_t mark)
{
    *r = (run){.n = n, .mark = mark};
    r->cells = cprom__cells_new(&b->pool, n, &r->place);
    assert_non_null(r->cells);
    assert_true(r->place + n <= CPROM__STRIDE_CELLS);
    assert_int_equal((uintptr_t)(r->cells - r->place) % 64, 0);
    for (unsigned stripe = 0; stripe <= CPROM__NEAR_STRIPES; stripe++) {
        for (unsigned i = 0; i < n; i++) {
            assert_int_equal(cprom__cell_in(r->cells, stripe)[i], 0);
            cprom__cell_in(r->cells, stripe)[i] = mark + stripe;
        }
    }
}

static void give_back(bench *b, run *r)
{
    for (unsigned stripe = 0; stripe <= CPROM__NEAR_STRIPES; stripe++) {
        for (unsigned i = 0; i < r->n; i++) assert_int_equal(cprom__cell_in(r->cells, stripe)[i], r->mark + stripe);
    }
    cprom__cells_free(&b->pool, r->cells, r->n, r->place);
    r->cells = NULL;
}

static void test_cells_of_any_size_never_overlap_and_begin_at_zero(void **state)
{
    static run runs[400];
    uint64_t seed = 5;
    bench *b = *state;
    for (int step = 0; step < 20000; step++) {
        uint64_t random = next_random(&seed);
        run *r = &runs[(random >> 32) % COUNT(runs)];
        if (r->cells) give_back(b, r);
        else take(b, r, 1 + (unsigned)(random >> 12) % (step % 2 ? CPROM__STRIDE_CELLS : 4), (uint64_t)step << 8 | 1);
    }
    for (size_t i = 0; i < COUNT(runs); i++) {
        if (runs[i].cells) give_back(b, &runs[i]);
    }
}

static void test_cells_fill_what_has_room_before_more_is_allocated(void **state)
{
    bench *b = *state;
    run runs[CPROM__STRIDE_CELLS], wide;
    for (unsigned i = 0; i < 32; i++) take(b, &runs[i], 2, 1000 * i + 1);
    assert_int_equal(b->alloc.blocks, 1);
    take(b, &wide, CPROM__STRIDE_CELLS, 1);
    assert_int_equal(b->alloc.blocks, 2);
    /* A hole of two is not one of four, until its neighbour is free as well. */
    give_back(b, &runs[10]);
    give_back(b, &runs[12]);
    take(b, &runs[32], 4, 1);
    assert_int_equal(b->alloc.blocks, 3);
    give_back(b, &runs[32]);
    assert_int_equal(b->alloc.blocks, 2);
    give_back(b, &runs[11]);
    take(b, &runs[10], 4, 1);
    take(b, &runs[11], 2, 1);
    assert_int_equal(b->alloc.blocks, 2);
    for (unsigned i = 0; i < 32; i++) {
        if (runs[i].cells) give_back(b, &runs[i]);
    }
    assert_int_equal(b->alloc.blocks, 1);
    give_back(b, &wide);
}

static void test_cells_out_of_memory_changes_nothing(void **state)
{
    bench *b = *state;
    run r;
    unsigned place;
    ct_alloc_fail_at(&b->alloc, 1, false);
    assert_null(cprom__cells_new(&b->pool, 1, &place));
    take(b, &r, 1, 7);
    give_back(b, &r);
}

/*==============================================================================
 * Far rows
 *============================================================================*/

/* A variable, since compilers warn of comparisons with a constant 0. */
static unsigned most_owned = CPROM_STRIPES - 1;

/* As a thread that owns this stripe; most_owned: none. */
static cprom__cell *mine(bench *b, const run *r, unsigned stripe, bool *owned)
{
    cprom__thread_stripe_known = stripe + 1;
    return cprom__cells_mine(&b->pool, r->cells, r->place, owned);
}

static unsigned groups_of(unsigned stripe) { return stripe < 8 ? 0 : stripe < 16 ? 1 : stripe < 32 ? 2 : 3; }

static void test_cells_of_each_stripe_are_its_own_and_far_ones_come_when_needed(void **state)
{
    bench *b = *state;
    run r, beside;
    bool owned;
    unsigned used = cprom__stripes_used, groups = 0;
    cprom__stripes_used = most_owned;
    take(b, &beside, 3, 1000);
    take(b, &r, 2, 0);
    size_t bytes = b->alloc.bytes;
    assert_in_range(bytes, 9 * CPROM__STRIDE * (CPROM__NEAR_STRIPES == 8), 9 * CPROM__STRIDE + 128);
    for (unsigned stripe = 0; stripe <= most_owned; stripe++) {
        cprom__cell *cells = mine(b, &r, stripe, &owned);
        assert_int_equal(owned, stripe < most_owned);
        if (owned) groups = groups_of(stripe);
        assert_int_equal(b->alloc.blocks, 1 + groups);
        for (unsigned i = 0; i < 2; i++) cells[i] = 10000 * (i + 1) + stripe;
        assert_ptr_equal(mine(b, &r, stripe, &owned), cells);
    }
    /* Each is in one row, and what stands beside them is as it was. */
    bool seen[CPROM_STRIPES] = {false};
    assert_int_equal(cprom__cell_rows(), CPROM_STRIPES);
    for (unsigned row = 0; row < cprom__cell_rows(); row++) {
        const cprom__cell *cells = cprom__cells_in_row(r.cells, r.place, row);
        assert_non_null(cells);
        assert_in_range(cells[0], 10000, 10000 + most_owned);
        assert_int_equal(cells[1], cells[0] + 10000);
        assert_false(seen[cells[0] - 10000]);
        seen[cells[0] - 10000] = true;
        for (unsigned i = 0; row > CPROM__NEAR_STRIPES && i < 3; i++) {
            assert_int_equal(cprom__cells_in_row(beside.cells, beside.place, row)[i], 0);
        }
    }
    cprom__cells_free(&b->pool, r.cells, 2, r.place);
    take(b, &r, 2, 0);
    for (unsigned row = CPROM__NEAR_STRIPES + 1; row < cprom__cell_rows(); row++) {
        for (unsigned i = 0; i < 2; i++) assert_int_equal(cprom__cells_in_row(r.cells, r.place, row)[i], 0);
    }
    cprom__cells_free(&b->pool, r.cells, 2, r.place);
    give_back(b, &beside);
    cprom__stripes_used = used;
    cprom__thread_stripe_known = 0;
}

static void test_cells_far_without_memory_are_the_shared_ones(void **state)
{
    bench *b = *state;
    run r;
    bool owned;
    take(b, &r, 1, 1);
    cprom__cell *shared = mine(b, &r, most_owned, &owned);
    assert_false(owned);
    for (unsigned stripe = 8; stripe < most_owned; stripe++) {
        ct_alloc_fail_at(&b->alloc, 1, false);
        assert_ptr_equal(mine(b, &r, stripe, &owned), shared);
        assert_false(owned);
        assert_null(cprom__cells_in_row(r.cells, r.place, stripe + 1));
        assert_int_equal(b->alloc.blocks, 1);
    }
    ct_alloc_fail_at(&b->alloc, 0, false);
    give_back(b, &r);
    cprom__thread_stripe_known = 0;
}

/*==============================================================================
 * How many chunks a call looks at: each is on pages of its own, which nobody may touch, and who does is counted.
 *============================================================================*/

#define CHUNKS 500u
#define CHUNK_SPAN 16384u

static char *watched;
static unsigned chunks, looked_at;

static void *watched_allocate(void *ctx, size_t size)
{
    assert_true(size <= CHUNK_SPAN && chunks < CHUNKS + 8);
    return watched + CHUNK_SPAN * chunks++;
}

static void watched_release(void *ctx, void *ptr, size_t size) {}

static void watch(int protection)
{
    looked_at = 0;
    assert_int_equal(mprotect(watched, (size_t)CHUNK_SPAN * (CHUNKS + 8), protection), 0);
}

static void on_touch(int number, siginfo_t *info, void *context)
{
    size_t at = (size_t)((char *)info->si_addr - watched);
    if (at >= (size_t)CHUNK_SPAN * (CHUNKS + 8)) abort();
    looked_at++;
    if (mprotect(watched + at / CHUNK_SPAN * CHUNK_SPAN, CHUNK_SPAN, PROT_READ | PROT_WRITE) != 0) abort();
}

/* Its own, and neighbours in the lists: the one that it leaves has two, and the one that it enters one. */
#define LOOKED_AT_MOST 4u

static void test_cells_new_and_free_look_at_a_bounded_number_of_chunks(void **state)
{
    static cprom__cell *cells[CHUNKS];
    static unsigned places[CHUNKS];
    struct sigaction action = {.sa_sigaction = on_touch, .sa_flags = SA_SIGINFO}, before;
    struct cprom__allocator allocator;
    struct cprom__cell_pool pool;
    if (ct_on_valgrind()) ct_skip("valgrind does not tell where a fault was");
    watched = mmap(NULL, (size_t)CHUNK_SPAN * (CHUNKS + 8), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(watched, MAP_FAILED);
    cprom__allocator_init(&allocator, watched_allocate, watched_release, NULL);
    cprom__cell_pool_init(&pool, &allocator);
    /* 63 of each chunk, so that all have room for one and none for two. */
    for (unsigned i = 0; i < CHUNKS; i++) {
        cells[i] = cprom__cells_new(&pool, CPROM__STRIDE_CELLS - 1, &places[i]);
        assert_int_equal(chunks, i + 1);
    }
    sigemptyset(&action.sa_mask);
    assert_int_equal(sigaction(SIGSEGV, &action, &before), 0);
    unsigned most_new = 0, most_free = 0;
    for (unsigned i = 0; i < 8; i++) {
        unsigned place;
        watch(PROT_NONE);
        cprom__cell *two = cprom__cells_new(&pool, CPROM__STRIDE_CELLS, &place);
        if (looked_at > most_new) most_new = looked_at;
        watch(PROT_NONE);
        cprom__cells_free(&pool, two, CPROM__STRIDE_CELLS, place);
        if (looked_at > most_free) most_free = looked_at;
        /* The oldest, one in the middle, the newest, and what is between. */
        unsigned victim = (CHUNKS - 1) * i / 7;
        watch(PROT_NONE);
        cprom__cells_free(&pool, cells[victim], CPROM__STRIDE_CELLS - 1, places[victim]);
        if (looked_at > most_free) most_free = looked_at;
        cells[victim] = NULL;
    }
    assert_int_equal(sigaction(SIGSEGV, &before, NULL), 0);
    watch(PROT_READ | PROT_WRITE);
    assert_in_range(most_new, 1, LOOKED_AT_MOST);
    assert_in_range(most_free, 1, LOOKED_AT_MOST);
    for (unsigned i = 0; i < CHUNKS; i++) {
        if (cells[i]) cprom__cells_free(&pool, cells[i], CPROM__STRIDE_CELLS - 1, places[i]);
    }
    assert_int_equal(allocator.bytes, 0);
    cprom__cell_pool_destroy(&pool);
    munmap(watched, (size_t)CHUNK_SPAN * (CHUNKS + 8));
}

int group_cell(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_cells_of_any_size_never_overlap_and_begin_at_zero, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells_fill_what_has_room_before_more_is_allocated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells_out_of_memory_changes_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cells_of_each_stripe_are_its_own_and_far_ones_come_when_needed, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(test_cells_far_without_memory_are_the_shared_ones, setup, teardown),
        cmocka_unit_test(test_cells_new_and_free_look_at_a_bounded_number_of_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
