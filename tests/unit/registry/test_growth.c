#include "support/register.h"
#include "support/work.h"

/* What registering costs where much is registered: counted in comparisons and copied bytes. */

static void register_one(cprom_registry *registry, enum form form, size_t number)
{
    char name[32];
    ct_work_name(name, number);
    assert_ok(try_register(registry, form, CPROM_GAUGE, OPTS(.name = name, .help = "H.")));
}

static void register_and_unregister(enum form form, size_t n)
{
    ct_fixture *fixture = ct_fixture_new();
    for (size_t i = 0; i < n; i++) register_one(fixture->registry, form, i);
    ct_page page = ct_page_read(fixture->registry, NULL, 4096); /* makes a list */
    ct_page_free(&page);
    for (size_t i = 0; i < n; i++) {
        char name[32];
        ct_work_name(name, i);
        assert_ok(cprom_registry_unregister(fixture->registry, name));
    }
    ct_fixture_free(fixture);
}

static void vectors(size_t n) { register_and_unregister(VEC, n); }
static void functions(size_t n) { register_and_unregister(FUNC, n); }

static void test_registering_families_grows_linearly(void **state) { ct_assert_grows_linearly(vectors); }
static void test_registering_functions_grows_linearly(void **state) { ct_assert_grows_linearly(functions); }

static void one_collector(size_t n)
{
    ct_fixture *fixture = ct_fixture_new();
    cprom_desc *descs = calloc(n, sizeof *descs);
    char(*names)[32] = calloc(n, sizeof *names);
    assert_true(descs && names);
    for (size_t i = 0; i < n; i++) {
        ct_work_name(names[i], i);
        descs[i] = (cprom_desc){.size = sizeof *descs, .name = names[i], .type = CPROM_SUMMARY};
    }
    assert_ok(cprom_collector_new(fixture->registry, CPROM_OPTS(cprom_collector_opts, .name = "c", .descs = descs,
                                                                .n_descs = n, .collect = collect_nothing)));
    ct_fixture_free(fixture);
    free(descs);
    free(names);
}

static void test_a_collector_of_many_families_grows_linearly(void **state) { ct_assert_grows_linearly(one_collector); }

/*
 * Each child has the family that all have and one of its own, and is asked for both again. Then the registry above them
 * is freed, and each is a tree of its own.
 */
static void children(size_t n)
{
    cprom_registry *top, *parent, **all = calloc(n, sizeof(cprom_registry *));
    assert_non_null(all);
    assert_ok(cprom_registry_new(NULL, &top));
    assert_ok(cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .parent = top), &parent));
    register_one(top, VEC, 2 * n);
    for (size_t i = 0; i < n; i++) {
        char value[32];
        ct_work_name(value, i);
        assert_ok(cprom_registry_new(
            CPROM_OPTS(cprom_registry_opts, .parent = parent, .const_labels = {{"child", value}}), &all[i]));
        assert_ok(try_register(all[i], VEC, CPROM_GAUGE, FAMILY("same")));
        register_one(all[i], VEC, i);
        assert_status(try_register(all[i], VEC, CPROM_GAUGE, FAMILY("same")), CPROM_EEXIST);
        assert_status(try_register(all[i], VEC, CPROM_SUMMARY, FAMILY(value)), CPROM_EEXIST);
    }
    cprom_registry_free(parent);
    for (size_t i = 0; i < n; i++) {
        register_one(all[i], FUNC, n + i);
        cprom_registry_free(all[i]);
    }
    cprom_registry_free(top);
    free(all);
}

static void test_registering_in_children_grows_linearly(void **state) { ct_assert_grows_linearly(children); }

int group_growth(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registering_families_grows_linearly),
        cmocka_unit_test(test_registering_functions_grows_linearly),
        cmocka_unit_test(test_a_collector_of_many_families_grows_linearly),
        cmocka_unit_test(test_registering_in_children_grows_linearly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
