/* Content codings: which one is chosen, and that what it makes arrives whole, or that its failure is seen. */
#include "oracle/http_read.h"

/*
 * A coding that can be told how to behave. Each byte becomes `factor` bytes of its value xor 0x55; an end mark follows.
 */
typedef struct toy {
    size_t factor;
    size_t holds;    /* bytes that it takes in before it gives any out */
    size_t step;     /* bytes that it makes in one call at the most; 0: no limit */
    size_t fails_at; /* the call of feed that fails, from 1; 0: none */
    size_t begins;   /* how often it can begin; 0: always */
    bool lies, grows, shrinks;
    _Atomic size_t begun, ended, calls;
} toy;

typedef struct toy_state {
    toy *toy;
    char *held;
    size_t n, room, at; /* held; those before `at` are given out */
    size_t again;       /* how often the byte at `at` was given out */
    size_t calls, marks;
} toy_state;

static void *toy_begin(void *ctx)
{
    toy *t = ctx;
    if (t->begins && t->begun == t->begins - 1) return NULL;
    toy_state *s = calloc(1, sizeof *s);
    assert_non_null(s);
    s->toy = t;
    s->marks = 3 + (t->grows ? t->begun : 0) - (t->shrinks ? t->begun : 0); /* differs from one to the next */
    t->begun++;
    return s;
}

static bool toy_feed(void *state, const char *in, size_t n_in, size_t *used, char *out, size_t n_out, size_t *made)
{
    toy_state *s = state;
    toy *t = s->toy;
    assert_true(n_out > 0);
    assert_int_equal(*used, 0);
    assert_int_equal(*made, 0);
    assert_true((in != NULL) == (n_in > 0));
    t->calls++;
    if (++s->calls == t->fails_at) return false;
    if (t->lies) {
        *made = n_out + 1;
        return false;
    }
    if (in && s->n - s->at <= t->holds) {
        if (s->n + n_in > s->room) s->held = realloc(s->held, s->room = (s->n + n_in) * 2);
        memcpy(s->held + s->n, in, n_in);
        s->n += n_in;
        *used = n_in;
    }
    size_t room = t->step && t->step < n_out ? t->step : n_out;
    while (*made < room && s->at < s->n && (!in || s->n - s->at > t->holds)) {
        out[(*made)++] = (char)(s->held[s->at] ^ 0x55);
        if (++s->again < t->factor) continue;
        s->again = 0;
        s->at++;
    }
    while (!in && s->at == s->n && *made < room && s->marks) {
        out[(*made)++] = '.';
        s->marks--;
    }
    return !in && s->at == s->n && !s->marks;
}

static void toy_end(void *state)
{
    toy_state *s = state;
    s->toy->ended++;
    free(s->held);
    free(s);
}

static cprom_status try_to_offer(cprom_http_handler *handler, const char *name, toy *t)
{
    cprom_http_coding coding = CPROM_INIT(cprom_http_coding);
    coding.name = name;
    coding.begin = toy_begin;
    coding.feed = toy_feed;
    coding.end = toy_end;
    coding.ctx = t;
    return cprom_http_handler_add_coding(handler, &coding);
}

static void offer(cprom_http_handler *handler, const char *name, toy *t) { assert_ok(try_to_offer(handler, name, t)); }

/* Asserts that the body is `text` as the toy codes it. */
static void assert_coded(const hr_response *r, const toy *t, const char *text, size_t len)
{
    assert_int_equal(r->len, len * t->factor + 3);
    for (size_t i = 0; i < len * t->factor; i++) {
        if ((char)(r->body[i] ^ 0x55) != text[i / t->factor]) assert_int_equal(i, SIZE_MAX);
    }
    assert_string_equal(r->body + len * t->factor, "...");
}

static cprom_http_handler *filled(ct_fixture *f, size_t series)
{
    cprom_gauge_vec *vec;
    assert_ok(
        cprom_gauge_vec_new(f->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G.", .labels = {"l"}), &vec));
    for (size_t i = 0; i < series; i++) {
        char value[32];
        snprintf(value, sizeof value, "%zu", i);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), (double)i));
    }
    return hr_handler(f->registry, NULL);
}

static hr_response ask_for(cprom_http_handler *handler, const char *accept_encoding, bool http_1_0, size_t piece,
                           bool *must_close)
{
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = accept_encoding;
    request.http_1_0 = http_1_0;
    size_t n;
    char *raw = hr_pull(hr_handle(handler, &request), piece, &n, must_close);
    return hr_read(raw, n, "GET");
}

