#include "metrics.h"

/* Names, labels and help texts are process-exporter's, so that its dashboards and alerts work. */
enum {
    NUM_PROCS,
    CPU_SECONDS,
    READ_BYTES,
    WRITE_BYTES,
    MAJOR_FAULTS,
    MINOR_FAULTS,
    SWITCHES,
    MEMORY,
    FDS,
    FD_RATIO,
    START,
    NUM_THREADS,
    STATES,
    WCHAN,
    THREAD_COUNT,
    THREAD_CPU,
    THREAD_IO,
    THREAD_MAJOR_FAULTS,
    THREAD_MINOR_FAULTS,
    THREAD_SWITCHES,
    SCRAPE_ERRORS,
    READ_ERRORS,
    PARTIAL_ERRORS,
    FAMILIES
};

#define GROUP(x) "namedprocess_namegroup_" x
#define FAMILY(kind, full, text, ...)                                                                                  \
    {                                                                                                                  \
        .size = sizeof(cprom_desc), .name = full, .help = text, .type = kind, .labels = { __VA_ARGS__ }                \
    }

static const cprom_desc descs[FAMILIES] = {
    [NUM_PROCS] = FAMILY(CPROM_GAUGE, GROUP("num_procs"), "number of processes in this group", "groupname"),
    [CPU_SECONDS] = FAMILY(CPROM_COUNTER, GROUP("cpu_seconds_total"), "Cpu user usage in seconds", "groupname", "mode"),
    [READ_BYTES] = FAMILY(CPROM_COUNTER, GROUP("read_bytes_total"), "number of bytes read by this group", "groupname"),
    [WRITE_BYTES] =
        FAMILY(CPROM_COUNTER, GROUP("write_bytes_total"), "number of bytes written by this group", "groupname"),
    [MAJOR_FAULTS] = FAMILY(CPROM_COUNTER, GROUP("major_page_faults_total"), "Major page faults", "groupname"),
    [MINOR_FAULTS] = FAMILY(CPROM_COUNTER, GROUP("minor_page_faults_total"), "Minor page faults", "groupname"),
    [SWITCHES] =
        FAMILY(CPROM_COUNTER, GROUP("context_switches_total"), "Context switches", "groupname", "ctxswitchtype"),
    [MEMORY] = FAMILY(CPROM_GAUGE, GROUP("memory_bytes"), "number of bytes of memory in use", "groupname", "memtype"),
    [FDS] = FAMILY(CPROM_GAUGE, GROUP("open_filedesc"), "number of open file descriptors for this group", "groupname"),
    [FD_RATIO] = FAMILY(CPROM_GAUGE, GROUP("worst_fd_ratio"),
                        "the worst (closest to 1) ratio between open fds and max fds among all procs in this group",
                        "groupname"),
    [START] = FAMILY(CPROM_GAUGE, GROUP("oldest_start_time_seconds"),
                     "start time in seconds since 1970/01/01 of oldest process in group", "groupname"),
    [NUM_THREADS] = FAMILY(CPROM_GAUGE, GROUP("num_threads"), "Number of threads", "groupname"),
    [STATES] =
        FAMILY(CPROM_GAUGE, GROUP("states"),
               "Number of processes in states Running, Sleeping, Waiting, Zombie, or Other", "groupname", "state"),
    [WCHAN] = FAMILY(CPROM_GAUGE, GROUP("threads_wchan"), "Number of threads in this group waiting on each wchan",
                     "groupname", "wchan"),
    [THREAD_COUNT] = FAMILY(CPROM_GAUGE, GROUP("thread_count"), "Number of threads in this group with same threadname",
                            "groupname", "threadname"),
    [THREAD_CPU] = FAMILY(CPROM_COUNTER, GROUP("thread_cpu_seconds_total"), "Cpu user/system usage in seconds",
                          "groupname", "threadname", "mode"),
    [THREAD_IO] = FAMILY(CPROM_COUNTER, GROUP("thread_io_bytes_total"), "number of bytes read/written by these threads",
                         "groupname", "threadname", "iomode"),
    [THREAD_MAJOR_FAULTS] = FAMILY(CPROM_COUNTER, GROUP("thread_major_page_faults_total"),
                                   "Major page faults for these threads", "groupname", "threadname"),
    [THREAD_MINOR_FAULTS] = FAMILY(CPROM_COUNTER, GROUP("thread_minor_page_faults_total"),
                                   "Minor page faults for these threads", "groupname", "threadname"),
    [THREAD_SWITCHES] = FAMILY(CPROM_COUNTER, GROUP("thread_context_switches_total"),
                               "Context switches for these threads", "groupname", "threadname", "ctxswitchtype"),
    [SCRAPE_ERRORS] = FAMILY(CPROM_COUNTER, "namedprocess_scrape_errors",
                             "general scrape errors: no proc metrics collected during a cycle", NULL),
    [READ_ERRORS] = FAMILY(CPROM_COUNTER, "namedprocess_scrape_procread_errors",
                           "incremented each time a proc's metrics collection fails", NULL),
    [PARTIAL_ERRORS] = FAMILY(
        CPROM_COUNTER, "namedprocess_scrape_partial_errors",
        "incremented each time a tracked proc's metrics collection fails partially, e.g. unreadable I/O stats", NULL),
};

static void emit(cprom_scrape *out, int family, const char *group, double value)
{
    cprom_emit(out, &descs[family], CPROM_STRS(group), value);
}

