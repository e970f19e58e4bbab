/*
 * Trees of registries at random, with all that a family can be: both formats, each piece size, each filter and each
 * failing allocation against the whole page.
 */
#include <math.h>

#include "support/cprom_test.h"

#define LABELLED(...) CPROM_OPTS(cprom_opts, .help = "H \"\\\n.", .labels = {"l", "zz"}, __VA_ARGS__)

enum { REGISTRIES = 6, STATES = 64, BOUNDS = 40 };

struct node {
    ct_fixture *fixture;
    int parent;
    uint64_t seed; /* of its collector */
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_info_vec *infos;
    cprom_stateset_vec *states;
};

struct tree {
    struct node v[REGISTRIES]; /* parents before their children */
    uint64_t random;
};

static uint64_t below(struct tree *t, uint64_t n) { return next_random(&t->random) % n; }

static const char *const texts[] = {"", "a", "\"", "\\", "\n", "\\n", "other", "x", "x!", "\xc3\xa4", "# EOF\n", " # {"};
enum { TEXTS = COUNT(texts) };

static cprom_status emit_some(void *ctx, cprom_scrape *out)
{
    uint64_t random = *(uint64_t *)ctx; /* a copy: each page has the same */
    static const cprom_desc descs[] = {
        {.size = sizeof(cprom_desc), .type = CPROM_GAUGE, .name = "emitted", .labels = {"l"}},
        {.size = sizeof(cprom_desc), .type = CPROM_GAUGE, .name = "emitted", .labels = {"A", "zz"}},
        {.size = sizeof(cprom_desc), .type = CPROM_INFO, .name = "told_info", .labels = {"l"}},
        {.size = sizeof(cprom_desc), .type = CPROM_COUNTER, .name = "passed_total", .labels = {"l"}},
        {.size = sizeof(cprom_desc), .type = CPROM_GAUGE_HISTOGRAM, .name = "aged", .labels = {"l"}},
    };
    for (int i = 0; i < TEXTS; i++) {
        size_t k = next_random(&random) % 4;
        const char *values[] = {texts[i], texts[next_random(&random) % TEXTS]};
        cprom_emit(out, &descs[k], (cprom_strs){values, k == 1 ? 2 : 1}, k == 2 ? 1 : i);
        const double bounds[] = {i % 3 - 1, 7};
        const uint64_t buckets[] = {next_random(&random) % 9, 9};
        const cprom_const_histogram aged = {.size = sizeof aged, .bounds = bounds, .buckets = buckets,
                                            .n_bounds = k % 3, .count = 9, .sum = -i};
        if (k) cprom_emit_histogram(out, &descs[4], CPROM_STRS(texts[i]), &aged);
    }
    return CPROM_OK;
}

static void add_families(struct tree *t, struct node *node)
{
    cprom_registry *r = node->fixture->registry;
    double bounds[BOUNDS];
    const char *names[STATES] = {NULL};
    char room[STATES][8];
    size_t n_bounds = 1 + below(t, BOUNDS), n_states = 1 + below(t, STATES);
    for (size_t i = 0; i < BOUNDS; i++) bounds[i] = (double)i * 0.25 - (n_bounds % 3 == 0 ? 1 : 0);
    cprom_opts states = CPROM_INIT(cprom_opts);
    states.name = "m";
    states.help = "M.";
    states.labels[0] = "l";
    states.labels[1] = "zz";
    states.ttl_seconds = below(t, 2) ? 5 : 0;
    states.linger_seconds = below(t, 2) ? 5 : 0;
    states.owner = below(t, 2) ? "zz" : NULL;
    for (size_t i = 0; i < n_states; i++) {
        snprintf(room[i], sizeof room[i], "%02d%s", (int)(i * 7 % STATES), i % 5 ? "" : "\"\n");
        states.states[i] = names[i] = room[i];
    }
    bool keeps = below(t, 2);
    assert_ok(cprom_counter_vec_new(r, LABELLED(.name = "c_total", .exemplars = keeps, .overflow = CPROM_FOLD,
                                            .max_series = 1 + below(t, 20)), &node->counters));
    assert_ok(cprom_gauge_vec_new(r, LABELLED(.name = "g", .owner = keeps ? "l" : "zz", .linger_seconds = 5), &node->gauges));
    assert_ok(cprom_histogram_vec_new(r, LABELLED(.name = "h_seconds", .unit = "seconds", .exemplars = !keeps, .owner = "l",
                                              .bounds = bounds, .n_bounds = n_bounds), &node->histograms));
    assert_ok(cprom_summary_vec_new(r, LABELLED(.name = "s", .ttl_seconds = 5), &node->summaries));
    assert_ok(cprom_info_vec_new(r, LABELLED(.name = "i_info", .max_series = 9), &node->infos));
    assert_ok(cprom_stateset_vec_new(r, &states, &node->states));
    node->seed = 1 + below(t, 1000);
    assert_ok(cprom_collector_new(
        r, CPROM_OPTS(cprom_collector_opts, .name = "some", .collect = emit_some, .ctx = &node->seed)));
}

