/* The events that make updates stale. */
#include "store/stale.h"

#include <string.h>

struct cprom__event {
    struct cprom__event *next;
    size_t bytes;
    uint64_t at;      /* its own number */
    uint64_t created; /* that of its update; UINT64_MAX: a removal */
    uint64_t since;   /* when it was numbered, that of the oldest update */
    size_t n;
    struct {
        size_t label, offset, len;
    } pairs[]; /* followed by the values, escaped */
};

static struct cprom__piece stale_value_of(const struct cprom__event *event, size_t pair)
{
    const char *values = (const char *)&event->pairs[event->n];
    return (struct cprom__piece){values + event->pairs[pair].offset, event->pairs[pair].len};
}

struct cprom__event *cprom__event_new(struct cprom_vec *vec, const struct cprom__match *match)
{
    size_t bytes = sizeof(struct cprom__event) + match->n * sizeof(((struct cprom__event *)NULL)->pairs[0]), offset = 0;
    for (size_t i = 0; i < match->n; i++) bytes += match->value[i].len;
    struct cprom__event *event = cprom__alloc(&vec->registry->allocator, bytes);
    if (!event) return NULL;
    event->bytes = bytes;
    event->n = match->n;
    for (size_t i = 0; i < match->n; i++) {
        event->pairs[i].label = match->label[i];
        event->pairs[i].offset = offset;
        event->pairs[i].len = match->value[i].len;
        memcpy((char *)&event->pairs[event->n] + offset, match->value[i].text, match->value[i].len);
        offset += match->value[i].len;
    }
    return event;
}

void cprom__event_free(struct cprom_vec *vec, struct cprom__event *event)
{
    if (event) cprom__release(&vec->registry->allocator, event, event->bytes);
}

static bool stale_same_pairs(const struct cprom__event *a, const struct cprom__event *b)
{
    /* Pairs, offsets and values lie in one piece. */
    size_t head = offsetof(struct cprom__event, pairs);
    return a->bytes == b->bytes && a->n == b->n &&
           memcmp((const char *)a + head, (const char *)b + head, a->bytes - head) == 0;
}

void cprom__event_number(struct cprom_registry *registry, struct cprom__event *event,
                         const struct cprom__live_updates *by)
{
    const struct cprom__live_updates *oldest = registry->updates.next;
    if (oldest == by) oldest = oldest->next;
    event->since = oldest == &registry->updates ? UINT64_MAX : oldest->created;
    event->at = ++registry->update_count;
    event->created = by ? by->created : UINT64_MAX;
}

void cprom__event_keep(struct cprom_vec *vec, struct cprom__event *event)
{
    uint64_t since = event->since;
    /*
     * Out go those that concern nobody any more, and one of the same match that concerns nobody but whom this one
     * does.
     */
    for (struct cprom__event **link = &vec->events; *link;) {
        struct cprom__event *old = *link;
        bool outdone = old->created <= event->created && stale_same_pairs(old, event);
        if (old->at > since && !outdone) {
            link = &old->next;
            continue;
        }
        *link = old->next;
        cprom__event_free(vec, old);
    }
    if (event->at < since) {
        cprom__event_free(vec, event);
        return;
    }
    event->next = vec->events;
    vec->events = event;
}

bool cprom__event_hits_scope(const struct cprom_vec *vec, uint64_t created, const struct cprom__match *scope)
{
    for (const struct cprom__event *event = vec->events; event; event = event->next) {
        if (event->at < created || event->created <= created) continue;
        bool apart = false;
        for (size_t i = 0; i < event->n && !apart; i++) {
            for (size_t k = 0; k < scope->n && !apart; k++) {
                apart = event->pairs[i].label == scope->label[k] &&
                        !cprom__pair_equal(stale_value_of(event, i), scope->value[k]);
            }
        }
        if (!apart) return true;
    }
    return false;
}

bool cprom__event_hits_series(const struct cprom_vec *vec, uint64_t created, const struct cprom_series *series)
{
    for (const struct cprom__event *event = vec->events; event; event = event->next) {
        if (event->at < created || event->created != UINT64_MAX) continue;
        bool apart = false;
        for (size_t i = 0; i < event->n && !apart; i++) {
            struct cprom__piece value = cprom__desc_value(vec->desc, series->text, event->pairs[i].label);
            apart = !cprom__pair_equal(value, stale_value_of(event, i));
        }
        if (!apart) return true;
    }
    return false;
}

void cprom__events_free(struct cprom_vec *vec)
{
    while (vec->events) {
        struct cprom__event *event = vec->events;
        vec->events = event->next;
        cprom__event_free(vec, event);
    }
}