static void test_coding_is_chosen_as_described(void **state)
{
    ct_fixture *f = *state;
    toy gzip = {.factor = 1}, zstd = {.factor = 1};
    cprom_http_handler *one = filled(f, 3), *two = hr_handler(f->registry, NULL), *none = hr_handler(f->registry, NULL);
    offer(one, "gzip", &gzip);
    offer(two, "zstd", &zstd);
    offer(two, "GZip", &gzip);
    static const struct {
        const char *accept, *one, *two;
    } cases[] = {
        {"gzip", "gzip", "GZip"},
        {"gzip, deflate, br", "gzip", "GZip"},
        {"gzip;q=0.5", "gzip", "GZip"},
        {"identity;q=0, gzip", "gzip", "GZip"},
        {NULL, NULL, NULL},
        {"", NULL, NULL},
        {"*", NULL, NULL},
        {"br", NULL, NULL},
        {"gzip;q=0", NULL, NULL},
        {"gzip, identity", NULL, NULL},
        {"identity, gzip", NULL, NULL},
        {"gzip;q=0.5, identity;q=0.5", NULL, NULL},
        {"gzip;q=0.5, identity;q=0.4", "gzip", "GZip"},
        {"gzip;q=0.4, identity;q=0.5", NULL, NULL},
        {"identity;q=0", NULL, NULL},
        {"*;q=0", NULL, NULL},
        {"gzip;q=bad", NULL, NULL},
        {"GZIP", "gzip", "GZip"},
        {"gzip, zstd", "gzip", "zstd"},
        {"zstd;q=0.8, gzip;q=0.9", "gzip", "GZip"},
        {"gzip;q=0.8, zstd;q=0.9, *;q=1", "gzip", "zstd"},
        {"zstd;q=0, gzip;q=0.1", "gzip", "GZip"},
        {"zstd;q=0.3, identity;q=0.2, gzip;q=0.1", NULL, "zstd"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        cprom_http_handler *const handlers[] = {one, two, none};
        const char *const expected[] = {cases[i].one, cases[i].two, NULL};
        for (size_t k = 0; k < 3; k++) {
            hr_response r = ask_for(handlers[k], cases[i].accept, false, SIZE_MAX, NULL);
            const char *coding = hr_header(&r, "Content-Encoding");
            if (expected[k]) assert_string_equal(coding, expected[k]);
            else assert_null(coding);
            assert_int_equal(r.status, 200);
            assert_string_equal(hr_header(&r, "Vary"), "Accept, Accept-Encoding");
            if (!coding) assert_memory_equal(r.body, "# HELP g G.\n", 12);
            hr_free(&r);
        }
    }
    /* Only the page is coded; HEAD says how, and codes nothing. */
    size_t begun = gzip.begun;
    cprom_http_request request = hr_request("HEAD", "/metrics");
    request.accept_encoding = "gzip";
    hr_response r = hr_ask(one, &request);
    assert_string_equal(hr_header(&r, "Content-Encoding"), "gzip");
    hr_free(&r);
    request = hr_request("GET", "/");
    request.accept_encoding = "gzip";
    r = hr_ask(one, &request);
    assert_null(hr_header(&r, "Content-Encoding"));
    hr_free(&r);
    assert_int_equal(gzip.begun, begun);
    assert_int_equal(gzip.begun, gzip.ended);
    assert_int_equal(zstd.begun, zstd.ended);
    cprom_http_handler_free(one);
    cprom_http_handler_free(two);
    cprom_http_handler_free(none);
}

/* However it takes and makes, what arrives is the whole; by bytes, in parts, and for HTTP/1.0. */
static void test_coded_body_arrives_whole_however_the_coding_behaves(void **state)
{
    static const size_t sizes[] = {0, 3, 2000, 12000};
    static const struct {
        size_t factor, holds, step;
    } ways[] = {{1, 0, 0}, {1, 0, 1000}, {7, 0, 0}, {1, 20000, 0}, {2, SIZE_MAX, 0}, {1, 5000, 3}};
    for (size_t i = 0; i < COUNT(sizes); i++) {
        ct_fixture *f = ct_fixture_new();
        cprom_http_handler *handler = filled(f, sizes[i]);
        hr_response plain = hr_get(handler, "/metrics");
        toy t = {0};
        offer(handler, "toy", &t);
        for (size_t k = 0; k < COUNT(ways); k++) {
            t.factor = ways[k].factor;
            t.holds = ways[k].holds;
            t.step = ways[k].step;
            for (int http_1_0 = 0; http_1_0 < 2; http_1_0++) {
                bool must_close;
                hr_response r = ask_for(handler, "toy", http_1_0, k % 2 ? 1000 : SIZE_MAX, &must_close);
                assert_string_equal(hr_header(&r, "Content-Encoding"), "toy");
                assert_coded(&r, &t, plain.body, plain.len);
                assert_int_equal(r.has_length, http_1_0 || r.len < 65536);
                assert_false(must_close);

                cprom_http_request request = hr_request("GET", "/metrics");
                request.accept_encoding = "toy";
                request.http_1_0 = http_1_0;
                cprom_http_response *response = hr_handle(handler, &request);
                size_t got = 0;
                char *body = malloc(r.len);
                for (size_t n;
                     (n = cprom_http_response_body(response, body + got, r.len - got < 999 ? r.len - got : 999));) {
                    got += n;
                }
                assert_int_equal(got, r.len);
                assert_memory_equal(body, r.body, got);
                assert_false(cprom_http_response_must_close(response));
                cprom_http_response_free(response);
                free(body);
                hr_free(&r);
            }
        }
        assert_int_equal(t.begun, t.ended);
        hr_free(&plain);
        cprom_http_handler_free(handler);
        ct_fixture_free(f);
    }
}

static void test_coding_that_fails_early_is_left_out(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    hr_response plain = hr_get(handler, "/metrics");
    static const toy ways[] = {{.factor = 1, .begins = 1},
                               {.factor = 1, .fails_at = 1},
                               {.factor = 1, .fails_at = 3},
                               {.factor = 1, .lies = true},
                               {.factor = 1, .holds = SIZE_MAX, .fails_at = 10}};
    toy t = {0};
    offer(handler, "toy", &t);
    for (size_t i = 0; i < COUNT(ways); i++) {
        t = ways[i];
        for (int http_1_0 = 0; http_1_0 < 2; http_1_0++) {
            bool must_close;
            hr_response r = ask_for(handler, "toy", http_1_0, SIZE_MAX, &must_close);
            assert_int_equal(r.status, 200);
            assert_null(hr_header(&r, "Content-Encoding"));
            assert_int_equal(r.len, plain.len);
            assert_memory_equal(r.body, plain.body, r.len);
            assert_false(must_close);
            hr_free(&r);
        }
        assert_int_equal(t.begun, t.ended);
    }
    hr_free(&plain);
    cprom_http_handler_free(handler);
}

static void test_coding_that_fails_late_cuts_the_response(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    toy t = {.factor = 1, .fails_at = 9}; /* behind the first 64 KiB */
    offer(handler, "toy", &t);
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = "toy";
    size_t n;
    bool must_close;
    char *raw = hr_pull(hr_handle(handler, &request), SIZE_MAX, &n, &must_close);
    assert_true(must_close);
    assert_true(n > 65536);
    assert_memory_not_equal(raw + n - 5, "0\r\n\r\n", 5); /* nobody takes it for whole */
    free(raw);
    cprom_http_response *response = hr_handle(handler, &request);
    char some[1000];
    while (cprom_http_response_body(response, some, sizeof some)) continue;
    assert_true(cprom_http_response_must_close(response));
    cprom_http_response_free(response);

    /* For HTTP/1.0 the first making of it sees the failure: */
    request.http_1_0 = true;
    hr_response r = ask_for(handler, "toy", true, SIZE_MAX, &must_close);
    assert_null(hr_header(&r, "Content-Encoding"));
    assert_false(must_close);
    hr_free(&r);
    assert_int_equal(t.begun, t.ended);
    cprom_http_handler_free(handler);
}

static void test_coding_that_makes_more_the_second_time_keeps_the_length(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    toy t = {.factor = 1, .grows = true};
    offer(handler, "toy", &t);
    bool must_close;
    hr_response r =
        ask_for(handler, "toy", true, SIZE_MAX, &must_close); /* asserts that the length is that of the body */
    assert_true(must_close);
    hr_free(&r);
    assert_int_equal(t.begun, 2);
    assert_int_equal(t.ended, 2);
    cprom_http_handler_free(handler);
}

static void test_coding_that_makes_less_the_second_time_is_seen(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    toy t = {.factor = 1, .shrinks = true};
    offer(handler, "toy", &t);
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = "toy";
    request.http_1_0 = true;
    bool must_close;
    size_t n;
    free(hr_pull(hr_handle(handler, &request), SIZE_MAX, &n, &must_close));
    assert_true(must_close);
    cprom_http_handler_free(handler);
}

static void test_coding_that_begins_once_only_is_left_out(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    toy t = {.factor = 1, .begins = 2};
    offer(handler, "toy", &t);
    bool must_close;
    hr_response r = ask_for(handler, "toy", true, SIZE_MAX, &must_close);
    assert_null(hr_header(&r, "Content-Encoding"));
    assert_memory_equal(r.body, "# HELP g G.\n", 12);
    assert_false(must_close);
    hr_free(&r);
    assert_int_equal(t.begun, 1);
    assert_int_equal(t.ended, 1);
    cprom_http_handler_free(handler);
}

static void test_coding_of_an_abandoned_response_is_ended(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 12000);
    toy t = {.factor = 1};
    offer(handler, "toy", &t);
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = "toy";
    cprom_http_response *response = hr_handle(handler, &request);
    cprom_http_handler_free(handler); /* the response outlives it, with the coding's name */
    const char *name, *value;
    assert_true(cprom_http_response_header(response, 2, &name, &value));
    assert_string_equal(value, "toy");
    assert_int_equal(t.ended, 0);
    cprom_http_response_free(response);
    assert_int_equal(t.begun, 1);
    assert_int_equal(t.ended, 1);
}

