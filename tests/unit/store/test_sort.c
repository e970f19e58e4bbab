/* How lib/store/sort.c compares and sorts series by their texts, against the values that the texts were made from. */
#include "support/cprom_test.h"

#include "base/names.h"
#include "store/series.h"
#include "store/sort.h"
#include "store/vec.h"

/*==============================================================================
 * Sorting texts
 *============================================================================*/

#define LABELS 3
#define LEN_MAX 44

/* Names as they stand in texts. A text may have names in quotes, with what else stands around values in them. */
static const char *const bare_names[LABELS] = {"a", "b", "c"};
static const char *const quoted_names[LABELS] = {"\"a=\\\"\\\\,\"", "\"b\\n\\n\\n\\n\"", "c"};

/* A series that nobody made: only what the comparison looks at. And its values as they were. */
typedef struct fake {
    char value[LABELS][LEN_MAX + 1];
    struct cprom_series *series;
} fake;

/* All texts begin with a=". */
static struct cprom_vec fake_vec;

static void render(fake *f, const char *const *names, int n_labels)
{
    char text[LABELS * (2 * LEN_MAX + 24)], *out = text;
    bool escaped = false;
    for (int i = 0; i < n_labels; i++) {
        if (i) *out++ = ',';
        escaped |= strchr(names[i], '\\') != NULL;
        out = stpcpy(out, names[i]);
        *out++ = '=';
        *out++ = '"';
        size_t len = strlen(f->value[i]);
        escaped |= cprom__escaped_len(f->value[i], len) != len;
        out = cprom__escape(out, f->value[i], len);
        *out++ = '"';
    }
    size_t len = (size_t)(out - text);
    f->series = calloc(1, sizeof *f->series + len); /* no more, so that sanitizers see a byte too far */
    assert_non_null(f->series);
    memcpy(f->series->text, text, len);
    f->series->len = (unsigned)len & 0xffffff;
    f->series->escaped = escaped;
    f->series->vec = &fake_vec;
}

static int naive(const fake *a, const fake *b)
{
    for (int i = 0; i < LABELS; i++) {
        int order = strcmp(a->value[i], b->value[i]);
        if (order) return order < 0 ? -1 : 1;
    }
    return 0;
}

static const char *const alphabets[] = {"ab",       "\\\"\n",       "a\\\n\"\x01\x02 !#",         "\n\x0b\x09\x01",
                                        "\"!#\x01", "\\[]\x80\xff", "abcdefghijklmnopqrstuvwxyz", "a=\",\\"};

static void random_value(char *out, const char *alphabet, uint64_t *seed)
{
    size_t len = (next_random(seed) >> 33) % 4 ? (next_random(seed) >> 33) % 5 : (next_random(seed) >> 33) % LEN_MAX;
    size_t n = strlen(alphabet);
    if (!n) len = 0;
    size_t common = (next_random(seed) >> 33) % 2 ? len : 0;
    for (size_t i = 0; i < len; i++) {
        /* Half of them agree in a long beginning. */
        out[i] = alphabet[i + 2 < common ? 0 : (next_random(seed) >> 33) % n];
    }
    out[len] = '\0';
}

static fake *make_named(size_t n, const char *alphabet, const char *const *names, int n_labels, uint64_t *seed)
{
    fake *fakes = calloc(n, sizeof *fakes);
    assert_non_null(fakes);
    for (size_t i = 0; i < n; i++) {
        for (int k = 0; k < n_labels; k++) random_value(fakes[i].value[k], alphabet, seed);
        render(&fakes[i], names, n_labels);
    }
    return fakes;
}

static fake *make_fakes(size_t n, const char *alphabet, int n_labels, uint64_t *seed)
{
    return make_named(n, alphabet, bare_names, n_labels, seed);
}

static void free_fakes(fake *fakes, size_t n)
{
    for (size_t i = 0; i < n; i++) free(fakes[i].series);
    free(fakes);
}

static void test_compare_random_texts_agrees_with_values(void **state)
{
    uint64_t seed = 1;
    for (size_t a = 0; a < COUNT(alphabets); a++) {
        for (int n_labels = 1; n_labels <= LABELS; n_labels++) {
            enum {
                N = 150
            };
            fake *fakes = make_fakes(N, alphabets[a], n_labels, &seed);
            for (size_t i = 0; i < N; i++) {
                for (size_t k = 0; k < N; k++) {
                    assert_int_equal(cprom__series_compare(fakes[i].series, fakes[k].series),
                                     naive(&fakes[i], &fakes[k]));
                }
            }
            free_fakes(fakes, N);
        }
    }
}

