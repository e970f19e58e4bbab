/* node_arp_entries: /proc/net/arp, counted by interface. */
#include "lines.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const cprom_desc descs[] = {DESC_LABELS(CPROM_GAUGE, "node_arp_entries", "ARP entries by device", "device")};

#define DEVICE_MAX (3 * IFNAMSIZ + 1)

struct device {
    char name[DEVICE_MAX];
    size_t n;
};

struct arp {
    struct filter *exclude, *include;
    struct device *v; /* in the order in which they came */
    size_t n, room;
};

static void arp_stop(void *state)
{
    struct arp *arp = state;
    if (!arp) return;
    filter_free(arp->exclude);
    filter_free(arp->include);
    free(arp->v);
    free(arp);
}

static bool arp_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    if (*flags->arp_exclude && *flags->arp_include) {
        snprintf(why, n_why, "device-exclude and device-include are mutually exclusive");
        return false;
    }
    struct arp *arp = calloc(1, sizeof *arp);
    if (arp && filter_new(flags->arp_exclude, &arp->exclude, why, n_why) &&
        filter_new(flags->arp_include, &arp->include, why, n_why)) {
        *state = arp;
        return true;
    }
    arp_stop(arp);
    return false;
}

/* There are few interfaces, and entries of one mostly stand together. */
static struct device *find(struct arp *arp, const char *name)
{
    for (size_t i = arp->n; i-- > 0;) {
        if (strcmp(arp->v[i].name, name) == 0) return &arp->v[i];
    }
    if (arp->n == arp->room) {
        size_t room = arp->room ? 2 * arp->room : 8;
        struct device *v = realloc(arp->v, room * sizeof *v);
        if (!v) return NULL;
        arp->v = v;
        arp->room = room;
    }
    struct device *device = &arp->v[arp->n++];
    device->n = 0;
    snprintf(device->name, sizeof device->name, "%s", name);
    return device;
}

/* "192.0.2.1  0x1  0x2  02:fc:00:00:00:05  *  eth0" */
static void count_line(const struct lines *lines, char *line)
{
    const char *words[7];
    char name[DEVICE_MAX];
    size_t n = 0;
    while (n < COUNT_OF(words) && (words[n] = next_word(&line))) n++;
    if (n != 6) {
        lines_fail(lines, "it is no line of an entry");
        return;
    }
    utf8_copy(name, sizeof name, words[5]);
    struct device *device = find(lines->scrape->state, name);
    if (device) device->n++;
    else fail(lines->scrape, "out of memory");
}

static void arp_collect(struct scrape *scrape)
{
    struct arp *arp = scrape->state;
    struct lines lines;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "net/arp")) return;
    filter_rewind(arp->exclude);
    filter_rewind(arp->include);
    arp->n = 0;
    for (char *line; (line = lines_next(&lines));) {
        if (strncmp(line, "IP address", 10) != 0) count_line(&lines, line);
    }
    for (size_t i = 0; i < arp->n; i++) {
        const char *name = arp->v[i].name;
        if (filter_matches(arp->exclude, name) || (arp->include && !filter_matches(arp->include, name))) continue;
        show(scrape, &descs[0], CPROM_STRS(name), (double)arp->v[i].n);
    }
}

const struct collector arp_collector = {"arp", descs, COUNT_OF(descs), arp_start, arp_collect, arp_stop};
