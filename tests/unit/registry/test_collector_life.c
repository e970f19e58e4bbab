/* The life of callback collectors: run, waited for, skipped, unregistered at any moment, freed once. */
#include <math.h>

#include "support/probe.h"

/* A scrape on a thread of its own; what it got is looked at on the main thread. */
typedef struct scraper {
    pthread_t thread;
    cprom_registry *registry;
    cprom_page_opts opts;
    cprom_page *page;
    cprom_status status;
} scraper;

static void *scrape(void *arg)
{
    scraper *s = arg;
    s->status = cprom_page_open(s->registry, &s->opts, &s->page);
    return NULL;
}

static void scraper_start(scraper *s, cprom_registry *registry, double timeout_seconds)
{
    *s = (scraper){.registry = registry, .opts = CPROM_INIT(cprom_page_opts)};
    s->opts.timeout_seconds = timeout_seconds;
    assert_int_equal(pthread_create(&s->thread, NULL, scrape, s), 0);
}

static void scraper_join(scraper *s, const char *expected)
{
    assert_int_equal(pthread_join(s->thread, NULL), 0);
    assert_ok(s->status);
    ct_page page = ct_page_drain(s->page, 65536);
    ct_assert_text_equal(page.text, expected);
    ct_page_free(&page);
    cprom_page_close(s->page);
}

/*==============================================================================
 * Unregistering
 *============================================================================*/

static void test_unregister_by_family_takes_all_families_and_frees_once(void **state)
{
    ct_fixture *fixture = *state;
    const cprom_desc descs[] = {*GAUGE("one"), *GAUGE("more"), *DESC(.name = "h", .type = CPROM_HISTOGRAM)};
    static probe one;
    probe_init(&one, fixture->registry, "one");
    assert_ok(probe_register(&one, descs, 3));
    assert_int_equal(stats_of(fixture->registry).families, 3);
    ct_assert_page(fixture->registry, ONE);
    assert_ok(cprom_registry_unregister(fixture->registry, "more"));
    assert_int_equal(probe_freed(&one), 1);
    assert_true(pthread_equal(one.freed_by, pthread_self()));
    assert_int_equal(stats_of(fixture->registry).families, 0);
    assert_int_equal(stats_of(fixture->registry).collectors, 0);
    ct_assert_page(fixture->registry, "");
    assert_status(cprom_registry_unregister(fixture->registry, "one"), CPROM_ENOENT);
    assert_int_equal(probe_freed(&one), 1);
    assert_int_equal(probe_calls(&one), 2);
    cprom_gauge *gauge; /* the names are free again */
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "h_sum", .help = "H."), &gauge));
}

static void test_unregister_by_collector_name_leaves_the_others(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    ct_assert_page(fixture->registry, ONE TWO);
    assert_status(cprom_registry_unregister(fixture->registry, "tw"), CPROM_ENOENT);
    assert_ok(cprom_registry_unregister(fixture->registry, "one"));
    ct_assert_page(fixture->registry, TWO);
    assert_int_equal(probe_freed(&one), 1);
    assert_int_equal(probe_freed(&two), 0);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_int_equal(probe_freed(&two), 1);
    assert_int_equal(probe_freed(&one), 1);
}

static void unregister_itself(probe *p, cprom_scrape *out)
{
    (void)out;
    p->got[0] = cprom_registry_unregister(p->registry, p->name);
    p->got[1] = cprom_registry_unregister(p->registry, p->name);
    p->got[2] = probe_freed(p) ? CPROM_EEXIST : CPROM_OK; /* not while the callback runs */
}

static void test_unregister_within_the_callback_frees_after_it(void **state)
{
    ct_fixture *fixture = *state;
    static probe one;
    probe_init(&one, fixture->registry, "one");
    one.inside = unregister_itself;
    assert_ok(probe_register(&one, GAUGE("one"), 1));
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_page_free(&page);
    assert_ok(one.got[0]);
    assert_status(one.got[1], CPROM_ENOENT);
    assert_ok(one.got[2]);
    assert_int_equal(probe_freed(&one), 1);
    ct_assert_page(fixture->registry, "");
    assert_int_equal(probe_calls(&one), 1);
    assert_int_equal(probe_freed(&one), 1);
}

static void replace_itself(probe *p, cprom_scrape *out)
{
    (void)out;
    p->got[0] = cprom_registry_unregister(p->registry, p->name);
    p->got[1] = probe_register(p->other, GAUGE("two"), 1);
}

