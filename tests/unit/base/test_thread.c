/* lib/base/thread.c: slots and stripes, how they come back, what is done without, and the epochs of read sections. */
#include "support/cprom_test.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>

#include "base/thread.h"
#include "store/series.h"

#define MANY 200u

/* ---- what is watched: the maps' locks that look-ups take, and memory for slots, which can be refused ---- */

static pthread_mutex_t *watched[2];
static _Thread_local bool looking_up;
static _Atomic unsigned watched_locks;
static _Atomic bool no_memory;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (looking_up && (mutex == watched[0] || mutex == watched[1])) atomic_fetch_add(&watched_locks, 1);
    return __real_pthread_mutex_lock(mutex);
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return atomic_load(&no_memory) ? NULL : __real_aligned_alloc(alignment, size);
}

/* More processors than there are stripes for. */
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
    CPU_ZERO_S(size, set);
    for (size_t i = 0; i < 100; i++) CPU_SET_S(i, size, set);
    return 0;
}

/* A crowd whose members go through the same steps, one after another: barriers instead of sleeps. */
typedef struct crowd {
    pthread_barrier_t barrier;
    cprom_counter *plain;
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram *histogram;
    struct cprom__slot *slots[MANY];
    unsigned stripes[MANY];
    _Atomic unsigned next, refused;
} crowd;

static void *member(void *arg)
{
    crowd *c = arg;
    unsigned me = atomic_fetch_add(&c->next, 1);
    char name[16];
    snprintf(name, sizeof name, "%u", me);
    c->slots[me] = cprom__thread_slot();
    c->stripes[me] = cprom__thread_stripe();
    if (cprom__read_enter()) cprom__read_leave();
    else atomic_fetch_add(&c->refused, 1);
    pthread_barrier_wait(&c->barrier); /* all have claimed theirs */
    cprom_counter_vec_add(c->counters, CPROM_STRS("shared"), 0);
    cprom_counter_vec_add(c->counters, CPROM_STRS(name), 0);
    cprom_gauge *mine = cprom_gauge_vec_with(c->gauges, CPROM_STRS(name));
    pthread_barrier_wait(&c->barrier); /* all series are there */
    looking_up = true;
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
    looking_up = false;
    cprom_gauge_unref(mine);
    pthread_barrier_wait(&c->barrier); /* none ends before all are done */
    return NULL;
}

static void run_crowd(crowd *c)
{
    pthread_t threads[MANY];
    atomic_store(&c->next, 0);
    atomic_store(&c->refused, 0);
    atomic_store(&watched_locks, 0);
    watched[0] = &((struct cprom_vec *)c->counters)->map_lock;
    watched[1] = &((struct cprom_vec *)c->gauges)->map_lock;
    pthread_barrier_init(&c->barrier, NULL, MANY);
    for (unsigned i = 0; i < MANY; i++) assert_int_equal(pthread_create(&threads[i], NULL, member, c), 0);
    for (unsigned i = 0; i < MANY; i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&c->barrier);
}

static void make_instruments(ct_fixture *fixture, crowd *c)
{
    cprom_registry *registry = fixture->registry;
    memset(c, 0, sizeof *c);
    assert_ok(cprom_counter_new(registry, CPROM_OPTS(cprom_opts, .name = "p_total", .help = "h"), &c->plain));
    assert_ok(cprom_counter_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "h", .labels = {"l"}),
                                    &c->counters));
    assert_ok(
        cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}), &c->gauges));
    assert_ok(cprom_histogram_new(registry, CPROM_OPTS(cprom_opts, .name = "h", .help = "h"), &c->histogram));
}

static void assert_sums(crowd *c, unsigned rounds)
{
    double value;
    assert_true(cprom_counter_value(c->plain) == rounds * MANY * 300.0);
    assert_int_equal(cprom_histogram_count(c->histogram), rounds * MANY * 300);
    assert_true(cprom_histogram_sum(c->histogram) == rounds * MANY * 150.0);
    assert_ok(cprom_counter_vec_get(c->counters, CPROM_STRS("shared"), &value));
    assert_true(value == rounds * MANY * 300.0);
    for (unsigned i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof name, "%u", i);
        assert_ok(cprom_counter_vec_get(c->counters, CPROM_STRS(name), &value));
        assert_true(value == rounds * 600.0);
        assert_ok(cprom_gauge_vec_get(c->gauges, CPROM_STRS(name), &value));
        assert_true(value == 299); /* set to 200 at the 200th, 1 added 99 times behind */
    }
}

