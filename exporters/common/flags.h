/*
 * Command lines in the manner of Prometheus' exporters: --flag=value, --flag value; for booleans --flag, --no-flag and
 * --flag=false. One dash is as good as two.
 */
#ifndef EXPORTERS_COMMON_FLAGS_H
#define EXPORTERS_COMMON_FLAGS_H

#include <stdbool.h>
#include <stddef.h>

enum flag_kind {
    FLAG_BOOL,    /* value: bool *; in --help as --[no-]name */
    FLAG_SWITCH,  /* value: bool *; --name, and no --no-name */
    FLAG_STRING,  /* value: const char **, set to what stands in argv; the last one counts */
    FLAG_COUNT,   /* value: size_t *; a whole number of min to max (max 0: 10^9) */
    FLAG_SECONDS, /* value: double *; "5s", "1m30s", "250ms", "2h", or a number of seconds; min to max likewise */
    FLAG_FUNC,    /* value: what `set` is called with, for each time that the flag is there */
    FLAG_ABSENT,  /* what others have: --no-name is taken, and --name is wrong, for the reason `help`; not in --help */
    FLAG_UNKNOWN  /* all that begin with the name, and are no others: they are wrong, for the reason `help` */
};

struct flag {
    const char *name; /* without dashes */
    enum flag_kind kind;
    void *value;      /* holds the default, which --help shows */
    const char *arg;  /* what --help calls the value: "DIRECTORY"; not for booleans */
    const char *help; /* may have several lines */
    size_t min, max;
    bool (*set)(void *value, const char *text); /* false: the text is no good */
};

/*
 * Sets what the arguments say, up to the first that is no flag, or behind "--"; returns its index (argc: all were
 * flags). -1: `why` is one line about the first that is wrong. Tables: those of several parts of a program, ending with
 * NULL; each ends with a flag without a name.
 */
int flags_parse(const struct flag *const *tables, int argc, char **argv, char *why, size_t cap);

/* Prints the flags to stdout, as --help shows them. */
void flags_print(const struct flag *const *tables);

#endif