static void emit2(cprom_scrape *out, int family, const char *group, const char *label, double value)
{
    cprom_emit(out, &descs[family], CPROM_STRS(group, label), value);
}

static void emit_threads(cprom_scrape *out, const struct tracker *tracker, const char *group,
                         const struct thread_group *threads)
{
    const char *name = threads->node.key;
    const uint64_t *v = threads->counts.v;
    double ticks = tracker->fs.ticks;
    emit2(out, THREAD_COUNT, group, name, (double)threads->n);
    cprom_emit(out, &descs[THREAD_CPU], CPROM_STRS(group, name, "user"), (double)v[COUNT_USER] / ticks);
    cprom_emit(out, &descs[THREAD_CPU], CPROM_STRS(group, name, "system"), (double)v[COUNT_SYSTEM] / ticks);
    cprom_emit(out, &descs[THREAD_IO], CPROM_STRS(group, name, "read"), (double)v[COUNT_READ_BYTES]);
    cprom_emit(out, &descs[THREAD_IO], CPROM_STRS(group, name, "write"), (double)v[COUNT_WRITE_BYTES]);
    emit2(out, THREAD_MAJOR_FAULTS, group, name, (double)v[COUNT_MAJOR_FAULTS]);
    emit2(out, THREAD_MINOR_FAULTS, group, name, (double)v[COUNT_MINOR_FAULTS]);
    cprom_emit(out, &descs[THREAD_SWITCHES], CPROM_STRS(group, name, "voluntary"), (double)v[COUNT_VOLUNTARY]);
    cprom_emit(out, &descs[THREAD_SWITCHES], CPROM_STRS(group, name, "nonvoluntary"), (double)v[COUNT_NONVOLUNTARY]);
}

static void emit_group(cprom_scrape *out, const struct tracker *tracker, const struct proc_group *group)
{
    static const char *const states[N_STATES] = {"Running", "Sleeping", "Waiting", "Zombie", "Other"};
    const char *name = group->node.key;
    const uint64_t *v = group->counts.v;
    double ticks = tracker->fs.ticks;
    emit(out, NUM_PROCS, name, (double)group->procs);
    emit2(out, CPU_SECONDS, name, "user", (double)v[COUNT_USER] / ticks);
    emit2(out, CPU_SECONDS, name, "system", (double)v[COUNT_SYSTEM] / ticks);
    emit(out, READ_BYTES, name, (double)v[COUNT_READ_BYTES]);
    emit(out, WRITE_BYTES, name, (double)v[COUNT_WRITE_BYTES]);
    emit(out, MAJOR_FAULTS, name, (double)v[COUNT_MAJOR_FAULTS]);
    emit(out, MINOR_FAULTS, name, (double)v[COUNT_MINOR_FAULTS]);
    emit2(out, SWITCHES, name, "voluntary", (double)v[COUNT_VOLUNTARY]);
    emit2(out, SWITCHES, name, "nonvoluntary", (double)v[COUNT_NONVOLUNTARY]);
    emit2(out, MEMORY, name, "resident", (double)group->resident);
    emit2(out, MEMORY, name, "virtual", (double)group->virtual);
    emit2(out, MEMORY, name, "swapped", (double)group->swapped);
    if (tracker->options.smaps) {
        emit2(out, MEMORY, name, "proportionalResident", (double)group->pss);
        emit2(out, MEMORY, name, "proportionalSwapped", (double)group->swap_pss);
    }
    emit(out, FDS, name, (double)group->fds);
    emit(out, FD_RATIO, name, group->worst_fd_ratio);
    /* In whole seconds, rounded down. Without a process there is no such time. */
    if (group->oldest != UINT64_MAX)
        emit(out, START, name, (double)(tracker->fs.boot_time + group->oldest / (uint64_t)tracker->fs.ticks));
    emit(out, NUM_THREADS, name, (double)group->n_threads);
    for (int i = 0; i < N_STATES; i++) emit2(out, STATES, name, states[i], (double)group->states[i]);
    for (const struct node *node = NULL; (node = table_next(&group->wchans, node));)
        emit2(out, WCHAN, name, node->key, (double)((const struct wchan *)node)->n);
    for (const struct node *node = NULL; (node = table_next(&group->threads, node));)
        emit_threads(out, tracker, name, (const struct thread_group *)node);
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    struct tracker *tracker = ctx;
    enum result result = tracker_update(tracker);
    if (result == RESULT_NO_MEMORY) return CPROM_ENOMEM;
    if (result == RESULT_OK) {
        for (const struct node *node = NULL; (node = table_next(&tracker->groups, node));)
            emit_group(out, tracker, (const struct proc_group *)node);
    }
    cprom_emit(out, &descs[SCRAPE_ERRORS], CPROM_NO_STRS, (double)tracker->scrape_errors);
    cprom_emit(out, &descs[READ_ERRORS], CPROM_NO_STRS, (double)tracker->read_errors);
    cprom_emit(out, &descs[PARTIAL_ERRORS], CPROM_NO_STRS, (double)tracker->partial_errors);
    return CPROM_OK;
}

cprom_status metrics_register(struct tracker *tracker, cprom_registry *registry)
{
    return cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "namedprocess", .collect = collect,
                                                    .ctx = tracker, .descs = descs, .n_descs = FAMILIES));
}
