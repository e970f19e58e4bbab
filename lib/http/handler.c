/* From a request to a response. */
#define _GNU_SOURCE /* program_invocation_short_name */

#include "http/handler.h"

#include <errno.h>
#include <string.h>

#include "base/opts.h"
#include "base/unwind.h"
#include "base/utf8.h"
#include "http/compress.h"
#include "http/index.h"
#include "http/negotiate.h"
#include "http/self.h"
#include "page/page.h"
#include "registry/hold.h"

#define HANDLER_HEALTHY "/-/healthy"
#define HANDLER_TIMEOUT_MIN 0.1 /* seconds; with a client's timeout that is shorter, no collector could begin in time */
#define HANDLER_MARGIN_MAX 0.5  /* seconds of a client's timeout that are kept for sending */

/* What the embedder offers; in the order of adding. */
struct handler_offer {
    struct handler_offer *next;
    cprom_http_coding coding;
};

struct cprom_http_handler {
    /* immutable once made, but for the offers */
    struct cprom_registry *registry; /* held */
    struct cprom__arena memory;      /* of all this */
    const char *program, *path;
    double timeout_seconds;
    size_t max_scrapes;
    bool self_metrics;
    bool gzip; /* the library's own is offered, behind all others */
    struct handler_offer *offers;

    _Atomic size_t refs; /* the user's, and each response */
    struct cprom__http_self self;
};

/* ---- life ---- */

static cprom_status handler_refuse(struct cprom_registry *registry, cprom_status status, const char *why)
{
    struct cprom__line line;
    cprom__line_join(&line, "http handler refused: ", why, (char *)NULL);
    cprom__log(registry, &line);
    return status;
}

static const char *handler_own_name(void)
{
#ifdef __GLIBC__
    const char *name = program_invocation_short_name;
    if (name && *name && cprom__is_utf8(name, strlen(name))) return name;
#endif
    return "Metrics";
}

/* In a target and in an HTML attribute the path stands as it is. */
static bool handler_is_path(const char *path)
{
    if (*path != '/' || !path[1] || strcmp(path, HANDLER_HEALTHY) == 0) return false;
    for (; *path; path++) {
        if (*path <= ' ' || *path > '~' || strchr("?#%", *path)) return false;
    }
    return true;
}

cprom_status cprom_http_handler_new(cprom_registry *registry, const cprom_http_handler_opts *opts,
                                    cprom_http_handler **out)
{
    cprom_http_handler_opts o = CPROM_INIT(cprom_http_handler_opts);
    if (out) *out = NULL;
    if (!registry || !out) return CPROM_EINVAL;
    if (opts && !cprom__opts_read(&o, sizeof o, opts)) {
        return handler_refuse(registry, CPROM_EINVAL, "size is not one that this library knows");
    }
    if (!o.program) o.program = handler_own_name();
    if (!o.path) o.path = "/metrics";
    if (!cprom__is_utf8(o.program, strlen(o.program)))
        return handler_refuse(registry, CPROM_EUTF8, "program is not UTF-8");
    if (!handler_is_path(o.path)) return handler_refuse(registry, CPROM_EINVAL, "path is not one for a page");
    if (!(o.timeout_seconds >= 0)) return handler_refuse(registry, CPROM_EINVAL, "timeout_seconds is negative or NaN");

    struct cprom__arena memory;
    cprom__arena_init(&memory, &registry->allocator, 1024);
    struct cprom_http_handler *handler = cprom__arena_alloc(&memory, sizeof *handler);
    const char *program = handler ? cprom__arena_copy(&memory, o.program, strlen(o.program)) : NULL;
    const char *path = program ? cprom__arena_copy(&memory, o.path, strlen(o.path)) : NULL;
    if (!path) {
        cprom__arena_free(&memory);
        return CPROM_ENOMEM;
    }
    memset(handler, 0, sizeof *handler);
    handler->registry = registry;
    handler->memory = memory;
    handler->program = program;
    handler->path = path;
    handler->timeout_seconds = o.timeout_seconds;
    handler->max_scrapes = o.max_scrapes;
    handler->self_metrics = o.self_metrics;
    handler->gzip = CPROM_GZIP && !o.no_gzip;
    atomic_init(&handler->refs, 1);
    cprom__registry_holder_ref(registry);
    *out = handler;
    return CPROM_OK;
}

