/* Updates, whole and interleaved, among everything else that makes and removes series, against a naive model. */
#include "oracle/model.h"

static void test_update_random_operations_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 30, .handle = 10, .delete_one = 5, .delete_matching = 2, .clear = 1,
                                          .sweep = 2, .update = 100, .replace = 2, .unregister = 1};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.size = 0}, &weights, seed, 2500);
}

static void test_update_random_operations_with_a_cap_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 30, .handle = 10, .delete_one = 5, .delete_matching = 1, .clear = 1,
                                          .sweep = 2, .update = 100, .replace = 4};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.max_series = 6}, &weights, seed, 2500);
}

static void test_update_random_operations_with_a_bound_per_owner_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 30, .handle = 10, .delete_one = 5, .delete_matching = 1, .clear = 1,
                                          .sweep = 2, .update = 100, .replace = 4, .page = 2, .unregister = 1,
                                          .fails = true};
    const cprom_opts bounds[] = {{.max_series_per_owner = 2}, {.max_series_per_owner = 3, .max_series = 9}};
    for (uint64_t seed = 1; seed <= 4; seed++) model_run(&bounds[seed % 2], &weights, seed, 2500);
}

static void test_update_random_operations_without_memory_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 30, .handle = 10, .delete_one = 5, .delete_matching = 2, .clear = 1,
                                          .sweep = 2, .update = 100, .replace = 5, .page = 5, .unregister = 2, .fails = true};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.size = 0}, &weights, seed, 2500);
}

static void test_vec_replace_random_operations_match_the_model(void **state)
{
    const struct model_weights weights = {.set = 10, .handle = 10, .delete_one = 2, .update = 10, .replace = 10};
    for (uint64_t seed = 1; seed <= 3; seed++) model_run(&(cprom_opts){.size = 0}, &weights, seed, 1500);
}

int group_model(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_update_random_operations_match_the_model),
        cmocka_unit_test(test_update_random_operations_with_a_cap_match_the_model),
        cmocka_unit_test(test_update_random_operations_with_a_bound_per_owner_match_the_model),
        cmocka_unit_test(test_update_random_operations_without_memory_match_the_model),
        cmocka_unit_test(test_vec_replace_random_operations_match_the_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
