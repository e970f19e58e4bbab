#include "parser_core.h"

#include <math.h>
#include <string.h>

/* OpenMetrics 1.0: the lines. */

#define EXEMPLAR_MAX 128 /* characters in the names and values of an exemplar's labels */

/* NULL if the family has no lines of its own with that end. */
static const char *sample_suffix(parser_type type, const char *rest)
{
    static const char *const suffixes[][5] = {
        [PARSER_COUNTER] = {"_total", "_created"},
        [PARSER_GAUGE] = {""},
        [PARSER_HISTOGRAM] = {"_bucket", "_sum", "_count", "_created"},
        [PARSER_SUMMARY] = {"", "_sum", "_count", "_created"},
        [PARSER_UNTYPED] = {""},
        [PARSER_INFO] = {"_info"},
        [PARSER_STATESET] = {""},
        [PARSER_GAUGE_HISTOGRAM] = {"_bucket", "_gsum", "_gcount"},
    };
    for (const char *const *suffix = suffixes[type]; *suffix; suffix++) {
        if (strcmp(*suffix, rest) == 0) return *suffix;
    }
    return NULL;
}

static bool is(const char *a, const char *b) { return strcmp(a, b) == 0; }

/* Seconds with three decimals, as milliseconds. */
static int64_t parse_time(parser *p, const char *what)
{
    if (p->at == p->end) FAIL(p, "a space at the end of the line");
    if (*p->at == '-') FAIL(p, "a negative %s", what);
    int64_t time = (int64_t)parser_read_digits(p, what, INT64_MAX / 1000);
    if (!parser_take(p, '.')) FAIL(p, "a %s without decimals", what);
    int decimals = 0, ms = 0;
    for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; decimals++, p->at++) {
        if (decimals < 3) ms = 10 * ms + (*p->at - '0');
    }
    if (decimals != 3) FAIL(p, "a %s with %d decimals", what, decimals);
    if (p->at < p->end && *p->at != ' ') FAIL(p, "'%c' in a %s", *p->at, what);
    if (__builtin_mul_overflow(time, 1000, &time) || __builtin_add_overflow(time, ms, &time)) {
        FAIL(p, "%s out of range", what);
    }
    return time;
}

static size_t characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* From behind " # " on. */
static const parser_exemplar *parse_exemplar(parser *p)
{
    parser_exemplar *exemplar = parser_keep(p, sizeof *exemplar);
    *exemplar = (parser_exemplar){NULL, 0, 0, false, 0};
    parser_expect(p, '{', "before the labels of an exemplar");
    if (!parser_take(p, '}')) exemplar->labels = parser_read_pairs(p, &exemplar->n_labels);
    size_t length = 0;
    for (size_t i = 0; i < exemplar->n_labels; i++) {
        const parser_label *label = &exemplar->labels[i];
        length += characters(label->name) + characters(label->value);
        for (size_t j = 0; j < i; j++) {
            if (is(exemplar->labels[j].name, label->name))
                FAIL(p, "label '%s' stands twice in an exemplar", label->name);
        }
    }
    if (length > EXEMPLAR_MAX) FAIL(p, "an exemplar of %zu characters", length);
    parser_expect(p, ' ', "before the value of an exemplar");
    exemplar->value = parser_read_number(p, "value of an exemplar", parser_read_word(p));
    exemplar->has_timestamp = parser_take(p, ' ');
    if (exemplar->has_timestamp) exemplar->timestamp = parse_time(p, "timestamp of an exemplar");
    if (p->at < p->end) FAIL(p, "text behind an exemplar");
    return exemplar;
}

