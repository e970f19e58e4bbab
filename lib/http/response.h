/*
 * A response: head, framing and a body that is made as it is taken. The body is either there as a whole, or a page,
 * perhaps through a content coding, of which one buffer is made at a time.
 */
#ifndef CPROM_LIB_HTTP_RESPONSE_H
#define CPROM_LIB_HTTP_RESPONSE_H

#include <cprom/http.h>

#include "store/context.h"

#define CPROM__HTTP_HEADERS_MAX 3
#define CPROM__HTTP_CODING_MAX 64  /* bytes of a coding's name */
#define CPROM__HTTP_HEAD_MAX 640   /* bytes of a head; what may stand in one is bounded */
#define CPROM__HTTP_BODY_MAX 65536 /* bytes of a body that are made at a time */
#define CPROM__HTTP_RAW_MAX 16384  /* bytes of a page that go to a coding at a time */

/* The statuses that are answered: X(status, its name) for each. */
#define CPROM__HTTP_STATUSES(X)                                                                                        \
    X(200, "OK")                                                                                                       \
    X(400, "Bad Request")                                                                                              \
    X(401, "Unauthorized")                                                                                             \
    X(404, "Not Found")                                                                                                \
    X(405, "Method Not Allowed")                                                                                       \
    X(408, "Request Timeout")                                                                                          \
    X(411, "Length Required")                                                                                          \
    X(413, "Content Too Large")                                                                                        \
    X(414, "URI Too Long")                                                                                             \
    X(417, "Expectation Failed")                                                                                       \
    X(431, "Request Header Fields Too Large")                                                                          \
    X(501, "Not Implemented")                                                                                          \
    X(503, "Service Unavailable")                                                                                      \
    X(505, "HTTP Version Not Supported")

enum cprom__http_taken {
    CPROM__HTTP_UNTAKEN,
    CPROM__HTTP_AS_BYTES, /* by _next */
    CPROM__HTTP_AS_PARTS  /* by _body */
};

struct cprom_http_response {
    struct cprom_http_handler *handler;
    struct cprom_registry *registry;
    size_t bytes; /* of this */
    int status;
    struct {
        const char *name, *value;
    } headers[CPROM__HTTP_HEADERS_MAX];
    size_t n_headers;
    bool is_head, http_1_0, close;

    enum cprom__http_taken taken;
    char *at, *end; /* what lies there to be taken */
    bool has_length;
    uint64_t length; /* of the body */
    uint64_t made;   /* bytes of the body so far */
    uint64_t work;   /* bytes that were made for it, before any coding; what is made twice counts twice */
    bool ended;      /* nothing can be made any more */
    bool failed;     /* the body ended too early */

    cprom_page *page; /* NULL: the body is whole in the buffer */
    const cprom_http_coding *coding;
    void *coder;    /* what its begin returned; NULL: there is no coding */
    bool page_over; /* read to the end */
    char *raw;      /* bytes of the page that the coding has not used yet, in a room of their own */
    size_t raw_at, raw_n;
    struct cprom__gzip *gzip; /* the library's own coding; NULL: there is none. Never beside `coding` */

    int64_t began; /* scrapes of a handler with self-metrics: when; monotonic */
    bool is_scrape;
    char *body; /* in `buffer`, with room for a head before it and for the end of a chunk behind */
    char buffer[];
};

/* A response with room for `body` bytes of a body, or for a page's; NULL: out of memory. Takes over nothing. */
struct cprom_http_response *cprom__http_response_new(struct cprom_registry *registry, const cprom_http_request *request,
                                                     int status, size_t body, bool raw);
void cprom__http_response_add(struct cprom_http_response *response, const char *name, const char *value);
/* The body is what lies in `body`. */
void cprom__http_response_whole(struct cprom_http_response *response, size_t length);
/*
 * The body is this page, which now belongs to the response, coded if the coding (NULL: none) can begin, or with `gzip` by
 * the library, if that is worth it and there is memory. Makes the beginning of it, or all.
 */
void cprom__http_response_page(struct cprom_http_response *response, cprom_page *page, const cprom_http_coding *coding,
                               bool gzip);
/* Whether the next bytes are there, or there are no more: nothing would have to be made. */
bool cprom__http_response_is_ready(const struct cprom_http_response *response);
/* For Content-Encoding; NULL: the body is as it is. */
const char *cprom__http_response_coding(const struct cprom_http_response *response);
void cprom__http_response_destroy(struct cprom_http_response *response);

/* "Not Found"; for a status that the library never sends, "Error". Static. */
const char *cprom__http_reason(int status);

#endif
