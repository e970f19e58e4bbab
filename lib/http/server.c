/* Starting and stopping the server. */
#define _GNU_SOURCE /* pipe2 */

#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/opts.h"
#include "base/seconds.h"
#include "base/unwind.h"
#include "http/loop.h"
#include "http/servers.h"
#include "http/sys.h"

#define SERVER_ADDRESS "127.0.0.1:9464" /* by default */
#define SERVER_THREADS_MAX 64u
#define SERVER_CONNECTIONS_MAX 65536u
#define SERVER_HEAD_MAX ((size_t)1 << 20)

static cprom_status server_refuse(struct cprom_registry *registry, cprom_status status, const char *what,
                                  const char *why)
{
    struct cprom__line line;
    int error = errno;
    cprom__line_join(&line, "HTTP server refused: ", what, why, (char *)NULL);
    cprom__log(registry, &line);
    errno = error;
    return status;
}

/* ---- options ---- */

static bool server_read_size(size_t value, size_t standard, size_t max, size_t *out)
{
    *out = value ? value : standard;
    return value <= max;
}

static bool server_read_seconds(double value, double standard, int64_t *nanoseconds)
{
    double seconds = value > 0 ? value : standard;
    *nanoseconds = cprom__nanoseconds(seconds < CPROM__SECONDS_MAX ? seconds : CPROM__SECONDS_MAX);
    return value >= 0;
}

/* Returns what is wrong; NULL: nothing. */
static const char *server_read_opts(struct cprom_http_server *server, const cprom_http_server_opts *o)
{
    struct cprom__conn_rules *rules = &server->rules;
    rules->handler = o->handler;
    rules->authorize = o->authorize;
    rules->authorize_ctx = o->authorize_ctx;
    if (!server_read_size(o->threads, 1, SERVER_THREADS_MAX, &server->n_threads)) return "more than 64 threads";
    if (!server_read_size(o->max_connections, 64, SERVER_CONNECTIONS_MAX, &server->conns_max))
        return "max_connections is over 65536";
    server->peer_conns_max = o->max_connections_per_peer;
    if (!server_read_size(o->max_header_bytes, 8192, SERVER_HEAD_MAX, &rules->head_max))
        return "max_header_bytes is over 1 MiB";
    if (!server_read_seconds(o->header_seconds, 5, &rules->head_ns)) return "header_seconds is negative or NaN";
    if (!server_read_seconds(o->idle_seconds, 60, &rules->idle_ns)) return "idle_seconds is negative or NaN";
    if (!server_read_seconds(o->stall_seconds, 30, &rules->stall_ns)) return "stall_seconds is negative or NaN";
    if (!server_read_seconds(o->response_seconds, 120, &rules->response_ns))
        return "response_seconds is negative or NaN";
    if (o->listen_fd < 0) return "listen_fd is negative";
    if (o->listen_fd && o->address) return "listen_fd and address";
    if (o->unix_mode > 0777) return "unix_mode is over 0777";
    if (o->unix_mode && !(o->address && cprom__address_is_unix(o->address))) return "unix_mode without a unix socket";
    return NULL;
}

/* ---- making and freeing ---- */

/* One block of memory for all arrays; they die together. */
struct server_memory {
    size_t fds, threads, slots, peers, polled, slots_polled, rooms, all;
};

static size_t server_aligned(size_t bytes) { return (bytes + 15) & ~(size_t)15; }

static struct server_memory server_memory_of(const struct cprom_http_server *server)
{
    size_t conns = server->conns_max;
    struct server_memory m;
    m.fds = server_aligned(sizeof *server);
    /* One slot more: a connection is accepted before it is in the place of another. */
    m.threads = m.fds + server_aligned((CPROM__FD_CONNS + conns + 1) * sizeof *server->fds);
    m.slots = m.threads + server_aligned(server->n_threads * sizeof *server->threads);
    m.peers = m.slots + server_aligned((conns + 1) * sizeof(struct cprom__conn *));
    m.polled = m.peers + server_aligned((conns + 1) * sizeof(struct cprom__peer));
    m.slots_polled = m.polled + server_aligned((conns + 2) * sizeof *server->polled);
    m.rooms = m.slots_polled + server_aligned((conns + 2) * sizeof *server->slots_polled);
    m.all = m.rooms + server->n_threads * server->rules.head_max;
    return m;
}

