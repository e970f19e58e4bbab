/*
 * Registries that stand on one page: a parent shows the families of its children, and theirs. One lock, the
 * families_lock of the registry at the top when they were made, guards the links and the families of the whole
 * tree, so that a registration sees all that its family could meet, and a gather the lists of one moment.
 *
 * Who is freed leaves the tree, and its children go on as trees of their own; they keep the lock that they have.
 */
#ifndef CPROM_LIB_REGISTRY_TREE_H
#define CPROM_LIB_REGISTRY_TREE_H

#include "store/context.h"

static inline void cprom__tree_lock(struct cprom_registry *registry)
{
    pthread_mutex_lock(&registry->root->families_lock);
}

static inline void cprom__tree_unlock(struct cprom_registry *registry)
{
    pthread_mutex_unlock(&registry->root->families_lock);
}

/* Makes a registry that nobody else knows yet a child. ENOENT: the parent was freed. */
cprom_status cprom__tree_join(struct cprom_registry *registry, struct cprom_registry *parent);

/* The rest under the lock. */

/* Takes a registry out and makes its children registries without a parent. */
void cprom__tree_leave(struct cprom_registry *registry);
/* The ancestor without a parent. */
struct cprom_registry *cprom__tree_top(struct cprom_registry *registry);
/* Whether `top` is an ancestor of `at`. */
bool cprom__tree_is_below(const struct cprom_registry *top, const struct cprom_registry *at);
/* What comes behind `at` among `top` and its descendants: a parent, then its children in the order of their making. */
struct cprom_registry *cprom__tree_next(const struct cprom_registry *top, struct cprom_registry *at);

#endif
