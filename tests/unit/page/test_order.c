/* The order of series, and the text of numbers, each through vectors and through collectors. */
#include <locale.h>

#include "support/cprom_test.h"

/* A family with rows of label values, as a vector or as what a collector emits: the page has to be the same. */
typedef struct table {
    cprom_desc desc;
    size_t n;
    const char *const *values; /* n rows of as many as there are labels */
    const double *numbers;     /* NULL: all 1 */
} table;

static size_t labels_of(const table *t)
{
    size_t n = 0;
    while (t->desc.labels[n]) n++;
    return n;
}

static double number_of(const table *t, size_t row) { return t->numbers ? t->numbers[row] : 1; }

static cprom_status emit_table(void *ctx, cprom_scrape *out)
{
    const table *t = ctx;
    size_t labels = labels_of(t);
    for (size_t i = 0; i < t->n; i++) {
        cprom_status status = cprom_emit(out, &t->desc, (cprom_strs){t->values + i * labels, labels}, number_of(t, i));
        if (status) return status;
    }
    return CPROM_OK;
}

static void add_table(cprom_registry *r, table *t)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "table";
    opts.collect = emit_table;
    opts.ctx = t;
    assert_ok(cprom_collector_new(r, &opts));
}

static cprom_gauge_vec *add_vec(cprom_registry *r, const table *t)
{
    cprom_opts opts = CPROM_INIT(cprom_opts);
    cprom_gauge_vec *vec;
    opts.name = t->desc.name;
    opts.help = t->desc.help;
    memcpy(opts.labels, t->desc.labels, sizeof opts.labels);
    assert_ok(cprom_gauge_vec_new(r, &opts, &vec));
    return vec;
}

static void set_rows(cprom_gauge_vec *vec, const table *t, size_t from, size_t to)
{
    size_t labels = labels_of(t);
    for (size_t i = from; i < to; i++) {
        assert_ok(cprom_gauge_vec_set(vec, (cprom_strs){t->values + i * labels, labels}, number_of(t, i)));
    }
}

/*==============================================================================
 * The golden order
 *============================================================================*/

/* As in tests/data/golden/order.py; the second label of each is "" and "x", and more for those in `second`. */
static const char *const firsts[] = {
    "", "x", "x!", "x\n", "x\"", "x\\", "xx", "x\u00e9", "\n", "\"", "\\", "\\n", "\\\\", "\\\"", "\n\n", "n", "nn",
    "!", "#", " ", "[", "]", "a", "ab", "abc", "\t", "\r", "\x01", "\x7f", "\xc2\x80", "\u00e9", "\u00ff", "\u0100",
    "\u20ac", "\ufffd", "\xef\xbf\xbe", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf", "\u65e5\u672c",
    "1234567", "12345678", "123456789", "1234567\n", "1234567\"", "1234567\\", "1234567\\n", "12345678\n", "12345678\"",
    "1234567\n8", "123456\n\n", "123456\\\\", "1234567\u00e9", "12345678\u00e9", "1234567812345678",
    "12345678\n2345678"};
static const char *const seconds[] = {"", "x", "x!", "\n", "\u00e9"};

/* Declared as zeta, alpha; rows in an order that is no order. */
static table golden_table(const char *values[][2])
{
    size_t n = 0;
    for (size_t i = 0; i < COUNT(firsts); i++) {
        const char *first = firsts[i * 27 % COUNT(firsts)]; /* 27 and 55 have no common divisor */
        size_t more = 2;
        for (size_t k = 0; k < COUNT(seconds); k++) {
            if (strcmp(first, seconds[k]) == 0) more = COUNT(seconds);
        }
        for (size_t k = more; k--; n++) {
            values[n][0] = seconds[k];
            values[n][1] = first;
        }
    }
    return (table){.desc = {.size = sizeof(cprom_desc), .name = "m", .help = "M.", .type = CPROM_GAUGE,
                            .labels = {"zeta", "alpha"}},
                   .n = n, .values = &values[0][0]};
}

static void assert_golden(cprom_registry *r)
{
    char *golden = ct_read_file(CPROM_TEST_DATA "/golden/order.txt", NULL);
    ct_assert_page(r, golden);
    free(golden);
}

static void test_page_order_of_a_vector_is_the_golden_one(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    const char *values[COUNT(firsts) * COUNT(seconds)][2];
    table t = golden_table(values);
    set_rows(add_vec(r, &t), &t, 0, t.n);
    assert_golden(r);
}

