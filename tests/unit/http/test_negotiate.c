/* What a request's target and headers choose. The tables are the ones of the format's description. */
#include <locale.h>

#include "support/cprom_test.h"
#include "http/negotiate.h"

#define OM "application/openmetrics-text"
#define PROMETHEUS_2_42 OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
#define VICTORIA_METRICS "text/plain;version=0.0.4;q=1,*/*;q=0.1"
#define PROMETHEUS_3_5                                                                                                 \
    OM ";version=1.0.0;escaping=allow-utf-8;q=0.6," OM ";version=0.0.1;q=0.5,"                                         \
       "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"

static void test_http_format_of_each_header_is_the_described_one(void **state)
{
    static const struct {
        const char *accept;
        cprom_format format;
    } cases[] = {
        {NULL, CPROM_TEXT_0_0_4},
        {"", CPROM_TEXT_0_0_4},
        {"*/*", CPROM_TEXT_0_0_4},
        {PROMETHEUS_2_42, CPROM_OPENMETRICS_1_0},
        {VICTORIA_METRICS, CPROM_TEXT_0_0_4},
        {PROMETHEUS_3_5, CPROM_OPENMETRICS_1_0},
        /* versions */
        {OM, CPROM_OPENMETRICS_0_0_1},
        {OM ";version=0.0.1", CPROM_OPENMETRICS_0_0_1},
        {OM ";version=1.0.0", CPROM_OPENMETRICS_1_0},
        {OM ";version=2.0.0", CPROM_TEXT_0_0_4},
        {OM ";version=", CPROM_TEXT_0_0_4},
        {OM ";version=1.0.0;charset=utf-8", CPROM_OPENMETRICS_1_0},
        {OM "; charset=utf-8 ; version=1.0.0", CPROM_OPENMETRICS_1_0},
        {OM ";version=\"1.0.0\"", CPROM_OPENMETRICS_1_0},
        {OM ";version=2.0.0," OM ";version=1.0.0;q=0.1", CPROM_OPENMETRICS_1_0},
        {"text/plain", CPROM_TEXT_0_0_4},
        {"text/plain;version=1.0.0," OM ";version=1.0.0;q=0.2", CPROM_OPENMETRICS_1_0},
        /* no match: never refused */
        {"text/html", CPROM_TEXT_0_0_4},
        {"application/json;q=1", CPROM_TEXT_0_0_4},
        {"application/openmetrics-textual", CPROM_TEXT_0_0_4},
        {"application/openmetrics-tex", CPROM_TEXT_0_0_4},
        {"text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", CPROM_TEXT_0_0_4},
        {"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited," OM
         ";version=1.0.0;q=0.6",
         CPROM_OPENMETRICS_1_0},
        /* weights; the first of those that weigh the same */
        {"text/plain;q=0.5," OM ";q=0.6", CPROM_OPENMETRICS_0_0_1},
        {"text/plain;q=0.6," OM ";q=0.5", CPROM_TEXT_0_0_4},
        {"text/plain," OM, CPROM_TEXT_0_0_4},
        {OM ",text/plain", CPROM_OPENMETRICS_0_0_1},
        {"text/plain;q=0.5," OM ";q=0.5", CPROM_TEXT_0_0_4},
        {OM ";version=0.0.1;q=0.9," OM ";version=1.0.0;q=0.95", CPROM_OPENMETRICS_1_0},
        {"text/plain;q=0.123456788," OM ";q=0.123456789", CPROM_OPENMETRICS_0_0_1},
        {OM ";q=0", CPROM_TEXT_0_0_4},
        {OM ";q=0.000", CPROM_TEXT_0_0_4},
        {OM ";q=0,text/plain;q=0", CPROM_TEXT_0_0_4},
        {"text/plain;q=0.999," OM ";q=1.000", CPROM_OPENMETRICS_0_0_1},
        {"text/plain;q=0.9," OM ";Q=1.", CPROM_OPENMETRICS_0_0_1},
        {"*/*," OM ";q=0.5", CPROM_TEXT_0_0_4},
        {"*/*;q=0.4," OM ";q=0.5", CPROM_OPENMETRICS_0_0_1},
        /* a bad weight is 0 */
        {OM ";q=x", CPROM_TEXT_0_0_4},
        {OM ";q=", CPROM_TEXT_0_0_4},
        {OM ";q=.", CPROM_TEXT_0_0_4},
        {OM ";q=-1", CPROM_TEXT_0_0_4},
        {OM ";q=2", CPROM_TEXT_0_0_4},
        {OM ";q=1.5", CPROM_TEXT_0_0_4},
        {OM ";q=10", CPROM_TEXT_0_0_4},
        {OM ";q=11", CPROM_TEXT_0_0_4},
        {OM ";q=0.5.5", CPROM_TEXT_0_0_4},
        {OM ";q=0,5", CPROM_TEXT_0_0_4},
        {OM ";q=1e0", CPROM_TEXT_0_0_4},
        {OM ";q=NaN", CPROM_TEXT_0_0_4},
        {OM ";q=4294967297", CPROM_TEXT_0_0_4},
        {"text/plain;q=bad," OM ";q=0.1", CPROM_OPENMETRICS_0_0_1},
        /* blanks, case, empty clauses, quotes */
        {"  " OM " ; version=1.0.0 \t; q=0.5 , text/plain ;\tq=0.4", CPROM_OPENMETRICS_1_0},
        {"APPLICATION/OpenMetrics-Text;VERSION=1.0.0", CPROM_OPENMETRICS_1_0},
        {",,;q=1,;," OM, CPROM_OPENMETRICS_0_0_1},
        {",", CPROM_TEXT_0_0_4},
        {";", CPROM_TEXT_0_0_4},
        {"text/html;a=\"x," OM ";q=1\"", CPROM_TEXT_0_0_4},
        {"text/html;a=\"\\\"," OM "\";q=0.1", CPROM_TEXT_0_0_4},
        {"text/html;a=\"\\\",x\"," OM, CPROM_OPENMETRICS_0_0_1},
        {"text/html;a=\"" OM ", ", CPROM_TEXT_0_0_4},
        {"text/html;a=\"\\", CPROM_TEXT_0_0_4},
        {OM ";version", CPROM_OPENMETRICS_0_0_1},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (cprom__http_format(cases[i].accept) != cases[i].format) print_error("Accept: %s\n", cases[i].accept);
        assert_int_equal(cprom__http_format(cases[i].accept), cases[i].format);
    }
}

