#include "support/crowd.h"

#include <float.h>
#include <math.h>

#include "store/series.h"

static cprom_gauge *new_gauge(ct_fixture *fixture)
{
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(fixture->registry, FAMILY("x"), &gauge));
    return gauge;
}

/* With the labels b and a. */
static cprom_gauge_vec *new_vec(ct_fixture *fixture)
{
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("x", .labels = {"b", "a"}), &vec));
    return vec;
}

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

/* Asserts what the getter and the page say. */
static void assert_value(ct_fixture *fixture, cprom_gauge *gauge, double value)
{
    assert_true(same(cprom_gauge_value(gauge), value));
    ct_assert_sample(fixture->registry, "x", value);
}

static void assert_vec_value(cprom_gauge_vec *vec, cprom_strs values, double expected)
{
    double value = -77;
    assert_ok(cprom_gauge_vec_get(vec, values, &value));
    assert_true(same(value, expected));
}

/*==============================================================================
 * Plain
 *============================================================================*/

static void test_gauge_operations_change_the_value(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge = new_gauge(fixture);
    cprom_gauge_set(gauge, 10.5);
    assert_value(fixture, gauge, 10.5);
    cprom_gauge_add(gauge, 2);
    assert_value(fixture, gauge, 12.5);
    cprom_gauge_sub(gauge, 20);
    assert_value(fixture, gauge, -7.5);
    cprom_gauge_inc(gauge);
    assert_value(fixture, gauge, -6.5);
    cprom_gauge_dec(gauge);
    cprom_gauge_dec(gauge);
    assert_value(fixture, gauge, -8.5);
    cprom_gauge_set(gauge, 3);
    assert_value(fixture, gauge, 3);
}

static void test_gauge_any_value_is_taken(void **state)
{
    static const double values[] = {NAN, INFINITY, -INFINITY, -0.0, 5e-324, -5e-324, DBL_MAX, -DBL_MAX, 0x1p53, 0.1};
    ct_fixture *fixture = *state;
    cprom_gauge *gauge = new_gauge(fixture);
    for (size_t i = 0; i < COUNT(values); i++) {
        cprom_gauge_set(gauge, values[i]);
        assert_value(fixture, gauge, values[i]);
        cprom_gauge_set(gauge, 0);
        cprom_gauge_add(gauge, values[i]);
        assert_value(fixture, gauge, values[i]);
    }
    cprom_gauge_set(gauge, INFINITY);
    cprom_gauge_sub(gauge, INFINITY);
    assert_value(fixture, gauge, NAN);
    cprom_gauge_set(gauge, 1);
    assert_value(fixture, gauge, 1);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
}

static void test_gauge_set_to_current_time_is_the_wall_clock_in_seconds(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge = new_gauge(fixture);
    cprom_gauge_vec *vec;
    atomic_store(&fixture->clock.wall, INT64_C(1700000000250000000));
    cprom_gauge_set_to_current_time(gauge);
    double seconds = cprom_gauge_value(gauge);
    assert_true(fabs(seconds - 1700000000.25) < 1e-6); /* a double cannot tell nanoseconds apart here */
    assert_value(fixture, gauge, seconds);
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("y", .labels = {"l"}), &vec));
    assert_ok(cprom_gauge_vec_set_to_current_time(vec, CPROM_STRS("1")));
    assert_vec_value(vec, CPROM_STRS("1"), seconds);
}

static void add_and_sub(void *ctx, size_t index)
{
    for (int i = 0; i < 10000; i++) {
        cprom_gauge_add(ctx, 3);
        cprom_gauge_dec(ctx);
    }
}

static void test_gauge_add_from_many_threads_loses_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge = new_gauge(fixture);
    crowd_run(12, add_and_sub, gauge);
    assert_value(fixture, gauge, 12 * 10000 * 2);
    crowd_run(CPROM__SLOTS + 16, add_and_sub, gauge);
    assert_value(fixture, gauge, (12 + CPROM__SLOTS + 16) * 10000. * 2);
}

/*==============================================================================
 * Vector: by values
 *============================================================================*/

