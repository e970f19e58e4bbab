/* The reader of label text: its pairs, their names and values, and what these mean. */
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
    while (at < end) *out++ = (char)cprom__pair_byte(&at);
    return out;
}

bool cprom__pairs_name(struct cprom__pairs *pairs, struct cprom__piece *name)
{
    if (pairs->at == pairs->end) return false;
    const char *at = pairs->at;
    if (*at == ',') at++; /* no name begins with one, bare or quoted */
    if (*at == '"') {
        *name = cprom__pair_quoted(at + 1);
        at = name->text + name->len + 1;
    } else {
        const char *end = memchr(at, '=', (size_t)(pairs->end - at));
        *name = (struct cprom__piece){at, (size_t)(end - at)};
        at = end;
    }
    pairs->at = at + strlen("=\"");
    return true;
}

struct cprom__piece cprom__pairs_value(struct cprom__pairs *pairs)
{
    struct cprom__piece value = cprom__pair_quoted(pairs->at);
    pairs->at = value.text + value.len + 1;
    return value;
}
