#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "support/cprom_test.h"
#include "parser.h"
#include "support/promtool.h"

/* A page as a literal, NUL bytes included. */
#define PAGE(text) text, sizeof(text) - 1

#define G "# TYPE g gauge\n"
#define H "# TYPE h histogram\n"
#define S "# TYPE s summary\n"

typedef struct good_page {
    const char *name;
    const char *text;
    size_t len;
    size_t families, samples;
} good_page;

static const good_page good_pages[] = {
    {"empty page", PAGE(""), 0, 0},
    {"one gauge", PAGE(G "g 1\n"), 1, 1},
    {"help and type", PAGE("# HELP g Help, with \"quotes\" and \ttab.\n" G "g 1\n"), 1, 1},
    {"help that is empty", PAGE("# HELP g \n" G "g 1\n"), 1, 1},
    {"help with escapes", PAGE("# HELP g a\\\\b\\nc\n" G "g 1\n"), 1, 1},
    {"all types",
     PAGE("# TYPE a counter\na 1\n# TYPE b gauge\nb 1\n# TYPE c untyped\nc 1\n# TYPE d summary\nd_sum 1\nd_count 1\n"
          "# TYPE e histogram\ne_bucket{le=\"+Inf\"} 1\ne_sum 1\ne_count 1\n"),
     5, 8},
    {"colons in a name", PAGE("# TYPE :a:b untyped\n:a:b 1\n"), 1, 1},
    {"raw bytes in a label value", PAGE(G "g{a=\"\t\r{},=# \xc3\xa4\xf0\x9f\x98\x80\"} 1\n"), 1, 1},
    {"escapes in a label value", PAGE(G "g{a=\"\\\\\\n\\\"\"} 1\n"), 1, 1},
    {"a timestamp", PAGE(G "g 1 0\n"), 1, 1},
    {"the largest timestamp", PAGE(G "g 1 9223372036854775807\n"), 1, 1},
    {"a value after its prefix", PAGE(G "g{a=\"x\"} 1\ng{a=\"x!\"} 1\n"), 1, 2},
    {"order of unescaped values",
     PAGE(G "g{a=\"\"} 1\ng{a=\"\\n\"} 1\ng{a=\"!\"} 1\ng{a=\"\\\"\"} 1\ng{a=\"\\\\\"} 1\n"
            "g{a=\"x\"} 1\ng{a=\"\x7f\"} 1\ng{a=\"\xc2\x80\"} 1\n"),
     1, 8},
    {"order by the second label", PAGE(G "g{a=\"1\",b=\"1\"} 1\ng{a=\"1\",b=\"2\"} 1\ng{a=\"2\",b=\"1\"} 1\n"), 1, 3},
    {"fewer labels first", PAGE(G "g 1\ng{b=\"1\"} 1\ng{a=\"1\",b=\"1\"} 1\n"), 1, 3},
    {"other labels, same values", PAGE(G "g{a=\"1\"} 1\ng{b=\"1\"} 1\n"), 1, 2},
    {"states by series", PAGE(G "g{g=\"a\",x=\"1\"} 1\ng{g=\"b\",x=\"1\"} 0\ng{g=\"a\",x=\"2\"} 1\ng{g=\"b\",x=\"2\"} 0\n"), 1,
     4},
    {"states by series, between labels",
     PAGE(G "g{a=\"1\",g=\"a\",x=\"1\"} 1\ng{a=\"1\",g=\"b\",x=\"1\"} 0\ng{a=\"1\",g=\"a\",x=\"2\"} 1\n"), 1, 3},
    {"a label of the family's name", PAGE(G "g{g=\"a\",x=\"1\"} 1\ng{g=\"a\",x=\"2\"} 1\ng{g=\"b\",x=\"1\"} 1\n"), 1, 3},
    {"an empty label", PAGE(G "g{a=\"\"} 1\ng{a=\"1\"} 1\n"), 1, 2},
    {"le on a gauge is a label", PAGE(G "g{le=\"b\",z=\"a\"} 1\n"), 1, 1},
    {"quantile on a histogram is a label",
     PAGE(H "h_bucket{quantile=\"x\",le=\"+Inf\"} 0\nh_sum{quantile=\"x\"} 0\nh_count{quantile=\"x\"} 0\n"), 1, 3},
    {"le behind a larger name", PAGE(H "h_bucket{z=\"x\",le=\"+Inf\"} 0\nh_sum{z=\"x\"} 0\nh_count{z=\"x\"} 0\n"), 1,
     3},
    {"two histograms",
     PAGE(H "h_bucket{a=\"1\",le=\"-1\"} 0\nh_bucket{a=\"1\",le=\"0.5\"} 1\nh_bucket{a=\"1\",le=\"1e+06\"} 1\n"
            "h_bucket{a=\"1\",le=\"+Inf\"} 2\nh_sum{a=\"1\"} NaN\nh_count{a=\"1\"} 2\n"
            "h_bucket{a=\"2\",le=\"+Inf\"} 0\nh_sum{a=\"2\"} 0\nh_count{a=\"2\"} 0\n"),
     1, 9},
    {"summary with quantiles",
     PAGE(S "s{quantile=\"0\"} NaN\ns{quantile=\"0.5\"} 1\ns{quantile=\"1\"} 2\ns_sum 3\ns_count 2\n"), 1, 5},
    {"timestamps on all lines of a series", PAGE(S "s_sum 3 5\ns_count 2 5\n"), 1, 2},
    {"large counts are floats", PAGE(S "s_sum 3\ns_count 1.234567e+06\n"), 1, 2},
    {"summary beside x_bucket", PAGE(S "s_sum 3\ns_count 2\n# TYPE s_bucket gauge\ns_bucket 1\n"), 2, 3},
    {"gauge beside x_count", PAGE("# TYPE g gauge\ng 1\n# TYPE g_count gauge\ng_count 1\n"), 2, 2},
};

