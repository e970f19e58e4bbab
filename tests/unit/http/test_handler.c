/* The handler's answers: what they are, how they are framed, and what they leave alone. */
#include <sched.h>
#include <time.h>

#include "oracle/http_read.h"

#define BODY_MAX 65536 /* at and above it a body is chunked */

static const char OPENMETRICS[] = "application/openmetrics-text;version=1.0.0";

/* The page as it should be, to be freed. */
static char *page_text(cprom_registry *registry, cprom_format format, size_t *len)
{
    cprom_page *page;
    assert_ok(cprom_page_open(registry, CPROM_OPTS(cprom_page_opts, .format = format), &page));
    size_t room = 1 << 16;
    char *text = malloc(room);
    *len = 0;
    for (size_t n; (n = cprom_page_read(page, text + *len, room - *len)) > 0;) {
        *len += n;
        if (*len == room) text = realloc(text, room *= 2);
    }
    cprom_page_close(page);
    return text;
}

static void assert_body(const hr_response *r, const char *text, size_t len)
{
    assert_int_equal(r->len, len);
    assert_memory_equal(r->body, text, len);
}

static uint64_t gathers(cprom_registry *registry)
{
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(registry, &stats));
    return stats.gathers;
}

static cprom_gauge_vec *gauges(cprom_registry *registry, const char *name, size_t n)
{
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(registry, OPTS(.name = name, .help = "G.", .labels = {"l"}), &vec));
    for (size_t i = 0; i < n; i++) {
        char value[32];
        snprintf(value, sizeof value, "value %zu", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), (double)i));
    }
    return vec;
}

/* One family, by which the page has this many bytes. */
static void page_of(cprom_registry *registry, size_t bytes)
{
    static const char frame[] = "# HELP g \n# TYPE g gauge\ng 0\n";
    size_t len = bytes - (sizeof frame - 1);
    char *help = malloc(len + 1);
    memset(help, 'h', len);
    help[len] = '\0';
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(registry, OPTS(.name = "g", .help = help), &gauge));
    free(help);
}

/* ---- the page ---- */

