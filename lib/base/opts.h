/*
 * Options structs across versions: a caller may have been compiled with an older or a newer header.
 */
#ifndef CPROM_LIB_BASE_OPTS_H
#define CPROM_LIB_BASE_OPTS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Copies an options struct whose first field is its size. What a shorter one lacks is zero; a longer one must have
 * nothing but zeros where this library knows no field. false: it has, or its size is 0.
 */
bool cprom__opts_read(void *out, size_t known, const void *opts);

#endif
