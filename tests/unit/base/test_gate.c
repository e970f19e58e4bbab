/* lib/base/gate.c: first come, first served, and what that means for a clear beside scrapes. */
#include "support/cprom_test.h"

#include <sched.h>

#include "base/gate.h"
#include "store/context.h"

typedef struct waiter {
    struct cprom__gate *gate;
    pthread_t thread;
    int *next; /* guarded by the gate */
    int turn;  /* which one it was */
} waiter;

static void *pass(void *arg)
{
    waiter *w = arg;
    cprom__gate_enter(w->gate);
    w->turn = (*w->next)++;
    cprom__gate_leave(w->gate);
    return NULL;
}

/* The last in the queue, to tell when it has changed. */
static const void *last_of(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    const void *last = gate->last;
    pthread_mutex_unlock(&gate->lock);
    return last;
}

static bool is_taken(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    bool taken = gate->taken;
    pthread_mutex_unlock(&gate->lock);
    return taken;
}

static void start_and_queue(waiter *w)
{
    const void *before = last_of(w->gate);
    assert_int_equal(pthread_create(&w->thread, NULL, pass, w), 0);
    while (last_of(w->gate) == before) sched_yield();
}

static void test_enter_free_gate_is_taken_and_given_back(void **state)
{
    struct cprom__gate gate;
    cprom__gate_init(&gate);
    for (int i = 0; i < 3; i++) {
        assert_false(is_taken(&gate));
        cprom__gate_enter(&gate);
        assert_true(is_taken(&gate));
        cprom__gate_leave(&gate);
    }
    assert_false(is_taken(&gate));
    cprom__gate_destroy(&gate);
}

static void test_leave_many_wait_each_gets_its_turn_in_order(void **state)
{
    enum {
        N = 20
    };
    struct cprom__gate gate;
    waiter waiters[N];
    int next = 0;
    cprom__gate_init(&gate);
    for (int round = 0; round < 20; round++) {
        next = 0;
        cprom__gate_enter(&gate);
        for (int i = 0; i < N; i++) {
            waiters[i] = (waiter){.gate = &gate, .next = &next};
            start_and_queue(&waiters[i]);
        }
        assert_int_equal(next, 0);
        cprom__gate_leave(&gate);
        for (int i = 0; i < N; i++) {
            pthread_join(waiters[i].thread, NULL);
            assert_int_equal(waiters[i].turn, i);
        }
        assert_false(is_taken(&gate));
        assert_null(last_of(&gate));
    }
    cprom__gate_destroy(&gate);
}

static void test_enter_again_at_once_goes_behind_who_waits(void **state)
{
    enum {
        N = 5
    };
    struct cprom__gate gate;
    waiter waiters[N];
    int next = 0;
    cprom__gate_init(&gate);
    cprom__gate_enter(&gate);
    for (int i = 0; i < N; i++) {
        waiters[i] = (waiter){.gate = &gate, .next = &next};
        start_and_queue(&waiters[i]);
    }
    /* Whoever comes now waits for all five. */
    cprom__gate_leave(&gate);
    cprom__gate_enter(&gate);
    assert_int_equal(next, N);
    cprom__gate_leave(&gate);
    for (int i = 0; i < N; i++) pthread_join(waiters[i].thread, NULL);
    cprom__gate_destroy(&gate);
}

static void test_try_enters_only_what_is_free(void **state)
{
    struct cprom__gate gate;
    cprom__gate_init(&gate);
    for (int i = 0; i < 3; i++) {
        assert_true(cprom__gate_try(&gate));
        assert_false(cprom__gate_try(&gate));
        cprom__gate_leave(&gate);
    }
    cprom__gate_enter(&gate);
    assert_false(cprom__gate_try(&gate));
    cprom__gate_leave(&gate);
    assert_false(is_taken(&gate));
    cprom__gate_destroy(&gate);
}

/* As leaving does, but who waits is not woken up yet. */
static void leave_unnoticed(struct cprom__gate *gate)
{
    pthread_mutex_lock(&gate->lock);
    gate->taken = false;
    pthread_mutex_unlock(&gate->lock);
}

static void test_try_goes_before_who_waits_once(void **state)
{
    struct cprom__gate gate;
    waiter waiters[2];
    int next = 0;
    cprom__gate_init(&gate);
    cprom__gate_enter(&gate);
    for (int i = 0; i < 2; i++) {
        waiters[i] = (waiter){.gate = &gate, .next = &next};
        start_and_queue(&waiters[i]);
    }
    leave_unnoticed(&gate);
    assert_true(cprom__gate_try(&gate));
    leave_unnoticed(&gate);
    assert_false(cprom__gate_try(&gate));
    assert_int_equal(next, 0);
    cprom__gate_leave(&gate);
    for (int i = 0; i < 2; i++) {
        pthread_join(waiters[i].thread, NULL);
        assert_int_equal(waiters[i].turn, i);
    }
    /* Nobody is gone before any more. */
    assert_true(cprom__gate_try(&gate));
    cprom__gate_leave(&gate);
    cprom__gate_destroy(&gate);
}

