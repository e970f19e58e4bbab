#include "support/cprom_test.h"

#include "rules.h"

/* Configuration files, templates, and which process belongs to which group. */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct rules parse(const char *text)
{
    char error[RULES_ERROR_MAX];
    struct rules rules = {0};
    size_t n = strlen(text);
    char *exact = malloc(n ? n : 1); /* exactly as many bytes as there are */
    memcpy(exact, text, n);
    if (!rules_parse(&rules, "c.yml", exact, n, error)) fail_msg("%s\n%s", error, text);
    free(exact);
    return rules;
}

static struct attributes attrs_of(const char *comm, const char *arg0, const char *cmdline)
{
    return (struct attributes){.comm = comm,
                      .cmdline = cmdline,
                      .cmdline_len = strlen(cmdline),
                      .arg0 = arg0 ? arg0 : "",
                      .arg0_len = arg0 ? strlen(arg0) : 0,
                      .has_args = arg0 != NULL,
                      .pid = 77,
                      .start_time = 1700000000.25,
                      .username = "root",
                      .cgroups = "/a /b"};
}

static void assert_named(struct rules *rules, struct attributes attrs, const char *expected)
{
    struct buffer name = {0};
    int found = rules_match(rules, &attrs, &name);
    assert_int_equal(found, expected ? 1 : 0);
    if (expected) assert_string_equal(name.at, expected);
    buffer_free(&name);
}

/* ---- files ---- */

static void test_rules_parse_styles_mean_the_same(void **state)
{
    static const char *const styles[] = {
        "process_names:\n  - name: \"x {{.Comm}}\"\n    comm:\n    - a\n    - b c\n    exe: [d]\n",
        "---\nprocess_names:\n- comm: [a, \"b c\"]   # both\n  exe:\n  - 'd'\n  name: 'x {{.Comm}}'\n",
        ("# a comment\n\nprocess_names: # another\n\n  -\n      exe:\n          - d # e\n\n      name: x {{.Comm}}\n"
         "      comm: [ 'a'\n ,  # in between\n  b c, ]\n"),
        "process_names:\r\n  -   name: \"x\\x20{{\\u002eComm}}\"\r\n      comm: [a,b c]\r\n      exe: [\"\\x64\"]\r\n",
    };
    for (size_t i = 0; i < COUNT(styles); i++) {
        struct rules rules = parse(styles[i]);
        assert_int_equal(rules.n, 1);
        assert_int_equal(rules.v[0].n_comms, 2);
        assert_named(&rules, attrs_of("a", "/bin/d", "/bin/d"), "x a");
        assert_named(&rules, attrs_of("b c", "d", "d e"), "x b c");
        assert_named(&rules, attrs_of("a", "e", "e"), NULL);
        assert_named(&rules, attrs_of("b", "d", "d"), NULL);
        rules_free(&rules);
    }
}

static void test_rules_parse_values_are_as_in_yaml(void **state)
{
    static const char *const expected[] = {
        "-x", "a#b", "a:b", "it's # not a comment", "\"\\ \t\n\xe2\x82\xac", "12", "true", "a, [b]", "?x"};
    struct rules rules = parse("process_names:\n"
                           "- comm:\n"
                           "  - -x\n"
                           "  - a#b # c\n"
                           "  - a:b\n"
                           "  - 'it''s # not a comment'\n"
                           "  - \"\\\"\\\\ \\t\\n\\u20ac\"\n"
                           "  - 12\n"
                           "  - true   \n"
                           "  - a, [b]\n"
                           "  - ?x");
    assert_int_equal(rules.v[0].n_comms, COUNT(expected));
    for (size_t i = 0; i < COUNT(expected); i++) assert_string_equal(rules.v[0].comms[i], expected[i]);
    rules_free(&rules);
}

