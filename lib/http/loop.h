/*
 * What the threads of a server do.
 */
#ifndef CPROM_LIB_HTTP_LOOP_H
#define CPROM_LIB_HTTP_LOOP_H

#include "http/server.h"

/* What the threads run; `server`. */
void *cprom__http_server_run(void *server);
/* Interrupts the poll. */
void cprom__http_server_wake(struct cprom_http_server *server);
/* Closes a connection: what is left of it goes to `closed`. Under the lock. */
void cprom__http_server_drop(struct cprom_http_server *server, struct cprom__conn *conn);
/* Frees a list of closed ones. Not under the lock. */
void cprom__http_server_dispose(struct cprom_http_server *server, struct cprom__conn *closed);

#endif
