/*
 * A sink: where a format puts its bytes.
 */
#ifndef CPROM_LIB_PAGE_SINK_H
#define CPROM_LIB_PAGE_SINK_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Where bytes go: the part of a unit that was read before is skipped, what does not fit is left for the next read. A
 * unit is made anew for each read that it spans, so that nothing but numbers is ever buffered.
 */
struct cprom__sink {
    char *out, *end;
    size_t skip;
    size_t made; /* bytes of the unit so far, also those that went nowhere */
};

void cprom__put(struct cprom__sink *sink, const char *bytes, size_t len);
void cprom__put_string(struct cprom__sink *sink, const char *text);
/* Escapes line feeds and backslashes, and quotes as well if asked. */
void cprom__put_escaped(struct cprom__sink *sink, const char *text, bool quotes);

#endif
