/*
 * node_network_{receive,transmit}_*: what the kernel counts for each interface, asked by netlink, which has more
 * counters than /proc/net/dev; that file is read with --no-collector.netdev.netlink, or where netlink is refused.
 */
#include "lines.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define NETDEV(key)                                                                                                    \
    DESC_LABELS(CPROM_COUNTER, "node_network_" key "_total", "Network device statistic " key ".", "device")

/* Those of /proc/net/dev, for each direction, then those that only netlink's detailed metrics have. */
enum {
    RX_BYTES,
    RX_PACKETS,
    RX_ERRS,
    RX_DROP,
    RX_FIFO,
    RX_FRAME,
    RX_COMPRESSED,
    RX_MULTICAST,
    RX_NOHANDLER,
    TX_BYTES,
    TX_PACKETS,
    TX_ERRS,
    TX_DROP,
    TX_FIFO,
    TX_COLLS,
    TX_CARRIER,
    TX_COMPRESSED,
    N_LEGACY,
    RX_ERRORS = N_LEGACY,
    TX_ERRORS,
    RX_DROPPED,
    TX_DROPPED,
    MULTICAST,
    COLLISIONS,
    RX_LENGTH_ERRORS,
    RX_OVER_ERRORS,
    RX_CRC_ERRORS,
    RX_FRAME_ERRORS,
    RX_FIFO_ERRORS,
    RX_MISSED_ERRORS,
    TX_ABORTED_ERRORS,
    TX_CARRIER_ERRORS,
    TX_FIFO_ERRORS,
    TX_HEARTBEAT_ERRORS,
    TX_WINDOW_ERRORS
};
static const cprom_desc descs[] = {
    [RX_BYTES] = NETDEV("receive_bytes"),
    [RX_PACKETS] = NETDEV("receive_packets"),
    [RX_ERRS] = NETDEV("receive_errs"),
    [RX_DROP] = NETDEV("receive_drop"),
    [RX_FIFO] = NETDEV("receive_fifo"),
    [RX_FRAME] = NETDEV("receive_frame"),
    [RX_COMPRESSED] = NETDEV("receive_compressed"),
    [RX_MULTICAST] = NETDEV("receive_multicast"),
    [RX_NOHANDLER] = NETDEV("receive_nohandler"),
    [TX_BYTES] = NETDEV("transmit_bytes"),
    [TX_PACKETS] = NETDEV("transmit_packets"),
    [TX_ERRS] = NETDEV("transmit_errs"),
    [TX_DROP] = NETDEV("transmit_drop"),
    [TX_FIFO] = NETDEV("transmit_fifo"),
    [TX_COLLS] = NETDEV("transmit_colls"),
    [TX_CARRIER] = NETDEV("transmit_carrier"),
    [TX_COMPRESSED] = NETDEV("transmit_compressed"),
    [RX_ERRORS] = NETDEV("receive_errors"),
    [TX_ERRORS] = NETDEV("transmit_errors"),
    [RX_DROPPED] = NETDEV("receive_dropped"),
    [TX_DROPPED] = NETDEV("transmit_dropped"),
    [MULTICAST] = NETDEV("multicast"),
    [COLLISIONS] = NETDEV("collisions"),
    [RX_LENGTH_ERRORS] = NETDEV("receive_length_errors"),
    [RX_OVER_ERRORS] = NETDEV("receive_over_errors"),
    [RX_CRC_ERRORS] = NETDEV("receive_crc_errors"),
    [RX_FRAME_ERRORS] = NETDEV("receive_frame_errors"),
    [RX_FIFO_ERRORS] = NETDEV("receive_fifo_errors"),
    [RX_MISSED_ERRORS] = NETDEV("receive_missed_errors"),
    [TX_ABORTED_ERRORS] = NETDEV("transmit_aborted_errors"),
    [TX_CARRIER_ERRORS] = NETDEV("transmit_carrier_errors"),
    [TX_FIFO_ERRORS] = NETDEV("transmit_fifo_errors"),
    [TX_HEARTBEAT_ERRORS] = NETDEV("transmit_heartbeat_errors"),
    [TX_WINDOW_ERRORS] = NETDEV("transmit_window_errors"),
};

struct netdev {
    struct filter *exclude, *include;
    struct reader reply; /* netlink's */
};

