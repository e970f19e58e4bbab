/*
 * The same as steps_delete.c in one call: these rows are the steps of the pipeline now, all others of it go. A scrape sees
 * the old run or the new one, and the program remembers nothing.
 */
#include <cprom/cprom.h>
#include <stdio.h>
#include <string.h>

static cprom_gauge_vec *duration;

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
    const cprom_gauge_row first[] = {{CPROM_STRS("a", "clone"), 1.5}, {CPROM_STRS("a", "build"), 20}};
    const cprom_gauge_row second[] = {{CPROM_STRS("a", "build"), 21}, {CPROM_STRS("a", "push"), 3}};
    cprom_gauge_vec_new(cprom_registry_default(),
                        CPROM_OPTS(cprom_opts, .name = "pipeline_step_duration_seconds", .unit = "seconds",
                                   .help = "Wall time of the step in the latest run.", .labels = {"pipeline", "step"},
                                   .owner = "pipeline"),
                        &duration);
    cprom_gauge_vec_replace(duration, CPROM_LABELS({"pipeline", "a"}), first, 2, NULL);
    show("clone and build");
    cprom_gauge_vec_replace(duration, CPROM_LABELS({"pipeline", "a"}), second, 2, NULL);
    show("build and push");
}
