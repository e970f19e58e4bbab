#ifndef EXPORTERS_COMMON_UTF8_H
#define EXPORTERS_COMMON_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* The length of the UTF-8 character that the text, which ends with a NUL, begins with; 0: it begins with none. */
size_t utf8_length(const char *text);
/* Copies `text` to `out` (of `room` bytes, cut if need be); each run of bytes that are not UTF-8 becomes one U+FFFD. */
void utf8_copy(char *out, size_t room, const char *text);

#endif
