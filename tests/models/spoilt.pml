/*
 * Single deletions against a commit (lib/store/remove.c: remove_is_free(); lib/store/turnover.c:
 * cprom__turnover_publish(), cprom__moment_happens(); lib/update/commit.c: commit_spare(), commit_spoil(),
 * commit_find_spoilt(), commit_seal()). What is seen of a moment is in moment.pml.
 *
 * A commit stages A of one vector, and B and C of another: A and B are there, C is hidden until the commit. Somebody
 * deletes A twice, and B; somebody updates A, somebody gets or deletes C. A deletion that comes before the moment
 * tells the commit that its entry is spoilt, and the commit reserves another series for it; one that finds the word
 * sealed comes after. Then
 *   - if all deletions of a staged label came before the moment, the label exists after the commit
 *   - whatever began after the commit was seen finds C, unless C was deleted; a deletion of it does not answer that it
 *     was not there
 *   - an entry is on the list of the spoilt at most once
 *
 * There are no store buffers: all of this is done by read-modify-writes and in holds of the maps' locks.
 *
 * MUTANT 1: a deletion kills first, and then looks at the word
 * MUTANT 2: a deletion that finds the word sealed does not let the moment happen
 * MUTANT 3: the commit does not seal: it finds no spoilt entry, and raises the epoch then
 * MUTANT 4: the commit publishes without the map's lock
 * MUTANT 5: the commit does not look for what was deleted before it published
 * MUTANT 6: an entry that is on the list is put there again
 * MUTANT 7: a mended entry is off the list before it has its series, and nobody looks again
 * MUTANT 8: a deletion that meets a hidden series does not finish the turnover
 */
#define A 0
#define B 1
#define C 2
#define NOBODY 3
#define SEALED 4

/* Of a label. */
#define NONE 0
#define HIDDEN 1
#define ALIVE 2

#define VECTOR(label) (label != A)

byte state[3], made[3]; /* made: which series of the label */
byte staged[3];         /* the series that the commit has */
bool lock[2], turnover[2], moment;
byte word = NOBODY, next[3];
bool listed[3]; /* guarded by the map's lock of the label's vector */
byte deletions[3]; /* that may still come before the moment */
bool must[3];      /* exist after the commit */
bool seen;

#define TAKE(v) atomic { !lock[v] -> lock[v] = true }
#define GIVE(v) lock[v] = false

/* Under the lock of its vector, at any time after the moment. */
inline birth(label)
{
    if :: staged[label] == made[label] && state[label] == HIDDEN -> state[label] = ALIVE :: else fi
}

inline finish(v)
{
    if
    :: v -> birth(B); birth(C)
    :: else -> birth(A)
    fi;
    turnover[v] = false
}

/* Under the lock: whether somebody else's hidden series is there now, because the moment has come. */
inline settle(v, label)
{
    if
    :: state[label] == HIDDEN && turnover[v] && moment -> finish(v)
    :: else
    fi
}

/* Takes its place on the list, if nothing has come in between. */
inline enter(label)
{
    atomic {
        if
        :: word == before -> word = label; assert(!listed[label]); listed[label] = true; break
        :: else
        fi
    }
}

inline kill(label)
{
    d_step { state[label] = NONE; deletions[label]-- }
}

/* Under the lock, before the moment: the deletion comes first, and the commit will see it; or the moment is due. */
inline spoil(v, label)
{
    do
    :: staged[label] != made[label] -> break /* the entry has another series, which is dead */
    :: staged[label] == made[label] ->
        before = word;
        if
        :: before == SEALED ->
#if MUTANT != 2
            moment = true;
#endif
            break
#if MUTANT != 6
        :: before != SEALED && listed[label] -> break
#endif
        :: else -> next[label] = before; enter(label)
        fi
    od;
    before = 0
}

proctype deletion(byte v, label, times)
{
    byte before;
    do
    :: times ->
        TAKE(v);
#if MUTANT == 1
        if :: state[label] == ALIVE && turnover[v] && !moment -> kill(label) :: else fi;
#endif
        if
        :: state[label] != NONE && turnover[v] && !moment -> spoil(v, label)
        :: else
        fi;
#if MUTANT == 8
        if :: state[label] != HIDDEN && turnover[v] && moment -> finish(v) :: else fi;
#else
        if :: state[label] != NONE && turnover[v] && moment -> finish(v) :: else fi;
#endif
        if
        :: state[label] == ALIVE -> kill(label)
        :: else -> if :: deletions[label] -> deletions[label]-- :: else fi
        fi;
        atomic { GIVE(v); times-- }
    :: else -> break
    od
}

