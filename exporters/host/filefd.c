/* node_filefd_*: open files of the whole machine, from /proc/sys/fs/file-nr. */
#include "lines.h"

#include <string.h>

enum {
    DESC_ALLOCATED,
    DESC_MAXIMUM
};
static const cprom_desc descs[] = {
    [DESC_ALLOCATED] = DESC(CPROM_GAUGE, "node_filefd_allocated", "File descriptor statistics: allocated."),
    [DESC_MAXIMUM] = DESC(CPROM_GAUGE, "node_filefd_maximum", "File descriptor statistics: maximum."),
};

static void show_word(const struct lines *lines, const cprom_desc *desc, const char *word)
{
    double value;
    if (word && parse_number(word, &value)) show(lines->scrape, desc, CPROM_NO_STRS, value);
    else lines_fail(lines, "there is no number for %s", desc->name);
}

/* Allocated, free (always 0), and the maximum. */
static void filefd_collect(struct scrape *scrape)
{
    struct lines lines;
    if (!lines_open(&lines, scrape, scrape->flags->procfs, "sys/fs/file-nr")) return;
    char *line = lines_next(&lines);
    if (!line) return;
    const char *words[3];
    for (size_t i = 0; i < 3; i++) words[i] = next_word(&line);
    show_word(&lines, &descs[DESC_ALLOCATED], words[0]);
    show_word(&lines, &descs[DESC_MAXIMUM], words[2]);
}

const struct collector filefd_collector = {"filefd", descs, COUNT_OF(descs), NULL, filefd_collect, NULL};
