/* lib/base/number.c against a Go encoder's output and against an oracle made of printf and strtod. Every double goes
 * through two builds of the code: the library's, and one here without compiler extensions, whose static functions the
 * tests can call as well. */
#include <inttypes.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/number.h"

#define CPROM__NUMBER_PORTABLE 1
#define cprom__number_double portable_double
#define cprom__number_openmetrics portable_openmetrics
#define cprom__number_uint portable_uint
#define cprom__number_int portable_int
#undef CPROM_LIB_BASE_NUMBER_H
#include "base/number.c" /* NOLINT(bugprone-suspicious-include) */
#undef cprom__number_double
#undef cprom__number_openmetrics
#undef cprom__number_uint
#undef cprom__number_int

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define CANARY 0x5A

/* Text with a canary behind the bytes that the functions may touch. */
struct text {
    char bytes[CPROM__NUMBER_MAX + 8];
};

static struct text text_new(void)
{
    struct text text;

    memset(text.bytes, CANARY, sizeof(text.bytes));
    return text;
}

static void text_end(struct text *text, size_t length)
{
    size_t i;

    for (i = CPROM__NUMBER_MAX; i < sizeof(text->bytes); i++)
        if (text->bytes[i] != CANARY) fail_msg("wrote at %zu, beyond CPROM__NUMBER_MAX", i);
    if (length >= CPROM__NUMBER_MAX) fail_msg("length %zu", length);
    text->bytes[length] = '\0';
}

static uint64_t bits_of(double value)
{
    uint64_t bits;

    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double value;

    memcpy(&value, &bits, sizeof(value));
    return value;
}

static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);

    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static void check(double value, const char *expected, const char *expected_openmetrics)
{
    static const struct {
        const char *name;
        size_t (*plain)(char *, double);
        size_t (*openmetrics)(char *, double);
    } builds[] = {
        {"library", cprom__number_double, cprom__number_openmetrics},
        {"portable", portable_double, portable_openmetrics},
    };
    size_t i;

    for (i = 0; i < COUNT(builds); i++) {
        struct text text = text_new();

        text_end(&text, builds[i].plain(text.bytes, value));
        if (strcmp(text.bytes, expected) != 0)
            fail_msg("%s, %016" PRIx64 ": %s, not %s", builds[i].name, bits_of(value), text.bytes, expected);
        text = text_new();
        text_end(&text, builds[i].openmetrics(text.bytes, value));
        if (strcmp(text.bytes, expected_openmetrics) != 0)
            fail_msg("%s, OpenMetrics, %016" PRIx64 ": %s, not %s", builds[i].name, bits_of(value), text.bytes,
                     expected_openmetrics);
    }
}

/* Digits as "d.ddde+XX"; the number of digits and what printf rounds to is all that is taken from there. */
struct scientific {
    char text[64];
};

static int reads_back(const struct scientific *s, double value)
{
    return bits_of(strtod(s->text, NULL)) == bits_of(value);
}

/* The neighbour, one unit in the last digit away from zero; 0 if that carries beyond the first digit. */
static int away_from_zero(struct scientific *s)
{
    char *p = strchr(s->text, 'e');

    while (p-- > s->text) {
        if (*p == '.') continue;
        if (*p == '-') break;
        if (*p < '9') {
            ++*p;
            return 1;
        }
        *p = '0';
    }
    return 0;
}

/* printf rounds to the closest decimal of so many digits, and on a tie to the even one. Where the interval that reads
 * back is lopsided, around powers of two, the closest may not read back though the next one does. */
static int find_digits(struct scientific *s, double value, int digits)
{
    snprintf(s->text, sizeof(s->text), "%.*e", digits - 1, value);
    if (reads_back(s, value)) return 1;
    return (bits_of(value) & (UINT64_MAX >> 12)) == 0 && away_from_zero(s) && reads_back(s, value);
}

/* Thorough: up from one digit. Otherwise down from 17, as more digits always come closer in a regular interval. */
static struct scientific shortest_search(double value, int thorough)
{
    struct scientific s, shorter;
    int digits;

