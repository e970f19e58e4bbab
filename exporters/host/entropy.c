/* node_entropy_*: the kernel's random number generator. */
#include "lines.h"

#include <string.h>

enum {
    DESC_AVAILABLE,
    DESC_SIZE
};
static const cprom_desc descs[] = {
    [DESC_AVAILABLE] = DESC(CPROM_GAUGE, "node_entropy_available_bits", "Bits of available entropy."),
    [DESC_SIZE] = DESC(CPROM_GAUGE, "node_entropy_pool_size_bits", "Bits of entropy pool."),
};

static void show_number(struct scrape *scrape, const char *path, const cprom_desc *desc)
{
    struct lines lines;
    uint64_t value;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, path)) return;
    const char *line = lines_next(&lines);
    if (line && parse_u64(line, &value)) show(scrape, desc, CPROM_NO_STRS, (double)value);
    else if (line) lines_fail(&lines, "it is no number");
}

static void entropy_collect(struct scrape *scrape)
{
    show_number(scrape, "sys/kernel/random/entropy_avail", &descs[DESC_AVAILABLE]);
    show_number(scrape, "sys/kernel/random/poolsize", &descs[DESC_SIZE]);
}

const struct collector entropy_collector = {"entropy", descs, COUNT_OF(descs), NULL, entropy_collect, NULL};
