#include "history.h"
#include "state_set.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    STATES_MAX = 400000,
    NOBODY = -1
};

enum progress {
    WAITS,
    BEGUN,
    WRITTEN, /* an update, or who takes a handle: it has still to touch the series once more */
    DONE
};

/* What may be. Compared byte by byte: no padding is left unset. */
struct state {
    int32_t values[HISTORY_KEYS];
    int8_t held[HISTORY_THREADS];      /* the series of the thread's handle; NOBODY: none, or it was removed */
    int8_t used[HISTORY_THREADS];      /* of its update by label values that has found it and not yet changed it */
    uint8_t progress[HISTORY_THREADS]; /* of the thread's call */
    uint8_t done[HISTORY_THREADS];     /* series that it has changed or looked at, a bit each */
    uint8_t made[HISTORY_THREADS];     /* series that it has made and not yet set */
    uint8_t removed[HISTORY_THREADS];  /* how many it has removed */
    uint8_t touched;                   /* since the last mark */
    int8_t gate;       /* the change that has it */
    int8_t page;       /* the page that is being made */
    uint8_t unused[5]; /* padding, compared too */
};

_Static_assert(sizeof(struct state) % 8 == 0, "see state_set.h");

struct search {
    const struct history_op *pending[HISTORY_THREADS];
    struct state_set now, next;
};

/*------------------------------------------------------------------------------
 * Recording
 *----------------------------------------------------------------------------*/

void history_init(struct history *history) { memset(history, 0, sizeof *history); }

void history_free(struct history *history)
{
    for (unsigned i = 0; i < HISTORY_THREADS; i++) free(history->threads[i].ops);
    history_init(history);
}

void history_add(struct history *history, const struct history_op *op)
{
    size_t *n = &history->threads[op->thread].n, *room = &history->threads[op->thread].room;
    if (*n == *room) {
        *room = *room ? *room * 2 : 256;
        struct history_op *grown = realloc(history->threads[op->thread].ops, *room * sizeof *grown);
        if (!grown) abort();
        history->threads[op->thread].ops = grown;
    }
    history->threads[op->thread].ops[(*n)++] = *op;
}

static const struct state *state_at(const struct state_set *set, size_t i) { return state_set_at(set, i); }

/*------------------------------------------------------------------------------
 * What calls do
 *----------------------------------------------------------------------------*/

static uint8_t bit(unsigned key) { return (uint8_t)(1u << key); }

static void touch(struct state *state, unsigned key)
{
    if (state->values[key] == HISTORY_ABSENT) state->values[key] = 0;
    state->touched |= bit(key);
}

static void kill(struct state *state, unsigned key)
{
    state->values[key] = HISTORY_ABSENT;
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        if (state->held[i] == (int8_t)key) state->held[i] = NOBODY;
        if (state->used[i] == (int8_t)key) state->used[i] = NOBODY;
    }
}

/* Pages look as early as they can: that takes nothing from anybody. */
static void let_pages_look(const struct search *search, struct state *state)
{
    int i = state->page;
    const struct history_op *op = i == NOBODY ? NULL : search->pending[i];
    if (!op) return;
    for (unsigned key = 0; key < HISTORY_KEYS; key++) {
        if (state->values[key] == op->values[key]) state->done[i] |= bit(key);
    }
    if (state->done[i] != bit(HISTORY_KEYS) - 1) return;
    state->done[i] = 0;
    state->progress[i] = DONE;
    state->page = NOBODY;
}

/* Whether a page still looks for another value of the series: a change must not get in between, for the old one is kept. */
static bool is_awaited(const struct state *state, unsigned key)
{
    return state->page != NOBODY && !(state->done[state->page] & bit(key));
}

static void reach(struct search *search, struct state *state)
{
    let_pages_look(search, state);
    state_set_put(&search->next, state);
}

static bool is_over(const struct history_op *op, const struct state *state)
{
    uint8_t all = 0;
    for (unsigned key = 0; key < HISTORY_KEYS; key++) {
        if (op->effects[key]) all |= bit(key);
    }
    return state->done[op->thread] == all;
}

/* One series of a CHANGE or SWEEP that is in the gate. */
static void change(struct search *search, struct state state, const struct history_op *op, unsigned key)
{
    unsigned self = op->thread;
    bool there = state.values[key] != HISTORY_ABSENT, was_made = state.made[self] & bit(key);
    if (op->effects[key] == HISTORY_REMOVES) {
        if (there && !(op->kind == HISTORY_SWEEP && (state.touched & bit(key)))) {
            if (is_awaited(&state, key)) return;
            kill(&state, key);
            state.removed[self]++;
        }
    } else if (there || !was_made) {
        if (is_awaited(&state, key)) return;
        if (!there) {
            /* Single calls may find it before it has its value. */
            struct state made = state;
            touch(&made, key);
            made.made[self] |= bit(key);
            reach(search, &made);
        }
        touch(&state, key);
        state.values[key] = op->effects[key] == HISTORY_SETS ? op->values[key] : state.values[key] + op->values[key];
    }
    state.made[self] &= (uint8_t)~bit(key);
    state.done[self] |= bit(key);
    if (is_over(op, &state)) {
        if (op->removed != HISTORY_UNKNOWN && op->removed != state.removed[self]) return;
        state.done[self] = state.removed[self] = 0;
        state.progress[self] = DONE;
        state.gate = NOBODY;
    }
    reach(search, &state);
}

