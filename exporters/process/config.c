#define _POSIX_C_SOURCE 200809L

/*
 * Configuration files: the part of YAML that such files use.
 *
 *     process_names:
 *       - name: "{{.ExeBase}}:{{.Matches.dir}}"     # a comment
 *         exe: [postgres, 'postmaster']
 *         cmdline:
 *           - -D\s+(?P<dir>\S+)
 *
 * That is one map with the one key process_names, a list in block style of maps with the keys name (one value), comm,
 * exe, cmdline (lists, in block or flow style). Values are plain, or in single or double quotes, and end on their
 * line. All else (anchors, tags, block scalars, flow maps, several documents, unknown keys) is refused with its line.
 */
#include "rules.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1024u * 1024)
#define RULES_MAX 10000u

enum {
    KEY_NAME = 1,
    KEY_COMM = 2,
    KEY_EXE = 4,
    KEY_CMDLINE = 8
};

struct reader {
    const char *path;
    const char *at, *end;
    const char *line_start;
    unsigned line;
    size_t indent;        /* of the line at which next_line() stopped */
    struct buffer scalar; /* the last one read */
    char *error;
    /* the rule that is being read */
    struct rules *rules;
    struct rule *rule;
    unsigned keys;
    struct buffer name;
    unsigned name_line;
};

static bool fail_at(struct reader *r, unsigned line, const char *format, ...)
{
    char what[RULES_ERROR_MAX];
    va_list list;
    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    snprintf(r->error, RULES_ERROR_MAX, "%.200s:%u: %.290s", r->path, line, what);
    return false;
}

#define fail(r, ...) fail_at(r, (r)->line, __VA_ARGS__)

/* ---- characters ---- */

static bool at_line_end(const struct reader *r) { return r->at == r->end || *r->at == '\n'; }

static void skip_spaces(struct reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t')) r->at++;
}

/* Behind a value: spaces and a comment up to the end of the line. false: something else. */
static bool skip_rest(struct reader *r)
{
    const char *before = r->at;
    skip_spaces(r);
    if (r->at < r->end && *r->at == '#' && (r->at > before || r->at == r->line_start)) {
        while (!at_line_end(r)) r->at++;
    }
    return at_line_end(r);
}

static void begin_line(struct reader *r)
{
    r->line_start = r->at;
    r->line++;
}

/* Goes to the first character of the next line that has one, comments aside, from the end of a line. */
static bool next_line(struct reader *r, bool *found)
{
    *found = false;
    while (r->at < r->end) {
        if (*r->at == '\n') {
            r->at++;
            begin_line(r);
            continue;
        }
        const char *start = r->at;
        while (r->at < r->end && *r->at == ' ') r->at++;
        if (r->at < r->end && *r->at == '\t') {
            skip_spaces(r);
            if (!at_line_end(r) && *r->at != '#') return fail(r, "a tab in the indentation");
        }
        if (at_line_end(r)) continue;
        if (*r->at == '#') {
            while (!at_line_end(r)) r->at++;
            continue;
        }
        r->indent = (size_t)(r->at - start);
        *found = true;
        return true;
    }
    return true;
}

/* ---- values ---- */

static bool put(struct reader *r, const char *bytes, size_t n)
{
    return buffer_put(&r->scalar, bytes, n) || fail(r, "out of memory");
}

static bool put_code_point(struct reader *r, unsigned c)
{
    char bytes[4];
    size_t n = 0;
    if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return fail(r, "an escape that is no character");
    if (c < 0x80) {
        bytes[n++] = (char)c;
    } else {
        int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
        static const unsigned char lead[] = {0, 0xc0, 0xe0, 0xf0};
        bytes[n++] = (char)(lead[more] | c >> 6 * more);
        while (more-- > 0) bytes[n++] = (char)(0x80 | (c >> 6 * more & 0x3f));
    }
    return put(r, bytes, n);
}

static bool read_escape(struct reader *r)
{
    static const char from[] = "abtnvfre \"/\\", to[] = "\a\b\t\n\v\f\r\x1b \"/\\";
    char c = r->at < r->end ? *r->at : '\n';
    const char *simple = c ? strchr(from, c) : NULL;
    if (simple) {
        r->at++;
        return put(r, &to[simple - from], 1);
    }
    int digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    unsigned value = 0;
    if (digits == 0) return fail(r, "an unknown escape in double quotes (a backslash there is written \\\\)");
    r->at++;
    for (; digits > 0; digits--, r->at++) {
        char digit = r->at < r->end ? *r->at : '\n';
        if (digit >= '0' && digit <= '9') value = value * 16 + (unsigned)(digit - '0');
        else if ((digit | 32) >= 'a' && (digit | 32) <= 'f') value = value * 16 + (unsigned)((digit | 32) - 'a' + 10);
        else return fail(r, "too few digits in an escape");
    }
    return put_code_point(r, value);
}

