/* The CRC-32 of gzip. */
/*
 * Four bytes at a time by tables; where the processor multiplies polynomials, 64 at a time by folding (Gopal et al.,
 * "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel, 2009). Bits are reflected.
 */
#include "page/gzip_crc.h"

#include "page/gzip_bits.h"

/* [k][byte] is what a byte does to the sum that k more bytes follow. Linear: from the eight bits of the byte. */
#define GZIP_ONE(i, b0, b1, b2, b3, b4, b5, b6, b7)                                                                    \
    (((i)&1 ? (b0) : 0U) ^ ((i)&2 ? (b1) : 0U) ^ ((i)&4 ? (b2) : 0U) ^ ((i)&8 ? (b3) : 0U) ^ ((i)&16 ? (b4) : 0U) ^    \
     ((i)&32 ? (b5) : 0U) ^ ((i)&64 ? (b6) : 0U) ^ ((i)&128 ? (b7) : 0U))
#define GZIP_FOUR(i, ...)                                                                                              \
    GZIP_ONE(i, __VA_ARGS__), GZIP_ONE((i) + 1, __VA_ARGS__), GZIP_ONE((i) + 2, __VA_ARGS__),                          \
        GZIP_ONE((i) + 3, __VA_ARGS__)
#define GZIP_SIXTEEN(i, ...)                                                                                           \
    GZIP_FOUR(i, __VA_ARGS__), GZIP_FOUR((i) + 4, __VA_ARGS__), GZIP_FOUR((i) + 8, __VA_ARGS__),                       \
        GZIP_FOUR((i) + 12, __VA_ARGS__)
#define GZIP_SIXTY_FOUR(i, ...)                                                                                        \
    GZIP_SIXTEEN(i, __VA_ARGS__), GZIP_SIXTEEN((i) + 16, __VA_ARGS__), GZIP_SIXTEEN((i) + 32, __VA_ARGS__),            \
        GZIP_SIXTEEN((i) + 48, __VA_ARGS__)
#define GZIP_TABLE(...)                                                                                                \
    {                                                                                                                  \
        GZIP_SIXTY_FOUR(0, __VA_ARGS__), GZIP_SIXTY_FOUR(64, __VA_ARGS__), GZIP_SIXTY_FOUR(128, __VA_ARGS__),          \
            GZIP_SIXTY_FOUR(192, __VA_ARGS__)                                                                          \
    }

static const uint32_t gzip_crc_tables[4][256] = {
    GZIP_TABLE(0x77073096U, 0xee0e612cU, 0x076dc419U, 0x0edb8832U, 0x1db71064U, 0x3b6e20c8U, 0x76dc4190U, 0xedb88320U),
    GZIP_TABLE(0x191b3141U, 0x32366282U, 0x646cc504U, 0xc8d98a08U, 0x4ac21251U, 0x958424a2U, 0xf0794f05U, 0x3b83984bU),
    GZIP_TABLE(0x01c26a37U, 0x0384d46eU, 0x0709a8dcU, 0x0e1351b8U, 0x1c26a370U, 0x384d46e0U, 0x709a8dc0U, 0xe1351b80U),
    GZIP_TABLE(0xb8bc6765U, 0xaa09c88bU, 0x8f629757U, 0xc5b428efU, 0x5019579fU, 0xa032af3eU, 0x9b14583dU, 0xed59b63bU)};

/* The sum here is not inverted. */
static uint32_t gzip_crc_sliced(uint32_t crc, const unsigned char *p, size_t n)
{
    for (; n >= 4; p += 4, n -= 4) {
        crc ^= cprom__gzip_load32(p);
        crc = gzip_crc_tables[3][crc & 255] ^ gzip_crc_tables[2][crc >> 8 & 255] ^ gzip_crc_tables[1][crc >> 16 & 255] ^
              gzip_crc_tables[0][crc >> 24];
    }
    while (n--) crc = gzip_crc_tables[0][(crc ^ *p++) & 255] ^ crc >> 8;
    return crc;
}

