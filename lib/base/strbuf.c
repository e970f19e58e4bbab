/* Log lines of bounded length. */
#include "base/strbuf.h"

#include <stdarg.h>
#include <string.h>

void cprom__line_add_bytes(struct cprom__line *line, const char *bytes, size_t len)
{
    for (size_t i = 0; i < len && line->len + 1 < CPROM__LINE_MAX; i++) {
        unsigned char c = (unsigned char)bytes[i];
        line->text[line->len++] = c < 0x20 || c == 0x7f ? '?' : (char)c;
    }
    line->text[line->len] = '\0';
}

void cprom__line_add(struct cprom__line *line, const char *text) { cprom__line_add_bytes(line, text, strlen(text)); }

void cprom__line_add_cut(struct cprom__line *line, const char *bytes, size_t len, size_t max)
{
    size_t n = len < max ? len : max;
    while (n && n < len && ((unsigned char)bytes[n] & 0xc0) == 0x80) n--; /* not within a character */
    cprom__line_add_bytes(line, bytes, n);
    if (n < len) cprom__line_add(line, "...");
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
