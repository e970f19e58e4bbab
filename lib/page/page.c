/* A page: opened, read in pieces, closed. */
#include "page/page.h"

#include <string.h>

#include "base/opts.h"
#include "base/seconds.h"
#include "base/unwind.h"
#include "page/format.h"
#include "page/openmetrics.h"
#include "page/text.h"
#include "page/visit.h"

struct cprom_page {
    struct cprom__snapshot snapshot;
    cprom__format *encode;
    bool created;
    struct cprom__cursor cursor;
    struct cprom__visit_room visit_room;
};

/* 0.0.1 is what scrapers called OpenMetrics before 1.0; the page is the same. */
static const struct {
    const char *content_type;
    cprom__format *encode;
} page_formats[] = {
    [CPROM_TEXT_0_0_4] = {"text/plain; version=0.0.4; charset=utf-8", cprom__text_encode},
    [CPROM_OPENMETRICS_0_0_1] = {"application/openmetrics-text; version=0.0.1; charset=utf-8",
                                 cprom__openmetrics_encode},
    [CPROM_OPENMETRICS_1_0] = {"application/openmetrics-text; version=1.0.0; charset=utf-8", cprom__openmetrics_encode},
};

static bool page_is_format(cprom_format format)
{
    return (unsigned)format < sizeof page_formats / sizeof *page_formats;
}

const char *cprom_content_type(cprom_format format)
{
    return page_formats[page_is_format(format) ? format : CPROM_TEXT_0_0_4].content_type;
}

static int64_t page_deadline_of(struct cprom_registry *registry, double timeout_seconds)
{
    if (!(timeout_seconds > 0) || timeout_seconds > CPROM__SECONDS_MAX) return INT64_MAX;
    return cprom__monotonic_now(registry) + cprom__nanoseconds(timeout_seconds);
}

static cprom_status page_refuse(struct cprom_registry *registry, const char *why)
{
    struct cprom__line line;
    cprom__line_join(&line, "page refused: ", why, (char *)NULL);
    cprom__log(registry, &line);
    return CPROM_EINVAL;
}

/* What goes where the page does not come about. */
struct page_unfinished {
    struct cprom_registry *registry; /* a reference */
    struct cprom_page *page;
};

static void page_give_up(struct page_unfinished *unfinished)
{
    cprom__release(&unfinished->registry->allocator, unfinished->page, sizeof *unfinished->page);
    cprom__registry_unref(unfinished->registry);
}

cprom_status cprom_page_open(cprom_registry *registry, const cprom_page_opts *opts, cprom_page **out)
{
    static const struct cprom__self nobody = {NULL, NULL};
    cprom__cancellation_point();
    return cprom__page_open(registry, opts, NULL, &nobody, out);
}

cprom_status cprom__page_open(cprom_registry *registry, const cprom_page_opts *opts, struct cprom__stop *stop,
                              const struct cprom__self *self, cprom_page **out)
{
    cprom_page_opts o = CPROM_INIT(cprom_page_opts);
    if (out) *out = NULL;
    if (!registry || !out) return CPROM_EINVAL;
    if (opts && !cprom__opts_read(&o, sizeof o, opts)) {
        return page_refuse(registry, "size is not one that this library knows");
    }
    if (!page_is_format(o.format)) return page_refuse(registry, "format is unknown");
    if (o.n_names && !o.names) return page_refuse(registry, "names are missing");
    if (!(o.timeout_seconds >= 0)) return page_refuse(registry, "timeout_seconds is negative or NaN");
    struct cprom_page *page = cprom__alloc(&registry->allocator, sizeof *page);
    if (!page) return CPROM_ENOMEM;
    /* A callback may outlive cprom_registry_free(): then a snapshot that fails is the last to hold the registry. */
    cprom__registry_ref(registry);
    CPROM__AT_END(page_give_up) struct page_unfinished unfinished = {registry, page};
    struct cprom__filter filter = {o.names, o.n_names};
    int64_t deadline = page_deadline_of(registry, o.timeout_seconds);
    cprom_status status =
        cprom__snapshot_take(&page->snapshot, registry, &filter, deadline, stop, o.self_metrics ? self : NULL);
    if (!status && !cprom__visit_reserve(&page->snapshot, &page->visit_room)) {
        cprom__snapshot_free(&page->snapshot);
        status = CPROM_ENOMEM;
    }
    if (status) return status;
    unfinished.page = NULL;
    page->encode = page_formats[o.format].encode;
    page->created = o.created;
    memset(&page->cursor, 0, sizeof page->cursor);
    *out = page;
    return CPROM_OK;
}

