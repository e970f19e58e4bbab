/*
 * A piece of a header's text: what the parser and the negotiation cut headers into. Letters are those of ASCII, whatever
 * the locale is; a blank is a space or a tab.
 */
#ifndef CPROM_LIB_HTTP_SPAN_H
#define CPROM_LIB_HTTP_SPAN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/names.h"

struct cprom__span {
    const char *at;
    size_t len;
};

/* Without the blanks at both ends. */
static inline struct cprom__span cprom__span_trim(struct cprom__span span)
{
    while (span.len && (span.at[0] == ' ' || span.at[0] == '\t')) span.at++, span.len--;
    while (span.len && (span.at[span.len - 1] == ' ' || span.at[span.len - 1] == '\t')) span.len--;
    return span;
}

/* Whether it is this text, in upper or lower case. */
static inline bool cprom__span_is(struct cprom__span span, const char *text)
{
    size_t i = 0;
    while (i < span.len && text[i] && cprom__lower(span.at[i]) == cprom__lower(text[i])) i++;
    return i == span.len && !text[i];
}

#endif
