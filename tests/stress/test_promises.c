/*
 * Programs written to break promises, one a test: each aims at one race, which random histories hit less often
 * (test_lives.c). A quarter of a stress test's time each.
 */
#include "stress.h"

enum {
    NAMES = 400, /* series of a large vector */
    FEW = 4
};

static cprom_registry *registry;
static cprom_gauge_vec *vec;
static ct_clock *ticking;
static int64_t began;
static _Atomic bool over;
static _Atomic uint64_t done; /* by the other thread */
static pthread_barrier_t meets;
static char why[256]; /* the promise is broken */

static void begin(void **state, const char *test)
{
    ct_fixture *fixture = *state;
    registry = fixture->registry;
    ticking = &fixture->clock;
    atomic_store(&over, false);
    atomic_store(&done, 0);
    *why = '\0';
    st_begin(test);
    began = ct_now();
}

static bool more(void) { return !*why && !ct_over(began, ct_stress_seconds() / 4); }

/* The other threads have done nothing yet: on a busy machine, that may take a while. */
static bool idle(void) { return !*why && !atomic_load(&done); }

/* Said by the test's own thread; the test fails when its threads have ended. */
#define promise(condition, ...)                                                                                        \
    do {                                                                                                               \
        if (!(condition) && !*why) snprintf(why, sizeof why, __VA_ARGS__);                                             \
    } while (0)

static void finish(st_crew *crew)
{
    atomic_store(&over, true);
    st_join(crew);
    if (*why) fail_msg("after %.3f s: %s", (double)(ct_now() - began) / 1e9, why);
}

#define GAUGES(...) assert_ok(cprom_gauge_vec_new(registry, FAMILY(__VA_ARGS__), &vec))
#define ONE CPROM_STRS("a")
#define LABELS .labels = {"l"}

static cprom_strs name_of(unsigned i, char *text, const char **values)
{
    snprintf(text, 16, "n%05u", i);
    *values = text;
    return (cprom_strs){values, 1};
}

/*------------------------------------------------------------------------------
 * Room
 *----------------------------------------------------------------------------*/

static void delete_one(void *world, unsigned number)
{
    while (!atomic_load(&over)) {
        if (cprom_gauge_vec_delete(vec, ONE) == CPROM_OK) atomic_fetch_add(&done, 1);
    }
}

/* The vector has room for one series, and there is no other. */
static void test_promise_the_only_series_of_a_full_vector_is_never_refused(void **state)
{
    st_crew crew = {.n = 0};
    begin(state, __func__);
    GAUGES("g", LABELS, .max_series = 1);
    st_start(&crew, delete_one, NULL, 0);
    for (uint64_t n = 1; more() || idle(); n++) {
        cprom_status status = cprom_gauge_vec_set(vec, ONE, 1);
        promise(!status, "update %llu: %s", (unsigned long long)n, cprom_status_string(status));
    }
    finish(&crew);
    assert_true(atomic_load(&done) > 0);
}

static void intrude(void *world, unsigned number)
{
    while (!atomic_load(&over)) {
        if (cprom_gauge_vec_set(vec, CPROM_STRS("p", "intruder"), 1) == CPROM_OK)
            cprom_gauge_vec_delete(vec, CPROM_STRS("p", "intruder"));
        atomic_fetch_add(&done, 1);
    }
}

/* The vector is full before and after each replacement: who wants to create has no moment at which there is room. */
static void test_promise_rows_of_a_replacement_find_the_room_of_those_that_go(void **state)
{
    st_crew crew = {.n = 0};
    cprom_result result;
    begin(state, __func__);
    GAUGES("g", .labels = {"p", "s"}, .owner = "p", .max_series = FEW);
    const char *values[2][FEW][2];
    char text[2][FEW][4];
    cprom_gauge_row rows[2][FEW];
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = 0; i < FEW; i++) {
            snprintf(text[k][i], sizeof text[k][i], "%c%u", 'a' + (char)k, i);
            values[k][i][0] = "p";
            values[k][i][1] = text[k][i];
            rows[k][i] = (cprom_gauge_row){.values = {values[k][i], 2}, .value = 1};
        }
    }
    assert_ok(cprom_gauge_vec_replace(vec, CPROM_LABELS({"p", "p"}), rows[0], FEW, &result));
    st_start(&crew, intrude, NULL, 0);
    for (unsigned n = 1; more() || idle(); n++) {
        assert_ok(cprom_gauge_vec_replace(vec, CPROM_LABELS({"p", "p"}), rows[n % 2], FEW, &result));
        promise(!result.refused, "replacement %u: %zu rows refused", n, result.refused);
    }
    finish(&crew);
    assert_true(atomic_load(&done) > 0);
}

