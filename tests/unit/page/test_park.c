/*
 * A gather is parked at a seam, or inside a callback, and every other public call completes on another thread. One
 * that waits ends this program after a minute, and says which it is.
 */
#include "support/cprom_test.h"

#include <sched.h>
#include <time.h>
#include <unistd.h>

#include "store/context.h"

/*==============================================================================
 * What is in the registry, and the calls
 *============================================================================*/

typedef struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_counter *counter;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_summary *summary;
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_gauge *handle; /* of gauges, "held" */
    unsigned round;      /* for names that are new each time */
    /* the callback parks while `parks` says so */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool parks, parked;
    size_t calls, freed;
} world;

/* The one collector: emits a gauge, and parks before that on demand. */
static cprom_status collect(void *ctx, cprom_scrape *out)
{
    static const cprom_desc desc = {.size = sizeof desc, .type = CPROM_GAUGE, .name = "callback", .help = "h"};
    world *w = ctx;
    pthread_mutex_lock(&w->mutex);
    w->calls++;
    if (w->parks) {
        w->parked = true;
        pthread_cond_broadcast(&w->changed);
        while (w->parks) pthread_cond_wait(&w->changed, &w->mutex);
        w->parked = false;
    }
    pthread_mutex_unlock(&w->mutex);
    return cprom_emit(out, &desc, CPROM_NO_STRS, 1);
}

static void count_free(void *ctx)
{
    world *w = ctx;
    pthread_mutex_lock(&w->mutex);
    w->freed++;
    pthread_mutex_unlock(&w->mutex);
}

static void park_callback(world *w, bool parks)
{
    pthread_mutex_lock(&w->mutex);
    w->parks = parks;
    pthread_cond_broadcast(&w->changed);
    pthread_mutex_unlock(&w->mutex);
}

static void wait_parked(world *w)
{
    pthread_mutex_lock(&w->mutex);
    while (!w->parked) pthread_cond_wait(&w->changed, &w->mutex);
    pthread_mutex_unlock(&w->mutex);
}

#define KEY(value) CPROM_STRS("x", value)

static int setup(void **state)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    pthread_mutex_init(&w->mutex, NULL);
    pthread_cond_init(&w->changed, NULL);
    w->fixture = ct_fixture_new();
    cprom_registry *r = w->registry = w->fixture->registry;
    assert_ok(cprom_counter_new(r, FAMILY("c_total"), &w->counter));
    assert_ok(cprom_gauge_new(r, FAMILY("g"), &w->gauge));
    assert_ok(cprom_histogram_new(r, FAMILY("h"), &w->histogram));
    assert_ok(cprom_summary_new(r, FAMILY("s"), &w->summary));
    assert_ok(cprom_counter_vec_new(r, FAMILY("vc_total", .labels = {"l", "m"}), &w->counters));
    assert_ok(cprom_gauge_vec_new(r, FAMILY("vg", .labels = {"l", "m"}), &w->gauges));
    assert_ok(cprom_histogram_vec_new(r, FAMILY("vh", .labels = {"l", "m"}), &w->histograms));
    assert_ok(cprom_summary_vec_new(r, FAMILY("vs", .labels = {"l", "m"}), &w->summaries));
    for (int i = 0; i < 700; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        assert_ok(cprom_counter_vec_inc(w->counters, KEY(value)));
        assert_ok(cprom_gauge_vec_set(w->gauges, KEY(value), i));
        assert_ok(cprom_histogram_vec_observe(w->histograms, KEY(value), i));
        assert_ok(cprom_summary_vec_observe(w->summaries, KEY(value), i));
    }
    w->handle = cprom_gauge_vec_with(w->gauges, KEY("held"));
    assert_ok(cprom_collector_new(
        r, CPROM_OPTS(cprom_collector_opts, .name = "parking", .collect = collect, .ctx = w, .free = count_free)));
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    world *w = *state;
    cprom_gauge_unref(w->handle);
    ct_fixture_free(w->fixture);
    assert_int_equal(w->freed, 1);
    pthread_mutex_destroy(&w->mutex);
    pthread_cond_destroy(&w->changed);
    free(w);
    return 0;
}

