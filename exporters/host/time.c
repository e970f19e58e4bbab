/* node_time_*: the machine's clock, its zone, and what makes it tick. */
#include "lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    DESC_NOW,
    DESC_ZONE,
    DESC_AVAILABLE,
    DESC_CURRENT
};
static const cprom_desc descs[] = {
    [DESC_NOW] = DESC(CPROM_GAUGE, "node_time_seconds", "System time in seconds since epoch (1970)."),
    [DESC_ZONE] =
        DESC_LABELS(CPROM_GAUGE, "node_time_zone_offset_seconds", "System time zone offset in seconds.", "time_zone"),
    [DESC_AVAILABLE] =
        DESC_LABELS(CPROM_GAUGE, "node_time_clocksource_available_info",
                    "Available clocksources read from '/sys/devices/system/clocksource'.", "device", "clocksource"),
    [DESC_CURRENT] =
        DESC_LABELS(CPROM_GAUGE, "node_time_clocksource_current_info",
                    "Current clocksource read from '/sys/devices/system/clocksource'.", "device", "clocksource"),
};

static void show_clock(struct scrape *scrape)
{
    struct timespec now;
    struct tm local;
    clock_gettime(CLOCK_REALTIME, &now);
    show(scrape, &descs[DESC_NOW], CPROM_NO_STRS, (double)((int64_t)now.tv_sec * 1000000000 + now.tv_nsec) / 1e9);
    if (localtime_r(&now.tv_sec, &local)) {
        show(scrape, &descs[DESC_ZONE], CPROM_STRS(local.tm_zone), (double)local.tm_gmtoff);
    }
}

#define SOURCES "devices/system/clocksource"

static int is_source(const struct dirent *entry)
{
    return strncmp(entry->d_name, "clocksource", 11) == 0 && entry->d_name[11] >= '0' && entry->d_name[11] <= '9';
}

static void show_source(struct scrape *scrape, const char *source, const char *device)
{
    char path[512], *line;
    struct lines lines;
    snprintf(path, sizeof path, SOURCES "/%.255s/available_clocksource", source);
    if (lines_open(&lines, scrape, scrape->flags->sysfs, path)) {
        lines.may_be_open = true;
        line = lines_next(&lines);
        for (const char *word; line && (word = next_word(&line));)
            show(scrape, &descs[DESC_AVAILABLE], CPROM_STRS(device, word), 1);
    }
    snprintf(path, sizeof path, SOURCES "/%.255s/current_clocksource", source);
    if (!lines_open(&lines, scrape, scrape->flags->sysfs, path)) return;
    lines.may_be_open = true;
    line = lines_next(&lines);
    const char *current = line ? next_word(&line) : NULL;
    if (current) show(scrape, &descs[DESC_CURRENT], CPROM_STRS(device, current), 1);
    else lines_fail(&lines, "there is no clock source");
}

static void time_collect(struct scrape *scrape)
{
    show_clock(scrape);
    char root[512];
    struct dirent **sources;
    snprintf(root, sizeof root, "%.400s/" SOURCES, scrape->flags->sysfs);
    int n = scandir(root, &sources, is_source, alphasort);
    if (n < 0 && errno != ENOENT) fail(scrape, "%s: %s", root, strerror(errno));
    for (int i = 0; i < n; i++) {
        char device[16];
        snprintf(device, sizeof device, "%d", i);
        show_source(scrape, sources[i]->d_name, device);
        free(sources[i]);
    }
    if (n >= 0) free(sources);
}

static bool time_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    (void)flags;
    (void)state;
    (void)why;
    (void)n_why;
    tzset();
    return true;
}

const struct collector time_collector = {"time", descs, COUNT_OF(descs), time_start, time_collect, NULL};