/* Counts are integers, and so is what can be 0 or 1 only; all else is a float. */
static double parse_value(parser *p, const parser_sample *sample)
{
    parser_type type = p->families[p->page.n_families - 1].type;
    const char *text = sample->value_text;
    if (type == PARSER_INFO) {
        if (!is(text, "1")) FAIL(p, "info '%s' is not 1", text);
        return 1;
    }
    if (type == PARSER_STATESET) {
        if (!is(text, "0") && !is(text, "1")) FAIL(p, "state '%s' is not 0 or 1", text);
        return *text - '0';
    }
    if (is(sample->suffix, "_bucket") || is(sample->suffix, "_count") || is(sample->suffix, "_gcount")) {
        const char *at = p->at, *end = p->end;
        p->at = text;
        p->end = text + strlen(text);
        uint64_t count = parser_read_digits(p, "count", UINT64_MAX);
        if (p->at < p->end) FAIL(p, "'%c' in a count", *p->at);
        p->at = at;
        p->end = end;
        return (double)count;
    }
    return parser_read_number(p, "value", text);
}

static const parser_label *find_own(const parser_family *family, const parser_sample *sample)
{
    const parser_label *last = sample->n_labels ? &sample->labels[sample->n_labels - 1] : NULL;
    if (!last) return NULL;
    if (is(sample->suffix, "_bucket")) return is(last->name, "le") ? last : NULL;
    if (family->type == PARSER_SUMMARY && !*sample->suffix) return is(last->name, "quantile") ? last : NULL;
    for (size_t i = 0; family->type == PARSER_STATESET && i < sample->n_labels; i++) {
        if (is(sample->labels[i].name, family->name)) return &sample->labels[i];
    }
    return NULL;
}

static void parse_sample(parser *p)
{
    const char *line = p->at;
    parser_sample sample = {.name = parser_read_name(p, "metric name", true)};

    if (p->page.n_families == 0) FAIL(p, "sample '%s' before any TYPE", sample.name);
    const parser_family *family = &p->families[p->page.n_families - 1];
    size_t len = strlen(family->name);
    bool ours = strncmp(sample.name, family->name, len) == 0;
    sample.suffix = ours ? sample_suffix(family->type, sample.name + len) : NULL;
    if (!sample.suffix) {
        FAIL(p, "sample '%s' does not belong to %s '%s'", sample.name, parser_type_name(p, family->type), family->name);
    }

    if (parser_take(p, '{')) sample.labels = parser_read_pairs(p, &sample.n_labels);
    sample.key = parser_keep_text(p, line, p->at);
    sample.own = find_own(family, &sample);
    parser_expect(p, ' ', "before the value");
    sample.value_text = parser_read_word(p);
    sample.value = parse_value(p, &sample);

    bool exemplar = parser_take_text(p, " # ");
    if (!exemplar && parser_take(p, ' ')) {
        sample.has_timestamp = true;
        sample.timestamp = parse_time(p, "timestamp");
        exemplar = parser_take_text(p, " # ");
    }
    if (exemplar) {
        if (!is(sample.suffix, "_total") && !is(sample.suffix, "_bucket")) FAIL(p, "an exemplar on '%s'", sample.name);
        sample.exemplar = parse_exemplar(p);
    }
    if (p->at < p->end) FAIL(p, "text behind the timestamp");
    parser_add_sample(p, &sample);
    parser_check_labels(p, &p->samples[p->page.n_samples - 1]);
}

static const char *full_name(parser *p, const char *name, parser_type type)
{
    const char *suffix = type == PARSER_COUNTER ? "_total" : type == PARSER_INFO ? "_info" : "";
    size_t len = strlen(name);
    char *full = parser_keep(p, len + strlen(suffix) + 1);
    memcpy(full, name, len);
    strcpy(full + len, suffix);
    return full;
}

static parser_type parse_type(parser *p)
{
    const char *text = parser_keep_text(p, p->at, p->end);
    for (parser_type type = PARSER_COUNTER; type <= PARSER_GAUGE_HISTOGRAM; type++) {
        if (is(parser_type_name(p, type), text)) return type;
    }
    FAIL(p, "unknown type '%s'", text);
}

