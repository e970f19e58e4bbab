/* The checker of lives must find each mutant: three for each rule, some in combinations of options. */
#include "lives.h"
#include "support/lives_mutants.h"
#include "support/mutants.h"

static void must_be_found(const char *name, struct lives_wishes wishes)
{
    ct_lives_mutant_cap = wishes.cap_of_all = 1;
    wishes.second = wishes.bound = LIVES_NEVER;
    bool found = lives_find(name, &wishes);
    ct_lives_mutant_on = CT_LIVES_NONE;
    ct_mutant_on = CT_MUTANT_NONE;
    assert_true(found);
}

/* With these options, and without the others. */
#define MUTANT(test, mutant, c, f, o, t, l, m)                                                                         \
    static void test(void **state)                                                                                     \
    {                                                                                                                  \
        struct lives_wishes wishes = {.cap = c, .fold = f, .owner = o, .ttl = t, .linger = l, .marks = m};             \
        ct_lives_mutant_on = mutant;                                                                                   \
        must_be_found(__func__, wishes);                                                                               \
    }

#define Y LIVES_ALWAYS
#define N LIVES_NEVER

/*     cap, fold, owner, ttl, linger, marks */
MUTANT(test_lives_mutant_set_later_is_found, CT_LIVES_SET_LATER, N, N, N, N, N, N)
MUTANT(test_lives_mutant_add_later_is_found, CT_LIVES_ADD_LATER, N, Y, Y, Y, Y, N)
MUTANT(test_lives_mutant_rows_later_is_found, CT_LIVES_ROWS_LATER, Y, N, Y, N, Y, N)

MUTANT(test_lives_mutant_sweep_since_now_is_found, CT_LIVES_SWEEP_SINCE_NOW, N, N, N, N, N, Y)
MUTANT(test_lives_mutant_sweep_all_now_is_found, CT_LIVES_SWEEP_ALL_NOW, N, N, Y, Y, N, Y)
MUTANT(test_lives_mutant_mark_before_is_found, CT_LIVES_MARK_BEFORE, Y, N, Y, N, Y, Y)

MUTANT(test_lives_mutant_full_unseen_is_found, CT_LIVES_FULL_UNSEEN, Y, N, N, N, N, N)
MUTANT(test_lives_mutant_folded_unseen_is_found, CT_LIVES_FOLDED_UNSEEN, N, Y, Y, Y, N, N)
MUTANT(test_lives_mutant_room_first_is_found, CT_LIVES_ROOM_FIRST, Y, N, Y, N, Y, N)

MUTANT(test_lives_mutant_each_looks_again_is_found, CT_LIVES_EACH_LOOKS_AGAIN, N, N, N, N, Y, N)
MUTANT(test_lives_mutant_each_in_parts_is_found, CT_LIVES_EACH_IN_PARTS, N, N, N, N, N, N)
MUTANT(test_lives_mutant_each_last_time_is_found, CT_LIVES_EACH_LAST_TIME, Y, N, Y, Y, Y, N)

MUTANT(test_lives_mutant_clear_one_by_one_is_found, CT_LIVES_CLEAR_ONE_BY_ONE, N, N, N, N, N, N)
MUTANT(test_lives_mutant_remove_one_by_one_is_found, CT_LIVES_REMOVE_ONE_BY_ONE, Y, N, Y, N, N, Y)
MUTANT(test_lives_mutant_rows_one_by_one_is_found, CT_LIVES_ROWS_ONE_BY_ONE, N, N, Y, N, Y, N)

#undef Y
#undef N

/* The mutants of changes that are not whole (mutants.h), with all options; one writer where they need no lock. */
static void must_be_found_whole(const char *name, enum ct_mutant mutant, unsigned writers)
{
    struct lives_wishes wishes = {.singles = LIVES_NEVER, .writers = writers};
    ct_mutant_on = mutant;
    must_be_found(name, wishes);
}

static void test_lives_mutant_without_the_gate_is_found(void **state)
{
    must_be_found_whole(__func__, CT_MUTANT_NO_GATE, 1);
}

static void test_lives_mutant_clear_first_is_found(void **state)
{
    must_be_found_whole(__func__, CT_MUTANT_CLEAR_FIRST, 0);
}

static void test_lives_mutant_by_family_is_found(void **state)
{
    must_be_found_whole(__func__, CT_MUTANT_BY_FAMILY, 0);
}

int group_lives_mutants(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lives_mutant_set_later_is_found),
        cmocka_unit_test(test_lives_mutant_add_later_is_found),
        cmocka_unit_test(test_lives_mutant_rows_later_is_found),
        cmocka_unit_test(test_lives_mutant_sweep_since_now_is_found),
        cmocka_unit_test(test_lives_mutant_sweep_all_now_is_found),
        cmocka_unit_test(test_lives_mutant_mark_before_is_found),
        cmocka_unit_test(test_lives_mutant_full_unseen_is_found),
        cmocka_unit_test(test_lives_mutant_folded_unseen_is_found),
        cmocka_unit_test(test_lives_mutant_room_first_is_found),
        cmocka_unit_test(test_lives_mutant_each_looks_again_is_found),
        cmocka_unit_test(test_lives_mutant_each_in_parts_is_found),
        cmocka_unit_test(test_lives_mutant_each_last_time_is_found),
        cmocka_unit_test(test_lives_mutant_clear_one_by_one_is_found),
        cmocka_unit_test(test_lives_mutant_remove_one_by_one_is_found),
        cmocka_unit_test(test_lives_mutant_rows_one_by_one_is_found),
        cmocka_unit_test(test_lives_mutant_without_the_gate_is_found),
        cmocka_unit_test(test_lives_mutant_clear_first_is_found),
        cmocka_unit_test(test_lives_mutant_by_family_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
