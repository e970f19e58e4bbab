#include "process_calls.h"

#include <locale.h>
#include <sys/stat.h>

#include "registry/process.h"

/* The process metrics: registering them, and what is read in trees like /proc. */

/*==============================================================================
 * A tree like /proc
 *============================================================================*/

#define UTIME 1234
#define STIME 567
#define THREADS 7
#define START 8950
#define VSIZE 123456789
#define RSS 321
#define BTIME 1700000000

/* With every number that is wanted beside others that are not. */
static const char stat_format[] = "4242 (%s) S 1 4242 4242 0 -1 4194304 100 0 3 0 1234 567 11 22 20 0 7 0 8950 "
                                  "123456789 321 18446744073709551615 1 1 0 "
                                  "0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
static const char limits_text[] = "Limit                     Soft Limit           Hard Limit           Units     \n"
                                  "Max cpu time              unlimited            unlimited            seconds   \n"
                                  "Max resident set          11                   12                   bytes     \n"
                                  "Max open filesystems      15                   16                   files     \n"
                                  "Max open files            1024                 524288               files     \n"
                                  "Max locked memory         13                   14                   bytes     \n"
                                  "Max address space         987654321            unlimited            bytes     \n"
                                  "Max realtime timeout      unlimited            unlimited            us        \n";
static const char boot_text[] = "cpu  1 2 3 4 5 6 7 8 9 10\n"
                                "intr 12345 1 2 3\n"
                                "ctxt 77\n"
                                "not btime 1\n"
                                "btime 1700000000\n"
                                "processes 99\n";

typedef struct tree {
    char root[64];
} tree;

static void put_bytes(const tree *t, const char *name, const char *text, size_t len)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", t->root, name);
    unlink(path); /* a new file: to truncate one may wait for the disk */
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static void put(const tree *t, const char *name, const char *text) { put_bytes(t, name, text, strlen(text)); }

static void put_stat(const tree *t, const char *comm)
{
    char text[1024];
    snprintf(text, sizeof text, stat_format, comm);
    put(t, "self/stat", text);
}

static void make_dir(const tree *t, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", t->root, name);
    assert_int_equal(mkdir(path, 0755), 0);
}

static void drop(const tree *t, const char *name)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", t->root, name);
    assert_int_equal(remove(path), 0);
}

/* Whole, with 25 descriptors, among them the numbers that a program has open that reads them. */
static void tree_make(tree *t)
{
    strcpy(t->root, "/tmp/cprom-proc-XXXXXX");
    assert_non_null(mkdtemp(t->root));
    make_dir(t, "self");
    make_dir(t, "self/fd");
    put_stat(t, "plain");
    put(t, "self/limits", limits_text);
    put(t, "stat", boot_text);
    for (int i = 0; i < 25; i++) {
        char name[32];
        snprintf(name, sizeof name, "self/fd/%d", i);
        put(t, name, "");
    }
}

static void tree_remove(const tree *t)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", t->root);
    assert_int_equal(system(command), 0);
}

static double expected_of(const char *name)
{
    double ticks = (double)sysconf(_SC_CLK_TCK);
    if (strcmp(name, "process_cpu_seconds_total") == 0) return (UTIME + STIME) / ticks;
    if (strcmp(name, "process_open_fds") == 0) return 25;
    if (strcmp(name, "process_max_fds") == 0) return 1024;
    if (strcmp(name, "process_virtual_memory_bytes") == 0) return VSIZE;
    if (strcmp(name, "process_resident_memory_bytes") == 0) return RSS * (double)sysconf(_SC_PAGESIZE);
    if (strcmp(name, "process_start_time_seconds") == 0) return BTIME + START / ticks;
    if (strcmp(name, "process_virtual_memory_max_bytes") == 0) return 987654321;
    if (strcmp(name, "process_threads") == 0) return THREADS;
    fail();
    return 0;
}

