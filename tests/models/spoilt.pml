/*
 * Single deletions against a commit (lib/store/remove.c: remove_is_free(); lib/store/turnover.c:
 * cprom__turnover_publish(), cprom__moment_happens(); lib/update/commit.c: commit_mend_member(), commit_seal(),
 * commit_note_deleted()). What is seen of a moment is in moment.pml.
 *
 * A commit stages A of one vector, and B and C of another: A and B are there, C is hidden until the commit. Somebody
 * deletes A twice, and B; somebody updates A twice, somebody gets or deletes C. The commit gives A and B other series where
 * they died before it was published, each once. A deletion that comes later, and before the moment, puts another hidden
 * series in the place of the one that it deletes; without memory it says that the commit is lost. One that finds the word
 * sealed comes after the moment. Then
 *   - if the commit is not lost, and all deletions of a staged label came before the moment, the label exists after it
 *   - whatever began after the commit was seen finds C, unless C was deleted; a deletion of it does not answer that it
 *     was not there
 *   - nobody has seen a commit that is lost
 *
 * There are no store buffers: all of this is done by read-modify-writes and in holds of the maps' locks.
 *
 * MUTANT 1: a deletion puts no other series in the place
 * MUTANT 2: a deletion that finds the word sealed does not let the moment happen
 * MUTANT 3: the commit does not mind that it is lost
 * MUTANT 4: the commit looks for what was deleted before it publishes, not after
 * MUTANT 5: the commit does not look for what was deleted before it published
 * MUTANT 6: the commit finds or reserves another series in one hold of the lock, and has it from the next on
 * MUTANT 7: a deletion that has made another series does not look again whether its own is still there, and staged
 * MUTANT 8: a deletion that meets a hidden series does not finish the turnover
 */
#define A 0
#define B 1
#define C 2

/* Of a label. */
#define NONE 0
#define HIDDEN 1
#define ALIVE 2

/* The word. */
#define OPEN 0
#define LOST 1
#define SEALED 2

byte state[3], made[3]; /* made: which series of the label */
byte staged[3];         /* the series that the commit has; guarded by the map's lock */
bool lock[2], turnover[2], moment;
byte word = OPEN;
byte deletions[3]; /* that may still come before the moment */
bool must[3];      /* exist after the commit */
bool seen;

#define TAKE(v) atomic { !lock[v] -> lock[v] = true }
#define GIVE(v) lock[v] = false
#define IS_DEAD(label) (state[label] == NONE || staged[label] != made[label])

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

inline kill(label)
{
    d_step { state[label] = NONE; deletions[label]-- }
}

/* The other series is hidden behind the one that dies, in one hold. */
inline replace(label)
{
    d_step { made[label]++; staged[label] = made[label]; state[label] = HIDDEN; deletions[label]-- }
}

/* Under the lock, before the moment, of a series that is staged: `done`, or to be looked at again. */
inline note(v, label)
{
    found = word;
    if
#if MUTANT != 2
    :: found == SEALED -> moment = true
#else
    :: found == SEALED -> kill(label); done = true
#endif
    :: found != SEALED && !asked ->
        asked = true;
        GIVE(v);
        TAKE(v);
#if MUTANT == 7
        replace(label);
        done = true
#endif
#if MUTANT == 1
    :: found != SEALED && asked -> kill(label); done = true
#else
    :: found != SEALED && asked -> replace(label); done = true
    :: found != SEALED && asked ->
        if
        :: atomic { word != SEALED -> word = LOST }; kill(label); done = true
        :: word == SEALED -> moment = true
        fi
#endif
    fi;
    found = 0
}

#if MUTANT == 8
#define IS_MET(label) (state[label] == ALIVE)
#else
#define IS_MET(label) (state[label] != NONE)
#endif

proctype deletion(byte v, label, times)
{
    byte found;
    bool asked, done;
    do
    :: times ->
        TAKE(v);
        do
        :: !done && turnover[v] && !moment && state[label] == ALIVE && staged[label] == made[label] -> note(v, label)
        :: !done && turnover[v] && moment && IS_MET(label) -> finish(v)
        :: else -> break
        od;
        if
        :: done
        :: !done && state[label] == ALIVE -> kill(label)
        :: else -> if :: deletions[label] -> deletions[label]-- :: else fi
        fi;
        atomic { GIVE(v); times--; asked = false; done = false }
    :: else -> break
    od
}

proctype update(byte times)
{
    do
    :: times ->
        TAKE(0);
        settle(0, A);
        d_step { if :: state[A] == NONE -> made[A]++ :: else fi; state[A] = ALIVE; GIVE(0); times-- }
    :: else -> break
    od
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

/* Finds the label's series, or reserves one, in the hold in which it is staged. */
inline mend(v, label)
{
    TAKE(v);
    found = IS_DEAD(label);
    GIVE(v);
    if
    :: found ->
        TAKE(v);
        d_step { if :: state[label] == NONE -> state[label] = HIDDEN; made[label]++ :: else fi; found = made[label] };
#if MUTANT == 6
        GIVE(v);
        TAKE(v);
#endif
        staged[label] = found;
        GIVE(v)
    :: else
    fi;
    found = 0
}

#define SET_TURNOVER(v, is) TAKE(v); turnover[v] = is; GIVE(v)

proctype commit()
{
    byte found;
#if MUTANT == 4
    mend(0, A);
    mend(1, B);
#endif
    SET_TURNOVER(0, true);
    SET_TURNOVER(1, true);
#if MUTANT < 4 || MUTANT > 5
    mend(0, A);
    mend(1, B);
#endif
    if
    :: atomic { word == OPEN -> word = SEALED }; moment = true
#if MUTANT == 3
    :: word == LOST -> moment = true
#endif
    :: word == LOST -> SET_TURNOVER(0, false); SET_TURNOVER(1, false)
    fi;
    TAKE(0);
    if :: turnover[0] -> finish(0) :: else fi;
    GIVE(0);
    TAKE(1);
    if :: turnover[1] -> finish(1) :: else fi;
    GIVE(1);
    if
    :: moment -> d_step { seen = true; assert(state[A] != HIDDEN && state[B] != HIDDEN && state[C] != HIDDEN) }
    :: else -> assert(!seen && state[C] == HIDDEN)
    fi
}

init
{
    atomic {
        state[A] = ALIVE; state[B] = ALIVE; state[C] = HIDDEN; deletions[A] = 2; deletions[B] = 1;
        run deletion(0, A, 2); run deletion(1, B, 1); run update(2); run observer(2); run commit()
    }
    _nr_pr == 1;
    assert(!moment || ((!must[A] || state[A] == ALIVE) && (!must[B] || state[B] == ALIVE)))
}