    if (thorough) {
        for (digits = 1; digits < 17 && !find_digits(&s, value, digits); digits++) continue;
        if (digits == 17) assert_true(find_digits(&s, value, digits));
        return s;
    }
    assert_true(find_digits(&s, value, 17));
    for (digits = 16; digits > 0 && find_digits(&shorter, value, digits); digits--) s = shorter;
    return s;
}

/* The layout of FORMAT.md, character by character. */
static void check_oracle(double value, int thorough)
{
    struct scientific s = shortest_search(value, thorough);
    const char *sign = s.text[0] == '-' ? "-" : "";
    char *mark = strchr(s.text, 'e');
    int exponent = atoi(mark + 1);
    char digits[32], expected[64], openmetrics[72];
    size_t count = 0, length;
    const char *p;
    int i;

    for (p = s.text; p < mark; p++)
        if (*p >= '0' && *p <= '9') digits[count++] = *p;
    while (count > 1 && digits[count - 1] == '0') count--;
    digits[count] = '\0';

    if (exponent < -4 || exponent >= 6) {
        snprintf(expected, sizeof(expected), "%s%c%s%se%c%02d", sign, digits[0], count > 1 ? "." : "", digits + 1,
                 exponent < 0 ? '-' : '+', abs(exponent));
    } else if (exponent < 0) {
        snprintf(expected, sizeof(expected), "%s0.%.*s%s", sign, -exponent - 1, "000", digits);
    } else {
        length = (size_t)snprintf(expected, sizeof(expected), "%s", sign);
        for (i = 0; i <= exponent || (size_t)i < count; i++) {
            if (i == exponent + 1) expected[length++] = '.';
            expected[length++] = (size_t)i < count ? digits[i] : '0';
        }
        expected[length] = '\0';
    }
    snprintf(openmetrics, sizeof(openmetrics), "%s%s", expected, strpbrk(expected, ".e") ? "" : ".0");
    check(value, expected, openmetrics);
}

static void check_with_neighbours(double value)
{
    check_oracle(value, 1);
    check_oracle(-value, 1);
    check_oracle(nextafter(value, INFINITY), 1);
    if (nextafter(value, 0) > 0) check_oracle(nextafter(value, 0), 1);
}

static void test_double_corpus_of_go_encoder_is_matched(void **state)
{
    FILE *file = fopen(CPROM_TEST_DATA "/floats.tsv", "r");
    char expected[64], openmetrics[64];
    uint64_t bits;
    int rows = 0;

    assert_non_null(file);
    while (fscanf(file, "%16" SCNx64 " %63s %63s", &bits, expected, openmetrics) == 3) {
        check(double_of(bits), expected, openmetrics);
        rows++;
    }
    fclose(file);
    assert_int_equal(rows, 3000);
    (void)state;
}

static void test_double_format_examples_are_matched(void **state)
{
    check(0.0, "0", "0.0");
    check(1, "1", "1.0");
    check(-1, "-1", "-1.0");
    check(999999, "999999", "999999.0");
    check(1e6, "1e+06", "1e+06");
    check(1234567, "1.234567e+06", "1.234567e+06");
    check(123456.7, "123456.7", "123456.7");
    check(123456789, "1.23456789e+08", "1.23456789e+08");
    check(9007199254740991.0, "9.007199254740991e+15", "9.007199254740991e+15");
    check(0.0001, "0.0001", "0.0001");
    check(0.00001, "1e-05", "1e-05");
    check(0.1 + 0.2, "0.30000000000000004", "0.30000000000000004");
    check(1756047.3, "1.7560473e+06", "1.7560473e+06");
    check(5e-324, "5e-324", "5e-324");
    check(1.7976931348623157e308, "1.7976931348623157e+308", "1.7976931348623157e+308");
    (void)state;
}

static void test_double_negative_zero_is_plain_zero(void **state)
{
    check(-0.0, "0", "0.0");
    (void)state;
}

