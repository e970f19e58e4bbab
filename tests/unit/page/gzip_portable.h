/* The encoder once more, built without the compiler's extensions but for hints: C11. */
#ifndef CPROM_TESTS_GZIP_PORTABLE_H
#define CPROM_TESTS_GZIP_PORTABLE_H

#include "page/gzip.h"

void portable_gzip_begin(struct cprom__gzip *gzip, size_t (*read)(void *ctx, char *buf, size_t cap), void *ctx);
size_t portable_gzip_read(struct cprom__gzip *gzip, char *buf, size_t cap);
uint32_t portable_gzip_crc(uint32_t crc, const unsigned char *bytes, size_t n);

#endif
