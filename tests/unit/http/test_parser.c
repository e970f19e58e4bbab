#include "support/cprom_test.h"

#include "support/http_mutate.h"
#include "http/parser.h"
#include "oracle/http_reference.h"

#define MAX 8192

/* One request, by the library: -1 where it is not whole, 0, or the status. The bytes come in pieces. */
struct reading {
    int status;
    size_t end;
    struct cprom__http_head head;
    char *room; /* of its own, so that sanitizers see a byte too many */
};

static void reading_free(struct reading *reading)
{
    free(reading->room);
    reading->room = NULL;
}

/* `piece` 0: all at once; else the lengths of the pieces are random, up to so much. */
static struct reading read_request(const char *bytes, size_t len, size_t max, size_t piece, struct mutate *m)
{
    struct reading reading = {.status = -1};
    struct cprom__http_scan scan = {0};
    enum cprom__http_found found = CPROM__HTTP_MORE;
    for (size_t have = 0; found == CPROM__HTTP_MORE && have <= len;) {
        char *copy = malloc(have + 1); /* likewise; and what was there before may lie somewhere else */
        memcpy(copy, bytes, have);
        copy = realloc(copy, have ? have : 1);
        found = cprom__http_scan(&scan, copy, have, max);
        free(copy);
        if (have == len) break;
        have += piece ? mutate_random(m, (uint32_t)piece) + 1 : len;
        if (have > len) have = len;
    }
    switch (found) {
    case CPROM__HTTP_MORE: return reading;
    case CPROM__HTTP_BAD: reading.status = 400; return reading;
    case CPROM__HTTP_LONG_LINE: reading.status = 414; return reading;
    case CPROM__HTTP_LONG_HEAD: reading.status = 431; return reading;
    case CPROM__HTTP_HEAD: break;
    }
    reading.end = scan.done;
    size_t n = scan.done - scan.begin;
    char *copy = malloc(n);
    memcpy(copy, bytes + scan.begin, n);
    reading.room = malloc(n);
    memset(reading.room, 'x', n);
    reading.status = cprom__http_parse(copy, n, reading.room, &reading.head);
    free(copy); /* nothing of the head may point there */
    return reading;
}

static struct reading read_text(const char *text) { return read_request(text, strlen(text), MAX, 0, NULL); }

static int status_of(const char *text)
{
    struct reading reading = read_text(text);
    reading_free(&reading);
    return reading.status;
}

/* A head with these field lines behind Host. */
static int status_with(const char *lines)
{
    char text[2048];
    snprintf(text, sizeof text, "POST /metrics HTTP/1.1\r\nHost: a\r\n%s\r\n", lines);
    return status_of(text);
}

static void test_parse_prometheus_request_gives_its_fields(void **state)
{
    struct reading reading =
        read_text("GET /metrics HTTP/1.1\r\nHost: localhost:9464\r\nUser-Agent: Prometheus/2.42.0\r\n"
                  "Accept: text/plain;version=0.0.4;q=0.5,*/*;q=0.1\r\nAccept-Encoding: gzip\r\n"
                  "X-Prometheus-Scrape-Timeout-Seconds: 10\r\nauthorization:Bearer x\r\n\r\n");
    assert_int_equal(reading.status, 0);
    assert_string_equal(reading.head.method, "GET");
    assert_string_equal(reading.head.target, "/metrics");
    assert_string_equal(reading.head.accept, "text/plain;version=0.0.4;q=0.5,*/*;q=0.1");
    assert_string_equal(reading.head.accept_encoding, "gzip");
    assert_string_equal(reading.head.scrape_timeout, "10");
    assert_string_equal(reading.head.authorization, "Bearer x");
    assert_false(reading.head.http_1_0);
    assert_false(reading.head.close);
    assert_int_equal(reading.head.body, 0);
    reading_free(&reading);
}

static void test_parse_repeated_fields_joins_them_in_order(void **state)
{
    struct reading reading = read_text("GET / HTTP/1.1\r\nAccept: a\r\nAccept-Encoding: x\r\naccept:\r\nHost:\r\n"
                                       "ACCEPT: \t b c \t\r\nAccept-encoding:y\r\nAccepts: no\r\n\r\n");
    assert_int_equal(reading.status, 0);
    assert_string_equal(reading.head.accept, "a, , b c");
    assert_string_equal(reading.head.accept_encoding, "x, y");
    assert_null(reading.head.authorization);
    assert_null(reading.head.scrape_timeout);
    reading_free(&reading);
}