static void *server_at(struct cprom_http_server *server, size_t offset) { return (char *)server + offset; }

static struct cprom_http_server *server_new(struct cprom_registry *registry, const struct cprom_http_server *read)
{
    struct server_memory m = server_memory_of(read);
    struct cprom_http_server *server = cprom__alloc_zeroed(&registry->allocator, m.all);
    if (!server) return NULL;
    server->rules = read->rules;
    server->rules.registry = registry;
    server->rules.stopping = &server->stopping;
    server->conns_max = read->conns_max;
    server->peer_conns_max = read->peer_conns_max;
    server->n_threads = read->n_threads;
    server->fds = server_at(server, m.fds);
    server->threads = server_at(server, m.threads);
    server->slots = server_at(server, m.slots);
    server->peers.all = server_at(server, m.peers);
    server->polled = server_at(server, m.polled);
    server->slots_polled = server_at(server, m.slots_polled);
    server->rooms = server_at(server, m.rooms);
    server->process = getpid();
    for (size_t i = 0; i < CPROM__FD_CONNS + server->conns_max + 1; i++) atomic_init(&server->fds[i], -1);
    server->listener.fd = server->listener.path.lock = -1;
    cprom__stop_init(&server->stopping);
    pthread_mutex_init(&server->lock, NULL);
    pthread_cond_init(&server->turn, NULL);
    cprom__registry_ref(registry);
    return server;
}

static void server_note_listener(struct cprom_http_server *server)
{
    atomic_store_explicit(&server->fds[CPROM__FD_LISTENER], server->listener.fd, memory_order_relaxed);
    atomic_store_explicit(&server->fds[CPROM__FD_LOCK], server->listener.path.lock, memory_order_relaxed);
}

/* No thread of it runs. */
static void server_free(struct cprom_http_server *server)
{
    int error = errno;
    struct cprom_registry *registry = server->rules.registry;
    for (size_t i = server->n_slots; i-- > 0;) {
        if (i < server->n_slots && server->slots[i]) cprom__http_server_drop(server, server->slots[i]);
    }
    cprom__http_server_dispose(server, server->closed);
    cprom__servers_lock();
    cprom__listener_close(&server->listener);
    server_note_listener(server);
    cprom__servers_close(server);
    cprom__servers_unlock();
    cprom__servers_remove(server);
    cprom_http_handler_free(server->own_handler);
    pthread_cond_destroy(&server->turn);
    pthread_mutex_destroy(&server->lock);
    cprom__stop_destroy(&server->stopping);
    cprom__release(&registry->allocator, server, server_memory_of(server).all);
    cprom__registry_unref(registry);
    errno = error;
}

/* ---- starting ---- */

/* Under the lock of servers.h. */
static cprom_status server_open_fds(struct cprom_http_server *server, const cprom_http_server_opts *o)
{
    int pipes[2];
    if (pipe2(pipes, O_CLOEXEC | O_NONBLOCK) != 0) return CPROM_ESYS;
    atomic_store_explicit(&server->fds[CPROM__FD_WAKE_READ], pipes[0], memory_order_relaxed);
    atomic_store_explicit(&server->fds[CPROM__FD_WAKE_WRITE], pipes[1], memory_order_relaxed);
    cprom_status status = o->listen_fd ? cprom__listener_adopt(&server->listener, o->listen_fd)
                                       : cprom__listener_open(&server->listener, o->address, o->unix_mode);
    server_note_listener(server);
    return status;
}