/* Each returns whether it did what it should; they run on a thread where cmocka cannot assert. */
typedef struct call {
    const char *name;
    bool (*run)(world *w);
} call;

static bool held_updates(world *w)
{
    cprom_counter_inc(w->counter);
    cprom_counter_add(w->counter, 2);
    cprom_gauge_set(w->gauge, 2);
    cprom_gauge_add(w->gauge, 2);
    cprom_gauge_set_to_current_time(w->gauge);
    cprom_histogram_observe(w->histogram, 2);
    cprom_summary_observe(w->summary, 2);
    cprom_gauge_set(w->handle, 5);
    cprom_timer timer = cprom_summary_timer(w->summary);
    cprom_timer_stop(&timer);
    return cprom_counter_value(w->counter) >= 3 && cprom_gauge_value(w->handle) == 5 &&
           cprom_histogram_count(w->histogram) && cprom_summary_sum(w->summary) >= 2;
}
static bool updates_by_label(world *w)
{
    return !cprom_counter_vec_inc(w->counters, KEY("1")) && !cprom_gauge_vec_set(w->gauges, KEY("1"), 3) &&
           !cprom_gauge_vec_add(w->gauges, KEY("1"), 3) && !cprom_gauge_vec_set_to_current_time(w->gauges, KEY("2")) &&
           !cprom_histogram_vec_observe(w->histograms, KEY("1"), 3) &&
           !cprom_summary_vec_observe(w->summaries, KEY("1"), 3);
}
static bool lookups(world *w)
{
    double value;
    uint64_t count;
    cprom_gauge *one = cprom_gauge_vec_with(w->gauges, KEY("3"));
    cprom_gauge *two = cprom_gauge_vec_with_labels(w->gauges, CPROM_LABELS({"m", "3"}, {"l", "x"}));
    bool same = one && one == two;
    cprom_gauge_unref(one);
    cprom_gauge_unref(cprom_gauge_ref(two));
    cprom_gauge_unref(two);
    return same && !cprom_counter_vec_get(w->counters, KEY("3"), &value) &&
           !cprom_histogram_vec_get(w->histograms, KEY("3"), &count, NULL) && cprom_gauge_vec_size(w->gauges) > 0 &&
           cprom_gauge_vec_get(w->gauges, KEY("none"), &value) == CPROM_ENOENT;
}
static bool creations(world *w)
{
    for (int i = 0; i < 700; i++) {
        char value[32];
        snprintf(value, sizeof value, "new %u %d", w->round, i);
        if (cprom_counter_vec_inc(w->counters, KEY(value)) || cprom_gauge_vec_set(w->gauges, KEY(value), i) ||
            cprom_histogram_vec_observe(w->histograms, KEY(value), i) ||
            cprom_summary_vec_observe(w->summaries, KEY(value), i)) {
            return false;
        }
        cprom_gauge_unref(cprom_gauge_vec_with(w->gauges, CPROM_STRS("y", value)));
    }
    return true;
}
static bool single_deletes(world *w)
{
    for (int i = 0; i < 700; i++) { /* enough of them that each also wants to tidy up */
        char value[32];
        snprintf(value, sizeof value, "new %u %d", w->round, i);
        if (cprom_counter_vec_delete(w->counters, KEY(value)) ||
            cprom_gauge_vec_delete_labels(w->gauges, CPROM_LABELS({"m", value}, {"l", "x"})) ||
            cprom_histogram_vec_delete(w->histograms, KEY(value)) ||
            cprom_summary_vec_delete(w->summaries, KEY(value))) {
            return false;
        }
    }
    return cprom_gauge_vec_delete(w->gauges, KEY("none")) == CPROM_ENOENT;
}
static bool detached_update(world *w)
{
    cprom_gauge *handle = cprom_gauge_vec_with(w->gauges, KEY("detached"));
    bool ok = handle && !cprom_gauge_vec_delete(w->gauges, KEY("detached"));
    cprom_gauge_set(handle, 1);
    cprom_gauge_unref(handle);
    return ok;
}
static bool statistics(world *w)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    return !cprom_registry_stats(w->registry, &stats) && stats.series > 0;
}
static bool new_instruments_and_unregister(world *w)
{
    cprom_registry *r = w->registry;
    cprom_counter *counter;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_summary *summary;
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    if (cprom_counter_new(r, FAMILY("new_a_total"), &counter) ||
        cprom_gauge_new(r, FAMILY("new_b"), &gauge) ||
        cprom_histogram_new(r, FAMILY("new_c"), &histogram) ||
        cprom_summary_new(r, FAMILY("new_d"), &summary) ||
        cprom_counter_vec_new(r, FAMILY("new_e_total", .labels = {"l"}), &counters) ||
        cprom_gauge_vec_new(r, FAMILY("new_f", .labels = {"l"}), &gauges) ||
        cprom_histogram_vec_new(r, FAMILY("new_g", .labels = {"l"}), &histograms) ||
        cprom_summary_vec_new(r, FAMILY("new_h", .labels = {"l"}), &summaries)) {
        return false;
    }
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        if (cprom_gauge_vec_set(gauges, CPROM_STRS(value), i)) return false;
    }
    cprom_counter_inc(counter);
    static const char *const names[] = {"new_a_total", "new_b", "new_c", "new_d",
                                        "new_e_total", "new_f", "new_g", "new_h"};
    for (size_t i = 0; i < 8; i++) {
        if (cprom_registry_unregister(r, names[i])) return false;
    }
    return cprom_registry_unregister(r, "none") == CPROM_ENOENT;
}
static double one(void *ctx) { return 1; }
static bool new_collectors_and_unregister(world *w)
{
    const cprom_desc desc = {.size = sizeof desc, .type = CPROM_GAUGE, .name = "new_checked", .help = "h"};
    return !cprom_collector_new(w->registry, CPROM_OPTS(cprom_collector_opts, .name = "new", .collect = collect_nothing,
                                                        .descs = &desc, .n_descs = 1)) &&
           !cprom_counter_func_new(w->registry, FAMILY("new_func_total"), one, NULL) &&
           !cprom_gauge_func_new(w->registry, FAMILY("new_other"), one, NULL) &&
           !cprom_registry_unregister(w->registry, "new_func_total") &&
           !cprom_registry_unregister(w->registry, "new_other") &&
           !cprom_registry_unregister(w->registry, "new_checked");
}

