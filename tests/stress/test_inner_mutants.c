/* The checker of lives must find mutants inside the library, in combinations of options. */
#include "lives.h"
#include "support/inner_mutants.h"

static void must_be_found(const char *name, struct lives_wishes wishes)
{
    wishes.second = wishes.bound = LIVES_NEVER;
    if (ct_inner_mutant_on == CT_INNER_NO_SECOND_LOOK) wishes.changes = wishes.handles = LIVES_NEVER; /* more of it */
    bool found = lives_find(name, &wishes);
    ct_inner_mutant_on = CT_INNER_NONE;
    assert_true(found);
}

#define MUTANT(test, mutant, c, f, o, t, l, m)                                                                         \
    static void test(void **state)                                                                                     \
    {                                                                                                                  \
        struct lives_wishes wishes = {.cap = c, .fold = f, .owner = o, .ttl = t, .linger = l, .marks = m};             \
        ct_inner_mutant_on = mutant;                                                                                   \
        must_be_found(__func__, wishes);                                                                               \
    }

#define Y LIVES_ALWAYS
#define N LIVES_NEVER

/*     cap, fold, owner, ttl, linger, marks */
MUTANT(test_inner_mutant_value_after_is_found, CT_INNER_VALUE_AFTER, Y, N, Y, N, Y, N)
#if !CT_SANITIZED /* a race of nanoseconds, which a sanitizer stretches beyond finding */
MUTANT(test_inner_mutant_no_second_look_is_found, CT_INNER_NO_SECOND_LOOK, N, N, N, N, N, Y)
#endif
MUTANT(test_inner_mutant_unsettled_is_found, CT_INNER_UNSETTLED, Y, N, Y, N, Y, N)
MUTANT(test_inner_mutant_unpublished_is_found, CT_INNER_UNPUBLISHED, Y, N, Y, N, N, N)
MUTANT(test_inner_mutant_by_flags_is_found, CT_INNER_BY_FLAGS, N, N, N, N, N, N)
MUTANT(test_inner_mutant_by_flags_with_linger_is_found, CT_INNER_BY_FLAGS, Y, N, Y, N, Y, N)
MUTANT(test_inner_mutant_clock_again_is_found, CT_INNER_CLOCK_AGAIN, N, N, N, Y, Y, N)
MUTANT(test_inner_mutant_each_lingers_is_found, CT_INNER_EACH_LINGERS, Y, Y, Y, N, Y, N)
MUTANT(test_inner_mutant_not_kept_is_found, CT_INNER_NOT_KEPT, Y, N, Y, N, N, N)
MUTANT(test_inner_mutant_not_kept_with_ttl_is_found, CT_INNER_NOT_KEPT, N, N, N, Y, N, Y)

int group_inner_mutants(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inner_mutant_value_after_is_found),
#if !CT_SANITIZED
        cmocka_unit_test(test_inner_mutant_no_second_look_is_found),
#endif
        cmocka_unit_test(test_inner_mutant_unsettled_is_found),
        cmocka_unit_test(test_inner_mutant_unpublished_is_found),
        cmocka_unit_test(test_inner_mutant_by_flags_is_found),
        cmocka_unit_test(test_inner_mutant_by_flags_with_linger_is_found),
        cmocka_unit_test(test_inner_mutant_clock_again_is_found),
        cmocka_unit_test(test_inner_mutant_each_lingers_is_found),
        cmocka_unit_test(test_inner_mutant_not_kept_is_found),
        cmocka_unit_test(test_inner_mutant_not_kept_with_ttl_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
