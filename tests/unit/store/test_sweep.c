/* Mark and sweep: what touches, what goes, what is refused. */
#include <math.h>

#include "oracle/model.h"

static void test_sweep_removes_what_was_not_touched(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "old"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "both"), 1));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("b", "old"), 1));
    cprom_mark since = cprom_registry_mark(r);
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "both"), 2));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "new"), 3));
    up_assert_lines(r, "g{p=\"a\",s=\"both\"} 2\ng{p=\"a\",s=\"new\"} 3\ng{p=\"a\",s=\"old\"} 1\ng{p=\"b\",s=\"old\"} 1\n");
    size_t removed;
    assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}), since, &removed));
    assert_int_equal(removed, 1);
    up_assert_lines(r, "g{p=\"a\",s=\"both\"} 2\ng{p=\"a\",s=\"new\"} 3\ng{p=\"b\",s=\"old\"} 1\n");
    assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}), since, &removed));
    assert_int_equal(removed, 0);
    assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}), cprom_registry_mark(r), NULL));
    up_assert_lines(r, "g{p=\"b\",s=\"old\"} 1\n");
}

/* Every kind of update, on all four kinds of vectors: the series with label "i" gets the ith. */
enum { TOUCHES = 12, QUIET = 4 };

struct kinds {
    cprom_gauge_vec *g;
    cprom_counter_vec *c;
    cprom_histogram_vec *h;
    cprom_summary_vec *s;
    cprom_series *handle[4][TOUCHES + QUIET];
};