static bool other_registry(world *w)
{
    cprom_registry *other;
    cprom_gauge *gauge;
    char *text;
    if (cprom_registry_new(NULL, &other)) return false;
    if (cprom_gauge_new(other, FAMILY("g"), &gauge) || cprom_registry_text(other, &text, NULL)) return false;
    cprom_text_free(text);
    cprom_registry_trim(other);
    cprom_registry_free(other);
    return cprom_registry_default() != NULL;
}

static bool deletes_of_several(world *w)
{
    size_t removed = 0;
    return !cprom_gauge_vec_delete_matching(w->gauges, CPROM_LABELS({"l", "y"}), &removed) &&
           removed == 700 * w->round &&
           !cprom_registry_delete_matching(w->registry, CPROM_LABELS({"m", "5"}, {"l", "x"}), &removed) && removed <= 4;
}
static bool clears(world *w)
{
    return !cprom_counter_vec_clear(w->counters) && !cprom_histogram_vec_clear(w->histograms) &&
           !cprom_summary_vec_clear(w->summaries) && cprom_counter_vec_size(w->counters) == 0;
}
static bool trims(world *w)
{
    cprom_registry_trim(w->registry);
    return true;
}
static bool see(void *ctx, const cprom_view *view)
{
    ++*(size_t *)ctx;
    return true;
}
static bool each(world *w)
{
    size_t seen = 0;
    return !cprom_gauge_vec_each(w->gauges, see, &seen) && seen == cprom_gauge_vec_size(w->gauges);
}
static bool read_all(cprom_page *page)
{
    char buf[4096];
    size_t n = 0;
    for (size_t got; (got = cprom_page_read(page, buf, sizeof buf)) != 0;) n += got;
    cprom_page_close(page);
    return n > 0;
}
static bool second_page(world *w)
{
    cprom_page *page;
    char *text;
    if (cprom_page_open(w->registry, CPROM_OPTS(cprom_page_opts, .self_metrics = true), &page)) return false;
    if (!read_all(page) || cprom_registry_text(w->registry, &text, NULL)) return false;
    cprom_text_free(text);
    return true;
}
static bool second_page_with_names(world *w)
{
    static const char *const names[] = {"vg"};
    cprom_page *page;
    /* The parked collector is unchecked, and so called whatever the names: only the deadline ends the wait for it. */
    if (cprom_page_open(w->registry, CPROM_OPTS(cprom_page_opts, .names = names, .n_names = 1, .timeout_seconds = 1e-3),
                        &page)) {
        return false;
    }
    return read_all(page);
}
static bool unregister_collector(world *w) { return !cprom_registry_unregister(w->registry, "parking"); }
static bool unregister_vector(world *w) { return !cprom_registry_unregister(w->registry, "vg"); }
/* With the collector gone no scrape waits for it any more. */
static bool page_without_collector(world *w) { return second_page(w); }

