#include "text_page.h"

#include "hash.h"
#include "lookup.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A bucket or a quantile. */
struct part {
    struct part *next;
    double at, value;
    size_t line;
};

/* What of a histogram or summary has come. */
struct text_build {
    struct part *parts;
    size_t n_parts;
    size_t sum_line, count_line; /* 0: not yet */
    double count;
};

struct text_builder {
    struct text_page *page;
    struct lookup families, metrics;
};

/* ---- errors and names ---- */

bool text_fail(struct text_error *error, size_t line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    error->line = line;
    vsnprintf(error->what, sizeof error->what, format, args);
    va_end(args);
    for (char *at = error->what; *at; at++) {
        if ((unsigned char)*at < ' ' || (unsigned char)*at > '~') *at = '?';
    }
    return false;
}

static bool no_memory(struct text_error *error) { return text_fail(error, 0, "out of memory"); }

bool text_is_utf8(const char *bytes, size_t n)
{
    const unsigned char *at = (const unsigned char *)bytes, *end = at + n;
    while (at < end) {
        unsigned c = *at++;
        if (c >= 1 && c < 0x80) continue;
        size_t more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : 1;
        if (c < 0xc2 || c > 0xf4 || (size_t)(end - at) < more) return false;
        /* too long a form, surrogates, beyond U+10FFFF: told by the second byte */
        unsigned low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80, high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
        if (*at < low || *at > high) return false;
        for (size_t i = 1; i < more; i++) {
            if (at[i] < 0x80 || at[i] > 0xbf) return false;
        }
        at += more;
    }
    return true;
}

static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static bool is_name(const char *name, size_t len, bool colons)
{
    for (size_t i = 0; i < len; i++) {
        if (!is_letter(name[i]) && !(colons && name[i] == ':') && !(i && name[i] >= '0' && name[i] <= '9'))
            return false;
    }
    return len > 0;
}

bool text_is_metric_name(const char *name, size_t len) { return is_name(name, len, true); }

bool text_is_label_name(const char *name, size_t len)
{
    return is_name(name, len, false) && !(len >= 2 && name[0] == '_' && name[1] == '_');
}

/* ---- families ---- */

struct text_builder *text_begin(void)
{
    struct text_builder *builder = calloc(1, sizeof *builder);
    if (builder) builder->page = calloc(1, sizeof *builder->page);
    if (!builder || !builder->page) {
        free(builder);
        return NULL;
    }
    return builder;
}

void text_free(struct text_page *page)
{
    if (!page) return;
    arena_free(&page->memory);
    free(page);
}

char *text_copy(struct text_builder *builder, const char *bytes, size_t n)
{
    return arena_copy(&builder->page->memory, bytes, n);
}

static struct text_family *find_family(const struct text_builder *builder, const char *name, size_t len, uint64_t hash)
{
    struct text_family *family;
    for (size_t place = (size_t)hash; (family = lookup_next(&builder->families, hash, &place));) {
        if (strncmp(family->name, name, len) == 0 && !family->name[len]) return family;
    }
    return NULL;
}

struct text_family *text_add_family(struct text_builder *builder, const char *name, size_t len, size_t line)
{
    struct text_page *page = builder->page;
    uint64_t hash = hash_bytes(0, name, len);
    struct text_family *family = find_family(builder, name, len, hash);
    if (family) return family;
    family = arena_alloc(&page->memory, sizeof *family);
    if (!family || !(family->name = arena_copy(&page->memory, name, len))) return NULL;
    if (!lookup_add(&builder->families, hash, family)) return NULL;
    family->type = CPROM_UNTYPED;
    family->line = line;
    if (page->last) page->last->next = family;
    else page->families = family;
    page->last = family;
    return family;
}

/* ---- samples ---- */

enum role { ROLE_VALUE, ROLE_PART, ROLE_SUM, ROLE_COUNT };

