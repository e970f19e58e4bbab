/* The text format 0.0.4. */
#include "page/text.h"

#include "base/number.h"

static void text_put_header(struct cprom__sink *sink, const struct cprom__desc *desc)
{
    if (desc->help && *desc->help) {
        cprom__put_string(sink, "# HELP ");
        cprom__put(sink, desc->name, desc->name_len);
        cprom__put_string(sink, " ");
        cprom__put_escaped(sink, desc->help, false);
        cprom__put_string(sink, "\n");
    }
    cprom__put_string(sink, "# TYPE ");
    cprom__put(sink, desc->name, desc->name_len);
    cprom__put_string(sink, " ");
    cprom__put_string(sink, desc->kind->text_name);
    cprom__put_string(sink, "\n");
}

static void text_put_line(struct cprom__sink *sink, const struct cprom__desc *desc,
                          const struct cprom__sample_line *line)
{
    char text[CPROM__NUMBER_MAX];
    if (line->bound) cprom__put_series(sink, desc, line, line->bound->text, line->bound->len);
    else cprom__put_series(sink, desc, line, text, line->extra ? cprom__number_double(text, line->at) : 0);
    cprom__put(sink, text, cprom__number_double(text, line->is_count ? (double)line->count : line->value));
    if (line->timestamp_ms >= 0) {
        cprom__put_string(sink, " ");
        cprom__put(sink, text, cprom__number_int(text, line->timestamp_ms));
    }
    cprom__put_string(sink, "\n");
}

const struct cprom__line_style cprom__text_style = {.put_header = text_put_header,
                                                    .put_line = text_put_line,
                                                    .number = cprom__number_double,
                                                    .is_text = true,
                                                    .end = ""};

size_t cprom__text_encode(const struct cprom__snapshot *snapshot, bool created, struct cprom__cursor *cursor, char *buf,
                          size_t cap)
{
    (void)created; /* it has no words for that */
    return cprom__lines_encode(snapshot, &cprom__text_style, false, cursor, buf, cap);
}
