/*
 * A registry's page in OpenMetrics. Helpers assert.
 */
#ifndef CPROM_TESTS_FORMATS_H
#define CPROM_TESTS_FORMATS_H

#include "cprom_test.h"

/* The OpenMetrics page without # EOF, in one piece and byte by byte. With _created, which only what accumulates has. */
static inline void formats_assert_openmetrics(cprom_registry *registry, const char *expected)
{
    static const size_t pieces[] = {4000, 1};
    for (size_t i = 0; i < 2; i++) {
        ct_page page = ct_page_read(
            registry, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = true), pieces[i]);
        page.text[page.len - 6] = '\0';
        ct_assert_text_equal(page.text, expected);
        ct_page_free(&page);
    }
}

#endif
