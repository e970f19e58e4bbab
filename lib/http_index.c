#include <string.h>

#include "collector.h"
#include "http_handler.h"
#include "number.h"
#include "vec.h"

/* The page for people. Names of families need no escapes, since they are letters, digits, _ and :. */

static const char style[] =
    "body{margin:1em auto;max-width:70em;padding:0 1em;font:16px/1.4 sans-serif;color:#222;background:#fff}"
    "h1{font-size:1.4em;overflow-wrap:anywhere}"
    "table{border-collapse:collapse;width:100%}"
    "th,td{padding:.3em .8em .3em 0;text-align:left;vertical-align:top;border-bottom:1px solid #ddd}"
    "td:first-child,td:last-child{overflow-wrap:anywhere}"
    "td:last-child{white-space:pre-line}"
    "@media(max-width:45em){thead{display:none}tr{display:block;padding:.5em 0;border-bottom:1px solid #ddd}"
    "td{display:inline-block;padding:.1em 1em .1em 0;border:0}"
    "td:first-child,td:last-child{display:block}"
    "td:nth-child(3):not(:empty)::after{content:' series'}}";

struct sink {
    char *out; /* NULL: only the length counts */
    size_t len;
};

static void put_bytes(struct sink *sink, const char *bytes, size_t len)
{
    if (sink->out) memcpy(sink->out + sink->len, bytes, len);
    sink->len += len;
}

static void put(struct sink *sink, const char *text) { put_bytes(sink, text, strlen(text)); }

static void put_escaped(struct sink *sink, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "&<>\"'");
        put_bytes(sink, text, plain);
        text += plain;
        switch (*text) {
        case '&': put(sink, "&amp;"); break;
        case '<': put(sink, "&lt;"); break;
        case '>': put(sink, "&gt;"); break;
        case '"': put(sink, "&quot;"); break;
        case '\'': put(sink, "&#39;"); break;
        default: return;
        }
        text++;
    }
}

/* Numbers may be longer when they are written than when the length was asked for. */
static void put_number(struct sink *sink, size_t number)
{
    char text[CPROM__NUMBER_MAX];
    size_t len = cprom__number_uint(text, number);
    if (sink->out) put_bytes(sink, text, len);
    else sink->len += CPROM__NUMBER_MAX;
}

static const char *type_name(cprom_type type)
{
    switch (type) {
    case CPROM_COUNTER: return "counter";
    case CPROM_GAUGE: return "gauge";
    case CPROM_HISTOGRAM: return "histogram";
    case CPROM_SUMMARY: return "summary";
    case CPROM_INFO: return "info";
    case CPROM_STATESET: return "stateset";
    default: return "untyped";
    }
}

static void put_family(struct sink *sink, const struct cprom__http_index *index, const struct cprom__family *family)
{
    const struct cprom__desc *desc = family->desc;
    put(sink, "<tr><td><a href=\"");
    put_escaped(sink, index->path);
    put(sink, "?name%5B%5D=");
    put(sink, desc->name);
    put(sink, "\">");
    put(sink, desc->name);
    put(sink, "</a></td><td>");
    put(sink, type_name(desc->type));
    put(sink, "</td><td>");
    /* What a collector has is known when it runs. */
    if (family->vec) put_number(sink, atomic_load_explicit(&family->vec->live, memory_order_relaxed));
    put(sink, "</td><td>");
    if (desc->help) put_escaped(sink, desc->help);
    put(sink, "</td></tr>\n");
}

/* Those that say what they have only when they run. */
static void put_unchecked(struct sink *sink, const struct cprom__families *families)
{
    bool any = false;
    for (size_t i = 0; i < families->n_collectors; i++) {
        size_t n;
        cprom__collector_families(families->collectors[i], &n);
        if (n) continue;
        put(sink, any ? ", " : "<p>Also what these collectors emit: ");
        put_escaped(sink, cprom__collector_name(families->collectors[i]));
        any = true;
    }
    if (any) put(sink, "</p>\n");
}

size_t cprom__http_index(const struct cprom__http_index *index, char *out)
{
    struct sink sink = {out, 0};
    put(&sink, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    put_escaped(&sink, index->program);
    put(&sink, ": metrics</title>\n<style>");
    put(&sink, style);
    put(&sink, "</style>\n</head>\n<body>\n<h1>");
    put_escaped(&sink, index->program);
    put(&sink, "</h1>\n<p><a href=\"");
    put_escaped(&sink, index->path);
    put(&sink, "\">Metrics</a></p>\n<table>\n"
               "<thead><tr><th>Family</th><th>Type</th><th>Series</th><th>Help</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < index->families->n; i++) put_family(&sink, index, &index->families->v[i]);
    put(&sink, "</tbody>\n</table>\n");
    put_unchecked(&sink, index->families);
    put(&sink, "</body>\n</html>\n");
    return sink.len;
}
