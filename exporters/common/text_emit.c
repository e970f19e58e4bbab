#include "text_page.h"

#include <string.h>

static cprom_status emit_metric(cprom_scrape *out, const cprom_desc *desc, cprom_strs values,
                                const struct text_metric *metric)
{
    if (desc->type == CPROM_HISTOGRAM) {
        return cprom_emit_histogram(out, desc, values,
                                    CPROM_OPTS(cprom_const_histogram, .bounds = metric->points,
                                               .buckets = metric->buckets, .n_bounds = metric->n_points,
                                               .count = metric->count, .sum = metric->sum,
                                               .timestamp_ms = metric->timestamp_ms));
    }
    if (desc->type == CPROM_SUMMARY) {
        return cprom_emit_summary(out, desc, values,
                                  CPROM_OPTS(cprom_const_summary, .quantiles = metric->points, .values = metric->values,
                                             .n_quantiles = metric->n_points, .count = metric->count,
                                             .sum = metric->sum, .timestamp_ms = metric->timestamp_ms));
    }
    if (metric->has_timestamp) return cprom_emit_at(out, desc, values, metric->value, metric->timestamp_ms);
    return cprom_emit(out, desc, values, metric->value);
}

cprom_status text_emit(cprom_scrape *out, const struct text_family *family, cprom_labels more)
{
    cprom_status first = CPROM_OK;
    for (const struct text_metric *metric = family->metrics; metric; metric = metric->next) {
        cprom_desc desc = {.size = sizeof desc, .name = family->name, .help = family->help, .type = family->type};
        const char *values[CPROM_LABELS_MAX];
        size_t n = 0;
        if (more.n + metric->n_labels > CPROM_LABELS_MAX) return CPROM_ELABELS;
        for (size_t i = 0; i < more.n; i++, n++) {
            desc.labels[n] = more.v[i].name;
            values[n] = more.v[i].value;
        }
        for (size_t i = 0; i < metric->n_labels; i++, n++) {
            desc.labels[n] = metric->labels[i].name;
            values[n] = metric->labels[i].value;
        }
        cprom_status status = emit_metric(out, &desc, (cprom_strs){values, n}, metric);
        if (!first) first = status;
    }
    return first;
}
