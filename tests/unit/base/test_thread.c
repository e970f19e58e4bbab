/* lib/base/thread.c: slots for 64 threads, what the others do without one, and the epochs of read sections. */
#include "support/cprom_test.h"

#include "base/thread.h"

#define MANY 150u

/* A crowd whose members go through the same steps, one after another: barriers instead of sleeps. */
typedef struct crowd {
    pthread_barrier_t barrier;
    cprom_counter *plain;
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram *histogram;
    unsigned slots[MANY];
    _Atomic unsigned next, refused;
} crowd;

static void *member(void *arg)
{
    crowd *c = arg;
    unsigned me = atomic_fetch_add(&c->next, 1);
    char name[16];
    snprintf(name, sizeof name, "%u", me);
    c->slots[me] = cprom__thread_slot();
    if (cprom__read_enter()) cprom__read_leave();
    else atomic_fetch_add(&c->refused, 1);
    pthread_barrier_wait(&c->barrier); /* all have claimed theirs */
    cprom_gauge *mine = cprom_gauge_vec_with(c->gauges, CPROM_STRS(name));
    for (int i = 0; i < 300; i++) {
        cprom_counter_inc(c->plain);
        cprom_counter_vec_inc(c->counters, CPROM_STRS("shared"));
        cprom_counter_vec_add(c->counters, CPROM_STRS(name), 2);
        cprom_histogram_observe(c->histogram, 0.5);
        cprom_gauge_add(mine, 1);
        if (i % 100 == 0) {
            cprom_gauge_vec_set(c->gauges, CPROM_STRS(name), i);
            double value;
            if (cprom_gauge_vec_get(c->gauges, CPROM_STRS(name), &value) != CPROM_OK) abort();
        }
    }
    cprom_gauge_unref(mine);
    pthread_barrier_wait(&c->barrier); /* none ends before all are done */
    return NULL;
}

static void run_crowd(crowd *c)
{
    pthread_t threads[MANY];
    atomic_store(&c->next, 0);
    atomic_store(&c->refused, 0);
    pthread_barrier_init(&c->barrier, NULL, MANY);
    for (unsigned i = 0; i < MANY; i++) assert_int_equal(pthread_create(&threads[i], NULL, member, c), 0);
    for (unsigned i = 0; i < MANY; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c->barrier);
}

static void make_instruments(ct_fixture *fixture, crowd *c)
{
    cprom_registry *registry = fixture->registry;
    assert_ok(cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "p_total", .help = "h"), &c->plain));
    assert_ok(cprom_counter_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "h", .labels = {"l"}),
                                    &c->counters));
    assert_ok(
        cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}), &c->gauges));
    assert_ok(cprom_histogram_new(registry, CPROM_OPTS(cprom_opts, .name = "h", .help = "h"), &c->histogram));
}

static void test_slot_more_threads_than_slots_nothing_is_lost(void **state)
{
    ct_fixture *fixture = *state;
    crowd c;
    memset(&c, 0, sizeof c);
    make_instruments(fixture, &c);
    unsigned mine = cprom__thread_slot(); /* the main thread keeps its own */
    assert_true(mine < CPROM__THREADS);
    for (unsigned round = 1; round <= 3; round++) {
        run_crowd(&c);
        bool taken[CPROM__THREADS] = {false};
        unsigned with = 0;
        taken[mine] = true;
        for (unsigned i = 0; i < MANY; i++) {
            assert_in_range(c.slots[i], 0, CPROM__THREADS);
            if (c.slots[i] == CPROM__THREADS) continue;
            assert_false(taken[c.slots[i]]);
            taken[c.slots[i]] = true;
            with++;
        }
        /* All slots came back from the round before. */
        assert_int_equal(with, CPROM__THREADS - 1);
        assert_int_equal(c.refused, MANY - with);
        assert_true(cprom_counter_value(c.plain) == round * MANY * 300.0);
        assert_int_equal(cprom_histogram_count(c.histogram), round * MANY * 300);
        assert_true(cprom_histogram_sum(c.histogram) == round * MANY * 150.0);
        double value;
        assert_ok(cprom_counter_vec_get(c.counters, CPROM_STRS("shared"), &value));
        assert_true(value == round * MANY * 300.0);
        for (unsigned i = 0; i < MANY; i++) {
            char name[16];
            snprintf(name, sizeof name, "%u", i);
            assert_ok(cprom_counter_vec_get(c.counters, CPROM_STRS(name), &value));
            assert_true(value == round * 600.0);
            assert_ok(cprom_gauge_vec_get(c.gauges, CPROM_STRS(name), &value));
            assert_true(value == 299); /* set to 200 at the 200th, 1 added 99 times behind */
        }
    }
    for (unsigned i = 0; i < CPROM__THREADS; i++) {
        assert_int_equal(cprom__threads[i].reading, 0);
        assert_int_equal(cprom__threads[i].taken, i == mine);
    }
}

