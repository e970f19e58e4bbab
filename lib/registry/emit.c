/* What callbacks emit, checked one by one. */
#include "registry/emit.h"

#include <math.h>
#include <string.h>

#include "base/names.h"
#include "base/opts.h"
#include "base/utf8.h"
#include "store/repair.h"

/* Emissions are gathered in the page's memory; whether they are kept is decided when the callback is done. */

/* What something is about: family, labels, reason. */
static void emit_say(struct cprom__line *why, const char *family, cprom_strs values, const char *reason)
{
    cprom__line_join(why, "family \"", (char *)NULL);
    if (family) cprom__line_add_cut(why, family, strlen(family), CPROM__WHY_FAMILY);
    cprom__line_add(why, "\", labels {");
    size_t end = why->len + CPROM__WHY_LABELS;
    for (size_t i = 0; i < values.n && values.v && why->len < end; i++) {
        if (i) cprom__line_add(why, ", ");
        if (values.v[i]) cprom__line_add_cut(why, values.v[i], strlen(values.v[i]), end - why->len);
    }
    cprom__line_add(why, "}: ");
    cprom__line_add(why, reason);
}

static cprom_status emit_refuse(cprom_scrape *out, cprom_status status, const char *family, cprom_strs values,
                                const char *reason)
{
    if (out->status) return status;
    out->status = status;
    out->out_of_memory = status == CPROM_ENOMEM;
    emit_say(&out->why, family, values, reason);
    return status;
}

/* Whether `desc` is what the caller's descriptor becomes in this registry; help and unit count for unchecked ones. */
static bool emit_is_same(const struct cprom_registry *registry, const struct cprom__desc *desc, const cprom_desc *asked,
                         bool texts)
{
    if (desc->type != asked->type) return false;
    bool bare = cprom__has_prefix(asked->name, "process_") || cprom__has_prefix(asked->name, "cprom_");
    const char *prefix = bare || !registry->rules.prefix ? "" : registry->rules.prefix;
    if (!cprom__has_prefix(desc->name, prefix) || strcmp(desc->name + strlen(prefix), asked->name) != 0) return false;
    if (texts && (!cprom__same_text(desc->help, asked->help) || !cprom__same_text(desc->unit, asked->unit)))
        return false;
    for (size_t i = 0; i < desc->n_labels; i++) {
        if (!asked->labels[i] || strcmp(desc->labels[i], asked->labels[i]) != 0) return false;
    }
    return desc->n_labels == CPROM_LABELS_MAX || !asked->labels[desc->n_labels];
}

static const struct cprom__desc *emit_resolve_checked(cprom_scrape *out, const cprom_desc *asked)
{
    uint64_t hash = cprom__collector_hash_asked(out->registry, asked, false);
    struct cprom__index_node *node = cprom__index_find(&out->collector->by_asked, hash);
    for (; node; node = node->older) {
        const struct cprom__declared *declared = CPROM__INDEXED(node, struct cprom__declared, by_asked);
        if (emit_is_same(out->registry, declared->desc, asked, false)) return declared->desc;
    }
    return NULL;
}

static cprom_status emit_bring(cprom_scrape *out, const cprom_desc *asked, cprom_strs values)
{
    uint64_t hash = cprom__collector_hash_asked(out->registry, asked, true);
    struct cprom__index_node *node = cprom__index_find(&out->by_asked, hash);
    for (; node; node = node->older) {
        const struct cprom__brought *brought = CPROM__INDEXED(node, struct cprom__brought, node);
        if (!emit_is_same(out->registry, brought->desc, asked, true)) continue;
        out->current = brought->desc;
        return CPROM_OK;
    }
    struct cprom__family_spec spec = {.name = asked->name,
                                      .help = asked->help,
                                      .unit = asked->unit,
                                      .type = asked->type,
                                      .labels = asked->labels,
                                      .internal = !out->collector};
    struct cprom__refusal refusal = {NULL, NULL, NULL};
    struct cprom__brought *brought = cprom__arena_alloc(out->memory, sizeof *brought);
    if (!brought) return emit_refuse(out, CPROM_ENOMEM, asked->name, values, "out of memory");
    cprom_status status =
        cprom__desc_new(&out->registry->allocator, &out->registry->rules, &spec, &brought->desc, &refusal);
    if (status) {
        struct cprom__line reason;
        cprom__line_join(&reason, refusal.field ? refusal.field : "out of memory", (char *)NULL);
        if (refusal.field) {
            cprom__line_add(&reason, " ");
            cprom__line_add_cut(&reason, refusal.text, strlen(refusal.text), CPROM__WHY_TEXT);
            cprom__line_add(&reason, " ");
            cprom__line_add(&reason, refusal.reason);
        }
        return emit_refuse(out, status, asked->name, values, reason.text);
    }
    brought->next = out->brought;
    out->brought = brought;
    cprom__index_add(&out->by_asked, &brought->node, hash);
    out->current = brought->desc;
    return CPROM_OK;
}

