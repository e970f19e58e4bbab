/*
 * Visiting a page: its families and samples as values.
 */
#ifndef CPROM_LIB_PAGE_VISIT_H
#define CPROM_LIB_PAGE_VISIT_H

#include "page/snapshot.h"

/* What a visit needs, taken when the page is opened, since a visit allocates nothing. */
struct cprom__visit_room {
    char *text;        /* for label values that have escapes */
    uint64_t *buckets; /* of one histogram */
};

/* In the snapshot's memory. false: out of memory. */
bool cprom__visit_reserve(struct cprom__snapshot *snapshot, struct cprom__visit_room *room);

void cprom__visit(const struct cprom__snapshot *snapshot, const struct cprom__visit_room *room,
                  const cprom_visitor *visitor);

#endif
