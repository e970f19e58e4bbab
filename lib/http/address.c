/* Addresses to listen at, from text. */
#define _GNU_SOURCE /* struct sockaddr_in6 and what belongs to POSIX */

#include "http/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/number.h"

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un un;
};

#define ADDRESS_UNIX "unix:"

/* ---- the text ---- */

bool cprom__address_is_unix(const char *text) { return strncmp(text, ADDRESS_UNIX, strlen(ADDRESS_UNIX)) == 0; }

static bool address_parse_port(const char *text, in_port_t *port)
{
    unsigned value = 0;
    if (!*text || strlen(text) > 5) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    *port = htons((in_port_t)value);
    return value <= 65535;
}

static bool address_parse_unix(const char *path, union address *address, socklen_t *len)
{
    size_t n = strlen(path);
    if (!n || n >= sizeof address->un.sun_path) return false;
    address->un.sun_family = AF_UNIX;
    memcpy(address->un.sun_path, path, n + 1);
    *len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
    return true;
}

/* `host` may be empty: every address, by IPv6 and IPv4. */
static bool address_parse_host(const char *host, in_port_t port, union address *address, socklen_t *len)
{
    size_t n = strlen(host);
    char inner[INET6_ADDRSTRLEN];
    if (!n || (n > 2 && host[0] == '[' && host[n - 1] == ']' && n - 2 < sizeof inner)) {
        memcpy(inner, n ? host + 1 : "::", n ? n - 2 : 2);
        inner[n ? n - 2 : 2] = '\0';
        address->v6.sin6_family = AF_INET6;
        address->v6.sin6_port = port;
        *len = sizeof address->v6;
        return inet_pton(AF_INET6, inner, &address->v6.sin6_addr) == 1;
    }
    address->v4.sin_family = AF_INET;
    address->v4.sin_port = port;
    *len = sizeof address->v4;
    return inet_pton(AF_INET, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host, &address->v4.sin_addr) == 1;
}

static bool address_parse(const char *text, union address *address, socklen_t *len)
{
    memset(address, 0, sizeof *address);
    if (cprom__address_is_unix(text)) return address_parse_unix(text + strlen(ADDRESS_UNIX), address, len);
    char host[CPROM__ADDRESS_MAX];
    in_port_t port;
    const char *colon = strrchr(text, ':');
    if (!colon || (size_t)(colon - text) >= sizeof host || !address_parse_port(colon + 1, &port)) return false;
    memcpy(host, text, (size_t)(colon - text));
    host[colon - text] = '\0';
    return address_parse_host(host, port, address, len);
}

static void address_add(char *text, const char *more)
{
    size_t n = strlen(text), room = CPROM__ADDRESS_MAX - 1 - n, len = strlen(more);
    if (len > room) len = room;
    memcpy(text + n, more, len);
    text[n + len] = '\0';
}

static void address_add_port(char *text, in_port_t port)
{
    char digits[CPROM__NUMBER_MAX + 1];
    digits[cprom__number_uint(digits, ntohs(port))] = '\0';
    address_add(text, ":");
    address_add(text, digits);
}

/* The text of what the descriptor is bound to. */
static bool address_describe(struct cprom__listener *listener)
{
    union address address;
    socklen_t len = sizeof address;
    char *text = listener->address, number[INET6_ADDRSTRLEN] = "";
    memset(&address, 0, sizeof address);
    if (getsockname(listener->fd, &address.any, &len) != 0) return false;
    text[0] = '\0';
    switch (address.any.sa_family) {
    case AF_INET:
        inet_ntop(AF_INET, &address.v4.sin_addr, number, sizeof number);
        address_add(text, number);
        address_add_port(text, address.v4.sin_port);
        return true;
    case AF_INET6:
        inet_ntop(AF_INET6, &address.v6.sin6_addr, number, sizeof number);
        address_add(text, "[");
        address_add(text, number);
        address_add(text, "]");
        address_add_port(text, address.v6.sin6_port);
        return true;
    case AF_UNIX:
        address_add(text, ADDRESS_UNIX);
        address.un.sun_path[sizeof address.un.sun_path - 1] = '\0';
        address_add(text, address.un.sun_path);
        return true;
    default: errno = EAFNOSUPPORT; return false;
    }
}

/* ---- the descriptor ---- */

static int address_open_socket(int family)
{
    int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), on = 1, off = 0;
    if (fd < 0) return -1;
    if (family == AF_UNIX) return fd;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    /* Accepted sockets inherit it. A response goes in as few pieces as can be: nothing is won by waiting for more. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (family == AF_INET6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    return fd;
}

static void address_clear(struct cprom__listener *listener)
{
    memset(listener, 0, sizeof *listener);
    listener->fd = listener->path.lock = -1;
}

static bool address_bind(struct cprom__listener *listener, const union address *address, socklen_t len, unsigned mode)
{
    if (address->any.sa_family != AF_UNIX) return bind(listener->fd, &address->any, len) == 0;
    return cprom__path_bind(&listener->path, listener->fd, &address->un, mode);
}

cprom_status cprom__listener_open(struct cprom__listener *listener, const char *text, unsigned mode)
{
    union address address;
    socklen_t len = 0;
    address_clear(listener);
    if (!address_parse(text, &address, &len)) return CPROM_EINVAL;
    address_add(listener->address, text); /* whose path must go, should what follows fail */
    listener->fd = address_open_socket(address.any.sa_family);
    if (listener->fd < 0 && errno == EAFNOSUPPORT && text[0] == ':') { /* a machine without IPv6 */
        in_port_t port = address.v6.sin6_port;
        address_parse_host("0.0.0.0", port, &address, &len);
        listener->fd = address_open_socket(AF_INET);
    }
    if (listener->fd < 0) return CPROM_ESYS;
    bool bound = address_bind(listener, &address, len, mode);
    if (bound && address_describe(listener) && listen(listener->fd, SOMAXCONN) == 0) return CPROM_OK;
    cprom__listener_close(listener);
    return CPROM_ESYS;
}

cprom_status cprom__listener_adopt(struct cprom__listener *listener, int fd)
{
    int listens = 0, on = 1;
    socklen_t len = sizeof listens;
    address_clear(listener);
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &len) != 0 || !listens) return CPROM_EINVAL;
    listener->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (listener->fd < 0) return CPROM_ESYS;
    int flags = fcntl(listener->fd, F_GETFL);
    if (flags >= 0 && fcntl(listener->fd, F_SETFL, flags | O_NONBLOCK) == 0 && address_describe(listener)) {
        setsockopt(listener->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        return CPROM_OK;
    }
    cprom__listener_close(listener);
    return CPROM_ESYS;
}

void cprom__listener_close(struct cprom__listener *listener)
{
    int error = errno;
    cprom__path_leave(&listener->path, listener->address + strlen(ADDRESS_UNIX));
    if (listener->fd >= 0) close(listener->fd);
    listener->fd = -1;
    errno = error;
}
