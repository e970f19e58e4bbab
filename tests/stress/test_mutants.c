/* Three mutants of the library under the load of test_commits.c: the checker must find each. */
#include "commits.h"
#include "support/mutants.h"

static void yield_in_the_middle(enum cprom__seam point)
{
    if (point == CPROM__SEAM_COMMIT_READY || point == CPROM__SEAM_COMMIT_HALF || point == CPROM__SEAM_CHANGE_HALF) {
        for (int i = 0; i < 20; i++) sched_yield();
    }
}

/*
 * Until the checker finds something, at most 20 times as long as a stress test takes. One writer where the mutant leaves
 * out a lock that writers need among themselves.
 */
static void must_be_found(ct_fixture *fixture, enum ct_mutant mutant, bool deletions, int writers)
{
    static struct load load;
    memset(&load, 0, sizeof load);
    load.deletions = deletions;
    load.commits = UINT64_MAX;
    ct_mutant_on = mutant;
    cprom__seam_hook = yield_in_the_middle;
    load_run(&load, fixture->registry, writers, SCRAPERS, 20 * ct_stress_seconds());
    cprom__seam_hook = NULL;
    ct_mutant_on = CT_MUTANT_NONE;
    print_message("found after %llu commits, %llu pages: %s\n", (unsigned long long)load.begun,
                  (unsigned long long)load.pages, load.why);
    assert_true(strstr(load.why, "owner") == load.why);
}

static void test_mutant_commit_without_the_gate_is_found(void **state)
{
    must_be_found(*state, CT_MUTANT_NO_GATE, false, 1);
}

static void test_mutant_clear_then_set_is_found(void **state)
{
    must_be_found(*state, CT_MUTANT_CLEAR_FIRST, false, WRITERS);
}

static void test_mutant_deletion_family_by_family_is_found(void **state)
{
    must_be_found(*state, CT_MUTANT_BY_FAMILY, true, WRITERS);
}

int group_mutants(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_mutant_commit_without_the_gate_is_found),
        TEST(test_mutant_clear_then_set_is_found),
        TEST(test_mutant_deletion_family_by_family_is_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
