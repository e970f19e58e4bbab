/*
 * Pipeline files. One thing per line:
 *
 *      # a comment
 *      every 30s                   starts a run that often, and not only when the file changes
 *      timeout 60s                 what a step may take; 10m if nothing is said
 *      parallel 2                  so many runs may go on at a time; 1 if nothing is said
 *      retry 1                     so often a step that fails is tried again; 0 if nothing is said
 *      step NAME: shell command    at least one; they run in this order, until one fails
 *
 * Durations are whole numbers of ms, s, m or h.
 */
#define _POSIX_C_SOURCE 200809L

#include "pipelined.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TIMEOUT_DEFAULT (600 * SECOND)
#define RETRY_MAX 10

bool is_name(const char *text, size_t n)
{
    static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
    return n > 0 && n < 200 && text[0] != '.' && strspn(text, allowed) >= n;
}

/* Nanoseconds; 0: not a duration. */
static int64_t parse_duration(const char *text)
{
    static const struct {
        const char *name;
        int64_t factor;
    } units[] = {{"ms", SECOND / 1000}, {"s", SECOND}, {"m", 60 * SECOND}, {"h", 3600 * SECOND}};
    char *end;
    if (*text < '0' || *text > '9') return 0;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(end, units[i].name) != 0) continue;
        return errno || number > INT64_MAX / 2 / units[i].factor ? 0 : number * units[i].factor;
    }
    return 0;
}

/* 0: not a number from 1 to `most`. */
static int64_t parse_number(const char *text, int64_t most)
{
    char *end;
    if (*text < '0' || *text > '9') return 0;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    return errno || *end || number > most ? 0 : number;
}

/* What is wrong with the step; NULL: nothing. `text` is what follows the word "step". */
static const char *add_step(struct plan *plan, const char *text)
{
    const char *colon = strchr(text, ':');
    if (!colon) return "a step is 'step NAME: shell command'";
    size_t n = (size_t)(colon - text);
    const char *command = colon + 1 + strspn(colon + 1, " \t");
    if (!is_name(text, n)) return "a step's name is letters, digits, and . _ - behind the first";
    if (!*command) return "a step without a command";
    for (size_t i = 0; i < plan->n_steps; i++) {
        if (strlen(plan->steps[i].name) == n && strncmp(plan->steps[i].name, text, n) == 0)
            return "a second step of this name";
    }
    struct step *steps = realloc(plan->steps, (plan->n_steps + 1) * sizeof *steps);
    if (!steps) return "no memory";
    plan->steps = steps;
    struct step step = {.name = strndup(text, n), .command = strdup(command)};
    steps[plan->n_steps++] = step; /* analyzer: plan_unref() frees what it points to */
    return step.name && step.command ? NULL : "no memory";
}

/* Takes in one line, without the blanks around it. What is wrong with it; NULL: nothing. */
static const char *add_line(struct plan *plan, const char *line)
{
    if (!*line || *line == '#') return NULL;
    size_t n = strcspn(line, " \t");
    const char *rest = line + n + strspn(line + n, " \t");
    if (n == 4 && strncmp(line, "step", n) == 0) return add_step(plan, rest);
    const struct {
        const char *word;
        int64_t *value, most; /* `most` 0: it is a duration */
    } known[] = {{"every", &plan->every, 0},
                 {"timeout", &plan->timeout, 0},
                 {"parallel", &plan->parallel, PARALLEL_MAX},
                 {"retry", &plan->retry, RETRY_MAX}};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        if (strlen(known[i].word) != n || strncmp(line, known[i].word, n) != 0) continue;
        if (*known[i].value) return "said twice";
        *known[i].value = known[i].most ? parse_number(rest, known[i].most) : parse_duration(rest);
        if (*known[i].value) return NULL;
        return known[i].most ? "a whole number above 0, 64 or less for parallel, 10 or less for retry"
                             : "a duration is a whole number above 0 and ms, s, m or h, as in 30s";
    }
    return "neither step, every, timeout, parallel, retry nor a comment";
}

FILE *open_regular(const char *path)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0) return NULL;
    bool good = fstat(fd, &status) == 0;
    if (good && !S_ISREG(status.st_mode)) {
        errno = ENODEV;
        good = false;
    }
    FILE *file = good ? fdopen(fd, "r") : NULL;
    if (file) return file;
    int wrong = errno;
    close(fd);
    errno = wrong;
    return NULL;
}

struct plan *plan_read(const char *path)
{
    struct plan *plan = calloc(1, sizeof *plan);
    if (plan) plan->refs = 1;
    FILE *file = plan ? open_regular(path) : NULL;
    if (!file) {
        say("%s: %s", path, strerror(errno));
        free(plan);
        return NULL;
    }
    const char *wrong = NULL;
    char *line = NULL;
    size_t cap = 0, number = 0;
    ssize_t n;
    while (!wrong && (n = getline(&line, &cap, file)) >= 0) {
        number++;
        wrong = strlen(line) != (size_t)n ? "a byte 0" : NULL;
        while (n > 0 && strchr(" \t\r\n", line[n - 1])) line[--n] = '\0';
        if (!wrong) wrong = add_line(plan, line + strspn(line, " \t"));
    }
    if (!wrong && ferror(file)) wrong = "cannot be read";
    if (!wrong && plan->n_steps == 0) wrong = "no step";
    free(line);
    fclose(file);
    if (wrong) {
        say("%s:%zu: %s", path, number, wrong);
        plan_unref(plan);
        return NULL;
    }
    if (!plan->parallel) plan->parallel = 1;
    if (!plan->timeout) plan->timeout = TIMEOUT_DEFAULT;
    return plan;
}

void plan_unref(struct plan *plan)
{
    if (!plan || --plan->refs > 0) return;
    for (size_t i = 0; i < plan->n_steps; i++) {
        free(plan->steps[i].name);
        free(plan->steps[i].command);
    }
    free(plan->steps);
    free(plan);
}
