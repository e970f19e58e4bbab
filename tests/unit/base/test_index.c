/* lib/base/index.c alone. */
#include "support/cprom_test.h"

#include "base/index.h"

enum {
    NODES = 300,
    STEPS = 40000
};

typedef struct entry {
    struct cprom__index_node node;
    uint64_t hash;
    int since; /* the step in which it came; 0: it is not there */
} entry;

/* What the index must find: those of this hash, the newest first. */
static void check_hash(const struct cprom__index *index, const entry *entries, uint64_t hash)
{
    int before = STEPS + 1;
    size_t n = 0, expected = 0;
    for (const struct cprom__index_node *node = cprom__index_find(index, hash); node; node = node->older, n++) {
        const entry *found = CPROM__INDEXED(node, const entry, node);
        assert_true(found->hash == hash);
        assert_true(found->since && found->since < before);
        before = found->since;
    }
    for (size_t i = 0; i < NODES; i++) expected += entries[i].since && entries[i].hash == hash;
    assert_int_equal(n, expected);
}

/* Hashes that differ in their first bits, in their last ones, or not at all. */
static void test_index_finds_what_is_there_the_newest_first(void **state)
{
    static entry entries[NODES];
    struct cprom__index index = {NULL};
    uint64_t random = 7;
    memset(entries, 0, sizeof entries);
    for (int step = 1; step <= STEPS; step++) {
        entry *e = &entries[(next_random(&random) >> 32) % NODES];
        if (e->since) {
            cprom__index_remove(&index, &e->node);
            e->since = 0;
        } else {
            uint64_t bits = next_random(&random) >> 40;
            e->hash = bits % 3 == 0 ? bits % 50 : bits % 3 == 1 ? bits << 40 : bits % 5;
            e->since = step;
            cprom__index_add(&index, &e->node, e->hash);
        }
        check_hash(&index, entries, e->hash);
        check_hash(&index, entries, entries[step % NODES].hash);
    }
    for (size_t i = 0; i < NODES; i++) {
        if (entries[i].since) cprom__index_remove(&index, &entries[i].node);
    }
    assert_null(index.top);
}

int group_index(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_index_finds_what_is_there_the_newest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
