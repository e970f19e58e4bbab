/* A gather that copies in portions, and lets changes in between them: the page is from before each of them, whole. */
#include "support/updates.h"

#include <sched.h>

#include "store/context.h"

enum { SERIES = 12 };

struct world {
    ct_fixture *fixture;
    cprom_registry *r;
    cprom_gauge_vec *g, *timed, *lingering;
    cprom_counter_vec *c;
    cprom_histogram_vec *h;
    cprom_summary_vec *s;
    cprom_info_vec *i;
    cprom_stateset_vec *states;
    cprom_counter *plain;
};

static const char *const names[SERIES] = {"00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11"};

#define NEW(kind, vec, ...)                                                                                            \
    assert_ok(cprom_##kind##_vec_new(w->r, CPROM_OPTS(cprom_opts, .help = "h", .labels = {"l"}, __VA_ARGS__), &(vec)))

static void world_init(struct world *w, ct_fixture *fixture)
{
    *w = (struct world){.fixture = fixture, .r = fixture->registry};
    NEW(counter, w->c, .name = "c_total", .exemplars = true);
    NEW(gauge, w->g, .name = "g");
    NEW(histogram, w->h, .name = "h", .exemplars = true);
    NEW(info, w->i, .name = "i_info");
    NEW(gauge, w->lingering, .name = "lingering", .linger_seconds = 10);
    NEW(summary, w->s, .name = "s");
    NEW(stateset, w->states, .name = "state", .states = {"on", "off"});
    NEW(gauge, w->timed, .name = "timed", .ttl_seconds = 10);
    assert_ok(cprom_counter_new(w->r, CPROM_OPTS(cprom_opts, .name = "plain_total", .help = "h"), &w->plain));
    cprom_counter_inc(w->plain);
    for (int i = 0; i < SERIES; i++) {
        cprom_strs values = CPROM_STRS(names[i]);
        assert_ok(cprom_counter_vec_add_with_exemplar(w->c, values, i, CPROM_LABELS({"id", names[i]}), 0));
        assert_ok(cprom_histogram_vec_observe_with_exemplar(w->h, values, i, CPROM_LABELS({"id", names[i]}), 0));
        assert_ok(cprom_summary_vec_observe(w->s, values, i));
        assert_ok(cprom_info_vec_set(w->i, values));
        assert_ok(cprom_stateset_vec_enter(w->states, values, 0));
        assert_ok(cprom_gauge_vec_set(w->g, values, i));
        assert_ok(cprom_gauge_vec_set(w->lingering, values, i));
        assert_ok(cprom_gauge_vec_set(w->timed, values, i));
    }
}

/* Of each vector: some go, some stay and are written, some are written twice, some are made. */
static cprom_update *everything(struct world *w)
{
    cprom_update *update = up_new(w->r);
    assert_ok(ALL(w->g));
    assert_ok(ALL(w->lingering));
    assert_ok(cprom_update_info_vec_replace(update, w->i, CPROM_NO_LABELS));
    for (int i = 0; i < SERIES; i += 2) {
        for (int new = 0; new < 2; new++) {
            char text[8];
            snprintf(text, sizeof text, "%s%s", names[i], new ? "x" : "");
            assert_ok(SET(w->g, 100, text));
            assert_ok(ADD(w->g, 1, text));
            assert_ok(SET(w->lingering, 100, text));
            assert_ok(SET(w->timed, 100, text));
            assert_ok(cprom_update_counter_vec_add(update, w->c, CPROM_STRS(text), 100));
            assert_ok(cprom_update_histogram_vec_observe(update, w->h, CPROM_STRS(text), 0.001));
            assert_ok(cprom_update_summary_vec_observe(update, w->s, CPROM_STRS(text), 100));
            assert_ok(cprom_update_info_vec_set(update, w->i, CPROM_STRS(text)));
            assert_ok(cprom_update_stateset_vec_enter(update, w->states, CPROM_STRS(text), 1));
        }
    }
    assert_ok(cprom_update_counter_add(update, w->plain, 5));
    return update;
}

/* ---- a change that waits at the gate when a gather has its number ---- */

enum { NOT_READY, READY, NUMBERED };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int stage; /* guarded by the mutex */
    struct world *w;
    cprom_update *update;
    void (*change)(struct world *w);
    cprom_status status; /* of what is changed */
    cprom_status observed;
    size_t fails_at;     /* the allocation behind its way in; 0: none */
    int vectors_left;    /* until one of `h` is observed with an exemplar, on the gather's thread; 0: none */
    _Atomic int more;    /* changes that are still to come to the gate; the gather waits for each at a vector */
} meanwhile = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void go(int stage)
{
    pthread_mutex_lock(&meanwhile.mutex);
    meanwhile.stage = stage;
    pthread_cond_broadcast(&meanwhile.changed);
    pthread_mutex_unlock(&meanwhile.mutex);
}

