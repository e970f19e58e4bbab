/*
 * Registries that come and go below one that is scraped.
 *
 * Each keeper has a slot, a const label of its own, and below it one registry after the other, some with a child: it
 * registers families, some of which relatives may have as well or otherwise, commits generations to two vectors, and frees.
 * Every page of the parent must parse, which says that no two registries got in each other's way; of each slot it shows
 * one generation whole, in both vectors and with the sample of the collector, or nothing; not one that is older than the
 * last commit before the page was opened, and nothing of a registry that was freed before.
 */
#include "stress.h"

enum { SLOTS = 4, SCRAPERS = 2, SERIES_MAX = 5 };

/* What a collector knows. Never freed before the end, so that misuse is seen and not undefined. */
struct context {
    struct context *older;
    uint64_t life;
    _Atomic bool running, freed;
};

struct slot {
    _Atomic uint64_t life;      /* numbers the registries; odd: there is one */
    _Atomic uint64_t ready;     /* the newest life all of whose families are there */
    _Atomic uint64_t committed; /* the newest generation that a commit has returned of; 0: none of this life */
    struct context *contexts;   /* the keeper's */
    ct_alloc alloc;             /* of its registries */
};

struct world {
    ct_fixture *fixture;
    struct slot slots[SLOTS];
    _Atomic uint64_t generations;
    _Atomic bool over;
    _Atomic uint64_t pages, shown, lives, refused, taken;
};

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    struct context *context = ctx;
    static const cprom_desc desc = {.size = sizeof desc, .name = "live", .type = CPROM_GAUGE};
    st_check(!atomic_exchange(&context->running, true), "a callback runs twice");
    st_check(!atomic_load(&context->freed), "a callback runs, and its context was freed");
    st_yields(st_below(4));
    st_check(cprom_emit(out, &desc, CPROM_NO_STRS, (double)context->life) == CPROM_OK, "cprom_emit");
    st_check(!atomic_load(&context->freed), "a context is freed while its callback runs");
    atomic_store(&context->running, false);
    return CPROM_OK;
}

static void mark_freed(void *ctx) { st_check(!atomic_exchange(&((struct context *)ctx)->freed, true), "freed twice"); }

static cprom_registry *registry_new(cprom_registry *parent, ct_alloc *alloc, const char *name, const char *value)
{
    cprom_registry_opts opts = CPROM_INIT(cprom_registry_opts);
    cprom_registry *registry;
    opts.parent = parent;
    opts.const_labels[0] = (cprom_label){name, value};
    opts.allocate = ct_allocate;
    opts.release = ct_release;
    opts.allocator_ctx = alloc;
    st_check(cprom_registry_new(&opts, &registry) == CPROM_OK, "cprom_registry_new");
    return registry;
}

static cprom_gauge_vec *vec_new(cprom_registry *registry, const char *name)
{
    cprom_gauge_vec *vec;
    cprom_status status = cprom_gauge_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = name, .help = "Help.", .labels = {"n"}), &vec);
    st_check(status == CPROM_OK, "%s: %s", name, cprom_status_string(status));
    return vec;
}

static void commit(struct world *world, struct slot *slot, cprom_registry *registry, cprom_gauge_vec *const vecs[2])
{
    uint64_t generation = atomic_fetch_add(&world->generations, 1) + 1;
    cprom_update *update;
    st_check(cprom_update_new(registry, &update) == CPROM_OK, "cprom_update_new");
    for (int v = 0; v < 2; v++) {
        cprom_update_gauge_vec_replace(update, vecs[v], CPROM_NO_LABELS);
        for (unsigned i = 0; i <= generation % SERIES_MAX; i++) {
            char text[16];
            snprintf(text, sizeof text, "%u", (unsigned)(generation + i * 7) % 1000);
            cprom_update_gauge_vec_set(update, vecs[v], CPROM_STRS(text), (double)generation);
        }
    }
    st_check(cprom_update_commit(update, NULL) == CPROM_OK, "cprom_update_commit");
    cprom_update_free(update);
    atomic_store(&slot->committed, generation);
}

