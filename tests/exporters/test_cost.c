/*
 * What it costs to read what others wrote: four times as much of it costs about four times as much, whatever the bytes
 * are. Steps are counted (cost.h).
 */
#include "support/cprom_test.h"

#include "claims.h"
#include "cost.h"
#include "json.h"
#include "regexp.h"
#include "rules.h"
#include "script.h"
#include "text_parser.h"
#include "text_settle.h"

#define N 4096 /* and 4 times as many; powers of two, so that tables have grown alike */

typedef void write_function(FILE *out, size_t n);

static char *write_text(write_function *write_to, size_t n, size_t *len)
{
    char *text;
    FILE *out = open_memstream(&text, len);
    assert_non_null(out);
    write_to(out, n);
    assert_int_equal(fclose(out), 0);
    return text;
}

static uint64_t cost_of(bool (*read_from)(const char *text, size_t n), write_function *write_to, size_t n, size_t *len)
{
    char *text = write_text(write_to, n, len);
    uint64_t before = cost_now();
    assert_true(read_from(text, *len));
    uint64_t cost = cost_now() - before;
    free(text);
    return cost;
}

/* Half as much again leaves room for the logarithm; with a square it would be four times as much. */
static void assert_linear(const char *name, bool (*read_from)(const char *text, size_t n), write_function *write_to,
                          uint64_t per_byte)
{
    size_t few, many;
    uint64_t small = cost_of(read_from, write_to, N, &few), large = cost_of(read_from, write_to, 4 * N, &many);
    printf("%-20s %8.1f steps a byte, then %8.1f\n", name, (double)small / (double)few, (double)large / (double)many);
    if (large / many > small / few + small / few / 2 + 1) fail_msg("%s: the cost grows faster than the text", name);
    if (large > per_byte * many + COST_ANY) fail_msg("%s: more than %u steps a byte", name, (unsigned)per_byte);
}

/* ---- Prometheus text ---- */

static void families(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "x%zu 1\n", i);
}

static void series(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "x{n=\"%zu\"} 1\n", i);
}

static void label_names(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "x{l%zu=\"1\"} 1\n", i);
}

static void alternating(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "x{l%zu=\"%zu\"} 1\n", i % 7, i);
}

static void falling_buckets(FILE *out, size_t n)
{
    fprintf(out, "# TYPE h histogram\n");
    for (size_t i = n; i > 0; i--) fprintf(out, "h_bucket{le=\"%zu\"} %zu\n", i, i);
}

static void same_bucket(FILE *out, size_t n)
{
    fprintf(out, "# TYPE h histogram\n");
    for (size_t i = 0; i < n; i++) fprintf(out, "h_bucket{le=\"1\"} 1\n");
}

static void same_series(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "x{a=\"1\"} 1\n");
}

static void comments(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "# HELP x%zu\n", i);
}

static void escapes(FILE *out, size_t n)
{
    fprintf(out, "# HELP x ");
    for (size_t i = 0; i < n; i++) fprintf(out, "\\\\\\n\xff");
    fprintf(out, "\nx 1\n");
}

static void blanks(FILE *out, size_t n)
{
    for (size_t i = 0; i < n; i++) fprintf(out, "         ");
    fprintf(out, "x 1\n");
}

static void many_labels(FILE *out, size_t n)
{
    fprintf(out, "x{");
    for (size_t i = 0; i < n; i++) fprintf(out, "l%zu=\"1\",", i);
    fprintf(out, "} 1\n");
}

static void labels_backwards(FILE *out, size_t n)
{
    for (size_t i = 0; i < n / 16; i++) {
        fprintf(out, "x{");
        for (int k = CPROM_LABELS_MAX; k > 0; k--) fprintf(out, "l%02d=\"%zu\",", k, i);
        fprintf(out, "} 1\n");
    }
}

static void digits(FILE *out, size_t n)
{
    fprintf(out, "x 0.");
    for (size_t i = 0; i < n; i++) fprintf(out, "1234567");
    fprintf(out, "\n");
}

