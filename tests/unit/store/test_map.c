/* lib/store/map.c alone: splits, equal hashes, removal, walking, and readers beside a writer. */
#include "support/cprom_test.h"

#include "store/map.h"
#include "store/slab.h"
#include "base/thread.h"

#define DEPTH_LIMIT 22u /* of the map: beyond, segments grow */

typedef struct bench {
    ct_alloc alloc;
    struct cprom__allocator allocator;
    struct cprom__slab slab;
    struct cprom__reclaimer reclaimer;
    struct cprom__map map;
} bench;

static int setup(void **state)
{
    bench *b = calloc(1, sizeof *b);
    assert_non_null(b);
    cprom__allocator_init(&b->allocator, ct_allocate, ct_release, &b->alloc);
    cprom__slab_init(&b->slab, &b->allocator);
    cprom__reclaimer_init(&b->reclaimer, &b->allocator, &b->slab);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    bench *b = *state;
    cprom__map_free(&b->map, &b->allocator);
    cprom__reclaimer_destroy(&b->reclaimer);
    cprom__slab_destroy(&b->slab);
    assert_int_equal(b->alloc.blocks, 0);
    assert_int_equal(b->alloc.bytes, 0);
    free(b);
    return 0;
}

static void insert(bench *b, uint32_t hash, uint32_t ref)
{
    assert_true(cprom__map_reserve(&b->map, &b->reclaimer, hash));
    cprom__map_insert(&b->map, hash, ref);
}

/* How often a search for `hash` meets `ref`. */
static unsigned found(bench *b, uint32_t hash, uint32_t ref)
{
    struct cprom__probe probe = cprom__map_probe(&b->map, hash);
    unsigned times = 0;
    for (uint32_t r; (r = cprom__probe_next(&probe)) != 0;) times += r == ref;
    return times;
}

/* Asserts what holds of every map; returns the live entries, and in `*bytes` what the segments take. */
static size_t check(bench *b, size_t *bytes)
{
    size_t live = 0, sum = 0;
    uint64_t cursor = 0;
    struct cprom__segment *segment;
    for (uint64_t from = 0; cprom__map_walk(&b->map, &cursor, &segment); from = cursor) {
        uint32_t capacity = segment->mask + 1, entries = 0, dead = 0;
        assert_int_equal(capacity & segment->mask, 0);
        assert_true(segment->depth <= DEPTH_LIMIT);
        assert_true(capacity <= CPROM__SEGMENT_MAX || segment->depth == DEPTH_LIMIT);
        assert_int_equal(cursor - from, UINT64_C(1) << (32 - segment->depth));
        for (uint32_t i = 0; i < capacity; i++) {
            uint64_t entry = segment->entries[i];
            if (entry == CPROM__ENTRY_EMPTY) continue;
            dead += entry == CPROM__ENTRY_DEAD;
            if (entry == CPROM__ENTRY_DEAD) continue;
            entries++;
            assert_in_range(entry >> 32, from, cursor - 1);
        }
        assert_int_equal(segment->live, entries);
        assert_int_equal(segment->dead, dead);
        assert_true((uint64_t)(entries + dead) * 5 <= (uint64_t)capacity * 3);
        live += entries;
        sum += sizeof *segment + capacity * sizeof(uint64_t);
    }
    assert_int_equal(cursor, UINT64_C(1) << 32);
    if (bytes) *bytes = sum;
    return live;
}

static void test_probe_empty_map_finds_nothing(void **state)
{
    bench *b = *state;
    uint64_t cursor = 0;
    struct cprom__segment *segment;
    assert_int_equal(found(b, 0, 2), 0);
    assert_int_equal(found(b, UINT32_MAX, 2), 0);
    assert_false(cprom__map_walk(&b->map, &cursor, &segment));
}

static void test_insert_hundred_thousands_all_are_found(void **state)
{
    enum {
        N = 300000
    };
    bench *b = *state;
    uint64_t seed = 1;
    uint32_t *hashes = malloc(N * sizeof *hashes);
    assert_non_null(hashes);
    for (uint32_t i = 0; i < N; i++) {
        hashes[i] = (uint32_t)next_random(&seed);
        size_t calls = b->alloc.calls;
        insert(b, hashes[i], i + 2);
        /* A growing segment, or two halves and a directory; hashes rarely make a split split again. */
        assert_in_range(b->alloc.calls - calls, 0, 6);
    }
    assert_int_equal(check(b, NULL), N);
    for (uint32_t i = 0; i < N; i++) assert_int_equal(found(b, hashes[i], i + 2), 1);
    for (uint32_t i = 0; i < 1000; i++) assert_int_equal(found(b, (uint32_t)next_random(&seed), N + 2), 0);
    free(hashes);
}