static void test_gauge_vec_operations_create_and_change(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    assert_int_equal(cprom_gauge_vec_size(vec), 0);
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1", "set"), 2.5));
    assert_ok(cprom_gauge_vec_add(vec, CPROM_STRS("1", "add"), 3));
    assert_ok(cprom_gauge_vec_sub(vec, CPROM_STRS("1", "sub"), 3));
    assert_ok(cprom_gauge_vec_inc(vec, CPROM_STRS("1", "inc")));
    assert_ok(cprom_gauge_vec_dec(vec, CPROM_STRS("1", "dec")));
    assert_ok(cprom_gauge_vec_add(vec, CPROM_STRS("1", "set"), 0.5));
    assert_ok(cprom_gauge_vec_dec(vec, CPROM_STRS("1", "dec")));
    assert_int_equal(cprom_gauge_vec_size(vec), 5);
    assert_vec_value(vec, CPROM_STRS("1", "set"), 3);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x gauge\nx{a=\"add\",b=\"1\"} 3\nx{a=\"dec\",b=\"1\"} -2\n"
                                      "x{a=\"inc\",b=\"1\"} 1\nx{a=\"set\",b=\"1\"} 3\nx{a=\"sub\",b=\"1\"} -3\n");
}

static void test_gauge_vec_bad_arguments_are_refused_and_create_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    const char *half[] = {"1", NULL};
    char *long_value = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(long_value);
    memset(long_value, 'x', CPROM_VALUE_MAX + 1);
    long_value[CPROM_VALUE_MAX + 1] = '\0';
    const struct {
        cprom_strs values;
        cprom_status status;
    } bad[] = {
        {CPROM_NO_STRS, CPROM_ELABELS},
        {CPROM_STRS("1"), CPROM_ELABELS},
        {CPROM_STRS("1", "2", "3"), CPROM_ELABELS},
        {{half, 2}, CPROM_ELABELS},
        {CPROM_STRS("1", "\xff"), CPROM_EUTF8},
        {CPROM_STRS("\xed\xa0\x80", "1"), CPROM_EUTF8},
        {CPROM_STRS(long_value, "1"), CPROM_EUTF8},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_status(cprom_gauge_vec_set(vec, bad[i].values, 1), bad[i].status);
        assert_status(cprom_gauge_vec_add(vec, bad[i].values, 1), bad[i].status);
        assert_status(cprom_gauge_vec_sub(vec, bad[i].values, 1), bad[i].status);
        assert_status(cprom_gauge_vec_inc(vec, bad[i].values), bad[i].status);
        assert_status(cprom_gauge_vec_dec(vec, bad[i].values), bad[i].status);
        assert_status(cprom_gauge_vec_set_to_current_time(vec, bad[i].values), bad[i].status);
        assert_null(cprom_gauge_vec_with(vec, bad[i].values));
        /* Looking and deleting only say that there is none, where the number is right. */
        double value = 5;
        cprom_status absent = bad[i].status == CPROM_ELABELS ? CPROM_ELABELS : CPROM_ENOENT;
        assert_status(cprom_gauge_vec_get(vec, bad[i].values, &value), absent);
        assert_true(value == 0);
        assert_status(cprom_gauge_vec_delete(vec, bad[i].values), absent);
    }
    assert_int_equal(cprom_gauge_vec_size(vec), 0);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 7 * COUNT(bad));
    assert_int_equal(stats_of(fixture->registry).series_created, 0);
    long_value[CPROM_VALUE_MAX] = '\0';
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS(long_value, "1"), 1));
    assert_vec_value(vec, CPROM_STRS(long_value, "1"), 1);
    free(long_value);
}

static void test_gauge_vec_null_vector_is_einval(void **state)
{
    double value = 5;
    size_t removed = 5;
    assert_status(cprom_gauge_vec_set(NULL, CPROM_STRS("1"), 1), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_add(NULL, CPROM_STRS("1"), 1), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_sub(NULL, CPROM_STRS("1"), 1), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_inc(NULL, CPROM_STRS("1")), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_dec(NULL, CPROM_STRS("1")), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_set_to_current_time(NULL, CPROM_STRS("1")), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_get(NULL, CPROM_STRS("1"), &value), CPROM_EINVAL);
    assert_null(cprom_gauge_vec_with(NULL, CPROM_STRS("1")));
    assert_null(cprom_gauge_vec_with_labels(NULL, CPROM_LABELS({"a", "1"})));
    assert_status(cprom_gauge_vec_delete(NULL, CPROM_STRS("1")), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_delete_labels(NULL, CPROM_LABELS({"a", "1"})), CPROM_EINVAL);
    assert_status(cprom_gauge_vec_delete_matching(NULL, CPROM_LABELS({"a", "1"}), &removed), CPROM_EINVAL);
    assert_int_equal(removed, 0);
    assert_status(cprom_gauge_vec_clear(NULL), CPROM_EINVAL);
    assert_int_equal(cprom_gauge_vec_size(NULL), 0);
    assert_status(cprom_gauge_vec_each(NULL, NULL, NULL), CPROM_EINVAL);
}

