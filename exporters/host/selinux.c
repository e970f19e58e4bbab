/* node_selinux_*: whether SELinux is there, and how strict it is. */
#include "lines.h"

#include <string.h>

enum {
    ENABLED,
    CONFIG_MODE,
    CURRENT_MODE
};
static const cprom_desc descs[] = {
    [ENABLED] = DESC(CPROM_GAUGE, "node_selinux_enabled", "SELinux is enabled, 1 is true, 0 is false"),
    [CONFIG_MODE] = DESC(CPROM_GAUGE, "node_selinux_config_mode", "Configured SELinux enforcement mode"),
    [CURRENT_MODE] = DESC(CPROM_GAUGE, "node_selinux_current_mode", "Current SELinux enforcement mode"),
};

/* 1: enforcing, 0: permissive, -1: disabled, or nothing is configured. */
static double configured(struct scrape *scrape)
{
    struct lines lines;
    double mode = -1;
    if (!lines_open_if_there(&lines, scrape, scrape->flags->rootfs, "etc/selinux/config")) return mode;
    lines.may_be_open = true;
    for (char *line; (line = lines_next(&lines));) {
        const char *word = next_word(&line);
        if (!word || strncmp(word, "SELINUX=", 8) != 0) continue;
        mode = strcmp(word + 8, "enforcing") == 0 ? 1 : strcmp(word + 8, "permissive") == 0 ? 0 : -1;
    }
    return mode;
}

/* Where the kernel has it, there is a file system for it. */
static void selinux_collect(struct scrape *scrape)
{
    struct lines lines;
    uint64_t enforce;
    bool enabled = lines_try(&lines, scrape, scrape->reader, scrape->flags->sysfs, "fs/selinux/enforce");
    show(scrape, &descs[ENABLED], CPROM_NO_STRS, enabled);
    if (!enabled) return;
    lines.may_be_open = true; /* one digit alone */
    const char *line = lines_next(&lines);
    if (line && parse_u64(line, &enforce)) show(scrape, &descs[CURRENT_MODE], CPROM_NO_STRS, enforce != 0);
    else fail(scrape, "%s/fs/selinux/enforce: it is no number", lines.root);
    show(scrape, &descs[CONFIG_MODE], CPROM_NO_STRS, configured(scrape));
}

const struct collector selinux_collector = {"selinux", descs, COUNT_OF(descs), NULL, selinux_collect, NULL};
