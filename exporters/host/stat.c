/* What is counted for the whole machine in /proc/stat. */
#include "lines.h"

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

static void show_softirqs(const struct lines *lines, char *rest)
{
    next_word(&rest); /* their sum */
    for (size_t i = 0; i < COUNT_OF(vectors); i++) {
        const char *word = next_word(&rest);
        uint64_t value;
        if (word && parse_u64(word, &value)) {
            show(lines->scrape, &descs[SOFTIRQS], CPROM_STRS(vectors[i]), (double)value);
        } else {
            lines_fail(lines, "there is no number of softirqs %s", vectors[i]);
        }
    }
}

static void stat_collect(struct scrape *scrape)
{
    struct lines lines;
    bool seen[COUNT_OF(descs)] = {false};
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "stat")) return;
    for (char *line; (line = lines_next(&lines));) {
        const char *key = next_word(&line);
        if (!key) continue;
        if (scrape->flags->stat_softirq && strcmp(key, "softirq") == 0) {
            show_softirqs(&lines, line);
            seen[SOFTIRQS] = true;
        }
        for (size_t i = 0; i < COUNT_OF(keys); i++) {
            if (strcmp(key, keys[i]) != 0) continue;
            const char *word = next_word(&line);
            uint64_t value;
            seen[i] = true;
            if (word && parse_u64(word, &value)) show(scrape, &descs[i], CPROM_NO_STRS, (double)value);
            else lines_fail(&lines, "there is no number behind %s", key);
        }
    }
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        if (!seen[i]) fail(scrape, "%s/stat: there is no line %s", lines.root, keys[i]);
    }
    if (scrape->flags->stat_softirq && !seen[SOFTIRQS]) fail(scrape, "%s/stat: there is no line softirq", lines.root);
}

const struct collector stat_collector = {"stat", descs, COUNT_OF(descs), NULL, stat_collect, NULL};
