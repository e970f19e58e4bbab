/*
 * A removal over all vectors lists them before it waits for the gate. What is registered meanwhile belongs to it as well,
 * and a registry that is freed meanwhile has none.
 */
#include "support/amid.h"
#include "support/updates.h"

static struct {
    cprom_registry *registry;
    cprom_gauge_vec *first, *late;
    ct_alloc *alloc;
} all;

static void all_make(ct_fixture *fixture)
{
    memset(&all, 0, sizeof all);
    all.registry = fixture->registry;
    all.alloc = &fixture->alloc;
}

static cprom_gauge_vec *vec_with(const char *name, const char *label)
{
    cprom_gauge_vec *vec = NULL;
    AMID(cprom_gauge_vec_new(all.registry, FAMILY(name, .labels = {label, "s"}), &vec) == CPROM_OK);
    AMID(cprom_gauge_vec_set(vec, CPROM_STRS("a", "1"), 1) == CPROM_OK);
    AMID(cprom_gauge_vec_set(vec, CPROM_STRS("b", "1"), 2) == CPROM_OK);
    return vec;
}

static cprom_status delete_all(cprom_mark mark, size_t *removed)
{
    const cprom_labels match = CPROM_LABELS({"p", "a"});
    return mark.epoch ? cprom_registry_sweep(all.registry, match, mark, removed)
                      : cprom_registry_delete_matching(all.registry, match, removed);
}

static void register_late(void)
{
    all.late = vec_with("late", "p");
    vec_with("apart", "q"); /* the match has a label that it has not */
}

/* By a match and by a sweep, beside a vector that was there before, and without one. */
static void test_remove_all_takes_what_was_registered_meanwhile(void **state)
{
    for (int n = 0; n < 4; n++) {
        ct_fixture *fixture = ct_fixture_new();
        all_make(fixture);
        if (n % 2) all.first = vec_with("first", "p");
        cprom_mark mark = {0, 0};
        size_t removed;
        amid_at(CPROM__SEAM_REMOVAL_LISTED, 1, register_late);
        if (n / 2) {
            /* What the mark has not seen is gone; what comes late was touched since. */
            mark = cprom_registry_mark(all.registry);
            assert_int_equal(delete_all(mark, &removed), CPROM_OK);
            assert_int_equal(removed, n % 2);
        } else {
            assert_int_equal(delete_all(mark, &removed), CPROM_OK);
            assert_int_equal(removed, 1 + n % 2);
        }
        amid_done();
        if (all.first) assert_int_equal(cprom_gauge_vec_size(all.first), 1);
        assert_int_equal(cprom_gauge_vec_size(all.late), n / 2 ? 2 : 1);
        double value;
        assert_status(cprom_gauge_vec_get(all.late, CPROM_STRS("a", "1"), &value), n / 2 ? CPROM_OK : CPROM_ENOENT);
        ct_fixture_free(fixture);
    }
}

static void register_late_without_memory(void)
{
    register_late();
    ct_alloc_fail_at(all.alloc, 1, true);
}

static void test_remove_all_without_memory_for_what_came_meanwhile_removes_nothing(void **state)
{
    TESTS_BEGIN;
    all_make(fixture);
    all.first = vec_with("first", "p");
    size_t removed = 9;
    amid_at(CPROM__SEAM_REMOVAL_LISTED, 1, register_late_without_memory);
    cprom_status status = cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), &removed);
    ct_alloc_fail_at(all.alloc, 0, false);
    amid_done();
    assert_status(status, CPROM_ENOMEM);
    assert_int_equal(removed, 0);
    assert_int_equal(cprom_gauge_vec_size(all.first), 2);
    assert_int_equal(cprom_gauge_vec_size(all.late), 2);
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), &removed));
    assert_int_equal(removed, 2);
}

/* The family goes, and another one of its name comes. */
static void register_anew(void)
{
    AMID(cprom_registry_unregister(all.registry, "first") == CPROM_OK);
    all.late = vec_with("first", "p");
}

static void test_remove_all_takes_a_family_that_came_under_the_same_name(void **state)
{
    TESTS_BEGIN;
    all_make(fixture);
    all.first = vec_with("first", "p");
    size_t removed;
    amid_at(CPROM__SEAM_REMOVAL_LISTED, 1, register_anew);
    assert_ok(cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), &removed));
    amid_done();
    assert_int_equal(removed, 1);
    assert_int_equal(cprom_gauge_vec_size(all.late), 1);
}

static void free_registry(void) { cprom_registry_free(all.registry); }

static void test_remove_all_of_a_registry_freed_meanwhile_is_enoent(void **state)
{
    TESTS_BEGIN;
    all_make(fixture);
    all.first = vec_with("first", "p");
    cprom_gauge *held = cprom_gauge_vec_with(all.first, CPROM_STRS("a", "1"));
    size_t removed = 9;
    amid_at(CPROM__SEAM_REMOVAL_LISTED, 1, free_registry);
    cprom_status status = cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), &removed);
    fixture->registry = NULL;
    amid_done();
    assert_status(status, CPROM_ENOENT);
    assert_int_equal(removed, 0);
    cprom_gauge_unref(held);
}

static void test_remove_all_without_a_vector_that_has_the_labels_is_enoent(void **state)
{
    TESTS_BEGIN;
    all_make(fixture);
    vec_with("apart", "q");
    size_t removed = 9;
    assert_status(cprom_registry_delete_matching(r, CPROM_LABELS({"p", "a"}), &removed), CPROM_ENOENT);
    assert_int_equal(removed, 0);
}

int group_remove_all(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remove_all_takes_what_was_registered_meanwhile),
        TEST(test_remove_all_without_memory_for_what_came_meanwhile_removes_nothing),
        TEST(test_remove_all_takes_a_family_that_came_under_the_same_name),
        TEST(test_remove_all_of_a_registry_freed_meanwhile_is_enoent),
        TEST(test_remove_all_without_a_vector_that_has_the_labels_is_enoent),
    };
    return cmocka_run_group_tests_name("remove_all", tests, NULL, NULL);
}