static void test_insert_ascending_and_extreme_hashes_are_found(void **state)
{
    bench *b = *state;
    for (uint32_t i = 0; i < 50000; i++) insert(b, i, i + 2);
    for (uint32_t i = 0; i < 50000; i++) insert(b, UINT32_MAX - i, i + 100000);
    assert_int_equal(check(b, NULL), 100000);
    for (uint32_t i = 0; i < 50000; i++) {
        assert_int_equal(found(b, i, i + 2), 1);
        assert_int_equal(found(b, UINT32_MAX - i, i + 100000), 1);
    }
}

static void test_insert_equal_hashes_beyond_depth_limit_all_are_found(void **state)
{
    enum {
        N = 5000
    };
    bench *b = *state;
    const uint32_t hash = 0xdeadbeefu;
    for (uint32_t i = 0; i < N; i++) insert(b, hash, i + 2);
    insert(b, hash ^ 1, N + 2);
    insert(b, ~hash, N + 3);
    assert_int_equal(check(b, NULL), N + 2);
    for (uint32_t i = 0; i < N; i += 7) assert_int_equal(found(b, hash, i + 2), 1);
    assert_int_equal(found(b, hash, N + 2), 0);
    assert_int_equal(found(b, hash ^ 1, N + 2), 1);
    assert_int_equal(found(b, ~hash, N + 3), 1);
    for (uint32_t i = 0; i < N; i++) cprom__map_remove(&b->map, hash, i + 2);
    assert_int_equal(check(b, NULL), 2);
    assert_int_equal(found(b, hash ^ 1, N + 2), 1);
}

static void test_insert_equal_prefixes_segments_come_apart(void **state)
{
    enum {
        N = 4096
    };
    bench *b = *state;
    /* The first 18 bits agree, so that 18 splits of one segment leave the other half empty. */
    for (uint32_t i = 0; i < N; i++) insert(b, 0x5a5a4000u | i, i + 2);
    assert_int_equal(check(b, NULL), N);
    for (uint32_t i = 0; i < N; i++) assert_int_equal(found(b, 0x5a5a4000u | i, i + 2), 1);
    assert_int_equal(found(b, 0x5a5a4000u | N, 2), 0);
}

static void test_remove_all_and_tidy_segments_are_small(void **state)
{
    enum {
        N = 100000
    };
    bench *b = *state;
    uint64_t seed = 7;
    uint32_t *hashes = malloc(N * sizeof *hashes);
    size_t full, small;
    assert_non_null(hashes);
    for (uint32_t i = 0; i < N; i++) insert(b, hashes[i] = (uint32_t)next_random(&seed), i + 2);
    check(b, &full);
    for (uint32_t i = 0; i < N; i++) {
        assert_int_equal(found(b, hashes[i], i + 2), 1);
        cprom__map_remove(&b->map, hashes[i], i + 2);
        cprom__map_tidy(&b->map, &b->reclaimer, hashes[i]);
        assert_int_equal(found(b, hashes[i], i + 2), 0);
    }
    assert_int_equal(check(b, &small), 0);
    assert_true(small < full / 20);
    free(hashes);
}

static void test_tidy_few_survivors_segments_do_not_stay_large(void **state)
{
    enum {
        N = 100000,
        KEPT = 500
    };
    bench *b = *state;
    uint64_t seed = 9;
    uint32_t *hashes = malloc(N * sizeof *hashes);
    size_t bytes;
    assert_non_null(hashes);
    for (uint32_t i = 0; i < N; i++) insert(b, hashes[i] = (uint32_t)next_random(&seed), i + 2);
    for (uint32_t i = KEPT; i < N; i++) {
        cprom__map_remove(&b->map, hashes[i], i + 2);
        cprom__map_tidy(&b->map, &b->reclaimer, hashes[i]);
    }
    assert_int_equal(check(b, &bytes), KEPT);
    assert_true(bytes < (size_t)512 * 1024);
    for (uint32_t i = 0; i < KEPT; i++) assert_int_equal(found(b, hashes[i], i + 2), 1);
    free(hashes);
}

