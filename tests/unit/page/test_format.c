/*
 * A binary format stands beside those of lines: messages that begin with their length, one for each family, made from a
 * snapshot as the library's own formats are. It is read in pieces of all sizes, and taken apart again.
 */
#include "support/cprom_test.h"

#include "page/format.h"
#include "page/gather.h"
#include "page/sink.h"

static void put_u32(struct cprom__sink *sink, size_t n)
{
    unsigned char bytes[4] = {(unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n};
    cprom__put(sink, (const char *)bytes, sizeof bytes);
}

static void put_text(struct cprom__sink *sink, const char *text, size_t len)
{
    put_u32(sink, len);
    cprom__put(sink, text, len);
}

/* How many groups the family at `at` has. */
static size_t groups_of(const struct cprom__snapshot *snapshot, size_t at)
{
    size_t end = at + 1;
    while (end < snapshot->n_groups && snapshot->groups[end].continues) end++;
    return end - at;
}

/* The family's name, how many series it has, and their label texts. */
static void put_body(struct cprom__sink *sink, const struct cprom__group *groups, size_t n)
{
    size_t series = 0;
    for (size_t i = 0; i < n; i++) series += groups[i].n_rows + groups[i].n_samples;
    put_text(sink, groups->desc->name, groups->desc->name_len);
    put_u32(sink, series);
    for (size_t i = 0; i < n; i++) {
        for (size_t k = 0; k < groups[i].n_rows; k++) {
            put_text(sink, groups[i].rows[k].series->text, groups[i].rows[k].series->len);
        }
        for (size_t k = 0; k < groups[i].n_samples; k++) {
            put_text(sink, groups[i].samples[k]->text, groups[i].samples[k]->len);
        }
    }
}

/* A cprom__format. A message that a buffer cannot hold is made again for the next one, without what was read. */
static size_t encode(const struct cprom__snapshot *snapshot, bool created, struct cprom__cursor *cursor, char *buf, size_t cap)
{
    struct cprom__sink sink = {.out = buf, .end = buf + cap};
    (void)created;
    while (cursor->group < snapshot->n_groups && sink.out < sink.end) {
        size_t n = groups_of(snapshot, cursor->group);
        struct cprom__sink length = {.out = buf, .end = buf}; /* nothing fits: it only counts */
        put_body(&length, &snapshot->groups[cursor->group], n);
        char *start = sink.out;
        sink.skip = cursor->done;
        sink.made = 0;
        put_u32(&sink, length.made);
        put_body(&sink, &snapshot->groups[cursor->group], n);
        cursor->done += (size_t)(sink.out - start);
        if (cursor->done < sink.made) break;
        cursor->done = 0;
        cursor->group += n;
    }
    return (size_t)(sink.out - buf);
}

static size_t read_all(const struct cprom__snapshot *snapshot, char *out, size_t room, size_t piece)
{
    cprom__format *format = encode;
    struct cprom__cursor cursor = {0};
    size_t len = 0;
    for (size_t n; (n = format(snapshot, false, &cursor, out + len, piece < room - len ? piece : room - len)) != 0;) {
        len += n;
    }
    return len;
}

static size_t take_u32(const char **p)
{
    const unsigned char *b = (const unsigned char *)*p;
    *p += 4;
    return (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
}

static void pass_text(const char **p)
{
    size_t len = take_u32(p);
    *p += len;
}

static cprom_status emit_one(void *ctx, cprom_scrape *out)
{
    return cprom_emit(out, DESC(.name = "e", .type = CPROM_GAUGE, .labels = {"x"}), CPROM_STRS("1\n"), 1);
}

static void test_binary_format_fits(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *gauges;
    ct_fixture *child = ct_fixture_child(fixture->registry, CPROM_LABELS({"child", "1"}));
    add_collector(fixture->registry, "one", emit_one, NULL);
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("g", .labels = {"l"}), &gauges));
    for (int i = 0; i < 100; i++) {
        char value[16];
        snprintf(value, sizeof value, "%03d", i);
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(value), i));
    }
    assert_ok(cprom_gauge_vec_new(child->registry, FAMILY("g", .labels = {"l"}), &gauges));
    assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS("050"), 1));

    struct cprom__snapshot snapshot;
    struct cprom__filter all = {.n = 0};
    assert_ok(cprom__snapshot_take(&snapshot, fixture->registry, &all, INT64_MAX, NULL, NULL));
    static char whole[16384], pieces[sizeof whole];
    size_t len = read_all(&snapshot, whole, sizeof whole, sizeof whole);
    for (size_t piece = 1; piece < 200; piece++) {
        memset(pieces, 0, len);
        assert_int_equal(read_all(&snapshot, pieces, sizeof pieces, piece), len);
        assert_memory_equal(pieces, whole, len);
    }
    cprom__snapshot_free(&snapshot);

    const char *p = whole;
    size_t names = 0, series = 0;
    while (p < whole + len) {
        size_t body = take_u32(&p);
        const char *end = p + body;
        assert_true(end <= whole + len);
        pass_text(&p);
        names++;
        for (size_t n = take_u32(&p); n; n--, series++) pass_text(&p);
        assert_ptr_equal(p, end);
    }
    assert_int_equal(names, 2);
    assert_int_equal(series, 102);
    ct_fixture_free(child);
}

int group_format(void)
{
    const struct CMUnitTest tests[] = {TEST(test_binary_format_fits)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
