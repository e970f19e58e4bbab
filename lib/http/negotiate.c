/* Format and coding by Accept and Accept-Encoding. */
#include "http/negotiate.h"

#include <string.h>

#include "http/span.h"

/* ---- lists: clauses between commas, each with parameters behind semicolons ---- */

/* Up to the next `stop` or `other` that is in no quoted string, or the end. Moves behind it. */
static struct cprom__span negotiate_take(const char **at, char stop, char other)
{
    const char *begin = *at, *p = begin;
    bool quoted = false;
    for (; *p && (quoted || (*p != stop && *p != other)); p++) {
        if (*p == '"') quoted = !quoted;
        else if (quoted && *p == '\\' && p[1]) p++;
    }
    *at = p;
    return cprom__span_trim((struct cprom__span){begin, (size_t)(p - begin)});
}

struct negotiate_clause {
    struct cprom__span name;
    struct cprom__span version; /* the parameter of that name; `at` NULL: there is none */
    uint32_t weight;
};

/* 0 to 1, as decimal digits; anything else weighs nothing. */
static uint32_t negotiate_weight_of(struct cprom__span value)
{
    uint32_t unit = CPROM__HTTP_WEIGHT_ONE, weight = 0;
    bool point = false, digits = false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.at[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return 0;
        digits = true;
        uint32_t digit = (uint32_t)(c - '0');
        if (point) weight += digit * (unit /= 10); /* beyond nine places: nothing */
        else if (weight || digit > 1) return 0;
        else weight = digit * unit;
    }
    return digits && weight <= CPROM__HTTP_WEIGHT_ONE ? weight : 0;
}

/* The next clause that is not empty; false: there is none. */
static bool negotiate_next_clause(const char **at, struct negotiate_clause *clause)
{
    do {
        while (*(*at) == ',') ++*at;
        if (!**at) return false;
        clause->name = negotiate_take(at, ',', ';');
        clause->version = (struct cprom__span){NULL, 0};
        clause->weight = CPROM__HTTP_WEIGHT_ONE;
        while (**at == ';') {
            ++*at;
            struct cprom__span param = negotiate_take(at, ',', ';');
            const char *equals = memchr(param.at, '=', param.len);
            if (!equals) continue;
            size_t n = (size_t)(equals - param.at);
            struct cprom__span name = cprom__span_trim((struct cprom__span){param.at, n}),
                               value = cprom__span_trim((struct cprom__span){equals + 1, param.len - n - 1});
            if (value.len >= 2 && *value.at == '"') value = (struct cprom__span){value.at + 1, value.len - 2};
            if (cprom__span_is(name, "q")) clause->weight = negotiate_weight_of(value);
            else if (cprom__span_is(name, "version")) clause->version = value;
        }
    } while (!clause->name.len);
    return true;
}

/* Whether the clause names a page that can be made. */
static bool negotiate_format_of(const struct negotiate_clause *clause, cprom_format *format)
{
    const struct cprom__span *version = &clause->version;
    if (cprom__span_is(clause->name, "application/openmetrics-text")) {
        *format = CPROM_OPENMETRICS_0_0_1;
        if (!version->at || cprom__span_is(*version, "0.0.1")) return true;
        *format = CPROM_OPENMETRICS_1_0;
        return cprom__span_is(*version, "1.0.0");
    }
    *format = CPROM_TEXT_0_0_4;
    if (cprom__span_is(clause->name, "text/plain")) return !version->at || cprom__span_is(*version, "0.0.4");
    return cprom__span_is(clause->name, "*/*") || cprom__span_is(clause->name, "text/*");
}

cprom_format cprom__http_format(const char *accept)
{
    cprom_format best = CPROM_TEXT_0_0_4, format;
    uint32_t best_weight = 0;
    struct negotiate_clause clause;
    while (accept && negotiate_next_clause(&accept, &clause)) {
        /* The first of those that weigh the same. */
        if (clause.weight <= best_weight || !negotiate_format_of(&clause, &format)) continue;
        best = format;
        best_weight = clause.weight;
    }
    return best;
}

