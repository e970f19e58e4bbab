/* The calls of a round (lives.h): each is made and recorded. */
#ifndef CPROM_TESTS_STRESS_LIVES_CALLS_H
#define CPROM_TESTS_STRESS_LIVES_CALLS_H

#include "lives.h"

/* What a thread has. */
struct lives_hands {
    struct lives_round *round;
    unsigned number;
    struct {
        cprom_mark mark;
        cprom_series *series[LIVES_HANDLES];
        unsigned key[LIVES_HANDLES];
    } of[LIVES_REGISTRIES];
};

/* One call of a writer, or of a scraper. */
void lives_write_call(struct lives_hands *hands);
void lives_read_call(struct lives_hands *hands);
void lives_let_go(struct lives_hands *hands);

#endif