/* The description word by word: split into clauses, sort by q, stable, walk, take the first that is supported. */
typedef struct wish {
    const char *type, *version;
    double q;
} wish;

static void sort_wishes(wish *wishes, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        for (size_t k = i; k && wishes[k].q > wishes[k - 1].q; k--) {
            wish moved = wishes[k];
            wishes[k] = wishes[k - 1];
            wishes[k - 1] = moved;
        }
    }
}

static cprom_format walk_wishes(const wish *wishes, size_t n)
{
    for (size_t i = 0; i < n && wishes[i].q > 0; i++) {
        const wish *w = &wishes[i];
        if (strcmp(w->type, OM) == 0 && (!*w->version || strcmp(w->version, "0.0.1") == 0))
            return CPROM_OPENMETRICS_0_0_1;
        if (strcmp(w->type, OM) == 0 && strcmp(w->version, "1.0.0") == 0) return CPROM_OPENMETRICS_1_0;
        if (strcmp(w->type, "text/plain") == 0 && (!*w->version || strcmp(w->version, "0.0.4") == 0)) break;
        if (strcmp(w->type, "*/*") == 0) break;
    }
    return CPROM_TEXT_0_0_4;
}

static void test_http_format_of_random_headers_is_that_of_a_naive_reader(void **state)
{
    static const char *const types[] = {OM, OM, OM, "text/plain", "text/html", "*/*"};
    static const char *const versions[] = {"", "", "0.0.1", "1.0.0", "1.0.0", "0.0.4", "2.0.0"};
    static const struct {
        const char *text;
        double q;
    } weights[] = {{"", 1},           {"", 1},       {"q=1", 1},      {"q=0.5", .5}, {"q=0.50", .5}, {"q=0.499", .499},
                   {"q=0.501", .501}, {"q=0.3", .3}, {"q=0", 0},      {"q=0.0", 0},  {"q=x", 0},     {"q=1.1", 0},
                   {"q=1.000", 1},    {"Q=0.7", .7}, {"q = 0.7", .7}, {"q=-0.5", 0}};
    uint64_t random = 42, seen[3] = {0};
    for (int round = 0; round < 20000; round++) {
        wish wishes[6];
        char header[1024] = "";
        size_t n = 0;
        for (size_t count = (size_t)round % 6 + 1; n < count; n++) {
            wish *w = &wishes[n];
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            uint64_t r = random >> 20;
            const char *blank = r & 1 ? " " : "";
            size_t type = (r >> 8) % 6, version = (r >> 16) % 7, weight = (r >> 24) % 16;
            char text[160];
            *w = (wish){types[type], versions[version], weights[weight].q};
            /* The weight before the version or behind it, or with something else around. */
            const char *a = *w->version ? "version=" : "charset=utf-8", *semicolon = *weights[weight].text ? ";" : "";
            if (r & 2) {
                snprintf(text, sizeof text, "%s%s;%s%s%s%s%s%s", w->type, blank, blank, a, w->version, semicolon, blank,
                         weights[weight].text);
            } else {
                snprintf(text, sizeof text, "%s%s%s%s%s;%s%s%s", w->type, semicolon, blank, weights[weight].text, blank,
                         blank, a, w->version);
            }
            snprintf(header + strlen(header), sizeof header - strlen(header), "%s%s%s", n ? "," : "", blank, text);
        }
        sort_wishes(wishes, n);
        cprom_format expected = walk_wishes(wishes, n), got = cprom__http_format(header);
        if (got != expected) print_error("Accept: %s\n", header);
        assert_int_equal(got, expected);
        seen[got]++;
    }
    for (size_t i = 0; i < 3; i++) assert_true(seen[i] > 1000);
}