static void test_gauge_vec_get_does_not_create(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    double value = 5;
    assert_status(cprom_gauge_vec_get(vec, CPROM_STRS("1", "2"), &value), CPROM_ENOENT);
    assert_true(value == 0);
    assert_status(cprom_gauge_vec_get(vec, CPROM_STRS("1"), &value), CPROM_ELABELS);
    assert_status(cprom_gauge_vec_get(vec, CPROM_STRS("1", "2"), NULL), CPROM_ENOENT);
    assert_int_equal(cprom_gauge_vec_size(vec), 0);
    assert_int_equal(stats_of(fixture->registry).series_created, 0);
    assert_int_equal(stats_of(fixture->registry).dropped_invalid, 0);
    ct_assert_page(fixture->registry, "");
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1", "2"), 3));
    assert_status(cprom_gauge_vec_get(vec, CPROM_STRS("2", "1"), &value), CPROM_ENOENT);
    assert_vec_value(vec, CPROM_STRS("1", "2"), 3);
    assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("1", "2")));
    assert_status(cprom_gauge_vec_get(vec, CPROM_STRS("1", "2"), &value), CPROM_ENOENT);
}

static void test_gauge_vec_without_labels_is_one_series(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec;
    assert_ok(cprom_gauge_vec_new(fixture->registry, FAMILY("x"), &vec));
    ct_assert_page(fixture->registry, "");
    assert_ok(cprom_gauge_vec_set(vec, CPROM_NO_STRS, 2));
    cprom_gauge *gauge = cprom_gauge_vec_with_labels(vec, (cprom_labels){NULL, 0});
    assert_value(fixture, gauge, 2);
    cprom_gauge_unref(gauge);
    assert_status(cprom_gauge_vec_set(vec, CPROM_STRS("1"), 2), CPROM_ELABELS);
    assert_ok(cprom_gauge_vec_delete(vec, CPROM_NO_STRS));
    ct_assert_page(fixture->registry, "");
}

/*==============================================================================
 * Vector: handles
 *============================================================================*/

static void test_gauge_vec_with_is_the_same_series_by_values_and_by_labels(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    cprom_gauge *one = cprom_gauge_vec_with(vec, CPROM_STRS("1", "2"));
    assert_non_null(one);
    ct_assert_page(fixture->registry, "# HELP x H.\n# TYPE x gauge\nx{a=\"2\",b=\"1\"} 0\n");
    cprom_gauge *two = cprom_gauge_vec_with_labels(vec, CPROM_LABELS({"b", "1"}, {"a", "2"}));
    cprom_gauge *three = cprom_gauge_vec_with_labels(vec, CPROM_LABELS({"a", "2"}, {"b", "1"}));
    assert_ptr_equal(one, two);
    assert_ptr_equal(one, three);
    assert_ptr_equal(cprom_vec_with((cprom_vec *)vec, CPROM_STRS("1", "2")), (cprom_series *)one);
    cprom_gauge *other = cprom_gauge_vec_with_labels(vec, CPROM_LABELS({"a", "1"}, {"b", "2"}));
    assert_ptr_not_equal(one, other);
    assert_int_equal(cprom_gauge_vec_size(vec), 2);
    cprom_gauge_set(two, 9);
    assert_true(cprom_gauge_value(one) == 9);
    assert_vec_value(vec, CPROM_STRS("1", "2"), 9);
    for (int i = 0; i < 4; i++) cprom_gauge_unref(one);
    cprom_gauge_unref(other);
    assert_vec_value(vec, CPROM_STRS("1", "2"), 9); /* giving handles back removes nothing */
}

static void test_gauge_vec_with_labels_bad_labels_are_null_and_counted(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    const cprom_labels bad[] = {
        {NULL, 0},
        CPROM_LABELS({"a", "1"}),
        CPROM_LABELS({"a", "1"}, {"a", "2"}),
        CPROM_LABELS({"a", "1"}, {"c", "2"}),
        CPROM_LABELS({"a", "1"}, {"b", "2"}, {"c", "3"}),
        CPROM_LABELS({"a", "1"}, {"b", "2"}, {"b", "2"}),
        CPROM_LABELS({"a", "1"}, {"b", NULL}),
        CPROM_LABELS({"a", "1"}, {NULL, "2"}),
        CPROM_LABELS({"a", "1"}, {"b", "\xff"}),
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_null(cprom_gauge_vec_with_labels(vec, bad[i]));
        assert_int_equal(stats_of(fixture->registry).dropped_invalid, i + 1);
        cprom_status status = i == COUNT(bad) - 1 ? CPROM_ENOENT : CPROM_ELABELS;
        assert_status(cprom_gauge_vec_delete_labels(vec, bad[i]), status);
    }
    assert_int_equal(cprom_gauge_vec_size(vec), 0);
}

