/*
 * Several scrapers, most with timeouts, over collectors that take random amounts of work, come and go, fail, emit what
 * is refused, and use the library themselves.
 *
 * A callback runs on the thread that scrapes, so that each scraper knows what its own page must show: of each collector
 * the samples of the call that this thread made while it opened the page, all of them, if that call succeeded;
 * otherwise none. Besides: no callback runs twice at the same time, or after its context was freed; a page that is
 * opened after unregistering returned does not call it; each context is freed once.
 */
#include "stress.h"

enum {
    SLOTS = 8,      /* collectors at a time; slot 0 stays */
    SAMPLES_MAX = 6 /* of one call */
};

enum sort {
    CHECKED,
    UNCHECKED,
    FUNCTION,
    SORTS
};

struct world;

/* What one registration is about. Never freed before the end, so that misuse is seen and not undefined. */
struct context {
    struct context *older; /* of all, for the end */
    struct world *world;
    unsigned slot;
    enum sort sort;
    _Atomic bool running, freed;
    _Atomic uint64_t gone_at; /* world->ticks when unregistering had returned; 0: not yet */
};

struct world {
    ct_fixture *fixture;
    cprom_gauge_vec *side; /* what callbacks write to */
    _Atomic uint64_t ticks, calls;
    struct context *slots[SLOTS]; /* each used by its keeper only */
    pthread_mutex_t lock;         /* guards the list */
    struct context *contexts;
    _Atomic bool over;
    _Atomic uint64_t pages, shown, missing, late;
};

/* What the calls of this thread made of the page that it is opening. */
static _Thread_local struct {
    bool opening;
    uint64_t began; /* a tick */
    struct mine {
        uint64_t call; /* 0: none that succeeded */
        unsigned samples;
        bool ran;
    } of[SLOTS];
} mine;

static void family_name(char text[32], unsigned slot, enum sort sort)
{
    static const char *const names[SORTS] = {"c_checked_%u", "c_unchecked_%u", "c_function_%u"};
    snprintf(text, 32, names[sort], slot); /* names without suffixes cannot collide */
}

/*==============================================================================
 * Callbacks
 *============================================================================*/

static void enter(struct context *context)
{
    st_check(!atomic_exchange(&context->running, true), "the callback of slot %u runs twice", context->slot);
    st_check(!atomic_load(&context->freed), "the callback of slot %u runs, and its context was freed", context->slot);
    st_check(mine.opening, "the callback of slot %u runs on a thread that opens no page", context->slot);
    uint64_t gone_at = atomic_load(&context->gone_at);
    st_check(!gone_at || gone_at > mine.began, "slot %u: called for a page that was opened after it was unregistered",
             context->slot);
    st_check(!mine.of[context->slot].ran, "slot %u: called twice for one page", context->slot);
    mine.of[context->slot].ran = true;
}

static void work(struct world *world)
{
    cprom_page *page;
    switch (st_below(8)) {
    case 0: st_yields(st_below(300)); break;
    case 1: cprom_gauge_vec_inc(world->side, CPROM_STRS(st_one_in(2) ? "a" : "b")); break;
    case 2: cprom_gauge_vec_clear(world->side); break;
    case 3: cprom_registry_trim(world->fixture->registry); break;
    case 4:
        st_check(cprom_page_open(world->fixture->registry, NULL, &page) == CPROM_EBUSY, "a page within a callback");
        break;
    case 5: {
        char name[32];
        cprom_gauge *gauge;
        snprintf(name, sizeof name, "c_own_%llu", (unsigned long long)atomic_fetch_add(&world->ticks, 1));
        st_check(cprom_gauge_new(world->fixture->registry, CPROM_OPTS(cprom_opts, .name = name, .help = "Help."),
                                 &gauge) == CPROM_OK,
                 "registering within a callback");
        st_check(cprom_registry_unregister(world->fixture->registry, name) == CPROM_OK,
                 "unregistering within a callback");
        break;
    }
    default: st_yields(st_below(3)); break;
    }
}

