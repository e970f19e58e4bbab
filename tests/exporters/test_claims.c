#include "support/cprom_test.h"

#include "claims.h"
#include "text.h"
#include "text_parser.h"

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

static void assert_refused(struct claims *claims, const struct text_page *old, struct text_page *page, size_t line,
                           const char *what)
{
    struct text_error error;
    assert_false(claims_replace(claims, old, page, false, &error));
    assert_int_equal(error.line, line);
    assert_string_equal(error.what, what);
}

static void test_claims_replace_family_of_another_type_is_refused(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# TYPE x gauge\nx 1\ny 1\n"), *b = parse("z 1\n# TYPE x counter\nx 1\n"),
                     *c = parse("z 2\n");
    assert_taken(claims, NULL, a);
    assert_refused(claims, NULL, b, 2, "x is a counter here, and a gauge elsewhere");
    assert_taken(claims, NULL, c);
    assert_refused(claims, c, b, 2, "x is a counter here, and a gauge elsewhere");
    claims_remove(claims, a);
    assert_taken(claims, c, b);
    assert_refused(claims, NULL, a, 1, "x is a gauge here, and a counter elsewhere");
    claims_remove(claims, b);
    assert_taken(claims, NULL, a);
    text_free(a);
    text_free(b);
    text_free(c);
    claims_free(claims);
}

static void test_claims_replace_own_types_may_change(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *a = parse("# TYPE x gauge\nx 1\n"), *b = parse("# HELP x X.\n# TYPE x counter\nx 1\n");
    struct text_page *other = parse("# TYPE x gauge\nx 2\n");
    assert_taken(claims, NULL, a);
    assert_taken(claims, a, b);
    assert_string_equal(b->families->help, "X.");
    assert_refused(claims, NULL, other, 1, "x is a gauge here, and a counter elsewhere");
    assert_taken(claims, b, a);
    assert_taken(claims, NULL, other);
    assert_refused(claims, a, b, 1, "x is a counter here, and a gauge elsewhere");
    claims_remove(claims, other);
    assert_taken(claims, a, b);
    text_free(a);
    text_free(b);
    text_free(other);
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

static void test_claims_replace_refused_page_leaves_all_as_it_was(void **state)
{
    struct claims *claims = claims_new();
    struct text_page *old = parse("# HELP a Old.\n# TYPE a gauge\na 1\n"), *other = parse("m 1\n");
    struct text_page *bad = parse("# HELP a New.\n# TYPE a gauge\na 1\nb 1\n# TYPE m gauge\nm 1\nz 1\n");
    struct text_page *a = parse("# HELP a Other.\n# TYPE a gauge\na 1\n"),
                     *b = parse("# TYPE b counter\nb 1\n# TYPE z counter\nz 1\n");
    assert_taken(claims, NULL, old);
    assert_taken(claims, NULL, other);
    assert_refused(claims, old, bad, 5, "m is a gauge here, and untyped elsewhere");
    assert_taken(claims, NULL, a);
    assert_string_equal(a->families->help, "Old.");
    assert_taken(claims, NULL, b); /* nothing is left of bad */
    text_free(old);
    text_free(other);
    text_free(bad);
    text_free(a);
    text_free(b);
    claims_free(claims);
}

static void test_claims_replace_own_names_are_nobody_elses(void **state)
{
    struct claims *claims = claims_new();
    struct text_error error;
    struct text_page *own = parse("# TYPE x gauge\nx 1\n"), *a = parse("# TYPE x gauge\nx 1\n"),
                     *b = parse("cprom_x 1\n");
    assert_true(claims_replace(claims, NULL, own, true, &error));
    assert_refused(claims, NULL, a, 1, "x: the name is the exporter's own");
    assert_refused(claims, NULL, b, 1, "cprom_x: names with cprom_ in front are the library's");
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
    assert_refused(claims, NULL, b, 1, "x0 is a counter here, and a gauge elsewhere");
    assert_refused(claims, NULL, last, 1, "x2999 is a counter here, and a gauge elsewhere");
    assert_taken(claims, a, b);
    assert_taken(claims, NULL, last);
    claims_remove(claims, b);
    assert_refused(claims, NULL, a, 2 * N - 1, "x2999 is a gauge here, and a counter elsewhere");
    claims_remove(claims, last);
    assert_taken(claims, NULL, a);
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

/* Any two families: claimed side by side iff the library has them side by side. */
static void test_claims_replace_agrees_with_the_library(void **state)
{
    static const char *const names[] = {"x",     "x_total", "x_created",     "x_info", "x_bucket",
                                        "x_sum", "x_count", "x_total_total", "y"};
    static const char *const types[] = {"untyped", "counter", "gauge", "histogram", "summary"};
    enum { NAMES = sizeof names / sizeof *names, TYPES = sizeof types / sizeof *types, ALL = NAMES * TYPES };
    struct text_page *pages[2][ALL];
    for (int i = 0; i < 2 * ALL; i++) {
        char text[512];
        const char *name = names[i % ALL / TYPES], *type = types[i % TYPES];
        int n = snprintf(text, sizeof text, "# TYPE %s %s\n", name, type);
        bool whole = type[0] == 'h' || type[0] == 's';
        snprintf(text + n, sizeof text - (size_t)n, whole ? "%s_sum 1\n%s_count 1\n" : "%s 1\n", name, name);
        pages[i / ALL][i % ALL] = parse(text);
    }
    for (int a = 0; a < ALL; a++) {
        for (int b = 0; b < ALL; b++) {
            struct text_error error;
            struct claims *claims = claims_new();
            assert_taken(claims, NULL, pages[0][a]);
            bool taken = claims_replace(claims, NULL, pages[1][b], false, &error);
            claims_free(claims);
            if (taken != library_takes(pages[0][a], pages[1][b])) {
                fail_msg("%s (%s) and %s (%s): %s", names[a / TYPES], types[a % TYPES], names[b / TYPES],
                         types[b % TYPES], taken ? "taken" : error.what);
            }
        }
    }
    for (int i = 0; i < 2 * ALL; i++) text_free(pages[i / ALL][i % ALL]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_claims_replace_family_of_another_type_is_refused),
        cmocka_unit_test(test_claims_replace_own_types_may_change),
        cmocka_unit_test(test_claims_replace_help_is_that_of_the_first),
        cmocka_unit_test(test_claims_replace_refused_page_leaves_all_as_it_was),
        cmocka_unit_test(test_claims_replace_own_names_are_nobody_elses),
        cmocka_unit_test(test_claims_replace_many_families),
        cmocka_unit_test(test_claims_replace_agrees_with_the_library),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
