/* The life of a vector's series, through the one base that all kinds have, for the four that count. */
#include "support/kinds.h"

/* A vector with the labels "z" and "a", unlike their order on the page. */
static cprom_vec *make(ct_fixture *fixture, const kind *k)
{
    cprom_vec *vec;
    assert_ok(
        k->make(fixture->registry, CPROM_OPTS(cprom_opts, .name = k->name, .help = "h", .labels = {"z", "a"}), &vec));
    return vec;
}

static void assert_value(ct_fixture *fixture, const kind *k, const char *labels, double value)
{
    char key[256];
    snprintf(key, sizeof key, "%s{%s}", k->key, labels);
    ct_assert_sample(fixture->registry, key, value);
}

static void assert_absent(ct_fixture *fixture, const kind *k, const char *labels)
{
    char key[256];
    snprintf(key, sizeof key, "%s{%s}", k->key, labels);
    ct_assert_no_sample(fixture->registry, key);
}

/* How many log lines name the family and say so. */
static size_t count_logged(ct_fixture *fixture, const kind *k, const char *what)
{
    char name[16];
    snprintf(name, sizeof name, "\"%s\"", k->name);
    return ct_log_count_with(&fixture->log, name, what, NULL);
}

/*==============================================================================
 * Finding and creating
 *============================================================================*/

static void test_with_new_and_known_values_is_one_series_from_zero(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        cprom_series *one = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        assert_non_null(one);
        assert_value(fixture, k, "a=\"2\",z=\"1\"", 0);
        cprom_series *same = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        cprom_series *other = cprom_vec_with(vec, CPROM_STRS("2", "1"));
        assert_ptr_equal(one, same);
        assert_ptr_not_equal(one, other);
        assert_ptr_equal(cprom_series_ref(one), one);
        k->touch(one);
        k->touch(same);
        assert_ok(k->update(vec, CPROM_STRS("1", "2")));
        assert_true(k->value(one) == 3 && k->value(other) == 0);
        assert_value(fixture, k, "a=\"2\",z=\"1\"", 3);
        assert_value(fixture, k, "a=\"1\",z=\"2\"", 0);
        assert_int_equal(cprom_vec_size(vec), 2);
        cprom_series_unref(one);
        cprom_series_unref(one);
        cprom_series_unref(same);
        cprom_series_unref(other);
        assert_int_equal(cprom_vec_size(vec), 2);
        assert_value(fixture, k, "a=\"2\",z=\"1\"", 3);
    }
    assert_int_equal(stats_of(fixture->registry).series_created, 2 * KINDS);
    cprom_series_unref(NULL);
    assert_null(cprom_series_ref(NULL));
    assert_null(cprom_vec_with(NULL, CPROM_NO_STRS));
    assert_null(cprom_vec_with_labels(NULL, CPROM_LABELS({"a", "b"})));
    assert_int_equal(cprom_vec_size(NULL), 0);
}

static void test_with_labels_any_order_is_the_same_series(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        cprom_series *one = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        cprom_series *two = cprom_vec_with_labels(vec, CPROM_LABELS({"z", "1"}, {"a", "2"}));
        cprom_series *three = cprom_vec_with_labels(vec, CPROM_LABELS({"a", "2"}, {"z", "1"}));
        cprom_series *other = cprom_vec_with_labels(vec, CPROM_LABELS({"a", "1"}, {"z", "2"}));
        assert_ptr_equal(one, two);
        assert_ptr_equal(one, three);
        assert_ptr_not_equal(one, other);
        assert_non_null(other);
        cprom_series_unref(one);
        cprom_series_unref(two);
        cprom_series_unref(three);
        cprom_series_unref(other);
    }
}