static void leave(struct context *context, uint64_t call, unsigned samples)
{
    mine.of[context->slot].call = call;
    mine.of[context->slot].samples = samples;
    st_check(!atomic_load(&context->freed), "slot %u: freed while its callback runs", context->slot);
    atomic_store(&context->running, false);
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    struct context *context = ctx;
    enter(context);
    uint64_t call = atomic_fetch_add(&context->world->calls, 1) + 1;
    char name[32];
    family_name(name, context->slot, context->sort);
    cprom_desc desc = {.size = sizeof desc, .name = name, .help = "Help.", .type = CPROM_GAUGE, .labels = {"n"}};
    unsigned samples = st_below(SAMPLES_MAX + 1), bad = st_below(16);
    bool steady = context->slot == 0;
    cprom_status status = CPROM_OK;
    for (unsigned i = 0; i < samples; i++) {
        char text[16];
        snprintf(text, sizeof text, "%u", (i * 5 + 2) % SAMPLES_MAX); /* in no order */
        work(context->world);
        st_check(cprom_emit(out, &desc, CPROM_STRS(text), (double)call) == CPROM_OK, "cprom_emit in slot %u",
                 context->slot);
    }
    if (!steady && bad == 0) status = CPROM_ESYS;
    if (!steady && bad == 1 && samples) cprom_emit(out, &desc, CPROM_STRS("2"), 0); /* a duplicate, seen afterwards */
    if (!steady && bad == 2) {
        st_check(cprom_emit(out, &desc, CPROM_STRS("x", "y"), 0) == CPROM_ELABELS, "cprom_emit with too many values");
    }
    bool kept = steady || (bad > 2) || (bad == 1 && !samples);
    leave(context, kept ? call : 0, samples);
    return status;
}

static double value(void *ctx)
{
    struct context *context = ctx;
    enter(context);
    uint64_t call = atomic_fetch_add(&context->world->calls, 1) + 1;
    work(context->world);
    leave(context, call, 1);
    return (double)call;
}

static void free_context(void *ctx)
{
    struct context *context = ctx;
    st_check(!atomic_load(&context->running), "slot %u: freed while its callback runs", context->slot);
    st_check(!atomic_exchange(&context->freed, true), "slot %u: freed twice", context->slot);
}

/*==============================================================================
 * Those who register and unregister
 *============================================================================*/

static void put_in(struct world *world, unsigned slot)
{
    struct context *context = calloc(1, sizeof *context);
    st_check(context, "out of memory");
    context->world = world;
    context->slot = slot;
    context->sort = slot ? (enum sort)st_below(SORTS) : CHECKED;
    pthread_mutex_lock(&world->lock);
    context->older = world->contexts;
    world->contexts = context;
    pthread_mutex_unlock(&world->lock);
    char name[32];
    family_name(name, slot, context->sort);
    cprom_status status;
    if (context->sort == FUNCTION) {
        status = cprom_gauge_func_new(world->fixture->registry, CPROM_OPTS(cprom_opts, .name = name, .help = "Help."),
                                      value, context);
    } else {
        cprom_desc desc = {.size = sizeof desc, .name = name, .help = "Help.", .type = CPROM_GAUGE, .labels = {"n"}};
        cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
        opts.name = name;
        opts.collect = collect;
        opts.ctx = context;
        opts.free = free_context;
        if (context->sort == CHECKED) {
            opts.descs = &desc;
            opts.n_descs = 1;
        }
        status = cprom_collector_new(world->fixture->registry, &opts);
    }
    st_check(status == CPROM_OK, "registering %s: %s", name, cprom_status_string(status));
    world->slots[slot] = context;
}

static void take_out(struct world *world, unsigned slot)
{
    struct context *context = world->slots[slot];
    char name[32];
    family_name(name, slot, context->sort);
    cprom_status status = cprom_registry_unregister(world->fixture->registry, name);
    st_check(status == CPROM_OK, "unregistering %s: %s", name, cprom_status_string(status));
    atomic_store(&context->gone_at, atomic_fetch_add(&world->ticks, 1) + 1);
    world->slots[slot] = NULL;
}

