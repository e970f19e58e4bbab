/*
 * Threads that are cancelled inside the library: the call comes to its end, and everything else goes on. What every call
 * does without others is in test_faults.c; here are waits, and callbacks that cancel the thread they run on.
 */
#include "support/cancelled.h"

#include <sched.h>

#include "store/context.h"

static void scrape(void *ctx)
{
    char *text;
    if (!cprom_registry_text(ctx, &text, NULL)) cprom_text_free(text);
}

static void test_cancel_of_a_scrape_of_the_default_registry(void **state)
{
    cprom_registry *r = cprom_registry_default(); /* whose collector opens and reads files */
    for (int i = 0; i < 3; i++) assert_true(cancelled_run(scrape, r));
    char *text;
    assert_ok(cprom_registry_text(r, &text, NULL));
    cprom_text_free(text);
}

/* Calls that gather, and begin with a cancellation point. */
static void begin_page(void *ctx)
{
    cprom_page *page;
    assert_ok(cprom_page_open(ctx, NULL, &page));
}
static void begin_file(void *ctx) { cprom_registry_write_file(ctx, "/tmp/cprom-never-written.prom"); }
static void begin_value(void *ctx) { cprom_registry_value(ctx, "g", CPROM_NO_LABELS, NULL); }
static void begin_lint(void *ctx) { cprom_registry_lint(ctx, NULL, NULL, NULL); }
static bool see(void *ctx, const cprom_view *view) { return true; }
static cprom_gauge_vec *vec_to_see;
static void begin_each(void *ctx) { cprom_gauge_vec_each(vec_to_see, see, NULL); }

static void test_cancel_ends_a_thread_where_a_gather_would_begin(void **state)
{
    static void (*const bodies[])(void *) = {scrape, begin_page, begin_file, begin_value, begin_lint, begin_each};
    TESTS_BEGIN;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &vec_to_see));
    assert_ok(cprom_gauge_vec_set(vec_to_see, CPROM_STRS("x"), 1));
    size_t bytes = fixture->alloc.bytes;
    for (size_t i = 0; i < COUNT(bodies); i++) {
        assert_true(cancelled_at_once(bodies[i], r));
        assert_int_equal(fixture->alloc.bytes, bytes);
        assert_int_equal(stats_of(r).gathers, 0);
    }
    scrape(r);
    assert_int_equal(stats_of(r).gathers, 1);
}

/*==============================================================================
 * Waits
 *============================================================================*/

static void clear(void *ctx) { assert_ok(cprom_vec_clear(ctx)); }

/* Somebody else is in the gate. */
static void test_cancel_of_who_waits_for_a_gate(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("x"), 1));
    cprom__gate_enter(&r->removal_gate);
    struct cancelled c;
    pthread_t thread = cancelled_begin(&c, false, clear, vec);
    while (!cprom__gate_is_wanted(&r->removal_gate)) sched_yield();
    cprom__gate_leave(&r->removal_gate);
    assert_true(cancelled_end(&c, thread));
    assert_int_equal(cprom_gauge_vec_size(vec), 0);
    assert_ok(cprom_gauge_vec_clear(vec)); /* nobody has it */
}

/* One callback, in which a scrape stays while `held`. */
typedef struct slow {
    ct_fixture *fixture;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool held, inside;
    _Atomic size_t asked; /* for the time */
    size_t calls;
    double timeout;
} slow;

static int64_t ask_the_time(void *ctx)
{
    slow *s = ctx;
    atomic_fetch_add(&s->asked, 1);
    return 5 * SECOND;
}

static cprom_status stay(void *ctx, cprom_scrape *out)
{
    slow *s = ctx;
    pthread_mutex_lock(&s->mutex);
    s->calls++;
    s->inside = true;
    pthread_cond_broadcast(&s->changed);
    while (s->held) pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
    return CPROM_OK;
}

static void open_page(void *ctx)
{
    slow *s = ctx;
    cprom_page *page;
    assert_ok(cprom_page_open(s->fixture->registry, PAGE_OPTS(.timeout_seconds = s->timeout), &page));
    cprom_page_close(page);
}