static void test_parse_malformed_is_400(void **state)
{
    static const char *const lines[] = {
        "A : b\r\n",
        " A: b\r\n",
        "\tA: b\r\n",
        "A: b\r\n c\r\n",
        "A: b\r\n\tc\r\n",
        "A\r\n",
        ": b\r\n",
        "A b: c\r\n",
        "A: \x01\r\n",
        "A: \x7f\r\n",
        "A\x80: b\r\n",
        "A(: b\r\n",
        "A: b\rc\r\n",
        "A: b\n",
        "A: b\r\r\n",
        "Content-Length: 1\r\nContent-Length: 1\r\n",
        "Content-Length: 1, 1\r\n",
        "Content-Length: -1\r\n",
        "Content-Length: +1\r\n",
        "Content-Length: 0x1\r\n",
        "Content-Length:\r\n",
        "Content-Length: 1 2\r\n",
        "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n",
        "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n",
        "Transfer-Encoding: identity\r\n",
        "Transfer-Encoding: gzip\r\n",
        "Transfer-Encoding: chunked, gzip\r\n",
        "Transfer-Encoding: chunked, chunked\r\n",
        "Transfer-Encoding:\r\n",
        "Transfer-Encoding: xchunked\r\n",
        "Transfer-Encoding: chunked;a=b\r\n",
        "Host: a\r\n",
        "Host: b\r\n",
    };
    for (size_t i = 0; i < COUNT(lines); i++) {
        int status = status_with(lines[i]);
        if (status != 400) print_error("\"%s\": %d\n", lines[i], status);
        assert_int_equal(status, 400);
    }
    static const char *const requests[] = {
        "GET /metrics HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
        " GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / http/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/11\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.10\r\nHost: a\r\n\r\n",
        "GET / HTTP/1,1\r\nHost: a\r\n\r\n",
        "GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n",
        "G@T / HTTP/1.1\r\nHost: a\r\n\r\n",
        " / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n",
        "x\r\n\r\n",
        "\x16\x03\x01\r\n\r\n",
    };
    for (size_t i = 0; i < COUNT(requests); i++) {
        int status = status_of(requests[i]);
        if (status != 400) print_error("\"%s\": %d\n", requests[i], status);
        assert_int_equal(status, 400);
    }
    struct reading nul = read_request("GET /\0 HTTP/1.1\r\n", 18, MAX, 0, NULL);
    assert_int_equal(nul.status, 400); /* at once, without the end of the head */
}

static void test_parse_what_is_not_supported_says_so(void **state)
{
    assert_int_equal(status_with("Transfer-Encoding: Chunked\r\n"), 411);
    assert_int_equal(status_with("Transfer-Encoding: , chunked ,\r\n"), 411);
    assert_int_equal(status_with("Transfer-Encoding: gzip, chunked\r\n"), 501);
    assert_int_equal(status_with("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n"), 501);
    assert_int_equal(status_with("Content-Length: 65537\r\n"), 413);
    assert_int_equal(status_with("Content-Length: 18446744073709551616\r\n"), 413);
    assert_int_equal(status_with("Content-Length: 99999999999999999999999999999999999999\r\n"), 413);
    assert_int_equal(status_with("Expect: 100-continue\r\nContent-Length: 1\r\n"), 417);
    assert_int_equal(status_with("Expect: 100-continue\r\n"), 0);
    assert_int_equal(status_of("GET / HTTP/2.0\r\n\r\n"), 505);
    assert_int_equal(status_of("GET / HTTP/0.9\r\nHost: a\r\n\r\n"), 505);
    assert_int_equal(status_of("GET / HTTP/1.9\r\nHost: a\r\n\r\n"), 0);
}

static void test_parse_body_length_is_told(void **state)
{
    static const struct {
        const char *line;
        size_t body;
    } cases[] = {{"Content-Length: 0\r\n", 0},
                 {"content-length:\t65536 \r\n", 65536},
                 {"Content-Length: 00000000000000000000000000000000007\r\n", 7}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        char text[256];
        snprintf(text, sizeof text, "POST / HTTP/1.1\r\nHost: a\r\n%s\r\nxyz", cases[i].line);
        struct reading reading = read_text(text);
        assert_int_equal(reading.status, 0);
        assert_int_equal(reading.head.body, cases[i].body);
        assert_int_equal(reading.end, strlen(text) - 3);
        reading_free(&reading);
    }
}

