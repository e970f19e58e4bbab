/* What a fork does to a server: the child has nothing of it open, and the parent's goes on. */
#include "support/http_running.h"

#include <stddef.h>
#include <sys/wait.h>

#include "http/sys.h"
#include "support/child.h"
#include "support/sanitized.h"

/* Sockets of this process that are bound to a path of hs_start(), or come from such a listener. */
static int count_sockets_at(const char *prefix)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++) {
        struct sockaddr_un un = {.sun_family = AF_UNSPEC};
        socklen_t len = sizeof un;
        if (getsockname(fd, (struct sockaddr *)&un, &len) != 0 || un.sun_family != AF_UNIX) continue;
        n += len > offsetof(struct sockaddr_un, sun_path) && strncmp(un.sun_path, prefix, strlen(prefix)) == 0;
    }
    return n;
}

struct forked {
    cprom_http_server *server;
    int fds; /* of the parent */
    bool by_stop;
};

/* How many descriptors are missing; a hundred more if one is left that the server is told of. */
static int in_child(void *ctx)
{
    struct forked *forked = ctx;
    int missing = forked->fds + 2 /* the pipe to the parent */ - hc_count_fds(), ignored;
    if (forked->by_stop) {
        pthread_cancel(pthread_self()); /* the calls are no cancellation points */
        cprom_status status = cprom_http_server_stop(forked->server);
        pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
        return status ? -1 : missing;
    }
    /* A child that no handler of a fork has been in: the server knows it by its number. */
    int left = dup(0);
    atomic_store(&forked->server->fds[CPROM__FD_LISTENER], left);
    pthread_cancel(pthread_self());
    cprom_http_server_after_fork(forked->server);
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &ignored);
    return missing + (dup2(left, left) == left ? 100 : 0);
}

static void test_fork_child_has_nothing_open_and_parent_goes_on(void **state)
{
    ct_fixture *fixture = *state;
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.address = "127.0.0.1:0"});
    struct hc_stream stream = {0};
    int fd = hs_connect(server);
    assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
    cprom_http_server_after_fork(server); /* not a child */
    for (int i = 0; i < 2; i++) {
        struct forked forked = {.server = server, .fds = hc_count_fds(), .by_stop = i};
        assert_int_equal(child_run(in_child, &forked), 4); /* listener, two ends of a pipe, connection */
        assert_int_equal(hc_ask(&stream, fd, HC_GET, NULL), 200);
    }
    hs_assert_serves(server);
    close(fd);
    hc_stream_free(&stream);
    assert_ok(cprom_http_server_stop(server));
}

/* ---- daemon() ---- */

struct daemonized {
    ct_fixture *fixture;
    const char *address;
    int result[2], life[2]; /* pipes; the second ends with the process that has the server */
};

enum {
    D_REFUSED = 1,
    D_CLOSED = 2,
    D_STOPPED = 4,
    D_SERVES_ANEW = 8
};

static int try_in_daemon(const struct daemonized *d, cprom_http_server *server, int client)
{
    struct hc_stream stream = {0};
    char address[CPROM__ADDRESS_MAX], byte;
    int seen = 0;
    snprintf(address, sizeof address, "%s", cprom_http_server_address(server));
    close(d->life[1]);
    while (read(d->life[0], &byte, 1) < 0 && errno == EINTR) {
    }
    if (hc_connect(address) < 0 && errno == ECONNREFUSED) seen |= D_REFUSED;
    if (hc_is_closed(&stream, client)) seen |= D_CLOSED;
    if (cprom_http_server_stop(server) == CPROM_OK) seen |= D_STOPPED;
    if (CT_THREAD_SANITIZED) return seen | D_SERVES_ANEW; /* it lets no thread begin in such a child */
    cprom_http_server_opts opts = {.size = sizeof opts, .address = address};
    if (cprom_http_server_start(d->fixture->registry, &opts, &server) == CPROM_OK &&
        hc_ask_once(address, HC_HEALTHY, NULL) == 200 && cprom_http_server_stop(server) == CPROM_OK) {
        seen |= D_SERVES_ANEW;
    }
    return seen;
}

