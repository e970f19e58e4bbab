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
/*
 * Appends. What is not printable becomes \xNN, byte by byte: control characters, what is not UTF-8, and characters that
 * print nothing or turn around what stands beside them. So whatever text of strangers is in it, a line is one line, and
 * a terminal that shows it does nothing else.
 */
void cprom__line_add(struct cprom__line *line, const char *text);
void cprom__line_add_bytes(struct cprom__line *line, const char *bytes, size_t len);
/* Appends `max` bytes at most, as they are written, with "..." for the rest: so that what comes behind, the reason, has its place. */
void cprom__line_add_cut(struct cprom__line *line, const char *bytes, size_t len, size_t max);

#endif
