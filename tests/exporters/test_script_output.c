#include "support/cprom_test.h"

#include "script.h"
#include "text.h"

/* What scripts print, as JSON of open-falcon's plugins, and what the exporter asks of text beyond the format. */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static void assert_page(const char *text, const char *expected)
{
    struct text_error error;
    size_t len;
    struct text_page *page = output_parse(text, strlen(text), &error);
    if (!page) fail_msg("line %zu: %s\n%s", error.line, error.what, text);
    char *printed = text_print(page, &len);
    ct_assert_text_equal(printed, expected);
    cprom_text_free(printed);
    text_free(page);
}

static void test_output_parse_json_becomes_families(void **state)
{
    assert_page(
        "\n[{\"endpoint\": \"host\", \"metric\": \"df.bytes.free\", \"timestamp\": 1700000000, \"step\": 60,\n"
        "  \"value\": 1.5, \"counterType\": \"GAUGE\", \"tags\": \"mount=/,fs type = ext4 \"},\n"
        " {\"metric\": \"df.bytes.free\", \"value\": \"2e3\", \"counterType\": \"GAUGE\", \"tags\": \"mount=/a=b\"},\n"
        " {\"metric\": \"if.in\", \"value\": 7, \"counterType\": \"COUNTER\"}]\n",
        "# TYPE df_bytes_free gauge\ndf_bytes_free{mount=\"/a=b\"} 2000\n"
        "df_bytes_free{fs_type=\"ext4\",mount=\"/\"} 1.5\n# TYPE if_in counter\nif_in 7\n");
    assert_page("[]", "");
}

static void test_output_parse_names_are_mapped(void **state)
{
    static const struct {
        const char *from, *to;
    } names[] = {{"a", "a"}, {"cpu.idle", "cpu_idle"}, {"9lives", "_9lives"}, {"a:b", "a:b"}, {"a-b/c d", "a_b_c_d"},
                 {"\xc3\xa4\xe2\x82\xac", "__"}, {"_x", "_x"}, {".", "_"}, {"A.b9", "A_b9"}, {"x_sum", "x_sum"}};
    char text[256], expected[256];
    for (size_t i = 0; i < COUNT(names); i++) {
        snprintf(text, sizeof text, "[{\"metric\":\"%s\",\"value\":1,\"counterType\":\"GAUGE\",\"tags\":\"\"}]",
                 names[i].from);
        snprintf(expected, sizeof expected, "# TYPE %s gauge\n%s 1\n", names[i].to, names[i].to);
        assert_page(text, expected);
    }
    assert_page("[{\"metric\":\"m\",\"value\":1,\"counterType\":\"GAUGE\",\"tags\":\"a.b=1,9=2,c:d=3,\xc3\xa4=4,e=\"}]",
                "# TYPE m gauge\nm{_=\"4\",_9=\"2\",a_b=\"1\",c_d=\"3\"} 1\n");
}

static void test_output_parse_text_is_no_json(void **state)
{
    assert_page("# TYPE a counter\na{b=\"c\"} 1\n", "# TYPE a counter\na{b=\"c\"} 1\n");
    assert_page("", "");
}

#define ITEM(rest) "[{\"metric\":\"m\",\"value\":1,\"counterType\":\"GAUGE\"" rest "}]"

