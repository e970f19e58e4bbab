/* From bytes to a request. */
#include "http/parser.h"

#include <stdint.h>
#include <string.h>

#include "http/span.h"

/* ---- the end of a head ---- */

enum cprom__http_found cprom__http_scan(struct cprom__http_scan *scan, const char *bytes, size_t len, size_t max)
{
    size_t end = len < max ? len : max;
    for (size_t i = scan->done; i < end; i++) {
        unsigned char c = (unsigned char)bytes[i];
        scan->done = i + 1;
        if (scan->cr != (c == '\n') || c == '\0') return CPROM__HTTP_BAD;
        scan->cr = c == '\r';
        if (c != '\n') {
            if (scan->cr) continue;
            while (i + 1 < end && (unsigned char)bytes[i + 1] > '\r') i++;
            scan->done = i + 1;
            continue;
        }
        bool empty = i - scan->line == 1;
        if (empty && scan->line != scan->begin) return CPROM__HTTP_HEAD;
        scan->line = i + 1;
        if (empty) scan->begin = i + 1;
    }
    if (len < max) return CPROM__HTTP_MORE;
    return scan->line == scan->begin ? CPROM__HTTP_LONG_LINE : CPROM__HTTP_LONG_HEAD;
}

/* ---- bytes ---- */

/* What a byte may stand in. */
enum {
    PARSER_IN_TOKEN = 1, /* letters, digits, !#$%&'*+-.^_`|~ */
    PARSER_IN_HOST = 2,  /* letters, digits, -._~!$&'()*+,;=%:[] */
    PARSER_IN_VALUE = 4, /* visible, blank, tab, 128 and more */
    PARSER_IN_TARGET = 8 /* visible */
};

/* clang-format off */
static const unsigned char parser_places[256] = {
     0,  0,  0,  0,  0,  0,  0,  0,  0,  4,  0,  0,  0,  0,  0,  0,
     0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
     4, 15, 12, 13, 15, 15, 15, 15, 14, 14, 15, 15, 14, 15, 15, 12,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 14, 12, 14, 12, 12,
    12, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 14, 12, 14, 13, 15,
    13, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15,
    15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 15, 12, 13, 12, 15,  0,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,
     4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4,  4
};
/* clang-format on */

static bool parser_all_are(struct cprom__span span, unsigned place)
{
    unsigned all = place;
    for (size_t i = 0; i < span.len; i++) all &= parser_places[(unsigned char)span.at[i]];
    return all != 0;
}

static bool parser_is_digit(char c) { return c >= '0' && c <= '9'; }

static bool parser_all_digits(struct cprom__span span)
{
    for (size_t i = 0; i < span.len; i++) {
        if (!parser_is_digit(span.at[i])) return false;
    }
    return true;
}

/* Cuts off what stands before the first `c`, and `c` itself; without one, all. */
static struct cprom__span parser_cut(struct cprom__span *rest, char c)
{
    const char *found = rest->len ? memchr(rest->at, c, rest->len) : NULL;
    struct cprom__span part = {rest->at, found ? (size_t)(found - rest->at) : rest->len};
    size_t used = part.len + (found ? 1 : 0);
    rest->at += used;
    rest->len -= used;
    return part;
}

/* The next element of a comma list; empty ones are passed over. false: the list is over. */
static bool parser_next_element(struct cprom__span *list, struct cprom__span *element)
{
    do {
        if (!list->len) return false;
        *element = cprom__span_trim(parser_cut(list, ','));
    } while (!element->len);
    return true;
}

static char *parser_put(char **room, struct cprom__span span)
{
    char *text = *room;
    memcpy(text, span.at, span.len);
    text[span.len] = '\0';
    *room += span.len + 1;
    return text;
}

/* ---- the request line ---- */

static int parser_parse_request_line(struct cprom__span line, char **room, struct cprom__http_head *head)
{
    struct cprom__span method = parser_cut(&line, ' '), target = parser_cut(&line, ' '), version = line;
    if (!method.len || !parser_all_are(method, PARSER_IN_TOKEN) || !target.len ||
        !parser_all_are(target, PARSER_IN_TARGET))
        return 400;
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || !parser_is_digit(version.at[5]) ||
        version.at[6] != '.' || !parser_is_digit(version.at[7])) {
        return 400;
    }
    head->method = parser_put(room, method);
    head->target = parser_put(room, target);
    head->http_1_0 = version.at[7] == '0';
    head->close = head->http_1_0;
    return version.at[5] == '1' ? 0 : 505;
}

/* ---- fields ---- */

enum parser_field {
    PARSER_HOST,
    PARSER_CONNECTION,
    PARSER_CONTENT_LENGTH,
    PARSER_TRANSFER_ENCODING,
    PARSER_EXPECT,
    PARSER_ACCEPT, /* this and the next are kept as text */
    PARSER_ACCEPT_ENCODING,
    PARSER_AUTHORIZATION,
    PARSER_SCRAPE_TIMEOUT,
    PARSER_FIELDS
};

static const char *const parser_names[PARSER_FIELDS] = {"host",
                                                        "connection",
                                                        "content-length",
                                                        "transfer-encoding",
                                                        "expect",
                                                        "accept",
                                                        "accept-encoding",
                                                        "authorization",
                                                        "x-prometheus-scrape-timeout-seconds"};

