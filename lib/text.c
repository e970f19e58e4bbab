#include "text.h"

#include <math.h>
#include <string.h>

#include "names.h"
#include "number.h"

#define AHEAD 12u /* rows before its turn that a text is fetched into the cache */

/*
 * Where bytes go: the part of a unit that was read before is skipped, what does not fit is left for the next read. A
 * unit is made anew for each read that it spans, so that nothing but numbers is ever buffered.
 */
struct sink {
    char *out, *end;
    size_t skip;
    size_t made; /* bytes of the unit so far, also those that went nowhere */
};

static void put(struct sink *sink, const char *bytes, size_t len)
{
    sink->made += len;
    if (sink->skip >= len) {
        sink->skip -= len;
        return;
    }
    bytes += sink->skip;
    len -= sink->skip;
    sink->skip = 0;
    size_t room = (size_t)(sink->end - sink->out);
    if (len > room) len = room;
    memcpy(sink->out, bytes, len);
    sink->out += len;
}

static void put_string(struct sink *sink, const char *text) { put(sink, text, strlen(text)); }

static void put_double(struct sink *sink, double value)
{
    char text[CPROM__NUMBER_MAX];
    put(sink, text, cprom__number_double(text, value));
}

static const char *type_name(cprom_type type)
{
    static const char *const names[] = {"untyped", "counter", "gauge", "histogram", "summary"};
    return names[type];
}

static void put_header(struct sink *sink, const struct cprom__desc *desc)
{
    if (desc->help && *desc->help) {
        put_string(sink, "# HELP ");
        put(sink, desc->name, desc->name_len);
        put_string(sink, " ");
        for (const char *help = desc->help; *help;) {
            size_t plain = strcspn(help, "\\\n");
            put(sink, help, plain);
            help += plain;
            if (*help) put_string(sink, *help++ == '\n' ? "\\n" : "\\\\");
        }
        put_string(sink, "\n");
    }
    put_string(sink, "# TYPE ");
    put(sink, desc->name, desc->name_len);
    put_string(sink, " ");
    put_string(sink, type_name(desc->type));
    put_string(sink, "\n");
}

/* name suffix {text,extra="at"} */
static void put_series(struct sink *sink, const struct cprom__desc *desc, const char *suffix, const char *text,
                       size_t len, const char *extra, const char *at, size_t at_len)
{
    put(sink, desc->name, desc->name_len);
    put_string(sink, suffix);
    if (len || extra) {
        put_string(sink, "{");
        put(sink, text, len);
        if (extra) {
            if (len) put_string(sink, ",");
            put_string(sink, extra);
            put_string(sink, "=\"");
            put(sink, at, at_len);
            put_string(sink, "\"");
        }
        put_string(sink, "}");
    }
    put_string(sink, " ");
}

static void put_end(struct sink *sink, double value, int64_t timestamp_ms)
{
    put_double(sink, value);
    if (timestamp_ms >= 0) {
        char text[CPROM__NUMBER_MAX];
        put_string(sink, " ");
        put(sink, text, cprom__number_int(text, timestamp_ms));
    }
    put_string(sink, "\n");
}

/* Lines `n` and `n + 1` of a distribution with `n` lines for buckets or quantiles. */
static void put_sum_or_count(struct sink *sink, const struct cprom__desc *desc, const char *text, size_t len, bool count,
                             double value, int64_t timestamp_ms)
{
    put_series(sink, desc, count ? "_count" : "_sum", text, len, NULL, NULL, 0);
    put_end(sink, value, timestamp_ms);
}

/* One line of a row. Returns how many lines the row has. */
static size_t put_row(struct sink *sink, const struct cprom__desc *desc, const struct cprom__row *row,
                      const struct cprom__cursor *cursor)
{
    const char *text = row->series->text;
    size_t len = row->series->len, line = cursor->line, buckets = desc->n_bounds + 1;
    if (desc->type == CPROM_HISTOGRAM) {
        if (line < buckets) {
            const struct cprom__piece *le = &desc->le[line];
            put_series(sink, desc, "_bucket", text, len, "le", le->text, le->len);
            put_end(sink, (double)(cursor->total + row->buckets[line]), -1);
        } else {
            bool count = line > buckets;
            double value = count ? (double)cursor->total : cprom__double(row->buckets[buckets]);
            put_sum_or_count(sink, desc, text, len, count, value, -1);
        }
        return buckets + 2;
    }
    if (desc->type == CPROM_SUMMARY) {
        put_sum_or_count(sink, desc, text, len, line == 1,
                         line ? (double)row->buckets[0] : cprom__double(row->buckets[1]), -1);
        return 2;
    }
    put_series(sink, desc, "", text, len, NULL, NULL, 0);
    put_end(sink, row->value, -1);
    return 1;
}

