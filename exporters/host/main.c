/* cprom-host-exporter: the flags, with node_exporter's names and the defaults that Debian gives it. */
#include "host.h"

#include "program.h"

#include <stdio.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#define N_COLLECTORS_MAX 32
#define PLAIN 0, 0, NULL

static struct flags flags = {
    .procfs = "/proc",
    .sysfs = "/sys",
    .rootfs = "/",
    .udev = "/run/udev/data",
    .cpu_guest = true,
    .arp_exclude = "",
    .arp_include = "",
    .disk_exclude = "^(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\\d+n\\d+p)\\d+$",
    .disk_include = "",
    .mount_exclude = "^/(dev|proc|run|sys|mnt|media|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)",
    .fs_type_exclude =
        "^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|"
        "mqueue|nsfs|overlay|proc|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$",
    .mount_timeout = 5,
    .netdev_exclude = "^lo$",
    .netdev_include = "",
    .netdev_netlink = true,
    .netclass_ignored = "^$",
    .netstat_fields = "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|"
                      "TcpExt_(Listen.*|Syncookies.*|TCPSynRetrans|TCPTimeouts|TCPOFOQueue|TCPRcvQDrop)|Tcp_("
                      "ActiveOpens|InSegs|OutSegs|OutRsts|"
                      "PassiveOpens|RetransSegs|CurrEstab)|Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|"
                      "SndbufErrors))$",
    .vmstat_fields = "^(oom_kill|pgpg|pswp|pg.*fault).*",
    .textfile_directory = "",
};

static struct host *host;
static bool enabled[N_COLLECTORS_MAX];
static bool disable_defaults;
static char helps[N_COLLECTORS_MAX][64], names[N_COLLECTORS_MAX][64];

static const struct flag own[] = {
    {"path.procfs", FLAG_STRING, &flags.procfs, "DIRECTORY", "Where procfs is.", PLAIN},
    {"path.sysfs", FLAG_STRING, &flags.sysfs, "DIRECTORY", "Where sysfs is.", PLAIN},
    {"path.rootfs", FLAG_STRING, &flags.rootfs, "DIRECTORY",
     "Where the root of the file systems is: the host's, in a container.", PLAIN},
    {"path.udev.data", FLAG_STRING, &flags.udev, "DIRECTORY", "Where udev keeps what it knows of devices.", PLAIN},
    {"collector.disable-defaults", FLAG_BOOL, &disable_defaults, NULL, "Only collectors that flags ask for.", PLAIN},
    {"collector.cpu.guest", FLAG_BOOL, &flags.cpu_guest, NULL, "node_cpu_guest_seconds_total.", PLAIN},
    {"collector.stat.softirq", FLAG_BOOL, &flags.stat_softirq, NULL, "node_softirqs_total.", PLAIN},
    {"collector.arp.device-exclude", FLAG_STRING, &flags.arp_exclude, "REGEX", "Interfaces to leave out.", PLAIN},
    {"collector.arp.device-include", FLAG_STRING, &flags.arp_include, "REGEX",
     "Only these interfaces; device-exclude must be empty.", PLAIN},
    {"collector.diskstats.device-exclude", FLAG_STRING, &flags.disk_exclude, "REGEX", "Devices to leave out.", PLAIN},
    {"collector.diskstats.device-include", FLAG_STRING, &flags.disk_include, "REGEX",
     "Only these devices; device-exclude must be empty.", PLAIN},
    {"collector.filesystem.mount-points-exclude", FLAG_STRING, &flags.mount_exclude, "REGEX",
     "Mount points to leave out.", PLAIN},
    {"collector.filesystem.fs-types-exclude", FLAG_STRING, &flags.fs_type_exclude, "REGEX",
     "Types of file systems to leave out.", PLAIN},
    {"collector.filesystem.ignored-mount-points", FLAG_STRING, &flags.mount_exclude, "REGEX", "The old name of that.",
     PLAIN},
    {"collector.filesystem.ignored-fs-types", FLAG_STRING, &flags.fs_type_exclude, "REGEX", "Likewise.", PLAIN},
    {"collector.filesystem.mount-timeout", FLAG_SECONDS, &flags.mount_timeout, "TIME",
     "How long a scrape waits for file systems that do not answer.", PLAIN},
    {"collector.netdev.device-exclude", FLAG_STRING, &flags.netdev_exclude, "REGEX", "Interfaces to leave out.", PLAIN},
    {"collector.netdev.device-include", FLAG_STRING, &flags.netdev_include, "REGEX",
     "Only these interfaces; device-exclude must be empty.", PLAIN},
    {"collector.netdev.netlink", FLAG_BOOL, &flags.netdev_netlink, NULL,
     "Ask the kernel by netlink; else read net/dev in procfs.", PLAIN},
    {"collector.netdev.enable-detailed-metrics", FLAG_BOOL, &flags.netdev_detailed, NULL,
     "netlink's counters one by one, under other names.", PLAIN},
    {"collector.netclass.ignored-devices", FLAG_STRING, &flags.netclass_ignored, "REGEX", "Interfaces to leave out.",
     PLAIN},
    {"collector.netclass.ignore-invalid-speed", FLAG_BOOL, &flags.netclass_ignore_invalid_speed, NULL,
     "Leave out speeds that the driver does not know.", PLAIN},
    {"collector.netstat.fields", FLAG_STRING, &flags.netstat_fields, "REGEX", "Fields to show.", PLAIN},
    {"collector.vmstat.fields", FLAG_STRING, &flags.vmstat_fields, "REGEX", "Fields to show.", PLAIN},
    {"collector.textfile.directory", FLAG_STRING, &flags.textfile_directory, "DIRECTORY",
     "Files *.prom there go on the page. May be a pattern of several directories.", PLAIN},
};
#define N_OWN (sizeof own / sizeof *own)

