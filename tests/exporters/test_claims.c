#include "support/cprom_test.h"

#include "claims.h"
#include "text.h"
#include "text_parser.h"
#include "text_settle.h"

static struct text_page *parse(const char *text)
{
    struct text_error error;
    struct text_page *page = text_parse(text, strlen(text), &error);
    if (!page) fail_msg("line %zu: %s\n%s", error.line, error.what, text);
    return page;
}

static void assert_taken(struct claims *claims, const struct text_page *old, struct text_page *page)
{
    struct text_error error;
    if (!claims_replace(claims, old, page, false, &error)) fail_msg("line %zu: %s", error.line, error.what);
}

/* One family is left out, and noted. */
static void assert_left_out(struct claims *claims, const struct text_page *old, struct text_page *page, size_t line,
                            const char *what)
{
    size_t before = page->n_families;
    assert_taken(claims, old, page);
    assert_int_equal(page->n_families, before - 1);
    assert_int_equal(page->n_left_out, 1);
    assert_int_equal(page->left_out.line, line);
    assert_string_equal(page->left_out.what, what);
}

#define HISTOGRAM "# TYPE x histogram\nx_sum 1\nx_count 1\n"

static void test_claims_replace_family_of_another_kind_is_left_out(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# TYPE x gauge\nx 1\ny 1\n"), *b = parse("z 1\n" HISTOGRAM),
                     *c = parse("w 1\n" HISTOGRAM), *d = parse("# TYPE x gauge\nx 1\n");
    assert_taken(claims, NULL, a);
    assert_left_out(claims, NULL, b, 2, "x is a histogram here, and a gauge elsewhere");
    assert_string_equal(b->families->name, "z");
    assert_null(b->families->next);
    claims_remove(claims, a);
    assert_taken(claims, b, c);
    assert_int_equal(c->n_families, 2);
    assert_left_out(claims, NULL, d, 1, "x is a gauge here, and a histogram elsewhere");
    claims_remove(claims, c);
    text_free(d);
    d = parse("# TYPE x gauge\nx 1\n");
    assert_taken(claims, NULL, d);
    assert_int_equal(d->n_families, 1);
    text_free(a);
    text_free(b);
    text_free(c);
    text_free(d);
    claims_free(claims);
}

/* Samples of counters, gauges and untyped ones look the same: the type of the first holds. */
static void test_claims_replace_plain_types_are_those_of_the_first(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# TYPE x gauge\nx 1\n"), *b = parse("# HELP x X.\n# TYPE x counter\nx 1\n");
    struct text_page *other = parse("x 2\n"), *own = parse("# TYPE x counter\nx 2\n");
    assert_taken(claims, NULL, a);
    assert_taken(claims, a, b);
    assert_int_equal(b->families->type, CPROM_COUNTER); /* it stands in the place of a */
    assert_string_equal(b->families->help, "X.");
    assert_taken(claims, NULL, other);
    assert_int_equal(other->families->type, CPROM_COUNTER);
    assert_string_equal(other->families->help, "X.");
    claims_remove(claims, b);
    assert_taken(claims, NULL, own);
    assert_int_equal(own->families->type, CPROM_COUNTER);
    text_free(a);
    text_free(b);
    text_free(other);
    text_free(own);
    claims_free(claims);
}

static void test_claims_replace_counter_without_room_is_untyped(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# TYPE x gauge\nx 1\n"), *b = parse("# TYPE x_total counter\nx_total 1\n");
    assert_taken(claims, NULL, a);
    assert_taken(claims, NULL, b);
    assert_int_equal(b->n_left_out, 0);
    assert_int_equal(b->families->type, CPROM_UNTYPED);
    text_free(a);
    text_free(b);
    claims_free(claims);
}

static void test_claims_replace_help_is_that_of_the_first(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# HELP x A.\nx 1\ny 1\n"), *b = parse("# HELP x B.\n# HELP y B.\nx 1\ny 1\n"),
                     *c = parse("x 1\n");
    assert_taken(claims, NULL, a);
    assert_taken(claims, NULL, b);
    assert_taken(claims, NULL, c);
    assert_string_equal(b->families->help, "A.");
    assert_null(b->families->next->help);
    assert_string_equal(c->families->help, "A.");
    text_free(a);
    text_free(b);
    text_free(c);
    claims_free(claims);
}

