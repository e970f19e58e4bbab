/* A response: head and body, in pieces of any size. */
#include "http/response.h"

#include <string.h>

#include "base/number.h"
#include "base/unwind.h"
#include "http/compress.h"
#include "page/page.h"

#define RESPONSE_TAIL_MAX 8 /* "\r\n0\r\n\r\n" */

const char *cprom__http_reason(int status)
{
    switch (status) {
#define RESPONSE_REASON(status, reason)                                                                                \
    case status: return reason;
        CPROM__HTTP_STATUSES(RESPONSE_REASON)
    default: return "Error";
    }
}

/* ---- the body ---- */

static void response_begin_page(struct cprom_http_response *response)
{
    CPROM__UNCANCELLED;
    const cprom_http_coding *coding = response->coding;
    response->coder = coding ? coding->begin(coding->ctx) : NULL;
    response->page_over = response->ended = response->failed = false;
    response->made = 0;
    if (response->gzip) cprom__http_compress_begin(response->gzip, response->page);
}

static void response_end_coding(struct cprom_http_response *response)
{
    CPROM__UNCANCELLED;
    if (response->coder) response->coding->end(response->coder);
    response->coder = NULL;
}

/* One call of the coding; false: it failed. */
static bool response_feed(struct cprom_http_response *response, char *out, size_t room, size_t *made)
{
    CPROM__UNCANCELLED;
    size_t used = 0;
    *made = 0;
    if (response->raw_at == response->raw_n && !response->page_over) {
        response->raw_at = 0;
        response->raw_n = cprom_page_read(response->page, response->raw, CPROM__HTTP_RAW_MAX);
        response->page_over = response->raw_n == 0;
        response->work += response->raw_n;
    }
    size_t left = response->raw_n - response->raw_at;
    const char *in = response->page_over ? NULL : response->raw + response->raw_at;
    bool over = response->coding->feed(response->coder, in, left, &used, out, room, made);
    if (used > left || *made > room) return false;
    response->raw_at += used;
    response->ended = !in && over;
    return used || *made || response->ended;
}

static size_t response_read(struct cprom_http_response *response, char *out, size_t room)
{
    size_t read, made;
    if (response->gzip) {
        made = cprom__http_compress_read(response->gzip, out, room, &read);
    } else {
        made = read = cprom_page_read(response->page, out, room);
    }
    response->work += read;
    return made;
}

/* Makes the next bytes of the body at `body`; fewer than the room only where it ends. Returns how many. */
static size_t response_fill(struct cprom_http_response *response)
{
    size_t n = 0;
    while (n < CPROM__HTTP_BODY_MAX && !response->ended) {
        size_t room = CPROM__HTTP_BODY_MAX - n, made;
        if (response->coder) {
            if (!response_feed(response, response->body + n, room, &made)) response->ended = response->failed = true;
        } else {
            made = response_read(response, response->body + n, room);
            response->ended = made == 0;
        }
        if (!response->failed) n += made;
    }
    response->made += n;
    return n;
}

/* Fills the buffer once more. A body whose length was announced has that length, or is known to have failed. */
static size_t response_refill(struct cprom_http_response *response)
{
    uint64_t before = response->made;
    size_t n = response_fill(response);
    if (!response->has_length) return n;
    if (response->made > response->length) {
        response->ended = response->failed = true;
        n = (size_t)(response->length - before);
    } else if (response->ended && response->made < response->length) {
        response->failed = true;
    }
    return n;
}

static void response_restart_page(struct cprom_http_response *response)
{
    response_end_coding(response);
    cprom__page_rewind(response->page);
    response_begin_page(response);
}

/* The beginning of the body, and its length where it is to be known; false: the coding failed. */
static bool response_start_page(struct cprom_http_response *response)
{
    size_t n = response_fill(response);
    if (!response->ended && response->http_1_0) {
        while (!response->ended) response_fill(response);
        response->length = response->made;
        response->has_length = true;
        if (response->failed) return false;
        response_restart_page(response);
        if (response->coding && !response->coder) return false;
        n = response_refill(response);
    } else if (response->ended) {
        response->length = n;
        response->has_length = true;
    }
    response->at = response->body;
    response->end = response->body + n;
    return !response->failed;
}

void cprom__http_response_page(struct cprom_http_response *response, cprom_page *page, const cprom_http_coding *coding,
                               bool gzip)
{
    response->page = page;
    response->coding = coding;
    if (gzip) response->gzip = cprom__http_compress_new(response->registry, page);
    response_begin_page(response);
    if (!response->coder) response->coding = NULL;
    if (!response_start_page(response)) { /* nothing of it has left: without the coding, then */
        response_end_coding(response);
        response->coding = NULL;
        response->has_length = false;
        response_restart_page(response);
        response_start_page(response);
    }
}

