/* node_netstat_*: the protocols' counters, from /proc/net/netstat, snmp and snmp6, as far as the flag asks for them. */
#include "host.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool netstat_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    struct filter *fields;
    if (!filter_new(flags->netstat_fields, &fields, why, n_why)) return false;
    *state = fields;
    return true;
}

static void netstat_stop(void *state) { filter_free(state); }

#define PREFIX "node_netstat_"
#define WORD_MAX 64 /* of a protocol and of a field; what is longer is not the kernel's */

/* The name of a family, as far as its protocol. */
struct name {
    char text[sizeof PREFIX + 2 * WORD_MAX + 2];
    size_t protocol, len; /* of the protocol alone; of all, with the _ behind it */
};

static bool begin_name(struct name *name, const char *protocol, size_t len)
{
    if (len > WORD_MAX) return false;
    int n = snprintf(name->text, sizeof name->text, PREFIX "%.*s_", (int)len, protocol);
    name->protocol = len;
    name->len = (size_t)n;
    return true;
}

/* There are hundreds, of which few are wanted: what is not costs little. */
static bool show_field(struct scrape *scrape, struct name *name, const char *field, const char *word)
{
    size_t len = strlen(field);
    if (len > WORD_MAX) return true;
    memcpy(name->text + name->len, field, len + 1);
    const char *key = name->text + strlen(PREFIX);
    if (!filter_matches(scrape->state, key)) return true;
    double value;
    char help[32 + 2 * WORD_MAX];
    if (!parse_double(word, &value)) return fail(scrape, "netstat: %s: \"%s\" is no number", key, word);
    snprintf(help, sizeof help, "Statistic %.*s%s.", (int)name->protocol, key, field);
    show_plain(scrape, CPROM_UNTYPED, name->text, help, value);
    return true;
}

/* Pairs of lines: "Tcp: InSegs OutSegs" and "Tcp: 12 34". */
static bool show_pairs(struct scrape *scrape, const char *path)
{
    struct name family;
    char *at = read_file(scrape->reader, scrape->flags->procfs, path);
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, path);
    for (char *names; (names = next_line(&at));) {
        char *values = next_line(&at);
        const char *protocol = next_word(&names);
        if (!protocol || !values || !next_word(&values)) return fail(scrape, "%s: a line is malformed", path);
        if (!begin_name(&family, protocol, strlen(protocol) - 1)) continue; /* without the colon */
        const char *name, *value;
        while ((name = next_word(&names))) {
            if (!(value = next_word(&values))) return fail(scrape, "%s: %s a value is missing", path, protocol);
            if (!show_field(scrape, &family, name, value)) return false;
        }
    }
    return true;
}

/* "Ip6InReceives 12"; the protocol ends with the 6. Without IPv6, there is no such file. */
static bool show_snmp6(struct scrape *scrape)
{
    struct name family;
    char *at = read_file(scrape->reader, scrape->flags->procfs, "net/snmp6");
    if (!at) return errno == ENOENT ? true : fail_to_read(scrape, scrape->flags->procfs, "net/snmp6");
    for (char *line; (line = next_line(&at));) {
        const char *name = next_word(&line), *value = next_word(&line), *six = name ? strchr(name, '6') : NULL;
        if (!six || !value || !begin_name(&family, name, (size_t)(six + 1 - name))) continue;
        if (!show_field(scrape, &family, six + 1, value)) return false;
    }
    return true;
}

static bool netstat_collect(struct scrape *scrape)
{
    filter_rewind(scrape->state);
    return show_pairs(scrape, "net/netstat") && show_pairs(scrape, "net/snmp") && show_snmp6(scrape);
}

const struct collector netstat_collector = {"netstat", NULL, 0, netstat_start, netstat_collect, netstat_stop};
