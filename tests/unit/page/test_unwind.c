/*
 * Callbacks that do not return: they throw, or end their thread. The call that runs them ends, what it held is given
 * back, and everything else goes on. Each test is tried in every way that there is here.
 */
#include "support/leave.h"

#include <sched.h>

typedef struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    void (*call)(struct world *w); /* what is left */
    bool leaves;                   /* the callbacks do */
    bool went_on;                  /* the thread of the call, behind it */
    size_t calls, freed;           /* of collect() and of free() */
    size_t seen;                   /* by callbacks that are shown something */
    cprom_gauge_vec *vec;
    cprom_page *page;
} world;

static void leave_if_wanted(world *w)
{
    if (w->leaves) ct_leave();
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    world *w = ctx;
    w->calls++;
    for (int i = 0; i < 5; i++) { /* families that nobody declared, with memory of their own */
        char name[16];
        snprintf(name, sizeof name, "emitted_%d", i);
        assert_ok(cprom_emit(out, DESC(.name = name, .help = "h", .type = CPROM_GAUGE), CPROM_NO_STRS, i));
    }
    leave_if_wanted(w);
    return CPROM_OK;
}

static void count_free(void *ctx) { ((world *)ctx)->freed++; }

static double value(void *ctx)
{
    leave_if_wanted(ctx);
    return 1;
}

static bool each(void *ctx, const cprom_view *view)
{
    world *w = ctx;
    if (++w->seen == 2) leave_if_wanted(w);
    return true;
}
static bool family(void *ctx, const cprom_family_view *view)
{
    leave_if_wanted(ctx);
    return true;
}
static bool sample(void *ctx, const cprom_family_view *view, const cprom_sample_view *its)
{
    leave_if_wanted(ctx);
    return true;
}
static bool exemplar(void *ctx, const cprom_family_view *view, const cprom_sample_view *its,
                     const cprom_exemplar_view *one)
{
    leave_if_wanted(ctx);
    return true;
}
static void finding(void *ctx, const char *name, const char *text) { leave_if_wanted(ctx); }

/* Registers what leaves, or would; with something else before and behind it. */
static void setup(world *w)
{
    cprom_counter *counter;
    cprom_registry *r = w->registry;
    assert_ok(cprom_counter_new(r, FAMILY("c_total", .exemplars = true), &counter));
    cprom_counter_add_with_exemplar(counter, 1, CPROM_LABELS({"trace", "1"}), 0);
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g_count", .labels = {"l"}), &w->vec));
    for (int i = 0; i < 3; i++) {
        char label[16];
        snprintf(label, sizeof label, "%d", i);
        assert_ok(cprom_gauge_vec_set(w->vec, CPROM_STRS(label), i));
    }
    add_collector(r, "nothing", collect_nothing, NULL);
}

static void setup_collector(world *w)
{
    setup(w);
    assert_ok(cprom_collector_new(w->registry, CPROM_OPTS(cprom_collector_opts, .name = "leaves", .collect = collect,
                                                          .ctx = w, .free = count_free)));
    add_collector(w->registry, "nothing else", collect_nothing, NULL);
}

static void setup_value(world *w)
{
    setup(w);
    assert_ok(cprom_gauge_func_new(w->registry, FAMILY("emitted_0"), value, w));
}

static void setup_page(world *w)
{
    setup(w);
    assert_ok(cprom_page_open(w->registry, NULL, &w->page));
}

/* ---- calls ---- */

