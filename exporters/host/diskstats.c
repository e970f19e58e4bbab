/* node_disk_*: /proc/diskstats, and what udev knows of each device. */
#include "lines.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISK_COUNTER(name, help) DESC_LABELS(CPROM_COUNTER, "node_disk_" name, help, "device")

/* What a number of the file is multiplied with, column by column; older kernels have fewer. */
#define MS (1.0 / 1000)
static const double factors[] = {1, 1, 512, MS, 1, 1, 512, MS, 1, MS, MS, 1, 1, 1, MS, 1, MS};
#define N_COLUMNS COUNT_OF(factors)
#define N_COLUMNS_OLD 4 /* of a partition, before Linux 2.6.25 */
#define N_COLUMNS_MIN 11
#define N_COLUMNS_DISCARDS 15

enum {
    INFO = N_COLUMNS,
    FILESYSTEM,
    MAPPER,
    WRITE_CACHE,
    WRITE_CACHE_ENABLED,
    ROTATION
};
static const cprom_desc descs[] = {
    DISK_COUNTER("reads_completed_total", "The total number of reads completed successfully."),
    DISK_COUNTER("reads_merged_total", "The total number of reads merged."),
    DISK_COUNTER("read_bytes_total", "The total number of bytes read successfully."),
    DISK_COUNTER("read_time_seconds_total", "The total number of seconds spent by all reads."),
    DISK_COUNTER("writes_completed_total", "The total number of writes completed successfully."),
    DISK_COUNTER("writes_merged_total", "The number of writes merged."),
    DISK_COUNTER("written_bytes_total", "The total number of bytes written successfully."),
    DISK_COUNTER("write_time_seconds_total", "This is the total number of seconds spent by all writes."),
    DESC_LABELS(CPROM_GAUGE, "node_disk_io_now", "The number of I/Os currently in progress.", "device"),
    DISK_COUNTER("io_time_seconds_total", "Total seconds spent doing I/Os."),
    DISK_COUNTER("io_time_weighted_seconds_total", "The weighted # of seconds spent doing I/Os."),
    DISK_COUNTER("discards_completed_total", "The total number of discards completed successfully."),
    DISK_COUNTER("discards_merged_total", "The total number of discards merged."),
    DISK_COUNTER("discarded_sectors_total", "The total number of sectors discarded successfully."),
    DISK_COUNTER("discard_time_seconds_total", "This is the total number of seconds spent by all discards."),
    DISK_COUNTER("flush_requests_total", "The total number of flush requests completed successfully"),
    DISK_COUNTER("flush_requests_time_seconds_total",
                 "This is the total number of seconds spent by all flush requests."),
    [INFO] = DESC_LABELS(CPROM_GAUGE, "node_disk_info", "Info of /sys/block/<block_device>.", "device", "major",
                         "minor", "path", "wwn", "model", "serial", "revision"),
    [FILESYSTEM] = DESC_LABELS(CPROM_GAUGE, "node_disk_filesystem_info", "Info about disk filesystem.", "device",
                               "type", "usage", "uuid", "version"),
    [MAPPER] = DESC_LABELS(CPROM_GAUGE, "node_disk_device_mapper_info", "Info about disk device mapper.", "device",
                           "name", "uuid", "vg_name", "lv_name", "lv_layer"),
    [WRITE_CACHE] = DESC_LABELS(CPROM_GAUGE, "node_disk_ata_write_cache", "ATA disk has a write cache.", "device"),
    [WRITE_CACHE_ENABLED] = DESC_LABELS(CPROM_GAUGE, "node_disk_ata_write_cache_enabled",
                                        "ATA disk has its write cache enabled.", "device"),
    [ROTATION] = DESC_LABELS(CPROM_GAUGE, "node_disk_ata_rotation_rate_rpm",
                             "ATA disk rotation rate in RPMs (0 for SSDs).", "device"),
};

