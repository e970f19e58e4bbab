/* One connection of the server. */
#define _GNU_SOURCE /* what belongs to POSIX, as in server.c */

#include "http/conn.h"

#include <errno.h>
#include <string.h>

#include "http/handler.h"
#include "http/response.h"
#include "http/sys.h"

#define CONN_SECOND INT64_C(1000000000)
#define CONN_LINGER_NS CONN_SECOND
#define CONN_FRESH_NS CONN_SECOND /* a request that is younger is not thought late, nor a response slow */
#define CONN_TURN_BYTES 1000000u  /* once so many of pages were made in one run, no more are, coded or not … */
#define CONN_TURN_REQUESTS 16     /* … and so many pipelined requests answered */

struct cprom__conn *cprom__conn_new(const struct cprom__conn_rules *rules, int fd)
{
    struct cprom__conn *conn = cprom__alloc(&rules->registry->allocator, sizeof *conn + rules->head_max);
    if (!conn) return NULL;
    memset(conn, 0, sizeof *conn);
    conn->fd = fd;
    conn->since = cprom__monotonic_now(rules->registry);
    return conn;
}

void cprom__conn_free(const struct cprom__conn_rules *rules, struct cprom__conn *conn)
{
    cprom_http_response_free(conn->response);
    cprom__release(&rules->registry->allocator, conn, sizeof *conn + rules->head_max);
}

static void conn_enter(struct cprom__conn *conn, enum cprom__conn_state state, int64_t now)
{
    conn->state = state;
    conn->since = conn->progress = now;
    conn->sent = 0;
    conn->wait = state == CPROM__CONN_WRITING ? CPROM__CONN_TO_WRITE : CPROM__CONN_TO_READ;
}

/* Bytes of `in` that are done with. */
static void conn_drop(struct cprom__conn *conn, size_t n)
{
    conn->len -= n;
    if (conn->len) memmove(conn->in, conn->in + n, conn->len);
}

/* ---- in ---- */

/* The response to what can be read no further: nothing is taken from this connection any more. */
static void conn_refuse(const struct cprom__conn_rules *rules, struct cprom__conn *conn,
                        const cprom_http_request *request, int status)
{
    conn->len = conn->skip = 0;
    if (cprom__http_refuse(rules->handler, request, status, &conn->response)) conn->wait = CPROM__CONN_OVER;
}

static void conn_answer(const struct cprom__conn_rules *rules, struct cprom__conn *conn,
                        const struct cprom__http_head *head, int status)
{
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    request.method = head->method;
    request.target = head->target;
    request.http_1_0 = head->http_1_0;
    request.close = head->close || status;
    request.accept = head->accept;
    request.accept_encoding = head->accept_encoding;
    request.scrape_timeout = head->scrape_timeout;
    request.authorization = head->authorization;
    if (status) {
        conn_refuse(rules, conn, head->method ? &request : NULL, status);
        return;
    }
    conn->skip = head->body;
    cprom_status failed;
    if (rules->authorize && !rules->authorize(rules->authorize_ctx, &request)) {
        failed = cprom__http_refuse(rules->handler, &request, 401, &conn->response);
    } else {
        failed = cprom__http_handle(rules->handler, &request, rules->stopping, &conn->response);
    }
    if (failed) conn->wait = CPROM__CONN_OVER;
}

/* false: it must wait for its turn first. */
static bool conn_take_head(const struct cprom__conn_rules *rules, struct cprom__conn *conn, char *room)
{
    struct cprom__http_head head;
    size_t begin = conn->scan.begin, end = conn->scan.done;
    bool is_its_turn = conn->wait == CPROM__CONN_TO_ANSWER;
    int status = cprom__http_parse(conn->in + begin, end - begin, room, &head);
    if (!status && !is_its_turn && cprom__http_takes_long(rules->handler, head.method, head.target)) {
        conn->wait = CPROM__CONN_TO_ANSWER;
        return false;
    }
    conn_drop(conn, end);
    conn_answer(rules, conn, &head, status);
    return true;
}

