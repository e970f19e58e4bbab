/* Label pairs in any order, for calls that take label values in the declared order. */
#include <string.h>

#include "store/series.h"

/* Label pairs in any order to values in the order of the declaration. */
static cprom_status labels_order_labels(struct cprom_vec *vec, cprom_labels labels, const char **values)
{
    const struct cprom__desc *desc = vec->desc;
    if (labels.n != desc->n_labels) return CPROM_ELABELS;
    memset(values, 0, CPROM_LABELS_MAX * sizeof *values);
    for (size_t i = 0; i < labels.n; i++) {
        if (!labels.v || !labels.v[i].name || !labels.v[i].value) return CPROM_ELABELS;
        size_t index = cprom__desc_label(desc, labels.v[i].name);
        if (index == desc->n_labels || values[index]) return CPROM_ELABELS;
        values[index] = labels.v[i].value;
    }
    return CPROM_OK;
}

cprom_series *cprom_vec_with_labels(cprom_vec *vec, cprom_labels labels)
{
    if (!vec) return NULL;
    const char *values[CPROM_LABELS_MAX];
    if (labels_order_labels(vec, labels, values) != CPROM_OK) {
        cprom__vec_drop(vec, CPROM__DROP_INVALID);
        return NULL;
    }
    return cprom_vec_with(vec, (cprom_strs){values, labels.n});
}

cprom_status cprom_vec_delete_labels(cprom_vec *vec, cprom_labels labels)
{
    if (!vec) return CPROM_EINVAL;
    const char *values[CPROM_LABELS_MAX];
    cprom_status status = labels_order_labels(vec, labels, values);
    return status ? status : cprom_vec_delete(vec, (cprom_strs){values, labels.n});
}
