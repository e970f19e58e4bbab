#include "support/cprom_test.h"

#include "json.h"

/* What the strict reader of JSON takes and refuses. */

static const struct json *parse(struct arena *arena, const char *text, struct text_error *error)
{
    size_t n = strlen(text);
    char *exact = malloc(n ? n : 1); /* exactly as many bytes as there are */
    memcpy(exact, text, n);
    const struct json *json = json_parse(arena, exact, n, error);
    free(exact);
    return json;
}

static const struct json *parse_ok(struct arena *arena, const char *text)
{
    struct text_error error;
    const struct json *json = parse(arena, text, &error);
    if (!json) fail_msg("line %zu: %s: %s", error.line, error.what, text);
    return json;
}

static void test_json_parse_values_have_their_types(void **state)
{
    struct arena arena = {0};
    const struct json *json =
        parse_ok(&arena, " [null,true,\nfalse,-1.5e1,\"x\",[],{} ,[[1]],{\"a\":{\"b\":2},\"\":3}] \n");
    const enum json_type types[] = {JSON_NULL, JSON_TRUE, JSON_FALSE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT,
                                    JSON_ARRAY, JSON_OBJECT};
    assert_int_equal(json->type, JSON_ARRAY);
    assert_int_equal(json->line, 1);
    const struct json *value = json->first;
    for (size_t i = 0; i < COUNT(types); i++, value = value->next) {
        assert_int_equal(value->type, types[i]);
        assert_int_equal(value->line, i < 2 ? 1 : 2);
        if (i == 3) assert_true(value->number == -15);
        if (i == 4) assert_string_equal(value->string, "x");
        if (i == 5 || i == 6) assert_null(value->first);
        if (i == 7) assert_true(value->first->first->number == 1);
        if (i != 8) continue;
        assert_string_equal(value->first->key, "a");
        assert_string_equal(value->first->first->key, "b");
        assert_true(value->first->first->number == 2);
        assert_string_equal(value->first->next->key, "");
        assert_true(value->first->next->number == 3);
        assert_null(value->first->next->next);
    }
    assert_null(value);
    arena_free(&arena);
}

static void test_json_parse_strings_are_utf8(void **state)
{
    static const struct {
        const char *text, *expected;
    } strings[] = {
        {"\"\"", ""},
        {"\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\/\b\f\n\r\t"},
        {"\"\\u0041\\u00e4\\u20AC\\ud83d\\uDE00\"", "A\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"},
        {"\"\\u007f\\u0080\\u07ff\\u0800\\uffff\\ud800\\udc00\\udbff\\udfff\"",
         "\x7f\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf"},
        {"\"\xc3\xa4\xf0\x9f\x98\x80\x7f\"", "\xc3\xa4\xf0\x9f\x98\x80\x7f"},
    };
    struct arena arena = {0};
    for (size_t i = 0; i < COUNT(strings); i++) {
        assert_string_equal(parse_ok(&arena, strings[i].text)->string, strings[i].expected);
    }
    arena_free(&arena);
}

