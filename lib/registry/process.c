/* The standard process_* metrics. */
#define _DEFAULT_SOURCE 1 /* syscall */

#include "registry/process.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/syscall.h>
#include <sys/vfs.h>
#endif

#include "registry/emit.h"

#ifdef __linux__

/* As in linux/magic.h, which belongs to the kernel's headers and not to every libc's. */
#define PROCESS_PROC_MAGIC 0x9fa0
#endif

/* Names and help texts as in Prometheus' guide to writing client libraries. */
enum {
    PROCESS_CPU_SECONDS,
    PROCESS_OPEN_FDS,
    PROCESS_MAX_FDS,
    PROCESS_VIRTUAL_BYTES,
    PROCESS_VIRTUAL_MAX_BYTES,
    PROCESS_RESIDENT_BYTES,
    PROCESS_START_TIME,
    PROCESS_THREADS,
    PROCESS_FAMILIES
};

static const cprom_desc process_descs[PROCESS_FAMILIES] = {
    [PROCESS_CPU_SECONDS] = CPROM__OWN_COUNTER(.name = "process_cpu_seconds_total", .unit = "seconds",
                                               .help = "Total user and system CPU time spent in seconds."),
    [PROCESS_OPEN_FDS] = CPROM__OWN_GAUGE(.name = "process_open_fds", .help = "Number of open file descriptors."),
    [PROCESS_MAX_FDS] = CPROM__OWN_GAUGE(.name = "process_max_fds", .help = "Maximum number of open file descriptors."),
    [PROCESS_VIRTUAL_BYTES] = CPROM__OWN_GAUGE(.name = "process_virtual_memory_bytes", .unit = "bytes",
                                               .help = "Virtual memory size in bytes."),
    [PROCESS_VIRTUAL_MAX_BYTES] = CPROM__OWN_GAUGE(.name = "process_virtual_memory_max_bytes", .unit = "bytes",
                                                   .help = "Maximum amount of virtual memory available in bytes."),
    [PROCESS_RESIDENT_BYTES] = CPROM__OWN_GAUGE(.name = "process_resident_memory_bytes", .unit = "bytes",
                                                .help = "Resident memory size in bytes."),
    [PROCESS_START_TIME] = CPROM__OWN_GAUGE(.name = "process_start_time_seconds", .unit = "seconds",
                                            .help = "Start time of the process since unix epoch in seconds."),
    [PROCESS_THREADS] = CPROM__OWN_GAUGE(.name = "process_threads", .help = "Number of OS threads in the process."),
};

#ifdef __linux__

#define PROCESS_NUMBER_ABSENT UINT64_MAX /* none of the numbers here gets that far, but for limits, which are doubles */

/* ---- reading files ---- */

#define PROCESS_PATH_BYTES 1024u

static bool process_join_path(char path[PROCESS_PATH_BYTES], const char *root, const char *name)
{
    size_t root_len = strlen(root), name_len = strlen(name);
    if (root_len + name_len >= PROCESS_PATH_BYTES) return false;
    memcpy(path, root, root_len);
    memcpy(path + root_len, name, name_len + 1);
    return true;
}

static int process_open_below(const char *root, const char *name, int flags)
{
    char path[PROCESS_PATH_BYTES];
    int fd;
    if (!process_join_path(path, root, name)) return -1;
    do fd = open(path, O_RDONLY | O_CLOEXEC | flags);
    while (fd < 0 && errno == EINTR);
    return fd;
}

static ssize_t process_read_some(int fd, char *buf, size_t cap)
{
    ssize_t n;
    do n = read(fd, buf, cap);
    while (n < 0 && errno == EINTR);
    return n;
}

/* The first `cap` bytes of a file; 0: it is empty or cannot be read. */
static size_t process_read_file(const char *root, const char *name, char *buf, size_t cap)
{
    int fd = process_open_below(root, name, 0);
    if (fd < 0) return 0;
    size_t len = 0;
    ssize_t n = 1;
    while (len < cap && (n = process_read_some(fd, buf + len, cap - len)) > 0) len += (size_t)n;
    close(fd);
    return n < 0 ? 0 : len;
}

/* A number in decimal digits with one of the bytes of `ends`, or a NUL, behind: a text that is cut off gives none. */
static uint64_t process_parse_number(const char *at, const char *end, const char *ends)
{
    uint64_t number = 0;
    const char *start = at;
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');
        if (number > (UINT64_MAX - digit) / 10) return PROCESS_NUMBER_ABSENT;
        number = number * 10 + digit;
    }
    return at > start && at < end && strchr(ends, *at) ? number : PROCESS_NUMBER_ABSENT;
}