static void await(int stage)
{
    pthread_mutex_lock(&meanwhile.mutex);
    while (meanwhile.stage < stage) pthread_cond_wait(&meanwhile.changed, &meanwhile.mutex);
    pthread_mutex_unlock(&meanwhile.mutex);
}

static int stage_now(void)
{
    pthread_mutex_lock(&meanwhile.mutex);
    int stage = meanwhile.stage;
    pthread_mutex_unlock(&meanwhile.mutex);
    return stage;
}

static void until_wanted(void)
{
    while (!cprom__gate_is_wanted(&meanwhile.w->r->gate)) sched_yield();
}

static void hook(enum cprom__seam point)
{
    int stage = stage_now();
    if (point == CPROM__SEAM_COMMIT_READY && stage == NOT_READY) {
        go(READY);
        await(NUMBERED);
    }
    if (point == CPROM__SEAM_GATHER_PORTION && meanwhile.fails_at)
        ct_alloc_fail_at(&meanwhile.w->fixture->alloc, meanwhile.fails_at, false);
    if (point == CPROM__SEAM_GATHER_CUT && stage == READY) {
        go(NUMBERED);
        until_wanted();
    }
    if (point == CPROM__SEAM_GATHER_VECTOR && atomic_load(&meanwhile.more)) until_wanted();
    if (point == CPROM__SEAM_GATHER_VECTOR && meanwhile.vectors_left && --meanwhile.vectors_left == 0) {
        meanwhile.observed = cprom_histogram_vec_observe_with_exemplar(meanwhile.w->h, CPROM_STRS(names[2]), 0.001,
                                                                       CPROM_LABELS({"id", "late"}), 0);
    }
}

static void *commit_meanwhile(void *arg)
{
    meanwhile.status = cprom_update_commit(meanwhile.update, NULL);
    return arg;
}

static void *change_meanwhile(void *arg)
{
    go(READY);
    await(NUMBERED);
    meanwhile.change(meanwhile.w);
    return arg;
}

static char *page_of(cprom_registry *r)
{
    cprom_page *page;
    if (cprom_page_open(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), &page)) return NULL;
    ct_page read = ct_page_drain(page, 65536);
    char *text = read.text;
    read.text = NULL;
    ct_page_free(&read);
    cprom_page_close(page);
    return text;
}

static pthread_t meanwhile_start(struct world *w, cprom_update *update, void (*change)(struct world *w))
{
    pthread_t thread;
    meanwhile.w = w;
    meanwhile.stage = NOT_READY;
    meanwhile.update = update;
    meanwhile.change = change;
    cprom__seam_hook = hook;
    assert_int_equal(pthread_create(&thread, NULL, update ? commit_meanwhile : change_meanwhile, NULL), 0);
    await(READY);
    return thread;
}

/* The page that is made around the change is `before`; the next is not, unless nothing was changed. */
static void assert_page_around(struct world *w, pthread_t thread, char *before, bool changes)
{
    char *around = page_of(w->r);
    pthread_join(thread, NULL);
    cprom__seam_hook = NULL;
    char *after = page_of(w->r);
    assert_non_null(around);
    ct_assert_text_equal(around, before);
    assert_int_equal(strcmp(after, before) != 0, changes);
    free(around);
    free(after);
    free(before);
}

/* ---- the tests ---- */

static void test_page_that_lets_a_commit_in_shows_all_as_it_was_before(void **state)
{
    struct world w;
    world_init(&w, *state);
    char *before = page_of(w.r);
    pthread_t thread = meanwhile_start(&w, everything(&w), NULL);
    assert_page_around(&w, thread, before, true);
    assert_ok(meanwhile.status);
    cprom_update_free(meanwhile.update);
}

