#include "parser.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*
 * One pass over the lines collects families and samples and checks each line on its own. Then each family is checked
 * as a whole: the shape of its groups (a group is what belongs to one series: one line, or all lines of a histogram
 * or summary), their order, duplicates. Last, the names of different families against each other.
 *
 * The first error ends the parse by longjmp, so that every check can simply return. All memory is one arena.
 */

typedef struct chunk {
    struct chunk *next;
    size_t used, cap;
    max_align_t bytes[];
} chunk;

typedef struct parser {
    parser_page page; /* first: what the caller holds */
    chunk *chunks;
    parser_family *families;
    parser_sample *samples;
    size_t families_cap, samples_cap;
    size_t *index; /* hash table over keys: sample + 1, or 0 */
    size_t index_size;
    const char *at, *end; /* the line that is read */
    size_t line;
    jmp_buf failed;
} parser;

/*==============================================================================
 * Memory and errors
 *============================================================================*/

static void *must(void *ptr)
{
    if (!ptr) {
        fputs("parser: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

static void *keep(parser *p, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!p->chunks || p->chunks->cap - p->chunks->used < size) {
        size_t cap = size > 65536 ? size : 65536;
        chunk *fresh = must(malloc(sizeof *fresh + cap));
        fresh->next = p->chunks;
        fresh->used = 0;
        fresh->cap = cap;
        p->chunks = fresh;
    }
    void *ptr = (char *)p->chunks->bytes + p->chunks->used;
    p->chunks->used += size;
    return ptr;
}

static char *keep_text(parser *p, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    char *text = keep(p, len + 1);
    memcpy(text, from, len);
    text[len] = '\0';
    return text;
}

__attribute__((format(printf, 3, 4), noreturn)) static void fail_at(parser *p, size_t line, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    char *error = keep(p, sizeof message + 32);
    snprintf(error, sizeof message + 32, "line %zu: %s", line, message);
    p->page.error = error;
    longjmp(p->failed, 1);
}

#define FAIL(p, ...) fail_at((p), (p)->line, __VA_ARGS__)

/*==============================================================================
 * Numbers
 *============================================================================*/

typedef struct decimal {
    char digits[24]; /* d1 d2 d3 ... stand for d1.d2d3... * 10^exponent; no zeros at the end */
    int n;
    int exponent;
} decimal;

static double decimal_value(const decimal *d)
{
    char text[64];
    snprintf(text, sizeof text, "%c.%se%d", d->digits[0], d->digits + 1, d->exponent);
    return strtod(text, NULL);
}

static void decimal_next(decimal *d)
{
    int i = d->n - 1;
    while (i >= 0 && d->digits[i] == '9') d->digits[i--] = '0';
    if (i >= 0) {
        d->digits[i]++;
    } else {
        d->digits[0] = '1';
        d->exponent++;
    }
}

/*
 * The `n` digits that read back as `value` (finite, above 0), the closest if there are several; false if there are
 * none. Those next to the closest matter where the gap below the value is half of that above: at powers of two.
 */
static bool decimal_of(double value, int n, decimal *d)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", n - 1, value);
    int used = 0;
    d->digits[used++] = text[0];
    const char *s = text + 1;
    if (*s == '.') {
        for (s++; *s != 'e'; s++) d->digits[used++] = *s;
    }
    d->digits[used] = '\0';
    d->n = n;
    d->exponent = atoi(s + 1);
    if (decimal_value(d) == value) return true;
    decimal_next(d);
    return decimal_value(d) == value;
}

static char *number_from(double value, int digits, char out[PARSER_NUMBER_MAX])
{
    if (isnan(value)) return strcpy(out, "NaN");
    if (isinf(value)) return strcpy(out, value > 0 ? "+Inf" : "-Inf");
    if (value == 0) return strcpy(out, "0");

    decimal d;
    for (; !decimal_of(fabs(value), digits, &d); digits++) {
        if (digits == 17) abort();
    }
    while (d.n > 1 && d.digits[d.n - 1] == '0') d.digits[--d.n] = '\0';

    char *s = out;
    if (value < 0) *s++ = '-';
    if (d.exponent < -4 || d.exponent >= 6) {
        *s++ = d.digits[0];
        if (d.n > 1) s += sprintf(s, ".%s", d.digits + 1);
        sprintf(s, "e%c%02d", d.exponent < 0 ? '-' : '+', abs(d.exponent));
    } else if (d.exponent < 0) {
        sprintf(s, "0.%.*s%s", -d.exponent - 1, "000", d.digits);
    } else if (d.n <= d.exponent + 1) {
        sprintf(s, "%s%.*s", d.digits, d.exponent + 1 - d.n, "00000");
    } else {
        sprintf(s, "%.*s.%s", d.exponent + 1, d.digits, d.digits + d.exponent + 1);
    }
    return out;
}

static locale_t enter_c_locale(void)
{
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (c == (locale_t)0) abort();
    return uselocale(c);
}

static void leave_c_locale(locale_t before) { freelocale(uselocale(before)); }

char *parser_number(double value, char out[PARSER_NUMBER_MAX])
{
    locale_t before = enter_c_locale();
    number_from(value, 1, out);
    leave_c_locale(before);
    return out;
}

/* Runs in the C locale. `text` ends with NUL. */
static double parse_number(parser *p, const char *what, const char *text)
{
    double value;
    int digits = 0;
    if (strcmp(text, "NaN") == 0) return NAN;
    if (strcmp(text, "+Inf") == 0) return INFINITY;
    if (strcmp(text, "-Inf") == 0) return -INFINITY;
    if (!*text || text[strspn(text, "+-.0123456789e")]) FAIL(p, "%s is not a number: '%s'", what, text);
    char *end;
    value = strtod(text, &end);
    if (*end) FAIL(p, "%s is not a number: '%s'", what, text);
    if (!isfinite(value)) FAIL(p, "%s is out of range: '%s'", what, text);

    /*
     * As many digits as the text has read back, so the text is the shortest iff none with one digit less does (shorter
     * ones are among those, with zeros at the end).
     */
    for (const char *s = text + strcspn(text, "123456789"); *s && *s != 'e'; s++) digits += *s != '.';
    if (digits > 18) digits = 18;
    char expected[PARSER_NUMBER_MAX];
    number_from(value, digits > 2 ? digits - 1 : 1, expected);
    if (strcmp(text, expected) != 0) {
        FAIL(p, "%s '%s' should be printed as '%s'", what, text, number_from(value, 1, expected));
    }
    return value;
}

/*==============================================================================
 * Pieces of a line
 *============================================================================*/

static bool is_name_char(char c, bool first, bool colon)
{
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_') return true;
    if (c == ':') return colon;
    return !first && c >= '0' && c <= '9';
}

static char *parse_name(parser *p, const char *what, bool colon)
{
    const char *from = p->at;
    while (p->at < p->end && is_name_char(*p->at, p->at == from, colon)) p->at++;
    if (p->at == from) {
        FAIL(p, "expected a %s at '%.*s'", what, (int)(p->end - from < 40 ? p->end - from : 40), from);
    }
    return keep_text(p, from, p->at);
}

static bool take(parser *p, char c)
{
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

static void expect(parser *p, char c, const char *where)
{
    if (!take(p, c)) FAIL(p, "expected '%c' %s", c, where);
}

static char unescape(parser *p, bool quotes)
{
    p->at++;
    char c = p->at < p->end ? *p->at++ : ' ';
    if (c == '\\') return '\\';
    if (c == 'n') return '\n';
    if (c == '"' && quotes) return '"';
    FAIL(p, "wrong escape '\\%c' in %s", c, quotes ? "a label value" : "HELP");
}

static char *parse_help(parser *p)
{
    char *text = keep(p, (size_t)(p->end - p->at) + 1), *s = text;
    while (p->at < p->end) *s++ = *p->at == '\\' ? unescape(p, false) : *p->at++;
    *s = '\0';
    return text;
}

static char *parse_label_value(parser *p)
{
    expect(p, '"', "before a label value");
    char *text = keep(p, (size_t)(p->end - p->at) + 1), *s = text;
    while (p->at < p->end && *p->at != '"') *s++ = *p->at == '\\' ? unescape(p, true) : *p->at++;
    *s = '\0';
    expect(p, '"', "after a label value");
    return text;
}

/*==============================================================================
 * Lines
 *============================================================================*/

static const char *const type_names[] = {"counter", "gauge", "histogram", "summary", "untyped"};

/* NULL if the family has no lines of its own with that end. */
static const char *sample_suffix(parser_type type, const char *rest)
{
    if (!*rest) return type == PARSER_HISTOGRAM ? NULL : "";
    if (type != PARSER_HISTOGRAM && type != PARSER_SUMMARY) return NULL;
    if (strcmp(rest, "_bucket") == 0) return type == PARSER_HISTOGRAM ? "_bucket" : NULL;
    if (strcmp(rest, "_sum") == 0) return "_sum";
    if (strcmp(rest, "_count") == 0) return "_count";
    return NULL;
}

static const char *suffix_of(const parser *p, const parser_sample *sample)
{
    const parser_family *family = &p->families[sample->family];
    return sample_suffix(family->type, sample->name + strlen(family->name));
}

/* The label that stands last and belongs to the line, not to the series. */
static const char *own_label(const parser *p, const parser_sample *sample)
{
    const parser_family *family = &p->families[sample->family];
    const char *suffix = suffix_of(p, sample);
    if (family->type == PARSER_HISTOGRAM && strcmp(suffix, "_bucket") == 0) return "le";
    if (family->type == PARSER_SUMMARY && !*suffix) return "quantile";
    return NULL;
}

static void check_labels(parser *p, const parser_sample *sample)
{
    size_t n = sample->n_labels;
    const char *own = own_label(p, sample);
    for (size_t i = 0; i < n; i++) {
        const char *name = sample->labels[i].name;
        if (strncmp(name, "__", 2) == 0) FAIL(p, "label name '%s' begins with __", name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(sample->labels[j].name, name) == 0) FAIL(p, "label '%s' stands twice", name);
        }
    }
    if (own) {
        if (n == 0 || strcmp(sample->labels[n - 1].name, own) != 0) FAIL(p, "the last label is not '%s'", own);
        n--;
    }
    parser_type type = p->families[sample->family].type;
    const char *reserved = type == PARSER_HISTOGRAM ? "le" : type == PARSER_SUMMARY ? "quantile" : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = sample->labels[i].name;
        if (reserved && strcmp(name, reserved) == 0) FAIL(p, "label '%s' does not belong on '%s'", name, sample->name);
        if (i > 0 && strcmp(sample->labels[i - 1].name, name) > 0) {
            FAIL(p, "label '%s' stands after '%s'", name, sample->labels[i - 1].name);
        }
    }
}

