/* Bytes that grow. All zeros is an empty one; `at` is NULL until something was put in. */
#ifndef EXPORTERS_COMMON_BUFFER_H
#define EXPORTERS_COMMON_BUFFER_H

#include <stdbool.h>
#include <stddef.h>

struct buffer {
    char *at;
    size_t len;
    size_t cap;
};

/* Makes room for `more` bytes behind `len`. false: no memory, nothing changed. */
bool buffer_reserve(struct buffer *buffer, size_t more);
/* Appends, and keeps a NUL behind that does not count. false: no memory, nothing changed. */
bool buffer_put(struct buffer *buffer, const char *bytes, size_t n);
void buffer_free(struct buffer *buffer);

/* Appends at most `max` bytes of a text; what is not UTF-8 in it becomes U+FFFD, byte by byte. No character is cut. */
bool buffer_put_utf8(struct buffer *buffer, const char *text, size_t n, size_t max);

/* The code point at `at`, which is before `end`, and its length; U+FFFD and 1 where it is not UTF-8. */
unsigned utf8_decode(const char *at, const char *end, size_t *length);

#endif
