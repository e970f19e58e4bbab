/*
 * libFuzzer: any text as Accept, Accept-Encoding, target, query or timeout. The first byte says which. A naive reading
 * of FORMAT.md and RFC 9110, that shares nothing with the library, must come to the same; where the text is no list of
 * RFC 9110 (quotes that are open or in odd places), the library only has to stay inside of it.
 */
#include <math.h>

#include "fuzz.h"

#include <cprom/http.h>

#include "http/negotiate.h"

enum {
    CLAUSES = 64,
    PARAMS = 16,
    TEXT = 4096
};

/*==============================================================================
 * Lists
 *============================================================================*/

struct clause {
    char name[TEXT], version[TEXT];
    bool has_version;
    long weight; /* in billionths */
};

static bool is_odd; /* the text is no list */

static void trim(char *text)
{
    size_t n = strlen(text), blanks = strspn(text, " \t");
    memmove(text, text + blanks, n - blanks + 1);
    for (n = strlen(text); n && strchr(" \t", text[n - 1]); n--) text[n - 1] = '\0';
}

static void to_lower(char *text)
{
    for (; *text; text++) *text = *text >= 'A' && *text <= 'Z' ? (char)(*text + 32) : *text;
}

/* Cuts at every `separator` outside of quotes. */
static size_t cut(char *text, char separator, char **parts, size_t max)
{
    size_t n = 0;
    bool quoted = false;
    parts[n++] = text;
    for (; *text; text++) {
        if (quoted && *text == '\\' && text[1]) text++;
        else if (*text == '"') quoted = !quoted;
        else if (*text == separator && !quoted) {
            *text = '\0';
            if (n == max) {
                is_odd = true; /* more than this reader has room for */
                return n;
            }
            parts[n++] = text + 1;
        }
    }
    is_odd |= quoted;
    return n;
}

/* A number from 0 to 1 of which nine places count; anything else is 0. */
static long read_weight(const char *text)
{
    char number[TEXT];
    size_t whole = strspn(text, "0123456789"), point = text[whole] == '.';
    size_t places = strspn(text + whole + point, "0123456789");
    if (text[whole + point + places] || whole + places == 0) return 0;
    if (places > 9) places = 9;
    snprintf(number, sizeof number, "0%.*s", (int)(whole + point + places), text);
    double value = strtod(number, NULL);
    return value > 1 ? 0 : lround(value * 1e9);
}

static void read_param(char *text, struct clause *clause)
{
    char *equals = strchr(text, '=');
    is_odd |= strchr(text, '"') && (!equals || strchr(text, '"') < equals);
    if (!equals) return;
    *equals = '\0';
    char *value = equals + 1;
    trim(text);
    trim(value);
    to_lower(text);
    char *quote = strchr(value, '"');
    if (quote) {
        size_t n = strlen(value);
        is_odd |= quote != value || n < 2 || strchr(value + 1, '"') != value + n - 1 || strchr(value, '\\');
        if (is_odd) return;
        value[n - 1] = '\0';
        value++;
    }
    if (strcmp(text, "q") == 0) clause->weight = read_weight(value);
    if (strcmp(text, "version") == 0) {
        strcpy(clause->version, value);
        to_lower(clause->version);
        clause->has_version = true;
    }
}

static size_t read_list(const char *list, struct clause *clauses)
{
    static char copy[TEXT];
    char *elements[CLAUSES], *params[PARAMS];
    size_t n = 0;
    is_odd = false;
    strcpy(copy, list);
    size_t n_elements = cut(copy, ',', elements, CLAUSES);
    for (size_t i = 0; i < n_elements; i++) {
        size_t n_params = cut(elements[i], ';', params, PARAMS);
        is_odd |= strchr(params[0], '"') != NULL;
        struct clause *clause = &clauses[n];
        clause->weight = 1000000000;
        clause->has_version = false;
        strcpy(clause->name, params[0]);
        trim(clause->name);
        to_lower(clause->name);
        for (size_t k = 1; k < n_params; k++) read_param(params[k], clause);
        n += *clause->name != '\0';
    }
    return n;
}