static void test_gauge_vec_handle_of_a_deleted_series_is_detached(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    cprom_gauge *old = cprom_gauge_vec_with(vec, CPROM_STRS("1", "2"));
    cprom_gauge *again = cprom_gauge_ref(old);
    cprom_gauge_set(old, 5);
    assert_ok(cprom_gauge_vec_delete_labels(vec, CPROM_LABELS({"a", "2"}, {"b", "1"})));
    assert_status(cprom_gauge_vec_delete(vec, CPROM_STRS("1", "2")), CPROM_ENOENT);
    ct_assert_page(fixture->registry, "");
    cprom_gauge_set(old, 6);
    cprom_gauge_add(old, 6);
    cprom_gauge_set_to_current_time(old);
    assert_int_equal(stats_of(fixture->registry).dropped_detached, 3);
    assert_true(cprom_gauge_value(old) == 5);

    cprom_gauge *new = cprom_gauge_vec_with(vec, CPROM_STRS("1", "2"));
    assert_ptr_not_equal(new, old);
    assert_true(cprom_gauge_value(new) == 0);
    cprom_gauge_set(old, 7);
    assert_true(cprom_gauge_value(new) == 0);
    cprom_gauge_set(new, 8);
    cprom_gauge_unref(old);
    cprom_registry_trim(fixture->registry);
    assert_true(cprom_gauge_value(again) == 5); /* one reference is left */
    cprom_gauge_unref(again);
    cprom_registry_trim(fixture->registry);
    assert_vec_value(vec, CPROM_STRS("1", "2"), 8);
    cprom_gauge_unref(new);
}

static void test_gauge_vec_handles_not_given_back_die_with_the_last_unref_only(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    cprom_gauge *gauge = cprom_gauge_vec_with(vec, CPROM_STRS("1", "2"));
    for (int i = 0; i < 10; i++) assert_ptr_equal(cprom_gauge_ref(gauge), gauge);
    assert_ok(cprom_gauge_vec_clear(vec));
    for (int i = 0; i < 10; i++) {
        cprom_gauge_unref(gauge);
        cprom_registry_trim(fixture->registry);
        assert_int_equal(stats_of(fixture->registry).series_unreclaimed, 1);
    }
    cprom_gauge_unref(gauge);
    cprom_registry_trim(fixture->registry);
    assert_int_equal(stats_of(fixture->registry).series_unreclaimed, 0);
}

/*==============================================================================
 * Vector: reading all
 *============================================================================*/

typedef struct seen {
    char text[4096];
    size_t n, stop_at;
    cprom_gauge_vec *vec;
} seen;

static bool see(void *ctx, const cprom_view *view)
{
    seen *s = ctx;
    assert_null(view->buckets);
    assert_int_equal(view->n_buckets, 0);
    assert_int_equal(view->count, 0);
    assert_true(view->sum == 0);
    size_t len = strlen(s->text);
    for (size_t i = 0; i < view->values.n; i++) {
        len += (size_t)snprintf(s->text + len, sizeof s->text - len, "[%s]", view->values.v[i]);
    }
    snprintf(s->text + len, sizeof s->text - len, "=%g ", view->value);
    return ++s->n != s->stop_at;
}

static void test_gauge_vec_each_shows_values_unescaped_in_the_order_of_the_page(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    seen s = {.n = 0};
    assert_ok(cprom_gauge_vec_each(vec, see, &s));
    assert_int_equal(s.n, 0);
    /* The page sorts by a, then b; the view has b first. */
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1", "x!"), 4));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("2", "x"), 3));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("1", "x"), 2));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("9", "\"\\\n"), 1));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("", "\xc3\xa4"), 5));
    assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("gone", "a"), 5));
    assert_ok(cprom_gauge_vec_delete(vec, CPROM_STRS("gone", "a")));
    assert_ok(cprom_gauge_vec_each(vec, see, &s));
    assert_string_equal(s.text, "[9][\"\\\n]=1 [1][x]=2 [2][x]=3 [1][x!]=4 [][\xc3\xa4]=5 ");

    seen first = {.stop_at = 2};
    assert_ok(cprom_gauge_vec_each(vec, see, &first));
    assert_int_equal(first.n, 2);
    assert_status(cprom_gauge_vec_each(vec, NULL, NULL), CPROM_EINVAL);
    assert_int_equal(stats_of(fixture->registry).gathers, 0);
}

