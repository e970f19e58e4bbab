/*
 * HTTP/1.x requests: from bytes to a request's head, strictly by RFC 9112. Whatever two readers could take for two
 * different things is refused: it is the stuff that smuggled requests are made of.
 *
 *   cprom__http_scan()   finds the end of a head, as bytes come in; sees each byte once
 *   cprom__http_parse()  takes a whole head apart
 *
 * Both only read the bytes that they are given; neither allocates.
 */
#ifndef CPROM_LIB_HTTP_PARSER_H
#define CPROM_LIB_HTTP_PARSER_H

#include <stdbool.h>
#include <stddef.h>

/* A body of more bytes is refused. Smaller ones are read and thrown away: no request needs one. */
#define CPROM__HTTP_SKIP_MAX 65536u

/* How far the search for a head's end has come. All zero: at the beginning. */
struct cprom__http_scan {
    size_t begin; /* of the request line: behind empty lines, which may precede it */
    size_t done;  /* bytes looked at */
    size_t line;  /* begin of the line that `done` is in */
    bool cr;      /* the last byte was CR */
};

enum cprom__http_found {
    CPROM__HTTP_MORE,      /* not yet whole */
    CPROM__HTTP_HEAD,      /* it is bytes[scan->begin] to bytes[scan->done - 1] */
    CPROM__HTTP_BAD,       /* NUL, LF without CR or CR without LF: 400 */
    CPROM__HTTP_LONG_LINE, /* `max` bytes without the end of the request line: 414 */
    CPROM__HTTP_LONG_HEAD  /* `max` bytes without the end of the head: 431 */
};

/* `len` bytes are there; those that were there at the call before must not have changed. */
enum cprom__http_found cprom__http_scan(struct cprom__http_scan *scan, const char *bytes, size_t len, size_t max);

/* A request's head. Strings are NUL-terminated; a field that was not there is NULL, a repeated one joined by ", ". */
struct cprom__http_head {
    const char *method, *target;
    const char *accept, *accept_encoding, *authorization, *scrape_timeout;
    size_t body;   /* bytes of the body that follows */
    bool http_1_0; /* else 1.1, or a later 1.x */
    bool close;    /* the client wants no other request on this connection */
};

/*
 * Takes apart a head of `len` bytes that cprom__http_scan() has found. The strings go to `room`, of `len` bytes.
 * Returns 0, or the status to refuse the request with, after which nothing on the connection can be trusted:
 *
 *   400  malformed; no Host or two; Content-Length beside Transfer-Encoding, twice, or no number
 *   411  a chunked body
 *   413  a body of more than CPROM__HTTP_SKIP_MAX bytes
 *   417  a body that wants to be asked for
 *   501  a transfer coding beside chunked
 *   505  not HTTP/1
 *
 * Of several reasons: first the request line, then 505, other 400, 501, 411, 413, 417. The method, the version and
 * `close` are there (else NULL) if the request line is right, also when the rest is not.
 */
int cprom__http_parse(const char *bytes, size_t len, char *room, struct cprom__http_head *head);

#endif
