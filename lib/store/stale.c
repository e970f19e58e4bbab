/* The events that make updates stale. */
#include "store/stale.h"

#include <string.h>

#define STALE_PORTION 256u /* events that are forgotten under one hold of updates_lock */

/*
 * The events of a vector that name the same labels, found by the hash of their values. Keeping one needs no memory, and
 * cannot fail. A set stays as long as its vector: there are as many as ways in which the program removes and replaces.
 */
struct cprom__event_set {
    struct cprom__event_set *next; /* immutable once in the vector's list */
    size_t n;
    uint32_t named;                  /* bit per label */
    uint8_t label[CPROM_LABELS_MAX]; /* n of them, in rising order */
    /* guarded by updates_lock */
    struct cprom__index events;
    uint64_t newest_scope, newest_removal; /* of all that it ever had */
};

struct cprom__event {
    struct cprom__event_set *set;
    struct cprom__index_node node; /* guarded by updates_lock, once it is kept; but for the hash */
    size_t bytes;
    uint64_t at; /* its own number; that of the newest, where they were several */
    /* Which updates it concerns: as a scope those started earlier, as a removal those created earlier. 0: none. */
    uint64_t over_started, over_created;
    /* guarded by updates_lock, once it is kept */
    struct cprom__event *older, *newer; /* of all of the registry */
    size_t len[];                       /* of each value; followed by the values, escaped */
};

/* ---- sets ---- */

static uint32_t stale_named(const struct cprom__match *match)
{
    uint32_t named = 0;
    for (size_t i = 0; i < match->n; i++) named |= (uint32_t)1 << match->label[i];
    return named;
}

static struct cprom__event_set *stale_sets(const struct cprom_vec *vec)
{
    /* acquire: pairs with the release in stale_set_for(). */
    return atomic_load_explicit(&vec->event_sets, memory_order_acquire);
}

static struct cprom__event_set *stale_find_set(const struct cprom_vec *vec, uint32_t named)
{
    struct cprom__event_set *set = stale_sets(vec);
    while (set && set->named != named) set = set->next;
    return set;
}

/* Found or made; NULL: out of memory. */
static struct cprom__event_set *stale_set_for(struct cprom_vec *vec, uint32_t named)
{
    struct cprom_registry *registry = vec->registry;
    struct cprom__event_set *set = stale_find_set(vec, named);
    if (set) return set;
    struct cprom__event_set *made = cprom__alloc_zeroed(&registry->allocator, sizeof *made);
    if (!made) return NULL;
    made->named = named;
    for (uint8_t label = 0; label < CPROM_LABELS_MAX; label++) {
        if (named >> label & 1) made->label[made->n++] = label;
    }
    pthread_mutex_lock(&registry->updates_lock);
    set = stale_find_set(vec, named);
    if (!set) {
        made->next = stale_sets(vec);
        /* release: pairs with the acquire in stale_sets(). */
        atomic_store_explicit(&vec->event_sets, made, memory_order_release);
    }
    pthread_mutex_unlock(&registry->updates_lock);
    if (!set) return made;
    cprom__release(&registry->allocator, made, sizeof *made);
    return set;
}

/* ---- the values that are asked for ---- */

/* The values of a set's labels. */
struct stale_values {
    uint64_t hash;
    struct cprom__piece v[CPROM_LABELS_MAX];
};

static void stale_hash(const struct cprom_vec *vec, size_t n, struct stale_values *values)
{
    const struct cprom__hash_key *key = &vec->registry->key;
    uint64_t state = key->k[1];
    /* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): who fills them in sets n of them */
    for (size_t i = 0; i < n; i++) state = cprom__hash_value(state, key, values->v[i].text, values->v[i].len);
    values->hash = cprom__hash_end(state, key);
}

/* The value that a match wants of a label; false: any. */
static bool stale_wanted(const struct cprom__match *match, size_t label, struct cprom__piece *value)
{
    for (size_t i = 0; i < match->n; i++) {
        if (match->label[i] != label) continue;
        *value = match->value[i];
        return true;
    }
    return false;
}

