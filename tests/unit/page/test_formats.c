/* One registry in both formats: the pages must say the same. */
#include <inttypes.h>

#include "support/everything.h"

/* Reads both pages and compares them. */
static void assert_formats_agree(cprom_registry *registry)
{
    ct_page text = ct_page_read(registry, NULL, 65536);
    static const cprom_page_opts openmetrics[] = {
        {.size = sizeof(cprom_page_opts), .format = CPROM_OPENMETRICS_1_0},
        {.size = sizeof(cprom_page_opts), .format = CPROM_OPENMETRICS_0_0_1, .created = true},
    };
    for (size_t i = 0; i < 2; i++) {
        ct_page page = ct_page_read(registry, &openmetrics[i], 4096);
        parser_assert_same(text.parsed, page.parsed);
        ct_page_free(&page);
    }
    ct_page_free(&text);
}

static void test_formats_empty_registry_agrees(void **state) { assert_formats_agree(((ct_fixture *)*state)->registry); }

static void test_formats_registry_with_everything_agrees(void **state)
{
    cprom_registry *r = registry_with_everything(*state);
    add_collector(r, "foreign", emit_foreign_counter, NULL);
    assert_formats_agree(r);
    cprom_registry_free(r);
}

static void test_formats_self_metrics_are_openmetrics(void **state)
{
    cprom_registry *r = registry_with_everything(*state);
    const cprom_page_opts *opts =
        CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .self_metrics = true, .created = true);
    ct_page page = ct_page_read(r, opts, 1);
    assert_non_null(parser_family_find(page.parsed, "cprom_series"));
    assert_int_equal(parser_family_find(page.parsed, "cprom_series_removed")->type, PARSER_COUNTER);
    ct_page_free(&page);
    cprom_registry_free(r);
}

static void test_formats_process_metrics_are_openmetrics(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    assert_ok(cprom_process_collector_new(r));
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), 65536);
    assert_int_equal(parser_family_find(page.parsed, "process_cpu_seconds")->type, PARSER_COUNTER);
    ct_page_free(&page);
}

static void test_formats_exemplars_and_created_are_on_one_page_only(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_counter_vec *c;
    cprom_histogram *h;
    assert_ok(cprom_counter_vec_new(r, OPTS(.name = "c_total", .help = "C.", .labels = {"l"}, .exemplars = true), &c));
    assert_ok(cprom_histogram_new(r, OPTS(.name = "h", .help = "H.", .exemplars = true), &h));
    for (int i = 0; i < 20; i++) {
        char text[8];
        snprintf(text, sizeof text, "%d", i);
        assert_ok(cprom_counter_vec_add_with_exemplar(c, CPROM_STRS(i % 2 ? "odd" : "}\""), 0.1 * i,
                                                      CPROM_LABELS({"trace", text}, {"text", "{}\\\"\n # \xc3\xa4"}),
                                                      i));
        cprom_histogram_observe_with_exemplar(h, 0.001 * i * i * i, CPROM_LABELS({"trace", text}), 1700000000000 + i);
    }
    cprom_histogram_observe_with_exemplar(h, NAN, CPROM_NO_LABELS, 0);
    assert_formats_agree(r);
    ct_page page =
        ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = true), 65536);
    const parser_exemplar *exemplar = parser_find(page.parsed, "c_total{l=\"odd\"}")->exemplar;
    assert_non_null(exemplar);
    assert_string_equal(exemplar->labels[0].value, "19");
    assert_string_equal(exemplar->labels[1].value, "{}\\\"\n # \xc3\xa4");
    assert_true(exemplar->value == 0.1 * 19);
    assert_int_equal(exemplar->timestamp, 19);
    exemplar = parser_find(page.parsed, "h_bucket{le=\"+Inf\"}")->exemplar;
    assert_true(isnan(exemplar->value));
    assert_int_equal(exemplar->n_labels, 0);
    assert_false(exemplar->has_timestamp);
    assert_true(parser_value(page.parsed, "h_created") == 1.7e9);
    assert_true(parser_value(page.parsed, "c_created{l=\"odd\"}") == 1.7e9);
    ct_page_free(&page);
}

/* The base of such a name is empty, so that OpenMetrics can have it as it is only. */
static cprom_status emit_total(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    return cprom_emit(out, DESC(.name = "_total", .help = "T.", .type = CPROM_COUNTER), CPROM_NO_STRS, 1);
}

static void test_formats_counter_named_total_alone_is_unknown(void **state)
{
    cprom_registry *r = ((ct_fixture *)*state)->registry;
    cprom_counter *c;
    assert_status(cprom_counter_new(r, OPTS(.name = "_total", .help = "C."), &c), CPROM_ENAME);
    add_collector(r, "total", emit_total, NULL);
    assert_formats_agree(r);
    ct_page page = ct_page_read(r, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), 65536);
    assert_int_equal(parser_family_find(page.parsed, "_total")->type, PARSER_UNTYPED);
    ct_page_free(&page);
}

/*==============================================================================
 * At random
 *============================================================================*/

/* Any double: bits, or a number as programs have them. */
static double any_double(uint64_t *state)
{
    uint64_t bits = next_random(state);
    double value;
    switch (next_random(state) % 4) {
    case 0: memcpy(&value, &bits, sizeof value); return value;
    case 1: return (double)(int64_t)(bits % 4000000) - 2000000;
    case 2: return (double)(bits % 100000000) / 1000;
    default: return ldexp(1, (int)(bits % 200) - 100);
    }
}

/* At or above `from`, and finite. */
static double step_up(uint64_t *state, double from)
{
    double step = fabs(any_double(state));
    return isfinite(from + step) && from + step > from ? from + step : nextafter(from, INFINITY);
}

