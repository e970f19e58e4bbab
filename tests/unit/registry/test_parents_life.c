#include "support/probe.h"

#include <sched.h>

/* Registries of one tree that come and go while others gather, register and read. */

static void gauge_new(ct_fixture *in, const char *name, double value)
{
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(in->registry, FAMILY(name), &gauge));
    cprom_gauge_set(gauge, value);
}

/* Pages hold the exemplars that they show, and must give back those that they do not come to show. */
static void exemplars_new(ct_fixture *in, int n)
{
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(in->registry, FAMILY("e_total", .labels = {"x"}, .exemplars = true), &vec));
    for (int i = 0; i < n; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        assert_ok(cprom_counter_vec_add_with_exemplar(vec, CPROM_STRS(text), 1, CPROM_LABELS({"id", "x"}), 0));
    }
}

static void free_registry(ct_fixture *fixture)
{
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
}

/* Opens a page of the registry on a thread of its own, and reads it. */
struct opening {
    pthread_t thread;
    cprom_registry *registry;
    cprom_status status;
    cprom_page *page;
};

static void *open_page(void *arg)
{
    struct opening *opening = arg;
    opening->status = cprom_page_open(opening->registry, NULL, &opening->page);
    return NULL;
}

/* Until it stands between the parent's values and those of the first child. */
static void opening_start(struct opening *opening, cprom_registry *registry)
{
    *opening = (struct opening){.registry = registry};
    ct_park(CPROM__SEAM_GATHER_TAKEN);
    assert_int_equal(pthread_create(&opening->thread, NULL, open_page, opening), 0);
    ct_park_wait();
}

static void opening_finish(struct opening *opening, const char *expected)
{
    ct_park_release();
    pthread_join(opening->thread, NULL);
    assert_ok(opening->status);
    ct_page page = ct_page_drain(opening->page, 7);
    ct_assert_text_equal(page.text, expected);
    ct_page_free(&page);
    cprom_page_close(opening->page);
}

/*==============================================================================
 * Pages
 *============================================================================*/

static void test_page_of_a_parent_outlives_children_and_parent(void **state)
{
    ct_fixture *top = ct_fixture_new(), *child = CHILD(top, {"lib", "a"}), *low = CHILD(child, {"lib", "b"});
    static probe one;
    cprom_page *page;
    cprom_gauge_vec *vec;
    gauge_new(child, "g", 1);
    gauge_new(low, "g", 2);
    probe_add(&one, low->registry, "one");
    assert_ok(cprom_gauge_vec_new(low->registry, FAMILY("v", .labels = {"x"}), &vec));
    cprom_gauge *handle = cprom_gauge_vec_with(vec, CPROM_STRS("1"));
    assert_non_null(handle);
    assert_ok(cprom_page_open(top->registry, NULL, &page));
    free_registry(child);
    free_registry(low);
    free_registry(top);
    assert_int_equal(probe_freed(&one), 1);
    ct_page read = ct_page_drain(page, 3);
    ct_assert_text_equal(read.text, HEADER("g") "g{lib=\"a\"} 1\ng{lib=\"b\"} 2\n"
                                    "# TYPE one gauge\none{lib=\"b\"} 1\n" HEADER("v") "v{lib=\"b\",x=\"1\"} 0\n");
    ct_page_free(&read);
    cprom_page_close(page);
    assert_int_equal(child->alloc.blocks, 0);
    assert_true(low->alloc.blocks > 0);
    cprom_gauge_set(handle, 5);
    cprom_gauge_unref(handle);
    assert_int_equal(low->alloc.blocks, 0);
    assert_int_equal(top->alloc.blocks, 0);
    ct_fixture_free(low);
    ct_fixture_free(child);
    ct_fixture_free(top);
}

static void test_page_opened_while_a_child_is_freed_shows_nothing_of_it(void **state)
{
    ct_fixture *top = *state, *a = CHILD(top, {"lib", "a"}), *b = CHILD(top, {"lib", "b"});
    static probe one, other;
    struct opening opening;
    gauge_new(top, "g", 1);
    gauge_new(a, "g", 2);
    gauge_new(b, "g", 3);
    probe_add(&one, a->registry, "one");
    probe_add(&other, b->registry, "one");
    opening_start(&opening, top->registry);
    free_registry(a);
    assert_int_equal(probe_freed(&one), 1);
    opening_finish(&opening, HEADER("g") "g 1\ng{lib=\"b\"} 3\n# TYPE one gauge\none{lib=\"b\"} 1\n");
    ct_fixture_free(a);
    ct_fixture_free(b);
}

