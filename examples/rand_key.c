/*
 * The ghost series, and three ways without them: every 0.1 s a program works on a new key, and a metric has that key as
 * a label.
 *
 *   grow      a vector: the old keys stay for ever
 *   ttl       the same with a time to live of 1 s
 *   replace   the same, replaced as a whole each time
 *   callback  a collector that tells the key of the moment
 *
 * Prints how many series each has on the page, once a second for 5 s; with an argument, at once, on a clock of its own.
 */
#define _POSIX_C_SOURCE 200809L

#include <cprom/cprom.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static char key[32];       /* what the program works on */
static int64_t fake_clock; /* ns; 0: the real one */

static int64_t now(void *ctx)
{
    struct timespec t;
    (void)ctx;
    if (fake_clock) return fake_clock;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static cprom_status collect(void *ctx, cprom_scrape *out)
{
    static const cprom_desc working = {.size = sizeof working, .name = "callback", .help = "The key of the moment.",
                                       .type = CPROM_GAUGE, .labels = {"key"}};
    (void)ctx;
    return cprom_emit(out, &working, CPROM_STRS(key), 1);
}

static int series_on_page(const char *page, const char *family)
{
    int n = 0;
    size_t len = strlen(family);
    for (const char *line = page; line; line = strchr(line, '\n'), line = line ? line + 1 : NULL) {
        n += strncmp(line, family, len) == 0 && line[len] == '{';
    }
    return n;
}

int main(int argc, char **argv)
{
    cprom_registry *registry;
    cprom_gauge_vec *grow, *ttl, *replace;
    (void)argv;
    if (argc > 1) fake_clock = 1;
    if (cprom_registry_new(CPROM_OPTS(cprom_registry_opts, .monotonic_clock = now), &registry) != CPROM_OK) return 1;
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "grow", .help = "Only grows.", .labels = {"key"}), &grow);
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "ttl", .help = "Expires when idle.", .labels = {"key"},
                                             .ttl_seconds = 1), &ttl);
    cprom_gauge_vec_new(registry, CPROM_OPTS(cprom_opts, .name = "replace", .help = "Replaced as a whole.",
                                             .labels = {"key"}), &replace);
    cprom_collector_new(registry, CPROM_OPTS(cprom_collector_opts, .name = "keys", .collect = collect));

    for (int tick = 1; tick <= 50; tick++) {
        snprintf(key, sizeof key, "key-%d", tick);
        cprom_gauge_vec_set(grow, CPROM_STRS(key), 1);
        cprom_gauge_vec_set(ttl, CPROM_STRS(key), 1);
        cprom_gauge_row row = {CPROM_STRS(key), 1};
        cprom_gauge_vec_replace(replace, CPROM_NO_LABELS, &row, 1, NULL);
        if (fake_clock) {
            fake_clock += 100000000;
        } else {
            struct timespec pause = {0, 100000000};
            nanosleep(&pause, NULL);
        }
        if (tick % 10) continue;
        char *page;
        if (cprom_registry_text(registry, &page, NULL) != CPROM_OK) return 1;
        printf("after %2d keys: grow %2d, ttl %2d, replace %d, callback %d\n", tick, series_on_page(page, "grow"),
               series_on_page(page, "ttl"), series_on_page(page, "replace"), series_on_page(page, "callback"));
        fflush(stdout);
        cprom_text_free(page);
    }
    cprom_registry_free(registry);
    return 0;
}
