/*
 * The search is Lowe's ("Testing for linearizability", 2016): all states that are possible are carried along, and a call
 * is only made to happen once one ends.
 */
#include "lives_state.h"

#include <stdlib.h>
#include <string.h>

enum {
    STATES_MAX = 400000
};

struct event {
    uint64_t at;
    struct lives_op *op;
};

static int compare_events(const void *a, const void *b)
{
    uint64_t x = ((const struct event *)a)->at, y = ((const struct event *)b)->at;
    return x < y ? -1 : x > y;
}

/*------------------------------------------------------------------------------
 * How calls overlap
 *----------------------------------------------------------------------------*/

static bool is_page(const struct lives_op *op) { return op->kind == LIVES_PAGE || op->kind == LIVES_EACH; }
static bool is_change(const struct lives_op *op) { return op->kind == LIVES_CHANGE || op->kind == LIVES_SWEEP; }
static bool is_update(const struct lives_op *op) { return op->kind <= LIVES_SET_HELD; }

static bool changes_nothing(const struct lives_op *op)
{
    uint8_t any = op->scope;
    for (unsigned key = 0; key < LIVES_KEYS; key++) any |= op->effects[key];
    return is_change(op) && !any;
}

static uint8_t series_of(const struct lives_vec *vec) { return (uint8_t)(((1u << vec->n) - 1) << vec->first); }

/* The series that the call makes, removes or holds; and the other series where they are folded. */
static uint8_t used_by(const struct lives *lives, const struct lives_op *op)
{
    uint8_t used = 0;
    if (changes_nothing(op)) return 0xff; /* a commit that was stale */
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (op->effects[key] == LIVES_MAY_ADD) return 0xff; /* likewise */
        bool uses = is_change(op)
                        ? op->effects[key]
                        : (is_update(op) || op->kind == LIVES_LET_GO || op->kind == LIVES_DELETE) && op->key == key;
        const struct lives_vec *vec = lives_vec_of(lives, key);
        if (uses) used |= (uint8_t)(lives_bit(key) | (vec->folds ? lives_bit(lives_other(vec)) : 0));
    }
    return used;
}

/* What may come between the moments of a call. */
static void overlap(const struct lives *lives, struct lives_op *op, const struct lives_op *by)
{
    uint8_t used = used_by(lives, by);
    if (by->kind == LIVES_TICK && op->ticks < UINT8_MAX) op->ticks++;
    if (is_update(op)) {
        const struct lives_vec *vec = lives_vec_of(lives, op->key);
        bool removes = (by->kind == LIVES_DELETE || is_change(by)) && (used & series_of(vec));
        /* Its last touch may have a later time. */
        bool touches_again = is_change(by) && vec->expires;
        /* Who takes a handle touches the series again once it is held: perhaps after the tick. */
        bool held_later = op->kind == LIVES_HOLD && vec->expires && (removes || by->kind == LIVES_TICK);
        if (by->kind == LIVES_MARK || by->kind == LIVES_SWEEP || touches_again || held_later ||
            (removes && vec->lingers))
            op->steps = 1;
    }
    /* What a change reserves, it does not hold. */
    if (is_page(op) && by->kind != LIVES_DELETE && !is_change(by)) op->referenced |= used;
    for (unsigned key = 0; op->kind == LIVES_SIZE && key < LIVES_KEYS; key++) {
        /* Any call may be removing what is idle. */
        bool perhaps = (used & lives_bit(key)) || lives_vec_of(lives, key)->expires;
        if (perhaps && (op->scope & lives_bit(key)) && op->slack < LIVES_KEYS) op->slack++;
    }
}

/* `events` in order. */
static void find_overlaps(const struct lives *lives, struct event *events, size_t n)
{
    struct lives_op *open[LIVES_THREADS] = {NULL};
    for (size_t i = 0; i < n; i++) {
        struct lives_op *op = events[i].op;
        if (events[i].at == op->end) {
            open[op->thread] = NULL;
            continue;
        }
        for (unsigned k = 0; k < LIVES_THREADS; k++) {
            if (!open[k]) continue;
            overlap(lives, op, open[k]);
            overlap(lives, open[k], op);
        }
        open[op->thread] = op;
    }
}

static const struct lives_state *state_at(const struct state_set *set, size_t i) { return state_set_at(set, i); }

/*------------------------------------------------------------------------------
 * The search
 *----------------------------------------------------------------------------*/

/* Keeps of what may be that in which the call has been done, or can be done now. */
static void end_call(struct lives_search *search, const struct lives_op *op)
{
    unsigned self = op->thread;
    state_set_clear(&search->next);
    for (size_t i = 0; i < search->now.n; i++) state_set_put(&search->next, state_set_at(&search->now, i));
    /* `next` grows while it is walked; each state is there once. */
    for (size_t i = 0; i < search->next.n && !search->next.failed; i++) {
        struct lives_state from = *state_at(&search->next, i);
        if (from.progress[self] == LIVES_DONE) continue;
        for (unsigned k = 0; k < LIVES_THREADS; k++) {
            if (search->pending[k] && from.progress[k] != LIVES_DONE) lives_step(search, &from, search->pending[k]);
        }
        lives_step_time(search, &from);
    }
    search->pending[self] = NULL;
    state_set_clear(&search->now);
    for (size_t i = 0; i < search->next.n; i++) {
        struct lives_state state = *state_at(&search->next, i);
        if (state.progress[self] != LIVES_DONE) continue;
        state.progress[self] = LIVES_WAITS;
        state.began_at[self] = 0;
        state.floor[self] = 0;
        state_set_put(&search->now, &state);
    }
}

