/*
 * Two scrapers, four writers by label, one creator, one deleter, and a janitor; all four kinds.
 *
 * Stable series: on every page once; what counts never falls from a page to a later one, whoever read it; in the end
 * every increment is there.
 *
 * Churning series: what writers, creator and deleter do is noted as known.h has it, from which a scraper can tell, for
 * most series and pages, that the series must be there, that it must not, and between which two numbers its count must
 * be: each call that may create it adds exactly 1.
 *
 * Run twice: with a slot for each thread, and with nearly all slots taken by others, so that some threads have owned
 * cells and some have no slot, while writers come and go and pass slots on.
 */
#include "stress.h"

#include "known.h"
#include "base/thread.h"

enum {
    STABLE = 6, /* of each kind; behind them the plain instrument */
    CHURN = 24, /* over all kinds */
    KINDS = 4,
    WRITERS = 4,
    BOUNDS = 3,
    SUM = BOUNDS + 1, /* parts of a series: buckets from 0, or the value; sum; count */
    COUNT = BOUNDS + 2,
    PARTS = BOUNDS + 3
};

enum kind {
    COUNTER,
    GAUGE,
    HISTOGRAM,
    SUMMARY
};

static const double bounds[BOUNDS] = {0.5, 2.5, 5};

/*==============================================================================
 * The world
 *============================================================================*/

struct tally {
    double parts[KINDS][STABLE + 1][PARTS]; /* buckets not cumulative */
};

struct world {
    ct_fixture *fixture;
    cprom_vec *vecs[KINDS];
    cprom_counter *counter;
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_summary *summary;
    struct known churn[CHURN];
    _Atomic uint64_t floors[KINDS][STABLE + 1][PARTS]; /* bits of the highest value on a page so far */
    pthread_mutex_t lock;                              /* guards the total */
    struct tally total;
    _Atomic bool over;
    unsigned quota; /* updates that a writer lives for; 0: it lives on */
    _Atomic uint64_t pages, present_checks, absent_checks, count_checks;
};

static const char *const families[KINDS] = {"s_total", "s_gauge", "s_hist", "s_summary"};
static const char *const plains[KINDS] = {"p_total", "p_gauge", "p_hist", "p_summary"};
static const char *const zones[] = {"north", "south", "\"west\""};

/* The label values of stable series `i`, or of churning series `i - STABLE`. */
static cprom_strs labels_of(unsigned i, char text[32], const char *values[2])
{
    static const char *const shapes[] = {"c%u", "c\\%u", "c\"\n%u", "\xc3\xa9%u"};
    if (i < STABLE) snprintf(text, 32, "s%u", i);
    else snprintf(text, 32, shapes[(i / KINDS) % 4], i);
    values[0] = zones[i % 3];
    values[1] = text;
    return (cprom_strs){values, 2};
}

static void add_one(struct world *world, enum kind kind, cprom_strs values)
{
    cprom_status status;
    switch (kind) {
    case COUNTER: status = cprom_counter_vec_inc((cprom_counter_vec *)world->vecs[kind], values); break;
    case GAUGE: status = cprom_gauge_vec_inc((cprom_gauge_vec *)world->vecs[kind], values); break;
    case HISTOGRAM: status = cprom_histogram_vec_observe((cprom_histogram_vec *)world->vecs[kind], values, 1); break;
    default: status = cprom_summary_vec_observe((cprom_summary_vec *)world->vecs[kind], values, 1); break;
    }
    st_check(status == CPROM_OK, "an update by label: %s", cprom_status_string(status));
}

/* One update of the series that a handle, or the plain instrument, stands for. */
static void add_by_handle(enum kind kind, void *handle, double amount)
{
    switch (kind) {
    case COUNTER: cprom_counter_add(handle, amount); break;
    case GAUGE: cprom_gauge_add(handle, amount); break;
    case HISTOGRAM: cprom_histogram_observe(handle, amount); break;
    default: cprom_summary_observe(handle, amount); break;
    }
}

static void touch_churn(struct world *world, bool by_handle)
{
    char text[32];
    const char *values[2];
    unsigned i = st_below(CHURN);
    cprom_strs strs = labels_of(STABLE + i, text, values);
    enum kind kind = (enum kind)(i % KINDS);
    uint64_t at_begin = known_begin(&world->churn[i], KNOWN_CREATE);
    if (by_handle) {
        cprom_series *series = cprom_vec_with(world->vecs[kind], strs);
        st_check(series, "cprom_vec_with");
        add_by_handle(kind, series, 1);
        cprom_series_unref(series);
    } else {
        add_one(world, kind, strs);
    }
    known_end(&world->churn[i], KNOWN_CREATE, at_begin);
}

