/* What may be the case, for lives_check.c; and how series are born and die. */
#ifndef CPROM_TESTS_LIVES_STATE_H
#define CPROM_TESTS_LIVES_STATE_H

#include "lives.h"
#include "state_set.h"

enum {
    LIVES_NOBODY = -1
};

enum lives_life {
    LIFE_ABSENT,
    LIFE_ALIVE,
    LIFE_LINGERS,
    LIFE_LINGERED /* its time is over; it may still count */
};

enum lives_progress {
    LIVES_WAITS,
    LIVES_FOUND,    /* an update: its series is `token` */
    LIVES_FOLDED,   /* an update found no room */
    LIVES_WRITTEN,  /* an update: has yet to touch `token` again */
    LIVES_CHANGING, /* a change: `left` is to be written; a page: `unseen` is to be looked at */
    LIVES_DONE
};

enum lives_token {
    TOKEN_NONE,
    TOKEN_ALIVE,
    TOKEN_LINGERS
};

/* Compared byte by byte. */
struct lives_state {
    int32_t values[LIVES_KEYS];
    int32_t floor[LIVES_THREADS]; /* of the thread's get, where parts are read one after the other: it is not less */
    uint8_t life[LIVES_KEYS];
    uint8_t stamp[LIVES_KEYS]; /* how many marks there were when it was last touched */
    int8_t held[LIVES_THREADS][LIVES_HANDLES];
    uint8_t progress[LIVES_THREADS];
    uint8_t token[LIVES_THREADS];
    int8_t found[LIVES_THREADS];     /* the token's series */
    uint8_t began_at[LIVES_THREADS]; /* how many marks there had been when the call began, or ticks for a page */
    uint8_t mark[LIVES_THREADS];     /* the thread's */
    uint8_t left;                    /* of the change in the gate */
    uint8_t folds;                   /* likewise: entries whose amounts the other series has yet to get */
    uint8_t unseen;                  /* of the page that is being made */
    uint8_t due;                     /* likewise: it found them there when it decided */
    uint8_t fresh;                   /* touched since the last tick */
    uint8_t marks;
    uint8_t ticks;
    int8_t gate;       /* the change in it */
    int8_t page;       /* the page that is being made */
    uint8_t unused[1]; /* padding */
};
_Static_assert(sizeof(struct lives_state) % 8 == 0, "see state_set.h");

/* One check. */
struct lives_search {
    const struct lives *lives;
    const struct lives_op *pending[LIVES_THREADS];
    struct state_set now, next;
};

static inline uint8_t lives_bit(unsigned key) { return (uint8_t)(1u << key); }
static inline bool lives_alive(const struct lives_state *state, unsigned key) { return state->life[key] == LIFE_ALIVE; }

const struct lives_vec *lives_vec_of(const struct lives *lives, unsigned key);
static inline unsigned lives_other(const struct lives_vec *vec) { return vec->first + vec->n - 1; }
/* Whether it is a counter: its parts are read one after the other, each add whole. */
static inline bool lives_has_parts(const struct lives_vec *vec) { return vec->folds; }
/* Whether there is no room for this series, which is not the other one. */
bool lives_is_full(const struct lives_state *state, const struct lives_vec *vec, unsigned key);

/* Nobody sees it but who holds it, and a ttl makes it go. */
bool lives_is_held(const struct lives_state *state, unsigned key);
bool lives_is_idle(const struct lives_search *search, const struct lives_state *state, unsigned key);

void lives_touch(struct lives_state *state, unsigned key);
void lives_be_born(struct lives_state *state, unsigned key, int32_t value);
/* Whether the page that is being made shows it and has not seen it: whoever lets it die or changes it must not yet. */
bool lives_is_awaited(const struct lives_state *state, unsigned key);
/* false: it is awaited. */
bool lives_die(struct lives_state *state, unsigned key, bool lingers);
void lives_end_linger(struct lives_state *state, unsigned key);

/* Whether a series may, and whether it must begin to linger when it dies now. */
bool lives_may_linger(const struct lives *lives, const struct lives_state *state, unsigned key);
bool lives_must_linger(const struct lives *lives, const struct lives_state *state, unsigned key);

/* Adds a state that was reached; first, who looks as early as possible looks. */
void lives_reach(struct lives_search *search, const struct lives_state *state);

/* ---- lives_steps.c, lives_changes.c, lives_pages.c: all that the call may do next ---- */
void lives_step(struct lives_search *search, const struct lives_state *state, const struct lives_op *op);
void lives_step_change(struct lives_search *search, const struct lives_state *state, const struct lives_op *op);
void lives_step_page(struct lives_search *search, const struct lives_state *state, const struct lives_op *op);
/* Whether the page that is being made would not show it, as it is now. */
bool lives_is_hidden(const struct lives_search *search, const struct lives_state *state, unsigned key);
/* It looks at what is as it shows it. */
void lives_look(const struct lives_search *search, struct lives_state *state);
/* What may happen by itself: an idle series goes. */
void lives_step_time(struct lives_search *search, const struct lives_state *state);

#endif
