/*
 * Tests of the tests: the library with one promise broken on purpose (support/mutants.h), stopped where it hurts. The
 * checker of the stress tests must see it, and must see nothing wrong where nothing is broken.
 */
#include <sched.h>

#include "support/mutants.h"
#include "support/owners.h"

struct job {
    struct owners *owners;
    bool deletes;
};

static void *do_job(void *arg)
{
    struct job *job = arg;
    if (job->deletes) {
        cprom_registry_delete_matching(job->owners->registry, CPROM_LABELS({"owner", "o03"}), NULL);
    } else {
        uint64_t run;
        cprom_update *update = owners_begin(job->owners, 3, &run);
        owners_finish(job->owners, 3, update, run);
    }
    return NULL;
}

static void *read_page(void *registry)
{
    char *text;
    return cprom_registry_text(registry, &text, NULL) == CPROM_OK ? text : NULL;
}

/* Whether the checker is content with a page that is taken while a change is stopped at `point`. */
static bool content(ct_fixture *fixture, enum ct_mutant mutant, enum cprom__seam point, bool deletes, char *why)
{
    struct owners owners;
    struct owners_reader reader = {.why = ""};
    owners_init(&owners, fixture->registry);
    struct job job = {&owners, deletes};
    for (int i = 0; i < OWNERS; i++) {
        uint64_t run;
        cprom_update *update = owners_begin(&owners, i, &run);
        assert_ok(owners_finish(&owners, i, update, run));
    }
    assert_true(owners_read(&owners, &reader, false));
    ct_mutant_on = mutant;
    pthread_t worker, scraper;
    ct_park(point);
    pthread_create(&worker, NULL, do_job, &job);
    ct_park_wait();
    /* A mutant lets the scraper pass, the library lets it wait: nobody can tell how long. */
    for (int i = 0; i < OWNERS; i++) reader.done[i] = atomic_load(&owners.v[i].done);
    pthread_create(&scraper, NULL, read_page, fixture->registry);
    void *text;
    if (mutant == CT_MUTANT_NONE && point != CPROM__SEAM_COMMIT_READY) {
        for (int i = 0; i < 100; i++) sched_yield();
        ct_park_release();
        pthread_join(scraper, &text);
    } else {
        pthread_join(scraper, &text);
        ct_park_release();
    }
    pthread_join(worker, NULL);
    ct_mutant_on = CT_MUTANT_NONE;
    assert_non_null(text);
    bool fine = owners_check(&owners, &reader, text, strlen(text), deletes);
    cprom_text_free(text);
    snprintf(why, sizeof reader.why, "%s", reader.why);
    owners_end(&owners);
    return fine;
}

static void test_checker_is_content_with_the_library(void **state)
{
    const enum cprom__seam points[] = {CPROM__SEAM_COMMIT_READY, CPROM__SEAM_COMMIT_HALF, CPROM__SEAM_GIVE_BACK,
                                       CPROM__SEAM_CHANGE_HALF};
    for (int i = 0; i < 5; i++) {
        ct_fixture *fixture = ct_fixture_new();
        char why[256];
        assert_true(content(fixture, CT_MUTANT_NONE, points[i < 4 ? i : 3], i == 4, why));
        ct_fixture_free(fixture);
    }
}

static void test_checker_sees_a_commit_without_the_gate(void **state)
{
    char why[256];
    assert_false(content(*state, CT_MUTANT_NO_GATE, CPROM__SEAM_CHANGE_HALF, false, why));
    assert_non_null(strstr(why, "owner"));
}

static void test_checker_sees_clear_then_set(void **state)
{
    char why[256];
    assert_false(content(*state, CT_MUTANT_CLEAR_FIRST, CPROM__SEAM_COMMIT_READY, false, why));
    assert_non_null(strstr(why, "has not these steps"));
}

static void test_checker_sees_deletion_family_by_family(void **state)
{
    char why[256];
    assert_false(content(*state, CT_MUTANT_BY_FAMILY, CPROM__SEAM_CHANGE_HALF, true, why));
    assert_true(strstr(why, "lacks a family") || strstr(why, "has not these steps"));
}

/* Pages made by hand: what the checker must not overlook. */
static void test_checker_sees_what_is_wrong_on_a_page(void **state)
{
    ct_fixture *fixture = *state;
    struct owners owners;
    owners_init(&owners, fixture->registry);
    atomic_store(&owners.v[1].begun, 9);
#define PAGE(last, runs, a, av, b, bv)                                                                                 \
    "# TYPE last gauge\nlast{owner=\"o01\"} " last "\n# TYPE runs_total counter\nruns_total{owner=\"o01\"} " runs      \
    "\n# TYPE step gauge\nstep{owner=\"o01\",step=\"" a "\"} " av "\nstep{owner=\"o01\",step=\"" b "\"} " bv "\n"
    static const struct {
        const char *text, *why;
        uint64_t seen, done;
        bool deletions;
    } pages[] = {
        {PAGE("7", "7", "build", "7", "clone", "7"), NULL, 7, 7, false},
        {PAGE("8", "1", "build", "8", "push", "8"), NULL, 0, 0, false},
        {"", NULL, 0, 0, false},
        {"", NULL, 7, 7, true},
        {"", "has nothing", 0, 1, false},
        {PAGE("7", "7", "build", "7", "push", "7"), "has not these steps", 0, 0, false},
        {PAGE("8", "7", "build", "8", "clone", "8"), "has not these steps", 0, 0, true},
        {PAGE("7", "7", "build", "7", "clone", "5"), "mixes runs", 0, 0, false},
        {PAGE("5", "5", "build", "7", "clone", "7"), "mixes runs", 0, 0, true},
        {PAGE("7", "8", "build", "7", "clone", "7"), "never were", 0, 0, false},
        {PAGE("7", "0", "build", "7", "clone", "7"), "never were", 0, 0, false},
        {PAGE("7", "7", "build", "7", "clone", "7"), "went back", 8, 0, true},
        {PAGE("7", "7", "build", "7", "clone", "7"), "lacks the newest", 0, 8, false},
        {PAGE("11", "7", "build", "11", "clone", "11"), "never was", 0, 0, false},
        {"# TYPE last gauge\nlast{owner=\"o01\"} 7\n", "lacks a family", 0, 0, true},
        {"# TYPE runs_total counter\nruns_total{owner=\"o01\"} 7\n", "lacks a family", 0, 0, true},
        {"# TYPE step gauge\nstep{owner=\"o01\",step=\"build\"} 7\n", "lacks a family", 0, 0, true},
        {"last{owner=\"o01\"} 7\n", "line 1", 0, 0, false},
    };
    for (size_t i = 0; i < COUNT(pages); i++) {
        struct owners_reader reader = {.why = ""};
        reader.seen[1] = pages[i].seen;
        reader.done[1] = pages[i].done;
        bool fine = owners_check(&owners, &reader, pages[i].text, strlen(pages[i].text), pages[i].deletions);
        assert_int_equal(fine, pages[i].why == NULL);
        if (pages[i].why && !strstr(reader.why, pages[i].why)) fail_msg("page %zu: %s", i, reader.why);
    }
    owners_end(&owners);
}

int group_mutants(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checker_is_content_with_the_library),
        TEST(test_checker_sees_a_commit_without_the_gate),
        TEST(test_checker_sees_clear_then_set),
        TEST(test_checker_sees_deletion_family_by_family),
        TEST(test_checker_sees_what_is_wrong_on_a_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
