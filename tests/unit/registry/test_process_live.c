#include "process_calls.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>

#include "support/child.h"

/* The process metrics of this process, and the default registry, which has them. */

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
    struct rlimit limit, none;
    void *blocks = NULL;
    if (getrlimit(RLIMIT_AS, &limit) != 0) return 2;
    none = (struct rlimit){1, limit.rlim_max};
    if (setrlimit(RLIMIT_AS, &none) != 0) return 2;
    for (size_t size = 1 << 24; size >= sizeof blocks; size /= 2) {
        for (void **block; (block = malloc(size)); blocks = block) *block = blocks;
    }
    cprom_registry *registry = cprom_registry_default();
    cprom_stats stats = CPROM_INIT(cprom_stats);
    if (!registry || cprom_registry_stats(registry, &stats) != CPROM_OK) return 3;
    if (stats.families || stats.collectors) return 4;
    cprom_page *page;
    if (cprom_page_open(registry, NULL, &page) != CPROM_ENOMEM) return 5;
    if (cprom_process_collector_new(registry) != CPROM_ENOMEM) return 6;
    while (blocks) {
        void *block = blocks;
        memcpy(&blocks, block, sizeof blocks);
        free(block);
    }
    if (setrlimit(RLIMIT_AS, &limit) != 0) return 7;
    if (cprom_registry_default() != registry || cprom_process_collector_new(registry) != CPROM_OK) return 8;
    if (cprom_registry_stats(registry, &stats) != CPROM_OK) return 9;
    return stats.families == COUNT(names) && stats.collectors == 1 && value_of(registry, "process_threads") > 0 ? 0 : 10;
}

/* First: in the other tests it is made already. */
static void test_registry_default_made_without_memory_gets_the_process_metrics_later(void **state)
{
    if (CT_SANITIZED || ct_on_valgrind()) ct_skip("memory cannot be taken away here");
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
    if (ct_on_valgrind()) ct_skip("valgrind has limits of its own");
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
    if (CT_SANITIZED) return; /* more is reserved already */
    limit = (struct rlimit){(rlim_t)1 << 40, old.rlim_max};
    if (prlimit(0, RLIMIT_AS, &limit, NULL) != 0) return;
    assert_true(value_of(fixture->registry, "process_virtual_memory_max_bytes") == (double)limit.rlim_cur);
    assert_int_equal(prlimit(0, RLIMIT_AS, &old, NULL), 0);
}

static void test_process_memory_as_in_status_and_grows_with_a_mapping(void **state)
{
    ct_fixture *fixture = *state;
    const size_t mapped = 512u << 20, touched = 64u << 20;
    const double slack = 8 << 20, more_slack = CT_SANITIZED || ct_on_valgrind() ? 64 * slack : slack; /* their own memory */
    assert_ok(cprom_process_collector_new(fixture->registry));
    double size = value_of(fixture->registry, "process_virtual_memory_bytes"), expected_size = status_bytes("VmSize");
    double resident = value_of(fixture->registry, "process_resident_memory_bytes");
    assert_true(fabs(size - expected_size) <= slack);
    assert_true(fabs(resident - status_bytes("VmRSS")) <= slack);
    char *mapping = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(mapping != MAP_FAILED);
    memset(mapping, 1, touched);
    double more = value_of(fixture->registry, "process_virtual_memory_bytes") - size;
    assert_true(more >= (double)mapped - slack && more <= (double)mapped + more_slack);
    more = value_of(fixture->registry, "process_resident_memory_bytes") - resident;
    assert_true(more >= (double)touched - slack && more <= (double)touched + more_slack);
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
    if (ct_on_valgrind()) ct_skip("valgrind does not let the main thread end before the others");
    if (CT_THREAD_SANITIZED) ct_skip("ThreadSanitizer lets no child of fork have threads");
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

int group_process_live(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_registry_default_made_without_memory_gets_the_process_metrics_later),
        cmocka_unit_test(test_registry_default_carries_the_process_metrics),
        cmocka_unit_test(test_registry_default_page_promtool_has_nothing_to_say),
        cmocka_unit_test(test_registry_default_takes_other_families_beside),
        cmocka_unit_test(test_registry_default_unregister_process_switches_off_and_new_on),
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
