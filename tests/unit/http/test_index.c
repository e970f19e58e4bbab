/* The page for people, read back by a naive reader of HTML; and what a handler tells of itself. */
#include <errno.h>

#include "oracle/http_read.h"

/*
 * The text of an HTML page: each tag is written as [name], texts are unescaped. Asserts that tags are balanced, and
 * that no quote of an attribute is left open.
 */
static char *html_text(const char *html)
{
    static const struct {
        const char *name, *text;
    } entities[] = {{"&amp;", "&"}, {"&lt;", "<"}, {"&gt;", ">"}, {"&quot;", "\""}, {"&#39;", "'"}};
    char *text = calloc(1, strlen(html) * 2 + 1), *out = text;
    char open[32][16];
    size_t depth = 0;
    for (const char *p = html; *p;) {
        if (*p == '&') {
            size_t i = 0;
            while (i < 5 && strncmp(p, entities[i].name, strlen(entities[i].name)) != 0) i++;
            assert_true(i < 5);
            out += sprintf(out, "%s", entities[i].text);
            p += strlen(entities[i].name);
        } else if (*p == '<') {
            bool closes = p[1] == '/';
            const char *name = p + 1 + closes;
            size_t len = strspn(name, "!abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ123456");
            assert_in_range(len, 1, 15);
            bool quoted = false;
            const char *end = name + len;
            for (; *end && (quoted || *end != '>'); end++) {
                if (*end == '"') quoted = !quoted;
                assert_true(*end != '<');
            }
            assert_int_equal(*end, '>');
            if (closes) {
                assert_true(depth > 0);
                assert_true(strlen(open[depth - 1]) == len && memcmp(open[--depth], name, len) == 0);
            } else if (*name != '!' && strncmp(name, "meta", 4) != 0) {
                assert_true(depth < 32);
                memcpy(open[depth], name, len);
                open[depth++][len] = '\0';
            }
            out += sprintf(out, "[%s%.*s]", closes ? "/" : "", (int)len, name);
            p = end + 1;
        } else {
            assert_true(*p != '>');
            *out++ = *p++;
        }
    }
    assert_int_equal(depth, 0);
    return text;
}

static cprom_status count_call(void *ctx, cprom_scrape *out)
{
    if (ctx) ++*(int *)ctx;
    return CPROM_OK;
}