/* ---- /proc/<pid>/stat ---- */

/* Fields by their numbers in proc(5). */
enum {
    PROCESS_STAT_STATE = 3, /* the first behind the name */
    PROCESS_STAT_UTIME = 14,
    PROCESS_STAT_STIME = 15,
    PROCESS_STAT_THREADS = 20,
    PROCESS_STAT_START = 22,
    PROCESS_STAT_VSIZE = 23,
    PROCESS_STAT_RSS = 24,
    PROCESS_STAT_FIELDS
};

/*
 * Field 2 is the name in brackets, which a program may choose: blanks, line feeds and brackets stand in it as they are.
 * No later field has a bracket, so that the last one ends the name.
 */
static void process_read_stat(const char *root, const char *name, uint64_t fields[PROCESS_STAT_FIELDS])
{
    char text[2048];
    size_t len = process_read_file(root, name, text, sizeof text);
    const char *end = text + len, *at = end;
    for (size_t i = 0; i < PROCESS_STAT_FIELDS; i++) fields[i] = PROCESS_NUMBER_ABSENT;
    while (at > text && at[-1] != ')') at--;
    if (at == text || at == end || *at != ' ') return;
    for (size_t i = PROCESS_STAT_STATE; i < PROCESS_STAT_FIELDS; i++) {
        fields[i] = process_parse_number(++at, end, " \n");
        at = memchr(at, ' ', (size_t)(end - at));
        if (!at) return;
    }
}

/* ---- /proc/<pid>/limits ---- */

/* The soft limit of that line; negative: absent. No limit is 2^64 - 1, as client_golang has it. */
static double process_parse_limit(const char *text, size_t len, const char *title)
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
        uint64_t limit = process_parse_number(at, end, " ");
        return limit == PROCESS_NUMBER_ABSENT ? -1 : (double)limit;
    }
    return -1;
}

/* ---- /proc/stat ---- */

