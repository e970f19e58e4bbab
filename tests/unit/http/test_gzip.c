/* The library's own gzip: who gets it, and that zlib unpacks from it the page that others get. */
#include "http/compress.h"
#include "oracle/http_read.h"
#include "support/http_running.h"

#if CPROM_GZIP
#include "page/gzip.h"

#ifdef CPROM_TEST_ZLIB
#include <zlib.h>
#endif

/* A coding of the program's that leaves everything as it is. */
static void *copy_begin(void *ctx) { return ctx; }
static void copy_end(void *state) {}

static bool copy_feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    if (!in) return true;
    *used = *made = n_in < n_out ? n_in : n_out;
    memcpy(out, in, *made);
    return false;
}

static void offer_copy(cprom_http_handler *handler, const char *name)
{
    static int something;
    cprom_http_coding coding = {sizeof coding, name, copy_begin, copy_feed, copy_end, &something};
    assert_ok(cprom_http_handler_add_coding(handler, &coding));
}

/* Gauges whose values are random, so that the packed page is large too. */
static void fill(cprom_registry *registry, size_t series)
{
    cprom_gauge_vec *vec;
    uint64_t seed = 7;
    assert_ok(cprom_gauge_vec_new(registry, FAMILY("g", .labels = {"l"}), &vec));
    for (size_t i = 0; i < series; i++) {
        char value[32];
        snprintf(value, sizeof value, "%zu", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), (double)(next_random(&seed) >> 11) * 0x1p-53));
    }
}

static cprom_http_request request_for(const char *accept_encoding)
{
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = accept_encoding;
    return request;
}

static hr_response ask_for(cprom_http_handler *handler, const char *accept_encoding)
{
    cprom_http_request request = request_for(accept_encoding);
    return hr_ask(handler, &request);
}

static void assert_header(const hr_response *r, const char *name, const char *value)
{
    const char *found = hr_header(r, name);
    if (value) assert_non_null(found);
    else assert_null(found);
    if (value) assert_string_equal(found, value);
}

static void assert_plain(const hr_response *r, const hr_response *plain)
{
    assert_int_equal(r->status, 200);
    assert_header(r, "Content-Encoding", NULL);
    assert_header(r, "Vary", "Accept, Accept-Encoding");
    assert_int_equal(r->len, plain->len);
    assert_memory_equal(r->body, plain->body, r->len);
}

static bool is_packed(const hr_response *r) { return r->len > 10 && memcmp(r->body, "\x1f\x8b\x08", 3) == 0; }

static void assert_packed(const hr_response *r)
{
    assert_int_equal(r->status, 200);
    assert_header(r, "Content-Encoding", "gzip");
    assert_header(r, "Vary", "Accept, Accept-Encoding");
    assert_true(is_packed(r));
}

