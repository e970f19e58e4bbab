/* Numbers as text: the shortest digits that read back, in the form that Go prints. */
/* The digits of doubles are found with Schubfach: Raffaello Giulietti, "The Schubfach way to render doubles", 2020,
 * revised 2022, with a table of 617 powers of ten. A double is c * 2^q, its digits are an integer times 10^k.
 *
 * Text is put together eight digits at a time in 64-bit words, the first character in the lowest byte. */
#include "base/number.h"

#include <float.h>
#include <string.h>

#include "base/number_table.h"

/* CPROM__NUMBER_PORTABLE leaves the compiler's extensions unused, for the test. */
#if defined(__GNUC__) && !defined(CPROM__NUMBER_PORTABLE)
#define CPROM__NUMBER_BUILTINS 1
#endif
#if defined(__SIZEOF_INT128__) && !defined(CPROM__NUMBER_PORTABLE)
#define CPROM__NUMBER_INT128 1
#endif

_Static_assert(sizeof(double) == 8 && DBL_MANT_DIG == 53 && DBL_MAX_EXP == 1024, "double is IEEE 754 binary64");

#define NUMBER_FRACTION_BITS 52
#define NUMBER_EXPONENT_SPECIAL 0x7FF
#define NUMBER_EXPONENT_ONE 1023
#define NUMBER_EXPONENT_BIAS (NUMBER_EXPONENT_ONE + NUMBER_FRACTION_BITS)
#define NUMBER_HIDDEN_BIT (UINT64_C(1) << NUMBER_FRACTION_BITS)
#define NUMBER_DIGITS 17

#define NUMBER_TEN_TO_8 UINT64_C(100000000)
#define NUMBER_TEN_TO_16 UINT64_C(10000000000000000)
#define NUMBER_ASCII_ZEROS UINT64_C(0x3030303030303030)

static const char number_digit_pairs[] =
    "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
    "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
    "8081828384858687888990919293949596979899";

/* A positive decimal of 17 digits, d.dddddddddddddddd * 10^exponent. */
struct number_decimal {
    uint64_t digits;
    int exponent;
};

/* The high half of a product; the low half goes to *low. */
static inline uint64_t number_multiply(uint64_t a, uint64_t b, uint64_t *low)
{
#ifdef CPROM__NUMBER_INT128
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;

    *low = (uint64_t)product;
    return (uint64_t)(product >> 64);
#else
    uint64_t a0 = a & UINT32_MAX, a1 = a >> 32;
    uint64_t b0 = b & UINT32_MAX, b1 = b >> 32;
    uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
    uint64_t carry = a0 * b1 + (middle & UINT32_MAX);

    *low = a * b;
    return a1 * b1 + (middle >> 32) + (carry >> 32);
#endif
}

/* How many bytes of a word are zero at its low end (the first characters); word is not 0. */
static unsigned number_zero_bytes_first(uint64_t word)
{
#ifdef CPROM__NUMBER_BUILTINS
    return (unsigned)__builtin_ctzll(word) / 8;
#else
    unsigned count = 0;

    for (; (word & 0xFF) == 0; word >>= 8) count++;
    return count;
#endif
}

/* The same at its high end (the last characters). */
static unsigned number_zero_bytes_last(uint64_t word)
{
#ifdef CPROM__NUMBER_BUILTINS
    return (unsigned)__builtin_clzll(word) / 8;
#else
    unsigned count = 0;

    for (; word >> 56 == 0; word <<= 8) count++;
    return count;
#endif
}

/* Compilers make one store of this where the machine is little endian. */
static void number_store(char *out, uint64_t word)
{
    unsigned char bytes[8];

    bytes[0] = (unsigned char)word;
    bytes[1] = (unsigned char)(word >> 8);
    bytes[2] = (unsigned char)(word >> 16);
    bytes[3] = (unsigned char)(word >> 24);
    bytes[4] = (unsigned char)(word >> 32);
    bytes[5] = (unsigned char)(word >> 40);
    bytes[6] = (unsigned char)(word >> 48);
    bytes[7] = (unsigned char)(word >> 56);
    memcpy(out, bytes, sizeof(bytes));
}

/* The eight digits of a number below 10^8, one per byte, leading zeros included. Each step splits all parts at once:
 * the quotients are products that are exact for parts of this size, and (part << n) - quotient * ((divisor << n) - 1)
 * puts the quotient where the part was and the remainder n bits above. */
