/* node_pressure_*: pressure stall information, from /proc/pressure. */
#include "host.h"

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
static bool show_total(struct scrape *scrape, char *line, const cprom_desc *desc)
{
    for (const char *word; (word = next_word(&line));) {
        uint64_t value;
        if (strncmp(word, "total=", 6) != 0 || !parse_u64(word + 6, &value)) continue;
        show(scrape, desc, CPROM_NO_STRS, (double)value / 1000 / 1000);
        return true;
    }
    return fail(scrape, "pressure: a line has no total");
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

/* `full` NULL: not shown; of CPUs, the machine as a whole has none. */
static bool show_resource(struct scrape *scrape, const char *path, const cprom_desc *some, const cprom_desc *full)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, path);
    if (!at) {
        /* The kernel was built or started without it. */
        bool absent = errno == EOPNOTSUPP || (errno == ENOENT && lacks_pressure(scrape));
        fail_to_read(scrape, scrape->flags->procfs, path);
        scrape->absent = absent;
        return false;
    }
    for (char *line; (line = next_line(&at));) {
        const char *key = next_word(&line);
        const cprom_desc *desc = !key ? NULL : strcmp(key, "some") == 0 ? some : strcmp(key, "full") == 0 ? full : NULL;
        if (desc && !show_total(scrape, line, desc)) return false;
    }
    return true;
}

static bool pressure_collect(struct scrape *scrape)
{
    return show_resource(scrape, "pressure/cpu", &descs[DESC_CPU], NULL) &&
           show_resource(scrape, "pressure/io", &descs[DESC_IO], &descs[DESC_IO_FULL]) &&
           show_resource(scrape, "pressure/memory", &descs[DESC_MEMORY], &descs[DESC_MEMORY_FULL]);
}

const struct collector pressure_collector = {"pressure", descs, COUNT_OF(descs), NULL, pressure_collect, NULL};
