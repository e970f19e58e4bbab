/* The threads that serve connections. */
#define _GNU_SOURCE /* accept4 */

#include "http/loop.h"

#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/unwind.h"
#include "http/handler.h"
#include "http/servers.h"
#include "http/sys.h"

#define LOOP_ACCEPTS_MAX 16              /* in one turn, so that the others have theirs */
#define LOOP_PAUSE_NS INT64_C(100000000) /* after accept() failed, or poll() */
#define LOOP_POLL_MAX_NS INT64_C(60000000000)

#ifdef CPROM_SEAMS
struct cprom__http_sys cprom__http_sys = {accept4, recv, send, poll, pthread_create};
#endif

static int64_t loop_now_of(const struct cprom_http_server *server)
{
    return cprom__monotonic_now(server->rules.registry);
}

void cprom__http_server_wake(struct cprom_http_server *server)
{
    int error = errno;
    /* Non-blocking: a full pipe wakes as well. */
    ssize_t n = write(atomic_load_explicit(&server->fds[CPROM__FD_WAKE_WRITE], memory_order_relaxed), "", 1);
    (void)n;
    errno = error;
}

/* ---- connections; under the lock ---- */

static void loop_enqueue(struct cprom__queue *queue, struct cprom__conn *conn)
{
    conn->queued = true;
    conn->next = NULL;
    if (queue->last) queue->last->next = conn;
    else queue->first = conn;
    queue->last = conn;
}

static struct cprom__conn *loop_dequeue(struct cprom__queue *queue)
{
    struct cprom__conn *conn = queue->first;
    if (conn && !(queue->first = conn->next)) queue->last = NULL;
    return conn;
}

/* A fork must not keep it open in the child. */
static void loop_close(struct cprom_http_server *server, size_t slot)
{
    cprom__servers_lock();
    close(atomic_exchange_explicit(&server->fds[CPROM__FD_CONNS + slot], -1, memory_order_relaxed));
    cprom__servers_unlock();
}

void cprom__http_server_drop(struct cprom_http_server *server, struct cprom__conn *conn)
{
    server->slots[conn->slot] = NULL;
    server->n_conns--;
    conn->peer->conns--;
    while (server->n_slots && !server->slots[server->n_slots - 1]) server->n_slots--;
    loop_close(server, conn->slot);
    conn->next = server->closed;
    server->closed = conn;
}

void cprom__http_server_dispose(struct cprom_http_server *server, struct cprom__conn *closed)
{
    while (closed) {
        struct cprom__conn *conn = closed;
        closed = conn->next;
        cprom__conn_free(&server->rules, conn);
    }
}

/* The one that must go when another comes, of a peer's (NULL: of all); NULL: threads have them all. */
static struct cprom__conn *loop_victim(struct cprom_http_server *server, const struct cprom__peer *of, int64_t now)
{
    struct cprom__conn *worst = NULL;
    for (size_t i = 0; i < server->n_slots; i++) {
        struct cprom__conn *conn = server->slots[i];
        if (!conn || conn->queued || (of && conn->peer != of)) continue;
        if (!worst || cprom__conn_goes_before(conn, worst, now)) worst = conn;
    }
    return worst;
}

/* Accepts into a slot that is free. */
static int loop_accept(struct cprom_http_server *server, size_t slot, struct sockaddr_storage *from)
{
    socklen_t len = sizeof *from;
    memset(from, 0, sizeof *from);
    cprom__servers_lock();
    int listener = atomic_load_explicit(&server->fds[CPROM__FD_LISTENER], memory_order_relaxed);
    int fd = CPROM__SYS(accept4)(listener, (struct sockaddr *)from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC), error = errno;
    atomic_store_explicit(&server->fds[CPROM__FD_CONNS + slot], fd, memory_order_relaxed);
    cprom__servers_unlock();
    errno = error;
    return fd;
}

static size_t loop_free_slot(const struct cprom_http_server *server)
{
    size_t slot = 0;
    while (server->slots[slot]) slot++;
    return slot;
}

static void loop_add(struct cprom_http_server *server, size_t slot, int fd, struct cprom__peer *peer)
{
    struct cprom__conn *conn = cprom__conn_new(&server->rules, fd);
    if (!conn) {
        loop_close(server, slot);
        return;
    }
    conn->slot = slot;
    conn->peer = peer;
    peer->conns++;
    server->slots[slot] = conn;
    server->n_conns++;
    if (slot >= server->n_slots) server->n_slots = slot + 1;
    loop_enqueue(&server->ready, conn); /* mostly its request is there already */
}

/* `goes`: who makes room for it; NULL: there is some. Of a peer at its limit, one of its own does. */
static void loop_place(struct cprom_http_server *server, size_t slot, int fd, struct cprom__peer *peer,
                       struct cprom__conn *goes, int64_t now)
{
    if (server->peer_conns_max && peer->conns >= server->peer_conns_max) {
        goes = loop_victim(server, peer, now);
        if (!goes) {
            loop_close(server, slot);
            return;
        }
    }
    if (goes) cprom__http_server_drop(server, goes);
    loop_add(server, slot, fd, peer);
}

