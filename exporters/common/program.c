#define _POSIX_C_SOURCE 200809L

#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>

#include <cprom/http.h>

#define THREADS 2     /* one slow scrape leaves the other paths answering */
#define MAX_SCRAPES 40

bool program_ignores(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

struct common {
    bool help, version, once, no_own;
    const char *address, *path;
};

static void print_help(const struct program *program, const struct flag *const *tables)
{
    printf("usage: %s [flag...]\n\n%s\n\nFlags:\n\n", program->name, program->about);
    flags_print(tables);
    if (program->more) printf("\n%s", program->more);
}

/* Whether the page is out, and is whole. */
static bool print_page(const struct program *program, cprom_registry *registry)
{
    char buf[16384];
    cprom_page *page;
    cprom_status status = cprom_page_open(registry, NULL, &page);
    if (status) {
        say("no page: %s", cprom_status_string(status));
        return false;
    }
    for (size_t n; (n = cprom_page_read(page, buf, sizeof buf)) > 0;) fwrite(buf, 1, n, stdout);
    cprom_page_close(page);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        say("standard output: %s", strerror(errno));
        return false;
    }
    cprom_stats stats = CPROM_INIT(cprom_stats);
    cprom_registry_stats(registry, &stats);
    return stats.collector_failures == 0 && (!program->well || program->well(program->ctx));
}

/* Serves until a signal comes. */
static bool serve(const struct program *program, const struct common *common, cprom_registry *registry,
                  const sigset_t *signals)
{
    cprom_http_handler *handler;
    cprom_http_server *server;
    cprom_status status = cprom_http_handler_new(registry,
                                                 CPROM_OPTS(cprom_http_handler_opts, .program = program->name,
                                                            .path = common->path, .max_scrapes = MAX_SCRAPES),
                                                 &handler);
    if (status) {
        say("--web.telemetry-path=%s: %s", common->path, cprom_status_string(status));
        return false;
    }
    status = cprom_http_server_start(registry,
                                     CPROM_OPTS(cprom_http_server_opts, .address = common->address, .handler = handler,
                                                .threads = THREADS),
                                     &server);
    if (status) {
        const char *why = status == CPROM_ESYS ? strerror(errno) : cprom_status_string(status);
        say("--web.listen-address=%s: %s", common->address, why);
        cprom_http_handler_free(handler);
        return false;
    }
    int which;
    say("listens on %s, version %s", cprom_http_server_address(server), cprom_version());
    while (sigwait(signals, &which) != 0) continue;
    say("ends");
    cprom_http_server_stop(server);
    cprom_http_handler_free(handler);
    return true;
}

static bool run(const struct program *program, const struct common *common, const sigset_t *signals)
{
    cprom_registry *registry;
    cprom_status status = cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .log = say_line), &registry);
    if (!status && !common->no_own) status = cprom_process_collector_new(registry);
    if (status) {
        say("%s", cprom_status_string(status));
        cprom_registry_free(registry);
        return false;
    }
    bool good = program->start(program->ctx, registry, common->once);
    if (good) good = common->once ? print_page(program, registry) : serve(program, common, registry, signals);
    if (program->stop) program->stop(program->ctx);
    cprom_registry_free(registry);
    if (program->release) program->release(program->ctx);
    return good;
}

int program_run(const struct program *program, int argc, char **argv)
{
    struct common common = {.address = program->address, .path = "/metrics"};
    const struct flag flags[] = {
        {"help", FLAG_SWITCH, &common.help, NULL, "Show this and end.", 0, 0, NULL},
        {"version", FLAG_SWITCH, &common.version, NULL, "Show the version and end.", 0, 0, NULL},
        {"once", FLAG_SWITCH, &common.once, NULL, "Print the page and end; the exit code is 1 if something failed.", 0,
         0, NULL},
        {"web.listen-address", FLAG_STRING, &common.address, "ADDRESS",
         "Where to listen: \":9100\", \"127.0.0.1:9100\", \"[::1]:9100\", \"unix:/path\"; port 0: any.", 0, 0, NULL},
        {"web.telemetry-path", FLAG_STRING, &common.path, "PATH", "Where the metrics are.", 0, 0, NULL},
        {"web.disable-exporter-metrics", FLAG_BOOL, &common.no_own, NULL,
         "Leave out the metrics about the exporter itself (process_*).", 0, 0, NULL},
        {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
    static const struct flag none[] = {{NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
    const struct flag *const tables[] = {flags, program->flags ? program->flags : none, NULL};
    char why[512];

    say_as(program->name);
    for (int i = 1; i < argc; i++) { /* first of all, so that it shows the defaults */
        if (strcmp(argv[i], "-h") != 0 && strcmp(argv[i], "-help") != 0 && strcmp(argv[i], "--help") != 0) continue;
        print_help(program, tables);
        return fflush(stdout) == 0 ? 0 : 1;
    }
    int rest = flags_parse(tables, argc, argv, why, sizeof why);
    if (rest >= 0 && rest < argc) snprintf(why, sizeof why, "unexpected argument %s", argv[rest]);
    if (rest < argc) {
        say("%s; see --help", why);
        return 2;
    }
    if (common.version) {
        printf("%s %s\n", program->name, cprom_version());
        return fflush(stdout) == 0 ? 0 : 1;
    }

    static const int ends[] = PROGRAM_SIGNALS;
    sigset_t signals;
    sigemptyset(&signals);
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        if (!program_ignores(ends[i])) sigaddset(&signals, ends[i]);
    }
    if (!common.once) pthread_sigmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN); /* whoever reads our output may go */
    signal(SIGCHLD, SIG_DFL); /* ignored, it would keep us from waiting for children */
    return run(program, &common, &signals) ? 0 : 1;
}