static void netdev_stop(void *state)
{
    struct netdev *netdev = state;
    if (!netdev) return;
    filter_free(netdev->exclude);
    filter_free(netdev->include);
    reader_free(&netdev->reply);
    free(netdev);
}

static bool netdev_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    if (*flags->netdev_exclude && *flags->netdev_include) {
        snprintf(why, n_why, "device-exclude and device-include are mutually exclusive");
        return false;
    }
    struct netdev *netdev = calloc(1, sizeof *netdev);
    if (netdev && filter_new(flags->netdev_exclude, &netdev->exclude, why, n_why) &&
        filter_new(flags->netdev_include, &netdev->include, why, n_why)) {
        *state = netdev;
        return true;
    }
    netdev_stop(netdev);
    return false;
}

static bool is_wanted(struct netdev *netdev, const char *device)
{
    return !filter_matches(netdev->exclude, device) && (!netdev->include || filter_matches(netdev->include, device));
}

/* Sums of finer counters, as the kernel itself makes them for /proc/net/dev. */
static void show_legacy(struct scrape *scrape, const char *device, const struct rtnl_link_stats64 *stats)
{
    const uint64_t values[N_LEGACY] = {
        [RX_BYTES] = stats->rx_bytes,
        [RX_PACKETS] = stats->rx_packets,
        [RX_ERRS] = stats->rx_errors,
        [RX_DROP] = stats->rx_dropped + stats->rx_missed_errors,
        [RX_FIFO] = stats->rx_fifo_errors,
        [RX_FRAME] = stats->rx_frame_errors + stats->rx_length_errors + stats->rx_over_errors + stats->rx_crc_errors,
        [RX_COMPRESSED] = stats->rx_compressed,
        [RX_MULTICAST] = stats->multicast,
        [RX_NOHANDLER] = stats->rx_nohandler,
        [TX_BYTES] = stats->tx_bytes,
        [TX_PACKETS] = stats->tx_packets,
        [TX_ERRS] = stats->tx_errors,
        [TX_DROP] = stats->tx_dropped,
        [TX_FIFO] = stats->tx_fifo_errors,
        [TX_COLLS] = stats->collisions,
        [TX_CARRIER] =
            stats->tx_carrier_errors + stats->tx_aborted_errors + stats->tx_heartbeat_errors + stats->tx_window_errors,
        [TX_COMPRESSED] = stats->tx_compressed,
    };
    for (size_t i = 0; i < N_LEGACY; i++) show(scrape, &descs[i], CPROM_STRS(device), (double)values[i]);
}

static void show_detailed(struct scrape *scrape, const char *device, const struct rtnl_link_stats64 *stats)
{
    const struct {
        int desc;
        uint64_t value;
    } values[] = {
        {RX_PACKETS, stats->rx_packets},
        {TX_PACKETS, stats->tx_packets},
        {RX_BYTES, stats->rx_bytes},
        {TX_BYTES, stats->tx_bytes},
        {RX_ERRORS, stats->rx_errors},
        {TX_ERRORS, stats->tx_errors},
        {RX_DROPPED, stats->rx_dropped},
        {TX_DROPPED, stats->tx_dropped},
        {MULTICAST, stats->multicast},
        {COLLISIONS, stats->collisions},
        {RX_LENGTH_ERRORS, stats->rx_length_errors},
        {RX_OVER_ERRORS, stats->rx_over_errors},
        {RX_CRC_ERRORS, stats->rx_crc_errors},
        {RX_FRAME_ERRORS, stats->rx_frame_errors},
        {RX_FIFO_ERRORS, stats->rx_fifo_errors},
        {RX_MISSED_ERRORS, stats->rx_missed_errors},
        {TX_ABORTED_ERRORS, stats->tx_aborted_errors},
        {TX_CARRIER_ERRORS, stats->tx_carrier_errors},
        {TX_FIFO_ERRORS, stats->tx_fifo_errors},
        {TX_HEARTBEAT_ERRORS, stats->tx_heartbeat_errors},
        {TX_WINDOW_ERRORS, stats->tx_window_errors},
        {RX_COMPRESSED, stats->rx_compressed},
        {TX_COMPRESSED, stats->tx_compressed},
        {RX_NOHANDLER, stats->rx_nohandler},
    };
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        show(scrape, &descs[values[i].desc], CPROM_STRS(device), (double)values[i].value);
    }
}

/* ---- netlink ---- */

