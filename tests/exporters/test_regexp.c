#include "support/cprom_test.h"

#include "regexp.h"

/* Regular expressions with Go's meaning, against a list whose results Go's own regexp gave, or says of itself. */

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct regexp *make(const char *pattern)
{
    char error[REGEXP_ERROR_MAX];
    struct regexp *regex = regexp_new(pattern, strlen(pattern), error);
    if (!regex) fail_msg("%s: %s", pattern, error);
    return regex;
}

/* "no", or the groups in angle brackets; "-" is one that took no part. */
static void show(const char *pattern, const char *text, char *to, size_t cap)
{
    struct regexp_span spans[REGEXP_GROUPS_MAX];
    struct regexp *regex = make(pattern);
    int found = regexp_match(regex, text, strlen(text), spans);
    size_t n = 0;
    assert_int_equal(regexp_match(regex, text, strlen(text), NULL), found);
    snprintf(to, cap, found ? "yes" : "no");
    for (size_t i = 0; found && i < regexp_groups(regex); i++) {
        n += (size_t)snprintf(to + n, cap - n, spans[i].at ? "<%.*s>" : "-", (int)spans[i].len, spans[i].at);
    }
    regexp_free(regex);
}

static void test_regex_match_as_go(void **state)
{
    static const struct {
        const char *pattern, *text, *expected;
    } cases[] = {
        {"", "", "yes"},
        {"", "abc", "yes"},
        {"b", "abc", "yes"},
        {"^b", "abc", "no"},
        {"c$", "abc", "yes"},
        {"b$", "abc\nb\n", "no"},
        {"(?m)^b$", "abc\nb\n", "yes"},
        {"\\Aa.c\\z", "abc", "yes"},
        {"a.c", "a\nc", "no"},
        {"(?s)a.c", "a\nc", "yes"},
        {"(?s:a.c).d", "a\nc\nd", "no"},
        /* the first alternative, not the longest match */
        {"(a|ab)(c|bcd)?(.*)", "abcd", "<a><bcd><>"},
        {"(ab|a)(c|bcd)?(.*)", "abcd", "<ab><c><d>"},
        {"(a+?)(a*)", "aaa", "<a><aa>"},
        {"(a+)(a*)", "aaa", "<aaa><>"},
        {"(?U)(a+)(a*)", "aaa", "<a><>"},
        {"(?U)(a+?)(a*)", "aaa", "<aaa><>"},
        {"(a{2,3}?)(a*)", "aaaa", "<aa><aa>"},
        {"(a{2,3})(a*)", "aaaa", "<aaa><a>"},
        {"^a{2,3}$", "aaaa", "no"},
        {"^(?:ab){2}$", "abab", "yes"},
        {"^a{0}b$", "b", "yes"},
        {"a{,2}", "a{,2}", "yes"},
        {"a{x", "a{x", "yes"},
        {"x{", "x{", "yes"},
        {"(a*)*b", "aaab", "<aaa>"},
        {"(a|b)*c", "abac", "<a>"},
        {"(x)?(y)", "y", "-<y>"},
        {"(|a)+", "aa", "<>"},
        {"(?P<n>\\d+)-(?<m>\\w+)", "12-ab_c d", "<12><ab_c>"},
        {"-D\\s+.+?(?P<Path>[^/]+)(?:$|\\s)", "x -D /data/pg/main -x", "<main -x>"},
        {"-D\\s+.+?(?P<Path>[^/ ]+)(?:$|\\s)", "x -D /data/pg/main -x", "<main>"},
        {"\\bjava\\b", "/usr/bin/java -x", "yes"},
        {"\\bjava\\b", "javac", "no"},
        {"\\Bava", "java", "yes"},
        {"[a-c]+([^a-c ]+)", "abcxyz", "<xyz>"},
        {"([]a]+)", "x]a]", "<]a]>"},
        {"([a-]+)", "b-a-", "<-a->"},
        {"([\\d\\-x]+)", "a1-x", "<1-x>"},
        {"([^\\w ]+)", "ab ,;", "<,;>"},
        {"([\\W]+)", "ab,;c", "<,;>"},
        {"([\\D]+)", "1ab2", "<ab>"},
        {"([[:upper:]]+)", "abCDe", "<CD>"},
        {"([[:^upper:]]+)", "ABcdE", "<cd>"},
        {"([[:word:]]+)", "--a_1", "<a_1>"},
        {"([[:space:]]+)", "a \tb", "< \t>"},
        {"[[:]+", "[:", "yes"},
        {"(?i)HELLO", "say hello", "yes"},
        {"(?i)[A-C]+(d)", "abcD", "<D>"},
        {"(?i:a)b", "Ab", "yes"},
        {"(?i:a)b", "AB", "no"},
        {"(?i)a(?-i)b", "AB", "no"},
        {"((?i)a)b", "AB", "no"},
        {"\\x41\\x{42}\\103", "ABC", "yes"},
        {"\\Qa.b\\E+", "a.bb", "yes"},
        {"\\Qa.b", "axb", "no"},
        {"\\.\\*\\_\\-", ".*_-", "yes"},
        {"\\t\\n\\f\\r\\v\\a", "\t\n\f\r\v\a", "yes"},
        {"^\xc3\xa4(.)(.)$", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "<\xe2\x82\xac><\xf0\x9f\x98\x80>"},
        {"([\xc3\xb6-\xc3\xbc]+)", "o\xc3\xb6\xc3\xbbu", "<\xc3\xb6\xc3\xbb>"},
        {"^.$", "\xff", "yes"},
        {"^..$", "\xe2\x82", "yes"},
        {"^\xef\xbf\xbd$", "\xff", "yes"},
        {"a||b", "", "yes"},
        {"(a|)(b)", "b", "<><b>"},
        {"^*b", "ab", "yes"},
        {"(?:(a)|b)*", "ab", "<a>"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char shown[256];
        show(cases[i].pattern, cases[i].text, shown, sizeof shown);
        if (strcmp(shown, cases[i].expected) != 0)
            fail_msg("%s in %s: %s, expected %s", cases[i].pattern, cases[i].text, shown, cases[i].expected);
    }
}

static void test_regex_new_bad_is_refused_with_a_reason(void **state)
{
    static const struct {
        const char *pattern, *reason;
    } cases[] = {
        {"(", "( without ), at byte 1"},
        {")", ") without (, at byte 0"},
        {"a)", ") without (, at byte 1"},
        {"(?P<a>x", "( without )"},
        {"(?:x", "( without )"},
        {"[a", "[ without ]"},
        {"[]", "[ without ]"},
        {"[z-a]", "a range that goes backwards"},
        {"[a-\\d]", "a class as end of a range"},
        {"[[:foo:]]", "no such class"},
        {"[[:d:]]", "no such class"},
        {"*a", "nothing to repeat"},
        {"a|+", "nothing to repeat"},
        {"(?i)*", "nothing to repeat"},
        {"a**", "a repetition of a repetition"},
        {"a{2}{3}", "a repetition of a repetition"},
        {"a{1001}", "invalid repeat count"},
        {"a{3,2}", "invalid repeat count"},
        {"a{99999999999999999999}", "invalid repeat count"},
        {"((a{100}){100}){100}", "too large"},
        {"(?:(?:(?:){1000}){1000}){1000}", "too large"},
        {"\\", "a backslash at the end"},
        {"\\1", "back references are not supported"},
        {"\\8", "back references are not supported"},
        {"\\pL", "\\p is not supported"},
        {"\\q", "\\q is not known"},
        {"[\\b]", "\\b is not known"},
        {"\\x", "invalid \\x"},
        {"\\xg0", "invalid \\x"},
        {"\\x{110000}", "invalid \\x"},
        {"\\x{}", "invalid \\x"},
        {"(?P<>a)", "a group's name"},
        {"(?P<a-b>a)", "a group's name"},
        {"(?P<a>a)(?P<a>a)", "two groups of one name"},
        {"(?=a)", "not supported"},
        {"(?<!a)", "not supported"},
        {"(?P=a)", "not supported"},
        {"(?)", "(? without a flag"},
        {"(?i-)", "(?- without a flag"},
        {"(?i", "( without )"},
        {"\xff", "not UTF-8"},
        {"(?i)\xc3\xa4", "ASCII letters only"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        char error[REGEXP_ERROR_MAX] = "";
        struct regexp *regex = regexp_new(cases[i].pattern, strlen(cases[i].pattern), error);
        if (regex || !strstr(error, cases[i].reason))
            fail_msg("%s: %s, expected %s", cases[i].pattern, regex ? "taken" : error, cases[i].reason);
    }
}

static void test_regex_new_deep_and_many_groups_are_bounded(void **state)
{
    char pattern[1024], error[REGEXP_ERROR_MAX];
    memset(pattern, '(', 500);
    memset(pattern + 500, ')', 500);
    assert_null(regexp_new(pattern, 1000, error));
    for (size_t n = REGEXP_GROUPS_MAX; n <= REGEXP_GROUPS_MAX + 1; n++) {
        for (size_t i = 0; i < n; i++) memcpy(pattern + 3 * i, "(a)", 3);
        struct regexp *regex = regexp_new(pattern, 3 * n, error);
        assert_true((regex != NULL) == (n == REGEXP_GROUPS_MAX));
        regexp_free(regex);
    }
}

/* What takes other machines exponential time. */
static void test_regex_match_takes_linear_time(void **state)
{
    static char text[20001];
    memset(text, 'a', sizeof text - 1);
    struct regexp *regex = make("(?:a*)*(?:a|aa)+(a?){20}b");
    assert_int_equal(regexp_match(regex, text, sizeof text - 1, NULL), 0);
    regexp_free(regex);
}

static void test_regex_group_name_is_that_of_the_pattern(void **state)
{
    struct regexp *regex = make("(a)(?P<one>b(?<two_2>c))");
    assert_int_equal(regexp_groups(regex), 3);
    assert_string_equal(regexp_group_name(regex, 0), "");
    assert_string_equal(regexp_group_name(regex, 1), "one");
    assert_string_equal(regexp_group_name(regex, 2), "two_2");
    regexp_free(regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_regex_match_as_go),
        cmocka_unit_test(test_regex_new_bad_is_refused_with_a_reason),
        cmocka_unit_test(test_regex_new_deep_and_many_groups_are_bounded),
        cmocka_unit_test(test_regex_match_takes_linear_time),
        cmocka_unit_test(test_regex_group_name_is_that_of_the_pattern),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