static inline uint64_t number_eight_digits(uint64_t value)
{
    uint64_t quotients = value * 109951163 >> 40;
    uint64_t parts = (value << 32) - quotients * ((UINT64_C(10000) << 32) - 1);

    quotients = parts * 10486 >> 20 & UINT64_C(0x0000007F0000007F);
    parts = (parts << 16) - quotients * ((100 << 16) - 1);
    quotients = parts * 103 >> 10 & UINT64_C(0x000F000F000F000F);
    return (parts << 8) - quotients * ((10 << 8) - 1);
}

/* A number below 10^8 without leading zeros. */
static size_t number_write_short(char *out, uint64_t value)
{
    uint64_t digits = number_eight_digits(value);
    unsigned zeros = number_zero_bytes_first(digits | UINT64_C(1) << 56);

    number_store(out, (digits | NUMBER_ASCII_ZEROS) >> zeros * 8);
    return 8 - zeros;
}

/* The integer part of c * power / 2^128 and the first 64 bits of its fraction. */
static inline uint64_t number_scale(const uint64_t power[2], uint64_t c, uint64_t *fraction)
{
    uint64_t middle, unused;
    uint64_t high = number_multiply(power[0], c, &middle);
    uint64_t carry = number_multiply(power[1], c, &unused);

    *fraction = middle + carry;
    return high + (*fraction < carry);
}

/* The same rounded to odd: comparing it with an even integer has the outcome that the exact value would have, as the
 * entry's error never reaches the bits looked at here (number_table.py proves that). */
static uint64_t number_round_to_odd(const uint64_t power[2], uint64_t c)
{
    uint64_t fraction;
    uint64_t integer = number_scale(power, c, &fraction);

    return integer | (fraction != 0);
}

/* floor(value / 2^shift) without shifting a negative number. */
static inline int number_floor_shift(int32_t value, int shift)
{
    uint32_t offset = UINT32_C(1) << 31;

    return (int)(((uint32_t)value + offset) >> shift) - (int)(offset >> shift);
}

/* floor(log10(2^q)), or of 3/4 * 2^q */
static inline int number_floor_log10(int q, int irregular)
{
    return number_floor_shift(q * CPROM__NUMBER_LOG10_2 - (irregular ? CPROM__NUMBER_LOG10_4_3 : 0),
                              CPROM__NUMBER_LOG10_SHIFT);
}

/* floor(log2(10^e)) */
static inline int number_floor_log2(int e)
{
    return number_floor_shift(e * CPROM__NUMBER_LOG2_10, CPROM__NUMBER_LOG2_SHIFT);
}

/* 10^e for 0 <= e <= 19, where the table's high halves lose nothing */
static inline uint64_t number_power_of_ten(int e)
{
    return cprom__number_powers[e - CPROM__NUMBER_POWER_MIN][0] >> (63 - number_floor_log2(e));
}

/* value * 10^exponent, where value is not 0 and has 17 digits at most; fewer than 16 only if it was subnormal. */
static inline struct number_decimal number_widen(uint64_t value, int exponent)
{
    uint64_t short_by_one = value < NUMBER_TEN_TO_16;
    struct number_decimal result;

    result.digits = value * (1 + 9 * short_by_one);
    result.exponent = exponent + NUMBER_DIGITS - 1 - (int)short_by_one;
    while (result.digits < NUMBER_TEN_TO_16) {
        result.digits *= 10;
        result.exponent--;
    }
    return result;
}

/* The shortest decimal in the interval that rounds to c * 2^q, and the closest of these. The interval is at least as
 * wide as 10^k and narrower than 10^(k+1), so it holds a multiple of 10^k and at most one of 10^(k+1). One of the
 * latter is the answer, less its trailing zeros; without one it is a neighbour s or s + 1 of the double in units of
 * 10^k. The paper wants two digits of every number and therefore tries fewer multiples of ten than we do. An interval
 * is irregular if it reaches half as far down as up, that is, if the double is a power of two. */
static struct number_decimal number_shortest_exact(uint64_t c, int q, int irregular)
{
    int k = number_floor_log10(q, irregular);
    const uint64_t *power = cprom__number_powers[-k - CPROM__NUMBER_POWER_MIN];
    int h = q + number_floor_log2(-k) + 1;

