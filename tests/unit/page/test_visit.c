/*
 * Visiting a page. That a visitor sees what a page shows is tested wherever a page is read: support/visit_text.h. Here is
 * what the text format 0.0.4 has no words for, and how a visit ends.
 */
#include "support/cprom_test.h"

typedef struct seen {
    int families, samples, exemplars, left; /* `left`: callbacks until one stops the visit */
    char log[4096];
} seen;

static void note(seen *s, const char *format, ...)
{
    va_list args;
    size_t len = strlen(s->log);
    va_start(args, format);
    vsnprintf(s->log + len, sizeof s->log - len, format, args);
    va_end(args);
}

static void note_labels(seen *s, const cprom_pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        note(s, " %.*s=%.*s", (int)pairs[i].name_len, pairs[i].name, (int)pairs[i].value_len, pairs[i].value);
    }
}

static bool family(void *ctx, const cprom_family_view *view)
{
    seen *s = ctx;
    s->families++;
    note(s, "%s %d %s %s\n", view->name, view->type, view->help ? view->help : "-", view->unit ? view->unit : "-");
    return --s->left != 0;
}

static bool sample(void *ctx, const cprom_family_view *of, const cprom_sample_view *view)
{
    seen *s = ctx;
    assert_int_equal(view->size, sizeof *view);
    assert_int_equal(of->size, sizeof *of);
    s->samples++;
    note_labels(s, view->labels, view->n_labels);
    note(s, " value %g count %d sum %g", view->value, (int)view->count, view->sum);
    if (view->has_created) note(s, " created %lld", (long long)view->created_ms);
    if (view->has_timestamp) note(s, " at %lld", (long long)view->timestamp_ms);
    note(s, "\n");
    return --s->left != 0;
}

static bool exemplar(void *ctx, const cprom_family_view *of, const cprom_sample_view *with, const cprom_exemplar_view *view)
{
    seen *s = ctx;
    assert_int_equal(view->size, sizeof *view);
    assert_non_null(of->name);
    assert_int_equal(with->size, sizeof *with);
    s->exemplars++;
    note(s, "  exemplar %d of", (int)view->bucket);
    note_labels(s, with->labels, with->n_labels);
    note(s, ":");
    note_labels(s, view->labels, view->n_labels);
    note(s, " value %g at %lld\n", view->value, (long long)view->timestamp_ms);
    return --s->left != 0;
}

static cprom_visitor visitor_of(seen *s)
{
    cprom_visitor visitor = CPROM_INIT(cprom_visitor);
    visitor.family = family;
    visitor.sample = sample;
    visitor.exemplar = exemplar;
    visitor.ctx = s;
    return visitor;
}

static cprom_status emit_at(void *ctx, cprom_scrape *out)
{
    return cprom_emit_at(out, DESC(.name = "a", .type = CPROM_UNTYPED), CPROM_NO_STRS, 5, 0);
}

/* A histogram and a counter with exemplars, and a callback's sample from the first moment of 1970. */
static cprom_page *open_page(ct_fixture *fixture)
{
    cprom_registry *r = fixture->registry;
    cprom_histogram_vec *histograms;
    cprom_counter *counter;
    cprom_page *page;
    assert_ok(cprom_histogram_vec_new(r, OPTS(.name = "h_seconds", .help = "H \\ \n.", .unit = "seconds", .labels = {"l"},
                                              .bounds = (const double[]){1, 2}, .n_bounds = 2, .exemplars = true),
                                      &histograms));
    assert_ok(cprom_counter_new(r, OPTS(.name = "c_total", .help = "C.", .exemplars = true), &counter));
    add_collector(r, "at", emit_at, NULL);
    assert_ok(cprom_histogram_vec_observe_with_exemplar(histograms, CPROM_STRS("\"x\"\n"), 1.5,
                                                        CPROM_LABELS({"a", "\\"}, {"b", ""}), 1234));
    assert_ok(cprom_histogram_vec_observe_with_exemplar(histograms, CPROM_STRS("\"x\"\n"), 3, CPROM_LABELS({"c", "d"}), 0));
    cprom_counter_add_with_exemplar(counter, 2, CPROM_NO_LABELS, 7);
    assert_ok(cprom_page_open(r, NULL, &page));
    return page;
}

static const char all[] = "a 0 - -\n"
                          " value 5 count 0 sum 0 at 0\n"
                          "c_total 1 C. -\n"
                          " value 2 count 0 sum 0 created 1700000000000\n"
                          "  exemplar 0 of: value 2 at 7\n"
                          "h_seconds 3 H \\ \n. seconds\n"
                          " l=\"x\"\n value 0 count 2 sum 4.5 created 1700000000000\n"
                          "  exemplar 1 of l=\"x\"\n: a=\\ b= value 1.5 at 1234\n"
                          "  exemplar 2 of l=\"x\"\n: c=d value 3 at 0\n";

static void test_page_visit_shows_what_text_does_not(void **state)
{
    ct_fixture *fixture = *state;
    cprom_page *page = open_page(fixture);
    seen s = {.left = -1};
    cprom_visitor visitor = visitor_of(&s);
    size_t calls = fixture->alloc.calls;
    assert_ok(cprom_page_visit(page, &visitor));
    assert_string_equal(s.log, all);
    /* Again, and whatever was read of the page. */
    char byte;
    assert_int_equal(cprom_page_read(page, &byte, 1), 1);
    memset(&s, 0, sizeof s);
    s.left = -1;
    assert_ok(cprom_page_visit(page, &visitor));
    assert_string_equal(s.log, all);
    assert_int_equal(fixture->alloc.calls, calls);
    cprom_page_close(page);
}

static void test_page_visit_ends_where_a_callback_says_so(void **state)
{
    cprom_page *page = open_page(*state);
    for (int n = 1; n <= 9; n++) {
        seen s = {.left = n};
        cprom_visitor visitor = visitor_of(&s);
        assert_ok(cprom_page_visit(page, &visitor));
        assert_int_equal(s.families + s.samples + s.exemplars, n);
    }
    cprom_page_close(page);
}

static void test_page_visit_callbacks_may_be_missing(void **state)
{
    cprom_page *page = open_page(*state);
    for (int which = 0; which < 8; which++) {
        seen s = {.left = -1};
        cprom_visitor visitor = visitor_of(&s);
        if (!(which & 1)) visitor.family = NULL;
        if (!(which & 2)) visitor.sample = NULL;
        if (!(which & 4)) visitor.exemplar = NULL;
        assert_ok(cprom_page_visit(page, &visitor));
        assert_int_equal(s.families, which & 1 ? 3 : 0);
        assert_int_equal(s.samples, which & 2 ? 3 : 0);
        assert_int_equal(s.exemplars, which & 4 ? 3 : 0);
    }
    cprom_page_close(page);
}

static void test_page_visit_bad_arguments_are_einval(void **state)
{
    cprom_page *page = open_page(*state);
    seen s = {.left = -1};
    cprom_visitor visitor = visitor_of(&s);
    assert_status(cprom_page_visit(NULL, &visitor), CPROM_EINVAL);
    assert_status(cprom_page_visit(page, NULL), CPROM_EINVAL);
    visitor.size = 0;
    assert_status(cprom_page_visit(page, &visitor), CPROM_EINVAL);
    assert_int_equal(s.families, 0);
    cprom_page_close(page);
}

int group_visit(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_page_visit_shows_what_text_does_not),
        TEST(test_page_visit_ends_where_a_callback_says_so),
        TEST(test_page_visit_callbacks_may_be_missing),
        TEST(test_page_visit_bad_arguments_are_einval),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
