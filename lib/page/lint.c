/* What promtool would say of the names, types and help texts. */
#include <stdlib.h>
#include <string.h>

#include "base/names.h"
#include "base/unwind.h"
#include "page/collect.h"
#include "page/gather.h"

/*
 * What `promtool check metrics` of Prometheus 2.42 says of a page: rules about names, types and help texts. Its texts
 * are used as they are, so that the two can be compared. They are about families: one that holds for many series of a
 * family is said once.
 */

/* In the order of their texts, which is the order in which they are told. */
enum {
    LINT_COUNTER_WITHOUT_TOTAL,
    LINT_CAMEL_CASE_LABEL,
    LINT_TYPE_IN_NAME, /* one for each of lint_type_words */
    LINT_CAMEL_CASE_NAME = LINT_TYPE_IN_NAME + 5,
    LINT_COLON,
    LINT_ABBREVIATED_UNIT,
    LINT_NO_HELP,
    LINT_TOTAL,
    LINT_COUNT,
    LINT_SUM,
    LINT_BUCKET,
    LINT_LE,
    LINT_QUANTILE,
    LINT_FINDINGS
};

static const char *const lint_texts[LINT_FINDINGS] = {
    "counter metrics should have \"_total\" suffix",
    "label names should be written in 'snake_case' not 'camelCase'",
    "metric name should not include type 'counter'",
    "metric name should not include type 'gauge'",
    "metric name should not include type 'gauge_histogram'",
    "metric name should not include type 'histogram'",
    "metric name should not include type 'summary'",
    "metric names should be written in 'snake_case' not 'camelCase'",
    "metric names should not contain ':'",
    "metric names should not contain abbreviated units",
    "no help text",
    "non-counter metrics should not have \"_total\" suffix",
    "non-histogram and non-summary metrics should not have \"_count\" suffix",
    "non-histogram and non-summary metrics should not have \"_sum\" suffix",
    "non-histogram metrics should not have \"_bucket\" suffix",
    "non-histogram metrics should not have \"le\" label",
    "non-summary metrics should not have \"quantile\" label",
};

static const char *const lint_type_words[] = {"counter", "gauge", "gauge_histogram", "histogram", "summary", NULL};

static const char *const lint_abbreviations[] = {"s",  "ms", "us", "ns", "sec", "b", "kb", "mb",
                                                 "gb", "tb", "pb", "m",  "h",   "d", NULL};

/* What stands before a unit's name is part of it, and makes it no base unit. */
static const char *const lint_prefixes[] = {"pico",  "nano", "micro", "milli", "centi", "deci", "deca",
                                            "hecto", "kilo", "kibi",  "mega",  "mibi",  "giga", "gibi",
                                            "tera",  "tebi", "peta",  "pebi",  NULL};

static const struct {
    const char *name, *base;
} lint_units[] = {
    {"amperes", "amperes"}, {"bytes", "bytes"},     {"celsius", "celsius"}, {"grams", "grams"},
    {"joules", "joules"},   {"kelvin", "kelvin"},   {"meters", "meters"},   {"metres", "metres"},
    {"seconds", "seconds"}, {"volts", "volts"},     {"minutes", "seconds"}, {"hours", "seconds"},
    {"days", "seconds"},    {"weeks", "seconds"},   {"kelvins", "kelvin"},  {"fahrenheit", "celsius"},
    {"rankine", "celsius"}, {"inches", "meters"},   {"yards", "meters"},    {"miles", "meters"},
    {"bits", "bytes"},      {"calories", "joules"}, {"pounds", "grams"},    {"ounces", "grams"},
};

/*==============================================================================
 * Names
 *============================================================================*/

/* Whether `word`, in lower case, stands in the name behind a _ and before another or the end. */
static bool lint_has_word(const char *name, const char *word)
{
    for (const char *at = strchr(name, '_'); at; at = strchr(at + 1, '_')) {
        const char *p = at + 1, *q = word;
        while (*q && cprom__lower(*p) == *q) p++, q++;
        if (!*q && (!*p || *p == '_')) return true;
    }
    return false;
}

static bool lint_has_any_word(const char *name, const char *const *words)
{
    for (; *words; words++) {
        if (lint_has_word(name, *words)) return true;
    }
    return false;
}

