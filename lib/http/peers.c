/* The addresses that a server's connections come from. */
#include "http/peers.h"

#include <netinet/in.h>
#include <string.h>

/* Of an IPv6 socket that takes IPv4, the addresses of IPv4 are the last four bytes. */
static struct cprom__peer peers_read(const struct sockaddr_storage *address)
{
    struct cprom__peer peer = {.family = address->ss_family};
    if (address->ss_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        memcpy(&peer.address, &in.sin_addr, 4);
    } else if (address->ss_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        bool mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        if (mapped) peer.family = AF_INET;
        memcpy(&peer.address, in6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 8);
    }
    return peer;
}

struct cprom__peer *cprom__peers_find(struct cprom__peers *peers, const struct sockaddr_storage *address)
{
    struct cprom__peer wanted = peers_read(address), *free_one = NULL;
    while (peers->n && !peers->all[peers->n - 1].conns) peers->n--;
    for (size_t i = 0; i < peers->n; i++) {
        struct cprom__peer *peer = &peers->all[i];
        if (!peer->conns) free_one = peer;
        else if (peer->family == wanted.family && peer->address == wanted.address) return peer;
    }
    if (!free_one) free_one = &peers->all[peers->n++];
    *free_one = wanted;
    return free_one;
}
