#include "text_value.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool text_vfail(struct text_error *error, size_t line, const char *format, va_list args)
{
    error->line = line;
    vsnprintf(error->what, sizeof error->what, format, args);
    for (char *at = error->what; *at; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = '?';
    }
    return false;
}

bool text_fail(struct text_error *error, size_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    text_vfail(error, line, format, args);
    va_end(args);
    return false;
}

bool text_is_utf8(const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    while (at < end) {
        unsigned c = *at++;
        if (c >= 1 && c < 0x80) continue;
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || (size_t)(end - at) < more) return false;
        /* too long a form, surrogates, beyond U+10FFFF: told by the second byte */
        unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high) return false;
        for (size_t i = 1; i < more; i++) {
            if (at[i] < 0x80 || at[i] > 0xbf) return false;
        }
        at += more;
    }
    return true;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool is_name(const char *name, size_t len, bool colons)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(name[i]) && !(colons && name[i] == ':') && !(i && name[i] >= '0' && name[i] <= '9'))
            return false;
    }
    return len > 0;
}

bool text_is_metric_name(const char *name, size_t len) { return is_name(name, len, true); }

bool text_is_label_name(const char *name, size_t len)
{
    return is_name(name, len, false) && !(len >= 2 && name[0] == '_' && name[1] == '_');
}

bool text_number(const char *text, size_t len, double *value)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"nan", NAN},
                 {"inf", INFINITY},
                 {"infinity", INFINITY},
                 {"+inf", INFINITY},
                 {"+infinity", INFINITY},
                 {"-inf", -INFINITY},
                 {"-infinity", -INFINITY}};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strlen(names[i].name) != len || strncasecmp(names[i].name, text, len) != 0) continue;
        *value = names[i].value;
        return true;
    }
    /* [+-] digits [. digits] [e [+-] digits], with a digit before or behind the point */
    size_t i = 0, digits = 0;
    if (i < len && (text[i] == '+' || text[i] == '-')) i++;
    for (; i < len && text[i] >= '0' && text[i] <= '9'; i++) digits++;
    if (i < len && text[i] == '.') {
        for (i++; i < len && text[i] >= '0' && text[i] <= '9'; i++) digits++;
    }
    if (!digits) return false;
    if (i < len && (text[i] == 'e' || text[i] == 'E')) {
        i++;
        if (i < len && (text[i] == '+' || text[i] == '-')) i++;
        size_t first = i;
        while (i < len && text[i] >= '0' && text[i] <= '9') i++;
        if (i == first) return false;
    }
    if (i != len) return false;
    *value = strtod(text, NULL); /* ends where the above does: what follows is no part of a number */
    return isfinite(*value);
}