static void *open_page_thread(void *ctx)
{
    open_page(ctx);
    return NULL;
}

static void who_waits_for_a_collector(double timeout)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_registry_free(fixture->registry);
    slow s = {.fixture = fixture, .held = true, .timeout = timeout};
    pthread_mutex_init(&s.mutex, NULL);
    pthread_cond_init(&s.changed, NULL);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.monotonic_clock = ask_the_time;
    opts.clock_ctx = &s;
    opts.wall_clock = NULL;
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    add_collector(fixture->registry, "slow", stay, &s);
    pthread_t first;
    assert_int_equal(pthread_create(&first, NULL, open_page_thread, &s), 0);
    pthread_mutex_lock(&s.mutex);
    while (!s.inside) pthread_cond_wait(&s.changed, &s.mutex);
    pthread_mutex_unlock(&s.mutex);
    struct cancelled c;
    size_t asked = atomic_load(&s.asked);
    pthread_t second = cancelled_begin(&c, false, open_page, &s);
    if (timeout >
        0) { /* for the deadline, before the collector, and how long to wait: under the lock, until it waits */
        while (atomic_load(&s.asked) < asked + 3) sched_yield();
    }
    pthread_mutex_lock(&s.mutex);
    s.held = false;
    pthread_cond_broadcast(&s.changed);
    pthread_mutex_unlock(&s.mutex);
    assert_int_equal(pthread_join(first, NULL), 0);
    assert_true(cancelled_end(&c, second));
    assert_int_equal(s.calls, 2);
    open_page(&s); /* nobody runs it any more */
    assert_int_equal(s.calls, 3);
    ct_fixture_free(fixture);
    pthread_cond_destroy(&s.changed);
    pthread_mutex_destroy(&s.mutex);
}

static void test_cancel_of_who_waits_for_a_collector(void **state)
{
    who_waits_for_a_collector(1000);
    who_waits_for_a_collector(0);
}

/*==============================================================================
 * Callbacks that cancel the thread they run on
 *============================================================================*/

typedef struct callbacks {
    ct_fixture *fixture;
    void (*call)(cprom_registry *registry, struct callbacks *c);
    size_t n; /* how many ran */
    bool came_back, enabled;
} callbacks;

static void cancel_me(void *ctx)
{
    callbacks *c = ctx;
    c->n++;
    pthread_cancel(pthread_self());
    pthread_testcancel();
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    cancel_me(ctx);
    return cprom_emit(out, DESC(.name = "emitted", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
}
static double value(void *ctx)
{
    cancel_me(ctx);
    return 1;
}
static bool each(void *ctx, const cprom_view *view)
{
    cancel_me(ctx);
    return true;
}
static bool family(void *ctx, const cprom_family_view *view)
{
    cancel_me(ctx);
    return true;
}
static bool sample(void *ctx, const cprom_family_view *view, const cprom_sample_view *its)
{
    cancel_me(ctx);
    return true;
}
static bool exemplar(void *ctx, const cprom_family_view *view, const cprom_sample_view *its,
                     const cprom_exemplar_view *one)
{
    cancel_me(ctx);
    return true;
}
static void finding(void *ctx, const char *name, const char *text) { cancel_me(ctx); }
static void log_line(void *ctx, const char *line) { cancel_me(ctx); }

static void call_collector(cprom_registry *r, callbacks *c)
{
    add_collector(r, "cancels", collect, c);
    scrape(r);
}
static void call_value(cprom_registry *r, callbacks *c)
{
    assert_ok(cprom_gauge_func_new(r, FAMILY("f"), value, c));
    scrape(r);
}
static void call_each(cprom_registry *r, callbacks *c)
{
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("x"), 1));
    assert_ok(cprom_gauge_vec_each(vec, each, c));
}
static void visit(cprom_registry *r, const cprom_visitor *visitor)
{
    cprom_counter *counter;
    cprom_page *page;
    assert_ok(cprom_counter_new(r, FAMILY("c_total", .exemplars = true), &counter));
    cprom_counter_add_with_exemplar(counter, 1, CPROM_LABELS({"trace", "1"}), 0);
    assert_ok(cprom_page_open(r, NULL, &page));
    assert_ok(cprom_page_visit(page, visitor));
    cprom_page_close(page);
}
static void call_visit_family(cprom_registry *r, callbacks *c)
{
    visit(r, CPROM_OPTS(cprom_visitor, .family = family, .ctx = c));
}
static void call_visit_sample(cprom_registry *r, callbacks *c)
{
    visit(r, CPROM_OPTS(cprom_visitor, .sample = sample, .ctx = c));
}
static void call_visit_exemplar(cprom_registry *r, callbacks *c)
{
    visit(r, CPROM_OPTS(cprom_visitor, .exemplar = exemplar, .ctx = c));
}
static void call_lint(cprom_registry *r, callbacks *c)
{
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(r, FAMILY("g_count"), &gauge));
    assert_ok(cprom_registry_lint(r, finding, c, NULL));
}
static void call_free(cprom_registry *r, callbacks *c)
{
    assert_ok(cprom_collector_new(
        r, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = collect_nothing, .ctx = c, .free = cancel_me)));
    assert_ok(cprom_registry_unregister(r, "c"));
}
static void call_log(cprom_registry *r, callbacks *c)
{
    cprom_gauge *gauge;
    assert_status(cprom_gauge_new(r, FAMILY("no name"), &gauge), CPROM_ENAME);
}
static void call_log_of_no_registry(cprom_registry *r, callbacks *c)
{
    cprom_registry *made;
    assert_status(cprom_registry_new(
                      CPROM_OPTS(cprom_registry_opts, .allocate = ct_allocate, .log = log_line, .log_ctx = c), &made),
                  CPROM_EINVAL);
}

