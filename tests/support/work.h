/*
 * How much work this thread does: comparisons of texts, and bytes that are copied. A program that counts it links with
 * --wrap for strcmp, strncmp, memcmp, memcpy and memmove.
 */
#ifndef CPROM_TESTS_WORK_H
#define CPROM_TESTS_WORK_H

#include "cprom_test.h"

typedef struct ct_work {
    size_t compared, copied;
} ct_work;

/* Since the thread began. */
ct_work ct_work_now(void);

/* Asserts that work(n), for a large n and a small one, grows as n log n does, and not as the square. */
void ct_assert_grows_linearly(void (*work)(size_t n));

/* A name for the number; they are in no order. */
void ct_work_name(char out[32], size_t number);

#endif
