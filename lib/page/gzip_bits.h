/*
 * Words in the byte order of gzip, and the highest and lowest set bit, for the files of the encoder.
 * CPROM__GZIP_PORTABLE leaves the compiler's extensions unused, for the test; the output is the same.
 */
#ifndef CPROM_LIB_PAGE_GZIP_BITS_H
#define CPROM_LIB_PAGE_GZIP_BITS_H

#include <stdint.h>
#include <string.h>

#if defined(__GNUC__) && !defined(CPROM__GZIP_PORTABLE)
#define CPROM__GZIP_BUILTINS 1
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CPROM__GZIP_IN_PLACE 1 /* words in memory are as gzip has them */
#endif
#endif

static inline uint32_t cprom__gzip_load32(const unsigned char *p)
{
#ifdef CPROM__GZIP_IN_PLACE
    uint32_t word;
    memcpy(&word, p, sizeof word);
    return word;
#else
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
#endif
}

static inline void cprom__gzip_store64(unsigned char *p, uint64_t word)
{
#ifdef CPROM__GZIP_IN_PLACE
    memcpy(p, &word, sizeof word);
#else
    for (unsigned i = 0; i < 8; i++) p[i] = (unsigned char)(word >> (8 * i));
#endif
}

/* The number of the highest bit that is set in a word other than 0. */
static inline unsigned cprom__gzip_highest(uint32_t word)
{
#ifdef CPROM__GZIP_BUILTINS
    return 31U - (unsigned)__builtin_clz(word);
#else
    unsigned n = 0;
    while (word >>= 1) n++;
    return n;
#endif
}

/* The number of the lowest. */
static inline unsigned cprom__gzip_lowest(uint32_t word)
{
#ifdef CPROM__GZIP_BUILTINS
    return (unsigned)__builtin_ctz(word);
#else
    unsigned n = 0;
    for (; !(word & 1); word >>= 1) n++;
    return n;
#endif
}

#endif