/* Asserts that the page has the tree's metrics but for those named in `absent`, which have not even a TYPE line. */
static void assert_all_but(cprom_registry *registry, const char *absent)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    for (size_t i = 0; i < COUNT(names); i++) {
        double value = value_in(&page, names[i]);
        char line[128];
        snprintf(line, sizeof line, "# TYPE %s ", names[i]);
        bool wanted = !strstr(absent, names[i]);
        if (wanted ? value != expected_of(names[i]) : !isnan(value)) {
            print_error("%s is %g, absent: %s\n", names[i], value, absent);
            fail();
        }
        assert_int_equal(strstr(page.text, line) != NULL, wanted);
    }
    ct_page_free(&page);
}

/* Asserts that each metric is right or absent; how many there are. */
static size_t assert_right_or_absent(cprom_registry *registry)
{
    size_t n = 0;
    ct_page page = ct_page_read(registry, NULL, 65536);
    for (size_t i = 0; i < COUNT(names); i++) {
        double value = value_in(&page, names[i]);
        if (isnan(value)) continue;
        assert_true(value == expected_of(names[i]));
        n++;
    }
    ct_page_free(&page);
    return n;
}

/*==============================================================================
 * Registering
 *============================================================================*/

static void test_process_collector_new_null_is_einval(void **state)
{
    assert_status(cprom_process_collector_new(NULL), CPROM_EINVAL);
}

static void test_process_collector_new_twice_is_eexist(void **state)
{
    ct_fixture *fixture = *state;
    assert_ok(cprom_process_collector_new(fixture->registry));
    assert_status(cprom_process_collector_new(fixture->registry), CPROM_EEXIST);
    assert_int_equal(ct_log_count(&fixture->log), 1);
}

static void test_process_collector_new_family_is_taken_is_eexist_and_changes_nothing(void **state)
{
    ct_fixture *fixture = *state;
    cprom_gauge *gauge;
    assert_ok(
        cprom_gauge_new(fixture->registry, CPROM_OPTS(cprom_opts, .name = "process_open_fds", .help = "H."), &gauge));
    assert_status(cprom_process_collector_new(fixture->registry), CPROM_EEXIST);
    assert_true(ct_log_has(&fixture->log, "process_open_fds"));
    ct_assert_page(fixture->registry,
                   "# HELP process_open_fds H.\n# TYPE process_open_fds gauge\nprocess_open_fds 0\n");
}

static void test_process_collector_new_without_memory_changes_nothing(void **state)
{
    ct_fixture *fixture = *state;
    size_t blocks = atomic_load(&fixture->alloc.blocks), n = 0;
    for (;;) {
        ct_alloc_fail_at(&fixture->alloc, ++n, false);
        cprom_status status = cprom_process_collector_new(fixture->registry);
        if (status == CPROM_OK) break;
        assert_status(status, CPROM_ENOMEM);
        assert_int_equal(atomic_load(&fixture->alloc.blocks), blocks);
    }
    assert_true(n > 8);
    ct_alloc_fail_at(&fixture->alloc, 0, false);
    assert_true(value_of(fixture->registry, "process_threads") > 0);
}

static void test_process_collector_new_prefix_stays_off_and_const_labels_apply(void **state)
{
    ct_fixture *fixture = *state;
    cprom_registry_free(fixture->registry);
    cprom_registry_opts opts = ct_fixture_opts(fixture);
    opts.prefix = "app_";
    opts.const_labels[0] = (cprom_label){"host", "a"};
    assert_ok(cprom_registry_new(&opts, &fixture->registry));
    assert_ok(cprom_process_collector_new(fixture->registry));
    for (size_t i = 0; i < COUNT(names); i++) {
        char key[128];
        snprintf(key, sizeof key, "%s{host=\"a\"}", names[i]);
        assert_true(value_of(fixture->registry, key) > 0);
    }
}

/*==============================================================================
 * What is read, in trees
 *============================================================================*/

static void with_tree(ct_fixture *fixture, tree *t)
{
    tree_make(t);
    assert_ok(cprom__process_collector_new(fixture->registry, t->root));
}

