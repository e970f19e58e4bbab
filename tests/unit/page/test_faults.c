/*
 * Every allocation fails in turn, over a program that touches the whole public API. A failed call says so and changes
 * nothing: not the page, not the statistics but the drop counters; repeated with memory, it succeeds.
 */
#include "support/cancelled.h"

#include <unistd.h>

/*==============================================================================
 * The program: steps over one registry
 *============================================================================*/

typedef struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_counter *counter;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_summary *summary;
    cprom_counter_vec *counters;
    cprom_gauge_vec *gauges;
    cprom_histogram_vec *histograms;
    cprom_summary_vec *summaries;
    cprom_stateset *stateset;
    cprom_info_vec *infos;
    cprom_stateset_vec *statesets;
    cprom_series *handle;
    size_t freed; /* contexts of collectors */
    size_t views;
} world;

static const double bounds[] = {1, 2, 5};
static const cprom_desc checked_descs[] = {
    {.size = sizeof(cprom_desc), .type = CPROM_GAUGE, .name = "checked_one", .help = "h", .labels = {"l"}},
    {.size = sizeof(cprom_desc), .type = CPROM_HISTOGRAM, .name = "checked_two", .labels = {"l"}},
};

static cprom_status collect_checked(void *ctx, cprom_scrape *out)
{
    static const uint64_t buckets[] = {1, 2, 3};
    cprom_const_histogram histogram = CPROM_INIT(cprom_const_histogram);
    histogram.bounds = bounds;
    histogram.buckets = buckets;
    histogram.n_bounds = 3;
    histogram.count = 4;
    histogram.sum = 9;
    if (cprom_scrape_deadline(out) <= 0) return CPROM_ESYS;
    pthread_testcancel();
    for (int i = 0; i < 40; i++) {
        char value[16];
        snprintf(value, sizeof value, "%d\n", i * 7 % 40);
        cprom_emit(out, &checked_descs[0], CPROM_STRS(value), i);
    }
    cprom_emit_histogram(out, &checked_descs[1], CPROM_STRS("x"), &histogram);
    return CPROM_OK;
}

static cprom_status collect_unchecked(void *ctx, cprom_scrape *out)
{
    static const double quantiles[] = {0.5, 0.9}, values[] = {1, 2};
    cprom_const_summary summary = CPROM_INIT(cprom_const_summary);
    cprom_desc desc = CPROM_INIT(cprom_desc);
    summary.quantiles = quantiles;
    summary.values = values;
    summary.n_quantiles = 2;
    for (int i = 0; i < 20; i++) { /* more families than there is room for at first */
        char name[32];
        snprintf(name, sizeof name, "unchecked_%c", 'a' + i);
        desc.name = name;
        desc.type = i % 2 ? CPROM_UNTYPED : CPROM_SUMMARY;
        if (i % 2) cprom_emit_at(out, &desc, CPROM_NO_STRS, i, 1000);
        else cprom_emit_summary(out, &desc, CPROM_NO_STRS, &summary);
    }
    return CPROM_OK;
}

static void count_free(void *ctx)
{
    pthread_testcancel();
    ((world *)ctx)->freed++;
}
static double seven(void *ctx)
{
    pthread_testcancel();
    return 7;
}

#define ESCAPED(...) CPROM_OPTS(cprom_opts, .help = "h \\\n", __VA_ARGS__)