/* When the machine was started, in seconds since 1970. The file may be long: it has a number for each interrupt. */
static uint64_t process_read_boot_time(const char *root)
{
    static const char title[] = "btime ";
    const size_t title_len = sizeof title - 1, other_line = sizeof title;
    char text[1024], digits[24];
    size_t matched = 0, n_digits = 0; /* bytes of the title that the line begins with */
    uint64_t boot_time = PROCESS_NUMBER_ABSENT;
    bool found = false;
    int fd = process_open_below(root, "/stat", 0);
    if (fd < 0) return PROCESS_NUMBER_ABSENT;
    for (ssize_t n; !found && (n = process_read_some(fd, text, sizeof text)) > 0;) {
        for (ssize_t i = 0; i < n && !found; i++) {
            if (matched == title_len) {
                digits[n_digits++] = text[i];
                found = text[i] == '\n' || n_digits == sizeof digits;
                if (found) boot_time = process_parse_number(digits, digits + n_digits, "\n");
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
static uint64_t process_size_as_fds(const char *root, const char *name)
{
    char path[PROCESS_PATH_BYTES];
    struct statfs system;
    struct stat directory;
    if (!process_join_path(path, root, name) || statfs(path, &system) != 0 || system.f_type != PROCESS_PROC_MAGIC)
        return 0;
    return stat(path, &directory) == 0 && directory.st_size > 0 ? (uint64_t)directory.st_size : 0;
}

/* Whether the entry `name` of the directory `fd` leads to that directory itself. */
static bool process_leads_to_itself(int fd, const char *name)
{
    struct stat directory, target;
    return fstat(fd, &directory) == 0 && fstatat(fd, name, &target, 0) == 0 && directory.st_dev == target.st_dev &&
           directory.st_ino == target.st_ino;
}

/*
 * How many descriptors the directory lists without the one that reads it; 0: none, or it cannot be read. By the system
 * call, since opendir() allocates.
 */
static uint64_t process_list_fds(const char *root, const char *name)
{
    /* An entry as the kernel writes it; read bytewise, so that the buffer needs no alignment. */
    struct process_entry {
        uint64_t ino;
        int64_t off;
        unsigned short len;
        unsigned char type;
        char name[1];
    };
    char buf[4096];
    uint64_t count = 0;
    int fd = process_open_below(root, name, O_DIRECTORY);
    if (fd < 0) return 0;
    long n;
    while ((n = syscall(SYS_getdents64, fd, buf, sizeof buf)) > 0 || (n < 0 && errno == EINTR)) {
        for (long at = 0; at < n;) {
            const char *number = buf + at + offsetof(struct process_entry, name);
            unsigned short len;
            memcpy(&len, buf + at + offsetof(struct process_entry, len), sizeof len);
            at += len;
            uint64_t listed = process_parse_number(number, number + strlen(number) + 1, "");
            if (listed == PROCESS_NUMBER_ABSENT) continue;
            if (listed == (uint64_t)fd && process_leads_to_itself(fd, number)) continue;
            count++;
        }
    }
    close(fd);
    return n < 0 ? 0 : count;
}

static uint64_t process_count_fds(const char *root, const char *name)
{
    uint64_t count = process_size_as_fds(root, name);
    return count ? count : process_list_fds(root, name);
}

/* ---- collecting ---- */

/* A refusal stays in the scrape. */
static void process_emit_process(cprom_scrape *out, int family, double value)
{
    cprom_emit(out, &process_descs[family], CPROM_NO_STRS, value);
}

static void process_collect_stat(const char *root, cprom_scrape *out)
{
    uint64_t fields[PROCESS_STAT_FIELDS];
    long ticks = sysconf(_SC_CLK_TCK), page = sysconf(_SC_PAGESIZE);
    process_read_stat(root, "/self/stat", fields);
    if (ticks > 0 && fields[PROCESS_STAT_UTIME] != PROCESS_NUMBER_ABSENT &&
        fields[PROCESS_STAT_STIME] != PROCESS_NUMBER_ABSENT) {
        process_emit_process(out, PROCESS_CPU_SECONDS,
                             ((double)fields[PROCESS_STAT_UTIME] + (double)fields[PROCESS_STAT_STIME]) / (double)ticks);
    }
    uint64_t boot_time =
        fields[PROCESS_STAT_START] == PROCESS_NUMBER_ABSENT ? PROCESS_NUMBER_ABSENT : process_read_boot_time(root);
    if (ticks > 0 && boot_time != PROCESS_NUMBER_ABSENT) {
        process_emit_process(out, PROCESS_START_TIME,
                             (double)boot_time + (double)fields[PROCESS_STAT_START] / (double)ticks);
    }
    if (fields[PROCESS_STAT_THREADS] != PROCESS_NUMBER_ABSENT && fields[PROCESS_STAT_THREADS]) {
        process_emit_process(out, PROCESS_THREADS, (double)fields[PROCESS_STAT_THREADS]);
    }
    /* The main thread may have ended before the others; what it shared with them is then no longer seen through it. */
    if (!fields[PROCESS_STAT_VSIZE]) process_read_stat(root, "/thread-self/stat", fields);
    if (fields[PROCESS_STAT_VSIZE] != PROCESS_NUMBER_ABSENT && fields[PROCESS_STAT_VSIZE]) {
        process_emit_process(out, PROCESS_VIRTUAL_BYTES, (double)fields[PROCESS_STAT_VSIZE]);
    }
    if (page > 0 && fields[PROCESS_STAT_RSS] != PROCESS_NUMBER_ABSENT && fields[PROCESS_STAT_RSS]) {
        process_emit_process(out, PROCESS_RESIDENT_BYTES, (double)fields[PROCESS_STAT_RSS] * (double)page);
    }
}

static void process_collect_limits(const char *root, cprom_scrape *out)
{
    char text[4096];
    size_t len = process_read_file(root, "/self/limits", text, sizeof text);
    if (!len) return;
    double fds = process_parse_limit(text, len, "Max open files"),
           memory = process_parse_limit(text, len, "Max address space");
    if (fds >= 0) process_emit_process(out, PROCESS_MAX_FDS, fds);
    if (memory >= 0) process_emit_process(out, PROCESS_VIRTUAL_MAX_BYTES, memory);
}

static cprom_status process_collect_process(void *ctx, cprom_scrape *out)
{
    const char *root = ctx;
    process_collect_stat(root, out);
    process_collect_limits(root, out);
    uint64_t fds = process_count_fds(root, "/self/fd");
    if (!fds) fds = process_count_fds(root, "/thread-self/fd");
    if (fds) process_emit_process(out, PROCESS_OPEN_FDS, (double)fds);
    return CPROM_OK;
}

#else

static cprom_status process_collect_process(void *ctx, cprom_scrape *out)
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
    opts.collect = process_collect_process;
    opts.ctx = (void *)(uintptr_t)root;
    opts.descs = process_descs;
    opts.n_descs = PROCESS_FAMILIES;
    return cprom_collector_new(registry, &opts);
}

cprom_status cprom_process_collector_new(cprom_registry *registry)
{
    return cprom__process_collector_new(registry, "/proc");
}