static struct clause clauses[CLAUSES];

static void fuzz_accept(const char *text)
{
    size_t n = read_list(text, clauses);
    cprom_format got = cprom__http_format(text), expected = CPROM_TEXT_0_0_4;
    if (is_odd) return;
    /* Of the heaviest that is supported, the first: that is what sorting and walking comes to. */
    long best = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name = clauses[i].name, *version = clauses[i].has_version ? clauses[i].version : NULL;
        int format = -1;
        if (strcmp(name, "application/openmetrics-text") == 0) {
            if (!version || strcmp(version, "0.0.1") == 0) format = CPROM_OPENMETRICS_0_0_1;
            else if (strcmp(version, "1.0.0") == 0) format = CPROM_OPENMETRICS_1_0;
        } else if (strcmp(name, "text/plain") == 0) {
            if (!version || strcmp(version, "0.0.4") == 0) format = CPROM_TEXT_0_0_4;
        } else if (strcmp(name, "*/*") == 0 || strcmp(name, "text/*") == 0) {
            format = CPROM_TEXT_0_0_4;
        }
        if (format < 0 || clauses[i].weight <= best) continue;
        best = clauses[i].weight;
        expected = (cprom_format)format;
    }
    FUZZ_CHECK(got == expected, "format");
}

/* A coding that changes nothing: which one was chosen is what matters. */
static void *begin(void *ctx) { return ctx; }
static void end(void *state) { (void)state; }
static bool feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    (void)state;
    if (!in) return true;
    *used = *made = n_in < n_out ? n_in : n_out;
    memcpy(out, in, *used);
    return true;
}

static void fuzz_accept_encoding(const char *text)
{
    static const char *const offers[] = {"br", "gzip", "x-a"};
    static cprom_http_handler *handler;
    if (!handler) {
        cprom_registry *registry;
        assert_ok(cprom_registry_new(NULL, &registry));
        assert_ok(cprom_http_handler_new(registry, NULL, &handler));
        for (size_t i = 0; i < 3; i++) {
            cprom_http_coding coding = CPROM_INIT(cprom_http_coding);
            coding.name = offers[i];
            coding.begin = begin;
            coding.feed = feed;
            coding.end = end;
            coding.ctx = &handler;
            assert_ok(cprom_http_handler_add_coding(handler, &coding));
        }
    }
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    cprom_http_response *response;
    request.method = "GET";
    request.target = "/metrics";
    request.accept_encoding = text;
    assert_ok(cprom_http_handler_handle(handler, &request, &response));
    const char *name, *value, *got = "identity";
    for (size_t i = 0; cprom_http_response_header(response, i, &name, &value); i++) {
        if (strcmp(name, "Content-Encoding") == 0) got = value;
    }
    size_t n = read_list(text, clauses);
    const char *expected = "identity";
    long weights[4] = {0};
    for (size_t k = 0; k < 4; k++) {
        for (size_t i = 0; i < n; i++) {
            bool named = strcmp(clauses[i].name, k < 3 ? offers[k] : "identity") == 0;
            if (named && clauses[i].weight > weights[k]) weights[k] = clauses[i].weight;
        }
    }
    long best = weights[3];
    for (size_t k = 0; k < 3; k++) {
        if (weights[k] <= best) continue;
        best = weights[k];
        expected = offers[k];
    }
    FUZZ_CHECK(is_odd || strcmp(got, expected) == 0, "coding");
    cprom_http_response_free(response);
}

/*==============================================================================
 * Targets and queries
 *============================================================================*/