static void test_rules_parse_bad_names_file_line_and_reason(void **state)
{
    static const struct {
        const char *text, *error;
    } cases[] = {
        {"", "c.yml:1: nothing there"},
        {"# x\n", "c.yml:2: nothing there"},
        {"process_name:\n", "c.yml:1: process_names: is wanted"},
        {" process_names:\n", "c.yml:1: process_names: is wanted"},
        {"process_names:\n", "c.yml:2: process_names is empty"},
        {"process_names: []\n", "c.yml:1: process_names is a list"},
        {"process_names:\n  comm: [a]\n", "c.yml:2: a dash is wanted"},
        {"process_names:\n- comm: [a]\nother: 1\n", "c.yml:3: only process_names:"},
        {"process_names:\n- comm: [a]\nprocess_names:\n", "c.yml:3: only process_names:"},
        {"process_names:\n- comm: [a]\n- comm: [b]\n  - comm: [c]\n", "c.yml:4: "},
        {"process_names:\n  - comm: [a]\n - comm: [b]\n", "c.yml:3: a dash is wanted"},
        {"process_names:\n- comm: [a]\n---\n", "c.yml:3: only process_names:"},
        {"process_names:\n- name: x\n", "c.yml:2: a rule needs comm, exe or cmdline"},
        {"process_names:\n-\n- comm: [a]\n", "c.yml:2: an empty rule"},
        {"process_names:\n- comm: [a]\n  name: x\n  name: y\n", "c.yml:4: name for the second time"},
        {"process_names:\n- comm: [a]\n  nome: x\n", "c.yml:3: unknown key nome"},
        {"process_names:\n- comm: [a]\n   exe: [x]\n", "c.yml:3: the keys of one rule"},
        {"process_names:\n- \"comm\": [a]\n", "c.yml:2: a key is wanted"},
        {"process_names:\n- a\n", "c.yml:2: a key is wanted"},
        {"process_names:\n- comm:[a]\n", "c.yml:2: a space is missing"},
        {"process_names:\n- comm: a\n", "c.yml:2: a list is wanted"},
        {"process_names:\n- comm:\n  name: x\n", "c.yml:3: an empty list"},
        {"process_names:\n- comm:\n", "c.yml:3: an empty list"},
        {"process_names:\n- comm:\n    a\n", "c.yml:3: a list is wanted"},
        {"process_names:\n- comm:\n    - a\n   - b\n", "c.yml:4: the keys of one rule"},
        {"process_names:\n- comm:\n    - a\n      - b\n", "c.yml:4: the dashes"},
        {"process_names:\n- comm:\n    - a\n      b\n", "c.yml:4: the list goes on"},
        {"process_names:\n- comm:\n    -\n", "c.yml:3: no value"},
        {"process_names:\n- comm: []\n", "c.yml:2: an empty list"},
        {"process_names:\n- comm: [a\n", "c.yml:3: [ without ]"},
        {"process_names:\n- comm: [a b\n  c]\n", "c.yml:3: a comma or ]"},
        {"process_names:\n- comm: [a] b\n", "c.yml:2: something behind ]"},
        {"process_names:\n- comm: [,]\n", "c.yml:2: a value cannot begin with ,"},
        {"process_names:\n- comm: [[a]]\n", "c.yml:2: a value cannot begin with ["},
        {"process_names:\n- comm: [{a: b}]\n", "c.yml:2: maps in braces"},
        {"process_names:\n- comm: [&a b]\n", "c.yml:2: anchors"},
        {"process_names:\n- comm: [*a]\n", "c.yml:2: anchors"},
        {"process_names:\n- comm: [!!str a]\n", "c.yml:2: anchors"},
        {"process_names:\n- comm: [~]\n", "c.yml:2: no value"},
        {"process_names:\n- comm: [a: b]\n", "c.yml:2: a colon in a value"},
        {"process_names:\n- comm: ['']\n", "c.yml:2: an empty value"},
        {"process_names:\n- comm: ['a\n  b']\n", "c.yml:2: a quoted value must end"},
        {"process_names:\n- comm: [\"\\d\"]\n", "c.yml:2: an unknown escape"},
        {"process_names:\n- comm: [\"\\x1\"]\n", "c.yml:2: too few digits"},
        {"process_names:\n- comm: [\"\\ud800\"]\n", "c.yml:2: an escape that is no character"},
        {"process_names:\n- name: |\n    x\n  comm: [a]\n", "c.yml:2: block scalars"},
        {"process_names:\n- name:\n  comm: [a]\n", "c.yml:2: name has no value"},
        {"process_names:\n- name: ''\n  comm: [a]\n", "c.yml:2: name is empty"},
        {"process_names:\n- name: \"a\" b\n  comm: [a]\n", "c.yml:2: something behind"},
        {"process_names:\n- comm: [a]\n  name: '{{.Come}}'\n", "c.yml:3: bad name: {{.Come}} is not supported"},
        {"process_names:\n- comm: [a]\n  name: '{{.Comm'\n", "c.yml:3: bad name: {{ without }}"},
        {"process_names:\n- name: '{{.Matches.x}}'\n  cmdline: ['(?P<y>a)']\n",
         "c.yml:2: bad name: no cmdline of this rule"},
        {"process_names:\n- cmdline:\n  - a\n  - (\n", "c.yml:4: bad regular expression '(': ( without )"},
        {"process_names:\n\t- comm: [a]\n", "c.yml:2: a tab in the indentation"},
        {"process_names:\n- comm: [\"\xff\"]\n", "c.yml:2: not UTF-8"},
        {"process_names:\n- comm: [\x01]\n", "c.yml:2: a control character"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char error[RULES_ERROR_MAX] = "";
        struct rules rules = {0};
        bool ok = rules_parse(&rules, "c.yml", cases[i].text, strlen(cases[i].text), error);
        if (ok || strncmp(error, cases[i].error, strlen(cases[i].error)) != 0)
            fail_msg("%s: %s; expected %s", cases[i].text, ok ? "taken" : error, cases[i].error);
        rules_free(&rules);
    }
}

static void test_rules_read_long_path_and_value_stay_in_the_message(void **state)
{
    char error[RULES_ERROR_MAX], path[2000], text[4000] = "process_names:\n- cmdline: ['(";
    struct rules rules = {0};
    memset(path, 'p', sizeof path - 1);
    path[sizeof path - 1] = '\0';
    memset(text + strlen(text), 'x', 3000);
    strcat(text, "']\n");
    assert_false(rules_parse(&rules, path, text, strlen(text), error));
    assert_true(strlen(error) < sizeof error);
    assert_non_null(strstr(error, ":2: bad regular expression '(xxx"));
    rules_free(&rules);
}

/* ---- names ---- */

static void test_rules_match_first_rule_wins(void **state)
{
    struct rules rules = parse("process_names:\n- comm: [a]\n  name: first\n- comm: [a, b]\n  name: second\n- cmdline: [x, "
                           "y]\n  name: third\n");
    assert_named(&rules, attrs_of("a", "x", "x y"), "first");
    assert_named(&rules, attrs_of("b", "x", "x y"), "second");
    assert_named(&rules, attrs_of("c", "x", "x y"), "third");
    assert_named(&rules, attrs_of("c", "x", "x"), NULL);
    rules_free(&rules);
}

static void test_rules_match_exe_is_base_name_or_whole_path(void **state)
{
    struct rules rules = parse("process_names:\n- exe: [a, /x/b, /y/b]\n");
    assert_named(&rules, attrs_of("z", "a", "a"), "a");
    assert_named(&rules, attrs_of("z", "/q/a", "/q/a"), "a");
    assert_named(&rules, attrs_of("z", "/q/a//", "/q/a//"), "a");
    assert_named(&rules, attrs_of("z", "/x/b", "/x/b"), "b");
    assert_named(&rules, attrs_of("z", "/y/b", "/y/b"), "b");
    assert_named(&rules, attrs_of("z", "b", "b"), NULL);
    assert_named(&rules, attrs_of("z", "/z/b", "/z/b"), NULL);
    assert_named(&rules, attrs_of("a", NULL, ""), NULL);
    rules_free(&rules);
}

static void test_rules_match_template_has_all_variables(void **state)
{
    struct rules rules =
        parse("process_names:\n- cmdline: ['(?P<x>a+)(?P<y>z)?', '(?P<x>b)']\n"
              "  name: '{{.Comm}}|{{ .ExeBase }}|{{.ExeFull}}|{{.Username}}|{{.PID}}|{{.StartTime}}|{{.Cgroups}}|"
              "{{.Matches.x}}{{.Matches.y}}|}}'\n");
    assert_true(rules.want_username && rules.want_cgroups);
    assert_named(&rules, attrs_of("c", "/e/f", "aab"),
                 "c|f|/e/f|root|77|2023-11-14 22:13:20.25 +0000 UTC|[/a /b]|b|}}");
    struct attributes attrs = attrs_of("c", "/e/f", "ab");
    attrs.start_time = 1700000000;
    attrs.has_args = false;
    assert_named(&rules, attrs, "c|c|c|root|77|2023-11-14 22:13:20 +0000 UTC|[/a /b]|b|}}");
    attrs.start_time = 1700000000.1;
    attrs.has_args = true;
    attrs.arg0_len = 0;
    assert_named(&rules, attrs, "c|.||root|77|2023-11-14 22:13:20.1 +0000 UTC|[/a /b]|b|}}");
    rules_free(&rules);
}

static void test_rules_match_name_is_utf8_and_bounded(void **state)
{
    static char path[5000];
    struct rules rules = parse("process_names:\n- comm: [\"a\"]\n  name: '{{.ExeFull}}'\n");
    assert_named(&rules, attrs_of("a", "x\xff\xc3\xa4\xc3", "x"), "x\xef\xbf\xbd\xc3\xa4\xef\xbf\xbd");
    memset(path, 'x', sizeof path - 1);
    memcpy(path + GROUP_NAME_MAX - 1, "\xc3\xa4", 2); /* is not cut into halves */
    char expected[GROUP_NAME_MAX];
    memset(expected, 'x', sizeof expected - 1);
    expected[GROUP_NAME_MAX - 1] = '\0';
    assert_named(&rules, attrs_of("a", path, "x"), expected);
    rules_free(&rules);
}

static bool join(void *ctx, const char *name, size_t n)
{
    char *names = ctx;
    strncat(names, name, n);
    strcat(names, ";");
    return true;
}

static void test_rules_fixed_are_those_without_variables(void **state)
{
    char names[256] = "";
    struct rules rules = parse("process_names:\n- comm: [a]\n- comm: [a]\n  name: one\n- comm: [b]\n  name: 'x{{.PID}}'\n- "
                           "exe: [c]\n  name: two\n");
    assert_true(rules_fixed(&rules, join, names));
    assert_string_equal(names, "one;two;");
    rules_free(&rules);
}

static void test_rules_names_are_comms_and_captures(void **state)
{
    char error[RULES_ERROR_MAX], names[256] = "";
    struct rules rules = {0};
    assert_true(rules_names(&rules, "bash,java,,two words,{{x}}", "java,-jar (x)?(\\S+),sh,(-c)", error));
    assert_named(&rules, attrs_of("bash", "b", "b"), "bash");
    assert_named(&rules, attrs_of("two words", "b", "b"), "two words");
    assert_named(&rules, attrs_of("{{x}}", "b", "b"), "{{x}}");
    assert_named(&rules, attrs_of("java", "java", "java -jar a.jar"), "java:a.jar");
    assert_named(&rules, attrs_of("java", "java", "java -jar xa.jar"), "java:x");
    assert_named(&rules, attrs_of("java", "java", "java"), NULL);
    assert_named(&rules, attrs_of("sh", "sh", "sh -c x"), "sh:-c");
    assert_true(rules_fixed(&rules, join, names));
    assert_string_equal(names, "bash;two words;{{x}};");
    rules_free(&rules);
}

static void test_rules_names_bad_mapping_is_refused(void **state)
{
    static const char *const bad[] = {"a", "a,", ",b", "a,b,c", "a,(", "a,b,a,c"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        char error[RULES_ERROR_MAX] = "";
        struct rules rules = {0};
        assert_false(rules_names(&rules, "a", bad[i], error));
        assert_int_equal(strncmp(error, "--namemapping: ", 15), 0);
        rules_free(&rules);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules_parse_styles_mean_the_same),
        cmocka_unit_test(test_rules_parse_values_are_as_in_yaml),
        cmocka_unit_test(test_rules_parse_bad_names_file_line_and_reason),
        cmocka_unit_test(test_rules_read_long_path_and_value_stay_in_the_message),
        cmocka_unit_test(test_rules_match_first_rule_wins),
        cmocka_unit_test(test_rules_match_exe_is_base_name_or_whole_path),
        cmocka_unit_test(test_rules_match_template_has_all_variables),
        cmocka_unit_test(test_rules_match_name_is_utf8_and_bounded),
        cmocka_unit_test(test_rules_fixed_are_those_without_variables),
        cmocka_unit_test(test_rules_names_are_comms_and_captures),
        cmocka_unit_test(test_rules_names_bad_mapping_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
