/*
 * The Prometheus text format 0.0.4, as Prometheus' own libraries take it: what they refuse is refused as a whole. What
 * they take, and a page of the library cannot have, is left out alone (text_page.h): series that are there twice, label
 * names that begin with __, too many or too long labels, parts of histograms and summaries that are none. Lines of one
 * family may stand apart, and TYPE must come before the first of them.
 *
 * Memory is some hundred times the input at most, time is nearly linear. No recursion. MT-safe.
 */
#ifndef EXPORTERS_COMMON_TEXT_PARSER_H
#define EXPORTERS_COMMON_TEXT_PARSER_H

#include "text_page.h"

/* The page, to be given back with text_free(), or NULL: *error says where and why. The bytes are copied. */
struct text_page *text_parse(const char *bytes, size_t n, struct text_error *error);

#endif