static void touch(cprom_registry *r, struct kinds *k, int i)
{
    char text[4];
    snprintf(text, sizeof text, "%d", i);
    cprom_strs strs = CPROM_STRS(text);
    cprom_update *update;
    cprom_gauge *g = (cprom_gauge *)k->handle[0][i];
    cprom_counter *c = (cprom_counter *)k->handle[1][i];
    cprom_histogram *h = (cprom_histogram *)k->handle[2][i];
    cprom_summary *s = (cprom_summary *)k->handle[3][i];
    double value;
    uint64_t count;
    cprom_timer timer;
    switch (i) {
    case 0:
        assert_ok(cprom_gauge_vec_set(k->g, strs, 1));
        assert_ok(cprom_counter_vec_inc(k->c, strs));
        assert_ok(cprom_histogram_vec_observe(k->h, strs, 1));
        assert_ok(cprom_summary_vec_observe(k->s, strs, 1));
        break;
    case 1:
        assert_ok(cprom_gauge_vec_add(k->g, strs, 0));
        assert_ok(cprom_counter_vec_add(k->c, strs, 0));
        assert_ok(cprom_histogram_vec_observe(k->h, strs, NAN));
        assert_ok(cprom_summary_vec_observe(k->s, strs, NAN));
        break;
    case 2:
        cprom_gauge_unref(cprom_gauge_vec_with(k->g, strs));
        cprom_counter_unref(cprom_counter_vec_with(k->c, strs));
        cprom_histogram_unref(cprom_histogram_vec_with(k->h, strs));
        cprom_summary_unref(cprom_summary_vec_with(k->s, strs));
        break;
    case 3:
        cprom_gauge_unref(cprom_gauge_vec_with_labels(k->g, CPROM_LABELS({"l", text})));
        cprom_counter_unref(cprom_counter_vec_with_labels(k->c, CPROM_LABELS({"l", text})));
        cprom_histogram_unref(cprom_histogram_vec_with_labels(k->h, CPROM_LABELS({"l", text})));
        cprom_summary_unref(cprom_summary_vec_with_labels(k->s, CPROM_LABELS({"l", text})));
        break;
    case 4:
        cprom_gauge_set(g, 1);
        cprom_counter_inc(c);
        cprom_histogram_observe(h, 1);
        cprom_summary_observe(s, 1);
        break;
    case 5:
        cprom_gauge_add(g, 0);
        cprom_counter_add(c, 0);
        cprom_histogram_observe(h, NAN);
        cprom_summary_observe(s, NAN);
        break;
    case 6:
        timer = cprom_gauge_timer(g);
        cprom_timer_stop(&timer);
        cprom_counter_inc(c);
        timer = cprom_histogram_timer(h);
        cprom_timer_stop(&timer);
        timer = cprom_summary_timer(s);
        cprom_timer_stop(&timer);
        break;
    case 7:
        cprom_gauge_set_to_current_time(g);
        cprom_counter_inc(c);
        cprom_histogram_observe(h, 1);
        cprom_summary_observe(s, 1);
        break;
    case 8:
    case 9:
        update = up_new(r);
        if (i == 8) assert_ok(cprom_update_gauge_vec_set(update, k->g, strs, 1));
        else assert_ok(cprom_update_gauge_vec_add(update, k->g, strs, 0));
        assert_ok(cprom_update_counter_vec_add(update, k->c, strs, 0));
        assert_ok(cprom_update_histogram_vec_observe(update, k->h, strs, 1));
        assert_ok(cprom_update_summary_vec_observe(update, k->s, strs, 1));
        up_commit(update, 0, 4, 0, 0);
        break;
    case 10:
        update = up_new(r);
        assert_ok(cprom_update_gauge_add(update, g, 0));
        assert_ok(cprom_update_counter_add(update, c, 0));
        assert_ok(cprom_update_histogram_observe(update, h, 1));
        assert_ok(cprom_update_summary_observe(update, s, 1));
        up_commit(update, 0, 4, 0, 0);
        break;
    case 11:
        assert_ok(cprom_gauge_vec_set_to_current_time(k->g, strs));
        assert_ok(cprom_counter_vec_inc(k->c, strs));
        assert_ok(cprom_histogram_vec_observe(k->h, strs, 1));
        assert_ok(cprom_summary_vec_observe(k->s, strs, 1));
        break;
    case TOUCHES: /* reading */
        assert_ok(cprom_gauge_vec_get(k->g, strs, &value));
        assert_ok(cprom_counter_vec_get(k->c, strs, &value));
        assert_ok(cprom_histogram_vec_get(k->h, strs, &count, &value));
        assert_ok(cprom_summary_vec_get(k->s, strs, &count, &value));
        assert_true(cprom_gauge_value(g) + cprom_counter_value(c) + cprom_histogram_sum(h) + cprom_summary_sum(s) == 0);
        break;
    case TOUCHES + 1: /* references */
        for (int kind = 0; kind < 4; kind++) cprom_series_unref(cprom_series_ref(k->handle[kind][i]));
        break;
    case TOUCHES + 2: /* refused */
        assert_status(cprom_counter_vec_add(k->c, strs, -1), CPROM_EINVAL);
        cprom_counter_add(c, NAN);
        break;
    default: { /* abandoned */
        update = up_new(r);
        assert_ok(cprom_update_gauge_vec_set(update, k->g, strs, 1));
        assert_ok(cprom_update_counter_vec_add(update, k->c, strs, 0));
        cprom_update_free(update);
    }
    }
}

static void test_sweep_every_update_touches_reading_does_not(void **state)
{
    TESTS_BEGIN;
    struct kinds k;
#define LABELLED(n) CPROM_OPTS(cprom_opts, .name = n, .help = "h", .labels = {"l"})
    assert_ok(cprom_gauge_vec_new(r, LABELLED("g"), &k.g));
    assert_ok(cprom_counter_vec_new(r, LABELLED("c_total"), &k.c));
    assert_ok(cprom_histogram_vec_new(r, LABELLED("h"), &k.h));
    assert_ok(cprom_summary_vec_new(r, LABELLED("s"), &k.s));
    cprom_vec *const vecs[] = {(cprom_vec *)k.g, (cprom_vec *)k.c, (cprom_vec *)k.h, (cprom_vec *)k.s};
    char text[4];
    for (int i = 0; i < TOUCHES + QUIET; i++) {
        snprintf(text, sizeof text, "%d", i);
        for (int kind = 0; kind < 4; kind++) k.handle[kind][i] = cprom_vec_with(vecs[kind], CPROM_STRS(text));
    }
    for (int i = 0; i < TOUCHES + QUIET; i++) {
        cprom_mark mark = cprom_registry_mark(r);
        touch(r, &k, i);
        snprintf(text, sizeof text, "%d", i);
        size_t removed;
        assert_ok(cprom_registry_sweep(r, CPROM_LABELS({"l", text}), mark, &removed));
        assert_int_equal(removed, i < TOUCHES ? 0 : 4);
        for (int kind = 0; kind < 4; kind++) {
            assert_int_equal(cprom_vec_size(vecs[kind]), TOUCHES + QUIET - (i < TOUCHES ? 0 : i - TOUCHES + 1));
        }
    }
    ct_page page = ct_page_read(r, NULL, 65536);
    ct_page_free(&page);
    for (int kind = 0; kind < 4; kind++) {
        for (int i = 0; i < TOUCHES + QUIET; i++) cprom_series_unref(k.handle[kind][i]);
    }
}

