/*
 * What the callbacks of one gather have emitted, on its way to the page: each collector's samples are checked against
 * what is there already, and kept or dropped as a whole.
 */
#ifndef CPROM_LIB_PAGE_COLLECT_H
#define CPROM_LIB_PAGE_COLLECT_H

#include "page/self.h"
#include "page/snapshot.h"
#include "page/stop.h"

struct cprom__collection {
    struct cprom__snapshot *snapshot;
    struct cprom__source *source; /* whose callbacks run */
    const struct cprom__filter *filter;
    int64_t deadline;
    struct cprom__stop *stop;                   /* whether the page is still wanted; NULL: it is */
    struct cprom__kept *first_kept, *last_kept; /* families with samples, as they came */
    size_t n_kept;
    struct cprom__index kept;    /* of these, by base */
    struct cprom__sample **seen; /* all kept samples, hashed by identity; NULL: free */
    size_t n_seen, seen_room;
};

struct cprom__kept {
    struct cprom__kept *next;
    struct cprom__index_node by_base;
    const struct cprom__desc *desc;
    struct cprom__source *source;
    struct cprom__sample *first, *last;
    size_t n;
};

/* Runs the callbacks of all registries. ENOMEM; EBUSY: the page is not wanted any more. */
cprom_status cprom__collect(struct cprom__collection *collection);
/* Adds the library's own families. ENOMEM. */
cprom_status cprom__collect_self_metrics(struct cprom__collection *collection, const struct cprom__self *self);

#endif
