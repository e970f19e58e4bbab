/*
 * Histories of everything that changes a series, under the eyes of scrapers, checked call by call (history.h):
 * single updates by label values and by handles, deletions, commits with and without scopes, replacements, removals by
 * match, clears, marks and sweeps, over four series of one owner in two vectors. Many short rounds, and yields at the
 * seams. And the mutants of the library: the checker must find each.
 */
#include "stress.h"

#include "oracle/history.h"
#include "support/mutants.h"

enum {
    WRITERS = 3,
    SCRAPERS = 2,
    CALLS = 100, /* of a writer in a round */
    SINGLE = 2   /* series of one vector */
};

struct world {
    ct_fixture *fixture;
    cprom_registry *registry;
    cprom_gauge_vec *vecs[2];
    struct history history;
    pthread_barrier_t begins;
    unsigned writers;
    _Atomic unsigned writing;
    bool commits_only; /* where a mutant leaves out what single calls need */
    uint64_t calls, pages, undecided, most;
};

static const char *const steps[SINGLE] = {"build", "clone"};

static cprom_gauge_vec *vec_of(struct world *world, unsigned key) { return world->vecs[key / SINGLE]; }
#define VALUES(key) CPROM_STRS("x", steps[(key) % SINGLE])

static int32_t value(void) { return (int32_t)(1 + st_below(1000000)); }

/*------------------------------------------------------------------------------
 * Calls
 *----------------------------------------------------------------------------*/

static void single(struct world *world, struct history_op *op, cprom_gauge **handle, unsigned *held)
{
    static const enum history_kind kinds[] = {HISTORY_ADD,      HISTORY_ADD, HISTORY_SET,   HISTORY_HOLD,
                                              HISTORY_ADD_HELD, HISTORY_GET, HISTORY_DELETE};
    cprom_status status = CPROM_OK;
    double got;
    op->kind = kinds[st_below(7)];
    op->key = st_below(2 * SINGLE);
    op->value = value();
    if (op->kind == HISTORY_ADD_HELD && !*handle) op->kind = HISTORY_HOLD;
    if (op->kind == HISTORY_ADD_HELD) op->key = *held;
    if (op->kind == HISTORY_HOLD) cprom_gauge_unref(*handle);
    cprom_gauge_vec *vec = vec_of(world, op->key);
    cprom_strs values = VALUES(op->key);
    op->begin = history_now(&world->history);
    switch (op->kind) {
    case HISTORY_ADD: status = cprom_gauge_vec_add(vec, values, op->value); break;
    case HISTORY_SET: status = cprom_gauge_vec_set(vec, values, op->value); break;
    case HISTORY_HOLD:
        *handle = cprom_gauge_vec_with(vec, values);
        *held = op->key;
        break;
    case HISTORY_ADD_HELD: cprom_gauge_add(*handle, op->value); break;
    case HISTORY_GET:
        op->value = cprom_gauge_vec_get(vec, values, &got) == CPROM_OK ? (int32_t)got : HISTORY_ABSENT;
        break;
    default: op->removed = cprom_gauge_vec_delete(vec, values) == CPROM_OK; break;
    }
    op->end = history_now(&world->history);
    st_check(status == CPROM_OK, "a single call: %s", cprom_status_string(status));
}

/* false: it was stale, and has changed nothing. */
static bool commit(struct world *world, struct history_op *op)
{
    cprom_update *update;
    cprom_result result;
    cprom_labels scope = CPROM_LABELS({"owner", "x"});
    bool scoped = st_one_in(2);
    op->kind = HISTORY_CHANGE;
    op->begin = history_now(&world->history);
    st_check(cprom_update_new(world->registry, &update) == CPROM_OK, "cprom_update_new");
    for (unsigned i = 0; scoped && i < 2; i++) {
        st_check(cprom_update_gauge_vec_replace(update, world->vecs[i], scope) == CPROM_OK, "a scope");
    }
    for (unsigned key = 0; key < 2 * SINGLE; key++) {
        op->effects[key] = scoped ? HISTORY_REMOVES : HISTORY_NONE;
        if (st_one_in(2)) continue;
        op->values[key] = value();
        op->effects[key] = HISTORY_SETS; /* of which a stale commit does nothing */
        cprom_status status = cprom_update_gauge_vec_set(update, vec_of(world, key), VALUES(key), op->values[key]);
        st_check(status == CPROM_OK, "a staged update");
    }
    cprom_status status = cprom_update_commit(update, &result);
    op->end = history_now(&world->history);
    op->removed = (int)result.removed;
    cprom_update_free(update);
    st_check(status == CPROM_OK || status == CPROM_ESTALE, "cprom_update_commit: %s", cprom_status_string(status));
    return status == CPROM_OK;
}

