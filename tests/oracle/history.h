/*
 * Histories: what threads did to a few series, when each call began and ended and what it answered, and what pages
 * showed meanwhile; and a checker that says afterwards whether that can have been so.
 *
 * A history is right if each call can be given moments between its begin and its end at which it does what it is to do,
 * one after the other, so that every answer and every page comes out as it was:
 *
 *   ADD, SET        by label values: find or make the series, then change it, and touch it once more, each if it has not
 *                   been removed since
 *   HOLD, ADD_HELD  the same by a handle; each thread has one at a time. HOLD changes nothing, and touches twice
 *   GET, DELETE     one moment
 *   CHANGE          a commit or a removal by match: the gate is its own from the first series that it changes on
 *   MARK, SWEEP     a sweep is a CHANGE that removes what was not touched since the mark; one thread does both
 *   PAGE            begins when no change has the gate, and looks at each series once; at one that a change makes, writes
 *                   or removes, before that
 *
 * So a page is whole as to changes and follows the real time of single calls series by series, as the library promises.
 * The search is Lowe's ("Testing for linearizability", 2016): all states that are possible are carried along, and a
 * call is only made to happen once one ends.
 */
#ifndef CPROM_TESTS_HISTORY_H
#define CPROM_TESTS_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    HISTORY_KEYS = 4, /* series */
    HISTORY_THREADS = 8
};

#define HISTORY_ABSENT INT32_MIN /* the value of a series that is not there */
#define HISTORY_UNKNOWN (-1)     /* an answer that is not known */

enum history_kind {
    HISTORY_ADD,
    HISTORY_SET,
    HISTORY_HOLD,
    HISTORY_ADD_HELD,
    HISTORY_GET,
    HISTORY_DELETE,
    HISTORY_CHANGE,
    HISTORY_MARK,
    HISTORY_SWEEP,
    HISTORY_PAGE
};

enum history_effect {
    HISTORY_NONE,
    HISTORY_REMOVES,
    HISTORY_SETS,
    HISTORY_ADDS
};

struct history_op {
    uint64_t begin, end; /* by history_now() */
    enum history_kind kind;
    unsigned thread, key;
    int32_t value;                 /* to add or set; what GET got */
    int removed;                   /* answer of DELETE, CHANGE, SWEEP: how many series; perhaps unknown */
    int32_t values[HISTORY_KEYS];  /* of a CHANGE, or on a PAGE */
    uint8_t effects[HISTORY_KEYS]; /* of a CHANGE or SWEEP (which removes): enum history_effect */
};

struct history {
    _Atomic uint64_t clock;
    struct {
        struct history_op *ops; /* in the order in which they ended */
        size_t n, room;
    } threads[HISTORY_THREADS];
    char why[2048]; /* after history_check(): what cannot have been */
    size_t most;    /* states that were possible at once */
};

enum history_verdict {
    HISTORY_RIGHT,
    HISTORY_WRONG,
    HISTORY_UNDECIDED /* too many states are possible, or no memory */
};

void history_init(struct history *history);
void history_free(struct history *history);

/* The next moment. It orders calls as their callers may: what ended before another began comes first. */
static inline uint64_t history_now(struct history *history)
{
    return atomic_fetch_add_explicit(&history->clock, 1, memory_order_acq_rel) + 1;
}

/* Keeps a call that has ended; `begin` and `end` are set. By its own thread only. */
void history_add(struct history *history, const struct history_op *op);

/* All series are absent at first. Nobody may add meanwhile. */
enum history_verdict history_check(struct history *history);

#endif
