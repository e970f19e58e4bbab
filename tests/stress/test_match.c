/*
 * P3 for removals of many series by one call: no page shows a part of what is removed as a whole.
 *
 * A group is a set of series that one thread creates one by one and removes by one call: by registry-wide match over
 * three vectors, by match on one vector, by clear, or by unregistering the vector. The values tell which generation of
 * the group a series on a page is from. One word a group says how far its owner is; read before and after a page is
 * opened, it says what the page may show:
 *
 *  - of a generation that was complete before: all, or nothing;
 *  - all, if it is complete afterwards too; nothing, if its removal had returned before;
 *  - never series of two generations, as the old one was removed before the new one was begun.
 *
 * cprom_vec_each() is held to the same.
 */
#include "stress.h"

enum {
    STEPS = 40, /* series of a group in each of its vectors */
    WIDE = 3,   /* groups over three vectors */
    NARROW = 3, /* groups in one vector, which they share */
    GROUPS = WIDE + NARROW + 2,
    CLEARED = WIDE + NARROW, /* has a vector of its own */
    UNREGISTERED             /* likewise */
};

enum phase {
    EMPTY, /* the generation is gone, its removal has returned */
    CREATING,
    COMPLETE,
    REMOVING
};

struct world {
    ct_fixture *fixture;
    cprom_counter_vec *total;
    cprom_gauge_vec *gauge;
    cprom_summary_vec *summary;
    cprom_gauge_vec *cleared;
    cprom_gauge_vec *unregistered;
    pthread_rwlock_t unregistered_lock; /* nobody may use a vector while it is unregistered */
    _Atomic uint64_t words[GROUPS];     /* generation * 4 + phase; generations begin at 1 */
    _Atomic bool over;
    _Atomic uint64_t generations, pages, whole, none, part;
};

static const unsigned vectors_of[GROUPS] = {3, 3, 3, 1, 1, 1, 1, 1};

static const char *const pipelines[GROUPS] = {"w\"0", "w1", "w2\n", "n0", "n\\1", "n2", "", "gone"};

/*==============================================================================
 * The owners: one thread makes and removes a group
 *============================================================================*/

static void set(struct world *world, unsigned group, unsigned vector, unsigned step, double value)
{
    char text[16];
    snprintf(text, sizeof text, "%u", step * 7919 % 1000); /* in no order, and the same for all */
    cprom_strs strs = CPROM_STRS(text, pipelines[group]);
    cprom_status status;
    if (group == CLEARED) status = cprom_gauge_vec_set(world->cleared, strs, value);
    else if (group == UNREGISTERED) status = cprom_gauge_vec_set(world->unregistered, strs, value);
    else if (vector == 0) status = cprom_gauge_vec_set(world->gauge, strs, value);
    else if (vector == 1) status = cprom_counter_vec_add(world->total, strs, value);
    else status = cprom_summary_vec_observe(world->summary, strs, value);
    st_check(status == CPROM_OK, "group %u, step %u: %s", group, step, cprom_status_string(status));
}

static void make_vector(cprom_registry *registry, cprom_gauge_vec **vec, const char *name)
{
    cprom_status status = cprom_gauge_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = name, .help = "Help.", .labels = {"step", "pipeline"}), vec);
    st_check(status == CPROM_OK, "%s: %s", name, cprom_status_string(status));
}

static void remove_group(struct world *world, unsigned group)
{
    cprom_registry *registry = world->fixture->registry;
    cprom_labels match = CPROM_LABELS({"pipeline", pipelines[group]});
    size_t n = STEPS;
    cprom_status status;
    if (group < WIDE) {
        status = cprom_registry_delete_matching(registry, match, &n);
        n /= 3;
    } else if (group < CLEARED) {
        status = cprom_gauge_vec_delete_matching(world->gauge, match, &n);
    } else if (group == CLEARED) {
        status = cprom_gauge_vec_clear(world->cleared);
    } else {
        pthread_rwlock_wrlock(&world->unregistered_lock);
        status = cprom_registry_unregister(registry, "m_unregistered");
        world->unregistered = NULL;
        pthread_rwlock_unlock(&world->unregistered_lock);
    }
    st_check(status == CPROM_OK, "removing group %u: %s", group, cprom_status_string(status));
    st_check(n == STEPS, "removing group %u found %zu series", group, n);
}