static bool read_quoted(struct reader *r, char quote)
{
    for (r->at++; !at_line_end(r);) {
        if (*r->at == quote) {
            r->at++;
            if (quote == '"' || r->at == r->end || *r->at != '\'') return true;
            if (!put(r, r->at++, 1)) return false;
        } else if (quote == '"' && *r->at == '\\') {
            r->at++;
            if (!read_escape(r)) return false;
        } else if (!put(r, r->at++, 1)) {
            return false;
        }
    }
    return fail(r, "a quoted value must end on its line");
}

/* Whether a plain value goes on here. */
static bool plain_goes_on(const struct reader *r, bool flow)
{
    if (at_line_end(r)) return false;
    char behind = r->at + 1 < r->end ? r->at[1] : '\n';
    if (flow && strchr(",[]{}", *r->at)) return false;
    if (*r->at == ':' && (behind == ' ' || behind == '\t' || behind == '\n')) return false;
    return !(*r->at == '#' && (r->at[-1] == ' ' || r->at[-1] == '\t'));
}

static bool read_plain(struct reader *r, bool flow)
{
    const char *start = r->at;
    char behind = r->at + 1 < r->end ? r->at[1] : '\n';
    bool alone = behind == ' ' || behind == '\t' || behind == '\n';
    if (strchr("&*!", *start)) return fail(r, "anchors, aliases and tags are not supported; put the value in quotes");
    if (strchr("|>", *start)) return fail(r, "block scalars (| and >) are not supported");
    if (*start == '{') return fail(r, "maps in braces are not supported; put the value in quotes");
    if (strchr("%@`,[]}#", *start)) return fail(r, "a value cannot begin with %c; put it in quotes", *start);
    if (strchr("-?:", *start) && alone) return fail(r, "lists and maps cannot stand here");
    while (plain_goes_on(r, flow)) r->at++;
    const char *stop = r->at;
    if (r->at < r->end && *r->at == ':') return fail(r, "a colon in a value; put it in quotes");
    while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t')) stop--;
    size_t n = (size_t)(stop - start);
    r->at = stop;
    static const char *const nulls[] = {"~", "null", "Null", "NULL"};
    for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++) {
        if (strlen(nulls[i]) == n && memcmp(start, nulls[i], n) == 0) return fail(r, "no value; put it in quotes");
    }
    return put(r, start, n);
}

/* One value, to r->scalar. */
static bool read_scalar(struct reader *r, bool flow)
{
    r->scalar.len = 0;
    if (!put(r, "", 0)) return false;
    if (*r->at == '"' || *r->at == '\'') return read_quoted(r, *r->at);
    return read_plain(r, flow);
}

static bool take_value(struct reader *r, unsigned key)
{
    char why[RULES_ERROR_MAX];
    const char *text = r->scalar.at;
    size_t n = r->scalar.len;
    bool ok;
    if (memchr(text, '\0', n)) return fail(r, "a NUL in a value");
    if (key == KEY_CMDLINE) return rule_add_regex(r->rule, text, n, why) || fail(r, "%s", why);
    if (n == 0) return fail(r, "an empty value");
    ok = key == KEY_COMM ? rule_add_comm(r->rule, text, n) : rule_add_exe(r->rule, text, n);
    return ok || fail(r, "out of memory");
}

/* ---- lists ---- */

/* In a list in brackets: to the next thing in it, over ends of lines and comments. */
static bool skip_in_flow(struct reader *r)
{
    while (r->at < r->end) {
        if (*r->at == '\n') {
            r->at++;
            begin_line(r);
        } else if (*r->at == '#' && (r->at == r->line_start || r->at[-1] == ' ' || r->at[-1] == '\t')) {
            while (!at_line_end(r)) r->at++;
        } else if (*r->at == ' ' || *r->at == '\t') {
            r->at++;
        } else {
            return true;
        }
    }
    return fail(r, "[ without ]");
}