static void test_gzip_is_for_who_likes_it_best_and_behind_what_the_program_added(void **state)
{
    cprom_registry *r = registry_of(state);
    fill(r, 100);
    cprom_http_handler *const handlers[] = {hr_handler(r, NULL), hr_handler(r, HANDLER_OPTS(.no_gzip = true)),
                                            hr_handler(r, NULL), hr_handler(r, NULL)};
    offer_copy(handlers[2], "GZip");
    offer_copy(handlers[3], "zstd");
    hr_response plain = hr_get(handlers[0], "/metrics");
    /* "gzip" is the library's; "GZip" and "zstd" are the program's. */
    static const struct {
        const char *accept, *expected[4];
    } cases[] = {
        {"gzip", {"gzip", NULL, "GZip", "gzip"}},
        {"GZIP", {"gzip", NULL, "GZip", "gzip"}},
        {"gzip, deflate, br", {"gzip", NULL, "GZip", "gzip"}},
        {"gzip;q=0.001", {"gzip", NULL, "GZip", "gzip"}},
        {"identity;q=0.4, gzip;q=0.5", {"gzip", NULL, "GZip", "gzip"}},
        {"*;q=0, gzip", {"gzip", NULL, "GZip", "gzip"}},
        {"gzip, zstd", {"gzip", NULL, "GZip", "zstd"}},
        {"gzip;q=0.5, zstd;q=0.6", {"gzip", NULL, "GZip", "zstd"}},
        {"gzip;q=0.6, zstd;q=0.5", {"gzip", NULL, "GZip", "gzip"}},
        {"zstd", {NULL, NULL, NULL, "zstd"}},
        {"gzip;q=0, zstd;q=0.1", {NULL, NULL, NULL, "zstd"}},
        {"zstd;q=0, gzip;q=0.1", {"gzip", NULL, "GZip", "gzip"}},
        {"gzip;q=0.5, identity;q=0.5", {NULL, NULL, NULL, NULL}},
        {"gzip;q=0", {NULL, NULL, NULL, NULL}},
        {"gzip;q=bad", {NULL, NULL, NULL, NULL}},
        {"identity", {NULL, NULL, NULL, NULL}},
        {"*", {NULL, NULL, NULL, NULL}},
        {"gzipped, x-gzip", {NULL, NULL, NULL, NULL}},
        {"", {NULL, NULL, NULL, NULL}},
        {NULL, {NULL, NULL, NULL, NULL}},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        for (size_t k = 0; k < COUNT(handlers); k++) {
            const char *expected = cases[i].expected[k];
            hr_response response = ask_for(handlers[k], cases[i].accept);
            assert_header(&response, "Content-Encoding", expected);
            assert_header(&response, "Vary", "Accept, Accept-Encoding");
            if (expected && strcmp(expected, "gzip") == 0) assert_true(is_packed(&response));
            else assert_string_equal(response.body, plain.body);
            hr_free(&response);
        }
    }
    hr_free(&plain);
    for (size_t k = 0; k < COUNT(handlers); k++) cprom_http_handler_free(handlers[k]);
}

static void test_gzip_is_for_the_page_only(void **state)
{
    cprom_registry *r = registry_of(state);
    static const char *const targets[] = {"/", "/-/healthy", "/nothing"};
    fill(r, 100);
    cprom_http_handler *handler = hr_handler(r, NULL);
    for (size_t i = 0; i < COUNT(targets); i++) {
        cprom_http_request request = request_for("gzip");
        request.target = targets[i];
        hr_response response = hr_ask(handler, &request);
        assert_header(&response, "Content-Encoding", NULL);
        assert_false(is_packed(&response));
        hr_free(&response);
    }
    cprom_http_handler_free(handler);
}

/* How large the page would be is not known: what depends on it is not told. */
static void test_gzip_of_head_is_not_told(void **state)
{
    TESTS_BEGIN;
    fill(r, 100);
    cprom_http_handler *handler = hr_handler(r, NULL);
    cprom_http_request request = request_for("gzip");
    request.method = "HEAD";
    size_t bytes = fixture->alloc.bytes;
    cprom_http_response *response = hr_handle(handler, &request);
    assert_true(fixture->alloc.bytes - bytes < 4096);
    cprom_http_response_free(response);
    hr_response head = hr_ask(handler, &request);
    assert_int_equal(head.status, 200);
    assert_header(&head, "Content-Encoding", NULL);
    assert_header(&head, "Content-Length", NULL);
    assert_header(&head, "Vary", "Accept, Accept-Encoding");
    hr_free(&head);
    cprom_http_handler_free(handler);
}

/* What the response takes beside the page. */
static size_t bytes_of_response(ct_fixture *fixture, cprom_http_handler *handler, const char *accept_encoding)
{
    cprom_http_request request = request_for(accept_encoding);
    size_t before = fixture->alloc.bytes;
    cprom_http_response *response = hr_handle(handler, &request);
    size_t bytes = fixture->alloc.bytes - before;
    cprom_http_response_free(response);
    assert_int_equal(fixture->alloc.bytes, before);
    return bytes;
}

