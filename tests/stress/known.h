/*
 * What is known of a series that several threads create and delete, exactly: one word that each operation changes
 * when it begins and when it has ended. It counts the operations that were begun and those in flight, and says what
 * the ones that overlapped with none of the other sort have left behind.
 *
 * A looker reads the word before and after it looks (`before`, `after`):
 *
 *   known_present()   the series was there all the time
 *   known_absent()    it was not there at any time
 *   known_count()     creations in the life that it saw, at least and at most
 */
#ifndef CPROM_TESTS_STRESS_KNOWN_H
#define CPROM_TESTS_STRESS_KNOWN_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define KNOWN_BEGUN_BITS 24
#define KNOWN_BEGUN_MASK ((UINT64_C(1) << KNOWN_BEGUN_BITS) - 1)
#define KNOWN_PRESENT (UINT64_C(1) << 60)
#define KNOWN_ABSENT (UINT64_C(1) << 61)
#define KNOWN_BASED (UINT64_C(1) << 62) /* `base` creations had begun, and ended, when the last deletion was over */

struct known {
    _Atomic uint64_t word;
    _Atomic uint64_t base;
};

enum known_op {
    KNOWN_CREATE,
    KNOWN_DELETE
};

static inline uint64_t known_begun(uint64_t word, enum known_op op)
{
    return word >> (op * KNOWN_BEGUN_BITS) & KNOWN_BEGUN_MASK;
}
static inline uint64_t known_in_flight(uint64_t word, enum known_op op) { return word >> (48 + 6 * op) & 63; }

static inline uint64_t known_begin(struct known *known, enum known_op op)
{
    uint64_t word = atomic_load(&known->word), next;
    do {
        uint64_t field = KNOWN_BEGUN_MASK << (op * KNOWN_BEGUN_BITS);
        next = (word & ~field) | ((word + (UINT64_C(1) << (op * KNOWN_BEGUN_BITS))) & field);
        next += UINT64_C(1) << (48 + 6 * op);
    } while (!atomic_compare_exchange_weak(&known->word, &word, next));
    return next;
}

/* Whether no operation of the other sort was in flight at the same time. */
static inline bool known_end(struct known *known, enum known_op op, uint64_t at_begin)
{
    enum known_op other = op == KNOWN_CREATE ? KNOWN_DELETE : KNOWN_CREATE;
    uint64_t word = atomic_load(&known->word), next;
    bool clean;
    do {
        clean = known_in_flight(at_begin, other) == 0 && known_begun(at_begin, other) == known_begun(word, other);
        next = word - (UINT64_C(1) << (48 + 6 * op));
        if (op == KNOWN_CREATE) {
            if (clean) next = (next & ~KNOWN_ABSENT) | KNOWN_PRESENT;
            else next &= ~KNOWN_ABSENT;
        } else {
            next &= ~(KNOWN_PRESENT | KNOWN_ABSENT | KNOWN_BASED);
            if (clean) {
                next |= KNOWN_ABSENT;
                if (known_in_flight(next, KNOWN_DELETE) == 0) {
                    next |= KNOWN_BASED;
                    atomic_store(&known->base, known_begun(word, KNOWN_CREATE));
                }
            }
        }
    } while (!atomic_compare_exchange_weak(&known->word, &word, next));
    return clean;
}

/* Nothing was known to anybody, and the series is not there. */
static inline void known_init(struct known *known)
{
    atomic_init(&known->word, KNOWN_ABSENT | KNOWN_BASED);
    atomic_init(&known->base, 0);
}

static inline bool known_quiet(uint64_t before, uint64_t after, enum known_op op)
{
    return known_in_flight(before, op) == 0 && known_begun(before, op) == known_begun(after, op);
}

static inline bool known_present(uint64_t before, uint64_t after)
{
    return (before & KNOWN_PRESENT) && known_quiet(before, after, KNOWN_DELETE);
}

static inline bool known_absent(uint64_t before, uint64_t after)
{
    return (before & KNOWN_ABSENT) && known_quiet(before, after, KNOWN_CREATE);
}

/* `base` was read between before and after. false: it cannot be told. */
static inline bool known_count(uint64_t before, uint64_t base, uint64_t after, uint64_t *least, uint64_t *most)
{
    if (!(before & KNOWN_BASED) || !known_quiet(before, after, KNOWN_DELETE)) return false;
    *least = (known_begun(before, KNOWN_CREATE) - known_in_flight(before, KNOWN_CREATE) - base) & KNOWN_BEGUN_MASK;
    *most = (known_begun(after, KNOWN_CREATE) - base) & KNOWN_BEGUN_MASK;
    return true;
}

#endif