static bool read_flow_list(struct reader *r, unsigned key)
{
    bool any = false;
    r->at++;
    for (;;) {
        if (!skip_in_flow(r)) return false;
        if (*r->at == ']') break;
        if (!read_scalar(r, true) || !take_value(r, key) || !skip_in_flow(r)) return false;
        any = true;
        if (*r->at == ']') break;
        if (*r->at != ',') return fail(r, "a comma or ] is missing");
        r->at++;
    }
    r->at++;
    if (!any) return fail(r, "an empty list");
    return skip_rest(r) || fail(r, "something behind ]");
}

static bool is_dash(const struct reader *r)
{
    return *r->at == '-' && (r->at + 1 == r->end || r->at[1] == ' ' || r->at[1] == '\t' || r->at[1] == '\n');
}

/* A list in block style, below a key at column `key_indent`. Stops at the first line that is none of it. */
static bool read_block_list(struct reader *r, unsigned key, size_t key_indent, bool *more)
{
    size_t indent = 0;
    bool any = false;
    for (;;) {
        if (!next_line(r, more)) return false;
        if (!*more || r->indent < key_indent || (any && r->indent < indent)) break;
        if (!is_dash(r)) {
            if (r->indent == key_indent) break;
            return fail(r,
                        any ? "the list goes on with a dash, or ends" : "a list is wanted: a dash before each value");
        }
        if (any && r->indent != indent) return fail(r, "the dashes of one list must stand below each other");
        indent = r->indent;
        any = true;
        r->at++;
        skip_spaces(r);
        if (at_line_end(r) || *r->at == '#') return fail(r, "no value behind the dash");
        if (!read_scalar(r, false) || !take_value(r, key)) return false;
        if (!skip_rest(r)) return fail(r, "something behind the value");
    }
    return any || fail(r, "an empty list");
}

/* ---- rules ---- */

static bool read_key(struct reader *r, unsigned *key)
{
    static const struct {
        const char *name;
        unsigned key;
    } keys[] = {{"name", KEY_NAME}, {"comm", KEY_COMM}, {"exe", KEY_EXE}, {"cmdline", KEY_CMDLINE}};
    const char *start = r->at;
    while (r->at < r->end && ((*r->at >= 'a' && *r->at <= 'z') || *r->at == '_')) r->at++;
    size_t n = (size_t)(r->at - start);
    skip_spaces(r);
    if (r->at == r->end || *r->at != ':' || n == 0) return fail(r, "a key is wanted: name, comm, exe or cmdline");
    r->at++;
    if (!at_line_end(r) && *r->at != ' ' && *r->at != '\t') return fail(r, "a space is missing behind the colon");
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strlen(keys[i].name) != n || memcmp(keys[i].name, start, n) != 0) continue;
        *key = keys[i].key;
        if (r->keys & *key) return fail(r, "%s for the second time", keys[i].name);
        r->keys |= *key;
        return true;
    }
    return fail(r, "unknown key %.*s; there are name, comm, exe and cmdline", (int)(n < 60 ? n : 60), start);
}

/* The value of a key that stands at column `indent`. Ends at the next line, whose first character is next. */
static bool read_value(struct reader *r, unsigned key, size_t indent, bool *more)
{
    bool empty;
    const char *colon = r->at;
    skip_spaces(r);
    empty = at_line_end(r) || (*r->at == '#' && r->at > colon);
    if (key == KEY_NAME) {
        if (empty) return fail(r, "name has no value");
        r->name_line = r->line;
        if (!read_scalar(r, false)) return false;
        r->name.len = 0;
        if (!buffer_put(&r->name, r->scalar.at, r->scalar.len)) return fail(r, "out of memory");
        if (r->name.len == 0) return fail(r, "name is empty");
        if (!skip_rest(r)) return fail(r, "something behind the value");
        return next_line(r, more);
    }
    if (empty) {
        while (!at_line_end(r)) r->at++;
        return read_block_list(r, key, indent, more);
    }
    if (*r->at != '[') return fail(r, "a list is wanted");
    return read_flow_list(r, key) && next_line(r, more);
}

static bool end_rule(struct reader *r)
{
    static const char default_name[] = "{{.ExeBase}}";
    char why[RULES_ERROR_MAX];
    bool named = r->keys & KEY_NAME;
    if (!(r->keys & (unsigned)~KEY_NAME)) return fail_at(r, r->rule->line, "a rule needs comm, exe or cmdline");
    const char *name = named ? r->name.at : default_name;
    size_t n = named ? r->name.len : sizeof default_name - 1;
    if (rule_set_name(r->rules, r->rule, name, n, why)) return true;
    return fail_at(r, named ? r->name_line : r->rule->line, "%s", why);
}

