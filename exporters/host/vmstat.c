/* node_vmstat_*: /proc/vmstat, as far as the flag asks for it. */
#include "host.h"

#include <stdio.h>

static bool vmstat_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    struct filter *fields;
    if (!filter_new(flags->vmstat_fields, &fields, why, n_why)) return false;
    *state = fields;
    return true;
}

static void vmstat_stop(void *state) { filter_free(state); }

static bool vmstat_collect(struct scrape *scrape)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, "vmstat");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "vmstat");
    filter_rewind(scrape->state);
    for (char *line; (line = next_line(&at));) {
        const char *key = next_word(&line), *word = next_word(&line);
        char name[128], help[128];
        double value;
        if (!key || !filter_matches(scrape->state, key)) continue;
        if (!word || !parse_double(word, &value)) return fail(scrape, "vmstat: %s is malformed", key);
        snprintf(name, sizeof name, "node_vmstat_%.64s", key);
        snprintf(help, sizeof help, "/proc/vmstat information field %.64s.", key);
        show_plain(scrape, CPROM_UNTYPED, name, help, value);
    }
    return true;
}

const struct collector vmstat_collector = {"vmstat", NULL, 0, vmstat_start, vmstat_collect, vmstat_stop};