static void test_parse_connection_says_whether_it_closes(void **state)
{
    static const struct {
        const char *text;
        bool close;
    } cases[] = {{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade , close\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", true},
                 {"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\n\r\n", true},
                 {"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", false},
                 {"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", true}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct reading reading = read_text(cases[i].text);
        assert_int_equal(reading.status, 0);
        assert_int_equal(reading.head.close, cases[i].close);
        assert_int_equal(reading.head.http_1_0, strstr(cases[i].text, "1.0") != NULL);
        reading_free(&reading);
    }
}

static void test_scan_empty_lines_before_are_passed_over(void **state)
{
    struct reading reading = read_text("\r\n\r\n\r\nGET / HTTP/1.0\r\n\r\nrest");
    assert_int_equal(reading.status, 0);
    assert_string_equal(reading.head.method, "GET");
    assert_int_equal(reading.end, 6 + 18);
    reading_free(&reading);
    assert_int_equal(status_of("\r\n\r\n"), -1);
}

static void test_scan_limit_is_exact(void **state)
{
    static const char text[] = "GET /metrics HTTP/1.1\r\nHost: a\r\nX: yyyyyyyyyyyyyyyyyyy\r\n\r\n";
    size_t len = sizeof text - 1, line = (size_t)(strchr(text, '\n') - text) + 1;
    for (size_t max = 1; max <= len + 2; max++) {
        for (size_t have = 0; have <= len; have++) {
            struct reading reading = read_request(text, have, max, 0, NULL);
            int expected = have >= len && max >= len ? 0 : have < max ? -1 : max < line ? 414 : 431;
            assert_int_equal(reading.status, expected);
            reading_free(&reading);
        }
    }
    /* Empty lines count, so that nobody can send them for ever. */
    char lines[64];
    for (size_t i = 0; i < sizeof lines; i++) lines[i] = i % 2 ? '\n' : '\r';
    assert_int_equal(read_request(lines, 64, 65, 0, NULL).status, -1);
    assert_int_equal(read_request(lines, 64, 64, 0, NULL).status, 414);
}

static void assert_field(const char *actual, bool there, const char *expected)
{
    assert_int_equal(actual != NULL, there);
    if (there) assert_string_equal(actual, expected);
}

/* All requests of a stream, one behind the other, as both readers see them. */
static void compare(const char *bytes, size_t len, size_t max, size_t piece, struct mutate *m, size_t *refused)
{
    static struct ref_verdict v;
    for (;;) {
        ref_parse(bytes, len, max, &v);
        struct reading reading = read_request(bytes, len, max, piece, m);
        if (reading.status != v.status) print_error("%.*s\n", (int)len, bytes);
        assert_int_equal(reading.status, v.status);
        *refused += v.status > 0;
        if (v.status == 0) {
            assert_int_equal(reading.end, v.head);
            assert_int_equal(reading.head.body, v.body);
            assert_int_equal(reading.head.close, v.close);
            assert_int_equal(reading.head.http_1_0, v.http_1_0);
            assert_string_equal(reading.head.target, v.target);
            assert_int_equal(strcmp(reading.head.method, "HEAD") == 0, v.is_head);
            assert_field(reading.head.accept, v.has_accept, v.accept);
            assert_field(reading.head.accept_encoding, v.has_accept_encoding, v.accept_encoding);
            assert_field(reading.head.authorization, v.has_authorization, v.authorization);
            assert_field(reading.head.scrape_timeout, v.has_scrape_timeout, v.scrape_timeout);
        }
        reading_free(&reading);
        size_t used = v.head + v.body;
        if (v.status != 0 || used > len) return;
        bytes += used;
        len -= used;
    }
}

static void test_parse_mutated_requests_equal_the_reference(void **state)
{
    struct mutate m = {.state = 5};
    size_t refused = 0;
    char *bytes = malloc(4096);
    for (int i = 0; i < MUTATE_REQUESTS; i++) {
        size_t len = mutate_next(&m, bytes, 2048), max = i % 10 == 0 ? mutate_random(&m, 300) + 1 : MAX;
        compare(bytes, len, max, i % 4 ? 0 : i % 16 ? 40 : 1, &m, &refused);
    }
    free(bytes);
    /* The mutations are worth something if they do not always kill. */
    assert_in_range(refused, MUTATE_REQUESTS / 4, MUTATE_REQUESTS / 10 * 9);
}

/* `%c` stands where the byte goes. */
static void test_parse_each_byte_in_each_place_equals_the_reference(void **state)
{
    static const char *const places[] = {
        "G%cT / HTTP/1.1\r\nHost: a\r\n\r\n",        "GET /%c HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a%cb\r\n\r\n",      "GET / HTTP/1.1\r\nHost: a\r\nx%cy: z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nx: y%cz\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1%c\r\n\r\n"};
    struct mutate m = {.state = 5};
    size_t refused = 0;
    for (size_t i = 0; i < COUNT(places); i++) {
        for (int c = 0; c < 256; c++) {
            char bytes[128];
            int len = snprintf(bytes, sizeof bytes, places[i], c);
            compare(bytes, (size_t)len, MAX, 0, &m, &refused);
        }
    }
    assert_true(refused > 0);
}

int group_parser(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse_prometheus_request_gives_its_fields),
        cmocka_unit_test(test_parse_repeated_fields_joins_them_in_order),
        cmocka_unit_test(test_parse_malformed_is_400),
        cmocka_unit_test(test_parse_what_is_not_supported_says_so),
        cmocka_unit_test(test_parse_body_length_is_told),
        cmocka_unit_test(test_parse_connection_says_whether_it_closes),
        cmocka_unit_test(test_scan_empty_lines_before_are_passed_over),
        cmocka_unit_test(test_scan_limit_is_exact),
        cmocka_unit_test(test_parse_each_byte_in_each_place_equals_the_reference),
        cmocka_unit_test(test_parse_mutated_requests_equal_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