static void test_collector_replaced_within_the_callback_is_on_the_next_page(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_init(&one, fixture->registry, "one");
    probe_init(&two, fixture->registry, "two");
    one.inside = replace_itself;
    one.other = &two;
    const cprom_desc descs[] = {*GAUGE("one"), *GAUGE("two")};
    assert_ok(probe_register(&one, descs, 2));
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_page_free(&page);
    assert_ok(one.got[0]);
    assert_ok(one.got[1]);
    assert_int_equal(probe_calls(&two), 0); /* the page knows who was registered when it was opened */
    ct_assert_page(fixture->registry, TWO);
    assert_int_equal(probe_freed(&one), 1);
}

static void unregister_other(probe *p, cprom_scrape *out)
{
    (void)out;
    p->got[0] = cprom_registry_unregister(p->registry, p->other->name);
}

static void test_unregister_of_a_later_collector_within_a_callback_prevents_its_call(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    one.inside = unregister_other;
    one.other = &two;
    ct_page page = ct_page_read(fixture->registry, PAGE_OPTS(.self_metrics = true), 65536);
    assert_non_null(parser_find(page.parsed, "one"));
    assert_null(parser_find(page.parsed, "cprom_collector_success{collector=\"two\"}")); /* gone is not failed */
    ct_page_free(&page);
    assert_ok(one.got[0]);
    assert_int_equal(probe_calls(&two), 0);
    assert_int_equal(probe_freed(&two), 1);
    assert_int_equal(ct_log_count(&fixture->log), 0);
    one.inside = NULL;
    ct_assert_page(fixture->registry, ONE);
}

static void register_other(probe *p, cprom_scrape *out)
{
    (void)out;
    p->got[0] = probe_register(p->other, NULL, 0);
}

static void test_collector_new_within_a_callback_is_on_the_next_page(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_init(&two, fixture->registry, "two");
    one.inside = register_other;
    one.other = &two;
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, ONE);
    ct_page_free(&page);
    assert_ok(one.got[0]);
    one.inside = NULL;
    ct_assert_page(fixture->registry, ONE TWO);
}

/* While the callback is parked on another thread nothing here may wait for it: the test would hang. */
static void test_unregister_while_another_thread_is_in_the_callback_leaves_free_to_it(void **state)
{
    ct_fixture *fixture = *state;
    static probe one;
    probe_init(&one, fixture->registry, "one");
    one.parks = true;
    assert_ok(probe_register(&one, GAUGE("one"), 1));
    scraper first;
    scraper_start(&first, fixture->registry, 0);
    probe_wait(&one, 1);
    assert_ok(cprom_registry_unregister(fixture->registry, "one"));
    assert_int_equal(probe_freed(&one), 0);
    assert_int_equal(stats_of(fixture->registry).collectors, 0);
    ct_assert_page(fixture->registry, "");
    static probe again; /* its names can be used at once */
    probe_init(&again, fixture->registry, "one");
    assert_ok(probe_register(&again, GAUGE("one"), 1));
    ct_assert_page(fixture->registry, ONE);
    assert_int_equal(probe_freed(&one), 0);
    probe_release(&one);
    scraper_join(&first, ONE);
    assert_int_equal(probe_freed(&one), 1);
    assert_true(pthread_equal(one.freed_by, first.thread));
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_int_equal(probe_freed(&one), 1);
    assert_int_equal(probe_freed(&again), 1);
}

static void use_the_registry_of_a_freed(probe *p, cprom_scrape *out)
{
    (void)out;
    cprom_gauge *gauge;
    p->got[0] = cprom_registry_unregister(p->registry, "one");
    p->got[1] = cprom_gauge_new(p->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), &gauge);
    p->got[2] = probe_register(p->other, NULL, 0);
}

static void test_registry_free_while_another_thread_is_in_a_callback_lets_it_finish(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    one.parks = true;
    one.inside = use_the_registry_of_a_freed;
    one.other = &two;
    scraper first;
    scraper_start(&first, fixture->registry, 0);
    probe_wait(&one, 1);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_int_equal(probe_freed(&one), 0);
    assert_int_equal(probe_freed(&two), 1);
    probe_release(&one);
    scraper_join(&first, ONE);
    for (int i = 0; i < 3; i++) assert_status(one.got[i], CPROM_ENOENT);
    assert_int_equal(probe_freed(&one), 1);
    assert_true(pthread_equal(one.freed_by, first.thread));
    assert_int_equal(probe_calls(&two), 0);
    assert_int_equal(probe_freed(&two), 1);
}