const char *cprom__http_response_coding(const struct cprom_http_response *response)
{
    if (response->gzip) return "gzip";
    return response->coding ? response->coding->name : NULL;
}

/* ---- the head ---- */

static char *response_put(char *out, const char *text)
{
    size_t len = strlen(text);
    memcpy(out, text, len);
    return out + len;
}

static char *response_put_two(char *out, int64_t n)
{
    out[0] = (char)('0' + n / 10 % 10);
    out[1] = (char)('0' + n % 10);
    return out + 2;
}

/* Date: Sun, 06 Nov 1994 08:49:37 GMT */
static char *response_put_date(char *out, int64_t nanoseconds)
{
    static const char days[] = "ThuFriSatSunMonTueWed", months[] = "MarAprMayJunJulAugSepOctNovDecJanFeb";
    int64_t seconds = nanoseconds / 1000000000;
    if (seconds < 0 || seconds >= INT64_C(253402300800)) return out; /* the year has four digits */
    int64_t day = seconds / 86400, time = seconds % 86400;
    /* Days since 1 March of the year 0, so that the leap day ends a year; 400 years are 146097 days. */
    int64_t era_day = (day + 719468) % 146097;
    int64_t era_year = (era_day - era_day / 1460 + era_day / 36524 - era_day / 146096) / 365;
    int64_t year_day = era_day - (365 * era_year + era_year / 4 - era_year / 100);
    int64_t month = (5 * year_day + 2) / 153; /* 0: March */
    int64_t year = (day + 719468) / 146097 * 400 + era_year + (month >= 10);
    out = response_put(out, "Date: ");
    memcpy(out, days + day % 7 * 3, 3);
    out = response_put(out + 3, ", ");
    out = response_put_two(out, year_day - (153 * month + 2) / 5 + 1);
    *out++ = ' ';
    memcpy(out, months + month * 3, 3);
    out[3] = ' ';
    out = response_put_two(response_put_two(out + 4, year / 100), year % 100);
    *out++ = ' ';
    out = response_put_two(out, time / 3600);
    *out++ = ':';
    out = response_put_two(out, time / 60 % 60);
    *out++ = ':';
    out = response_put_two(out, time % 60);
    return response_put(out, " GMT\r\n");
}

static size_t response_make_head(const struct cprom_http_response *response, char *head)
{
    char *out = response_put(head, "HTTP/1.1 "); /* what the server speaks, whatever the client does */
    out = response_put_two(out, response->status / 10);
    *out++ = (char)('0' + response->status % 10);
    *out++ = ' ';
    out = response_put(out, cprom__http_reason(response->status));
    out = response_put(out, "\r\n");
    out = response_put_date(out, cprom__wall_now(response->registry));
    for (size_t i = 0; i < response->n_headers; i++) {
        out = response_put(out, response->headers[i].name);
        out = response_put(out, ": ");
        out = response_put(out, response->headers[i].value);
        out = response_put(out, "\r\n");
    }
    if (response->has_length) {
        out = response_put(out, "Content-Length: ");
        out += cprom__number_uint(out, response->length);
        out = response_put(out, "\r\n");
    } else if (!response->is_head) {
        out = response_put(out, "Transfer-Encoding: chunked\r\n");
    }
    if (response->close) out = response_put(out, "Connection: close\r\n");
    else if (response->http_1_0) out = response_put(out, "Connection: keep-alive\r\n");
    out = response_put(out, "\r\n");
    return (size_t)(out - head);
}

/* ---- taking it ---- */

/* Puts the framing around what lies between `at` and `end`: a chunk, and the last one as well where the body ends. */
static void response_frame(struct cprom_http_response *response)
{
    static const char digits[] = "0123456789abcdef";
    if (response->has_length || response->is_head) return;
    size_t n = (size_t)(response->end - response->at);
    if (n) {
        *--response->at = '\n';
        *--response->at = '\r';
        do *--response->at = digits[n % 16];
        while (n /= 16);
        response->end = response_put(response->end, "\r\n");
    }
    if (response->ended && !response->failed) response->end = response_put(response->end, "0\r\n\r\n");
}

