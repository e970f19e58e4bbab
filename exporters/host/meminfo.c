/* node_memory_*: a family for each line of /proc/meminfo. */
#include "lines.h"

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

/* "MemFree:  22916 kB"; the unit may be missing, and is always kB. */
static void show_line(const struct lines *lines, char *line)
{
    char *key = next_word(&line), name[256], help[256];
    const char *number = next_word(&line), *unit = next_word(&line);
    double value;
    size_t len = key ? strlen(key) : 0;
    if (!len) return;
    if (len < 2 || len > 128 || key[len - 1] != ':' || !number || (unit && strcmp(unit, "kB") != 0) ||
        next_word(&line)) {
        lines_fail(lines, "it is no line of a key, a number and a unit");
        return;
    }
    key[len - 1] = '\0';
    if (!parse_number(number, &value)) {
        lines_fail(lines, "the value of %s is no number", key);
        return;
    }
    rename_parens(key);
    const char *suffix = unit ? "_bytes" : "";
    snprintf(name, sizeof name, "node_memory_%s%s", key, suffix);
    snprintf(help, sizeof help, "Memory information field %s%s.", key, suffix);
    bool counter = strlen(name) > 6 && strcmp(name + strlen(name) - 6, "_total") == 0;
    const char *fault =
        show_plain(lines->scrape, counter ? CPROM_COUNTER : CPROM_GAUGE, name, help, unit ? value * 1024 : value);
    if (fault) lines_fail(lines, "%s %s", name, fault);
}

static void meminfo_collect(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "meminfo")) return;
    for (char *line; (line = lines_next(&lines));) show_line(&lines, line);
}

const struct collector meminfo_collector = {"meminfo", NULL, 0, NULL, meminfo_collect, NULL};