static cprom_registry *freed_by_hook;
static int vectors_before;

static void free_at_a_vector(enum cprom__seam point)
{
    if (point != CPROM__SEAM_GATHER_VECTOR || !freed_by_hook || vectors_before-- > 0) return;
    cprom_registry_free(freed_by_hook); /* waits for no gather: neither for this one, which holds its locks */
    freed_by_hook = NULL;
}

/* Also when some of its vectors are copied already. */
static void test_page_shows_a_child_whole_or_not_at_all_wherever_it_is_freed(void **state)
{
    static const char *const names[] = {"a", "b", "c"};
    ct_fixture *top = *state;
    gauge_new(top, "t", 1);
    for (int before = 0; before <= 5; before++) {
        ct_fixture *child = BARE_CHILD(top);
        for (int i = 0; i < 3; i++) gauge_new(child, names[i], i);
        exemplars_new(child, 1);
        freed_by_hook = child->registry;
        vectors_before = before;
        cprom__seam_hook = free_at_a_vector;
        ct_page page = ct_page_read(top->registry, NULL, 4096);
        cprom__seam_hook = NULL;
        bool freed = !freed_by_hook;
        assert_int_equal(freed, before < 5);
        assert_int_equal(page.parsed->n_samples, freed ? 1 : 5);
        ct_page_free(&page);
        freed_by_hook = NULL;
        if (freed) child->registry = NULL;
        ct_fixture_free(child);
    }
}

static void test_page_opened_before_a_child_is_made_goes_without_it(void **state)
{
    ct_fixture *top = *state, *child = CHILD(top, {"lib", "a"});
    struct opening opening;
    gauge_new(child, "g", 1);
    opening_start(&opening, top->registry);
    gauge_new(child, "h", 2); /* a commit may have changed both, and may not be shown by half */
    ct_fixture *late = CHILD(top, {"lib", "late"});
    gauge_new(late, "g", 3);
    opening_finish(&opening, HEADER("g") "g{lib=\"a\"} 1\n" HEADER("h") "h{lib=\"a\"} 2\n");
    ct_assert_page(top->registry, HEADER("g") "g{lib=\"a\"} 1\ng{lib=\"late\"} 3\n" HEADER("h") "h{lib=\"a\"} 2\n");
    ct_fixture_free(late);
    ct_fixture_free(child);
}

static void test_page_opened_while_its_registry_is_freed_shows_no_child_that_is_not_copied_yet(void **state)
{
    ct_fixture *top = ct_fixture_new(), *child = CHILD(top, {"lib", "a"});
    struct opening opening;
    gauge_new(top, "g", 1);
    gauge_new(child, "g", 2);
    opening_start(&opening, top->registry);
    free_registry(top);
    opening_finish(&opening, HEADER("g") "g 1\n");
    ct_assert_page(child->registry, HEADER("g") "g{lib=\"a\"} 2\n");
    assert_true(top->alloc.blocks > 0);
    ct_fixture_free(child);
    ct_fixture_free(top);
}

/* Once the one between them is free, nobody compares the families of the lowest with those of the page. */
static void test_page_opened_while_the_registry_above_a_child_is_freed_shows_no_two_that_collide(void **state)
{
    ct_fixture *top = *state, *between, *low;
    struct opening opening;
    cprom_histogram *histogram;
    gauge_new(top, "g", 1);
    ct_fixture *first = CHILD(top, {"lib", "a"});
    gauge_new(first, "h_sum", 1);
    between = BARE_CHILD(top);
    low = CHILD(between, {"lib", "b"});
    assert_status(cprom_histogram_new(low->registry, FAMILY("h"), &histogram), CPROM_ECONFLICT);
    assert_ok(cprom_registry_unregister(first->registry, "h_sum"));
    assert_ok(cprom_histogram_new(low->registry, FAMILY("h"), &histogram));
    opening_start(&opening, top->registry);
    free_registry(between);
    gauge_new(first, "h_sum", 2);
    opening_finish(&opening, HEADER("g") "g 1\n" HEADER("h_sum") "h_sum{lib=\"a\"} 2\n");
    ct_fixture_free(low);
    ct_fixture_free(between);
    ct_fixture_free(first);
}

