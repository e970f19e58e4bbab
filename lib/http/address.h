/*
 * Where the HTTP server listens: from a text to a listening descriptor, and back.
 *
 *   127.0.0.1:9464   [::1]:9464   localhost:9464   :9464 (every address of the machine)   unix:/path
 */
#ifndef CPROM_LIB_HTTP_ADDRESS_H
#define CPROM_LIB_HTTP_ADDRESS_H

#include <cprom/cprom.h>

#include "http/path.h"

#define CPROM__ADDRESS_MAX 128

struct cprom__listener {
    int fd;
    char address[CPROM__ADDRESS_MAX]; /* as bound */
    struct cprom__path path;          /* of a unix socket that is ours */
};

/* `mode`: of a unix socket; 0: as the umask is. EINVAL: not such a text; ESYS: errno tells. Nothing is left then. */
cprom_status cprom__listener_open(struct cprom__listener *listener, const char *address, unsigned mode);
/* Whether it is one of a unix socket. */
bool cprom__address_is_unix(const char *address);
/* Uses a duplicate of a descriptor that listens already. EINVAL: it is no socket that listens; ESYS. */
cprom_status cprom__listener_adopt(struct cprom__listener *listener, int fd);
/* Closes it, if it is not closed yet, and removes what is at the path of a unix socket. */
void cprom__listener_close(struct cprom__listener *listener);

#endif