    /* Everything below counts quarters of 10^k. */
    uint64_t lower = number_round_to_odd(power, (4 * c - 2 + (uint64_t)irregular) << h);
    uint64_t value = number_round_to_odd(power, 4 * c << h);
    uint64_t upper = number_round_to_odd(power, (4 * c + 2) << h);
    uint64_t odd = c & 1; /* the bounds read back as the even one of two doubles */
    uint64_t s = value / 4;
    uint64_t tens = s / 10;
    int ten_in = lower + odd <= 40 * tens;
    int next_ten_in = 40 * tens + 40 + odd <= upper;
    int s_in = lower + odd <= 4 * s;
    int next_in = 4 * s + 4 + odd <= upper;
    int next_closer = value + (s & 1) > 4 * s + 2; /* a tie goes to the even digit */

    if (ten_in || next_ten_in) return number_widen(10 * (tens + (uint64_t)next_ten_in), k);
    return number_widen(s + (uint64_t)(s_in && next_in ? next_closer : next_in), k);
}

/* The same for regular intervals, from one product with 60 bits after its point. A difference of a few units in the
 * last place decides nothing and goes to the exact function, as do ties. The nearer one of s, s + 1 is at most half of
 * 10^k away and thus in the interval. Masks choose because random digits defeat branch prediction. */
static inline struct number_decimal number_shortest(uint64_t c, int q)
{
    int k = number_floor_log10(q, 0);
    const uint64_t *power = cprom__number_powers[-k - CPROM__NUMBER_POWER_MIN];
    int h = q + number_floor_log2(-k) + 1;
    uint64_t fraction;
    uint64_t s = number_scale(power, c << h, &fraction);
    uint64_t tens = s / 10;
    uint64_t half = power[0] >> (5 - h);                       /* of the interval */
    uint64_t down = ((s - 10 * tens) << 60) + (fraction >> 4); /* to the multiple of ten below */
    uint64_t up = (UINT64_C(10) << 60) - down;
    uint64_t next_ten_in = up < half;
    uint64_t closest_ten = 10 * (tens + next_ten_in);
    uint64_t closest = s + (fraction >> 63);
    uint64_t ten_in = (uint64_t)(down < half) | next_ten_in;

    if ((down - half + 2 <= 4) | (up - half + 2 <= 4) | (fraction - (UINT64_C(1) << 63) + 2 <= 4))
        return number_shortest_exact(c, q, 0);
    return number_widen(closest + ((closest_ten - closest) & (0 - ten_in)), k);
}

static inline size_t number_write_exponent(char *out, int exponent)
{
    unsigned negative = exponent < 0;
    unsigned magnitude = ((unsigned)exponent ^ (0 - negative)) + negative;
    unsigned hundreds = magnitude / 100;
    size_t longer = hundreds != 0;

    out[0] = 'e';
    out[1] = (char)('+' + 2 * negative);
    out[2] = (char)('0' + hundreds);
    memcpy(out + 2 + longer, &number_digit_pairs[(size_t)(magnitude % 100) * 2], 2);
    return 4 + longer;
}

/* The text of a decimal that is no integer below 10^6. */
static size_t number_write_decimal(char *out, struct number_decimal decimal)
{
    uint32_t nine = (uint32_t)(decimal.digits / NUMBER_TEN_TO_8);
    uint64_t first = nine / (uint32_t)NUMBER_TEN_TO_8;
    uint64_t head = number_eight_digits(nine % (uint32_t)NUMBER_TEN_TO_8);
    uint64_t tail = number_eight_digits(decimal.digits % NUMBER_TEN_TO_8);
    char *text = out + 1;
    size_t fraction = 0;

    if (tail != 0) fraction = 16 - number_zero_bytes_last(tail);
    else if (head != 0) fraction = 8 - number_zero_bytes_last(head);

    first |= '0';
    head |= NUMBER_ASCII_ZEROS;
    tail |= NUMBER_ASCII_ZEROS;
    if (decimal.exponent < -4 || decimal.exponent > 5) {
        size_t length = fraction + 1 + (fraction != 0);

        out[0] = (char)first;
        out[1] = '.';
        number_store(out + 2, head);
        number_store(out + 10, tail);
        return length + number_write_exponent(out + length, decimal.exponent);
    }
    if (decimal.exponent < 0) {
        memset(out, '0', 8);
        out[1] = '.';
        text -= decimal.exponent;
    }
    text[0] = (char)first;
    number_store(text + 1, head);
    number_store(text + 9, tail);
    if (decimal.exponent >= 0) {
        /* The digits are one character too far right; the first word moves those before the point back. */
        unsigned point = 8 * ((unsigned)decimal.exponent + 1);
        uint64_t word = first | head << 8;
        uint64_t after = ~UINT64_C(0) << point;

        number_store(out, (word & ~after) | (uint64_t)'.' << point | (word & after) << 8);
    }
    return (size_t)(text - out) + 1 + fraction;
}