/* How many slots somebody has, of those that were ever used. */
static unsigned slots_taken(void)
{
    unsigned taken = 0, left = cprom__slots_used;
    for (struct cprom__slots *slots = &cprom__threads()->slots; left; slots = slots->next) {
        assert_non_null(slots);
        for (unsigned i = 0; i < CPROM__SLOTS && left; i++, left--) {
            assert_int_equal(slots->at[i].reading, 0);
            int error = pthread_mutex_trylock(&slots->at[i].owner);
            taken += error == EBUSY;
            if (error == EOWNERDEAD) assert_int_equal(pthread_mutex_consistent(&slots->at[i].owner), 0);
            if (error != EBUSY) pthread_mutex_unlock(&slots->at[i].owner);
        }
    }
    return taken;
}

/* Asserts that no two have the same of those that are owned; returns how many are. */
static unsigned owned_stripes_of(const crowd *c)
{
    bool taken[CPROM_STRIPES] = {false};
    unsigned owned = 0;
    for (unsigned i = 0; i < MANY; i++) {
        if (c->stripes[i] >= cprom__threads()->stripes_owned) continue;
        assert_false(taken[c->stripes[i]]);
        taken[c->stripes[i]] = true;
        owned++;
    }
    return owned;
}

/* How often the plain counter was added to by threads that own no stripe. */
static uint64_t added_shared(const crowd *c) { return cprom__series_row((const struct cprom_series *)c->plain, 0)[1]; }

static void test_slot_each_of_200_threads_has_one_and_locks_no_map_to_look_up(void **state)
{
    crowd c;
    if (!ct_has_robust_mutexes()) ct_skip("no robust mutexes here");
    make_instruments(*state, &c);
    struct cprom__slot *mine = cprom__thread_slot(); /* the main thread keeps its own */
    unsigned others = cprom__threads()->stripes_owned - (cprom__thread_stripe() < cprom__threads()->stripes_owned);
    assert_non_null(mine);
    assert_int_equal(cprom__threads()->stripes_owned, CPROM_STRIPES - 1);
    for (unsigned round = 1; round <= 3; round++) {
        run_crowd(&c);
        assert_int_equal(watched_locks, 0);
        assert_int_equal(c.refused, 0);
        for (unsigned i = 0; i < MANY; i++) {
            assert_non_null(c.slots[i]);
            assert_ptr_not_equal(c.slots[i], mine);
            for (unsigned j = 0; j < i; j++) assert_ptr_not_equal(c.slots[i], c.slots[j]);
        }
        assert_int_equal(owned_stripes_of(&c), others);
        if (CPROM_STRIPES > 1) assert_int_equal(added_shared(&c), round * (MANY - others) * 300);
        assert_sums(&c, round);
        /* All came back from the round before. */
        assert_int_equal(cprom__slots_used, MANY + 1);
    }
    assert_int_equal(slots_taken(), 1);
}

static void test_slot_without_memory_for_more_the_maps_lock_is_taken(void **state)
{
    crowd c;
    make_instruments(*state, &c);
    assert_non_null(cprom__thread_slot());
    assert_null(cprom__threads()->slots.next);
    no_memory = true;
    run_crowd(&c);
    no_memory = false;
    assert_int_equal(c.refused, MANY - (CPROM__SLOTS - 1));
    /* 600 updates that look up, 3 more that set and 3 that get. */
    assert_int_equal(watched_locks, c.refused * 606);
    assert_sums(&c, 1);
    run_crowd(&c);
    assert_int_equal(c.refused, 0);
    assert_int_equal(watched_locks, 0);
    assert_sums(&c, 2);
}

static void *look_up(void *arg)
{
    crowd *c = arg;
    double value;
    if (cprom_counter_vec_get(c->counters, CPROM_STRS("a"), &value) != CPROM_OK) abort();
    cprom_gauge_vec_set(c->gauges, CPROM_STRS("a"), 1);
    c->slots[0] = cprom__thread_slot_known;
    c->stripes[0] = cprom__thread_stripe_known;
    return NULL;
}

static void *only_add(void *arg)
{
    crowd *c = arg;
    cprom_counter_inc(c->plain);
    c->slots[0] = cprom__thread_slot_known;
    c->stripes[0] = cprom__thread_stripe_known;
    return NULL;
}

static void test_slot_and_stripe_are_taken_by_who_needs_them(void **state)
{
    crowd c;
    pthread_t thread;
    make_instruments(*state, &c);
    cprom_counter_vec_inc(c.counters, CPROM_STRS("a"));
    cprom_gauge_vec_set(c.gauges, CPROM_STRS("a"), 1);
    assert_int_equal(pthread_create(&thread, NULL, look_up, &c), 0);
    pthread_join(thread, NULL);
    assert_non_null(c.slots[0]);
    assert_int_equal(c.stripes[0], 0);
    assert_int_equal(pthread_create(&thread, NULL, only_add, &c), 0);
    pthread_join(thread, NULL);
    assert_null(c.slots[0]);
    /* Without robust mutexes, threads of other tests may still have all stripes. */
    if (CPROM_STRIPES > 1 && ct_has_robust_mutexes())
        assert_in_range(c.stripes[0], 1, cprom__threads()->stripes_owned);
}