static void test_double_nan_loses_sign_and_payload(void **state)
{
    static const uint64_t nans[] = {
        UINT64_C(0x7FF8000000000000), UINT64_C(0xFFF8000000000000), UINT64_C(0x7FF8000000000001),
        UINT64_C(0x7FF0000000000001), UINT64_C(0xFFF0000000000002), UINT64_C(0xFFFFFFFFFFFFFFFF),
    };
    size_t i;

    for (i = 0; i < COUNT(nans); i++) check(double_of(nans[i]), "NaN", "NaN");
    (void)state;
}

static void test_double_infinity_keeps_sign(void **state)
{
    check(INFINITY, "+Inf", "+Inf");
    check(-INFINITY, "-Inf", "-Inf");
    (void)state;
}

static void test_double_powers_of_two_and_neighbours_are_shortest_and_closest(void **state)
{
    int exponent;

    for (exponent = -1074; exponent < 1024; exponent++) check_with_neighbours(ldexp(1, exponent));
    (void)state;
}

static void test_double_powers_of_ten_and_neighbours_are_shortest_and_closest(void **state)
{
    char text[16];
    int exponent;

    for (exponent = -323; exponent <= 308; exponent++) {
        snprintf(text, sizeof(text), "1e%d", exponent);
        check_with_neighbours(strtod(text, NULL));
    }
    (void)state;
}

static void test_double_subnormals_are_shortest_and_closest(void **state)
{
    uint64_t seed = 3, bits;

    for (bits = 1; bits <= 3000; bits++) check_oracle(double_of(bits), 1);
    for (bits = 0; bits < 3000; bits++) check_oracle(double_of((UINT64_C(1) << 52) - bits), 1);
    for (bits = 0; bits < 6000; bits++)
        check_oracle(double_of((next_random(&seed) >> 12 >> next_random(&seed) % 52) + 1), 1);
    (void)state;
}

static void test_double_random_bits_are_shortest_and_closest(void **state)
{
    uint64_t seed = 1;
    int i;

    for (i = 0; i < 200000; i++) {
        double value = double_of(next_random(&seed));

        if (isfinite(value)) check_oracle(value, i % 32 == 0);
    }
    (void)state;
}

/* The range where the layout changes: values as they are measured. */
static void test_double_short_decimals_are_shortest_and_closest(void **state)
{
    uint64_t seed = 2;
    int i;

    for (i = 0; i < 40000; i++) {
        double digits = (double)(next_random(&seed) >> 11 >> next_random(&seed) % 52);
        double value = digits / pow(10, (double)(next_random(&seed) % 24));

        if (value > 0) check_oracle(i % 2 ? value : -value, i % 16 == 0);
    }
    (void)state;
}

/* Decimals of 17 digits that end half way between two doubles, and doubles half way between two such decimals. */
static void test_double_ties_go_to_even_digit(void **state)
{
    uint64_t seed = 5;
    int i;

    check(0x1p-44, "5.684341886080802e-14", "5.684341886080802e-14");
    for (i = 0; i < 20000; i++) {
        double value = (double)(UINT64_C(1) << 52 | next_random(&seed) >> 12);

        check_oracle(ldexp(value, (int)(next_random(&seed) % 16) - 8), 0);
    }
    (void)state;
}

/* Doubles that lie, or have bounds that lie, 2^-54 to 2^-65 of the algorithm's unit beside what they are compared with;
 * found with the convergents that number_table.py looks at. */
static const double closest_calls[] = {
    0x1.f92bacb3cb40cp+716, 0x1.3de005bd620dfp+216, 0x1.7c0747bd76fa1p-814, 0x1.011f2d73116f4p+538,
    0x1.2240c80bda7bfp+969, 0x1.22cea327fa99dp-771, 0x1.a999ddec72acap+599, 0x1.28f9edfbd3420p-190,
    0x1.8823a57adbef8p-497, 0x1.8823a57adbef9p-497, 0x1.3ae60753af6cap+758, 0x1.3ae60753af6cbp+758,
};

