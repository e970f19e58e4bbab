#include "support/cprom_test.h"

#include "base/names.h"
#include "base/utf8.h"

/*==============================================================================
 * Names
 *============================================================================*/

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
#define DIGITS "0123456789"

static bool reference_is_name(const char *name, const char *first, const char *rest)
{
    if (!*name || !strchr(first, *name)) return false;
    return strspn(name, rest) == strlen(name);
}

static void check_names(const char *name)
{
    bool metric = reference_is_name(name, LETTERS ":", LETTERS DIGITS ":");
    bool label = reference_is_name(name, LETTERS, LETTERS DIGITS) && strncmp(name, "__", 2) != 0;
    if (cprom__is_metric_name(name) == metric && cprom__is_label_name(name) == label) return;
    print_error("\"%s\" is judged wrongly\n", name);
    fail();
}

static void test_is_metric_name_all_names_of_up_to_three_bytes_are_as_reference_says(void **state)
{
    static const char third[] = "_:aZ09-\x80{ ";
    char name[4] = {0};
    check_names("");
    for (int a = 1; a < 256; a++) {
        name[0] = (char)a;
        name[1] = name[2] = '\0';
        check_names(name);
        for (int b = 1; b < 256; b++) {
            name[1] = (char)b;
            name[2] = '\0';
            check_names(name);
            for (const char *c = third; *c; c++) {
                name[2] = *c;
                check_names(name);
            }
        }
    }
}

static void test_is_label_name_underscores_are_reserved_only_as_a_pair_in_front(void **state)
{
    assert_true(cprom__is_label_name("_"));
    assert_true(cprom__is_label_name("_a"));
    assert_true(cprom__is_label_name("a__b"));
    assert_true(cprom__is_label_name("_a_"));
    assert_false(cprom__is_label_name("__"));
    assert_false(cprom__is_label_name("__name__"));
    assert_false(cprom__is_label_name("a:b"));
    assert_false(cprom__is_label_name(""));
    assert_true(cprom__is_metric_name("__a:b"));
}

static void test_has_suffix_texts_of_all_lengths_are_compared_whole(void **state)
{
    assert_true(cprom__has_suffix("x_total", 7, "_total"));
    assert_true(cprom__has_suffix("_total", 6, "_total"));
    assert_false(cprom__has_suffix("total", 5, "_total"));
    assert_false(cprom__has_suffix("x_totals", 8, "_total"));
    assert_true(cprom__has_suffix("x_totals", 7, "_total"));
    assert_true(cprom__has_suffix("", 0, ""));
    assert_false(cprom__has_suffix("", 0, "a"));
    assert_true(cprom__has_prefix("process_x", "process_"));
    assert_true(cprom__has_prefix("process_", "process_"));
    assert_false(cprom__has_prefix("process", "process_"));
    assert_true(cprom__has_prefix("x", ""));
}

/*==============================================================================
 * Escapes
 *============================================================================*/

static size_t reference_escape(char *out, const char *value, size_t len)
{
    size_t n = 0;
    for (size_t i = 0; i < len; i++) {
        const char *as = value[i] == '\\'            ? "\\\\"
                         : value[i] == '\n'          ? "\\n"
                         : value[i] == '"' ? "\\\""
                                                     : NULL;
        if (as) {
            out[n++] = as[0];
            out[n++] = as[1];
        } else {
            out[n++] = value[i];
        }
    }
    return n;
}

static void check_escape(const char *value, size_t len)
{
    char expected[256];
    size_t n = reference_escape(expected, value, len);
    assert_int_equal(cprom__escaped_len(value, len), n);
    char *out = malloc(n + 1);
    assert_non_null(out);
    assert_ptr_equal(cprom__escape(out, value, len), out + n);
    assert_memory_equal(out, expected, n);
    free(out);
}

static void test_escape_each_byte_alone_is_as_reference_says(void **state)
{
    for (int c = 0; c < 256; c++) {
        char value = (char)c;
        check_escape(&value, 1);
    }
    check_escape("", 0);
}

static void test_escape_random_values_are_as_reference_says(void **state)
{
    static const char bytes[] = "\\\n\"nt\r\tx{},=\xc3\xa4";
    uint64_t seed = 2;
    for (int round = 0; round < 20000; round++) {
        char value[64];
        size_t len = next_random(&seed) % sizeof value;
        for (size_t i = 0; i < len; i++) value[i] = bytes[next_random(&seed) % (sizeof bytes - 1)];
        check_escape(value, len);
    }
}

static void test_escaped_len_nothing_to_escape_is_the_length(void **state)
{
    assert_int_equal(cprom__escaped_len("plain \t\r{}", 10), 10);
    assert_int_equal(cprom__escaped_len("\n\"\\", 3), 6);
    assert_int_equal(cprom__escaped_len("\n\"\\", 0), 0);
}

/*==============================================================================
 * Plain values
 *============================================================================*/

static bool is_special(unsigned char c) { return c >= 0x80 || c == '"' || c == '\\' || c == '\n'; }

static void check_plain(const unsigned char *bytes, size_t len)
{
    bool expected = true;
    for (size_t i = 0; i < len; i++) expected = expected && !is_special(bytes[i]);
    char *copy = malloc(len ? len : 1); /* of its own: see is_utf8() */
    assert_non_null(copy);
    memcpy(copy, bytes, len);
    assert_int_equal(cprom__is_plain(copy, len), expected);
    if (expected) assert_true(cprom__is_utf8(copy, len) && cprom__escaped_len(copy, len) == len);
    free(copy);
}

static void test_is_plain_every_byte_at_every_place_is_judged(void **state)
{
    unsigned char bytes[40];
    for (size_t len = 0; len <= sizeof bytes; len++) {
        for (unsigned around = 0; around < 0x80; around += 0x1f) {
            memset(bytes, (int)around, len);
            check_plain(bytes, len);
            for (size_t at = 0; at < len; at++) {
                for (unsigned c = 0; c <= 0xff; c++) {
                    bytes[at] = (unsigned char)c;
                    check_plain(bytes, len);
                }
                bytes[at] = (unsigned char)around;
            }
        }
    }
}

static void test_is_plain_random_bytes_beside_the_special_ones_are_judged(void **state)
{
    static const unsigned char near[] = {'"',       '"' - 1,   '"' + 1, '\\', '\\' - 1, '\\' + 1, '\n',
                                         '\n' - 1, '\n' + 1, 0,       0x7f, 0x80,     0xff};
    uint64_t seed = 77;
    for (int round = 0; round < 200000; round++) {
        unsigned char bytes[20];
        size_t len = next_random(&seed) % sizeof bytes;
        for (size_t i = 0; i < len; i++) {
            bytes[i] = near[next_random(&seed) % COUNT(near)];
            if (is_special(bytes[i]) && next_random(&seed) % 8) bytes[i] = 'a';
        }
        check_plain(bytes, len);
    }
}

int group_names(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_metric_name_all_names_of_up_to_three_bytes_are_as_reference_says),
        cmocka_unit_test(test_is_label_name_underscores_are_reserved_only_as_a_pair_in_front),
        cmocka_unit_test(test_has_suffix_texts_of_all_lengths_are_compared_whole),
        cmocka_unit_test(test_escape_each_byte_alone_is_as_reference_says),
        cmocka_unit_test(test_escape_random_values_are_as_reference_says),
        cmocka_unit_test(test_escaped_len_nothing_to_escape_is_the_length),
        cmocka_unit_test(test_is_plain_every_byte_at_every_place_is_judged),
        cmocka_unit_test(test_is_plain_random_bytes_beside_the_special_ones_are_judged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
