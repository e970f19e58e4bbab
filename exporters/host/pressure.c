/* node_pressure_*: pressure stall information, from /proc/pressure. */
#include "lines.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define STALLED(resource, what)                                                                                        \
    DESC(CPROM_COUNTER, "node_pressure_" resource "_stalled_seconds_total",                                            \
         "Total time in seconds no process could make progress due to " what " congestion")

enum {
    DESC_CPU,
    DESC_IO,
    DESC_IO_FULL,
    DESC_MEMORY,
    DESC_MEMORY_FULL
};
static const cprom_desc descs[] = {
    [DESC_CPU] = DESC(CPROM_COUNTER, "node_pressure_cpu_waiting_seconds_total",
                      "Total time in seconds that processes have waited for CPU time"),
    [DESC_IO] = DESC(CPROM_COUNTER, "node_pressure_io_waiting_seconds_total",
                     "Total time in seconds that processes have waited due to IO congestion"),
    [DESC_IO_FULL] = STALLED("io", "IO"),
    [DESC_MEMORY] = DESC(CPROM_COUNTER, "node_pressure_memory_waiting_seconds_total",
                         "Total time in seconds that processes have waited for memory"),
    [DESC_MEMORY_FULL] = STALLED("memory", "memory"),
};

/* "some avg10=0.00 avg60=0.00 avg300=0.00 total=12": total is in microseconds. */
static void show_total(const struct lines *lines, const char *key, char *line, const cprom_desc *desc)
{
    uint64_t value;
    for (const char *word; (word = next_word(&line));) {
        if (strncmp(word, "total=", 6) != 0 || !parse_u64(word + 6, &value)) continue;
        show(lines->scrape, desc, CPROM_NO_STRS, (double)value / 1000 / 1000);
        return;
    }
    lines_fail(lines, "there is no total behind %s", key);
}

/* Whether there is a procfs, and only the directory pressure is missing in it. Keeps errno. */
static bool lacks_pressure(const struct scrape *scrape)
{
    int error = errno, root = open_directory(scrape->flags->procfs, ""),
        pressure = open_directory(scrape->flags->procfs, "pressure");
    if (root >= 0) close(root);
    if (pressure >= 0) close(pressure);
    errno = error;
    return root >= 0 && pressure < 0;
}

/* `full` NULL: not shown; of CPUs, the machine as a whole has none. false: it cannot be read. */
static bool show_resource(struct scrape *scrape, const char *path, const cprom_desc *some, const cprom_desc *full)
{
    struct lines lines;
    errno = 0;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, path)) {
        /* The kernel was built or started without it. */
        scrape->absent = errno == EOPNOTSUPP || (errno == ENOENT && lacks_pressure(scrape));
        return !scrape->absent;
    }
    bool some_seen = false, full_seen = !full;
    for (char *line; (line = lines_next(&lines));) {
        const char *key = next_word(&line);
        if (!key) continue;
        if (strcmp(key, "some") == 0) {
            show_total(&lines, key, line, some);
            some_seen = true;
        } else if (strcmp(key, "full") == 0 && full) {
            show_total(&lines, key, line, full);
            full_seen = true;
        }
    }
    if (!some_seen) fail(scrape, "%s/%s: there is no line some", lines.root, path);
    if (!full_seen) fail(scrape, "%s/%s: there is no line full", lines.root, path);
    return true;
}

/* Where the kernel has none of it, one is asked for. */
static void pressure_collect(struct scrape *scrape)
{
    bool there = show_resource(scrape, "pressure/cpu", &descs[DESC_CPU], NULL) &&
                 show_resource(scrape, "pressure/io", &descs[DESC_IO], &descs[DESC_IO_FULL]);
    if (there) show_resource(scrape, "pressure/memory", &descs[DESC_MEMORY], &descs[DESC_MEMORY_FULL]);
}

const struct collector pressure_collector = {"pressure", descs, COUNT_OF(descs), NULL, pressure_collect, NULL};
