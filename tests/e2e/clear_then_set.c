/*
 * The contrast, how not to do it: the steps of the last run are cleared when the next begins, and set when it has ended. In
 * between, every scrape sees a pipeline without steps.
 *
 *   clear_then_set SECONDS      each run takes so long; serves until its standard input ends
 */
#define _POSIX_C_SOURCE 200809L

#include <cprom/http.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static bool input_ends_within(int milliseconds)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    char byte;
    return poll(&input, 1, milliseconds) > 0 && read(0, &byte, 1) <= 0;
}

int main(int argc, char **argv)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_http_server *server;
    cprom_gauge_vec *duration;
    int run = argc > 1 ? (int)(atof(argv[1]) * 1000) : 2000;
    cprom_gauge_vec_new(registry,
                        CPROM_OPTS(cprom_opts, .name = "hole_step_duration_seconds", .help = "Cleared, then set.",
                                   .labels = {"pipeline", "step"}),
                        &duration);
    if (cprom_http_server_start(registry, CPROM_OPTS(cprom_http_server_opts, .address = "127.0.0.1:0"), &server)) return 1;
    printf("%s\n", cprom_http_server_address(server));
    fflush(stdout);
    do {
        cprom_gauge_vec_clear(duration);
        if (input_ends_within(run)) break;
        cprom_gauge_vec_set(duration, CPROM_STRS("a", "build"), run / 1000.0);
        cprom_gauge_vec_set(duration, CPROM_STRS("a", "push"), run / 1000.0);
    } while (!input_ends_within(run));
    cprom_http_server_stop(server);
    return 0;
}
