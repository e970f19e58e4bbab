#include "support/cprom_test.h"

#include <cprom/http.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "support/http_client.h"

/* A server at some port; `opts` may be NULL. */
static cprom_http_server *start(ct_fixture *fixture, cprom_http_server_opts opts)
{
    cprom_http_server *server;
    opts.size = sizeof opts;
    if (!opts.address && !opts.listen_fd) opts.address = "127.0.0.1:0";
    assert_ok(cprom_http_server_start(fixture->registry, &opts, &server));
    return server;
}

static cprom_http_server *start_plain(ct_fixture *fixture)
{
    return start(fixture, CPROM_INIT(cprom_http_server_opts));
}

static void add_gauge(ct_fixture *fixture)
{
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "up", .help = "H."), &gauge));
    cprom_gauge_set(gauge, 42);
}

static void assert_page(const char *address)
{
    char *response;
    assert_int_equal(hc_ask_once(address, HC_GET, &response), 200);
    assert_non_null(strstr(response, "\r\n\r\n# HELP up H.\n# TYPE up gauge\nup 42\n"));
    free(response);
}

/* ---- where it listens ---- */

static void test_start_address_forms_all_serve(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/cprom-test-%d.sock", (int)getpid());
    const char *const cases[][2] = {
        {"127.0.0.1:0", "127.0.0.1:"}, {"localhost:0", "127.0.0.1:"}, {"0.0.0.0:0", "0.0.0.0:"}, {path, path}};
    for (size_t i = 0; i < 4; i++) {
        cprom_http_server *server = start(fixture, (cprom_http_server_opts){.address = cases[i][0]});
        const char *address = cprom_http_server_address(server);
        assert_memory_equal(address, cases[i][1], strlen(cases[i][1]));
        assert_null(strstr(address, ":0\0"));
        assert_page(address);
        assert_ok(cprom_http_server_stop(server));
    }
    assert_int_equal(access(path + 5, F_OK), -1);
}

static void test_start_ipv6_addresses_serve_both_families(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    int probe = socket(AF_INET6, SOCK_STREAM, 0);
    struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    bool there = probe >= 0 && bind(probe, (struct sockaddr *)&loopback, sizeof loopback) == 0;
    if (probe >= 0) close(probe);
    if (!there) ct_skip("no IPv6 here");
    cprom_http_server *server = start(fixture, (cprom_http_server_opts){.address = "[::1]:0"});
    assert_memory_equal(cprom_http_server_address(server), "[::1]:", 6);
    assert_page(cprom_http_server_address(server));
    assert_ok(cprom_http_server_stop(server));
    server = start(fixture, (cprom_http_server_opts){.address = ":0"});
    const char *address = cprom_http_server_address(server);
    assert_memory_equal(address, "[::]:", 5);
    assert_page(address);
    char v4[64];
    snprintf(v4, sizeof v4, "127.0.0.1:%s", address + 5);
    assert_page(v4);
    assert_ok(cprom_http_server_stop(server));
}

static void test_start_nonsense_is_einval(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = (cprom_http_server *)fixture;
    static const char *const addresses[] = {"",
                                            "9464",
                                            "127.0.0.1",
                                            "127.0.0.1:",
                                            "127.0.0.1:65536",
                                            "127.0.0.1:-1",
                                            "127.0.0.1:1a",
                                            "127.0.0.1:000001",
                                            "::1:9464",
                                            "[::1]",
                                            "[::1:9464",
                                            "[127.0.0.1]:1",
                                            "example.org:80",
                                            "unix:",
                                            "localhost",
                                            "[]:1",
                                            "127.1:1",
                                            "\033[2J\n:1",
                                            "unix:/tmp/"
                                            "01234567890123456789012345678901234567890123456789012345678901234567890123"
                                            "456789012345678901234567890123456789"};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        cprom_http_server_opts opts = {.size = sizeof opts, .address = addresses[i]};
        assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_EINVAL);
        assert_null(server);
    }
    assert_int_equal(ct_log_count_with(&fixture->log, "listen at: \\x1b[2J\\x0a:1", NULL), 1);
    cprom_http_server_opts bad[] = {
        {.threads = 65},          {.max_connections = 65537},  {.max_header_bytes = 1048577},
        {.header_seconds = -1},   {.idle_seconds = 0.0 / 0.0}, {.stall_seconds = -1},
        {.response_seconds = -1}, {.listen_fd = -1},           {.listen_fd = 3, .address = ":1"},
        {.listen_fd = 4000},     {.unix_mode = 0600},         {.unix_mode = 0600, .address = "127.0.0.1:0"},
        {.unix_mode = 01000, .address = "unix:/tmp/cprom-nowhere.sock"}};
    for (size_t i = 0; i < COUNT(bad); i++) {
        bad[i].size = sizeof *bad;
        size_t lines = ct_log_count(&fixture->log);
        assert_status(cprom_http_server_start(fixture->registry, &bad[i], &server), CPROM_EINVAL);
        assert_int_equal(ct_log_count(&fixture->log), lines + 1);
    }
    bad[0].size = 0;
    assert_status(cprom_http_server_start(fixture->registry, &bad[0], &server), CPROM_EINVAL);
    assert_status(cprom_http_server_start(NULL, NULL, &server), CPROM_EINVAL);
    assert_status(cprom_http_server_start(fixture->registry, NULL, NULL), CPROM_EINVAL);
    assert_ok(cprom_http_server_stop(NULL));
    cprom_http_server_after_fork(NULL);
    assert_string_equal(cprom_http_server_address(NULL), "");
}

