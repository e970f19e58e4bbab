/*
 * The plain school: the program remembers the steps of a pipeline's last run, and deletes the series of those that the new
 * run no longer has. A scrape in between may see the new steps and a stale one; see steps_replace.c.
 */
#include <cprom/cprom.h>
#include <stdio.h>
#include <string.h>

#define STEPS_MAX 8

struct step {
    const char *name;
    double seconds;
};

static cprom_gauge_vec *duration;

static bool has_step(const struct step *steps, size_t n, const char *name)
{
    while (n--) {
        if (strcmp(steps[n].name, name) == 0) return true;
    }
    return false;
}

static void run_finished(const char *pipeline, const struct step *steps, size_t n)
{
    static struct step last[STEPS_MAX]; /* of this one pipeline */
    static size_t n_last;
    for (size_t i = 0; i < n; i++) cprom_gauge_vec_set(duration, CPROM_STRS(pipeline, steps[i].name), steps[i].seconds);
    for (size_t i = 0; i < n_last; i++) {
        if (!has_step(steps, n, last[i].name)) cprom_gauge_vec_delete(duration, CPROM_STRS(pipeline, last[i].name));
    }
    n_last = n < STEPS_MAX ? n : STEPS_MAX;
    memcpy(last, steps, n_last * sizeof *last);
}

static void show(const char *when)
{
    char *page;
    if (cprom_registry_text(cprom_registry_default(), &page, NULL) != CPROM_OK) return;
    printf("after %s:\n", when);
    for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
        if (strstr(line, "{pipeline=")) printf("  %s\n", line);
    }
    cprom_text_free(page);
}

int main(void)
{
    static const struct step first[] = {{"clone", 1.5}, {"build", 20}}, second[] = {{"build", 21}, {"push", 3}};
    cprom_gauge_vec_new(cprom_registry_default(),
                        CPROM_OPTS(cprom_opts, .name = "pipeline_step_duration_seconds", .unit = "seconds",
                                   .help = "Wall time of the step in the latest run.", .labels = {"pipeline", "step"}),
                        &duration);
    run_finished("a", first, 2);
    show("clone and build");
    run_finished("a", second, 2);
    show("build and push");
}