static cprom_status server_open(struct cprom_http_server *server, const cprom_http_server_opts *o)
{
    cprom_status status = cprom__servers_add(server);
    if (status) return status;
    cprom__servers_lock();
    status = server_open_fds(server, o);
    cprom__servers_unlock();
    return status;
}

static void server_join_threads(struct cprom_http_server *server, size_t n)
{
    cprom__stop_ask(&server->stopping);
    pthread_mutex_lock(&server->lock); /* who waits at `turn` has seen it, or is woken */
    pthread_cond_broadcast(&server->turn);
    pthread_mutex_unlock(&server->lock);
    cprom__http_server_wake(server);
    for (size_t i = 0; i < n; i++) pthread_join(server->threads[i], NULL);
    pthread_mutex_lock(&server->lock);
    while (server->leaving) pthread_cond_wait(&server->turn, &server->lock);
    pthread_mutex_unlock(&server->lock);
}

static cprom_status server_start_threads(struct cprom_http_server *server)
{
    sigset_t all, old;
    sigfillset(&all);
    int error = pthread_sigmask(SIG_SETMASK, &all, &old); /* the program's signals are for its own threads */
    size_t n = 0;
    pthread_mutex_lock(&server->lock); /* none begins before all are known */
    while (!error && n < server->n_threads) {
        error = CPROM__SYS(pthread_create)(&server->threads[n], NULL, cprom__http_server_run, server);
        if (!error) n++;
    }
    pthread_mutex_unlock(&server->lock);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!error) return CPROM_OK;
    server_join_threads(server, n);
    errno = error;
    return CPROM_ESYS;
}

cprom_status cprom_http_server_start(cprom_registry *registry, const cprom_http_server_opts *opts,
                                     cprom_http_server **out)
{
    cprom_http_server_opts o = CPROM_INIT(cprom_http_server_opts);
    struct cprom_http_server read;
    if (out) *out = NULL;
    if (!registry || !out) return CPROM_EINVAL;
    CPROM__UNCANCELLED;
    if (opts && !cprom__opts_read(&o, sizeof o, opts)) {
        return server_refuse(registry, CPROM_EINVAL, "size is not one that this library knows", "");
    }
    memset(&read, 0, sizeof read);
    const char *wrong = server_read_opts(&read, &o);
    if (wrong) return server_refuse(registry, CPROM_EINVAL, wrong, "");
    if (!o.address) o.address = SERVER_ADDRESS;

    struct cprom_http_server *server = server_new(registry, &read);
    if (!server) return CPROM_ENOMEM;
    cprom_status status = CPROM_OK;
    if (!server->rules.handler) {
        status = cprom_http_handler_new(registry, NULL, &server->own_handler);
        server->rules.handler = server->own_handler;
    }
    if (!status) {
        const char *where = o.listen_fd ? "listen_fd" : o.address;
        status = server_open(server, &o);
        if (status == CPROM_EINVAL) server_refuse(registry, status, "nothing to listen at: ", where);
        else if (status == CPROM_ESYS) server_refuse(registry, status, "cannot listen at ", where);
    }
    if (!status) status = server_start_threads(server);
    if (status) server_free(server);
    else *out = server;
    return status;
}

/* ---- ending ---- */

const char *cprom_http_server_address(const cprom_http_server *server)
{
    return server ? server->listener.address : "";
}

cprom_status cprom_http_server_stop(cprom_http_server *server)
{
    if (!server) return CPROM_OK;
    CPROM__UNCANCELLED;
    if (server->process != getpid()) { /* the child of a fork: there are no threads, and who knows what they held */
        cprom_http_server_after_fork(server);
        return CPROM_OK;
    }
    if (!cprom__servers_may_stop(server)) return CPROM_EBUSY;
    server_join_threads(server, server->n_threads);
    server_free(server);
    return CPROM_OK;
}

void cprom_http_server_after_fork(cprom_http_server *server)
{
    if (!server || server->process == getpid()) return;
    CPROM__UNCANCELLED;
    cprom__servers_close(server);
}
