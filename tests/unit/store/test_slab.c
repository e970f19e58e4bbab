/* lib/store/slab.c alone. */
#include "support/cprom_test.h"

#include "store/slab.h"

typedef struct bench {
    ct_alloc alloc;
    struct cprom__allocator allocator;
    struct cprom__slab slab;
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    cprom__allocator_init(&b->allocator, ct_allocate, ct_release, &b->alloc);
    cprom__slab_init(&b->slab, &b->allocator);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    cprom__slab_destroy(&b->slab);
    assert_int_equal(b->alloc.blocks, 0);
    assert_int_equal(b->alloc.bytes, 0);
    free(b);
    return 0;
}

/* Asserts that no chunk is left: only directories, which stay for readers, and double each time. */
static void assert_only_directories(const bench *b)
{
    size_t dirs = 0, bytes = 0;
    for (const struct cprom__slab_dir *dir = b->slab.dir; dir; dir = dir->older) {
        dirs++;
        bytes += sizeof *dir + dir->capacity * sizeof(char *);
    }
    assert_int_equal(b->alloc.blocks, dirs);
    assert_int_equal(b->alloc.bytes, bytes);
}

/* A slot, filled with a pattern of its own. */
typedef struct slot {
    unsigned char *at;
    uint32_t ref;
    size_t size;
} slot;

static slot take(bench *b, size_t size)
{
    slot s = {.size = size};
    s.at = cprom__slab_alloc(&b->slab, size, &s.ref);
    assert_non_null(s.at);
    assert_true(s.ref > 1);
    assert_int_equal((uintptr_t)s.at % 8, 0);
    assert_ptr_equal(cprom__slab_at(&b->slab, s.ref), s.at);
    memset(s.at, (int)(s.ref * 167 >> 3 & 0xff), size);
    return s;
}

static void check(bench *b, const slot *s)
{
    assert_ptr_equal(cprom__slab_at(&b->slab, s->ref), s->at);
    unsigned char pattern = (unsigned char)(s->ref * 167 >> 3 & 0xff);
    for (size_t i = 0; i < s->size; i += i < 64 || s->size - i < 64 || s->size < 4096 ? 1 : 61) {
        if (s->at[i] != pattern) fail_msg("byte %zu of %zu of slot %u was overwritten", i, s->size, s->ref);
    }
}

static void test_alloc_each_size_slots_do_not_overlap(void **state)
{
    bench *b = *state;
    enum {
        EACH = 40
    };
    slot *slots = malloc(1200 * EACH * sizeof *slots);
    size_t n = 0;
    assert_non_null(slots);
    for (size_t size = 1; size <= 1200; size++) {
        for (int i = 0; i < EACH; i++) slots[n++] = take(b, size);
    }
    for (size_t i = 0; i < n; i++) check(b, &slots[i]);
    for (size_t i = 0; i < n; i++) cprom__slab_free(&b->slab, slots[i].ref);
    assert_only_directories(b);
    free(slots);
}

static void test_alloc_up_to_four_megabytes_works(void **state)
{
    bench *b = *state;
    slot slots[24];
    size_t n = 0;
    for (size_t size = 512; size <= (size_t)4 << 20; size *= 2) {
        slots[n++] = take(b, size);
        slots[n++] = take(b, size - 1);
        assert_in_range(n, 0, 28);
        if (n == 24) break;
    }
    slot large = take(b, ((size_t)4 << 20) + 5000);
    for (size_t i = 0; i < n; i++) check(b, &slots[i]);
    check(b, &large);
    cprom__slab_free(&b->slab, large.ref);
    for (size_t i = n; i--;) cprom__slab_free(&b->slab, slots[i].ref);
    assert_only_directories(b);
}

/* What ends a registry is 2^31 units of 8 bytes, whatever the size: each chunk's number is half used at least. */
static void test_alloc_large_slots_share_the_numbers_of_chunks(void **state)
{
    static const size_t sizes[] = {1025, 1153, 2048, 2049, 4100, 5000, 8193, 12000, 20489, 21825, 30000, 32744, 32745};
    enum {
        N = 400
    };
    static slot slots[N];
    bench *b = *state;
    for (size_t s = 0; s < COUNT(sizes); s++) {
        size_t before = b->slab.next_number, bytes = b->alloc.bytes;
        for (size_t i = 0; i < N; i++) slots[i] = take(b, sizes[s]);
        /* The first six chunks of a class are smaller. */
        assert_in_range(b->slab.next_number - before, 1, 6 + N * ((sizes[s] + 7) / 8) / 4096 + 1);
        /* An eighth of each, and the last chunk that is not full yet. */
        assert_in_range(b->alloc.bytes - bytes, N * sizes[s], N * sizes[s] * 9 / 8 + 65536 + 20000);
        for (size_t i = 0; i < N; i++) check(b, &slots[i]);
        for (size_t i = 0; i < N; i++) cprom__slab_free(&b->slab, slots[i].ref);
        assert_only_directories(b);
        /* A new one: numbers that were given back would come first. */
        teardown(state);
        setup(state);
        b = *state;
    }
}

static void test_free_then_alloc_slot_is_used_again(void **state)
{
    bench *b = *state;
    slot slots[100];
    for (int i = 0; i < 100; i++) slots[i] = take(b, 96);
    size_t bytes = b->alloc.bytes;
    for (int round = 0; round < 1000; round++) {
        int i = round * 37 % 100;
        uint32_t ref = slots[i].ref;
        cprom__slab_free(&b->slab, ref);
        slots[i] = take(b, 90); /* of the same class */
        assert_int_equal(slots[i].ref, ref);
    }
    assert_int_equal(b->alloc.bytes, bytes);
    for (int i = 0; i < 100; i++) check(b, &slots[i]);
    for (int i = 0; i < 100; i++) cprom__slab_free(&b->slab, slots[i].ref);
    assert_only_directories(b);
}

