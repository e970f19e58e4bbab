/*
 * The HTTP server's inside. Threads take turns: one polls all connections that wait (under no lock), queues those that
 * are ready, and then each thread that finds one in a queue works on it alone. So a thread may run a slow callback
 * while the next one polls on; with one thread it is a plain loop.
 */
#ifndef CPROM_LIB_HTTP_SERVER_H
#define CPROM_LIB_HTTP_SERVER_H

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>

#include "http/address.h"
#include "http/conn.h"

enum cprom__server_fd {
    CPROM__FD_LISTENER,
    CPROM__FD_LOCK, /* of a unix socket's path */
    CPROM__FD_WAKE_READ,
    CPROM__FD_WAKE_WRITE,
    CPROM__FD_CONNS
};

/* Of connections, linked by `next`. */
struct cprom__queue {
    struct cprom__conn *first, *last;
};

struct cprom_http_server {
    /* immutable while threads run */
    struct cprom__conn_rules rules;
    cprom_http_handler *own_handler; /* NULL: the caller's is used */
    struct cprom__listener listener;
    size_t conns_max, peer_conns_max; /* of one peer; 0: no limit */
    pthread_t *threads;               /* guarded by the lock: one that a callback has ended is replaced */
    size_t n_threads;
    pid_t process; /* that has the threads; 0: not this one, which was forked since */
    char *rooms;   /* head_max bytes for each thread */

    /* Every descriptor, connections by slot; -1: none. They come and go under the lock of servers.h. Atomic for the
     * child of a fork that it has not heard of. */
    _Atomic int *fds;

    /* guarded by the lock of servers.h */
    struct cprom_http_server *next;    /* of the process */
    struct cprom_http_server *stopper; /* whose thread stops it; NULL: no server's */

    struct cprom__stop stopping; /* what its threads have begun is not wanted any more */

    pthread_mutex_t lock; /* guards what follows; nothing of the registry is called under it but its
                                        allocator and clock */
    pthread_cond_t turn;  /* there is a connection in the queue, nobody polls, or it is over */
    bool polling;         /* a thread polls, or is about to; `polled` and `slots_polled` are its own */
    size_t waiting;       /* threads at `turn` */
    size_t leaving;       /* threads that were replaced, and are not through with the lock */
    size_t rooms_taken;
    struct cprom__conn **slots; /* the first `n_slots` may be used */
    size_t n_slots, n_conns;
    struct cprom__peers peers;
    struct cprom__queue ready;     /* what the peers do lets them go on */
    struct cprom__queue to_answer; /* each once in a round, however much it asks */
    bool polled_since;             /* the last one was taken from there */
    struct cprom__conn *closed;    /* descriptor closed, memory not yet released; linked by `next` */
    int64_t accept_from;           /* not before this time, after accept() failed */
    struct pollfd *polled;
    size_t *slots_polled;
};

#endif