/* What the sample is to a histogram or summary whose name it begins with; NULL: there is none. */
static struct text_family *find_whole(const struct text_builder *builder, const struct text_sample *sample,
                                      enum role *role)
{
    static const struct {
        const char *suffix;
        enum role role;
    } suffixes[] = {{"_bucket", ROLE_PART}, {"_sum", ROLE_SUM}, {"_count", ROLE_COUNT}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(suffixes[i].suffix), len = sample->name_len - n;
        if (sample->name_len <= n || memcmp(sample->name + len, suffixes[i].suffix, n) != 0) continue;
        struct text_family *family = find_family(builder, sample->name, len, hash_bytes(0, sample->name, len));
        *role = suffixes[i].role;
        if (!family) return NULL;
        if (family->type == CPROM_HISTOGRAM || (family->type == CPROM_SUMMARY && *role != ROLE_PART)) return family;
    }
    return NULL;
}

static bool sort_labels(struct text_sample *sample, struct text_error *error)
{
    cprom_label *labels = sample->labels;
    size_t n = 0;
    for (size_t i = 0; i < sample->n_labels; i++) {
        size_t at = i;
        cprom_label label = labels[i];
        for (; at && strcmp(labels[at - 1].name, label.name) > 0; at--) labels[at] = labels[at - 1];
        labels[at] = label;
        if (at && strcmp(labels[at - 1].name, label.name) == 0) {
            return text_fail(error, sample->line, "label %.80s twice", label.name);
        }
    }
    for (size_t i = 0; i < sample->n_labels; i++) {
        if (*labels[i].value) labels[n++] = labels[i];
    }
    sample->n_labels = n;
    return true;
}

/* Takes a label out; its value, or NULL. */
static const char *take_label(struct text_sample *sample, const char *name)
{
    for (size_t i = 0; i < sample->n_labels; i++) {
        if (strcmp(sample->labels[i].name, name) != 0) continue;
        const char *value = sample->labels[i].value;
        sample->n_labels--;
        memmove(sample->labels + i, sample->labels + i + 1, (sample->n_labels - i) * sizeof *sample->labels);
        return value;
    }
    return NULL;
}

static bool same_labels(const struct text_metric *metric, const struct text_sample *sample)
{
    if (metric->n_labels != sample->n_labels) return false;
    for (size_t i = 0; i < sample->n_labels; i++) {
        if (strcmp(metric->labels[i].name, sample->labels[i].name) != 0) return false;
        if (strcmp(metric->labels[i].value, sample->labels[i].value) != 0) return false;
    }
    return true;
}

/* The series of the family with the sample's labels; *there: it was there before. NULL: no memory. */
static struct text_metric *add_metric(struct text_builder *builder, struct text_family *family,
                                      const struct text_sample *sample, bool *there)
{
    struct arena *memory = &builder->page->memory;
    uint64_t hash = hash_bytes(0, family->name, strlen(family->name));
    struct text_metric *metric;
    for (size_t i = 0; i < sample->n_labels; i++) {
        hash = hash_text(hash, sample->labels[i].name);
        hash = hash_text(hash, sample->labels[i].value);
    }
    *there = true;
    for (size_t place = (size_t)hash; (metric = lookup_next(&builder->metrics, hash, &place));) {
        if (metric->family == family && same_labels(metric, sample)) return metric;
    }
    *there = false;
    metric = arena_alloc(memory, sizeof *metric);
    cprom_label *labels = arena_alloc(memory, (sample->n_labels + 1) * sizeof *labels);
    if (!metric || !labels) return NULL;
    if (family->type == CPROM_HISTOGRAM || family->type == CPROM_SUMMARY) {
        if (!(metric->build = arena_alloc(memory, sizeof *metric->build))) return NULL;
    }
    if (!lookup_add(&builder->metrics, hash, metric)) return NULL;
    if (sample->n_labels) memcpy(labels, sample->labels, sample->n_labels * sizeof *labels);
    metric->family = family;
    metric->labels = labels;
    metric->n_labels = sample->n_labels;
    metric->line = sample->line;
    metric->has_timestamp = sample->has_timestamp;
    metric->timestamp_ms = sample->timestamp_ms;
    if (family->last) family->last->next = metric;
    else family->metrics = metric;
    family->last = metric;
    family->n_metrics++;
    builder->page->n_metrics++;
    return metric;
}