/* Zero or an integer of a double's precision, where its own digits are the shortest; bits is its width less 1. */
static inline size_t number_write_whole(char *out, uint64_t value, unsigned bits, size_t point)
{
    struct number_decimal decimal;
    size_t length;

    if (value < 1000000) {
        length = number_write_short(out, value);
        out[length] = '.';
        out[length + 1] = '0';
        return length + point;
    }
    decimal.exponent = number_floor_log10((int)bits + 1, 0); /* or one less */
    decimal.exponent -= value < number_power_of_ten(decimal.exponent);
    decimal.digits = value * number_power_of_ten(NUMBER_DIGITS - 1 - decimal.exponent);
    return number_write_decimal(out, decimal);
}

static size_t number_write_special(char *out, size_t negative, uint64_t fraction)
{
    const char *text = fraction != 0 ? "NaN" : negative ? "-Inf" : "+Inf";
    size_t length = fraction != 0 ? 3 : 4;

    memcpy(out, text, length);
    return length;
}

/* point is 2 where whole numbers end in .0, and 0 elsewhere. */
static size_t number_write_double(char *out, double value, size_t point)
{
    struct number_decimal decimal;
    uint64_t bits, fraction, c;
    unsigned exponent, magnitude;
    int q;
    size_t sign;

    memcpy(&bits, &value, sizeof(bits));
    sign = (size_t)(bits >> 63);
    exponent = (unsigned)(bits >> NUMBER_FRACTION_BITS & NUMBER_EXPONENT_SPECIAL);
    fraction = bits & (NUMBER_HIDDEN_BIT - 1);
    *out = '-';

    magnitude = exponent - NUMBER_EXPONENT_ONE; /* wraps around to a large number below 1 */
    if (magnitude <= NUMBER_FRACTION_BITS && (fraction << 12) << magnitude == 0)
        return sign + number_write_whole(out + sign,
                                         (fraction | NUMBER_HIDDEN_BIT) >> (NUMBER_FRACTION_BITS - magnitude),
                                         magnitude, point);
    if (exponent == NUMBER_EXPONENT_SPECIAL) return number_write_special(out, sign, fraction);
    if (bits << 1 == 0) return number_write_whole(out, 0, 0, point);
    c = exponent == 0 ? fraction : fraction | NUMBER_HIDDEN_BIT;
    q = (int)(exponent == 0 ? 1 : exponent) - NUMBER_EXPONENT_BIAS;
    decimal = fraction == 0 && exponent > 1 ? number_shortest_exact(c, q, 1) : number_shortest(c, q);
    return sign + number_write_decimal(out + sign, decimal);
}

size_t cprom__number_double(char *out, double value) { return number_write_double(out, value, 0); }

size_t cprom__number_openmetrics(char *out, double value) { return number_write_double(out, value, 2); }

size_t cprom__number_uint(char *out, uint64_t value)
{
    uint64_t high = value / NUMBER_TEN_TO_8;
    size_t length;

    if (high == 0) return number_write_short(out, value);
    length = high < NUMBER_TEN_TO_8 ? number_write_short(out, high) : cprom__number_uint(out, high);
    number_store(out + length, number_eight_digits(value % NUMBER_TEN_TO_8) | NUMBER_ASCII_ZEROS);
    return length + 8;
}

size_t cprom__number_int(char *out, int64_t value)
{
    size_t sign = value < 0;

    *out = '-';
    return sign + cprom__number_uint(out + sign, value < 0 ? 0 - (uint64_t)value : (uint64_t)value);
}
