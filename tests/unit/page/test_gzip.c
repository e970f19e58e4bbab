/*
 * lib/page/gzip.c: zlib unpacks what it has packed, pages and whatever else comes. Each input goes through two builds, the
 * library's and a portable one, whose bytes must be the same: one is read and pulled in pieces of random sizes, the other
 * in large ones.
 *
 * GZIP_INPUTS in the environment is how many inputs there are, instead of 50,000.
 */
#include "support/cprom_test.h"
#include "support/everything.h"

#include "gzip_portable.h"
#include "page/gzip_crc.h"

#ifdef CPROM_TEST_ZLIB
#include <zlib.h>

enum {
    INPUT_MAX = 96 * 1024,
    PACKED_MAX = 2 * INPUT_MAX + 1024,
    PAGES = 5
};

static struct {
    char *text;
    size_t len;
} pages[PAGES];
static char *input, *packed, *packed_again, *unpacked;
static struct cprom__gzip *gzip;

/* ---- pages ---- */

static void read_page(cprom_registry *registry, cprom_format format, size_t i)
{
    cprom_page *page;
    size_t cap = 1 << 20, n;
    pages[i].text = malloc(cap);
    assert_non_null(pages[i].text);
    assert_ok(cprom_page_open(registry, PAGE_OPTS(.format = format, .created = true), &page));
    while ((n = cprom_page_read(page, pages[i].text + pages[i].len, cap - pages[i].len))) pages[i].len += n;
    assert_true(pages[i].len > 1000 && pages[i].len < cap);
    cprom_page_close(page);
}

/* Label values of random letters, and values as programs have them. */
static void add_families(cprom_registry *r)
{
    static const double bounds[] = {.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10};
    cprom_gauge_vec *gauges;
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    uint64_t seed = 5;
    assert_ok(cprom_gauge_vec_new(
        r, OPTS(.name = "step_duration_seconds", .help = "How long it took.", .labels = {"pipeline", "step"}),
        &gauges));
    assert_ok(cprom_counter_vec_new(
        r, OPTS(.name = "step_runs_total", .help = "How often it ran.", .labels = {"pipeline", "step"}), &counters));
    assert_ok(cprom_histogram_vec_new(r,
                                      OPTS(.name = "request_duration_seconds", .help = "How long requests took.",
                                           .labels = {"path"}, .bounds = bounds, .n_bounds = COUNT(bounds)),
                                      &histograms));
    for (size_t i = 0; i < 1000; i++) {
        char first[11] = "", second[11] = "";
        for (size_t k = 0; k < 10; k++) {
            first[k] = (char)('a' + next_random(&seed) % 26);
            second[k] = (char)('a' + next_random(&seed) % 26);
        }
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(first, second), (double)(next_random(&seed) >> 11) * 0x1p-53));
        assert_ok(cprom_counter_vec_add(counters, CPROM_STRS(first, second), (double)(next_random(&seed) % 1000000)));
        for (size_t k = 0; i % 10 == 0 && k < 100; k++) {
            double value = (double)(next_random(&seed) % 6000) / 1000;
            assert_ok(cprom_histogram_vec_observe(histograms, CPROM_STRS(first), value));
        }
    }
}

static int group_setup(void **state)
{
    ct_fixture *everything = ct_fixture_new(), *families = ct_fixture_new();
    cprom_registry *r = registry_with_everything(everything);
    read_page(r, CPROM_TEXT_0_0_4, 0);
    read_page(r, CPROM_OPENMETRICS_1_0, 1);
    cprom_registry_free(r);
    add_families(families->registry);
    read_page(families->registry, CPROM_TEXT_0_0_4, 2);
    read_page(families->registry, CPROM_OPENMETRICS_1_0, 3);
    read_page(families->registry, CPROM_OPENMETRICS_0_0_1, 4);
    ct_fixture_free(families);
    ct_fixture_free(everything);
    input = malloc(INPUT_MAX);
    packed = malloc(PACKED_MAX);
    packed_again = malloc(PACKED_MAX);
    unpacked = malloc(INPUT_MAX + 1);
    gzip = malloc(sizeof *gzip);
    return input && packed && packed_again && unpacked && gzip ? 0 : -1;
}

static int group_teardown(void **state)
{
    for (size_t i = 0; i < PAGES; i++) free(pages[i].text);
    free(input);
    free(packed);
    free(packed_again);
    free(unpacked);
    free(gzip);
    return 0;
}

