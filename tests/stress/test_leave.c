/*
 * Threads that leave by force, beside others that count and scrape. Some are cancelled by somebody else, whatever call
 * they are in; others run callbacks that throw, unwind or end their thread, now and then. Everything else goes on:
 * every page parses, what counts never falls, nothing is lost; and no byte is left in the end.
 */
#include "stress.h"

#include "support/leave.h"

enum {
    LABELS = 8,
    VICTIMS = 2,
    LEAVERS = 2,
    CALLS_MAX = 400 /* of a thread, if nothing ends it before */
};

struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_counter *counter;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_counter_vec *counters;
    _Atomic bool over;
    _Atomic uint64_t numbers; /* for threads, and for names that are new */
    uint64_t counted;
    _Atomic uint64_t cancelled, pages, left[CT_WAYS];
    char path[64];
};

/* A callback of this thread may leave: it runs in ct_left(). */
static _Thread_local bool may_leave;

static void perhaps_leave(void)
{
    if (st_state && st_one_in(4)) st_yields(2);
    pthread_testcancel(); /* in a callback it does nothing */
    if (may_leave && st_one_in(6)) ct_leave();
}

/*==============================================================================
 * Callbacks
 *============================================================================*/

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    static const cprom_desc one = {.size = sizeof one, .name = "emitted", .type = CPROM_GAUGE, .labels = {"l"}};
    static const cprom_desc other = {.size = sizeof other, .name = "emitted_too", .type = CPROM_GAUGE};
    cprom_emit(out, &one, CPROM_STRS("a"), 1);
    perhaps_leave();
    cprom_emit(out, &one, CPROM_STRS("b"), 2);
    return cprom_emit(out, &other, CPROM_NO_STRS, 3);
}
static double value(void *ctx)
{
    perhaps_leave();
    return 1;
}
static bool each(void *ctx, const cprom_view *view)
{
    perhaps_leave();
    return true;
}
static void finding(void *ctx, const char *family, const char *text) { perhaps_leave(); }

/*==============================================================================
 * Calls; none holds anything where another begins that gathers
 *============================================================================*/

