#include "cprom_test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>

#include "child.h"
#include "process.h"

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined(__SANITIZE_THREAD__) || __has_feature(thread_sanitizer)
#define THREAD_SANITIZED true
#else
#define THREAD_SANITIZED false
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#define SANITIZED true
#else
#define SANITIZED THREAD_SANITIZED
#endif

#define TEST(function) cmocka_unit_test_setup_teardown(function, ct_setup, ct_teardown)
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define UNLIMITED 18446744073709551615.0

static const char *const names[] = {"process_cpu_seconds_total",
                                    "process_open_fds",
                                    "process_max_fds",
                                    "process_virtual_memory_bytes",
                                    "process_resident_memory_bytes",
                                    "process_start_time_seconds",
                                    "process_virtual_memory_max_bytes",
                                    "process_threads"};

/*==============================================================================
 * System calls, interposed: what the library opens, and reads that are interrupted or short
 *============================================================================*/

static struct {
    bool watched;    /* opens are counted */
    bool hard;       /* every other read is interrupted, the others give one byte */
    bool old_kernel; /* that does not tell the number of descriptors */
    bool exhausted;  /* no descriptor is left */
    unsigned opens, without_cloexec, reads;
} calls;

int statfs(const char *path, struct statfs *result)
{
    if (calls.old_kernel) {
        errno = ENOSYS;
        return -1;
    }
    return (int)syscall(SYS_statfs, path, result);
}

int open(const char *path, int flags, ...)
{
    va_list args;
    va_start(args, flags);
    mode_t mode = flags & O_CREAT ? (mode_t)va_arg(args, unsigned) : 0;
    va_end(args);
    if (calls.exhausted) {
        errno = EMFILE;
        return -1;
    }
    if (calls.watched) {
        calls.opens++;
        if (!(flags & O_CLOEXEC)) calls.without_cloexec++;
        if (calls.hard && calls.opens % 2) {
            errno = EINTR;
            return -1;
        }
    }
    return (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
}

ssize_t read(int fd, void *buf, size_t n)
{
    if (calls.hard) {
        if (calls.reads++ % 2 == 0) {
            errno = EINTR;
            return -1;
        }
        n = n ? 1 : 0;
    }
    return syscall(SYS_read, fd, buf, n);
}

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

/*==============================================================================
 * Pages
 *============================================================================*/

/* The value of one metric; NaN: it is not on the page. */
static double value_in(const ct_page *page, const char *name)
{
    const parser_sample *sample = parser_find(page->parsed, name);
    if (!sample) return NAN;
    /* A young process has used no tick yet, and a limit may be set to 0. */
    bool may_be_0 = strcmp(name, "process_cpu_seconds_total") == 0 || strstr(name, "_max_");
    assert_true(isfinite(sample->value) && (may_be_0 ? sample->value >= 0 : sample->value > 0));
    return sample->value;
}

static double value_of(cprom_registry *registry, const char *name)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    double value = value_in(&page, name);
    ct_page_free(&page);
    return value;
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

static unsigned count_dir(const char *path)
{
    unsigned n = 0;
    DIR *dir = opendir(path);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir));) n += entry->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Without the one that lists them. */
static unsigned count_fds(void) { return count_dir("/proc/self/fd") - 1; }

static bool on_valgrind(void)
{
    char *maps = ct_read_file("/proc/self/maps", NULL);
    bool found = strstr(maps, "vgpreload") != NULL;
    free(maps);
    return found;
}

static double cpu_used(void)
{
    struct rusage usage;
    assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
    return (double)usage.ru_utime.tv_sec + (double)usage.ru_utime.tv_usec / 1e6 + (double)usage.ru_stime.tv_sec +
           (double)usage.ru_stime.tv_usec / 1e6;
}

/* So that process_cpu_seconds_total is above 0. */
static void burn(void)
{
    for (double start = cpu_used(); cpu_used() < start + 0.05;) {
    }
}

/* Of a line "name:   123 kB" of /proc/self/status, in bytes. */
static double status_bytes(const char *name)
{
    char *text = ct_read_file("/proc/self/status", NULL), *line = strstr(text, name);
    assert_non_null(line);
    double bytes = strtod(line + strlen(name) + 1, NULL) * 1024;
    free(text);
    return bytes;
}

