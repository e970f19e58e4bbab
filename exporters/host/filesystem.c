/* node_filesystem_*: what statfs says of each mount point. One that does not answer: guard.c. */
#include "lines.h"

#include "guard.h"
#include "hash.h"

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
    const char *path; /* as statfs takes it */
    char *copies[3];
    bool readonly;
    size_t question; /* which of the guard's it is */
};

struct filesystems {
    struct filter *mount_exclude, *fs_type_exclude;
    struct guard *guard;
    struct mount *mounts;
    size_t n, room;
    struct lookup lookup; /* of the mounts, by their labels */
};

#define MOUNTS_KEPT 1024 /* room for so many stays from scrape to scrape */

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

static bool is_same(const struct mount *a, const struct mount *b)
{
    return strcmp(a->point, b->point) == 0 && strcmp(a->device, b->device) == 0 && strcmp(a->type, b->type) == 0;
}

/* Something with the same labels is mounted twice: on top of itself, or under names that are the same once repaired. */
static bool is_there(const struct filesystems *all, const struct mount *mount, uint64_t hash)
{
    void *other;
    for (size_t place = (size_t)hash; (other = lookup_next(&all->lookup, hash, &place));) {
        if (is_same(&all->mounts[(uintptr_t)other - 1], mount)) return true;
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

/* The kernel puts one space between fields, of which the first may be empty, and none in them. */
static char *next_field(char **at)
{
    char *field = *at, *space = field ? strchr(field, ' ') : NULL;
    *at = space ? space + 1 : NULL;
    if (space) *space = '\0';
    return field;
}

static bool make_room(struct filesystems *all)
{
    if (all->n < all->room) return true;
    size_t room = all->room ? 2 * all->room : 16;
    struct mount *mounts = realloc(all->mounts, room * sizeof *mounts);
    if (!mounts) return false;
    all->mounts = mounts;
    all->room = room;
    return true;
}

/* false: no memory. */
static bool keep_mount(struct scrape *scrape, struct mount *mount)
{
    struct filesystems *all = scrape->state;
    if (!make_room(all)) return false;
    uint64_t hash = hash_text(hash_text(hash_text(0, mount->device), mount->point), mount->type);
    if (is_there(all, mount, hash)) {
        forget(mount);
        return true;
    }
    if (!guard_ask(all->guard, scrape->flags->rootfs, mount->path, &mount->question)) return false;
    all->mounts[all->n++] = *mount;
    /* Entries are indices from 1, since the mounts move. */
    if (lookup_add(&all->lookup, hash, (void *)(uintptr_t)all->n)) return true;
    all->n--;
    return false;
}

/* "/dev/sda1 /boot ext4 rw,relatime 0 0" */
static void add_mount(const struct lines *lines, char *line)
{
    struct scrape *scrape = lines->scrape;
    struct filesystems *all = scrape->state;
    const char *device = next_field(&line);
    char *point = next_field(&line);
    const char *type = next_field(&line);
    char *options = next_field(&line);
    if (!options || *point != '/' || !*type || !*options) {
        lines_fail(lines, "it is no line of a mount");
        return;
    }
    unescape(point);
    const char *path = without_root(scrape->flags->rootfs, point);
    if (filter_matches(all->mount_exclude, path) || filter_matches(all->fs_type_exclude, type)) return;
    struct mount mount = {.device = device, .point = path, .type = type, .path = path};
    mount.readonly = has_option(options, "ro");
    if (repair(&mount.device, &mount.copies[0]) && repair(&mount.point, &mount.copies[1]) &&
        repair(&mount.type, &mount.copies[2]) && keep_mount(scrape, &mount)) {
        return;
    }
    forget(&mount);
    fail(scrape, "out of memory");
}

static bool read_mounts(struct scrape *scrape)
{
    struct filesystems *all = scrape->state;
    struct lines lines;
    const char *procfs = scrape->flags->procfs;
    /* Of another user's process 1, the file cannot be seen. */
    bool there = lines_try(&lines, scrape, scrape->reader, procfs, "1/mounts") ||
                 lines_try(&lines, scrape, scrape->reader, procfs, "mounts");
    if (!there) return fail_to_read(scrape, procfs, "mounts");
    if (lines.at == lines.end) return fail(scrape, "%s/%s: it is empty", procfs, lines.path);
    filter_rewind(all->mount_exclude);
    filter_rewind(all->fs_type_exclude);
    for (char *line; (line = lines_next(&lines));) add_mount(&lines, line);
    return true;
}

static void show_mount(struct scrape *scrape, const struct mount *mount)
{
    const struct filesystems *all = scrape->state;
    const cprom_strs labels = CPROM_STRS(mount->device, mount->point, mount->type);
    struct statfs stat;
    int error = guard_answer(all->guard, mount->question, &stat);
    show_at_once(scrape, &descs[DESC_ERROR], labels, error != 0);
    if (error) return;
    double block = (double)stat.f_bsize;
    show_at_once(scrape, &descs[DESC_SIZE], labels, (double)stat.f_blocks * block);
    show_at_once(scrape, &descs[DESC_FREE], labels, (double)stat.f_bfree * block);
    show_at_once(scrape, &descs[DESC_AVAIL], labels, (double)stat.f_bavail * block);
    show_at_once(scrape, &descs[DESC_FILES], labels, (double)stat.f_files);
    show_at_once(scrape, &descs[DESC_FILES_FREE], labels, (double)stat.f_ffree);
    show_at_once(scrape, &descs[DESC_READONLY], labels, mount->readonly);
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

static void filesystem_collect(struct scrape *scrape)
{
    struct filesystems *all = scrape->state;
    if (!guard_begin(all->guard)) {
        fail(scrape, "out of memory");
        return;
    }
    if (read_mounts(scrape)) {
        guard_wait(all->guard, patience(scrape));
        for (size_t i = 0; i < all->n; i++) show_mount(scrape, &all->mounts[i]);
    }
    for (size_t i = 0; i < all->n; i++) forget(&all->mounts[i]);
    lookup_free(&all->lookup);
    all->n = 0;
    if (all->room > MOUNTS_KEPT) {
        free(all->mounts);
        all->mounts = NULL;
        all->room = 0;
    }
    guard_end(all->guard);
}

const struct collector filesystem_collector = {"filesystem",       descs,          COUNT_OF(descs), filesystem_start,
                                               filesystem_collect, filesystem_stop};
