/* node_softnet_*: what each CPU does with packets that come in, from /proc/net/softnet_stat. */
#include "lines.h"

#include <stdio.h>
#include <string.h>

#define SOFTNET(name, help) DESC_LABELS(CPROM_COUNTER, "node_softnet_" name "_total", help, "cpu")

/* The columns that are shown; older kernels have fewer. The number of the CPU came last. */
static const size_t columns[] = {0, 1, 2, 8, 9, 10, 11};
#define N_COLUMNS_MIN 9
#define CPU_COLUMN 12
#define N_COLUMNS_MAX 16
static const cprom_desc descs[] = {
    SOFTNET("processed", "Number of processed packets"),
    SOFTNET("dropped", "Number of dropped packets"),
    SOFTNET("times_squeezed", "Number of times processing packets ran out of quota"),
    SOFTNET("cpu_collision", "Number of collision occur while obtaining device lock while transmitting"),
    SOFTNET("received_rps", "Number of times cpu woken up received_rps"),
    SOFTNET("flow_limit_count", "Number of times flow limit has been reached"),
    DESC_LABELS(CPROM_GAUGE, "node_softnet_backlog_len", "Softnet backlog status", "cpu"),
};

/* `row`: which CPU it is, on kernels that do not say. */
static void show_line(const struct lines *lines, char *line, size_t row)
{
    const char *words[N_COLUMNS_MAX];
    uint64_t value, cpu = row;
    char label[24];
    size_t n = 0;
    while (n < N_COLUMNS_MAX && (words[n] = next_word(&line))) n++;
    /* All numbers have as many digits, so that it shows whether the last of a line without LF has them all. */
    if (lines->is_open && n && strlen(words[n - 1]) != strlen(words[0])) {
        lines_fail(lines, "it is cut short");
        return;
    }
    if (n < N_COLUMNS_MIN || (n > CPU_COLUMN && !parse_hex(words[CPU_COLUMN], &cpu))) {
        lines_fail(lines, "it is no line of a CPU");
        return;
    }
    snprintf(label, sizeof label, "%llu", (unsigned long long)cpu);
    for (size_t i = 0; i < COUNT_OF(columns) && columns[i] < n; i++) {
        if (parse_hex(words[columns[i]], &value)) show(lines->scrape, &descs[i], CPROM_STRS(label), (double)value);
        else lines_fail(lines, "there is no number for %s", descs[i].name);
    }
}

static void softnet_collect(struct scrape *scrape)
{
    struct lines lines;
    size_t row = 0;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "net/softnet_stat")) return;
    lines.may_be_open = true;
    for (char *line; (line = lines_next(&lines)); row++) show_line(&lines, line, row);
}

const struct collector softnet_collector = {"softnet", descs, COUNT_OF(descs), NULL, softnet_collect, NULL};
