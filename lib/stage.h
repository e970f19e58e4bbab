/*
 * What the callbacks of one gather have emitted, on its way to the page: each collector's samples are checked against
 * what is there already, and kept or dropped as a whole.
 */
#ifndef CPROM_LIB_STAGE_H
#define CPROM_LIB_STAGE_H

#include "gather.h"

struct cprom__stage {
    struct cprom__snapshot *snapshot;
    const struct cprom__filter *filter;
    int64_t deadline;
    struct cprom__kept *kept;      /* families with samples, sorted by name */
    size_t n_kept, kept_room;
    struct cprom__sample **seen;   /* all kept samples, hashed by identity; NULL: free */
    size_t n_seen, seen_room;
    struct cprom__result *results; /* one per collector of the registry that was to run */
    size_t n_results;
};

/* Runs the callbacks. ENOMEM is the only failure. */
cprom_status cprom__stage_collect(struct cprom__stage *stage);
/* Adds the library's own families. ENOMEM. */
cprom_status cprom__stage_self_metrics(struct cprom__stage *stage);
/* Merges the kept families into the snapshot's groups. ENOMEM. */
cprom_status cprom__stage_groups(struct cprom__stage *stage);

/* How each collector fared, for self-metrics. */
struct cprom__result {
    const char *name;
    bool success;
    int64_t duration;
};

struct cprom__kept {
    const struct cprom__desc *desc;
    struct cprom__sample *first, *last;
    size_t n;
};

/* Emits the self-metrics (self.c). */
void cprom__self_metrics(const struct cprom__stage *stage, struct cprom_scrape *out);

#endif
