#include "json.h"

#include <string.h>

struct reader {
    const char *at, *end;
    size_t line;
    struct arena *arena;
    struct text_error *error;
};

static bool fail(const struct reader *reader, const char *what)
{
    return text_fail(reader->error, reader->line, "%s", what);
}

static bool no_memory(const struct reader *reader) { return text_fail(reader->error, 0, "out of memory"); }

static bool unexpected(const struct reader *reader, const char *wanted)
{
    if (reader->at == reader->end) return text_fail(reader->error, reader->line, "the text ends; expected %s", wanted);
    unsigned char c = (unsigned char)*reader->at;
    if (c > ' ' && c <= '~') return text_fail(reader->error, reader->line, "unexpected '%c'; expected %s", c, wanted);
    return text_fail(reader->error, reader->line, "unexpected byte 0x%02x; expected %s", c, wanted);
}

static bool is_next(const struct reader *reader, char c) { return reader->at < reader->end && *reader->at == c; }

static void skip_space(struct reader *reader)
{
    for (; reader->at < reader->end; reader->at++) {
        if (*reader->at == '\n') reader->line++;
        else if (*reader->at != ' ' && *reader->at != '\t' && *reader->at != '\r') break;
    }
}

/* ---- strings ---- */

/* Four hex digits; -1: they are not. (The quote that ends the string is none, so that it is not passed.) */
static long hex4(struct reader *reader)
{
    long code = 0;
    if (reader->end - reader->at < 4) return -1;
    for (int i = 0; i < 4; i++) {
        char c = *reader->at++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0) return -1;
        code = code * 16 + digit;
    }
    return code;
}

static char *put_utf8(char *out, unsigned long code)
{
    if (code < 0x80) {
        *out++ = (char)code;
        return out;
    }
    if (code < 0x800) {
        *out++ = (char)(0xc0 | code >> 6);
    } else {
        if (code < 0x10000) {
            *out++ = (char)(0xe0 | code >> 12);
        } else {
            *out++ = (char)(0xf0 | code >> 18);
            *out++ = (char)(0x80 | (code >> 12 & 0x3f));
        }
        *out++ = (char)(0x80 | (code >> 6 & 0x3f));
    }
    *out++ = (char)(0x80 | (code & 0x3f));
    return out;
}

/* Behind \u. What it makes is never longer than what it is. */
static bool unescape_unicode(struct reader *reader, char **out)
{
    long code = hex4(reader);
    if (code < 0) return fail(reader, "\\u without four hexadecimal digits");
    if (code == 0) return fail(reader, "\\u0000");
    if (code >= 0xdc00 && code <= 0xdfff) return fail(reader, "the second half of a surrogate pair alone");
    if (code >= 0xd800 && code <= 0xdbff) {
        long low = -1;
        if (reader->end - reader->at >= 2 && reader->at[0] == '\\' && reader->at[1] == 'u') {
            reader->at += 2;
            low = hex4(reader);
        }
        if (low < 0xdc00 || low > 0xdfff) return fail(reader, "the first half of a surrogate pair alone");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    }
    *out = put_utf8(*out, (unsigned long)code);
    return true;
}

/* NULL: *error. */
static const char *parse_string(struct reader *reader)
{
    static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *start = ++reader->at;
    while (reader->at < reader->end && *reader->at != '"') {
        if ((unsigned char)*reader->at < ' ') {
            fail(reader, "a control character in a string");
            return NULL;
        }
        reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
    }
    const char *end = reader->at;
    if (end >= reader->end) {
        fail(reader, "the string does not end");
        return NULL;
    }
    if (!text_is_utf8(start, (size_t)(end - start))) {
        fail(reader, "not UTF-8");
        return NULL;
    }
    char *string = arena_alloc(reader->arena, (size_t)(end - start) + 1), *out = string;
    if (!string) {
        no_memory(reader);
        return NULL;
    }
    for (reader->at = start; reader->at < end;) {
        char c = *reader->at++;
        if (c != '\\') {
            *out++ = c;
            continue;
        }
        c = *reader->at++;
        const char *escape = c ? strchr(escapes, c) : NULL;
        if (escape) {
            *out++ = meanings[escape - escapes];
        } else if (c != 'u') {
            fail(reader, "an unknown escape in a string");
            return NULL;
        } else if (!unescape_unicode(reader, &out)) {
            return NULL;
        }
    }
    reader->at = end + 1;
    return string;
}

/* ---- values ---- */

