/* Shows the families and samples of a page to a visitor. */
#include "page/visit.h"

#include "store/pairs.h"

#define VISIT_LABELS_MAX (CPROM_LABELS_MAX + CPROM_CONST_LABELS_MAX)

/* One visit. */
struct visit {
    const cprom_visitor *visitor;
    const struct cprom__visit_room *room;
    cprom_family_view family;
    cprom_pair pairs[VISIT_LABELS_MAX]; /* of the sample that is shown */
};

/* ---- labels ---- */

/* One of the two, as it is meant; `*out` moves behind what had to be written for it. */
static const char *visit_plain(struct cprom__piece piece, char **out, size_t *len)
{
    if (!memchr(piece.text, '\\', piece.len)) {
        *len = piece.len;
        return piece.text;
    }
    char *text = *out;
    *out = cprom__pair_unescape(text, piece);
    *len = (size_t)(*out - text);
    return text;
}

/* Returns how many there are. `out` has room for the text. */
static size_t visit_labels(const char *text, size_t len, cprom_pair *pairs, char *out)
{
    struct cprom__pairs at = {text, text + len};
    struct cprom__piece name;
    size_t n = 0;
    while (cprom__pairs_name(&at, &name)) {
        cprom_pair *pair = &pairs[n++];
        pair->name = visit_plain(name, &out, &pair->name_len);
        pair->value = visit_plain(cprom__pairs_value(&at), &out, &pair->value_len);
    }
    return n;
}

/* ---- samples ---- */

static bool visit_exemplar(struct visit *visit, const cprom_sample_view *sample, const struct cprom__exemplar *exemplar,
                           size_t bucket)
{
    cprom_pair pairs[CPROM__EXEMPLAR_POINTS_MAX]; /* each label has one at least */
    char text[4 * CPROM__EXEMPLAR_POINTS_MAX];
    cprom_exemplar_view view = {.size = sizeof view,
                                .labels = pairs,
                                .n_labels = visit_labels(exemplar->pairs, exemplar->len, pairs, text),
                                .value = exemplar->value,
                                .timestamp_ms = exemplar->timestamp_ms,
                                .bucket = bucket};
    return visit->visitor->exemplar(visit->visitor->ctx, &visit->family, sample, &view);
}

static bool visit_exemplars(struct visit *visit, const struct cprom__row *row, const cprom_sample_view *sample)
{
    for (unsigned i = 0; visit->visitor->exemplar && i < row->series->vec->n_exemplars; i++) {
        const struct cprom__exemplar *exemplar = cprom__row_exemplar(row, i);
        if (exemplar && !visit_exemplar(visit, sample, exemplar, i)) return false;
    }
    return true;
}

static bool visit_tell(struct visit *visit, const char *text, size_t len, cprom_sample_view *view)
{
    view->labels = visit->pairs;
    view->n_labels = visit_labels(text, len, visit->pairs, visit->room->text);
    return !visit->visitor->sample || visit->visitor->sample(visit->visitor->ctx, &visit->family, view);
}

static bool visit_row(struct visit *visit, const struct cprom__row *row)
{
    const struct cprom_series *series = row->series;
    const struct cprom__desc *desc = series->vec->desc;
    const uint64_t *words = cprom__row_words(row);
    const char *states[CPROM_STATES_MAX];
    cprom_sample_view view = {.size = sizeof view};
    if (series->vec->accumulates) {
        view.has_created = true;
        view.created_ms = *cprom__series_created(series);
    }
    for (const struct cprom__kind_sample *part = desc->kind->samples; part->part; part++) {
        switch (part->part) {
        case CPROM__PART_VALUE: view.value = cprom__double(words[0]); break;
        case CPROM__PART_ONE: view.value = 1; break;
        case CPROM__PART_STATES:
            view.states = states;
            view.n_states = desc->n_states;
            for (size_t i = 0; i < desc->n_states; i++) {
                states[i] = desc->states[i].name;
                view.states_on |= (words[0] >> desc->states[i].bit & 1) << i;
            }
            break;
        case CPROM__PART_BUCKETS:
            view.n_buckets = desc->n_bounds + 1;
            view.bounds = desc->bounds;
            view.buckets = visit->room->buckets;
            break;
        case CPROM__PART_SUM: view.sum = cprom__row_sum(row); break;
        case CPROM__PART_COUNT: view.count = cprom__row_count(row, visit->room->buckets); break;
        case CPROM__PART_QUANTILES: /* of samples of collectors only */
        case CPROM__PART_NONE: break;
        }
    }
    return visit_tell(visit, series->text, series->len, &view) && visit_exemplars(visit, row, &view);
}