static void loop_accept_some(struct cprom_http_server *server, int64_t now)
{
    for (int i = 0; i < LOOP_ACCEPTS_MAX; i++) {
        bool full = server->n_conns >= server->conns_max;
        struct cprom__conn *goes = full ? loop_victim(server, NULL, now) : NULL;
        if (full && !goes) return;
        size_t slot = loop_free_slot(server);
        struct sockaddr_storage from;
        int fd = loop_accept(server, slot, &from);
        if (fd >= 0) {
            loop_place(server, slot, fd, cprom__peers_find(&server->peers, &from), goes, now);
            continue;
        }
        switch (errno) {
        case EAGAIN: return;
        case EINTR:
        case ECONNABORTED: continue;
        default: server->accept_from = now + LOOP_PAUSE_NS; return; /* no descriptors, no memory: it would spin */
        }
    }
}

/* ---- polling ---- */

/* Fills `polled` with what waits; returns how many, and until when at most. Under the lock. */
static size_t loop_prepare(struct cprom_http_server *server, int64_t now, int64_t *until)
{
    size_t n = 2, idle = 0;
    *until = now + LOOP_POLL_MAX_NS;
    for (size_t i = 0; i < server->n_slots; i++) {
        struct cprom__conn *conn = server->slots[i];
        if (!conn || conn->queued) continue;
        idle++;
        int64_t deadline = cprom__conn_deadline(&server->rules, conn);
        if (deadline < *until) *until = deadline;
        server->slots_polled[n] = i;
        server->polled[n].fd = conn->fd;
        server->polled[n].events = conn->wait == CPROM__CONN_TO_WRITE ? POLLOUT : POLLIN;
        n++;
    }
    bool accepts = idle || server->n_conns < server->conns_max;
    if (now < server->accept_from) {
        accepts = false;
        if (server->accept_from < *until) *until = server->accept_from;
    }
    server->polled[0].fd = atomic_load_explicit(&server->fds[CPROM__FD_WAKE_READ], memory_order_relaxed);
    server->polled[0].events = POLLIN;
    server->polled[1].fd = accepts ? atomic_load_explicit(&server->fds[CPROM__FD_LISTENER], memory_order_relaxed) : -1;
    server->polled[1].events = POLLIN;
    return n;
}

/* In milliseconds, rounded up. */
static int loop_timeout_of(int64_t now, int64_t until)
{
    int64_t left = until - now;
    if (left <= 0) return 0;
    return (int)((left < LOOP_POLL_MAX_NS ? left : LOOP_POLL_MAX_NS) / 1000000 + 1);
}

/* Ends those that took too long. Under the lock. */
static void loop_expire(struct cprom_http_server *server, int64_t now)
{
    for (size_t i = server->n_slots; i-- > 0;) {
        struct cprom__conn *conn = i < server->n_slots ? server->slots[i] : NULL;
        if (!conn || conn->queued || now < cprom__conn_deadline(&server->rules, conn)) continue;
        if (cprom__conn_is_late(conn)) loop_enqueue(&server->ready, conn);
        else cprom__http_server_drop(server, conn);
    }
}

