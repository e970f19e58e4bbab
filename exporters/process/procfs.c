#define _GNU_SOURCE 1 /* O_PATH, syscall */

#include "procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define READ_BYTES 16384      /* more than almost all files have, so that one read gets them whole */
#define FILE_MAX (512 * 1024) /* more than any has but cmdline; "stat" of a machine with many interrupts is long */

static enum result result_of(int err)
{
    if (err == ENOMEM) return RESULT_NO_MEMORY;
    return err == ENOENT || err == ESRCH ? RESULT_GONE : RESULT_ERROR;
}

/* A file of at most `max` bytes, to `to`; the rest of a longer one is left out. */
static enum result read_file(int dir, const char *name, struct buffer *to, size_t max)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
    enum result result = RESULT_OK;
    ssize_t n = READ_BYTES;
    to->len = 0;
    if (fd < 0) return result_of(errno);
    /* These files come in one piece where there is room for it: to ask for more would cost as much again. */
    while (n == READ_BYTES && to->len < max && result == RESULT_OK) {
        if (!buffer_reserve(to, READ_BYTES)) {
            result = RESULT_NO_MEMORY;
            break;
        }
        do n = read(fd, to->at + to->len, READ_BYTES);
        while (n < 0 && errno == EINTR);
        if (n < 0) result = result_of(errno);
        else to->len += (size_t)n;
    }
    close(fd);
    if (to->at) to->at[to->len] = '\0';
    return result;
}

static enum result read_whole(struct procfs *fs, int dir, const char *name)
{
    return read_file(dir, name, &fs->buffer, FILE_MAX);
}

/* Digits, saturating; `*at` is behind them. false: there are none. */
static bool parse_number(const char **at, uint64_t *number)
{
    const char *start = *at;
    *number = 0;
    for (; **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        *number = *number > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *number * 10 + digit;
    }
    return *at > start;
}

/* The number behind `key`, which is an LF and what begins a line; no number that is wanted is in the first one. */
static bool find_number(const struct procfs *fs, const char *key, uint64_t *number)
{
    const char *line = fs->buffer.len > 0 ? strstr(fs->buffer.at, key) : NULL;
    if (!line) return false;
    line += strlen(key);
    while (*line == ' ' || *line == '\t') line++;
    return parse_number(&line, number);
}

/* ---- the directory ---- */

/* Whether the kernel tells the number of descriptors as a size: it does so of ours, which has some. */
static bool sizes_tell_fds(int fd)
{
    struct statfs where;
    struct stat own;
    return fstatfs(fd, &where) == 0 && where.f_type == PROC_SUPER_MAGIC && stat("/proc/self/fd", &own) == 0 &&
           own.st_size > 0;
}

bool procfs_open(struct procfs *fs, const char *path, char *why, size_t cap)
{
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    *fs = (struct procfs){.ticks = ticks > 0 ? (double)ticks : 100, .page_size = page > 0 ? (uint64_t)page : 4096};
    fs->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fs->fd < 0) {
        snprintf(why, cap, "%s: %s", path, strerror(errno));
        return false;
    }
    enum result result = read_whole(fs, fs->fd, "stat");
    if (result != RESULT_OK || !find_number(fs, "\nbtime ", &fs->boot_time)) {
        snprintf(why, cap, "%s/stat: %s", path, result == RESULT_OK ? "no boot time" : strerror(errno));
        procfs_close(fs);
        return false;
    }
    fs->counts_fds = sizes_tell_fds(fs->fd);
    return true;
}

void procfs_close(struct procfs *fs)
{
    if (fs->fd >= 0) close(fs->fd);
    fs->fd = -1;
    buffer_free(&fs->buffer);
}

