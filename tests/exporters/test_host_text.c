/* cprom-host-exporter: regular expressions, numbers, lines and what is not UTF-8. */
#include "filter.h"
#include "reader.h"
#include "utf8.h"

#include <errno.h>
#include <fcntl.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

static bool matches(const char *expression, const char *name)
{
    struct filter *filter;
    char why[256];
    assert_true(filter_new(expression, &filter, why, sizeof why));
    bool first = filter_matches(filter, name);
    filter_rewind(filter);
    assert_int_equal(first, filter_matches(filter, name));
    filter_free(filter);
    return first;
}

static void test_filter_digits_stand_for_themselves(void **state)
{
    assert_true(matches("^nvme\\d+n\\d+p\\d+$", "nvme0n12p3"));
    assert_false(matches("^nvme\\d+n\\d+p\\d+$", "nvme0n1px"));
    assert_true(matches("^[a-c\\d]+$", "a1b2"));
    assert_false(matches("^[a-c\\d]+$", "a1d2"));
    assert_true(matches("^[^\\d]+$", "abc"));
    assert_false(matches("^[^\\d]+$", "ab3"));
    assert_true(matches("^\\D+$", "abc"));
    assert_true(matches("^[]\\d]+$", "]1"));
    assert_false(matches("^[]\\d]+$", "d"));
    assert_true(matches("^[[:alpha:]\\d]+$", "a1"));
    assert_false(matches("^[[:alpha:]\\d]+$", "a]"));
    assert_true(matches("^[\\d[:space:]]+$", "1 2"));
    assert_true(matches("^\\\\d$", "\\d"));
    assert_false(matches("^\\\\d$", "\\1"));
    assert_true(matches("^a\\.b$", "a.b"));
    assert_false(matches("^a\\.b$", "axb"));
}

static void test_filter_matches_anywhere_unless_anchored(void **state)
{
    assert_true(matches("eth", "veth0"));
    assert_false(matches("^eth", "veth0"));
    assert_true(matches("^$", ""));
    assert_false(matches("^$", "lo"));
}

/* What flags of node_exporter are written in. */
static void test_filter_is_that_of_go(void **state)
{
    assert_true(matches("^/(?:dev|proc)($|/)", "/proc/x"));
    assert_false(matches("^/(?:dev|proc)($|/)", "/procs"));
    assert_true(matches("(?i)^ETH\\d+$", "eth0"));
    assert_true(matches("^\\w+\\.\\d{2,3}$", "eth0.100"));
    assert_false(matches("^\\w+\\.\\d{2,3}$", "eth0.1000"));
    assert_true(matches("^(veth.*|[a-f0-9]{15})$", "0123456789abcde"));
    assert_true(matches("\\bfoo\\b", "a foo b"));
    assert_false(matches("\\bfoo\\b", "afoob"));
    assert_true(matches("^caf.$", "caf\xC3\xA9"));
}

static void test_filter_empty_matches_nothing(void **state)
{
    struct filter *filter;
    char why[256];
    assert_true(filter_new("", &filter, why, sizeof why));
    assert_null(filter);
    assert_false(filter_matches(filter, ""));
    filter_rewind(filter);
    filter_free(filter);
}

static void test_filter_new_wrong_expression_says_why(void **state)
{
    struct filter *filter;
    char why[256] = "";
    assert_false(filter_new("(a", &filter, why, sizeof why));
    assert_null(filter);
    assert_non_null(strstr(why, "(a"));
}

/* Answers are remembered in order: other names, another order, more and fewer names must not get those of others. */
static void test_filter_names_change_answers_are_theirs(void **state)
{
    struct filter *filter;
    char why[256], name[16];
    assert_true(filter_new("[13579]$", &filter, why, sizeof why));
    unsigned seed = 7;
    for (int scrape = 0; scrape < 200; scrape++) {
        filter_rewind(filter);
        int n = (int)(seed % 40);
        for (int i = 0; i < n; i++) {
            seed = seed * 1103515245 + 12345;
            unsigned number = scrape % 3 ? (unsigned)i : seed >> 16 & 63;
            snprintf(name, sizeof name, "n%u", number);
            assert_int_equal(filter_matches(filter, name), number % 2);
        }
        seed = seed * 1103515245 + 12345;
    }
    filter_free(filter);
}

static void check_utf8(const char *in, const char *expected)
{
    char out[64];
    utf8_copy(out, sizeof out, in);
    assert_string_equal(out, expected);
}

#define REPLACED "\xEF\xBF\xBD"

static void test_copy_utf8_bad_runs_become_one_character(void **state)
{
    check_utf8("", "");
    check_utf8("plain", "plain");
    check_utf8("caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80", "caf\xC3\xA9 \xE2\x82\xAC \xF0\x9F\x98\x80");
    check_utf8("a\xFF\xFE\x80z", "a" REPLACED "z");
    check_utf8("\xFFz\xFF", REPLACED "z" REPLACED);
    check_utf8("\xC3", REPLACED);             /* cut short */
    check_utf8("\xE2\x82", REPLACED);
    check_utf8("\xC0\x80", REPLACED);         /* overlong */
    check_utf8("\xE0\x80\x80", REPLACED);
    check_utf8("\xF0\x80\x80\x80", REPLACED);
    check_utf8("\xED\xA0\x80", REPLACED);     /* a surrogate */
    check_utf8("\xF4\x90\x80\x80", REPLACED); /* beyond U+10FFFF */
    check_utf8("\xF4\x8F\xBF\xBF", "\xF4\x8F\xBF\xBF");
    check_utf8("\xC3\x28", REPLACED "(");
}

