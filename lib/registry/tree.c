/* Registries that stand on one page. */
#include "registry/tree.h"

cprom_status cprom__tree_join(struct cprom_registry *registry, struct cprom_registry *parent)
{
    cprom__tree_lock(parent);
    bool there = !atomic_load_explicit(&parent->gone, memory_order_relaxed);
    if (there) {
        /* The lock must outlive its users, whoever is freed first. */
        cprom__registry_ref(parent->root);
        registry->root = parent->root;
        registry->parent = parent;
        registry->previous = parent->last_child;
        if (parent->last_child) parent->last_child->next = registry;
        else parent->first_child = registry;
        parent->last_child = registry;
    }
    cprom__tree_unlock(parent);
    return there ? CPROM_OK : CPROM_ENOENT;
}

void cprom__tree_leave(struct cprom_registry *registry)
{
    struct cprom_registry *parent = registry->parent, *next;
    if (parent) {
        if (registry->previous) registry->previous->next = registry->next;
        else parent->first_child = registry->next;
        if (registry->next) registry->next->previous = registry->previous;
        else parent->last_child = registry->previous;
    }
    registry->parent = registry->previous = registry->next = NULL;
    for (struct cprom_registry *child = registry->first_child; child; child = next) {
        next = child->next;
        child->parent = child->previous = child->next = NULL;
    }
    registry->first_child = registry->last_child = NULL;
}

struct cprom_registry *cprom__tree_top(struct cprom_registry *registry)
{
    while (registry->parent) registry = registry->parent;
    return registry;
}

bool cprom__tree_is_below(const struct cprom_registry *top, const struct cprom_registry *at)
{
    while (at && at != top) at = at->parent;
    return at == top;
}

struct cprom_registry *cprom__tree_next(const struct cprom_registry *top, struct cprom_registry *at)
{
    if (at->first_child) return at->first_child;
    while (at != top && !at->next) at = at->parent;
    return at == top ? NULL : at->next;
}