static void test_output_parse_bad_output_names_line_and_reason(void **state)
{
    static const struct {
        const char *text;
        size_t line;
        const char *what;
    } bads[] = {
        {"[", 1, "the text ends"},
        {"[{}] x", 1, "expected the end"},
        {"[1]", 1, "a metric is an object"},
        {"[\n[]]", 2, "a metric is an object"},
        {"[{}]", 1, "\"metric\" is missing"},
        {"[{\"metric\":\"m\",\"counterType\":\"GAUGE\"}]", 1, "\"value\" is missing"},
        {"[\n{\"metric\":\"m\",\"value\":1}]", 2, "\"counterType\" is missing"},
        {"[{\"metric\":\"m\",\n\"metric\":\"m\"}]", 2, "\"metric\" twice"},
        {ITEM(",\"Tags\":\"\""), 1, "unknown name \"Tags\""},
        {ITEM(",\"tags\":null"), 1, "\"tags\" is of the wrong type"},
        {ITEM(",\"tags\":{\"a\":\"b\"}"), 1, "\"tags\" is of the wrong type"},
        {ITEM(",\"step\":\"60\""), 1, "\"step\" is of the wrong type"},
        {ITEM(",\"endpoint\":1"), 1, "\"endpoint\" is of the wrong type"},
        {"[{\"metric\":\"m\",\"value\":true,\"counterType\":\"GAUGE\"}]", 1, "\"value\" is of the wrong type"},
        {"[{\"metric\":\"m\",\"value\":\"x\",\"counterType\":\"GAUGE\"}]", 1, "\"value\" is \"x\", which is no number"},
        {"[{\"metric\":\"m\",\"value\":\"\",\"counterType\":\"GAUGE\"}]", 1, "no number"},
        {"[{\"metric\":\"m\",\"value\":1,\"counterType\":\"gauge\"}]", 1, "there are GAUGE and COUNTER"},
        {"[{\"metric\":\"m\",\"value\":1,\"counterType\":\"DERIVE\"}]", 1, "there are GAUGE and COUNTER"},
        {"[{\"metric\":\"\",\"value\":1,\"counterType\":\"GAUGE\"}]", 1, "empty or too long"},
        {ITEM(",\"tags\":\"a\""), 1, "tags: \"a\" has no ="},
        {ITEM(",\"tags\":\"a=b,c\""), 1, "tags: \"c\" has no ="},
        {ITEM(",\"tags\":\"a=b,\""), 1, "tags end with a comma"},
        {ITEM(",\"tags\":\",a=b\""), 1, "tags: \"\" has no ="},
        {ITEM(",\"tags\":\"=b\""), 1, "tags: \"\" can be no label"},
        {ITEM(",\"tags\":\"..a=b\""), 1, "tags: \"..a\" can be no label"},
        {ITEM(",\"tags\":\"a=b,a=c\""), 1, "label a twice"},
        {ITEM(",\"tags\":\"a.b=1,a_b=1\""), 1, "label a_b twice"},
        {ITEM(",\"tags\":\"script=x\""), 1, "m: the label script is the exporter's own"},
        {"[{\"metric\":\"a.b\",\"value\":1,\"counterType\":\"GAUGE\"},\n{\"metric\":\"a_b\",\"value\":1,"
         "\"counterType\":\"COUNTER\"}]",
         2, "a_b is a counter here, and another in line 1"},
        {"{\"metric\":\"m\"}", 1, "the output is no array"},
        {"a 1\nb 1 5\n", 2, "b has a timestamp"},
        {"a 1\nb{script=\"x\"} 1\n", 2, "b: the label script is the exporter's own"},
        {"a x\n", 1, "x is no number"},
    };
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct text_error error = {0};
        struct text_page *page = output_parse(bads[i].text, strlen(bads[i].text), &error);
        if (page || error.line != bads[i].line || !strstr(error.what, bads[i].what)) {
            fail_msg("%s: line %zu: %s; expected line %zu: %s", bads[i].text, error.line, page ? "taken" : error.what,
                     bads[i].line, bads[i].what);
        }
    }
}

static void test_output_parse_same_series_is_left_out(void **state)
{
    struct text_error error = {0};
    static const char text[] = "[{\"metric\":\"a.b\",\"value\":1,\"counterType\":\"GAUGE\"},\n{\"metric\":\"a_b\",\"value\":2,"
                               "\"counterType\":\"GAUGE\"}]";
    struct text_page *page = output_parse(text, strlen(text), &error);
    assert_non_null(page);
    assert_true(page->families->metrics->value == 1);
    assert_int_equal(page->left_out.line, 2);
    assert_string_equal(page->left_out.what, "a_b: the same series as in line 1");
    text_free(page);
}

