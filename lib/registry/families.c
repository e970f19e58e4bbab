/* The families of a registry: who may register beside whom. */
#include "registry/families.h"

#include <string.h>

#include "registry/collector.h"
#include "registry/tree.h"
#include "store/vec.h"

/* ---- lists ---- */

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

/* How `name` stands to a base with an ending behind it. */
static int families_compare(const char *name, const struct cprom__base *base, const char *ending)
{
    size_t suffix_len = strlen(base->suffix);
    int order = strncmp(name, base->text, base->len);
    if (!order) order = strncmp(name += base->len, base->suffix, suffix_len);
    return order ? order : strcmp(name + suffix_len, ending);
}

static const struct cprom__family *families_find(const struct cprom__families *families, const struct cprom__base *base,
                                                 const char *ending)
{
    size_t low = 0, high = families->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = families_compare(families->v[middle].desc->name, base, ending);
        if (!order) return &families->v[middle];
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return NULL;
}

const struct cprom__family *cprom__families_find(const struct cprom__families *families, const char *name)
{
    const struct cprom__base whole = {name, strlen(name), "", 0};
    return families_find(families, &whole, "");
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

bool cprom__families_collide(const struct cprom__families *families, const struct cprom__desc *desc,
                             const struct cprom__base *bases, size_t n_bases)
{
    static const cprom_type with_suffixes[] = {CPROM_GAUGE, CPROM_COUNTER, CPROM_INFO};
    for (size_t i = 0; i < n_bases; i++) {
        for (size_t k = 0; k < sizeof with_suffixes / sizeof *with_suffixes; k++) {
            const struct cprom__family *family =
                families_find(families, &bases[i], cprom__kind(with_suffixes[k])->suffix);
            if (family && cprom__desc_collides(family->desc, desc)) return true;
        }
    }
    return false;
}

/* ---- the set ---- */

/* Puts a member at the head of a list. */
static void families_link(struct cprom__registered **head, struct cprom__registered *member)
{
    member->next = *head;
    member->link = head;
    if (member->next) member->next->link = &member->next;
    *head = member;
}

static void families_unlink(struct cprom__registered *member)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): the callers have members */
    *member->link = member->next; /* analyzer: likewise */
    if (member->next) member->next->link = member->link;
}

/* Merges two lists that are sorted. Here and below, what points at a member is set by families_sort(). */
static struct cprom__registered *families_merge(struct cprom__registered *a, struct cprom__registered *b)
{
    struct cprom__registered *first, **end = &first;
    while (a && b) {
        struct cprom__registered **from = strcmp(a->family.desc->name, b->family.desc->name) < 0 ? &a : &b;
        *end = *from;
        end = &(*end)->next;
        *from = *end;
    }
    *end = a ? a : b;
    return first;
}

/* Sorts the fresh ones in. Runs of 1, 2, 4, … are merged as soon as there are two of them. */
static void families_sort(struct cprom__family_set *set)
{
    struct cprom__registered *runs[sizeof(size_t) * 8] = {NULL}, *fresh = set->fresh;
    size_t n = 0, i;
    while (fresh) {
        struct cprom__registered *run = fresh;
        fresh = fresh->next;
        run->next = NULL;
        for (i = 0; runs[i]; i++) {
            run = families_merge(runs[i], run);
            runs[i] = NULL;
        }
        runs[i] = run;
        if (i >= n) n = i + 1;
    }
    for (i = 0; i < n; i++) fresh = families_merge(runs[i], fresh);
    set->sorted = families_merge(set->sorted, fresh);
    set->fresh = NULL;
    struct cprom__registered **link = &set->sorted;
    for (; *link; link = &(*link)->next) (*link)->link = link;
}

cprom_status cprom__families_now(struct cprom_registry *registry, struct cprom__families **out)
{
    struct cprom__family_set *set = &registry->set;
    *out = NULL;
    if (atomic_load_explicit(&registry->gone, memory_order_relaxed)) return CPROM_ENOENT;
    if (!registry->families) {
        struct cprom__families *families = families_new(&registry->allocator, set->n, set->n_collectors);
        if (!families) return CPROM_ENOMEM;
        if (set->fresh) families_sort(set);
        size_t n = 0, n_collectors = 0;
        for (const struct cprom__registered *member = set->sorted; member; member = member->next) {
            if (member->family.vec) cprom__vec_content_ref(member->family.vec);
            families->v[n++] = member->family;
        }
        for (struct cprom__collector *at = set->first_collector; at; at = at->next) {
            cprom__collector_ref(at);
            families->collectors[n_collectors++] = at;
        }
        registry->families = families;
    }
    cprom__families_ref(registry->families);
    *out = registry->families;
    return CPROM_OK;
}