static bool add_part(struct text_builder *builder, struct text_metric *metric, double at,
                     const struct text_sample *sample, struct text_error *error)
{
    struct part *part = arena_alloc(&builder->page->memory, sizeof *part);
    if (!part) return no_memory(error);
    *part = (struct part){.next = metric->build->parts, .at = at, .value = sample->value, .line = sample->line};
    metric->build->parts = part;
    metric->build->n_parts++;
    return true;
}

static bool add_to(struct text_builder *builder, struct text_metric *metric, enum role role, double at,
                   const struct text_sample *sample, struct text_error *error)
{
    struct text_build *build = metric->build;
    if (role == ROLE_PART) return add_part(builder, metric, at, sample, error);
    if (role == ROLE_VALUE) {
        metric->value = sample->value;
        return true;
    }
    size_t *line = role == ROLE_SUM ? &build->sum_line : &build->count_line;
    if (*line) {
        return text_fail(error, sample->line, "%.*s: the same series as in line %zu",
                         (int)(sample->name_len < 80 ? sample->name_len : 80), sample->name, *line);
    }
    *line = sample->line;
    *(role == ROLE_SUM ? &metric->sum : &build->count) = sample->value;
    return true;
}

bool text_add_sample(struct text_builder *builder, struct text_sample *sample, struct text_error *error)
{
    enum role role = ROLE_VALUE;
    uint64_t hash = hash_bytes(0, sample->name, sample->name_len);
    struct text_family *family = find_family(builder, sample->name, sample->name_len, hash);
    if (!family) family = find_whole(builder, sample, &role);
    if (!family) {
        role = ROLE_VALUE;
        family = text_add_family(builder, sample->name, sample->name_len, sample->line);
    }
    if (!family) return no_memory(error);
    if (!sort_labels(sample, error)) return false;

    double at = 0;
    bool histogram = family->type == CPROM_HISTOGRAM, summary = family->type == CPROM_SUMMARY;
    if (histogram || summary) {
        const char *own = histogram ? "le" : "quantile", *text = take_label(sample, own);
        if (summary && role == ROLE_VALUE) role = ROLE_PART;
        if (histogram && role == ROLE_VALUE) {
            return text_fail(error, sample->line, "%.80s is a histogram: it has _bucket, _sum and _count",
                             family->name);
        }
        if ((role == ROLE_PART) != (text != NULL)) {
            return text_fail(error, sample->line, "%.80s: label %s %s", family->name, own,
                             text ? "where it does not belong" : "is missing");
        }
        if (text && (!text_number(text, strlen(text), &at) || isnan(at) || (summary && (at < 0 || at > 1)))) {
            return text_fail(error, sample->line, "%.80s: label %s is no %s", family->name, own,
                             histogram ? "bucket's bound" : "number of 0 to 1");
        }
    }
    bool there;
    struct text_metric *metric = add_metric(builder, family, sample, &there);
    if (!metric) return no_memory(error);
    if (there && role == ROLE_VALUE) {
        return text_fail(error, sample->line, "%.80s: the same series as in line %zu", family->name, metric->line);
    }
    if (metric->has_timestamp != sample->has_timestamp || metric->timestamp_ms != sample->timestamp_ms) {
        return text_fail(error, sample->line, "%.80s: another timestamp than in line %zu", family->name, metric->line);
    }
    return add_to(builder, metric, role, at, sample, error);
}

/* ---- completing ---- */

static bool to_count(double value, uint64_t *count)
{
    if (!(value >= 0 && value < 18446744073709551616.0)) return false;
    *count = (uint64_t)value;
    return (double)*count == value;
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line; /* so that the later one is reported */
}

