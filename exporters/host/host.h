/*
 * cprom-host-exporter: what a Linux machine says of itself in procfs and sysfs, under the names that node_exporter gave
 * it. Each collector is a file and one callback of the library: what the machine no longer has is not emitted, so that
 * it is not on the page.
 */
#ifndef CPROM_EXPORTERS_HOST_H
#define CPROM_EXPORTERS_HOST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* before all headers: what Linux has and POSIX has not */
#endif

#include <cprom/cprom.h>

#include "claims.h"
#include "complaints.h"
#include "filter.h"
#include "reader.h"
#include "samples.h"
#include "utf8.h"

#include <stdbool.h>
#include <stddef.h>

/* The flags; see main.c. Strings live as long as the program. */
struct flags {
    const char *procfs, *sysfs, *rootfs, *udev;
    bool cpu_guest;
    bool stat_softirq;
    const char *arp_exclude, *arp_include;
    const char *disk_exclude, *disk_include;
    const char *mount_exclude, *fs_type_exclude;
    double mount_timeout;
    const char *netdev_exclude, *netdev_include;
    bool netdev_netlink, netdev_detailed;
    const char *netclass_ignored;
    bool netclass_ignore_invalid_speed;
    const char *netstat_fields;
    const char *vmstat_fields;
    const char *textfile_directory;
};

/* One call of one collector. */
struct scrape {
    const struct flags *flags;
    struct claims *claims; /* of the families that collectors have shown so far */
    struct reader *reader; /* shared by the collectors, which never run at the same time */
    void *state;           /* the collector's own */
    cprom_scrape *out;
    const char *name; /* the collector's */
    struct samples samples;
    struct complaints *complaints;
    bool failed; /* something is missing that should be there */
    bool absent; /* failed, but only because the kernel has no such thing */
    bool flawed; /* did not fail, and yet something is wrong */
};

struct collector {
    const char *name;
    /* All families that it may emit. NULL: they come from what files say, and are checked on every page. */
    const cprom_desc *descs;
    size_t n_descs;
    /* Prepares the state. NULL: there is none. false: the flags are wrong, and why is in `why`. */
    bool (*start)(const struct flags *flags, void **state, char *why, size_t n_why);
    /* Shows what there is. What is missing it tells fail(), and goes on. */
    void (*collect)(struct scrape *scrape);
    void (*stop)(void *state);
};

extern const struct collector arp_collector, conntrack_collector, cpu_collector, diskstats_collector, entropy_collector,
    filefd_collector, filesystem_collector, loadavg_collector, meminfo_collector, netclass_collector, netdev_collector,
    netstat_collector, os_collector, pressure_collector, selinux_collector, sockstat_collector, softnet_collector,
    stat_collector, textfile_collector, time_collector, timex_collector, udp_queues_collector, uname_collector,
    vmstat_collector;

/* Says what is missing, and so fails the call: `return fail(scrape, "%s is malformed", path)`. Always false. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
bool fail(struct scrape *scrape, const char *format, ...);

/* Says what is not as it should be, though nothing is missing. */
#if defined(__GNUC__)
__attribute__((format(printf, 2, 3)))
#endif
void note(struct scrape *scrape, const char *format, ...);

/* fail() with a path and what errno says. */
bool fail_to_read(struct scrape *scrape, const char *root, const char *path);

/* Shows one sample; of several that have the same name and label values, the last one. */
void show(struct scrape *scrape, const cprom_desc *desc, cprom_strs values, double value);
/* Likewise, of one that cannot come twice; the call must be the only one, or one of many that make a large page. */
void show_at_once(struct scrape *scrape, const cprom_desc *desc, cprom_strs values, double value);

/*
 * Shows one sample of a family without labels whose name was made from what a file says. NULL, or why it is left out:
 * the name is none, or is another family's.
 */
const char *show_plain(struct scrape *scrape, cprom_type type, const char *name, const char *help, double value);

/*
 * Claims a family as the program's own: the collector of text files must not show what would collide with it. Doing so
 * again and again is as good as once. false: somebody else's samples could have the same names.
 */
bool claim_own(struct claims *claims, cprom_type type, const char *name);

/* Descriptors without labels, and with the labels given. */
#define DESC(type_, name_, help_)                                                                                      \
    {                                                                                                                  \
        .size = sizeof(cprom_desc), .name = name_, .help = help_, .type = type_                                        \
    }
#define COUNT_OF(array) (sizeof(array) / sizeof *(array))
#define DESC_LABELS(type_, name_, help_, ...)                                                                          \
    {                                                                                                                  \
        .size = sizeof(cprom_desc), .name = name_, .help = help_, .type = type_, .labels = { __VA_ARGS__ }             \
    }

/*
 * Registers what the flags ask for. `enabled[i]` is about all_collectors[i]. false: said why. The host lives until
 * the registry is freed.
 */
extern const struct collector *const all_collectors[];
extern const size_t n_collectors;
struct host;
bool host_register(cprom_registry *registry, const struct flags *flags, const bool *enabled, struct host **host);
/* Whether all collectors fared well the last time. */
bool host_well(struct host *host);

#endif
