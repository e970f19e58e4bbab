/* A set of states of one size, compared byte by byte: no padding may be left unset. */
#ifndef CPROM_TESTS_STATE_SET_H
#define CPROM_TESTS_STATE_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct state_set {
    size_t size; /* of a state: a multiple of 8 */
    size_t limit;
    size_t n, room;
    unsigned char *states; /* of malloc, so aligned; moves when it grows */
    uint32_t *table;       /* index + 1; 0: free */
    size_t mask;
    bool failed; /* over the limit, or no memory */
};

void state_set_init(struct state_set *set, size_t size, size_t limit);
void state_set_free(struct state_set *set);
void state_set_clear(struct state_set *set);
void state_set_put(struct state_set *set, const void *state);

static inline const void *state_set_at(const struct state_set *set, size_t i) { return set->states + i * set->size; }

#endif