/*
 * The second half of an update: it writes, and touches the series once more, at once or later, if it has not been removed.
 * `mine` says whether it was when the update found it, or took the handle.
 */
static void write_and_touch(struct search *search, struct state state, const struct history_op *op, bool mine)
{
    unsigned self = op->thread, key = op->key;
    if (mine && state.progress[self] == BEGUN) {
        state.values[key] = op->kind == HISTORY_SET ? op->value : state.values[key] + op->value;
        struct state later = state;
        later.progress[self] = WRITTEN;
        reach(search, &later);
    }
    if (mine) state.touched |= bit(key);
    if (op->kind != HISTORY_ADD_HELD) state.used[self] = NOBODY;
    state.progress[self] = DONE;
    reach(search, &state);
}

/* All that the call may do next. */
static void step(struct search *search, const struct state *from, const struct history_op *op)
{
    struct state state = *from;
    unsigned self = op->thread, key = op->key;
    bool begins = state.progress[self] == WAITS, there = state.values[key] != HISTORY_ABSENT;
    switch (op->kind) {
    case HISTORY_ADD:
    case HISTORY_SET:
        if (!begins) {
            write_and_touch(search, state, op, state.used[self] == (int8_t)key);
            return;
        }
        touch(&state, key);
        state.used[self] = (int8_t)key;
        state.progress[self] = BEGUN;
        break;
    case HISTORY_HOLD:
        if (begins) {
            touch(&state, key);
            state.held[self] = (int8_t)key;
            struct state later = state;
            later.progress[self] = WRITTEN;
            reach(search, &later);
        } else if (state.held[self] == (int8_t)key) {
            state.touched |= bit(key);
        }
        state.progress[self] = DONE;
        break;
    case HISTORY_ADD_HELD: {
        bool attached = state.held[self] == (int8_t)key;
        if (!begins) {
            write_and_touch(search, state, op, attached);
            return;
        }
        if (attached) state.touched |= bit(key);
        state.progress[self] = attached ? BEGUN : DONE;
        break;
    }
    case HISTORY_GET:
        if (state.values[key] != op->value) return;
        state.progress[self] = DONE;
        break;
    case HISTORY_DELETE:
        if (op->removed != HISTORY_UNKNOWN && there != (op->removed == 1)) return;
        if (there) kill(&state, key);
        state.progress[self] = DONE;
        break;
    case HISTORY_MARK:
        state.touched = 0;
        state.progress[self] = DONE;
        break;
    case HISTORY_PAGE:
        if (!begins || state.gate != NOBODY || state.page != NOBODY) return;
        state.page = (int8_t)self;
        state.progress[self] = BEGUN;
        break;
    case HISTORY_CHANGE:
    case HISTORY_SWEEP:
        if (begins) {
            if (state.gate != NOBODY) return;
            state.gate = (int8_t)self;
            state.progress[self] = BEGUN;
        }
        for (unsigned i = 0; i < HISTORY_KEYS; i++) {
            if (op->effects[i] && !(state.done[self] & bit(i))) change(search, state, op, i);
        }
        return;
    }
    reach(search, &state);
}

/*------------------------------------------------------------------------------
 * The search
 *----------------------------------------------------------------------------*/

static bool changes_nothing(const struct history_op *op)
{
    if (op->kind != HISTORY_CHANGE && op->kind != HISTORY_SWEEP) return false;
    for (unsigned key = 0; key < HISTORY_KEYS; key++) {
        if (op->effects[key]) return false;
    }
    return true;
}

/* Keeps of what may be that in which the call has been done, or can be done now. */
static void end_call(struct search *search, const struct history_op *op)
{
    unsigned self = op->thread;
    state_set_clear(&search->next);
    for (size_t i = 0; i < search->now.n; i++) state_set_put(&search->next, state_at(&search->now, i));
    /* `next` grows while it is walked; each state is there once. */
    for (size_t i = 0; i < search->next.n && !search->next.failed; i++) {
        struct state from = *state_at(&search->next, i);
        for (unsigned k = 0; k < HISTORY_THREADS && from.progress[self] != DONE; k++) {
            if (search->pending[k] && from.progress[k] != DONE) step(search, &from, search->pending[k]);
        }
    }
    search->pending[self] = NULL;
    state_set_clear(&search->now);
    for (size_t i = 0; i < search->next.n; i++) {
        struct state state = *state_at(&search->next, i);
        if (state.progress[self] != DONE) continue;
        state.progress[self] = WAITS;
        state_set_put(&search->now, &state);
    }
}

struct event {
    uint64_t at;
    const struct history_op *op;
};

