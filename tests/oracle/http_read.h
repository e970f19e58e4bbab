/*
 * What the HTTP tests share: a naive reader of responses, written from RFC 9112 alone, and calls of the handler.
 * Everything asserts.
 */
#ifndef CPROM_TESTS_HTTP_READ_H
#define CPROM_TESTS_HTTP_READ_H

#include <ctype.h>

#include <cprom/http.h>

#include "support/cprom_test.h"

#define HANDLER_OPTS(...) CPROM_OPTS(cprom_http_handler_opts, __VA_ARGS__)
#define HR_HEADERS_MAX 16

typedef struct hr_response {
    char *bytes; /* as they came */
    size_t n_bytes;
    int status;
    char *names[HR_HEADERS_MAX], *values[HR_HEADERS_MAX];
    size_t n_headers;
    bool chunked, has_length;
    size_t chunks; /* with bytes in them */
    char *body;    /* with a NUL behind */
    size_t len;
} hr_response;

static inline void hr_free(hr_response *r)
{
    free(r->bytes);
    free(r->body);
    for (size_t i = 0; i < r->n_headers; i++) {
        free(r->names[i]);
        free(r->values[i]);
    }
    memset(r, 0, sizeof *r);
}

/* The value of a header; NULL: it is not there. Asserts that it is not there twice. */
static inline const char *hr_header(const hr_response *r, const char *name)
{
    const char *found = NULL;
    for (size_t i = 0; i < r->n_headers; i++) {
        if (strcmp(r->names[i], name) != 0) continue;
        assert_null(found);
        found = r->values[i];
    }
    return found;
}

static inline char *hr_copy(const char *begin, const char *end)
{
    char *copy = calloc(1, (size_t)(end - begin) + 1);
    assert_non_null(copy);
    memcpy(copy, begin, (size_t)(end - begin));
    return copy;
}

/* The line at `*at` without its CR LF. */
static inline char *hr_line(const char **at, const char *end)
{
    const char *begin = *at, *p = begin;
    while (p < end && *p != '\r') {
        assert_true(*p == '\t' || (unsigned char)*p >= ' ');
        p++;
    }
    assert_true(end - p >= 2 && p[1] == '\n');
    *at = p + 2;
    return hr_copy(begin, p);
}

static inline void hr_dechunk(hr_response *r, const char **at, const char *end)
{
    for (;;) {
        char *line = hr_line(at, end), *behind;
        for (const char *p = line; *p; p++) assert_true(isxdigit((unsigned char)*p) && !isupper((unsigned char)*p));
        assert_true(*line && (*line != '0' || !line[1])); /* no zeros before */
        size_t n = strtoul(line, &behind, 16);
        assert_int_equal(*behind, '\0');
        free(line);
        assert_true((size_t)(end - *at) >= n + 2);
        memcpy(r->body + r->len, *at, n);
        r->len += n;
        *at += n;
        assert_memory_equal(*at, "\r\n", 2);
        *at += 2;
        if (!n) return;
        r->chunks++;
    }
}

/* Reads one response to `method` that is all of these bytes, and takes them over. */
static inline hr_response hr_read(char *bytes, size_t n, const char *method)
{
    hr_response r = {.bytes = bytes, .n_bytes = n};
    const char *at = bytes, *end = bytes + n;
    char *line = hr_line(&at, end);
    assert_memory_equal(line, "HTTP/1.1 ", 9);
    r.status = (line[9] - '0') * 100 + (line[10] - '0') * 10 + (line[11] - '0');
    assert_true(r.status >= 200 && r.status <= 599 && line[12] == ' ' && line[13]);
    free(line);
    while (at < end && *at != '\r') {
        line = hr_line(&at, end);
        char *colon = strstr(line, ": ");
        assert_non_null(colon);
        assert_true(colon > line && colon[2] && colon[2] != ' ' && r.n_headers < HR_HEADERS_MAX);
        r.names[r.n_headers] = hr_copy(line, colon);
        r.values[r.n_headers++] = hr_copy(colon + 2, line + strlen(line));
        free(line);
    }
    free(hr_line(&at, end));
    const char *length = hr_header(&r, "Content-Length"), *coding = hr_header(&r, "Transfer-Encoding");
    assert_false(length && coding);
    r.body = calloc(1, n + 1);
    r.has_length = length != NULL;
    r.chunked = coding != NULL;
    if (coding) assert_string_equal(coding, "chunked");
    if (strcmp(method, "HEAD") != 0) {
        assert_true(length || coding);
        if (coding) {
            hr_dechunk(&r, &at, end);
        } else {
            r.len = strtoul(length, NULL, 10);
            assert_true((size_t)(end - at) >= r.len);
            memcpy(r.body, at, r.len);
            at += r.len;
        }
    }
    assert_ptr_equal(at, end); /* nothing behind it */
    return r;
}

/* All bytes of a response, `piece` of them sent at a time. The response is freed; `must_close` may be NULL. */
static inline char *hr_pull(cprom_http_response *response, size_t piece, size_t *n, bool *must_close)
{
    const char *bytes, *again;
    size_t len, len_again, room = 1 << 16;
    char *all = malloc(room);
    *n = 0;
    while (cprom_http_response_next(response, &bytes, &len)) {
        assert_true(len > 0);
        assert_true(cprom_http_response_next(response, &again, &len_again));
        assert_ptr_equal(bytes, again);
        assert_int_equal(len, len_again);
        size_t sent = piece < len ? piece : len;
        while (room < *n + sent) all = realloc(all, room *= 2);
        memcpy(all + *n, bytes, sent);
        *n += sent;
        cprom_http_response_sent(response, piece < len ? piece : len + (piece == SIZE_MAX ? 7 : 0));
    }
    assert_false(cprom_http_response_next(response, &bytes, &len));
    assert_null(bytes);
    assert_int_equal(len, 0);
    if (must_close) *must_close = cprom_http_response_must_close(response);
    cprom_http_response_free(response);
    return all;
}

static inline cprom_http_request hr_request(const char *method, const char *target)
{
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    request.method = method;
    request.target = target;
    return request;
}

static inline cprom_http_response *hr_handle(cprom_http_handler *handler, const cprom_http_request *request)
{
    cprom_http_response *response;
    assert_ok(cprom_http_handler_handle(handler, request, &response));
    assert_non_null(response);
    return response;
}

/* Handles the request and reads the response. */
static inline hr_response hr_ask(cprom_http_handler *handler, const cprom_http_request *request)
{
    size_t n;
    char *bytes = hr_pull(hr_handle(handler, request), SIZE_MAX, &n, NULL);
    return hr_read(bytes, n, request->method ? request->method : "");
}

static inline hr_response hr_get(cprom_http_handler *handler, const char *target)
{
    cprom_http_request request = hr_request("GET", target);
    return hr_ask(handler, &request);
}

/* Asserts the status and frees the response. */
static inline void hr_assert_status(hr_response r, int status)
{
    assert_int_equal(r.status, status);
    hr_free(&r);
}

static inline cprom_http_handler *hr_handler(cprom_registry *registry, const cprom_http_handler_opts *opts)
{
    cprom_http_handler *handler;
    assert_ok(cprom_http_handler_new(registry, opts, &handler));
    return handler;
}

#endif