#define C(name) {#name, name}
#define FREE_OF_GATE                                                                                                   \
    C(held_updates), C(updates_by_label), C(lookups), C(creations), C(single_deletes), C(detached_update),             \
        C(statistics), C(new_instruments_and_unregister), C(new_collectors_and_unregister), C(other_registry)
#define THROUGH_GATE C(creations), C(deletes_of_several), C(each), C(trims), C(clears), C(trims), C(each)

/*==============================================================================
 * Running them beside a parked gather
 *============================================================================*/

typedef struct running {
    world *w;
    const call *calls;
    size_t n;
    const char *failed;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    size_t done; /* guarded by the mutex */
} running;

static void *run_each(void *arg)
{
    running *r = arg;
    for (size_t i = 0; i < r->n; i++) {
        r->w->round += r->calls[i].run == creations;
        if (!r->calls[i].run(r->w)) r->failed = r->calls[i].name;
        pthread_mutex_lock(&r->mutex);
        r->done = i + 1;
        pthread_cond_signal(&r->changed);
        pthread_mutex_unlock(&r->mutex);
        if (r->failed) break;
    }
    return NULL;
}

/* Asserts that all of them complete on another thread. */
static void assert_complete(world *w, const call *calls, size_t n)
{
    running r = {.w = w, .calls = calls, .n = n};
    pthread_t thread;
    pthread_mutex_init(&r.mutex, NULL);
    pthread_cond_init(&r.changed, NULL);
    assert_int_equal(pthread_create(&thread, NULL, run_each, &r), 0);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&r.mutex);
    while (r.done < n && !r.failed) {
        if (!pthread_cond_timedwait(&r.changed, &r.mutex, &until)) continue;
        fprintf(stderr, "test_park: %s waits\n", calls[r.done].name);
        _exit(1);
    }
    pthread_mutex_unlock(&r.mutex);
    pthread_join(thread, NULL);
    if (r.failed) fail_msg("%s went wrong", r.failed);
}

#define ASSERT_COMPLETE(w, ...)                                                                                        \
    do {                                                                                                               \
        static const call calls[] = {__VA_ARGS__};                                                                     \
        assert_complete(w, calls, COUNT(calls));                                                       \
    } while (0)

typedef struct scraper {
    world *w;
    pthread_t thread;
    cprom_page *page;
    cprom_status status;
} scraper;

static void *scrape(void *arg)
{
    scraper *s = arg;
    s->status = cprom_page_open(s->w->registry, NULL, &s->page);
    return NULL;
}

static void start(scraper *s, world *w)
{
    *s = (scraper){.w = w};
    assert_int_equal(pthread_create(&s->thread, NULL, scrape, s), 0);
}

/* Asserts that the page came, and how many samples of the gauges are on it. */
static void finish(scraper *s, size_t gauges)
{
    pthread_join(s->thread, NULL);
    assert_ok(s->status);
    ct_page page = ct_page_drain(s->page, 65536);
    assert_int_equal(parser_count(page.parsed, "vg"), gauges);
    if (gauges) assert_true(parser_value(page.parsed, "vg{l=\"x\",m=\"5\"}") == 5);
    ct_page_free(&page);
    cprom_page_close(s->page);
}

