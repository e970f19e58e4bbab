/* Flags that are regular expressions: those of Go (regexp.h), for which all flags of node_exporter are written. */
#ifndef CPROM_EXPORTERS_HOST_FILTER_H
#define CPROM_EXPORTERS_HOST_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct filter;

/* Of an empty expression, *filter is NULL, and matches nothing. false: why is in `why`. */
bool filter_new(const char *expression, struct filter **filter, char *why, size_t n_why);
void filter_free(struct filter *filter);

/*
 * Whether the expression matches somewhere in the name. A scrape asks about nearly the same names as the one before, in
 * the same order, so that answers are remembered in that order; filter_rewind() begins a scrape.
 */
bool filter_matches(struct filter *filter, const char *name);
void filter_rewind(struct filter *filter);

#endif
