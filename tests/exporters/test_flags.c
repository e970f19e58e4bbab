#include "support/cprom_test.h"

#include "flags.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

static struct values {
    bool cpu, wifi, once;
    const char *directory;
    size_t count;
    double timeout;
    char list[64];
} values;

static bool append(void *list, const char *text)
{
    strcat(list, text);
    return strcmp(text, "bad") != 0;
}

static const struct flag first[] = {
    {"collector.cpu", FLAG_BOOL, &values.cpu, NULL, "CPU.", 0, 0, NULL},
    {"collector.wifi", FLAG_BOOL, &values.wifi, NULL, "WLAN.", 0, 0, NULL},
    {"once", FLAG_SWITCH, &values.once, NULL, "Once.", 0, 0, NULL},
    {"collector.nfs", FLAG_ABSENT, NULL, NULL, "there are: cpu wifi", 0, 0, NULL},
    {"collector.", FLAG_UNKNOWN, NULL, NULL, "there are: cpu wifi", 0, 0, NULL},
    {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
static const struct flag second[] = {
    {"directory", FLAG_STRING, &values.directory, "DIR", "Where.", 0, 0, NULL},
    {"count", FLAG_COUNT, &values.count, "N", "How many.", 2, 10, NULL},
    {"timeout", FLAG_SECONDS, &values.timeout, "TIME", "How long.", 0, 0, NULL},
    {"list", FLAG_FUNC, values.list, "X", "Which.", 0, 0, append},
    {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
static const struct flag *const tables[] = {first, second, NULL};

/* Splits at blanks and parses; what is wrong is in `why`. */
static int parse(const char *line, char *why)
{
    static char words[256];
    char *argv[32] = {"program"};
    int argc = 1;
    strcpy(words, line);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) argv[argc++] = word;
    argv[argc] = NULL;
    values = (struct values){.cpu = true, .directory = "d", .count = 5, .timeout = 1.5};
    *why = '\0';
    int rest = flags_parse(tables, argc, argv, why, 128);
    assert_true((rest < 0) == (*why != '\0'));
    return rest < 0 ? rest : argc - rest;
}

static void test_flags_parse_absent_may_be_off(void **state)
{
    char why[128];
    assert_int_equal(parse("--no-collector.nfs --collector.nfs=false --no-collector.cpu", why), 0);
    assert_false(values.cpu);
    static const char *const bad[][2] = {
        {"--collector.nfs", "--collector.nfs: there are: cpu wifi"},
        {"--collector.nfs=true", "--collector.nfs: there are: cpu wifi"},
        {"--collector.x", "unknown flag --collector.x: there are: cpu wifi"},
        {"--no-collector.x", "unknown flag --no-collector.x: there are: cpu wifi"},
        {"--collector.=1", "unknown flag --collector.=1: there are: cpu wifi"},
        {"--collector", "unknown flag --collector"},
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(parse(bad[i][0], why), -1);
        assert_string_equal(why, bad[i][1]);
    }
}

static void test_flags_parse_sets_what_is_said(void **state)
{
    char why[128];
    assert_int_equal(parse("", why), 0);
    assert_true(values.cpu && !values.wifi && !values.once && values.count == 5 && values.timeout == 1.5);
    assert_int_equal(
        parse("--no-collector.cpu --collector.wifi --once --directory=/a=b --count 7 --timeout=1m30s", why), 0);
    assert_true(!values.cpu && values.wifi && values.once && values.count == 7 && values.timeout == 90);
    assert_string_equal(values.directory, "/a=b");
    assert_int_equal(parse("-collector.cpu=false -once=true -count=2 -directory x --list a --list=b -directory y", why),
                     0);
    assert_true(!values.cpu && values.once && values.count == 2);
    assert_string_equal(values.directory, "y");
    assert_string_equal(values.list, "ab");
    assert_int_equal(parse("--directory --count", why), 0);
    assert_string_equal(values.directory, "--count");
    assert_int_equal(parse("--directory=", why), 0);
    assert_string_equal(values.directory, "");
}

static void test_flags_parse_stops_at_what_is_no_flag(void **state)
{
    char why[128];
    assert_int_equal(parse("--once a --count=3", why), 2);
    assert_int_equal(values.count, 5);
    assert_int_equal(parse("--once -- --count=3", why), 1);
    assert_int_equal(parse("-", why), 1);
}

static void test_flags_parse_times(void **state)
{
    static const struct {
        const char *text;
        double seconds;
    } good[] = {
        {"5", 5},      {"0", 0}, {"0.25", .25}, {"250ms", .25}, {"5s", 5}, {"2m", 120}, {"1h30m10s500ms", 5410.5},
        {"1.5h", 5400}};
    static const char *const bad[] = {"",     "x",   "5x",  "5 s", "s",   "-1",  "1..5s", "5s5",
                                      "5ms5", "1sm", "1hs", ".",   "1e3", "nan", "2e9s",  "2000000000"};
    char line[64], why[128];
    for (size_t i = 0; i < COUNT(good); i++) {
        snprintf(line, sizeof line, "--timeout=%s", good[i].text);
        if (parse(line, why) != 0 || values.timeout != good[i].seconds)
            fail_msg("%s: %s %g", line, why, values.timeout);
    }
    for (size_t i = 0; i < COUNT(bad); i++) {
        snprintf(line, sizeof line, "--timeout=%s", bad[i]);
        if (parse(line, why) >= 0 && strchr(bad[i], ' ') == NULL) fail_msg("%s is taken: %g", line, values.timeout);
    }
}

static void test_flags_parse_what_is_wrong_is_named(void **state)
{
    static const struct {
        const char *line, *why;
    } bad[] = {
        {"--nope", "unknown flag --nope"},
        {"--once --nope=1", "unknown flag --nope=1"},
        {"--collector.cp", "unknown flag --collector.cp: there are: cpu wifi"},
        {"--no-directory", "unknown flag --no-directory"},
        {"--no-directory=x", "unknown flag --no-directory=x"},
        {"--no-once", "unknown flag --no-once"},
        {"--no-collector.cpu=true", "unknown flag --no-collector.cpu=true"},
        {"--no-", "unknown flag --no-"},
        {"---once", "unknown flag ---once"},
        {"--=x", "unknown flag --=x"},
        {"--collector.cpu=maybe", "flag --collector.cpu cannot be \"maybe\""},
        {"--count", "flag --count wants a value"},
        {"--count=", "flag --count cannot be \"\": it is a whole number of 2 to 10"},
        {"--count=1", "flag --count cannot be \"1\": it is a whole number of 2 to 10"},
        {"--count=11", "flag --count cannot be \"11\": it is a whole number of 2 to 10"},
        {"--count=99999999999999999999999",
         "flag --count cannot be \"99999999999999999999999\": it is a whole number of 2 to 10"},
        {"--count=+3", "flag --count cannot be \"+3\": it is a whole number of 2 to 10"},
        {"--count=3x", "flag --count cannot be \"3x\": it is a whole number of 2 to 10"},
        {"--timeout=x", "flag --timeout cannot be \"x\": it is a time like 5s or 1m30s of 0 to 1000000000"},
        {"--list=bad", "flag --list cannot be \"bad\""},
    };
    char why[128];
    for (size_t i = 0; i < COUNT(bad); i++) {
        assert_int_equal(parse(bad[i].line, why), -1);
        assert_string_equal(why, bad[i].why);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_flags_parse_absent_may_be_off),
        cmocka_unit_test(test_flags_parse_sets_what_is_said),
        cmocka_unit_test(test_flags_parse_stops_at_what_is_no_flag),
        cmocka_unit_test(test_flags_parse_times),
        cmocka_unit_test(test_flags_parse_what_is_wrong_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
