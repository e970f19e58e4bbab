/* What single calls do. */
#include "lives_state.h"

static bool adds(const struct lives_op *op) { return op->kind == LIVES_ADD || op->kind == LIVES_ADD_HELD; }

static int32_t changed(const struct lives_op *op, int32_t value) { return adds(op) ? value + op->value : op->value; }

static void done(struct lives_search *search, struct lives_state *state, const struct lives_op *op)
{
    unsigned self = op->thread;
    state->progress[self] = LIVES_DONE;
    state->token[self] = TOKEN_NONE;
    state->found[self] = LIVES_NOBODY;
    lives_reach(search, state);
}

/* Reaches the state; and where a tick overlaps the call, also the one in which the touch has the old time. */
static void done_touching(struct lives_search *search, struct lives_state *state, const struct lives_op *op,
                          const struct lives_state *before, unsigned key)
{
    struct lives_state old = *state;
    done(search, state, op);
    if (!op->ticks) return;
    old.fresh =
        (uint8_t)((old.fresh & ~lives_bit(key)) | (lives_alive(before, key) ? before->fresh & lives_bit(key) : 0));
    done(search, &old, op);
}

/* The call has written its series, and has yet to look whether there was a mark meanwhile. */
static void touch_again(struct lives_search *search, struct lives_state state, const struct lives_op *op, unsigned key)
{
    state.progress[op->thread] = LIVES_WRITTEN;
    state.token[op->thread] = TOKEN_ALIVE;
    state.found[op->thread] = (int8_t)key;
    lives_reach(search, &state);
}

/* The series is not there, and there is room: it is made with the value. */
static void make(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, unsigned key,
                 int32_t value)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    lives_be_born(&state, key, value);
    if (op->kind == LIVES_HOLD) state.held[self][op->handle] = (int8_t)key;
    struct lives_state again = state;
    done_touching(search, &state, op, from, key);
    if (!op->steps) return;
    touch_again(search, again, op, key);
    /* The mark came while it was made. */
    if (from->began_at[self] == from->marks) return;
    again.stamp[key] = from->began_at[self];
    touch_again(search, again, op, key);
}

/* Changes the series that is there, at one moment. */
static void change(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, unsigned key)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    if (op->steps) {
        struct lives_state found = *from;
        lives_touch(&found, key);
        found.progress[self] = LIVES_FOUND;
        found.token[self] = TOKEN_ALIVE;
        found.found[self] = (int8_t)key;
        lives_reach(search, &found);
    }
    state.values[key] = changed(op, state.values[key]);
    lives_touch(&state, key);
    done_touching(search, &state, op, from, key);
}

static void hold(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, unsigned key)
{
    struct lives_state state = *from;
    lives_touch(&state, key);
    state.held[op->thread][op->handle] = (int8_t)key;
    if (op->steps) touch_again(search, state, op, key);
    done_touching(search, &state, op, from, key);
}

/* Where idle series expire, who takes a handle looks again once it has it: what was made may have been removed. */
static void find_first(struct lives_search *search, const struct lives_state *from, const struct lives_op *op,
                       unsigned key)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    if (lives_alive(from, key)) lives_touch(&state, key);
    else lives_be_born(&state, key, 0);
    state.progress[self] = LIVES_FOUND;
    state.token[self] = TOKEN_ALIVE;
    state.found[self] = (int8_t)key;
    lives_reach(search, &state);
}

static void update(struct lives_search *search, const struct lives_state *from, const struct lives_op *op, unsigned key)
{
    bool holds = op->kind == LIVES_HOLD;
    if (holds && op->steps && lives_vec_of(search->lives, key)->expires) find_first(search, from, op, key);
    if (op->answer.done == 0) return;
    if (!lives_alive(from, key)) make(search, from, op, key, holds ? 0 : op->value);
    else if (holds) hold(search, from, op, key);
    else change(search, from, op, key);
}

/* By label values: finds the series, or there is room for it, or not. */
static void begin_update(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    struct lives_state state = *from;
    const struct lives_vec *vec = lives_vec_of(search->lives, op->key);
    bool exempt = vec->folds && op->key == lives_other(vec);
    if (lives_alive(from, op->key) || exempt || !lives_is_full(from, vec, op->key)) {
        update(search, from, op, op->key);
    } else if (!vec->folds) {
        if (op->answer.done != 1) done(search, &state, op);
    } else {
        state.progress[op->thread] = LIVES_FOLDED;
        lives_reach(search, &state);
    }
}