/* Properties of a device, as udev keeps them: lines E:NAME=value. */
enum property {
    ID_PATH,
    ID_WWN,
    ID_MODEL,
    ID_SERIAL_SHORT,
    ID_REVISION,
    ID_FS_TYPE,
    ID_FS_USAGE,
    ID_FS_UUID,
    ID_FS_VERSION,
    DM_NAME,
    DM_UUID,
    DM_VG_NAME,
    DM_LV_NAME,
    DM_LV_LAYER,
    ID_ATA,
    ID_ATA_WRITE_CACHE,
    ID_ATA_WRITE_CACHE_ENABLED,
    ID_ATA_ROTATION_RATE_RPM,
    N_PROPERTIES
};
static const char *const property_names[N_PROPERTIES] = {
    "ID_PATH",
    "ID_WWN",
    "ID_MODEL",
    "ID_SERIAL_SHORT",
    "ID_REVISION",
    "ID_FS_TYPE",
    "ID_FS_USAGE",
    "ID_FS_UUID",
    "ID_FS_VERSION",
    "DM_NAME",
    "DM_UUID",
    "DM_VG_NAME",
    "DM_LV_NAME",
    "DM_LV_LAYER",
    "ID_ATA",
    "ID_ATA_WRITE_CACHE",
    "ID_ATA_WRITE_CACHE_ENABLED",
    "ID_ATA_ROTATION_RATE_RPM",
};
#define PROPERTY_MAX 512
typedef char properties[N_PROPERTIES][PROPERTY_MAX];

struct disks {
    struct filter *exclude, *include;
    struct reader udev; /* apart from diskstats, which is read line by line meanwhile */
    properties of;      /* the device at hand; "" is none */
};

static void diskstats_stop(void *state)
{
    struct disks *disks = state;
    if (!disks) return;
    filter_free(disks->exclude);
    filter_free(disks->include);
    reader_free(&disks->udev);
    free(disks);
}

static bool diskstats_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    if (*flags->disk_exclude && *flags->disk_include) {
        snprintf(why, n_why, "device-exclude and device-include are mutually exclusive");
        return false;
    }
    struct disks *disks = calloc(1, sizeof *disks);
    if (disks && filter_new(flags->disk_exclude, &disks->exclude, why, n_why) &&
        filter_new(flags->disk_include, &disks->include, why, n_why)) {
        *state = disks;
        return true;
    }
    diskstats_stop(disks);
    return false;
}

static void read_properties(struct scrape *scrape, const char *major, const char *minor)
{
    struct disks *disks = scrape->state;
    struct lines lines;
    char name[64];
    for (int i = 0; i < N_PROPERTIES; i++) disks->of[i][0] = '\0';
    snprintf(name, sizeof name, "b%s:%s", major, minor);
    if (!lines_try(&lines, scrape, &disks->udev, scrape->flags->udev, name)) {
        if (errno == ENOMEM) fail_to_read(scrape, scrape->flags->udev, name); /* else there is no udev for us */
        return;
    }
    lines.may_be_open = true;
    for (char *line; (line = lines_next(&lines));) {
        char *value = strchr(line, '=');
        if (strncmp(line, "E:", 2) != 0 || !value) continue;
        *value++ = '\0';
        for (int i = 0; i < N_PROPERTIES; i++) {
            if (strcmp(line + 2, property_names[i]) == 0) utf8_copy(disks->of[i], PROPERTY_MAX, value);
        }
    }
}

static void show_ata(struct scrape *scrape, const cprom_desc *desc, const char *device, enum property property)
{
    const struct disks *disks = scrape->state;
    double value;
    if (parse_number(disks->of[property], &value)) show(scrape, desc, CPROM_STRS(device), value);
}

