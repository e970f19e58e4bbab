/* node_udp_queues: bytes in the queues of all UDP sockets, from /proc/net/udp and udp6. */
#include "lines.h"

#include <errno.h>
#include <string.h>

static const cprom_desc descs[] = {DESC_LABELS(CPROM_GAUGE, "node_udp_queues",
                                               "Number of allocated memory in the kernel for UDP datagrams in bytes.",
                                               "queue", "ip")};

/* "tx:rx", both hexadecimal */
static bool parse_queues(char *word, uint64_t *tx, uint64_t *rx)
{
    char *colon = word ? strchr(word, ':') : NULL;
    if (!colon) return false;
    *colon = '\0';
    return parse_hex(word, tx) && parse_hex(colon + 1, rx);
}

/* A line that says nothing makes the sums none. false: there is no such file. */
static bool show_file(struct scrape *scrape, const char *path, const char *ip)
{
    struct lines lines;
    uint64_t sums[2] = {0, 0}, tx, rx;
    bool whole = true;
    if (!lines_try(&lines, scrape, scrape->reader, scrape->flags->procfs, path)) {
        if (errno != ENOENT) fail_to_read(scrape, scrape->flags->procfs, path);
        return errno != ENOENT;
    }
    if (lines.at == lines.end) whole = fail(scrape, "%s/%s: it is empty", lines.root, path);
    bool before = scrape->failed;
    scrape->failed = false;
    for (char *line; (line = lines_next(&lines));) {
        const char *first = next_word(&line);
        if (!first || strcmp(first, "sl") == 0) continue;
        for (int i = 0; i < 3; i++) next_word(&line); /* addresses and state */
        if (parse_queues(next_word(&line), &tx, &rx)) {
            sums[0] += tx;
            sums[1] += rx;
        } else {
            lines_fail(&lines, "there are no queues in it");
        }
    }
    whole = whole && !scrape->failed;
    scrape->failed = scrape->failed || before;
    if (!whole) return true;
    show(scrape, &descs[0], CPROM_STRS("tx", ip), (double)sums[0]);
    show(scrape, &descs[0], CPROM_STRS("rx", ip), (double)sums[1]);
    return true;
}

static void udp_queues_collect(struct scrape *scrape)
{
    bool v4 = show_file(scrape, "net/udp", "v4"), v6 = show_file(scrape, "net/udp6", "v6");
    if (v4 || v6) return;
    fail(scrape, "%s/net/udp: there is no such file", scrape->flags->procfs);
    scrape->absent = true;
}

const struct collector udp_queues_collector = {"udp_queues", descs, COUNT_OF(descs), NULL, udp_queues_collect, NULL};