static void write_stable(struct world *world, struct tally *tally, void *const *handles)
{
    char text[32];
    const char *values[2];
    enum kind kind = (enum kind)st_below(KINDS);
    unsigned i = st_below(STABLE + 1), amount = st_below(8);
    void *const plain[KINDS] = {world->counter, world->gauge, world->histogram, world->summary};
    cprom_strs strs = labels_of(i, text, values);
    if (i == STABLE) add_by_handle(kind, plain[kind], amount);
    else if (st_one_in(3)) add_by_handle(kind, handles[kind], amount), i = 0;
    else if (kind == COUNTER) cprom_counter_vec_add((cprom_counter_vec *)world->vecs[kind], strs, amount);
    else if (kind == GAUGE) cprom_gauge_vec_add((cprom_gauge_vec *)world->vecs[kind], strs, amount);
    else if (kind == HISTOGRAM) cprom_histogram_vec_observe((cprom_histogram_vec *)world->vecs[kind], strs, amount);
    else cprom_summary_vec_observe((cprom_summary_vec *)world->vecs[kind], strs, amount);
    double *parts = tally->parts[kind][i];
    unsigned bucket = 0;
    while (bucket < BOUNDS && amount > bounds[bucket]) bucket++;
    if (kind == HISTOGRAM) parts[bucket]++;
    parts[kind <= GAUGE ? 0 : SUM] += amount;
    parts[COUNT]++;
}

/*==============================================================================
 * The threads
 *============================================================================*/

static void writer(void *arg, unsigned number)
{
    struct world *world = arg;
    struct tally tally = {{{{0}}}};
    void *handles[KINDS];
    if (world->quota && number % 2) cprom__thread_does_without = true;
    char text[32];
    const char *values[2];
    for (unsigned kind = 0; kind < KINDS; kind++) {
        handles[kind] = cprom_vec_with(world->vecs[kind], labels_of(0, text, values));
        st_check(handles[kind], "cprom_vec_with");
    }
    for (unsigned n = 0; !atomic_load(&world->over) && (!world->quota || n < world->quota); n++) {
        if (st_one_in(4)) touch_churn(world, false);
        else write_stable(world, &tally, handles);
    }
    for (unsigned kind = 0; kind < KINDS; kind++) cprom_series_unref(handles[kind]);
    pthread_mutex_lock(&world->lock);
    double *from = &tally.parts[0][0][0], *to = &world->total.parts[0][0][0];
    for (size_t i = 0; i < sizeof tally / sizeof *from; i++) to[i] += from[i];
    pthread_mutex_unlock(&world->lock);
}

/* One writer after the other; itself it does not enter the library. */
static void seat(void *arg, unsigned number)
{
    struct world *world = arg;
    for (unsigned life = 0; !atomic_load(&world->over); life++) {
        st_crew crew = {.n = 0};
        st_start(&crew, writer, world, 1000 * number + life);
        st_join(&crew);
    }
}

static void creator(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) touch_churn(world, true);
}

static void deleter(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        char text[32];
        const char *values[2];
        unsigned i = st_below(CHURN);
        cprom_strs strs = labels_of(STABLE + i, text, values);
        cprom_vec *vec = world->vecs[i % KINDS];
        uint64_t at_begin = known_begin(&world->churn[i], KNOWN_DELETE);
        bool removed;
        size_t n = 0;
        switch (st_below(4)) {
        case 0:
            removed = cprom_vec_delete_labels(vec, CPROM_LABELS({"id", text}, {"zone", values[0]})) == CPROM_OK;
            break;
        case 1:
            st_check(cprom_vec_delete_matching(vec, CPROM_LABELS({"id", text}), &n) == CPROM_OK, "delete_matching");
            removed = n == 1;
            break;
        default: removed = cprom_vec_delete(vec, strs) == CPROM_OK; break;
        }
        st_check(n <= 1, "delete_matching removed %zu series of one id", n);
        bool clean = known_end(&world->churn[i], KNOWN_DELETE, at_begin);
        if (clean && (at_begin & KNOWN_PRESENT))
            st_check(removed, "churn %u was there, and its deletion found nothing", i);
        if (clean && (at_begin & KNOWN_ABSENT)) st_check(!removed, "churn %u was gone, and its deletion found it", i);
        if (st_one_in(8)) st_yields(20);
    }
}