static cprom_status counter_new(world *w)
{
    return cprom_counter_new(w->registry, ESCAPED(.name = "c_total", .exemplars = true), &w->counter);
}
static cprom_status gauge_new(world *w)
{
    return cprom_gauge_new(w->registry, ESCAPED(.name = "g_seconds", .unit = "seconds"), &w->gauge);
}
static cprom_status histogram_new(world *w)
{
    return cprom_histogram_new(w->registry, ESCAPED(.name = "h", .bounds = bounds, .n_bounds = 3, .exemplars = true),
                               &w->histogram);
}
static cprom_status summary_new(world *w) { return cprom_summary_new(w->registry, ESCAPED(.name = "s"), &w->summary); }
static cprom_status counter_vec_new(world *w)
{
    return cprom_counter_vec_new(w->registry, ESCAPED(.name = "vc_total", .labels = {"z", "a"}, .exemplars = true),
                                 &w->counters);
}
static cprom_status gauge_vec_new(world *w)
{
    return cprom_gauge_vec_new(w->registry, ESCAPED(.name = "vg", .labels = {"z", "a"}), &w->gauges);
}
static cprom_status histogram_vec_new(world *w)
{
    return cprom_histogram_vec_new(w->registry, ESCAPED(.name = "vh", .labels = {"z", "a"}, .exemplars = true),
                                   &w->histograms);
}
static cprom_status summary_vec_new(world *w)
{
    return cprom_summary_vec_new(w->registry, ESCAPED(.name = "vs", .labels = {"z", "a"}), &w->summaries);
}
static cprom_status info_new(world *w)
{
    return cprom_info_new(w->registry, ESCAPED(.name = "i_info"), CPROM_LABELS({"version", "\"x\"\n"}, {"a", "1"}));
}
static cprom_status stateset_new(world *w)
{
    return cprom_stateset_new(w->registry, ESCAPED(.name = "t", .states = {"on\n", "off"}), &w->stateset);
}
static cprom_status info_vec_new(world *w)
{
    return cprom_info_vec_new(w->registry, ESCAPED(.name = "vi_info", .labels = {"z", "a"}), &w->infos);
}
static cprom_status stateset_vec_new(world *w)
{
    return cprom_stateset_vec_new(w->registry, ESCAPED(.name = "vt", .labels = {"z", "a"}, .states = {"on\n", "off"}),
                                  &w->statesets);
}
static cprom_status checked_new(world *w)
{
    return cprom_collector_new(w->registry,
                               CPROM_OPTS(cprom_collector_opts, .name = "checked", .collect = collect_checked, .ctx = w,
                                          .free = count_free, .descs = checked_descs, .n_descs = 2));
}
static cprom_status unchecked_new(world *w)
{
    char name[2000]; /* more than one block of memory */
    memset(name, 'u', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    return cprom_collector_new(w->registry, CPROM_OPTS(cprom_collector_opts, .name = name,
                                                       .collect = collect_unchecked, .ctx = w, .free = count_free));
}
static cprom_status counter_func_new(world *w)
{
    return cprom_counter_func_new(w->registry, ESCAPED(.name = "fc_total"), seven, NULL);
}
static cprom_status gauge_func_new(world *w)
{
    return cprom_gauge_func_new(w->registry, ESCAPED(.name = "fg"), seven, NULL);
}

static cprom_status update_plain(world *w)
{
    cprom_counter_inc(w->counter);
    cprom_gauge_set(w->gauge, 4);
    cprom_gauge_set_to_current_time(w->gauge);
    cprom_histogram_observe(w->histogram, 3);
    cprom_summary_observe(w->summary, 3);
    cprom_stateset_enter(w->stateset, 1);
    cprom_timer timer = cprom_histogram_timer(w->histogram);
    cprom_timer_stop(&timer);
    return CPROM_OK;
}

static cprom_status create_counter(world *w)
{
    return cprom_counter_vec_add(w->counters, CPROM_STRS("1", "\"x\"\n"), 2);
}
static cprom_status create_gauge(world *w) { return cprom_gauge_vec_set(w->gauges, CPROM_STRS("1", "\"x\"\n"), 2); }
static cprom_status create_time(world *w)
{
    return cprom_gauge_vec_set_to_current_time(w->gauges, CPROM_STRS("2", "t"));
}
static cprom_status create_histogram(world *w)
{
    return cprom_histogram_vec_observe(w->histograms, CPROM_STRS("1", "\"x\"\n"), 2);
}
static cprom_status create_summary(world *w)
{
    return cprom_summary_vec_observe(w->summaries, CPROM_STRS("1", "\"x\"\n"), 2);
}
static cprom_status create_info(world *w) { return cprom_info_vec_set(w->infos, CPROM_STRS("1", "\"x\"\n")); }
static cprom_status create_stateset(world *w)
{
    return cprom_stateset_vec_enter(w->statesets, CPROM_STRS("1", "\"x\"\n"), 0);
}
static cprom_status create_longest(world *w)
{
    static char longest[CPROM_VALUE_MAX + 1];
    memset(longest, '\\', CPROM_VALUE_MAX);
    return cprom_gauge_vec_add(w->gauges, CPROM_STRS("1", longest), 2);
}
static cprom_status with(world *w)
{
    cprom_gauge *handle = cprom_gauge_vec_with(w->gauges, CPROM_STRS("1", "with"));
    cprom_gauge_unref(handle);
    return handle ? CPROM_OK : CPROM_ENOMEM;
}
static cprom_status with_labels(world *w)
{
    w->handle = cprom_vec_with_labels((cprom_vec *)w->counters, CPROM_LABELS({"a", "labels"}, {"z", "1"}));
    return w->handle ? CPROM_OK : CPROM_ENOMEM;
}
static cprom_status update_known(world *w)
{
    cprom_counter_add((cprom_counter *)w->handle, 3);
    assert_ok(cprom_counter_vec_inc(w->counters, CPROM_STRS("1", "labels")));
    assert_ok(cprom_histogram_vec_observe(w->histograms, CPROM_STRS("1", "\"x\"\n"), 20));
    double value;
    return cprom_gauge_vec_get(w->gauges, CPROM_STRS("1", "with"), &value);
}

/* Opens and reads a page; reading may not allocate. */
static cprom_status read_page(world *w, const cprom_page_opts *opts)
{
    cprom_page *page;
    char buf[100];
    cprom_status status = cprom_page_open(w->registry, opts, &page);
    if (status) {
        assert_null(page);
        return status;
    }
    size_t calls = w->fixture->alloc.calls, n = 0;
    for (size_t got; (got = cprom_page_read(page, buf, sizeof buf)) != 0; n += got) {
    }
    assert_true(n > 0);
    cprom_visitor nothing = CPROM_INIT(cprom_visitor);
    assert_ok(cprom_page_visit(page, &nothing));
    assert_int_equal(w->fixture->alloc.calls, calls);
    cprom_page_close(page);
    return CPROM_OK;
}
static cprom_status page(world *w) { return read_page(w, NULL); }
static cprom_status page_self_metrics(world *w)
{
    return read_page(w, CPROM_OPTS(cprom_page_opts, .self_metrics = true, .timeout_seconds = 100));
}
static cprom_status page_filtered(world *w)
{
    static const char *const names[] = {"vh_bucket", "checked_one", "unchecked_b"};
    return read_page(w, CPROM_OPTS(cprom_page_opts, .names = names, .n_names = 3));
}
static cprom_status text(world *w)
{
    char *got = NULL;
    size_t len = 1;
    cprom_status status = cprom_registry_text(w->registry, &got, &len);
    if (status) assert_true(!got && !len);
    else assert_int_equal(strlen(got), len);
    cprom_text_free(got);
    return status;
}

static bool see(void *ctx, const cprom_view *view)
{
    pthread_testcancel();
    ((world *)ctx)->views++;
    return true;
}
/* All or nothing: what was not given out before is out of memory. */
static cprom_status each_of(world *w, void *vec)
{
    size_t before = w->views;
    cprom_status status = cprom_vec_each(vec, see, w);
    assert_int_equal(w->views, status ? before : before + cprom_vec_size(vec));
    return status;
}
static cprom_status each_counter(world *w) { return each_of(w, w->counters); }
static cprom_status each_gauge(world *w) { return each_of(w, w->gauges); }
static cprom_status each_histogram(world *w) { return each_of(w, w->histograms); }
static cprom_status each_summary(world *w) { return each_of(w, w->summaries); }
static cprom_status each_stateset(world *w) { return each_of(w, w->statesets); }
static cprom_status replace_infos(world *w)
{
    return cprom_info_vec_replace(w->infos, CPROM_LABELS({"z", "1"}), &CPROM_STRS("1", "\"x\"\n"), 1, NULL);
}

/*
 * Everything that can be staged, in one update. Whichever call finds no memory, the update does nothing: also where the
 * caller goes on staging, and sees it at the commit.
 */
static cprom_status update_staged(world *w)
{
    cprom_update *u;
    cprom_status status = cprom_update_new(w->registry, &u);
    assert_int_equal(u == NULL, status != CPROM_OK);
    if (status) return status;
    assert_ok(cprom_update_start(u));
    cprom_strs new_one = CPROM_STRS("2", "update");
    char longer[3000]; /* of these, few fit into one block */
    memset(longer, 'l', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    const cprom_status staged[] = {
        cprom_update_vec_replace(u, (cprom_vec *)w->gauges, CPROM_LABELS({"z", "2"})),
        cprom_update_vec_replace(u, (cprom_vec *)w->infos, CPROM_LABELS({"z", longer})),
        cprom_update_vec_replace(u, (cprom_vec *)w->summaries, CPROM_LABELS({"z", longer}, {"a", longer})),
        cprom_update_gauge_vec_set(u, w->gauges, new_one, 1),
        cprom_update_gauge_vec_add(u, w->gauges, new_one, 2),
        cprom_update_counter_vec_add(u, w->counters, new_one, 3),
        cprom_update_histogram_vec_observe(u, w->histograms, new_one, 4),
        cprom_update_summary_vec_observe(u, w->summaries, new_one, 5),
        cprom_update_info_vec_set(u, w->infos, new_one),
        cprom_update_stateset_vec_set(u, w->statesets, new_one, 1, true),
        cprom_update_stateset_vec_enter(u, w->statesets, new_one, 0),
        cprom_update_gauge_set(u, w->gauge, 6),
        cprom_update_gauge_add(u, w->gauge, 7),
        cprom_update_counter_add(u, w->counter, 8),
        cprom_update_histogram_observe(u, w->histogram, 1.5),
        cprom_update_summary_observe(u, w->summary, 10),
        cprom_update_counter_vec_add_with_exemplar(u, w->counters, new_one, 3, CPROM_LABELS({"u", "\n"}), 1),
        cprom_update_histogram_vec_observe_with_exemplar(u, w->histograms, new_one, 4, CPROM_LABELS({"u", "\n"}), 1),
        cprom_update_counter_add_with_exemplar(u, w->counter, 8, CPROM_LABELS({"u", "\n"}), 1),
        cprom_update_histogram_observe_with_exemplar(u, w->histogram, 1.5, CPROM_LABELS({"u", "\n"}), 1),
    };
    bool incomplete = false;
    for (size_t i = 0; i < COUNT(staged); i++) {
        assert_true(staged[i] == CPROM_OK || staged[i] == CPROM_ENOMEM);
        incomplete |= staged[i] == CPROM_ENOMEM;
    }
    cprom_result result;
    status = cprom_update_commit(u, &result);
    if (incomplete) assert_status(status, CPROM_ENOMEM);
    assert_int_equal(result.created, status ? 0 : 6);
    assert_int_equal(result.updated, status ? 0 : 4);
    assert_int_equal(result.removed, status ? 0 : 1);
    cprom_update_free(u);
    return status;
}
static cprom_status replace_gauges(world *w)
{
    const cprom_gauge_row rows[] = {{CPROM_STRS("2", "update"), 9}, {CPROM_STRS("2", "row"), 10}};
    cprom_result result;
    cprom_status status = cprom_gauge_vec_replace(w->gauges, CPROM_LABELS({"z", "2"}), rows, 2, &result);
    assert_int_equal(result.created, status ? 0 : 1);
    return status;
}
static cprom_status sweep(world *w)
{
    size_t removed;
    cprom_mark mark = cprom_registry_mark(w->registry);
    cprom_gauge *handle = cprom_gauge_vec_with(w->gauges, CPROM_STRS("2", "row"));
    assert_ptr_equal(cprom_series_ref((cprom_series *)handle), (cprom_series *)handle);
    cprom_gauge_add(handle, 1);
    assert_true(cprom_gauge_value(handle) == 11);
    cprom_gauge_unref(handle);
    cprom_gauge_unref(handle);
    cprom_status status = cprom_vec_sweep((cprom_vec *)w->gauges, CPROM_LABELS({"z", "2"}), mark, &removed);
    assert_int_equal(removed, status ? 0 : 1);
    return status;
}
static cprom_status registry_sweep(world *w)
{
    size_t removed;
    cprom_mark mark = cprom_registry_mark(w->registry);
    cprom_status status = cprom_registry_sweep(w->registry, CPROM_LABELS({"z", "2"}), mark, &removed);
    assert_int_equal(removed, status ? 0 : 6);
    return status;
}

/* An exemplar that there is no memory for is left out; the update takes effect. */
static cprom_status add_with_exemplars(world *w)
{
    cprom_labels trace = CPROM_LABELS({"trace", "4bf92f35"});
    cprom_counter_add_with_exemplar(w->counter, 1, trace, 0);
    cprom_histogram_observe_with_exemplar(w->histogram, 1, trace, 1);
    cprom_status status = cprom_counter_vec_add_with_exemplar(w->counters, CPROM_STRS("1", "labels"), 1, trace, 2);
    if (status) return status;
    return cprom_histogram_vec_observe_with_exemplar(w->histograms, CPROM_STRS("1", "\"x\"\n"), 1, trace, 3);
}

/* What only reads, or writes what is there. */
static cprom_status use_what_is_there(world *w)
{
    double value, sum;
    uint64_t count, states;
    cprom_timer timer = cprom_summary_timer(w->summary);
    cprom_timer_stop(&timer);
    timer = cprom_gauge_timer(w->gauge);
    cprom_timer_stop(&timer);
    cprom_stateset_set(w->stateset, 0, true);
    assert_int_equal(cprom_stateset_value(w->stateset), 3);
    cprom_strs quoted = CPROM_STRS("1", "\"x\"\n");
    assert_ok(cprom_stateset_vec_set(w->statesets, quoted, 1, true));
    assert_ok(cprom_stateset_vec_get(w->statesets, quoted, &states));
    assert_ok(cprom_info_vec_get(w->infos, quoted));
    assert_ok(cprom_counter_vec_get(w->counters, quoted, &value));
    assert_ok(cprom_histogram_vec_get(w->histograms, quoted, &count, &sum));
    assert_ok(cprom_summary_vec_get(w->summaries, quoted, &count, &sum));
    assert_true(cprom_counter_value(w->counter) > 0 && cprom_histogram_count(w->histogram) > 0);
    assert_true(cprom_histogram_sum(w->histogram) > 0 && cprom_histogram_bucket(w->histogram, 3) > 0);
    assert_true(cprom_summary_count(w->summary) > 0 && cprom_summary_sum(w->summary) > 0);
    double made[3];
    assert_ok(cprom_bounds_linear(1, 1, 3, made));
    assert_int_equal(cprom_utf8_repair("a\xff", NULL, 0), 4);
    assert_ok(cprom_bounds_exponential(1, 2, 3, made));
    assert_non_null(cprom_content_type(CPROM_OPENMETRICS_1_0));
    assert_string_equal(cprom_version(), CPROM_VERSION);
    return CPROM_OK;
}

static cprom_status page_openmetrics(world *w)
{
    return read_page(w, CPROM_OPTS(cprom_page_opts, .format = CPROM_OPENMETRICS_1_0, .created = true));
}
static cprom_status value(world *w)
{
    double got = -1;
    cprom_status status = cprom_registry_value(w->registry, "checked_one", CPROM_LABELS({"l", "7\n"}), &got);
    assert_true(got == (status ? -1 : 1));
    return status;
}
static void find(void *ctx, const char *family, const char *text)
{
    pthread_testcancel();
    ((world *)ctx)->views++;
}
static cprom_status lint(world *w)
{
    size_t n = 99, before = w->views;
    cprom_status status = cprom_registry_lint(w->registry, find, w, &n);
    assert_int_equal(w->views - before, n);
    assert_true(status ? n == 0 : n > 0);
    return status;
}
static cprom_status write_file(world *w)
{
    char path[64];
    snprintf(path, sizeof path, "/tmp/cprom-faults-%ld.prom", (long)getpid());
    cprom_status status = cprom_registry_write_file(w->registry, path);
    assert_int_equal(unlink(path), status ? -1 : 0);
    return status;
}

/* A child of the registry, with the process metrics, for a while. */
static cprom_status child(world *w)
{
    cprom_registry_opts opts = ct_fixture_opts(w->fixture);
    cprom_registry *made;
    cprom_gauge_vec *vec;
    opts.parent = w->registry;
    opts.const_labels[0] = (cprom_label){"child", "1"};
    cprom_status status = cprom_registry_new(&opts, &made);
    if (status) return status;
    status = cprom_process_collector_new(made);
    if (!status) status = cprom_gauge_vec_new(made, ESCAPED(.name = "vg", .labels = {"a", "z"}), &vec);
    if (!status) status = cprom_gauge_vec_set(vec, CPROM_STRS("x", "y"), 1);
    if (!status) status = page(w);
    cprom_registry_free(made);
    return status;
}

static cprom_status delete_one(world *w) { return cprom_gauge_vec_delete(w->gauges, CPROM_STRS("1", "with")); }
static cprom_status delete_labels(world *w)
{
    return cprom_vec_delete_labels((cprom_vec *)w->counters, CPROM_LABELS({"a", "labels"}, {"z", "1"}));
}
static cprom_status delete_matching(world *w)
{
    size_t removed;
    cprom_status status =
        cprom_vec_delete_matching((cprom_vec *)w->gauges, CPROM_LABELS({"a", "\"x\"\n"}, {"z", "1"}), &removed);
    assert_int_equal(removed, status ? 0 : 1);
    return status;
}
static cprom_status registry_delete_matching(world *w)
{
    size_t removed;
    cprom_status status = cprom_registry_delete_matching(w->registry, CPROM_LABELS({"a", "\"x\"\n"}), &removed);
    assert_int_equal(removed, status ? 0 : 6);
    return status;
}
static cprom_status clear(world *w) { return cprom_vec_clear((cprom_vec *)w->gauges); }
static cprom_status trim(world *w)
{
    cprom_registry_trim(w->registry);
    return CPROM_OK;
}
static cprom_status unregister_vec(world *w) { return cprom_registry_unregister(w->registry, "vh"); }
static cprom_status unregister_plain(world *w) { return cprom_registry_unregister(w->registry, "c_total"); }
static cprom_status unregister_func(world *w) { return cprom_registry_unregister(w->registry, "fg"); }
static cprom_status unregister_collector(world *w)
{
    size_t freed = w->freed;
    cprom_status status = cprom_registry_unregister(w->registry, "checked_two");
    assert_int_equal(w->freed, status ? freed : freed + 1);
    return status;
}
static cprom_status unref(world *w)
{
    cprom_series_unref(w->handle);
    w->handle = NULL;
    return CPROM_OK;
}

typedef struct step {
    const char *name;
    cprom_status (*run)(world *w);
    bool drops; /* a failure counts as a dropped update */
    bool never; /* needs no memory, or can do with less */
    bool leaves; /* leaves all as it was: need not be done for the steps behind it */
} step;

#define S(name) {#name, name, false, false, false}
#define DROPS(name) {#name, name, true, false, false}
#define NEVER(name) {#name, name, false, true, false}
#define LEAVES(name) {#name, name, false, false, true}

static const step steps[] = {
    S(counter_new), S(gauge_new), S(histogram_new), S(summary_new), S(page), S(counter_vec_new), S(gauge_vec_new),
    S(histogram_vec_new), S(summary_vec_new), S(info_new), S(stateset_new), S(info_vec_new), S(stateset_vec_new),
    S(text), NEVER(update_plain), DROPS(create_counter), DROPS(create_gauge), DROPS(create_histogram),
    DROPS(create_summary), DROPS(create_info), DROPS(create_stateset), S(replace_infos), S(page),
    DROPS(create_time), DROPS(create_longest), DROPS(with), DROPS(with_labels), NEVER(update_known), S(checked_new),
    S(unchecked_new), S(counter_func_new), S(gauge_func_new), S(page), S(page_self_metrics), LEAVES(page_filtered),
    S(text), LEAVES(each_counter), LEAVES(each_gauge), LEAVES(each_histogram), LEAVES(each_summary),
    LEAVES(each_stateset), LEAVES(page_openmetrics), NEVER(add_with_exemplars), LEAVES(page_openmetrics),
    LEAVES(value), LEAVES(lint), LEAVES(write_file), LEAVES(child), S(update_staged), LEAVES(page_openmetrics),
    S(replace_gauges), S(text), NEVER(sweep), NEVER(registry_sweep), NEVER(use_what_is_there), NEVER(delete_one),
    DROPS(with), NEVER(delete_one), NEVER(delete_labels), S(delete_matching), DROPS(create_gauge),
    S(page_self_metrics), S(registry_delete_matching), NEVER(clear), NEVER(trim), DROPS(create_gauge),
    LEAVES(each_gauge), DROPS(create_counter), S(unregister_vec), S(unregister_plain), S(unregister_func),
    S(unregister_collector), S(page_self_metrics), NEVER(unref), NEVER(trim), S(text),
};
#define STEPS COUNT(steps)

/*==============================================================================
 * Running it
 *============================================================================*/

/* A world in which the first `n` steps are done. */
static world *world_new(size_t n)
{
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->fixture = ct_fixture_new();
    w->registry = w->fixture->registry;
    for (size_t i = 0; i < n; i++) {
        cprom_status status = steps[i].leaves ? CPROM_OK : steps[i].run(w);
        if (status) fail_msg("%s: %s", steps[i].name, cprom_status_string(status));
    }
    return w;
}

static void world_free(world *w)
{
    cprom_series_unref(w->handle);
    size_t freed = w->freed;
    ct_fixture_free(w->fixture);
    assert_in_range(w->freed, freed, freed + 2);
    free(w);
}

static void assert_same_stats(const cprom_stats *a, const cprom_stats *b)
{
    assert_int_equal(a->families, b->families);
    assert_int_equal(a->collectors, b->collectors);
    assert_int_equal(a->series, b->series);
    assert_int_equal(a->series_created, b->series_created);
    assert_int_equal(a->series_removed, b->series_removed);
    assert_in_range(a->gathers, b->gathers, b->gathers + 1); /* a text may fail after its page was opened */
    assert_int_equal(a->collector_failures, b->collector_failures);
    assert_int_equal(a->dropped_limit, b->dropped_limit);
    assert_int_equal(a->dropped_invalid, b->dropped_invalid);
    assert_int_equal(a->dropped_detached, b->dropped_detached);
    assert_int_equal(a->dropped_stale, b->dropped_stale);
}

static void assert_text(world *w, const char *expected)
{
    char *got;
    assert_ok(cprom_registry_text(w->registry, &got, NULL));
    ct_assert_text_equal(got, expected);
    cprom_text_free(got);
}

/* Lets the nth allocation of a step fail (and all after it, if `on`). Returns whether there was one. */
static bool fail_step(size_t at, size_t nth, bool on, const cprom_stats *before, const char *page_before,
                      const cprom_stats *after, const char *page_after)
{
    world *w = world_new(at);
    ct_alloc *alloc = &w->fixture->alloc;
    ct_alloc_fail_at(alloc, nth, on);
    cprom_status status = steps[at].run(w);
    size_t failed = alloc->failed;
    ct_alloc_fail_at(alloc, 0, false);
    if (failed && !steps[at].never && status != CPROM_ENOMEM && on) {
        fail_msg("step %zu, %s, without memory from allocation %zu on: %s", at, steps[at].name, nth,
                 cprom_status_string(status));
    }
    if (status == CPROM_ENOMEM) {
        assert_true(failed > 0);
        cprom_stats stats = stats_of(w->registry);
        assert_same_stats(&stats, before);
        assert_int_equal(stats.dropped_nomem, before->dropped_nomem + steps[at].drops);
        assert_text(w, page_before);
        w->views = 0;
        status = steps[at].run(w);
    } else {
        assert_int_equal(stats_of(w->registry).dropped_nomem, before->dropped_nomem);
    }
    if (status)
        fail_msg("step %zu, %s, after failed allocation %zu: %s", at, steps[at].name, nth, cprom_status_string(status));
    cprom_stats stats = stats_of(w->registry);
    assert_int_equal(stats.series, after->series);
    assert_int_equal(stats.series_created, after->series_created);
    assert_int_equal(stats.series_removed, after->series_removed);
    assert_int_equal(stats.families, after->families);
    assert_text(w, page_after);
    world_free(w);
    return failed > 0;
}

static void test_every_allocation_fails_in_turn_nothing_changes(void **state)
{
    size_t failures = 0;
    for (size_t at = 0; at < STEPS; at++) {
        char *before, *after;
        world *w = world_new(at);
        cprom_stats stats_before = stats_of(w->registry);
        assert_ok(cprom_registry_text(w->registry, &before, NULL));
        assert_ok(steps[at].run(w));
        cprom_stats stats_after = stats_of(w->registry);
        assert_ok(cprom_registry_text(w->registry, &after, NULL));
        for (int on = 0; on < 2; on++) {
            for (size_t nth = 1; fail_step(at, nth, on, &stats_before, before, &stats_after, after); nth++) failures++;
        }
        cprom_text_free(before);
        cprom_text_free(after);
        world_free(w);
    }
    assert_true(failures > 500);
}

/* `ctx` is how many steps are done. */
static void run_all_steps(void *ctx)
{
    size_t *at = ctx;
    world *w = world_new(0);
    for (; *at < STEPS; ++*at) assert_ok(steps[*at].run(w));
    world_free(w);
}

static void test_every_call_of_a_thread_that_is_cancelled_comes_to_its_end(void **state)
{
    size_t at = 0;
    bool ended = cancelled_run(run_all_steps, &at);
    if (at < STEPS) fail_msg("cancelled in step %zu, %s", at, steps[at].name);
    assert_true(ended);
}

static void test_registry_new_every_allocation_fails_in_turn_nothing_is_left(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_free(fixture->registry);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "prefix_";
    opts.const_labels[0] = (cprom_label){"one", "1\n"};
    opts.const_labels[1] = (cprom_label){"another", "a value that is longer than the first block of the arena: "
                                                    "................................................................"
                                                    "................................................................"
                                                    "................................................................"};
    for (int on = 0; on < 2; on++) {
        for (size_t nth = 1;; nth++) {
            ct_alloc_fail_at(&fixture->alloc, nth, on);
            cprom_status status = cprom_registry_new(&opts, &fixture->registry);
            ct_alloc_fail_at(&fixture->alloc, 0, false);
            if (!status) {
                assert_true(nth > 3);
                break;
            }
            assert_status(status, CPROM_ENOMEM);
            assert_null(fixture->registry);
            assert_int_equal(fixture->alloc.blocks, 0);
        }
        if (!on) cprom_registry_free(fixture->registry);
    }
}

/* The map splits, the slab and its directory grow, the order's chunks fill: whichever allocation that needs. */
static void test_create_while_everything_grows_fails_cleanly(void **state)
{
    ct_fixture *fixture = *state;
    cprom_vec *vecs[2];
    size_t failures = 0;
    uint64_t dropped = 0;
    assert_ok(cprom_gauge_vec_new(fixture->registry, ESCAPED(.name = "g", .labels = {"l"}), (cprom_gauge_vec **)&vecs[0]));
    assert_ok(cprom_histogram_vec_new(fixture->registry, ESCAPED(.name = "h", .labels = {"l"}),
                                      (cprom_histogram_vec **)&vecs[1]));
    for (int v = 0; v < 2; v++) {
        for (size_t i = 0; i < 4000; i++) {
            char name[16];
            snprintf(name, sizeof name, "%zu", i);
            for (size_t nth = 1;; nth++) {
                ct_alloc_fail_at(&fixture->alloc, nth, nth % 2);
                cprom_series *series = cprom_vec_with(vecs[v], CPROM_STRS(name));
                ct_alloc_fail_at(&fixture->alloc, 0, false);
                assert_int_equal(cprom_vec_size(vecs[v]), series ? i + 1 : i);
                cprom_series_unref(series);
                if (series) break;
                failures++;
                dropped++;
            }
            /* Removed and made again, so that dead entries are in the way. */
            if (i % 3 == 0) {
                ct_alloc_fail_at(&fixture->alloc, 1, true);
                assert_ok(cprom_vec_delete(vecs[v], CPROM_STRS(name)));
                ct_alloc_fail_at(&fixture->alloc, 0, false);
                cprom_series_unref(cprom_vec_with(vecs[v], CPROM_STRS(name)));
            }
            if (i % 500) continue;
            /* A gather that fails at any place leaves the order whole. */
            for (size_t nth = 1;; nth++) {
                cprom_page *opened;
                ct_alloc_fail_at(&fixture->alloc, nth, false);
                cprom_status status = cprom_page_open(fixture->registry, NULL, &opened);
                ct_alloc_fail_at(&fixture->alloc, 0, false);
                cprom_page_close(opened);
                if (!status) break;
                assert_status(status, CPROM_ENOMEM);
            }
            ct_page all = ct_page_read(fixture->registry, NULL, 65536);
            assert_int_equal(parser_count(all.parsed, "g"), v ? 4000 : i + 1);
            ct_page_free(&all);
        }
    }
    cprom_stats stats = CPROM_INIT(cprom_stats);
    assert_ok(cprom_registry_stats(fixture->registry, &stats));
    assert_int_equal(stats.dropped_nomem, dropped);
    assert_int_equal(stats.series, 8000);
    assert_true(failures > 30); /* how often the map splits depends on its random key */
    assert_int_equal(ct_log_count_with(&fixture->log, "nomem", NULL), 2); /* once a family */
}

int group_faults(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_fails_in_turn_nothing_changes),
        cmocka_unit_test(test_every_call_of_a_thread_that_is_cancelled_comes_to_its_end),
        TEST(test_registry_new_every_allocation_fails_in_turn_nothing_is_left),
        TEST(test_create_while_everything_grows_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