static enum parser_field parser_field_of(struct cprom__span name)
{
    enum parser_field field = 0;
    while (field < PARSER_FIELDS && !cprom__span_is(name, parser_names[field])) field++;
    return field;
}

/* What the fields that are not kept add up to. */
struct parser_framing {
    size_t times[PARSER_FIELDS];
    struct cprom__span first[PARSER_FIELDS]; /* the value, where it was there */
    bool close, keep_alive;                  /* Connection */
    bool huge;                               /* Content-Length */
    size_t length;
    size_t codings, chunked; /* Transfer-Encoding: how many, and how many of them are this */
    bool chunked_last;
};

static bool parser_add_length(struct parser_framing *framing, struct cprom__span value)
{
    if (framing->times[PARSER_CONTENT_LENGTH] > 1 || !value.len || !parser_all_digits(value)) return false;
    for (size_t i = 0; i < value.len; i++) {
        framing->length = framing->length * 10 + (size_t)(value.at[i] - '0');
        if (framing->length > CPROM__HTTP_SKIP_MAX) {
            framing->huge = true;
            framing->length = CPROM__HTTP_SKIP_MAX; /* so that no number is too long */
        }
    }
    return true;
}

/* false: malformed. */
static bool parser_add_field(struct parser_framing *framing, enum parser_field field, struct cprom__span value)
{
    struct cprom__span element;
    if (framing->times[field]++ == 0) framing->first[field] = value;
    switch (field) {
    case PARSER_HOST: return framing->times[PARSER_HOST] == 1 && parser_all_are(value, PARSER_IN_HOST);
    case PARSER_CONTENT_LENGTH: return parser_add_length(framing, value);
    case PARSER_CONNECTION:
        while (parser_next_element(&value, &element)) {
            framing->close |= cprom__span_is(element, "close");
            framing->keep_alive |= cprom__span_is(element, "keep-alive");
        }
        return true;
    case PARSER_TRANSFER_ENCODING:
        while (parser_next_element(&value, &element)) {
            framing->chunked_last = cprom__span_is(element, "chunked");
            framing->chunked += framing->chunked_last;
            framing->codings++;
        }
        return true;
    default: return true;
    }
}

/* Cuts the next field line off; false at the empty line, or with *bad where it is malformed. */
static bool parser_next_field(struct cprom__span *rest, struct cprom__span *name, struct cprom__span *value, bool *bad)
{
    struct cprom__span line = parser_cut(rest, '\n');
    line.len--; /* CR */
    if (!line.len) return false;
    *name = parser_cut(&line, ':');
    /* Without a colon `line` is at its end now; a folded line begins with a blank, which no name has. */
    bool colon = name->at + name->len != line.at;
    *bad = !colon || !name->len || !parser_all_are(*name, PARSER_IN_TOKEN) || !parser_all_are(line, PARSER_IN_VALUE);
    *value = cprom__span_trim(line);
    return !*bad;
}

static int parser_refusal_of(const struct parser_framing *framing, const struct cprom__http_head *head)
{
    if (!framing->times[PARSER_HOST] && !head->http_1_0) return 400;
    if (framing->times[PARSER_TRANSFER_ENCODING]) {
        if (framing->times[PARSER_CONTENT_LENGTH] || head->http_1_0) return 400;
        if (!framing->chunked_last || framing->chunked != 1) return 400;
        return framing->codings == 1 ? 411 : 501;
    }
    if (framing->huge) return 413;
    if (framing->length && framing->times[PARSER_EXPECT] && !head->http_1_0) return 417;
    return 0;
}

/* All values of a field that came several times. */
static const char *parser_join(struct cprom__span rest, enum parser_field field, char **room)
{
    char *text = *room, *end = text;
    struct cprom__span name, value;
    bool bad = false, any = false;
    while (parser_next_field(&rest, &name, &value, &bad)) {
        if (parser_field_of(name) != field) continue;
        if (any) {
            memcpy(end, ", ", 2);
            end += 2;
        }
        any = true;
        memcpy(end, value.at, value.len);
        end += value.len;
    }
    *end = '\0';
    *room = end + 1;
    return text;
}

int cprom__http_parse(const char *bytes, size_t len, char *room, struct cprom__http_head *head)
{
    struct cprom__span rest = {bytes, len}, line = parser_cut(&rest, '\n'), name, value;
    memset(head, 0, sizeof *head);
    line.len--; /* CR */
    int status = parser_parse_request_line(line, &room, head);
    if (status) return status;

    struct parser_framing framing;
    memset(&framing, 0, sizeof framing);
    struct cprom__span fields = rest;
    bool bad = false;
    while (parser_next_field(&rest, &name, &value, &bad)) {
        enum parser_field field = parser_field_of(name);
        if (field != PARSER_FIELDS && !parser_add_field(&framing, field, value)) return 400;
    }
    if (bad) return 400;
    if (framing.close) head->close = true;
    else if (framing.keep_alive) head->close = false;
    status = parser_refusal_of(&framing, head);
    if (status) return status;

    head->body = framing.length;
    const char **const texts[] = {&head->accept, &head->accept_encoding, &head->authorization, &head->scrape_timeout};
    for (enum parser_field field = PARSER_ACCEPT; field < PARSER_FIELDS; field++) {
        const char **text = texts[field - PARSER_ACCEPT];
        if (framing.times[field] == 1) *text = parser_put(&room, framing.first[field]);
        else if (framing.times[field]) *text = parser_join(fields, field, &room);
    }
    return 0;
}
