/*
 * The benchmark of the HTTP server: bench_http [--quick] [--only cprom|prometheus-cpp]
 *
 * wrk asks over the loopback for pages that are encoded each time. In the same run, prometheus-cpp's exposer, if it can
 * be compiled (g++, prometheus-cpp-dev).
 */
#include "common/bench.c"

#include <cprom/http.h>

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef BENCH_HTTP_EXPOSER
#define BENCH_HTTP_EXPOSER "exposer.cc"
#endif

/* ---- wrk ---- */

struct load {
    double per_request; /* µs, over all connections */
    double p50;         /* µs */
};

static double microseconds(const char *text)
{
    char *unit;
    double value = strtod(text, &unit);
    return strncmp(unit, "us", 2) == 0 ? value : strncmp(unit, "ms", 2) == 0 ? value * 1e3 : value * 1e6;
}

/* false: it did not run, or (`strict`) some requests failed. */
static bool run_wrk(const char *address, const char *path, int connections, bool strict, struct load *load)
{
    char command[256], line[256];
    snprintf(command, sizeof command, "wrk -t1 -c%d -d%ds --latency http://%s%s 2>&1", connections,
             bench_options.quick ? 1 : 2, address, path);
    FILE *output = popen(command, "r");
    bool fine = true;
    *load = (struct load){0, 0};
    while (output && fgets(line, sizeof line, output)) {
        const char *at;
        if ((at = strstr(line, "50%")) && !load->p50) load->p50 = microseconds(at + 3);
        if ((at = strstr(line, "Requests/sec:"))) load->per_request = 1e6 / atof(at + 13);
        if (strict && (strstr(line, "Socket errors") || strstr(line, "Non-2xx"))) fine = false;
    }
    return output && pclose(output) == 0 && fine && load->per_request > 0 && load->p50 > 0;
}

/* ---- who answers ---- */

static double own_microseconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static const struct {
    int series, connections;
    const char *name;
    bool p50; /* else µs for each request */
    double goal;
} cases[] = {{100, 50, "100 series, 50 connections", false, 1e6 / 110e3},
             {100, 1, "100 series, 1 connection, p50", true, 85},
             {10000, 1, "10,000 series, 1 connection, p50", true, 600}};
#define CASES (sizeof cases / sizeof *cases)

/* Rounds of all cases against three servers' addresses, one for each case. */
static void measure(char addresses[CASES][64], bool ours)
{
    struct bench_row *rows[CASES], *cpu = NULL, *floor = NULL;
    for (size_t i = 0; i < CASES; i++) {
        rows[i] = bench_row(cases[i].name, "us", ours ? cases[i].goal : 0);
        if (!ours || i != 0) continue;
        cpu = bench_row("  processor time of the server", "us", 0);
        floor = bench_row("  a response of one line instead: sockets alone", "us", 0);
    }
    for (int round = 0; round < (bench_options.quick ? 1 : 5); round++) {
        for (size_t i = 0; i < CASES; i++) {
            struct load load;
            double before = own_microseconds(), start = bench_now();
            bench_check(run_wrk(addresses[i], "/metrics", cases[i].connections, ours, &load) ? CPROM_OK : CPROM_ESYS,
                        "wrk");
            double seconds = (bench_now() - start) / 1e9, used = own_microseconds() - before;
            bench_add(rows[i], cases[i].p50 ? load.p50 : load.per_request);
            if (!cpu || i != 0) continue;
            bench_add(cpu, used / (seconds * 1e6 / load.per_request));
            bench_check(run_wrk(addresses[i], "/-/healthy", 50, ours, &load) ? CPROM_OK : CPROM_ESYS, "wrk");
            bench_add(floor, load.per_request);
        }
    }
}

static void bench_ours(void)
{
    char addresses[CASES][64];
    cprom_registry *registries[CASES];
    cprom_http_server *servers[CASES];
    for (size_t i = 0; i < CASES; i++) {
        cprom_gauge_vec *vec;
        uint64_t state = 1;
        bench_check(cprom_registry_new(NULL, &registries[i]), "cprom_registry_new");
        bench_check(cprom_gauge_vec_new(registries[i], BENCH_VEC_OPTS("bench"), &vec), "cprom_gauge_vec_new");
        for (int k = 0; k < cases[i].series; k++) {
            char pipeline[32], step[32];
            snprintf(pipeline, sizeof pipeline, "pipeline-%d", k / 10);
            snprintf(step, sizeof step, "step-%d", k % 10);
            cprom_gauge_vec_set(vec, CPROM_STRS(pipeline, step), bench_random_double(&state));
        }
        bench_check(cprom_http_server_start(registries[i], CPROM_OPTS(cprom_http_server_opts, .address = "127.0.0.1:0"),
                                            &servers[i]),
                    "cprom_http_server_start");
        snprintf(addresses[i], sizeof addresses[i], "%s", cprom_http_server_address(servers[i]));
    }
    bench_begin("scrapes over HTTP");
    measure(addresses, true);
    bench_end();
    for (size_t i = 0; i < CASES; i++) {
        cprom_http_server_stop(servers[i]);
        cprom_registry_free(registries[i]);
    }
}

static void bench_prometheus_cpp(void)
{
    char directory[] = "/tmp/cprom-bench-XXXXXX", command[512], addresses[CASES][64];
    FILE *servers[CASES];
    int inputs[CASES][2];
    bench_check(mkdtemp(directory) ? CPROM_OK : CPROM_ESYS, "mkdtemp");
    snprintf(command, sizeof command,
             "g++ -O2 -std=c++17 '%s' -o %s/exposer -lprometheus-cpp-pull -lprometheus-cpp-core -lpthread >%s/log 2>&1",
             BENCH_HTTP_EXPOSER, directory, directory);
    if (system(command) != 0) {
        printf("prometheus-cpp: the exposer cannot be compiled here (prometheus-cpp-dev), see %s/log\n", directory);
        return;
    }
    for (size_t i = 0; i < CASES; i++) {
        bench_check(pipe(inputs[i]) == 0 ? CPROM_OK : CPROM_ESYS, "pipe");
        snprintf(command, sizeof command, "exec %s/exposer %d <&%d", directory, cases[i].series, inputs[i][0]);
        servers[i] = popen(command, "r");
        int port = 0;
        bench_check(servers[i] && fscanf(servers[i], "%d", &port) == 1 ? CPROM_OK : CPROM_ESYS, "the exposer");
        snprintf(addresses[i], sizeof addresses[i], "127.0.0.1:%d", port);
    }
    bench_begin("scrapes over HTTP, prometheus-cpp");
    measure(addresses, false);
    bench_end();
    for (size_t i = 0; i < CASES; i++) {
        if (write(inputs[i][1], "\n", 1) == 1) pclose(servers[i]);
    }
    snprintf(command, sizeof command, "rm -r %s", directory);
    if (system(command) != 0) printf("cannot remove %s\n", directory);
}

int main(int argc, char **argv)
{
    cpu_set_t all;
    sched_getaffinity(0, sizeof all, &all);
    bench_init(argc, argv);
    sched_setaffinity(0, sizeof all, &all); /* the server's thread and wrk are the kernel's to place */
    if (system("wrk --version >/dev/null 2>&1; [ $? -ne 127 ]") != 0) {
        printf("wrk is not installed\n");
        return 0;
    }
    printf("cprom %s; µs; a star: the median is over the goal\n", cprom_version());
    if (bench_wanted("cprom")) bench_ours();
    if (bench_wanted("prometheus-cpp")) bench_prometheus_cpp();
    return 0;
}
