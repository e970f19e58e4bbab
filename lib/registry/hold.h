/*
 * Who may still gather or read: the user, gathers, open pages, updates, HTTP handlers.
 */
#ifndef CPROM_LIB_REGISTRY_HOLD_H
#define CPROM_LIB_REGISTRY_HOLD_H

#include "registry/families.h"

/* Another holder. The caller is one already, or owns the registry. */
void cprom__registry_holder_ref(struct cprom_registry *registry);
void cprom__registry_holder_unref(struct cprom_registry *registry);

/* The list of families now, with a reference. ENOENT: the registry was freed; ENOMEM. */
cprom_status cprom__registry_families(struct cprom_registry *registry, struct cprom__families **families);

#endif
