/* node_entropy_*: the kernel's random number generator. */
#include "host.h"

#include <string.h>

enum {
    DESC_AVAILABLE,
    DESC_SIZE
};
static const cprom_desc descs[] = {
    [DESC_AVAILABLE] = DESC(CPROM_GAUGE, "node_entropy_available_bits", "Bits of available entropy."),
    [DESC_SIZE] = DESC(CPROM_GAUGE, "node_entropy_pool_size_bits", "Bits of entropy pool."),
};

static bool show_number(struct scrape *scrape, const char *path, const cprom_desc *desc)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, path);
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, path);
    const char *line = next_line(&at);
    uint64_t value;
    if (!line || !parse_u64(line, &value)) return fail(scrape, "%s is no number", path);
    show(scrape, desc, CPROM_NO_STRS, (double)value);
    return true;
}

static bool entropy_collect(struct scrape *scrape)
{
    return show_number(scrape, "sys/kernel/random/entropy_avail", &descs[DESC_AVAILABLE]) &&
           show_number(scrape, "sys/kernel/random/poolsize", &descs[DESC_SIZE]);
}

const struct collector entropy_collector = {"entropy", descs, COUNT_OF(descs), NULL, entropy_collect, NULL};