static int compare_by_definition(const struct cprom__desc *desc_a, const fake *a, const struct cprom__desc *desc_b,
                                 const fake *b)
{
    int order = cprom__order_compare(&(struct cprom__order_text){desc_a, a->series->text, a->series->len},
                                     &(struct cprom__order_text){desc_b, b->series->text, b->series->len});
    return (order > 0) - (order < 0);
}

static void test_compare_random_texts_definition_and_keys_agree(void **state)
{
    uint64_t seed = 7;
    for (size_t a = 0; a < COUNT(alphabets); a++) {
        for (int n_labels = 1; n_labels <= 2 * LABELS; n_labels++) {
            enum {
                N = 150
            };
            bool quoted = n_labels > LABELS;
            fake *fakes = make_named(N, alphabets[a], quoted ? quoted_names : bare_names,
                                     quoted ? n_labels - LABELS : n_labels, &seed);
            for (size_t i = 0; i < N; i++) {
                for (size_t k = 0; k < N; k++) {
                    int order = compare_by_definition(fake_vec.desc, &fakes[i], fake_vec.desc, &fakes[k]);
                    assert_int_equal(order, cprom__series_compare(fakes[i].series, fakes[k].series));
                    assert_int_equal(order, naive(&fakes[i], &fakes[k]));
                }
            }
            free_fakes(fakes, N);
        }
    }
}

static int naive_texts(const fake *a, const fake *b)
{
    size_t n = a->series->len, m = b->series->len;
    int order = memcmp(a->series->text, b->series->text, n < m ? n : m);
    return order ? (order > 0) - (order < 0) : (n > m) - (n < m);
}

/* Families whose label names differ, and their number: labels and const labels count alike. */
static void test_order_compare_several_families_by_number_then_values_then_names(void **state)
{
    static const char *const names[][LABELS] = {
        {"a", "b", "c"}, {"a", "aa", "b"}, {"b", "c", "d"}, {"\"a\"", "b", "c"}};
    enum {
        FAMILIES = COUNT(names) * LABELS,
        N = 12
    };
    uint64_t seed = 9;
    for (size_t alphabet = 0; alphabet < COUNT(alphabets); alphabet++) {
        struct cprom__desc *descs = calloc(FAMILIES, sizeof *descs);
        assert_non_null(descs);
        fake *fakes[FAMILIES];
        for (size_t f = 0; f < FAMILIES; f++) {
            size_t n = f % LABELS + 1;
            descs[f].n_const_labels = (next_random(&seed) >> 33) % (n + 1);
            descs[f].n_labels = n - descs[f].n_const_labels;
            /* Once without values, so that names decide. */
            fakes[f] = make_named(N, alphabet ? alphabets[alphabet] : "", names[f / LABELS], (int)n, &seed);
        }
        for (size_t f = 0; f < FAMILIES * N; f++) {
            for (size_t g = 0; g < FAMILIES * N; g++) {
                const fake *a = &fakes[f / N][f % N], *b = &fakes[g / N][g % N];
                size_t n = f / N % LABELS, m = g / N % LABELS;
                int expected = (n > m) - (n < m);
                if (!expected) expected = naive(a, b);
                if (!expected) expected = naive_texts(a, b);
                assert_int_equal(compare_by_definition(&descs[f / N], a, &descs[g / N], b), expected);
            }
        }
        for (size_t f = 0; f < FAMILIES; f++) free_fakes(fakes[f], N);
        free(descs);
    }
}

static void check_sorted(fake *fakes, size_t n)
{
    struct cprom__order_item *items = malloc(n * sizeof *items);
    bool *seen = calloc(n, sizeof *seen);
    assert_true(items && seen);
    for (size_t i = 0; i < n; i++) items[i] = cprom__order_item(fakes[i].series, (uint32_t)i);
    cprom__order_sort_items(items, n);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(items[i].series, fakes[items[i].tag].series);
        assert_false(seen[items[i].tag]);
        seen[items[i].tag] = true;
        if (i) assert_true(naive(&fakes[items[i - 1].tag], &fakes[items[i].tag]) <= 0);
    }
    free(items);
    free(seen);
}

static int naive_pointers(const void *a, const void *b) { return naive(a, b); }

static void test_sort_items_random_texts_agrees_with_values(void **state)
{
    static const size_t sizes[] = {1, 2, 15, 16, 17, 18, 40, 300, 511, 512, 513, 5000}; /* SCATTER_MIN is 512 */
    uint64_t seed = 3;
    for (size_t a = 0; a < COUNT(alphabets); a++) {
        for (size_t s = 0; s < COUNT(sizes); s++) {
            fake *fakes = make_fakes(sizes[s], alphabets[a], 1 + (int)(s % LABELS), &seed);
            check_sorted(fakes, sizes[s]);
            qsort(fakes, sizes[s], sizeof *fakes, naive_pointers); /* in order already */
            check_sorted(fakes, sizes[s]);
            for (size_t i = 0; i < sizes[s] / 2; i++) { /* the other way round */
                fake moved = fakes[i];
                fakes[i] = fakes[sizes[s] - 1 - i];
                fakes[sizes[s] - 1 - i] = moved;
            }
            check_sorted(fakes, sizes[s]);
            free_fakes(fakes, sizes[s]);
        }
    }
}