/* A program that starts its server too early. */
static void start_and_become_daemon(const struct daemonized *d)
{
    cprom_http_server *server;
    cprom_http_server_opts opts = {.size = sizeof opts, .address = d->address};
    struct hc_stream stream = {0};
    if (cprom_http_server_start(d->fixture->registry, &opts, &server) != CPROM_OK) return;
    int client = hc_connect(cprom_http_server_address(server));
    if (hc_ask(&stream, client, HC_HEALTHY, NULL) != 200) return;
    hs_wait(server, CPROM__CONN_IDLE, 0, 1);
    if (daemon(1, 1) != 0) return;
    int seen = try_in_daemon(d, server, client);
    (void)!write(d->result[1], &seen, sizeof seen);
}

/* In a child, whose descriptors are nobody else's business. */
static int run_daemon(void *ctx)
{
    struct daemonized *d = ctx;
    int seen = -1;
    if (pipe(d->result) != 0 || pipe(d->life) != 0) return -2;
    pid_t pid = fork();
    if (pid == 0) {
        alarm(300);
        start_and_become_daemon(d);
        kill(getpid(), SIGKILL);
    }
    close(d->result[1]);
    close(d->life[1]);
    if (read(d->result[0], &seen, sizeof seen) != sizeof seen) seen = -3;
    return waitpid(pid, NULL, 0) == pid ? seen : -4;
}

static void test_fork_daemon_of_a_running_server_refuses_at_once(void **state)
{
    char path[64];
    snprintf(path, sizeof path, "unix:/tmp/cprom-daemon-%d.sock", (int)getpid());
    const char *const addresses[] = {"127.0.0.1:0", path};
    for (size_t i = 0; i < COUNT(addresses); i++) {
        struct daemonized d = {.fixture = *state, .address = addresses[i]};
        assert_int_equal(child_run(run_daemon, &d), D_REFUSED | D_CLOSED | D_STOPPED | D_SERVES_ANEW);
    }
}

/* ---- at any moment ---- */

/* The moment between a connection and the server's knowing of it becomes long. */
static int accept_slowly(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
    int accepted = accept4(fd, address, len, flags);
    for (int i = 0; i < 20; i++) sched_yield();
    return accepted;
}

struct busy {
    ct_fixture *fixture;
    atomic_bool over;
    int rounds;
};

static void *start_ask_and_stop(void *arg)
{
    struct busy *busy = arg;
    while (!atomic_load(&busy->over)) {
        cprom_http_server *server = hs_start(busy->fixture, (cprom_http_server_opts){.threads = 1});
        for (int i = 0; i < 10; i++) hs_assert_serves(server);
        assert_ok(cprom_http_server_stop(server));
        busy->rounds++;
    }
    return NULL;
}

static int count_in_child(void *prefix) { return count_sockets_at(prefix); }

static void test_fork_amid_connections_child_has_none_of_them(void **state)
{
    struct busy busy = {.fixture = *state};
    struct cprom__http_sys as_it_was = cprom__http_sys;
    char prefix[64];
    pthread_t thread;
    cprom__http_sys.accept4 = accept_slowly;
    snprintf(prefix, sizeof prefix, "/tmp/cprom-%d-", (int)getpid());
    assert_int_equal(pthread_create(&thread, NULL, start_ask_and_stop, &busy), 0);
    for (int i = 0; i < 200; i++) assert_int_equal(child_run(count_in_child, prefix), 0);
    atomic_store(&busy.over, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_true(busy.rounds > 0);
    cprom__http_sys = as_it_was;
}

int group_fork(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_fork_child_has_nothing_open_and_parent_goes_on),
        TEST(test_fork_daemon_of_a_running_server_refuses_at_once),
        TEST(test_fork_amid_connections_child_has_none_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
