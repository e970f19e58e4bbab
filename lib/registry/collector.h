/*
 * Callback collectors: what is known of one, and who holds it.
 */
#ifndef CPROM_LIB_REGISTRY_COLLECTOR_H
#define CPROM_LIB_REGISTRY_COLLECTOR_H

#include "registry/families.h"

/* How much of its name goes into a line of the log. */
#define CPROM__WHY_COLLECTOR 128

/* One family that a checked collector declared, to be found by what is asked for. */
struct cprom__declared {
    struct cprom__index_node by_asked;
    struct cprom__desc *desc;
};

struct cprom__collector {
    _Atomic size_t refs; /* family lists, and who runs it */
    const char *name;
    cprom_status (*collect)(void *ctx, cprom_scrape *out);
    double (*value)(void *ctx); /* of a func instrument, instead of collect */
    void *ctx;
    void (*free)(void *ctx);
    cprom_bad_utf8 bad_utf8;
    _Atomic bool told_dropped;   /* the log was told of a sample that was dropped */
    bool running, gone;          /* guarded by the registry's collect_lock */
    _Atomic int64_t quiet_until; /* no line to the log about a failure before; 0: there was none yet */
    _Atomic bool late_told;      /* that it is late; it was not in time since */
    /* in the registry's set; guarded by the tree's lock */
    struct cprom__collector *next, *previous;
    struct cprom__index_node by_name;
    struct cprom__registered *registered; /* one for each family */
    struct cprom__arena memory; /* of what it points at; it is a block of its own, as a descriptor is (desc.c) */
    size_t n_families;
    struct cprom__family *families;
    struct cprom__declared *declared; /* likewise */
    struct cprom__index by_asked;     /* of these; immutable once made */
};

void cprom__collector_ref(struct cprom__collector *collector);
void cprom__collector_unref(struct cprom__collector *collector);
/* One line to the log: collector "name", and the two texts. */
void cprom__collector_log(struct cprom_registry *registry, const char *name, const char *what, const char *why);
/* Tells of a sample that was dropped, unless it was told of another one before. `why` as in a scrape. */
void cprom__collector_log_dropped(struct cprom_registry *registry, struct cprom__collector *collector, const char *why);
const char *cprom__collector_name(const struct cprom__collector *collector);
/* The families that a checked collector declared; none: it is unchecked. */
const struct cprom__family *cprom__collector_families(const struct cprom__collector *collector, size_t *n);
/* Its last caller has left. */
void cprom__collector_free_context(struct cprom__collector *collector);
/* After it left the registry: no call begins any more, and the context is freed once the last caller has left. */
void cprom__collector_detach(struct cprom_registry *registry, struct cprom__collector *collector);

/*
 * The hash of what a callback asks for: name, type and labels, and with `texts` help and unit. The registry is the
 * collector's.
 */
uint64_t cprom__collector_hash_asked(const struct cprom_registry *registry, const cprom_desc *asked, bool texts);

#endif