static void long_names(FILE *out, size_t n)
{
    char name[1000];
    memset(name, 'x', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    for (size_t i = 0; i < n / 16; i++) fprintf(out, "%s%zu 1\n", name, i);
}

static bool read_page(const char *text, size_t n)
{
    struct text_error error;
    struct text_page *page = text_parse(text, n, &error);
    struct claims *claims = claims_new();
    bool good = page && claims && text_settle(&page, 1) && claims_replace(claims, NULL, page, false, &error);
    claims_free(claims);
    text_free(page);
    return good;
}

static void test_text_cost_follows_size(void **state)
{
    static const struct {
        const char *name;
        write_function *write_to;
    } kinds[] = {{"families", families},
                 {"series", series},
                 {"label_names", label_names},
                 {"alternating", alternating},
                 {"falling_buckets", falling_buckets},
                 {"same_bucket", same_bucket},
                 {"same_series", same_series},
                 {"comments", comments},
                 {"escapes", escapes},
                 {"blanks", blanks},
                 {"many_labels", many_labels},
                 {"labels_backwards", labels_backwards},
                 {"digits", digits},
                 {"long_names", long_names}};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        assert_linear(kinds[i].name, read_page, kinds[i].write_to, COST_TEXT_BYTE);
    }
}

/* ---- files side by side ---- */

static void files(FILE *out, size_t n)
{
    for (size_t i = 0; i < n / 4; i++) fprintf(out, "# TYPE x counter\nx{n=\"%zu\"} 1\n%c", i, 0);
}

static void created_files(FILE *out, size_t n)
{
    for (size_t i = 0; i < n / 4; i++) {
        fprintf(out, "# TYPE x_total counter\nx_total{n=\"%zu\"} 1\nx_created{n=\"%zu\"} 1\n%c", i, i, 0);
    }
}

/* A NUL behind each file. */
static bool read_files(const char *text, size_t n)
{
    static struct text_page *pages[N];
    struct text_error error;
    struct claims *claims = claims_new();
    size_t n_pages = 0;
    bool good = claims;
    for (const char *end; good && n; n -= (size_t)(end + 1 - text), text = end + 1) {
        end = memchr(text, '\0', n);
        pages[n_pages] = text_parse(text, (size_t)(end - text), &error);
        good = pages[n_pages++];
    }
    good = good && text_settle(pages, n_pages);
    for (size_t i = 0; i < n_pages; i++) {
        good = good && claims_replace(claims, NULL, pages[i], false, &error);
        text_free(pages[i]);
    }
    claims_free(claims);
    return good;
}

static void test_cost_of_many_files_with_one_family_follows_size(void **state)
{
    assert_linear("files", read_files, files, COST_TEXT_BYTE);
    assert_linear("created_files", read_files, created_files, COST_TEXT_BYTE);
}

/* ---- JSON ---- */

static void items(FILE *out, size_t n)
{
    fprintf(out, "[");
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s{\"metric\":\"m%zu\",\"value\":1,\"counterType\":\"GAUGE\",\"tags\":\"a=b\"}", i ? "," : "",
                i % 1999);
    }
    fprintf(out, "]");
}

static void one_character_names(FILE *out, size_t n)
{
    fprintf(out, "[");
    for (size_t i = 0; i < n; i++) {
        fprintf(out, "%s{\"metric\":\"%c\",\"value\":\"1\",\"counterType\":\"COUNTER\"}", i ? "," : "",
                (char)('a' + i % 26));
    }
    fprintf(out, "]");
}

static void tags(FILE *out, size_t n)
{
    fprintf(out, "[");
    for (size_t i = 0; i < n / 16; i++) {
        fprintf(out, "%s{\"metric\":\"m\",\"value\":1,\"counterType\":\"GAUGE\",\"tags\":\"", i ? "," : "");
        for (int k = CPROM_LABELS_MAX; k > 0; k--) fprintf(out, "l%02d=%zu%s", k, i, k > 1 ? "," : "");
        fprintf(out, "\"}");
    }
    fprintf(out, "]");
}

static bool read_output(const char *text, size_t n)
{
    struct text_error error;
    struct text_page *page = output_parse(text, n, &error);
    text_free(page);
    return page;
}

static void empty_arrays(FILE *out, size_t n)
{
    fprintf(out, "[[]");
    for (size_t i = 0; i < n; i++) fprintf(out, ",[]");
    fprintf(out, "]");
}

static void string(FILE *out, size_t n)
{
    fprintf(out, "\"");
    for (size_t i = 0; i < n; i++) fprintf(out, "\\u00e9\\\"a");
    fprintf(out, "\"");
}

