/*
 * A connection's turn ends once it has made so much of a page, however small a coding makes it: others wait meanwhile. The
 * peer is in memory and takes all, so that each turn is as long as it can be.
 */
#include "http/conn.h"
#include "http/sys.h"
#include "support/http_running.h"

#define HEAD_MAX 512
#define TURN 1000000 /* bytes of pages, about */
#define BUFFER 65536 /* that are made at a time */
#define HEADS 1000   /* and the framing */

static struct {
    const char *to_send;
    size_t sent, heads; /* by the server, in this turn */
    char *got;          /* all of it */
    size_t n;
} peer;

static ssize_t peer_recv(int fd, void *buf, size_t n, int flags)
{
    size_t left = strlen(peer.to_send);
    if (n > left) n = left;
    memcpy(buf, peer.to_send, n);
    peer.to_send += n;
    return (ssize_t)n; /* 0: it has closed its side */
}

static ssize_t peer_send(int fd, const void *buf, size_t n, int flags)
{
    peer.got = realloc(peer.got, peer.n + n + 1);
    assert_non_null(peer.got);
    memcpy(peer.got + peer.n, buf, n);
    peer.n += n;
    peer.got[peer.n] = '\0';
    peer.sent += n;
    peer.heads += n > 8 && memcmp(buf, "HTTP/1.1", 8) == 0;
    return (ssize_t)n;
}

/* Leaves one byte of each four. */
static size_t thinned; /* bytes that it took, in this turn */

static void *thin_begin(void *ctx) { return ctx; }
static void thin_end(void *state) {}

static bool thin_feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    if (!in) return true;
    for (; *used < n_in && (*used % 4 || *made < n_out); ++*used) {
        if (*used % 4 == 0) out[(*made)++] = in[*used];
    }
    thinned += *used;
    return false;
}

/* Lines of some 230 bytes, which gzip makes into a few. */
static size_t add_series(ct_fixture *fixture)
{
    cprom_gauge_vec *vec;
    char same[200], number[16];
    memset(same, 'x', sizeof same - 1);
    same[sizeof same - 1] = '\0';
    assert_ok(cprom_gauge_vec_new(fixture->registry,
                                  CPROM_OPTS(cprom_opts, .name = "g", .help = "G.", .labels = {"a", "n"}), &vec));
    for (int i = 0; i < 20000; i++) {
        snprintf(number, sizeof number, "%d", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(same, number), 1));
    }
    char *text;
    size_t len;
    assert_ok(cprom_registry_text(fixture->registry, &text, &len));
    cprom_text_free(text);
    assert_in_range(len, 4 * TURN, 8 * TURN);
    return len;
}

static struct {
    struct cprom__conn_rules rules;
    struct cprom__conn *conn;
    char room[HEAD_MAX];
} one;

static void begin(ct_fixture *fixture, cprom_http_handler *handler, const char *requests)
{
    one.rules = (struct cprom__conn_rules){.registry = fixture->registry, .handler = handler, .head_max = HEAD_MAX};
    one.conn = cprom__conn_new(&one.rules, -1);
    assert_non_null(one.conn);
    peer.to_send = requests;
    peer.n = 0;
    cprom__http_sys.recv = peer_recv;
    cprom__http_sys.send = peer_send;
}

/* false: the conversation is over. */
static bool run(void)
{
    peer.sent = peer.heads = thinned = 0;
    if (one.conn->wait == CPROM__CONN_OVER) return false;
    cprom__conn_run(&one.rules, one.conn, one.room);
    return true;
}

static void end(cprom_http_handler *handler)
{
    cprom__http_sys.recv = recv;
    cprom__http_sys.send = send;
    cprom__conn_free(&one.rules, one.conn);
    cprom_http_handler_free(handler);
    free(peer.got);
    peer.got = NULL;
}

static cprom_http_handler *handler_of(ct_fixture *fixture)
{
    cprom_http_handler *handler;
    assert_ok(cprom_http_handler_new(fixture->registry, NULL, &handler));
    return handler;
}

static void test_turn_sends_a_bounded_part_of_a_page(void **state)
{
    size_t len = add_series(*state), turns = 0;
    cprom_http_handler *handler = handler_of(*state);
    begin(*state, handler, HC_GET);
    while (run()) {
        turns += peer.sent > 0;
        assert_in_range(peer.sent, 0, TURN + 2 * BUFFER + HEADS);
    }
    assert_in_range(turns, len / (TURN + 2 * BUFFER) + 1, len / TURN + 1);
    end(handler);
}

static void test_turn_makes_no_more_for_a_coding_of_the_programs(void **state)
{
    size_t len = add_series(*state), all = 0;
    cprom_http_handler *handler = handler_of(*state);
    cprom_http_coding coding = {sizeof coding, "thin", thin_begin, thin_feed, thin_end, &coding};
    assert_ok(cprom_http_handler_add_coding(handler, &coding));
    begin(*state, handler, "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: thin\r\n\r\n");
    while (run()) {
        all += thinned;
        assert_in_range(thinned, 0, TURN + 2 * 4 * BUFFER);
    }
    assert_int_equal(all, len);
    end(handler);
}

#define GET_GZIP "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n"

/* A page is more than sixteen times what it is coded, so that a buffer of it is a turn. */
static void test_turn_makes_no_more_for_gzip(void **state)
{
    size_t len = add_series(*state);
    cprom_http_handler *handler = handler_of(*state);
    begin(*state, handler, GET_GZIP);
    while (run()) {
        if (!peer.n) continue; /* it waits for its turn */
        if (!strstr(peer.got, "Content-Encoding: gzip")) break;
        assert_in_range(peer.sent, 0, BUFFER + HEADS);
    }
    bool gzip = peer.n < len;
    if (gzip) assert_in_range(peer.n, BUFFER + HEADS, len / 16);
    end(handler);
    if (!gzip) ct_skip("the library is built without gzip");
}

/* Nor does it answer one such request after the other. */
static void test_turn_answers_no_more_requests_for_large_pages(void **state)
{
    add_series(*state);
    cprom_http_handler *handler = handler_of(*state);
    begin(*state, handler, GET_GZIP GET_GZIP GET_GZIP);
    size_t heads = 0;
    while (run()) {
        heads += peer.heads;
        assert_in_range(peer.heads, 0, 1);
    }
    assert_int_equal(heads, 3);
    end(handler);
}

int group_turns(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_turn_sends_a_bounded_part_of_a_page),
        TEST(test_turn_makes_no_more_for_a_coding_of_the_programs),
        TEST(test_turn_makes_no_more_for_gzip),
        TEST(test_turn_answers_no_more_requests_for_large_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