static void test_index_lists_every_family_and_gathers_nothing(void **state)
{
    ct_fixture *f = *state;
    int calls = 0;
    cprom_gauge *gauge;
    cprom_counter_vec *counters;
    cprom_histogram *histogram;
    cprom_summary_vec *summaries;
    assert_ok(cprom_gauge_new(f->registry, OPTS(.name = "g", .help = "A <b>&amp; \"c\" 'd'\n</td>e\xc3\xa4."), &gauge));
    assert_ok(cprom_counter_vec_new(f->registry, OPTS(.name = "c_total", .help = "C.", .labels = {"l"}), &counters));
    assert_ok(cprom_histogram_new(f->registry, OPTS(.name = "h:i_seconds", .help = "H."), &histogram));
    assert_ok(cprom_summary_vec_new(f->registry, OPTS(.name = "s", .help = "S.", .labels = {"l"}), &summaries));
    cprom_stateset *stateset;
    assert_ok(cprom_info_new(f->registry, OPTS(.name = "i_info", .help = "I."), CPROM_LABELS({"a", "b"})));
    assert_ok(cprom_stateset_new(f->registry, OPTS(.name = "t", .help = "T.", .states = {"x", "y"}), &stateset));
    for (int i = 0; i < 120; i++) {
        char value[16];
        snprintf(value, sizeof value, "<%d>", i);
        assert_ok(cprom_counter_vec_inc(counters, CPROM_STRS(value)));
    }
    static const cprom_desc descs[] = {
        {.size = sizeof(cprom_desc), .name = "d_untyped"},
        {.size = sizeof(cprom_desc), .name = "d_gauge", .type = CPROM_GAUGE, .help = "D <g>.", .labels = {"l"}}};
    cprom_collector_opts o = CPROM_INIT(cprom_collector_opts);
    o.name = "declared";
    o.collect = count_call;
    o.ctx = &calls;
    o.descs = descs;
    o.n_descs = 2;
    assert_ok(cprom_collector_new(f->registry, &o));
    cprom_http_handler *handler = hr_handler(f->registry, HANDLER_OPTS(.program = "a<script>&\"'", .path = "/m\"'<>&"));
    hr_response r = hr_get(handler, "/");
    assert_int_equal(r.status, 200);
    assert_string_equal(hr_header(&r, "Content-Type"), "text/html; charset=utf-8");
    assert_true(r.has_length);
    char *text = html_text(r.body);
    assert_non_null(strstr(text, "[title]a<script>&\"': metrics[/title]"));
    assert_non_null(strstr(text, "[h1]a<script>&\"'[/h1]"));
    static const char *const rows[] = {
        "[tr][td][a]c_total[/a][/td][td]counter[/td][td]120[/td][td]C.[/td][/tr]\n",
        "[tr][td][a]d_gauge[/a][/td][td]gauge[/td][td][/td][td]D <g>.[/td][/tr]\n",
        "[tr][td][a]d_untyped[/a][/td][td]untyped[/td][td][/td][td][/td][/tr]\n",
        "[tr][td][a]g[/a][/td][td]gauge[/td][td]1[/td][td]A <b>&amp; \"c\" 'd'\n</td>e\xc3\xa4.[/td][/tr]\n",
        "[tr][td][a]h:i_seconds[/a][/td][td]histogram[/td][td]1[/td][td]H.[/td][/tr]\n",
        "[tr][td][a]i_info[/a][/td][td]info[/td][td]1[/td][td]I.[/td][/tr]\n",
        "[tr][td][a]s[/a][/td][td]summary[/td][td]0[/td][td]S.[/td][/tr]\n",
        "[tr][td][a]t[/a][/td][td]stateset[/td][td]1[/td][td]T.[/td][/tr]\n"};
    char table[4096] = "[tbody]\n";
    for (size_t i = 0; i < COUNT(rows); i++) strcat(table, rows[i]);
    strcat(table, "[/tbody]");
    assert_non_null(strstr(text, table));
    assert_null(strstr(text, "Also"));
    /* Links lead to what the handler answers. */
    assert_non_null(strstr(r.body, "<a href=\"/m&quot;&#39;&lt;&gt;&amp;\">"));
    assert_non_null(strstr(r.body, "<a href=\"/m&quot;&#39;&lt;&gt;&amp;?name%5B%5D=g\">"));
    assert_int_equal(calls, 0);
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(f->registry, &stats));
    assert_int_equal(stats.gathers, 0);
    hr_free(&r);
    r = hr_get(handler, "/m\"'<>&?name%5B%5D=g");
    assert_non_null(strstr(r.body, "\ng 0\n"));
    assert_null(strstr(r.body, "c_total"));
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_index_names_collectors_that_declare_nothing(void **state)
{
    ct_fixture *f = *state;
    static const char *const names[] = {"one", "<two>"};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(cprom_collector_new(f->registry,
                                      CPROM_OPTS(cprom_collector_opts, .name = names[i], .collect = count_call)));
    }
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    hr_response r = hr_get(handler, "/");
    char *text = html_text(r.body);
    assert_non_null(strstr(text, "[tbody]\n[/tbody]"));
    assert_non_null(strstr(text, "[p]Also what these collectors emit: one, <two>[/p]"));
    assert_null(strstr(text, "[h1][/h1]")); /* the program has some name, */
#ifdef __GLIBC__
    assert_non_null(strstr(text, program_invocation_short_name)); /* its own where that is known */
