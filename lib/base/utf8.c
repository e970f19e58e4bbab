/* What is UTF-8, and repairs what is not. */
#include "base/utf8.h"

#include <string.h>

#include <cprom/cprom.h>

/*
 * How long the character is that the bytes begin with. If they begin with none: how many of them could begin one, 1 at
 * least; Unicode 15, 3.9, calls them a maximal subpart.
 */
static inline size_t utf8_length(const unsigned char *bytes, size_t len, bool *is_character)
{
    /* The second byte's range excludes overlong forms, surrogates and what lies beyond U+10FFFF. */
    unsigned char first = bytes[0], low = 0x80, high = 0xbf;
    size_t whole = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4, n = 1;
    *is_character = false;
    if ((first >= 0x80 && first < 0xc2) || first > 0xf4) return 1;
    if (first == 0xe0) low = 0xa0;
    if (first == 0xed) high = 0x9f;
    if (first == 0xf0) low = 0x90;
    if (first == 0xf4) high = 0x8f;
    for (; n < whole; n++) {
        if (n == len || bytes[n] < low || bytes[n] > high) return n;
        low = 0x80;
        high = 0xbf;
    }
    *is_character = true;
    return n;
}

bool cprom__is_utf8(const char *text, size_t len)
{
    const unsigned char *bytes = (const unsigned char *)text;
    bool is = true;
    for (size_t i = 0; i < len && is;) {
        if (bytes[i] < 0x80) i++;
        else i += utf8_length(bytes + i, len - i, &is);
    }
    return is;
}

size_t cprom_utf8_repair(const char *text, char *buf, size_t cap)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* U+FFFD */
    const unsigned char *bytes = (const unsigned char *)text;
    size_t len = text ? strlen(text) : 0, written = 0, all = 0;
    for (size_t i = 0; i < len;) {
        bool is;
        size_t n = utf8_length(bytes + i, len - i, &is), adds = is ? n : strlen(replacement);
        /* What does not fit ends it, though something shorter may follow. */
        if (written == all && written < cap && adds < cap - written) {
            memcpy(buf + written, is ? text + i : replacement, adds);
            written += adds;
        }
        all += adds;
        i += n;
    }
    if (cap) buf[written] = '\0';
    return all;
}
