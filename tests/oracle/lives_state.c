#include "lives_state.h"

const struct lives_vec *lives_vec_of(const struct lives *lives, unsigned key)
{
    const struct lives_vec *vec = lives->vecs;
    while (key < vec->first || key >= vec->first + vec->n) vec++;
    return vec;
}

bool lives_is_full(const struct lives_state *state, const struct lives_vec *vec, unsigned key)
{
    unsigned n = 0, of_owner = 0, shared = vec->first + vec->shared;
    for (unsigned k = vec->first; k < vec->first + vec->n - vec->folds; k++) {
        n += lives_alive(state, k);
        of_owner += k < shared && lives_alive(state, k);
    }
    return (vec->cap && n >= vec->cap) || (key < shared && of_owner);
}

bool lives_is_held(const struct lives_state *state, unsigned key)
{
    for (unsigned i = 0; i < LIVES_THREADS * LIVES_HANDLES; i++) {
        if (state->held[i / LIVES_HANDLES][i % LIVES_HANDLES] == (int8_t)key) return true;
    }
    return false;
}

bool lives_is_idle(const struct lives_search *search, const struct lives_state *state, unsigned key)
{
    return lives_vec_of(search->lives, key)->expires && lives_alive(state, key) && !(state->fresh & lives_bit(key)) &&
           !lives_is_held(state, key);
}

void lives_touch(struct lives_state *state, unsigned key)
{
    state->stamp[key] = state->marks;
    state->fresh |= lives_bit(key);
}

/* Who holds the series by a handle or has found it does so no more. */
static void let_go(struct lives_state *state, unsigned key, bool lingers)
{
    for (unsigned i = 0; i < LIVES_THREADS; i++) {
        state->floor[i] = 0; /* of whichever series: that allows more, but nothing that nobody set */
        for (unsigned k = 0; k < LIVES_HANDLES; k++) {
            if (state->held[i][k] == (int8_t)key) state->held[i][k] = LIVES_NOBODY;
        }
        if (state->token[i] == TOKEN_NONE || state->found[i] != (int8_t)key) continue;
        state->token[i] = lingers ? TOKEN_LINGERS : TOKEN_NONE;
        if (!lingers) state->found[i] = LIVES_NOBODY;
    }
}

void lives_end_linger(struct lives_state *state, unsigned key)
{
    if (state->life[key] == LIFE_ABSENT || state->life[key] == LIFE_ALIVE) return;
    let_go(state, key, false);
    state->life[key] = LIFE_ABSENT;
    state->values[key] = LIVES_ABSENT;
}

void lives_be_born(struct lives_state *state, unsigned key, int32_t value)
{
    lives_end_linger(state, key);
    state->life[key] = LIFE_ALIVE;
    state->values[key] = value;
    lives_touch(state, key);
}

bool lives_is_awaited(const struct lives_state *state, unsigned key)
{
    return state->page != LIVES_NOBODY && (state->unseen & lives_bit(key));
}

bool lives_die(struct lives_state *state, unsigned key, bool lingers)
{
    if (lives_is_awaited(state, key) && lives_alive(state, key)) return false;
    let_go(state, key, lingers);
    state->fresh &= (uint8_t)~lives_bit(key);
    state->stamp[key] = 0;
    state->life[key] = lingers ? LIFE_LINGERS : LIFE_ABSENT;
    if (!lingers) state->values[key] = LIVES_ABSENT;
    return true;
}

static unsigned count(const struct lives_state *state, const struct lives_vec *vec, enum lives_life last)
{
    unsigned n = 0;
    for (unsigned key = vec->first; key < vec->first + vec->n; key++) {
        n += state->life[key] >= LIFE_LINGERS && state->life[key] <= last;
    }
    return n;
}

bool lives_may_linger(const struct lives *lives, const struct lives_state *state, unsigned key)
{
    const struct lives_vec *vec = lives_vec_of(lives, key);
    return vec->lingers && (!vec->cap || count(state, vec, LIFE_LINGERS) < vec->cap);
}

bool lives_must_linger(const struct lives *lives, const struct lives_state *state, unsigned key)
{
    const struct lives_vec *vec = lives_vec_of(lives, key);
    return vec->lingers && (!vec->cap || count(state, vec, LIFE_LINGERED) < vec->cap);
}

void lives_reach(struct lives_search *search, const struct lives_state *state)
{
    struct lives_state next = *state;
    lives_look(search, &next);
    state_set_put(&search->next, &next);
}