static bool replace(struct world *world, struct history_op *op)
{
    cprom_gauge_row rows[SINGLE];
    cprom_result result;
    const char *labels[SINGLE][2];
    unsigned which = st_below(2), n = 0;
    op->kind = HISTORY_CHANGE;
    for (unsigned i = 0; i < SINGLE; i++) {
        unsigned key = which * SINGLE + i;
        op->effects[key] = HISTORY_REMOVES;
        if (st_one_in(2)) continue;
        op->effects[key] = HISTORY_SETS;
        op->values[key] = value();
        labels[n][0] = "x";
        labels[n][1] = steps[i];
        rows[n] = (cprom_gauge_row){.values = {labels[n], 2}, .value = op->values[key]};
        n++;
    }
    op->begin = history_now(&world->history);
    cprom_status status = cprom_gauge_vec_replace(world->vecs[which], CPROM_LABELS({"owner", "x"}), rows, n, &result);
    op->end = history_now(&world->history);
    op->removed = (int)result.removed;
    st_check(status == CPROM_OK || status == CPROM_ESTALE, "cprom_gauge_vec_replace: %s", cprom_status_string(status));
    return status == CPROM_OK;
}

static void remove_many(struct world *world, struct history_op *op)
{
    unsigned which = st_below(3);
    cprom_status status;
    size_t n;
    op->kind = HISTORY_CHANGE;
    op->removed = HISTORY_UNKNOWN;
    for (unsigned key = 0; key < 2 * SINGLE; key++) {
        if (which == 2 || key / SINGLE == which) op->effects[key] = HISTORY_REMOVES;
    }
    bool all = which < 2 && st_one_in(3);
    op->begin = history_now(&world->history);
    if (which == 2) status = cprom_registry_delete_matching(world->registry, CPROM_LABELS({"owner", "x"}), &n);
    else if (all) status = cprom_gauge_vec_clear(world->vecs[which]);
    else status = cprom_gauge_vec_delete_matching(world->vecs[which], CPROM_LABELS({"owner", "x"}), &n);
    op->end = history_now(&world->history);
    st_check(status == CPROM_OK, "a removal: %s", cprom_status_string(status));
    if (!all) op->removed = (int)n;
}

/* The first writer's own. */
static void mark_or_sweep(struct world *world, struct history_op *op, cprom_mark *mark)
{
    size_t n;
    op->kind = mark->epoch ? HISTORY_SWEEP : HISTORY_MARK;
    for (unsigned key = 0; key < 2 * SINGLE && mark->epoch; key++) op->effects[key] = HISTORY_REMOVES;
    op->begin = history_now(&world->history);
    if (mark->epoch) {
        st_check(cprom_registry_sweep(world->registry, CPROM_LABELS({"owner", "x"}), *mark, &n) == CPROM_OK, "sweep");
        op->removed = (int)n;
        mark->epoch = 0;
    } else {
        *mark = cprom_registry_mark(world->registry);
    }
    op->end = history_now(&world->history);
}

/*------------------------------------------------------------------------------
 * Threads
 *----------------------------------------------------------------------------*/

static void writer(void *arg, unsigned number)
{
    struct world *world = arg;
    cprom_gauge *handle = NULL;
    cprom_mark mark = {.epoch = 0};
    unsigned held = 0;
    pthread_barrier_wait(&world->begins);
    for (unsigned n = 0; n < CALLS; n++) {
        struct history_op op = {.thread = number};
        bool happened = true;
        if (number == 0 && !world->commits_only && st_one_in(8)) mark_or_sweep(world, &op, &mark);
        else if (!world->commits_only && !st_one_in(4)) single(world, &op, &handle, &held);
        else if (st_one_in(2)) happened = commit(world, &op);
        else if (st_one_in(2)) happened = replace(world, &op);
        else remove_many(world, &op);
        if (happened) history_add(&world->history, &op);
    }
    cprom_gauge_unref(handle);
    atomic_fetch_sub(&world->writing, 1);
}

static void scraper(void *arg, unsigned number)
{
    struct world *world = arg;
    pthread_barrier_wait(&world->begins);
    while (atomic_load(&world->writing)) {
        struct history_op op = {.thread = number, .kind = HISTORY_PAGE};
        for (unsigned key = 0; key < 2 * SINGLE; key++) op.values[key] = HISTORY_ABSENT;
        op.begin = history_now(&world->history);
        cprom_page *open = st_open(world->registry);
        op.end = history_now(&world->history);
        ct_page page = st_drain(open);
        cprom_page_close(open);
        for (size_t i = 0; i < page.parsed->n_samples; i++) {
            const parser_sample *sample = &page.parsed->samples[i];
            unsigned step = 0;
            while (step < SINGLE && strcmp(steps[step], parser_label_value(sample, "step")) != 0) step++;
            st_check(step < SINGLE, "a series that nobody made: %s", sample->key);
            op.values[(strcmp(sample->name, "h_b") == 0 ? SINGLE : 0) + step] = (int32_t)sample->value;
        }
        ct_page_free(&page);
        history_add(&world->history, &op);
    }
}