/* Sets out->current. */
static cprom_status emit_resolve(cprom_scrape *out, const cprom_desc *desc, cprom_strs values)
{
    cprom_desc asked;
    if (!desc || !cprom__opts_read(&asked, sizeof asked, desc)) {
        return emit_refuse(out, CPROM_EINVAL, NULL, values,
                           "no descriptor, or its size is not one that this library knows");
    }
    if (!asked.name) return emit_refuse(out, CPROM_ENAME, NULL, values, "the descriptor has no name");
    size_t declared = 0;
    if (out->collector) cprom__collector_families(out->collector, &declared);
    if (out->current && emit_is_same(out->registry, out->current, &asked, !declared)) return CPROM_OK;
    if (!declared) return emit_bring(out, &asked, values);
    out->current = emit_resolve_checked(out, &asked);
    if (out->current) return CPROM_OK;
    return emit_refuse(out, CPROM_ENOENT, asked.name, values,
                       "the collector did not declare it with this type and these labels");
}

static uint64_t emit_pair_hash(const struct cprom__hash_key *key, const char *name, const char *value, size_t len)
{
    if (!len) return 0; /* no label */
    uint64_t hash = cprom__hash_value(key->k[0], key, name, strlen(name));
    return cprom__hash_end(cprom__hash_value(hash, key, value, len), key);
}

/* A sum, since which of the pairs are const labels differs between registries. */
static uint64_t emit_identity_of(const struct cprom__desc *desc, const struct cprom__values *values,
                                 const struct cprom__hash_key *key)
{
    uint64_t identity = cprom__hash_end(cprom__hash_value(key->k[0], key, desc->name, desc->name_len), key);
    for (size_t i = 0; i < desc->n_labels; i++) {
        identity += emit_pair_hash(key, desc->labels[i], values->v[i], values->len[i]);
    }
    for (size_t i = 0; i < desc->n_const_labels; i++) {
        const cprom_label *label = &desc->const_labels[i];
        identity += emit_pair_hash(key, label->name, label->value, strlen(label->value));
    }
    return identity;
}

/* Renders the labels. `asked`: the identity of those that were given. */
static cprom_status emit_render(cprom_scrape *out, const struct cprom__values *values, uint64_t asked,
                                struct cprom__sample **made)
{
    const struct cprom__desc *desc = out->current;
    struct cprom__sample *sample = cprom__arena_alloc(out->memory, sizeof *sample);
    size_t text_len = cprom__desc_text_len(desc, values);
    bool escaped = desc->escaped || text_len != desc->pieces_len + values->bytes;
    if (escaped && text_len > out->longest_escaped) out->longest_escaped = text_len;
    char *text = sample ? cprom__arena_alloc(out->memory, text_len + 1) : NULL;
    if (!text) return CPROM_ENOMEM;
    cprom__desc_text(desc, values, text);
    *sample = (struct cprom__sample){.desc = desc,
                                     .text = text,
                                     .len = text_len,
                                     .timestamp_ms = -1,
                                     .identity = emit_identity_of(desc, values, out->key),
                                     .asked = asked};
    *made = sample;
    return CPROM_OK;
}

/* EUTF8: a value cannot be one; all are measured. */
static cprom_status emit_measure(cprom_strs strs, struct cprom__values *values)
{
    cprom_status status = CPROM_OK;
    values->n = strs.n;
    values->bytes = 0;
    values->plain = false;
    for (size_t i = 0; i < strs.n; i++) {
        size_t len = strlen(strs.v[i]);
        if (len > CPROM_VALUE_MAX || !cprom__is_utf8(strs.v[i], len)) status = CPROM_EUTF8;
        values->v[i] = strs.v[i];
        values->len[i] = (uint32_t)len;
        values->bytes += len;
    }
    return status;
}

