/* node_cpu_*: times of each CPU from /proc/stat; throttling and isolation from sysfs. */
#include "lines.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum mode {
    USER,
    NICE,
    SYSTEM,
    IDLE,
    IOWAIT,
    IRQ,
    SOFTIRQ,
    STEAL,
    GUEST,
    GUEST_NICE,
    N_MODES
};

static const char *const mode_names[N_MODES] = {"user", "nice",    "system", "idle", "iowait",
                                                "irq",  "softirq", "steal",  "user", "nice"};

enum {
    DESC_SECONDS,
    DESC_GUEST,
    DESC_CORE,
    DESC_PACKAGE,
    DESC_ISOLATED
};
static const cprom_desc descs[] = {
    [DESC_SECONDS] =
        DESC_LABELS(CPROM_COUNTER, "node_cpu_seconds_total", "Seconds the CPUs spent in each mode.", "cpu", "mode"),
    [DESC_GUEST] = DESC_LABELS(CPROM_COUNTER, "node_cpu_guest_seconds_total",
                               "Seconds the CPUs spent in guests (VMs) for each mode.", "cpu", "mode"),
    [DESC_CORE] = DESC_LABELS(CPROM_COUNTER, "node_cpu_core_throttles_total",
                              "Number of times this CPU core has been throttled.", "package", "core"),
    [DESC_PACKAGE] = DESC_LABELS(CPROM_COUNTER, "node_cpu_package_throttles_total",
                                 "Number of times this CPU package has been throttled.", "package"),
    [DESC_ISOLATED] =
        DESC_LABELS(CPROM_GAUGE, "node_cpu_isolated",
                    "Whether each core is isolated, information from /sys/devices/system/cpu/isolated.", "cpu"),
};

struct cpu {
    char id[12];
    bool seen;               /* by this scrape */
    int n_modes;             /* that the kernel has */
    double seconds[N_MODES]; /* as shown last */
};

/* A core or package (whose core is "") whose throttling was looked at in this scrape. */
struct throttled {
    char package[24], core[24];
};

struct cpus {
    struct cpu *v;
    size_t n, room;
    size_t next; /* where the next is likely to be */
    struct throttled *throttled;
    size_t n_throttled, throttled_room;
};

static bool cpu_start(const struct flags *flags, void **state, char *why, size_t n_why)
{
    (void)flags;
    (void)why;
    (void)n_why;
    return (*state = calloc(1, sizeof(struct cpus))) != NULL;
}

static void cpu_stop(void *state)
{
    struct cpus *cpus = state;
    if (!cpus) return;
    free(cpus->v);
    free(cpus->throttled);
    free(cpus);
}

/* They nearly always come in the order of the scrape before: it is looked for from there. */
static struct cpu *find(struct cpus *cpus, const char *id)
{
    for (size_t i = 0; i < cpus->n; i++) {
        size_t at = (cpus->next + i) % cpus->n;
        if (strcmp(cpus->v[at].id, id) != 0) continue;
        cpus->next = at + 1;
        return &cpus->v[at];
    }
    return NULL;
}

static struct cpu *add(struct cpus *cpus, const char *id)
{
    if (cpus->n == cpus->room) {
        size_t room = cpus->room ? 2 * cpus->room : 8;
        struct cpu *v = realloc(cpus->v, room * sizeof *v);
        if (!v) return NULL;
        cpus->v = v;
        cpus->room = room;
    }
    struct cpu *cpu = &cpus->v[cpus->n++];
    *cpu = (struct cpu){.seen = false};
    snprintf(cpu->id, sizeof cpu->id, "%s", id);
    return cpu;
}

/*
 * The kernel's idle and iowait times can step back a little, which would look like a counter reset; they are held
 * then. A step of three seconds means that the CPU was taken out and put in again.
 */
static void update(struct cpu *cpu, const double now[N_MODES])
{
    if (cpu->seconds[IDLE] - now[IDLE] >= 3) memset(cpu->seconds, 0, sizeof cpu->seconds);
    for (int i = 0; i < N_MODES; i++) {
        if (now[i] > cpu->seconds[i]) cpu->seconds[i] = now[i];
    }
}

static bool is_id(const char *id)
{
    size_t len = strlen(id);
    return len && len < sizeof((struct cpu *)0)->id && strspn(id, "0123456789") == len;
}

/* Older kernels have fewer modes, but four in any case. */
static void read_cpu(const struct lines *lines, char *line)
{
    struct cpus *cpus = lines->scrape->state;
    const char *id = next_word(&line) + 3;
    double now[N_MODES] = {0}, ticks = (double)sysconf(_SC_CLK_TCK);
    int n = 0;
    for (const char *word; n < N_MODES && (word = next_word(&line)); n++) {
        if (!parse_number(word, &now[n])) {
            lines_fail(lines, "cpu%s: one of its times is no number", id);
            return;
        }
        now[n] /= ticks;
    }
    if (!is_id(id) || n <= IDLE) {
        lines_fail(lines, "it is no line of a CPU");
        return;
    }
    struct cpu *cpu = find(cpus, id);
    if (!cpu) cpu = add(cpus, id);
    if (!cpu) {
        fail(lines->scrape, "out of memory");
        return;
    }
    cpu->n_modes = n;
    if (cpu->seen) memcpy(cpu->seconds, now, sizeof now);
    else update(cpu, now);
    cpu->seen = true;
}