static void change(struct tree *t)
{
    struct node *node = &t->v[below(t, REGISTRIES)];
    const char *one = texts[below(t, TEXTS)], *two = texts[below(t, TEXTS)], *values[] = {one, two};
    cprom_strs strs = {values, 2};
    cprom_labels match = {(const cprom_label[]){{below(t, 2) ? "l" : "zz", one}}, 1};
    cprom_labels exemplar = {(const cprom_label[]){{"trace", two}, {"_", one}}, below(t, 3)};
    int64_t time = below(t, 2) ? 0 : (int64_t)below(t, 4000);
    double value = (double)below(t, 100) / 8 - 1;
    cprom_update *update;
    switch (below(t, 16)) {
    case 0: cprom_gauge_vec_delete(node->gauges, strs); break;
    case 1: cprom_gauge_vec_delete_matching(node->gauges, match, NULL); break;
    case 2: cprom_registry_delete_matching(node->fixture->registry, match, NULL); break;
    case 3: ct_clock_advance(&node->fixture->clock, (int64_t)below(t, 3) * 1000000000); break;
    case 4:
        assert_ok(cprom_update_new(node->fixture->registry, &update));
        assert_ok(cprom_update_histogram_vec_replace(update, node->histograms, match));
        assert_ok(cprom_update_stateset_vec_replace(update, node->states, match));
        assert_ok(cprom_update_histogram_vec_observe(update, node->histograms, strs, value));
        assert_ok(cprom_update_stateset_vec_enter(update, node->states, strs, 0));
        cprom_update_counter_vec_add(update, node->counters, strs, 1);
        cprom_update_commit(update, NULL);
        cprom_update_free(update);
        break;
    case 5: cprom_stateset_vec_delete(node->states, strs); break;
    default:
        cprom_counter_vec_add_with_exemplar(node->counters, strs, fabs(value), exemplar, time);
        assert_ok(cprom_gauge_vec_set(node->gauges, strs, value));
        assert_ok(cprom_histogram_vec_observe_with_exemplar(node->histograms, strs, value, exemplar, time));
        assert_ok(cprom_summary_vec_observe(node->summaries, strs, value));
        cprom_info_vec_set(node->infos, strs);
        cprom_stateset_vec_set(node->states, strs, (unsigned)below(t, STATES), below(t, 2)); /* perhaps none of its */
    }
}

static void tree_make(struct tree *t, uint64_t seed)
{
    /* Names on both sides of those of the labels and of the stateset, and one more label. */
    static const char *const names[] = {"a", "lm", "n", "zzz"};
    *t = (struct tree){.random = seed * UINT64_C(0x9e3779b97f4a7c15)};
    for (int i = 0; i < REGISTRIES; i++) {
        char at[8];
        snprintf(at, sizeof at, "%d\"", i * 5 % REGISTRIES);
        cprom_label labels[] = {{below(t, 2) ? "k" : names[below(t, 4)], at}, {"B", texts[below(t, TEXTS)]}};
        t->v[i].parent = i ? (int)below(t, (uint64_t)i) : -1;
        t->v[i].fixture = ct_fixture_child(i ? t->v[t->v[i].parent].fixture->registry : NULL,
                                           (cprom_labels){labels, 1 + below(t, 2)});
        add_families(t, &t->v[i]);
    }
    for (int i = 0; i < 150; i++) change(t);
}

static void tree_free(struct tree *t)
{
    for (int i = REGISTRIES; i-- > 0;) ct_fixture_free(t->v[i].fixture);
}

/* ---- pages ---- */

static const cprom_page_opts forms[] = {
    {.size = sizeof(cprom_page_opts)},
    {.size = sizeof(cprom_page_opts), .format = CPROM_OPENMETRICS_1_0},
    {.size = sizeof(cprom_page_opts), .format = CPROM_OPENMETRICS_1_0, .created = true},
};
enum { FORMS = COUNT(forms) };