static void test_with_labels_wrong_labels_is_refused_and_counted(void **state)
{
    ct_fixture *fixture = *state;
    uint64_t refused = 0;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        const cprom_labels wrong[] = {
            CPROM_LABELS({"z", "1"}),
            CPROM_LABELS({"z", "1"}, {"a", "1"}, {"b", "1"}),
            CPROM_LABELS({"z", "1"}, {"b", "1"}),
            CPROM_LABELS({"z", "1"}, {"z", "1"}),
            CPROM_LABELS({"z", "1"}, {"z", "2"}),
            CPROM_LABELS({"z", NULL}, {"a", "1"}),
            CPROM_LABELS({NULL, "1"}, {"a", "1"}),
            CPROM_LABELS({"z", "1"}, {"", "1"}),
            {NULL, 0},
        };
        for (size_t i = 0; i < COUNT(wrong); i++) {
            assert_null(cprom_vec_with_labels(vec, wrong[i]));
            assert_int_equal(stats_of(fixture->registry).dropped_invalid, ++refused);
            assert_status(cprom_vec_delete_labels(vec, wrong[i]), CPROM_ELABELS);
        }
        assert_int_equal(cprom_vec_size(vec), 0);
        assert_int_equal(count_logged(fixture, k, "invalid"), 1);
    }
}

static void test_update_refused_values_are_counted_and_logged_once(void **state)
{
    ct_fixture *fixture = *state;
    uint64_t refused = 0;
    char *longest = malloc(CPROM_VALUE_MAX + 2);
    assert_non_null(longest);
    memset(longest, 'x', CPROM_VALUE_MAX + 1);
    longest[CPROM_VALUE_MAX + 1] = '\0';
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        const struct {
            cprom_strs values;
            cprom_status status;
        } cases[] = {
            {CPROM_STRS("1"), CPROM_ELABELS},
            {CPROM_STRS("1", "2", "3"), CPROM_ELABELS},
            {CPROM_NO_STRS, CPROM_ELABELS},
            {CPROM_STRS("1", NULL), CPROM_ELABELS},
            {CPROM_STRS(NULL, "1"), CPROM_ELABELS},
            {CPROM_STRS("1", "\xff"), CPROM_EUTF8},
            {CPROM_STRS("\xc3", "1"), CPROM_EUTF8},             /* cut short */
            {CPROM_STRS("\xc0\x80", "1"), CPROM_EUTF8},         /* overlong */
            {CPROM_STRS("\xed\xa0\x80", "1"), CPROM_EUTF8},     /* a surrogate */
            {CPROM_STRS("\xf4\x90\x80\x80", "1"), CPROM_EUTF8}, /* too large */
            {CPROM_STRS(longest, "1"), CPROM_EUTF8},
            {CPROM_STRS("1", longest), CPROM_EUTF8},
        };
        for (size_t i = 0; i < COUNT(cases); i++) {
            double value;
            assert_status(k->update(vec, cases[i].values), cases[i].status);
            assert_null(cprom_vec_with(vec, cases[i].values));
            refused += 2;
            assert_int_equal(stats_of(fixture->registry).dropped_invalid, refused);
            /* Looking and deleting is not an update. */
            cprom_status looked = cases[i].status == CPROM_ELABELS ? CPROM_ELABELS : CPROM_ENOENT;
            assert_status(k->get(vec, cases[i].values, &value, NULL), looked);
            assert_status(cprom_vec_delete(vec, cases[i].values), looked);
            assert_int_equal(stats_of(fixture->registry).dropped_invalid, refused);
        }
        assert_int_equal(cprom_vec_size(vec), 0);
        assert_int_equal(count_logged(fixture, k, "invalid"), 1);
        /* The longest that may be. */
        assert_ok(k->update(vec, CPROM_STRS(longest + 1, longest + 1)));
        assert_int_equal(cprom_vec_size(vec), 1);
        ct_page page = ct_page_read(fixture->registry, NULL, 65536);
        ct_page_free(&page);
        assert_ok(cprom_vec_delete(vec, CPROM_STRS(longest + 1, longest + 1)));
        assert_status(k->update(NULL, CPROM_STRS("1", "2")), CPROM_EINVAL);
    }
    assert_int_equal(ct_log_count(&fixture->log), KINDS);
    free(longest);
}