/* Whatever comes, nothing is read that is not there; the sanitizers look. */
static void test_http_readers_of_random_bytes_stay_inside(void **state)
{
    static const char alphabet[] = ",;=\"\\ \t*/.01q?&%[]name+:htp-\x80\x01";
    uint64_t random = 7;
    for (int round = 0; round < 20000; round++) {
        size_t len = (size_t)round % 40;
        char *text = malloc(len + 1);
        for (size_t i = 0; i < len; i++) {
            random = random * UINT64_C(6364136223846793005) + 1442695040888963407u;
            text[i] = alphabet[(random >> 33) % (sizeof alphabet - 1)];
        }
        text[len] = '\0';
        struct cprom__http_target target;
        cprom__http_format(text);
        assert_true(cprom__http_weight(text, "q") <= CPROM__HTTP_WEIGHT_ONE);
        assert_true(cprom__http_seconds(text) >= 0);
        cprom__http_is_token(text);
        if (len) text[0] = '/';
        if (cprom__http_target_read(text, &target)) {
            cprom__http_path_is(&target, "/metrics");
            const char **names = malloc(cprom__http_names_max(target.query) * sizeof *names);
            char *room = malloc(strlen(target.query) + 1);
            cprom__http_names(target.query, names, room);
            free(names);
            free(room);
        }
        free(text);
    }
}

static void test_http_format_in_a_comma_locale_is_the_same(void **state)
{
    if (!ct_comma_locale()) ct_skip("no locale with a decimal comma");
    assert_int_equal(cprom__http_format(PROMETHEUS_3_5), CPROM_OPENMETRICS_1_0);
    assert_true(cprom__http_seconds("9.5") == 9.5);
    setlocale(LC_ALL, "C");
}

static void test_http_weight_is_that_of_the_name(void **state)
{
    static const struct {
        const char *list, *name;
        uint32_t weight;
    } cases[] = {
        {NULL, "gzip", 0},
        {"", "gzip", 0},
        {"*", "gzip", 0},
        {"gzip", "gzip", 1000000000},
        {"gzip, deflate, br", "deflate", 1000000000},
        {"gzip;q=0.5", "gzip", 500000000},
        {"identity;q=0, gzip", "identity", 0},
        {"GZIP;q=0.001", "gzip", 1000000},
        {"gzip;q=0.2, gzip;q=0.3", "gzip", 300000000},
        {"x-gzip", "gzip", 0},
        {"gzi", "gzip", 0},
        {"gzip;q=0.0000000001", "gzip", 0},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_int_equal(cprom__http_weight(cases[i].list, cases[i].name), cases[i].weight);
    }
}

static void test_http_seconds_are_plain_decimals(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } cases[] = {{NULL, 0},  {"", 0},    {"10", 10},  {"9.5", 9.5}, {" 0.25 ", 0.25}, {".5", 0.5},
                 {"1.", 1},  {"0", 0},   {"-1", 0},   {"1e3", 0},   {"inf", 0},       {"nan", 0},
                 {"1,5", 0}, {"1 2", 0}, {"0x10", 0}, {"1.2.3", 0}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(cprom__http_seconds(cases[i].text) == cases[i].seconds);
    }
    char many[400];
    memset(many, '9', sizeof many - 1);
    many[sizeof many - 1] = '\0';
    assert_true(cprom__http_seconds(many) > 1e300); /* infinite, which is no limit */
}