static void parse_sample(parser *p)
{
    const char *line = p->at;
    char *name = parse_name(p, "metric name", true);

    if (p->page.n_families == 0) FAIL(p, "sample '%s' before any TYPE", name);
    size_t family = p->page.n_families - 1;
    const parser_family *f = &p->families[family];
    size_t len = strlen(f->name);
    if (strncmp(name, f->name, len) != 0 || !sample_suffix(f->type, name + len)) {
        FAIL(p, "sample '%s' does not belong to %s '%s'", name, type_names[f->type], f->name);
    }

    parser_label *labels = NULL;
    size_t n = 0, cap = 0;
    if (take(p, '{')) {
        do {
            if (n == cap) {
                parser_label *more = keep(p, (cap ? 2 * cap : 4) * sizeof *more);
                if (n) memcpy(more, labels, n * sizeof *more);
                labels = more;
                cap = cap ? 2 * cap : 4;
            }
            labels[n].name = parse_name(p, "label name", false);
            expect(p, '=', "after a label name");
            labels[n++].value = parse_label_value(p);
        } while (take(p, ','));
        expect(p, '}', "after the labels");
    }
    char *key = keep_text(p, line, p->at);
    expect(p, ' ', "before the value");

    const char *from = p->at;
    while (p->at < p->end && *p->at != ' ') p->at++;
    char *value_text = keep_text(p, from, p->at);
    double value = parse_number(p, "value", value_text);

    bool has_timestamp = take(p, ' ');
    int64_t timestamp = 0;
    if (has_timestamp) {
        if (p->at == p->end) FAIL(p, "a space at the end of the line");
        if (*p->at == '-') FAIL(p, "a negative timestamp");
        if (*p->at == '0' && p->end - p->at > 1) FAIL(p, "a timestamp with zeros in front");
        for (; p->at < p->end; p->at++) {
            if (*p->at < '0' || *p->at > '9') FAIL(p, "'%c' in a timestamp", *p->at);
            if (__builtin_mul_overflow(timestamp, 10, &timestamp) ||
                __builtin_add_overflow(timestamp, *p->at - '0', &timestamp)) {
                FAIL(p, "timestamp out of range");
            }
        }
    }

    if (p->page.n_samples == p->samples_cap) {
        p->samples_cap = p->samples_cap ? 2 * p->samples_cap : 64;
        p->samples = must(realloc(p->samples, p->samples_cap * sizeof *p->samples));
    }
    parser_sample *sample = &p->samples[p->page.n_samples++];
    *sample = (parser_sample){key, name, labels, n, value, value_text, has_timestamp, timestamp, family, p->line};
    p->families[family].n_samples++;
    check_labels(p, sample);
}

