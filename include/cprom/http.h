/*
 * cprom: the page over HTTP.
 *
 * SPDX-License-Identifier: MIT
 */
#ifndef CPROM_HTTP_H
#define CPROM_HTTP_H

/*==============================================================================
 * Overview
 *
 * A handler makes responses from requests and knows no sockets, so that any server
 * can drive it. The conventions are those of cprom.h. A library that was built with
 * CPROM_HTTP=OFF has none of these functions.
 *
 *      GET /metrics      the page; ?name[]=up&name[]=... only families or samples of these names
 *      GET /-/healthy    200, as long as the handler answers
 *      GET /             for people: the families of the registry and its descendants, as a small HTML page
 *
 * HEAD is answered like GET, but never gathers. Everything else: 404, 405, 400; a
 * page that cannot be opened, or one too many at a time: 503. All of these have a
 * text of one line.
 *============================================================================*/

#include <cprom/cprom.h>

#ifdef __cplusplus
extern "C" {
#endif

/*==============================================================================
 * Handler
 *
 *      cprom_http_request request = CPROM_INIT(cprom_http_request);
 *      request.method = "GET";
 *      request.target = "/metrics";
 *      cprom_http_response *response;
 *      if (cprom_http_handler_handle(handler, &request, &response) != CPROM_OK) close the connection;
 *
 *      const char *bytes;
 *      size_t n;
 *      while (cprom_http_response_next(response, &bytes, &n)) {
 *          ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
 *          if (sent < 0) wait until the peer takes more, or give up;
 *          cprom_http_response_sent(response, sent);
 *      }
 *      bool close_it = cprom_http_response_must_close(response);
 *      cprom_http_response_free(response);
 *============================================================================*/

typedef struct cprom_http_handler cprom_http_handler;

typedef struct cprom_http_handler_opts {
    size_t size;
    const char *program;    /* copied; UTF-8; what / calls this program; default: its own name, where libc knows it */
    const char *path;       /* copied; where the page is; begins with a slash; default "/metrics" */
    /* Collectors that have not begun by then are skipped and fail; 0: only as clients say. Less than a tenth of a second
     * is not taken from a client. */
    double timeout_seconds;
    /* Pages open at a time, over all responses; more: 503; 0: no limit. The library's server ends the one of which nothing
     * was taken for longest, over a second, instead. */
    size_t max_scrapes;
    bool self_metrics;      /* cprom_* families are on the page, those of this handler included */
    bool no_gzip;           /* the library compresses no page; what the program adds is not meant */
} cprom_http_handler_opts;

/*
 * Makes a handler for a registry; there may be several. `opts` may be NULL for all defaults. The registry may be freed
 * before the handler: from then on / and the page are 503. Free the handler with cprom_http_handler_free().
 * EINVAL: also a path that does not begin with a slash, is "/" or "/-/healthy", or has other bytes than visible ASCII or
 * one of ? # %, and a timeout that is negative or NaN; EUTF8: program; ENOMEM. MT-safe.
 *
 * With self_metrics, the pages of this handler show also what it did itself: cprom_http_requests_total{code},
 * cprom_scrape_duration_seconds (from the request to the end of the response), cprom_scrapes_in_flight.
 */
CPROM_API cprom_status cprom_http_handler_new(cprom_registry *registry, const cprom_http_handler_opts *opts,
                                              cprom_http_handler **handler);
/* Responses that are alive stay valid; NULL is fine. Init-only. */
CPROM_API void cprom_http_handler_free(cprom_http_handler *handler);

/*
 * What was asked. All strings are borrowed. A header that was not there is NULL; one that was there several times is
 * joined by ", ". The method and the path decide the status, so that nothing has to be checked before.
 */
typedef struct cprom_http_request {
    size_t size;
    const char *method;          /* "GET" */
    const char *target;          /* as in the request line, "/metrics?name[]=up"; also "http://host/metrics" */
    bool http_1_0;               /* the version is HTTP/1.0: the response is not chunked */
    bool close;                  /* the connection is closed behind the response, which says so; else it is kept */
    const char *accept;          /* Accept */
    const char *accept_encoding; /* Accept-Encoding */
    const char *scrape_timeout;  /* X-Prometheus-Scrape-Timeout-Seconds: bounds the collectors, less a tenth of it
                                    (half a second at most) to send the page in */
    const char *authorization;   /* Authorization; the handler does not look at it */
} cprom_http_request;

typedef struct cprom_http_response cprom_http_response;

/*
 * Answers a request; for the page, this runs the callbacks and takes the snapshot. Whatever is wrong with the request
 * is told by the response. Free it with cprom_http_response_free(); it may outlive the handler. It belongs to one
 * thread at a time.
 * EINVAL: an argument is NULL, or the request's size is not one that the library knows; ENOMEM: not even an answer
 * could be made. MT-safe.
 */
CPROM_API cprom_status cprom_http_handler_handle(cprom_http_handler *handler, const cprom_http_request *request,
                                                 cprom_http_response **response);
/* NULL is fine. On any thread. */
CPROM_API void cprom_http_response_free(cprom_http_response *response);

/*
 * The response as it goes to the peer: head, framing and body. A response is taken either like this or by the parts
 * below.
 *
 * _next: the bytes that come next, at most some 64 KiB; they stay where they are until the next _sent. false: there are
 * none any more. Without a _sent in between, the same bytes again.
 * _sent: the peer took the first `n` of them; more than there are count as all.
 */
CPROM_API bool cprom_http_response_next(cprom_http_response *response, const char **bytes, size_t *n);
CPROM_API void cprom_http_response_sent(cprom_http_response *response, size_t n);

/*
 * Whether the connection must be closed behind the response: the request said so, or the response ended too early (a
 * content coding failed), and the peer must not take it for whole. Ask at the end.
 */
CPROM_API bool cprom_http_response_must_close(const cprom_http_response *response);

/*
 * The response in parts, for servers that frame it themselves.
 *
 * _status: 200, for instance.
 * _header: the header `index`, from 0; false: there are no more. Content-Length, Transfer-Encoding, Connection and
 *          Date are not among them. The strings live as long as the response.
 * _length: the length of the body, where it is known beforehand: where the body is under 64 KiB, and for HTTP/1.0.
 * _body:   writes up to `cap` bytes of the body and returns how many; 0 at the end. A response to HEAD has none.
 */
CPROM_API int cprom_http_response_status(const cprom_http_response *response);
CPROM_API bool cprom_http_response_header(const cprom_http_response *response, size_t index, const char **name,
                                          const char **value);
CPROM_API bool cprom_http_response_length(const cprom_http_response *response, uint64_t *length);
CPROM_API size_t cprom_http_response_body(cprom_http_response *response, char *buf, size_t cap);

/*==============================================================================
 * Content coding: the library compresses pages of more than 1 KiB for clients that accept gzip, with an encoder of its
 * own that takes some 60 KB for as long as the response lives. Where there is no memory for it, with .no_gzip, and in a
 * library that was built with CPROM_GZIP=OFF, pages go as they are. A program may add codings, also a gzip that takes its
 * place: examples/http_zlib.c. HEAD tells Content-Encoding of codings that were added only.
 *============================================================================*/

typedef struct cprom_http_coding {
    size_t size;
    const char *name; /* copied; as in Accept-Encoding: "gzip" */
    /* Starts one body. NULL: it cannot (no memory); this body is then sent as it is. Threads may begin at once. */
    void *(*begin)(void *ctx);
    /*
     * Takes bytes from `in` and puts bytes to `out`; how many of each goes to `*used` and `*made`, both 0 before.
     * With `in` NULL the body is over: puts what is left, and returns true when nothing is left. Called again with
     * what was not used, or with more room. A call that neither uses nor makes anything says that the coding failed.
     * The same calls must make the same bytes: for HTTP/1.0 the body is made twice, to know its length beforehand.
     */
    bool (*feed)(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made);
    void (*end)(void *state); /* always, once, also before the body is over */
    void *ctx;                /* must be there as long as the handler and its responses */
} cprom_http_coding;

/*
 * Offers a coding for the page. Of several that a client likes as much, the one added first is taken, and the library's
 * own gzip last.
 * EINVAL: also a name that is not a token, "*", "identity", or over 64 bytes, and a function that is missing; EEXIST:
 * there is one of this name; ENOMEM. Init-only.
 */
CPROM_API cprom_status cprom_http_handler_add_coding(cprom_http_handler *handler, const cprom_http_coding *coding);

/*==============================================================================
 * Server: a handler on sockets of its own, for programs that have no HTTP server.
 *
 *      cprom_http_server *server;
 *      cprom_http_server_start(registry, CPROM_OPTS(cprom_http_server_opts, .address = ":9464"), &server);
 *      ...
 *      cprom_http_server_stop(server);
 *
 * Its threads block all signals; it never raises SIGPIPE, and all its descriptors are close-on-exec. Collectors'
 * callbacks run on its threads. With one thread, a callback that takes long keeps all other connections waiting, and
 * their time limits are looked at only behind it; with more, all but as many slow scrapes as there are threads go on.
 * The callbacks of one collector never run concurrently, whatever the number of threads.
 *
 * The threads cannot be cancelled. A callback, or `authorize`, that ends its thread by pthread_exit() closes the
 * connection, and a new thread takes the old one's place (not with musl: see cprom.h). Nobody catches an exception there:
 * the program ends, as from any thread's function.
 *
 * Start it after the last fork of the program, daemon(3) among them: threads do not live on in a child. fork() closes all
 * that the child has of a server, so that clients are refused, and do not wait for an answer that never comes; the
 * parent's server goes on. The child may exec or _exit, whatever the server's threads were doing.
 *============================================================================*/

typedef struct cprom_http_server cprom_http_server;

typedef struct cprom_http_server_opts {
    size_t size;
    /* Copied. "127.0.0.1:9464" (the default), "[::1]:9464", "localhost:9464" (127.0.0.1), ":9464" (all addresses, by
     * IPv6 and IPv4), "unix:/path". Port 0: any that is free. Other names are not looked up. */
    const char *address;
    /* Instead: a listening socket of the caller's, which is duplicated and made non-blocking. 0: none. */
    int listen_fd;
    cprom_http_handler *handler; /* borrowed until the server has stopped; NULL: one with all defaults */
    /* Whether a request is answered; else it is a 401. May run on several threads at once. Default: all are. */
    bool (*authorize)(void *ctx, const cprom_http_request *request);
    void *authorize_ctx;
    unsigned threads;           /* 1 by default, at most 64: more are EINVAL, as over the limits below */
    /* With so many connections, a new one takes the place of one that is idle; then of one whose request is not whole after
     * a second; then of a response of which nothing was taken for a second; last of what is in flow, the slowest response
     * before one that is younger than a second. Among the idle, of the peer with most connections, the oldest.
     * Default: 64; at most 65536. */
    size_t max_connections;
    size_t max_header_bytes;    /* of one request's head; 8192; at most 1 MiB */
    /* How long things may take, in seconds; then the connection is closed. */
    double header_seconds;      /* a request, from its first byte, or from the beginning of the connection; 5 */
    double idle_seconds;        /* between two requests; 60 */
    double stall_seconds;       /* a response of which the peer takes nothing; 30 */
    double response_seconds;    /* a response as a whole; 120 */
    unsigned unix_mode;         /* of a unix socket: who may connect, 0660 for instance; 0: as the umask is */
    /* Of one peer address (of IPv6, of one network of 64 bits); one more takes the place of another of that peer.
     * The clients of a unix socket are one peer, as are those behind one proxy. 0: no limit. */
    size_t max_connections_per_peer;
} cprom_http_server_opts;

/*
 * Starts a server, which listens when this returns; stop it with cprom_http_server_stop(). `opts` may be NULL for all
 * defaults. Call it behind daemon(3), see above. The registry may be freed before: from then on pages are 503.
 * EINVAL: also an address that is none of the above, a listen_fd that does not listen, both of them, a unix_mode over
 * 0777 or without a unix socket, or a time that is negative or NaN; ENOMEM; ESYS: it cannot listen there, or there are
 * no threads or descriptors to be had, see errno.
 *
 * A unix socket has a lock file beside it, its path with ".lock" behind, which is locked (flock) until the server has
 * stopped; then both are removed. Of several servers that start at one path, in whatever process, one is there, and ESYS
 * with EADDRINUSE is for the others. What a program left at the path when it ended is replaced: a socket at which nobody
 * listens. What others have put there since is left to them. MT-safe.
 */
CPROM_API cprom_status cprom_http_server_start(cprom_registry *registry, const cprom_http_server_opts *opts,
                                               cprom_http_server **server);

/*
 * Where it listens, with the real port: "127.0.0.1:40123", "[::]:9464", "unix:/path"; "" for NULL. Lives as long as the
 * server. MT-safe, lock-free.
 */
CPROM_API const char *cprom_http_server_address(const cprom_http_server *server);

/*
 * Closes all connections, also in the middle of a response, ends the threads and frees the server. Waits for callbacks
 * that its threads run now; no other begins, and none that runs elsewhere is waited for. So it may be called in any
 * callback on any thread, but in those that hold locks: clocks and allocators. The caller must not hold a lock that the
 * callbacks take, the log's among them.
 * EBUSY: the server would wait for itself. This is one of its own threads, in a callback; or a thread of another server
 * that a thread of this one is stopping. Nothing happened. OK for NULL. Init-only.
 */
CPROM_API cprom_status cprom_http_server_stop(cprom_http_server *server);

/*
 * For a child that was made otherwise than by fork(), and so has no handlers of pthread_atfork(): closes the descriptors
 * that it inherited of the server (but that of a connection that came in that very instant). In the child of any fork, the
 * server's memory stays, and nothing else may be called with `server` but _stop, which does the same. In the process that
 * started the server: a no-op. Async-signal-safe.
 */
CPROM_API void cprom_http_server_after_fork(cprom_http_server *server);

#ifdef __cplusplus
}
#endif

#endif
