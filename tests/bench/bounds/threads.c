/*
 * Look-ups of more threads than one has thought of: how many locks they take.
 */
#include "bounds.h"

#include <stdatomic.h>
#include <stdio.h>

#define THREADS_MAX 200
#define LOOKUPS 100u

struct crowd {
    cprom_gauge_vec *vec;
    pthread_barrier_t all; /* whoever has ended may give back what another needs */
    _Atomic size_t locks;
};

static void *look_up(void *arg)
{
    struct crowd *crowd = arg;
    bounds_set(crowd->vec, "owner", 0); /* the first use may be dearer */
    pthread_barrier_wait(&crowd->all);
    bounds_locks.taken = 0;
    for (size_t i = 0; i < LOOKUPS; i++) bounds_set(crowd->vec, "owner", i);
    atomic_fetch_add(&crowd->locks, bounds_locks.taken);
    pthread_barrier_wait(&crowd->all);
    return NULL;
}

static void crowd_of(unsigned n, const char *size)
{
    struct crowd crowd = {0};
    cprom_registry *registry;
    pthread_t threads[THREADS_MAX];
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    crowd.vec = bounds_vec(registry, "family", 0);
    for (size_t i = 0; i < LOOKUPS; i++) bounds_set(crowd.vec, "owner", i);
    pthread_barrier_init(&crowd.all, NULL, n);
    for (unsigned i = 0; i < n; i++) {
        if (pthread_create(&threads[i], NULL, look_up, &crowd) != 0) bench_check(CPROM_ESYS, "pthread_create");
    }
    for (unsigned i = 0; i < n; i++) pthread_join(threads[i], NULL);
    bounds_count("lookup_locks", size, (double)atomic_load(&crowd.locks));
    pthread_barrier_destroy(&crowd.all);
    cprom_registry_free(registry);
}

/* ---- threads that use the library at their very end only ---- */

#define ROUNDS 4 /* of destructors: POSIX has at least so many, and glibc no more */

static pthread_key_t at_end;

struct ending {
    cprom_gauge_vec *vec;
    int rounds;
};

static void use_in_last_round(void *arg)
{
    struct ending *ending = arg;
    if (++ending->rounds < ROUNDS) pthread_setspecific(at_end, ending);
    else bounds_set(ending->vec, "owner", 0);
}

static void *end_late(void *arg)
{
    pthread_setspecific(at_end, arg);
    return NULL;
}

/* One after the other. */
static void many_end_late(void)
{
    cprom_registry *registry;
    bench_check(cprom_registry_new(NULL, &registry), "registry");
    cprom_gauge_vec *vec = bounds_vec(registry, "family", 0);
    pthread_key_create(&at_end, use_in_last_round);
    for (int i = 0; i < THREADS_MAX; i++) {
        struct ending ending = {vec, 0};
        pthread_t thread;
        if (pthread_create(&thread, NULL, end_late, &ending) != 0) bench_check(CPROM_ESYS, "pthread_create");
        pthread_join(thread, NULL);
    }
    pthread_key_delete(at_end);
    cprom_registry_free(registry);
}

void bounds_threads(void)
{
    crowd_of(50, "50");
    crowd_of(THREADS_MAX, "200");
    many_end_late();
    crowd_of(50, "late");
}
