#!/usr/bin/env python3
"""Write number_table.h: python3 number_table.py > number_table.h

The table has 617 entries of 16 bytes. For every decimal exponent e that number.c can need it holds the power 10^e as
a 128-bit integer g, scaled by a power of two so that the highest bit is set, and rounded up. The multipliers of the
integer logarithms come from here too. Before anything is written, the script proves for every exponent of a double
that the logarithms are right and that 128 bits are enough for the algorithm.
"""

import math
from fractions import Fraction

Q_MIN, Q_MAX = -1074, 971  # a double is c * 2^q with c < 2^53
LOG10_SHIFT, LOG2_SHIFT = 22, 19
LOG10_2 = round(math.log10(2) * 2**LOG10_SHIFT)
LOG10_4_3 = round(math.log10(4 / 3) * 2**LOG10_SHIFT)
LOG2_10 = round(math.log2(10) * 2**LOG2_SHIFT)


def power(base, exponent):
    return Fraction(base) ** exponent


def floor_log2(e):
    """The floor of log2(10^e)."""
    if e >= 0:
        return (10**e).bit_length() - 1
    return -(10**-e).bit_length()


def decimal_exponent(q, irregular):
    k = (q * LOG10_2 - (LOG10_4_3 if irregular else 0)) >> LOG10_SHIFT
    spacing = power(2, q) * (Fraction(3, 4) if irregular else 1)
    assert power(10, k) <= spacing < power(10, k + 1)
    return k


def check_precision(q, k, irregular):
    """Four times a double or a bound of its interval, in units of 10^k, is an integer or 2^-64 away from any.

    number.c computes these products with an error in [0, 2^-68), so that the 64 bits after the point tell integers
    from the rest. The product of a regular double is m times a factor, m < 2^54, and of all m the convergents of the
    factor come closest to integers. A product slightly above an odd integer is harmless: rounding to odd keeps it.
    """
    limit = 2**54
    factor = power(2, q + 1) / power(10, k)
    if irregular:
        products = [m * factor / 2 for m in (2**54 - 1, 2**54, 2**54 + 2)]
    elif factor.denominator <= limit:  # all fractions are multiples of 1/denominator
        products = []
    else:
        n, d = factor.numerator, factor.denominator
        before, last = 1, 0
        while last <= limit:
            before, last = last, n // d * last + before
            n, d = d, n % d
        products = [before * factor]
        odd = int(before * factor) % 2 == 1 and 2 * before > limit
    for product in products:
        part = product % 1
        far = power(2, -64) <= part <= 1 - power(2, -64)
        assert far or part == 0 or (part < 1 / 2 and not irregular and odd)


def entry(e):
    exponent = floor_log2(e)
    assert e * LOG2_10 >> LOG2_SHIFT == exponent
    g = math.ceil(power(10, e) * power(2, 127 - exponent))
    assert g >> 127 == 1
    return g


def main():
    exponents = []
    for q in range(Q_MIN, Q_MAX + 1):
        for irregular in (False, True):
            k = decimal_exponent(q, irregular)
            check_precision(q, k, irregular)
            exponents.append(-k)
    first, last = min(exponents), max(exponents)
    assert last - first + 1 == 617

    print("""\
/* Made by number_table.py; do not edit. 617 powers of ten, 16 bytes each: 10^e, scaled to 128 bits, rounded up. */
#ifndef CPROM_LIB_NUMBER_TABLE_H
#define CPROM_LIB_NUMBER_TABLE_H

#include <stdint.h>
""")
    print(f"#define CPROM__NUMBER_POWER_MIN ({first})")
    print(f"#define CPROM__NUMBER_POWER_COUNT {last - first + 1}")
    print(f"#define CPROM__NUMBER_LOG10_SHIFT {LOG10_SHIFT}")
    print(f"#define CPROM__NUMBER_LOG10_2 {LOG10_2}")
    print(f"#define CPROM__NUMBER_LOG10_4_3 {LOG10_4_3}")
    print(f"#define CPROM__NUMBER_LOG2_SHIFT {LOG2_SHIFT}")
    print(f"#define CPROM__NUMBER_LOG2_10 {LOG2_10}")
    print()
    print("/* [e - CPROM__NUMBER_POWER_MIN] is {high 64 bits, low 64 bits}. */")
    print("static const uint64_t cprom__number_powers[CPROM__NUMBER_POWER_COUNT][2] = {")
    for e in range(first, last + 1):
        g = entry(e)
        print(f"    {{UINT64_C(0x{g >> 64:016x}), UINT64_C(0x{g % 2**64:016x})}},")
    print("""\
};

#endif""")


main()