/* What the commit writes over was kept; the exemplar is of what came then, and of a bucket that counted nothing. */
static void test_page_that_lets_a_commit_in_shows_no_exemplar_of_a_bucket_that_counts_nothing(void **state)
{
    struct world w;
    world_init(&w, *state);
    char *before = page_of(w.r);
    meanwhile.observed = CPROM_EINVAL;
    meanwhile.vectors_left = 3; /* c_total, g, h */
    pthread_t thread = meanwhile_start(&w, everything(&w), NULL);
    assert_page_around(&w, thread, before, true);
    assert_ok(meanwhile.status);
    assert_ok(meanwhile.observed);
    cprom_update_free(meanwhile.update);
}

/* One after the other, at the gate again each time. */
static void remove_much(struct world *w)
{
    cprom_status statuses[] = {
        cprom_gauge_vec_clear(w->g),
        cprom_gauge_vec_delete_matching(w->lingering, CPROM_LABELS({"l", "03"}), NULL),
        cprom_registry_delete_matching(w->r, CPROM_LABELS({"l", "08"}), NULL),
        cprom_gauge_vec_sweep(w->timed, CPROM_LABELS({"l", "11"}), cprom_registry_mark(w->r), NULL),
    };
    for (size_t i = 0; i < COUNT(statuses); i++) meanwhile.status = statuses[i] ? statuses[i] : meanwhile.status;
}

static void test_page_that_lets_removals_in_shows_all_as_it_was_before(void **state)
{
    struct world w;
    world_init(&w, *state);
    char *before = page_of(w.r);
    meanwhile.status = CPROM_OK;
    pthread_t thread = meanwhile_start(&w, NULL, remove_much);
    assert_page_around(&w, thread, before, true);
    assert_ok(meanwhile.status);
}

static void commit_much(struct world *w)
{
    meanwhile.status = CPROM_OK;
    for (int i = 0; i < 3; i++) {
        atomic_store(&meanwhile.more, 2 - i);
        cprom_status status = cprom_gauge_vec_replace(
            w->g, CPROM_NO_LABELS, (cprom_gauge_row[]){{CPROM_STRS("03"), 500 + i}, {CPROM_STRS("11"), 600 + i}}, 2, NULL);
        if (status) meanwhile.status = status;
    }
}

static void test_page_that_lets_several_commits_in_shows_all_as_it_was_before_the_first(void **state)
{
    struct world w;
    world_init(&w, *state);
    char *before = page_of(w.r);
    atomic_store(&meanwhile.more, 3);
    pthread_t thread = meanwhile_start(&w, NULL, commit_much);
    assert_page_around(&w, thread, before, true);
    assert_ok(meanwhile.status);
}

/* Memory for what it writes over is all that a page that lets it in adds to a commit. */
static void test_page_that_lets_a_commit_in_without_memory_nothing_is_changed(void **state)
{
    size_t refused = 0;
    bool failed = true;
    for (meanwhile.fails_at = 1; failed; meanwhile.fails_at++) {
        struct world w;
        ct_fixture *fixture = ct_fixture_new();
        world_init(&w, fixture);
        char *before = page_of(w.r);
        pthread_t thread = meanwhile_start(&w, everything(&w), NULL);
        char *around = page_of(w.r);
        pthread_join(thread, NULL);
        cprom__seam_hook = NULL;
        failed = fixture->alloc.failed;
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        if (around) ct_assert_text_equal(around, before);
        else assert_true(failed);
        if (meanwhile.status) {
            assert_status(meanwhile.status, CPROM_ENOMEM);
            char *after = page_of(w.r);
            ct_assert_text_equal(after, before);
            free(after);
            assert_ok(cprom_update_commit(meanwhile.update, NULL));
            refused++;
        }
        cprom_update_free(meanwhile.update);
        free(around);
        free(before);
        ct_fixture_free(fixture);
    }
    meanwhile.fails_at = 0;
    assert_true(refused >= 2 * 8); /* places and words, of each vector */
}

/* ---- what commits cost that are let in one after the other ---- */

enum { BOUNDS = 64 };

static struct {
    _Atomic size_t asked; /* bytes */
    unsigned commits;
    cprom_histogram_vec *last; /* on the page: all of it is still to be copied when the last commit is let in */
} growth;

static void *allocate_counted(void *alloc, size_t size)
{
    atomic_fetch_add(&growth.asked, size);
    return ct_allocate(alloc, size);
}