static void test_double_closest_calls_of_table_precision_are_right(void **state)
{
    size_t i;

    for (i = 0; i < COUNT(closest_calls); i++) check_with_neighbours(closest_calls[i]);
    (void)state;
}

static void test_double_integers_around_limit_of_precision_are_shortest(void **state)
{
    double limit = 9007199254740992.0;
    int i;

    for (i = -2; i <= 2; i++) {
        check_oracle(limit + i, 1);
        check_oracle(-limit - i, 1);
    }
    check(limit - 2, "9.00719925474099e+15", "9.00719925474099e+15");
    check(limit, "9.007199254740992e+15", "9.007199254740992e+15");
    check(limit + 2, "9.007199254740994e+15", "9.007199254740994e+15");
    (void)state;
}

static void test_double_integers_are_shortest(void **state)
{
    uint64_t seed = 4, power, i;

    for (i = 1; i <= 20000; i++) check_oracle((double)i, 0);
    for (power = 10; power < UINT64_C(1) << 53; power *= 10)
        for (i = 1; i <= 10; i++) {
            check_oracle((double)(power * i % (UINT64_C(1) << 53)), 1);
            check_oracle((double)(power - 1), 1);
            check_oracle(-(double)(power + i), 1);
        }
    for (i = 0; i < 20000; i++) check_oracle((double)((next_random(&seed) >> 11 >> next_random(&seed) % 52) + 1), 0);
    (void)state;
}

static void check_uint(uint64_t value)
{
    struct text library = text_new(), portable = text_new();
    char expected[32];

    snprintf(expected, sizeof(expected), "%" PRIu64, value);
    text_end(&library, cprom__number_uint(library.bytes, value));
    assert_string_equal(library.bytes, expected);
    text_end(&portable, portable_uint(portable.bytes, value));
    assert_string_equal(portable.bytes, expected);
}

static void check_int(int64_t value)
{
    struct text library = text_new(), portable = text_new();
    char expected[32];

    snprintf(expected, sizeof(expected), "%" PRId64, value);
    text_end(&library, cprom__number_int(library.bytes, value));
    assert_string_equal(library.bytes, expected);
    text_end(&portable, portable_int(portable.bytes, value));
    assert_string_equal(portable.bytes, expected);
}

static void test_uint_any_value_is_plain_decimal(void **state)
{
    uint64_t seed = 6, power = 1, i;

    check_uint(0);
    check_uint(UINT64_MAX);
    check_uint(UINT64_MAX - 1);
    for (i = 0; i < 20; i++, power *= 10) {
        check_uint(power - 1);
        check_uint(power);
        check_uint(power + 1);
    }
    for (i = 0; i < 64; i++) check_uint(UINT64_C(1) << i);
    for (i = 0; i < 100000; i++) {
        check_uint(i);
        check_uint(next_random(&seed) >> next_random(&seed) % 64);
    }
    (void)state;
}

static void test_int_any_value_is_plain_decimal(void **state)
{
    uint64_t seed = 7, i;

    check_int(0);
    check_int(-1);
    check_int(INT64_MIN);
    check_int(INT64_MIN + 1);
    check_int(INT64_MAX);
    for (i = 0; i < 100000; i++) {
        int64_t value = (int64_t)(next_random(&seed) >> 1 >> next_random(&seed) % 63);

        check_int(value);
        check_int(-value);
    }
    (void)state;
}

/* Around every multiple of 10000 and 100, where a quotient that is off by one would show. */
static void test_eight_digits_around_every_quotient_is_exact(void **state)
{
    uint32_t fours, i;

    for (fours = 0; fours < 10000; fours++) {
        uint32_t values[] = {fours * 10000, fours * 10000 + 9999, fours * 10000 + 99, fours * 10000 + fours, fours};

        for (i = 0; i < COUNT(values); i++) {
            uint64_t digits = number_eight_digits(values[i]);
            uint32_t value = 0;
            unsigned shift;

            for (shift = 0; shift < 64; shift += 8) {
                assert_true((digits >> shift & 0xFF) < 10);
                value = value * 10 + (uint32_t)(digits >> shift & 0xFF);
            }
            assert_int_equal(value, values[i]);
        }
    }
    (void)state;
}

