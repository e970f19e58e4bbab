/*
 * The same step durations twice: in a vector that is only ever set, and in one whose steps each run replaces. ghost.py makes a
 * picture of the two.
 *
 *   ghost      prints its address; each line of its input is a run: STEP=SECONDS...; it answers "ok"
 */
#include <cprom/http.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STEPS_MAX 16

static cprom_gauge_vec *new_vec(cprom_registry *registry, const char *name, const char *help)
{
    cprom_gauge_vec *vec;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = name, .help = help, .labels = {"pipeline", "step"}),
                        &vec);
    return vec;
}

int main(void)
{
    cprom_registry *registry = cprom_registry_default();
    cprom_gauge_vec *plain = new_vec(registry, "plain_step_duration_seconds", "Set, and never deleted.");
    cprom_gauge_vec *replaced = new_vec(registry, "replaced_step_duration_seconds", "Replaced by each run.");
    cprom_http_server *server;
    if (cprom_http_server_start(registry, CPROM_OPTS(cprom_http_server_opts, .address = "127.0.0.1:0"), &server))
        return 1;
    printf("%s\n", cprom_http_server_address(server));
    fflush(stdout);

    char line[1024];
    while (fgets(line, sizeof line, stdin)) {
        const char *names[STEPS_MAX][2];
        cprom_gauge_row rows[STEPS_MAX];
        size_t n = 0;
        for (char *step = strtok(line, " \n"); step && n < STEPS_MAX; step = strtok(NULL, " \n"), n++) {
            char *equals = strchr(step, '=');
            if (!equals) return 1;
            *equals = '\0';
            names[n][0] = "a";
            names[n][1] = step;
            rows[n] = (cprom_gauge_row){{names[n], 2}, atof(equals + 1)};
            cprom_gauge_vec_set(plain, rows[n].values, rows[n].value);
        }
        if (cprom_gauge_vec_replace(replaced, CPROM_LABELS({"pipeline", "a"}), rows, n, NULL) != CPROM_OK) return 1;
        puts("ok");
        fflush(stdout);
    }
    cprom_http_server_stop(server);
    return 0;
}
