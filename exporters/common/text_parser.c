#include "text_parser.h"

#include "utf8.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* One line at a time: [at, end) is what is left of it, without the LF. */
struct reader {
    const char *at, *end;
    size_t line;
    const char *odd; /* why the sample of the line is left out; NULL: it is not */
    struct text_builder *builder;
    struct text_error *error;
};

/* ---- tokens ---- */

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && is_blank(*reader->at)) reader->at++;
}

/* Up to the next blank. */
static size_t token(struct reader *reader, const char **text)
{
    *text = reader->at;
    while (reader->at < reader->end && !is_blank(*reader->at)) reader->at++;
    return (size_t)(reader->at - *text);
}

/* As long as the bytes may be part of a name. */
static size_t name_token(struct reader *reader, const char **text)
{
    *text = reader->at;
    while (reader->at < reader->end && text_is_metric_name(reader->at, 1)) reader->at++;
    while (reader->at > *text && reader->at < reader->end &&
           (text_is_metric_name(reader->at, 1) || (*reader->at >= '0' && *reader->at <= '9'))) {
        reader->at++;
    }
    return (size_t)(reader->at - *text);
}

static bool unexpected(const struct reader *reader, const char *wanted)
{
    if (reader->at == reader->end) return text_fail(reader->error, reader->line, "the line ends; expected %s", wanted);
    unsigned char c = (unsigned char)*reader->at;
    if (c > ' ' && c <= '~') return text_fail(reader->error, reader->line, "unexpected '%c'; expected %s", c, wanted);
    if (c == '\r') return text_fail(reader->error, reader->line, "a CR; lines end in LF alone");
    return text_fail(reader->error, reader->line, "unexpected byte 0x%02x; expected %s", c, wanted);
}

static bool no_memory(const struct reader *reader) { return text_fail(reader->error, 0, "out of memory"); }

/* Milliseconds; whole. Before 1970: 0. */
static bool parse_timestamp(const char *text, size_t len, int64_t *timestamp)
{
    size_t i = len && (text[0] == '+' || text[0] == '-') ? 1 : 0;
    if (i == len) return false;
    *timestamp = 0;
    for (; i < len; i++) {
        int64_t digit = text[i] - '0';
        if (digit < 0 || digit > 9 || *timestamp > (INT64_MAX - digit) / 10) return false;
        *timestamp = *timestamp * 10 + digit;
    }
    if (text[0] == '-') *timestamp = 0;
    return true;
}

/*
 * Takes escapes out of text that ends before `end`. `quotes`: it stands in quotes, so that \" is one of them, and must
 * be UTF-8. NULL: *error.
 */
static char *unescape(struct reader *reader, const char *text, const char *end, bool quotes)
{
    size_t n = (size_t)(end - text);
    if (quotes && !text_is_utf8(text, n)) {
        text_fail(reader->error, reader->line, "not UTF-8");
        return NULL;
    }
    char *copy = text_copy(reader->builder, text, n), *out = copy;
    if (!copy) {
        no_memory(reader);
        return NULL;
    }
    for (; text < end; text++) {
        if (*text != '\\') {
            *out++ = *text;
            continue;
        }
        text++;
        if (text < end && (*text == '\\' || (quotes && *text == '"'))) {
            *out++ = *text;
        } else if (text < end && *text == 'n') {
            *out++ = '\n';
        } else {
            text_fail(reader->error, reader->line, "invalid escape; there are \\\\, \\n%s", quotes ? " and \\\"" : "");
            return NULL;
        }
    }
    *out = '\0';
    return copy;
}

/* ---- lines ---- */

static bool parse_help(struct reader *reader, struct text_family *family)
{
    if (family->help) return text_fail(reader->error, reader->line, "a second HELP for %.80s", family->name);
    char *help = unescape(reader, reader->at, reader->end, false);
    if (!help) return false;
    size_t n = strlen(help), room = 3 * n + 1;
    family->help = help;
    if (text_is_utf8(help, n)) return true;
    char *repaired = arena_alloc(&text_page_of(reader->builder)->memory, room);
    if (!repaired) return no_memory(reader);
    utf8_copy(repaired, room, help);
    family->help = repaired;
    return true;
}

static bool parse_type(struct reader *reader, struct text_family *family)
{
    static const struct {
        const char *name;
        cprom_type type;
    } types[] = {{"counter", CPROM_COUNTER}, {"gauge", CPROM_GAUGE}, {"histogram", CPROM_HISTOGRAM},
                 {"summary", CPROM_SUMMARY}, {"untyped", CPROM_UNTYPED}};
    size_t len = (size_t)(reader->end - reader->at);
    if (family->has_type) return text_fail(reader->error, reader->line, "a second TYPE for %.80s", family->name);
    if (family->metrics) {
        return text_fail(reader->error, reader->line, "the TYPE of %.80s comes after its first sample", family->name);
    }
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (strlen(types[i].name) != len || strncasecmp(types[i].name, reader->at, len) != 0) continue;
        family->type = types[i].type;
        family->has_type = true;
        return true;
    }
    return text_fail(reader->error, reader->line, "unknown type of %.80s: %.*s", family->name,
                     (int)(len < 40 ? len : 40), reader->at);
}