static const char *any_text(uint64_t *state)
{
    static const char *const texts[] = {
        "",   "a",    "\"",      "\\",   "\n",   "\\n", "\t\r {},=#", "\xc3\xa4", "\xf0\x9f\x98\x80",
        "le", "+Inf", "# EOF\n", " # {", "a\"b", "x!",  "x",          "\x7f",     "0"};
    return texts[next_random(state) % COUNT(texts)];
}

/* All that a collector may emit, by chance; what is refused costs the page its samples, and is tried again. */
static cprom_status emit_random(void *ctx, cprom_scrape *out)
{
    uint64_t random = *(uint64_t *)ctx; /* a copy: each page has the same */
    static const cprom_type types[] = {CPROM_UNTYPED,   CPROM_COUNTER, CPROM_GAUGE,
                                       CPROM_HISTOGRAM, CPROM_SUMMARY, CPROM_GAUGE_HISTOGRAM};
    static const char *const stems[] = {"a", "a_b", "a_c", "B", "_", "c:d", "e_seconds", "f"};
    for (size_t f = 0; f < COUNT(stems); f++) {
        cprom_desc desc = CPROM_INIT(cprom_desc);
        char name[32], help[32];
        desc.type = types[next_random(&random) % COUNT(types)];
        bool total = desc.type == CPROM_COUNTER && next_random(&random) % 4;
        snprintf(name, sizeof name, "r%zu_%s%s", f, stems[f], total ? "_total" : "");
        snprintf(help, sizeof help, "%s%s", any_text(&random), any_text(&random));
        desc.name = name;
        desc.help = next_random(&random) % 4 ? help : NULL;
        desc.unit = strstr(name, "_seconds") ? "seconds" : NULL;
        size_t n_labels = next_random(&random) % 4;
        static const char *const labels[] = {"z", "Lm", "_a"};
        for (size_t i = 0; i < n_labels; i++) desc.labels[i] = labels[i];
        for (uint64_t series = next_random(&random) % 4; series < 4; series++) {
            char first[32];
            snprintf(first, sizeof first, "%" PRIu64 "%s", series, any_text(&random));
            const char *const values[] = {first, any_text(&random), any_text(&random)};
            cprom_strs strs = {values, n_labels};
            if (!n_labels && series < 3) continue;
            int64_t time = next_random(&random) % 3 ? 0 : (int64_t)(next_random(&random) >> 1);
            if (desc.type == CPROM_HISTOGRAM || desc.type == CPROM_GAUGE_HISTOGRAM) {
                double bounds[5];
                uint64_t buckets[5], count = 0;
                cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
                for (double at = any_double(&random); histogram.n_bounds < 5; at = step_up(&random, at)) {
                    if (!isfinite(at) || at > DBL_MAX / 4) break;
                    count += next_random(&random) >> (8 + next_random(&random) % 56);
                    bounds[histogram.n_bounds] = at == 0 ? 0 : at;
                    buckets[histogram.n_bounds++] = count;
                }
                histogram.bounds = bounds;
                histogram.buckets = buckets;
                histogram.count = count + next_random(&random) % 3;
                histogram.sum = any_double(&random);
                histogram.timestamp_ms = time;
                if (cprom_emit_histogram(out, &desc, strs, &histogram)) break;
            } else if (desc.type == CPROM_SUMMARY) {
                double at[4], of[4], last = 0;
                cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
                for (; summary.n_quantiles < 4 && last < 1; summary.n_quantiles++) {
                    at[summary.n_quantiles] = last;
                    of[summary.n_quantiles] = any_double(&random);
                    last = nextafter(last + (double)(next_random(&random) % 1000) / 1999, 2);
                }
                summary.quantiles = at;
                summary.values = of;
                summary.count = next_random(&random) >> (next_random(&random) % 64);
                summary.sum = any_double(&random);
                summary.timestamp_ms = time;
                if (cprom_emit_summary(out, &desc, strs, &summary)) break;
            } else {
                double value = any_double(&random);
                if (desc.type == CPROM_COUNTER) value = isnan(value) ? 0 : fabs(value);
                if (time ? cprom_emit_at(out, &desc, strs, value, time) : cprom_emit(out, &desc, strs, value)) break;
            }
        }
    }
    return CPROM_OK;
}

static void test_formats_random_pages_agree(void **state)
{
    ct_fixture *fixture = *state;
    size_t samples = 0;
    for (uint64_t seed = 1; seed <= 300; seed++) {
        uint64_t random = seed * UINT64_C(0x9e3779b97f4a7c15);
        cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
        opts.name = "random";
        opts.collect = emit_random;
        opts.ctx = &random;
        assert_ok(cprom_collector_new(fixture->registry, &opts));
        ct_page page = ct_page_read(fixture->registry, NULL, 65536);
        samples += page.parsed->n_samples;
        ct_page_free(&page);
        assert_formats_agree(fixture->registry);
        assert_ok(cprom_registry_unregister(fixture->registry, "random"));
    }
    assert_int_equal(ct_log_count(&fixture->log), 0);
    assert_in_range(samples, 5000, 50000);
}

int group_formats(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_formats_empty_registry_agrees),
        TEST(test_formats_registry_with_everything_agrees),
        TEST(test_formats_self_metrics_are_openmetrics),
        TEST(test_formats_process_metrics_are_openmetrics),
        TEST(test_formats_exemplars_and_created_are_on_one_page_only),
        TEST(test_formats_counter_named_total_alone_is_unknown),
        TEST(test_formats_random_pages_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
