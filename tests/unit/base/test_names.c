#include "support/cprom_test.h"

#include "base/names.h"

/* On a copy of its own, so that sanitizers see a byte too many. */
static bool is_utf8(const char *text, size_t len)
{
    char *copy = malloc(len ? len : 1);
    assert_non_null(copy);
    memcpy(copy, text, len);
    bool is = cprom__is_utf8(copy, len);
    free(copy);
    return is;
}

/*==============================================================================
 * UTF-8: the reference decodes to a code point and judges that (RFC 3629)
 *============================================================================*/

static bool reference_is_utf8(const char *text, size_t len)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *p = (const unsigned char *)text;
    for (size_t i = 0; i < len;) {
        size_t n = p[i] < 0x80             ? 1
                   : (p[i] & 0xe0) == 0xc0 ? 2
                   : (p[i] & 0xf0) == 0xe0 ? 3
                   : (p[i] & 0xf8) == 0xf0 ? 4
                                           : 0;
        if (n == 0 || i + n > len) return false;
        uint32_t code = n == 1 ? p[i] : p[i] & (0xffu >> (n + 1));
        for (size_t k = 1; k < n; k++) {
            if ((p[i + k] & 0xc0) != 0x80) return false;
            code = code << 6 | (p[i + k] & 0x3fu);
        }
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) return false;
        i += n;
    }
    return true;
}

static size_t encode(uint32_t code, char *out)
{
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t n = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i; i--, code >>= 6) out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00u >> n & 0xf0u) | code);
    return n;
}

static void check_utf8(const char *text, size_t len)
{
    bool expected = reference_is_utf8(text, len);
    if (cprom__is_utf8(text, len) == expected) return;
    for (size_t i = 0; i < len; i++) print_error("%02x ", (unsigned char)text[i]);
    print_error("should %sbe UTF-8\n", expected ? "" : "not ");
    fail();
}

static void test_is_utf8_examples_are_judged_as_in_rfc_3629(void **state)
{
    static const struct {
        const char *text;
        bool is;
    } examples[] = {
        {"", true},
        {"plain", true},
        {"\x01\t\r\n\x7f", true},
        {"\xc2\x80", true},
        {"\xdf\xbf", true},
        {"\xe0\xa0\x80", true},
        {"\xed\x9f\xbf", true},
        {"\xee\x80\x80", true},
        {"\xef\xbf\xbd", true},
        {"\xef\xbf\xbf", true},
        {"\xf0\x90\x80\x80", true},
        {"\xf4\x8f\xbf\xbf", true},
        {"a\xc3\xa4z", true},
        {"\x80", false},
        {"\xbf", false},
        {"a\x80", false},
        {"\xc0\x80", false},         /* overlong */
        {"\xc1\xbf", false},         /* overlong */
        {"\xe0\x80\x80", false},     /* overlong */
        {"\xe0\x9f\xbf", false},     /* overlong */
        {"\xf0\x80\x80\x80", false}, /* overlong */
        {"\xf0\x8f\xbf\xbf", false}, /* overlong */
        {"\xed\xa0\x80", false},     /* surrogate */
        {"\xed\xbf\xbf", false},     /* surrogate */
        {"\xf4\x90\x80\x80", false}, /* above 10FFFF */
        {"\xf5\x80\x80\x80", false},
        {"\xf8\x88\x80\x80\x80", false},
        {"\xfe", false},
        {"\xff", false},
        {"\xc3", false}, /* cut short */
        {"\xe2\x82", false},
        {"\xf0\x9f\x98", false},
        {"\xc3z", false},
        {"\xe2\x82z", false},
        {"\xe2z\x82", false},
        {"\xf0\x9f\x98z", false},
        {"\xf0\x9fz\x80", false},
        {"\xc3\xa4\xa4", false},
    };
    for (size_t i = 0; i < COUNT(examples); i++) {
        size_t len = strlen(examples[i].text);
        assert_int_equal(is_utf8(examples[i].text, len), examples[i].is);
        assert_int_equal(reference_is_utf8(examples[i].text, len), examples[i].is);
    }
}

static void test_is_utf8_nul_inside_is_a_character(void **state)
{
    assert_true(is_utf8("a\0b", 3));
    assert_false(is_utf8("a\0\x80", 3));
}

static void test_is_utf8_length_ends_before_next_byte_is_not_read(void **state)
{
    /* The byte that would complete the character stands right behind. */
    assert_false(cprom__is_utf8("\xc3\xa4", 1));
    assert_false(cprom__is_utf8("\xe2\x82\xac", 2));
    assert_false(cprom__is_utf8("\xf0\x9f\x98\x80", 3));
    assert_true(cprom__is_utf8("a\x80", 1));
    assert_true(cprom__is_utf8("\xff", 0));
}

static void test_is_utf8_every_code_point_is_fine_but_surrogates(void **state)
{
    char text[4];
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        size_t len = encode(code, text);
        bool surrogate = code >= 0xd800 && code <= 0xdfff;
        if (cprom__is_utf8(text, len) == surrogate) {
            print_error("U+%04X\n", code);
            fail();
        }
        if (len > 1 && cprom__is_utf8(text, len - 1)) {
            print_error("U+%04X cut short\n", code);
            fail();
        }
    }
}

static void test_is_utf8_all_short_byte_strings_are_as_reference_says(void **state)
{
    static const unsigned char edges[] = {0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xff};
    char text[4];
    for (unsigned a = 0; a < 256; a++) {
        text[0] = (char)a;
        check_utf8(text, 1);
        for (unsigned b = 0; b < 256; b++) {
            text[1] = (char)b;
            check_utf8(text, 2);
            for (size_t c = 0; c < COUNT(edges); c++) {
                text[2] = (char)edges[c];
                check_utf8(text, 3);
                if (a < 0xe0) continue;
                for (size_t d = 0; d < COUNT(edges); d++) {
                    text[3] = (char)edges[d];
                    check_utf8(text, 4);
                }
            }
        }
    }
}

static void test_is_utf8_random_texts_with_one_byte_changed_are_as_reference_says(void **state)
{
    uint64_t seed = 1;
    for (int round = 0; round < 50000; round++) {
        char text[64];
        size_t len = 0;
        while (len < 40) {
            static const uint32_t limits[] = {0x80, 0x800, 0x10000, 0x110000};
            uint32_t code = (uint32_t)(next_random(&seed) % limits[next_random(&seed) % 4]);
            len += encode(code, text + len);
        }
        check_utf8(text, len);
        text[next_random(&seed) % len] = (char)next_random(&seed);
        check_utf8(text, len);
        check_utf8(text, next_random(&seed) % len);
    }
}

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
        cmocka_unit_test(test_is_utf8_examples_are_judged_as_in_rfc_3629),
        cmocka_unit_test(test_is_utf8_nul_inside_is_a_character),
        cmocka_unit_test(test_is_utf8_length_ends_before_next_byte_is_not_read),
        cmocka_unit_test(test_is_utf8_every_code_point_is_fine_but_surrogates),
        cmocka_unit_test(test_is_utf8_all_short_byte_strings_are_as_reference_says),
        cmocka_unit_test(test_is_utf8_random_texts_with_one_byte_changed_are_as_reference_says),
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
