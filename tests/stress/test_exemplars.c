/*
 * Exemplars come through handles and by label values while series are deleted and pages, several at once, take them: each
 * exemplar on a page is one that was given to that very series and bucket, whole, and none is left in memory.
 */
#include "stress.h"

#define WRITERS 3u
#define SCRAPERS 2u
#define KEYS 6u

static const double bounds[] = {2, 5};

typedef struct world {
    cprom_registry *registry;
    cprom_counter_vec *counters;
    cprom_histogram_vec *histograms;
    int64_t start;
    _Atomic uint64_t seen;
} world;

static bool over(const world *w) { return ct_over(w->start, ct_stress_seconds()); }

static void write_some(void *arg, unsigned number)
{
    world *w = arg;
    cprom_counter *held = NULL;
    (void)number;
    while (!over(w)) {
        char key[8], long_text[64], n[8];
        unsigned k = st_below(KEYS), value = 1 + st_below(9);
        snprintf(key, sizeof key, "%u", k);
        snprintf(n, sizeof n, "%u", value);
        /* Of many lengths, so that memory that is used again too early shows. */
        memset(long_text, 'a' + (int)value, sizeof long_text);
        long_text[st_below(sizeof long_text)] = '\0';
        long_text[sizeof long_text - 1] = '\0';
        cprom_labels labels = CPROM_LABELS({"n", n}, {"t", long_text}, {"x", key});
        switch (st_below(4)) {
        case 0:
            cprom_counter_unref(held);
            held = cprom_counter_vec_with(w->counters, CPROM_STRS("0"));
            break;
        case 1: {
            cprom_labels mine = CPROM_LABELS({"n", n}, {"t", long_text}, {"x", "0"});
            cprom_counter_add_with_exemplar(held, value, mine, value);
            break;
        }
        case 2: cprom_counter_vec_add_with_exemplar(w->counters, CPROM_STRS(key), value, labels, value); break;
        default: cprom_histogram_vec_observe_with_exemplar(w->histograms, CPROM_STRS(key), value, labels, value); break;
        }
        if (st_one_in(64)) cprom_counter_vec_delete(w->counters, CPROM_STRS(key));
        if (st_one_in(64)) cprom_histogram_vec_delete_matching(w->histograms, CPROM_LABELS({"x", key}), NULL);
        if (st_one_in(2000)) cprom_histogram_vec_clear(w->histograms);
    }
    cprom_counter_unref(held);
}

/* name{x="K"...} value # {n="N",t="...",x="K"} N.0 0.00N */
static void check_line(const world *w, const char *page, const char *line)
{
    unsigned key, n, same_key, value, ms;
    char text[64] = "", le[8] = "+Inf";
    const char *exemplar = strstr(line, " # ");
    if (!exemplar || exemplar > line + strcspn(line, "\n")) return;
    if (sscanf(line, "c_total{x=\"%u\"}", &key) != 1 && sscanf(line, "h_bucket{x=\"%u\",le=\"%7[^\"]\"}", &key, le) != 2) {
        st_fail(page, NULL, "an exemplar where none can be: %.*s", (int)strcspn(line, "\n"), line);
    }
    bool read = sscanf(exemplar, " # {n=\"%u\",t=\"\",x=\"%u\"} %u.0 0.%u\n", &n, &same_key, &value, &ms) == 4 ||
                sscanf(exemplar, " # {n=\"%u\",t=\"%63[^\"]\",x=\"%u\"} %u.0 0.%u\n", &n, text, &same_key, &value, &ms) == 5;
    bool right = read && same_key == key && n == value && ms == value;
    for (const char *c = text; right && *c; c++) right = *c == 'a' + (int)value;
    if (*line == 'h') right = right && value <= strtod(le, NULL) && value > (*le == '2' ? 0 : *le == '5' ? 2 : 5);
    if (!right) st_fail(page, NULL, "wrong exemplar: %.*s", (int)strcspn(line, "\n"), line);
    atomic_fetch_add_explicit((_Atomic uint64_t *)&w->seen, 1, memory_order_relaxed);
}

static void scrape(void *arg, unsigned number)
{
    world *w = arg;
    (void)number;
    while (!over(w)) {
        cprom_page *page;
        cprom_status status = cprom_page_open(w->registry, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0), &page);
        st_check(status == CPROM_OK, "cprom_page_open: %s", cprom_status_string(status));
        ct_page read = st_drain(page);
        for (const char *line = read.text; *line; line += strcspn(line, "\n") + 1) check_line(w, read.text, line);
        ct_page_free(&read);
        cprom_page_close(page);
    }
}

static void test_exemplars_under_load_belong_to_their_series(void **state)
{
    ct_fixture *fixture = *state;
    world w = {.registry = fixture->registry, .start = ct_now()};
    assert_ok(cprom_counter_vec_new(w.registry, CPROM_OPTS(cprom_opts, .name = "c_total", .help = "C.", .labels = {"x"},
                                                           .exemplars = true), &w.counters));
    assert_ok(cprom_histogram_vec_new(w.registry, CPROM_OPTS(cprom_opts, .name = "h", .help = "H.", .labels = {"x"},
                                                             .bounds = bounds, .n_bounds = 2, .exemplars = true),
                                      &w.histograms));
    st_begin("exemplars");
    st_crew crew = {.n = 0};
    for (unsigned i = 0; i < WRITERS; i++) st_start(&crew, write_some, &w, i);
    for (unsigned i = 0; i < SCRAPERS; i++) st_start(&crew, scrape, &w, WRITERS + i);
    st_join(&crew);
    cprom__seam_hook = NULL;
    print_message("exemplars on pages: %llu\n", (unsigned long long)w.seen);
    assert_true(w.seen > 0);
    assert_int_equal(st_stats(w.registry).exemplars_dropped, 0);
}

int group_exemplars(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_exemplars_under_load_belong_to_their_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
