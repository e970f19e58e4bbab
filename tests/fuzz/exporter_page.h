/* What a reader of text took, on a page of the library. */
#ifndef TESTS_FUZZ_EXPORTER_PAGE_H
#define TESTS_FUZZ_EXPORTER_PAGE_H

#include <stdio.h>
#include <stdlib.h>

#include "cost.h"
#include "text_page.h"

/* What was read since may have taken so many steps, whatever the bytes are. */
static inline void check_cost(const char *what, uint64_t before, uint64_t bound)
{
    uint64_t cost = cost_now() - before;
    if (cost <= bound + COST_ANY) return;
    fprintf(stderr, "%s: %llu steps, and not %llu\n", what, (unsigned long long)cost, (unsigned long long)bound);
    abort();
}

static cprom_status page_collect(void *ctx, cprom_scrape *out)
{
    const struct text_page *page = ctx;
    for (const struct text_family *family = page->families; family; family = family->next) {
        text_emit(out, family, CPROM_NO_LABELS);
    }
    return CPROM_OK;
}

/* The page, to be freed with cprom_text_free(); NULL: the library refuses a sample. */
static inline char *page_print(const struct text_page *page, size_t *len)
{
    cprom_registry *registry;
    char *text = NULL;
    cprom_stats stats = CPROM_INIT(cprom_stats);
    if (cprom_registry_new(NULL, &registry)) abort();
    cprom_collector_opts opts = {.size = sizeof opts, .name = "text", .collect = page_collect, .ctx = (void *)page};
    if (cprom_collector_new(registry, &opts) || cprom_registry_text(registry, &text, len)) abort();
    if (cprom_registry_stats(registry, &stats)) abort();
    cprom_registry_free(registry);
    if (!stats.collector_failures) return text;
    cprom_text_free(text);
    return NULL;
}

#endif