static void test_remove_at_chain_end_leaves_no_dead_entries(void **state)
{
    bench *b = *state;
    /* One chain of four in the first segment, which has 8 places. */
    for (uint32_t i = 0; i < 4; i++) insert(b, 8 * i, i + 2);
    cprom__map_remove(&b->map, 8, 3);
    cprom__map_remove(&b->map, 16, 4);
    assert_int_equal(found(b, 24, 5), 1);
    uint64_t cursor = 0;
    struct cprom__segment *segment;
    assert_true(cprom__map_walk(&b->map, &cursor, &segment));
    assert_int_equal(segment->dead, 2);
    cprom__map_remove(&b->map, 24, 5);
    assert_int_equal(segment->dead, 0);
    assert_int_equal(found(b, 0, 2), 1);
    assert_int_equal(check(b, NULL), 1);
}

static void test_reserve_many_removals_do_not_grow_it(void **state)
{
    bench *b = *state;
    uint64_t seed = 3;
    uint32_t hashes[100];
    size_t bytes;
    for (uint32_t i = 0; i < 100; i++) insert(b, hashes[i] = (uint32_t)next_random(&seed), i + 2);
    for (uint32_t round = 0; round < 100000; round++) {
        uint32_t i = (uint32_t)next_random(&seed) % 100;
        cprom__map_remove(&b->map, hashes[i], i + 2);
        insert(b, hashes[i] = (uint32_t)next_random(&seed), i + 2);
        if (round % 1024 == 0) cprom__reclaim(&b->reclaimer, 1);
    }
    assert_int_equal(check(b, &bytes), 100);
    assert_true(bytes < 16384);
    for (uint32_t i = 0; i < 100; i++) assert_int_equal(found(b, hashes[i], i + 2), 1);
}

static void test_random_operations_agree_with_a_list(void **state)
{
    enum {
        N = 3000
    };
    bench *b = *state;
    uint64_t seed = 11;
    /* ref is i + 2. Few bits, first or last ones, so that many hashes are equal, or begin or end alike. */
    static const uint32_t masks[] = {0xffffffffu, 0xff0000ffu, 0x000003ffu, 0xffc00000u};
    static struct {
        uint32_t hash;
        bool in;
    } list[N];
    for (size_t m = 0; m < 4; m++) {
        for (uint32_t round = 0; round < 30000; round++) {
            uint64_t random = next_random(&seed);
            uint32_t i = (uint32_t)(random >> 40) % N;
            if (list[i].in) {
                cprom__map_remove(&b->map, list[i].hash, i + 2);
                if (random & 1) cprom__map_tidy(&b->map, &b->reclaimer, list[i].hash);
                assert_int_equal(found(b, list[i].hash, i + 2), 0);
            } else {
                list[i].hash = (uint32_t)random & masks[m];
                insert(b, list[i].hash, i + 2);
            }
            list[i].in = !list[i].in;
            uint32_t k = (uint32_t)(random >> 20) % N;
            assert_int_equal(found(b, list[k].hash, k + 2), list[k].in);
        }
        size_t in = 0;
        for (uint32_t i = 0; i < N; i++) {
            in += list[i].in;
            assert_int_equal(found(b, list[i].hash, i + 2), list[i].in);
        }
        assert_int_equal(check(b, NULL), in);
    }
}

static void test_walk_while_splitting_sees_each_old_entry_once(void **state)
{
    enum {
        OLD = 20000,
        NEW = 150000
    };
    bench *b = *state;
    uint64_t seed = 13, cursor = 0;
    unsigned char *seen = calloc(OLD + 2, 1);
    struct cprom__segment *segment;
    uint32_t added = 0;
    assert_non_null(seen);
    for (uint32_t i = 0; i < OLD; i++) insert(b, (uint32_t)next_random(&seed), i + 2);
    while (cprom__map_walk(&b->map, &cursor, &segment)) {
        for (uint32_t i = 0; i <= segment->mask; i++) {
            uint64_t entry = segment->entries[i];
            if (entry > CPROM__ENTRY_DEAD && (uint32_t)entry < OLD + 2) seen[(uint32_t)entry]++;
        }
        for (int i = 0; i < 5000 && added < NEW; i++, added++) insert(b, (uint32_t)next_random(&seed), OLD + 2 + added);
    }
    assert_int_equal(added, NEW);
    for (uint32_t i = 0; i < OLD; i++) assert_int_equal(seen[i + 2], 1);
    free(seen);
}