#endif
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_index_of_many_families_is_whole(void **state)
{
    ct_fixture *f = *state;
    for (int i = 0; i < 1000; i++) {
        char name[16], row[128];
        cprom_gauge *gauge;
        snprintf(name, sizeof name, "g%03d", i);
        snprintf(row, sizeof row, "Help of %s.", name);
        assert_ok(cprom_gauge_new(f->registry, OPTS(.name = name, .help = row), &gauge));
    }
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    cprom_http_request request = hr_request("GET", "/");
    size_t n;
    char *raw = hr_pull(hr_handle(handler, &request), 1, &n, NULL);
    hr_response r = hr_read(raw, n, "GET");
    char *text = html_text(r.body), *at = text;
    for (int i = 0; i < 1000; i++) {
        char row[128];
        snprintf(row, sizeof row, "[td]1[/td][td]Help of g%03d.[/td]", i);
        at = strstr(at, row);
        assert_non_null(at);
    }
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

/* ---- registries with parents ---- */

static double three(void *ctx) { return 3; }

static void assert_table(ct_fixture *f, const char *table, const char *also)
{
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    hr_response r = hr_get(handler, "/");
    char *text = html_text(r.body), whole[4096];
    snprintf(whole, sizeof whole, "[tbody]\n%s[/tbody]\n[/table]\n%s[/body]", table, also);
    if (!strstr(text, whole)) print_error("%s\nlacks\n%s\n", text, whole);
    assert_non_null(strstr(text, whole));
    hr_free(&r);
    free(text);
    cprom_http_handler_free(handler);
}

static void test_index_lists_what_descendants_have_each_family_once(void **state)
{
    ct_fixture *f = *state, *left = ct_fixture_child(f->registry, CPROM_LABELS({"at", "l"})),
               *right = ct_fixture_child(f->registry, CPROM_LABELS({"at", "r"})),
               *low = ct_fixture_child(right->registry, CPROM_LABELS({"at", "low"})), *all[] = {f, left, right, low};
    cprom_gauge *gauge;
    cprom_gauge_vec *vec;
    for (int i = 0; i < 4; i++) {
        assert_ok(cprom_gauge_vec_new(all[i]->registry, OPTS(.name = "both", .help = "B.", .labels = {"l"}), &vec));
        for (int k = 0; k <= i; k++) assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(k ? "x" : "y"), 1));
        assert_ok(cprom_collector_new(all[i]->registry,
                                      CPROM_OPTS(cprom_collector_opts, .name = i % 2 ? "odd" : "even", .collect = count_call)));
    }
    assert_ok(cprom_gauge_new(low->registry, OPTS(.name = "a", .help = "A."), &gauge));
    assert_ok(cprom_gauge_new(left->registry, OPTS(.name = "z", .help = "Z."), &gauge));
    /* How many series a family has that a collector has in another registry is not known. */
    assert_ok(cprom_gauge_new(left->registry, OPTS(.name = "f", .help = "F."), &gauge));
    assert_ok(cprom_gauge_func_new(right->registry, OPTS(.name = "f", .help = "F."), three, NULL));
#define ROW(name, series, help) "[tr][td][a]" name "[/a][/td][td]gauge[/td][td]" series "[/td][td]" help "[/td][/tr]\n"
#define ALSO(names) "[p]Also what these collectors emit: " names "[/p]\n"
    assert_table(f, ROW("a", "1", "A.") ROW("both", "7", "B.") ROW("f", "", "F.") ROW("z", "1", "Z."), ALSO("even, odd"));
    assert_table(right, ROW("a", "1", "A.") ROW("both", "4", "B.") ROW("f", "", "F."), ALSO("even, odd"));
    assert_table(left, ROW("both", "2", "B.") ROW("f", "1", "F.") ROW("z", "1", "Z."), ALSO("odd"));
    ct_fixture_free(right);
    assert_table(f, ROW("both", "3", "B.") ROW("f", "1", "F.") ROW("z", "1", "Z."), ALSO("even, odd"));
    assert_table(low, ROW("a", "1", "A.") ROW("both", "2", "B."), ALSO("odd"));
    ct_fixture_free(low);
    ct_fixture_free(left);
    assert_table(f, ROW("both", "1", "B."), ALSO("even"));
}

