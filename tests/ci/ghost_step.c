/*
 * What the blocks of docs/ghost-step.md stand in. ghost_step.py writes each of them into a file of its own. Every way is given
 * a pipeline whose last run had clone and build, and prints the page behind it.
 */
#include <cprom/cprom.h>
#include <stdio.h>
#include <string.h>

struct step {
    const char *name;
    double seconds;
};

static const struct step last[] = {{"clone", 1.5}, {"build", 20}}, steps[] = {{"build", 21}, {"push", 3}};
static const size_t n_last = 2, n = 2;
static const char pipeline[] = "a";
static cprom_registry *registry;
static cprom_gauge_vec *duration;
static cprom_counter_vec *runs;

static bool has_step(const struct step *among, size_t count, const char *name)
{
    while (count--) {
        if (strcmp(among[count].name, name) == 0) return true;
    }
    return false;
}

static void declare(void)
{
#include "declare.inc"
}

static void by_delete(void)
{
#include "delete.inc"
}

static void by_replace(void)
{
#include "replace.inc"
}

static void by_update(void)
{
#include "update.inc"
}

static void show(const char *how, void (*run_ends)(void))
{
    char *page;
    cprom_registry_new(NULL, &registry);
    cprom_counter_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "ci_runs_total", .help = "Runs that ended.",
                                               .labels = {"pipeline", "status"}), &runs);
    declare();
    for (size_t i = 0; i < n_last; i++) cprom_gauge_vec_set(duration, CPROM_STRS(pipeline, last[i].name), last[i].seconds);
    run_ends();
    if (cprom_registry_text(registry, &page, NULL) != CPROM_OK) return;
    printf("%s\n", how);
    for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
        if (*line != '#') printf("%s\n", line);
    }
    cprom_text_free(page);
    cprom_registry_free(registry);
}

int main(void)
{
    show("delete", by_delete);
    show("replace", by_replace);
    show("update", by_update);
    return 0;
}
