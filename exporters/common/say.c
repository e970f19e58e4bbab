#define _POSIX_C_SOURCE 200809L

#include "say.h"

#include "utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 16384

static const char *name = "exporter";

void say_as(const char *who) { name = who; }

void say_clean(char *text)
{
    for (unsigned char *at = (unsigned char *)text; *at;) {
        size_t n = utf8_length((const char *)at);
        bool control = *at < ' ' || *at == 127 || (at[0] == 0xC2 && at[1] < 0xA0);
        if (n && !control) {
            at += n;
            continue;
        }
        for (n = n ? n : 1; n; n--) *at++ = '?';
    }
}

void say(const char *format, ...)
{
    char *line = malloc(LINE_MAX_BYTES), small[256];
    size_t room = line ? LINE_MAX_BYTES : sizeof small;
    char *text = line ? line : small;
    va_list args;
    va_start(args, format);
    vsnprintf(text, room, format, args);
    va_end(args);
    say_clean(text);
    flockfile(stderr);
    fprintf(stderr, "%s: %s\n", name, text);
    fflush(stderr);
    funlockfile(stderr);
    free(line);
}

void say_line(void *ctx, const char *line)
{
    (void)ctx;
    say("%s", line);
}
