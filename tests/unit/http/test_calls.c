/*
 * Each system call of the server fails in turn: of those that start it (by the linker's --wrap), and of those that
 * serve (lib/http/sys.h).
 */
#include "support/http_running.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "http/sys.h"

/* The nth call of one kind fails, or of any kind that starts. */
static struct {
    _Atomic int kind, error;
    _Atomic unsigned calls, nth; /* 0: none does */
} fault;

/* Those from ACCEPT on serve. */
enum {
    ANY,
    SOCKET,
    BIND,
    LISTEN,
    GETSOCKNAME,
    PIPE,
    FCNTL,
    OPEN,
    FLOCK,
    CHMOD,
    CREATE,
    OPTION,
    ACCEPT,
    RECV,
    SEND,
    POLL
};

static void fault_set(int kind, int error, unsigned nth)
{
    atomic_store(&fault.nth, 0);
    atomic_store(&fault.kind, kind);
    atomic_store(&fault.error, error);
    atomic_store(&fault.calls, 0);
    atomic_store(&fault.nth, nth);
}

static bool fails(int kind)
{
    unsigned nth = atomic_load(&fault.nth);
    int wanted = atomic_load(&fault.kind);
    if (!nth || (wanted == ANY ? kind >= ACCEPT : wanted != kind) || atomic_fetch_add(&fault.calls, 1) + 1 != nth)
        return false;
    errno = atomic_load(&fault.error);
    return true;
}

static bool has_failed(void) { return atomic_load(&fault.calls) >= atomic_load(&fault.nth); }

/* ---- starting ---- */

#define WRAP(kind, name, parameters, arguments)                                                                        \
    int __real_##name parameters;                                                                                      \
    int __wrap_##name parameters;                                                                                      \
    int __wrap_##name parameters { return fails(kind) ? -1 : __real_##name arguments; }

WRAP(SOCKET, socket, (int family, int type, int protocol), (family, type, protocol))
WRAP(BIND, bind, (int fd, const struct sockaddr *address, socklen_t len), (fd, address, len))
WRAP(LISTEN, listen, (int fd, int n), (fd, n))
WRAP(GETSOCKNAME, getsockname, (int fd, struct sockaddr *address, socklen_t *len), (fd, address, len))
WRAP(PIPE, pipe2, (int *fds, int flags), (fds, flags))
WRAP(OPTION, setsockopt, (int fd, int level, int name, const void *value, socklen_t len), (fd, level, name, value, len))

WRAP(CHMOD, fchmodat, (int dir, const char *path, mode_t mode, int flags), (dir, path, mode, flags))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...)
{
    mode_t mode = 0;
    va_list args;
    va_start(args, flags);
    if (flags & O_CREAT) mode = va_arg(args, mode_t);
    va_end(args);
    return fails(OPEN) ? -1 : __real_open(path, flags, mode);
}

static void (*before_flock)(void); /* once */

int __real_flock(int fd, int operation);
int __wrap_flock(int fd, int operation);
int __wrap_flock(int fd, int operation)
{
    void (*before)(void) = before_flock;
    before_flock = NULL;
    if (before) before();
    return fails(FLOCK) ? -1 : __real_flock(fd, operation);
}

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...)
{
    va_list args;
    va_start(args, command);
    int value = command == F_GETFL ? 0 : va_arg(args, int);
    va_end(args);
    return fails(FCNTL) ? -1 : __real_fcntl(fd, command, value);
}

static int fault_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    return fails(CREATE) ? errno : pthread_create(thread, attr, run, arg);
}

/* ---- serving ---- */

static int fault_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    return fails(ACCEPT) ? -1 : accept4(fd, address, len, flags);
}
static ssize_t fault_recv(int fd, void *buf, size_t n, int flags) { return fails(RECV) ? -1 : recv(fd, buf, n, flags); }
static ssize_t fault_send(int fd, const void *buf, size_t n, int flags)
{
    return fails(SEND) ? -1 : send(fd, buf, n, flags);
}
static int fault_poll(struct pollfd *fds, nfds_t n, int timeout) { return fails(POLL) ? -1 : poll(fds, n, timeout); }

static struct cprom__http_sys as_it_was;

static int setup(void **state)
{
    fault_set(ANY, 0, 0);
    as_it_was = cprom__http_sys;
    cprom__http_sys.accept4 = fault_accept4;
    cprom__http_sys.recv = fault_recv;
    cprom__http_sys.send = fault_send;
    cprom__http_sys.poll = fault_poll;
    cprom__http_sys.pthread_create = fault_create;
    return ct_setup(state);
}

static int teardown(void **state)
{
    cprom__http_sys = as_it_was;
    return ct_teardown(state);
}

/*
 * Every call that starting makes fails in turn: ESYS with its errno, or it does not matter (options of sockets). No
 * descriptor, no byte and no path is left, and the next start goes well.
 */
static void assert_start_survives(ct_fixture *fixture, const cprom_http_server_opts *opts, const char *path)
{
    static const int errors[] = {ENOBUFS, EACCES};
    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes);
    for (size_t e = 0; e < COUNT(errors); e++) {
        unsigned nth = 1, fatal = 0;
        for (bool failed = true; failed; nth++) {
            cprom_http_server *server;
            fault_set(ANY, errors[e], nth);
            cprom_status status = cprom_http_server_start(fixture->registry, opts, &server);
            int error = errno;
            failed = has_failed();
            fault_set(ANY, 0, 0);
            if (status == CPROM_OK) {
                hs_assert_serves(server);
                assert_ok(cprom_http_server_stop(server));
            } else {
                assert_status(status, CPROM_ESYS);
                assert_int_equal(error, errors[e]);
                assert_null(server);
                fatal++;
            }
            assert_int_equal(hc_count_fds(), fds);
            assert_int_equal(atomic_load(&fixture->alloc.bytes), bytes);
            if (path) assert_int_equal(access(path, F_OK), -1);
        }
        assert_in_range(fatal, 4, 20);
    }
}

