/*
 * The parts of bench_bounds, and what they share.
 */
#ifndef CPROM_TESTS_BENCH_BOUNDS_H
#define CPROM_TESTS_BENCH_BOUNDS_H

#include "../common/bench.h"

#include <pthread.h>

void bounds_emissions(void); /* callbacks that emit many families */
void bounds_families(void);  /* registering many families */
void bounds_counters(void);  /* many striped counters */
void bounds_updates(void);   /* updates over many vectors */
void bounds_events(void);    /* removals by match while an update is open */
void bounds_holds(void);     /* how long removals and expiry hold the map's lock */
void bounds_waits(void);     /* what commits wait for */
void bounds_queues(void);    /* gathers that queue, or that registrations restart */
void bounds_memory(void);    /* what pages keep, and how many long series fit */
void bounds_threads(void);   /* look-ups of many threads */

#define BOUNDS_SECONDS 5 /* what a row may take before it is stopped */

/* Nanoseconds that the calling thread, or that one, had of a processor. */
double bounds_cpu(void);
double bounds_cpu_of(pthread_t thread);
/* Whether this thread has had BOUNDS_SECONDS since that bounds_cpu(). */
bool bounds_too_long(double since);

/* A line that says what was stopped. */
void bounds_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A sample of the row `name`_`size`, the value as a multiple of the control. */
void bounds_ratio(const char *name, const char *size, double value, double control);
void bounds_count(const char *name, const char *size, double value);

/* A vector with the labels `owner`, which is its owner, and `item`; its series. */
cprom_gauge_vec *bounds_vec(cprom_registry *registry, const char *name, double ttl_seconds);
void bounds_set(cprom_gauge_vec *vec, const char *owner, size_t item);
/* Opens a page and closes it. */
void bounds_scrape(cprom_registry *registry);
/* The milliseconds' pause of a thread that is to be paced, not timed. */
void bounds_pause(double ms);

/* ---- the library's mutexes, which the linker leads through here ---- */

/* Of the calling thread. */
struct bounds_locks {
    size_t taken;                 /* how many it has locked */
    pthread_mutex_t *last;        /* the one that it locked last */
    const pthread_mutex_t *watch; /* whose holds are timed; NULL: none */
    double longest;               /* of these, ns */
    double since;
};

extern _Thread_local struct bounds_locks bounds_locks;

/* Watches the lock of this vector's map: the one that a deletion of nothing takes. Ends the program if there is none. */
void bounds_watch(cprom_gauge_vec *vec);
/* Ends it; the longest hold in between, ns. */
double bounds_watched(void);

#endif
