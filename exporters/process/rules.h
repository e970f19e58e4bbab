#ifndef EXPORTERS_PROCESS_RULES_H
#define EXPORTERS_PROCESS_RULES_H

/*
 * Which processes belong to which group: rules in order, of which the first that matches names the group.
 */

#include "buffer.h"
#include "regexp.h"

#include <stdint.h>

#define GROUP_NAME_MAX 1024u /* bytes of a group's name; what a template makes beyond is cut off */
#define RULES_ERROR_MAX 512u /* bytes of a message */

/* What rules look at. */
struct attributes {
    const char *comm;
    /* The arguments with a space between them, and the first of them. `has_args` is false for kernel threads. */
    const char *cmdline;
    size_t cmdline_len;
    const char *arg0;
    size_t arg0_len;
    bool has_args;
    int pid;
    double start_time;    /* seconds since 1970 */
    const char *username; /* only if a rule asks for it */
    const char *cgroups;  /* likewise; the paths with a space between them */
};

struct name_part;

struct rule {
    char **comms, **exes; /* NULL: not looked at; else one of them must be the process's */
    size_t n_comms, n_exes;
    struct regexp **regexes; /* all must match the command line */
    size_t n_regexes;
    struct regexp_span (*spans)[REGEXP_GROUPS_MAX]; /* of the last match, per regex */
    struct name_part *parts;                        /* of the name */
    size_t n_parts;
    unsigned line; /* in the file */
};

struct rules {
    struct rule *v;
    size_t n;
    bool want_username, want_cgroups;
};

/*
 * The rule for one process. 1: its group's name is in `name`; 0: it has none; -1: no memory. `name` is emptied first
 * and is UTF-8. One thread at a time.
 */
int rules_match(struct rules *rules, const struct attributes *attrs, struct buffer *name);

/* Calls `each` for the name of each rule that has no variables in it. false: one of the calls said so. */
bool rules_fixed(const struct rules *rules, bool (*each)(void *ctx, const char *name, size_t n), void *ctx);

void rules_free(struct rules *rules);

/* ---- how rules are made; false: `error` says why, and the rules are to be freed all the same ---- */

/* A configuration file, see config.c. */
bool rules_read(struct rules *rules, const char *path, char error[RULES_ERROR_MAX]);
/* The same from memory; `path` is for messages. */
bool rules_parse(struct rules *rules, const char *path, const char *text, size_t n, char error[RULES_ERROR_MAX]);
/* --procnames=a,b and --namemapping=a,regex,b,regex; each may be NULL. */
bool rules_names(struct rules *rules, const char *procnames, const char *namemapping, char error[RULES_ERROR_MAX]);

struct rule *rules_add(struct rules *rules);
bool rule_add_comm(struct rule *rule, const char *text, size_t n);
bool rule_add_exe(struct rule *rule, const char *text, size_t n);
bool rule_add_regex(struct rule *rule, const char *text, size_t n, char error[RULES_ERROR_MAX]);
/* The template; called behind the regexes, whose groups it may name. */
bool rule_set_name(struct rules *rules, struct rule *rule, const char *text, size_t n, char error[RULES_ERROR_MAX]);
/* Instead: `text` as it is, with the first capture that is not empty behind it, if wanted: without one, no match. */
bool rule_set_plain_name(struct rule *rule, const char *text, size_t n, bool capture);

#endif
