/* From a snapshot to lines, in pieces of any size: what the text formats share. */
#include "page/lines.h"

#include <math.h>
#include <string.h>

#include "base/number.h"

#define LINES_AHEAD 12       /* rows before its turn that a text is fetched into the cache */
#define LINES_NAME_COPIED 48 /* bytes of a name that are copied for each row, if it has no more */

void cprom__put_series(struct cprom__sink *sink, const struct cprom__desc *desc, const struct cprom__sample_line *line,
                       const char *at, size_t at_len)
{
    cprom__put(sink, desc->name, line->name_len);
    cprom__put_string(sink, line->suffix);
    if (line->pairs_len || line->state || line->extra) {
        size_t before = line->state ? line->state_at : line->pairs_len;
        cprom__put_string(sink, "{");
        cprom__put(sink, line->pairs, before);
        if (line->state) {
            if (before) cprom__put_string(sink, ",");
            cprom__put(sink, line->state->text, line->state->len);
            if (!before && line->pairs_len) cprom__put_string(sink, ",");
            cprom__put(sink, line->pairs + before, line->pairs_len - before);
        }
        if (line->extra) {
            if (line->pairs_len) cprom__put_string(sink, ",");
            cprom__put_string(sink, line->extra);
            cprom__put_string(sink, "=\"");
            cprom__put(sink, at, at_len);
            cprom__put_string(sink, "\"");
        }
        cprom__put_string(sink, "}");
    }
    cprom__put_string(sink, " ");
}

/* How the lines are to look. */
struct lines_form {
    const struct cprom__line_style *style;
    bool created; /* with lines that say when a series began */
};

/* What a series or a sample of a collector has, for the parts that are several lines. */
struct lines_shape {
    size_t n_bounds; /* without +Inf */
    const double *bounds;
    size_t n_quantiles, n_states;
};

static size_t lines_count_lines(const struct lines_form *form, const struct cprom__kind *kind, enum cprom__part part,
                                const struct lines_shape *shape)
{
    switch (part) {
    case CPROM__PART_BUCKETS: return shape->n_bounds + 1;
    case CPROM__PART_QUANTILES: return shape->n_quantiles;
    case CPROM__PART_STATES: return shape->n_states;
    case CPROM__PART_SUM:
    case CPROM__PART_COUNT: /* neither stands where the sum could fall */
        return !(form->style->sums_ascend && kind->sum_ascends && shape->n_bounds && shape->bounds[0] < 0);
    case CPROM__PART_VALUE:
    case CPROM__PART_ONE:
    case CPROM__PART_NONE: break;
    }
    return 1;
}

/*
 * Which part of its kind line `number` is, and which line of that part, in `*number`; NULL: it is behind the last.
 * `*lines`: how many lines there are.
 */
static const struct cprom__kind_sample *lines_find_part(const struct lines_form *form, const struct cprom__kind *kind,
                                                        const struct lines_shape *shape, size_t *number, size_t *lines)
{
    const struct cprom__kind_sample *found = NULL;
    size_t wanted = *number;
    *lines = 0;
    for (const struct cprom__kind_sample *sample = kind->samples; sample->part; sample++) {
        size_t n = lines_count_lines(form, kind, sample->part, shape);
        if (wanted >= *lines && wanted - *lines < n) {
            found = sample;
            *number = wanted - *lines;
        }
        *lines += n;
    }
    return found;
}

static void lines_set_count(struct cprom__sample_line *line, uint64_t count)
{
    line->is_count = true;
    line->count = count;
}

