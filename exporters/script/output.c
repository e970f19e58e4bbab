#include "script.h"

#include <string.h>

#include "text_parser.h"

#define FAMILIES_MAX 2000 /* the time that a page takes grows with their square */

/* What the text format allows and a script may not have. */
static bool check(const struct text_page *page, struct text_error *error)
{
    size_t n = 0;
    for (const struct text_family *family = page->families; family; family = family->next) {
        if (++n > FAMILIES_MAX) return text_fail(error, family->line, "more than %d families", FAMILIES_MAX);
        for (const struct text_metric *metric = family->metrics; metric; metric = metric->next) {
            if (metric->has_timestamp) return text_fail(error, metric->line, "%.80s has a timestamp", family->name);
            for (size_t i = 0; i < metric->n_labels; i++) {
                if (strcmp(metric->labels[i].name, "script") != 0) continue;
                return text_fail(error, metric->line, "%.80s: the label script is the exporter's own", family->name);
            }
        }
    }
    return true;
}

struct text_page *output_parse(const char *bytes, size_t n, struct text_error *error)
{
    size_t i = 0;
    while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r')) i++;
    bool json = i < n && (bytes[i] == '[' || bytes[i] == '{'); /* text begins with neither */
    struct text_page *page = json ? falcon_parse(bytes, n, error) : text_parse(bytes, n, error);
    if (!page || check(page, error)) return page;
    text_free(page);
    return NULL;
}
