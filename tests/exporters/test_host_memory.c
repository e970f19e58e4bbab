/*
 * cprom-host-exporter without memory: each allocation of a scrape fails in turn. The page may lack something, and says
 * so; the next one lacks nothing, and at the end nothing is left.
 */
#include "host.h" /* before cmocka, which has a macro fail() */
#undef DESC /* the tests have one, too */

#include "support/cprom_test.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *memory, size_t n);
void __real_free(void *memory);

static long countdown = -1; /* the allocation that fails; below 0: none */
static long live;

static bool fails(void) { return countdown >= 0 && countdown-- == 0; }

static void *noted(void *memory)
{
    live += memory != NULL;
    return memory;
}

void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *memory, size_t n);
char *__wrap_strdup(const char *text);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t n) { return fails() ? NULL : noted(__real_malloc(n)); }

void *__wrap_calloc(size_t n, size_t size) { return fails() ? NULL : noted(__real_calloc(n, size)); }

void *__wrap_realloc(void *memory, size_t n)
{
    if (fails()) return NULL;
    void *moved = __real_realloc(memory, n);
    live += !memory && moved;
    return moved;
}

char *__wrap_strdup(const char *text)
{
    char *copy = __wrap_malloc(strlen(text) + 1);
    return copy ? strcpy(copy, text) : NULL;
}

void __wrap_free(void *memory)
{
    live -= memory != NULL;
    __real_free(memory);
}

typedef int select_entry(const struct dirent *entry);
typedef int compare_entries(const struct dirent **a, const struct dirent **b);
int __real_scandir(const char *path, struct dirent ***entries, select_entry *select, compare_entries *compare);
int __wrap_scandir(const char *path, struct dirent ***entries, select_entry *select, compare_entries *compare);

/* It allocates out of our sight what we free. */
int __wrap_scandir(const char *path, struct dirent ***entries, select_entry *select, compare_entries *compare)
{
    int n = __real_scandir(path, entries, select, compare);
    if (n >= 0) live += n + 1;
    return n;
}

/* ---- a small machine ---- */

static char root[64];

static void put(const char *path, const char *text)
{
    char whole[256];
    for (const char *at = strchr(path, '/'); at; at = strchr(at + 1, '/')) {
        snprintf(whole, sizeof whole, "%s/%.*s", root, (int)(at - path), path);
        mkdir(whole, 0755);
    }
    snprintf(whole, sizeof whole, "%s/%s", root, path);
    FILE *file = fopen(whole, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void put_all(void)
{
    strcpy(root, "/tmp/cprom-host-memory-XXXXXX");
    assert_non_null(mkdtemp(root));
    put("proc/meminfo", "MemTotal: 5 kB\nMemFree: 3 kB\n");
    put("proc/vmstat", "pgpgin 1\npgpgout 2\n");
    put("proc/1/mounts", "/dev/a / ext4 rw 0 0\n/dev/\xff /tmp/\xff ext4 ro 0 0\n/dev/a / ext4 rw 0 0\n");
    put("proc/stat", "cpu 1 2 3 4\ncpu0 1 2 3 4\nintr 1\nctxt 1\nbtime 1\nprocesses 1\nprocs_running 1\nprocs_blocked 1\n");
    put("proc/net/arp", "1.2.3.4 0x1 0x2 02:fc:00:00:00:05 * eth0\n");
    put("proc/net/dev", "eth0: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n");
    put("proc/diskstats", "8 0 sda 1 2 3 4 5 6 7 8 9 10 11\n");
    put("udev/b8:0", "E:ID_MODEL=x\n");
    put("text/a.prom", "# HELP a A.\n# TYPE a gauge\na{b=\"c\"} 1\na{d=\"e\"} 1\n");
    put("text/b.prom", "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\nh_count 2\na{b=\"c\"} 1\nx_total 1\nx 2\n");
    put("text/c.prom", "wrong\n");
}

static struct host *make(cprom_registry **registry)
{
    static char procfs[80], sysfs[80], udev[80], text[80];
    static const char *const names[] = {"arp",     "cpu",    "diskstats", "filesystem", "meminfo",
                                        "netdev", "vmstat", "textfile",  "stat"};
    bool enabled[64] = {false};
    struct host *host;
    snprintf(procfs, sizeof procfs, "%s/proc", root);
    snprintf(sysfs, sizeof sysfs, "%s/sys", root);
    snprintf(udev, sizeof udev, "%s/udev", root);
    snprintf(text, sizeof text, "%s/text", root);
    struct flags flags = {.procfs = procfs, .sysfs = sysfs, .rootfs = "/", .udev = udev, .textfile_directory = text,
                          .arp_exclude = "", .arp_include = "", .disk_exclude = "", .disk_include = "",
                          .mount_exclude = "^/none", .fs_type_exclude = "^none$", .mount_timeout = 50, .netdev_exclude = "",
                          .netdev_include = "", .netclass_ignored = "", .netstat_fields = ".", .vmstat_fields = "."};
    for (size_t i = 0; i < n_collectors; i++) {
        for (size_t k = 0; k < COUNT_OF(names); k++) {
            enabled[i] = enabled[i] || strcmp(all_collectors[i]->name, names[k]) == 0;
        }
    }
    if (cprom_registry_new(NULL, registry) != CPROM_OK) return NULL;
    return host_register(*registry, &flags, enabled, &host) ? host : NULL;
}

/* Without what moves. NULL: no page. */
static char *read_page(cprom_registry *registry)
{
    char *text, *to, *line;
    size_t len;
    if (cprom_registry_text(registry, &text, &len) != CPROM_OK) return NULL;
    to = line = text;
    while (*line) {
        size_t n = strcspn(line, "\n") + 1;
        bool moves = strncmp(line, "node_scrape_collector_duration", 30) == 0 || strncmp(line, "node_filesystem_", 16) == 0;
        if (!moves) {
            memmove(to, line, n);
            to += n;
        }
        line += n;
    }
    *to = '\0';
    return text;
}

static size_t strspn_same(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n]) n++;
    return n;
}

