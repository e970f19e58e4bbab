/*
 * Room before removal (lib/store/lookup.c: lookup_find_or_room(), lookup_is_full(); lib/store/turnover.c: the
 * portions, cprom__turnover_settle(), cprom__turnover_live(); lib/update/commit.c: commit_reveal()).
 *
 * A vector is full: two rows, which a commit replaces by two others, and one more series. That one is deleted, and
 * updated by two, by its labels; an intruder wants to come in; somebody updates a row of the old ones by a handle. Then
 *   - the rows of the commit are never refused
 *   - an update of the other series is refused only if the intruder has its place
 *   - the intruder is refused only if the vector was full at some time of its call, where the commit is one moment;
 *     there are never more series than the cap allows
 *   - whoever reads how many there are never finds the rows missing
 *
 * There are no store buffers: but for the update that finds its series, all of it is done in holds of the map's lock.
 *
 * MUTANT 1: full is an answer without a look-up under the lock
 * MUTANT 2: who finds no series does not finish the turnover before it looks for room
 * MUTANT 3: what the walk removes is counted before the births
 * MUTANT 4: the births do not have the places of what the walk has removed
 * MUTANT 5: who waits for the lock does not look the series up again
 * MUTANT 6: a row that an update by a handle settles is counted at once
 */
#define CAP 3

bool lock, published, moment;
byte live = CAP, uncounted, born, portion; /* live: the number that the vector has */
byte rows = 2, new;                        /* alive, as they really are */
bool other = true, intruder;
bool settled; /* one of the rows, before the walk came to it */
bool had_no_room; /* the intruder, in its call */
#define ALIVE (rows + new + other + intruder)

#define TAKE() atomic { !lock -> lock = true }
#define GIVE() lock = false

#if MUTANT == 4
#define FULL (live + born >= CAP)
#else
#define FULL (live + born - uncounted >= CAP)
#endif

/* Under the lock, after the moment. */
inline advance()
{
    if
    :: portion < 2 -> /* a part of the walk */
        if
        :: portion == 0 && settled
        :: else ->
            rows--;
#if MUTANT == 3
            live--
#else
            uncounted++
#endif
        fi;
        portion++
    :: portion >= 2 && portion < 4 -> /* a birth */
        assert(!FULL);
        atomic { new++; assert(ALIVE <= CAP) };
        born++;
        portion++
    :: portion == 4 ->
        atomic { live = live + born - uncounted; born = 0; uncounted = 0 };
        published = false;
        portion++
    fi
}

/* Under the lock: no turnover is at work, or `there`. */
inline settle(there)
{
#if MUTANT != 2
    do
    :: !there && published && moment -> advance(); GIVE(); TAKE()
    :: else -> break
    od
#else
    skip
#endif
}

proctype commit()
{
    published = true;
    moment = true;
    do
    :: TAKE();
        if
        :: portion <= 4 -> advance(); GIVE()
        :: else -> GIVE(); break
        fi
    od
}

proctype update()
{
    if
    :: other -> goto updated
    :: else
    fi;
#if MUTANT == 1
    if
    :: live >= CAP -> assert(intruder); goto updated
    :: else
    fi;
#endif
    TAKE();
    settle(other);
    if
#if MUTANT != 5
    :: other
    :: !other && FULL -> assert(intruder)
    :: !other && !FULL ->
#else
    :: FULL -> assert(intruder)
    :: else ->
#endif
        atomic { assert(!other); other = true; had_no_room = true; assert(ALIVE <= CAP) };
        live++
    fi;
    GIVE();
updated:
    skip
}

proctype deletion()
{
    TAKE();
    if
    :: other -> other = false; live--
    :: else
    fi;
    GIVE()
}

proctype intrusion()
{
    d_step { had_no_room = other };
    TAKE();
    settle(intruder);
    if
    :: FULL -> assert(had_no_room)
    :: else -> atomic { intruder = true; assert(ALIVE <= CAP) }; live++
    fi;
    GIVE()
}

proctype handle()
{
    TAKE();
    if
    :: published && moment && portion == 0 ->
        settled = true;
        rows--;
#if MUTANT == 6
        live--
#else
        uncounted++
#endif
    :: else
    fi;
    GIVE()
}

proctype size()
{
    assert(live >= 2)
}

init
{
    atomic { run commit(); run update(); run update(); run deletion(); run intrusion(); run handle(); run size() }
    _nr_pr == 1;
    assert(live == ALIVE && rows == 0 && new == 2)
}
