#ifndef PX_BUFFER_H
#define PX_BUFFER_H

/* Bytes that grow. All zeros is an empty one; `at` is NULL until something was put in. */

#include <stdbool.h>
#include <stddef.h>

typedef struct px_buffer {
    char *at;
    size_t len;
    size_t cap;
} px_buffer;

/* Makes room for `more` bytes behind `len`. false: no memory, nothing changed. */
bool px_buffer_reserve(px_buffer *buffer, size_t more);
/* Appends, and keeps a NUL behind that does not count. false: no memory, nothing changed. */
bool px_buffer_put(px_buffer *buffer, const char *bytes, size_t n);
void px_buffer_free(px_buffer *buffer);

/* Appends at most `max` bytes of a text; what is not UTF-8 in it becomes U+FFFD, byte by byte. No character is cut. */
bool px_buffer_put_utf8(px_buffer *buffer, const char *text, size_t n, size_t max);

/* The code point at `at`, which is before `end`, and its length; U+FFFD and 1 where it is not UTF-8. */
unsigned px_utf8_decode(const char *at, const char *end, size_t *length);

#endif