static void handler_unref(struct cprom_http_handler *handler)
{
    /* acq_rel: who drops the last one sees what all others did before theirs. */
    if (atomic_fetch_sub_explicit(&handler->refs, 1, memory_order_acq_rel) != 1) return;
    struct cprom_registry *registry = handler->registry;
    struct cprom__arena memory = handler->memory; /* which the handler lies in */
    cprom__arena_free(&memory);
    cprom__registry_holder_unref(registry);
}

void cprom_http_handler_free(cprom_http_handler *handler)
{
    if (handler) handler_unref(handler);
}

cprom_status cprom_http_handler_add_coding(cprom_http_handler *handler, const cprom_http_coding *coding)
{
    cprom_http_coding c;
    if (!handler) return CPROM_EINVAL;
    struct cprom_registry *registry = handler->registry;
    if (!coding || !cprom__opts_read(&c, sizeof c, coding)) {
        return handler_refuse(registry, CPROM_EINVAL, "no coding, or its size is not one that this library knows");
    }
    /* RFC 9110: * stands for any coding, and identity for none. */
    if (!c.name || !cprom__http_is_token(c.name) || strlen(c.name) > CPROM__HTTP_CODING_MAX ||
        cprom__http_weight("*, identity", c.name)) {
        return handler_refuse(registry, CPROM_EINVAL, "the coding's name is not one of a coding");
    }
    if (!c.begin || !c.feed || !c.end)
        return handler_refuse(registry, CPROM_EINVAL, "a function of the coding is missing");
    struct handler_offer **last = &handler->offers;
    for (; *last; last = &(*last)->next) {
        if (!cprom__http_weight((*last)->coding.name, c.name)) continue;
        return handler_refuse(registry, CPROM_EEXIST, "the coding is there already");
    }
    struct handler_offer *offer = cprom__arena_alloc(&handler->memory, sizeof *offer);
    c.name = offer ? cprom__arena_copy(&handler->memory, c.name, strlen(c.name)) : NULL;
    if (!c.name) return CPROM_ENOMEM;
    *offer = (struct handler_offer){NULL, c};
    *last = offer;
    return CPROM_OK;
}

/* ---- answers ---- */

/* Hands a response out that is finished but for this. */
static void handler_give(struct cprom_http_handler *handler, struct cprom_http_response *response)
{
    response->handler = handler;
    atomic_fetch_add_explicit(&handler->refs, 1, memory_order_relaxed);
    cprom__http_self_count(&handler->self, response->status);
}

/* A line: the status, its name, and why. NULL: out of memory. */
static struct cprom_http_response *handler_line(struct cprom_http_handler *handler, const cprom_http_request *request,
                                                int status, const char *why, const char *more)
{
    const char *reason = cprom__http_reason(status);
    const char *const parts[] = {reason, *why ? ": " : "", why, more, "\n"};
    size_t len = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) len += strlen(parts[i]);
    struct cprom_http_response *response = cprom__http_response_new(handler->registry, request, status, len, false);
    if (!response) return NULL;
    char *out = response->body;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t n = strlen(parts[i]);
        memcpy(out, parts[i], n);
        out += n;
    }
    cprom__http_response_add(response, "Content-Type", "text/plain; charset=utf-8");
    cprom__http_response_whole(response, len);
    return response;
}

static bool handler_is_gone(const struct cprom_http_handler *handler)
{
    /* acquire: pairs with the release in cprom_registry_free(), which comes before anything dies. */
    return atomic_load_explicit(&handler->registry->gone, memory_order_acquire);
}