#if defined(__GNUC__) && defined(__x86_64__) && !defined(CPROM__GZIP_PORTABLE)
#define GZIP_CRC_FOLDS 1
#include <immintrin.h>

/* x^bits modulo the polynomial, reflected and times x, for the two halves of what is multiplied to stand `bits` on. */
#define GZIP_BY_64_BYTES UINT64_C(0x0154442bd4), UINT64_C(0x01c6e41596)
#define GZIP_BY_16_BYTES UINT64_C(0x01751997d0), UINT64_C(0x00ccaa009e)
#define GZIP_BY_8_BYTES UINT64_C(0x0163cd6124)
#define GZIP_POLYNOMIAL UINT64_C(0x01db710641), UINT64_C(0x01f7011641) /* and 2^64 divided by it */

__attribute__((target("pclmul,sse4.1"))) static inline __m128i gzip_crc_fold(__m128i sum, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(sum, by, 0x00), high = _mm_clmulepi64_si128(sum, by, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* `n` is a multiple of 16, 64 or more. */
__attribute__((target("pclmul,sse4.1"))) static uint32_t gzip_crc_folded(uint32_t crc, const unsigned char *p, size_t n)
{
    static const uint64_t by_64[2] = {GZIP_BY_64_BYTES}, by_16[2] = {GZIP_BY_16_BYTES}, by_8[2] = {GZIP_BY_8_BYTES, 0},
                          polynomial[2] = {GZIP_POLYNOMIAL};
    const __m128i *in = (const __m128i *)(const void *)p, *end = in + n / 16;
    __m128i by = _mm_loadu_si128((const __m128i *)(const void *)by_64);
    __m128i sum0 = _mm_xor_si128(_mm_loadu_si128(in), _mm_cvtsi32_si128((int)crc)), sum1 = _mm_loadu_si128(in + 1),
            sum2 = _mm_loadu_si128(in + 2), sum3 = _mm_loadu_si128(in + 3);
    for (in += 4; end - in >= 4; in += 4) {
        sum0 = gzip_crc_fold(sum0, by, _mm_loadu_si128(in));
        sum1 = gzip_crc_fold(sum1, by, _mm_loadu_si128(in + 1));
        sum2 = gzip_crc_fold(sum2, by, _mm_loadu_si128(in + 2));
        sum3 = gzip_crc_fold(sum3, by, _mm_loadu_si128(in + 3));
    }
    by = _mm_loadu_si128((const __m128i *)(const void *)by_16);
    __m128i sum = gzip_crc_fold(gzip_crc_fold(gzip_crc_fold(sum0, by, sum1), by, sum2), by, sum3);
    for (; in < end; in++) sum = gzip_crc_fold(sum, by, _mm_loadu_si128(in));
    /* 128 bits to 64, to 32 (Barrett). */
    const __m128i low_words = _mm_setr_epi32(~0, 0, ~0, 0);
    sum = _mm_xor_si128(_mm_srli_si128(sum, 8), _mm_clmulepi64_si128(sum, by, 0x10));
    by = _mm_loadu_si128((const __m128i *)(const void *)by_8);
    sum = _mm_xor_si128(_mm_srli_si128(sum, 4), _mm_clmulepi64_si128(_mm_and_si128(sum, low_words), by, 0x00));
    by = _mm_loadu_si128((const __m128i *)(const void *)polynomial);
    __m128i quotient = _mm_and_si128(_mm_clmulepi64_si128(_mm_and_si128(sum, low_words), by, 0x10), low_words);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(sum, _mm_clmulepi64_si128(quotient, by, 0x00)), 1);
}
#endif

uint32_t cprom__gzip_crc(uint32_t crc, const unsigned char *bytes, size_t n)
{
    crc = ~crc;
#ifdef GZIP_CRC_FOLDS
    if (n >= 64 && __builtin_cpu_supports("pclmul") && __builtin_cpu_supports("sse4.1")) {
        size_t folded = n & ~(size_t)15;
        crc = gzip_crc_folded(crc, bytes, folded);
        bytes += folded;
        n -= folded;
    }
#endif
    return ~gzip_crc_sliced(crc, bytes, n);
}
