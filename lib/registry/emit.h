/*
 * Emission: the scrape that one call of a callback sees, and what it emits.
 */
#ifndef CPROM_LIB_REGISTRY_EMIT_H
#define CPROM_LIB_REGISTRY_EMIT_H

#include "registry/collector.h"

/* The part of a const histogram or summary that a plain value has not. Lives in the page. */
struct cprom__distribution {
    size_t n;
    const double *at;        /* bounds, +Inf behind the n; or quantiles */
    const uint64_t *buckets; /* histogram: cumulative, the count behind the n */
    const double *values;    /* summary: one per quantile */
    uint64_t count;
    double sum;
};

/* One emission. Lives in the page. */
struct cprom__sample {
    struct cprom__sample *next;
    const struct cprom__desc *desc;
    const char *text; /* between the braces */
    size_t len;
    uint64_t identity; /* hash of the name and the label pairs that are not empty */
    uint64_t asked;    /* the same of the values as they were given, before they were repaired */
    double value;
    const struct cprom__distribution *distribution;
    int64_t timestamp_ms; /* negative: none */
};

/* A descriptor that an unchecked collector brought; owned by the page. */
struct cprom__brought {
    struct cprom__brought *next;
    struct cprom__index_node node; /* by what is asked for; once the callback is done, by base */
    struct cprom__desc *desc;
};

/* How much of each goes into a scrape's `why`; one log line holds them all, and the collector's name before. */
#define CPROM__WHY_FAMILY 256
#define CPROM__WHY_LABELS 384
#define CPROM__WHY_TEXT 96

struct cprom_scrape {
    struct cprom_registry *registry;
    struct cprom__collector *collector; /* NULL: the library's own metrics */
    struct cprom__arena *memory;        /* the page's */
    const struct cprom__hash_key *key;  /* of the registry whose page it is */
    int64_t deadline;
    cprom_status status;    /* the first refusal, or what the callback returned */
    bool out_of_memory;     /* the page's, not the callback's: the page cannot be opened */
    struct cprom__line why; /* what it was about: family, labels, reason */
    struct cprom__sample *first, *last;
    size_t n_samples;
    struct cprom__brought *brought;
    struct cprom__index by_asked;      /* of these */
    size_t longest_escaped;            /* of the texts that have escapes */
    const struct cprom__desc *current; /* what the last emission was resolved to */
};

/* Descriptors of the library's own families. */
#define CPROM__OWN_COUNTER(...)                                                                                        \
    {                                                                                                                  \
        .size = sizeof(cprom_desc), .type = CPROM_COUNTER, __VA_ARGS__                                                 \
    }
#define CPROM__OWN_GAUGE(...)                                                                                          \
    {                                                                                                                  \
        .size = sizeof(cprom_desc), .type = CPROM_GAUGE, __VA_ARGS__                                                   \
    }

/* Emits the one value of a family without labels. */
cprom_status cprom__emit_plain(struct cprom_scrape *out, const struct cprom__desc *desc, double value);

#endif
