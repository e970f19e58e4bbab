/*
 * The system calls of the HTTP server that tests must be able to fail, or to do by halves. In the library itself they
 * are called as they are.
 */
#ifndef CPROM_LIB_HTTP_SYS_H
#define CPROM_LIB_HTTP_SYS_H

#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef CPROM_SEAMS
/* Set while no server runs. */
struct cprom__http_sys {
    int (*accept4)(int fd, struct sockaddr *address, socklen_t *len, int flags);
    ssize_t (*recv)(int fd, void *buf, size_t len, int flags);
    ssize_t (*send)(int fd, const void *buf, size_t len, int flags);
    int (*poll)(struct pollfd *fds, nfds_t n, int timeout);
    int (*pthread_create)(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
};
extern struct cprom__http_sys cprom__http_sys;
#define CPROM__SYS(call) cprom__http_sys.call
#else
#define CPROM__SYS(call) call
#endif

#endif