static void test_start_each_failing_call_leaves_nothing(void **state)
{
    static const char *const addresses[] = {"127.0.0.1:0", ":0"};
    for (size_t i = 0; i < 2; i++) {
        assert_start_survives(*state, CPROM_OPTS(cprom_http_server_opts, .address = addresses[i], .threads = 2), NULL);
    }
}

static void test_start_at_a_unix_socket_each_failing_call_leaves_no_path(void **state)
{
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/cprom-calls-%d.sock", (int)getpid());
    for (unsigned mode = 0; mode <= 0610; mode += 0610) {
        assert_start_survives(*state, CPROM_OPTS(cprom_http_server_opts, .address = address, .unix_mode = mode),
                              address + 5);
        strcat(address, ".lock");
        assert_int_equal(access(address, F_OK), -1);
        address[strlen(address) - 5] = '\0';
    }
}

static char lock_that_goes[80];
static int locks_gone;

static void remove_lock(void) { locks_gone += unlink(lock_that_goes) == 0; }

static void remove_lock_and_make_another(void)
{
    remove_lock();
    close(open(lock_that_goes, O_CREAT | O_RDWR, 0600));
}

/* Who had the lock before removes the file between our opening it and our locking it: what is locked then is nowhere. */
static void test_start_at_a_unix_socket_whose_lock_file_goes_meanwhile_locks_the_new_one(void **state)
{
    static void (*const befores[])(void) = {remove_lock, remove_lock_and_make_another};
    char address[64];
    snprintf(address, sizeof address, "unix:/tmp/cprom-calls-%d.sock", (int)getpid());
    snprintf(lock_that_goes, sizeof lock_that_goes, "%s.lock", address + 5);
    for (int i = 0; i < 2; i++) {
        locks_gone = 0;
        before_flock = befores[i];
        cprom_http_server *server = hs_start(*state, (cprom_http_server_opts){.address = address});
        assert_int_equal(locks_gone, 1);
        int lock = open(lock_that_goes, O_RDWR);
        assert_true(lock >= 0);
        assert_int_equal(flock(lock, LOCK_EX | LOCK_NB), -1);
        close(lock);
        assert_ok(cprom_http_server_stop(server));
        assert_int_equal(access(lock_that_goes, F_OK), -1);
    }
}

static void test_start_at_a_callers_socket_each_failing_call_leaves_nothing(void **state)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&any, sizeof any), 0);
    assert_int_equal(listen(fd, 8), 0);
    assert_start_survives(*state, CPROM_OPTS(cprom_http_server_opts, .listen_fd = fd), NULL);
    close(fd);
}

/* The nth call fails: what comes is the response or, where the call was this connection's, nothing. The next is
 * whole, and nothing is left. */
static void test_serving_each_failing_call_costs_one_connection_at_most(void **state)
{
    ct_fixture *fixture = *state;
    static const struct {
        int kind;
        int error;
        bool ends; /* the connection */
    } cases[] = {{ACCEPT, ECONNABORTED, false}, {ACCEPT, EINTR, false},   {ACCEPT, EAGAIN, false},
                 {RECV, EINTR, false},          {RECV, EAGAIN, false},    {RECV, ECONNRESET, true},
                 {RECV, ETIMEDOUT, true},       {SEND, EINTR, false},     {SEND, EAGAIN, false},
                 {SEND, EPIPE, true},           {SEND, ECONNRESET, true}, {SEND, ENOBUFS, true},
                 {POLL, EINTR, false},          {POLL, ENOMEM, false},    {POLL, EINVAL, false}};
    hs_add_series(fixture, 5000);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 2});
    const char *address = cprom_http_server_address(server);
    char *expected;
    assert_int_equal(hc_ask_once(address, HC_GET, &expected), 200);
    hs_wait_conns(server, 0);
    int fds = hc_count_fds();
    size_t bytes = atomic_load(&fixture->alloc.bytes); /* perhaps with a connection that is about to be freed */
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (unsigned nth = 1; nth <= 8; nth++) {
            struct hc_stream stream = {0};
            fault_set(cases[i].kind, cases[i].error, nth);
            int fd = hs_connect(server);
            for (int k = 0; k < 2; k++) {
                char *response;
                int status = hc_ask(&stream, fd, HC_GET, &response);
                if (status == 0 && cases[i].ends && has_failed()) break;
                assert_int_equal(status, 200);
                assert_string_equal(response, expected);
                free(response);
            }
            close(fd);
            hc_stream_free(&stream);
            fault_set(ANY, 0, 0);
            hs_wait_conns(server, 0);
            assert_int_equal(hc_count_fds(), fds);
            for (int64_t start = ct_now(); atomic_load(&fixture->alloc.bytes) > bytes; sched_yield()) {
                assert_false(ct_over(start, 60));
            }
        }
    }
    free(expected);
    assert_ok(cprom_http_server_stop(server));
}

int group_calls(void)
{
    const struct CMUnitTest tests[] = {
        OWN_TEST(test_start_each_failing_call_leaves_nothing),
        OWN_TEST(test_start_at_a_unix_socket_each_failing_call_leaves_no_path),
        OWN_TEST(test_start_at_a_unix_socket_whose_lock_file_goes_meanwhile_locks_the_new_one),
        OWN_TEST(test_start_at_a_callers_socket_each_failing_call_leaves_nothing),
        OWN_TEST(test_serving_each_failing_call_costs_one_connection_at_most),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
