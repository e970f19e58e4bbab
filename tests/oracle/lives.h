/*
 * Lives: what threads did to the series of one registry, when each call began and ended and what it answered, and what
 * pages showed meanwhile; and a checker that says afterwards whether that can have been so. Wider than history.h: caps,
 * folds, ttl, linger, marks and sweeps by several threads, several handles, iterations, filtered pages, a clock.
 *
 * A record is right if each call can be given moments between its begin and its end at which it does what it is to do:
 *
 *   - a change (commit, replacement, removal by match, clear, sweep, registry-wide or not) has the gate. All that it
 *     removes and makes is one moment, over all vectors; what it makes has its value from then on. After that it writes
 *     the staged series that were there, each at a moment of its own. In its scope, what is added to a gauge is set. Of a
 *     stale commit, some of what adds up may count: as much as it answers.
 *   - an update, by label values or by handle, is one moment of its series. Where a mark or a sweep overlaps it, or any
 *     change where series expire, it finds the series, writes it and touches it again at three moments, in that order.
 *   - an update that is folded finds that there is no room, and then updates the other series.
 *   - a get of a counter is not less than it was when the get began, and not more than when it ended: it has parts, which
 *     are read one after the other. So it is on a page from its moment on. Those that fold are counters.
 *   - a page, or an iteration, has the gate at one moment, which decides about all that dies; then it looks at each series
 *     once. Changes may come in between; it looks at a series before they write to it, and shows none that they make.
 *     One that is born meanwhile by a single update may be on it. What a change stages it does not hold, and that it is
 *     touched by one that comes in between does not count. All times on it are judged by one reading of the clock,
 *     which comes after that moment.
 *   - a handle taken, a get, a deletion, a mark is one moment. Where idle series expire, a handle may be taken at two: it
 *     finds or makes the series, and touches it again, or makes it anew if it was removed before the call returned.
 *   - a series that is idle beyond its ttl, and that nobody holds, may go at any moment.
 *
 * The model is naive: it knows nothing of epochs, maps or locks. Each tick of the clock is longer than any ttl and
 * linger time.
 */
#ifndef CPROM_TESTS_LIVES_H
#define CPROM_TESTS_LIVES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum {
    LIVES_KEYS = 6, /* series of a registry */
    LIVES_VECS = 2,
    LIVES_THREADS = 6,
    LIVES_HANDLES = 2 /* of a thread */
};

#define LIVES_ABSENT INT32_MIN /* the value of a series that is not there */
#define LIVES_UNKNOWN (-1)     /* an answer that is not known */

enum lives_kind {
    LIVES_ADD, /* by label values */
    LIVES_SET,
    LIVES_HOLD, /* takes a handle */
    LIVES_ADD_HELD,
    LIVES_SET_HELD,
    LIVES_LET_GO, /* gives it back */
    LIVES_GET,
    LIVES_SIZE,
    LIVES_DELETE,
    LIVES_CHANGE,
    LIVES_SWEEP, /* since the thread's last mark */
    LIVES_MARK,
    LIVES_TICK, /* of the clock */
    LIVES_PAGE,
    LIVES_EACH,
    LIVES_KINDS
};

enum lives_effect {
    LIVES_NONE,
    LIVES_REMOVES,
    LIVES_SETS,
    LIVES_ADDS,
    LIVES_MAY_ADD /* a stale commit */
};

/* What counts; a number that is no part of the answer is LIVES_UNKNOWN. */
struct lives_answer {
    int done; /* an update, a handle, a deletion: 1 or 0; of a size: how many */
    int created, updated, removed, refused;
};

struct lives_op {
    uint64_t begin, end; /* by lives_now() */
    enum lives_kind kind;
    unsigned thread, key, handle;
    int32_t value; /* to add or set; what a get got */
    struct lives_answer answer;
    int32_t values[LIVES_KEYS];  /* of a change, or on a page */
    uint8_t effects[LIVES_KEYS]; /* of a change or sweep: enum lives_effect; series are staged in order */
    uint8_t scope;   /* a bit for each series: what a change matches; on the vectors of a page; the vector of a size */
    uint8_t lingers; /* what the change removes lingers */

    /* Set by the checker: how others overlap this call. */
    uint8_t steps;      /* an update has its moments apart */
    uint8_t ticks;      /* of the clock */
    uint8_t referenced; /* series that others may hold for a while */
    uint8_t slack;      /* how many series others may make or remove */
};

struct lives_vec {
    unsigned first, n; /* its series; the last of one that folds is the other series */
    unsigned cap;      /* 0: none */
    unsigned shared;   /* the first so many are of one owner, who may have one of them at a time; 0: any */
    bool folds, expires, lingers;
};

struct lives {
    struct lives_vec vecs[LIVES_VECS];
    struct {
        struct lives_op *ops; /* in the order in which they ended */
        size_t n, room;
    } threads[LIVES_THREADS];
    char why[4096]; /* after lives_check(): what cannot have been */
    size_t most;    /* states that were possible at once */
};

enum lives_verdict {
    LIVES_RIGHT,
    LIVES_WRONG,
    LIVES_UNDECIDED /* too many states are possible, or no memory */
};

/* The next moment. It orders calls as their callers may: what ended before another began comes first. */
static inline uint64_t lives_now(_Atomic uint64_t *clock)
{
    return atomic_fetch_add_explicit(clock, 1, memory_order_acq_rel) + 1;
}

/* ---- lives_record.c ---- */

/* Keeps a call that has ended. By its own thread only. */
void lives_add(struct lives *lives, const struct lives_op *op);
/* Forgets all calls. */
void lives_clear(struct lives *lives);

/* As text, that lives_read() reads. false: not written, not readable. */
bool lives_write(const struct lives *lives, FILE *file);
bool lives_read(struct lives *lives, FILE *file);
/* One call, as a line without its end. */
void lives_tell(const struct lives_op *op, char *out, size_t room);

/* ---- lives_check.c ---- */

/* All series are absent at first. Nobody may add meanwhile. */
enum lives_verdict lives_check(struct lives *lives);

#endif