static cprom_counter *late;

static pthread_key_t late_key;
static _Atomic int late_rounds, late_slots;

/* The library's own destructor may have run before its first round, and has before its second. */
static void late_destructor(void *value)
{
    cprom_counter_inc(late);
    atomic_fetch_add(&late_rounds, 1);
    /* The slot may be another thread's by now. */
    if (value == (void *)2 && cprom__thread_slot() != CPROM__THREADS) atomic_fetch_add(&late_slots, 1);
    if (value == (void *)1) pthread_setspecific(late_key, (void *)2);
}

static void *end_late(void *arg)
{
    cprom_counter_inc(late);
    pthread_setspecific(late_key, (void *)1);
    return arg;
}

static void test_thread_end_later_destructors_may_still_update(void **state)
{
    ct_fixture *fixture = *state;
    crowd c;
    memset(&c, 0, sizeof c);
    make_instruments(fixture, &c);
    late = c.plain;
    assert_int_equal(pthread_key_create(&late_key, late_destructor), 0);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, end_late, NULL), 0);
        pthread_join(thread, NULL);
    }
    pthread_key_delete(late_key);
    assert_int_equal(late_rounds, 200);
    assert_int_equal(late_slots, 0);
    assert_true(cprom_counter_value(late) == 300);
    unsigned taken = 0;
    for (unsigned i = 0; i < CPROM__THREADS; i++) taken += cprom__threads[i].taken;
    assert_int_equal(taken, 1);
}

/* ---- epochs ---- */

typedef struct section {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int state; /* 1: inside, 2: is to leave, 3: left */
    uint64_t epoch;
} section;

static void to_state(section *s, int value)
{
    pthread_mutex_lock(&s->mutex);
    s->state = value;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
}

static void wait_for(section *s, int value)
{
    pthread_mutex_lock(&s->mutex);
    while (s->state != value) pthread_cond_wait(&s->changed, &s->mutex);
    pthread_mutex_unlock(&s->mutex);
}

static void *read_section(void *arg)
{
    section *s = arg;
    if (!cprom__read_enter()) abort();
    s->epoch = cprom__threads[cprom__thread_slot()].reading;
    to_state(s, 1);
    wait_for(s, 2);
    cprom__read_leave();
    to_state(s, 3);
    return NULL;
}

static void test_epoch_advance_waits_for_open_sections(void **state)
{
    section s = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};
    pthread_t thread;
    uint64_t first = cprom__read_epoch_now();
    assert_int_equal(cprom__read_epoch_advance(), first + 1);
    assert_int_equal(cprom__read_epoch_advance(), first + 2);
    assert_int_equal(pthread_create(&thread, NULL, read_section, &s), 0);
    wait_for(&s, 1);
    assert_int_equal(s.epoch, first + 2);
    /* Once more: the section is of the current epoch. Not twice. */
    assert_int_equal(cprom__read_epoch_advance(), first + 3);
    for (int i = 0; i < 100; i++) assert_int_equal(cprom__read_epoch_advance(), first + 3);
    assert_int_equal(cprom__read_epoch_now(), first + 3);
    to_state(&s, 2);
    wait_for(&s, 3);
    assert_int_equal(cprom__read_epoch_advance(), first + 4);
    pthread_join(thread, NULL);
}

static void *advance(void *arg)
{
    uint64_t *last = arg, before = 0;
    for (int i = 0; i < 100000; i++) {
        uint64_t now = cprom__read_epoch_advance();
        if (now < before) abort();
        before = now;
    }
    *last = before;
    return NULL;
}

static void test_epoch_advance_by_several_threads_counts_each_once(void **state)
{
    pthread_t threads[4];
    uint64_t last[4], first = cprom__read_epoch_now(), most = 0;
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, advance, &last[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        if (last[i] > most) most = last[i];
    }
    assert_in_range(most - first, 100000, 400000);
    assert_int_equal(cprom__read_epoch_now(), most);
}

int group_thread(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_slot_more_threads_than_slots_nothing_is_lost),
        TEST(test_thread_end_later_destructors_may_still_update),
        cmocka_unit_test(test_epoch_advance_waits_for_open_sections),
        cmocka_unit_test(test_epoch_advance_by_several_threads_counts_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
