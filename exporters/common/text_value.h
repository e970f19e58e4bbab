/* What the pieces of text metrics are: numbers, names, UTF-8; and how it is said what is wrong with them. */
#ifndef EXPORTERS_COMMON_TEXT_VALUE_H
#define EXPORTERS_COMMON_TEXT_VALUE_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* What is wrong, and in which line; 0: in none (no memory). */
struct text_error {
    size_t line;
    char what[192]; /* one line, printable ASCII */
};

/* Writes what is wrong, what is not printable ASCII as ?; returns false. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
bool text_fail(struct text_error *error, size_t line, const char *format, ...);
#if defined(__GNUC__)
__attribute__((format(printf, 3, 0)))
#endif
bool text_vfail(struct text_error *error, size_t line, const char *format, va_list args);

/*
 * A number as the text format has it: decimal, also with an exponent, or NaN, Inf, Infinity in any case; Inf may have a
 * sign. Not what is too large for a double. The text must not be followed by more of a number. In the C locale only.
 */
bool text_number(const char *text, size_t len, double *value);
/* Whether it is UTF-8, without NUL. */
bool text_is_utf8(const char *bytes, size_t n);
bool text_is_metric_name(const char *name, size_t len); /* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool text_is_label_name(const char *name, size_t len);  /* [a-zA-Z_][a-zA-Z0-9_]*, not beginning with __ */

#endif
