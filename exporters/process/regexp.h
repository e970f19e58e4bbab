#ifndef PX_REGEXP_H
#define PX_REGEXP_H

/*
 * Regular expressions with the syntax and the meaning of Go's regexp (RE2), since configuration files are written for
 * it; POSIX has no lazy quantifiers and no (?P<name>...), and finds the longest match where Go finds the first
 * alternative.
 *
 * The whole syntax but for \p{...} and \C, and with (?i) for ASCII letters only. Text is UTF-8; bytes that are not
 * match as U+FFFD. A match takes time in proportion to the text times the expression, whatever both are.
 */

#include <stdbool.h>
#include <stddef.h>

#define PX_REGEX_ERROR 160 /* bytes of a message */
#define PX_REGEX_GROUPS 32 /* capturing groups of one expression */

typedef struct px_regex px_regex;

typedef struct px_span {
    const char *at; /* NULL: the group took no part in the match */
    size_t len;
} px_span;

/* NULL: the message says why. */
px_regex *px_regex_new(const char *pattern, size_t n, char error[PX_REGEX_ERROR]);
void px_regex_free(px_regex *regex);

size_t px_regex_groups(const px_regex *regex);
/* Of the group `index`, from 0; "" if it has none. */
const char *px_regex_group_name(const px_regex *regex, size_t index);

/*
 * Looks for the first match anywhere in the text. 1: there is one; `spans`, if not NULL, gets one span for each
 * group. 0: none. -1: no memory. One thread at a time.
 */
int px_regex_match(px_regex *regex, const char *text, size_t n, px_span *spans);

#endif
