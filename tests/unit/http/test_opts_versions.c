#include "support/opts_versions.h"

#include <cprom/http.h>

/* What the handler answers: the status, its headers and the body. */
static void tell_response(cprom_http_handler *handler, const void *request, char *told, size_t cap)
{
    cprom_http_response *response;
    cprom_status status = cprom_http_handler_handle(handler, request, &response);
    assert_int_equal(response != NULL, status == CPROM_OK);
    if (!response) {
        ov_say(told, cap, status, "");
        return;
    }
    char text[OV_TEXT];
    const char *name, *value;
    size_t n = (size_t)snprintf(text, sizeof text, "%d ", cprom_http_response_status(response));
    for (size_t i = 0; cprom_http_response_header(response, i, &name, &value); i++) {
        n += (size_t)snprintf(text + n, sizeof text - n, "%s: %s; ", name, value);
    }
    n += (size_t)snprintf(text + n, sizeof text - n, "%s; ", cprom_http_response_must_close(response) ? "close" : "keep");
    n += cprom_http_response_body(response, text + n, sizeof text - n - 1);
    text[n] = '\0';
    ov_say(told, cap, status, text);
    cprom_http_response_free(response);
}

static cprom_http_request request_for(const char *target)
{
    cprom_http_request request = CPROM_INIT(cprom_http_request);
    request.method = "GET";
    request.target = target;
    return request;
}

static const cprom_http_handler_opts handler_opts = {
    .program = "p", .path = "/page", .timeout_seconds = 1, .max_scrapes = 1, .self_metrics = true,
    .no_gzip = true};

/* The page, asked for at the options' path, and the list of families, which names program and path. */
static void new_handler(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_http_handler *handler;
    cprom_status status = cprom_http_handler_new(registry, opts, &handler);
    assert_int_equal(handler != NULL, status == CPROM_OK);
    if (handler) {
        /* The self-metrics tell how long things took; their names are enough. */
        cprom_http_request page = request_for("/page?name[]=cprom_series"), index = request_for("/");
        tell_response(handler, &page, told, cap);
        size_t n = strlen(told);
        tell_response(handler, &index, told + n, cap - n);
    } else {
        ov_say(told, cap, status, "");
    }
    cprom_http_handler_free(handler);
}

static const cprom_http_request request = {.method = "GET",
    .target = "/metrics", .http_1_0 = true, .close = true, .accept = "application/openmetrics-text",
    .accept_encoding = "none", .scrape_timeout = "10", .authorization = "Basic x"};

static void handle(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_http_handler *handler;
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "H."), &gauge));
    assert_ok(cprom_http_handler_new(registry, NULL, &handler));
    tell_response(handler, opts, told, cap);
    cprom_http_handler_free(handler);
}

static void *begin(void *ctx) { return NULL; }
static bool feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made) { return true; }
static void end(void *state) {}
static int context;
static const cprom_http_coding coding = {.name = "x-none", .begin = begin, .feed = feed, .end = end, .ctx = &context};

static void add_coding(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_http_handler *handler;
    assert_ok(cprom_http_handler_new(registry, NULL, &handler));
    cprom_status status = cprom_http_handler_add_coding(handler, opts);
    ov_say(told, cap, status, cprom_status_string(cprom_http_handler_add_coding(handler, &(cprom_http_coding){
        .size = sizeof(cprom_http_coding), .name = "x-none", .begin = begin, .feed = feed, .end = end})));
    cprom_http_handler_free(handler);
}

static bool yes(void *ctx, const cprom_http_request *asked) { return true; }
/* At a port that is free, also where the address is missing: nothing may be said of it but the port. */
static const cprom_http_server_opts server_opts = {.address = "127.0.0.1:0",
    .authorize = yes, .authorize_ctx = &context, .threads = 1, .max_connections = 3, .max_header_bytes = 4096,
    .header_seconds = 1, .idle_seconds = 1, .stall_seconds = 1, .response_seconds = 1};

static void start_server(cprom_registry *registry, const void *opts, char *told, size_t cap)
{
    cprom_http_server *server;
    size_t size;
    memcpy(&size, opts, sizeof size);
    if (size >= sizeof size && (size < END_OF(cprom_http_server_opts, address) ||
                                !((const cprom_http_server_opts *)opts)->address)) {
        /* The default port may be somebody's. */
        ov_say(told, cap, CPROM_EBUSY, "not tried");
        return;
    }
    cprom_status status = cprom_http_server_start(registry, opts, &server);
    assert_int_equal(server != NULL, status == CPROM_OK);
    ov_say(told, cap, status, "");
    if (server) assert_ok(cprom_http_server_stop(server));
}

#define CASE(call, opts, type, last) {#call, call, &(opts), sizeof(type), END_OF(type, last)}
static const ov_case cases[] = {
    CASE(new_handler, handler_opts, cprom_http_handler_opts, size),
    CASE(handle, request, cprom_http_request, size),
    CASE(add_coding, coding, cprom_http_coding, end),
    CASE(start_server, server_opts, cprom_http_server_opts, address),
};

static void test_http_opts_of_an_older_header_have_defaults_for_what_they_lack(void **state)
{
    ov_check_older(cases, COUNT(cases));
}

static void test_http_opts_of_a_newer_header_work_while_what_is_new_is_zero(void **state)
{
    ov_check_newer(cases, COUNT(cases));
}

int group_opts_versions(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_http_opts_of_an_older_header_have_defaults_for_what_they_lack),
        cmocka_unit_test(test_http_opts_of_a_newer_header_work_while_what_is_new_is_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