/* ---- inputs ---- */

static size_t below(uint64_t *seed, size_t n) { return (size_t)((next_random(seed) >> 16) % n); }

/* Short ones for the most part. */
static size_t some_length(uint64_t *seed, size_t max)
{
    size_t n = below(seed, 64) ? below(seed, 2000) : below(seed, max + 1);
    return n < max ? n : max;
}

enum {
    KINDS = 9
};

/* A stretch of one kind at `out`; no more than `max` bytes, and how many. */
static size_t make_stretch(uint64_t *seed, unsigned kind, char *out, size_t max)
{
    size_t page = below(seed, PAGES), n = some_length(seed, max), from = below(seed, pages[page].len);
    const char *text = pages[page].text + from;
    char byte = (char)next_random(seed);
    switch (kind) {
    case 0: /* a page, cut anywhere */
    case 1: /* and some of its bytes changed */
        if (n > pages[page].len - from) n = pages[page].len - from;
        memcpy(out, text, n);
        for (size_t i = below(seed, 400); kind == 1 && i < n; i += below(seed, 400)) out[i++] = (char)next_random(seed);
        break;
    case 2: /* any bytes */
        for (size_t i = 0; i < n; i++) out[i] = (char)next_random(seed);
        break;
    case 3: memset(out, byte, n); break;
    case 4: /* a long line */
        for (size_t i = 0; i < n; i++)
            out[i] = text[i % (pages[page].len - from)] == '\n' ? ',' : text[i % (pages[page].len - from)];
        break;
    case 5: /* few letters, so that short matches are everywhere */
        for (size_t i = 0; i < n; i++) out[i] = "ab\"\n 0{#"[below(seed, 1 + (size_t)(unsigned char)byte % 8)];
        break;
    case 6: /* the same again and again, of any length */
        from = 1 + below(seed, 600);
        for (size_t i = 0; i < n; i++)
            out[i] = i < from ? text[i % (pages[page].len - (size_t)(text - pages[page].text))] : out[i - from];
        break;
    case 7: /* records with a length in front, as binary formats have */
        for (size_t i = 0; i < n;) {
            size_t record = 1 + below(seed, 100);
            out[i++] = (char)record;
            for (; record > 0 && i < n; record--, i++) out[i] = i % 3 ? (char)('a' + i % 7) : (char)next_random(seed);
        }
        break;
    default: /* numbers */
        for (size_t i = 0; i < n; i++)
            out[i] = below(seed, 12) ? (char)('0' + below(seed, 10)) : " \n\".e"[below(seed, 5)];
    }
    return n;
}

/* One stretch or several. */
static size_t make_input(uint64_t *seed)
{
    size_t n = 0, stretches = below(seed, 3) ? 1 : 1 + below(seed, 6);
    for (; stretches > 0; stretches--) {
        unsigned kind = (unsigned)below(seed, KINDS);
        n += make_stretch(seed, kind, input + n, INPUT_MAX - n);
    }
    return n;
}

/* ---- both ways ---- */

struct source {
    const char *bytes;
    size_t n, at;
    uint64_t seed; /* of the sizes of what is read; 0: as much as there is room for */
};

static size_t read_source(void *ctx, char *buf, size_t cap)
{
    struct source *source = ctx;
    size_t n = source->n - source->at;
    assert_true(cap > 0);
    if (source->seed && below(&source->seed, 2) && cap > 40) cap = 40;
    if (source->seed) cap = 1 + below(&source->seed, cap);
    if (n > cap) n = cap;
    memcpy(buf, source->bytes + source->at, n);
    source->at += n;
    return n;
}

/* What is pulled in pieces of random sizes, each exactly as long as its memory, where there is a seed. */
static size_t pull(size_t (*read)(struct cprom__gzip *, char *, size_t), char *out, uint64_t seed)
{
    size_t n = 0, part;
    for (;;) {
        size_t cap = seed ? 1 + below(&seed, below(&seed, 2) ? 30 : 20000) : PACKED_MAX - n;
        assert_true(n < PACKED_MAX);
        if (cap > PACKED_MAX - n) cap = PACKED_MAX - n;
        assert_int_equal(read(gzip, out + n, 0), 0);
        part = read(gzip, out + n, cap);
        assert_true(part <= cap);
        n += part;
        if (part < cap) break; /* it is filled until the end */
    }
    assert_int_equal(read(gzip, out + n, 1), 0);
    return n;
}