static bool lint_is_camel_case(const char *name)
{
    for (; *name; name++) {
        if (name[0] >= 'a' && name[0] <= 'z' && name[1] >= 'A' && name[1] <= 'Z') return true;
    }
    return false;
}

/* The base unit of what is exactly a unit's name; NULL: it is none. */
static const char *lint_base_of(const char *word, size_t len)
{
    for (size_t i = 0; i < sizeof lint_units / sizeof *lint_units; i++) {
        if (strlen(lint_units[i].name) == len && memcmp(lint_units[i].name, word, len) == 0) return lint_units[i].base;
    }
    return NULL;
}

static const char *lint_base_of_prefixed(const char *word, size_t len)
{
    const char *base = lint_base_of(word, len);
    for (const char *const *prefix = lint_prefixes; !base && *prefix; prefix++) {
        size_t n = strlen(*prefix);
        if (n < len && memcmp(*prefix, word, n) == 0) base = lint_base_of(word + n, len - n);
    }
    return base;
}

/* The first word of the name that is a unit; true if it is none of the base units. */
static bool lint_has_odd_unit(const char *name, struct cprom__line *text)
{
    for (const char *word = name;; word++) {
        size_t len = strcspn(word, "_");
        const char *base = lint_base_of_prefixed(word, len);
        if (base) {
            cprom__line_join(text, "use base unit \"", base, "\" instead of \"", (char *)NULL);
            cprom__line_add_bytes(text, word, len);
            cprom__line_add(text, "\"");
            return strlen(base) != len || memcmp(base, word, len) != 0;
        }
        word += len;
        if (!*word) return false;
    }
}

/*==============================================================================
 * Families
 *============================================================================*/

static uint32_t lint_label(const struct cprom__desc *desc, const char *name)
{
    uint32_t found = 0;
    if (lint_is_camel_case(name)) found |= 1u << LINT_CAMEL_CASE_LABEL;
    if (desc->type == CPROM_UNTYPED) return found;
    if (!cprom__kind_has(desc->kind, CPROM__PART_BUCKETS) && strcmp(name, "le") == 0) found |= 1u << LINT_LE;
    if (!cprom__kind_has(desc->kind, CPROM__PART_QUANTILES) && strcmp(name, "quantile") == 0) {
        found |= 1u << LINT_QUANTILE;
    }
    return found;
}

static uint32_t lint_suffix(const struct cprom__desc *desc)
{
    const char *name = desc->name;
    size_t len = desc->name_len;
    bool total = cprom__has_suffix(name, len, "_total"), counts = cprom__kind_answers(desc->kind, "_total");
    uint32_t found = 0;
    if (desc->type == CPROM_UNTYPED) return 0;
    if (counts && !total) found |= 1u << LINT_COUNTER_WITHOUT_TOTAL;
    if (!counts && total) found |= 1u << LINT_TOTAL;
    if (cprom__kind_has(desc->kind, CPROM__PART_BUCKETS)) return found;
    if (cprom__has_suffix(name, len, "_bucket")) found |= 1u << LINT_BUCKET;
    if (cprom__kind_has(desc->kind, CPROM__PART_QUANTILES)) return found;
    if (cprom__has_suffix(name, len, "_count")) found |= 1u << LINT_COUNT;
    if (cprom__has_suffix(name, len, "_sum")) found |= 1u << LINT_SUM;
    return found;
}

static uint32_t lint_labels(const struct cprom__desc *desc)
{
    uint32_t found = 0;
    for (size_t i = 0; i < desc->n_labels; i++) found |= lint_label(desc, desc->labels[i]);
    for (size_t i = 0; i < desc->n_const_labels; i++) found |= lint_label(desc, desc->const_labels[i].name);
    if (cprom__kind_has(desc->kind, CPROM__PART_STATES)) found |= lint_label(desc, desc->name); /* the state's label */
    return found;
}