/*==============================================================================
 * The default registry
 *============================================================================*/

static int default_without_memory(void *ctx)
{
    struct rlimit none = {1, 1};
    if (setrlimit(RLIMIT_AS, &none) != 0) return 2;
    for (size_t size = 1 << 24; size >= 8; size /= 2) {
        for (void **p; (p = malloc(size));) *(void *volatile *)p = NULL;
    }
    cprom_registry *registry = cprom_registry_default();
    cprom_stats stats = CPROM_INIT(cprom_stats);
    if (!registry || cprom_registry_stats(registry, &stats) != CPROM_OK) return 3;
    cprom_page *page;
    if (cprom_page_open(registry, NULL, &page) != CPROM_ENOMEM) return 4;
    return stats.families == 8 && stats.collectors == 1 ? 0 : 5;
}

/* First: in the other tests it is made already. */
static void test_registry_default_without_memory_has_the_process_metrics(void **state)
{
    if (SANITIZED || on_valgrind()) ct_skip("memory cannot be taken away here");
    assert_int_equal(child_run(default_without_memory, NULL), 0);
}

static void test_registry_default_carries_the_process_metrics(void **state)
{
    ct_page page = ct_page_read(cprom_registry_default(), NULL, 65536);
    for (size_t i = 0; i < COUNT(names); i++) assert_true(value_in(&page, names[i]) > 0);
    assert_non_null(strstr(page.text,
                           "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n"
                           "# TYPE process_cpu_seconds_total counter\n"
                           "process_cpu_seconds_total "));
    assert_non_null(strstr(page.text, "# HELP process_max_fds Maximum number of open file descriptors.\n"
                                      "# TYPE process_max_fds gauge\n"));
    assert_non_null(strstr(page.text, "# HELP process_open_fds Number of open file descriptors.\n"
                                      "# TYPE process_open_fds gauge\n"));
    assert_non_null(strstr(page.text, "# HELP process_resident_memory_bytes Resident memory size in bytes.\n"
                                      "# TYPE process_resident_memory_bytes gauge\n"));
    assert_non_null(strstr(page.text, "# HELP process_start_time_seconds Start time of the process since unix epoch in "
                                      "seconds.\n# TYPE process_start_time_seconds gauge\n"));
    assert_non_null(strstr(page.text, "# HELP process_threads Number of OS threads in the process.\n"
                                      "# TYPE process_threads gauge\n"));
    assert_non_null(strstr(page.text, "# HELP process_virtual_memory_bytes Virtual memory size in bytes.\n"
                                      "# TYPE process_virtual_memory_bytes gauge\n"));
    assert_non_null(strstr(page.text,
                           "# HELP process_virtual_memory_max_bytes Maximum amount of virtual memory available "
                           "in bytes.\n# TYPE process_virtual_memory_max_bytes gauge\n"));
    ct_page_free(&page);
}

static void test_registry_default_page_promtool_has_nothing_to_say(void **state)
{
    ct_page page = ct_page_read(cprom_registry_default(), NULL, 65536);
    promtool_assert_clean(page.text, page.len);
    ct_page_free(&page);
}

static void test_registry_default_unregister_process_switches_off_and_new_on(void **state)
{
    cprom_registry *registry = cprom_registry_default();
    for (int round = 0; round < 3; round++) {
        assert_status(cprom_process_collector_new(registry), CPROM_EEXIST);
        assert_true(value_of(registry, "process_threads") > 0);
        cprom_page *page; /* keeps the old list beyond the removal */
        assert_ok(cprom_page_open(registry, NULL, &page));
        /* By the collector's name, or that of one of its families. */
        assert_ok(cprom_registry_unregister(registry, round == 1 ? "process_open_fds" : "process"));
        ct_assert_page(registry, "");
        assert_status(cprom_registry_unregister(registry, "process"), CPROM_ENOENT);
        ct_page kept = ct_page_drain(page, 7);
        assert_true(value_in(&kept, "process_threads") > 0);
        ct_page_free(&kept);
        cprom_page_close(page);
        if (round < 2) assert_ok(cprom_process_collector_new(registry));
    }
}

