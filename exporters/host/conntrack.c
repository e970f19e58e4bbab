/* node_nf_conntrack_*: the kernel's table of connections. */
#include "lines.h"

#include <errno.h>
#include <string.h>

#define STAT(name, help) DESC(CPROM_GAUGE, "node_nf_conntrack_stat_" name, help)

/* What a column is called, and its family; the last two have files of their own. */
static const char *const columns[] = {"found",         "invalid", "ignore",     "insert",
                                      "insert_failed", "drop",    "early_drop", "search_restart"};
enum {
    ENTRIES = COUNT_OF(columns),
    LIMIT
};
static const cprom_desc descs[] = {
    STAT("found", "Number of searched entries which were successful."),
    STAT("invalid", "Number of packets seen which can not be tracked."),
    STAT("ignore", "Number of packets seen which are already connected to a conntrack entry."),
    STAT("insert", "Number of entries inserted into the list."),
    STAT("insert_failed", "Number of entries for which list insertion was attempted but failed."),
    STAT("drop", "Number of packets dropped due to conntrack failure."),
    STAT("early_drop",
         "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached."),
    STAT("search_restart", "Number of conntrack table lookups which had to be restarted due to hashtable resizes."),
    [ENTRIES] = DESC(CPROM_GAUGE, "node_nf_conntrack_entries",
                     "Number of currently allocated flow entries for connection tracking."),
    [LIMIT] = DESC(CPROM_GAUGE, "node_nf_conntrack_entries_limit", "Maximum size of connection tracking table."),
};

static bool show_number(struct scrape *scrape, const char *path, const cprom_desc *desc)
{
    struct lines lines;
    uint64_t value;
    errno = 0;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, path)) return errno != ENOENT;
    const char *line = lines_next(&lines);
    if (line && parse_u64(line, &value)) show(scrape, desc, CPROM_NO_STRS, (double)value);
    else if (line) lines_fail(&lines, "it is no number");
    return true;
}

/* The columns that are shown, by what the first line says; and how many there are. */
static size_t read_heading(char *line, int shown[64])
{
    size_t n = 0;
    for (const char *word; n < 64 && (word = next_word(&line)); n++) {
        shown[n] = -1;
        for (size_t i = 0; i < COUNT_OF(columns); i++) {
            if (strcmp(word, columns[i]) == 0) shown[n] = (int)i;
        }
    }
    return n;
}

/* A heading, and a line for each CPU, in hexadecimal. A value that is missing makes the sum none. */
static void show_stats(struct scrape *scrape)
{
    struct lines lines;
    int shown[64];
    size_t n = 0;
    uint64_t sums[COUNT_OF(columns)] = {0};
    bool there[COUNT_OF(columns)] = {false}, wrong[COUNT_OF(columns)] = {false};
    if (!lines_open_if_there(&lines, scrape, scrape->flags->procfs, "net/stat/nf_conntrack")) return;
    for (char *line; (line = lines_next(&lines));) {
        bool heading = strncmp(line, "entries", 7) == 0;
        if (heading) n = read_heading(line, shown);
        if (heading) continue;
        if (!n) {
            lines_fail(&lines, "there is no heading before it");
            return;
        }
        for (size_t i = 0; i < n; i++) {
            const char *word = next_word(&line);
            uint64_t value;
            if (shown[i] < 0) continue;
            there[shown[i]] = true;
            if (word && parse_hex(word, &value)) {
                sums[shown[i]] += value;
            } else if (!wrong[shown[i]]) {
                wrong[shown[i]] = true;
                lines_fail(&lines, "there is no number for %s", columns[shown[i]]);
            }
        }
    }
    for (size_t i = 0; i < COUNT_OF(columns); i++) {
        if (there[i] && !wrong[i]) show(scrape, &descs[i], CPROM_NO_STRS, (double)sums[i]);
    }
}

/* Where it is not loaded, there is nothing to show. */
static void conntrack_collect(struct scrape *scrape)
{
    if (!show_number(scrape, "sys/net/netfilter/nf_conntrack_count", &descs[ENTRIES])) {
        scrape->absent = true;
        return;
    }
    show_number(scrape, "sys/net/netfilter/nf_conntrack_max", &descs[LIMIT]);
    show_stats(scrape);
}

const struct collector conntrack_collector = {"conntrack", descs, COUNT_OF(descs), NULL, conntrack_collect, NULL};