static void test_start_port_in_use_is_esys(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = start_plain(fixture), *other;
    cprom_http_server_opts opts = CPROM_INIT(cprom_http_server_opts);
    opts.address = cprom_http_server_address(server);
    assert_status(cprom_http_server_start(fixture->registry, &opts, &other), CPROM_ESYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_true(ct_log_has(&fixture->log, "cannot listen at", opts.address));
    assert_ok(cprom_http_server_stop(server));
}

static void test_start_unix_path_only_a_stale_socket_is_replaced(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/cprom-stale-%d.sock", (int)getpid());
    const char *path = address + 5;
    cprom_http_server_opts opts = {.size = sizeof opts, .address = address};
    cprom_http_server *server, *other;

    int file = open(path, O_CREAT | O_WRONLY, 0600);
    close(file);
    assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_ESYS);
    assert_int_equal(errno, EADDRINUSE);
    assert_int_equal(unlink(path), 0);

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    strcpy(un.sun_path, path);
    int stale = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(stale, (struct sockaddr *)&un, sizeof un), 0);
    close(stale);
    server = start(fixture, opts);
    assert_page(address);

    assert_status(cprom_http_server_start(fixture->registry, &opts, &other), CPROM_ESYS);
    assert_page(address);
    /* What somebody else has put there is not ours to remove. */
    assert_int_equal(unlink(path), 0);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_ok(cprom_http_server_stop(server));
    assert_int_equal(unlink(path), 0);
}

static void test_start_listen_fd_is_duplicated(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof in), 0);
    cprom_http_server_opts opts = {.size = sizeof opts, .listen_fd = fd};
    cprom_http_server *server;
    assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_EINVAL);
    assert_int_equal(listen(fd, 5), 0);
    for (int i = 0; i < 2; i++) {
        server = start(fixture, opts);
        assert_page(cprom_http_server_address(server));
        assert_ok(cprom_http_server_stop(server));
    }
    assert_int_equal(close(fd), 0);
}

/* ---- requests ---- */

