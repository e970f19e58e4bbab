#include "support/http_running.h"

#include <sys/resource.h>

#include "http/sys.h"

/*
 * System calls that fail, or do less than they could. Each is told to fail so many times with an error, from now; a
 * piece bounds what is received or sent at once.
 */
static struct {
    _Atomic int accept, recv, send, poll, create; /* errno; 0: none */
    _Atomic int accept_n, recv_n, send_n, poll_n, create_n;
    _Atomic size_t piece;
} fault;

static bool fails(_Atomic int *error, _Atomic int *times)
{
    if (!atomic_load(error) || atomic_load(times) == 0) return false;
    atomic_fetch_sub(times, 1);
    errno = atomic_load(error);
    return true;
}

static int fault_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return fails(&fault.accept, &fault.accept_n) ? -1 : accept4(fd, address, len, flags);
}

static size_t at_most(size_t n)
{
    size_t piece = atomic_load(&fault.piece);
    return piece && n > piece ? piece : n;
}

static ssize_t fault_recv(int fd, void *buf, size_t n, int flags)
{
    return fails(&fault.recv, &fault.recv_n) ? -1 : recv(fd, buf, at_most(n), flags);
}

static ssize_t fault_send(int fd, const void *buf, size_t n, int flags)
{
    assert_true(flags & MSG_NOSIGNAL);
    return fails(&fault.send, &fault.send_n) ? -1 : send(fd, buf, at_most(n), flags);
}

static int fault_poll(struct pollfd *fds, nfds_t n, int timeout)
{
    return fails(&fault.poll, &fault.poll_n) ? -1 : poll(fds, n, timeout);
}

/* The error comes after so many threads that are made. */
static int fault_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (atomic_load(&fault.create) && atomic_fetch_sub(&fault.create_n, 1) == 0) return atomic_load(&fault.create);
    return pthread_create(thread, attr, run, arg);
}

static int setup(void **state)
{
    memset(&fault, 0, sizeof fault);
    cprom__http_sys = (struct cprom__http_sys){fault_accept4, fault_recv, fault_send, fault_poll, fault_create};
    return ct_setup(state);
}

static int teardown(void **state)
{
    int result = ct_teardown(state);
    cprom__http_sys = (struct cprom__http_sys){accept4, recv, send, poll, pthread_create};
    return result;
}

static void test_accept_fails_for_a_while_and_the_connection_comes_later(void **state)
{
    ct_fixture *fixture = *state;
    static const int errors[] = {EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ECONNABORTED, EINTR};
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    for (size_t i = 0; i < COUNT(errors); i++) {
        atomic_store(&fault.accept_n, 3);
        atomic_store(&fault.accept, errors[i]);
        int fd = hs_connect(server);
        assert_true(hc_send_text(fd, HC_HEALTHY));
        int64_t start = ct_now();
        while (atomic_load(&fault.accept_n)) { /* it pauses after each, so that its time must go on */
            hs_advance(fixture, server, 0.02);
            assert_false(ct_over(start, 60));
            sched_yield();
        }
        hs_advance(fixture, server, 0.2);
        struct hc_stream stream = {0};
        assert_int_equal(hc_ask(&stream, fd, "", NULL), 200);
        hc_stream_free(&stream);
        close(fd);
    }
    assert_ok(cprom_http_server_stop(server));
}

static void test_accept_out_of_descriptors_does_not_spin(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    struct hc_stream stream = {0};
    int other = hs_connect(server);
    assert_int_equal(hc_ask(&stream, other, HC_HEALTHY, NULL), 200);
    atomic_store(&fault.accept_n, 1000000);
    atomic_store(&fault.accept, EMFILE);
    int fd = hs_connect(server);
    for (int i = 0; i < 1000; i++) assert_int_equal(hc_ask(&stream, other, HC_HEALTHY, NULL), 200);
    /* Time stands still: one try, and then no more. */
    assert_int_equal(atomic_load(&fault.accept_n), 999999);
    atomic_store(&fault.accept, 0);
    hs_advance(fixture, server, 0.2);
    assert_int_equal(hc_ask(&stream, fd, HC_HEALTHY, NULL), 200);
    close(fd);
    close(other);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_poll_fails_and_the_server_goes_on(void **state)
{
    ct_fixture *fixture = *state;
    static const int errors[] = {EINTR, ENOMEM, EINVAL};
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 2});
    for (size_t i = 0; i < 3; i++) {
        atomic_store(&fault.poll_n, 5);
        atomic_store(&fault.poll, errors[i]);
        hs_assert_serves(server);
        atomic_store(&fault.poll, 0);
    }
    assert_ok(cprom_http_server_stop(server));
}

static void test_recv_and_send_fail_and_only_that_connection_ends(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 100);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    struct hc_stream stream = {0};
    static const int errors[] = {ECONNRESET, EPIPE, ETIMEDOUT, ENOMEM, ENOBUFS};
    for (size_t i = 0; i < 2 * COUNT(errors); i++) {
        int fd = hs_connect(server);
        assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
        atomic_store(i % 2 ? &fault.send_n : &fault.recv_n, 1);
        atomic_store(i % 2 ? &fault.send : &fault.recv, errors[i / 2]);
        hc_send_text(fd, HC_GET);
        assert_true(hc_is_closed(&stream, fd));
        atomic_store(&fault.send, 0);
        atomic_store(&fault.recv, 0);
        close(fd);
        hs_assert_serves(server);
    }
    /* These are no failures. */
    static const int passing[] = {EINTR, EAGAIN};
    int fd = hs_connect(server);
    for (size_t i = 0; i < 4; i++) {
        atomic_store(i % 2 ? &fault.send_n : &fault.recv_n, 3);
        atomic_store(i % 2 ? &fault.send : &fault.recv, passing[i / 2]);
        assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
        atomic_store(&fault.send, 0);
        atomic_store(&fault.recv, 0);
    }
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