/* The collector says what becomes of a sample whose values cannot be one; `*made` NULL: it is dropped. */
static cprom_status emit_make_bad_utf8(cprom_scrape *out, const struct cprom__values *bad, struct cprom__sample **made)
{
    static const char reason[] = "a label value is not UTF-8 or too long";
    const struct cprom__desc *desc = out->current;
    cprom_strs strs = {bad->v, bad->n};
    struct cprom__collector *collector = out->collector;
    if (!collector || collector->bad_utf8 == CPROM_UTF8_REFUSE)
        return emit_refuse(out, CPROM_EUTF8, desc->name, strs, reason);
    if (collector->bad_utf8 == CPROM_UTF8_DROP) {
        struct cprom__line why;
        atomic_fetch_add_explicit(&out->registry->dropped[CPROM__DROP_INVALID], 1, memory_order_relaxed);
        emit_say(&why, desc->name, strs, reason);
        cprom__collector_log_dropped(out->registry, collector, why.text);
        return CPROM_OK;
    }
    struct cprom__repaired repaired;
    struct cprom__values values;
    cprom_status status = cprom__repair(out->registry, strs, &repaired);
    if (status) return status;
    status = emit_measure(cprom__repaired_strs(&repaired), &values);
    if (!status) status = emit_render(out, &values, emit_identity_of(desc, bad, out->key), made);
    cprom__repaired_free(&repaired);
    return status;
}

/* Checks and renders the labels. `*made` NULL, if OK: the sample is dropped. */
static cprom_status emit_make(cprom_scrape *out, cprom_strs strs, struct cprom__sample **made)
{
    const struct cprom__desc *desc = out->current;
    struct cprom__values values;
    *made = NULL;
    if (strs.n != desc->n_labels) {
        return emit_refuse(out, CPROM_ELABELS, desc->name, strs, "not as many label values as labels");
    }
    for (size_t i = 0; i < strs.n; i++) {
        if (!strs.v || !strs.v[i]) return emit_refuse(out, CPROM_ELABELS, desc->name, strs, "a label value is NULL");
    }
    cprom_status status = emit_measure(strs, &values);
    status = status ? emit_make_bad_utf8(out, &values, made)
                    : emit_render(out, &values, emit_identity_of(desc, &values, out->key), made);
    return status == CPROM_ENOMEM ? emit_refuse(out, status, desc->name, strs, "out of memory") : status;
}

static void emit_keep(cprom_scrape *out, struct cprom__sample *sample)
{
    if (out->last) out->last->next = sample;
    else out->first = sample;
    out->last = sample;
    out->n_samples++;
}

static cprom_status emit_value(cprom_scrape *out, cprom_strs values, double value, int64_t timestamp_ms)
{
    struct cprom__sample *sample = NULL;
    cprom_status status = emit_make(out, values, &sample);
    if (status || !sample) return status;
    sample->value = value;
    sample->timestamp_ms = timestamp_ms;
    emit_keep(out, sample);
    return CPROM_OK;
}

cprom_status cprom__emit_plain(cprom_scrape *out, const struct cprom__desc *desc, double value)
{
    out->current = desc;
    return emit_value(out, (cprom_strs){NULL, 0}, value, -1);
}

static cprom_status emit(cprom_scrape *out, const cprom_desc *desc, cprom_strs values, double value,
                         int64_t timestamp_ms)
{
    cprom_status status = emit_resolve(out, desc, values);
    if (status) return status;
    const struct cprom__kind *kind = out->current->kind;
    if (!cprom__kind_has(kind, CPROM__PART_VALUE) && !cprom__kind_has(kind, CPROM__PART_ONE)) {
        return emit_refuse(out, CPROM_EINVAL, out->current->name, values, "its type has no single value");
    }
    if (cprom__kind_has(kind, CPROM__PART_ONE) && value != 1) {
        return emit_refuse(out, CPROM_EINVAL, out->current->name, values, "it is an info, and its value not 1");
    }
    return emit_value(out, values, value, timestamp_ms);
}

cprom_status cprom_emit(cprom_scrape *out, const cprom_desc *desc, cprom_strs values, double value)
{
    return out ? emit(out, desc, values, value, -1) : CPROM_EINVAL;
}

cprom_status cprom_emit_at(cprom_scrape *out, const cprom_desc *desc, cprom_strs values, double value,
                           int64_t timestamp_ms)
{
    if (!out) return CPROM_EINVAL;
    if (timestamp_ms >= 0) return emit(out, desc, values, value, timestamp_ms);
    cprom_status status = emit_resolve(out, desc, values);
    return status ? status : emit_refuse(out, CPROM_EINVAL, out->current->name, values, "the timestamp is negative");
}

