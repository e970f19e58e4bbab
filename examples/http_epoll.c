/*
 * The page in an event loop that a program has already: one thread, epoll, and sockets that take a part of what they
 * are given. cprom makes the bytes of each response as the peer takes them.
 *
 *   http_epoll [PORT]      serves until its standard input ends
 */
#define _GNU_SOURCE

#include <arpa/inet.h>
#include <cprom/http.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define HEAD_MAX 8192

struct connection {
    int fd;
    char in[HEAD_MAX + 1];
    size_t n;                      /* bytes in `in` */
    cprom_http_response *response; /* being sent */
    bool blocked;                  /* until epoll says that the peer takes more */
};

static int loop;
static cprom_http_handler *handler;

/* Takes the head apart where it lies, up to `end`, its blank line. A server proper would look closer. */
static cprom_http_request parse(char *head, char *end)
{
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    *end = '\0';
    char *rest, *line = strtok_r(head, "\r\n", &rest), *word;
    request.method = strtok_r(line, " ", &word);
    request.target = strtok_r(NULL, " ", &word);
    request.http_1_0 = strcmp(word, "HTTP/1.0") == 0;
    request.close = request.http_1_0;
    while ((line = strtok_r(NULL, "\r\n", &rest))) {
        char *value = strchr(line, ':');
        if (!value) continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        if (strcasecmp(line, "Accept") == 0) request.accept = value;
        if (strcasecmp(line, "Accept-Encoding") == 0) request.accept_encoding = value;
        if (strcasecmp(line, "X-Prometheus-Scrape-Timeout-Seconds") == 0) request.scrape_timeout = value;
        if (strcasecmp(line, "Connection") == 0 && strcasecmp(value, "close") == 0) request.close = true;
        if (strcasecmp(line, "Content-Length") == 0 || strcasecmp(line, "Transfer-Encoding") == 0) request.close = true;
    }
    return request;
}

/* Sends until all is sent or the peer takes no more; false: the connection is over. */
static bool send_some(struct connection *c)
{
    const char *bytes;
    size_t n;
    c->blocked = false;
    while (cprom_http_response_next(c->response, &bytes, &n)) {
        ssize_t sent = send(c->fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0) return c->blocked = errno == EAGAIN;
        cprom_http_response_sent(c->response, (size_t)sent);
    }
    bool goes_on = !cprom_http_response_must_close(c->response);
    cprom_http_response_free(c->response);
    c->response = NULL;
    return goes_on;
}

/* Answers what lies there in whole heads, one after the other; false: the connection is over. */
static bool answer(struct connection *c)
{
    while (!c->response) {
        char *end;
        c->in[c->n] = '\0';
        if (!(end = strstr(c->in, "\r\n\r\n"))) return c->n < HEAD_MAX;
        size_t used = (size_t)(end + 4 - c->in);
        cprom_http_request request = parse(c->in, end);
        if (cprom_http_handler_handle(handler, &request, &c->response) != CPROM_OK) return false;
        memmove(c->in, c->in + used, c->n -= used);
        if (!send_some(c)) return false;
    }
    return true;
}

static bool receive(struct connection *c)
{
    while (c->n < HEAD_MAX) {
        ssize_t got = recv(c->fd, c->in + c->n, HEAD_MAX - c->n, 0);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) return got < 0 && errno == EAGAIN;
        c->n += (size_t)got;
        if (!c->response && !answer(c)) return false;
    }
    return true;
}

static void handle_event(struct connection *c, uint32_t events)
{
    bool goes_on = !(events & EPOLLERR);
    if (goes_on && events & EPOLLOUT && c->blocked) goes_on = send_some(c) && answer(c);
    if (goes_on) goes_on = receive(c); /* epoll tells of what comes, not of what is left */
    if (goes_on) return;
    cprom_http_response_free(c->response); /* at any point of it */
    close(c->fd);
    free(c);
}

static void welcome(int listener)
{
    int fd;
    /* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): epoll keeps the connection */
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        struct connection *c = calloc(1, sizeof *c);
        struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        if (c) c->fd = fd;
        if (!c || epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0) {
            free(c);
            close(fd);
        }
    }
}

static int listen_at(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    socklen_t len = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&address, len) != 0 || listen(fd, 64) != 0 ||
        getsockname(fd, (struct sockaddr *)&address, &len) != 0) {
        perror("cannot listen");
        exit(1);
    }
    printf("http://127.0.0.1:%u/\n", (unsigned)ntohs(address.sin_port));
    fflush(stdout);
    return fd;
}

int main(int argc, char **argv)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_gauge_vec *squares;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "square", .help = "The square.", .labels = {"of"}),
                        &squares);
    for (int i = 0; i < 10000; i++) {
        char of[16];
        snprintf(of, sizeof of, "%d", i);
        cprom_gauge_vec_set(squares, CPROM_STRS(of), (double)i * i);
    }
    if (cprom_http_handler_new(registry, NULL, &handler) != CPROM_OK) return 1;

    int listener = listen_at((uint16_t)(argc > 1 ? strtoul(argv[1], NULL, 10) : 9464)), input = STDIN_FILENO;
    loop = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &listener};
    epoll_ctl(loop, EPOLL_CTL_ADD, listener, &event);
    event.data.ptr = &input;
    epoll_ctl(loop, EPOLL_CTL_ADD, input, &event);
    for (;;) {
        struct epoll_event events[64];
        int n = epoll_wait(loop, events, 64, -1);
        for (int i = 0; i < n; i++) {
            char ignored[256];
            if (events[i].data.ptr == &listener) welcome(listener);
            else if (events[i].data.ptr != &input) handle_event(events[i].data.ptr, events[i].events);
            else if (read(input, ignored, sizeof ignored) <= 0) return 0;
        }
    }
}
