#include "support/cprom_test.h"

#include <math.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parser.h"

/* A page as a literal, NUL bytes included; with its last line, and without. */
#define RAW(text) text, sizeof(text) - 1
#define PAGE(text) RAW(text "# EOF\n")

#define C "# TYPE c counter\n"
#define G "# TYPE g gauge\n"
#define H "# TYPE h histogram\n"
#define S "# TYPE s summary\n"
#define I "# TYPE i info\n"
#define T "# TYPE t stateset\n"
#define GH "# TYPE gh gaugehistogram\n"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

typedef struct good_page {
    const char *name;
    const char *text;
    size_t len;
    size_t families, samples;
} good_page;

static const good_page good_pages[] = {
    {"empty page", PAGE(""), 0, 0},
    {"one gauge", PAGE(G "g 1.0\n"), 1, 1},
    {"help, type, unit", PAGE("# HELP g_x Help.\n# TYPE g_x gauge\n# UNIT g_x x\ng_x 1.0\n"), 1, 1},
    {"type and unit", PAGE("# TYPE g_x gauge\n# UNIT g_x x\ng_x 1.0\n"), 1, 1},
    {"unit of two words", PAGE("# TYPE a_b_c gauge\n# UNIT a_b_c b_c\na_b_c 1.0\n"), 1, 1},
    {"unit of a counter", PAGE("# TYPE a_s counter\n# UNIT a_s s\na_s_total 1.0\n"), 1, 1},
    {"help with all escapes", PAGE("# HELP g a\\\\b\\nc\\\"d \t\xc3\xa4\n" G "g 1.0\n"), 1, 1},
    {"help that is empty", PAGE("# HELP g \n" G "g 1.0\n"), 1, 1},
    {"all types",
     PAGE("# TYPE a counter\na_total 1.0\n# TYPE b gauge\nb 1.0\n# TYPE c unknown\nc 1.0\n# TYPE d summary\nd_sum 1.0\n"
          "d_count 1\n# TYPE e histogram\ne_bucket{le=\"+Inf\"} 1\ne_sum 1.0\ne_count 1\n# TYPE f info\nf_info 1\n"
          "# TYPE g stateset\ng{g=\"a\"} 1\n"
          "# TYPE h gaugehistogram\nh_bucket{le=\"+Inf\"} 1\nh_gsum 1.0\nh_gcount 1\n"),
     8, 13},
    {"colons in a name", PAGE("# TYPE :a:b unknown\n:a:b 1.0\n"), 1, 1},
    {"escapes and raw bytes in a label value", PAGE(G "g{a=\"\\\\\\n\\\"\t\r{},=# \xf0\x9f\x98\x80\"} 1.0\n"), 1, 1},
    {"numbers with an exponent", PAGE(G "g{a=\"1\"} 1e+06\ng{a=\"2\"} 1.234567e+06\ng{a=\"3\"} 1e-05\n"), 1, 3},
    {"numbers that are not finite", PAGE(G "g{a=\"1\"} NaN\ng{a=\"2\"} +Inf\ng{a=\"3\"} -Inf\n"), 1, 3},
    {"numbers with .0", PAGE(G "g{a=\"1\"} 0.0\ng{a=\"2\"} -1.0\ng{a=\"3\"} 999999.0\ng{a=\"4\"} 100.0\n"), 1, 4},
    {"a timestamp", PAGE(G "g 1.0 1700000000.123\n"), 1, 1},
    {"timestamp 0", PAGE(G "g 1.0 0.000\n"), 1, 1},
    {"the largest timestamp", PAGE(G "g 1.0 9223372036854775.807\n"), 1, 1},
    {"counter that overflowed", PAGE(C "c_total +Inf\n"), 1, 1},
    {"counter with _created", PAGE(C "c_total{a=\"1\"} 1.0\nc_created{a=\"1\"} 1.7e+09\nc_total{a=\"2\"} 1.0\n"), 1, 3},
    {"_created of all that have it",
     PAGE(C "c_total 1.0\nc_created 1.700000000123e+09\n" H
            "h_bucket{le=\"+Inf\"} 0\nh_sum 0.0\nh_count 0\nh_created 0.0\n" S "s_sum 0.0\ns_count 0\ns_created 1.0\n"),
     3, 9},
    {"exemplar on a counter", PAGE(C "c_total 1.0 # {a=\"b\",c=\"\\\"\\\\\\n\"} 0.5 1700000000.000\n"), 1, 1},
    {"exemplar without labels and time", PAGE(C "c_total 1.0 # {} 1.0\n"), 1, 1},
    {"exemplar behind a timestamp", PAGE(C "c_total 1.0 5.000 # {a=\"b\"} NaN 4.999\n"), 1, 1},
    {"exemplar with labels in any order", PAGE(C "c_total 1.0 # {z=\"b\",a=\"#\"} 1.0\n"), 1, 1},
    {"exemplar of 128 characters",
     PAGE(C "c_total 1.0 # {abcd=\"" HUNDRED TEN TEN "\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\x98\x80\"} 1.0\n"), 1, 1},
    {"exemplars on buckets",
     PAGE(H "h_bucket{le=\"1.0\"} 1 # {} 1.0\nh_bucket{le=\"2.0\"} 2 # {} 1.5 1.000\nh_bucket{le=\"+Inf\"} 4 # {} NaN\n"
            "h_sum NaN\nh_count 4\n"),
     1, 5},
    {"text of an exemplar in a label", PAGE(G "g{a=\"x # {y=\\\"z\\\"} 1\"} 1.0\n"), 1, 1},
    {"le in its text forms",
     PAGE(H "h_bucket{le=\"0.0\"} 0\nh_bucket{le=\"1e-05\"} 0\nh_bucket{le=\"0.25\"} 0\nh_bucket{le=\"1.0\"} 0\n"
            "h_bucket{le=\"100000.0\"} 0\nh_bucket{le=\"1e+06\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0.0\nh_count 0\n"),
     1, 9},
    {"large counts are integers",
     PAGE(H "h_bucket{le=\"+Inf\"} 18446744073709551615\nh_sum 1e+06\nh_count 18446744073709551615\n" S
            "s_sum 0.0\ns_count 1234567\n"),
     2, 5},
    {"negative buckets: no sum, no count", PAGE(H "h_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 7\n"), 1, 2},
    {"negative buckets and _created", PAGE(H "h_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 7\nh_created 1.0\n"), 1,
     3},
    {"gauge histogram", PAGE(GH "gh_bucket{le=\"0.01\"} 20\ngh_bucket{le=\"+Inf\"} 42\ngh_gsum 3289.3\ngh_gcount 42\n"),
     1, 4},
    {"gauge histogram with a negative bucket and sum",
     PAGE(GH "gh_bucket{le=\"-1.0\"} 2\ngh_bucket{le=\"+Inf\"} 2\ngh_gsum -7.5\ngh_gcount 2\n"), 1, 4},
    {"gauge histograms that are not counters",
     PAGE(GH "gh_bucket{a=\"1\",le=\"1.0\"} 2\ngh_bucket{a=\"1\",le=\"+Inf\"} 2\ngh_gsum{a=\"1\"} -1.0\n"
             "gh_gcount{a=\"1\"} 2\ngh_bucket{a=\"2\",le=\"+Inf\"} 0\ngh_gsum{a=\"2\"} NaN\ngh_gcount{a=\"2\"} 0\n"),
     1, 7},
    {"gauge histogram with a unit, exemplars, timestamps",
     PAGE("# TYPE a_s gaugehistogram\n# UNIT a_s s\na_s_bucket{le=\"1.0\"} 1 5.000 # {} 1.0\n"
          "a_s_bucket{le=\"+Inf\"} 1 5.000\na_s_gsum 1.0 5.000\na_s_gcount 1 5.000\n"),
     1, 4},
    {"gauge histogram beside x_created and x_total",
     PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1.0\ngh_gcount 1\n# TYPE gh_created gauge\ngh_created 1.0\n"
             "# TYPE gh_total gauge\ngh_total 1.0\n"),
     3, 5},
    {"sums that fall", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum -1.0\nh_count 1\n" S "s_sum -1.0\ns_count 1\n"), 2, 5},
    {"quantiles",
     PAGE(S "s{quantile=\"0.0\"} NaN\ns{quantile=\"0.5\"} 1.0\ns{quantile=\"1.0\"} 2.0\ns_sum 3.0\ns_count 2\n"), 1, 5},
    {"two histograms with other labels",
     PAGE(H "h_bucket{a=\"1\",z=\"\",le=\"+Inf\"} 0\nh_sum{a=\"1\",z=\"\"} 0.0\nh_count{a=\"1\",z=\"\"} 0\n"
            "h_bucket{a=\"2\",z=\"\",le=\"+Inf\"} 0\nh_sum{a=\"2\",z=\"\"} 0.0\nh_count{a=\"2\",z=\"\"} 0\n"),
     1, 6},
    {"timestamps on all lines of a series", PAGE(S "s_sum 3.0 5.000\ns_count 2 5.000\n"), 1, 2},
    {"info with labels", PAGE(I "i_info{a=\"\",b=\"2\"} 1\ni_info{a=\"1\",b=\"1\"} 1\n"), 1, 2},
    {"states in any order", PAGE(T "t{t=\"on\"} 0\nt{t=\"off\"} 1\n"), 1, 2},
    {"states between other labels",
     PAGE(T "t{a=\"1\",t=\"x\",z=\"1\"} 0\nt{a=\"1\",t=\"y\",z=\"1\"} 1\nt{a=\"1\",t=\"x\",z=\"2\"} 0\n"
            "t{a=\"1\",t=\"y\",z=\"2\"} 0\n"),
     1, 4},
    {"sorted by full names", PAGE("# TYPE a_b gauge\na_b 1.0\n# TYPE a counter\na_total 1.0\n"), 2, 2},
    {"info sorted by its full name", PAGE("# TYPE a_a gauge\na_a 1.0\n# TYPE a info\na_info 1\n"), 2, 2},
    {"order of unescaped values",
     PAGE(G "g{a=\"\"} 1.0\ng{a=\"\\n\"} 1.0\ng{a=\"!\"} 1.0\ng{a=\"\\\"\"} 1.0\ng{a=\"\\\\\"} 1.0\ng{a=\"x\"} 1.0\n"
            "g{a=\"x!\"} 1.0\n"),
     1, 7},
    {"fewer labels first", PAGE(G "g 1.0\ng{b=\"1\"} 1.0\ng{a=\"1\",b=\"1\"} 1.0\n"), 1, 3},
    {"gauge beside x_count", PAGE(G "g 1.0\n# TYPE g_count gauge\ng_count 1.0\n"), 2, 2},
    {"gauge beside x_created", PAGE(G "g 1.0\n# TYPE g_created gauge\ng_created 1.0\n"), 2, 2},
    {"counter whose family ends in _total", PAGE("# TYPE c_total counter\nc_total_total 1.0\n"), 1, 1},
};