static void test_add_coding_bad_ones_are_refused(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 1);
    toy t = {.factor = 1};
    offer(handler, "gzip", &t);
    cprom_http_coding coding = CPROM_INIT(cprom_http_coding);
    coding.begin = toy_begin;
    coding.feed = toy_feed;
    coding.end = toy_end;
    coding.ctx = &t;
    char long_name[66];
    memset(long_name, 'x', 65);
    long_name[65] = '\0';
    const char *const names[] = {NULL, "", "identity", "Identity", "a b", "a,b", "x\r\nY: z", long_name, "*", "*/*"};
    for (size_t i = 0; i < COUNT(names); i++) {
        coding.name = names[i];
        assert_status(cprom_http_handler_add_coding(handler, &coding), CPROM_EINVAL);
    }
    coding.name = "GZIP";
    assert_status(cprom_http_handler_add_coding(handler, &coding), CPROM_EEXIST);
    coding.name = "x";
    assert_status(cprom_http_handler_add_coding(NULL, &coding), CPROM_EINVAL);
    assert_status(cprom_http_handler_add_coding(handler, NULL), CPROM_EINVAL);
    for (int missing = 0; missing < 4; missing++) {
        cprom_http_coding less = coding;
        if (missing == 0) less.begin = NULL;
        if (missing == 1) less.feed = NULL;
        if (missing == 2) less.end = NULL;
        if (missing == 3) less.size = 0;
        assert_status(cprom_http_handler_add_coding(handler, &less), CPROM_EINVAL);
    }
    long_name[64] = '\0';
    coding.name = long_name;
    size_t added = 0;
    for (size_t nth = 1; !added; nth++) {
        ct_alloc_fail_at(&f->alloc, nth, false);
        cprom_status status = cprom_http_handler_add_coding(handler, &coding);
        if (f->alloc.failed) assert_status(status, CPROM_ENOMEM);
        else assert_ok(status);
        added += status == CPROM_OK;
    }
    ct_alloc_fail_at(&f->alloc, 0, false);
    /* The longest head that there can be. */
    cprom_http_request request = hr_request("GET", "/metrics");
    request.accept_encoding = long_name;
    request.accept = "application/openmetrics-text";
    request.close = true;
    hr_response r = hr_ask(handler, &request);
    assert_int_equal(r.status, 200);
    hr_free(&r);
    cprom_http_handler_free(handler);
}