static bool change(void *ctx, const cprom_view *view)
{
    seen *s = ctx;
    assert_ok(cprom_gauge_vec_delete(s->vec, view->values));
    assert_ok(cprom_gauge_vec_set(s->vec, CPROM_STRS("new", view->values.v[1]), 1));
    return see(ctx, view);
}

static void test_gauge_vec_each_callback_may_change_the_vector(void **state)
{
    ct_fixture *fixture = *state;
    seen s = {.vec = new_vec(fixture)};
    for (char c = 'a'; c < 'f'; c++) assert_ok(cprom_gauge_vec_set(s.vec, CPROM_STRS("old", ((char[]){c, 0})), c));
    assert_ok(cprom_gauge_vec_each(s.vec, change, &s));
    assert_string_equal(s.text, "[old][a]=97 [old][b]=98 [old][c]=99 [old][d]=100 [old][e]=101 ");
    assert_int_equal(cprom_gauge_vec_size(s.vec), 5);
    assert_vec_value(s.vec, CPROM_STRS("new", "e"), 1);
}

static void test_gauge_vec_many_series_read_back_as_set(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    for (int i = 0; i < 1000; i++) {
        char a[16];
        snprintf(a, sizeof a, "%04d", i * 7 % 1000);
        assert_ok(cprom_gauge_vec_set(vec, CPROM_STRS("b", a), i * 7 % 1000 + 0.5));
    }
    assert_int_equal(cprom_gauge_vec_size(vec), 1000);
    ct_page page = ct_page_read(fixture->registry, NULL, 4096);
    assert_int_equal(page.parsed->n_samples, 1000);
    for (int i = 0; i < 1000; i++) {
        char a[16];
        snprintf(a, sizeof a, "%04d", i);
        assert_vec_value(vec, CPROM_STRS("b", a), i + 0.5);
        assert_string_equal(parser_label_value(&page.parsed->samples[i], "a"), a);
        assert_true(page.parsed->samples[i].value == i + 0.5);
    }
    ct_page_free(&page);
}

static void add_by_label(void *ctx, size_t index)
{
    for (int i = 0; i < 2000; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i % 100);
        cprom_gauge_vec_add(ctx, CPROM_STRS("b", value), 2);
    }
}

static void test_gauge_vec_add_from_many_threads_loses_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge_vec *vec = new_vec(fixture);
    crowd_run(12, add_by_label, vec);
    crowd_run(CPROM__SLOTS + 16, add_by_label, vec);
    assert_int_equal(cprom_gauge_vec_size(vec), 100);
    for (int i = 0; i < 100; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        assert_vec_value(vec, CPROM_STRS("b", value), (12 + CPROM__SLOTS + 16) * 20. * 2);
    }
}

int group_gauge(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_gauge_operations_change_the_value),
        TEST(test_gauge_any_value_is_taken),
        TEST(test_gauge_set_to_current_time_is_the_wall_clock_in_seconds),
        TEST(test_gauge_add_from_many_threads_loses_nothing),
        TEST(test_gauge_vec_operations_create_and_change),
        TEST(test_gauge_vec_bad_arguments_are_refused_and_create_nothing),
        cmocka_unit_test(test_gauge_vec_null_vector_is_einval),
        TEST(test_gauge_vec_get_does_not_create),
        TEST(test_gauge_vec_without_labels_is_one_series),
        TEST(test_gauge_vec_with_is_the_same_series_by_values_and_by_labels),
        TEST(test_gauge_vec_with_labels_bad_labels_are_null_and_counted),
        TEST(test_gauge_vec_handle_of_a_deleted_series_is_detached),
        TEST(test_gauge_vec_handles_not_given_back_die_with_the_last_unref_only),
        TEST(test_gauge_vec_each_shows_values_unescaped_in_the_order_of_the_page),
        TEST(test_gauge_vec_each_callback_may_change_the_vector),
        TEST(test_gauge_vec_many_series_read_back_as_set),
        TEST(test_gauge_vec_add_from_many_threads_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