static void test_process_whole_tree_all_values(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    assert_all_but(fixture->registry, "");
    tree_remove(&t);
}

static void test_process_name_of_any_bytes_all_values(void **state)
{
    static const char *const comms[] = {"",     "a b",         ")",
                                        "(",    "a) b (c",     "x) R 1 2 3 4 5 6 7 8 9 10 11",
                                        "\n)",  "a\nb\n) S 9", "\xff\xfe) (\x01",
                                        "))))", ") Z 0 0 ("};
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    for (size_t i = 0; i < COUNT(comms); i++) {
        put_stat(&t, comms[i]);
        assert_all_but(fixture->registry, "");
    }
    tree_remove(&t);
}

static void test_process_missing_file_its_metrics_are_absent(void **state)
{
    static const char of_stat[] =
        "process_cpu_seconds_total process_virtual_memory_bytes process_resident_memory_bytes "
        "process_start_time_seconds process_threads";
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    drop(&t, "stat");
    assert_all_but(fixture->registry, "process_start_time_seconds");
    put(&t, "stat", boot_text);
    drop(&t, "self/limits");
    assert_all_but(fixture->registry, "process_max_fds process_virtual_memory_max_bytes");
    put(&t, "self/limits", limits_text);
    drop(&t, "self/stat");
    assert_all_but(fixture->registry, of_stat);
    put_stat(&t, "again");
    assert_all_but(fixture->registry, "");
    /* Not a file, not a directory. */
    drop(&t, "self/limits");
    make_dir(&t, "self/limits");
    assert_all_but(fixture->registry, "process_max_fds process_virtual_memory_max_bytes");
    tree_remove(&t);
    ct_assert_page(fixture->registry, "");
    make_dir(&t, "");
    ct_assert_page(fixture->registry, "");
    tree_remove(&t);
    /* Absent is not a failure. */
    assert_int_equal(ct_log_count(&fixture->log), 0);
}

static void test_process_root_too_long_all_absent(void **state)
{
    ct_fixture *fixture = *state;
    char root[2000];
    memset(root, '/', sizeof root);
    memcpy(root + sizeof root - 5, "proc", 5);
    assert_ok(cprom__process_collector_new(fixture->registry, root));
    ct_assert_page(fixture->registry, "");
}

static void test_process_no_descriptors_listed_is_absent(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    for (int i = 0; i < 25; i++) {
        char name[32];
        snprintf(name, sizeof name, "self/fd/%d", i);
        drop(&t, name);
    }
    assert_all_but(fixture->registry, "process_open_fds");
    put(&t, "self/fd/not-a-number", "");
    put(&t, "self/fd/7x", "");
    assert_all_but(fixture->registry, "process_open_fds");
    drop(&t, "self/fd/7x");
    drop(&t, "self/fd/not-a-number");
    drop(&t, "self/fd");
    put(&t, "self/fd", "0");
    assert_all_but(fixture->registry, "process_open_fds");
    tree_remove(&t);
}

static void test_process_many_descriptors_are_all_counted(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    for (int i = 25; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "self/fd/%d", i);
        put(&t, name, "");
    }
    assert_true(value_of(fixture->registry, "process_open_fds") == 2000);
    tree_remove(&t);
}

static void test_process_cut_off_anywhere_right_or_absent(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    char stat[1024];
    with_tree(fixture, &t);
    snprintf(stat, sizeof stat, stat_format, "a) (b");
    const struct {
        const char *name, *text;
        size_t others; /* metrics that come from elsewhere */
    } files[] = {{"self/stat", stat, 3}, {"self/limits", limits_text, 6}, {"stat", boot_text, 7}};
    for (size_t f = 0; f < COUNT(files); f++) {
        size_t len = strlen(files[f].text), before = 0;
        for (size_t n = 0; n <= len; n++) {
            put_bytes(&t, files[f].name, files[f].text, n);
            size_t found = assert_right_or_absent(fixture->registry);
            assert_true(found >= before && found >= files[f].others);
            before = found;
        }
        assert_int_equal(before, COUNT(names));
    }
    tree_remove(&t);
}

