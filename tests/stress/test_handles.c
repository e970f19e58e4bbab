/*
 * Handles, held, passed on, referenced and released by several threads, while others delete, clear, re-create,
 * unregister and register the families again; then the registry is freed with handles and pages alive, and in the end
 * nothing is left of its memory.
 *
 * That an update through a handle reaches its own series or none is seen by numbers:
 *
 *  - What is added to series i is a multiple of the i-th prime, so that every value of it is.
 *  - A thread that has deleted the labels of a handle, and was told so, knows that the handle is detached. What it adds
 *    through it then is poison: a number so large that it cannot hide. It must be counted as detached and be nowhere.
 *  - A detached handle that one thread holds alone keeps its value.
 */
#include "stress.h"

enum {
    SERIES = 16, /* label sets of each vector */
    KINDS = 4,
    HELD = 12,  /* handles that a thread may hold at a time */
    BENCH = 24, /* places where handles are left for others */
    HANDLERS = 4,
    PAGES = 4,   /* that are open when the registry is freed */
    STEPS = 1500 /* of each thread in a round */
};

#define POISON 1e15

static const unsigned primes[SERIES] = {101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179};
static const char *const names[KINDS] = {"h_total", "h_gauge", "h_hist", "h_summary"};

struct handle {
    cprom_series *series; /* NULL: none */
    unsigned kind, i;
};

struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_vec *vecs[KINDS];
    pthread_rwlock_t locks[KINDS]; /* a vector must not be in use when it is unregistered */
    struct place {
        pthread_mutex_t lock;
        struct handle handle;
    } bench[BENCH];
    pthread_barrier_t chaos_over, freed;
    _Atomic uint64_t poisoned, updates;
    cprom_page *pages[PAGES];
};

static cprom_strs labels_of(unsigned i, char text[16], const char *values[1])
{
    snprintf(text, 16, i % 3 ? "h%u" : "h\"%u", i);
    values[0] = text;
    return (cprom_strs){values, 1};
}

static void make_vector(struct world *world, unsigned kind)
{
    static const double bounds[] = {1000};
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.name = names[kind];
    opts.help = "Help.";
    opts.labels[0] = "id";
    cprom_vec **vec = &world->vecs[kind];
    cprom_status status;
    switch (kind) {
    case 0: status = cprom_counter_vec_new(world->registry, &opts, (cprom_counter_vec **)vec); break;
    case 1: status = cprom_gauge_vec_new(world->registry, &opts, (cprom_gauge_vec **)vec); break;
    case 2:
        opts.bounds = bounds;
        opts.n_bounds = 1;
        status = cprom_histogram_vec_new(world->registry, &opts, (cprom_histogram_vec **)vec);
        break;
    default: status = cprom_summary_vec_new(world->registry, &opts, (cprom_summary_vec **)vec); break;
    }
    st_check(status == CPROM_OK, "making %s: %s", names[kind], cprom_status_string(status));
}

/*==============================================================================
 * One handle
 *============================================================================*/

static double value_of(const struct handle *handle)
{
    switch (handle->kind) {
    case 0: return cprom_counter_value((cprom_counter *)handle->series);
    case 1: return cprom_gauge_value((cprom_gauge *)handle->series);
    case 2: return cprom_histogram_sum((cprom_histogram *)handle->series);
    default: return cprom_summary_sum((cprom_summary *)handle->series);
    }
}

static void update(struct world *world, const struct handle *handle, double amount)
{
    atomic_fetch_add(&world->updates, 1);
    switch (handle->kind) {
    case 0: cprom_counter_add((cprom_counter *)handle->series, amount); break;
    case 1: cprom_gauge_add((cprom_gauge *)handle->series, amount); break;
    case 2: cprom_histogram_observe((cprom_histogram *)handle->series, amount); break;
    default: cprom_summary_observe((cprom_summary *)handle->series, amount); break;
    }
}

static bool is_sane(double value, unsigned i)
{
    return value >= 0 && value < POISON && (uint64_t)value % primes[i] == 0;
}

static void check_value(const struct handle *handle)
{
    double value = value_of(handle);
    st_check(is_sane(value, handle->i), "a handle of %s, series %u (prime %u) reads %.17g", names[handle->kind],
             handle->i, primes[handle->i], value);
}

static void update_poison(struct world *world, const struct handle *handle)
{
    double value = value_of(handle);
    update(world, handle, POISON);
    atomic_fetch_add(&world->poisoned, 1);
    double then = value_of(handle);
    /* Others may hold it too, with an update in flight that began when it was alive: small ones. */
    st_check(then < POISON && then >= value, "a detached handle of %s, series %u went from %.17g to %.17g",
             names[handle->kind], handle->i, value, then);
}

static void release(struct handle *handle)
{
    cprom_series_unref(handle->series);
    handle->series = NULL;
}

/*==============================================================================
 * Those who hold handles
 *============================================================================*/