static bool count_view(void *n, const cprom_view *view)
{
    ++*(size_t *)n;
    return true;
}

static void janitor(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        cprom_registry_trim(world->fixture->registry);
        cprom_stats stats = st_stats(world->fixture->registry);
        uint64_t most = KINDS * (STABLE + 1) + CHURN;
        st_check(stats.series <= most, "stats: %llu series, and there are %llu", (unsigned long long)stats.series,
                 (unsigned long long)most);
        size_t n = 0;
        st_check(cprom_vec_each(world->vecs[st_below(KINDS)], count_view, &n) == CPROM_OK, "cprom_vec_each");
        st_check(n >= STABLE && n <= STABLE + CHURN / KINDS, "cprom_vec_each showed %zu series", n);
        st_yields(50);
    }
}

/*==============================================================================
 * Scrapers
 *============================================================================*/

struct seen {
    bool there;
    double parts[PARTS];
};

struct view {
    struct seen stable[KINDS][STABLE + 1], churn[CHURN];
};

static unsigned part_of(const parser_sample *sample, enum kind kind)
{
    if (kind <= GAUGE) return 0;
    const char *suffix = strrchr(sample->name, '_');
    if (strcmp(suffix, "_sum") == 0) return SUM;
    if (strcmp(suffix, "_count") == 0) return COUNT;
    double le = atof(parser_label_value(sample, "le"));
    unsigned part = 0;
    while (part < BOUNDS && le > bounds[part]) part++;
    return part;
}

static void look_at(const ct_page *page, struct view *view)
{
    const parser_page *parsed = page->parsed;
    memset(view, 0, sizeof *view);
    for (size_t s = 0; s < parsed->n_samples; s++) {
        const parser_sample *sample = &parsed->samples[s];
        const char *family = parsed->families[sample->family].name, *id = parser_label_value(sample, "id");
        unsigned kind = 0;
        while (kind < KINDS && strcmp(family, families[kind]) != 0 && strcmp(family, plains[kind]) != 0) kind++;
        if (kind == KINDS) st_fail(page->text, sample->key, "an unknown family");
        struct seen *seen = &view->stable[kind][STABLE];
        if (id) {
            char text[32];
            const char *values[2];
            unsigned i = (unsigned)atoi(id + strcspn(id, "0123456789"));
            labels_of(i, text, values);
            const char *zone = parser_label_value(sample, "zone");
            if (i >= STABLE + CHURN || strcmp(id, text) != 0 || !zone || strcmp(zone, values[0]) != 0 ||
                (i >= STABLE && (i - STABLE) % KINDS != kind)) {
                st_fail(page->text, sample->key, "a series that nobody made");
            }
            seen = i < STABLE ? &view->stable[kind][i] : &view->churn[i - STABLE];
        }
        seen->there = true;
        seen->parts[part_of(sample, (enum kind)kind)] = sample->value;
    }
}

static void check_stable(struct world *world, const ct_page *page, const struct view *view, const struct tally *floors)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i <= STABLE; i++) {
            const struct seen *seen = &view->stable[kind][i];
            const char *family = i < STABLE ? families[kind] : plains[kind];
            if (!seen->there) st_fail(page->text, family, "stable series %u of %s is missing", i, family);
            if (kind == HISTOGRAM && seen->parts[BOUNDS] != seen->parts[COUNT]) {
                st_fail(page->text, family, "the count of series %u is not its +Inf bucket", i);
            }
            for (unsigned part = 0; part < PARTS; part++) {
                double value = seen->parts[part], floor = floors->parts[kind][i][part];
                if (value < floor) {
                    st_fail(page->text, family, "series %u, part %u fell from %.17g to %.17g", i, part, floor, value);
                }
                uint64_t bits, old = atomic_load(&world->floors[kind][i][part]);
                memcpy(&bits, &value, sizeof bits);
                while (bits > old && !atomic_compare_exchange_weak(&world->floors[kind][i][part], &old, bits)) {
                }
            }
        }
    }
}