static void show_link(struct scrape *scrape, const struct nlmsghdr *message)
{
    const char *at = (const char *)message + NLMSG_SPACE(sizeof(struct ifinfomsg));
    const char *end = (const char *)message + message->nlmsg_len;
    const struct rtattr *attribute, *name = NULL, *stats64 = NULL;
    for (; end - at >= (ptrdiff_t)sizeof *attribute; at += RTA_ALIGN(attribute->rta_len)) {
        attribute = (const struct rtattr *)(const void *)at;
        if (attribute->rta_len < sizeof *attribute || attribute->rta_len > end - at) break;
        if (attribute->rta_type == IFLA_IFNAME) name = attribute;
        if (attribute->rta_type == IFLA_STATS64) stats64 = attribute;
    }
    if (!name || !stats64) return;
    char raw[IFNAMSIZ + 1], device[3 * IFNAMSIZ + 1];
    snprintf(raw, sizeof raw, "%.*s", (int)RTA_PAYLOAD(name), (const char *)RTA_DATA(name));
    utf8_copy(device, sizeof device, raw);
    if (!is_wanted(scrape->state, device)) return;
    /* It grows with the kernel's version, and is aligned to 4 bytes only. */
    struct rtnl_link_stats64 stats = {0};
    size_t n = RTA_PAYLOAD(stats64);
    memcpy(&stats, RTA_DATA(stats64), n < sizeof stats ? n : sizeof stats);
    if (scrape->flags->netdev_detailed) show_detailed(scrape, device, &stats);
    else show_legacy(scrape, device, &stats);
}

/* -1: failed; 0: there is more to come; 1: this was the end. */
static int read_links(struct scrape *scrape, const struct nlmsghdr *message, unsigned left)
{
    for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left)) {
        if (message->nlmsg_type == NLMSG_DONE) return 1;
        if (message->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(message);
            errno = -error->error;
            return -1;
        }
        if (message->nlmsg_type == RTM_NEWLINK) show_link(scrape, message);
    }
    return 0;
}

/* The whole answer to one question about all links. */
static bool ask_netlink(struct scrape *scrape, int fd)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {.header = {.nlmsg_len = sizeof request,
                            .nlmsg_type = RTM_GETLINK,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                            .nlmsg_seq = 1},
                 .link = {.ifi_family = AF_UNSPEC}};
    static const struct timeval patience = {.tv_sec = 2};
    struct netdev *netdev = scrape->state;
    struct reader *reply = &netdev->reply;
    if (!reply->text && (reply->text = malloc(32768))) reply->room = 32768; /* the kernel sends no more at a time */
    if (!reply->text) return false;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if (send(fd, &request, sizeof request, 0) < 0) return false;
    for (;;) {
        ssize_t n = recv(fd, reply->text, reply->room, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return false;
        int end = read_links(scrape, (const struct nlmsghdr *)(const void *)reply->text, (unsigned)n);
        if (end) return end > 0;
    }
}

/* false: see errno. */
static bool collect_by_netlink(struct scrape *scrape)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return false;
    bool ok = ask_netlink(scrape, fd);
    int error = errno;
    close(fd);
    errno = error;
    return ok;
}

/* ---- sysfs ---- */

static uint64_t read_counter(int dir, const char *file)
{
    char path[64], text[READ_SMALL];
    uint64_t value = 0;
    snprintf(path, sizeof path, "statistics/%s", file);
    if (read_small(dir, path, text)) parse_u64(text, &value);
    return value;
}

#define COUNTER(field) .field = read_counter(dir, #field)

