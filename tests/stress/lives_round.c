#include "lives.h"
#include "lives_calls.h"

static bool wished(enum lives_wish wish, unsigned one_in)
{
    return wish == LIVES_ALWAYS || (wish == LIVES_CHANCE && st_one_in(one_in));
}

static void make_vec(struct lives_round *round, unsigned of, unsigned i)
{
    static const char *const names[LIVES_REGISTRIES][LIVES_VECS] = {{"c0", "c1"}, {"p0", "p1"}};
    const struct lives_wishes *wishes = &round->wishes;
    struct lives_vec_of_round *made = &round->vecs[of][i];
    struct lives_vec *shape = &round->lives[of].vecs[i];
    char name[16];
    cprom_opts opts = CPROM_INIT(cprom_opts);
    *shape = (struct lives_vec){.first = i * LIVES_OF_VEC, .n = LIVES_OF_VEC};
    shape->folds = i == 1 && wished(wishes->fold, 3);
    if (shape->folds || wished(wishes->cap, 2)) shape->cap = 1 + st_below(LIVES_OF_VEC - 1 - shape->folds);
    if (shape->cap && wishes->cap_of_all) shape->cap = wishes->cap_of_all;
    shape->expires = wished(wishes->ttl, 3);
    shape->lingers = wished(wishes->linger, 3);
    made->counts = shape->folds;
    snprintf(name, sizeof name, "%s%s", names[of][i], made->counts ? "_total" : "");
    opts.name = name;
    opts.help = "Help.";
    opts.labels[0] = "owner";
    opts.labels[1] = "step";
    opts.owner = wished(wishes->owner, 2) ? "owner" : NULL;
    if (opts.owner && !shape->folds && wished(wishes->bound, 3)) shape->shared = 2;
    opts.max_series_per_owner = shape->shared ? 1 : 0;
    opts.max_series = shape->cap;
    opts.overflow = shape->folds ? CPROM_FOLD : CPROM_REFUSE;
    opts.ttl_seconds = shape->expires ? 0.5 : 0;
    opts.linger_seconds = shape->lingers ? 0.5 : 0;
    round->ticks = round->ticks || shape->expires || shape->lingers;
    if (made->counts)
        assert_ok(cprom_counter_vec_new(round->fixtures[of]->registry, &opts, (cprom_counter_vec **)&made->vec));
    else assert_ok(cprom_gauge_vec_new(round->fixtures[of]->registry, &opts, (cprom_gauge_vec **)&made->vec));
}

static void run(struct lives_round *round, unsigned number)
{
    struct lives_hands hands = {.round = round, .number = number};
    unsigned calls = round->wishes.calls ? round->wishes.calls : LIVES_CALLS;
    pthread_barrier_wait(&round->begins);
    if (number < LIVES_WRITERS) {
        for (unsigned n = 0; n < calls; n++) lives_write_call(&hands);
        atomic_fetch_sub(&round->writing, 1);
    } else {
        while (atomic_load(&round->writing)) lives_read_call(&hands);
    }
    lives_let_go(&hands);
}

static void run_thread(void *world, unsigned number) { run(world, number % 100); }

static void play(struct lives_round *round, unsigned number)
{
    st_crew crew = {.n = 0};
    unsigned writers = round->wishes.writers ? round->wishes.writers : LIVES_WRITERS;
    atomic_store(&round->writing, writers);
    pthread_mutex_init(&round->serial, NULL);
    pthread_barrier_init(&round->begins, NULL, writers + LIVES_SCRAPERS);
    for (unsigned i = 0; i < writers; i++) st_start(&crew, run_thread, round, number * 100 + i);
    for (unsigned i = 0; i < LIVES_SCRAPERS; i++) st_start(&crew, run_thread, round, number * 100 + LIVES_WRITERS + i);
    st_join(&crew);
    pthread_barrier_destroy(&round->begins);
    pthread_mutex_destroy(&round->serial);
}

static void write_record(const struct lives *lives)
{
    const char *path = getenv("CPROM_LIVES_RECORD");
    FILE *file = path ? fopen(path, "w") : NULL;
    bool written = file && lives_write(lives, file);
    if (file) written = fclose(file) == 0 && written;
    if (path) print_message("the record is %sin %s\n", written ? "" : "not ", path);
}

static enum lives_verdict check(struct lives *lives, struct lives_sums *sums)
{
    enum lives_verdict verdict = lives_check(lives);
    if (verdict) write_record(lives);
    sums->undecided += verdict == LIVES_UNDECIDED;
    if (lives->most > sums->most) sums->most = lives->most;
    for (unsigned i = 0; i < LIVES_THREADS; i++) {
        for (size_t k = 0; k < lives->threads[i].n; k++) {
            bool shows = lives->threads[i].ops[k].kind == LIVES_PAGE || lives->threads[i].ops[k].kind == LIVES_EACH;
            *(shows ? &sums->pages : &sums->calls) += 1;
        }
    }
    return verdict;
}

enum lives_verdict lives_play(struct lives_round *round, const struct lives_wishes *wishes, unsigned number,
                              struct lives_sums *sums)
{
    enum lives_verdict verdict = LIVES_RIGHT;
    memset(round, 0, sizeof *round);
    round->wishes = *wishes;
    st_join_in(number * 100 + 99);
    round->marks = wished(wishes->marks, 2);
    round->second = wished(wishes->second, 3);
    round->fixtures[1] = ct_fixture_new();
    round->fixtures[0] = ct_fixture_child(round->fixtures[1]->registry, CPROM_NO_LABELS);
    for (unsigned of = 0; of < LIVES_REGISTRIES; of++) {
        for (unsigned i = 0; i < LIVES_VECS; i++) make_vec(round, of, i);
    }
    play(round, number);
    for (unsigned of = 0; of < LIVES_REGISTRIES; of++) ct_fixture_free(round->fixtures[of]);
    for (unsigned of = 0; of < LIVES_REGISTRIES && verdict != LIVES_WRONG; of++) {
        enum lives_verdict one = check(&round->lives[of], sums);
        if (one == LIVES_WRONG && of) memcpy(round->lives[0].why, round->lives[of].why, sizeof round->lives[0].why);
        if (one) verdict = one;
    }
    sums->rounds++;
    for (unsigned of = 0; of < LIVES_REGISTRIES; of++) {
        char why[sizeof round->lives[of].why];
        memcpy(why, round->lives[of].why, sizeof why);
        lives_clear(&round->lives[of]);
        memcpy(round->lives[of].why, why, sizeof why);
    }
    return verdict;
}

bool lives_find(const char *test, const struct lives_wishes *wishes)
{
    static struct lives_round round;
    struct lives_sums sums = {0};
    enum lives_verdict verdict = LIVES_RIGHT;
    st_begin(test);
    int64_t start = ct_now();
    for (unsigned n = 0; verdict != LIVES_WRONG && !ct_over(start, 600); n++) {
        verdict = lives_play(&round, wishes, n, &sums);
    }
    print_message("%s after %llu rounds, %.2f s\n", verdict == LIVES_WRONG ? "found" : "not found",
                  (unsigned long long)sums.rounds, (double)(ct_now() - start) / 1e9);
    return verdict == LIVES_WRONG;
}
