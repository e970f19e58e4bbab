#include "support/cprom_test.h"

static void test_status_string_of_each_status_is_its_own(void **state)
{
    const char *seen[15] = {NULL};
    for (int status = 0; status >= CPROM_EPARTIAL - 1; status--) {
        const char *text = cprom_status_string((cprom_status)status);
        assert_true(text && *text);
        for (int other = 0; other > status; other--) assert_string_not_equal(text, seen[-other]);
        seen[-status] = text;
    }
    assert_string_equal(cprom_status_string((cprom_status)1), seen[14]); /* that of no status */
    assert_string_equal(cprom_status_string((cprom_status)-1000), seen[14]);
}

static void test_version_is_that_of_the_header(void **state) { assert_string_equal(cprom_version(), CPROM_VERSION); }

int group_status(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status_string_of_each_status_is_its_own),
        cmocka_unit_test(test_version_is_that_of_the_header),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
