/*
 * What the servers of a process know of each other. A fork closes their descriptors in the child, where they have no
 * threads: else a port would be there that accepts and never answers. And of servers that stop each other, one may not.
 */
#ifndef CPROM_LIB_HTTP_SERVERS_H
#define CPROM_LIB_HTTP_SERVERS_H

#include "base/hints.h"
#include "http/server.h"

/* Whose thread this is; NULL: no server's. */
extern _Thread_local struct cprom_http_server *cprom__servers_mine CPROM__TLS;

/* ENOMEM: a fork would leave its descriptors open. */
cprom_status cprom__servers_add(struct cprom_http_server *server);
void cprom__servers_remove(struct cprom_http_server *server);

/*
 * A fork waits for this lock, so that it finds all descriptors: from before one is got until it is in `fds`, and while one
 * is taken out and closed. Nothing is called under it but the system.
 */
void cprom__servers_lock(void);
void cprom__servers_unlock(void);

/*
 * Whether the calling thread may stop it; if so, it must. Otherwise it would wait for itself: it is a thread of the
 * server, or of one that a thread of the server stops, and so on.
 */
bool cprom__servers_may_stop(struct cprom_http_server *server);

/* Closes what a server has open. Async-signal-safe. */
void cprom__servers_close(struct cprom_http_server *server);

#endif
