/*
 * What repeats in a page. It comes line by line, and a line is mostly the one before with other values: that is where a
 * match is looked for first.
 */
#ifndef CPROM_LIB_PAGE_GZIP_MATCH_H
#define CPROM_LIB_PAGE_GZIP_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPROM__GZIP_HISTORY (8u << 10) /* bytes that are there to match with, at least, once so many have come */
#define CPROM__GZIP_PIECE (8u << 10)   /* bytes that are looked at in one go, at most */
#define CPROM__GZIP_BEHIND 32u         /* bytes that may be read behind the end */
#define CPROM__GZIP_HASH_BITS 12

/* So many literals; then a match, unless its length is 0. */
struct cprom__gzip_sequence {
    uint16_t n_literals, length, distance;
};
/* With room for what comes of one line end and one long match more. */
#define CPROM__GZIP_SEQUENCES_MAX 1024u

struct cprom__gzip_window {
    uint32_t at, end;        /* in `bytes`: what is to be matched */
    uint32_t base;           /* how far bytes[0] is from the first byte of the page, modulo 2^32 */
    uint32_t line;           /* where the line before begins */
    uint32_t name, name_end; /* of it */
    bool has_line;
    /* By a hash of four bytes: where those were last, from the first byte of the page, modulo 2^16. */
    uint16_t places[1u << CPROM__GZIP_HASH_BITS];
    unsigned char bytes[CPROM__GZIP_HISTORY + 2 * CPROM__GZIP_PIECE + CPROM__GZIP_BEHIND];
};

/* Makes room for a piece behind `at`: drops what is older than the history. */
void cprom__gzip_slide(struct cprom__gzip_window *window);

/*
 * Sequences for what there is up to `to`, or for a first part of it if they get too many; `at` moves on. Returns how many.
 * Behind `end`, CPROM__GZIP_BEHIND bytes must be set; they do not matter.
 */
size_t cprom__gzip_match(struct cprom__gzip_window *window, uint32_t to,
                         struct cprom__gzip_sequence sequences[CPROM__GZIP_SEQUENCES_MAX]);

#endif