/* `at` is at the dash. Ends at the next line that is not part of the rule. */
static bool read_rule(struct reader *r, size_t dash_indent, bool *more)
{
    if (r->rules->n >= RULES_MAX) return fail(r, "more than %u rules", RULES_MAX);
    r->rule = rules_add(r->rules);
    if (!r->rule) return fail(r, "out of memory");
    r->rule->line = r->line;
    r->keys = 0;
    r->at++;
    while (r->at < r->end && *r->at == ' ') r->at++;
    size_t indent = (size_t)(r->at - r->line_start);
    if (at_line_end(r) || *r->at == '#') {
        while (!at_line_end(r)) r->at++;
        if (!next_line(r, more)) return false;
        if (!*more || r->indent <= dash_indent) return fail_at(r, r->rule->line, "an empty rule");
        indent = r->indent;
    }
    for (;;) {
        unsigned key = 0;
        if (!read_key(r, &key) || !read_value(r, key, indent, more)) return false;
        if (!*more || r->indent <= dash_indent) return end_rule(r);
        if (r->indent != indent) return fail(r, "the keys of one rule must stand below each other");
    }
}

static bool read_rules(struct reader *r)
{
    static const char key[] = "process_names:";
    size_t n = sizeof key - 1;
    bool more;
    if (!next_line(r, &more)) return false;
    if (more && r->end - r->at >= 3 && memcmp(r->at, "---", 3) == 0) {
        r->at += 3;
        if (!skip_rest(r)) return fail(r, "something behind ---");
        if (!next_line(r, &more)) return false;
    }
    if (!more) return fail(r, "nothing there; process_names: is wanted");
    if (r->indent > 0 || (size_t)(r->end - r->at) < n || memcmp(r->at, key, n) != 0)
        return fail(r, "process_names: is wanted, and nothing else at the beginning of a line");
    r->at += n;
    if (!skip_rest(r)) return fail(r, "process_names is a list: its rules stand on the next lines, each behind a dash");
    if (!next_line(r, &more)) return false;
    if (!more) return fail(r, "process_names is empty");
    size_t indent = r->indent;
    while (more) {
        if (r->indent != indent || !is_dash(r)) {
            if (r->indent == 0) return fail(r, "only process_names: can stand at the beginning of a line");
            return fail(r, "a dash is wanted, below that of the first rule");
        }
        if (!read_rule(r, indent, &more)) return false;
    }
    return true;
}

/* Line ends become LF, in place. false: something that no line has. */
static bool check_text(struct reader *r, char *text, size_t *n)
{
    size_t to = 0, length;
    unsigned line = 1;
    for (size_t i = 0; i < *n; i += length) {
        unsigned c = utf8_decode(text + i, text + *n, &length);
        if (c == 0xfffd && length == 1) return fail_at(r, line, "not UTF-8");
        if (c == '\r' && i + 1 < *n && text[i + 1] == '\n') continue;
        if ((c < 32 && c != '\n' && c != '\t') || c == 127) return fail_at(r, line, "a control character");
        line += c == '\n';
        memmove(text + to, text + i, length);
        to += length;
    }
    *n = to;
    return true;
}

bool rules_parse(struct rules *rules, const char *path, const char *text, size_t n, char error[RULES_ERROR_MAX])
{
    struct reader r = {.path = path, .line = 1, .rules = rules, .error = error};
    char *own = malloc(n + 1);
    if (!own) return fail(&r, "out of memory");
    memcpy(own, text, n);
    bool ok = check_text(&r, own, &n);
    r.at = r.line_start = own;
    r.end = own + n;
    ok = ok && read_rules(&r);
    buffer_free(&r.scalar);
    buffer_free(&r.name);
    free(own);
    return ok;
}

bool rules_read(struct rules *rules, const char *path, char error[RULES_ERROR_MAX])
{
    struct buffer text = {0};
    ssize_t got = -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool room = true;
    while (fd >= 0 && (room = buffer_reserve(&text, 4096)) && text.len <= FILE_MAX &&
           (got = read(fd, text.at + text.len, 4096)) > 0)
        text.len += (size_t)got;
    int err = room ? errno : ENOMEM;
    if (fd >= 0) close(fd);
    bool ok = got == 0 && room && text.len <= FILE_MAX;
    if (!ok) snprintf(error, RULES_ERROR_MAX, "%.300s: %s", path, text.len > FILE_MAX ? "too large" : strerror(err));
    ok = ok && rules_parse(rules, path, text.at, text.len, error);
    buffer_free(&text);
    return ok;
}
