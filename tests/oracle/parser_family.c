#include "parser_core.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/*
 * Each family as a whole: the shape of its groups (a group is what belongs to one series: one line, or all lines of a
 * histogram or summary), their order, duplicates. Then the names of different families against each other.
 */

const char *parser_type_name(const parser *p, parser_type type)
{
    static const char *const names[] = {"counter", "gauge", "histogram", "summary",
                                        "untyped", "info",  "stateset",  "gaugehistogram"};
    return type == PARSER_UNTYPED && p->openmetrics ? "unknown" : names[type];
}

static const parser_family *family_of(const parser *p, const parser_sample *sample)
{
    return &p->families[sample->family];
}

static bool has_buckets(parser_type type) { return type == PARSER_HISTOGRAM || type == PARSER_GAUGE_HISTOGRAM; }

/*==============================================================================
 * Labels
 *============================================================================*/

/* How many labels name the series, and each of them. */
static size_t series_labels(const parser_sample *sample) { return sample->n_labels - (sample->own ? 1 : 0); }

static const parser_label *series_label(const parser_sample *sample, size_t i)
{
    const parser_label *label = &sample->labels[i];
    return sample->own && label >= sample->own ? label + 1 : label;
}

void parser_check_labels(parser *p, const parser_sample *sample)
{
    size_t n = sample->n_labels;
    parser_type type = family_of(p, sample)->type;
    bool bucket = has_buckets(type) && strcmp(sample->suffix, "_bucket") == 0;
    bool quantile = type == PARSER_SUMMARY && !*sample->suffix;
    for (size_t i = 0; i < n; i++) {
        const char *name = sample->labels[i].name;
        if (strncmp(name, "__", 2) == 0) FAIL(p, "label name '%s' begins with __", name);
        for (size_t j = 0; j < i; j++) {
            if (strcmp(sample->labels[j].name, name) == 0) FAIL(p, "label '%s' stands twice", name);
        }
    }
    if (bucket || quantile) {
        if (!sample->own) FAIL(p, "the last label is not '%s'", bucket ? "le" : "quantile");
        n--;
    }
    const char *reserved = has_buckets(type) ? "le" : type == PARSER_SUMMARY ? "quantile" : NULL;
    for (size_t i = 0; i < n; i++) {
        const char *name = sample->labels[i].name;
        if (reserved && strcmp(name, reserved) == 0) FAIL(p, "label '%s' does not belong on '%s'", name, sample->name);
        if (i > 0 && strcmp(sample->labels[i - 1].name, name) > 0) {
            FAIL(p, "label '%s' stands after '%s'", name, sample->labels[i - 1].name);
        }
    }
}

static bool same_series(const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(a);
    if (n != series_labels(b)) return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(series_label(a, i)->name, series_label(b, i)->name) != 0) return false;
        if (strcmp(series_label(a, i)->value, series_label(b, i)->value) != 0) return false;
    }
    return true;
}

/*==============================================================================
 * One series
 *============================================================================*/

static bool is_count(double value) { return value >= 0 && isfinite(value) && floor(value) == value; }

/* A group while it is read: the lines from `at` on that belong to the series of `head`, before `end`. */
typedef struct group {
    const parser_family *family;
    const parser_sample *head;
    size_t at, end;
} group;

/* The next line of the group if it has that suffix; NULL: it has not. */
static const parser_sample *next_line(parser *p, group *g, const char *suffix)
{
    if (g->at == g->end || !same_series(g->head, &p->samples[g->at])) return NULL;
    if (strcmp(p->samples[g->at].suffix, suffix) != 0) return NULL;
    p->line = p->samples[g->at].line;
    return &p->samples[g->at++];
}

static const parser_sample *need_line(parser *p, group *g, const char *suffix)
{
    const parser_sample *sample = next_line(p, g, suffix);
    if (sample) return sample;
    if (g->at == g->end || !same_series(g->head, &p->samples[g->at])) {
        FAIL(p, "a series of '%s' ends without %s", g->family->name, suffix);
    }
    p->line = p->samples[g->at].line;
    FAIL(p, "expected %s", suffix);
}

