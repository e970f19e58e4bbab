#include "support/kinds.h"

/* A collector that can be watched: how often it ran and was freed, and what its callback does beside emitting. */
typedef struct source {
    _Atomic int runs, frees;
    void (*inside)(struct source *source);
    cprom_registry *registry;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool entered, leave;
    pthread_t freed_on;
} source;

#define SOURCE                                                                                                         \
    {                                                                                                                  \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER                                        \
    }

static cprom_status source_collect(void *ctx, cprom_scrape *out)
{
    source *s = ctx;
    atomic_fetch_add(&s->runs, 1);
    if (s->inside) s->inside(s);
    cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "one", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
    return cprom_emit(out, CPROM_OPTS(cprom_desc, .name = "two", .type = CPROM_GAUGE), CPROM_NO_STRS, 2);
}

static void source_free(void *ctx)
{
    source *s = ctx;
    s->freed_on = pthread_self();
    atomic_fetch_add(&s->frees, 1);
}

/* Registers it as "source" with the families one and two; unchecked: without them. */
static cprom_status source_register(cprom_registry *registry, source *s, bool checked)
{
    static const cprom_desc descs[2] = {{.size = sizeof descs[0], .name = "one", .type = CPROM_GAUGE},
                                        {.size = sizeof descs[0], .name = "two", .type = CPROM_GAUGE}};
    return cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "source", .collect = source_collect,
                                                    .ctx = s, .free = source_free, .descs = checked ? descs : NULL,
                                                    .n_descs = checked ? 2 : 0));
}

/* Stays in the callback until it is told to leave. */
static void stay(source *s)
{
    pthread_mutex_lock(&s->mutex);
    s->entered = true;
    pthread_cond_broadcast(&s->changed);
    while (!s->leave) pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

static void wait_until_entered(source *s)
{
    pthread_mutex_lock(&s->mutex);
    while (!s->entered) pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

static void let_leave(source *s)
{
    pthread_mutex_lock(&s->mutex);
    s->leave = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

typedef struct opener {
    cprom_registry *registry;
    cprom_page *page;
    cprom_status status;
} opener;

static void *open_page(void *arg)
{
    opener *o = arg;
    o->status = cprom_page_open(o->registry, NULL, &o->page);
    return NULL;
}

/*==============================================================================
 * cprom_registry_unregister
 *============================================================================*/

static void test_unregister_unknown_or_null_name_changes_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram));
    static const char *const names[] = {"", "y", "x_bucket", "x_sum", "x_", "X"};
    for (size_t i = 0; i < COUNT(names); i++) {
        assert_status(cprom_registry_unregister(fixture->registry, names[i]), CPROM_ENOENT);
    }
    assert_status(cprom_registry_unregister(fixture->registry, NULL), CPROM_EINVAL);
    assert_int_equal(stats_of(fixture->registry).families, 1);
    ct_assert_sample(fixture->registry, "x_count", 0);
    assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    assert_status(cprom_registry_unregister(fixture->registry, "x"), CPROM_ENOENT);
}

/* Plain ones, or vectors. */
static void register_and_unregister_each_kind(cprom_registry *registry, bool plain)
{
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_series *series;
        cprom_vec *vec;
        if (plain) {
            assert_ok(k->plain(registry, FAMILY(k->name), &series));
            continue;
        }
        assert_ok(k->make(registry, FAMILY(k->name, .labels = {"a"}), &vec));
        assert_ok(k->update(vec, CPROM_STRS("1")));
    }
    for (size_t i = 0; i < KINDS; i++) {
        ct_page page = ct_page_read(registry, NULL, 4096);
        assert_non_null(parser_family_find(page.parsed, kinds[i].name));
        ct_page_free(&page);
        assert_ok(cprom_registry_unregister(registry, kinds[i].name));
        page = ct_page_read(registry, NULL, 4096);
        assert_null(parser_family_find(page.parsed, kinds[i].name));
        assert_int_equal(page.parsed->n_families, KINDS - i);
        ct_page_free(&page);
    }
    cprom_registry_trim(registry);
}

