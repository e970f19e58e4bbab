/* The servers of the process: who stops whom. */
#include "http/servers.h"

_Thread_local struct cprom_http_server *cprom__servers_mine CPROM__TLS;

static pthread_mutex_t servers_lock = PTHREAD_MUTEX_INITIALIZER; /* guards who stops whom */

/*
 * Who stops a server waits for its threads; so a thread of A that stops B is an edge from A to B. Each server has one such
 * edge to it at most, so that the way back from here is a chain. It has no circle yet, and gets none.
 */
bool cprom__servers_may_stop(struct cprom_http_server *server)
{
    pthread_mutex_lock(&servers_lock);
    const struct cprom_http_server *at = cprom__servers_mine;
    while (at && at != server) at = at->stopper;
    if (!at) server->stopper = cprom__servers_mine;
    pthread_mutex_unlock(&servers_lock);
    return !at;
}