static void test_json_parse_bad_text_names_line_and_reason(void **state)
{
    static const struct {
        const char *text;
        size_t line;
        const char *what;
    } bads[] = {
        {"", 1, "the text ends; expected a value"},
        {" \n\n", 3, "the text ends; expected a value"},
        {"[", 1, "the text ends; expected a value"},
        {"[1", 1, "the text ends; expected ',' or ']'"},
        {"[1,]", 1, "unexpected ']'; expected a value"},
        {"[1\n 2]", 2, "unexpected '2'; expected ',' or ']'"},
        {"[1}", 1, "unexpected '}'"},
        {"[,1]", 1, "unexpected ','"},
        {"]", 1, "unexpected ']'"},
        {"1 2", 1, "unexpected '2'; expected the end"},
        {"[]]", 1, "unexpected ']'; expected the end"},
        {"{", 1, "expected a name in quotes"},
        {"{a:1}", 1, "unexpected 'a'; expected a name"},
        {"{\"a\"}", 1, "unexpected '}'; expected ':'"},
        {"{\"a\":}", 1, "unexpected '}'; expected a value"},
        {"{\"a\":1,}", 1, "unexpected '}'; expected a name"},
        {"{\"a\":1 \"b\":2}", 1, "unexpected '\"'; expected ',' or '}'"},
        {"{1:1}", 1, "unexpected '1'"},
        {"nul", 1, "expected a value"},
        {"True", 1, "unexpected 'T'"},
        {"nulls", 1, "unexpected 's'; expected the end"},
        {"NaN", 1, "unexpected 'N'"},
        {"Infinity", 1, "unexpected 'I'"},
        {"-", 1, "expected a digit"},
        {"+1", 1, "unexpected '+'"},
        {".5", 1, "unexpected '.'"},
        {"5.", 1, "expected a digit"},
        {"1e", 1, "expected a digit"},
        {"1e+", 1, "expected a digit"},
        {"01", 1, "leading 0"},
        {"-01", 1, "leading 0"},
        {"0x1", 1, "unexpected 'x'"},
        {"1e999", 1, "too large"},
        {"'a'", 1, "unexpected '''"},
        {"\"a", 1, "does not end"},
        {"\"\\", 1, "does not end"},
        {"\"\\\"", 1, "does not end"},
        {"\"a\nb\"", 1, "control character"},
        {"\"a\tb\"", 1, "control character"},
        {"\"\\a\"", 1, "unknown escape"},
        {"\"\\u12\"", 1, "four hexadecimal digits"},
        {"\"\\u12g4\"", 1, "four hexadecimal digits"},
        {"\"\\u0000\"", 1, "\\u0000"},
        {"\"\\ud800\"", 1, "first half"},
        {"\"\\ud800x\"", 1, "first half"},
        {"\"\\ud800\\n\"", 1, "first half"},
        {"\"\\ud800\\u0041\"", 1, "first half"},
        {"\"\\ud800\\ud800\"", 1, "first half"},
        {"\"\\udc00\"", 1, "second half"},
        {"\"\xff\"", 1, "not UTF-8"},
        {"\"\xc0\x80\"", 1, "not UTF-8"},
        {"\"\xe0\x80\x80\"", 1, "not UTF-8"},
        {"\"\xf0\x80\x80\x80\"", 1, "not UTF-8"},
        {"\"\\u00\"41", 1, "four hexadecimal digits"},
        {"\"\xed\xa0\x80\"", 1, "not UTF-8"},
        {"\"\xf4\x90\x80\x80\"", 1, "not UTF-8"},
        {"\"\xc3\"", 1, "not UTF-8"},
        {"\xef\xbb\xbf[]", 1, "unexpected byte 0xef"},
        {"[1] // no", 1, "unexpected '/'"},
    };
    for (size_t i = 0; i < COUNT(bads); i++) {
        struct arena arena = {0};
        struct text_error error = {0};
        const struct json *json = parse(&arena, bads[i].text, &error);
        if (json || error.line != bads[i].line || !strstr(error.what, bads[i].what)) {
            fail_msg("%s: line %zu: %s; expected line %zu: %s", bads[i].text, error.line, json ? "taken" : error.what,
                     bads[i].line, bads[i].what);
        }
        arena_free(&arena);
    }
}

static void test_json_parse_nul_is_refused(void **state)
{
    struct arena arena = {0};
    struct text_error error;
    assert_null(json_parse(&arena, "\"\0\"", 3, &error));
    assert_string_equal(error.what, "a control character in a string");
    assert_null(json_parse(&arena, "\"\\\0\"", 4, &error));
    assert_null(json_parse(&arena, "[]\0", 3, &error));
    assert_string_equal(error.what, "unexpected byte 0x00; expected the end");
    arena_free(&arena);
}

static void test_json_parse_depth_is_bounded(void **state)
{
    char text[2 * JSON_DEPTH_MAX + 4];
    for (size_t depth = JSON_DEPTH_MAX; depth <= JSON_DEPTH_MAX + 1; depth++) {
        struct arena arena = {0};
        struct text_error error;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        text[2 * depth] = '\0';
        const struct json *json = parse(&arena, text, &error);
        assert_true((json != NULL) == (depth == JSON_DEPTH_MAX));
        if (!json) assert_string_equal(error.what, "too deep");
        arena_free(&arena);
    }
}

static void test_arena_alloc_of_nothing(void **state)
{
    struct arena arena = {0};
    void *a = arena_alloc(&arena, 0), *b = arena_alloc(&arena, 0);
    assert_non_null(a);
    assert_true(a != b);
    arena_free(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json_parse_values_have_their_types),
        cmocka_unit_test(test_json_parse_strings_are_utf8),
        cmocka_unit_test(test_json_parse_bad_text_names_line_and_reason),
        cmocka_unit_test(test_json_parse_nul_is_refused),
        cmocka_unit_test(test_json_parse_depth_is_bounded),
        cmocka_unit_test(test_arena_alloc_of_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
