/* node_filesystem_*: what statfs says of each mount point. One that does not answer: guard.c. */
#include "host.h"

#include "guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FILESYSTEM_GAUGE(name, help)                                                                                   \
    DESC_LABELS(CPROM_GAUGE, "node_filesystem_" name, help, "device", "mountpoint", "fstype")

enum {
    DESC_SIZE,
    DESC_FREE,
    DESC_AVAIL,
    DESC_FILES,
    DESC_FILES_FREE,
    DESC_READONLY,
    DESC_ERROR
};
static const cprom_desc descs[] = {
    [DESC_SIZE] = FILESYSTEM_GAUGE("size_bytes", "Filesystem size in bytes."),
    [DESC_FREE] = FILESYSTEM_GAUGE("free_bytes", "Filesystem free space in bytes."),
    [DESC_AVAIL] = FILESYSTEM_GAUGE("avail_bytes", "Filesystem space available to non-root users in bytes."),
    [DESC_FILES] = FILESYSTEM_GAUGE("files", "Filesystem total file nodes."),
    [DESC_FILES_FREE] = FILESYSTEM_GAUGE("files_free", "Filesystem total free file nodes."),
    [DESC_READONLY] = FILESYSTEM_GAUGE("readonly", "Filesystem read-only status."),
    [DESC_ERROR] =
        FILESYSTEM_GAUGE("device_error", "Whether an error occurred while getting statistics for the given device."),
};

/* A mount point. The strings are in the reader's text, but for those that are not UTF-8, whose copies are owned. */
struct mount {
    const char *device, *point, *type;
    char *copies[3];
    bool readonly;
    size_t question; /* which of the guard's it is */
};

struct filesystems {
    struct filter *mount_exclude, *fs_type_exclude;
    struct guard *guard;
    struct mount *mounts;
    size_t n, room;
};

static void filesystem_stop(void *state)
{
    struct filesystems *all = state;
    if (!all) return;
    filter_free(all->mount_exclude);
    filter_free(all->fs_type_exclude);
    guard_free(all->guard);
    free(all->mounts);
    free(all);
}

static bool filesystem_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    struct filesystems *all = calloc(1, sizeof *all);
    if (all && (all->guard = guard_new()) && filter_new(flags->mount_exclude, &all->mount_exclude, why, n_why) &&
        filter_new(flags->fs_type_exclude, &all->fs_type_exclude, why, n_why)) {
        *state = all;
        return true;
    }
    filesystem_stop(all);
    return false;
}

/* The kernel writes space, tab, LF, \ and # of a path as \ooo. */
static void unescape(char *text)
{
    char *out = text;
    for (const char *c = text; *c; out++) {
        if (c[0] == '\\' && c[1] >= '0' && c[1] <= '3' && c[2] >= '0' && c[2] <= '7' && c[3] >= '0' && c[3] <= '7') {
            *out = (char)((c[1] - '0') * 64 + (c[2] - '0') * 8 + (c[3] - '0'));
            c += 4;
        } else {
            *out = *c++;
        }
    }
    *out = '\0';
}

/* The path as those see it who live under the root. */
static const char *without_root(const char *root, const char *path)
{
    size_t len = strlen(root);
    while (len && root[len - 1] == '/') len--;
    if (!len || strncmp(path, root, len) != 0 || (path[len] && path[len] != '/')) return path;
    return path[len] ? path + len : "/";
}

static bool has_option(char *options, const char *option)
{
    for (char *end; options; options = end) {
        if ((end = strchr(options, ','))) *end++ = '\0';
        if (strcmp(options, option) == 0) return true;
    }
    return false;
}

/* Something with the same labels is mounted twice: on top of itself, or under names that are the same once repaired. */
static bool is_there(const struct filesystems *all, const struct mount *mount)
{
    for (size_t i = 0; i < all->n; i++) {
        const struct mount *other = &all->mounts[i];
        if (strcmp(other->point, mount->point) == 0 && strcmp(other->device, mount->device) == 0 &&
            strcmp(other->type, mount->type) == 0) {
            return true;
        }
    }
    return false;
}

static void forget(struct mount *mount)
{
    for (int i = 0; i < 3; i++) free(mount->copies[i]);
}

/* Replaces a label value that is not UTF-8. */
static bool repair(const char **text, char **copy)
{
    size_t room = 3 * strlen(*text) + 1;
    if (!(*copy = malloc(room))) return false;
    utf8_copy(*copy, room, *text);
    if (strcmp(*copy, *text) != 0) {
        *text = *copy;
    } else {
        free(*copy);
        *copy = NULL;
    }
    return true;
}

