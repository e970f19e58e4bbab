/* How many lines are said, whatever is wrong, and however often somebody scrapes. */
#include "support/cprom_test.h"

#include <unistd.h>

#include "complaints.h"

static int saved, to;

/* Lines go to a file, to be counted. */
static int begin(void **state)
{
    char path[] = "/tmp/cprom-complaints-XXXXXX";
    to = mkstemp(path);
    saved = dup(2);
    return to < 0 || saved < 0 || unlink(path) || dup2(to, 2) < 0;
}

static int end(void **state)
{
    int failed = dup2(saved, 2) < 0;
    close(saved);
    close(to);
    return failed;
}

/* Those that have come since the last call. */
static size_t count_lines(void)
{
    static char text[1 << 20];
    ssize_t len = pread(to, text, sizeof text, 0);
    size_t n = 0;
    assert_true(len >= 0 && len < (ssize_t)sizeof text);
    for (ssize_t i = 0; i < len; i++) n += text[i] == '\n';
    assert_int_equal(ftruncate(to, 0), 0);
    assert_int_equal(lseek(to, 0, SEEK_SET), 0);
    return n;
}

static void scrape(struct complaints *complaints, int64_t seconds, const char *what)
{
    complaints_begin(complaints, seconds);
    if (what) complaints_add(complaints, "x", what);
    complaints_end(complaints, "x");
}

static void test_complaints_what_lasts_is_said_once_and_its_end(void **state)
{
    struct complaints complaints = {.lines = 0};
    for (int i = 0; i < 1000; i++) scrape(&complaints, i, "wrong");
    assert_int_equal(count_lines(), 1);
    for (int i = 0; i < 1000; i++) scrape(&complaints, 1000 + i, NULL);
    assert_int_equal(count_lines(), 1);
}

static void test_complaints_many_of_one_scrape_are_few_lines(void **state)
{
    struct complaints complaints = {.lines = 0};
    for (int round = 0; round < 10; round++) {
        complaints_begin(&complaints, round);
        for (int i = 0; i < 50000; i++) {
            char what[32];
            snprintf(what, sizeof what, "wrong %d", i);
            complaints_add(&complaints, "x", what);
        }
        complaints_end(&complaints, "x");
        assert_int_equal(count_lines(), round ? 0 : COMPLAINTS_MAX + 1);
    }
}

static void test_complaints_that_change_are_so_many_lines_a_minute(void **state)
{
    struct complaints complaints = {.lines = 0};
    for (int minute = 1; minute < 4; minute++) {
        for (int i = 0; i < 60000; i++) {
            char what[32];
            snprintf(what, sizeof what, "wrong %d %d", minute, i);
            scrape(&complaints, minute * 60 + i / 1000, i % 2 ? NULL : what);
        }
        assert_int_equal(count_lines(), COMPLAINTS_A_MINUTE);
    }
    /* What lasts, and could not be said, is said in the next minute. */
    scrape(&complaints, 239, "last");
    assert_int_equal(count_lines(), 0);
    scrape(&complaints, 240, "last");
    assert_int_equal(count_lines(), 1);
    scrape(&complaints, 241, "last");
    assert_int_equal(count_lines(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_complaints_what_lasts_is_said_once_and_its_end, begin, end),
        cmocka_unit_test_setup_teardown(test_complaints_many_of_one_scrape_are_few_lines, begin, end),
        cmocka_unit_test_setup_teardown(test_complaints_that_change_are_so_many_lines_a_minute, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