typedef struct counting {
    struct cprom__gate gate;
    size_t count; /* guarded by the gate: plain, so that sanitizers see two inside */
    bool inside;
} counting;

static void *count(void *arg)
{
    counting *c = arg;
    for (int i = 0; i < 20000; i++) {
        if (i % 4 || !cprom__gate_try(&c->gate)) cprom__gate_enter(&c->gate);
        if (c->inside) abort();
        c->inside = true;
        c->count++;
        c->inside = false;
        cprom__gate_leave(&c->gate);
    }
    return NULL;
}

static void test_enter_by_many_threads_excludes_and_loses_no_wake_up(void **state)
{
    counting c = {.count = 0};
    pthread_t threads[6];
    cprom__gate_init(&c.gate);
    for (int i = 0; i < 6; i++) assert_int_equal(pthread_create(&threads[i], NULL, count, &c), 0);
    for (int i = 0; i < 6; i++) pthread_join(threads[i], NULL);
    assert_int_equal(c.count, 6 * 20000);
    assert_false(is_taken(&c.gate));
    cprom__gate_destroy(&c.gate);
}

/*==============================================================================
 * Behind the public face
 *============================================================================*/

typedef struct job {
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    pthread_t thread;
    ct_page page;
    cprom_status status;
    _Atomic bool over;
    _Atomic size_t scrapes;
} job;

static void *scrape(void *arg)
{
    job *j = arg;
    j->page = ct_page_read(j->registry, NULL, 65536);
    return NULL;
}

static void *clear(void *arg)
{
    job *j = arg;
    j->status = cprom_gauge_vec_clear(j->vec);
    return NULL;
}

static cprom_gauge_vec *make_vec(cprom_registry *registry, size_t n)
{
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}), &vec));
    for (size_t i = 0; i < n; i++) {
        char value[24];
        snprintf(value, sizeof value, "%zu", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), 1));
    }
    return vec;
}

static void test_clear_while_one_gather_copies_goes_before_the_next_gather(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    job first = {.registry = registry}, second = {.registry = registry};
    job clearing = {.registry = registry, .vec = make_vec(registry, 500)};

    ct_park(CPROM__SEAM_GATHER_COPIES);
    assert_int_equal(pthread_create(&first.thread, NULL, scrape, &first), 0);
    ct_park_wait();
    assert_int_equal(pthread_create(&clearing.thread, NULL, clear, &clearing), 0);
    while (!last_of(&registry->removal_gate)) sched_yield();
    /* The second gather comes later, by whatever way it queues. */
    assert_int_equal(pthread_create(&second.thread, NULL, scrape, &second), 0);
    ct_park_release();
    pthread_join(first.thread, NULL);
    pthread_join(clearing.thread, NULL);
    pthread_join(second.thread, NULL);
    assert_ok(clearing.status);
    assert_int_equal(parser_count(first.page.parsed, "g"), 500);
    assert_int_equal(parser_count(second.page.parsed, "g"), 0);
    ct_page_free(&first.page);
    ct_page_free(&second.page);
}

static void *scrape_on(void *arg)
{
    job *j = arg;
    while (!atomic_load(&j->over)) {
        cprom_page *page;
        if (cprom_page_open(j->registry, NULL, &page) != CPROM_OK) abort();
        cprom_page_close(page);
        atomic_fetch_add(&j->scrapes, 1);
    }
    return NULL;
}

static void test_clear_beside_looping_scrapers_each_waits_for_one_copying(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry *registry = fixture->registry;
    job scraping = {.registry = registry};
    pthread_t threads[2];
    cprom_gauge_vec *vec = make_vec(registry, 20000);
    cprom_gauge_vec *small;
    assert_ok(cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "s", .help = "h", .labels = {"l"}), &small));
    for (int i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, scrape_on, &scraping), 0);
    while (!atomic_load(&scraping.scrapes)) sched_yield();
    /* That it ends is the test. */
    for (int i = 0; i < 200; i++) {
        size_t removed;
        assert_ok(cprom_gauge_vec_set(small, CPROM_STRS("x"), 1));
        assert_ok(cprom_gauge_vec_delete_matching(small, CPROM_LABELS({"l", "x"}), &removed));
        assert_int_equal(removed, 1);
        assert_ok(cprom_gauge_vec_clear(small));
    }
    atomic_store(&scraping.over, true);
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    assert_int_equal(cprom_gauge_vec_size(vec), 20000);
}

int group_gate(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_enter_free_gate_is_taken_and_given_back),
        cmocka_unit_test(test_leave_many_wait_each_gets_its_turn_in_order),
        cmocka_unit_test(test_enter_again_at_once_goes_behind_who_waits),
        cmocka_unit_test(test_try_enters_only_what_is_free),
        cmocka_unit_test(test_try_goes_before_who_waits_once),
        cmocka_unit_test(test_enter_by_many_threads_excludes_and_loses_no_wake_up),
        TEST(test_clear_while_one_gather_copies_goes_before_the_next_gather),
        TEST(test_clear_beside_looping_scrapers_each_waits_for_one_copying),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
