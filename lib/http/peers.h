/*
 * Who is at the other end of a server's connections, by address, and how many connections each has. IPv6 addresses are
 * told apart by their first 64 bits, since one machine has all of the rest; who comes by a unix socket is one peer.
 */
#ifndef CPROM_LIB_HTTP_PEERS_H
#define CPROM_LIB_HTTP_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct cprom__peer {
    size_t conns; /* 0: free */
    int family;
    uint64_t address;
};

struct cprom__peers {
    struct cprom__peer *all; /* one for each connection, and one more */
    size_t n;                /* the first of them, which may be used */
};

/* Whose address it is. Counting its connections is up to the caller; until then, the next call may give it again. */
struct cprom__peer *cprom__peers_find(struct cprom__peers *peers, const struct sockaddr_storage *address);

#endif
