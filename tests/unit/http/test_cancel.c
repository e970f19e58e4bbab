/* Threads that are cancelled in calls of http.h, and callbacks that cancel one of the server's threads. */
#include "oracle/http_read.h"
#include "support/cancelled.h"
#include "support/http_running.h"

/*==============================================================================
 * The caller's threads
 *============================================================================*/

/* A coding each of whose functions may be cancelled. */
static void *begin(void *ctx)
{
    pthread_testcancel();
    return ctx;
}
static bool feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    pthread_testcancel();
    size_t n = n_in < n_out ? n_in : n_out;
    if (in) memcpy(out, in, n);
    *used = *made = in ? n : 0;
    return !in;
}
static void end(void *state)
{
    pthread_testcancel();
    ++*(size_t *)state;
}

static void handle(void *ctx)
{
    ct_fixture *fixture = ctx;
    size_t ended = 0;
    cprom_http_handler *handler = hr_handler(fixture->registry, NULL);
    assert_ok(cprom_http_handler_add_coding(handler, CPROM_OPTS(cprom_http_coding, .name = "x-plain", .begin = begin,
                                                                .feed = feed, .end = end, .ctx = &ended)));
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = "x-plain";
    size_t n;
    bool must_close;
    char *raw = hr_pull(hr_handle(handler, &request), 100, &n, &must_close);
    free(raw);
    cprom_http_handler_free(handler);
    assert_int_equal(ended, 1);
}

static cprom_http_handler *handler_to_ask;
static void handle_plainly(void *ctx)
{
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response_free(hr_handle(handler_to_ask, &request));
}

static void test_cancel_of_who_drives_a_handler(void **state)
{
    hs_add_series(*state, 100);
    assert_true(cancelled_run(handle, *state));
}

static void test_cancel_ends_a_thread_where_a_request_would_be_handled(void **state)
{
    TESTS_BEGIN;
    handler_to_ask = hr_handler(r, NULL);
    size_t bytes = fixture->alloc.bytes;
    assert_true(cancelled_at_once(handle_plainly, NULL));
    assert_int_equal(fixture->alloc.bytes, bytes);
    handle_plainly(NULL);
    cprom_http_handler_free(handler_to_ask);
}

static void start_and_stop(void *ctx)
{
    ct_fixture *fixture = ctx;
    cprom_http_server *refused, *server = hs_start(fixture, (cprom_http_server_opts){.address = "127.0.0.1:0"});
    const char *address = cprom_http_server_address(server);
    assert_status(
        cprom_http_server_start(fixture->registry, CPROM_OPTS(cprom_http_server_opts, .address = address), &refused),
        CPROM_ESYS);
    cprom_http_server_after_fork(server);
    assert_ok(cprom_http_server_stop(server));
    server = hs_start(fixture, (cprom_http_server_opts){.threads = 3}); /* at a path, which goes */
    assert_ok(cprom_http_server_stop(server));
}

static void test_cancel_of_who_starts_and_stops_a_server(void **state)
{
    assert_true(cancelled_run(start_and_stop, *state));
}

/*==============================================================================
 * The server's threads
 *============================================================================*/

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return CPROM_OK;
}

static bool authorize(void *ctx, const cprom_http_request *request)
{
    pthread_cancel(pthread_self());
    pthread_testcancel();
    return true;
}

static void test_cancel_of_the_servers_threads(void **state)
{
    TESTS_BEGIN;
    add_collector(r, "cancels", collect, NULL);
    for (unsigned threads = 1; threads < 4; threads += 2) {
        cprom_http_server *server =
            hs_start(fixture, (cprom_http_server_opts){.threads = threads, .authorize = authorize});
        for (int i = 0; i < 5; i++) {
            assert_int_equal(hc_ask_once(cprom_http_server_address(server), HC_GET, NULL), 200);
        }
        assert_ok(cprom_http_server_stop(server));
    }
}

int group_cancel(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_cancel_of_who_drives_a_handler),
        TEST(test_cancel_ends_a_thread_where_a_request_would_be_handled),
        TEST(test_cancel_of_who_starts_and_stops_a_server),
        TEST(test_cancel_of_the_servers_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
