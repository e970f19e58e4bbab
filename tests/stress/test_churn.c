/*
 * Memory stays bounded while series come and go: every creation uses labels that were never used before, and each
 * thread keeps a fixed number of series alive. Without a scraper, with one, and with a page that stays open.
 *
 * Rounds of churn by four threads end at a barrier. A thread that was stopped inside a look-up holds reclamation up for
 * as long as the scheduler likes, so that memory within a round says as much about the machine as about the library.
 * So the dead of the round are worked off first: not by trimming, but by what creations and deletions promise to do
 * on the way, in a fixed number of them on one thread. What is in use then must have reached a plateau: in the last
 * third of the rounds never more than a quarter above the most in the first third.
 */
#include "stress.h"

enum {
    THREADS = 4,
    LENGTHS = 8,           /* of label texts, so that several classes of slots are in use */
    RUN = 128,             /* series in a row that have the same length */
    ALIVE = LENGTHS * RUN, /* of each thread */
    STEPS = 800,           /* a creation and a deletion each, by each thread in a round */
    CATCH_UP = 4000,       /* by one thread, behind the barrier */
    ROUNDS_MIN = 12
};

enum scraping {
    NO_SCRAPER,
    SCRAPER,
    OPEN_PAGE
};

struct world {
    ct_fixture *fixture;
    cprom_counter_vec *counter;
    cprom_gauge_vec *gauge;
    cprom_histogram_vec *histogram;
    pthread_barrier_t round_begins, round_ends;
    struct ring {
        uint64_t next; /* number of the next series; the last ALIVE are alive */
    } rings[THREADS];
    _Atomic bool over;
    _Atomic unsigned busy; /* churners that have not ended the round */
    _Atomic size_t rounds;
    _Atomic uint64_t bytes_most; /* seen at any time */
};

static cprom_vec *vec_of(struct world *world, uint64_t number)
{
    switch (number % 8) {
    case 0:
    case 1: return (cprom_vec *)world->counter;
    case 2: return (cprom_vec *)world->histogram;
    default: return (cprom_vec *)world->gauge;
    }
}

static cprom_strs labels_of(unsigned thread, uint64_t number, char text[96], const char *values[2])
{
    static const char *const owners[THREADS] = {"a", "b", "c", "d"};
    snprintf(text, 96, "%012llx%.*s", (unsigned long long)number, (int)(number / RUN % LENGTHS * 8),
             "................................................................");
    values[0] = owners[thread];
    values[1] = text;
    return (cprom_strs){values, 2};
}

static void step(struct world *world, unsigned thread)
{
    char text[96];
    const char *values[2];
    struct ring *ring = &world->rings[thread];
    uint64_t number = ring->next++;
    cprom_series *series = cprom_vec_with(vec_of(world, number), labels_of(thread, number, text, values));
    st_check(series, "cprom_vec_with");
    cprom_series_unref(series);
    if (number < ALIVE) return;
    number -= ALIVE;
    cprom_status status = cprom_vec_delete(vec_of(world, number), labels_of(thread, number, text, values));
    st_check(status == CPROM_OK, "cprom_vec_delete: %s", cprom_status_string(status));
}

static void note_bytes(struct world *world)
{
    uint64_t bytes = atomic_load(&world->fixture->alloc.bytes), most = atomic_load(&world->bytes_most);
    while (bytes > most && !atomic_compare_exchange_weak(&world->bytes_most, &most, bytes)) {
    }
}

static void churner(void *arg, unsigned number)
{
    struct world *world = arg;
    unsigned thread = number % THREADS;
    for (;;) {
        pthread_barrier_wait(&world->round_begins);
        if (atomic_load(&world->over)) return;
        for (unsigned n = 0; n < STEPS; n++) {
            step(world, thread);
            if (n % 64 == 0) note_bytes(world);
        }
        atomic_fetch_sub(&world->busy, 1);
        pthread_barrier_wait(&world->round_ends);
    }
}

static void scrape(struct world *world)
{
    bool all_new = atomic_load(&world->rounds) >= 2; /* the first series are gone for good */
    cprom_page *open = st_open(world->fixture->registry);
    ct_page page = st_drain(open);
    cprom_page_close(open);
    for (unsigned thread = 0; all_new && thread < THREADS; thread++) {
        char text[96];
        const char *values[2];
        labels_of(thread, 5, text, values);
        if (strstr(page.text, text)) st_fail(page.text, text, "a series that was deleted long ago");
    }
    ct_page_free(&page);
}

static void scraper(void *arg, unsigned number)
{
    struct world *world = arg;
    for (;;) {
        pthread_barrier_wait(&world->round_begins);
        if (atomic_load(&world->over)) return;
        while (atomic_load(&world->busy)) scrape(world);
        pthread_barrier_wait(&world->round_ends);
    }
}

