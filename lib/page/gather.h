/*
 * Gathering: from a registry to the snapshot that a page shows.
 *
 *   callbacks run, no lock held                                    collect.c, registry/emit.c
 *   their samples are checked against the rest of the page         collect.c
 *   under the order lock: the vectors are listed                   gather.c
 *   what is new of them is sorted in                               order.c
 *   in the gate as well: what was registered meanwhile is listed   gather.c
 *   the values of all are copied                                   gather.c
 *   no lock held: what expired goes, what came in is sorted in     gather.c
 */
#ifndef CPROM_LIB_PAGE_GATHER_H
#define CPROM_LIB_PAGE_GATHER_H

#include "page/self.h"
#include "page/snapshot.h"
#include "page/stop.h"

/*
 * Lists the registry and its descendants with the families that they have at one moment: the sources. Nothing runs, and
 * nothing is copied. ENOENT, ENOMEM: nothing is left of it.
 */
cprom_status cprom__snapshot_list(struct cprom__snapshot *snapshot, struct cprom_registry *registry);

/*
 * Takes a snapshot of a whole registry with its descendants. Callbacks of all come first; then each registry is copied
 * under locks of its own. `stop`: whether the page is still wanted; NULL: it is. `self` NULL: without the library's own
 * families. ENOMEM: nothing is left of it. EBUSY: inside a callback, or it is not wanted any more; ENOENT: it was freed.
 */
cprom_status cprom__snapshot_take(struct cprom__snapshot *snapshot, struct cprom_registry *registry,
                                  const struct cprom__filter *filter, int64_t deadline, struct cprom__stop *stop,
                                  const struct cprom__self *self);
/* The same of one vector only, without callbacks. */
cprom_status cprom__snapshot_take_vec(struct cprom__snapshot *snapshot, struct cprom_vec *vec);
void cprom__snapshot_free(struct cprom__snapshot *snapshot);
/* For CPROM__AT_END: frees what is still there; NULL: nothing. */
void cprom__snapshot_drop(struct cprom__snapshot **snapshot);

#endif
