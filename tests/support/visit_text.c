#include "support/visit_text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/number.h"

struct text {
    char *bytes;
    size_t len, room;
    bool failed;
};

static void put(struct text *text, const char *bytes, size_t len)
{
    if (text->len + len > text->room) {
        size_t room = 2 * (text->len + len);
        char *grown = realloc(text->bytes, room);
        if (!grown) {
            text->failed = true;
            return;
        }
        text->bytes = grown;
        text->room = room;
    }
    if (len) memcpy(text->bytes + text->len, bytes, len);
    text->len += len;
}

static void put_string(struct text *text, const char *string) { put(text, string, strlen(string)); }

static void put_escaped(struct text *text, const char *bytes, size_t len, bool quotes)
{
    for (size_t i = 0; i < len; i++) {
        if (bytes[i] == '\n') put_string(text, "\\n");
        else if (bytes[i] == '\\') put_string(text, "\\\\");
        else if (bytes[i] == '"' && quotes) put_string(text, "\\\"");
        else put(text, bytes + i, 1);
    }
}

static void put_number(struct text *text, double value)
{
    char number[CPROM__NUMBER_MAX];
    put(text, number, cprom__number_double(number, value));
}

static bool family(void *ctx, const cprom_family_view *view)
{
    static const char *const types[] = {[CPROM_UNTYPED] = "untyped", [CPROM_COUNTER] = "counter",
                                        [CPROM_GAUGE] = "gauge", [CPROM_HISTOGRAM] = "histogram",
                                        [CPROM_SUMMARY] = "summary", [CPROM_INFO] = "gauge",
                                        [CPROM_STATESET] = "gauge", [CPROM_GAUGE_HISTOGRAM] = "histogram"};
    struct text *text = ctx;
    if (view->help && *view->help) {
        put_string(text, "# HELP ");
        put_string(text, view->name);
        put_string(text, " ");
        put_escaped(text, view->help, strlen(view->help), false);
        put_string(text, "\n");
    }
    put_string(text, "# TYPE ");
    put_string(text, view->name);
    put_string(text, " ");
    put_string(text, types[view->type]);
    put_string(text, "\n");
    return true;
}

static int compare(const cprom_pair *pair, const char *name)
{
    size_t len = strlen(name), common = pair->name_len < len ? pair->name_len : len;
    int order = memcmp(pair->name, name, common);
    return order ? order : pair->name_len < len ? -1 : pair->name_len > len;
}

static void put_pair(struct text *text, const char *name, size_t name_len, const char *value, size_t value_len, bool *any)
{
    put_string(text, *any ? "," : "{");
    *any = true;
    put(text, name, name_len);
    put_string(text, "=\"");
    put_escaped(text, value, value_len, true);
    put_string(text, "\"");
}

/* `extra`: one more label; behind the others, or where it sorts. */
static void put_line(struct text *text, const cprom_family_view *of, const cprom_sample_view *view, const char *suffix,
                     const char *extra, const char *extra_value, size_t extra_len, bool sorted, double value)
{
    bool any = false;
    put_string(text, of->name);
    put_string(text, suffix);
    for (size_t i = 0; i < view->n_labels; i++) {
        const cprom_pair *pair = &view->labels[i];
        if (extra && sorted && compare(pair, extra) > 0) {
            put_pair(text, extra, strlen(extra), extra_value, extra_len, &any);
            extra = NULL;
        }
        put_pair(text, pair->name, pair->name_len, pair->value, pair->value_len, &any);
    }
    if (extra) put_pair(text, extra, strlen(extra), extra_value, extra_len, &any);
    if (any) put_string(text, "}");
    put_string(text, " ");
    put_number(text, value);
    if (view->has_timestamp) {
        char timestamp[32];
        snprintf(timestamp, sizeof timestamp, " %lld", (long long)view->timestamp_ms);
        put_string(text, timestamp);
    }
    put_string(text, "\n");
}

static void put_at(struct text *text, const cprom_family_view *of, const cprom_sample_view *view, const char *suffix,
                   const char *name, double at, double value)
{
    char number[CPROM__NUMBER_MAX];
    put_line(text, of, view, suffix, name, number, cprom__number_double(number, at), false, value);
}

static bool sample(void *ctx, const cprom_family_view *of, const cprom_sample_view *view)
{
    struct text *text = ctx;
    switch (of->type) {
    case CPROM_HISTOGRAM:
    case CPROM_GAUGE_HISTOGRAM:
        for (size_t i = 0; i < view->n_buckets; i++) {
            put_at(text, of, view, "_bucket", "le", view->bounds[i], (double)view->buckets[i]);
        }
        break;
    case CPROM_SUMMARY:
        for (size_t i = 0; i < view->n_quantiles; i++) {
            put_at(text, of, view, "", "quantile", view->quantiles[i], view->quantile_values[i]);
        }
        break;
    case CPROM_STATESET:
        for (size_t i = 0; i < view->n_states; i++) {
            put_line(text, of, view, "", of->name, view->states[i], strlen(view->states[i]), true,
                     (double)(view->states_on >> i & 1));
        }
        return true;
    default: put_line(text, of, view, "", NULL, NULL, 0, false, view->value); return true;
    }
    put_line(text, of, view, "_sum", NULL, NULL, 0, false, view->sum);
    put_line(text, of, view, "_count", NULL, NULL, 0, false, (double)view->count);
    return true;
}

char *visit_text(cprom_page *page, size_t *len)
{
    struct text text = {.len = 0};
    cprom_visitor visitor = CPROM_INIT(cprom_visitor);
    visitor.family = family;
    visitor.sample = sample;
    visitor.ctx = &text;
    put(&text, "", 0);
    if (cprom_page_visit(page, &visitor) != CPROM_OK) text.failed = true;
    *len = text.len;
    put(&text, "", 1);
    if (!text.failed) return text.bytes;
    free(text.bytes);
    return NULL;
}