static void owner(void *arg, unsigned group)
{
    struct world *world = arg;
    for (uint64_t generation = 1; !atomic_load(&world->over); generation++) {
        atomic_store(&world->words[group], generation * 4 + CREATING);
        if (group == UNREGISTERED) {
            cprom_gauge_vec *made;
            make_vector(world->fixture->registry, &made, "m_unregistered");
            pthread_rwlock_wrlock(&world->unregistered_lock);
            world->unregistered = made;
            pthread_rwlock_unlock(&world->unregistered_lock);
        }
        for (unsigned i = 0; i < STEPS * vectors_of[group]; i++) {
            set(world, group, i % vectors_of[group], i / vectors_of[group], (double)generation);
        }
        atomic_store(&world->words[group], generation * 4 + COMPLETE);
        /* So that most generations are on some page whole. */
        uint64_t pages = atomic_load(&world->pages);
        while (atomic_load(&world->pages) < pages + 2 && !atomic_load(&world->over)) sched_yield();
        st_yields(st_below(60));
        atomic_store(&world->words[group], generation * 4 + REMOVING);
        remove_group(world, group);
        atomic_store(&world->words[group], generation * 4 + EMPTY);
        st_yields(st_below(10));
        atomic_fetch_add(&world->generations, 1);
    }
}

/* Others create and delete in the same vectors, so that the maps and the order have something to do. */
static void bystander(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        char text[16], name[16];
        snprintf(text, sizeof text, "%u", st_below(300));
        snprintf(name, sizeof name, "other%u", number);
        cprom_strs strs = CPROM_STRS(text, name);
        if (st_one_in(2)) cprom_gauge_vec_inc(world->gauge, strs);
        else cprom_gauge_vec_delete(world->gauge, strs);
        if (st_one_in(2)) cprom_counter_vec_inc(world->total, strs);
        else cprom_counter_vec_delete(world->total, strs);
        if (st_one_in(200)) cprom_registry_trim(world->fixture->registry);
    }
}

/*==============================================================================
 * The lookers
 *============================================================================*/

struct found {
    unsigned n;     /* series with a value */
    unsigned fresh; /* that have none yet */
    double least, most;
};

static void found_add(struct found *found, double value)
{
    if (value == 0) {
        found->fresh++;
        return;
    }
    if (!found->n || value < found->least) found->least = value;
    if (!found->n || value > found->most) found->most = value;
    found->n++;
}

static void judge(struct world *world, const struct found *found, unsigned group, unsigned expected, uint64_t before,
                  uint64_t after, const char *text)
{
    unsigned n = found->n + found->fresh;
    uint64_t generation = before / 4;
    enum phase phase = (enum phase)(before % 4);
    const char *wrong = NULL;
    if (found->n && found->least != found->most) wrong = "series of two generations";
    /* Fresh ones are of a generation that is being created: one by one, and not before the last one is gone. */
    bool old = found->n && found->least <= (double)generation && phase >= COMPLETE;
    if (old && n != expected) wrong = "a part of a generation that was complete";
    if (found->n && found->least < (double)generation) wrong = "a generation that was gone before the last";
    if (before == after && phase == COMPLETE && n != expected) wrong = "not all of a complete generation";
    if (before == after && phase == EMPTY && n) wrong = "series that were removed";
    if (phase == EMPTY && found->n && found->least <= (double)generation) wrong = "series that were removed";
    if (wrong) {
        st_fail(text, pipelines[group],
                "group %u: %s: %u of %u series (%u fresh), generations %.0f to %.0f; before %llu.%u,"
                " after %llu.%u",
                group, wrong, n, expected, found->fresh, found->least, found->most, (unsigned long long)generation,
                (unsigned)phase, (unsigned long long)(after / 4), (unsigned)(after % 4));
    }
    atomic_fetch_add(n == 0 ? &world->none : n == expected ? &world->whole : &world->part, 1);
}

