#include "lines.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool lines_try(struct lines *lines, struct scrape *scrape, struct reader *reader, const char *root, const char *path)
{
    *lines = (struct lines){.scrape = scrape, .root = root, .path = path};
    lines->at = read_file(reader, root, path);
    if (lines->at) lines->end = lines->at + reader->len;
    return lines->at;
}

bool lines_open_any(struct lines *lines, struct scrape *scrape, const char *root, const char *path)
{
    return lines_try(lines, scrape, scrape->reader, root, path) || fail_to_read(scrape, root, path);
}

bool lines_open(struct lines *lines, struct scrape *scrape, const char *root, const char *path)
{
    if (!lines_open_any(lines, scrape, root, path)) return false;
    return lines->at < lines->end || fail(scrape, "%s/%s: it is empty", root, path);
}

bool lines_open_if_there(struct lines *lines, struct scrape *scrape, const char *root, const char *path)
{
    if (lines_try(lines, scrape, scrape->reader, root, path)) return true;
    return errno != ENOENT && fail_to_read(scrape, root, path);
}

char *lines_next(struct lines *lines)
{
    while (lines->at < lines->end) {
        char *line = lines->at, *end = memchr(line, '\n', (size_t)(lines->end - line));
        lines->number++;
        lines->at = end ? end + 1 : lines->end;
        lines->is_open = !end;
        if (!end && !lines->may_be_open) {
            lines_fail(lines, "it is cut short");
            return NULL;
        }
        if (end) *end = '\0';
        else end = lines->end;
        if (end == line) continue;
        if (!memchr(line, '\0', (size_t)(end - line))) return line;
        lines_fail(lines, "there is a NUL in it");
    }
    return NULL;
}

bool lines_fail(const struct lines *lines, const char *format, ...)
{
    char why[512];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    return fail(lines->scrape, "%s/%s, line %zu: %s", lines->root, lines->path, lines->number, why);
}