static bool complete_histogram(struct text_metric *metric, const struct part *const *parts, size_t n, uint64_t *buckets,
                               struct text_error *error)
{
    struct text_build *build = metric->build;
    const char *name = metric->family->name;
    uint64_t last = 0;
    bool has_inf = false;
    for (size_t i = 0; i < n; i++) {
        if (!to_count(parts[i]->value, &buckets[i])) {
            return text_fail(error, parts[i]->line, "%.80s: a bucket is no whole number from 0", name);
        }
        if (buckets[i] < last) {
            return text_fail(error, parts[i]->line, "%.80s: the bucket is less than one with a lower bound", name);
        }
        last = buckets[i];
        has_inf = has_inf || parts[i]->at == INFINITY;
    }
    metric->count = last;
    if (build->count_line && !to_count(build->count, &metric->count)) {
        return text_fail(error, build->count_line, "%.80s_count is no whole number from 0", name);
    }
    if (!has_inf && !build->count_line) {
        return text_fail(error, metric->line, "%.80s has neither a bucket +Inf nor a _count", name);
    }
    if (has_inf ? metric->count != last : metric->count < last) {
        return text_fail(error, build->count_line, "%.80s_count and the buckets disagree", name);
    }
    metric->n_points = n - has_inf;
    return true;
}

static bool complete(struct text_builder *builder, struct text_metric *metric, struct text_error *error)
{
    struct arena *memory = &builder->page->memory;
    struct text_build *build = metric->build;
    size_t n = build->n_parts;
    struct part **parts = arena_alloc(memory, (n + 1) * sizeof *parts);
    double *points = arena_alloc(memory, (n + 1) * sizeof *points),
           *values = arena_alloc(memory, (n + 1) * sizeof *values);
    uint64_t *buckets = arena_alloc(memory, (n + 1) * sizeof *buckets);
    if (!parts || !points || !values || !buckets) return no_memory(error);
    size_t i = n;
    for (struct part *part = build->parts; part; part = part->next) parts[--i] = part;
    qsort(parts, n, sizeof *parts, compare_parts);
    const char *name = metric->family->name;
    for (i = 0; i < n; i++) {
        points[i] = parts[i]->at;
        values[i] = parts[i]->value;
        if (i && points[i] == points[i - 1]) {
            return text_fail(error, parts[i]->line, "%.80s: the same series as in line %zu", name, parts[i - 1]->line);
        }
    }
    if (!build->sum_line) return text_fail(error, metric->line, "%.80s has no _sum", name);
    metric->points = points;
    metric->n_points = n;
    metric->build = NULL;
    if (metric->family->type == CPROM_HISTOGRAM) {
        metric->build = build;
        bool good = complete_histogram(metric, (const struct part *const *)parts, n, buckets, error);
        metric->buckets = buckets;
        metric->build = NULL;
        return good;
    }
    metric->values = values;
    if (!build->count_line) return text_fail(error, metric->line, "%.80s has no _count", name);
    if (to_count(build->count, &metric->count)) return true;
    return text_fail(error, build->count_line, "%.80s_count is no whole number from 0", name);
}

struct text_page *text_finish(struct text_builder *builder, bool broken, struct text_error *error)
{
    struct text_page *page = builder->page;
    page->last = NULL;
    for (struct text_family **link = &page->families, *family; (family = *link) && !broken;) {
        for (struct text_metric *metric = family->metrics; metric && !broken; metric = metric->next) {
            broken = metric->build && !complete(builder, metric, error);
        }
        if (family->metrics) {
            page->last = family;
            page->n_families++;
            link = &family->next;
        } else {
            *link = family->next;
        }
    }
    lookup_free(&builder->families);
    lookup_free(&builder->metrics);
    free(builder);
    if (!broken) return page;
    text_free(page);
    return NULL;
}