static cprom_status emit_distribution(cprom_scrape *out, cprom_strs values, const struct cprom__distribution *given,
                                      int64_t timestamp_ms)
{
    struct cprom__sample *sample = NULL;
    cprom_status status = emit_make(out, values, &sample);
    if (status || !sample) return status;
    struct cprom__distribution *copy = cprom__arena_alloc(out->memory, sizeof *copy);
    double *at = cprom__arena_alloc(out->memory, (given->n + 1) * sizeof *at);
    uint64_t *what = cprom__arena_alloc(out->memory, (given->n + 1) * sizeof *what);
    if (!copy || !at || !what) return emit_refuse(out, CPROM_ENOMEM, out->current->name, values, "out of memory");
    *copy = *given;
    bool buckets = cprom__kind_has(out->current->kind, CPROM__PART_BUCKETS);
    if (given->n) {
        memcpy(at, given->at, given->n * sizeof *at);
        /* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): those of its kind are given */
        memcpy(what, buckets ? (const void *)given->buckets : given->values, given->n * sizeof *what);
    }
    at[given->n] = INFINITY;
    what[given->n] = given->count;
    copy->at = at;
    copy->buckets = buckets ? what : NULL;
    copy->values = buckets ? NULL : (const double *)(const void *)what;
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): set above, where the status was CPROM_OK */
    sample->distribution = copy;
    if (timestamp_ms) sample->timestamp_ms = timestamp_ms;
    emit_keep(out, sample);
    return CPROM_OK;
}

cprom_status cprom_emit_histogram(cprom_scrape *out, const cprom_desc *desc, cprom_strs values,
                                  const cprom_const_histogram *histogram)
{
    if (!out) return CPROM_EINVAL;
    cprom_status status = emit_resolve(out, desc, values);
    if (status) return status;
    const char *name = out->current->name;
    cprom_const_histogram h;
    if (!cprom__kind_has(out->current->kind, CPROM__PART_BUCKETS))
        return emit_refuse(out, CPROM_EINVAL, name, values, "its type is no histogram");
    if (!histogram || !cprom__opts_read(&h, sizeof h, histogram)) {
        return emit_refuse(out, CPROM_EINVAL, name, values,
                           "no histogram, or its size is not one that this library knows");
    }
    if (h.timestamp_ms < 0) return emit_refuse(out, CPROM_EINVAL, name, values, "the timestamp is negative");
    if (h.n_bounds && (!h.bounds || !h.buckets))
        return emit_refuse(out, CPROM_EINVAL, name, values, "bounds or buckets are missing");
    for (size_t i = 0; i < h.n_bounds; i++) {
        if (isnan(h.bounds[i]) || h.bounds[i] == -INFINITY || (i && !(h.bounds[i] > h.bounds[i - 1]))) {
            return emit_refuse(out, CPROM_EINVAL, name, values, "the bounds are not strictly ascending numbers");
        }
        uint64_t next = i + 1 < h.n_bounds ? h.buckets[i + 1] : h.count;
        if (h.buckets[i] > next) return emit_refuse(out, CPROM_EINVAL, name, values, "the buckets are not cumulative");
    }
    size_t n = h.n_bounds;
    if (n && h.bounds[n - 1] == INFINITY) {
        n--;
        if (h.buckets[n] != h.count)
            return emit_refuse(out, CPROM_EINVAL, name, values, "the +Inf bucket is not the count");
    }
    struct cprom__distribution given = {.n = n, .at = h.bounds, .buckets = h.buckets, .count = h.count, .sum = h.sum};
    return emit_distribution(out, values, &given, h.timestamp_ms);
}

cprom_status cprom_emit_summary(cprom_scrape *out, const cprom_desc *desc, cprom_strs values,
                                const cprom_const_summary *summary)
{
    if (!out) return CPROM_EINVAL;
    cprom_status status = emit_resolve(out, desc, values);
    if (status) return status;
    const char *name = out->current->name;
    cprom_const_summary s;
    if (!cprom__kind_has(out->current->kind, CPROM__PART_QUANTILES))
        return emit_refuse(out, CPROM_EINVAL, name, values, "its type is no summary");
    if (!summary || !cprom__opts_read(&s, sizeof s, summary)) {
        return emit_refuse(out, CPROM_EINVAL, name, values,
                           "no summary, or its size is not one that this library knows");
    }
    if (s.timestamp_ms < 0) return emit_refuse(out, CPROM_EINVAL, name, values, "the timestamp is negative");
    if (s.n_quantiles && (!s.quantiles || !s.values))
        return emit_refuse(out, CPROM_EINVAL, name, values, "quantiles or values are missing");
    for (size_t i = 0; i < s.n_quantiles; i++) {
        if (!(s.quantiles[i] >= 0 && s.quantiles[i] <= 1) || (i && !(s.quantiles[i] > s.quantiles[i - 1]))) {
            return emit_refuse(out, CPROM_EINVAL, name, values, "the quantiles are not strictly ascending from 0 to 1");
        }
    }
    struct cprom__distribution given = {
        .n = s.n_quantiles, .at = s.quantiles, .values = s.values, .count = s.count, .sum = s.sum};
    return emit_distribution(out, values, &given, s.timestamp_ms);
}

int64_t cprom_scrape_deadline(const cprom_scrape *out) { return out ? out->deadline : INT64_MAX; }
