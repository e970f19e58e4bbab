/* The standard process_* metrics. */
#define _DEFAULT_SOURCE 1 /* syscall */

#include "registry/process.h"

#ifdef __linux__
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

/* As in linux/magic.h, which belongs to the kernel's headers and not to every libc's. */
#define PROC_MAGIC 0x9fa0
#endif

/* Names and help texts as in Prometheus' guide to writing client libraries. */
enum {
    CPU_SECONDS,
    OPEN_FDS,
    MAX_FDS,
    VIRTUAL_BYTES,
    VIRTUAL_MAX_BYTES,
    RESIDENT_BYTES,
    START_TIME,
    THREADS
};

static const cprom_desc process_descs[CPROM__PROCESS_FAMILIES] = {
    [CPU_SECONDS] = {.size = sizeof(cprom_desc),
                     .name = "process_cpu_seconds_total",
                     .unit = "seconds",
                     .help = "Total user and system CPU time spent in seconds.",
                     .type = CPROM_COUNTER},
    [OPEN_FDS] = {.size = sizeof(cprom_desc),
                  .name = "process_open_fds",
                  .help = "Number of open file descriptors.",
                  .type = CPROM_GAUGE},
    [MAX_FDS] = {.size = sizeof(cprom_desc),
                 .name = "process_max_fds",
                 .help = "Maximum number of open file descriptors.",
                 .type = CPROM_GAUGE},
    [VIRTUAL_BYTES] = {.size = sizeof(cprom_desc),
                       .name = "process_virtual_memory_bytes",
                       .unit = "bytes",
                       .help = "Virtual memory size in bytes.",
                       .type = CPROM_GAUGE},
    [VIRTUAL_MAX_BYTES] = {.size = sizeof(cprom_desc),
                           .name = "process_virtual_memory_max_bytes",
                           .unit = "bytes",
                           .help = "Maximum amount of virtual memory available in bytes.",
                           .type = CPROM_GAUGE},
    [RESIDENT_BYTES] = {.size = sizeof(cprom_desc),
                        .name = "process_resident_memory_bytes",
                        .unit = "bytes",
                        .help = "Resident memory size in bytes.",
                        .type = CPROM_GAUGE},
    [START_TIME] = {.size = sizeof(cprom_desc),
                    .name = "process_start_time_seconds",
                    .unit = "seconds",
                    .help = "Start time of the process since unix epoch in seconds.",
                    .type = CPROM_GAUGE},
    [THREADS] = {.size = sizeof(cprom_desc),
                 .name = "process_threads",
                 .help = "Number of OS threads in the process.",
                 .type = CPROM_GAUGE},
};

#ifdef __linux__

#define NUMBER_ABSENT UINT64_MAX /* none of the numbers here gets that far, but for limits, which are doubles */

/* ---- reading files ---- */

#define PATH_BYTES 1024u

static bool join_path(char path[PATH_BYTES], const char *root, const char *name)
{
    size_t root_len = strlen(root), name_len = strlen(name);
    if (root_len + name_len >= PATH_BYTES) return false;
    memcpy(path, root, root_len);
    memcpy(path + root_len, name, name_len + 1);
    return true;
}

static int open_below(const char *root, const char *name, int flags)
{
    char path[PATH_BYTES];
    int fd;
    if (!join_path(path, root, name)) return -1;
    do fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static ssize_t read_some(int fd, char *buf, size_t cap)
{
    ssize_t n;
    do n = read(fd, buf, cap);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The first `cap` bytes of a file; 0: it is empty or cannot be read. */
static size_t read_file(const char *root, const char *name, char *buf, size_t cap)
{
    int fd = open_below(root, name, 0);
    if (fd < 0) return 0;
    size_t len = 0;
    ssize_t n = 1;
    while (len < cap && (n = read_some(fd, buf + len, cap - len)) > 0) len += (size_t)n;
    close(fd);
    return n < 0 ? 0 : len;
}

/* A number in decimal digits with one of the bytes of `ends`, or a NUL, behind: a text that is cut off gives none. */
static uint64_t parse_number(const char *at, const char *end, const char *ends)
{
    uint64_t number = 0;
    const char *start = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) return NUMBER_ABSENT;
        number = number * 10 + digit;
    }
    return at > start && at < end && strchr(ends, *at) ? number : NUMBER_ABSENT;
}

/* ---- /proc/<pid>/stat ---- */