/* The same for a sample of a collector. */
static size_t put_sample(struct sink *sink, const struct cprom__sample *sample, size_t line)
{
    const struct cprom__desc *desc = sample->desc;
    const struct cprom__distribution *dist = sample->distribution;
    if (!dist) {
        put_series(sink, desc, "", sample->text, sample->len, NULL, NULL, 0);
        put_end(sink, sample->value, sample->timestamp_ms);
        return 1;
    }
    bool histogram = desc->type == CPROM_HISTOGRAM;
    size_t lines = dist->n + histogram; /* with +Inf */
    if (line >= lines) {
        put_sum_or_count(sink, desc, sample->text, sample->len, line > lines, line > lines ? (double)dist->count : dist->sum,
                         sample->timestamp_ms);
        return lines + 2;
    }
    char at[CPROM__NUMBER_MAX];
    size_t at_len = cprom__number_double(at, line < dist->n ? dist->at[line] : (double)INFINITY);
    put_series(sink, desc, histogram ? "_bucket" : "", sample->text, sample->len, histogram ? "le" : "quantile", at, at_len);
    double value = !histogram ? dist->values[line] : (double)(line < dist->n ? dist->buckets[line] : dist->count);
    put_end(sink, value, sample->timestamp_ms);
    return lines + 2;
}

/*
 * Rows of counters and gauges that fit whole, which is nearly all of a large page: straight into the buffer. Returns
 * the byte behind.
 */
static char *put_plain_rows(const struct cprom__group *group, struct cprom__cursor *cursor, char *out, const char *end)
{
    const struct cprom__desc *desc = group->desc;
    size_t name_len = desc->name_len;
    for (; cursor->row <= group->n_rows; cursor->row++) {
        const struct cprom__row *row = &group->rows[cursor->row - 1];
        if (cursor->row + AHEAD < group->n_rows) {
            const char *text = group->rows[cursor->row - 1 + AHEAD].series->text;
            CPROM__PREFETCH(text - 16);
            CPROM__PREFETCH(text + 48);
        }
        size_t len = row->series->len;
        if ((size_t)(end - out) < name_len + len + CPROM__NUMBER_MAX + 4) break;
        memcpy(out, desc->name, name_len);
        out += name_len;
        if (len) {
            *out++ = '{';
            memcpy(out, row->series->text, len);
            out += len;
            *out++ = '}';
        }
        *out++ = ' ';
        out += cprom__number_double(out, row->value);
        *out++ = '\n';
    }
    return out;
}

static void next_row(const struct cprom__group *group, struct cprom__cursor *cursor)
{
    cursor->line = 0;
    cursor->total = 0;
    if (cursor->row++ == group->n_rows + group->n_samples) {
        cursor->row = 0;
        cursor->group++;
    }
}

/* Moves behind the unit that was just put. */
static void advance(const struct cprom__group *group, struct cprom__cursor *cursor, size_t lines)
{
    cursor->done = 0;
    if (cursor->row && group->n_rows && group->desc->type == CPROM_HISTOGRAM && cursor->line <= group->desc->n_bounds) {
        cursor->total += group->rows[cursor->row - 1].buckets[cursor->line];
    }
    if (++cursor->line >= lines) next_row(group, cursor);
}

size_t cprom__text_read(const struct cprom__snapshot *snapshot, struct cprom__cursor *cursor, char *buf, size_t cap)
{
    struct sink sink = {.out = buf, .end = buf + cap};
    while (cursor->group < snapshot->n_groups && sink.out < sink.end) {
        const struct cprom__group *group = &snapshot->groups[cursor->group];
        bool plain = group->n_rows && (group->desc->type == CPROM_COUNTER || group->desc->type == CPROM_GAUGE);
        if (plain && cursor->row && !cursor->done) {
            sink.out = put_plain_rows(group, cursor, sink.out, sink.end);
            if (cursor->row > group->n_rows) {
                cursor->row--;
                next_row(group, cursor);
                continue;
            }
        }
        char *start = sink.out;
        sink.skip = cursor->done;
        sink.made = 0;
        size_t lines = 1;
        if (!cursor->row) put_header(&sink, group->desc);
        else if (group->n_rows) lines = put_row(&sink, group->desc, &group->rows[cursor->row - 1], cursor);
        else lines = put_sample(&sink, group->samples[cursor->row - 1], cursor->line);
        cursor->done += (size_t)(sink.out - start);
        if (cursor->done == sink.made) advance(group, cursor, lines);
    }
    return (size_t)(sink.out - buf);
}