static void test_unregister_family_of_each_kind_leaves_the_page_and_the_memory(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(registry, FAMILY("stays"), &gauge));
    /* What the first round leaves may be used again; it must not become more. */
    uint64_t before = 0;
    for (int round = 0; round < 2; round++) {
        register_and_unregister_each_kind(registry, true);
        register_and_unregister_each_kind(registry, false);
        if (round == 0) before = stats_of(registry).bytes;
    }
    assert_int_equal(stats_of(registry).bytes, before);
    assert_int_equal(stats_of(registry).families, 1);
    assert_int_equal(stats_of(registry).series, 1);
    assert_int_equal(stats_of(registry).series_unreclaimed, 0);
}

static void test_unregister_by_one_of_its_families_removes_the_whole_collector(void **state)
{
    static const char *const ways[] = {"one", "two", "source"};
    ct_fixture *fixture = *state;
    for (size_t i = 0; i < COUNT(ways); i++) {
        source s = SOURCE;
        assert_ok(source_register(fixture->registry, &s, true));
        ct_assert_page(fixture->registry, "# TYPE one gauge\none 1\n# TYPE two gauge\ntwo 2\n");
        int runs = atomic_load(&s.runs);
        assert_int_equal(stats_of(fixture->registry).collectors, 1);
        assert_int_equal(atomic_load(&s.frees), 0);
        assert_ok(cprom_registry_unregister(fixture->registry, ways[i]));
        assert_int_equal(atomic_load(&s.frees), 1);
        assert_int_equal(stats_of(fixture->registry).collectors, 0);
        assert_int_equal(stats_of(fixture->registry).families, 0);
        ct_assert_page(fixture->registry, "");
        assert_int_equal(atomic_load(&s.runs), runs);
        for (size_t k = 0; k < COUNT(ways); k++) {
            assert_status(cprom_registry_unregister(fixture->registry, ways[k]), CPROM_ENOENT);
        }
    }
}

static void test_unregister_unchecked_collector_goes_by_its_name_only(void **state)
{
    ct_fixture *fixture = *state;
    source s = SOURCE;
    assert_ok(source_register(fixture->registry, &s, false));
    assert_status(cprom_registry_unregister(fixture->registry, "one"), CPROM_ENOENT);
    ct_assert_sample(fixture->registry, "one", 1);
    assert_ok(cprom_registry_unregister(fixture->registry, "source"));
    assert_int_equal(atomic_load(&s.frees), 1);
    ct_assert_page(fixture->registry, "");
}

static double seven(void *ctx) { return 7; }

static void test_unregister_func_instrument_goes_by_its_family_name(void **state)
{
    ct_fixture *fixture = *state;
    assert_ok(cprom_counter_func_new(fixture->registry, FAMILY("f_total"), seven, NULL));
    ct_assert_sample(fixture->registry, "f_total", 7);
    assert_ok(cprom_registry_unregister(fixture->registry, "f_total"));
    assert_ok(cprom_gauge_func_new(fixture->registry, FAMILY("f_total"), seven, NULL));
    ct_assert_page(fixture->registry, "# HELP f_total H.\n# TYPE f_total gauge\nf_total 7\n");
}

static void test_unregister_handles_from_with_stay_valid_and_are_detached(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_counter_vec *vec;
    assert_ok(cprom_counter_vec_new(registry, FAMILY("x_total", .labels = {"a"}), &vec));
    cprom_counter *held[300]; /* with and without stripes */
    for (int i = 0; i < 300; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        held[i] = cprom_counter_vec_with(vec, CPROM_STRS(value));
        cprom_counter_add(held[i], i);
    }
    assert_ok(cprom_registry_unregister(registry, "x_total"));
    assert_int_equal(stats_of(registry).series, 0);
    assert_int_equal(stats_of(registry).series_removed, 300);
    ct_assert_page(registry, "");

    /* A new family of the name begins anew, and the old handles do not reach it. */
    assert_ok(cprom_counter_vec_new(registry, FAMILY("x_total", .labels = {"a"}), &vec));
    assert_int_equal(cprom_counter_vec_size(vec), 0);
    assert_ok(cprom_counter_vec_inc(vec, CPROM_STRS("7")));
    for (int i = 0; i < 300; i++) {
        cprom_counter_inc(held[i]);
        assert_ptr_equal(cprom_counter_ref(held[i]), held[i]);
        cprom_counter_unref(held[i]);
    }
    assert_int_equal(stats_of(registry).dropped_detached, 300);
    ct_assert_page(registry, "# HELP x_total H.\n# TYPE x_total counter\nx_total{a=\"7\"} 1\n");
    cprom_registry_trim(registry);
    for (int i = 0; i < 300; i++) {
        assert_true(cprom_counter_value(held[i]) == i);
        cprom_counter_unref(held[i]);
    }
}