static void open_page(world *w)
{
    cprom_page *page;
    if (!cprom_page_open(w->registry, PAGE_OPTS(.timeout_seconds = 1000, .self_metrics = true), &page))
        cprom_page_close(page);
}
static void text(world *w)
{
    char *got;
    if (!cprom_registry_text(w->registry, &got, NULL)) cprom_text_free(got);
}
static void write_file(world *w) { cprom_registry_write_file(w->registry, "/tmp/cprom-never-written.prom"); }
static void read_back(world *w) { cprom_registry_value(w->registry, "emitted_0", CPROM_NO_LABELS, NULL); }
static void lint(world *w) { cprom_registry_lint(w->registry, NULL, NULL, NULL); }
static void lint_finding(world *w) { cprom_registry_lint(w->registry, finding, w, NULL); }
static void each_series(world *w)
{
    w->seen = 0;
    cprom_gauge_vec_each(w->vec, each, w);
}
static void visit_family(world *w) { cprom_page_visit(w->page, CPROM_OPTS(cprom_visitor, .family = family, .ctx = w)); }
static void visit_sample(world *w) { cprom_page_visit(w->page, CPROM_OPTS(cprom_visitor, .sample = sample, .ctx = w)); }
static void visit_exemplar(world *w)
{
    cprom_page_visit(w->page, CPROM_OPTS(cprom_visitor, .exemplar = exemplar, .ctx = w));
}

/* ---- what is left behind ---- */

static world *world_new(void (*prepare)(world *w))
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->fixture = ct_fixture_new();
    w->registry = w->fixture->registry;
    if (prepare) prepare(w);
    return w;
}

static void world_free(world *w)
{
    cprom_page_close(w->page);
    ct_fixture_free(w->fixture);
    free(w);
}

static void body(void *ctx) { ((world *)ctx)->call(ctx); }

/* On the thread that was left: it may be cancelled again, and may gather. */
static void go_on(void *ctx)
{
    world *w = ctx;
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    w->leaves = false;
    char *got;
    w->went_on = state == PTHREAD_CANCEL_ENABLE && !cprom_registry_text(w->registry, &got, NULL);
    if (w->went_on) cprom_text_free(got);
}

/* The page afterwards, with nobody who leaves. */
static void assert_goes_on(world *w, bool collects)
{
    w->leaves = false;
    ct_page page = ct_page_read(w->registry, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "g_count"), 3);
    assert_int_equal(parser_count(page.parsed, "emitted_0"), collects);
    ct_page_free(&page);
}

static void test_unwind_gives_back_what_the_call_held(void **state)
{
    static const struct {
        void (*setup)(world *w);
        void (*call)(world *w);
        bool fails; /* a collector does */
    } cases[] = {
        {setup_collector, open_page, true}, {setup_collector, text, true},     {setup_collector, write_file, true},
        {setup_collector, read_back, true}, {setup_collector, lint, true},     {setup_value, open_page, true},
        {setup_value, lint, true},          {setup, lint_finding, false},      {setup, each_series, false},
        {setup_page, visit_family, false},  {setup_page, visit_sample, false}, {setup_page, visit_exemplar, false},
    };
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        for (size_t i = 0; i < COUNT(cases) && ct_can_leave(way); i++) {
            world *w = world_new(cases[i].setup);
            w->call = cases[i].call;
            w->call(w); /* what is kept for good is there then */
            cprom_stats before = stats_of(w->registry);
            size_t bytes = w->fixture->alloc.bytes;
            w->leaves = true;
            for (int turn = 1; turn < 4; turn++) {
                if (!ct_left(way, body, NULL, w)) fail_msg("case %zu, way %d: it came back", i, way);
                cprom_stats after = stats_of(w->registry);
                assert_int_equal(after.collector_failures, before.collector_failures + (size_t)turn * cases[i].fails);
                assert_int_equal(after.pages_open, before.pages_open);
                if (w->fixture->alloc.bytes != bytes)
                    fail_msg("case %zu, way %d: %zd bytes are left", i, way, w->fixture->alloc.bytes - bytes);
            }
            if (cases[i].fails) {
                assert_int_equal(ct_log_count_with(&w->fixture->log, "collector", "did not return", NULL), 1); /* a minute */
            }
            assert_goes_on(w, cases[i].fails);
            w->leaves = true;
            assert_true(ct_left(way, body, go_on, w));
            assert_int_equal(w->went_on, way != CT_BY_EXIT);
            world_free(w);
        }
    }
}

/* ---- others ---- */

static cprom_status unregister_and_leave(void *ctx, cprom_scrape *out)
{
    world *w = ctx;
    assert_ok(cprom_registry_unregister(w->registry, "leaves"));
    assert_int_equal(w->freed, 0);
    return collect(ctx, out);
}

