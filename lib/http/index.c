/* The page at /, which links the others. */
#include "http/index.h"

#include <string.h>

#include "base/number.h"
#include "registry/families.h"

/* The page for people. Names of families need no escapes, since they are letters, digits, _ and :. */

static const char index_style[] =
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

struct index_sink {
    char *out; /* NULL: only the length counts */
    size_t len;
};

static void index_put_bytes(struct index_sink *sink, const char *bytes, size_t len)
{
    if (sink->out) memcpy(sink->out + sink->len, bytes, len);
    sink->len += len;
}

static void index_put(struct index_sink *sink, const char *text) { index_put_bytes(sink, text, strlen(text)); }

static void index_put_escaped(struct index_sink *sink, const char *text)
{
    while (*text) {
        size_t plain = strcspn(text, "&<>\"'");
        index_put_bytes(sink, text, plain);
        text += plain;
        switch (*text) {
        case '&': index_put(sink, "&amp;"); break;
        case '<': index_put(sink, "&lt;"); break;
        case '>': index_put(sink, "&gt;"); break;
        case '"': index_put(sink, "&quot;"); break;
        case '\'': index_put(sink, "&#39;"); break;
        default: return;
        }
        text++;
    }
}

static void index_put_number(struct index_sink *sink, size_t number)
{
    char text[CPROM__NUMBER_MAX];
    index_put_bytes(sink, text, cprom__number_uint(text, number));
}

static const char *index_type_name(cprom_type type)
{
    return type == CPROM_UNTYPED ? "untyped" : cprom__kind(type)->name;
}

/* ---- what is listed ---- */

/* One family, of however many registries. */
struct cprom__http_row {
    const struct cprom__desc *desc;
    size_t series;
    bool counted; /* a collector's series are known only when it runs */
};

/* What is left of one registry's list. */
struct index_rest {
    const struct cprom__family *next;
    size_t n;
};

/* Restores the heap, whose first is the one with the least name, after `at` changed. */
static void index_sink_down(struct index_rest *heap, size_t n, size_t at)
{
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        if (child + 1 < n && strcmp(heap[child + 1].next->desc->name, heap[child].next->desc->name) < 0) child++;
        if (strcmp(heap[at].next->desc->name, heap[child].next->desc->name) <= 0) return;
        struct index_rest moved = heap[at];
        heap[at] = heap[child];
        heap[child] = moved;
    }
}

static void index_add_row(struct cprom__http_index *index, const struct cprom__family *family)
{
    struct cprom__http_row *row = index->n ? &index->rows[index->n - 1] : NULL;
    if (!row || strcmp(row->desc->name, family->desc->name) != 0) {
        row = &index->rows[index->n++];
        *row = (struct cprom__http_row){.desc = family->desc, .counted = true};
    }
    if (family->vec) row->series += atomic_load_explicit(&family->vec->live, memory_order_relaxed);
    else row->counted = false;
}

cprom_status cprom__http_index_open(struct cprom__http_index *index, struct cprom_registry *registry)
{
    cprom_status status = cprom__snapshot_list(&index->tree, registry);
    if (status) return status;
    size_t n_families = 0, n_sources = 0, n = 0;
    for (const struct cprom__source *source = &index->tree.own; source; source = source->next) {
        n_families += source->families->n;
        n_sources++;
    }
    struct index_rest *heap = cprom__arena_alloc(&index->tree.memory, n_sources * sizeof *heap);
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): it was written to above */
    index->rows = cprom__arena_alloc(&index->tree.memory, n_families * sizeof *index->rows);
    index->n = 0;
    if (!heap || !index->rows) {
        cprom__snapshot_free(&index->tree);
        return CPROM_ENOMEM;
    }
    for (const struct cprom__source *source = &index->tree.own; source; source = source->next) {
        if (source->families->n) heap[n++] = (struct index_rest){source->families->v, source->families->n};
    }
    for (size_t i = n / 2; i--;) index_sink_down(heap, n, i);
    while (n) {
        index_add_row(index, heap->next++);
        if (!--heap->n) *heap = heap[--n];
        index_sink_down(heap, n, 0);
    }
    return CPROM_OK;
}

void cprom__http_index_close(struct cprom__http_index *index) { cprom__snapshot_free(&index->tree); }

/* ---- the page ---- */

static void index_put_row(struct index_sink *sink, const struct cprom__http_index *index,
                          const struct cprom__http_row *row)
{
    const struct cprom__desc *desc = row->desc;
    index_put(sink, "<tr><td><a href=\"");
    index_put_escaped(sink, index->path);
    index_put(sink, "?name%5B%5D=");
    index_put(sink, desc->name);
    index_put(sink, "\">");
    index_put(sink, desc->name);
    index_put(sink, "</a></td><td>");
    index_put(sink, index_type_name(desc->type));
    index_put(sink, "</td><td>");
    if (row->counted) index_put_number(sink, row->series);
    index_put(sink, "</td><td>");
    if (desc->help) index_put_escaped(sink, desc->help);
    index_put(sink, "</td></tr>\n");
}

/* Whether a collector before this one has its name and is named already. */
static bool index_was_named(const struct cprom__source *first, const struct cprom__collector *collector)
{
    for (const struct cprom__source *source = first; source; source = source->next) {
        for (size_t i = 0; i < source->families->n_collectors; i++) {
            const struct cprom__collector *other = source->families->collectors[i];
            size_t n;
            if (other == collector) return false;
            cprom__collector_families(other, &n);
            if (!n && strcmp(cprom__collector_name(other), cprom__collector_name(collector)) == 0) return true;
        }
    }
    return false;
}

/* Those that say what they have only when they run. */
static void index_put_unchecked(struct index_sink *sink, const struct cprom__source *first)
{
    bool any = false;
    for (const struct cprom__source *source = first; source; source = source->next) {
        for (size_t i = 0; i < source->families->n_collectors; i++) {
            const struct cprom__collector *collector = source->families->collectors[i];
            size_t n;
            cprom__collector_families(collector, &n);
            if (n || index_was_named(first, collector)) continue;
            index_put(sink, any ? ", " : "<p>Also what these collectors emit: ");
            index_put_escaped(sink, cprom__collector_name(collector));
            any = true;
        }
    }
    if (any) index_put(sink, "</p>\n");
}

size_t cprom__http_index(const struct cprom__http_index *index, char *out)
{
    struct index_sink sink = {out, 0};
    index_put(&sink, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                     "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>");
    index_put_escaped(&sink, index->program);
    index_put(&sink, ": metrics</title>\n<style>");
    index_put(&sink, index_style);
    index_put(&sink, "</style>\n</head>\n<body>\n<h1>");
    index_put_escaped(&sink, index->program);
    index_put(&sink, "</h1>\n<p><a href=\"");
    index_put_escaped(&sink, index->path);
    index_put(&sink, "\">Metrics</a></p>\n<table>\n"
                     "<thead><tr><th>Family</th><th>Type</th><th>Series</th><th>Help</th></tr></thead>\n<tbody>\n");
    for (size_t i = 0; i < index->n; i++) index_put_row(&sink, index, &index->rows[i]);
    index_put(&sink, "</tbody>\n</table>\n");
    index_put_unchecked(&sink, &index->tree.own);
    index_put(&sink, "</body>\n</html>\n");
    return sink.len;
}