static struct cprom_http_response *handler_gone(struct cprom_http_handler *handler, const cprom_http_request *request)
{
    return handler_line(handler, request, 503, "the registry was freed", "");
}

static struct cprom_http_response *handler_index_page(struct cprom_http_handler *handler,
                                                      const cprom_http_request *request)
{
    struct cprom__http_index index = {.program = handler->program, .path = handler->path};
    cprom_status status = cprom__http_index_open(&index, handler->registry);
    if (status == CPROM_ENOENT) return handler_gone(handler, request);
    if (status) return handler_line(handler, request, 503, "out of memory", "");
    size_t len = cprom__http_index(&index, NULL);
    struct cprom_http_response *response = cprom__http_response_new(handler->registry, request, 200, len, false);
    if (response) {
        cprom__http_response_add(response, "Content-Type", "text/html; charset=utf-8");
        cprom__http_response_whole(response, cprom__http_index(&index, response->body));
    }
    cprom__http_index_close(&index);
    return response;
}

/* What was asked for, decoded. */
struct handler_wanted {
    cprom_format format;
    const cprom_http_coding *coding; /* the program's; NULL: none */
    bool gzip;                       /* the library's own */
    double timeout_seconds;
    const char **names; /* with their texts behind */
    size_t n_names;
    size_t bytes; /* of that memory */
    struct cprom__allocator *allocator;
    struct cprom__stop *stop; /* whether it is still wanted; NULL: it is */
};

/* Of those that the client likes as much, the first; the library's own is the last, so that the program's gzip wins. */
static void handler_choose_coding(const struct cprom_http_handler *handler, const char *accept_encoding,
                                  struct handler_wanted *wanted)
{
    uint32_t least = cprom__http_weight(accept_encoding, "identity");
    for (const struct handler_offer *offer = handler->offers; offer; offer = offer->next) {
        uint32_t weight = cprom__http_weight(accept_encoding, offer->coding.name);
        if (weight <= least) continue;
        wanted->coding = &offer->coding;
        least = weight;
    }
    wanted->gzip = handler->gzip && cprom__http_weight(accept_encoding, "gzip") > least;
    if (wanted->gzip) wanted->coding = NULL;
}

/* The client gives up when its timeout is over: what collectors may use is less by a tenth, half a second at most. */
static double handler_choose_timeout(const struct cprom_http_handler *handler, const char *scrape_timeout)
{
    double seconds = cprom__http_seconds(scrape_timeout), most = handler->timeout_seconds;
    if (!(seconds > 0)) return most;
    seconds -= seconds / 10 < HANDLER_MARGIN_MAX ? seconds / 10 : HANDLER_MARGIN_MAX;
    if (seconds < HANDLER_TIMEOUT_MIN) seconds = HANDLER_TIMEOUT_MIN;
    return most > 0 && most < seconds ? most : seconds;
}

static void handler_free_wanted(struct handler_wanted *wanted)
{
    cprom__release(wanted->allocator, wanted->names, wanted->bytes);
}

/* false: out of memory. */
static bool handler_read_wanted(struct cprom_http_handler *handler, const cprom_http_request *request,
                                const char *query, struct handler_wanted *wanted)
{
    wanted->format = cprom__http_format(request->accept);
    wanted->timeout_seconds = handler_choose_timeout(handler, request->scrape_timeout);
    handler_choose_coding(handler, request->accept_encoding, wanted);
    if (!*query) return true;
    size_t max = cprom__http_names_max(query), len = strlen(query); /* max <= len + 1 */
    if (len >= SIZE_MAX / (sizeof *wanted->names + 1)) return false;
    wanted->bytes = max * sizeof *wanted->names + len + 1;
    wanted->names = cprom__alloc(wanted->allocator, wanted->bytes);
    if (!wanted->names) return false;
    wanted->n_names = cprom__http_names(query, wanted->names, (char *)(wanted->names + max));
    return true;
}