static void look_at_page(struct world *world)
{
    uint64_t before[GROUPS], after[GROUPS];
    struct found found[GROUPS] = {{0, 0, 0, 0}};
    for (unsigned i = 0; i < GROUPS; i++) before[i] = atomic_load(&world->words[i]);
    cprom_page *open = st_open(world->fixture->registry);
    for (unsigned i = 0; i < GROUPS; i++) after[i] = atomic_load(&world->words[i]);
    ct_page page = st_drain(open);
    cprom_page_close(open);
    for (size_t s = 0; s < page.parsed->n_samples; s++) {
        const parser_sample *sample = &page.parsed->samples[s];
        const char *pipeline = parser_label_value(sample, "pipeline");
        if (strcmp(sample->name, "m_summary_count") == 0) continue;
        for (unsigned i = 0; pipeline && i < GROUPS; i++) {
            if (strcmp(pipeline, pipelines[i]) == 0) found_add(&found[i], sample->value);
        }
    }
    for (unsigned i = 0; i < GROUPS; i++) {
        judge(world, &found[i], i, STEPS * vectors_of[i], before[i], after[i], page.text);
    }
    ct_page_free(&page);
    atomic_fetch_add(&world->pages, 1);
}

static bool add_view(void *arg, const cprom_view *view)
{
    struct found *found = arg;
    for (unsigned i = 0; i < GROUPS; i++) {
        if (strcmp(view->values.v[1], pipelines[i]) == 0) found_add(&found[i], view->value);
    }
    return true;
}

static void look_at_vector(struct world *world)
{
    uint64_t before[GROUPS];
    struct found found[GROUPS] = {{0, 0, 0, 0}};
    bool cleared = st_one_in(2);
    for (unsigned i = 0; i < GROUPS; i++) before[i] = atomic_load(&world->words[i]);
    cprom_gauge_vec *vec = cleared ? world->cleared : world->gauge;
    st_check(cprom_gauge_vec_each(vec, add_view, found) == CPROM_OK, "cprom_gauge_vec_each");
    for (unsigned i = 0; i < UNREGISTERED; i++) {
        if (cleared == (i == CLEARED))
            judge(world, &found[i], i, STEPS, before[i], atomic_load(&world->words[i]), NULL);
    }
}

static void scraper(void *arg, unsigned number)
{
    struct world *world = arg;
    while (!atomic_load(&world->over)) {
        if (st_one_in(4)) look_at_vector(world);
        else look_at_page(world);
    }
}

static void test_match_removes_groups_as_a_whole(void **state)
{
    struct world world;
    st_begin(__func__);
    memset(&world, 0, sizeof world);
    world.fixture = *state;
    cprom_registry *registry = world.fixture->registry;
    pthread_rwlock_init(&world.unregistered_lock, NULL);
    make_vector(registry, &world.gauge, "m_gauge");
    make_vector(registry, &world.cleared, "m_cleared");
    assert_ok(cprom_counter_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "m_total", .help = "Help.", .labels = {"step", "pipeline"}),
        &world.total));
    assert_ok(cprom_summary_vec_new(
        registry, CPROM_OPTS(cprom_opts, .name = "m_summary", .help = "Help.", .labels = {"step", "pipeline"}),
        &world.summary));
    st_crew crew = {.n = 0};
    int64_t start = ct_now();
    for (unsigned i = 0; i < GROUPS; i++) st_start(&crew, owner, &world, i);
    for (unsigned i = 0; i < 2; i++) st_start(&crew, scraper, &world, 100 + i);
    st_start(&crew, bystander, &world, 200);
    while (!ct_over(start, ct_stress_seconds())) sched_yield();
    atomic_store(&world.over, true);
    st_join(&crew);
    look_at_page(&world);
    assert_ok(cprom_gauge_vec_clear(world.gauge));
    assert_ok(cprom_counter_vec_clear(world.total));
    ct_assert_page(registry, "");
    cprom_registry_trim(registry);
    assert_int_equal(st_stats(registry).series, 0);
    assert_int_equal(st_stats(registry).series_unreclaimed, 0);
    print_message("%llu generations, %llu pages: %llu times whole, %llu gone, %llu in the making\n",
                  (unsigned long long)world.generations, (unsigned long long)world.pages,
                  (unsigned long long)world.whole, (unsigned long long)world.none, (unsigned long long)world.part);
    pthread_rwlock_destroy(&world.unregistered_lock);
}

int group_match(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_match_removes_groups_as_a_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