static void test_gather_parked_after_snapshot_every_call_completes(void **state)
{
    world *w = *state;
    scraper s;
    ct_park(CPROM__SEAM_GATHER_TAKEN);
    start(&s, w);
    ct_park_wait();
    ASSERT_COMPLETE(w, FREE_OF_GATE, THROUGH_GATE, C(second_page), C(unregister_collector), C(unregister_vector),
                    C(page_without_collector), C(trims));
    ct_park_release();
    finish(&s, 701); /* as it was, whatever happened since */
}

static void test_gather_parked_in_callback_every_call_completes(void **state)
{
    world *w = *state;
    scraper s;
    park_callback(w, true);
    start(&s, w);
    wait_parked(w);
    ASSERT_COMPLETE(w, FREE_OF_GATE, THROUGH_GATE, C(second_page_with_names), C(unregister_collector),
                    C(page_without_collector), C(trims));
    assert_int_equal(w->freed, 0); /* the context is in use */
    park_callback(w, false);
    pthread_join(s.thread, NULL);
    assert_ok(s.status);
    cprom_page_close(s.page);
    assert_int_equal(w->calls, 1);
}

static void test_gather_parked_in_callback_vector_can_go(void **state)
{
    world *w = *state;
    scraper s;
    park_callback(w, true);
    start(&s, w);
    wait_parked(w);
    ASSERT_COMPLETE(w, C(unregister_vector), C(statistics));
    park_callback(w, false);
    finish(&s, 0); /* gone before the snapshot was taken */
}

/* Parks a gather that holds the gate: what needs no gate completes. */
static void check_in_gate(world *w, enum cprom__seam seam)
{
    scraper s;
    ct_park(seam);
    start(&s, w);
    ct_park_wait();
    ASSERT_COMPLETE(w, FREE_OF_GATE, FREE_OF_GATE);
    ct_park_release();
    pthread_join(s.thread, NULL);
    assert_ok(s.status);
    ct_page page = ct_page_drain(s.page, 65536);
    /* 701 from before, and up to twice 700 that came in meanwhile and stay. */
    assert_in_range(parser_count(page.parsed, "vg"), 701, 701 + 1400);
    ct_page_free(&page);
    cprom_page_close(s.page);
}

static void test_gather_parked_before_copying_single_calls_complete(void **state)
{
    check_in_gate(*state, CPROM__SEAM_GATHER_COPIES);
}

static void test_gather_parked_amid_copying_single_calls_complete(void **state)
{
    check_in_gate(*state, CPROM__SEAM_GATHER_CUT);
    check_in_gate(*state, CPROM__SEAM_GATHER_VECTOR);
}

/* Of series that come in late a few are expected, and many: at the edges of the room for them nothing is lost. */
static void test_gather_parked_before_copying_late_series_are_all_there(void **state)
{
    static const int late[] = {1, 63, 64, 65, 100, 128, 129, 1000};
    world *w = *state;
    int n = 700;
    for (size_t i = 0; i < COUNT(late); i++) {
        scraper s;
        ct_park(CPROM__SEAM_GATHER_COPIES);
        start(&s, w);
        ct_park_wait();
        for (int end = n + late[i]; n < end; n++) {
            char value[16];
            snprintf(value, sizeof value, "%d", n);
            assert_ok(cprom_counter_vec_add(w->counters, KEY(value), n));
            assert_ok(cprom_gauge_vec_set(w->gauges, KEY(value), n));
            assert_ok(cprom_histogram_vec_observe(w->histograms, KEY(value), n));
            assert_ok(cprom_summary_vec_observe(w->summaries, KEY(value), n));
        }
        ct_park_release();
        pthread_join(s.thread, NULL);
        assert_ok(s.status);
        ct_page page = ct_page_drain(s.page, 65536);
        for (int k = 700; k < n; k++) {
            static const char *const names[] = {"vc_total", "vg", "vh_sum", "vs_sum"};
            for (size_t f = 0; f < 4; f++) {
                char key[64];
                snprintf(key, sizeof key, "%s{l=\"x\",m=\"%d\"}", names[f], k);
                assert_true(parser_value(page.parsed, key) == k);
            }
        }
        assert_int_equal(parser_count(page.parsed, "vg"), n + 1);
        ct_page_free(&page);
        cprom_page_close(s.page);
    }
}