static bool visit_sample(struct visit *visit, const struct cprom__sample *sample)
{
    const struct cprom__distribution *dist = sample->distribution;
    cprom_sample_view view = {.size = sizeof view, .value = sample->value};
    if (sample->timestamp_ms >= 0) {
        view.has_timestamp = true;
        view.timestamp_ms = sample->timestamp_ms;
    }
    if (dist) {
        view.count = dist->count;
        view.sum = dist->sum;
        if (dist->buckets) {
            view.n_buckets = dist->n + 1;
            view.bounds = dist->at;
            view.buckets = dist->buckets;
        } else {
            view.n_quantiles = dist->n;
            view.quantiles = dist->at;
            view.quantile_values = dist->values;
        }
    }
    return visit_tell(visit, sample->text, sample->len, &view);
}

/* ---- the page ---- */

static bool visit_group(struct visit *visit, const struct cprom__group *group)
{
    const struct cprom__desc *desc = group->desc;
    const cprom_visitor *visitor = visit->visitor;
    if (!group->continues) {
        visit->family = (cprom_family_view){.size = sizeof visit->family,
                                            .name = desc->name,
                                            .help = desc->help,
                                            .unit = desc->unit,
                                            .type = desc->type};
        if (visitor->family && !visitor->family(visitor->ctx, &visit->family)) return false;
    }
    /* What nobody looks at is not made. */
    bool rows = visitor->sample || (visitor->exemplar && group->has_exemplars), samples = visitor->sample;
    for (size_t i = 0; rows && i < group->n_rows; i++) {
        if (!visit_row(visit, &group->rows[i])) return false;
    }
    for (size_t i = 0; samples && i < group->n_samples; i++) {
        if (!visit_sample(visit, group->samples[i])) return false;
    }
    return true;
}

bool cprom__visit_reserve(struct cprom__snapshot *snapshot, struct cprom__visit_room *room)
{
    size_t text = snapshot->longest_escaped, buckets = 0;
    for (size_t i = 0; i < snapshot->n_groups; i++) {
        const struct cprom__group *group = &snapshot->groups[i];
        if (!group->n_rows) continue;
        const struct cprom_vec *vec = group->rows->series->vec;
        /* relaxed: who copied the rows has seen what made them. */
        size_t longest = atomic_load_explicit(&vec->longest_escaped, memory_order_relaxed);
        if (longest > text) text = longest;
        if (vec->n_cells > buckets) buckets = vec->n_cells;
    }
    *room = (struct cprom__visit_room){NULL, NULL};
    if (text && !(room->text = cprom__arena_alloc(&snapshot->memory, text))) return false;
    return !buckets || (room->buckets = cprom__arena_alloc(&snapshot->memory, buckets * sizeof *room->buckets));
}

void cprom__visit(const struct cprom__snapshot *snapshot, const struct cprom__visit_room *room,
                  const cprom_visitor *visitor)
{
    struct visit visit = {.visitor = visitor, .room = room};
    for (size_t i = 0; i < snapshot->n_groups; i++) {
        if (!visit_group(&visit, &snapshot->groups[i])) return;
    }
}
