/* What a program says: lines on standard error, which may be a terminal, or a log that somebody shows on one. */
#ifndef EXPORTERS_COMMON_SAY_H
#define EXPORTERS_COMMON_SAY_H

#include <stdbool.h>
#include <stddef.h>

/* Stands in front of each line; not copied. */
void say_as(const char *name);

/*
 * One line, whole beside those of other threads. What is a control character, C1 included, or no UTF-8 becomes ?, so
 * that names that others choose are neither lines nor commands. MT-safe.
 */
#if defined(__GNUC__)
__attribute__((format(printf, 1, 2)))
#endif
void say(const char *format, ...);

/* For the log option of registries: say(). */
void say_line(void *ctx, const char *line);

/* Replaces such characters in place, byte by byte. */
void say_clean(char *text);

#endif