/* Decodes in place; false: it cannot be. */
static bool unpercent(char *text, bool form)
{
    char *out = text;
    for (; *text; text++) {
        if (*text != '%') {
            *out++ = form && *text == '+' ? ' ' : *text;
            continue;
        }
        if (strspn(text + 1, "0123456789abcdefABCDEF") < 2) return false;
        char digits[3] = {text[1], text[2], '\0'};
        unsigned long byte = strtoul(digits, NULL, 16);
        if (byte == 0) return false;
        *out++ = (char)byte;
        text += 2;
    }
    *out = '\0';
    return true;
}

static void fuzz_names(const char *query)
{
    size_t max = cprom__http_names_max(query), n = 0;
    const char **names = fuzz_alloc(max * sizeof *names);
    char *room = fuzz_alloc(strlen(query) + 1), copy[TEXT];
    size_t got = cprom__http_names(query, names, room);
    strcpy(copy, query);
    for (char *at = copy, *next; at; at = next) {
        next = strchr(at, '&');
        if (next) *next++ = '\0';
        char *equals = strchr(at, '=');
        if (!equals) continue;
        *equals = '\0';
        if (!unpercent(at, true) || strcmp(at, "name[]") != 0) continue;
        FUZZ_CHECK(unpercent(equals + 1, true), "undecodable value");
        FUZZ_CHECK(n < got && strcmp(names[n], equals + 1) == 0, "name");
        n++;
    }
    FUZZ_CHECK(n == got, "number of names");
    free(names);
    free(room);
}

static void fuzz_target(const char *text)
{
    struct cprom__http_target target;
    char copy[TEXT], path[TEXT], *from = copy;
    bool valid = true;
    for (const char *p = text; *p; p++) valid &= (unsigned char)*p > 0x20 && *p != 0x7f;
    strcpy(copy, text);
    if (*text != '/') {
        size_t scheme = strncasecmp(text, "http://", 7) == 0 ? 7 : strncasecmp(text, "https://", 8) == 0 ? 8 : 0;
        size_t authority = scheme ? strcspn(text + scheme, "/?#") : 0;
        valid &= authority > 0;
        from += scheme + authority;
    }
    char *question = strchr(from, '?');
    strcpy(path, from);
    path[question ? (size_t)(question - from) : strlen(from)] = '\0';
    if (!*path) strcpy(path, "/");
    char decoded[TEXT];
    strcpy(decoded, question ? question + 1 : "");
    valid &= unpercent(path, false) && unpercent(decoded, false);
    FUZZ_CHECK(cprom__http_target_read(text, &target) == valid, "whether the target is right");
    if (!valid) return;
    FUZZ_CHECK(cprom__http_path_is(&target, path), "path");
    FUZZ_CHECK(cprom__http_path_is(&target, "/metrics") == (strcmp(path, "/metrics") == 0), "another path");
    FUZZ_CHECK(strcmp(target.query, question ? question + 1 : "") == 0, "query");
    fuzz_names(target.query);
}

static void fuzz_seconds(const char *text)
{
    char copy[TEXT];
    strcpy(copy, text);
    trim(copy);
    size_t whole = strspn(copy, "0123456789"), point = copy[whole] == '.';
    bool valid = !copy[whole + point + strspn(copy + whole + point, "0123456789")];
    double expected = valid && strcmp(copy, ".") != 0 ? strtod(copy, NULL) : 0, got = cprom__http_seconds(text);
    FUZZ_CHECK(got == expected || fabs(got - expected) <= 1e-12 * expected + 1e-300, "seconds");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const kinds[])(const char *) = {fuzz_accept, fuzz_accept_encoding, fuzz_target, fuzz_seconds};
    if (n < 1 || n >= TEXT || memchr(bytes + 1, 0, n - 1)) return 0;
    char *text = fuzz_alloc(n); /* a NUL behind, and no byte more */
    memcpy(text, bytes + 1, n - 1);
    text[n - 1] = '\0';
    kinds[bytes[0] % 4](text);
    free(text);
    return 0;
}