static void test_get_unknown_values_creates_nothing(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        double value = 7;
        assert_status(k->get(vec, CPROM_STRS("1", "2"), &value, NULL), CPROM_ENOENT);
        assert_true(value == 0);
        assert_int_equal(cprom_vec_size(vec), 0);
        assert_ok(k->update(vec, CPROM_STRS("1", "2")));
        assert_ok(k->get(vec, CPROM_STRS("1", "2"), &value, NULL));
        assert_true(value == 1);
        assert_ok(cprom_vec_delete(vec, CPROM_STRS("1", "2")));
        assert_status(k->get(vec, CPROM_STRS("1", "2"), &value, NULL), CPROM_ENOENT);
    }
}

static void test_values_that_look_alike_are_series_of_their_own(void **state)
{
    /* Pairs for the labels z and a; as they would look between the braces, unescaped or put together, many are one. */
    static const char *const pairs[][2] = {
        {"", ""},
        {"ab", "c"},
        {"a", "bc"},
        {"", "abc"},
        {"abc", ""},
        {"X\",z=\"", "Y"},
        {"Y", "X\",z=\""},
        {"X", "Y"},
        {"Y\",z=\"X", ""},
        {"", "Y\",z=\"X"},
        {"X\"", "Y"},
        {"\"X", "Y"},
        {"X\\", "Y"},
        {"X\\\"", "Y"},
        {"X\\\\", "Y"},
        {"\n", "n"},
        {"\\n", "n"},
        {"\\", "n"},
        {"n", "\\"},
        {"\\\\n", "n"},
        {"\\\n", "n"},
        {"\"", ""},
        {"", "\""},
        {"\"\"", ""},
        {"\"", "\""},
        {",", ""},
        {"a=\"", "\""},
        {"a", "a"},
        {"aaaaaaaa", "a"},
        {"a", "aaaaaaaa"},
        {"aaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaa"},
        {"aaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaa"},
        {"\x01", "\x02"},
    };
    enum {
        N = COUNT(pairs)
    };
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        cprom_series *handles[N];
        double value;
        for (size_t i = 0; i < N; i++) {
            for (size_t n = 0; n <= i; n++) assert_ok(k->update(vec, (cprom_strs){pairs[i], 2}));
            handles[i] = cprom_vec_with(vec, (cprom_strs){pairs[i], 2});
        }
        assert_int_equal(cprom_vec_size(vec), N);
        for (size_t i = 0; i < N; i++) {
            assert_ok(k->get(vec, (cprom_strs){pairs[i], 2}, &value, NULL));
            assert_true(value == (double)i + 1);
            assert_true(k->value(handles[i]) == (double)i + 1);
        }
        ct_page page = ct_page_read(fixture->registry, NULL, 100);
        size_t samples = 0;
        for (size_t s = 0; s < page.parsed->n_samples; s++) {
            const parser_sample *sample = &page.parsed->samples[s];
            if (strcmp(sample->name, k->key) != 0) continue;
            samples++;
            size_t i = (size_t)sample->value - 1;
            assert_in_range(i, 0, N - 1);
            const char *z = parser_label_value(sample, "z"), *a = parser_label_value(sample, "a");
            assert_string_equal(z, pairs[i][0]);
            assert_string_equal(a, pairs[i][1]);
        }
        assert_int_equal(samples, N);
        ct_page_free(&page);
        /* One after another, and no other with it. */
        for (size_t i = 0; i < N; i++) {
            assert_ok(cprom_vec_delete(vec, (cprom_strs){pairs[i], 2}));
            assert_int_equal(cprom_vec_size(vec), N - 1 - i);
            for (size_t n = 0; n < N; n++) {
                assert_status(k->get(vec, (cprom_strs){pairs[n], 2}, &value, NULL), n > i ? CPROM_OK : CPROM_ENOENT);
            }
            cprom_series_unref(handles[i]);
        }
    }
}

/*==============================================================================
 * Removing
 *============================================================================*/