static void test_registry_default_takes_other_families_beside(void **state)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_gauge *gauge;
    assert_ok(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "process_own_things", .help = "H."), &gauge));
    ct_assert_sample(registry, "process_own_things", 0);
    assert_true(value_of(registry, "process_threads") > 0);
    assert_status(cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "process_threads", .help = "H."), &gauge),
                  CPROM_EEXIST);
    assert_ok(cprom_registry_unregister(registry, "process_own_things"));
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

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
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

/*==============================================================================
 * What is read, of this process
 *============================================================================*/

static void test_process_cpu_seconds_as_getrusage(void **state)
{
    ct_fixture *fixture = *state;
    double start = cpu_used(), last = 0;
    assert_ok(cprom_process_collector_new(fixture->registry));
    while (cpu_used() < start + 0.3) {
        double before = cpu_used(), value = value_of(fixture->registry, "process_cpu_seconds_total"),
               after = cpu_used();
        double tick = 1.0 / (double)sysconf(_SC_CLK_TCK); /* user and system time are rounded down each */
        assert_true(value >= before - 2 * tick - 1e-6 && value <= after + 1e-6);
        assert_true(value >= last);
        last = value;
    }
    assert_true(last >= 0.2);
}

static void test_process_open_fds_as_listed(void **state)
{
    ct_fixture *fixture = *state;
    int fds[40], n = COUNT(fds);
    assert_ok(cprom_process_collector_new(fixture->registry));
    for (int kernel = 0; kernel < 2; kernel++) {
        calls.old_kernel = kernel == 1;
        for (int i = 0; i < n; i++) {
            assert_true(value_of(fixture->registry, "process_open_fds") == count_fds());
            fds[i] = dup(0);
            assert_true(fds[i] >= 0);
        }
        double most = value_of(fixture->registry, "process_open_fds");
        for (int i = 0; i < n; i += 2) close(fds[i]);
        assert_true(value_of(fixture->registry, "process_open_fds") == most - n / 2);
        for (int i = 1; i < n; i += 2) close(fds[i]);
        assert_true(value_of(fixture->registry, "process_open_fds") == most - n);
    }
    calls.old_kernel = false;
}

static void test_process_no_descriptor_left_the_rest_is_absent(void **state)
{
    ct_fixture *fixture = *state;
    assert_ok(cprom_process_collector_new(fixture->registry));
    unsigned fds = count_fds();
    cprom_page *page;
    calls.exhausted = true;
    cprom_status status = cprom_page_open(fixture->registry, NULL, &page);
    calls.exhausted = false;
    assert_ok(status);
    ct_page read = ct_page_drain(page, 4096);
    struct stat info;
    assert_int_equal(stat("/proc/self/fd", &info), 0);
    assert_int_equal(read.parsed->n_samples, info.st_size ? 1 : 0);
    if (info.st_size) assert_true(value_in(&read, "process_open_fds") == fds);
    ct_page_free(&read);
    cprom_page_close(page);
}

static void test_process_limits_as_prlimit(void **state)
{
    ct_fixture *fixture = *state;
    struct rlimit old, limit;
    if (on_valgrind()) ct_skip("valgrind has limits of its own");
    assert_ok(cprom_process_collector_new(fixture->registry));
    assert_int_equal(prlimit(0, RLIMIT_NOFILE, NULL, &old), 0);
    assert_true(value_of(fixture->registry, "process_max_fds") == (double)old.rlim_cur);
    limit = (struct rlimit){old.rlim_cur - 100, old.rlim_max};
    assert_int_equal(prlimit(0, RLIMIT_NOFILE, &limit, NULL), 0);
    assert_true(value_of(fixture->registry, "process_max_fds") == (double)limit.rlim_cur);
    assert_int_equal(prlimit(0, RLIMIT_NOFILE, &old, NULL), 0);

    assert_int_equal(prlimit(0, RLIMIT_AS, NULL, &old), 0);
    double expected = old.rlim_cur == RLIM_INFINITY ? UNLIMITED : (double)old.rlim_cur;
    assert_true(value_of(fixture->registry, "process_virtual_memory_max_bytes") == expected);
    if (SANITIZED) return; /* more is reserved already */
    limit = (struct rlimit){(rlim_t)1 << 40, old.rlim_max};
    if (prlimit(0, RLIMIT_AS, &limit, NULL) != 0) return;
    assert_true(value_of(fixture->registry, "process_virtual_memory_max_bytes") == (double)limit.rlim_cur);
    assert_int_equal(prlimit(0, RLIMIT_AS, &old, NULL), 0);
}