static void check_product(uint64_t a, uint64_t b, uint64_t high, uint64_t low)
{
    uint64_t actual_low;

    assert_true(number_multiply(a, b, &actual_low) == high);
    assert_true(actual_low == low);
}

static void test_multiply_without_wide_type_is_exact(void **state)
{
    uint64_t max = UINT64_MAX;

    check_product(0, max, 0, 0);
    check_product(max, 1, 0, max);
    check_product(max, max, max - 1, 1);
    check_product(UINT64_C(1) << 63, 2, 1, 0);
    check_product(UINT64_C(0x00000000FFFFFFFF), max, UINT64_C(0xFFFFFFFE), UINT64_C(0xFFFFFFFF00000001));
    check_product(max, UINT64_C(0xFFFFFFFF00000000), UINT64_C(0xFFFFFFFEFFFFFFFF), UINT64_C(0x0000000100000000));
#ifdef __SIZEOF_INT128__
    {
        __extension__ typedef unsigned __int128 wide;
        uint64_t seed = 8;
        int i;

        for (i = 0; i < 100000; i++) {
            uint64_t a = next_random(&seed), b = next_random(&seed);
            wide product = (wide)a * b;

            check_product(a, b, (uint64_t)(product >> 64), (uint64_t)product);
        }
    }
#endif
    (void)state;
}

static void check_exact_agrees(uint64_t c, int q)
{
    struct number_decimal quick = number_shortest(c, q), exact = number_shortest_exact(c, q, 0);

    assert_true(quick.digits == exact.digits);
    assert_int_equal(quick.exponent, exact.exponent);
}

/* Doubles that the quick decision leaves to the exact one are rare; here both decide on all of them. */
static void test_shortest_exact_agrees_with_quick_decision(void **state)
{
    uint64_t seed = 9;
    size_t i;

    for (i = 0; i < COUNT(closest_calls); i++) {
        int exponent;
        double c = ldexp(frexp(closest_calls[i], &exponent), 53);

        check_exact_agrees((uint64_t)c, exponent - 53);
    }
    for (i = 0; i < 200000; i++) {
        uint64_t c = NUMBER_HIDDEN_BIT | next_random(&seed) >> 12;

        check_exact_agrees(c, (int)(next_random(&seed) % 2046) - 1074);
    }
    (void)state;
}

int group_number(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_double_corpus_of_go_encoder_is_matched),
        cmocka_unit_test(test_double_format_examples_are_matched),
        cmocka_unit_test(test_double_negative_zero_is_plain_zero),
        cmocka_unit_test(test_double_nan_loses_sign_and_payload),
        cmocka_unit_test(test_double_infinity_keeps_sign),
        cmocka_unit_test(test_double_powers_of_two_and_neighbours_are_shortest_and_closest),
        cmocka_unit_test(test_double_powers_of_ten_and_neighbours_are_shortest_and_closest),
        cmocka_unit_test(test_double_subnormals_are_shortest_and_closest),
        cmocka_unit_test(test_double_random_bits_are_shortest_and_closest),
        cmocka_unit_test(test_double_short_decimals_are_shortest_and_closest),
        cmocka_unit_test(test_double_ties_go_to_even_digit),
        cmocka_unit_test(test_double_closest_calls_of_table_precision_are_right),
        cmocka_unit_test(test_double_integers_around_limit_of_precision_are_shortest),
        cmocka_unit_test(test_double_integers_are_shortest),
        cmocka_unit_test(test_uint_any_value_is_plain_decimal),
        cmocka_unit_test(test_int_any_value_is_plain_decimal),
        cmocka_unit_test(test_eight_digits_around_every_quotient_is_exact),
        cmocka_unit_test(test_multiply_without_wide_type_is_exact),
        cmocka_unit_test(test_shortest_exact_agrees_with_quick_decision),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