static void test_process_damaged_files_never_zero_nan_or_negative(void **state)
{
    static const char bytes[] = "0123456789 ()\n-.xu\0\xff";
    ct_fixture *fixture = *state;
    tree t;
    char stat[1024], text[2048];
    uint64_t random = 88172645463325252u;
    with_tree(fixture, &t);
    snprintf(stat, sizeof stat, stat_format, "damaged");
    const struct {
        const char *name, *text;
    } files[] = {{"self/stat", stat}, {"self/limits", limits_text}, {"stat", boot_text}};
    for (int round = 0; round < 3000; round++) {
        size_t f = (size_t)round % COUNT(files), len = strlen(files[f].text);
        memcpy(text, files[f].text, len);
        for (uint64_t n = next_random(&random) % 8 + 1; n; n--) {
            text[next_random(&random) % len] = bytes[next_random(&random) % (sizeof bytes - 1)];
        }
        put_bytes(&t, files[f].name, text, len);
        ct_page page = ct_page_read(fixture->registry, NULL, 65536);
        for (size_t i = 0; i < COUNT(names); i++) value_in(&page, names[i]); /* asserts */
        ct_page_free(&page);
    }
    tree_remove(&t);
}

static void test_process_numbers_out_of_range_are_absent(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    put(&t, "self/stat",
        "1 (x) S 1 4242 4242 0 -1 4194304 100 0 3 0 99999999999999999999 567 11 22 20 0 -7 0 18446744073709551616 "
        "123456789 321 0\n");
    assert_all_but(fixture->registry, "process_cpu_seconds_total process_threads process_start_time_seconds");
    put(&t, "self/stat",
        "1 (x) S 1 4242 4242 0 -1 4194304 100 0 3 0 1234 567 11 22 20 0 0 0 8950 0 0 0\n"); /* as of an ended thread */
    assert_all_but(fixture->registry, "process_threads process_virtual_memory_bytes process_resident_memory_bytes");
    put_stat(&t, "x");
    put(&t, "stat", "btime 99999999999999999999999999999999999999\n");
    assert_all_but(fixture->registry, "process_start_time_seconds");
    put(&t, "stat", "btime -1\nbtime 5\n");
    assert_all_but(fixture->registry, "process_start_time_seconds");
    put(&t, "stat", boot_text);
    put(&t, "self/limits", "Max open files            -1    9    files\nMax address space         1k    9    bytes\n");
    assert_all_but(fixture->registry, "process_max_fds process_virtual_memory_max_bytes");
    tree_remove(&t);
}

/* As /proc has it when the main thread has ended before the others. */
static void test_process_nothing_in_self_the_calling_thread_is_asked(void **state)
{
    static const char ended[] = "1 (x) Z 1 4242 4242 0 -1 4194304 100 0 3 0 1234 567 11 22 20 0 7 0 8950 0 0 0\n";
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    put(&t, "self/stat", ended);
    assert_all_but(fixture->registry, "process_virtual_memory_bytes process_resident_memory_bytes");
    make_dir(&t, "thread-self");
    put(&t, "thread-self/stat", "1 (y) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 123456789 321 0\n");
    assert_all_but(fixture->registry, "");
    put(&t, "thread-self/stat", ended);
    assert_all_but(fixture->registry, "process_virtual_memory_bytes process_resident_memory_bytes");
    tree_remove(&t);
}

static void test_process_unlimited_is_what_client_golang_says(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    put(&t, "self/limits",
        "Max open files            unlimited            unlimited            files     \n"
        "Max address space         unlimited            unlimited            bytes     \n");
    ct_page page = ct_page_read(fixture->registry, NULL, 65536);
    assert_true(value_in(&page, "process_max_fds") == UNLIMITED);
    assert_true(value_in(&page, "process_virtual_memory_max_bytes") == UNLIMITED);
    assert_non_null(strstr(page.text, "\nprocess_virtual_memory_max_bytes 1.8446744073709552e+19\n"));
    ct_page_free(&page);
    tree_remove(&t);
}