/* Of a match that names all labels of the set. */
static void stale_of_match(const struct cprom_vec *vec, const struct cprom__event_set *set,
                           const struct cprom__match *match, struct stale_values *values)
{
    for (size_t i = 0; i < set->n; i++) stale_wanted(match, set->label[i], &values->v[i]);
    stale_hash(vec, set->n, values);
}

static void stale_of_series(const struct cprom__event_set *set, const struct cprom_series *series,
                            struct stale_values *values)
{
    const struct cprom_vec *vec = series->vec;
    for (size_t i = 0; i < set->n; i++) values->v[i] = cprom__desc_value(vec->desc, series->text, set->label[i]);
    stale_hash(vec, set->n, values);
}

/* ---- one event ---- */

struct cprom__event *cprom__event_new(struct cprom_vec *vec, const struct cprom__match *match)
{
    struct cprom__event_set *set = stale_set_for(vec, stale_named(match));
    if (!set) return NULL;
    struct stale_values values;
    stale_of_match(vec, set, match, &values);
    size_t bytes = sizeof(struct cprom__event) + set->n * sizeof(size_t);
    for (size_t i = 0; i < set->n; i++) bytes += values.v[i].len;
    struct cprom__event *event = cprom__alloc_zeroed(&vec->registry->allocator, bytes);
    if (!event) return NULL;
    event->set = set;
    event->node.hash = values.hash;
    event->bytes = bytes;
    char *text = (char *)&event->len[set->n];
    for (size_t i = 0; i < set->n; i++) {
        event->len[i] = values.v[i].len;
        memcpy(text, values.v[i].text, values.v[i].len);
        text += values.v[i].len;
    }
    return event;
}

void cprom__event_free(struct cprom_vec *vec, struct cprom__event *event)
{
    if (event) cprom__release(&vec->registry->allocator, event, event->bytes);
}

void cprom__event_number(struct cprom_registry *registry, struct cprom__event *event,
                         const struct cprom__live_updates *by)
{
    event->at = ++registry->update_count;
    event->over_started = by ? by->started : 0;
    event->over_created = by ? 0 : event->at;
}

/* ---- the events of a set, under updates_lock ---- */

static bool stale_has_values(const struct cprom__event *event, const struct stale_values *values)
{
    const char *text = (const char *)&event->len[event->set->n];
    for (size_t i = 0; i < event->set->n; i++) {
        struct cprom__piece value = {text, event->len[i]};
        if (!cprom__pair_equal(value, values->v[i])) return false;
        text += event->len[i];
    }
    return true;
}

static bool stale_same_values(const struct cprom__event *a, const struct cprom__event *b)
{
    /* Lengths and values lie in one piece. */
    size_t head = offsetof(struct cprom__event, len);
    return a->bytes == b->bytes && memcmp((const char *)a + head, (const char *)b + head, a->bytes - head) == 0;
}

static struct cprom__event *stale_event_of(struct cprom__index_node *node)
{
    CPROM__SEAM(CPROM__SEAM_EVENT_COMPARES);
    return CPROM__INDEXED(node, struct cprom__event, node);
}

static const struct cprom__event *stale_find(const struct cprom__event_set *set, const struct stale_values *values)
{
    struct cprom__index_node *node = cprom__index_find(&set->events, values->hash);
    while (node && !stale_has_values(stale_event_of(node), values)) node = node->older;
    return node ? stale_event_of(node) : NULL;
}

/* The event of the same match; NULL: none is kept. */
static struct cprom__event *stale_find_same(const struct cprom__event *event)
{
    struct cprom__index_node *node = cprom__index_find(&event->set->events, event->node.hash);
    while (node && !stale_same_values(stale_event_of(node), event)) node = node->older;
    return node ? stale_event_of(node) : NULL;
}

/* ---- all of the registry, under updates_lock ---- */