static void check_churn(struct world *world, const ct_page *page, const struct view *view, unsigned i, uint64_t before,
                        uint64_t base, uint64_t after)
{
    static const unsigned count_in[KINDS] = {0, 0, COUNT, COUNT};
    const struct seen *seen = &view->churn[i];
    char text[32];
    const char *values[2];
    labels_of(STABLE + i, text, values);
    if (known_present(before, after)) {
        if (!seen->there) st_fail(page->text, families[i % KINDS], "churn %u (id %s) is missing", i, text);
        atomic_fetch_add(&world->present_checks, 1);
    }
    if (known_absent(before, after)) {
        if (seen->there) st_fail(page->text, families[i % KINDS], "churn %u (id %s) was deleted and is there", i, text);
        atomic_fetch_add(&world->absent_checks, 1);
    }
    uint64_t least, most;
    if (known_count(before, base, after, &least, &most)) {
        double count = seen->parts[count_in[i % KINDS]];
        if (count < (double)least || count > (double)most) {
            st_fail(page->text, families[i % KINDS], "churn %u (id %s) counts %.17g, expected %llu to %llu", i, text,
                    count, (unsigned long long)least, (unsigned long long)most);
        }
        atomic_fetch_add(&world->count_checks, 1);
    }
}

static void scrape(struct world *world)
{
    struct tally floors;
    uint64_t before[CHURN], base[CHURN], after[CHURN];
    struct view view;
    for (size_t i = 0; i < sizeof floors / sizeof(double); i++) {
        uint64_t bits = atomic_load(&world->floors[0][0][0] + i);
        memcpy(&floors.parts[0][0][0] + i, &bits, sizeof bits);
    }
    for (unsigned i = 0; i < CHURN; i++) {
        before[i] = atomic_load(&world->churn[i].word);
        base[i] = atomic_load(&world->churn[i].base);
    }
    cprom_page *open = st_open(world->fixture->registry);
    for (unsigned i = 0; i < CHURN; i++) after[i] = atomic_load(&world->churn[i].word);
    ct_page page = st_drain(open);
    cprom_page_close(open);
    look_at(&page, &view);
    check_stable(world, &page, &view, &floors);
    for (unsigned i = 0; i < CHURN; i++) check_churn(world, &page, &view, i, before[i], base[i], after[i]);
    ct_page_free(&page);
    atomic_fetch_add(&world->pages, 1);
}

static void scraper(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) scrape(world);
}

/*==============================================================================
 * The tests
 *============================================================================*/

static void make_world(struct world *world, ct_fixture *fixture)
{
    memset(world, 0, sizeof *world);
    world->fixture = fixture;
    pthread_mutex_init(&world->lock, NULL);
    cprom_registry *registry = fixture->registry;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.help = "Help.";
    opts.name = plains[COUNTER];
    assert_ok(cprom_counter_new(registry, &opts, &world->counter));
    opts.name = plains[GAUGE];
    assert_ok(cprom_gauge_new(registry, &opts, &world->gauge));
    opts.name = plains[SUMMARY];
    assert_ok(cprom_summary_new(registry, &opts, &world->summary));
    opts.name = plains[HISTOGRAM];
    opts.bounds = bounds;
    opts.n_bounds = BOUNDS;
    assert_ok(cprom_histogram_new(registry, &opts, &world->histogram));
    opts.labels[0] = "zone";
    opts.labels[1] = "id";
    opts.name = families[HISTOGRAM];
    assert_ok(cprom_histogram_vec_new(registry, &opts, (cprom_histogram_vec **)&world->vecs[HISTOGRAM]));
    opts.bounds = NULL;
    opts.n_bounds = 0;
    opts.name = families[COUNTER];
    assert_ok(cprom_counter_vec_new(registry, &opts, (cprom_counter_vec **)&world->vecs[COUNTER]));
    opts.name = families[GAUGE];
    assert_ok(cprom_gauge_vec_new(registry, &opts, (cprom_gauge_vec **)&world->vecs[GAUGE]));
    opts.name = families[SUMMARY];
    assert_ok(cprom_summary_vec_new(registry, &opts, (cprom_summary_vec **)&world->vecs[SUMMARY]));
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i < STABLE; i++) {
            char text[32];
            const char *values[2];
            cprom_series_unref(cprom_vec_with(world->vecs[kind], labels_of(i, text, values)));
        }
    }
    for (unsigned i = 0; i < CHURN; i++) known_init(&world->churn[i]);
}