/* Unregistering waits for nothing, so that the gather must notice by itself. */
static void test_gather_parked_amid_copying_unregistered_vector_is_not_on_the_page(void **state)
{
    static const enum cprom__seam seams[] = {CPROM__SEAM_GATHER_COPIES, CPROM__SEAM_GATHER_CUT,
                                             CPROM__SEAM_GATHER_VECTOR};
    world *w = *state;
    for (size_t i = 0; i < 3; i++) {
        scraper s;
        if (i) {
            assert_ok(cprom_gauge_vec_new(w->registry, FAMILY("vg", .labels = {"l", "m"}), &w->gauges));
            for (int k = 0; k < 1000; k++) {
                char value[16];
                snprintf(value, sizeof value, "%d", k);
                assert_ok(cprom_gauge_vec_set(w->gauges, KEY(value), k));
            }
        }
        ct_park(seams[i]);
        start(&s, w);
        ct_park_wait();
        ASSERT_COMPLETE(w, C(unregister_vector));
        ct_park_release();
        finish(&s, 0);
    }
}

/* The gather stops before it copies the one vector, until an unregistering thread stops amid its killing. */
/* The stages, in their order. */
enum { WAITS_FOR_GATHER, GATHER_IS_THERE, FIRST_IS_DEAD, IS_OVER };

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int stage; /* guarded by the mutex */
    ct_fixture *fixture;
} amid = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void amid_go(int from, int to, int until)
{
    pthread_mutex_lock(&amid.mutex);
    if (amid.stage == from) {
        amid.stage = to;
        pthread_cond_broadcast(&amid.changed);
        while (amid.stage < until) pthread_cond_wait(&amid.changed, &amid.mutex);
    }
    pthread_mutex_unlock(&amid.mutex);
}

static void amid_hook(enum cprom__seam point)
{
    if (point == CPROM__SEAM_GATHER_VECTOR) amid_go(WAITS_FOR_GATHER, GATHER_IS_THERE, FIRST_IS_DEAD);
    if (point == CPROM__SEAM_KILL_MARKED) amid_go(GATHER_IS_THERE, FIRST_IS_DEAD, IS_OVER);
}

static void *unregister_amid(void *arg)
{
    pthread_mutex_lock(&amid.mutex);
    while (amid.stage < GATHER_IS_THERE) pthread_cond_wait(&amid.changed, &amid.mutex);
    pthread_mutex_unlock(&amid.mutex);
    return cprom_registry_unregister(((ct_fixture *)arg)->registry, "g") ? arg : NULL;
}

static void test_gather_amid_unregister_page_has_none_of_the_vector(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    pthread_t thread;
    void *failed;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"l"}), &vec));
    for (int i = 0; i < 500; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), i));
    }
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = amid_hook;
    assert_int_equal(pthread_create(&thread, NULL, unregister_amid, fixture), 0);
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    /* Taken out of the registry, and one of its series dead: 499 would be a page that never was. */
    assert_int_equal(parser_count(page.parsed, "g"), 0);
    ct_page_free(&page);
    amid_go(FIRST_IS_DEAD, IS_OVER, IS_OVER);
    pthread_join(thread, &failed);
    cprom__seam_hook = hook;
    assert_null(failed);
}

/* The gather is about to enter the gate, until an unregistering thread has taken the family out, and not its series. */
static void reregister_hook(enum cprom__seam point)
{
    if (point == CPROM__SEAM_GATHER_READY) amid_go(WAITS_FOR_GATHER, GATHER_IS_THERE, FIRST_IS_DEAD);
    if (point == CPROM__SEAM_UNREGISTERED) {
        cprom_gauge_vec *vec;
        cprom_registry *r = amid.fixture->registry;
        cprom_status status = cprom_gauge_vec_new(r, FAMILY("g", .labels = {"l"}), &vec);
        if (!status) cprom_gauge_vec_set(vec, CPROM_STRS("new"), 2); /* the page tells */
        amid_go(GATHER_IS_THERE, FIRST_IS_DEAD, IS_OVER);
    }
}

