#define _GNU_SOURCE

#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FIRST 3
#define INHERITED_MAX 64

bool listen_has_zone(const char *address) { return *address == '[' && strchr(address, '%'); }

/* A whole number up to `max` that is all of the text; -1: none. */
static long parse(const char *text, long max)
{
    char *end;
    if (!text || *text < '0' || *text > '9') return -1;
    long number = strtol(text, &end, 10);
    return *end || number > max ? -1 : number;
}

int listen_in_zone(const char *address)
{
    char host[INET6_ADDRSTRLEN], zone[IF_NAMESIZE];
    const char *percent = strchr(address, '%'), *end = strrchr(address, ']');
    struct sockaddr_in6 where = {.sin6_family = AF_INET6};
    size_t n_host = percent ? (size_t)(percent - address - 1) : 0,
           n_zone = end && percent ? (size_t)(end - percent - 1) : 0;
    long port = end && end[1] == ':' ? parse(end + 2, 65535) : -1;
    errno = EINVAL;
    if (!n_host || n_host >= sizeof host || !n_zone || n_zone >= sizeof zone || port < 0) return -1;
    snprintf(host, sizeof host, "%.*s", (int)n_host, address + 1);
    snprintf(zone, sizeof zone, "%.*s", (int)n_zone, percent + 1);
    if (inet_pton(AF_INET6, host, &where.sin6_addr) != 1) return -1;
    long index = parse(zone, 0x7fffffff);
    where.sin6_scope_id = index > 0 ? (uint32_t)index : if_nametoindex(zone);
    if (!where.sin6_scope_id) return -1;
    where.sin6_port = htons((uint16_t)port);
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1;
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (const struct sockaddr *)&where, sizeof where) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

size_t listen_inherited(int *first)
{
    long pid = parse(getenv("LISTEN_PID"), 0x7fffffff), n = parse(getenv("LISTEN_FDS"), INHERITED_MAX);
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    if (pid != (long)getpid() || n <= 0) return 0;
    for (long i = 0; i < n; i++) fcntl(FIRST + (int)i, F_SETFD, FD_CLOEXEC);
    *first = FIRST;
    return (size_t)n;
}
