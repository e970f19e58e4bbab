/*
 * A second reading of HTTP/1.x requests, for comparison: written from the grammar of RFC 9112 and RFC 9110, one
 * function a rule, over the whole of the bytes at once, with no care for speed or memory. It shares nothing with
 * lib/http/parser.c.
 */
#ifndef CPROM_TESTS_HTTP_REFERENCE_H
#define CPROM_TESTS_HTTP_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REF_BODY_MAX 65536ul
#define REF_LINES 4096

/* What should become of the first request in some bytes. */
struct ref_verdict {
    int status;  /* -1: not whole yet; 0: it is right; else what it is refused with */
    size_t head; /* bytes up to the end of the head, if it has one */
    size_t body; /* bytes behind */
    bool close, http_1_0, is_head;
    char target[16384], accept[16384], accept_encoding[16384], authorization[16384], scrape_timeout[16384];
    bool has_accept, has_accept_encoding, has_authorization, has_scrape_timeout;
};

struct ref_line {
    char *text; /* with a NUL behind; there is none within */
    size_t len;
};

static inline bool ref_among(unsigned char c, const char *set) { return c != 0 && strchr(set, c) != NULL; }

#define REF_DIGIT "0123456789"
#define REF_ALPHA "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define REF_TCHAR REF_DIGIT REF_ALPHA "!#$%&'*+-.^_`|~"
#define REF_UNRESERVED REF_ALPHA REF_DIGIT "-._~"
#define REF_SUB_DELIMS "!$&'()*+,;="

static inline bool ref_made_of(const char *text, const char *set)
{
    for (; *text; text++) {
        if (!ref_among((unsigned char)*text, set)) return false;
    }
    return true;
}

static inline bool ref_token(const char *text) { return *text && ref_made_of(text, REF_TCHAR); }

/* OWS around a field value; in place. */
static inline char *ref_trim(char *text)
{
    while (*text == ' ' || *text == '\t') text++;
    for (size_t n = strlen(text); n && (text[n - 1] == ' ' || text[n - 1] == '\t'); n--) text[n - 1] = '\0';
    return text;
}

static inline bool ref_same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        int x = *a >= 'A' && *a <= 'Z' ? *a - 'A' + 'a' : *a, y = *b >= 'A' && *b <= 'Z' ? *b - 'A' + 'a' : *b;
        if (x != y) return false;
    }
    return *a == *b;
}

/* Field values that belong to one name, in their order, with ", " between them. How many there were. */
static inline int ref_values(const struct ref_line *names, const struct ref_line *values, int n, const char *name,
                             char *joined)
{
    int times = 0;
    joined[0] = '\0';
    for (int i = 0; i < n; i++) {
        if (!ref_same(names[i].text, name)) continue;
        if (times++) strcat(joined, ", ");
        strcat(joined, values[i].text);
    }
    return times;
}

/* Whether a comma list has this element; `*elements` counts those that are not empty, `*last` tells of the last. */
static inline int ref_elements(const char *list, const char *wanted, int *elements, bool *last)
{
    int found = 0, all = 0;
    char copy[16384];
    bool is_last = false;
    strcpy(copy, list);
    for (char *at = copy; at;) {
        char *comma = strchr(at, ',');
        if (comma) *comma = '\0';
        char *element = ref_trim(at);
        if (*element) {
            is_last = ref_same(element, wanted);
            found += is_last;
            all++;
        }
        at = comma ? comma + 1 : NULL;
    }
    if (elements) *elements = all;
    if (last) *last = is_last;
    return found;
}

/* request-line = method SP request-target SP HTTP-version */
static inline int ref_request_line(char *line, struct ref_verdict *v)
{
    char *first = strchr(line, ' '), *last = strrchr(line, ' ');
    if (!first || first == last) return 400;
    *first = *last = '\0';
    const char *target = first + 1, *version = last + 1;
    if (!ref_token(line)) return 400;
    if (!*target) return 400;
    for (const char *c = target; *c; c++) {
        if (*c < 0x21 || *c > 0x7e) return 400;
    }
    if (strlen(version) != 8 || strncmp(version, "HTTP/", 5) != 0 || version[6] != '.') return 400;
    if (!ref_among((unsigned char)version[5], REF_DIGIT) || !ref_among((unsigned char)version[7], REF_DIGIT))
        return 400;
    if (version[5] != '1') return 505;
    v->http_1_0 = version[7] == '0';
    v->is_head = strcmp(line, "HEAD") == 0;
    strcpy(v->target, target);
    return 0;
}

