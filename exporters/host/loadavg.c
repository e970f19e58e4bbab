/* node_load*, from /proc/loadavg. */
#include "lines.h"

static const cprom_desc descs[] = {
    DESC(CPROM_GAUGE, "node_load1", "1m load average."),
    DESC(CPROM_GAUGE, "node_load5", "5m load average."),
    DESC(CPROM_GAUGE, "node_load15", "15m load average."),
};

/* "0.21 0.15 0.08 1/123 4567" */
static void loadavg_collect(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "loadavg")) return;
    char *line = lines_next(&lines);
    if (!line) return;
    for (size_t i = 0; i < COUNT_OF(descs); i++) {
        const char *word = next_word(&line);
        double value;
        if (word && parse_number(word, &value)) show(scrape, &descs[i], CPROM_NO_STRS, value);
        else lines_fail(&lines, "there is no number for %s", descs[i].name);
    }
}

const struct collector loadavg_collector = {"loadavg", descs, COUNT_OF(descs), NULL, loadavg_collect, NULL};