static void handler_add_page_headers(struct cprom_http_response *response, const struct handler_wanted *wanted)
{
    cprom__http_response_add(response, "Content-Type", cprom_content_type(wanted->format));
    cprom__http_response_add(response, "Vary", "Accept, Accept-Encoding");
    const char *coding = cprom__http_response_coding(response);
    if (coding) cprom__http_response_add(response, "Content-Encoding", coding);
}

static void handler_drop_response(struct cprom_http_response **response)
{
    if (*response) cprom__http_response_destroy(*response);
}

/* Opens the page; where that cannot be, a 503 says why. NULL: not even that. */
static struct cprom_http_response *handler_open_page(struct cprom_http_handler *handler,
                                                     const cprom_http_request *request,
                                                     const struct handler_wanted *wanted)
{
    struct cprom_http_response *response =
        cprom__http_response_new(handler->registry, request, 200, CPROM__HTTP_BODY_MAX, wanted->coding != NULL);
    if (!response) return handler_line(handler, request, 503, "out of memory", "");
    CPROM__AT_END(handler_drop_response) struct cprom_http_response *unfinished = response;
    cprom_page_opts opts = CPROM_INIT(cprom_page_opts);
    opts.format = wanted->format;
    opts.names = wanted->names;
    opts.n_names = wanted->n_names;
    opts.timeout_seconds = wanted->timeout_seconds;
    opts.self_metrics = handler->self_metrics;
    struct cprom__self self = {cprom__http_self_emit, &handler->self};
    cprom_page *page;
    cprom_status status = cprom__page_open(handler->registry, &opts, wanted->stop, &self, &page);
    if (!status &&
        handler_is_gone(handler)) { /* freed meanwhile: the page may lack what was detached before it was copied */
        cprom_page_close(page);
        status = CPROM_ENOENT;
    }
    if (!status) {
        cprom__http_response_page(response, page, wanted->coding, wanted->gzip);
        handler_add_page_headers(response, wanted);
        unfinished = NULL;
        return response;
    }
    unfinished = NULL;
    cprom__http_response_destroy(response);
    if (status == CPROM_ENOENT) return handler_gone(handler, request);
    if (status == CPROM_ENOMEM) return handler_line(handler, request, 503, "out of memory", "");
    return handler_line(handler, request, 503, cprom_status_string(status), "");
}

static void handler_end_flight(_Atomic size_t **in_flight)
{
    if (*in_flight) atomic_fetch_sub_explicit(*in_flight, 1, memory_order_relaxed);
}

static struct cprom_http_response *handler_scrape(struct cprom_http_handler *handler, const cprom_http_request *request,
                                                  const struct handler_wanted *wanted)
{
    int64_t began = handler->self_metrics ? cprom__monotonic_now(handler->registry) : 0;
    size_t others = atomic_fetch_add_explicit(&handler->self.in_flight, 1, memory_order_relaxed);
    CPROM__AT_END(handler_end_flight) _Atomic size_t *in_flight = &handler->self.in_flight;
    struct cprom_http_response *response;
    if (handler->max_scrapes && others >= handler->max_scrapes) {
        response = handler_line(handler, request, 503, "too many scrapes at a time", "");
    } else {
        response = handler_open_page(handler, request, wanted);
    }
    if (response && response->page) {
        response->is_scrape = true;
        response->began = began;
        in_flight = NULL; /* until the response is freed */
    }
    return response;
}

/* What HEAD gets: the headers, and nothing is gathered. Whether the library would compress the page is not known without
 * it, so of Content-Encoding only the program's is told. */
static struct cprom_http_response *handler_page_head(struct cprom_http_handler *handler,
                                                     const cprom_http_request *request,
                                                     const struct handler_wanted *wanted)
{
    if (handler_is_gone(handler)) return handler_gone(handler, request);
    struct cprom_http_response *response = cprom__http_response_new(handler->registry, request, 200, 0, false);
    if (!response) return NULL;
    response->coding = wanted->coding;
    handler_add_page_headers(response, wanted);
    return response;
}

