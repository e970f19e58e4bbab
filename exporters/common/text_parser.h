/*
 * The Prometheus text format 0.0.4, read strictly: what expfmt of Prometheus' own libraries refuses is refused, and
 * also what the library could not put on a page: text that is not UTF-8, reserved label names, series that are there
 * twice, negative timestamps, histograms and summaries that are not whole or contradict themselves. Lines of one family
 * may stand apart, and TYPE must come before the first of them.
 *
 * Memory is some hundred times the input at most, time is nearly linear. No recursion. MT-safe.
 */
#ifndef EXPORTERS_COMMON_TEXT_PARSER_H
#define EXPORTERS_COMMON_TEXT_PARSER_H

#include "text_page.h"

/* The page, to be given back with text_free(), or NULL: *error says where and why. The bytes are copied. */
struct text_page *text_parse(const char *bytes, size_t n, struct text_error *error);

#endif
