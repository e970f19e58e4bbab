/* The servers of the process: what a fork closes in the child, and who stops whom. */
#define _GNU_SOURCE /* what belongs to POSIX, as in server.c */

#include "http/servers.h"

#include <errno.h>
#include <unistd.h>

#include "base/unwind.h"

_Thread_local struct cprom_http_server *cprom__servers_mine CPROM__TLS;

static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER; /* guards the next two, and who stops whom */
static struct cprom_http_server *servers_first;
static bool servers_mind_forks;

void cprom__servers_lock(void) { pthread_mutex_lock(&servers_lock); }

void cprom__servers_unlock(void) { pthread_mutex_unlock(&servers_lock); }

void cprom__servers_close(struct cprom_http_server *server)
{
    int error = errno;
    for (size_t i = 0; i < CPROM__FD_CONNS + server->conns_max + 1; i++) {
        int fd = atomic_exchange_explicit(&server->fds[i], -1, memory_order_relaxed);
        if (fd >= 0) close(fd);
    }
    errno = error;
}

/* ---- fork ---- */

/* In the child, under the lock that the parent took before. */
static void servers_part(void)
{
    CPROM__UNCANCELLED;
    for (struct cprom_http_server *server = servers_first; server; server = server->next) {
        server->process = 0;
        cprom__servers_close(server);
    }
    servers_first = NULL;
    cprom__servers_unlock();
}

cprom_status cprom__servers_add(struct cprom_http_server *server)
{
    cprom__servers_lock();
    /* Once for all: they cannot be taken back, but by dlclose(), which does it where code can be unloaded. */
    if (!servers_mind_forks) {
        servers_mind_forks = pthread_atfork(cprom__servers_lock, cprom__servers_unlock, servers_part) == 0;
    }
    bool may = servers_mind_forks;
    if (may) {
        server->next = servers_first;
        servers_first = server;
    }
    cprom__servers_unlock();
    return may ? CPROM_OK : CPROM_ENOMEM;
}

void cprom__servers_remove(struct cprom_http_server *server)
{
    cprom__servers_lock();
    struct cprom_http_server **link = &servers_first;
    while (*link && *link != server) link = &(*link)->next;
    if (*link) *link = server->next;
    cprom__servers_unlock();
}

/* ---- who stops whom ---- */

/*
 * Who stops a server waits for its threads; so a thread of A that stops B is an edge from A to B. Each server has one such
 * edge to it at most, so that the way back from here is a chain. It has no circle yet, and gets none.
 */
bool cprom__servers_may_stop(struct cprom_http_server *server)
{
    cprom__servers_lock();
    const struct cprom_http_server *at = cprom__servers_mine;
    while (at && at != server) at = at->stopper;
    if (!at) server->stopper = cprom__servers_mine;
    cprom__servers_unlock();
    return !at;
}