static void test_sweep_older_marks_keep_more(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    cprom_mark marks[5];
    const char *const s[] = {"0", "1", "2", "3", "4"};
    for (int i = 0; i < 5; i++) {
        marks[i] = cprom_registry_mark(r);
        if (i) assert_true(marks[i].epoch > marks[i - 1].epoch);
        assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", s[i]), i));
    }
    for (int i = 0; i < 5; i++) {
        size_t removed;
        assert_ok(cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}), marks[i], &removed));
        assert_int_equal(removed, i > 0); /* those that are in the epoch of the mark stay */
        assert_int_equal(cprom_gauge_vec_size(g), 5 - i);
    }
}

#define REFUSED(status, call) (n = 7, assert_status(call, status), assert_int_equal(n, 0))

static void test_sweep_bad_arguments_are_refused(void **state)
{
    TESTS_BEGIN;
    ct_fixture *other = ct_fixture_new();
    cprom_gauge_vec *g = up_gauges(r, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_mark zero = cprom_registry_mark(NULL), foreign = cprom_registry_mark(other->registry);
    cprom_mark mark = cprom_registry_mark(r), none = {mark.registry, 0};
    assert_true(zero.epoch == 0 && zero.registry == 0);
    size_t n;
    cprom_labels a = CPROM_LABELS({"p", "a"});
    REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(g, CPROM_NO_LABELS, mark, &n));
    REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(g, a, zero, &n));
    REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(g, a, none, &n));
    REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(g, a, foreign, &n));
    REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(NULL, a, mark, &n));
    REFUSED(CPROM_ELABELS, cprom_gauge_vec_sweep(g, CPROM_LABELS({"q", "a"}), mark, &n));
    REFUSED(CPROM_ELABELS, cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}, {"p", "a"}), mark, &n));
    REFUSED(CPROM_ELABELS, cprom_gauge_vec_sweep(g, CPROM_LABELS({"p", "a"}, {"s", "1"}, {"p", "a"}), mark, &n));
    REFUSED(CPROM_EINVAL, cprom_registry_sweep(r, CPROM_NO_LABELS, mark, &n));
    REFUSED(CPROM_EINVAL, cprom_registry_sweep(r, a, zero, &n));
    REFUSED(CPROM_EINVAL, cprom_registry_sweep(r, a, none, &n));
    REFUSED(CPROM_EINVAL, cprom_registry_sweep(r, a, foreign, &n));
    REFUSED(CPROM_EINVAL, cprom_registry_sweep(NULL, a, mark, &n));
    REFUSED(CPROM_ENOENT, cprom_registry_sweep(r, CPROM_LABELS({"q", "a"}), mark, &n));
    REFUSED(CPROM_ENOENT, cprom_registry_sweep(r, CPROM_LABELS({"p", "a"}, {"q", "a"}), mark, &n));
    REFUSED(CPROM_ELABELS, cprom_registry_sweep(r, CPROM_LABELS({"p", "a"}, {"p", "b"}), mark, &n));
    up_assert_lines(r, "g{p=\"a\",s=\"1\"} 1\n");
    ct_fixture_free(other);
}

/* The memory of one registry, so that the next one gets the address of the one before. */
static struct {
    _Alignas(max_align_t) char bytes[1 << 20];
    size_t used, blocks;
} same;