static void test_unregister_name_may_be_used_again_by_another_type(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram));
    assert_status(cprom_gauge_new(fixture->registry, FAMILY("x_sum"), &gauge), CPROM_ECONFLICT);
    assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x_sum"), &gauge));
    assert_status(cprom_histogram_new(fixture->registry, FAMILY("x"), &histogram), CPROM_ECONFLICT);
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    ct_assert_page(fixture->registry,
                   "# HELP x H.\n# TYPE x gauge\nx 0\n# HELP x_sum H.\n# TYPE x_sum gauge\nx_sum 0\n");
}

static void test_unregister_page_opened_before_still_shows_it(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    cprom_page *page;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("x", .labels = {"a"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1"), 1));
    assert_ok(cprom_page_open(fixture->registry, NULL, &page));
    assert_ok(cprom_registry_unregister(fixture->registry, "x"));
    cprom_registry_trim(fixture->registry);
    ct_assert_page(fixture->registry, "");
    ct_page read = ct_page_drain(page, 7);
    ct_assert_text_equal(read.text, "# HELP x H.\n# TYPE x gauge\nx{a=\"1\"} 1\n");
    ct_page_free(&read);
    cprom_page_close(page);
}

static void unregister_itself(source *s)
{
    assert_ok(cprom_registry_unregister(s->registry, "source"));
    assert_int_equal(atomic_load(&s->frees), 0);
}

static void test_unregister_inside_its_own_callback_frees_it_afterwards(void **state)
{
    ct_fixture *fixture = *state;
    source s = SOURCE;
    s.inside = unregister_itself;
    s.registry = fixture->registry;
    assert_ok(source_register(fixture->registry, &s, true));
    ct_page page = ct_page_read(fixture->registry, NULL, 4096);
    ct_page_free(&page);
    assert_int_equal(atomic_load(&s.frees), 1);
    ct_assert_page(fixture->registry, "");
    assert_int_equal(atomic_load(&s.runs), 1);
}

static void test_unregister_while_the_callback_runs_does_not_wait_and_the_last_caller_frees(void **state)
{
    ct_fixture *fixture = *state;
    source s = SOURCE;
    opener o = {.registry = fixture->registry};
    pthread_t thread;
    s.inside = stay;
    assert_ok(source_register(fixture->registry, &s, true));
    assert_int_equal(pthread_create(&thread, NULL, open_page, &o), 0);
    wait_until_entered(&s);
    assert_ok(cprom_registry_unregister(fixture->registry, "source"));
    assert_int_equal(atomic_load(&s.frees), 0);
    ct_assert_page(fixture->registry, ""); /* does not wait for it either */
    let_leave(&s);
    pthread_join(thread, NULL);
    assert_ok(o.status);
    assert_int_equal(atomic_load(&s.frees), 1);
    assert_true(pthread_equal(s.freed_on, thread));
    assert_int_equal(atomic_load(&s.runs), 1);
    cprom_page_close(o.page);
}

/*==============================================================================
 * cprom_registry_free
 *============================================================================*/

/* Frees the fixture's registry before the fixture does. */
static void free_registry(ct_fixture *fixture)
{
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
}

static void test_free_page_open_is_read_to_its_end_and_nothing_new_begins(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_gauge_vec *vec;
    cprom_gauge *gauge;
    cprom_page *page, *other = (cprom_page *)fixture;
    char *text;
    source s = SOURCE;
    assert_ok(cprom_gauge_vec_new(registry, FAMILY("x", .labels = {"a"}), &vec));
    for (int i = 0; i < 500; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), i));
    }
    assert_ok(source_register(registry, &s, true));
    ct_page expected = ct_page_read(registry, NULL, 4096);
    assert_ok(cprom_page_open(registry, NULL, &page));
    free_registry(fixture);
    assert_int_equal(atomic_load(&s.frees), 1);

    /* The page keeps the registry, but it is one without anything. */
    assert_status(cprom_page_open(registry, NULL, &other), CPROM_ENOENT);
    assert_null(other);
    assert_status(cprom_registry_text(registry, &text, NULL), CPROM_ENOENT);
    assert_status(cprom_registry_unregister(registry, "x"), CPROM_ENOENT);
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "1"}), NULL), CPROM_ENOENT);
    assert_status(cprom_gauge_new(registry, FAMILY("y"), &gauge), CPROM_ENOENT);
    assert_status(source_register(registry, &s, true), CPROM_ENOENT);
    assert_int_equal(stats_of(registry).families, 0);
    assert_int_equal(stats_of(registry).series, 0);
    cprom_registry_trim(registry);
    assert_int_equal(ct_log_count(&fixture->log), 0);

    ct_page read = ct_page_drain(page, 100);
    ct_assert_text_equal(read.text, expected.text);
    ct_page_free(&read);
    ct_page_free(&expected);
    cprom_page_close(page);
    assert_int_equal(atomic_load(&s.frees), 1);
    assert_int_equal(atomic_load(&fixture->alloc.blocks), 0);
}

