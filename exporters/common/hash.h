/*
 * The hash of all tables: SipHash-2-4 (Aumasson, Bernstein, 2012) with a key that each run of the program draws, since
 * names and labels come from outside, and must not be able to aim at one place of a table.
 */
#ifndef EXPORTERS_COMMON_HASH_H
#define EXPORTERS_COMMON_HASH_H

#include <stddef.h>
#include <stdint.h>

/* `before` is 0, or the hash of what stands in front of the bytes. MT-safe. */
uint64_t hash_bytes(uint64_t before, const void *bytes, size_t n);
/* With the NUL, so that it is known where the text ends. */
uint64_t hash_text(uint64_t before, const char *text);

/* With a key of the caller's. */
uint64_t hash_with(const uint64_t key[2], const void *bytes, size_t n);

#endif
