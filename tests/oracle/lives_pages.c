/* What pages and iterations show. */
#include "lives_state.h"

enum shows {
    MUST_NOT, /* unless it is born or touched later */
    MAY,
    MUST
};

/* `old`: how many ticks ago the page read the clock. */
static enum shows shows(const struct lives_search *search, const struct lives_state *state, const struct lives_op *op,
                        unsigned key, unsigned old)
{
    switch ((enum lives_life)state->life[key]) {
    case LIFE_ALIVE:
        if (!lives_vec_of(search->lives, key)->expires) return MUST;
        if (old > 1 || (op->referenced & lives_bit(key))) return MAY;
        if (lives_is_held(state, key)) return MUST;
        return (old ? state->was_fresh : state->fresh) & lives_bit(key) ? MUST : MUST_NOT;
    case LIFE_LINGERS: return op->kind == LIVES_PAGE ? MUST : MUST_NOT;
    case LIFE_LINGERED: return op->kind == LIVES_EACH || !old ? MUST_NOT : old == 1 ? MUST : MAY;
    case LIFE_LONG_LINGERED: return op->kind == LIVES_PAGE && old > 1 ? MAY : MUST_NOT;
    case LIFE_ABSENT: break;
    }
    return MUST_NOT;
}

static void cut(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, unsigned old)
{
    struct lives_state state = *from;
    uint8_t left = 0, due = 0;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!(op->scope & lives_bit(key))) continue;
        enum shows is = shows(search, from, op, key, old);
        bool shown = op->values[key] != LIVES_ABSENT;
        if (!shown && is == MUST) return;
        if (is == MUST) due |= lives_bit(key);
        bool parts = lives_has_parts(lives_vec_of(search->lives, key));
        if (parts && is == MUST && op->values[key] < state.values[key]) return;
        if (shown && (is == MUST_NOT || state.values[key] != op->values[key])) left |= lives_bit(key);
    }
    state.left = left;
    state.due = due;
    state.progress[op->thread] = LIVES_CHANGING;
    state.gate = (int8_t)op->thread;
    lives_reach(search, &state);
}

void lives_look(const struct lives_search *search, struct lives_state *state)
{
    int self = state->gate;
    const struct lives_op *op = self == LIVES_NOBODY ? NULL : search->pending[self];
    if (!op || (op->kind != LIVES_PAGE && op->kind != LIVES_EACH)) return;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        bool parts = lives_has_parts(lives_vec_of(search->lives, key));
        if (!(state->left & lives_bit(key))) continue;
        bool part = parts && op->values[key] > 0 && state->values[key] > op->values[key];
        if (!part && state->values[key] != op->values[key]) continue;
        uint8_t fresh = state->fresh | state->due | op->referenced;
        bool timed = lives_vec_of(search->lives, key)->expires;
        bool there = lives_alive(state, key) && (!timed || (fresh & lives_bit(key)) || lives_is_held(state, key));
        if (there || (op->kind == LIVES_PAGE && state->life[key] == LIFE_LINGERS))
            state->left &= (uint8_t)~lives_bit(key);
    }
    if (state->left) return;
    state->due = 0;
    state->progress[self] = LIVES_DONE;
    state->gate = LIVES_NOBODY;
}

void lives_step_page(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    if (from->progress[op->thread] != LIVES_WAITS || from->gate != LIVES_NOBODY) return;
    unsigned passed = (unsigned)(from->ticks - from->began_at[op->thread]);
    for (unsigned old = 0; old <= passed && old < 3; old++) {
        /* Its reading comes after its moment, and so is not older than what others have let expire by. */
        if (old < 2 && from->ticks - old < from->expired_at) break;
        cut(search, from, op, old);
    }
}