static void test_sort_items_all_equal_keeps_all(void **state)
{
    uint64_t seed = 5;
    fake *fakes = make_fakes(2000, "", 2, &seed);
    check_sorted(fakes, 2000);
    free_fakes(fakes, 2000);
}

/*==============================================================================
 * Escapes that do not come from the values
 *============================================================================*/

static void test_page_const_label_with_escapes_order_is_by_values(void **state)
{
    static const char *const values[] = {"",    "!",  "\"",   "\"x", "\\",  "\n", "\n\n", "a",        "a\n",
                                         "a\"", "aa", "b",    "b\n", "b\\", "10", "2",    "10000000", "100000000000000",
                                         "zz",  "z",  "z\nz", "\x01"};
    enum {
        N = COUNT(values)
    };
    static const char *const const_values[] = {"x\"y", "\\", "\n\n\n", "plain", "ends with \\"};
    for (size_t c = 0; c < COUNT(const_values); c++) {
        ct_fixture *fixture = ct_fixture_new();
        cprom_registry_free(fixture->registry);
        cprom_registry_opts opts = ct_fixture_opts(fixture);
        opts.const_labels[0] = (cprom_label){"a", const_values[c]};
        opts.const_labels[1] = (cprom_label){"c", const_values[c]};
        opts.const_labels[2] = (cprom_label){"e", const_values[c]};
        assert_ok(cprom_registry_new(&opts, &fixture->registry));
        cprom_gauge_vec *vec;
        assert_ok(cprom_gauge_vec_new(fixture->registry,
                                      CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"d", "b"}), &vec));
        for (size_t i = 0; i < N * N; i++) {
            size_t k = i * 211 % (N * N);
            assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(values[k / N], values[k % N]), (double)k));
        }
        /* The parser wants the order of the format. */
        ct_page page = ct_page_read(fixture->registry, NULL, 4096);
        assert_int_equal(parser_count(page.parsed, "g"), N * N);
        ct_page_free(&page);
        /* And again with series that came in one by one. */
        assert_ok(cprom_gauge_vec_clear(vec));
        for (size_t i = 0; i < N * N; i++) {
            size_t k = i * 97 % (N * N);
            assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(values[k / N], values[k % N]), (double)k));
            if (i % 60) continue;
            page = ct_page_read(fixture->registry, NULL, 4096);
            ct_page_free(&page);
        }
        double value;
        for (size_t k = 0; k < N * N; k++) {
            assert_ok(cprom_gauge_vec_get(vec, CPROM_STRS(values[k / N], values[k % N]), &value));
            assert_true(value == (double)k);
        }
        ct_fixture_free(fixture);
    }
}

static void test_page_longest_values_of_escapes_are_sorted(void **state)
{
    /* Each byte of the search for an escape's beginning must not look at all bytes before it. */
    enum {
        N = 40
    };
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "h", .labels = {"l"}),
                                  &vec));
    char *value = malloc(CPROM_VALUE_MAX + 1);
    assert_non_null(value);
    memset(value, '\\', CPROM_VALUE_MAX);
    value[CPROM_VALUE_MAX] = '\0';
    for (size_t i = 0; i < N; i++) {
        value[CPROM_VALUE_MAX - 1] = (char)('A' + i * 7 % N);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(value), 1));
    }
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    assert_int_equal(parser_count(page.parsed, "g"), N);
    ct_page_free(&page);
    free(value);
}

static int fake_family(void **state)
{
    fake_vec.desc = calloc(1, sizeof *fake_vec.desc + sizeof *fake_vec.desc->pieces);
    if (!fake_vec.desc) return -1;
    fake_vec.desc->pieces[0] = (struct cprom__piece){"a=\"", 3};
    return 0;
}

static int free_family(void **state)
{
    free(fake_vec.desc);
    return 0;
}

int group_sort(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare_random_texts_agrees_with_values),
        cmocka_unit_test(test_compare_random_texts_definition_and_keys_agree),
        cmocka_unit_test(test_order_compare_several_families_by_number_then_values_then_names),
        cmocka_unit_test(test_sort_items_random_texts_agrees_with_values),
        cmocka_unit_test(test_sort_items_all_equal_keeps_all),
        cmocka_unit_test(test_page_const_label_with_escapes_order_is_by_values),
        TEST(test_page_longest_values_of_escapes_are_sorted),
    };
    return cmocka_run_group_tests(tests, fake_family, free_family);
}
