#include "support/http_running.h"

/* A collector that takes until it is told to end. */
struct slow {
    pthread_mutex_t mutex;
    pthread_cond_t cond;
    int inside, runs;
    bool end;
};

static cprom_status collect_slowly(void *ctx, cprom_scrape *out)
{
    struct slow *slow = ctx;
    pthread_mutex_lock(&slow->mutex);
    slow->inside++;
    slow->runs++;
    pthread_cond_broadcast(&slow->cond);
    while (!slow->end) pthread_cond_wait(&slow->cond, &slow->mutex);
    slow->inside--;
    pthread_mutex_unlock(&slow->mutex);
    return CPROM_OK;
}

static void slow_init(ct_fixture *fixture, struct slow *slow)
{
    memset(slow, 0, sizeof *slow);
    pthread_mutex_init(&slow->mutex, NULL);
    pthread_cond_init(&slow->cond, NULL);
    assert_ok(cprom_collector_new(
        fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "slow", .collect = collect_slowly, .ctx = slow)));
}

static void slow_wait(struct slow *slow)
{
    pthread_mutex_lock(&slow->mutex);
    while (!slow->inside) pthread_cond_wait(&slow->cond, &slow->mutex);
    pthread_mutex_unlock(&slow->mutex);
}

static void slow_end(struct slow *slow)
{
    pthread_mutex_lock(&slow->mutex);
    slow->end = true;
    pthread_cond_broadcast(&slow->cond);
    pthread_mutex_unlock(&slow->mutex);
}

static void test_server_with_threads_a_slow_callback_keeps_nobody_waiting(void **state)
{
    ct_fixture *fixture = *state;
    struct slow slow;
    slow_init(fixture, &slow);
    for (unsigned threads = 2; threads <= 4; threads++) {
        cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = threads});
        struct hc_stream stream = {0};
        slow.end = false;
        int scraper = hs_connect(server), idle = hs_connect(server), silent;
        assert_true(hc_send_text(scraper, HC_GET));
        slow_wait(&slow);
        for (int i = 0; i < 100; i++) assert_int_equal(hc_ask(&stream, idle, HC_HEALTHY, NULL), 200);
        silent = hs_connect(server);
        assert_true(hc_send_text(silent, "GET"));
        hs_wait(server, CPROM__CONN_READING, 3, 1);
        hs_wait(server, CPROM__CONN_IDLE, 0, 1);
        hs_advance(fixture, server, 6);
        assert_int_equal(hc_ask(&stream, silent, "", NULL), 408);
        hs_advance(fixture, server, 60);
        assert_true(hc_is_closed(&stream, idle));
        slow_end(&slow);
        assert_int_equal(hc_ask(&stream, scraper, "", NULL), 200);
        close(scraper);
        close(idle);
        close(silent);
        hc_stream_free(&stream);
        assert_ok(cprom_http_server_stop(server));
    }
}

static void test_server_with_one_thread_others_wait_for_a_slow_callback(void **state)
{
    ct_fixture *fixture = *state;
    struct slow slow;
    slow_init(fixture, &slow);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    struct hc_stream stream = {0};
    int scraper = hs_connect(server), other = hs_connect(server);
    assert_true(hc_send_text(scraper, HC_GET));
    slow_wait(&slow);
    assert_true(hc_send_text(other, HC_HEALTHY)); /* waits in the socket */
    slow_end(&slow);
    assert_int_equal(hc_ask(&stream, other, "", NULL), 200);
    assert_int_equal(hc_ask(&stream, scraper, "", NULL), 200);
    close(scraper);
    close(other);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void *stop(void *server)
{
    assert_ok(cprom_http_server_stop(server));
    return NULL;
}

static void test_stop_waits_for_the_callback_and_leaves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    struct slow slow;
    slow_init(fixture, &slow);
    hs_add_series(fixture, 20000);
    int fds = hc_count_fds();
    for (unsigned threads = 1; threads <= 3; threads++) {
        cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = threads});
        struct hc_stream stream = {0};
        pthread_t stopper;
        slow.end = true;
        int reader = hs_connect(server), idle = hs_connect(server), silent = hs_connect(server), scraper;
        assert_true(hc_send_text(reader, HC_GET)); /* stays in the middle of its page */
        hs_wait(server, CPROM__CONN_WRITING, 0, 1);
        assert_int_equal(hc_ask(&stream, idle, HC_HEALTHY, NULL), 200);
        slow.end = false;
        scraper = hs_connect(server);
        assert_true(hc_send_text(scraper, HC_GET));
        slow_wait(&slow);
        assert_int_equal(pthread_create(&stopper, NULL, stop, server), 0);
        slow_end(&slow);
        assert_int_equal(pthread_join(stopper, NULL), 0);
        assert_true(hc_is_closed(&stream, idle));
        assert_true(hc_is_closed(&stream, silent));
        close(reader);
        close(idle);
        close(silent);
        close(scraper);
        hc_stream_free(&stream);
        assert_int_equal(hc_count_fds(), fds);
    }
}

static cprom_status collect_at_once(void *ctx, cprom_scrape *out)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    return CPROM_OK;
}