static void test_reserve_failed_allocation_changes_nothing(void **state)
{
    enum {
        N = 20000
    };
    bench *b = *state;
    uint64_t seed = 17;
    uint32_t *hashes = malloc(N * sizeof *hashes);
    size_t refused = 0;
    assert_non_null(hashes);
    for (uint32_t i = 0; i < N; i++) {
        hashes[i] = (uint32_t)next_random(&seed);
        for (size_t nth = 1;; nth++) {
            size_t bytes = b->alloc.bytes;
            ct_alloc_fail_at(&b->alloc, nth, nth % 2);
            bool ok = cprom__map_reserve(&b->map, &b->reclaimer, hashes[i]);
            ct_alloc_fail_at(&b->alloc, 0, false);
            if (ok) break;
            refused++;
            assert_int_equal(b->alloc.bytes, bytes);
            assert_int_equal(found(b, hashes[i], i + 2), 0);
        }
        cprom__map_insert(&b->map, hashes[i], i + 2);
    }
    assert_true(refused > 50);
    assert_int_equal(check(b, NULL), N);
    for (uint32_t i = 0; i < N; i++) assert_int_equal(found(b, hashes[i], i + 2), 1);
    /* Without memory, tidying leaves the segments as they are. */
    ct_alloc_fail_at(&b->alloc, 1, true);
    for (uint32_t i = 0; i < N; i++) {
        cprom__map_remove(&b->map, hashes[i], i + 2);
        cprom__map_tidy(&b->map, &b->reclaimer, hashes[i]);
    }
    ct_alloc_fail_at(&b->alloc, 0, false);
    assert_int_equal(check(b, NULL), 0);
    free(hashes);
}

/* ---- readers beside a writer ---- */

#define STABLE 2000u

typedef struct reading {
    bench *b;
    const uint32_t *hashes;
    _Atomic bool over;
    _Atomic uint64_t missed, looked;
} reading;

static void *read_stable(void *arg)
{
    reading *r = arg;
    uint64_t looked = 0, missed = 0;
    do {
        for (uint32_t i = 0; i < STABLE; i++, looked++) {
            if (!cprom__read_enter()) abort();
            missed += found(r->b, r->hashes[i], i + 2) != 1;
            cprom__read_leave();
        }
    } while (!atomic_load(&r->over));
    atomic_fetch_add(&r->missed, missed);
    atomic_fetch_add(&r->looked, looked);
    return NULL;
}

static void test_probe_beside_writer_never_misses_what_stays(void **state)
{
    enum {
        CHURN = 4000,
        ROUNDS = 60000
    };
    bench *b = *state;
    uint64_t seed = 19;
    static uint32_t hashes[STABLE], churn[CHURN];
    static bool in[CHURN];
    pthread_t threads[2];
    reading r = {.b = b, .hashes = hashes};
    /* All in one corner of the map, so that the stable entries move with every split and tidying. */
    for (uint32_t i = 0; i < STABLE; i++) insert(b, hashes[i] = (uint32_t)next_random(&seed) & 0xffff, i + 2);
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, read_stable, &r), 0);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t i = (uint32_t)(next_random(&seed) >> 32) % CHURN;
        if (in[i]) {
            cprom__map_remove(&b->map, churn[i], STABLE + 2 + i);
            cprom__map_tidy(&b->map, &b->reclaimer, churn[i]);
        } else {
            insert(b, churn[i] = (uint32_t)next_random(&seed) & 0xffff, STABLE + 2 + i);
        }
        in[i] = !in[i];
        if (round % 64 == 0) cprom__reclaim(&b->reclaimer, 1);
    }
    atomic_store(&r.over, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(r.missed, 0);
    assert_true(r.looked > 0);
    check(b, NULL);
    memset(in, 0, sizeof in);
}

int group_map(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_probe_empty_map_finds_nothing),
        OWN_TEST(test_insert_hundred_thousands_all_are_found),
        OWN_TEST(test_insert_ascending_and_extreme_hashes_are_found),
        OWN_TEST(test_insert_equal_hashes_beyond_depth_limit_all_are_found),
        OWN_TEST(test_insert_equal_prefixes_segments_come_apart),
        OWN_TEST(test_remove_all_and_tidy_segments_are_small),
        OWN_TEST(test_tidy_few_survivors_segments_do_not_stay_large),
        OWN_TEST(test_remove_at_chain_end_leaves_no_dead_entries),
        OWN_TEST(test_reserve_many_removals_do_not_grow_it),
        OWN_TEST(test_random_operations_agree_with_a_list),
        OWN_TEST(test_walk_while_splitting_sees_each_old_entry_once),
        OWN_TEST(test_reserve_failed_allocation_changes_nothing),
        OWN_TEST(test_probe_beside_writer_never_misses_what_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
