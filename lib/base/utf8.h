/*
 * What is UTF-8 (RFC 3629), and how texts that are not are repaired (cprom_utf8_repair).
 */
#ifndef CPROM_LIB_BASE_UTF8_H
#define CPROM_LIB_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

bool cprom__is_utf8(const char *text, size_t len);

#endif