static void take(struct world *world, struct handle *handle)
{
    char text[16];
    const char *values[1];
    handle->kind = st_below(KINDS);
    handle->i = st_below(SERIES);
    cprom_strs strs = labels_of(handle->i, text, values);
    pthread_rwlock_rdlock(&world->locks[handle->kind]);
    cprom_vec *vec = world->vecs[handle->kind];
    if (st_one_in(2)) handle->series = cprom_vec_with(vec, strs);
    else handle->series = cprom_vec_with_labels(vec, CPROM_LABELS({"id", text}));
    st_check(handle->series, "cprom_vec_with");
    /* Known to be detached: it is from before a deletion by this thread. */
    if (st_one_in(4)) {
        cprom_status status = cprom_vec_delete(vec, strs);
        st_check(status == CPROM_OK || status == CPROM_ENOENT, "cprom_vec_delete: %s", cprom_status_string(status));
        if (st_one_in(2)) cprom_series_unref(cprom_vec_with(vec, strs));
        pthread_rwlock_unlock(&world->locks[handle->kind]);
        for (unsigned n = st_below(4); n; n--) update_poison(world, handle);
    } else {
        pthread_rwlock_unlock(&world->locks[handle->kind]);
    }
    check_value(handle);
}

static void swap_with_bench(struct world *world, struct handle *handle)
{
    struct place *place = &world->bench[st_below(BENCH)];
    pthread_mutex_lock(&place->lock);
    struct handle other = place->handle;
    place->handle = *handle;
    pthread_mutex_unlock(&place->lock);
    *handle = other;
}

/* A second reference for somebody else. */
static void share_with_bench(struct world *world, const struct handle *handle)
{
    struct handle shared = *handle;
    shared.series = cprom_series_ref(handle->series);
    st_check(shared.series == handle->series, "cprom_series_ref");
    swap_with_bench(world, &shared);
    if (shared.series) release(&shared);
}

static void step(struct world *world, struct handle *held, bool registry_lives)
{
    struct handle *handle = &held[st_below(HELD)];
    if (!handle->series) {
        if (registry_lives) take(world, handle);
        else swap_with_bench(world, handle);
        return;
    }
    switch (st_below(8)) {
    case 0: release(handle); break;
    case 1: swap_with_bench(world, handle); break;
    case 2: share_with_bench(world, handle); break;
    case 3: check_value(handle); break;
    default: update(world, handle, (double)primes[handle->i] * (1 + st_below(3))); break;
    }
}

static void handler(void *arg, unsigned number)
{
    struct world *world = arg;
    struct handle held[HELD] = {{NULL, 0, 0}};
    for (unsigned n = 0; n < STEPS; n++) step(world, held, true);
    pthread_barrier_wait(&world->chaos_over);
    /* Now the registry is freed, at the same time. */
    for (unsigned n = 0; n < STEPS / 4; n++) step(world, held, false);
    pthread_barrier_wait(&world->freed);
    /* And now it is gone for sure. */
    for (unsigned i = 0; i < HELD; i++) {
        if (!held[i].series) continue;
        update_poison(world, &held[i]);
        check_value(&held[i]);
        release(&held[i]);
    }
}

/*==============================================================================
 * Those who remove
 *============================================================================*/

static void remover(void *arg, unsigned number)
{
    struct world *world = arg;
    char text[16];
    const char *values[1];
    for (unsigned n = 0; n < STEPS; n++) {
        unsigned kind = st_below(KINDS);
        cprom_strs strs = labels_of(st_below(SERIES), text, values);
        if (st_one_in(100)) {
            pthread_rwlock_wrlock(&world->locks[kind]);
            st_check(cprom_registry_unregister(world->registry, names[kind]) == CPROM_OK, "cprom_registry_unregister");
            make_vector(world, kind);
            pthread_rwlock_unlock(&world->locks[kind]);
            continue;
        }
        pthread_rwlock_rdlock(&world->locks[kind]);
        cprom_vec *vec = world->vecs[kind];
        switch (st_below(16)) {
        case 0: cprom_vec_clear(vec); break;
        case 1: cprom_vec_delete_matching(vec, CPROM_LABELS({"id", text}), NULL); break;
        case 2: cprom_registry_trim(world->registry); break;
        default: cprom_vec_delete(vec, strs); break;
        }
        pthread_rwlock_unlock(&world->locks[kind]);
    }
    pthread_barrier_wait(&world->chaos_over);
    pthread_barrier_wait(&world->freed);
}

/*==============================================================================
 * Those who scrape
 *============================================================================*/

static void check_page(const ct_page *page)
{
    for (size_t s = 0; s < page->parsed->n_samples; s++) {
        const parser_sample *sample = &page->parsed->samples[s];
        const char *id = parser_label_value(sample, "id");
        unsigned i = (unsigned)atoi(id + strcspn(id, "0123456789"));
        const char *suffix = strrchr(sample->name, '_');
        bool counts = strcmp(suffix, "_count") == 0 || strcmp(suffix, "_bucket") == 0;
        if (i >= SERIES || sample->value >= POISON || (!counts && !is_sane(sample->value, i))) {
            st_fail(page->text, id, "%s shows a value that nobody wrote there", sample->key);
        }
    }
    /* Nothing was observed above the bound. */
    for (size_t s = 0; s + 1 < page->parsed->n_samples; s++) {
        const parser_sample *sample = &page->parsed->samples[s];
        const char *le = parser_label_value(sample, "le");
        if (le && strcmp(le, "1000") == 0 && sample->value != sample[1].value) {
            st_fail(page->text, "h_hist", "an observation above the bound");
        }
    }
}

