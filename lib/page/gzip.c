/* The stream of gzip: a piece of the page is read, matched, and written in the code of the block. */
#include "page/gzip.h"

#include <string.h>

#include "base/hints.h"
#include "page/gzip_crc.h"

#define GZIP_GAIN 128u /* bits for a piece; the head of a block takes about 700, and serves several */

static void gzip_end_block(struct cprom__gzip *gzip)
{
    uint32_t end = gzip->words.literal[CPROM__GZIP_END];
    cprom__gzip_put(&gzip->bits, end & 0xffff, end >> 16);
    cprom__gzip_flush(&gzip->bits);
}

/* ---- the code ---- */

static CPROM__NOINLINE void gzip_count(const struct cprom__gzip_sequence *s, size_t n, const unsigned char *p,
                                       struct cprom__gzip_counts *counts)
{
    for (; n > 0; n--, s++) {
        for (unsigned literals = s->n_literals; literals > 0; literals--) counts->of[*p++]++;
        p += s->length;
        if (s->length) {
            counts->of[cprom__gzip_length(s->length).symbol]++;
            counts->of[CPROM__GZIP_LITERALS + cprom__gzip_distance(s->distance).symbol]++;
        }
    }
    counts->of[CPROM__GZIP_END]++;
}

/*
 * Whether it is time for a look at the code, which takes as long as a tenth of a piece: at the beginning, now and then, and
 * when the last piece has hardly become smaller.
 */
static bool gzip_is_due(const struct cprom__gzip *gzip)
{
    return gzip->pieces == 0 || gzip->pieces % 8 == 2 || gzip->was_poor;
}

/* Whether the first code will do for now, which a part of the first piece shows. A short page is sooner sent than it is
 * packed better: to make a code takes as long as half a piece. */
static bool gzip_first_code_fits(const struct cprom__gzip *gzip, size_t n_sequences, const unsigned char *p)
{
    struct cprom__gzip_counts counts = {{0}};
    gzip_count(gzip->sequences, (n_sequences + 3) / 4, p, &counts);
    uint32_t cost_min = cprom__gzip_cost_min(&counts);
    return cprom__gzip_cost(&gzip->code, &counts) <= cost_min + cost_min / 6;
}

/* A new block with another code where it clearly saves more than its head takes. */
static CPROM__NOINLINE void gzip_look_at_code(struct cprom__gzip *gzip, size_t n_sequences, const unsigned char *p)
{
    struct cprom__gzip_counts counts = {{0}};
    struct cprom__gzip_code code;
    if (gzip->pieces == 0 && gzip_first_code_fits(gzip, n_sequences, p)) return;
    gzip_count(gzip->sequences, n_sequences, p, &counts);
    uint32_t cost = cprom__gzip_cost(&gzip->code, &counts), cost_min = cprom__gzip_cost_min(&counts);
    if (cost <= cost_min + cost_min / 16 + GZIP_GAIN) return;
    cprom__gzip_code_make(&code, &counts);
    if (cost <= cprom__gzip_cost(&code, &counts) + GZIP_GAIN) return;
    if (gzip->has_block) gzip_end_block(gzip);
    gzip->code = code;
    gzip->has_block = false;
}

/* ---- what is written ---- */

#define GZIP_ZEROS 0x30303030U

/* Two bytes as literals: room for four before a flush. */
static inline void gzip_put_two(struct cprom__gzip_out *out, const uint32_t *literals, unsigned a, unsigned b)
{
    uint32_t first = literals[a], second = literals[b];
    cprom__gzip_put(out, (first & 0xffff) | (second & 0xffff) << (first >> 16), (first >> 16) + (second >> 16));
}

static inline void gzip_put_digits(struct cprom__gzip_out *out, const uint64_t *digits, unsigned two)
{
    uint64_t words = digits[two];
    cprom__gzip_put(out, (uint32_t)words, (unsigned)(words >> 32));
}

/* The sequences of what begins at `p`. */
static void gzip_put_sequences(struct cprom__gzip *gzip, size_t n_sequences, const unsigned char *p)
{
    struct cprom__gzip_out out = gzip->bits;
    const struct cprom__gzip_words *words = &gzip->words;
    const uint32_t *literals = words->literal;
    unsigned last_distance = 0, distance_bits = 0;
    uint64_t distance_word = 0;
    for (const struct cprom__gzip_sequence *s = gzip->sequences, *end = s + n_sequences; s < end; s++) {
        unsigned n = s->n_literals;
        for (; n >= 4; p += 4, n -= 4) {
            uint32_t four = cprom__gzip_load32(p), digits = four ^ GZIP_ZEROS;
            if (!((digits | (digits + 0x06060606U)) & 0xf0f0f0f0U)) {
                digits |= digits >> 4; /* two of them in every other byte */
                gzip_put_digits(&out, words->digits, digits & 255);
                gzip_put_digits(&out, words->digits, digits >> 16 & 255);
            } else {
                gzip_put_two(&out, literals, four & 255, four >> 8 & 255);
                gzip_put_two(&out, literals, four >> 16 & 255, four >> 24);
            }
            cprom__gzip_flush(&out);
        }
        /* Up to three more, in one go. */
        uint32_t first = n > 0 ? literals[p[0]] : 0, second = n > 1 ? literals[p[1]] : 0,
                 third = n > 2 ? literals[p[2]] : 0;
        cprom__gzip_put(&out, first & 0xffff, first >> 16);
        cprom__gzip_put(&out, second & 0xffff, second >> 16);
        cprom__gzip_put(&out, third & 0xffff, third >> 16);
        cprom__gzip_flush(&out);
        p += n;
        if (!s->length) continue;
        if (s->distance != last_distance) {
            struct cprom__gzip_symbol symbol = cprom__gzip_distance(s->distance);
            uint32_t word = words->distance[symbol.symbol];
            last_distance = s->distance;
            distance_word = (word & 0xffff) | symbol.extra << (word >> 16);
            distance_bits = (word >> 16) + symbol.n_extra;
        }
        uint32_t length = words->length[s->length];
        cprom__gzip_put(&out, (length & 0xffffff) | distance_word << (length >> 24), (length >> 24) + distance_bits);
        cprom__gzip_flush(&out);
        p += s->length;
    }
    gzip->bits = out;
}