static void *run_callback(void *arg)
{
    callbacks *c = arg;
    int before;
    c->call(c->fixture->registry, c);
    c->came_back = true;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    c->enabled = before == PTHREAD_CANCEL_ENABLE;
    pthread_testcancel();
    return NULL;
}

static void test_cancel_by_a_callback_of_the_thread_it_runs_on(void **state)
{
    static void (*const calls[])(cprom_registry * registry, callbacks * c) = {
        call_collector,    call_value,        call_each,           call_lint, call_free,
        call_visit_family, call_visit_sample, call_visit_exemplar, call_log,  call_log_of_no_registry,
    };
    for (size_t i = 0; i < COUNT(calls); i++) {
        callbacks c = {.fixture = ct_fixture_new(), .call = calls[i]};
        cprom_registry_free(c.fixture->registry);
        cprom_registry_opts opts = ct_fixture_opts(c.fixture);
        opts.log = log_line;
        opts.log_ctx = &c;
        assert_ok(cprom_registry_new(&opts, &c.fixture->registry));
        pthread_t thread;
        void *result;
        assert_int_equal(pthread_create(&thread, NULL, run_callback, &c), 0);
        assert_int_equal(pthread_join(thread, &result), 0);
        if (!c.came_back || !c.enabled || !c.n) fail_msg("call %zu did not come back", i);
        assert_ptr_equal(result, PTHREAD_CANCELED);
        ct_fixture_free(c.fixture);
    }
}

/* A program that has switched cancellation off finds it so behind every call. */
static void test_cancel_state_is_as_it_was(void **state)
{
    TESTS_BEGIN;
    int before;
    cprom_gauge_vec *vec;
    callbacks c = {.fixture = fixture};
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &vec));
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("x"), 1));
    scrape(r);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    assert_int_equal(before, PTHREAD_CANCEL_DISABLE);
    call_log(r, &c);
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &before);
    assert_int_equal(before, PTHREAD_CANCEL_ENABLE);
}

int group_cancel(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cancel_of_a_scrape_of_the_default_registry),
        TEST(test_cancel_ends_a_thread_where_a_gather_would_begin),
        TEST(test_cancel_of_who_waits_for_a_gate),
        cmocka_unit_test(test_cancel_of_who_waits_for_a_collector),
        cmocka_unit_test(test_cancel_by_a_callback_of_the_thread_it_runs_on),
        TEST(test_cancel_state_is_as_it_was),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