static void begin_family(parser *p, char *name, char *help, parser_type type)
{
    p->page.families = p->families;
    if (parser_family_find(&p->page, name)) FAIL(p, "family '%s' stands twice", name);
    if (p->page.n_families && strcmp(p->families[p->page.n_families - 1].name, name) > 0) {
        FAIL(p, "family '%s' stands after '%s'", name, p->families[p->page.n_families - 1].name);
    }
    if (p->page.n_families == p->families_cap) {
        p->families_cap = p->families_cap ? 2 * p->families_cap : 16;
        p->families = must(realloc(p->families, p->families_cap * sizeof *p->families));
    }
    p->families[p->page.n_families++] = (parser_family){name, help, type, p->page.n_samples, 0, p->line};
}

static void parse_lines(parser *p, const char *bytes, size_t len)
{
    const char *end = bytes + len;
    char *help_name = NULL, *help = NULL; /* of the HELP in the line before */

    for (const char *from = bytes; from < end; from = p->end + 1) {
        p->line++;
        p->at = from;
        p->end = memchr(from, '\n', (size_t)(end - from));
        if (!p->end) FAIL(p, "the last byte is not LF");
        if (p->at == p->end) FAIL(p, "a blank line");

        bool sample = *p->at != '#';
        size_t n = p->page.n_families;
        if (!sample && n && p->families[n - 1].n_samples == 0) {
            FAIL(p, "family '%s' has no samples", p->families[n - 1].name);
        }
        if (sample) {
            if (help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", help_name);
            parse_sample(p);
        } else if (p->end - p->at >= 7 && memcmp(p->at, "# HELP ", 7) == 0) {
            if (help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", help_name);
            p->at += 7;
            help_name = parse_name(p, "metric name", true);
            expect(p, ' ', "after the name in HELP");
            help = parse_help(p);
        } else if (p->end - p->at >= 7 && memcmp(p->at, "# TYPE ", 7) == 0) {
            p->at += 7;
            char *name = parse_name(p, "metric name", true);
            if (help_name && strcmp(help_name, name) != 0) {
                FAIL(p, "TYPE of '%s' behind HELP of '%s'", name, help_name);
            }
            expect(p, ' ', "after the name in TYPE");
            const char *text = keep_text(p, p->at, p->end);
            size_t type = 0, types = sizeof type_names / sizeof *type_names;
            while (type < types && strcmp(type_names[type], text) != 0) type++;
            if (type == types) FAIL(p, "unknown type '%s'", text);
            begin_family(p, name, help, (parser_type)type);
            help_name = help = NULL;
        } else {
            FAIL(p, "a comment that is neither HELP nor TYPE");
        }
    }
    if (help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", help_name);
    if (p->page.n_families && p->families[p->page.n_families - 1].n_samples == 0) {
        FAIL(p, "family '%s' has no samples", p->families[p->page.n_families - 1].name);
    }
}

static void check_bytes(parser *p, const char *bytes, size_t len)
{
    const unsigned char *s = (const unsigned char *)bytes, *end = s + len;
    size_t line = 1;
    while (s < end) {
        unsigned char c = *s++;
        if (c == 0) fail_at(p, line, "a NUL byte");
        if (c == '\n') line++;
        if (c < 0x80) continue;
        int more = c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
        unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (!more) fail_at(p, line, "not UTF-8: byte 0x%02x", c);
        for (; more; more--, s++, low = 0x80, high = 0xbf) {
            if (s == end || *s < low || *s > high) fail_at(p, line, "not UTF-8: a sequence that begins with 0x%02x", c);
        }
    }
}

/*==============================================================================
 * Families
 *============================================================================*/

/* How many labels name the series. */
static size_t series_labels(const parser *p, const parser_sample *sample)
{
    return sample->n_labels - (own_label(p, sample) ? 1 : 0);
}

static bool same_series(const parser *p, const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(p, a);
    if (n != series_labels(p, b)) return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0) return false;
        if (strcmp(a->labels[i].value, b->labels[i].value) != 0) return false;
    }
    return true;
}

static bool is_count(double value) { return value >= 0 && isfinite(value) && floor(value) == value; }

/* The lines of one series: `first` and those after it, up to `end`. Returns the first line behind. */
static size_t check_group(parser *p, size_t first, size_t end)
{
    const parser_sample *head = &p->samples[first];
    const parser_family *family = &p->families[head->family];
    size_t at = first;
    const parser_sample *last = NULL; /* bucket or quantile */
    double last_bound = 0;
    p->line = head->line;

    if (family->type != PARSER_HISTOGRAM && family->type != PARSER_SUMMARY) return first + 1;

    for (; at < end && own_label(p, &p->samples[at]) && same_series(p, head, &p->samples[at]); at++) {
        const parser_sample *sample = &p->samples[at];
        const char *own = own_label(p, sample);
        p->line = sample->line;
        double bound = parse_number(p, own, sample->labels[sample->n_labels - 1].value);
        if (isnan(bound)) FAIL(p, "%s is NaN", own);
        if (last && !(bound > last_bound)) FAIL(p, "%s does not ascend", own);
        if (family->type == PARSER_HISTOGRAM) {
            if (!is_count(sample->value)) FAIL(p, "bucket '%s' is not a count", sample->value_text);
            if (last && sample->value < last->value) FAIL(p, "buckets do not ascend");
        } else if (bound < 0 || bound > 1) {
            FAIL(p, "quantile outside of 0 to 1");
        }
        last = sample;
        last_bound = bound;
    }
    if (family->type == PARSER_HISTOGRAM && !(last && isinf(last_bound) && last_bound > 0)) {
        FAIL(p, "histogram '%s' without +Inf bucket", family->name);
    }

    static const char *const tail[] = {"_sum", "_count"};
    for (size_t i = 0; i < 2; i++, at++) {
        if (at == end || !same_series(p, head, &p->samples[at])) {
            FAIL(p, "a series of '%s' ends without %s", family->name, tail[i]);
        }
        p->line = p->samples[at].line;
        if (strcmp(suffix_of(p, &p->samples[at]), tail[i]) != 0) FAIL(p, "expected %s", tail[i]);
    }
    const parser_sample *count = &p->samples[at - 1];
    if (!is_count(count->value)) FAIL(p, "_count '%s' is not a count", count->value_text);
    if (family->type == PARSER_HISTOGRAM && count->value != last->value) FAIL(p, "_count differs from the +Inf bucket");

    for (size_t i = first + 1; i < at; i++) {
        const parser_sample *sample = &p->samples[i];
        if (sample->has_timestamp != head->has_timestamp || sample->timestamp != head->timestamp) {
            fail_at(p, sample->line, "timestamps differ within a series");
        }
    }
    return at;
}

/* As the page orders series: by number of labels (they differ only in unchecked collectors), then by values. */
static int compare_series(const parser *p, const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(p, a), m = series_labels(p, b);
    if (n != m) return n < m ? -1 : 1;
    for (size_t i = 0; i < n; i++) {
        int order = strcmp(a->labels[i].value, b->labels[i].value);
        if (order) return order;
    }
    return 0;
}

/* Order for finding duplicates: an empty value is no label. */
static int compare_identity(const void *left, const void *right, void *ctx)
{
    const parser *p = ctx;
    const parser_sample *a = &p->samples[*(const size_t *)left], *b = &p->samples[*(const size_t *)right];
    size_t n = series_labels(p, a), m = series_labels(p, b), i = 0, j = 0;
    for (;; i++, j++) {
        while (i < n && !*a->labels[i].value) i++;
        while (j < m && !*b->labels[j].value) j++;
        if (i == n || j == m) return (i < n) - (j < m);
        int order = strcmp(a->labels[i].name, b->labels[j].name);
        if (!order) order = strcmp(a->labels[i].value, b->labels[j].value);
        if (order) return order;
    }
}

static bool same_label_names(const parser *p, const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(p, a);
    if (n != series_labels(p, b)) return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0) return false;
    }
    return true;
}