/* What stands on one line of a row. Returns how many lines the row has. */
static size_t lines_describe_row(const struct lines_form *form, const struct cprom__row *row,
                                 const struct cprom__cursor *cursor, struct cprom__sample_line *line)
{
    const struct cprom_vec *vec = row->series->vec;
    const struct cprom__desc *desc = vec->desc;
    const uint64_t *words = cprom__row_words(row);
    struct lines_shape shape = {.n_bounds = desc->n_bounds, .bounds = desc->bounds, .n_states = desc->n_states};
    size_t number = cursor->line, lines;
    const struct cprom__kind_sample *sample = lines_find_part(form, desc->kind, &shape, &number, &lines);
    line->pairs = row->series->text;
    line->pairs_len = row->series->len;
    if (sample) line->suffix = form->style->is_text ? sample->text_suffix : sample->suffix;
    switch (sample ? sample->part : CPROM__PART_NONE) {
    case CPROM__PART_VALUE:
        line->value = cprom__double(words[0]);
        line->exemplar = cprom__row_exemplar(row, 0);
        break;
    case CPROM__PART_ONE: lines_set_count(line, 1); break;
    case CPROM__PART_STATES:
        line->state = &desc->states[number].pair;
        line->state_at = cprom__desc_state_at(desc, line->pairs);
        lines_set_count(line, words[0] >> desc->states[number].bit & 1);
        break;
    case CPROM__PART_BUCKETS:
        line->extra = desc->kind->label;
        line->bound = &desc->le[number];
        line->exemplar = cprom__row_exemplar(row, number);
        lines_set_count(line, cursor->total + words[number]);
        break;
    case CPROM__PART_SUM: line->value = cprom__row_sum(row); break;
    case CPROM__PART_COUNT:
        lines_set_count(line, cprom__kind_has(desc->kind, CPROM__PART_BUCKETS) ? cursor->total : words[0]);
        break;
    case CPROM__PART_QUANTILES: /* of samples of collectors only */
    case CPROM__PART_NONE: break;
    }
    if (!form->created || !vec->accumulates) return lines;
    if (cursor->line == lines) {
        line->name_len = desc->base_len;
        line->suffix = "_created";
        line->value = (double)*cprom__series_created(row->series) / 1e3;
    }
    return lines + 1;
}

/* The same for a sample of a collector. */
static size_t lines_describe_sample(const struct lines_form *form, const struct cprom__sample *sample, size_t number,
                                    struct cprom__sample_line *line)
{
    static const struct cprom__distribution none;
    const struct cprom__distribution *dist = sample->distribution ? sample->distribution : &none;
    const struct cprom__desc *desc = sample->desc;
    struct lines_shape shape = {.n_bounds = dist->n, .bounds = dist->at, .n_quantiles = dist->n};
    size_t lines;
    const struct cprom__kind_sample *part = lines_find_part(form, desc->kind, &shape, &number, &lines);
    line->pairs = sample->text;
    line->pairs_len = sample->len;
    line->value = sample->value;
    line->timestamp_ms = sample->timestamp_ms;
    if (part) line->suffix = form->style->is_text ? part->text_suffix : part->suffix;
    switch (part ? part->part : CPROM__PART_NONE) {
    case CPROM__PART_ONE:
        /* One that is not named so is a gauge. */
        if (desc->base_len < desc->name_len) lines_set_count(line, 1);
        break;
    case CPROM__PART_BUCKETS:
        line->extra = desc->kind->label;
        line->at = number < dist->n ? dist->at[number] : (double)INFINITY;
        lines_set_count(line, number < dist->n ? dist->buckets[number] : dist->count);
        break;
    case CPROM__PART_QUANTILES:
        line->extra = desc->kind->label;
        line->at = dist->at[number];
        line->value = dist->values[number];
        break;
    case CPROM__PART_SUM: line->value = dist->sum; break;
    case CPROM__PART_COUNT: lines_set_count(line, dist->count); break;
    case CPROM__PART_VALUE:
    case CPROM__PART_STATES: /* of instruments only */
    case CPROM__PART_NONE: break;
    }
    return lines;
}

/* What stands on the line at the cursor, and whose name it has. Returns how many lines the row has. */
static size_t lines_describe(const struct lines_form *form, const struct cprom__group *group,
                             const struct cprom__cursor *cursor, struct cprom__sample_line *line,
                             const struct cprom__desc **desc)
{
    const struct cprom__sample *sample = group->n_rows ? NULL : group->samples[cursor->row - 1];
    *desc = sample ? sample->desc : group->desc;
    *line = (struct cprom__sample_line){.name_len = (*desc)->name_len, .suffix = "", .timestamp_ms = -1};
    if (sample) return lines_describe_sample(form, sample, cursor->line, line);
    return lines_describe_row(form, &group->rows[cursor->row - 1], cursor, line);
}

/* The unit at the cursor. Returns how many units like this one the row has. */
static size_t lines_put_unit(struct cprom__sink *sink, const struct lines_form *form, const struct cprom__group *group,
                             const struct cprom__cursor *cursor)
{
    if (!cursor->row) {
        form->style->put_header(sink, group->desc);
        return 1;
    }
    struct cprom__sample_line line;
    const struct cprom__desc *desc;
    size_t lines = lines_describe(form, group, cursor, &line, &desc);
    form->style->put_line(sink, desc, &line);
    return lines;
}

/*
 * Rows of counters, gauges and infos that fit whole, which is nearly all of a large page: straight into the buffer.
 * Returns the byte behind.
 */