static void test_handle_metrics_gives_the_page_with_its_headers(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 3);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len;
    char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
    hr_response r = hr_get(handler, "/metrics");
    assert_int_equal(r.status, 200);
    assert_string_equal(hr_header(&r, "Content-Type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_string_equal(hr_header(&r, "Vary"), "Accept, Accept-Encoding");
    assert_string_equal(hr_header(&r, "Date"), "Tue, 14 Nov 2023 22:13:20 GMT");
    assert_true(r.has_length);
    assert_null(hr_header(&r, "Connection"));
    assert_int_equal(r.n_headers, 4);
    assert_body(&r, text, len);
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_handle_accept_chooses_the_format(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 3);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept = OPENMETRICS;
    size_t len;
    char *text = page_text(f->registry, CPROM_OPENMETRICS_1_0, &len);
    hr_response r = hr_ask(handler, &request);
    assert_string_equal(hr_header(&r, "Content-Type"), cprom_content_type(CPROM_OPENMETRICS_1_0));
    assert_body(&r, text, len);
    hr_free(&r);
    request.accept = "application/openmetrics-text";
    r = hr_ask(handler, &request);
    assert_string_equal(hr_header(&r, "Content-Type"), cprom_content_type(CPROM_OPENMETRICS_0_0_1));
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_handle_names_filter_the_page(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "a", 1);
    gauges(f->registry, "b", 1);
    gauges(f->registry, "c", 1);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    hr_response r = hr_get(handler, "/metrics?name%5B%5D=%63&x=y&name[]=a");
    assert_non_null(strstr(r.body, "\na{"));
    assert_null(strstr(r.body, "\nb{"));
    assert_non_null(strstr(r.body, "\nc{"));
    hr_free(&r);
    r = hr_get(handler, "/metrics?name[]=nobody");
    assert_int_equal(r.status, 200);
    assert_int_equal(r.len, 0);
    hr_free(&r);
    cprom_http_handler_free(handler);
}

/* Each way of taking gives the same body; `piece` bytes at a time. */
static void check_framing(ct_fixture *f, size_t bytes, bool chunked)
{
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len;
    char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
    assert_int_equal(len, bytes);
    cprom_http_request request = hr_request("GET", "/metrics");
    static const size_t pieces[] = {1, 7, 65536, SIZE_MAX};
    for (size_t i = 0; i < 4; i++) {
        size_t n;
        bool must_close;
        char *raw = hr_pull(hr_handle(handler, &request), pieces[i], &n, &must_close);
        hr_response r = hr_read(raw, n, "GET");
        assert_int_equal(r.chunked, chunked);
        assert_int_equal(r.chunks, chunked ? (bytes + BODY_MAX - 1) / BODY_MAX : 0);
        assert_false(must_close);
        assert_body(&r, text, len);
        hr_free(&r);
    }
    request.http_1_0 = true;
    hr_response r = hr_ask(handler, &request);
    assert_true(r.has_length);
    assert_body(&r, text, len);
    assert_string_equal(hr_header(&r, "Connection"), "keep-alive");
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_handle_page_of_each_size_is_framed_right(void **state)
{
    static const size_t sizes[] = {30, 65535, 65536, 65537, 131071, 131072, 131073, 300000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        ct_fixture *f = ct_fixture_new();
        page_of(f->registry, sizes[i]);
        check_framing(f, sizes[i], sizes[i] >= BODY_MAX);
        ct_fixture_free(f);
    }
}

static void test_handle_empty_page_has_length_zero(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    hr_response r = hr_get(handler, "/metrics");
    assert_int_equal(r.status, 200);
    assert_string_equal(hr_header(&r, "Content-Length"), "0");
    hr_free(&r);
    cprom_http_handler_free(handler);
}

static void test_handle_page_is_the_one_of_the_request(void **state)
{
    ct_fixture *f = *state;
    cprom_gauge_vec *vec = gauges(f->registry, "g", 5000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len, n;
    char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response *response = hr_handle(handler, &request);
    assert_ok(cprom_gauge_vec_clear(vec));
    char *raw = hr_pull(response, SIZE_MAX, &n, NULL);
    hr_response r = hr_read(raw, n, "GET");
    assert_body(&r, text, len);
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_handle_close_is_told_and_asked_for(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    static const char *const targets[] = {"/metrics", "/", "/nowhere"};
    for (int i = 0; i < 6; i++) {
        cprom_http_request request = hr_request("GET", targets[i % 3]);
        request.close = true;
        request.http_1_0 = i >= 3;
        size_t n;
        bool must_close;
        char *raw = hr_pull(hr_handle(handler, &request), SIZE_MAX, &n, &must_close);
        hr_response r = hr_read(raw, n, "GET");
        assert_string_equal(hr_header(&r, "Connection"), "close");
        assert_true(must_close);
        hr_free(&r);
    }
    cprom_http_handler_free(handler);
}

/* ---- everything else ---- */

static void test_handle_each_request_has_its_status_and_one_line(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, HANDLER_OPTS(.path = "/a/b"));
    static const struct {
        const char *method, *target;
        int status;
        const char *body;
    } cases[] = {
        {"GET", "/-/healthy", 200, "OK\n"},
        {"GET", "/-/healthy?x=y", 200, "OK\n"},
        {"GET", "/%2d/healthy", 200, "OK\n"},
        {"GET", "/metrics", 404, "Not Found: the metrics are at /a/b\n"},
        {"GET", "/a/b/", 404, "Not Found: the metrics are at /a/b\n"},
        {"GET", "/-/", 404, NULL},
        {"GET", "/favicon.ico", 404, NULL},
        {"POST", "/favicon.ico", 404, NULL},
        {"POST", "/a/b", 405, "Method Not Allowed: only GET and HEAD\n"},
        {"PUT", "/", 405, NULL},
        {"DELETE", "/-/healthy", 405, NULL},
        {"get", "/a/b", 405, NULL},
        {"GETS", "/a/b", 405, NULL},
        {"", "/a/b", 405, NULL},
        {"OPTIONS", "*", 400, NULL},
        {"GET", "", 400, "Bad Request: the method or the target is malformed\n"},
        {"GET", "a/b", 400, NULL},
        {"GET", "/a/b?%zz", 400, NULL},
        {"GET", "/a/%00b", 400, NULL},
        {"GET", "/a b", 400, NULL},
        {"GET", "ftp://h/a/b", 400, NULL},
        {NULL, "/a/b", 400, NULL},
        {"GET", NULL, 400, NULL},
        {"GET", "/a/b", 200, ""},
        {"GET", "/%61/b?", 200, ""},
        {"GET", "http://host/a/b", 200, ""},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cprom_http_request request = hr_request(cases[i].method, cases[i].target);
        hr_response r = hr_ask(handler, &request);
        assert_int_equal(r.status, cases[i].status);
        if (cases[i].body) assert_string_equal(r.body, cases[i].body);
        if (r.status >= 400) {
            assert_string_equal(hr_header(&r, "Content-Type"), "text/plain; charset=utf-8");
            assert_ptr_equal(strchr(r.body, '\n'), r.body + r.len - 1);
            assert_null(hr_header(&r, "Vary"));
        }
        const char *allow = hr_header(&r, "Allow");
        if (r.status == 405) assert_string_equal(allow, "GET, HEAD");
        else assert_null(allow);
        hr_free(&r);
    }
    cprom_http_handler_free(handler);
}

static cprom_status count_calls(void *ctx, cprom_scrape *out)
{
    ++*(int *)ctx;
    return CPROM_OK;
}

static void test_handle_head_has_the_headers_and_gathers_nothing(void **state)
{
    ct_fixture *f = *state;
    int calls = 0;
    add_collector(f->registry, "c", count_calls, &calls);
    gauges(f->registry, "g", 3);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    static const char *const targets[] = {"/metrics", "/", "/-/healthy", "/nowhere", "/%"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        cprom_http_request request = hr_request("HEAD", targets[i]);
        request.accept = OPENMETRICS;
        hr_response head = hr_ask(handler, &request);
        assert_int_equal(calls, 0);
        assert_int_equal(gathers(f->registry), 0);
        if (i) {
            request.method = "GET";
            hr_response get = hr_ask(handler, &request);
            assert_int_equal(head.status, get.status);
            assert_int_equal(head.n_headers, get.n_headers);
            for (size_t k = 0; k < head.n_headers; k++) assert_string_equal(head.values[k], get.values[k]);
            hr_free(&get);
        } else {
            assert_int_equal(head.status, 200);
            assert_string_equal(hr_header(&head, "Content-Type"), cprom_content_type(CPROM_OPENMETRICS_1_0));
            assert_string_equal(hr_header(&head, "Vary"), "Accept, Accept-Encoding");
            assert_false(head.has_length);
            assert_false(head.chunked);
        }
        hr_free(&head);
    }
    cprom_http_handler_free(handler);
}

static void test_handle_freed_registry_is_unavailable(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 5000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len, n;
    char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
    cprom_http_request get = hr_request("GET", "/metrics"), head = hr_request("HEAD", "/metrics");
    cprom_http_response *response = hr_handle(handler, &get);
    cprom_registry_free(f->registry);
    f->registry = NULL;
    hr_response r = hr_get(handler, "/metrics");
    assert_int_equal(r.status, 503);
    assert_string_equal(r.body, "Service Unavailable: the registry was freed\n");
    hr_free(&r);
    hr_assert_status(hr_ask(handler, &head), 503);
    hr_assert_status(hr_get(handler, "/"), 503);
    hr_assert_status(hr_get(handler, "/-/healthy"), 200);
    /* What was answered before stays, and outlives the handler, too. */
    cprom_http_handler_free(handler);
    char *raw = hr_pull(response, 1000, &n, NULL);
    r = hr_read(raw, n, "GET");
    assert_body(&r, text, len);
    hr_free(&r);
    free(text);
}

static void test_handle_abandoned_response_leaves_nothing(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 5000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    cprom_http_request request = hr_request("GET", "/metrics");
    const char *bytes;
    size_t n;
    for (size_t sent = 0; sent < 3; sent++) {
        cprom_http_response *response = hr_handle(handler, &request);
        for (size_t i = 0; i < sent; i++) {
            assert_true(cprom_http_response_next(response, &bytes, &n));
            cprom_http_response_sent(response, n);
        }
        cprom_http_response_free(response);
    }
    cprom_http_handler_free(handler); /* the fixture looks at what is left */
}

static void test_handle_too_many_scrapes_are_refused(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 1);
    cprom_http_handler *handler = hr_handler(f->registry, HANDLER_OPTS(.max_scrapes = 2));
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response *first = hr_handle(handler, &request), *second = hr_handle(handler, &request);
    hr_response r = hr_get(handler, "/metrics");
    assert_int_equal(r.status, 503);
    assert_string_equal(r.body, "Service Unavailable: too many scrapes at a time\n");
    hr_free(&r);
    hr_assert_status(hr_get(handler, "/"), 200);
    request.method = "HEAD";
    hr_assert_status(hr_ask(handler, &request), 200);
    cprom_http_response_free(first);
    hr_assert_status(hr_get(handler, "/metrics"), 200);
    hr_assert_status(hr_get(handler, "/metrics"), 200);
    cprom_http_response_free(second);
    cprom_http_handler_free(handler);
}

typedef struct timed {
    ct_clock *clock;
    int64_t takes;    /* ns */
    int64_t deadline; /* seen, relative to the scrape's beginning; -1: did not run */
    int64_t began;
} timed;

static cprom_status take_time(void *ctx, cprom_scrape *out)
{
    timed *t = ctx;
    t->deadline = cprom_scrape_deadline(out) == INT64_MAX ? INT64_MAX : cprom_scrape_deadline(out) - t->began;
    ct_clock_advance(t->clock, t->takes);
    return CPROM_OK;
}

static void test_handle_scrape_timeout_bounds_the_collectors(void **state)
{
    ct_fixture *f = *state;
    timed first = {.clock = &f->clock, .takes = INT64_C(1000000000)}, second = {.clock = &f->clock};
    add_collector(f->registry, "first", take_time, &first);
    add_collector(f->registry, "second", take_time, &second);
    static const struct {
        const char *header;
        double cap;
        int64_t deadline;
    } cases[] = {
        {NULL, 0, INT64_MAX},
        {"nonsense", 0, INT64_MAX},
        {"0", 0, INT64_MAX},
        {"10", 0, 9500000000},
        {"2", 0, 1800000000},
        {"1", 0, 900000000},
        {"0.000001", 0, 100000000},
        {"10", 1.5, 1500000000},
        {"1", 1.5, 900000000},
        {NULL, 1.5, 1500000000},
        {"99999999999999999999", 0, INT64_MAX},
        {"99999999999999999999", 3, 3000000000},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cprom_http_handler *handler =
            hr_handler(f->registry, HANDLER_OPTS(.timeout_seconds = cases[i].cap, .self_metrics = true));
        cprom_http_request request = hr_request("GET", "/metrics");
        request.scrape_timeout = cases[i].header;
        first.began = second.began = ct_clock_monotonic(&f->clock);
        first.deadline = second.deadline = -1;
        hr_response r = hr_ask(handler, &request);
        assert_int_equal(r.status, 200);
        assert_int_equal(first.deadline, cases[i].deadline);
        bool late = cases[i].deadline <= first.takes;
        assert_int_equal(second.deadline, late ? -1 : cases[i].deadline);
        assert_non_null(strstr(r.body, "cprom_collector_success{collector=\"first\"} 1\n"));
        assert_non_null(strstr(r.body, late ? "cprom_collector_success{collector=\"second\"} 0\n"
                                            : "cprom_collector_success{collector=\"second\"} 1\n"));
        hr_free(&r);
        cprom_http_handler_free(handler);
    }
}

/* Requests, each a second long by the first collector; the second one is late where the client is in a hurry. */
static void ask_often(cprom_http_handler *handler, int n, const char *const timeouts[2])
{
    cprom_http_request request = hr_request("GET", "/metrics");
    for (int i = 0; i < n; i++) {
        request.scrape_timeout = timeouts[i % 2];
        hr_response r = hr_ask(handler, &request);
        assert_int_equal(r.status, 200);
        hr_free(&r);
    }
}

static void test_handle_requests_cannot_fill_the_log(void **state)
{
    ct_fixture *f = *state;
    timed first = {.clock = &f->clock, .takes = INT64_C(1000000000)}, second = {.clock = &f->clock};
    add_collector(f->registry, "first", take_time, &first);
    add_collector(f->registry, "second", take_time, &second);
    cprom_http_handler *handler = hr_handler(f->registry, HANDLER_OPTS(.self_metrics = true));
    cprom_stats stats = {.size = sizeof stats};
    ask_often(handler, 1000, (const char *const[]){"0.000001", "0.000001"});
    assert_int_equal(ct_log_count(&f->log), 1); /* it lasts */
    assert_int_equal(ct_log_count_with(&f->log, "second", "deadline", NULL), 1);
    assert_ok(cprom_registry_stats(f->registry, &stats));
    assert_int_equal(stats.collector_failures, 1000);
    ask_often(handler, 1200, (const char *const[]){"10", "0.000001"}); /* it changes each time: once a minute */
    assert_int_equal(ct_log_count(&f->log), 1 + 1200 / 60);
    cprom_http_handler_free(handler);
}

static cprom_status ask_inside(void *ctx, cprom_scrape *out)
{
    hr_assert_status(hr_get(ctx, "/metrics"), 503);
    hr_assert_status(hr_get(ctx, "/"), 200);
    return CPROM_OK;
}

static void test_handle_inside_a_callback_is_unavailable(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    add_collector(f->registry, "c", ask_inside, handler);
    hr_assert_status(hr_get(handler, "/metrics"), 200);
    cprom_http_handler_free(handler);
}

/* ---- arguments ---- */

static void test_handler_new_bad_options_are_refused_with_a_line(void **state)
{
    ct_fixture *f = *state;
    static const char *const paths[] = {"",    "/",   "metrics", "/-/healthy", "/a b",
                                        "/a?", "/a#", "/%41",    "/\xc3\xa4",  "/\n"};
    cprom_http_handler *handler = (cprom_http_handler *)f;
    for (size_t i = 0; i < COUNT(paths); i++) {
        ct_log_clear(&f->log);
        assert_status(cprom_http_handler_new(f->registry, HANDLER_OPTS(.path = paths[i]), &handler), CPROM_EINVAL);
        assert_null(handler);
        assert_true(ct_log_has(&f->log, "handler refused", "path"));
    }
    assert_status(cprom_http_handler_new(f->registry, HANDLER_OPTS(.program = "\xff"), &handler), CPROM_EUTF8);
    assert_status(cprom_http_handler_new(f->registry, HANDLER_OPTS(.timeout_seconds = -1), &handler), CPROM_EINVAL);
    cprom_http_handler_opts opts = {0};
    assert_status(cprom_http_handler_new(f->registry, &opts, &handler), CPROM_EINVAL);
    assert_status(cprom_http_handler_new(NULL, NULL, &handler), CPROM_EINVAL);
    assert_null(handler);
    assert_status(cprom_http_handler_new(f->registry, NULL, NULL), CPROM_EINVAL);
    cprom_http_handler_free(NULL);
}

static void test_handle_bad_arguments_are_refused(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response *response = (cprom_http_response *)f;
    assert_status(cprom_http_handler_handle(NULL, &request, &response), CPROM_EINVAL);
    assert_null(response);
    assert_status(cprom_http_handler_handle(handler, NULL, &response), CPROM_EINVAL);
    assert_status(cprom_http_handler_handle(handler, &request, NULL), CPROM_EINVAL);
    request.size = 0;
    assert_status(cprom_http_handler_handle(handler, &request, &response), CPROM_EINVAL);
    /* A newer caller's request, and an older one's. */
    struct {
        cprom_http_request request;
        const char *more;
    } longer = {hr_request("GET", "/metrics"), NULL};
    longer.request.size = sizeof longer;
    hr_assert_status(hr_ask(handler, &longer.request), 200);
    longer.more = "x";
    assert_status(cprom_http_handler_handle(handler, &longer.request, &response), CPROM_EINVAL);
    longer.request.size = offsetof(cprom_http_request, accept);
    hr_assert_status(hr_ask(handler, &longer.request), 200);
    cprom_http_handler_free(handler);

    const char *bytes = "x";
    size_t n = 1;
    uint64_t length = 1;
    assert_false(cprom_http_response_next(NULL, &bytes, &n));
    assert_null(bytes);
    assert_int_equal(n, 0);
    cprom_http_response_sent(NULL, 1);
    assert_true(cprom_http_response_must_close(NULL));
    assert_int_equal(cprom_http_response_status(NULL), 0);
    assert_false(cprom_http_response_header(NULL, 0, &bytes, NULL));
    assert_false(cprom_http_response_length(NULL, &length));
    assert_int_equal(cprom_http_response_body(NULL, (char[1]){0}, 1), 0);
    cprom_http_response_free(NULL);
}

/* ---- parts ---- */

static void test_response_parts_are_those_of_the_bytes(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 10000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    static const char *const targets[] = {"/metrics", "/metrics?name[]=nobody", "/", "/nowhere"};
    for (int i = 0; i < 16; i++) {
        cprom_http_request request = hr_request(i < 8 ? "GET" : "HEAD", targets[i % 4]);
        request.http_1_0 = i % 8 >= 4;
        hr_response r = hr_ask(handler, &request);
        cprom_http_response *response = hr_handle(handler, &request);
        assert_int_equal(cprom_http_response_status(response), r.status);
        const char *name, *value;
        size_t n = 0;
        for (; cprom_http_response_header(response, n, &name, &value); n++) {
            assert_string_equal(hr_header(&r, name), value);
            assert_string_not_equal(name, "Content-Length");
        }
        assert_null(name);
        size_t framing = 1u + r.has_length + r.chunked + (hr_header(&r, "Connection") != NULL);
        assert_int_equal(n + framing, r.n_headers);
        uint64_t length = 1;
        assert_int_equal(cprom_http_response_length(response, &length), r.has_length);
        assert_int_equal(length, r.has_length ? strtoul(hr_header(&r, "Content-Length"), NULL, 10) : 0);
        char *body = malloc(r.len + 1000);
        size_t got = 0, piece = 777;
        for (size_t some; (some = cprom_http_response_body(response, body + got, piece)) > 0;) {
            assert_true(some == piece || got + some == r.len);
            got += some;
            piece = i % 2 ? 777 : 100000;
            if (piece > r.len + 1000 - got) piece = r.len + 1000 - got;
        }
        assert_int_equal(got, r.len);
        assert_memory_equal(body, r.body, r.len);
        /* One way or the other. */
        const char *bytes;
        if (i < 8) assert_false(cprom_http_response_next(response, &bytes, &n));
        cprom_http_response_free(response);
        response = hr_handle(handler, &request);
        assert_true(cprom_http_response_next(response, &bytes, &n));
        assert_int_equal(cprom_http_response_body(response, body, 1), 0);
        cprom_http_response_free(response);
        free(body);
        hr_free(&r);
    }
    cprom_http_handler_free(handler);
}

/* ---- memory and threads ---- */

static void test_handle_each_failed_allocation_costs_one_answer(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 100);
    add_collector(f->registry, "c", count_calls, &(int){0});
    cprom_http_handler *handler = hr_handler(f->registry, HANDLER_OPTS(.self_metrics = true));
    static const char *const targets[] = {"/metrics?name[]=g", "/metrics", "/", "/nowhere", "/-/healthy"};
    for (size_t i = 0; i < COUNT(targets); i++) {
        for (int on = 0; on < 2; on++) {
            hr_assert_status(hr_get(handler, targets[i]), i == 3 ? 404 : 200);
            size_t bytes = f->alloc.bytes, nth = 1;
            for (;; nth++) {
                ct_alloc_fail_at(&f->alloc, nth, on);
                cprom_http_request request = hr_request("GET", targets[i]);
                cprom_http_response *response;
                cprom_status status = cprom_http_handler_handle(handler, &request, &response);
                bool failed = f->alloc.failed > 0;
                ct_alloc_fail_at(&f->alloc, 0, false);
                if (status) {
                    assert_status(status, CPROM_ENOMEM);
                    assert_null(response);
                    assert_true(failed);
                } else {
                    size_t n;
                    char *raw = hr_pull(response, SIZE_MAX, &n, NULL);
                    hr_response r = hr_read(raw, n, "GET");
                    if (failed && r.status != 200) assert_string_equal(r.body, "Service Unavailable: out of memory\n");
                    assert_int_equal(r.status, failed && i < 3 ? 503 : i == 3 ? 404 : 200);
                    hr_free(&r);
                }
                assert_true(f->alloc.bytes <= bytes); /* what gathers keep may also shrink */
                if (!failed) break;
            }
            assert_true(nth > 1);
        }
    }
    hr_assert_status(hr_get(handler, "/metrics"), 200);
    cprom_http_handler_free(handler);
}

static void test_handler_new_each_failed_allocation_leaves_nothing(void **state)
{
    ct_fixture *f = *state;
    size_t len;
    free(page_text(f->registry, CPROM_TEXT_0_0_4, &len)); /* the list of families stays */
    size_t bytes = f->alloc.bytes;
    cprom_http_handler *handler;
    char path[3000] = "/";
    memset(path + 1, 'p', sizeof path - 2);
    size_t nth = 1;
    for (;; nth++) {
        ct_alloc_fail_at(&f->alloc, nth, false);
        cprom_status status =
            cprom_http_handler_new(f->registry, HANDLER_OPTS(.path = path, .program = path), &handler);
        if (!status) break;
        assert_status(status, CPROM_ENOMEM);
        assert_null(handler);
        assert_int_equal(f->alloc.bytes, bytes);
    }
    assert_true(nth > 2);
    ct_alloc_fail_at(&f->alloc, 0, false);
    hr_assert_status(hr_get(handler, path), 200);
    cprom_http_handler_free(handler);
    assert_int_equal(f->alloc.bytes, bytes);
}

static void test_handle_slow_reader_costs_the_snapshot_and_one_buffer(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 100000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len;
    free(page_text(f->registry, CPROM_TEXT_0_0_4, &len));
    size_t before = f->alloc.bytes;
    cprom_page *page;
    assert_ok(cprom_page_open(f->registry, NULL, &page));
    size_t snapshot = f->alloc.bytes - before;
    cprom_page_close(page);
    before = f->alloc.bytes;
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response *response = hr_handle(handler, &request);
    size_t most = 0;
    const char *bytes;
    for (size_t n, calls = 0; cprom_http_response_next(response, &bytes, &n); calls++) {
        if (f->alloc.bytes - before > most) most = f->alloc.bytes - before;
        if (calls > 20) assert_true(f->alloc.calls < 100); /* nothing is allocated on the way */
        else ct_alloc_fail_at(&f->alloc, 0, false);
        cprom_http_response_sent(response, n < 1000 ? n : 1000);
    }
    cprom_http_response_free(response);
    assert_true(len > 2000000);
    assert_in_range(most, snapshot, snapshot + BODY_MAX + 4096);
    cprom_http_handler_free(handler);
}

typedef struct client {
    cprom_http_handler *handler;
    const char *text;
    size_t len;
    size_t piece;
    _Atomic size_t *rounds;
} client;

static void *scrape_often(void *ctx)
{
    client *c = ctx;
    for (int i = 0; i < 50; i++) {
        cprom_http_request request = hr_request("GET", "/metrics");
        request.http_1_0 = i % 3 == 0;
        size_t n;
        char *raw = hr_pull(hr_handle(c->handler, &request), c->piece, &n, NULL);
        hr_response r = hr_read(raw, n, "GET");
        assert_body(&r, c->text, c->len);
        hr_free(&r);
        hr_assert_status(hr_get(c->handler, i % 2 ? "/" : "/-/healthy"), 200);
    }
    return NULL;
}

static void test_handle_threads_share_a_handler(void **state)
{
    ct_fixture *f = *state;
    gauges(f->registry, "g", 5000);
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    size_t len;
    char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
    pthread_t threads[4];
    client clients[4];
    for (size_t i = 0; i < 4; i++) {
        clients[i] = (client){handler, text, len, (size_t)3000 << i, NULL};
        assert_int_equal(pthread_create(&threads[i], NULL, scrape_often, &clients[i]), 0);
    }
    for (size_t i = 0; i < 4; i++) pthread_join(threads[i], NULL);
    cprom_http_handler_free(handler);
    free(text);
}

static void *scrape_until_gone(void *ctx)
{
    client *c = ctx;
    for (bool gone = false; !gone;) {
        hr_response r = hr_get(c->handler, "/metrics");
        gone = r.status == 503;
        if (!gone) assert_body(&r, c->text, c->len); /* as it was before the registry was freed */
        hr_free(&r);
        r = hr_get(c->handler, "/");
        assert_true(r.status == 200 || r.status == 503);
        hr_free(&r);
        atomic_fetch_add(c->rounds, 1);
    }
    return NULL;
}

static void test_handle_while_the_registry_is_freed_is_whole_or_unavailable(void **state)
{
    for (int round = 0; round < 20; round++) {
        ct_fixture *f = ct_fixture_new();
        gauges(f->registry, "g", 300);
        cprom_http_handler *handler = hr_handler(f->registry, NULL);
        size_t len;
        char *text = page_text(f->registry, CPROM_TEXT_0_0_4, &len);
        _Atomic size_t rounds = 0;
        client c = {handler, text, len, SIZE_MAX, &rounds};
        pthread_t threads[2];
        for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, scrape_until_gone, &c), 0);
        while (atomic_load(&rounds) < 2) sched_yield();
        cprom_registry_free(f->registry);
        f->registry = NULL;
        for (size_t i = 0; i < 2; i++) pthread_join(threads[i], NULL);
        cprom_http_handler_free(handler);
        free(text);
        ct_fixture_free(f);
    }
}