static void check_family(parser *p, const parser_family *family)
{
    size_t end = family->first_sample + family->n_samples, n = 0;
    size_t *heads = keep(p, family->n_samples * sizeof *heads); /* the first line of each series */
    bool mixed = false;
    for (size_t at = family->first_sample; at < end;) {
        size_t head = at;
        at = check_group(p, head, end);
        if (n > 0) {
            const parser_sample *before = &p->samples[heads[n - 1]], *now = &p->samples[head];
            p->line = now->line;
            int order = compare_series(p, before, now);
            bool same_names = same_label_names(p, before, now);
            if (order == 0 && same_names) FAIL(p, "series '%s' stands twice", now->key);
            if (order > 0) FAIL(p, "series '%s' stands after '%s'", now->key, before->key);
            mixed |= !same_names;
        }
        heads[n++] = head;
    }
    if (!mixed) return; /* all have the same label names: sorted means different */
    qsort_r(heads, n, sizeof *heads, compare_identity, p);
    for (size_t i = 1; i < n; i++) {
        if (compare_identity(&heads[i - 1], &heads[i], p) == 0) {
            size_t later = heads[i] > heads[i - 1] ? heads[i] : heads[i - 1];
            fail_at(p, p->samples[later].line, "series '%s' stands twice: an empty label is no label",
                    p->samples[later].key);
        }
    }
}

