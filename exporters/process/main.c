/* cprom-process-exporter: what groups of processes use, as process-exporter has it. See docs/exporters-process.md. */
#include <string.h>

#include "metrics.h"
#include "program.h"

static struct {
    const char *config, *procnames, *namemapping, *procfs;
    struct tracking options;
    struct rules rules;
    struct tracker tracker;
    bool open;
} self = {.procfs = "/proc",
          .options = {.children = true,
                      .threads = true,
                      .smaps = true,
                      .cmdline_max = 4096,
                      .groups_max = 2000,
                      .thread_names_max = 200}};

static bool set_empty(void *value, const char *text)
{
    enum empty_groups *empty = value;
    if (strcmp(text, "fixed") == 0) *empty = KEEP_FIXED;
    else if (strcmp(text, "all") == 0) *empty = KEEP_ALL;
    else if (strcmp(text, "none") == 0) *empty = KEEP_NONE;
    else return false;
    return true;
}

static const struct flag flags[] = {
    {"config.path", FLAG_STRING, &self.config, "FILE", "The groups, as YAML.", 0, 0, NULL},
    {"procnames", FLAG_STRING, &self.procnames, "NAME,...", "Instead: names of processes, each of which is a group.", 0,
     0, NULL},
    {"namemapping", FLAG_STRING, &self.namemapping, "NAME,REGEX,...",
     "With it: processes of that name belong to the group NAME:X, where X is\n"
     "the first capture of the expression in their command line.",
     0, 0, NULL},
    {"children", FLAG_BOOL, &self.options.children, NULL,
     "A process that is in no group of its own belongs to its parent's.", 0, 0, NULL},
    {"threads", FLAG_BOOL, &self.options.threads, NULL, "Show threads by their names, too.", 0, 0, NULL},
    {"gather-smaps", FLAG_BOOL, &self.options.smaps, NULL,
     "Show proportional memory, from smaps_rollup; that is costly for the kernel.", 0, 0, NULL},
    {"recheck", FLAG_BOOL, &self.options.recheck, NULL,
     "Look again in each scrape at processes that are in no group, since their\n"
     "arguments may change; a new name is seen in any case.",
     0, 0, NULL},
    {"cmdline-bytes", FLAG_COUNT, &self.options.cmdline_max, "BYTES",
     "So much of the arguments of a process is looked at.", 1, 65536, NULL},
    {"max-groups", FLAG_COUNT, &self.options.groups_max, "N",
     "With so many groups, what would be another is in the group other.", 1, 0, NULL},
    {"max-threadnames", FLAG_COUNT, &self.options.thread_names_max, "N",
     "Likewise with names of threads, in each group.", 1, 0, NULL},
    {"empty-groups", FLAG_FUNC, &self.options.empty, "fixed|all|none",
     "Which groups stay, with num_procs 0, without a process: those whose name is\n"
     "fixed (the default), all that there were, or none.",
     0, 0, set_empty},
    {"procfs", FLAG_STRING, &self.procfs, "DIRECTORY", "Where /proc is.", 0, 0, NULL},
    {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};

static bool read_rules(void)
{
    char why[RULES_ERROR_MAX];
    bool names = self.procnames || self.namemapping;
    bool ok = false;
    if (self.config && names) {
        say("--config.path goes without --procnames and --namemapping");
        return false;
    }
    if (self.config) ok = rules_read(&self.rules, self.config, why);
    else ok = rules_names(&self.rules, self.procnames, self.namemapping, why);
    if (!ok) say("%s", why);
    else if (self.rules.n == 0) say("which processes? --config.path or --procnames says so");
    return ok && self.rules.n > 0;
}

static bool start(void *ctx, cprom_registry *registry, bool once)
{
    char why[256];
    (void)ctx;
    (void)once;
    if (!read_rules()) return false;
    self.open = tracker_open(&self.tracker, &self.options, &self.rules, self.procfs, why, sizeof why);
    if (!self.open) {
        say("%s", why);
        return false;
    }
    cprom_status status = metrics_register(&self.tracker, registry);
    if (status) say("%s", cprom_status_string(status));
    return !status;
}

static bool well(void *ctx)
{
    (void)ctx;
    return self.tracker.scrape_errors == 0;
}

static void release(void *ctx)
{
    (void)ctx;
    rules_free(&self.rules);
    if (self.open) tracker_close(&self.tracker);
}

int main(int argc, char **argv)
{
    const struct program program = {
        .name = "cprom-process-exporter",
        .about = "Shows Prometheus what groups of processes use.",
        .address = ":9256",
        .flags = flags,
        .start = start,
        .well = well,
        .release = release,
    };
    return program_run(&program, argc, argv);
}