/*------------------------------------------------------------------------------
 * What a page decides by
 *----------------------------------------------------------------------------*/

static void delete_and_set(void *world, unsigned number)
{
    while (!atomic_load(&over)) {
        st_check(cprom_gauge_vec_delete(vec, CPROM_STRS("zz")) == CPROM_OK, "it was there");
        st_check(cprom_gauge_vec_set(vec, CPROM_STRS("zz"), 42) == CPROM_OK, "it cannot be made");
        atomic_fetch_add(&done, 1);
    }
}

static void test_promise_a_lingering_series_that_is_used_again_is_on_every_page_once(void **state)
{
    st_crew crew = {.n = 0};
    char text[16];
    const char *values;
    begin(state, __func__);
    GAUGES("g", LABELS, .linger_seconds = 1000);
    for (unsigned i = 0; i < NAMES; i++) assert_ok(cprom_gauge_vec_set(vec, name_of(i, text, &values), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("zz"), 42));
    st_start(&crew, delete_and_set, NULL, 0);
    while (more() || idle()) {
        char *page;
        unsigned seen = 0;
        assert_ok(cprom_registry_text(registry, &page, NULL));
        for (const char *at = page; (at = strstr(at, "\"zz\"")); at++) {
            promise(strncmp(at, "\"zz\"} 42\n", 9) == 0, "another value: %.16s", at);
            seen++;
        }
        promise(seen == 1, "it is on the page %u times", seen);
        cprom_text_free(page);
    }
    finish(&crew);
    assert_true(atomic_load(&done) > 0);
}

struct shown {
    unsigned n;
    bool deletes;
};

static bool change_the_other(void *ctx, const cprom_view *view)
{
    struct shown *shown = ctx;
    if (shown->n++) assert_string_equal(view->values.v[0], "b");
    else if (shown->deletes) assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("b")));
    else assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("b"), 5));
    return true;
}

/* The callback of the first series changes whether the second is there. */
static void test_promise_each_shows_what_was_there_when_it_began(void **state)
{
    static const char *const names[] = {"g0", "g1", "g2", "g3"};
    begin(state, __func__);
    for (unsigned i = 0; i < COUNT(names); i++) {
        struct shown shown = {.deletes = i % 2};
        GAUGES(names[i], LABELS, .linger_seconds = i / 2 ? 1000 : 0);
        assert_ok(cprom_gauge_vec_set(vec, ONE, 1));
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("b"), 2));
        if (!shown.deletes) assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("b")));
        assert_ok(cprom_gauge_vec_each(vec, change_the_other, &shown));
        assert_int_equal(shown.n, shown.deletes ? 2 : 1);
    }
}

/*------------------------------------------------------------------------------
 * A value first
 *----------------------------------------------------------------------------*/

static cprom_stateset_vec *modes;
static cprom_gauge_vec *times;
static cprom_counter_vec *folding;

/* Series that get one value only, by all ways that make them. */
static void make_and_clear(void *world, unsigned number)
{
    char text[16];
    const char *values;
    for (unsigned i = 0; !atomic_load(&over); i = (i + 1) % NAMES) {
        cprom_strs name = name_of(i, text, &values);
        if (i == 0) {
            cprom_gauge_vec_clear(vec);
            cprom_gauge_vec_clear(times);
            cprom_stateset_vec_clear(modes);
            cprom_counter_vec_clear(folding);
        }
        cprom_update *update;
        st_check(cprom_update_new(registry, &update) == CPROM_OK, "cprom_update_new");
        bool commits = st_one_in(8);
        if (commits) cprom_update_gauge_vec_set(update, vec, name, 42);
        else cprom_gauge_vec_set(vec, name, 42);
        cprom_gauge_vec_set_to_current_time(times, name);
        if (commits) cprom_update_stateset_vec_enter(update, modes, name, 1);
        else cprom_stateset_vec_enter(modes, name, 1);
        if (commits) cprom_update_counter_vec_add(update, folding, name, 1);
        else cprom_counter_vec_inc(folding, name);
        if (commits) cprom_update_commit(update, NULL);
        cprom_update_free(update);
        atomic_fetch_add(&done, 1);
    }
}