static void read_stat(struct scrape *scrape)
{
    struct cpus *cpus = scrape->state;
    struct lines lines;
    for (size_t i = 0; i < cpus->n; i++) cpus->v[i].seen = false;
    cpus->next = 0;
    if (lines_open(&lines, scrape, scrape->flags->procfs, "stat")) {
        for (char *line; (line = lines_next(&lines));) {
            if (strncmp(line, "cpu", 3) == 0 && line[3] != ' ') read_cpu(&lines, line);
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < cpus->n; i++) {
        if (cpus->v[i].seen) cpus->v[n++] = cpus->v[i];
    }
    cpus->n = n;
    if (!n) fail(scrape, "%s/stat: there is no line of a CPU", scrape->flags->procfs);
}

static void show_times(struct scrape *scrape)
{
    const struct cpus *cpus = scrape->state;
    for (size_t i = 0; i < cpus->n; i++) {
        for (int mode = 0; mode < GUEST && mode < cpus->v[i].n_modes; mode++) {
            show(scrape, &descs[DESC_SECONDS], CPROM_STRS(cpus->v[i].id, mode_names[mode]), cpus->v[i].seconds[mode]);
        }
    }
    for (size_t i = 0; i < cpus->n && scrape->flags->cpu_guest; i++) {
        for (int mode = GUEST; mode < cpus->v[i].n_modes; mode++) {
            show(scrape, &descs[DESC_GUEST], CPROM_STRS(cpus->v[i].id, mode_names[mode]), cpus->v[i].seconds[mode]);
        }
    }
}

/* "0-3,8,10-11" */
static void show_isolated(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_try(&lines, scrape, scrape->reader, scrape->flags->sysfs, "devices/system/cpu/isolated")) return;
    lines.may_be_open = true;
    const char *at = lines_next(&lines);
    while (at && *at) {
        char *end;
        unsigned long first = strtoul(at, &end, 10), last = first;
        bool valid = *at >= '0' && *at <= '9';
        if (valid && *end == '-') {
            at = end + 1;
            last = strtoul(at, &end, 10);
            valid = *at >= '0' && *at <= '9';
        }
        if (!valid || last > 65535 || (*end && *end != ',')) {
            lines_fail(&lines, "it is no list of CPUs");
            return;
        }
        for (unsigned long i = first; i <= last; i++) {
            char id[24];
            snprintf(id, sizeof id, "%lu", i);
            show(scrape, &descs[DESC_ISOLATED], CPROM_STRS(id), 1);
        }
        at = *end == ',' ? end + 1 : end;
    }
}

/* Whether the core, or the package, has not been looked at yet. */
static bool is_new(struct cpus *cpus, const char *package, const char *core)
{
    for (size_t i = 0; i < cpus->n_throttled; i++) {
        if (strcmp(cpus->throttled[i].package, package) == 0 && strcmp(cpus->throttled[i].core, core) == 0)
            return false;
    }
    return true;
}

static void remember(struct cpus *cpus, const char *package, const char *core)
{
    if (cpus->n_throttled == cpus->throttled_room) {
        size_t room = cpus->throttled_room ? 2 * cpus->throttled_room : 8;
        struct throttled *v = realloc(cpus->throttled, room * sizeof *v);
        if (!v) return;
        cpus->throttled = v;
        cpus->throttled_room = room;
    }
    struct throttled *added = &cpus->throttled[cpus->n_throttled++];
    snprintf(added->package, sizeof added->package, "%.23s", package);
    snprintf(added->core, sizeof added->core, "%.23s", core);
}

static bool read_number(int dir, const char *cpu, const char *file, char text[READ_SMALL], uint64_t *value)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", cpu, file);
    return read_small(dir, path, text) && parse_u64(text, value);
}

/* Likewise, of a file that has a number if it is there. */
static bool read_count(struct scrape *scrape, int dir, const char *cpu, const char *file, uint64_t *value)
{
    char path[300], text[READ_SMALL];
    snprintf(path, sizeof path, "%s/thermal_throttle/%s", cpu, file);
    if (!read_small(dir, path, text)) return false;
    return parse_u64(text, value) ||
           fail(scrape, "%s/devices/system/cpu/%s: it is no number", scrape->flags->sysfs, path);
}

/* The hardware threads of a core, and the cores of a package, count the same; one is enough. */
static void show_throttles_of(struct scrape *scrape, int dir, const char *cpu)
{
    char package[READ_SMALL], core[READ_SMALL];
    uint64_t value;
    struct cpus *cpus = scrape->state;
    if (!read_number(dir, cpu, "topology/physical_package_id", package, &value)) return;
    if (!read_number(dir, cpu, "topology/core_id", core, &value)) return;
    if (is_new(cpus, package, core) && read_count(scrape, dir, cpu, "core_throttle_count", &value)) {
        show(scrape, &descs[DESC_CORE], CPROM_STRS(package, core), (double)value);
        remember(cpus, package, core);
    }
    if (is_new(cpus, package, "") && read_count(scrape, dir, cpu, "package_throttle_count", &value)) {
        show(scrape, &descs[DESC_PACKAGE], CPROM_STRS(package), (double)value);
        remember(cpus, package, "");
    }
}

static void show_throttles(struct scrape *scrape)
{
    int fd = open_directory(scrape->flags->sysfs, "devices/system/cpu");
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        if (fd >= 0) close(fd);
        return;
    }
    ((struct cpus *)scrape->state)->n_throttled = 0;
    for (struct dirent *entry; (entry = readdir(dir));) {
        if (strncmp(entry->d_name, "cpu", 3) != 0 || entry->d_name[3] < '0' || entry->d_name[3] > '9') continue;
        show_throttles_of(scrape, fd, entry->d_name);
    }
    closedir(dir);
}

static void cpu_collect(struct scrape *scrape)
{
    read_stat(scrape);
    show_times(scrape);
    show_throttles(scrape);
    show_isolated(scrape);
}

const struct collector cpu_collector = {"cpu", descs, COUNT_OF(descs), cpu_start, cpu_collect, cpu_stop};
