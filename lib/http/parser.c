/* From bytes to a request. */
#include "http/parser.h"

#include <stdint.h>
#include <string.h>

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

struct span {
    const char *at;
    size_t len;
};

/* What a byte may stand in. */
enum {
    IN_TOKEN = 1, /* letters, digits, !#$%&'*+-.^_`|~ */
    IN_HOST = 2,  /* letters, digits, -._~!$&'()*+,;=%:[] */
    IN_VALUE = 4, /* visible, blank, tab, 128 and more */
    IN_TARGET = 8 /* visible */
};

/* clang-format off */
static const unsigned char places[256] = {
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

static bool all_are(struct span span, unsigned place)
{
    unsigned all = place;
    for (size_t i = 0; i < span.len; i++) all &= places[(unsigned char)span.at[i]];
    return all != 0;
}

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static bool all_digits(struct span span)
{
    for (size_t i = 0; i < span.len; i++) {
        if (!is_digit(span.at[i])) return false;
    }
    return true;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c; }

/* `text` is in lower case. */
static bool is_text(struct span span, const char *text)
{
    if (span.len != strlen(text)) return false;
    for (size_t i = 0; i < span.len; i++) {
        if (lower(span.at[i]) != text[i]) return false;
    }
    return true;
}

static struct span trim(struct span span)
{
    while (span.len && (span.at[0] == ' ' || span.at[0] == '\t')) span.at++, span.len--;
    while (span.len && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t')) span.len--;
    return span;
}

/* Cuts off what stands before the first `c`, and `c` itself; without one, all. */
static struct span cut(struct span *rest, char c)
{
    const char *found = rest->len ? memchr(rest->at, c, rest->len) : NULL;
    struct span part = {rest->at, found ? (size_t)(found - rest->at) : rest->len};
    size_t used = part.len + (found ? 1 : 0);
    rest->at += used;
    rest->len -= used;
    return part;
}

/* The next element of a comma list; empty ones are passed over. false: the list is over. */
static bool next_element(struct span *list, struct span *element)
{
    do {
        if (!list->len) return false;
        *element = trim(cut(list, ','));
    } while (!element->len);
    return true;
}

static char *put(char **room, struct span span)
{
    char *text = *room;
    memcpy(text, span.at, span.len);
    text[span.len] = '\0';
    *room += span.len + 1;
    return text;
}

/* ---- the request line ---- */

static int parse_request_line(struct span line, char **room, struct cprom__http_head *head)
{
    struct span method = cut(&line, ' '), target = cut(&line, ' '), version = line;
    if (!method.len || !all_are(method, IN_TOKEN) || !target.len || !all_are(target, IN_TARGET)) return 400;
    if (version.len != 8 || memcmp(version.at, "HTTP/", 5) != 0 || !is_digit(version.at[5]) || version.at[6] != '.' ||
        !is_digit(version.at[7])) {
        return 400;
    }
    head->method = put(room, method);
    head->target = put(room, target);
    head->http_1_0 = version.at[7] == '0';
    head->close = head->http_1_0;
    return version.at[5] == '1' ? 0 : 505;
}

/* ---- fields ---- */

enum field {
    HOST,
    CONNECTION,
    CONTENT_LENGTH,
    TRANSFER_ENCODING,
    EXPECT,
    ACCEPT, /* this and the next are kept as text */
    ACCEPT_ENCODING,
    AUTHORIZATION,
    SCRAPE_TIMEOUT,
    FIELDS
};

static const char *const names[FIELDS] = {"host",
                                          "connection",
                                          "content-length",
                                          "transfer-encoding",
                                          "expect",
                                          "accept",
                                          "accept-encoding",
                                          "authorization",
                                          "x-prometheus-scrape-timeout-seconds"};

static enum field field_of(struct span name)
{
    enum field field = 0;
    while (field < FIELDS && !is_text(name, names[field])) field++;
    return field;
}

/* What the fields that are not kept add up to. */
struct framing {
    size_t times[FIELDS];
    struct span first[FIELDS]; /* the value, where it was there */
    bool close, keep_alive;    /* Connection */
    bool huge;                 /* Content-Length */
    size_t length;
    size_t codings, chunked; /* Transfer-Encoding: how many, and how many of them are this */
    bool chunked_last;
};

static bool add_length(struct framing *framing, struct span value)
{
    if (framing->times[CONTENT_LENGTH] > 1 || !value.len || !all_digits(value)) return false;
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
static bool add_field(struct framing *framing, enum field field, struct span value)
{
    struct span element;
    if (framing->times[field]++ == 0) framing->first[field] = value;
    switch (field) {
    case HOST: return framing->times[HOST] == 1 && all_are(value, IN_HOST);
    case CONTENT_LENGTH: return add_length(framing, value);
    case CONNECTION:
        while (next_element(&value, &element)) {
            framing->close |= is_text(element, "close");
            framing->keep_alive |= is_text(element, "keep-alive");
        }
        return true;
    case TRANSFER_ENCODING:
        while (next_element(&value, &element)) {
            framing->chunked_last = is_text(element, "chunked");
            framing->chunked += framing->chunked_last;
            framing->codings++;
        }
        return true;
    default: return true;
    }
}

/* Cuts the next field line off; false at the empty line, or with *bad where it is malformed. */
static bool next_field(struct span *rest, struct span *name, struct span *value, bool *bad)
{
    struct span line = cut(rest, '\n');
    line.len--; /* CR */
    if (!line.len) return false;
    *name = cut(&line, ':');
    /* Without a colon `line` is at its end now; a folded line begins with a blank, which no name has. */
    bool colon = name->at + name->len != line.at;
    *bad = !colon || !name->len || !all_are(*name, IN_TOKEN) || !all_are(line, IN_VALUE);
    *value = trim(line);
    return !*bad;
}

static int refusal_of(const struct framing *framing, const struct cprom__http_head *head)
{
    if (!framing->times[HOST] && !head->http_1_0) return 400;
    if (framing->times[TRANSFER_ENCODING]) {
        if (framing->times[CONTENT_LENGTH] || head->http_1_0) return 400;
        if (!framing->chunked_last || framing->chunked != 1) return 400;
        return framing->codings == 1 ? 411 : 501;
    }
    if (framing->huge) return 413;
    if (framing->length && framing->times[EXPECT] && !head->http_1_0) return 417;
    return 0;
}

/* All values of a field that came several times. */
static const char *join(struct span rest, enum field field, char **room)
{
    char *text = *room, *end = text;
    struct span name, value;
    bool bad = false, any = false;
    while (next_field(&rest, &name, &value, &bad)) {
        if (field_of(name) != field) continue;
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
    struct span rest = {bytes, len}, line = cut(&rest, '\n'), name, value;
    memset(head, 0, sizeof *head);
    line.len--; /* CR */
    int status = parse_request_line(line, &room, head);
    if (status) return status;

    struct framing framing;
    memset(&framing, 0, sizeof framing);
    struct span fields = rest;
    bool bad = false;
    while (next_field(&rest, &name, &value, &bad)) {
        enum field field = field_of(name);
        if (field != FIELDS && !add_field(&framing, field, value)) return 400;
    }
    if (bad) return 400;
    if (framing.close) head->close = true;
    else if (framing.keep_alive) head->close = false;
    status = refusal_of(&framing, head);
    if (status) return status;

    head->body = framing.length;
    const char **const texts[] = {&head->accept, &head->accept_encoding, &head->authorization, &head->scrape_timeout};
    for (enum field field = ACCEPT; field < FIELDS; field++) {
        const char **text = texts[field - ACCEPT];
        if (framing.times[field] == 1) *text = put(&room, framing.first[field]);
        else if (framing.times[field]) *text = join(fields, field, &room);
    }
    return 0;
}
