/* A collector: held by family lists and by who runs it. */
#include "registry/collector.h"

#include <string.h>

#include "base/unwind.h"

void cprom__collector_ref(struct cprom__collector *collector)
{
    atomic_fetch_add_explicit(&collector->refs, 1, memory_order_relaxed);
}

void cprom__collector_unref(struct cprom__collector *collector)
{
    /* acq_rel: who drops the last one sees what all others did before theirs. */
    if (atomic_fetch_sub_explicit(&collector->refs, 1, memory_order_acq_rel) != 1) return;
    for (size_t i = 0; i < collector->n_families; i++) cprom__desc_free(collector->declared[i].desc);
    struct cprom__allocator *allocator = collector->memory.allocator;
    cprom__arena_free(&collector->memory);
    cprom__release(allocator, collector, sizeof *collector);
}

void cprom__collector_log(struct cprom_registry *registry, const char *name, const char *what, const char *why)
{
    struct cprom__line line;
    if (!registry->log) return;
    cprom__line_join(&line, "collector \"", (char *)NULL);
    if (name) cprom__line_add_cut(&line, name, strlen(name), CPROM__WHY_COLLECTOR);
    cprom__line_add(&line, "\"");
    cprom__line_add(&line, what);
    cprom__line_add(&line, why);
    cprom__log(registry, &line);
}

void cprom__collector_log_dropped(struct cprom_registry *registry, struct cprom__collector *collector, const char *why)
{
    if (atomic_exchange_explicit(&collector->told_dropped, true, memory_order_relaxed)) return;
    cprom__collector_log(registry, collector->name, ": sample dropped (more of these are only counted): ", why);
}

const char *cprom__collector_name(const struct cprom__collector *collector) { return collector->name; }

const struct cprom__family *cprom__collector_families(const struct cprom__collector *collector, size_t *n)
{
    *n = collector->n_families;
    return collector->families;
}

void cprom__collector_free_context(struct cprom__collector *collector)
{
    CPROM__UNCANCELLED;
    if (collector->free) collector->free(collector->ctx);
}

void cprom__collector_detach(struct cprom_registry *registry, struct cprom__collector *collector)
{
    pthread_mutex_lock(&registry->collect_lock);
    collector->gone = true;
    bool idle = !collector->running;
    pthread_cond_broadcast(&registry->collect_cond);
    pthread_mutex_unlock(&registry->collect_lock);
    /* Otherwise the caller that runs it now frees the context when it leaves. */
    if (idle) cprom__collector_free_context(collector);
}

uint64_t cprom__collector_hash_asked(const struct cprom_registry *registry, const cprom_desc *asked, bool texts)
{
    const struct cprom__hash_key *key = &registry->key;
    uint64_t hash = cprom__hash_value(key->k[0] ^ (uint64_t)asked->type, key, asked->name, strlen(asked->name));
    for (size_t i = 0; i < CPROM_LABELS_MAX && asked->labels[i]; i++) {
        hash = cprom__hash_value(hash, key, asked->labels[i], strlen(asked->labels[i]));
    }
    if (texts && asked->help) hash = cprom__hash_value(hash, key, asked->help, strlen(asked->help));
    if (texts && asked->unit) hash = cprom__hash_value(hash, key, asked->unit, strlen(asked->unit));
    return cprom__hash_end(hash, key);
}