/* In free, under whatever lock, a call that wants the same lock would hang. */
static void use_everything(probe *p)
{
    cprom_gauge *gauge;
    char *text;
    p->got[0] = cprom_gauge_new(p->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G."), &gauge);
    if (p->other) p->got[1] = cprom_registry_unregister(p->registry, p->other->name);
    p->got[2] = cprom_registry_text(p->registry, &text, NULL);
    if (!p->got[2]) cprom_text_free(text);
    cprom_registry_trim(p->registry);
}

static void test_unregister_free_may_use_the_library(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    one.on_free = use_everything;
    one.other = &two;
    assert_ok(cprom_registry_unregister(fixture->registry, "one"));
    for (int i = 0; i < 3; i++) assert_ok(one.got[i]);
    assert_int_equal(probe_freed(&two), 1);
}

static void test_unregister_free_after_the_callback_may_use_the_library(void **state)
{
    ct_fixture *fixture = *state;
    static probe one;
    probe_init(&one, fixture->registry, "one");
    one.inside = unregister_itself;
    one.on_free = use_everything;
    assert_ok(probe_register(&one, GAUGE("one"), 1));
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_page_free(&page);
    assert_ok(one.got[0]); /* of use_everything, after that of unregister_itself */
    assert_ok(one.got[2]);
    ct_assert_page(fixture->registry, "# HELP g G.\n# TYPE g gauge\ng 0\n");
}

/*==============================================================================
 * Two scrapes at once, and deadlines
 *============================================================================*/

static void test_page_open_waits_for_a_callback_that_runs(void **state)
{
    ct_fixture *fixture = *state;
    static probe gate, one;
    probe_add(&gate, fixture->registry, "gate");
    probe_add(&one, fixture->registry, "one");
    one.parks = true;
    scraper first, second;
    scraper_start(&first, fixture->registry, 0);
    probe_wait(&one, 1);
    scraper_start(&second, fixture->registry, 0);
    probe_wait(&gate, 2); /* the second is on its way */
    assert_int_equal(probe_calls(&one), 1);
    probe_release(&one);
    scraper_join(&first, "# TYPE gate gauge\ngate 1\n" ONE);
    scraper_join(&second, "# TYPE gate gauge\ngate 1\n" ONE);
    assert_int_equal(one.calls, 2);
    assert_int_equal(one.most_running, 1);
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

static void test_page_open_with_timeout_skips_a_callback_that_runs_on(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    one.parks = true;
    scraper first;
    scraper_start(&first, fixture->registry, 0);
    probe_wait(&one, 1);
    ct_page page = ct_page_read(fixture->registry, PAGE_OPTS(.timeout_seconds = 0.02, .self_metrics = true), 65536);
    assert_null(parser_find(page.parsed, "one"));
    assert_non_null(parser_find(page.parsed, "two"));
    assert_true(parser_value(page.parsed, "cprom_collector_success{collector=\"one\"}") == 0);
    assert_true(parser_value(page.parsed, "cprom_collector_success{collector=\"two\"}") == 1);
    assert_true(parser_value(page.parsed, "cprom_collector_duration_seconds{collector=\"one\"}") == 0);
    ct_page_free(&page);
    assert_int_equal(stats_of(fixture->registry).collector_failures, 1);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    assert_true(ct_log_has(&fixture->log, "\"one\"", "deadline"));
    probe_release(&one);
    scraper_join(&first, ONE TWO);
    assert_int_equal(one.calls, 1);
    ct_assert_page(fixture->registry, ONE TWO);
}

/* The second scrape ends although the callback that it waits for, or would wait for, does not. */
static void test_unregister_lets_a_waiting_scrape_go_on(void **state)
{
    ct_fixture *fixture = *state;
    static probe gate, one;
    probe_add(&gate, fixture->registry, "gate");
    probe_add(&one, fixture->registry, "one");
    one.parks = true;
    scraper first, second;
    scraper_start(&first, fixture->registry, 0);
    probe_wait(&one, 1);
    scraper_start(&second, fixture->registry, 0);
    probe_wait(&gate, 2);
    assert_ok(cprom_registry_unregister(fixture->registry, "one"));
    scraper_join(&second, "# TYPE gate gauge\ngate 1\n");
    assert_int_equal(probe_freed(&one), 0);
    probe_release(&one);
    scraper_join(&first, "# TYPE gate gauge\ngate 1\n" ONE);
    assert_int_equal(one.calls, 1);
    assert_int_equal(one.freed, 1);
    assert_true(pthread_equal(one.freed_by, first.thread));
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

static void take_two_seconds(probe *p, cprom_scrape *out)
{
    *(int64_t *)p->extra = cprom_scrape_deadline(out);
    ct_clock_advance(&((ct_fixture *)p->other)->clock, 2 * SECOND);
}

static void test_page_open_skips_what_has_not_begun_by_the_deadline(void **state)
{
    ct_fixture *fixture = *state;
    static probe one, two;
    int64_t deadline = 0, start = ct_clock_monotonic(&fixture->clock);
    probe_add(&one, fixture->registry, "one");
    probe_add(&two, fixture->registry, "two");
    one.inside = take_two_seconds;
    one.extra = &deadline;
    one.other = (probe *)(void *)fixture;
    ct_page page = ct_page_read(fixture->registry, PAGE_OPTS(.timeout_seconds = 2), 65536);
    ct_assert_text_equal(page.text, ONE); /* began in time, and is kept */
    ct_page_free(&page);
    assert_true(deadline == start + 2 * SECOND);
    assert_int_equal(two.calls, 0);
    assert_int_equal(ct_log_count(&fixture->log), 1);
    assert_true(ct_log_has(&fixture->log, "\"two\"", "deadline"));

    page = ct_page_read(fixture->registry, PAGE_OPTS(.timeout_seconds = 2.5), 65536);
    ct_assert_text_equal(page.text, ONE TWO);
    ct_page_free(&page);
    assert_true(deadline == start + 4 * SECOND + SECOND / 2);
    page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, ONE TWO);
    ct_page_free(&page);
    assert_true(deadline == INT64_MAX);
}

/* A budget that was computed and is used up is not the same as none. */
static void test_page_open_timeout_negative_or_nan_is_einval(void **state)
{
    ct_fixture *fixture = *state;
    cprom_page *page = (cprom_page *)(void *)fixture;
    assert_status(cprom_page_open(fixture->registry, PAGE_OPTS(.timeout_seconds = -0.5), &page), CPROM_EINVAL);
    assert_null(page);
    assert_status(cprom_page_open(fixture->registry, PAGE_OPTS(.timeout_seconds = NAN), &page), CPROM_EINVAL);
    ct_page text = ct_page_read(fixture->registry, PAGE_OPTS(.timeout_seconds = INFINITY), 1);
    ct_page_free(&text);
}

/*==============================================================================
 * What a callback may do
 *============================================================================*/

static void open_pages(probe *p, cprom_scrape *out)
{
    (void)out;
    cprom_page *page = (cprom_page *)(void *)p;
    char *text = (char *)p;
    size_t len = 1;
    p->got[0] = cprom_page_open(p->registry, NULL, &page);
    p->got[1] = cprom_page_open(p->extra, NULL, &page);
    p->got[2] = cprom_registry_text(p->registry, &text, &len);
    p->got[3] = page || text || len ? CPROM_EINVAL : CPROM_OK;
}

static void test_page_open_inside_a_callback_is_ebusy(void **state)
{
    ct_fixture *fixture = *state;
    ct_fixture *other = ct_fixture_new();
    static probe one;
    probe_add(&one, fixture->registry, "one");
    one.inside = open_pages;
    one.extra = other->registry;
    ct_assert_page(fixture->registry, ONE);
    for (int i = 0; i < 3; i++) assert_status(one.got[i], CPROM_EBUSY);
    assert_ok(one.got[3]);
    ct_assert_page(other->registry, ""); /* afterwards it can */
    ct_fixture_free(other);
}

/* The memory that gives out is the page's, not the callback's: the page cannot be opened, and can be once there is. */
static void emit_until_memory_is_out(probe *p, cprom_scrape *out)
{
    ct_alloc_fail_at(p->extra, 1, true);
    char value[16];
    for (int i = 0; i < 100000 && !p->got[0]; i++) {
        snprintf(value, sizeof value, "%d", i);
        p->got[0] = cprom_emit(out, DESC(.name = "m", .labels = {"l"}), CPROM_STRS(value), 1);
    }
    ct_alloc_fail_at(p->extra, 0, false);
}

static void test_page_open_out_of_memory_in_an_emission_is_enomem(void **state)
{
    ct_fixture *fixture = *state;
    static probe one;
    probe_add(&one, fixture->registry, "one");
    one.inside = emit_until_memory_is_out;
    one.extra = &fixture->alloc;
    cprom_page *page = (cprom_page *)(void *)&one;
    assert_status(cprom_page_open(fixture->registry, NULL, &page), CPROM_ENOMEM);
    assert_null(page);
    assert_status(one.got[0], CPROM_ENOMEM);
    one.inside = NULL;
    ct_assert_page(fixture->registry, ONE);
}

typedef struct instruments {
    cprom_gauge *gauge;
    cprom_gauge_vec *vec, *gone;
} instruments;

static void use_instruments(probe *p, cprom_scrape *out)
{
    (void)out;
    instruments *i = p->extra;
    cprom_gauge_set(i->gauge, 5);
    p->got[0] = cprom_gauge_vec_set(i->vec, CPROM_STRS("new"), 6);
    p->got[1] = cprom_gauge_vec_delete(i->vec, CPROM_STRS("old"));
    p->got[2] = cprom_gauge_vec_clear(i->gone);
    cprom_registry_trim(p->registry);
}

static void test_instruments_used_inside_a_callback_are_on_that_page(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *r = fixture->registry;
    instruments i;
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "a", .help = "A."), &i.gauge));
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "v", .help = "V.", .labels = {"l"}), &i.vec));
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "z", .help = "Z.", .labels = {"l"}), &i.gone));
    assert_ok(cprom_gauge_vec_set(i.vec, CPROM_STRS("old"), 1));
    assert_ok(cprom_gauge_vec_set(i.gone, CPROM_STRS("x"), 1));
    static probe one;
    probe_add(&one, r, "one");
    one.inside = use_instruments;
    one.extra = &i;
    ct_page page = ct_page_read(r, NULL, 65536);
    ct_assert_text_equal(page.text, "# HELP a A.\n# TYPE a gauge\na 5\n" ONE
                                    "# HELP v V.\n# TYPE v gauge\nv{l=\"new\"} 6\n");
    ct_page_free(&page);
    for (int k = 0; k < 3; k++) assert_ok(one.got[k]);
}

