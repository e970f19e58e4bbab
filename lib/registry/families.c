/* The list of families: who may register beside whom. */
#include "registry/families.h"

#include <string.h>

#include "registry/collector.h"
#include "registry/tree.h"
#include "store/vec.h"

static struct cprom__families *families_new(struct cprom__allocator *allocator, size_t n, size_t n_collectors)
{
    size_t bytes = sizeof(struct cprom__families) + n * sizeof(struct cprom__family) +
                   n_collectors * sizeof(struct cprom__collector *);
    struct cprom__families *families = cprom__alloc(allocator, bytes);
    if (!families) return NULL;
    atomic_init(&families->refs, 1);
    families->allocator = allocator;
    families->bytes = bytes;
    families->n = n;
    families->n_collectors = n_collectors;
    families->collectors = (struct cprom__collector **)(void *)(families->v + n);
    return families;
}

struct cprom__families *cprom__families_empty(struct cprom__allocator *allocator)
{
    return families_new(allocator, 0, 0);
}

void cprom__families_ref(struct cprom__families *families)
{
    atomic_fetch_add_explicit(&families->refs, 1, memory_order_relaxed);
}

void cprom__families_unref(struct cprom__families *families)
{
    /* acq_rel: who drops the last one sees what all others did before theirs. */
    if (atomic_fetch_sub_explicit(&families->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < families->n; i++) {
        if (families->v[i].vec) cprom__vec_content_unref(families->v[i].vec);
    }
    for (size_t i = 0; i < families->n_collectors; i++) cprom__collector_unref(families->collectors[i]);
    cprom__release(families->allocator, families, families->bytes);
}

/* Takes the references that a finished list holds. */
static void families_list_all(struct cprom__families *families)
{
    for (size_t i = 0; i < families->n; i++) {
        if (families->v[i].vec) cprom__vec_content_ref(families->v[i].vec);
    }
    for (size_t i = 0; i < families->n_collectors; i++) cprom__collector_ref(families->collectors[i]);
}

/* Where `name` is, or would be. */
static size_t families_place(const struct cprom__families *families, const char *name)
{
    size_t low = 0, high = families->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(families->v[middle].desc->name, name) < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

const struct cprom__family *cprom__families_find(const struct cprom__families *families, const char *name)
{
    size_t at = families_place(families, name);
    return at < families->n && strcmp(families->v[at].desc->name, name) == 0 ? &families->v[at] : NULL;
}

cprom_status cprom__families_check_same(const struct cprom__families *families, const struct cprom__desc *desc,
                                        bool apart, bool *same)
{
    const struct cprom__family *family = cprom__families_find(families, desc->name);
    *same = family != NULL;
    if (!family) return CPROM_OK;
    if (!apart) return CPROM_EEXIST;
    return cprom__desc_agrees(family->desc, desc) ? CPROM_OK : CPROM_ECONFLICT;
}

const char *cprom__families_collide(const struct cprom__families *families, const struct cprom__desc *desc)
{
    for (size_t i = 0; i < families->n; i++) {
        if (cprom__desc_collides(families->v[i].desc, desc)) return families->v[i].desc->name;
    }
    return NULL;
}

static void families_insert(struct cprom__families *families, size_t n, const struct cprom__family *family)
{
    size_t at = n;
    for (; at && strcmp(families->v[at - 1].desc->name, family->desc->name) > 0; at--) {
        families->v[at] = families->v[at - 1];
    }
    families->v[at] = *family;
}

bool cprom__registry_apart(const struct cprom_registry *a, const struct cprom_registry *b)
{
    const struct cprom__family_rules *p = &a->rules, *q = &b->rules;
    size_t i = 0, k = 0;
    for (;; i++, k++) {
        while (i < p->n_const_labels && !*p->const_labels[i].value) i++;
        while (k < q->n_const_labels && !*q->const_labels[k].value) k++;
        if (i == p->n_const_labels || k == q->n_const_labels) return (i < p->n_const_labels) != (k < q->n_const_labels);
        if (strcmp(p->const_labels[i].name, q->const_labels[k].name) != 0 ||
            strcmp(p->const_labels[i].value, q->const_labels[k].value) != 0) {
            return true;
        }
    }
}

static void families_publish(struct cprom_registry *registry, struct cprom__families *families)
{
    families_list_all(families);
    registry->families = families;
}

static void families_log_conflict(struct cprom_registry *registry, const char *metric, cprom_status status,
                                  const char *other, bool elsewhere)
{
    const char *reason = "is a family whose sample names would collide";
    if (status == CPROM_EEXIST) {
        reason = elsewhere ? "is registered already in another registry of the page that has the same const labels"
                           : "is registered already";
    }
    if (status == CPROM_ECONFLICT && strcmp(metric, other) == 0) {
        reason = "has another type, help, unit or labels in another registry of the page";
    }
    struct cprom__refusal refusal = {"name", other, reason};
    cprom__log_refusal(registry, metric, &refusal);
}

/* Under the tree's lock: whether `desc` can stand on one page with all families of the tree; if not, which it is. */
static cprom_status families_check(struct cprom_registry *registry, const struct cprom__desc *desc, const char **other,
                                   bool *elsewhere)
{
    struct cprom_registry *top = cprom__tree_top(registry), *at;
    bool known = false;
    for (at = top; at; at = cprom__tree_next(top, at)) {
        bool same;
        *other = desc->name;
        *elsewhere = at != registry;
        bool apart = cprom__registry_apart(registry, at);
        cprom_status status = cprom__families_check_same(at->families, desc, apart, &same);
        if (status) return status;
        known |= same;
    }
    /* Who came first with this family, or came since, was checked: the instances of one thing cost a look-up each. */
    for (at = top; at && !known; at = cprom__tree_next(top, at)) {
        *other = cprom__families_collide(at->families, desc);
        if (*other) return CPROM_ECONFLICT;
    }
    return CPROM_OK;
}

static cprom_status families_add(struct cprom_registry *registry, const struct cprom__family *added, size_t n,
                                 struct cprom__collector *collector)
{
    struct cprom__families *new = NULL;
    const char *metric = "", *other = "";
    cprom_status status = CPROM_OK;
    char other_name[256];
    bool elsewhere = false, twice = false; /* `twice`: the collector */
    cprom__tree_lock(registry);
    struct cprom__families *old = registry->families;
    if (!old) { /* freed; a page or a callback still keeps it */
        cprom__tree_unlock(registry);
        return CPROM_ENOENT;
    }
    for (size_t i = 0; i < n && !status; i++) {
        metric = added[i].desc->name;
        status = families_check(registry, added[i].desc, &other, &elsewhere);
    }
    for (size_t i = 0; collector && i < old->n_collectors && !status; i++) {
        twice = strcmp(cprom__collector_name(old->collectors[i]), cprom__collector_name(collector)) == 0;
        if (twice) status = CPROM_EEXIST;
    }
    /* The other family may be unregistered as soon as the lock is let go. */
    if (status && !twice) {
        size_t len = strlen(other) < sizeof other_name ? strlen(other) : sizeof other_name - 1;
        memcpy(other_name, other, len);
        other_name[len] = '\0';
    } else if (!status) {
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what was found was in the old list */
        new = families_new(&registry->allocator, old->n + n, old->n_collectors + (collector != NULL));
        status = new ? CPROM_OK : CPROM_ENOMEM;
    }
    if (new) {
        memcpy(new->v, old->v, old->n * sizeof *old->v);
        for (size_t i = 0; i < n; i++) families_insert(new, old->n + i, &added[i]);
        if (old->n_collectors) {
            memcpy(new->collectors, old->collectors, old->n_collectors * sizeof *old->collectors);
        }
        if (collector) new->collectors[old->n_collectors] = collector;
        families_publish(registry, new);
        /* relaxed: who commits to the new vector comes behind this, and hands the gate to the gather that looks. */
        atomic_fetch_add_explicit(&registry->registrations, 1, memory_order_relaxed);
    }
    cprom__tree_unlock(registry);
    if (new) cprom__families_unref(old);
    else if (twice)
        cprom__collector_log(registry, cprom__collector_name(collector), " refused: ", "name is registered already");
    else if (status != CPROM_ENOMEM) families_log_conflict(registry, metric, status, other_name, elsewhere);
    return status;
}

cprom_status cprom__families_add_vec(struct cprom_registry *registry, struct cprom_vec *vec)
{
    struct cprom__family family = {vec->desc, vec, NULL};
    return families_add(registry, &family, 1, NULL);
}

cprom_status cprom__families_add_collector(struct cprom_registry *registry, struct cprom__collector *collector)
{
    size_t n;
    const struct cprom__family *families = cprom__collector_families(collector, &n);
    return families_add(registry, families, n, collector);
}

cprom_status cprom__families_remove(struct cprom_registry *registry, const char *name, struct cprom__family *removed)
{
    struct cprom__families *new = NULL;
    cprom__tree_lock(registry);
    struct cprom__families *old = registry->families; /* NULL: freed */
    const struct cprom__family *found = old ? cprom__families_find(old, name) : NULL;
    *removed = found ? *found : (struct cprom__family){NULL, NULL, NULL};
    for (size_t i = 0; old && i < old->n_collectors && !found; i++) {
        if (strcmp(cprom__collector_name(old->collectors[i]), name) == 0) removed->collector = old->collectors[i];
    }
    cprom_status status = removed->vec || removed->collector ? CPROM_OK : CPROM_ENOENT;
    if (!status) {
        size_t n = 0, n_collectors = 0;
        /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): what goes was found in the old list */
        new = families_new(&registry->allocator, old->n, old->n_collectors);
        status = new ? CPROM_OK : CPROM_ENOMEM;
        for (size_t i = 0; new &&i < old->n; i++) {
            bool goes = (removed->vec && old->v[i].vec == removed->vec) ||
                        (removed->collector && old->v[i].collector == removed->collector);
            if (!goes) new->v[n++] = old->v[i];
        }
        for (size_t i = 0; new &&i < old->n_collectors; i++) {
            if (old->collectors[i] != removed->collector) new->collectors[n_collectors++] = old->collectors[i];
        }
        if (new) {
            new->n = n;
            new->n_collectors = n_collectors;
            families_publish(registry, new);
        }
    }
    /* What goes stays in memory until the caller is done with it: it is still listed in `old`. */
    if (new && removed->vec) cprom__vec_content_ref(removed->vec);
    if (new && removed->collector) cprom__collector_ref(removed->collector);
    cprom__tree_unlock(registry);
    if (new) cprom__families_unref(old);
    return status;
}