/* It has found its series, alive: now it writes. */
static void write_found(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    struct lives_state state = *from;
    unsigned self = op->thread, key = (unsigned)from->found[self];
    if (from->token[self] != TOKEN_NONE) state.values[key] = changed(op, state.values[key]);
    if (from->token[self] == TOKEN_ALIVE) touch_again(search, state, op, key);
    if (from->token[self] != TOKEN_ALIVE || from->stamp[key] == from->marks) done(search, &state, op);
}

static void step_update(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    switch ((enum lives_progress)from->progress[self]) {
    case LIVES_WAITS: begin_update(search, from, op); break;
    case LIVES_FOUND:
        if (op->kind != LIVES_HOLD) write_found(search, from, op);
        else if (from->token[self] == TOKEN_ALIVE && op->answer.done)
            hold(search, from, op, (unsigned)from->found[self]);
        /* It finds that the series is gone. */
        if (from->token[self] != TOKEN_ALIVE) begin_update(search, from, op);
        break;
    case LIVES_FOLDED: update(search, from, op, lives_other(lives_vec_of(search->lives, op->key))); break;
    case LIVES_WRITTEN:
        if (from->token[self] == TOKEN_ALIVE) lives_touch(&state, (unsigned)from->found[self]);
        done(search, &state, op);
        break;
    default: break;
    }
}

static void step_held(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    int key = from->held[self][op->handle];
    if (from->progress[self] == LIVES_FOUND) write_found(search, from, op);
    else if (from->progress[self] == LIVES_WRITTEN) step_update(search, from, op);
    else if (key == LIVES_NOBODY) done(search, &state, op);
    else change(search, from, op, (unsigned)key);
}

static void step_delete(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    bool there = lives_alive(from, op->key);
    if (there != (op->answer.done == 1)) return;
    for (unsigned lingers = 0; there && lingers < 2; lingers++) {
        struct lives_state state = *from;
        if (lingers ? !lives_may_linger(search->lives, from, op->key) : lives_must_linger(search->lives, from, op->key))
            continue;
        if (!lives_die(&state, op->key, lingers)) continue;
        struct lives_state old = state;
        done(search, &state, op);
        if (!lingers || !op->ticks) continue;
        old.life[op->key] = LIFE_LINGERED; /* by the clock as it was before */
        done(search, &old, op);
    }
    if (there) return;
    struct lives_state state = *from;
    done(search, &state, op);
}

static bool size_is_right(const struct lives_search *search, const struct lives_state *state, const struct lives_op *op)
{
    int least = -(int)op->slack, most = op->slack;
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (!(op->scope & lives_bit(key)) || !lives_alive(state, key)) continue;
        most++;
        least += !lives_is_idle(search, state, key);
    }
    return op->answer.done >= least && op->answer.done <= most;
}

static bool gets(const struct lives_search *search, const struct lives_state *state, const struct lives_op *op)
{
    int32_t value = lives_alive(state, op->key) ? state->values[op->key] : LIVES_ABSENT;
    if (value == LIVES_ABSENT || !lives_has_parts(lives_vec_of(search->lives, op->key))) return value == op->value;
    return op->value == value || (op->value > 0 && op->value >= state->floor[op->thread] && op->value < value);
}

static void tick(struct lives_state *state)
{
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        if (state->life[key] == LIFE_LINGERS) state->life[key] = LIFE_LINGERED;
    }
    state->ticks++;
    state->fresh = 0;
}

void lives_step(struct lives_search *search, const struct lives_state *from, const struct lives_op *op)
{
    struct lives_state state = *from;
    unsigned self = op->thread;
    switch (op->kind) {
    case LIVES_ADD:
    case LIVES_SET:
    case LIVES_HOLD: step_update(search, from, op); return;
    case LIVES_ADD_HELD:
    case LIVES_SET_HELD: step_held(search, from, op); return;
    case LIVES_DELETE: step_delete(search, from, op); return;
    case LIVES_CHANGE:
    case LIVES_SWEEP: lives_step_change(search, from, op); return;
    case LIVES_PAGE:
    case LIVES_EACH: lives_step_page(search, from, op); return;
    case LIVES_LET_GO: state.held[self][op->handle] = LIVES_NOBODY; break;
    case LIVES_GET:
        if (!gets(search, &state, op)) return;
        break;
    case LIVES_SIZE:
        if (!size_is_right(search, from, op)) return;
        break;
    case LIVES_MARK: state.mark[self] = ++state.marks; break;
    case LIVES_TICK: tick(&state); break;
    case LIVES_KINDS: return;
    }
    done(search, &state, op);
}

void lives_step_time(struct lives_search *search, const struct lives_state *from)
{
    for (unsigned key = 0; key < LIVES_KEYS; key++) {
        struct lives_state state = *from;
        if (lives_is_idle(search, from, key) && lives_die(&state, key, false)) lives_reach(search, &state);
    }
}