static void look_for_values_that_nobody_set(const parser_page *page)
{
    for (size_t i = 0; i < page->n_samples; i++) {
        const parser_sample *sample = &page->samples[i];
        bool right = strcmp(sample->name, "g") == 0         ? sample->value == 42
                     : strcmp(sample->name, "time") == 0    ? sample->value >= 1700000000
                     : strcmp(sample->name, "f_total") == 0 ? sample->value >= 1
                                                            : sample->value == (strstr(sample->key, "\"on\"") != NULL);
        promise(right, "nobody set %s to %g", sample->key, sample->value);
    }
}

/* Two threads make the same series, so that each finds those that the other is making. */
static void test_promise_no_page_and_no_get_shows_a_value_that_nobody_set(void **state)
{
    st_crew crew = {.n = 0};
    begin(state, __func__);
    GAUGES("g", LABELS);
    assert_ok(cprom_gauge_vec_new(registry, FAMILY("time", LABELS), &times));
    assert_ok(cprom_stateset_vec_new(registry, FAMILY("mode", LABELS, .states = {"off", "on"}), &modes));
    assert_ok(cprom_counter_vec_new(registry, FAMILY("f_total", LABELS, .max_series = FEW, .overflow = CPROM_FOLD),
                                    &folding));
    for (unsigned i = 0; i < 2; i++) st_start(&crew, make_and_clear, NULL, i);
    while (more() || idle()) {
        char text[16];
        const char *values;
        double got;
        for (unsigned i = 0; i < 100; i++) {
            if (cprom_gauge_vec_get(vec, name_of(st_below(NAMES), text, &values), &got) == CPROM_OK)
                promise(got == 42, "a get: %g", got);
        }
        cprom_page *open = st_open(registry);
        ct_page page = st_drain(open);
        cprom_page_close(open);
        look_for_values_that_nobody_set(page.parsed);
        ct_page_free(&page);
    }
    finish(&crew);
    assert_true(atomic_load(&done) > 0);
}

/*------------------------------------------------------------------------------
 * Marks
 *----------------------------------------------------------------------------*/

static cprom_gauge_vec *marked[FEW];

static void commit_all(void *world, unsigned number)
{
    while (!atomic_load(&over)) {
        cprom_update *update;
        st_check(cprom_update_new(registry, &update) == CPROM_OK, "cprom_update_new");
        for (unsigned i = 0; i < FEW; i++) cprom_update_gauge_vec_set(update, marked[i], ONE, 1);
        st_check(cprom_update_commit(update, NULL) == CPROM_OK, "cprom_update_commit");
        cprom_update_free(update);
        atomic_fetch_add(&done, 1);
    }
}

static void test_promise_a_sweep_takes_a_commit_whole_or_not_at_all(void **state)
{
    static const char *const names[FEW] = {"g0", "g1", "g2", "g3"};
    st_crew crew = {.n = 0};
    begin(state, __func__);
    for (unsigned i = 0; i < FEW; i++) assert_ok(cprom_gauge_vec_new(registry, FAMILY(names[i], LABELS), &marked[i]));
    st_start(&crew, commit_all, NULL, 0);
    while (more() || idle()) {
        size_t n;
        cprom_mark mark = cprom_registry_mark(registry);
        assert_ok(cprom_registry_sweep(registry, CPROM_LABELS({"l", "a"}), mark, &n));
        promise(n == 0 || n == FEW, "a sweep took %zu of %d series that are committed together", n, FEW);
        st_spin(st_below(2000));
    }
    finish(&crew);
    assert_true(atomic_load(&done) > 0);
}

static enum cprom__seam hold_at;
static bool hold_at_clock;
static _Thread_local bool may_be_held;
static bool held_inside; /* and not after the update, which has not come by there */

/* Holds the thread once: from the first meeting to the second. */
static void hold(void)
{
    if (!may_be_held) return;
    may_be_held = false;
    held_inside = true;
    pthread_barrier_wait(&meets);
    pthread_barrier_wait(&meets);
}

static void hold_at_seam(enum cprom__seam point)
{
    if (!hold_at_clock && point == hold_at) hold();
}

