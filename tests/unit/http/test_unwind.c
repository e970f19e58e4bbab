/*
 * Callbacks that leave a call of the handler by force, where a program serves by itself: what the call held is given
 * back, and the next request is answered.
 */
#include "oracle/http_read.h"
#include "support/http_running.h"
#include "support/leave.h"

typedef struct world {
    ct_fixture *fixture;
    cprom_http_handler *handler;
    const char *accept_encoding, *target;
    bool collector, begin, feed; /* which of them leaves */
    size_t begun, ended;
} world;

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    if (((world *)ctx)->collector) ct_leave();
    return cprom_emit(out, DESC(.name = "emitted", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
}

static void *begin(void *ctx)
{
    world *w = ctx;
    if (w->begin) ct_leave();
    w->begun++;
    return w;
}

static bool feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    world *w = state;
    if (w->feed) ct_leave();
    size_t n = n_in < n_out ? n_in : n_out;
    if (in) memcpy(out, in, n);
    *used = *made = in ? n : 0;
    return !in;
}

static void end(void *state) { ((world *)state)->ended++; }

static void ask(void *ctx)
{
    world *w = ctx;
    cprom_http_request request = hr_request("GET", w->target);
    request.accept_encoding = w->accept_encoding;
    cprom_http_response_free(hr_handle(w->handler, &request));
}

static void test_unwind_out_of_a_request(void **state)
{
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        if (!ct_can_leave(way)) continue;
        world w = {.fixture = ct_fixture_new(), .accept_encoding = "x-plain", .target = "/metrics?name[]=emitted"};
        add_collector(w.fixture->registry, "leaves", collect, &w);
        w.handler = hr_handler(w.fixture->registry, HANDLER_OPTS(.self_metrics = true, .max_scrapes = 1));
        assert_ok(
            cprom_http_handler_add_coding(w.handler, CPROM_OPTS(cprom_http_coding, .name = "x-plain", .begin = begin,
                                                                .feed = feed, .end = end, .ctx = &w)));
        ask(&w);
        size_t bytes = w.fixture->alloc.bytes;
        for (int what = 0; what < 3; what++) {
            w.collector = what == 0;
            w.begin = what == 1;
            w.feed = what == 2;
            for (int turn = 0; turn < 3; turn++) assert_true(ct_left(way, ask, NULL, &w));
            assert_int_equal(w.fixture->alloc.bytes, bytes);
            assert_int_equal(w.begun, w.ended);
        }
        w.collector = w.begin = w.feed = false;
        assert_int_equal(stats_of(w.fixture->registry).collector_failures, 3);
        w.target = "/metrics";
        hr_response r = hr_get(w.handler, "/metrics"); /* not one too many at a time */
        assert_int_equal(r.status, 200);
        assert_non_null(strstr(r.body, "emitted 1\n"));
        assert_non_null(strstr(r.body, "cprom_scrapes_in_flight 1\n"));
        hr_free(&r);
        cprom_http_handler_free(w.handler);
        ct_fixture_free(w.fixture);
    }
}

/* Out of the taking of a response, which stays the caller's. */
typedef struct taking {
    world *w;
    cprom_http_response *response;
} taking;

static void take(void *ctx)
{
    taking *t = ctx;
    const char *bytes;
    size_t n;
    t->w->feed = true;
    while (cprom_http_response_next(t->response, &bytes, &n)) cprom_http_response_sent(t->response, n);
}

static void test_unwind_out_of_a_response_that_is_taken(void **state)
{
    for (enum ct_way way = 0; way < CT_WAYS; way++) {
        if (!ct_can_leave(way)) continue;
        world w = {.fixture = ct_fixture_new()};
        cprom_gauge_vec *vec;
        assert_ok(cprom_gauge_vec_new(w.fixture->registry, FAMILY("g", .labels = {"l"}), &vec));
        for (int i = 0; i < 9000; i++) { /* more than a buffer */
            char label[16];
            snprintf(label, sizeof label, "%d", i);
            assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(label), i));
        }
        w.handler = hr_handler(w.fixture->registry, NULL);
        assert_ok(
            cprom_http_handler_add_coding(w.handler, CPROM_OPTS(cprom_http_coding, .name = "x-plain", .begin = begin,
                                                                .feed = feed, .end = end, .ctx = &w)));
        cprom_http_request request = hr_request("GET", "/metrics");
        request.accept_encoding = "x-plain";
        taking t = {&w, hr_handle(w.handler, &request)};
        assert_true(ct_left(way, take, NULL, &t));
        cprom_http_response_free(t.response);
        assert_int_equal(w.begun, 1);
        assert_int_equal(w.ended, 1);
        cprom_http_handler_free(w.handler);
        ct_fixture_free(w.fixture);
    }
}

/*==============================================================================
 * The server's threads
 *============================================================================*/

typedef struct exits {
    _Atomic bool collector, authorizer;
    _Atomic size_t n;
} exits;

static cprom_status collect_or_exit(void *ctx, cprom_scrape *out)
{
    exits *e = ctx;
    if (atomic_exchange(&e->collector, false)) {
        atomic_fetch_add(&e->n, 1);
        pthread_exit(NULL);
    }
    return cprom_emit(out, DESC(.name = "emitted", .type = CPROM_GAUGE), CPROM_NO_STRS, 1);
}

static bool authorize_or_exit(void *ctx, const cprom_http_request *request)
{
    exits *e = ctx;
    if (atomic_exchange(&e->authorizer, false)) {
        atomic_fetch_add(&e->n, 1);
        pthread_exit(NULL);
    }
    return true;
}

/* Its connection is closed, and another thread takes the place of the one that has ended. */
static void test_unwind_of_the_servers_threads(void **state)
{
    TESTS_BEGIN;
    exits e = {.n = 0};
    if (!ct_can_leave(CT_BY_EXIT)) ct_skip("pthread_exit() does not unwind");
    add_collector(r, "exits", collect_or_exit, &e);
    for (unsigned threads = 1; threads < 4; threads += 2) {
        cprom_http_server *server = hs_start(
            fixture, (cprom_http_server_opts){.threads = threads, .authorize = authorize_or_exit, .authorize_ctx = &e});
        for (size_t i = 0; i < 20; i++) {
            atomic_store(i % 2 ? &e.collector : &e.authorizer, true);
            assert_int_not_equal(hc_ask_once(cprom_http_server_address(server), HC_GET, NULL), 200);
            assert_int_equal(hc_ask_once(cprom_http_server_address(server), HC_GET, NULL), 200);
        }
        assert_ok(cprom_http_server_stop(server));
    }
    assert_int_equal(e.n, 40);
    assert_int_equal(stats_of(r).collector_failures, 20);
}

int group_unwind(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unwind_out_of_a_request),
        cmocka_unit_test(test_unwind_out_of_a_response_that_is_taken),
        TEST(test_unwind_of_the_servers_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