static void test_copy_utf8_no_room_cuts_between_characters(void **state)
{
    char out[6];
    utf8_copy(out, sizeof out, "abc\xE2\x82\xAC");
    assert_string_equal(out, "abc");
    utf8_copy(out, sizeof out, "ab\xE2\x82\xAC");
    assert_string_equal(out, "ab\xE2\x82\xAC");
    utf8_copy(out, sizeof out, "abc\xFF");
    assert_string_equal(out, "abc");
}

static void test_parse_number_is_what_strtod_says(void **state)
{
    static const char *const good[] = {"0",     "7",    "123456789012345", "1234567890123456", "18446744073709551615",
                                       "12.75", "0.21", "007"};
    double value;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_true(parse_number(good[i], &value));
        assert_true(value == strtod(good[i], NULL));
    }
    static const char *const bad[] = {"", " 1", "1 ", "x", "1x", "--1", "-4", "+4", "1e3", "0x1p3", "NaN", "inf", "1.", ".5",
                                      "1.2.3", "12345678901234567x", "(null)"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) assert_false(parse_number(bad[i], &value));
}

static void test_parse_whole_numbers_all_or_nothing(void **state)
{
    uint64_t u;
    int64_t i;
    assert_true(parse_u64("18446744073709551615", &u) && u == UINT64_MAX);
    assert_false(parse_u64("18446744073709551616", &u));
    assert_false(parse_u64("-1", &u) || parse_u64("", &u) || parse_u64("1x", &u) || parse_u64(" 1", &u));
    assert_true(parse_i64_any("0x1003", &i) && i == 0x1003);
    assert_true(parse_i64_any("-1", &i) && i == -1);
    assert_true(parse_i64_any("032", &i) && i == 26);
    assert_false(parse_i64_any("", &i) || parse_i64_any("0x", &i) || parse_i64_any("up", &i) || parse_i64_any(" 1", &i));
}

static void test_next_word_takes_all(void **state)
{
    char text[] = "one  two\tthree ", *line = text;
    assert_string_equal(next_word(&line), "one");
    assert_string_equal(next_word(&line), "two");
    assert_string_equal(next_word(&line), "three");
    assert_null(next_word(&line));
    assert_null(next_word(&line));
}

static void test_read_small_nul_is_in_no_number_and_no_text(void **state)
{
    char directory[] = "/tmp/cprom-host-XXXXXX", path[64], text[READ_SMALL];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    FILE *file = fopen(path, "w");
    fwrite(" 15\0\0 \n", 1, 7, file);
    fclose(file);
    int dir = open(directory, O_RDONLY);
    assert_true(read_small(dir, "file", text));
    assert_string_equal(text, "15\xff\xff");
    close(dir);
    unlink(path);
    rmdir(directory);
}

static void test_read_file_of_any_length_is_whole(void **state)
{
    char directory[] = "/tmp/cprom-host-XXXXXX", path[64];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    struct reader reader = {.text = NULL};
    static const size_t lengths[] = {0, 1, 8190, 8191, 8192, 8193, 100000};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        FILE *file = fopen(path, "w");
        for (size_t k = 0; k < lengths[i]; k++) fputc('a' + (int)(k % 26), file);
        fclose(file);
        const char *text = read_file(&reader, directory, "file");
        assert_non_null(text);
        assert_int_equal(reader.len, lengths[i]);
        assert_int_equal(strlen(text), lengths[i]);
        for (size_t k = 0; k < lengths[i]; k++) assert_int_equal(text[k], 'a' + (int)(k % 26));
    }
    assert_int_equal(truncate(path, READ_MAX), 0);
    assert_null(read_file(&reader, directory, "file"));
    assert_int_equal(errno, EFBIG);
    assert_null(read_file(&reader, directory, "nothing"));
    assert_int_equal(errno, ENOENT);
    assert_null(read_file(&reader, directory, "."));
    reader_free(&reader);
    unlink(path);
    rmdir(directory);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_filter_digits_stand_for_themselves),
        cmocka_unit_test(test_filter_matches_anywhere_unless_anchored),
        cmocka_unit_test(test_filter_is_that_of_go),
        cmocka_unit_test(test_filter_empty_matches_nothing),
        cmocka_unit_test(test_filter_new_wrong_expression_says_why),
        cmocka_unit_test(test_filter_names_change_answers_are_theirs),
        cmocka_unit_test(test_copy_utf8_bad_runs_become_one_character),
        cmocka_unit_test(test_copy_utf8_no_room_cuts_between_characters),
        cmocka_unit_test(test_parse_number_is_what_strtod_says),
        cmocka_unit_test(test_parse_whole_numbers_all_or_nothing),
        cmocka_unit_test(test_next_word_takes_all),
        cmocka_unit_test(test_read_small_nul_is_in_no_number_and_no_text),
        cmocka_unit_test(test_read_file_of_any_length_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