/* ---- date ---- */

static void test_response_date_is_that_of_the_c_library(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    /* Ends and beginnings of years and leap days, and all over what 64 bits of nanoseconds reach. */
    static const int64_t first[] = {0,         784111777,  951782399,  951782400,  951868799,
                                    951868800, 1709164800, 4107542399, 4107542400, 9223372035};
    for (size_t i = 0; i < 3000; i++) {
        int64_t seconds = i < 10 ? first[i] : (int64_t)(i * UINT64_C(2654435761) * 97 % UINT64_C(9223372036));
        atomic_store(&f->clock.wall, seconds * 1000000000);
        time_t now = (time_t)seconds;
        if (now != seconds) continue; /* the C library has 32 bits for it; this one does not ask it */
        struct tm tm;
        char expected[64];
        assert_non_null(gmtime_r(&now, &tm));
        strftime(expected, sizeof expected, "%a, %d %b %Y %H:%M:%S GMT", &tm);
        hr_response r = hr_get(handler, "/-/healthy");
        assert_string_equal(hr_header(&r, "Date"), expected);
        hr_free(&r);
    }
    atomic_store(&f->clock.wall, -1000000000);
    hr_response r = hr_get(handler, "/-/healthy");
    assert_null(hr_header(&r, "Date"));
    hr_free(&r);
    cprom_http_handler_free(handler);
}