/* ---- the end of a thread ---- */

static crowd *late;
static pthread_key_t late_key;
static _Atomic int late_rounds, late_owners;
static _Thread_local struct cprom__slot *early_slot;

/* In every round of destructors it still has what it had. */
static void late_destructor(void *value)
{
    uintptr_t round = (uintptr_t)value;
    cprom_counter_inc(late->plain);
    atomic_fetch_add(&late_rounds, 1);
    if (early_slot && cprom__thread_slot() == early_slot && pthread_mutex_trylock(&early_slot->owner) == EBUSY)
        atomic_fetch_add(&late_owners, 1);
    if (round < 3) pthread_setspecific(late_key, (void *)(round + 1));
}

static void *end_late(void *arg)
{
    cprom_counter_inc(late->plain);
    early_slot = cprom__thread_slot();
    pthread_setspecific(late_key, (void *)1);
    return arg;
}

static void run_late(void *(*run)(void *), void (*destructor)(void *))
{
    late_rounds = late_owners = 0;
    assert_non_null(cprom__thread_slot());
    assert_int_equal(pthread_key_create(&late_key, destructor), 0);
    for (int i = 0; i < 100; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, run, NULL), 0);
        pthread_join(thread, NULL);
    }
    pthread_key_delete(late_key);
    assert_int_equal(slots_taken(), 1);
}

static void test_thread_end_destructors_update_as_before(void **state)
{
    crowd c;
    if (!ct_has_robust_mutexes()) ct_skip("no robust mutexes here");
    make_instruments(*state, &c);
    late = &c;
    run_late(end_late, late_destructor);
    assert_int_equal(late_rounds, 300);
    assert_int_equal(late_owners, 300);
    assert_true(cprom_counter_value(c.plain) == 400);
}

/* Uses the library for the first time in its last round, behind which no destructor runs any more. */
static void last_destructor(void *value)
{
    uintptr_t round = (uintptr_t)value;
    double got;
    if (round < PTHREAD_DESTRUCTOR_ITERATIONS) {
        pthread_setspecific(late_key, (void *)(round + 1));
        return;
    }
    cprom_counter_inc(late->plain);
    if (cprom_counter_vec_get(late->counters, CPROM_STRS("a"), &got) != CPROM_OK) abort();
    if (cprom__thread_slot_known) atomic_fetch_add(&late_owners, 1);
    atomic_fetch_add(&late_rounds, 1);
}

static void *end_at_last(void *arg)
{
    pthread_setspecific(late_key, (void *)1);
    return arg;
}

static void test_thread_end_what_is_taken_in_the_last_destructor_comes_back(void **state)
{
    crowd c;
    if (CT_THREAD_SANITIZED) ct_skip("ThreadSanitizer has left the thread by then");
    if (!ct_has_robust_mutexes()) ct_skip("no robust mutexes here");
    make_instruments(*state, &c);
    late = &c;
    cprom_counter_vec_inc(c.counters, CPROM_STRS("a"));
    unsigned used = cprom__slots_used;
    run_late(end_at_last, last_destructor);
    assert_true(cprom__slots_used == (used > 2 ? used : 2));
    assert_int_equal(late_rounds, 100);
    assert_int_equal(late_owners, 100);
    assert_true(cprom_counter_value(c.plain) == 100);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, only_add, &c), 0);
    pthread_join(thread, NULL);
    /* Without robust mutexes, threads of other tests may still have all stripes. */
    if (CPROM_STRIPES > 1 && ct_has_robust_mutexes())
        assert_in_range(c.stripes[0], 1, cprom__threads()->stripes_owned);
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
    s->epoch = cprom__thread_slot()->reading;
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
        TEST(test_slot_without_memory_for_more_the_maps_lock_is_taken),
        TEST(test_slot_and_stripe_are_taken_by_who_needs_them),
        TEST(test_thread_end_what_is_taken_in_the_last_destructor_comes_back),
        TEST(test_thread_end_destructors_update_as_before),
        TEST(test_slot_each_of_200_threads_has_one_and_locks_no_map_to_look_up),
        cmocka_unit_test(test_epoch_advance_waits_for_open_sections),
        cmocka_unit_test(test_epoch_advance_by_several_threads_counts_each_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
