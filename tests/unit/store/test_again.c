/*
 * Between the two looks of an update at the epoch: a mark comes while the update is under way. The way in is an exemplar,
 * for which memory is asked for after the value was written and before the second look, under no lock.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_registry *registry;
    cprom_counter_vec *vec;
    cprom_mark mark;
    void (*beside)(void); /* what comes in; NULL: nothing more */
    size_t removed;
} w;

static const cprom_strs a = {(const char *const[]){"a"}, 1};

static void *come_in(void *beside)
{
    (*(void (**)(void))beside)();
    return NULL;
}

static void *allocate(void *ctx, size_t size)
{
    void (*beside)(void) = w.beside;
    pthread_t thread;
    w.beside = NULL;
    if (beside && pthread_create(&thread, NULL, come_in, (void *)&beside) == 0) pthread_join(thread, NULL);
    return ct_allocate(ctx, size);
}

static void mark(void) { w.mark = cprom_registry_mark(w.registry); }

/* A moment that has nothing to do with the series, after the mark. */
static void mark_and_delete(void)
{
    mark();
    cprom_counter_vec_delete_matching(w.vec, CPROM_LABELS({"l", "none"}), NULL);
}

static void delete_it(void) { cprom_counter_vec_delete_matching(w.vec, CPROM_LABELS({"l", "a"}), &w.removed); }

static ct_fixture *w_make(void)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_registry_free(fixture->registry);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.allocate = allocate;
    memset(&w, 0, sizeof w);
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    w.registry = fixture->registry;
    assert_ok(cprom_counter_vec_new(w.registry, FAMILY("c_total", .labels = {"l"}, .exemplars = true), &w.vec));
    assert_ok(cprom_counter_vec_inc(w.vec, a));
    return fixture;
}

static void update_without_slot(void)
{
    AMID(cprom_counter_vec_add_with_exemplar(w.vec, a, 1, CPROM_LABELS({"id", "x"}), 0) == CPROM_OK);
}

/* By labels, by labels without a slot, by a handle. */
static void update(int way, void (*beside)(void))
{
    const cprom_labels labels = CPROM_LABELS({"id", "x"});
    cprom_counter *counter = cprom_counter_vec_with(w.vec, a);
    w.beside = beside;
    if (way == 0) assert_ok(cprom_counter_vec_add_with_exemplar(w.vec, a, 1, labels, 0));
    else if (way == 1) amid_without_slot(update_without_slot);
    else cprom_counter_add_with_exemplar(counter, 1, labels, 0);
    assert_null(w.beside);
    amid_done();
    cprom_counter_unref(counter);
}

static void test_update_under_way_when_a_mark_comes_is_not_swept(void **state)
{
    static void (*const beside[])(void) = {mark, mark_and_delete};
    for (int n = 0; n < 6; n++) {
        ct_fixture *fixture = w_make();
        update(n % 3, beside[n / 3]);
        size_t removed;
        assert_ok(cprom_counter_vec_sweep(w.vec, CPROM_LABELS({"l", "a"}), w.mark, &removed));
        assert_int_equal(removed, 0);
        ct_assert_sample(w.registry, "c_total{l=\"a\"}", 2);
        /* Only who has updated since is spared. */
        w.mark = cprom_registry_mark(w.registry);
        assert_ok(cprom_counter_vec_sweep(w.vec, CPROM_LABELS({"l", "a"}), w.mark, &removed));
        assert_int_equal(removed, 1);
        ct_fixture_free(fixture);
    }
}

/* The removal comes after the update, which is neither lost without a word nor made twice. */
static void test_update_under_way_when_its_series_goes_comes_before_that(void **state)
{
    for (int way = 0; way < 3; way++) {
        ct_fixture *fixture = w_make();
        update(way, delete_it);
        assert_int_equal(w.removed, 1);
        assert_int_equal(cprom_counter_vec_size(w.vec), 0);
        assert_int_equal(up_stats(w.registry).dropped_detached, 0);
        assert_int_equal(up_stats(w.registry).series_created, 1);
        ct_fixture_free(fixture);
    }
}

int group_again(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_under_way_when_a_mark_comes_is_not_swept),
        cmocka_unit_test(test_update_under_way_when_its_series_goes_comes_before_that),
    };
    return cmocka_run_group_tests_name("again", tests, NULL, NULL);
}
