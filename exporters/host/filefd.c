/* node_filefd_*: open files of the whole machine, from /proc/sys/fs/file-nr. */
#include "host.h"

#include <string.h>

enum {
    DESC_ALLOCATED,
    DESC_MAXIMUM
};
static const cprom_desc descs[] = {
    [DESC_ALLOCATED] = DESC(CPROM_GAUGE, "node_filefd_allocated", "File descriptor statistics: allocated."),
    [DESC_MAXIMUM] = DESC(CPROM_GAUGE, "node_filefd_maximum", "File descriptor statistics: maximum."),
};

static bool filefd_collect(struct scrape *scrape)
{
    char *at = read_file(scrape->reader, scrape->flags->procfs, "sys/fs/file-nr");
    if (!at) return fail_to_read(scrape, scrape->flags->procfs, "sys/fs/file-nr");
    char *line = next_line(&at);
    const char *words[3] = {NULL, NULL, NULL}; /* allocated, free (always 0), maximum */
    for (int i = 0; line && i < 3; i++) words[i] = next_word(&line);
    double allocated, maximum;
    if (!words[2] || !parse_double(words[0], &allocated) || !parse_double(words[2], &maximum)) {
        return fail(scrape, "sys/fs/file-nr is malformed");
    }
    show(scrape, &descs[DESC_ALLOCATED], CPROM_NO_STRS, allocated);
    show(scrape, &descs[DESC_MAXIMUM], CPROM_NO_STRS, maximum);
    return true;
}

const struct collector filefd_collector = {"filefd", descs, COUNT_OF(descs), NULL, filefd_collect, NULL};