static void test_gzip_is_for_pages_over_1_kib(void **state)
{
    static const size_t sizes[] = {0, 100, 1023, 1024, 1025, 1100, 2000};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        ct_fixture *fixture = ct_fixture_new();
        char help[2000] = "";
        cprom_gauge *gauge;
        /* "# HELP g ...\n# TYPE g gauge\ng 0\n" */
        if (sizes[i]) memset(help, 'x', sizes[i] - 29);
        if (sizes[i]) assert_ok(cprom_gauge_new(fixture->registry, OPTS(.name = "g", .help = help), &gauge));
        cprom_http_handler *handler = hr_handler(fixture->registry, NULL);
        hr_response plain = ask_for(handler, NULL), asked = ask_for(handler, "gzip");
        assert_int_equal(plain.len, sizes[i]);
        bool over = sizes[i] > 1024;
        if (over) assert_packed(&asked);
        else assert_plain(&asked, &plain);
        assert_true(!over || asked.len < plain.len);
        size_t more = bytes_of_response(fixture, handler, "gzip") - bytes_of_response(fixture, handler, NULL);
        assert_int_equal(more, over ? sizeof(struct cprom__gzip) : 0);
        hr_free(&plain);
        hr_free(&asked);
        cprom_http_handler_free(handler);
        ct_fixture_free(fixture);
    }
}

/* No memory for the encoder: the page goes as it is. No memory for what is needed: 503. */
static void test_gzip_out_of_memory_is_done_without(void **state)
{
    TESTS_BEGIN;
    fill(r, 100);
    cprom_http_handler *handler = hr_handler(r, NULL);
    hr_response plain = hr_get(handler, "/metrics");
    size_t without = 0;
    for (int http_1_0 = 0; http_1_0 < 2; http_1_0++) {
        for (size_t nth = 1;; nth++) {
            cprom_http_request request = request_for("gzip");
            request.http_1_0 = http_1_0;
            ct_alloc_fail_at(&fixture->alloc, nth, false);
            hr_response response = hr_ask(handler, &request);
            bool failed = fixture->alloc.failed > 0;
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            if (!failed) assert_packed(&response);
            else if (response.status == 200) assert_plain(&response, &plain);
            else assert_int_equal(response.status, 503);
            without += failed && response.status == 200;
            hr_free(&response);
            if (!failed) break;
            assert_true(nth < 100);
        }
        assert_int_equal(without, http_1_0 + 1);
    }
    hr_free(&plain);
    cprom_http_handler_free(handler);
}

/* The fixture sees to it that nothing is left. */
static void test_gzip_of_an_abandoned_response_is_given_back(void **state)
{
    cprom_registry *r = registry_of(state);
    size_t n;
    fill(r, 10000);
    cprom_http_handler *handler = hr_handler(r, NULL);
    cprom_http_request request = request_for("gzip");
    cprom_http_response *response = hr_handle(handler, &request);
    const char *some;
    assert_true(cprom_http_response_next(response, &some, &n));
    cprom_http_response_sent(response, n);
    assert_true(cprom_http_response_next(response, &some, &n)); /* there is more than one buffer of it */
    cprom_http_handler_free(handler);
    cprom_http_response_free(response);
}

static void test_gzip_is_what_a_server_sends(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 1000);
    cprom_http_server *server = hs_start(fixture, (cprom_http_server_opts){.threads = 1});
    static const char *const requests[] = {
        "GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n",
        "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"};
    for (size_t i = 0; i < 2; i++) {
        char *response;
        assert_int_equal(hc_ask_once(cprom_http_server_address(server), requests[i], &response), 200);
        assert_int_equal(strstr(response, "Content-Encoding: gzip\r\n") != NULL, i == 0);
        free(response);
    }
    assert_ok(cprom_http_server_stop(server));
}

#ifdef CPROM_TEST_ZLIB

/* Asserts that the packed bytes are one member of gzip, with nothing behind, and that `page` is in it. */
static void assert_unpacks(const char *packed, size_t n, const hr_response *page)
{
    char *out = malloc(page->len + 1);
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)packed,
                       .avail_in = (uInt)n,
                       .next_out = (Bytef *)out,
                       .avail_out = (uInt)page->len + 1};
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, page->len);
    assert_memory_equal(out, page->body, page->len);
    assert_int_equal(inflateEnd(&stream), Z_OK);
    free(out);
}

/* The body, taken by so many bytes at a time. */
static void assert_body(cprom_http_response *response, size_t cap, const hr_response *expected)
{
    size_t got = 0, n;
    char *body = malloc(expected->len + cap);
    while ((n = cprom_http_response_body(response, body + got, cap))) {
        got += n;
        assert_true(got <= expected->len);
    }
    assert_int_equal(got, expected->len);
    assert_memory_equal(body, expected->body, got);
    assert_false(cprom_http_response_must_close(response));
    cprom_http_response_free(response);
    free(body);
}