/* A commit to a child is on the page of the parent whole, also while that page is being made. */
static void test_page_of_a_parent_shows_a_commit_to_a_child_whole(void **state)
{
    ct_fixture *top = *state, *child = CHILD(top, {"lib", "a"});
    struct opening opening;
    cprom_gauge_vec *g, *h;
    cprom_update *update;
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("g", .labels = {"x"}), &g));
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("h", .labels = {"x"}), &h));
    cprom_gauge_vec_set(g, CPROM_STRS("old"), 1);
    cprom_gauge_vec_set(h, CPROM_STRS("old"), 1);
    opening_start(&opening, top->registry);
    assert_ok(cprom_update_new(child->registry, &update));
    cprom_update_gauge_vec_replace(update, g, CPROM_NO_LABELS);
    cprom_update_gauge_vec_replace(update, h, CPROM_NO_LABELS);
    cprom_update_gauge_vec_set(update, g, CPROM_STRS("new"), 2);
    cprom_update_gauge_vec_set(update, h, CPROM_STRS("new"), 2);
    assert_ok(cprom_update_commit(update, NULL));
    cprom_update_free(update);
    opening_finish(&opening, HEADER("g") "g{lib=\"a\",x=\"new\"} 2\n" HEADER("h") "h{lib=\"a\",x=\"new\"} 2\n");
    ct_fixture_free(child);
}

/*==============================================================================
 * Making and registering
 *============================================================================*/

static void make_a_child(probe *p, cprom_scrape *out)
{
    (void)out;
    ct_fixture *fixture = p->extra;
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.parent = p->registry;
    p->got[0] = cprom_registry_new(&opts, &fixture->registry);
}

static void test_registry_new_below_a_freed_registry_answers_ENOENT(void **state)
{
    static probe one;
    struct opening opening;
    ct_fixture *top = ct_fixture_new(), *made = *state;
    free_registry(made);
    probe_add(&one, top->registry, "one");
    one.inside = make_a_child;
    one.extra = made;
    one.parks = true;
    opening = (struct opening){.registry = top->registry};
    assert_int_equal(pthread_create(&opening.thread, NULL, open_page, &opening), 0);
    probe_wait(&one, 1);
    free_registry(top);
    probe_release(&one);
    pthread_join(opening.thread, NULL);
    assert_ok(opening.status);
    cprom_page_close(opening.page);
    assert_status(one.got[0], CPROM_ENOENT);
    assert_null(made->registry);
    assert_true(ct_log_has(&made->log, "parent", "freed"));
    assert_int_equal(made->alloc.blocks, 0);
    ct_fixture_free(top);
}

enum { RACERS = 4, ROUNDS = 300 };

struct racer {
    pthread_t thread;
    cprom_registry *registry;
    cprom_status got[ROUNDS];
};

static _Atomic int round_now; /* in steps of the number of racers */

static void *race(void *arg)
{
    struct racer *racer = arg;
    for (int round = 0; round < ROUNDS; round++) {
        char name[32];
        cprom_gauge *gauge;
        snprintf(name, sizeof name, "g_%d", round);
        atomic_fetch_add(&round_now, 1);
        while (atomic_load(&round_now) < (round + 1) * RACERS) sched_yield();
        racer->got[round] = cprom_gauge_new(racer->registry, FAMILY(name), &gauge);
    }
    return NULL;
}

