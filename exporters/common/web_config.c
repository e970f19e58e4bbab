#define _POSIX_C_SOURCE 200809L

#include "web_config.h"

#include "bcrypt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX_BYTES 65536

/* One line: the key and what stands behind it, without blanks, quotes and comments. */
struct line {
    size_t indent;
    char *key, *value;
};

struct reader {
    struct web_config *config;
    const char *path;
    size_t number;
    char section[64]; /* the key in column 0 that we are below */
    char *why;
    size_t cap;
};

static bool wrong(const struct reader *reader, const char *what, const char *name)
{
    snprintf(reader->why, reader->cap, "%s:%zu: %s%s%.80s", reader->path, reader->number, what, *name ? " " : "", name);
    return false;
}

static bool is_blank(char c) { return c == ' ' || c == '\t'; }

static char *trim(char *text)
{
    while (is_blank(*text)) text++;
    size_t n = strlen(text);
    while (n && (is_blank(text[n - 1]) || text[n - 1] == '\r')) text[--n] = '\0';
    return text;
}

/*
 * Takes a key or a value, up to the colon that ends a key or the end of the line, out of its quotes; *at moves behind
 * it. NULL: it does not end.
 */
static char *take(char **at, bool key)
{
    char *text = *at + strspn(*at, " \t"), *end, quote = *text == '"' || *text == '\'' ? *text : '\0';
    if (quote) {
        char *out = text;
        for (end = text + 1; *end != quote || (quote == '\'' && end[1] == '\''); end++) {
            if (!*end) return NULL;
            if (*end == '\\' && quote == '"' && end[1]) end++;
            else if (*end == '\'' && quote == '\'') end++; /* '' is one */
            *out++ = *end;
        }
        *at = end + 1;
        *out = '\0';
        return text;
    }
    for (end = text; *end; end++) {
        if (key && *end == ':' && (!end[1] || is_blank(end[1]))) break;
        if (!key && *end == '#' && (end == text || is_blank(end[-1]))) break;
    }
    *at = end;
    return text;
}

/* false: no line of a map. */
static bool split(char *text, struct line *line)
{
    line->indent = strspn(text, " ");
    char *at = text + line->indent;
    if (!(line->key = take(&at, true))) return false;
    at += strspn(at, " \t");
    if (*at != ':') return false;
    *at++ = '\0';
    at += strspn(at, " \t");
    bool quoted = *at == '"' || *at == '\'';
    if (!(line->value = take(&at, false))) return false;
    at += strspn(at, " \t\r");
    if (*at && *at != '#') return false;
    *at = '\0';
    line->key = trim(line->key);
    if (!quoted) line->value = trim(line->value);
    return *line->key;
}

static bool add_user(struct reader *reader, const struct line *line)
{
    struct web_config *config = reader->config;
    for (size_t i = 0; i < config->n_users; i++) {
        if (strcmp(config->users[i].name, line->key) == 0) return wrong(reader, "twice: user", line->key);
    }
    if (!bcrypt_is_hash(line->value)) {
        return wrong(reader, "no hash of bcrypt (htpasswd -nB) with a cost of 4 to 15: that of", line->key);
    }
    struct web_user *users = realloc(config->users, (config->n_users + 1) * sizeof *users);
    if (!users) return wrong(reader, "out of memory", "");
    config->users = users;
    struct web_user *user = &users[config->n_users];
    *user = (struct web_user){strdup(line->key), strdup(line->value)};
    config->n_users++;
    return (user->name && user->hash) || wrong(reader, "out of memory", "");
}

/* In column 0. What is empty asks for nothing. */
static bool take_section(struct reader *reader, const struct line *line)
{
    static const char *const known[] = {"tls_server_config", "http_server_config", "basic_auth_users", "rate_limit"};
    bool empty = !*line->value || strcmp(line->value, "{}") == 0 || strcmp(line->value, "null") == 0;
    size_t i = 0;
    while (i < 4 && strcmp(line->key, known[i]) != 0) i++;
    if (i == 4) return wrong(reader, "unknown key", line->key);
    if (!empty) return wrong(reader, "expected a map in lines below", line->key);
    snprintf(reader->section, sizeof reader->section, "%s", line->key);
    return true;
}

/* Below one. */
static bool take_entry(struct reader *reader, const struct line *line)
{
    if (!*reader->section) return wrong(reader, "it is below nothing:", line->key);
    if (strcmp(reader->section, "basic_auth_users") == 0) return add_user(reader, line);
    if (strcmp(reader->section, "tls_server_config") == 0) {
        return wrong(reader, "there is no TLS here: put a reverse proxy in front, see docs/exporters.md;", line->key);
    }
    if (strcmp(reader->section, "http_server_config") == 0 && strcmp(line->key, "http2") == 0) {
        return strcmp(line->value, "true") == 0 || strcmp(line->value, "false") == 0 ||
               wrong(reader, "expected true or false:", line->value);
    }
    return wrong(reader, "leave that to a reverse proxy, see docs/exporters.md:", line->key);
}

static bool take_line(struct reader *reader, char *text)
{
    struct line line;
    const char *first = text + strspn(text, " \t\r");
    if (!*first || *first == '#' || strcmp(text, "---") == 0) return true;
    if (!split(text, &line)) return wrong(reader, "expected key: value", "");
    return line.indent ? take_entry(reader, &line) : take_section(reader, &line);
}

bool web_config_parse(struct web_config *config, char *text, const char *path, char *why, size_t cap)
{
    struct reader reader = {.config = config, .path = path, .why = why, .cap = cap};
    bool good = true;
    *config = (struct web_config){NULL, 0};
    while (text && good) {
        char *end = strchr(text, '\n');
        if (end) *end = '\0';
        reader.number++;
        good = take_line(&reader, text);
        text = end ? end + 1 : NULL;
    }
    if (!good) web_config_free(config);
    return good;
}

bool web_config_read(struct web_config *config, const char *path, char *why, size_t cap)
{
    char *text = calloc(1, FILE_MAX_BYTES + 1);
    FILE *file = text ? fopen(path, "re") : NULL;
    size_t n = file ? fread(text, 1, FILE_MAX_BYTES + 1, file) : 0;
    bool good = file && !ferror(file) && n <= FILE_MAX_BYTES && strlen(text) == n;
    if (!text) snprintf(why, cap, "out of memory");
    else if (!file || ferror(file)) snprintf(why, cap, "%s: %s", path, strerror(errno));
    else if (!good) snprintf(why, cap, "%s: it is too long, or no text", path);
    else good = web_config_parse(config, text, path, why, cap);
    if (file) fclose(file);
    free(text);
    return good;
}

void web_config_free(struct web_config *config)
{
    for (size_t i = 0; i < config->n_users; i++) {
        free(config->users[i].name);
        free(config->users[i].hash);
    }
    free(config->users);
    *config = (struct web_config){NULL, 0};
}