static void test_claims_replace_own_names_are_nobody_elses(void **state)
{
    struct claims *claims = claims_new();
    struct text_error error;
    struct text_page *own = parse("# TYPE x gauge\nx 1\n"), *a = parse("# TYPE x gauge\nx 1\n"),
                     *b = parse("cprom_x 1\n");
    assert_true(claims_replace(claims, NULL, own, true, &error));
    assert_left_out(claims, NULL, a, 1, "x: the name is the exporter's own");
    assert_left_out(claims, NULL, b, 1, "cprom_x: names with cprom_ in front are the library's");
    text_free(own);
    text_free(a);
    text_free(b);
    claims_free(claims);
}

static struct text_page *parse_many(const char *prefix, const char *type, int n)
{
    char *text = malloc((size_t)n * 64);
    int len = 0;
    for (int i = 0; i < n; i++) len += sprintf(text + len, "# TYPE %s%d %s\n%s%d 1\n", prefix, i, type, prefix, i);
    struct text_page *page = parse(text);
    free(text);
    return page;
}

/* More names than there is room for at first. */
static void test_claims_replace_many_families(void **state)
{
    enum { N = 3000 };
    struct claims *claims = claims_new();
    struct text_page *a = parse_many("x", "gauge", N), *b = parse_many("x", "counter", N),
                     *last = parse("# TYPE x2999 counter\nx2999 1\n");
    assert_taken(claims, NULL, a);
    assert_taken(claims, NULL, last);
    assert_int_equal(last->families->type, CPROM_GAUGE);
    claims_remove(claims, last);
    assert_taken(claims, a, b);
    assert_int_equal(b->last->type, CPROM_COUNTER);
    assert_taken(claims, NULL, last);
    assert_int_equal(last->families->type, CPROM_COUNTER);
    claims_remove(claims, b);
    text_free(b);
    b = parse_many("x", "gauge", N);
    assert_taken(claims, NULL, b);
    assert_int_equal(b->families->type, CPROM_GAUGE);
    assert_int_equal(b->last->type, CPROM_COUNTER);
    text_free(a);
    text_free(b);
    text_free(last);
    claims_free(claims);
}

static cprom_status collect(void *ctx, cprom_scrape *out) { return text_collect(ctx, out); }

/* Whether the library puts both on one page, each from a registry of its own. */
static bool library_takes(struct text_page *a, struct text_page *b)
{
    cprom_registry *parent, *child[2];
    struct text_page *pages[] = {a, b};
    char *text;
    uint64_t failures = 0;
    assert_ok(cprom_registry_new(NULL, &parent));
    for (int i = 0; i < 2; i++) {
        cprom_registry_opts opts = {.size = sizeof opts, .parent = parent, .const_labels = {{"script", i ? "b" : "a"}}};
        assert_ok(cprom_registry_new(&opts, &child[i]));
        assert_ok(cprom_collector_new(child[i], CPROM_OPTS(cprom_collector_opts, .name = "text", .collect = collect,
                                                           .ctx = pages[i])));
    }
    assert_ok(cprom_registry_text(parent, &text, NULL));
    cprom_text_free(text);
    for (int i = 0; i < 2; i++) {
        cprom_stats stats = CPROM_INIT(cprom_stats);
        assert_ok(cprom_registry_stats(child[i], &stats));
        failures += stats.collector_failures;
        cprom_registry_free(child[i]);
    }
    cprom_registry_free(parent);
    return failures == 0;
}

static struct text_page *parse_one(const char *name, const char *type)
{
    char text[512];
    int n = snprintf(text, sizeof text, "# TYPE %s %s\n", name, type);
    bool whole = type[0] == 'h' || type[0] == 's';
    snprintf(text + n, sizeof text - (size_t)n, whole ? "%s_sum 1\n%s_count 1\n" : "%s 1\n", name, name);
    return parse(text);
}