static void test_gather_amid_unregister_page_has_the_vector_that_took_the_name(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    pthread_t thread;
    void *failed;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("old"), 1));
    amid.stage = WAITS_FOR_GATHER;
    amid.fixture = fixture;
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = reregister_hook;
    assert_int_equal(pthread_create(&thread, NULL, unregister_amid, fixture), 0);
    cprom_page *page;
    cprom_status status = cprom_page_open(fixture->registry, NULL, &page);
    amid_go(FIRST_IS_DEAD, IS_OVER, IS_OVER);
    pthread_join(thread, &failed);
    cprom__seam_hook = hook;
    assert_ok(status);
    assert_null(failed);
    ct_page whole = ct_page_drain(page, 65536);
    cprom_page_close(page);
    assert_int_equal(parser_count(whole.parsed, "g"), 1);
    assert_true(parser_value(whole.parsed, "g{l=\"new\"}") == 2);
    ct_page_free(&whole);
}

/* Vectors that come when the gather is about to enter the gate, with series in no order, are there in order and whole. */
static void register_kinds(enum cprom__seam point)
{
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_registry *r = amid.fixture->registry;
    if (point != CPROM__SEAM_GATHER_READY) return;
    assert_ok(cprom_counter_vec_new(r, FAMILY("late_c_total", .labels = {"l"}), &counters));
    assert_ok(cprom_gauge_vec_new(r, FAMILY("late_g", .labels = {"l"}, .ttl_seconds = 1), &gauges));
    assert_ok(cprom_histogram_vec_new(r, FAMILY("late_h", .labels = {"l"}), &histograms));
    assert_ok(cprom_summary_vec_new(r, FAMILY("late_s", .labels = {"l"}), &summaries));
    for (int i = 299; i >= 0; i--) {
        char value[16];
        snprintf(value, sizeof value, "%d", i * 7 % 300);
        assert_ok(cprom_counter_vec_add(counters, CPROM_STRS(value), i));
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(value), i));
        assert_ok(cprom_histogram_vec_observe(histograms, CPROM_STRS(value), i));
        assert_ok(cprom_summary_vec_observe(summaries, CPROM_STRS(value), i));
    }
}

static void test_gather_amid_registrations_page_has_the_vectors_whole(void **state)
{
    static const char *const names[] = {"late_c_total", "late_g", "late_h_sum", "late_s_sum"};
    ct_fixture *fixture = *state;
    amid.fixture = fixture;
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = register_kinds;
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    cprom__seam_hook = hook;
    for (int i = 0; i < 300; i++) {
        for (size_t f = 0; f < COUNT(names); f++) {
            char key[64];
            snprintf(key, sizeof key, "%s{l=\"%d\"}", names[f], i * 7 % 300);
            assert_true(parser_value(page.parsed, key) == i);
        }
    }
    ct_page_free(&page);
}

/* At each seam of a gather, another thread registers a vector with a series. */
static struct {
    size_t registered, before_gate, listed;
    bool failed;
} beside;

static void *register_beside(void *arg)
{
    char name[32];
    cprom_gauge_vec *vec;
    (void)arg;
    snprintf(name, sizeof name, "late_%zu", beside.registered++);
    beside.failed |= cprom_gauge_vec_new(amid.fixture->registry, FAMILY(name, .labels = {"l"}), &vec) ||
                     cprom_gauge_vec_set(vec, CPROM_STRS("x"), 1);
    return NULL;
}

static void register_at_every_seam(enum cprom__seam point)
{
    pthread_t thread;
    bool in_gate = point == CPROM__SEAM_GATHER_COPIES || point == CPROM__SEAM_GATHER_CUTS ||
                   point == CPROM__SEAM_GATHER_CUT || point == CPROM__SEAM_GATHER_VECTOR;
    if (!in_gate && point != CPROM__SEAM_GATHER_LISTED && point != CPROM__SEAM_GATHER_READY) return;
    beside.listed += point == CPROM__SEAM_GATHER_LISTED;
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = NULL; /* the gather's own seams are meant */
    beside.failed |= pthread_create(&thread, NULL, register_beside, NULL) || pthread_join(thread, NULL);
    cprom__seam_hook = hook;
    if (point == CPROM__SEAM_GATHER_READY) beside.before_gate = beside.registered;
}