/* Families that others may have: of the same name, or with names of samples that collide; some agree. */
static void try_families(struct world *world, cprom_registry *registry, unsigned number)
{
    static const char *const names[] = {"clash", "clash_total", "clash_sum", "agreed"};
    unsigned which = st_below(4);
    bool agreed = which == 3;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = names[which];
    opts.help = agreed ? "Help." : number % 2 ? "Odd." : "Even.";
    cprom_gauge *gauge;
    cprom_histogram *histogram;
    cprom_counter *counter;
    cprom_status status = which == 0   ? cprom_histogram_new(registry, &opts, &histogram)
                          : which == 1 ? cprom_counter_new(registry, &opts, &counter)
                                       : cprom_gauge_new(registry, &opts, &gauge);
    bool expected = status == CPROM_OK || status == CPROM_EEXIST || (status == CPROM_ECONFLICT && !agreed);
    st_check(expected, "registering %s: %s", opts.name, cprom_status_string(status));
    atomic_fetch_add(status ? &world->refused : &world->taken, 1);
    if (!status && st_one_in(2)) {
        st_yields(st_below(4));
        st_check(cprom_registry_unregister(registry, opts.name) == CPROM_OK, "cprom_registry_unregister");
    }
}

static void keep(void *arg, unsigned number)
{
    struct world *world = arg;
    struct slot *slot = &world->slots[number];
    char value[8];
    snprintf(value, sizeof value, "%u", number);
    while (!atomic_load(&world->over)) {
        cprom_registry *between = NULL, *below = NULL;
        /* Some stand below another that is bare, or are its brothers once it is freed: then they are on no page. */
        if (st_one_in(3)) between = registry_new(world->fixture->registry, &slot->alloc, "none", "");
        atomic_fetch_add(&slot->life, 1);
        cprom_registry *registry =
            registry_new(between ? between : world->fixture->registry, &slot->alloc, "slot", value);
        struct context *context = calloc(1, sizeof *context);
        st_check(context != NULL, "out of memory");
        context->older = slot->contexts;
        context->life = atomic_load(&slot->life);
        slot->contexts = context;
        st_check(cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "live", .collect = collect,
                                                          .ctx = context, .free = mark_freed)) == CPROM_OK,
                 "cprom_collector_new");
        cprom_gauge_vec *vecs[] = {vec_new(registry, "set_a"), vec_new(registry, "set_b")};
        atomic_store(&slot->ready, context->life);
        if (st_one_in(2)) below = registry_new(registry, &slot->alloc, "below", value);
        if (below) cprom_gauge_vec_set(vec_new(below, "set_a"), CPROM_STRS("-1"), 0);
        for (unsigned i = st_below(12); i > 0; i--) {
            commit(world, slot, registry, vecs);
            try_families(world, st_one_in(3) && below ? below : registry, number);
            st_yields(st_below(8));
        }
        if (below && st_one_in(2)) {
            cprom_registry_free(below);
            below = NULL;
        }
        atomic_store(&slot->committed, 0);
        if (between && st_one_in(2)) {
            cprom_registry_free(between);
            between = NULL;
        }
        cprom_registry_free(registry);
        atomic_fetch_add(&slot->life, 1);
        st_yields(st_below(20));
        if (below) {
            try_families(world, below, number);
            cprom_registry_free(below);
        }
        if (between) cprom_registry_free(between);
        atomic_fetch_add(&world->lives, 1);
    }
}

/* What a page shows of one slot. */
struct sight {
    size_t n[2];
    uint64_t generation, live;
};

static void see(struct sight sights[SLOTS], const ct_page *page)
{
    memset(sights, 0, SLOTS * sizeof *sights);
    for (size_t i = 0; i < page->parsed->n_samples; i++) {
        const parser_sample *sample = &page->parsed->samples[i];
        const char *label = parser_label_value(sample, "slot");
        if (!label) continue;
        struct sight *sight = &sights[atoi(label)];
        if (strcmp(sample->name, "live") == 0) sight->live = (uint64_t)sample->value;
        int v = strcmp(sample->name, "set_a") == 0 ? 0 : strcmp(sample->name, "set_b") == 0 ? 1 : -1;
        if (v < 0) continue;
        uint64_t generation = (uint64_t)sample->value;
        if (!sight->generation) sight->generation = generation;
        if (sight->generation != generation) st_fail(page->text, "set_", "two generations of slot %s", label);
        sight->n[v]++;
    }
}

