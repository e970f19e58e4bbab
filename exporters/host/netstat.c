/* node_netstat_*: the protocols' counters, from /proc/net/netstat, snmp and snmp6, as far as the flag asks for them. */
#include "lines.h"

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
static void show_field(const struct lines *lines, struct name *name, const char *field, const char *word)
{
    size_t len = strlen(field);
    if (len > WORD_MAX) return;
    memcpy(name->text + name->len, field, len + 1);
    const char *key = name->text + strlen(PREFIX);
    if (!filter_matches(lines->scrape->state, key)) return;
    double value;
    char help[32 + 2 * WORD_MAX];
    /* -1: there is no limit. */
    bool unlimited = strcmp(field, "MaxConn") == 0 && strcmp(word, "-1") == 0;
    if (unlimited) {
        value = -1;
    } else if (!parse_number(word, &value)) {
        lines_fail(lines, "the value of %s is no number", key);
        return;
    }
    snprintf(help, sizeof help, "Statistic %.*s%s.", (int)name->protocol, key, field);
    const char *fault = show_plain(lines->scrape, CPROM_UNTYPED, name->text, help, value);
    if (fault) lines_fail(lines, "%s %s", name->text, fault);
}

/* A line of names for which no values have come yet. */
struct names {
    char *protocol; /* with the colon */
    char *fields;
    size_t n;
};

static size_t count_words(const char *at)
{
    size_t n = 0;
    for (bool blank = true; *at; at++) {
        bool is_blank = *at == ' ' || *at == '\t';
        n += blank && !is_blank;
        blank = is_blank;
    }
    return n;
}

static void show_values(const struct lines *lines, struct names *names, char *values)
{
    struct name family;
    if (names->n != count_words(values)) {
        /* Which of them is missing cannot be told. */
        lines_fail(lines, "%s %zu values, and %zu names", names->protocol, count_words(values), names->n);
    } else if (begin_name(&family, names->protocol, strlen(names->protocol) - 1)) {
        for (const char *field; (field = next_word(&names->fields));) {
            show_field(lines, &family, field, next_word(&values));
        }
    }
    names->protocol = NULL;
}

#define PROTOCOLS_MAX 16

/* Pairs of lines: "Tcp: InSegs OutSegs" and "Tcp: 12 34". */
static void show_pairs(struct scrape *scrape, const char *path)
{
    struct lines lines;
    struct names all[PROTOCOLS_MAX] = {{NULL, NULL, 0}};
    if (!lines_open(&lines, scrape, scrape->flags->procfs, path)) return;
    for (char *line; (line = lines_next(&lines));) {
        char *protocol = next_word(&line);
        size_t len = protocol ? strlen(protocol) : 0, i = 0;
        if (len < 2 || protocol[len - 1] != ':') {
            lines_fail(&lines, "it begins with no protocol");
            continue;
        }
        const char *first = line + strspn(line, " \t");
        bool values = (*first >= '0' && *first <= '9') || *first == '-';
        while (i < PROTOCOLS_MAX && !(all[i].protocol && strcmp(all[i].protocol, protocol) == 0)) i++;
        if (values && i == PROTOCOLS_MAX) {
            lines_fail(&lines, "%s values without names", protocol);
            continue;
        }
        if (values) {
            show_values(&lines, &all[i], line);
            continue;
        }
        if (i == PROTOCOLS_MAX) {
            for (i = 0; i < PROTOCOLS_MAX && all[i].protocol;) i++;
        }
        if (i < PROTOCOLS_MAX) all[i] = (struct names){protocol, line, count_words(line)};
        else lines_fail(&lines, "%s one protocol too many without values", protocol);
    }
    for (size_t i = 0; i < PROTOCOLS_MAX; i++) {
        if (all[i].protocol) fail(scrape, "%s/%s: %s names without values", lines.root, path, all[i].protocol);
    }
}

/* "Ip6InReceives 12"; the protocol ends with the 6. Without IPv6, there is no such file. */
static void show_snmp6(struct scrape *scrape)
{
    struct lines lines;
    struct name family;
    if (!lines_open_if_there(&lines, scrape, scrape->flags->procfs, "net/snmp6")) return;
    for (char *line; (line = lines_next(&lines));) {
        const char *name = next_word(&line), *value = next_word(&line), *six = name ? strchr(name, '6') : NULL;
        if (!six || !begin_name(&family, name, (size_t)(six + 1 - name))) continue;
        show_field(&lines, &family, six + 1, value && !next_word(&line) ? value : "");
    }
}

static void netstat_collect(struct scrape *scrape)
{
    filter_rewind(scrape->state);
    show_pairs(scrape, "net/netstat");
    show_pairs(scrape, "net/snmp");
    show_snmp6(scrape);
}

const struct collector netstat_collector = {"netstat", NULL, 0, netstat_start, netstat_collect, netstat_stop};
