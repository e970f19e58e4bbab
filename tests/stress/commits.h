/* Writers and scrapers of owners (owners.h), for the stress tests of commits. */
#ifndef CPROM_TESTS_STRESS_COMMITS_H
#define CPROM_TESTS_STRESS_COMMITS_H

#include "support/owners.h"
#include "stress.h"

enum { SCRAPERS = 8, WRITERS = 4, HANDLES = 16, EXCLUSIVE = 25 };

struct load {
    struct owners owners;
    bool deletions;           /* owners are deleted everywhere now and then, and handles held */
    uint64_t commits;         /* to be done */
    int64_t start;
    double seconds;           /* whatever happens, no longer than that */
    _Atomic uint64_t begun, stale, pages, deleted;
    _Atomic bool over;
    pthread_mutex_t lock;     /* guards why */
    char why[256];            /* the first that was wrong */
};

/* A thread with a random generator of its own. */
struct load_thread {
    struct load *load;
    uint64_t seed;
    pthread_t thread;
};

static inline void load_wrong(struct load *load, const char *why)
{
    pthread_mutex_lock(&load->lock);
    if (!*load->why) snprintf(load->why, sizeof load->why, "%s", why);
    pthread_mutex_unlock(&load->lock);
    atomic_store(&load->over, true);
}

static inline void *load_scrape(void *arg)
{
    struct load_thread *self = arg;
    struct load *load = self->load;
    struct owners_reader reader = {.why = ""};
    st_join_in((unsigned)self->seed);
    while (!atomic_load(&load->over)) {
        if (!owners_read(&load->owners, &reader, load->deletions)) load_wrong(load, reader.why);
        atomic_fetch_add(&load->pages, 1);
    }
    return NULL;
}

static inline cprom_status load_delete(struct load *load, int i)
{
    char name[8];
    atomic_fetch_add(&load->deleted, 1);
    return cprom_registry_delete_matching(load->owners.registry, CPROM_LABELS({"owner", owners_name(i, name)}), NULL);
}

/*
 * One commit. The first EXCLUSIVE owners are locked all the while, so that it is known what they have and handles can
 * be taken without making series; the others are open: runs overtake each other, deletions come at any time.
 */
static inline cprom_status load_commit(struct load *load, uint64_t *seed, cprom_gauge **handles)
{
    int i = (int)(next_random(seed) % OWNERS);
    struct owner *owner = &load->owners.v[i];
    bool exclusive = load->deletions && i < EXCLUSIVE;
    cprom_status status = CPROM_OK;
    char name[8];
    if (load->deletions && !exclusive && next_random(seed) % 8 == 0) status = load_delete(load, i);
    if (status) return status;
    pthread_mutex_lock(&owner->lock);
    uint64_t run;
    cprom_update *update = owners_begin(&load->owners, i, &run);
    if (!exclusive) pthread_mutex_unlock(&owner->lock);
    if (next_random(seed) % 16 == 0) sched_yield();
    status = update ? owners_finish(&load->owners, i, update, run) : CPROM_ENOMEM;
    if (exclusive) {
        cprom_gauge **handle = &handles[next_random(seed) % HANDLES];
        cprom_gauge_add(*handle, 0); /* its series may be gone */
        cprom_gauge_unref(*handle);
        *handle = NULL;
        owners_name(i, name);
        const char *step = next_random(seed) % 2 ? "build" : run % 2 ? "clone" : "push";
        if (next_random(seed) % 2) *handle = cprom_gauge_vec_with(load->owners.step, CPROM_STRS(name, step));
        if (next_random(seed) % 8 == 0) status = load_delete(load, i);
        pthread_mutex_unlock(&owner->lock);
    }
    return status;
}

static inline void *load_write(void *arg)
{
    struct load_thread *self = arg;
    struct load *load = self->load;
    cprom_gauge *handles[HANDLES] = {NULL};
    st_join_in((unsigned)self->seed);
    while (!atomic_load(&load->over) && atomic_fetch_add(&load->begun, 1) < load->commits) {
        cprom_status status = load_commit(load, &self->seed, handles);
        if (status == CPROM_ESTALE) atomic_fetch_add(&load->stale, 1);
        else if (status) load_wrong(load, cprom_status_string(status));
        if (ct_over(load->start, load->seconds)) break;
    }
    for (int i = 0; i < HANDLES; i++) cprom_gauge_unref(handles[i]);
    return NULL;
}

/* Runs it to its end; `load->why` says what was wrong, if anything was. */
static inline void load_run(struct load *load, cprom_registry *registry, int writers, int scrapers, double seconds)
{
    struct load_thread threads[WRITERS + SCRAPERS];
    owners_init(&load->owners, registry);
    pthread_mutex_init(&load->lock, NULL);
    load->start = ct_now();
    load->seconds = seconds;
    for (int i = 0; i < writers + scrapers; i++) {
        threads[i] = (struct load_thread){.load = load, .seed = (uint64_t)i + 1};
        pthread_create(&threads[i].thread, NULL, i < writers ? load_write : load_scrape, &threads[i]);
    }
    for (int i = 0; i < writers; i++) pthread_join(threads[i].thread, NULL);
    atomic_store(&load->over, true);
    for (int i = writers; i < writers + scrapers; i++) pthread_join(threads[i].thread, NULL);
    struct owners_reader reader = {.why = ""};
    if (!*load->why && !owners_read(&load->owners, &reader, load->deletions)) load_wrong(load, reader.why);
    pthread_mutex_destroy(&load->lock);
    owners_end(&load->owners);
}

/* How many commits: CPROM_STRESS_COMMITS, or by how long stress tests are to run and how slow this build is. */
static inline uint64_t load_commits(void)
{
    const char *text = getenv("CPROM_STRESS_COMMITS");
    if (text && atof(text) >= 1) return (uint64_t)atof(text);
    double commits = 10000 * ct_stress_seconds();
    return (uint64_t)(CT_SANITIZED ? commits / 20 : commits);
}

#endif
