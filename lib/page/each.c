/* Iterates over the series of one vector. */
#include "page/gather.h"

#include "base/unwind.h"

/* Unescapes the values of a series into `out`; there is room for as many bytes as the text has, and one more each. */
static void each_read_values(const struct cprom_vec *vec, const struct cprom_series *series, char *out,
                             const char **values)
{
    for (size_t i = 0; i < vec->desc->n_labels; i++) {
        values[i] = out;
        out = cprom__pair_unescape(out, cprom__desc_value(vec->desc, series->text, i));
        *out++ = '\0';
    }
}

static bool each_show(const struct cprom_vec *vec, const struct cprom__row *row, char *text, uint64_t *buckets,
                      bool (*each)(void *ctx, const cprom_view *view), void *ctx)
{
    const char *values[CPROM_LABELS_MAX];
    cprom_view view = {.values = {values, vec->desc->n_labels}};
    each_read_values(vec, row->series, text, values);
    for (const struct cprom__kind_sample *part = vec->desc->kind->samples; part->part; part++) {
        switch (part->part) {
        case CPROM__PART_VALUE: view.value = cprom__double(cprom__row_words(row)[0]); break;
        case CPROM__PART_ONE: view.value = 1; break;
        case CPROM__PART_STATES: view.states = cprom__row_words(row)[0]; break;
        case CPROM__PART_BUCKETS:
            view.n_buckets = vec->desc->n_bounds + 1;
            view.buckets = buckets;
            break;
        case CPROM__PART_SUM: view.sum = cprom__row_sum(row); break;
        case CPROM__PART_COUNT: view.count = cprom__row_count(row, buckets); break;
        case CPROM__PART_QUANTILES: /* of samples of collectors only */
        case CPROM__PART_NONE: break;
        }
    }
    return each(ctx, &view);
}

cprom_status cprom_vec_each(cprom_vec *vec, bool (*each)(void *ctx, const cprom_view *view), void *ctx)
{
    if (!vec || !each) return CPROM_EINVAL;
    cprom__cancellation_point();
    CPROM__UNCANCELLED;
    struct cprom__snapshot snapshot;
    cprom_status status = cprom__snapshot_take_vec(&snapshot, vec);
    if (status) return status;
    CPROM__AT_END(cprom__snapshot_drop) struct cprom__snapshot *taken = &snapshot;
    if (snapshot.n_groups) {
        const struct cprom__group *group = &snapshot.groups[0];
        size_t longest = 0;
        for (size_t i = 0; i < group->n_rows; i++) {
            if (group->rows[i].series->len > longest) longest = group->rows[i].series->len;
        }
        char *text = cprom__arena_alloc(&snapshot.memory, longest + CPROM_LABELS_MAX);
        uint64_t *buckets = cprom__arena_alloc(&snapshot.memory, (vec->desc->n_bounds + 1) * sizeof *buckets);
        if (!text || !buckets) status = CPROM_ENOMEM;
        for (size_t i = 0; !status && i < group->n_rows; i++) {
            if (!each_show(vec, &group->rows[i], text, buckets, each, ctx)) break;
        }
    }
    return status;
}