typedef struct bad_page {
    const char *name;
    const char *text;
    size_t len;
    const char *error; /* with which the message begins */
} bad_page;

static const bad_page bad_pages[] = {
    /* the end */
    {"nothing", RAW(""), "line 0: the page ends without # EOF"},
    {"no # EOF", RAW(G "g 1.0\n"), "line 2: the page ends without # EOF"},
    {"no LF behind # EOF", RAW(G "g 1.0\n# EOF"), "line 3: the last byte is not LF"},
    {"a space behind # EOF", RAW(G "g 1.0\n# EOF \n"), "line 3: a comment that is neither"},
    {"# EOF with two spaces", RAW(G "g 1.0\n#  EOF\n"), "line 3: a comment that is neither"},
    {"# eof", RAW(G "g 1.0\n# eof\n"), "line 3: a comment that is neither"},
    {"# EOFF", RAW(G "g 1.0\n# EOFF\n"), "line 3: a comment that is neither"},
    {"# EOF twice", PAGE("# EOF\n"), "line 1: text behind # EOF"},
    {"a blank line behind # EOF", RAW("# EOF\n\n"), "line 1: text behind # EOF"},
    {"a family behind # EOF", RAW("# EOF\n" G "g 1.0\n"), "line 1: text behind # EOF"},
    {"# EOF behind HELP", PAGE("# HELP g x\n"), "line 2: HELP of 'g' is not followed by its TYPE"},
    {"# EOF behind TYPE", PAGE(G), "line 2: family 'g' has no samples"},
    {"# EOF behind UNIT", PAGE("# TYPE g_x gauge\n# UNIT g_x x\n"), "line 3: family 'g_x' has no samples"},

    /* lines */
    {"blank line", PAGE(G "g 1.0\n\n"), "line 3: a blank line"},
    {"CRLF", PAGE(G "g 1.0\r\n"), "line 2: value is not a number"},
    {"comment", PAGE("# hello\n"), "line 1: a comment that is neither"},
    {"a page of text 0.0.4", RAW(G "g 1\n"), "line 2: value '1' should be printed as '1.0'"},
    {"two spaces in TYPE", PAGE("# TYPE  g gauge\ng 1.0\n"), "line 1: expected a metric name"},
    {"space before a sample", PAGE(G " g 1.0\n"), "line 2: expected a metric name"},
    {"NUL byte", PAGE(G "g{a=\"\0\"} 1.0\n"), "line 2: a NUL byte"},
    {"not UTF-8", PAGE(G "g{a=\"\xff\"} 1.0\n"), "line 2: not UTF-8"},
    {"not UTF-8 in an exemplar", PAGE(C "c_total 1.0 # {a=\"\xc3\"} 1.0\n"), "line 2: not UTF-8"},

    /* headers */
    {"no TYPE", PAGE("g 1.0\n"), "line 1: sample 'g' before any TYPE"},
    {"HELP without TYPE", PAGE("# HELP g x\ng 1.0\n"), "line 2: HELP of 'g' is not followed by its TYPE"},
    {"HELP twice", PAGE("# HELP g x\n# HELP g x\n" G "g 1.0\n"), "line 2: HELP of 'g' is not followed"},
    {"HELP of another", PAGE("# HELP f x\n" G "g 1.0\n"), "line 2: TYPE of 'g' behind HELP of 'f'"},
    {"HELP of the sample", PAGE("# HELP c_total x\n" C "c_total 1.0\n"),
     "line 2: TYPE of 'c' behind HELP of 'c_total'"},
    {"HELP after TYPE", PAGE(G "# HELP g x\ng 1.0\n"), "line 2: family 'g' has no samples"},
    {"HELP with a raw quote", PAGE("# HELP g a \"b\"\n" G "g 1.0\n"), "line 1: a quote in HELP without a backslash"},
    {"HELP, wrong escape", PAGE("# HELP g \\t\n" G "g 1.0\n"), "line 1: wrong escape '\\t' in HELP"},
    {"HELP, backslash at the end", PAGE("# HELP g a\\\n" G "g 1.0\n"), "line 1: wrong escape"},
    {"untyped", PAGE("# TYPE g untyped\ng 1.0\n"), "line 1: unknown type 'untyped'"},
    {"gauge_histogram", PAGE("# TYPE g gauge_histogram\ng 1.0\n"), "line 1: unknown type 'gauge_histogram'"},
    {"upper case type", PAGE("# TYPE g Gauge\ng 1.0\n"), "line 1: unknown type 'Gauge'"},
    {"a space after the type", PAGE("# TYPE g gauge \ng 1.0\n"), "line 1: unknown type 'gauge '"},
    {"no samples", PAGE(G "# TYPE h gauge\nh 1.0\n"), "line 2: family 'g' has no samples"},
    {"UNIT before TYPE", PAGE("# UNIT g_x x\n# TYPE g_x gauge\ng_x 1.0\n"),
     "line 1: UNIT of 'g_x' is not behind its TYPE"},
    {"UNIT before TYPE, not first", PAGE(C "c_total 1.0\n# UNIT g_x x\n# TYPE g_x gauge\ng_x 1.0\n"),
     "line 3: UNIT of 'g_x' is not behind its TYPE"},
    {"UNIT after samples", PAGE("# TYPE g_x gauge\ng_x 1.0\n# UNIT g_x x\n"),
     "line 3: UNIT of 'g_x' is not behind its TYPE"},
    {"UNIT twice", PAGE("# TYPE g_x gauge\n# UNIT g_x x\n# UNIT g_x x\ng_x 1.0\n"),
     "line 3: UNIT of 'g_x' is not behind"},
    {"UNIT between HELP and TYPE", PAGE("# HELP g_x x\n# UNIT g_x x\n# TYPE g_x gauge\ng_x 1.0\n"),
     "line 2: UNIT of 'g_x'"},
    {"UNIT of another", PAGE("# TYPE g_x gauge\n# UNIT f_x x\ng_x 1.0\n"),
     "line 2: UNIT of 'f_x' is not behind its TYPE"},
    {"UNIT of the sample", PAGE("# TYPE a_s counter\n# UNIT a_s_total s\na_s_total 1.0\n"),
     "line 2: UNIT of 'a_s_total'"},
    {"UNIT that is empty", PAGE(G "# UNIT g \ng 1.0\n"), "line 2: expected a unit"},
    {"UNIT that is no suffix", PAGE("# TYPE g_x gauge\n# UNIT g_x y\ng_x 1.0\n"),
     "line 2: unit 'y' is not the end of 'g_x'"},
    {"UNIT without _", PAGE("# TYPE gx gauge\n# UNIT gx x\ngx 1.0\n"), "line 2: unit 'x' is not the end of 'gx'"},
    {"UNIT that is the name", PAGE(G "# UNIT g g\ng 1.0\n"), "line 2: unit 'g' is not the end of 'g'"},
    {"UNIT that is _total", PAGE("# TYPE a_s counter\n# UNIT a_s total\na_s_total 1.0\n"),
     "line 2: unit 'total' is not"},
    {"UNIT with a space behind", PAGE("# TYPE g_x gauge\n# UNIT g_x x \ng_x 1.0\n"), "line 2: ' ' in a unit"},
    {"UNIT on info", PAGE("# TYPE i_x info\n# UNIT i_x x\ni_x_info 1\n"), "line 2: a unit on info 'i_x'"},
    {"UNIT on a stateset", PAGE("# TYPE t_x stateset\n# UNIT t_x x\nt_x{t_x=\"a\"} 1\n"),
     "line 2: a unit on stateset 't_x'"},
    {"family twice in a row", PAGE(G "g 1.0\n" G "g{a=\"1\"} 1.0\n"), "line 3: family 'g' stands twice"},
    {"counter family twice", PAGE(C "c_total 1.0\n# TYPE d gauge\nd 1.0\n" C "c_total{a=\"1\"} 1.0\n"),
     "line 5: family 'c' stands twice"},
    {"families not sorted", PAGE("# TYPE b gauge\nb 1.0\n# TYPE a gauge\na 1.0\n"),
     "line 3: family 'a' stands after 'b'"},
    {"sorted by short names", PAGE("# TYPE a counter\na_total 1.0\n# TYPE a_b gauge\na_b 1.0\n"),
     "line 3: family 'a_b' stands after 'a'"},

    /* names of samples */
    {"counter without _total", PAGE(C "c 1.0\n"), "line 2: sample 'c' does not belong to counter 'c'"},
    {"TYPE with _total", PAGE("# TYPE c_total counter\nc_total 1.0\n"), "line 2: sample 'c_total' does not belong"},
    {"TYPE with _info", PAGE("# TYPE i_info info\ni_info 1\n"), "line 2: sample 'i_info' does not belong"},
    {"info without _info", PAGE(I "i 1\n"), "line 2: sample 'i' does not belong to info 'i'"},
    {"gauge with _total", PAGE(G "g_total 1.0\n"), "line 2: sample 'g_total' does not belong to gauge 'g'"},
    {"gauge with _created", PAGE(G "g 1.0\ng_created 1.0\n"), "line 3: sample 'g_created' does not belong"},
    {"unknown with _total", PAGE("# TYPE u unknown\nu_total 1.0\n"),
     "line 2: sample 'u_total' does not belong to unknown 'u'"},
    {"bucket of a summary", PAGE(S "s_bucket{le=\"1.0\"} 1\n"), "line 2: sample 's_bucket' does not belong"},
    {"_gcount", PAGE(H "h_gcount 1\n"), "line 2: sample 'h_gcount' does not belong"},
    {"_gsum", PAGE(S "s_gsum 1.0\n"), "line 2: sample 's_gsum' does not belong to summary 's'"},
    {"gauge histogram as a gauge", PAGE(GH "gh 1.0\n"), "line 2: sample 'gh' does not belong to gaugehistogram 'gh'"},
    {"gauge histogram with _sum", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_sum 1.0\n"),
     "line 3: sample 'gh_sum' does not belong"},
    {"gauge histogram with _count", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1.0\ngh_count 1\n"),
     "line 4: sample 'gh_count' does not belong"},
    {"gauge histogram with _created", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1.0\ngh_gcount 1\ngh_created 1.0\n"),
     "line 5: sample 'gh_created' does not belong"},
    {"sample of another family", PAGE(G "f 1.0\n"), "line 2: sample 'f' does not belong to gauge 'g'"},

    /* values */
    {"gauge without .0", PAGE(G "g 1\n"), "line 2: value '1' should be printed as '1.0'"},
    {"zero without .0", PAGE(G "g 0\n"), "line 2: value '0' should be printed as '0.0'"},
    {"negative zero", PAGE(G "g -0.0\n"), "line 2: value '-0.0' should be printed as '0.0'"},
    {"1.00", PAGE(G "g 1.00\n"), "line 2: value '1.00' should be printed as '1.0'"},
    {"1.", PAGE(G "g 1.\n"), "line 2: value '1.' should be printed as '1.0'"},
    {".0 behind an exponent", PAGE(G "g 1.0e+06\n"), "line 2: value '1.0e+06' should be printed as '1e+06'"},
    {"a million in digits", PAGE(G "g 1000000.0\n"), "line 2: value '1000000.0' should be printed as '1e+06'"},
    {"not the shortest", PAGE(G "g 0.10000000000000001\n"),
     "line 2: value '0.10000000000000001' should be printed as '0.1'"},
    {"_sum without .0", PAGE(S "s_sum 3\ns_count 2\n"), "line 2: value '3' should be printed as '3.0'"},
    {"_created without .0", PAGE(C "c_total 1.0\nc_created 5\n"), "line 3: value '5' should be printed as '5.0'"},
    {"infinity in another form", PAGE(G "g +inf\n"), "line 2: value is not a number"},
    {"no value", PAGE(G "g\n"), "line 2: expected ' ' before the value"},
    {"two spaces before the value", PAGE(G "g  1.0\n"), "line 2: value is not a number: ''"},
    {"count with .0", PAGE(S "s_sum 3.0\ns_count 2.0\n"), "line 3: '.' in a count"},
    {"count with an exponent", PAGE(S "s_sum 3.0\ns_count 1e+06\n"), "line 3: 'e' in a count"},
    {"count with a zero in front", PAGE(S "s_sum 3.0\ns_count 02\n"), "line 3: a count with zeros in front"},
    {"count with a sign", PAGE(S "s_sum 3.0\ns_count +2\n"), "line 3: '+' in a count"},
    {"count out of range", PAGE(S "s_sum 3.0\ns_count 18446744073709551616\n"), "line 3: count out of range"},
    {"count that is missing", PAGE(S "s_sum 3.0\ns_count \n"), "line 3: count without digits"},
    {"bucket with .0", PAGE(H "h_bucket{le=\"+Inf\"} 1.0\nh_sum 1.0\nh_count 1\n"), "line 2: '.' in a count"},
    {"_gcount with .0", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1.0\ngh_gcount 1.0\n"), "line 4: '.' in a count"},
    {"_gsum without .0", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1\n"),
     "line 3: value '1' should be printed as '1.0'"},
    {"negative bucket of a gauge histogram", PAGE(GH "gh_bucket{le=\"+Inf\"} -1\n"), "line 2: '-' in a count"},
    {"negative bucket", PAGE(H "h_bucket{le=\"+Inf\"} -1\nh_sum 1.0\nh_count 1\n"), "line 2: '-' in a count"},
    {"negative counter", PAGE(C "c_total -1.0\n"), "line 2: counter '-1.0' is negative or NaN"},
    {"counter that is NaN", PAGE(C "c_total NaN\n"), "line 2: counter 'NaN' is negative or NaN"},
    {"info with .0", PAGE(I "i_info 1.0\n"), "line 2: info '1.0' is not 1"},
    {"info that is 0", PAGE(I "i_info 0\n"), "line 2: info '0' is not 1"},
    {"state with .0", PAGE(T "t{t=\"a\"} 1.0\n"), "line 2: state '1.0' is not 0 or 1"},
    {"state that is 2", PAGE(T "t{t=\"a\"} 2\n"), "line 2: state '2' is not 0 or 1"},
    {"negative _created", PAGE(C "c_total 1.0\nc_created -1.0\n"), "line 3: _created '-1.0' is not a time"},

    /* timestamps */
    {"timestamp in milliseconds", PAGE(G "g 1.0 1700000000123\n"), "line 2: a timestamp without decimals"},
    {"timestamp with two decimals", PAGE(G "g 1.0 1.12\n"), "line 2: a timestamp with 2 decimals"},
    {"timestamp with six decimals", PAGE(G "g 1.0 1.123456\n"), "line 2: a timestamp with 6 decimals"},
    {"timestamp without seconds", PAGE(G "g 1.0 .123\n"), "line 2: '.' in a timestamp"},
    {"timestamp with an exponent", PAGE(G "g 1.0 1.7e+09\n"), "line 2: a timestamp with 1 decimals"},
    {"timestamp with a zero in front", PAGE(G "g 1.0 01.000\n"), "line 2: a timestamp with zeros in front"},
    {"negative timestamp", PAGE(G "g 1.0 -1.000\n"), "line 2: a negative timestamp"},
    {"timestamp out of range", PAGE(G "g 1.0 9223372036854775.808\n"), "line 2: timestamp out of range"},
    {"seconds out of range", PAGE(G "g 1.0 9223372036854776.000\n"), "line 2: timestamp out of range"},
    {"text behind the timestamp", PAGE(G "g 1.0 1.000 x\n"), "line 2: text behind the timestamp"},
    {"letters in a timestamp", PAGE(G "g 1.0 1.000s\n"), "line 2: 's' in a timestamp"},
    {"space at the end", PAGE(G "g 1.0 \n"), "line 2: a space at the end of the line"},
    {"timestamps differ", PAGE(S "s_sum 3.0 5.000\ns_count 2 5.001\n"), "line 3: timestamps differ"},
    {"_created without the timestamp", PAGE(C "c_total 1.0 5.000\nc_created 1.0\n"), "line 3: timestamps differ"},

    /* exemplars */
    {"exemplar on a gauge", PAGE(G "g 1.0 # {} 1.0\n"), "line 2: an exemplar on 'g'"},
    {"exemplar on _sum", PAGE(S "s_sum 1.0 # {} 1.0\ns_count 1\n"), "line 2: an exemplar on 's_sum'"},
    {"exemplar on _count", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum 1.0\nh_count 1 # {} 1.0\n"),
     "line 4: an exemplar on 'h_count'"},
    {"exemplar on _gsum", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 1.0 # {} 1.0\n"),
     "line 3: an exemplar on 'gh_gsum'"},
    {"exemplar outside of a gauge histogram's bucket", PAGE(GH "gh_bucket{le=\"1.0\"} 1 # {} 1.5\n"),
     "line 2: the exemplar lies outside of its bucket"},
    {"exemplar on _created", PAGE(C "c_total 1.0\nc_created 1.0 # {} 1.0\n"), "line 3: an exemplar on 'c_created'"},
    {"exemplar of 129 characters",
     PAGE(C "c_total 1.0 # {abcde=\"" HUNDRED TEN TEN "\xc3\xa4\xc3\xb6\xc3\xbc\xf0\x9f\x98\x80\"} 1.0\n"),
     "line 2: an exemplar of 129 characters"},
    {"exemplar of 129 characters in two labels",
     PAGE(C "c_total 1.0 # {a=\"" HUNDRED "\",b=\"" TEN TEN "1234567\"} 1.0\n"),
     "line 2: an exemplar of 129 characters"},
    {"exemplar with one label twice", PAGE(C "c_total 1.0 # {a=\"\",a=\"\"} 1.0\n"),
     "line 2: label 'a' stands twice in an"},
    {"exemplar without braces", PAGE(C "c_total 1.0 # 1.0\n"), "line 2: expected '{' before the labels of an exemplar"},
    {"exemplar without value", PAGE(C "c_total 1.0 # {}\n"), "line 2: expected ' ' before the value of an exemplar"},
    {"exemplar without .0", PAGE(C "c_total 1.0 # {} 1\n"),
     "line 2: value of an exemplar '1' should be printed as '1.0'"},
    {"exemplar with a comma behind", PAGE(C "c_total 1.0 # {a=\"\",} 1.0\n"), "line 2: expected a label name"},
    {"exemplar with a time of six decimals", PAGE(C "c_total 1.0 # {} 1.0 1.123456\n"),
     "line 2: a timestamp of an exemplar with 6"},
    {"exemplar with a space behind", PAGE(C "c_total 1.0 # {} 1.0 \n"), "line 2: a space at the end of the line"},
    {"two exemplars", PAGE(C "c_total 1.0 # {} 1.0 1.000 # {} 1.0\n"), "line 2: text behind an exemplar"},
    {"# without space", PAGE(C "c_total 1.0 #{} 1.0\n"), "line 2: '#' in a timestamp"},
    {"two spaces before #", PAGE(C "c_total 1.0  # {} 1.0\n"), "line 2: ' ' in a timestamp"},
    {"exemplar above its bucket",
     PAGE(H "h_bucket{le=\"1.0\"} 1 # {} 1.5\nh_bucket{le=\"+Inf\"} 1\nh_sum 1.0\nh_count 1\n"),
     "line 2: the exemplar lies outside of its bucket"},
    {"exemplar below its bucket",
     PAGE(H "h_bucket{le=\"1.0\"} 1\nh_bucket{le=\"+Inf\"} 1 # {} 1.0\nh_sum 1.0\nh_count 1\n"),
     "line 3: the exemplar lies outside of its bucket"},
    {"exemplar NaN in a bucket",
     PAGE(H "h_bucket{le=\"1.0\"} 1 # {} NaN\nh_bucket{le=\"+Inf\"} 1\nh_sum 1.0\nh_count 1\n"),
     "line 2: the exemplar lies outside of its bucket"},

    /* labels */
    {"empty braces", PAGE(G "g{} 1.0\n"), "line 2: expected a label name"},
    {"trailing comma", PAGE(G "g{a=\"1\",} 1.0\n"), "line 2: expected a label name"},
    {"wrong escape", PAGE(G "g{a=\"\\t\"} 1.0\n"), "line 2: wrong escape '\\t' in a label value"},
    {"label name with __", PAGE(G "g{__a=\"1\"} 1.0\n"), "line 2: label name '__a' begins with __"},
    {"label twice", PAGE(G "g{a=\"1\",a=\"2\"} 1.0\n"), "line 2: label 'a' stands twice"},
    {"labels not sorted", PAGE(G "g{b=\"1\",a=\"2\"} 1.0\n"), "line 2: label 'a' stands after 'b'"},
    {"le not last", PAGE(H "h_bucket{le=\"+Inf\",z=\"1\"} 1\n"), "line 2: the last label is not 'le'"},
    {"bucket without le", PAGE(H "h_bucket 1\n"), "line 2: the last label is not 'le'"},
    {"gauge histogram's bucket without le", PAGE(GH "gh_bucket 1\n"), "line 2: the last label is not 'le'"},
    {"le on _gsum", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum{le=\"+Inf\"} 1.0\n"),
     "line 3: label 'le' does not belong"},
    {"le of text 0.0.4", PAGE(H "h_bucket{le=\"1\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0.0\nh_count 0\n"),
     "line 2: le '1' should be printed as '1.0'"},
    {"le on _created", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum 1.0\nh_count 1\nh_created{le=\"1.0\"} 1.0\n"),
     "line 5: label 'le' does not belong"},
    {"quantile of text 0.0.4", PAGE(S "s{quantile=\"1\"} 1.0\ns_sum 0.0\ns_count 0\n"),
     "line 2: quantile '1' should be printed as '1.0'"},
    {"summary sample without quantile", PAGE(S "s 1.0\n"), "line 2: the last label is not 'quantile'"},
    {"quantile above 1", PAGE(S "s{quantile=\"1.5\"} 1.0\ns_sum 0.0\ns_count 0\n"),
     "line 2: quantile outside of 0 to 1"},
    {"state without its label", PAGE(T "t{a=\"1\"} 1\n"), "line 2: no label 't' with the state"},
    {"state label not sorted", PAGE(T "t{z=\"1\",t=\"a\"} 1\n"), "line 2: label 't' stands after 'z'"},
    {"state without a name", PAGE(T "t{t=\"\"} 1\n"), "line 2: a state without a name"},
    {"state twice", PAGE(T "t{t=\"a\"} 1\nt{t=\"b\"} 1\nt{t=\"a\"} 0\n"), "line 4: state 'a' stands twice"},

    /* series */
    {"series not sorted", PAGE(G "g{a=\"2\"} 1.0\ng{a=\"1\"} 1.0\n"), "line 3: series 'g{a=\"1\"}' stands after"},
    {"series twice", PAGE(C "c_total 1.0\nc_total 1.0\n"), "line 3: series 'c_total' stands twice"},
    {"info twice", PAGE(I "i_info{a=\"1\"} 1\ni_info{a=\"1\"} 1\n"), "line 3: series 'i_info{a=\"1\"}' stands twice"},
    {"series twice, empty label", PAGE(G "g 1.0\ng{a=\"\"} 1.0\n"), "line 3: series 'g{a=\"\"}' stands twice"},
    {"states of two series mixed",
     PAGE(T "t{t=\"x\",z=\"1\"} 0\nt{t=\"x\",z=\"2\"} 0\nt{t=\"y\",z=\"1\"} 0\nt{t=\"y\",z=\"2\"} 0\n"),
     "line 4: series 't{t=\"y\",z=\"1\"}' stands after"},
    {"_created before _total", PAGE(C "c_created 1.0\nc_total 1.0\n"), "line 2: expected _total"},
    {"_created alone", PAGE(C "c_created 1.0\n"), "line 2: expected _total"},
    {"_created twice", PAGE(C "c_total 1.0\nc_created 1.0\nc_created 1.0\n"), "line 4: expected _total"},
    {"_created behind all series", PAGE(C "c_total{a=\"1\"} 1.0\nc_total{a=\"2\"} 1.0\nc_created{a=\"1\"} 1.0\n"),
     "line 4: expected _total"},
    {"_created of another series", PAGE(C "c_total{a=\"1\"} 1.0\nc_created{a=\"2\"} 1.0\n"), "line 3: expected _total"},
    {"_created before _count", PAGE(S "s_sum 1.0\ns_created 1.0\ns_count 1\n"), "line 3: expected _count"},
    {"_count before _sum", PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_count 0\nh_sum 0.0\n"), "line 3: expected _sum"},
    {"no _sum and _count", PAGE(H "h_bucket{le=\"+Inf\"} 0\n"), "line 2: a series of 'h' ends without _sum"},
    {"gauge histogram, no +Inf", PAGE(GH "gh_bucket{le=\"1.0\"} 0\ngh_gsum 0.0\ngh_gcount 0\n"),
     "line 2: gaugehistogram 'gh' without +Inf bucket"},
    {"gauge histogram, buckets fall", PAGE(GH "gh_bucket{le=\"1.0\"} 2\ngh_bucket{le=\"+Inf\"} 1\n"),
     "line 3: buckets do not ascend"},
    {"gauge histogram, count differs from +Inf", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 0.0\ngh_gcount 2\n"),
     "line 4: _gcount differs from the +Inf bucket"},
    {"_gsum without _gcount", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum 0.0\n"),
     "line 3: a series of 'gh' ends without _gcount"},
    {"_gcount without _gsum", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gcount 1\n"), "line 3: expected _gsum"},
    {"_sum beside a negative bucket",
     PAGE(H "h_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_sum 0.0\nh_count 0\n"),
     "line 4: _sum beside a negative bucket"},
    {"_count beside a negative bucket", PAGE(H "h_bucket{le=\"-1.0\"} 0\nh_bucket{le=\"+Inf\"} 0\nh_count 0\n"),
     "line 4: _count beside a negative bucket"},
    {"no +Inf", PAGE(H "h_bucket{le=\"1.0\"} 0\nh_sum 0.0\nh_count 0\n"), "line 2: histogram 'h' without +Inf bucket"},
    {"le does not ascend", PAGE(H "h_bucket{le=\"2.0\"} 0\nh_bucket{le=\"1.0\"} 0\nh_bucket{le=\"+Inf\"} 0\n"),
     "line 3: le does not ascend"},
    {"buckets fall", PAGE(H "h_bucket{le=\"1.0\"} 2\nh_bucket{le=\"+Inf\"} 1\nh_sum 0.0\nh_count 1\n"),
     "line 3: buckets do not ascend"},
    {"count differs from +Inf", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum 0.0\nh_count 2\n"), "line 4: _count differs"},
    {"quantiles after _sum", PAGE(S "s_sum 0.0\ns_count 0\ns{quantile=\"0.5\"} 1.0\n"),
     "line 4: a series of 's' ends without _sum"},

    /* families beside each other */
    {"counter beside x", PAGE("# TYPE c gauge\nc 1.0\n" C "c_total 1.0\n"), "line 3: family 'c' stands twice"},
    {"counter beside x_total", PAGE(C "c_total 1.0\n# TYPE c_total gauge\nc_total 1.0\n"),
     "line 3: family 'c_total' stands twice"},
    {"counter beside x_created", PAGE("# TYPE c_created gauge\nc_created 1.0\n" C "c_total 1.0\n"),
     "line 3: family 'c' collides with 'c_created'"},
    {"info beside x", PAGE("# TYPE i gauge\ni 1.0\n" I "i_info 1\n"), "line 3: family 'i' stands twice"},
    {"info beside a counter", PAGE("# TYPE i info\ni_info 1\n# TYPE i counter\ni_total 1.0\n"),
     "line 3: family 'i' stands twice"},
    {"histogram beside x_count",
     PAGE(H "h_bucket{le=\"+Inf\"} 0\nh_sum 0.0\nh_count 0\n# TYPE h_count gauge\nh_count 1.0\n"),
     "line 5: family 'h_count' collides with 'h'"},
    {"gauge histogram beside x_bucket",
     PAGE(GH "gh_bucket{le=\"+Inf\"} 0\ngh_gsum 0.0\ngh_gcount 0\n# TYPE gh_bucket gauge\ngh_bucket 1.0\n"),
     "line 5: family 'gh_bucket' collides with 'gh'"},
    {"gauge histogram beside x_gcount",
     PAGE(GH "gh_bucket{le=\"+Inf\"} 0\ngh_gsum 0.0\ngh_gcount 0\n# TYPE gh_gcount gauge\ngh_gcount 1.0\n"),
     "line 5: family 'gh_gcount' collides with 'gh'"},
    {"gauge histogram beside x_gsum",
     PAGE(GH "gh_bucket{le=\"+Inf\"} 0\ngh_gsum 0.0\ngh_gcount 0\n# TYPE gh_gsum gauge\ngh_gsum 1.0\n"),
     "line 5: family 'gh_gsum' collides with 'gh'"},
    {"summary beside x_created", PAGE(S "s_sum 0.0\ns_count 0\n# TYPE s_created gauge\ns_created 1.0\n"),
     "line 4: family 's_created' collides with 's'"},
    {"counter x_created beside summary x",
     PAGE(S "s_sum 0.0\ns_count 0\n# TYPE s_created counter\ns_created_total 1.0\n"),
     "line 4: family 's_created' collides with 's'"},
};

static void test_parse_good_page_is_accepted(void **state)
{
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT(good_pages); i++) {
        const good_page *page = &good_pages[i];
        parser_page *parsed = parser_parse_openmetrics(page->text, page->len);
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
        parser_page *parsed = parser_parse_openmetrics(page->text, page->len);
        if (!parsed->error || strncmp(parsed->error, page->error, strlen(page->error)) != 0) {
            print_error("%s\n  expected %s\n  got      %s\n", page->name, page->error,
                        parsed->error ? parsed->error : "no error");
            wrong++;
        }
        parser_free(parsed);
    }
    assert_int_equal(wrong, 0);
}

/* Every row of the table as a value: accepted, with the same bits; and its number is printed as in the table. */
static void test_parse_floats_table_is_accepted(void **state)
{
    FILE *file = fopen(CPROM_TEST_DATA "/floats.tsv", "r");
    assert_non_null(file);
    size_t rows = 0, wrong = 0;
    char line[256];
    while (fgets(line, sizeof line, file)) {
        char *tab = strchr(line, '\t'), *second = tab ? strchr(tab + 1, '\t') : NULL;
        assert_non_null(second);
        second[strcspn(second, "\n")] = '\0';
        const char *number = second + 1;
        uint64_t bits = strtoull(line, NULL, 16);
        double value;
        memcpy(&value, &bits, sizeof value);
        rows++;

        char page[128], out[PARSER_NUMBER_MAX];
        int len = snprintf(page, sizeof page, G "g %s\n# EOF\n", number);
        parser_page *parsed = parser_parse_openmetrics(page, (size_t)len);
        if (parsed->error) {
            print_error("%s: %s\n", line, parsed->error);
            wrong++;
        } else {
            double got = parser_value(parsed, "g");
            if (isnan(value) ? !isnan(got) : got != value) wrong++;
        }
        parser_free(parsed);
        if (strcmp(parser_number_openmetrics(value, out), number) != 0) {
            print_error("%s: %s, in the table %s\n", line, out, number);
            wrong++;
        }
    }
    fclose(file);
    assert_int_equal(wrong, 0);
    assert_int_equal(rows, 3000);
}

static const char whole[] = "# HELP a_s A \\\"quote\\\".\n"
                            "# TYPE a_s counter\n"
                            "# UNIT a_s s\n"
                            "a_s_total{p=\"x\\\"\"} 12.5 1700000000.123 # {id=\"7\",u=\"\\n\"} 0.5 1.002\n"
                            "a_s_created{p=\"x\\\"\"} 5.0 1700000000.123\n"
                            "# TYPE b gaugehistogram\n"
                            "b_bucket{le=\"-1.0\"} 2\n"
                            "b_bucket{le=\"+Inf\"} 3\n"
                            "b_gsum -5.0\n"
                            "b_gcount 3\n"
                            "# TYPE h histogram\n"
                            "h_bucket{q=\"\",le=\"0.1\"} 1 # {} 0.1\n"
                            "h_bucket{q=\"\",le=\"+Inf\"} 2\n"
                            "h_sum{q=\"\"} -1.0\n"
                            "h_count{q=\"\"} 2\n"
                            "# TYPE n histogram\n"
                            "n_bucket{le=\"-1.0\"} 1\n"
                            "n_bucket{le=\"+Inf\"} 2\n"
                            "# TYPE r info\n"
                            "r_info{v=\"1\"} 1\n"
                            "# TYPE t stateset\n"
                            "t{a=\"1\",t=\"off\",z=\"2\"} 0\n"
                            "t{a=\"1\",t=\"on\",z=\"2\"} 1\n"
                            "t{a=\"1\",t=\"off\",z=\"3\"} 1\n"
                            "t{a=\"1\",t=\"on\",z=\"3\"} 0\n"
                            "# TYPE u_total unknown\n"
                            "u_total NaN\n"
                            "# EOF\n";

/* The same in text 0.0.4. */
static const char whole_text[] = "# HELP a_s_total A \"quote\".\n"
                                 "# TYPE a_s_total counter\n"
                                 "a_s_total{p=\"x\\\"\"} 12.5 1700000000123\n"
                                 "# TYPE b histogram\n"
                                 "b_bucket{le=\"-1\"} 2\n"
                                 "b_bucket{le=\"+Inf\"} 3\n"
                                 "b_sum -5\n"
                                 "b_count 3\n"
                                 "# TYPE h histogram\n"
                                 "h_bucket{q=\"\",le=\"0.1\"} 1\n"
                                 "h_bucket{q=\"\",le=\"+Inf\"} 2\n"
                                 "h_sum{q=\"\"} -1\n"
                                 "h_count{q=\"\"} 2\n"
                                 "# TYPE n histogram\n"
                                 "n_bucket{le=\"-1\"} 1\n"
                                 "n_bucket{le=\"+Inf\"} 2\n"
                                 "n_sum 5\n"
                                 "n_count 2\n"
                                 "# TYPE r_info gauge\n"
                                 "r_info{v=\"1\"} 1\n"
                                 "# TYPE t gauge\n"
                                 "t{a=\"1\",t=\"off\",z=\"2\"} 0\n"
                                 "t{a=\"1\",t=\"on\",z=\"2\"} 1\n"
                                 "t{a=\"1\",t=\"off\",z=\"3\"} 1\n"
                                 "t{a=\"1\",t=\"on\",z=\"3\"} 0\n"
                                 "# TYPE u_total untyped\n"
                                 "u_total NaN\n";

static void test_parse_page_tells_what_is_on_it(void **state)
{
    parser_page *page = parser_parse_openmetrics_ok(whole, sizeof whole - 1);
    assert_int_equal(page->n_families, 7);
    assert_int_equal(page->n_samples, 18);
    const parser_family *a = &page->families[0], *r = parser_family_find(page, "r");
    assert_string_equal(a->name, "a_s");
    assert_string_equal(a->full_name, "a_s_total");
    assert_string_equal(a->help, "A \"quote\".");
    assert_string_equal(a->unit, "s");
    assert_int_equal(a->type, PARSER_COUNTER);
    assert_ptr_equal(parser_family_find(page, "a_s"), a);
    assert_ptr_equal(parser_family_find(page, "a_s_total"), a);
    assert_ptr_equal(parser_family_find(page, "r_info"), r);
    assert_int_equal(r->type, PARSER_INFO);
    assert_null(r->unit);
    assert_null(parser_family_find(page, "u"));
    assert_int_equal(parser_family_find(page, "u_total")->type, PARSER_UNTYPED);
    assert_int_equal(parser_count(page, "h"), 4);
    assert_int_equal(parser_family_find(page, "b")->type, PARSER_GAUGE_HISTOGRAM);
    assert_string_equal(parser_find(page, "b_bucket{le=\"-1.0\"}")->own->value, "-1.0");
    assert_string_equal(parser_find(page, "b_gsum")->suffix, "_gsum");

    const parser_sample *total = parser_find(page, "a_s_total{p=\"x\\\"\"}");
    assert_ptr_equal(total, &page->samples[0]);
    assert_string_equal(total->suffix, "_total");
    assert_true(total->value == 12.5);
    assert_int_equal(total->timestamp, 1700000000123);
    assert_null(total->own);
    const parser_exemplar *exemplar = total->exemplar;
    assert_non_null(exemplar);
    assert_int_equal(exemplar->n_labels, 2);
    assert_string_equal(exemplar->labels[0].name, "id");
    assert_string_equal(exemplar->labels[0].value, "7");
    assert_string_equal(exemplar->labels[1].value, "\n");
    assert_true(exemplar->value == 0.5);
    assert_true(exemplar->has_timestamp);
    assert_int_equal(exemplar->timestamp, 1002);
    assert_null(page->samples[1].exemplar);
    assert_string_equal(page->samples[1].suffix, "_created");

    const parser_sample *bucket = parser_find(page, "h_bucket{q=\"\",le=\"0.1\"}");
    assert_string_equal(bucket->own->value, "0.1");
    assert_false(bucket->exemplar->has_timestamp);
    assert_int_equal(bucket->exemplar->n_labels, 0);
    assert_string_equal(parser_find(page, "t{a=\"1\",t=\"on\",z=\"2\"}")->own->value, "on");
    parser_free(page);
}

static void test_parse_every_cut_of_a_page_is_refused(void **state)
{
    size_t accepted = 0;
    for (size_t len = 0; len < sizeof whole; len++) {
        char *exact = malloc(len + !len); /* so that sanitizers see a read behind it */
        assert_non_null(exact);
        memcpy(exact, whole, len);
        parser_page *page = parser_parse_openmetrics(exact, len);
        accepted += !page->error;
        parser_free(page);
        free(exact);
    }
    assert_int_equal(accepted, 1);
}

/* Any byte of the page changed to any of a few others: refused, or it means something else. */
static void test_parse_no_line_has_two_forms(void **state)
{
    static const char others[] = " \n#{}\"\\,=._+-e01a";
    size_t wrong = 0;
    for (size_t at = 0; at < sizeof whole - 1; at++) {
        for (const char *other = others; *other; other++) {
            char copy[sizeof whole];
            memcpy(copy, whole, sizeof whole);
            if (copy[at] == *other) continue;
            copy[at] = *other;
            parser_page *page = parser_parse_openmetrics(copy, sizeof copy - 1);
            if (!page->error) {
                /* Accepted, so it must be data that has changed: a name, a value, a text, and never the syntax. */
                parser_page *as_it_was = parser_parse_openmetrics(whole, sizeof whole - 1);
                bool same = page->n_samples == as_it_was->n_samples && page->n_families == as_it_was->n_families;
                for (size_t i = 0; same && i < page->n_samples; i++) {
                    const parser_sample *a = &page->samples[i], *b = &as_it_was->samples[i];
                    same = strcmp(a->key, b->key) == 0 && strcmp(a->value_text, b->value_text) == 0 &&
                           a->timestamp == b->timestamp && a->has_timestamp == b->has_timestamp &&
                           !a->exemplar == !b->exemplar;
                    if (same && a->exemplar) {
                        same = a->exemplar->value == b->exemplar->value &&
                               a->exemplar->timestamp == b->exemplar->timestamp &&
                               a->exemplar->n_labels == b->exemplar->n_labels;
                        for (size_t k = 0; same && k < a->exemplar->n_labels; k++) {
                            same = strcmp(a->exemplar->labels[k].name, b->exemplar->labels[k].name) == 0 &&
                                   strcmp(a->exemplar->labels[k].value, b->exemplar->labels[k].value) == 0;
                        }
                    }
                }
                for (size_t i = 0; same && i < page->n_families; i++) {
                    const parser_family *a = &page->families[i], *b = &as_it_was->families[i];
                    same = a->type == b->type && strcmp(a->name, b->name) == 0 && !a->help == !b->help &&
                           (!a->help || strcmp(a->help, b->help) == 0) && !a->unit == !b->unit;
                }
                if (same) {
                    print_error("byte %zu as '%c' makes no difference\n", at, *other);
                    wrong++;
                }
                parser_free(as_it_was);
            }
            parser_free(page);
        }
    }
    assert_int_equal(wrong, 0);
}

static void test_same_both_formats_of_a_page_agree(void **state)
{
    parser_page *text = parser_parse_ok(whole_text, sizeof whole_text - 1);
    parser_page *openmetrics = parser_parse_openmetrics_ok(whole, sizeof whole - 1);
    parser_assert_same(text, openmetrics);
    parser_free(text);
    parser_free(openmetrics);
}

/* The page in text 0.0.4 with one thing changed. */
static void test_same_any_difference_is_found(void **state)
{
    static const struct {
        const char *was, *is, *why; /* of the latter, its beginning */
    } changes[] = {
        {"# HELP a_s_total A \"quote\".\n", "", "family 'a_s_total', in OpenMetrics 'a_s': the help"},
        {"A \"quote\".", "A \"quote\"!", "family 'a_s_total', in OpenMetrics 'a_s': the help"},
        {"a_s_total counter", "a_s_total gauge", "family 'a_s_total', in OpenMetrics 'a_s': the type"},
        {"# TYPE r_info gauge", "# TYPE r_info counter", "family 'r_info', in OpenMetrics 'r': the type"},
        {"# TYPE t gauge\nt{a=\"1\",t=\"off\",z=\"2\"} 0\nt{a=\"1\",t=\"on\",z=\"2\"} 1\nt{a=\"1\",t=\"off\",z=\"3\"} 1\n",
         "# TYPE t untyped\nt{a=\"1\",t=\"off\",z=\"2\"} 0\nt{a=\"1\",t=\"off\",z=\"3\"} 1\nt{a=\"1\",t=\"on\",z=\"2\"} 1\n",
         "family 't', in OpenMetrics 't': the type"},
        {"# TYPE b histogram\nb_bucket{le=\"-1\"} 2\nb_bucket{le=\"+Inf\"} 3\nb_sum -5\nb_count 3\n",
         "# TYPE b summary\nb_sum -5\nb_count 3\n", "family 'b', in OpenMetrics 'b': the type"},
        {"b_sum -5", "b_sum 5", "family 'b', in OpenMetrics 'b': b_sum"},
        {"b_bucket{le=\"-1\"} 2", "b_bucket{le=\"-1\"} 1", "family 'b', in OpenMetrics 'b': b_bucket{"},
        {"u_total untyped", "u_total gauge", "family 'u_total', in OpenMetrics 'u_total': the type"},
        {" 12.5 ", " 12.25 ", "family 'a_s_total', in OpenMetrics 'a_s': a_s_total{"},
        {" 1700000000123", " 1700000000124", "family 'a_s_total', in OpenMetrics 'a_s': a_s_total{"},
        {" 1700000000123", "", "family 'a_s_total', in OpenMetrics 'a_s': a_s_total{"},
        {"p=\"x", "p=\"y", "family 'a_s_total', in OpenMetrics 'a_s': a_s_total{"},
        {"{p=\"", "{q=\"", "family 'a_s_total', in OpenMetrics 'a_s': a_s_total{"},
        {"le=\"0.1\"", "le=\"0.11\"", "family 'h', in OpenMetrics 'h': h_bucket{"},
        {"le=\"-1\"} 1", "le=\"-1\"} 0", "family 'n', in OpenMetrics 'n': n_bucket{"},
        {"t{a=\"1\",t=\"on\",z=\"3\"} 0\n", "", "family 't', in OpenMetrics 't': t{"},
        {"z=\"3\"} 1", "z=\"3\"} 0", "family 't', in OpenMetrics 't': t{"},
        {"t{a=\"1\",t=\"on\",z=\"2\"} 1\nt{a=\"1\",t=\"off\",z=\"3\"} 1\n",
         "t{a=\"1\",t=\"off\",z=\"3\"} 1\nt{a=\"1\",t=\"on\",z=\"2\"} 1\n", "family 't', in OpenMetrics 't': t{"},
        {"t=\"off\"", "t=\"of\"", "family 't', in OpenMetrics 't': t{"},
        {"u_total NaN", "u_total 1", "family 'u_total', in OpenMetrics 'u_total': u_total"},
        {"# TYPE u_total untyped\nu_total NaN\n", "# TYPE v untyped\nv NaN\n",
         "family 'v', in OpenMetrics 'u_total': the name"},
        {"# TYPE u_total untyped\nu_total NaN\n", "", "6 families, in OpenMetrics 7"},
        {"u_total NaN\n", "u_total NaN\nu_total{a=\"1\"} 1\n",
         "family 'u_total', in OpenMetrics 'u_total': u_total{a=\"1\"}"},
        {"h_sum{q=\"\"} -1", "h_sum{q=\"\"} -2", "family 'h', in OpenMetrics 'h': "},
    };
    parser_page *openmetrics = parser_parse_openmetrics_ok(whole, sizeof whole - 1);
    for (size_t i = 0; i < COUNT(changes); i++) {
        const char *at = strstr(whole_text, changes[i].was);
        assert_non_null(at);
        char changed[2 * sizeof whole_text], why[PARSER_WHY_MAX];
        int len = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - whole_text), whole_text, changes[i].is,
                           at + strlen(changes[i].was));
        parser_page *text = parser_parse_ok(changed, (size_t)len);
        bool same = parser_is_same(text, openmetrics, why);
        parser_free(text);
        if (same || strncmp(why, changes[i].why, strlen(changes[i].why)) != 0) {
            print_error("'%s' as '%s': %s\n", changes[i].was, changes[i].is, why);
            fail();
        }
    }
    parser_free(openmetrics);
}

/* Shows the pages to tests/oracle/openmetrics.py. Returns its exit code; 77: the package is missing. */
static int ask_python(const bad_page *pages, size_t n)
{
    char dir[] = "/tmp/cprom-test-XXXXXX", path[128], command[4096 + 512];
    assert_non_null(mkdtemp(dir));
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%03zu", dir, i);
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(pages[i].text, 1, pages[i].len, file), pages[i].len);
        assert_int_equal(fclose(file), 0);
    }
    snprintf(command, sizeof command,
             "python=/usr/bin/python3; [ -x $python ] || python=$(command -v python3) || exit 77; "
             "$python '%s/../oracle/openmetrics.py' '%s'",
             CPROM_TEST_DATA, dir);
    int status = system(command);
    for (size_t i = 0; i < n; i++) {
        snprintf(path, sizeof path, "%s/%03zu", dir, i);
        unlink(path);
    }
    rmdir(dir);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void test_python_client_accepts_the_good_pages(void **state)
{
    enum {
        N = COUNT(good_pages)
    };
    bad_page pages[N + 1];
    for (size_t i = 0; i < N; i++) pages[i] = (bad_page){.text = good_pages[i].text, .len = good_pages[i].len};
    pages[N] = (bad_page){.text = whole, .len = sizeof whole - 1};
    int code = ask_python(pages, N + 1);
    if (code == 77) {
        print_message("SKIPPED %s: no python3-prometheus-client\n", __func__);
        skip();
    }
    assert_int_equal(code, 0);
}

