#include "support/http_running.h"

#define PLAIN ((cprom_http_server_opts){.size = 0})
#define SERIES 20000 /* some 400 KB; a unix socket holds half of it at most */

/* ---- time ---- */

static void test_server_incomplete_request_is_408_after_its_time(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, PLAIN);
    struct hc_stream stream = {0};
    char *response;
    int silent = hs_connect(server), partial = hs_connect(server);
    assert_true(hc_send_text(partial, "GET"));
    hs_wait(server, CPROM__CONN_READING, 3, 1);
    hs_wait_conns(server, 2);
    hs_advance(fixture, server, 4);
    assert_true(hc_send_text(partial, " ")); /* that does not give it more time */
    hs_wait(server, CPROM__CONN_READING, 4, 1);
    hs_advance(fixture, server, 1.5);
    assert_int_equal(hc_ask(&stream, partial, "", &response), 408);
    free(response);
    assert_true(hc_is_closed(&stream, partial));
    assert_true(hc_is_closed(&stream, silent));
    close(silent);
    close(partial);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_second_request_has_its_own_time(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.header_seconds = 2});
    struct hc_stream stream = {0};
    int fd = hs_connect(server);
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    hs_wait(server, CPROM__CONN_IDLE, 0, 1);
    hs_advance(fixture, server, 50);
    assert_true(hc_send_text(fd, "GET"));
    hs_wait(server, CPROM__CONN_READING, 3, 1);
    hs_advance(fixture, server, 1.5);
    assert_int_equal(hc_ask(&stream, fd, &HC_HEALTHY[3], NULL), 200);
    /* Half of a body, and then nothing: the response is there already. */
    assert_int_equal(hc_ask(&stream, fd, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234", NULL), 405);
    hs_wait(server, CPROM__CONN_READING, 0, 1);
    hs_advance(fixture, server, 2.5);
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_idle_connection_is_closed_after_its_time(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, PLAIN);
    struct hc_stream stream = {0};
    int fd = hs_connect(server);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
        hs_wait(server, CPROM__CONN_IDLE, 0, 1);
        hs_advance(fixture, server, 59);
        hs_assert_serves(server);
    }
    hs_advance(fixture, server, 2);
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

/* A reset would take the response away from a peer that has not read it yet. */
static void test_server_takes_what_still_comes_before_it_closes(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, PLAIN);
    struct hc_stream stream = {0};
    int fd = hs_connect(server);
    char *more = calloc(1, 1000000);
    assert_int_equal(hc_ask(&stream, fd, "GET / HTTP/3.0\r\n\r\n", NULL), 505);
    assert_true(hc_is_closed(&stream, fd));
    hs_wait(server, CPROM__CONN_LINGERS, 0, 1);
    assert_true(hc_send(fd, more, 1000000)); /* more than the socket holds */
    hs_wait(server, CPROM__CONN_LINGERS, 0, 1);
    hs_advance(fixture, server, 0.9);
    hs_assert_serves(server);
    hs_wait(server, CPROM__CONN_LINGERS, 0, 1); /* it may have more to throw away first */
    hs_advance(fixture, server, 0.2);
    hs_wait_conns(server, 0);
    assert_false(hc_send(fd, more, 1000000));
    free(more);
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

/* Asks for a page that does not fit into the socket; returns when the server can send no more. */
static int start_slow_reader(cprom_http_server *server, int readers)
{
    int fd = hs_connect(server);
    assert_true(hc_send_text(fd, HC_GET));
    hs_wait(server, CPROM__CONN_WRITING, 0, readers);
    return fd;
}

static size_t read_all(int fd)
{
    struct hc_stream stream = {0};
    while (hc_stream_more(&stream, fd)) {
    }
    size_t n = stream.n;
    hc_stream_free(&stream);
    return n;
}

static void test_server_stalled_reader_is_closed_after_its_time(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, SERIES);
    cprom_http_server *server = hs_start(fixture, PLAIN);
    int fd = start_slow_reader(server, 1);
    hs_advance(fixture, server, 29);
    hs_assert_serves(server);
    assert_int_equal(hs_count(server, CPROM__CONN_WRITING, 0), 1);
    hs_advance(fixture, server, 2);
    hs_wait(server, CPROM__CONN_WRITING, 0, 0);
    assert_in_range(read_all(fd), 1, 400000); /* cut short */
    close(fd);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_whole_response_has_a_limit(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 5 * SERIES);
    cprom_http_server *server = hs_start(fixture, PLAIN);
    int fd = start_slow_reader(server, 1);
    char *bytes = malloc(250000);
    for (int i = 0; i < 5; i++) { /* it makes progress, but not much */
        hs_advance(fixture, server, 23);
        hs_assert_serves(server);
        for (size_t n = 0; n < 250000;) {
            ssize_t got = recv(fd, bytes, 250000 - n, 0);
            assert_true(got > 0);
            n += (size_t)got;
        }
        int64_t start = ct_now(), progress = 0;
        while (progress != atomic_load(&fixture->clock.monotonic)) { /* the server has sent more since */
            pthread_mutex_lock(&server->lock);
            for (size_t k = 0; k < server->n_slots; k++) {
                struct cprom__conn *conn = server->slots[k];
                if (conn && !conn->queued && conn->state == CPROM__CONN_WRITING) progress = conn->progress;
            }
            pthread_mutex_unlock(&server->lock);
            assert_false(ct_over(start, 60));
            sched_yield();
        }
    }
    hs_advance(fixture, server, 6);
    hs_wait(server, CPROM__CONN_WRITING, 0, 0);
    free(bytes);
    close(fd);
    assert_ok(cprom_http_server_stop(server));
}

