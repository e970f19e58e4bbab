/*
 * A blocking HTTP client over sockets, for tests of the server: naive, strict, and without assertions, so that any
 * thread may use it. What a call gives back says whether it went well.
 */
#ifndef CPROM_TESTS_HTTP_CLIENT_H
#define CPROM_TESTS_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* Connects to what cprom_http_server_address() says; -1: it cannot. Waits for at most a minute, then and later. */
static inline int hc_connect(const char *address)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
        struct sockaddr_un un;
    } to;
    memset(&to, 0, sizeof to);
    socklen_t len = sizeof to.v4;
    const char *colon = strrchr(address, ':');
    if (strncmp(address, "unix:", 5) == 0) {
        to.un.sun_family = AF_UNIX;
        snprintf(to.un.sun_path, sizeof to.un.sun_path, "%s", address + 5);
        len = sizeof to.un;
    } else if (address[0] == '[') {
        char host[64];
        snprintf(host, sizeof host, "%.*s", (int)(colon - address - 2), address + 1);
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons((in_port_t)atoi(colon + 1));
        inet_pton(AF_INET6, strcmp(host, "::") == 0 ? "::1" : host, &to.v6.sin6_addr);
        len = sizeof to.v6;
    } else {
        char host[64];
        snprintf(host, sizeof host, "%.*s", (int)(colon - address), address);
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons((in_port_t)atoi(colon + 1));
        inet_pton(AF_INET, strcmp(host, "0.0.0.0") == 0 ? "127.0.0.1" : host, &to.v4.sin_addr);
    }
    int fd = socket(to.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {60, 0};
    if (fd < 0) return -1;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    if (connect(fd, &to.any, len) == 0) return fd;
    close(fd);
    return -1;
}

static inline bool hc_send(int fd, const char *bytes, size_t n)
{
    while (n) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static inline bool hc_send_text(int fd, const char *text) { return hc_send(fd, text, strlen(text)); }

/* Bytes that came, perhaps more than one response. */
struct hc_stream {
    char *bytes;
    size_t n, room;
    bool over; /* closed, reset, or nothing for too long */
};

static inline void hc_stream_free(struct hc_stream *stream)
{
    free(stream->bytes);
    memset(stream, 0, sizeof *stream);
}

/* Reads once; false: it is over. */
static inline bool hc_stream_more(struct hc_stream *stream, int fd)
{
    if (stream->n + 65536 > stream->room) {
        stream->room = 2 * stream->room + 131072;
        stream->bytes = realloc(stream->bytes, stream->room);
        if (!stream->bytes) abort();
    }
    ssize_t n = recv(fd, stream->bytes + stream->n, stream->room - 1 - stream->n, 0);
    stream->over = n <= 0;
    if (n > 0) stream->n += (size_t)n;
    stream->bytes[stream->n] = '\0';
    return n > 0;
}

/* The value of a header within the head of `len` bytes; NULL: it is not there. */
static inline const char *hc_header(const char *head, size_t len, const char *name)
{
    size_t n = strlen(name);
    for (const char *at = head; at + n + 4 < head + len; at++) {
        if (at[0] == '\n' && strncmp(at + 1, name, n) == 0 && strncmp(at + 1 + n, ": ", 2) == 0) return at + n + 3;
    }
    return NULL;
}

/* How many bytes the first response has; 0: it is not whole; SIZE_MAX: it is none. */
static inline size_t hc_response_size(const char *bytes, size_t n, bool is_head)
{
    static const char end[] = "\r\n\r\n";
    size_t head = 0, at;
    while (head + 4 <= n && memcmp(bytes + head, end, 4) != 0) head++;
    if (n >= 9 && memcmp(bytes, "HTTP/1.1 ", 9) != 0) return SIZE_MAX;
    if (head + 4 > n) return n > 4096 ? SIZE_MAX : 0;
    head += 4;
    if (is_head) return head;
    const char *length = hc_header(bytes, head, "Content-Length"),
               *coding = hc_header(bytes, head, "Transfer-Encoding");
    if (!length == !coding) return SIZE_MAX;
    if (length) {
        at = head + strtoul(length, NULL, 10);
        return at <= n ? at : 0;
    }
    for (at = head; at < n;) {
        char *behind;
        const char *line = memchr(bytes + at, '\n', n - at);
        if (!line) return 0;
        size_t chunk = strtoul(bytes + at, &behind, 16);
        if (behind == bytes + at || behind + 1 != line || *behind != '\r') return SIZE_MAX;
        at = (size_t)(line + 1 - bytes) + chunk + 2;
        if (at > n) return 0;
        if (memcmp(bytes + at - 2, "\r\n", 2) != 0) return SIZE_MAX;
        if (!chunk) return at;
    }
    return 0;
}

/* The first response of the stream; it is taken out of it. NULL: it ended before, or is none. A NUL is behind. */
static inline char *hc_receive(struct hc_stream *stream, int fd, bool is_head, size_t *n)
{
    for (;;) {
        size_t size = stream->n ? hc_response_size(stream->bytes, stream->n, is_head) : 0;
        if (size == SIZE_MAX) return NULL;
        if (size) {
            char *response = malloc(size + 1);
            if (!response) abort();
            memcpy(response, stream->bytes, size);
            response[size] = '\0';
            memmove(stream->bytes, stream->bytes + size, stream->n - size);
            stream->n -= size;
            if (n) *n = size;
            return response;
        }
        if (!hc_stream_more(stream, fd)) return NULL;
    }
}

/* Sends a request and takes the response to it; its status, or 0: there was none. `response` may be NULL. */
static inline int hc_ask(struct hc_stream *stream, int fd, const char *request, char **response)
{
    if (response) *response = NULL;
    if (!hc_send_text(fd, request)) return 0;
    char *text = hc_receive(stream, fd, strncmp(request, "HEAD ", 5) == 0, NULL);
    int status = text ? atoi(text + 9) : 0;
    if (response) *response = text;
    else free(text);
    return status;
}

/* The same on a connection of its own. */
static inline int hc_ask_once(const char *address, const char *request, char **response)
{
    struct hc_stream stream = {0};
    if (response) *response = NULL;
    int fd = hc_connect(address), status = fd < 0 ? 0 : hc_ask(&stream, fd, request, response);
    if (fd >= 0) close(fd);
    hc_stream_free(&stream);
    return status;
}

/* Whether the peer closes, and sends nothing before that. */
static inline bool hc_is_closed(struct hc_stream *stream, int fd)
{
    return stream->n == 0 && !hc_stream_more(stream, fd) && errno != EAGAIN;
}

#define HC_GET "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
#define HC_HEALTHY "GET /-/healthy HTTP/1.1\r\nHost: a\r\n\r\n"

/* How many descriptors this process has. */
static inline int hc_count_fds(void)
{
    int n = 0;
    for (int fd = 0; fd < 4096; fd++) n += dup2(fd, fd) == fd;
    return n;
}

#endif
