/* The reader of label text: what names and values mean. */
#include "store/pairs.h"

bool cprom__pair_means(struct cprom__piece escaped, const char *plain)
{
    const char *at = escaped.text, *end = at + escaped.len;
    while (at < end && *plain) {
        if (cprom__pair_byte(&at) != (unsigned char)*plain++) return false;
    }
    return at == end && !*plain;
}

char *cprom__pair_unescape(char *out, struct cprom__piece escaped)
{
    const char *at = escaped.text, *end = at + escaped.len;
    while (at < end) {
        const char *escape = memchr(at, '\\', (size_t)(end - at));
        size_t plain = (size_t)((escape ? escape : end) - at);
        memcpy(out, at, plain);
        out += plain;
        at += plain;
        if (escape) *out++ = (char)cprom__pair_byte(&at);
    }
    return out;
}
