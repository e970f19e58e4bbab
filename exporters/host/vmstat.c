/* node_vmstat_*: /proc/vmstat, as far as the flag asks for it. */
#include "lines.h"

#include <stdio.h>
#include <string.h>

static bool vmstat_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    struct filter *fields;
    if (!filter_new(flags->vmstat_fields, &fields, why, n_why)) return false;
    *state = fields;
    return true;
}

static void vmstat_stop(void *state) { filter_free(state); }

static void show_line(const struct lines *lines, char *line)
{
    const char *key = next_word(&line), *word = next_word(&line);
    char name[256], help[256];
    double value;
    if (!key || !filter_matches(lines->scrape->state, key)) return;
    if (strlen(key) > 128 || !word || !parse_number(word, &value) || next_word(&line)) {
        lines_fail(lines, "%.128s has no value, or one that is no number", key);
        return;
    }
    snprintf(name, sizeof name, "node_vmstat_%s", key);
    snprintf(help, sizeof help, "/proc/vmstat information field %s.", key);
    const char *fault = show_plain(lines->scrape, CPROM_UNTYPED, name, help, value);
    if (fault) lines_fail(lines, "%s %s", name, fault);
}

static void vmstat_collect(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "vmstat")) return;
    filter_rewind(scrape->state);
    for (char *line; (line = lines_next(&lines));) show_line(&lines, line);
}

const struct collector vmstat_collector = {"vmstat", NULL, 0, vmstat_start, vmstat_collect, vmstat_stop};
