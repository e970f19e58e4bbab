/* Prometheus text from standard input, as a page of the library; what is wrong: on standard error, and 1. */
#include <stdio.h>
#include <stdlib.h>

#include "text_parser.h"

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    const struct text_page *page = ctx;
    for (const struct text_family *family = page->families; family; family = family->next) {
        text_emit(out, family, CPROM_NO_LABELS);
    }
    return CPROM_OK;
}

static void log_line(void *ctx, const char *line)
{
    (void)ctx;
    fprintf(stderr, "%s\n", line);
}

int main(void)
{
    static char bytes[1 << 20];
    size_t n = fread(bytes, 1, sizeof bytes, stdin), len;
    struct text_error error;
    struct text_page *page = text_parse(bytes, n, &error);
    if (!page) {
        fprintf(stderr, "line %zu: %s\n", error.line, error.what);
        return 1;
    }
    cprom_registry *registry;
    char *text;
    cprom_stats stats = CPROM_INIT(cprom_stats);
    cprom_collector_opts opts = {.size = sizeof opts, .name = "text", .collect = collect, .ctx = page};
    if (cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .log = log_line), &registry)) return 2;
    if (cprom_collector_new(registry, &opts) || cprom_registry_text(registry, &text, &len)) return 2;
    cprom_registry_stats(registry, &stats);
    fwrite(text, 1, len, stdout);
    cprom_text_free(text);
    cprom_registry_free(registry);
    text_free(page);
    return stats.collector_failures ? 1 : 0;
}
