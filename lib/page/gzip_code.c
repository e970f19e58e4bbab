/* The Huffman codes of gzip's blocks. */
/*
 * Lengths of words from counts (the two-queue method, with a limit), words from lengths, and how RFC 1951 writes lengths
 * in front of a block.
 */
#include "page/gzip_code.h"

#include <stdbool.h>

#include "base/hints.h"

#define GZIP_CODE_BITS_MAX 15u /* of a code word in the format */
#define GZIP_CODE_LENGTH_SYMBOLS 19u
#define GZIP_CODE_LENGTH_WORD_MAX 7u
#define GZIP_CODE_REPEAT 16u /* the symbol for the length before, again */
#define GZIP_CODE_TEXT 2u    /* how much likelier text is than other bytes, where there was neither */

/* ---- from counts to lengths ---- */

/* The symbols whose weight is not 0, the lightest first: by powers of two, and then by insertion. How many. */
static unsigned gzip_code_sort(const uint32_t *weights, unsigned n, uint16_t *sorted)
{
    unsigned starts[33] = {0}, n_sorted = 0;
    for (unsigned i = 0; i < n; i++) {
        if (weights[i]) starts[cprom__gzip_highest(weights[i]) + 1]++;
    }
    for (unsigned k = 1; k < 33; k++) starts[k] += starts[k - 1];
    for (unsigned i = 0; i < n; i++) {
        if (!weights[i]) continue;
        sorted[starts[cprom__gzip_highest(weights[i])]++] = (uint16_t)i;
        n_sorted++;
    }
    for (unsigned i = 1; i < n_sorted; i++) {
        uint16_t symbol = sorted[i];
        unsigned at = i;
        for (; at > 0 && weights[sorted[at - 1]] > weights[symbol]; at--) sorted[at] = sorted[at - 1];
        sorted[at] = symbol;
    }
    return n_sorted;
}

/* Words of no more than `max` bits for two symbols or more; 0 for those whose weight is 0. */
static CPROM__NOINLINE void gzip_code_lengths(const uint32_t *weights, unsigned n, unsigned max, uint8_t *lengths)
{
    uint16_t sorted[CPROM__GZIP_LITERALS], parents[2 * CPROM__GZIP_LITERALS];
    uint32_t nodes[2 * CPROM__GZIP_LITERALS]; /* weights; then depths */
    unsigned of_length[GZIP_CODE_BITS_MAX + 1] = {0}, leaves = gzip_code_sort(weights, n, sorted);
    for (unsigned i = 0; i < leaves; i++) nodes[i] = weights[sorted[i]];
    unsigned root = 2 * leaves - 2, leaf = 0, inner = leaves;
    for (unsigned node = leaves; node <= root; node++) {
        uint32_t weight = 0;
        for (unsigned child = 0; child < 2; child++) {
            unsigned i = leaf < leaves && (inner >= node || nodes[leaf] <= nodes[inner]) ? leaf++ : inner++;
            weight += nodes[i]; /* NOLINT(clang-analyzer-core.uninitialized.Assign): there are two leaves or more */
            parents[i] = (uint16_t)node;
        }
        nodes[node] = weight;
    }
    nodes[root] = 0;
    for (unsigned i = root; i-- > 0;) {
        /* cppcheck-suppress uninitvar ; each node but the root has got a parent */
        nodes[i] = nodes[parents[i]] + 1;
        if (i < leaves) of_length[nodes[i] < max ? nodes[i] : max]++;
    }
    /* Words that were cut to `max` bits take room that is not there: others get longer until it is. */
    uint32_t room = 0;
    for (unsigned length = 1; length <= max; length++) room += of_length[length] << (max - length);
    for (; room > 1u << max; room--) {
        unsigned length = max - 1;
        while (!of_length[length]) length--;
        of_length[max]--;
        of_length[length]--;
        of_length[length + 1] += 2;
    }
    memset(lengths, 0, n);
    unsigned symbol = 0;
    for (unsigned length = max; length > 0; length--) {
        for (unsigned i = of_length[length]; i > 0; i--) lengths[sorted[symbol++]] = (uint8_t)length;
    }
}

/* Weights of the symbols from `from` on: what was not counted may come all the same, text sooner than other bytes. No
 * weight is so small that its word would have to be cut, since that is paid by others. */
static void gzip_code_part(struct cprom__gzip_code *code, const struct cprom__gzip_counts *counts, unsigned from,
                           unsigned n)
{
    uint32_t weights[CPROM__GZIP_LITERALS], total = 0;
    for (unsigned i = 0; i < n; i++) total += counts->of[from + i] * 16;
    uint32_t unit = (total >> CPROM__GZIP_WORD_MAX) + 1;
    for (unsigned i = 0; i < n; i++) {
        unsigned symbol = from + i;
        bool is_text = symbol > CPROM__GZIP_END || symbol == '\n' || (symbol >= ' ' && symbol <= '~');
        weights[i] = counts->of[symbol] * 16 + (is_text ? GZIP_CODE_TEXT * unit : unit);
    }
    gzip_code_lengths(weights, n, CPROM__GZIP_WORD_MAX, code->lengths + from);
}