static void gzip_put_trailer(struct cprom__gzip *gzip)
{
    struct cprom__gzip_out *out = &gzip->bits;
    if (gzip->has_block) gzip_end_block(gzip);
    /* The last block, in the fixed code, has nothing but its end: seven bits of 0. Then whole bytes. */
    cprom__gzip_put(out, 1 | 1 << 1, 3 + 7);
    cprom__gzip_put(out, 0, -out->n_bits & 7);
    cprom__gzip_flush(out);
    cprom__gzip_put(out, gzip->crc, 32);
    cprom__gzip_flush(out);
    cprom__gzip_put(out, gzip->length, 32);
    cprom__gzip_flush(out);
}

/* ---- pieces ---- */

/* Reads until there is a piece to match, or the page ends. */
static void gzip_fill(struct cprom__gzip *gzip)
{
    struct cprom__gzip_window *window = &gzip->window;
    cprom__gzip_slide(window);
    uint32_t start = window->end, full = window->at + (gzip->pieces == 0 ? 2 : 1) * CPROM__GZIP_PIECE;
    while (!gzip->has_ended && window->end < full) {
        size_t n = gzip->read(gzip->ctx, (char *)window->bytes + window->end, full - window->end);
        window->end += (uint32_t)n;
        if (n == 0) gzip->has_ended = true;
    }
    memset(window->bytes + window->end, 0, CPROM__GZIP_BEHIND);
    gzip->crc = cprom__gzip_crc(gzip->crc, window->bytes + start, window->end - start);
    gzip->length += window->end - start;
}

/* Where the piece ends: with a line, unless the line is as long as the piece or the page ends. */
static uint32_t gzip_piece_end(const struct cprom__gzip *gzip)
{
    const struct cprom__gzip_window *window = &gzip->window;
    uint32_t max = window->end - window->at < CPROM__GZIP_PIECE ? window->end : window->at + CPROM__GZIP_PIECE,
             end = max;
    if (gzip->has_ended && max == window->end) return end;
    while (end > window->at && window->bytes[end - 1] != '\n') end--;
    return end > window->at ? end : max;
}

/* Writes a piece, or the trailer. */
static void gzip_piece(struct cprom__gzip *gzip)
{
    struct cprom__gzip_window *window = &gzip->window;
    gzip->bits.at = gzip->out + gzip->out_end;
    gzip_fill(gzip);
    if (window->at == window->end) {
        gzip_put_trailer(gzip);
        gzip->is_done = true;
    } else {
        const unsigned char *p = window->bytes + window->at;
        size_t n_sequences = cprom__gzip_match(window, gzip_piece_end(gzip), gzip->sequences);
        size_t n = (size_t)(window->bytes + window->at - p);
        if (gzip_is_due(gzip)) gzip_look_at_code(gzip, n_sequences, p);
        if (!gzip->has_block) cprom__gzip_code_begin(&gzip->code, &gzip->words, &gzip->bits);
        gzip->has_block = true;
        gzip_put_sequences(gzip, n_sequences, p);
        gzip->was_poor = (size_t)(gzip->bits.at - gzip->out) > n - n / 8;
        gzip->pieces++;
    }
    gzip->out_end = (uint32_t)(gzip->bits.at - gzip->out);
}

void cprom__gzip_begin(struct cprom__gzip *gzip, size_t (*read)(void *ctx, char *buf, size_t cap), void *ctx)
{
    /* Deflate, no name, no time, quick (XFL 4), an unknown system. */
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255};
    memset(gzip, 0, offsetof(struct cprom__gzip, words));
    memset(&gzip->window, 0, offsetof(struct cprom__gzip_window, bytes));
    gzip->read = read;
    gzip->ctx = ctx;
    gzip->code = cprom__gzip_first_code;
    memcpy(gzip->out, head, sizeof head);
    gzip->out_end = sizeof head;
}

size_t cprom__gzip_read(struct cprom__gzip *gzip, char *buf, size_t cap)
{
    size_t n = 0;
    while (n < cap) {
        if (gzip->out_at == gzip->out_end) {
            if (gzip->is_done) break;
            gzip->out_at = gzip->out_end = 0;
            gzip_piece(gzip);
        }
        size_t rest = gzip->out_end - gzip->out_at, part = rest < cap - n ? rest : cap - n;
        memcpy(buf + n, gzip->out + gzip->out_at, part);
        gzip->out_at += (uint32_t)part;
        n += part;
    }
    return n;
}