static void test_index_of_many_registries_is_sorted(void **state)
{
    enum { REGISTRIES = 37, FAMILIES = 200 };
    ct_fixture *f = *state, *children[REGISTRIES];
    for (int i = 0; i < REGISTRIES; i++) {
        char at[8];
        snprintf(at, sizeof at, "%d", i);
        children[i] = ct_fixture_child(i % 3 ? children[i / 2]->registry : f->registry, CPROM_LABELS({"at", at}));
    }
    for (int i = 0; i < FAMILIES; i++) {
        for (int k = 0; k < REGISTRIES; k++) {
            char name[8];
            cprom_gauge *gauge;
            if (i % (k + 1)) continue;
            snprintf(name, sizeof name, "g%03d", i);
            assert_ok(cprom_gauge_new(children[k]->registry, OPTS(.name = name, .help = "H."), &gauge));
        }
    }
    char *table = calloc(FAMILIES, 100), *out = table;
    for (int i = 0; i < FAMILIES; i++) {
        int n = 0;
        for (int k = 0; k < REGISTRIES; k++) n += i % (k + 1) == 0;
        out += sprintf(out, "[tr][td][a]g%03d[/a][/td][td]gauge[/td][td]%d[/td][td]H.[/td][/tr]\n", i, n);
    }
    cprom_http_handler *handler = hr_handler(f->registry, NULL);
    hr_response r = hr_get(handler, "/");
    char *text = html_text(r.body), *body = strstr(text, "[tbody]\n");
    assert_non_null(body);
    assert_memory_equal(body + strlen("[tbody]\n"), table, strlen(table));
    assert_memory_equal(body + strlen("[tbody]\n") + strlen(table), "[/tbody]", strlen("[/tbody]"));
    hr_free(&r);
    free(text);
    free(table);
    cprom_http_handler_free(handler);
    for (int i = 0; i < REGISTRIES; i++) ct_fixture_free(children[i]);
}

/* ---- self-metrics ---- */

static double sample(const hr_response *r, const char *key)
{
    parser_page *page = parser_parse_ok(r->body, r->len);
    double value = parser_value(page, key);
    parser_free(page);
    return value;
}

static cprom_status take_a_second(void *ctx, cprom_scrape *out)
{
    ct_clock_advance(ctx, INT64_C(1000000000));
    return CPROM_OK;
}

