/* cprom-script-exporter: see script.h. */
#define _POSIX_C_SOURCE 200809L

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/stat.h>

#include "script.h"

struct exporter {
    struct runner runner;
    pthread_t thread;
    bool opened, started, whole;
};

static void *run(void *ptr)
{
    struct runner *runner = ptr;
    runner_run(runner);
    return NULL;
}

static bool start(void *ctx, cprom_registry *registry, bool once)
{
    struct exporter *exporter = ctx;
    struct runner *runner = &exporter->runner;
    struct stat status;
    runner->registry = registry;
    runner->once = once;
    int missing = stat(runner->directory, &status) != 0 ? errno : S_ISDIR(status.st_mode) ? 0 : ENOTDIR;
    if (missing) {
        say("--script.directory=%s: %s", runner->directory, strerror(missing));
        return false;
    }
    exporter->opened = true;
    if (!runner_open(runner)) return false;
    if (once) {
        exporter->whole = runner_run(runner);
        return exporter->whole;
    }
    int wrong = pthread_create(&exporter->thread, NULL, run, runner);
    exporter->started = !wrong;
    if (wrong) say("no thread: %s", strerror(wrong));
    return !wrong;
}

static bool well(void *ctx)
{
    const struct exporter *exporter = ctx;
    return runner_well(&exporter->runner);
}

static void stop(void *ctx)
{
    struct exporter *exporter = ctx;
    if (exporter->started) {
        runner_end(&exporter->runner);
        pthread_join(exporter->thread, NULL);
    }
    if (exporter->opened) runner_close(&exporter->runner);
}

static const char more[] = "Files of the directory named <seconds>_<name>, 60_disk.sh for instance, are run so often, "
                           "with half a second less to\n"
                           "end in. What they print, as Prometheus text or as a JSON array in the manner of "
                           "open-falcon's plugins, is on the page\n"
                           "with the label script=\"<name>\", until the next good run prints something else, or the "
                           "file is removed. Put files in\n"
                           "place by renaming them.\n";

int main(int argc, char **argv)
{
    struct exporter exporter = {
        .runner = {.directory = "/etc/cprom-script-exporter", .max_failures = 3, .max_output = 1 << 20}};
    const struct flag flags[] = {{"script.directory", FLAG_STRING, &exporter.runner.directory, "DIRECTORY",
                                  "Where the scripts are.", 0, 0, NULL},
                                 {"script.max-failures", FLAG_COUNT, &exporter.runner.max_failures, "N",
                                  "After so many failures in a row, what the last good run printed goes.", 1, 0, NULL},
                                 {"script.max-output", FLAG_COUNT, &exporter.runner.max_output, "BYTES",
                                  "A run that prints more fails.", 1, 1 << 30, NULL},
                                 {"script.allow-world-writable", FLAG_BOOL, &exporter.runner.allow_writable, NULL,
                                  "Run also scripts that anybody may write to, or whose directory is such.", 0, 0, NULL},
                                 {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
    const struct program program = {
        .name = "cprom-script-exporter",
        .about =
            "Runs the scripts of a directory, each every so many seconds, and shows what they print to Prometheus.",
        .address = ":9469",
        .flags = flags,
        .more = more,
        .ctx = &exporter,
        .start = start,
        .well = well,
        .stop = stop};
    return program_run(&program, argc, argv);
}