static void test_gather_amid_registrations_at_every_seam_lists_again_once(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("x"), 1));
    amid.fixture = fixture;
    memset(&beside, 0, sizeof beside);
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = register_at_every_seam;
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    cprom__seam_hook = hook;
    assert_false(beside.failed);
    assert_int_equal(beside.listed, 2); /* one restart, in the gate, where nothing waits for it any more */
    assert_true(beside.registered > beside.before_gate + 4);
    assert_int_equal(page.parsed->n_samples, 1 + beside.before_gate);
    ct_page_free(&page);
}

/* Gathers come to their turn as they came to the lock. */
typedef struct turn {
    pthread_t thread;
    cprom_registry *registry;
    cprom_status status;
    size_t turn;
} turn;

static size_t turns; /* guarded by the gate */
static _Thread_local turn *own_turn;

static void note_turn(enum cprom__seam point)
{
    if (point == CPROM__SEAM_GATHER_COPIES && own_turn) own_turn->turn = turns++;
}

static void *take_turn(void *arg)
{
    own_turn = arg;
    cprom_page *page;
    own_turn->status = cprom_page_open(own_turn->registry, NULL, &page);
    if (!own_turn->status) cprom_page_close(page);
    return NULL;
}

static const void *last_at(struct cprom__gate *lock)
{
    pthread_mutex_lock(&lock->lock);
    const void *last = lock->last;
    pthread_mutex_unlock(&lock->lock);
    return last;
}

static void test_gathers_that_queue_are_served_as_they_came(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    turn all[16];
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"l"}), &vec));
    struct cprom__gate *lock = &fixture->registry->order_lock;
    void (*hook)(enum cprom__seam point) = cprom__seam_hook;
    cprom__seam_hook = note_turn;
    for (int round = 0; round < 20; round++) {
        turns = 0;
        cprom__gate_enter(lock);
        for (size_t i = 0; i < COUNT(all); i++) {
            const void *before = last_at(lock);
            all[i] = (turn){.registry = fixture->registry};
            assert_int_equal(pthread_create(&all[i].thread, NULL, take_turn, &all[i]), 0);
            while (last_at(lock) == before) sched_yield();
        }
        cprom__gate_leave(lock);
        for (size_t i = 0; i < COUNT(all); i++) {
            pthread_join(all[i].thread, NULL);
            assert_ok(all[i].status);
            assert_int_equal(all[i].turn, i);
        }
    }
    cprom__seam_hook = hook;
}

static void test_gather_parked_after_snapshot_registry_freed_page_is_whole(void **state)
{
    world *w = *state;
    scraper s;
    ct_park(CPROM__SEAM_GATHER_TAKEN);
    start(&s, w);
    ct_park_wait();
    cprom_registry_free(w->registry);
    w->fixture->registry = NULL;
    cprom_page *page = (cprom_page *)w;
    assert_status(cprom_page_open(w->registry, NULL, &page), CPROM_ENOENT);
    assert_null(page);
    ct_park_release();
    finish(&s, 701);
}

int group_park(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_gather_parked_after_snapshot_every_call_completes),
        OWN_TEST(test_gather_parked_in_callback_every_call_completes),
        OWN_TEST(test_gather_parked_in_callback_vector_can_go),
        OWN_TEST(test_gather_parked_before_copying_single_calls_complete),
        OWN_TEST(test_gather_parked_before_copying_late_series_are_all_there),
        OWN_TEST(test_gather_parked_amid_copying_single_calls_complete),
        OWN_TEST(test_gather_parked_amid_copying_unregistered_vector_is_not_on_the_page),
        TEST(test_gather_amid_unregister_page_has_none_of_the_vector),
        TEST(test_gather_amid_unregister_page_has_the_vector_that_took_the_name),
        TEST(test_gather_amid_registrations_page_has_the_vectors_whole),
        TEST(test_gather_amid_registrations_at_every_seam_lists_again_once),
        TEST(test_gathers_that_queue_are_served_as_they_came),
        OWN_TEST(test_gather_parked_after_snapshot_registry_freed_page_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
