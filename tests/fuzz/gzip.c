/*
 * libFuzzer: the encoder of gzip. The first byte says how often the rest is repeated, the second how large the pieces are
 * that are read and pulled; what comes of it, zlib must unpack to the same. A portable build must write the same bytes,
 * in one piece.
 */
#include <zlib.h>

#include "fuzz.h"

#include "unit/page/gzip_portable.h"

struct source {
    const uint8_t *bytes;
    size_t n, at, piece;
};

static size_t read_source(void *ctx, char *buf, size_t cap)
{
    struct source *source = ctx;
    size_t n = source->n - source->at;
    if (cap > source->piece) cap = source->piece;
    if (n > cap) n = cap;
    memcpy(buf, source->bytes + source->at, n);
    source->at += n;
    return n;
}

static size_t pull(struct cprom__gzip *gzip, size_t (*read)(struct cprom__gzip *, char *, size_t), char *out,
                   size_t cap, size_t piece)
{
    size_t n = 0, part;
    while ((part = read(gzip, out + n, piece < cap - n ? piece : cap - n))) n += part;
    return n;
}

static void check(const uint8_t *bytes, size_t n, size_t piece)
{
    size_t cap = 2 * n + 1024;
    struct cprom__gzip *gzip = fuzz_alloc(sizeof *gzip);
    char *packed = fuzz_alloc(cap), *again = fuzz_alloc(cap), *unpacked = fuzz_alloc(n + 1);
    cprom__gzip_begin(gzip, read_source, &(struct source){bytes, n, 0, piece});
    size_t length = pull(gzip, cprom__gzip_read, packed, cap, piece);
    z_stream z = {
        .next_in = (Bytef *)packed, .avail_in = (uInt)length, .next_out = (Bytef *)unpacked, .avail_out = (uInt)n + 1};
    FUZZ_CHECK(inflateInit2(&z, 16 + MAX_WBITS) == Z_OK, "zlib");
    FUZZ_CHECK(inflate(&z, Z_FINISH) == Z_STREAM_END && !z.avail_in, "zlib does not read it");
    FUZZ_CHECK(z.total_out == n && memcmp(unpacked, bytes, n) == 0, "zlib reads something else");
    inflateEnd(&z);
    portable_gzip_begin(gzip, read_source, &(struct source){bytes, n, 0, n + 1});
    size_t length_again = pull(gzip, portable_gzip_read, again, cap, cap);
    FUZZ_CHECK(length_again == length && memcmp(packed, again, length) == 0, "the portable build");
    free(gzip);
    free(packed);
    free(again);
    free(unpacked);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n < 2) return 0;
    size_t times = 1 + bytes[0] % 64, piece = 1 + (size_t)bytes[1] * bytes[1], length = n - 2;
    uint8_t *input = fuzz_alloc(times * length);
    for (size_t i = 0; i < times; i++) memcpy(input + i * length, bytes + 2, length);
    check(input, times * length, piece);
    free(input);
    return 0;
}