static void scraper(void *arg, unsigned number)
{
    struct world *world = arg;
    for (unsigned n = 0; n < STEPS / 20; n++) {
        cprom_page *open = st_open(world->registry);
        if (st_one_in(4)) {
            /* Left open for a while. */
            unsigned at = number % 2 * 2 + st_below(2);
            cprom_page *old = world->pages[at];
            world->pages[at] = open;
            open = old;
            if (!open) continue;
        }
        ct_page page = st_drain(open);
        cprom_page_close(open);
        check_page(&page);
        ct_page_free(&page);
    }
    pthread_barrier_wait(&world->chaos_over);
    for (unsigned i = number % 2 * 2; i < number % 2 * 2 + 2; i++) {
        if (!world->pages[i]) continue;
        ct_page page = st_drain(world->pages[i]);
        check_page(&page);
        ct_page_free(&page);
        if (st_one_in(2)) continue; /* closed by main */
        cprom_page_close(world->pages[i]);
        world->pages[i] = NULL;
    }
    pthread_barrier_wait(&world->freed);
}

/*==============================================================================
 * The test
 *============================================================================*/

static void play_round(struct world *world, unsigned round)
{
    cprom_registry_opts opts = ct_fixture_opts(world->fixture);
    opts.log = NULL;
    assert_ok(cprom_registry_new(&opts, &world->registry));
    for (unsigned kind = 0; kind < KINDS; kind++) make_vector(world, kind);
    atomic_store(&world->poisoned, 0);
    atomic_store(&world->updates, 0);
    pthread_barrier_init(&world->chaos_over, NULL, HANDLERS + 2 + 2 + 1);
    pthread_barrier_init(&world->freed, NULL, HANDLERS + 2 + 2 + 1);
    st_crew crew = {.n = 0};
    for (unsigned i = 0; i < HANDLERS; i++) st_start(&crew, handler, world, round * 100 + i);
    for (unsigned i = 0; i < 2; i++) st_start(&crew, remover, world, round * 100 + 10 + i);
    for (unsigned i = 0; i < 2; i++) st_start(&crew, scraper, world, round * 100 + 20 + i);
    pthread_barrier_wait(&world->chaos_over);
    uint64_t poisoned = atomic_load(&world->poisoned);
    cprom_stats stats = st_stats(world->registry);
    uint64_t updates = atomic_load(&world->updates);
    st_yields(st_below(50));
    cprom_registry_free(world->registry);
    pthread_barrier_wait(&world->freed);
    st_join(&crew);
    for (unsigned i = 0; i < PAGES; i++) {
        cprom_page_close(world->pages[i]);
        world->pages[i] = NULL;
    }
    for (unsigned i = 0; i < BENCH; i++) {
        if (world->bench[i].handle.series) release(&world->bench[i].handle);
    }
    st_check(stats.dropped_detached >= poisoned && stats.dropped_detached <= updates,
             "%llu updates counted as detached, and there were %llu to %llu",
             (unsigned long long)stats.dropped_detached, (unsigned long long)poisoned, (unsigned long long)updates);
    st_check(stats.dropped_nomem + stats.dropped_limit + stats.dropped_invalid == 0, "updates were dropped");
    assert_int_equal(atomic_load(&world->fixture->alloc.bytes), 0);
    assert_int_equal(atomic_load(&world->fixture->alloc.blocks), 0);
    pthread_barrier_destroy(&world->chaos_over);
    pthread_barrier_destroy(&world->freed);
}

static void test_handles_outlive_series_families_and_registry(void **state)
{
    struct world world;
    st_begin(__func__);
    memset(&world, 0, sizeof world);
    world.fixture = *state;
    cprom_registry_free(world.fixture->registry);
    world.fixture->registry = NULL;
    for (unsigned kind = 0; kind < KINDS; kind++) pthread_rwlock_init(&world.locks[kind], NULL);
    for (unsigned i = 0; i < BENCH; i++) pthread_mutex_init(&world.bench[i].lock, NULL);
    int64_t start = ct_now();
    unsigned rounds = 0;
    do play_round(&world, rounds++);
    while (!ct_over(start, ct_stress_seconds()));
    print_message("%u rounds\n", rounds);
    for (unsigned kind = 0; kind < KINDS; kind++) pthread_rwlock_destroy(&world.locks[kind]);
    for (unsigned i = 0; i < BENCH; i++) pthread_mutex_destroy(&world.bench[i].lock);
}

int group_handles(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_handles_outlive_series_families_and_registry),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