static void response_put_head(struct cprom_http_response *response)
{
    char head[CPROM__HTTP_HEAD_MAX];
    size_t len = response_make_head(response, head);
    if (response->is_head) response->at = response->end = response->body;
    response_frame(response);
    response->at -= len;
    memcpy(response->at, head, len);
}

static bool response_can_refill(const struct cprom_http_response *response)
{
    return !response->ended && response->page && !response->is_head;
}

bool cprom__http_response_is_ready(const struct cprom_http_response *response)
{
    return response->at != response->end || !response_can_refill(response);
}

bool cprom_http_response_next(cprom_http_response *response, const char **bytes, size_t *n)
{
    if (bytes) *bytes = NULL;
    if (n) *n = 0;
    if (!response || !bytes || !n || response->taken == CPROM__HTTP_AS_PARTS) return false;
    if (response->taken == CPROM__HTTP_UNTAKEN) {
        response->taken = CPROM__HTTP_AS_BYTES;
        response_put_head(response);
    } else if (response->at == response->end && response_can_refill(response)) {
        response->at = response->body;
        response->end = response->body + response_refill(response);
        response_frame(response);
    }
    if (response->at == response->end) return false;
    *bytes = response->at;
    *n = (size_t)(response->end - response->at);
    return true;
}

void cprom_http_response_sent(cprom_http_response *response, size_t n)
{
    if (!response || response->taken != CPROM__HTTP_AS_BYTES) return;
    size_t left = (size_t)(response->end - response->at);
    response->at += n < left ? n : left;
}

size_t cprom_http_response_body(cprom_http_response *response, char *buf, size_t cap)
{
    if (!response || !buf || response->is_head || response->taken == CPROM__HTTP_AS_BYTES) return 0;
    response->taken = CPROM__HTTP_AS_PARTS;
    size_t copied = 0;
    while (copied < cap) {
        if (response->at == response->end) {
            if (!response_can_refill(response)) break;
            response->at = response->body;
            response->end = response->body + response_refill(response);
            continue;
        }
        size_t left = (size_t)(response->end - response->at);
        size_t n = cap - copied < left ? cap - copied : left;
        memcpy(buf + copied, response->at, n);
        response->at += n;
        copied += n;
    }
    return copied;
}

bool cprom_http_response_must_close(const cprom_http_response *response)
{
    return !response || response->close || response->failed;
}

int cprom_http_response_status(const cprom_http_response *response) { return response ? response->status : 0; }

bool cprom_http_response_header(const cprom_http_response *response, size_t index, const char **name,
                                const char **value)
{
    bool there = response && index < response->n_headers;
    if (name) *name = there ? response->headers[index].name : NULL;
    if (value) *value = there ? response->headers[index].value : NULL;
    return there;
}

bool cprom_http_response_length(const cprom_http_response *response, uint64_t *length)
{
    if (length) *length = response && response->has_length ? response->length : 0;
    return response && response->has_length;
}

/* ---- life ---- */

struct cprom_http_response *cprom__http_response_new(struct cprom_registry *registry, const cprom_http_request *request,
                                                     int status, size_t body, bool raw)
{
    size_t room = CPROM__HTTP_HEAD_MAX + body + RESPONSE_TAIL_MAX;
    size_t bytes = sizeof(struct cprom_http_response) + room + (raw ? CPROM__HTTP_RAW_MAX : 0);
    struct cprom_http_response *response = cprom__alloc(&registry->allocator, bytes);
    if (!response) return NULL;
    memset(response, 0, sizeof *response);
    response->registry = registry;
    response->bytes = bytes;
    response->status = status;
    response->is_head = request && request->method && strcmp(request->method, "HEAD") == 0;
    response->http_1_0 = request && request->http_1_0;
    response->close = !request || request->close;
    response->body = response->at = response->end = response->buffer + CPROM__HTTP_HEAD_MAX;
    if (raw) response->raw = response->buffer + room;
    return response;
}

void cprom__http_response_add(struct cprom_http_response *response, const char *name, const char *value)
{
    response->headers[response->n_headers].name = name;
    response->headers[response->n_headers].value = value;
    response->n_headers++;
}

void cprom__http_response_whole(struct cprom_http_response *response, size_t length)
{
    response->length = response->made = response->work = length;
    response->has_length = response->ended = true;
    response->end = response->body + length;
}

void cprom__http_response_destroy(struct cprom_http_response *response)
{
    response_end_coding(response);
    if (response->gzip) cprom__http_compress_free(response->registry, response->gzip);
    cprom_page_close(response->page);
    cprom__release(&response->registry->allocator, response, response->bytes);
}
