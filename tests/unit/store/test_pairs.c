/* The reader of label text: against texts that a model has written, and against the parser on random pages. */
#include "support/cprom_test.h"

#include "store/pairs.h"
#include "store/series.h"
#include "store/vec.h"

#define PAIRS_MAX 5
#define LEN_MAX 12

static uint64_t seed;

static size_t below(size_t n) { return (size_t)(next_random(&seed) >> 33) % n; }

/* What looks like the text around it, and what is escaped. */
static void any_text(char *out, size_t max)
{
    static const char alphabet[] = "\"\\\n,=n{} ab\x01\x7f\xc3\xff";
    size_t len = below(3) ? below(max + 1) : below(2);
    for (size_t i = 0; i < len; i++) out[i] = alphabet[below(sizeof alphabet - 1)];
    out[len] = '\0';
}

static void any_bare_name(char *out)
{
    static const char alphabet[] = "n_aZ019";
    size_t len = 1 + below(LEN_MAX);
    for (size_t i = 0; i < len; i++) out[i] = alphabet[below(i ? sizeof alphabet - 1 : 4)];
    out[len] = '\0';
}

/* Not cprom__escape(): the tests have their own. */
static char *escape(char *out, const char *text)
{
    for (; *text; text++) {
        if (strchr("\\\"\n", *text)) *out++ = '\\';
        *out++ = *text == '\n' ? 'n' : *text;
    }
    return out;
}

/* A copy without a byte behind it, so that sanitizers see who reads too far. */
static char *exactly(const char *text, size_t len)
{
    char *copy = malloc(len + !len);
    assert_non_null(copy);
    memcpy(copy, text, len);
    return copy;
}

static struct cprom__piece escaped_piece(const char *plain)
{
    char buf[2 * LEN_MAX + 1];
    size_t len = (size_t)(escape(buf, plain) - buf);
    return (struct cprom__piece){exactly(buf, len), len};
}

static void assert_unescaped(struct cprom__piece escaped, const char *plain)
{
    size_t len = strlen(plain);
    char *out = malloc(len + 1);
    assert_non_null(out);
    assert_ptr_equal(cprom__pair_unescape(out, escaped), out + len);
    assert_memory_equal(out, plain, len);
    free(out);
}

typedef struct model {
    size_t n;
    struct {
        char name[LEN_MAX + 1], value[LEN_MAX + 1];
        bool quoted;
    } pairs[PAIRS_MAX];
} model;

static void any_model(model *m)
{
    m->n = below(PAIRS_MAX + 1);
    for (size_t i = 0; i < m->n; i++) {
        m->pairs[i].quoted = below(2);
        if (m->pairs[i].quoted) any_text(m->pairs[i].name, LEN_MAX);
        else any_bare_name(m->pairs[i].name);
        any_text(m->pairs[i].value, LEN_MAX);
    }
}

static struct cprom__pairs write_model(const model *m)
{
    char buf[PAIRS_MAX * (4 * LEN_MAX + 8)], *out = buf;
    for (size_t i = 0; i < m->n; i++) {
        if (i) *out++ = ',';
        if (m->pairs[i].quoted) *out++ = '"';
        out = escape(out, m->pairs[i].name);
        if (m->pairs[i].quoted) *out++ = '"';
        *out++ = '=';
        *out++ = '"';
        out = escape(out, m->pairs[i].value);
        *out++ = '"';
    }
    char *text = exactly(buf, (size_t)(out - buf));
    return (struct cprom__pairs){text, text + (out - buf)};
}

static void test_pairs_random_texts_read_as_written(void **state)
{
    seed = 1;
    for (size_t round = 0; round < 100000; round++) {
        model m;
        any_model(&m);
        struct cprom__pairs pairs = write_model(&m);
        char *text = (char *)(uintptr_t)pairs.at;
        struct cprom__piece name, value;
        for (size_t i = 0; i < m.n; i++) {
            const char *plain = m.pairs[i].value;
            assert_true(cprom__pairs_name(&pairs, &name));
            assert_true(cprom__pair_means(name, m.pairs[i].name));
            assert_unescaped(name, m.pairs[i].name);
            if (below(2)) {
                value = cprom__pairs_value(&pairs);
                assert_true(cprom__pair_means(value, plain));
                assert_unescaped(value, plain);
            } else {
                while (*plain) assert_int_equal(cprom__pair_byte(&pairs.at), (unsigned char)*plain++);
                assert_int_equal(cprom__pair_byte(&pairs.at), -1);
            }
        }
        assert_false(cprom__pairs_name(&pairs, &name));
        assert_ptr_equal(pairs.at, pairs.end);
        free(text);
    }
}

static void test_pair_means_and_equal_random_texts_agree_with_strcmp(void **state)
{
    size_t n_same = 0;
    seed = 3;
    for (size_t round = 0; round < 200000; round++) {
        char a[LEN_MAX + 1], b[LEN_MAX + 1];
        any_text(a, LEN_MAX);
        any_text(b, LEN_MAX);
        /* Most differ in nothing, one byte or the length only. */
        if (below(4)) {
            strcpy(b, a);
            size_t len = strlen(b);
            if (len && below(2)) b[below(len)] ^= 1;
            else if (len && below(2)) b[below(len)] = '\0';
        }
        bool same = strcmp(a, b) == 0;
        struct cprom__piece escaped_a = escaped_piece(a), escaped_b = escaped_piece(b);
        assert_int_equal(cprom__pair_means(escaped_a, b), same);
        assert_int_equal(cprom__pair_means(escaped_b, a), same);
        assert_int_equal(cprom__pair_equal(escaped_a, escaped_b), same);
        n_same += same;
        free((char *)(uintptr_t)escaped_a.text);
        free((char *)(uintptr_t)escaped_b.text);
    }
    assert_true(n_same > 20000 && n_same < 180000);
}