/* Each writes to a series that no other has written to. */
static void commit_to_each(struct world *w)
{
    meanwhile.status = CPROM_OK;
    for (unsigned i = 0; i < growth.commits && !meanwhile.status; i++) {
        char text[8];
        snprintf(text, sizeof text, "%u", i);
        atomic_store(&meanwhile.more, (int)(growth.commits - i - 1));
        cprom_update *update = NULL;
        meanwhile.status = cprom_update_new(w->r, &update);
        if (!meanwhile.status)
            meanwhile.status = cprom_update_histogram_vec_observe(update, growth.last, CPROM_STRS(text), 1);
        if (!meanwhile.status) meanwhile.status = cprom_update_commit(update, NULL);
        cprom_update_free(update);
    }
}

/* Bytes that are asked for while a page is opened that lets so many commits in, one for each vector before the last. */
static size_t asked_around(unsigned commits)
{
    struct world w = {.fixture = ct_fixture_new()};
    cprom_registry_free(w.fixture->registry);
    w.fixture->registry = NULL;
    cprom_registry_opts opts = ct_fixture_opts(w.fixture);
    opts.allocate = allocate_counted;
    assert_ok(cprom_registry_new(&opts, &w.fixture->registry));
    w.r = w.fixture->registry;
    double bounds[BOUNDS];
    assert_ok(cprom_bounds_linear(1, 1, BOUNDS, bounds));
    assert_ok(cprom_histogram_vec_new(
        w.r, FAMILY("z", .labels = {"l"}, .bounds = bounds, .n_bounds = BOUNDS), &growth.last));
    for (unsigned i = 0; i < commits; i++) {
        char text[8];
        cprom_gauge_vec *before;
        snprintf(text, sizeof text, "g%u", i);
        assert_ok(cprom_gauge_vec_new(w.r, FAMILY(text, .labels = {"l"}), &before));
        for (int k = 0; k < 4; k++) assert_ok(cprom_gauge_vec_set(before, CPROM_STRS(names[k]), 0));
        assert_ok(cprom_histogram_vec_observe(growth.last, CPROM_STRS(text + 1), 1));
    }
    char *before = page_of(w.r);
    growth.commits = commits;
    atomic_store(&meanwhile.more, (int)commits);
    pthread_t thread = meanwhile_start(&w, NULL, commit_to_each);
    atomic_store(&growth.asked, 0);
    char *around = page_of(w.r);
    size_t asked = atomic_load(&growth.asked);
    pthread_join(thread, NULL);
    cprom__seam_hook = NULL;
    assert_ok(meanwhile.status);
    ct_assert_text_equal(around, before);
    free(around);
    free(before);
    ct_fixture_free(w.fixture);
    return asked;
}

static void test_page_that_lets_many_commits_in_keeps_each_value_once(void **state)
{
    (void)state;
    size_t few = asked_around(50), many = asked_around(200);
    assert_true(many <= 6 * few);
}

/* ---- a commit to series that are idle when the page gets its number ---- */

enum { TIMED = 4, TAIL = 3 };

static struct {
    ct_fixture *fixture;
    cprom_gauge_vec *a, *b;
    cprom_update *update;
    pthread_t thread;
    bool before_the_number; /* the commit has reserved its series by then */
    int vectors;            /* that the gather has come to */
} idle;

static void *commit_to_idle(void *arg)
{
    return cprom_update_commit(idle.update, NULL) ? arg : NULL;
}

static bool idle_commit_waits(void)
{
    bool begun = pthread_create(&idle.thread, NULL, commit_to_idle, &idle) == 0;
    while (begun && !cprom__gate_is_wanted(&idle.fixture->registry->gate)) sched_yield();
    return begun;
}

/* What is made behind the sort is copied as it comes; then all is idle. */
static void hook_idle(enum cprom__seam point)
{
    static const char *const late[TAIL] = {"late0", "late1", "late2"};
    bool ok = true;
    if (point == CPROM__SEAM_GATHER_READY) {
        for (int i = 0; i < TAIL; i++) ok &= !cprom_gauge_vec_set(idle.b, CPROM_STRS(late[i]), 1);
        ct_clock_advance(&idle.fixture->clock, INT64_C(11000000000));
    }
    if (point == CPROM__SEAM_GATHER_COPIES && idle.before_the_number) ok = idle_commit_waits();
    if (point == CPROM__SEAM_GATHER_VECTOR && ++idle.vectors == 2 && !idle.before_the_number) ok = idle_commit_waits();
    if (!ok) abort();
}

static void assert_idle_page(const char *expected)
{
    char *page = page_of(idle.fixture->registry);
    ct_assert_text_equal(page, expected);
    free(page);
}