static void test_page_order_of_a_vector_that_grew_page_by_page_is_the_golden_one(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    const char *values[COUNT(firsts) * COUNT(seconds)][2];
    table t = golden_table(values);
    cprom_gauge_vec *vec = add_vec(r, &t);
    for (size_t i = 0; i < t.n; i++) {
        set_rows(vec, &t, i, i + 1);
        ct_page page = ct_page_read(r, NULL, 65536); /* the parser wants it sorted */
        assert_int_equal(page.parsed->n_samples, i + 1);
        ct_page_free(&page);
    }
    assert_golden(r);
}

static void test_page_order_of_a_collector_is_the_golden_one(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    const char *values[COUNT(firsts) * COUNT(seconds)][2];
    table t = golden_table(values);
    add_table(r, &t);
    assert_golden(r);
}

/*==============================================================================
 * Random values against a naive comparison
 *============================================================================*/

#define RANDOM 5000
#define LABELS 3

/* Few letters, so that many values begin alike, up to beyond what a sort may hold in a word or two. */
static char *random_value(uint64_t *seed)
{
    static const char *const letters[] = {"x", "!", "\n", "\"", "\\", "n", "\xc3\xa9", "\xf0\x9f\x98\x80", "\x7f",
                                          "\x01"};
    char text[128] = "";
    size_t len = next_random(seed) % 4 ? next_random(seed) % 3 : next_random(seed) % 24;
    while (len--) strcat(text, letters[next_random(seed) % (next_random(seed) % 2 ? 2 : COUNT(letters))]);
    char *copy = strdup(text);
    assert_non_null(copy);
    return copy;
}

/* Declared order is c, a, b; the page goes by a, b, c. */
static const size_t sorted_labels[LABELS] = {1, 2, 0};

static int naive(const void *left, const void *right)
{
    const char *const *a = left, *const *b = right;
    for (size_t i = 0; i < LABELS; i++) {
        const unsigned char *p = (const unsigned char *)a[sorted_labels[i]];
        const unsigned char *q = (const unsigned char *)b[sorted_labels[i]];
        while (*p && *p == *q) p++, q++;
        if (*p != *q) return *p < *q ? -1 : 1;
    }
    return 0;
}

/* Rows in random order, no two alike. */
static table random_table(const char *(*values)[LABELS])
{
    uint64_t seed = 20240731;
    size_t n = 0;
    const char *(*sorted)[LABELS] = malloc(RANDOM * sizeof *sorted);
    assert_non_null(sorted);
    while (n < RANDOM) {
        for (; n < RANDOM; n++) {
            for (size_t k = 0; k < LABELS; k++) sorted[n][k] = random_value(&seed);
        }
        qsort(sorted, n, sizeof *sorted, naive);
        size_t kept = 0;
        for (size_t i = 0; i < RANDOM; i++) {
            if (kept && naive(sorted[kept - 1], sorted[i]) == 0) {
                for (size_t k = 0; k < LABELS; k++) free((char *)(uintptr_t)sorted[i][k]);
            } else {
                memmove(sorted[kept++], sorted[i], sizeof *sorted);
            }
        }
        n = kept;
    }
    for (size_t i = 0; i < RANDOM; i++) memcpy(values[i], sorted[i * 1637 % RANDOM], sizeof *sorted);
    free(sorted);
    return (table){.desc = {.size = sizeof(cprom_desc), .name = "m", .help = "M.", .type = CPROM_GAUGE,
                            .labels = {"c", "a", "b"}},
                   .n = RANDOM, .values = &values[0][0]};
}

/* The page has exactly the rows [from, to) of `values`, in the naive order. */
static void assert_naive_order(const char *text, size_t len, const char *(*values)[LABELS], size_t from, size_t to)
{
    const char *(*sorted)[LABELS] = malloc((to - from) * sizeof *sorted);
    assert_non_null(sorted);
    memcpy(sorted, values + from, (to - from) * sizeof *sorted);
    qsort(sorted, to - from, sizeof *sorted, naive);
    parser_page *page = parser_parse_ok(text, len);
    assert_int_equal(page->n_samples, to - from);
    for (size_t i = 0; i < to - from; i++) {
        assert_string_equal(parser_label_value(&page->samples[i], "c"), sorted[i][0]);
        assert_string_equal(parser_label_value(&page->samples[i], "a"), sorted[i][1]);
        assert_string_equal(parser_label_value(&page->samples[i], "b"), sorted[i][2]);
    }
    parser_free(page);
    free(sorted);
}