static void test_server_keeps_the_connection(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    cprom_http_server *server = start_plain(fixture);
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    for (int i = 0; i < 100; i++) assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
    assert_int_equal(hc_ask(&stream, fd, "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 200);
    assert_int_equal(hc_ask(&stream, fd, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 404);
    assert_int_equal(hc_ask(&stream, fd, "GET /-/healthy HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", NULL), 200);
    assert_int_equal(hc_ask(&stream, fd, "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 200);
    assert_int_equal(hc_ask(&stream, fd, "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", NULL), 200);
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    fd = hc_connect(cprom_http_server_address(server));
    assert_int_equal(hc_ask(&stream, fd, "GET /metrics HTTP/1.0\r\n\r\n", NULL), 200);
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_pipelined_requests_are_answered_in_order(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    cprom_http_server *server = start_plain(fixture);
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    static const char *const paths[] = {"/metrics", "/nowhere", "/-/healthy"};
    static const int statuses[] = {200, 404, 200};
    char requests[100 * 64] = "";
    for (int i = 0; i < 100; i++) {
        char one[64];
        snprintf(one, sizeof one, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", paths[i % 3]);
        strcat(requests, one);
    }
    assert_true(hc_send_text(fd, requests));
    for (int i = 0; i < 100; i++) {
        char *response = hc_receive(&stream, fd, false, NULL);
        assert_non_null(response);
        assert_int_equal(atoi(response + 9), statuses[i % 3]);
        assert_int_equal(strstr(response, "up 42\n") != NULL, i % 3 == 0);
        free(response);
    }
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_a_half_closed_peer_gets_its_responses(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    cprom_http_server *server = start_plain(fixture);
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    assert_true(hc_send_text(fd, HC_GET HC_GET));
    assert_int_equal(shutdown(fd, SHUT_WR), 0);
    for (int i = 0; i < 2; i++) {
        char *response = hc_receive(&stream, fd, false, NULL);
        assert_non_null(response);
        free(response);
    }
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_a_body_is_never_the_next_request(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = start_plain(fixture);
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    char text[1024], *body = calloc(1, 65537);
    snprintf(text, sizeof text, "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n%s%s",
             strlen(HC_HEALTHY), HC_HEALTHY, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(hc_ask(&stream, fd, text, NULL), 405);
    assert_int_equal(hc_ask(&stream, fd, "", NULL), 404);
    /* The longest, in pieces. */
    memset(body, '\n', 65536);
    assert_int_equal(hc_ask(&stream, fd, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n", NULL), 405);
    assert_true(hc_send(fd, body, 10) && hc_send(fd, body, 65000) && hc_send(fd, body, 526));
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    free(body);
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

/* The response arrives although much was sent that nobody reads. */
static void test_server_refused_requests_are_told_why_and_closed(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = start_plain(fixture);
    static const struct {
        int status;
        const char *text;
    } cases[] = {{400, "GET / HTTP/1.1\r\n\r\n"},
                 {400, "GET / HTTP/1.1\n"},
                 {400, "GET / HTTP/1.1\r\nHost : a\r\n\r\n"},
                 {411, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"},
                 {413, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"},
                 {417, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"},
                 {501, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n"},
                 {505, "GET / HTTP/2.0\r\n\r\n"},
                 {414, "GET /"},
                 {431, "GET / HTTP/1.1\r\nHost: a\r\nA: "}};
    char *rest = malloc(20001);
    memset(rest, 'x', 20000);
    rest[20000] = '\0';
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct hc_stream stream = {0};
        char *response;
        int fd = hc_connect(cprom_http_server_address(server));
        assert_true(hc_send_text(fd, cases[i].text));
        if (cases[i].status == 413 || cases[i].status == 414 || cases[i].status == 431)
            assert_true(hc_send_text(fd, rest));
        assert_int_equal(hc_ask(&stream, fd, "", &response), cases[i].status);
        assert_non_null(strstr(response, "\r\nConnection: close\r\n"));
        free(response);
        assert_true(hc_is_closed(&stream, fd));
        close(fd);
        hc_stream_free(&stream);
    }
    free(rest);
    assert_ok(cprom_http_server_stop(server));
}

static bool knows_the_password(void *ctx, const cprom_http_request *request)
{
    (*(atomic_int *)ctx)++;
    return strcmp(request->target, "/-/healthy") == 0 ||
           (request->authorization && strcmp(request->authorization, "Bearer secret") == 0);
}

static void test_server_authorize_refuses_with_401(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    atomic_int asked = 0;
    cprom_http_server *server =
        start(fixture, (cprom_http_server_opts){.authorize = knows_the_password, .authorize_ctx = &asked});
    struct hc_stream stream = {0};
    char *response;
    int fd = hc_connect(cprom_http_server_address(server));
    assert_int_equal(hc_ask(&stream, fd, HC_GET, &response), 401);
    assert_non_null(strstr(response, "\r\nWWW-Authenticate: Basic realm=\"metrics\"\r\n"));
    assert_null(strstr(response, "up 42"));
    free(response);
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    assert_int_equal(
        hc_ask(&stream, fd, "GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer secret\r\n\r\n", NULL), 200);
    assert_int_equal(asked, 3);
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_own_handler_has_its_options(void **state)
{
    ct_fixture *fixture = *state;
    add_gauge(fixture);
    cprom_http_handler *handler;
    assert_ok(cprom_http_handler_new(fixture->registry, CPROM_OPTS(cprom_http_handler_opts, .path = "/m"), &handler));
    cprom_http_server *server = start(fixture, (cprom_http_server_opts){.handler = handler});
    const char *address = cprom_http_server_address(server);
    assert_int_equal(hc_ask_once(address, HC_GET, NULL), 404);
    assert_int_equal(hc_ask_once(address, "GET /m HTTP/1.1\r\nHost: a\r\n\r\n", NULL), 200);
    assert_ok(cprom_http_server_stop(server));
    cprom_http_handler_free(handler);
}

static void test_server_freed_registry_is_503(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = start_plain(fixture);
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 503);
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

/* ---- the process around ---- */

struct looks {
    cprom_http_server *_Atomic server;
    cprom_status stop;
    bool signals_blocked;
};

static cprom_status look_around(void *ctx, cprom_scrape *out)
{
    struct looks *looks = ctx;
    sigset_t now;
    pthread_sigmask(SIG_SETMASK, NULL, &now);
    looks->signals_blocked = true;
    for (int i = 1; i < 32; i++) {
        if (i != SIGKILL && i != SIGSTOP && !sigismember(&now, i)) looks->signals_blocked = false;
    }
    looks->stop = cprom_http_server_stop(atomic_load(&looks->server));
    return CPROM_OK;
}

static void test_server_threads_block_signals_and_cannot_stop_themselves(void **state)
{
    ct_fixture *fixture = *state;
    struct looks looks = {.stop = CPROM_OK};
    assert_ok(cprom_collector_new(
        fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "c", .collect = look_around, .ctx = &looks)));
    sigset_t before, after;
    pthread_sigmask(SIG_SETMASK, NULL, &before);
    cprom_http_server *server = start_plain(fixture);
    pthread_sigmask(SIG_SETMASK, NULL, &after);
    for (int i = 1; i < 32; i++) assert_int_equal(sigismember(&before, i), sigismember(&after, i));
    atomic_store(&looks.server, server);
    assert_int_equal(hc_ask_once(cprom_http_server_address(server), HC_GET, NULL), 200);
    assert_true(looks.signals_blocked);
    assert_status(looks.stop, CPROM_EBUSY);
    assert_ok(cprom_http_server_stop(server));
}

static void test_server_descriptors_are_close_on_exec_and_gone_after_stop(void **state)
{
    ct_fixture *fixture = *state;
    bool before[256];
    int ours = 0;
    for (int fd = 0; fd < 256; fd++) before[fd] = fcntl(fd, F_GETFD) >= 0;
    cprom_http_server *server = start(fixture, (cprom_http_server_opts){.threads = 3});
    struct hc_stream stream = {0};
    int fd = hc_connect(cprom_http_server_address(server));
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    for (int i = 0; i < 256; i++) {
        int flags = fcntl(i, F_GETFD);
        if (before[i] || i == fd || flags < 0) continue;
        ours++;
        assert_true(flags & FD_CLOEXEC);
    }
    assert_int_equal(ours, 4); /* listener, two ends of a pipe, connection */
    assert_ok(cprom_http_server_stop(server));
    assert_true(hc_is_closed(&stream, fd));
    close(fd);
    hc_stream_free(&stream);
    for (int i = 0; i < 256; i++) assert_int_equal(before[i], fcntl(i, F_GETFD) >= 0);
}

int group_server(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_start_address_forms_all_serve),
        TEST(test_start_ipv6_addresses_serve_both_families),
        TEST(test_start_nonsense_is_einval),
        TEST(test_start_port_in_use_is_esys),
        TEST(test_start_unix_path_only_a_stale_socket_is_replaced),
        TEST(test_start_listen_fd_is_duplicated),
        TEST(test_server_keeps_the_connection),
        TEST(test_server_pipelined_requests_are_answered_in_order),
        TEST(test_server_a_half_closed_peer_gets_its_responses),
        TEST(test_server_a_body_is_never_the_next_request),
        TEST(test_server_refused_requests_are_told_why_and_closed),
        TEST(test_server_authorize_refuses_with_401),
        TEST(test_server_own_handler_has_its_options),
        TEST(test_server_freed_registry_is_503),
        TEST(test_server_threads_block_signals_and_cannot_stop_themselves),
        TEST(test_server_descriptors_are_close_on_exec_and_gone_after_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