static const char *parse_unit(parser *p, const parser_family *family)
{
    const char *unit = parser_read_name(p, "unit", true);
    if (p->at < p->end) FAIL(p, "'%c' in a unit", *p->at);
    size_t len = strlen(family->name), unit_len = strlen(unit);
    if (len < unit_len + 2 || family->name[len - unit_len - 1] != '_' || !is(family->name + len - unit_len, unit)) {
        FAIL(p, "unit '%s' is not the end of '%s'", unit, family->name);
    }
    if (family->type == PARSER_INFO || family->type == PARSER_STATESET) {
        FAIL(p, "a unit on %s '%s'", parser_type_name(p, family->type), family->name);
    }
    return unit;
}

/* The lines before samples: HELP, TYPE, UNIT; only TYPE must be there. */
typedef struct header {
    const char *help_name, *help; /* of the HELP in the line before */
    bool fresh;                   /* TYPE was the line before: UNIT may stand here */
} header;

static void parse_header_line(parser *p, header *h)
{
    parser_family *last = p->page.n_families ? &p->families[p->page.n_families - 1] : NULL;
    bool fresh = h->fresh;
    h->fresh = false;
    if (parser_take_text(p, "# UNIT ")) {
        const char *name = parser_read_name(p, "metric name", true);
        if (!fresh || !is(name, last->name)) FAIL(p, "UNIT of '%s' is not behind its TYPE", name);
        parser_expect(p, ' ', "after the name in UNIT");
        last->unit = parse_unit(p, last);
        return;
    }
    if (last && last->n_samples == 0) FAIL(p, "family '%s' has no samples", last->name);
    if (parser_take_text(p, "# HELP ")) {
        if (h->help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", h->help_name);
        h->help_name = parser_read_name(p, "metric name", true);
        parser_expect(p, ' ', "after the name in HELP");
        h->help = parser_read_help(p, true);
    } else if (parser_take_text(p, "# TYPE ")) {
        const char *name = parser_read_name(p, "metric name", true);
        if (h->help_name && !is(h->help_name, name)) FAIL(p, "TYPE of '%s' behind HELP of '%s'", name, h->help_name);
        parser_expect(p, ' ', "after the name in TYPE");
        parser_type type = parse_type(p);
        parser_add_family(
            p, &(parser_family){.name = name, .full_name = full_name(p, name, type), .help = h->help, .type = type});
        *h = (header){NULL, NULL, true};
    } else {
        FAIL(p, "a comment that is neither HELP nor TYPE nor UNIT");
    }
}

static void parse_lines(parser *p, const char *bytes, size_t len)
{
    const char *end = bytes + len;
    header h = {NULL, NULL, false};

    for (const char *from = bytes; from < end; from = p->end + 1) {
        p->line++;
        p->at = from;
        p->end = memchr(from, '\n', (size_t)(end - from));
        if (!p->end) FAIL(p, "the last byte is not LF");
        if (p->at == p->end) FAIL(p, "a blank line");
        const parser_family *last = p->page.n_families ? &p->families[p->page.n_families - 1] : NULL;

        if (parser_take_text(p, "# EOF") && p->at == p->end) {
            if (h.help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", h.help_name);
            if (last && last->n_samples == 0) FAIL(p, "family '%s' has no samples", last->name);
            if (p->end + 1 < end) FAIL(p, "text behind # EOF");
            return;
        }
        p->at = from;
        if (*p->at == '#') {
            parse_header_line(p, &h);
        } else {
            if (h.help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", h.help_name);
            h.fresh = false;
            parse_sample(p);
        }
    }
    FAIL(p, "the page ends without # EOF");
}

parser_page *parser_parse_openmetrics(const char *bytes, size_t len)
{
    return parser_run(bytes, len, true, parse_lines);
}

parser_page *parser_parse_openmetrics_ok(const char *bytes, size_t len)
{
    return parser_assert_ok(parser_parse_openmetrics(bytes, len), bytes, len);
}