static void test_delete_series_is_gone_and_others_stay(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        uint64_t removed = stats_of(fixture->registry).series_removed;
        assert_status(cprom_vec_delete(vec, CPROM_STRS("1", "2")), CPROM_ENOENT);
        assert_ok(k->update(vec, CPROM_STRS("1", "2")));
        assert_ok(k->update(vec, CPROM_STRS("1", "3")));
        assert_status(cprom_vec_delete(vec, CPROM_STRS("2", "1")), CPROM_ENOENT);
        assert_status(cprom_vec_delete(vec, CPROM_STRS("1")), CPROM_ELABELS);
        assert_ok(cprom_vec_delete(vec, CPROM_STRS("1", "2")));
        assert_status(cprom_vec_delete(vec, CPROM_STRS("1", "2")), CPROM_ENOENT);
        assert_int_equal(cprom_vec_size(vec), 1);
        assert_absent(fixture, k, "a=\"2\",z=\"1\"");
        assert_value(fixture, k, "a=\"3\",z=\"1\"", 1);
        assert_ok(cprom_vec_delete_labels(vec, CPROM_LABELS({"a", "3"}, {"z", "1"})));
        assert_status(cprom_vec_delete_labels(vec, CPROM_LABELS({"z", "1"}, {"a", "3"})), CPROM_ENOENT);
        assert_int_equal(cprom_vec_size(vec), 0);
        assert_absent(fixture, k, "a=\"3\",z=\"1\"");
        assert_int_equal(stats_of(fixture->registry).series_removed, removed + 2);
    }
    assert_int_equal(stats_of(fixture->registry).series, 0);
    assert_status(cprom_vec_delete(NULL, CPROM_STRS("1", "2")), CPROM_EINVAL);
    assert_status(cprom_vec_delete_labels(NULL, CPROM_LABELS({"a", "3"})), CPROM_EINVAL);
    ct_assert_page(fixture->registry, ""); /* families without series print nothing */
}

static void test_delete_held_handle_is_detached_for_good(void **state)
{
    ct_fixture *fixture = *state;
    uint64_t detached = 0;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        cprom_series *old = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        k->touch(old);
        assert_ok(cprom_vec_delete(vec, CPROM_STRS("1", "2")));
        k->touch(old);
        assert_int_equal(stats_of(fixture->registry).dropped_detached, ++detached);
        assert_true(k->value(old) == 1);
        assert_absent(fixture, k, "a=\"2\",z=\"1\"");
        /* The labels again: a new series from 0, which the old handle never touches. */
        cprom_series *new = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        assert_ptr_not_equal(old, new);
        assert_true(k->value(new) == 0);
        k->touch(old);
        detached++;
        assert_value(fixture, k, "a=\"2\",z=\"1\"", 0);
        assert_ok(k->update(vec, CPROM_STRS("1", "2")));
        assert_true(k->value(new) == 1 && k->value(old) == 1);
        /* Also by the other ways of removal. */
        size_t removed;
        assert_ok(cprom_vec_delete_matching(vec, CPROM_LABELS({"z", "1"}), &removed));
        assert_int_equal(removed, 1);
        k->touch(new);
        cprom_series *third = cprom_vec_with(vec, CPROM_STRS("1", "2"));
        assert_ok(cprom_vec_clear(vec));
        k->touch(third);
        detached += 2;
        assert_int_equal(stats_of(fixture->registry).dropped_detached, detached);
        assert_int_equal(cprom_vec_size(vec), 0);
        cprom_registry_trim(fixture->registry);
        k->touch(old);
        detached++;
        assert_true(k->value(old) == 1 && k->value(new) == 1 && k->value(third) == 0);
        assert_int_equal(count_logged(fixture, k, "detached"), 1);
        cprom_series_unref(old);
        cprom_series_unref(new);
        cprom_series_unref(third);
    }
}

static void fill(const kind *k, cprom_vec *vec, const char *const *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t m = 0; m < n; m++) assert_ok(k->update(vec, CPROM_STRS(values[i], values[m])));
    }
}

static const char *const odd_values[] = {"plain", "\"", "\\", "\n", "\\n", "a\"b", "", "\\\""};
#define ODD COUNT(odd_values)

