/*
 * Regular expressions with the syntax and the meaning of Go's regexp (RE2), since configuration files are written for
 * it; POSIX has no lazy quantifiers and no (?P<name>...), and finds the longest match where Go finds the first
 * alternative.
 *
 * The whole syntax but for \p{...} and \C, and with (?i) for ASCII letters only. Text is UTF-8; bytes that are not
 * match as U+FFFD. A match takes time in proportion to the text times the expression, whatever both are.
 */
#ifndef EXPORTERS_COMMON_REGEXP_H
#define EXPORTERS_COMMON_REGEXP_H

#include <stdbool.h>
#include <stddef.h>

#define REGEXP_ERROR_MAX 160 /* bytes of a message */
#define REGEXP_GROUPS_MAX 32 /* capturing groups of one expression */

struct regexp;

struct regexp_span {
    const char *at; /* NULL: the group took no part in the match */
    size_t len;
};

/* NULL: the message says why. */
struct regexp *regexp_new(const char *pattern, size_t n, char error[REGEXP_ERROR_MAX]);
void regexp_free(struct regexp *regex);

size_t regexp_groups(const struct regexp *regex);
/* Of the group `index`, from 0; "" if it has none. */
const char *regexp_group_name(const struct regexp *regex, size_t index);

/*
 * Looks for the first match anywhere in the text. 1: there is one; `spans`, if not NULL, gets one span for each
 * group. 0: none. -1: no memory. One thread at a time.
 */
int regexp_match(struct regexp *regex, const char *text, size_t n, struct regexp_span *spans);

#endif
