/*
 * Strict parsers of the text exposition format 0.0.4 and of OpenMetrics 1.0. They accept what cprom may print and
 * nothing else: order of families and series, number text, escapes and the shape of histograms are part of the format
 * here. They know nothing of the library. Work under any locale. MT-safe.
 */
#ifndef CPROM_TESTS_PARSER_H
#define CPROM_TESTS_PARSER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum parser_type {
    PARSER_COUNTER,
    PARSER_GAUGE,
    PARSER_HISTOGRAM,
    PARSER_SUMMARY,
    PARSER_UNTYPED, /* OpenMetrics: unknown */
    PARSER_INFO,    /* this and the next on OpenMetrics pages only: elsewhere they are gauges */
    PARSER_STATESET,
    PARSER_GAUGE_HISTOGRAM /* likewise: elsewhere it is a histogram */
} parser_type;

typedef struct parser_label {
    const char *name;
    const char *value; /* unescaped */
} parser_label;

typedef struct parser_exemplar {
    const parser_label *labels; /* in their order on the page */
    size_t n_labels;
    double value;
    bool has_timestamp;
    int64_t timestamp; /* milliseconds */
} parser_exemplar;

typedef struct parser_sample {
    const char *key;    /* the line up to the value: name{a="b",c="d"}, escaped as on the page */
    const char *name;   /* with the suffix */
    const char *suffix; /* what stands behind the family's name: _bucket, _total, _created ..., or nothing */
    const parser_label *labels;
    size_t n_labels;
    const parser_label *own; /* the label that belongs to the line, not to the series: le, quantile, state; or NULL */
    double value;
    const char *value_text;
    bool has_timestamp;
    int64_t timestamp; /* milliseconds */
    size_t family;     /* index in families */
    const parser_exemplar *exemplar; /* NULL: none */
    size_t line;       /* from 1 */
} parser_sample;

typedef struct parser_family {
    const char *name;      /* as in its TYPE line */
    const char *full_name; /* as text 0.0.4 has it: with _total, _info; families are sorted by it */
    const char *help;      /* unescaped; NULL: no HELP line */
    const char *unit;      /* NULL: no UNIT line */
    parser_type type;
    size_t first_sample; /* index in samples */
    size_t n_samples;
    size_t line; /* of the TYPE */
} parser_family;

/* Families and samples in order of appearance. All strings live as long as the page. */
typedef struct parser_page {
    const char *error; /* "line 3: ...", or NULL: then the rest is set */
    const parser_family *families;
    size_t n_families;
    const parser_sample *samples;
    size_t n_samples;
} parser_page;

/* Parses a whole page. Never NULL; look at ->error. Free with parser_free(). */
parser_page *parser_parse(const char *bytes, size_t len);
void parser_free(parser_page *page);

/* The same, and fails the running cmocka test if the page is not right. */
parser_page *parser_parse_ok(const char *bytes, size_t len);

/* The same for OpenMetrics. */
parser_page *parser_parse_openmetrics(const char *bytes, size_t len);
parser_page *parser_parse_openmetrics_ok(const char *bytes, size_t len);

/*
 * Whether both pages say the same: families with their help and type, series, samples and values in the same order,
 * as far as each format can tell them (`_created` and exemplars are on the second only, as is the difference between
 * counters without _total, info, statesets, gauge histograms and what text 0.0.4 makes of them). `why` says what differs.
 */
#define PARSER_WHY_MAX 1024
bool parser_is_same(const parser_page *text, const parser_page *openmetrics, char why[PARSER_WHY_MAX]);
/* Fails the running test if not. */
void parser_assert_same(const parser_page *text, const parser_page *openmetrics);

/* The sample with this key, or NULL. The key is the text on the page: labels in its order, escaped. */
const parser_sample *parser_find(const parser_page *page, const char *key);
/* Its value; fails the running test if there is none. */
double parser_value(const parser_page *page, const char *key);

/* The family of that name, as in TYPE or in full, or NULL. */
const parser_family *parser_family_find(const parser_page *page, const char *name);
/* How many samples the family has: 0 if it is not on the page. NULL: the whole page. */
size_t parser_count(const parser_page *page, const char *family);
/* The value of one label of a sample, unescaped, or NULL. */
const char *parser_label_value(const parser_sample *sample, const char *name);

/* The text that text 0.0.4 and OpenMetrics want for a number. Returns `out`. */
#define PARSER_NUMBER_MAX 64
char *parser_number(double value, char out[PARSER_NUMBER_MAX]);
char *parser_number_openmetrics(double value, char out[PARSER_NUMBER_MAX]);

#endif