static void test_delete_matching_one_or_several_labels_removes_those(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        size_t removed = 99, size = ODD * ODD;
        fill(k, vec, odd_values, ODD);
        assert_int_equal(cprom_vec_size(vec), size);
        for (size_t i = 0; i < ODD; i++) {
            assert_ok(
                cprom_vec_delete_matching(vec, CPROM_LABELS({"a", odd_values[i]}, {"z", odd_values[0]}), &removed));
            assert_int_equal(removed, 1);
            assert_status(cprom_vec_delete(vec, CPROM_STRS(odd_values[0], odd_values[i])), CPROM_ENOENT);
            assert_int_equal(cprom_vec_size(vec), --size);
        }
        assert_ok(cprom_vec_delete_matching(vec, CPROM_LABELS({"z", odd_values[0]}), &removed));
        assert_int_equal(removed, 0);
        for (size_t i = 0; i < ODD; i++) {
            assert_ok(cprom_vec_delete_matching(vec, CPROM_LABELS({"a", odd_values[i]}), i % 2 ? &removed : NULL));
            if (i % 2) assert_int_equal(removed, ODD - 1);
            assert_int_equal(cprom_vec_size(vec), size -= ODD - 1);
            ct_page page = ct_page_read(fixture->registry, NULL, 500);
            for (size_t s = 0; s < page.parsed->n_samples; s++) {
                assert_string_not_equal(parser_label_value(&page.parsed->samples[s], "a"), odd_values[i]);
            }
            ct_page_free(&page);
        }
        assert_int_equal(size, 0);
        assert_ok(cprom_vec_delete_matching(vec, CPROM_LABELS({"a", "\xff"}), &removed));
        assert_int_equal(removed, 0);
    }
}

static void test_delete_matching_wrong_labels_is_refused(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        size_t removed = 99;
        fill(k, vec, odd_values, 2);
        assert_status(cprom_vec_delete_matching(NULL, CPROM_LABELS({"a", "plain"}), &removed), CPROM_EINVAL);
        assert_int_equal(removed, 0);
        assert_status(cprom_vec_delete_matching(vec, (cprom_labels){NULL, 0}, &removed), CPROM_EINVAL);
        const cprom_labels wrong[] = {
            CPROM_LABELS({"b", "plain"}),
            CPROM_LABELS({"a", "plain"}, {"b", "plain"}),
            CPROM_LABELS({"a", "plain"}, {"a", "plain"}),
            CPROM_LABELS({"a", "plain"}, {"a", "\""}),
            CPROM_LABELS({"a", "plain"}, {"z", "plain"}, {"a", "plain"}),
            CPROM_LABELS({NULL, "plain"}),
            CPROM_LABELS({"a", NULL}),
        };
        for (size_t i = 0; i < COUNT(wrong); i++) {
            removed = 99;
            assert_status(cprom_vec_delete_matching(vec, wrong[i], &removed), CPROM_ELABELS);
            assert_int_equal(removed, 0);
        }
        assert_int_equal(cprom_vec_size(vec), 4);
    }
    assert_status(cprom_vec_clear(NULL), CPROM_EINVAL);
}

static void test_clear_all_are_gone_and_new_ones_start_at_zero(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec = make(fixture, k);
        assert_ok(cprom_vec_clear(vec));
        for (int round = 0; round < 3; round++) {
            fill(k, vec, odd_values, ODD);
            if (round) assert_value(fixture, k, "a=\"plain\",z=\"plain\"", 1);
            assert_ok(cprom_vec_clear(vec));
            assert_int_equal(cprom_vec_size(vec), 0);
            ct_assert_page(fixture->registry, "");
        }
    }
    assert_int_equal(stats_of(fixture->registry).series_removed, 3 * KINDS * ODD * ODD);
}

