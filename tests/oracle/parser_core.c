#include "parser_core.h"

#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/*==============================================================================
 * Memory and errors
 *============================================================================*/

typedef struct parser_chunk {
    struct parser_chunk *next;
    size_t used, cap;
    max_align_t bytes[];
} chunk;

void *parser_must(void *ptr)
{
    if (!ptr) {
        fputs("parser: out of memory\n", stderr);
        abort();
    }
    return ptr;
}

void *parser_keep(parser *p, size_t size)
{
    size = (size + sizeof(max_align_t) - 1) & ~(sizeof(max_align_t) - 1);
    if (!p->chunks || p->chunks->cap - p->chunks->used < size) {
        size_t cap = size > 65536 ? size : 65536;
        chunk *fresh = parser_must(malloc(sizeof *fresh + cap));
        fresh->next = p->chunks;
        fresh->used = 0;
        fresh->cap = cap;
        p->chunks = fresh;
    }
    void *ptr = (char *)p->chunks->bytes + p->chunks->used;
    p->chunks->used += size;
    return ptr;
}

char *parser_keep_text(parser *p, const char *from, const char *to)
{
    size_t len = (size_t)(to - from);
    char *text = parser_keep(p, len + 1);
    memcpy(text, from, len);
    text[len] = '\0';
    return text;
}

void parser_fail_at(parser *p, size_t line, const char *format, ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    char *error = parser_keep(p, sizeof message + 32);
    snprintf(error, sizeof message + 32, "line %zu: %s", line, message);
    p->page.error = error;
    longjmp(p->failed, 1);
}

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

/* OpenMetrics tells floats from integers. */
static char *finish_openmetrics(char *text)
{
    if (!strpbrk(text, ".eNI")) strcat(text, ".0");
    return text;
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

char *parser_number_openmetrics(double value, char out[PARSER_NUMBER_MAX])
{
    return finish_openmetrics(parser_number(value, out));
}

double parser_read_number(parser *p, const char *what, const char *text)
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
    if (p->openmetrics) finish_openmetrics(expected);
    if (strcmp(text, expected) != 0) {
        number_from(value, 1, expected);
        if (p->openmetrics) finish_openmetrics(expected);
        FAIL(p, "%s '%s' should be printed as '%s'", what, text, expected);
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

char *parser_read_name(parser *p, const char *what, bool colon)
{
    const char *from = p->at;
    while (p->at < p->end && is_name_char(*p->at, p->at == from, colon)) p->at++;
    if (p->at == from) {
        FAIL(p, "expected a %s at '%.*s'", what, (int)(p->end - from < 40 ? p->end - from : 40), from);
    }
    return parser_keep_text(p, from, p->at);
}

bool parser_take(parser *p, char c)
{
    if (p->at == p->end || *p->at != c) return false;
    p->at++;
    return true;
}

bool parser_take_text(parser *p, const char *text)
{
    size_t len = strlen(text);
    if ((size_t)(p->end - p->at) < len || memcmp(p->at, text, len) != 0) return false;
    p->at += len;
    return true;
}

void parser_expect(parser *p, char c, const char *where)
{
    if (!parser_take(p, c)) FAIL(p, "expected '%c' %s", c, where);
}

char *parser_read_word(parser *p)
{
    const char *from = p->at;
    while (p->at < p->end && *p->at != ' ') p->at++;
    return parser_keep_text(p, from, p->at);
}

static char unescape(parser *p, const char *where, bool quotes)
{
    p->at++;
    char c = p->at < p->end ? *p->at++ : ' ';
    if (c == '\\') return '\\';
    if (c == 'n') return '\n';
    if (c == '"' && quotes) return '"';
    FAIL(p, "wrong escape '\\%c' in %s", c, where);
}

char *parser_read_help(parser *p, bool quotes)
{
    char *text = parser_keep(p, (size_t)(p->end - p->at) + 1), *s = text;
    while (p->at < p->end) {
        if (quotes && *p->at == '"') FAIL(p, "a quote in HELP without a backslash");
        *s++ = *p->at == '\\' ? unescape(p, "HELP", quotes) : *p->at++;
    }
    *s = '\0';
    return text;
}

static char *read_label_value(parser *p)
{
    parser_expect(p, '"', "before a label value");
    char *text = parser_keep(p, (size_t)(p->end - p->at) + 1), *s = text;
    while (p->at < p->end && *p->at != '"') *s++ = *p->at == '\\' ? unescape(p, "a label value", true) : *p->at++;
    *s = '\0';
    parser_expect(p, '"', "after a label value");
    return text;
}

parser_label *parser_read_pairs(parser *p, size_t *n)
{
    parser_label *labels = NULL;
    size_t cap = 0;
    *n = 0;
    do {
        if (*n == cap) {
            parser_label *more = parser_keep(p, (cap ? 2 * cap : 4) * sizeof *more);
            if (*n) memcpy(more, labels, *n * sizeof *more);
            labels = more;
            cap = cap ? 2 * cap : 4;
        }
        labels[*n].name = parser_read_name(p, "label name", false);
        parser_expect(p, '=', "after a label name");
        labels[(*n)++].value = read_label_value(p);
    } while (parser_take(p, ','));
    parser_expect(p, '}', "after the labels");
    return labels;
}

uint64_t parser_read_digits(parser *p, const char *what, uint64_t max)
{
    const char *from = p->at;
    uint64_t number = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, *p->at - '0', &number) ||
            number > max) {
            FAIL(p, "%s out of range", what);
        }
    }
    if (p->at == from) {
        if (from == p->end) FAIL(p, "%s without digits", what);
        FAIL(p, "'%c' in a %s", *from, what);
    }
    if (*from == '0' && p->at - from > 1) FAIL(p, "a %s with zeros in front", what);
    return number;
}

