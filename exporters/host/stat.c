/* What is counted for the whole machine in /proc/stat. */
#include "host.h"

#include <string.h>

/* What a line begins with, and its family; the last one has no line of its own. */
static const char *const keys[] = {"intr", "ctxt", "processes", "btime", "procs_running", "procs_blocked"};
static const cprom_desc descs[] = {
    DESC(CPROM_COUNTER, "node_intr_total", "Total number of interrupts serviced."),
    DESC(CPROM_COUNTER, "node_context_switches_total", "Total number of context switches."),
    DESC(CPROM_COUNTER, "node_forks_total", "Total number of forks."),
    DESC(CPROM_GAUGE, "node_boot_time_seconds", "Node boot time, in unixtime."),
    DESC(CPROM_GAUGE, "node_procs_running", "Number of processes in runnable state."),
    DESC(CPROM_GAUGE, "node_procs_blocked", "Number of processes blocked waiting for I/O to complete."),
    DESC_LABELS(CPROM_COUNTER, "node_softirqs_total", "Number of softirq calls.", "vector"),
};
#define SOFTIRQS COUNT_OF(keys)

static const char *const vectors[] = {"hi",           "timer",   "net_tx", "net_rx",  "block",
                                      "block_iopoll", "tasklet", "sched",  "hrtimer", "rcu"};

static bool show_softirqs(struct scrape *scrape, char *rest)
{
    uint64_t value;
    next_word(&rest); /* their sum */
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const char *word = next_word(&rest);
        if (!word || !parse_u64(word, &value)) return fail(scrape, "stat: the line softirq is malformed");
        show(scrape, &descs[SOFTIRQS], CPROM_STRS(vectors[i]), (double)value);
    }
    return true;
}

static bool stat_collect(struct scrape *scrape)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, "stat");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "stat");
    for (char *line; (line = next_line(&at));) {
        const char *key = next_word(&line);
        if (!key) continue;
        if (scrape->flags->stat_softirq && strcmp(key, "softirq") == 0 && !show_softirqs(scrape, line)) return false;
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            if (strcmp(key, keys[i]) != 0) continue;
            const char *word = next_word(&line);
            uint64_t value;
            if (!word || !parse_u64(word, &value)) return fail(scrape, "stat: the line %s is malformed", key);
            show(scrape, &descs[i], CPROM_NO_STRS, (double)value);
        }
    }
    return true;
}

const struct collector stat_collector = {"stat", descs, COUNT_OF(descs), NULL, stat_collect, NULL};
