#include "script.h"

#include <string.h>

#include "text_parser.h"
#include "text_settle.h"

#define SHAPES_MAX 2000 /* each, a family with a set of label names, costs as much as many series */

/* What the text format allows and a script may not have. */
static bool check(const struct text_page *page, struct text_error *error)
{
    if (page->n_shapes > SHAPES_MAX) {
        return text_fail(error, 0, "more than %d families and changes of label names", SHAPES_MAX);
    }
    for (const struct text_family *family = page->families; family; family = family->next) {
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

static bool settle(struct text_page *page, struct text_error *error)
{
    return text_settle(&page, 1) || text_fail(error, 0, "out of memory");
}

struct text_page *output_parse(const char *bytes, size_t n, struct text_error *error)
{
    size_t i = 0;
    while (i < n && (bytes[i] == ' ' || bytes[i] == '\t' || bytes[i] == '\n' || bytes[i] == '\r')) i++;
    bool json = i < n && (bytes[i] == '[' || bytes[i] == '{'); /* text begins with neither */
    struct text_page *page = json ? falcon_parse(bytes, n, error) : text_parse(bytes, n, error);
    if (page && check(page, error) && settle(page, error)) return page;
    text_free(page);
    return NULL;
}
