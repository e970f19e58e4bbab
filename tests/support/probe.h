/* A collector that tells what happens to it, for the tests of collectors. */
#ifndef CPROM_TESTS_PROBE_H
#define CPROM_TESTS_PROBE_H

#include "cprom_test.h"

#define GAUGE(name_) DESC(.name = name_, .type = CPROM_GAUGE)

/*
 * A collector that emits one gauge of its name, after `inside`, if that is set. Static in a test, so that it outlives
 * the registry also where an assertion ends the test.
 */
typedef struct probe {
    const char *name;
    cprom_registry *registry;
    void (*inside)(struct probe *probe, cprom_scrape *out);
    void (*on_free)(struct probe *probe);
    struct probe *other;
    void *extra;
    cprom_status got[4]; /* what inside did, to be looked at outside: assertions would jump out of the library */

    pthread_mutex_t mutex;
    pthread_cond_t changed;
    bool parks, parked, let_go; /* guarded by the mutex, like the rest */
    int calls, running, most_running, freed;
    pthread_t freed_by;
} probe;

static inline void probe_init(probe *p, cprom_registry *registry, const char *name)
{
    *p = (probe){.name = name, .registry = registry, .mutex = PTHREAD_MUTEX_INITIALIZER,
                 .changed = PTHREAD_COND_INITIALIZER};
}

static inline cprom_status probe_collect(void *ctx, cprom_scrape *out)
{
    probe *p = ctx;
    pthread_mutex_lock(&p->mutex);
    p->calls++;
    if (++p->running > p->most_running) p->most_running = p->running;
    p->parked = p->parks;
    pthread_cond_broadcast(&p->changed);
    while (p->parks && !p->let_go) pthread_cond_wait(&p->changed, &p->mutex);
    p->parks = p->parked = false;
    pthread_mutex_unlock(&p->mutex);
    if (p->inside) p->inside(p, out);
    cprom_status status = cprom_emit(out, GAUGE(p->name), CPROM_NO_STRS, 1);
    pthread_mutex_lock(&p->mutex);
    p->running--;
    pthread_mutex_unlock(&p->mutex);
    return status;
}

static inline void probe_free(void *ctx)
{
    probe *p = ctx;
    pthread_mutex_lock(&p->mutex);
    p->freed++;
    p->freed_by = pthread_self();
    pthread_mutex_unlock(&p->mutex);
    if (p->on_free) p->on_free(p);
}

static inline int probe_calls(probe *p)
{
    pthread_mutex_lock(&p->mutex);
    int calls = p->calls;
    pthread_mutex_unlock(&p->mutex);
    return calls;
}

static inline int probe_freed(probe *p)
{
    pthread_mutex_lock(&p->mutex);
    int freed = p->freed;
    pthread_mutex_unlock(&p->mutex);
    return freed;
}

/* Until the callback was begun that many times; if it parks, until it stands there. */
static inline void probe_wait(probe *p, int calls)
{
    pthread_mutex_lock(&p->mutex);
    while (p->calls < calls || (p->parks && !p->parked)) pthread_cond_wait(&p->changed, &p->mutex);
    pthread_mutex_unlock(&p->mutex);
}

static inline void probe_release(probe *p)
{
    pthread_mutex_lock(&p->mutex);
    p->let_go = true;
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->mutex);
}

static inline cprom_status probe_register(probe *p, const cprom_desc *descs, size_t n_descs)
{
    cprom_collector_opts opts = CPROM_INIT(cprom_collector_opts);
    opts.name = p->name;
    opts.collect = probe_collect;
    opts.ctx = p;
    opts.free = probe_free;
    opts.descs = descs;
    opts.n_descs = n_descs;
    return cprom_collector_new(p->registry, &opts);
}

static inline void probe_add(probe *p, cprom_registry *registry, const char *name)
{
    probe_init(p, registry, name);
    assert_ok(probe_register(p, NULL, 0));
}

#define ONE "# TYPE one gauge\none 1\n"
#define TWO "# TYPE two gauge\ntwo 1\n"

#endif