static void play(ct_fixture *fixture, enum scraping scraping, double seconds)
{
    static const char *const told[] = {"no scraper", "a scraper", "an open page"};
    struct world world;
    st_seam_every = 64; /* bytes are counted in rounds that have to be many */
    memset(&world, 0, sizeof world);
    world.fixture = fixture;
    cprom_registry *registry = fixture->registry;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.help = "Help.";
    opts.labels[0] = "owner";
    opts.labels[1] = "id";
    opts.name = "ch_total";
    assert_ok(cprom_counter_vec_new(registry, &opts, &world.counter));
    opts.name = "ch_gauge";
    assert_ok(cprom_gauge_vec_new(registry, &opts, &world.gauge));
    static const double bounds[] = {1, 2};
    opts.bounds = bounds;
    opts.n_bounds = 2;
    opts.name = "ch_hist";
    assert_ok(cprom_histogram_vec_new(registry, &opts, &world.histogram));
    unsigned parties = THREADS + 1 + (scraping == SCRAPER);
    pthread_barrier_init(&world.round_begins, NULL, parties);
    pthread_barrier_init(&world.round_ends, NULL, parties);
    st_crew crew = {.n = 0};
    cprom_page *open = NULL;
    size_t bytes[4096], rounds = 0;
    uint64_t unreclaimed_most = 0;
    int64_t start = ct_now();
    for (unsigned i = 0; i < THREADS; i++) st_start(&crew, churner, &world, 40 + i);
    if (scraping == SCRAPER) st_start(&crew, scraper, &world, 80);
    do {
        atomic_store(&world.rounds, rounds);
        atomic_store(&world.busy, THREADS);
        pthread_barrier_wait(&world.round_begins);
        /* Later, so that the page shows something. */
        if (rounds == 1 && scraping == OPEN_PAGE) open = st_open(registry);
        /* What comes and goes while statistics are read is not alive in them, but for a few where it never stops. */
        while (atomic_load(&world.busy)) {
            uint64_t alive = st_stats(registry).series;
            st_check(alive <= THREADS * (ALIVE + 1) + 16, "%llu series are alive", (unsigned long long)alive);
        }
        pthread_barrier_wait(&world.round_ends);
        for (unsigned n = 0; n < CATCH_UP; n++) step(&world, n % THREADS);
        bytes[rounds++] = atomic_load(&fixture->alloc.bytes);
        uint64_t unreclaimed = st_stats(registry).series_unreclaimed;
        if (unreclaimed > unreclaimed_most) unreclaimed_most = unreclaimed;
    } while ((!ct_over(start, seconds) || rounds < ROUNDS_MIN) && rounds < 4096);
    atomic_store(&world.over, true);
    pthread_barrier_wait(&world.round_begins);
    st_join(&crew);

    size_t first = 0, last = 0;
    for (size_t i = 0; i < rounds / 3; i++) {
        if (bytes[i] > first) first = bytes[i];
        if (bytes[rounds - 1 - i] > last) last = bytes[rounds - 1 - i];
    }
    cprom_stats stats = st_stats(registry);
    print_message("%s: %zu rounds, %llu series made; after rounds %zu bytes at first, %zu at last, and at most %llu "
                  "dead; at any time at most %llu bytes\n",
                  told[scraping], rounds, (unsigned long long)stats.series_created, first, last,
                  (unsigned long long)unreclaimed_most, (unsigned long long)world.bytes_most);

    if (last > first + first / 4) {
        for (size_t i = 0; i < rounds; i++) print_error("%zu%s", bytes[i], i % 10 == 9 ? "\n" : " ");
        st_fail(NULL, NULL, "memory grows from %zu to %zu bytes", first, last);
    }
    assert_int_equal(stats.series, THREADS * ALIVE);

    for (unsigned i = 0; i < 3; i++) {
        assert_ok(cprom_vec_clear(i == 0   ? (cprom_vec *)world.counter
                                  : i == 1 ? (cprom_vec *)world.gauge
                                           : (cprom_vec *)world.histogram));
    }
    if (open) {
        cprom_registry_trim(registry);
        ct_page page = st_drain(open);
        st_check(st_stats(registry).series_unreclaimed <= page.parsed->n_samples,
                 "the open page pins more than it shows");
        ct_page_free(&page);
        cprom_page_close(open);
    }
    cprom_registry_trim(registry);
    stats = st_stats(registry);
    assert_int_equal(stats.series, 0);
    assert_int_equal(stats.series_unreclaimed, 0);
    assert_int_equal(stats.series_created, stats.series_removed);
    assert_int_equal(stats.bytes, atomic_load(&fixture->alloc.bytes));
    pthread_barrier_destroy(&world.round_begins);
    pthread_barrier_destroy(&world.round_ends);
}

static void test_churn_without_a_scraper_stays_bounded(void **state)
{
    st_begin(__func__);
    play(*state, NO_SCRAPER, ct_stress_seconds() / 3);
}

static void test_churn_with_a_scraper_stays_bounded(void **state)
{
    st_begin(__func__);
    play(*state, SCRAPER, ct_stress_seconds() / 3);
}

static void test_churn_under_an_open_page_stays_bounded(void **state)
{
    st_begin(__func__);
    play(*state, OPEN_PAGE, ct_stress_seconds() / 3);
}

int group_churn(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_churn_without_a_scraper_stays_bounded),
        TEST(test_churn_with_a_scraper_stays_bounded),
        TEST(test_churn_under_an_open_page_stays_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
