/*
 * Metrics that came as text: families with their series, however the text was written. They are built sample by sample
 * (text_builder), handed on whole, and can be put on a page by a collector (text_emit).
 */
#ifndef EXPORTERS_COMMON_TEXT_PAGE_H
#define EXPORTERS_COMMON_TEXT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cprom/cprom.h>

#include "arena.h"
#include "text_value.h"

struct text_family;

/* One series. */
struct text_metric {
    struct text_metric *next;  /* of the family, as they came */
    struct text_family *family;
    const cprom_label *labels; /* sorted by name; none is empty; without le of a histogram, quantile of a summary */
    size_t n_labels;
    size_t line;               /* of its first sample */
    const struct text_metric *shape; /* the first of the page with the same label names */
    bool has_timestamp;
    int64_t timestamp_ms;      /* not negative */
    double value;              /* counter, gauge, untyped */
    /* histogram, summary */
    double sum;
    uint64_t count;
    const double *points;      /* upper bounds without +Inf, or quantiles; ascending */
    const uint64_t *buckets;   /* histogram: one per bound, cumulative */
    const double *values;      /* summary: one per quantile */
    size_t n_points;
    struct text_build *build;  /* NULL once the page is whole */
};

/* The strings are the page's; whoever owns the page may exchange help and type. */
struct text_family {
    struct text_family *next; /* as they came */
    const char *name;
    const char *help;         /* NULL: none */
    cprom_type type;          /* untyped, counter, gauge, histogram or summary */
    bool has_type;            /* said so, and not untyped for want of a TYPE */
    size_t line;              /* where it is named first */
    struct text_metric *metrics, *last; /* in a whole page, those with the same label names stand together */
    size_t n_metrics;         /* at least 1 once the page is whole */
    size_t n_shapes;          /* sets of label names */
};

struct text_page {
    struct text_family *families, *last;
    size_t n_families, n_metrics, n_shapes;
    struct text_error left_out; /* what Prometheus takes, and a page of the library cannot have: the first */
    size_t n_left_out;
    struct arena memory;
};

#define TEXT_SERIES_MAX 50000 /* of one page */

void text_free(struct text_page *page);
/* Takes the family that *link points to off a whole page. */
void text_drop_family(struct text_page *page, struct text_family **link);
/* Notes that something of the page is left out, as text_fail() does. */
#if defined(__GNUC__)
__attribute__((format(printf, 3, 4)))
#endif
void text_leave_out(struct text_page *page, size_t line, const char *format, ...);

/*
 * Emits all series of one family with the labels in front of theirs (names must differ; at most CPROM_LABELS_MAX in
 * all), from an unchecked collector. The first refusal, which also fails the collector, or CPROM_OK.
 */
cprom_status text_emit(cprom_scrape *out, const struct text_family *family, cprom_labels more);

/* ---- building ---- */

/* One line. Everything is copied but label names and values, which are the page's (text_copy). */
struct text_sample {
    const char *name; /* with _bucket, _sum, _count; name_len bytes */
    size_t name_len;
    cprom_label *labels; /* in any order; gets sorted; empty values and `quantile` or `le` are taken out */
    size_t n_labels;
    double value;
    bool has_timestamp;
    int64_t timestamp_ms;
    size_t line;
};

struct text_builder;

/* NULL: no memory. Ends with text_finish(). */
struct text_builder *text_begin(void);
/* The page in the making, for text_leave_out(). */
struct text_page *text_page_of(struct text_builder *builder);
/* Copies into the memory of the page; NULL: no memory. */
char *text_copy(struct text_builder *builder, const char *bytes, size_t n);
/* The family of that name, made if need be, untyped. The name is a metric name. NULL: no memory. */
struct text_family *text_add_family(struct text_builder *builder, const char *name, size_t len, size_t line);
/*
 * Puts a sample to its family: that of its name, or the histogram or summary that it is a part of, or a new untyped
 * one. The names are valid. A series that is there already is left out, and so is what cannot be a part of a histogram
 * or summary. false: see *error.
 */
bool text_add_sample(struct text_builder *builder, struct text_sample *sample, struct text_error *error);
/*
 * Completes histograms and summaries, leaves out families without samples, and frees the builder. NULL: see *error.
 * With `broken`, only frees everything.
 */
struct text_page *text_finish(struct text_builder *builder, bool broken, struct text_error *error);

#endif
