/*
 * Formats that are lines, one for each value. What they have in common; what they differ in is a style (text.c,
 * openmetrics.c).
 */
#ifndef CPROM_LIB_PAGE_LINES_H
#define CPROM_LIB_PAGE_LINES_H

#include "page/format.h"
#include "page/sink.h"

/* One line with a value. */
struct cprom__sample_line {
    size_t name_len; /* bytes of the family's name, then the suffix */
    const char *suffix;
    const char *pairs; /* between the braces */
    size_t pairs_len;
    const struct cprom__piece *state; /* one more pair, among them; NULL: none */
    size_t state_at;                  /* bytes of them that stand before it */
    const char *extra;                /* one more label behind them, le or quantile; NULL: none */
    double at;                        /* its value */
    const struct cprom__bound *bound; /* the same as text; NULL: to be made */
    bool is_count;                    /* a whole number in OpenMetrics: a count, a state, an info */
    uint64_t count;
    double value;                           /* if it is no count */
    int64_t timestamp_ms;                   /* negative: none */
    const struct cprom__exemplar *exemplar; /* NULL: none */
};

/* The name, the suffix and all pairs; `at` is the text of the extra label's value. */
void cprom__put_series(struct cprom__sink *sink, const struct cprom__desc *desc, const struct cprom__sample_line *line,
                       const char *at, size_t at_len);

struct cprom__line_style {
    void (*put_header)(struct cprom__sink *sink, const struct cprom__desc *desc);
    void (*put_line)(struct cprom__sink *sink, const struct cprom__desc *desc, const struct cprom__sample_line *line);
    size_t (*number)(char *out, double value);
    bool is_text;     /* the text format 0.0.4: with its suffixes, and whole numbers like all others */
    bool sums_ascend; /* no sum and count where a bucket's bound is negative, since the sum could fall */
    const char *end;  /* behind the last family */
};

/* A cprom__format, given a style. Its cursor's `total` is, in rows of histograms, the count up to the bucket before. */
size_t cprom__lines_encode(const struct cprom__snapshot *snapshot, const struct cprom__line_style *style, bool created,
                           struct cprom__cursor *cursor, char *buf, size_t cap);

/*
 * The same without making text: what stands on the next line, and in `*desc` the descriptor of its family; false: the
 * end.
 */
bool cprom__lines_next(const struct cprom__snapshot *snapshot, const struct cprom__line_style *style,
                       struct cprom__cursor *cursor, struct cprom__sample_line *line, const struct cprom__desc **desc);

#endif
