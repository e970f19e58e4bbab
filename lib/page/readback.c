/* Values as a page shows them, for the tests of programs: a page is searched instead of printed. */
#include <string.h>

#include "base/number.h"
#include "base/unwind.h"
#include "page/gather.h"
#include "page/text.h"

/* `name` is as it stands in label text. */
static const char *readback_value_of(cprom_labels labels, struct cprom__piece name)
{
    for (size_t i = 0; i < labels.n; i++) {
        if (cprom__pair_means(name, labels.v[i].name)) return labels.v[i].value;
    }
    return "";
}

/* Whether a bound or quantile is written like this, in either format. */
static bool readback_same_number(double number, const char *text)
{
    char buf[CPROM__NUMBER_MAX];
    size_t len = cprom__number_double(buf, number);
    if (len == strlen(text) && memcmp(buf, text, len) == 0) return true;
    len = cprom__number_openmetrics(buf, number);
    return len == strlen(text) && memcmp(buf, text, len) == 0;
}

static bool readback_same_bound(const struct cprom__bound *bound, const char *text)
{
    size_t len = strlen(text);
    return (len == bound->len || len == bound->openmetrics_len) && memcmp(text, bound->text, len) == 0;
}

/* Whether these pairs, as text, are among the labels. Counts those that are not empty: an empty value is no label. */
static bool readback_same_pairs(const char *text, size_t len, cprom_labels labels, size_t *n)
{
    struct cprom__pairs pairs = {text, text + len};
    for (struct cprom__piece name; cprom__pairs_name(&pairs, &name);) {
        struct cprom__piece value = cprom__pairs_value(&pairs);
        *n += value.len != 0;
        if (!cprom__pair_means(value, readback_value_of(labels, name))) return false;
    }
    return true;
}

/* Whether these are all labels of the line; `n_given` of them are not empty. */
static bool readback_same_labels(const struct cprom__sample_line *line, cprom_labels labels, size_t n_given)
{
    size_t n = 0;
    if (!readback_same_pairs(line->pairs, line->pairs_len, labels, &n)) return false;
    if (line->state && !readback_same_pairs(line->state->text, line->state->len, labels, &n)) return false;
    if (line->extra) {
        const char *at = readback_value_of(labels, (struct cprom__piece){line->extra, strlen(line->extra)});
        if (!(line->bound ? readback_same_bound(line->bound, at) : readback_same_number(line->at, at))) return false;
        n++;
    }
    return n == n_given;
}

static bool readback_same_name(const struct cprom__desc *desc, const struct cprom__sample_line *line, const char *name)
{
    return strncmp(name, desc->name, line->name_len) == 0 && strcmp(name + line->name_len, line->suffix) == 0;
}

/* How many of the labels are not empty. */
static cprom_status readback_check_labels(cprom_labels labels, size_t *n)
{
    *n = 0;
    if (labels.n && !labels.v) return CPROM_ELABELS;
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        for (size_t k = 0; k < i; k++) {
            if (strcmp(labels.v[k].name, labels.v[i].name) == 0) return CPROM_ELABELS;
        }
        *n += *labels.v[i].value != '\0';
    }
    return CPROM_OK;
}

cprom_status cprom_registry_value(cprom_registry *registry, const char *name, cprom_labels labels, double *value)
{
    size_t n_given;
    if (!registry || !name) return CPROM_EINVAL;
    cprom_status status = readback_check_labels(labels, &n_given);
    if (status) return status;
    cprom__cancellation_point();
    struct cprom__snapshot snapshot;
    struct cprom__filter filter = {.names = &name, .n = 1};
    cprom__registry_ref(registry); /* as in cprom_page_open() */
    CPROM__AT_END(cprom__registry_drop) struct cprom_registry *held = registry;
    status = cprom__snapshot_take(&snapshot, registry, &filter, INT64_MAX, NULL, NULL);
    if (status) return status;
    struct cprom__cursor cursor = {.group = 0};
    struct cprom__sample_line line;
    const struct cprom__desc *desc;
    status = CPROM_ENOENT;
    while (status && cprom__lines_next(&snapshot, &cprom__text_style, &cursor, &line, &desc)) {
        if (!readback_same_name(desc, &line, name) || !readback_same_labels(&line, labels, n_given)) continue;
        if (value) *value = line.is_count ? (double)line.count : line.value;
        status = CPROM_OK;
    }
    cprom__snapshot_free(&snapshot);
    return status;
}
