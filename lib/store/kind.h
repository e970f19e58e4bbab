/*
 * The kinds of metrics. What a kind is stands in one row of cprom__kinds: names, claims, and the samples that a series
 * of it shows, which the formats print. What a kind does is in metric/<kind>.c; its constructor hands the operations
 * down, and the vector keeps them. So a program links only the kinds that it uses.
 */
#ifndef CPROM_LIB_STORE_KIND_H
#define CPROM_LIB_STORE_KIND_H

#include <cprom/cprom.h>

#include <stdint.h>

struct cprom_series;
struct cprom_vec;
struct cprom__exemplar;

/* Where the value of a sample comes from. Buckets, quantiles and states are several samples each. */
enum cprom__part {
    CPROM__PART_NONE, /* no sample: the end of a list */
    CPROM__PART_VALUE,
    CPROM__PART_ONE, /* the value 1 */
    CPROM__PART_STATES,
    CPROM__PART_BUCKETS, /* cumulative */
    CPROM__PART_QUANTILES,
    CPROM__PART_SUM,
    CPROM__PART_COUNT
};

struct cprom__kind_sample {
    enum cprom__part part;
    const char *suffix;      /* behind the family's name in OpenMetrics */
    const char *text_suffix; /* in the text format 0.0.4 */
};

struct cprom__kind {
    const char *name;      /* as OpenMetrics has it */
    const char *text_name; /* as the text format 0.0.4 has it */

    /*
     * What an instrument's name must end in, why it is refused otherwise, and how OpenMetrics calls a family of a
     * collector whose name does not. OpenMetrics' family name is without it. "": nothing.
     */
    const char *suffix, *refusal, *bare_name;

    const char *label; /* that its samples bring; "": one of the family's own name; NULL: none */
    /* Suffixes behind OpenMetrics' family name that no other family may have, one behind the other with their NULs. */
    const char *claims;
    unsigned n_claims;
    unsigned answers;      /* the first so many of them are those of its samples, in any format */
    bool bare_claims_name; /* one whose name lacks the suffix claims its name only */
    struct cprom__kind_sample samples[4];

    bool has_unit;
    bool emitted;       /* a callback may emit it */
    bool folds;         /* one series can stand for several */
    bool accumulates;   /* a series knows when it began */
    bool sum_ascends;   /* so that OpenMetrics wants none where a bound is negative */
    unsigned cells;     /* of a series, beside one for each bucket; 0: its value stands in the series */
    unsigned striped;   /* cells more where they are striped */
    unsigned exemplars; /* slots of a series, beside one for each bucket, where the vector keeps them */
    bool bucket_exemplars;
};

/* By cprom_type. */
extern const struct cprom__kind cprom__kinds[];

static inline const struct cprom__kind *cprom__kind(cprom_type type) { return &cprom__kinds[type]; }

/* Whether the type is one. */
bool cprom__is_kind(cprom_type type);
/* Whether its series are made of these parts. */
bool cprom__kind_has(const struct cprom__kind *kind, enum cprom__part part);
/* Whether it has samples of this suffix, which is not "". */
bool cprom__kind_answers(const struct cprom__kind *kind, const char *suffix);

/* A value that an update observes, in a list. */
struct cprom__observation {
    struct cprom__observation *next;
    double value;
};

/* An exemplar that an update stages, with a reference. */
struct cprom__staged_exemplar {
    struct cprom__staged_exemplar *next_of_change; /* a ring in the order of staging */
    struct cprom__staged_exemplar *next;           /* of the update */
    struct cprom__exemplar *exemplar;
};

/* What a call does to a series: a value that is set or added, one that is observed, or a state. */
enum cprom__operation {
    CPROM__OP_TOUCH, /* nothing more */
    CPROM__OP_SET,
    CPROM__OP_ADD,
    CPROM__OP_OBSERVE,
    CPROM__OP_ENTER,
    CPROM__OP_STATE_ON,
    CPROM__OP_STATE_OFF
};

/* What comes of one operation, or of several that an update stages: as its kind has it. */
struct cprom__change {
    union {
        struct {
            uint64_t off, on; /* states: bits that are cleared, and then set */
        };
        struct {
            double value;
            bool sets; /* value overwrites; otherwise it is added */
        };
        struct {
            struct cprom__observation *first, *last;
        };
    };
    struct cprom__staged_exemplar *last_exemplar; /* of counters and histograms; NULL: none */
};

/* Adds an operation; the observation is memory for one, and lives as long as the change. */
void cprom__change_add(struct cprom__change *change, enum cprom__operation operation, double value,
                       struct cprom__observation *observation);

/* Adds an exemplar, which lives as long. */
void cprom__change_add_exemplar(struct cprom__change *change, struct cprom__staged_exemplar *staged);

/* Of a gauge or a stateset: it starts from nothing, whatever the series had. */
void cprom__change_anew(struct cprom__change *change, cprom_type type);

/* What a kind of instrument does. */
struct cprom__kind_ops {
    cprom_type type;
    uint64_t initial; /* of the value in the series, where it has no cells of its own */
    /*
     * The values of a series, summed over the stripes, as 64-bit words, one for each cell (of one without: its value).
     * Buckets are not cumulative and come first, +Inf last; then the count, where it is a cell; then the sum, a double.
     */
    void (*read)(const struct cprom_series *series, uint64_t *words);
    /* Whether an update may stage this value; NULL: any. */
    bool (*takes)(const struct cprom_vec *vec, double value);
    /* The update of a series that the caller may use. */
    void (*change)(struct cprom_series *series, const struct cprom__change *change);
};

#endif
