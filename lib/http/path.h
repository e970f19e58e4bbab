/*
 * The path of a unix socket. A lock file beside it, <path>.lock, is locked (flock) as long as a server is there. Who has
 * the lock may remove what a program left when it ended, bind, and remove its own: so nobody removes the socket of
 * somebody else, and who could bind is reached.
 */
#ifndef CPROM_LIB_HTTP_PATH_H
#define CPROM_LIB_HTTP_PATH_H

#include <stdbool.h>
#include <sys/types.h>

struct sockaddr_un;

struct cprom__path {
    int lock;     /* the lock file, locked; -1: none, and there is nothing else then */
    bool bound;   /* the path is ours to remove */
    dev_t device; /* which one it is */
    ino_t inode;
};

/* Binds `fd`, and gives the path that mode; 0: what the umask lets. false: errno tells, and nothing is left. */
bool cprom__path_bind(struct cprom__path *path, int fd, const struct sockaddr_un *address, unsigned mode);
/* Removes what is ours. The socket is open still: else another one could have its inode. */
void cprom__path_leave(struct cprom__path *path, const char *name);

#endif