static void check_collisions(parser *p)
{
    p->page.families = p->families;
    static const char *const suffixes[] = {"_sum", "_count", "_bucket"};
    for (size_t i = 0; i < p->page.n_families; i++) {
        const parser_family *family = &p->families[i];
        if (family->type != PARSER_HISTOGRAM && family->type != PARSER_SUMMARY) continue;
        size_t n = family->type == PARSER_HISTOGRAM ? 3 : 2, len = strlen(family->name);
        char *name = keep(p, len + 8);
        for (size_t s = 0; s < n; s++) {
            memcpy(name, family->name, len);
            strcpy(name + len, suffixes[s]);
            const parser_family *other = parser_family_find(&p->page, name);
            if (other) fail_at(p, other->line, "family '%s' collides with '%s'", other->name, family->name);
        }
    }
}

/*==============================================================================
 * The page
 *============================================================================*/

static size_t hash(const char *key)
{
    uint64_t h = 14695981039346656037u;
    for (; *key; key++) h = (h ^ (unsigned char)*key) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static void make_index(parser *p)
{
    p->index_size = 16;
    while (p->index_size < 2 * p->page.n_samples) p->index_size *= 2;
    p->index = must(calloc(p->index_size, sizeof *p->index));
    for (size_t i = 0; i < p->page.n_samples; i++) {
        size_t slot = hash(p->samples[i].key) & (p->index_size - 1);
        while (p->index[slot]) slot = (slot + 1) & (p->index_size - 1);
        p->index[slot] = i + 1;
    }
}

parser_page *parser_parse(const char *bytes, size_t len)
{
    parser *p = must(calloc(1, sizeof *p));
    locale_t before = enter_c_locale();
    if (setjmp(p->failed) == 0) {
        check_bytes(p, bytes, len);
        parse_lines(p, bytes, len);
        for (size_t i = 0; i < p->page.n_families; i++) check_family(p, &p->families[i]);
        check_collisions(p);
        make_index(p);
        p->page.families = p->families;
        p->page.samples = p->samples;
    } else {
        p->page = (parser_page){.error = p->page.error};
    }
    leave_c_locale(before);
    return &p->page;
}

void parser_free(parser_page *page)
{
    if (!page) return;
    parser *p = (parser *)page;
    while (p->chunks) {
        chunk *next = p->chunks->next;
        free(p->chunks);
        p->chunks = next;
    }
    free(p->families);
    free(p->samples);
    free(p->index);
    free(p);
}

parser_page *parser_parse_ok(const char *bytes, size_t len)
{
    parser_page *page = parser_parse(bytes, len);
    if (page->error) {
        /* The line of the error, and what stands around it. */
        size_t wrong = strtoul(page->error + 5, NULL, 10), line = 1;
        for (const char *at = bytes, *end = bytes + len; at < end; line++) {
            const char *lf = memchr(at, '\n', (size_t)(end - at));
            if (!lf) lf = end;
            if (line + 5 > wrong && line < wrong + 5) {
                print_error("%s%5zu  %.*s\n", line == wrong ? ">" : " ", line, (int)(lf - at), at);
            }
            at = lf < end ? lf + 1 : end;
        }
        print_error("the page does not parse: %s\n", page->error);
        parser_free(page);
        fail();
    }
    return page;
}

const parser_sample *parser_find(const parser_page *page, const char *key)
{
    const parser *p = (const parser *)page;
    if (!p->index) return NULL;
    for (size_t slot = hash(key) & (p->index_size - 1); p->index[slot]; slot = (slot + 1) & (p->index_size - 1)) {
        const parser_sample *sample = &p->samples[p->index[slot] - 1];
        if (strcmp(sample->key, key) == 0) return sample;
    }
    return NULL;
}

double parser_value(const parser_page *page, const char *key)
{
    const parser_sample *sample = parser_find(page, key);
    if (!sample) {
        print_error("no sample '%s' on the page\n", key);
        fail();
        return NAN;
    }
    return sample->value;
}

const parser_family *parser_family_find(const parser_page *page, const char *name)
{
    size_t low = 0, high = page->n_families;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(page->families[middle].name, name);
        if (order == 0) return &page->families[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

size_t parser_count(const parser_page *page, const char *family)
{
    if (!family) return page->n_samples;
    const parser_family *found = parser_family_find(page, family);
    return found ? found->n_samples : 0;
}

const char *parser_label_value(const parser_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->n_labels; i++) {
        if (strcmp(sample->labels[i].name, name) == 0) return sample->labels[i].value;
    }
    return NULL;
}