static inline int ref_fields(struct ref_line *lines, int n, struct ref_verdict *v)
{
    static struct ref_line names[REF_LINES], values[REF_LINES];
    static char host[16384], length[16384], coding[16384], connection[16384], expect[16384];
    for (int i = 0; i < n; i++) {
        char *colon = strchr(lines[i].text, ':');
        if (!colon) return 400;
        *colon = '\0';
        if (!ref_token(lines[i].text)) return 400;
        for (const char *c = colon + 1; *c; c++) {
            if (*c != '\t' && ((unsigned char)*c < 0x20 || *c == 0x7f)) return 400;
        }
        names[i].text = lines[i].text;
        values[i].text = ref_trim(colon + 1);
    }
    int hosts = ref_values(names, values, n, "Host", host);
    if (hosts > 1 || (hosts == 0 && !v->http_1_0)) return 400;
    if (!ref_made_of(host, REF_UNRESERVED REF_SUB_DELIMS "%:[]")) return 400;

    int lengths = ref_values(names, values, n, "Content-Length", length);
    int codings = ref_values(names, values, n, "Transfer-Encoding", coding);
    if (lengths > 1 || (lengths == 1 && (!*length || !ref_made_of(length, REF_DIGIT)))) return 400;

    int connections = ref_values(names, values, n, "Connection", connection);
    v->close = v->http_1_0;
    if (connections && ref_elements(connection, "keep-alive", NULL, NULL)) v->close = false;
    if (connections && ref_elements(connection, "close", NULL, NULL)) v->close = true;

    if (codings) {
        int all;
        bool last;
        int chunked = ref_elements(coding, "chunked", &all, &last);
        if (v->http_1_0 || lengths || !last || chunked > 1) return 400;
        return all > 1 ? 501 : 411;
    }
    const char *digits = length + strspn(length, "0");
    if (strlen(digits) > 9 || strtoul(*digits ? digits : "0", NULL, 10) > REF_BODY_MAX) return 413;
    v->body = strtoul(*digits ? digits : "0", NULL, 10);
    if (v->body && !v->http_1_0 && ref_values(names, values, n, "Expect", expect)) return 417;

    v->has_accept = ref_values(names, values, n, "Accept", v->accept);
    v->has_accept_encoding = ref_values(names, values, n, "Accept-Encoding", v->accept_encoding);
    v->has_authorization = ref_values(names, values, n, "Authorization", v->authorization);
    v->has_scrape_timeout = ref_values(names, values, n, "X-Prometheus-Scrape-Timeout-Seconds", v->scrape_timeout);
    return 0;
}

/* The first request in `bytes`, where a head must not be longer than `max`. */
static inline void ref_parse(const char *bytes, size_t len, size_t max, struct ref_verdict *v)
{
    static char copy[16384];
    static struct ref_line lines[REF_LINES];
    memset(v, 0, sizeof *v);
    size_t limit = len < max ? len : max, at = 0;
    int n = 0;
    bool ended = false;
    /* Lines of the head, each up to its CRLF; empty ones before the request line do not count. */
    memcpy(copy, bytes, limit);
    copy[limit] = '\0';
    while (at < limit && !ended) {
        size_t end = at;
        while (end < limit && copy[end] != '\r' && copy[end] != '\n' && copy[end] != '\0') end++;
        if (end == limit || (copy[end] == '\r' && end + 1 == limit)) break;
        if (copy[end] != '\r' || copy[end + 1] != '\n') {
            v->status = 400;
            return;
        }
        copy[end] = '\0';
        if (end > at) lines[n++].text = copy + at;
        else if (n > 0) ended = true;
        at = end + 2;
    }
    if (!ended) {
        v->status = len < max ? -1 : n == 0 ? 414 : 431;
        return;
    }
    v->head = at;
    v->status = ref_request_line(lines[0].text, v);
    if (!v->status) v->status = ref_fields(lines + 1, n - 1, v);
}

#endif
