/* Exemplars: checked, kept in their slots, handed to gathers. */
#include "store/exemplar.h"

#include <string.h>

#include "base/names.h"
#include "base/utf8.h"
#include "store/series.h"

unsigned cprom__exemplar_slots(const struct cprom__desc *desc)
{
    return desc->kind->exemplars + (desc->kind->bucket_exemplars ? (unsigned)desc->n_bounds + 1 : 0);
}

static size_t exemplar_code_points(const char *text)
{
    size_t n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

/* Why these labels cannot be an exemplar's; NULL: they can. How long they are as text is in `*len`. */
static const char *exemplar_check(cprom_labels labels, size_t *len)
{
    size_t points = 0;
    *len = 0;
    if (labels.n && !labels.v) return "labels are missing";
    if (labels.n > CPROM__EXEMPLAR_POINTS_MAX) return "over 128 code points";
    for (size_t i = 0; i < labels.n; i++) {
        const char *name = labels.v[i].name, *value = labels.v[i].value;
        if (!name || !value) return "a label is missing";
        if (!cprom__is_label_name(name)) return "a label name is malformed";
        for (size_t k = 0; k < i; k++) {
            if (strcmp(labels.v[k].name, name) == 0) return "a label stands twice";
        }
        size_t name_len = strlen(name), value_len = strlen(value);
        if (!cprom__is_utf8(value, value_len)) return "a label value is not UTF-8";
        points += exemplar_code_points(name) + exemplar_code_points(value);
        *len += name_len + cprom__escaped_len(value, value_len) + strlen(",=\"\"");
    }
    if (points > CPROM__EXEMPLAR_POINTS_MAX) return "over 128 code points";
    if (labels.n) --*len; /* no comma before the first */
    return NULL;
}

void cprom__exemplar_drop(struct cprom_vec *vec, const char *why)
{
    if (!why) return;
    struct cprom_registry *registry = vec->registry;
    atomic_fetch_add_explicit(&registry->exemplars_dropped, 1, memory_order_relaxed);
    if (!registry->log) return;
    unsigned bit = 1u << CPROM__DROPS;
    if (atomic_fetch_or_explicit(&vec->logged, bit, memory_order_relaxed) & bit) return;
    struct cprom__line line;
    cprom__line_join(&line, "metric \"", vec->desc->name, "\": exemplar dropped: ", why,
                     " (more of these are only counted)", (char *)NULL);
    cprom__log(registry, &line);
}

struct cprom__exemplar *cprom__exemplar_new(struct cprom_vec *vec, double value, cprom_labels labels,
                                            int64_t timestamp_ms, const char **refusal)
{
    size_t len;
    const char *why = exemplar_check(labels, &len);
    if (!vec->n_exemplars) why = "the metric keeps none, see cprom_opts";
    else if (timestamp_ms < 0) why = "the time is negative";
    *refusal = why;
    struct cprom__allocator *allocator = &vec->registry->allocator;
    struct cprom__exemplar *exemplar = why ? NULL : cprom__alloc(allocator, sizeof *exemplar + len);
    if (!exemplar) {
        if (!why) *refusal = "out of memory";
        return NULL;
    }
    atomic_init(&exemplar->refs, 1);
    exemplar->len = (uint32_t)len;
    exemplar->allocator = allocator;
    exemplar->value = value;
    exemplar->timestamp_ms = timestamp_ms;
    char *out = exemplar->pairs;
    for (size_t i = 0; i < labels.n; i++) {
        size_t name_len = strlen(labels.v[i].name);
        if (i) *out++ = ',';
        memcpy(out, labels.v[i].name, name_len);
        out += name_len;
        *out++ = '=';
        *out++ = '"';
        out = cprom__escape(out, labels.v[i].value, strlen(labels.v[i].value));
        *out++ = '"';
    }
    return exemplar;
}

void cprom__exemplar_unref(const struct cprom__exemplar *shared)
{
    struct cprom__exemplar *exemplar = (struct cprom__exemplar *)(uintptr_t)shared;
    /* acq_rel: who drops the last one comes after all who read it. */
    if (!exemplar || atomic_fetch_sub_explicit(&exemplar->refs, 1, memory_order_acq_rel) != 1) return;
    cprom__release(exemplar->allocator, exemplar, sizeof *exemplar + exemplar->len);
}

struct cprom__exemplar *cprom__exemplar_look(cprom__exemplar_slot *slot)
{
    if (!atomic_load_explicit(slot, memory_order_relaxed)) return NULL;
    /* acquire: pairs with the release in series_put_exemplar(). */
    struct cprom__exemplar *exemplar = atomic_exchange_explicit(slot, NULL, memory_order_acquire), *newer = NULL;
    if (!exemplar) return NULL;
    atomic_fetch_add_explicit(&exemplar->refs, 1, memory_order_relaxed);
    CPROM__SEAM(CPROM__SEAM_EXEMPLAR_OUT);
    /* release: as when it was put there. */
    if (!atomic_compare_exchange_strong_explicit(slot, &newer, exemplar, memory_order_release, memory_order_relaxed)) {
        cprom__exemplar_unref(exemplar);
    }
    return exemplar;
}
