/*
 * A line of bounded length, for log messages: what does not fit is cut off.
 */
#ifndef CPROM_LIB_BASE_STRBUF_H
#define CPROM_LIB_BASE_STRBUF_H

#include <stddef.h>

#define CPROM__LINE_MAX 1024

struct cprom__line {
    size_t len;
    char text[CPROM__LINE_MAX]; /* NUL-terminated after cprom__line_join() and _add() */
};

/* Starts a line from the given strings; the last argument is NULL. */
void cprom__line_join(struct cprom__line *line, ...);
/* Appends; control characters become '?', so that a line stays one line. */
void cprom__line_add(struct cprom__line *line, const char *text);
void cprom__line_add_bytes(struct cprom__line *line, const char *bytes, size_t len);
/* Appends about `max` bytes at most, with "..." for the rest: so that what comes behind, the reason, has its place. */
void cprom__line_add_cut(struct cprom__line *line, const char *bytes, size_t len, size_t max);

#endif