static int64_t hold_at_time(void *ctx)
{
    if (hold_at_clock) hold();
    return ct_clock_monotonic(ctx);
}

static void set_held_back(void *world, unsigned number)
{
    may_be_held = true;
    st_check(cprom_gauge_vec_set(vec, ONE, 42) == CPROM_OK, "an update");
    bool inside = !may_be_held;
    if (!inside) hold();
    held_inside = inside;
}

/* Deterministic: the update is held at a place without locks while the mark is made. */
static void test_promise_an_update_that_is_seen_after_a_mark_is_not_swept(void **state)
{
    static const enum cprom__seam points[] = {CPROM__SEAM_LOOKUP_FOUND, CPROM__SEAM_CREATE_READY,
                                              CPROM__SEAM_CREATE_DONE};
    begin(state, __func__);
    for (unsigned i = 0; i <= COUNT(points); i++) {
        for (unsigned there = 0; there < 2; there++) {
            ct_fixture *fixture = *state;
            cprom_registry_opts opts = ct_fixture_opts(fixture);
            opts.monotonic_clock = hold_at_time;
            cprom_registry *own;
            assert_ok(cprom_registry_new(&opts, &own));
            assert_ok(cprom_gauge_vec_new(own, FAMILY("g", LABELS, .linger_seconds = 0.001), &vec));
            if (there) assert_ok(cprom_gauge_vec_set(vec, ONE, 1));
            hold_at_clock = i == COUNT(points);
            if (!hold_at_clock) hold_at = points[i];
            cprom__seam_hook = hold_at_seam;
            pthread_barrier_init(&meets, NULL, 2);
            st_crew crew = {.n = 0};
            st_start(&crew, set_held_back, NULL, 0);
            pthread_barrier_wait(&meets);
            double before = 0, after = 0;
            size_t n;
            cprom_mark mark = cprom_registry_mark(own);
            cprom_status was = cprom_gauge_vec_get(vec, ONE, &before);
            pthread_barrier_wait(&meets);
            st_join(&crew);
            assert_ok(cprom_gauge_vec_get(vec, ONE, &after));
            assert_true(after == 42);
            assert_ok(cprom_gauge_vec_sweep(vec, CPROM_LABELS({"l", "a"}), mark, &n));
            if (held_inside || was || before != 42) assert_int_equal(n, 0);
            pthread_barrier_destroy(&meets);
            cprom__seam_hook = NULL;
            cprom_registry_free(own);
        }
    }
}

static cprom_gauge *held;
static _Atomic unsigned turn, answer;

/* Spins, since what races is over in nanoseconds; but not for ever on one processor. false: the test is over. */
static bool wait_for(const _Atomic unsigned *number, unsigned n)
{
    for (unsigned spun = 1; atomic_load(number) != n; spun++) {
        if (atomic_load(&over)) return false;
        if (spun % 4096 == 0) sched_yield();
    }
    return true;
}

static void set_in_turn(void *world, unsigned number)
{
    for (unsigned n = 1; wait_for(&turn, n); n++) {
        st_spin(st_below(100));
        cprom_gauge_set(held, n);
        atomic_store(&answer, n);
    }
}

/*
 * Each odd turn touches the series, so that nothing but the value is written in the even one, into a cache line that
 * this thread has read. A get that follows the mark does not see that: so it comes later, and the sweep spares it.
 */
static void test_promise_an_update_by_handle_that_a_mark_did_not_see_is_not_swept(void **state)
{
    st_crew crew = {.n = 0};
    begin(state, __func__);
    GAUGES("g", LABELS);
    atomic_store(&turn, 0);
    atomic_store(&answer, 0);
    held = cprom_gauge_vec_with(vec, ONE);
    st_start(&crew, set_in_turn, NULL, 0);
    for (unsigned n = 1; more(); n += 2) {
        atomic_store(&turn, n);
        wait_for(&answer, n);
        promise(cprom_gauge_value(held) == n, "turn %u: it has got another value", n);
        unsigned spin = st_below(100);
        atomic_store(&turn, n + 1);
        st_spin(spin);
        cprom_mark mark = cprom_registry_mark(registry);
        bool seen = cprom_gauge_value(held) == n + 1;
        wait_for(&answer, n + 1);
        size_t removed;
        assert_ok(cprom_gauge_vec_sweep(vec, CPROM_LABELS({"l", "a"}), mark, &removed));
        promise(seen || removed == 0, "turn %u: the update came after the mark and was swept", n);
        if (!removed) continue;
        cprom_gauge_unref(held); /* the other thread waits */
        held = cprom_gauge_vec_with(vec, ONE);
    }
    atomic_store(&over, true);
    st_join(&crew);
    cprom_gauge_unref(held);
    finish(&crew);
}