/* Two of them share the slots but 0. */
static void keeper(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        unsigned slot = 1 + st_below(SLOTS - 1);
        if (slot % 2 != number % 2) continue;
        if (world->slots[slot]) take_out(world, slot);
        else put_in(world, slot);
        st_yields(st_below(400));
    }
}

/*==============================================================================
 * Scrapers
 *============================================================================*/

static void check_slot(struct world *world, const ct_page *page, unsigned slot, bool patient)
{
    unsigned n = 0;
    char name[SORTS][32];
    for (unsigned sort = 0; sort < SORTS; sort++) family_name(name[sort], slot, (enum sort)sort);
    for (size_t s = 0; s < page->parsed->n_samples; s++) {
        const parser_sample *sample = &page->parsed->samples[s];
        bool of_slot = false;
        for (unsigned sort = 0; sort < SORTS; sort++) of_slot |= strcmp(sample->name, name[sort]) == 0;
        if (!of_slot) continue;
        if (sample->value != (double)mine.of[slot].call) {
            st_fail(page->text, sample->name,
                    "slot %u shows call %.0f; the call for this page was %llu (0: none, or failed)", slot,
                    sample->value, (unsigned long long)mine.of[slot].call);
        }
        n++;
    }
    unsigned expected = mine.of[slot].call ? mine.of[slot].samples : 0;
    if (n != expected) st_fail(page->text, "c_", "slot %u shows %u samples and emitted %u", slot, n, expected);
    if (slot == 0 && patient && !mine.of[0].ran) st_fail(page->text, NULL, "the steady collector was not called");
    if (!mine.of[slot].ran) atomic_fetch_add(&world->late, 1);
    else atomic_fetch_add(mine.of[slot].call ? &world->shown : &world->missing, 1);
}

static void scraper(void *arg, unsigned number)
{
    static const double timeouts[] = {0, 1e-6, 1e-4, 1e-3, 1e-1};
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        cprom_page_opts opts = CPROM_INIT(cprom_page_opts);
        opts.timeout_seconds = timeouts[number ? st_below(5) : 0];
        opts.self_metrics = st_one_in(4);
        cprom_page *open;
        memset(&mine, 0, sizeof mine);
        mine.opening = true;
        mine.began = atomic_load(&world->ticks);
        cprom_status status = cprom_page_open(world->fixture->registry, &opts, &open);
        mine.opening = false;
        st_check(status == CPROM_OK, "cprom_page_open: %s", cprom_status_string(status));
        ct_page page = st_drain(open);
        cprom_page_close(open);
        for (unsigned slot = 0; slot < SLOTS; slot++) check_slot(world, &page, slot, opts.timeout_seconds == 0);
        ct_page_free(&page);
        atomic_fetch_add(&world->pages, 1);
    }
}

/*==============================================================================
 * The tests
 *============================================================================*/

static void count_log(void *ctx, const char *line) { st_check(line && *line, "an empty log line"); }

static void test_collect_while_collectors_come_and_go(void **state)
{
    ct_fixture *fixture = *state;
    struct world world;
    st_begin(__func__);
    memset(&world, 0, sizeof world);
    world.fixture = fixture;
    pthread_mutex_init(&world.lock, NULL);
    atomic_init(&world.ticks, 1);
    /* Deadlines by the real clock. */
    cprom_registry_free(fixture->registry);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.monotonic_clock = NULL;
    opts.log = count_log;
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    assert_ok(cprom_gauge_vec_new(
        fixture->registry, CPROM_OPTS(cprom_opts, .name = "side", .help = "Help.", .labels = {"l"}), &world.side));
    put_in(&world, 0);
    st_crew crew = {.n = 0};
    int64_t start = ct_now();
    for (unsigned i = 0; i < 4; i++) st_start(&crew, scraper, &world, i);
    for (unsigned i = 0; i < 2; i++) st_start(&crew, keeper, &world, 100 + i);
    while (!ct_over(start, ct_stress_seconds())) sched_yield();
    atomic_store(&world.over, true);
    st_join(&crew);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    unsigned n = 0;
    while (world.contexts) {
        struct context *context = world.contexts;
        world.contexts = context->older;
        st_check(context->sort == FUNCTION || atomic_load(&context->freed), "slot %u: a context was not freed",
                 context->slot);
        free(context);
        n++;
    }
    print_message("%u registrations, %llu pages; collectors shown %llu times, failed %llu, not called %llu\n", n,
                  (unsigned long long)world.pages, (unsigned long long)world.shown, (unsigned long long)world.missing,
                  (unsigned long long)world.late);
    pthread_mutex_destroy(&world.lock);
}