static void test_self_metrics_tell_what_this_handler_did(void **state)
{
    ct_fixture *f = *state;
    assert_ok(cprom_collector_new(
        f->registry, CPROM_OPTS(cprom_collector_opts, .name = "slow", .collect = take_a_second, .ctx = &f->clock)));
    cprom_http_handler *first = hr_handler(f->registry, HANDLER_OPTS(.self_metrics = true)),
                       *second = hr_handler(f->registry, HANDLER_OPTS(.self_metrics = true)),
                       *silent = hr_handler(f->registry, NULL);
    hr_assert_status(hr_get(first, "/nowhere"), 404);
    hr_assert_status(hr_get(first, "/nowhere"), 404);
    hr_assert_status(hr_get(first, "/"), 200);
    hr_assert_status(hr_get(first, "/metrics"), 200);
    cprom_http_request request = hr_request("GET", "/metrics");
    cprom_http_response *held = hr_handle(first, &request);
    hr_response r = hr_get(first, "/metrics");
    assert_true(sample(&r, "cprom_http_requests_total{code=\"200\"}") == 3);
    assert_true(sample(&r, "cprom_http_requests_total{code=\"404\"}") == 2);
    assert_true(sample(&r, "cprom_http_requests_total{code=\"503\"}") == 0);
    size_t codes = 0; /* those that can be answered, and no others */
    for (const char *at = r.body; (at = strstr(at, "cprom_http_requests_total{")) != NULL; at++) codes++;
    assert_int_equal(codes, 14);
    assert_true(sample(&r, "cprom_scrapes_in_flight") == 2);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_count") == 1);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_sum") == 1);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_bucket{le=\"0.5\"}") == 0);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_bucket{le=\"1\"}") == 1);
    assert_true(sample(&r, "cprom_collector_duration_seconds{collector=\"slow\"}") == 1);
    hr_free(&r);
    /* It lasts until the response is freed: 1 s, and what the next one took. */
    cprom_http_response_free(held);
    r = hr_get(first, "/metrics");
    assert_true(sample(&r, "cprom_scrape_duration_seconds_count") == 3);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_sum") == 1 + 1 + 2);
    assert_true(sample(&r, "cprom_scrapes_in_flight") == 1);
    hr_free(&r);
    /* Each handler has its own; who did not ask has none; nobody else's page shows them. */
    r = hr_get(second, "/metrics");
    assert_true(sample(&r, "cprom_http_requests_total{code=\"200\"}") == 0);
    assert_true(sample(&r, "cprom_scrapes_in_flight") == 1);
    hr_free(&r);
    r = hr_get(silent, "/metrics");
    assert_null(strstr(r.body, "cprom_"));
    hr_free(&r);
    ct_page own = ct_page_read(f->registry, CPROM_OPTS(cprom_page_opts, .self_metrics = true), 1000);
    assert_non_null(strstr(own.text, "cprom_collector_success"));
    assert_null(strstr(own.text, "cprom_http"));
    ct_page_free(&own);
    /* The filter knows them. */
    r = hr_get(second, "/metrics?name[]=cprom_scrapes_in_flight");
    assert_memory_equal(r.body, "# HELP cprom_scrapes_in_flight ", 31);
    assert_null(strstr(r.body, "cprom_http"));
    hr_free(&r);
    request.accept = "application/openmetrics-text";
    r = hr_ask(second, &request);
    assert_non_null(strstr(r.body, "# TYPE cprom_http_requests counter\n"));
    assert_non_null(strstr(r.body, "# UNIT cprom_scrape_duration_seconds seconds\n"));
    hr_free(&r);
    cprom_http_handler_free(first);
    cprom_http_handler_free(second);
    cprom_http_handler_free(silent);
}

static void test_self_metrics_stand_beside_const_labels_and_prefix(void **state)
{
    ct_fixture *f = *state;
    cprom_registry_opts opts = ct_fixture_opts(f);
    opts.prefix = "ci_";
    opts.const_labels[0] = (cprom_label){"code", "mine"};
    opts.const_labels[1] = (cprom_label){"le", "mine"};
    opts.const_labels[2] = (cprom_label){"zone", "a"};
    cprom_registry *registry;
    assert_ok(cprom_registry_new(&opts, &registry));
    cprom_http_handler *handler = hr_handler(registry, HANDLER_OPTS(.self_metrics = true));
    hr_response r = hr_get(handler, "/metrics");
    assert_int_equal(r.status, 200);
    assert_true(sample(&r, "cprom_http_requests_total{code=\"200\",le=\"mine\",zone=\"a\"}") == 0);
    assert_true(sample(&r, "cprom_scrape_duration_seconds_bucket{code=\"mine\",zone=\"a\",le=\"1\"}") ==
                0); /* no second le */
    hr_free(&r);
    cprom_http_handler_free(handler);
    cprom_registry_free(registry);
}

int group_index(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_index_lists_every_family_and_gathers_nothing),
        TEST(test_index_names_collectors_that_declare_nothing),
        TEST(test_index_of_many_families_is_whole),
        TEST(test_index_lists_what_descendants_have_each_family_once),
        TEST(test_index_of_many_registries_is_sorted),
        TEST(test_self_metrics_tell_what_this_handler_did),
        TEST(test_self_metrics_stand_beside_const_labels_and_prefix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
