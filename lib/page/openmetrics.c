/* The format OpenMetrics 1.0. */
#include "page/openmetrics.h"

#include <string.h>

#include "base/number.h"

static const char *openmetrics_type_name(const struct cprom__desc *desc)
{
    /* A counter's samples end in _total, an info's in _info. One that does not is passed on as it was found. */
    return *desc->kind->suffix && desc->base_len == desc->name_len ? desc->kind->bare_name : desc->kind->name;
}

static void openmetrics_put_keyword(struct cprom__sink *sink, const char *keyword, const struct cprom__desc *desc)
{
    cprom__put_string(sink, keyword);
    cprom__put(sink, desc->name, desc->base_len);
    cprom__put_string(sink, " ");
}

static void openmetrics_put_header(struct cprom__sink *sink, const struct cprom__desc *desc)
{
    if (desc->help && *desc->help) {
        openmetrics_put_keyword(sink, "# HELP ", desc);
        cprom__put_escaped(sink, desc->help, true);
        cprom__put_string(sink, "\n");
    }
    openmetrics_put_keyword(sink, "# TYPE ", desc);
    cprom__put_string(sink, openmetrics_type_name(desc));
    cprom__put_string(sink, "\n");
    if (desc->unit) {
        openmetrics_put_keyword(sink, "# UNIT ", desc);
        cprom__put_string(sink, desc->unit);
        cprom__put_string(sink, "\n");
    }
}

/* Milliseconds as seconds with three decimals. */
static void openmetrics_put_seconds(struct cprom__sink *sink, int64_t ms)
{
    char text[CPROM__NUMBER_MAX],
        decimals[4] = {'.', (char)('0' + ms % 1000 / 100), (char)('0' + ms % 100 / 10), (char)('0' + ms % 10)};
    cprom__put(sink, text, cprom__number_int(text, ms / 1000));
    cprom__put(sink, decimals, sizeof decimals);
}

static void openmetrics_put_line(struct cprom__sink *sink, const struct cprom__desc *desc,
                                 const struct cprom__sample_line *line)
{
    char text[CPROM__NUMBER_MAX];
    if (line->bound) cprom__put_series(sink, desc, line, line->bound->text, line->bound->openmetrics_len);
    else cprom__put_series(sink, desc, line, text, line->extra ? cprom__number_openmetrics(text, line->at) : 0);
    cprom__put(sink, text,
               line->is_count ? cprom__number_uint(text, line->count) : cprom__number_openmetrics(text, line->value));
    if (line->timestamp_ms >= 0) {
        cprom__put_string(sink, " ");
        openmetrics_put_seconds(sink, line->timestamp_ms);
    }
    if (line->exemplar) {
        cprom__put_string(sink, " # {");
        cprom__put(sink, line->exemplar->pairs, line->exemplar->len);
        cprom__put_string(sink, "} ");
        cprom__put(sink, text, cprom__number_openmetrics(text, line->exemplar->value));
        if (line->exemplar->timestamp_ms) {
            cprom__put_string(sink, " ");
            openmetrics_put_seconds(sink, line->exemplar->timestamp_ms);
        }
    }
    cprom__put_string(sink, "\n");
}

static const struct cprom__line_style openmetrics_style = {.put_header = openmetrics_put_header,
                                                           .put_line = openmetrics_put_line,
                                                           .number = cprom__number_openmetrics,
                                                           .sums_ascend = true,
                                                           .end = "# EOF\n"};

size_t cprom__openmetrics_encode(const struct cprom__snapshot *snapshot, bool created, struct cprom__cursor *cursor,
                                 char *buf, size_t cap)
{
    return cprom__lines_encode(snapshot, &openmetrics_style, created, cursor, buf, cap);
}