static void test_process_memory_as_in_status_and_grows_with_a_mapping(void **state)
{
    ct_fixture *fixture = *state;
    const size_t mapped = 512u << 20, touched = 64u << 20;
    const double slack = 8 << 20;
    assert_ok(cprom_process_collector_new(fixture->registry));
    double size = value_of(fixture->registry, "process_virtual_memory_bytes"), expected_size = status_bytes("VmSize");
    double resident = value_of(fixture->registry, "process_resident_memory_bytes");
    assert_true(fabs(size - expected_size) <= slack);
    assert_true(fabs(resident - status_bytes("VmRSS")) <= slack);
    char *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    memset(mapping, 1, touched);
    double more = value_of(fixture->registry, "process_virtual_memory_bytes") - size;
    assert_true(more >= (double)mapped && more <= (double)mapped + (SANITIZED ? 64 : 1) * slack);
    more = value_of(fixture->registry, "process_resident_memory_bytes") - resident;
    assert_true(more >= (double)touched - slack && more <= (double)touched + (SANITIZED ? 64 : 1) * slack);
    munmap(mapping, mapped);
}

static double wall_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int start_time_pipe[2];

static int tell_start_time(void *registry)
{
    ct_page page = ct_page_read(registry, NULL, 65536);
    const parser_sample *sample = parser_find(page.parsed, "process_start_time_seconds");
    double value = sample ? sample->value : 0;
    bool told = write(start_time_pipe[1], &value, sizeof value) == sizeof value;
    ct_page_free(&page);
    return told ? 0 : 1;
}

static void test_process_start_time_of_a_child_is_when_it_was_forked(void **state)
{
    ct_fixture *fixture = *state;
    double child, before, after;
    assert_ok(cprom_process_collector_new(fixture->registry));
    double own = value_of(fixture->registry, "process_start_time_seconds");
    assert_true(own <= wall_now() + 0.1 && own > wall_now() - 3600);
    assert_int_equal(pipe(start_time_pipe), 0);
    before = wall_now();
    assert_int_equal(child_run(tell_start_time, fixture->registry), 0);
    after = wall_now();
    assert_int_equal(read(start_time_pipe[0], &child, sizeof child), sizeof child);
    close(start_time_pipe[0]);
    close(start_time_pipe[1]);
    /* The boot time is in whole seconds. */
    assert_true(child >= before - 1.1 && child <= after + 0.1);
    assert_true(child >= own);
}

static pthread_barrier_t barrier;

static void *stay(void *arg)
{
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    return NULL;
}

static void test_process_threads_as_tasks(void **state)
{
    ct_fixture *fixture = *state;
    pthread_t threads[9];
    assert_ok(cprom_process_collector_new(fixture->registry));
    double before = value_of(fixture->registry, "process_threads");
    assert_true(before == count_dir("/proc/self/task"));
    pthread_barrier_init(&barrier, NULL, COUNT(threads) + 1);
    for (size_t i = 0; i < COUNT(threads); i++) assert_int_equal(pthread_create(&threads[i], NULL, stay, NULL), 0);
    pthread_barrier_wait(&barrier);
    double with = value_of(fixture->registry, "process_threads");
    assert_true(with == count_dir("/proc/self/task") && with >= before + COUNT(threads)); /* a sanitizer may add one */
    pthread_barrier_wait(&barrier);
    for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
    pthread_barrier_destroy(&barrier);
}