/* Makes a response if the bytes that are there are a request, or none. */
static void conn_take_request(const struct cprom__conn_rules *rules, struct cprom__conn *conn, char *room)
{
    size_t skip = conn->skip < conn->len ? conn->skip : conn->len;
    conn_drop(conn, skip);
    conn->skip -= skip;
    conn->unread = false;
    enum cprom__http_found found = CPROM__HTTP_HEAD; /* as it was when the wait for the turn began */
    if (conn->wait != CPROM__CONN_TO_ANSWER) {
        found = cprom__http_scan(&conn->scan, conn->in, conn->len, rules->head_max);
    }
    switch (found) {
    case CPROM__HTTP_MORE:
        conn->wait = CPROM__CONN_TO_READ;
        if (conn->state == CPROM__CONN_IDLE && (conn->len || conn->skip)) {
            conn_enter(conn, CPROM__CONN_READING, cprom__monotonic_now(rules->registry));
        }
        return;
    case CPROM__HTTP_BAD: conn_refuse(rules, conn, NULL, 400); break;
    case CPROM__HTTP_LONG_LINE: conn_refuse(rules, conn, NULL, 414); break;
    case CPROM__HTTP_LONG_HEAD: conn_refuse(rules, conn, NULL, 431); break;
    case CPROM__HTTP_HEAD:
        if (!conn_take_head(rules, conn, room)) return;
        break;
    }
    memset(&conn->scan, 0, sizeof conn->scan);
    if (conn->response) conn_enter(conn, CPROM__CONN_WRITING, cprom__monotonic_now(rules->registry));
}

/* One recv() into `in`, or into nowhere. false: there is nothing to do now. */
static bool conn_receive(struct cprom__conn *conn, char *to, size_t room, size_t *n)
{
    ssize_t got = CPROM__SYS(recv)(conn->fd, to, room, 0);
    *n = got > 0 ? (size_t)got : 0;
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) return false;
    if (got <= 0) conn->wait = CPROM__CONN_OVER;
    return got > 0;
}

/* ---- out ---- */

static void conn_finish(struct cprom__conn *conn, int64_t now)
{
    bool close_it = cprom_http_response_must_close(conn->response);
    cprom_http_response_free(conn->response);
    conn->response = NULL;
    if (!close_it) {
        conn_enter(conn, conn->len || conn->skip ? CPROM__CONN_READING : CPROM__CONN_IDLE, now);
        conn->unread = conn->len > 0;
        return;
    }
    conn->len = conn->skip = 0;
    conn_enter(conn, CPROM__CONN_LINGERS, now);
    if (shutdown(conn->fd, SHUT_WR) != 0) conn->wait = CPROM__CONN_OVER;
}

/*
 * Sends what the peer takes, and makes more of it while the turn lasts. `now` is when this began: near enough for what
 * comes next, since nothing here waits.
 */
static void conn_send_some(const struct cprom__conn_rules *rules, struct cprom__conn *conn, int64_t now, uint64_t *turn)
{
    const char *bytes;
    size_t n;
    bool moved = false;
    while (*turn < CONN_TURN_BYTES || cprom__http_response_is_ready(conn->response)) {
        uint64_t work = conn->response->work;
        bool more = cprom_http_response_next(conn->response, &bytes, &n);
        *turn += conn->response->work - work;
        if (!more) {
            conn_finish(conn, now);
            return;
        }
        ssize_t sent = CPROM__SYS(send)(conn->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) {
            conn->wait = CPROM__CONN_OVER;
            return;
        }
        if (sent <= 0) break;
        cprom_http_response_sent(conn->response, (size_t)sent);
        conn->sent += (size_t)sent;
        moved = true;
    }
    if (moved) conn->progress = cprom__monotonic_now(rules->registry);
}

