/*
 * What the servers of a process know of each other: of servers that stop each other, one may not.
 */
#ifndef CPROM_LIB_HTTP_SERVERS_H
#define CPROM_LIB_HTTP_SERVERS_H

#include "base/hints.h"
#include "http/server.h"

/* Whose thread this is; NULL: no server's. */
extern _Thread_local struct cprom_http_server *cprom__servers_mine CPROM__TLS;

/*
 * Whether the calling thread may stop it; if so, it must. Otherwise it would wait for itself: it is a thread of the
 * server, or of one that a thread of the server stops, and so on.
 */
bool cprom__servers_may_stop(struct cprom_http_server *server);

#endif