/* In each format, by HTTP/1.1 and 1.0, as bytes and in parts, in pieces of any size: the same bytes. */
static void test_gzip_unpacks_to_the_page_that_others_get(void **state)
{
    static const char *const accepts[] = {NULL, "application/openmetrics-text;version=1.0.0",
                                          "application/openmetrics-text;version=0.0.1"};
    static const size_t series[] = {40, 3000, 12000}, pieces[] = {1, 1000, 65537, SIZE_MAX};
    for (size_t i = 0; i < COUNT(series) * COUNT(accepts); i++) {
        ct_fixture *fixture = ct_fixture_new();
        fill(fixture->registry, series[i / COUNT(accepts)]);
        cprom_http_handler *handler = hr_handler(fixture->registry, NULL);
        cprom_http_request request = request_for(NULL);
        request.accept = accepts[i % COUNT(accepts)];
        hr_response plain = hr_ask(handler, &request);
        request.accept_encoding = "gzip";
        hr_response packed = hr_ask(handler, &request);
        assert_packed(&packed);
        assert_header(&packed, "Content-Type", hr_header(&plain, "Content-Type"));
        assert_true(packed.len < plain.len / 2);
        assert_int_equal(packed.len >= 65536, series[i / COUNT(accepts)] == 12000); /* of all that is tried */
        assert_unpacks(packed.body, packed.len, &plain);
        for (int http_1_0 = 0; http_1_0 < 2; http_1_0++) {
            request.http_1_0 = http_1_0;
            for (size_t k = 0; k < COUNT(pieces); k++) {
                size_t n;
                bool must_close;
                char *raw = hr_pull(hr_handle(handler, &request), pieces[k], &n, &must_close);
                hr_response again = hr_read(raw, n, "GET");
                assert_packed(&again);
                assert_false(must_close);
                assert_int_equal(again.has_length, http_1_0 || packed.len < 65536);
                assert_int_equal(again.len, packed.len);
                assert_memory_equal(again.body, packed.body, packed.len);
                hr_free(&again);
                assert_body(hr_handle(handler, &request), pieces[k] < 100000 ? pieces[k] : 100000, &packed);
            }
        }
        hr_free(&plain);
        hr_free(&packed);
        cprom_http_handler_free(handler);
        ct_fixture_free(fixture);
    }
}

#else
static void test_gzip_unpacks_to_the_page_that_others_get(void **state) { ct_skip("zlib is missing, which unpacks"); }
#endif

int group_gzip(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gzip_is_for_who_likes_it_best_and_behind_what_the_program_added),
        TEST(test_gzip_is_for_the_page_only),
        TEST(test_gzip_of_head_is_not_told),
        cmocka_unit_test(test_gzip_is_for_pages_over_1_kib),
        TEST(test_gzip_out_of_memory_is_done_without),
        TEST(test_gzip_of_an_abandoned_response_is_given_back),
        TEST(test_gzip_is_what_a_server_sends),
        cmocka_unit_test(test_gzip_unpacks_to_the_page_that_others_get),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

/* A library without it: a gzip that is not the program's is as good as unknown. */
static void test_gzip_that_is_not_built_is_not_offered(void **state)
{
    ct_fixture *fixture = *state;
    hs_add_series(fixture, 1000);
    cprom_http_handler *handler = hr_handler(fixture->registry, NULL);
    cprom_http_request request = hr_request("GET", "/metrics");
    hr_response plain = hr_ask(handler, &request);
    request.accept_encoding = "gzip";
    hr_response asked = hr_ask(handler, &request);
    assert_null(hr_header(&asked, "Content-Encoding"));
    assert_string_equal(hr_header(&asked, "Vary"), "Accept, Accept-Encoding");
    assert_int_equal(asked.len, plain.len);
    assert_memory_equal(asked.body, plain.body, plain.len);
    hr_free(&asked);
    hr_free(&plain);
    cprom_http_handler_free(handler);
}

int group_gzip(void)
{
    const struct CMUnitTest tests[] = {TEST(test_gzip_that_is_not_built_is_not_offered)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