int group_handler(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_handle_metrics_gives_the_page_with_its_headers),
        TEST(test_handle_accept_chooses_the_format),
        TEST(test_handle_names_filter_the_page),
        cmocka_unit_test(test_handle_page_of_each_size_is_framed_right),
        TEST(test_handle_empty_page_has_length_zero),
        TEST(test_handle_page_is_the_one_of_the_request),
        TEST(test_handle_close_is_told_and_asked_for),
        TEST(test_handle_each_request_has_its_status_and_one_line),
        TEST(test_handle_head_has_the_headers_and_gathers_nothing),
        TEST(test_handle_freed_registry_is_unavailable),
        TEST(test_handle_abandoned_response_leaves_nothing),
        TEST(test_handle_too_many_scrapes_are_refused),
        TEST(test_handle_scrape_timeout_bounds_the_collectors),
        TEST(test_handle_requests_cannot_fill_the_log),
        TEST(test_handle_inside_a_callback_is_unavailable),
        TEST(test_handler_new_bad_options_are_refused_with_a_line),
        TEST(test_handle_bad_arguments_are_refused),
        TEST(test_response_parts_are_those_of_the_bytes),
        TEST(test_handle_each_failed_allocation_costs_one_answer),
        TEST(test_handler_new_each_failed_allocation_leaves_nothing),
        TEST(test_handle_slow_reader_costs_the_snapshot_and_one_buffer),
        TEST(test_handle_threads_share_a_handler),
        cmocka_unit_test(test_handle_while_the_registry_is_freed_is_whole_or_unavailable),
        TEST(test_response_date_is_that_of_the_c_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
