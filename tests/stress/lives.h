/*
 * Rounds of everything that makes, changes, removes, expires and reads series, with options at random, recorded for the
 * checker (oracle/lives.h). Two registries, a child and its parent, two vectors each, three series a vector.
 */
#ifndef CPROM_TESTS_STRESS_LIVES_H
#define CPROM_TESTS_STRESS_LIVES_H

#include "stress.h"

#include "oracle/lives.h"

enum {
    LIVES_REGISTRIES = 2,
    LIVES_WRITERS = 3,
    LIVES_SCRAPERS = 2,
    LIVES_CALLS = 40, /* of a writer in a round */
    LIVES_OF_VEC = LIVES_KEYS / LIVES_VECS
};

/* What a round is to have; what is not fixed is left to chance. */
enum lives_wish {
    LIVES_CHANCE,
    LIVES_NEVER,
    LIVES_ALWAYS
};

struct lives_wishes {
    enum lives_wish cap, fold, owner, ttl, linger, marks, singles, changes, handles, second, bound;
    unsigned cap_of_all; /* where there is a cap; 0: any */
    bool serial;         /* no two calls at once: what the checker says then is about itself */
    unsigned writers;    /* 0: LIVES_WRITERS */
    unsigned calls;      /* 0: LIVES_CALLS */
};

struct lives_vec_of_round {
    cprom_vec *vec;
    bool counts; /* a counter; otherwise a gauge */
};

struct lives_round {
    struct lives_wishes wishes;
    _Atomic uint64_t clock;
    ct_fixture *fixtures[LIVES_REGISTRIES]; /* a child; its parent */
    struct lives_vec_of_round vecs[LIVES_REGISTRIES][LIVES_VECS];
    struct lives lives[LIVES_REGISTRIES];
    bool marks, ticks, second;
    pthread_barrier_t begins;
    pthread_mutex_t serial;
    _Atomic unsigned writing;
};

/* Sums over rounds. */
struct lives_sums {
    uint64_t rounds, calls, pages, undecided, most;
};

/*
 * Plays a round, checks it, and frees it. Where it cannot have been or is not decided, the record is written to the file that
 * CPROM_LIVES_RECORD names, if any. `why` of the registry's record stays.
 */
enum lives_verdict lives_play(struct lives_round *round, const struct lives_wishes *wishes, unsigned number,
                              struct lives_sums *sums);

/*
 * Plays until something cannot have been, for ten minutes at most, since the machine may be busy; false: all could. Says
 * how long it took.
 */
bool lives_find(const char *test, const struct lives_wishes *wishes);

#endif
