#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "parser.h"

static bool same_text(const char *a, const char *b) { return a == b || (a && b && strcmp(a, b) == 0); }

/* What text 0.0.4 makes of a type. A counter without _total is unknown to OpenMetrics. */
static bool same_type(const parser_family *text, const parser_family *om)
{
    switch (om->type) {
    case PARSER_INFO:
    case PARSER_STATESET: return text->type == PARSER_GAUGE;
    case PARSER_GAUGE_HISTOGRAM: return text->type == PARSER_HISTOGRAM;
    case PARSER_UNTYPED: return text->type == PARSER_UNTYPED || text->type == PARSER_COUNTER;
    default: return text->type == om->type;
    }
}

/* The value of `le` and `quantile` is a number, which has two forms. */
static bool same_label(const parser_label *text, const parser_label *om, bool number)
{
    if (strcmp(text->name, om->name) != 0) return false;
    if (!number) return strcmp(text->value, om->value) == 0;
    size_t len = strlen(text->value);
    if (strncmp(text->value, om->value, len) != 0) return false;
    return !om->value[len] || strcmp(om->value + len, ".0") == 0;
}

/* Of samples of families that have the same name: x_gsum is the x_sum of a gauge histogram, x_gcount its x_count. */
static bool same_name(const parser_sample *text, const parser_sample *om, parser_type type)
{
    if (type != PARSER_GAUGE_HISTOGRAM || om->suffix[1] != 'g') return strcmp(text->name, om->name) == 0;
    return *text->suffix && strcmp(text->suffix + 1, om->suffix + 2) == 0;
}

static bool same_sample(const parser_sample *text, const parser_sample *om, parser_type type)
{
    bool state = type == PARSER_STATESET;
    if (!same_name(text, om, type) || text->n_labels != om->n_labels) return false;
    for (size_t i = 0; i < om->n_labels; i++) {
        if (!same_label(&text->labels[i], &om->labels[i], om->own == &om->labels[i] && !state)) return false;
    }
    if (text->has_timestamp != om->has_timestamp || text->timestamp != om->timestamp) return false;
    return text->value == om->value || (isnan(text->value) && isnan(om->value));
}

/* Whether the sample is on one kind of page only. */
static bool is_created(const parser_sample *om) { return strcmp(om->suffix, "_created") == 0; }

static bool is_sum_or_count(const parser_sample *text)
{
    return strcmp(text->suffix, "_sum") == 0 || strcmp(text->suffix, "_count") == 0;
}

/* Returns what differs, or NULL. */
static const char *compare_family(const parser_page *text, const parser_family *t, const parser_page *openmetrics,
                                  const parser_family *om)
{
    if (strcmp(t->name, om->full_name) != 0) return "the name";
    if (!same_text(t->help, om->help)) return "the help";
    if (!same_type(t, om)) return "the type";
    size_t i = t->first_sample, end = i + t->n_samples, k = om->first_sample, om_end = k + om->n_samples;
    while (i < end || k < om_end) {
        const parser_sample *a = &text->samples[i], *b = &openmetrics->samples[k];
        if (k < om_end && is_created(b)) {
            k++;
        } else if (i < end && k < om_end && same_sample(a, b, om->type)) {
            i++;
            k++;
        } else if (om->type == PARSER_HISTOGRAM && i < end && is_sum_or_count(a)) {
            i++; /* left out beside a negative bucket, and only there: the parser has seen to it */
        } else {
            return i < end ? a->key : b->key;
        }
    }
    return NULL;
}

bool parser_is_same(const parser_page *text, const parser_page *openmetrics, char why[PARSER_WHY_MAX])
{
    *why = '\0';
    for (size_t i = 0; i < text->n_families && i < openmetrics->n_families; i++) {
        const parser_family *a = &text->families[i], *b = &openmetrics->families[i];
        const char *different = compare_family(text, a, openmetrics, b);
        if (!different) continue;
        snprintf(why, PARSER_WHY_MAX, "family '%s', in OpenMetrics '%s': %s", a->name, b->name, different);
        return false;
    }
    if (text->n_families == openmetrics->n_families) return true;
    snprintf(why, PARSER_WHY_MAX, "%zu families, in OpenMetrics %zu", text->n_families, openmetrics->n_families);
    return false;
}

void parser_assert_same(const parser_page *text, const parser_page *openmetrics)
{
    char why[PARSER_WHY_MAX];
    assert_null(text->error);
    assert_null(openmetrics->error);
    if (parser_is_same(text, openmetrics, why)) return;
    print_error("the pages differ: %s\n", why);
    fail();
}
