/*
 * libFuzzer: each eight bytes are a double and an integer. What is printed must read back as the same bits, no shorter
 * digits may do so, none as short may be closer, and the text is laid out as FORMAT.md says.
 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>

#include "fuzz.h"

#include "base/number.h"

enum {
    DIGITS = 800
}; /* of an exact decimal; no double has more than 767 */

/* d.ddd…e+xx, exactly; `digits` of them are kept, which are one unit of the last place more if `up`. */
static double cut_off(double value, size_t digits, bool up)
{
    char text[DIGITS + 16], kept[64];
    snprintf(text, sizeof text, "%.*e", DIGITS, fabs(value));
    long exponent = strtol(strchr(text, 'e') + 1, NULL, 10);
    text[1] = text[0]; /* over the point */
    memcpy(kept, text + 1, digits);
    kept[digits] = '\0';
    size_t at = digits;
    while (up && at && kept[at - 1] == '9') kept[--at] = '0';
    if (up && at) kept[at - 1]++;
    snprintf(text, sizeof text, "%s%se%ld", up && !at ? "1" : "", kept, exponent - (long)digits + 1);
    return strtod(text, NULL);
}

/* Whether the rest behind so many digits is less (-1) or more (1) than half of the last one's unit, or half of it. */
static int rest_against_half(double value, size_t digits)
{
    char text[DIGITS + 16], half[DIGITS];
    snprintf(text, sizeof text, "%.*e", DIGITS, fabs(value));
    text[1] = text[0];
    memset(half, '0', sizeof half);
    half[0] = '5';
    return memcmp(text + 1 + digits, half, DIGITS - 30);
}

static void check_text(double value, const char *text, size_t n)
{
    char expected[PARSER_NUMBER_MAX], *end;
    FUZZ_CHECK(n < CPROM__NUMBER_MAX, "length");
    FUZZ_CHECK(strcmp(text, parser_number(value, expected)) == 0, "layout");
    double back = strtod(text, &end), magnitude = fabs(value);
    FUZZ_CHECK(!*end && (back == value || (isnan(back) && isnan(value))), "it reads back as something else");
    if (!isfinite(value) || value == 0) return;
    /* How many digits that took, without zeros in front and behind. */
    char digits[CPROM__NUMBER_MAX];
    size_t n_digits = 0;
    for (const char *p = text; *p && *p != 'e'; p++) {
        if (isdigit((unsigned char)*p) && (n_digits || *p != '0')) digits[n_digits++] = *p;
    }
    while (digits[n_digits - 1] == '0') n_digits--;
    /* Of shorter decimals, the next below and the next above are what would read back, if any does. */
    if (n_digits > 1) {
        FUZZ_CHECK(cut_off(value, n_digits - 1, false) != magnitude, "there is a shorter one below");
        FUZZ_CHECK(cut_off(value, n_digits - 1, true) != magnitude, "there is a shorter one above");
    }
    bool below = cut_off(value, n_digits, false) == magnitude, above = cut_off(value, n_digits, true) == magnitude;
    if (!below || !above) return;
    char exact[DIGITS + 16];
    snprintf(exact, sizeof exact, "%.*e", DIGITS, magnitude);
    exact[1] = exact[0];
    int rest = rest_against_half(value, n_digits);
    bool is_below = memcmp(exact + 1, digits, n_digits) == 0;
    bool is_even = (digits[n_digits - 1] - '0') % 2 == 0;
    FUZZ_CHECK(rest == 0 ? is_even : is_below == (rest < 0), "there is a closer one");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    for (; n >= 8 && n <= 8 * 32; bytes += 8, n -= 8) {
        double value;
        uint64_t bits;
        char *text = fuzz_alloc(CPROM__NUMBER_MAX), printed[64], expected[64];
        memcpy(&value, bytes, 8);
        memcpy(&bits, bytes, 8);
        size_t len = cprom__number_double(text, value);
        snprintf(printed, sizeof printed, "%.*s", (int)len, text);
        check_text(value, printed, len);
        len = cprom__number_openmetrics(text, value);
        if (isfinite(value) && !strpbrk(printed, ".e")) strcat(printed, ".0");
        FUZZ_CHECK(len == strlen(printed) && memcmp(text, printed, len) == 0, "OpenMetrics");
        len = cprom__number_uint(text, bits);
        snprintf(expected, sizeof expected, "%" PRIu64, bits);
        FUZZ_CHECK(len == strlen(expected) && memcmp(text, expected, len) == 0, "unsigned");
        len = cprom__number_int(text, (int64_t)bits);
        snprintf(expected, sizeof expected, "%" PRId64, (int64_t)bits);
        FUZZ_CHECK(len == strlen(expected) && memcmp(text, expected, len) == 0, "signed");
        free(text);
    }
    return 0;
}
