/*
 * cprom-script-exporter: runs the scripts of a directory, each every so many seconds, and shows what they print.
 *
 *      scan.c     the files of the directory
 *      runner.c   the thread that runs them; run.c: one run
 *      output.c   what a run printed, read strictly: Prometheus text, or
 *      falcon.c   the JSON of open-falcon's plugins
 *      shown.c    what of it is on the page
 */
#ifndef EXPORTERS_SCRIPT_SCRIPT_H
#define EXPORTERS_SCRIPT_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <cprom/cprom.h>

#include "claims.h"
#include "program.h"
#include "text_page.h"

#define SECOND INT64_C(1000000000)
#define SCRIPTS_MAX 1000 /* each may have three descriptors */
#define SECONDS_MAX 86400u

/* CLOCK_MONOTONIC in nanoseconds. */
int64_t now(void);

/* ---- scan.c ---- */

/*
 * A name <seconds>_<name>: 1 to 86400 without leading 0, then letters, digits and ._- alone, and no leftover (.bak,
 * .dpkg-dist, ...). Sets where the name begins; 0: it is none.
 */
unsigned script_seconds(const char *file, const char **name);

struct found {
    char *file;
    const char *name; /* in file */
    unsigned seconds;
};

/* The scripts of the directory, by name, then seconds; free with scan_free(). -1: it cannot be read, see errno. */
ssize_t scan(const char *directory, struct found **found);
void scan_free(struct found *found, size_t n);

/* ---- output.c, falcon.c ---- */

/* What a script printed: JSON if it begins with a bracket, else text. NULL: *error. */
struct text_page *output_parse(const char *bytes, size_t n, struct text_error *error);
struct text_page *falcon_parse(const char *bytes, size_t n, struct text_error *error);

/* ---- shown.c ---- */

enum outcome { OUTCOME_SUCCESS, OUTCOME_START, OUTCOME_EXIT, OUTCOME_TIMEOUT, OUTCOME_OUTPUT, OUTCOMES };
extern const char *const outcome_names[OUTCOMES];

/* How a run went. */
struct report {
    enum outcome outcome;
    double seconds; /* it took */
    double ended;   /* Unix time */
};

struct shown;

/* The families that are the exporter's own, as text. */
extern const char shown_own[];

/*
 * Makes the part of the page that is one script's: a registry with the label script="name", whose parent is `parent`.
 * NULL: it cannot be, and it was said why.
 */
struct shown *shown_new(cprom_registry *parent, const char *name, unsigned seconds);
/* Another interval, from now on. */
void shown_set_seconds(struct shown *shown, unsigned seconds);
/* Takes it off the page. Scrapes that are at it may go on. */
void shown_free(struct shown *shown);
/*
 * After a run: with `page` (taken; NULL: none) in the place of the one before, or with the same as before (`keep`), or
 * with none. A scrape sees all of the run, or all of the one before.
 */
void shown_set(struct shown *shown, const struct report *report, struct text_page *page, bool keep);
/* What is shown now; NULL: nothing. For the thread that calls shown_set(). */
const struct text_page *shown_page(const struct shown *shown);
/* Whether the page has all of it: no collector of its registry failed. */
bool shown_well(const struct shown *shown);

/* ---- runner.c ---- */

struct script; /* one file */

struct runner {
    const char *directory;
    cprom_registry *registry;
    size_t max_failures; /* in a row; then what was good is dropped */
    size_t max_output;   /* bytes of one run */
    bool allow_writable; /* also scripts that anybody may write */
    bool once;           /* every script is run once, then the runner ends, or when a signal comes */
    bool failed;         /* a script failed; for once */
    struct script *scripts;
    size_t n_scripts;
    struct claims *claims;
    int wake[2];         /* [0] is readable: the runner ends */
    char said[320];      /* about the directory */
};

/* Makes what a runner needs; false: it was said why. The fields up to `once` are set. */
bool runner_open(struct runner *runner);
/* Runs scripts until told to end; with `once` until each was run. false: told to end before. */
bool runner_run(struct runner *runner);
/* From another thread: runner_run() returns soon. */
void runner_end(struct runner *runner);
/* Takes all scripts off the page, ends what still runs, and gives everything back. The registry is still there. */
void runner_close(struct runner *runner);
/* Whether each script is good, and on the page. */
bool runner_well(const struct runner *runner);

#endif
