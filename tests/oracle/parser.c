#include "parser_core.h"

#include <string.h>

/* Text 0.0.4: the lines. */

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
    const char *own = family->type == PARSER_HISTOGRAM && *sample.suffix == '_' && sample.suffix[1] == 'b' ? "le"
                      : family->type == PARSER_SUMMARY && !*sample.suffix                                  ? "quantile"
                                                                                                           : NULL;
    if (own && sample.n_labels && strcmp(sample.labels[sample.n_labels - 1].name, own) == 0) {
        sample.own = &sample.labels[sample.n_labels - 1];
    }
    parser_expect(p, ' ', "before the value");
    sample.value_text = parser_read_word(p);
    sample.value = parser_read_number(p, "value", sample.value_text);

    sample.has_timestamp = parser_take(p, ' ');
    if (sample.has_timestamp) {
        if (p->at == p->end) FAIL(p, "a space at the end of the line");
        if (*p->at == '-') FAIL(p, "a negative timestamp");
        sample.timestamp = (int64_t)parser_read_digits(p, "timestamp", INT64_MAX);
        if (p->at < p->end) FAIL(p, "'%c' in a timestamp", *p->at);
    }
    parser_add_sample(p, &sample);
    parser_check_labels(p, &p->samples[p->page.n_samples - 1]);
}

static parser_type parse_type(parser *p)
{
    const char *text = parser_keep_text(p, p->at, p->end);
    for (parser_type type = PARSER_COUNTER; type <= PARSER_UNTYPED; type++) {
        if (strcmp(parser_type_name(p, type), text) == 0) return type;
    }
    FAIL(p, "unknown type '%s'", text);
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
        } else if (parser_take_text(p, "# HELP ")) {
            if (help_name) FAIL(p, "HELP of '%s' is not followed by its TYPE", help_name);
            help_name = parser_read_name(p, "metric name", true);
            parser_expect(p, ' ', "after the name in HELP");
            help = parser_read_help(p, false);
        } else if (parser_take_text(p, "# TYPE ")) {
            char *name = parser_read_name(p, "metric name", true);
            if (help_name && strcmp(help_name, name) != 0) {
                FAIL(p, "TYPE of '%s' behind HELP of '%s'", name, help_name);
            }
            parser_expect(p, ' ', "after the name in TYPE");
            parser_family family = {.name = name, .full_name = name, .help = help, .type = parse_type(p)};
            parser_add_family(p, &family);
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

parser_page *parser_parse(const char *bytes, size_t len) { return parser_run(bytes, len, false, parse_lines); }

parser_page *parser_parse_ok(const char *bytes, size_t len)
{
    return parser_assert_ok(parser_parse(bytes, len), bytes, len);
}