/* Nobody writes any more: all that was written is there, and what is deleted leaves nothing. */
static void check_end(struct world *world)
{
    struct view view;
    cprom_registry *registry = world->fixture->registry;
    scrape(world);
    ct_page page = ct_page_read(registry, NULL, 65536);
    look_at(&page, &view);
    for (unsigned kind = 0; kind < KINDS; kind++) {
        for (unsigned i = 0; i <= STABLE; i++) {
            const double *total = world->total.parts[kind][i];
            double expected[PARTS] = {total[0]}, below = 0;
            for (unsigned part = 0; kind == HISTOGRAM && part <= BOUNDS; part++) expected[part] = below += total[part];
            if (kind >= HISTOGRAM) {
                expected[SUM] = total[SUM];
                expected[COUNT] = total[COUNT];
            }
            for (unsigned part = 0; part < PARTS; part++) {
                double value = view.stable[kind][i].parts[part];
                if (value == expected[part]) continue;
                st_fail(page.text, i < STABLE ? families[kind] : plains[kind],
                        "series %u, part %u is %.17g in the end, and %.17g was written", i, part, value,
                        expected[part]);
            }
        }
    }
    ct_page_free(&page);
    for (unsigned kind = 0; kind < KINDS; kind++) assert_ok(cprom_vec_clear(world->vecs[kind]));
    cprom_registry_trim(registry);
    cprom_stats stats = st_stats(registry);
    assert_int_equal(stats.series, KINDS);
    assert_int_equal(stats.series_unreclaimed, 0);
    assert_int_equal(stats.series_created - stats.series_removed, KINDS);
    assert_int_equal(stats.dropped_nomem + stats.dropped_limit + stats.dropped_invalid, 0);
    print_message("%llu pages; checked there %llu times, gone %llu, counts %llu; %llu series made\n",
                  (unsigned long long)world->pages, (unsigned long long)world->present_checks,
                  (unsigned long long)world->absent_checks, (unsigned long long)world->count_checks,
                  (unsigned long long)stats.series_created);
    pthread_mutex_destroy(&world->lock);
}

static void run_world(struct world *world, double seconds)
{
    st_crew crew = {.n = 0};
    int64_t start = ct_now();
    for (unsigned i = 0; i < 2; i++) st_start(&crew, scraper, world, i);
    for (unsigned i = 0; i < WRITERS; i++) st_start(&crew, world->quota ? seat : writer, world, 2 + i);
    st_start(&crew, creator, world, 6);
    st_start(&crew, deleter, world, 7);
    st_start(&crew, janitor, world, 8);
    while (!ct_over(start, seconds)) sched_yield();
    atomic_store(&world->over, true);
    st_join(&crew);
    check_end(world);
}

static void test_scrape_while_series_come_and_go_is_exact(void **state)
{
    struct world world;
    st_begin(__func__);
    make_world(&world, *state);
    run_world(&world, ct_stress_seconds() / 2);
}

/* Takes a slot and a stripe, and holds them if the stripe is not one of those that are left to the others. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned arrived;
    bool go;
} hall = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

#define HOGS (CPROM__SLOTS + 6)

static void hog(void *arg, unsigned number)
{
    unsigned stripe = cprom__thread_stripe();
    cprom__thread_slot();
    pthread_mutex_lock(&hall.lock);
    hall.arrived++;
    pthread_cond_broadcast(&hall.changed);
    bool leaves = stripe == 1 || stripe == 2;
    while (!(leaves ? hall.arrived == HOGS : hall.go)) pthread_cond_wait(&hall.changed, &hall.lock);
    pthread_mutex_unlock(&hall.lock);
}

static void test_scrape_with_hardly_a_stripe_left_and_without_slots_is_exact(void **state)
{
    struct world world;
    st_begin(__func__);
    make_world(&world, *state);
    world.quota = 500;
    st_crew hogs = {.n = 0};
    for (unsigned i = 0; i < HOGS; i++) st_start(&hogs, hog, NULL, 100 + i);
    pthread_mutex_lock(&hall.lock);
    while (hall.arrived < HOGS) pthread_cond_wait(&hall.changed, &hall.lock);
    pthread_mutex_unlock(&hall.lock);
    run_world(&world, ct_stress_seconds() / 2);
    pthread_mutex_lock(&hall.lock);
    hall.go = true;
    pthread_cond_broadcast(&hall.changed);
    pthread_mutex_unlock(&hall.lock);
    st_join(&hogs);
}

int group_scrape(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_scrape_while_series_come_and_go_is_exact),
        TEST(test_scrape_with_hardly_a_stripe_left_and_without_slots_is_exact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