/* ---- connections ---- */

static void ask_and_stay(cprom_http_server *server, int *fd)
{
    struct hc_stream stream = {0};
    *fd = hs_connect(server);
    assert_int_equal(hc_ask(&stream, *fd, HC_HEALTHY, NULL), 200);
    assert_int_equal(stream.n, 0);
    hc_stream_free(&stream);
}

static bool is_alive(int fd)
{
    struct hc_stream stream = {0};
    int status = hc_ask(&stream, fd, HC_HEALTHY, NULL);
    hc_stream_free(&stream);
    return status == 200;
}

static void test_server_over_the_limit_closes_in_order(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, SERIES);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.max_connections = 5});
    struct hc_stream stream = {0};
    int idle, stalled, older, newer, silent, more[5];
    stalled = start_slow_reader(server, 1);
    ask_and_stay(server, &idle);
    hs_wait(server, CPROM__CONN_IDLE, 0, 1);
    hs_advance(fixture, server, 0.1);
    older = hs_connect(server);
    assert_true(hc_send_text(older, "GET"));
    hs_wait(server, CPROM__CONN_READING, 3, 1);
    hs_advance(fixture, server, 0.1);
    newer = hs_connect(server);
    assert_true(hc_send_text(newer, "GET "));
    hs_wait(server, CPROM__CONN_READING, 4, 1);
    hs_advance(fixture, server, 0.1);
    silent = hs_connect(server);
    hs_wait(server, CPROM__CONN_READING, 0, 3);
    hs_advance(fixture, server, 1);

    /* What is idle goes first; new ones that ask at once are soon idle, too. */
    more[0] = hs_connect(server);
    assert_true(hc_is_closed(&stream, idle));
    assert_true(hc_send_text(more[0], "G"));
    hs_wait(server, CPROM__CONN_READING, 1, 1);
    hs_advance(fixture, server, 0.1);
    more[1] = hs_connect(server);
    assert_true(hc_is_closed(&stream, older));
    assert_true(hc_send_text(more[1], "GE"));
    hs_wait(server, CPROM__CONN_READING, 2, 1);
    hs_advance(fixture, server, 0.1);
    more[2] = hs_connect(server);
    assert_true(hc_is_closed(&stream, newer));
    hs_wait(server, CPROM__CONN_READING, 0, 4);
    hs_advance(fixture, server, 0.1);
    more[3] = hs_connect(server);
    assert_true(hc_is_closed(&stream, silent));
    hs_wait(server, CPROM__CONN_READING, 0, 4);
    assert_int_equal(hs_count(server, CPROM__CONN_WRITING, 0), 1);
    more[4] = hs_connect(server);
    hs_wait(server, CPROM__CONN_READING, 0, 5);
    assert_int_equal(hs_count(server, CPROM__CONN_WRITING, 0), 0);
    assert_true(hc_send_text(more[0], "ET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"));
    assert_true(hc_send_text(more[1], "T /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"));
    for (int i = 0; i < 2; i++) assert_int_equal(hc_ask(&stream, more[i], "", NULL), 200);
    for (int i = 0; i < 5; i++) assert_true(is_alive(more[i]));
    int all[] = {idle, stalled, older, newer, silent, more[0], more[1], more[2], more[3], more[4]};
    for (size_t i = 0; i < COUNT(all); i++) close(all[i]);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_goes_before_what_is_in_flow(void **state)
{
    const int64_t second = 1000000000, now = 1000 * second;
    struct cprom__peer alone = {.conns = 1}, crowd = {.conns = 9};
    struct cprom__conn a = {
        .state = CPROM__CONN_WRITING, .since = now - 10 * second, .progress = now, .sent = 10000, .peer = &alone};
    struct cprom__conn b = a;
    b.sent = 20000;
    assert_true(cprom__conn_goes_before(&a, &b, now));
    assert_false(cprom__conn_goes_before(&b, &a, now));
    b.progress = now - 2 * second; /* the faster one has stopped */
    assert_true(cprom__conn_goes_before(&b, &a, now));
    a.progress = now - 3 * second; /* both have */
    assert_true(cprom__conn_goes_before(&a, &b, now));

    /* Each before all that come after it. */
    const struct cprom__conn *const in_order[] = {
        &(struct cprom__conn){.state = CPROM__CONN_LINGERS, .since = now, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_IDLE, .since = now - second / 10, .peer = &crowd},
        &(struct cprom__conn){.state = CPROM__CONN_IDLE, .since = now - 9 * second, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_IDLE, .since = now - 8 * second, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_READING, .since = now - 2 * second, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_WRITING, .since = now - 3 * second, .progress = now - 2 * second, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_READING, .since = now - second / 9, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_READING, .since = now - second / 10, .peer = &alone},
        &(struct cprom__conn){.state = CPROM__CONN_WRITING, .since = now - 3 * second, .progress = now - second / 2, .peer = &crowd},
        &(struct cprom__conn){.state = CPROM__CONN_WRITING, .since = now - second / 2, .progress = now - second / 2, .peer = &alone},
    };
    for (size_t i = 0; i < COUNT(in_order); i++) {
        for (size_t k = 0; k < COUNT(in_order); k++) {
            assert_int_equal(cprom__conn_goes_before(in_order[i], in_order[k], now), i < k);
        }
    }
}