#define HEAD(name) "# HELP " name " h\n# TYPE " name " gauge\n"

/* Of what the commit touches, the page shows what somebody holds, as it was before; the commit's reservations hold nothing. */
static void idle_series_of_a_commit(ct_fixture *fixture, bool before_the_number)
{
    cprom_registry *r = fixture->registry;
    idle.fixture = fixture;
    idle.before_the_number = before_the_number;
    idle.vectors = 0;
    assert_ok(cprom_gauge_vec_new(
        r, CPROM_OPTS(cprom_opts, .name = "a", .help = "h", .labels = {"l"}, .ttl_seconds = 10), &idle.a));
    assert_ok(cprom_gauge_vec_new(
        r, CPROM_OPTS(cprom_opts, .name = "b", .help = "h", .labels = {"l"}, .ttl_seconds = 10), &idle.b));
    cprom_update *update = idle.update = up_new(r);
    cprom_gauge *held = cprom_gauge_vec_with(idle.b, CPROM_STRS("held"));
    assert_ok(cprom_gauge_vec_set(idle.b, CPROM_STRS("held"), 1));
    for (int i = 0; i < TIMED; i++) {
        assert_ok(cprom_gauge_vec_set(idle.a, CPROM_STRS(names[i]), 1));
        assert_ok(cprom_gauge_vec_set(idle.b, CPROM_STRS(names[i]), 1));
        assert_ok(ADD(idle.a, 1, names[i]));
        assert_ok(ADD(idle.b, 1, names[i]));
    }
    assert_ok(ADD(idle.b, 1, "held"));
    assert_ok(ADD(idle.b, 1, "late0"));
    assert_ok(ADD(idle.b, 1, "late1"));
    assert_ok(ADD(idle.b, 1, "late2"));
    assert_ok(ADD(idle.b, 2, "new"));
    cprom__seam_hook = hook_idle;
    assert_idle_page(HEAD("b") "b{l=\"held\"} 1.0\n# EOF\n");
    void *failed;
    pthread_join(idle.thread, &failed);
    cprom__seam_hook = NULL;
    assert_null(failed);
    cprom_update_free(update);
    /* What was idle and reserved was not removed: it is counted on. */
    assert_idle_page(HEAD("a") "a{l=\"00\"} 2.0\na{l=\"01\"} 2.0\na{l=\"02\"} 2.0\na{l=\"03\"} 2.0\n" HEAD(
        "b") "b{l=\"00\"} 2.0\nb{l=\"01\"} 2.0\nb{l=\"02\"} 2.0\nb{l=\"03\"} 2.0\nb{l=\"held\"} 2.0\n"
             "b{l=\"late0\"} 2.0\nb{l=\"late1\"} 2.0\nb{l=\"late2\"} 2.0\nb{l=\"new\"} 2.0\n# EOF\n");
    /* What was reserved is given back: handles hold their series as before. */
    cprom_gauge *new = cprom_gauge_vec_with(idle.b, CPROM_STRS("new"));
    ct_clock_advance(&fixture->clock, INT64_C(11000000000));
    assert_idle_page(HEAD("b") "b{l=\"held\"} 2.0\nb{l=\"new\"} 2.0\n# EOF\n");
    cprom_gauge_unref(held);
    cprom_gauge_unref(new);
}

static void test_page_that_lets_a_commit_in_shows_none_of_its_series_that_were_idle(void **state)
{
    idle_series_of_a_commit(*state, true);
}

static void test_page_shows_none_of_the_idle_series_that_a_commit_reserves_meanwhile(void **state)
{
    idle_series_of_a_commit(*state, false);
}

int group_portions(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_page_that_lets_a_commit_in_shows_all_as_it_was_before),
        TEST(test_page_that_lets_a_commit_in_shows_no_exemplar_of_a_bucket_that_counts_nothing),
        TEST(test_page_that_lets_removals_in_shows_all_as_it_was_before),
        TEST(test_page_that_lets_several_commits_in_shows_all_as_it_was_before_the_first),
        TEST(test_page_that_lets_a_commit_in_without_memory_nothing_is_changed),
        TEST(test_page_that_lets_many_commits_in_keeps_each_value_once),
        TEST(test_page_that_lets_a_commit_in_shows_none_of_its_series_that_were_idle),
        TEST(test_page_shows_none_of_the_idle_series_that_a_commit_reserves_meanwhile),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
