/* What is refused while an update is staged: counted and told. */
#include "update/refuse.h"

#include <string.h>

#include "base/number.h"
#include "base/utf8.h"

#define REFUSE_TOLD_MAX 8u /* of one update: others are only counted */
#define REFUSE_TEXT_MAX (CPROM__LINE_MAX / 4)

/* Counts it. Whether the log is to be told. */
static bool refuse_count(struct cprom_update *update)
{
    update->refused++;
    atomic_fetch_add_explicit(&update->registry->dropped[CPROM__DROP_INVALID], 1, memory_order_relaxed);
    if (!update->registry->log || update->told >= REFUSE_TOLD_MAX) return false;
    update->told++;
    return true;
}

static void refuse_add(struct cprom__line *line, const char *before, const char *text, const char *after)
{
    cprom__line_add(line, before);
    cprom__line_add_cut(line, text, strlen(text), REFUSE_TEXT_MAX);
    cprom__line_add(line, after);
}

static void refuse_begin(struct cprom__line *line, const struct cprom_vec *vec, const char *what)
{
    cprom__line_join(line, "update: ", what, (char *)NULL);
    if (vec) refuse_add(line, " of metric \"", vec->desc->name, "\"");
    cprom__line_add(line, " refused: ");
}

/* What EINVAL is about. */
static const char *refuse_invalid(const struct cprom_update *update, const struct cprom_vec *vec, const char *nothing)
{
    if (!vec) return nothing;
    return vec->registry == update->registry ? "the metric does not take the value"
                                             : "the metric belongs to another registry";
}

/* Which of the label values is wrong, and why. */
static void refuse_add_values(struct cprom__line *line, const struct cprom__desc *desc, const cprom_strs *values)
{
    if (values->n != desc->n_labels || !values->v) {
        cprom__line_add(line, "not as many label values as labels");
        return;
    }
    for (size_t i = 0; i < values->n; i++) {
        const char *value = values->v[i], *why = NULL;
        if (!value) {
            why = "is NULL";
        } else {
            size_t len = strlen(value);
            if (len > CPROM_VALUE_MAX) why = "is too long";
            else if (!cprom__is_utf8(value, len)) why = "is not UTF-8";
        }
        if (!why) continue;
        refuse_add(line, "the value of label \"", desc->labels[i], "\" ");
        if (value) refuse_add(line, "(\"", value, "\") ");
        cprom__line_add(line, why);
        return;
    }
}

cprom_status cprom__refuse_entry(struct cprom_update *update, const struct cprom_vec *vec, const cprom_strs *values,
                                 cprom_status status)
{
    struct cprom__line line;
    if (!refuse_count(update)) return status;
    refuse_begin(&line, vec, "an entry");
    if (status == CPROM_EINVAL) {
        cprom__line_add(&line, refuse_invalid(update, vec, values ? "no vector" : "no handle"));
    } else {
        refuse_add_values(&line, vec->desc, values);
    }
    cprom__log(update->registry, &line);
    return status;
}

cprom_status cprom__refuse_scope(struct cprom_update *update, const struct cprom_vec *vec, cprom_labels match,
                                 size_t wrong, cprom_status status)
{
    struct cprom__line line;
    if (!refuse_count(update)) return status;
    refuse_begin(&line, vec, "a replace scope");
    const cprom_label *label = match.v ? &match.v[wrong] : NULL;
    if (status == CPROM_EINVAL) {
        cprom__line_add(&line, refuse_invalid(update, vec, "no vector"));
    } else if (!label || !label->name) {
        cprom__line_add(&line, "a label has no name");
    } else {
        refuse_add(&line, "label \"", label->name, "\" ");
        if (label->value) refuse_add(&line, "(\"", label->value, "\") ");
        bool known = cprom__desc_label(vec->desc, label->name) < vec->desc->n_labels;
        cprom__line_add(&line, !label->value ? "has no value" : known ? "stands twice" : "is none of the metric's");
    }
    cprom__log(update->registry, &line);
    return status;
}

void cprom__refuse_rest(struct cprom_update *update)
{
    char number[CPROM__NUMBER_MAX];
    size_t more = update->refused - update->told;
    if (!more || !update->registry->log) return;
    update->told = update->refused;
    struct cprom__line line;
    cprom__line_join(&line, "update: ", (char *)NULL);
    cprom__line_add_bytes(&line, number, cprom__number_uint(number, more));
    cprom__line_add(&line, " more refused");
    cprom__log(update->registry, &line);
}
