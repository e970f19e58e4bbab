/* CRC-32 as gzip has it (RFC 1952). */
#ifndef CPROM_LIB_PAGE_GZIP_CRC_H
#define CPROM_LIB_PAGE_GZIP_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The sum of what came before, at first 0, goes on with `n` bytes. */
uint32_t cprom__gzip_crc(uint32_t crc, const unsigned char *bytes, size_t n);

#endif
