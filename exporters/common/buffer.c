#include "buffer.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

bool buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more < buffer->cap - buffer->len) return true;
    if (more > SIZE_MAX / 4 - buffer->len) return false;
    size_t cap = buffer->cap ? buffer->cap : 64;
    while (cap - buffer->len <= more) cap *= 2;
    char *at = realloc(buffer->at, cap);
    if (!at) return false;
    buffer->at = at;
    buffer->cap = cap;
    return true;
}

bool buffer_put(struct buffer *buffer, const char *bytes, size_t n)
{
    if (!buffer_reserve(buffer, n)) return false;
    if (n > 0) memcpy(buffer->at + buffer->len, bytes, n);
    buffer->len += n;
    buffer->at[buffer->len] = '\0';
    return true;
}

void buffer_free(struct buffer *buffer)
{
    free(buffer->at);
    *buffer = (struct buffer){0};
}

unsigned utf8_decode(const char *at, const char *end, size_t *length)
{
    const unsigned char *s = (const unsigned char *)at;
    size_t left = (size_t)(end - at), n = 0;
    unsigned c = s[0], least = 0;
    *length = 1;
    if (c < 0x80) return c;
    if (c >= 0xc2 && c <= 0xdf) {
        n = 2, c &= 0x1f, least = 0x80;
    } else if (c >= 0xe0 && c <= 0xef) {
        n = 3, c &= 0x0f, least = 0x800;
    } else if (c >= 0xf0 && c <= 0xf4) {
        n = 4, c &= 0x07, least = 0x10000;
    }
    if (n == 0 || left < n) return 0xfffd;
    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80) return 0xfffd;
        c = c << 6 | (s[i] & 0x3f);
    }
    if (c < least || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) return 0xfffd;
    *length = n;
    return c;
}

bool buffer_put_utf8(struct buffer *buffer, const char *text, size_t n, size_t max)
{
    size_t before = buffer->len;
    const char *end = text + n;
    for (size_t length; text < end; text += length) {
        /* U+FFFD of length 3 is one that stands in the text. */
        bool bad = utf8_decode(text, end, &length) == 0xfffd && length == 1;
        size_t bytes = bad ? 3 : length;
        if (buffer->len - before + bytes > max) break;
        if (!buffer_put(buffer, bad ? "\xef\xbf\xbd" : text, bytes)) {
            buffer->len = before;
            return false;
        }
    }
    return true;
}