static void test_process_long_proc_stat_boot_time_is_found(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    /* At every position around the edges of what is read at once. */
    for (size_t pad = 0; pad < 2100; pad++) {
        char text[4096];
        memcpy(text, "intr ", 5);
        memset(text + 5, '1', pad);
        strcpy(text + 5 + pad, "\nbtime 1700000000\nprocs 1\n");
        put(&t, "stat", text);
        double value = value_of(fixture->registry, "process_start_time_seconds");
        assert_true(value == expected_of("process_start_time_seconds"));
    }
    tree_remove(&t);
}

static void test_process_interrupted_and_short_reads_all_values(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    calls.watched = calls.hard = true;
    cprom_page *page;
    cprom_status status = cprom_page_open(fixture->registry, NULL, &page);
    calls.watched = calls.hard = false;
    assert_ok(status);
    ct_page read = ct_page_drain(page, 4096);
    for (size_t i = 0; i < COUNT(names); i++) assert_true(value_in(&read, names[i]) == expected_of(names[i]));
    ct_page_free(&read);
    cprom_page_close(page);
    tree_remove(&t);
}

static void test_process_descriptors_are_cloexec_and_closed(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    with_tree(fixture, &t);
    for (int round = 0; round < 4; round++) {
        unsigned before = count_fds();
        calls.opens = calls.without_cloexec = 0;
        calls.watched = true;
        cprom_page *page;
        cprom_status status = cprom_page_open(fixture->registry, NULL, &page);
        calls.watched = false;
        assert_ok(status);
        cprom_page_close(page);
        assert_true(calls.opens >= (round ? 3 : 4));
        assert_int_equal(calls.without_cloexec, 0);
        assert_int_equal(count_fds(), before);
        /* With damage, too. */
        if (round == 0) put(&t, "self/stat", "1 (x S");
        if (round == 1) put(&t, "stat", "btime x\n");
        if (round == 2) put(&t, "self/limits", "");
    }
    tree_remove(&t);
}

static void test_process_comma_locale_same_values(void **state)
{
    ct_fixture *fixture = *state;
    tree t;
    if (!ct_comma_locale()) ct_skip("no locale with a decimal comma");
    with_tree(fixture, &t);
    assert_all_but(fixture->registry, "");
    setlocale(LC_ALL, "C");
    tree_remove(&t);
}

int group_process(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_process_collector_new_null_is_einval),
        TEST(test_process_collector_new_twice_is_eexist),
        TEST(test_process_collector_new_family_is_taken_is_eexist_and_changes_nothing),
        TEST(test_process_collector_new_without_memory_changes_nothing),
        TEST(test_process_collector_new_prefix_stays_off_and_const_labels_apply),
        TEST(test_process_whole_tree_all_values),
        TEST(test_process_name_of_any_bytes_all_values),
        TEST(test_process_missing_file_its_metrics_are_absent),
        TEST(test_process_root_too_long_all_absent),
        TEST(test_process_no_descriptors_listed_is_absent),
        TEST(test_process_many_descriptors_are_all_counted),
        TEST(test_process_cut_off_anywhere_right_or_absent),
        TEST(test_process_damaged_files_never_zero_nan_or_negative),
        TEST(test_process_numbers_out_of_range_are_absent),
        TEST(test_process_nothing_in_self_the_calling_thread_is_asked),
        TEST(test_process_unlimited_is_what_client_golang_says),
        TEST(test_process_long_proc_stat_boot_time_is_found),
        TEST(test_process_interrupted_and_short_reads_all_values),
        TEST(test_process_descriptors_are_cloexec_and_closed),
        TEST(test_process_comma_locale_same_values),
    };
    burn();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
