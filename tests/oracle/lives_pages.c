/* What pages and iterations show. */
#include "lives_state.h"

enum shows {
    MUST_NOT, /* unless it is born or touched later */
    MAY,
    MUST
};

/* `later`: the page reads the clock after a tick that is to come. */
static enum shows shows(const struct lives_search *search, const struct lives_state *state, const struct lives_op *op,
                        unsigned key, bool later)
{
    switch ((enum lives_life)state->life[key]) {
    case LIFE_ALIVE:
        if (!lives_vec_of(search->lives, key)->expires) return MUST;
        if (op->referenced & lives_bit(key)) return MAY;
        if (lives_is_held(state, key)) return MUST;
        return !later && (state->fresh & lives_bit(key)) ? MUST : MUST_NOT;
    case LIFE_LINGERS: return op->kind == LIVES_PAGE && !later ? MUST : MUST_NOT;
    case LIFE_LINGERED:
    case LIFE_ABSENT: break;
    }
    return MUST_NOT;
}

static void cut(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, bool later)
{
    struct lives_state state = *from;
    uint8_t unseen = 0, due = 0;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!(op->scope & lives_bit(key))) continue;
        enum shows is = shows(search, from, op, key, later);
        bool shown = op->values[key] != LIVES_ABSENT;
        if (!shown && is == MUST) return;
        /* Who would touch it until the tick is `referenced`. */
        if (shown && is == MUST_NOT && later && lives_alive(from, key)) return;
        if (is == MUST) due |= lives_bit(key);
        bool parts = lives_has_parts(lives_vec_of(search->lives, key));
        if (parts && is == MUST && lives_alive(from, key) && op->values[key] < state.values[key]) return;
        if (shown && (is == MUST_NOT || state.values[key] != op->values[key])) unseen |= lives_bit(key);
    }
    state.unseen = unseen;
    state.due = due;
    state.progress[op->thread] = LIVES_CHANGING;
    state.page = (int8_t)op->thread;
    lives_reach(search, &state);
}

bool lives_is_hidden(const struct lives_search *search, const struct lives_state *state, unsigned key)
{
    uint8_t fresh = state->fresh | state->due | search->pending[state->page]->referenced;
    if (!lives_alive(state, key)) return true;
    return lives_vec_of(search->lives, key)->expires && !(fresh & lives_bit(key)) && !lives_is_held(state, key);
}

void lives_look(const struct lives_search *search, struct lives_state *state)
{
    int self = state->page;
    const struct lives_op *op = self == LIVES_NOBODY ? NULL : search->pending[self];
    if (!op) return;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        bool parts = lives_has_parts(lives_vec_of(search->lives, key));
        if (!(state->unseen & lives_bit(key))) continue;
        bool part = parts && op->values[key] > 0 && state->values[key] > op->values[key];
        if (!part && state->values[key] != op->values[key]) continue;
        if (!lives_is_hidden(search, state, key)) state->unseen &= (uint8_t)~lives_bit(key);
    }
    if (state->unseen) return;
    state->due = 0;
    state->progress[self] = LIVES_DONE;
    state->page = LIVES_NOBODY;
}

void lives_step_page(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    if (from->progress[op->thread] != LIVES_WAITS || from->gate != LIVES_NOBODY ||
        from->page != LIVES_NOBODY)
        return;
    cut(search, from, op, false);
    /* Its reading comes after its moment: a tick may come between. */
    if ((uint8_t)(from->ticks - from->began_at[op->thread]) < op->ticks) cut(search, from, op, true);
}
