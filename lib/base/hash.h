/*
 * The keyed hash of a list of label values: multiply 64 x 64 to 128 bits and fold, as in wyhash (Wang Yi, 2019), with
 * both constants replaced by a random key of the registry: label values can come from outside, and must not be able
 * to aim at one bucket.
 */
#ifndef CPROM_LIB_BASE_HASH_H
#define CPROM_LIB_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct cprom__hash_key {
    uint64_t k[2];
};

static inline uint64_t cprom__fold(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
    uint64_t low = a0 * b0, mid1 = a1 * b0, mid2 = a0 * b1, high = a1 * b1;
    uint64_t carry = ((low >> 32) + (uint32_t)mid1 + (uint32_t)mid2) >> 32;
    high += (mid1 >> 32) + (mid2 >> 32) + carry;
    low += (mid1 << 32) + (mid2 << 32);
    return low ^ high;
#endif
}

static inline uint64_t cprom__read64(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t cprom__read32(const char *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

/* Mixes one value into the state. The length goes in, so that moving a byte from one value to the next matters. */
static inline uint64_t cprom__hash_value(uint64_t state, const struct cprom__hash_key *key, const char *p, size_t n)
{
    uint64_t a, b;
    state ^= n;
    if (n > 16) {
        const char *last = p + n - 16;
        for (; p < last; p += 16) {
            state = cprom__fold(cprom__read64(p) ^ key->k[0], cprom__read64(p + 8) ^ state);
        }
        a = cprom__read64(last);
        b = cprom__read64(last + 8);
    } else if (n >= 8) {
        a = cprom__read64(p);
        b = cprom__read64(p + n - 8);
    } else if (n >= 4) {
        a = cprom__read32(p);
        b = cprom__read32(p + n - 4);
    } else {
        a = n ? (uint64_t)(unsigned char)p[0] << 16 | (uint64_t)(unsigned char)p[n / 2] << 8 | (unsigned char)p[n - 1]
              : 0;
        b = 0;
    }
    return cprom__fold(a ^ key->k[1], b ^ state);
}

/* Mixes bytes into the state one by one, so that a text has one hash whatever pieces it is given in. */
static inline uint64_t cprom__hash_bytes(uint64_t state, const struct cprom__hash_key *key, const char *p, size_t n)
{
    for (; n; n--) state = cprom__fold(state ^ (unsigned char)*p++, key->k[1]);
    return state;
}

/* Spreads what the last value mixed in over all bits. */
static inline uint64_t cprom__hash_end(uint64_t state, const struct cprom__hash_key *key)
{
    return cprom__fold(state ^ key->k[0], key->k[1]);
}

#endif