static void test_stop_lets_no_further_callback_begin(void **state)
{
    ct_fixture *fixture = *state;
    struct slow slow;
    atomic_int others = 0;
    slow_init(fixture, &slow);
    assert_ok(cprom_collector_new(fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "z",
                                                                .collect = collect_at_once, .ctx = &others)));
    for (int stopping = 0; stopping < 2; stopping++) {
        cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
        pthread_t stopper;
        slow.end = false;
        int fd = hs_connect(server);
        assert_true(hc_send_text(fd, HC_GET));
        slow_wait(&slow);
        if (stopping) {
            assert_int_equal(pthread_create(&stopper, NULL, stop, server), 0);
            while (!cprom__stop_asked(&server->stopping)) sched_yield();
            slow_end(&slow);
            assert_int_equal(pthread_join(stopper, NULL), 0);
        } else {
            struct hc_stream stream = {0};
            slow_end(&slow);
            assert_int_equal(hc_ask(&stream, fd, "", NULL), 200);
            hc_stream_free(&stream);
            assert_ok(cprom_http_server_stop(server));
        }
        close(fd);
        assert_int_equal(atomic_load(&others), 1); /* it ran for the page that was wanted */
    }
}

/* ---- stop in a callback ---- */

/* A callback that stops a server as soon as a thread of that waits for this very callback. */
struct stops_inside {
    cprom_http_server *server;
    atomic_int runs;
    bool waited_for;
    cprom_status status;
};

static bool somebody_waits(cprom_http_server *server)
{
    pthread_mutex_lock(&server->stopping.lock);
    bool waits = server->stopping.waiters != NULL;
    pthread_mutex_unlock(&server->stopping.lock);
    return waits;
}

static cprom_status stop_when_waited_for(void *ctx, cprom_scrape *out)
{
    struct stops_inside *stops = ctx;
    if (atomic_fetch_add(&stops->runs, 1)) return CPROM_OK;
    int fd = hc_connect(cprom_http_server_address(stops->server));
    bool asked = hc_send_text(fd, HC_GET);
    for (int64_t start = ct_now(); asked && !stops->waited_for && !ct_over(start, 60); sched_yield()) {
        stops->waited_for = somebody_waits(stops->server);
    }
    stops->status = cprom_http_server_stop(stops->server);
    close(fd);
    return CPROM_OK;
}

struct opens {
    cprom_registry *registry;
    cprom_status status;
    atomic_bool done;
};

static void *open_page(void *arg)
{
    struct opens *opens = arg;
    cprom_page *page;
    opens->status = cprom_page_open(opens->registry, NULL, &page);
    cprom_page_close(page);
    atomic_store(&opens->done, true);
    return NULL;
}

/* The page runs the callback on a thread of the program; the server's thread waits for it, and the callback for that
 * thread. The collector is the registry's, or a child's. */
static void test_stop_in_a_callback_that_the_server_waits_for_ends(void **state)
{
    ct_fixture *fixture = *state;
    for (int of_a_child = 0; of_a_child < 2; of_a_child++) {
        cprom_registry *child = NULL;
        struct stops_inside stops = {.server = hs_start(fixture, (cprom_http_server_opts){.threads = 1})};
        struct opens opens = {.registry = fixture->registry};
        pthread_t opener;
        if (of_a_child) {
            assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .parent = fixture->registry), &child));
        }
        assert_ok(cprom_collector_new(
            child ? child : fixture->registry,
            CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = stop_when_waited_for, .ctx = &stops)));
        assert_int_equal(pthread_create(&opener, NULL, open_page, &opens), 0);
        for (int64_t start = ct_now(); !atomic_load(&opens.done); sched_yield()) assert_false(ct_over(start, 120));
        assert_int_equal(pthread_join(opener, NULL), 0);
        assert_ok(opens.status);
        assert_true(stops.waited_for);
        assert_ok(stops.status);
        assert_int_equal(atomic_load(&stops.runs), 1);
        cprom_stats stats = CPROM_INIT(cprom_stats);
        assert_ok(cprom_registry_stats(child ? child : fixture->registry, &stats));
        assert_int_equal(stats.collector_failures, 0); /* nobody wanted the page: it is no failure of the collector */
        assert_int_equal(ct_log_count(&fixture->log), 0);
        if (child) cprom_registry_free(child);
        else assert_ok(cprom_registry_unregister(fixture->registry, "c"));
    }
}

/* Servers in a ring: each one's thread runs a callback that stops the next one. */
#define RING_MAX 3

struct ring {
    pthread_barrier_t all_inside;
    cprom_http_server *servers[RING_MAX];
    int n;
    _Atomic int stops[RING_MAX]; /* statuses */
};

struct ring_place {
    struct ring *ring;
    int at;
    bool together; /* else each when the one before is about to be stopped */
};