static void test_coded_scrape_each_failed_allocation_costs_one_answer(void **state)
{
    ct_fixture *f = *state;
    cprom_http_handler *handler = filled(f, 100);
    toy t = {.factor = 1};
    for (size_t bytes = f->alloc.bytes, nth = 1;; nth++) {
        ct_alloc_fail_at(&f->alloc, nth, false);
        cprom_status status = try_to_offer(handler, "toy", &t);
        ct_alloc_fail_at(&f->alloc, 0, false);
        if (status == CPROM_OK) break;
        assert_status(status, CPROM_ENOMEM);
        assert_int_equal(f->alloc.bytes, bytes);
    }
    cprom_http_request request = hr_request("GET", "/metrics?name[]=g");
    request.accept_encoding = "toy";
    for (size_t nth = 1;; nth++) {
        ct_alloc_fail_at(&f->alloc, nth, false);
        hr_response r = hr_ask(handler, &request);
        bool failed = f->alloc.failed > 0;
        ct_alloc_fail_at(&f->alloc, 0, false);
        assert_int_equal(r.status, failed ? 503 : 200);
        hr_free(&r);
        assert_int_equal(t.begun, t.ended);
        if (!failed) break;
        assert_true(nth < 100);
    }
    cprom_http_handler_free(handler);
}

int group_coding(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_coding_is_chosen_as_described),
        cmocka_unit_test(test_coded_body_arrives_whole_however_the_coding_behaves),
        TEST(test_coding_that_fails_early_is_left_out),
        TEST(test_coding_that_fails_late_cuts_the_response),
        TEST(test_coding_that_makes_more_the_second_time_keeps_the_length),
        TEST(test_coding_that_makes_less_the_second_time_is_seen),
        TEST(test_coding_that_begins_once_only_is_left_out),
        TEST(test_coding_of_an_abandoned_response_is_ended),
        TEST(test_add_coding_bad_ones_are_refused),
        TEST(test_coded_scrape_each_failed_allocation_costs_one_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
