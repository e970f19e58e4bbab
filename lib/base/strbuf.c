/* Log lines of bounded length. */
#include "base/strbuf.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* The code points from 2000 on that print nothing, or turn around what stands beside them. */
static const struct {
    uint32_t first, last;
} strbuf_invisible[] = {{0x200b, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},  {0xfe00, 0xfe0f},
                        {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff}};

static bool strbuf_is_printable(uint32_t point)
{
    if (point < 0x20 || (point >= 0x7f && point < 0xa0)) return false;
    if (point == 0xad || point == 0x61c) return false; /* a soft hyphen, a mark of direction */
    for (size_t i = 0; i < sizeof strbuf_invisible / sizeof *strbuf_invisible; i++) {
        if (point >= strbuf_invisible[i].first && point <= strbuf_invisible[i].last) return false;
    }
    return true;
}

/* How many bytes the printable character at `bytes` has; 0: there is none. */
static size_t strbuf_printable(const unsigned char *bytes, size_t len)
{
    size_t n = bytes[0] < 0x80 ? 1 : bytes[0] < 0xe0 ? 2 : bytes[0] < 0xf0 ? 3 : 4;
    if (n > len || !cprom__is_utf8((const char *)bytes, n)) return 0;
    uint32_t point = n == 1 ? bytes[0] : bytes[0] & (0x7fu >> n);
    for (size_t i = 1; i < n; i++) point = point << 6 | (bytes[i] & 0x3f);
    return strbuf_is_printable(point) ? n : 0;
}

/* Appends until the line is `end` long, whole characters and escapes; returns how many bytes it has taken. */
static size_t strbuf_add_until(struct cprom__line *line, const char *text, size_t len, size_t end)
{
    static const char digits[] = "0123456789abcdef";
    const unsigned char *bytes = (const unsigned char *)text;
    size_t at = 0;
    if (end > CPROM__LINE_MAX - 1) end = CPROM__LINE_MAX - 1;
    while (at < len) {
        const char escape[4] = {'\\', 'x', digits[bytes[at] >> 4], digits[bytes[at] & 15]};
        size_t n = strbuf_printable(bytes + at, len - at), adds = n ? n : sizeof escape;
        if (line->len + adds > end) break;
        memcpy(line->text + line->len, n ? text + at : escape, adds);
        line->len += adds;
        at += n ? n : 1;
    }
    line->text[line->len] = '\0';
    return at;
}

void cprom__line_add_bytes(struct cprom__line *line, const char *bytes, size_t len)
{
    strbuf_add_until(line, bytes, len, CPROM__LINE_MAX);
}

void cprom__line_add(struct cprom__line *line, const char *text) { cprom__line_add_bytes(line, text, strlen(text)); }

void cprom__line_add_cut(struct cprom__line *line, const char *bytes, size_t len, size_t max)
{
    if (strbuf_add_until(line, bytes, len, line->len + max) < len) cprom__line_add(line, "...");
}

void cprom__line_join(struct cprom__line *line, ...)
{
    va_list args;
    line->len = 0;
    line->text[0] = '\0';
    va_start(args, line);
    for (const char *part; (part = va_arg(args, const char *)) != NULL;) cprom__line_add(line, part);
    va_end(args);
}