static cprom_status stop_the_next(void *ctx, cprom_scrape *out)
{
    const struct ring_place *place = ctx;
    struct ring *ring = place->ring;
    cprom_http_server *next = ring->servers[(place->at + 1) % ring->n];
    pthread_barrier_wait(&ring->all_inside);
    if (!place->together && place->at) {
        int64_t start = ct_now();
        while (!cprom__stop_asked(&ring->servers[place->at]->stopping) && !ct_over(start, 60)) sched_yield();
    }
    atomic_store(&ring->stops[place->at], (int)cprom_http_server_stop(next));
    return CPROM_OK;
}

/* Each asks for the one callback only. */
static void ring_run(ct_fixture *fixture, int n, bool together)
{
    static const char *const names[RING_MAX] = {"a", "b", "c"};
    struct ring ring = {.n = n};
    struct ring_place places[RING_MAX];
    int fds[RING_MAX], statuses[RING_MAX], busy = 0, last = 0;
    char request[80];
    pthread_barrier_init(&ring.all_inside, NULL, (unsigned)n);
    for (int i = 0; i < n; i++) {
        places[i] = (struct ring_place){&ring, i, together};
        const cprom_desc *family = CPROM_OPTS(cprom_desc, .name = names[i], .help = "H.", .type = CPROM_GAUGE);
        assert_ok(cprom_collector_new(fixture->registry,
                                      CPROM_OPTS(cprom_collector_opts, .name = names[i], .collect = stop_the_next,
                                                 .ctx = &places[i], .descs = family, .n_descs = 1)));
        ring.servers[i] = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    }
    for (int i = 0; i < n; i++) {
        fds[i] = hs_connect(ring.servers[i]);
        snprintf(request, sizeof request, "GET /metrics?name[]=%s HTTP/1.1\r\nHost: a\r\n\r\n", names[i]);
        assert_true(hc_send_text(fds[i], request));
    }
    for (int i = 0; i < n; i++) {
        struct hc_stream stream = {0};
        statuses[i] = hc_ask(&stream, fds[i], "", NULL);
        hc_stream_free(&stream);
        close(fds[i]);
    }
    /* One could not be stopped, and answers, once its own callback has stopped the next. */
    for (int i = 0; i < n; i++) {
        int status = atomic_load(&ring.stops[i]);
        if (status == CPROM_OK) continue;
        assert_status(status, CPROM_EBUSY);
        last = (i + 1) % n;
        busy++;
    }
    assert_int_equal(busy, 1);
    assert_int_equal(statuses[last], 200);
    if (!together) assert_int_equal(last, 0); /* the one that came last */
    hs_assert_serves(ring.servers[last]);
    assert_ok(cprom_http_server_stop(ring.servers[last]));
    for (int i = 0; i < n; i++) assert_ok(cprom_registry_unregister(fixture->registry, names[i]));
    pthread_barrier_destroy(&ring.all_inside);
}

static void test_stop_of_servers_that_stop_each_other_one_is_busy(void **state)
{
    ct_fixture *fixture = *state;
    for (int round = 0; round < 30; round++) {
        for (int n = 1; n <= RING_MAX; n++) {
            ring_run(fixture, n, true);
            ring_run(fixture, n, false);
        }
    }
}

static void test_start_and_stop_many_times_leaves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes);
    for (int i = 0; i < 100; i++) {
        cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = (unsigned)i % 4 + 1});
        if (i % 3 == 0) hs_assert_serves(server);
        assert_ok(cprom_http_server_stop(server));
    }
    assert_int_equal(hc_count_fds(), fds);
    assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
}

/* ---- many at once ---- */

struct scraper {
    const char *address;
    int scrapes, bad;
};

static void *scrape(void *arg)
{
    struct scraper *scraper = arg;
    struct hc_stream stream = {0};
    int fd = -1;
    for (int i = 0; i < scraper->scrapes; i++) {
        if (i % 20 == 0) {
            if (fd >= 0) close(fd);
            hc_stream_free(&stream);
            fd = hc_connect(scraper->address);
        }
        char *response;
        int status = hc_ask(&stream, fd, HC_GET, &response);
        if (status != 200 || !strstr(response, "\nx{i=\"0\"} 0\n")) scraper->bad++;
        free(response);
    }
    close(fd);
    hc_stream_free(&stream);
    return NULL;
}

static void test_server_with_threads_serves_many_at_once(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 50);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 3});
    struct scraper scrapers[6];
    pthread_t threads[6];
    for (int i = 0; i < 6; i++) {
        scrapers[i] = (struct scraper){.address = cprom_http_server_address(server), .scrapes = 300};
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, &scrapers[i]), 0);
    }
    for (int i = 0; i < 6; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
        assert_int_equal(scrapers[i].bad, 0);
    }
    assert_ok(cprom_http_server_stop(server));
}

int group_threads(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_with_threads_a_slow_callback_keeps_nobody_waiting),
        TEST(test_server_with_one_thread_others_wait_for_a_slow_callback),
        TEST(test_stop_waits_for_the_callback_and_leaves_nothing),
        TEST(test_stop_lets_no_further_callback_begin),
        TEST(test_stop_in_a_callback_that_the_server_waits_for_ends),
        TEST(test_stop_of_servers_that_stop_each_other_one_is_busy),
        TEST(test_start_and_stop_many_times_leaves_nothing),
        TEST(test_server_with_threads_serves_many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