void cprom__gzip_code_make(struct cprom__gzip_code *code, const struct cprom__gzip_counts *counts)
{
    gzip_code_part(code, counts, 0, CPROM__GZIP_LITERALS);
    gzip_code_part(code, counts, CPROM__GZIP_LITERALS, CPROM__GZIP_DISTANCES);
}

/* ---- what a code costs ---- */

uint32_t cprom__gzip_cost(const struct cprom__gzip_code *code, const struct cprom__gzip_counts *counts)
{
    uint32_t bits = 0;
    for (unsigned i = 0; i < CPROM__GZIP_SYMBOLS; i++) bits += counts->of[i] * code->lengths[i];
    return bits;
}

/* 16 times the logarithm to the base of 2, about. */
static uint32_t gzip_code_log(uint32_t x)
{
    /* Of 1 + i/32. */
    static const uint8_t fractions[32] = {0, 1,  1,  2,  3,  3,  4,  5,  5,  6,  6,  7,  7,  8,  8,  9,
                                          9, 10, 10, 11, 11, 12, 12, 13, 13, 13, 14, 14, 14, 15, 15, 16};
    unsigned highest = cprom__gzip_highest(x);
    uint32_t top = highest >= 5 ? x >> (highest - 5) : x << (5 - highest);
    return 16 * highest + fractions[top & 31];
}

static CPROM__NOINLINE uint32_t gzip_code_entropy(const uint32_t *counts, unsigned n)
{
    uint32_t sum = 0, total = 0;
    for (unsigned i = 0; i < n; i++) total += counts[i];
    for (unsigned i = 0; i < n; i++) {
        if (counts[i]) sum += counts[i] * (gzip_code_log(total) - gzip_code_log(counts[i]));
    }
    return sum / 16;
}

uint32_t cprom__gzip_cost_min(const struct cprom__gzip_counts *counts)
{
    return gzip_code_entropy(counts->of, CPROM__GZIP_LITERALS) +
           gzip_code_entropy(counts->of + CPROM__GZIP_LITERALS, CPROM__GZIP_DISTANCES);
}

/* ---- from lengths to words ---- */

/* The words of RFC 1951, 3.2.2, with the first bit lowest: so they count from the highest bit down. */
static CPROM__NOINLINE void gzip_code_words(const uint8_t *lengths, unsigned n, uint16_t *words)
{
    unsigned of_length[GZIP_CODE_BITS_MAX + 1] = {0}, next[GZIP_CODE_BITS_MAX + 1] = {0}, first = 0;
    for (unsigned i = 0; i < n; i++) of_length[lengths[i]]++;
    of_length[0] = 0;
    for (unsigned length = 1; length <= GZIP_CODE_BITS_MAX; length++) {
        first = (first + of_length[length - 1]) << 1;
        for (unsigned bit = 0; bit < length; bit++) next[length] |= (first >> bit & 1) << (length - 1 - bit);
    }
    for (unsigned i = 0; i < n; i++) {
        unsigned length = lengths[i], word = next[length], bit = 1u << length >> 1;
        words[i] = (uint16_t)word;
        for (; word & bit; bit >>= 1) word ^= bit;
        next[length] = word | bit;
    }
}

static CPROM__NOINLINE void gzip_code_fill_words(const struct cprom__gzip_code *code, struct cprom__gzip_words *words)
{
    uint16_t plain[CPROM__GZIP_SYMBOLS], *distance = plain + CPROM__GZIP_LITERALS;
    const uint8_t *lengths = code->lengths;
    gzip_code_words(lengths, CPROM__GZIP_LITERALS, plain);
    gzip_code_words(lengths + CPROM__GZIP_LITERALS, CPROM__GZIP_DISTANCES, distance);
    for (unsigned i = 0; i <= CPROM__GZIP_END; i++) words->literal[i] = plain[i] | (uint32_t)lengths[i] << 16;
    for (unsigned i = 0; i < CPROM__GZIP_DISTANCES; i++)
        words->distance[i] = distance[i] | (uint32_t)lengths[CPROM__GZIP_LITERALS + i] << 16;
    for (unsigned length = CPROM__GZIP_MATCH_MIN; length <= CPROM__GZIP_MATCH_MAX;) {
        struct cprom__gzip_symbol s = cprom__gzip_length(length);
        uint32_t word = plain[s.symbol] | (lengths[s.symbol] + s.n_extra) << 24, step = 1u << lengths[s.symbol];
        /* The symbol before the last has one length less: that has its own. */
        for (unsigned i = 0; i < 1u << s.n_extra && (length < CPROM__GZIP_MATCH_MAX || !i); i++, word += step)
            words->length[length++] = word;
    }
    for (unsigned tens = 0; tens < 10; tens++) {
        for (unsigned ones = 0; ones < 10; ones++) {
            unsigned n_tens = lengths['0' + tens], n_ones = lengths['0' + ones];
            words->digits[tens + ones * 16] =
                plain['0' + tens] | (uint32_t)plain['0' + ones] << n_tens | (uint64_t)(n_tens + n_ones) << 32;
        }
    }
}

