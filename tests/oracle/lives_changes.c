/* What changes do in the gate: all births and deaths at one moment, and then the values of what was there. */
#include "lives_state.h"

/* The other series that an entry was folded into has yet to get the amounts; or all is written. */
static void go_on(struct lives_search *search, struct lives_state *state, const struct lives_op *op)
{
    state->progress[op->thread] = state->left ? LIVES_CHANGING : LIVES_DONE;
    state->gate = state->left ? (int8_t)op->thread : LIVES_NOBODY;
    if (!state->left) state->folds = 0;
    lives_reach(search, state);
}

static bool knows(int told, int is) { return told == LIVES_UNKNOWN || told == is; }

/*
 * The staged series but those left out, once what goes is gone: those that are there are written later, others are made
 * now.
 */
static void stage_some(struct lives_search *search, const struct lives_state *from, const struct lives_op *op,
                       struct lives_answer counts, uint8_t left_out)
{
    struct lives_state state = *from;
    uint8_t written = 0, touched = 0;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        const struct lives_vec *vec = op->effects[key] ? lives_vec_of(search->lives, key) : NULL;
        if (op->effects[key] < LIVES_SETS || (left_out & lives_bit(key))) continue;
        unsigned target = key;
        if (!lives_alive(&state, key) && lives_is_full(&state, vec, key)) {
            counts.refused += !vec->folds;
            if (!vec->folds) continue;
            target = lives_other(vec);
            if (lives_alive(from, target)) state.folds |= lives_bit(key);
        }
        touched |= lives_bit(target);
        if (lives_alive(from, target)) {
            /* The page shows it, and not for being touched by this change. */
            if (lives_is_awaited(&state, target) && lives_is_hidden(search, &state, target)) return;
            counts.updated += !(written & lives_bit(target));
            written |= lives_bit(target);
            lives_touch(&state, target);
        } else if (lives_alive(&state, target)) { /* made by an earlier entry */
            state.values[target] += op->values[key];
        } else if (lives_is_awaited(&state, target)) { /* born singly, before */
            return;
        } else {
            lives_be_born(&state, target, op->values[key]);
            counts.created++;
        }
    }
    if (!knows(op->answer.created, counts.created) || !knows(op->answer.updated, counts.updated) ||
        !knows(op->answer.refused, counts.refused))
        return;
    state.left = written;
    struct lives_state old = state;
    go_on(search, &state, op);
    if (!op->ticks) return;
    /* Touched by the clock as it was before the tick. */
    old.fresh = (uint8_t)((old.fresh & ~touched) | (from->fresh & touched));
    go_on(search, &old, op);
}

static void stage(struct lives_search *search, const struct lives_state *from, const struct lives_op *op,
                  struct lives_answer counts)
{
    uint8_t may = 0;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (op->effects[key] == LIVES_MAY_ADD) may |= lives_bit(key);
    }
    for (uint8_t left_out = may;; left_out = (uint8_t)((left_out - 1) & may)) {
        stage_some(search, from, op, counts, left_out);
        if (!left_out) return;
    }
}

/* The moment, where those of `goes` in `lingering` begin to linger. */
static void happen(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, uint8_t goes,
                   uint8_t lingering, bool old_time)
{
    struct lives_state state = *from;
    struct lives_answer counts = {0};
    uint8_t ends = 0; /* what lingered already */
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!op->lingers && (op->scope & lives_bit(key)) && state.life[key] > LIFE_ALIVE) ends |= lives_bit(key);
    }
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!(goes & lives_bit(key))) continue;
        bool lingers = lingering & lives_bit(key);
        if (lingers && !lives_may_linger(search->lives, &state, key)) return;
        if (!lives_die(&state, key, lingers)) return;
        if (lingers && old_time) state.life[key] = LIFE_LINGERED;
        counts.removed++;
    }
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (ends & lives_bit(key)) lives_end_linger(&state, key);
        if (!op->lingers || !(goes & lives_bit(key)) || (lingering & lives_bit(key))) continue;
        /* One that did not linger: there was no room for it at the end either. */
        if (lives_must_linger(search->lives, &state, key)) return;
    }
    if (!knows(op->answer.removed, counts.removed)) return;
    stage(search, &state, op, counts);
}

static void begin_change(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    uint8_t goes = 0, lingering = 0;
    if (from->gate != LIVES_NOBODY) return;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (op->effects[key] != LIVES_REMOVES || !lives_alive(from, key)) continue;
        if (op->kind == LIVES_SWEEP && from->stamp[key] >= from->mark[op->thread]) continue;
        goes |= lives_bit(key);
        if (op->lingers && lives_vec_of(search->lives, key)->lingers) lingering |= lives_bit(key);
    }
    /* Each subset: which of them find room to linger is nobody's promise. */
    for (uint8_t set = lingering;; set = (uint8_t)((set - 1) & lingering)) {
        happen(search, from, op, goes, set, false);
        if (op->ticks && set) happen(search, from, op, goes, set, true);
        if (!set) return;
    }
}

/* One of the series that were there gets its value. */
static void write_one(struct lives_search *search, const struct lives_state *from, const struct lives_op *op,
                      unsigned key)
{
    struct lives_state state = *from;
    const struct lives_vec *vec = lives_vec_of(search->lives, key);
    if (lives_is_awaited(from, key)) return; /* its value is kept for the page */
    if (lives_alive(from, key)) {
        bool anew = (op->scope & lives_bit(key)) && !lives_has_parts(vec);
        if (op->effects[key] == LIVES_SETS || (op->effects[key] == LIVES_ADDS && anew))
            state.values[key] = op->values[key];
        else if (op->effects[key] >= LIVES_ADDS) state.values[key] += op->values[key];
        for (unsigned k = vec->first; key == lives_other(vec) && k < key; k++) {
            if (from->folds & lives_bit(k)) state.values[key] += op->values[k];
        }
    }
    state.left &= (uint8_t)~lives_bit(key);
    go_on(search, &state, op);
}

void lives_step_change(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    if (from->progress[op->thread] == LIVES_WAITS) {
        begin_change(search, from, op);
        return;
    }
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (from->left & lives_bit(key)) write_one(search, from, op, key);
    }
}
