/* What is UTF-8, and how what is not is repaired. */
#include "support/cprom_test.h"

#include "base/utf8.h"

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
 * What is UTF-8: the reference decodes to a code point and judges that (RFC 3629)
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
 * Repair: the reference knows the beginnings of all characters, and takes the longest (Unicode 15, 3.9, U+FFFD
 * Substitution of Maximal Subparts); data/utf8_repair.tsv is what Python's bytes.decode("utf-8", "replace") makes of it
 *============================================================================*/

/* Whether 1, 2, 3 bytes begin a character, or are one; of 4, that they are one is enough to know. */
static struct {
    bool one[256], two[65536], three[1 << 24];
    bool known;
} begins;

static void learn_beginnings(void)
{
    char text[4];
    const unsigned char *b = (const unsigned char *)text;
    if (begins.known) return;
    for (uint32_t code = 0; code <= 0x10ffff; code++) {
        if (code >= 0xd800 && code <= 0xdfff) continue;
        size_t len = encode(code, text);
        begins.one[b[0]] = true;
        if (len > 1) begins.two[b[0] << 8 | b[1]] = true;
        if (len > 2) begins.three[b[0] << 16 | b[1] << 8 | b[2]] = true;
    }
    begins.known = true;
}

static bool begins_a_character(const unsigned char *b, size_t n)
{
    return n == 1   ? begins.one[b[0]]
           : n == 2 ? begins.two[b[0] << 8 | b[1]]
           : n == 3 ? begins.three[b[0] << 16 | b[1] << 8 | b[2]]
                    : n == 4 && begins_a_character(b, 3) && b[0] >= 0xf0 && b[3] >= 0x80 && b[3] < 0xc0;
}

static size_t reference_repair(const char *text, char *out)
{
    size_t len = strlen(text), written = 0;
    learn_beginnings();
    for (size_t i = 0, n; i < len; i += n) {
        const unsigned char *b = (const unsigned char *)text + i;
        for (n = 1; i + n < len && begins_a_character(b, n + 1); n++) {
        }
        bool is = reference_is_utf8(text + i, n);
        memcpy(out + written, is ? text + i : "\xef\xbf\xbd", is ? n : 3);
        written += is ? n : 3;
    }
    out[written] = '\0';
    return written;
}

/* Asserts that the text becomes that; on copies of its own, so that sanitizers see a byte too many. */
static void check_repair(const char *text, const char *expected)
{
    size_t size = strlen(text) + 1, whole = strlen(expected);
    char *copy = malloc(size), *buf = malloc(whole + 1);
    assert_true(copy && buf);
    memcpy(copy, text, size);
    size_t said = cprom_utf8_repair(copy, buf, whole + 1);
    if (said != whole || memcmp(buf, expected, whole + 1) != 0) {
        for (size_t i = 0; i + 1 < size; i++) print_error("%02x ", (unsigned char)text[i]);
        print_error("is repaired wrongly\n");
        fail();
    }
    free(copy);
    free(buf);
}

static void check_repair_as_reference(const char *text)
{
    char expected[256];
    assert_true(strlen(text) * 3 < sizeof expected);
    reference_repair(text, expected);
    check_repair(text, expected);
}

static size_t from_hex(const char *hex, size_t n, char *out)
{
    for (size_t i = 0; i < n / 2; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        out[i] = (char)byte;
    }
    out[n / 2] = '\0';
    return n / 2;
}

static void test_repair_is_what_python_makes_of_it(void **state)
{
    char *file = ct_read_file(CPROM_TEST_DATA "/utf8_repair.tsv", NULL);
    size_t rows = 0;
    for (char *line = file; *line; rows++) {
        char text[64], expected[192];
        size_t given = strcspn(line, "\t"), wanted = strcspn(line + given + 1, "\n");
        assert_true(given / 2 < sizeof text && wanted / 2 < sizeof expected);
        from_hex(line, given, text);
        from_hex(line + given + 1, wanted, expected);
        check_repair(text, expected);
        char again[192];
        reference_repair(text, again);
        assert_string_equal(again, expected); /* the two oracles agree */
        line += given + 1 + wanted + 1;
    }
    assert_int_equal(rows, 1200);
    free(file);
}