static void test_recv_and_send_by_single_bytes_change_nothing(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 3000);
    static const char *const requests[] = {HC_GET,
                                           "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
                                           "GET /metrics HTTP/1.0\r\n\r\n",
                                           "HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n",
                                           "GET / HTTP/3.0\r\n\r\n"};
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    const char *address = cprom_http_server_address(server);
    for (size_t i = 0; i < COUNT(requests); i++) {
        char *whole, *pieces;
        int status = hc_ask_once(address, requests[i], &whole);
        atomic_store(&fault.piece, 1);
        assert_int_equal(hc_ask_once(address, requests[i], &pieces), status);
        atomic_store(&fault.piece, 0);
        assert_string_equal(whole, pieces);
        free(whole);
        free(pieces);
    }
    assert_ok(cprom_http_server_stop(server));
}

static void test_start_without_threads_is_esys_and_leaves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes);
    for (int nth = 0; nth < 4; nth++) {
        cprom_http_server *server;
        cprom_http_server_opts opts = {.size = sizeof opts, .address = "127.0.0.1:0", .threads = 4};
        atomic_store(&fault.create_n, nth);
        atomic_store(&fault.create, EAGAIN);
        assert_status(cprom_http_server_start(fixture->registry, &opts, &server), CPROM_ESYS);
        assert_int_equal(errno, EAGAIN);
        assert_null(server);
        assert_int_equal(hc_count_fds(), fds);
        assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
        atomic_store(&fault.create, 0);
        assert_ok(cprom_http_server_start(fixture->registry, &opts, &server));
        hs_assert_serves(server);
        assert_ok(cprom_http_server_stop(server));
    }
}

static void test_start_without_descriptors_is_esys_and_leaves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    struct rlimit old, now;
    int fds = hc_count_fds(), next = dup(0);
    size_t bytes = atomic_load(&fixture->alloc.bytes);
    close(next);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    for (int more = 0; more < 4; more++) { /* a pipe, the socket */
        cprom_http_server *server;
        cprom_http_server_opts opts = {.size = sizeof opts, .address = "127.0.0.1:0"};
        now = old;
        now.rlim_cur = (rlim_t)(next + more);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &now), 0);
        cprom_status status = cprom_http_server_start(fixture->registry, &opts, &server);
        int error = errno;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
        assert_status(status, more < 3 ? CPROM_ESYS : CPROM_OK);
        if (status == CPROM_OK) assert_ok(cprom_http_server_stop(server));
        else assert_int_equal(error, EMFILE);
        assert_int_equal(hc_count_fds(), fds);
        assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
    }
}

static void test_start_out_of_memory_leaves_nothing(void **state)
{
    ct_fixture *fixture = *state;
    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes), n = 1;
    cprom_http_server *server;
    cprom_http_server_opts opts = {.size = sizeof opts, .address = "127.0.0.1:0"};
    for (;; n++) {
        ct_alloc_fail_at(&fixture->alloc, n, false);
        cprom_status status = cprom_http_server_start(fixture->registry, &opts, &server);
        ct_alloc_fail_at(&fixture->alloc, 0, false);
        if (status == CPROM_OK) break;
        assert_status(status, CPROM_ENOMEM);
        assert_null(server);
        assert_int_equal(hc_count_fds(), fds);
        assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
    }
    assert_in_range(n, 2, 20);
    assert_ok(cprom_http_server_stop(server));
}

static void test_requests_out_of_memory_get_an_answer_or_a_close(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 100);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    const char *address = cprom_http_server_address(server);
    assert_int_equal(hc_ask_once(address, HC_GET, NULL), 200);
    hs_wait_conns(server, 0);
    bool whole = false;
    for (size_t n = 1; !whole; n++) {
        for (int on = 0; on < 2; on++) {
            char *response;
            ct_alloc_fail_at(&fixture->alloc, n, on);
            int status = hc_ask_once(address, HC_GET, &response);
            bool failed = atomic_load(&fixture->alloc.failed) > 0;
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            assert_true(status == 200 || status == 503 || (status == 0 && !response));
            if (!failed) assert_int_equal(status, 200);
            whole = !failed;
            free(response);
            hs_wait_conns(server, 0);
            assert_int_equal(hc_ask_once(address, HC_GET, NULL), 200);
            hs_wait_conns(server, 0);
        }
        assert_in_range(n, 1, 1000);
    }
    assert_ok(cprom_http_server_stop(server));
}

int group_faults(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_accept_fails_for_a_while_and_the_connection_comes_later),
        OWN_TEST(test_accept_out_of_descriptors_does_not_spin),
        OWN_TEST(test_poll_fails_and_the_server_goes_on),
        OWN_TEST(test_recv_and_send_fail_and_only_that_connection_ends),
        OWN_TEST(test_recv_and_send_by_single_bytes_change_nothing),
        OWN_TEST(test_start_without_threads_is_esys_and_leaves_nothing),
        OWN_TEST(test_start_without_descriptors_is_esys_and_leaves_nothing),
        OWN_TEST(test_start_out_of_memory_leaves_nothing),
        OWN_TEST(test_requests_out_of_memory_get_an_answer_or_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