/* None gets past the check while another's family is on its way in. */
static void test_registration_in_all_registries_of_a_tree_at_once_lets_one_in(void **state)
{
    static struct racer racers[RACERS];
    ct_fixture *all[RACERS] = {*state};
    all[1] = BARE_CHILD(all[0]);
    all[2] = BARE_CHILD(all[0]);
    all[3] = BARE_CHILD(all[2]);
    atomic_store(&round_now, 0);
    for (int i = 0; i < RACERS; i++) {
        racers[i].registry = all[i]->registry;
        assert_int_equal(pthread_create(&racers[i].thread, NULL, race, &racers[i]), 0);
    }
    for (int i = 0; i < RACERS; i++) pthread_join(racers[i].thread, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        int in = 0;
        for (int i = 0; i < RACERS; i++) {
            if (racers[i].got[round]) assert_status(racers[i].got[round], CPROM_EEXIST);
            else in++;
        }
        assert_int_equal(in, 1);
    }
    ct_page page = ct_page_read(all[0]->registry, NULL, 4096);
    assert_int_equal(page.parsed->n_samples, ROUNDS);
    ct_page_free(&page);
    for (int i = RACERS; --i;) ct_fixture_free(all[i]);
}

/*==============================================================================
 * Memory
 *============================================================================*/

static cprom_status collect_some(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    static const cprom_desc desc = {.size = sizeof desc, .name = "some", .type = CPROM_GAUGE, .labels = {"x"}};
    for (int i = 0; i < 50; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i * 7 % 50);
        cprom_emit(out, &desc, CPROM_STRS(text), i);
    }
    return CPROM_OK;
}

/* The page is the parent's memory, what it shows is the child's, and either may run out. */
static void test_page_open_of_a_tree_out_of_memory_leaves_all_as_it_was(void **state)
{
    for (int whose = 0; whose < 3; whose++) {
        size_t nth = 1;
        for (bool failed = true; failed; nth++) {
            /* Anew each time: a page has made most of the memory that the next one needs. */
            ct_fixture *top = ct_fixture_new(), *a = CHILD(top, {"z", "a"}), *b = CHILD(top, {"z", "b"});
            ct_fixture *all[] = {top, a, b};
            for (int i = 0; i < 3; i++) {
                cprom_gauge_vec *vec;
                exemplars_new(all[i], 50);
                assert_ok(cprom_gauge_vec_new(all[i]->registry, FAMILY("g", .labels = {"x"}), &vec));
                for (int k = 0; k < 300; k++) {
                    char text[8];
                    snprintf(text, sizeof text, "%d", k * 7 % 300);
                    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(text), k));
                }
                assert_ok(cprom_collector_new(all[i]->registry, CPROM_OPTS(cprom_collector_opts, .name = "some",
                                                                           .collect = collect_some)));
            }
            cprom_page *page;
            ct_alloc_fail_at(&all[whose]->alloc, nth, nth % 2);
            cprom_status status = cprom_page_open(
                top->registry, PAGE_OPTS(.format = CPROM_OPENMETRICS_1_0, .self_metrics = true), &page);
            failed = all[whose]->alloc.failed;
            ct_alloc_fail_at(&all[whose]->alloc, 0, false);
            assert_status(status, failed ? CPROM_ENOMEM : CPROM_OK);
            assert_int_equal(stats_of(top->registry).gathers, failed ? 0 : 1);
            assert_int_equal(stats_of(a->registry).collector_failures, 0);
            if (status) assert_null(page);
            else cprom_page_close(page);
            ct_page read = ct_page_read(top->registry, NULL, 4096);
            assert_int_equal(parser_count(read.parsed, "g"), 900);
            assert_int_equal(parser_count(read.parsed, "some"), 150);
            ct_page_free(&read);
            ct_fixture_free(b);
            ct_fixture_free(a);
            ct_fixture_free(top);
        }
        assert_in_range(nth, whose ? 5 : 10, 1000);
    }
}

int group_parents_life(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_page_of_a_parent_outlives_children_and_parent),
        TEST(test_page_opened_while_a_child_is_freed_shows_nothing_of_it),
        TEST(test_page_shows_a_child_whole_or_not_at_all_wherever_it_is_freed),
        TEST(test_page_opened_before_a_child_is_made_goes_without_it),
        TEST(test_page_opened_while_its_registry_is_freed_shows_no_child_that_is_not_copied_yet),
        TEST(test_page_opened_while_the_registry_above_a_child_is_freed_shows_no_two_that_collide),
        TEST(test_page_of_a_parent_shows_a_commit_to_a_child_whole),
        TEST(test_registry_new_below_a_freed_registry_answers_ENOENT),
        TEST(test_registration_in_all_registries_of_a_tree_at_once_lets_one_in),
        TEST(test_page_open_of_a_tree_out_of_memory_leaves_all_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