static void *same_allocate(void *ctx, size_t size)
{
    (void)ctx;
    size = (size + sizeof(max_align_t) - 1) / sizeof(max_align_t) * sizeof(max_align_t);
    if (size > sizeof same.bytes - same.used) return NULL;
    void *block = same.bytes + same.used;
    same.used += size;
    same.blocks++;
    return block;
}

static void same_release(void *ctx, void *block, size_t size)
{
    (void)ctx, (void)block, (void)size;
    if (--same.blocks == 0) same.used = 0;
}

static void test_sweep_by_the_mark_of_a_registry_that_was_here_before_is_refused(void **state)
{
    (void)state;
    const cprom_registry_opts opts = {.size = sizeof opts, .allocate = same_allocate, .release = same_release};
    cprom_registry *registry = NULL;
    cprom_mark marks[3];
    for (int i = 0; i < 3; i++) {
        const cprom_registry *before = registry;
        cprom_registry_free(registry);
        assert_ok(cprom_registry_new(&opts, &registry));
        if (before) assert_ptr_equal(registry, before);
        /* The older, the more often: by its epoch each would do. */
        for (int k = i; k < 3; k++) marks[i] = cprom_registry_mark(registry);
    }
    cprom_gauge_vec *g = up_gauges(registry, "g", "p");
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    cprom_labels a = CPROM_LABELS({"p", "a"});
    size_t n;
    for (int i = 0; i < 2; i++) {
        REFUSED(CPROM_EINVAL, cprom_gauge_vec_sweep(g, a, marks[i], &n));
        REFUSED(CPROM_EINVAL, cprom_registry_sweep(registry, a, marks[i], &n));
    }
    assert_int_equal(cprom_gauge_vec_size(g), 1);
    assert_ok(cprom_gauge_vec_sweep(g, a, marks[2], &n));
    assert_int_equal(n, 0);
    cprom_registry_free(registry);
    assert_int_equal(same.blocks, 0);
}

static void test_sweep_everywhere_skips_vectors_without_these_labels(void **state)
{
    TESTS_BEGIN;
    cprom_gauge_vec *g = up_gauges(r, "g", "p"), *h = up_gauges(r, "h", NULL), *one;
    cprom_gauge *plain;
    assert_ok(cprom_gauge_vec_new(r, CPROM_OPTS(cprom_opts, .name = "one", .help = "h", .labels = {"p"}), &one));
    assert_ok(cprom_gauge_new(r, CPROM_OPTS(cprom_opts, .name = "plain", .help = "h"), &plain));
    assert_ok(cprom_gauge_vec_set(g, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(h, CPROM_STRS("a", "1"), 1));
    assert_ok(cprom_gauge_vec_set(h, CPROM_STRS("a", "2"), 1));
    assert_ok(cprom_gauge_vec_set(one, CPROM_STRS("a"), 1));
    size_t removed;
    assert_ok(cprom_registry_sweep(r, CPROM_LABELS({"s", "1"}, {"p", "a"}), cprom_registry_mark(r), &removed));
    assert_int_equal(removed, 2);
    up_assert_lines(r, "h{p=\"a\",s=\"2\"} 1\none{p=\"a\"} 1\nplain 0\n");
    assert_ok(cprom_registry_sweep(r, CPROM_LABELS({"p", "a"}), cprom_registry_mark(r), &removed));
    assert_int_equal(removed, 2);
    up_assert_lines(r, "plain 0\n");
}

static void test_sweep_random_operations_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 10, .handle = 10, .delete_one = 3, .delete_matching = 1, .sweep = 30,
                                          .update = 10};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.size = 0}, &weights, seed, 1000);
    for (uint64_t seed = 4; seed <= 5; seed++) model_run(&(cprom_opts){.max_series = 9}, &weights, seed, 1000);
}

int group_sweep(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_sweep_removes_what_was_not_touched),
        TEST(test_sweep_every_update_touches_reading_does_not),
        TEST(test_sweep_older_marks_keep_more),
        TEST(test_sweep_bad_arguments_are_refused),
        cmocka_unit_test(test_sweep_by_the_mark_of_a_registry_that_was_here_before_is_refused),
        TEST(test_sweep_everywhere_skips_vectors_without_these_labels),
        cmocka_unit_test(test_sweep_random_operations_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
