/*
 * gzip (RFC 1952) for pages: an encoder that knows how they look. It is right for any bytes, and quick and small where
 * lines are like the line before.
 *
 * It pulls the page from a function, as the page itself is read, and gives the compressed bytes in pieces of any size. The
 * bytes depend on the page only: not on the sizes of pieces on either side, nor on the machine.
 */
#ifndef CPROM_LIB_PAGE_GZIP_H
#define CPROM_LIB_PAGE_GZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "page/gzip_code.h"
#include "page/gzip_match.h"

/* The end of a block and the head of another, and a piece: no literal takes more than 14 bits, nor three bytes of a match
 * more than 46. */
#define CPROM__GZIP_OUT_MAX (CPROM__GZIP_PIECE * 2 + CPROM__GZIP_HEAD_MAX + 64)

struct cprom__gzip {
    size_t (*read)(void *ctx, char *buf, size_t cap);
    void *ctx;
    bool has_ended;  /* the page has */
    bool is_done;    /* everything is in `out` */
    bool has_block;  /* it has begun, in `code` */
    bool was_poor;   /* the last piece has hardly become smaller */
    uint32_t pieces; /* that are done */
    uint32_t crc, length;
    struct cprom__gzip_out bits;
    uint32_t out_at, out_end;
    struct cprom__gzip_code code;
    struct cprom__gzip_words words;
    struct cprom__gzip_window window;
    struct cprom__gzip_sequence sequences[CPROM__GZIP_SEQUENCES_MAX];
    unsigned char out[CPROM__GZIP_OUT_MAX];
};
_Static_assert(sizeof(struct cprom__gzip) <= 64 << 10, "so much is there for a reader");

/* `read` writes up to `cap` bytes and returns how many, 0 at the end. Nothing is allocated here or later. */
void cprom__gzip_begin(struct cprom__gzip *gzip, size_t (*read)(void *ctx, char *buf, size_t cap), void *ctx);
/* Writes up to `cap` bytes and returns how many; 0 at the end (or for cap 0). */
size_t cprom__gzip_read(struct cprom__gzip *gzip, char *buf, size_t cap);

#endif