/* One entry of a directory as the kernel hands it out. */
struct entry {
    uint64_t inode;
    int64_t offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* The entries of a directory: the next ones, to the buffer. 0: there are no more; -1: errno. */
static long next_entries(struct procfs *fs, int fd)
{
    fs->buffer.len = 0;
    if (!buffer_reserve(&fs->buffer, 2 * READ_BYTES)) {
        errno = ENOMEM;
        return -1;
    }
    return syscall(SYS_getdents64, fd, fs->buffer.at, fs->buffer.cap);
}

static bool add_id(struct ids *ids, int id)
{
    if (ids->n == ids->cap) {
        size_t cap = ids->cap ? ids->cap * 2 : 64;
        int *v = realloc(ids->v, cap * sizeof *v);
        if (!v) return false;
        ids->v = v;
        ids->cap = cap;
    }
    ids->v[ids->n++] = id;
    return true;
}

void ids_free(struct ids *ids)
{
    free(ids->v);
    *ids = (struct ids){0};
}

static enum result list_ids(struct procfs *fs, int fd, struct ids *ids)
{
    long n;
    ids->n = 0;
    while ((n = next_entries(fs, fd)) > 0) {
        for (long at = 0; at < n;) {
            const struct entry *e = (const struct entry *)(const void *)(fs->buffer.at + at);
            const char *name = e->name;
            uint64_t id;
            at += e->length;
            if (parse_number(&name, &id) && *name == '\0' && id <= INT32_MAX && !add_id(ids, (int)id))
                return RESULT_NO_MEMORY;
        }
    }
    return n < 0 ? result_of(errno) : RESULT_OK;
}

enum result procfs_list_pids(struct procfs *fs, struct ids *pids)
{
    if (lseek(fs->fd, 0, SEEK_SET) < 0) return RESULT_ERROR;
    return list_ids(fs, fs->fd, pids);
}

enum result procfs_list_tids(struct procfs *fs, int dir, struct ids *tids, int *fd)
{
    *fd = openat(dir, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return result_of(errno);
    enum result result = list_ids(fs, *fd, tids);
    if (result != RESULT_OK) close(*fd);
    return result;
}

enum result procfs_open_id(int parent, int id, int *dir)
{
    char name[16], *at = name + sizeof name;
    *--at = '\0';
    do *--at = (char)('0' + id % 10);
    while ((id /= 10) > 0);
    *dir = openat(parent, at, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *dir < 0 ? result_of(errno) : RESULT_OK;
}

/* ---- the files ---- */

/* Fields by their numbers in proc(5). */
enum {
    STAT_STATE = 3, /* the first behind the name */
    STAT_PARENT = 4,
    STAT_MINOR_FAULTS = 10,
    STAT_MAJOR_FAULTS = 12,
    STAT_USER = 14,
    STAT_SYSTEM = 15,
    STAT_THREADS = 20,
    STAT_START = 22,
    STAT_VIRTUAL = 23,
    STAT_RESIDENT = 24,
    STAT_FIELDS
};

/*
 * Field 2 is the name in brackets, which a program chooses: spaces, line feeds and brackets stand in it as they are. No
 * later field has a bracket, so that the last one ends the name.
 */
bool procfs_parse_stat(const struct procfs *fs, struct proc_stat *stat)
{
    uint64_t fields[STAT_FIELDS] = {0};
    if (fs->buffer.len == 0) return false;
    const char *open = memchr(fs->buffer.at, '(', fs->buffer.len), *close = memrchr(fs->buffer.at, ')', fs->buffer.len);
    if (!open || !close || close < open) return false;
    size_t n = (size_t)(close - open - 1);
    if (n > PROC_COMM_MAX) n = PROC_COMM_MAX;
    memcpy(stat->comm, open + 1, n);
    stat->comm[n] = '\0';
    if (close[1] != ' ' || close[2] == '\0' || close[3] != ' ') return false;
    stat->state = close[2];
    const char *at = close + 3;
    for (int field = STAT_PARENT; field < STAT_FIELDS; field++) {
        if (*at++ != ' ') return false;
        bool negative = *at == '-';
        at += negative;
        if (!parse_number(&at, &fields[field])) return false;
        if (negative) fields[field] = 0;
    }
    if (*at != ' ' && *at != '\n' && *at != '\0') return false;
    stat->parent = fields[STAT_PARENT] <= INT32_MAX ? (int)fields[STAT_PARENT] : 0;
    stat->minor_faults = fields[STAT_MINOR_FAULTS];
    stat->major_faults = fields[STAT_MAJOR_FAULTS];
    stat->user = fields[STAT_USER];
    stat->system = fields[STAT_SYSTEM];
    stat->threads = fields[STAT_THREADS];
    stat->start = fields[STAT_START];
    stat->virtual_bytes = fields[STAT_VIRTUAL];
    stat->resident_bytes = fields[STAT_RESIDENT] * fs->page_size;
    return true;
}

enum result procfs_read_stat(struct procfs *fs, int dir, struct proc_stat *stat)
{
    enum result result = read_whole(fs, dir, "stat");
    if (result != RESULT_OK) return result;
    return procfs_parse_stat(fs, stat) ? RESULT_OK : RESULT_ERROR;
}

enum result procfs_read_status(struct procfs *fs, int dir, struct proc_status *status)
{
    enum result result = read_whole(fs, dir, "status");
    uint64_t uid = 0, swap;
    if (result != RESULT_OK) return result;
    *status = (struct proc_status){0};
    /* The name, in the first line, has its line feeds escaped. */
    const char *line = strstr(fs->buffer.at, "\nUid:");
    if (!line) return RESULT_ERROR;
    line += 5;
    for (int i = 0; i < 2; i++) { /* real, effective */
        while (*line == ' ' || *line == '\t') line++;
        if (!parse_number(&line, &uid)) return RESULT_ERROR;
    }
    status->uid = (unsigned)uid;
    if (find_number(fs, "\nVmSwap:", &swap)) status->swap_bytes = swap * 1024; /* kernel threads have none */
    find_number(fs, "\nvoluntary_ctxt_switches:", &status->voluntary);
    find_number(fs, "\nnonvoluntary_ctxt_switches:", &status->nonvoluntary);
    return RESULT_OK;
}

enum result procfs_read_io(struct procfs *fs, int dir, struct proc_io *io)
{
    enum result result = read_whole(fs, dir, "io");
    if (result != RESULT_OK) return result;
    return find_number(fs, "\nread_bytes:", &io->read_bytes) && find_number(fs, "\nwrite_bytes:", &io->write_bytes)
               ? RESULT_OK
               : RESULT_ERROR;
}

enum result procfs_read_smaps(struct procfs *fs, int dir, struct proc_smaps *smaps)
{
    uint64_t pss, swap_pss;
    enum result result = read_whole(fs, dir, "smaps_rollup");
    if (result != RESULT_OK) return result;
    if (!find_number(fs, "\nPss:", &pss) || !find_number(fs, "\nSwapPss:", &swap_pss)) return RESULT_ERROR;
    *smaps = (struct proc_smaps){pss * 1024, swap_pss * 1024};
    return RESULT_OK;
}

enum result procfs_read_fd_limit(struct procfs *fs, int dir, uint64_t *limit)
{
    static const char key[] = "Max open files";
    enum result result = read_whole(fs, dir, "limits");
    if (result != RESULT_OK) return result;
    const char *line = fs->buffer.len > 0 ? strstr(fs->buffer.at, key) : NULL;
    if (!line) return RESULT_ERROR;
    line += sizeof key - 1;
    while (*line == ' ') line++;
    *limit = UINT64_MAX;
    return strncmp(line, "unlimited", 9) == 0 || parse_number(&line, limit) ? RESULT_OK : RESULT_ERROR;
}

enum result procfs_count_fds(struct procfs *fs, int dir, uint64_t *n)
{
    struct stat fds;
    long bytes;
    *n = 0;
    if (fs->counts_fds) {
        if (fstatat(dir, "fd", &fds, 0) < 0) return result_of(errno);
        *n = (uint64_t)fds.st_size;
        return RESULT_OK;
    }
    int fd = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return result_of(errno);
    while ((bytes = next_entries(fs, fd)) > 0) {
        for (long at = 0; at < bytes;) {
            const struct entry *e = (const struct entry *)(const void *)(fs->buffer.at + at);
            if (e->name[0] != '.') ++*n;
            at += e->length;
        }
    }
    int err = errno;
    close(fd);
    return bytes < 0 ? result_of(err) : RESULT_OK;
}

enum result procfs_read_wchan(struct procfs *fs, int dir, char wchan[PROC_WCHAN_MAX + 1])
{
    enum result result = read_whole(fs, dir, "wchan");
    size_t n = fs->buffer.len < PROC_WCHAN_MAX ? fs->buffer.len : PROC_WCHAN_MAX;
    wchan[0] = '\0';
    if (result != RESULT_OK || n == 0 || (n == 1 && fs->buffer.at[0] == '0')) return result;
    memcpy(wchan, fs->buffer.at, n);
    wchan[n] = '\0';
    return RESULT_OK;
}

enum result procfs_read_cmdline(int dir, struct buffer *cmdline, size_t max, bool *any)
{
    enum result result = read_file(dir, "cmdline", cmdline, max);
    if (cmdline->len > max) cmdline->len = max;
    *any = result == RESULT_OK && cmdline->len > 0;
    while (cmdline->len > 0 && cmdline->at[cmdline->len - 1] == '\0') cmdline->len--;
    return result;
}

enum result procfs_read_cgroups(struct procfs *fs, int dir, struct buffer *cgroups)
{
    enum result result = read_whole(fs, dir, "cgroup");
    cgroups->len = 0;
    if (!buffer_put(cgroups, "", 0)) return RESULT_NO_MEMORY;
    if (result != RESULT_OK) return result;
    /* 4:memory:/a/b */
    for (const char *line = fs->buffer.at; *line;) {
        const char *end = strchrnul(line, '\n'), *path = memchr(line, ':', (size_t)(end - line));
        if (path) path = memchr(path + 1, ':', (size_t)(end - path - 1));
        if (path) {
            if (cgroups->len > 0 && !buffer_put(cgroups, " ", 1)) return RESULT_NO_MEMORY;
            if (!buffer_put(cgroups, path + 1, (size_t)(end - path - 1))) return RESULT_NO_MEMORY;
        }
        line = *end ? end + 1 : end;
    }
    return RESULT_OK;
}
