#include "support/cprom_test.h"

#include "support/http_client.h"
#include "http/conn.h"
#include "support/http_mutate.h"
#include "oracle/http_reference.h"
#include "http/sys.h"

#define HEAD_MAX 512
#define REQUESTS MUTATE_REQUESTS

/* A peer in memory: what it sends, and what it got. */
static struct {
    const char *to_send;
    size_t left;
    char *got;
    size_t n, room;
    size_t piece; /* bytes that go at a time; 0: all */
    bool blocks;  /* the next call finds the socket empty, or full */
    struct mutate *random;
} peer;

static size_t go(size_t n)
{
    if (!peer.piece) return n;
    size_t most = mutate_random(peer.random, (uint32_t)peer.piece) + 1;
    return n < most ? n : most;
}

static bool blocks(void)
{
    peer.blocks = peer.piece && !peer.blocks;
    if (!peer.blocks) errno = EAGAIN;
    return peer.piece && !peer.blocks;
}

static ssize_t peer_recv(int fd, void *buf, size_t n, int flags)
{
    if (blocks()) return -1;
    n = go(n < peer.left ? n : peer.left);
    if (n > peer.left) n = peer.left;
    memcpy(buf, peer.to_send, n);
    peer.to_send += n;
    peer.left -= n;
    return (ssize_t)n; /* 0: it has closed its side */
}

static ssize_t peer_send(int fd, const void *buf, size_t n, int flags)
{
    if (blocks()) return -1;
    n = go(n);
    while (peer.n + n + 1 > peer.room) peer.got = realloc(peer.got, peer.room = 2 * peer.room + 65536);
    memcpy(peer.got + peer.n, buf, n);
    peer.n += n;
    peer.got[peer.n] = '\0';
    return (ssize_t)n;
}

static void converse(const struct cprom__conn_rules *rules, char *room)
{
    struct cprom__conn *conn = cprom__conn_new(rules, -1);
    assert_non_null(conn);
    for (int turns = 0; conn->wait != CPROM__CONN_OVER; turns++) {
        cprom__conn_run(rules, conn, room);
        assert_in_range(turns, 0, 10000); /* it does not spin */
    }
    cprom__conn_free(rules, conn);
}

/*
 * The verdict of the reference on each request of the stream; for each that is whole, exactly one response, with the
 * status that the handler gives alone; for the first that is refused, that; and then nothing.
 */
static void check(const char *bytes, size_t len, size_t *whole, size_t *refused)
{
    static struct ref_verdict v;
    size_t at = 0;
    for (bool more = true; more;) {
        ref_parse(bytes, len, HEAD_MAX, &v);
        if (v.status < 0) break;
        size_t size = hc_response_size(peer.got + at, peer.n - at, v.status == 0 && v.is_head);
        if (v.status && !size) size = hc_response_size(peer.got + at, peer.n - at, true); /* refused, but a HEAD */
        assert_in_range(size, 1, peer.n - at);
        int status = atoi(peer.got + at + 9);
        char head[4096];
        const char *end = strstr(peer.got + at, "\r\n\r\n");
        snprintf(head, sizeof head, "%.*s", (int)(end - (peer.got + at)), peer.got + at);
        bool closes = strstr(head, "\r\nConnection: close") != NULL;
        if (v.status) {
            assert_int_equal(status, v.status);
            assert_true(closes);
            (*refused)++;
        } else {
            assert_true(status == 200 || status == 404 || status == 405 || status == 400 || status == 501);
            assert_int_equal(closes, v.close);
            if (strcmp(v.target, "/-/healthy") == 0) assert_true(status == 200 || status == 405 || status == 501);
            (*whole)++;
        }
        at += size;
        if (closes) break;
        size_t used = v.head + v.body;
        more = used <= len;
        bytes += used;
        len -= more ? used : 0;
    }
    assert_int_equal(at, peer.n);
}

static void test_conn_mutated_requests_get_one_response_or_a_close(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "up", .help = "H."), &gauge));
    struct cprom__conn_rules rules = {.registry = fixture->registry,
                                      .head_max = HEAD_MAX,
                                      .head_ns = 1,
                                      .idle_ns = 1,
                                      .stall_ns = 1,
                                      .response_ns = 1};
    assert_ok(cprom_http_handler_new(fixture->registry, NULL, &rules.handler));
    struct mutate m = {.state = 7};
    char *room = malloc(HEAD_MAX), *bytes = malloc(2048);
    size_t whole = 0, refused = 0;
    peer.random = &m;
    cprom__http_sys.recv = peer_recv;
    cprom__http_sys.send = peer_send;
    for (int i = 0; i < REQUESTS; i++) {
        size_t len = mutate_next(&m, bytes, 2048);
        peer.to_send = bytes;
        peer.left = len;
        peer.n = 0;
        peer.piece = i % 4 ? 0 : i % 8 ? 60 : 1;
        if (peer.piece == 1 && i % 64) peer.piece = 200;
        peer.blocks = true;
        converse(&rules, room);
        check(bytes, len, &whole, &refused);
    }
    cprom__http_sys.recv = recv;
    cprom__http_sys.send = send;
    assert_in_range(whole, REQUESTS / 4, 3 * REQUESTS);
    assert_in_range(refused, REQUESTS / 4, REQUESTS);
    free(room);
    free(bytes);
    free(peer.got);
    cprom_http_handler_free(rules.handler);
}

int group_mutated(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_conn_mutated_requests_get_one_response_or_a_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