static size_t pack(const char *bytes, size_t n, uint64_t seed)
{
    struct source source = {bytes, n, 0, seed};
    memset(gzip, 0xa5, sizeof *gzip); /* what was there before does not matter */
    cprom__gzip_begin(gzip, read_source, &source);
    return pull(cprom__gzip_read, packed, seed);
}

static size_t pack_portably(const char *bytes, size_t n)
{
    struct source source = {bytes, n, 0, 0};
    memset(gzip, 0x5a, sizeof *gzip);
    portable_gzip_begin(gzip, read_source, &source);
    return pull(portable_gzip_read, packed_again, 0);
}

/* zlib looks at the head, the sum and the length. */
static size_t unpack(size_t n_packed)
{
    z_stream z = {.next_in = (Bytef *)packed,
                  .avail_in = (uInt)n_packed,
                  .next_out = (Bytef *)unpacked,
                  .avail_out = INPUT_MAX + 1};
    assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
    assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(z.avail_in, 0);
    assert_int_equal(inflateEnd(&z), Z_OK);
    return z.total_out;
}

/* How long it is when packed. */
static size_t check(const char *bytes, size_t n, uint64_t seed)
{
    size_t n_packed = pack(bytes, n, seed);
    assert_int_equal(unpack(n_packed), n);
    assert_memory_equal(unpacked, bytes, n);
    assert_int_equal(pack_portably(bytes, n), n_packed);
    assert_memory_equal(packed, packed_again, n_packed);
    return n_packed;
}

static void test_gzip_any_input_comes_back_the_same_from_both_builds_whatever_the_pieces(void **state)
{
    const char *wanted = getenv("GZIP_INPUTS");
    unsigned long inputs = wanted ? strtoul(wanted, NULL, 10) : 50000;
    assert_true(inputs > 0);
    for (unsigned long i = 1; i <= inputs; i++) {
        uint64_t seed = i * UINT64_C(0x9e3779b97f4a7c15);
        size_t n = make_input(&seed);
        check(input, n, seed);
    }
}

static void test_gzip_whole_pages_come_back_the_same(void **state)
{
    for (size_t i = 0; i < PAGES; i++) {
        for (size_t from = 0; from < pages[i].len; from += INPUT_MAX) {
            size_t n = pages[i].len - from < INPUT_MAX ? pages[i].len - from : INPUT_MAX;
            check(pages[i].text + from, n, i + 1);
        }
    }
}

static void test_gzip_every_length_around_the_size_of_a_piece(void **state)
{
    for (size_t pieces = 0; pieces < 4; pieces++) {
        size_t middle = pieces * CPROM__GZIP_PIECE, n = middle < 40 ? 0 : middle - 40;
        for (; n < middle + 40; n++) {
            check(pages[2].text, n, n + 1);
            memset(input, 'a', n);
            check(input, n, n + 1);
        }
    }
}

static void test_gzip_match_of_every_length_and_distance(void **state)
{
    for (size_t length = 1; length <= 600; length++) {
        size_t distance = length + length * length % 24000;
        uint64_t seed = length;
        for (size_t i = 0; i < distance; i++) input[i] = (char)next_random(&seed);
        memcpy(input + distance, input, length);
        check(input, distance + length, seed);
    }
}

static void test_gzip_text_then_any_bytes_then_text_are_in_codes_that_fit(void **state)
{
    uint64_t seed = 3;
    size_t n = 30000;
    memcpy(input, pages[2].text, n);
    for (size_t i = 0; i < n; i++) input[n + i] = (char)next_random(&seed);
    memcpy(input + 2 * n, pages[2].text, n);
    size_t n_packed = check(input, 3 * n, 7);
    /* The random bytes take no more than their number, but for a piece in the code of the text. */
    assert_true(n_packed < n + n / 2);
}

/* Words of four bytes with one between them, in a comment, which is searched byte by byte. */
static void test_gzip_more_matches_than_there_is_room_for_are_taken_in_turn(void **state)
{
    uint64_t seed = 13;
    size_t n = 0;
    for (size_t words = 0; n < INPUT_MAX - 6; words++) {
        uint64_t word = 1 + below(&seed, 30);
        if (words % 200 == 0) input[n++] = '#';
        for (size_t i = 0; i < 4; i++) input[n++] = (char)('0' + next_random(&word) % 70);
        input[n++] = words % 200 == 199 ? '\n' : (char)(128 + below(&seed, 128));
    }
    assert_true(check(input, n, 17) < n * 11 / 20);
}