static void test_http_is_token_takes_what_a_header_name_may_be(void **state)
{
    assert_true(cprom__http_is_token("gzip"));
    assert_true(cprom__http_is_token("x-A_9!#$%&'*+.^`|~"));
    static const char *const bad[] = {"", "a b", "a,b", "a;b", "a=b", "\"a\"", "a\r\n", "\xc3\xa4", "(", "@"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(cprom__http_is_token(bad[i]));
}

static void test_http_target_read_gives_path_and_query(void **state)
{
    static const struct {
        const char *target, *path, *query;
    } cases[] = {
        {"/metrics", "/metrics", ""},
        {"/metrics?", "/metrics", ""},
        {"/metrics?a=b&c", "/metrics", "a=b&c"},
        {"/metrics?a?b", "/metrics", "a?b"},
        {"/%6detrics", "/metrics", ""},
        {"/%6Detri%63s", "/metrics", ""},
        {"/", "/", ""},
        {"http://localhost:9464/metrics?x", "/metrics", "x"},
        {"HTTPS://[::1]/metrics", "/metrics", ""},
        {"http://localhost", "/", ""},
        {"http://localhost?x", "/", "x"},
        {"//metrics", "//metrics", ""},
        {"/metrics/", "/metrics/", ""},
        {"/a%2fb", "/a/b", ""},
        {"/\xc3\xa4", "/\xc3\xa4", ""},
    };
    struct cprom__http_target target;
    for (size_t i = 0; i < COUNT(cases); i++) {
        assert_true(cprom__http_target_read(cases[i].target, &target));
        assert_true(cprom__http_path_is(&target, cases[i].path));
        assert_string_equal(target.query, cases[i].query);
    }
    assert_true(cprom__http_target_read("/metrics", &target));
    static const char *const others[] = {"/metric", "/metricss", "/Metrics", "metrics", "", "/"};
    for (size_t i = 0; i < COUNT(others); i++) assert_false(cprom__http_path_is(&target, others[i]));
    static const char *const bad[] = {
        "",       "*",      "metrics", "localhost:80", "http:/metrics", "http:///metrics", "ftp://h/", "/%",
        "/%4",    "/%4g",   "/%g4",    "/%00",         "/a?%zz",        "/a?b=%0",         "/a b",     "/a\tb",
        "/a\x7f", "/a\r\n", "http://", "://h/"};
    for (size_t i = 0; i < COUNT(bad); i++) assert_false(cprom__http_target_read(bad[i], &target));
}

static void test_http_names_are_decoded_values_of_name(void **state)
{
    static const struct {
        const char *query;
        size_t n;
        const char *names[3];
    } cases[] = {
        {"", 0, {NULL}},
        {"name[]=up", 1, {"up"}},
        {"name[]=a&name[]=b&name[]=c", 3, {"a", "b", "c"}},
        {"name%5B%5D=a&name%5b%5d=b", 2, {"a", "b"}},
        {"n%61me[]=%75p", 1, {"up"}},
        {"name[]=", 1, {""}},
        {"&&name[]=a&&", 1, {"a"}},
        {"name[]=a=b", 1, {"a=b"}},
        {"name[]=a+b%2Bc%26d", 1, {"a b+c&d"}},
        {"name=a&name[=b&name[]]=c&ame[]=d&NAME[]=e&name[]", 0, {NULL}},
        {"collect[]=x&name[]=a&y=z", 1, {"a"}},
        {"name[]", 0, {NULL}},
        {"n&name[]=a", 1, {"a"}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        const char *query = cases[i].query;
        /* On the heap and just as large as it must be, so that a sanitizer sees one byte too many. */
        size_t max = cprom__http_names_max(query);
        const char **names = malloc(max * sizeof *names);
        char *text = malloc(strlen(query) + 1);
        assert_int_equal(cprom__http_names(query, names, text), cases[i].n);
        for (size_t k = 0; k < cases[i].n; k++) assert_string_equal(names[k], cases[i].names[k]);
        free(names);
        free(text);
    }
}

int group_negotiate(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_format_of_each_header_is_the_described_one),
        cmocka_unit_test(test_http_format_of_random_headers_is_that_of_a_naive_reader),
        cmocka_unit_test(test_http_readers_of_random_bytes_stay_inside),
        cmocka_unit_test(test_http_format_in_a_comma_locale_is_the_same),
        cmocka_unit_test(test_http_weight_is_that_of_the_name),
        cmocka_unit_test(test_http_seconds_are_plain_decimals),
        cmocka_unit_test(test_http_is_token_takes_what_a_header_name_may_be),
        cmocka_unit_test(test_http_target_read_gives_path_and_query),
        cmocka_unit_test(test_http_names_are_decoded_values_of_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