static void test_process_own_name_with_brackets(void **state)
{
    ct_fixture *fixture = *state;
    char old[16];
    assert_int_equal(prctl(PR_GET_NAME, old), 0);
    assert_ok(cprom_process_collector_new(fixture->registry));
    assert_int_equal(prctl(PR_SET_NAME, "a) R 1 (\n2) Z 0"), 0);
    double threads = value_of(fixture->registry, "process_threads");
    double start = value_of(fixture->registry, "process_start_time_seconds");
    assert_int_equal(prctl(PR_SET_NAME, old), 0);
    assert_true(threads == count_dir("/proc/self/task"));
    assert_true(start == value_of(fixture->registry, "process_start_time_seconds"));
}

/* The thread that lives on when the main thread of the child has ended. Tells 0, or what was wrong. */
static void *outlive(void *registry)
{
    char line[512] = "";
    do { /* until the kernel has done with the main thread's memory */
        FILE *file = fopen("/proc/self/statm", "r");
        if (!file || !fgets(line, sizeof line, file)) child_ends(10);
        fclose(file);
    } while (line[0] != '0');
    ct_page page = ct_page_read(registry, NULL, 65536);
    for (size_t i = 0; i < COUNT(names); i++) {
        const parser_sample *sample = parser_find(page.parsed, names[i]);
        if (!sample || !(sample->value > 0)) child_ends(20 + (int)i);
    }
    const parser_sample *fds = parser_find(page.parsed, "process_open_fds");
    unsigned listed = 0;
    DIR *dir = opendir("/proc/thread-self/fd");
    if (!dir) child_ends(11);
    for (struct dirent *entry; (entry = readdir(dir));) listed += entry->d_name[0] != '.';
    child_ends(fds->value == listed - 1 ? 0 : 12);
}

static int main_thread_ends(void *registry)
{
    pthread_t thread;
    burn();
    if (pthread_create(&thread, NULL, outlive, registry) != 0) return 1;
    syscall(SYS_exit, 0); /* the thread alone */
    return 2;
}

static void test_process_main_thread_has_ended_values_are_those_of_the_others(void **state)
{
    ct_fixture *fixture = *state;
    if (on_valgrind()) ct_skip("valgrind does not let the main thread end before the others");
    if (THREAD_SANITIZED) ct_skip("ThreadSanitizer lets no child of fork have threads");
    assert_ok(cprom_process_collector_new(fixture->registry));
    assert_int_equal(child_run(main_thread_ends, fixture->registry), 0);
}

static void *scrape(void *registry)
{
    for (int i = 0; i < 200; i++) {
        char *text;
        if (cprom_registry_text(registry, &text, NULL) == CPROM_OK) cprom_text_free(text);
    }
    return NULL;
}

static void test_process_scraped_and_unregistered_at_once(void **state)
{
    ct_fixture *fixture = *state;
    pthread_t threads[4];
    for (size_t i = 0; i < COUNT(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, scrape, fixture->registry), 0);
    }
    for (int i = 0; i < 100; i++) {
        assert_ok(cprom_process_collector_new(fixture->registry));
        assert_ok(cprom_registry_unregister(fixture->registry, "process"));
    }
    for (size_t i = 0; i < COUNT(threads); i++) pthread_join(threads[i], NULL);
    ct_assert_page(fixture->registry, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_default_without_memory_has_the_process_metrics),
        cmocka_unit_test(test_registry_default_carries_the_process_metrics),
        cmocka_unit_test(test_registry_default_page_promtool_has_nothing_to_say),
        cmocka_unit_test(test_registry_default_takes_other_families_beside),
        cmocka_unit_test(test_registry_default_unregister_process_switches_off_and_new_on),
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
        TEST(test_process_cpu_seconds_as_getrusage),
        TEST(test_process_open_fds_as_listed),
        TEST(test_process_no_descriptor_left_the_rest_is_absent),
        TEST(test_process_limits_as_prlimit),
        TEST(test_process_memory_as_in_status_and_grows_with_a_mapping),
        TEST(test_process_start_time_of_a_child_is_when_it_was_forked),
        TEST(test_process_threads_as_tasks),
        TEST(test_process_own_name_with_brackets),
        TEST(test_process_main_thread_has_ended_values_are_those_of_the_others),
        TEST(test_process_scraped_and_unregistered_at_once),
    };
    burn();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