static void test_free_handles_held_stay_valid_until_the_last_unref(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    cprom_gauge_vec *gauges;
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    assert_ok(cprom_gauge_vec_new(registry, FAMILY("g", .labels = {"a"}), &gauges));
    assert_ok(cprom_counter_vec_new(registry, FAMILY("c_total", .labels = {"a"}), &counters));
    assert_ok(cprom_histogram_vec_new(registry, FAMILY("h", .labels = {"a"}), &histograms));
    assert_ok(cprom_summary_vec_new(registry, FAMILY("s", .labels = {"a"}), &summaries));
    cprom_gauge *gauge = cprom_gauge_vec_with(gauges, CPROM_STRS("1"));
    cprom_counter *counter = cprom_counter_vec_with(counters, CPROM_STRS("1"));
    cprom_histogram *histogram = cprom_histogram_vec_with(histograms, CPROM_STRS("1"));
    cprom_summary *summary = cprom_summary_vec_with(summaries, CPROM_STRS("1"));
    cprom_counter_add(counter, 3);
    cprom_timer timer = cprom_histogram_timer(histogram);
    free_registry(fixture);

    cprom_gauge_set(gauge, 1);
    cprom_gauge_set_to_current_time(gauge);
    cprom_counter_inc(counter);
    cprom_summary_observe(summary, 1);
    cprom_timer_stop(&timer);
    assert_true(cprom_counter_value(counter) == 3);
    assert_true(cprom_gauge_value(gauge) == 0);
    assert_int_equal(cprom_histogram_count(histogram), 0);
    assert_int_equal(cprom_summary_count(summary), 0);
    cprom_gauge_unref(gauge);
    cprom_counter_unref(counter);
    cprom_histogram_unref(histogram);
    assert_true(atomic_load(&fixture->alloc.blocks) > 0);
    cprom_summary_unref(summary);
    assert_int_equal(atomic_load(&fixture->alloc.blocks), 0);
}

static void test_free_handle_and_page_in_either_order_leave_nothing(void **state)
{
    for (int handle_first = 0; handle_first < 2; handle_first++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_gauge_vec *vec;
        cprom_page *page;
        assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("x", .labels = {"a"}), &vec));
        cprom_gauge *gauge = cprom_gauge_vec_with(vec, CPROM_STRS("1"));
        cprom_gauge *detached = cprom_gauge_vec_with(vec, CPROM_STRS("2"));
        assert_ok(cprom_page_open(fixture->registry, NULL, &page));
        assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("2")));
        free_registry(fixture);
        if (!handle_first) cprom_page_close(page);
        cprom_gauge_unref(detached);
        cprom_gauge_unref(gauge);
        if (handle_first) {
            ct_page read = ct_page_drain(page, 5);
            assert_int_equal(read.parsed->n_samples, 2);
            ct_page_free(&read);
            cprom_page_close(page);
        }
        ct_fixture_free(fixture);
    }
}

