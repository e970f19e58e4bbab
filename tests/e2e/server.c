/*
 * A program with metrics of every kind and a server at each address given; prints where they listen, one a line, and
 * ends with its input.
 */
#include <stdio.h>

#include <cprom/http.h>

int main(int argc, char **argv)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_counter_vec *runs;
    cprom_gauge *odd;
    cprom_histogram *seconds;
    cprom_summary *bytes;
    cprom_http_server *servers[8];
    if (cprom_counter_vec_new(registry,
                              CPROM_OPTS(cprom_opts, .name = "e2e_runs_total",
                                         .help = "Runs with \"quotes\" & <signs>.", .labels = {"pipeline"}),
                              &runs) ||
        cprom_gauge_new(registry, CPROM_OPTS(cprom_opts, .name = "e2e_odd", .help = "NaN."), &odd) ||
        cprom_histogram_new(registry, CPROM_OPTS(cprom_opts, .name = "e2e_seconds", .help = "H.", .unit = "seconds"),
                            &seconds) ||
        cprom_summary_new(registry, CPROM_OPTS(cprom_opts, .name = "e2e_bytes", .help = "S."), &bytes)) {
        return 1;
    }
    cprom_counter_vec_add(runs, CPROM_STRS("a\"b\\c\nd"), 3);
    cprom_counter_vec_add(runs, CPROM_STRS("\xc3\xbc"), 1e9);
    cprom_gauge_set(odd, 0.0 / 0.0);
    cprom_histogram_observe(seconds, 0.3);
    cprom_summary_observe(bytes, 1e6);
    for (int i = 1; i < argc && i <= 8; i++) {
        if (cprom_http_server_start(registry, CPROM_OPTS(cprom_http_server_opts, .address = argv[i]),
                                    &servers[i - 1])) {
            perror(argv[i]);
            return 1;
        }
        printf("%s\n", cprom_http_server_address(servers[i - 1]));
    }
    fflush(stdout);
    while (getchar() != EOF) {
    }
    for (int i = 1; i < argc && i <= 8; i++) cprom_http_server_stop(servers[i - 1]);
    return 0;
}