/* ---- what the tree has ---- */

/* The key of all indexes of the tree. */
static const struct cprom__hash_key *families_key(const struct cprom_registry *registry)
{
    return &registry->root->key;
}

static uint64_t families_place_of(const struct cprom_registry *registry, const char *name)
{
    const struct cprom__hash_key *key = families_key(registry);
    uint64_t hash = cprom__hash_value(key->k[0], key, name, strlen(name));
    for (size_t i = 0; i < registry->rules.n_const_labels; i++) {
        const cprom_label *label = &registry->rules.const_labels[i];
        if (!*label->value) continue;
        hash = cprom__hash_value(hash, key, label->name, strlen(label->name));
        hash = cprom__hash_value(hash, key, label->value, strlen(label->value));
    }
    return cprom__hash_end(hash, key);
}

/* The family of that name in whichever registry of the tree has the same const labels; NULL: none. There is one. */
static struct cprom__registered *families_at(const struct cprom_registry *top, const struct cprom_registry *registry,
                                             const char *name)
{
    struct cprom__index_node *node = cprom__index_find(&top->set.by_place, families_place_of(registry, name));
    for (; node; node = node->older) {
        struct cprom__registered *member = CPROM__INDEXED(node, struct cprom__registered, by_place);
        if (strcmp(member->family.desc->name, name) == 0 && !cprom__registry_apart(member->registry, registry)) {
            return member;
        }
    }
    return NULL;
}

/* The family of that base in some registry of the tree; NULL: none. In all of them it is the same. */
static const struct cprom__registered *families_of_base(const struct cprom_registry *top,
                                                        const struct cprom__base *base)
{
    struct cprom__index_node *node = cprom__index_find(&top->set.by_base, base->hash);
    for (; node; node = node->older) {
        const struct cprom__registered *member = CPROM__INDEXED(node, struct cprom__registered, by_base);
        if (cprom__desc_has_base(member->family.desc, base)) return member;
    }
    return NULL;
}

/*
 * Of these families, the one that stands first in the tree: in the first registry that has any, the first by name. For
 * what is refused for more than one reason; it looks at all registries.
 */
static const struct cprom__registered *families_first(struct cprom_registry *top,
                                                      const struct cprom__registered *const *found, size_t n)
{
    for (struct cprom_registry *at = top; at; at = cprom__tree_next(top, at)) {
        const struct cprom__registered *first = NULL;
        for (size_t i = 0; i < n; i++) {
            const struct cprom__registered *its = families_at(top, at, found[i]->family.desc->name);
            if (!its || its->registry != at) continue;
            if (!first || strcmp(its->family.desc->name, first->family.desc->name) < 0) first = its;
        }
        if (first) return first;
    }
    return NULL;
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
    struct cprom_registry *top = cprom__tree_top(registry);
    const struct cprom__registered *same = NULL, *colliding[CPROM__BASES_MAX];
    struct cprom__base bases[CPROM__BASES_MAX];
    size_t n_bases = cprom__desc_bases(desc, families_key(registry), bases), n_colliding = 0;
    for (size_t i = 0; i < n_bases; i++) {
        const struct cprom__registered *member = families_of_base(top, &bases[i]);
        if (!member) continue;
        if (strcmp(member->family.desc->name, desc->name) == 0) same = member;
        else if (cprom__desc_collides(member->family.desc, desc)) colliding[n_colliding++] = member;
    }
    *other = desc->name;
    if (same) {
        /* Who came first with this family, or came since, was checked against all others. */
        const struct cprom__registered *here = families_at(top, registry, desc->name);
        bool agrees = cprom__desc_agrees(same->family.desc, desc);
        *elsewhere = here && here->registry != registry;
        if (here && (agrees || families_first(top, &same, 1) == here)) return CPROM_EEXIST;
        return agrees ? CPROM_OK : CPROM_ECONFLICT;
    }
    if (!n_colliding) return CPROM_OK;
    *other = (n_colliding > 1 ? families_first(top, colliding, n_colliding) : colliding[0])->family.desc->name;
    return CPROM_ECONFLICT;
}