/* Behind #. Comments that are neither HELP nor TYPE may be anything. */
static bool parse_comment(struct reader *reader)
{
    const char *word, *name;
    skip_blanks(reader);
    size_t len = token(reader, &word);
    bool help = len == 4 && memcmp(word, "HELP", 4) == 0, type = len == 4 && memcmp(word, "TYPE", 4) == 0;
    if (!help && !type) return true;
    skip_blanks(reader);
    if (reader->at == reader->end) return true; /* as it is to expfmt */
    len = name_token(reader, &name);
    if (!len) return unexpected(reader, "a metric name");
    if (reader->at == reader->end) return true;
    if (!is_blank(*reader->at)) return unexpected(reader, "a blank behind the metric name");
    skip_blanks(reader);
    struct text_family *family = text_add_family(reader->builder, name, len, reader->line);
    if (!family) return no_memory(reader);
    return help ? parse_help(reader, family) : parse_type(reader, family);
}

/* name="value" */
static bool parse_label(struct reader *reader, cprom_label *label)
{
    const char *name;
    size_t len = name_token(reader, &name);
    if (!len) return unexpected(reader, "a label name or '}'");
    if (len > 2 && memcmp(name, "__", 2) == 0 && text_is_label_name(name + 1, len - 1) &&
        !(len == 8 && memcmp(name, "__name__", 8) == 0)) {
        reader->odd = "has a label whose name begins with __";
    } else if (!text_is_label_name(name, len)) {
        return text_fail(reader->error, reader->line, "%.*s is no label name, or reserved", (int)(len < 80 ? len : 80),
                         name);
    }
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != '=') return unexpected(reader, "'='");
    reader->at++;
    skip_blanks(reader);
    if (reader->at == reader->end || *reader->at != '"') return unexpected(reader, "'\"'");
    const char *value = ++reader->at;
    while (reader->at < reader->end && *reader->at != '"') {
        reader->at += *reader->at == '\\' && reader->at + 1 < reader->end ? 2 : 1;
    }
    if (reader->at == reader->end) return text_fail(reader->error, reader->line, "the label value does not end");
    if (reader->at - value > CPROM_VALUE_MAX) reader->odd = "has a label value that is too long";
    label->name = text_copy(reader->builder, name, len);
    if (!label->name) return no_memory(reader);
    label->value = unescape(reader, value, reader->at, true);
    reader->at++;
    return label->value != NULL;
}

/* Behind {, up to and with }. */
static bool parse_labels(struct reader *reader, cprom_label labels[], size_t max, size_t *n)
{
    for (*n = 0;; ++*n) {
        skip_blanks(reader);
        if (reader->at < reader->end && *reader->at == '}') break;
        if (*n == max) {
            reader->odd = "has too many labels";
            *n = 0; /* it is left out anyway */
        }
        if (!parse_label(reader, &labels[*n])) return false;
        skip_blanks(reader);
        if (reader->at < reader->end && *reader->at == ',') {
            reader->at++;
        } else if (reader->at < reader->end && *reader->at == '}') {
            ++*n;
            break;
        } else {
            return unexpected(reader, "',' or '}'");
        }
    }
    reader->at++;
    return true;
}

static bool parse_sample(struct reader *reader)
{
    cprom_label labels[CPROM_LABELS_MAX];
    struct text_sample sample = {.labels = labels, .line = reader->line};
    const char *text;
    sample.name_len = name_token(reader, &sample.name);
    if (!sample.name_len) return unexpected(reader, "a metric name");
    reader->odd = sample.name_len > CPROM_VALUE_MAX ? "has a name that is too long" : NULL;
    if (reader->at < reader->end && !is_blank(*reader->at) && *reader->at != '{') {
        return unexpected(reader, "a blank or '{' behind the metric name");
    }
    skip_blanks(reader);
    if (reader->at < reader->end && *reader->at == '{') {
        reader->at++;
        if (!parse_labels(reader, labels, CPROM_LABELS_MAX, &sample.n_labels)) return false;
    }
    skip_blanks(reader);
    if (reader->at == reader->end) return unexpected(reader, "a value");
    size_t len = token(reader, &text);
    if (!text_number(text, len, &sample.value)) {
        if (text[len - 1] == '\r') return text_fail(reader->error, reader->line, "a CR; lines end in LF alone");
        return text_fail(reader->error, reader->line, "%.*s is no number", (int)(len < 40 ? len : 40), text);
    }
    if (reader->at < reader->end) {
        skip_blanks(reader);
        len = token(reader, &text);
        if (!parse_timestamp(text, len, &sample.timestamp_ms)) {
            return text_fail(reader->error, reader->line, "\"%.*s\" is no timestamp", (int)(len < 40 ? len : 40), text);
        }
        sample.has_timestamp = true;
    }
    if (reader->at < reader->end) return unexpected(reader, "the end of the line");
    if (!reader->odd) return text_add_sample(reader->builder, &sample, reader->error);
    text_leave_out(text_page_of(reader->builder), reader->line, "a sample of %.*s %s",
                   (int)(sample.name_len < 80 ? sample.name_len : 80), sample.name, reader->odd);
    return true;
}

static bool parse_line(struct reader *reader)
{
    skip_blanks(reader);
    if (reader->at == reader->end) return true;
    if (*reader->at != '#') return parse_sample(reader);
    reader->at++;
    return parse_comment(reader);
}

struct text_page *text_parse(const char *bytes, size_t n, struct text_error *error)
{
    struct reader reader = {.builder = text_begin(), .error = error};
    bool good = reader.builder != NULL;
    if (!good) {
        no_memory(&reader);
        return NULL;
    }
    for (const char *at = bytes, *end = bytes + n; at < end && good; at = reader.end + 1) {
        reader.line++;
        reader.at = at;
        reader.end = memchr(at, '\n', (size_t)(end - at));
        good = reader.end ? parse_line(&reader) : text_fail(error, reader.line, "the last line does not end in LF");
        if (!reader.end) break;
    }
    return text_finish(reader.builder, !good, error);
}
