#define _POSIX_C_SOURCE 200809L

#include "program.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <pthread.h>
#include <unistd.h>

#include <cprom/http.h>

#include "auth.h"
#include "listen.h"
#include "web_config.h"

#define HEADER_BYTES 32768 /* cookies of a browser, behind a proxy that has many */
#define THREADS 2 /* one slow scrape leaves the other paths answering */

bool program_ignores(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

#define ADDRESSES_MAX 32

struct common {
    bool help, version, once, no_own, systemd;
    const char *addresses[ADDRESSES_MAX];
    size_t n_addresses; /* 0: the default */
    const char *path, *config_path;
    const char *log_level, *log_format;
    size_t max_scrapes;
    struct web_config config;
};

/* What serves: a server for each socket, and one handler. */
struct serving {
    cprom_http_handler *handler;
    cprom_http_server *servers[ADDRESSES_MAX];
    size_t n;
    struct auth *auth; /* NULL: everybody may */
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

static bool authorize(void *ctx, const cprom_http_request *request) { return auth_allows(ctx, request->authorization); }

/* `address` NULL: the socket `fd`. */
static bool start_server(struct serving *serving, cprom_registry *registry, const char *address, int fd)
{
    cprom_http_server_opts opts = {.size = sizeof opts,
                                   .address = address,
                                   .listen_fd = fd,
                                   .handler = serving->handler,
                                   .max_header_bytes = HEADER_BYTES,
                                   .threads = THREADS + (serving->auth ? AUTH_THREADS : 0),
                                   .authorize = serving->auth ? authorize : NULL,
                                   .authorize_ctx = serving->auth};
    cprom_status status = cprom_http_server_start(registry, &opts, &serving->servers[serving->n]);
    if (status) {
        const char *why = status == CPROM_ESYS ? strerror(errno) : cprom_status_string(status);
        if (address) say("--web.listen-address=%s: %s", address, why);
        else say("socket %d: %s", fd, why);
        return false;
    }
    say("listens on %s, version %s", cprom_http_server_address(serving->servers[serving->n]), cprom_version());
    serving->n++;
    return true;
}

static bool start_in_zone(struct serving *serving, cprom_registry *registry, const char *address)
{
    int fd = listen_in_zone(address);
    if (fd < 0) {
        say("--web.listen-address=%s: %s", address, strerror(errno));
        return false;
    }
    bool started = start_server(serving, registry, NULL, fd);
    close(fd);
    return started;
}

static bool start_inherited(struct serving *serving, cprom_registry *registry)
{
    int first = -1;
    size_t n = listen_inherited(&first);
    bool good = n > 0 && n <= ADDRESSES_MAX;
    if (!good) say("--web.systemd-socket: there are %s sockets (LISTEN_FDS)", n ? "too many" : "no");
    for (size_t i = 0; i < n; i++) {
        good = good && start_server(serving, registry, NULL, first + (int)i);
        close(first + (int)i);
    }
    return good;
}

static bool start_servers(struct serving *serving, const struct program *program, const struct common *common,
                          cprom_registry *registry)
{
    if (common->systemd) return start_inherited(serving, registry);
    for (size_t i = 0; i < common->n_addresses; i++) {
        const char *address = common->addresses[i];
        bool started = listen_has_zone(address) ? start_in_zone(serving, registry, address)
                                                : start_server(serving, registry, address, 0);
        if (!started) return false;
    }
    return common->n_addresses || start_server(serving, registry, program->address, 0);
}

/* Serves until a signal comes. */
static bool serve(const struct program *program, const struct common *common, cprom_registry *registry,
                  const sigset_t *signals)
{
    struct serving serving = {.n = 0};
    if (common->config.n_users && !(serving.auth = auth_new(&common->config))) {
        say("out of memory");
        return false;
    }
    cprom_status status = cprom_http_handler_new(registry,
                                                 CPROM_OPTS(cprom_http_handler_opts, .program = program->name,
                                                            .path = common->path, .max_scrapes = common->max_scrapes),
                                                 &serving.handler);
    if (status) say("--web.telemetry-path=%s: %s", common->path, cprom_status_string(status));
    bool good = !status && start_servers(&serving, program, common, registry);
    int which;
    while (good && sigwait(signals, &which) != 0) continue;
    if (good) say("ends");
    for (size_t i = 0; i < serving.n; i++) cprom_http_server_stop(serving.servers[i]);
    if (!status) cprom_http_handler_free(serving.handler);
    auth_free(serving.auth);
    return good;
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

static bool add_address(void *value, const char *text)
{
    struct common *common = value;
    if (common->n_addresses == ADDRESSES_MAX) return false;
    common->addresses[common->n_addresses++] = text;
    return true;
}

int program_run(const struct program *program, int argc, char **argv)
{
    struct common common = {
        .path = "/metrics", .config_path = "", .log_level = "info", .log_format = "logfmt", .max_scrapes = 40};
    const struct flag flags[] = {
        {"help", FLAG_SWITCH, &common.help, NULL, "Show this and end.", 0, 0, NULL},
        {"version", FLAG_SWITCH, &common.version, NULL, "Show the version and end.", 0, 0, NULL},
        {"once", FLAG_SWITCH, &common.once, NULL, "Print the page and end; the exit code is 1 if something failed.", 0,
         0, NULL},
        {"web.listen-address", FLAG_FUNC, &common, "ADDRESS",
         "Where to listen: \":9100\", \"127.0.0.1:9100\", \"[::1]:9100\", \"[fe80::1%eth0]:9100\",\n"
         "\"unix:/path\"; port 0: any. May be given several times.",
         0, 0, add_address},
        {"web.systemd-socket", FLAG_BOOL, &common.systemd, NULL, "Instead: on the sockets that systemd has opened.", 0,
         0, NULL},
        {"web.config.file", FLAG_STRING, &common.config_path, "FILE", "Who may ask: users and passwords, as YAML.", 0,
         0, NULL},
        {"web.max-requests", FLAG_COUNT, &common.max_scrapes, "N", "So many scrapes at a time; more get a 503. 0: any.",
         0, 0, NULL},
        {"web.telemetry-path", FLAG_STRING, &common.path, "PATH", "Where the metrics are.", 0, 0, NULL},
        {"web.disable-exporter-metrics", FLAG_BOOL, &common.no_own, NULL,
         "Leave out the metrics about the exporter itself (process_*).", 0, 0, NULL},
        {"log.level", FLAG_STRING, &common.log_level, "LEVEL", "As others have it; of no effect: little is said.", 0, 0,
         NULL},
        {"log.format", FLAG_STRING, &common.log_format, "FORMAT", "Likewise.", 0, 0, NULL},
        {NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
    static const struct flag none[] = {{NULL, FLAG_BOOL, NULL, NULL, NULL, 0, 0, NULL}};
    const struct flag *const tables[] = {flags, program->flags ? program->flags : none, NULL};
    char why[1024];

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

    if (*common.config_path && !web_config_read(&common.config, common.config_path, why, sizeof why)) {
        say("--web.config.file: %s", why);
        return 1;
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
    bool good = run(program, &common, &signals);
    web_config_free(&common.config);
    return good ? 0 : 1;
}