static void assert_pieces(cprom_registry *r, const cprom_page_opts *opts, const char *whole)
{
    size_t len = strlen(whole);
    char *text = malloc(len + 65);
    for (size_t piece = 1; piece <= 64; piece += piece < 8 ? 1 : 7) {
        cprom_page *page;
        size_t used = 0, n;
        assert_ok(cprom_page_open(r, opts, &page));
        while ((n = cprom_page_read(page, text + used, piece)) > 0) assert_in_range(used += n, 1, len);
        cprom_page_close(page);
        text[used] = '\0';
        ct_assert_text_equal(text, whole);
    }
    free(text);
}

/* What a descendant shows, its ancestors show. */
static void assert_has_all(const parser_page *page, const parser_page *of)
{
    for (size_t i = 0; i < of->n_samples; i++) {
        const parser_sample *sample = parser_find(page, of->samples[i].key);
        assert_non_null(sample);
        assert_true(sample->value == of->samples[i].value);
    }
}

static void test_pages_of_trees_agree_in_both_formats_and_all_pieces(void **state)
{
    size_t samples = 0;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct tree t;
        ct_page pages[REGISTRIES];
        tree_make(&t, seed);
        for (int i = 0; i < REGISTRIES; i++) {
            cprom_registry *r = t.v[i].fixture->registry;
            pages[i] = ct_page_read(r, NULL, 65536);
            samples += pages[i].parsed->n_samples;
            for (size_t k = 0; k < FORMS; k++) {
                ct_page page = ct_page_read(r, &forms[k], 4096);
                if (k) parser_assert_same(pages[i].parsed, page.parsed);
                if (seed == 1) assert_pieces(r, &forms[k], page.text);
                ct_page_free(&page);
            }
            assert_int_equal(ct_log_count_with(&t.v[i].fixture->log, "collector", (char *)NULL), 0);
        }
        for (int i = 1; i < REGISTRIES; i++) assert_has_all(pages[t.v[i].parent].parsed, pages[i].parsed);
        for (int i = 0; i < REGISTRIES; i++) ct_page_free(&pages[i]);
        tree_free(&t);
    }
    assert_in_range(samples, 2000, 1000000);
}

/* ---- filters ---- */

/* Where the family ends that begins here; the page's end, without # EOF. */
static const char *family_end(const char *family)
{
    const char *next = strstr(family + 1, "\n# HELP "), *other = strstr(family + 1, "\n# TYPE "), *eof = strstr(family, "# EOF\n");
    /* Those without a help begin with their type. */
    while (other && strncmp(family, "# HELP ", 7) == 0 && memchr(family, '\n', (size_t)(other - family)) == NULL) {
        other = strstr(other + 1, "\n# TYPE ");
    }
    if (next && other && other < next) next = other;
    if (!next) next = other;
    if (next) return next + 1;
    return eof && eof[6] == '\0' ? eof : family + strlen(family);
}

static bool has_name(const char *family, const char *end, const char *name)
{
    size_t len = strlen(name);
    for (const char *line = family; line < end; line = memchr(line, '\n', (size_t)(end - line)), line++) {
        const char *at = *line == '#' ? line + 7 : line;
        if (strncmp(at, name, len) == 0 && (at[len] == ' ' || at[len] == '{')) return true;
    }
    return false;
}

static void test_filters_let_through_what_has_the_name_in_some_format(void **state)
{
    static const char *const names[] = {"c", "c_total", "c_created", "h_seconds", "h_seconds_bucket", "h_seconds_sum",
                                        "h_seconds_count", "h_seconds_created", "s", "s_sum", "s_created", "i", "i_info",
                                        "m", "g", "emitted", "told", "told_info", "passed", "passed_total",
                                        "aged", "aged_bucket", "aged_sum", "aged_count", "aged_gsum", "aged_gcount",
                                        "aged_created", "aged_info", "h_seconds_gsum",
                                        "s_bucket", "g_created", "m_info", "h_seconds_info", "i_created", "nothing", ""};
    struct tree t;
    tree_make(&t, 99);
    cprom_registry *r = t.v[0].fixture->registry;
    ct_page whole[FORMS];
    for (size_t k = 0; k < FORMS; k++) whole[k] = ct_page_read(r, &forms[k], 65536);
    char *expected = malloc(whole[2].len + 1);
    for (size_t n = 0; n < COUNT(names); n++) {
        for (size_t k = 0; k < FORMS; k++) {
            char *out = expected;
            const char *at[FORMS];
            for (size_t i = 0; i < FORMS; i++) at[i] = whole[i].text;
            while (*at[0]) {
                bool lets = false;
                const char *ends[FORMS];
                for (size_t i = 0; i < FORMS; i++) {
                    ends[i] = family_end(at[i]);
                    lets |= has_name(at[i], ends[i], names[n]);
                }
                size_t len = (size_t)(ends[k] - at[k]);
                if (lets) {
                    memcpy(out, at[k], len);
                    out += len;
                }
                memcpy(at, ends, sizeof at);
            }
            strcpy(out, k ? "# EOF\n" : "");
            /* Const counters have no _created, but their name claims it. */
            cprom_page_opts opts = forms[k];
            opts.names = &names[n];
            opts.n_names = 1;
            ct_page page = ct_page_read(r, &opts, 65536);
            ct_assert_text_equal(page.text, expected);
            ct_page_free(&page);
        }
    }
    free(expected);
    for (size_t k = 0; k < FORMS; k++) ct_page_free(&whole[k]);
    tree_free(&t);
}