static void test_repair_all_short_byte_strings_are_as_reference_says(void **state)
{
    static const unsigned char edges[] = {0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xe1, 0xf1, 0xff};
    char text[6] = {0};
    for (unsigned a = 1; a < 256; a++) {
        for (unsigned b = 0; b < 256; b++) {
            memset(text, 0, sizeof text);
            text[0] = (char)a;
            text[1] = (char)b;
            check_repair_as_reference(text);
            if (!b || a < 0x80) continue;
            for (size_t c = 0; c < COUNT(edges); c++) {
                text[2] = (char)edges[c];
                text[3] = '\0';
                check_repair_as_reference(text);
                if (a < 0xe0) continue;
                for (size_t d = 0; d < COUNT(edges); d++) {
                    text[3] = (char)edges[d];
                    check_repair_as_reference(text);
                }
            }
        }
    }
}

static void test_repair_random_texts_with_bytes_changed_are_utf8_and_as_reference_says(void **state)
{
    uint64_t seed = 2;
    for (int round = 0; round < 20000; round++) {
        char text[64] = {0}, repaired[256];
        size_t len = 0;
        while (len < 40) {
            static const uint32_t limits[] = {0x80, 0x800, 0x10000, 0x110000};
            uint32_t code = (uint32_t)(next_random(&seed) % limits[next_random(&seed) % 4]);
            len += encode(code ? code : 1, text + len);
        }
        for (int i = 0; i < 3; i++) text[next_random(&seed) % len] = (char)(next_random(&seed) % 255 + 1);
        check_repair_as_reference(text);
        size_t n = cprom_utf8_repair(text, repaired, sizeof repaired);
        assert_true(reference_is_utf8(repaired, n));
        if (reference_is_utf8(text, len)) assert_string_equal(repaired, text);
    }
}

/* Whatever room there is: whole characters, as many as fit, a NUL, not a byte more; and how long it would be. */
static void test_repair_cuts_between_characters_and_says_how_long_it_is(void **state)
{
    static const char text[] = "a\xc3\xa4\xff\xe2\x82z\xf0\x9f\x98\x80\xf0\x9f\x98";
    static const char whole[] = "a\xc3\xa4\xef\xbf\xbd\xef\xbf\xbdz\xf0\x9f\x98\x80\xef\xbf\xbd";
    static const size_t ends[] = {0, 1, 3, 6, 9, 10, 14, 17};
    assert_int_equal(cprom_utf8_repair(text, NULL, 0), strlen(whole));
    for (size_t cap = 1; cap <= sizeof whole + 2; cap++) {
        char *buf = malloc(cap), buf_is[32] = {0};
        size_t end = 0;
        assert_non_null(buf);
        for (size_t i = 0; i < COUNT(ends); i++) {
            if (ends[i] < cap) end = ends[i];
        }
        memcpy(buf_is, whole, end);
        memset(buf, 'x', cap);
        assert_int_equal(cprom_utf8_repair(text, buf, cap), strlen(whole));
        assert_string_equal(buf, buf_is);
        for (size_t i = end + 1; i < cap; i++) assert_int_equal(buf[i], 'x');
        free(buf);
    }
}

static void test_repair_of_nothing_is_empty(void **state)
{
    char buf[4] = "xxx";
    assert_int_equal(cprom_utf8_repair("", buf, sizeof buf), 0);
    assert_string_equal(buf, "");
    buf[0] = 'x';
    assert_int_equal(cprom_utf8_repair(NULL, buf, sizeof buf), 0);
    assert_string_equal(buf, "");
    assert_int_equal(cprom_utf8_repair(NULL, NULL, 0), 0);
}

int group_utf8(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_is_utf8_examples_are_judged_as_in_rfc_3629),
        cmocka_unit_test(test_is_utf8_nul_inside_is_a_character),
        cmocka_unit_test(test_is_utf8_length_ends_before_next_byte_is_not_read),
        cmocka_unit_test(test_is_utf8_every_code_point_is_fine_but_surrogates),
        cmocka_unit_test(test_is_utf8_all_short_byte_strings_are_as_reference_says),
        cmocka_unit_test(test_is_utf8_random_texts_with_one_byte_changed_are_as_reference_says),
        cmocka_unit_test(test_repair_is_what_python_makes_of_it),
        cmocka_unit_test(test_repair_all_short_byte_strings_are_as_reference_says),
        cmocka_unit_test(test_repair_random_texts_with_bytes_changed_are_utf8_and_as_reference_says),
        cmocka_unit_test(test_repair_cuts_between_characters_and_says_how_long_it_is),
        cmocka_unit_test(test_repair_of_nothing_is_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