/* ---- the head of a block ---- */

void cprom__gzip_code_begin(const struct cprom__gzip_code *code, struct cprom__gzip_words *words,
                            struct cprom__gzip_out *out)
{
    static const uint8_t order[GZIP_CODE_LENGTH_SYMBOLS] = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                            11, 4,  12, 3, 13, 2, 14, 1, 15};
    /* Each length is a symbol of its own, or three to six times the one before is. */
    const uint8_t *all = code->lengths;
    uint8_t symbols[CPROM__GZIP_SYMBOLS], repeats[CPROM__GZIP_SYMBOLS], lengths[GZIP_CODE_LENGTH_SYMBOLS];
    uint16_t length_words[GZIP_CODE_LENGTH_SYMBOLS];
    uint32_t counts[GZIP_CODE_LENGTH_SYMBOLS] = {0};
    unsigned n = 0;
    for (unsigned i = 0; i < CPROM__GZIP_SYMBOLS; n++) {
        unsigned same = 0;
        while (i > 0 && same < 6 && i + same < CPROM__GZIP_SYMBOLS && all[i + same] == all[i - 1]) same++;
        symbols[n] = same >= 3 ? (uint8_t)GZIP_CODE_REPEAT : all[i];
        repeats[n] = (uint8_t)same;
        counts[symbols[n]]++;
        i += same >= 3 ? same : 1;
    }
    gzip_code_lengths(counts, GZIP_CODE_LENGTH_SYMBOLS, GZIP_CODE_LENGTH_WORD_MAX, lengths);
    gzip_code_words(lengths, GZIP_CODE_LENGTH_SYMBOLS, length_words);
    cprom__gzip_put(out, 2 << 1, 3); /* not the last block; dynamic Huffman codes */
    cprom__gzip_put(out, CPROM__GZIP_LITERALS - 257, 5);
    cprom__gzip_put(out, CPROM__GZIP_DISTANCES - 1, 5);
    cprom__gzip_put(out, GZIP_CODE_LENGTH_SYMBOLS - 4, 4);
    cprom__gzip_flush(out);
    for (unsigned i = 0; i < GZIP_CODE_LENGTH_SYMBOLS; i++) {
        cprom__gzip_put(out, lengths[order[i]], 3);
        cprom__gzip_flush(out);
    }
    for (unsigned i = 0; i < n; i++) {
        cprom__gzip_put(out, length_words[symbols[i]], lengths[symbols[i]]);
        if (symbols[i] == GZIP_CODE_REPEAT) cprom__gzip_put(out, repeats[i] - 3u, 2);
        cprom__gzip_flush(out);
    }
    gzip_code_fill_words(code, words);
}

/* ---- the first code ---- */

/* Made of the mean counts of six pages: two exporters', gauges, counters, and histograms in both formats. */
const struct cprom__gzip_code cprom__gzip_first_code = {
    {14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 9,  14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
     14, 14, 14, 6,  13, 8,  10, 13, 13, 13, 11, 11, 11, 12, 9,  9,  10, 7,  10, 5,  5,  5,  5,  5,  5,  5,  6,  5,  6,
     9,  12, 12, 9,  12, 12, 12, 11, 11, 11, 11, 10, 11, 12, 11, 11, 12, 12, 11, 11, 11, 10, 10, 12, 11, 10, 10, 11, 12,
     11, 12, 11, 12, 12, 12, 12, 12, 8,  12, 6,  7,  6,  6,  5,  6,  6,  6,  6,  7,  6,  6,  6,  6,  6,  6,  7,  6,  6,
     6,  6,  6,  7,  6,  6,  7,  10, 12, 8,  12, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
     14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
     14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
     14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14,
     14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 14, 10, 7,  6,  6,  7,
     7,  6,  8,  7,  7,  7,  6,  6,  6,  7,  6,  6,  6,  7,  9,  12, 6,  5,  12, 12, 12, 12, 12, 12, 12, 11, 11, 11, 11,
     10, 11, 9,  10, 7,  6,  4,  5,  1,  6,  4,  6,  4,  7,  6,  5,  3,  7,  7,  7,  8,  8,  8,  8,  10, 11}};