/* ---- coming and going ---- */

static void families_enter(struct cprom_registry *top, struct cprom__registered *member)
{
    struct cprom_registry *registry = member->registry;
    const struct cprom__desc *desc = member->family.desc;
    cprom__index_add(&top->set.by_base, &member->by_base, cprom__desc_base_hash(desc, families_key(registry)));
    cprom__index_add(&top->set.by_place, &member->by_place, families_place_of(registry, desc->name));
}

static void families_leave(struct cprom_registry *top, struct cprom__registered *member)
{
    cprom__index_remove(&top->set.by_base, &member->by_base);
    cprom__index_remove(&top->set.by_place, &member->by_place);
}

static uint64_t families_collector_hash(const struct cprom_registry *registry, const char *name)
{
    const struct cprom__hash_key *key = families_key(registry);
    return cprom__hash_end(cprom__hash_value(key->k[0], key, name, strlen(name)), key);
}

/* The collector of that name; NULL: none. */
static struct cprom__collector *families_collector(const struct cprom_registry *registry, const char *name)
{
    struct cprom__index_node *node =
        cprom__index_find(&registry->set.collectors, families_collector_hash(registry, name));
    for (; node; node = node->older) {
        struct cprom__collector *collector = CPROM__INDEXED(node, struct cprom__collector, by_name);
        if (strcmp(cprom__collector_name(collector), name) == 0) return collector;
    }
    return NULL;
}

static void families_add_collector(struct cprom_registry *registry, struct cprom__collector *collector)
{
    struct cprom__family_set *set = &registry->set;
    const char *name = cprom__collector_name(collector);
    cprom__index_add(&set->collectors, &collector->by_name, families_collector_hash(registry, name));
    collector->next = NULL;
    collector->previous = set->last_collector;
    if (set->last_collector) set->last_collector->next = collector;
    else set->first_collector = collector;
    set->last_collector = collector;
    set->n_collectors++;
    cprom__collector_ref(collector);
}

static void families_take_collector(struct cprom_registry *registry, struct cprom__collector *collector)
{
    struct cprom__family_set *set = &registry->set;
    cprom__index_remove(&set->collectors, &collector->by_name);
    if (collector->previous) collector->previous->next = collector->next;
    else set->first_collector = collector->next;
    if (collector->next) collector->next->previous = collector->previous;
    else set->last_collector = collector->previous;
    set->n_collectors--;
}

/* The list of now becomes one of before: it goes with the last page that has it. */
static struct cprom__families *families_take_list(struct cprom_registry *registry)
{
    struct cprom__families *families = registry->families;
    registry->families = NULL;
    return families;
}

static cprom_status families_add(struct cprom_registry *registry, struct cprom__registered *added, size_t n,
                                 struct cprom__collector *collector)
{
    struct cprom__families *old = NULL;
    const char *metric = "", *other = "";
    cprom_status status = CPROM_OK;
    char other_name[256] = "";
    bool elsewhere = false, twice = false; /* `twice`: the collector */
    cprom__tree_lock(registry);
    if (atomic_load_explicit(&registry->gone, memory_order_relaxed)) { /* a page or a callback still keeps it */
        cprom__tree_unlock(registry);
        return CPROM_ENOENT;
    }
    for (size_t i = 0; i < n && !status; i++) {
        metric = added[i].family.desc->name;
        status = families_check(registry, added[i].family.desc, &other, &elsewhere);
    }
    if (!status && collector) {
        twice = families_collector(registry, cprom__collector_name(collector)) != NULL;
        if (twice) status = CPROM_EEXIST;
    }
    if (!status) {
        struct cprom_registry *top = cprom__tree_top(registry);
        for (size_t i = 0; i < n; i++) {
            added[i].registry = registry;
            families_enter(top, &added[i]);
            families_link(&registry->set.fresh, &added[i]);
            if (added[i].family.vec) cprom__vec_content_ref(added[i].family.vec);
        }
        registry->set.n += n;
        if (collector) families_add_collector(registry, collector);
        old = families_take_list(registry);
        /* relaxed: who commits to the new vector comes behind this, and hands the gate to the gather that looks. */
        atomic_fetch_add_explicit(&registry->registrations, 1, memory_order_relaxed);
    } else if (!twice) {
        /* The other family may be unregistered as soon as the lock is let go. */
        size_t len = strlen(other) < sizeof other_name ? strlen(other) : sizeof other_name - 1;
        memcpy(other_name, other, len);
        other_name[len] = '\0';
    }
    cprom__tree_unlock(registry);
    if (old) cprom__families_unref(old);
    if (twice)
        cprom__collector_log(registry, cprom__collector_name(collector), " refused: ", "name is registered already");
    else if (status) families_log_conflict(registry, metric, status, other_name, elsewhere);
    return status;
}

