/*
 * From a snapshot to bytes: one line at a time, into memory of any size. What the formats have in common; what they
 * differ in is a struct cprom__format (text.c, openmetrics.c).
 */
#ifndef CPROM_LIB_PAGE_ENCODE_H
#define CPROM_LIB_PAGE_ENCODE_H

#include "page/snapshot.h"

/*
 * Where bytes go: the part of a unit that was read before is skipped, what does not fit is left for the next read. A
 * unit is made anew for each read that it spans, so that nothing but numbers is ever buffered.
 */
struct cprom__sink {
    char *out, *end;
    size_t skip;
    size_t made; /* bytes of the unit so far, also those that went nowhere */
};

void cprom__put(struct cprom__sink *sink, const char *bytes, size_t len);
void cprom__put_string(struct cprom__sink *sink, const char *text);
/* Escapes line feeds and backslashes, and quotes as well if asked. */
void cprom__put_escaped(struct cprom__sink *sink, const char *text, bool quotes);

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

struct cprom__format {
    void (*put_header)(struct cprom__sink *sink, const struct cprom__desc *desc);
    void (*put_line)(struct cprom__sink *sink, const struct cprom__desc *desc, const struct cprom__sample_line *line);
    size_t (*number)(char *out, double value);
    bool is_text;     /* the text format 0.0.4: with its suffixes, and whole numbers like all others */
    bool sums_ascend; /* no sum and count where a bucket's bound is negative, since the sum could fall */
    const char *end;  /* behind the last family */
};

/* How a page is to look. */
struct cprom__page_form {
    const struct cprom__format *format;
    bool created; /* with lines that say when a series began */
};

/* Where a page is. A unit is the header of a family, one line, or the end. */
struct cprom__cursor {
    size_t group;
    size_t row;     /* 0: the header; then rows or samples, from 1 */
    size_t line;    /* of that row: a histogram, a summary and a stateset have several */
    uint64_t total; /* histogram rows: the count up to the bucket before */
    size_t done;    /* bytes of the unit that were read already */
};

/* Fills `buf` with what comes next; returns how many bytes, 0 at the end. */
size_t cprom__encode(const struct cprom__snapshot *snapshot, const struct cprom__page_form *form,
                     struct cprom__cursor *cursor, char *buf, size_t cap);

/*
 * The same without making text: what stands on the next line, and in `*desc` the descriptor of its family; false: the
 * end.
 */
bool cprom__next_line(const struct cprom__snapshot *snapshot, const struct cprom__page_form *form,
                      struct cprom__cursor *cursor, struct cprom__sample_line *line, const struct cprom__desc **desc);

#endif
