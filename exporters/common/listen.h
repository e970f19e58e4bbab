/* Sockets that the library does not open itself. */
#ifndef EXPORTERS_COMMON_LISTEN_H
#define EXPORTERS_COMMON_LISTEN_H

#include <stdbool.h>
#include <stddef.h>

/* Whether the address has a zone, as "[fe80::1%eth0]:9100" has. */
bool listen_has_zone(const char *address);
/* Listens there; -1: see errno. */
int listen_in_zone(const char *address);

/*
 * What systemd has opened for this process: the first of them, and how many; they are closed when it executes
 * something, and its children are not told. 0: none.
 */
size_t listen_inherited(int *first);

#endif