static void scrape(void *arg, unsigned number)
{
    (void)number;
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        uint64_t life[SLOTS], committed[SLOTS], ready[SLOTS];
        for (int s = 0; s < SLOTS; s++) {
            life[s] = atomic_load(&world->slots[s].life);
            committed[s] = atomic_load(&world->slots[s].committed);
            ready[s] = atomic_load(&world->slots[s].ready);
        }
        cprom_page *open = st_open(world->fixture->registry);
        bool same[SLOTS];
        for (int s = 0; s < SLOTS; s++) {
            /* The parent above it is freed, if at all, after this is 0. */
            same[s] = atomic_load(&world->slots[s].life) == life[s] &&
                      (life[s] % 2 == 0 || atomic_load(&world->slots[s].committed) != 0);
        }
        ct_page page = st_drain(open);
        struct sight sights[SLOTS];
        see(sights, &page);
        for (int s = 0; s < SLOTS; s++) {
            const struct sight *sight = &sights[s];
            size_t expected = sight->generation ? sight->generation % SERIES_MAX + 1 : 0;
            if (sight->n[0] != expected || sight->n[1] != expected) {
                st_fail(page.text, "set_", "slot %d shows %zu and %zu series of %zu", s, sight->n[0], sight->n[1], expected);
            }
            /* One that was registered while the page was opened runs from the next page on. */
            if (sight->generation && !sight->live && same[s] && ready[s] == life[s]) {
                st_fail(page.text, "slot=", "slot %d goes without its collector", s);
            }
            if (same[s] && life[s] % 2 == 0 && (sight->generation || sight->live)) {
                st_fail(page.text, "slot=", "slot %d was freed", s);
            }
            if (same[s] && life[s] % 2 && sight->generation < committed[s]) {
                st_fail(page.text, "slot=", "slot %d shows generation %llu, and %llu was committed", s,
                        (unsigned long long)sight->generation, (unsigned long long)committed[s]);
            }
            if (sight->generation) atomic_fetch_add(&world->shown, 1);
        }
        ct_page_free(&page);
        cprom_page_close(open);
        atomic_fetch_add(&world->pages, 1);
    }
}

static void test_children_come_and_go_under_scrapes(void **state)
{
    (void)state;
    static struct world world;
    st_begin(__func__);
    world.fixture = ct_fixture_new();
    cprom_gauge_vec_set(vec_new(world.fixture->registry, "set_a"), CPROM_STRS("-2"), 0);
    st_crew crew = {.n = 0};
    for (unsigned i = 0; i < SLOTS; i++) st_start(&crew, keep, &world, i);
    for (unsigned i = 0; i < SCRAPERS; i++) st_start(&crew, scrape, &world, SLOTS + i);
    int64_t start = ct_now();
    while (!ct_over(start, ct_stress_seconds())) st_yields(100);
    atomic_store(&world.over, true);
    st_join(&crew);
    print_message("%llu pages, %llu generations shown, %llu registries, %llu families taken, %llu refused\n",
                  (unsigned long long)world.pages, (unsigned long long)world.shown, (unsigned long long)world.lives,
                  (unsigned long long)world.taken, (unsigned long long)world.refused);
    assert_true(world.pages && world.shown && world.lives && world.taken && world.refused);
    for (int s = 0; s < SLOTS; s++) {
        assert_int_equal(world.slots[s].alloc.blocks, 0);
        for (struct context *context = world.slots[s].contexts, *older; context; context = older) {
            older = context->older;
            assert_true(context->freed);
            free(context);
        }
    }
    ct_fixture_free(world.fixture);
}

int group_parents(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_children_come_and_go_under_scrapes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