static void show_from_sys(struct scrape *scrape, int net, const char *name)
{
    char device[3 * IFNAMSIZ + 1], text[READ_SMALL];
    utf8_copy(device, sizeof device, name);
    if (!is_wanted(scrape->state, device)) return;
    int dir = openat(net, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return; /* it went meanwhile */
    struct rtnl_link_stats64 stats = {
        COUNTER(rx_bytes),          COUNTER(rx_packets),       COUNTER(rx_errors),           COUNTER(rx_dropped),
        COUNTER(rx_missed_errors),  COUNTER(rx_fifo_errors),   COUNTER(rx_frame_errors),     COUNTER(rx_length_errors),
        COUNTER(rx_over_errors),    COUNTER(rx_crc_errors),    COUNTER(rx_compressed),       COUNTER(multicast),
        COUNTER(rx_nohandler),      COUNTER(tx_bytes),         COUNTER(tx_packets),          COUNTER(tx_errors),
        COUNTER(tx_dropped),        COUNTER(tx_fifo_errors),   COUNTER(collisions),          COUNTER(tx_carrier_errors),
        COUNTER(tx_aborted_errors), COUNTER(tx_window_errors), COUNTER(tx_heartbeat_errors), COUNTER(tx_compressed)};
    bool there = read_small(dir, "statistics/rx_bytes", text);
    close(dir);
    if (there && scrape->flags->netdev_detailed) show_detailed(scrape, device, &stats);
    else if (there) show_legacy(scrape, device, &stats);
}

/* false: see errno. */
static bool collect_from_sys(struct scrape *scrape)
{
    int net = open_directory(scrape->flags->sysfs, "class/net");
    DIR *dir = net < 0 ? NULL : fdopendir(net);
    if (!dir) {
        if (net >= 0) close(net);
        return false;
    }
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] != '.' && entry->d_type != DT_REG) show_from_sys(scrape, net, entry->d_name);
    }
    closedir(dir);
    return true;
}

/* ---- /proc/net/dev ---- */

/* A value that is missing would put the next ones into columns that are not theirs: that costs the line. */
static void show_proc_line(const struct lines *lines, char *line)
{
    static const int columns[] = {RX_BYTES,      RX_PACKETS,   RX_ERRS,    RX_DROP,      RX_FIFO, RX_FRAME,
                                  RX_COMPRESSED, RX_MULTICAST, TX_BYTES,   TX_PACKETS,   TX_ERRS, TX_DROP,
                                  TX_FIFO,       TX_COLLS,     TX_CARRIER, TX_COMPRESSED};
    char *colon = strrchr(line, ':'), device[3 * IFNAMSIZ + 1];
    const char *words[COUNT_OF(columns)];
    size_t n = 0;
    if (!colon) {
        lines_fail(lines, "there is no colon");
        return;
    }
    *colon++ = '\0';
    const char *name = next_word(&line);
    if (!name || next_word(&line)) {
        lines_fail(lines, "there is no name of an interface");
        return;
    }
    utf8_copy(device, sizeof device, name);
    if (!is_wanted(lines->scrape->state, device)) return;
    for (const char *word; (word = next_word(&colon)); n++) {
        if (n < COUNT_OF(columns)) words[n] = word;
    }
    if (n != COUNT_OF(columns)) {
        lines_fail(lines, "%s has %zu numbers", device, n);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        uint64_t value;
        if (parse_u64(words[i], &value)) show(lines->scrape, &descs[columns[i]], CPROM_STRS(device), (double)value);
        else lines_fail(lines, "%s: %s is no number", device, descs[columns[i]].name);
    }
}

/* false: see errno. */
static bool collect_from_proc(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_try(&lines, scrape, scrape->reader, scrape->flags->procfs, "net/dev")) return false;
    if (lines.at == lines.end) fail(scrape, "%s/net/dev: it is empty", lines.root);
    for (char *line; (line = lines_next(&lines));) {
        if (!strchr(line, '|')) show_proc_line(&lines, line); /* that stands in the headings only */
    }
    return true;
}

/* What netlink alone has, sysfs has as well, but may be that of another network namespace: procfs says who is here. */
static void collect_without_netlink(struct scrape *scrape)
{
    if (!scrape->flags->netdev_detailed && collect_from_proc(scrape)) return;
    if (collect_from_sys(scrape) || (scrape->flags->netdev_detailed && collect_from_proc(scrape))) return;
    fail_to_read(scrape, scrape->flags->procfs, "net/dev");
}

static void netdev_collect(struct scrape *scrape)
{
    struct netdev *netdev = scrape->state;
    filter_rewind(netdev->exclude);
    filter_rewind(netdev->include);
    if (!scrape->flags->netdev_netlink) {
        if (!collect_from_proc(scrape)) fail_to_read(scrape, scrape->flags->procfs, "net/dev");
    } else if (!collect_by_netlink(scrape)) {
        note(scrape, "netlink: %s; it goes on without", strerror(errno));
        collect_without_netlink(scrape);
    }
}

const struct collector netdev_collector = {"netdev", descs, COUNT_OF(descs), netdev_start, netdev_collect, netdev_stop};