static void test_gzip_one_byte_repeated_is_nearly_nothing(void **state)
{
    memset(input, 'a', INPUT_MAX);
    assert_true(check(input, INPUT_MAX, 19) < 250);
}

static void test_gzip_bytes_that_mean_nothing_grow_little(void **state)
{
    uint64_t seed = 9;
    for (size_t i = 0; i < INPUT_MAX; i++) input[i] = (char)next_random(&seed);
    assert_true(check(input, INPUT_MAX, 4) < INPUT_MAX + INPUT_MAX / 50);
}

static void test_gzip_head_says_deflate_quick_and_nothing_of_the_machine(void **state)
{
    static const unsigned char head[] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255};
    assert_true(pack("", 0, 0) >= sizeof head + 8);
    assert_memory_equal(packed, head, sizeof head);
    assert_int_equal(unpack(pack("", 0, 0)), 0);
}

/* How long it is when zlib packs it at its quickest. */
static size_t zlib_length(const char *bytes, size_t n)
{
    z_stream z = {
        .next_in = (Bytef *)bytes, .avail_in = (uInt)n, .next_out = (Bytef *)packed_again, .avail_out = PACKED_MAX};
    assert_int_equal(deflateInit(&z, 1), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    return z.total_out;
}

static void test_gzip_pages_get_smaller_than_by_zlib_at_its_quickest(void **state)
{
    static const char *const families[] = {"# HELP request_duration_seconds", "# HELP step_duration_seconds",
                                           "# HELP step_runs_total", NULL};
    pages[2].text[pages[2].len] = '\0';
    for (size_t i = 0; families[i]; i++) {
        const char *from = strstr(pages[2].text, families[i]);
        const char *end = families[i + 1] ? strstr(from, families[i + 1]) : pages[2].text + pages[2].len;
        size_t n = (size_t)(end - from);
        assert_true(n > 60000 && n < INPUT_MAX);
        assert_true(check(from, n, i + 1) < zlib_length(from, n) * 39 / 40);
        /* A small page is in the first code, which has not seen it. */
        assert_true(check(from, 8000, i + 1) < zlib_length(from, 8000) * 11 / 10);
    }
}

static void test_gzip_sum_is_that_of_zlib_for_every_length_and_place(void **state)
{
    uint64_t seed = 11;
    for (size_t i = 0; i < 2000; i++) input[i] = (char)next_random(&seed);
    for (size_t n = 0; n < 1000; n++) {
        const unsigned char *bytes = (const unsigned char *)input + n % 17;
        uint32_t before = (uint32_t)next_random(&seed), sum = (uint32_t)crc32(before, bytes, (uInt)n);
        assert_int_equal(cprom__gzip_crc(before, bytes, n), sum);
        assert_int_equal(portable_gzip_crc(before, bytes, n), sum);
    }
}

int group_gzip(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gzip_sum_is_that_of_zlib_for_every_length_and_place),
        cmocka_unit_test(test_gzip_head_says_deflate_quick_and_nothing_of_the_machine),
        cmocka_unit_test(test_gzip_whole_pages_come_back_the_same),
        cmocka_unit_test(test_gzip_every_length_around_the_size_of_a_piece),
        cmocka_unit_test(test_gzip_match_of_every_length_and_distance),
        cmocka_unit_test(test_gzip_text_then_any_bytes_then_text_are_in_codes_that_fit),
        cmocka_unit_test(test_gzip_more_matches_than_there_is_room_for_are_taken_in_turn),
        cmocka_unit_test(test_gzip_one_byte_repeated_is_nearly_nothing),
        cmocka_unit_test(test_gzip_bytes_that_mean_nothing_grow_little),
        cmocka_unit_test(test_gzip_pages_get_smaller_than_by_zlib_at_its_quickest),
        cmocka_unit_test(test_gzip_any_input_comes_back_the_same_from_both_builds_whatever_the_pieces),
    };
    return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
#else

static void test_gzip(void **state) { ct_skip("there is no zlib, which unpacks, or no encoder"); }

int group_gzip(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_gzip)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
#endif
