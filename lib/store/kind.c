/* The kinds of metrics, a row each. */
#include "store/kind.h"

#include <string.h>

/* Claims: an empty suffix is the family's own name. Sources: OpenMetrics 1.0, "Metric Types"; the text format 0.0.4. */
const struct cprom__kind cprom__kinds[] = {
    [CPROM_UNTYPED] = {.name = "unknown",
                       .text_name = "untyped",
                       .suffix = "",
                       .claims = "",
                       .n_claims = 1,
                       .answers = 1,
                       .samples = {{CPROM__PART_VALUE, "", ""}},
                       .has_unit = true,
                       .emitted = true},
    [CPROM_COUNTER] = {.name = "counter",
                       .text_name = "counter",
                       .suffix = "_total",
                       .refusal = "is a counter's and must end in _total",
                       .bare_name = "unknown",
                       .claims = "\0_total\0_created",
                       .n_claims = 3,
                       .answers = 3,
                       .samples = {{CPROM__PART_VALUE, "", ""}},
                       .has_unit = true,
                       .emitted = true,
                       .folds = true,
                       .accumulates = true,
                       .cells = 1,
                       .striped = 1, /* steps of 1 have a cell of their own */
                       .exemplars = 1},
    [CPROM_GAUGE] = {.name = "gauge",
                     .text_name = "gauge",
                     .suffix = "",
                     .claims = "",
                     .n_claims = 1,
                     .answers = 1,
                     .samples = {{CPROM__PART_VALUE, "", ""}},
                     .has_unit = true,
                     .emitted = true},
    [CPROM_HISTOGRAM] = {.name = "histogram",
                         .text_name = "histogram",
                         .suffix = "",
                         .label = "le",
                         .claims = "\0_bucket\0_sum\0_count\0_created\0_info",
                         .n_claims = 6,
                         .answers = 5,
                         .samples = {{CPROM__PART_BUCKETS, "_bucket", "_bucket"},
                                     {CPROM__PART_SUM, "_sum", "_sum"},
                                     {CPROM__PART_COUNT, "_count", "_count"}},
                         .has_unit = true,
                         .emitted = true,
                         .folds = true,
                         .accumulates = true,
                         .sum_ascends = true,
                         .cells = 1, /* the sum */
                         .bucket_exemplars = true},
    [CPROM_SUMMARY] = {.name = "summary",
                       .text_name = "summary",
                       .suffix = "",
                       .label = "quantile",
                       .claims = "\0_sum\0_count\0_created\0_bucket\0_info",
                       .n_claims = 6,
                       .answers = 4,
                       .samples = {{CPROM__PART_QUANTILES, "", ""},
                                   {CPROM__PART_SUM, "_sum", "_sum"},
                                   {CPROM__PART_COUNT, "_count", "_count"}},
                       .has_unit = true,
                       .emitted = true,
                       .folds = true,
                       .accumulates = true,
                       .cells = 2}, /* the count, the sum */
    [CPROM_INFO] = {.name = "info",
                    .text_name = "gauge",
                    .suffix = "_info",
                    .refusal = "is an info's and must end in _info",
                    .bare_name = "gauge",
                    .bare_claims_name = true,
                    .claims = "\0_info",
                    .n_claims = 2,
                    .answers = 2,
                    .samples = {{CPROM__PART_ONE, "", ""}},
                    .emitted = true},
    [CPROM_STATESET] = {.name = "stateset",
                        .text_name = "gauge",
                        .suffix = "",
                        .label = "",
                        .claims = "",
                        .n_claims = 1,
                        .answers = 1,
                        .samples = {{CPROM__PART_STATES, "", ""}}},
    [CPROM_GAUGE_HISTOGRAM] = {.name = "gaugehistogram",
                               .text_name = "histogram",
                               .suffix = "",
                               .label = "le",
                               .claims = "\0_bucket\0_gsum\0_gcount\0_sum\0_count",
                               .n_claims = 6,
                               .answers = 6,
                               .samples = {{CPROM__PART_BUCKETS, "_bucket", "_bucket"},
                                           {CPROM__PART_SUM, "_gsum", "_sum"},
                                           {CPROM__PART_COUNT, "_gcount", "_count"}},
                               .has_unit = true,
                               .emitted = true},
};

bool cprom__is_kind(cprom_type type) { return (unsigned)type < sizeof cprom__kinds / sizeof *cprom__kinds; }

bool cprom__kind_has(const struct cprom__kind *kind, enum cprom__part part)
{
    for (const struct cprom__kind_sample *sample = kind->samples; sample->part; sample++) {
        if (sample->part == part) return true;
    }
    return false;
}

bool cprom__kind_answers(const struct cprom__kind *kind, const char *suffix)
{
    const char *claim = kind->claims;
    for (unsigned i = 0; i < kind->answers; i++, claim += strlen(claim) + 1) {
        if (strcmp(claim, suffix) == 0) return true;
    }
    return false;
}

void cprom__change_add(struct cprom__change *change, enum cprom__operation operation, double value,
                       struct cprom__observation *observation)
{
    uint64_t bit = operation >= CPROM__OP_ENTER ? (uint64_t)1 << (unsigned)value : 0;
    switch (operation) {
    case CPROM__OP_TOUCH: break;
    case CPROM__OP_SET:
        change->sets = true;
        change->value = value;
        break;
    case CPROM__OP_ADD: change->value += value; break;
    case CPROM__OP_OBSERVE:
        *observation = (struct cprom__observation){NULL, value};
        if (change->last) change->last->next = observation;
        else change->first = observation;
        change->last = observation;
        break;
    case CPROM__OP_ENTER:
        change->off = UINT64_MAX;
        change->on = bit;
        break;
    case CPROM__OP_STATE_ON:
    case CPROM__OP_STATE_OFF:
        change->off |= bit;
        change->on &= ~bit;
        if (operation == CPROM__OP_STATE_ON) change->on |= bit;
        break;
    }
}

void cprom__change_add_exemplar(struct cprom__change *change, struct cprom__staged_exemplar *staged)
{
    struct cprom__staged_exemplar *last = change->last_exemplar;
    staged->next_of_change = last ? last->next_of_change : staged;
    if (last) last->next_of_change = staged;
    change->last_exemplar = staged;
}

void cprom__change_anew(struct cprom__change *change, cprom_type type)
{
    if (type == CPROM_GAUGE) change->sets = true;
    else if (type == CPROM_STATESET) change->off = UINT64_MAX;
}