static void begin_call(struct lives_search *search, const struct lives_op *op)
{
    bool parts = op->kind == LIVES_GET && lives_has_parts(lives_vec_of(search->lives, op->key));
    search->pending[op->thread] = op;
    if (!op->steps && !is_page(op) && !parts) return;
    state_set_clear(&search->next);
    for (size_t i = 0; i < search->now.n; i++) {
        struct lives_state state = *state_at(&search->now, i);
        if (parts && lives_alive(&state, op->key)) state.floor[op->thread] = state.values[op->key];
        else state.began_at[op->thread] = is_page(op) ? state.ticks : op->steps ? state.marks : 0;
        state_set_put(&search->next, &state);
    }
    struct state_set swap = search->now;
    search->now = search->next;
    search->next = swap;
}

static size_t explain_state(char *out, size_t room, const struct lives_state *state)
{
    static const char lives[] = "-al?";
    int n = snprintf(out, room, "before, for example:");
    for (unsigned key = 0; key < LIVES_KEYS && n > 0; key++) {
        n += snprintf(out + n, room - (size_t)n, " %c", lives[state->life[key]]);
        if (state->values[key] != LIVES_ABSENT) n += snprintf(out + n, room - (size_t)n, "%d", (int)state->values[key]);
    }
    return n > 0 ? (size_t)n : 0;
}

/* The calls that ended last, up to the one that cannot have been; what had not ended then; one of the states before. */
static void explain(struct lives *lives, const struct event *events, size_t at, size_t n,
                    const struct lives_state *state)
{
    char line[512];
    size_t len = explain_state(lives->why, sizeof lives->why, state), first = at, told = 0;
    for (; first > 0 && told < 10; first--) told += events[first - 1].at == events[first - 1].op->end;
    for (size_t i = 0; i < n; i++) {
        const struct lives_op *op = events[i].op;
        bool ended = i >= first && i <= at && events[i].at == op->end;
        bool open = i < at && events[i].at == op->begin && op->end > events[at].at;
        if (!ended && !open) continue;
        lives_tell(op, line, sizeof line);
        int more =
            snprintf(lives->why + len, sizeof lives->why - len, "\n  %s%s", line, i == at ? "  <- cannot be" : "");
        if (more < 0 || (size_t)more >= sizeof lives->why - len) return;
        len += (size_t)more;
    }
}

static struct event *list_events(const struct lives *lives, size_t *n)
{
    size_t ops = 0;
    for (unsigned i = 0; i < LIVES_THREADS; i++) ops += lives->threads[i].n;
    struct event *events = malloc((2 * ops + 1) * sizeof *events);
    *n = 0;
    for (unsigned i = 0; events && i < LIVES_THREADS; i++) {
        for (size_t k = 0; k < lives->threads[i].n; k++) {
            struct lives_op *op = &lives->threads[i].ops[k];
            op->steps = op->ticks = op->referenced = op->slack = 0;
            events[(*n)++] = (struct event){op->begin, op};
            events[(*n)++] = (struct event){op->end, op};
        }
    }
    if (*n) qsort(events, *n, sizeof *events, compare_events);
    return events;
}

static enum lives_verdict run(struct lives *lives, struct lives_search *search, const struct event *events, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct lives_op *op = events[i].op;
        if (changes_nothing(op)) continue;
        if (events[i].at == op->begin) {
            begin_call(search, op);
            continue;
        }
        struct lives_state one = *state_at(&search->now, 0);
        end_call(search, op);
        if (search->next.n > lives->most) lives->most = search->next.n;
        if (search->next.failed || search->now.failed) return LIVES_UNDECIDED;
        if (search->now.n) continue;
        explain(lives, events, i, n, &one);
        return LIVES_WRONG;
    }
    return LIVES_RIGHT;
}

enum lives_verdict lives_check(struct lives *lives)
{
    struct lives_search search = {.lives = lives};
    struct lives_state start;
    size_t n;
    state_set_init(&search.now, sizeof start, STATES_MAX);
    state_set_init(&search.next, sizeof start, STATES_MAX);
    memset(&start, 0, sizeof start);
    memset(start.held, LIVES_NOBODY, sizeof start.held);
    memset(start.found, LIVES_NOBODY, sizeof start.found);
    for (unsigned key = 0; key < LIVES_KEYS; key++) start.values[key] = LIVES_ABSENT;
    start.gate = start.page = LIVES_NOBODY;
    lives->why[0] = '\0';
    lives->most = 1;
    struct event *events = list_events(lives, &n);
    state_set_put(&search.now, &start);
    enum lives_verdict verdict = events && search.now.n ? LIVES_RIGHT : LIVES_UNDECIDED;
    if (!verdict) find_overlaps(lives, events, n);
    if (!verdict) verdict = run(lives, &search, events, n);
    free(events);
    state_set_free(&search.now);
    state_set_free(&search.next);
    return verdict;
}