static void stale_push(struct cprom_registry *registry, struct cprom__event *event)
{
    event->older = registry->newest_event;
    event->newer = NULL;
    if (event->older) event->older->newer = event;
    else registry->oldest_event = event;
    registry->newest_event = event;
}

static void stale_pull(struct cprom_registry *registry, struct cprom__event *event)
{
    if (event->older) event->older->newer = event->newer;
    else registry->oldest_event = event->newer;
    if (event->newer) event->newer->older = event->older;
    else registry->newest_event = event->older;
}

/* The number of the oldest living update; UINT64_MAX: there is none. */
static uint64_t stale_oldest_update(const struct cprom_registry *registry)
{
    const struct cprom__live_updates *oldest = registry->updates.next;
    return oldest == &registry->updates ? UINT64_MAX : oldest->created;
}

static void stale_raise(uint64_t *number, uint64_t to)
{
    if (*number < to) *number = to;
}

/* Returns what is not needed: the event, if there was one of the same match. */
static struct cprom__event *stale_put(struct cprom_registry *registry, struct cprom__event *event)
{
    struct cprom__event *same = stale_find_same(event);
    stale_raise(&event->set->newest_scope, event->over_started);
    stale_raise(&event->set->newest_removal, event->over_created);
    if (same) {
        stale_pull(registry, same);
        same->at = event->at;
        stale_raise(&same->over_started, event->over_started);
        stale_raise(&same->over_created, event->over_created);
    } else {
        cprom__index_add(&event->set->events, &event->node, event->node.hash);
    }
    stale_push(registry, same ? same : event);
    return same ? event : NULL;
}

void cprom__event_keep(struct cprom_vec *vec, struct cprom__event *event)
{
    struct cprom_registry *registry = vec->registry;
    stale_raise(&vec->newest_scope, event->over_started);
    stale_raise(&vec->newest_removal, event->over_created);
    pthread_mutex_lock(&registry->updates_lock);
    uint64_t oldest = stale_oldest_update(registry);
    if (oldest < event->over_started || oldest < event->over_created) event = stale_put(registry, event);
    pthread_mutex_unlock(&registry->updates_lock);
    cprom__event_free(vec, event);
}

void cprom__events_forget(struct cprom_registry *registry)
{
    unsigned n;
    do {
        struct cprom__event *forgotten = NULL, *event;
        pthread_mutex_lock(&registry->updates_lock);
        uint64_t oldest = stale_oldest_update(registry);
        for (n = 0; n < STALE_PORTION && (event = registry->oldest_event) != NULL && event->at < oldest; n++) {
            stale_pull(registry, event);
            cprom__index_remove(&event->set->events, &event->node);
            event->newer = forgotten;
            forgotten = event;
        }
        pthread_mutex_unlock(&registry->updates_lock);
        while ((event = forgotten) != NULL) {
            forgotten = event->newer;
            cprom__release(&registry->allocator, event, event->bytes);
        }
    } while (n == STALE_PORTION);
}

/* ---- whom they concern ---- */

static bool stale_overlap(const struct cprom__event *event, const struct cprom__match *scope)
{
    const char *text = (const char *)&event->len[event->set->n];
    for (size_t i = 0; i < event->set->n; i++) {
        struct cprom__piece value = {text, event->len[i]}, wanted;
        if (stale_wanted(scope, event->set->label[i], &wanted) && !cprom__pair_equal(value, wanted)) return false;
        text += event->len[i];
    }
    return true;
}

/* What it is for the update that these are the newest numbers of events that overlap. */
static unsigned stale_by(const struct cprom__live_updates *update, uint64_t over_started, uint64_t over_created)
{
    return (over_started > update->started ? CPROM__STALE_SCOPE : 0u) |
           (over_created > update->created ? CPROM__STALE_DELETE : 0u);
}

