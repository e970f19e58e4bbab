/*
 * Callback collectors, and the scrape that one call of a callback sees.
 */
#ifndef CPROM_LIB_REGISTRY_COLLECTOR_H
#define CPROM_LIB_REGISTRY_COLLECTOR_H

#include "registry/families.h"
#include "registry/registry.h"
#include "store/series.h"

struct cprom__collector;

void cprom__collector_ref(struct cprom__collector *collector);
void cprom__collector_unref(struct cprom__collector *collector);
const char *cprom__collector_name(const struct cprom__collector *collector);
/* The families that a checked collector declared; none: it is unchecked. */
const struct cprom__family *cprom__collector_families(const struct cprom__collector *collector, size_t *n);
/* After it left the registry: no call begins any more, and the context is freed once the last caller has left. */
void cprom__collector_detach(struct cprom_registry *registry, struct cprom__collector *collector);

/* The part of a const histogram or summary that a plain value has not. Lives in the page. */
struct cprom__distribution {
    size_t n;
    const double *at;        /* bounds without +Inf, or quantiles */
    const uint64_t *buckets; /* histogram: cumulative, one per bound */
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
    double value;
    const struct cprom__distribution *distribution;
    int64_t timestamp_ms; /* negative: none */
};

/* A descriptor that an unchecked collector brought; owned by the page. */
struct cprom__brought {
    struct cprom__brought *next;
    struct cprom__desc *desc;
};

/* How much of each goes into a scrape's `why`, and of the collector's name before it; one log line holds them all. */
#define CPROM__WHY_COLLECTOR 128
#define CPROM__WHY_FAMILY 256
#define CPROM__WHY_LABELS 384
#define CPROM__WHY_TEXT 96

struct cprom_scrape {
    struct cprom_registry *registry;
    struct cprom__collector *collector; /* NULL: the library's own metrics */
    struct cprom__arena *memory;        /* the page's */
    const struct cprom__hash_key *key;  /* of the registry whose page it is */
    int64_t deadline;
    cprom_status status;                /* the first refusal, or what the callback returned */
    bool out_of_memory;                 /* the page's, not the callback's: the page cannot be opened */
    struct cprom__line why;             /* what it was about: family, labels, reason */
    struct cprom__sample *first, *last;
    size_t n_samples;
    struct cprom__brought *brought;
    const struct cprom__desc *current;  /* what the last emission was resolved to */
};

/* Emits the one value of a family without labels. */
cprom_status cprom__emit_plain(struct cprom_scrape *out, const struct cprom__desc *desc, double value);

/* How one run ended. */
enum cprom__run {
    CPROM__RUN_DONE,    /* the callback ran; scrape->status says how it went */
    CPROM__RUN_LATE,    /* the deadline was over before it could begin */
    CPROM__RUN_GONE     /* unregistered meanwhile */
};

enum cprom__run cprom__collector_run(struct cprom__collector *collector, struct cprom_scrape *scrape, int64_t *duration);

#endif
