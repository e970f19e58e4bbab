/*
 * What a page keeps in memory: of each registry that gave to it, the series that it shows, and no others.
 */
#ifndef CPROM_LIB_PAGE_SHOWN_H
#define CPROM_LIB_PAGE_SHOWN_H

#include "page/snapshot.h"

/*
 * The source has given these groups, sorted by name, each with rows in their order; they stay as they are while it is
 * pinned. `now`: when they were copied.
 */
void cprom__source_settle(struct cprom__source *source, const struct cprom__group *groups, size_t n, int64_t now);

#endif