static void test_alloc_few_slots_chunks_stay_small(void **state)
{
    bench *b = *state;
    enum { MANY = 20000 };
    slot *slots = malloc(MANY * sizeof *slots);
    assert_non_null(slots);
    /* Also when there were many before. */
    for (size_t n = 1; n <= MANY; n += MANY - 1) {
        slot s = take(b, 80);
        assert_true(b->alloc.bytes < 16384);
        cprom__slab_free(&b->slab, s.ref);
        for (size_t i = 0; i < MANY; i++) slots[i] = take(b, 80);
        for (size_t i = 0; i < MANY; i++) cprom__slab_free(&b->slab, slots[i].ref);
    }
    free(slots);
}

static void test_alloc_many_slots_overhead_is_small(void **state)
{
    enum {
        N = 100000,
        SIZE = 88
    };
    bench *b = *state;
    slot *slots = malloc(N * sizeof *slots);
    assert_non_null(slots);
    for (size_t i = 0; i < N; i++) slots[i] = take(b, SIZE);
    assert_true(b->alloc.bytes < (size_t)N * SIZE * 102 / 100 + 65536);
    for (size_t i = 0; i < N; i++) check(b, &slots[i]);
    /* All of them out of order. */
    for (size_t step = 0; step < 7; step++) {
        for (size_t i = step; i < N; i += 7) cprom__slab_free(&b->slab, slots[i].ref);
    }
    assert_only_directories(b);
    free(slots);
}

static void test_random_operations_keep_contents_apart(void **state)
{
    enum {
        N = 2000
    };
    bench *b = *state;
    uint64_t seed = 23;
    static slot slots[N];
    memset(slots, 0, sizeof slots);
    for (size_t round = 0; round < 200000; round++) {
        uint64_t random = next_random(&seed);
        slot *s = &slots[(random >> 32) % N];
        if (s->at) {
            check(b, s);
            cprom__slab_free(&b->slab, s->ref);
            s->at = NULL;
        } else {
            size_t most = random % 1024 == 0 ? 300000 : random % 16 == 0 ? 3000 : 200;
            *s = take(b, 1 + (random >> 12) % most);
        }
    }
    for (size_t i = 0; i < N; i++) {
        if (!slots[i].at) continue;
        check(b, &slots[i]);
        cprom__slab_free(&b->slab, slots[i].ref);
    }
    assert_only_directories(b);
    /* Chunk numbers come back, too: the directory does not grow with the rounds. */
    assert_true(b->slab.next_number < 2048);
}

static void test_alloc_failed_allocation_changes_nothing(void **state)
{
    bench *b = *state;
    slot slots[600];
    uint32_t ref;
    size_t refused = 0;
    for (int i = 0; i < 600; i++) {
        size_t size = i % 3 ? 40 + (size_t)i % 5 * 200 : 40000; /* which has a chunk alone */
        for (size_t nth = 1;; nth++) {
            size_t bytes = b->alloc.bytes;
            ct_alloc_fail_at(&b->alloc, nth, false);
            void *at = cprom__slab_alloc(&b->slab, size, &ref);
            ct_alloc_fail_at(&b->alloc, 0, false);
            if (at) {
                cprom__slab_free(&b->slab, ref);
                break;
            }
            refused++;
            assert_int_equal(b->alloc.bytes, bytes);
        }
        slots[i] = take(b, size);
    }
    assert_true(refused > 200);
    for (int i = 0; i < 600; i++) check(b, &slots[i]);
    for (int i = 0; i < 600; i++) cprom__slab_free(&b->slab, slots[i].ref);
    assert_only_directories(b);
}

static void *churn(void *arg)
{
    bench *b = arg;
    uint64_t seed = (uint64_t)(uintptr_t)&seed | 1;
    slot slots[64];
    memset(slots, 0, sizeof slots);
    for (size_t round = 0; round < 50000; round++) {
        uint64_t random = next_random(&seed);
        slot *s = &slots[(random >> 32) % 64];
        if (s->at) {
            check(b, s);
            cprom__slab_free(&b->slab, s->ref);
            s->at = NULL;
        } else {
            *s = take(b, 8 + (random >> 12) % 300);
        }
    }
    for (int i = 0; i < 64; i++) {
        if (slots[i].at) cprom__slab_free(&b->slab, slots[i].ref);
    }
    return NULL;
}

static void test_alloc_by_four_threads_keeps_contents_apart(void **state)
{
    bench *b = *state;
    pthread_t threads[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, churn, b), 0);
    for (int i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    assert_only_directories(b);
}

int group_slab(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_alloc_each_size_slots_do_not_overlap),
        OWN_TEST(test_alloc_up_to_four_megabytes_works),
        OWN_TEST(test_alloc_large_slots_share_the_numbers_of_chunks),
        OWN_TEST(test_free_then_alloc_slot_is_used_again),
        OWN_TEST(test_alloc_few_slots_chunks_stay_small),
        OWN_TEST(test_alloc_many_slots_overhead_is_small),
        OWN_TEST(test_random_operations_keep_contents_apart),
        OWN_TEST(test_alloc_failed_allocation_changes_nothing),
        OWN_TEST(test_alloc_by_four_threads_keeps_contents_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
