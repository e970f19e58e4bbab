/* Puts bytes where a reader wants them, and leaves out what it has read before. */
#include "page/sink.h"

#include <string.h>

void cprom__put(struct cprom__sink *sink, const char *bytes, size_t len)
{
    sink->made += len;
    if (sink->skip >= len) {
        sink->skip -= len;
        return;
    }
    bytes += sink->skip;
    len -= sink->skip;
    sink->skip = 0;
    size_t room = (size_t)(sink->end - sink->out);
    if (len > room) len = room;
    memcpy(sink->out, bytes, len);
    sink->out += len;
}

void cprom__put_string(struct cprom__sink *sink, const char *text) { cprom__put(sink, text, strlen(text)); }

void cprom__put_escaped(struct cprom__sink *sink, const char *text, bool quotes)
{
    while (*text) {
        size_t plain = strcspn(text, quotes ? "\\\n\"" : "\\\n");
        cprom__put(sink, text, plain);
        text += plain;
        if (!*text) return;
        char escape[2] = {'\\', *text == '\n' ? 'n' : *text};
        cprom__put(sink, escape, 2);
        text++;
    }
}