/* Fields by their numbers in proc(5). */
enum {
    STAT_STATE = 3, /* the first behind the name */
    STAT_UTIME = 14,
    STAT_STIME = 15,
    STAT_THREADS = 20,
    STAT_START = 22,
    STAT_VSIZE = 23,
    STAT_RSS = 24,
    STAT_FIELDS
};

/*
 * Field 2 is the name in brackets, which a program may choose: blanks, line feeds and brackets stand in it as they are.
 * No later field has a bracket, so that the last one ends the name.
 */
static void read_stat(const char *root, const char *name, uint64_t fields[STAT_FIELDS])
{
    char text[2048];
    size_t len = read_file(root, name, text, sizeof text);
    const char *end = text + len, *at = end;
    for (size_t i = 0; i < STAT_FIELDS; i++) fields[i] = NUMBER_ABSENT;
    while (at > text && at[-1] != ')') at--;
    if (at == text || at == end || *at != ' ') return;
    for (size_t i = STAT_STATE; i < STAT_FIELDS; i++) {
        fields[i] = parse_number(++at, end, " \n");
        at = memchr(at, ' ', (size_t)(end - at));
        if (!at) return;
    }
}

/* ---- /proc/<pid>/limits ---- */

/* The soft limit of that line; negative: absent. No limit is 2^64 - 1, as client_golang has it. */
static double parse_limit(const char *text, size_t len, const char *title)
{
    static const char unlimited[] = "unlimited ";
    size_t title_len = strlen(title);
    const char *end = text + len;
    for (const char *line = text; line; line = memchr(line, '\n', (size_t)(end - line))) {
        if (*line == '\n') line++;
        if ((size_t)(end - line) <= title_len || memcmp(line, title, title_len) != 0) continue;
        if (line[title_len] != ' ') continue; /* a longer title */
        const char *at = line + title_len;
        while (at < end && *at == ' ') at++;
        if ((size_t)(end - at) >= sizeof unlimited - 1 && memcmp(at, unlimited, sizeof unlimited - 1) == 0) {
            return (double)UINT64_MAX;
        }
        uint64_t limit = parse_number(at, end, " ");
        return limit == NUMBER_ABSENT ? -1 : (double)limit;
    }
    return -1;
}

/* ---- /proc/stat ---- */

/* When the machine was started, in seconds since 1970. The file may be long: it has a number for each interrupt. */
static uint64_t read_boot_time(const char *root)
{
    static const char title[] = "btime ";
    const size_t title_len = sizeof title - 1, other_line = sizeof title;
    char text[1024], digits[24];
    size_t matched = 0, n_digits = 0; /* bytes of the title that the line begins with */
    uint64_t boot_time = NUMBER_ABSENT;
    bool found = false;
    int fd = open_below(root, "/stat", 0);
    if (fd < 0) return NUMBER_ABSENT;
    for (ssize_t n; !found && (n = read_some(fd, text, sizeof text)) > 0;) {
        for (ssize_t i = 0; i < n && !found; i++) {
            if (matched == title_len) {
                digits[n_digits++] = text[i];
                found = text[i] == '\n' || n_digits == sizeof digits;
                if (found) boot_time = parse_number(digits, digits + n_digits, "\n");
            } else if (text[i] == '\n') {
                matched = 0;
            } else {
                matched = matched < title_len && text[i] == title[matched] ? matched + 1 : other_line;
            }
        }
    }
    close(fd);
    return boot_time;
}

/* ---- /proc/<pid>/fd ---- */

/*
 * Since Linux 6.2 the number is the directory's size; 0: it is not. That takes no descriptor and little time: listing
 * 10,000 took 12 ms.
 */
static uint64_t size_as_fds(const char *root, const char *name)
{
    char path[PATH_BYTES];
    struct statfs system;
    struct stat directory;
    if (!join_path(path, root, name) || statfs(path, &system) != 0 || system.f_type != PROC_MAGIC) return 0;
    return stat(path, &directory) == 0 && directory.st_size > 0 ? (uint64_t)directory.st_size : 0;
}

/* Whether the entry `name` of the directory `fd` leads to that directory itself. */
static bool leads_to_itself(int fd, const char *name)
{
    struct stat directory, target;
    return fstat(fd, &directory) == 0 && fstatat(fd, name, &target, 0) == 0 && directory.st_dev == target.st_dev &&
           directory.st_ino == target.st_ino;
}

/*
 * How many descriptors the directory lists without the one that reads it; 0: none, or it cannot be read. By the system
 * call, since opendir() allocates.
 */