static struct cprom_http_response *handler_answer_page(struct cprom_http_handler *handler,
                                                       const cprom_http_request *request, const char *query,
                                                       struct cprom__stop *stop)
{
    CPROM__AT_END(handler_free_wanted) struct handler_wanted wanted = {.allocator = &handler->registry->allocator};
    if (!handler_read_wanted(handler, request, query, &wanted))
        return handler_line(handler, request, 503, "out of memory", "");
    wanted.stop = stop;
    bool is_head = strcmp(request->method, "HEAD") == 0;
    return is_head ? handler_page_head(handler, request, &wanted) : handler_scrape(handler, request, &wanted);
}

static struct cprom_http_response *handler_answer(struct cprom_http_handler *handler, const cprom_http_request *request,
                                                  struct cprom__stop *stop)
{
    struct cprom__http_target target;
    if (!request->method || !request->target || !cprom__http_target_read(request->target, &target)) {
        return handler_line(handler, request, 400, "the method or the target is malformed", "");
    }
    bool is_page = cprom__http_path_is(&target, handler->path), is_index = cprom__http_path_is(&target, "/");
    if (!is_page && !is_index && !cprom__http_path_is(&target, HANDLER_HEALTHY)) {
        return handler_line(handler, request, 404, "the metrics are at ", handler->path);
    }
    if (strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0) {
        struct cprom_http_response *response = handler_line(handler, request, 405, "only GET and HEAD", "");
        if (response) cprom__http_response_add(response, "Allow", "GET, HEAD");
        return response;
    }
    if (is_page) return handler_answer_page(handler, request, target.query, stop);
    if (is_index) return handler_index_page(handler, request);
    return handler_line(handler, request, 200, "", "");
}

cprom_status cprom__http_handle(cprom_http_handler *handler, const cprom_http_request *request,
                                struct cprom__stop *stop, cprom_http_response **out)
{
    cprom_http_request r;
    if (out) *out = NULL;
    if (!handler || !request || !out || !cprom__opts_read(&r, sizeof r, request)) return CPROM_EINVAL;
    struct cprom_http_response *response = handler_answer(handler, &r, stop);
    if (!response) return CPROM_ENOMEM;
    handler_give(handler, response);
    *out = response;
    return CPROM_OK;
}

cprom_status cprom_http_handler_handle(cprom_http_handler *handler, const cprom_http_request *request,
                                       cprom_http_response **out)
{
    cprom__cancellation_point();
    return cprom__http_handle(handler, request, NULL, out);
}

bool cprom__http_takes_long(const cprom_http_handler *handler, const char *method, const char *target)
{
    struct cprom__http_target read;
    if (strcmp(method, "GET") != 0 || !cprom__http_target_read(target, &read)) return false;
    return cprom__http_path_is(&read, handler->path) || cprom__http_path_is(&read, "/");
}

bool cprom__http_is_full(const cprom_http_handler *handler)
{
    return handler->max_scrapes &&
           atomic_load_explicit(&handler->self.in_flight, memory_order_relaxed) >= handler->max_scrapes;
}

cprom_status cprom__http_refuse(cprom_http_handler *handler, const cprom_http_request *request, int status,
                                cprom_http_response **out)
{
    *out = handler_line(handler, request, status, "", "");
    if (!*out) return CPROM_ENOMEM;
    if (status == 401) cprom__http_response_add(*out, "WWW-Authenticate", "Basic realm=\"metrics\"");
    handler_give(handler, *out);
    return CPROM_OK;
}

void cprom_http_response_free(cprom_http_response *response)
{
    if (!response) return;
    struct cprom_http_handler *handler = response->handler;
    if (response->is_scrape) {
        if (handler->self_metrics) {
            cprom__http_self_observe(&handler->self, cprom__monotonic_now(handler->registry) - response->began);
        }
        atomic_fetch_sub_explicit(&handler->self.in_flight, 1, memory_order_relaxed);
    }
    cprom__http_response_destroy(response);
    handler_unref(handler);
}