/* Pages that nobody takes keep others from scraping for a second, and not until their time is over. */
static void test_server_full_of_scrapes_ends_the_one_that_stalls(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_handler *handler;
    struct hc_stream stream = {0};
    hs_add_series(fixture, SERIES);
    assert_ok(cprom_http_handler_new(fixture->registry, CPROM_OPTS(cprom_http_handler_opts, .max_scrapes = 2), &handler));
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.handler = handler});
    const char *address = cprom_http_server_address(server);
    int first = start_slow_reader(server, 1);
    hs_advance(fixture, server, 0.6);
    int second = start_slow_reader(server, 2);
    assert_int_equal(hc_ask_once(address, HC_GET, NULL), 503);
    hs_advance(fixture, server, 0.6);
    assert_int_equal(hc_ask_once(address, HC_HEALTHY, NULL), 200);
    assert_int_equal(hs_count(server, CPROM__CONN_WRITING, 0), 2); /* for a page, and only then */
    assert_int_equal(hc_ask_once(address, HC_GET, NULL), 200);
    hs_wait(server, CPROM__CONN_WRITING, 0, 1);
    assert_int_equal(hc_ask_once(address, HC_GET, NULL), 200); /* there is a place */
    hs_wait(server, CPROM__CONN_WRITING, 0, 1);
    assert_int_equal(hc_ask(&stream, second, "", NULL), 200);
    hc_stream_free(&stream);
    stream = (struct hc_stream){0};
    assert_int_equal(hc_ask(&stream, first, "", NULL), 0); /* cut */
    hc_stream_free(&stream);
    close(first);
    close(second);
    assert_ok(cprom_http_server_stop(server));
    cprom_http_handler_free(handler);
}

static void test_server_slow_reader_costs_the_snapshot_and_one_buffer(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 100000);
    cprom_http_server *server = hs_start(fixture, PLAIN);
    cprom_page *page;
    for (int i = 0; i < 3; i++) { /* sorts, once */
        assert_ok(cprom_page_open(fixture->registry, NULL, &page));
        cprom_page_close(page);
    }
    size_t before = atomic_load(&fixture->alloc.bytes);
    assert_ok(cprom_page_open(fixture->registry, NULL, &page));
    size_t snapshot = atomic_load(&fixture->alloc.bytes) - before;
    cprom_page_close(page);
    assert_int_equal(atomic_load(&fixture->alloc.bytes), before);

    int fd = start_slow_reader(server, 1);
    size_t reader = atomic_load(&fixture->alloc.bytes) - before;
    assert_in_range(reader, snapshot, snapshot + 65536 + 8192 + 4096);
    close(fd);
    hs_wait_conns(server, 0);
    assert_ok(cprom_http_server_stop(server));
}

int group_limits(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_server_incomplete_request_is_408_after_its_time),
        TEST(test_server_second_request_has_its_own_time),
        TEST(test_server_idle_connection_is_closed_after_its_time),
        TEST(test_server_takes_what_still_comes_before_it_closes),
        TEST(test_server_stalled_reader_is_closed_after_its_time),
        TEST(test_server_whole_response_has_a_limit),
        TEST(test_server_over_the_limit_closes_in_order),
        cmocka_unit_test(test_goes_before_what_is_in_flow),
        TEST(test_server_full_of_scrapes_ends_the_one_that_stalls),
        TEST(test_server_slow_reader_costs_the_snapshot_and_one_buffer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
