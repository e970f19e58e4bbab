/*
 * Moments. What changes several series as one (a commit, a removal by match) runs in the registry's gate and has one
 * moment: the raise of the registry's epoch. What that does to one vector is its turnover: some series go, others stay
 * because they are staged, and some are born.
 *
 * The turnover is published in its vector before the moment. Afterwards it is finished in portions, under the map's
 * lock, by the thread whose change it is and by whoever needs its outcome. Until then each series is judged by the turnover:
 * a series that it covers, and that was touched before the moment, is gone for every look-up, update and get.
 *
 * A commit finishes in the gate. A removal, which may have much to do, leaves it behind its moment, and stays in the
 * removals' gate until it is finished: meanwhile other moments may come, but no mark, no number of a page, and nothing that
 * takes part in the same vector.
 *
 * Models: tests/models/moment.pml, spoilt.pml, room.pml.
 */
#ifndef CPROM_LIB_STORE_TURNOVER_H
#define CPROM_LIB_STORE_TURNOVER_H

#include "store/kill.h"
#include "store/match.h"

/* What a turnover does with a series that is alive and covered by its matches. */
enum cprom__verdict {
    CPROM__VERDICT_GOES,
    CPROM__VERDICT_STAYS,
    CPROM__VERDICT_OPEN /* it is known when the turnover is finished */
};

/* What becomes of a single deletion that meets a commit before its moment. */
enum cprom__noted {
    CPROM__NOTED,       /* it goes on: the series is not staged, or another is in its place, or the commit will fail */
    CPROM__NOTED_WANTS, /* another series is to be made first */
    CPROM__NOTED_DUE    /* the moment is due, and the deletion comes after it */
};

struct cprom__instead; /* lookup.h */

/* What a commit adds to a removal. All of it is called under the map's lock. */
struct cprom__staging {
    enum cprom__verdict (*judge)(const struct cprom__turnover *turnover, const struct cprom_series *series);
    /* Before the moment: this series is about to be deleted singly. */
    enum cprom__noted (*note_deleted)(struct cprom__turnover *turnover, const struct cprom_series *series,
                                      struct cprom__instead *instead);
    /* Some births and values; false: those were the last. */
    bool (*bear)(struct cprom__turnover *turnover);
};

struct cprom__turnover {
    struct cprom__turnover *next; /* of the same moment */
    struct cprom_vec *vec;
    const struct cprom__staging *staging; /* NULL: a removal */
    uint64_t epoch;                       /* of its moment, as in registry->epoch */
    struct cprom__removing removing;
    const struct cprom__match *matches; /* NULL: nothing goes */

    /* guarded by the map's lock once published */
    const struct cprom__match *walks; /* the match that is being walked for */
    uint64_t cursor;                  /* of the walk over the map; by owner, whether it has begun */
    size_t removed;
    size_t uncounted, born; /* removed and born, which vec->live does not know yet: all of a commit at once */
    bool finished;
};

/* In the gate: the epoch of the next moment. */
uint64_t cprom__moment_next(struct cprom_registry *registry);

/* In the gate: a turnover of that moment. */
struct cprom__turnover cprom__turnover_of(struct cprom_vec *vec, const struct cprom__match *matches,
                                          const struct cprom__removing *removing, uint64_t epoch);

/* In the gate: publishes them, whose moment is still to come; or takes that back. */
void cprom__turnover_publish(struct cprom__turnover *first);
void cprom__turnover_withdraw(struct cprom__turnover *first);

/* The moment. Of several who call it, for one moment, the first lets it happen. */
void cprom__moment_happens(struct cprom_registry *registry, uint64_t epoch);

/* After the moment, in the gate or that of the removals: finishes them all; returns how many series were removed. */
size_t cprom__turnover_finish(struct cprom__turnover *first);

/* ---- under the map's lock ---- */

/* The vector's turnover, if its moment has come by this epoch; NULL: none. */
static inline struct cprom__turnover *cprom__turnover_at(const struct cprom_vec *vec, uint64_t epoch)
{
    /* acquire: pairs with the release in cprom__turnover_publish(), which is not always under the lock. */
    struct cprom__turnover *turnover = atomic_load_explicit(&vec->turnover, memory_order_acquire);
    return turnover && epoch >= turnover->epoch ? turnover : NULL;
}

/*
 * For an update that has written, and finds this epoch: the last one before the moment of the vector's turnover, which
 * comes after the update.
 */
static inline uint64_t cprom__epoch_written(const struct cprom_vec *vec, uint64_t epoch)
{
    const struct cprom__turnover *turnover = cprom__turnover_at(vec, epoch);
    return turnover ? turnover->epoch - ((uint64_t)1 << CPROM__LIFE_SHIFT) : epoch;
}

/* Series that are alive, as the vector's turnover has left them. */
static inline size_t cprom__turnover_live(const struct cprom_vec *vec)
{
    const struct cprom__turnover *turnover = atomic_load_explicit(&vec->turnover, memory_order_acquire); /* likewise */
    size_t live = atomic_load_explicit(&vec->live, memory_order_relaxed);
    return turnover ? live + turnover->born - turnover->uncounted : live;
}

/* Finishes the vector's turnover, if its moment has come. The lock is given back and taken in between. */
void cprom__turnover_help(struct cprom_vec *vec);

/*
 * What the turnover does to a series that is alive, done: GOES: it is killed, and perhaps reclaimed at any time. OPEN:
 * cprom__turnover_help(), and look again. `index` 0: not known.
 */
enum cprom__verdict cprom__turnover_settle(struct cprom_vec *vec, struct cprom_series *series, uint32_t index,
                                           uint64_t epoch);

/* Removes one series as the turnover does; `index` 0: not known. */
bool cprom__turnover_kill(struct cprom__turnover *turnover, struct cprom_series *series, uint32_t index);

/* Removes all series of a vector that is gone; without the gate. */
void cprom__vec_empty(struct cprom_vec *vec);

#endif
