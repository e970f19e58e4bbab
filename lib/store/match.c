/* What a removal or a scope asks for, resolved against one vector. */
#include "store/match.h"

#include <string.h>

#include "base/names.h"
#include "store/repair.h"

/* The value as it stands in texts; copied where that is not the caller's own. false: out of memory. */
static bool match_escape(struct cprom__match *match, size_t i, const char *value, bool copies)
{
    size_t len = strlen(value), escaped = cprom__escaped_len(value, len);
    match->value[i] = (struct cprom__piece){value, len};
    if (escaped == len && !copies) return true;
    char *copy = cprom__arena_alloc(&match->memory, escaped);
    if (!copy) return false;
    cprom__escape(copy, value, len);
    match->value[i] = (struct cprom__piece){copy, escaped};
    return true;
}

static bool match_take(struct cprom_vec *vec, struct cprom__match *match, size_t i, const char *value)
{
    struct cprom__repaired repaired;
    if (vec->bad_utf8 != CPROM_UTF8_REPAIR) return match_escape(match, i, value, false);
    if (cprom__repair(vec->registry, (cprom_strs){&value, 1}, &repaired) != CPROM_OK) return false;
    bool taken = match_escape(match, i, repaired.v[0], repaired.v[0] != value);
    cprom__repaired_free(&repaired);
    return taken;
}

cprom_status cprom__match_resolve(struct cprom_vec *vec, cprom_labels labels, struct cprom__match *match)
{
    const struct cprom__desc *desc = vec->desc;
    match->next = NULL;
    match->n = 0;
    for (; match->n < labels.n; match->n++) {
        const cprom_label *label = labels.v ? &labels.v[match->n] : NULL;
        if (!label || !label->name || !label->value) return CPROM_ELABELS;
        size_t index = cprom__desc_label(desc, label->name);
        if (index == desc->n_labels) return CPROM_ELABELS;
        for (size_t k = 0; k < match->n; k++) {
            if (match->label[k] == index) return CPROM_ELABELS;
        }
        match->label[match->n] = index;
    }
    cprom__arena_init(&match->memory, &vec->registry->allocator, 256);
    for (size_t i = 0; i < labels.n; i++) {
        if (match_take(vec, match, i, labels.v[i].value)) continue;
        cprom__arena_free(&match->memory);
        return CPROM_ENOMEM;
    }
    return CPROM_OK;
}

void cprom__match_free(struct cprom__match *match) { cprom__arena_free(&match->memory); }

bool cprom__match_has(const struct cprom__match *match, const struct cprom_series *series)
{
    for (size_t i = 0; i < match->n; i++) {
        struct cprom__piece value = cprom__desc_value(series->vec->desc, series->text, match->label[i]);
        if (!cprom__pair_equal(value, match->value[i])) return false;
    }
    return true;
}

bool cprom__match_any(const struct cprom__match *list, const struct cprom_series *series)
{
    while (list && !cprom__match_has(list, series)) list = list->next;
    return list != NULL;
}