static const char *label(void)
{
    static const char *const labels[LABELS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    return labels[st_below(LABELS)];
}

static void scrape(struct world *w)
{
    char *text;
    if (!cprom_registry_text(w->registry, &text, NULL)) cprom_text_free(text);
}

static void update(struct world *w)
{
    cprom_update *u;
    if (cprom_update_new(w->registry, &u)) return;
    const char *owner = label();
    cprom_update_gauge_vec_replace(u, w->gauges, CPROM_LABELS({"o", owner}));
    for (int i = 0; i < 4; i++) cprom_update_gauge_vec_set(u, w->gauges, CPROM_STRS(owner, label()), i);
    cprom_update_counter_vec_add(u, w->counters, CPROM_STRS(owner, label()), 1);
    cprom_update_commit(u, NULL);
    cprom_update_free(u);
}

static void come_and_go(struct world *w)
{
    char name[32];
    snprintf(name, sizeof name, "n%llu", (unsigned long long)atomic_fetch_add(&w->numbers, 1));
    if (st_one_in(2)) {
        cprom_gauge *gauge;
        st_check(!cprom_gauge_func_new(w->registry, FAMILY(name), value, NULL), "gauge_func_new");
        st_check(!cprom_registry_unregister(w->registry, name), "unregister");
        st_check(!cprom_gauge_new(w->registry, FAMILY(name), &gauge), "gauge_new");
    } else {
        st_check(!cprom_collector_new(w->registry, CPROM_OPTS(cprom_collector_opts, .name = name, .collect = collect)),
                 "collector_new");
    }
    st_check(!cprom_registry_unregister(w->registry, name), "unregister");
}

static void call_something(struct world *w)
{
    cprom_strs strs = CPROM_STRS(label(), label());
    cprom_labels match = CPROM_LABELS({"o", strs.v[0]});
    switch (st_below(16)) {
    case 0: cprom_gauge_vec_set(w->gauges, strs, 1); break;
    case 1: cprom_histogram_vec_observe(w->histograms, strs, 1); break;
    case 2: cprom_counter_vec_inc(w->counters, strs); break;
    case 3: cprom_gauge_unref(cprom_gauge_vec_with(w->gauges, strs)); break;
    case 4: cprom_gauge_vec_delete(w->gauges, strs); break;
    case 5: cprom_counter_vec_delete_matching(w->counters, match, NULL); break;
    case 6: cprom_registry_delete_matching(w->registry, match, NULL); break;
    case 7: cprom_histogram_vec_clear(w->histograms); break;
    case 8: update(w); break;
    case 9: cprom_gauge_vec_sweep(w->gauges, match, cprom_registry_mark(w->registry), NULL); break;
    case 10: scrape(w); break;
    case 11: cprom_gauge_vec_each(w->gauges, each, w); break;
    case 12: cprom_registry_lint(w->registry, finding, w, NULL); break;
    case 13: cprom_registry_value(w->registry, "emitted", CPROM_LABELS({"l", "a"}), NULL); break;
    case 14:
        if (st_one_in(8)) cprom_registry_write_file(w->registry, w->path);
        else cprom_registry_trim(w->registry);
        break;
    case 15: come_and_go(w); break;
    }
}

/*==============================================================================
 * Threads
 *============================================================================*/

static void *be_cancelled(void *arg)
{
    struct world *w = arg;
    st_join_in(1000 + (unsigned)atomic_fetch_add(&w->numbers, 1));
    for (;;) {
        pthread_testcancel();
        call_something(w);
    }
    return NULL;
}

static void cancel_others(void *world, unsigned number)
{
    struct world *w = world;
    while (!atomic_load(&w->over)) {
        pthread_t threads[VICTIMS];
        for (int i = 0; i < VICTIMS; i++) {
            st_check(!pthread_create(&threads[i], NULL, be_cancelled, w), "pthread_create");
        }
        for (int i = 0; i < VICTIMS; i++) {
            void *result;
            st_yields(st_below(60));
            pthread_cancel(threads[i]);
            pthread_join(threads[i], &result);
            st_check(result == PTHREAD_CANCELED, "a thread that was cancelled came back");
            atomic_fetch_add(&w->cancelled, 1);
        }
    }
}

static void leave_somewhere(void *world)
{
    struct world *w = world;
    st_join_in(1000 + (unsigned)atomic_fetch_add(&w->numbers, 1));
    may_leave = true;
    for (int i = 0; i < CALLS_MAX && !atomic_load(&w->over); i++) call_something(w);
    may_leave = false;
}

/* Behind what was left, on the same thread. */
static void go_on(void *world)
{
    may_leave = false;
    for (int i = 0; i < 20; i++) call_something(world);
}

static void leave(void *world, unsigned number)
{
    struct world *w = world;
    while (!atomic_load(&w->over)) {
        enum ct_way way = (enum ct_way)st_below(CT_WAYS);
        if (ct_can_leave(way) && ct_left(way, leave_somewhere, go_on, w)) atomic_fetch_add(&w->left[way], 1);
    }
}

static void count(void *world, unsigned number)
{
    struct world *w = world;
    while (!atomic_load(&w->over)) {
        cprom_counter_inc(w->counter);
        w->counted++;
        if (w->counted % 256 == 0) st_yields(1);
    }
}

static void check_pages(void *world, unsigned number)
{
    struct world *w = world;
    double before = 0;
    while (!atomic_load(&w->over)) {
        cprom_page *opened = st_open(w->registry);
        ct_page page = st_drain(opened);
        cprom_page_close(opened);
        const parser_sample *sample = parser_find(page.parsed, "counted_total");
        st_check(sample && sample->value >= before, "counted_total fell, or is not there");
        before = sample->value;
        st_check(parser_count(page.parsed, "emitted") == 2, "the collector's samples are not there");
        ct_page_free(&page);
        atomic_fetch_add(&w->pages, 1);
    }
}

static void test_leave_by_force_and_everything_else_goes_on(void **state)
{
    st_begin(__func__);
    struct world w = {.fixture = ct_fixture_new()};
    cprom_registry *r = w.registry = w.fixture->registry;
    snprintf(w.path, sizeof w.path, "/tmp/cprom-leave-%ld.prom", (long)getpid());
    assert_ok(cprom_counter_new(r, FAMILY("counted_total"), &w.counter));
    assert_ok(
        cprom_gauge_vec_new(r, FAMILY("gauges", .labels = {"o", "l"}, .owner = "o", .linger_seconds = 100), &w.gauges));
    assert_ok(cprom_counter_vec_new(r, FAMILY("counters_total", .labels = {"o", "l"}), &w.counters));
    assert_ok(cprom_histogram_vec_new(r, FAMILY("histograms_count", .labels = {"o", "l"}), &w.histograms));
    assert_ok(cprom_process_collector_new(r));
    add_collector(r, "emits", collect, NULL);
    st_crew crew = {.n = 0};
    st_start(&crew, count, &w, 0);
    st_start(&crew, check_pages, &w, 1);
    st_start(&crew, cancel_others, &w, 2);
    for (unsigned i = 0; i < LEAVERS; i++) st_start(&crew, leave, &w, 3 + i);
    int64_t start = ct_now();
    while (!ct_over(start, ct_stress_seconds())) sched_yield();
    atomic_store(&w.over, true);
    st_join(&crew);
    unlink(w.path);
    assert_true(w.cancelled > 0 && w.pages > 0);
    for (enum ct_way way = 0; way < CT_WAYS; way++) assert_true(!ct_can_leave(way) || w.left[way] > 0);
    ct_assert_sample(r, "counted_total", (double)w.counted);
    ct_fixture_free(w.fixture);
}

int group_leave(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_leave_by_force_and_everything_else_goes_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