/* Whether the exemplar of a bucket lies in it. */
static bool is_within(const parser_exemplar *exemplar, double bound, const double *before)
{
    if (isnan(exemplar->value)) return isinf(bound);
    return exemplar->value <= bound && (!before || exemplar->value > *before);
}

static void check_distribution(parser *p, group *g)
{
    bool histogram = has_buckets(g->family->type), negative = false;
    bool gauge = g->family->type == PARSER_GAUGE_HISTOGRAM;
    const parser_sample *last = NULL, *sample; /* bucket or quantile */
    double last_bound = 0;
    while ((sample = next_line(p, g, histogram ? "_bucket" : "")) != NULL) {
        const char *own = sample->own->name;
        double bound = parser_read_number(p, own, sample->own->value);
        if (isnan(bound)) FAIL(p, "%s is NaN", own);
        if (last && !(bound > last_bound)) FAIL(p, "%s does not ascend", own);
        if (histogram) {
            if (!is_count(sample->value)) FAIL(p, "bucket '%s' is not a count", sample->value_text);
            if (last && sample->value < last->value) FAIL(p, "buckets do not ascend");
            if (sample->exemplar && !is_within(sample->exemplar, bound, last ? &last_bound : NULL)) {
                FAIL(p, "the exemplar lies outside of its bucket");
            }
        } else if (bound < 0 || bound > 1) {
            FAIL(p, "quantile outside of 0 to 1");
        }
        last = sample;
        last_bound = bound;
        negative |= bound < 0;
    }
    if (histogram && !(last && isinf(last_bound) && last_bound > 0)) {
        FAIL(p, "%s '%s' without +Inf bucket", parser_type_name(p, g->family->type), g->family->name);
    }
    /* A sum of what may be negative can fall, but only a gauge may; and the count without the sum is not allowed. */
    if (p->openmetrics && negative && !gauge) {
        if (next_line(p, g, "_sum") || next_line(p, g, "_count"))
            FAIL(p, "%s beside a negative bucket", p->samples[g->at - 1].suffix);
        return;
    }
    need_line(p, g, gauge ? "_gsum" : "_sum");
    const parser_sample *count = need_line(p, g, gauge ? "_gcount" : "_count");
    if (!is_count(count->value)) FAIL(p, "%s '%s' is not a count", count->suffix, count->value_text);
    if (histogram && count->value != last->value) FAIL(p, "%s differs from the +Inf bucket", count->suffix);
}

/* All states of one set, as often as there are lines that follow each other. */
static void check_states(parser *p, group *g)
{
    size_t first = g->at;
    for (const parser_sample *sample; (sample = next_line(p, g, "")) != NULL;) {
        if (!sample->own) FAIL(p, "no label '%s' with the state", g->family->name);
        if (!*sample->own->value) FAIL(p, "a state without a name");
        for (size_t i = first; i + 1 < g->at; i++) {
            if (strcmp(p->samples[i].own->value, sample->own->value) == 0) {
                FAIL(p, "state '%s' stands twice", sample->own->value);
            }
        }
    }
}

static void check_group(parser *p, group *g)
{
    const parser_sample *sample;
    p->line = g->head->line;
    switch (g->family->type) {
    case PARSER_HISTOGRAM:
    case PARSER_GAUGE_HISTOGRAM:
    case PARSER_SUMMARY: check_distribution(p, g); break;
    case PARSER_STATESET: check_states(p, g); break;
    case PARSER_COUNTER:
        sample = need_line(p, g, p->openmetrics ? "_total" : "");
        if (p->openmetrics && !(sample->value >= 0)) FAIL(p, "counter '%s' is negative or NaN", sample->value_text);
        break;
    default: g->at++; break; /* the suffix was checked with the line */
    }
    if (p->openmetrics && (sample = next_line(p, g, "_created")) != NULL) {
        if (!(sample->value >= 0 && isfinite(sample->value)))
            FAIL(p, "_created '%s' is not a time", sample->value_text);
    }
    for (const parser_sample *s = g->head + 1; s < &p->samples[g->at]; s++) {
        if (s->has_timestamp != g->head->has_timestamp || s->timestamp != g->head->timestamp) {
            parser_fail_at(p, s->line, "timestamps differ within a series");
        }
    }
}