/*==============================================================================
 * Pages
 *============================================================================*/

/* UTF-8. */
static const char *any_value(void)
{
    static const char *const parts[] = {"", "a", "\"", "\\", "\n", ",", "=", "n", "\\n", "\",b=\"", "}", "\u00e9", "{"};
    static char values[8][64];
    static size_t next;
    char *out = values[next++ % COUNT(values)];
    *out = '\0';
    for (size_t n = below(4); n; n--) strcat(out, parts[below(COUNT(parts))]);
    return out;
}

static cprom_status emit_anything(void *ctx, cprom_scrape *out)
{
    const cprom_desc *desc = DESC(.name = "emitted", .help = "H.", .type = CPROM_GAUGE, .labels = {"z", "b", "_"});
    for (int i = 0; i < 20; i++) {
        char unique[8];
        sprintf(unique, "%d", i);
        cprom_status status = cprom_emit(out, desc, CPROM_STRS(any_value(), unique, any_value()), 1);
        if (status) return status;
    }
    return CPROM_OK;
}

/* Random label values of each kind of line. Asserts that they are taken. */
static void fill(cprom_registry *r)
{
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_stateset_vec *states;
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"z", "a"}), &gauges));
    assert_ok(cprom_histogram_vec_new(r, FAMILY("h", .labels = {"b"}), &histograms));
    assert_ok(
        cprom_stateset_vec_new(r, FAMILY("s", .labels = {"t", "b"}, .states = {"\"on\"", "of\\f", "l\nf"}), &states));
    for (int i = 0; i < 40; i++) {
        assert_ok(cprom_gauge_vec_set(gauges, CPROM_STRS(any_value(), any_value()), 1));
        assert_ok(cprom_histogram_vec_observe(histograms, CPROM_STRS(any_value()), 1));
        assert_ok(cprom_stateset_vec_set(states, CPROM_STRS(any_value(), any_value()), 1, true));
    }
    add_collector(r, "emits", emit_anything, NULL);
}

/* Asserts that the reader finds the parser's labels; returns how many of the values had escapes. */
static size_t check_sample(const parser_sample *sample)
{
    size_t n_escaped = 0;
    const char *open = strchr(sample->key, '{');
    if (!open) {
        assert_int_equal(sample->n_labels, 0);
        return 0;
    }
    size_t len = strlen(open) - strlen("{}");
    char *text = exactly(open + 1, len);
    struct cprom__pairs pairs = {text, text + len};
    struct cprom__piece name, value;
    for (size_t i = 0; i < sample->n_labels; i++) {
        assert_true(cprom__pairs_name(&pairs, &name));
        assert_true(cprom__pair_means(name, sample->labels[i].name));
        value = cprom__pairs_value(&pairs);
        assert_true(cprom__pair_means(value, sample->labels[i].value));
        n_escaped += value.len != strlen(sample->labels[i].value);
    }
    assert_false(cprom__pairs_name(&pairs, &name));
    free(text);
    return n_escaped;
}

static void test_pairs_random_pages_read_as_the_parser_reads(void **state)
{
    size_t n_escaped = 0;
    for (seed = 1; seed < 1000; seed = seed * 7 + 1) {
        cprom_registry *r;
        assert_ok(cprom_registry_new(
            CPROM_OPTS(cprom_registry_opts, .const_labels = {{"c", any_value()}, {"tt", any_value()}}), &r));
        fill(r);
        for (int i = 0; i < 2; i++) {
            cprom_format format = i ? CPROM_OPENMETRICS_1_0 : CPROM_TEXT_0_0_4;
            ct_page page = ct_page_read(r, PAGE_OPTS(.format = format), 4096);
            for (size_t k = 0; k < page.parsed->n_samples; k++) n_escaped += check_sample(&page.parsed->samples[k]);
            ct_page_free(&page);
        }
        cprom_registry_free(r);
    }
    assert_true(n_escaped > 1000);
}

static void test_desc_value_random_values_are_found_in_texts(void **state)
{
    cprom_registry *r;
    cprom_gauge_vec *gauges;
    seed = 5;
    /* The labels are not declared in their order, and const labels stand around them. */
    assert_ok(cprom_registry_new(
        CPROM_OPTS(cprom_registry_opts, .const_labels = {{"b", "\"x\\"}, {"m", ""}, {"zz", "\n"}}), &r));
    assert_ok(cprom_gauge_vec_new(r, FAMILY("g", .labels = {"z", "a", "k"}), &gauges));
    const struct cprom__desc *desc = ((struct cprom_vec *)gauges)->desc;
    for (size_t round = 0; round < 10000; round++) {
        struct cprom__values values = {.n = 3};
        for (size_t i = 0; i < values.n; i++) {
            values.v[i] = any_value();
            values.len[i] = (uint32_t)strlen(values.v[i]);
        }
        size_t len = cprom__desc_text_len(desc, &values);
        char *text = malloc(len);
        assert_non_null(text);
        cprom__desc_text(desc, &values, text);
        for (size_t i = 0; i < values.n; i++) {
            assert_true(cprom__pair_means(cprom__desc_value(desc, text, i), values.v[i]));
        }
        free(text);
    }
    cprom_registry_free(r);
}

int group_pairs(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pairs_random_texts_read_as_written),
        cmocka_unit_test(test_pair_means_and_equal_random_texts_agree_with_strcmp),
        cmocka_unit_test(test_pairs_random_pages_read_as_the_parser_reads),
        cmocka_unit_test(test_desc_value_random_values_are_found_in_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
