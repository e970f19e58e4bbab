/* What the fuzz targets share. cmocka's assertions work here, too: a failing one ends the program, which is found. */
#ifndef CPROM_TESTS_FUZZ_H
#define CPROM_TESTS_FUZZ_H

#include "support/cprom_test.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

#define FUZZ_CHECK(condition, what)                                                                                    \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: the oracle differs: %s\n", __FILE__, __LINE__, what);                              \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* A block of `n` bytes, so that AddressSanitizer sees one that is read or written behind. */
static inline void *fuzz_alloc(size_t n)
{
    void *block = malloc(n ? n : 1);
    if (!block) abort();
    return block;
}

#endif