/*==============================================================================
 * One family
 *============================================================================*/

/* As the page orders series: by number of labels (they differ only in unchecked collectors), then by values. */
static int compare_series(const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(a), m = series_labels(b);
    if (n != m) return n < m ? -1 : 1;
    for (size_t i = 0; i < n; i++) {
        int order = strcmp(series_label(a, i)->value, series_label(b, i)->value);
        if (order) return order;
    }
    return 0;
}

/* Order for finding duplicates: an empty value is no label. */
static int compare_identity(const void *left, const void *right, void *ctx)
{
    const parser *p = ctx;
    const parser_sample *a = &p->samples[*(const size_t *)left], *b = &p->samples[*(const size_t *)right];
    size_t n = series_labels(a), m = series_labels(b), i = 0, j = 0;
    for (;; i++, j++) {
        while (i < n && !*series_label(a, i)->value) i++;
        while (j < m && !*series_label(b, j)->value) j++;
        if (i == n || j == m) return (i < n) - (j < m);
        int order = strcmp(series_label(a, i)->name, series_label(b, j)->name);
        if (!order) order = strcmp(series_label(a, i)->value, series_label(b, j)->value);
        if (order) return order;
    }
}

static bool same_label_names(const parser_sample *a, const parser_sample *b)
{
    size_t n = series_labels(a);
    if (n != series_labels(b)) return false;
    for (size_t i = 0; i < n; i++) {
        if (strcmp(series_label(a, i)->name, series_label(b, i)->name) != 0) return false;
    }
    return true;
}

/* The state of a line that is one of a stateset, which text 0.0.4 shows as a gauge; NULL: it is not. */
static const parser_label *state_of(const parser *p, const parser_sample *sample)
{
    const parser_family *family = family_of(p, sample);
    for (size_t i = 0; !p->openmetrics && family->type == PARSER_GAUGE && i < sample->n_labels; i++) {
        if (strcmp(sample->labels[i].name, family->name) == 0) return &sample->labels[i];
    }
    return NULL;
}

/* As the page orders the lines of statesets: series by their other labels, and in each the states by name. */
static int compare_states(const parser *p, const parser_sample *a, const parser_sample *b)
{
    const parser_label *state = state_of(p, a), *other = state_of(p, b), *x = a->labels, *y = b->labels;
    if (!state || !other || a->n_labels != b->n_labels) return compare_series(a, b);
    for (size_t i = 1; i < a->n_labels; i++, x++, y++) {
        if (x == state) x++;
        if (y == other) y++;
        int order = strcmp(x->value, y->value);
        if (order) return order;
    }
    return same_label_names(a, b) ? strcmp(state->value, other->value) : 0;
}

/*
 * Whether the lines are those of statesets. A gauge that has a label of its own name for another reason is told from
 * them by its order, which is that of all labels.
 */
static bool has_states(const parser *p, const parser_family *family)
{
    const parser_sample *first = &p->samples[family->first_sample];
    for (size_t i = 1; i < family->n_samples && state_of(p, first); i++) {
        if (compare_series(first + i - 1, first + i) > 0) return true;
    }
    return false;
}

