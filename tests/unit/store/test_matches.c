/* Whether a text belongs to label values: against comparing the values themselves. */
#include "support/cprom_test.h"

#include "store/lookup.h"

#define LABELS 3u
#define ROUNDS 200000u

static uint64_t seed;

static size_t below(size_t n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (size_t)(seed >> 33) % n;
}

/* Values that are alike, and look like what stands between values. */
static void any_value(char *out)
{
    static const char *const parts[] = {"",   "a",  "b",    "\"",     "\\",         "\n",       ",",
                                        "\\\"", "\\n", "abcd", "abcdefg", "\",m=\"x\",z=\"", "\",z=\"", "0123456789abcdef"};
    size_t n = below(4);
    *out = '\0';
    while (n--) strcat(out, parts[below(COUNT(parts))]);
    if (*out && below(4) == 0) out[below(strlen(out))] = 'x';
}

static void test_desc_matches_values_that_differ_never_match(void **state)
{
    cprom_registry *registry;
    cprom_gauge_vec *gauges;
    size_t matched = 0, same_length = 0, plain = 0;
    /* The labels are not declared in their order, and a const label stands between them. */
    assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .const_labels = {{"m", "x"}}), &registry));
    assert_ok(cprom_gauge_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "g", .help = "G.", .labels = {"z", "a", "k"}), &gauges));
    struct cprom_vec *vec = (struct cprom_vec *)gauges;
    seed = 1;
    for (size_t round = 0; round < ROUNDS; round++) {
        char a[LABELS][80], b[LABELS][80];
        bool same = true;
        for (size_t i = 0; i < LABELS; i++) {
            any_value(a[i]);
            if (below(3)) strcpy(b[i], a[i]);
            else any_value(b[i]);
            same = same && strcmp(a[i], b[i]) == 0;
        }
        if (below(8) == 0) { /* of the same length in all */
            strcpy(b[1], a[0]);
            strcpy(b[0], a[1]);
            strcpy(b[2], a[2]);
            same = strcmp(a[0], a[1]) == 0;
        }
        if (below(8) == 0) { /* but for one byte */
            memcpy(b, a, sizeof b);
            size_t i = below(LABELS), len = strlen(b[i]);
            if (len) b[i][below(len)] ^= 1;
            same = !len;
        }
        struct cprom__values made, asked;
        assert_ok(cprom__values_measure(vec, CPROM_STRS(a[0], a[1], a[2]), &made));
        assert_ok(cprom__values_measure(vec, CPROM_STRS(b[0], b[1], b[2]), &asked));
        size_t len = cprom__desc_text_len(vec->desc, &made);
        char *text = malloc(len + 1); /* exactly: a sanitizer sees who reads beyond */
        assert_non_null(text);
        cprom__desc_text(vec->desc, &made, text);
        bool escaped = len != vec->desc->pieces_len + made.bytes;
        assert_int_equal(cprom__desc_matches(vec->desc, text, len, escaped, &asked), same);
        matched += same;
        plain += !escaped;
        same_length += !same && made.bytes == asked.bytes;
        free(text);
    }
    /* Each kind came up often. */
    assert_true(matched > ROUNDS / 20 && matched < ROUNDS / 2 && plain > ROUNDS / 20 && same_length > ROUNDS / 20);
    cprom_registry_free(registry);
}

int group_matches(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_desc_matches_values_that_differ_never_match),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