static void test_scrape_each_allocation_fails_in_turn(void **state)
{
    cprom_registry *registry;
    long before = live, n = 0, without = 0;
    put_all();
    struct host *host = make(&registry);
    assert_non_null(host);
    /* Twice, since what is kept from scrape to scrape is there then. */
    cprom_text_free(read_page(registry));
    char *whole = read_page(registry);
    assert_non_null(strstr(whole, "node_memory_MemFree_bytes 3072"));
    assert_non_null(strstr(whole, "h_count 2"));
    for (bool reached = true; reached; n++) {
        countdown = n;
        char *page = read_page(registry);
        reached = countdown < 0;
        countdown = -1;
        if (page && strcmp(page, whole) != 0) {
            without++;
            bool said = strstr(page, "\"} 0\nnode_scrape_collector_success") || strstr(page, "\"} 0\n# ");
            size_t same = strspn_same(page, whole);
            if (!said) fail_msg("after allocation %ld failed, all succeeded: %.200s, expected: %.200s", n, page + same, whole + same);
        }
        if (page) cprom_text_free(page);
        page = read_page(registry);
        if (!page || strcmp(page, whole) != 0) fail_msg("after allocation %ld failed:\n%s\nexpected:\n%s", n, page, whole);
        cprom_text_free(page);
    }
    print_message("%ld allocations; %ld pages lacked something\n", n - 1, without);
    assert_true(n > 80 && without > 20);
    cprom_text_free(whole);
    cprom_registry_free(registry);
    assert_int_equal(live, before);
}

/* The beginning, too: it works, or says that it does not, and leaves nothing. */
static void test_start_each_allocation_fails_in_turn(void **state)
{
    long before = live, n = 0;
    for (bool reached = true; reached; n++) {
        cprom_registry *registry = NULL;
        countdown = n;
        make(&registry);
        reached = countdown < 0;
        countdown = -1;
        cprom_registry_free(registry);
        if (live != before) fail_msg("after allocation %ld failed, %ld are left", n, live - before);
    }
    assert_true(n > 50);
}

static int remove_all(void **state)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scrape_each_allocation_fails_in_turn),
        cmocka_unit_test_teardown(test_start_each_allocation_fails_in_turn, remove_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