static void members(FILE *out, size_t n)
{
    fprintf(out, "{\"a\":1");
    for (size_t i = 0; i < n; i++) fprintf(out, ",\"a%zu\":-1.5e3", i);
    fprintf(out, "}");
}

static bool read_json(const char *text, size_t n)
{
    struct text_error error;
    struct arena arena = {0};
    bool good = json_parse(&arena, text, n, &error);
    arena_free(&arena);
    return good;
}

static void test_json_cost_follows_size(void **state)
{
    assert_linear("items", read_output, items, COST_JSON_BYTE);
    assert_linear("one_character_names", read_output, one_character_names, COST_JSON_BYTE);
    assert_linear("tags", read_output, tags, COST_JSON_BYTE);
    assert_linear("empty_arrays", read_json, empty_arrays, COST_JSON_BYTE);
    assert_linear("string", read_json, string, COST_JSON_BYTE);
    assert_linear("members", read_json, members, COST_JSON_BYTE);
}

/* ---- configuration, regular expressions ---- */

static void names(FILE *out, size_t n)
{
    fprintf(out, "process_names:\n  - comm:\n");
    for (size_t i = 0; i < n; i++) fprintf(out, "      - n%zu\n", i);
}

static void many_rules(FILE *out, size_t n)
{
    fprintf(out, "process_names:\n");
    for (size_t i = 0; i < n / 2; i++) fprintf(out, "  - exe: [e%zu]\n", i);
}

static bool read_config(const char *text, size_t n)
{
    char error[RULES_ERROR_MAX] = "";
    struct rules rules = {0};
    bool good = rules_parse(&rules, "c", text, n, error);
    rules_free(&rules);
    return good;
}

static void test_config_cost_follows_size(void **state)
{
    assert_linear("names", read_config, names, COST_CONFIG_BYTE);
    assert_linear("many_rules", read_config, many_rules, COST_CONFIG_BYTE);
}

/* [a-a c-c e-e ...], not in order, and of it 100. */
static void class_of_many(FILE *out, size_t n)
{
    fprintf(out, "(?:[");
    for (size_t i = 0; i < n; i++) fprintf(out, "\\x{%zx}", 0x10000 + 2 * (i * 7 % n));
    fprintf(out, "]|y){100}");
}

static void classes_without_end(FILE *out, size_t n)
{
    fprintf(out, "[");
    for (size_t i = 0; i < n; i++) fprintf(out, "[:a");
    fprintf(out, "]");
}

static bool read_expression(const char *text, size_t n)
{
    char error[REGEXP_ERROR_MAX];
    struct regexp *regex = regexp_new(text, n, error);
    regexp_free(regex);
    return regex;
}

static void test_regexp_cost_follows_size(void **state)
{
    assert_linear("classes_without_end", read_expression, classes_without_end, COST_CONFIG_BYTE);
}

/* What a match costs beside that of the shortest expression of the same form. */
static void test_regexp_cost_of_a_large_class_is_that_of_a_small_one(void **state)
{
    uint64_t costs[2];
    for (int i = 0; i < 2; i++) {
        char error[REGEXP_ERROR_MAX], text[1000];
        size_t len;
        char *pattern = write_text(class_of_many, i ? N : 1, &len);
        struct regexp *regex = regexp_new(pattern, len, error);
        if (!regex) fail_msg("%s", error);
        memset(text, 'y', sizeof text);
        uint64_t before = cost_now();
        assert_int_equal(regexp_match(regex, text, 99, NULL), 0);
        costs[i] = cost_now() - before;
        regexp_free(regex);
        free(pattern);
    }
    printf("%-20s %8.1f steps a byte, then %8.1f\n", "class_of_many", (double)costs[0] / 99, (double)costs[1] / 99);
    assert_true(costs[1] < 8 * costs[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_cost_follows_size),
        cmocka_unit_test(test_cost_of_many_files_with_one_family_follows_size),
        cmocka_unit_test(test_json_cost_follows_size),
        cmocka_unit_test(test_config_cost_follows_size),
        cmocka_unit_test(test_regexp_cost_follows_size),
        cmocka_unit_test(test_regexp_cost_of_a_large_class_is_that_of_a_small_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
