#include "samples.h"

#include "hash.h"
#include "text_page.h"

#include <string.h>

struct sample {
    struct sample *next;
    const cprom_desc *desc;
    const char *key; /* of n_values, each with its NUL */
    size_t len, n_values;
    double value;
};

const char *sample_fault(cprom_strs values)
{
    for (size_t i = 0; i < values.n; i++) {
        size_t len = strlen(values.v[i]);
        if (len > CPROM_VALUE_MAX) return "has a label value that is too long";
        if (!text_is_utf8(values.v[i], len)) return "has a label value that is not UTF-8";
    }
    return NULL;
}

/* The values one behind the other, each with its NUL; of a family without labels, its name. NULL: no memory. */
static const char *make_key(struct samples *samples, const cprom_desc *desc, cprom_strs values, size_t *len)
{
    if (!values.n) {
        *len = strlen(desc->name);
        return desc->name;
    }
    *len = 0;
    for (size_t i = 0; i < values.n; i++) *len += strlen(values.v[i]) + 1;
    char *key = arena_alloc(&samples->memory, *len), *at = key;
    for (size_t i = 0; key && i < values.n; i++) {
        size_t n = strlen(values.v[i]) + 1;
        memcpy(at, values.v[i], n);
        at += n;
    }
    return key;
}

static struct sample *find(const struct samples *samples, uint64_t hash, const struct sample *wanted)
{
    struct sample *sample;
    for (size_t place = (size_t)hash; (sample = lookup_next(&samples->lookup, hash, &place));) {
        if (sample->len != wanted->len || memcmp(sample->key, wanted->key, wanted->len) != 0) continue;
        if (sample->desc == wanted->desc || strcmp(sample->desc->name, wanted->desc->name) == 0) return sample;
    }
    return NULL;
}

static bool keep(struct samples *samples, uint64_t hash, const struct sample *wanted)
{
    struct sample *sample = arena_alloc(&samples->memory, sizeof *sample);
    if (!sample || !lookup_add(&samples->lookup, hash, sample)) return false;
    *sample = *wanted;
    if (!samples->first) samples->last = &samples->first;
    *samples->last = sample;
    samples->last = &sample->next;
    return true;
}

const char *samples_add(struct samples *samples, const cprom_desc *desc, cprom_strs values, double value)
{
    const char *fault = sample_fault(values);
    if (fault) return fault;
    struct sample wanted = {.desc = desc, .n_values = values.n, .value = value};
    wanted.key = make_key(samples, desc, values, &wanted.len);
    if (!wanted.key) return "cannot be kept: out of memory";
    /* Families with labels have one descriptor, those without may have one a call. */
    uint64_t hash = hash_bytes(values.n ? (uintptr_t)desc : 0, wanted.key, wanted.len);
    struct sample *there = find(samples, hash, &wanted);
    if (there) there->value = value;
    else if (!keep(samples, hash, &wanted)) return "cannot be kept: out of memory";
    return NULL;
}

const cprom_desc *samples_desc(struct samples *samples, cprom_type type, const char *name, const char *help)
{
    cprom_desc *desc = arena_alloc(&samples->memory, sizeof *desc);
    if (!desc) return NULL;
    *desc = (cprom_desc){.size = sizeof *desc, .type = type};
    desc->name = arena_copy(&samples->memory, name, strlen(name));
    desc->help = arena_copy(&samples->memory, help, strlen(help));
    return desc->name && desc->help ? desc : NULL;
}

bool samples_emit(struct samples *samples, cprom_scrape *out)
{
    bool taken = true;
    for (const struct sample *sample = samples->first; sample; sample = sample->next) {
        const char *values[CPROM_LABELS_MAX], *at = sample->key;
        for (size_t i = 0; i < sample->n_values; i++, at += strlen(at) + 1) values[i] = at;
        cprom_status status = cprom_emit(out, sample->desc, (cprom_strs){values, sample->n_values}, sample->value);
        taken = status == CPROM_OK && taken;
    }
    lookup_free(&samples->lookup);
    arena_free(&samples->memory);
    *samples = (struct samples){.first = NULL};
    return taken;
}