static void assert_page_in_naive_order(cprom_registry *r, const char *(*values)[LABELS], size_t from, size_t to)
{
    ct_page page = ct_page_read(r, NULL, 65536);
    assert_naive_order(page.text, page.len, values, from, to);
    ct_page_free(&page);
}

static void free_values(const char *(*values)[LABELS])
{
    for (size_t i = 0; i < RANDOM; i++) {
        for (size_t k = 0; k < LABELS; k++) free((char *)(uintptr_t)values[i][k]);
    }
}

static void test_page_order_of_random_series_is_that_of_a_naive_comparison(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    static const char *values[RANDOM][LABELS];
    table t = random_table(values);
    cprom_gauge_vec *vec = add_vec(r, &t);
    set_rows(vec, &t, 0, t.n);
    assert_page_in_naive_order(r, values, 0, RANDOM);
    for (size_t i = 0; i < 1000; i++) assert_ok(cprom_gauge_vec_delete(vec, (cprom_strs){values[i], LABELS}));
    assert_page_in_naive_order(r, values, 1000, RANDOM);
    free_values(values);
}

static void test_page_order_of_random_const_metrics_is_that_of_a_naive_comparison(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    static const char *values[RANDOM][LABELS];
    table t = random_table(values);
    add_table(r, &t);
    assert_page_in_naive_order(r, values, 0, RANDOM);
    free_values(values);
}

/* Series come and go between pages: what is new is merged into what was sorted before. */
static void test_page_order_of_a_changing_vector_is_that_of_a_naive_comparison(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    static const char *values[RANDOM][LABELS];
    table t = random_table(values);
    cprom_gauge_vec *vec = add_vec(r, &t);
    size_t from = 0, to = 0;
    static const size_t steps[][2] = {{2000, 0}, {1, 700}, {0, 300}, {1500, 999}, {3, 0}, {700, 1500}, {10, 1}, {0,
                                                                                                                 714}};
    for (size_t i = 0; i < COUNT(steps); i++) {
        set_rows(vec, &t, to, to + steps[i][0]);
        to += steps[i][0];
        for (size_t k = 0; k < steps[i][1]; k++, from++) {
            assert_ok(cprom_gauge_vec_delete(vec, (cprom_strs){values[from], LABELS}));
        }
        assert_page_in_naive_order(r, values, from, to);
    }
    free_values(values);
}

static void *open_and_read(void *registry)
{
    char *text = NULL;
    return cprom_registry_text(registry, &text, NULL) == CPROM_OK ? text : NULL;
}

/* Between the sort and the copying of values: those that are made then are on the page, in their places. */
static void test_page_order_of_series_made_while_a_gather_copies_is_that_of_a_naive_comparison(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    static const char *values[RANDOM][LABELS];
    table t = random_table(values);
    cprom_gauge_vec *vec = add_vec(r, &t);
    set_rows(vec, &t, 0, 2000);
    assert_page_in_naive_order(r, values, 0, 2000);
    pthread_t thread;
    void *text;
    ct_park(CPROM__SEAM_GATHER_COPIES);
    assert_int_equal(pthread_create(&thread, NULL, open_and_read, r), 0);
    ct_park_wait();
    set_rows(vec, &t, 2000, 2700);
    for (size_t i = 0; i < 100; i++) { /* come and gone, gone, gone and back */
        assert_ok(cprom_gauge_vec_delete(vec, (cprom_strs){values[i + 2600], LABELS}));
        assert_ok(cprom_gauge_vec_delete(vec, (cprom_strs){values[i], LABELS}));
        assert_ok(cprom_gauge_vec_delete(vec, (cprom_strs){values[i + 100], LABELS}));
        assert_ok(cprom_gauge_vec_set(vec, (cprom_strs){values[i + 100], LABELS}, 1));
    }
    ct_park_release();
    assert_int_equal(pthread_join(thread, &text), 0);
    assert_non_null(text);
    assert_naive_order(text, strlen(text), values, 100, 2600);
    cprom_text_free(text);
    assert_page_in_naive_order(r, values, 100, 2600);
    free_values(values);
}

/*==============================================================================
 * Numbers: data/floats.tsv holds bits, the text of a Go encoder, and another one for OpenMetrics
 *============================================================================*/

#define FLOATS 3000

typedef struct floats {
    char names[FLOATS][8];
    const char *values[FLOATS];
    double numbers[FLOATS];
    char *page; /* what it has to be */
    table table;
} floats;