void cprom__page_rewind(cprom_page *page) { memset(&page->cursor, 0, sizeof page->cursor); }

size_t cprom_page_read(cprom_page *page, char *buf, size_t cap)
{
    if (!page || !buf) return 0;
    /* Where somebody says that there is room without end, it is that of the address space. */
    size_t most = UINTPTR_MAX - (uintptr_t)buf < PTRDIFF_MAX ? (size_t)(UINTPTR_MAX - (uintptr_t)buf) : PTRDIFF_MAX;
    return page->encode(&page->snapshot, page->created, &page->cursor, buf, cap < most ? cap : most);
}

cprom_status cprom_page_visit(cprom_page *page, const cprom_visitor *visitor)
{
    cprom_visitor v = CPROM_INIT(cprom_visitor);
    if (!page || !visitor) return CPROM_EINVAL;
    if (!cprom__opts_read(&v, sizeof v, visitor)) {
        return page_refuse(page->snapshot.registry, "a visitor's size is not one that this library knows");
    }
    CPROM__UNCANCELLED;
    cprom__visit(&page->snapshot, &page->visit_room, &v);
    return CPROM_OK;
}

void cprom_page_close(cprom_page *page)
{
    if (!page) return;
    struct cprom_registry *registry = page->snapshot.registry;
    cprom__registry_ref(registry); /* it may be freed, and then goes with its last page */
    cprom__snapshot_free(&page->snapshot);
    cprom__release(&registry->allocator, page, sizeof *page);
    cprom__registry_unref(registry);
}

/* What stands before the text that cprom_registry_text() gives out. */
struct page_text {
    struct cprom_registry *registry;
    size_t bytes; /* of the whole */
    char text[];
};

static struct page_text *page_text_new(struct cprom_registry *registry, size_t room)
{
    struct page_text *text = cprom__alloc(&registry->allocator, sizeof *text + room);
    if (!text) return NULL;
    cprom__registry_ref(registry);
    text->registry = registry;
    text->bytes = sizeof *text + room;
    return text;
}

static void page_text_free(struct page_text *text)
{
    struct cprom_registry *registry = text->registry;
    cprom__release(&registry->allocator, text, text->bytes);
    cprom__registry_unref(registry);
}

cprom_status cprom_registry_text(cprom_registry *registry, char **out, size_t *len)
{
    if (out) *out = NULL;
    if (len) *len = 0;
    if (!out) return CPROM_EINVAL;
    cprom_page *page;
    cprom_status status = cprom_page_open(registry, NULL, &page);
    if (status) return status;
    size_t room = 4096, used = 0;
    struct page_text *text = page_text_new(registry, room);
    while (text) {
        size_t n = cprom_page_read(page, text->text + used, room - 1 - used);
        used += n;
        if (used < room - 1) break;
        struct page_text *grown = room <= SIZE_MAX / 4 ? page_text_new(registry, room * 2) : NULL;
        if (grown) memcpy(grown->text, text->text, used);
        page_text_free(text);
        text = grown;
        room *= 2;
    }
    cprom_page_close(page);
    if (!text) return CPROM_ENOMEM;
    text->text[used] = '\0';
    *out = text->text;
    if (len) *len = used;
    return CPROM_OK;
}

void cprom_text_free(char *text)
{
    if (text) page_text_free((struct page_text *)(void *)(text - offsetof(struct page_text, text)));
}
