#include "utf8.h"

#include <string.h>

/* What the second byte must lie between tells overlong forms, surrogates and what is beyond U+10FFFF. */
size_t utf8_length(const char *text)
{
    const unsigned char *c = (const unsigned char *)text;
    if (c[0] < 0x80) return 1;
    size_t n = c[0] >= 0xC2 && c[0] < 0xE0 ? 2 : (c[0] & 0xF0) == 0xE0 ? 3 : c[0] >= 0xF0 && c[0] < 0xF5 ? 4 : 0;
    for (size_t i = 1; i < n; i++) {
        if ((c[i] & 0xC0) != 0x80) return 0;
    }
    if (n == 3 && ((c[0] == 0xE0 && c[1] < 0xA0) || (c[0] == 0xED && c[1] >= 0xA0))) return 0;
    if (n == 4 && ((c[0] == 0xF0 && c[1] < 0x90) || (c[0] == 0xF4 && c[1] >= 0x90))) return 0;
    return n;
}

void utf8_copy(char *out, size_t room, const char *text)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    size_t used = 0;
    bool bad = false;
    while (*text) {
        size_t n = utf8_length(text), take = n ? n : bad ? 0 : 3;
        if (used + take >= room) break;
        memcpy(out + used, n ? text : replacement, take);
        used += take;
        bad = !n;
        text += n ? n : 1;
    }
    out[used] = '\0';
}
