/* What the tests of text and JSON share: the page of what was read, printed by the library. */
#ifndef TESTS_EXPORTERS_TEXT_H
#define TESTS_EXPORTERS_TEXT_H

#include "text_page.h"

static cprom_status text_collect(void *ctx, cprom_scrape *out)
{
    const struct text_page *page = ctx;
    for (const struct text_family *family = page->families; family; family = family->next) {
        text_emit(out, family, CPROM_NO_LABELS);
    }
    return CPROM_OK;
}

/* The library's page of it; asserts that all of it is there. Free with cprom_text_free(). */
static inline char *text_print(const struct text_page *page, size_t *len)
{
    cprom_registry *registry;
    char *text;
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_new(NULL, &registry));
    assert_ok(cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "text", .collect = text_collect,
                                                       .ctx = (void *)page)));
    assert_ok(cprom_registry_text(registry, &text, len));
    assert_ok(cprom_registry_stats(registry, &stats));
    assert_int_equal(stats.collector_failures, 0);
    cprom_registry_free(registry);
    return text;
}

#endif