static void show_properties(struct scrape *scrape, const char *device, const char *major, const char *minor)
{
    read_properties(scrape, major, minor);
    const struct disks *disks = scrape->state;
    const properties *of = &disks->of;
    show(scrape, &descs[INFO],
         CPROM_STRS(device, major, minor, (*of)[ID_PATH], (*of)[ID_WWN], (*of)[ID_MODEL], (*of)[ID_SERIAL_SHORT],
                    (*of)[ID_REVISION]),
         1);
    if (*(*of)[ID_FS_TYPE]) {
        show(scrape, &descs[FILESYSTEM],
             CPROM_STRS(device, (*of)[ID_FS_TYPE], (*of)[ID_FS_USAGE], (*of)[ID_FS_UUID], (*of)[ID_FS_VERSION]), 1);
    }
    if (*(*of)[DM_NAME]) {
        show(scrape, &descs[MAPPER],
             CPROM_STRS(device, (*of)[DM_NAME], (*of)[DM_UUID], (*of)[DM_VG_NAME], (*of)[DM_LV_NAME],
                        (*of)[DM_LV_LAYER]),
             1);
    }
    if (!*(*of)[ID_ATA]) return;
    show_ata(scrape, &descs[WRITE_CACHE], device, ID_ATA_WRITE_CACHE);
    show_ata(scrape, &descs[WRITE_CACHE_ENABLED], device, ID_ATA_WRITE_CACHE_ENABLED);
    show_ata(scrape, &descs[ROTATION], device, ID_ATA_ROTATION_RATE_RPM);
}

/* A name may have blanks in it: it goes up to the first number. */
static char *take_name(char **at)
{
    char *name = *at + strspn(*at, " \t"), *end = name + strcspn(name, " \t");
    for (;;) {
        const char *word = end + strspn(end, " \t");
        if (!*word || (*word >= '0' && *word <= '9')) break;
        end = (char *)word + strcspn(word, " \t");
    }
    *at = *end ? end + 1 : end;
    *end = '\0';
    return end == name ? NULL : name;
}

static bool is_whole(const char *word)
{
    uint64_t value;
    return word && parse_u64(word, &value);
}

/* "8 0 sda 12 34 ..."; a line with too few or other numbers than any kernel writes costs itself. */
static void show_disk(const struct lines *lines, char *line)
{
    struct disks *disks = lines->scrape->state;
    const char *major = next_word(&line), *minor = next_word(&line), *name = take_name(&line);
    if (!major) return;
    if (!is_whole(major) || !is_whole(minor) || !name) {
        lines_fail(lines, "it is no line of a device");
        return;
    }
    char device[256];
    utf8_copy(device, sizeof device, name);
    if (filter_matches(disks->exclude, device)) return;
    if (disks->include && !filter_matches(disks->include, device)) return;
    const char *words[N_COLUMNS];
    size_t n = 0;
    for (const char *word; (word = next_word(&line)); n++) {
        if (n < N_COLUMNS) words[n] = word;
    }
    if (n == N_COLUMNS_OLD) return;
    if (n < N_COLUMNS && n != N_COLUMNS_MIN && n != N_COLUMNS_DISCARDS) {
        lines_fail(lines, "%s has %zu numbers", device, n);
        return;
    }
    for (size_t i = 0; i < n && i < N_COLUMNS; i++) {
        uint64_t value;
        if (parse_u64(words[i], &value)) {
            show(lines->scrape, &descs[i], CPROM_STRS(device), (double)value * factors[i]);
        } else {
            lines_fail(lines, "%s: %s is no number", device, descs[i].name);
        }
    }
    show_properties(lines->scrape, device, major, minor);
}

/* A machine may have no disks. */
static void diskstats_collect(struct scrape *scrape)
{
    struct disks *disks = scrape->state;
    struct lines lines;
    if (!lines_open_any(&lines, scrape, scrape->flags->procfs, "diskstats")) return;
    filter_rewind(disks->exclude);
    filter_rewind(disks->include);
    for (char *line; (line = lines_next(&lines));) show_disk(&lines, line);
}

const struct collector diskstats_collector = {"diskstats",       descs,         COUNT_OF(descs), diskstats_start,
                                              diskstats_collect, diskstats_stop};
