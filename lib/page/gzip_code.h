/*
 * The Huffman codes of a block (RFC 1951): one for bytes and lengths, one for distances. Each symbol has a code word, the
 * common ones short words, so that any data can follow, whatever the code was made from.
 */
#ifndef CPROM_LIB_PAGE_GZIP_CODE_H
#define CPROM_LIB_PAGE_GZIP_CODE_H

#include <stdint.h>

#include "page/gzip_bits.h"

#define CPROM__GZIP_LITERALS 286u /* 256 bytes, the end of the block, 29 symbols for lengths */
#define CPROM__GZIP_DISTANCES 30u
#define CPROM__GZIP_SYMBOLS (CPROM__GZIP_LITERALS + CPROM__GZIP_DISTANCES) /* in this order */
#define CPROM__GZIP_END 256u
#define CPROM__GZIP_MATCH_MIN 3u
#define CPROM__GZIP_MATCH_MAX 258u
/* Bits of a code word. Four literals fit into one word with what is left of the byte before. */
#define CPROM__GZIP_WORD_MAX 14u

struct cprom__gzip_counts {
    uint32_t of[CPROM__GZIP_SYMBOLS];
};

/* How long the code words are. */
struct cprom__gzip_code {
    uint8_t lengths[CPROM__GZIP_SYMBOLS];
};

/* Code words as they are written, the first bit lowest; with a length, the extra bits behind it. */
struct cprom__gzip_words {
    uint32_t literal[CPROM__GZIP_END + 1];      /* a word, its bits << 16; the end too */
    uint32_t length[CPROM__GZIP_MATCH_MAX + 1]; /* a word with extra bits, how many bits << 24 */
    uint32_t distance[CPROM__GZIP_DISTANCES];   /* a word, its bits << 16 */
    uint64_t digits[10 * 16];                   /* [tens + ones * 16]: two words, their bits << 32 */
};

/* Bits on their way to memory; up to 7 of them stay when they are flushed. */
struct cprom__gzip_out {
    unsigned char *at;
    uint64_t bits;
    unsigned n_bits;
};

static inline void cprom__gzip_put(struct cprom__gzip_out *out, uint64_t bits, unsigned n)
{
    out->bits |= bits << out->n_bits;
    out->n_bits += n;
}

/* Writes whole bytes; eight bytes of memory may change. Before, 63 bits may be there. */
static inline void cprom__gzip_flush(struct cprom__gzip_out *out)
{
    cprom__gzip_store64(out->at, out->bits);
    out->at += out->n_bits >> 3;
    out->bits >>= out->n_bits & ~7u;
    out->n_bits &= 7;
}

/* A symbol with extra bits. */
struct cprom__gzip_symbol {
    unsigned symbol, n_extra, extra;
};

static inline struct cprom__gzip_symbol cprom__gzip_distance(unsigned distance)
{
    struct cprom__gzip_symbol s = {distance - 1, 0, 0};
    if (distance > 4) {
        unsigned highest = cprom__gzip_highest(distance - 1);
        s.n_extra = highest - 1;
        s.extra = (distance - 1) & ((1u << s.n_extra) - 1);
        s.symbol = 2 * highest + ((distance - 1) >> s.n_extra & 1);
    }
    return s;
}

static inline struct cprom__gzip_symbol cprom__gzip_length(unsigned length)
{
    unsigned rest = length - CPROM__GZIP_MATCH_MIN;
    struct cprom__gzip_symbol s = {CPROM__GZIP_END + 1 + rest, 0, 0};
    if (length == CPROM__GZIP_MATCH_MAX) {
        s.symbol = CPROM__GZIP_LITERALS - 1;
    } else if (rest >= 8) {
        unsigned highest = cprom__gzip_highest(rest);
        s.n_extra = highest - 2;
        s.extra = rest & ((1u << s.n_extra) - 1);
        s.symbol = CPROM__GZIP_END + 1 + 4 * (highest - 1) + (rest >> s.n_extra & 3);
    }
    return s;
}

/* A code for what was counted. */
void cprom__gzip_code_make(struct cprom__gzip_code *code, const struct cprom__gzip_counts *counts);
/* The code that pages begin with. */
extern const struct cprom__gzip_code cprom__gzip_first_code;

/* Bits that what was counted takes, without extra bits: in a code; and about the least in any. */
uint32_t cprom__gzip_cost(const struct cprom__gzip_code *code, const struct cprom__gzip_counts *counts);
uint32_t cprom__gzip_cost_min(const struct cprom__gzip_counts *counts);

/* The head of a block that has the code, no more than CPROM__GZIP_HEAD_MAX bytes; and the words for what follows. */
#define CPROM__GZIP_HEAD_MAX 320u
void cprom__gzip_code_begin(const struct cprom__gzip_code *code, struct cprom__gzip_words *words,
                            struct cprom__gzip_out *out);

#endif
