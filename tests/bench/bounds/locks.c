/*
 * The library's mutexes: counted, and one of them timed. The linker's --wrap leads the library's calls here.
 */
#include "bounds.h"

_Thread_local struct bounds_locks bounds_locks;

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);

static void locked(pthread_mutex_t *mutex)
{
    bounds_locks.taken++;
    bounds_locks.last = mutex;
    if (mutex == bounds_locks.watch) bounds_locks.since = bounds_cpu();
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    int error = __real_pthread_mutex_lock(mutex);
    if (!error) locked(mutex);
    return error;
}

int __wrap_pthread_mutex_trylock(pthread_mutex_t *mutex)
{
    int error = __real_pthread_mutex_trylock(mutex);
    if (!error) locked(mutex);
    return error;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (mutex == bounds_locks.watch) {
        double held = bounds_cpu() - bounds_locks.since;
        if (held > bounds_locks.longest) bounds_locks.longest = held;
    }
    return __real_pthread_mutex_unlock(mutex);
}

void bounds_watch(cprom_gauge_vec *vec)
{
    bounds_locks = (struct bounds_locks){0};
    cprom_gauge_vec_delete(vec, CPROM_STRS("nobody", "nothing"));
    if (!bounds_locks.last) bench_check(CPROM_EINVAL, "the map's lock was not found");
    bounds_locks.watch = bounds_locks.last;
}

double bounds_watched(void)
{
    bounds_locks.watch = NULL;
    return bounds_locks.longest;
}