static cprom_status free_registry_and_leave(void *ctx, cprom_scrape *out)
{
    world *w = ctx;
    cprom_registry_free(w->registry);
    w->fixture->registry = NULL;
    assert_int_equal(w->freed, 0);
    return collect(ctx, out);
}

static void test_unwind_of_a_collector_that_is_gone_frees_its_context(void **state)
{
    cprom_status (*const collects[])(void *, cprom_scrape *) = {unregister_and_leave, free_registry_and_leave};
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        for (size_t i = 0; i < COUNT(collects) && ct_can_leave(way); i++) {
            world *w = world_new(setup);
            assert_ok(
                cprom_collector_new(w->registry, CPROM_OPTS(cprom_collector_opts, .name = "leaves",
                                                            .collect = collects[i], .ctx = w, .free = count_free)));
            w->call = open_page;
            w->leaves = true;
            assert_true(ct_left(way, body, NULL, w));
            assert_int_equal(w->freed, 1);
            if (w->fixture->registry) assert_goes_on(w, false);
            world_free(w); /* nothing is left of a registry that is gone */
        }
    }
}

/* A callback that waits until somebody else is about to wait for it. */
typedef struct turns {
    world *w;
    _Atomic size_t calls, asked;
} turns;

static int64_t ask_the_time(void *ctx)
{
    atomic_fetch_add(&((turns *)ctx)->asked, 1);
    return 5 * SECOND;
}

static cprom_status wait_and_leave(void *ctx, cprom_scrape *out)
{
    turns *t = ctx;
    if (atomic_fetch_add(&t->calls, 1)) return CPROM_OK;
    size_t asked = atomic_load(&t->asked);
    while (atomic_load(&t->asked) < asked + 3) sched_yield(); /* see test_cancel.c */
    ct_leave();
}

static void *scrape_too(void *ctx)
{
    turns *t = ctx;
    while (!atomic_load(&t->calls)) sched_yield();
    open_page(t->w);
    return NULL;
}

static void test_unwind_lets_those_in_who_wait_for_the_collector(void **state)
{
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        if (!ct_can_leave(way)) continue;
        world *w = world_new(NULL);
        turns t = {.w = w};
        cprom_registry_free(w->registry);
        cprom_registry_opts opts = ct_fixture_opts(w->fixture);
        opts.monotonic_clock = ask_the_time;
        opts.wall_clock = NULL;
        opts.clock_ctx = &t;
        assert_ok(cprom_registry_new(&opts, &w->fixture->registry));
        w->registry = w->fixture->registry;
        add_collector(w->registry, "leaves", wait_and_leave, &t);
        w->call = open_page;
        pthread_t other;
        assert_int_equal(pthread_create(&other, NULL, scrape_too, &t), 0);
        assert_true(ct_left(way, body, NULL, w));
        assert_int_equal(pthread_join(other, NULL), 0);
        assert_int_equal(t.calls, 2);
        assert_int_equal(stats_of(w->registry).collector_failures, 1);
        world_free(w);
    }
}

/* A gather inside a callback, of another registry as well, is EBUSY; also behind one that was left. */
static cprom_status catch_and_go_on(void *ctx, cprom_scrape *out)
{
    world *w = ctx;
    cprom_page *page;
    assert_status(cprom_page_open(w->registry, NULL, &page), CPROM_EBUSY);
    leave_if_wanted(w);
    return CPROM_OK;
}

static void test_unwind_leaves_the_callback(void **state)
{
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        if (!ct_can_leave(way)) continue;
        world *w = world_new(NULL);
        add_collector(w->registry, "leaves", catch_and_go_on, w);
        w->call = open_page;
        w->leaves = true;
        assert_true(ct_left(way, body, go_on, w));
        assert_int_equal(w->went_on, way != CT_BY_EXIT);
        world_free(w);
    }
}

int group_unwind(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unwind_gives_back_what_the_call_held),
        cmocka_unit_test(test_unwind_of_a_collector_that_is_gone_frees_its_context),
        cmocka_unit_test(test_unwind_lets_those_in_who_wait_for_the_collector),
        cmocka_unit_test(test_unwind_leaves_the_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
