/* node_sockstat_*: sockets in use, from /proc/net/sockstat and sockstat6. */
#include "lines.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_state(const struct lines *lines, const char *protocol, const char *state, double value)
{
    char name[128], help[128];
    snprintf(name, sizeof name, "node_sockstat_%.32s_%.32s", protocol, state);
    snprintf(help, sizeof help, "Number of %.32s sockets in state %.32s.", protocol, state);
    const char *fault = show_plain(lines->scrape, CPROM_GAUGE, name, help, value);
    if (fault) lines_fail(lines, "%s %s", name, fault);
}

static bool is_known(const char *state)
{
    static const char *const states[] = {"inuse", "orphan", "tw", "alloc", "mem", "memory"};
    for (size_t i = 0; i < COUNT_OF(states); i++) {
        if (strcmp(state, states[i]) == 0) return true;
    }
    return false;
}

/* "TCP: inuse 4 orphan 0 tw 1 alloc 4 mem 0"; mem counts pages. */
static void show_line(const struct lines *lines, char *line)
{
    char *protocol = next_word(&line);
    if (!protocol) return;
    size_t len = strlen(protocol);
    if (protocol[len - 1] == ':') protocol[len - 1] = '\0';
    bool sockets = strcmp(protocol, "sockets") == 0, six = strcmp(lines->path, "net/sockstat6") == 0;
    for (const char *state; (state = next_word(&line));) {
        const char *word = next_word(&line);
        double value;
        bool wanted = sockets ? !six && strcmp(state, "used") == 0 : is_known(state);
        if (!word || !parse_number(word, &value)) {
            /* With a value missing, the next name would stand in its place. */
            if (wanted || !word) lines_fail(lines, "%s %s has no value, or one that is no number", protocol, state);
            if (!word || !is_known(word)) continue;
            line[-1] = line[0] ? ' ' : '\0';
            line = (char *)word;
        } else if (wanted && sockets) {
            show_plain(lines->scrape, CPROM_GAUGE, "node_sockstat_sockets_used", "Number of IPv4 sockets in use.",
                       value);
        } else if (wanted) {
            show_state(lines, protocol, state, value);
            if (strcmp(state, "mem") == 0) {
                show_state(lines, protocol, "mem_bytes", value * (double)sysconf(_SC_PAGESIZE));
            }
        }
    }
}

static void show_file(struct lines *lines)
{
    for (char *line; (line = lines_next(lines));) show_line(lines, line);
}

/* Where there is no IPv6, there is no file for it. */
static void sockstat_collect(struct scrape *scrape)
{
    struct lines lines;
    if (lines_open(&lines, scrape, scrape->flags->procfs, "net/sockstat")) show_file(&lines);
    if (lines_open_if_there(&lines, scrape, scrape->flags->procfs, "net/sockstat6")) show_file(&lines);
}

const struct collector sockstat_collector = {"sockstat", NULL, 0, NULL, sockstat_collect, NULL};
