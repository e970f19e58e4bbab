/*
 * A page of n gauges for wrk: prints the port when it listens, ends with its input.
 */
#include "../common/bench.h"
#include "core.h"

#include <cprom/http.h>

#include <stdio.h>
#include <string.h>

void bench_serve(int n)
{
    cprom_registry *registry;
    cprom_gauge_vec *vec;
    cprom_http_server *server;
    uint64_t state = 1;
    bench_check(cprom_registry_new(NULL, &registry), "cprom_registry_new");
    bench_check(cprom_gauge_vec_new(registry, BENCH_VEC_OPTS("bench"), &vec), "cprom_gauge_vec_new");
    for (int i = 0; i < n; i++) {
        char pipeline[32], step[32];
        snprintf(pipeline, sizeof pipeline, "pipeline-%d", i / 10);
        snprintf(step, sizeof step, "step-%d", i % 10);
        cprom_gauge_vec_set(vec, CPROM_STRS(pipeline, step), bench_random_double(&state));
    }
    bench_check(
        cprom_http_server_start(registry, CPROM_OPTS(cprom_http_server_opts, .address = "127.0.0.1:0"), &server),
        "cprom_http_server_start");
    printf("%s\n", strrchr(cprom_http_server_address(server), ':') + 1);
    fflush(stdout);
    getchar();
    cprom_http_server_stop(server);
    cprom_registry_free(registry);
}
