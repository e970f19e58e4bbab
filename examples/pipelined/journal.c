/*
 * The journal: a file with a line for each run that ended, in the order in which they did.
 *
 *      1764500000 PIPELINE NUMBER STATUS SECONDS
 *
 * It stays when pipelined starts again, whose counters then begin with 0. So it tells what the counters must add up to.
 */
#define _POSIX_C_SOURCE 200809L

#include "pipelined.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int journal_open(const char *path)
{
    return open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0666);
}

void journal_write(int journal, const struct report *report)
{
    char line[512];
    if (journal < 0) return;
    int n = snprintf(line, sizeof line, "%lld %s %u %s %.3f\n", (long long)time(NULL), report->pipeline, report->number,
                     outcome_names[report->outcome], report->seconds);
    /* One call, so that the lines of two workers do not mix. */
    ssize_t written = write(journal, line, (size_t)n);
    if (written != n) say("%s: run %u: journal: %s", report->pipeline, report->number,
                          written < 0 ? strerror(errno) : "not the whole line");
}