/* A page whose registry is freed while it is being opened, inside a callback. */
struct visit {
    pthread_barrier_t inside, freed_registry;
    ct_fixture *fixture;
    cprom_registry *registry;
    bool starve; /* from then on there is no memory */
    int freed;
};

static cprom_status collect_visit(void *ctx, cprom_scrape *out)
{
    struct visit *visit = ctx;
    cprom_desc desc = {.size = sizeof desc, .name = "visited", .type = CPROM_GAUGE};
    pthread_barrier_wait(&visit->inside);
    pthread_barrier_wait(&visit->freed_registry);
    if (visit->starve) ct_alloc_fail_at(&visit->fixture->alloc, 1, true);
    return cprom_emit(out, &desc, CPROM_NO_STRS, 1);
}

static void free_visit(void *ctx) { ((struct visit *)ctx)->freed++; }

static void visitor(void *arg, unsigned number)
{
    struct visit *visit = arg;
    cprom_page *page;
    cprom_status status = cprom_page_open(visit->registry, NULL, &page);
    ct_alloc_fail_at(&visit->fixture->alloc, 0, false);
    if (visit->starve) {
        st_check(status == CPROM_ENOMEM, "expected ENOMEM: %s", cprom_status_string(status));
        return;
    }
    st_check(status == CPROM_OK, "cprom_page_open: %s", cprom_status_string(status));
    ct_page read = st_drain(page);
    st_check(!parser_find(read.parsed, "ghost"), "a series of a registry that was freed");
    ct_page_free(&read);
    cprom_page_close(page);
}

static void test_registry_freed_inside_a_callback(void **state)
{
    ct_fixture *fixture = *state;
    st_begin(__func__);
    cprom_registry_free(fixture->registry);
    fixture->registry = NULL;
    for (unsigned round = 0; round < 200; round++) {
        struct visit visit = {.fixture = fixture, .starve = round % 2};
        cprom_registry_opts opts = ct_fixture_opts(fixture);
        cprom_gauge *gauge;
        pthread_barrier_init(&visit.inside, NULL, 2);
        pthread_barrier_init(&visit.freed_registry, NULL, 2);
        assert_ok(cprom_registry_new(&opts, &visit.registry));
        assert_ok(cprom_gauge_new(visit.registry, CPROM_OPTS(cprom_opts, .name = "ghost", .help = "Help."), &gauge));
        assert_ok(cprom_collector_new(visit.registry, CPROM_OPTS(cprom_collector_opts, .name = "visit", .ctx = &visit,
                                                                 .collect = collect_visit, .free = free_visit)));
        st_crew crew = {.n = 0};
        st_start(&crew, visitor, &visit, round);
        pthread_barrier_wait(&visit.inside);
        cprom_registry_free(visit.registry);
        pthread_barrier_wait(&visit.freed_registry);
        st_join(&crew);
        assert_int_equal(visit.freed, 1);
        assert_int_equal(atomic_load(&fixture->alloc.bytes), 0);
        assert_int_equal(atomic_load(&fixture->alloc.blocks), 0);
        pthread_barrier_destroy(&visit.inside);
        pthread_barrier_destroy(&visit.freed_registry);
    }
}

int group_collect(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_collect_while_collectors_come_and_go),
        TEST(test_registry_freed_inside_a_callback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