static void unregister_instruments(probe *p, cprom_scrape *out)
{
    (void)out;
    p->got[0] = cprom_registry_unregister(p->registry, "a");
    p->got[1] = cprom_registry_unregister(p->registry, "v");
    cprom_registry_trim(p->registry);
}

static void test_instruments_unregistered_inside_a_callback_are_not_on_that_page(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    cprom_histogram_vec *vec;
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "a", .help = "A."), &gauge));
    assert_ok(cprom_histogram_vec_new(fixture->registry,
                                      CPROM_OPTS(cprom_opts, .name = "v", .help = "V.", .labels = {"l"}), &vec));
    assert_ok(cprom_histogram_vec_observe(vec, CPROM_STRS("x"), 1));
    static probe one;
    probe_add(&one, fixture->registry, "one");
    one.inside = unregister_instruments;
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    ct_assert_text_equal(page.text, ONE);
    ct_page_free(&page);
    assert_ok(one.got[0]);
    assert_ok(one.got[1]);
}

int group_collector_life(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unregister_by_family_takes_all_families_and_frees_once),
        TEST(test_unregister_by_collector_name_leaves_the_others),
        TEST(test_unregister_within_the_callback_frees_after_it),
        TEST(test_collector_replaced_within_the_callback_is_on_the_next_page),
        TEST(test_unregister_of_a_later_collector_within_a_callback_prevents_its_call),
        TEST(test_collector_new_within_a_callback_is_on_the_next_page),
        TEST(test_unregister_while_another_thread_is_in_the_callback_leaves_free_to_it),
        TEST(test_registry_free_while_another_thread_is_in_a_callback_lets_it_finish),
        TEST(test_unregister_free_may_use_the_library),
        TEST(test_unregister_free_after_the_callback_may_use_the_library),
        TEST(test_page_open_waits_for_a_callback_that_runs),
        TEST(test_page_open_with_timeout_skips_a_callback_that_runs_on),
        TEST(test_unregister_lets_a_waiting_scrape_go_on),
        TEST(test_page_open_skips_what_has_not_begun_by_the_deadline),
        TEST(test_page_open_timeout_negative_or_nan_is_einval),
        TEST(test_page_open_inside_a_callback_is_ebusy),
        TEST(test_page_open_out_of_memory_in_an_emission_is_enomem),
        TEST(test_instruments_used_inside_a_callback_are_on_that_page),
        TEST(test_instruments_unregistered_inside_a_callback_are_not_on_that_page),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