static bool add_mount(struct scrape *scrape, char *line)
{
    struct filesystems *all = scrape->state;
    const char *device = next_word(&line);
    char *point = next_word(&line);
    const char *type = next_word(&line);
    char *options = next_word(&line);
    if (!options) return fail(scrape, "mounts: a line is malformed");
    unescape(point);
    const char *path = without_root(scrape->flags->rootfs, point);
    if (filter_matches(all->mount_exclude, path) || filter_matches(all->fs_type_exclude, type)) return true;
    if (all->n == all->room) {
        size_t room = all->room ? 2 * all->room : 16;
        struct mount *mounts = realloc(all->mounts, room * sizeof *mounts);
        if (!mounts) return fail(scrape, "out of memory");
        all->mounts = mounts;
        all->room = room;
    }
    struct mount mount = {device, path, type, {NULL, NULL, NULL}, has_option(options, "ro"), 0};
    bool ok = repair(&mount.device, &mount.copies[0]) && repair(&mount.point, &mount.copies[1]) &&
              repair(&mount.type, &mount.copies[2]);
    if (ok && is_there(all, &mount)) {
        forget(&mount);
        return true;
    }
    ok = ok && guard_ask(all->guard, scrape->flags->rootfs, path, &mount.question);
    if (!ok) {
        forget(&mount);
        return fail(scrape, "out of memory");
    }
    all->mounts[all->n++] = mount;
    return true;
}

static bool read_mounts(struct scrape *scrape)
{
    struct filesystems *all = scrape->state;
    char *at = read_file(scrape->reader, scrape->flags->procfs, "1/mounts");
    /* Of another user's process 1, the file cannot be seen. */
    if (!at && errno == ENOENT) at = read_file(scrape->reader, scrape->flags->procfs, "mounts");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "1/mounts");
    filter_rewind(all->mount_exclude);
    filter_rewind(all->fs_type_exclude);
    for (char *line; (line = next_line(&at));) {
        if (!add_mount(scrape, line)) return false;
    }
    return true;
}

static void show_mount(struct scrape *scrape, const struct mount *mount)
{
    const struct filesystems *all = scrape->state;
    const cprom_strs labels = CPROM_STRS(mount->device, mount->point, mount->type);
    struct statfs stat;
    int error = guard_answer(all->guard, mount->question, &stat);
    show(scrape, &descs[DESC_ERROR], labels, error != 0);
    if (error) return;
    double block = (double)stat.f_bsize;
    show(scrape, &descs[DESC_SIZE], labels, (double)stat.f_blocks * block);
    show(scrape, &descs[DESC_FREE], labels, (double)stat.f_bfree * block);
    show(scrape, &descs[DESC_AVAIL], labels, (double)stat.f_bavail * block);
    show(scrape, &descs[DESC_FILES], labels, (double)stat.f_files);
    show(scrape, &descs[DESC_FILES_FREE], labels, (double)stat.f_ffree);
    show(scrape, &descs[DESC_READONLY], labels, mount->readonly);
}

/* How long the guard may take: not beyond the scrape's deadline, so that the page comes in time. */
static double patience(const struct scrape *scrape)
{
    int64_t deadline = cprom_scrape_deadline(scrape->out);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (deadline == INT64_MAX) return scrape->flags->mount_timeout;
    double left = (double)(deadline - (int64_t)now.tv_sec * 1000000000 - now.tv_nsec) / 1e9;
    return left < scrape->flags->mount_timeout ? left : scrape->flags->mount_timeout;
}

static bool filesystem_collect(struct scrape *scrape)
{
    struct filesystems *all = scrape->state;
    if (!guard_begin(all->guard)) return fail(scrape, "out of memory");
    bool ok = read_mounts(scrape);
    if (ok) {
        guard_wait(all->guard, patience(scrape));
        for (size_t i = 0; i < all->n; i++) show_mount(scrape, &all->mounts[i]);
    }
    for (size_t i = 0; i < all->n; i++) forget(&all->mounts[i]);
    all->n = 0;
    guard_end(all->guard);
    return ok;
}

const struct collector filesystem_collector = {"filesystem",       descs,          COUNT_OF(descs), filesystem_start,
                                               filesystem_collect, filesystem_stop};