/* ---- no memory, and no registry ---- */

static void ignore(void *ctx, const char *family, const char *text) { ++*(size_t *)ctx; }

static void test_pages_of_trees_survive_each_failing_allocation(void **state)
{
    struct tree t;
    tree_make(&t, 7);
    cprom_registry *r = t.v[0].fixture->registry;
    for (size_t k = 0; k < FORMS; k += 2) {
        ct_page before = ct_page_read(r, &forms[k], 65536);
        for (int i = 0; i < REGISTRIES; i++) {
            ct_alloc *alloc = &t.v[i].fixture->alloc;
            for (size_t at = 1, failed = 1; failed; at++) {
                cprom_page *page;
                ct_alloc_fail_at(alloc, at, at % 2);
                cprom_status status = cprom_page_open(r, &forms[k], &page);
                failed = alloc->failed;
                ct_alloc_fail_at(alloc, 0, false);
                assert_status(status, failed ? CPROM_ENOMEM : CPROM_OK);
                if (failed) continue;
                ct_page whole = ct_page_drain(page, 65536);
                ct_assert_text_equal(whole.text, before.text);
                ct_page_free(&whole);
                cprom_page_close(page);
            }
        }
        ct_page_free(&before);
    }
    for (int i = 0; i < REGISTRIES; i++) {
        ct_alloc *alloc = &t.v[i].fixture->alloc;
        for (int call = 0; call < 2; call++) {
            for (size_t at = 1, failed = 1; failed; at++) {
                size_t n = 0, told = 0;
                double value;
                ct_alloc_fail_at(alloc, at, at % 2);
                cprom_status status = call ? cprom_registry_lint(r, ignore, &told, &n)
                                           : cprom_registry_value(r, "nothing", CPROM_NO_LABELS, &value);
                failed = alloc->failed;
                ct_alloc_fail_at(alloc, 0, false);
                assert_status(status, failed ? CPROM_ENOMEM : call ? CPROM_OK : CPROM_ENOENT);
                assert_true(failed ? n == 0 : n == told);
            }
        }
    }
    tree_free(&t);
}

static void test_pages_of_trees_outlive_their_registries_in_any_order(void **state)
{
    for (uint64_t seed = 1; seed <= 5; seed++) {
        struct tree t;
        tree_make(&t, seed);
        cprom_page *page[FORMS];
        ct_page before[FORMS];
        for (size_t k = 0; k < FORMS; k++) {
            before[k] = ct_page_read(t.v[0].fixture->registry, &forms[k], 65536);
            assert_ok(cprom_page_open(t.v[0].fixture->registry, &forms[k], &page[k]));
        }
        for (int freed = 0; freed < REGISTRIES;) {
            ct_fixture *f = t.v[below(&t, REGISTRIES)].fixture;
            if (!f->registry) continue;
            cprom_registry_free(f->registry);
            f->registry = NULL;
            freed++;
        }
        for (size_t k = 0; k < FORMS; k++) {
            ct_page after = ct_page_drain(page[k], 1000);
            ct_assert_text_equal(after.text, before[k].text);
            ct_page_free(&after);
            ct_page_free(&before[k]);
            cprom_page_close(page[k]);
        }
        tree_free(&t);
    }
}

int group_trees(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pages_of_trees_agree_in_both_formats_and_all_pieces),
        cmocka_unit_test(test_filters_let_through_what_has_the_name_in_some_format),
        cmocka_unit_test(test_pages_of_trees_survive_each_failing_allocation),
        cmocka_unit_test(test_pages_of_trees_outlive_their_registries_in_any_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