/* Any two families: nothing changes iff the library has them side by side as they are; it has what is left in any case. */
static void test_claims_replace_agrees_with_the_library(void **state)
{
    static const char *const names[] = {"x",     "x_total", "x_created",     "x_info", "x_bucket",
                                        "x_sum", "x_count", "x_total_total", "y"};
    static const char *const types[] = {"untyped", "counter", "gauge", "histogram", "summary"};
    enum { NAMES = sizeof names / sizeof *names, TYPES = sizeof types / sizeof *types, ALL = NAMES * TYPES };
    for (int i = 0; i < ALL * ALL; i++) {
        int a = i / ALL, b = i % ALL;
        struct claims *claims = claims_new();
        struct text_page *first = parse_one(names[a / TYPES], types[a % TYPES]),
                         *second = parse_one(names[b / TYPES], types[b % TYPES]);
        cprom_type type = second->families->type;
        bool fit = library_takes(first, second);
        assert_taken(claims, NULL, first);
        assert_taken(claims, NULL, second);
        bool same = second->families && second->families->type == type;
        if (same != fit || !library_takes(first, second)) {
            fail_msg("%s (%s) and %s (%s): %s", names[a / TYPES], types[a % TYPES], names[b / TYPES], types[b % TYPES],
                     same ? "as it was" : "changed");
        }
        claims_free(claims);
        text_free(first);
        text_free(second);
    }
}

/* ---- settling ---- */

static void assert_settled(const char *text, const char *expected)
{
    size_t len;
    struct text_page *page = parse(text);
    assert_true(text_settle(&page, 1));
    struct text_page *none = parse("");
    assert_true(library_takes(page, none));
    char *printed = text_print(page, &len);
    ct_assert_text_equal(printed, expected);
    cprom_text_free(printed);
    text_free(page);
    text_free(none);
}

static void test_text_settle_created_is_left_out_beside_its_family(void **state)
{
    assert_settled("# TYPE a_total counter\na_total 1\n# TYPE a_created gauge\na_created 5\n",
                   "# TYPE a_total counter\na_total 1\n");
    assert_settled("# TYPE a_created gauge\na_created 5\n# TYPE a counter\na 1\n", "# TYPE a counter\na 1\n");
    assert_settled("# TYPE x_created gauge\nx_created 5\n" HISTOGRAM,
                   "# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n");
    assert_settled("# TYPE s summary\ns_sum 1\ns_count 1\n# TYPE s_created gauge\ns_created 5\n",
                   "# TYPE s summary\ns_sum 1\ns_count 1\n");
    assert_settled("# TYPE a gauge\na 1\n# TYPE a_created gauge\na_created 5\n",
                   "# TYPE a gauge\na 1\n# TYPE a_created gauge\na_created 5\n");
    assert_settled("a_created 5\n", "# TYPE a_created untyped\na_created 5\n");
}

static void test_text_settle_counter_beside_its_name_is_untyped(void **state)
{
    assert_settled("# TYPE a gauge\na 1\n# TYPE a_total counter\na_total 2\n",
                   "# TYPE a gauge\na 1\n# TYPE a_total untyped\na_total 2\n");
    assert_settled("# TYPE a counter\na 1\n# TYPE a_total counter\na_total 2\n",
                   "# TYPE a untyped\na 1\n# TYPE a_total untyped\na_total 2\n");
    assert_settled(HISTOGRAM "# TYPE x_total counter\nx_total 2\n",
                   "# TYPE x histogram\nx_bucket{le=\"+Inf\"} 1\nx_sum 1\nx_count 1\n# TYPE x_total untyped\nx_total 2\n");
    assert_settled("# TYPE a_total counter\na_total 2\n# TYPE b gauge\nb 1\n",
                   "# TYPE a_total counter\na_total 2\n# TYPE b gauge\nb 1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_replace_family_of_another_kind_is_left_out),
        cmocka_unit_test(test_claims_replace_plain_types_are_those_of_the_first),
        cmocka_unit_test(test_claims_replace_counter_without_room_is_untyped),
        cmocka_unit_test(test_claims_replace_help_is_that_of_the_first),
        cmocka_unit_test(test_claims_replace_own_names_are_nobody_elses),
        cmocka_unit_test(test_claims_replace_many_families),
        cmocka_unit_test(test_claims_replace_agrees_with_the_library),
        cmocka_unit_test(test_text_settle_created_is_left_out_beside_its_family),
        cmocka_unit_test(test_text_settle_counter_beside_its_name_is_untyped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