void cprom__conn_run(const struct cprom__conn_rules *rules, struct cprom__conn *conn, char *room)
{
    uint64_t turn = 0;
    size_t n;
    if (conn->state == CPROM__CONN_LINGERS) {
        conn_receive(conn, room, rules->head_max, &n);
        return;
    }
    if (conn->late && !conn->response) {
        conn_refuse(rules, conn, NULL, 408);
        if (!conn->response) return;
        conn_enter(conn, CPROM__CONN_WRITING, cprom__monotonic_now(rules->registry));
    } else if (!conn->response && !conn->unread && conn->wait != CPROM__CONN_TO_ANSWER) {
        if (!conn_receive(conn, conn->in + conn->len, rules->head_max - conn->len, &n)) return;
        conn->len += n;
    }
    int64_t now = conn->response ? cprom__monotonic_now(rules->registry) : 0;
    for (int i = 0; i < CONN_TURN_REQUESTS && turn < CONN_TURN_BYTES; i++) {
        if (!conn->response) {
            conn_take_request(rules, conn, room);
            if (!conn->response) return;
            turn += conn->response->work;
            now = conn->since;
        }
        conn_send_some(rules, conn, now, &turn);
        if (conn->response || conn->wait == CPROM__CONN_OVER || !conn->unread) return;
    }
    /* Others have their turn, and then this one goes on: there is room to write, or else it waits for that first. */
    conn->wait = CPROM__CONN_TO_WRITE;
}

/* ---- time ---- */

int64_t cprom__conn_deadline(const struct cprom__conn_rules *rules, const struct cprom__conn *conn)
{
    switch (conn->state) {
    case CPROM__CONN_READING: return conn->since + rules->head_ns;
    case CPROM__CONN_IDLE: return conn->since + rules->idle_ns;
    case CPROM__CONN_LINGERS: return conn->since + CONN_LINGER_NS;
    case CPROM__CONN_WRITING: break;
    }
    int64_t stalled = conn->progress + rules->stall_ns, whole = conn->since + rules->response_ns;
    return stalled < whole ? stalled : whole;
}

bool cprom__conn_is_late(struct cprom__conn *conn)
{
    conn->late = conn->state == CPROM__CONN_READING && conn->len && !conn->skip;
    return conn->late;
}

bool cprom__conn_holds_page(const struct cprom__conn *conn, int64_t now)
{
    return conn->state == CPROM__CONN_WRITING && conn->response->is_scrape && now - conn->progress >= CONN_FRESH_NS;
}

enum conn_rank {
    CONN_RANK_LINGERS,
    CONN_RANK_IDLE,
    CONN_RANK_LATE,    /* a request that is not whole after a second */
    CONN_RANK_STALLED, /* a response of which nothing was taken for a second */
    CONN_RANK_READING,
    CONN_RANK_SENDING,
    CONN_RANK_FRESH /* a response that has only begun */
};

static enum conn_rank conn_rank(const struct cprom__conn *conn, int64_t now)
{
    bool fresh = now - conn->since < CONN_FRESH_NS;
    switch (conn->state) {
    case CPROM__CONN_LINGERS: return CONN_RANK_LINGERS;
    case CPROM__CONN_READING: return fresh ? CONN_RANK_READING : CONN_RANK_LATE;
    case CPROM__CONN_WRITING: break;
    case CPROM__CONN_IDLE: return CONN_RANK_IDLE;
    }
    if (fresh) return CONN_RANK_FRESH;
    return now - conn->progress < CONN_FRESH_NS ? CONN_RANK_SENDING : CONN_RANK_STALLED;
}

/* Bytes per second, of one that is not fresh. */
static double conn_speed(const struct cprom__conn *conn, int64_t now)
{
    return (double)conn->sent * 1e9 / (double)(now - conn->since);
}

bool cprom__conn_goes_before(const struct cprom__conn *a, const struct cprom__conn *b, int64_t now)
{
    enum conn_rank x = conn_rank(a, now), y = conn_rank(b, now);
    if (x != y) return x < y;
    if (x == CONN_RANK_STALLED) return a->progress < b->progress;
    if (x == CONN_RANK_SENDING) return conn_speed(a, now) < conn_speed(b, now);
    /* A crowd makes room for itself, and not at the cost of others. */
    if (a->peer->conns != b->peer->conns) return a->peer->conns > b->peer->conns;
    return a->since < b->since;
}