static void test_registry_delete_matching_every_vector_that_has_the_labels(void **state)
{
    ct_fixture *fixture = *state;
    cprom_vec *vecs[KINDS];
    cprom_gauge_vec *others;
    cprom_gauge *plain;
    size_t removed = 99;
    cprom_registry *registry = fixture->registry;
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "1"}), &removed), CPROM_ENOENT);
    assert_int_equal(removed, 0);
    for (size_t i = 0; i < KINDS; i++) {
        vecs[i] = make(fixture, &kinds[i]);
        assert_ok(kinds[i].update(vecs[i], CPROM_STRS("x", "a\"\\\n")));
        assert_ok(kinds[i].update(vecs[i], CPROM_STRS("y", "a\"\\\n")));
        assert_ok(kinds[i].update(vecs[i], CPROM_STRS("x", "b")));
    }
    assert_ok(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "plain", .help = "h"), &plain));
    assert_ok(cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "o", .help = "h", .labels = {"a", "other"}),
                                  &others));
    assert_ok(cprom_gauge_vec_set(others, CPROM_STRS("a\"\\\n", "x"), 1));

    assert_ok(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "a\"\\\n"}, {"z", "x"}), &removed));
    assert_int_equal(removed, KINDS);
    assert_int_equal(cprom_gauge_vec_size(others), 1); /* has no label z */
    for (size_t i = 0; i < KINDS; i++) {
        assert_int_equal(cprom_vec_size(vecs[i]), 2);
        assert_value(fixture, &kinds[i], "a=\"b\",z=\"x\"", 1);
    }
    assert_ok(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "a\"\\\n"}), &removed));
    assert_int_equal(removed, KINDS + 1);
    assert_ok(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "b"}), NULL));
    assert_ok(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "b"}), &removed));
    assert_int_equal(removed, 0);
    ct_assert_page(registry, "# HELP plain h\n# TYPE plain gauge\nplain 0\n");

    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"none", "1"}), &removed), CPROM_ENOENT);
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"z", "1"}, {"other", "1"}), NULL),
                  CPROM_ENOENT);
    assert_status(cprom_registry_delete_matching(registry, (cprom_labels){NULL, 0}, &removed), CPROM_EINVAL);
    assert_status(cprom_registry_delete_matching(NULL, CPROM_LABELS({"a", "1"}), &removed), CPROM_EINVAL);
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", "1"}, {"a", "1"}), &removed),
                  CPROM_ELABELS);
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({"a", NULL}), &removed), CPROM_ELABELS);
    assert_status(cprom_registry_delete_matching(registry, CPROM_LABELS({NULL, "1"}), &removed), CPROM_ELABELS);
}

static void test_vector_without_labels_has_one_series(void **state)
{
    ct_fixture *fixture = *state;
    for (const kind *k = kinds; k < kinds + KINDS; k++) {
        cprom_vec *vec;
        assert_ok(k->make(fixture->registry, CPROM_OPTS(cprom_opts, .name = k->name, .help = "h"), &vec));
        assert_int_equal(cprom_vec_size(vec), 0);
        assert_ok(k->update(vec, CPROM_NO_STRS));
        assert_ok(k->update(vec, CPROM_NO_STRS));
        ct_assert_sample(fixture->registry, k->key, 2);
        assert_int_equal(cprom_vec_size(vec), 1);
        assert_ok(cprom_vec_delete(vec, CPROM_NO_STRS));
        ct_assert_no_sample(fixture->registry, k->key);
    }
}

int group_vec(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_with_new_and_known_values_is_one_series_from_zero),
        TEST(test_with_labels_any_order_is_the_same_series),
        TEST(test_with_labels_wrong_labels_is_refused_and_counted),
        TEST(test_update_refused_values_are_counted_and_logged_once),
        TEST(test_get_unknown_values_creates_nothing),
        TEST(test_values_that_look_alike_are_series_of_their_own),
        TEST(test_delete_series_is_gone_and_others_stay),
        TEST(test_delete_held_handle_is_detached_for_good),
        TEST(test_delete_matching_one_or_several_labels_removes_those),
        TEST(test_delete_matching_wrong_labels_is_refused),
        TEST(test_clear_all_are_gone_and_new_ones_start_at_zero),
        TEST(test_registry_delete_matching_every_vector_that_has_the_labels),
        TEST(test_vector_without_labels_has_one_series),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