proctype update()
{
    TAKE(0);
    settle(0, A);
    d_step { if :: state[A] == NONE -> made[A]++ :: else fi; state[A] = ALIVE; GIVE(0) }
}

/* C was not there. */
#define BEFORE() d_step { assert(!since); must[A] = must[A] || none_a; must[B] = must[B] || none_b }

proctype observer(byte times)
{
    bool since, none_a, none_b, gone;
    do
    :: times && !gone ->
        d_step { since = seen; none_a = !deletions[A]; none_b = !deletions[B] };
        if
        :: state[C] == ALIVE -> seen = true
        :: state[C] == HIDDEN ->
            if
            :: moment && turnover[1] -> TAKE(1); settle(1, C); seen = true; GIVE(1)
            :: moment && !turnover[1] -> assert(state[C] == ALIVE); seen = true
            :: !moment -> BEFORE()
            fi
        :: TAKE(1);
#if MUTANT != 8
           settle(1, C);
#endif
           if
           :: state[C] == ALIVE -> state[C] = NONE; gone = true; seen = true
           :: else -> BEFORE()
           fi;
           GIVE(1)
        fi;
        d_step { times--; since = false; none_a = false; none_b = false }
    :: else -> break
    od
}

#define IS_DEAD(label) (state[label] == NONE || staged[label] != made[label])

/* Nobody else has the moment before the word is sealed. */
inline push(label)
{
    do
    :: before = word;
        next[label] = before;
        enter(label)
    od;
    before = 0
}

/* Whether the series is dead is looked at without the lock. */
inline find_deleted(v, label)
{
    if
    :: IS_DEAD(label) ->
        TAKE(v);
#if MUTANT == 6
        push(label);
#else
        if :: !listed[label] -> push(label) :: else fi;
#endif
        GIVE(v)
    :: else
    fi
}

/* Finds the label's series, or reserves one. If that dies at once, the entry is spoilt again. */
inline mend(v, label)
{
#if MUTANT == 7
    TAKE(v);
    listed[label] = false;
    GIVE(v);
#endif
    TAKE(v);
    d_step { if :: state[label] == NONE -> state[label] = HIDDEN; made[label]++ :: else fi; found = made[label] };
    GIVE(v);
#if MUTANT == 7
    staged[label] = found;
#else
    TAKE(v);
    atomic { staged[label] = found; listed[label] = false };
    if :: IS_DEAD(label) -> push(label) :: else fi;
    GIVE(v);
#endif
    found = 0
}

proctype commit()
{
    byte at, after, before, found;
#if MUTANT == 4
    turnover[0] = true;
    turnover[1] = true;
#else
    TAKE(0);
    turnover[0] = true;
    GIVE(0);
    TAKE(1);
    turnover[1] = true;
    GIVE(1);
#endif
#if MUTANT != 5
    find_deleted(0, A);
    find_deleted(1, B);
#endif
    do
#if MUTANT == 3
    :: word == NOBODY -> break
#else
    :: atomic { word == NOBODY -> word = SEALED; break }
#endif
    :: atomic { word < NOBODY -> at = word; word = NOBODY };
        do
        :: at != NOBODY -> after = next[at]; mend(VECTOR(at), at); at = after
        :: else -> break
        od
    od;
    moment = true;
    TAKE(0);
    if :: turnover[0] -> finish(0) :: else fi;
    GIVE(0);
    TAKE(1);
    if :: turnover[1] -> finish(1) :: else fi;
    GIVE(1);
    d_step { seen = true; assert(state[A] != HIDDEN && state[B] != HIDDEN && state[C] != HIDDEN) }
}

init
{
    atomic {
        state[A] = ALIVE; state[B] = ALIVE; state[C] = HIDDEN; deletions[A] = 2; deletions[B] = 1;
        run deletion(0, A, 2); run deletion(1, B, 1); run update(); run observer(2); run commit()
    }
    _nr_pr == 1;
    assert((!must[A] || state[A] == ALIVE) && (!must[B] || state[B] == ALIVE))
}