static int compare_events(const void *a, const void *b)
{
    uint64_t x = ((const struct event *)a)->at, y = ((const struct event *)b)->at;
    return x < y ? -1 : x > y;
}

static size_t tell(char *out, size_t room, const struct history_op *op)
{
    static const char *const kinds[] = {"add",    "set",    "hold", "add held", "get",
                                        "delete", "change", "mark", "sweep",    "page"};
    static const char signs[] = " -=+";
    int n = snprintf(out, room, "\n  %llu-%llu thread %u: %s", (unsigned long long)op->begin,
                     (unsigned long long)op->end, op->thread, kinds[op->kind]);
    size_t len = n > 0 && (size_t)n < room ? (size_t)n : 0;
    bool gated = op->kind == HISTORY_CHANGE || op->kind == HISTORY_SWEEP;
    for (unsigned key = 0; (gated || op->kind == HISTORY_PAGE) && key < HISTORY_KEYS && len; key++) {
        if (gated) n = snprintf(out + len, room - len, " %c%d", signs[op->effects[key]], (int)op->values[key]);
        else if (op->values[key] == HISTORY_ABSENT) n = snprintf(out + len, room - len, " -");
        else n = snprintf(out + len, room - len, " %d", (int)op->values[key]);
        if (n > 0 && (size_t)n < room - len) len += (size_t)n;
    }
    if (!gated && op->kind != HISTORY_PAGE && op->kind != HISTORY_MARK && len) {
        n = snprintf(out + len, room - len, " %u, %d", op->key, (int)op->value);
        if (n > 0 && (size_t)n < room - len) len += (size_t)n;
    }
    if ((gated || op->kind == HISTORY_DELETE) && len) {
        n = snprintf(out + len, room - len, " (%d removed)", op->removed);
        if (n > 0 && (size_t)n < room - len) len += (size_t)n;
    }
    return len;
}

/* The calls that ended last, up to the one that cannot have been, and one of the states before it. */
static void explain(struct history *history, const struct event *events, size_t at, const struct state *state)
{
    size_t len = (size_t)snprintf(history->why, sizeof history->why, "before:");
    for (unsigned key = 0; key < HISTORY_KEYS; key++) {
        if (state->values[key] == HISTORY_ABSENT) len += (size_t)snprintf(history->why + len, 32, " -");
        else len += (size_t)snprintf(history->why + len, 32, " %d", (int)state->values[key]);
    }
    size_t first = at, told = 0;
    for (; first > 0 && told < 10; first--) told += events[first - 1].at == events[first - 1].op->end;
    for (size_t i = first; i <= at; i++) {
        if (events[i].at == events[i].op->end) len += tell(history->why + len, sizeof history->why - len, events[i].op);
    }
    for (size_t i = 0; i < at; i++) { /* and what has not ended then */
        const struct history_op *op = events[i].op;
        if (events[i].at == op->begin && op->end > events[at].at)
            len += tell(history->why + len, sizeof history->why - len, op);
    }
}

enum history_verdict history_check(struct history *history)
{
    size_t n = 0, filled = 0;
    for (unsigned i = 0; i < HISTORY_THREADS; i++) n += history->threads[i].n;
    struct event *events = malloc((2 * n + 1) * sizeof *events);
    struct search search;
    struct state start;
    memset(&search, 0, sizeof search);
    state_set_init(&search.now, sizeof start, STATES_MAX);
    state_set_init(&search.next, sizeof start, STATES_MAX);
    memset(&start, 0, sizeof start);
    for (unsigned i = 0; i < HISTORY_THREADS; i++) {
        for (size_t k = 0; events && k < history->threads[i].n; k++) {
            const struct history_op *op = &history->threads[i].ops[k];
            events[filled++] = (struct event){op->begin, op};
            events[filled++] = (struct event){op->end, op};
        }
        start.held[i] = start.used[i] = NOBODY;
    }
    for (unsigned key = 0; key < HISTORY_KEYS; key++) start.values[key] = HISTORY_ABSENT;
    start.gate = start.page = NOBODY;
    history->why[0] = '\0';
    history->most = 1;
    state_set_put(&search.now, &start);
    if (filled) qsort(events, filled, sizeof *events, compare_events);
    enum history_verdict verdict = events ? HISTORY_RIGHT : HISTORY_UNDECIDED;
    for (size_t i = 0; i < filled && !verdict; i++) {
        const struct history_op *op = events[i].op;
        if (changes_nothing(op)) continue;
        if (events[i].at == op->begin) {
            search.pending[op->thread] = op;
            continue;
        }
        struct state one = *state_at(&search.now, 0);
        end_call(&search, op);
        if (search.next.n > history->most) history->most = search.next.n;
        if (search.next.failed || search.now.failed) {
            verdict = HISTORY_UNDECIDED;
        } else if (!search.now.n) {
            verdict = HISTORY_WRONG;
            explain(history, events, i, &one);
        }
    }
    free(events);
    state_set_free(&search.now);
    state_set_free(&search.next);
    return verdict;
}
