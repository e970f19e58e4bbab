/*
 * What names and texts may be, and how texts are escaped on the page. Sources: the Prometheus exposition format
 * 0.0.4 and data model.
 */
#ifndef CPROM_LIB_BASE_NAMES_H
#define CPROM_LIB_BASE_NAMES_H

#include <stdbool.h>
#include <stddef.h>

bool cprom__is_metric_name(const char *name); /* [a-zA-Z_:][a-zA-Z0-9_:]* */
bool cprom__is_label_name(const char *name);  /* [a-zA-Z_][a-zA-Z0-9_]*, not beginning with __ */
/* Of ASCII, whatever the locale is. */
static inline char cprom__lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }
/* Whether both are NULL, or the same text. */
bool cprom__same_text(const char *a, const char *b);
bool cprom__has_prefix(const char *name, const char *prefix);
bool cprom__has_suffix(const char *name, size_t name_len, const char *suffix);

/* Whether it is ASCII, and nothing in it is escaped: nearly every label value. */
bool cprom__is_plain(const char *value, size_t len);
/* The bytes that a label value has once \, LF and " are escaped; equal to `len` iff nothing is. */
size_t cprom__escaped_len(const char *value, size_t len);
/* Writes the escaped value, returns the byte behind it. */
char *cprom__escape(char *out, const char *value, size_t len);

#endif
