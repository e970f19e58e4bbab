/* Commits from four threads over 50 owners, under the eyes of eight scrapers: no page is ever mixed, stale or empty. */
#include "commits.h"

static void run(ct_fixture *fixture, const char *test, bool deletions)
{
    static struct load load;
    st_begin(test);
    memset(&load, 0, sizeof load);
    load.deletions = deletions;
    load.commits = load_commits();
    load_run(&load, fixture->registry, WRITERS, SCRAPERS, 30 * ct_stress_seconds());
    uint64_t commits = atomic_load(&load.begun) < load.commits ? atomic_load(&load.begun) : load.commits;
    print_message("%llu commits (%llu stale), %llu deletions, %llu pages in %.1f s\n", (unsigned long long)commits,
                  (unsigned long long)load.stale, (unsigned long long)load.deleted, (unsigned long long)load.pages,
                  (double)(ct_now() - load.start) / 1e9);
    if (*load.why) print_error("%s\n", load.why);
    assert_string_equal(load.why, "");
    assert_true(load.pages > 0);
    if (deletions) assert_true(load.deleted > 0);
    /* What is alive is what the statistics say. */
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    cprom_stats stats = up_stats(fixture->registry);
    assert_int_equal(stats.series, page.parsed->n_samples);
    assert_int_equal(stats.dropped_stale, load.stale);
    ct_page_free(&page);
    cprom_registry_trim(fixture->registry);
    assert_int_equal(up_stats(fixture->registry).series_unreclaimed, 0);
}

static void test_commits_of_many_owners_are_seen_whole(void **state) { run(*state, __func__, false); }
static void test_commits_with_deletions_and_held_handles_are_seen_whole(void **state) { run(*state, __func__, true); }

int group_commits(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_commits_of_many_owners_are_seen_whole),
        TEST(test_commits_with_deletions_and_held_handles_are_seen_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