static void test_free_text_outlives_the_registry(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    char *text;
    size_t len;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    assert_ok(cprom_registry_text(fixture->registry, &text, &len));
    free_registry(fixture);
    assert_string_equal(text, "# HELP x H.\n# TYPE x gauge\nx 0\n");
    assert_int_equal(len, strlen(text));
    cprom_text_free(text);
}

static void test_free_collectors_are_freed_once_each(void **state)
{
    ct_fixture *fixture = *state;
    source checked = SOURCE, unchecked = SOURCE;
    assert_ok(source_register(fixture->registry, &checked, true));
    assert_ok(cprom_collector_new(fixture->registry,
                                  CPROM_OPTS(cprom_collector_opts, .name = "unchecked", .collect = source_collect,
                                             .ctx = &unchecked, .free = source_free)));
    assert_ok(cprom_gauge_func_new(fixture->registry, FAMILY("f"), seven, NULL));
    free_registry(fixture);
    assert_int_equal(atomic_load(&checked.frees), 1);
    assert_int_equal(atomic_load(&unchecked.frees), 1);
    assert_int_equal(atomic_load(&checked.runs), 0);
}

static void test_free_while_a_callback_runs_leaves_that_page_valid(void **state)
{
    ct_fixture *fixture = *state;
    source s = SOURCE;
    opener o = {.registry = fixture->registry};
    pthread_t thread;
    s.inside = stay;
    assert_ok(source_register(fixture->registry, &s, true));
    assert_int_equal(pthread_create(&thread, NULL, open_page, &o), 0);
    wait_until_entered(&s);
    free_registry(fixture);
    assert_int_equal(atomic_load(&s.frees), 0);
    let_leave(&s);
    pthread_join(thread, NULL);
    assert_int_equal(atomic_load(&s.frees), 1);
    assert_ok(o.status);
    ct_page read = ct_page_drain(o.page, 64);
    ct_page_free(&read);
    cprom_page_close(o.page);
    assert_int_equal(atomic_load(&fixture->alloc.blocks), 0);
}

static void test_free_while_a_gather_is_under_way_leaves_that_page_valid(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    opener o = {.registry = fixture->registry};
    pthread_t thread;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    ct_park(CPROM__SEAM_GATHER_TAKEN);
    assert_int_equal(pthread_create(&thread, NULL, open_page, &o), 0);
    ct_park_wait();
    free_registry(fixture);
    ct_park_release();
    pthread_join(thread, NULL);
    assert_ok(o.status);
    ct_page read = ct_page_drain(o.page, 64);
    ct_assert_text_equal(read.text, "# HELP x H.\n# TYPE x gauge\nx 0\n");
    ct_page_free(&read);
    cprom_page_close(o.page);
    assert_int_equal(atomic_load(&fixture->alloc.blocks), 0);
}

int group_unregister(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_unregister_unknown_or_null_name_changes_nothing),
        TEST(test_unregister_family_of_each_kind_leaves_the_page_and_the_memory),
        TEST(test_unregister_by_one_of_its_families_removes_the_whole_collector),
        TEST(test_unregister_unchecked_collector_goes_by_its_name_only),
        TEST(test_unregister_func_instrument_goes_by_its_family_name),
        TEST(test_unregister_handles_from_with_stay_valid_and_are_detached),
        TEST(test_unregister_name_may_be_used_again_by_another_type),
        TEST(test_unregister_page_opened_before_still_shows_it),
        TEST(test_unregister_inside_its_own_callback_frees_it_afterwards),
        TEST(test_unregister_while_the_callback_runs_does_not_wait_and_the_last_caller_frees),
        TEST(test_free_page_open_is_read_to_its_end_and_nothing_new_begins),
        TEST(test_free_handles_held_stay_valid_until_the_last_unref),
        cmocka_unit_test(test_free_handle_and_page_in_either_order_leave_nothing),
        TEST(test_free_text_outlives_the_registry),
        TEST(test_free_collectors_are_freed_once_each),
        TEST(test_free_while_a_callback_runs_leaves_that_page_valid),
        TEST(test_free_while_a_gather_is_under_way_leaves_that_page_valid),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
