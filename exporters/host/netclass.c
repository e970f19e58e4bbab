/* node_network_*: the properties of each interface, from /sys/class/net. */
#include "host.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROPERTY(type, name) DESC_LABELS(type, "node_network_" name, "Network device property: " name, "device")

/* Files with a number, and their families, which go on with those that are made otherwise. */
static const char *const files[] = {"addr_assign_type",
                                    "carrier",
                                    "carrier_changes",
                                    "carrier_up_count",
                                    "carrier_down_count",
                                    "dev_id",
                                    "dormant",
                                    "flags",
                                    "ifindex",
                                    "iflink",
                                    "link_mode",
                                    "mtu",
                                    "name_assign_type",
                                    "netdev_group",
                                    "tx_queue_len",
                                    "type"};
enum {
    SPEED = COUNT_OF(files),
    UP,
    INFO
};
static const cprom_desc descs[] = {
    PROPERTY(CPROM_GAUGE, "address_assign_type"),
    PROPERTY(CPROM_GAUGE, "carrier"),
    PROPERTY(CPROM_COUNTER, "carrier_changes_total"),
    PROPERTY(CPROM_COUNTER, "carrier_up_changes_total"),
    PROPERTY(CPROM_COUNTER, "carrier_down_changes_total"),
    PROPERTY(CPROM_GAUGE, "device_id"),
    PROPERTY(CPROM_GAUGE, "dormant"),
    PROPERTY(CPROM_GAUGE, "flags"),
    PROPERTY(CPROM_GAUGE, "iface_id"),
    PROPERTY(CPROM_GAUGE, "iface_link"),
    PROPERTY(CPROM_GAUGE, "iface_link_mode"),
    PROPERTY(CPROM_GAUGE, "mtu_bytes"),
    PROPERTY(CPROM_GAUGE, "name_assign_type"),
    PROPERTY(CPROM_GAUGE, "net_dev_group"),
    PROPERTY(CPROM_GAUGE, "transmit_queue_length"),
    PROPERTY(CPROM_GAUGE, "protocol_type"),
    [SPEED] = PROPERTY(CPROM_GAUGE, "speed_bytes"),
    [UP] = DESC_LABELS(CPROM_GAUGE, "node_network_up", "Value is 1 if operstate is 'up', 0 otherwise.", "device"),
    [INFO] = DESC_LABELS(CPROM_GAUGE, "node_network_info",
                         "Non-numeric data from /sys/class/net/<iface>, value is always 1.", "device", "address",
                         "broadcast", "duplex", "operstate", "ifalias"),
};

static bool netclass_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    struct filter *ignored;
    if (!filter_new(flags->netclass_ignored, &ignored, why, n_why)) return false;
    *state = ignored;
    return true;
}

static void netclass_stop(void *state) { filter_free(state); }

#define TEXT_MAX (3 * READ_SMALL)

/* "" where there is none. */
static void read_text(int dir, const char *file, char out[TEXT_MAX])
{
    char text[READ_SMALL] = "";
    if (!read_small(dir, file, text)) *text = '\0';
    utf8_copy(out, TEXT_MAX, text);
}

/* A file that is not there, or that the driver or the interface's state refuses, has nothing to show. */
static bool read_number(struct scrape *scrape, int dir, const char *device, const char *file, int64_t *value)
{
    char text[READ_SMALL];
    if (!read_small(dir, file, text)) return false;
    return parse_i64_any(text, value) ||
           fail(scrape, "%s/class/net/%s/%s: it is no number", scrape->flags->sysfs, device, file);
}

static void show_interface(struct scrape *scrape, int dir, const char *device)
{
    char address[TEXT_MAX], broadcast[TEXT_MAX], duplex[TEXT_MAX], operstate[TEXT_MAX], ifalias[TEXT_MAX];
    read_text(dir, "address", address);
    read_text(dir, "broadcast", broadcast);
    read_text(dir, "duplex", duplex);
    read_text(dir, "operstate", operstate);
    read_text(dir, "ifalias", ifalias);
    show(scrape, &descs[UP], CPROM_STRS(device), strcmp(operstate, "up") == 0);
    show(scrape, &descs[INFO], CPROM_STRS(device, address, broadcast, duplex, operstate, ifalias), 1);

    int64_t value;
    for (size_t i = 0; i < COUNT_OF(files); i++) {
        if (read_number(scrape, dir, device, files[i], &value)) {
            show(scrape, &descs[i], CPROM_STRS(device), (double)value);
        }
    }
    if (!read_number(scrape, dir, device, "speed", &value)) return;
    /* Mbit/s; -1 where the driver does not know. */
    if (value < 0 && scrape->flags->netclass_ignore_invalid_speed) return;
    show(scrape, &descs[SPEED], CPROM_STRS(device), (double)value * (1000 * 1000 / 8));
}

/* Links to interfaces and directories are interfaces; files are something else, like bonding_masters. */
static bool is_interface(int net, const struct dirent *entry)
{
    if (entry->d_name[0] == '.' && (!entry->d_name[1] || strcmp(entry->d_name, "..") == 0)) return false;
    if (entry->d_type != DT_UNKNOWN) return entry->d_type != DT_REG;
    struct stat stat;
    return fstatat(net, entry->d_name, &stat, 0) == 0 && S_ISDIR(stat.st_mode);
}

static void netclass_collect(struct scrape *scrape)
{
    int net = open_directory(scrape->flags->sysfs, "class/net");
    DIR *dir = net < 0 ? NULL : fdopendir(net);
    if (!dir) {
        fail_to_read(scrape, scrape->flags->sysfs, "class/net");
        if (net >= 0) close(net);
        return;
    }
    filter_rewind(scrape->state);
    for (struct dirent *entry; (entry = readdir(dir));) {
        char device[3 * sizeof entry->d_name];
        if (!is_interface(net, entry)) continue;
        utf8_copy(device, sizeof device, entry->d_name);
        if (filter_matches(scrape->state, device)) continue;
        int interface = openat(net, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (interface < 0) {
            /* Else it went meanwhile. */
            if (errno != ENOENT && errno != ENOTDIR) {
                fail(scrape, "%s/class/net/%s: %s", scrape->flags->sysfs, device, strerror(errno));
            }
            continue;
        }
        show_interface(scrape, interface, device);
        close(interface);
    }
    closedir(dir);
}

const struct collector netclass_collector = {"netclass",       descs,        COUNT_OF(descs), netclass_start,
                                             netclass_collect, netclass_stop};
