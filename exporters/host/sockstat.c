/* node_sockstat_*: sockets in use, from /proc/net/sockstat and sockstat6. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void show_state(struct scrape *scrape, const char *protocol, const char *state, double value)
{
    char name[128], help[128];
    snprintf(name, sizeof name, "node_sockstat_%.32s_%.32s", protocol, state);
    snprintf(help, sizeof help, "Number of %.32s sockets in state %.32s.", protocol, state);
    show_plain(scrape, CPROM_GAUGE, name, help, value);
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
static bool show_line(struct scrape *scrape, char *line, const char *path)
{
    char *protocol = next_word(&line);
    if (!protocol) return fail(scrape, "%s: a line is empty", path);
    size_t len = strlen(protocol);
    if (protocol[len - 1] == ':') protocol[len - 1] = '\0';
    bool sockets = strcmp(protocol, "sockets") == 0, six = strcmp(path, "net/sockstat6") == 0;
    for (const char *state; (state = next_word(&line));) {
        const char *word = next_word(&line);
        double value;
        if (!word || !parse_double(word, &value)) return fail(scrape, "%s: %s is malformed", path, protocol);
        if (sockets) {
            if (six || strcmp(state, "used") != 0) continue;
            show_plain(scrape, CPROM_GAUGE, "node_sockstat_sockets_used", "Number of IPv4 sockets in use.", value);
        } else if (is_known(state)) {
            show_state(scrape, protocol, state, value);
            if (strcmp(state, "mem") == 0)
                show_state(scrape, protocol, "mem_bytes", value * (double)sysconf(_SC_PAGESIZE));
        }
    }
    return true;
}

/* A protocol that the kernel has not got has no file. */
static bool show_file(struct scrape *scrape, const char *path)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, path);
    if (!at) return errno == ENOENT ? true : fail_to_read(scrape, scrape->flags->procfs, path);
    for (char *line; (line = next_line(&at));) {
        if (!show_line(scrape, line, path)) return false;
    }
    return true;
}

static bool sockstat_collect(struct scrape *scrape)
{
    return show_file(scrape, "net/sockstat") && show_file(scrape, "net/sockstat6");
}

const struct collector sockstat_collector = {"sockstat", NULL, 0, NULL, sockstat_collect, NULL};
