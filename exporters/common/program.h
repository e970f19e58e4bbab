/*
 * What the exporters have in common: options, the page once or over HTTP, and a clean end. A program fills in `struct
 * program` and hands it to program_run():
 *
 *      int main(int argc, char **argv) { return program_run(&host, argc, argv); }
 *
 * Every exporter has --help, --version, --once, and the flags --web.* and --log.* of Prometheus' exporters.
 */
#ifndef EXPORTERS_COMMON_PROGRAM_H
#define EXPORTERS_COMMON_PROGRAM_H

#include <stdbool.h>

#include <cprom/cprom.h>

#include "flags.h"
#include "say.h"

struct program {
    const char *name;         /* "cprom-host-exporter" */
    const char *about;        /* what it does, in a sentence; for --help */
    const char *address;      /* where it listens by default: ":9100" */
    const struct flag *flags; /* its own; ends with a flag without a name; NULL: none */
    const char *more;         /* printed at the end of --help; NULL: nothing */
    void *ctx;                /* for the calls below */

    /*
     * After the options were read, before the server starts: checks them, registers what is on the page, starts threads
     * (the signals that end the program are blocked in them). With `once`, what the page shows must be there when this
     * returns; signals are not blocked then. false: it has said why, and the program ends with 1; `stop` is called all
     * the same.
     */
    bool (*start)(void *ctx, cprom_registry *registry, bool once);
    /* --once: after the page, whether all went well; the exit code says so, too. NULL: no collector failed. */
    bool (*well)(void *ctx);
    /* At the end: no callback runs any more, the registry is still there. Ends threads and children. NULL: nothing. */
    void (*stop)(void *ctx);
    /* Behind `stop`, when the registry is gone. NULL: nothing. */
    void (*release)(void *ctx);
};

/* The whole program; returns its exit code: 0, 1: something went wrong, 2: wrong usage. */
int program_run(const struct program *program, int argc, char **argv);

/* The signals that end a program, unless they are ignored. */
#define PROGRAM_SIGNALS {SIGTERM, SIGINT, SIGHUP}
/*
 * Whether it is to be ignored, as whoever started the program would have it (nohup, & in a script). Blocked, such a
 * signal would be seen all the same.
 */
bool program_ignores(int number);

#endif