typedef struct bad_page {
    const char *name;
    const char *text;
    size_t len;
    const char *error; /* with which the message begins */
} bad_page;

static const bad_page bad_pages[] = {
    /* lines */
    {"no LF at the end", PAGE(G "g 1"), "line 2: the last byte is not LF"},
    {"blank line", PAGE(G "g 1\n\n"), "line 3: a blank line"},
    {"blank line first", PAGE("\n" G "g 1\n"), "line 1: a blank line"},
    {"CRLF", PAGE(G "g 1\r\n"), "line 2: value is not a number"},
    {"comment", PAGE("# hello\n" G "g 1\n"), "line 1: a comment"},
    {"comment, empty", PAGE("#\n" G "g 1\n"), "line 1: a comment"},
    {"EOF of OpenMetrics", PAGE(G "g 1\n# EOF\n"), "line 3: a comment"},
    {"UNIT of OpenMetrics", PAGE(G "# UNIT g \ng 1\n"), "line 2: family 'g' has no samples"},
    {"lower case TYPE", PAGE("# type g gauge\ng 1\n"), "line 1: a comment"},
    {"two spaces in TYPE", PAGE("# TYPE  g gauge\ng 1\n"), "line 1: expected a metric name"},
    {"two spaces before the type", PAGE("# TYPE g  gauge\ng 1\n"), "line 1: unknown type ' gauge'"},
    {"a space after the type", PAGE("# TYPE g gauge \ng 1\n"), "line 1: unknown type 'gauge '"},
    {"space before a sample", PAGE(G " g 1\n"), "line 2: expected a metric name"},
    {"NUL byte", PAGE(G "g{a=\"\0\"} 1\n"), "line 2: a NUL byte"},
    {"UTF-8, lone continuation", PAGE("# HELP g \x80\n" G "g 1\n"), "line 1: not UTF-8"},
    {"UTF-8, cut short", PAGE(G "g{a=\"\xc3\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, cut short at the end", PAGE(G "g 1\n\xe2\x82"), "line 3: not UTF-8"},
    {"UTF-8, overlong in two", PAGE(G "g{a=\"\xc0\x80\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, overlong in three", PAGE(G "g{a=\"\xe0\x9f\xbf\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, overlong in four", PAGE(G "g{a=\"\xf0\x8f\xbf\xbf\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, surrogate", PAGE(G "g{a=\"\xed\xa0\x80\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, over 10FFFF", PAGE(G "g{a=\"\xf4\x90\x80\x80\"} 1\n"), "line 2: not UTF-8"},
    {"UTF-8, byte FF", PAGE(G "g{a=\"\xff\"} 1\n"), "line 2: not UTF-8"},

    /* families */
    {"no TYPE", PAGE("g 1\n"), "line 1: sample 'g' before any TYPE"},
    {"HELP without TYPE", PAGE("# HELP g x\ng 1\n"), "line 2: HELP of 'g' is not followed by its TYPE"},
    {"HELP at the end", PAGE("# HELP g x\n"), "line 1: HELP of 'g' is not followed by its TYPE"},
    {"HELP twice", PAGE("# HELP g x\n# HELP g x\n" G "g 1\n"), "line 2: HELP of 'g' is not followed by its TYPE"},
    {"HELP of another", PAGE("# HELP f x\n" G "g 1\n"), "line 2: TYPE of 'g' behind HELP of 'f'"},
    {"HELP after TYPE", PAGE(G "# HELP g x\ng 1\n"), "line 2: family 'g' has no samples"},
    {"HELP after samples", PAGE(G "g 1\n# HELP g x\n"), "line 3: HELP of 'g' is not followed by its TYPE"},
    {"HELP without space", PAGE("# HELP g\n" G "g 1\n"), "line 1: expected ' ' after the name in HELP"},
    {"HELP, wrong escape", PAGE("# HELP g \\t\n" G "g 1\n"), "line 1: wrong escape '\\t' in HELP"},
    {"HELP, escaped quote", PAGE("# HELP g \\\"\n" G "g 1\n"), "line 1: wrong escape '\\\"' in HELP"},
    {"HELP, backslash at the end", PAGE("# HELP g a\\\n" G "g 1\n"), "line 1: wrong escape"},
    {"unknown type", PAGE("# TYPE g info\ng 1\n"), "line 1: unknown type 'info'"},
    {"gauge histogram", PAGE("# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 1\n"),
     "line 1: unknown type 'gaugehistogram'"},
    {"_gsum of OpenMetrics", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_gsum 1\nh_gcount 1\n"),
     "line 3: sample 'h_gsum' does not belong"},
    {"type of OpenMetrics", PAGE("# TYPE g unknown\ng 1\n"), "line 1: unknown type 'unknown'"},
    {"upper case type", PAGE("# TYPE g Gauge\ng 1\n"), "line 1: unknown type 'Gauge'"},
    {"no type", PAGE("# TYPE g \ng 1\n"), "line 1: unknown type ''"},
    {"TYPE, name only", PAGE("# TYPE g\ng 1\n"), "line 1: expected ' ' after the name in TYPE"},
    {"no samples", PAGE(G), "line 1: family 'g' has no samples"},
    {"no samples before another", PAGE(G "# TYPE h gauge\nh 1\n"), "line 2: family 'g' has no samples"},
    {"family twice in a row", PAGE(G "g 1\n" G "g{a=\"1\"} 1\n"), "line 3: family 'g' stands twice"},
    {"family twice, apart", PAGE("# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\na{a=\"1\"} 1\n"),
     "line 5: family 'a' stands twice"},
    {"families not sorted", PAGE("# TYPE b gauge\nb 1\n# TYPE a gauge\na 1\n"), "line 3: family 'a' stands after 'b'"},
    {"families sorted without case", PAGE("# TYPE a gauge\na 1\n# TYPE B gauge\nB 1\n"),
     "line 3: family 'B' stands after 'a'"},
    {"name begins with a digit", PAGE("# TYPE 1g gauge\n1g 1\n"), "line 1: expected a metric name"},
    {"name with a dash", PAGE("# TYPE a-b gauge\na-b 1\n"), "line 1: expected ' ' after the name in TYPE"},
    {"name beyond ASCII", PAGE("# TYPE \xc3\xa4 gauge\n\xc3\xa4 1\n"), "line 1: expected a metric name"},
    {"histogram beside x_count",
     PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n# TYPE h_count gauge\nh_count 1\n"),
     "line 5: family 'h_count' collides with 'h'"},
    {"histogram beside x_bucket",
     PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n# TYPE h_bucket gauge\nh_bucket 1\n"),
     "line 5: family 'h_bucket' collides with 'h'"},
    {"summary beside x_sum", PAGE(S "s_sum 0\ns_count 0\n# TYPE s_sum gauge\ns_sum 1\n"),
     "line 4: family 's_sum' collides with 's'"},

    /* samples */
    {"sample of another family", PAGE(G "f 1\n"), "line 2: sample 'f' does not belong to gauge 'g'"},
    {"gauge with _sum", PAGE(G "g_sum 1\n"), "line 2: sample 'g_sum' does not belong to gauge 'g'"},
    {"counter with _total added", PAGE("# TYPE c counter\nc_total 1\n"), "line 2: sample 'c_total' does not belong"},
    {"counter with _created", PAGE("# TYPE c_total counter\nc_total 1\nc_created 1\n"),
     "line 3: sample 'c_created' does not"},
    {"bare sample of a histogram", PAGE(H "h 1\n"), "line 2: sample 'h' does not belong to histogram 'h'"},
    {"bucket of a summary", PAGE(S "s_bucket{le=\"1\"} 1\n"),
     "line 2: sample 's_bucket' does not belong to summary 's'"},
    {"sample back of an earlier family", PAGE("# TYPE a gauge\na{x=\"1\"} 1\n# TYPE b gauge\nb 1\na{x=\"2\"} 1\n"),
     "line 5: sample 'a' does not belong to gauge 'b'"},
    {"no value", PAGE(G "g\n"), "line 2: expected ' ' before the value"},
    {"no value after a space", PAGE(G "g \n"), "line 2: value is not a number: ''"},
    {"two spaces before the value", PAGE(G "g  1\n"), "line 2: value is not a number: ''"},
    {"TAB before the value", PAGE(G "g\t1\n"), "line 2: expected ' ' before the value"},
    {"space at the end", PAGE(G "g 1 \n"), "line 2: a space at the end of the line"},
    {"exemplar", PAGE(G "g 1 # {a=\"b\"} 1\n"), "line 2: '#' in a timestamp"},
    {"negative timestamp", PAGE(G "g 1 -1\n"), "line 2: a negative timestamp"},
    {"fraction in a timestamp", PAGE(G "g 1 1.5\n"), "line 2: '.' in a timestamp"},
    {"timestamp with plus", PAGE(G "g 1 +1\n"), "line 2: '+' in a timestamp"},
    {"timestamp with a zero in front", PAGE(G "g 1 01\n"), "line 2: a timestamp with zeros"},
    {"timestamp too large", PAGE(G "g 1 9223372036854775808\n"), "line 2: timestamp out of range"},

    /* labels */
    {"empty braces", PAGE(G "g{} 1\n"), "line 2: expected a label name"},
    {"trailing comma", PAGE(G "g{a=\"1\",} 1\n"), "line 2: expected a label name"},
    {"leading comma", PAGE(G "g{,a=\"1\"} 1\n"), "line 2: expected a label name"},
    {"space before the braces", PAGE(G "g {a=\"1\"} 1\n"), "line 2: value is not a number"},
    {"space after the brace", PAGE(G "g{ a=\"1\"} 1\n"), "line 2: expected a label name"},
    {"space before the closing brace", PAGE(G "g{a=\"1\" } 1\n"), "line 2: expected '}' after the labels"},
    {"space after a comma", PAGE(G "g{a=\"1\", b=\"2\"} 1\n"), "line 2: expected a label name"},
    {"space after =", PAGE(G "g{a= \"1\"} 1\n"), "line 2: expected '\"' before a label value"},
    {"space before =", PAGE(G "g{a =\"1\"} 1\n"), "line 2: expected '=' after a label name"},
    {"no space after the braces", PAGE(G "g{a=\"1\"}1\n"), "line 2: expected ' ' before the value"},
    {"no quotes", PAGE(G "g{a=1} 1\n"), "line 2: expected '\"' before a label value"},
    {"no closing quote", PAGE(G "g{a=\"1} 1\n"), "line 2: expected '\"' after a label value"},
    {"no closing brace", PAGE(G "g{a=\"1\" 1\n"), "line 2: expected '}' after the labels"},
    {"raw LF in a value", PAGE(G "g{a=\"1\n2\"} 1\n"), "line 2: expected '\"' after a label value"},
    {"wrong escape", PAGE(G "g{a=\"\\t\"} 1\n"), "line 2: wrong escape '\\t' in a label value"},
    {"backslash at the end", PAGE(G "g{a=\"\\\n"), "line 2: wrong escape"},
    {"colon in a label name", PAGE(G "g{a:b=\"1\"} 1\n"), "line 2: expected '=' after a label name"},
    {"label name begins with a digit", PAGE(G "g{1a=\"1\"} 1\n"), "line 2: expected a label name"},
    {"label name with __", PAGE(G "g{__a=\"1\"} 1\n"), "line 2: label name '__a' begins with __"},
    {"label twice", PAGE(G "g{a=\"1\",a=\"2\"} 1\n"), "line 2: label 'a' stands twice"},
    {"label twice, apart", PAGE(G "g{a=\"1\",b=\"1\",a=\"2\"} 1\n"), "line 2: label 'a' stands twice"},
    {"labels not sorted", PAGE(G "g{b=\"1\",a=\"2\"} 1\n"), "line 2: label 'a' stands after 'b'"},
    {"le not last", PAGE(H "h_bucket{le=\"+Inf\",z=\"1\"} 1\n"), "line 2: the last label is not 'le'"},
    {"bucket without le", PAGE(H "h_bucket 1\n"), "line 2: the last label is not 'le'"},
    {"labels before le not sorted", PAGE(H "h_bucket{z=\"1\",a=\"1\",le=\"+Inf\"} 1\n"),
     "line 2: label 'a' stands after 'z'"},
    {"le on _sum", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum{le=\"+Inf\"} 1\n"), "line 3: label 'le' does not belong"},
    {"quantile on _count", PAGE(S "s_sum 1\ns_count{quantile=\"1\"} 1\n"), "line 3: label 'quantile' does not belong"},
    {"summary sample without quantile", PAGE(S "s 1\n"), "line 2: the last label is not 'quantile'"},

    /* order and duplicates */
    {"series not sorted", PAGE(G "g{a=\"2\"} 1\ng{a=\"1\"} 1\n"), "line 3: series 'g{a=\"1\"}' stands after"},
    {"series sorted by rendered text", PAGE(G "g{a=\"x!\"} 1\ng{a=\"x\"} 1\n"),
     "line 3: series 'g{a=\"x\"}' stands after"},
    {"series sorted by escaped text", PAGE(G "g{a=\"!\"} 1\ng{a=\"\\n\"} 1\n"), "line 3: series"},
    {"series sorted with signed bytes", PAGE(G "g{a=\"\xc2\x80\"} 1\ng{a=\"a\"} 1\n"),
     "line 3: series 'g{a=\"a\"}' stands"},
    {"series by the second label first", PAGE(G "g{a=\"2\",b=\"1\"} 1\ng{a=\"1\",b=\"2\"} 1\n"), "line 3: series"},
    {"states not sorted", PAGE(G "g{g=\"b\",x=\"1\"} 1\ng{g=\"a\",x=\"1\"} 1\n"), "line 3: series"},
    {"series with states not sorted", PAGE(G "g{g=\"a\",x=\"2\"} 1\ng{g=\"b\",x=\"2\"} 1\ng{g=\"a\",x=\"1\"} 1\n"),
     "line 4: series 'g{g=\"a\",x=\"1\"}' stands after"},
    {"series with states in pieces",
     PAGE(G "g{g=\"a\",x=\"1\"} 1\ng{g=\"a\",x=\"2\"} 1\ng{g=\"b\",x=\"1\"} 1\ng{g=\"a\",x=\"3\"} 1\n"),
     "line 4: series 'g{g=\"b\",x=\"1\"}' stands after"},
    {"a state twice", PAGE(G "g{g=\"a\",x=\"2\"} 1\ng{g=\"b\",x=\"2\"} 1\ng{g=\"a\",x=\"3\"} 1\ng{g=\"a\",x=\"3\"} 1\n"),
     "line 5: series 'g{g=\"a\",x=\"3\"}' stands twice"},
    {"another label not sorted", PAGE(G "g{h=\"a\",x=\"1\"} 1\ng{h=\"b\",x=\"1\"} 1\ng{h=\"a\",x=\"2\"} 1\n"),
     "line 4: series"},
    {"more labels first", PAGE(G "g{a=\"1\"} 1\ng 1\n"), "line 3: series 'g' stands after"},
    {"series twice", PAGE(G "g{a=\"1\"} 1\ng{a=\"1\"} 2\n"), "line 3: series 'g{a=\"1\"}' stands twice"},
    {"series twice, no labels", PAGE(G "g 1\ng 1\n"), "line 3: series 'g' stands twice"},
    {"series twice, other timestamp", PAGE(G "g 1 1\ng 1 2\n"), "line 3: series 'g' stands twice"},
    {"series twice, empty label", PAGE(G "g 1\ng{a=\"\"} 1\n"), "line 3: series 'g{a=\"\"}' stands twice"},
    {"series twice, empty label between", PAGE(G "g{c=\"1\"} 1\ng{a=\"\",c=\"0\"} 1\ng{b=\"\",c=\"1\"} 1\n"),
     "line 4: series 'g{b=\"\",c=\"1\"}' stands twice"},
    {"series twice, other empty label", PAGE(G "g{a=\"\"} 1\ng{b=\"\"} 1\n"),
     "line 3: series 'g{b=\"\"}' stands twice"},
    {"histogram twice",
     PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 5: series 'h_bucket{le=\"+Inf\"}' stands twice"},
    {"histograms not sorted",
     PAGE(H "h_bucket{a=\"2\",le=\"+Inf\"} 0\nh_sum{a=\"2\"} 0\nh_count{a=\"2\"} 0\n"
            "h_bucket{a=\"1\",le=\"+Inf\"} 0\nh_sum{a=\"1\"} 0\nh_count{a=\"1\"} 0\n"),
     "line 5: series 'h_bucket{a=\"1\",le=\"+Inf\"}' stands after"},

    /* histograms and summaries */
    {"no +Inf", PAGE(H "h_bucket{le=\"1\"} 0\nh_sum 0\nh_count 0\n"), "line 2: histogram 'h' without +Inf bucket"},
    {"no buckets", PAGE(H "h_sum 0\nh_count 0\n"), "line 2: histogram 'h' without +Inf bucket"},
    {"le does not ascend",
     PAGE(H "h_bucket{le=\"2\"} 0\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 3: le does not ascend"},
    {"le twice", PAGE(H "h_bucket{le=\"1\"} 0\nh_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 3: le does not ascend"},
    {"le sorted as text",
     PAGE(H "h_bucket{le=\"10\"} 0\nh_bucket{le=\"9\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 3: le does not ascend"},
    {"le of OpenMetrics", PAGE(H "h_bucket{le=\"1.0\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 2: le '1.0' should be printed as '1'"},
    {"le NaN", PAGE(H "h_bucket{le=\"NaN\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"), "line 2: le is NaN"},
    {"le not a number", PAGE(H "h_bucket{le=\"x\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0\nh_count 0\n"),
     "line 2: le is not a number"},
    {"buckets fall", PAGE(H "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 0\nh_count 1\n"),
     "line 3: buckets do not ascend"},
    {"bucket with a fraction", PAGE(H "h_bucket{le=\"+Inf\"} 0.5\nh_sum 0\nh_count 0.5\n"),
     "line 2: bucket '0.5' is not a"},
    {"negative bucket", PAGE(H "h_bucket{le=\"+Inf\"} -1\nh_sum 0\nh_count -1\n"),
     "line 2: bucket '-1' is not a count"},
    {"_count before _sum", PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_count 0\nh_sum 0\n"), "line 3: expected _sum"},
    {"no _sum", PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_count 0\n"), "line 3: expected _sum"},
    {"no _count", PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_sum 0\n"), "line 3: a series of 'h' ends without _count"},
    {"no _sum and _count", PAGE(H "h_bucket{le=\"+Inf\"} 0\n"), "line 2: a series of 'h' ends without _sum"},
    {"_sum of another series", PAGE(H "h_bucket{a=\"1\",le=\"+Inf\"} 0\nh_sum{a=\"2\"} 0\nh_count{a=\"1\"} 0\n"),
     "line 2: a series of 'h' ends without _sum"},
    {"count differs from +Inf", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum 0\nh_count 2\n"), "line 4: _count differs"},
    {"timestamps differ", PAGE(H "h_bucket{le=\"+Inf\"} 1 5\nh_sum 0 5\nh_count 1 6\n"), "line 4: timestamps differ"},
    {"timestamp on some lines", PAGE(H "h_bucket{le=\"+Inf\"} 1 5\nh_sum 0\nh_count 1 5\n"),
     "line 3: timestamps differ"},
    {"quantiles do not ascend", PAGE(S "s{quantile=\"0.9\"} 1\ns{quantile=\"0.5\"} 1\ns_sum 0\ns_count 0\n"),
     "line 3: quantile does not ascend"},
    {"quantile above 1", PAGE(S "s{quantile=\"1.5\"} 1\ns_sum 0\ns_count 0\n"), "line 2: quantile outside"},
    {"quantile not last", PAGE(S "s{quantile=\"0.5\",z=\"1\"} 1\ns_sum 0\ns_count 0\n"),
     "line 2: the last label is not"},
    {"quantile not the shortest", PAGE(S "s{quantile=\"0.50\"} 1\ns_sum 0\ns_count 0\n"),
     "line 2: quantile '0.50' should"},
    {"summary count with a fraction", PAGE(S "s_sum 0\ns_count 1.5\n"), "line 3: _count '1.5' is not a count"},
    {"quantiles after _sum", PAGE(S "s_sum 0\ns_count 0\ns{quantile=\"0.5\"} 1\n"),
     "line 4: a series of 's' ends without"},
};

static const struct {
    const char *text;
    const char *expected; /* NULL: not a number at all */
} bad_numbers[] = {
    {"-0", "0"},
    {"+1", "1"},
    {"1.0", "1"},
    {"1.", "1"},
    {".5", "0.5"},
    {"00", "0"},
    {"01", "1"},
    {"1e0", "1"},
    {"1e5", "100000"},
    {"1000000", "1e+06"},
    {"1e6", "1e+06"},
    {"1e06", "1e+06"},
    {"1e+6", "1e+06"},
    {"1e+006", "1e+06"},
    {"1.0e+06", "1e+06"},
    {"10e+05", "1e+06"},
    {"1234567", "1.234567e+06"},
    {"0.00001", "1e-05"},
    {"1e-5", "1e-05"},
    {"1e-04", "0.0001"},
    {"0.10", "0.1"},
    {"0.10000000000000001", "0.1"},
    {"0.3000000000000000444", "0.30000000000000004"},
    {"123456.70", "123456.7"},
    {"1.7560473e6", "1.7560473e+06"},
    {"1756047.3", "1.7560473e+06"},
    {"9007199254740991", "9.007199254740991e+15"},
    {"1.7976931348623158e+308", "1.7976931348623157e+308"},
    {"4.9e-324", "5e-324"},
    {"5.6843418860808015e-14", "5.684341886080802e-14"},
    {"1e-400", "0"},
    {"1e+400", NULL},
    {"nan", NULL},
    {"-NaN", NULL},
    {"inf", NULL},
    {"Inf", NULL},
    {"+inf", NULL},
    {"Infinity", NULL},
    {"0x10", NULL},
    {"1,5", NULL},
    {"1e", NULL},
    {"e5", NULL},
    {"--1", NULL},
    {"1_000", NULL},
    {"1E+06", NULL},
};

static void test_parse_good_page_is_accepted(void **state)
{
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(good_pages); i++) {
        const good_page *page = &good_pages[i];
        parser_page *parsed = parser_parse(page->text, page->len);
        if (parsed->error) {
            print_error("%s: %s\n", page->name, parsed->error);
            wrong++;
        } else if (parsed->n_families != page->families || parsed->n_samples != page->samples) {
            print_error("%s: %zu families, %zu samples\n", page->name, parsed->n_families, parsed->n_samples);
            wrong++;
        }
        parser_free(parsed);
    }
    assert_int_equal(wrong, 0);
}

static void test_parse_bad_page_is_refused_with_reason(void **state)
{
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(bad_pages); i++) {
        const bad_page *page = &bad_pages[i];
        parser_page *parsed = parser_parse(page->text, page->len);
        if (!parsed->error || strncmp(parsed->error, page->error, strlen(page->error)) != 0) {
            print_error("%s\n  expected %s\n  got      %s\n", page->name, page->error,
                        parsed->error ? parsed->error : "no error");
            wrong++;
        }
        if (parsed->error && (parsed->n_samples || parsed->n_families || parser_find(parsed, "g"))) {
            print_error("%s: an error, and something on the page\n", page->name);
            wrong++;
        }
        parser_free(parsed);
    }
    assert_int_equal(wrong, 0);
}

static void test_parse_number_not_canonical_is_refused(void **state)
{
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(bad_numbers); i++) {
        char text[128], error[128];
        snprintf(text, sizeof text, G "g %s\n", bad_numbers[i].text);
        if (bad_numbers[i].expected) {
            snprintf(error, sizeof error, "line 2: value '%s' should be printed as '%s'", bad_numbers[i].text,
                     bad_numbers[i].expected);
        } else {
            snprintf(error, sizeof error, "line 2: value is ");
        }
        parser_page *parsed = parser_parse(text, strlen(text));
        if (!parsed->error || strncmp(parsed->error, error, strlen(error)) != 0) {
            print_error("expected %s\ngot      %s\n", error, parsed->error ? parsed->error : "no error");
            wrong++;
        }
        parser_free(parsed);
    }
    assert_int_equal(wrong, 0);
}

/* Every row of the table as a value: accepted, with the same bits; and its number is printed as in the table. */
static void check_floats(void)
{
    FILE *file = fopen(CPROM_TEST_DATA "/floats.tsv", "r");
    assert_non_null(file);
    size_t rows = 0, wrong = 0;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *tab = strchr(line, '\t'), *end = tab ? strchr(tab + 1, '\t') : NULL;
        assert_non_null(end);
        *tab = *end = '\0';
        const char *number = tab + 1;
        uint64_t bits = strtoull(line, NULL, 16);
        double value;
        memcpy(&value, &bits, sizeof value);
        rows++;

        char page[128], out[PARSER_NUMBER_MAX];
        snprintf(page, sizeof page, G "g %s\n", number);
        parser_page *parsed = parser_parse(page, strlen(page));
        if (parsed->error) {
            print_error("%s: %s\n", line, parsed->error);
            wrong++;
        } else {
            double got = parser_value(parsed, "g");
            uint64_t got_bits;
            memcpy(&got_bits, &got, sizeof got);
            if (isnan(value) ? !isnan(got) : value == 0 ? got != 0 : got_bits != bits) wrong++;
        }
        parser_free(parsed);
        if (strcmp(parser_number(value, out), number) != 0) {
            print_error("%s: %s, in the table %s\n", line, out, number);
            wrong++;
        }
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    assert_int_equal(rows, 3000);
}

static void test_parse_floats_table_is_accepted(void **state) { check_floats(); }

static void test_parse_comma_locale_makes_no_difference(void **state)
{
    if (!ct_comma_locale()) {
        print_message("SKIPPED %s: no locale with a decimal comma\n", __func__);
        skip();
    }
    char text[16];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
    check_floats();
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5"); /* and the parser has left the locale as it was */
    setlocale(LC_ALL, "C");
}

static void test_number_power_of_two_is_shortest(void **state)
{
    char out[PARSER_NUMBER_MAX];
    assert_string_equal(parser_number(ldexp(1, -44), out), "5.684341886080802e-14");
    assert_string_equal(parser_number(-ldexp(1, -44), out), "-5.684341886080802e-14");
    assert_string_equal(parser_number(-0.0, out), "0");
    assert_string_equal(parser_number(999999, out), "999999");
    assert_string_equal(parser_number(1e6, out), "1e+06");
    assert_string_equal(parser_number(0.0001, out), "0.0001");
    assert_string_equal(parser_number(100000, out), "100000");
    assert_string_equal(parser_number(-0.00125, out), "-0.00125");
}

static void test_parse_page_tells_what_is_on_it(void **state)
{
    static const char text[] = "# HELP a_total Back\\\\slash, \"quote\",\\nline.\n"
                               "# TYPE a_total counter\n"
                               "a_total{p=\"x\\\\\\\"\\n\",q=\"\"} 12.5 1700000000123\n"
                               "# TYPE h histogram\n"
                               "h_bucket{le=\"0.1\"} 1\n"
                               "h_bucket{le=\"+Inf\"} 2\n"
                               "h_sum -Inf\n"
                               "h_count 2\n";
    parser_page *page = parser_parse_ok(text, sizeof text - 1);
    assert_int_equal(page->n_families, 2);
    assert_int_equal(page->n_samples, 5);

    const parser_family *a = &page->families[0], *h = &page->families[1];
    assert_string_equal(a->name, "a_total");
    assert_string_equal(a->help, "Back\\slash, \"quote\",\nline.");
    assert_int_equal(a->type, PARSER_COUNTER);
    assert_int_equal(a->line, 2);
    assert_null(h->help);
    assert_int_equal(h->type, PARSER_HISTOGRAM);
    assert_int_equal(h->first_sample, 1);
    assert_int_equal(h->n_samples, 4);
    assert_ptr_equal(parser_family_find(page, "h"), h);
    assert_null(parser_family_find(page, "h_sum"));

    const parser_sample *sample = parser_find(page, "a_total{p=\"x\\\\\\\"\\n\",q=\"\"}");
    assert_ptr_equal(sample, &page->samples[0]);
    assert_string_equal(sample->name, "a_total");
    assert_int_equal(sample->n_labels, 2);
    assert_string_equal(sample->labels[0].name, "p");
    assert_string_equal(sample->labels[0].value, "x\\\"\n");
    assert_string_equal(parser_label_value(sample, "q"), "");
    assert_null(parser_label_value(sample, "r"));
    assert_true(sample->value == 12.5);
    assert_string_equal(sample->value_text, "12.5");
    assert_true(sample->has_timestamp);
    assert_int_equal(sample->timestamp, 1700000000123);
    assert_int_equal(sample->line, 3);
    assert_int_equal(sample->family, 0);

    assert_true(isinf(parser_value(page, "h_sum")));
    assert_true(parser_value(page, "h_bucket{le=\"+Inf\"}") == 2);
    assert_false(parser_find(page, "h_count")->has_timestamp);
    assert_null(parser_find(page, "h"));
    assert_int_equal(parser_count(page, NULL), 5);
    assert_int_equal(parser_count(page, "h"), 4);
    assert_int_equal(parser_count(page, "x"), 0);
    parser_free(page);
}

static void test_parse_large_page_finds_every_sample(void **state)
{
    enum {
        N = 20000
    };
    char *text = malloc(N * 64);
    size_t len = (size_t)sprintf(text, "# TYPE g gauge\n");
    for (int i = 0; i < N; i++) len += (size_t)sprintf(text + len, "g{a=\"%06d\"} %d\n", i, i);
    parser_page *page = parser_parse_ok(text, len);
    assert_int_equal(page->n_samples, N);
    for (int i = 0; i < N; i++) {
        char key[32];
        sprintf(key, "g{a=\"%06d\"}", i);
        assert_true(parser_value(page, key) == i);
    }
    parser_free(page);
    free(text);
}

static void test_parse_every_cut_of_a_page_is_refused(void **state)
{
    static const char text[] = "# HELP a Help.\n# TYPE a gauge\na{x=\"1\"} 1\n# TYPE h histogram\n"
                               "h_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n";
    size_t whole = 0;
    for (size_t len = 0; len < sizeof text; len++) {
        char *exact = malloc(len + !len); /* so that sanitizers see a read behind it */
        assert_non_null(exact);
        memcpy(exact, text, len);
        parser_page *page = parser_parse(exact, len);
        whole += !page->error;
        parser_free(page);
        free(exact);
    }
    assert_int_equal(whole, 3); /* nothing, the first family, all */
}

static void test_promtool_agrees_with_parser(void **state)
{
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(good_pages); i++) {
        char *output;
        if (promtool_check_metrics(good_pages[i].text, good_pages[i].len, &output) == 1) {
            print_error("%s: promtool says\n%s", good_pages[i].name, output);
            wrong++;
        }
        free(output);
    }
    assert_int_equal(wrong, 0);

    static const char clean[] = "# HELP a_total A help text.\n# TYPE a_total counter\na_total 1\n";
    promtool_assert_clean(clean, sizeof clean - 1);
    assert_int_equal(promtool_check_metrics(PAGE(G "g 1\n"), NULL), 3);
    assert_int_equal(promtool_check_metrics(PAGE("g{\n"), NULL), 1);
}

int group_parser(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_good_page_is_accepted),
        cmocka_unit_test(test_parse_bad_page_is_refused_with_reason),
        cmocka_unit_test(test_parse_number_not_canonical_is_refused),
        cmocka_unit_test(test_parse_floats_table_is_accepted),
        cmocka_unit_test(test_parse_comma_locale_makes_no_difference),
        cmocka_unit_test(test_number_power_of_two_is_shortest),
        cmocka_unit_test(test_parse_page_tells_what_is_on_it),
        cmocka_unit_test(test_parse_large_page_finds_every_sample),
        cmocka_unit_test(test_parse_every_cut_of_a_page_is_refused),
        cmocka_unit_test(test_promtool_agrees_with_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
