/*
 * A running server, looked at from inside: so that a test can wait for what it is about to use, without sleeping.
 */
#ifndef CPROM_TESTS_HTTP_RUNNING_H
#define CPROM_TESTS_HTTP_RUNNING_H

#include "cprom_test.h"

#include <cprom/http.h>

#include <sched.h>

#include "http_client.h"
#include "http/loop.h"

/* A server at an unix socket: there the kernel keeps little of what a reader does not take. */
static inline cprom_http_server *hs_start(ct_fixture *fixture, cprom_http_server_opts opts)
{
    static int number;
    char address[64];
    cprom_http_server *server;
    opts.size = sizeof opts;
    snprintf(address, sizeof address, "unix:/tmp/cprom-%d-%d.sock", (int)getpid(), number++);
    if (!opts.address) opts.address = address;
    assert_ok(cprom_http_server_start(fixture->registry, &opts, &server));
    return server;
}

static inline int hs_connect(const cprom_http_server *server)
{
    int fd = hc_connect(cprom_http_server_address(server));
    assert_true(fd >= 0);
    return fd;
}

/* Gauges x{i="0"} to x{i="n-1"}. */
static inline void hs_add_series(ct_fixture *fixture, int n)
{
    cprom_gauge_vec *vec;
    char i[16];
    assert_ok(cprom_gauge_vec_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "x", .help = "H.", .labels = {"i"}),
                                  &vec));
    for (int k = 0; k < n; k++) {
        snprintf(i, sizeof i, "%d", k);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(i), k));
    }
}

/* Connections that wait in that state; READING: those of which `bytes` have come (0: any number). */
static inline int hs_count(cprom_http_server *server, enum cprom__conn_state in_state, size_t bytes)
{
    int n = 0;
    pthread_mutex_lock(&server->lock);
    for (size_t i = 0; i < server->n_slots; i++) {
        struct cprom__conn *conn = server->slots[i];
        n += conn && !conn->queued && conn->state == in_state && (!bytes || conn->len == bytes);
    }
    pthread_mutex_unlock(&server->lock);
    return n;
}

static inline void hs_wait(cprom_http_server *server, enum cprom__conn_state in_state, size_t bytes, int n)
{
    int64_t start = ct_now();
    while (hs_count(server, in_state, bytes) != n) {
        assert_false(ct_over(start, 60));
        sched_yield();
    }
}

/* How many connections there are. */
static inline size_t hs_conns(cprom_http_server *server)
{
    pthread_mutex_lock(&server->lock);
    size_t n = server->n_conns;
    pthread_mutex_unlock(&server->lock);
    return n;
}

static inline void hs_wait_conns(cprom_http_server *server, size_t n)
{
    int64_t start = ct_now();
    while (hs_conns(server) != n) {
        assert_false(ct_over(start, 60));
        sched_yield();
    }
}

/* The server's time goes on, and the server notices. */
static inline void hs_advance(ct_fixture *fixture, cprom_http_server *server, double seconds)
{
    ct_clock_advance(&fixture->clock, (int64_t)(seconds * 1e9));
    cprom__http_server_wake(server);
}

/* One more request that the server has answered: what was to be done before it is done. */
static inline void hs_assert_serves(cprom_http_server *server)
{
    assert_int_equal(hc_ask_once(cprom_http_server_address(server), HC_HEALTHY, NULL), 200);
}

#endif
