/*
 * libFuzzer: any bytes as a configuration file, of which the rules are asked about a process; as a regular expression
 * and a text; and as the file stat of a process. What it costs has a bound.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "exporter_page.h"
#include "procfs.h"
#include "regexp_program.h"
#include "rules.h"

/* Few bytes make a large program where a repetition {n} is in them. */
static uint64_t cost_of_config(const char *text, size_t n)
{
    uint64_t bound = COST_CONFIG_BYTE * n;
    for (size_t i = 0; i < n; i++) bound += text[i] == '{' ? COST_PROGRAM : 0;
    return bound;
}

static void as_config(const char *text, size_t n)
{
    char error[RULES_ERROR_MAX] = "";
    struct rules rules = {0};
    struct buffer name = {0};
    uint64_t before = cost_now();
    bool good = rules_parse(&rules, "c", text, n, error);
    check_cost("rules_parse", before, cost_of_config(text, n));
    if (good) {
        struct attributes attrs = {.comm = "a",
                          .cmdline = "/b/a -x y",
                          .cmdline_len = 9,
                          .arg0 = "/b/a",
                          .arg0_len = 4,
                          .has_args = true,
                          .pid = 1,
                          .start_time = 1e9,
                          .username = "u",
                          .cgroups = "/"};
        if (rules.n == 0) abort();
        if (rules_match(&rules, &attrs, &name) == 1 && (name.len > GROUP_NAME_MAX || name.at[name.len])) abort();
    } else if (!error[0] || !memchr(error, '\0', sizeof error)) {
        abort();
    }
    buffer_free(&name);
    rules_free(&rules);
}

/* The expression ends at the first LF. */
static void as_regex(const char *bytes, size_t n)
{
    char error[REGEXP_ERROR_MAX] = "";
    struct regexp_span spans[REGEXP_GROUPS_MAX];
    const char *lf = memchr(bytes, '\n', n), *text = lf ? lf + 1 : bytes + n, *end = bytes + n;
    size_t pattern_len = (size_t)((lf ? lf : end) - bytes);
    uint64_t before = cost_now();
    struct regexp *regex = regexp_new(bytes, pattern_len, error);
    check_cost("regexp_new", before, cost_of_config(bytes, pattern_len));
    if (!regex) {
        if (!error[0] || !memchr(error, '\0', sizeof error)) abort();
        return;
    }
    size_t len = (size_t)(end - text) < 64 ? (size_t)(end - text) : 64;
    before = cost_now();
    int found = regexp_match(regex, text, len, spans), again = regexp_match(regex, text, len, NULL);
    /* Each position may cost all of the program, each of whose places may cost all groups, and is looked at itself. */
    check_cost("regexp_match", before,
               2 * (len + 2) * (regex->n_program + 4) * (COST_PLACE + COST_GROUP * regexp_groups(regex)));
    if (found != again || found < 0) abort();
    for (size_t i = 0; found && i < regexp_groups(regex); i++) {
        if (spans[i].at && (spans[i].at < text || spans[i].at + spans[i].len > text + len)) abort();
    }
    regexp_free(regex);
}

static void as_stat(const char *bytes, size_t n)
{
    struct procfs fs = {.page_size = 4096};
    struct proc_stat stat;
    if (!buffer_put(&fs.buffer, bytes, n)) abort();
    if (procfs_parse_stat(&fs, &stat) && strlen(stat.comm) > PROC_COMM_MAX) abort();
    buffer_free(&fs.buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0) return 0;
    char *exact = malloc(n); /* exactly as many bytes as there are */
    memcpy(exact, bytes + 1, n - 1);
    if (bytes[0] == 'c') as_config(exact, n - 1);
    if (bytes[0] == 'r') as_regex(exact, n - 1);
    if (bytes[0] == 's') as_stat(exact, n - 1);
    free(exact);
    return 0;
}
