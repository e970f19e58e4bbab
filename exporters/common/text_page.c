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
    struct lookup shapes; /* metrics, one for each set of label names */
};

static bool no_memory(struct text_error *error) { return text_fail(error, 0, "out of memory"); }

void text_leave_out(struct text_page *page, size_t line, const char *format, ...)
{
    va_list args;
    if (page->n_left_out++) return;
    va_start(args, format);
    text_vfail(&page->left_out, line, format, args);
    va_end(args);
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

struct text_page *text_page_of(struct text_builder *builder) { return builder->page; }

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

enum role {
    ROLE_VALUE,
    ROLE_PART,
    ROLE_SUM,
    ROLE_COUNT
};

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

static bool same_names(const struct text_metric *a, const struct text_metric *b)
{
    if (a->n_labels != b->n_labels) return false;
    for (size_t i = 0; i < a->n_labels; i++) {
        if (strcmp(a->labels[i].name, b->labels[i].name) != 0) return false;
    }
    return true;
}

/* The first metric of the page with these label names. NULL: no memory. */
static const struct text_metric *find_shape(struct text_builder *builder, struct text_metric *metric)
{
    uint64_t hash = 0;
    const struct text_metric *first;
    for (size_t i = 0; i < metric->n_labels; i++) hash = hash_text(hash, metric->labels[i].name);
    for (size_t place = (size_t)hash; (first = lookup_next(&builder->shapes, hash, &place));) {
        if (same_names(first, metric)) return first;
    }
    return lookup_add(&builder->shapes, hash, metric) ? metric : NULL;
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
    if (sample->n_labels) memcpy(labels, sample->labels, sample->n_labels * sizeof *labels);
    metric->family = family;
    metric->labels = labels;
    metric->n_labels = sample->n_labels;
    if (!(metric->shape = find_shape(builder, metric)) || !lookup_add(&builder->metrics, hash, metric)) return NULL;
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

static bool twice(struct text_builder *builder, const struct text_sample *sample, size_t line)
{
    text_leave_out(builder->page, sample->line, "%.*s: the same series as in line %zu",
                   (int)(sample->name_len < 80 ? sample->name_len : 80), sample->name, line);
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
    if (*line) return twice(builder, sample, *line);
    *line = sample->line;
    *(role == ROLE_SUM ? &metric->sum : &build->count) = sample->value;
    return true;
}

/* The bound or quantile of a sample goes to *at; *text: as it was written. false: *error. */
static bool take_bound(const struct text_family *family, struct text_sample *sample, const char **text, double *at,
                       struct text_error *error)
{
    *text = NULL;
    if (family->type != CPROM_HISTOGRAM && family->type != CPROM_SUMMARY) return true;
    const char *own = family->type == CPROM_HISTOGRAM ? "le" : "quantile";
    *text = take_label(sample, own);
    if (!*text || text_number(*text, strlen(*text), at)) return true;
    return text_fail(error, sample->line, "%.80s: label %s is no number", family->name, own);
}

/* What the sample is to its family. false: it is left out. */
static bool check_role(struct text_builder *builder, const struct text_family *family, const struct text_sample *sample,
                       const char *text, double at, enum role *role)
{
    bool histogram = family->type == CPROM_HISTOGRAM, summary = family->type == CPROM_SUMMARY;
    const char *wrong = NULL;
    if (!histogram && !summary) return true;
    if (summary && *role == ROLE_VALUE) *role = ROLE_PART;
    if (histogram && *role == ROLE_VALUE) wrong = "is a histogram: it has _bucket, _sum and _count";
    else if (!text && *role == ROLE_PART) wrong = histogram ? "label le is missing" : "label quantile is missing";
    else if (text && *role != ROLE_PART) wrong = "a label le or quantile is where it does not belong";
    else if (text && histogram && !(at > -INFINITY)) wrong = "label le is no bucket's bound";
    else if (text && summary && !(at >= 0 && at <= 1)) wrong = "label quantile is no number of 0 to 1";
    if (wrong) text_leave_out(builder->page, sample->line, "%.80s: %s", family->name, wrong);
    return !wrong;
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
    const char *text;
    if (!take_bound(family, sample, &text, &at, error)) return false;
    if (!check_role(builder, family, sample, text, at, &role)) return true;
    if (builder->page->n_metrics == TEXT_SERIES_MAX) {
        return text_fail(error, sample->line, "more than %d series", TEXT_SERIES_MAX);
    }
    bool there;
    struct text_metric *metric = add_metric(builder, family, sample, &there);
    if (!metric) return no_memory(error);
    if (there && role == ROLE_VALUE) return twice(builder, sample, metric->line);
    if (metric->has_timestamp != sample->has_timestamp || metric->timestamp_ms != sample->timestamp_ms) {
        text_leave_out(builder->page, sample->line, "%.80s: another timestamp than in line %zu", family->name,
                       metric->line);
        return true;
    }
    return add_to(builder, metric, role, at, sample, error);
}

/* ---- completing ---- */

/* What is read as a count is one: without its fraction. */
static bool to_count(double value, uint64_t *count)
{
    if (!(value >= 0 && value < 18446744073709551616.0)) return false;
    *count = (uint64_t)value;
    return true;
}

static int compare_parts(const void *a, const void *b)
{
    const struct part *x = *(struct part *const *)a, *y = *(struct part *const *)b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->line < y->line ? -1 : x->line > y->line; /* so that the later one is left out */
}

static bool leave_out(struct text_page *page, size_t line, const struct text_metric *metric, const char *what)
{
    text_leave_out(page, line, "%.80s: %s", metric->family->name, what);
    return false;
}

/*
 * Whoever writes a histogram while it is observed may have read its count before its last bucket: the count is the
 * largest of both then, and so is the bucket +Inf. false: left out.
 */
static bool complete_histogram(struct text_page *page, struct text_metric *metric, const struct part *const *parts,
                               uint64_t *buckets)
{
    struct text_build *build = metric->build;
    size_t n = metric->n_points;
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        if (!to_count(parts[i]->value, &buckets[i])) {
            return leave_out(page, parts[i]->line, metric, "a bucket is no number from 0");
        }
        if (buckets[i] < last) {
            return leave_out(page, parts[i]->line, metric, "the bucket is less than one with a lower bound");
        }
        last = buckets[i];
    }
    if (build->count_line && !to_count(build->count, &metric->count)) {
        return leave_out(page, build->count_line, metric, "the count is no number from 0");
    }
    if (metric->count < last) metric->count = last;
    if (n && metric->points[n - 1] == INFINITY) metric->n_points--;
    return true;
}

/* The parts in order, of each bound the first. */
static size_t sort_parts(struct text_page *page, struct text_metric *metric, struct part **parts)
{
    size_t n = metric->build->n_parts, i = n, kept = 0;
    for (struct part *part = metric->build->parts; part; part = part->next) parts[--i] = part;
    qsort(parts, n, sizeof *parts, compare_parts);
    for (i = 0; i < n; i++) {
        if (kept && parts[kept - 1]->at == parts[i]->at) {
            text_leave_out(page, parts[i]->line, "%.80s: the same series as in line %zu", metric->family->name,
                           parts[kept - 1]->line);
        } else {
            parts[kept++] = parts[i];
        }
    }
    return kept;
}

/* *good: it is not left out. false: no memory. A sum or count that is not there is 0. */
static bool complete(struct text_page *page, struct text_metric *metric, bool *good)
{
    struct arena *memory = &page->memory;
    struct text_build *build = metric->build;
    size_t n = build->n_parts;
    struct part **parts = arena_alloc(memory, (n + 1) * sizeof *parts);
    double *points = arena_alloc(memory, (n + 1) * sizeof *points),
           *values = arena_alloc(memory, (n + 1) * sizeof *values);
    uint64_t *buckets = arena_alloc(memory, (n + 1) * sizeof *buckets);
    if (!parts || !points || !values || !buckets) return false;
    metric->n_points = n = sort_parts(page, metric, parts);
    metric->points = points;
    metric->values = values;
    metric->buckets = buckets;
    for (size_t i = 0; i < n; i++) {
        points[i] = parts[i]->at;
        values[i] = parts[i]->value;
    }
    if (metric->family->type == CPROM_HISTOGRAM) {
        *good = complete_histogram(page, metric, (const struct part *const *)parts, buckets);
    } else {
        *good = !build->count_line || to_count(build->count, &metric->count) ||
                leave_out(page, build->count_line, metric, "the count is no number from 0");
    }
    metric->build = NULL;
    return true;
}

/* Leaves out those that cannot be completed. false: no memory. */
static bool complete_all(struct text_page *page, struct text_family *family)
{
    struct text_metric **link = &family->metrics;
    family->last = NULL;
    while (*link) {
        struct text_metric *metric = *link;
        bool good = true;
        if (metric->build && !complete(page, metric, &good)) return false;
        if (good) {
            family->last = metric;
            link = &metric->next;
            continue;
        }
        *link = metric->next;
        family->n_metrics--;
        page->n_metrics--;
    }
    return true;
}

static int compare_shapes(const void *a, const void *b)
{
    const struct text_metric *x = *(struct text_metric *const *)a, *y = *(struct text_metric *const *)b;
    if (x->shape->line != y->shape->line) return x->shape->line < y->shape->line ? -1 : 1;
    if (x->shape != y->shape) return x->shape < y->shape ? -1 : 1; /* several in one line, as JSON may have them */
    return x->line < y->line ? -1 : x->line > y->line;
}

/* Puts series with the same label names side by side, and counts these sets. false: no memory. */
static bool group(struct text_family *family)
{
    bool mixed = false;
    family->n_shapes = 1;
    for (struct text_metric *metric = family->metrics; metric; metric = metric->next) {
        mixed = mixed || metric->shape != family->metrics->shape;
    }
    if (!mixed) return true;
    struct text_metric **all = malloc(family->n_metrics * sizeof *all);
    size_t n = 0;
    if (!all) return false;
    for (struct text_metric *metric = family->metrics; metric; metric = metric->next) all[n++] = metric;
    qsort(all, n, sizeof *all, compare_shapes);
    for (size_t i = 0; i < n; i++) {
        family->n_shapes += i && all[i]->shape != all[i - 1]->shape;
        all[i]->next = i + 1 < n ? all[i + 1] : NULL;
    }
    family->metrics = all[0];
    family->last = all[n - 1];
    free(all);
    return true;
}

static bool finish(struct text_page *page)
{
    page->last = NULL;
    for (struct text_family **link = &page->families, *family; (family = *link);) {
        if (!complete_all(page, family)) return false;
        if (!family->metrics) {
            *link = family->next;
            continue;
        }
        if (!group(family)) return false;
        page->last = family;
        page->n_families++;
        page->n_shapes += family->n_shapes;
        link = &family->next;
    }
    return true;
}

struct text_page *text_finish(struct text_builder *builder, bool broken, struct text_error *error)
{
    struct text_page *page = builder->page;
    lookup_free(&builder->families);
    lookup_free(&builder->metrics);
    lookup_free(&builder->shapes);
    free(builder);
    if (!broken && finish(page)) return page;
    if (!broken) no_memory(error);
    text_free(page);
    return NULL;
}

void text_drop_family(struct text_page *page, struct text_family **link)
{
    struct text_family *family = *link;
    *link = family->next;
    page->n_families--;
    page->n_metrics -= family->n_metrics;
    page->n_shapes -= family->n_shapes;
}