/* What is excepted for the sake of the one is none for the other: were every page let through, it would say nothing. */
static void test_python_client_rejects_bad_pages(void **state)
{
    static const bad_page pages[] = {
        {"no # EOF", RAW(G "g 1.0\n"), ""},
        {"negative counter", PAGE(C "c_total -1.0\n"), ""},
        {"counter that is NaN", PAGE(C "c_total{a=\"_sum{\"} NaN\n"), ""},
        {"sum that is no number", PAGE(S "s_sum x\ns_count 1\n"), ""},
        {"exemplar without value", PAGE(C "c_total 1.0 # {a=\"b\"}\n"), ""},
        {"_gsum without _gcount", PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum -1.0\n"), ""},
        {"negative _gcount", PAGE(GH "gh_bucket{le=\"+Inf\"} 0\ngh_gsum -1.0\ngh_gcount -1\n"), ""},
        {"states of two series mixed",
         PAGE(T "t{t=\"x\",z=\"1\"} 0\nt{t=\"x\",z=\"2\"} 0\nt{t=\"y\",z=\"1\"} 0\nt{t=\"y\",z=\"2\"} 0\n"), ""},
    };
    for (size_t i = 0; i < COUNT(pages); i++) {
        int code = ask_python(&pages[i], 1);
        if (code == 77) {
            print_message("SKIPPED %s: no python3-prometheus-client\n", __func__);
            skip();
        }
        if (code != 1) print_error("%s: exit code %d\n", pages[i].name, code);
        assert_int_equal(code, 1);
    }
}

/* Where it is wrong, and what else is on the page is read all the same. */
static void test_python_client_faults_are_excepted(void **state)
{
    static const bad_page pages[] = {
        {"a brace in an exemplar", PAGE(C "c_total{a=\"}\"} 1.0 # {a=\"}\",b=\"{x}\"} 1.0 5.000\n"), ""},
        {"sums that are not counters",
         PAGE(H "h_bucket{a=\"} 1\",le=\"+Inf\"} 1\nh_sum{a=\"} 1\"} NaN\nh_count{a=\"} 1\"} 1\n" S
                "s{quantile=\"0.5\"} -2.0 1.000\ns_sum -1.0 1.000\ns_count 1 1.000\n"),
         ""},
        {"sums of gauge histograms",
         PAGE(GH "gh_bucket{a=\"1\",le=\"0.0\"} 1\ngh_bucket{a=\"1\",le=\"+Inf\"} 1\ngh_gsum{a=\"1\"} -2.0\n"
                 "gh_gcount{a=\"1\"} 1\ngh_bucket{a=\"2\",le=\"+Inf\"} 1\ngh_gsum{a=\"2\"} -Inf\n"
                 "gh_gcount{a=\"2\"} 1\n# TYPE h gaugehistogram\nh_bucket{le=\"+Inf\"} 1\nh_gsum NaN\nh_gcount 1\n"),
         ""},
    };
    static const bad_page infos = {
        "infos with and without timestamps", PAGE(I "i_info{a=\"1\"} 1\ni_info{a=\"2\"} 1 5.000\ni_info{a=\"3\"} 1\n"), ""};
    static const bad_page gauge = {"and a count that is wrong",
                                   PAGE(GH "gh_bucket{le=\"+Inf\"} 1\ngh_gsum -1.0\ngh_gcount 2\n"), ""};
    static const bad_page worse = {
        "and something wrong", PAGE(H "h_bucket{le=\"+Inf\"} 1\nh_sum NaN\nh_count 1\n" S "s_sum -1.0\ns_count 1.5\n"),
        ""};
    int code = ask_python(pages, COUNT(pages));
    if (code == 77) {
        print_message("SKIPPED %s: no python3-prometheus-client\n", __func__);
        skip();
    }
    assert_int_equal(code, 0);
    assert_int_equal(ask_python(&infos, 1), 0);
    assert_int_equal(ask_python(&gauge, 1), 1);
    assert_int_equal(ask_python(&worse, 1), 1);
}

int group_om_parser(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_good_page_is_accepted),
        cmocka_unit_test(test_parse_bad_page_is_refused_with_reason),
        cmocka_unit_test(test_parse_floats_table_is_accepted),
        cmocka_unit_test(test_parse_page_tells_what_is_on_it),
        cmocka_unit_test(test_parse_every_cut_of_a_page_is_refused),
        cmocka_unit_test(test_parse_no_line_has_two_forms),
        cmocka_unit_test(test_same_both_formats_of_a_page_agree),
        cmocka_unit_test(test_same_any_difference_is_found),
        cmocka_unit_test(test_python_client_accepts_the_good_pages),
        cmocka_unit_test(test_python_client_rejects_bad_pages),
        cmocka_unit_test(test_python_client_faults_are_excepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