cprom_status cprom__families_add_vec(struct cprom_registry *registry, struct cprom_vec *vec)
{
    struct cprom__registered *member = cprom__alloc(&registry->allocator, sizeof *member);
    if (!member) return CPROM_ENOMEM;
    *member = (struct cprom__registered){.family = {vec->desc, vec, NULL}};
    cprom_status status = families_add(registry, member, 1, NULL);
    if (status) cprom__release(&registry->allocator, member, sizeof *member);
    return status;
}

cprom_status cprom__families_add_collector(struct cprom_registry *registry, struct cprom__collector *collector)
{
    return families_add(registry, collector->registered, collector->n_families, collector);
}

cprom_status cprom__families_remove(struct cprom_registry *registry, const char *name, struct cprom__family *removed)
{
    struct cprom__families *old = NULL;
    struct cprom__registered *first = NULL;
    size_t n = 0;
    *removed = (struct cprom__family){NULL, NULL, NULL};
    cprom__tree_lock(registry);
    if (!atomic_load_explicit(&registry->gone, memory_order_relaxed)) {
        struct cprom_registry *top = cprom__tree_top(registry);
        first = families_at(top, registry, name);
        if (first && first->registry == registry) *removed = first->family;
        else removed->collector = families_collector(registry, name);
        n = removed->vec != NULL;
        if (removed->collector) {
            first = removed->collector->registered;
            n = removed->collector->n_families;
            families_take_collector(registry, removed->collector);
        }
        for (size_t i = 0; i < n; i++) {
            families_leave(top, &first[i]);
            families_unlink(&first[i]);
        }
        registry->set.n -= n;
        if (removed->vec || removed->collector) old = families_take_list(registry);
    }
    cprom__tree_unlock(registry);
    if (old) cprom__families_unref(old);
    if (removed->vec) cprom__release(&registry->allocator, first, sizeof *first);
    return removed->vec || removed->collector ? CPROM_OK : CPROM_ENOENT;
}

/* Moves what a registry has from the indexes of one registry to those of another; NULL: to none. */
static void families_move(struct cprom_registry *registry, struct cprom_registry *from, struct cprom_registry *to)
{
    struct cprom__registered *const lists[] = {registry->set.sorted, registry->set.fresh};
    for (size_t i = 0; i < 2; i++) {
        for (struct cprom__registered *member = lists[i]; member; member = member->next) {
            families_leave(from, member);
            if (to) families_enter(to, member);
        }
    }
}

void cprom__families_part(struct cprom_registry *registry)
{
    struct cprom_registry *top = cprom__tree_top(registry);
    if (top == registry && !registry->first_child) return; /* nobody looks for it any more */
    families_move(registry, top, NULL);
    for (struct cprom_registry *child = registry->first_child; child; child = child->next) {
        for (struct cprom_registry *at = child; at; at = cprom__tree_next(child, at)) families_move(at, top, child);
    }
}

void cprom__families_free(struct cprom_registry *registry)
{
    struct cprom__family_set *set = &registry->set;
    struct cprom__registered *const lists[] = {set->sorted, set->fresh};
    struct cprom__families *old = families_take_list(registry);
    for (size_t i = 0; i < 2; i++) {
        for (struct cprom__registered *member = lists[i], *next; member; member = next) {
            next = member->next;
            if (!member->family.vec) continue; /* in its collector's memory */
            cprom__vec_content_unref(member->family.vec);
            cprom__release(&registry->allocator, member, sizeof *member);
        }
    }
    for (struct cprom__collector *at = set->first_collector, *next; at; at = next) {
        next = at->next;
        cprom__collector_unref(at);
    }
    if (old) cprom__families_unref(old);
}
