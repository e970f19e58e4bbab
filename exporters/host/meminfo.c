/* node_memory_*: a family for each line of /proc/meminfo. */
#include "host.h"

#include <stdio.h>
#include <string.h>

/* Active(anon) becomes Active_anon. */
static void rename_parens(char *key)
{
    char *open = strchr(key, '('), *close = strrchr(key, ')');
    if (!open || !close || close < open) return;
    *open = '_';
    memmove(close, close + 1, strlen(close + 1) + 1);
}

static bool show_line(struct scrape *scrape, char *line)
{
    char *key = next_word(&line);
    if (!key) return true;
    const char *number = next_word(&line), *unit = next_word(&line);
    double value;
    size_t len = strlen(key);
    if (!number || !parse_double(number, &value) || next_word(&line))
        return fail(scrape, "meminfo: %s is malformed", key);
    key[len - 1] = '\0'; /* the colon */
    rename_parens(key);
    /* A unit is always kB. */
    const char *suffix = unit ? "_bytes" : "";
    char name[128], help[128];
    snprintf(name, sizeof name, "node_memory_%.64s%s", key, suffix);
    snprintf(help, sizeof help, "Memory information field %.64s%s.", key, suffix);
    bool counter = len > 7 && strcmp(name + strlen(name) - 6, "_total") == 0;
    show_plain(scrape, counter ? CPROM_COUNTER : CPROM_GAUGE, name, help, unit ? value * 1024 : value);
    return true;
}

static bool meminfo_collect(struct scrape *scrape)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, "meminfo");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "meminfo");
    for (char *line; (line = next_line(&at));) {
        if (!show_line(scrape, line)) return false;
    }
    return true;
}

const struct collector meminfo_collector = {"meminfo", NULL, 0, NULL, meminfo_collect, NULL};