/* Under updates_lock, with a scope that names some of the set's labels. */
static unsigned stale_some(const struct cprom_registry *registry, const struct cprom__event_set *set,
                           const struct cprom__live_updates *update, const struct cprom__match *scope)
{
    unsigned all = stale_by(update, set->newest_scope, set->newest_removal), is = 0;
    const struct cprom__event *event = registry->newest_event;
    for (; event && event->at > update->created && is != all; event = event->older) {
        CPROM__SEAM(CPROM__SEAM_EVENT_COMPARES);
        unsigned by = event->set == set ? stale_by(update, event->over_started, event->over_created) : 0;
        if ((by & ~is) && stale_overlap(event, scope)) is |= by;
    }
    return is;
}

/* Under updates_lock. */
static unsigned stale_scope(const struct cprom_vec *vec, const struct cprom__event_set *set,
                            const struct cprom__live_updates *update, const struct cprom__match *scope)
{
    uint32_t named = stale_named(scope);
    unsigned newest = stale_by(update, set->newest_scope, set->newest_removal);
    if (!newest) return 0;
    if (!(set->named & named)) return newest; /* nothing keeps the newest apart from it */
    if (set->named & ~named) return stale_some(vec->registry, set, update, scope);
    struct stale_values values;
    stale_of_match(vec, set, scope, &values);
    const struct cprom__event *event = stale_find(set, &values);
    return event ? stale_by(update, event->over_started, event->over_created) : 0;
}

/* Under updates_lock. */
static unsigned stale_series(const struct cprom__event_set *set, const struct cprom__live_updates *update,
                             const struct cprom__match *scopes, const struct cprom_series *series)
{
    if (!stale_by(update, set->newest_scope, set->newest_removal)) return 0;
    struct stale_values values;
    stale_of_series(set, series, &values);
    const struct cprom__event *event = stale_find(set, &values);
    if (!event) return 0;
    unsigned is = stale_by(update, event->over_started, event->over_created);
    while ((is & CPROM__STALE_SCOPE) && scopes && !stale_overlap(event, scopes)) scopes = scopes->next;
    return scopes ? is : is & CPROM__STALE_DELETE;
}

unsigned cprom__stale_scope(struct cprom_vec *vec, const struct cprom__live_updates *update,
                            const struct cprom__match *scope)
{
    unsigned all = stale_by(update, vec->newest_scope, vec->newest_removal), is = 0;
    if (!all) return 0;
    pthread_mutex_lock(&vec->registry->updates_lock);
    for (struct cprom__event_set *set = stale_sets(vec); set && is != all; set = set->next)
        is |= stale_scope(vec, set, update, scope);
    pthread_mutex_unlock(&vec->registry->updates_lock);
    return is;
}

unsigned cprom__stale_series(struct cprom_vec *vec, const struct cprom__live_updates *update,
                             const struct cprom__match *scopes, const struct cprom_series *series)
{
    unsigned all = stale_by(update, scopes ? vec->newest_scope : 0, vec->newest_removal), is = 0;
    if (!all) return 0;
    pthread_mutex_lock(&vec->registry->updates_lock);
    for (struct cprom__event_set *set = stale_sets(vec); set && is != all; set = set->next)
        is |= stale_series(set, update, scopes, series);
    pthread_mutex_unlock(&vec->registry->updates_lock);
    return is;
}

/* ---- the end ---- */

void cprom__events_free(struct cprom_vec *vec)
{
    struct cprom_registry *registry = vec->registry;
    for (struct cprom__event_set *set = stale_sets(vec), *next; set; set = next) {
        next = set->next;
        struct cprom__event *event;
        do {
            pthread_mutex_lock(&registry->updates_lock);
            struct cprom__index_node *top = set->events.top;
            event = top ? CPROM__INDEXED(top, struct cprom__event, node) : NULL;
            if (event) {
                stale_pull(registry, event);
                cprom__index_remove(&set->events, top);
            }
            pthread_mutex_unlock(&registry->updates_lock);
            cprom__event_free(vec, event);
        } while (event);
        cprom__release(&registry->allocator, set, sizeof *set);
    }
}
