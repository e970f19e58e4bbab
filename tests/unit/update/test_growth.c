/*
 * What staging and committing cost, by counting: entries and vectors that are compared. Each of a large change
 * costs what each of a small one does.
 */
#include "support/updates.h"

#define EACH_AT_MOST 12 /* comparisons: a search, in slots that are at most as many as what is in them */

static size_t compared; /* entries and vectors */

static void count_compared(enum cprom__seam point)
{
    compared += point == CPROM__SEAM_UPDATE_COMPARES;
}

static void count_begin(void)
{
    compared = 0;
    cprom__seam_hook = count_compared;
}

/* ---- many vectors ---- */

enum { VECTORS = 1000 };

static void many_vectors(cprom_registry *r, cprom_gauge_vec *vecs[VECTORS])
{
    char name[16];
    for (int i = 0; i < VECTORS; i++) {
        snprintf(name, sizeof name, "g%d", i);
        vecs[i] = up_gauges(r, name, i % 2 ? "p" : NULL);
    }
}

static void test_update_over_many_vectors_is_linear(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *vecs[VECTORS];
    cprom_gauge *held[VECTORS];
    many_vectors(r, vecs);
    for (int round = 0; round < 2; round++) {
        count_begin();
        cprom_update *update = up_new(r);
        for (int i = 0; i < VECTORS; i++) {
            /* The same labels in each. */
            assert_ok(OWNER(vecs[i], "a"));
            assert_ok(SET(vecs[i], i, "a", "1"));
            assert_ok(SET(vecs[i], i, "a", "2"));
            assert_ok(ADD(vecs[i], 1, "a", "1"));
            if (round) assert_ok(cprom_update_gauge_set(update, held[i], 1));
        }
        up_commit(update, round ? 0 : 2 * VECTORS, round ? 2 * VECTORS : 0, 0, 0);
        cprom__seam_hook = NULL;
        /* For each vector: nine searches that find, and as many that do not. */
        assert_true(compared >= VECTORS);
        assert_true(compared <= (size_t)3 * EACH_AT_MOST * VECTORS);
        for (int i = 0; i < VECTORS && !round; i++) held[i] = cprom_gauge_vec_with(vecs[i], CPROM_STRS("a", "1"));
    }
    for (int i = 0; i < VECTORS; i++) cprom_gauge_unref(held[i]);
}

int group_growth(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_update_over_many_vectors_is_linear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