static uint32_t lint_family(const struct cprom__desc *desc)
{
    uint32_t found = lint_suffix(desc) | lint_labels(desc);
    if (!desc->help || !*desc->help) found |= 1u << LINT_NO_HELP;
    if (lint_is_camel_case(desc->name)) found |= 1u << LINT_CAMEL_CASE_NAME;
    if (strchr(desc->name, ':')) found |= 1u << LINT_COLON;
    if (lint_has_any_word(desc->name, lint_abbreviations)) found |= 1u << LINT_ABBREVIATED_UNIT;
    for (unsigned i = 0; lint_type_words[i]; i++) {
        if (lint_has_word(desc->name, lint_type_words[i])) found |= 1u << (LINT_TYPE_IN_NAME + i);
    }
    return found;
}

/* What is looked at: families, as somebody registered, declared or brought them. */
struct lint_subjects {
    const struct cprom__desc **v;
    size_t n;
};

static int lint_by_name(const void *left, const void *right)
{
    const struct cprom__desc *const *a = left, *const *b = right;
    return strcmp((*a)->name, (*b)->name);
}

static void lint_add(struct lint_subjects *subjects, const struct cprom__desc *desc)
{
    if (!subjects->n || subjects->v[subjects->n - 1] != desc) subjects->v[subjects->n++] = desc;
}

/* All families of the registry and its descendants, and all that their collectors emitted. */
static bool lint_list(struct cprom__snapshot *snapshot, struct lint_subjects *subjects)
{
    size_t room = 1;
    for (const struct cprom__source *source = &snapshot->own; source; source = source->next)
        room += source->families->n;
    for (size_t i = 0; i < snapshot->n_groups; i++) room += snapshot->groups[i].n_samples;
    *subjects = (struct lint_subjects){cprom__arena_alloc(&snapshot->memory, room * sizeof *subjects->v), 0};
    if (!subjects->v) return false;
    for (const struct cprom__source *source = &snapshot->own; source; source = source->next) {
        for (size_t i = 0; i < source->families->n; i++) lint_add(subjects, source->families->v[i].desc);
    }
    for (size_t i = 0; i < snapshot->n_groups; i++) {
        const struct cprom__group *group = &snapshot->groups[i];
        for (size_t k = 0; k < group->n_samples; k++) lint_add(subjects, group->samples[k]->desc);
    }
    if (subjects->n) qsort(subjects->v, subjects->n, sizeof *subjects->v, lint_by_name);
    return true;
}

typedef void (*lint_teller)(void *ctx, const char *family, const char *text);

static size_t lint_tell(const struct cprom__desc *desc, uint32_t found, lint_teller finding, void *ctx)
{
    size_t n = 0;
    struct cprom__line unit;
    for (unsigned i = 0; i < LINT_FINDINGS; i++) {
        if (!(found >> i & 1)) continue;
        if (finding) finding(ctx, desc->name, lint_texts[i]);
        n++;
    }
    if (lint_has_odd_unit(desc->name, &unit)) {
        if (finding) finding(ctx, desc->name, unit.text);
        n++;
    }
    return n;
}

cprom_status cprom_registry_lint(cprom_registry *registry, lint_teller finding, void *ctx, size_t *n_findings)
{
    if (n_findings) *n_findings = 0;
    if (!registry) return CPROM_EINVAL;
    cprom__cancellation_point();
    CPROM__UNCANCELLED;
    struct cprom__snapshot snapshot;
    struct cprom__filter all = {.n = 0};
    struct lint_subjects subjects;
    cprom__registry_ref(registry); /* as in cprom_page_open() */
    CPROM__AT_END(cprom__registry_drop) struct cprom_registry *held = registry;
    cprom_status status = cprom__snapshot_take(&snapshot, registry, &all, INT64_MAX, NULL, NULL);
    if (status) return status;
    CPROM__AT_END(cprom__snapshot_drop) struct cprom__snapshot *taken = &snapshot;
    if (!lint_list(&snapshot, &subjects)) return CPROM_ENOMEM;
    size_t n = 0;
    for (size_t i = 0; i < subjects.n;) {
        const struct cprom__desc *desc = subjects.v[i];
        uint32_t found = 0;
        for (; i < subjects.n && strcmp(subjects.v[i]->name, desc->name) == 0; i++) {
            found |= lint_family(subjects.v[i]);
        }
        n += lint_tell(desc, found, finding, ctx);
    }
    if (n_findings) *n_findings = n;
    return CPROM_OK;
}