static uint64_t list_fds(const char *root, const char *name)
{
    /* An entry as the kernel writes it; read bytewise, so that the buffer needs no alignment. */
    struct entry {
        uint64_t ino;
        int64_t off;
        unsigned short len;
        unsigned char type;
        char name[1];
    };
    char buf[4096];
    uint64_t count = 0;
    int fd = open_below(root, name, O_DIRECTORY);
    if (fd < 0) return 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
        for (long at = 0; at < n;) {
            const char *number = buf + at + offsetof(struct entry, name);
            unsigned short len;
            memcpy(&len, buf + at + offsetof(struct entry, len), sizeof len);
            at += len;
            uint64_t listed = parse_number(number, number + strlen(number) + 1, "");
            if (listed == NUMBER_ABSENT) continue;
            if (listed == (uint64_t)fd && leads_to_itself(fd, number)) continue;
            count++;
        }
    }
    close(fd);
    return n < 0 ? 0 : count;
}

static uint64_t count_fds(const char *root, const char *name)
{
    uint64_t count = size_as_fds(root, name);
    return count ? count : list_fds(root, name);
}

/* ---- collecting ---- */

/* A refusal stays in the scrape. */
static void emit_process(cprom_scrape *out, int family, double value)
{
    cprom_emit(out, &process_descs[family], CPROM_NO_STRS, value);
}

static void collect_stat(const char *root, cprom_scrape *out)
{
    uint64_t fields[STAT_FIELDS];
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    read_stat(root, "/self/stat", fields);
    if (ticks > 0 && fields[STAT_UTIME] != NUMBER_ABSENT && fields[STAT_STIME] != NUMBER_ABSENT) {
        emit_process(out, CPU_SECONDS, ((double)fields[STAT_UTIME] + (double)fields[STAT_STIME]) / (double)ticks);
    }
    uint64_t boot_time = fields[STAT_START] == NUMBER_ABSENT ? NUMBER_ABSENT : read_boot_time(root);
    if (ticks > 0 && boot_time != NUMBER_ABSENT) {
        emit_process(out, START_TIME, (double)boot_time + (double)fields[STAT_START] / (double)ticks);
    }
    if (fields[STAT_THREADS] != NUMBER_ABSENT && fields[STAT_THREADS]) {
        emit_process(out, THREADS, (double)fields[STAT_THREADS]);
    }
    /* The main thread may have ended before the others; what it shared with them is then no longer seen through it. */
    if (!fields[STAT_VSIZE]) read_stat(root, "/thread-self/stat", fields);
    if (fields[STAT_VSIZE] != NUMBER_ABSENT && fields[STAT_VSIZE]) {
        emit_process(out, VIRTUAL_BYTES, (double)fields[STAT_VSIZE]);
    }
    if (page > 0 && fields[STAT_RSS] != NUMBER_ABSENT && fields[STAT_RSS]) {
        emit_process(out, RESIDENT_BYTES, (double)fields[STAT_RSS] * (double)page);
    }
}

static void collect_limits(const char *root, cprom_scrape *out)
{
    char text[4096];
    size_t len = read_file(root, "/self/limits", text, sizeof text);
    if (!len) return;
    double fds = parse_limit(text, len, "Max open files"), memory = parse_limit(text, len, "Max address space");
    if (fds >= 0) emit_process(out, MAX_FDS, fds);
    if (memory >= 0) emit_process(out, VIRTUAL_MAX_BYTES, memory);
}

static cprom_status collect_process(void *ctx, cprom_scrape *out)
{
    const char *root = ctx;
    collect_stat(root, out);
    collect_limits(root, out);
    uint64_t fds = count_fds(root, "/self/fd");
    if (!fds) fds = count_fds(root, "/thread-self/fd");
    if (fds) emit_process(out, OPEN_FDS, (double)fds);
    return CPROM_OK;
}

#else

static cprom_status collect_process(void *ctx, cprom_scrape *out)
{
    (void)ctx;
    (void)out;
    return CPROM_OK;
}

#endif

cprom_status cprom__process_collector_new(cprom_registry *registry, const char *root)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = "process";
    opts.collect = collect_process;
    opts.ctx = (void *)(uintptr_t)root;
    opts.descs = process_descs;
    opts.n_descs = CPROM__PROCESS_FAMILIES;
    return cprom_collector_new(registry, &opts);
}

cprom_status cprom_process_collector_new(cprom_registry *registry)
{
    return cprom__process_collector_new(registry, "/proc");
}
