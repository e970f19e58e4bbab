/*
 * A registry's page in both formats. Helpers assert.
 */
#ifndef CPROM_TESTS_FORMATS_H
#define CPROM_TESTS_FORMATS_H

#include "cprom_test.h"

/* To be freed. */
static inline char *formats_read(cprom_registry *registry, cprom_format format, size_t piece)
{
    cprom_page *page;
    size_t len = 0, room = 4096;
    char *text = malloc(room);
    assert_non_null(text);
    assert_ok(cprom_page_open(registry, CPROM_OPTS(cprom_page_opts, .format = format, .created = true), &page));
    for (size_t n; (n = cprom_page_read(page, text + len, piece)) != 0;) {
        len += n;
        if (len + piece < room) continue;
        text = realloc(text, room = 2 * (room + piece));
        assert_non_null(text);
    }
    text[len] = '\0';
    cprom_page_close(page);
    return text;
}

/* The OpenMetrics page without # EOF, in one piece and byte by byte. With _created, which only what accumulates has. */
static inline void formats_assert_openmetrics(cprom_registry *registry, const char *expected)
{
    static const size_t pieces[] = {4000, 1};
    for (size_t i = 0; i < 2; i++) {
        char *text = formats_read(registry, CPROM_OPENMETRICS_1_0, pieces[i]);
        size_t len = strlen(text);
        assert_true(len >= 6 && strcmp(text + len - 6, "# EOF\n") == 0);
        text[len - 6] = '\0';
        ct_assert_text_equal(text, expected);
        free(text);
    }
}

#endif