/*------------------------------------------------------------------------------
 * Rounds
 *----------------------------------------------------------------------------*/

static enum history_verdict play_round(struct world *world, unsigned round)
{
    st_crew crew = {.n = 0};
    history_init(&world->history);
    for (unsigned i = 0; i < 2; i++) assert_ok(cprom_gauge_vec_clear(world->vecs[i]));
    atomic_store(&world->writing, world->writers);
    pthread_barrier_init(&world->begins, NULL, world->writers + SCRAPERS);
    uint64_t seed = st_seed;
    st_seed += (uint64_t)round * 1000;
    for (unsigned i = 0; i < world->writers; i++) st_start(&crew, writer, world, i);
    for (unsigned i = 0; i < SCRAPERS; i++) st_start(&crew, scraper, world, WRITERS + i);
    st_join(&crew);
    st_seed = seed;
    pthread_barrier_destroy(&world->begins);
    enum history_verdict verdict = history_check(&world->history);
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        *(i < WRITERS ? &world->calls : &world->pages) += world->history.threads[i].n;
    }
    if (world->history.most > world->most) world->most = world->history.most;
    world->undecided += verdict == HISTORY_UNDECIDED;
    return verdict;
}

static void world_init(struct world *world, ct_fixture *fixture)
{
    memset(world, 0, sizeof *world);
    world->fixture = fixture;
    world->registry = fixture->registry;
    world->writers = WRITERS;
    cprom_opts opts = CPROM_INIT(cprom_opts);
    opts.help = "Help.";
    opts.labels[0] = "owner";
    opts.labels[1] = "step";
    opts.name = "h_a";
    assert_ok(cprom_gauge_vec_new(world->registry, &opts, &world->vecs[0]));
    opts.name = "h_b";
    opts.owner = "owner"; /* removed by another way */
    assert_ok(cprom_gauge_vec_new(world->registry, &opts, &world->vecs[1]));
}

static void tell(const struct world *world, unsigned rounds)
{
    print_message("%u rounds, %llu calls, %llu pages; at most %llu states; %llu rounds undecided\n", rounds,
                  (unsigned long long)world->calls, (unsigned long long)world->pages, (unsigned long long)world->most,
                  (unsigned long long)world->undecided);
}

static void test_histories_are_such_as_may_be(void **state)
{
    static struct world world;
    st_begin(__func__);
    world_init(&world, *state);
    int64_t start = ct_now();
    unsigned rounds = 0;
    do {
        if (play_round(&world, rounds++) == HISTORY_WRONG)
            st_fail(NULL, NULL, "this cannot have been:\n%s", world.history.why);
        history_free(&world.history);
    } while (!ct_over(start, ct_stress_seconds()));
    tell(&world, rounds);
    assert_true(world.pages > 0);
    assert_true(world.undecided * 10 <= rounds);
}

static void must_be_found(ct_fixture *fixture, enum ct_mutant mutant, unsigned writers)
{
    static struct world world;
    unsigned rounds = 0;
    world_init(&world, fixture);
    world.writers = writers;
    world.commits_only = true;
    ct_mutant_on = mutant;
    int64_t start = ct_now();
    enum history_verdict verdict;
    do {
        verdict = play_round(&world, rounds++);
        if (verdict != HISTORY_WRONG) history_free(&world.history);
    } while (verdict != HISTORY_WRONG && !ct_over(start, 20 * ct_stress_seconds()));
    ct_mutant_on = CT_MUTANT_NONE;
    tell(&world, rounds);
    assert_int_equal(verdict, HISTORY_WRONG);
    history_free(&world.history);
}

static void test_histories_of_commits_without_the_gate_are_found(void **state)
{
    st_begin(__func__);
    must_be_found(*state, CT_MUTANT_NO_GATE, 1);
}

static void test_histories_of_commits_that_clear_first_are_found(void **state)
{
    st_begin(__func__);
    must_be_found(*state, CT_MUTANT_CLEAR_FIRST, WRITERS);
}

static void test_histories_of_removals_family_by_family_are_found(void **state)
{
    st_begin(__func__);
    must_be_found(*state, CT_MUTANT_BY_FAMILY, WRITERS);
}

int group_histories(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_histories_are_such_as_may_be),
        TEST(test_histories_of_commits_without_the_gate_are_found),
        TEST(test_histories_of_commits_that_clear_first_are_found),
        TEST(test_histories_of_removals_family_by_family_are_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