uint32_t cprom__http_weight(const char *list, const char *name)
{
    uint32_t weight = 0;
    struct negotiate_clause clause;
    while (list && negotiate_next_clause(&list, &clause)) {
        if (cprom__span_is(clause.name, name) && clause.weight > weight) weight = clause.weight;
    }
    return weight;
}

double cprom__http_seconds(const char *text)
{
    double value = 0, unit = 1;
    bool point = false;
    if (!text) return 0;
    struct cprom__span part = cprom__span_trim((struct cprom__span){text, strlen(text)});
    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (c == '.' && !point) {
            point = true;
            continue;
        }
        if (c < '0' || c > '9') return 0;
        if (point) value += (c - '0') * (unit /= 10);
        else value = value * 10 + (c - '0');
    }
    return value;
}

bool cprom__http_is_token(const char *text)
{
    const char *p = text;
    for (; *p; p++) {
        bool alnum = (*p >= '0' && *p <= '9') || (cprom__lower(*p) >= 'a' && cprom__lower(*p) <= 'z');
        if (!alnum && !strchr("!#$%&'*+-.^_`|~", *p)) return false;
    }
    return p != text;
}

/* ---- target ---- */

static int negotiate_hex(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c = cprom__lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* One byte at `*at`, decoded, and `*at` moves behind it; -1: malformed, or NUL. In a form, a plus is a blank. */
static int negotiate_decode(const char **at, bool form)
{
    const char *p = *at;
    if (*p != '%') {
        *at = p + 1;
        return form && *p == '+' ? ' ' : (unsigned char)*p;
    }
    int high = negotiate_hex(p[1]), low = high < 0 ? -1 : negotiate_hex(p[2]);
    *at = p + 3;
    return low < 0 || (high | low) == 0 ? -1 : high << 4 | low;
}

bool cprom__http_target_read(const char *text, struct cprom__http_target *target)
{
    const char *path = text;
    if (*path != '/') {
        struct cprom__span scheme = {path, strcspn(path, ":")};
        if ((!cprom__span_is(scheme, "http") && !cprom__span_is(scheme, "https")) ||
            strncmp(path + scheme.len, "://", 3) != 0)
            return false;
        path += scheme.len + 3;
        size_t authority = strcspn(path, "/?#");
        if (!authority) return false;
        path += authority;
    }
    target->path = path;
    target->path_len = strcspn(path, "?");
    target->query = path[target->path_len] ? path + target->path_len + 1 : path + target->path_len;
    for (const char *p = text; *p; p++) {
        if ((unsigned char)*p <= ' ' || *p == 0x7f) return false;
    }
    for (const char *p = path; *p;) {
        if (negotiate_decode(&p, false) < 0) return false;
    }
    if (!target->path_len) { /* http://host */
        target->path = "/";
        target->path_len = 1;
    }
    return true;
}

bool cprom__http_path_is(const struct cprom__http_target *target, const char *path)
{
    const char *p = target->path, *end = p + target->path_len;
    while (p < end && *path) {
        if (negotiate_decode(&p, false) != (unsigned char)*path++) return false;
    }
    return p == end && !*path;
}

size_t cprom__http_names_max(const char *query)
{
    size_t n = 1;
    for (; *query; query++) n += *query == '&';
    return n;
}

size_t cprom__http_names(const char *query, const char **names, char *text)
{
    static const char key[] = "name[]";
    size_t n = 0;
    for (const char *p = query, *end; *p; p = *end ? end + 1 : end) {
        size_t len = strcspn(p, "&"), matched = 0;
        end = p + len;
        while (p < end && *p != '=' && key[matched] && negotiate_decode(&p, true) == key[matched]) matched++;
        if (key[matched] || p >= end || *p != '=') continue;
        names[n++] = text;
        for (p++; p < end;) *text++ = (char)negotiate_decode(&p, true);
        *text++ = '\0';
    }
    return n;
}