static floats *floats_read(void)
{
    floats *f = calloc(1, sizeof *f);
    assert_non_null(f);
    char *file = ct_read_file(CPROM_TEST_DATA "/floats.tsv", NULL), *line = file;
    f->page = malloc(FLOATS * 64 + 128);
    assert_non_null(f->page);
    char *out = f->page + sprintf(f->page, "# HELP m M.\n# TYPE m gauge\n");
    size_t n = 0;
    for (; *line; n++) {
        assert_in_range(n, 0, FLOATS - 1);
        size_t bits_len = strcspn(line, "\t"), text_len = strcspn(line + bits_len + 1, "\t\n");
        uint64_t bits = strtoull(line, NULL, 16);
        assert_int_equal(bits_len, 16);
        memcpy(&f->numbers[n], &bits, sizeof bits);
        snprintf(f->names[n], sizeof f->names[n], "%04zu", n);
        f->values[n] = f->names[n];
        out += sprintf(out, "m{i=\"%s\"} %.*s\n", f->names[n], (int)text_len, line + bits_len + 1);
        line += strcspn(line, "\n");
        line += *line == '\n';
    }
    assert_int_equal(n, FLOATS);
    free(file);
    f->table = (table){.desc = {.size = sizeof(cprom_desc), .name = "m", .help = "M.", .type = CPROM_GAUGE,
                                .labels = {"i"}},
                       .n = FLOATS, .values = f->values, .numbers = f->numbers};
    return f;
}

static void floats_free(floats *f)
{
    free(f->page);
    free(f);
}

static void test_page_numbers_of_gauges_are_those_of_go(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    floats *f = floats_read();
    set_rows(add_vec(r, &f->table), &f->table, 0, FLOATS);
    ct_assert_page(r, f->page);
    floats_free(f);
}

static void test_page_numbers_of_a_collector_are_those_of_go(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    floats *f = floats_read();
    add_table(r, &f->table);
    ct_assert_page(r, f->page);
    floats_free(f);
}

/* Everything that prints or could read a number, under a decimal comma: bounds, too, are texts made at registration. */
static void test_page_numbers_under_a_comma_locale_are_those_of_go(void **state)
{
    ct_fixture *fixture = *state;
    floats *f = floats_read();
    if (!ct_comma_locale()) {
        floats_free(f);
        ct_skip("no locale with a decimal comma");
    }
    char text[16];
    snprintf(text, sizeof text, "%.1f", 0.5);
    assert_string_equal(text, "0,5");
    set_rows(add_vec(fixture->registry, &f->table), &f->table, 0, FLOATS);
    cprom_histogram *histogram;
    assert_ok(cprom_histogram_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "a", .help = "A.",
                                                                .bounds = (const double[]){0.5, 2.5}, .n_bounds = 2),
                                  &histogram));
    cprom_histogram_observe(histogram, 0.25);
    ct_page page = ct_page_read(fixture->registry, NULL, 4096);
    static const char before[] = "# HELP a A.\n# TYPE a histogram\na_bucket{le=\"0.5\"} 1\na_bucket{le=\"2.5\"} 1\n"
                                 "a_bucket{le=\"+Inf\"} 1\na_sum 0.25\na_count 1\n";
    assert_memory_equal(page.text, before, strlen(before));
    ct_assert_text_equal(page.text + strlen(before), f->page);
    ct_page_free(&page);
    assert_ok(cprom_registry_unregister(fixture->registry, "m"));
    assert_ok(cprom_registry_unregister(fixture->registry, "a"));
    add_table(fixture->registry, &f->table);
    ct_assert_page(fixture->registry, f->page);
    floats_free(f);
}

static int teardown(void **state)
{
    setlocale(LC_ALL, "C");
    return ct_teardown(state);
}

#define T(name) cmocka_unit_test_setup_teardown(test_##name, ct_setup, teardown)

int group_order(void)
{
    const struct CMUnitTest tests[] = {
        T(page_order_of_a_vector_is_the_golden_one),
        T(page_order_of_a_vector_that_grew_page_by_page_is_the_golden_one),
        T(page_order_of_a_collector_is_the_golden_one),
        T(page_order_of_random_series_is_that_of_a_naive_comparison),
        T(page_order_of_random_const_metrics_is_that_of_a_naive_comparison),
        T(page_order_of_a_changing_vector_is_that_of_a_naive_comparison),
        T(page_order_of_series_made_while_a_gather_copies_is_that_of_a_naive_comparison),
        T(page_numbers_of_gauges_are_those_of_go),
        T(page_numbers_of_a_collector_are_those_of_go),
        T(page_numbers_under_a_comma_locale_are_those_of_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