/*==============================================================================
 * The page
 *============================================================================*/

void parser_add_family(parser *p, const parser_family *family)
{
    p->page.families = p->families;
    if (parser_family_find(&p->page, family->name)) FAIL(p, "family '%s' stands twice", family->name);
    if (p->page.n_families && strcmp(p->families[p->page.n_families - 1].full_name, family->full_name) > 0) {
        FAIL(p, "family '%s' stands after '%s'", family->name, p->families[p->page.n_families - 1].name);
    }
    if (p->page.n_families == p->families_cap) {
        p->families_cap = p->families_cap ? 2 * p->families_cap : 16;
        p->families = parser_must(realloc(p->families, p->families_cap * sizeof *p->families));
    }
    parser_family *added = &p->families[p->page.n_families++];
    *added = *family;
    added->first_sample = p->page.n_samples;
    added->n_samples = 0;
    added->line = p->line;
}

void parser_add_sample(parser *p, const parser_sample *sample)
{
    if (p->page.n_samples == p->samples_cap) {
        p->samples_cap = p->samples_cap ? 2 * p->samples_cap : 64;
        p->samples = parser_must(realloc(p->samples, p->samples_cap * sizeof *p->samples));
    }
    parser_sample *added = &p->samples[p->page.n_samples++];
    *added = *sample;
    added->family = p->page.n_families - 1;
    added->line = p->line;
    p->families[added->family].n_samples++;
}

static void check_bytes(parser *p, const char *bytes, size_t len)
{
    const unsigned char *s = (const unsigned char *)bytes, *end = s + len;
    size_t line = 1;
    while (s < end) {
        unsigned char c = *s++;
        if (c == 0) parser_fail_at(p, line, "a NUL byte");
        if (c == '\n') line++;
        if (c < 0x80) continue;
        int more = c >= 0xc2 && c <= 0xdf ? 1 : c >= 0xe0 && c <= 0xef ? 2 : c >= 0xf0 && c <= 0xf4 ? 3 : 0;
        unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
        unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (!more) parser_fail_at(p, line, "not UTF-8: byte 0x%02x", c);
        for (; more; more--, s++, low = 0x80, high = 0xbf) {
            if (s == end || *s < low || *s > high)
                parser_fail_at(p, line, "not UTF-8: a sequence that begins with 0x%02x", c);
        }
    }
}

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
    p->index = parser_must(calloc(p->index_size, sizeof *p->index));
    for (size_t i = 0; i < p->page.n_samples; i++) {
        size_t slot = hash(p->samples[i].key) & (p->index_size - 1);
        while (p->index[slot]) slot = (slot + 1) & (p->index_size - 1);
        p->index[slot] = i + 1;
    }
}

parser_page *parser_run(const char *bytes, size_t len, bool openmetrics, void (*lines)(parser *, const char *, size_t))
{
    parser *p = parser_must(calloc(1, sizeof *p));
    p->openmetrics = openmetrics;
    locale_t before = enter_c_locale();
    if (setjmp(p->failed) == 0) {
        check_bytes(p, bytes, len);
        lines(p, bytes, len);
        parser_check_families(p);
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

parser_page *parser_assert_ok(parser_page *page, const char *bytes, size_t len)
{
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

static const parser_family *find_full(const parser_page *page, const char *full_name)
{
    size_t low = 0, high = page->n_families;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(page->families[middle].full_name, full_name);
        if (order == 0) return &page->families[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const parser_family *parser_family_find(const parser_page *page, const char *name)
{
    const parser_family *found = find_full(page, name);
    if (found || !((const parser *)page)->openmetrics) return found;
    static const char *const suffixes[] = {"_total", "_info"};
    char *full_name = parser_must(malloc(strlen(name) + 8));
    for (size_t i = 0; i < 2 && !found; i++) {
        sprintf(full_name, "%s%s", name, suffixes[i]);
        found = find_full(page, full_name);
        if (found && strcmp(found->name, name) != 0) found = NULL;
    }
    free(full_name);
    return found;
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