static void check_family(parser *p, const parser_family *family)
{
    bool states = has_states(p, family);
    group g = {family, NULL, family->first_sample, family->first_sample + family->n_samples};
    size_t *heads = parser_keep(p, family->n_samples * sizeof *heads), n = 0; /* the first line of each series */
    bool mixed = false;
    while (g.at < g.end) {
        size_t head = g.at;
        g.head = &p->samples[head];
        check_group(p, &g);
        if (n > 0) {
            const parser_sample *before = &p->samples[heads[n - 1]];
            p->line = g.head->line;
            int order = states ? compare_states(p, before, g.head) : compare_series(before, g.head);
            bool same_names = same_label_names(before, g.head);
            if (order == 0 && same_names) FAIL(p, "series '%s' stands twice", g.head->key);
            if (order > 0) FAIL(p, "series '%s' stands after '%s'", g.head->key, before->key);
            mixed |= !same_names;
        }
        heads[n++] = head;
    }
    if (!mixed) return; /* all have the same label names: sorted means different */
    qsort_r(heads, n, sizeof *heads, compare_identity, p);
    for (size_t i = 1; i < n; i++) {
        if (compare_identity(&heads[i - 1], &heads[i], p) == 0) {
            size_t later = heads[i] > heads[i - 1] ? heads[i] : heads[i - 1];
            parser_fail_at(p, p->samples[later].line, "series '%s' stands twice: an empty label is no label",
                           p->samples[later].key);
        }
    }
}

/*==============================================================================
 * Families beside each other
 *============================================================================*/

/* A name that a family takes: its own, or one that its samples have or may have. */
typedef struct claim {
    const char *name;
    const parser_family *family;
} claim;

static int compare_claims(const void *left, const void *right)
{
    const claim *a = left, *b = right;
    int order = strcmp(a->name, b->name);
    return order ? order : (a->family > b->family) - (a->family < b->family);
}

/* What stands behind the family's name, besides nothing. In text 0.0.4 a summary has no say about _bucket. */
static const char *const *claimed_suffixes(const parser *p, parser_type type)
{
    static const char *const none[] = {NULL}, *const counter[] = {"_total", "_created", NULL};
    static const char *const histogram[] = {"_sum", "_count", "_bucket", "_created", NULL};
    static const char *const summary[] = {"_sum", "_count", "_created", NULL}, *const info[] = {"_info", NULL};
    static const char *const gauge_histogram[] = {"_gsum", "_gcount", "_bucket", NULL};
    static const char *const plain_histogram[] = {"_sum", "_count", "_bucket", NULL};
    static const char *const plain_summary[] = {"_sum", "_count", NULL};
    switch (type) {
    case PARSER_COUNTER: return p->openmetrics ? counter : none;
    case PARSER_HISTOGRAM: return p->openmetrics ? histogram : plain_histogram;
    case PARSER_SUMMARY: return p->openmetrics ? summary : plain_summary;
    case PARSER_INFO: return info;
    case PARSER_GAUGE_HISTOGRAM: return gauge_histogram;
    default: return none;
    }
}

static void check_collisions(parser *p)
{
    size_t n = 0, cap = p->page.n_families * 5;
    claim *claims = parser_keep(p, cap * sizeof *claims);
    for (size_t i = 0; i < p->page.n_families; i++) {
        const parser_family *family = &p->families[i];
        claims[n++] = (claim){family->name, family};
        size_t len = strlen(family->name);
        for (const char *const *suffix = claimed_suffixes(p, family->type); *suffix; suffix++) {
            char *name = parser_keep(p, len + 16);
            memcpy(name, family->name, len);
            strcpy(name + len, *suffix);
            claims[n++] = (claim){name, family};
        }
    }
    if (n) qsort(claims, n, sizeof *claims, compare_claims);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(claims[i - 1].name, claims[i].name) != 0) continue;
        const parser_family *other = claims[i].family;
        parser_fail_at(p, other->line, "family '%s' collides with '%s'", other->name, claims[i - 1].family->name);
    }
}

void parser_check_families(parser *p)
{
    for (size_t i = 0; i < p->page.n_families; i++) check_family(p, &p->families[i]);
    check_collisions(p);
}