static size_t digits(struct reader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9') reader->at++;
    return (size_t)(reader->at - start);
}

static bool parse_number(struct reader *reader, struct json *value)
{
    const char *start = reader->at;
    if (is_next(reader, '-')) reader->at++;
    const char *whole = reader->at;
    size_t n = digits(reader);
    if (!n) return unexpected(reader, "a digit");
    if (n > 1 && *whole == '0') return fail(reader, "a number with a leading 0");
    if (is_next(reader, '.')) {
        reader->at++;
        if (!digits(reader)) return unexpected(reader, "a digit");
    }
    if (is_next(reader, 'e') || is_next(reader, 'E')) {
        reader->at++;
        if (is_next(reader, '+') || is_next(reader, '-')) reader->at++;
        if (!digits(reader)) return unexpected(reader, "a digit");
    }
    /* A copy, since what is behind the text is not ours. */
    size_t len = (size_t)(reader->at - start);
    const char *text = arena_copy(reader->arena, start, len);
    value->type = JSON_NUMBER;
    if (!text) return no_memory(reader);
    return text_number(text, len, &value->number) || fail(reader, "a number too large");
}

static bool parse_plain(struct reader *reader, struct json *value)
{
    static const struct {
        const char *word;
        enum json_type type;
    } words[] = {{"null", JSON_NULL}, {"false", JSON_FALSE}, {"true", JSON_TRUE}};
    if (is_next(reader, '"')) {
        value->type = JSON_STRING;
        value->string = parse_string(reader);
        return value->string != NULL;
    }
    for (size_t i = 0; i < 3; i++) {
        size_t len = strlen(words[i].word);
        if ((size_t)(reader->end - reader->at) < len || memcmp(reader->at, words[i].word, len) != 0) continue;
        reader->at += len;
        value->type = words[i].type;
        return true;
    }
    if (reader->at < reader->end && (*reader->at == '-' || (*reader->at >= '0' && *reader->at <= '9'))) {
        return parse_number(reader, value);
    }
    return unexpected(reader, "a value");
}

static bool parse_key(struct reader *reader, struct json *value)
{
    if (!is_next(reader, '"')) return unexpected(reader, "a name in quotes");
    value->key = parse_string(reader);
    if (!value->key) return false;
    skip_space(reader);
    if (!is_next(reader, ':')) return unexpected(reader, "':'");
    reader->at++;
    skip_space(reader);
    return true;
}

/* Array or object under construction. */
struct level {
    struct json *value, **link; /* where the next one goes */
};

static const struct json *parse(struct reader *reader)
{
    struct level levels[JSON_DEPTH_MAX];
    size_t depth = 0;
    struct json *root = NULL;
    for (;;) { /* a value, at its first byte */
        struct level *in = depth ? &levels[depth - 1] : NULL;
        struct json *value = arena_alloc(reader->arena, sizeof *value);
        if (!value) {
            no_memory(reader);
            return NULL;
        }
        if (in && in->value->type == JSON_OBJECT && !parse_key(reader, value)) return NULL;
        value->line = reader->line;
        if (in) {
            *in->link = value;
            in->link = &value->next;
        } else {
            root = value;
        }
        bool opened = is_next(reader, '[') || is_next(reader, '{');
        if (opened) {
            if (depth == JSON_DEPTH_MAX) {
                fail(reader, "too deep");
                return NULL;
            }
            value->type = *reader->at++ == '[' ? JSON_ARRAY : JSON_OBJECT;
            levels[depth++] = (struct level){value, &value->first};
        } else if (!parse_plain(reader, value)) {
            return NULL;
        }
        /* What is behind it: closes, or a comma and another value. */
        for (;; opened = false) {
            skip_space(reader);
            if (!depth) {
                if (reader->at == reader->end) return root;
                unexpected(reader, "the end");
                return NULL;
            }
            bool array = levels[depth - 1].value->type == JSON_ARRAY;
            if (is_next(reader, array ? ']' : '}')) {
                reader->at++;
                depth--;
                continue;
            }
            if (opened) break;
            if (!is_next(reader, ',')) {
                unexpected(reader, array ? "',' or ']'" : "',' or '}'");
                return NULL;
            }
            reader->at++;
            skip_space(reader);
            break;
        }
    }
}

const struct json *json_parse(struct arena *arena, const char *bytes, size_t n, struct text_error *error)
{
    struct reader reader = {.at = bytes, .end = bytes + n, .line = 1, .arena = arena, .error = error};
    skip_space(&reader);
    return parse(&reader);
}