/*------------------------------------------------------------------------------
 * One moment
 *----------------------------------------------------------------------------*/

static void clear_in_turn(void *world, unsigned number)
{
    for (;;) {
        pthread_barrier_wait(&meets);
        if (atomic_load(&over)) return;
        cprom_gauge_vec_clear(vec);
        atomic_store(&turn, 1);
        pthread_barrier_wait(&meets);
    }
}

/* New series, one after the other, while a clear walks over old ones: what it keeps is later than what it takes. */
static void test_promise_a_clear_takes_what_was_set_before_what_it_keeps(void **state)
{
    enum {
        OLD = 3000,
        NEW = 20000
    };
    st_crew crew = {.n = 0};
    char text[16];
    const char *values;
    begin(state, __func__);
    GAUGES("g", LABELS);
    pthread_barrier_init(&meets, NULL, 2);
    st_start(&crew, clear_in_turn, NULL, 0);
    while (more()) {
        unsigned n = 0;
        for (unsigned i = 0; i < OLD; i++) cprom_gauge_vec_set(vec, name_of(NEW + i, text, &values), 1);
        atomic_store(&turn, 0);
        pthread_barrier_wait(&meets);
        while (n < NEW && !atomic_load(&turn)) cprom_gauge_vec_set(vec, name_of(n++, text, &values), 1);
        pthread_barrier_wait(&meets);
        bool kept = false;
        for (unsigned i = 0; i < n; i++) {
            bool there = cprom_gauge_vec_get(vec, name_of(i, text, &values), NULL) == CPROM_OK;
            promise(there || !kept, "series %u was removed, and one that was set before it stayed", i);
            kept = kept || there;
        }
        cprom_gauge_vec_clear(vec);
    }
    atomic_store(&over, true);
    pthread_barrier_wait(&meets);
    finish(&crew);
    pthread_barrier_destroy(&meets);
}

/*------------------------------------------------------------------------------
 * Held is alive
 *----------------------------------------------------------------------------*/

static void let_time_pass(void *world, unsigned number)
{
    while (!atomic_load(&over)) {
        ct_clock_advance(ticking, SECOND);
        cprom_page_close(st_open(registry));
        atomic_fetch_add(&done, 1);
    }
}

static void test_promise_a_handle_is_not_detached_by_a_ttl(void **state)
{
    st_crew crew = {.n = 0};
    begin(state, __func__);
    GAUGES("g", LABELS, .ttl_seconds = 0.5);
    st_start(&crew, let_time_pass, NULL, 0);
    for (unsigned n = 1; more() || idle(); n++) {
        double got = -1;
        cprom_gauge *handle = cprom_gauge_vec_with(vec, ONE);
        cprom_gauge_set(handle, n);
        cprom_status status = cprom_gauge_vec_get(vec, ONE, &got);
        promise(!status && got == n, "handle %u: %s, %g", n, cprom_status_string(status), got);
        cprom_gauge_unref(handle);
    }
    finish(&crew);
    assert_int_equal(stats_of(registry).dropped_detached, 0);
    assert_true(atomic_load(&done) > 0);
}

int group_promises(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_promise_the_only_series_of_a_full_vector_is_never_refused),
        TEST(test_promise_rows_of_a_replacement_find_the_room_of_those_that_go),
        TEST(test_promise_a_lingering_series_that_is_used_again_is_on_every_page_once),
        TEST(test_promise_each_shows_what_was_there_when_it_began),
        TEST(test_promise_no_page_and_no_get_shows_a_value_that_nobody_set),
        TEST(test_promise_a_sweep_takes_a_commit_whole_or_not_at_all),
        TEST(test_promise_an_update_that_is_seen_after_a_mark_is_not_swept),
        TEST(test_promise_an_update_by_handle_that_a_mark_did_not_see_is_not_swept),
        TEST(test_promise_a_clear_takes_what_was_set_before_what_it_keeps),
        TEST(test_promise_a_handle_is_not_detached_by_a_ttl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