/* Collectors of node_exporter, up to 1.11, that are not here. */
static const char *const absent[] = {"bcache",
                                     "bcachefs",
                                     "bonding",
                                     "btrfs",
                                     "buddyinfo",
                                     "cgroups",
                                     "cpufreq",
                                     "cpu_vulnerabilities",
                                     "devstat",
                                     "dmi",
                                     "drbd",
                                     "drm",
                                     "edac",
                                     "ethtool",
                                     "exec",
                                     "fibrechannel",
                                     "hwmon",
                                     "infiniband",
                                     "interrupts",
                                     "ipvs",
                                     "kernel_hung",
                                     "ksmd",
                                     "lnstat",
                                     "logind",
                                     "mdadm",
                                     "meminfo_numa",
                                     "mountstats",
                                     "network_route",
                                     "nfs",
                                     "nfsd",
                                     "ntp",
                                     "nvme",
                                     "pcidevice",
                                     "perf",
                                     "powersupplyclass",
                                     "processes",
                                     "qdisc",
                                     "rapl",
                                     "runit",
                                     "schedstat",
                                     "slabinfo",
                                     "softirqs",
                                     "supervisord",
                                     "swap",
                                     "sysctl",
                                     "systemd",
                                     "tapestats",
                                     "tcpstat",
                                     "thermal",
                                     "thermal_zone",
                                     "watchdog",
                                     "wifi",
                                     "xfrm",
                                     "xfs",
                                     "zfs",
                                     "zoneinfo"};

static struct flag all_flags[N_OWN + N_COLLECTORS_MAX + COUNT_OF(absent) + 2];
static char absent_names[COUNT_OF(absent)][64], there_are[1024];

static bool host_start(void *ctx, cprom_registry *registry, bool once)
{
    (void)ctx;
    (void)once;
    return host_register(registry, &flags, enabled, &host);
}

static bool well(void *ctx)
{
    (void)ctx;
    return host_well(host);
}

/* Which collectors the other flags ask for is known only when they are set, so that this one is looked for before. */
static bool disables_defaults(int argc, char **argv)
{
    static const char *const on[] = {"", "=true", "=1"}, *const off[] = {"=false", "=0"};
    static const char flag[] = "collector.disable-defaults";
    bool disables = false;
    for (int i = 1; i < argc; i++) {
        const char *name = argv[i] + (*argv[i] == '-');
        if (name != argv[i] && *name == '-') name++;
        if (name == argv[i]) continue;
        bool no = strncmp(name, "no-", 3) == 0;
        if (no) name += 3;
        if (strncmp(name, flag, sizeof flag - 1) != 0) continue;
        const char *value = name + sizeof flag - 1;
        for (size_t k = 0; k < COUNT_OF(on); k++) disables = strcmp(value, on[k]) == 0 ? !no : disables;
        for (size_t k = 0; k < COUNT_OF(off); k++) disables = strcmp(value, off[k]) == 0 ? false : disables;
    }
    return disables;
}

/* Memory is small: threads share one heap, and what a page took goes back to the system. */
static void keep_memory_small(void)
{
#ifdef __GLIBC__
    mallopt(M_ARENA_MAX, 1);
    mallopt(M_MMAP_THRESHOLD, 64 * 1024);
    mallopt(M_TRIM_THRESHOLD, 64 * 1024);
#endif
}

/* What starts node_exporter starts this, too, as long as it does not ask for more. */
static void add_absent(struct flag *flag)
{
    size_t len = (size_t)snprintf(there_are, sizeof there_are, "the collectors are");
    for (size_t i = 0; i < n_collectors && len < sizeof there_are; i++) {
        len += (size_t)snprintf(there_are + len, sizeof there_are - len, " %s", all_collectors[i]->name);
    }
    for (size_t i = 0; i < COUNT_OF(absent); i++) {
        snprintf(absent_names[i], sizeof absent_names[i], "collector.%s", absent[i]);
        *flag++ = (struct flag){absent_names[i], FLAG_ABSENT, NULL, NULL, there_are, PLAIN};
    }
    *flag = (struct flag){"collector.", FLAG_UNKNOWN, NULL, NULL, there_are, PLAIN};
}

int main(int argc, char **argv)
{
    static const struct program program = {
        .name = "cprom-host-exporter",
        .about = "Shows what a Linux machine says of itself, under the names of node_exporter.",
        .address = ":9100",
        .flags = all_flags,
        .more = "Regular expressions are those of Go (RE2). An empty one matches nothing.\n",
        .start = host_start,
        .well = well,
    };
    memcpy(all_flags, own, sizeof own);
    bool on = !disables_defaults(argc, argv);
    for (size_t i = 0; i < n_collectors; i++) {
        snprintf(names[i], sizeof names[i], "collector.%s", all_collectors[i]->name);
        snprintf(helps[i], sizeof helps[i], "The collector %s.", all_collectors[i]->name);
        enabled[i] = on;
        all_flags[N_OWN + i] = (struct flag){names[i], FLAG_BOOL, &enabled[i], NULL, helps[i], PLAIN};
    }
    add_absent(&all_flags[N_OWN + n_collectors]);
    keep_memory_small();
    return program_run(&program, argc, argv);
}