static char *lines_put_plain_rows(const struct lines_form *form, const struct cprom__group *group,
                                  struct cprom__cursor *cursor, char *out, const char *end)
{
    const struct cprom__row *row = &group->rows[cursor->row - 1], *behind = &group->rows[group->n_rows];
    size_t (*number)(char *, double) = form->style->number;
    const char *name = group->desc->name;
    size_t name_len = group->desc->name_len;
    /* A copy of a fixed size needs no call; what is too much of it is written over. */
    char start[LINES_NAME_COPIED] = {0};
    bool is_short = name_len <= sizeof start;
    size_t room = (is_short ? sizeof start : name_len) + CPROM__NUMBER_MAX + 4;
    if (is_short) memcpy(start, name, name_len);
    for (; row < behind; row++) {
        if (behind - row > LINES_AHEAD) {
            const char *text = row[LINES_AHEAD].series->text;
            CPROM__PREFETCH(text - 16);
            CPROM__PREFETCH(text + 48);
        }
        const struct cprom_series *series = row->series;
        size_t len = series->len;
        if ((size_t)(end - out) < room + len) break;
        if (is_short) memcpy(out, start, sizeof start);
        else memcpy(out, name, name_len);
        out += name_len;
        if (len) {
            *out = '{';
            memcpy(out + 1, series->text, len);
            out += len + 2;
            out[-1] = '}';
        }
        *out++ = ' ';
        out += number(out, row->value);
        *out++ = '\n';
    }
    cursor->row = (size_t)(row - group->rows) + 1;
    return out;
}

static void lines_next_row(const struct cprom__group *group, struct cprom__cursor *cursor)
{
    cursor->line = 0;
    cursor->total = 0;
    if (cursor->row++ == group->n_rows + group->n_samples) {
        cursor->row = 0;
        cursor->group++;
    }
}

/* Moves behind the unit that was just put. */
static void lines_advance(const struct cprom__group *group, struct cprom__cursor *cursor, size_t lines)
{
    if (cursor->row && group->n_rows && group->desc->kind->samples->part == CPROM__PART_BUCKETS) {
        const struct cprom__row *row = &group->rows[cursor->row - 1];
        if (cursor->line <= row->series->vec->desc->n_bounds) cursor->total += row->words[cursor->line];
    }
    if (++cursor->line >= lines) lines_next_row(group, cursor);
}

/* Whether each row is one line with the value that stands in it. An info is a float as a gauge only. */
static bool lines_is_plain(const struct lines_form *form, const struct cprom__group *group)
{
    const struct cprom__kind *kind = group->desc->kind;
    if (!group->n_rows || group->has_exemplars || (form->created && kind->accumulates)) return false;
    return kind->samples->part == CPROM__PART_VALUE || (kind->samples->part == CPROM__PART_ONE && form->style->is_text);
}

size_t cprom__lines_encode(const struct cprom__snapshot *snapshot, const struct cprom__line_style *style, bool created,
                           struct cprom__cursor *cursor, char *buf, size_t cap)
{
    const struct lines_form *form = &(struct lines_form){style, created};
    struct cprom__sink sink = {.out = buf, .end = buf + cap};
    while (cursor->group <= snapshot->n_groups && sink.out < sink.end) {
        bool at_end = cursor->group == snapshot->n_groups;
        const struct cprom__group *group = at_end ? NULL : &snapshot->groups[cursor->group];
        if (!at_end && group->continues && !cursor->row) cursor->row = 1;
        if (!at_end && cursor->row && !cursor->done && lines_is_plain(form, group)) {
            sink.out = lines_put_plain_rows(form, group, cursor, sink.out, sink.end);
            if (cursor->row > group->n_rows) {
                cursor->row--;
                lines_next_row(group, cursor);
                continue;
            }
        }
        char *start = sink.out;
        size_t lines = 1;
        sink.skip = cursor->done;
        sink.made = 0;
        if (at_end) cprom__put_string(&sink, form->style->end);
        else lines = lines_put_unit(&sink, form, group, cursor);
        cursor->done += (size_t)(sink.out - start);
        if (cursor->done < sink.made) break; /* the rest is for the next read */
        cursor->done = 0;
        if (at_end) cursor->group++;
        else lines_advance(group, cursor, lines);
    }
    return (size_t)(sink.out - buf);
}

bool cprom__lines_next(const struct cprom__snapshot *snapshot, const struct cprom__line_style *style,
                       struct cprom__cursor *cursor, struct cprom__sample_line *line, const struct cprom__desc **desc)
{
    const struct lines_form *form = &(struct lines_form){style, false};
    if (cursor->group == snapshot->n_groups) return false;
    if (!cursor->row) cursor->row = 1;
    const struct cprom__group *group = &snapshot->groups[cursor->group];
    lines_advance(group, cursor, lines_describe(form, group, cursor, line, desc));
    return true;
}