static void loop_poll_once(struct cprom_http_server *server)
{
    int64_t now = loop_now_of(server), until;
    size_t n = loop_prepare(server, now, &until);
    bool waits = !server->to_answer.first;
    server->polling = true;
    pthread_mutex_unlock(&server->lock);

    int ready = CPROM__SYS(poll)(server->polled, (nfds_t)n, waits ? loop_timeout_of(now, until) : 0);
    if (ready < 0 && errno != EINTR) {
        struct timespec pause = {0, LOOP_PAUSE_NS / 10};
        nanosleep(&pause, NULL);
    }
    if (ready > 0 && server->polled[0].revents) {
        char bytes[64];
        while (read(server->polled[0].fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes) {
        }
    }

    pthread_mutex_lock(&server->lock);
    server->polling = false;
    server->polled_since = true;
    for (size_t i = 2; i < n && ready > 0; i++) {
        if (server->polled[i].revents) loop_enqueue(&server->ready, server->slots[server->slots_polled[i]]);
    }
    now = loop_now_of(server);
    if (ready > 0 && server->polled[1].revents) loop_accept_some(server, now);
    if (now >= until) loop_expire(server, now);
}

/* ---- a thread ---- */

/* One run of a connection. */
struct loop_work {
    struct cprom_http_server *server;
    struct cprom__conn *conn;
    bool returned;
};

/* Takes the lock, in whatever way the run has ended. */
static void loop_end_work(struct loop_work *work)
{
    struct cprom_http_server *server = work->server;
    struct cprom__conn *conn = work->conn;
    pthread_mutex_lock(&server->lock);
    conn->queued = false;
    if (!work->returned || conn->wait == CPROM__CONN_OVER) cprom__http_server_drop(server, conn);
    else if (conn->wait == CPROM__CONN_TO_ANSWER) loop_enqueue(&server->to_answer, conn);
    if (server->polling && !conn->queued) cprom__http_server_wake(server); /* it polls without this connection */
}

static void loop_work(struct cprom_http_server *server, struct cprom__conn *conn, char *room)
{
    pthread_mutex_unlock(&server->lock);
    CPROM__AT_END(loop_end_work) struct loop_work work = {server, conn, false};
    cprom__conn_run(&server->rules, conn, room);
    work.returned = true;
}

/* Who serves. */
struct loop_thread {
    struct cprom_http_server *server;
    char *room;
    bool done;      /* the server stops */
    bool succeeded; /* by another thread */
};

static void loop_serve(struct cprom_http_server *server, char *room);

/* Another thread goes on with the room of one that a callback has ended. That one waits until this has begun. */
static void *loop_succeed(void *arg)
{
    struct loop_thread *before = arg, thread = *before;
    CPROM__UNCANCELLED;
    pthread_mutex_lock(&thread.server->lock);
    before->succeeded = true;
    pthread_cond_broadcast(&thread.server->turn);
    loop_serve(thread.server, thread.room);
    return NULL;
}

/* With the lock, which it gives back. Where there is no thread to be had, the server has one less. */
static void loop_end_thread(struct loop_thread *thread)
{
    struct cprom_http_server *server = thread->server;
    pthread_t next, self = pthread_self();
    if (!thread->done && !cprom__stop_asked(&server->stopping) &&
        CPROM__SYS(pthread_create)(&next, NULL, loop_succeed, thread) == 0) {
        size_t i = 0;
        while (!pthread_equal(server->threads[i], self)) i++;
        server->threads[i] = next;
        pthread_detach(self);
        cprom__servers_mine = NULL;
        server->leaving++;
        while (!thread->succeeded) pthread_cond_wait(&server->turn, &server->lock);
        server->leaving--;
    }
    pthread_cond_broadcast(&server->turn); /* somebody must poll */
    pthread_mutex_unlock(&server->lock);
}

/* Of those that keep the next page from being made, ends the one that has taken nothing for longest. */
static bool loop_end_holder(struct cprom_http_server *server)
{
    if (!server->to_answer.first || !cprom__http_is_full(server->rules.handler)) return false;
    struct cprom__conn *worst = NULL;
    int64_t now = loop_now_of(server);
    for (size_t i = 0; i < server->n_slots; i++) {
        struct cprom__conn *conn = server->slots[i];
        if (!conn || conn->queued || !cprom__conn_holds_page(conn, now)) continue;
        if (!worst || conn->progress < worst->progress) worst = conn;
    }
    if (worst) cprom__http_server_drop(server, worst);
    return worst != NULL;
}

/* Between two of these somebody polls: whose answer takes no time does not wait for all of them. */
static struct cprom__conn *loop_dequeue_to_answer(struct cprom_http_server *server)
{
    server->polled_since = false;
    return loop_dequeue(&server->to_answer);
}

/* With the lock, which it gives back. */
static void loop_serve(struct cprom_http_server *server, char *room)
{
    CPROM__AT_END(loop_end_thread) struct loop_thread thread = {.server = server, .room = room};
    cprom__servers_mine = server;
    while (!cprom__stop_asked(&server->stopping)) {
        struct cprom__conn *closed = server->closed, *conn = closed ? NULL : loop_dequeue(&server->ready);
        if (!closed && !conn && !server->polling && !(server->to_answer.first && server->polled_since)) {
            loop_poll_once(server);
            continue;
        }
        if (!closed && !conn && loop_end_holder(server)) continue;
        if (!closed && !conn) conn = loop_dequeue_to_answer(server);
        if (!closed && !conn) {
            server->waiting++;
            pthread_cond_wait(&server->turn, &server->lock);
            server->waiting--;
            continue;
        }
        /* Whoever waits takes over the rest of the queue, or the polling. */
        if (server->waiting && (server->ready.first || server->to_answer.first || !server->polling))
            pthread_cond_signal(&server->turn);
        if (conn) {
            loop_work(server, conn, room);
            continue;
        }
        server->closed = NULL;
        pthread_mutex_unlock(&server->lock);
        cprom__http_server_dispose(server, closed);
        pthread_mutex_lock(&server->lock);
    }
    thread.done = true;
}

void *cprom__http_server_run(void *arg)
{
    struct cprom_http_server *server = arg;
    CPROM__UNCANCELLED; /* a callback may know which thread it runs on */
    pthread_mutex_lock(&server->lock);
    loop_serve(server, server->rooms + server->rules.head_max * server->rooms_taken++);
    return NULL;
}
