/*
 * From what registries and their collectors have given to the families of a page, in its order.
 */
#ifndef CPROM_LIB_PAGE_MERGE_H
#define CPROM_LIB_PAGE_MERGE_H

#include "page/collect.h"

/* Merges the kept families into the snapshot's groups; families of several registries become one. ENOMEM. */
cprom_status cprom__merge_groups(struct cprom__collection *collection);

#endif
