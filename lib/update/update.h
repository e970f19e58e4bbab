/*
 * A staged change: entries (what happens to which series) and scopes (what goes unless it is staged), collected by
 * update.c without any lock, and made real by commit.c.
 */
#ifndef CPROM_LIB_UPDATE_UPDATE_H
#define CPROM_LIB_UPDATE_UPDATE_H

#include "store/turnover.h"
#include "store/vec.h"

/*
 * There may be very many of them. A keeper is one that nobody has staged: it keeps a series that others may have to be
 * folded into.
 */
struct cprom__entry {
    struct cprom__entry *next;           /* in the order of staging */
    struct cprom__entry *next_of_member; /* likewise, or of the keepers */
    struct cprom__entry *same_slot;      /* older ones of the same slot */
    struct cprom_vec *vec;
    struct cprom__member *member; /* of that vector */
    union {
        struct cprom__change change;
        struct {
            uint32_t taken, folded; /* by a keeper, in a commit: values that it has got; of them, those of others */
        };
    };
    struct cprom_series *series; /* with a reference, once reserved; in a commit, guarded by the vector's map lock */
    union {
        struct cprom__entry *fold;         /* the keeper of what it is folded into if there is no room; NULL: nothing */
        const struct cprom_series *target; /* of its own that the value went to, once it has had its turn */
    };
    struct cprom__entry *next_of_birth; /* of the entries that one series is born with */
    uint32_t hash;                      /* of the label values */
    uint32_t bytes;                     /* of them, with the NULs */
    uint32_t asked;                     /* hash of them as they were given, before they were repaired */
    uint8_t exempt;                     /* a keeper: flags of lookup.h; 0: it is none */
    bool by_handle;
    union {
        bool borne; /* its value went into a birth before its turn */
        bool open;  /* a keeper: its series goes, and its place is free, unless somebody takes it first */
    };
    char values[]; /* by labels: one label value after the other, each with its NUL */
};

struct cprom__scope {
    struct cprom__scope *next;
    struct cprom_vec *vec;
    struct cprom__match match;  /* linked with those of the same vector */
    struct cprom__event *event; /* to be recorded at the commit */
};

/* A vector that takes part; kept by a reference to its content. */
struct cprom__member {
    struct cprom__member *next;
    struct cprom__member *same_slot;
    struct cprom_vec *vec;
    struct cprom_update *update;
    struct cprom__entry *first, *last; /* through next_of_member, without the keepers */
    struct cprom__entry *keepers;      /* likewise */
    const struct cprom__match *scopes;

    /* in a commit; guarded by the map's lock once the turnover is published */
    struct cprom__turnover turnover;
    struct cprom__entry *opens, *bears, *settles; /* whose turn it is: of the keepers, entries and keepers again */
    size_t created, updated, folded;
    size_t dropped[CPROM__DROPS];
};

struct cprom_update {
    struct cprom__live_updates live; /* guarded by the registry's updates_lock */
    struct cprom_registry *registry;
    struct cprom__arena memory;
    bool lasting; /* it can be overtaken; the one-call forms cannot */
    bool started, committed;
    cprom_status
        status;        /* what the commit will answer, whatever is staged: ENOMEM, ENOENT, or why a scope was refused */
    cprom_stale stale; /* found by the commit */
    size_t refused, told; /* entries and scopes, and how many of them the log was told of: refuse.h */
    struct cprom__entry *first, *last;
    struct cprom__entry *left_out; /* of a stale one, through next: they have no effect */
    size_t n_entries;
    struct cprom__entry **entry_slots; /* by vector and labels: cprom__update_slot() */
    size_t n_entry_slots;
    struct cprom__staged_exemplar *exemplars;
    struct cprom__scope *scopes;
    struct cprom__member *members;
    size_t n_members;
    struct cprom__member **member_slots; /* by vector, likewise with a hash of 0 */
    size_t n_member_slots;
    _Atomic unsigned seal; /* in a commit: enum commit_seal of commit.c */
};

/*
 * The slot of these labels in this vector, of so many slots. The vector goes in: what is staged for many vectors often has
 * the same labels in each.
 */
static inline size_t cprom__update_slot(const struct cprom_update *update, const struct cprom_vec *vec, uint32_t hash,
                                        size_t n_slots)
{
    uint64_t both = (uint64_t)(uintptr_t)vec ^ (uint64_t)hash << 32;
    return (size_t)cprom__hash_end(both, &update->registry->key) & (n_slots - 1);
}

/* Appends an entry, of labels or a series with this hash, to all lists. There is room in the slots. */
void cprom__update_link(struct cprom_update *update, struct cprom__entry *entry);
/* The keeper of these label values, found or made; NULL: out of memory. */
struct cprom__entry *cprom__update_keeper(struct cprom__member *member, const struct cprom__values *values);
/* Gives back what was reserved. */
void cprom__update_give_back(struct cprom_update *update);
/* No event concerns it any more. */
void cprom__update_retire(struct cprom_update *update);

/* Begins an update in memory of the caller. ENOENT: the registry was freed. */
cprom_status cprom__update_init(struct cprom_update *update, struct cprom_registry *registry, bool lasting);
void cprom__update_end(struct cprom_update *update);

#endif