/* That many families, a line each. */
static void write_families(char *text, size_t size, int n)
{
    size_t len = 0;
    for (int i = 0; i < n; i++) len += (size_t)snprintf(text + len, size - len, "x%d 1\n", i);
}

static void test_output_parse_too_many_families_are_refused(void **state)
{
    static char text[65536];
    struct text_error error = {0};
    write_families(text, sizeof text, 2000);
    struct text_page *page = output_parse(text, strlen(text), &error);
    assert_non_null(page);
    text_free(page);
    write_families(text, sizeof text, 2001);
    assert_null(output_parse(text, strlen(text), &error));
    assert_string_equal(error.what, "more than 2000 families and changes of label names");
    size_t len = 0;
    for (int i = 0; i < 2001; i++) len += (size_t)snprintf(text + len, sizeof text - len, "x{l%d=\"1\"} 1\n", i);
    assert_null(output_parse(text, strlen(text), &error));
    assert_string_equal(error.what, "more than 2000 families and changes of label names");
}

static void test_script_seconds_of_file_names(void **state)
{
    static const struct {
        const char *file;
        unsigned seconds;
        const char *name;
    } files[] = {{"60_disk.sh", 60, "disk.sh"},
                 {"1_a", 1, "a"},
                 {"86400_daily", 86400, "daily"},
                 {"5__", 5, "_"},
                 {"5_1_2", 5, "1_2"},
                 {"5_A-b.C_9", 5, "A-b.C_9"},
                 {"86401_a", 0, NULL},
                 {"99999999999999999999_a", 0, NULL},
                 {"0_a", 0, NULL},
                 {"05_a", 0, NULL},
                 {"60_", 0, NULL},
                 {"60", 0, NULL},
                 {"_a", 0, NULL},
                 {"a", 0, NULL},
                 {".", 0, NULL},
                 {"60_a~", 0, NULL},
                 {"60_a.sh~", 0, NULL},
                 {"60_a.bak", 0, NULL},
                 {"60_a.sh.orig", 0, NULL},
                 {"60_a.rej", 0, NULL},
                 {"60_a.old", 0, NULL},
                 {"60_a.disabled", 0, NULL},
                 {"60_a.sh.rpmsave", 0, NULL},
                 {"60_a.rpmnew", 0, NULL},
                 {"60_a.dpkg-dist", 0, NULL},
                 {"60_a.dpkg-old", 0, NULL},
                 {"60_a.ucf-dist", 0, NULL},
                 {"60_old", 60, "old"},
                 {"60_a.bak.sh", 60, "a.bak.sh"},
                 {"60_a.dpkg", 60, "a.dpkg"},
                 {"60_a.older", 60, "a.older"},
                 {"60_a b", 0, NULL},
                 {"60_a\n", 0, NULL},
                 {"60_\xc3\xa4", 0, NULL},
                 {".60_a", 0, NULL},
                 {"60-a", 0, NULL},
                 {"+60_a", 0, NULL},
                 {"", 0, NULL}};
    for (size_t i = 0; i < COUNT(files); i++) {
        const char *name = NULL;
        if (script_seconds(files[i].file, &name) != files[i].seconds) fail_msg("%s", files[i].file);
        if (files[i].seconds) assert_string_equal(name, files[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_output_parse_json_becomes_families),
        cmocka_unit_test(test_output_parse_names_are_mapped),
        cmocka_unit_test(test_output_parse_text_is_no_json),
        cmocka_unit_test(test_output_parse_bad_output_names_line_and_reason),
        cmocka_unit_test(test_output_parse_same_series_is_left_out),
        cmocka_unit_test(test_output_parse_too_many_families_are_refused),
        cmocka_unit_test(test_script_seconds_of_file_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
