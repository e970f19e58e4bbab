/* node_load*, from /proc/loadavg. */
#include "host.h"

static const cprom_desc descs[] = {
    DESC(CPROM_GAUGE, "node_load1", "1m load average."),
    DESC(CPROM_GAUGE, "node_load5", "5m load average."),
    DESC(CPROM_GAUGE, "node_load15", "15m load average."),
};

static bool loadavg_collect(struct scrape *scrape)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, "loadavg");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "loadavg");
    for (size_t i = 0; i < COUNT_OF(descs); i++) {
        const char *word = next_word(&at);
        double value;
        if (!word || !parse_double(word, &value)) return fail(scrape, "loadavg is malformed");
        show(scrape, &descs[i], CPROM_NO_STRS, value);
    }
    return true;
}

const struct collector loadavg_collector = {"loadavg", descs, COUNT_OF(descs), NULL, loadavg_collect, NULL};
